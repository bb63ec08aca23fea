# A Galera cluster of two nodes: the one that is read is killed under load, the
# stream goes on from the other.
#
# Runs without load: a silent node is left after seconds.
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use CdcIngest::Cluster;
use CdcIngest::Load;
use CdcIngest::Process qw(free_port wait_until);
use CdcIngest::Server;

my $provider = '/usr/lib/galera/libgalera_smm.so';
die "galera-4 is not installed\n" if !-e $provider;

my $cluster = CdcIngest::Cluster->new('galera');
my @ports = map { free_port() } 1 .. 2;
my $domain = 100;

# A node: replication by the provider at a port of its own, state by rsync.
sub node
{
	my ($n, $join) = @_;
	my $sst = free_port();
	return CdcIngest::Server->new(
		'mariadb',
		args => [
			'--wsrep-on=ON', "--wsrep-provider=$provider", '--wsrep-cluster-name=cdc_test',
			'--wsrep-cluster-address=gcomm://' . ($join ? "127.0.0.1:$ports[0]" : ''),
			"--wsrep-node-name=n$n", '--wsrep-node-address=127.0.0.1',
			"--wsrep-provider-options=base_host=127.0.0.1;base_port=$ports[$n - 1];gmcast.listen_addr=tcp://127.0.0.1:$ports[$n - 1];"
			  . 'ist.recv_addr=127.0.0.1:' . free_port() . ';evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S;pc.ignore_sb=true;pc.weight=' . ($n == 1 ? 1 : 2),
			'--wsrep-sst-method=rsync', "--wsrep-sst-receive-address=127.0.0.1:$sst",
			'--wsrep-gtid-mode=ON', "--wsrep-gtid-domain-id=$domain", '--server-id=100',
			'--gtid-domain-id=' . ($domain + $n), '--log-slave-updates', '--innodb-autoinc-lock-mode=2'
		],
		join => $join);
}

sub ready { my ($node) = @_; return $node->rows(q{SHOW STATUS LIKE 'wsrep_ready'})->[0][1] eq 'ON' }
sub size { my ($node) = @_; return $node->rows(q{SHOW STATUS LIKE 'wsrep_cluster_size'})->[0][1] }

my $one = node(1, 0);
my $two = node(2, 1);
ok(wait_until(120, sub { eval { ready($two) && size($one) == 2 } }), 'two nodes') or die "no cluster\n";

CdcIngest::Load->create_tables($one, 'bank');
$cluster->add_source('galera', $one, host => join(',', map { '127.0.0.1:' . $_->port } $one, $two),
	connect_timeout => '2s', heartbeat_interval => '500ms');
$cluster->subscribe('galera', 'galera', 'galera', tables => ['bank.*']);
$cluster->catch_up('galera');
my $load = CdcIngest::Load->start($two, 'bank', seed => 3, rate => 200);
$cluster->poll('SELECT count(*) > 100 FROM galera.movement', 1);
my $address = 'SELECT source_address FROM cdc.subscription_position';
is($cluster->value($address), '127.0.0.1:' . $one->port, 'the first node is read');

$one->stop('KILL');
my $seen = $cluster->value('SELECT count(*) FROM galera.movement');
$cluster->poll($address, '127.0.0.1:' . $two->port);
$cluster->poll("SELECT count(*) > $seen + 100 FROM galera.movement", 1);
pass('the node is killed under load: the stream goes on from the other');
my $committed = $load->stop;
$cluster->catch_up('galera');
$cluster->compare_ok($two, 'bank', 'galera', "source and replica are identical after $committed transactions");
$cluster->history_ok('galera');
is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE kind = 'source' AND message = 'the source is another server than before'}),
	1, 'the log tells it');
my $at_source = $two->value('SELECT count(*) FROM bank.movement');
my $history = $cluster->history_of('galera');
is($cluster->value("SELECT count(*) || ' ' || count(DISTINCT event->'data'->>'id') FROM $history WHERE source_table = 'bank.movement' AND op = 'c'"),
	"$at_source $at_source", 'each row of an append-only table came once');
$two->stop('KILL');
done_testing();
