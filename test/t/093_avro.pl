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
	subscribe('raw', topics => ['orders'], format => 'raw', options => '{"value_format": "avro"}');
	like(fails(q{SELECT cdc.pull('raw')}), qr/are not decoded, but kept as bytes/, 'what is kept as bytes is not decoded');
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
done_testing();
