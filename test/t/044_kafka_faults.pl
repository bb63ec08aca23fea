# What can go wrong between a subscription and Kafka: PostgreSQL killed under load, the
# broker away, silent or slow, leaders that move, messages that expired, topics made
# anew, holes, aborted transactions, messages that are not what they should be, large
# and many ones, cancel in each wait.
#
# Runs without load: a broker has two seconds for an answer, a cancel one.
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::KafkaMock;
use CdcIngest::Process qw(fork_child end_process wait_until);

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_faults', conf => "wal_level = minimal\nmax_wal_senders = 0\n");

sub server
{
	my ($name, $bootstrap) = @_;
	$cluster->do("CREATE SERVER $name FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '$bootstrap',
		request_timeout '2s', connect_timeout '3s')");
	return;
}
server('bus', $kafka->bootstrap);

sub maxwell
{
	my ($id, $v) = @_;
	return [ qq({"database":"d","table":"t","pk.id":$id}),
		qq({"database":"d","table":"t","type":"insert","ts":1700000000,"xid":$id,"commit":true,"data":{"id":$id,"v":"$v"}}) ];
}

sub subscribe { my ($name, %opt) = @_; return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt) }
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub pull_error { return $cluster->error_of("SELECT cdc.pull('$_[0]')") }
sub count { return $cluster->value("SELECT count(*) FROM $_[0]_history") }

# Rows by partition have all offsets, in order, once.
sub whole
{
	my ($name, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $row = $cluster->rows(
		"SELECT count(*), count(DISTINCT position), count(DISTINCT seq), max(seq),
		        count(*) FILTER (WHERE o <> before + 1 OR before IS NULL AND o <> 0)
		 FROM (SELECT *, lag(o) OVER (PARTITION BY p ORDER BY seq) AS before
		       FROM (SELECT seq, position, split_part(position, '\@', 1) AS p, split_part(position, '\@', 2)::bigint AS o
		             FROM ${name}_history) h) i")->[0];
	is("@$row", "$expected $expected $expected $expected 0", $what);
	return;
}

subtest 'PostgreSQL killed ten times under load' => sub {
	my $seed = $ENV{CDC_TEST_SEED} // time;
	srand $seed;
	note "CDC_TEST_SEED=$seed";
	$kafka->create_topic('load', 3);
	subscribe('load', topics => ['load'], target_schema => 'loaded', history => 'public.load_history', options => '{"batch_events": 500}');
	$cluster->do(q{SELECT cdc.enable_subscription('load')});
	my $per_round = 2000;
	my $n = 0;
	for my $round (1 .. 10)
	{
		$kafka->produce('load', [ map { maxwell($n + $_, "v$round") } 1 .. $per_round ]);
		$n += $per_round;
		# The moment itself is the point here.
		sleep rand 0.3;
		$cluster->forget;
		if ($round % 2) { $cluster->node->stop('immediate') }
		else
		{
			# Where nobody waits for the postmaster at once, it seems to run for a while.
			my $pid = $cluster->node->{_pid};
			$cluster->node->kill9;
			wait_until(30, sub { !kill 0, $pid }) or die 'still there';
		}
		$cluster->node->start;
	}
	$cluster->catch_up('load');
	whole('load', $n, 'every message once, in order');
	is($cluster->value('SELECT count(*) FROM loaded.t'), $n, 'the replica has all keys');
	is($cluster->value('SELECT sum(id) FROM loaded.t'), $n * ($n + 1) / 2, 'and the right ones');
	$cluster->do(q{SELECT cdc.disable_subscription('load')});
};

subtest 'broker away, back, killed, silent' => sub {
	$kafka->create_topic('away', 2);
	subscribe('away', topics => ['away'], options => '{"metadata_refresh": "500ms"}');
	$cluster->do(q{SELECT cdc.enable_subscription('away')});
	$kafka->produce('away', [ map { maxwell($_, 'a') } 1 .. 50 ]);
	$cluster->catch_up('away');
	$kafka->stop;
	# (while it goes down partitions may be gone before the broker is)
	$cluster->poll(q{SELECT last_error ~* 'Kafka|broker|cluster' FROM cdc.stat_subscription WHERE subscription = 'away'}, 1, 60);
	pass('the view says why');
	$kafka->start;
	$kafka->produce('away', [ map { maxwell($_, 'b') } 51 .. 100 ]);
	$cluster->catch_up('away');
	whole('away', 100, 'stopped and started: all there');
	$kafka->restart('KILL');
	$kafka->produce('away', [ map { maxwell($_, 'c') } 101 .. 150 ]);
	$cluster->catch_up('away');
	whole('away', 150, 'killed and started: all there');
	$cluster->do(q{SELECT cdc.disable_subscription('away')});
	$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE worker = 'pull'}, 0);
	$kafka->produce('away', [ map { maxwell($_, 'd') } 151 .. 200 ]);
	$kafka->freeze;
	my $began = time;
	like(pull_error('away'), qr/Kafka|broker|timed out|cluster/i, 'a silent broker is an error');
	cmp_ok(time - $began, '<', 15, 'after the timeout');
	my %waits = (pull => q{SELECT cdc.pull('away')}, wait_for => q{SELECT cdc.wait_for('away')},
		set_position => q{SELECT cdc.set_position('away', 'earliest')},
		create => q{SELECT cdc.create_subscription('x', 'bus', topics := '{away}')});
	for my $wait (sort keys %waits)
	{
		$cluster->do(q{SET statement_timeout = '300ms'});
		$began = time;
		like($cluster->error_of($waits{$wait}), qr/statement timeout/, "statement_timeout in $wait");
		cmp_ok(time - $began, '<', 1.3, 'within a second');
		$cluster->do('RESET statement_timeout');
	}
	my $victim = $cluster->connect;
	my $pid = $victim->selectrow_array('SELECT pg_backend_pid()');
	my $child = fork_child(sub { sleep 0.5; my $dbh = $cluster->connect; $dbh->do("SELECT pg_cancel_backend($pid)") });
	$began = time;
	like($cluster->error_of(q{SELECT cdc.pull('away')}, $victim), qr/user request/, 'cancelled');
	cmp_ok(time - $began, '<', 1.8, 'within a second');
	end_process($child);
	$kafka->thaw;
	$cluster->poll(q{SELECT cdc.pull('away') >= 0}, 1, 60);
	whole('away', 200, 'and goes on');
	$victim->disconnect;
};

subtest 'leaders move, answers are slow' => sub {
	my $mock = CdcIngest::KafkaMock->new(brokers => 3);
	$mock->topic('m', 2);
	server('mock', $mock->bootstrap);
	subscribe('m', server => 'mock', topics => ['m']);
	my $n = 0;
	my $send = sub { $mock->produce('m', [ map { maxwell($n + $_, 'x') } 1 .. 200 ]); $n += 200 };
	$send->();
	is(pull('m'), 200, 'before');
	$mock->command('leader', 'm', 0, 2);
	$mock->command('leader', 'm', 1, 3);
	$send->();
	is(pull('m'), 200, 'new leaders');
	$send->();
	$mock->errors('Fetch', ('NOT_LEADER') x 3, 'REQUEST_TIMED_OUT', 'LEADER_NOT_AVAILABLE', 'TRANSPORT');
	is(pull('m'), 200, 'errors that pass');
	$send->();
	$mock->rtt(700);
	is(pull('m'), 200, 'answers that take long');
	$mock->rtt(0);
	$send->();
	$mock->command('down', $_) for 1 .. 3;
	like(pull_error('m'), qr/Kafka|broker|cluster/i, 'all brokers away');
	$mock->command('up', $_) for 1 .. 3;
	$cluster->poll(q{SELECT cdc.pull('m') >= 0}, 1, 60);
	whole('m', $n, 'no message lost, none twice');
	$mock->errors('OffsetCommit', ('TOPIC_AUTHORIZATION_FAILED') x 20);
	$send->();
	is(pull('m'), 200, 'a group that cannot be told stops nothing');
	$cluster->poll(q{SELECT cdc.pull('m')}, 0);
	$cluster->poll(q{SELECT count(*) FROM cdc.log WHERE subscription = 'm' AND kind = 'consumer_group'}, 1, 20);
	pass('but is in the log');
	$mock->stop;
};

subtest 'gaps' => sub {
	$kafka->create_topic('gap');
	$kafka->produce('gap', [ map { maxwell($_, 'a') } 1 .. 10 ]);
	subscribe('gap', topics => ['gap']);
	pull('gap');
	$cluster->forget;    # what a consumer has fetched already is not lost
	$kafka->produce('gap', [ map { maxwell($_, 'b') } 11 .. 20 ]);
	$kafka->delete_records('gap', 0, 15);
	like(pull_error('gap'), qr{5 messages of gap/0 are lost.*offsets 10 to 14.*set_position\('gap', 'gap/0\@15'\)}s, 'expired offsets');
	is(count('gap'), 10, 'nothing is jumped over');
	$cluster->do(q{SELECT cdc.set_position('gap', 'gap/0@15')});
	is(pull('gap'), 5, 'go on behind the gap');
	my $again = sub { $kafka->delete_topic('gap'); sleep 0.3; $kafka->create_topic('gap'); };
	$again->();
	$kafka->produce('gap', [ map { maxwell($_, 'c') } 1 .. 5 ]);
	like(pull_error('gap'), qr{gap/0 ends before the position.*The position is 20, but.*0 to 4.*set_position}s, 'made anew, shorter');
	$kafka->produce('gap', [ map { maxwell($_, 'c') } 6 .. 30 ]);
	$cluster->forget;
	like(pull_error('gap'), qr{topic "gap" is not the one.*gap/0\@19 is not what was read}s, 'made anew, longer');
	$cluster->do(q{SELECT cdc.set_position('gap', 'gap/0@0')});
	is(pull('gap'), 30, 'from its beginning');
	# A worker says it of the partition.
	$again->();
	$cluster->do(q{SELECT cdc.enable_subscription('gap')});
	$cluster->poll(q{SELECT last_error LIKE '%ends before the position%' FROM cdc.stat_kafka_partition WHERE subscription = 'gap'}, 1, 30);
	pass('in the view of partitions, by a worker');
	$cluster->do(q{SELECT cdc.set_position('gap', 'earliest')});
	$kafka->produce('gap', [ maxwell(31, 'd') ]);
	$cluster->catch_up('gap');
	$cluster->poll(q{SELECT last_error IS NULL FROM cdc.stat_kafka_partition WHERE subscription = 'gap'}, 1, 30);

	# While the worker's consumer stays connected, and at once longer than it was.  It
	# looks behind a second without messages only, which is less than all of this takes.
	sleep 1;
	$again->();
	$kafka->produce('gap', [ map { maxwell($_, 'e') } 1 .. 60 ]);
	$cluster->poll(q{SELECT last_error LIKE 'topic "gap" is not the one%' FROM cdc.stat_kafka_partition WHERE subscription = 'gap'}, 1, 30);
	is(count('gap'), 46, 'made anew and longer under a connected worker: nothing of it is taken');
	# In a session, with as many messages as before.
	$cluster->do(q{SELECT cdc.disable_subscription('gap')});
	$cluster->do(q{SELECT cdc.set_position('gap', 'earliest')});
	is(pull('gap'), 60, 'read anew');
	sleep 1;
	$again->();
	$kafka->produce('gap', [ map { maxwell($_, 'f') } 1 .. 60 ]);
	like(pull_error('gap'), qr{topic "gap" is not the one}, 'made anew, as long, under a connected session');
	$cluster->do(q{SELECT cdc.set_position('gap', 'earliest')});

	# What a view shows is right while the worker fails.
	$kafka->produce('gap', ['not json']);
	$cluster->do(q{SELECT cdc.enable_subscription('gap')});
	$cluster->poll(q{SELECT last_error LIKE 'message gap/0@60 is not%' FROM cdc.stat_kafka_partition WHERE subscription = 'gap'}, 1, 30);
	$kafka->produce('gap', [ map { maxwell($_, 'g') } 1 .. 4 ]);
	$cluster->poll(q{SELECT lag FROM cdc.stat_kafka_partition WHERE subscription = 'gap'}, 5, 30);
	pass('the lag of a subscription in error');
	$cluster->do(q{SELECT cdc.disable_subscription('gap')});
};

subtest 'holes' => sub {
	# Aborted transactions and control records.
	$kafka->create_topic('txn');
	subscribe('txn', topics => ['txn'], format => 'raw');
	$kafka->admin('transaction', 'commit', 'txn', 0, 10, 'kept');
	$kafka->admin('transaction', 'abort', 'txn', 0, 10, 'dropped');
	is(pull('txn'), 10, 'what was aborted is not read');
	is($cluster->value(q{SELECT position FROM cdc.stat_kafka_partition WHERE subscription = 'txn'}), 22, 'the position is behind it and the control records');
	is($cluster->value(q{SELECT lag FROM cdc.stat_kafka_partition WHERE subscription = 'txn'}), 0, 'no lag');
	$cluster->forget;
	$kafka->admin('transaction', 'commit', 'txn', 0, 5, 'kept');
	is(pull('txn'), 5, 'and on in another session');
	is($cluster->value(q{SELECT count(*) FROM txn_history WHERE raw LIKE 'dropped%'}), 0, 'nothing of it');
	# Compaction.
	$kafka->create_topic('compact', 1, 'cleanup.policy' => 'compact', 'segment.ms' => 100,
		'min.cleanable.dirty.ratio' => '0.01', 'max.compaction.lag.ms' => 100, 'delete.retention.ms' => 0);
	subscribe('compact', topics => ['compact']);
	$kafka->produce('compact', [ map { maxwell(1 + $_ % 3, "v$_") } 1 .. 300 ]);
	is($cluster->value("SELECT cdc.pull('compact')"), 300, 'before compaction');
	$cluster->forget;
	my $left;
	for my $try (1 .. 60)
	{
		# A segment is closed by a message behind it.
		$kafka->produce('compact', [ maxwell(9, "close$try") ]);
		$left = () = $kafka->consume('compact');
		last if $left < 100;
		sleep 0.5;
	}
	cmp_ok($left, '<', 100, 'the topic has holes');
	cmp_ok(pull('compact'), '>', 0, 'the message that proved the topic is gone, which is no error');
	my ($marks) = $kafka->watermarks('compact');
	is($cluster->value(q{SELECT position FROM cdc.stat_kafka_partition WHERE subscription = 'compact'}), $marks->[1], 'at the end');
	subscribe('compact2', topics => ['compact']);
	cmp_ok(pull('compact2'), '<', 100, 'from the beginning, over the holes');
	# Empty.
	$kafka->create_topic('empty', 3);
	subscribe('empty', topics => ['empty']);
	is(pull('empty'), 0, 'an empty topic');
};

subtest 'messages that are not what they should be' => sub {
	$kafka->create_topic('bad');
	$kafka->produce('bad', [ maxwell(1, 'x'), '{"no":"envelope"}', maxwell(2, 'x'), 'not json', maxwell(3, 'x'), "\xff\xfe{}" ]);
	subscribe('bad', topics => ['bad']);
	is(pull('bad'), 1, 'what comes before is kept');
	like(pull_error('bad'), qr{message bad/0\@1 is not in the format "maxwell".*"no":"envelope".*on_error.*set_position\('bad', 'bad/0\@2'\)}s, 'then an error that says which');
	is(count('bad'), 1, 'nothing of it');
	$cluster->do(q{SELECT cdc.set_position('bad', 'bad/0@2')});
	is(pull('bad'), 1, 'passed over by hand');
	like(pull_error('bad'), qr{message bad/0\@3 is not.*invalid JSON.*not json}s, 'no JSON');
	$cluster->do(q{SELECT cdc.alter_subscription('bad', '{"on_error": "log"}')});
	is(pull('bad'), 3, 'or kept aside');
	is_deeply($cluster->rows(q{SELECT position, encode(raw, 'hex'), seq FROM cdc.error WHERE subscription = 'bad' ORDER BY seq}),
		[ [ 'bad/0@3', unpack('H*', 'not json'), 3 ], [ 'bad/0@5', unpack('H*', "\xff\xfe{}"), 5 ] ], 'countable, with their bytes');
	my $long = 't' x 600;
	$kafka->produce('bad', [qq({"database":"d","table":"$long","type":"insert","ts":1,"data":{"id":1}})]);
	is(pull('bad'), 1, 'so is one of a table whose name is too long');
	like($cluster->value(q{SELECT message FROM cdc.error WHERE subscription = 'bad' AND seq = 6}), qr{name of its table is longer}, 'with its reason');
	is_deeply($cluster->rows(q{SELECT seq, op, event IS NULL, encode(raw, 'hex') FROM bad_history WHERE op = 'm' AND seq < 6 ORDER BY seq}),
		[ [ 3, 'm', 1, unpack('H*', 'not json') ], [ 5, 'm', 1, unpack('H*', "\xff\xfe{}") ] ], 'in the history');
};

subtest 'large and many' => sub {
	$kafka->create_topic('large', 1, 'max.message.bytes' => 11_000_000);
	my $big = 'x' x 10_000_000;
	$kafka->produce('large', [ maxwell($_, $big) ], args => [ '-X', 'message.max.bytes=11000000' ]) for 1 .. 3;
	subscribe('large', topics => ['large']);
	is(pull('large'), 3, 'messages of 10 MB');
	is($cluster->value(q{SELECT min(length(event->'data'->>'v')) FROM large_history}), 10_000_000, 'whole');
	my $million = 1_000_000;
	$kafka->create_topic('tiny', 4);
	$kafka->kcat([ '-P', '-t', 'tiny', '-X', 'queue.buffering.max.messages=2000000' ], input => "x\n" x $million);
	subscribe('tiny', topics => ['tiny'], format => 'raw');
	is(pull('tiny'), $million, 'a million tiny ones');
	whole('tiny', $million, 'each once, in order');
	my $kb = $cluster->value(q{SELECT pg_backend_pid()});
	open my $status, '<', "/proc/$kb/status" or die "status: $!";
	my ($rss) = map { /^RssAnon:\s+(\d+) kB/ } <$status>;
	cmp_ok($rss, '<', 180_000, "memory of the session ($rss kB)");
};
done_testing();
