# Who else is at the source under our server id, and who is away: copies of a subscription
# in another cluster with the same system identifier go on beside the original, a member
# that leaves its group is noticed, a broker that is away is no quiet one.
#
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use PostgreSQL::Test::Cluster;
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('original', streaming => 1);
my %sources;

sub state_of { my ($where, $sub) = @_; return $where->dbh->selectrow_hashref('SELECT *, extract(epoch FROM lag) AS lag_s FROM cdc.stat_subscription WHERE subscription = ?', undef, $sub) }

for my $flavour (qw(mariadb mysql56 mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	my $source = $sources{$flavour} = CdcIngest::Server->new($flavour);
	$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY)', 'INSERT INTO shop.t VALUES (1)');
	$cluster->add_source($flavour, $source, heartbeat_interval => '300ms');
	$cluster->subscribe($flavour, $flavour, $flavour, tables => ['shop.*']);
	$cluster->catch_up($flavour);
}

# --- the whole cluster copied, and started beside the original: same system identifier, database and ids
$cluster->node->backup('copy');
my $node = PostgreSQL::Test::Cluster->new('copy');
$node->init_from_backup($cluster->node, 'copy');
$node->start;
my $copy = CdcIngest::Cluster->of_node($node);
is($copy->value('SELECT system_identifier FROM pg_control_system()'), $cluster->value('SELECT system_identifier FROM pg_control_system()'), 'a copy of the cluster');
for my $flavour (sort keys %sources)
{
	subtest $flavour => sub {
		my $source = $sources{$flavour};
		# MariaDB ends the other's dump of the same id, MySQL knows replicas by their uuid: ours have none
		ok(!$source->is_mariadb || wait_until(60, sub {
			my $taken = 0;
			$taken += $_->value("SELECT count(*) FROM cdc.log WHERE subscription = '$flavour' AND message LIKE '%uses our server id: another one is taken'") for $cluster, $copy;
			return $taken >= 1;
		}), 'one of them takes another server id, and logs it');
		$_->poll("SELECT state FROM cdc.stat_subscription WHERE subscription = '$flavour'", 'streaming') for $cluster, $copy;
		# from here on nobody is thrown out
		my $failures = sub { return join ' ', map { $_->value("SELECT count(*) || ' ' || coalesce(sum(repeats), 0) FROM cdc.log WHERE subscription = '$flavour' AND kind = 'source'") } $cluster, $copy };
		my @pids = map { $_->worker_pid($flavour, 'pull') } $cluster, $copy;
		my $before = $failures->();
		for my $n (2 .. 12)
		{
			$source->do("INSERT INTO shop.t VALUES ($n)");
			sleep 0.2;
		}
		$_->catch_up($flavour) for $cluster, $copy;
		is($_->value("SELECT count(*) FROM $flavour.t"), 12, 'both have all') for $cluster, $copy;
		is($failures->(), $before, 'neither ends the other');
		is_deeply([ map { $_->worker_pid($flavour, 'pull') } $cluster, $copy ], \@pids, '... nor its worker');
	};
}
$node->stop;

# --- a member of a group that leaves it while it is read goes on answering
SKIP:
{
	skip 'no MySQL 9.7', 1 unless CdcIngest::Server->available('mysql97');
	my $port = CdcIngest::Process::free_port();
	my $source = CdcIngest::Server->new('mysql97', args => [
		'--performance-schema=ON', '--plugin-load-add=group_replication.so', '--loose-group-replication-start-on-boot=OFF',
		'--loose-group-replication-group-name=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
		"--loose-group-replication-local-address=127.0.0.1:$port", "--loose-group-replication-group-seeds=127.0.0.1:$port" ]);
	$source->do('SET GLOBAL group_replication_bootstrap_group = ON', 'START GROUP_REPLICATION', 'SET GLOBAL group_replication_bootstrap_group = OFF');
	wait_until(60, sub { ($source->value('SELECT MEMBER_STATE FROM performance_schema.replication_group_members') // '') eq 'ONLINE' });
	$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY)', 'INSERT INTO shop.t VALUES (1)');
	$cluster->add_source('member', $source, heartbeat_interval => '300ms');
	$cluster->subscribe('member', 'member', 'member', tables => ['shop.*']);
	$cluster->catch_up('member');
	my $gtids = $source->gtid_set;
	$source->do('STOP GROUP_REPLICATION');
	$cluster->poll(q{SELECT last_error ~ 'no working member of its replication group' FROM cdc.stat_subscription WHERE subscription = 'member'}, 1);
	like($cluster->error_of("SELECT cdc.wait_for('member', '$gtids')"), qr/fails: .*no working member of its replication group/s, 'a member that leaves while it is read: wait_for is not true by its position');
	$cluster->call('drop_subscription', name => 'member');
	$source->stop('KILL');
}

# --- Kafka's broker away
SKIP:
{
	skip 'no Kafka', 1 unless CdcIngest::Kafka->available;
	my $kafka = CdcIngest::Kafka->new;
	$kafka->create_topic('t', 2);
	$cluster->do(sprintf q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s', request_timeout '2s')}, $kafka->bootstrap);
	$cluster->do('CREATE USER MAPPING FOR CURRENT_USER SERVER bus', 'CREATE SCHEMA bus');
	my $event = sub { return [ qq({"database":"shop","table":"k","pk.id":$_[0]}), sprintf '{"database":"shop","table":"k","type":"insert","ts":%d,"xid":%d,"commit":true,"data":{"id":%d}}', time, $_[0], $_[0] ] };
	$kafka->produce('t', [ $event->(1) ]);
	$cluster->call('create_subscription', name => 'k', server => 'bus', topics => ['t'], target_schema => 'bus', options => '{"metadata_refresh": "1s"}');
	$cluster->catch_up('k');
	my $pause = time + 3;
	my ($lag, $silence) = (0, 0);
	while (time < $pause)
	{
		my $row = state_of($cluster, 'k');
		$lag = $row->{lag_s} if $row->{lag_s} > $lag;
		$silence = $row->{seconds_since_message} if $row->{seconds_since_message} > $silence;
		sleep 0.1;
	}
	cmp_ok($lag, '<', 1, 'a quiet topic has no lag');
	cmp_ok($silence, '<', 3, '... its broker is heard of');
	$kafka->freeze;
	ok(wait_until(60, sub { state_of($cluster, 'k')->{seconds_since_message} > 3 }), 'a broker that is away: seconds since it was heard of');
	ok(wait_until(60, sub { my $row = state_of($cluster, 'k'); $row->{state} eq 'error' && $row->{lag_s} > 3 && $row->{last_sqlstate} =~ /^08/ }), '... an error, and a lag')
	  or diag(explain(state_of($cluster, 'k')));
	$kafka->thaw;
	$kafka->produce('t', [ $event->(2) ]);
	$cluster->catch_up('k');
	ok(wait_until(60, sub { my $row = state_of($cluster, 'k'); $row->{state} eq 'streaming' && !defined $row->{last_error} && $row->{lag_s} < 2 }), '... which are over when it is back')
	  or diag(explain(state_of($cluster, 'k')));
}
done_testing();
