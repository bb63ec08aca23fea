# Protobuf with a real schema registry and a real Apache Kafka: what Google's encoder wrote
# becomes rows of foreign tables and replicas, by .proto text that is given or that the registry
# has; schemas that are none, or that are hostile.
#
# Takes 25 s.
use strict;
use warnings;
use utf8;

use Encode qw(decode_utf8);
use File::Temp qw(tempdir);
use FindBin;
use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Kafka;
use CdcIngest::Registry;

my $kafka = CdcIngest::Kafka->new;
my $registry = CdcIngest::Registry->new;
my $cluster = CdcIngest::Cluster->new('protobuf', preload => 0);

sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub fails { return $cluster->error_of($_[0]) }
sub subscribe { my ($name, %opt) = @_; return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt) }
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub apply { return $cluster->do("SELECT * FROM cdc.apply('$_[0]')") }
sub quoted { return "'" . ($_[0] =~ s/'/''/gr) . "'" }

# Whether the module is in a session's memory.
sub is_loaded { my ($dbh) = @_; return slurp('/proc/' . $dbh->selectrow_array('SELECT pg_backend_pid()') . '/maps') =~ /cdc_ingest_protobuf/ ? 1 : 0 }

$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "', schema_registry_url '" . $registry->front('plain') . "')");

my $order = <<'PROTO';
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/type/date.proto";
import "confluent/type/decimal.proto";

message Order {
  int64 id = 1;
  optional string customer = 2;
  confluent.type.Decimal amount = 3;
  google.protobuf.Timestamp placed = 4;
  google.type.Date due = 5;
  double ratio = 6;
  bool paid = 7;
  bytes picture = 8;
  repeated Line lines = 9;
  State state = 10;
  uint64 serial = 11;
  message Line { string article = 1; int32 pieces = 2; }
}
enum State { NEW = 0; SENT = 1; }
PROTO

sub order { my ($id, %more) = @_;
	return { id => $id, customer => "c$id", amount => { value => encode_base64(pack('n', $id * 100 + 50), ''), scale => 2 }, placed => '2023-11-14T22:13:20.123456Z',
		due => { year => 2022, month => 1, day => 8 }, ratio => 0.1, paid => JSON::PP::true, picture => encode_base64("\0\x01$id", ''),
		lines => [ { article => 'a', pieces => $id } ], state => 'SENT', serial => '18446744073709551615', %more } }

my $columns = q{"offset" bigint, id bigint, customer text, amount numeric(12,2), placed timestamptz, due date, ratio float8, paid boolean, picture bytea, lines jsonb,
	state text, serial numeric};
my $values = q{id, customer, amount, placed AT TIME ZONE 'UTC', due, ratio, paid, encode(picture, 'hex'), lines, state, serial};
sub row { my ($id) = @_; return "$id|c$id|$id.50|2023-11-14 22:13:20.123456|2022-01-08|0.1|1|00013$id|[{\"pieces\": $id, \"article\": \"a\"}]|SENT|18446744073709551615" }

subtest 'a foreign table, the schema given as text' => sub {
	$kafka->create_topic('bare');
	$registry->produce($kafka, (map { { topic => 'bare', key => { proto => 'syntax = "proto3"; message K { int32 k = 1; }', value => { k => $_ }, bare => 1 },
			value => { proto => $order, value => order($_), bare => 1 } } } 1, 2),
		{ topic => 'bare', value => { hex => '' } }, { topic => 'bare', value => undef });
	$cluster->do("CREATE FOREIGN TABLE bare ($columns) SERVER bus OPTIONS (topic 'bare', format 'json', value_format 'protobuf', value_schema " . quoted($order) . ')');
	my $dbh = $cluster->connect;
	is($dbh->selectrow_array('SELECT count("offset") FROM bare'), 4, 'who wants no values');
	is(is_loaded($dbh), 0, '... needs no libprotobuf');
	is($dbh->selectrow_array('SELECT sum(id) FROM bare'), 3, 'who does');
	is(is_loaded($dbh), 1, '... does');
	$dbh->disconnect;
	is(list(qq{SELECT $values FROM bare WHERE id > 0 ORDER BY id}), row(1) . ' ' . row(2), 'values of all columns');
	is(list(q{SELECT id, customer, amount, placed, paid, picture, lines, state, serial FROM bare WHERE "offset" = 2}), '0|-|-|-|0||[]|NEW|0', 'a message of no bytes has what proto3 gives it');
	is(list(q{SELECT id, lines FROM bare WHERE "offset" = 3}), '-|-', 'a tombstone has no columns');
	$cluster->do(q{CREATE FOREIGN TABLE whole ("offset" bigint, key jsonb, value jsonb, t json OPTIONS (metadata 'value'), b bytea OPTIONS (metadata 'value'))
		SERVER bus OPTIONS (topic 'bare', value_format 'protobuf', key_format 'protobuf', key_schema 'syntax = "proto3"; message K { int32 k = 1; }', value_schema } . quoted($order) . ')');
	is(list(q{SELECT key, value->>'amount', t->>'placed', t::jsonb = value, get_byte(b, 0) FROM whole WHERE "offset" = 1}), '{"k": 2}|2.50|2023-11-14 22:13:20.123456Z|1|8', 'key and value as jsonb and json, bytes as they are');
	$cluster->do(q{CREATE FOREIGN TABLE other (value jsonb) SERVER bus OPTIONS (topic 'bare', value_format 'protobuf', value_schema 'syntax = "proto3"; message A { string wrong = 1; }')});
	like(fails('SELECT value FROM other'), qr{message does not fit its Protobuf schema.*At byte 0, field wrong: it is encoded in another way than its type.*column "value" of foreign table "other", message bare/0\@0}s, 'of another type');
	like(fails(q{INSERT INTO whole (value) VALUES ('{}')}), qr/cannot write messages with key_format 'protobuf'/, 'nothing is written in Protobuf');
	like(fails(q{ALTER FOREIGN TABLE other OPTIONS (SET value_format 'plain'); SELECT value FROM other}), qr/option "value_schema" is for messages in Avro or Protobuf only/, 'a schema for nothing');
};

# What Google's encoder wrote of all types, as jsonb by their descriptors' text.
subtest 'all types of proto2 and proto3, as the decoder has them alone' => sub {
	my %tables = ('types.proto' => 'test.types.All', 'old.proto' => 'test.old.Old');
	open my $in, '<:encoding(UTF-8)', "$FindBin::Bin/../data/protobuf/cases.tsv" or die $!;
	my @cases = grep { $_->[0] eq 'case' && $_->[2] eq $tables{ $_->[1] } } map { chomp; [ split /\t/ ] } <$in>;
	for my $file (sort keys %tables)
	{
		my @of = grep { $_->[1] eq $file && $_->[4] !~ /\\u0000/ } @cases;
		my $topic = $file =~ s/\W/_/r;
		$kafka->create_topic($topic);
		$registry->produce($kafka, map { { topic => $topic, value => { hex => $_->[3] } } } @of);
		$cluster->do("CREATE FOREIGN TABLE $topic (\"offset\" bigint, value jsonb) SERVER bus OPTIONS (topic '$topic', value_format 'protobuf', value_schema " . quoted(decode_utf8(slurp("$FindBin::Bin/../data/protobuf/$file"))) . ')');
		my @rows = @{ $cluster->rows("SELECT value = e::jsonb, e FROM $topic JOIN unnest(?::text[]) WITH ORDINALITY AS x (e, n) ON n = \"offset\" + 1", [ map { $_->[4] } @of ]) };
		is(scalar @rows, scalar @of, "$file: all messages");
		is(scalar(grep { !$_->[0] } @rows), 0, '... are what they are');
		cmp_ok(scalar @of, '>', 30, '... and there are some');
	}
};

subtest 'a registry: two versions, references, which message it is' => sub {
	$kafka->create_topic($_) for qw(orders refs avro);
	my $later = $order =~ s/(uint64 serial = 11;)/$1 string note = 12;/r;
	my @ids = $registry->produce($kafka, { topic => 'orders', value => { proto => $order, value => order(1) } },
		{ topic => 'orders', value => { proto => $later, value => order(2, note => 'später') } },
		{ topic => 'orders', value => { proto => $later, message => 'shop.Order.Line', value => { article => 'x', pieces => 7 } } });
	isnt($ids[0], $ids[1], 'two schemas');
	$cluster->do("CREATE FOREIGN TABLE orders ($columns, note text, article text) SERVER bus OPTIONS (topic 'orders', format 'json', value_format 'protobuf')");
	is(list(qq{SELECT $values, note FROM orders WHERE "offset" < 2 ORDER BY id}), row(1) . '|- ' . row(2) . '|später', 'by either');
	is(list(q{SELECT id, article FROM orders WHERE "offset" = 2}), '-|x', 'a message inside of another one');
	is($registry->asked("/plain/schemas/ids/$ids[0]"), 1, 'the registry was asked once in two scans');
	$registry->produce($kafka,
		{ topic => 'refs', value => { define => 1, subject => 'color', proto => 'syntax = "proto3"; package x; enum Color { RED = 0; GREEN = 1; }', value => {} } },
		{ topic => 'refs', value => { proto => 'syntax = "proto3"; package y; import "x/color.proto"; message T { repeated x.Color c = 1; }',
			references => [ { name => 'x/color.proto', subject => 'color', version => 1 } ], value => { c => [ 'GREEN', 'RED' ] } } },
		{ topic => 'avro', value => { schema => 'string', value => 'x' } });
	$cluster->do(q{CREATE FOREIGN TABLE refs ("offset" bigint, value jsonb) SERVER bus OPTIONS (topic 'refs', value_format 'protobuf')});
	is(list('SELECT value FROM refs WHERE "offset" = 0'), '{"c": ["GREEN", "RED"]}', 'a schema that imports another one');
	$cluster->do(q{CREATE FOREIGN TABLE avros (value jsonb) SERVER bus OPTIONS (topic 'avro', value_format 'protobuf')});
	like(fails('SELECT value FROM avros'), qr/schema \d+ of the schema registry is not of Protobuf, but of AVRO.*'avro'/s, 'one of Avro is none of Protobuf');
	$cluster->do(map { "ALTER FOREIGN TABLE $_ OPTIONS (SET value_format 'avro')" } qw(avros refs));
	is(list('SELECT value FROM avros'), '"x"', '... but of Avro');
	like(fails('SELECT value FROM refs'), qr/schema \d+ of the schema registry is not of Avro, but of PROTOBUF.*'protobuf'/s, '... though it is known already');
	$registry->produce($kafka, { topic => 'orders', value => { hex => sprintf '00%08x0210', $ids[0] } });
	like(fails('SELECT id FROM orders WHERE "offset" = 3'), qr/does not say which message of its Protobuf schema it is.*has no such message.*written with schema $ids[0]/s, 'a message that the schema has not');
};

# Converters to Protobuf drop the source's types: a BIGINT UNSIGNED has to come as a decimal
# (bigint.unsigned.handling.mode=precise).
sub make_precise
{
	my ($message) = @_;
	for my $image (qw(before after))
	{
		my ($fields) = map { $_->{fields} } grep { $_->{field} eq $image } @{ $message->{schema}{fields} // [] };
		for my $field (grep { ($_->{parameters}{'__debezium.source.column.type'} // '') =~ /^BIGINT UNSIGNED/ } @{ $fields // [] })
		{
			@$field{qw(type name parameters)} = ('bytes', 'org.apache.kafka.connect.data.Decimal', { scale => '0', 'connect.decimal.precision' => '20' });
			my $value = $message->{payload}{$image}{ $field->{field} } // next;
			$message->{payload}{$image}{ $field->{field} } = encode_base64($value < 0 ? "\0" . pack('q>', $value) : pack('q>', $value), '');
		}
	}
	return $message;
}

# The recorded messages of Debezium with schemas, as Confluent's converter sends them.
subtest 'Debezium in Protobuf: replicas as by its JSON' => sub {
	my (@messages, %topics);
	open my $in, '<', "$FindBin::Bin/../data/envelopes/debezium_schema.tsv" or die $!;
	while (my $line = <$in>)
	{
		chomp $line;
		my ($topic, @parts) = split /\t/, $line, 3;
		$topics{$topic}++ or do { $kafka->create_topic("$_.$topic") for qw(pb js) };
		$kafka->produce("js.$topic", [ [ map { $_ eq 'null' ? undef : $_ } @parts ] ]);
		my ($key, $value) = map { $_ eq 'null' ? undef : { as => 'protobuf', connect => make_precise(JSON::PP->new->utf8->allow_bignum->decode($_)) } } @parts;
		push @messages, { topic => "pb.$topic", key => $key, value => $value };
	}
	$registry->produce($kafka, @messages);
	subscribe('js', topics => ['js.*'], format => 'debezium', target_schema => 'js', tables => ['env.*']);
	is(pull('js'), scalar @messages, 'JSON: all messages');
	my ($alter) = fails("SELECT * FROM cdc.apply('js')") =~ /(ALTER TABLE \S+ ADD COLUMN extra [^;]+;)/;
	$cluster->do($alter);
	apply('js');
	my @tables = map { $_->[0] } @{ $cluster->rows(q{SELECT relname FROM pg_class WHERE relnamespace = 'js'::regnamespace AND relkind = 'r' AND relname !~ 'history' ORDER BY 1}) };
	$cluster->do('CREATE SCHEMA pb', map { "CREATE TABLE pb.$_ (LIKE js.$_ INCLUDING ALL)" } @tables);
	subscribe('pb', topics => ['pb.*'], format => 'debezium', target_schema => 'pb', tables => ['env.*'], options => '{"value_format": "protobuf", "key_format": "protobuf"}');
	is(pull('pb'), scalar @messages, 'Protobuf: all messages');
	apply('pb');
	for my $table (@tables)
	{
		is(list("SELECT t FROM pb.$table t ORDER BY t::text"), list("SELECT t FROM js.$table t ORDER BY t::text"), "rows of $table");
	}
	is(list('SELECT count(*) FROM pb.types'), '2', 'and there are some');
	is(list(q{SELECT count(*) FROM pb.pb_history WHERE event #>> '{schema,name}' ~ 'env.*Envelope$' AND event #>> '{payload,op}' = 'c'}) =~ /^[1-9]/, 1, 'the history is JSON');
	# auto does the same
	$cluster->do('CREATE SCHEMA au', map { "CREATE TABLE au.$_ (LIKE js.$_ INCLUDING ALL)" } @tables);
	subscribe('au', topics => ['pb.*'], format => 'auto', target_schema => 'au', tables => ['env.*'], options => '{"value_format": "protobuf", "key_format": "protobuf"}');
	pull('au');
	apply('au');
	is(list('SELECT t FROM au.types t ORDER BY t::text'), list('SELECT t FROM js.types t ORDER BY t::text'), 'and by format auto');
	$cluster->do("SELECT cdc.drop_subscription('$_')") for qw(js pb au);
};

subtest 'replicas that pull makes: types that the schema tells, keys, a column that comes later' => sub {
	my $row = sub { my ($more) = @_; return <<"PROTO" };
syntax = "proto3";
package srv.shop.item;
import "confluent/meta.proto";
import "confluent/type/decimal.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/type/date.proto";
import "google/type/timeofday.proto";
message Value {
  int64 id = 1;
  confluent.type.Decimal price = 2 [(confluent.field_meta) = {params: [{key: "precision", value: "9"}, {key: "scale", value: "3"}]}];
  google.type.Date day = 3;
  google.type.TimeOfDay hour = 4;
  google.protobuf.Timestamp at = 5;
  optional int32 small = 6 [(confluent.field_meta) = {params: [{key: "connect.type", value: "int16"}]}];
  google.protobuf.StringValue name = 7;
  uint64 big = 8;
  bytes data = 9;
  repeated int32 tags = 10;
  bool ok = 11;
  $more
}
PROTO
	$kafka->create_topic('srv.shop.item');
	my $key = sub { return { proto => 'syntax = "proto3"; package srv.shop.item; message Key { int64 id = 1; }', value => { id => $_[0] } } };
	my %value = (price => { value => encode_base64(pack('n', 1250), ''), scale => 3 }, day => { year => 2024, month => 2, day => 29 }, hour => { hours => 12, nanos => 5000000 },
		at => '2024-02-29T12:30:15.123Z', small => -7, name => 'ä', big => '18446744073709551615', data => 'AAE=', tags => [ 1, 2 ], ok => JSON::PP::true);
	$registry->produce($kafka, { topic => 'srv.shop.item', key => $key->(1), value => { proto => $row->(''), value => { id => 1, %value } } },
		{ topic => 'srv.shop.item', key => $key->(2), value => { proto => $row->(''), value => { id => 2 } } },
		{ topic => 'srv.shop.item', key => $key->(3), value => { proto => $row->('optional string extra = 12;'), value => { id => 3, extra => 'e' } } },
		{ topic => 'srv.shop.item', key => $key->(2), value => undef });
	subscribe('item', topics => ['srv.shop.item'], format => 'debezium_flat', target_schema => 'item', options => '{"value_format": "protobuf"}');
	like(fails(q{SELECT cdc.pull('item')}), qr/key of the message begins with the number of a schema.*"key_format": "protobuf"/s, 'keys in Protobuf, of which nothing was said');
	$cluster->do(q{SELECT cdc.alter_subscription('item', '{"key_format": "protobuf"}')});
	is(pull('item'), 4, 'rows alone');
	my ($alter) = fails(q{SELECT * FROM cdc.apply('item')}) =~ /(ALTER TABLE \S+ ADD COLUMN extra [^;]+;)/;
	is($alter, 'ALTER TABLE item.item ADD COLUMN extra text;', 'a column more');
	$cluster->do($alter);
	apply('item');
	is(list(q{SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'item.item'::regclass AND attnum > 0 ORDER BY attnum}),
		'id|bigint price|numeric(9,3) day|date hour|interval(6) at|timestamp(6) without time zone small|smallint name|text big|numeric(20,0) data|bytea tags|jsonb ok|boolean extra|text', 'types');
	is(list(q{SELECT id, price, day, hour, at, small, name, big, encode(data, 'hex'), tags, ok, extra FROM item.item ORDER BY id}),
		'1|1.250|2024-02-29|12:00:00.005|2024-02-29 12:30:15.123|-7|ä|18446744073709551615|0001|[1, 2]|1|- 3|-|-|-|-|-|-|0||[]|0|e', 'rows');
	$registry->produce($kafka, { topic => 'srv.shop.item', key => $key->(4), value => { hex => '000000000100080a' . 'ff' } });
	$cluster->do(q{SELECT cdc.alter_subscription('item', '{"on_error": "log"}')});
	$registry->produce($kafka, { topic => 'srv.shop.item', key => $key->(5), value => { proto => $row->(''), value => { id => 5 } } });
	is(pull('item'), 2, 'a message that is none is kept aside');
	apply('item');
	is(list('SELECT id FROM item.item ORDER BY id'), '1 3 5', 'and the next one is there');
	is(list(q{SELECT count(*) FROM cdc.error WHERE subscription = 'item' AND position = 'srv.shop.item/0@4'}), '1', 'with its place');
};

subtest 'schemas that are none, or hostile' => sub {
	my $log = slurp($cluster->node->logfile);
	my $try = sub {
		my ($text) = @_;
		$cluster->do('DROP FOREIGN TABLE IF EXISTS hostile');
		my $began = time;
		my $error = fails(q{CREATE FOREIGN TABLE hostile (value jsonb) SERVER bus OPTIONS (topic 'bare', value_format 'protobuf', value_schema } . quoted($text) . ')')
		  || fails('SELECT value FROM hostile');
		cmp_ok(time - $began, '<', 8, '... in time');
		return $error;
	};
	like($try->('syntax = "proto3"; message A { strin a = 1; }'), qr/invalid value for option "value_schema": schema is not a valid Protobuf schema.*schema: A\.a: "strin" is not defined/s, 'an unknown type');
	like($try->("syntax = \"proto3\";\nmessage A {\n  int32 = 1;\n}"), qr/^(?!.*foreign table).*DETAIL: +schema:3:9: Expected field name.*HINT: +The option wants the text of a \.proto file.*"schema:3:9" is its third line/s, 'a text that cannot be read, and where, when the table is made');
	like($try->('{"type": "record", "name": "R", "fields": []}'), qr/HINT: +It looks like a schema of Avro: set value_format to 'avro'\./, 'one of Avro');
	like(fails(q{SELECT cdc.alter_subscription('item', '{"value_schema": "message A { strin a = 1; }"}')}), qr/invalid value for option "value_schema": schema is not a valid Protobuf schema\n/, 'nor does a subscription take one');
	like(fails(q{SELECT cdc.alter_subscription('item', '{"key_schema": "x"}')}), qr/invalid value for option "key_schema": schema is not a valid Protobuf schema\n/, '... for keys');
	is($cluster->value(q{SELECT options FROM cdc.subscription WHERE name = 'item'}) =~ /schema/, '', '... and is as it was');
	like($try->('message A { optional int32 a = 1; optional int32 b = 1; }'), qr/Field number 1 has already been used/s, 'a number twice');
	like($try->('syntax = "proto3"; import "nowhere/x.proto"; message A {}'), qr{It imports "nowhere/x\.proto", which is not among its references}s, 'an import that nobody has');
	like($try->('syntax = "proto3"; import "schema"; message A {}'), qr/"schema" imports itself/s, 'one of itself');
	like($try->('syntax = "proto3"; import "/etc/passwd"; message A {}'), qr{It imports "/etc/passwd", which is not}s, 'one of a file of the database server');
	like($try->('syntax = "proto3"; enum E { A = 0; }'), qr/There is no message in it/s, 'no message');
	like($try->("\x{1}\x{2}"), qr/schema is not a valid Protobuf schema/s, 'no text');
	like($try->('syntax = "proto3"; message A { ' . 'message A { ' x 5000), qr/schema is too large.*more than 64 levels deep/s, 'one of 5000 levels');
	like($try->('message A { optional int32 a = 1 [(x) = { a ' . '{ a ' x 5000), qr/more than 64 levels deep/s, 'an option of 5000 levels');
	like($try->('message A { optional int32 a = 1 [(x) = { a: ' . '[' x 5000), qr/more than 64 levels deep/s, 'a list of 5000 levels');
	like($try->('syntax = "proto3"; package ' . 'p' x 400_000 . '; ' . join ' ', map { "message A$_ {}" } 1 .. 5000), qr/schema is too large.*full names in it have more than 32 MB/s, 'names of 2 GB');
	like($try->('syntax = "proto3"; message A { message ' . 'B' x 60_000 . ' {} ' . join(' ', map { 'B' x 60_000 . " f$_ = $_;" } 1 .. 12) . '}'), qr/message does not fit|No error|^$/, 'long names');
	like($try->('message A { ' . 'x' x 1_100_000 . ' }'), qr/schema is too large.*more than 1 MB/s, 'more than a megabyte');
	like($try->('syntax = "proto2"; message A { extensions ' . join(', ', map { $_ * 3 } 1 .. 1500) . '; }'), qr/more than 1000 ranges of extensions/s, 'ranges without an end');
	# what would take long where each is looked for in all of them
	is($try->('syntax = "proto3"; message A { reserved ' . join(', ', map { $_ * 2 + 1000 } 1 .. 100_000) . '; }'), '', 'reserved numbers without an end say nothing about bytes');
	is($try->('syntax = "proto3"; import "google/protobuf/any.proto"; option (gogoproto.x) = true; message A { option deprecated = true; int64 a = 15 [(validate.rules).int64 = {gt: 5}, json_name = "x"]; } service S { rpc F (A) returns (A); }'),
		'', 'options of extensions that nobody brought do not either');
	is($cluster->value('SELECT count(*) FROM bare'), 4, 'the database is up');
	unlike(substr(slurp($cluster->node->logfile), length $log), qr/libprotobuf|PANIC|terminated by signal/, 'nothing was written past the server\'s log');
};

# The two files that know what there is are compiled anew in a copy of the tree; what else there is of it
# is taken as it was built.
subtest 'a build without what reads schemas and asks registries' => sub {
	my $tree = "$FindBin::RealBin/../..";
	ok(-e "$tree/src/pg/registry/fetch.o", 'the tree is built') or return;
	my $copy = tempdir(CLEANUP => 1);
	my $out = `cd '$tree' && tar cf - --exclude=./test --exclude='./*.so' . | tar xf - -C '$copy' && cd '$copy' && touch src/pg/registry/fetch.c src/pg/registry/protoc.c && chmod -R u+w . && make -s CI=true WITH_PROTOBUF=no WITH_REGISTRY=no PG_CONFIG=\$(command -v pg_config) 2>&1`;
	is("$?$out", '0', 'is built without a warning') or return;
	is_deeply([ map { m{([^/]+)\z} } glob "$copy/*.so" ], ['cdc_ingest.so'], 'there is no other module');
	# in sessions that have nothing of the other build
	my $maker = $cluster->connect;
	$maker->do('SET session_replication_role = replica');
	$maker->do("CREATE FUNCTION without(text[], oid) RETURNS void LANGUAGE c AS '$copy/cdc_ingest.so', 'cdc_kafka_fdw_validator'");
	$maker->disconnect;
	my $set = sub {
		my ($options) = @_;
		my $dbh = $cluster->connect;
		my $error = $cluster->error_of("SELECT without('{topic=t,$options}', 'pg_foreign_table'::regclass)", $dbh);
		$dbh->disconnect;
		return $error;
	};
	is($set->('value_format=plain'), '', 'what is plain is read');
	is($set->(q{value_format=avro,"value_schema=\"string\""}) , '', 'so is Avro by a schema that is given');
	like($set->('value_format=avro'), qr/this build of cdc_ingest cannot ask schema registries\nDETAIL: +It was built without libcurl\.\nHINT: +Give the schema with the option value_schema \(key_schema\), or install libcurl4-openssl-dev and build with WITH_REGISTRY=yes\./, 'whoever names avro is told what to do');
	like($set->("key_format=protobuf$_"), qr/this build of cdc_ingest cannot read schemas of Protobuf\nDETAIL: +It was built without libprotobuf\.\nHINT: +Install g\+\+, libprotobuf-dev and libprotoc-dev, and build with WITH_PROTOBUF=yes\./, "... and whoever names protobuf$_") for '', ',key_schema=x';
};

done_testing();
