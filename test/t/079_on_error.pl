# An event that cannot be written: what the subscription, its table or its key does then
# (option on_error), and that each statement that a hint names ends in a replica that is
# equal to its source; also where PostgreSQL is killed in between.
#
# Takes 40 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('on_error');
my $source = CdcIngest::Server->new('mariadb');
$cluster->add_source('s', $source);
$source->do('CREATE DATABASE d');

my $n = 0;

# Tables "A" (id, n, v) and "B" with a subscription that goes on by hand.
sub subscription
{
	my (%arguments) = @_;
	my $id = 'e' . ++$n;
	$source->do("CREATE DATABASE $id", map { "CREATE TABLE $id.$_ (id INT PRIMARY KEY, n INT, v VARCHAR(20))" } qw(a b));
	$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', %arguments);
	is(follow($id), '', 'a subscription');
	return $id;
}

# Runs statements at the source and brings them here; returns apply's error.
sub follow
{
	my ($id, @statements) = @_;
	$source->do(map { s/\b([ABC])\b/"$id." . lc $1/ger } @statements);
	$cluster->value('SELECT cdc.pull(?)', $id);
	return $cluster->error_of("SELECT * FROM cdc.apply('$id')");
}

sub state_of
{
	my ($id, $table) = @_;
	return join ' ', map { $_ // '' } @{ $cluster->rows("SELECT state, last_error FROM cdc.stat_table WHERE subscription = ? AND source_table = ?",
			$id, "$id.$table")->[0] // [] };
}

sub is_same { my ($id, $what, @only) = @_; return $cluster->compare_ok($source, $id, $id, $what, @only ? (only => \@only) : ()) }

# The statements that a text tells one to type.
sub statements { return $_[0] =~ /(SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))/g }

sub kill_node
{
	my $pid = $cluster->node->{_pid};
	$cluster->forget;
	$cluster->node->kill9;
	# Where nobody waits for the postmaster at once, it seems to run for a while.
	wait_until(30, sub { !kill 0, $pid }) or die 'still there';
	$cluster->node->start;
	return;
}

sub waits { my ($id) = @_; return $cluster->error_of("SELECT cdc.wait_for('$id', timeout := '1 ms')") }

subtest 'stop, and the three ways on that its hint names' => sub {
	my $id = subscription();
	my $check = sub { $cluster->do("ALTER TABLE $id.a " . ($_[0] ? 'ADD CONSTRAINT c CHECK (n < 10) NOT VALID' : 'DROP CONSTRAINT IF EXISTS c')) };
	$check->(1);
	is(follow($id, 'INSERT INTO A VALUES (1, 1, "x")', 'INSERT INTO B VALUES (1, 1, "x")'), '', 'rows');
	my $error = follow($id, 'UPDATE A SET n = 10 WHERE id = 1', 'INSERT INTO B VALUES (2, 2, "y")');
	like($error, qr/violates check constraint.*HINT: .*CONTEXT: .*seq \d+, position \S+, source table "$id\.a".*key \(id\)=\(1\)/s, 'the subscription stops');
	is($cluster->value("SELECT count(*) FROM $id.b"), 1, '... with all tables');
	my ($table, $skip) = statements($error);
	# the others go on
	$cluster->do($table);
	is(follow($id, 'INSERT INTO A VALUES (3, 3, "z")'), '', "goes on: $table");
	is_same($id, 'the other table', 'b');
	like(waits($id), qr/$id\.a of subscription "$id" is in error.*HINT: .*retry_errors/s, 'wait_for says which table is not there');
	is($cluster->value("SELECT cdc.wait_for('$id', tables := '{$id.b}')"), 1, '... and waits for others');
	my ($retry) = statements(state_of($id, 'a'));
	like($cluster->error_of($retry), qr/violates check/, 'as long as the reason is there nothing happens');
	$check->(0);
	is($cluster->error_of($retry), '', "when it is gone: $retry");
	like(state_of($id, 'a'), qr/^r $/, 'the table is ready');
	is_same($id, '... and equal');
	is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... which wait_for says');

	# passed over, then verified
	$cluster->do(qq{SELECT cdc.alter_table('$id', '$id.a', '{"on_error": null}')});
	$source->do("DELETE FROM $id.a WHERE n >= 10");
	follow($id);
	$check->(1);
	$error = follow($id, 'INSERT INTO A VALUES (4, 40, "x")', 'UPDATE A SET n = 4 WHERE id = 4', 'INSERT INTO B VALUES (4, 4, "x")');
	is($error, '', 'what is mended within the same run does not show');
	$error = follow($id, 'INSERT INTO A VALUES (5, 50, "x")', 'INSERT INTO B VALUES (5, 5, "x")');
	(undef, $skip) = statements($error);
	$cluster->do($skip);
	is(follow($id), '', "goes on: $skip");
	is_same($id, 'the other table', 'b');
	is($cluster->value("SELECT count(*) FROM $id.a WHERE id = 5"), 0, 'the row is not there');
	like($cluster->value("SELECT differs FROM cdc.stat_table WHERE source_table = '$id.a'"), qr/passed over/, 'stat_table says so');
	is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind = 'skip'"), 1, 'cdc.log too');
	$error = waits($id);
	like($error, qr/passed over.*HINT: .*verify/s, '... and wait_for');
	$check->(0);
	my ($verify) = statements($error);
	$cluster->do($verify);
	follow($id) for 1 .. 4;
	is_same($id, "after $verify");
	like(state_of($id, 'a'), qr/^r/, 'the table is ready');
	is($cluster->value("SELECT differs FROM cdc.stat_table WHERE source_table = '$id.a'"), undef, 'nothing differs');

	# passed over what changes nothing in the end: found equal
	$check->(1);
	$error = follow($id, 'INSERT INTO A VALUES (6, 60, "x")');
	(undef, $skip) = statements($error);
	$cluster->do($skip);
	is(follow($id, 'DELETE FROM A WHERE id = 6'), '', 'passed over');
	like(state_of($id, 'a'), qr/^e/, 'in error');
	$cluster->value("SELECT count(*) FROM cdc.verify('$id', '$id.a')");
	like(state_of($id, 'a'), qr/^r $/, 'until it is verified');
};

subtest 'a table goes on in steps' => sub {
	my $id = subscription(options => '{"on_error": "table"}');
	$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n <> 13)");
	is(follow($id, 'INSERT INTO A VALUES (1, 1, "x")', 'UPDATE A SET n = 13'), '', 'it stops');
	# others' events, DDL and a key that moves come meanwhile
	is(follow($id, 'INSERT INTO A VALUES (2, 2, "y"), (3, 3, "z"), (4, 4, "w"), (5, 5, "v")', 'INSERT INTO B VALUES (1, 1, "x")', 'UPDATE A SET n = 14 WHERE n = 13', 'ALTER TABLE A ADD w INT',
			'UPDATE A SET w = id', 'UPDATE A SET id = id + 10 ORDER BY id DESC', 'INSERT INTO B VALUES (2, 2, "x")', 'ALTER TABLE A DROP PRIMARY KEY, ADD PRIMARY KEY (id, n)',
			'INSERT INTO A VALUES (2, 2, "n", 9)', 'TRUNCATE A', 'INSERT INTO A VALUES (2, 2, "n", 9), (2, 3, "m", 9)', 'DELETE FROM A WHERE n = 3'), '', 'the others go on');
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT c");
	like($cluster->error_of("SELECT cdc.retry_errors('$id', '$id.a', max_events := 0)"), qr/max_events must be greater than 0/, 'no step is none');
	my ($held, $steps) = (0, 0);
	while (state_of($id, 'a') =~ /^e/ && $steps++ < 7)
	{
		is($cluster->error_of("SELECT cdc.retry_errors('$id', '$id.a', max_events := 2)"), '', "step $steps");
		last if state_of($id, 'a') !~ /^e/;
		my $now = $cluster->value("SELECT held_seq FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = '$id.a'");
		cmp_ok($now, '>', $held, "... goes on");
		$held = $now;
		like(state_of($id, 'a'), qr/has its events up to seq $held, .*HINT: .*retry_errors/s, '... which its state says');
		$cluster->do("DROP TABLE IF EXISTS $id.r", "CREATE TABLE $id.r (LIKE $id.a INCLUDING ALL)", "SET client_min_messages = 'error'", "SELECT cdc.replay('$id', '$id.a', '$id.r', to_seq := $held)", 'RESET client_min_messages');
		is($cluster->value("SELECT count(*) FROM ((TABLE $id.a EXCEPT TABLE $id.r) UNION ALL (TABLE $id.r EXCEPT TABLE $id.a)) AS d"), 0, '... and is as the history has it there');
		is(follow($id, "INSERT INTO B VALUES (10 + $steps, 1, 'x')"), '', '... while the others do');
	}
	cmp_ok($steps, '>', 5, 'these were several steps');
	my ($rest) = statements(state_of($id, 'a'));
	is($cluster->error_of($rest), '', "the rest: $rest");
	$cluster->do("DROP TABLE $id.r");
	like(state_of($id, 'a'), qr/^r $/, 'the table is ready');
	is_same($id, '... and equal');
	is(follow($id, 'INSERT INTO A VALUES (7, 7, "n", 9)'), '', 'it goes on with the others');
	is_same($id, '... and equal');
};

subtest 'table: DDL, TRUNCATE, renames while it has stopped' => sub {
	my $id = subscription(options => '{"on_error": "table"}');
	is(follow($id, 'INSERT INTO A VALUES (1, 1, "x"), (2, 2, "y")'), '', 'rows');
	$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT c CHECK (id <> 3)");
	is(follow($id, 'INSERT INTO A VALUES (3, 3, "x")', 'ALTER TABLE A ADD w INT NOT NULL DEFAULT 7, MODIFY n BIGINT',
			'INSERT INTO A VALUES (4, 4000000000, "z", 4)', 'UPDATE A SET id = 5 WHERE id = 1', 'ALTER TABLE A CHANGE v u VARCHAR(30)',
			'DELETE FROM A WHERE id = 2', 'INSERT INTO B VALUES (1, 1, "b")', 'ALTER TABLE B ADD c INT'), '', 'goes on');
	like(state_of($id, 'a'), qr/^e .*violates check constraint "c"/s, 'the table has stopped');
	is($cluster->value("SELECT count(*) FROM $id.a"), 2, 'its target stays as it was');
	is_same($id, 'the other table', 'b');
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT c");
	my ($retry) = statements(state_of($id, 'a'));
	is($cluster->error_of($retry), '', $retry);
	is_same($id, 'the table has followed');
	like(state_of($id, 'a'), qr/^r $/, '... and is ready');
	is(follow($id, 'INSERT INTO A VALUES (7, 7, "x", 7)'), '', '... and goes on');
	is_same($id, '... with its rows');

	# the first event of a table that is copied at the same time has no place to go on from
	$source->do("CREATE TABLE $id.c (id INT PRIMARY KEY, n INT)", "INSERT INTO $id.c VALUES (1, 1)");
	follow($id) for 1 .. 2;
	$cluster->do("ALTER TABLE $id.c ADD CONSTRAINT c CHECK (n < 10) NOT VALID");
	$source->do("INSERT INTO $id.c VALUES (2, 20)");
	$cluster->do("SELECT cdc.resync_table('$id', '$id.c')");
	is(follow($id, 'INSERT INTO B VALUES (8, 8, "b", 8)'), '', 'a copy that cannot be written');
	follow($id);
	like(state_of($id, 'c'), qr/^e/, 'stops its table');
	$cluster->do("ALTER TABLE $id.c DROP CONSTRAINT c");
	my ($remedy) = statements(state_of($id, 'c'));
	is($cluster->error_of($remedy), '', $remedy);
	follow($id) for 1 .. 4;
	is_same($id, 'all tables');
	like(state_of($id, 'c'), qr/^r $/, '... ready');
};

subtest 'log: a trigger of its own, keys that change, DDL behind' => sub {
	my $id = subscription(options => '{"on_error": "log"}');
	$cluster->do("CREATE FUNCTION $id.no() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
			IF NEW.n > 10 THEN RAISE EXCEPTION 'not %', NEW.n; END IF; RETURN NEW; END \$\$",
		"CREATE TRIGGER no BEFORE INSERT OR UPDATE ON $id.a FOR EACH ROW EXECUTE FUNCTION $id.no()",
		"ALTER TABLE $id.a ENABLE ALWAYS TRIGGER no");
	is(follow($id, 'INSERT INTO A VALUES (1, 1, "x"), (2, 2, "y"), (3, 30, "z"), (4, 4, "w")', 'INSERT INTO B VALUES (1, 1, "b")',
			'UPDATE A SET id = 10 WHERE id = 3', 'UPDATE A SET v = "q"', 'DELETE FROM A WHERE id = 10', 'UPDATE A SET id = 20, n = 99 WHERE id = 1',
			'INSERT INTO A VALUES (1, 5, "again")'), '', 'goes on');
	is($cluster->value("SELECT string_agg(concat_ws(',', id, n, v), ' ' ORDER BY id) FROM $id.a"), '1,1,q 2,2,q 4,4,q', 'all other rows are there');
	is($cluster->value("SELECT kept_events FROM cdc.stat_table WHERE source_table = '$id.a'"),
		$cluster->value("SELECT count(*) FROM cdc.error WHERE subscription = '$id'"), 'the kept ones are counted');
	like(waits($id), qr/$id\.a .*is in error.*not 30.*HINT: .*retry_errors/s, 'wait_for');
	is($cluster->value("SELECT count(*) FROM cdc.verify('$id', '$id.a') WHERE kind <> 'equal'") > 0 ? 1 : 0, 1, 'verify tells the truth');
	is(follow($id, 'ALTER TABLE A ADD w INT DEFAULT 3', 'INSERT INTO A VALUES (30, 3, "n", 4)', 'INSERT INTO B VALUES (2, 2, "b")'), '', 'DDL behind it');
	like(state_of($id, 'a'), qr/^e .*was changed at seq/, 'stops the table before it');
	is_same($id, 'the other table', 'b');
	$cluster->do("DROP TRIGGER no ON $id.a");
	my ($retry) = statements(state_of($id, 'a'));
	is($cluster->error_of($retry), '', $retry);
	is_same($id, 'all is there');
	like(state_of($id, 'a'), qr/^r $/, 'ready');

	# a new copy: what is kept is of no concern
	$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n < 100)");
	follow($id, 'INSERT INTO A VALUES (40, 100, "x", 4)');
	is($cluster->value("SELECT kept_events FROM cdc.stat_table WHERE source_table = '$id.a'"), 1, 'one more');
	like($cluster->error_of("SELECT cdc.resync_table('$id', '$id.a', 'id = 40')"), qr/cannot copy some rows/, 'a part of the rows does not mend it');
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT c", "SELECT cdc.resync_table('$id', '$id.a')");
	follow($id) for 1 .. 4;
	is_same($id, 'copied anew');
	like(state_of($id, 'a'), qr/^r $/, 'ready');
	is($cluster->value("SELECT count(*) FROM cdc.error WHERE subscription = '$id'"), 0, 'nothing is kept');
};

subtest 'rights that are missing' => sub {
	$cluster->do('CREATE ROLE own', 'GRANT USAGE ON FOREIGN SERVER s TO own', q{CREATE USER MAPPING FOR own SERVER s OPTIONS (user } . $cluster->dbh->quote($CdcIngest::Server::CDC_USER) .
		q{, password } . $cluster->dbh->quote($CdcIngest::Server::CDC_PASSWORD) . q{)}, 'CREATE SCHEMA r AUTHORIZATION own', 'CREATE TABLE public.theirs (id int PRIMARY KEY, n int)',
		'GRANT ALL ON public.theirs TO own');
	$source->do('CREATE DATABASE r', 'CREATE TABLE r.a (id INT PRIMARY KEY, n INT)', 'CREATE TABLE r.b (id INT PRIMARY KEY, n INT)');
	$cluster->do('SET ROLE own');
	$cluster->call('create_subscription', name => 'r', server => 's', target_schema => 'r', tables => ['r.b'], enabled => \'false', options => '{"on_error": "table"}');
	$cluster->do("SELECT cdc.add_table('r', 'r.a', target := 'public.theirs')");
	is(follow('r', 'INSERT INTO A VALUES (1, 1)', 'INSERT INTO B VALUES (1, 1)'), '', 'rows');
	follow('r') for 1 .. 2;
	$cluster->do('RESET ROLE', 'REVOKE INSERT ON public.theirs FROM own', 'SET ROLE own');
	is(follow('r', 'INSERT INTO A VALUES (2, 2)', 'INSERT INTO B VALUES (2, 2)'), '', 'goes on');
	like(state_of('r', 'a'), qr/^e .*(?:permission denied|must have)/, 'the table has stopped');
	is($cluster->value('SELECT count(*) FROM r.b'), 2, 'the other one not');
	my ($retry) = statements(state_of('r', 'a'));
	$cluster->do('RESET ROLE', 'GRANT INSERT ON public.theirs TO own', 'SET ROLE own');
	is($cluster->error_of($retry), '', $retry);
	is($cluster->value('SELECT count(*) FROM public.theirs'), 2, 'the row is there');
	$cluster->do('RESET ROLE');
};

subtest 'workers, and PostgreSQL killed in between' => sub {
	my $seed = $ENV{CDC_TEST_SEED} // time;
	srand $seed;
	note "CDC_TEST_SEED=$seed";
	my $id = subscription(options => '{"on_error": "table"}');
	# one that can be waited for when the others are in error
	$source->do("CREATE TABLE $id.well (id INT PRIMARY KEY)");
	$cluster->do(qq{SELECT cdc.alter_table('$id', '$id.b', '{"on_error": "log"}')});
	my $check = sub { $cluster->do(map { "ALTER TABLE $id.$_ " . ($_[0] ? 'ADD CONSTRAINT c CHECK (n % 50 <> 7) NOT VALID' : 'DROP CONSTRAINT IF EXISTS c') } qw(a b)) };
	$check->(1);
	$cluster->do("SELECT cdc.enable_subscription('$id')");
	my $dml = sub {
		my $t = rand() < 0.5 ? 'A' : 'B';
		my ($k, $v) = (int rand 200, int rand 1000);
		return rand() < 0.6 ? "REPLACE INTO $t VALUES ($k, $v, 'x$v')"
		  : rand() < 0.5 ? "UPDATE IGNORE $t SET id = " . int(rand 200) . ", n = $v WHERE id = $k"
		  : "DELETE FROM $t WHERE id = $k";
	};
	my $load = sub { $source->do(map { s/\b([AB])\b/"$id." . lc $1/er } map { rand() < 0.2 ? ('BEGIN', map({ $dml->() } 1 .. 5), 'COMMIT') : $dml->() } 1 .. $_[0]) };
	for my $round (1 .. 4)
	{
		$load->(150);
		sleep rand 0.4;
		kill_node();
		next unless $round % 2 == 0;
		# in one transaction with the end of its reason; killed on its way, too
		eval {
			$cluster->catch_up($id);
			$check->(0);
			$cluster->value('SELECT cdc.retry_errors(?)', $id);
			1;
		} or diag $@;
		$check->(1) if $round == 2;
	}
	$load->(150);
	$check->(0);
	$cluster->catch_up($id);
	$cluster->value('SELECT cdc.retry_errors(?)', $id);
	$cluster->catch_up($id);
	is_same($id, 'both tables');
	is($cluster->value("SELECT string_agg(state, '') FROM cdc.stat_table WHERE subscription = '$id'"), 'rrr', 'ready');
	is($cluster->value("SELECT count(*) FROM cdc.error WHERE subscription = '$id'"), 0, 'nothing is kept');

	# stop: what the worker writes down
	$cluster->do(qq{SELECT cdc.alter_subscription('$id', '{"on_error": null}')}, "ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n < 5000)");
	$source->do("REPLACE INTO $id.a VALUES (777, 5001, 'x')");
	$cluster->poll("SELECT error_key FROM cdc.stat_table WHERE source_table = '$id.a'", '(id)=(777)');
	my ($seq) = $cluster->value("SELECT error_seq FROM cdc.stat_table WHERE source_table = '$id.a'");
	is($cluster->value("SELECT event->'data'->>'id' FROM $id.${id}_history WHERE seq = ?", $seq), 777, 'stat_table has the event that stops it');
	my $last = $cluster->value("SELECT last_error FROM cdc.stat_subscription WHERE subscription = '$id'");
	my ($table, $skip) = statements($last);
	like($skip, qr/skip_transaction/, 'its hint') or diag $last;
	$cluster->do($skip);
	$cluster->poll("SELECT state FROM cdc.stat_table WHERE source_table = '$id.a'", 'e');
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT c");
	my $verify;
	wait_until(60, sub { ($verify) = grep { /verify/ } statements(waits($id)) }) or diag waits($id);
	$cluster->do($verify);
	$cluster->poll("SELECT state FROM cdc.stat_table WHERE source_table = '$id.a'", 'r');
	$cluster->catch_up($id);
	is_same($id, "after $verify");
};

$source->stop('KILL');
done_testing();
