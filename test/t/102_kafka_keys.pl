# What tells rows apart in messages of Kafka and in their target: where that differs nothing is
# written wrongly, and what the error says to type, typed as it stands, leads to the source's rows.
#
# Takes 30 s.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_keys');
$cluster->do(sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap));

sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub log_of { return list('SELECT kind, message, detail FROM cdc.log WHERE subscription = ? ORDER BY at', $_[0]) }

# As CdcIngest::Cluster says.
sub subscription { return $cluster->subscribe_topic($kafka, @_) }
sub follow { return $cluster->follow_topic($kafka, @_) }

# The same of one message in that partition.
sub follow_at
{
	my ($name, $partition, $message) = @_;
	$kafka->produce($name, [$message], partition => $partition);
	return follow($name);
}

# The statements that an error tells one to type, as they stand, up to a word that begins another way.
sub statements
{
	my ($text) = @_;
	$text =~ s/.*HINT:\s*//s;
	return $text =~ /((?:ALTER TABLE|SELECT cdc\.)[^;]*;)/g;
}

sub debezium
{
	my ($op, $key, $before, $after) = @_;
	return [ $key, qq({"op":"$op","before":$before,"after":$after,"ts_ms":1,"source":{"connector":"mysql","db":"d","table":"t","ts_ms":1}}) ];
}

sub maxwell
{
	my ($key, $type, $data, $old) = @_;
	return [ qq({"database":"d","table":"t",$key}), qq({"database":"d","table":"t","type":"$type","ts":1,"data":$data) . ($old ? qq(,"old":$old) : '') . '}' ];
}

sub canal
{
	my ($pk, $type, $row) = @_;
	return [ undef, qq({"type":"$type","isDdl":false,"database":"d","table":"t","es":1,"ts":1,"mysqlType":{"id":"int","r":"int","n":"varchar(9)"},"pkNames":[$pk],"data":[$row],"old":null}) ];
}

sub goldengate
{
	my ($pk, $op, $image) = @_;
	return [ undef, sprintf q({"table":"D.T","op_type":"%s","op_ts":"2020-05-13 15:40:06.000000","current_ts":"2020-05-13 15:40:06.000000","pos":"00000000000000000143","primary_keys":[%s],"%s":%s}), $op, $pk, $op eq 'D' ? 'before' : 'after', $image ];
}

# The source's key (id) becomes (id, r): rows (1,1) and (2,1), then (1,2), and (1,1) goes.
my %wider = (
	debezium => [ debezium('c', '{"id":1}', 'null', '{"id":1,"r":1,"n":"a"}'), debezium('c', '{"id":2}', 'null', '{"id":2,"r":1,"n":"a"}'),
		debezium('c', '{"id":1,"r":2}', 'null', '{"id":1,"r":2,"n":"b"}'), debezium('d', '{"id":1,"r":1}', '{"id":1,"r":1,"n":"a"}', 'null') ],
	maxwell => [ maxwell('"pk.id":1', 'insert', '{"id":1,"r":1,"n":"a"}'), maxwell('"pk.id":2', 'insert', '{"id":2,"r":1,"n":"a"}'),
		maxwell('"pk.id":1,"pk.r":2', 'insert', '{"id":1,"r":2,"n":"b"}'), maxwell('"pk.id":1,"pk.r":1', 'delete', '{"id":1,"r":1,"n":"a"}') ],
	canal => [ canal('"id"', 'INSERT', '{"id":"1","r":"1","n":"a"}'), canal('"id"', 'INSERT', '{"id":"2","r":"1","n":"a"}'),
		canal('"id","r"', 'INSERT', '{"id":"1","r":"2","n":"b"}'), canal('"id","r"', 'DELETE', '{"id":"1","r":"1","n":"a"}') ],
	goldengate => [ goldengate('"id"', 'I', '{"id":1,"r":1,"n":"a"}'), goldengate('"id"', 'I', '{"id":2,"r":1,"n":"a"}'),
		goldengate('"id","r"', 'I', '{"id":1,"r":2,"n":"b"}'), goldengate('"id","r"', 'D', '{"id":1,"r":1,"n":"a"}') ]);

subtest 'the key of a source table gets wider' => sub {
	for my $format (sort keys %wider)
	{
		my @messages = @{ $wider{$format} };
		my $name = "wider_$format";
		my $table = $format eq 'goldengate' ? qq($name."T") : "$name.t";
		subscription($name, $format);
		is(follow($name, @messages[0, 1]), '', "$format: rows by the former key");
		my $error = follow($name, @messages[2, 3]);
		like($error, qr/tell its rows apart by \((?:id, r|r, id)\), its target \S+ by \(id\)/, '... and by another one: an error');
		is(list("SELECT id, r FROM $table ORDER BY 1, 2"), '1|1 2|1', '... before anything is written');
		my @do = statements($error);
		is(scalar @do, 3, '... which says what to type') or diag($error);
		$cluster->do(@do[0, 1]);
		is(follow($name), '', '... and apply goes on');
		is(list("SELECT id, r, n FROM $table ORDER BY 1, 2"), '1|2|b 2|1|a', '... and nothing is lost');
	}
};

subtest 'the statement alone that changes the key meets the former one' => sub {
	subscription('alone', 'debezium');
	follow('alone', @{ $wider{debezium} });
	$cluster->do(q{SELECT cdc.alter_table('alone', 'd.t', key := '{id,r}')});
	my $error = follow('alone');
	my ($alter) = $error =~ /HINT:.*?(ALTER TABLE alone\.t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY \(id, r\);)/s;
	ok($alter, 'and says so') or diag($error);
	$cluster->do($alter);
	is(follow('alone'), '', '... and apply goes on');
	is(list('SELECT id, r, n FROM alone.t ORDER BY 1, 2'), '1|2|b 2|1|a', '... and nothing is lost');
};

subtest 'a key that one has chosen' => sub {
	subscription('chosen', 'debezium');
	my @do = statements(follow('chosen', @{ $wider{debezium} }));
	$cluster->do($do[2]);
	is(follow('chosen'), '', 'is taken');
	like(log_of('chosen'), qr/key\|messages of source table d\.t tell its rows apart by \(r, id\), its target by \(id\)\|ALTER TABLE/, '... and not in silence');
};

subtest 'on_error = table, and log' => sub {
	for my $on (qw(table log))
	{
		subscription("on_$on", 'maxwell', options => qq({"on_error": "$on"}));
		is(follow("on_$on", @{ $wider{maxwell} }), '', "$on: the others go on");
		is(list('SELECT state FROM cdc.stat_table WHERE subscription = ?', "on_$on") . list("SELECT id, r FROM on_$on.t WHERE r = 2"), 'e', '... the table stops as a whole');
		my @do = statements($cluster->value('SELECT last_error FROM cdc.stat_table WHERE subscription = ?', "on_$on"));
		$cluster->do(@do[0, 1]);
		is(follow("on_$on"), '', '... and goes on');
		is(list("SELECT id, r, n FROM on_$on.t ORDER BY 1, 2"), '1|2|b 2|1|a', '... and nothing is lost');
	}
};

subtest 'a target with a key of its own' => sub {
	# former rows are told: all is right
	subscription('own', 'debezium', first => ['CREATE TABLE own.t (id int, r int, n text, PRIMARY KEY (id, r))']);
	is(follow('own', debezium('c', '{"id":1}', 'null', '{"id":1,"r":1,"n":"a"}'), debezium('u', '{"id":1}', '{"id":1,"r":1,"n":"a"}', '{"id":1,"r":2,"n":"b"}')), '', 'with the row before the change');
	is(list('SELECT id, r, n FROM own.t'), '1|2|b', '... it moves');
	# they are not
	my $error = follow('own', debezium('u', '{"id":1}', 'null', '{"id":1,"r":3,"n":"c"}'));
	like($error, qr/does not tell what column "r" of source table d\.t was before/, 'without it: an error');
	is(list('SELECT id, r, n FROM own.t'), '1|2|b', '... and no second row');
	$cluster->do((statements($error))[0, 1]);
	is(follow('own'), '', '... what it says is typed');
	is(list('SELECT id, r, n FROM own.t'), '1|3|c', '... and there is one row');

	# the key gets narrower
	subscription('narrow', 'debezium');
	$error = follow('narrow', debezium('c', '{"id":1,"r":1}', 'null', '{"id":1,"r":1,"n":"a"}'), debezium('u', '{"id":1}', 'null', '{"id":1,"r":2,"n":"b"}'));
	like($error, qr/does not tell what column "r"/, 'a narrower key');
	$cluster->do((statements($error))[0, 1]);
	is(follow('narrow'), '', '... what it says is typed');
	is(list('SELECT id, r, n FROM narrow.t'), '1|2|b', '... and there is one row');

	# documents tell no former row
	subscription('documents', 'json', first => ['CREATE TABLE documents.documents (id int, email text PRIMARY KEY)']);
	$error = follow('documents', [ '{"id":1}', '{"id":1,"email":"x"}' ], [ '{"id":1}', '{"id":1,"email":"y"}' ]);
	like($error, qr/messages of source table documents tell its rows apart by \(id\), its target \S+ by \(email\)/, 'documents by another key');
	$cluster->do((statements($error))[0]);
	is(follow('documents'), '', '... what it says is typed');
	is(list('SELECT id, email FROM documents.documents'), '1|y', '... and there is one row');
};

subtest 'documents whose key is no member' => sub {
	subscription('scalar', 'json');
	my $error = follow('scalar', [ 1, '{"id":1,"v":"a"}' ], [ 2, '{"id":2,"v":"b"}' ]);
	like($error, qr/messages of source table scalar have a key, and target scalar\.scalar has none/, 'an error before rows double');
	my @do = statements($error);
	is(scalar @do, 3, '... which says what to type') or diag($error);
	$cluster->do(@do[0, 1]);
	is(follow('scalar', [ 1, '{"id":1,"v":"c"}' ], [ 2, undef ]), '', '... and apply goes on');
	is(list('SELECT id, v FROM scalar.scalar'), '1|c', '... with one row of a key');

	subscription('events', 'json');
	@do = statements(follow('events', [ 'k', '{"id":1}' ], [ 'k', '{"id":1}' ]));
	$cluster->do($do[2]);
	is(follow('events'), '', 'a row of each message');
	is(list('SELECT id FROM events.events'), '1 1', '... is what one may choose');
};

subtest 'a subscription whose only topic is gone' => sub {
	subscription('gone', 'json', partitions => 2);
	is(follow('gone', [ '{"id":1}', '{"v":"a"}' ]), '', 'is read');
	$kafka->delete_topic('gone');
	my $error = follow('gone');
	like($error, qr/topic "gone" of subscription "gone" does not exist any more/, 'gone');
	my @do = statements($error);
	is(scalar @do, 2, 'what to type') or diag($error);
	$cluster->do($do[0]);
	is(follow('gone'), '', 'nothing is read');
	like(log_of('gone'), qr{topic gone removed\|It was read up to gone/0@\d, gone/1@\d}, '... nor is it forgotten what was');
	$kafka->create_topic('gone', 1);
	$cluster->do($do[1]);
	is(follow('gone', [ '{"id":2}', '{"v":"b"}' ]), '', 'made anew with fewer partitions');
	is(list('SELECT id, v FROM gone.gone ORDER BY 1'), '1|a 2|b', '... and read');
};

subtest 'events that concern more than their key' => sub {
	subscription('ordered', 'canal', partitions => 2);
	my $row = sub { qq({"id":"$_[0]","r":"1","n":"a"}) };
	my $send = sub { my ($partition, $type, $data, $old) = @_; $kafka->produce('ordered', [ [ undef, qq({"type":"$type","isDdl":false,"database":"d","table":"t","es":1,"ts":1,"mysqlType":{"id":"int","r":"int","n":"varchar(9)"},"pkNames":["id"],"data":$data,"old":) . ($old // 'null') . '}' ] ], partition => $partition) };
	$send->(0, 'INSERT', '[' . $row->(1) . ']');
	$send->(0, 'UPDATE', '[' . $row->(2) . ']', '[{"id":"1"}]');
	is(follow('ordered'), '', 'of one partition');
	is(list(q{SELECT count(*) FROM cdc.log WHERE kind = 'order'}) . list('SELECT id FROM ordered.t'), '02', 'there is nothing to say');
	$send->(1, 'INSERT', '[' . $row->(3) . ']');
	is(follow('ordered'), '', 'of another one');
	like(log_of('ordered'), qr/order\|order of events of source table d\.t is not known.*\|an update that changes the key, at ordered\/0\@1 \(seq 2\)/, 'the update is told');
	$send->(1, 'TRUNCATE', 'null');
	is(follow('ordered'), '', 'TRUNCATE');
	is(list('SELECT count(*) FROM ordered.t') . list(q{SELECT repeats FROM cdc.log WHERE kind = 'order'}), '01', '... is applied, and told');
};

subtest 'messages of one key from several partitions' => sub {
	my $told = sub { return list(q{SELECT count(*) FROM cdc.log WHERE subscription = ? AND kind = 'order'}, $_[0]) };
	my $image = sub { my ($id, $n) = @_; return defined $n ? qq({"id":$id,"n":"$n"}) : 'null' };
	my $place = sub { my ($file, $pos, $time, $more) = @_; return qq("source":{"connector":"mysql","name":"s","server_id":1,"db":"d","table":"t","ts_ms":$time,"file":"bin.$file","pos":$pos) . ($more // '') . '}' };
	my $send = sub {
		my ($topic, $partition, $op, $id, $n, @place) = @_;
		my ($before, $after) = $op eq 'd' ? ($image->($id, $n), 'null') : ('null', $image->($id, $n));
		return follow_at($topic, $partition, [ qq({"id":$id}), qq({"op":"$op","before":$before,"after":$after,"ts_ms":1,) . $place->(@place) . '}' ]);
	};

	# places in the log of the source
	subscription('parted', 'debezium', partitions => 3);
	is($send->('parted', 0, 'c', 1, 'first', '000009', 100, 1000), '', 'a row');
	is($send->('parted', 1, 'u', 2, 'other', '000009', 150, 1000), '', '... and another one, of another partition');
	is($told->('parted'), 0, 'by the key: there is nothing to say');
	is($send->('parted', 1, 'u', 1, 'third', '000010', 120, 3000), '', 'the first one from another partition');
	like(log_of('parted'), qr{order\|messages of one key of source table d\.t come from several partitions\|1 of them, such as of key \(id\)=\(1\) at seq 1, then at seq 3, parted/1\@1\. .* compare target parted\.t}, '... is told');
	is($send->('parted', 0, 'u', 1, 'second', '000009', 200, 2000), '', 'an older state');
	is(list('SELECT id, n FROM parted.t ORDER BY 1'), '1|third 2|other', '... does not overwrite a newer one');
	like(log_of('parted'), qr{order\|older states of rows of source table d\.t came behind newer ones, .*\|1 of them, such as of key \(id\)=\(1\) at seq 3, then at seq 4, parted/0\@1\. }, '... and is told');
	is($send->('parted', 2, 'd', 1, 'third', '000010', 130, 3000), '', 'a delete');
	is($send->('parted', 1, 'u', 1, 'late', '000010', 125, 3000), '', 'an update of before that, from another partition');
	is(list('SELECT id, n FROM parted.t ORDER BY 1'), '2|other', '... does not bring the row back');
	is($send->('parted', 1, 'c', 1, 'again', '000011', 4, 4000), '', 'a new row');
	is(list('SELECT id, n FROM parted.t ORDER BY 1'), '1|again 2|other', '... does');

	# an earlier place is no proof
	is($send->('parted', 0, 'u', 1, 'fail-over', '000001', 4, 5000), '', 'a log that begins anew');
	is(list('SELECT n FROM parted.t WHERE id = 1'), 'fail-over', '... is newer by its clock, and is applied');
	is($send->('parted', 1, 'u', 1, 'chunk', '000001', 3, 4000, ',"snapshot":"incremental"'), '', 'a row of an incremental snapshot');
	is(list('SELECT n FROM parted.t WHERE id = 1'), 'chunk', '... is of no place in the log');
	is($send->('parted', 0, 'u', 1, 'x', '000001', 9, 6000), '', 'a last one');
	is(follow_at('parted', 2, [ '{"id":1}', '{"op":"u","before":null,"after":{"id":1,"n":"server 2"},"ts_ms":1,"source":{"connector":"mysql","name":"s","server_id":2,"db":"d","table":"t","ts_ms":1,"file":"bin.000001","pos":1}}' ]), '', 'another server');
	is(list('SELECT n FROM parted.t WHERE id = 1'), 'server 2', '... has another log');

	# a run that failed has applied nothing
	$cluster->do(q{ALTER TABLE parted.t ADD CONSTRAINT c CHECK (n <> 'bad')});
	like($send->('parted', 0, 'u', 2, 'bad', '000012', 9, 9000), qr/violates check/, 'a row that cannot be written');
	$cluster->do(q{SELECT cdc.skip_transaction('parted', 'parted/0@4')});
	is($send->('parted', 2, 'u', 2, 'good', '000012', 8, 9000), '', '... and is passed over');
	is(list('SELECT n FROM parted.t WHERE id = 2'), 'good', '... makes none before it needless');

	# PostgreSQL's, GoldenGate's and Maxwell's places
	my $lsn = sub { my ($partition, $n, $lsn) = @_; return follow_at('lsn', $partition, [ '{"id":1}', qq({"op":"u","before":null,"after":{"id":1,"n":"$n"},"ts_ms":1,"source":{"connector":"postgresql","name":"s","db":"x","schema":"d","table":"t","ts_ms":1,"lsn":$lsn}}) ]) };
	subscription('lsn', 'debezium', partitions => 2);
	is($lsn->(1, 'new', 200) . $lsn->(0, 'old', 100) . list('SELECT n FROM lsn.t'), 'new', 'Debezium, PostgreSQL');
	my $gg = sub { my ($partition, $op, $pos, $before, $after) = @_; return follow_at('trail', $partition, [ undef, qq({"table":"D.T","op_type":"$op","op_ts":"2020-05-13 15:40:06.000000","current_ts":"2020-05-13 15:40:06.000000","pos":"0000000001000000$pos","primary_keys":["id"],"before":$before,"after":$after}) ]) };
	subscription('trail', 'goldengate', partitions => 2);
	is($gg->(1, 'U', '0200', '{"id":1,"n":"a"}', '{"id":2,"n":"a"}') . $gg->(0, 'I', '0100', 'null', '{"id":1,"n":"a"}'), '', 'GoldenGate: a key that has changed');
	is(list('SELECT id, n FROM trail."T" ORDER BY 1'), '2|a', '... and is not brought back');
	my $maxwell = sub { my ($partition, $n, $position) = @_; return follow_at('binlog', $partition, [ '{"database":"d","table":"t","pk.id":1}', qq({"database":"d","table":"t","type":"insert","ts":1,"position":"bin.000001:$position","data":{"id":1,"n":"$n"}}) ]) };
	subscription('binlog', 'maxwell', partitions => 2);
	is($maxwell->(1, 'new', 200) . $maxwell->(0, 'old', 100) . list('SELECT n FROM binlog.t'), 'new', 'Maxwell');

	# without a place
	subscription('placeless', 'canal', partitions => 2);
	is(follow_at('placeless', 1, canal('"id"', 'INSERT', '{"id":"1","r":"2","n":"a"}')) . follow_at('placeless', 0, canal('"id"', 'INSERT', '{"id":"1","r":"1","n":"a"}')), '', 'no place');
	is(list('SELECT id, r FROM placeless.t') . $told->('placeless'), '1|11', '... is applied as it was read, and told');
	$cluster->do(q{SELECT cdc.alter_table('placeless', 'd.t', key := '{id}')});
	is(list('SELECT id, r FROM placeless.t') . list(q{SELECT count(*), max(repeats) FROM cdc.log WHERE subscription = 'placeless' AND kind = 'order'}), '1|11|1', 'from the history again: told again');
};

subtest 'a target without an index' => sub {
	subscription('slow', 'debezium', first => ['CREATE TABLE slow.t (id int, r int, n text)']);
	follow('slow', debezium('c', '{"id":1}', 'null', '{"id":1,"r":1,"n":"a"}'));
	my $told = $cluster->notices_of(q{SELECT cdc.alter_table('slow', 'd.t', key := '{id}')});
	is(scalar(() = $told =~ /target slow\.t has no unique index on its key/g), 1, 'is told once') or diag($told);
};

subtest 'tables that no message names' => sub {
	subscription('names', 'maxwell', tables => ['nothing.*']);
	is(follow('names', maxwell('"pk.id":1', 'insert', '{"id":1,"r":1,"n":"a"}')), '', 'messages of other tables');
	my ($detail) = log_of('names') =~ /tables\|no message of topic "names" is of a table that subscription "names" wants\|(.*)/;
	my @do = ($detail // '') =~ /(SELECT cdc\.\w+\([^;]*;)/g;
	is(scalar @do, 2, 'cdc.log says what to type');
	like($cluster->notices_of(q{SELECT cdc.add_table('names', 'D.T')}), qr/WARNING.*has no message of source table D\.T yet/s, 'a name that is none');
	like($cluster->notices_of(q{SELECT cdc.add_table('names', 'd.*')}), qr/WARNING.*It is a name here, and no pattern/s, 'a pattern');
	$cluster->do(@do);
	is(follow('names'), '', 'what it says is typed');
	is(list('SELECT id, r, n FROM names.t'), '1|1|a', '... and the rows are there');
	is(list(q{SELECT count(*) FROM cdc.stat_kafka_partition WHERE last_message < '1980-01-01'}), '0', 'a partition that was not read has no last message');
};

subtest 'on_error = log: values that fail while the row is read' => sub {
	subscription('logged', 'debezium', options => '{"on_error": "log"}', first => ['CREATE TABLE logged.t (id int PRIMARY KEY, d date, v text)']);
	my $row = sub { my ($id, $d, $v) = @_; debezium('c', qq({"id":$id}), 'null', qq({"id":$id,"d":$d,"v":"$v"})) };
	is(follow('logged', $row->(1, 19000, 'a'), $row->(2, 99999999999, 'b'), $row->(3, 19001, 'c'), $row->(4, 19002, 'd\u0000'), $row->(5, 19003, 'e')), '', 'apply goes on');
	is(list('SELECT id, v FROM logged.t ORDER BY 1'), '1|a 3|c 5|e', 'all other rows are there');
	is(list(q{SELECT seq FROM cdc.error WHERE subscription = 'logged' ORDER BY 1}), '2 4', 'they are in cdc.error');
	is(follow('logged', $row->(2, 19004, 'B')), '', 'what comes behind on the same key');
	is(list(q{SELECT seq FROM cdc.error WHERE subscription = 'logged' ORDER BY 1}), '2 4 6', '... goes there, too');
	$cluster->do(q{SELECT cdc.discard_errors('logged', 'd.t', 'none of them')});
	is(follow('logged', $row->(2, 19004, 'B')), '', 'given up');
	is(list('SELECT id, v FROM logged.t ORDER BY 1'), '1|a 2|B 3|c 5|e', '... and on');
};

subtest 'a member without a name' => sub {
	subscription('nameless', 'json');
	is(follow('nameless', [ '{"id":1}', '{"":0,"v":"a"}' ], [ '{"id":2}', '{"v":"b","":1}' ]), '', 'is no error');
	is(list('SELECT id, v FROM nameless.nameless ORDER BY 1'), '1|a 2|b', '... nor a column');
	like(log_of('nameless'), qr/tables\|rows of source table nameless have a member whose name is empty, which is left out/, '... and told');
};

# The source's key becomes another column while rows of the former one stand, by update and insert;
# and a target that has another key than its messages from the start.
subtest 'the key of a source table becomes another one' => sub {
	my %other = (
		debezium => [ debezium('c', '{"id":1}', 'null', '{"id":1,"r":10,"n":"a"}'), debezium('c', '{"id":2}', 'null', '{"id":2,"r":20,"n":"b"}'),
			debezium('u', '{"r":10}', '{"id":1,"r":10,"n":"a"}', '{"id":7,"r":10,"n":"a"}'), debezium('c', '{"r":30}', 'null', '{"id":7,"r":30,"n":"c"}') ],
		maxwell => [ maxwell('"pk.id":1', 'insert', '{"id":1,"r":10,"n":"a"}'), maxwell('"pk.id":2', 'insert', '{"id":2,"r":20,"n":"b"}'),
			maxwell('"pk.r":10', 'update', '{"id":7,"r":10,"n":"a"}', '{"id":1}'), maxwell('"pk.r":30', 'insert', '{"id":7,"r":30,"n":"c"}') ],
		canal => [ canal('"id"', 'INSERT', '{"id":"1","r":"10","n":"a"}'), canal('"id"', 'INSERT', '{"id":"2","r":"20","n":"b"}'),
			[ undef, canal('"r"', 'UPDATE', '{"id":"7","r":"10","n":"a"}')->[1] =~ s/"old":null/"old":[{"id":"1"}]/r ], canal('"r"', 'INSERT', '{"id":"7","r":"30","n":"c"}') ],
		goldengate => [ goldengate('"id"', 'I', '{"id":1,"r":10,"n":"a"}'), goldengate('"id"', 'I', '{"id":2,"r":20,"n":"b"}'),
			[ undef, goldengate('"r"', 'U', '{"id":7,"r":10,"n":"a"}')->[1] =~ s/"after":/"before":{"id":1,"r":10,"n":"a"},"after":/r ], goldengate('"r"', 'I', '{"id":7,"r":30,"n":"c"}') ]);
	for my $format (sort keys %other)
	{
		my @messages = @{ $other{$format} };
		my ($update, $insert) = splice @messages, 2;
		for my $case ([ changed => [ @messages, $update, $insert ], '2|20|b 7|10|a 7|30|c' ], [ start => [ $insert, $format eq 'canal' ? canal('"r"', 'INSERT', '{"id":"7","r":"31","n":"d"}') : () ], $format eq 'canal' ? '7|30|c 7|31|d' : '7|30|c' ])
		{
			my ($what, $sent, $rows) = @$case;
			my $name = "${what}_$format";
			my ($schema, $table) = ($name, $format eq 'goldengate' ? '"T"' : 't');
			subscription($name, $format, first => ["CREATE TABLE $name.$table (id int PRIMARY KEY, r int, n text)"]);
			my $error = follow($name, @$sent);
			# Canal's messages tell the key's columns beside the types, so that only the index is another one
			like($error, qr/messages of source table \w\.\w tell its rows apart by \(r\), its target \S+ by \(id\)|Rows are told apart by \(r\), which that index does not do/, "$what: $format: is an error");
			my @do = statements($error);
			$cluster->do($do[0], $error =~ /duplicate key/ ? () : $do[1]);
			is(follow($name), '', '... what it says is typed');
			is(list("SELECT id, r, n FROM $name.$table ORDER BY 2") , join(' ', sort { (split /\|/, $a)[1] <=> (split /\|/, $b)[1] } split / /, $rows), '... and each row is there');
		}
	}
};

# Two sources have a table of one name.
subtest 'tables of one name in two sources' => sub {
	my $sqlserver = sub { my ($db, $op, $id, $n) = @_; return [ qq({"id":$id}), sprintf q({"op":"%s","before":null,"after":%s,"ts_ms":1,"source":{"connector":"sqlserver","name":"server1","db":"%s","schema":"dbo","table":"c","ts_ms":1}}), $op, $op eq 't' ? 'null' : qq({"id":$id,"n":"$n"}), $db ] };
	my $mysql = sub { my ($name, $op, $id, $n) = @_; return [ qq({"id":$id}), sprintf q({"op":"%s","before":null,"after":%s,"ts_ms":1,"source":{"connector":"mysql","name":"%s","db":"dbo","table":"c","ts_ms":1}}), $op, $op eq 't' ? 'null' : qq({"id":$id,"n":"$n"}), $name ] };
	for my $case ([ dbs => $sqlserver, qr/"server1\.A" and "server1\.B"/ ], [ servers => $mysql, qr/"A" and "B"/ ])
	{
		my ($name, $message, $expected) = @$case;
		for my $on (qw(stop table))
		{
			my $sub = "${name}_$on";
			subscription($sub, 'debezium', options => qq({"on_error": "$on"}));
			is(follow($sub, $message->('A', 'c', 1, 'a'), $message->('A', 'c', 2, 'b')), '', "$sub: one source");
			my $error = follow($sub, $message->('B', 'c', 1, 'x'), $message->('B', 't', 0, ''), $message->('B', 'c', 3, 'y'), $message->('A', 'u', 2, 'c'));
			$error = $cluster->value('SELECT last_error FROM cdc.stat_table WHERE subscription = ?', $sub) if $on eq 'table';
			like($error, qr/messages of source table dbo\.c come from two sources, $expected/, '... another one is an error of the table');
			is(list("SELECT id, n FROM $sub.c ORDER BY 1"), '1|a 2|b', '... and nothing of it is written');
			my @do = statements($error);
			$cluster->do($do[0], $on eq 'table' ? $do[2] : ());
			is(follow($sub), '', '... the first one alone, by what it says');
			is(list("SELECT id, n FROM $sub.c ORDER BY 1"), '1|a 2|c', '... without the TRUNCATE of the other');
			$cluster->do($do[1]);
			is(follow($sub, $message->('B', 'c', 4, 'z')), '', '... both');
			is(list("SELECT id, n FROM $sub.c ORDER BY 1"), '1|a 2|c 4|z', '... are written');
			is(list(q{SELECT origin IS NOT NULL FROM cdc_catalog.subscription_table WHERE subscription = ?}, $sub), '1', '... what was seen first is kept');
		}
	}
	# rows alone: by the names of their topics, tombstones too
	$kafka->create_topic("$_.inv.c", 1) for qw(fla flb);
	$cluster->do('CREATE SCHEMA flat');
	$cluster->call('create_subscription', name => 'flat', server => 'bus', topics => [ 'fla.inv.c', 'flb.inv.c' ], format => 'debezium_flat', target_schema => 'flat', enabled => \'false');
	$kafka->produce('fla.inv.c', [ [ '{"id":1}', '{"id":1,"v":"a"}' ] ]);
	is(follow('flat'), '', 'flat: one source');
	$kafka->produce('flb.inv.c', [ [ '{"id":1}', undef ] ]);
	my $error = follow('flat');
	like($error, qr/come from two sources, "fla" and "flb"/, '... a tombstone of another one');
	$cluster->do((statements($error))[0]);
	is(follow('flat'), '', '... is passed over by what it says');
	is(list('SELECT id, v FROM flat.c'), '1|a', '... and deletes nothing');
};

# Documents: the source's key becomes another column, of which cdc.publish tells a tombstone of each row
# under the former key, and each row under the new one.
subtest 'the key of documents becomes another one' => sub {
	for my $on (qw(stop table))
	{
		my $name = "another_$on";
		subscription($name, 'json', options => qq({"on_error": "$on"}), first => ["CREATE TABLE $name.$name (id int PRIMARY KEY, k int, v text)"]);
		is(follow($name, [ '{"id":1}', '{"id":1,"k":10,"v":"a"}' ], [ '{"id":2}', '{"id":2,"k":20,"v":"b"}' ], [ '{"id":1}', undef ], [ '{"id":2}', undef ]), '', "$on: the former key");
		my $error = follow($name, [ '{"k":10}', '{"id":1,"k":10,"v":"a"}' ], [ '{"k":20}', '{"id":2,"k":20,"v":"b"}' ], [ '{"k":10}', '{"id":7,"k":10,"v":"c"}' ]);
		$error = $cluster->value('SELECT last_error FROM cdc.stat_table WHERE subscription = ?', $name) if $on eq 'table';
		like($error, qr/messages of source table $name tell its rows apart by \(k\), its target \S+ by \(id\)/, '... and another one: an error');
		my @do = statements($error);
		$cluster->do($do[0], $on eq 'table' ? $do[1] : ());
		is(follow($name), '', '... goes on by what it says');
		is(list("SELECT id, k, v FROM $name.$name ORDER BY k"), '7|10|c 2|20|b', '... to the rows of the source');
	}
};

# Texts of the form of a date that are none, and numbers that a real does not have, as doc/types.md says.
subtest 'values that are none' => sub {
	subscription('odd', 'json', first => ['CREATE TABLE odd.odd (id int PRIMARY KEY, d date, r real)']);
	is(follow('odd', [ '{"id":1}', '{"id":1,"d":"2020-02-30","r":16777217}' ]), '', 'a date that is none');
	is(list('SELECT id, d, r::numeric FROM odd.odd'), '1|-|16777200', '... is NULL, and the number rounded');
	$cluster->do(q{SELECT cdc.alter_subscription('odd', '{"zero_date": "error"}')});
	like(follow('odd', [ '{"id":2}', '{"id":2,"d":"2020-02-30"}' ]), qr/2020-02-30/, '... or an error, by zero_date');
};

# A message that says itself that it has not the whole row is an error of its table, and no row of NULLs.
subtest 'messages without their row' => sub {
	my $tidb = sub {
		my ($type, $id, $mark, $columns) = @_;
		return [ undef, sprintf q({"type":"%s","isDdl":false,"database":"d","table":"t","es":1,"ts":1,"mysqlType":{"id":"int","n":"varchar(9)"},"pkNames":["id"],"data":[{"id":"%d"%s}],"old":null,"_tidb":{"commitTs":1%s}}), $type, $id, $columns, $mark ];
	};
	my $key_only = ',"onlyHandleKey":true';
	my $claim = ',"claimCheckLocation":"s3:/bucket/1.json"';
	my $encrypted = [ '{"database":"d","table":"t","pk.id":1}', '{"database":"d","table":"t","type":"update","ts":1,"xid":1,"commit":true,"encrypted":{"iv":"x","bytes":"y"}}' ];
	for my $on (qw(stop table))
	{
		subscription("whole_$on", 'auto', options => qq({"on_error": "$on"}));
		my $n = 0;
		my $other = qq({"type":"INSERT","isDdl":false,"database":"d","table":"u","es":1,"ts":1,"mysqlType":{"id":"int"},"pkNames":["id"],"data":[{"id":"%d"}],"old":null});
		for my $case ([ $tidb->('UPDATE', 1, $key_only, ''), qr/TiCDC has sent the key of a row only/ ], [ $tidb->('INSERT', 3, $claim, ''), qr/TiCDC has put a row into a storage of its own/ ], [ $encrypted, qr/rows that Maxwell has encrypted cannot be read/ ])
		{
			my ($message, $expected) = @$case;
			$n++;
			my $error = follow("whole_$on", $tidb->('INSERT', 1, '', ',"n":"a"'), $tidb->('INSERT', 2, '', ',"n":"b"'), $message, [ undef, sprintf $other, $n ], $tidb->('DELETE', 2, $key_only, ''));
			is(list("SELECT count(*) FROM whole_$on.t WHERE n IS NULL"), '0', "$on: no row without its values ($n)");
			if ($on eq 'table')
			{
				is($error, '', '... the subscription goes on');
				is(list("SELECT count(*) FROM whole_$on.u WHERE id = $n"), '1', '... with its other tables');
				$error = $cluster->value('SELECT last_error FROM cdc.stat_table WHERE subscription = ? AND source_table = ?', "whole_$on", 'd.t');
			}
			like($error, $expected, '... the error says why');
			like($error, qr/DETAIL:.*(?:large-message-handle-option|"encrypt" to none)/s, '... and what to set at the source');
			$error = $cluster->error_of("SELECT cdc.retry_errors('whole_$on', 'd.t')") if $on eq 'table';
			my ($pass) = $error =~ /(SELECT cdc\.skip_transaction\(.*?\))/;
			$cluster->do($pass);
			$cluster->do("SELECT cdc.retry_errors('whole_$on', 'd.t')") if $on eq 'table';
			is(follow("whole_$on"), '', '... passed over by what it says');
			is(list("SELECT id, n FROM whole_$on.t ORDER BY 1"), '1|a', '... and deletes need no more than the key');
		}
	}
	# with no replica yet that could be in error
	subscription('whole_first', 'canal');
	like(follow('whole_first', $tidb->('INSERT', 1, $claim, ''), $tidb->('INSERT', 2, '', ',"n":"b"')), qr/whole_first\/0\@0.*TiCDC has put a row/s, 'the first message of a table');
	is(list(q{SELECT to_regclass('whole_first.t') IS NULL}), '1', '... makes no replica of the key alone');
};

# What doc/envelopes.md says of each tool, as it stands; only the server is this one.
subtest 'recipes' => sub {
	open my $in, '<:utf8', "$FindBin::RealBin/../../doc/envelopes.md" or die "doc/envelopes.md: $!";
	my $text = do { local $/; <$in> };
	my $row = sub { qq("database":"shop","table":"orders",$_[0]) };
	my $debezium = sub { my ($op, $id, $before, $after) = @_; [ qq({"id":$id}), qq({"op":"$op","before":$before,"after":$after,"ts_ms":1,"source":{"connector":"mysql","db":"shop","table":"orders","ts_ms":1}}) ] };
	my $goldengate = sub { [ $_[0], qq({"table":"SALES.ORDERS","op_type":"$_[1]","op_ts":"2020-05-13 15:40:06.000000","current_ts":"2020-05-13 15:40:06.000000","pos":"00000000000000000143","primary_keys":["ID"],$_[2]}) ] };
	my $canal = sub { [ undef, '{' . $row->(qq("type":"$_[0]","isDdl":false,"es":1,"ts":1,"mysqlType":{"id":"int","note":"varchar(9)"},"pkNames":["id"],"data":[$_[1]],"old":$_[2])) . '}' ] };
	my $quix = sub { my ($kind, $id, $note, $old) = @_; [ 'shop.orders', sprintf q({"kind":"%s","schema":"shop","table":"orders","columnnames":["id","note"],"columnvalues":[%s,"%s"],"oldkeys":{%s}}), $kind, $id, $note, $old ? qq("keynames":["id","note"],"keyvalues":[$id,"$old"]) : '' ] };
	my %tools = (
		Maxwell => [ 'maxwell', '1|b', [ '{' . $row->('"pk.id":1') . '}', '{' . $row->('"type":"insert","ts":1,"data":{"id":1,"note":"a"}') . '}' ], [ '{' . $row->('"pk.id":1') . '}', '{' . $row->('"type":"update","ts":1,"data":{"id":1,"note":"b"},"old":{"note":"a"}') . '}' ] ],
		Debezium => [ 'inventory.shop.orders', '1|2024-01-05|223166.69', $debezium->('c', 1, 'null', '{"id":1,"placed":19723,"total":"AVSGfQ=="}'), $debezium->('u', 1, 'null', '{"id":1,"placed":19727,"total":"AVSGfQ=="}') ],
		GoldenGate => [ 'ORDERS', '1|7.5', $goldengate->(1, 'I', '"after":{"ID":1,"TOTAL":5}'), $goldengate->(1, 'U', '"before":{"ID":1},"after":{"ID":1,"TOTAL":7.5}'), $goldengate->(2, 'I', '"after":{"ID":2,"TOTAL":1}'), $goldengate->(2, 'D', '"before":{"ID":2}') ],
		Canal => [ 'canal', '1|b', $canal->('INSERT', '{"id":"1","note":"a"}', 'null'), $canal->('UPDATE', '{"id":"1","note":"b"}', '[{"note":"a"}]') ],
		Quix => [ 'quix', '1|b 2|x', $quix->('snapshot_insert', 1, 'b'), $quix->('snapshot_insert', 2, 'x'), $quix->('insert', 2, 'x'), $quix->('update', 1, 'b', 'a') ]);
	for my $tool (sort keys %tools)
	{
		my ($topic, $rows, @messages) = @{ $tools{$tool} };
		my ($block) = $text =~ /^### $tool\n.*?^```sql\n(.*?)^```/ms;
		my @statements = split /;\n/, $block // '';
		my $query = pop @statements;
		$kafka->create_topic($topic);
		$kafka->produce($topic, \@messages);
		$cluster->do(@statements);
		is(list($query), $rows, $tool);
	}
};

subtest 'a wrong format' => sub {
	subscription('format', 'goldengate');
	my $error = follow('format', maxwell('"pk.id":1', 'insert', '{"id":1,"r":1,"n":"a"}'));
	my ($do) = $error =~ /(SELECT cdc\.alter_subscription\('format', format := 'maxwell'\))/;
	ok($do, 'what it looks like') or diag($error);
	$cluster->do($do);
	is(follow('format'), '', '... is typed');
	is(list('SELECT id, r, n FROM format.t'), '1|1|a', '... and read');
};

done_testing;
