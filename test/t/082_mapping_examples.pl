# The examples of doc/mapping.md, in their order.
# Takes 15 s
use strict;
use warnings;

use Test::More;
use FindBin;
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('examples');
my $source = CdcIngest::Server->new('mariadb');
my $page = slurp("$FindBin::Bin/../../doc/mapping.md");

my ($table) = $page =~ /^( {4}CREATE TABLE shop\.customer .*?;)$/ms or die 'the page has no table';
$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4', $table,
	'CREATE TABLE shop.other (id int PRIMARY KEY)',
	map {; "CREATE TABLE shop.order_$_ (id int PRIMARY KEY, total decimal(10,2))", "INSERT INTO shop.order_$_ VALUES (1, $_.5)" } 2023, 2024);
$source->do(q{INSERT INTO shop.customer VALUES (1, 'Ann@X.org', 'on', 5000, '1990-05-06', '{"city": "Bonn", "country": "de"}'),
	(2, 'Bob@X.org', 'test', 1, NULL, NULL), (3, 'Eve@X.org', 'off', 7, '1970-01-02', NULL)});
$cluster->add_source('shop', $source);
$cluster->subscribe('crm', 'shop', undef, tables => ['shop.other'], history => 'public.crm_history');
my @examples = $page =~ /^```sql\n(.*?)^```$/msg;
is(scalar @examples, 6, 'examples of the page');
my $after = sub { $cluster->catch_up('crm'); return $cluster->value($_[0]) };

$cluster->do(shift @examples);
is($after->(q{SELECT string_agg(concat_ws(',', id, mail, masked, region, birth_year, city), ' ' ORDER BY id) FROM customer}),
	'1,ann@x.org,An***,eu,1990,Bonn 3,eve@x.org,Ev***,eu,1970', 'columns and a row filter');
$source->do(q{UPDATE shop.customer SET status = 'on' WHERE id = 2}, q{UPDATE shop.customer SET credit = -1 WHERE id = 3},
	q{UPDATE shop.customer SET id = 11 WHERE id = 1});
is($after->(q{SELECT string_agg(concat_ws(',', id, mail, changed_at > now() - interval '1 day', changed_by ~ '^\d+-\d+-\d+$'), ' ' ORDER BY id) FROM customer}),
	'2,bob@x.org,t,t 11,ann@x.org,t,t', 'a row enters, one leaves, one has another key');
$cluster->do(shift @examples);
is($after->('SELECT country FROM customer_country WHERE id = 11'), 'Germany', 'a function as transformer');
$cluster->do(shift @examples);
is($after->('SELECT string_agg(id || $$ $$ || credit, $$,$$) FROM rich'), '11 5000.00', 'another filter over the history');
$cluster->do(shift @examples);
is($after->(q{SELECT string_agg(year || ':' || total, ' ' ORDER BY year) FROM orders}), '2023:2023.50 2024:2024.50', 'two source tables in one target');
$cluster->do(shift @examples);
is($after->(q{SELECT string_agg(id || ':' || status, ' ' ORDER BY id) FROM customer_status}), '2:on 3:off 11:on', 'another target of one');
$cluster->do(shift @examples);
is($after->('SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM customer'), '2 11', 'another filter in place');
$source->do(q{INSERT INTO shop.customer VALUES (4, 'x', 'test', 0, NULL, NULL)});
is($after->('SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM customer'), '2 4 11', '... which holds for what comes');
$source->stop;
done_testing();
