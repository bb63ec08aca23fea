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
use CdcIngest::Process qw(end_process is_running);

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

# Stops answering, but closes nothing.
sub freeze { my ($self) = @_; kill 'STOP', $self->{pid}; return }
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
