# INSERT and COPY into foreign tables of Kafka: what arrives is what was written,
# when it is committed and only then.  Read back with kcat.
#
# Runs without load: a cancel must take effect within a second.
# Takes 35 s.
use strict;
use warnings;
use utf8;

use DBD::Pg;
use DBI qw(:sql_types);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(fork_child reap wait_until);

my $kafka = CdcIngest::Kafka->new(partitions => 2);
my $cluster = CdcIngest::Cluster->new('insert', preload => 0, conf => "max_prepared_transactions = 4\n");
my $dbh = $cluster->dbh;

$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '"
	  . $kafka->bootstrap . "')");

sub table
{
	my ($name, $columns, %options) = @_;
	my $topic = $options{topic} // $name;
	$kafka->create_topic($topic, delete $options{partitions} // 1, %{ delete $options{config} // {} });
	my $list = join ', ', map { "$_ " . $dbh->quote($options{$_}) } sort keys %options;
	$cluster->do("CREATE FOREIGN TABLE $name ($columns) SERVER bus OPTIONS ("
		  . ($options{topic} ? '' : "topic '$topic'" . ($list ? ', ' : '')) . "$list)");
	return;
}

sub values_of { my ($topic, %opt) = @_; return join ' ', $kafka->consume($topic, %opt) }

subtest 'what a message has' => sub {
	table('plain', 'partition int, "offset" bigint, ts timestamptz, key text, value text, headers jsonb', partitions => 3);
	$cluster->do(q{INSERT INTO plain (partition, ts, key, value, headers) VALUES
		(2, '2020-01-02 03:04:05.678+00', 'Schlüssel', 'Wért', '[{"name": "h", "value": "ü"}, {"name": "h", "value": null}, {"name": "b", "base64": "AAH/"}]'),
		(2, NULL, '', '', '{"x": "y"}'), (2, NULL, NULL, NULL, NULL)});
	my @got = $kafka->consume('plain', partition => 2, format => '%o|%T|%K|%k|%S|%s|%h');
	utf8::decode($_) for @got;
	my $now = time * 1000;
	like($got[0], qr/^0\|1577934245678\|10\|Schlüssel\|5\|Wért\|h=ü,h=NULL,b=/, 'key, value, time and headers')
	  or diag(explain(\@got));
	is($dbh->selectrow_array('SELECT headers::text FROM plain WHERE partition = 2 AND "offset" = 0'),
		'[{"name": "h", "value": "ü"}, {"name": "h", "value": null}, {"name": "b", "base64": "AAH/"}]', 'headers read back');
	like($got[1], qr/^1\|\d+\|0\|\|0\|\|x=y$/, 'empty key and value; headers as an object');
	my ($ts) = $got[1] =~ /^1\|(\d+)/;
	cmp_ok(abs($now - $ts), '<', 60_000, 'the time is now where none is given');
	like($got[2], qr/^2\|\d+\|-1\|\|-1\|\|$/, 'no key, no value');

	# by the key: the same key, the same partition
	$cluster->do(q{INSERT INTO plain (key, value) SELECT 'k' || i % 10, i FROM generate_series(1, 300) i});
	my %partition;
	my $moved = 0;
	for (0 .. 2)
	{
		for my $m ($kafka->consume('plain', partition => $_, format => '%k|%s'))
		{
			my ($k, $v) = split /\|/, $m;
			next unless $k =~ /^k\d/;
			$moved++ if defined $partition{$k} && $partition{$k}[0] != $_ || defined $partition{$k} && $partition{$k}[1] > $v;
			$partition{$k} = [ $_, $v ];
		}
	}
	is(keys %partition, 10, 'all keys');
	is($moved, 0, 'a key stays in its partition and order');
	cmp_ok(scalar(keys %{ { map { $_->[0] => 1 } values %partition } }), '>', 1, 'keys are spread over the partitions');

	is($dbh->selectrow_array(q{INSERT INTO plain (key) VALUES ('r') RETURNING key || coalesce(value, '-')}), 'r-', 'RETURNING');
	like($cluster->error_of('INSERT INTO plain ("offset") VALUES (1)'), qr/offset of a message is given by Kafka/, 'no offset');
	my $before = join ' ', map { $_->[1] } $kafka->watermarks('plain');
	like($cluster->error_of('INSERT INTO plain (partition) VALUES (0), (9), (1)'), qr/topic "plain" has no partition 9.*message 2 of the transaction/s, 'no such partition');
	is(join(' ', map { $_->[1] } $kafka->watermarks('plain')), $before, '... and none of the other rows is sent');
	$dbh->do($_) for 'BEGIN', 'SAVEPOINT s', 'INSERT INTO plain (partition) VALUES (9)', 'ROLLBACK TO s', q{INSERT INTO plain (key) VALUES ('r')}, 'COMMIT';
	like($cluster->error_of('INSERT INTO plain (partition) VALUES (-1)'), qr/partition -1 is out of range/, 'a negative partition');
	like($cluster->error_of(q{INSERT INTO plain (ts) VALUES ('infinity')}), qr/infinite time/, 'infinity');
	like($cluster->error_of(q{INSERT INTO plain (headers) VALUES ('[1]')}), qr/invalid headers/, 'headers that are none');
	like($cluster->error_of('DELETE FROM plain'), qr/cannot delete from foreign table/, 'no DELETE');
	like($dbh->selectall_arrayref('EXPLAIN INSERT INTO plain (key) VALUES (1)')->[1][0], qr/Kafka Topic: plain/, 'EXPLAIN');
};

subtest 'types of key and value' => sub {
	$kafka->create_topic('types', 1);
	my $n = 0;
	for (
		[ 'json', q{'{"b":1, "a":[ ]}'}, '{"b":1, "a":[ ]}' ],
		[ 'jsonb', q{'{"b":1, "a":[ ]}'}, '{"a": [], "b": 1}' ],
		[ 'bytea', q{'\x00ff0a'}, "\0\xFF\n" ],
		[ 'varchar(5)', q{'abc'}, 'abc' ])
	{
		my ($type, $value, $wanted) = @$_;
		$cluster->do("CREATE FOREIGN TABLE types_$n (key $type, value $type) SERVER bus OPTIONS (topic 'types')",
			"INSERT INTO types_$n VALUES ($value, $value)");
		my ($k, $v) = split /\|/, ($kafka->consume('types', offset => "-1", format => '%k|%s'))[0];
		is("$k|$v", "$wanted|$wanted", $type);
		$n++;
	}
	table('doc', q{id int, name text, price numeric, day date, deep text OPTIONS (json_path '{x,y}'),
		deeper bool OPTIONS (json_path '{x,z,z}'), list int[], other text OPTIONS (json_name 'Other'), key text}, format => 'json');
	$cluster->do(q{INSERT INTO doc VALUES (1, E'a"b\n', 1.50, '2024-02-29', 'd', true, '{1,2}', 'o', 'k1')},
		q{INSERT INTO doc (id) VALUES (2)}, q{INSERT INTO doc (key) VALUES ('k3')});
	is_deeply(
		[ $kafka->consume('doc', format => '%k|%S|%s') ],
		[
			'k1|110|{"id":1,"name":"a\"b\n","price":1.50,"day":"2024-02-29","x":{"y":"d","z":{"z":true}},"list":[1,2],"Other":"o"}',
			'|99|{"id":2,"name":null,"price":null,"day":null,"x":{"y":null,"z":{"z":null}},"list":null,"Other":null}',
			'k3|-1|'
		],
		'a JSON object of the columns; a tombstone where all are NULL') or diag(explain([ $kafka->consume('doc', format => '%k|%S|%s') ]));
	is($dbh->selectrow_array(q{SELECT row(id, name, price, day, deep, deeper, list, other)::text FROM doc WHERE id = 1}),
		qq{(1,"a""b\n",1.50,2024-02-29,d,t,"{1,2}",o)}, 'read back the same');

	$cluster->do(q{CREATE FOREIGN TABLE doc_value (id int, name text, value jsonb, key text) SERVER bus OPTIONS (topic 'doc', format 'json')});
	like($cluster->error_of(q{INSERT INTO doc_value (id, value) VALUES (1, '{"id": 2}')}), qr/has a whole value and member "id" of one/, 'not both a value and members of it');
	$cluster->do(q{INSERT INTO doc_value (value, key) VALUES ('{"id": 7}', 'k7')}, q{INSERT INTO doc_value (id, key) VALUES (8, 'k8')});
	is(join(' ', map { join '|', @$_ } @{ $cluster->rows(q{SELECT id, value->>'id', key FROM doc_value WHERE key IN ('k7', 'k8') ORDER BY 1}) }), '7|7|k7 8|8|k8', 'but either');

	$cluster->do('CREATE FOREIGN TABLE anywhere (topic text, value text) SERVER bus');
	$kafka->create_topic($_, 1) for qw(here there);
	$cluster->do(q{INSERT INTO anywhere VALUES ('here', 1), ('there', 2), ('here', 3)});
	is(values_of('here') . '|' . values_of('there'), '1 3|2', 'a topic with each row');
	like($cluster->error_of('INSERT INTO anywhere (value) VALUES (1)'), qr/no topic for a row/, 'no topic');
};

subtest 'properties with dots' => sub {
	$kafka->create_topic('dots', 1, 'max.message.bytes' => 3_000_000);
	$cluster->do(q{CREATE FOREIGN TABLE dots (value text) SERVER bus
		OPTIONS (topic 'dots', "transactional.id" 'dots', "message.max.bytes" '2000000')});
	$cluster->do(q{CREATE FOREIGN TABLE dots_read ("offset" bigint) SERVER bus OPTIONS (topic 'dots')});
	my $other = $cluster->connect;
	$_->do(q{INSERT INTO dots VALUES (repeat('x', 1500000))}) for $dbh, $other, $dbh, $other;
	# Brokers write the markers of a transaction a moment after they have confirmed its end.
	my $read = q{SELECT count(*) || ' ' || max("offset") FROM dots_read};
	ok(wait_until(30, sub { $cluster->value($read) eq '4 6' }),
		'two sessions with a transactional.id do not fence each other, each message has its marker; more than 1 MB');
};

subtest 'nothing of what is rolled back' => sub {
	table('tx', 'value text', memory_limit => '1MB');
	$dbh->begin_work;
	$dbh->do(q{INSERT INTO tx VALUES ('rolled back')});
	$dbh->rollback;
	$dbh->begin_work;
	$dbh->do($_) for q{INSERT INTO tx VALUES ('a')}, 'SAVEPOINT one', q{INSERT INTO tx VALUES ('-')}, 'SAVEPOINT two',
	  q{INSERT INTO tx VALUES ('-')}, 'RELEASE two', q{INSERT INTO tx VALUES ('-')}, 'ROLLBACK TO one',
	  q{INSERT INTO tx VALUES ('b')}, 'SAVEPOINT three', 'SAVEPOINT four', q{INSERT INTO tx VALUES ('c')}, 'RELEASE three',
	  'SAVEPOINT five', q{INSERT INTO tx VALUES ('-')}, 'ROLLBACK TO one', q{INSERT INTO tx VALUES ('d')};
	is(values_of('tx'), '', 'nothing is sent before the commit');
	$dbh->commit;
	is(values_of('tx'), 'a d', 'what was rolled back to a savepoint is not sent');
	$cluster->do(q{DO $$ BEGIN FOR i IN 1 .. 6 LOOP BEGIN INSERT INTO tx VALUES (i); IF i % 2 = 0 THEN RAISE EXCEPTION 'x'; END IF;
		EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$});
	is(values_of('tx'), 'a d 1 3 5', 'nor what an exception block undoes');
	isnt($cluster->error_of(q{INSERT INTO tx SELECT 1/(i-5) FROM generate_series(1, 9) i}), '', 'a statement that fails');
	is(values_of('tx'), 'a d 1 3 5', 'has sent nothing');
	$dbh->begin_work;
	$dbh->do(q{INSERT INTO tx VALUES ('p')});
	like($cluster->error_of(q{PREPARE TRANSACTION 'p'}), qr/cannot prepare a transaction that has written to Kafka.*HINT:  Use COMMIT/s, 'PREPARE TRANSACTION');
	$dbh->rollback;
	# one whose rows were rolled back can
	$dbh->do($_) for 'BEGIN', 'SAVEPOINT s', q{INSERT INTO tx VALUES ('p')}, 'ROLLBACK TO s', q{PREPARE TRANSACTION 'p'}, q{COMMIT PREPARED 'p'};

	# beyond memory
	$dbh->begin_work;
	$dbh->do(q{INSERT INTO tx SELECT 'f' || i || repeat(' ', 400) FROM generate_series(1, 3000) i});
	$dbh->do('SAVEPOINT s');
	$dbh->do(q{INSERT INTO tx SELECT 'no' || repeat(' ', 400) FROM generate_series(1, 3000) i});
	$dbh->do('ROLLBACK TO s');
	$dbh->do(q{INSERT INTO tx SELECT 'f' || i || repeat(' ', 400) FROM generate_series(3001, 5000) i});
	my @file = glob $cluster->node->data_dir . '/base/pgsql_tmp/pgsql_tmp' . $dbh->{pg_pid} . '.*';
	ok(@file == 1 && -s $file[0], 'a temporary file');
	$dbh->commit;
	is(scalar(my @left = glob $cluster->node->data_dir . '/base/pgsql_tmp/*'), 0, 'that is gone');
	my @got = map { s/ +//r } $kafka->consume('tx', offset => 5);
	is("@got", join(' ', map { "f$_" } 1 .. 5000), '5000 rows through a temporary file, in order');
};

# librdkafka takes a part of a batch, and the rest later.
subtest 'a full queue' => sub {
	table('narrow', 'key text, value text, headers jsonb', queue_buffering_max_messages => 500);
	my $began = time;
	$dbh->do(q{INSERT INTO narrow SELECT CASE WHEN i % 7 <> 0 THEN 'k' || i END, nullif(i % 11, 0),
		CASE WHEN i % 50 = 0 THEN '{"h": "x"}'::jsonb END FROM generate_series(1, 20000) i});
	is(join(' ', $kafka->consume('narrow', format => '%k %s %h')),
		join(' ', map { join ' ', $_ % 7 ? "k$_" : '', $_ % 11 || '', $_ % 50 ? '' : 'h=x' } 1 .. 20_000),
		'20000 messages through one of 500, in order');
	# who waits for room that there is already waits a second each time
	cmp_ok(time - $began, '<', 30, 'without a pause for each part');
};

# Nobody's batch is full: what waits for more is sent when there is no more.
subtest 'many partitions' => sub {
	table('spread', 'key text, value text', partitions => 60);
	my $began = time;
	$dbh->do(q{INSERT INTO spread SELECT 'k' || i, repeat('x', 500) FROM generate_series(1, 80000) i});
	cmp_ok(time - $began, '<', 20, 'without long waits');
	my $n = 0;
	$n += $_->[1] for $kafka->watermarks('spread');
	is($n, 80_000, 'all of 40 MB in 60 partitions');
};

subtest 'partitions of messages without a key' => sub {
	table('turns', 'value text', partitions => 4);
	$dbh->do(q{INSERT INTO turns SELECT repeat('x', 1000) FROM generate_series(1, 13000) i});
	my @n = map { $_->[1] } $kafka->watermarks('turns');
	ok(!(grep { $_ < 2000 || $_ > 5000 } @n), 'each gets its part of a large transaction') or diag("@n");
	$dbh->do(q{INSERT INTO turns VALUES ('a'), ('b'), ('c')}) for 1 .. 8;
	my @more = map { $_->[1] } $kafka->watermarks('turns');
	is(join(' ', map { $more[$_] - $n[$_] } 0 .. 3), '6 6 6 6', 'and small ones go to one after the other, as a whole');

	# what librdkafka chooses, where a property says so
	table('own', 'value text', partitions => 4, partitioner => 'murmur2');
	$dbh->do(q{INSERT INTO own VALUES ('a'), ('b'), ('c')}) for 1 .. 4;
	is(scalar(grep { $_->[1] > 0 } $kafka->watermarks('own')), 1, 'a partitioner of the user');
};

# The brokers' threads wait for an answer, they do not ask whether there is one.
subtest 'a broker that does not answer' => sub {
	table('slow', 'value text', partitions => 2, memory_limit => '64MB');
	$dbh->do(q{INSERT INTO slow VALUES ('connected')});
	my $cpu = sub {
		open my $stat, '<', "/proc/$dbh->{pg_pid}/stat" or die "stat: $!\n";
		my @field = split ' ', <$stat> =~ s/.*\) //r;
		return ($field[11] + $field[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
	};
	$kafka->freeze;
	$dbh->do(q{INSERT INTO slow SELECT repeat('x', 1000) FROM generate_series(1, 60000)}, { pg_async => DBD::Pg::PG_ASYNC() });
	sleep 2;
	my $before = $cpu->();
	sleep 2;
	cmp_ok($cpu->() - $before, '<', 0.6, 'is waited for without work');
	$kafka->thaw;
	is($dbh->pg_result, 60_000, 'and then gets all');
};

# Sizes about those of the file's blocks, cut off at any place in memory and file.
subtest 'savepoints at random' => sub {
	table('random', 'value text', memory_limit => '1MB');
	srand 11;
	my (@expected, @open);
	$dbh->begin_work;
	for my $i (1 .. 400)
	{
		my $what = rand;
		if ($what < 0.15) { $dbh->do('SAVEPOINT s' . @open); push @open, scalar @expected }
		elsif ($what < 0.25 && @open)
		{
			my $to = int rand @open;
			$dbh->do("ROLLBACK TO s$to");
			$#open = $to;
			$#expected = $open[$to] - 1;
		}
		elsif ($what < 0.30 && @open)
		{
			my $released = int rand @open;
			$dbh->do("RELEASE s$released");
			$#open = $released - 1;
		}
		else
		{
			my $size = int(2**rand 18.5);
			$dbh->do(q{INSERT INTO random VALUES (? || repeat('x', ?))}, undef, "$i ", $size);
			push @expected, "$i $size";
		}
	}
	$dbh->commit;
	is_deeply([ map { /^(\d+ )(x*)$/ ? $1 . length $2 : 'no' } $kafka->consume('random') ], \@expected,
		@expected . ' messages are the ones that were not rolled back');
};

subtest 'the server is dropped behind the messages' => sub {
	$cluster->do("CREATE SERVER gone FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')",
		q{CREATE FOREIGN TABLE gone (value text, partition int) SERVER gone OPTIONS (topic 'gone')});
	$dbh->begin_work;
	$dbh->do(q{INSERT INTO gone VALUES ('x', NULL)});
	$dbh->do('DROP SERVER gone CASCADE');
	ok(!eval { $dbh->commit; 1 }, 'an error');
	like($dbh->errstr, qr/the server of messages for topic "gone" was dropped in the same transaction/, '... that says so');
	$dbh->rollback;
	# messages that were undone are nobody's
	$dbh->begin_work;
	$dbh->do('SAVEPOINT s');
	$dbh->do(q{INSERT INTO gone VALUES ('x', 0)});
	$dbh->do('ROLLBACK TO s');
	$dbh->do('DROP SERVER gone CASCADE');
	ok(eval { $dbh->commit; 1 }, 'none where there are no messages any more') or diag($dbh->errstr);
};

subtest 'COPY, routing, triggers, two sessions' => sub {
	table('copied', 'key text, value text');
	$dbh->do('COPY copied FROM STDIN');
	$dbh->pg_putcopydata("k$_\tv$_\n") for 1 .. 1000;
	$dbh->pg_putcopydata("k\t\\N\n");
	$dbh->pg_putcopyend;
	my @got = $kafka->consume('copied');
	is("@got[0, 999]|" . scalar(@got), 'v1 v1000|1001', 'COPY FROM');

	table('routed', 'key text, value text');
	$cluster->do('CREATE TABLE whole (key text, value text) PARTITION BY LIST (key)',
		q{ALTER TABLE whole ATTACH PARTITION routed FOR VALUES IN ('kafka')},
		q{CREATE TABLE local PARTITION OF whole DEFAULT},
		q{INSERT INTO whole VALUES ('kafka', 1), ('other', 2), ('kafka', 3)});
	is(values_of('routed'), '1 3', 'rows that a partitioned table routes');

	$cluster->do('CREATE TABLE audited (id int)',
		q{CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO routed VALUES ('kafka', TG_OP || coalesce(NEW.id, OLD.id)); RETURN NULL; END $$},
		'CREATE TRIGGER audit AFTER INSERT OR DELETE ON audited FOR EACH ROW EXECUTE FUNCTION audit()',
		'INSERT INTO audited VALUES (1), (2)', 'DELETE FROM audited WHERE id = 1');
	is(values_of('routed', offset => 2), 'INSERT1 INSERT2 DELETE1', 'a trigger as an outbox');

	table('shared', 'value text');
	my @children = map {
		my $who = $_;
		fork_child(
			sub {
				my $own = $cluster->connect;
				$own->do('INSERT INTO shared SELECT ? || i FROM generate_series(1, 500) i', undef, $who) for 1 .. 4;
			})
	} qw(a b);
	is(reap($_, 60), 0, 'a session') for @children;
	@got = $kafka->consume('shared');
	is(scalar(@got), 4000, 'two sessions, one topic');
	for my $who (qw(a b))
	{
		my @mine = grep { /^$who/ } @got;
		is("@mine", join(' ', map { my $r = $_; map { "$who$_" } 1 .. 500 } 1 .. 4), "the order of $who");
	}
};

subtest 'messages too large' => sub {
	table('small', 'key text, value text', config => { 'max.message.bytes' => 2000 });
	my $error = $cluster->error_of(q{INSERT INTO small (value) SELECT repeat('x', CASE i WHEN 3 THEN 1500000 ELSE 10 END) FROM generate_series(1, 5) i});
	like($error, qr/message 3 of this transaction for topic "small" is too large: 1500000 bytes/, 'over the producer\'s limit: which, and its size');
	like($error, qr/message_max_bytes/, 'and the option');
	$error = $cluster->error_of(q{INSERT INTO small (value) SELECT CASE i WHEN 3 THEN repeat(md5(i::text), 90) ELSE 'y' END FROM generate_series(1, 5) i});
	like($error, qr/message of 2880 bytes to partition 0 of topic "small": .*too large/, 'over the topic\'s limit: size, partition, topic and what the broker said')
	  or diag($error);
	like($error, qr/Of 5 messages sent to server "bus" for this transaction \d were delivered/, 'and how many were delivered');
	like($error, qr/is message 3 of it/, 'and which');
	table('large', 'value text', config => { 'max.message.bytes' => 11_000_000 }, message_max_bytes => '11000000');
	$cluster->do(q{INSERT INTO large SELECT repeat('z', 10000000) FROM generate_series(1, 3)});
	is(join(' ', $kafka->consume('large', format => '%S')), '10000000 10000000 10000000', 'messages of 10 MB with a higher limit');
};

subtest 'Kafka transactions' => sub {
	table('atomic', 'value text', transactional_id => 'test', compression_type => 'lz4', partitions => 2);
	my @committed = (args => [ '-X', 'isolation.level=read_committed' ], format => '%s');
	$cluster->do('INSERT INTO atomic SELECT i FROM generate_series(1, 100) i');
	is(scalar(my @a = $kafka->consume('atomic', @committed)), 100, 'committed together');
	$cluster->do('INSERT INTO atomic VALUES (101)');
	is(scalar(@a = $kafka->consume('atomic', @committed)), 101, 'the next transaction of the same producer');
	# the last of many messages fails: a consumer of committed ones sees none
	table('atomic_small', 'value text', transactional_id => 'test', config => { 'max.message.bytes' => 2000 });
	isnt($cluster->error_of(q{INSERT INTO atomic_small SELECT CASE i WHEN 3000 THEN (SELECT string_agg(md5(j::text), '') FROM generate_series(1, 100) j)
		ELSE i::text END FROM generate_series(1, 3000) i}), '', 'a message that the broker refuses');
	is(scalar(@a = $kafka->consume('atomic_small', @committed)), 0, 'read_committed sees none of the others');
	$cluster->do(q{INSERT INTO atomic_small VALUES ('after')});
	is(values_of('atomic_small', @committed), 'after', 'and what comes after');
	# sessions have ids of their own: none fences another
	my @sessions = map { $cluster->connect } 1 .. 2;
	for (1 .. 3) { $_->do(q{INSERT INTO atomic VALUES ('s')}) for @sessions }
	is(scalar(grep { $_ eq 's' } $kafka->consume('atomic', @committed)), 6, 'two sessions with one transactional_id, in turn');
	$_->disconnect for @sessions;
};

subtest 'waiting for a broker that does not answer' => sub {
	table('wait', 'value text');
	$cluster->do(q{INSERT INTO wait VALUES ('first')});
	$kafka->freeze;
	my $began = time;
	my $error = $cluster->error_of(q{SET statement_timeout = 500; INSERT INTO wait VALUES ('timed out')});
	like($error, qr/canceling statement due to statement timeout/, 'statement_timeout');
	cmp_ok(time - $began, '<', 1.5, 'within a second');
	$dbh->do('RESET statement_timeout');
	my $pid = $dbh->{pg_pid};
	my $canceller = fork_child(
		sub {
			my $own = $cluster->connect;
			wait_until(20, sub { $own->selectrow_array(
						q{SELECT 1 FROM pg_stat_activity WHERE pid = ? AND state = 'active' AND wait_event_type = 'Extension'}, undef, $pid) })
			  or die 'it does not wait';
			$own->do('SELECT pg_cancel_backend(?)', undef, $pid);
		});
	$began = time;
	$error = $cluster->error_of(q{INSERT INTO wait SELECT 'cancelled' || i FROM generate_series(1, 100000) i});
	is(reap($canceller, 30), 0, 'a session that cancels');
	like($error, qr/canceling statement due to user request/, 'cancel');
	$kafka->thaw;
	$cluster->do(q{INSERT INTO wait VALUES ('last')});
	my @got = $kafka->consume('wait');
	is($got[-1], 'last', 'the session works on');
};

subtest 'a broker that is killed while it is written to' => sub {
	table('killed', 'value text', partitions => 1);
	$cluster->do(q{INSERT INTO killed VALUES ('0')});
	my $writer = fork_child(
		sub {
			my $own = $cluster->connect;
			$own->do(q{INSERT INTO killed SELECT i || repeat(' ', 400) FROM generate_series(1, 150000) i});
		});
	wait_until(30, sub { ($kafka->watermarks('killed'))[0][1] > 5000 });
	$kafka->restart('KILL');
	is(reap($writer, 120), 0, 'the INSERT succeeds when the broker is back');
	my @got = map { s/ +//r } $kafka->consume('killed');
	is(scalar(@got), 150001, 'nothing lost, nothing twice');
	my $wrong = 0;
	$wrong += $got[$_] != $_ for 0 .. $#got;
	is($wrong, 0, 'in order');
};

subtest 'encodings, threads' => sub {
	$cluster->do(q{CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'});
	my $latin = $cluster->connect(db => 'latin');
	$kafka->create_topic('latin', 1);
	$latin->do($_) for 'SET client_encoding = utf8', 'CREATE EXTENSION cdc_ingest',
	  "CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')",
	  q{CREATE FOREIGN TABLE latin (key text, value jsonb, headers jsonb) SERVER bus OPTIONS (topic 'latin')},
	  q{INSERT INTO latin VALUES ('Käse', '{"ö": "ü"}', '{"ä": "é"}')};
	my ($got) = $kafka->consume('latin', format => '%k|%s|%h');
	utf8::decode($got);
	is($got, 'Käse|{"ö": "ü"}|ä=é', 'UTF-8 from a database in LATIN1');
	$latin->disconnect;

	my $threads = sub { my ($n) = `cat /proc/$_[0]/status` =~ /^Threads:\s+(\d+)/m; return $n };
	my $own = $cluster->connect;
	$own->do($_) for (q{INSERT INTO tx VALUES ('t')}, q{INSERT INTO plain (partition) VALUES (0)}) x 3;
	my $before = $threads->($own->{pg_pid});
	$own->do(q{INSERT INTO tx VALUES ('t')}) for 1 .. 300;
	for (1 .. 20)
	{
		# before anything is sent, and by the broker
		eval { $own->do($_ % 2 ? 'INSERT INTO plain (partition) VALUES (9)' : q{INSERT INTO atomic_small VALUES (repeat('x', 5000))}) };
	}
	$own->do(q{INSERT INTO tx VALUES ('t')}) for 1 .. 3;
	ok(wait_until(20, sub { $threads->($own->{pg_pid}) <= $before }), 'no thread is left behind by 300 transactions and 20 errors')
	  or diag("$before threads, then " . $threads->($own->{pg_pid}));
	$own->disconnect;
};

done_testing();
