# No workers at all: pg_cron calls pull and apply.
#
# Takes 100 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))',
	"INSERT INTO shop.a VALUES (1, 'one')");
my $cluster = CdcIngest::Cluster->new('cron',
	preload => 0,
	conf => "shared_preload_libraries = 'pg_cron, cdc_ingest'\ncron.database_name = 'postgres'\ncron.use_background_workers = on\n");
$cluster->do('CREATE EXTENSION pg_cron');
$cluster->add_source('shop', $source);
$cluster->subscribe('s', 'shop', 'shop', tables => ['shop.*'], enabled => \'false');
is($cluster->value(q{SELECT to_regclass('shop.a') IS NULL OR (SELECT count(*) = 0 FROM cdc.subscription_progress WHERE applied_seq > 0)}), 1,
	'nothing happens by itself');
$cluster->do(q{SELECT cron.schedule('cdc', '* * * * *', 'SELECT cdc.pull(''s''); SELECT * FROM cdc.apply(''s'')')});
# Its clock is the minute.
$cluster->poll(q{SELECT count(*) FROM shop.a}, 1, 150);
$source->do("INSERT INTO shop.a VALUES (2, 'two')", "UPDATE shop.a SET v = 'uno' WHERE id = 1");
$cluster->poll(q{SELECT string_agg(v, ',' ORDER BY id) FROM shop.a}, 'uno,two', 150);
ok(1, 'the job pulled and applied');
is($cluster->value(q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}), 0, 'no run failed');
$cluster->history_ok('s');
done_testing();
