# What tools write beside the plain cases: Debezium behind its transforms, of SQL Server and PostgreSQL, and
# TiCDC; each with a real broker, into the replica that the source has, or an error that says why not.
#
# Takes 30 s.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_tools');
$cluster->do(sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap));

sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }

# As CdcIngest::Cluster says.
sub subscription { return $cluster->subscribe_topic($kafka, @_) }
sub follow { return $cluster->follow_topic($kafka, @_) }

sub state_of { return list('SELECT source_table, state FROM cdc.subscription_table WHERE subscription = ? ORDER BY 1', $_[0]) }

# Tombstones have no value, so that they say of their table no more than their key and topic do.
subtest 'tombstones of rows that name their table themselves' => sub {
	my $row = sub { my ($id, $v, $table) = @_; return [ qq({"id":$id}), qq({"id":$id,"v":"$v","__op":"c","__table":"$table","__db":"shop"}) ] };
	for my $format ('debezium_flat', 'auto')
	{
		my $s = $format eq 'auto' ? 'gone_auto' : 'gone_flat';
		subscription($s, $format);
		is(follow($s, $row->(1, 'a', 'orders'), $row->(2, 'b', 'orders'), [ '{"id":1}', undef ]), '', "$format: rows with add.fields, and a tombstone");
		is(list("SELECT id, v FROM $s.orders"), '2|b', '... deletes the row');
		$cluster->forget;
		is(follow($s, [ '{"id":2}', undef ], $row->(3, 'c', 'orders')), '', '... also by another process');
		is(list("SELECT id, v FROM $s.orders"), '3|c', '... deletes the row');
		like(follow($s, $row->(4, 'd', 'lines'), [ '{"id":3}', undef ]) . follow($s), qr/\Q$s\E\/0\@6.*a row was deleted, and the message does not tell of which table.*delete\.tombstone\.handling\.mode to rewrite/s, '... of several tables in one topic: an error');
	}
	is(state_of('gone_flat'), 'shop.orders|r shop.lines|r' =~ s/(\S+) (\S+)/$2 $1/r, '... with nothing beside them');

	# deletes that have been told need no tombstones
	subscription('gone_told', 'debezium_flat');
	my $told = sub { my ($id, $deleted, $table) = @_; return [ qq({"id":$id}), qq({"id":$id,"__deleted":"$deleted","__table":"$table","__db":"shop"}) ] };
	is(follow('gone_told', $told->(1, 'false', 'orders'), $told->(1, 'false', 'lines'), $told->(1, 'true', 'orders'), [ '{"id":1}', undef ]), '', 'rewrite-with-tombstone');
	is(list('SELECT count(*) FROM gone_told.orders') . list('SELECT count(*) FROM gone_told.lines'), '01', '... deletes what the rows say');

	# ByLogicalTableRouter tells it in the key
	subscription('gone_routed', 'debezium_flat');
	my $key = sub { return qq({"id":$_[0],"__dbz__physicalTableIdentifier":"srv.shop.$_[1]"}) };
	my $routed = sub { my ($id, $v, $table) = @_; return [ $key->($id, $table), qq({"id":$id,"v":"$v","__table":"$table","__db":"shop"}) ] };
	is(follow('gone_routed', $routed->(1, 'a', 'customers_1'), $routed->(1, 'b', 'customers_2'), $routed->(2, 'c', 'customers_2'), [ $key->(1, 'customers_2'), undef ]), '', 'a router and add.fields');
	is(list('SELECT id, v FROM gone_routed.customers_1') . ' ' . list('SELECT id, v FROM gone_routed.customers_2'), '1|a 2|c', '... deletes the row of the table that the key names');

	# the name of a schema tells it, where keys have none
	subscription('gone_schema', 'debezium_flat');
	my $schema = sub { my ($id, $v) = @_; return [ qq({"id":$id}), qq({"schema":{"type":"struct","name":"srv.shop.orders.Value","fields":[{"type":"int32","field":"id"},{"type":"string","field":"v"}]},"payload":{"id":$id,"v":"$v"}}) ] };
	is(follow('gone_schema', $schema->(1, 'a'), $schema->(2, 'b'), [ '{"id":1}', undef ]), '', 'values with schemas, keys without');
	is(list('SELECT id, v FROM gone_schema.orders'), '2|b', '... deletes the row');
	# and either names another one: a renamed schema, a topic that was routed
	subscription('gone_renamed', 'debezium_flat');
	my $key_of = sub { my ($id, $name) = @_; return qq({"schema":{"type":"struct","name":"$name","fields":[{"type":"int32","field":"id"}]},"payload":{"id":$id}}) };
	my $renamed = sub { my ($id, $v) = @_; return [ $key_of->($id, 'srv.shop.orders.Key'), qq({"schema":{"type":"struct","name":"com.acme.Order","fields":[{"type":"int32","field":"id"},{"type":"string","field":"v"}]},"payload":{"id":$id,"v":"$v"}}) ] };
	is(follow('gone_renamed', $renamed->(1, 'a'), $renamed->(2, 'b'), [ $key_of->(1, 'srv.shop.orders.Key'), undef ]), '', 'a value whose schema was renamed');
	is(list('SELECT id, v FROM gone_renamed.gone_renamed'), '2|b', '... deletes the row');
	subscription('gone_keyed', 'debezium_flat');
	is(follow('gone_keyed', [ $key_of->(1, 'srv.shop.t.Key'), '{"id":1,"v":"a"}' ], [ $key_of->(2, 'srv.shop.t.Key'), '{"id":2,"v":"b"}' ], [ $key_of->(1, 'srv.shop.t.Key'), undef ]), '', 'keys with schemas, values without');
	is(list('SELECT id, v FROM gone_keyed.gone_keyed'), '2|b', '... deletes the row');

	# a key that is a value only
	subscription('gone_bare', 'debezium_flat', first => ['CREATE TABLE gone_bare.gone_bare (id int PRIMARY KEY, v text)']);
	like(follow('gone_bare', [ 1, '{"id":1,"v":"a"}' ], [ 1, undef ]) . follow('gone_bare'), qr/its key is a number, which names no column.*ExtractField/s, 'a bare key: an error that says so');
};

# A compacted topic keeps the tombstone of a delete, and not the delete.
subtest 'Debezium: deletes of which the tombstone is left' => sub {
	my $image = sub { my ($id, $v) = @_; return defined $v ? qq({"id":$id,"v":"$v"}) : 'null' };
	my $event = sub { my ($op, $id, $before, $after, $table) = @_; return [ qq({"id":$id}), sprintf '{"op":"%s","before":%s,"after":%s,"ts_ms":1,"source":{"connector":"mysql","name":"srv","db":"shop","table":"%s","ts_ms":1}}', $op, $image->($id, $before), $image->($id, $after), $table // 'orders' ] };
	for my $format ('debezium', 'auto')
	{
		my $s = "left_$format";
		subscription($s, $format);
		is(follow($s, [ '{"id":9}', undef ], (map { $event->('c', $_, undef, 'a') } 1 .. 4), [ '{"id":1}', undef ]), '', "$format: a tombstone alone");
		is(list("SELECT id FROM $s.orders ORDER BY 1"), '2 3 4', '... deletes the row');
		$cluster->forget;
		is(follow($s, [ '{"id":2}', undef ], $event->('d', 3, 'a'), [ '{"id":3}', undef ], $event->('c', 3, undef, 'b')), '', '... also in another process');
		is(list("SELECT id, v FROM $s.orders ORDER BY 1"), '3|b 4|a', '... and is nothing behind its delete');
		is(list("SELECT op, count(*) FROM $s.${s}_history WHERE event IS NULL GROUP BY 1 ORDER BY 1"), $format eq 'auto' ? 'd|3 m|1' : 'd|2 m|2', '... which is in the history once');
	}
	# of several tables in one topic the messages of deletes tell
	is(follow('left_debezium', $event->('c', 1, undef, 'x', 'lines'), $event->('d', 1, 'x', undef, 'lines'), [ '{"id":1}', undef ], [ '{"id":4}', undef ]), '', 'several tables in one topic');
	is(list('SELECT count(*) FROM left_debezium.lines') . ' ' . list('SELECT id FROM left_debezium.orders ORDER BY 1'), '0 3 4', '... by the messages of deletes');
};

# Keys move when partitions are added: a tombstone's rows may be in another one.
$cluster->forget;
subtest 'a tombstone that is the first message of its partition' => sub {
	my $row = sub { my ($id, $table) = @_; return [ qq({"id":$id}), qq({"id":$id,"v":"a","__table":"$table","__db":"shop"}) ] };
	my $event = sub { my ($id, $table) = @_; return [ qq({"id":$id}), qq({"op":"c","before":null,"after":{"id":$id,"v":"a"},"ts_ms":1,"source":{"connector":"mysql","name":"srv","db":"shop","table":"$table","ts_ms":1}}) ] };
	for my $case ([ 'debezium_flat', $row ], [ 'debezium', $event ])
	{
		my ($format, $of) = @$case;
		my $s = "first_$format";
		subscription($s, $format, partitions => 3);
		$kafka->produce($s, [ map { $of->($_, 'orders') } 1 .. 3 ], partition => 0);
		is(follow($s), '', "$format: rows");
		$cluster->forget;
		$kafka->produce($s, [ [ '{"id":1}', undef ] ], partition => 1);
		is(follow($s), '', '... and a tombstone in another partition');
		is(list("SELECT id FROM $s.orders ORDER BY 1") . '|' . list("SELECT DISTINCT source_table FROM $s.${s}_history WHERE source_table IS NOT NULL"), '2 3|shop.orders', '... is of the table of the topic');
		$kafka->produce($s, [ $of->(1, 'lines') ], partition => 0);
		$kafka->produce($s, [ [ '{"id":2}', undef ] ], partition => 2) if follow($s) eq '';
		my $error = follow($s) . follow($s);
		$format eq 'debezium' ? is($error, '', '... where they are several, the messages of deletes tell') :
		  like($error, qr/a row was deleted, and the message does not tell of which table/, '... where they are several, an error');
	}
};

# Both halves of one change stand at one place of the source's log.
$cluster->forget;
subtest 'a row that moves to another message key' => sub {
	my $half = sub { my ($op, $cat, $pos) = @_; my $image = qq({"id":1,"cat":"$cat"}); return [ qq({"id":1}), sprintf('{"before":%s,"after":%s,"op":"%s","ts_ms":1,"source":{"connector":"mysql","name":"srv","db":"shop","table":"t","ts_ms":1,"file":"b.000001","pos":%d}}', $op eq 'd' ? $image : 'null', $op eq 'd' ? 'null' : $image, $op, $pos) ] };
	subscription('moved', 'debezium', partitions => 2, first => ['CREATE TABLE moved.t (id int PRIMARY KEY, cat text)']);
	for my $step ([ 0, $half->('c', 'a', 4) ], [ 1, $half->('c', 'b', 9) ], [ 0, $half->('d', 'a', 9) ])
	{
		my ($partition, $message) = @$step;
		$kafka->produce('moved', [$message], partition => $partition);
		is(follow('moved'), '', "a message in partition $partition");
	}
	is(list('SELECT id, cat FROM moved.t'), '1|b', 'its delete in the old place does not take it from the new one');
	$kafka->produce('moved', [ $half->('d', 'b', 12) ], partition => 0);
	is(follow('moved'), '', 'a delete behind');
	is(list('SELECT count(*) FROM moved.t'), '0', '... does');
};

# PostgreSQL does not log large values that did not change.
subtest 'Debezium: values that the source has not logged' => sub {
	my $event = sub { my ($op, $id, $big, $n, $lsn) = @_; my $image = qq({"id":$id,"big":$big,"n":$n}); return [ qq({"id":$id}), sprintf('{"before":%s,"after":%s,"source":{"connector":"postgresql","name":"srv","ts_ms":1,"db":"shop","schema":"s","table":"t","lsn":%d},"op":"%s","ts_ms":1}', $op eq 'd' ? $image : 'null', $op eq 'd' ? 'null' : $image, $lsn, $op) ] };
	my $none = '"__debezium_unavailable_value"';
	for my $mode ('replica', 'soft_delete')
	{
		my $s = "toast_$mode";
		subscription($s, 'debezium', options => qq({"target_mode": "$mode"}));
		is(follow($s, $event->('c', 1, '"LONG"', 1, 1), $event->('u', 1, $none, 2, 2)), '', "$mode: of a row that came right before");
		is(follow($s, $event->('u', 1, $none, 3, 3)), '', '... of one that is there');
		is(list("SELECT id, big, n FROM $s.t"), '1|LONG|3', '... is what it was');
		for my $case ([ 'another key', $event->('d', 1, 'null', 'null', 4), [ '{"id":1}', undef ], $event->('c', 2, $none, 3, 4) ], [ 'an update of none that is there', $event->('u', 5, $none, 3, 5) ])
		{
			my ($name, @messages) = @$case;
			my $error = follow($s, @messages);
			like($error, qr/did not log what column "big" of a row has.*REPLICA IDENTITY.*skip_transaction/s, "... $name is an error");
			my ($pass) = $error =~ /(SELECT cdc\.skip_transaction\(.*?\))/;
			$cluster->do($pass);
			is(follow($s), '', '... which can be passed over');
		}
		is(follow($s, $event->('u', 2, '"LONG"', 4, 6)), '', '... and is written again');
		is(list("SELECT id, big, n FROM $s.t WHERE id <> 1"), '2|LONG|4', '... with all values');
	}
	# a row that is marked as gone does not tell what a new one of its key has
	is(follow('toast_soft_delete', $event->('c', 7, '"GONE"', 1, 7), $event->('d', 7, 'null', 'null', 8)), '', 'soft_delete: a row that goes');
	like(follow('toast_soft_delete', $event->('c', 7, $none, 2, 9)), qr/did not log what column "big" of a row has/, '... and one of its key that lacks a value: an error');
	is(list('SELECT big, _cdc_deleted FROM toast_soft_delete.t WHERE id = 7'), 'GONE|1', '... with nothing written');
	# a row of each event could not be whole
	subscription('toast_append', 'debezium', options => '{"target_mode": "append"}');
	is(follow('toast_append', $event->('c', 1, '"LONG"', 1, 1), $event->('u', 1, $none, 2, 2)), '', 'append: the others go on');
	like(list(q{SELECT state, last_error FROM cdc.stat_table WHERE subscription = 'toast_append'}), qr/^e\|.*a row image lacks columns, and target \S+ keeps whole rows of each event.*REPLICA IDENTITY/, '... the table is in error');
};

# What a message does not have is not told as if it were known.
$cluster->forget;
subtest 'Debezium, published again' => sub {
	my $event = sub { my ($op, $big, $n) = @_; return [ '{"id":1}', sprintf('{"before":null,"after":{"id":1,"big":%s,"n":%d},"source":{"connector":"postgresql","name":"srv","ts_ms":1,"db":"shop","schema":"s","table":"t","lsn":%d},"op":"%s","ts_ms":1}', $big, $n, $n, $op) ] };
	subscription('again', 'debezium');
	is(follow('again', $event->('c', '"L"', 1), $event->('u', '"L"', 2), $event->('u', '"__debezium_unavailable_value"', 3)), '', 'rows without the row before');
	my $publish = sub { my ($format) = @_; return $cluster->error_of(qq{SELECT cdc.publish('again', 'bus', 'again_$format', format := '$format', name := '$format', from_seq := 1)}) || do { my $e = $cluster->error_of("SELECT cdc.publish_more('$format')"); $e } };
	is($publish->('debezium'), '', 'as Debezium has them');
	my @out = grep { /"op":"u"/ } $kafka->consume('again_debezium');
	is(scalar(grep { /"before":null/ } @out), 2, '... has no row before') or diag(join "\n", @out);
	is($publish->('goldengate_op'), '', 'as GoldenGate has them');
	@out = grep { /"op_type":"U"/ } $kafka->consume('again_goldengate_op');
	is(scalar(grep { /"before":\{"id":1\}/ } @out), 2, '... has the key of it') or diag(join "\n", @out);
	like($publish->('json'), qr/a change in \S+ does not tell column "big"/, 'as documents: an error');
	is($publish->('es_bulk'), '', 'for Elasticsearch');
	@out = $kafka->consume('again_es_bulk');
	like($out[-1], qr/^\{"update":.*\n\{"doc":(?!.*big).*"n":3/, '... updates what is known') or diag(join "\n", @out);
};

# What TiCDC leaves out of types: its content-compatible is off by default.
$cluster->forget;
subtest 'TiCDC: types without digits' => sub {
	my $ticdc = sub {
		my ($table, $type, @values) = @_;
		my $n = 0;
		return map { $n++; [ undef, qq({"id":0,"database":"test","table":"$table","pkNames":["id"],"isDdl":false,"type":"INSERT","es":1639633141221,"ts":1639633142960,"sql":"","sqlType":{"id":4,"x":93},"mysqlType":{"id":"int","x":"$type"},"data":[{"id":"$n","x":"$_"}],"old":null}) ] } @values;
	};
	my @cases = (
		[ 'datetime', 'timestamp(6)', '2020-01-01 00:00:00.999999' ], [ 'timestamp', 'timestamptz(3)', '2020-01-01 00:00:00.500' ],
		[ 'time', 'interval(1)', '-00:00:01.5' ], [ 'datetime', 'timestamp(6)', '2020-01-01 00:00:00' ],
		[ 'decimal', 'numeric(12,4)', '123.45', '0.0001' ], [ 'decimal unsigned', 'numeric', '123.45' ], [ 'char', 'char(5)', 'ab' ],
		[ 'varchar', 'varchar(40)', 'abcdef' ], [ 'bit', 'bit(8)', '5' ], [ 'set', 'text', 'a,b' ], [ 'varbinary', 'bytea', 'ab' ]);
	my $i = 0;
	for my $case (@cases)
	{
		my ($type, $own, @values) = @$case;
		for my $made (0, 1)
		{
			my $s = 'ticdc_' . $i++;
			subscription($s, 'canal', $made ? (first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $own)"]) : ());
			is(follow($s, $ticdc->('t', $type, @values)), '', "$type '@values'" . ($made ? " into $own" : ''));
			is(state_of($s), 'test.t|r', '... is replicated');
			my $text = $type eq 'varbinary' ? q{convert_from(x, 'UTF8')} : $type eq 'bit' ? 'x::bigint::text' : $type =~ /decimal/ ? 'round(x, 6)' : $type eq 'timestamp' ? q{x AT TIME ZONE 'UTC'} : 'x';
			my @expected = map { $type =~ /decimal/ ? sprintf('%.6f', $_) : $_ =~ s/\.500$/.5/r } @values;
			is(join(' ', map { $_->[0] =~ s/ +$//r } @{ $cluster->rows("SELECT ($text)::text FROM $s.t ORDER BY id") }), join(' ', @expected), '... as it is');
		}
	}
	# what does not fit what was made of the first row is an error, as ever
	subscription('ticdc_late', 'canal');
	like(follow('ticdc_late', $ticdc->('t', 'datetime', '2020-01-01 00:00:00', '2020-01-01 00:00:00.5')), qr/too few fraction digits.*ALTER TABLE/s, 'a fraction that comes later');
};

$cluster->forget;
# A number of a message without schema has the unit that its connector and the source's digits give it.
subtest 'Debezium: times without schemas' => sub {
	my $event = sub { my ($connector, $x) = @_; return [ '{"id":1}', qq({"before":null,"after":{"id":1,"x":$x},"source":{"connector":"$connector","name":"srv","ts_ms":1,"db":"shop","schema":"s","table":"t"},"op":"c","ts_ms":1}) ] };
	my $i = 0;
	for my $case (
		[ 'sqlserver', 'time(6)', 1000000000, undef, qr/unit of the number.*nanoseconds.*time\.precision\.mode/s ],
		[ 'sqlserver', 'time', 1000000000, undef, qr/unit of the number/ ],
		[ 'sqlserver', 'timestamp(6)', 1000000000, undef, qr/unit of the number.*nanoseconds/s ],
		[ 'sqlserver', 'time(3)', 1000, '00:00:01' ], [ 'sqlserver', 'timestamp(3)', 1000, '1970-01-01 00:00:01' ],
		[ 'postgresql', 'time', 86399999, undef, qr/unit of the number.*milliseconds or microseconds/s ],
		[ 'postgresql', 'time(6)', 1000000, '00:00:01' ], [ 'postgresql', 'time(3)', 1000, '00:00:01' ],
		[ 'postgresql', 'interval', 1000000, '00:00:01' ], [ 'mysql', 'time', 1000000, '00:00:01' ],
		[ 'sqlserver', 'timestamptz', '"2018-06-20T15:13:16.9451047+02:00"', undef, qr/too few fraction digits/ ],
		[ 'sqlserver', 'timestamptz', '"2018-06-20T15:13:16.945104+02:00"', '2018-06-20 13:13:16.945104+00' ])
	{
		my ($connector, $type, $x, $expected, $error) = @$case;
		my $s = 'unit_' . $i++;
		subscription($s, 'debezium', first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $type)"]);
		my $got = follow($s, $event->($connector, $x));
		if (defined $error) { like($got, $error, "$connector: $x in $type is an error"); next }
		is($got, '', "$connector: $x in $type");
		is(list("SELECT x FROM $s.t"), $expected, '... is right');
	}
};

$cluster->forget;
# PostgreSQL's own dates, from its connector.
subtest 'Debezium: dates that only PostgreSQL has' => sub {
	my $type = sub { my ($type, $name) = @_; return qq({"type":"$type","optional":true,"name":"io.debezium.time.$name","field":"x"}) };
	my $micro = $type->('int64', 'MicroTimestamp');
	my $zoned = $type->('string', 'ZonedTimestamp');
	my $date = $type->('int32', 'Date');
	my $row = qq({"type":"struct","optional":true,"fields":[{"type":"int32","optional":false,"field":"id"},%s],"field":"%s"});
	my $i = 0;
	for my $case (
		[ $micro, 'timestamp', '9223372036825200000', 'infinity' ], [ $micro, 'timestamp', '-9223372036832400000', '-infinity' ],
		(map { my ($type, $x) = @$_; ([ $type, 'timestamp', $x->[0], 'infinity' ], [ $type, 'timestamp', $x->[1], '-infinity' ]) }
			[ $type->('int64', 'Timestamp'), [ '9223372036825200', '-9223372036832400' ] ],
			[ $type->('string', 'IsoTimestamp'), [ '"+294247-01-10T04:00:25.200Z"', '"-290308-12-21T19:59:27.600Z"' ] ]),
		[ $date, 'date', '2146033979', 'infinity' ], [ $date, 'date', '-2147472692', 'infinity' ], [ $date, 'date', '-2147472691', '-infinity' ],
		[ $type->('string', 'IsoDate'), 'date', '"+5877611-06-21Z"', 'infinity' ], [ $type->('string', 'IsoDate'), 'date', '"-5877611-06-22Z"', '-infinity' ],
		[ $micro, 'timestamp', '-62200000000000000', '0003-12-17 14:13:20 BC' ], [ $micro, 'timestamp', '253402300800000000', '10000-01-01 00:00:00' ],
		[ $zoned, 'timestamptz', '"+292278994-08-16T23:00:00Z"', 'infinity' ], [ $zoned, 'timestamptz', '"-292275055-05-16T23:00:00Z"', '-infinity' ],
		[ $zoned, 'timestamptz', '"infinity"', 'infinity' ], [ $zoned, 'timestamptz', '"0000-03-15T00:00:00Z"', '0001-03-15 00:00:00+00 BC' ],
		[ $zoned, 'timestamptz', '"-0043-03-15T01:02:03.5Z"', '0044-03-15 01:02:03.5+00 BC' ], [ $zoned, 'timestamptz', '"+10000-01-01T00:00:00Z"', '10000-01-01 00:00:00+00' ],
		[ $zoned, 'timestamptz', '"0000-01-01T01:00:00+02:00"', '0002-12-31 23:00:00+00 BC' ],
		[ $date, 'date', '-800000', '0222-09-04 BC' ], [ $date, 'date', '2932897', '10000-01-01' ])
	{
		my ($field, $own, $x, $expected) = @$case;
		my $schema = sprintf q({"type":"struct","name":"srv.s.t.Envelope","fields":[%s,%s]}), sprintf($row, $field, 'before'), sprintf($row, $field, 'after');
		for my $made (0, 1)
		{
			my $s = 'far_' . $i++;
			subscription($s, 'debezium', $made ? (first => ["CREATE TABLE $s.t (id int PRIMARY KEY, x $own)"]) : ());
			is(follow($s, [ '{"id":1}', qq({"schema":$schema,"payload":{"before":null,"after":{"id":1,"x":$x},"source":{"connector":"postgresql","name":"srv","ts_ms":1,"db":"shop","schema":"s","table":"t","lsn":1},"op":"c","ts_ms":1}}) ]), '', "message with $x");
			is(list("SELECT x FROM $s.t"), $expected, "... is $expected");
		}
	}
};

done_testing;
