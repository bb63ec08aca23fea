# cdc.maintain(): where autovacuum does not run, statistics and a VACUUM for what has grown.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('upkeep');
my $source = CdcIngest::Server->new('mariadb');
my $dbh = $source->dbh;
$dbh->do($_) for 'CREATE DATABASE shop', 'USE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(100))',
  q{INSERT INTO shop.t SELECT seq, repeat('x', 100) FROM seq_1_to_20000};
$cluster->add_source('shop', $source);
$cluster->subscribe('shop', 'shop', 'shop', tables => ['shop.*']);
$cluster->catch_up('shop');

is($cluster->value('SELECT count(*) FROM cdc.maintain()'), 0, 'nothing to do where autovacuum runs');

$cluster->do('ALTER SYSTEM SET autovacuum = off');
$cluster->do('SELECT pg_reload_conf()');
$cluster->forget;
$cluster->poll('SHOW autovacuum', 'off');
$dbh->do(qq{UPDATE shop.t SET v = repeat('$_', 100)}) for qw(y z);
$cluster->catch_up('shop');

my $done = $cluster->value(q{SELECT string_agg(statement, ' ' ORDER BY statement) FROM cdc.maintain('shop') WHERE done});
like($done, qr/ANALYZE shop\.t;/, 'a target that has grown is analysed');
like($done, qr/ANALYZE shop\.shop_history_\w+;/, '... and the parts of the history');
cmp_ok($cluster->value(q{SELECT reltuples FROM pg_class WHERE oid = 'shop.t'::regclass}), '==', 20000, '... so that the planner knows its rows');

is($cluster->value(q{SELECT string_agg(statement, ' ') FROM cdc.maintain('shop') WHERE done}), undef, 'once');
ok($cluster->poll(q{SELECT statement FROM cdc.maintain('shop') WHERE NOT done AND relation = 'shop.t'}, 'VACUUM shop.t;'),
	'dead rows want a VACUUM, by the statement to type');
$cluster->do(map { $_->[0] } @{ $cluster->rows(q{SELECT statement FROM cdc.maintain('shop') WHERE NOT done}) });
ok($cluster->poll(q{SELECT count(*) FROM cdc.maintain('shop') WHERE relation = 'shop.t'}, 0), '... which ends it');

# who owns nothing of it can do nothing
$cluster->do('CREATE ROLE stranger', 'SET ROLE stranger');
is($cluster->value('SELECT count(*) FROM cdc.maintain()'), 0, 'nothing for who owns no subscription');
like($cluster->error_of(q{SELECT * FROM cdc.maintain('shop')}), qr/shop/, '... nor by its name');

done_testing();
