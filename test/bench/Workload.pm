# The loads of the benchmarks: W1, rows inserted in bulk; W2, mixed transactions;
# and a steady writer for the latency.
package Workload;

use strict;
use warnings;

use Bench qw(size);
use Time::HiRes qw(sleep time);
use CdcIngest::Process qw(fork_child);

our $W1_ROWS = size(CDC_BENCH_W1 => 500_000);
our $W2_TRANSACTIONS = size(CDC_BENCH_W2 => 100_000);

# Makes both; where each begins and ends in the binlog, and W1's row events.
sub generate
{
	my ($source) = @_;
	$source->do('CREATE DATABASE bench CHARACTER SET utf8mb4', table_sql('bench.w'), mixed_sql());
	my %w1 = (from => $source->position, events => $W1_ROWS);
	my $dbh = $source->dbh;
	fill($dbh, 'bench.w', $W1_ROWS);
	$w1{to} = $source->position;
	my %w2 = (from => $w1{to}, events => 4 * $W2_TRANSACTIONS);
	$dbh->do("CALL bench.mixed($W2_TRANSACTIONS, $W1_ROWS)");
	$w2{to} = $source->position;
	return (\%w1, \%w2);
}

sub table_sql
{
	my ($table) = @_;
	return <<"SQL";
CREATE TABLE $table (id bigint NOT NULL PRIMARY KEY, customer int NOT NULL,
	status enum('new', 'paid', 'sent') NOT NULL, amount decimal(12,2) NOT NULL,
	note varchar(200), created datetime NOT NULL, changed datetime(6) NOT NULL)
SQL
}

# So many rows, a thousand in a statement.
sub fill
{
	my ($dbh, $table, $rows) = @_;
	my $note = 'a note as customers write them, of some length and without much sense, number';
	for (my $id = 1; $id <= $rows; $id += 1000)
	{
		my $last = $id + 999 > $rows ? $rows : $id + 999;
		$dbh->do("INSERT INTO $table VALUES " . join ',', map {
				sprintf "(%d,%d,%d,%d.%02d,'%s %d','2024-01-01 00:00:00','2024-05-06 07:08:09.123456')",
				  $_, $_ % 1000, 1 + $_ % 3, $_ % 5000, $_ % 100, $note, $_
		} $id .. $last);
	}
	return;
}

# As many rows as W1, then each of them changed once, in an order of no sense.
sub generate_own
{
	my ($source) = @_;
	my %own = (from => $source->position);
	$source->do('CREATE TABLE bench.own LIKE bench.w',
		"INSERT INTO bench.own SELECT * FROM bench.w WHERE id <= $W1_ROWS",
		'UPDATE bench.own SET status = 2, amount = amount + 1.5, changed = now(6) ORDER BY crc32(id)');
	return \%own;
}

# Each transaction: an insert, two updates, and a delete or another insert.  By the
# server itself, because a client would need minutes.
sub mixed_sql
{
	return <<'SQL';
CREATE PROCEDURE bench.mixed(IN transactions int, IN existing int)
BEGIN
	DECLARE i int DEFAULT 0;
	DECLARE next_id bigint DEFAULT existing + 1;
	SET @w = 1;
	WHILE i < transactions DO
		START TRANSACTION;
		INSERT INTO bench.w VALUES (next_id, i % 1000, 1, i % 777, concat('order number ', i, ' of the mixed load'), now(), now(6));
		UPDATE bench.w SET status = 2, amount = amount + 1.5, changed = now(6) WHERE id = 1 + (i * 7919) % existing;
		UPDATE bench.w SET note = concat('changed in transaction ', i), changed = now(6) WHERE id = 1 + (i * 104729) % existing;
		IF i % 2 = 0 THEN
			DELETE FROM bench.w WHERE id = existing + 1 + (i DIV 2);
		ELSE
			INSERT INTO bench.w VALUES (next_id + 1000000000, i % 1000, 3, 0.01, NULL, now(), now(6));
		END IF;
		COMMIT;
		SET next_id = next_id + 1;
		SET i = i + 1;
	END WHILE;
END
SQL
}

# The last line that a program prints (the decoder also prints advice).
sub output
{
	my (@command) = @_;
	open my $fh, '-|', @command or die "$command[0]: $!\n";
	my @lines = <$fh>;
	close $fh or die "@command failed\n";
	return $lines[-1];
}

# A child that writes to the returned handle.
sub pipe_child
{
	my ($code) = @_;
	pipe my $read, my $write or die "pipe: $!";
	my $pid = fork_child(sub { close $read; $code->($write); close $write });
	close $write;
	return ($pid, $read);
}

# One row a transaction, so many a second; tells id and time of each commit, all at
# the end (a pipe holds less than that).
sub write_at_rate
{
	my ($source, $rate, $duration, $to) = @_;
	my $dbh = $source->connect;
	my $sth = $dbh->prepare('INSERT INTO lat.t VALUES (?, ?, ?)');
	my ($start, @committed) = (time);
	for my $id (1 .. $rate * $duration)
	{
		my $wait = $start + $id / $rate - time;
		sleep $wait if $wait > 0;
		$sth->execute($id, "value $id", $id / 100);
		$committed[$id] = time;
	}
	print {$to} map { "$_ $committed[$_]\n" } 1 .. $#committed;
	return;
}

1;
