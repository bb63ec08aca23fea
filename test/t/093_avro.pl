# Avro and JSON Schema with a real schema registry and a real Apache Kafka: what an encoder
# that is not ours wrote becomes rows of foreign tables and replicas; the registry away, slow,
# hostile, or wanting to know who asks.
#
# Takes 30 s.
use strict;
use warnings;
use utf8;

use FindBin;
use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(free_port);
use CdcIngest::Registry;

my $kafka = CdcIngest::Kafka->new;
my $registry = CdcIngest::Registry->new;
my $cluster = CdcIngest::Cluster->new('avro', preload => 0);

sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub fails { return $cluster->error_of($_[0]) }
sub subscribe { my ($name, %opt) = @_; return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt) }
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub apply { return $cluster->do("SELECT * FROM cdc.apply('$_[0]')") }
sub server { my ($name, %opt) = @_;
	return $cluster->do("CREATE SERVER $name FOREIGN DATA WRAPPER cdc_kafka OPTIONS (" . join(', ', map { "$_ '$opt{$_}'" } sort keys %opt) . ')') }

server('bus', bootstrap_servers => $kafka->bootstrap, schema_registry_url => $registry->front('plain'));

my $order = { type => 'record', name => 'Order', namespace => 'shop', fields => [
	{ name => 'id', type => 'long' }, { name => 'customer', type => [ 'null', 'string' ] },
	{ name => 'amount', type => { type => 'bytes', logicalType => 'decimal', precision => 12, scale => 2 } },
	{ name => 'placed', type => { type => 'long', logicalType => 'timestamp-micros' } },
	{ name => 'due', type => [ 'null', { type => 'int', logicalType => 'date' } ] },
	{ name => 'ratio', type => 'double' }, { name => 'paid', type => 'boolean' }, { name => 'picture', type => 'bytes' },
	{ name => 'lines', type => { type => 'array', items => { type => 'record', name => 'Line', fields => [
		{ name => 'article', type => 'string' }, { name => 'pieces', type => 'int' } ] } } } ] };
sub order { my ($id, %more) = @_;
	return { id => $id, customer => "c$id", amount => "$id.50", placed => 1700000000123456, due => 19000, ratio => 0.1, paid => JSON::PP::true,
		picture => encode_base64("\0\x01$id", ''), lines => [ { article => 'a', pieces => $id } ], %more } }

my $columns = q{partition int, "offset" bigint, id bigint, customer text, amount numeric(12,2), placed timestamptz, due date, ratio float8, paid boolean,
	picture bytea, lines jsonb, note text};

subtest 'a foreign table: columns of messages of two versions' => sub {
	$kafka->create_topic('orders', 2);
	my $later = decode_json(encode_json($order));
	push @{ $later->{fields} }, { name => 'note', type => [ 'null', 'string' ], default => undef };
	my @ids = $registry->produce($kafka,
		(map { { topic => 'orders', key => { text => "k$_" }, value => { schema => $order, value => order($_) } } } 1, 2),
		{ topic => 'orders', value => { schema => $later, value => order(3, note => 'später', customer => undef, due => undef, amount => '-0.05') } },
		{ topic => 'orders', partition => 1, value => { schema => $order, value => order(4) } },
		{ topic => 'orders', key => { text => 'k9' }, value => undef });
	isnt($ids[0], $ids[2], 'two schemas');
	$cluster->do("CREATE FOREIGN TABLE orders ($columns) SERVER bus OPTIONS (topic 'orders', format 'json', value_format 'avro')");
	$cluster->do(q{SET TimeZone = 'Asia/Tokyo'});
	is(list(q{SELECT id, customer, amount, placed AT TIME ZONE 'UTC', due, ratio, paid, encode(picture, 'hex'), lines, note FROM orders WHERE id IS NOT NULL ORDER BY id}),
		join(' ', map { "$_|c$_|$_.50|2023-11-14 22:13:20.123456|2022-01-08|0.1|1|00013$_|[{\"pieces\": $_, \"article\": \"a\"}]|-" } 1, 2)
		  . ' 3|-|-0.05|2023-11-14 22:13:20.123456|-|0.1|1|000133|[{"pieces": 3, "article": "a"}]|später'
		  . ' 4|c4|4.50|2023-11-14 22:13:20.123456|2022-01-08|0.1|1|000134|[{"pieces": 4, "article": "a"}]|-', 'values of all columns');
	is(list('SELECT "offset" FROM orders WHERE partition = 0 AND id IS NULL'), '3', 'a tombstone has no columns');
	$cluster->do('RESET TimeZone');
	# other columns of the same
	$cluster->do(q{CREATE FOREIGN TABLE whole ("offset" bigint, key text, value jsonb, t json OPTIONS (metadata 'value'), x text OPTIONS (metadata 'value'), b bytea OPTIONS (metadata 'value'))
		SERVER bus OPTIONS (topic 'orders', value_format 'avro')});
	is(list(q{SELECT key, value->>'amount', t->>'placed', x::jsonb = value, substring(b for 1) FROM whole WHERE "offset" = 1}),
		'k2|2.50|2023-11-14 22:13:20.123456Z|1|' . "\0", 'as jsonb, json and text; bytea has the bytes');
	is($registry->asked("/plain/schemas/ids/$ids[0]"), 1, 'the registry was asked once for a schema in four scans');
	my $other = $cluster->connect;
	$other->do('SELECT count(customer) FROM orders');
	is($registry->asked("/plain/schemas/ids/$ids[0]"), 2, 'by another session once more');
	is($other->selectrow_array('SELECT count("offset") FROM orders WHERE "offset" >= 0'), 5, 'who wants no values needs no schema');
	$other->disconnect;
	like(fails(q{INSERT INTO orders (id) VALUES (1)}), qr/cannot write messages with value_format 'avro' into foreign table "orders".*type bytea/s, 'nothing is written in Avro');
	like(fails(q{SELECT cdc.create_subscription('raw', 'bus', topics := '{orders}', format := 'raw', options := '{"value_format": "avro"}', enabled := false)}),
		qr/are not decoded, but kept as bytes/, 'what is kept as bytes is not decoded');
	subscribe('raw', topics => ['orders'], format => 'raw');
	like(fails(q{SELECT cdc.alter_subscription('raw', '{"value_format": "avro"}')}), qr/are not decoded, but kept as bytes/, '... nor later');
	$cluster->do(q{SELECT cdc.alter_subscription('raw', '{"value_format": "avro"}', format := 'json')});
	like(fails(q{SELECT cdc.alter_subscription('raw', '{}', format := 'raw')}), qr/are not decoded, but kept as bytes/, '... nor when the format alone changes');
	$cluster->do(q{SELECT cdc.drop_subscription('raw')});
};

# The recorded messages of Debezium with schemas, each as its Avro converter would have sent it.
sub recording
{
	my ($prefix) = @_;
	my (@messages, %topics);
	open my $in, '<', "$FindBin::Bin/../data/envelopes/debezium_schema.tsv" or die $!;
	while (my $line = <$in>)
	{
		chomp $line;
		my ($topic, @parts) = split /\t/, $line, 3;
		$kafka->create_topic("$prefix$topic") unless $topics{$topic}++;
		my ($key, $value) = map { $_ eq 'null' ? undef : { connect => JSON::PP->new->utf8->allow_bignum->decode($_) } } @parts;
		push @messages, { topic => "$prefix$topic", key => $key, value => $value };
	}
	return @messages;
}

subtest 'Debezium in Avro: replicas as by its JSON with schemas' => sub {
	my @messages = recording('av.');
	$registry->produce($kafka, @messages);
	for my $topic (sort keys %{ { map { ($_->{topic} =~ s/^av\.//r => 1) } @messages } })
	{
		$kafka->create_topic("js.$topic");
		$kafka->produce("js.$topic", [ map { [ map { defined $_ ? JSON::PP->new->utf8->allow_bignum->encode($_->{connect}) : undef } @$_{qw(key value)} ] } grep { $_->{topic} eq "av.$topic" } @messages ]);
	}
	my %options = (av => '{"value_format": "avro", "key_format": "avro"}', js => '{}');
	for my $name (qw(js av))
	{
		subscribe($name, topics => ["$name.*"], format => 'debezium', target_schema => $name, tables => ['env.*'], options => $options{$name});
		is(pull($name), scalar @messages, "$name: all messages");
		my ($alter) = fails("SELECT * FROM cdc.apply('$name')") =~ /(ALTER TABLE \S+ ADD COLUMN extra [^;]+;)/;
		is($alter, "ALTER TABLE $name.pair ADD COLUMN extra numeric(6,2);", "$name: a new column, with its type");
		$cluster->do($alter);
		apply($name);
	}
	my $types = q{SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = '%s'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND c.relname !~ 'history' ORDER BY 1, a.attnum};
	my $expected = list(sprintf $types, 'js');
	like($expected, qr/^\S.*types\|biu\|numeric\(20,0\)/, 'columns of replicas');
	is(list(sprintf $types, 'av'), $expected, '... are the same by either way');
	for my $table (map { $_->[0] } @{ $cluster->rows(q{SELECT relname FROM pg_class WHERE relnamespace = 'js'::regnamespace AND relkind = 'r' AND relname !~ 'history' ORDER BY 1}) })
	{
		is(list("SELECT t FROM av.$table t ORDER BY t::text"), list("SELECT t FROM js.$table t ORDER BY t::text"), "rows of $table");
	}
	is(list('SELECT count(*) FROM av.types'), '2', 'and there are some');
	$cluster->do("SELECT cdc.drop_subscription('$_')") for qw(av js);
};

subtest 'other forms: a schema as text, JSON Schema, references, all of Avro' => sub {
	my $bare = encode_json($order) =~ s/'/''/gr;
	$kafka->create_topic($_) for qw(bare js_schema refs many);
	$registry->produce($kafka,
		{ topic => 'bare', key => { schema => 'long', value => 5, bare => 1 }, value => { schema => $order, value => order(7), bare => 1 } },
		{ topic => 'js_schema', key => { text => 'k' }, value => { json_schema => { '$schema' => 'http://json-schema.org/draft-07/schema#', type => 'object' }, value => { id => 1, a => [ 1, 'zwei' ] } } },
		{ topic => 'refs', value => { define => 1, subject => 'color', schema => { type => 'enum', name => 'x.Color', symbols => [ 'RED', 'GREEN' ] }, value => undef } },
		{ topic => 'refs', value => { schema => { type => 'record', name => 'x.Thing', fields => [ { name => 'c', type => 'x.Color' } ] },
			references => [ { name => 'x.Color', subject => 'color', version => 1 } ], value => { c => 'GREEN' } } });
	$cluster->do(qq{CREATE FOREIGN TABLE bare (key text, id bigint, amount numeric) SERVER bus
		OPTIONS (topic 'bare', format 'json', value_format 'avro', value_schema '$bare', key_format 'avro', key_schema '"long"')});
	is(list('SELECT key, id, amount FROM bare'), '5|7|7.50', 'schemas as text, of value and key');
	$cluster->do(q{ALTER FOREIGN TABLE bare OPTIONS (SET key_schema '"string"')});
	like(fails('SELECT key FROM bare'), qr{message does not fit its Avro schema.*At byte 1: a value goes beyond its end.*column "key" of foreign table "bare", message bare/0\@0}s,
		'a wrong one is an error that says where');
	like(fails(q{ALTER FOREIGN TABLE bare OPTIONS (SET key_schema '{"type": "recor"}')}), qr/invalid value for option "key_schema": schema is not a valid Avro schema.*no definition of the type "recor"/s, 'a text that is no schema');
	$cluster->do(q{CREATE FOREIGN TABLE js_schema (id int, a jsonb) SERVER bus OPTIONS (topic 'js_schema', format 'json', value_format 'json_schema')},
		q{CREATE FOREIGN TABLE js_text (value text) SERVER bus OPTIONS (topic 'js_schema', value_format 'json_schema')});
	is(list('SELECT id, a, value::json->>0 FROM js_schema, js_text'), '1|[1, "zwei"]|-', 'JSON behind the number of a schema');
	$cluster->do(q{CREATE FOREIGN TABLE refs (c text) SERVER bus OPTIONS (topic 'refs', format 'json', value_format 'avro')});
	is(list('SELECT c FROM refs'), 'GREEN', 'a schema that refers to another one');
	# the messages of test/data/avro, which have all types, by their schemas
	open my $in, '<:encoding(UTF-8)', "$FindBin::Bin/../data/avro/cases.tsv" or die $!;
	my @cases = map { chomp; [ split /\t/ ] } <$in>;
	$registry->produce($kafka, map { { topic => 'many', value => { hex => $_->[1] } } } grep { $_->[1] ne '' } @cases);
	my ($n, $wrong) = (0, 0);
	$cluster->do(q{CREATE FOREIGN TABLE many ("offset" bigint, value jsonb) SERVER bus OPTIONS (topic 'many', value_format 'avro', value_schema '"null"')});
	for my $case (grep { $_->[1] ne '' } @cases)
	{
		my $schema = $case->[0] =~ s/'/''/gr;
		next if $n % 4 && $n++ || $case->[2] =~ /\\u0000/;
		$cluster->do("ALTER FOREIGN TABLE many OPTIONS (SET value_schema '$schema')");
		my $same = $cluster->value(q{SELECT value = ?::jsonb FROM many WHERE "offset" = ?}, $case->[2], $n++);
		$wrong++, diag("$case->[0]: $case->[2]") unless $same;
	}
	is($wrong, 0, 'every fourth recorded message, as jsonb');
	cmp_ok($n, '>', 200, 'and there are some');
};

subtest 'a subscription: rows of Maxwell, of plain documents, a schema that changes, messages that fit none' => sub {
	$kafka->create_topic($_) for qw(mx plain);
	my $row = { type => 'record', name => 'Row', fields => [ { name => 'id', type => 'int' }, { name => 'day', type => { type => 'int', logicalType => 'date' } },
		{ name => 'n', type => { type => 'bytes', logicalType => 'decimal', precision => 9, scale => 3 } },
		{ name => 'at', type => { type => 'long', logicalType => 'timestamp-millis' } }, { name => 't', type => [ 'null', 'string' ] } ] };
	my $mx = { type => 'record', name => 'Change', fields => [ (map { { name => $_, type => 'string' } } qw(database table type)), { name => 'ts', type => 'long' },
		{ name => 'data', type => $row } ] };
	my @change = (database => 'shop', table => 't', ts => 1700000000);
	$registry->produce($kafka, (map { { topic => 'mx', value => { schema => $mx, value => $_ } } }
		  { @change, type => 'insert', data => { id => 1, day => 19000, n => '1.250', at => 1700000000123, t => 'x' } },
		{ @change, type => 'insert', data => { id => 2, day => -1, n => '-0.001', at => 0, t => undef } },
		{ @change, type => 'update', data => { id => 1, day => 19001, n => '7.000', at => 1700000000123, t => "n\0ul" } },
		{ @change, type => 'delete', data => { id => 2, day => -1, n => '-0.001', at => 0, t => undef } }));
	$cluster->do(q{CREATE SCHEMA mx}, q{CREATE TABLE mx.t (id int PRIMARY KEY, day date, n numeric(9,3), at timestamptz, t text)});
	subscribe('mx', topics => ['mx'], format => 'maxwell', target_schema => 'mx', options => '{"value_format": "avro", "nul_in_text": "strip"}');
	is(pull('mx'), 4, 'four messages of Maxwell in Avro');
	apply('mx');
	is(list(q{SELECT id, day, n, at AT TIME ZONE 'UTC', t FROM mx.t}), '1|2022-01-09|7.000|2023-11-14 22:13:20.123|nul', 'the row, with its last values');
	is(list(q{SELECT event->'data'->>'n', event->'data'->>'at' FROM mx.mx_history WHERE op = 'c' ORDER BY seq}), '1.250|2023-11-14 22:13:20.123Z -0.001|1970-01-01 00:00:00Z', 'the history is JSON');
	is($cluster->value(q[SELECT count(*) FROM mx.mx_history WHERE convert_from(raw, 'UTF8') ~ '^{"database":"shop".*"t":"n.u0000ul"}}$']), 1, '... and so is what JSONB cannot hold');

	# plain rows with typed columns, a column more in the middle of the topic, a tombstone, a message of nothing
	my $v1 = { type => 'record', name => 'Value', namespace => 'x.shop.plain', fields => [ { name => 'id', type => 'long' }, { name => 'v', type => [ 'null', { type => 'long', logicalType => 'timestamp-micros' } ] } ] };
	my $v2 = decode_json(encode_json($v1));
	push @{ $v2->{fields} }, { name => 'w', type => [ 'null', { type => 'bytes', logicalType => 'decimal', precision => 6, scale => 2 } ] };
	my $key = sub { return { schema => { type => 'record', name => 'Key', namespace => 'x.shop.plain', fields => [ { name => 'id', type => 'long' } ] }, value => { id => $_[0] } } };
	my ($id) = $registry->produce($kafka, { topic => 'plain', key => $key->(1), value => { schema => $v1, value => { id => 1, v => 1700000000123456 } } },
		{ topic => 'plain', key => $key->(2), value => { schema => $v1, value => { id => 2, v => undef } } },
		{ topic => 'plain', key => $key->(3), value => { schema => $v2, value => { id => 3, v => undef, w => '12.50' } } },
		{ topic => 'plain', key => $key->(2), value => undef });
	my $options = '{"value_format": "avro"%s}';
	subscribe('plain', topics => ['plain'], format => 'debezium_flat', target_schema => 'plain', options => sprintf $options, '');
	like(fails(q{SELECT cdc.pull('plain')}), qr{message plain/0\@0 is not in the format.*key of the message begins with the number of a schema.*"key_format": "avro"}s, 'keys in Avro, of which nothing was said');
	$cluster->do(q{SELECT cdc.alter_subscription('plain', '{"key_format": "avro"}')});
	is(pull('plain'), 4, 'rows alone in Avro');
	my ($alter) = fails(q{SELECT * FROM cdc.apply('plain')}) =~ /(ALTER TABLE \S+ ADD COLUMN w [^;]+;)/;
	is($alter, 'ALTER TABLE plain.plain ADD COLUMN w numeric(6,2);', 'the second schema has a column more');
	$cluster->do($alter);
	apply('plain');
	is(list(q{SELECT id, v AT TIME ZONE 'UTC', w FROM plain.plain ORDER BY id}), '1|2023-11-14 22:13:20.123456|- 3|-|12.50', 'rows by both, and what was deleted is not there');
	is(list(q{SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'plain.plain'::regclass AND attnum > 0}), 'bigint timestamp(6) with time zone numeric(6,2)', 'types by the schema');

	# what is no message of the schema, or of none that the registry has
	$registry->produce($kafka, { topic => 'plain', key => $key->(4), value => { hex => sprintf('00%08xfe', $id) } },
		{ topic => 'plain', key => $key->(4), value => { hex => '0000ffffff02' } }, { topic => 'plain', key => $key->(4), value => { text => '{"id": 4}' } },
		{ topic => 'plain', key => { hex => '00' }, value => { schema => $v1, value => { id => 4, v => undef } } },
		{ topic => 'plain', key => $key->(5), value => { schema => $v1, value => { id => 5, v => undef } } });
	like(fails(q{SELECT cdc.pull('plain')}), qr{message plain/0\@4 is not in the format.*message does not fit its Avro schema: At byte 1, field id: a number goes beyond its end.*written with schema $id.*on_error}s, 'a message that is cut off');
	$cluster->do(q{SELECT cdc.alter_subscription('plain', '{"on_error": "log"}')});
	is(pull('plain'), 5, 'kept aside');
	is(list(q{SELECT position, sqlstate, octet_length(raw), message FROM cdc.error WHERE subscription = 'plain' ORDER BY seq}),
		'plain/0@4|XX001|6|message does not fit its Avro schema: At byte 1, field id: a number goes beyond its end.'
		  . ' plain/0@5|XX001|6|schema registry of server "bus" has no schema 16777215: It was asked for ' . $registry->front('plain') . '/schemas/ids/16777215.'
		  . ' plain/0@6|XX001|9|message does not begin with the number of a schema: A schema registry\'s serializers write a zero byte and four bytes in front.'
		  . ' plain/0@7|XX001|7|key of the message does not begin with the number of a schema: A schema registry\'s serializers write a zero byte and four bytes in front.', 'each with its bytes');
	apply('plain');
	is(list('SELECT id FROM plain.plain ORDER BY id'), '1 3 5', 'and the next one is there');
};

# One message whose schema cannot be had holds up what is behind it, not what is before it.
subtest 'a schema that the registry does not give' => sub {
	server('partly', bootstrap_servers => $kafka->bootstrap, schema_registry_url => $registry->front('some'));
	my $schema = { type => 'record', name => 'Some', fields => [ { name => 'id', type => 'long' } ] };
	my $row = sub { return { topic => 'some', key => { text => "k$_[0]" }, value => { schema => $schema, value => { id => $_[0] } } } };
	my $other = sub { return { topic => 'some', key => { text => 'x' }, value => { hex => sprintf('00%08x02', $_[0]) } } };
	$registry->produce($kafka, $row->(1), $row->(2), $other->(900001), $row->(3), $other->(900002), $row->(4));
	$cluster->call('create_subscription', name => 'some', server => 'partly', enabled => \'false', topics => ['some'], format => 'json', target_schema => 'some_rows', options => '{"value_format": "avro", "on_error": "log"}');
	my $warning = '';
	{
		local $cluster->dbh->{PrintWarn} = 0;
		local $SIG{__WARN__} = sub { $warning .= $_[0] };
		is(pull('some'), 2, 'what came before it is kept');
	}
	my $error = fails(q{SELECT cdc.pull('some')});
	like($error, qr/could not get schema 900001 .*HTTP status 500.*CONTEXT: .*message some\/0\@2/s, '... and then it is an error');
	my ($pass) = $error =~ /(SELECT cdc\.set_position\(.*?\))/;
	$cluster->do($pass // 'SELECT 1');
	is(pull('some'), 3, 'passed over by what the hint says; what is no schema for ever is an error of its message');
	is(list(q{SELECT position, message ~ 'has as schema 900002 is none' FROM cdc.error WHERE subscription = 'some'}), 'some/0@4|1', '... which is kept aside');
	is(list(q{SELECT event->>'id' FROM some_rows.some_history WHERE op <> 'm' ORDER BY seq}), '1 2 3 4', 'all rows are there');
	$cluster->do(q{SELECT cdc.drop_subscription('some', true)});
};

subtest 'a schema that is none is refused where it is given' => sub {
	my $create = sub { return fails('CREATE FOREIGN TABLE ' . ($_[1] // 'never') . " (value jsonb) SERVER bus OPTIONS (topic 'orders', $_[0])") };
	like($create->(q{value_format 'avro', value_schema '{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "c", "type": "strin"}]}}}]}'}),
		qr/^ERROR: +22023: invalid value for option "value_schema": schema is not a valid Avro schema\nDETAIL: +There is no definition of the type "strin" \(field "a\.c"\)\.\nHINT: +The option wants the text of an \.avsc file/, 'a type that there is not, and where');
	my ($example) = $create->(q(value_format 'avro', value_schema '{"type": "record"')) =~ /DETAIL: +invalid JSON at byte 17.*HINT: .*? as (\{.*\})\.$/ms;
	is($create->("value_format 'avro', value_schema '$example'", 'none'), '', "what the hint shows is one: $example");
	like(fails(q{ALTER FOREIGN TABLE none OPTIONS (ADD key_format 'avro', ADD key_schema '"nothing"')}), qr/invalid value for option "key_schema"/, 'when a table is altered, too');
	like(fails(q{ALTER FOREIGN TABLE none OPTIONS (SET value_format 'json_schema')}), qr/option "value_schema" is for messages in Avro or Protobuf only/, 'nor is one left over');
	like($create->(q{value_format 'avro', value_schema 'syntax = "proto3"; message A {}'}), qr/HINT: +It looks like a schema of Protobuf: set value_format to 'protobuf'\./, 'one of Protobuf');
	like($create->(q{key_format 'avro', key_schema '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}'}), qr/HINT: +It looks like a JSON Schema: set key_format to 'json_schema' and leave out key_schema/, 'one of JSON Schema');
	my $make = sub { return fails("SELECT cdc.create_subscription('none', '$_[0]', topics := '{plain}', format := 'json', enabled := false, options := '$_[1]')") };
	like($make->('bus', '{"value_format": "avro", "value_schema": "[[]]"}'), qr/invalid value for option "value_schema"/, 'a subscription');
	server('bare', bootstrap_servers => $kafka->bootstrap);
	my ($type) = $make->('bare', '{"value_format": "avro"}') =~ /server "bare" has no schema registry\nHINT: .*?(ALTER SERVER [^)]*\))/;
	$cluster->do($type =~ s{http://host:8081}{$registry->front('plain')}er);
	is($make->('bare', '{"value_format": "avro"}'), '', "... of a server that has no registry: $type");
	is($cluster->value('SELECT cdc.drop_subscription(?)', 'none'), '', '... is there then');
	$cluster->do('DROP FOREIGN TABLE none', 'DROP SERVER bare');
};

# What check_server says of a registry: "name: detail" of each check, with ! before it where it is not well.
sub checks
{
	my ($server) = @_;
	return join "\n", map { ($_->[1] ? '' : '!') . "$_->[0]: " . ($_->[2] // '') . ' ' . ($_->[3] // '') }
	  @{ $cluster->rows("SELECT check_name, ok, detail, hint FROM cdc.check_server(?) WHERE check_name LIKE 'registry%'", $server) };
}

subtest 'check_server asks the registry' => sub {
	my $try = sub {
		my ($url, $mapping, %options) = @_;
		server('reg', bootstrap_servers => $kafka->bootstrap, $url ? (schema_registry_url => $url =~ /^http/ ? $url : $registry->front($url)) : (), %options);
		$cluster->do("CREATE USER MAPPING FOR CURRENT_USER SERVER reg OPTIONS ($mapping)") if $mapping;
		return checks('reg');
	};
	my $drop = sub { $cluster->do('DROP SERVER reg CASCADE') };
	my $plain = $registry->front('plain');
	is($try->(''), '', 'none, nothing');
	$drop->();
	is($try->('plain/'), "registry reachable: $plain/ \nregistry authentication:  \nregistry answer: It answers as a schema registry does. ", 'one that is well');
	$drop->();
	# a hint is typed as it stands
	my $refused = $try->('basic');
	like($refused, qr/^registry reachable: \S+ \n!registry authentication: it answers with HTTP status 401: \S+ Who asks is said by the user mapping: CREATE USER MAPPING FOR \w+ SERVER reg/, 'one that wants to know who asks');
	my $type = sub { my ($statement) = $_[0] =~ /((?:CREATE|ALTER) USER MAPPING [^)]*\))/; return $cluster->error_of($statement =~ s/_user '\.\.\.'/_user 'reader'/r =~ s/_password '\.\.\.'/_password '$_[1]'/r) };
	is($type->($refused, 'wrong'), '', 'typed, with a wrong password');
	like(my $again = checks('reg'), qr/!registry password: schema_registry_url is http.*clear text.*\n.*!registry authentication: it answers with HTTP status 401 Who asks is said by the user mapping: ALTER USER MAPPING .*SET schema_registry_user '\.\.\.', SET/s, 'it is told');
	is($type->($again, 'p:ä ss'), '', 'typed');
	like(checks('reg'), qr/\nregistry authentication:  \nregistry answer: It answers/, 'well');
	$drop->();
	my @ca = (schema_registry_ssl_ca_location => $registry->tls('ca.pem'));
	like($try->($registry->tls_front('basic'), q{schema_registry_user 'reader', schema_registry_password 'p:ä ss'}, @ca), qr/^registry password: schema_registry_url is https:\S+ \nregistry reachable: \S+ \nregistry authentication:  \n/, 'TLS');
	$drop->();
	like($try->($registry->tls_front('plain')), qr/^!registry reachable: https:\S+ .*certificate.*schema_registry_ssl_ca_location/, '... whose CA nobody knows');
	$drop->();
	like($try->($registry->tls_front('client'), '', @ca), qr/!registry authentication: it answers with HTTP status 403: no certificate/, '... that wants a certificate');
	$drop->();
	like($try->('http://127.0.0.1:' . free_port()), qr/^!registry reachable: .*schema_registry_url/, 'nobody there');
	$drop->();
	like($try->('silent', '', schema_registry_timeout => '200ms'), qr/^!registry reachable: .*schema_registry_timeout/, 'no answer in time');
	$drop->();
	like($try->($_->[0]), $_->[1], "what is no registry: $_->[0]"), $drop->() for [ 'html', qr/!registry answer: its answer is no schema The server option/ ], [ 'redirect', qr/!registry answer: .*302 Redirects/ ],
	  [ 'plain/nowhere', qr{!registry answer: .*404 .*/apis/ccompat/v7} ], [ 'error', qr/!registry answer: .*500: Error in the backend data store See the log/ ];
	is($registry->asked('/stolen'), 0, 'no redirect was followed');
};

subtest 'the registry: who asks' => sub {
	my $try = sub {
		my ($manner, $mapping, %options) = @_;
		server('reg', bootstrap_servers => $kafka->bootstrap, schema_registry_url => $manner =~ /^http/ ? $manner : $registry->front($manner), %options);
		$cluster->do("CREATE USER MAPPING FOR CURRENT_USER SERVER reg OPTIONS ($mapping)") if $mapping;
		$cluster->do(q{CREATE FOREIGN TABLE r (id bigint) SERVER reg OPTIONS (topic 'orders', format 'json', value_format 'avro')});
		my $dbh = $cluster->connect;
		my $error = $cluster->error_of('SELECT count(id) FROM r', $dbh);
		my $state = $dbh->state;
		$dbh->disconnect;
		$cluster->do('DROP SERVER reg CASCADE');
		return $error eq '' ? 'ok' : "$state $error";
	};
	is($try->('basic', q{schema_registry_user 'reader', schema_registry_password 'p:ä ss'}), 'ok', 'with user and password');
	my $refused = $try->('basic', q{schema_registry_user 'reader', schema_registry_password 'wrong'});
	like($refused, qr{^28000.*could not get schema \d+ from the schema registry of server "reg": it answers with HTTP status 401\n.*It was asked for http://127\S+/basic/schemas/ids/\d+\..*schema_registry_password.*message orders/\d\@0}s,
		'with a wrong one: what is said is not shown, as it may be the credentials');
	unlike($refused, qr/wrong/, '... and the password is not in it');
	like($try->('basic'), qr{^28000.*HTTP status 401: Unauthorized\?\[31mx{100,150}\n}s, 'without: what is said is cut, and has no control characters');
	like($cluster->error_of(q{CREATE USER MAPPING FOR CURRENT_USER SERVER bus OPTIONS (schema_registry_token E'x\r\nX-Other: 1')}), qr/invalid value for option "schema_registry_token"/, 'a token cannot end its header');
	like($cluster->error_of(q{CREATE USER MAPPING FOR CURRENT_USER SERVER bus OPTIONS (schema_registry_user E'x\ny')}), qr/invalid value for option "schema_registry_user"/, 'nor a name');
	is($try->('bearer', q{schema_registry_token 'token.of.a-test'}), 'ok', 'with a token');
	is($try->('silent', '', schema_registry_timeout => '300ms') =~ /^08006.*HTTP|^08006.*[Tt]imeout|^08006.*timed out.*schema_registry_timeout/s, 1, 'no answer in time');
	is($try->($registry->tls_front('plain'), '', schema_registry_ssl_ca_location => $registry->tls('ca.pem')), 'ok', 'TLS with its CA');
	like($try->($registry->tls_front('plain'), '', schema_registry_ssl_ca_location => $registry->tls('other-ca.pem')), qr/^08006.*certificate.*schema_registry_ssl_ca_location/s, 'with another one');
	like($try->($registry->tls_front('plain'), ''), qr/^08006.*certificate/s, 'with those of the system');
	like($try->($registry->tls_front('plain') =~ s/127\.0\.0\.1/localhost/r, '', schema_registry_ssl_ca_location => $registry->tls('ca.pem')), qr/^08006/, 'by a name that is not in its certificate');
	my @client = (schema_registry_ssl_ca_location => $registry->tls('ca.pem'));
	like($try->($registry->tls_front('client'), '', @client), qr/^42501.*403: no certificate/s, 'that wants a certificate');
	is($try->($registry->tls_front('client'), '', @client, schema_registry_ssl_certificate_location => $registry->tls('client.pem'), schema_registry_ssl_key_location => $registry->tls('client.key')), 'ok', '... and gets one');
	like($try->($registry->front('redirect'), q{schema_registry_user 'reader', schema_registry_password 'p:ä ss'}), qr/^55000.*HTTP status 302.*Redirects are not followed/s, 'a redirect');
	is($registry->asked('/stolen'), 0, '... is not followed');
	like($try->('file'), qr/^55000.*HTTP status 302/s, 'nor one to a file');
	like($try->('huge'), qr/^54000.*answer has more than 4194304 bytes/s, 'an answer without an end');
	like($try->('close'), qr/^08006/, 'none at all');
	my $html = $try->('html');
	like($html, qr/^08P01.*its answer is no schema/s, 'what is no registry');
	unlike($html, qr/secret/, '... does not show what it is');
	like($try->('error'), qr/^HV000.*HTTP status 500: Error in the backend data store/s, 'an error of its own');
	like($try->('broken'), qr/^22P03.*schema is not a valid Avro schema.*no fields in the record/s, 'a schema that is none');
	like($try->('nested'), qr/^54000/, 'one of 5000 levels');
	like($try->('self'), qr/^54000.*refers to more than 100 others, or over more than 16 steps/s, 'one that refers to others without an end');
	like($try->('http://127.0.0.1:' . free_port()), qr/^08006.*(refused|connect)/si, 'nobody there');
	like($try->($registry->front('plain/nowhere')), qr{^55000.*HTTP status 404.*/apis/ccompat/v7}s, 'an address that is not the API\'s');
	for my $url ('ftp://x', 'file:///etc/passwd', 'http://', 'http://u:p@host', 'http://host/?a', 'http://host/#a', "http://ho st", '127.0.0.1:8081', 'http://:8081', 'http://h:', 'http://h:80a', 'http://h:0/x', 'http://h:65536', 'http://[::1', 'http://[]:80', 'http://[::1]x')
	{
		like(fails("CREATE SERVER bad FOREIGN DATA WRAPPER cdc_kafka OPTIONS (schema_registry_url '$url')"), qr/invalid value for option "schema_registry_url"/, "no address: $url");
	}
	like(fails(q{SELECT 1 FROM cdc.option_list() WHERE name = 'schema_registry_password' AND NOT secret; ALTER SERVER bus OPTIONS (ADD schema_registry_password 'x')}), qr/schema_registry_password/, 'secrets are not the server\'s');
	is(fails("CREATE SERVER good FOREIGN DATA WRAPPER cdc_kafka OPTIONS (schema_registry_url '$_'); DROP SERVER good"), '', "an address: $_") for 'http://h', 'https://h:443/a/b', 'http://[::1]:8081', 'http://[::1]/x';
	# waits end at once
	for my $manner (qw(silent slow))
	{
		server('reg', bootstrap_servers => $kafka->bootstrap, schema_registry_url => $registry->front($manner));
		$cluster->do(q{CREATE FOREIGN TABLE r (id bigint) SERVER reg OPTIONS (topic 'orders', format 'json', value_format 'avro')}, q{SET statement_timeout = '800ms'});
		my $began = time;
		like(fails('SELECT count(id) FROM r'), qr/statement timeout/, "$manner: cancelled");
		cmp_ok(time - $began, '<', 3, '... within a moment');
		$cluster->do('RESET statement_timeout', 'DROP SERVER reg CASCADE');
	}
};

subtest 'rights' => sub {
	$cluster->do('CREATE ROLE maker', 'GRANT USAGE ON FOREIGN DATA WRAPPER cdc_kafka TO maker', 'GRANT CREATE ON SCHEMA public TO maker', 'SET ROLE maker');
	my @bus = (bootstrap_servers => $kafka->bootstrap);
	server('own', @bus, schema_registry_url => $registry->tls_front('plain'), schema_registry_ssl_ca_location => $registry->tls('ca.pem'));
	$cluster->do(q{CREATE FOREIGN TABLE own (id bigint) SERVER own OPTIONS (topic 'orders', format 'json', value_format 'avro')});
	like(fails('SELECT count(id) FROM own'), qr/would be used with the rights of the database server.*"schema_registry_ssl_ca_location" names a file of it/s, 'files of the database server are not for all');
	$cluster->do(q{ALTER SERVER own OPTIONS (DROP schema_registry_ssl_ca_location, SET schema_registry_url '} . $registry->front('plain') . q{')});
	is($cluster->value('SELECT count(id) FROM own'), 4, 'without them he reads');
	$cluster->do('RESET ROLE', q{ALTER SERVER bus OPTIONS (ADD schema_registry_ssl_key_location '/etc/passwd')});
	$cluster->do('GRANT SELECT ON orders TO maker', 'SET ROLE maker');
	like(fails('SELECT count(customer) FROM orders'), qr/names a key of it, and the user mapping has no secret of its own for the schema registry/, 'nor are keys of the database server, whoever named them');
	$cluster->do('RESET ROLE', q{ALTER SERVER bus OPTIONS (DROP schema_registry_ssl_key_location)});
};

done_testing();
