# A MySQL server that does what it should not, or something between a client and a
# real one that falsifies its answers: fake_mysql.py, which knows TLS.
#
#   my $fake = CdcIngest::FakeMysql->server;
#   $fake->scenario(plugin => 'caching_sha2_password', full => 1, password => 'x');
#   my ($login) = $fake->logins;
#
#   my $proxy = CdcIngest::FakeMysql->proxy($source->port);
#   $proxy->falsify('null', qr/^SHOW BINARY LOGS/);
package CdcIngest::FakeMysql;

use strict;
use warnings;

use Carp;
use File::Basename qw(dirname);
use JSON::PP;
use Socket;
use CdcIngest::Process qw(fork_child end_process);

my $json = JSON::PP->new->utf8->canonical;
my $program = dirname(__FILE__) . '/fake_mysql.py';

sub _start
{
	my ($class, @arguments) = @_;
	socketpair(my $control, my $ours, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or croak "socketpair: $!";
	$ours->autoflush(1);
	my $pid = fork_child(
		sub {
			close $ours;
			open STDIN, '<&', $control or die "stdin: $!";
			open STDOUT, '>&', $control or die "stdout: $!";
			exec 'python3', $program, @arguments or die "python3: $!";
		});
	close $control;
	my $port = <$ours> // croak 'the fake server did not start';
	chomp $port;
	return bless { pid => $pid, control => $ours, port => $port }, $class;
}

sub server { my ($class) = @_; return $class->_start('server') }
sub proxy { my ($class, $port) = @_; return $class->_start('proxy', $port) }
sub port { return $_[0]{port} }
sub stop { my ($self) = @_; end_process($self->{pid}, 'KILL'); return }

sub command
{
	my ($self, %what) = @_;
	my $control = $self->{control};
	print {$control} $json->encode(\%what), "\n";
	my $answer = <$control> // croak 'the fake server is gone';
	return $json->decode($answer);
}

# What the next connections meet; forgets the logins so far.
sub scenario { my ($self, %scenario) = @_; $self->command(scenario => \%scenario); return }

# The logins since the scenario was set, all ended: leaks (how the password can be had from
# what went over the line in clear: clear, xor, rsa), encrypted, inside (the password went
# through TLS), answered (the client told its name), names (of plugins asked for), proved (those
# that got the right answer).
sub logins { my ($self) = @_; return @{ $self->command(logins => 1)->{logins} // croak 'a login hangs' } }

# Falsifies the answers to queries that match; undef: none any more.  skip: not the first n;
# busy: the server says that it is at work.  Returns how many were falsified since the last call.
sub falsify
{
	my ($self, $kind, $match, %more) = @_;
	# Python knows no (?^:...)
	my ($pattern) = defined $match ? re_text($match) : '';
	return $self->command(falsify => $kind, match => $pattern, %more)->{hits};
}

sub re_text
{
	my ($match) = @_;
	return quotemeta $match unless ref $match;
	require re;
	my ($pattern, $flags) = re::regexp_pattern($match);
	return $flags =~ /i/ ? "(?i)$pattern" : $pattern;
}

# The queries since the last call: [text, columns, rows].
sub queries { my ($self) = @_; return @{ $self->command(queries => 1)->{queries} } }

1;
