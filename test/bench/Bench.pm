# What the benchmarks share: the PostgreSQL they run in, the clock, lines of results.
package Bench;

use strict;
use warnings;

use CdcIngest::Postgres;
use CdcIngest::Process qw(own_memory_kb);
use DBD::Pg qw(:async);
use Exporter 'import';
use POSIX qw(ceil);
use Time::HiRes qw(sleep time);

our @EXPORT = qw(size progress result open_database close_database measured value better warm_up peak_memory_mb);

my $began = time;
my ($pg, $dbh);

# How many rows or messages: what the environment says, or so many thousands; fewer with
# CDC_BENCH_SCALE.
sub size
{
	my ($variable, $default) = @_;
	return $ENV{$variable} if defined $ENV{$variable};
	return 1000 * ceil($default * ($ENV{CDC_BENCH_SCALE} // 1) / 1000);
}

sub progress { printf STDERR "[%6.1f s] %s\n", time - $began, sprintf shift, @_; return }

# better: 'more' (the default) or 'less'.  ratio is always such that more is better.
sub result
{
	my ($name, $ours, $baseline, $unit, $better) = @_;
	my $ratio = ($better // 'more') eq 'more' ? $ours / $baseline : $baseline / ($ours || 1e-9);
	printf "%s ours=%.*f baseline=%.*f ratio=%.2f %s\n", $name, $ours < 100 ? 2 : 0, $ours,
	  $baseline < 100 ? 2 : 0, $baseline, $ratio, $unit;
	return;
}

sub better { my ($a, $b) = @_; return $a > $b ? $a : $b }

# Both sides of each comparison run in the same PostgreSQL, fsync on.
sub open_database
{
	$pg = CdcIngest::Postgres->new(conf => <<'CONF');
shared_buffers = '512MB'
max_wal_size = '8GB'
min_wal_size = '8GB'
checkpoint_timeout = '1h'
autovacuum = off
work_mem = '256MB'
CONF
	$dbh = $pg->connect;
	$dbh->do('CREATE EXTENSION cdc_ingest');
	return ($pg, $dbh);
}

sub close_database { $dbh->disconnect; $pg->stop; return }

# The first to write much WAL would pay for making its files, who comes later only
# uses them again: they are made before anything is measured.
sub warm_up
{
	progress('making WAL files');
	my $rows = size(CDC_BENCH_WARM_ROWS => 2_000_000);
	$dbh->do("CREATE TABLE warm AS SELECT g, repeat(md5(g::text), 30) AS filler FROM generate_series(1, $rows) g");
	$dbh->do('DROP TABLE warm');
	$dbh->do('CHECKPOINT');
	return;
}

# Each measured part starts behind a checkpoint, so that nobody pays for another's
# dirty pages.
sub measured
{
	my ($code) = @_;
	$dbh->do('CHECKPOINT');
	my $start = time;
	$code->();
	return time - $start;
}

sub value { return scalar $dbh->selectrow_array(@_) }

# The most memory that a backend has of its own during a statement, in MB above
# what it had as a fresh one.
sub peak_memory_mb
{
	my ($statement) = @_;
	my $session = $pg->connect;
	$session->selectrow_array('SELECT count(*) FROM pg_class');
	my $pid = $session->{pg_pid};
	my $before = own_memory_kb($pid);
	my $peak = $before;
	$session->do($statement, { pg_async => PG_ASYNC });
	until ($session->pg_ready)
	{
		my $now = own_memory_kb($pid);
		$peak = $now if $now > $peak;
		sleep 0.002;
	}
	$session->pg_result;
	$session->disconnect;
	return ($peak - $before) / 1024;
}

1;
