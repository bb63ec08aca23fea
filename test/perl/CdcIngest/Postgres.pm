# A private PostgreSQL of the demo and the benchmarks: its own directory, a free
# port of 127.0.0.1, ended with the program.  (The TAP tests use PostgreSQL's own
# PostgreSQL::Test::Cluster by way of CdcIngest::Cluster.)
package CdcIngest::Postgres;

use strict;
use warnings;
use parent 'CdcIngest::Daemon';

use Carp;
use DBI;
use CdcIngest::Process qw(spawn reap end_process is_running free_port wait_until);

# Options: bin (directory of the programs), conf (text).
sub new
{
	my ($class, %opt) = @_;
	my $self = bless { bin => $opt{bin} // $ENV{CDC_PG_BIN} // '/usr/lib/postgresql/15/bin' }, $class;
	$self->make_dir('postgres');
	$self->{port} = free_port();
	my $log = "$self->{dir}/initdb.log";
	my $status = reap(spawn($log, "$self->{bin}/initdb", '-D', "$self->{dir}/data", '-A', 'trust',
			'-U', 'postgres', '--encoding=UTF8', '--locale=C'), 120);
	croak "initdb failed, see $log" if !defined $status || $status != 0;
	open my $conf, '>>', "$self->{dir}/data/postgresql.conf" or croak "postgresql.conf: $!";
	print {$conf} "listen_addresses = '127.0.0.1'\nport = $self->{port}\n",
	  "unix_socket_directories = '$self->{dir}'\nmax_worker_processes = 24\n",
	  "shared_preload_libraries = 'cdc_ingest'\n", $opt{conf} // '';
	close $conf;
	$self->start;
	return $self;
}

sub port { return $_[0]{port} }
sub logfile { return "$_[0]{dir}/postgres.log" }

sub start
{
	my ($self) = @_;
	$self->{pid} = spawn($self->logfile, "$self->{bin}/postgres", '-D', "$self->{dir}/data");
	wait_until(
		120,
		sub {
			croak 'PostgreSQL ended while starting, see ' . $self->logfile
			  unless is_running($self->{pid});
			my $dbh = eval { $self->connect } or return 0;
			$dbh->disconnect;
			return 1;
		}) or croak 'PostgreSQL does not answer, see ' . $self->logfile;
	return;
}

sub connect
{
	my ($self) = @_;
	return DBI->connect("dbi:Pg:dbname=postgres;host=127.0.0.1;port=$self->{port}",
		'postgres', '',
		{
			RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1,
			AutoInactiveDestroy => 1, pg_enable_utf8 => 1
		});
}

sub dbh
{
	my ($self) = @_;
	$self->{dbh} = $self->connect unless $self->{dbh} && $self->{dbh}->ping;
	return $self->{dbh};
}

# Every process of it at once, as when the power goes; how many there were.
sub kill9
{
	my ($self) = @_;
	undef $self->{dbh};
	my @children;
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $fh, '<', $stat or next;
		my ($pid, $ppid) = (<$fh> // '') =~ /^(\d+) \(.*\) \S (\d+)/ or next;
		push @children, $pid if $ppid == $self->{pid};
	}
	# The postmaster first: it must not notice that they die.
	my $n = kill 'KILL', $self->{pid}, @children;
	reap($self->{pid}, 30);
	wait_until(30, sub { !grep { -e "/proc/$_/stat" && !_is_zombie($_) } @children });
	return $n;
}

sub _is_zombie
{
	my ($pid) = @_;
	open my $fh, '<', "/proc/$pid/stat" or return 1;
	return (<$fh> // ') Z') =~ /\) Z/;
}

sub stop { my ($self, $signal) = @_; undef $self->{dbh}; end_process($self->{pid}, $signal // 'INT', 60); return }

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@, $!);
	return if !$self->{pid} || !is_running($self->{pid});
	$self->stop('QUIT');
	return;
}

1;
