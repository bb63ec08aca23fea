# Fail-over of the source: the server option host names two of them, a replica is
# promoted when its primary dies or falls silent.  With GTIDs the stream goes on by
# itself; by file and offset another server is a clear error.
#
# Runs without load: a silent source is left after a second.
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Compare;
use CdcIngest::Load;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;
use CdcIngest::TcpProxy;

my $cluster = CdcIngest::Cluster->new('failover');

# Two servers, the second one replicates the first by GTID.
sub pair
{
	my ($flavour) = @_;
	my @args = $flavour eq 'mariadb' ? (args => ['--log-slave-updates']) : ();
	my ($primary, $replica) = map { CdcIngest::Server->new($flavour, @args) } 1 .. 2;
	my $reset = $flavour eq 'mysql97' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';
	$_->do($reset) for $primary, $replica;
	$replica->replicate_from($primary);
	return ($primary, $replica);
}

sub caught_up
{
	my ($primary, $replica) = @_;
	wait_until(60, sub { $primary->gtid_set eq $replica->gtid_set })
	  or CdcIngest::Cluster::give_up('the replica does not catch up: ' . $primary->gtid_set . ' | ' . $replica->gtid_set);
	return;
}

sub address_of
{
	my ($sub) = @_;
	return $cluster->value('SELECT source_address FROM cdc.subscription_position WHERE subscription = ?', $sub);
}

# For a diagnosis: what history has.
sub diagnose
{
	my ($sub, $source) = @_;
	my $history = $cluster->history_of($sub);
	my $rows = $cluster->rows("SELECT h.seq, op, source_table, position, gtid, commit, event->'data' FROM $history h ORDER BY seq DESC LIMIT 60");
	diag(join "\n", map { join ' ', map { $_ // '-' } @$_ } reverse @$rows);
	diag($cluster->state_of($sub), "source: ", $source->position, ' ', $source->gtid_set);
	return;
}

for my $flavour (qw(mariadb mysql56 mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	subtest $flavour => sub {
		my ($primary, $replica) = pair($flavour);
		my ($first, $second) = map { '127.0.0.1:' . $_->port } $primary, $replica;
		CdcIngest::Load->create_tables($primary, 'bank');
		# (an address that nobody listens at is passed over, too)
		my $nobody = '127.0.0.1:' . CdcIngest::Process::free_port();
		$cluster->add_source($flavour, $primary, host => "$nobody,$first, $second", port => 1,
			connect_timeout => '1s', heartbeat_interval => '300ms');
		$cluster->subscribe($flavour, $flavour, $flavour, tables => ['bank.*']);
		my $load = CdcIngest::Load->start($primary, 'bank', seed => 5, rate => 300);
		$cluster->poll("SELECT count(*) > 100 FROM $flavour.movement", 1);
		is(address_of($flavour), $first, 'the first host that answers is read');
		$load->stop;

		# what the replica never got must not be read around
		$replica->stop_replica;
		$primary->do("INSERT INTO bank.movement (source, target, amount) VALUES (1, 2, 0)");
		$cluster->catch_up($flavour);
		$primary->stop('KILL');
		my $lacks = '%lacks transactions that were read already%';
		$cluster->poll("SELECT count(*) FROM cdc.subscription_failure WHERE subscription = '$flavour' AND worker = 'pull'
			AND last_error LIKE '$lacks'", 1);
		pass('a replica that is behind is an error');
		$primary->start;
		my $word = $flavour eq 'mysql97' ? 'REPLICA' : 'SLAVE';
		$replica->do("START $word");
		$load = CdcIngest::Load->start($primary, 'bank', seed => 6, rate => 300);
		$cluster->poll("SELECT applied_seq > " . $cluster->value('SELECT last_seq FROM cdc.subscription_position WHERE subscription = ?', $flavour)
			  . " FROM cdc.subscription_progress WHERE subscription = '$flavour'", 1);
		pass('the old server is there again: the stream goes on');
		$load->stop;
		caught_up($primary, $replica);
		$cluster->catch_up($flavour);

		# the real thing; one primary dies, the other falls silent
		$flavour eq 'mariadb' ? $primary->freeze : $primary->stop('KILL');
		$replica->stop_replica(all => 1);
		$load = CdcIngest::Load->start($replica, 'bank', seed => 7, rate => 300);
		$cluster->poll("SELECT source_address FROM cdc.subscription_position WHERE subscription = '$flavour'", $second);
		$cluster->poll("SELECT applied_seq > " . $cluster->value('SELECT last_seq FROM cdc.subscription_position WHERE subscription = ?', $flavour)
			  . " FROM cdc.subscription_progress WHERE subscription = '$flavour'", 1);
		my $committed = $load->stop;
		$cluster->catch_up($flavour);
		$cluster->compare_ok($replica, 'bank', $flavour, "after the promotion and $committed transactions more")
		  or diagnose($flavour, $replica);
		$cluster->history_ok($flavour);
		is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '$flavour' AND kind = 'source' AND message = 'the source is another server than before'"),
			1, 'the log tells it, once');

		# the old one is back, and first in the list: the stream stays where it is
		if ($flavour eq 'mariadb') { $primary->thaw }
		else { $primary->start }
		$cluster->call($_, name => $flavour) for 'disable_subscription', 'enable_subscription';
		$replica->do("INSERT INTO bank.movement (id, source, target, amount) VALUES (99999999, 1, 2, 0)");
		$cluster->poll("SELECT count(*) FROM $flavour.movement WHERE id = 99999999", 1);
		is(address_of($flavour), $second, 'the host that is read is kept');

		# what is waited for is that one's, not what the first of the list has
		my $blocker = $cluster->connect;
		$blocker->begin_work;
		$blocker->do("LOCK TABLE $flavour.movement IN ACCESS EXCLUSIVE MODE");
		$replica->do("INSERT INTO bank.movement (id, source, target, amount) VALUES (99999998, 1, 2, 0)");
		is($cluster->value("SELECT cdc.wait_for('$flavour', timeout := '2 s')"), 0, 'wait_for asks the host that is read, not one that is behind it');
		$blocker->rollback;
		$primary->do("INSERT INTO bank.movement (id, source, target, amount) VALUES (99999997, 1, 2, 0)");
		is($cluster->value("SELECT cdc.wait_for('$flavour', timeout := '60 s')"), 1, '... nor one that goes its own way');
		is($cluster->value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $flavour.movement WHERE id > 99999990"), '99999998 99999999', '... and that is there');
		$cluster->call('drop_subscription', name => $flavour);
		$_->stop('KILL') for $primary, $replica;
	};
}

# Without GTIDs a position means nothing elsewhere.
for my $flavour (qw(mysql56 mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	my @servers = map { CdcIngest::Server->new($flavour, gtid => 0) } 1 .. 2;
	$_->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY)') for @servers;
	my $sub = "${flavour}_file";
	$cluster->add_source($sub, $servers[0], host => join(',', map { '127.0.0.1:' . $_->port } @servers));
	$cluster->subscribe($sub, $sub, $sub, tables => ['shop.*']);
	$servers[0]->do('INSERT INTO shop.t VALUES (1)');
	$cluster->catch_up($sub);
	$servers[0]->stop;
	$servers[1]->do('INSERT INTO shop.t VALUES (2)');
	$cluster->poll("SELECT count(*) FROM cdc.subscription_failure WHERE subscription = '$sub'
		AND last_error LIKE '%is another server than before%means nothing there%Go back to the old server%'", 1);
	is($cluster->value("SELECT string_agg(id::text, ' ') FROM $sub.t"), '1', "$flavour by file and offset: another server is an error, nothing is read");
	$servers[0]->start;
	$servers[0]->do('INSERT INTO shop.t VALUES (3)');
	$cluster->poll("SELECT count(*) FROM $sub.t WHERE id = 3", 1);
	is($cluster->value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $sub.t"), '1 3', '... and with the old one it goes on');
	$cluster->call('drop_subscription', name => $sub);

	# The same at one address, behind which servers are exchanged.  The new one wrote
	# as much as the old one: it can be read at the old one's position.
	$servers[1]->restart;
	$servers[1]->do('INSERT INTO shop.t VALUES (4)');
	is($servers[1]->position, $servers[0]->position, "$flavour: two servers at the same position");
	my $proxy = CdcIngest::TcpProxy->new($servers[0]->port);
	my $vip = "${flavour}_vip";
	$cluster->add_source($vip, $proxy);
	$cluster->subscribe($vip, $vip, $vip, tables => ['shop.*']);
	$cluster->catch_up($vip);
	$servers[1]->do(map { "INSERT INTO shop.t VALUES ($_)" } 101 .. 200);
	$proxy->upstream($servers[1]->port);
	$proxy->close_all;
	$cluster->poll("SELECT EXISTS (SELECT 1 FROM cdc.subscription_failure WHERE subscription = '$vip'
		AND last_error LIKE '%is another server than before%') OR EXISTS (SELECT 1 FROM $vip.t WHERE id > 100)", 1);
	is($cluster->value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $vip.t"), '1 3', "$flavour: another server at the same address is one, too");
	$cluster->call('drop_subscription', name => $vip);
	$proxy->stop;
	$_->stop('KILL') for @servers;
}

done_testing();
