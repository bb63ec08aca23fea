# Workers that take the server down are slowed down across its crashes;
# cdc_ingest.workers keeps all of them from running; one role cannot take all
# processes; what a role sets as default does not reach its workers.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;
use PostgreSQL::Test::Utils qw(slurp_file);

my $source = CdcIngest::Server->new('mariadb');
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))',
	"INSERT INTO shop.a VALUES (1, 'one')");
my $cluster = CdcIngest::Cluster->new('limits', conf => "restart_after_crash = on\nmax_worker_processes = 12\n");
my $node = $cluster->node;
$cluster->add_source('shop', $source);
$cluster->do('CREATE SCHEMA shop');
$cluster->subscribe('s', 'shop', 'shop', tables => ['shop.*']);
$cluster->catch_up('s');

sub crashes { my $n = () = slurp_file($node->logfile) =~ /all server processes terminated; reinitializing/g; return $n }
sub workers { return eval { $cluster->value(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cdc_ingest%' AND backend_type NOT LIKE '%supervisor' AND backend_type NOT LIKE '%launcher'}) } }

# --- a trigger that kills the process that it runs in, as a crash in apply would
$cluster->do(q{CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN COPY (SELECT 1) TO PROGRAM ''kill -9 $PPID''; RETURN NEW; END'},
	q{CREATE TRIGGER die BEFORE INSERT ON shop.a FOR EACH ROW EXECUTE FUNCTION public.die()},
	q{ALTER TABLE shop.a ENABLE ALWAYS TRIGGER die});
my $began = time;
$source->do("INSERT INTO shop.a VALUES (2, 'two')");
ok(wait_until(120, sub { crashes() >= 5 }), 'the server goes down again and again');
my $took = time - $began;
cmp_ok($took, '>=', 7, 'and waits 1, 2 and 4 s in between');
ok(wait_until(60, sub { ($cluster->state_of('s') // '') =~ /went down \d+ times in a row/ || eval {
	$cluster->value(q{SELECT last_error FROM cdc.stat_subscription}) =~ /went down \d+ times in a row/ } }),
	'the subscription says so');

# --- the administrator's way out
$node->append_conf('postgresql.conf', "cdc_ingest.workers = off\n");
$node->reload;
$cluster->forget;
ok(wait_until(60, sub { defined workers() && workers() == 0 }), 'cdc_ingest.workers = off: no worker');
my $before = crashes();
$node->restart;
$cluster->forget;
$cluster->poll(q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type LIKE 'cdc_ingest%'}, 1);
is(workers(), 0, 'none after a restart either');
is(crashes(), $before, 'and no crash');
like($cluster->notices_of(q{SELECT cdc.enable_subscription('s')}), qr/cdc_ingest\.workers/, 'enable_subscription tells of it');
$cluster->do('DROP TRIGGER die ON shop.a');
$node->adjust_conf('postgresql.conf', 'cdc_ingest.workers', 'on');
$node->reload;
$cluster->catch_up('s');
$cluster->compare_ok($source, 'shop', 'shop', 'on again: all goes on');
$cluster->poll(q{SELECT sum(unfinished) FROM cdc_catalog.worker_start}, 0);
ok(1, 'the counts of starts are taken back');

# --- a role's share, and a role's settings
$cluster->do('CREATE ROLE alice LOGIN', 'GRANT CREATE ON DATABASE postgres TO alice',
	'GRANT USAGE ON FOREIGN SERVER shop TO alice',
	sprintf('CREATE USER MAPPING FOR alice SERVER shop OPTIONS (user %s, password %s)',
		map { $cluster->dbh->quote($_) } $CdcIngest::Server::CDC_USER, $CdcIngest::Server::CDC_PASSWORD),
	'ALTER ROLE alice SET search_path = evil, public', q{ALTER ROLE alice SET statement_timeout = '1ms'},
	q{ALTER ROLE alice SET array_nulls = off});
$node->append_conf('postgresql.conf', "cdc_ingest.max_workers_per_role = 2\n");
$node->reload;
my $alice = $cluster->connect(user => 'alice');
$alice->do('SET statement_timeout = 0');
$alice->do('SET search_path = public');
for my $n (1, 2)
{
	$alice->do("CREATE SCHEMA a$n");
	$alice->do("SELECT cdc.create_subscription('a$n', 'shop', tables := '{shop.*}', target_schema := 'a$n')");
}
$cluster->poll(q{SELECT last_error ~ 'as many workers as a role may have, 2' FROM cdc.stat_subscription WHERE subscription = 'a2'}, 1);
ok(1, 'the second subscription finds no room and says so');
like(slurp_file($node->logfile), qr/workers of cdc_ingest by role: .*alice \(2\)/, "the server's log says who has the workers");
$cluster->catch_up('a1');
is($cluster->value(q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'alice' AND backend_type LIKE 'cdc_ingest%'}), 2,
	'two workers run for the role');
is($cluster->value(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 's'}), 'streaming', 'others keep theirs');

$alice->do(q{CREATE TABLE a1.seen (name text, value text)});
$alice->do(q{CREATE FUNCTION a1.look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO a1.seen
	SELECT n, pg_catalog.current_setting(n) FROM pg_catalog.unnest(ARRAY[''search_path'', ''statement_timeout'', ''array_nulls'']) n; RETURN NEW; END'});
$alice->do(q{CREATE TRIGGER look BEFORE INSERT ON a1.a FOR EACH ROW EXECUTE FUNCTION a1.look()});
$alice->do(q{ALTER TABLE a1.a ENABLE ALWAYS TRIGGER look});
$source->do("INSERT INTO shop.a VALUES (3, 'three')");
$cluster->catch_up('a1');
is($cluster->value(q{SELECT string_agg(name || '=' || value, ' ' ORDER BY name) FROM a1.seen}),
	'array_nulls=on search_path=pg_catalog, pg_temp statement_timeout=0', "a role's defaults do not reach its workers");

$alice->do(q{SELECT cdc.disable_subscription('a1')});
$cluster->catch_up('a2');
$cluster->compare_ok($source, 'shop', 'a2', 'a worker that is free is taken');
done_testing();
