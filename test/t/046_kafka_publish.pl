# Publish: MariaDB to history to topics of Kafka, in place of a Maxwell process.
# What consumers get is checked with kcat, and folded back to the source's rows.
#
# Takes 55 s.
use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(fork_child reap end_process wait_until);
use CdcIngest::Server;

my $kafka = CdcIngest::Kafka->new(partitions => 2);
my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('publish', conf => "restart_after_crash = on\n");

$source->do(
	'CREATE DATABASE shop CHARACTER SET utf8mb4',
	'CREATE TABLE shop.orders (id int PRIMARY KEY, name varchar(40), price decimal(10,2))',
	"INSERT INTO shop.orders VALUES (1, 'before', 1.00)");
$cluster->add_source('shop', $source);
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')");
# From before the tables that follow on, and by hand.
$cluster->call('create_subscription', name => 'shop', server => 'shop', tables => ['shop.*'], history => 'history',
	copy_data => \'false', enabled => \'false');
$cluster->value(q{SELECT cdc.pull('shop')});

my $json = JSON::PP->new->canonical->allow_nonref;

# (key, value) pairs of a topic, each partition in order; undef where there is none.
sub messages
{
	my ($topic, %opt) = @_;
	return map {
		my ($key_len, $key, $len, $value) = /^(-?\d+)\|(.*?)\|(-?\d+)\|(.*)$/s or die "what is $_";
		[ $key_len < 0 ? undef : $key, $len < 0 ? undef : $value ]
	} $kafka->consume($topic, format => '%K|%k|%S|%s', %opt);
}

subtest 'formats' => sub {
	$source->do(
		'CREATE TABLE shop.line (o int, N int, note text, PRIMARY KEY (o, N))',
		'CREATE TABLE shop.nokey (v varchar(20))',
		"INSERT INTO shop.orders VALUES (2, 'Zoë \"x\"', 2.50), (3, NULL, 3.00)",
		"UPDATE shop.orders SET name = 'changed' WHERE id = 2",
		'UPDATE shop.orders SET id = 30 WHERE id = 3',
		'DELETE FROM shop.orders WHERE id = 1',
		"INSERT INTO shop.line VALUES (1, 2, 'a')",
		"INSERT INTO shop.line VALUES (1, 3, 'nul \\0 within')",
		'DELETE FROM shop.line WHERE N = 2',
		"INSERT INTO shop.nokey VALUES ('v')",
		'ALTER TABLE shop.orders ADD COLUMN extra int, DROP PRIMARY KEY, ADD PRIMARY KEY (id, price)',
		"INSERT INTO shop.orders VALUES (5, 'five', 5.00, 55)");
	my $events = $cluster->value(q{SELECT cdc.pull('shop')});
	is($cluster->value(q{SELECT cdc.publish('shop', 'bus', options := '{"key_change": "update"}')}), $events, 'all events are published');
	is($cluster->value(q{SELECT cdc.publish('shop', 'bus', options := '{"key_change": "update"}')}), 0, 'once');

	my @got = sort { $a->[1] cmp $b->[1] } map { messages('cdc.shop.orders', partition => $_) } 0, 1;
	my %stored = map { $json->encode($json->decode($_->[0])) => 1 } @{
		$cluster->rows(q{SELECT event::text FROM history WHERE source_table = 'shop.orders' AND op IN ('c','u','d')}) };
	my %published = map { utf8::decode(my $v = $_->[1]); $json->encode($json->decode($v)) => 1 } @got;
	is_deeply(\%published, \%stored, 'maxwell: the events as they are in the history');
	is_deeply(
		[ sort map { $_->[0] } @got ],
		[ sort map { qq({"database":"shop","table":"orders",$_}) } '"pk.id":2', '"pk.id":3', '"pk.id":2', '"pk.id":30', '"pk.id":1', '"pk.id":5,"pk.price":5.00' ],
		'keys as Maxwell writes them, by the table\'s definition of that moment') or diag(explain(\@got));
	like($got[0][1], qr/^\{"database":"shop","table":"orders","type":"/, 'members in Maxwell\'s order');
	my @line = map { messages('cdc.shop.line', partition => $_) } 0, 1;
	is(scalar(grep { $_->[0] eq '{"database":"shop","table":"line","pk.o":1,"pk.n":3}' && $_->[1] =~ /nul \\u0000 within/ } @line), 1,
		'what JSONB cannot hold is published from the original bytes; names of key columns in lower case') or diag(explain(\@line));
	my ($nokey) = map { messages('cdc.shop.nokey', partition => $_) } 0, 1;
	like($nokey->[0], qr/^\{"database":"shop","table":"nokey","_uuid":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/, 'a table without a key');
	my @ddl = map { $json->decode($_->[1])->{type} } map { messages('cdc.ddl', partition => $_) } 0, 1;
	is("@ddl", 'table-create table-create table-alter', 'schema messages');

	# the row, tombstones
	$cluster->value(q{SELECT cdc.publish('shop', 'bus', 'rows.${table}', format := 'json', options := '{"ddl_topic": "", "key_columns": "v"}', name := 'rows')});
	my %row;
	for my $m (map { messages('rows.orders', partition => $_) } 0, 1) { $row{ $m->[0] } = $m->[1] }
	utf8::decode($_) for grep { defined } values %row;
	is_deeply(
		\%row,
		{
			'{"id":2}' => undef, '{"id":2,"price":2.50}' => '{"id":2,"name":"changed","price":2.50}',
			'{"id":3}' => undef, '{"id":30}' => undef, '{"id":30,"price":3.00}' => '{"id":30,"name":null,"price":3.00}', '{"id":1}' => undef,
			'{"id":5,"price":5.00}' => '{"id":5,"name":"five","extra":55,"price":5.00}'
		},
		'json: rows under their keys, tombstones for deletes and for a key that changed, the primary key of the table included') or diag(explain(\%row));

	# Elasticsearch
	$cluster->value(q{SELECT cdc.publish('shop', 'bus', 'es', format := 'es_bulk', options := '{"index": "X-${database}-${table}", "ddl_topic": "", "key_columns": "v"}', name := 'es')});
	my @es = map { messages('es', partition => $_) } 0, 1;
	my %document;
	for my $m (@es)
	{
		my @lines = split /\n/, $m->[1], -1;
		my $action = $json->decode($lines[0]);
		my ($verb) = keys %$action;
		my $key = join ' ', map { $action->{$verb}{$_} // '' } qw(_index _id);
		is(pop @lines, '', 'ends with a newline') if $lines[-1] ne '';
		$verb eq 'index' ? ($document{$key} = $lines[1]) : delete $document{$key};
	}
	is_deeply(
		[ sort keys %document ],
		[ sort 'x-shop-orders [2,2.50]', 'x-shop-orders [30,3.00]', 'x-shop-orders [5,5.00]', 'x-shop-line [1,3]', 'x-shop-nokey v' ],
		'es_bulk: the documents that the bulk API is left with') or diag(explain(\%document));
	is($document{'x-shop-orders [30,3.00]'}, '{"database":"shop","table":"orders","id":30,"name":null,"price":3.00}', 'a document has database and table');

	# templates, tombstones, Kafka transactions, batches
	$cluster->value(q{SELECT cdc.publish('shop', 'bus', 'all', '${table}/${column:id}', name := 'one', max_events := 1,
		options := '{"tombstones": true, "ddl_topic": "all", "transactional_id": "pub"}')});
	my $first = $cluster->value(q{SELECT published_seq FROM cdc.publication WHERE name = 'one'});
	1 while $cluster->value(q{SELECT cdc.publish_more('one', 2)});
	is($first, 1, 'max_events');
	my @all = map { messages('all', partition => $_, args => [ '-X', 'isolation.level=read_committed' ]) } 0, 1;
	# none where rows of a table share the template's key
	is(scalar(@all), $events + 3, 'all events in one topic, tombstones behind deletes; a key that changes is a delete and an insert');
	is(scalar(grep { !defined $_->[1] && $_->[0] eq 'orders/1' } @all), 1, 'a tombstone under the key of the template');
};

subtest 'mistakes' => sub {
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'bus', 'x.${tabel}')}), qr/invalid name "tabel" in topic_template/, 'a template');
	like($cluster->error_of(q(SELECT cdc.publish('shop', 'bus', 'x.${table'))), qr/"\$\{table" in topic_template has no closing brace/, 'a template without an end');
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'bus', '')}), qr/topic_template must not be empty/, 'no template');
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'bus', '..', name := 'dots')}), qr/name that no topic can have: "\.\."/, 'a name that no topic can have');
	$cluster->call('create_subscription', name => 'shop2', server => 'shop', tables => ['shop.nokey'], enabled => \'false');
	like($cluster->error_of(q{SELECT cdc.publish('shop2', 'bus', name := 'rows')}), qr/publication "rows" is one of subscription "shop"/, q{another subscription's name});
	$cluster->call('drop_subscription', name => 'shop2', drop_history => \'true');
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'bus', format := 'avro')}), qr/invalid format "avro"/, 'a format');
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'bus', options := '{"tombstone": true}')}), qr/invalid option "tombstone" for a publication/, 'an option');
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'shop')}), qr/not one of/, 'a server of MySQL');
	like($cluster->error_of(q{SELECT cdc.publish('nothing', 'bus')}), qr/subscription "nothing" does not exist/, 'a subscription');
	like($cluster->error_of(q{SELECT cdc.publish_more('nothing')}), qr/publication "nothing" does not exist/, 'a publication');
	$cluster->do('CREATE ROLE somebody');
	like($cluster->error_of(q{SET ROLE somebody; SELECT cdc.publish_more('rows')}), qr/must be|permission denied|not permitted|owner/i, 'somebody else');
	$cluster->do('RESET ROLE');
	is($cluster->value('SELECT count(*) FROM cdc.publication'), 4, 'none of them left a publication');

	# the brokers have a call's messages when it returns: what rolls back behind that comes again
	$source->do("INSERT INTO shop.nokey VALUES ('w')");
	$cluster->value(q{SELECT cdc.pull('shop')});
	my $count = sub {
		my ($topic) = @_;
		return scalar(my @m = map { messages($topic, partition => $_, args => [ '-X', 'isolation.level=read_committed' ]) } 0, 1);
	};
	my $dbh = $cluster->dbh;
	my $before = $count->('all');
	$dbh->begin_work;
	is($dbh->selectrow_array(q{SELECT cdc.publish_more('rows')}), 1, 'published');
	is($count->('rows.nokey'), 2, 'sent before the transaction commits');
	is($dbh->selectrow_array(q{SELECT cdc.publish_more('one')}), 1, 'published with a transactional_id');
	$dbh->rollback;
	is($cluster->value(q{SELECT string_agg(events_behind::text, ' ') FROM cdc.stat_publication WHERE publication IN ('one', 'rows')}), '1 1', 'and rolled back');
	is($cluster->value(q{SELECT cdc.publish_more('rows')}), 1, 'published again');
	is($count->('rows.nokey'), 3, 'and sent again');
	is($count->('all'), $before, 'but nothing of a Kafka transaction');
	is($cluster->value(q{SELECT cdc.publish_more('one')}), 1, 'that comes');
	is($count->('all'), $before + 1, 'when the transaction commits');

	# a message that the brokers refuse
	$kafka->create_topic('small', 2, 'max.message.bytes' => 100);
	like(
		$cluster->error_of(q{SELECT cdc.publish('shop', 'bus', 'small', name := 'small')}),
		qr/could not deliver a message of \d+ bytes to partition \d of topic "small": .*too large/, 'a refused message');
	is($cluster->value(q{SELECT count(*) FROM cdc.publication WHERE name = 'small'}), 0, 'moves no position');
	$cluster->do(q{SELECT cdc.publish('shop', 'bus', 'caught', name := 'caught', max_events := 1)});
	$cluster->do(q{DO $$ BEGIN PERFORM cdc.publish('shop', 'bus', 'small', name := 'caught'); EXCEPTION WHEN program_limit_exceeded THEN
		PERFORM cdc.publish('shop', 'bus', 'caught', name := 'caught'); END $$});
	is($cluster->value(q{SELECT events_behind FROM cdc.stat_publication WHERE publication = 'caught'}), 0, 'nor does it where the error is caught');
	cmp_ok($count->('caught'), '>=', $cluster->value('SELECT count(*) FROM history WHERE op IN (\'c\', \'u\', \'d\')'), 'and all are sent by the next call');

	# brokers that do not answer
	$kafka->freeze;
	my $started = time;
	like($cluster->error_of(q{SET statement_timeout = '1s'; SELECT cdc.publish('shop', 'bus', 'frozen', name := 'frozen')}),
		qr/statement timeout/, 'statement_timeout while it waits for the brokers');
	cmp_ok(time - $started, '<', 3, 'is obeyed');
	$kafka->thaw;
	$cluster->do('RESET statement_timeout', q{SELECT cdc.drop_publication('caught')});

	# a gap in the history is an error
	$source->do("INSERT INTO shop.nokey VALUES ('x')", "INSERT INTO shop.nokey VALUES ('y')");
	$cluster->value(q{SELECT cdc.pull('shop')});
	my $max = $cluster->value('SELECT max(seq) FROM history');
	$cluster->do("DELETE FROM history WHERE seq = $max - 1");
	like($cluster->error_of(q{SELECT cdc.publish_more('rows')}), qr/the history has no events .* any more/, 'a gap');
	$cluster->value(qq{SELECT cdc.drop_publication('rows')});
	like($cluster->error_of(q{SELECT cdc.publish('shop', 'bus', 'late', name := 'late', from_seq := } . ($max + 2) . ')'), qr/beyond the end of the history.*from_seq := @{[$max + 1]}\./s, 'behind the end');
	is($cluster->value(q{SELECT cdc.publish('shop', 'bus', 'late', name := 'late', from_seq := } . ($max + 1) . ')'), 0, 'at the end');
	$cluster->value(q{SELECT cdc.drop_publication('late')});
	is($cluster->value(qq{SELECT cdc.publish('shop', 'bus', 'rows.\${table}', format := 'json', options := '{"key_columns": "v"}', name := 'rows', from_seq := $max)}), 1, 'from a given event on');
	$cluster->value(qq{SELECT cdc.drop_publication('$_')}) for qw(rows es one shop.bus);
};

# Where neither the event nor its message tells the row's key, the changes of a table
# keep their order in one partition.
subtest 'a history that came from Kafka' => sub {
	$kafka->create_topic('incoming', 1);
	$kafka->produce('incoming', [ map { [ undef, qq({"database":"d","table":"t","type":"insert","ts":1,"data":{"a":$_}}) ] } 1 .. 20 ]);
	$cluster->call('create_subscription', name => 'again', server => 'bus', topics => ['incoming'], history => 'again_history', enabled => \'false');
	is($cluster->value(q{SELECT cdc.pull('again')}), 20, 'pulled');
	is($cluster->value(q{SELECT cdc.publish('again', 'bus', 'again.${table}')}), 20, 'published');
	my @parts = grep { @$_ } map { [ messages('again.t', partition => $_) ] } 0, 1;
	is(scalar(@parts), 1, 'in one partition');
	is_deeply([ map { $_->[0] } @{ $parts[0] } ], [ ('{"database":"d","table":"t"}') x 20 ], 'keys');
	is_deeply([ map { $json->decode($_->[1])->{data}{a} } @{ $parts[0] } ], [ 1 .. 20 ], 'in order');
	$cluster->do(q{SELECT cdc.drop_subscription('again', true)});
};

# Rows of other envelopes: as apply understands them, in Maxwell's value forms.
subtest 'other envelopes as rows and for Elasticsearch' => sub {
	$kafka->create_topic('env', 1);
	$kafka->produce('env', [
		[ q({"id":1}), q({"op":"c","before":null,"after":{"id":1,"total":"BNI=","due":19782,"note":"x"},"source":{"connector":"mysql","db":"d","table":"dz","ts_ms":1}}) ],
		[ q({"id":1}), q({"op":"u","before":{"id":1,"total":"BNI=","due":19782,"note":"x"},"after":{"id":1,"total":"BNM=","due":19783,"note":null},"source":{"connector":"mysql","db":"d","table":"dz","ts_ms":1}}) ],
		[ q({"id":2}), q({"op":"c","before":null,"after":{"id":2,"total":"AA==","due":0,"note":"two"},"source":{"connector":"mysql","db":"d","table":"dz","ts_ms":1}}) ],
		[ q({"id":2}), q({"op":"d","before":{"id":2,"total":"AA==","due":0,"note":"two"},"after":null,"source":{"connector":"mysql","db":"d","table":"dz","ts_ms":1}}) ],
		[ undef, q({"type":"INSERT","isDdl":false,"database":"c","table":"t","pkNames":["id"],"mysqlType":{"id":"int","e":"enum('x','y')","b":"binary(2)"},"data":[{"id":"1","e":"2","b":"A"},{"id":"2","e":null,"b":null}]}) ],
		[ undef, q({"type":"UPDATE","isDdl":false,"database":"c","table":"t","pkNames":["id"],"mysqlType":{"id":"int","e":"enum('x','y')"},"data":[{"id":"3","e":"1"}],"old":[{"id":"2"}]}) ],
		[ undef, q({"table":"P.S.T","op_type":"I","pos":"1","primary_keys":["ID"],"after":{"ID":1,"A":"x"}}) ],
		[ undef, q({"table":"P.S.T","op_type":"U","pos":"2","primary_keys":["ID"],"before":{"ID":1,"A":"x"},"after":{"ID":2,"A":"y"}}) ],
		[ q({"database":"m","table":"w","pk.id":1}), q({"database":"m","table":"w","type":"update","ts":1,"primary_key_columns":["id"],"data":{"id":1},"old":{"v":"x"}}) ] ]);
	$kafka->create_topic('docs', 1);
	$kafka->produce('docs', [ [ '{"id":1}', '{"name":"a","data":{"k":1},"table":"z"}' ], [ '{"id":2}', '{"name":"b"}' ], [ '{"id":2}', undef ] ]);
	$cluster->do('CREATE TABLE dz (id int PRIMARY KEY, total numeric(10,2), due date, note text)');
	$cluster->call('create_subscription', name => 'env', server => 'bus', topics => ['env'], format => 'auto', history => 'env_history', enabled => \'false');
	$cluster->do(q{SELECT cdc.add_table('env', 'd.dz', 'public.dz')});
	$cluster->call('create_subscription', name => 'docs', server => 'bus', topics => ['docs'], format => 'json', history => 'docs_history', enabled => \'false');
	is($cluster->value("SELECT cdc.pull('$_')"), $_ eq 'env' ? 9 : 3, "$_: pulled") for qw(env docs);
	$kafka->create_topic($_, 1) for qw(row.d.dz row.c.t row.P.S.T row.m.w row.docs es.all env.docs);
	$cluster->dbh->begin_work;
	is($cluster->value(q{SELECT cdc.publish('env', 'bus', 'row.${database}.${table}', format => 'json', name => 'rows')}), 9, 'published as rows');
	is($cluster->value(q{SELECT count(*) FROM pg_locks WHERE relation = 'dz'::regclass AND pid = pg_backend_pid()}), 0, 'no lock on the target is left');
	$cluster->dbh->commit;
	is($cluster->value(q{SELECT cdc.publish('docs', 'bus', 'row.${table}', format => 'json', name => 'docs')}), 3, 'documents, too');
	my $is = sub {
		my ($topic, @expected) = @_;
		is_deeply([ map { $json->encode($json->decode($_->[0])) . ' ' . (defined $_->[1] ? $json->encode($json->decode($_->[1])) : '-') } messages($topic) ], \@expected, $topic);
	};
	$is->('row.d.dz', '{"id":1} {"due":"2024-02-29","id":1,"note":"x","total":12.34}', '{"id":1} {"due":"2024-03-01","id":1,"note":null,"total":12.35}',
		'{"id":2} {"due":"1970-01-01","id":2,"note":"two","total":0}', '{"id":2} -');
	$is->('row.c.t', '{"id":1} {"b":"QQA=","e":"y","id":1}', '{"id":2} {"b":null,"e":null,"id":2}', '{"id":2} -', '{"id":3} {"e":"x","id":3}');
	$is->('row.P.S.T', '{"ID":1} {"A":"x","ID":1}', '{"ID":1} -', '{"ID":2} {"A":"y","ID":2}');
	$is->('row.m.w', '{"id":1} {"id":1,"v":null}');
	$is->('row.docs', '{"id":1} {"data":{"k":1},"id":1,"name":"a","table":"z"}', '{"id":2} {"id":2,"name":"b"}', '{"id":2} -');
	is($cluster->value(q{SELECT cdc.publish('env', 'bus', 'es.all', format => 'es_bulk', name => 'es')}), 9, 'published for Elasticsearch');
	$cluster->do(q{CREATE FOREIGN TABLE es (value text, "offset" bigint) SERVER bus OPTIONS (topic 'es.all')});
	is(join('', map { $_->[0] } @{ $cluster->rows(q{SELECT value FROM es WHERE value LIKE '%"d-dz"%' ORDER BY "offset" DESC LIMIT 2}) }),
		qq({"delete":{"_index":"d-dz","_id":"2"}}\n{"index":{"_index":"d-dz","_id":"2"}}\n{"database":"d","table":"dz","id":2,"due":"1970-01-01","note":"two","total":0.00}\n), 'in its form');
	# an owner who may read the history, and nothing of the target that tells what its rows are
	$cluster->do('CREATE ROLE pubber LOGIN', 'GRANT USAGE ON FOREIGN SERVER bus TO pubber', 'ALTER TABLE env_history OWNER TO pubber',
		'ALTER TABLE dz ENABLE ROW LEVEL SECURITY', q{UPDATE cdc_catalog.subscription SET owner = 'pubber' WHERE name = 'env'},
		q{UPDATE cdc_catalog.subscription_identity SET owner = 'pubber'::regrole WHERE subscription = 'env'},
		'ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100)');
	is($cluster->value(q{SELECT has_table_privilege('pubber', 'dz', 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')}), 0, 'the owner has no right on the target');
	$kafka->create_topic('es.poor', 1);
	is($cluster->value(q{SELECT cdc.publish('env', 'bus', 'es.poor', format => 'es_bulk', name => 'poor')}), 9, 'publishing asks for none');
	is_deeply([ messages('es.poor') ], [ messages('es.all') ], 'the same as who has all');
	like($cluster->error_of(q{SELECT * FROM cdc.apply('env')}), qr/permission denied for target public\.dz/, 'applying does');
	is($cluster->value(q{SELECT cdc.publish('docs', 'bus', 'env.${table}', name => 'as_is')}), 3, 'documents as they came');
	is((messages('env.docs'))[0][0], '{"id":1}', 'under their own keys, whatever members they have');
	$cluster->do("SELECT cdc.drop_subscription('$_', true)") for qw(env docs);
};

# Continuously, with everything killed in turn: no event is lost, and the rows that
# follow from the last message of each key are those of the source.
# Whether a topic has the events, each key's in their order and none left out.  What was sent and not
# noted comes again, from an event on that had been sent before: that is all that a key may go back.
# A broker answers a commit before it has written the marks that readers of committed messages wait
# for, so what they read is complete a moment later only: such readers (args) read again until it is.
sub follows_in_order
{
	my ($events, $name, %opt) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($wrong, $missing, $again);
	wait_until($opt{args} ? 30 : 0, sub { ($wrong, $missing, $again) = compare_with_topic($events, $name, %opt); return !@$missing });
	is("@$wrong[0 .. ($#$wrong > 2 ? 2 : $#$wrong)]", '', "$name: each key's events come in their order, none is left out");
	is("@$missing", '', '... up to the last');
	note "$again steps back";
	return;
}

# Returns the messages that are not the next of their key, the keys whose last are missing, and how
# many went back.
sub compare_with_topic
{
	my ($events, $name, %opt) = @_;
	my (%wanted, %at, @wrong);
	push @{ $wanted{ $_->{key} } }, $_->{value} for @$events;
	my $again = 0;
	for my $m (map { messages("$name.account", partition => $_, %opt) } 0, 1)
	{
		my ($key, $value) = ($m->[0], defined $m->[1] ? $json->encode($json->decode($m->[1])) : undef);
		my $list = $wanted{$key} // [];
		my $is = sub { my ($i) = @_; return $i < @$list && ($list->[$i] // '-') eq ($value // '-') };
		my $next = $at{$key} // 0;
		if (!$is->($next))
		{
			($next) = grep { $is->($_) } reverse 0 .. $next;
			push(@wrong, "$key " . ($value // '-')), next unless defined $next;
			$again++;
		}
		$at{$key} = $next + 1;
	}
	return (\@wrong, [ grep { ($at{$_} // 0) != @{ $wanted{$_} } } sort keys %wanted ], $again);
}

subtest 'a worker, through kills' => sub {
	$source->do('CREATE TABLE shop.account (id int PRIMARY KEY, balance int, n int)',
		'INSERT INTO shop.account SELECT seq, 0, 0 FROM shop.seq_1_to_50');
	$cluster->value(q{SELECT cdc.pull('shop')});
	my $seq = $cluster->value('SELECT max(seq) FROM history') + 1;
	my $from = $cluster->value(q{SELECT min(seq) FROM history WHERE source_table = 'shop.account' AND op = 'c'});
	$cluster->value(qq{SELECT cdc.publish('shop', 'bus', 'live.\${table}', format := 'json', options := '{"key_columns": "v"}', name := 'live', from_seq := $from, max_events := 1)});
	# the same once more, in transactions of Kafka
	$cluster->value(qq{SELECT cdc.publish('shop', 'bus', 'whole.\${table}', format := 'json', name := 'whole', from_seq := $from, max_events := 1, options := '{"transactional_id": "whole", "key_columns": "v"}')});
	# by sessions in turn, each of which keeps its producer
	$source->do(map { "UPDATE shop.account SET n = n + 1 WHERE id = $_" } 1 .. 4);
	$cluster->value(q{SELECT cdc.pull('shop')});
	my @sessions = map { $cluster->connect } 1, 2;
	is(join(' ', map { $_->selectrow_array(q{SELECT cdc.publish_more('whole', 1)}) } @sessions, @sessions), '1 1 1 1', 'sessions that go on in turn do not fence each other');
	$_->disconnect for @sessions;
	$cluster->do(q{SELECT cdc.enable_publication('live')}, q{SELECT cdc.enable_publication('whole')}, q{SELECT cdc.enable_subscription('shop')});
	my $load = fork_child(
		sub {
			my $dbh = $source->connect;
			my $stop = 0;
			local $SIG{TERM} = sub { $stop = 1 };
			for (my $i = 1; !$stop; $i++)
			{
				$dbh->begin_work;
				$dbh->do('UPDATE shop.account SET balance = balance + ?, n = n + 1 WHERE id = ?', undef, $i, 1 + ($i * 7 + $_) % 50) for 1 .. 3;
				$dbh->do('DELETE FROM shop.account WHERE id = ?', undef, 1 + $i % 50) if $i % 10 == 0;
				$dbh->do('INSERT IGNORE INTO shop.account VALUES (?, 0, 0)', undef, 1 + ($i - 5) % 50) if $i % 10 == 5;
				$dbh->commit;
				sleep 0.004;
			}
		});
	my $published = sub {
		my ($more) = @_;
		my $sql = q{SELECT min(published_seq) FROM cdc.publication WHERE name IN ('live', 'whole')};
		my $now;
		wait_until(60, sub { defined($now = eval { $cluster->value($sql) }) }) or die "no position: $@";
		$cluster->poll("SELECT ($sql) >= $now + $more", 1);
	};
	$published->(300);
	for my $round (1 .. 3)
	{
		$cluster->node->stop('immediate');
		$cluster->forget;
		$cluster->node->start;
		$published->(200);
	}
	my $pid = $cluster->value(q{SELECT pid FROM cdc.stat_publication WHERE publication = 'live'});
	ok($pid, 'the worker is shown');
	# one of the two, in the middle of what it does; and the broker
	for my $round (1 .. 4)
	{
		my $name = $round % 2 ? 'whole' : 'live';
		my $worker;
		wait_until(60, sub { $worker = eval { $cluster->value('SELECT pid FROM cdc.stat_publication WHERE publication = ?', $name) } }) or die "no worker of $name: $@";
		$cluster->forget;
		sleep rand 0.2;
		kill 'KILL', $worker;
		$published->(100);
		next if $round % 2;
		$cluster->forget;
		$kafka->restart('KILL');
		$published->(100);
	}
	end_process($load, 'TERM', 30);

	$cluster->poll(q{SELECT last_seq = ALL (SELECT published_seq FROM cdc.publication WHERE name IN ('live', 'whole')) AND pull_pid IS NOT NULL
		FROM cdc.stat_subscription WHERE subscription = 'shop'}, 1);
	my @events = map {
		my ($op, $id, $balance, $n) = @$_;
		{ key => qq({"id":$id}), value => $op eq 'd' ? undef : $json->encode({ id => $id + 0, balance => $balance + 0, n => $n + 0 }) }
	} @{ $cluster->rows(
		qq{SELECT op, event->'data'->>'id', event->'data'->>'balance', event->'data'->>'n' FROM history
		   WHERE source_table = 'shop.account' AND op IN ('c', 'u', 'd') AND seq >= $from ORDER BY seq}) };
	cmp_ok(scalar @events, '>', 1000, 'there are events');
	follows_in_order(\@events, 'live');
	follows_in_order(\@events, 'whole', args => [ '-X', 'isolation.level=read_committed' ]);

	# The worker holds the publication's lock, and waits for brokers that do not answer.
	$kafka->freeze;
	$source->do("INSERT INTO shop.nokey VALUES ('frozen')");
	$cluster->poll(q{SELECT count(*) FROM (SELECT 1 FROM cdc.publication WHERE name = 'live' FOR UPDATE SKIP LOCKED) p}, 0);
	my $stopping = time;
	$cluster->do(q{SELECT cdc.disable_publication('live')});
	$cluster->do(q{SELECT cdc.disable_publication('whole')});
	cmp_ok(time - $stopping, '<', 3, 'a publication whose brokers are silent can be disabled');
	$kafka->thaw;
	$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE worker = 'publish'}, 0);
	pass('a disabled publication has no worker');
};

done_testing();
