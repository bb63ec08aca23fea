# Messages that cannot be written to their target, and messages that are none: what the
# subscription, the table or the key does then (option on_error), with the statement that
# passes over it; also where PostgreSQL is killed in between.
#
# Takes 30 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Kafka;
use CdcIngest::Process qw(wait_until);

my $kafka = CdcIngest::Kafka->new;
my $cluster = CdcIngest::Cluster->new('kafka_on_error');
$cluster->do(q{CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '} . $kafka->bootstrap . q{')});

sub maxwell
{
	my ($table, $type, $data, $old) = @_;
	my ($id) = $data =~ /"id":(\d+)/;
	return [ qq({"database":"d","table":"$table","pk.id":$id}),
		qq({"database":"d","table":"$table","type":"$type","ts":1700000000,"data":{$data}) . (defined $old ? qq(,"old":{$old}) : '') . '}' ];
}

# A topic, targets a and b, and a subscription that goes on by hand.
sub subscription
{
	my ($name, %opt) = @_;
	$kafka->create_topic($name);
	$cluster->do("CREATE SCHEMA $name", map { "CREATE TABLE $name.$_ (id int PRIMARY KEY, n int)" } qw(a b));
	$cluster->call('create_subscription', name => $name, server => 'bus', topics => [$name], enabled => \'false', options => '{"commit_boundary": "message"}', %opt);
	$cluster->do(map { "SELECT cdc.add_table('$name', 'd.$_', target := '$name.$_')" } qw(a b));
	return;
}

sub follow
{
	my ($name, @messages) = @_;
	$kafka->produce($name, \@messages) if @messages;
	my $error = $cluster->error_of("SELECT cdc.pull('$name')");
	return $error eq '' ? $cluster->error_of("SELECT * FROM cdc.apply('$name')") : $error;
}

sub table_is
{
	my ($name, $table, $expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($cluster->value("SELECT coalesce(string_agg(concat_ws(',', id, n), ' ' ORDER BY id), '') FROM $name.$table"), $expected, $what);
}

sub state_of
{
	my ($name, $table) = @_;
	return join ' ', map { $_ // '' } @{ $cluster->rows("SELECT state, last_error FROM cdc.stat_table WHERE subscription = ? AND source_table = ?", $name, "d.$table")->[0] };
}

# The statements that a text tells one to type.
sub statements { return $_[0] =~ /(SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))/g }

subtest 'stop' => sub {
	subscription('stop');
	my $error = follow('stop', maxwell('a', 'insert', '"id":1,"n":1'), maxwell('b', 'insert', '"id":1,"n":1'), maxwell('a', 'update', '"id":1,"n":"abc"', '"n":1'),
		maxwell('b', 'insert', '"id":2,"n":2'), maxwell('a', 'insert', '"id":2,"n":2'));
	like($error, qr{invalid input syntax for type integer: "abc".*position stop/0\@2, source table "d\.a".*key \(id\)=\(1\), column "n"}s, 'the message with its place');
	my ($table, $skip) = statements($error);
	like($skip, qr{skip_transaction\('stop', 'stop/0\@2'\)}, 'the statement that passes over it');
	$cluster->do($skip);
	is(follow('stop'), '', '... does');
	table_is('stop', 'a', '1,1 2,2', '... it only');
	table_is('stop', 'b', '1,1 2,2', '... of all tables');
	is($cluster->value("SELECT differs FROM cdc.stat_table WHERE subscription = 'stop' AND source_table = 'd.a'"), 'the transaction with the events 3 to 3 was passed over', 'stat_table says so');
	like(state_of('stop', 'a'), qr/^r/, 'nothing could mend it: the table is ready');
	# the producer corrects it
	is(follow('stop', maxwell('a', 'update', '"id":1,"n":3', '"n":"abc"')), '', 'a correct message');
	table_is('stop', 'a', '1,3 2,2', '... has the row right');
	is($cluster->value("SELECT cdc.wait_for('stop')"), 1, 'wait_for');
	# the other statement
	$error = follow('stop', maxwell('a', 'insert', '"id":4,"n":"x"'), maxwell('b', 'insert', '"id":4,"n":4'));
	($table, $skip) = statements($error);
	$cluster->do($table);
	is(follow('stop'), '', "goes on: $table");
	table_is('stop', 'b', '1,1 2,2 4,4', '... with other tables');
	like($cluster->error_of("SELECT cdc.wait_for('stop')"), qr/d\.a .* is in error.*retry_errors/s, 'wait_for says which is not there');
	my ($retry) = statements(state_of('stop', 'a'));
	$error = $cluster->error_of($retry);
	like($error, qr/invalid input syntax.*skip_transaction/s, 'it cannot be applied');
	$cluster->do(statements($error));
	is($cluster->error_of($retry), '', 'passed over');
	like(state_of('stop', 'a'), qr/^r/, 'ready');
	is($cluster->value("SELECT cdc.wait_for('stop')"), 1, 'wait_for');
};

subtest 'a worker stops right before the message' => sub {
	subscription('before');
	my $rows = sub { my ($table, @ids) = @_; return map { maxwell($table, 'insert', qq("id":$_,"n":$_)) } @ids };
	my $applied = sub { return $cluster->value(q{SELECT applied_seq FROM cdc.stat_subscription WHERE subscription = 'before'}) };
	# two updates of a row are written as one, so that the first error does not know which it is
	$kafka->produce('before', [ $rows->('a', 1 .. 5), $rows->('b', 1 .. 3), maxwell('a', 'update', '"id":1,"n":"abc"', '"n":1'), $rows->('b', 4 .. 6) ]);
	$cluster->do(q{ALTER TABLE before.b ADD CONSTRAINT c CHECK (n <> 6)}, q{SELECT cdc.enable_subscription('before')});
	ok(wait_until(60, sub { $applied->() == 8 }), 'it stands before it') or diag($applied->());
	table_is('before', 'a', '1,1 2,2 3,3 4,4 5,5', 'what came before');
	table_is('before', 'b', '1,1 2,2 3,3', '... is applied');
	like($cluster->error_of(q{SELECT cdc.wait_for('before')}), qr{fails: invalid input syntax for type integer: "abc".*skip_transaction}s, 'wait_for says what is not');
	is($cluster->value(q{SELECT cdc.wait_for('before', 'before/0@7')}), 1, '... and not what is: the last message before it');
	like($cluster->error_of(q{SELECT cdc.wait_for('before', 'before/0@8')}), qr{fails: invalid input}, '... but the message itself');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'before' AND message LIKE '%got over its error%'}), 0, 'no success is told');
	is($applied->(), 8, '... and it stays there');
	$cluster->do(q{SELECT cdc.skip_transaction('before', 'before/0@8')});
	ok(wait_until(60, sub { $applied->() == 11 }), 'passed over: it goes on to the next one') or diag($applied->());
	table_is('before', 'b', '1,1 2,2 3,3 4,4 5,5', '... of which the same is true');
	$cluster->do(q{ALTER TABLE before.b DROP CONSTRAINT c});
	is($cluster->value(q{SELECT cdc.wait_for('before', tables := '{d.b}')}), 1, 'the reason is gone');
	table_is('before', 'b', '1,1 2,2 3,3 4,4 5,5 6,6', 'all is there');
	$cluster->do(q{SELECT cdc.disable_subscription('before')});
};

subtest 'table' => sub {
	subscription('tab', options => '{"on_error": "table", "commit_boundary": "message"}');
	is(follow('tab', maxwell('a', 'insert', '"id":1,"n":5000000000'), maxwell('b', 'insert', '"id":1,"n":1'), maxwell('a', 'delete', '"id":1,"n":5000000000'),
			maxwell('a', 'insert', '"id":2,"n":6000000000'), maxwell('b', 'insert', '"id":2,"n":2')), '', 'goes on');
	table_is('tab', 'b', '1,1 2,2', 'the other table');
	like(state_of('tab', 'a'), qr{^e .*out of range.*retry_errors.*tab/0\@}s, 'stopped');
	$cluster->do('ALTER TABLE tab.a ALTER n TYPE bigint', statements(state_of('tab', 'a')));
	table_is('tab', 'a', '2,6000000000', 'after a change of the target nothing is lost');
	like(state_of('tab', 'a'), qr/^r $/, 'ready');
	my $error = follow('tab', 'not json', maxwell('a', 'insert', '"id":3,"n":3'));
	like($error, qr{message tab/0\@5 is not in the format}, 'what belongs to no table stops the subscription');
	my ($log, $pass) = statements($error);
	$cluster->do($pass);
	is(follow('tab'), '', "passed over: $pass");
	table_is('tab', 'a', '2,6000000000 3,3', 'goes on');
	$error = follow('tab', '{"a"', maxwell('b', 'insert', '"id":3,"n":3'));
	($log, $pass) = statements($error);
	$cluster->do($log);
	is(follow('tab'), '', "kept: $log");
	table_is('tab', 'b', '1,1 2,2 3,3', 'goes on');
	is($cluster->value("SELECT raw FROM cdc.error WHERE subscription = 'tab'"), '{"a"', 'its bytes');
	is($cluster->value("SELECT cdc.retry_errors('tab')"), 0, 'there is nothing to apply in it');
	is($cluster->value("SELECT cdc.discard_errors('tab', NULL, 'no JSON')"), 1, 'given up');
	is($cluster->value("SELECT count(*) FROM cdc.error WHERE subscription = 'tab'"), 0, 'gone');
	is($cluster->value("SELECT detail FROM cdc.log WHERE subscription = 'tab' AND message LIKE 'messages in cdc.error%'"), 'no JSON', 'cdc.log has the reason');
};

subtest 'log' => sub {
	subscription('log', options => '{"on_error": "log", "commit_boundary": "message"}');
	is(follow('log', maxwell('a', 'insert', '"id":1,"n":1'), maxwell('a', 'update', '"id":1,"n":"abc"', '"n":1'), maxwell('a', 'update', '"id":1,"n":7', '"n":"abc"'),
			'not json', maxwell('a', 'insert', '"id":2,"n":2'), maxwell('a', 'update', '"id":3,"n":7', '"id":1'), maxwell('b', 'insert', '"id":1,"n":1')), '', 'goes on');
	table_is('log', 'a', '1,1 2,2', 'all but the key');
	table_is('log', 'b', '1,1', 'the other table');
	is_deeply($cluster->rows("SELECT position, op FROM cdc.error WHERE subscription = 'log' ORDER BY seq"),
		[ [ 'log/0@1', 'u' ], [ 'log/0@2', 'u' ], [ 'log/0@3', undef ], [ 'log/0@5', 'u' ] ], 'kept, in order, with what is no message');
	my $error = $cluster->error_of("SELECT cdc.retry_errors('log')");
	like($error, qr{abc.*position log/0\@1.*}s, 'it cannot be applied');
	$cluster->do(statements($error));
	is($cluster->value("SELECT cdc.retry_errors('log', 'd.a')"), 2, 'without it the rest is');
	table_is('log', 'a', '2,2 3,7', 'as if it had never come');
	like(state_of('log', 'a'), qr/^r/, 'ready');
	is($cluster->value("SELECT cdc.wait_for('log')"), 1, 'wait_for');
};

subtest 'thousands that are no messages, among some that are' => sub {
	subscription('many', options => '{"on_error": "log", "commit_boundary": "message"}');
	my $large = 'x' x 300_000;
	my @messages = ((map { $_ % 100 ? [ "k$_", "bad $_" ] : maxwell('a', 'insert', qq("id":$_,"n":$_)) } 1 .. 2500), map({ "$_ $large" } 1 .. 6), maxwell('b', 'insert', '"id":1,"n":1'));
	my $began = time;
	is(follow('many', @messages), '', 'goes on');
	note sprintf '%.1f s', time - $began;
	table_is('many', 'a', join(' ', map { my $id = $_ * 100; "$id,$id" } 1 .. 25), 'what is one is there');
	table_is('many', 'b', '1,1', 'up to the end');
	is_deeply($cluster->rows("SELECT e.position, convert_from(e.raw, 'UTF8') FROM cdc.error e JOIN many_history h ON h.seq = e.seq AND h.position = e.position WHERE e.subscription = 'many' ORDER BY e.seq"),
		[ (map { [ 'many/0@' . ($_ - 1), "bad $_" ] } grep { $_ % 100 } 1 .. 2500), map { [ 'many/0@' . (2499 + $_), "$_ $large" ] } 1 .. 6 ], 'each of the others in cdc.error, with its event and its bytes');
};

subtest 'workers, and PostgreSQL killed in between' => sub {
	subscription('kill', options => '{"on_error": "log", "commit_boundary": "message"}');
	$cluster->do(q{SELECT cdc.alter_table('kill', 'd.b', '{"on_error": "table"}')}, map { "ALTER TABLE kill.$_ ADD CONSTRAINT c CHECK (n < 900)" } qw(a b));
	# one that can be waited for when the others are in error
	$cluster->do('CREATE TABLE kill.well (id int PRIMARY KEY)', "SELECT cdc.add_table('kill', 'd.well', target := 'kill.well')");
	$cluster->do("SELECT cdc.enable_subscription('kill')");
	my $seed = $ENV{CDC_TEST_SEED} // time;
	srand $seed;
	note "CDC_TEST_SEED=$seed";
	my %row;
	for my $round (1 .. 3)
	{
		my @messages;
		for (1 .. 400)
		{
			my ($t, $id, $n) = (rand() < 0.5 ? 'a' : 'b', int rand 100, int rand 1000);
			my $type = rand() < 0.8 ? 'insert' : 'delete';
			push @messages, maxwell($t, $type, qq("id":$id,"n":$n));
			if ($type eq 'insert') { $row{$t}{$id} = $n } else { delete $row{$t}{$id} }
		}
		$kafka->produce('kill', \@messages);
		select undef, undef, undef, rand 0.5;
		my $pid = $cluster->node->{_pid};
		$cluster->forget;
		$cluster->node->kill9;
		# Where nobody waits for the postmaster at once, it seems to run for a while.
		wait_until(30, sub { !kill 0, $pid }) or die 'still there';
		$cluster->node->start;
	}
	$cluster->catch_up('kill');
	is($cluster->value("SELECT string_agg(state, '' ORDER BY source_table) FROM cdc.stat_table WHERE subscription = 'kill'"), 'eer', 'both in error');
	$cluster->do(map { "ALTER TABLE kill.$_ DROP CONSTRAINT c" } qw(a b));
	$cluster->value("SELECT cdc.retry_errors('kill')");
	for my $t (qw(a b))
	{
		table_is('kill', $t, join(' ', map { "$_,$row{$t}{$_}" } sort { $a <=> $b } keys %{ $row{$t} }), "all of $t");
	}
	is($cluster->value("SELECT string_agg(state, '' ORDER BY source_table) FROM cdc.stat_table WHERE subscription = 'kill'"), 'rrr', 'ready');
	is($cluster->value("SELECT count(*) - max(seq) + 0 FROM kill_history"), 0, 'each message once');
};

done_testing();
