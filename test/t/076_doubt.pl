# Rows that change without a row event: statement format, what statements call, cascades of
# foreign keys, tables in memory; replicas that are emptied or changed by hand.  The tables concerned are
# named, and no others; with auto_resync they come back.
#
# Takes 130 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('doubt');

# Tables in state e, without the database's name; after all that the source has.
sub in_error
{
	my ($id) = @_;
	$cluster->catch_up($id);
	return join ' ', map { s/.*\.//r } map { $_->[0] } @{
		$cluster->rows(q{SELECT source_table FROM cdc.subscription_table WHERE subscription = ? AND state = 'e' ORDER BY 1}, $id) };
}

sub error_of_table
{
	my ($id, $table) = @_;
	return $cluster->value('SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, $table);
}

# What the error says to type, for each table in error; then all must be equal.
sub remedied
{
	my ($source, $id, $what) = @_;
	my $errors = $cluster->rows(q{SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND state = 'e'}, $id);
	$cluster->do($_->[0] =~ /^HINT: +(SELECT cdc\.resync_table.*)/m) for @$errors;
	is(in_error($id), '', "$what: the hint ends it");
	$cluster->compare_ok($source, 'd', $id, '... and all is equal', except => [qw(other hidden)]);
	return;
}

sub statements
{
	my ($source, $id) = @_;
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE d', q{SET SESSION binlog_format = 'STATEMENT'};
	my @cases = (
		[ 'a', 'INSERT INTO a VALUES (100, 1)' ],
		[ 'b', 'UPDATE `d`.b SET v = v + 1 WHERE id IN (SELECT id FROM a)' ],
		[ 'a b', 'UPDATE a JOIN d.b USING (id) SET a.v = 7, b.v = 8' ],
		[ 'a', 'DELETE LOW_PRIORITY FROM a WHERE id = 2' ],
		[ 'a b', 'DELETE x, y FROM a AS x JOIN b AS y ON x.id = y.id WHERE x.id = 3' ],
		[ 'c', 'REPLACE INTO c SELECT id, v FROM a' ],
		[ 'a', qq{LOAD DATA LOCAL INFILE '$source->{dir}/rows' INTO TABLE a} ]);
	open my $fh, '>', "$source->{dir}/rows" or die $!;
	print $fh "200\t1\n";
	close $fh;
	for my $case (@cases)
	{
		my ($tables, $sql) = @$case;
		next if $sql =~ /^LOAD/ && !eval { $dbh->do($sql); 1 };
		$dbh->do($sql) unless $sql =~ /^LOAD/;
		my $said = in_error($id);
		# names that the statement only reads are better taken than left out where that cannot be told
		like($said, qr/^(?:a )?\Q$tables\E$|^\Q$tables\E$/, "$id: $sql: '$said'");
		like(error_of_table($id, 'd.' . ($tables =~ /(\w)$/)[0]), qr/as a statement/, '... with the reason');
		remedied($source, $id, '... ');
	}
	$dbh->do('INSERT INTO d.other VALUES (1)');
	is(in_error($id), '', 'a table that is not captured');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = ? AND kind = 'statement_dml'}, $id), 1, '... is in the log only');
	return;
}

# Clients that speak other character sets: names in statements are in theirs.  (The two bytes
# of a letter in UTF-8 are other characters for them.)
sub client_charsets
{
	my ($source, $id) = @_;
	for my $charset (qw(latin1 gbk))
	{
		my $dbh = $source->connect;
		my ($name, $new, $old) = map { "`$_`" } "\x{eb}_$charset", "\x{fc}", "\x{e9}";
		$dbh->do($_) for 'USE d', "SET NAMES $charset", "CREATE TABLE $name (id int PRIMARY KEY, $old int)", "INSERT INTO $name VALUES (1, 1)",
		  "ALTER TABLE $name ADD COLUMN $new int DEFAULT 3", "INSERT INTO $name VALUES (2, 2, 2)";
		is(in_error($id), '', "$id: DDL of a client in $charset");
		$dbh->do($_) for q{SET SESSION binlog_format = 'STATEMENT'}, "UPDATE $name SET $old = 7", q{SET SESSION binlog_format = 'ROW'};
		is(in_error($id), $source->value("SELECT table_name FROM information_schema.tables WHERE table_schema = 'd' AND table_name LIKE '%\\_$charset'"), '... and a statement');
		remedied($source, $id, '...');
		# (of which MySQL writes the statement anew, in UTF-8)
		$dbh->do("DROP TABLE $name");
		$cluster->catch_up($id);
		is($cluster->value("SELECT jsonb_array_length(columns) FROM cdc.table_version WHERE subscription = '$id' AND source_table LIKE '%\\_$charset' ORDER BY version DESC LIMIT 1"),
			0, '... it is dropped');
	}
	return;
}

# New tables are copied, all of them.
sub copied_ok
{
	my ($source, $id, $what, @tables) = @_;
	is(in_error($id), '', $what);
	$cluster->poll("SELECT count(*) FROM cdc.subscription_table WHERE subscription = '$id' AND source_table ~ '[.]k' AND state <> 'r'", 0);
	$cluster->compare_ok($source, 'd', $id, '... is copied', only => [ 'a', @tables ]);
	return;
}

# Tables that a query fills: new ones are copied, what is only read is left alone.
sub by_query
{
	my ($source, $id) = @_;
	my $dbh = $source->connect;
	$dbh->do('USE d');
	for my $format (qw(STATEMENT MIXED))
	{
		my ($k1, $k2, $k3, $k4) = map { "k$_" . lc substr $format, 0, 1 } 1 .. 4;
		$dbh->do("SET SESSION binlog_format = '$format'");
		$dbh->do($_) for "CREATE TABLE $k1 (PRIMARY KEY (id)) AS SELECT 1 id, 2 v", "CREATE TABLE $k2 AS SELECT * FROM other",
		  "CREATE TABLE $k3 (PRIMARY KEY (id)) SELECT * FROM a", "CREATE /*!50000 TABLE */ `d`.$k4 /* x */ SELECT id FROM a";
		copied_ok($source, $id, "$id: CREATE TABLE ... SELECT in format $format", $k1, $k2, $k3, $k4);
	}
	$dbh->do($_) for 'CREATE TEMPORARY TABLE tt AS SELECT id FROM a', 'CREATE TABLE k5 LIKE a', 'DROP TEMPORARY TABLE tt',
	  'CREATE TABLE IF NOT EXISTS k3s SELECT 99 AS id, 99 AS v', q{SET SESSION sql_mode = 'ANSI_QUOTES'},
	  'CREATE TABLE "k6" AS SELECT "id" FROM "a"', q{SET SESSION sql_mode = ''};
	copied_ok($source, $id, "$id: temporary ones, LIKE, IF NOT EXISTS, names in double quotes", qw(k5 k6 k3s));
	# a name that is known: told, and not what was read
	$dbh->do($_) for 'DROP TABLE k1s', 'CREATE TABLE k1s (PRIMARY KEY (id)) SELECT id, v + 1 AS v FROM a';
	is(in_error($id), 'k1s', '... under the name of a dropped one');
	remedied($source, $id, '...');
	if ($id =~ /mariadb/)
	{
		$dbh->do('CREATE OR REPLACE TABLE k2s SELECT id + 100 AS id FROM a');
		is(in_error($id), 'k2s', '... CREATE OR REPLACE TABLE ... SELECT');
		remedied($source, $id, '...');
	}
	$dbh->do("DROP TABLE $_") for qw(k1s k2s k3s k4s k1m k2m k3m k4m k5 k6);
	$cluster->catch_up($id);
	return;
}

sub all_in_doubt
{
	my ($id, $what) = @_;
	$cluster->poll("SELECT string_agg(source_table, ' ' ORDER BY source_table) FROM cdc.subscription_table WHERE subscription = '$id' AND state = 'e'", 'd.a d.b d.c d.mem');
	pass("$what: each table, but for dropped ones");
	return;
}

# What a statement changes through a view, a trigger, a function.
sub programs
{
	my ($source, $id) = @_;
	my $dbh = $source->connect;
	$dbh->do($_) for 'SET GLOBAL log_bin_trust_function_creators = 1', 'CREATE DATABASE e', 'USE d',
	  'CREATE VIEW va AS SELECT id, v FROM a WHERE id < 1000', 'CREATE VIEW vva AS SELECT * FROM va',
	  'CREATE TABLE e.q (id int)', 'CREATE TABLE e.fired (id int)', 'CREATE TABLE e.plain (id int, at datetime)',
	  'CREATE FUNCTION f(x int) RETURNS int MODIFIES SQL DATA BEGIN DECLARE n int; SELECT count(*) INTO n FROM b; UPDATE c SET v = v + 100 WHERE id = x; RETURN n; END',
	  'CREATE FUNCTION g(x int) RETURNS int MODIFIES SQL DATA RETURN f(x) + 1',
	  'CREATE FUNCTION pure(x int) RETURNS int DETERMINISTIC RETURN (SELECT count(*) FROM a) + x',
	  'CREATE PROCEDURE pr(x int) BEGIN DELETE FROM b WHERE id = x; END',
	  'CREATE TRIGGER e.fires AFTER INSERT ON e.fired FOR EACH ROW CALL d.pr(NEW.id)',
	  'CREATE TRIGGER asks BEFORE INSERT ON c FOR EACH ROW SET NEW.v = (SELECT count(*) FROM a)';
	$dbh->do(q{SET SESSION binlog_format = 'STATEMENT'});
	# what the source does not show may change any table
	$dbh->do('UPDATE va SET v = 8');
	all_in_doubt($id, "$id: a view that may not be seen");
	like(error_of_table($id, 'd.a'), qr/uses the view d\.va, and does not show what that changes/, '... with the reason');
	remedied($source, $id, '...');
	$dbh->do(q{GRANT SHOW VIEW, TRIGGER ON *.* TO cdc@'127.0.0.1'});
	# (sessions that are there keep the rights that they have)
	$cluster->call('disable_subscription', name => $id);
	$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$id'", 1);
	$cluster->call('enable_subscription', name => $id);
	my @cases = (
		[ 'a', 'UPDATE va SET v = 9' ], [ 'a', 'DELETE FROM d.vva WHERE id = 1' ], [ 'a', 'INSERT INTO vva VALUES (77, 7)' ],
		[ 'c', 'SELECT f(1)' ], [ 'c', 'DO g(2)' ], [ 'c', 'SET @x = f(3)' ], [ 'c', 'INSERT INTO e.q VALUES (1), (f(2))' ],
		[ 'b', 'INSERT INTO e.fired VALUES (3)' ], [ 'c', 'INSERT INTO c VALUES (50, 1)' ],
		[ '', 'INSERT INTO e.plain VALUES (1, NOW())' ], [ '', 'INSERT INTO e.q SELECT pure(id) FROM a' ],
		[ 'c', 'CALL pr(f(1))' ]);
	push @cases, [ 'c', 'CREATE TEMPORARY TABLE tt AS SELECT f(1)' ] if $id =~ /mariadb/;
	for my $case (@cases)
	{
		my ($tables, $sql) = @$case;
		$dbh->do($sql);
		$dbh->do('INSERT INTO e.plain VALUES (2, NULL)');
		my $said = in_error($id);
		$tables = 'b c' if $sql =~ /^CALL/;
		is($said, $tables, "$id: $sql: '$said'");
		remedied($source, $id, '...') if $tables ne '';
	}
	# a view that is another one now; a function that is gone
	$dbh->do($_) for 'DROP VIEW va', 'CREATE VIEW va AS SELECT id, v FROM b', 'UPDATE va SET v = 5';
	is(in_error($id), 'b', 'a view made anew is looked at anew');
	remedied($source, $id, '...');
	$cluster->call('disable_subscription', name => $id);
	$dbh->do($_) for 'SELECT f(1)', 'DROP FUNCTION f';
	$cluster->call('enable_subscription', name => $id);
	all_in_doubt($id, 'a function that the source does not show');
	like(error_of_table($id, 'd.a'), qr/uses the function d\.f, and does not show what that changes/, '... with the reason');
	remedied($source, $id, '...');
	$dbh->do($_) for 'DROP TRIGGER asks', 'DROP DATABASE e', 'DROP VIEW vva', 'DROP VIEW va', 'DROP FUNCTION g', 'DROP FUNCTION pure', 'DROP PROCEDURE pr';
	$cluster->catch_up($id);
	return;
}

# A replica that loses its rows by other hands than apply's.
sub emptied
{
	my ($source, $id) = @_;
	$source->do('UPDATE d.a SET v = v + 1', 'UPDATE d.b SET v = v + 1', 'UPDATE d.c SET v = v + 1');
	$cluster->catch_up($id);
	$cluster->do("TRUNCATE $id.a");
	$source->do('UPDATE d.a SET v = v + 1 WHERE id = 3', 'DELETE FROM d.a WHERE id = 77');
	is(in_error($id), 'a', "$id: TRUNCATE of a replica");
	like(error_of_table($id, 'd.a'), qr/was emptied by other hands/, '... with the reason');
	remedied($source, $id, '...');
	$cluster->do("TRUNCATE $id.b, $id.a");
	$source->do('INSERT INTO d.b VALUES (900, 1)');
	is(in_error($id), 'b', '... new rows do not hide it');
	$cluster->do("SELECT cdc.resync_table('$id', 'd.a')");
	remedied($source, $id, '...');
	# all this keeps the rows, or has none
	$cluster->do("VACUUM FULL $id.a", "CLUSTER $id.a USING a_pkey");
	$source->do('UPDATE d.a SET v = v + 1', 'UPDATE d.b SET v = v + 1', 'DELETE FROM d.c');
	$cluster->catch_up($id);
	$cluster->do("VACUUM FULL $id.c");
	$source->do('INSERT INTO d.c VALUES (1, 1)', 'TRUNCATE d.c', 'INSERT INTO d.c VALUES (2, 2), (3, 3)', 'DELETE FROM d.c WHERE id = 3');
	is(in_error($id), '', '... other storage with the same rows is none');
	$cluster->do("VACUUM FULL $id.c");
	$source->do('INSERT INTO d.c VALUES (1, 1), (3, 3)');
	is(in_error($id), '', '... nor what the source emptied');
	$cluster->compare_ok($source, 'd', $id, '... and all is equal', only => [qw(a b c)]);
	return;
}

# Rows of a replica that other hands have deleted or made: the events that meet it tell.
sub changed_by_hand
{
	my ($source, $id) = @_;
	my $found = sub {
		my ($table) = @_;
		return $cluster->value("SELECT concat_ws(' ', missing_rows, surplus_rows, state) FROM cdc.stat_table WHERE subscription = '$id' AND source_table = 'd.$table'");
	};
	my $told = sub { return $cluster->value("SELECT coalesce(max(detail), '') FROM cdc.log WHERE subscription = '$id' AND kind = 'difference' AND message LIKE '%d.$_[0]'") };
	is($cluster->value("SELECT sum(missing_rows + surplus_rows) FROM cdc.stat_table WHERE subscription = '$id'"), 0, "$id: statements, copies and resyncs until now are no sign of other hands");
	$source->do('CREATE TABLE d.plain (v int) ENGINE=InnoDB', 'INSERT INTO d.plain VALUES (1), (1), (2)', 'INSERT INTO d.a VALUES (501, 1), (502, 1), (503, 1), (504, 1)');
	$cluster->catch_up($id);
	$cluster->do("DELETE FROM $id.a WHERE id > 501", "DELETE FROM $id.plain WHERE v = 1", "INSERT INTO $id.b VALUES (950, 5), (951, 5)");
	$source->do('UPDATE d.a SET v = 2 WHERE id IN (501, 502)', 'DELETE FROM d.a WHERE id = 503', 'DELETE FROM d.plain', 'INSERT INTO d.plain VALUES (3)',
		'INSERT INTO d.b VALUES (950, 6), (952, 6)');
	$cluster->catch_up($id);
	is($found->('a'), '2 0 r', '... an update and a delete that find no row are counted');
	is($found->('plain'), '2 0 r', '... and of a table without a key');
	is($found->('b'), '0 1 r', '... and an insert that finds another one');
	like($told->('a'), qr/first was seq \d+, [^ ]+:\d+, \(id\)=\(502\)/, 'the log has the first one');
	$source->do('DELETE FROM d.a WHERE id = 502', 'INSERT INTO d.a VALUES (502, 3)', 'UPDATE d.a SET id = 505 WHERE id = 502', 'DELETE FROM d.a WHERE id = 505');
	$cluster->catch_up($id);
	is($found->('a'), '2 0 r', 'rows that come and go are as they have to be');
	for my $table (qw(a b))
	{
		my ($hint) = $told->($table) =~ /(SELECT .*;)/;
		$cluster->rows($hint);
	}
	$cluster->catch_up($id);
	$cluster->compare_ok($source, 'd', $id, 'what the log says to type', only => [qw(a b plain)]);
	$source->do('UPDATE d.a SET v = 9', 'DELETE FROM d.b WHERE id > 900', 'DROP TABLE d.plain');
	$cluster->catch_up($id);
	is($found->('a') . $found->('b'), '2 0 r0 1 r', '... and nothing is found any more');
	return;
}

# Columns of a replica that other hands have made anew or given another type.
sub altered_by_hand
{
	my ($source, $id) = @_;
	$source->do('CREATE TABLE d.deci (id int PRIMARY KEY, v decimal(10,4), w varchar(20)) ENGINE=InnoDB', q{INSERT INTO d.deci VALUES (1, 1.2345, 'a'), (2, 2.3456, 'b')});
	$cluster->catch_up($id);
	my @cases = (
		[ 'DROP COLUMN v, ADD COLUMN v numeric(10,4)', qr/column v of target $id\.deci was dropped and added again by other hands/ ],
		[ 'ALTER COLUMN v TYPE numeric(10,2)', qr/column v of target $id\.deci has type numeric\(10,2\) and had numeric\(10,4\)/ ],
		[ 'ALTER COLUMN w TYPE text, ALTER COLUMN v TYPE numeric(12,4), ADD COLUMN mine int', undef ],
		[ 'DROP COLUMN mine, ADD COLUMN mine text', undef ]);
	for my $case (@cases)
	{
		my ($alter, $reason) = @$case;
		$cluster->do("ALTER TABLE $id.deci $alter");
		$source->do(q{UPDATE d.deci SET w = concat(w, 'x') WHERE id = 1});
		is(in_error($id), $reason ? 'deci' : '', "$id: $alter");
		like(error_of_table($id, 'd.deci'), $reason, '... with the reason') if $reason;
		remedied($source, $id, '...');
	}
	# what the source does is followed as ever
	$source->do($_, q{UPDATE d.deci SET w = concat(w, 'y') WHERE id = 1})
	  for 'ALTER TABLE d.deci DROP COLUMN v, ADD COLUMN v decimal(8,2) DEFAULT 7', 'ALTER TABLE d.deci MODIFY v decimal(8,1)', 'ALTER TABLE d.deci CHANGE v w2 int, ADD COLUMN v int';
	is(in_error($id), '', 'the same by the source');
	$source->do('DROP TABLE d.deci');
	$cluster->catch_up($id);
	return;
}

# A table that waits for a copy of some of its rows is in doubt as a whole.
sub waiting
{
	my ($source, $id) = @_;
	my $dbh = $source->connect;
	$source->do('CREATE TABLE d.slow (id int PRIMARY KEY) ENGINE=InnoDB',
		'INSERT INTO d.slow VALUES ' . join ',', map { "($_)" } 1 .. 300);
	$cluster->call('alter_subscription', name => $id, options => '{"copy_chunk_time": "10ms"}');
	$cluster->catch_up($id);
	my $seq = $cluster->value('SELECT last_seq FROM cdc.subscription_position WHERE subscription = ?', $id);
	$cluster->do("SELECT cdc.resync_table('$id', 'd.slow', 'sleep(0.02 + 0 * id) = 0')", "SELECT cdc.resync_table('$id', 'd.a', 'v = 1')");
	$cluster->poll("SELECT string_agg(state::text, '' ORDER BY source_table DESC) FROM cdc.subscription_table WHERE subscription = '$id' AND source_table IN ('d.a', 'd.slow')", 'di');
	$dbh->do($_) for 'USE d', q{SET SESSION binlog_format = 'STATEMENT'}, 'UPDATE a SET v = 77';
	$source->do('DELETE FROM d.slow WHERE id = 300');
	$cluster->catch_up($id);
	$cluster->compare_ok($source, 'd', $id, "$id: a statement while a copy of some rows waits", only => [qw(a b)]);
	return;
}

# Parents that are captured and that are not; children of children; keys of other columns.
sub cascades
{
	my ($source, $id, $logged) = @_;
	$source->do('CREATE TABLE d.parent (id int PRIMARY KEY, code varchar(9), n int, UNIQUE (code)) ENGINE=InnoDB',
		'CREATE TABLE d.hidden (id int PRIMARY KEY, n int) ENGINE=InnoDB',
		'CREATE TABLE d.child (id int PRIMARY KEY, p int, q int, FOREIGN KEY (p) REFERENCES d.parent (id) ON DELETE CASCADE,'
		  . ' FOREIGN KEY (q) REFERENCES d.hidden (id) ON DELETE SET NULL ON UPDATE CASCADE) ENGINE=InnoDB',
		'CREATE TABLE d.grand (id int PRIMARY KEY, c int, code varchar(9), FOREIGN KEY (c) REFERENCES d.child (id) ON DELETE CASCADE,'
		  . ' FOREIGN KEY (code) REFERENCES d.parent (code) ON UPDATE CASCADE) ENGINE=InnoDB',
		q{INSERT INTO d.parent VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)}, 'INSERT INTO d.hidden VALUES (1, 1), (2, 1)',
		'INSERT INTO d.child VALUES (1, 1, 1), (2, 2, 2), (3, 2, NULL)', q{INSERT INTO d.grand VALUES (1, 1, 'c'), (2, 3, NULL)});
	is(in_error($id), '', "$id: rows of parents that come");
	$source->do('UPDATE d.parent SET n = 2', 'UPDATE d.hidden SET n = 2', 'INSERT INTO d.hidden VALUES (9, 9)');
	is(in_error($id), '', '... or change in other columns');
	my @cases = (
		[ 'child grand', 'DELETE FROM d.parent WHERE id = 1' ],
		[ 'grand', q{UPDATE d.parent SET code = 'z' WHERE id = 3} ],
		[ 'child', 'UPDATE d.hidden SET id = 5 WHERE id = 2' ],
		[ 'child', 'DELETE FROM d.hidden WHERE id = 5' ]);
	for my $case (@cases)
	{
		my ($tables, $sql) = @$case;
		$source->do($sql);
		is(in_error($id), $logged ? '' : $tables, "$sql: '$tables'");
		remedied($source, $id, '...');
	}
	is($cluster->value("SELECT count(*) FROM $id.${id}_history WHERE source_table = 'd.hidden'"), 0, 'rows of a parent that is not captured are in no history');
	# A stream that comes behind finds other foreign keys at the source than the rows were written under.
	my @behind = (
		[ 'child grand', 'DELETE FROM d.hidden WHERE id = 1', 'ALTER TABLE d.child DROP FOREIGN KEY child_ibfk_2' ],
		[ 'grand', q{UPDATE d.parent SET code = 'y' WHERE id = 3}, 'ALTER TABLE d.parent CHANGE code codes varchar(9)' ],
		[ 'child grand', 'DELETE FROM d.parent WHERE id = 2', 'RENAME TABLE d.parent TO d.parents' ],
		[ 'child grand', 'DELETE FROM d.parents WHERE id = 3', 'RENAME TABLE d.parents TO d.passing', 'RENAME TABLE d.passing TO d.elders' ]);
	for my $case (@behind)
	{
		my ($tables, @sql) = @$case;
		$cluster->do("SELECT cdc.disable_subscription('$id')");
		$cluster->poll("SELECT count(pull_pid) FROM cdc.stat_subscription WHERE subscription = '$id'", 0);
		$source->do(@sql);
		$cluster->do("SELECT cdc.enable_subscription('$id')");
		is(in_error($id), $logged ? '' : $tables, "$sql[1], read together with $sql[0]: '$tables'");
		remedied($source, $id, '...');
	}
	$source->do('DROP TABLE d.grand', 'DROP TABLE d.child', q{INSERT INTO d.elders VALUES (4, 'd', 1)},
		'DELETE FROM d.elders WHERE id = 4');
	is(in_error($id), '', 'without foreign keys nothing happens');
	return;
}

# By itself, and not again and again.
sub by_itself
{
	my ($source, $id) = @_;
	$cluster->call('alter_subscription', name => $id, options => '{"auto_resync": true}');
	$cluster->call('alter_table', subscription => $id, source_table => 'd.b', options => '{"auto_resync": false}');
	my $resyncs = "SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind = 'resync' AND message LIKE '%d.a %'";
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE d', q{SET SESSION binlog_format = 'STATEMENT'}, 'UPDATE a SET v = 50', 'UPDATE b SET v = 50';
	$cluster->poll("SELECT ($resyncs) = 1 AND (SELECT state = 'r' FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'd.a')", 1);
	pass('a table in doubt is copied anew by itself');
	is(in_error($id), 'b', '... one whose option says no is not');
	remedied($source, $id, '...');
	is($cluster->value("SELECT detail ~ 'as a statement' FROM cdc.log WHERE subscription = '$id' AND kind = 'resync'"), 1, 'the log has the reason');
	$dbh->do('UPDATE a SET v = 51');
	$cluster->poll("SELECT state = 'e' FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'd.a'", 1);
	$cluster->do("UPDATE cdc_catalog.copy_progress SET automatic_at = automatic_at - interval '50 s' WHERE subscription = '$id'");
	$cluster->do("SELECT pg_sleep(2.5)");
	is($cluster->value($resyncs), 1, 'a second time it waits for a minute');
	$cluster->do("UPDATE cdc_catalog.copy_progress SET automatic_at = automatic_at - interval '10 s' WHERE subscription = '$id'");
	$cluster->poll("SELECT ($resyncs) = 2", 1);
	is($cluster->value("SELECT automatic FROM cdc_catalog.copy_progress WHERE subscription = '$id' AND source_table = 'd.a'"), 2, '... the next time after two');
	is(in_error($id), '', 'ready');
	$cluster->compare_ok($source, 'd', $id, '... and equal', except => [qw(other hidden)]);
	$cluster->do("DELETE FROM $id.c");
	$source->do('UPDATE d.c SET v = v + 1 WHERE id = 2');
	$cluster->poll("SELECT count(*) > 0 AND (SELECT state = 'r' FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'd.c') FROM cdc.log"
		. " WHERE subscription = '$id' AND kind = 'resync' AND message LIKE '%d.c %' AND detail ~ 'found no row in target'", 1);
	$cluster->compare_ok($source, 'd', $id, 'a replica whose rows were deleted is copied anew', only => ['c']);
	return;
}

# A table in memory is empty behind a restart, which MySQL 5.6 says with a statement.
sub in_memory
{
	my ($source, $id) = @_;
	$source->stop;
	$source->start;
	$source->do('INSERT INTO d.mem VALUES (7)');
	my $said = in_error($id);
	remedied($source, $id, "tables in memory after a restart ('$said')");
	is($cluster->value("SELECT count(*) FROM $id.mem"), 1, '... has what the source has');
	return;
}

# Tables whose rows are another table's, or nobody's, have no replicas that could be right.
sub engines
{
	my ($source, $id) = @_;
	$source->do('CREATE DATABASE en', (map { ("CREATE TABLE en.$_ (id int PRIMARY KEY, v int) ENGINE=MyISAM", "INSERT INTO en.$_ VALUES (1, 1), (2, 2)") } qw(m1 m2 m3)),
		'CREATE TABLE en.merged (id int PRIMARY KEY, v int) ENGINE=MERGE UNION=(en.m1, en.m2) INSERT_METHOD=LAST',
		# (which is a plugin of MariaDB's)
		$id eq 'mariadb' ? () : ('CREATE TABLE en.nothing (id int PRIMARY KEY) ENGINE=BLACKHOLE', 'INSERT INTO en.nothing VALUES (1)'));
	$cluster->subscribe("${id}_en", $id, "${id}_en", tables => ['en.*']);
	is(in_error("${id}_en"), join(' ', qw(m1 m2 merged), $id eq 'mariadb' ? () : 'nothing'), 'tables of other engines');
	like(error_of_table("${id}_en", 'en.m2'), qr/part of the MERGE table en\.merged, through which its rows change/, '... parts of a MERGE table');
	like(error_of_table("${id}_en", 'en.merged'), qr/its engine is MRG_MYISAM/i, '... itself');
	$source->do('DROP TABLE en.merged', 'UPDATE en.m1 SET v = 5', 'UPDATE en.m3 SET v = 6');
	$cluster->do(map { "SELECT cdc.resync_table('${id}_en', 'en.$_')" } qw(m1 m2));
	is(in_error("${id}_en"), $id eq 'mariadb' ? 'merged' : 'merged nothing', '... when that is no longer so') or diag(error_of_table("${id}_en", 'en.m1'));
	$cluster->compare_ok($source, 'en', "${id}_en", '... they are equal', only => [qw(m1 m2 m3)]);
	$cluster->do("SELECT cdc.drop_subscription('${id}_en')");
	$source->do('DROP DATABASE en');
	return;
}

for my $flavour (qw(mysql97 mysql56 mariadb))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 if $flavour eq 'mysql97' && !CdcIngest::Server->available($flavour);
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			$source->do('CREATE DATABASE d');
			$source->do("CREATE TABLE d.$_ (id int PRIMARY KEY, v int) ENGINE=InnoDB", "INSERT INTO d.$_ VALUES (1, 1), (2, 2), (3, 3)") for qw(a b c);
			$source->do('CREATE TABLE d.other (id int PRIMARY KEY)', 'CREATE TABLE d.mem (id int PRIMARY KEY) ENGINE=MEMORY', 'INSERT INTO d.mem VALUES (1), (2)');
			$cluster->add_source($flavour, $source);
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['d.*'], exclude => [qw(d.other d.hidden)]);
			$cluster->catch_up($flavour);
			statements($source, $flavour);
			client_charsets($source, $flavour) if $flavour ne 'mysql97';
			# (MySQL 5.6 with GTIDs refuses such statements)
			by_query($source, $flavour) if $flavour ne 'mysql56';
			programs($source, $flavour);
			emptied($source, $flavour);
			changed_by_hand($source, $flavour);
			altered_by_hand($source, $flavour);
			waiting($source, $flavour);
			cascades($source, $flavour, $flavour eq 'mysql97');
			by_itself($source, $flavour) if $flavour ne 'mysql56';
			in_memory($source, $flavour);
			engines($source, $flavour);
			$cluster->do("SELECT cdc.drop_subscription('$flavour')");
			$source->kill9;
		};
	}
}

done_testing();
