# Subscriptions from Kafka that were made wrong at first: tables get another key, target or
# format, come late, go and come back, and have what they would have had from the start.
#
# Takes 25 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(fork_child reap wait_until);

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_mending');
$cluster->do(sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap));

sub subscribe
{
	my ($name, %opt) = @_;
	$cluster->do("CREATE SCHEMA IF NOT EXISTS $opt{target_schema}") if $opt{target_schema};
	return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt);
}
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub apply { return $cluster->do("SELECT * FROM cdc.apply('$_[0]')") }
sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }
sub fails { return $cluster->error_of($_[0]) }

# A message of Quix about d.NAME; former values are not in it.
sub quix
{
	my ($kind, $table, $id, $v) = @_;
	return $kind eq 'delete' ?
	  qq({"kind":"delete","schema":"d","table":"$table","columnnames":[],"columnvalues":[],"oldkeys":{"keynames":["id"],"keyvalues":[$id]}}) :
	  qq({"kind":"$kind","schema":"d","table":"$table","columnnames":["id","v"],"columnvalues":[$id,"$v"],"oldkeys":{)
	  . ($kind eq 'update' ? qq("keynames":["id"],"keyvalues":[$id]) : '') . '}}';
}

sub maxwell
{
	my ($type, $table, $id, $v) = @_;
	return qq({"database":"d","table":"$table","type":"$type","ts":1,"data":{"id":$id,"v":"$v"}});
}

subtest 'another key' => sub {
	$kafka->create_topic('keys');
	subscribe('keys', topics => ['keys'], format => 'maxwell', target_schema => 'keys');
	my @rows = map { maxwell(@$_) } [ 'insert', 't', 1, 'a' ], [ 'insert', 't', 2, 'b' ];
	$kafka->produce('keys', [ map { [ '{"database":"d","table":"t","pk.id":1,"pk.v":"a"}', $_ ] } @rows ]);
	pull('keys');
	apply('keys');
	# what the message's key says is wrong
	is(list(q{SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = 'keys.t'::regclass}), 'v,id', 'a key of all columns');
	$kafka->produce('keys', [ maxwell('insert', 't', 1, 'c'), maxwell('insert', 't', 3, 'd') ]);
	pull('keys');
	apply('keys');
	is(list('SELECT id, v FROM keys.t ORDER BY 1, 2'), '1|a 1|c 2|b 3|d', 'has two rows of one');
	my $said = $cluster->notices_of(q{SELECT cdc.alter_table('keys', 'd.t', key := '{id}')});
	like($said, qr/target of source table d\.t was filled from the history.*4 events up to seq 4; what it had before was replaced/s, 'alter_table says what it has done');
	is(list('SELECT id, v FROM keys.t ORDER BY 1, 2'), '1|c 2|b 3|d', 'and makes the target anew');
	is(list(q{SELECT message, detail FROM cdc.log WHERE subscription = 'keys' AND message ~ 'filled'}), 'target of source table d.t was filled from the history|4 events up to seq 4; what it had before was replaced', 'in cdc.log');
	is(list(q{SELECT key::text, state, events FROM cdc.stat_table JOIN cdc.subscription_table USING (subscription, source_table, state) WHERE subscription = 'keys'}), '{id}|r|4', 'counters of the new target');
	$kafka->produce('keys', [ maxwell('insert', 't', 2, 'e') ]);
	pull('keys');
	apply('keys');
	is(list('SELECT id, v FROM keys.t ORDER BY 1, 2'), '1|c 2|e 3|d', 'what comes has the new key');
	like(fails(q{SELECT cdc.alter_table('keys', 'd.t', key := '{nothing}')}), qr/key of target keys\.t names a column that it does not have/, 'a key that is none');
	is(list('SELECT count(*) FROM keys.t'), '3', 'leaves the target as it was');
	like(fails(q{SELECT cdc.alter_table('keys', 'd.nothing', key := '{id}')}), qr/d\.nothing is not in subscription/, 'a table that is none');
	like(fails(q{SELECT cdc.add_table('keys', 'd.t', key := '{id}')}), qr/is in subscription "keys" already.*SELECT cdc\.alter_table\('keys', 'd\.t', key := \.\.\.\)/s, 'add_table says what to type');
	$cluster->do(q{SELECT cdc.alter_table('keys', 'd.t', '{"truncate": "ignore"}')});
	is(list(q{SELECT options, key::text FROM cdc.subscription_table WHERE subscription = 'keys'}), '{"truncate": "ignore"}|{id}', 'options alone');

	# another target, of other names
	$cluster->do('CREATE TABLE keys.other (ident int PRIMARY KEY, value text, own int DEFAULT 7)', q{SELECT cdc.alter_table('keys', 'd.t', target := 'keys.other', key := '{ident}', columns := '{"ident": "id", "value": "v"}')});
	is(list('SELECT * FROM keys.other ORDER BY 1'), '1|c|7 2|e|7 3|d|7', 'another target');
	$kafka->produce('keys', [ maxwell('delete', 't', 2, 'e') ]);
	pull('keys');
	apply('keys');
	is(list('SELECT ident FROM keys.other ORDER BY 1') . ' ' . list('SELECT count(*) FROM keys.t'), '1 3 3', 'gets what comes, the former one does not');
	$cluster->do('CREATE TABLE keys.full (id int PRIMARY KEY, v text)', q{INSERT INTO keys.full VALUES (9, 'mine')});
	like(fails(q{SELECT cdc.alter_table('keys', 'd.t', target := 'keys.full', key := '{id}', columns := '{"id": "id", "v": "v"}')}), qr/has rows already/, 'a target with rows of its own');
	is(list('SELECT id FROM keys.full'), '9', 'keeps them');

	# the history has lost its beginning
	$cluster->do('DELETE FROM keys.keys_history WHERE seq <= 2');
	like(fails(q{SELECT cdc.alter_table('keys', 'd.t', key := '{ident}')}), qr/cannot be made anew from the history.*begins at seq 3.*from_history := false/s, 'a history without its beginning');
	$cluster->do(q{SELECT cdc.alter_table('keys', 'd.t', key := '{value}', from_history := false)});
	is(list(q{SELECT key::text FROM cdc.subscription_table WHERE subscription = 'keys'}) . list('SELECT count(*) FROM keys.other'), '{value}2', 'from here on');
};

# Apply stops at a message that needs a key; alter_table, and it goes on.
subtest 'a key where apply has stopped' => sub {
	$kafka->create_topic('stopped');
	subscribe('stopped', topics => ['stopped'], format => 'quix', target_schema => 'stopped');
	$kafka->produce('stopped', [ quix('insert', 'q', 1, 'a'), quix('insert', 'q', 2, 'b') ]);
	pull('stopped');
	$kafka->produce('stopped', [ quix('update', 'q', 1, 'c'), quix('delete', 'q', 2), quix('insert', 'q', 3, 'd') ]);
	pull('stopped');
	like(fails(q{SELECT * FROM cdc.apply('stopped')}), qr/does not tell the row's former values/, 'stopped') or diag(list('SELECT * FROM stopped.q'));
	$cluster->do(q{SELECT cdc.alter_table('stopped', 'd.q', key := '{id}')});
	apply('stopped');
	is(list('SELECT id, v FROM stopped.q ORDER BY 1'), '1|c 3|d', 'nothing is lost');

	# a target that loses its rows by other hands
	$cluster->do('TRUNCATE stopped.q');
	$kafka->produce('stopped', [ quix('insert', 'q', 4, 'e') ]);
	pull('stopped');
	apply('stopped');
	my ($remedy) = ($cluster->value(q{SELECT last_error FROM cdc.stat_table WHERE subscription = 'stopped' AND state = 'e'}) // '') =~ /^HINT: +(.*;)$/m;
	is($remedy, q{SELECT cdc.alter_table('stopped', 'd.q', target := 'stopped.q');}, 'an emptied target: the hint');
	$cluster->do($remedy);
	apply('stopped');
	is(list('SELECT id, v FROM stopped.q ORDER BY 1') . list(q{SELECT state FROM cdc.stat_table WHERE subscription = 'stopped'}), '1|c 3|d 4|er', '... fills it from the history');
};

subtest 'removed and added again' => sub {
	$kafka->create_topic('again');
	subscribe('again', topics => ['again'], format => 'maxwell', target_schema => 'again');
	my $key = sub { [ qq({"database":"d","table":"$_[1]","pk.id":$_[2]}), maxwell(@_) ] };
	$kafka->produce('again', [ map { $key->(@$_) } [ 'insert', 'a', 1, 'a' ], [ 'insert', 'b', 1, 'b' ] ]);
	pull('again');
	apply('again');
	$cluster->do(q{SELECT cdc.remove_table('again', 'd.a')});
	$kafka->produce('again', [ map { $key->(@$_) } [ 'update', 'a', 1, 'A' ], [ 'insert', 'a', 2, 'B' ], [ 'delete', 'b', 1, 'b' ] ]);
	is(pull('again'), 3, 'events are kept without a table');
	apply('again');
	is(list('SELECT id, v FROM again.a') . list('SELECT count(*) FROM again.b'), '1|a0', 'and not applied');
	is(list(q{SELECT source_table FROM cdc.subscription_table WHERE subscription = 'again'}), 'd.b', 'nor does the table come back');
	$cluster->do(q{SELECT cdc.add_table('again', 'd.a')});
	$kafka->produce('again', [ $key->('insert', 'a', 3, 'C') ]);
	pull('again');
	apply('again');
	is(list('SELECT id, v FROM again.a ORDER BY 1'), '1|A 2|B 3|C', 'all is there');
	is(list(q{SELECT count(*) FROM cdc_catalog.removed_table}), '0', 'it is no removed table any more');

	# a target that is gone is made again, with the key that messages told
	$cluster->do(q{SELECT cdc.remove_table('again', 'd.a')}, 'DROP TABLE again.a', q{SELECT cdc.add_table('again', 'd.a', key := '{id}')});
	is(list('SELECT id, v FROM again.a ORDER BY 1'), '1|A 2|B 3|C', 'its table too');
	like(list(q{SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'again.a'::regclass AND contype = 'p'}), qr/PRIMARY KEY \(id\)/, 'with its key');

	# rows of others are not replaced unless that is said
	$cluster->do(q{SELECT cdc.remove_table('again', 'd.a')}, 'CREATE TABLE again.mine (id numeric PRIMARY KEY, v text)', q{INSERT INTO again.mine VALUES (7, 'mine')});
	like(fails(q{SELECT cdc.add_table('again', 'd.a', target := 'again.mine')}), qr/has rows already/, 'rows of others');
	$cluster->do(q{SELECT cdc.add_table('again', 'd.a', target := 'again.mine', target_rows := 'keep')});
	is(list('SELECT id, v FROM again.mine ORDER BY 1'), '1|A 2|B 3|C 7|mine', 'keep');
	$cluster->do(q{SELECT cdc.remove_table('again', 'd.a')}, q{INSERT INTO again.mine VALUES (8, 'mine')}, q{SELECT cdc.add_table('again', 'd.a', target := 'again.mine', target_rows := 'replace')});
	is(list('SELECT id, v FROM again.mine ORDER BY 1'), '1|A 2|B 3|C', 'replace');
	$cluster->do(q{SELECT cdc.remove_table('again', 'd.a')}, q{SELECT cdc.add_table('again', 'd.a', target := 'again.mine', from_history := false)});
	is(list('SELECT count(*) FROM again.mine'), '3', 'from_history := false: as it is');

	# and events of no interest at all
	$cluster->do(q{SELECT cdc.remove_table('again', 'd.b', keep_events := false)});
	$kafka->produce('again', [ $key->('insert', 'b', 5, 'x') ]);
	is(pull('again'), 0, 'keep_events := false');
};

# A table is added and altered while workers pull and apply what a producer sends.
subtest 'beside running workers' => sub {
	$kafka->create_topic('live');
	subscribe('live', topics => ['live'], format => 'maxwell', enabled => \'true', history => 'live_history');
	my $n = 3000;
	my @messages = map { maxwell($_ % 11 == 0 ? 'delete' : 'update', 'l', $_ * 7919 % 97, "v$_") } 1 .. $n;
	my $child = fork_child(sub {
		while (my @some = splice @messages, 0, 100) { $kafka->produce('live', [@some]) }
	});
	my %expected;
	for (1 .. $n) { my $id = $_ * 7919 % 97; $_ % 11 == 0 ? delete $expected{$id} : ($expected{$id} = "v$_") }
	$cluster->poll(q{SELECT count(*) > 0 FROM live_history}, 1);
	$cluster->do('CREATE TABLE l1 (id int PRIMARY KEY, v text)', 'CREATE TABLE l2 (id int PRIMARY KEY, v text)');
	$cluster->do(q{SELECT cdc.add_table('live', 'd.l', target := 'public.l1')});
	for (1 .. 3) { $cluster->do(q{SELECT cdc.alter_table('live', 'd.l', target := 'public.l2')}, 'TRUNCATE l1', q{SELECT cdc.alter_table('live', 'd.l', target := 'public.l1')}, 'TRUNCATE l2') }
	$cluster->do(q{SELECT cdc.remove_table('live', 'd.l')});
	$cluster->do(q{SELECT cdc.add_table('live', 'd.l', target := 'public.l1')});
	is(reap($child, 60), 0, 'produced');
	$cluster->catch_up('live');
	is(list('SELECT id, v FROM l1 ORDER BY id'), join(' ', map { "$_|$expected{$_}" } sort { $a <=> $b } keys %expected), 'the target has what it should');
	is(list('SELECT count(*) FROM live_history'), $n, 'and the history each event once');
	$cluster->do(q{SELECT cdc.drop_subscription('live', true)});
};

subtest 'names that match nothing' => sub {
	$kafka->create_topic('Shop.Upper');
	like($cluster->notices_of(q{SELECT cdc.create_subscription('up', 'bus', topics := '{keys,shop.*}', history := 'up_history', enabled := false)}),
		qr/WARNING:.*no topic of server "bus" matches "shop\.\*" yet.*It has "Shop\.Upper", for example/s, 'a pattern of topics');
	$cluster->do(q{SELECT cdc.drop_subscription('up', true)});

	$kafka->produce('Shop.Upper', [ map { qq({"database":"TEST","table":"WMS","type":"insert","ts":1,"primary_key_columns":["ID"],"data":{"ID":$_}}) } 1 .. 3 ]);
	subscribe('up', topics => ['Shop.Upper'], tables => ['test.*'], target_schema => 'up');
	like($cluster->notices_of(q{SELECT cdc.pull('up')}), qr/WARNING:.*no message of topic "Shop\.Upper" is of a table that subscription "up" wants.*no pattern for TEST\.WMS.*SELECT cdc\.add_table\('up', 'TEST\.WMS'\); .*SELECT cdc\.set_position\('up', 'Shop\.Upper\/0\@0'\)/s, 'tables in other letters');
	is(list(q{SELECT count(*) FROM cdc.log WHERE subscription = 'up' AND kind = 'tables'}), '1', 'in cdc.log');
	like($cluster->notices_of(q{SELECT cdc.add_table('up', 'TEST.WMS')}), qr/former events of source table TEST\.WMS are not in the history/, 'what is not in the history is told');
	$cluster->do(q{SELECT cdc.set_position('up', 'Shop.Upper/0@0')});
	pull('up');
	apply('up');
	is(list(q{SELECT "ID" FROM up."WMS" ORDER BY 1}), '1 2 3', 'and what is said helps');
	unlike($cluster->notices_of(q{SELECT cdc.pull('up')}), qr/no message/, 'nothing more is said');
};

subtest 'patterns of topics' => sub {
	$kafka->create_topic($_) for qw(p.one p.two p.three q.one);
	subscribe('p', topics => [ 'p.*', 'q.one' ], history => 'p_history');
	pull('p');
	$cluster->do(q{SELECT cdc.remove_topic('p', 'p.t*')});
	is(pull('p'), 0, 'a part of them removed');
	is(list(q{SELECT topic FROM cdc.stat_kafka_partition WHERE subscription = 'p' ORDER BY 1}), 'p.one q.one', 'the others are read');
	$cluster->do(q{SELECT cdc.add_topic('p', 'p.t*')});
	pull('p');
	is(list(q{SELECT topic FROM cdc.stat_kafka_partition WHERE subscription = 'p' ORDER BY 1}), 'p.one p.three p.two q.one', 'added again');
	$cluster->do(q{SELECT cdc.add_topic('p', '!p.one')});
	is(pull('p'), 0, 'an exclusion added');
	$cluster->do(q{SELECT cdc.remove_topic('p', 'p.*')});
	is(pull('p'), 0, 'the pattern removed');
	is(list(q{SELECT topic FROM cdc.stat_kafka_partition WHERE subscription = 'p' ORDER BY 1}), 'p.three p.two q.one', 'but what else was named');
	like(fails(q{SELECT cdc.remove_topic('p', 'x.*')}), qr/has no topic "x\.\*"/, 'one that is not there');
	# what was removed stays so until that is said
	my $topics = sub { pull('p'); return list(q{SELECT topic FROM cdc.stat_kafka_partition WHERE subscription = 'p' ORDER BY 1}) };
	my $back = $cluster->notices_of(q{SELECT cdc.add_topic('p', 'p.o*')});
	like($back, qr/subscription "p" leaves out topics that match "p\.o\*": "p\.one"/, 'a pattern of topics that are left out, which are there');
	unlike($back, qr/no topic of server/, '... which is not contradicted');
	$cluster->do($back =~ /(SELECT cdc\.remove_topic\(.*?\);)/);
	is($topics->(), 'p.one p.three p.two q.one', '... and what it says helps');
	$cluster->do(q{SELECT cdc.remove_topic('p', 'p.o*')}, q{SELECT cdc.remove_topic('p', 'p.t*')}, q{SELECT cdc.add_topic('p', 'p.*')}, q{SELECT cdc.remove_topic('p', 'p.tw*')});
	my $error = fails(q{SELECT cdc.add_topic('p', 'p.two')});
	like($error, qr/subscription "p" leaves out topic "p\.two"/, 'a name that a pattern leaves out');
	$cluster->do($error =~ /(SELECT cdc\.remove_topic\(.*?\);)/);
	is($topics->(), 'p.one p.three p.two q.one', '... likewise');
};

subtest 'another format' => sub {
	$kafka->create_topic('fmt');
	$kafka->produce('fmt', [ quix('insert', 'f', 1, 'a') ]);
	subscribe('fmt', topics => ['fmt'], format => 'goldengate', target_schema => 'fmt');
	like(fails(q{SELECT cdc.pull('fmt')}), qr/looks like.*quix/is, 'a wrong one says which it may be');
	$cluster->do(q{SELECT cdc.alter_subscription('fmt', format := 'quix')});
	pull('fmt');
	apply('fmt');
	is(list('SELECT id, v FROM fmt.f'), '1|a', 'is changed');
	like(fails(q{SELECT cdc.alter_subscription('fmt', format := 'maxwell')}), qr/has messages that are read in format "quix".*format := 'auto'/s, 'but not where rows were read by it');
	$cluster->do(q{SELECT cdc.alter_subscription('fmt', format := 'auto')});
	$kafka->produce('fmt', [ maxwell('insert', 'm', 1, 'b'), quix('insert', 'f', 2, 'c') ]);
	pull('fmt');
	apply('fmt');
	is(list('SELECT id, v FROM fmt.f ORDER BY 1') . list('SELECT id, v FROM fmt.m'), '1|a 2|c1|b', 'both with auto');
	like(fails(q{SELECT cdc.alter_subscription('fmt', format := 'xml')}), qr/invalid format "xml"/, 'one that is none');
};

subtest 'what is said' => sub {
	# a primary key that the target has
	$kafka->create_topic('own');
	subscribe('own', topics => ['own'], format => 'maxwell', target_schema => 'own');
	$cluster->do('CREATE TABLE own.t (id int PRIMARY KEY, v text)');
	$kafka->produce('own', [ maxwell('insert', 't', 1, 'a') ]);
	unlike($cluster->notices_of(q{SELECT cdc.pull('own')}), qr/no primary key/, 'a target with a key of its own');

	# the member without a name
	$cluster->do(q{CREATE FOREIGN TABLE nameless (a int, e text OPTIONS (json_name '')) SERVER bus OPTIONS (topic 'nameless', format 'json')});
	$kafka->create_topic('nameless');
	$cluster->do(q{INSERT INTO nameless VALUES (1, 'x')});
	is(join('', $kafka->consume('nameless')), '{"a":1,"":"x"}', 'is written');
	is(list('SELECT a, e FROM nameless'), '1|x', 'and read');
	$kafka->produce('nameless', ['{"":"y","a":2}']);
	is(list('SELECT a, e FROM nameless ORDER BY a'), '1|x 2|y', 'from others too');

	# a group is told what was committed beside a subtransaction that was not
	$kafka->create_topic('grp');
	subscribe('grp', topics => ['grp'], history => 'grp_history', options => '{"group_id": "grp"}');
	$kafka->produce('grp', [ map { maxwell('insert', 'g', $_, 'a') } 1 .. 5 ]);
	my $dbh = $cluster->dbh;
	$dbh->begin_work;
	is($dbh->selectrow_array(q{SELECT cdc.pull('grp')}), 5, 'pulled');
	$dbh->do('SAVEPOINT s');
	$dbh->selectrow_array(q{SELECT cdc.pull('grp')});
	$dbh->do('ROLLBACK TO s');
	$dbh->commit;
	is(pull('grp'), 0, 'nothing comes behind that');
	ok(wait_until(30, sub { ($kafka->committed('grp', 'grp'))[0] == 5 }), 'the group has the offsets') or diag(($kafka->committed('grp', 'grp'))[0]);
};

done_testing();
