#!/usr/bin/perl
# Decoding alone, side by side with other decoders, on the same binlog of MySQL 9.7;
# started by test/bench/run.  What each does: event JSON of each row; "rows" is without
# the JSON.  go-mysql and ours read the file from memory, the others from the server.
# A peer that could not be installed is said to be missing and makes the run fail.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Bench;
use Workload;
use CdcIngest::Process qw(fork_child end_process reap wait_until);
use CdcIngest::Server;

$| = 1;
my $rows = size(CDC_BENCH_DECODE => 300_000);
my $missing = 0;
my $no_peers = ($ENV{CDC_BENCH_PEERS} // '') eq 'no';

my $source = CdcIngest::Server->new('mysql97', args => [ '--max-binlog-size=1G', '--innodb-buffer-pool-size=512M' ]);

# The rows, each kind in a binlog file of its own.
sub make_loads
{
	my $dbh = $source->dbh;
	$source->do('CREATE DATABASE bench CHARACTER SET utf8mb4', Workload::table_sql('bench.w'), Workload::mixed_sql(),
		'CREATE TABLE bench.n (id int NOT NULL PRIMARY KEY, a int NOT NULL, b int NOT NULL)',
		'CREATE TABLE bench.mark (id int NOT NULL PRIMARY KEY)');
	note_place();
	my %fill = (
		narrow => sub {
			for (my $id = 1; $id <= $rows; $id += 1000)
			{
				$dbh->do('INSERT INTO bench.n VALUES ' . join ',', map { "($_," . $_ * 7 . ',' . -$_ . ')' } $id .. $id + 999);
			}
		},
		usual => sub { Workload::fill($dbh, 'bench.w', $rows) },
		mixed => sub { $dbh->do('CALL bench.mixed(' . int($rows / 8) . ", $rows)") });
	my @loads;
	for my $name (qw(narrow usual mixed))
	{
		$source->do('FLUSH BINARY LOGS');
		my ($file) = split /:/, $source->position;
		$fill{$name}->();
		my ($end_file, $end) = split /:/, $source->position;
		die "the binlog was rotated\n" if $end_file ne $file;
		push @loads, { name => $name, file => $file, end => $end, path => $source->dir . "/binlog/$file" };
	}
	return @loads;
}

# Debezium has to know where the binlog stood before the loads.
sub note_place
{
	return unless $ENV{CDC_PEER_DEBEZIUM};
	progress('Debezium notes its place');
	mkdir "$ENV{TMPDIR}/debezium";
	my $pid = fork_child(
		sub {
			open STDOUT, '>&', \*STDERR or die;
			debezium(0);
		});
	my $n = 0;
	my $ended = wait_until(120, sub { $source->do('INSERT INTO bench.mark VALUES (' . ++$n . ')'); return -e "$ENV{TMPDIR}/debezium/done" });
	die "Debezium did not start\n" unless $ended;
	reap($pid, 60);
	return;
}

# Runs to its end; rows and seconds, or nothing.
sub debezium
{
	my ($wanted) = @_;
	my $dir = "$ENV{TMPDIR}/debezium";
	open my $fh, '-|', 'sh', '-c', 'exec java -cp "$1" Decode "$2" "$3" "$4" 2>"$3/log"', 'sh',
	  "$ENV{CDC_PEER_DEBEZIUM}:$ENV{CDC_PEER_DEBEZIUM}/lib/*", $source->port, $dir, $wanted
	  or die "java: $!\n";
	my @lines = <$fh>;
	my $ok = close $fh;
	if (!$wanted) { open my $done, '>', "$dir/done"; return }
	die "Debezium failed, see $dir/log\n" unless $ok && @lines;
	return split ' ', $lines[-1];
}

# Changes a second of our decoder, and megabytes; the best of some rounds, as for go-mysql.
sub ours
{
	my ($load, @mode) = @_;
	my @best = (0, 0);
	for (1 .. 5)
	{
		my $line = Workload::output($ENV{CDC_DECODE}, @mode, '--count', $load->{path});
		my ($changes, $mb, $rate) = $line =~ m{^(\d+) changes, [\d.]+ s, ([\d.]+) MB/s, ([\d.]+) changes/s}
		  or die "not understood: $line\n";
		$load->{rows} = $changes;
		@best = ($rate, $mb) if $rate > $best[0];
	}
	return @best;
}

my @loads = make_loads();
for my $load (@loads)
{
	my ($json) = ours($load);
	my ($plain, $mb) = ours($load, '--plain');
	progress('%s: %d rows, %d MB', $load->{name}, $load->{rows}, (-s $load->{path}) / 1e6);
	my $name = "decode_$load->{name}";
	result("${name}_changes", $plain, 2_000_000, sprintf 'rows/s, %.0f MB/s (baseline: the bound, or 500 MB/s)', $mb);
	next if $no_peers;
	my %peer = (
		'go-mysql' => [
			$ENV{CDC_PEER_GO},
			sub { my ($mode) = @_; split ' ', Workload::output($ENV{CDC_PEER_GO}, $load->{path}, $mode) } ],
		'python-mysql-replication' => [
			$ENV{CDC_TEST_PYTHON},
			sub {
				my ($mode) = @_;
				split ' ', Workload::output($ENV{CDC_TEST_PYTHON}, "$FindBin::Bin/peers/decode.py", $source->port,
					$load->{file}, 4, $load->{file}, $load->{end}, $mode);
			} ]);
	for my $peer (sort keys %peer)
	{
		my ($there, $run) = @{ $peer{$peer} };
		if (!$there) { $missing++; print "$name MISSING PEER: $peer could not be had\n"; next }
		for my $mode ('json', $peer eq 'go-mysql' ? 'rows' : ())
		{
			my ($n, $seconds) = $run->($mode);
			die "$peer saw $n rows, not $load->{rows}\n" if $n != $load->{rows};
			result($name . '_json', $json, $n / $seconds, "rows/s (baseline: $peer" . ($mode eq 'json' ? ')' : ', rows only)'));
		}
	}
}
if ($ENV{CDC_PEER_DEBEZIUM})
{
	# One run over all loads: it goes on from the place it noted.
	my $all = 0;
	$all += $_->{rows} for @loads;
	my ($n, $seconds) = debezium($all);
	my $ours = 0;
	$ours += $_->{rows} / (ours($_))[0] for @loads;
	result('decode_all_json', $all / $ours, $n / $seconds, 'rows/s (baseline: Debezium)');
}
elsif (!$no_peers) { $missing++; print "decode_all MISSING PEER: Debezium could not be had\n" }
$source->stop;
exit($missing ? 1 : 0);
