# Scans of Kafka topics when something is wrong: a scan is whole or an error, and
# each wait ends when it is told to.  A real Apache Kafka, and librdkafka's mock
# cluster where a leader has to move.
#
# Runs without load: a cancel must take effect within a second.
# Takes 60 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::KafkaMock;
use CdcIngest::Process qw(wait_until);

my $kafka = CdcIngest::Kafka->new(config => { 'log.cleaner.backoff.ms' => 200, 'log.retention.check.interval.ms' => 500,
	'log.segment.delete.delay.ms' => 0, 'message.max.bytes' => 12_000_000 });
my $cluster = CdcIngest::Cluster->new('kafka_scan_faults', conf => "max_parallel_workers_per_gather = 0\n");
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka
	OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "', connect_timeout '20s')");

sub table
{
	my ($name, %options) = @_;
	my $server = delete $options{server} // 'bus';
	$options{topic} //= $name;
	my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
	$cluster->do(qq{CREATE FOREIGN TABLE $name (partition int, "offset" bigint, key text, value text) SERVER $server OPTIONS ($list)});
	return;
}

sub offsets { return $cluster->value(qq{SELECT string_agg("offset"::text, ' ' ORDER BY "offset") FROM $_[0]}) }

subtest 'holes' => sub {
	$kafka->create_topic('empty', 2);
	table('empty');
	is($cluster->value('SELECT count(*) FROM empty'), 0, 'an empty topic');

	$kafka->create_topic('txn', 1);
	$kafka->admin('transaction', 'commit', 'txn', 0, 3, 'kept');
	$kafka->admin('transaction', 'abort', 'txn', 0, 4, 'gone');
	table('txn');
	is(offsets('txn'), '0 1 2', 'a transaction that was rolled back, at the end');
	$kafka->admin('transaction', 'commit', 'txn', 0, 1, 'kept');
	is(offsets('txn'), '0 1 2 9', '... in the middle');
	table('txn_raw', topic => 'txn', isolation_level => 'read_uncommitted');
	is(offsets('txn_raw'), '0 1 2 4 5 6 7 9', 'read_uncommitted');
	$kafka->admin('transaction', 'open', 'txn', 0, 2, 'open');
	$kafka->produce('txn', ['after']);
	is(offsets('txn'), '0 1 2 9', 'up to the last stable offset while one is open');
	is(offsets('txn_raw'), '0 1 2 4 5 6 7 9 11 12 13', 'read_uncommitted');

	$kafka->create_topic('compact', 1, 'cleanup.policy' => 'compact', 'segment.ms' => 100, 'min.cleanable.dirty.ratio' => '0.01');
	$kafka->produce('compact', [ map { [ $_ % 10, "v$_" ] } 1 .. 200 ]);
	sleep 0.2;    # the segment's age
	$kafka->produce('compact', [ [ 'last', 'x' ] ]);
	table('compact');
	my $left;
	wait_until(60, sub { ($left = $cluster->value('SELECT count(*) FROM compact')) < 200 });
	is($left, 11, 'a compacted topic');
	is($cluster->value('SELECT count(*) FROM compact WHERE "offset" BETWEEN 20 AND 30'), 0, '... a hole of it');
	is($cluster->value('SELECT "offset" FROM compact WHERE "offset" >= 100 ORDER BY 1 LIMIT 1'), 190, '... from a hole on');
};

subtest 'messages that are gone' => sub {
	$kafka->create_topic('aged', 2);
	$kafka->produce('aged', [ map { "v$_" } 1 .. 100 ], partition => $_) for 0, 1;
	table('aged');
	table('aged_skip', topic => 'aged', missing_offsets => 'skip');
	is($cluster->value('SELECT count(*) FROM aged'), 200, 'all are there');
	$kafka->delete_records('aged', 1, 60);
	is($cluster->value('SELECT count(*) FROM aged'), 140, 'without a condition: what there is');
	is($cluster->value('SELECT count(*) FROM aged WHERE "offset" >= 0'), 140, 'from 0 on: the same');
	like($cluster->error_of('SELECT * FROM aged WHERE "offset" >= 50'),
		qr/offset 50 of topic "aged", partition 1 is not there any more.*offset 60.*missing_offsets/s, 'offsets that are gone');
	like($cluster->error_of('SELECT * FROM aged WHERE partition = 1 AND "offset" IN (5, 70)'), qr/offset 5 of topic "aged", partition 1/, 'one of a list');
	is($cluster->value('SELECT count(*) FROM aged WHERE "offset" >= 50 AND partition = 0'), 50, 'in another partition');
	is($cluster->value('SELECT count(*) FROM aged_skip WHERE "offset" >= 50'), 90, "missing_offsets 'skip'");

	# under a scan: what it has not read yet is deleted
	$kafka->create_topic('shrinking', 1);
	$kafka->produce('shrinking', [ map { 'x' x 1000 } 1 .. 30000 ]);
	table('shrinking', memory_limit => '1MB');
	my $dbh = $cluster->connect;
	$dbh->begin_work;
	$dbh->do('DECLARE c CURSOR FOR SELECT "offset" FROM shrinking');
	is($dbh->selectrow_array('FETCH 1 FROM c'), 0, 'a scan begins');
	$kafka->delete_records('shrinking', 0, 29000);
	like($cluster->error_of('FETCH ALL FROM c', $dbh), qr/could not read offset \d+ of partition 0 of topic "shrinking"/, 'retention under a scan is an error');
	$dbh->rollback;
	is($cluster->value('SELECT count(*) FROM shrinking'), 1000, 'what is left');

	$kafka->produce('shrinking', [ map { 'x' x 1000 } 1 .. 30000 ]);
	$dbh->do(q{ALTER FOREIGN TABLE shrinking OPTIONS (ADD request_timeout '3s')});
	$dbh->begin_work;
	$dbh->do('DECLARE c CURSOR FOR SELECT "offset" FROM shrinking');
	is($dbh->selectrow_array('FETCH 1 FROM c'), 29000, 'a scan begins');
	$kafka->delete_topic('shrinking');
	like($cluster->error_of('FETCH ALL FROM c', $dbh), qr/shrinking.*partition 0 at offset \d+ of 60000/s, 'a topic that vanishes under a scan');
	$dbh->rollback;
	like($cluster->error_of('SELECT * FROM shrinking'), qr/shrinking.*Unknown topic/s, '... and a scan after it');
	return;
};

subtest 'a batch that is not what its producer sent' => sub {
	$kafka->create_topic('damaged', 1);
	$kafka->produce('damaged', ['was sent so']);
	table('damaged');
	is($cluster->value('SELECT value FROM damaged'), 'was sent so', 'as it was sent');
	my ($segment) = glob "$kafka->{dir}/data/damaged-0/*.log";
	open my $file, '+<:raw', $segment or die "$segment: $!";
	local $/;
	my $at = index readline $file, 'was sent so';
	cmp_ok($at, '>', 0, 'found on the disk');
	seek $file, $at, 0;
	print {$file} 'was never  ';
	close $file;
	like($cluster->error_of('SELECT value FROM damaged'), qr/damaged.*CRC/s, 'its checksum is looked at');
	table('damaged_believed', topic => 'damaged', check_crcs => 'false');
	is($cluster->value('SELECT value FROM damaged_believed'), 'was never  ', 'unless check_crcs says otherwise');
	return;
};

$kafka->create_topic('big', 3);
$kafka->produce('big', [ map { 'y' x 500 } 1 .. 20000 ], partition => $_) for 0 .. 2;
table('big', memory_limit => '4MB');
is($cluster->value('SELECT count(value) FROM big'), 60000, 'a larger topic');

subtest 'a broker that stands still' => sub {
	my $dbh = $cluster->connect;
	my $timed = sub {
		my ($sql, $ms) = @_;
		$dbh->do("SET statement_timeout = $ms");
		my $began = time;
		my $error = $cluster->error_of($sql, $dbh);
		my $late = (time - $began) * 1000 - $ms;
		like($error, qr/statement timeout/, $sql);
		cmp_ok($late, '<', 1000, sprintf '... %d ms after', $late);
		return $error;
	};
	$dbh->do('SELECT count(*) FROM big');
	$dbh->begin_work;
	$dbh->do('DECLARE c CURSOR FOR SELECT value FROM big');
	$dbh->do('FETCH 1 FROM c');
	$kafka->freeze;
	like($timed->('FETCH ALL FROM c', 700), qr/reading topic "big", partitions 0 at offset \d+ of 20000/, 'reading is interrupted where it stands');
	$dbh->rollback;
	$timed->('SELECT count(*) FROM big', 700);
	$timed->(q{SELECT count(*) FROM big WHERE "offset" < 5}, 700);
	$timed->('ANALYZE big', 700);
	$timed->('IMPORT FOREIGN SCHEMA topics FROM SERVER bus INTO public', 700);
	$dbh->do('SET statement_timeout = 0');
	my $fresh = $cluster->connect;
	my $began = time;
	$fresh->do('EXPLAIN SELECT * FROM big');
	cmp_ok(time - $began, '<', 3, 'a plan does without the broker');
	$fresh->do(q{ALTER SERVER bus OPTIONS (SET connect_timeout '1s')});
	like($cluster->error_of('SELECT * FROM big', $fresh), qr/could not reach the Kafka cluster within 1000 ms/, 'nobody answers: an error');
	$kafka->thaw;
	$fresh->do(q{ALTER SERVER bus OPTIONS (SET connect_timeout '20s')});
	is(scalar $dbh->selectrow_array('SELECT count(value) FROM big'), 60000, 'it answers again');

	$dbh->do(q{ALTER FOREIGN TABLE big OPTIONS (ADD request_timeout '1s')});
	$dbh->begin_work;
	$dbh->do('DECLARE c CURSOR FOR SELECT value FROM big');
	$dbh->do('FETCH 1 FROM c');
	$kafka->freeze;
	$began = time;
	like($cluster->error_of('FETCH ALL FROM c', $dbh), qr/sent nothing for 1000 ms.*reading topic "big", partitions 0 at offset \d+ of 20000/s,
		'no progress for the time that is allowed is an error, never a short result');
	cmp_ok(time - $began, '<', 10, '... in time');
	$kafka->thaw;
	$dbh->rollback;
	$dbh->do(q{ALTER FOREIGN TABLE big OPTIONS (DROP request_timeout)});
	return;
};

# The broker runs for a fifth of the time.
subtest 'whole while the broker is slow' => sub {
	my $runs = $ENV{CDC_TEST_SLOW_RUNS} // 5;
	my $pid = $kafka->pid;
	my $slower = fork // die $!;
	if (!$slower)
	{
		$SIG{TERM} = sub { kill 'CONT', $pid; exec 'true' };
		while (getppid() != 1)
		{
			kill 'STOP', $pid;
			sleep 0.05 + rand 0.3;
			kill 'CONT', $pid;
			sleep 0.02 + rand 0.05;
		}
		exec 'true';
	}
	my @short = grep { $_ != 60000 } map { $cluster->value('SELECT count(value) FROM big') } 1 .. $runs;
	kill 'TERM', $slower;
	waitpid $slower, 0;
	$kafka->thaw;
	is("@short", '', "$runs runs");
};

subtest 'a broker that goes away and comes back' => sub {
	my $dbh = $cluster->connect;
	$dbh->begin_work;
	$dbh->do('DECLARE c CURSOR FOR SELECT partition, "offset" FROM big');
	my $rows = $dbh->selectall_arrayref('FETCH 10 FROM c');
	$kafka->kill9;
	$kafka->start;
	push @$rows, @{ $dbh->selectall_arrayref('FETCH ALL FROM c') };
	my %seen = map { ("@$_" => 1) } @$rows;
	is(scalar @$rows, 60000, 'the scan goes on');
	is(scalar keys %seen, 60000, '... and has each message once');
	$dbh->rollback;
	return;
};

subtest 'large messages' => sub {
	$kafka->create_topic('huge', 1);
	$kafka->produce('huge', [ map { $_ x 10_000_000 } 1 .. 8 ], args => [ '-X', 'message.max.bytes=12000000' ]);
	table('huge', memory_limit => '8MB');
	my $dbh = $cluster->connect;
	my ($pid) = $dbh->selectrow_array('SELECT pg_backend_pid()');
	my $memory = sub { open my $fh, '<', "/proc/$pid/status" or die $!; return (grep { /^VmHWM/ } <$fh>)[0] =~ /(\d+)/ ? $1 : die };
	my $idle = $memory->();
	is(scalar $dbh->selectrow_array('SELECT count(value) FROM big'), 60000, '30 MB of small ones');
	my $grown = $memory->() - $idle;
	cmp_ok($grown, '<', 24 * 1024, "... within memory_limit (4MB) and what a backend takes: $grown kB");
	is_deeply($dbh->selectall_arrayref('SELECT length(value), left(value, 1) FROM huge'), [ map { [ 10_000_000, $_ ] } 1 .. 8 ], 'of 10 MB each');
	$dbh->disconnect;
};

subtest 'a leader that moves' => sub {
	my $mock = CdcIngest::KafkaMock->new(brokers => 3);
	$mock->topic('moving', 3);
	$mock->produce('moving', [ map { "{\"i\": $_}" } 1 .. 5000 ], partition => $_) for 0 .. 2;
	$cluster->do("CREATE SERVER mock FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $mock->bootstrap . "')");
	table('moving', server => 'mock', memory_limit => '1MB');
	is($cluster->value('SELECT count(*) FROM moving'), 15000, 'all');
	$mock->rtt(20);
	my $dbh = $cluster->connect;
	for my $turn (1 .. 3)
	{
		$dbh->begin_work;
		$dbh->do('DECLARE c CURSOR FOR SELECT partition, "offset" FROM moving');
		my $rows = $dbh->selectall_arrayref('FETCH 5 FROM c');
		$mock->command('leader', 'moving', $_, 1 + ($_ + $turn) % 3) for 0 .. 2;
		$mock->errors('Fetch', ('NOT_LEADER') x 3, ('REQUEST_TIMED_OUT') x 2, 'UNKNOWN_TOPIC_OR_PART') if $turn == 2;
		$mock->command('down', 1) if $turn == 3;
		if ($turn == 3) { sleep 0.3; $mock->command('up', 1) }
		push @$rows, @{ $dbh->selectall_arrayref('FETCH ALL FROM c') };
		my %seen = map { ("@$_" => 1) } @$rows;
		is(@$rows . ' ' . keys %seen, '15000 15000', "turn $turn");
		$dbh->rollback;
	}
	$mock->errors('ListOffsets', ('LEADER_NOT_AVAILABLE', 'NOT_LEADER') x 2);
	$mock->errors('Metadata', 'LEADER_NOT_AVAILABLE');
	is($cluster->value('SELECT count(*) FROM moving'), 15000, 'errors that pass, before a scan');
	return;
};

done_testing();
