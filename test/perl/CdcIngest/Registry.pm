# A schema registry of a test: Apicurio, in memory, on a free port of 127.0.0.1; and in front
# of it one that asks who is there, or misbehaves (registry_front.py).
#
#   my $registry = CdcIngest::Registry->new;
#   $registry->url;                                   # the API that is Confluent's, too
#   $registry->produce($kafka, { topic => 't', value => { schema => {...}, value => {...} } }, ...);
#   $registry->front('slow');                         # an address that answers a byte a second
#   $registry->asked('/plain/schemas/ids/1');         # how often, at the front
package CdcIngest::Registry;

use strict;
use warnings;
use parent 'CdcIngest::Daemon';

use Carp;
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use CdcIngest::File qw(slurp write_file);
use CdcIngest::Process qw(spawn end_process free_port is_running wait_until);

my $cache = ($ENV{CDC_TEST_CACHE} // '/var/cache/cdc_ingest-test') . '/registry';
my ($here) = __FILE__ =~ m{(.*)/};

sub new
{
	my ($class) = @_;
	my $self = bless { http => HTTP::Tiny->new(timeout => 20), owner => $$ }, $class;
	croak 'no schema registry, run test/run setup' unless -e "$cache/complete";
	$self->make_dir('registry');
	$self->{$_} = free_port() for qw(port front_port tls_port);
	$self->{pid} = spawn($self->logfile, 'java', '-Xmx400m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
		'-Dquarkus.http.host=127.0.0.1', "-Dquarkus.http.port=$self->{port}", '-Dquarkus.log.level=WARN',
		'-jar', "$cache/jars/apicurio-registry-app-2.6.13.Final-runner.jar");
	$self->_make_certificates;
	$self->{front_pid} = spawn("$self->{dir}/front.log", "$cache/venv/bin/python", "$here/registry_front.py",
		$self->{front_port}, $self->{tls_port}, $self->tls('server.pem'), $self->tls('ca.pem'), "http://127.0.0.1:$self->{port}/apis/ccompat/v7");
	wait_until(120, sub { croak "the schema registry ended, see " . $self->logfile unless is_running($self->{pid});
		$self->{http}->get($self->url . '/subjects')->{success} && $self->{http}->get($self->front('plain') . '/subjects')->{success} })
	  or croak 'the schema registry does not answer';
	return $self;
}

sub python { return "$cache/venv/bin/python" }
sub url { my ($self) = @_; return "http://127.0.0.1:$self->{port}/apis/ccompat/v7" }
sub front { my ($self, $manner) = @_; return "http://127.0.0.1:$self->{front_port}/$manner" }
sub tls_front { my ($self, $manner) = @_; return "https://127.0.0.1:$self->{tls_port}/$manner" }
sub tls { my ($self, $name) = @_; return "$self->{dir}/tls/$name" }

# How often the front was asked for a path.
sub asked
{
	my ($self, $path) = @_;
	return decode_json($self->{http}->get("http://127.0.0.1:$self->{front_port}/asked")->{content})->{$path} // 0;
}

# Two CAs; the first has signed certificates of a server and of a client.
sub _make_certificates
{
	my ($self) = @_;
	my $dir = "$self->{dir}/tls";
	mkdir $dir or croak $!;
	my $script = "set -e; cd '$dir'; exec >/dev/null 2>&1\n";
	$script .= "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$_ -keyout $_.key -out $_.pem\n" for qw(ca other-ca);
	$script .= "openssl req -newkey rsa:2048 -nodes -subj /CN=$_ -keyout $_.key -out $_.csr\n"
	  . "printf 'subjectAltName=IP:127.0.0.1' >ext; openssl x509 -req -in $_.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $_.crt\n" for qw(server client);
	$script .= "cat server.crt server.key >server.pem; mv client.crt client.pem\n";
	system('sh', '-c', $script) == 0 or croak 'openssl';
	return;
}

# Encodes messages by fastavro, registers their schemas, and sends them; returns the schemas'
# numbers.  Each is { topic, key, value }, where these are undef or, see avro_produce.py,
# { schema, value }, { connect }, { hex }.
sub produce
{
	my ($self, $kafka, @messages) = @_;
	my $input = join '', map { JSON::PP->new->canonical->utf8->allow_bignum->encode($_) . "\n" } @messages;
	my ($out, $err) = ('', '');
	IPC::Run::run([ "$cache/venv/bin/python", "$here/avro_produce.py", $kafka->bootstrap, $self->url ], \$input, \$out, \$err)
	  or croak "avro_produce.py: $err";
	return split /\s+/, $out;
}

sub DESTROY
{
	my ($self) = @_;
	return unless $$ == $self->{owner};
	for (qw(front_pid pid)) { end_process($self->{$_}) if $self->{$_} }
	return;
}

1;
