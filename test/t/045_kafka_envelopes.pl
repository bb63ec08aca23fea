# Envelopes end to end: messages that Debezium wrote, and the forms of the others, through
# a real Apache Kafka into histories and replicas that have the source's rows.
#
# Takes 20 s.
use strict;
use warnings;
use utf8;

use FindBin;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_envelopes', preload => 0);
$cluster->do(sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap));

sub subscribe { my ($name, %opt) = @_; return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt) }
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub apply { return $cluster->do("SELECT * FROM cdc.apply('$_[0]')") }
sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub fails { return $cluster->error_of($_[0]) }

# The messages of a recording, in their order, into topics with a prefix.
sub produce_recording
{
	my ($file, $prefix) = @_;
	my (%messages, @topics);
	open my $in, '<', "$FindBin::Bin/../data/envelopes/$file" or die "$file: $!";
	while (my $line = <$in>)
	{
		chomp $line;
		my ($topic, $key, $value) = split /\t/, $line, 3;
		$topic = "$prefix$topic";
		push @topics, $topic unless $messages{$topic};
		push @{ $messages{$topic} }, [ map { $_ eq 'null' ? undef : $_ } $key, $value ];
	}
	for my $topic (@topics)
	{
		$kafka->create_topic($topic);
		$kafka->produce($topic, $messages{$topic});
	}
	return scalar map { @$_ } values %messages;
}

my $pair = q{SELECT a, b, v FROM %s.pair ORDER BY a};
my $pair_rows = '3|k3|three 4|k4|four 10|k1|one';
# what debezium.sql leaves, as MySQL would print it
my $types = q{SELECT id, iu, bi, de, big, d, dt3, dt6, ts AT TIME ZONE 'UTC', t0, t6, y, vc, vb IS NULL, encode(bin, 'hex'), en, st::text, js, bit9,
	encode(substring(pt FROM 6), 'hex') FROM %s.types ORDER BY id};
my $types_rows = '1|4294967295|-9223372036854775808|0.0001|12345678901234567890123456789012345.123456789012345678901234567890|1969-12-31'
  . '|2024-06-01 12:34:56.001|2024-06-01 12:34:56.123456|2038-01-19 03:14:07|-00:00:01|23:59:59.999999|2024|Größe €|1|00ff1000|c|{}|[]|000000001'
  . '|000000000000f03f0000000000000040'
  . ' 3|-|-|-0.5000|-0.000000000000000000000000000001|9999-12-31|-|9999-12-31 23:59:59.999999|-|838:59:59|-838:59:58.999999|1901|x|1|-|-|-|"s"|-|-';

# New columns of the source are told; as apply says, they are added.
sub apply_with_new_column
{
	my ($name) = @_;
	my $error = fails("SELECT * FROM cdc.apply('$name')");
	like($error, qr/has no column "extra"/, 'a column that came later is named');
	my ($alter) = $error =~ /(ALTER TABLE \S+ ADD COLUMN extra [^;]+;)/;
	ok(defined $alter, 'with what to type') or diag($error);
	$cluster->do($alter);
	apply($name);
	return $alter;
}

subtest 'Debezium with schemas: replicas by them' => sub {
	my $n = produce_recording('debezium_schema.tsv', 'one.');
	subscribe('dz', topics => ['one.*'], format => 'debezium', target_schema => 'dz', tables => ['env.*']);
	is(pull('dz'), $n, 'all messages');
	is(apply_with_new_column('dz'), 'ALTER TABLE dz.pair ADD COLUMN extra numeric(6,2);', 'its type is the source\'s');
	is(list(sprintf $pair, 'dz'), $pair_rows, 'rows of a table with a key of two columns');
	is(list('SELECT x, y FROM dz.nokey'), '1|b', 'rows of a table without key');
	is(list(sprintf $types, 'dz'), $types_rows, 'values of all types');
	is(list('SELECT biu FROM dz.types WHERE id = 1'), '18446744073709551615', 'bigint unsigned');
	is(list('SELECT count(*) FROM dz.later'), '0', 'TRUNCATE');
	is(list("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'dz.pair'::regclass AND contype = 'p'"), 'PRIMARY KEY (b, a)', 'the key, in its order');
	is(list(q{SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'dz.types'::regclass AND attname IN ('biu', 'de', 'ts6', 'vc')
		ORDER BY attnum}), 'biu|numeric(20,0) de|numeric(20,4) ts6|timestamp(6) with time zone vc|character varying(20)', 'the types');
};

subtest 'Debezium without schemas: into the same tables' => sub {
	my $n = produce_recording('debezium_plain.tsv', 'two.');
	$cluster->do('CREATE SCHEMA dp', map { "CREATE TABLE dp.$_ (LIKE dz.$_ INCLUDING ALL)" } qw(pair nokey types later));
	# the connector's default for bigint unsigned is not the source's value
	$cluster->do('ALTER TABLE dp.types ALTER biu TYPE bigint');
	subscribe('dp', topics => ['two.*'], format => 'auto', target_schema => 'dp', tables => ['env.*']);
	is(pull('dp'), $n, 'all messages');
	apply('dp');
	is(list(sprintf $pair, 'dp'), $pair_rows, 'rows of a table with a key of two columns');
	is(list('SELECT extra FROM dp.pair ORDER BY a'), '- 9.99 -', 'a decimal');
	is(list('SELECT x, y FROM dp.nokey'), '1|b', 'rows of a table without key');
	is(list(sprintf $types, 'dp'), $types_rows, 'values of all types');
	is(list('SELECT count(*) FROM dp.later'), '0', 'TRUNCATE');
};

subtest 'Debezium, rows alone' => sub {
	produce_recording('debezium_flat.tsv', 'three.');
	$cluster->do('CREATE SCHEMA df', map { "CREATE TABLE df.$_ (LIKE dp.$_ INCLUDING ALL)" } qw(pair types));
	subscribe('df', topics => ['three.*'], format => 'debezium_flat', target_schema => 'df', tables => [ 'env.pair', 'env.types' ]);
	pull('df');
	apply('df');
	is(list(sprintf $pair, 'df'), $pair_rows, 'rows of a table with a key of two columns');
	is(list(sprintf $types, 'df'), $types_rows, 'values of all types');
	produce_recording('debezium_flat_schema.tsv', 'four.');
	subscribe('ds', topics => ['four.srv.env.pair'], format => 'debezium_flat', target_schema => 'ds');
	pull('ds');
	apply_with_new_column('ds');
	is(list(sprintf $pair, 'ds'), $pair_rows, 'deletes by tombstones alone');
};

subtest 'Debezium, several tables in one topic' => sub {
	$kafka->create_topic($_) for qw(srv.s.all srv.s.rows);
	my $key = sub { qq({"id":1,"__dbz__physicalTableIdentifier":"srv.s.t_$_[0]"}) };
	$kafka->produce('srv.s.all', [ map { [ $key->($_), qq({"op":"c","before":null,"after":{"id":1,"v":"$_"},"source":{"db":"s","table":"t_$_"}}) ] } 1, 2 ]);
	$kafka->produce('srv.s.all', [ [ $key->(1), q({"op":"d","before":null,"after":null,"source":{"db":"s","table":"t_1"}}) ], [ $key->(1), undef ] ]);
	$kafka->produce('srv.s.rows', [ (map { [ $key->($_), qq({"id":1,"v":"$_","__deleted":"false"}) ] } 1 .. 3), [ $key->(2), q({"id":1,"v":"zwei","__deleted":"false"}) ], [ $key->(1), undef ] ]);
	subscribe('routed', topics => [ 'srv.s.all', 'srv.s.rows' ], format => 'auto', target_schema => 'routed');
	pull('routed');
	apply('routed');
	is(list('SELECT count(*) FROM routed.t_1') . list('SELECT id, v FROM routed.t_2'), '01|2', 'each has its rows, without the router\'s field');
	is(list('SELECT id, "__dbz__physicalTableIdentifier", v FROM routed.rows ORDER BY 2'), '1|srv.s.t_2|zwei 1|srv.s.t_3|3', 'where they are one table it tells equal keys apart');
};

subtest 'Maxwell, as it is and without nulls' => sub {
	for my $recording (qw(maxwell maxwell_no_nulls))
	{
		my $n = produce_recording("$recording.tsv", "$recording.");
		my $s = $recording eq 'maxwell' ? 'mw' : 'mn';
		subscribe($s, topics => ["$recording.*"], format => 'maxwell', target_schema => $s, tables => ['shop.*'], exclude => $s eq 'mn' ? ['shop.nokey'] : []);
		is(pull($s), $n - ($s eq 'mn' ? 6 : 0), "$recording: all messages");
		$cluster->do("ALTER TABLE $s.pair ADD extra numeric, ADD \"the when\" timestamp, ADD w text", "ALTER TABLE $s.gone ADD v int");
		apply($s);
		is(list("SELECT id, de, vc, st::text FROM $s.types ORDER BY id"), '2|-0.0001|-|{} 4|-12345.6789|-|- 5|0.5000|-|{y} 77|0.0000|-|{x,y,z} 18446744073709551615|-|upd|{x,z}',
			'keys that change, values that become null');
		is(list(qq{SELECT "B", a, extra, "the when", coalesce(w, v) FROM $s.pair ORDER BY a}), 'k|2|-|-|zwei k|4|9.99|2024-01-01 00:00:00|renamed q|11|-|-|one', 'columns that come and are renamed');
		is(list("SELECT id, v FROM $s.gone"), '2|2', 'a table that was dropped and made again has no rows of the former one');
		is(list("SELECT id, s::text FROM $s.boot ORDER BY id"), '1|{x,y} 2|- 3|{}', 'the set of a row that was streamed, and bootstrapped again');
		is(list("SELECT count(*) FROM $s.${s}_history WHERE source_table = 'shop.pair' AND NOT commit"), '4', 'a transaction is one');
	}
	is(list('SELECT x, y FROM mw.nokey ORDER BY y'), '1|a 1|b', 'rows of a table without key');
	# neither xoffset nor position
	$kafka->create_topic('noxoffset');
	$kafka->produce('noxoffset', [ map { [ undef, sprintf q({"database":"d","table":"t","type":"insert","ts":1,"xid":5,%s"data":{"id":%d}}), $_ == 3 ? '"commit":true,' : '', $_ ] } 1 .. 3 ]);
	subscribe('nx', topics => ['noxoffset'], format => 'maxwell');
	pull('nx');
	is(list('SELECT seq, commit FROM public.nx_history ORDER BY seq'), '1|0 2|0 3|1', 'without output_xoffset a transaction goes on until commit, too');
};

subtest 'Canal, GoldenGate, Quix, Maxwell in one topic' => sub {
	$kafka->create_topic('mixed');
	$kafka->produce('mixed', [
		[ undef, q({"type":"INSERT","isDdl":false,"database":"c","table":"t","pkNames":["id"],"mysqlType":{"id":"int","v":"blob"},"data":[{"id":"1","v":"\u00ff"},{"id":"2","v":null}]}) ],
		[ undef, q({"type":"DELETE","isDdl":false,"database":"c","table":"t","pkNames":["id"],"mysqlType":{"id":"int"},"data":[{"id":"2"}]}) ],
		[ undef, q({"table":"G.T","op_type":"I","op_ts":"2024-06-01 12:00:00","pos":"1","primary_keys":["ID"],"after":{"ID":1,"A":"x","B":2}}) ],
		[ undef, q({"table":"G.T","op_type":"U","op_ts":"2024-06-01 12:00:01","pos":"2","primary_keys":["ID"],"before":{"ID":1},"after":{"ID":5,"B":3}}) ],
		[ undef, q({"kind":"insert","schema":"q","table":"u","columnnames":["id","v"],"columntypes":["integer","text"],"columnvalues":[1,"one"],"pk":{"pknames":["id"]}}) ],
		[ undef, q({"kind":"update","schema":"q","table":"u","columnnames":["id","v"],"columntypes":["integer","text"],"columnvalues":[2,"uno"],"oldkeys":{"keynames":["id"],"keyvalues":[1]}}) ],
		[ q({"database":"m","table":"w","pk.id":1}), q({"database":"m","table":"w","type":"bootstrap-insert","ts":1700000000,"data":{"id":1,"v":"one"}}) ],
		[ q({"database":"m","table":"w","pk.id":1}), q({"database":"m","table":"w","type":"update","ts":1700000001,"xid":1,"commit":true,"data":{"id":1,"v":"uno"},"old":{"v":"one"}}) ] ]);
	subscribe('mixed', topics => ['mixed'], format => 'auto', target_schema => 'mixed');
	is(pull('mixed'), 8, 'each is recognised');
	apply('mixed');
	is(list("SELECT id, encode(v, 'hex') FROM mixed.t"), '1|ff', 'Canal');
	is(list('SELECT "ID", "A", "B" FROM mixed."T"'), '5|x|3', 'GoldenGate');
	is(list('SELECT id, v FROM mixed.u'), '2|uno', 'Quix');
	is(list('SELECT id, v FROM mixed.w'), '1|uno', 'Maxwell');
	is(list(q{SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisprimary
		AND c.relnamespace = 'mixed'::regnamespace AND c.relname <> 'mixed_history'}) =~ s/ mixed_history\S*//gr, 'T t u w', 'all have their keys');
};

subtest 'GoldenGate: a topic for each table, one of schemas, and transactions' => sub {
	my $meta = q("op_ts":"2024-06-01 12:00:00.000000","current_ts":"2024-06-01T12:00:01.000001","pos":"00000000000000002928");
	$kafka->create_topic($_) for qw(gg.WMS_TEST gg.TCUSTMER gg.schema gg_tx);
	$kafka->produce('gg.schema', [ [ undef, q({"$schema":"http://json-schema.org/draft-04/schema#","title":"TEST.TCUSTMER","type":"object","properties":{"table":{},"op_type":{"type":"string"}}}) ] ]);
	$kafka->produce('gg.WMS_TEST', [
		[ undef, qq({"table":"WMS_TEST","op_type":"I",$meta,"primary_keys":["ID"],"tokens":{"R":"AADPkvAAEAAEqL2AAA"},"ID":1,"xid":7,"csn":"c","V":"one"}) ],
		[ undef, qq({"table":"WMS_TEST","op_type":"U",$meta,"primary_keys":["ID"],"tokens":{"R":"AADPkvAAEAAEqL2AAA"},"ID":1,"xid":8,"csn":null,"V":"uno"}) ] ]);
	$kafka->produce('gg.TCUSTMER', [ [ 'WILL', qq({"table":"TEST.TCUSTMER","op_type":"I",$meta,"CUST_CODE":"WILL","NAME":"BG SOFTWARE CO."}) ],
		[ 'WILL', qq({"table":"TEST.TCUSTMER","op_type":"U",$meta,"CUST_CODE":"WILL","NAME":"BG"}) ] ]);
	subscribe('gg', topics => ['gg.*'], format => 'goldengate', target_schema => 'gg');
	is(pull('gg'), 5, 'all are read, those of schemas, too');
	my ($alter) = fails(q{SELECT * FROM cdc.apply('gg')}) =~ /(ALTER TABLE gg\."TCUSTMER" ADD PRIMARY KEY \("CUST_CODE"\);)/;
	ok(defined $alter, 'without primary_keys the error is what to type') and $cluster->do($alter);
	apply('gg');
	is(list('SELECT "ID", xid, csn, "V" FROM gg."WMS_TEST"'), '1|8|-|uno', 'columns with names of metadata');
	is(list('SELECT "CUST_CODE", "NAME" FROM gg."TCUSTMER"'), 'WILL|BG', 'and nothing is lost by it');
	is(list(q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'gg."WMS_TEST"'::regclass AND attnum > 0}), '4', 'what is metadata is no column');
	$kafka->produce('gg_tx', [ [ undef, qq({"table":"A.T","op_type":"I",$meta,"ID":1}{"table":"A.U","op_type":"I",$meta,"ID":1}) ] ]);
	subscribe('gg_tx', topics => ['gg_tx'], format => 'goldengate');
	like(fails(q{SELECT cdc.pull('gg_tx')}), qr/mode=op/, 'several documents in one message');
	subscribe('gg_not', topics => ['gg.schema'], format => 'maxwell');
	like(fails(q{SELECT cdc.pull('gg_not')}), qr/It looks like a message in format "goldengate"/, 'another format than the one declared is told');
};

# Messages that tell no key, in each envelope that can be without: the first error says what to
# type, which is done to the letter, and nothing is lost.
subtest 'a key that no message names' => sub {
	my $gg = sub { qq({"table":"D.T","op_type":"$_[0]",$_[1]}) };
	my $quix = sub { my ($kind, $names, $values, $old) = @_; qq({"kind":"$kind","schema":"d","table":"t","columnnames":[$names],"columnvalues":[$values],"oldkeys":{) . ($old ? qq("keynames":["id"],"keyvalues":[$old]) : '') . '}}' };
	my $dbz = sub { qq({"op":"$_[0]","before":$_[1],"after":$_[2],"source":{"connector":"mysql","db":"d","table":"t","ts_ms":1}}) };
	my $flat = sub { qq({"id":$_[1],"v":"$_[2]","__op":"$_[0]","__deleted":"false","__table":"t","__db":"d"}) };
	my $canal = sub { qq({"type":"$_[0]","isDdl":false,"database":"d","table":"t","mysqlType":{"id":"int","v":"text"},"data":[$_[1]],"old":) . ($_[2] // 'null') . '}' };
	my $maxwell = sub { qq({"database":"d","table":"t","type":"$_[0]","ts":1,"data":$_[1]) . ($_[2] ? qq(,"old":$_[2]) : '') . '}' };
	my %cases = (
		goldengate_row => [ 'goldengate', $gg->('I', '"id":1,"v":"a"'), $gg->('I', '"id":2,"v":"b"'), $gg->('U', '"id":1,"v":"c"'), $gg->('D', '"id":2'), $gg->('I', '"id":3,"v":"d"') ],
		goldengate_op => [ 'goldengate', $gg->('I', '"after":{"id":1,"v":"a"}'), $gg->('I', '"after":{"id":2,"v":"b"}'), $gg->('U', '"before":{"id":1},"after":{"id":1,"v":"c"}'), $gg->('D', '"before":{"id":2}'), $gg->('I', '"after":{"id":3,"v":"d"}') ],
		goldengate_delete => [ 'goldengate', $gg->('I', '"after":{"v":"a","id":1}'), $gg->('I', '"after":{"v":"b","id":2}'), $gg->('D', '"before":{"id":2}'), $gg->('U', '"before":{"id":1,"v":"a"},"after":{"id":1,"v":"c"}'), $gg->('I', '"after":{"v":"d","id":3}') ],
		quix => [ 'quix', $quix->('insert', '"v","id"', '"a",1'), $quix->('insert', '"v","id"', '"b",2'), $quix->('update', '"v","id"', '"c",1', 1), $quix->('delete', '', '', 2), $quix->('insert', '"v","id"', '"d",3') ],
		quix_delete => [ 'quix', $quix->('insert', '"v","id"', '"a",1'), $quix->('insert', '"v","id"', '"b",2'), $quix->('delete', '', '', 2), $quix->('update', '"v","id"', '"c",1', 1), $quix->('insert', '"v","id"', '"d",3') ],
		debezium => [ 'debezium', $dbz->('c', 'null', '{"v":"a","id":1}'), $dbz->('c', 'null', '{"v":"b","id":2}'), $dbz->('u', 'null', '{"v":"c","id":1}'), $dbz->('d', '{"v":"b","id":2}', 'null'), $dbz->('c', 'null', '{"v":"d","id":3}') ],
		debezium_flat => [ 'debezium_flat', $flat->('c', 1, 'a'), $flat->('c', 2, 'b'), $flat->('u', 1, 'c'), q({"id":2,"v":null,"__op":"d","__deleted":"true","__table":"t","__db":"d"}), $flat->('c', 3, 'd') ],
		canal => [ 'canal', $canal->('INSERT', '{"id":"1","v":"a"}'), $canal->('INSERT', '{"id":"2","v":"b"}'), $canal->('UPDATE', '{"id":"1","v":"c"}'), $canal->('DELETE', '{"id":"2","v":"b"}'), $canal->('INSERT', '{"id":"3","v":"d"}') ],
		maxwell => [ 'maxwell', $maxwell->('insert', '{"id":1,"v":"a"}'), $maxwell->('insert', '{"id":2,"v":"b"}'), $maxwell->('delete', '{"id":2}'), $maxwell->('update', '{"id":1,"v":"c"}', '{"v":"a"}'), $maxwell->('insert', '{"id":3,"v":"d"}') ]);
	for my $name (sort keys %cases)
	{
		my ($format, @messages) = @{ $cases{$name} };
		$kafka->create_topic("nokey.$name");
		$kafka->produce("nokey.$name", [ map { [ undef, $_ ] } @messages ]);
		subscribe("nokey_$name", topics => ["nokey.$name"], format => $format, target_schema => "nokey_$name");
		pull("nokey_$name");
		my $error = fails("SELECT * FROM cdc.apply('nokey_$name')");
		my ($alter) = $error =~ /(ALTER TABLE \S+ ADD PRIMARY KEY \(id\);)/;
		ok(defined $alter, "$name: what to type") or diag($error);
		$cluster->do($alter) if $alter;
		is(fails("SELECT * FROM cdc.apply('nokey_$name')"), '', '... lets apply go on');
		my ($table) = @{ $cluster->rows("SELECT target FROM cdc.subscription_table WHERE subscription = 'nokey_$name'")->[0] };
		is(list("SELECT id, v FROM $table ORDER BY id"), '1|c 3|d', '... and nothing is lost');
	}

	# several that look like one: it is left to the user, who sees their names
	$kafka->create_topic('nokey.several');
	subscribe('nokey_several', topics => ['nokey.several'], format => 'goldengate', target_schema => 'nokey_several');
	$kafka->produce('nokey.several', [ map { [ undef, $gg->(@$_) ] } [ 'I', '"A_CODE":1,"B_CODE":1,"v":"a"' ], [ 'U', '"A_CODE":1,"B_CODE":1,"v":"c"' ] ]);
	pull('nokey_several');
	like(fails(q{SELECT * FROM cdc.apply('nokey_several')}), qr/ADD PRIMARY KEY \(\.\.\.\); with those of its columns that tell its rows apart: v, "A_CODE", "B_CODE"/, 'which of several is not guessed');

	# what looks most like a key is none: rows are put right by what the same error says
	$kafka->create_topic('nokey.wrong');
	subscribe('nokey_wrong', topics => ['nokey.wrong'], format => 'goldengate', target_schema => 'nokey_wrong');
	$kafka->produce('nokey.wrong', [ map { [ undef, $gg->(@$_) ] } [ 'I', '"id":1,"line":1,"v":"a"' ], [ 'I', '"id":2,"line":1,"v":"b"' ], [ 'U', '"id":1,"line":1,"v":"c"' ], [ 'I', '"id":1,"line":2,"v":"d"' ] ]);
	pull('nokey_wrong');
	my $error = fails(q{SELECT * FROM cdc.apply('nokey_wrong')});
	my ($alter, $again) = $error =~ /(ALTER TABLE \S+ ADD PRIMARY KEY \(id\);).*wrong ones: (.*?;) with/s;
	ok($again, 'a guess, and what puts it right') or diag($error);
	$cluster->do($alter);
	apply('nokey_wrong');
	is(list('SELECT id, line, v FROM nokey_wrong."T"'), '1|2|d 2|1|b', 'a wrong one');
	$cluster->do(map { s/\Q{...}/{id,line}/r } split /(?<=;) and /, $again);
	is(list('SELECT id, line, v FROM nokey_wrong."T" ORDER BY id, line'), '1|1|c 1|2|d 2|1|b', '... is put right');
	$kafka->produce('nokey.wrong', [ [ undef, $gg->('U', '"id":1,"line":2,"v":"e"') ] ]);
	pull('nokey_wrong');
	apply('nokey_wrong');
	is(list('SELECT id, line, v FROM nokey_wrong."T" ORDER BY id, line'), '1|1|c 1|2|e 2|1|b', '... for what comes, too');
};

subtest 'Quix: from the middle of a topic on' => sub {
	my $message = sub { my ($kind, $names, $values, $old) = @_; [ $_[4], sprintf q({"kind":"%s","schema":"q","table":"%s","columnnames":[%s],"columnvalues":[%s],"oldkeys":{%s}}), $kind, $_[5], $names, $values, $old ] };
	my $whole = sub { qq("keynames":["id","v","w"],"keyvalues":[$_[0]]) };
	$kafka->create_topic('quix');
	$kafka->produce('quix', [
		$message->('update', '"id","v","w"', '1,"uno",null', $whole->('1,"one",2'), undef, 'whole'),
		$message->('snapshot_insert', '"id","v","w"', '2,null,null', '', undef, 'whole'),
		$message->('snapshot_insert', '"id","v","w"', '3,"three",3', '', undef, 'whole'),
		$message->('update', '"id","v","w"', '2,"two",null', $whole->('2,null,null'), undef, 'whole'),
		$message->('delete', '', '', $whole->('3,"three",3'), undef, 'whole'),
		# the same with the key as the message's
		$message->('update', '"id","v","w"', '1,"uno",null', $whole->('1,"one",2'), '{"id":1}', 'keyed'),
		$message->('snapshot_insert', '"id","v","w"', '2,null,null', '', '{"id":2}', 'keyed'),
		$message->('update', '"id","v","w"', '2,"two",null', $whole->('2,null,null'), '{"id":2}', 'keyed') ]);
	subscribe('quix', topics => ['quix'], format => 'auto', target_schema => 'quix');
	is(pull('quix'), 8, 'all are read');
	is(list(q{SELECT count(*) FROM pg_index WHERE indrelid = 'quix.whole'::regclass}) . list(q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'quix.whole'::regclass AND attnum > 0 AND attnotnull}),
		'00', 'a row whole before its change is no key');
	is(list(q{SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'quix.keyed'::regclass AND contype = 'p'}), 'PRIMARY KEY (id)', 'the key of a message is one');
	apply('quix');
	is(list('SELECT id, v, w FROM quix.whole ORDER BY id'), '1|uno|- 2|two|-', 'rows found by all columns');
	is(list('SELECT id, v, w FROM quix.keyed ORDER BY id'), '1|uno|- 2|two|-', 'and by a key');
};

subtest 'documents with a key' => sub {
	$kafka->create_topic('users', 1, 'cleanup.policy' => 'compact');
	$kafka->produce('users', [ [ '{"id":1}', '{"name":"Ann","age":30}' ], [ '{"id":2}', '{"name":"Bob"}' ], [ '{"id":1}', '{"name":"Anna"}' ], [ '{"id":2}', undef ] ]);
	subscribe('users', topics => ['users'], format => 'json', target_schema => 'docs');
	pull('users');
	apply('users');
	is(list('SELECT id, name, age FROM docs.users'), '1|Anna|-', 'the last document of each key');

	# the table is named as the topic, and does not come back by itself
	$kafka->create_topic($_) for qw(plain shop.dotted);
	subscribe('topics', topics => [qw(plain shop.dotted)], format => 'json', target_schema => 'topics');
	my $rows = sub { $kafka->produce($_, [ [ '{"id":1}', qq({"v":"$_[0]"}) ] ]) for qw(plain shop.dotted); pull('topics') };
	$rows->('one');
	apply('topics');
	is(list('SELECT v FROM topics.plain') . list('SELECT v FROM topics."shop.dotted"'), 'oneone', 'tables of two topics');
	$cluster->do(map { "SELECT cdc.remove_table('topics', '$_')" } qw(plain shop.dotted));
	is($rows->('two'), 2, 'removed: the events are kept');
	apply('topics');
	is(list('SELECT v FROM topics.plain') . list('SELECT v FROM topics."shop.dotted"'), 'oneone', 'but not applied');
	is(list(q{SELECT count(*) FROM cdc.stat_table WHERE subscription = 'topics'}), '0', 'and not come back');
	$cluster->do(q{SELECT cdc.add_table('topics', 'plain', target := 'topics.plain')}, q{SELECT cdc.add_table('topics', 'shop.dotted', target := 'topics."shop.dotted"')});
	is(list('SELECT v FROM topics.plain') . list('SELECT v FROM topics."shop.dotted"'), 'twotwo', 'added again: filled from the history');
	is($rows->('three'), 2, 'and on');
	apply('topics');
	is(list('SELECT v FROM topics.plain') . list('SELECT v FROM topics."shop.dotted"'), 'threethree', 'rows go on');
};

# Random changes of two tables in one topic, in each format; a column comes half way.
subtest 'random changes' => sub {
	open my $in, '<:encoding(UTF-8)', "$FindBin::Bin/../data/envelopes/random.sql" or die $!;
	$cluster->do(do { local $/; <$in> });
	my $seed = ($ENV{CDC_TEST_SEED} // time) % 1000;
	diag("seed $seed, to repeat it: CDC_TEST_SEED=$seed");
	$cluster->do("SELECT model.generate(400, $seed / 1000.0)");
	for my $f (qw(maxwell maxwell_no_nulls debezium debezium_schema debezium_flat goldengate canal quix))
	{
		my $declared = $f =~ /^(maxwell|debezium)(?:_no_nulls|_schema)$/ ? $1 : $f;
		my $topic = "random.$f";
		$kafka->create_topic($topic);
		$cluster->do(qq{CREATE FOREIGN TABLE model.$f (key text, value text) SERVER bus OPTIONS (topic '$topic')},
			qq{INSERT INTO model.$f SELECT key::text, value::text FROM model.message WHERE format = '$f' ORDER BY n, part});
		# replicas made by themselves, where the messages tell their types; tables made before
		for my $own ($f =~ /^(?:debezium_schema|canal|quix)$/ ? (1, 0) : (0))
		{
			my $s = "r_$f$own";
			$cluster->do("CREATE SCHEMA $s", $own ? () : map { "CREATE TABLE $s.$_ (LIKE model.$_ INCLUDING ALL)" } qw(t1 t2));
			subscribe($s, topics => [$topic], format => $own ? 'auto' : $declared, $own ? (target_schema => $s) : (history => "$s.history"), options => '{"apply_memory_limit": "16kB"}');
			$cluster->do(map { "SELECT cdc.add_table('$s', 'd.$_', '$s.$_')" } qw(t1 t2)) unless $own;
			pull($s);
			if ($own)
			{
				my ($alter) = fails("SELECT * FROM cdc.apply('$s')") =~ /(ALTER TABLE \S+ ADD COLUMN x [^;]+;)/;
				ok($alter, "$f: the column that came is told") and $cluster->do($alter);
			}
			apply($s);
			for my $t (qw(t1 t2))
			{
				my $columns = $t eq 't1' ? 'id, v, t, d, at, x' : 'id, k, v, t, d, at';
				is(list("(SELECT 'lacks', $columns FROM model.$t EXCEPT ALL SELECT 'lacks', $columns FROM $s.$t)
					UNION ALL (SELECT 'has', $columns FROM $s.$t EXCEPT ALL SELECT 'has', $columns FROM model.$t)"), '', "$f: $s.$t has the rows of the model");
			}
		}
	}
	cmp_ok($cluster->value('SELECT count(*) FROM model.t1'), '>', 5, 'which has some');
};

subtest 'JSON behind the five bytes of a schema registry' => sub {
	$kafka->create_topic('registry');
	$kafka->produce('registry', [ map { [ undef, "\x00\x00\x00\x00\x09" . $_ ] } '{"database":"d","table":"z","type":"insert","ts":1,"primary_key_columns":["id"],"data":{"id":1,"v":"plain"}}',
		'{"database":"d","table":"z","type":"insert","ts":1,"primary_key_columns":["id"],"data":{"id":2,"v":"a\u0000b"}}' ]);
	subscribe('registry', topics => ['registry'], target_schema => 'registry', options => '{"nul_in_text": "strip"}');
	is(pull('registry'), 2, 'is read');
	apply('registry');
	is(list('SELECT id, v FROM registry.z ORDER BY id'), '1|plain 2|ab', 'also where JSONB could not hold it');
};

subtest 'what is none of these' => sub {
	$kafka->create_topic('odd');
	$kafka->produce('odd', [ [ undef, '{"any":"thing"}' ] ]);
	subscribe('odd', topics => ['odd'], format => 'auto');
	my $error = fails("SELECT cdc.pull('odd')");
	like($error, qr{odd/0\@0}, 'an error says where it is');
	like($error, qr/"any"/, 'and what was seen');
	$cluster->do(q{SELECT cdc.alter_subscription('odd', '{"on_error": "log"}')});
	$kafka->produce('odd', [ [ undef, "\x00\x00\x00\x00\x07\x04\x05" ], [ undef, '{"op":"c","after":{"a":1},"source":{"db":"d","table":"t"}}' ] ]);
	pull('odd');
	is(list(q{SELECT position, message ~ 'schema registry|not recognised' FROM cdc.error WHERE subscription = 'odd' ORDER BY position}), 'odd/0@0|1 odd/0@1|1', 'kept aside');
	is(list("SELECT op, source_table FROM public.odd_history WHERE op <> 'm' ORDER BY seq"), 'c|d.t', 'others go on');
};

done_testing;
