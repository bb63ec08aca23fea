# What one transaction takes is bounded: new tables, plans of partial images, locks and
# snapshots that it holds; and a table's state is e only for what is its own fault.
#
# Takes 60 s
use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;
use PostgreSQL::Test::Utils qw(slurp_file);

my $source = CdcIngest::Server->new('mariadb');
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))',
	"INSERT INTO shop.a VALUES (1, 'one')");
my $cluster = CdcIngest::Cluster->new('bounds', conf => "max_worker_processes = 24\n");
$cluster->add_source('shop', $source);
$cluster->do('CREATE SCHEMA shop');
$cluster->subscribe('s', 'shop', 'shop', tables => ['shop.*'], options => '{"max_new_tables": 8}');
$cluster->catch_up('s');

sub last_error { return eval { $cluster->value(q{SELECT max(last_error) FROM cdc.stat_subscription}) } // '' }
sub state_of { return $cluster->value('SELECT state FROM cdc.subscription_table WHERE source_table = ?', shift) // 'none' }

# --- more new tables than a transaction takes: they go into several
$source->do(map { ("CREATE TABLE shop.n$_ (id int PRIMARY KEY)", "INSERT INTO shop.n$_ VALUES ($_)") } 1 .. 40);
$cluster->catch_up('s');
is($cluster->value(q{SELECT count(*) FROM cdc.subscription_table WHERE source_table LIKE 'shop.n%' AND state = 'r'}), 40,
	'40 new tables, of which a transaction takes 8');

# --- one source transaction with more of them: an error that names limit and option
$cluster->do(q{SELECT cdc.disable_subscription('s')});
$source->do(map { "CREATE TABLE shop.m$_ (id int PRIMARY KEY)" } 1 .. 12);
like($cluster->error_of(q{SELECT cdc.pull('s')}), qr/more than 8 new source tables.*max_new_tables.*max_locks_per_transaction/s,
	'too many at once: the limit and the option are named');
$cluster->do(q{SELECT cdc.alter_subscription('s', '{"max_new_tables": 100}')}, q{SELECT cdc.enable_subscription('s')});
$cluster->catch_up('s');
is(state_of('shop.m12'), 'r', 'with a higher one all goes on');

# --- registering a table fails: by what is not its own fault, then by what is
$cluster->do(q{CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
	DECLARE r record;
	BEGIN
		FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ '^shop\.(disk|dead|own)$' LOOP
			RAISE EXCEPTION 'refused for a test' USING ERRCODE =
				CASE r.object_identity WHEN 'shop.disk' THEN '53100' WHEN 'shop.dead' THEN '40P01' ELSE '42501' END;
		END LOOP;
	END $$},
	q{CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.refuse()});
$source->do('CREATE TABLE shop.own (id int PRIMARY KEY)');
$cluster->poll(q{SELECT count(*) FROM cdc.subscription_table WHERE source_table = 'shop.own' AND state = 'e'}, 1);
ok(1, 'an error of the table itself: state e');
for my $table (qw(disk dead))
{
	$source->do("CREATE TABLE shop.$table (id int PRIMARY KEY)", "INSERT INTO shop.$table VALUES (1)");
	ok(wait_until(60, sub { last_error() =~ /refused for a test/ }), "$table: the worker says so");
	is(state_of("shop.$table"), 'none', '... and the table has no state for it');
	$cluster->do('ALTER EVENT TRIGGER refuse DISABLE');
	$cluster->catch_up('s');
	is(state_of("shop.$table"), 'r', '... it is tried again');
	is($cluster->value("SELECT count(*) FROM shop.$table"), 1, '... and has its row');
	$cluster->do('ALTER EVENT TRIGGER refuse ENABLE');
}
$cluster->do('DROP EVENT TRIGGER refuse');

# --- TRUNCATE while somebody reads
my $reader = $cluster->connect;
$reader->begin_work;
$reader->selectall_arrayref('SELECT * FROM shop.a');
$source->do('TRUNCATE shop.a', "INSERT INTO shop.a VALUES (2, 'two')");
ok(wait_until(60, sub { last_error() =~ /could not lock target shop\.a .*process \d+ of \w+ holds AccessShareLock/s }),
	'TRUNCATE waits for a reader: last_error says which lock and who holds it')
  or diag last_error();
my $worst = 0;
for (1 .. 40)
{
	my $began = time;
	$cluster->rows('SELECT * FROM shop.a');
	$worst = time - $began if time - $began > $worst;
	sleep 0.1;
}
cmp_ok($worst, '<', 5, sprintf('other readers get in meanwhile (%.1f s)', $worst));
$reader->commit;
$cluster->catch_up('s');
$cluster->compare_ok($source, 'shop', 'shop', 'when the reader has gone, so is what was before', only => ['a']);

# --- plans of partial images: a bound for each target
SKIP:
{
	skip 'pg_backend_memory_contexts', 2 unless $cluster->value(q{SELECT current_setting('server_version_num')}) >= 140000;
	my $columns = join ', ', map { "c$_ int" } 0 .. 11;
	$cluster->do("CREATE TABLE public.wide (id int PRIMARY KEY, $columns) PARTITION BY HASH (id)",
		'CREATE TABLE public.wide_0 PARTITION OF public.wide FOR VALUES WITH (MODULUS 1, REMAINDER 0)');
	$source->do('CREATE DATABASE other', "CREATE TABLE other.wide (id int PRIMARY KEY, $columns)");
	$cluster->subscribe('w', 'shop', undef, history => 'public.w_history', tables => ['other.*'], enabled => \'false', copy_data => \'false');
	$cluster->do(q{SELECT cdc.remove_table('w', 'other.wide')},
		q{SELECT cdc.add_table('w', 'other.wide', target := 'public.wide', copy_data := false)},
		q{SELECT cdc.pull('w')});
	my $dbh = $source->connect;
	$dbh->do('SET SESSION binlog_row_image = MINIMAL');
	$dbh->do('INSERT INTO other.wide (id) VALUES (1)');
	for my $mask (1 .. 600)
	{
		my @set = map { "c$_ = COALESCE(c$_, 0) + 1" } grep { $mask & 1 << $_ } 0 .. 11;
		$dbh->do('UPDATE other.wide SET ' . join ', ', @set);
	}
	$cluster->do(q{SELECT cdc.pull('w')}, q{SELECT * FROM cdc.apply('w')});
	my $plans = $cluster->value(q{SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' AND ident LIKE '%wide%'});
	cmp_ok($plans, '<=', 70, "600 combinations of columns keep $plans plans");
	my $mysql = $source->rows('SELECT * FROM other.wide')->[0];
	my $here = $cluster->rows('SELECT * FROM public.wide')->[0];
	is_deeply([ map { $_ // 0 } @$here ], [ map { $_ // 0 } @$mysql ], '... and the row is right');
	$cluster->call('drop_subscription', name => 'w');
}

# --- an error that cannot be written down is in the log all the same
$cluster->do(q{CREATE FUNCTION public.no_record() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no room for this''; END'},
	q{CREATE TRIGGER no_record BEFORE INSERT OR UPDATE ON cdc_catalog.subscription_failure FOR EACH ROW EXECUTE FUNCTION public.no_record()},
	q{ALTER TABLE shop.a ADD CONSTRAINT not_bad CHECK (v <> 'bad')});
$source->do("INSERT INTO shop.a VALUES (3, 'bad')");
ok(wait_until(60, sub { my $log = slurp_file($cluster->node->logfile);
		$log =~ /could not write down its error: no room for this/ && $log =~ /violates check constraint "not_bad"/ }),
	'an error in recording an error hides neither');
$cluster->do('DROP TRIGGER no_record ON cdc_catalog.subscription_failure', 'ALTER TABLE shop.a DROP CONSTRAINT not_bad');
$cluster->catch_up('s');

# --- a server that accepts and says nothing: the worker waits without a snapshot
my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die "listen: $!";
$cluster->do(q{SELECT cdc.disable_subscription('s')});
$cluster->do(sprintf q{ALTER SERVER shop OPTIONS (SET port '%d', ADD connect_timeout '60s')}, $mute->sockport);
$cluster->do(q{SELECT cdc.enable_subscription('s')});
my $waiting = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cdc_ingest%' AND query = 'cdc.pull' AND state = 'active'
	AND clock_timestamp() - xact_start > interval '2 s'};
ok(wait_until(60, sub { $cluster->value($waiting) }), 'a worker waits for a source that says nothing');
is($cluster->value("$waiting AND backend_xmin IS NOT NULL"), 0, '... and holds no snapshot');
$cluster->do(q{SELECT cdc.disable_subscription('s')});
done_testing();
