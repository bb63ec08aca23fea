# A subscription from Kafka on Greenplum, followed by workers: several topics of several
# partitions, whose tables are all new, of which one has far more to read than the others.
# Segments stop before each table that is new; and what the views say to an owner.
#
# Not part of a whole run: it wants a Greenplum cluster (see CONTRIBUTING.md).
use strict;
use warnings;

use Test::More;
use CdcIngest::Greenplum;
use CdcIngest::Kafka;

my $cluster = CdcIngest::Greenplum->new('topics');
my $kafka = CdcIngest::Kafka->new;
my %rows = (large => 100_000, map { ("small$_" => 4_000) } 1 .. 5);

# each partition has so much that segments are asked to read it, and all small ones together, too
sub produce
{
	my ($table, $from, $to) = @_;
	$kafka->produce("shop.$table", [ map {
		[ qq({"database":"shop","table":"$table","pk.id":$_}),
			qq({"database":"shop","table":"$table","type":"insert","ts":1700000000,"xid":$_,"commit":true,"data":{"id":$_,"v":"row $_"}}) ]
	} $from .. $to ], args => [ '-X', 'partitioner=murmur2_random' ]);
	return;
}

sub target_ok
{
	my ($table, $n) = @_;
	is($cluster->value("SELECT count(*) || ' ' || sum(id) || ' ' || count(DISTINCT v) FROM lp.$table"), join(' ', $n, $n * ($n + 1) / 2, $n), "$table has its $n rows");
	return;
}

for my $table (sort keys %rows)
{
	$kafka->create_topic("shop.$table", 4);
	produce($table, 1, $rows{$table});
}
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')");
$cluster->subscribe('lp', 'bus', 'lp', topics => ['shop.*'], format => 'maxwell');

ok($cluster->value("SELECT cdc.wait_for('lp', timeout := '90 s')"), 'everything is read');
target_ok($_, $rows{$_}) for sort keys %rows;
# the large one must not keep the small ones waiting until it is read
is($cluster->value(q{SELECT count(*) FROM (SELECT min(seq) AS first FROM lp.lp_history WHERE source_table <> 'shop.large' GROUP BY source_table) s
	WHERE first < (SELECT max(seq) FROM lp.lp_history WHERE source_table = 'shop.large')}), 5, 'small topics are read beside the large one');

# and behind each other, while it follows
$kafka->create_topic("shop.late$_", 4) for 1 .. 3;
produce("late$_", 1, 4_000) for 1 .. 3;
ok($cluster->value("SELECT cdc.wait_for('lp', timeout := '90 s')"), 'new topics too');
target_ok("late$_", 4_000) for 1 .. 3;

subtest 'in calls by hand that have a bound' => sub {
	$cluster->do("SELECT cdc.disable_subscription('lp')", 'CREATE SCHEMA hand');
	$cluster->call('create_subscription', name => 'hand', server => 'bus', target_schema => 'hand', topics => ['shop.*'], format => 'maxwell', enabled => 'false');
	my @read;
	for my $call (1 .. 2)
	{
		$cluster->do("SELECT cdc.pull('hand', 20000)");
		push @read, $cluster->value("SELECT count(*) FROM cdc.stat_kafka_partition WHERE subscription = 'hand' AND topic <> 'shop.large' AND position > 0");
	}
	cmp_ok($read[-1], '>', 0, "others than the large topic are read, too (partitions: @read)");
	$cluster->do("SELECT cdc.pull('hand')", "SELECT count(*) FROM cdc.apply('hand')");
	is($cluster->value("SELECT sum(position) FROM cdc.stat_kafka_partition WHERE subscription = 'hand'"), 100_000 + 5 * 4_000 + 3 * 4_000, 'all is read');
	is($cluster->value('SELECT count(*) FROM hand.small5'), 4_000, '... and applied');
	$cluster->do("SELECT cdc.drop_subscription('hand', drop_history := true)");
};

subtest 'what an owner sees, who is no superuser' => sub {
	$cluster->do("DROP ROLE IF EXISTS cdc_test_owner", 'CREATE ROLE cdc_test_owner LOGIN', 'GRANT USAGE ON SCHEMA cdc TO cdc_test_owner', 'GRANT USAGE ON FOREIGN SERVER bus TO cdc_test_owner',
		'CREATE SCHEMA own AUTHORIZATION cdc_test_owner', 'CREATE USER MAPPING FOR cdc_test_owner SERVER bus');
	my $own = $cluster->connect(user => 'cdc_test_owner');
	$own->do(q{SELECT cdc.create_subscription('own', 'bus', topics := '{shop.small1}', format := 'maxwell', target_schema := 'own')});
	ok($own->selectrow_array("SELECT cdc.wait_for('own', timeout := '90 s')"), 'his subscription follows');
	$own->do(q{SELECT cdc.publish('own', 'bus', 'out')});
	is_deeply($own->selectall_arrayref('SELECT subscription, state, pull_pid IS NOT NULL FROM cdc.stat_subscription'), [ [ 'own', 'streaming', 1 ] ], 'cdc.stat_subscription');
	is($own->selectrow_array('SELECT count(*) FROM cdc.stat_publication'), 1, 'cdc.stat_publication');
	is($own->selectrow_array("SELECT string_agg(worker, ' ' ORDER BY worker) FROM cdc.worker_status()"), 'apply pull supervisor', 'cdc.worker_status()');
	for my $view (qw(stat_table stat_progress_copy stat_progress_verify stat_kafka_partition subscription log error))
	{
		ok(eval { $own->selectall_arrayref("SELECT * FROM cdc.$view"); 1 }, "cdc.$view") or diag $@;
	}
	$own->do("SELECT cdc.drop_subscription('own', drop_history := true)");
	$own->disconnect;
	$cluster->do('DROP OWNED BY cdc_test_owner', 'DROP ROLE cdc_test_owner');
};

done_testing();
