# Processes that a test starts: each is known by its id and ended at the latest
# when the test ends.
package CdcIngest::Process;

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(spawn fork_child reap end_process is_running free_port wait_until
  own_memory_kb cpu_seconds);

my %running;    # pid => 1, those started here that were not waited for yet
my $owner = $$;
my %given;      # port => the socket that reserves it, of those handed out by this process

# A test that is told to end does so in order: servers are ended by its END blocks.
$SIG{$_} //= sub { exit 130 } for qw(INT TERM HUP);

# Runs a program with its output in a file; returns its id.
sub spawn
{
	my ($log, @command) = @_;
	return fork_child(
		sub {
			open STDIN, '<', '/dev/null' or POSIX::_exit(126);
			open STDOUT, '>>', $log or POSIX::_exit(126);
			open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
			{ no warnings 'exec'; exec { $command[0] } @command; }
			POSIX::_exit(127);
		});
}

# Runs a piece of Perl in a child, in a session of its own (a Ctrl-C at the
# terminal is for the parent to handle); returns its id.
sub fork_child
{
	my ($code) = @_;
	my $pid = fork;
	die "fork: $!" unless defined $pid;
	if ($pid == 0)
	{
		POSIX::setsid();
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		my $ok = eval { $code->(); 1 };
		print STDERR "child: $@" unless $ok;
		POSIX::_exit($ok ? 0 : 1);    # the parent's END blocks are not ours
	}
	$running{$pid} = 1;
	return $pid;
}

# Whether a child still runs; takes note of its end.
sub is_running
{
	my ($pid) = @_;
	return 0 unless $running{$pid};
	return 1 if waitpid($pid, POSIX::WNOHANG()) == 0;
	delete $running{$pid};
	return 0;
}

# Waits for a child's end; its wait status, or undef after the timeout.
sub reap
{
	my ($pid, $timeout) = @_;
	return 0 unless $running{$pid};
	my $deadline = time + $timeout;
	while (time < $deadline)
	{
		if (waitpid($pid, POSIX::WNOHANG()) == $pid)
		{
			delete $running{$pid};
			return $?;
		}
		sleep 0.02;
	}
	return undef;
}

# Sends the signal, waits, and uses SIGKILL on those that do not obey.
sub end_process
{
	my ($pid, $signal, $timeout) = @_;
	return unless $running{$pid};
	kill 'CONT', $pid;
	kill $signal // 'TERM', $pid;
	return if defined reap($pid, $timeout // 60);
	kill 'KILL', $pid;
	reap($pid, 60);
	return;
}

# A port of 127.0.0.1 that is free now, and that no other test gets as long as this one
# runs.  Below the range from which the kernel takes the ports of outgoing connections,
# so that it is still free when a server is started there for the second time.
sub free_port
{
	for (1 .. 1000)
	{
		# not rand(): tests set its seed, two of them perhaps to the same
		my $port = 10240 + (Time::HiRes::time() * 1_000_000 + $$ * 7919) % 20000;
		next if $given{$port};
		my $reserved = _reserve_port($port) or next;
		IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1) or next;
		$given{$port} = $reserved;
		return $port;
	}
	die 'no free port';
}

# A name of the kernel's (no file) that only one process of this machine can have; it is
# given back when the process ends, in whatever way.  undef: another one has it.
sub _reserve_port
{
	my ($port) = @_;
	socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	return bind($socket, pack_sockaddr_un("\0cdc_ingest-test-port-$port")) ? $socket : undef;
}

# Calls the code until it returns true; false when the time is over.
sub wait_until
{
	my ($timeout, $code, $interval) = @_;
	my $deadline = time + $timeout;
	while (1)
	{
		my $result = $code->();
		return $result if $result;
		return 0 if time > $deadline;
		sleep($interval // 0.05);
	}
}

# A process's own memory: RssAnon + RssFile of /proc/PID/status.  RssShmem is left
# out, it is the shared buffers that the process happened to touch; so is VmHWM,
# whose high-water mark counts them.
sub own_memory_kb
{
	my ($pid) = @_;
	open my $fh, '<', "/proc/$pid/status" or return 0;
	my $sum = 0;
	while (my $line = <$fh>) { $sum += $1 if $line =~ /^Rss(?:Anon|File):\s+(\d+) kB/ }
	return $sum;
}

# User and system time that a process has used.
sub cpu_seconds
{
	my ($pid) = @_;
	open my $fh, '<', "/proc/$pid/stat" or return 0;
	my @field = split ' ', (<$fh> // '') =~ s/^.*\) //r;
	return ($field[11] + $field[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

END
{
	if ($$ == $owner)
	{
		my $status = $?;
		my @pids = keys %running;
		kill 'CONT', $_ for @pids;
		kill 'KILL', $_ for @pids;
		waitpid $_, 0 for @pids;
		$? = $status;
	}
}

1;
