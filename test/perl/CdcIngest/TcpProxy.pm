# A proxy between cdc_ingest and its source that a test controls: it can cut a
# connection after so many bytes, hold everything back, or refuse.
package CdcIngest::TcpProxy;

use strict;
use warnings;

use Carp;
use IO::Select;
use IO::Socket::INET;
use Socket;
use Time::HiRes qw(sleep);
use CdcIngest::Process qw(fork_child end_process);

sub new
{
	my ($class, $upstream_port) = @_;
	my $listen = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64, ReuseAddr => 1)
	  or croak "listen: $!";
	socketpair(my $control, my $ours, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or croak "socketpair: $!";
	$_->autoflush(1) for $control, $ours;
	my $pid = fork_child(
		sub {
			close $ours;
			_serve($listen, $control, $upstream_port);
		});
	close $control;
	return bless { pid => $pid, control => $ours, port => $listen->sockport }, $class;
}

sub port { return $_[0]{port} }

# pass: lets everything through (also what was held back).
# cut N: closes both sides of a connection once N more bytes came from the
#   server over all connections; later connections pass.
# stall: takes no more bytes from anyone, closes nothing; connects are accepted.
# slow N: holds each piece (up to 64 KB) from the server back for N ms; 0: no longer.
# upstream N: new connections go to the server at that port.
# refuse: closes all, and each new connection at once.
# close: closes the connections that are open now.
# count: bytes from the server so far.
sub command
{
	my ($self, $command) = @_;
	my $control = $self->{control};
	print {$control} "$command\n";
	my $answer = <$control>;
	croak "proxy: no answer to $command" unless defined $answer;
	chomp $answer;
	return $answer;
}

sub pass { return $_[0]->command('pass') }
sub cut { return $_[0]->command("cut $_[1]") }
sub stall { return $_[0]->command('stall') }
sub upstream { return $_[0]->command("upstream $_[1]") }
sub slow { return $_[0]->command("slow $_[1]") }
sub refuse { return $_[0]->command('refuse') }
sub close_all { return $_[0]->command('close') }
sub count { return $_[0]->command('count') }
sub cuts { return $_[0]->command('cuts') }

sub stop { my ($self) = @_; end_process($self->{pid}, 'KILL'); return }

# One loop, blocking writes: the peers are servers on this machine that read.
sub _serve
{
	my ($listen, $control, $upstream_port) = @_;
	my %peer;        # fileno of a side => [its socket, the other side's, is the server]
	my $mode = 'pass';
	my ($left, $bytes, $cuts, $delay) = (undef, 0, 0, 0);
	my $select = IO::Select->new($listen, $control);
	local $SIG{PIPE} = 'IGNORE';

	my $drop = sub {
		my ($socket) = @_;
		my $entry = $peer{ fileno $socket } or return;
		for my $side ($entry->[0], $entry->[1])
		{
			$select->remove($side);
			delete $peer{ fileno $side };
			close $side;
		}
	};
	my $drop_all = sub {
		my @sides = map { $_->[0] } values %peer;
		for my $side (@sides) { $drop->($side) if defined fileno $side }
	};

	while (1)
	{
		my @ready = $select->can_read;
		for my $socket (@ready)
		{
			next unless defined fileno $socket;    # closed by an earlier one of this round
			if ($socket == $control)
			{
				my $line = <$control>;
				return unless defined $line;       # the test is gone
				my ($word, $n) = split ' ', $line;
				if ($word eq 'cut') { $left = $n; $mode = 'pass' }
				elsif ($word eq 'upstream') { $upstream_port = $n }
				elsif ($word eq 'slow') { $delay = $n / 1000 }
				elsif ($word eq 'close') { $drop_all->() }
				elsif ($word eq 'refuse') { $mode = $word; $drop_all->() }
				elsif ($word eq 'pass' || $word eq 'stall') { $mode = $word }
				# Held back: not read at all, so that the kernel's buffers fill.
				$select->remove(map { $_->[0] } values %peer);
				$select->add(map { $_->[0] } values %peer) if $mode ne 'stall';
				print {$control} $word eq 'count' ? "$bytes\n" : $word eq 'cuts' ? "$cuts\n" : "ok\n";
				next;
			}
			if ($socket == $listen)
			{
				my $client = $listen->accept or next;
				my $server = $mode eq 'refuse' ? undef : IO::Socket::INET->new(
					PeerAddr => '127.0.0.1', PeerPort => $upstream_port, Timeout => 10);
				if (!$server) { close $client; next }
				$peer{ fileno $client } = [ $client, $server, 0 ];
				$peer{ fileno $server } = [ $server, $client, 1 ];
				$select->add($client, $server) if $mode ne 'stall';
				next;
			}
			my $entry = $peer{ fileno $socket } or next;
			next if $mode eq 'stall';
			my $n = sysread $socket, my $data, 65536;
			if (!$n) { $drop->($socket); next }
			if ($entry->[2])
			{
				$bytes += $n;
				sleep $delay if $delay;
				if (defined $left && ($left -= $n) <= 0)
				{
					# The bytes before the cut still arrive: in mid-event, as a rule.
					_write_all($entry->[1], substr $data, 0, $n + $left);
					undef $left;
					$cuts++;
					$drop->($socket);
					next;
				}
			}
			$drop->($socket) unless _write_all($entry->[1], $data);
		}
	}
}

sub _write_all
{
	my ($socket, $data) = @_;
	while (length $data)
	{
		my $n = syswrite $socket, $data;
		return 0 unless $n;
		substr($data, 0, $n) = '';
	}
	return 1;
}

1;
