# librdkafka's mock cluster as a process of a test (test/mock/kafka_mock.c), with
# faults at will.
#
#   my $mock = CdcIngest::KafkaMock->new(brokers => 3);
#   $mock->topic('shop', 4);
#   $mock->command('down', 2);
#
# Clients as those of CdcIngest::Kafka: produce, consume, kcat, watermarks ...
package CdcIngest::KafkaMock;

use strict;
use warnings;
use parent 'CdcIngest::Kafka';

use Carp;
use IPC::Open2;
use CdcIngest::Process qw(reap);

# Numbers of Kafka's protocol.
our %API = (Produce => 0, Fetch => 1, ListOffsets => 2, Metadata => 3, OffsetCommit => 8,
	OffsetFetch => 9, FindCoordinator => 10, InitProducerId => 22, AddPartitionsToTxn => 24, EndTxn => 26);
our %ERROR = (
	NONE => 0, OFFSET_OUT_OF_RANGE => 1, UNKNOWN_TOPIC_OR_PART => 3, LEADER_NOT_AVAILABLE => 5,
	NOT_LEADER => 6, REQUEST_TIMED_OUT => 7, MSG_SIZE_TOO_LARGE => 10, COORDINATOR_NOT_AVAILABLE => 15,
	TOPIC_AUTHORIZATION_FAILED => 29, TRANSPORT => -195);

sub new
{
	my ($class, %opt) = @_;
	my $self = bless { brokers => 1, %opt }, $class;
	$self->make_dir('kafka-mock');
	$self->{pid} = open2($self->{from}, $self->{to}, CdcIngest::Kafka::program('kafka_mock'), $self->{brokers});
	my $line = readline $self->{from};
	croak 'the mock cluster did not start' unless defined $line && $line =~ /^bootstrap (\S+)/;
	$self->{bootstrap} = $1;
	return $self;
}

sub bootstrap { return $_[0]{bootstrap} }

# One command of kafka_mock.c; dies when it fails.
sub command
{
	my ($self, @words) = @_;
	my $to = $self->{to};
	print {$to} "@words\n";
	$to->flush;
	my $line = readline $self->{from};
	croak "kafka_mock: @words: " . ($line // 'ended') unless defined $line && $line =~ /^ok/;
	return;
}

sub topic { my ($self, $name, $partitions) = @_; $self->command('topic', $name, $partitions // 1); return }
sub create_topic { return topic(@_) }

# The next requests of a kind fail with these errors: errors('Fetch', 'NOT_LEADER', ...)
sub errors
{
	my ($self, $api, @codes) = @_;
	$self->command('errors', $API{$api} // $api, map { $ERROR{$_} // $_ } @codes);
	return;
}

# All brokers answer after so many ms.
sub rtt
{
	my ($self, $ms) = @_;
	$self->command('rtt', $_, $ms) for 1 .. $self->{brokers};
	return;
}

sub stop
{
	my ($self) = @_;
	return unless $self->{pid};
	kill 'CONT', $self->{pid};
	kill 'KILL', $self->{pid};
	waitpid delete $self->{pid}, 0;
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	$self->stop if ($self->{owner} // 0) == $$;
	return;
}

1;
