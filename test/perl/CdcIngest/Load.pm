# A mixed write load on the source, run by a process of its own until it is told
# to stop: inserts, updates, key updates, deletes, transactions over several
# tables, rollbacks.  The same seed does the same statements in the same order.
#
# Money is only ever moved between accounts, so that at each commit of the
# source sum(balance) is $TOTAL: a reader of the replica who sees another sum saw
# half a transaction.
package CdcIngest::Load;

use strict;
use warnings;

use Time::HiRes qw(sleep time);
use CdcIngest::Process qw(fork_child reap is_running end_process);

our $ACCOUNTS = 200;
our $TOTAL = $ACCOUNTS * 1000;

sub create_tables
{
	my ($class, $server, $database) = @_;
	my $dbh = $server->connect;
	$dbh->do($_) for (
		"CREATE DATABASE $database CHARACTER SET utf8mb4",
		"CREATE TABLE $database.account (
			id int NOT NULL PRIMARY KEY, owner varchar(60) NOT NULL,
			balance decimal(14,2) NOT NULL, seen datetime(3))",
		"CREATE TABLE $database.purchase (
			id bigint unsigned NOT NULL PRIMARY KEY, account int NOT NULL,
			state enum('new','paid','sent','gone') NOT NULL, note text, weight double,
			at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))",
		"CREATE TABLE $database.item (
			purchase bigint unsigned NOT NULL, line smallint NOT NULL, sku varchar(40) NOT NULL,
			quantity int unsigned NOT NULL, price decimal(10,2), tag varbinary(16),
			PRIMARY KEY (purchase, line))",
		"CREATE TABLE $database.movement (
			id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, source int NOT NULL, target int NOT NULL,
			amount decimal(14,2) NOT NULL)");
	$dbh->begin_work;
	$dbh->do("INSERT INTO $database.account VALUES (?, ?, 1000, NULL)", undef, $_, "owner $_")
	  for 1 .. $ACCOUNTS;
	$dbh->commit;
	$dbh->disconnect;
	return;
}

sub tables { return qw(account purchase item movement) }

# Options: seed, keys (range of purchase numbers), rate (transactions per second,
# 0 = as fast as it goes), connect (default: the server's own).
sub start
{
	my ($class, $server, $database, %opt) = @_;
	my $self = bless { server => $server }, $class;
	pipe my $read, my $write or die "pipe: $!";
	$self->{read} = $read;
	$self->{pid} = fork_child(
		sub {
			close $read;
			$write->autoflush(1);
			my $n = _run($server, $database, %opt);
			print {$write} "$n\n";
		});
	close $write;
	return $self;
}

# Ends the load behind a whole transaction; how many were committed.
sub stop
{
	my ($self) = @_;
	die "the load ended by itself\n" unless is_running($self->{pid});
	kill 'TERM', $self->{pid};
	my $count = readline $self->{read};
	reap($self->{pid}, 60);
	die "the load failed\n" unless defined $count;
	chomp $count;
	return $count;
}

sub _run
{
	my ($server, $database, %opt) = @_;
	my $stop = 0;
	local $SIG{TERM} = sub { $stop = 1 };
	srand($opt{seed} // 1);
	my $keys = $opt{keys} // 2000;
	my ($dbh, $committed, $began) = (undef, 0, time);
	while (!$stop)
	{
		my $done = eval {
			$dbh //= $server->connect;
			_transaction($dbh, $database, $keys);
		};
		if (!defined $done)
		{
			my $error = $@;
			# Two writers on one row, or the server went away: both are part of life.
			if ($error =~ /Deadlock|Lock wait timeout|Duplicate entry/)
			{
				eval { $dbh->rollback; 1 } or $dbh = _forget($dbh);
			}
			elsif ($error =~ /gone away|Lost connection|connect|shutdown|terminated|interrupted/i)
			{
				$dbh = _forget($dbh);
				sleep 0.05;
			}
			else { die $error }
			next;
		}
		$committed += $done;
		sleep 0.0005 while $opt{rate} && !$stop && $committed > (time - $began) * $opt{rate};
	}
	return $committed;
}

# Of a connection that is broken already; nothing that it says matters.
sub _forget
{
	my ($dbh) = @_;
	local $SIG{__WARN__} = sub { };
	eval { $dbh->disconnect } if $dbh;
	return undef;
}

# One transaction; 1 when it committed, 0 when it rolled back on purpose.
sub _transaction
{
	my ($dbh, $database, $keys) = @_;
	my $rollback = rand() < 0.08;
	$dbh->begin_work;
	my $kind = rand;
	if ($kind < 0.35)
	{
		my ($from, $to) = map { 1 + int rand $ACCOUNTS } 1 .. 2;
		my $amount = sprintf '%d.%02d', rand 50, rand 100;
		$dbh->do("UPDATE $database.account SET balance = balance - ?, seen = now(3) WHERE id = ?",
			undef, $amount, $from);
		$dbh->do("UPDATE $database.account SET balance = balance + ? WHERE id = ?",
			undef, $amount, $to);
		$dbh->do("INSERT INTO $database.movement (source, target, amount) VALUES (?, ?, ?)",
			undef, $from, $to, $amount);
	}
	elsif ($kind < 0.65)
	{
		my $id = 1 + int rand $keys;
		my $lines = 1 + int rand 5;
		$dbh->do("DELETE FROM $database.item WHERE purchase = ?", undef, $id);
		$dbh->do("REPLACE INTO $database.purchase (id, account, state, note, weight) VALUES (?, ?, ?, ?, ?)",
			undef, $id, 1 + int rand $ACCOUNTS, (qw(new paid sent gone))[ rand 4 ],
			rand() < 0.1 ? undef : "note \x{e4}\x{1F600} " . ('x' x rand 80), rand 1e6);
		$dbh->do("INSERT INTO $database.item VALUES (?, ?, ?, ?, ?, ?)", undef, $id, $_,
			'sku-' . int(rand 1000), int rand 100, rand() < 0.1 ? undef : sprintf('%.2f', rand 500),
			pack('N', rand 2**32))
		  for 1 .. $lines;
	}
	elsif ($kind < 0.80)
	{
		$dbh->do("UPDATE $database.purchase SET state = ?, note = NULL WHERE id BETWEEN ? AND ?",
			undef, (qw(new paid sent gone))[ rand 4 ], $_, $_ + int rand 20)
		  for 1 + int rand $keys;
	}
	elsif ($kind < 0.88)
	{
		# Key updates: to a number behind the range and back, whichever is free.
		my $id = 1 + int rand $keys;
		my ($old, $new) = rand() < 0.5 ? ($id, $id + $keys) : ($id + $keys, $id);
		$dbh->do("UPDATE IGNORE $database.purchase SET id = ? WHERE id = ?", undef, $new, $old);
		$dbh->do("UPDATE IGNORE $database.item SET purchase = ? WHERE purchase = ?", undef, $new, $old);
	}
	else
	{
		my $id = 1 + int rand 2 * $keys;
		$dbh->do("DELETE FROM $database.item WHERE purchase = ?", undef, $id);
		$dbh->do("DELETE FROM $database.purchase WHERE id = ?", undef, $id);
	}
	if ($rollback) { $dbh->rollback; return 0 }
	$dbh->commit;
	return 1;
}

1;
