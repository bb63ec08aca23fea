# An Apache Kafka of a test: one node, its own directory, free ports of
# 127.0.0.1, ended with the test.
#
#   my $kafka = CdcIngest::Kafka->new;                      # or (security => 1), (acl => 1)
#   $kafka->create_topic('shop', 4, 'cleanup.policy' => 'compact');
#   $kafka->produce('shop', [ [ 'key', 'value' ], [ undef, 'no key' ] ], partition => 0);
#   my @values = $kafka->consume('shop');
#
# With security => 1 it also has the listeners SASL, SSL and SASLSSL, each on a
# port of its own ($kafka->bootstrap('SASL')), the users alice and bob with passwords
# (PLAIN, SCRAM-SHA-256 and -512, OAUTHBEARER with unsecured tokens), and certificates in
# $kafka->certificates: ca.pem, other-ca.pem, client.pem and client.key.  With acl => 1
# nothing is allowed to them that acl() does not give; who comes without a name is
# the superuser.
package CdcIngest::Kafka;

use strict;
use warnings;
use parent 'CdcIngest::Daemon';

use Carp;
use File::Path qw(make_path);
use File::Temp;
use FindBin;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);
use CdcIngest::File qw(slurp write_file tail);
use CdcIngest::Process qw(spawn reap is_running free_port wait_until);

my $libs = ($ENV{CDC_TEST_CACHE} // '/var/cache/cdc_ingest-test') . '/kafka/libs';
my $programs;    # the directory of kafka_mock and kafka_admin

our %PASSWORD = (alice => 'p@ss "word\' \\ alice', bob => 'bob-secret');

sub available { return -d $libs }

# The path of a program of test/mock, built when it is asked for.
sub program
{
	my ($name) = @_;
	if (!$programs)
	{
		my $dir = "$FindBin::RealBin/../mock";
		$dir = $ENV{CDC_TEST_MOCK} if $ENV{CDC_TEST_MOCK};
		my $log = `make -C "$dir" 2>&1`;
		croak "test/mock does not build:\n$log" if $? != 0;
		$programs = "$dir/build";
	}
	return "$programs/$name";
}

# Options: security, acl, config ({ further broker settings }), heap ('512m'),
# partitions (1: of topics that are created by use).
sub new
{
	my ($class, %opt) = @_;
	my $self = bless { config => {}, heap => '512m', partitions => 1, %opt }, $class;
	croak 'Apache Kafka is not installed, run test/run setup' unless available();
	$self->make_dir('kafka');
	$self->{ports}{PLAINTEXT} = free_port();
	$self->{ports}{CONTROLLER} = free_port();
	if ($self->{security} || $self->{acl})
	{
		$self->{security} = 1;
		$self->{ports}{$_} = free_port() for qw(SASL SSL SASLSSL);
		$self->_make_certificates;
	}
	$self->_write_config;
	$self->_format;
	$self->start;
	return $self;
}

sub bootstrap { my ($self, $listener) = @_; return '127.0.0.1:' . $self->{ports}{ $listener // 'PLAINTEXT' } }
sub port { my ($self, $listener) = @_; return $self->{ports}{ $listener // 'PLAINTEXT' } }
sub certificates { return "$_[0]{dir}/tls" }

# --- set-up

sub _jaas
{
	my ($module, %options) = @_;
	my $text = "org.apache.kafka.common.security.$module required";
	for my $name (sort keys %options)
	{
		my $value = $options{$name} =~ s/(["\\])/\\$1/gr;
		$text .= qq( $name="$value");
	}
	return "$text;";
}

# A value of a Java properties file.
sub _escape
{
	my ($value) = @_;
	return $value =~ s/\\/\\\\/gr;
}

sub _write_config
{
	my ($self) = @_;
	my %protocol = (PLAINTEXT => 'PLAINTEXT', CONTROLLER => 'PLAINTEXT', SASL => 'SASL_PLAINTEXT',
		SSL => 'SSL', SASLSSL => 'SASL_SSL');
	my @listeners = sort keys %{ $self->{ports} };
	my %config = (
		'process.roles' => 'broker,controller',
		'node.id' => 1,
		'controller.quorum.voters' => "1\@127.0.0.1:$self->{ports}{CONTROLLER}",
		'listeners' => join(',', map { "$_://127.0.0.1:$self->{ports}{$_}" } @listeners),
		'advertised.listeners' =>
		  join(',', map { "$_://127.0.0.1:$self->{ports}{$_}" } grep { $_ ne 'CONTROLLER' } @listeners),
		'listener.security.protocol.map' => join(',', map { "$_:$protocol{$_}" } @listeners),
		'controller.listener.names' => 'CONTROLLER',
		'inter.broker.listener.name' => 'PLAINTEXT',
		'log.dirs' => "$self->{dir}/data",
		'num.partitions' => $self->{partitions},
		'offsets.topic.replication.factor' => 1,
		'offsets.topic.num.partitions' => 1,
		'transaction.state.log.replication.factor' => 1,
		'transaction.state.log.min.isr' => 1,
		'transaction.state.log.num.partitions' => 1,
		'group.initial.rebalance.delay.ms' => 0,
		# Retention and compaction soon after they are due.
		'log.initial.task.delay.ms' => 500,
		'log.retention.check.interval.ms' => 500,
		'log.cleaner.backoff.ms' => 200,
		'log.segment.delete.delay.ms' => 100,
		'message.max.bytes' => 12_000_000,
		'replica.fetch.max.bytes' => 12_000_000,
		# A broker that was killed may come back soon.
		'broker.session.timeout.ms' => 2000,
		'broker.heartbeat.interval.ms' => 500);
	$self->_add_security(\%config) if $self->{security};
	$config{$_} = $self->{config}{$_} for keys %{ $self->{config} };
	write_file("$self->{dir}/server.properties", map { "$_=" . _escape($config{$_}) . "\n" } sort keys %config);
	write_file("$self->{dir}/log4j.properties",
		"log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n",
		"log4j.appender.out.layout=org.apache.log4j.PatternLayout\n",
		"log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %c %m%n\n");
	return;
}

sub _add_security
{
	my ($self, $config) = @_;
	my $tls = $self->certificates;
	for my $listener (qw(SASL SASLSSL))
	{
		my $prefix = 'listener.name.' . lc $listener;
		$config->{"$prefix.sasl.enabled.mechanisms"} = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER';
		$config->{"$prefix.plain.sasl.jaas.config"} =
		  _jaas('plain.PlainLoginModule', map { ("user_$_" => $PASSWORD{$_}) } keys %PASSWORD);
		$config->{"$prefix.scram-sha-$_.sasl.jaas.config"} = _jaas('scram.ScramLoginModule') for 256, 512;
		$config->{"$prefix.oauthbearer.sasl.jaas.config"} =
		  _jaas('oauthbearer.OAuthBearerLoginModule', unsecuredLoginStringClaim_sub => 'broker');
	}
	for my $listener (qw(SSL SASLSSL))
	{
		my $prefix = 'listener.name.' . lc($listener) . '.ssl';
		$config->{"$prefix.keystore.type"} = 'PEM';
		$config->{"$prefix.keystore.location"} = "$tls/server-keystore.pem";
		$config->{"$prefix.truststore.type"} = 'PEM';
		$config->{"$prefix.truststore.location"} = "$tls/ca.pem";
	}
	# Who comes by TLS alone must show a certificate.
	$config->{'listener.name.ssl.ssl.client.auth'} = 'required';
	$config->{'listener.name.ssl.ssl.principal.mapping.rules'} = 'RULE:^CN=([a-z]+).*$/$1/,DEFAULT';
	if ($self->{acl})
	{
		$config->{'authorizer.class.name'} = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer';
		$config->{'super.users'} = 'User:ANONYMOUS';
	}
	return;
}

# A CA with a server's and a client's certificate, and a CA that signed nothing.
sub _make_certificates
{
	my ($self) = @_;
	my $dir = $self->certificates;
	make_path($dir);
	my $script = <<'END';
set -e
cd "$1"
ca() { openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout $1.key -out $1.pem -subj "/CN=$2"; }
ca ca 'cdc test CA'
ca other-ca 'another CA'
signed() {
	openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj "/CN=$2"
	printf 'subjectAltName=%s\n' "$3" >$1.ext
	openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile $1.ext -out $1.pem
}
signed server localhost IP:127.0.0.1
signed client alice DNS:client
openssl pkcs8 -topk8 -nocrypt -in server.key -out server.p8
cat server.p8 server.pem ca.pem >server-keystore.pem
END
	my $log = "$self->{dir}/tls.log";
	my $status = reap(spawn($log, '/bin/bash', '-c', $script, 'bash', $dir), 60);
	croak "making certificates failed:\n" . slurp($log) if !defined $status || $status != 0;
	return;
}

sub _java
{
	my ($self, @args) = @_;
	return ('java', "-Xmx$self->{heap}", '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
		"-Dlog4j.configuration=file:$self->{dir}/log4j.properties", '-cp', "$libs/*", @args);
}

sub _format
{
	my ($self) = @_;
	my $log = "$self->{dir}/format.log";
	my $id = encode_base64url(join '', map { chr int rand 256 } 1 .. 16);
	my @users;
	if ($self->{security})
	{
		for my $mechanism (qw(SCRAM-SHA-256 SCRAM-SHA-512))
		{
			push @users, '--add-scram', "$mechanism=[name=$_,password=$PASSWORD{$_}]" for sort keys %PASSWORD;
		}
	}
	# An id that begins with a dash would be taken for an option.
	$id =~ s/^-/A/;
	my $status = reap(
		spawn($log, $self->_java('kafka.tools.StorageTool', 'format', '-t', $id, '-c',
				"$self->{dir}/server.properties", @users)),
		120);
	croak "formatting Kafka's storage failed:\n" . slurp($log) if !defined $status || $status != 0;
	return;
}

# --- the server

sub start
{
	my ($self) = @_;
	my $log = $self->logfile;
	$self->{pid} = spawn($log, $self->_java('kafka.Kafka', "$self->{dir}/server.properties"));
	my $up = wait_until(
		120,
		sub {
			croak "Kafka ended while starting:\n" . tail($log) unless is_running($self->{pid});
			my $socket = IO::Socket::INET->new(PeerAddr => $self->bootstrap) or return 0;
			close $socket;
			return $self->kcat([ '-L', '-m', '2' ], quiet => 1);
		});
	croak "Kafka does not answer:\n" . tail($log) unless $up;
	return;
}

# --- clients (these are good for the mock cluster as well)

# Runs a program with text as its input; (status, output).
sub _run
{
	my ($self, $input, @command) = @_;
	my $in = File::Temp->new(TMPDIR => 1);
	print {$in} $input;
	$in->flush;
	my $out = File::Temp->new(TMPDIR => 1);
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		open STDIN, '<', $in->filename or POSIX::_exit(126);
		open STDOUT, '>', $out->filename or POSIX::_exit(126);
		open STDERR, '>>', "$self->{dir}/clients.log" or POSIX::_exit(126);
		{ no warnings 'exec'; exec { $command[0] } @command; }
		POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my $status = $?;
	return ($status, slurp($out->filename));
}

# kcat with the arguments; its output, or true where that is empty.  Dies when it
# fails; with quiet it returns false then.  input: text for its standard input.
sub kcat
{
	my ($self, $args, %opt) = @_;
	my ($status, $out) = $self->_run($opt{input} // '', 'kcat', '-b', $self->bootstrap, @$args);
	return $out eq '' ? '0E0' : $out if $status == 0;
	return if $opt{quiet};
	croak "kcat @$args failed ($status):\n" . tail("$self->{dir}/clients.log");
}

sub admin
{
	my ($self, @args) = @_;
	my ($status, $out) = $self->_run('', program('kafka_admin'), '-b', $self->bootstrap, @args);
	croak "kafka_admin @args failed:\n" . tail("$self->{dir}/clients.log") if $status != 0;
	return $out;
}

sub create_topic
{
	my ($self, $name, $partitions, %config) = @_;
	$self->admin('create-topic', $name, $partitions // 1, map { "$_=$config{$_}" } sort keys %config);
	return;
}

sub delete_topic { my ($self, $name) = @_; $self->admin('delete-topic', $name); return }
sub add_partitions { my ($self, $name, $total) = @_; $self->admin('add-partitions', $name, $total); return }
sub delete_records { my ($self, @args) = @_; $self->admin('delete-records', @args); return }
sub acl { my ($self, @args) = @_; $self->admin('acl', @args); return }

# ([low, high], ...) by partition
sub watermarks
{
	my ($self, $topic) = @_;
	my @result;
	for (split /\n/, $self->admin('watermarks', $topic))
	{
		my ($partition, $low, $high) = split / /;
		$result[$partition] = [ $low, $high ];
	}
	return @result;
}

# A group's offsets by partition; -1: none.
sub committed
{
	my ($self, $group, $topic) = @_;
	my @result;
	for (split /\n/, $self->admin('committed', $group, $topic))
	{
		my ($partition, $offset) = split / /;
		$result[$partition] = $offset;
	}
	return @result;
}

# Sends messages: each a value, or [key, value] where undef is none.  Options:
# partition, headers ({ name => value }), args ([...] of kcat).  Waits for their
# delivery.  Keys and values may hold anything but the bytes 0x01 and 0x02.
sub produce
{
	my ($self, $topic, $messages, %opt) = @_;
	my @args = ('-P', '-t', $topic, '-Z', '-D', '\x01', '-K', '\x02');
	push @args, '-p', $opt{partition} if defined $opt{partition};
	push @args, map { ('-H', "$_=$opt{headers}{$_}") } sort keys %{ $opt{headers} // {} };
	my $input = join '', map {
		my ($key, $value) = ref $_ ? @$_ : (undef, $_);
		($key // '') . "\x02" . ($value // '') . "\x01"
	} @$messages;
	utf8::encode($input) if utf8::is_utf8($input);
	$self->kcat([ @args, @{ $opt{args} // [] } ], input => $input);
	return;
}

# All values that a topic has now.  Options: partition, offset ('beginning'),
# format (kcat's -f, '%s'), args.  A tombstone is ''.
sub consume
{
	my ($self, $topic, %opt) = @_;
	my @args = ('-C', '-t', $topic, '-e', '-q', '-o', $opt{offset} // 'beginning',
		'-f', ($opt{format} // '%s') . '\x01');
	push @args, '-p', $opt{partition} if defined $opt{partition};
	my $out = $self->kcat([ @args, @{ $opt{args} // [] } ]);
	return if $out eq '0E0';
	chop $out;
	return split /\x01/, $out, -1;
}

1;
