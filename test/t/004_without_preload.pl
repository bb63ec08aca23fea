# Without shared_preload_libraries: a NOTICE says what is missing, the workers run
# all the same, and pull and apply can be called.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))',
	"INSERT INTO shop.a VALUES (1, 'one')");
my $cluster = CdcIngest::Cluster->new('nopreload', preload => 0);
$cluster->add_source('shop', $source);
$cluster->do('CREATE SCHEMA shop');
my $said = $cluster->notices_of(
	$cluster->call_sql('create_subscription', name => 's', server => 'shop', tables => ['shop.*'], target_schema => 'shop'));
like($said, qr/shared_preload_libraries/, 'the NOTICE names the setting');
$cluster->catch_up('s');
$source->do("INSERT INTO shop.a VALUES (2, 'two')");
$cluster->catch_up('s');
$cluster->compare_ok($source, 'shop', 'shop', 'workers run without preload');

$cluster->node->restart;
$cluster->forget;
$source->do("INSERT INTO shop.a VALUES (3, 'three')");
is($cluster->value(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cdc%'}), 0,
	'after a restart nobody starts them');
cmp_ok($cluster->value(q{SELECT cdc.pull('s')}), '>=', 1, 'pull by hand');
$cluster->do(q{SELECT * FROM cdc.apply('s')});
$cluster->compare_ok($source, 'shop', 'shop', 'pull and apply by hand');
$cluster->call('enable_subscription', name => 's');
$source->do("INSERT INTO shop.a VALUES (4, 'four')");
$cluster->catch_up('s');
$cluster->compare_ok($source, 'shop', 'shop', 'enabled again');
$cluster->history_ok('s');
$cluster->call('disable_subscription', name => 's');
$cluster->poll(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'cdc%'}, 0);
ok(1, 'disabled, all workers end');
done_testing();
