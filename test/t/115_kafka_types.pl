# What a target that was made first takes of messages whose schemas tell less than the source's types, and keys of
# messages that do not tell rows apart; each with a real broker, typed as hints say.
#
# Takes 30 s.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_types');
$cluster->do(sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap));

sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }

# As CdcIngest::Cluster says.
sub subscription { return $cluster->subscribe_topic($kafka, @_) }
sub follow { return $cluster->follow_topic($kafka, @_) }

sub state_of { return list('SELECT source_table, state FROM cdc.subscription_table WHERE subscription = ? ORDER BY 1', $_[0]) }

# The statements of a hint that are whole, one after the other.
sub type_hint
{
	my ($text, @only) = @_;
	my ($hint) = $text =~ /HINT:\s+(.*)/s or die "no hint in: $text\n";
	my @statements = $hint =~ /((?:SELECT cdc\.\w+\([^;]*?\)|ALTER TABLE[^;]*)[;.])/g;
	s/\.$// for @statements;
	@statements = @statements[@only] if @only;
	$cluster->do(@statements);
	return @statements;
}

# An insert with the schema of its columns, as Debezium's connector writes it.
sub insert
{
	my ($connector, $lsn, $key, $fields, $after) = @_;
	my $image = qq({"type":"struct","optional":true,"fields":[$fields],"field":"%s"});
	my $schema = sprintf q({"type":"struct","name":"srv.s.t.Envelope","fields":[%s,%s]}), sprintf($image, 'before'), sprintf($image, 'after');
	return [ $key, qq({"schema":$schema,"payload":{"before":null,"after":$after,"source":{"connector":"$connector","name":"srv","ts_ms":1,"db":"shop","schema":"s","table":"t","lsn":$lsn},"op":"c","ts_ms":1}}) ];
}

# What PostgreSQL's connector writes as a string, into columns of the source's own types.
subtest 'Debezium: texts into the types of their source' => sub {
	my @cases = (
		[ 'numeric(10,2)', '"123.40"', '123.40' ], [ 'numeric', '"1E+3"', '1000' ], [ 'bigint', '"12"', '12' ],
		[ 'double precision', '"1.5"', '1.5' ], [ 'macaddr', '"08:00:2b:01:02:03"', '08:00:2b:01:02:03' ],
		[ 'int4range', '"[1,5)"', '[1,5)' ], [ 'tstzrange', '"[\"2020-01-01 00:00:00+00\",)"', '["2020-01-01 00:00:00+00",)' ],
		[ 'tsvector', q("'a':1 'b':2"), q('a':1 'b':2) ], [ 'pg_lsn', '"16/B374D848"', '16/B374D848' ],
		[ 'interval', '"P1Y2M3DT4H5M6.78S"', '1 year 2 mons 3 days 04:05:06.78' ],
		[ 'timestamptz', '"2020-01-01T00:00:00.5Z"', '2020-01-01 00:00:00.5+00' ], [ 'inet', '"10.0.0.0/8"', '10.0.0.0/8' ],
		[ 'uuid', '"b68a35a7-17ad-35b3-af2a-ae46edb4545b"', 'b68a35a7-17ad-35b3-af2a-ae46edb4545b' ],
		[ 'jsonb', '"{\"a\": 1}"', '{"a": 1}' ], [ 'char(5)', '"ab   "', 'ab   ' ], [ 'bytea', '"AQID"', '\x010203' ],
		[ 'text', '"007"', '007' ],
		[ 'numeric(10,1)', '"123.45"', undef, qr/too few digits/ ], [ 'int', '"x"', undef, qr/does not fit type integer|invalid input syntax/ ]);
	my $i = 0;
	for my $case (@cases)
	{
		my ($type, $x, $expected, $error) = @$case;
		my $s = 'text_' . $i++;
		subscription($s, 'debezium', first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $type)"]);
		my $got = follow($s, insert('postgresql', 1, '{"id":1}', '{"type":"int32","field":"id"},{"type":"string","optional":true,"field":"x"}', qq({"id":1,"x":$x})));
		if (defined $error) { like($got, $error, "$x in $type is an error"); next }
		is($got, '', "$x in $type");
		is(list("SELECT x::text FROM $s.t"), $type =~ /char/ ? $expected =~ s/ +$//r : $expected, '... is the value');
		is(state_of($s), 's.t|r', '... of a table that is replicated');
	}
	# two texts that are one number are two rows of the source
	subscription('text_key', 'debezium', first => ['CREATE TABLE text_key.t (id numeric PRIMARY KEY, x text)']);
	my $fields = '{"type":"string","field":"id"},{"type":"string","optional":true,"field":"x"}';
	is(follow('text_key', insert('postgresql', 1, '{"id":"1.50"}', $fields, '{"id":"1.50","x":"a"}')), '', 'a number as a text is a key');
	like(follow('text_key', insert('postgresql', 2, '{"id":"007"}', $fields, '{"id":"007","x":"b"}')), qr/In a key it has to be written as "7"/, '... in the form of its type only');
};

$cluster->forget;
subtest 'Debezium: times with a zone' => sub {
	my $field = '{"type":"int32","field":"id"},{"type":"string","optional":true,"name":"io.debezium.time.ZonedTime","field":"x"}';
	my $i = 0;
	for my $case ([ undef, '15:13:16.94Z', '15:13:16.94+00' ], [ undef, '15:13:16.94+02:00', '15:13:16.94+02' ], [ 'timetz', '15:13:16Z', '15:13:16+00' ],
		[ 'time', '15:13:16Z', '15:13:16' ], [ 'text', '15:13:16+02:00', '15:13:16+02:00' ])
	{
		my ($type, $x, $expected) = @$case;
		my $s = 'zoned_' . $i++;
		subscription($s, 'debezium', defined $type ? (first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $type)"]) : ());
		is(follow($s, insert('postgresql', 1, '{"id":1}', $field, qq({"id":1,"x":"$x"}))), '', "$x in " . ($type // 'a replica that pull makes'));
		is(list("SELECT x::text FROM $s.t"), $expected, '... is the value');
	}
};

$cluster->forget;
subtest 'Debezium: arrays into the types of their source' => sub {
	my $item = sub { my ($type, $name, $more) = @_; return qq({"type":"$type","optional":true) . (defined $name ? qq(,"name":"$name") : '') . ($more // '') . '}' };
	my $i = 0;
	for my $case (
		[ 'int[]', $item->('int32'), '[1,null,3]', '{1,NULL,3}' ], [ 'text[]', $item->('string'), '["a","b c",null]', '{a,"b c",NULL}' ],
		[ 'date[]', $item->('int32', 'io.debezium.time.Date'), '[0,null,18321]', '{1970-01-01,NULL,2020-02-29}' ],
		[ 'timestamp(6)[]', $item->('int64', 'io.debezium.time.MicroTimestamp'), '[0,1529507596945104]', '{"1970-01-01 00:00:00","2018-06-20 15:13:16.945104"}' ],
		[ 'numeric(10,2)[]', $item->('bytes', 'org.apache.kafka.connect.data.Decimal', ',"parameters":{"scale":"2"}'), '["AQ==","z8c="]', '{0.01,-123.45}' ],
		[ 'numeric(10,2)[]', $item->('string'), '["1.25"]', '{1.25}' ], [ 'bool[]', $item->('boolean'), '[true,false]', '{t,f}' ],
		[ 'jsonb[]', $item->('string', 'io.debezium.data.Json'), '["{\"a\": 1}"]', '{"{\"a\": 1}"}' ], [ 'bytea[]', $item->('bytes'), '["AQID"]', '{"\\\\x010203"}' ],
		[ 'jsonb', $item->('int32'), '[1,2]', '[1, 2]' ], [ 'uuid[]', $item->('string', 'io.debezium.data.Uuid'), '["b68a35a7-17ad-35b3-af2a-ae46edb4545b"]', '{b68a35a7-17ad-35b3-af2a-ae46edb4545b}' ],
		[ undef, $item->('int32', 'io.debezium.time.Date'), '[0,null]', '["1970-01-01", null]' ],
		[ 'numeric(10,1)[]', $item->('bytes', 'org.apache.kafka.connect.data.Decimal', ',"parameters":{"scale":"2"}'), '["z8c="]', undef, qr/too few digits/ ])
	{
		my ($type, $items, $x, $expected, $error) = @$case;
		my $s = 'array_' . $i++;
		subscription($s, 'debezium', defined $type ? (first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $type)"]) : ());
		my $got = follow($s, insert('postgresql', 1, '{"id":1}', qq({"type":"int32","field":"id"},{"type":"array","optional":true,"items":$items,"field":"x"}), qq({"id":1,"x":$x})));
		if (defined $error) { like($got, $error, "$x in $type is an error"); next }
		is($got, '', "$x in " . ($type // 'a replica that pull makes'));
		is(list("SELECT x::text FROM $s.t"), $expected, '... is the value');
	}
};

$cluster->forget;
# A type that has not the values: the hint, typed, ends in the right replica.
subtest 'what a hint of a type says' => sub {
	subscription('hint_type', 'debezium', first => ['CREATE TABLE hint_type.t (id int PRIMARY KEY, x real)']);
	my $fields = '{"type":"int32","field":"id"},{"type":"double","optional":true,"field":"x"}';
	follow('hint_type', insert('postgresql', 1, '{"id":1}', $fields, '{"id":1,"x":1.23456789012345}'));
	is(state_of('hint_type'), 's.t|e', 'a real for a double');
	my $error = $cluster->value(q{SELECT last_error FROM cdc.subscription_table WHERE subscription = 'hint_type'});
	like($error, qr/HINT:\s+ALTER TABLE hint_type\.t ALTER COLUMN x TYPE double precision/, '... the hint says the type');
	type_hint($error);
	is(follow('hint_type', insert('postgresql', 2, '{"id":2}', $fields, '{"id":2,"x":0.5}')), '', '... typed');
	is(list('SELECT id, x FROM hint_type.t ORDER BY 1'), '1|1.23456789012345 2|0.5', '... all rows are there');
	is(state_of('hint_type'), 's.t|r', '... and the table is replicated');
};

$cluster->forget;
subtest 'keys of messages that do not tell rows apart' => sub {
	my $event = sub {
		my ($op, $id, $v, $pos, $n) = @_;
		my $row = sprintf '{"id":%d,"v":"%s","n":%d}', $id, $v, $n // 0;
		return [ qq({"v":"$v"}), sprintf('{"before":%s,"after":%s,"source":{"connector":"mysql","name":"srv","ts_ms":1,"db":"shop","table":"t","file":"b.000001","pos":%d,"row":0},"op":"%s","ts_ms":1}', $op eq 'd' ? $row : 'null', $op eq 'd' ? 'null' : $row, $pos, $op) ];
	};
	for my $apart (0, 1)
	{
		my $s = "shared_$apart";
		subscription($s, 'debezium', first => ["CREATE TABLE $s.t (id int, v text PRIMARY KEY, n int)"]);
		is(follow($s, $event->('c', 1, 'x', 100), $event->('c', 3, 'y', 101), $apart ? () : $event->('c', 2, 'x', 102)), '', 'one row of a key') if $apart;
		my $error = follow($s, $apart ? $event->('c', 2, 'x', 102) : ($event->('c', 1, 'x', 100), $event->('c', 3, 'y', 101), $event->('c', 2, 'x', 102)));
		like($error, qr/source table shop\.t has several rows with the key \(v\) of its messages.*DETAIL.*HINT:\s+ALTER TABLE $s\.t DROP CONSTRAINT/s, 'two rows of one key are an error');
		type_hint($error, 0, 1);
		is(follow($s), '', '... typed');
		is(list("SELECT id, v FROM $s.t ORDER BY 1"), '1|x 2|x 3|y', '... all rows are there');
		is(follow($s, $event->('d', 1, 'x', 110)), '', '... a delete');
		is(list("SELECT id, v FROM $s.t ORDER BY 1"), '2|x 3|y', '... deletes the row of its values');
	}
	# what is no proof: a connector sends once more what it sent before, rows go and come, a snapshot
	subscription('once_more', 'debezium', first => ['CREATE TABLE once_more.t (id int, v text PRIMARY KEY, n int)']);
	my @events = ($event->('r', 1, 'x', 90), $event->('c', 2, 'y', 100), $event->('u', 2, 'y', 101, 5));
	is(follow('once_more', @events, @events), '', 'events that come twice');
	is(follow('once_more', @events), '', '... also later');
	is(follow('once_more', $event->('d', 2, 'y', 102), [ '{"v":"y"}', undef ], $event->('c', 3, 'y', 103)), '', 'a row that goes and comes');
	is(follow('once_more', $event->('c', 1, 'x', 104)), '', 'an insert behind a snapshot');
	my @many = map { ($event->('c', $_, "k$_", 200 + 2 * $_), $event->('d', $_, "k$_", 201 + 2 * $_)) } 1 .. 3;
	is(follow('once_more', @many, map { $event->('c', $_, "k$_", 300 + $_) } 1 .. 3), '', 'many of these at once');
	is(list('SELECT id, v FROM once_more.t ORDER BY 2'), '1|k1 2|k2 3|k3 1|x 3|y', '... are as they are');
	# whoever says that it is the key decides
	my $error = follow('once_more', $event->('c', 9, 'k1', 400));
	like($error, qr/several rows with the key \(v\)/, 'a row that nobody has deleted');
	my ($stay) = $error =~ /.*(SELECT cdc\.alter_table\([^;]*;)/s;
	$cluster->do($stay);
	is(follow('once_more'), '', '... and a key that is said to be right');
	is(list(q(SELECT id FROM once_more.t WHERE v = 'k1')), '9', '... counts');
};

$cluster->forget;
subtest 'documents that contradict their key' => sub {
	subscription('contra', 'json', first => ['CREATE TABLE contra.contra (id text PRIMARY KEY, v text)']);
	is(follow('contra', [ '{"id":1}', '{"id":"1","v":"a"}' ], [ '{"id":"2"}', '{"v":"b"}' ], [ '3', '{"id":"3","v":"c"}' ]), '', 'documents that have what their key says');
	is(list('SELECT id, v FROM contra.contra ORDER BY 1'), '1|a 2|b 3|c', '... are its rows');
	like(follow('contra', [ '{"id":4}', '{"id":5,"v":"d"}' ]), qr/document contradicts the key of its message in column "id".*key says 4, the document 5.*contra\/0\@3/s, 'one that has something else is an error');
	is(list('SELECT count(*) FROM contra.contra'), '3', '... and no row');
	subscription('contra_bare', 'json', first => ['CREATE TABLE contra_bare.contra_bare (id text PRIMARY KEY, v text)']);
	like(follow('contra_bare', [ 'Struct{id=1}', '{"id":"1","v":"a"}' ]), qr/document contradicts the key.*Struct\{id=1\}/s, 'a key that is no value of the column');
	subscription('contra_time', 'json', first => ['CREATE TABLE contra_time.contra_time (id timestamptz PRIMARY KEY, v text)']);
	is(follow('contra_time', [ '{"id":"2020-01-01T00:00:00Z"}', '{"id":"2020-01-01 00:00:00","v":"a"}' ]), '', 'another form of the same value');
};

$cluster->forget;
subtest 'GoldenGate: names with a catalog' => sub {
	subscription('pdb', 'goldengate');
	my $message = sub { my ($table, $id) = @_; return [ undef, qq({"table":"$table","op_type":"I","op_ts":"2015-11-05 18:45:36.000000","current_ts":"2016-10-05T10:15:51.267000","pos":"00000000000000001444","primary_keys":["ID"],"after":{"ID":$id,"V":"a"}}) ] };
	is(follow('pdb', $message->('PDB1.SALES.ORDERS', 1)), '', 'a first table');
	is(list('SELECT "ID" FROM pdb."ORDERS"') . ' ' . state_of('pdb'), '1 PDB1.SALES.ORDERS|r', '... has its replica');
	follow('pdb', $message->('PDB2.SALES.ORDERS', 2));
	is(state_of('pdb'), 'PDB1.SALES.ORDERS|r PDB2.SALES.ORDERS|e', 'a second one of that name is an error');
	$cluster->do('CREATE TABLE pdb.orders_2 ("ID" int PRIMARY KEY, "V" text)', q{SELECT cdc.alter_table('pdb', 'PDB2.SALES.ORDERS', target := 'pdb.orders_2')});
	is(follow('pdb', $message->('PDB2.SALES.ORDERS', 3)), '', '... until it has a table');
	is(list('SELECT "ID" FROM pdb."ORDERS"') . ' ' . list('SELECT "ID" FROM pdb.orders_2 ORDER BY 1'), '1 2 3', '... of its own');
};


$cluster->forget;
# SQL Server's datetime2 and time have seven digits by default.
subtest 'Debezium: more digits than PostgreSQL has' => sub {
	my $i = 0;
	for my $case ([ 'NanoTimestamp', 1529507596945104700, '2018-06-20 15:13:16.9451047' ], [ 'NanoTime', 54796945104700, '15:13:16.9451047' ])
	{
		my ($name, $x, $expected) = @$case;
		my $fields = qq({"type":"int32","field":"id"},{"type":"int64","optional":true,"name":"io.debezium.time.$name","field":"x"});
		my $s = 'nanos_' . $i++;
		subscription($s, 'debezium');
		is(follow($s, insert('sqlserver', 1, '{"id":1}', $fields, qq({"id":1,"x":$x}))), '', "$name: a replica that pull makes");
		is(list("SELECT rtrim(x::text, '0') FROM $s.t"), $expected, '... holds its first row');
		$s = 'nanos_' . $i++;
		my $type = $name eq 'NanoTime' ? 'time(6)' : 'timestamp(6)';
		subscription($s, 'debezium', first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $type)"]);
		is(follow($s, insert('sqlserver', 1, '{"id":1}', $fields, '{"id":1,"x":' . ($x - $x % 1000) . '}')), '', "... $type takes six digits");
		like(follow($s, insert('sqlserver', 2, '{"id":2}', $fields, qq({"id":2,"x":$x}))), qr/text takes all/, '... and what takes more is told');
		$cluster->do("ALTER TABLE $s.t ALTER x TYPE text");
		follow($s);
		type_hint($cluster->value('SELECT last_error FROM cdc.subscription_table WHERE subscription = ?', $s));
		is(follow($s), '', '... typed');
		is(list("SELECT rtrim(x, '0') FROM $s.t WHERE id = 2"), $expected, '... it is there');
	}
};

$cluster->forget;
subtest 'Debezium: geometries of three dimensions' => sub {
	my $z = 'AQEAAKDmEAAAAAAAAAAA8D8AAAAAAAAAQAAAAAAAAAhA';	# EWKB of SRID=4326;POINT Z (1 2 3)
	my $iso = 'AekDAAAAAAAAAADwPwAAAAAAAABAAAAAAAAACEA=';	# POINT Z (1 2 3)
	my $flat = 'AQEAAAAAAAAAAADwPwAAAAAAAABA';
	my $field = '{"type":"int32","field":"id"},{"type":"struct","optional":true,"name":"io.debezium.data.geometry.Geometry","field":"x","fields":[{"type":"bytes","field":"wkb"},{"type":"int32","optional":true,"field":"srid"}]}';
	for my $made (0, 1)
	{
		my $s = "space_$made";
		subscription($s, 'debezium', $made ? (first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x bytea)"]) : ());
		my $n = 0;
		is(follow($s, map { $n++; insert('postgresql', $n, qq({"id":$n}), $field, qq({"id":$n,"x":{"wkb":"$_","srid":4326}})) } $z, $iso, $flat), '', $made ? 'a table that is there' : 'a replica that pull makes');
		is(list(qq(SELECT encode(x, 'hex') FROM $s.t ORDER BY id)),
			'01010000a0e6100000000000000000f03f00000000000000400000000000000840 01e9030020e6100000000000000000f03f00000000000000400000000000000840 0101000020e6100000000000000000f03f0000000000000040', '... has them as EWKB');
	}
	subscription('space_bad', 'debezium');
	like(follow('space_bad', insert('postgresql', 1, '{"id":1}', $field, '{"id":1,"x":{"wkb":"AgEAAAAAAAAAAADwPw=="}}')), qr/two-dimensional WKB/, 'what is no WKB is an error');
};

$cluster->forget;
subtest 'Debezium: words of DDL that are no names of types' => sub {
	my $i = 0;
	for my $case ([ 'REAL', 'double', 1.5, 'double precision' ], [ 'BOOL', 'int16', 2, 'smallint' ], [ 'BOOLEAN', 'int16', 2, 'smallint' ], [ 'SERIAL', 'int64', 7, 'bigint' ],
		[ 'NVARCHAR', 'string', '"a"', 'text' ], [ 'INT', 'int32', 3, 'integer' ], [ 'MIDDLEINT', 'int32', 3, 'integer' ], [ 'CHARACTER', 'string', '"a"', 'text' ])
	{
		my ($word, $type, $x, $expected) = @$case;
		my $s = 'word_' . $i++;
		subscription($s, 'debezium');
		is(follow($s, insert('mysql', 1, '{"id":1}', qq({"type":"int32","field":"id"},{"type":"$type","optional":true,"field":"x","parameters":{"__debezium.source.column.type":"$word"}}), qq({"id":1,"x":$x}))), '', $word);
		is(list("SELECT format_type(atttypid, atttypmod), x FROM pg_attribute, $s.t WHERE attrelid = '$s.t'::regclass AND attname = 'x'"), "$expected|" . $x =~ s/"//gr, '... is read by the type of the schema');
	}
};

# What messages of others than Debezium's own connectors look like is no row by chance.
subtest 'Debezium: rows in a form of their own' => sub {
	my $message = sub { my ($connector, $cell) = @_; return [ '{"id":1}', sprintf '{"before":null,"after":{"id":%s,"v":%s},"source":{"connector":"%s","name":"srv","ts_ms":1,"db":"shop","table":"t"},"op":"c","ts_ms":1}', $cell->(1), $cell->(2), $connector ] };
	my $i = 0;
	for my $case ([ 'cassandra', sub { qq({"value":$_[0],"deletion_ts":null,"set":true}) }, qr/connectors for Cassandra and YugabyteDB are not supported.*says whether it was set/s ],
		[ 'yugabytedb', sub { qq({"value":$_[0],"set":true}) }, qr/is an object that says.*YBExtractNewRecordState/s ], [ 'vitess', sub { $_[0] }, undef ])
	{
		my ($connector, $cell, $error) = @$case;
		my $s = 'own_' . $i++;
		subscription($s, 'debezium');
		my $got = follow($s, $message->($connector, $cell)) . follow($s);
		if (defined $error) { like($got, $error, "$connector is an error"); next }
		is($got . list("SELECT id, v FROM $s.t"), '1|2', "$connector is read");
	}
	subscription('own_flat', 'debezium_flat');
	like(follow('own_flat', [ '{"id":1}', '{"id":{"value":1,"set":true},"v":{"value":2,"set":false}}' ]), qr/connectors for Cassandra and YugabyteDB/, 'also alone');
	subscription('own_json', 'debezium_flat');
	is(follow('own_json', [ '{"id":1}', '{"id":1,"v":{"value":2,"set":false}}' ]) . list('SELECT v FROM own_json.own_json'), '{"set": false, "value": 2}', '... but a document of that form');
};

$cluster->forget;
subtest 'hints that can be typed' => sub {
	my $row = sub { my ($op, $id, $v) = @_; return [ undef, sprintf '{"table":"S.T","op_type":"%s","op_ts":"2015-11-05 18:45:36.000000","current_ts":"2016-10-05T10:15:51.267000","pos":"0000000000%010d",%s}', $op, $id, $op eq 'I' ? qq("after":{"ID":$id,"V":"$v"}) : qq("before":{"ID":$id},"after":{"ID":$id,"V":"$v"}) ] };
	# a row that came twice
	subscription('twice', 'goldengate');
	my $error = follow('twice', $row->('I', 1, 'a'), $row->('I', 1, 'a'), $row->('I', 2, 'b'), $row->('U', 1, 'c'));
	like($error, qr/ADD PRIMARY KEY \("ID"\);.*Where rows came twice/s, 'a key that is named late');
	my ($again) = $error =~ /came twice, so that it fails: (SELECT [^;]*;)/;
	$cluster->do($again);
	is(follow('twice'), '', '... typed');
	is(list('SELECT "ID", "V" FROM twice."T" ORDER BY 1'), '1|c 2|b', '... rows are there once');

	# another format than the topic has
	for my $case ([ 'debezium', 'debezium_flat', [ '{"id":1}', '{"id":1,"v":"a"}' ], 'srv.shop.flat1' ], [ 'debezium_flat', 'maxwell', [ '{"database":"d","table":"t","pk.id":1}', '{"database":"d","table":"t","type":"insert","ts":1,"xid":5,"commit":true,"data":{"id":1,"v":"a"}}' ], 'wrong_maxwell' ])
	{
		my ($declared, $is, $message, $topic) = @$case;
		my $s = "wrong_$is";
		$kafka->create_topic($topic, 1);
		$kafka->produce($topic, [$message]);
		$cluster->do("CREATE SCHEMA $s");
		$cluster->call('create_subscription', name => $s, server => 'bus', topics => [$topic], format => $declared, target_schema => $s, enabled => \'false');
		$error = $cluster->error_of("SELECT cdc.pull('$s')");
		like($error, qr/looks like a message in format "$is"/, "$is read as $declared");
		type_hint($error, 0);
		is($cluster->error_of("SELECT cdc.pull('$s')") . $cluster->error_of("SELECT * FROM cdc.apply('$s')"), '', '... its hint typed');
		is(list("SELECT id, v FROM $s." . ($is eq 'maxwell' ? 't' : 'flat1')), '1|a', '... reads what is there');
	}
	subscription('row_of_events', 'debezium_flat');
	is(follow('row_of_events', [ '{"id":1}', '{"id":1,"database":"d","table":"t","type":"x","data":{"a":1}}' ]) . list('SELECT "table" FROM row_of_events.row_of_events'), 't', 'a row that looks like a message of others is the row of its key');

	# two tables that would have one target
	subscription('same_name', 'goldengate');
	my $of = sub { my ($table) = @_; return [ undef, $row->('I', 1, 'a')->[1] =~ s/S\.T/$table/r ] };
	follow('same_name', $of->('A.E'), $of->('B.E'));
	$error = $cluster->value(q{SELECT last_error FROM cdc.subscription_table WHERE subscription = 'same_name' AND source_table = 'B.E'});
	unlike($error, qr/cdc\.add_table/, 'a target that is taken: no statement that is an error');
	like($error, qr/SELECT cdc\.alter_table\('same_name', 'B\.E', target := /, '... but one that works');

	# a date of the key that was taken for a number
	subscription('guess_key', 'debezium');
	my $dated = sub { my ($d, $v) = @_; return [ qq({"d":$d}), qq({"before":null,"after":{"d":$d,"v":$v},"source":{"connector":"mysql","name":"srv","ts_ms":1,"db":"s","table":"t"},"op":"c","ts_ms":1}) ] };
	is(follow('guess_key', $dated->(19727, 1)), '', 'a key that may be a date');
	my $told = $cluster->value(q{SELECT detail FROM cdc.log WHERE subscription = 'guess_key' AND kind = 'types'});
	like($told, qr/which of d, v are such/, '... is told of');
	my ($statements) = $told =~ /the rows anew: (.*?target := '[^']*'\);)/;
	$statements =~ s/COLUMN v/COLUMN d/;
	$cluster->do(split /(?<=;) /, $statements);
	is(follow('guess_key', $dated->(19728, 2)) . list('SELECT d, v FROM guess_key.t ORDER BY 1'), '2024-01-05|1 2024-01-06|2', '... and becomes one as the hint says');

	# rows of targets
	like($cluster->error_of(q{SELECT cdc.create_subscription('rows', 'bus', topics := '{same_name}', format := 'goldengate', target_schema := 'same_name', target_rows := 'replace')}), qr/target_rows is not for a subscription of topics.*cdc\.add_table/s, 'target_rows is refused where it says nothing');
	subscription('has_rows', 'goldengate', first => ['CREATE TABLE has_rows."T" ("ID" int PRIMARY KEY, "V" text)', q{INSERT INTO has_rows."T" VALUES (9, 'mine')}]);
	follow('has_rows', $row->('I', 1, 'a'));
	$error = $cluster->value(q{SELECT last_error FROM cdc.subscription_table WHERE subscription = 'has_rows'});
	unlike($error, qr/create_subscription/, 'a target that has rows');
	$cluster->do(q{SELECT cdc.remove_table('has_rows', 'S.T')}, q{SELECT cdc.add_table('has_rows', 'S.T', target := 'has_rows."T"', target_rows := 'replace')});
	is(follow('has_rows') . list('SELECT "ID", "V" FROM has_rows."T" ORDER BY 1'), '1|a', '... its hint typed');
};

$cluster->forget;
# A history whose messages tell little of types goes out again into a table like the target of the first.
subtest 'fan-out of histories of Kafka: types by the target' => sub {
	my $columns = '(id numeric(20,0) PRIMARY KEY, b13 bit(13), b1 bit(1), o boolean, r real, d double precision, n numeric(12,4), m numeric, v text, ts timestamp(3), u uuid)';
	my %row = (id => '12345678901234567890', b13 => 5000, b1 => 1, o => 'true', r => 0.1, d => 1.23456789012345, n => 12.5, m => 3, v => '"7"', ts => '"2020-01-01 00:00:00.5"', u => '"b68a35a7-17ad-35b3-af2a-ae46edb4545b"');
	my @names = sort keys %row;
	my $data = '{' . join(',', map { qq("$_":$row{$_}) } @names) . '}';
	my $debezium = do {
		my %type = (id => '{"type":"string"', b13 => '{"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":"13"}', b1 => '{"type":"boolean"', o => '{"type":"boolean"', r => '{"type":"float"', d => '{"type":"double"',
			n => '{"type":"string"', m => '{"type":"string"', v => '{"type":"string"', ts => '{"type":"int64","name":"io.debezium.time.Timestamp"', u => '{"type":"string","name":"io.debezium.data.Uuid"');
		my %value = (%row, id => '"12345678901234567890"', b13 => '"iBM="', b1 => 'true', n => '"12.5"', m => '"3"', ts => 1577836800500);
		insert('postgresql', 1, '{"id":"12345678901234567890"}', join(',', map { qq($type{$_},"optional":true,"field":"$_"}) } @names), '{' . join(',', map { qq("$_":$value{$_}) } @names) . '}');
	};
	my %in = (
		maxwell => [ 'maxwell', [ '{"database":"s","table":"t","pk.id":12345678901234567890}', qq({"database":"s","table":"t","type":"insert","ts":1,"data":$data}) ] ],
		goldengate => [ 'goldengate', [ undef, qq({"table":"s.t","op_type":"I","op_ts":"2015-11-05 18:45:36.000000","current_ts":"2016-10-05T10:15:51.267000","pos":"00000000000000001444","primary_keys":["id"],"after":$data}) ] ],
		quix => [ 'quix', [ undef, sprintf '{"kind":"insert","schema":"s","table":"t","pk":{"pknames":["id"],"pktypes":["numeric(20,0)"]},"columnnames":[%s],"columntypes":[%s],"columnvalues":[%s]}', join(',', map { qq("$_") } @names),
				join(',', map { my %t = (id => 'numeric(20,0)', b13 => 'bit(13)', b1 => 'bit(1)', o => 'boolean', r => 'real', d => 'double precision', n => 'numeric(12,4)', m => 'numeric', v => 'text', ts => 'timestamp(3) without time zone', u => 'uuid'); qq("$t{$_}") } @names),
				join(',', map { $_ eq 'b13' ? '"1001110001000"' : $_ eq 'b1' ? '"1"' : $row{$_} } @names) ] ],
		debezium => [ 'debezium', $debezium ]);
	for my $in (sort keys %in)
	{
		my ($format, $message) = @{ $in{$in} };
		my $s = "fan_$in";
		subscription($s, $format, first => ["CREATE TABLE $s.t $columns"]);
		is(follow($s, $message), '', "$in: the first replica");
		my $expected = list("SELECT t::text FROM $s.t t");
		for my $out (qw(canal quix debezium goldengate_op json), $in eq 'maxwell' ? 'maxwell' : ())
		{
			my $back = $out =~ s/_op//r;
			my $r = "${s}_$back";
			$cluster->do("SELECT cdc.publish('$s', 'bus', '$r', format := '$out', name := '$r'" . ($out eq 'debezium' ? q(, options := '{"schemas": true}') : '') . ')') if $kafka->create_topic($r, 1) || 1;
			is($cluster->error_of("SELECT cdc.publish_more('$r')"), '', "$in to $out");
			my $name = $out eq 'json' ? $r : 't';
			$cluster->do("CREATE SCHEMA $r", "CREATE TABLE $r.$name (LIKE $s.t INCLUDING ALL)");
			$cluster->call('create_subscription', name => $r, server => 'bus', topics => [$r], format => $back, target_schema => $r, enabled => \'false');
			is(follow($r) . list("SELECT t::text FROM $r.$name t"), $expected, '... and back is the same row');
			is(list('SELECT DISTINCT state FROM cdc.subscription_table WHERE subscription = ?', $r), 'r', '... of a table that is replicated');
		}
		$cluster->forget;
	}
};

$cluster->forget;
# An update of a part of a row is no document.
subtest 'fan-out of messages that do not tell the whole row' => sub {
	my $gg = sub { my ($op, $pos, $after) = @_; return [ undef, qq({"table":"s.t","op_type":"$op","op_ts":"2015-11-05 18:45:36.000000","current_ts":"2016-10-05T10:15:51.267000","pos":"0000000000000000144$pos","primary_keys":["id"],"after":$after}) ] };
	subscription('part', 'goldengate', first => ['CREATE TABLE part.t (id int PRIMARY KEY, a text, b text, mine timestamptz DEFAULT now())']);
	is(follow('part', $gg->('I', 1, '{"id":1,"a":"x","b":"y"}'), $gg->('U', 2, '{"id":1,"a":"z","b":"y"}')), '', 'whole rows');
	$kafka->create_topic($_, 1) for qw(part_json part_gg);
	$cluster->do(qq{SELECT cdc.publish('part', 'bus', 'part_$_', format := '$_', name := 'part_$_')}) for qw(json);
	$cluster->do(q{SELECT cdc.publish('part', 'bus', 'part_gg', format := 'goldengate_op', name := 'part_gg')});
	is($cluster->error_of(q{SELECT cdc.publish_more('part_json')}), '', '... are documents, whatever else the target has');
	is(follow('part', $gg->('U', 3, '{"id":1,"a":"zz"}')), '', 'an update of one column');
	like($cluster->error_of(q{SELECT cdc.publish_more('part_json')}), qr/a change in s\.t does not tell column "b".*the message does not have/s, '... is no document');
	is($cluster->error_of(q{SELECT cdc.publish_more('part_gg')}), '', '... but an update in GoldenGate\'s format');
};

done_testing;
