# Subscriptions from a real Apache Kafka: messages of Maxwell to history and replicas, a
# position for each partition, new partitions and topics, where a subscription starts
# and how it is moved, consumer groups, workers.
#
# Takes 20 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_subscription');
$cluster->do(
	sprintf(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s')}, $kafka->bootstrap),
	'CREATE ROLE watcher LOGIN', 'GRANT cdc_monitor TO watcher', 'CREATE ROLE stranger LOGIN');

# A message of Maxwell: [key, value].  commit: 1, or 0 for a row that is not the last one.
sub maxwell
{
	my ($table, $type, $id, $v, %opt) = @_;
	my $end = ($opt{commit} // 1) ? '"commit":true' : qq("xoffset":@{[ $opt{xoffset} // 0 ]});
	my $old = defined $opt{old} ? qq(,"old":{"v":"$opt{old}"}) : '';
	my $xid = $opt{xid} // 1000 + $id;
	my ($database, $name) = split /\./, $table;
	return [ qq({"database":"$database","table":"$name","pk.id":$id}),
		qq({"database":"$database","table":"$name","type":"$type","ts":1700000000,"xid":$xid,$end,)
		  . qq("data":{"id":$id,"v":"$v"}$old}) ];
}

sub subscribe { my ($name, %opt) = @_; return $cluster->call('create_subscription', name => $name, server => 'bus', enabled => \'false', %opt) }
sub pull { return $cluster->value('SELECT cdc.pull(?)', $_[0]) }
sub apply { return $cluster->do("SELECT * FROM cdc.apply('$_[0]')") }
sub list { return join ' ', map { join '|', map { $_ // '-' } @$_ } @{ $cluster->rows(@_) } }

sub positions
{
	return list(q{SELECT topic || '/' || "partition", position FROM cdc.stat_kafka_partition
		WHERE subscription = ? ORDER BY topic, "partition"}, $_[0]);
}

subtest 'messages to history and to a replica' => sub {
	$kafka->create_topic('shop');
	$kafka->produce('shop', [
		maxwell('shop.a', 'insert', 1, 'one', xid => 7, commit => 0, xoffset => 0),
		maxwell('shop.a', 'insert', 2, 'two', xid => 7, commit => 0, xoffset => 1),
		maxwell('shop.a', 'insert', 3, 'three', xid => 7),
		maxwell('shop.a', 'update', 1, 'uno', old => 'one'),
		maxwell('shop.a', 'delete', 3, 'three'),
		maxwell('shop.b', 'insert', 1, 'b') ]);
	subscribe('shop', topics => ['shop'], target_schema => 'shop', tables => ['shop.*'], exclude => ['shop.b']);
	is(pull('shop'), 5, 'as many rows as messages of wanted tables');
	is(list('SELECT seq, position, op, source_table, commit FROM shop.shop_history ORDER BY seq'),
		'1|shop/0@0|c|shop.a|0 2|shop/0@1|c|shop.a|0 3|shop/0@2|c|shop.a|1 4|shop/0@3|u|shop.a|1 5|shop/0@4|d|shop.a|1',
		'positions, operations, commit boundaries');
	is(positions('shop'), 'shop/0|6', 'the position is behind the message that was left out');
	is($cluster->value("SELECT event->'data'->>'v' FROM shop.shop_history WHERE seq = 4"), 'uno', 'the event');
	apply('shop');
	is(list('SELECT id, v FROM shop.a ORDER BY id'), '1|uno 2|two', 'the replica');
	is(pull('shop'), 0, 'nothing twice');
	is(list("SELECT lag, messages FROM cdc.stat_kafka_partition WHERE subscription = 'shop'"), '0|6', 'no lag');
	is(list("SELECT position FROM cdc.stat_subscription WHERE subscription = 'shop'"), 'shop/0@6', 'in the view of all');
};

subtest 'transactions of the source stay whole' => sub {
	$kafka->produce('shop', [ map { maxwell('shop.a', 'insert', 10 + $_, 'half', xid => 20, commit => 0, xoffset => $_) } 0 .. 2 ]);
	is(pull('shop'), 0, 'rows wait for their commit');
	is(positions('shop'), 'shop/0|6', 'and so does the position');
	my $other = $cluster->connect;
	is($other->selectrow_array("SELECT cdc.pull('shop')"), 0, 'in another session, too');
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 13, 'half', xid => 20) ]);
	is(pull('shop'), 4, 'then come all');
	is($other->selectrow_array("SELECT cdc.pull('shop')"), 0, 'once');
	is($cluster->value("SELECT string_agg(commit::text, ' ' ORDER BY seq) FROM shop.shop_history WHERE seq > 5"),
		'false false false true', 'one boundary');
	# One whose end is somewhere else.
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 14, 'cut off', xid => 21, commit => 0) ]);
	is(pull('shop'), 0, 'a transaction without end waits');
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 15, 'next', xid => 22) ]);
	is(pull('shop'), 2, 'and is complete when another one begins');
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 16, 'cut off', xid => 23, commit => 0) ]);
	$cluster->do(q{SELECT cdc.alter_subscription('shop', '{"commit_wait": "300ms"}')});
	$cluster->poll(q{SELECT cdc.pull('shop')}, 1, 10);
	is(positions('shop'), 'shop/0|13', 'or when it has waited long enough');
	$other->disconnect;
};

subtest 'partitions and topics' => sub {
	$kafka->create_topic('many.a', 2);
	$kafka->create_topic('many.b');
	$kafka->create_topic('many.secret');
	$kafka->create_topic('other.7');
	my $send = sub { my ($topic, $p, @ids) = @_; $kafka->produce($topic, [ map { maxwell('d.t', 'insert', $_, 'x') } @ids ], partition => $p) };
	$send->('many.a', 0, 1, 2);
	$send->('many.a', 1, 3);
	$send->('many.b', 0, 4);
	$send->('many.secret', 0, 5);
	$send->('other.7', 0, 6);
	subscribe('many', topics => [ 'many.*', '~^other\.[0-9]$', '!many.secret' ]);
	is(pull('many'), 5, 'names by pattern and regular expression, one left out');
	is(positions('many'), 'many.a/0|2 many.a/1|1 many.b/0|1 other.7/0|1', 'a position each');
	is(list('SELECT position FROM many_history WHERE position LIKE ? ORDER BY seq', 'many.a/0%'),
		'many.a/0@0 many.a/0@1', 'order within a partition');
	is($cluster->value('SELECT bool_and(commit) FROM many_history'), 1, 'each message is a boundary');
	$kafka->add_partitions('many.a', 3);
	$kafka->create_topic('many.c');
	$send->('many.a', 2, 7);
	$send->('many.c', 0, 8, 9);
	is(pull('many'), 3, 'a new partition and a new topic, from their beginning');
	is(list(q{SELECT message FROM cdc.log WHERE subscription = 'many' AND kind = 'topic' ORDER BY 1}),
		'new partition many.a/2 new partition many.c/0', 'in the log');
	$kafka->delete_topic('many.c');
	like($cluster->error_of(q{SELECT cdc.pull('many')}), qr/topic "many\.c" of subscription "many" does not exist any more.*remove_topic/s,
		'a topic that is gone is an error');
	$cluster->do(q{SELECT cdc.remove_topic('many', 'many.c')});
	is(pull('many'), 0, 'that can be settled');
	like($cluster->error_of(q{SELECT cdc.remove_topic('many', 'nowhere')}), qr/has no topic "nowhere"/, 'a wrong name');
	like($cluster->error_of(q{SELECT cdc.wait_for('many', 'nowhere/0@1')}), qr/has no topic "nowhere"/, 'nor is it waited for');
	like($cluster->error_of(q{SELECT cdc.set_position('many', 'yesterdayish')}), qr/yesterdayish.*Use 'earliest', 'latest', a time, or a list/s, 'what is no position');
	my $named = sub { return $cluster->value(q{SELECT ok || ': ' || detail FROM cdc.check_server('bus') WHERE check_name = 'subscribed topics'}) };
	$kafka->create_topic('mentioned');
	$cluster->call('create_subscription', name => 'mentioned', server => 'bus', topics => ['mentioned'], enabled => \'false');
	like($named->(), qr/^true: /, 'check_server: the topics that subscriptions name');
	$kafka->delete_topic('mentioned');
	like($named->(), qr/^false: mentioned of subscription mentioned /, 'and one that is not there');
	$cluster->call('drop_subscription', name => 'mentioned', drop_history => \'true');
	$kafka->create_topic('extra', 2);
	$send->('extra', 0, 20, 21);
	$cluster->do(q{SELECT cdc.add_topic('many', 'extra', 'latest')});
	$send->('extra', 1, 22);
	is(pull('many'), 1, 'a topic more, from its end');
	like($cluster->error_of(q{SELECT cdc.add_topic('many', 'nowhere')}), qr/has no topic "nowhere"/, 'if there is one');
	$kafka->create_topic('many.c');
	$send->('many.c', 0, 23);
	is(pull('many'), 0, 'what was removed stays away');
	$cluster->do(q{SELECT cdc.add_topic('many', 'many.c')});
	is(pull('many'), 1, 'until it is added again');
	$kafka->create_topic('alone');
	subscribe('named', topics => ['alone']);
	$kafka->delete_topic('alone');
	like($cluster->error_of(q{SELECT cdc.pull('named')}), qr/topic "alone" of subscription "named" does not exist/, 'a named one');
};

subtest 'where it starts' => sub {
	$kafka->create_topic('start', 2);
	$kafka->produce('start', [ map { maxwell('d.t', 'insert', $_, 'old') } 1 .. 3 ], partition => 0);
	select undef, undef, undef, 0.01;
	my $time = $cluster->value('SELECT clock_timestamp()');
	select undef, undef, undef, 0.01;
	$kafka->produce('start', [ map { maxwell('d.t', 'insert', $_, 'new') } 4 .. 5 ], partition => 0);
	$kafka->produce('start', [ maxwell('d.t', 'insert', 6, 'new') ], partition => 1);
	my %expect = (earliest => 6, latest => 0, $time => 3, 'start/0@4' => 2, 'start/0@1, start/1@1' => 4);
	my $n = 0;
	for my $start (sort keys %expect)
	{
		$n++;
		subscribe("start$n", topics => ['start'], start_position => $start);
		is(pull("start$n"), $expect{$start}, "start_position $start");
	}
	subscribe('late', topics => ['start'], start_position => 'latest');
	$kafka->produce('start', [ maxwell('d.t', 'insert', 7, 'newest') ], partition => 1);
	is(pull('late'), 1, 'latest is the end at the time of creation');
	my %wrong = ('start/0@6' => qr/has no offset 6.*ends before 5/s, 'start/7@0' => qr/has no partition start\/7/,
		'start@3' => qr/not of the form topic\/partition\@offset/, 'yesterdayish' => qr/invalid input syntax/);
	like($cluster->error_of($cluster->call_sql('create_subscription', name => 'w', server => 'bus', topics => ['start'],
				start_position => $_)), $wrong{$_}, "start_position $_") for sort keys %wrong;
	%wrong = ('{}' => qr/needs topics/, '{nowhere}' => qr/has no topic "nowhere"/, '{!a}' => qr/at least one topic/,
		'{a b}' => qr/invalid name of a topic/, '{~(}' => qr/regular expression/);
	like($cluster->error_of("SELECT cdc.create_subscription('w', 'bus', topics := '$_')"), $wrong{$_}, "topics $_") for sort keys %wrong;
	like($cluster->error_of(q{SELECT cdc.create_subscription('w', 'bus', topics := '{start}', format := 'xml')}),
		qr/invalid format "xml".*debezium/s, 'a format that there is not');
};

subtest 'moved by hand' => sub {
	$cluster->do(q{SELECT cdc.set_position('shop', 'shop/0@0')});
	is(pull('shop'), 12, 'all once more');
	apply('shop');
	is($cluster->value('SELECT count(*) FROM shop.a WHERE id < 10'), 2, 'the replica ends as it was');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'shop' AND kind = 'position'
		AND message = 'position set to shop/0@0' AND detail = 'It was shop/0@13.'}), 1, 'recorded');
	$cluster->do(q{SELECT cdc.set_position('shop', 'latest')});
	is(pull('shop'), 0, 'to the end');
	$cluster->do(q{SELECT cdc.set_position('start1', 'start/1@0')});
	is(pull('start1') > 0, 1, 'one partition of several');
	is(list(q{SELECT position FROM start1_history WHERE position LIKE 'start/1@0'}) ne '', 1, 'that one');
	like($cluster->error_of(q{SELECT cdc.set_position('shop', 'shop/0@99')}), qr/has no offset 99/, 'not beyond the end');
};

subtest 'what a transaction aborts is read again' => sub {
	$kafka->produce('shop', [ map { maxwell('shop.a', 'insert', 30 + $_, 'x') } 1 .. 5 ]);
	my $dbh = $cluster->connect;
	$dbh->begin_work;
	is($dbh->selectrow_array("SELECT cdc.pull('shop')"), 5, 'pulled');
	$dbh->rollback;
	is($dbh->selectrow_array("SELECT cdc.pull('shop')"), 5, 'and again after ROLLBACK');
	# One writer: another one waits, and can be cancelled.
	$dbh->begin_work;
	$dbh->do("SELECT cdc.pull('shop')");
	like($cluster->error_of("SET statement_timeout = '300ms'; SELECT cdc.pull('shop')"), qr/statement timeout/, 'a second one waits');
	$dbh->commit;
	$cluster->do('RESET statement_timeout');
	$dbh->disconnect;
	$kafka->produce('shop', [ map { maxwell('shop.a', 'insert', 40 + $_, 'x') } 1 .. 5 ]);
	is($cluster->value("SELECT cdc.pull('shop', 2)"), 2, 'max_events');
	is(pull('shop'), 3, 'and the rest');
	# A session's first pull that fails before anything is open.
	$cluster->do(q{ALTER SERVER bus OPTIONS (ADD security_protocol 'SSL', ADD ssl_ca_location '/nowhere')});
	$dbh = $cluster->connect;
	like($cluster->error_of(q{SELECT cdc.pull('shop')}, $dbh), qr/ssl.ca.location/, "no client: pull $_") for 1, 2;
	$cluster->do('ALTER SERVER bus OPTIONS (DROP security_protocol, DROP ssl_ca_location)');
	is($dbh->selectrow_array("SELECT cdc.pull('shop')"), 0, 'the session lives');
	$dbh->disconnect;
};

subtest 'consumer groups' => sub {
	my ($offset) = $kafka->watermarks('shop');
	my $told = sub { my ($o) = $kafka->committed($_[0], 'shop'); return $o };
	$cluster->forget;    # its session has told it at its end, at the latest
	is($told->('cdc_postgres_shop'), $offset->[1], "Kafka's group has the database's position");
	subscribe('quiet', topics => ['shop'], options => '{"group_id": ""}');
	subscribe('loud', topics => ['shop'], options => '{"group_id": "my.group"}');
	pull($_) for qw(quiet loud);
	$cluster->forget;
	is($told->('my.group'), $offset->[1], 'a group by name');
	is($told->('cdc_postgres_quiet'), -1, 'or none');
};

subtest 'workers' => sub {
	$cluster->do(q{SELECT cdc.alter_subscription('shop', '{"metadata_refresh": "500ms"}')},
		q{SELECT cdc.alter_subscription('many', '{"metadata_refresh": "500ms"}')},
		q{SELECT cdc.enable_subscription('shop')}, q{SELECT cdc.enable_subscription('many')});
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 50, 'by worker') ]);
	$cluster->catch_up('shop');
	is($cluster->value('SELECT v FROM shop.a WHERE id = 50'), 'by worker', 'wait_for() and a worker');
	my ($offset) = $kafka->watermarks('shop');
	my $last = $offset->[1];
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 51, 'once more') ]);
	is($cluster->value('SELECT cdc.wait_for(?, ?)', 'shop', "shop/0\@$last"), 1, 'wait_for() a message');
	is($cluster->value('SELECT v FROM shop.a WHERE id = 51'), 'once more', 'it is there');
	is($cluster->value("SELECT cdc.wait_for('shop', 'shop/0\@" . ($last + 5) . "', '100ms')"), 0, 'one that is not there yet');
	is($cluster->value(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'shop'}), 'streaming', 'state');
	$kafka->create_topic('many.d');
	$kafka->produce('many.d', [ maxwell('d.t', 'insert', 60, 'x') ]);
	$cluster->poll(q{SELECT count(*) FROM many_history WHERE position = 'many.d/0@0'}, 1);
	pass('a new topic is taken up');
	$cluster->do(q{SELECT cdc.disable_subscription('many')}, q{SELECT cdc.drop_subscription('many', true)});
	is($cluster->value(q{SELECT count(*) FROM cdc.subscription_partition WHERE subscription = 'many'}), 0, 'dropped');
};

subtest 'who sees what' => sub {
	my $watcher = $cluster->connect(user => 'watcher');
	is($watcher->selectrow_array(q{SELECT count(*) FROM cdc.stat_kafka_partition WHERE subscription = 'shop'}), 1, 'cdc_monitor');
	my $stranger = $cluster->connect(user => 'stranger');
	is($stranger->selectrow_array('SELECT count(*) FROM cdc.stat_kafka_partition'), 0, 'others nothing');
	like($cluster->error_of(q{SELECT cdc.set_position('shop', 'earliest')}, $stranger), qr/permission denied|must be/, 'nor do they move it');
	$_->disconnect for $watcher, $stranger;
};

subtest 'a table of the user' => sub {
	$cluster->do('CREATE TABLE mine (key int PRIMARY KEY, value varchar(20))');
	subscribe('mine', topics => ['shop'], start_position => 'latest');
	$cluster->call('add_table', subscription => 'mine', source_table => 'shop.a', target => 'public.mine',
		columns => '{"key": "id", "value": "v"}');
	like($cluster->error_of(q{SELECT cdc.add_table('mine', 'shop.z', 'public.nowhere')}), qr/target public\.nowhere does not exist/, 'a target that is not there');
	$kafka->produce('shop', [ maxwell('shop.a', 'insert', 70, 'mapped') ]);
	pull('mine');
	apply('mine');
	is(list('SELECT key, value FROM mine'), '70|mapped', 'columns mapped');
};

subtest 'messages without keys' => sub {
	$kafka->create_topic('keyless', 2);
	my $n = 10_000;
	$kafka->produce('keyless', [ map { maxwell('d.t', 'insert', $_, 'x')->[1] } 1 .. $n ]);
	subscribe('keyless', topics => ['keyless']);
	is(pull('keyless'), $n, 'all of them');
	is($cluster->value(q{SELECT count(DISTINCT event->'data'->'id') FROM keyless_history}), $n, 'each once');
};
done_testing();
