# What the benchmarks of a Greenplum cluster share: what a statement takes of time, CPU and memory
# on all its processes, which are on this machine.
package GpBench;

use strict;
use warnings;

use CdcIngest::Process qw(own_memory_kb);
use DBD::Pg qw(:async);
use Exporter 'import';
use POSIX ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(cluster_cpu taken describe);

my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# The processes of the user who owns the server at this port: { pid => [parent, title] }.
sub processes
{
	my ($owner) = @_;
	my %found;
	for my $dir (glob '/proc/[0-9]*')
	{
		next unless (-d $dir) && ((stat _)[4] // -1) == $owner;
		open my $fh, '<', "$dir/cmdline" or next;
		my $title = <$fh> // '';
		$title =~ tr/\0/ /;
		$found{ substr $dir, 6 } = $title if $title =~ /postgres/;
	}
	return \%found;
}

sub stat_fields
{
	my ($pid) = @_;
	open my $fh, '<', "/proc/$pid/stat" or return;
	return split ' ', (<$fh> // '') =~ s/^.*\) //r;
}

# User and system time of the cluster's processes so far, those that have ended too: their
# postmasters have it.
sub cluster_cpu
{
	my ($owner) = @_;
	my $sum = 0;
	my $all = processes($owner);
	for my $pid (keys %$all)
	{
		my @field = stat_fields($pid) or next;
		$sum += $field[11] + $field[12];
		$sum += $field[13] + $field[14] unless $all->{ $field[1] };
	}
	return $sum / $tick;
}

# Runs statements in a session: { seconds, cpu, master_mb, segment_mb, rows }; memory is the most
# that the session's process on the master, and one of its processes on segments, had of its own.
sub taken
{
	my ($dbh, $owner, @statements) = @_;
	my $session = $dbh->selectrow_array(q{SELECT current_setting('gp_session_id')});
	my %peak = (master => 0, segment => 0);
	my $cpu = cluster_cpu($owner);
	my $began = time;
	for my $statement (@statements)
	{
		my $looked = 0;
		$dbh->do($statement, { pg_async => PG_ASYNC });
		until ($dbh->pg_ready)
		{
			if (time - $looked > 0.25)
			{
				my $all = processes($owner);
				for my $pid (grep { $all->{$_} =~ /\bcon$session\b/ } keys %$all)
				{
					my $kb = own_memory_kb($pid);
					my $kind = $all->{$pid} =~ /\bseg\d/ ? 'segment' : 'master';
					$peak{$kind} = $kb if $kb > $peak{$kind};
				}
				$looked = time;
			}
			sleep 0.002;
		}
		$dbh->pg_result;
	}
	return { seconds => time - $began, cpu => cluster_cpu($owner) - $cpu, master_mb => $peak{master} / 1024, segment_mb => $peak{segment} / 1024 };
}

sub describe { my ($t) = @_; return sprintf '%.2f s, CPU %.2f s, master %.0f MB, segment %.0f MB', @$t{qw(seconds cpu master_mb segment_mb)} }

1;
