# Things are what they were, with workers at work: what is renamed is followed, a history
# that was altered stops its subscription and nothing else, and copies of a database
# (restored, made from a template) do not go to the source before somebody says so.
use strict;
use warnings;

use Test::More;
use PostgreSQL::Test::Utils;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $source = CdcIngest::Server->new(CdcIngest::Server->available('mysql97') ? 'mysql97' : 'mariadb');
my $cluster = CdcIngest::Cluster->new('identity');
my $node = $cluster->node;
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(200))', "INSERT INTO shop.a VALUES (1, 'one')");
$cluster->add_source('shop', $source);
$cluster->subscribe('s', 'shop', 'replica', tables => ['shop.*']);
$cluster->catch_up('s');
my $id = 1;

# One row more has to arrive in the table.
sub flows
{
	my ($table, $what, $to) = @_;
	$to //= $cluster;
	$id++;
	$source->do("INSERT INTO shop.a VALUES ($id, '$what')");
	$to->poll("SELECT count(*) FROM $table WHERE id = $id AND v = '$what'", 1);
	pass("$what: goes on");
	return;
}
my $started = $cluster->value('SELECT pg_postmaster_start_time()::text');

# --- names
$cluster->do('ALTER TABLE replica.s_history RENAME TO "The History"');
flows('replica.a', 'history renamed');
$cluster->do('ALTER TABLE replica.a RENAME TO b', 'CREATE TABLE replica.a (id int, v text)');
flows('replica.b', 'target renamed');
$cluster->do('ALTER SCHEMA replica RENAME TO copy', 'CREATE SCHEMA replica', 'CREATE TABLE replica.b (id int, v text)',
	'CREATE TABLE replica."The History" (seq text)');
flows('copy.b', 'schema renamed');
$cluster->do('ALTER SERVER shop RENAME TO mall', 'CREATE SERVER shop FOREIGN DATA WRAPPER cdc_mysql');
flows('copy.b', 'server renamed');
is($cluster->value('SELECT count(*) FROM replica.b') + $cluster->value('SELECT count(*) FROM replica."The History"'), 0, 'others of these names got nothing');
$source->do('CREATE TABLE shop.later (id int PRIMARY KEY)', 'INSERT INTO shop.later VALUES (1)');
$cluster->catch_up('s');
is($cluster->value('SELECT count(*) FROM copy.later'), 1, 'a new table goes to the schema that it was');
is($cluster->value(q{SELECT server || ' ' || history || ' ' || target_schema FROM cdc.subscription}), 'mall copy."The History" copy', 'the names are those of now');
like($cluster->error_of('DROP TABLE copy.b'), qr/subscription "s" fills table copy\.b from source table shop\.a/, 'a target is not dropped unsaid');
like($cluster->error_of('DROP TABLE copy."The History"'), qr/is the history of subscription "s"/, 'nor a history');
$cluster->do('DROP TABLE copy.later CASCADE');
$source->do('INSERT INTO shop.later VALUES (2)');
flows('copy.b', 'a target dropped');

# --- a history that was altered
$cluster->do('CREATE FUNCTION public.away() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$',
	'CREATE TRIGGER away BEFORE INSERT ON copy."The History" FOR EACH ROW EXECUTE FUNCTION public.away()',
	'ALTER TABLE copy."The History" DISABLE TRIGGER away');
for my $change ([ 'ENABLE TRIGGER away', 'DISABLE TRIGGER away', 'took 0 of [0-9]+ events' ],
	[ 'RENAME COLUMN event TO other', 'RENAME COLUMN other TO event', 'has no column "event"' ],
	[ 'ALTER gtid TYPE bytea USING convert_to(gtid, $$UTF8$$)', 'ALTER gtid TYPE text USING convert_from(gtid, $$UTF8$$)', 'column "gtid" of history .* has type bytea, not text' ],
	[ 'ALTER COLUMN "position" TYPE text COLLATE "C"', 'ALTER COLUMN "position" TYPE text COLLATE pg_catalog."default"', 'collation "C"' ])
{
	my ($there, $back, $error) = @$change;
	$cluster->do(qq{ALTER TABLE copy."The History" $there});
	$source->do('INSERT INTO shop.a VALUES (' . ++$id . ", 'x')");
	$cluster->poll(sprintf(q{SELECT min(1) FROM cdc.subscription_failure WHERE subscription = 's' AND failures > 0 AND last_error ~ '%s'}, $error), 1);
	$cluster->do(qq{ALTER TABLE copy."The History" $back});
	$cluster->call('enable_subscription', name => 's');
	flows('copy.b', "after $there");
}
is($cluster->value('SELECT pg_postmaster_start_time()::text'), $started, 'the server has not gone down');

# --- copies
my $maintenance = $cluster->connect(db => 'template1');
$cluster->call('disable_subscription', name => 's');
$cluster->poll(q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND backend_type ~ 'cdc'}, 0);
$cluster->do(q{UPDATE cdc_catalog.subscription SET enabled = true});    # as a copy of a running one has it
PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-Fc', '-h', $node->host, '-p', $node->port, '-f', $node->basedir . '/dump', 'postgres');
$cluster->forget;
$maintenance->do("CREATE DATABASE $_" . ($_ eq 'cloned' ? ' TEMPLATE postgres' : '')) for qw(cloned restored);
PostgreSQL::Test::Utils::system_or_bail('pg_restore', '--exit-on-error', '-h', $node->host, '-p', $node->port, '-d', 'restored', $node->basedir . '/dump');
$maintenance->disconnect;
$node->restart;
$cluster->poll(q{SELECT state FROM cdc.stat_subscription}, 'streaming');
flows('copy.b', 'the original after a restart');
for my $db (qw(cloned restored))
{
	my $copy = bless { node => $node, db => $db }, 'CdcIngest::Cluster';
	my $rows = $copy->value('SELECT count(*) FROM copy."The History"');
	is($copy->value('SELECT state FROM cdc.stat_subscription'), 'cloned', "$db: state");
	$copy->call('alter_subscription', name => 's', options => '{}');    # would start its supervisor
	$copy->poll('SELECT count(*) FROM cdc.worker_status()', 0);
	like($copy->error_of(q{SELECT cdc.pull('s')}), qr/was not made in this database.*enable_subscription/s, "$db: pull");
	like($copy->error_of(q{SELECT cdc.apply('s')}), qr/was not made in this database/, "$db: apply");
	is($copy->value(q{SELECT count(*) FROM cdc.worker_status() WHERE worker <> 'supervisor'}), 0, "$db: no workers");
	is($copy->value('SELECT count(*) FROM copy."The History"'), $rows, "$db: nothing came");
	$copy->do('CREATE TABLE copy.replayed (id int PRIMARY KEY, v text)');
	cmp_ok($copy->value(q{SELECT cdc.replay('s', 'shop.a', 'copy.replayed')}), '>', 5, "$db: replay asks no source");

	# the original ends, the copy goes on
	$cluster->call('disable_subscription', name => 's');
	$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE subscription_id <> 0}, 0);
	$copy->call('enable_subscription', name => 's');
	flows('copy.b', "$db, taken over", $copy);
	is($copy->value('SELECT count(*) FROM copy.b'), $source->value('SELECT count(*) FROM shop.a'), "$db: has all");
	is($copy->value('SELECT state FROM cdc.stat_subscription'), 'streaming', "$db: state");
	$copy->call('disable_subscription', name => 's');
	$copy->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE subscription_id <> 0}, 0);
	$cluster->call('enable_subscription', name => 's');
	$copy->forget;
}
flows('copy.b', 'the original, enabled again');
done_testing();
