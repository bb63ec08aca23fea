# Fan-out: publications that know nothing of each other, keys of events of any envelope, and
# formats of other tools, read back through subscriptions of our own.
#
# Takes 35 s.
use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(fork_child reap wait_until);
use CdcIngest::Server;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('fanout');
$cluster->do(sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap),
	q{CREATE SERVER nowhere FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:9')});

my $json = JSON::PP->new->canonical->allow_nonref;

sub subscribe
{
	my ($name, %opt) = @_;
	$cluster->do("CREATE SCHEMA IF NOT EXISTS $opt{target_schema}") if $opt{target_schema};
	return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt);
}
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub apply { return $cluster->do("SELECT * FROM cdc.apply('$_[0]')") }
sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub fails { return $cluster->error_of($_[0]) }

# One publication cannot reach its brokers, one has a message that they refuse: the third,
# whose name comes last, does not notice.
subtest 'publications of their own' => sub {
	$kafka->create_topic('in');
	$kafka->create_topic('small', 1, 'max.message.bytes' => 300);
	subscribe('many', topics => ['in'], history => 'many_history', enabled => \'true');
	my $row = sub { my ($id, $v) = @_; qq({"database":"d","table":"t","type":"insert","ts":1,"primary_key_columns":["id"],"data":{"id":$id,"v":"$v"}}) };
	$kafka->produce('in', [ $row->(1, 'a'), $row->(2, 'b' x 1000), $row->(3, 'c') ]);
	$cluster->catch_up('many');
	$cluster->do(q{SELECT cdc.publish('many', 'bus', 'out', name := 'c', format := 'json', from_seq := 4)});
	$cluster->do(q{SELECT cdc.publish('many', 'bus', 'small', name := 'b', format := 'json', from_seq := 4)});
	$cluster->do(q{SELECT cdc.publish('many', 'nowhere', 'none', name := 'a', format := 'json', from_seq := 4)});
	$cluster->do(q{UPDATE cdc_catalog.publication SET published_seq = 0}, map { "SELECT cdc.enable_publication('$_')" } qw(a b c));
	$cluster->poll(q{SELECT events_behind FROM cdc.stat_publication WHERE publication = 'c'}, 0);
	is(join(' ', $kafka->consume('out', format => '%k')), '{"id":1} {"id":2} {"id":3}', 'what can be delivered is');
	$cluster->poll(q{SELECT count(*) FROM cdc.stat_publication WHERE last_error IS NOT NULL}, 2);
	like(list(q{SELECT last_error FROM cdc.stat_publication WHERE publication = 'b'}), qr/could not deliver a message of \d+ bytes.*publication "b", seq 2, source table "d\.t", key \{"id":2\}/s, 'an error names seq, table and key');
	like(list(q{SELECT last_error FROM cdc.stat_publication WHERE publication = 'a'}), qr/publication "a"/, 'each has its own');
	is(list(q{SELECT last_error FROM cdc.stat_publication WHERE publication = 'c'}), '-', 'or none');
	is(list(q{SELECT state, last_error FROM cdc.stat_subscription WHERE subscription = 'many'}), 'streaming|-', 'nor has the subscription');
	$kafka->produce('in', [ $row->(4, 'd') ]);
	$cluster->poll(q{SELECT published_seq FROM cdc.stat_publication WHERE publication = 'c'}, 4);
	is(list(q{SELECT published_seq FROM cdc.publication WHERE name IN ('a', 'b')}), '0 0', 'and it goes on');

	# what is disabled, dropped, or mended
	$cluster->do(q{SELECT cdc.drop_publication('a')});
	$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE worker = 'publish' AND publication_id NOT IN (SELECT id FROM cdc.publication)}, 0);
	is(list(q{SELECT worker FROM cdc.subscription_failure WHERE failures > 0}), 'publish b', 'a failure goes with its publication');
	$cluster->do(q{SELECT cdc.disable_publication('b')}, q{SELECT cdc.publish('many', 'bus', 'large', name := 'b', format := 'json')}, q{SELECT cdc.enable_publication('b')});
	$cluster->poll(q{SELECT events_behind FROM cdc.stat_publication WHERE publication = 'b'}, 0);
	$cluster->poll(q{SELECT last_error IS NULL FROM cdc.stat_publication WHERE publication = 'b'}, 1);
	is(scalar(my @m = $kafka->consume('large')), 4, 'another topic, and all are there');
	$cluster->do(q{SELECT cdc.drop_subscription('many', true)});
	$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE worker = 'publish'}, 0);
};

done_testing();
