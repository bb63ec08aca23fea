# What publications tell of a table's rows by key, to topics of several partitions: keys that
# change, TRUNCATE, another primary key, resync, repair.  Read back by subscriptions of our own,
# and folded as consumers of documents do.
#
# Takes 40 s.
use strict;
use warnings;

use JSON::PP;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Server;

my $kafka = CdcIngest::Kafka->new(partitions => 4);
my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('published_keys');
my $json = JSON::PP->new->canonical->allow_nonref;

$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4',
	'CREATE TABLE shop.kk (id int PRIMARY KEY, n int)',
	'CREATE TABLE shop.tr (id int PRIMARY KEY, n int)',
	'CREATE TABLE shop.rz (id int PRIMARY KEY, n int)',
	'CREATE TABLE shop.vr (id int PRIMARY KEY, n int)',
	'CREATE TABLE shop.cw (id int PRIMARY KEY, n int)',
	'CREATE TABLE shop.nk (x int, n int)');
$cluster->add_source('shop', $source);
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')");
$cluster->subscribe('shop', 'shop', 'shop', tables => ['shop.*'], enabled => \'false', history => 'public.history');

sub both { return $cluster->pull_and_apply('shop') }
# All that the topics have: Maxwell's transactions may end in another call of pull.
sub read_all
{
	my ($name) = @_;
	for (1 .. 60)
	{
		$cluster->do("SELECT cdc.pull('$name')", "SELECT * FROM cdc.apply('$name')");
		last if $cluster->value(q{SELECT sum(lag) FROM cdc.stat_kafka_partition WHERE subscription = ?}, $name) == 0
		  && $cluster->value('SELECT applied_seq = last_seq FROM cdc.stat_subscription WHERE subscription = ?', $name);
		select undef, undef, undef, 0.5;
	}
	return;
}
sub rows_of { my ($dbh, $table, @order) = @_; return join ' ', map { join ',', map { $_ // '-' } @$_ } @{ $dbh->selectall_arrayref("SELECT * FROM $table ORDER BY 1, 2") } }
sub fails { return $cluster->error_of($_[0]) }
both();

my %readers = (maxwell => 'maxwell', debezium => 'debezium', canal => 'canal', quix => 'quix', goldengate_op => 'goldengate', goldengate_row => 'goldengate');

# The documents that consumers are left with, by key.
sub documents
{
	my ($format, $topic) = @_;
	my %doc;
	# (the messages of one key are in one partition, in their order)
	for my $m ($kafka->consume($topic, format => '%K|%k|%S|%s'))
	{
		my ($key, $len, $value) = $m =~ /^-?\d+\|(.*?)\|(-?\d+)\|(.*)$/s or die "what is $m";
		if ($format eq 'json') { $len < 0 ? delete $doc{$key} : ($doc{$key} = $json->decode($value)); next }
		my ($action, $row) = split /\n/, $value;
		my ($verb, $of) = %{ $json->decode($action) };
		$verb eq 'delete' ? delete $doc{ $of->{_id} } : ($doc{ $of->{_id} } = $json->decode($row));
	}
	return \%doc;
}
sub documents_text { my ($doc) = @_; return join ' ', sort { $a cmp $b } map { my $d = $_; join ',', map { $d->{$_} // '-' } grep { exists $d->{$_} } qw(id r n) } values %$doc }
sub source_text { return join ' ', sort { $a cmp $b } split / /, rows_of($source->connect, "shop.$_[0]") }

# Publishes in all formats from an event on, and reads back.
sub out_and_in
{
	my ($what, $from, @tables) = @_;
	for my $format (sort keys %readers)
	{
		my $prefix = "$what$format";
		$cluster->do(qq{SELECT cdc.publish('shop', 'bus', '$prefix.\${table}', format := '$format', options := '{"exclude": "shop.nk"}', name := '$prefix', from_seq := $from)});
		$cluster->do("CREATE SCHEMA $prefix", map { "CREATE TABLE $prefix.$_ (LIKE shop.$_ INCLUDING ALL)" } @tables);
		$cluster->call('create_subscription', name => $prefix, server => 'bus', topics => [ map { "$prefix.$_" } @tables ], format => $readers{$format}, target_schema => $prefix, history => "$prefix.history", enabled => \'false');
		read_all($prefix);
		for my $table (@tables)
		{
			is(rows_of($cluster->dbh, "$prefix.$table"), rows_of($source->connect, "shop.$table"), "$what: $format: $table");
		}
		$cluster->do("SELECT cdc.drop_subscription('$prefix', true)", "SELECT cdc.drop_publication('$prefix')");
	}
	for my $format (qw(json es_bulk))
	{
		my $prefix = "$what$format";
		$cluster->do(qq{SELECT cdc.publish('shop', 'bus', '$prefix.\${table}', format := '$format', options := '{"exclude": "shop.nk"}', name := '$prefix', from_seq := $from)});
		is(documents_text(documents($format, "$prefix.$_")), source_text($_), "$what: $format: $_") for @tables;
		$cluster->do("SELECT cdc.drop_publication('$prefix')");
	}
	return;
}

# Everything that concerns more than one key, in topics of four partitions.
subtest 'each row by its key' => sub {
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('INSERT INTO shop.kk SELECT seq, seq FROM shop.seq_1_to_50', 'UPDATE shop.kk SET id = id + 1000', 'INSERT INTO shop.kk SELECT seq, seq * 10 FROM shop.seq_1_to_50',
		'UPDATE shop.kk SET id = id + 5000 WHERE id < 10',
		'INSERT INTO shop.tr SELECT seq, seq FROM shop.seq_1_to_100', 'DELETE FROM shop.tr WHERE id = 5', 'TRUNCATE shop.tr', 'INSERT INTO shop.tr SELECT seq, 1 FROM shop.seq_50_to_120',
		'DELETE FROM shop.tr WHERE id = 60', 'TRUNCATE shop.tr', 'INSERT INTO shop.tr VALUES (7, 7), (200, 2)',
		'INSERT INTO shop.rz SELECT seq, seq FROM shop.seq_1_to_20', 'INSERT INTO shop.vr SELECT seq, seq FROM shop.seq_1_to_20', 'INSERT INTO shop.cw SELECT seq, seq FROM shop.seq_1_to_20');
	both();
	$source->do('SET sql_log_bin = 0', 'DELETE FROM shop.rz WHERE id IN (2, 11)', 'UPDATE shop.rz SET n = 30 WHERE id = 3', 'DELETE FROM shop.vr WHERE id IN (4, 19)', 'DELETE FROM shop.cw WHERE id IN (2, 11)', 'UPDATE shop.cw SET n = 50 WHERE id = 5', 'SET sql_log_bin = 1');
	$cluster->do(q{SELECT cdc.resync_table('shop', 'shop.rz')}, q{SELECT cdc.resync_table('shop', 'shop.cw', 'id < 10')});
	both();
	$cluster->do(q{SELECT * FROM cdc.verify('shop', 'shop.vr', repair := true)});
	both();
	$source->do('INSERT INTO shop.rz VALUES (2, 22)', 'UPDATE shop.vr SET n = 0 WHERE id = 1');
	both();
	is(rows_of($cluster->dbh, "shop.$_"), rows_of($source->connect, "shop.$_"), "the first replica of $_") for qw(kk tr rz vr cw);
	out_and_in('a', $from, qw(kk tr rz vr cw));
};

# Where a table has one partition, the tools' own messages.
subtest 'one message, where that is exact' => sub {
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('INSERT INTO shop.kk VALUES (9001, 1)', 'UPDATE shop.kk SET id = 9002 WHERE id = 9001', 'INSERT INTO shop.tr VALUES (300, 1)', 'TRUNCATE shop.tr', 'INSERT INTO shop.tr VALUES (8, 8)');
	both();
	$kafka->create_topic($_, 1) for qw(one.canal one.maxwell one.debezium);
	like(fails(q{SELECT cdc.publish('shop', 'bus', 'one.maxwell', '${primary_keys}', name := 'm1', from_seq := } . $from . ')'), qr/gives source tables shop\.\w+ and shop\.\w+ one topic/, 'a key that does not name the table, as Maxwell\'s own does, for several of them');
	$cluster->do(q{SELECT cdc.publish('shop', 'bus', 'one.canal', '${table}/${primary_key}', format := 'canal', options := '{"key_change": "update"}', name := 'c1', from_seq := } . $from . ')',
		q{SELECT cdc.publish('shop', 'bus', 'one.maxwell', options := '{"key_change": "update", "ddl_topic": "one.maxwell"}', name := 'm1', from_seq := } . $from . ')',
		q{SELECT cdc.publish('shop', 'bus', 'one.debezium', '${table}/${primary_key}', format := 'debezium', name := 'd1', from_seq := } . $from . ')');
	is(join(' ', map { $json->decode($_)->{type} } $kafka->consume('one.canal')), 'INSERT UPDATE INSERT TRUNCATE INSERT', 'canal');
	is(join(' ', map { $json->decode($_)->{type} } $kafka->consume('one.maxwell')), 'insert update insert table-truncate insert', 'maxwell, DDL in the same topic');
	is(join(' ', map { $json->decode($_)->{op} } $kafka->consume('one.debezium')), 'c d c c t c', 'debezium');
	$cluster->do("SELECT cdc.drop_publication('$_')") for qw(c1 m1 d1);
};

# Documents are known by the key alone.
subtest 'a new copy whose rows are not in the history' => sub {
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('CREATE TABLE shop.q (id int PRIMARY KEY, n int)', 'INSERT INTO shop.q VALUES (1, 1), (2, 2), (3, 3)');
	both();
	$cluster->do(qq{SELECT cdc.publish('shop', 'bus', 'q.\${table}', format := 'json', name := 'q', options := '{"exclude": "shop.nk"}', from_seq := $from)});
	$source->do('SET sql_log_bin = 0', 'DELETE FROM shop.q WHERE id = 2', 'SET sql_log_bin = 1');
	$cluster->do(q{SELECT cdc.alter_table('shop', 'shop.q', '{"copy_history": false}')}, q{SELECT cdc.resync_table('shop', 'shop.q')});
	both();
	my $error = fails(q{SELECT cdc.publish_more('q')});
	like($error, qr/publication "q" cannot tell which rows source table shop\.q has after its new copy/, 'is an error');
	my ($hint) = $error =~ /HINT:\s+(.*?)(?:\n|\z)/;
	my ($pass, @then) = $hint =~ /(SELECT cdc\.\w+\(.*?\);)/g;
	is(scalar @then, 2, '... which names what to type') or diag $hint;
	$cluster->do($pass);
	$cluster->do($pass =~ s/"message"/"rows"/r, @then);
	both();
	$cluster->value(q{SELECT cdc.publish_more('q')});
	is(documents_text(documents('json', 'q.q')), source_text('q'), '... typed: consumers have what the source has');
	$cluster->do(q{SELECT cdc.drop_publication('q')});
};

subtest 'another primary key' => sub {
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('CREATE TABLE shop.p9 (id int PRIMARY KEY, r int NOT NULL, n int)', 'INSERT INTO shop.p9 VALUES (1, 2, 1), (2, 1, 2), (3, 9, 3)',
		'ALTER TABLE shop.p9 DROP PRIMARY KEY, ADD PRIMARY KEY (r)', 'UPDATE shop.p9 SET n = 10 WHERE id = 1',
		'ALTER TABLE shop.p9 DROP PRIMARY KEY, ADD PRIMARY KEY (id, r)', 'INSERT INTO shop.p9 VALUES (1, 7, 70)', 'DELETE FROM shop.p9 WHERE id = 2');
	$cluster->do(q{SELECT cdc.pull('shop')});
	for my $format (qw(json es_bulk))
	{
		$cluster->do(qq{SELECT cdc.publish('shop', 'bus', 'p.$format.\${table}', format := '$format', options := '{"exclude": "shop.nk"}', name := 'p$format', from_seq := $from)});
		my $doc = documents($format, "p.$format.p9");
		is(documents_text($doc), '1,2,10 1,7,70 3,9,3', "$format: the rows");
		is(join(' ', sort keys %$doc), $format eq 'json' ? '{"id":1,"r":2} {"id":1,"r":7} {"id":3,"r":9}' : '[1,2] [1,7] [3,9]', "$format: under their new keys");
	}
	$source->do('TRUNCATE shop.p9', 'INSERT INTO shop.p9 VALUES (5, 5, 5)');
	$cluster->do(q{SELECT cdc.pull('shop')});
	for my $format (qw(json es_bulk))
	{
		$cluster->do("SELECT cdc.publish_more('p$format')");
		is(documents_text(documents($format, "p.$format.p9")), '5,5,5', "$format: TRUNCATE behind that");
	}
	# the values of a key that is new as a column are in no event
	$source->do('ALTER TABLE shop.p9 DROP PRIMARY KEY, ADD COLUMN s int AUTO_INCREMENT PRIMARY KEY');
	$cluster->do(q{SELECT cdc.pull('shop')});
	my $error = fails(q{SELECT cdc.publish_more('pes_bulk')});
	like($error, qr/cannot tell the rows of source table shop\.p9 under their new primary key/, 'a key that no event tells');
	my ($hint) = $error =~ /(SELECT cdc\.resync_table\(.*?\);)/;
	$cluster->do($hint);
	both();
	for my $format (qw(json es_bulk))
	{
		$cluster->do("SELECT cdc.publish_more('p$format')");
		my $doc = documents($format, "p.$format.p9");
		is(join(' ', sort keys %$doc), $format eq 'json' ? '{"s":1}' : '1', "$format: what the hint says brings it");
	}
	$cluster->do("SELECT cdc.drop_publication('$_')") for qw(pjson pes_bulk);
};

subtest 'a table without a key' => sub {
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('INSERT INTO shop.nk VALUES (1, 1), (2, 2), (3, 3)', 'INSERT INTO shop.kk VALUES (7777, 1)');
	both();
	for my $format (qw(json es_bulk))
	{
		my $error = fails(qq{SELECT cdc.publish('shop', 'bus', 'k.$format.\${table}', format := '$format', name := 'k$format', from_seq := $from, options := '{"exclude": "shop.zz"}')});
		like($error, qr/source table shop\.nk, which has no primary key, cannot be published in format $format/, "$format: is an error before anything is sent without a key");
		# the hint is for a publication that exists; here it makes the one that failed, from the same event on
		my ($statement) = $error =~ /(SELECT cdc\.publish\(.*?\);)/s;
		$cluster->do($statement =~ s/\);$/, from_seq := $from);/r);
		is(documents_text(documents($format, "k.$format.kk")), '7777,1', "$format: and the hint goes on");
		is($cluster->value('SELECT options->>? FROM cdc.publication WHERE name = ?', 'exclude', "k$format"), 'shop.zz, shop.nk', "$format: with what was left out before");
		$cluster->do("SELECT cdc.drop_publication('k$format')");
	}
	# a new copy of it begins with the format's own message: rows and message have one key
	$source->do('SET sql_log_bin = 0', 'DELETE FROM shop.nk WHERE x = 2', 'SET sql_log_bin = 1');
	$cluster->do(q{SELECT cdc.resync_table('shop', 'shop.nk')});
	both();
	for my $format (qw(canal quix goldengate_op))
	{
		$cluster->do(qq{SELECT cdc.publish('shop', 'bus', 'n$format.\${table}', format := '$format', name := 'n$format', from_seq := $from)}, "CREATE SCHEMA n$format", "CREATE TABLE n$format.nk (x int, n int)");
		$cluster->call('create_subscription', name => "n$format", server => 'bus', topics => ["n$format.nk"], format => $readers{$format}, target_schema => "n$format", history => "n$format.history", enabled => \'false');
		read_all("n$format");
		is(rows_of($cluster->dbh, "n$format.nk"), '1,1 3,3', "$format: a resync");
		$cluster->do("SELECT cdc.drop_subscription('n$format', true)", "SELECT cdc.drop_publication('n$format')");
	}
};

# Where a row goes may depend on its columns: it is taken away from where it was.
subtest 'templates that read columns' => sub {
	my $dbh = $source->connect;
	$source->do('CREATE TABLE shop.tp (id int PRIMARY KEY, region varchar(10), n int)', q{INSERT INTO shop.tp VALUES (1, 'eu', 1), (2, 'us', 2), (3, 'eu', 3), (4, NULL, 4)});
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do(q{UPDATE shop.tp SET region = 'us' WHERE id = 1}, q{UPDATE shop.tp SET region = 'eu', n = 20 WHERE id = 2}, q{UPDATE shop.tp SET id = 30 WHERE id = 3}, q{DELETE FROM shop.tp WHERE id = 1}, q{UPDATE shop.tp SET region = 'us' WHERE id = 4}, q{INSERT INTO shop.tp VALUES (1, 'eu', 5)});
	both();
	my $publish = sub { my ($name, $format, $topic, $key, $options) = @_; $options //= '{}'; return qq{SELECT cdc.publish('shop', 'bus', '$topic', key_template := '$key', format := '$format', options := '$options', name := '$name', from_seq := $from)} };
	like(fails($publish->('one_key', 'json', 'one_key', $_)), qr/key_template "\Q$_\E" gives rows of shop\.tp one key.*HINT:.*\$\{primary_key\}/s, "'$_' tells no rows apart") for '${column:region}', 'x', '', '${database}.${table}';
	# a tombstone of a key that rows share would take others away
	$cluster->do($publish->('shared', 'debezium', 'shared', '${column:region}'));
	is(scalar(grep { $_ eq '-1' } $kafka->consume('shared', format => '%S')), 0, 'no tombstones of them');

	my $rows = sub { return $json->encode([ map { [ $_->[1], $_->[0], $_->[2] ] } @{ $dbh->selectall_arrayref('SELECT id, region, n FROM shop.tp ORDER BY id') } ]) };
	my $folded = sub {
		my ($format, $prefix) = @_;
		my %doc;
		for my $place ($format eq 'json' ? map { join '.', $prefix // 'tpj', $_ } qw(eu us) : ('tpe'))
		{
			for my $m ($kafka->consume($place, format => '%K|%k|%S|%s'))
			{
				my ($key, $len, $value) = $m =~ /^-?\d+\|(.*?)\|(-?\d+)\|(.*)$/s;
				if ($format eq 'json') { $len < 0 ? delete $doc{"$place $key"} : ($doc{"$place $key"} = [ $place =~ /(..)$/, @{ $json->decode($value) }{qw(id n)} ]); next }
				my ($action, $row) = split /\n/, $value;
				my ($verb, $of) = %{ $json->decode($action) };
				$verb eq 'delete' ? delete $doc{"$of->{_index} $of->{_id}"} : ($doc{"$of->{_index} $of->{_id}"} = [ $of->{_index} =~ /(..)$/, @{ $json->decode($row) }{qw(id n)} ]);
			}
		}
		return $json->encode([ sort { $a->[1] <=> $b->[1] } values %doc ]);
	};
	$kafka->create_topic("tpj.$_", 4) for '', qw(eu us);
	$cluster->do($publish->('tpj', 'json', 'tpj.${column:region}', '${primary_key}'), $publish->('tpe', 'es_bulk', 'tpe', '${primary_key}', '{"index": "i-${column:region}"}'));
	is($folded->('json'), $rows->(), 'a topic for each region');
	is($folded->('es_bulk'), $rows->(), 'an index for each region');

	# the message key alone, and messages that tell their order in each format's own reader
	$cluster->do($publish->('tpd', 'debezium', 'tpd', '${column:region}/${column:id}'), 'CREATE SCHEMA tpd', 'CREATE TABLE tpd.tp (LIKE shop.tp INCLUDING ALL)');
	$cluster->call('create_subscription', name => 'tpd', server => 'bus', topics => ['tpd'], format => 'debezium', target_schema => 'tpd', history => 'tpd.history', enabled => \'false', tables => ['shop.tp']);
	read_all('tpd');
	is(rows_of($cluster->dbh, 'tpd.tp'), rows_of($dbh, 'shop.tp'), 'debezium');

	# what a partial image does not tell cannot be taken away
	$dbh->do('SET binlog_row_image = MINIMAL');
	$dbh->do('UPDATE shop.tp SET n = 6 WHERE id = 1');
	both();
	my %told = map { ($_ => fails(qq{SELECT cdc.publish_more('$_')})) } qw(tpj tpe);
	like($told{$_}, qr/a change in shop\.tp does not tell what column "region" was.*HINT:.*from_seq/s, "$_: a partial image") for sort keys %told;
	$dbh->do('SET binlog_row_image = FULL');
	my ($drop, $behind, $resync) = $told{tpj} =~ /(SELECT cdc\.drop_publication\(.*?\);).*(from_seq := \d+);.*(SELECT cdc\.resync_table\(.*?\);)/s or die $told{tpj};
	$kafka->create_topic("tpk.$_", 4) for '', qw(eu us);
	$cluster->do($drop, qq{SELECT cdc.publish('shop', 'bus', 'tpk.\${column:region}', format := 'json', options := '{"exclude": "shop.nk"}', name := 'tpj', $behind)}, $resync);
	both();
	$cluster->do(q{SELECT cdc.publish_more('tpj')});
	is($folded->('json', 'tpk'), $rows->(), '... typed, into other topics');
	$cluster->do(q{SELECT cdc.drop_publication('tpj')});
	# a row that is whole, of which nobody tells what it was
	my $tp = $cluster->value('SELECT max(seq) FROM history');
	$dbh->do($_) for 'SET binlog_row_image = MINIMAL', q{REPLACE INTO shop.tp VALUES (2, 'us', 6)}, 'SET binlog_row_image = FULL';
	both();
	like(fails(qq{SELECT cdc.publish('shop', 'bus', 'tpw.\${column:region}', format := 'json', options := '{"exclude": "shop.nk"}', name := 'tpj', from_seq := $tp + 1)}), qr/a change in shop\.tp does not tell what column "region" was.*HINT:.*from_seq/s, 'a row of which only what it is now is told');

	# a document is the whole row, or says that it is not
	$dbh->do('SET binlog_row_image = FULL');
	$source->do('CREATE TABLE shop.pd (id int PRIMARY KEY, a int, b varchar(10))', q{INSERT INTO shop.pd VALUES (1, 1, 'one'), (2, 2, 'two')});
	both();
	my $pd = $cluster->value('SELECT max(seq) FROM history');
	$dbh->do($_) for 'SET binlog_row_image = MINIMAL', 'UPDATE shop.pd SET a = 10 WHERE id = 1', 'DELETE FROM shop.pd WHERE id = 2', 'SET binlog_row_image = FULL';
	both();
	my $out = sub { my ($format) = @_; return qq{SELECT cdc.publish('shop', 'bus', '$format.\${table}', format := '$format', options := '{"exclude": "shop.nk"}', name := '$format', from_seq := $pd)} };
	my $error = fails($out->('json'));
	like($error, qr/a change in shop\.pd does not tell column "b".*HINT:.*another format/s, 'json');
	my ($statement) = $error =~ /(SELECT cdc\.publish\(.*?\);)/s;
	$cluster->do($statement =~ s/\);$/, from_seq := $pd);/r);
	$cluster->do($out->('es_bulk'));
	my %es = map { my ($action, $row) = split /\n/; my ($verb, $of) = %{ $json->decode($action) }; ($verb => [ $of->{_id}, $row ]) } $kafka->consume('es_bulk.pd');
	is_deeply([ $es{update}[0], $json->decode($es{update}[1]) ], [ 1, { doc => { database => 'shop', table => 'pd', id => 1, a => 10 } } ], 'a part of a document in es_bulk');
	is($es{delete}[0], 2, 'a delete tells what it has to');

	# all columns tell the rows of a table without a primary key apart
	$source->do('CREATE TABLE shop.uk (id int NOT NULL UNIQUE, a int)', 'INSERT INTO shop.uk VALUES (1, 1)');
	both();
	my $uk = $cluster->value('SELECT max(seq) FROM history');
	$dbh->do($_) for 'SET binlog_row_image = MINIMAL', 'UPDATE shop.uk SET a = 2 WHERE id = 1', 'SET binlog_row_image = FULL';
	both();
	my $untold = fails(qq{SELECT cdc.publish('shop', 'bus', 'uk.\${table}', format := 'debezium', name := 'uk', from_seq := $uk)});
	like($untold, qr/an update in shop\.uk does not tell what column "a" was.*no primary key/s, 'a row that nobody can find');
	my ($without) = $untold =~ /(SELECT cdc\.publish\(.*?\);)/s;
	is(fails($without =~ s/\);$/, from_seq := $uk);/r), '', '... is left out, as the hint says');
	$cluster->do("SELECT cdc.drop_subscription('tpd', true)", map { "SELECT cdc.drop_publication('$_')" } qw(shared tpe tpd json es_bulk uk));
};

# With schemas they are a part of the key's bytes, and so of what its partition is.
subtest 'another type of the key, with schemas' => sub {
	$source->do('CREATE TABLE shop.ty (id int PRIMARY KEY, n int)');
	both();
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('INSERT INTO shop.ty SELECT seq, seq FROM shop.seq_1_to_40', 'ALTER TABLE shop.ty MODIFY id bigint', 'UPDATE shop.ty SET n = n + 100 WHERE id <= 20', 'DELETE FROM shop.ty WHERE id > 30', 'DROP TABLE shop.ty', 'CREATE TABLE shop.ty (id int unsigned PRIMARY KEY, n int)', 'INSERT INTO shop.ty SELECT seq, -seq FROM shop.seq_10_to_25');
	both();
	$cluster->do(qq{SELECT cdc.publish('shop', 'bus', 'ty.\${table}', format := 'debezium', options := '{"schemas": true}', name := 'ty', from_seq := $from)}, 'CREATE SCHEMA ty', 'CREATE TABLE ty.ty (id bigint PRIMARY KEY, n int)');
	$cluster->call('create_subscription', name => 'ty', server => 'bus', topics => ['ty.ty'], format => 'debezium', target_schema => 'ty', history => 'ty.history', enabled => \'false', tables => ['shop.ty']);
	read_all('ty');
	is(rows_of($cluster->dbh, 'ty.ty'), rows_of($source->connect, 'shop.ty'), 'rows whose messages come from several partitions');
	$cluster->do(q{SELECT cdc.drop_subscription('ty', true)}, q{SELECT cdc.drop_publication('ty')});
};

# What stands for a value in messages of Debezium is a text like others elsewhere.
subtest 'a text that Debezium has a meaning for' => sub {
	my $text = '__debezium_unavailable_value';
	$source->do('CREATE TABLE shop.un (id int PRIMARY KEY, r text, n int)', "INSERT INTO shop.un VALUES (1, '$text', 1), (2, 'a', 1)", "UPDATE shop.un SET r = '$text', n = 2 WHERE id = 2");
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	both();
	delete local $readers{debezium};
	out_and_in('un', $from, 'un');
	like(fails(qq{SELECT cdc.publish('shop', 'bus', 'unavailable.\${table}', format := 'debezium', name := 'unavailable', from_seq := $from)}), qr/the text by which messages say that they do not have a value in column "r" cannot be published in format debezium.*HINT:.*maxwell or json/s, 'Debezium has no other');
};

# What is gone from the history cannot be deleted by it.
subtest 'a history with a hole' => sub {
	my $from = $cluster->value('SELECT max(seq) + 1 FROM history');
	$source->do('CREATE TABLE shop.h (id int PRIMARY KEY)', 'INSERT INTO shop.h VALUES (1), (2), (3)');
	$cluster->do(q{SELECT cdc.pull('shop')}, qq{SELECT cdc.publish('shop', 'bus', 'h.\${table}', format := 'json', name := 'h', from_seq := $from)});
	$cluster->do('DELETE FROM history WHERE seq = (SELECT min(seq) + 1 FROM history WHERE source_table = \'shop.h\' AND op = \'c\')');
	$source->do('TRUNCATE shop.h', 'INSERT INTO shop.h VALUES (4)');
	$cluster->do(q{SELECT cdc.pull('shop')});
	my $error = fails(q{SELECT cdc.publish_more('h')});
	like($error, qr/publication "h" cannot tell which rows source table shop\.h had: the history has no events \d+ to \d+ any more/, 'is an error');
	my ($pass) = $error =~ /(SELECT cdc\.publish\(.*?\);)/s;
	$cluster->do($pass);
	is(join(' ', sort keys %{ documents('json', 'h.h') }), '{"id":1} {"id":2} {"id":3} {"id":4}', 'the hint passes over it');
	$cluster->do($pass =~ s/"message"/"rows"/r, q{SELECT cdc.drop_publication('h')});
};

# An event about all rows is of the table that its rows are of, whatever envelope names it.
subtest 'TRUNCATE in each envelope' => sub {
	my %in = (
		quix => [ (map { qq({"kind":"insert","schema":"s","table":"t","columnnames":["id","n"],"columnvalues":[$_,1],"oldkeys":{},"pk":{"pknames":["id"]}}) } 1, 2), '{"kind":"truncate","schema":"s","table":"t"}' ],
		goldengate => [ (map { qq({"table":"s.t","op_type":"I","pos":"0000000000000000000$_","primary_keys":["id"],"after":{"id":$_,"n":1}}) } 1, 2), '{"table":"s.t","op_type":"T","pos":"00000000000000000003"}' ],
		debezium => [ (map { qq({"op":"c","before":null,"after":{"id":$_,"n":1},"source":{"connector":"postgresql","db":"p","schema":"s","table":"t"},"ts_ms":1}) } 1, 2), '{"op":"t","before":null,"after":null,"source":{"connector":"postgresql","db":"p","schema":"s","table":"t"},"ts_ms":1}' ],
		canal => [ (map { qq({"type":"INSERT","isDdl":false,"database":"s","table":"t","pkNames":["id"],"mysqlType":{"id":"int","n":"int"},"data":[{"id":"$_","n":"1"}]}) } 1, 2), '{"type":"TRUNCATE","isDdl":true,"database":"s","table":"t","data":null,"sql":"truncate t"}' ]);
	my %names = (debezium => sub { my ($m) = @_; return join '.', @{ $m->{source} }{qw(db table)} }, goldengate_op => sub { return $_[0]{table} },
		canal => sub { my ($m) = @_; return join '.', @$m{qw(database table)} }, quix => sub { my ($m) = @_; return join '.', @$m{qw(schema table)} });
	for my $in (sort keys %in)
	{
		$kafka->create_topic("tr$in", 1);
		$kafka->produce("tr$in", [ map { [ '{"id":' . (/(?:"id":"?|\[)(\d)/ ? $1 : 0) . '}', $_ ] } @{ $in{$in} } ]);
		$cluster->call('create_subscription', name => "tr$in", server => 'bus', topics => ["tr$in"], format => $in, history => "public.tr$in", enabled => \'false');
		$cluster->do("CREATE TABLE target_$in (id int PRIMARY KEY, n int)", "SELECT cdc.add_table('tr$in', 's.t', 'public.target_$in')", "SELECT cdc.pull('tr$in')", qq{SELECT cdc.publish('tr$in', 'bus', 'tr$in.json.\${database}.\${table}', format := 'json', name := 'tr')});
		is_deeply(documents('json', "tr$in.json.s.t"), {}, "$in: the rows are deleted where they were sent");
		for my $out (sort keys %names)
		{
			$kafka->create_topic("tr$in.$out.s.t", 1);
			$cluster->do(qq{SELECT cdc.publish('tr$in', 'bus', 'tr$in.$out.\${database}.\${table}', format := '$out', name := 'tr$out')});
			is(join(' ', map { $names{$out}->($json->decode($_)) } $kafka->consume("tr$in.$out.s.t")), 's.t s.t s.t', "$in: $out: one message, which names the table as its rows do");
		}
		$cluster->do(qq{SELECT cdc.publish('tr$in', 'bus', 'tr$in.none', name := 'trnone', options := '{"exclude": "s.t"}')});
		is($cluster->value(q{SELECT messages FROM cdc.stat_publication WHERE publication = 'trnone'}), 0, "$in: and is left out as they are");
		$cluster->do("SELECT cdc.drop_subscription('tr$in', true)");
	}
};

# Readers of Debezium's numbers without schemas go by the precision of their columns.
subtest 'times that are numbers' => sub {
	$kafka->create_topic($_, 1) for qw(times times.out);
	my $row = sub { my ($id, $at) = @_; return [ undef, qq({"kind":"insert","schema":"s","table":"t","columnnames":["id","m","u"],"columntypes":["integer","timestamp without time zone","timestamp without time zone"],"columnvalues":[$id,"$at","$at"],"oldkeys":{},"pk":{"pknames":["id"]}}) ] };
	$kafka->produce('times', [ $row->(1, '1970-01-01 00:00:01.500'), $row->(2, '1975-06-01 12:00:00'), $row->(3, '1969-12-31 23:59:59.999') ]);
	for my $name (qw(times_in times_out))
	{
		$cluster->do("CREATE SCHEMA $name", "CREATE TABLE $name.t (id int PRIMARY KEY, m timestamp(3), u timestamp(6))");
		$cluster->call('create_subscription', name => $name, server => 'bus', topics => [ $name eq 'times_in' ? 'times' : 'times.out' ], format => $name eq 'times_in' ? 'quix' : 'debezium', target_schema => $name, history => "$name.history", enabled => \'false');
	}
	read_all('times_in');
	$cluster->do(q{SELECT cdc.publish('times_in', 'bus', 'times.out', format := 'debezium', name := 'times')});
	read_all('times_out');
	is(rows_of($cluster->dbh, 'times_out.t'), rows_of($cluster->dbh, 'times_in.t'), 'come back as they were');
	is(rows_of($cluster->dbh, 'times_out.t'), '1,1970-01-01 00:00:01.5,1970-01-01 00:00:01.5 2,1975-06-01 12:00:00,1975-06-01 12:00:00 3,1969-12-31 23:59:59.999,1969-12-31 23:59:59.999', 'which is');
	# where the target has fewer digits than the message no number says both
	$kafka->produce('times', [ $row->(4, '2020-01-01 00:00:00.123456') ]);
	$cluster->do(q{SELECT cdc.pull('times_in')});
	like(fails(q{SELECT cdc.publish_more('times')}), qr/a time of more digits than those of milliseconds in column "m" cannot be published in format debezium.*HINT:.*maxwell/s, 'a value that would lose digits');
	$cluster->do("SELECT cdc.drop_subscription('$_', true)") for qw(times_in times_out);
};

# Maxwell's messages as it writes them by default: their own keys, no definitions.
subtest 'a declared format, and the keys of its messages' => sub {
	$kafka->create_topic('mx', 1);
	my $m = sub { my ($id, $type, $more) = @_; [ qq({"database":"s","table":"c","pk.id":$id}), qq({"database":"s","table":"c","type":"$type","ts":1,"xid":1,"commit":true,$more}) ] };
	my $t = sub { my ($table, $data) = @_; [ undef, qq({"database":"s","table":"$table","type":"insert","ts":1,"data":$data}) ] };
	$kafka->produce('mx', [ $m->(1, 'insert', '"data":{"id":1,"n":"a"}'), $m->(2, 'insert', '"data":{"id":2,"n":"b"}'), $m->(9, 'update', '"data":{"id":9,"n":"a"},"old":{"id":1}'), $m->(2, 'delete', '"data":{"id":2,"n":"b"}') ]);
	$cluster->do('CREATE SCHEMA s');
	$cluster->call('create_subscription', name => 'mx', server => 'bus', topics => ['mx'], format => 'maxwell', target_schema => 's', history => 'public.mx_history', enabled => \'false');
	$cluster->do(q{SELECT cdc.pull('mx')}, q{SELECT cdc.publish('mx', 'bus', 'mxj.${table}', format := 'json', name := 'mxj')}, q{SELECT cdc.publish('mx', 'bus', 'mxc.${table}', format := 'canal', name := 'mxc')}, q{SELECT cdc.publish('mx', 'bus', 'mxe.${table}', format := 'es_bulk', name := 'mxe')});
	is_deeply(documents('json', 'mxj.c'), { '{"id":9}' => { id => 9, n => 'a' } }, 'json');
	is(join(' ', keys %{ documents('es_bulk', 'mxe.c') }), '9', 'es_bulk');
	is(scalar(grep { ($json->decode($_)->{pkNames}[0] // '') ne 'id' } map { $kafka->consume('mxc.c', partition => $_) } 0 .. 3), 0, 'canal');
	# by the target, as it is when the event is published
	$cluster->do('CREATE TABLE s.d (id int, n text)', q{SELECT cdc.add_table('mx', 's.d', target := 's.d')});
	$kafka->produce('mx', [ $t->('d', '{"id":1,"n":"x"}') ]);
	$cluster->do(q{SELECT cdc.pull('mx')});
	like(fails(q{SELECT cdc.publish_more('mxj')}), qr/source table s\.d, which has no primary key/, 'no key anywhere');
	$cluster->do(q{SELECT cdc.alter_table('mx', 's.d', key := '{id}')}, q{SELECT cdc.publish_more('mxj')}, q{SELECT cdc.publish_more('mxc')});
	is(join(' ', keys %{ documents('json', 'mxj.d') }), '{"id":1}', 'the key that alter_table gave');
	is($json->decode((map { $kafka->consume('mxc.d', partition => $_) } 0 .. 3)[0])->{pkNames}[0], 'id', 'in canal, too');
	# what a worker failed with is over when somebody has published by hand
	$kafka->produce('mx', [ $t->('e', '{"id":1}') ]);
	$cluster->do(q{SELECT cdc.pull('mx')}, q{SELECT cdc.enable_publication('mxj')}, q{SELECT cdc.enable_subscription('mx')});
	$cluster->poll(q{SELECT last_error ~ 's\.e, which has no primary key' FROM cdc.stat_publication WHERE publication = 'mxj'}, 1);
	my ($hint) = $cluster->value(q{SELECT last_error FROM cdc.stat_publication WHERE publication = 'mxj'}) =~ /(SELECT cdc\.publish\(.*?\);)/s;
	$cluster->do(q{SELECT cdc.disable_publication('mxj')}, $hint);
	is($cluster->value(q{SELECT events_behind || ' ' || coalesce(last_error, '-') FROM cdc.stat_publication WHERE publication = 'mxj'}), '0 -', 'an error that is over');
	$cluster->do(q{SELECT cdc.drop_subscription('mx', true)});
};

# Most messages' keys are not kept: what those say that are must not be another key.
subtest 'the order of a key of several columns' => sub {
	my $key = sub { my ($id) = @_; return qq({"region":"eu","id":$id}) };
	my $row = sub { my ($id, $v) = @_; return qq({"region":"eu","id":$id,"v":$v}) };
	my $m = sub { my ($op, $id, $before, $after) = @_; return [ $key->($id), qq({"before":$before,"after":$after,"source":{"db":"d","table":"two","name":"n","connector":"mysql"},"op":"$op","ts_ms":1}) ] };
	$kafka->create_topic('two', 1);
	$kafka->produce('two', [ $m->('c', 1, 'null', $row->(1, 1)), $m->('c', 2, 'null', $row->(2, 1)), $m->('u', 1, $row->(1, 1), $row->(1, 2)), $m->('d', 1, $row->(1, 2), 'null'), $m->('d', 2, $row->(2, 1), 'null'), $m->('c', 2, 'null', $row->(2, 7)) ]);
	$cluster->do('CREATE SCHEMA two', 'CREATE TABLE two.two (region text, id int, v int, PRIMARY KEY (region, id))');
	$cluster->call('create_subscription', name => 'two', server => 'bus', topics => ['two'], format => 'debezium', target_schema => 'two', history => 'two.history', enabled => \'false');
	read_all('two');
	is(rows_of($cluster->dbh, 'two.two'), 'eu,2,7', 'the replica');
	for my $format (qw(json debezium quix canal goldengate_op))
	{
		my $prefix = "two$format";
		$cluster->do(qq{SELECT cdc.publish('two', 'bus', '$prefix.two', format := '$format', name := '$prefix')});
		if ($format eq 'json')
		{
			is_deeply(documents('json', "$prefix.two"), { '{"region":"eu","id":2}' => { region => 'eu', id => 2, v => 7 } }, 'json');
			next;
		}
		$cluster->do("CREATE SCHEMA $prefix", "CREATE TABLE $prefix.two (LIKE two.two INCLUDING ALL)");
		$cluster->call('create_subscription', name => $prefix, server => 'bus', topics => ["$prefix.two"], format => $readers{$format}, target_schema => $prefix, history => "$prefix.history", enabled => \'false');
		read_all($prefix);
		is(rows_of($cluster->dbh, "$prefix.two"), 'eu,2,7', $format);
		$cluster->do("SELECT cdc.drop_subscription('$prefix', true)");
	}
	$cluster->do(q{SELECT cdc.drop_subscription('two', true)});
};

done_testing();
