# An Elasticsearch for a TAP test: one node, on the loopback, in a temporary directory.
package CdcIngest::Elasticsearch;

use strict;
use warnings;

use Carp;
use File::Temp;
use HTTP::Tiny;
use JSON::PP;
use CdcIngest::Process qw(spawn end_process free_port is_running wait_until);

sub new
{
	my ($class) = @_;
	my $cache = $ENV{CDC_TEST_CACHE} // '/var/cache/cdc_ingest-test';
	my $self = bless { dir => File::Temp->newdir(TMPDIR => 1), port => free_port(), http => HTTP::Tiny->new(timeout => 60), owner => $$ }, $class;
	my $log = "$self->{dir}/log";
	local $ENV{JAVA_HOME} = $ENV{JAVA_HOME};
	delete $ENV{JAVA_HOME} unless defined $ENV{JAVA_HOME};
	system('cp', '-r', "$cache/elasticsearch/config", "$self->{dir}/config") == 0 or croak 'no Elasticsearch: test/setup/elasticsearch.sh';
	local $ENV{ES_JVM_OPTIONS} = "$self->{dir}/config/jvm.options";
	$self->{pid} = spawn($log, "$cache/elasticsearch/bin/elasticsearch", map { "-E$_" }
		  "path.conf=$self->{dir}/config", "path.data=$self->{dir}/data", "path.logs=$self->{dir}/logs",
		"http.port=$self->{port}", 'transport.tcp.port=' . free_port(), 'network.host=127.0.0.1', 'node.max_local_storage_nodes=1');
	wait_until(120, sub { croak "Elasticsearch ended while starting, see $log" unless is_running($self->{pid}); ($self->{http}->get($self->url('/')))->{success} })
	  or croak 'Elasticsearch does not answer';
	return $self;
}

sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}$path" }

# The answer of a request as a structure.
sub request
{
	my ($self, $method, $path, $content) = @_;
	my $response = $self->{http}->request($method, $self->url($path),
		{ headers => { 'Content-Type' => 'application/x-ndjson' }, defined $content ? (content => $content) : () });
	croak "$method $path: $response->{status} $response->{content}" unless $response->{success};
	return decode_json($response->{content});
}

# The documents of an index by their _id.
sub documents
{
	my ($self, $index) = @_;
	$self->request('POST', "/$index/_refresh");
	my $found = $self->request('GET', "/$index/_search?size=10000");
	return { map { ($_->{_id} => $_->{_source}) } @{ $found->{hits}{hits} } };
}

sub DESTROY
{
	my ($self) = @_;
	end_process($self->{pid}) if $$ == $self->{owner} && $self->{pid};
	return;
}

1;
