# A position that is no longer in the log it was taken from: the source's binlog is begun
# anew, the source set back to an older state or set up anew at the same address, numbers
# of transactions or files go back.  Nothing is read on; the error stays, whatever the
# source shows later; what its hint says ends in replicas that are equal.
#
# Takes 260 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;
use CdcIngest::TcpProxy;

my $cluster = CdcIngest::Cluster->new('identity');

sub reset_binlog
{
	my ($source) = @_;
	$source->do($source->flavour eq 'mysql97' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
	return;
}

# Some rows more.
my $last_id = 0;

sub insert
{
	my ($source, $rows) = @_;
	$source->do(map { $last_id++; "INSERT INTO shop.t VALUES ($last_id, 'v$last_id')" } 1 .. $rows);
	return;
}

sub create
{
	my ($source) = @_;
	$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(20))',
		'CREATE TABLE shop.keyless (v varchar(20))', q{INSERT INTO shop.keyless VALUES ('x'), ('x')});
	return;
}

# Removes all files but the newest.  A server keeps one while it believes that it is sent.
sub purge
{
	my ($source) = @_;
	$source->do('FLUSH LOGS');
	wait_until(
		60,
		sub {
			my ($file) = $source->position =~ /^(.*):/;
			$source->do("PURGE BINARY LOGS TO '$file'");
			return @{ $source->rows('SHOW BINARY LOGS') } == 1;
		}) or CdcIngest::Cluster::give_up('the binlogs are not purged');
	return;
}

# The subscription with its workers at the source as it is now.
sub subscribe
{
	my ($sub, $source, %server) = @_;
	$cluster->add_source($sub, $source, heartbeat_interval => '300ms', %server);
	$cluster->subscribe($sub, $sub, $sub, tables => ['shop.*']);
	$cluster->catch_up($sub);
	return;
}

my $GAP = 'LG001';

# Until pull has met the gap; returns what it says.
sub gap_of
{
	my ($sub) = @_;
	$cluster->poll("SELECT latched FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'", 1);
	return $cluster->value("SELECT last_sqlstate || ' ' || last_error FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'");
}

# The gap is told and nothing of the other log came; it stays when the source has gone
# far beyond the old position; the hint's statement ends it.
sub stands_and_is_mended
{
	my ($sub, $source, $what, $there) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $said = gap_of($sub);
	like($said, qr/^$GAP .*cdc\.restart_subscription\('$sub'\)/s, "$what: an error that says what to do");
	$source->do('FLUSH LOGS');
	insert($source, 100);
	my $failures = $cluster->value("SELECT failures FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'");
	$cluster->do("SELECT cdc.enable_subscription('$sub')");
	$cluster->poll("SELECT failures > $failures FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'", 1);
	is($cluster->value("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'"), 'error', "$what: it stays");
	is($cluster->value("SELECT count(*) FROM $sub.t"), $there, '... and nothing was read on');
	like($cluster->error_of("SELECT cdc.wait_for('$sub', timeout := '1 s')"), qr/not the one that was read|no longer in the binlog|go back|stands before the position that was read|runs without a binlog|without a GTID/, '... wait_for is not true');
	like($cluster->error_of("SELECT cdc.set_position('$sub', 'latest')"), qr/stands at a gap.*restart_subscription/s, '... set_position does not hide it');
	my ($statement) = $said =~ /(SELECT cdc\.restart_subscription\('[^;]*)/;
	$cluster->do($statement);
	insert($source, 10);
	$cluster->catch_up($sub);
	$cluster->compare_ok($source, 'shop', $sub, "... what the hint says ends equal");
	$cluster->history_ok($sub);
	$cluster->poll("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'", 'streaming');
	return;
}

sub drop { my ($sub, $source) = @_; $cluster->call('drop_subscription', name => $sub); $source->stop('KILL'); return }

# The state of a server that is down, and back to it.
sub keep_state { my ($source) = @_; my $dir = $source->{dir}; system("rm -rf '$dir/kept' && mkdir '$dir/kept' && cp -a '$dir/data' '$dir/binlog' '$dir/kept/'") == 0 or die 'cp'; return }
sub set_back { my ($source) = @_; my $dir = $source->{dir}; system("rm -rf '$dir/data' '$dir/binlog' && cp -a '$dir/kept/data' '$dir/kept/binlog' '$dir/'") == 0 or die 'cp'; return }

my @servers = grep { CdcIngest::Server->available($_->[0]) }
  ([ mariadb => 1 ], [ mariadb118 => 1 ], [ mysql56 => 1 ], [ mysql56 => 0 ], [ mysql97 => 1 ], [ mysql97 => 0 ]);
for my $case (@servers)
{
	my ($flavour, $gtid) = @$case;
	my $name = "${flavour}_" . ($gtid ? 'gtid' : 'file');
	subtest $name => sub {
		# While it runs: the server goes on sending the removed file, or ends the dump.
		my $source = CdcIngest::Server->new($flavour, gtid => $gtid);
		create($source);
		my $sub = "${name}_run";
		subscribe($sub, $source);
		insert($source, 20);
		$cluster->catch_up($sub);
		# in a later file than the first one, which there is again behind that
		$source->do('FLUSH LOGS', 'FLUSH LOGS') if $gtid;
		$cluster->catch_up($sub);
		reset_binlog($source);
		insert($source, 2);
		unlike(gap_of($sub), qr/no longer in the binlog/, 'begun anew while it runs: it is said so, and not that files were removed');
		stands_and_is_mended($sub, $source, 'begun anew while it runs', 20);

		# The same position again, and further, before anybody looks.
		$cluster->call('disable_subscription', name => $sub);
		$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
		my $there = $cluster->value("SELECT count(*) FROM $sub.t");
		reset_binlog($source);
		$source->do('FLUSH LOGS') for 1 .. 5;
		insert($source, 200);
		$source->do('DELETE FROM shop.t ORDER BY id LIMIT 10', q{INSERT INTO shop.keyless VALUES ('y')});
		like($cluster->error_of("SELECT cdc.pull('$sub')"), qr/not the one that was read/, 'begun anew while it is stopped: cdc.pull says so');
		is($cluster->value("SELECT count(*) FROM $sub.t"), $there, '... and reads nothing');
		$cluster->call('enable_subscription', name => $sub);
		stands_and_is_mended($sub, $source, 'begun anew while it is stopped', $there);

		# An old file that the server removes is none: all of it was read.
		insert($source, 5);
		$cluster->catch_up($sub);
		$cluster->call('disable_subscription', name => $sub);
		$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
		purge($source) if $gtid;
		insert($source, 5);
		$cluster->call('enable_subscription', name => $sub);
		$cluster->catch_up($sub);
		$cluster->compare_ok($source, 'shop', $sub, 'a file that is removed when it was read is no gap');
		# ... one that was not read is
		$cluster->call('disable_subscription', name => $sub);
		$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
		insert($source, 5);
		purge($source);
		$cluster->call('enable_subscription', name => $sub);
		stands_and_is_mended($sub, $source, 'removed before it was read', $cluster->value("SELECT count(*) FROM $sub.t"));

		# Set back to an older state of itself, as from a backup: first it stands before
		# the position, then beyond.
		insert($source, 5);
		$cluster->catch_up($sub);
		$source->stop;
		keep_state($source);
		$source->start;
		insert($source, 20);
		$cluster->catch_up($sub);
		$there = $cluster->value("SELECT count(*) FROM $sub.t");
		$source->stop;
		set_back($source);
		$source->start;
		stands_and_is_mended($sub, $source, 'set back to an older state', $there);

		# Set up anew at the same address, with as many transactions.
		$there = $cluster->value("SELECT count(*) FROM $sub.t");
		$source->stop;
		$source->set_up_anew;
		create($source);
		insert($source, 300);
		my $other = $source->is_mariadb ? qr/^$GAP .*not the one that was read/ :
		  $gtid ? qr/another server, which lacks transactions that were read already.*cdc\.restart_subscription/s :
		  qr/another server than before.*cdc\.restart_subscription/s;
		my $said;
		wait_until(60, sub {
				$said = $cluster->value("SELECT last_sqlstate || ' ' || last_error FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'") // '';
				return $said =~ $other;
			});
		like($said, $other, 'set up anew at the same address');
		is($cluster->value("SELECT count(*) FROM $sub.t"), $there, '... nothing is read');
		my ($statement) = $said =~ /(SELECT cdc\.restart_subscription\('[^;]*)/;
		$cluster->do($statement);
		insert($source, 5);
		$cluster->catch_up($sub);
		$cluster->compare_ok($source, 'shop', $sub, "... what the hint says ends equal");

		# Numbers that are set back by hand (MariaDB).
		if ($source->is_mariadb)
		{
			$there = $cluster->value("SELECT count(*) FROM $sub.t");
			$source->do('SET gtid_seq_no = 5');
			insert($source, 1);
			stands_and_is_mended($sub, $source, 'a number that goes back', $there);
		}

		# A restart of the server is none.
		$source->restart;
		insert($source, 5);
		$cluster->catch_up($sub);
		$cluster->compare_ok($source, 'shop', $sub, 'a server that is started again goes on');
		drop($sub, $source);
	};
}

# The server makes changes that it never sends: it runs without its binlog for a while, or makes
# transactions without a GTID.  What it sends afterwards does not hide it.
sub without_binlog
{
	my ($source, $sub) = @_;
	my $there = $cluster->value("SELECT count(*) FROM $sub.t");
	$source->stop;
	$source->{binlog} = 0;
	$source->start;
	insert($source, 3);
	like(gap_of($sub), qr/runs without a binlog/, 'without a binlog: it is said so');
	$source->stop;
	$source->{binlog} = 1;
	$source->start;
	insert($source, 3);
	stands_and_is_mended($sub, $source, 'with its binlog again', $there);
	return;
}

sub insert_without_gtid
{
	my ($source) = @_;
	my $dbh = $source->connect;
	$last_id++;
	$dbh->do($_) for 'SET GLOBAL gtid_mode = ON_PERMISSIVE', q{SET SESSION gtid_next = 'ANONYMOUS'}, "INSERT INTO shop.t VALUES ($last_id, 'x')",
	  q{SET SESSION gtid_next = 'AUTOMATIC'}, 'SET GLOBAL gtid_mode = ON';
	$dbh->disconnect;
	return;
}

for my $flavour (qw(mariadb mariadb118 mysql56 mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	subtest "$flavour, what is never sent" => sub {
		# (with GTIDs MySQL 5.6 does not run without a binlog)
		my $source = CdcIngest::Server->new($flavour, gtid => $flavour ne 'mysql56');
		create($source);
		my $sub = "${flavour}_unsent";
		subscribe($sub, $source);
		insert($source, 20);
		$cluster->catch_up($sub);
		without_binlog($source, $sub);
		if ($flavour eq 'mysql97')
		{
			my $there = $cluster->value("SELECT count(*) FROM $sub.t");
			insert_without_gtid($source);
			like(gap_of($sub), qr/transactions without a GTID, which it does not send/, 'a transaction without a GTID: it is said so');
			purge($source);
			stands_and_is_mended($sub, $source, 'the transaction is removed', $there);
			# before anybody could see it
			$there = $cluster->value("SELECT count(*) FROM $sub.t");
			$cluster->call('disable_subscription', name => $sub);
			$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
			insert_without_gtid($source);
			purge($source);
			insert($source, 1);
			$cluster->call('enable_subscription', name => $sub);
			stands_and_is_mended($sub, $source, 'one that is removed before anybody looks', $there);
		}
		drop($sub, $source);
	};
}

# Two servers of MariaDB that have nothing to do with each other, and the same numbers: at
# the address of the one there is the other.
for my $flavour (qw(mariadb mariadb118))
{
	next unless CdcIngest::Server->available($flavour);
	my @servers = map { CdcIngest::Server->new($flavour, args => ['--server-id=1']) } 1, 2;
	my $sub = "${flavour}_vip";
	my $proxy = CdcIngest::TcpProxy->new($servers[0]->port);
	for my $source (@servers)
	{
		reset_binlog($source);
		create($source);
	}
	insert($servers[0], 20);
	$cluster->add_source($sub, $proxy, heartbeat_interval => '300ms');
	$cluster->subscribe($sub, $sub, $sub, tables => ['shop.*']);
	insert($servers[0], 20);
	$cluster->catch_up($sub);
	# (time is what tells the two apart)
	my $now = $servers[1]->value('SELECT unix_timestamp()');
	wait_until(60, sub { $servers[1]->value('SELECT unix_timestamp()') > $now + 1 });
	insert($servers[1], 45);
	$proxy->upstream($servers[1]->port);
	$proxy->close_all;
	$cluster->poll("SELECT last_error LIKE '%another transaction with the GTID that was read last%' FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'", 1);
	is($cluster->value("SELECT count(*) FROM $sub.t"), 40, "$flavour: another server with the same numbers is an error, nothing is read");
	$proxy->upstream($servers[0]->port);
	insert($servers[0], 1);
	$cluster->catch_up($sub);
	$cluster->compare_ok($servers[0], 'shop', $sub, '... and with the old one it goes on');
	$cluster->call('drop_subscription', name => $sub);
	$proxy->stop;
	$_->stop('KILL') for @servers;
}

# A true replica, and back: its commits have other times than those of its source.
for my $flavour (qw(mariadb mariadb118))
{
	next unless CdcIngest::Server->available($flavour);
	my ($primary, $replica) = map { CdcIngest::Server->new($flavour, args => ['--log-slave-updates']) } 1, 2;
	my $sub = "${flavour}_pair";
	my $proxy = CdcIngest::TcpProxy->new($primary->port);
	reset_binlog($_) for $primary, $replica;
	$replica->do("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = " . $primary->port . ", MASTER_USER = 'root', MASTER_USE_GTID = slave_pos", 'START SLAVE');
	create($primary);
	$cluster->add_source($sub, $proxy, heartbeat_interval => '300ms');
	$cluster->subscribe($sub, $sub, $sub, tables => ['shop.*']);
	for my $to ($replica, $primary)
	{
		$primary->do('BEGIN');
		insert($primary, 1);
		my $now = $primary->value('SELECT unix_timestamp()');
		wait_until(60, sub { $primary->value('SELECT unix_timestamp()') > $now + 1 });
		$primary->do('COMMIT');
		wait_until(60, sub { $primary->gtid_set eq $replica->gtid_set });
		$cluster->catch_up($sub);
		$proxy->upstream($to->port);
		$proxy->close_all;
		$cluster->catch_up($sub);
		$cluster->poll("SELECT source_uuid LIKE '%/" . $to->port . "' FROM cdc.subscription_position WHERE subscription = '$sub'", 1);
	}
	is($cluster->value("SELECT count(*) FROM $sub.t"), 2, "$flavour: to a true replica and back the stream goes on");
	$cluster->call('drop_subscription', name => $sub);
	$proxy->stop;
	$_->stop('KILL') for $primary, $replica;
}

# What set_position and restart_subscription do with what waits at the old place.
for my $flavour (qw(mariadb mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	subtest "$flavour, what waits" => sub {
		my $source = CdcIngest::Server->new($flavour);
		create($source);
		$source->do('CREATE TABLE shop.late (id int PRIMARY KEY)', 'INSERT INTO shop.late VALUES (1), (2)');
		my $sub = "${flavour}_waits";
		$cluster->add_source($sub, $source);
		$cluster->subscribe($sub, $sub, $sub, tables => [ 'shop.t', 'shop.keyless' ], enabled => \'false');
		$cluster->value("SELECT cdc.pull('$sub')");

		# a copy that the stream has not come to, of a table that is removed then
		my $copied = sub {
			insert($source, 3);
			$cluster->call('add_table', subscription => $sub, source_table => 'shop.late');
			$cluster->value("SELECT cdc.pull('$sub', 1)");
			is($cluster->value("SELECT state FROM cdc.subscription_table WHERE subscription = '$sub' AND source_table = 'shop.late'"), 'f', 'a copy waits for the stream');
		};
		$copied->();
		like($cluster->error_of("SELECT cdc.set_position('$sub', 'latest')"), qr/are being copied.*To give the copies up: SELECT cdc\.restart_subscription\('$sub'\)/s, 'set_position says what to do');
		$cluster->call('remove_table', subscription => $sub, source_table => 'shop.late');
		$cluster->do("SELECT cdc.set_position('$sub', 'latest')");
		pass('with its table gone nothing waits');
		$copied->();
		insert($source, 3);
		$cluster->do("SELECT cdc.restart_subscription('$sub')");
		insert($source, 3);
		$source->do('DELETE FROM shop.late WHERE id = 1', q{UPDATE shop.keyless SET v = 'z' LIMIT 1});
		$cluster->value("SELECT cdc.pull('$sub')");
		$cluster->rows("SELECT * FROM cdc.apply('$sub')");
		$cluster->compare_ok($source, 'shop', $sub, 'the statement of its hint ends equal');

		# a prepared transaction that ends behind the gap
		my $other = $source->connect;
		$other->do($_) for q{XA START 'x1'}, q{INSERT INTO shop.t VALUES (90001, 'xa')}, q{XA END 'x1'}, q{XA PREPARE 'x1'};
		$cluster->value("SELECT cdc.pull('$sub')");
		is($cluster->value("SELECT count(DISTINCT xid) FROM cdc.prepared_transaction WHERE subscription = '$sub'"), 1, 'a prepared transaction waits');
		$cluster->do("SELECT cdc.restart_subscription('$sub')");
		$cluster->value("SELECT cdc.pull('$sub')");
		$other->do(q{XA COMMIT 'x1'});
		$other->disconnect;
		$cluster->value("SELECT cdc.pull('$sub')");
		$cluster->rows("SELECT * FROM cdc.apply('$sub')");
		is($cluster->value("SELECT count(*) FROM $sub.t WHERE id = 90001"), 1, '... and its commit behind a restart has its rows');
		$cluster->compare_ok($source, 'shop', $sub, 'replica and source are equal');

		# a table that came in the gap; a position to start at; without a copy
		$source->do('CREATE TABLE shop.in_gap (id int PRIMARY KEY)', 'INSERT INTO shop.in_gap VALUES (1)');
		$cluster->call('create_subscription', name => "${sub}_all", server => $sub, tables => ['shop.*'], target_schema => undef,
			history => 'public.' . "${sub}_all", enabled => \'false');
		$cluster->value("SELECT cdc.pull('${sub}_all')");
		$source->do('CREATE TABLE shop.in_gap2 (id int PRIMARY KEY)', 'INSERT INTO shop.in_gap2 VALUES (1), (2)');
		my $place = $source->gtid_set;
		insert($source, 2);
		$cluster->do("SELECT cdc.restart_subscription('${sub}_all', '$place')");
		$cluster->value("SELECT cdc.pull('${sub}_all')");
		is($cluster->value("SELECT count(*) FROM public.${sub}_all WHERE source_table = 'shop.in_gap2' AND op = 'r'"), 2, 'a table that came in the gap is copied');
		is($cluster->value("SELECT count(*) FROM public.${sub}_all WHERE source_table = 'shop.t' AND op = 'c'"), 2, '... read is from the given position');
		my $copies = $cluster->value("SELECT count(*) FROM public.${sub}_all WHERE op = 'r'");
		insert($source, 4);
		$cluster->do("SELECT cdc.restart_subscription('${sub}_all', 'latest', resync := false)");
		insert($source, 1);
		$cluster->value("SELECT cdc.pull('${sub}_all')");
		is($cluster->value("SELECT count(*) FROM public.${sub}_all WHERE source_table = 'shop.t' AND op = 'c'"), 3, 'without resync: what is between is left out');
		is($cluster->value("SELECT count(*) FROM public.${sub}_all WHERE op = 'r'"), $copies, '... and nothing is copied');
		$cluster->call('drop_subscription', name => $_) for $sub, "${sub}_all";
		$source->stop('KILL');
	};
}

done_testing();
