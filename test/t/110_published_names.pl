# What publications tell of rows whose key gets another name or type: in documents a key that is
# written in another form is another key, elsewhere rows are known by its values.  In topics of
# several partitions.
use strict;
use warnings;

use JSON::PP;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Server;

my $kafka = CdcIngest::Kafka->new(partitions => 3);
my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('published_names');
my $json = JSON::PP->new->canonical->allow_nonref;

$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4', 'CREATE TABLE shop.first (id int PRIMARY KEY)');
$cluster->add_source('shop', $source);
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')");
$cluster->subscribe('shop', 'shop', 'shop', tables => ['shop.*'], enabled => \'false', history => 'public.history');

sub both { return $cluster->pull_and_apply('shop') }
sub next_seq { both(); return $cluster->value('SELECT max(seq) + 1 FROM history') }
sub fails { return $cluster->error_of($_[0]) }
sub publish
{
	my ($name, $format, $from, $tables, $options) = @_;
	my %options = (exclude => 'shop.first', %{ $options // {} });
	return qq{SELECT cdc.publish('shop', 'bus', '$name.\${table}', format := '$format', name := '$name', from_seq := $from, options := '} . $json->encode(\%options) . q{')};
}
sub messages { my ($topic) = @_; return map { [ /^-?\d+\|(.*?)\|(-?\d+)\|(.*)$/s ] } map { $kafka->consume($topic, partition => $_, format => '%K|%k|%S|%s') } 0 .. 2 }

# What consumers of documents are left with.
sub documents
{
	my ($format, $topic) = @_;
	my %doc;
	for my $m (messages($topic))
	{
		my ($key, $len, $value) = @$m;
		if ($format eq 'json') { $len < 0 ? delete $doc{$key} : ($doc{$key} = $json->decode($value)); next }
		my ($action, $row) = split /\n/, $value;
		my ($verb, $of) = %{ $json->decode($action) };
		$verb eq 'delete' ? delete $doc{ $of->{_id} } : ($doc{ $of->{_id} } = $json->decode($row));
		delete @{ $doc{ $of->{_id} } }{qw(database table)} if $verb ne 'delete';
	}
	return \%doc;
}
sub deletes
{
	my ($format, $topic) = @_;
	my %is = (maxwell => [ type => 'delete' ], debezium => [ op => 'd' ], canal => [ type => 'DELETE' ], quix => [ kind => 'delete' ], goldengate_op => [ op_type => 'D' ], goldengate_row => [ op_type => 'D' ]);
	my ($member, $value) = @{ $is{$format} };
	return scalar grep { $_->[1] >= 0 && ($json->decode($_->[2])->{$member} // '') eq $value } messages($topic);
}
my @others = qw(maxwell debezium canal quix goldengate_op goldengate_row);

subtest 'another name' => sub {
	my $from = next_seq();
	$source->do('CREATE TABLE shop.e1 (k int PRIMARY KEY, v int)', 'INSERT INTO shop.e1 VALUES (1, 1), (2, 2), (3, 3)',
		'ALTER TABLE shop.e1 CHANGE k kk int', 'UPDATE shop.e1 SET v = 5 WHERE kk = 1', 'DELETE FROM shop.e1 WHERE kk = 2');
	both();
	$cluster->do(publish("n$_", $_, $from)) for 'json', 'es_bulk', @others;
	is_deeply(documents('json', 'njson.e1'), { '{"kk":1}' => { kk => 1, v => 5 }, '{"kk":3}' => { kk => 3, v => 3 } }, 'json: rows under their new keys');
	is(join(' ', sort keys %{ documents('es_bulk', 'nes_bulk.e1') }), '1 3', 'es_bulk: an _id has no name');
	is(scalar(messages('nes_bulk.e1')), 5, '... so that nothing is sent for it');
	$cluster->do(q{SELECT cdc.resync_table('shop', 'shop.e1')});
	both();
	$cluster->do("SELECT cdc.publish_more('n$_')") for 'json', 'es_bulk', @others;
	is_deeply(documents('json', 'njson.e1'), { '{"kk":1}' => { kk => 1, v => 5 }, '{"kk":3}' => { kk => 3, v => 3 } }, 'json: a resync');
	is_deeply(documents('es_bulk', 'nes_bulk.e1'), { 1 => { kk => 1, v => 5 }, 3 => { kk => 3, v => 3 } }, 'es_bulk: a resync');
	is(deletes($_, "n$_.e1"), 1, "$_: a resync takes no row away") for @others;
	$source->do('TRUNCATE shop.e1');
	both();
	$cluster->do("SELECT cdc.publish_more('n$_')") for 'json', 'es_bulk', @others;
	is_deeply(documents($_, "n$_.e1"), {}, "$_: TRUNCATE behind that") for qw(json es_bulk);
	is(deletes($_, "n$_.e1"), 3, "$_: TRUNCATE behind that") for @others;
	$cluster->do("SELECT cdc.drop_publication('n$_')") for 'json', 'es_bulk', @others;
};

subtest 'names that change with other columns' => sub {
	my $from = next_seq();
	$source->do('CREATE TABLE shop.sw (a int, b int, x varchar(10), gone int, PRIMARY KEY (a, b))', q{INSERT INTO shop.sw VALUES (1, 2, 'x', 0), (2, 1, 'y', 0), (3, 3, 'z', 0)},
		'ALTER TABLE shop.sw CHANGE a b int, CHANGE b a int, CHANGE x y varchar(10), DROP gone', q{UPDATE shop.sw SET y = 'new' WHERE b = 1 AND a = 2});
	both();
	$cluster->do(publish("s$_", $_, $from)) for qw(json es_bulk);
	is_deeply(documents('json', 'sjson.sw'), { '{"b":1,"a":2}' => { b => 1, a => 2, y => 'new' }, '{"b":2,"a":1}' => { b => 2, a => 1, y => 'y' }, '{"b":3,"a":3}' => { b => 3, a => 3, y => 'z' } }, 'json: exchanged');
	is(join(' ', sort keys %{ documents('es_bulk', 'ses_bulk.sw') }), '[1,2] [2,1] [3,3]', 'es_bulk: exchanged');
	$cluster->do("SELECT cdc.drop_publication('s$_')") for qw(json es_bulk);
};

subtest 'another type' => sub {
	my $from = next_seq();
	my %alter = (d1 => 'decimal(12,4)', d2 => 'datetime(3)', d3 => 'varchar(20)');
	$source->do('CREATE TABLE shop.d1 (k decimal(10,2) PRIMARY KEY, v int)', 'INSERT INTO shop.d1 VALUES (1.5, 1), (2, 2), (3, 3)',
		'CREATE TABLE shop.d2 (k datetime PRIMARY KEY, v int)', q{INSERT INTO shop.d2 VALUES ('2020-01-01', 1), ('2020-01-02', 2), ('2020-01-03', 3)},
		'CREATE TABLE shop.d3 (k int PRIMARY KEY, v int)', 'INSERT INTO shop.d3 VALUES (1, 1), (2, 2), (3, 3)');
	both();
	$cluster->do(publish("t$_", $_, $from)) for 'json', 'es_bulk', @others;
	$source->do((map { "ALTER TABLE shop.$_ MODIFY k $alter{$_}" } sort keys %alter), (map { ("UPDATE shop.$_ SET v = 10 WHERE v = 1", "DELETE FROM shop.$_ WHERE v = 2") } sort keys %alter));
	both();
	$cluster->do("SELECT cdc.publish_more('t$_')") for @others;
	for my $format (qw(json es_bulk))
	{
		for my $table (sort keys %alter)
		{
			my $error = fails("SELECT cdc.publish_more('t$format')");
			# the first publication's hints have brought what the second one needs
			last if $format eq 'es_bulk' && $error eq '';
			like($error, qr/publication "t$format" cannot tell the rows of source table shop\.$table under their new primary key/, "$format: $table: an error");
			my ($hint) = $error =~ /(SELECT cdc\.resync_table\(.*?\);)/;
			$cluster->do($hint);
			both();
		}
		$cluster->do("SELECT cdc.publish_more('t$format')");
	}
	my $dbh = $source->connect;
	for my $table (sort keys %alter)
	{
		my %row = map { $_->[0] => $_->[1] } @{ $dbh->selectall_arrayref("SELECT k, v FROM shop.$table") };
		my $doc = documents('es_bulk', "tes_bulk.$table");
		is_deeply({ map { $_ => $doc->{$_}{v} } keys %$doc }, \%row, "es_bulk: $table: what the source has");
		$doc = documents('json', "tjson.$table");
		is_deeply({ map { $json->decode($_)->{k} => $doc->{$_}{v} } keys %$doc }, { map { ($table eq 'd1' ? $_ + 0 : $_) => $row{$_} } keys %row }, "json: $table: what the source has");
		is(scalar(keys %$doc), 2, '... and no more');
	}
	$cluster->do("SELECT cdc.publish_more('t$_')") for @others;
	for my $format (@others)
	{
		is(deletes($format, "t$format.$_"), 1, "$format: $_: the copy takes no row away") for sort keys %alter;
	}
	$cluster->do("SELECT cdc.drop_publication('t$_')") for 'json', 'es_bulk', @others;
};

subtest 'a type whose values are written alike' => sub {
	my $from = next_seq();
	$source->do('CREATE TABLE shop.w (k int, c varchar(5), v int, PRIMARY KEY (k, c))', q{INSERT INTO shop.w VALUES (1, 'a', 1), (2, 'b', 2)},
		'ALTER TABLE shop.w MODIFY k bigint, MODIFY c varchar(50)', 'UPDATE shop.w SET v = 5 WHERE k = 1');
	both();
	$cluster->do(publish("w$_", $_, $from)) for qw(json es_bulk);
	is(scalar(messages("w$_.w")), 3, "$_: nothing is sent for it") for qw(json es_bulk);
	$cluster->do("SELECT cdc.drop_publication('w$_')") for qw(json es_bulk);
};

# A publication that is behind: the target has its new names already.
subtest 'rows that were found to be gone before' => sub {
	my $from = next_seq();
	$source->do('CREATE TABLE shop.g (k int PRIMARY KEY, v int)', 'INSERT INTO shop.g VALUES (1, 1), (2, 2), (3, 3)');
	both();
	$source->do('SET sql_log_bin = 0', 'DELETE FROM shop.g WHERE k = 2', 'SET sql_log_bin = 1');
	$cluster->do(q{SELECT * FROM cdc.verify('shop', 'shop.g', repair := true)});
	both();
	$source->do('ALTER TABLE shop.g CHANGE k kk int', 'UPDATE shop.g SET v = 5 WHERE kk = 1');
	both();
	$cluster->do(publish("g$_", $_, $from)) for 'json', 'es_bulk', 'canal';
	is_deeply(documents('json', 'gjson.g'), { '{"kk":1}' => { kk => 1, v => 5 }, '{"kk":3}' => { kk => 3, v => 3 } }, 'json');
	is(join(' ', sort keys %{ documents('es_bulk', 'ges_bulk.g') }), '1 3', 'es_bulk');
	is(deletes('canal', 'gcanal.g'), 1, 'canal');
	$cluster->do("SELECT cdc.drop_publication('g$_')") for qw(json es_bulk canal);
};

done_testing();
