# A server of a test, of whatever kind: its own directory, its log, one process that
# is ended with the test.
#
#   use parent 'CdcIngest::Daemon';
#   sub new { ... $self->make_dir('name'); $self->start; ... }
#   sub start { my ($self) = @_; $self->{pid} = spawn($self->logfile, ...); ... }
package CdcIngest::Daemon;

use strict;
use warnings;

use File::Temp;
use CdcIngest::File qw(slurp);
use CdcIngest::Process qw(end_process is_running wait_until);

# Makes the directory, named after what it is for.
sub make_dir
{
	my ($self, $name) = @_;
	$self->{owner} = $$;
	$self->{tempdir} = File::Temp->newdir("cdc-$name-XXXXXX", TMPDIR => 1);
	$self->{dir} = $self->{tempdir}->dirname;
	return;
}

sub pid { return $_[0]{pid} }
sub dir { return $_[0]{dir} }
sub logfile { return "$_[0]{dir}/server.log" }
sub log { return slurp($_[0]->logfile) }

sub stop
{
	my ($self, $signal) = @_;
	end_process($self->{pid}, $signal // 'TERM', 120);
	return;
}

sub kill9 { return $_[0]->stop('KILL') }

sub restart
{
	my ($self, $signal) = @_;
	$self->stop($signal);
	$self->start;
	return;
}

# Stops answering, but closes nothing.  A signal takes a moment to reach every thread.
sub freeze
{
	my ($self) = @_;
	kill 'STOP', $self->{pid};
	wait_until(10, sub { !grep { !/\) [TZX]/ } _stats($self->{pid}) }, 0.005);
	return;
}

# The state of each thread, as /proc has it.
sub _stats
{
	my ($pid) = @_;
	my @stats;
	for my $file (glob "/proc/$pid/task/*/stat")
	{
		open my $fh, '<', $file or next;
		push @stats, scalar <$fh> // ') X';
	}
	return @stats;
}

sub thaw { my ($self) = @_; kill 'CONT', $self->{pid}; return }

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	return if !$self->{pid} || $self->{owner} != $$;    # or of a child of the test
	$self->kill9 if is_running($self->{pid});
	return;
}

1;
