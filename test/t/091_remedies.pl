# What a message of apply tells one to type is typed, and ends in a replica that is equal to
# its source; and old events do not stop a table that is copied anew.
#
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('remedies');
my $source = CdcIngest::Server->new('mysql97');
$cluster->add_source('s', $source);

my $n = 0;

# A database with these tables, and a subscription of it that goes on by hand.
sub subscription
{
	my ($tables, %arguments) = @_;
	my $id = 'm' . ++$n;
	$source->do("CREATE DATABASE $id", map { "CREATE TABLE $id.$_" } @$tables);
	$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', %arguments);
	$arguments{enabled} ? $cluster->catch_up($id) : is(follow($id), '', "$id: a subscription");
	return $id;
}

# Runs statements at the source and brings them here; returns the error of pull or apply.
sub follow
{
	my ($id, @statements) = @_;
	$source->do("USE $id", @statements);
	my $error = $cluster->error_of("SELECT cdc.pull('$id')") || $cluster->error_of("SELECT * FROM cdc.apply('$id')");
	return $error;
}

# ... until copies are there, too.
sub settle
{
	my ($id) = @_;
	my $error = '';
	$error ||= follow($id) for 1 .. 5;
	return is($error, '', "$id: goes on");
}

# The statements that a text tells one to type.
sub statements { return $_[0] =~ /(SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))/g }

sub state_of
{
	my ($id, $table) = @_;
	return join ' ', map { $_ // '' } @{ $cluster->rows('SELECT state, last_error FROM cdc.stat_table WHERE subscription = ? AND source_table = ?', $id, "$id.$table")->[0] // [] };
}

# All tables are ready and equal, and the one is told to be.
sub same_ok
{
	my ($id, $what) = @_;
	is($cluster->value("SELECT string_agg(source_table || ' ' || state::text || coalesce(last_error, ''), ', ') FROM cdc.stat_table WHERE subscription = ? AND state <> 'r'", $id),
		undef, "$id: $what: all tables are ready");
	$cluster->compare_ok($source, $id, $id, "$id: ... and equal");
	return is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, "$id: ... which wait_for says");
}

subtest 'an old event does not stop a table that is copied anew' => sub {
	for my $on_error (qw(stop table log))
	{
		my $id = subscription([ 'a (id INT PRIMARY KEY, n INT)', 'b (id INT PRIMARY KEY)' ], options => qq({"on_error": "$on_error"}));
		$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n < 10) NOT VALID");
		# the copy is asked for before apply has met the event, or behind that
		for my $when (qw(before behind begun))
		{
			my $k = { before => 1, behind => 11, begun => 21 }->{$when};
			$source->do("USE $id", "INSERT INTO a (id, n) VALUES ($k, 1), ($k + 1, 50), ($k + 2, 1)", "INSERT INTO b VALUES ($k)");
			$cluster->do("SELECT cdc.pull('$id')");
			my $error = $when eq 'before' ? '' : $cluster->error_of("SELECT * FROM cdc.apply('$id')");
			like($error, qr/violates check/, 'the subscription stops') if $on_error eq 'stop' && $when ne 'before';
			$source->do("USE $id", "UPDATE a SET n = 2 WHERE n = 50", "ALTER TABLE a ADD c$k INT DEFAULT 3");
			$cluster->do("SELECT cdc.resync_table('$id', '$id.a')");
			# the copy's rows come before apply sees anything of all that
			if ($when eq 'begun') { $cluster->do("SELECT cdc.pull('$id')") for 1 .. 3 }
			settle($id);
			same_ok($id, "$on_error, $when");
		}
		is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = ? AND message LIKE '%from before its new copy are passed over%'", $id) > 0 ? 1 : 0,
			1, 'cdc.log says so') if $on_error eq 'stop';
	}
};

subtest 'nor one that is added again' => sub {
	for my $target ('kept', 'dropped')
	{
		my $id = subscription([ 'a (id INT PRIMARY KEY, n INT)', 'b (id INT PRIMARY KEY)' ]);
		is(follow($id, 'INSERT INTO a VALUES (1, 1), (2, 2)', 'INSERT INTO b VALUES (1)'), '', 'rows');
		$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n < 10)");
		like(follow($id, 'INSERT INTO a VALUES (3, 50)', 'INSERT INTO b VALUES (2)'), qr/violates check/, 'the subscription stops');
		like(follow($id, 'DELETE FROM a WHERE id = 1', 'ALTER TABLE a MODIFY n VARCHAR(10)', q{UPDATE a SET n = 'x' WHERE n = '50'}), qr/violates check/, '... and stays');
		$cluster->do("SELECT cdc.remove_table('$id', '$id.a')", $target eq 'dropped' ? "DROP TABLE $id.a" :
			("ALTER TABLE $id.a DROP CONSTRAINT c, ALTER n TYPE varchar(10)", "DELETE FROM $id.a"));
		# the old event does not fit what the target is now, either
		$cluster->do("SELECT cdc.add_table('$id', '$id.a')", "ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n <> '50')");
		settle($id);
		same_ok($id, "its target was $target");
	}
};

subtest 'nor a statement that cannot be followed' => sub {
	for my $ddl (qw(evolve stop))
	{
		my $id = subscription([ 'a (id INT PRIMARY KEY, n INT)', 'b (id INT PRIMARY KEY)' ], options => qq({"ddl": "$ddl"}));
		is(follow($id, 'INSERT INTO a VALUES (1, 1), (2, 2)'), '', 'rows');
		$cluster->do("CREATE VIEW $id.v AS SELECT n FROM $id.a") if $ddl eq 'evolve';
		$source->do("USE $id", 'INSERT INTO b VALUES (1)', 'ALTER TABLE a MODIFY n VARCHAR(10)', q{UPDATE a SET n = 'x'});
		$cluster->do("SELECT cdc.pull('$id')");
		$cluster->do("DROP VIEW IF EXISTS $id.v") if $ddl eq 'stop';
		like($cluster->error_of("SELECT * FROM cdc.apply('$id')"), qr/"ddl" is "stop"/, 'the subscription stops') if $ddl eq 'stop';
		$cluster->do("SELECT cdc.resync_table('$id', '$id.a')", "SELECT cdc.pull('$id')");
		# at the statement it cannot be altered, when the copy begins it can
		if ($ddl eq 'evolve')
		{
			my $first = $cluster->value("SELECT min(seq) FROM $id.${id}_history WHERE op = 's' AND source_table = '$id.a'");
			is($cluster->error_of("SELECT * FROM cdc.apply('$id', max_events := $first - (SELECT applied_seq FROM cdc.subscription_progress WHERE subscription = '$id'))"), '', 'apply passes it');
			unlike(state_of($id, 'a'), qr/^e/, 'the table is not in error');
			$cluster->do("DROP VIEW $id.v");
		}
		settle($id);
		same_ok($id, "ddl $ddl");
	}
};

subtest 'wait_for tells what is so after its hint was followed, not what was before' => sub {
	my $id = subscription([ 'a (id INT PRIMARY KEY, n INT)' ], enabled => \'true');
	# the worker pauses longer and longer
	$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT c CHECK (n < 10)");
	$source->do("INSERT INTO $id.a VALUES (1, 50)");
	$cluster->poll("SELECT max(failures) >= 3 FROM cdc.subscription_failure WHERE subscription = '$id'", '1');
	like($cluster->error_of("SELECT cdc.wait_for('$id')"), qr/the apply worker of subscription "$id" fails: .*violates check/, 'as long as it fails it says so');
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT c");
	is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, 'when the reason is gone it waits');
	same_ok($id, 'mended');
	is($cluster->value("SELECT last_error FROM cdc.stat_subscription WHERE subscription = '$id'"), undef, 'nothing is shown any more');
	$cluster->do("SELECT cdc.disable_subscription('$id')");
};

# A replay of the whole history into a table of the present shape, over a change in the middle.
subtest 'replay over changes of types' => sub {
	my $replay = sub {
		my ($columns, $rows, $change, $more) = @_;
		my $id = subscription([ "a (id INT PRIMARY KEY, $columns)" ]);
		follow($id, "INSERT INTO a VALUES $rows", "ALTER TABLE a $change", "INSERT INTO a VALUES $more");
		$cluster->do("CREATE TABLE $id.r (LIKE $id.a INCLUDING ALL)");
		my $said = eval { $cluster->notices_of("SELECT cdc.replay('$id', '$id.a', '$id.r')") } // $@;
		my $differ = $cluster->value("SELECT count(*) FROM ((TABLE $id.a EXCEPT TABLE $id.r) UNION ALL (TABLE $id.r EXCEPT TABLE $id.a)) AS d");
		return ($id, $said, $differ);
	};
	my ($id, $said, $differ) = $replay->('n VARCHAR(10)', q{(1, 'a'), (2, NULL)}, 'MODIFY n VARBINARY(10)', q{(3, 'c'), (4, x'00ff')});
	is($differ, 0, 'text that becomes bytes') or diag join "\n", map { "@$_" } @{ $cluster->rows("SELECT r::text FROM $id.r") };
	like($said, qr/source table $id\.a was altered before seq/, '... the change is told');
	($id, $said, $differ) = $replay->('n INT', '(1, 1)', 'MODIFY n VARCHAR(20)', q{(2, '007')});
	is($differ, 0, 'a number that becomes text');
	($id, $said, $differ) = $replay->('n BIT(8)', q{(1, b'101')}, 'MODIFY n INT', '(2, 300)');
	is($differ, 0, 'bits that become a number');

	# what no event says is told, and the remedy brings it
	($id, $said, $differ) = $replay->('n INT', '(1, 1)', 'ADD c INT DEFAULT 5', '(2, 2, 2)');
	like($said, qr/was altered before seq.*as the default of a new column.*copy_history.*SELECT cdc\.resync_table/s, 'a default that no event has is told');
	is($differ, 2, '... the row has what its event has');
	$cluster->do(qq{SELECT cdc.alter_table('$id', '$id.a', '{"copy_history": true}')}, statements($said));
	settle($id);
	my $from = $cluster->value("SELECT max(seq) FROM $id.${id}_history WHERE event->>'type' = 'bootstrap-start' AND source_table = '$id.a'");
	$cluster->do("TRUNCATE $id.r", "SELECT cdc.replay('$id', '$id.a', '$id.r', from_seq := $from)");
	is($cluster->value("SELECT count(*) FROM ((TABLE $id.a EXCEPT TABLE $id.r) UNION ALL (TABLE $id.r EXCEPT TABLE $id.a)) AS d"), 0, '... and its remedy ends in the same table');
};

# binlog_row_image=MINIMAL: the binlog has neither the former document nor the whole new one.
subtest 'a part of a document' => sub {
	my $id = subscription([ 'a (id INT PRIMARY KEY, js JSON)', 'b (id INT PRIMARY KEY)' ]);
	is(follow($id, q{INSERT INTO a VALUES (1, '{"a": "a long text, so that an update is partial", "b": 1}')}), '', 'a document');
	is(follow($id, q{SET binlog_row_image = 'MINIMAL', binlog_row_value_options = 'PARTIAL_JSON'}, q{UPDATE a SET js = JSON_SET(js, '$.b', 2)},
			q{SET binlog_row_image = DEFAULT, binlog_row_value_options = DEFAULT}, 'INSERT INTO b VALUES (1)'), '', '... of which a part comes: other tables go on');
	my $error = $cluster->value(q{SELECT last_error FROM cdc.stat_table WHERE subscription = ? AND source_table = ? AND state = 'e'}, $id, "$id.a") // '';
	like($error, qr/a row of it at \S+ cannot be read: column "js": partial JSON update.*Set binlog_row_image to FULL, or binlog_row_value_options to ''.*before the table is copied anew/s,
		'... and its own says why, and what to set at the source first');
	$cluster->do(statements($error));
	settle($id);
	same_ok($id, 'what it says to type');
};

subtest 'events that the source could not write' => sub {
	my $mariadb = CdcIngest::Server->new('mariadb');
	$cluster->add_source('lossy', $mariadb);
	$mariadb->do('CREATE DATABASE lost', 'CREATE TABLE lost.a (id int PRIMARY KEY)', 'CREATE TABLE lost.m (id int AUTO_INCREMENT PRIMARY KEY, v varchar(100)) ENGINE=MyISAM', 'INSERT INTO lost.a VALUES (1)');
	$cluster->subscribe('lost', 'lossy', 'lost', tables => ['lost.*']);
	$cluster->catch_up('lost');
	$mariadb->do('SET GLOBAL max_binlog_stmt_cache_size = 4096', 'SET GLOBAL binlog_stmt_cache_size = 4096');
	my $dbh = $mariadb->connect;
	eval { local $dbh->{PrintError} = 0; $dbh->do("INSERT INTO lost.m (v) SELECT repeat('a', 60) FROM lost.seq_1_to_2000") };
	like($@, qr/max_binlog_stmt_cache_size/, 'a statement that is too large for the binlog');
	$mariadb->do('SET GLOBAL binlog_stmt_cache_size = 32768', 'SET GLOBAL max_binlog_stmt_cache_size = DEFAULT', 'INSERT INTO lost.a VALUES (2)');
	my $error = q{SELECT coalesce(max(last_error), '') FROM cdc.subscription_failure WHERE subscription = 'lost'};
	$cluster->poll("SELECT (($error) ~ 'its binlog lost events')::text", 'true');
	like($cluster->value($error), qr/FLUSH BINARY LOGS; then here cdc\.restart_subscription\(\)/, '... is told, with what to do');
	$mariadb->do('FLUSH BINARY LOGS');
	$cluster->do(q{SELECT cdc.restart_subscription('lost')});
	$cluster->catch_up('lost');
	$mariadb->do('INSERT INTO lost.a VALUES (3)', "INSERT INTO lost.m (v) VALUES ('b')");
	$cluster->catch_up('lost');
	$cluster->compare_ok($mariadb, 'lost', 'lost', '... which ends equal');
	$mariadb->stop;
};

# A column of the source's that is called like one of the mode's own.
subtest 'columns with the names of a mode' => sub {
	my $id = subscription([ 'a (id INT PRIMARY KEY, n INT)', 'b (id INT PRIMARY KEY)', 'x (id INT PRIMARY KEY, n INT)' ], options => '{"target_mode": "soft_delete"}');
	is(follow($id, 'INSERT INTO a VALUES (1, 1), (2, 2), (3, 3)', 'DELETE FROM a WHERE id = 3', 'INSERT INTO x VALUES (1, 1)', 'DELETE FROM x'), '', 'rows, of which some have gone');
	my $marks = $cluster->value("SELECT string_agg(a::text, ' ' ORDER BY id) FROM $id.a a");
	is(follow($id, 'ALTER TABLE a ADD _cdc_seq INT DEFAULT 4, ADD _cdc_deleted INT DEFAULT 5', 'INSERT INTO a (id, n) VALUES (9, 9)', 'ALTER TABLE x RENAME COLUMN n TO _cdc_source_ts',
			'INSERT INTO b VALUES (1)'), '', 'the others go on');
	is($cluster->value("SELECT count(*) FROM $id.b"), 1, '... with their rows');
	is($cluster->value("SELECT string_agg(a::text, ' ' ORDER BY id) FROM $id.a a"), $marks, '... and the marks stay');
	for my $table (qw(a x))
	{
		like(state_of($id, $table), qr/^e .*has the name of one that mode "soft_delete" of its target has for its own/, "$table: told");
		$cluster->do("SELECT cdc.resync_table('$id', '$id.$table')");
		settle($id);
		like(state_of($id, $table), qr/^e .*has the name of one that mode/, '... a new copy does not help');
		$cluster->do(statements(state_of($id, $table)));
		settle($id);
		is(state_of($id, $table), 'r ', '... what it says does');
	}
	is($cluster->value("SELECT string_agg(concat_ws('/', id, n, _cdc_deleted::int), ' ' ORDER BY id) FROM $id.a"), '1/1/0 2/2/0 3/3/1 9/9/0', 'rows and marks');
	is(follow($id, 'DELETE FROM a WHERE id = 2', 'INSERT INTO x VALUES (2, 2)'), '', 'it goes on');
	is($cluster->value("SELECT string_agg(concat_ws('/', id, n, _cdc_deleted::int), ' ' ORDER BY id) FROM $id.a"), '1/1/0 2/2/1 3/3/1 9/9/0', '... with marks');
	is($cluster->value("SELECT string_agg(concat_ws('/', id, _cdc_deleted::int), ' ' ORDER BY id) FROM $id.x"), '1/1 2/0', '... and without the column');

	# Another type: rows that no copy brings again are no reason to guess.
	is(follow($id, 'CREATE TABLE y (id INT PRIMARY KEY, v DOUBLE)', q{INSERT INTO y VALUES (1, 11.75), (2, 3.25)}, 'DELETE FROM y WHERE id = 2'), '', 'a table with a number');
	settle($id);
	is(follow($id, 'ALTER TABLE y MODIFY v INT'), '', 'which becomes a whole one');
	$cluster->do("SELECT cdc.resync_table('$id', '$id.y')");
	settle($id);
	my ($alter) = state_of($id, 'y') =~ /let it have that first, by (ALTER TABLE .*?)\.\n/;
	ok($alter, 'what to type is said: ' . ($alter // state_of($id, 'y')));
	$cluster->do($alter, "SELECT cdc.resync_table('$id', '$id.y')") if $alter;
	settle($id);
	is($cluster->value("SELECT string_agg(concat_ws('/', id, v, _cdc_deleted::int), ' ' ORDER BY id) FROM $id.y"), '1/12/0 2/3/1', '... and helps');
};

# What keeps a target from following is there at each new copy.
subtest 'a target that cannot be altered' => sub {
	my $id = subscription([ map({ "$_ (id INT PRIMARY KEY, a INT, b VARCHAR(5))" } qw(v g)), 'o (id INT PRIMARY KEY)' ]);
	is(follow($id, map({ "INSERT INTO $_ VALUES (1, 1, 'one')" } qw(v g))), '', 'rows');
	$cluster->do("CREATE VIEW $id.v_v AS SELECT id, a FROM $id.v", "ALTER TABLE $id.g ADD double int GENERATED ALWAYS AS (a * 2) STORED");
	is(follow($id, map({ ("ALTER TABLE $_ MODIFY a BIGINT, MODIFY b VARCHAR(9)", "INSERT INTO $_ VALUES (2, 9000000000, 'longer')") } qw(v g)), 'INSERT INTO o VALUES (1)'), '', 'the others go on');
	for my $table (qw(v g))
	{
		for my $again (0 .. 3)
		{
			like(state_of($id, $table), qr/^e .*its target cannot be altered: cannot alter type of a column used by/, "$table: told, $again");
			$cluster->do("SELECT cdc.resync_table('$id', '$id.$table')");
			settle($id);
		}
	}
	is($cluster->value("SELECT string_agg(id::text, ' ') FROM $id.o"), 1, 'the others have gone on');
	$cluster->do("DROP VIEW $id.v_v", "ALTER TABLE $id.g DROP double", map { "SELECT cdc.resync_table('$id', '$id.$_')" } qw(v g));
	settle($id);
	same_ok($id, 'when what was in the way is gone');
};

# A new copy leaves types that take every value as the user gave them, and makes others right.
subtest 'types of the user' => sub {
	my $id = subscription([ 't (id INT PRIMARY KEY, wide VARCHAR(20), narrow VARCHAR(20), d DECIMAL(8,2), n DECIMAL(8,2), at DATETIME, b INT)' ]);
	my $types = sub { $cluster->value("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$id.t'::regclass AND attnum > 1 AND NOT attisdropped") };
	is(follow($id, "INSERT INTO t VALUES (1, 'w', 'n', 1.25, 2.5, '2024-01-02 03:04:05', 7)"), '', 'a row');
	$cluster->do("ALTER TABLE $id.t ALTER wide TYPE varchar(50), ALTER narrow TYPE varchar(5), ALTER d TYPE numeric(12,2), ALTER n TYPE numeric(4,2), ALTER at TYPE timestamp(3), ALTER b TYPE numeric");
	my $wanted = 'wide character varying(50), narrow character varying(20), d numeric(12,2), n numeric(8,2), at timestamp(3) without time zone, b numeric';
	for (1, 2)
	{
		$cluster->do("SELECT cdc.resync_table('$id', '$id.t')");
		settle($id);
		is($types->(), $wanted, 'the types') or diag($types->());
		same_ok($id, 'a new copy');
	}
	is(follow($id, "INSERT INTO t VALUES (2, REPEAT('w', 20), REPEAT('n', 20), 123456.25, 654321.5, '2024-01-02 03:04:05', 8)"), '', 'all values fit');
	is(follow($id, "UPDATE t SET narrow = 'n'"), '', 'shorter ones');
	is(follow($id, 'ALTER TABLE t MODIFY wide VARCHAR(60), MODIFY narrow VARCHAR(9) DEFAULT NULL', "INSERT INTO t (id, wide) VALUES (3, REPEAT('w', 60))"), '', 'others come');
	settle($id);
	$cluster->do("SELECT cdc.resync_table('$id', '$id.t')");
	settle($id);
	like($types->(), qr/^wide character varying\(60\), narrow character varying\(9\), d numeric\(12,2\)/, 'types that were the source\'s follow it') or diag($types->());
	same_ok($id, 'a new copy of others');
};

# A row filter over a column that gets another name, of a target that has no mapping.
subtest 'a row filter and a renamed column' => sub {
	my $id = subscription([ 'o (id INT PRIMARY KEY)' ], tables => ['*.o']);
	$source->do("CREATE TABLE $id.t (id INT PRIMARY KEY, a INT, s VARCHAR(10))", "INSERT INTO $id.t VALUES (1, 1, 'on'), (2, 2, 'off')");
	$cluster->do(qq{SELECT cdc.add_table('$id', '$id.t', target := '$id.t', row_filter := \$\$s = 'on'\$\$)});
	settle($id);
	is(follow($id, 'ALTER TABLE t CHANGE s st VARCHAR(10)', "INSERT INTO t VALUES (3, 3, 'on')"), '', 'renamed');
	my ($first, $then) = state_of($id, 't') =~ /HINT:  (ALTER TABLE \S+ RENAME COLUMN s TO st); (SELECT cdc.alter_table\(.*?\));/;
	ok($first && $then, 'what to type is said') or diag(state_of($id, 't'));
	$cluster->do($first, $then =~ s/\bs\b(?= = )/st/r) if $first;
	settle($id);
	is($cluster->value("SELECT string_agg(t::text, ' ' ORDER BY id) FROM $id.t"), '(1,1,on) (3,3,on)', '... and helps');
	is(follow($id, "ALTER TABLE t ADD c INT DEFAULT 3", "UPDATE t SET st = 'on' WHERE id = 2", "UPDATE t SET st = 'off' WHERE id = 1"), '', 'it goes on');
	is($cluster->value("SELECT string_agg(t::text, ' ' ORDER BY id) FROM $id.t"), '(2,2,on,3) (3,3,on,3)', '... with new columns, too');
};

done_testing();
