# Topics as foreign tables: what a row holds, conditions that bound what is read
# compared with the same conditions on a copy, EXPLAIN, cursors, joins, ANALYZE,
# parallel workers, IMPORT FOREIGN SCHEMA.  Against a real Apache Kafka.
#
# Takes 35 s.
use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_scan',
	conf => "timezone = 'Europe/Berlin'\nmin_parallel_table_scan_size = 0\nparallel_setup_cost = 0\n");
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka
	OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "', connect_timeout '20s')");

# A foreign table over a topic: columns, further options.
sub table
{
	my ($name, $columns, %options) = @_;
	$options{topic} //= $name;
	my $list = join ', ', map { "$_ '$options{$_}'" } sort keys %options;
	$cluster->do("CREATE FOREIGN TABLE $name ($columns) SERVER bus OPTIONS ($list)");
	return;
}

# The plan of a statement that was run, as JSON; the node that reads Kafka.
sub scan_of
{
	my ($sql) = @_;
	my $plan = decode_json($cluster->value("EXPLAIN (ANALYZE, VERBOSE, COSTS OFF, FORMAT json) $sql"));
	my @nodes = ($plan->[0]{Plan});
	while (my $node = shift @nodes)
	{
		return $node if defined $node->{'Kafka Topic'};
		push @nodes, @{ $node->{Plans} // [] };
	}
	die "no scan of Kafka in: $sql";
}

my $all = 'topic text, partition int, "offset" bigint, ts timestamptz, key text, value jsonb, headers jsonb';

subtest 'what a row holds' => sub {
	$kafka->create_topic('kinds', 1);
	$kafka->produce('kinds', [ [ 'k1', '{"a": 1.50}' ] ], headers => { h => 'zwei', i => '' });
	$kafka->produce('kinds', [ [ 'k2', undef ], [ undef, '"Zoë"' ] ]);
	$kafka->kcat([ '-P', '-t', 'kinds', '-H', 'x=1', '-H', 'y=2', '-H', 'x=3', '-H', "bin=\xff\xfe" ], input => "[]\n");
	table('kinds', $all);
	is_deeply($cluster->rows('SELECT topic, partition, "offset", key, value::text, headers::text FROM kinds'), [
		[ 'kinds', 0, 0, 'k1', '{"a": 1.50}', '[{"name": "h", "value": "zwei"}, {"name": "i", "value": ""}]' ],
		[ 'kinds', 0, 1, 'k2', undef, undef ],
		[ 'kinds', 0, 2, undef, '"Zoë"', undef ],
		[ 'kinds', 0, 3, undef, '[]',
			'[{"name": "x", "value": "1"}, {"name": "y", "value": "2"}, {"name": "x", "value": "3"}, {"name": "bin", "base64": "//4="}]' ] ],
		'keys, tombstones, headers');
	is($cluster->value('SELECT count(*) FROM kinds WHERE abs(extract(epoch FROM now() - ts)) < 600'), 4, 'times');

	table('kinds_bytes', 'value bytea, k bytea OPTIONS (metadata \'key\'), o bigint OPTIONS (metadata \'offset\'), p bigint OPTIONS (metadata \'partition\')', topic => 'kinds');
	is_deeply($cluster->rows("SELECT o, p, encode(k, 'escape'), encode(value, 'escape') FROM kinds_bytes ORDER BY 1"),
		[ [ 0, 0, 'k1', '{"a": 1.50}' ], [ 1, 0, 'k2', undef ], [ 2, 0, undef, '"Zo\303\253"' ], [ 3, 0, undef, '[]' ] ],
		'bytes, columns of other names');
	table('kinds_text', 'headers json, value text, key varchar(2)', topic => 'kinds');
	is($cluster->value("SELECT string_agg(value, ' ') FROM kinds_text"), '{"a": 1.50} "Zoë" []', 'text');
	is($cluster->value("SELECT headers->1->>'name' FROM kinds_text LIMIT 1"), 'i', 'headers as json');
	table('kinds_short', 'key varchar(1)', topic => 'kinds');
	like($cluster->error_of('SELECT * FROM kinds_short'),
		qr/value too long for type character varying\(1\).*column "key" of foreign table "kinds_short", message kinds\/0\@0/s,
		'too long for its type');


	is_deeply([ @{ $cluster->rows('SELECT tableoid::regclass::text, xmin::text, (kinds).key FROM kinds WHERE "offset" = 1')->[0] } ],
		[ 'kinds', '0', 'k2' ], 'system columns, whole rows');

	$cluster->do(q{CREATE DOMAIN short_key AS text CHECK (length(value) < 3)}, 'CREATE DOMAIN some_bytes AS bytea NOT NULL',
		'CREATE DOMAIN place_in_log AS bigint');
	table('kinds_domain', 'key short_key, value some_bytes, "offset" place_in_log', topic => 'kinds');
	is($cluster->value(q{SELECT key || encode(value, 'escape') FROM kinds_domain WHERE "offset" = 0}), 'k1{"a": 1.50}', 'domains');
	like($cluster->error_of('SELECT value FROM kinds_domain'),
		qr/domain some_bytes does not allow null values.*column "value" of foreign table "kinds_domain", message kinds\/0\@1/s, '... and their constraints');
	is(scan_of('SELECT key FROM kinds_domain WHERE "offset" = 2')->{'Kafka Messages'}, 1, '... pushed down');

	$kafka->produce('kinds', [ "not JSON" ]);
	like($cluster->error_of('SELECT * FROM kinds'), qr/not valid JSON.*column "value" of foreign table "kinds", message kinds\/0\@4/s,
		'an error names the message');
	is($cluster->value('SELECT count(*) FROM kinds'), 5, 'a column that is not asked for is not looked at');
	for my $others ('"offset" <> 4', '"offset" NOT IN (4, 9)', '"offset" < 4 OR "offset" > 4', '"offset" IN (0, 2, 3, 5)',
		'ts <> (SELECT ts FROM kinds WHERE "offset" = 4)')
	{
		is($cluster->value("SELECT count(value) FROM kinds WHERE $others"), 3, "what is left out does not matter if it is broken: $others");
	}
	$kafka->kcat([ '-P', '-t', 'kinds' ], input => "\xff\xfe\n");
	like($cluster->error_of('SELECT value FROM kinds_text'), qr/not UTF-8.*message kinds\/0\@5/s, 'no text');
};

subtest "format 'json'" => sub {
	$kafka->create_topic('shop', 1);
	table('shop', q{id int, name text, price numeric(8,2), at timestamptz, tags text[], doc jsonb, raw bytea,
		city text OPTIONS (json_path '{customer,city}'), "Name" text OPTIONS (json_name 'name'),
		k text OPTIONS (json_name 'key'), partition int, o bigint OPTIONS (metadata 'offset'), value jsonb}, format => 'json');
	$kafka->produce('shop', [
		'{"id": 1, "name": "Zoë", "price": 12.5, "at": "2026-01-02T03:04:05.678Z", "tags": ["a", null, "b"], "doc": {"x": [1]}, "raw": "/wA=", "customer": {"city": "Ulm"}, "key": "K"}',
		'{"id": null, "name": 5, "customer": "none", "raw": "\\\\xff00"}', '{}',
		[ 'tombstone', undef ], '{"id": "7"}', '{"id": "seven"}', '{"price": 1.005}', '[1]' ]);
	is_deeply($cluster->rows(q{SELECT id, name, price::text, at AT TIME ZONE 'UTC', tags::text, doc::text, encode(raw, 'hex'), city, "Name", k
			FROM shop WHERE o < 5}), [
		[ 1, 'Zoë', '12.50', '2026-01-02 03:04:05.678', '{a,NULL,b}', '{"x": [1]}', 'ff00', 'Ulm', 'Zoë', 'K' ],
		[ undef, 5, (undef) x 4, 'ff00', undef, 5, undef ], [ (undef) x 10 ], [ (undef) x 10 ],
		[ 7, (undef) x 9 ] ], 'members, missing ones, null, another name, a path');
	is($cluster->value('SELECT value->>\'id\' FROM shop WHERE o = 5'), 'seven', 'the whole value beside them');
	like($cluster->error_of('SELECT id FROM shop'), qr/invalid input syntax for type integer: "seven".*column "id" of foreign table "shop", message shop\/0\@5/s,
		'a wrong type names the message and the column');
	like($cluster->error_of('SELECT price FROM shop'), qr/column "price" of foreign table "shop", message shop\/0\@6/s, 'digits are not lost');
	like($cluster->error_of('SELECT name FROM shop'), qr/not an object.*message shop\/0\@7/s, 'no object');
	is($cluster->value('SELECT count(*) FROM shop'), 8, 'count needs none of it');

	$kafka->create_topic('nested', 1);
	$cluster->do('CREATE TYPE order_line AS (sku text, n int)');
	table('nested', 'line order_line, lines order_line[], grid int[], words text[], docs jsonb[], day date', format => 'json');
	$cluster->do(q{INSERT INTO nested VALUES (ROW('a"b', 1), ARRAY[ROW('x,y', 2)::order_line, NULL], '{{1,2},{3,NULL}}', '{{a,b},{"c d",NULL}}',
		ARRAY['[1]', '{"a": [2]}']::jsonb[])});
	is($cluster->value(q{SELECT concat_ws(' ', line, lines, grid, words, docs) FROM nested}),
		q{("a""b",1) {"(\"x,y\",2)",NULL} {{1,2},{3,NULL}} {{a,b},{"c d",NULL}} {[1],"{\"a\": [2]}"}},
		'composite members and arrays of arrays are read as they are written');
	$kafka->produce('nested', [ '{"grid": [[1], [2, 3]], "day": "0000-00-00"}' ]);
	like($cluster->error_of('SELECT grid FROM nested'), qr/malformed JSON array.*column "grid" of foreign table "nested", message nested\/0\@1/s, 'a grid that is none');
	like($cluster->error_of('SELECT day FROM nested'), qr/does not exist in PostgreSQL.*A column of type text takes it as it is/s, 'a day that is none');
};

# Times that go back, in four partitions, the last one empty; a hundredth of the
# messages without a value.
$kafka->create_topic('cond', 4);
table('cond', $all);
table('cond_ascend', $all, topic => 'cond', timestamps_ascend => 'on');
$cluster->do(q{INSERT INTO cond (partition, ts, key, value)
	SELECT p, date_trunc('hour', now()) - interval '1 hour' + i * interval '1 second' + (hashint4(i * 7 + p) % 20000) * interval '1 ms',
		'k' || i, CASE WHEN i % 100 <> 0 THEN json_build_object('i', i)::text::jsonb END
	FROM generate_series(0, 399) i, generate_series(0, 2) p ORDER BY i});
$cluster->do('CREATE TABLE copy AS SELECT * FROM cond');
is($cluster->value('SELECT count(*) FROM copy'), 1200, 'all that was written is read');

sub some { return $_[ rand @_ ] }

sub comparison
{
	my $op = some('=', '<', '<=', '>', '>=', '<>');
	my $offset = sub { some(int(rand(420)) - 10, int(rand 400) . '.5', int(rand 400) . '::int', '9223372036854775807', '1e2') };
	my $partition = sub { some(int(rand 6) - 1, int(rand 4) . '::bigint', int(rand 4) . '.0', '1.5') };
	my $hour = "date_trunc('hour', (SELECT min(ts) FROM copy) + interval '1 minute')";
	my $time = sub {
		some("$hour + interval '" . (int(rand 460000) - 30000) . " ms'", "$hour + interval '" . int(rand 400000000) . " us'",
			"($hour + interval '" . int(rand 400) . " s')::timestamp", "'infinity'", "'-infinity'", 'NULL', "(SELECT max(ts) FROM copy)", 'current_date');
	};
	my $list = sub { join ',', map { int rand $_[0] } 0 .. rand 8 };
	return some(
		'"offset" BETWEEN ' . $offset->() . ' AND ' . $offset->(),
		'"offset" IN (' . $list->(450) . ')',
		'partition IN (' . $list->(6) . ')',
		'partition NOT IN (' . $list->(4) . ')',
		"\"offset\" $op ANY (ARRAY[" . $list->(400) . ',NULL]::bigint[])',
		"(partition, \"offset\") $op (" . int(rand 4) . ',' . int(rand 400) . ')',
		"(ts, \"offset\") " . some('<', '>=') . ' ((' . $time->() . ')::timestamptz,' . int(rand 400) . ')',
		$offset->() . " $op \"offset\"",
		"partition $op " . $partition->(),
		"\"offset\" $op " . $offset->(),
		("ts $op " . $time->()) x 3,
		"ts::date $op current_date");
}

sub condition
{
	my ($depth) = @_;
	return comparison() if $depth > 2 || rand() < 0.4;
	return some('(%s AND %s)', '(%s OR %s)') =~ s/%s/condition($depth + 1)/egr if rand() < 0.9;
	return 'NOT (' . condition($depth + 1) . ')';
}

subtest 'conditions select what they do on a copy' => sub {
	my $seed = $ENV{CDC_TEST_SEED} // time;
	my $bad = 0;
	srand $seed;
	for (1 .. 150)
	{
		my $condition = condition(0);
		my ($of_topic, $of_copy) = map {
			$cluster->value("SELECT string_agg(partition || '/' || \"offset\", ' ' ORDER BY partition, \"offset\") FROM $_ WHERE $condition") // ''
		} qw(cond copy);
		next if $of_topic eq $of_copy;
		$bad++;
		diag("CDC_TEST_SEED=$seed: $condition\ntopic: $of_topic\ncopy:  $of_copy");
	}
	is($bad, 0, '150 of them');
};

subtest 'days and times at the ends' => sub {
	# Clocks in St. John's went from 00:01 back to 23:01 of the day before.
	my $minutes = q{'2010-11-07 02:00+00'::timestamptz + i * interval '1 min'};
	$kafka->create_topic('clock', 1, 'retention.ms' => -1);
	table('clock', $all);
	table('clock_ascend', $all, topic => 'clock', timestamps_ascend => 'on');
	$cluster->do("INSERT INTO clock (ts) SELECT $minutes FROM generate_series(0, 119) i");
	$cluster->do("CREATE TABLE clock_copy AS SELECT i, $minutes AS ts FROM generate_series(0, 119) i");
	my @conditions = map { my $op = $_; map { "$_ $op date '2010-11-07'" } qw(ts::date date(ts) ts ts::timestamp) } '=', '<', '<=', '>', '>=';
	for my $type (qw(date timestamp))
	{
		push @conditions, map { "ts > $_" } map { "$type '$_'" } '4714-11-24 BC', 'infinity', '-infinity', '294276-12-31', $type eq 'date' ? '5874897-12-31' : ();
	}
	push @conditions, map { "ts::timestamp $_ timestamp '2010-11-06 23:30'" } '=', '<', '>=';
	push @conditions, q{"offset" IS NOT DISTINCT FROM 5}, q{"offset" IS NOT DISTINCT FROM NULL}, q{partition IS DISTINCT FROM 0};
	my @wrong = grep {
		my $condition = $_;
		my $expected = $cluster->value('SET timezone = \'America/St_Johns\'; SELECT count(*) FROM (SELECT 0 AS partition, i AS "offset", ts FROM clock_copy) c WHERE ' . $condition);
		grep { $cluster->value("SET timezone = 'America/St_Johns'; SELECT count(*) FROM $_ WHERE $condition") != $expected } qw(clock clock_ascend);
	} @conditions;
	is_deeply(\@wrong, [], scalar(@conditions) . ' conditions');
	is(scan_of("SELECT * FROM clock WHERE $_")->{'Kafka Offsets'}, 0, "pushed down: $_")
		for q{date(ts) > date '2010-11-08'}, q{ts::timestamp > '2010-11-08 00:00'};
};

subtest 'what is read' => sub {
	my $read = sub {
		my ($condition, $table) = @_;
		my $scan = scan_of('SELECT * FROM ' . ($table // 'cond') . " WHERE $condition");
		return "$scan->{'Kafka Partitions Read'} $scan->{'Kafka Offsets'}";
	};
	is($read->('true'), '3 1200', 'all; an empty partition is not read');
	is($read->('partition = 1'), '1 400', 'a partition');
	is($read->('partition IN (0, 2) AND "offset" >= 390'), '2 20', 'partitions and an offset');
	is($read->('"offset" BETWEEN 10 AND 19'), '3 30', 'between');
	is($read->('"offset" = 5 AND partition = 0'), '1 1', 'one message');
	is($read->('"offset" IN (5, 7) AND partition = 0'), '1 3', 'near ones with what lies between');
	is($read->('(partition, "offset") IN ((0, 5), (1, 7))'), '2 2', 'pairs');
	is($read->('(partition, "offset") > (1, 10)'), '2 789', 'the rest behind a place');
	is($read->('partition = 0 AND "offset" > 390 OR partition = 1 AND "offset" < 2'), '2 11', 'OR of both');
	is($read->('"offset" > 1e9'), '0 0', 'nothing');
	is($read->('partition = (SELECT 2)'), '1 400', 'a value that a subquery finds');
	is($read->("ts > now() + interval '1 day'"), '0 0', 'later than all');
	my $middle = "'" . $cluster->value('SELECT ts FROM copy WHERE partition = 0 AND "offset" = 200') . "'";
	my $scan = scan_of("SELECT * FROM cond WHERE partition = 0 AND ts >= $middle");
	my $expected = 400 - $cluster->value("SELECT min(\"offset\") FROM copy WHERE partition = 0 AND ts >= $middle");
	is($scan->{'Kafka Offsets'}, $expected, 'from the first message of a time');
	is($read->("partition = 0 AND ts < $middle"), '1 400', 'up to a time: all, as times go back');
	is($read->("partition = 0 AND ts < $middle", 'cond_ascend'), '1 ' . (400 - $expected), 'unless they ascend');
	is($scan->{'Kafka Messages'}, $expected, 'EXPLAIN ANALYZE counts');
	ok($scan->{'Kafka Bytes'} > 0 && $scan->{'Kafka Polls'} > 0 && exists $scan->{'Kafka Wait Time'}, '... bytes, polls and the wait');
	is($scan->{'Kafka Partition Bounds'}[0]{High}, 400, '... and shows the bounds');
	like(join("\n", map { $_->[0] } @{ $cluster->rows('EXPLAIN SELECT * FROM cond WHERE partition = 1 AND "offset" < 100') }),
		qr/rows=100 .*Kafka Conditions: \("offset" < 100\) AND \(partition = 1\)\n *Kafka Bounds: 1 of 4 partitions, 100 offsets/s,
		'EXPLAIN knows without reading');
};

subtest 'parameters and joins' => sub {
	my $dbh = $cluster->connect;
	my $get = $dbh->prepare('SELECT count(*) FROM cond WHERE partition = $1 AND "offset" >= $2 AND ts > $3', { pg_server_prepare => 1, pg_switch_prepared => 1 });
	for (1 .. 8)
	{
		$get->execute(1, 390, '2000-01-01');
		is($get->fetchrow_array, 10, 'prepared') if $_ == 8;
	}
	$dbh->do('SET enable_hashjoin = off; SET enable_mergejoin = off; SET max_parallel_workers_per_gather = 0');
	$dbh->do('CREATE TEMP TABLE place (partition int, next bigint); INSERT INTO place VALUES (0, 395), (1, 0), (2, 399), (7, 0); ANALYZE place');
	is_deeply($dbh->selectall_arrayref('SELECT p.partition, count(*) FROM place p JOIN cond t ON t.partition = p.partition AND t."offset" >= p.next GROUP BY 1 ORDER BY 1'),
		[ [ 0, 5 ], [ 1, 400 ], [ 2, 1 ] ], 'a join with places');
	is_deeply($dbh->selectall_arrayref('SELECT p.partition, x.key FROM place p CROSS JOIN LATERAL (SELECT * FROM cond t WHERE t.partition = p.partition AND t."offset" = p.next) x ORDER BY 1'),
		[ [ 0, 'k395' ], [ 1, 'k0' ], [ 2, 'k399' ] ], 'LATERAL');
	is_deeply($dbh->selectall_arrayref('SELECT p.partition, (SELECT count(*) FROM cond t WHERE t.partition = p.partition) FROM place p ORDER BY 1'),
		[ [ 0, 400 ], [ 1, 400 ], [ 2, 400 ], [ 7, 0 ] ], 'a correlated subquery');
	$dbh->do('RESET enable_hashjoin');
	is(scalar $dbh->selectrow_array('SELECT count(*) FROM cond a JOIN cond b USING (partition, "offset")'), 1200, 'a topic with itself');
	return;
};

subtest 'cursors, subtransactions, functions' => sub {
	my $dbh = $cluster->connect;
	my $fetch = sub { return join ' ', map { $_->[0] } @{ $dbh->selectall_arrayref("FETCH $_[0]") } };
	$dbh->begin_work;
	$dbh->do('DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT "offset" FROM cond WHERE partition = 1');
	is($fetch->('3 FROM c'), '0 1 2', 'a cursor');
	is($fetch->('BACKWARD 2 FROM c'), '1 0', '... backwards');
	$dbh->do('SAVEPOINT s');
	is($fetch->('4 FROM c'), '1 2 3 4', '... in a subtransaction');
	eval { $dbh->do('SELECT 1/0') };
	$dbh->do('ROLLBACK TO SAVEPOINT s');
	is($fetch->('1 FROM c'), '5', '... that was rolled back');
	$dbh->commit;
	is($fetch->('2 FROM c'), '6 7', '... and held after the transaction');
	is($fetch->('LAST FROM c'), '399', '... to its end');
	$dbh->do('CLOSE c');

	$dbh->do(q{CREATE FUNCTION broken_scans() RETURNS int LANGUAGE plpgsql AS $$
		DECLARE r record; n int := 0;
		BEGIN
			FOR i IN 1 .. 50 LOOP
				BEGIN
					FOR r IN SELECT * FROM cond LOOP
						n := n + 1;
						IF n % 10 = 0 THEN RAISE EXCEPTION 'enough'; END IF;
					END LOOP;
				EXCEPTION WHEN raise_exception THEN NULL;
				END;
			END LOOP;
			RETURN n;
		END $$});
	is(scalar $dbh->selectrow_array('SELECT broken_scans()'), 500, 'scans that end in an exception');
	is(scalar $dbh->selectrow_array('SELECT count(*) FROM (SELECT * FROM cond LIMIT 5) x'), 5, 'LIMIT');
	is(scalar $dbh->selectrow_array('SELECT count(*) FROM generate_series(1, 3) g, LATERAL (SELECT * FROM cond LIMIT g) x'), 6, 'LIMIT, again and again');
	return;
};

subtest 'several backends on one topic' => sub {
	my @dbhs = map { $cluster->connect } 1 .. 3;
	my @counts = (0) x @dbhs;
	for my $dbh (@dbhs)
	{
		$dbh->begin_work;
		$dbh->do('DECLARE c CURSOR FOR SELECT key FROM cond');
	}
	for (1 .. 13)
	{
		$counts[$_] += @{ $dbhs[$_]->selectall_arrayref('FETCH 100 FROM c') } for 0 .. $#dbhs;
	}
	is("@counts", '1200 1200 1200', 'by turns, each reads all');
	$_->rollback for @dbhs;
	return;
};

subtest 'nothing is left behind by a thousand scans' => sub {
	my $dbh = $cluster->connect;
	$dbh->do('SET jit = off');
	my ($pid) = $dbh->selectrow_array('SELECT pg_backend_pid()');
	my $state = sub {
		open my $fh, '<', "/proc/$pid/status" or die $!;
		my %status = map { /^(\w+):\s*(\d+)/ ? ($1, $2) : () } <$fh>;
		my @fds = glob "/proc/$pid/fd/*";
		return { threads => $status{Threads}, rss => $status{VmRSS}, fds => scalar @fds };
	};
	my $scans = q{DO $$ DECLARE n bigint; BEGIN
		FOR i IN 1 .. %d LOOP
			SELECT count(value) INTO n FROM cond WHERE partition = i %% 3;
			IF n <> 396 THEN RAISE EXCEPTION 'short: %%', n; END IF;
		END LOOP; END $$};
	$dbh->do(sprintf $scans, 200);
	my $before = $state->();
	$dbh->do(sprintf $scans, 1000);
	my $after = $state->();
	is($after->{threads}, $before->{threads}, 'no thread');
	is($after->{fds}, $before->{fds}, 'no descriptor');
	cmp_ok($after->{rss}, '<', $before->{rss} + 2048, "memory: $before->{rss} kB, then $after->{rss} kB");
	$dbh->do('SELECT broken_scans()') for 1 .. 4;
	my $broken = $state->();
	cmp_ok($broken->{threads}, '<=', $before->{threads}, 'no thread of broken scans');
	cmp_ok($broken->{rss}, '<', $after->{rss} + 4096, "memory: $broken->{rss} kB");
	return;
};

subtest 'ANALYZE and parallel workers' => sub {
	$kafka->create_topic('many', 3);
	$kafka->produce('many', [ map { [ $_ % 50, qq({"i": $_, "pad": ") . 'x' x 40 . '"}' ] } 1 .. 120000 ], partition => $_) for 0, 1;
	$kafka->produce('many', [ map { "{\"i\": $_}" } 1 .. 40000 ], partition => 2);
	table('many', $all);
	$cluster->do('SET default_statistics_target = 20', 'ANALYZE many (partition, key)', 'RESET default_statistics_target');
	is($cluster->value(q{SELECT reltuples::bigint FROM pg_class WHERE relname = 'many'}), 280000, 'ANALYZE knows how many');
	is($cluster->value(q{SELECT n_distinct FROM pg_stats WHERE tablename = 'many' AND attname = 'partition'}), 3, '... in how many partitions');
	cmp_ok(abs($cluster->value(q{SELECT null_frac FROM pg_stats WHERE tablename = 'many' AND attname = 'key'}) - 40 / 280), '<', 0.05, '... without reading all');

	my $sum = 'SELECT count(*), sum((value->>\'i\')::bigint), count(DISTINCT (partition, "offset")) FROM many';
	my $expected = [ [ 280000, 2 * 120000 * 120001 / 2 + 40000 * 40001 / 2, 280000 ] ];
	$cluster->do('SET max_parallel_workers_per_gather = 0');
	is_deeply($cluster->rows($sum), $expected, 'alone');
	$cluster->do('SET max_parallel_workers_per_gather = 3');
	is_deeply($cluster->rows('SELECT count(*), sum((value->>\'i\')::bigint) FROM many'), [ [ @{ $expected->[0] }[ 0, 1 ] ] ], 'shared');
	my $scan = scan_of('SELECT count(*) FROM many WHERE value IS NOT NULL');
	ok($scan->{'Parallel Aware'}, 'a parallel scan');
	is($scan->{'Kafka Messages'}, 280000, 'EXPLAIN ANALYZE counts what all of them read');
	is($scan->{'Kafka Partition Bounds'}[2]{Messages}, 40000, '... by partition');
	is($cluster->value('SELECT count(*) FROM (SELECT * FROM many LIMIT 1000) x'), 1000, 'LIMIT');
	is_deeply($cluster->rows('SELECT g, (SELECT count(*) FROM many WHERE partition = g) FROM generate_series(1, 2) g'),
		[ [ 1, 120000 ], [ 2, 40000 ] ], 'with a parameter');
	$cluster->do('RESET max_parallel_workers_per_gather');

	$cluster->do('CREATE TABLE place AS SELECT p AS partition, 1000::bigint AS next FROM generate_series(0, 2) p', 'ANALYZE place');
	$scan = scan_of('SELECT t.key FROM place p JOIN many t ON t.partition = p.partition AND t."offset" = p.next');
	is($scan->{'Kafka Messages'}, 3, 'a join reads the messages that it wants');
};

subtest 'IMPORT FOREIGN SCHEMA' => sub {
	$kafka->create_topic('Shop.Orders-v1', 1);
	$kafka->produce('Shop.Orders-v1', ['{"a": 1}']);
	my $tables = sub {
		my ($sql) = @_;
		$cluster->do('DROP SCHEMA IF EXISTS imported CASCADE', 'CREATE SCHEMA imported');
		$cluster->do($sql);
		return join ' ', map { $_->[0] } @{ $cluster->rows(q{SELECT relname FROM pg_class WHERE relnamespace = 'imported'::regnamespace ORDER BY relname COLLATE "C"}) };
	};
	is($tables->('IMPORT FOREIGN SCHEMA topics FROM SERVER bus INTO imported'), 'Shop.Orders-v1 clock cond kinds many nested shop', 'all topics');
	is($cluster->value(q{SELECT value->>'a' FROM imported."Shop.Orders-v1"}), 1, 'a table of it');
	is($tables->('IMPORT FOREIGN SCHEMA topics LIMIT TO (cond, many) FROM SERVER bus INTO imported'), 'cond many', 'LIMIT TO');
	is($tables->('IMPORT FOREIGN SCHEMA topics EXCEPT (cond, "Shop.Orders-v1") FROM SERVER bus INTO imported'), 'clock kinds many nested shop', 'EXCEPT');
	is($tables->(q{IMPORT FOREIGN SCHEMA topics LIMIT TO (shop_orders_v1) FROM SERVER bus INTO imported
		OPTIONS (table_names 'identifier', value_type 'bytea', key_type 'jsonb')}), 'shop_orders_v1', 'names without quotes');
	is($cluster->value('SELECT pg_typeof(value) || \' \' || encode(value, \'escape\') FROM imported.shop_orders_v1'), 'bytea {"a": 1}', 'types as wished');
	$kafka->create_topic('shop_orders_v1', 1);
	like($cluster->error_of(q{IMPORT FOREIGN SCHEMA topics FROM SERVER bus INTO imported OPTIONS (table_names 'identifier')}),
		qr/would both become table "shop_orders_v1"/, 'a clash of names');
};

done_testing();
