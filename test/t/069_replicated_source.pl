# A source that is itself a replica, or leaves something out of its binlog: what does not
# come is told, when a subscription is made, at each connection and by check_server.
#
# Takes 90 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('replicated');

sub create
{
	my ($source, $database) = @_;
	$source->do("CREATE DATABASE $database", "CREATE TABLE $database.t (id int PRIMARY KEY, v varchar(20))");
	return;
}

sub said { my ($server, $check) = @_; return $cluster->rows('SELECT ok, detail, hint FROM cdc.check_server(?) WHERE check_name = ?', $server, $check)->[0] // [] }

# A replica that does not write what it replicates, the default of MariaDB and MySQL 5.6.
for my $case ([ mariadb => 1 ], [ mariadb118 => 1 ], [ mysql56 => 0 ], [ mysql97 => 0 ])
{
	my ($flavour, $gtid) = @$case;
	next unless CdcIngest::Server->available($flavour);
	subtest $flavour => sub {
		my $primary = CdcIngest::Server->new($flavour, gtid => $gtid);
		my $replica = CdcIngest::Server->new($flavour, gtid => $gtid,
			args => $primary->is_mariadb ? ['--gtid-domain-id=7'] : $flavour eq 'mysql97' ? ['--log-replica-updates=OFF'] : []);
		if ($primary->is_mariadb) { $_->do('RESET MASTER') for $primary, $replica }
		$cluster->add_source("${flavour}_p", $primary,
			host => join(',', map { '127.0.0.1:' . $_->port } $primary, $replica), connect_timeout => '1s', heartbeat_interval => '300ms');
		$cluster->add_source("${flavour}_r", $replica, heartbeat_interval => '300ms');

		# a subscription to the replica from the time before it was one
		create($replica, 'own');
		$cluster->subscribe("${flavour}_own", "${flavour}_r", "${flavour}_own", tables => ['own.*']);
		$cluster->catch_up("${flavour}_own");
		$replica->replicate_from($primary, file => !$gtid);
		create($primary, 'shop');
		$primary->do(map { "INSERT INTO shop.t VALUES ($_, 'x')" } 1 .. 5);
		wait_until(60, sub { eval { $replica->value('SELECT count(*) FROM shop.t') } // 0 == 5 });

		my $row = said("${flavour}_r", 'log_slave_updates');
		ok(!$row->[0], 'check_server says that it lacks what it replicates');
		if ($primary->is_mariadb)
		{
			like($row->[1], qr/its binlog lacks what it replicated: 0-\d+-\d+/, '... which, without a privilege more');
			my $notices = $cluster->notices_of($cluster->call_sql('create_subscription', name => "${flavour}_w", server => "${flavour}_r",
				tables => ['shop.*'], enabled => \'false'));
			like($notices, qr/may lack what the source replicates.*GRANT SLAVE MONITOR/s, 'creating a subscription warns, and asks for the privilege');
			$replica->do("GRANT SLAVE MONITOR ON *.* TO cdc\@'127.0.0.1'");
		}
		like($cluster->error_of($cluster->call_sql('create_subscription', name => "${flavour}_e", server => "${flavour}_r", tables => ['shop.*'])),
			qr/does not write what it replicates.*log_slave_updates/s, 'creating a subscription to it is an error');
		$cluster->do("SELECT cdc.disable_subscription('${flavour}_own')");
		$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '${flavour}_own'", 1);
		like($cluster->error_of("SELECT cdc.pull('${flavour}_own')"), qr/does not write what it replicates/, '... so is a connection');
		$replica->stop_replica;
		$cluster->value("SELECT cdc.pull('${flavour}_own')");
		is($cluster->value("SELECT count(*) > 0 FROM cdc.log WHERE subscription = '${flavour}_own' AND message LIKE '%does not write what it replicates%'"),
			1, 'one that does not run now: the log says so');
		$cluster->call('drop_subscription', name => "${flavour}_own");

		# Fail-over to it.
		if ($primary->is_mariadb)
		{
			my $sub = "${flavour}_p";
			$cluster->subscribe($sub, $sub, $sub, tables => ['shop.*']);
			$cluster->catch_up($sub);
			$cluster->do("SELECT cdc.disable_subscription('$sub')");
			$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
			$primary->do(map { "INSERT INTO shop.t VALUES ($_, 'x')" } 101 .. 105);
			$replica->do('START SLAVE');
			wait_until(60, sub { $replica->value('SELECT count(*) FROM shop.t') == 10 });
			$replica->stop_replica;
			$replica->do('RESET SLAVE ALL');
			$primary->stop('KILL');
			$replica->do("INSERT INTO shop.t VALUES (201, 'own')");
			my $error = $cluster->error_of("SELECT cdc.pull('$sub')");
			like($error, qr/has replicated transactions that are not in its binlog/, 'a fail-over to it is an error');
			is($cluster->value("SELECT count(*) FROM $sub.t"), 5, '... and nothing is read');
			my ($statement) = $error =~ /(SELECT cdc\.restart_subscription\('[^;]*)/;
			$cluster->do($statement, "SELECT cdc.enable_subscription('$sub')");
			$cluster->catch_up($sub);
			$cluster->compare_ok($replica, 'shop', $sub, '... what the hint says ends equal');
			$cluster->call('drop_subscription', name => $sub);
			$cluster->call('drop_subscription', name => "${flavour}_w");
		}
		$_->stop('KILL') for $primary, $replica;
	};
}

# What a server leaves out.
for my $flavour (qw(mariadb mysql56 mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	my $source = CdcIngest::Server->new($flavour, args => [ '--binlog-ignore-db=hidden', '--replicate-ignore-db=other' ]);
	create($source, $_) for qw(hidden shop);
	my $server = "${flavour}_filters";
	$cluster->add_source($server, $source);
	my $row = said($server, 'binlog filters');
	ok(!$row->[0] && $row->[1] =~ /binlog_ignore_db = hidden/, "$flavour: check_server has the filter of the binlog");
	my $sql = sub { return $cluster->call_sql('create_subscription', name => $_[0], server => $server, tables => $_[1], enabled => \'false') };
	like($cluster->notices_of($sql->("${flavour}_hidden", ['*.*'])), qr/not in the binlog of their source.*hidden\.t/s, '... creating a subscription names the tables');
	my $notices = $cluster->notices_of($sql->("${flavour}_shop", ['shop.*']));
	unlike($notices, qr/not in the binlog/, '... and others not');
	like($notices, qr/may lack DDL of its tables.*binlog_ignore_db = hidden\. Such a filter goes by the session's default database/s, '... and that DDL of these may be lost');
	$source->stop('KILL');
}

# A member of a replication group that has left it.
SKIP:
{
	skip 'no MySQL 9.7', 3 unless CdcIngest::Server->available('mysql97');
	my $port = CdcIngest::Process::free_port();
	my $source = CdcIngest::Server->new('mysql97', args => [
		'--performance-schema=ON', '--plugin-load-add=group_replication.so', '--loose-group-replication-start-on-boot=OFF',
		'--loose-group-replication-group-name=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
		"--loose-group-replication-local-address=127.0.0.1:$port", "--loose-group-replication-group-seeds=127.0.0.1:$port" ]);
	$source->do('SET GLOBAL group_replication_bootstrap_group = ON', 'START GROUP_REPLICATION', 'SET GLOBAL group_replication_bootstrap_group = OFF');
	wait_until(60, sub { ($source->value('SELECT MEMBER_STATE FROM performance_schema.replication_group_members') // '') eq 'ONLINE' });
	create($source, 'shop');
	$cluster->add_source('member', $source, heartbeat_interval => '300ms');
	$cluster->subscribe('member', 'member', 'member', tables => ['shop.*']);
	$source->do(q{INSERT INTO shop.t VALUES (1, 'x')});
	$cluster->catch_up('member');
	is($cluster->value('SELECT count(*) FROM member.t'), 1, 'a member of a group is read');
	$source->do('STOP GROUP_REPLICATION');
	like($cluster->error_of(q{SELECT cdc.wait_for('member', timeout := '5 s')}), qr/no working member of its replication group.*OFFLINE/s,
		'one that has left it: wait_for is not true');
	my $row = said('member', 'group member');
	ok(defined $row->[0] && !$row->[0], '... check_server says so');
	$cluster->call('drop_subscription', name => 'member');
	$source->stop('KILL');
}

# A replica, or a copy of the subscription in another cluster, with our server id: MariaDB
# ends the dump of the one that was there before, whose next connection ends the other's.
for my $flavour (qw(mariadb mariadb118))
{
	next unless CdcIngest::Server->available($flavour);
	my $source = CdcIngest::Server->new($flavour);
	my $replica = CdcIngest::Server->new($flavour, args => ['--server-id=4711']);
	$_->do('RESET MASTER') for $source, $replica;
	create($source, 'shop');
	for my $n (1, 2)
	{
		my $sub = "${flavour}_same$n";
		$cluster->add_source($sub, $source, heartbeat_interval => '300ms');
		$cluster->subscribe($sub, $sub, $sub, tables => ['shop.*'], enabled => \'false');
		# the id of the worker's dump
		my $base = 4711 - 1 - 2 * $cluster->value('SELECT id FROM cdc.subscription WHERE name = ?', $sub);
		$cluster->do("ALTER SERVER $sub OPTIONS (ADD server_id '$base')");
	}
	$replica->replicate_from($source, file => 1);
	wait_until(60, sub { ($replica->value('SELECT count(*) FROM information_schema.tables WHERE table_schema = "shop"') // 0) == 1 });
	$cluster->do("SELECT cdc.enable_subscription('${flavour}_same$_')") for 1, 2;
	for my $n (1, 2)
	{
		$cluster->poll("SELECT count(*) > 0 FROM cdc.log WHERE subscription = '${flavour}_same$n' AND message LIKE '%uses our server id: another one is taken'", 1);
	}
	$source->do('INSERT INTO shop.t VALUES (1, 1)');
	$cluster->catch_up("${flavour}_same$_") for 1, 2;
	$cluster->poll("SELECT count(*) FROM cdc.stat_subscription WHERE subscription LIKE '${flavour}_same%' AND state = 'streaming'", 2);
	ok(wait_until(60, sub { $replica->value('SELECT count(*) FROM shop.t') == 1 }), "$flavour: three replicas with one server id: all go on");
	$cluster->call('drop_subscription', name => "${flavour}_same$_") for 1, 2;
	$_->stop('KILL') for $source, $replica;
}

done_testing();
