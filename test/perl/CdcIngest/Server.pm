# A MySQL or MariaDB server of a test: its own directory, a free port of
# 127.0.0.1, row binlog, ended with the test.
#
#   my $source = CdcIngest::Server->new('mariadb', gtid => 1);
#   $source->do('create database shop');
#
# Users: root without a password, cdc with the least privileges that
# cdc_ingest asks for.
package CdcIngest::Server;

use strict;
use warnings;
use parent 'CdcIngest::Daemon';

use Carp;
use DBI;
use Fcntl qw(LOCK_EX);
use File::Path qw(make_path remove_tree);
use CdcIngest::File qw(slurp write_file tail);
use CdcIngest::Process qw(spawn reap is_running free_port wait_until);

our $CDC_USER = 'cdc';
our $CDC_PASSWORD = 'p@ss "word\' \\ ü';

# Where the servers are.  CDC_TEST_SID is the root of a Debian unstable tree (''
# when the test itself runs inside of it).
my $cache = $ENV{CDC_TEST_CACHE} // '/var/cache/cdc_ingest-test';
my $sid = $ENV{CDC_TEST_SID} // "$cache/sid";

my %flavours = (
	mariadb => { program => ['/usr/sbin/mariadbd'], init => \&_init_mariadb },
	mariadb118 => { program => [ _sid_program('/opt/mariadb/usr/sbin/mariadbd') ], init => \&_init_mariadb118 },
	mysql56 => { program => ["$cache/mysql56/server/mysqld"], init => \&_init_mysql56 },
	mysql97 => { program => [ _sid_program('/usr/sbin/mysqld') ], init => \&_init_mysql97 },
	mysql55 => { program => ["$cache/mysql55/bin/mysqld"], init => \&_init_mysql55 },
	mariadb101 => { program => ["$cache/mariadb101/bin/mysqld"], init => \&_init_mariadb_old },
	mariadb102 => { program => ["$cache/mariadb102/bin/mysqld"], init => \&_init_mariadb_old },
	mariadb114 => { program => ["$cache/mariadb114/bin/mariadbd"], init => \&_init_mariadb114 });

# Where a server's own libraries are, if it brings some.
my %libraries = (
	mysql56 => "$cache/mysql56/server",
	map { $_ => "$cache/$_/libs" } qw(mysql55 mariadb101 mariadb102 mariadb114));

# Which of them can be had here.
sub available
{
	my ($class, $flavour) = @_;
	return -x $flavours{$flavour}{program}[-1];
}

# A server of the Debian unstable tree runs outside of it, too, with that tree's own
# dynamic loader: neither root nor mounts are needed.
sub _sid_program
{
	my $mysqld = $sid . shift;
	return $mysqld if $sid eq '';
	return (
		"$sid/lib64/ld-linux-x86-64.so.2", '--library-path',
		"$sid/usr/lib/x86_64-linux-gnu:$sid/usr/lib/mysql/private", $mysqld);
}

# Options: gtid (1), metadata ('FULL', where the server can), format ('ROW'),
# binlog (1), args ([...] further server arguments), join (1: a node that gets all
# from its Galera cluster, users too).
sub new
{
	my ($class, $flavour, %opt) = @_;
	my $self = bless {
		flavour => $flavour,
		gtid => 1,
		metadata => 'FULL',
		format => 'ROW',
		binlog => 1,
		args => [],
		%opt
	  },
	  $class;
	croak "no such server: $flavour" unless $flavours{$flavour};
	# What old servers have not got.
	$self->{gtid} = 0 if $flavour eq 'mysql55';
	$self->{metadata} = undef if $flavour =~ /^(?:mysql5|mariadb10\d)/;
	croak "$flavour is not installed, run test/run setup" unless $class->available($flavour);
	$self->make_dir($flavour);
	$self->{port} = free_port();
	make_path(map { "$self->{dir}/$_" } qw(tmp binlog));
	$self->_make_data;
	$self->start;
	$self->_create_user;
	return $self;
}

sub flavour { return $_[0]{flavour} }
sub port { return $_[0]{port} }
sub is_mariadb { return $_[0]{flavour} =~ /^mariadb/ }

sub _common
{
	my ($self) = @_;
	my $dir = $self->{dir};
	my @args = ("--datadir=$dir/data", "--tmpdir=$dir/tmp", '--innodb-buffer-pool-size=64M');
	if ($self->{flavour} eq 'mysql56')
	{
		my $base = "$cache/mysql56/server";
		push @args, "--basedir=$base", "--lc-messages-dir=$base/share",
		  "--character-sets-dir=$base/share/charsets", '--innodb-log-file-size=32M';
	}
	elsif ($self->{flavour} eq 'mariadb118')
	{
		my $share = "$sid/opt/mariadb/usr/share/mariadb";
		push @args, "--basedir=$sid/opt/mariadb/usr", "--lc-messages-dir=$share",
		  "--character-sets-dir=$share/charsets", "--plugin-dir=$sid/opt/mariadb/usr/lib/mysql/plugin";
	}
	elsif ($self->{flavour} =~ /^(?:mysql55|mariadb10[12]|mariadb114)$/)
	{
		my $base = "$cache/$self->{flavour}";
		push @args, "--basedir=$base", "--lc-messages-dir=$base/share", "--character-sets-dir=$base/share/charsets";
	}
	elsif ($self->{flavour} eq 'mysql97')
	{
		push @args, "--basedir=$sid/usr", "--lc-messages-dir=$sid/usr/share/mysql",
		  "--character-sets-dir=$sid/usr/share/mysql/charsets",
		  "--plugin-dir=$sid/usr/lib/mysql/plugin";
	}
	return ('--no-defaults', @args);
}

# A data directory as a new server has it.  With CDC_TEST_TEMPLATES it is made once for
# each kind of server and copied from there, which is some seconds less.
sub _make_data
{
	my ($self) = @_;
	my $data = "$self->{dir}/data";
	my $template = $ENV{CDC_TEST_TEMPLATES} && "$ENV{CDC_TEST_TEMPLATES}/$self->{flavour}";
	my $lock;
	if ($template)
	{
		# Who comes while another test makes it waits for it.
		open $lock, '>>', "$template.lock" or croak "$template.lock: $!";
		flock $lock, LOCK_EX or croak "$template.lock: $!";
		return _copy($template, $data) if -d $template;
	}
	make_path($data);
	$flavours{ $self->{flavour} }{init}->($self);
	if ($template)
	{
		# Each server finds a name for itself.
		unlink "$data/auto.cnf";
		_copy($data, "$template.new");
		rename "$template.new", $template or croak "$template: $!";
	}
	return;
}

sub _copy
{
	my ($from, $to) = @_;
	system('cp', '-a', '--sparse=always', $from, $to) == 0 or croak "copying $from failed";
	return;
}

sub _run_init
{
	my ($self, @command) = @_;
	my $log = "$self->{dir}/init.log";
	my $status = reap(spawn($log, @command), 120);
	croak "initialising $self->{flavour} failed, see $log:\n" . tail($log)
	  if !defined $status || $status != 0;
	return;
}

sub _init_mariadb
{
	my ($self) = @_;
	$self->_run_init('mariadb-install-db', '--no-defaults',
		"--datadir=$self->{dir}/data", '--auth-root-authentication-method=normal',
		'--skip-test-db', '--skip-name-resolve');
	return;
}

# The scripts that make the system tables, run by the server itself.
sub _bootstrap
{
	my ($self, @text) = @_;
	my $data = "$self->{dir}/data";
	make_path("$data/mysql", "$data/test");
	my $sql = "$self->{dir}/init.sql";
	write_file($sql, @text);
	my ($no_defaults, @args) = $self->_common;
	local $ENV{LD_LIBRARY_PATH} = $libraries{ $self->{flavour} } // $ENV{LD_LIBRARY_PATH};
	$self->_run_init('/bin/sh', '-c', 'sql=$1; shift; exec "$@" <"$sql"', 'sh', $sql,
		@{ $flavours{ $self->{flavour} }{program} }, $no_defaults, '--bootstrap', @args);
	return;
}

# The package has no initialised data directory and no program to make one.
sub _init_mysql56
{
	my ($self) = @_;
	my $base = "$cache/mysql56/server";
	$self->_bootstrap("use mysql;\n", map({ slurp("$base/share/$_") }
			  qw(mysql_system_tables.sql mysql_system_tables_data.sql)),
		"DELETE FROM user WHERE user = '';\n");
	return;
}

# The package has them as files.
sub _init_mysql55
{
	my ($self) = @_;
	my $data = "$self->{dir}/data";
	_copy("$cache/mysql55/data/mysql", "$data/mysql");
	$self->_bootstrap("DELETE FROM mysql.user WHERE user = '';\n");
	return;
}

# They may have no program to make them.
sub _init_mariadb_old
{
	my ($self) = @_;
	my $share = "$cache/$self->{flavour}/share";
	$self->_bootstrap("USE mysql;\n", map({ slurp("$share/$_") }
			  qw(mysql_system_tables.sql mysql_performance_tables.sql mysql_system_tables_data.sql)),
		"DELETE FROM user WHERE user = '';\n");
	return;
}

sub _init_mariadb114 { my ($self) = @_; return $self->_bootstrap_mariadb("$cache/mariadb114/share") }
sub _init_mariadb118 { my ($self) = @_; return $self->_bootstrap_mariadb("$sid/opt/mariadb/usr/share/mariadb") }

# mariadb-install-db of another version would make other tables.
sub _bootstrap_mariadb
{
	my ($self, $share) = @_;
	$self->_bootstrap("CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\n",
		"SET \@auth_root_socket = NULL, \@skip_auth_anonymous = 1;\n",
		map({ slurp("$share/$_") }
			  qw(mariadb_system_tables.sql mariadb_performance_tables.sql mariadb_system_tables_data.sql)));
	return;
}

sub _init_mysql97
{
	my ($self) = @_;
	my $sql = "$self->{dir}/init.sql";
	write_file($sql, "CREATE USER root\@'127.0.0.1' IDENTIFIED BY '';\n",
		"GRANT ALL ON *.* TO root\@'127.0.0.1' WITH GRANT OPTION;\n");
	my ($no_defaults, @args) = $self->_common;
	$self->_run_init(@{ $flavours{mysql97}{program} },
		$no_defaults, '--initialize-insecure', "--init-file=$sql", @args);
	return;
}

sub _arguments
{
	my ($self) = @_;
	my $dir = $self->{dir};
	my $flavour = $self->{flavour};
	my @args = (
		$self->_common, "--port=$self->{port}", '--bind-address=127.0.0.1',
		"--socket=$dir/mysql.sock", "--pid-file=$dir/mysql.pid", '--skip-name-resolve',
		"--server-id=$self->{port}", '--character-set-server=utf8mb4',
		# A killed process loses nothing that was handed to the kernel.
		'--sync-binlog=0', '--innodb-flush-log-at-trx-commit=2');
	push @args, '--explicit-defaults-for-timestamp' if $flavour eq 'mysql56';
	push @args, '--performance-schema=OFF' unless $self->is_mariadb;
	push @args, '--mysqlx=OFF', '--secure-file-priv=' if $flavour eq 'mysql97';
	if ($self->{binlog})
	{
		push @args, "--log-bin=$dir/binlog/bin";
		push @args, "--binlog-format=$self->{format}"
		  unless $flavour eq 'mysql97' && $self->{format} eq 'ROW';    # deprecated there
		push @args, "--binlog-row-metadata=$self->{metadata}" if $self->{metadata};
	}
	elsif ($flavour eq 'mysql97')
	{
		push @args, '--skip-log-bin';
	}
	push @args, '--gtid-mode=ON', '--enforce-gtid-consistency',
	  $flavour eq 'mysql56' ? '--log-slave-updates' : ()
	  if $self->{gtid} && $self->{binlog} && !$self->is_mariadb;
	# The default of 9.7 is ON.
	push @args, '--gtid-mode=OFF', '--enforce-gtid-consistency=OFF'
	  if !$self->{gtid} && $flavour eq 'mysql97';
	return (@args, @{ $self->{args} });
}

sub start
{
	my ($self) = @_;
	local $ENV{LD_LIBRARY_PATH} = $libraries{ $self->{flavour} } // $ENV{LD_LIBRARY_PATH};
	my $log = $self->logfile;
	$self->{pid} = spawn($log, @{ $flavours{ $self->{flavour} }{program} }, $self->_arguments);
	my $up = wait_until(
		120,
		sub {
			croak "$self->{flavour} ended while starting:\n" . tail($log)
			  unless is_running($self->{pid});
			my $dbh = eval { $self->connect(quiet => 1) } or return 0;
			$dbh->disconnect;
			return 1;
		});
	croak "$self->{flavour} does not answer:\n" . tail($log) unless $up;
	return;
}

# A new connection; also for other processes.
sub connect
{
	my ($self, %opt) = @_;
	my $dbh = DBI->connect(
		"DBI:MariaDB:host=127.0.0.1;port=$self->{port}",
		$opt{user} // 'root',
		$opt{password} // '',
		{
			RaiseError => 1,
			PrintError => 0,
			AutoCommit => 1,
			mariadb_connect_timeout => 10,
			# Reconnecting in silence would split a transaction.
			mariadb_auto_reconnect => 0,
			AutoInactiveDestroy => 1,
		});
	$dbh->do(q{SET NAMES utf8mb4});
	$dbh->do(q{SET time_zone = '+00:00'});
	return $dbh;
}

# The test's own connection, made again after a restart.
sub dbh
{
	my ($self) = @_;
	if (!$self->{dbh} || $self->{dbh_pid} != $$)
	{
		$self->{dbh} = $self->connect;
		$self->{dbh_pid} = $$;
	}
	return $self->{dbh};
}

sub do
{
	my ($self, @statements) = @_;
	$self->dbh->do($_) for @statements;
	return;
}

sub rows { my ($self, $sql, @bind) = @_; return $self->dbh->selectall_arrayref($sql, undef, @bind) }
sub value { my ($self, $sql, @bind) = @_; return scalar $self->dbh->selectrow_array($sql, undef, @bind) }

# "file:offset" of the end of the binlog.
sub position
{
	my ($self) = @_;
	my $show = $self->{flavour} eq 'mysql97' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS';
	my $row = $self->rows($show)->[0];
	return "$row->[0]:$row->[1]";
}

# Becomes a replica of another server, from where that stands now: by GTIDs, or (file => 1)
# MySQL by file and offset.
sub replicate_from
{
	my ($self, $primary, %opt) = @_;
	my $port = $primary->port;
	my ($file, $offset) = $opt{file} ? split(/:/, $primary->position) : ();
	if ($self->{flavour} eq 'mysql97')
	{
		my $place = $opt{file} ? "SOURCE_LOG_FILE = '$file', SOURCE_LOG_POS = $offset" : 'SOURCE_AUTO_POSITION = 1';
		$self->do("CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = $port, SOURCE_USER = 'root',
			$place, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1", 'START REPLICA');
		return;
	}
	my $place = $self->is_mariadb ? 'MASTER_USE_GTID = slave_pos'
	  : $opt{file} ? "MASTER_LOG_FILE = '$file', MASTER_LOG_POS = $offset" : 'MASTER_AUTO_POSITION = 1';
	$self->do("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = $port, MASTER_USER = 'root',
		MASTER_CONNECT_RETRY = 1, $place", 'START SLAVE');
	return;
}

sub _replica_word { return $_[0]{flavour} eq 'mysql97' ? 'REPLICA' : 'SLAVE' }
sub start_replica { my ($self) = @_; $self->do('START ' . $self->_replica_word); return }

# all => 1: it is no replica any more.
sub stop_replica
{
	my ($self, %opt) = @_;
	my $word = $self->_replica_word;
	$self->do("STOP $word", $opt{all} ? "RESET $word ALL" : ());
	return;
}

# What its replication calls the state of its binlog: a GTID set; '' without.
sub gtid_set
{
	my ($self) = @_;
	return $self->value('SELECT @@global.gtid_binlog_pos') if $self->is_mariadb;
	return '' unless $self->{gtid};
	my $set = $self->value('SELECT @@global.gtid_executed');
	$set =~ s/\s//g;
	return $set;
}

sub stop
{
	my ($self, $signal) = @_;
	$self->_forget;
	return $self->SUPER::stop($signal);
}

# A server that is down becomes another one, at the same address and without data.
sub set_up_anew
{
	my ($self) = @_;
	remove_tree("$self->{dir}/data", "$self->{dir}/binlog");
	make_path("$self->{dir}/binlog");
	$self->_make_data;
	$self->start;
	$self->_create_user;
	return;
}

sub _forget
{
	my ($self) = @_;
	my $dbh = delete $self->{dbh} or return;
	eval { $dbh->disconnect };
	return;
}

# What README.md tells the user to grant, no more.
sub _create_user
{
	my ($self) = @_;
	return if $self->{join};
	my $dbh = $self->dbh;
	my $process = $self->is_mariadb || ($self->{gtid} && $self->{flavour} ne 'mysql56') ? '' : ', PROCESS';
	my $password = $dbh->quote($CDC_PASSWORD);
	local $dbh->{RaiseError} = 1;
	$dbh->do("CREATE USER $CDC_USER\@'127.0.0.1' IDENTIFIED BY $password");
	$dbh->do("GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT$process ON *.* TO $CDC_USER\@'127.0.0.1'");
	return;
}

1;
