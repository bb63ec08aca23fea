# Fan-out: publications that know nothing of each other, keys of events of any envelope, and
# formats of other tools, read back through subscriptions of our own.
#
# Takes 45 s.
use strict;
use warnings;
use utf8;

use FindBin;
use JSON::PP;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Elasticsearch;
use CdcIngest::File qw(slurp);
use CdcIngest::Kafka;
use CdcIngest::Process qw(fork_child reap spawn wait_until);
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

# Random changes of four tables at a server, published in each format, read back into tables
# of their own: all are what the first replicas are.  Whoever publishes, pulls or applies is
# killed meanwhile.
my $source;

sub out_and_in
{
	my ($seed) = @_;
	$source->do('SET SESSION binlog_row_image = FULL', 'CREATE DATABASE shop CHARACTER SET utf8mb4', @{ +[ map { s/\n\s*/ /gr } (
		q{CREATE TABLE shop.types (id int PRIMARY KEY, u bigint unsigned, i bigint, s smallint unsigned, t tinyint(1), n decimal(12,3), n0 decimal(20,0),
			f float, d double, b varbinary(20), bl blob, c char(5), v varchar(50), tx text, da date, dt datetime, dt3 datetime(3), dt6 datetime(6), ts timestamp(2) NULL, ti time, ti6 time(6),
			y year, e enum('x','y','z z'), st set('a','b','c'), j json, bi bit(11), b1 bit(1))},
		q{CREATE TABLE shop.pairs (a int, B varchar(20), v varchar(20), PRIMARY KEY (a, B))},
		q{CREATE TABLE shop.nokey (x int, y varchar(20))},
		q{CREATE TABLE shop.shapes (id int PRIMARY KEY, g geometry, pt point)}) ] });
	$cluster->subscribe('src', 'shop', 'src', tables => ['shop.*'], enabled => \'false');
	my $both = sub { $cluster->do(q{SELECT cdc.pull('src')}, q{SELECT * FROM cdc.apply('src')}) };
	$both->() for 1 .. 4;

	srand $seed;
	my $pick = sub { $_[ int rand @_ ] };
	my %columns = (
		u => sub { $pick->(0, 1, '18446744073709551615', '9223372036854775808', int rand 1e9) }, i => sub { $pick->('-9223372036854775808', '9223372036854775807', -5, int rand 100) },
		s => sub { int rand 65536 }, t => sub { int rand 2 }, n => sub { $pick->('-0.001', '123456789.125', '-999999999.999', '0', int(rand 1000) / 8) }, n0 => sub { $pick->('-99999999999999999999', '0', '256', '-128', '-129', int rand 1e6) },
		f => sub { $pick->('0.5', '-1.25e10', '-0e0', int rand 1000) }, d => sub { $pick->('1e100', '-0.1', '-0e0', rand() * 1000) }, b => sub { "x'" . join('', map { sprintf '%02x', rand 256 } 1 .. rand 10) . "'" }, bl => sub { "x'01ff00" . sprintf('%02x', rand 256) . "'" },
		c => sub { $pick->(q{'abc'}, q{''}, q{'é'}) }, v => sub { $pick->(q{'Zoë "x"'}, q{'back\\\\slash'}, q{'12'}, q{'null'}, q{''}, "'v" . int(rand 1000) . "'") }, tx => sub { $pick->(q{'{"a":1}'}, q{'[1'}, q{'long'}) },
		da => sub { $pick->(q{'1969-12-31'}, q{'2024-02-29'}, q{'1000-01-01'}, q{'9999-12-31'}) }, dt => sub { $pick->(q{'1969-12-31 23:59:59'}, q{'2024-02-29 12:00:01'}) }, dt3 => sub { $pick->(q{'1969-12-31 23:59:59.999'}, q{'2024-06-01 00:00:00.001'}) },
		dt6 => sub { $pick->(q{'1969-12-31 23:59:59.999999'}, q{'2024-06-01 00:00:00.000001'}) }, ts => sub { $pick->(q{'2024-06-01 12:34:56.78'}, q{'1971-01-01 00:00:01'}) }, ti => sub { $pick->(q{'-838:59:59'}, q{'12:00:00'}, q{'838:59:59'}) }, ti6 => sub { $pick->(q{'-00:00:00.000001'}, q{'23:59:59.999999'}) },
		y => sub { $pick->(1901, 2155, 2024) }, e => sub { $pick->(q{'x'}, q{'z z'}) }, st => sub { $pick->(q{''}, q{'a'}, q{'a,c'}, q{'a,b,c'}) }, j => sub { $pick->(q{'{"k": [1, 2.50, null, "s"]}'}, q{'"text"'}, q{'12'}, q{'[]'}) },
		bi => sub { $pick->(q{b'11111111111'}, q{b'0'}, q{b'10000000001'}) }, b1 => sub { $pick->(q{b'0'}, q{b'1'}) });
	my $some = sub { map { my $c = $_; "$c = " . (rand() < 0.15 ? 'NULL' : $columns{$c}->()) } grep { rand() < $_[0] } sort keys %columns };
	my $change = sub {
		my $id = int rand 12;
		my $r = rand;
		return "DELETE FROM shop.types WHERE id = $id" if $r < 0.1;
		return "REPLACE INTO shop.shapes VALUES ($id, ST_GeomFromText('" . $pick->('POINT(1.5 -2)', 'LINESTRING(0 0,1 1,2 0.25)', 'POLYGON((0 0,10 0,10 10,0 0),(1 1,2 1,2 2,1 1))',
			'MULTIPOINT(1 1,2 2)', 'GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))') . "'), " . $pick->('NULL', "ST_GeomFromText('POINT($r $id)')") . ")" if $r < 0.14;
		return "UPDATE IGNORE shop.types SET id = " . int(rand 12) . " WHERE id = $id" if $r < 0.2;
		return "REPLACE INTO shop.types SET " . join(', ', "id = $id", $some->(0.9)) if $r < 0.5;
		return "UPDATE shop.types SET " . join(', ', "id = id", $some->(0.2)) . " WHERE id = $id" if $r < 0.7;
		return "REPLACE INTO shop.pairs VALUES ($id % 3, " . $pick->(q{'p'}, q{'Q'}, q{'é'}) . ", 'v$r')" if $r < 0.8;
		return "UPDATE IGNORE shop.pairs SET a = a + 1 WHERE a = $id % 3" if $r < 0.85;
		return "DELETE FROM shop.pairs WHERE a = $id % 3" if $r < 0.9;
		return "INSERT INTO shop.nokey VALUES ($id % 4, 'n')" if $r < 0.95;
		return "UPDATE shop.nokey SET y = '$r' WHERE x = $id % 4 LIMIT 1" if $r < 0.98;
		return "DELETE FROM shop.nokey WHERE x = $id % 4 LIMIT 1";
	};
	# Images of less than the row tell too little of one without a key, of a document, and of a key
	# that changes, where that is a delete and an insert.
	my $image = (qw(FULL MINIMAL NOBLOB))[ $seed % 3 ];
	$source->do(map { $change->() } 1 .. 150);
	$both->();
	my $moves_partly = $image ne 'FULL' && $seed % 2;
	$source->do("SET SESSION binlog_row_image = $image", $seed % 2 ? 'TRUNCATE shop.pairs' : 'DELETE FROM shop.pairs',
		(map { /SET id = \d| a = a/ && !$moves_partly ? ('SET SESSION binlog_row_image = FULL', $_, "SET SESSION binlog_row_image = $image") : $_ } grep { $image eq 'FULL' || !/nokey/ } map { $change->() } 1 .. 150),
		'REPLACE INTO shop.types (id) VALUES (50)', $moves_partly ? 'UPDATE shop.types SET id = 51 WHERE id = 50' : ());
	$both->();

	my $crashes = (qw(maxwell debezium debezium_schema goldengate_row goldengate_op canal quix))[ $seed % 7 ];
	my %formats = (maxwell => [ 'maxwell', '{}' ], debezium => [ 'debezium', '{"tombstones": true}' ], debezium_schema => [ 'debezium', '{"schemas": true}', 'debezium' ],
		goldengate_row => [ 'goldengate_row', '{"schema_topic": "back.goldengate_row"}', 'goldengate' ], goldengate_op => [ 'goldengate_op', '{"schema_topic": "back.goldengate_op"}', 'goldengate' ], canal => [ 'canal', '{}' ], quix => [ 'quix', '{}' ],
		$image eq 'FULL' ? (json => [ 'json', '{"key_columns": "x"}' ]) : ());
	for my $name ($moves_partly ? grep { /debezium|goldengate_row|canal/ } sort keys %formats : ())
	{
		my ($format) = @{ $formats{$name} };
		delete $formats{$name} if $name ne 'canal';
		like(fails("SELECT cdc.publish('src', 'bus', 'none', '\${table}/\${primary_key}', format := '$format', name := '$name')"), qr/update of the key in shop\.\w+ does not tell column.*publication "$name", seq \d+/s, "seed $seed, $image: $name: a part of a row is not made the whole one");
	}
	my @columns = @{ $cluster->rows(q{SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'src' AND table_name IN ('types', 'pairs', 'nokey', 'shapes') GROUP BY 1 ORDER BY 1}) };
	my $content = sub { my ($schema) = @_; return { map { my ($t, $c) = @$_; ($t => [ map { $_->[0] } @{ $cluster->rows("SELECT whole::text FROM (SELECT $c FROM $schema.$t) whole ORDER BY 1") } ]) } @columns } };
	my $first = $content->('src');
	for my $name (sort keys %formats)
	{
		my ($format, $options, $in) = @{ $formats{$name} };
		my $topic = "back.$name";
		# Maxwell's form of TRUNCATE is one of its messages of DDL
		my $ddl = $format eq 'maxwell' ? $topic : '';
		$options =~ s/\}$/, "ddl_topic": "$ddl"}/ and $options =~ s/\{, /{/;
		$options =~ s/\}$/, "key_change": "update"}/ if $moves_partly;
		# rows of one topic are told apart by their keys: Maxwell's name the table, others are made to
		my $by_table = $format =~ /json|debezium/;
		my $key = $by_table || $format eq 'maxwell' ? '${primary_key}' : '${table}/${primary_key}';
		my @topics = $by_table ? map { "$topic.$_->[0]" } @columns : $topic;
		$topic .= '.${table}' if $by_table;
		$kafka->create_topic($_) for @topics;
		$cluster->do("CREATE SCHEMA $name");
		$cluster->do(map { "CREATE TABLE $name.$_->[0] (LIKE src.$_->[0] INCLUDING ALL)" } @columns);
		$cluster->do("ALTER TABLE $name.shapes ALTER g TYPE text USING NULL, ALTER pt TYPE text USING NULL") if $format !~ /debezium|canal/;
		my $call = sub { "SELECT cdc.publish('src', 'bus', '$topic', '$key', format := '$format', options := '$options', name := '$name', max_events := $_[0])" };
		# what is rolled back, or killed before its commit, comes again
		my $crash = $name eq $crashes;
		$cluster->do($call->(120));
		rolled_back($call->(60));
		killed($call->(90), $crash);
		$cluster->do($call->(100000));
		subscribe("in_$name", topics => [@topics], format => $in // $format, history => "$name.history", $format eq 'json' ? () : (target_schema => $name));
		$cluster->do(map { "SELECT cdc.add_table('in_$name', 'back.json.$_->[0]', target := '$name.$_->[0]')" } grep { $_->[0] ne 'nokey' } @columns) if $format eq 'json';
		my ($pull, $apply) = ("SELECT cdc.pull('in_$name')", "SELECT * FROM cdc.apply('in_$name')");
		my $ok = eval
		{
			rolled_back("SELECT cdc.pull('in_$name', 70)");
			$cluster->do("SELECT cdc.pull('in_$name', 50)");
			killed($pull, $crash);
			$cluster->do("SELECT cdc.pull('in_$name', 30)");
			rolled_back($apply);
			killed($apply, $crash);
			$cluster->do($apply, $pull);
			killed($apply, 0);
			$cluster->do($apply);
			1;
		};
		ok($ok && list("SELECT source_table, last_error FROM cdc.subscription_table WHERE subscription = 'in_$name' AND state <> 'r'") eq '', "$name is read back")
		  or diag($@, list("SELECT source_table, last_error FROM cdc.subscription_table WHERE subscription = 'in_$name'"));
		my $got = $content->($name);
		# what has no key may come twice; in the other formats geometry is text, which a bytea does not take
		for my $t (qw(types pairs), $format =~ /debezium|canal/ ? 'shapes' : ()) { is_deeply($got->{$t}, $first->{$t}, "seed $seed, $image: $name: $t") }
		$cluster->do("SELECT cdc.drop_subscription('in_$name', true)", "DROP SCHEMA $name CASCADE", "SELECT cdc.drop_publication('$name')");
		$kafka->delete_topic($_) for @topics;
	}
	$cluster->do(q{SELECT cdc.drop_subscription('src', true)}, 'DROP SCHEMA src CASCADE');
	$source->do('DROP DATABASE shop');
	return;
}

# Runs a statement in a transaction that is rolled back.
sub rolled_back
{
	my ($sql) = @_;
	my $dbh = $cluster->connect;
	$dbh->begin_work;
	$dbh->do($sql);
	$dbh->rollback;
	$dbh->disconnect;
	return;
}

# ... or that ends with its backend, or with all of PostgreSQL.
sub killed
{
	my ($sql, $crash) = @_;
	my $dbh = $cluster->connect;
	$dbh->begin_work;
	$dbh->do($sql);
	if ($crash)
	{
		$cluster->forget;
		my $postmaster = $cluster->node->{_pid};
		$cluster->node->kill9;
		wait_until(30, sub { !kill 0, $postmaster });
		$cluster->node->start;
	}
	else { $cluster->value('SELECT pg_terminate_backend(?)', $dbh->{pg_pid}) }
	eval { $dbh->disconnect };
	return;
}

sub test_out_and_in
{
	my (@seeds) = @_;
	$source = CdcIngest::Server->new('mariadb');
	$cluster->add_source('shop', $source);
	for my $seed (@seeds)
	{
		diag("seed $seed, to repeat it: CDC_TEST_SEED=$seed");
		out_and_in($seed);
	}
	return;
}

# By hand, with nothing else: CDC_TEST_SEEDS="1 20" takes all of them from 1 to 20.
if ($ENV{CDC_TEST_SEEDS})
{
	my ($first, $last) = split ' ', $ENV{CDC_TEST_SEEDS};
	subtest 'every format out and in again, by hand' => sub { test_out_and_in($first .. $last) };
	done_testing;
	exit;
}

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

# What is published under which key.
subtest 'keys' => sub {
	my @messages = (
		[ undef, q({"kind":"insert","schema":"q","table":"t","columnnames":["id","v"],"columnvalues":[1,"a"],"oldkeys":{}}) ],
		[ undef, q({"kind":"update","schema":"q","table":"t","columnnames":["id","v"],"columnvalues":[2,"b"],"oldkeys":{"keynames":["id","v"],"keyvalues":[1,"a"]}}) ],
		[ q({"id":7}), q({"op":"c","before":null,"after":{"id":7,"v":"c"},"source":{"connector":"mysql","db":"z","table":"t","ts_ms":1}}) ],
		[ undef, q({"database":"m","table":"t","type":"insert","ts":1,"data":{"id":9,"v":"d"}}) ]);
	$kafka->create_topic('keys');
	$kafka->produce('keys', \@messages);
	subscribe('keys', topics => ['keys'], format => 'auto', history => 'keys_history');
	pull('keys');
	like(fails(q{SELECT cdc.publish('keys', 'bus', 'k1', format := 'es_bulk', options := '{"index": "x-${database}"}')}), qr/q\.t, which has no primary key, cannot be published in format es_bulk.*CONTEXT:  publication "keys\.bus", seq 1, source table "q\.t"/s, 'a key that nothing tells');
	$cluster->do(q{SELECT cdc.publish('keys', 'bus', 'k2', format := 'es_bulk', options := '{"index": "x-${database}", "key_columns": "id"}', name := 'k2')});
	is(join(' ', map { my ($line) = split /\n/; my ($verb, $a) = %{ $json->decode($line) }; "$verb:$a->{_index}/$a->{_id}" } $kafka->consume('k2')),
		'index:x-q/1 delete:x-q/1 index:x-q/2 index:x-z/7 index:x-m/9', 'key_columns, and the key of the message where it has one');
	like(fails(q{SELECT cdc.publish('keys', 'bus', 'k3', format := 'es_bulk', options := '{"index": "all", "key_columns": "id"}', name := 'k3')}), qr/source tables q\.t and z\.t one index: "all"/, 'an index of two tables');
	like(fails(q{SELECT cdc.publish('keys', 'bus', 'k4', format := 'json', options := '{"key_columns": "id"}', name := 'k4')}), qr/source tables q\.t and z\.t one topic: "k4"/, 'rows of two tables under one key');
	is($cluster->value(q{SELECT cdc.publish('keys', 'bus', 'k4.${database}', format := 'json', options := '{"key_columns": "id"}', name := 'k4')}), 4, 'a topic for each');
	# in each format whose key does not name the table, by which messages of both would be one to a compacted topic
	for my $format (qw(debezium goldengate_op goldengate_row canal quix))
	{
		my $key = '${primary_key}';
		my $call = sub { my ($topic, $template) = @_; return qq{SELECT cdc.publish('keys', 'bus', '$topic', '$template', format := '$format', options := '{"key_columns": "id"}', name := 'k6')} };
		my $error = fails($call->('k6', $key));
		like($error, qr/source tables q\.t and z\.t one topic: "k6"/, "$format: rows of two tables under one key");
		my ($topic, $named) = $error =~ /topic_template, for example '(.*?)'.*key_template that names the table, for example '(.*?)'/s;
		is(fails($call->("k6.$topic", $key)), '', "$format: a topic for each, by the hint");
		$cluster->do(q{SELECT cdc.drop_publication('k6')});
		is(fails($call->('k6', $named)), '', "$format: a key that names the table, by the hint");
		$cluster->do(q{SELECT cdc.drop_publication('k6')});
	}
	is(fails(q{SELECT cdc.publish('keys', 'bus', 'k7', '${column:v}', format := 'canal', options := '{"key_columns": "id"}', name := 'k7')}), '', 'what is keyed by no key is not compared');
	# tables that are registered, before anything is sent
	$cluster->do(map { ("CREATE TABLE reg_$_ (id int PRIMARY KEY, v text)", "SELECT cdc.add_table('keys', '$_.t', 'public.reg_$_')") } qw(q z));
	like(fails(q{SELECT cdc.publish('keys', 'bus', 'k8', format := 'canal', name := 'k8', from_seq := 4)}), qr/source tables q\.t and z\.t one topic: "k8"/, 'by their targets');
	for (['-x${table}', q(must not begin with '-')], ['a b', 'one of the characters'], ['.', 'must not be'], ['x' x 256, 'more than 255 bytes'])
	{
		my ($index, $why) = @$_;
		like(fails(qq{SELECT cdc.publish('keys', 'bus', 'k5', format := 'es_bulk', options := '{"index": "$index"}', name := 'k5')}), qr/no index of Elasticsearch can have.*\Q$why/s, "an index that none can be: " . substr($index, 0, 10));
	}
	$kafka->create_topic('odd');
	$kafka->produce('odd', [ map { qq({"database":"$_->[0]","table":"T","type":"insert","ts":1,"primary_key_columns":["id"],"data":$_->[1]}) } [ 'ÄÖΣЖ', '{"id":1}' ], [ 'a', '{"id":null,"v":1}' ] ]);
	subscribe('odd', topics => ['odd'], format => 'maxwell', history => 'odd_history');
	pull('odd');
	is($cluster->value(q{SELECT cdc.publish('odd', 'bus', 'odd.out', format := 'es_bulk', max_events := 1)}), 1, 'letters that are not ASCII');
	my ($line) = split /\n/, ($kafka->consume('odd.out'))[0];
	utf8::decode($line);
	is($line, '{"index":{"_index":"äöσж-t","_id":"1"}}', 'are in lower case');
	like(fails(q{SELECT cdc.publish_more('odd.bus')}), qr/a row of a\.T has no value in column "id" of its key/, 'a key that is null');
	$cluster->do(q{SELECT cdc.drop_subscription('keys', true)}, q{SELECT cdc.drop_subscription('odd', true)});
};

subtest 'every format out and in again' => sub { test_out_and_in(($ENV{CDC_TEST_SEED} // time) % 10000) };

# MariaDB 11 leaves what it generates out of the images of updates: that is no part of a row.
subtest 'a key that changes beside generated columns' => sub {
	my $newer = CdcIngest::Server->new('mariadb118');
	$cluster->add_source('newer', $newer);
	$newer->do('CREATE DATABASE g', 'CREATE TABLE g.t (id int PRIMARY KEY, v int, w int AS (v + 1) STORED, x int AS (v + 2) VIRTUAL)', 'INSERT INTO g.t (id, v) VALUES (1, 10)');
	$cluster->subscribe('g', 'newer', 'g', tables => ['g.*'], enabled => \'false');
	for (1 .. 4) { pull('g'); apply('g') }
	$newer->do('UPDATE g.t SET id = 2, v = 20');
	pull('g');
	is(fails(q{SELECT cdc.publish('g', 'bus', 'generated', format := 'debezium')}), '', 'is published');
	my ($last) = reverse grep { ($_->{op} // '') eq 'c' } map { $json->decode($_) } grep { $_ ne '' } $kafka->consume('generated');
	is(join(' ', map { $last->{after}{$_} // '-' } qw(id v)), '2 20', 'with the whole row');
	$newer->do('SET SESSION binlog_row_image = MINIMAL', 'UPDATE g.t SET id = 3');
	pull('g');
	like(fails(q{SELECT cdc.publish_more('g.bus')}), qr/does not tell column "v"/, 'but not with a part of one');
	$newer->stop;
};

# The whole way from Maxwell's events to documents: topic, history, topic, bulk API.
subtest 'Elasticsearch' => sub {
	my $es = CdcIngest::Elasticsearch->new;
	$kafka->create_topic($_) for qw(maxwell es);
	subscribe('es', topics => ['maxwell'], format => 'maxwell', target_schema => 'es');
	my $xid = 0;
	my (%rows, @messages);
	for my $i (1 .. 400)
	{
		my ($table, $id) = (qw(Orders line)[ rand 2 ], int rand 30);
		my $rows = $rows{$table} //= {};
		my $head = qq({"database":"Shop","table":"$table","ts":1,"xid":@{[++$xid]},"commit":true,"primary_key_columns":["id"]);
		my $row = { id => $id, v => "v$i", n => $i / 4, tags => [ $i % 3 ] };
		my $old = $rows->{$id};
		my $new_id = int rand 30;
		my ($type, $more) = !$old ? ('insert', { data => $row }) : rand() < 0.3 ? ('delete', { data => $old }) :
		  rand() < 0.3 && !$rows->{$new_id} ? ('update', { data => { %$old, id => $new_id }, old => { id => $id } }) : ('update', { data => $row, old => { v => $old->{v}, n => $old->{n}, tags => $old->{tags} } });
		my $body = substr $json->encode($more), 1;
		push @messages, [ qq({"database":"Shop","table":"$table","pk.id":$id}), qq($head,"type":"$type",$body) ];
		delete $rows->{$id} if $type eq 'delete' || exists(($more->{old} // {})->{id});
		$rows->{ $more->{data}{id} } = $more->{data} if $type ne 'delete';
	}
	$kafka->produce('maxwell', \@messages);
	is(pull('es'), 400, 'from the topic');
	$cluster->do(q{SELECT cdc.publish('es', 'bus', 'es', format := 'es_bulk')});
	# the loop of the documentation carries them, ended once in between
	my ($loop) = slurp("$FindBin::RealBin/../../doc/kafka.md") =~ /```sh\n(next=.*?done\n)```/s or die 'no loop in doc/kafka.md';
	$loop =~ s/k1:9092/$kafka->bootstrap/ge;
	$loop =~ s/shop\.es/es/g;
	$loop =~ s{http://es:9200/_bulk}{$es->url('/ignored/row/_bulk')}ge;
	$loop =~ s/-c 1000/-c 60/;
	my $dir = $cluster->node->basedir;
	my $place = sub { -e "$dir/place" ? 0 + slurp("$dir/place") : 0 };
	my ($last) = map { $_->[1] } $kafka->watermarks('es');
	for my $until (100, $last)
	{
		my $pid = spawn("$dir/loop.log", 'sh', '-c', "cd $dir\n$loop");
		ok(wait_until(90, sub { $place->() >= $until }), "the loop has carried $until messages") or diag(slurp("$dir/loop.log"));
		kill 'TERM', $pid;
		reap($pid, 10);
	}
	for my $table (qw(Orders line))
	{
		my %expected = map { ($_ => { %{ $rows{$table}{$_} }, database => 'Shop', table => $table }) } keys %{ $rows{$table} };
		is($json->encode($es->documents('shop-' . lc $table)), $json->encode(\%expected), "the documents of $table are its rows");
	}
};

done_testing();
