# Subscriptions and their tables made, changed and dropped while data flows.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Server;

my $flavour = CdcIngest::Server->available('mysql97') ? 'mysql97' : 'mariadb';
my $source = CdcIngest::Server->new($flavour);
my $cluster = CdcIngest::Cluster->new('admin');

$source->do('CREATE DATABASE shop', 'CREATE DATABASE other',
	'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))',
	'CREATE TABLE shop.b (id int PRIMARY KEY, v varchar(20))',
	'CREATE TABLE shop.log_1 (id int PRIMARY KEY, v varchar(20))',
	'CREATE TABLE other.a (id int PRIMARY KEY, v varchar(20))');
$source->do("INSERT INTO $_ VALUES (1, 'one'), (2, 'two')") for qw(shop.a shop.b shop.log_1 other.a);
$cluster->add_source('shop', $source);

# --- patterns and exclusions
$cluster->subscribe('s', 'shop', 'replica', tables => ['shop.*'], exclude => ['shop.log*']);
$cluster->catch_up('s');
is($cluster->value("SELECT string_agg(table_name, ',' ORDER BY table_name) FROM (SELECT table_name::text FROM information_schema.tables
		WHERE table_schema = 'replica' AND table_name NOT LIKE '%history%') t"), 'a,b', 'only the wanted tables are there');
is($cluster->value("SELECT count(*) FROM replica.a"), 2, 'with their rows');
my $history = $cluster->history_of('s');
is($history, 'replica.s_history', 'the history table has its default name');
$source->do("INSERT INTO shop.log_1 VALUES (3, 'x')", "INSERT INTO other.a VALUES (3, 'x')", "INSERT INTO shop.a VALUES (3, 'three')");
$cluster->catch_up('s');
is($cluster->value("SELECT string_agg(DISTINCT source_table, ',' ORDER BY source_table) FROM $history WHERE source_table IS NOT NULL"),
	'shop.a,shop.b', 'history has only the wanted tables');
is($cluster->value("SELECT count(*) FROM pg_index WHERE indrelid = 'replica.a'::regclass AND indisprimary"), 1,
	'the replica has the primary key');

# --- what the views tell
my $stat = $cluster->dbh->selectrow_hashref("SELECT * FROM cdc.stat_subscription WHERE subscription = 's'");
ok($stat->{$_}, "stat_subscription.$_ is filled") for qw(state pull_pid apply_pid events bytes);
is($cluster->value("SELECT backend_type LIKE '%cdc%' FROM pg_stat_activity WHERE pid = $stat->{pull_pid}"), 1, 'the pid is a worker');
my $table = $cluster->dbh->selectrow_hashref("SELECT * FROM cdc.stat_table WHERE subscription = 's' AND source_table = 'shop.a'");
is($table->{state}, 'r', 'the table is ready');
is($table->{inserts}, 3, 'stat_table counts inserts');
$source->do("UPDATE shop.a SET v = 'x' WHERE id < 3", 'DELETE FROM shop.a WHERE id = 3');
$cluster->catch_up('s');
$table = $cluster->dbh->selectrow_hashref("SELECT * FROM cdc.stat_table WHERE subscription = 's' AND source_table = 'shop.a'");
is("$table->{inserts} $table->{updates} $table->{deletes}", '3 2 1', '... and updates and deletes');

# --- tables that are not there: a name in a database that is seen may come later
like($cluster->notices_of(q{SELECT cdc.create_subscription('early', 'shop', tables := '{other.nope}', enabled := false)}),
	qr/no table of server "shop" matches other\.nope.*registered when they appear/s, 'a table that may come is a NOTICE');
like($cluster->error_of(q{SELECT cdc.create_subscription('never', 'shop', tables := '{otter.a,shop2.*}', enabled := false)}),
	qr/shows no such database/, '... one in a database that is not there an error');
$cluster->do(q{SELECT cdc.drop_subscription('early', true)});

# --- tables added and removed
$cluster->call('add_table', subscription => 's', source_table => 'shop.log_1', target => 'replica.added');
$cluster->catch_up('s');
$source->do("INSERT INTO shop.log_1 VALUES (4, 'four')");
$cluster->catch_up('s');
is($cluster->value("SELECT string_agg(id::text, ',' ORDER BY id) FROM replica.added"), '1,2,3,4', 'an added table is copied and followed');
$cluster->call('add_table', subscription => 's', source_table => 'other.a', target => 'replica.no_copy', copy_data => \'false');
$cluster->catch_up('s');
$source->do("INSERT INTO other.a VALUES (5, 'five')");
$cluster->catch_up('s');
is($cluster->value("SELECT string_agg(id::text, ',' ORDER BY id) FROM replica.no_copy"), '5', 'without copy_data only what comes');
$cluster->call('remove_table', subscription => 's', source_table => 'shop.b');
$source->do("INSERT INTO shop.b VALUES (9, 'nine')", "INSERT INTO shop.a VALUES (9, 'nine')");
$cluster->catch_up('s');
is($cluster->value('SELECT count(*) FROM replica.b'), 2, 'a removed table stays as it was');
is($cluster->value('SELECT count(*) FROM replica.a WHERE id = 9'), 1, 'the others go on');
like($cluster->error_of(q{SELECT cdc.remove_table('s', 'shop.nothing')}), qr/shop\.nothing/, 'removing what is not there');

# --- options
like($cluster->error_of(q{SELECT cdc.alter_subscription('s', '{"batch_event": 5}')}), qr/batch_event.*batch_events/s,
	'an unknown option: the hint names the valid ones');
like($cluster->error_of(q{SELECT cdc.alter_subscription('s', '{"batch_events": "many"}')}), qr/batch_events/, 'a bad value');
$cluster->do(q{SELECT cdc.alter_subscription('s', '{"batch_events": 10}')});
is($cluster->value(q{SELECT options->>'batch_events' FROM cdc.subscription WHERE name = 's'}), 10, 'an option was set');
$source->do("INSERT INTO shop.a SELECT id + 100, v FROM shop.log_1");
$cluster->catch_up('s');
$cluster->compare_ok($source, 'shop', 'replica', 'small batches', only => ['a']);
like($cluster->error_of(q{CREATE SERVER x FOREIGN DATA WRAPPER cdc_mysql OPTIONS (hosst 'x')}), qr/hosst.*host/s,
	'an unknown option of a server: the hint names the valid ones');
like($cluster->error_of(q{CREATE SERVER x FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host 'x', port '70000')}), qr/port/, 'a bad port');
like($cluster->error_of(q{CREATE SERVER x FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host 'x', password 'y')}), qr/password/,
	'a password belongs into the user mapping');

# --- disable and enable
$cluster->call('disable_subscription', name => 's');
$cluster->poll("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($stat->{pull_pid}, $stat->{apply_pid})", 0);
$source->do("INSERT INTO shop.a VALUES (300, 'while disabled')");
$cluster->call('enable_subscription', name => 's');
$cluster->catch_up('s');
is($cluster->value('SELECT v FROM replica.a WHERE id = 300'), 'while disabled', 'enabled again it catches up');

# --- one more that nobody runs but the user: the engine itself
$cluster->subscribe('manual', 'shop', 'manual', tables => ['shop.a'], enabled => \'false');
my $copied = $cluster->value("SELECT cdc.pull('manual')");
cmp_ok($copied, '>', 0, 'pull copies');
$cluster->do("SELECT * FROM cdc.apply('manual')");
$cluster->compare_ok($source, 'shop', 'manual', 'pull and apply by hand', only => ['a']);
is($cluster->value("SELECT cdc.pull('manual')"), 0, 'nothing new');
$source->do("INSERT INTO shop.a VALUES " . join ',', map { "(1000 + $_, 'bulk')" } 1 .. 50);
$source->do("INSERT INTO shop.a VALUES (2000, 'after')");
is($cluster->value("SELECT cdc.pull('manual', max_events := 1)"), 50, 'max_events is rounded up to a commit');
my $before = $cluster->value('SELECT count(*) FROM manual.a');
my $applied = $cluster->rows("SELECT target, events, inserted, updated, deleted FROM cdc.apply('manual', max_events := 1)");
is($applied->[0][2], 50, 'apply, too');
is($cluster->value('SELECT count(*) FROM manual.a'), $before + 50, 'the whole transaction is there');
$cluster->dbh->begin_work;
is($cluster->value("SELECT cdc.pull('manual')"), 1, 'pull in a transaction');
$cluster->dbh->rollback;
is($cluster->value("SELECT cdc.pull('manual')"), 1, 'rolled back, the same comes again');
$cluster->do("SELECT * FROM cdc.apply('manual')");
$cluster->compare_ok($source, 'shop', 'manual', 'and once', only => ['a']);
$cluster->history_ok('manual');

# --- who may
$cluster->do('CREATE ROLE stranger LOGIN', 'GRANT USAGE ON SCHEMA cdc TO stranger');
my $stranger = $cluster->connect(user => 'stranger');
for my $sql (q{SELECT cdc.pull('manual')}, q{SELECT * FROM cdc.apply('manual')}, q{SELECT cdc.drop_subscription('manual')},
	q{SELECT cdc.disable_subscription('s')}, q{SELECT cdc.alter_subscription('s', '{}')},
	q{UPDATE cdc.subscription_position SET last_seq = 0}, q{INSERT INTO cdc.log (kind, message) VALUES ('x', 'y')})
{
	like($cluster->error_of($sql, $stranger), qr/permission denied|must be|owner/, "a stranger may not: $sql");
}
$cluster->do('CREATE ROLE watcher LOGIN', 'GRANT cdc_monitor TO watcher');
my $watcher = $cluster->connect(user => 'watcher');
is($watcher->selectrow_array('SELECT count(*) FROM cdc.stat_subscription'), 2, 'cdc_monitor sees the views');
unlike(join('', map { join ' ', map { $_ // '' } @$_ } @{ $watcher->selectall_arrayref('SELECT * FROM cdc.stat_subscription') }),
	qr/p\@ss/, 'without secrets');

# --- an owner who is no superuser
$cluster->do('CREATE ROLE cdc_owner LOGIN', 'GRANT USAGE ON FOREIGN SERVER shop TO cdc_owner',
	'CREATE SCHEMA owned AUTHORIZATION cdc_owner', 'GRANT USAGE ON SCHEMA cdc TO cdc_owner');
my $owner = $cluster->connect(user => 'cdc_owner');
$owner->do('CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (user ' . $owner->quote($CdcIngest::Server::CDC_USER)
	  . ', password ' . $owner->quote($CdcIngest::Server::CDC_PASSWORD) . ')');
$owner->do(q{SELECT cdc.create_subscription('owned', 'shop', tables := '{shop.a}', target_schema := 'owned')});
$cluster->catch_up('owned');
$cluster->compare_ok($source, 'shop', 'owned', q{the workers of a plain role's subscription}, only => ['a']);
is($cluster->value("SELECT usename FROM pg_stat_activity WHERE pid = (SELECT pull_pid FROM cdc.stat_subscription WHERE subscription = 'owned')"),
	'cdc_owner', 'run as that role');
$cluster->do('REVOKE USAGE ON FOREIGN SERVER shop FROM cdc_owner');
$source->do("INSERT INTO shop.a VALUES (80, 'x')");
$cluster->poll(q{SELECT last_error LIKE '%permission denied for foreign server shop%' FROM cdc.stat_subscription WHERE subscription = 'owned'}, 1);
pass('a revoked privilege ends a connection that was made before');
$cluster->do('GRANT USAGE ON FOREIGN SERVER shop TO cdc_owner', q{SELECT cdc.enable_subscription('owned')});
$cluster->catch_up('owned');

# --- the position moved by hand
$cluster->call('create_subscription', name => 'moved', server => 'shop', tables => ['shop.a'], start_position => 'latest', enabled => \'false');
my $pull = sub { return $cluster->value(q{SELECT cdc.pull('moved')}) };
$pull->();
my $gtids = $cluster->value(q{SELECT gtid_set FROM cdc.subscription_position WHERE subscription = 'moved'});
$source->do(q{INSERT INTO shop.a VALUES (70, 'x'), (71, 'y')}, q{DELETE FROM shop.a WHERE id = 70});
is($pull->(), 3, 'what came');
$cluster->do("SELECT cdc.set_position('moved', '$gtids')");
is($pull->(), 3, 'comes again behind a GTID set');
is($cluster->value(q{SELECT count(DISTINCT event) || ' ' || count(DISTINCT seq) FROM moved_history WHERE op IN ('c', 'd')}), '3 6', 'with a new seq');
$cluster->do(q{SELECT cdc.set_position('moved', 'latest')});
is($pull->(), 0, 'latest');
$cluster->do(q{SELECT cdc.set_position('moved', 'earliest')});
cmp_ok($pull->(), '>', 6, 'earliest');
is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'moved' AND kind = 'position'}), 3, 'cdc.log has it');
my $binlog = $cluster->value(q{SELECT file FROM cdc.subscription_position WHERE subscription = 'moved'});
like($cluster->error_of("SELECT cdc.set_position('moved', '$binlog:500')"), qr/inside of a binlog file/, 'an offset where positions are GTIDs');
like($cluster->error_of(q{SELECT cdc.set_position('moved', 'nowhere')}), qr/not a place in the source's binlog.*Use 'earliest'/s, 'no position');
$source->do(q{SET GLOBAL binlog_row_metadata = 'MINIMAL'});
like($cluster->error_of(q{SELECT cdc.set_position('moved', 'latest')}), qr/cannot be moved.*does not name the columns/s, 'events without names of columns');
$source->do(q{SET GLOBAL binlog_row_metadata = 'FULL'});
$cluster->call('drop_subscription', name => 'moved', drop_history => \'true');

# --- dump and restore keep the subscription with its position
my $node = $cluster->node;
my $file = $node->basedir . '/dump.sql';
$cluster->call('disable_subscription', name => 's');
PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-h', $node->host, '-p', $node->port, '-f', $file, 'postgres');
my $dump = slurp($file);
like($dump, qr/^COPY cdc_catalog\.$_ /m, "pg_dump has cdc_catalog.$_")
  for qw(subscription subscription_position subscription_progress subscription_table table_version);

# --- the documentation names what there is
my $doc = "$FindBin::RealBin/../../doc";
my ($options) = PostgreSQL::Test::Utils::run_command(
	[ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-f', "$doc/options.sql", 'postgres' ]);
is("$options\n", slurp("$doc/options.md"), 'doc/options.md is what doc/options.sql makes');
my $text = join '', map { slurp($_) } "$doc/../README.md", glob "$doc/*.md";
my $names = $cluster->dbh->selectcol_arrayref(q{
	SELECT proname FROM pg_proc WHERE pronamespace = 'cdc'::regnamespace AND proname !~ '^_|_fdw_(handler|validator)$'
	UNION SELECT relname FROM pg_class WHERE relnamespace = 'cdc'::regnamespace AND relkind IN ('r', 'v')});
cmp_ok(@$names, '>', 40, 'functions, tables and views');
is(join(' ', grep { $text !~ /cdc\.\Q$_\E\b/ } sort @$names), '', 'each is in the documentation');
my %known = map { $_ => 1 } @$names;
is(join(' ', grep { !$known{$_} } $text =~ /\bcdc\.([a-z_]+)\(/g), '', 'which calls nothing that is not there');

# --- drop
$cluster->call('drop_subscription', name => 'manual', drop_history => \'true');
is($cluster->value(q{SELECT to_regclass('manual.manual_history') IS NULL}), 1, 'drop_history drops the history');
is($cluster->value(q{SELECT to_regclass('manual.a') IS NOT NULL}), 1, 'the replicas stay');
$cluster->call('drop_subscription', name => 's');
is($cluster->value(q{SELECT to_regclass('replica.s_history') IS NOT NULL}), 1, 'without it the history stays');
is($cluster->value("SELECT count(*) FROM cdc.$_ WHERE subscription = 's'"), 0, "nothing is left in $_")
  for qw(subscription_position subscription_progress subscription_table table_version table_counter);
like($cluster->error_of(q{SELECT cdc.pull('s')}), qr/subscription "s" does not exist/, 'pulling what is gone');
$cluster->call('drop_subscription', name => 'owned');
$cluster->poll(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cdc%' AND backend_type ~ '(pull|apply)'}, 0);
ok(1, 'the workers are gone');
$cluster->do('DROP EXTENSION cdc_ingest CASCADE');
is($cluster->value(q{SELECT count(*) FROM pg_namespace WHERE nspname = 'cdc'}), 0, 'the extension can be dropped');
done_testing();
