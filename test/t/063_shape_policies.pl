# What the user chooses about changes of a source table's shape, what stands in their way,
# targets of his own, and what is said about all that.
#
# Takes 30 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('policies');
my $source = CdcIngest::Server->new('mariadb', metadata => 'NO_LOG');
$cluster->add_source('s', $source);
$source->do('CREATE DATABASE d');

my $n = 0;

# A table "T" with rows and its subscription, which goes on by hand.
sub subscription
{
	my ($columns, $rows, %arguments) = @_;
	my $id = 'p' . ++$n;
	$source->do("CREATE TABLE d.$id ($columns)", map { s/\bT\b/d.$id/gr } @$rows);
	$cluster->subscribe($id, 's', $id, tables => ["d.$id"], enabled => \'false', %arguments);
	follow($id);
	return $id;
}

# Runs statements at the source and brings them here; returns apply's error.
sub follow
{
	my ($id, @statements) = @_;
	$source->do(map { s/\bT\b/d.$id/gr } @statements);
	$cluster->value('SELECT cdc.pull(?)', $id);
	return $cluster->error_of("SELECT * FROM cdc.apply('$id')");
}

sub state_of
{
	my ($id, $table) = @_;
	return join ' ', map { $_ // '' } @{ $cluster->rows('SELECT state, last_error FROM cdc.stat_table WHERE subscription = ? AND source_table = ?',
			$id, $table // "d.$id")->[0] // [] };
}

sub is_same { my ($id, $name) = @_; return $cluster->compare_ok($source, 'd', $id, $name, only => [$id]) }

subtest 'ddl = ignore' => sub {
	my $id = subscription('id INT PRIMARY KEY, a INT, b INT', ['INSERT INTO T VALUES (1, 2, 3)'], options => '{"ddl": "ignore"}');
	is(follow($id, 'ALTER TABLE T ADD c INT DEFAULT 5, DROP b, MODIFY a BIGINT', 'INSERT INTO T VALUES (2, 3, 4)'), '', 'goes on');
	is_deeply($cluster->rows("SELECT * FROM $id.$id ORDER BY id"), [ [ 1, 2, 3 ], [ 2, 3, undef ] ], 'what the target has no column for is left out');
	like(state_of($id), qr/^r/, 'the table is ready');
	is($cluster->value('SELECT ddl_outcome FROM cdc.stat_table WHERE subscription = ?', $id), 'ignored: the target stays as it is', 'stat_table says so');
	like(follow($id, 'INSERT INTO T VALUES (3, 5000000000, 4)'), qr/out of range/, 'a value that does not fit is an error');
};

subtest 'ddl = stop' => sub {
	my $id = subscription('id INT PRIMARY KEY, a INT', ['INSERT INTO T VALUES (1, 2)'], options => '{"ddl": "stop"}');
	is(follow($id, "ALTER TABLE T COMMENT 'c', ADD INDEX (a)", 'INSERT INTO T VALUES (2, 3)'), '', 'what does not change the shape does not stop');
	my $error = follow($id, 'ALTER TABLE T ADD c INT NOT NULL', 'INSERT INTO T VALUES (3, 4, 5)');
	like($error, qr/d\.$id was altered, and option "ddl" is "stop"\nDETAIL: +At seq \d+: ALTER TABLE d\.$id ADD c INT NOT NULL/, 'apply stops');
	like(follow($id), qr/was altered/, '... again and again');
	my ($evolve, $ignore) = $error =~ /(SELECT cdc\.alter_table\(.*?\));?\.? To leave it.*?(SELECT cdc\.alter_table\(.*?\))/;
	$cluster->do($evolve);
	is(follow($id), '', 'with the first statement of its hint it goes on');
	is_same($id, '... and the replica is the same');
	$cluster->do(qq{SELECT cdc.alter_table('$id', 'd.$id', '{"ddl": null}')});
	like(follow($id, 'ALTER TABLE T ADD e INT'), qr/was altered/, 'without an option of its own the table has that of the subscription');
	$cluster->do($ignore);
	is(follow($id, 'INSERT INTO T VALUES (4, 5, 6, 7)'), '', 'the second statement goes on without the column');
	is($cluster->value("SELECT count(*) FROM $id.$id"), 4, '... with its rows');
};

subtest 'drop_column, truncate' => sub {
	my $id = subscription('id INT PRIMARY KEY, a INT, b INT NOT NULL', ['INSERT INTO T VALUES (1, 2, 3)']);
	$cluster->do(qq{SELECT cdc.alter_table('$id', 'd.$id', '{"truncate": "ignore"}')});
	is(follow($id, 'ALTER TABLE T DROP a', 'INSERT INTO T VALUES (2, 4)'), '', 'a column is dropped');
	is_deeply($cluster->rows("SELECT id, a, b FROM $id.$id ORDER BY id"), [ [ 1, 2, 3 ], [ 2, undef, 4 ] ], 'it stays');
	like($cluster->value('SELECT ddl_outcome FROM cdc.stat_table WHERE subscription = ?', $id), qr/Column a stays.*ALTER TABLE $id\.$id DROP COLUMN a/, 'what drops it is said');
	is(follow($id, 'TRUNCATE TABLE T', 'INSERT INTO T VALUES (3, 5)'), '', 'TRUNCATE');
	is($cluster->value("SELECT count(*) FROM $id.$id"), 3, '... leaves the rows');
	$cluster->do(qq{SELECT cdc.alter_table('$id', 'd.$id', '{"drop_column": "drop", "truncate": "follow"}')});
	is(follow($id, 'ALTER TABLE T DROP b', 'TRUNCATE TABLE T', 'INSERT INTO T VALUES (4)'), '', 'both are followed');
	is_deeply($cluster->rows("SELECT * FROM $id.$id"), [ [ 4, undef ] ], 'the column is gone, the rows too');
	like($cluster->error_of(qq{SELECT cdc.alter_table('$id', 'd.$id', '{"drop": 1}')}), qr/invalid option "drop" for a table of a subscription\nHINT: +Valid options are: ddl, drop_column, truncate/, 'an unknown option');
	like($cluster->error_of(qq{SELECT cdc.alter_table('$id', 'd.none', '{}')}), qr/is not in subscription/, 'an unknown table');
};

subtest 'what is in the way' => sub {
	my $id = subscription('id INT PRIMARY KEY, a INT, b INT', ['INSERT INTO T VALUES (1, 2, 3)']);
	$cluster->do("CREATE VIEW $id.v AS SELECT a FROM $id.$id");
	is(follow($id, 'ALTER TABLE T CHANGE b c INT', 'ALTER TABLE T MODIFY a BIGINT', 'INSERT INTO T VALUES (2, 3, 4)'), '', 'a view does not stop the subscription');
	like(state_of($id), qr/^e .*cannot alter type of a column used by a view.*rule _RETURN on view $id\.v.*HINT: +SELECT cdc\.resync_table/s, 'the table is in error, and names the view');
	is_deeply($cluster->rows("SELECT a FROM $id.v"), [ [2] ], 'the view is still there');
	is($cluster->value("SELECT count(*) FROM pg_attribute WHERE attrelid = '$id.$id'::regclass AND attname = 'c'"), 1, 'what came before was followed');
	$cluster->do("DROP VIEW $id.v", "SELECT cdc.resync_table('$id', 'd.$id')");
	is(follow($id) . follow($id) . follow($id), '', 'the remedy');
	is_same($id, '... ends in a replica that is the same');

	# a lock is waited for a second
	my $reader = $cluster->connect;
	$reader->begin_work;
	$reader->do("SELECT * FROM $id.$id");
	like(follow($id, 'ALTER TABLE T ADD l INT DEFAULT 1'), qr/could not lock target $id\.$id to alter it, as the source did.*When the wait began: process \d+/s, 'who holds a lock is named');
	like(state_of($id), qr/^r/, 'which is no error of the table');
	$reader->rollback;
	$reader->disconnect;
	is(follow($id), '', 'then it goes on');
	is_same($id, 'the replica is the same');
};

# What the target has of other shapes tells nothing of the table that has the name now.
subtest 'another table of the name, with a key' => sub {
	my $id = subscription('a INT, n INT, m INT, v VARCHAR(5)', [q{INSERT INTO T VALUES (1, 2, 3, 'x')}]);
	is(follow($id, 'ALTER TABLE T DROP n, DROP m'), '', 'a table without a key, whose target keeps columns');
	$cluster->do("ALTER TABLE $id.$id ALTER m TYPE numeric");
	$source->do("CREATE TABLE d.${id}_new (k CHAR(4) PRIMARY KEY, n DECIMAL(12,3), m BIGINT, v DATE)",
		map { "INSERT INTO d.${id}_new VALUES ('$_', 99.995, 5000000000, '2024-02-29')" } qw(k l));
	is(follow($id, "RENAME TABLE T TO d.${id}_old, d.${id}_new TO T"), '', 'another one is renamed to it');
	like(state_of($id), qr/^e .*another table was renamed to it.*HINT: +SELECT cdc\.resync_table/s, 'the table is in error');
	$cluster->do("SELECT cdc.resync_table('$id', 'd.$id')");
	is(follow($id) . follow($id) . follow($id), '', 'the remedy');
	is_same($id, '... ends in a replica that is the same');
	is($cluster->value("SELECT string_agg(format('%s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), i.indkey), ', ' ORDER BY a.attname)
		FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND i.indkey[0] = a.attnum AND i.indnatts = 1
		WHERE a.attrelid = '$id.$id'::regclass AND a.attname IN ('k', 'm', 'n', 'v')"), 'k character varying(4) 5, m bigint , n numeric(12,3) , v date ',
		'... with its key, and its types');
	is(follow($id, q{UPDATE T SET n = 0.125 WHERE k = 'l'}, q{INSERT INTO T VALUES ('m', 1, 2, NULL)}), '', 'it goes on');
	is_same($id, '... as the source does');
};

subtest 'another table of the name, and columns that were chosen' => sub {
	$source->do('CREATE TABLE d.chosen (id INT PRIMARY KEY, n INT, m INT)', 'INSERT INTO d.chosen VALUES (1, 2, 3)');
	$cluster->do('CREATE SCHEMA chosen', 'CREATE TABLE chosen.t (id int PRIMARY KEY, his_n int, his_m numeric)');
	$cluster->subscribe('chosen', 's', undef, tables => ['d.chosen'], enabled => \'false');
	$cluster->do(q{SELECT cdc.remove_table('chosen', 'd.chosen')},
		q{SELECT cdc.add_table('chosen', 'd.chosen', target := 'chosen.t', columns := '{"id": "id", "his_n": "n", "his_m": "m"}')});
	follow('chosen') for 1 .. 3;
	is(follow('chosen', 'ALTER TABLE d.chosen DROP n, DROP m'), '', 'they are dropped');
	$source->do('CREATE TABLE d.chosen_new (id INT PRIMARY KEY, n DECIMAL(12,3), m BIGINT)', 'INSERT INTO d.chosen_new VALUES (1, 99.995, 5000000000)');
	is(follow('chosen', 'RENAME TABLE d.chosen TO d.chosen_old, d.chosen_new TO d.chosen'), '', 'another table has columns of their names');
	$cluster->do(q{SELECT cdc.resync_table('chosen', 'd.chosen')});
	is(follow('chosen') . follow('chosen') . follow('chosen'), '', 'a new copy');
	is_deeply($cluster->rows('SELECT id, his_n, his_m FROM chosen.t'), [ [ 1, '99.995', 5000000000 ] ], '... fills them');
	is($cluster->value(q{SELECT string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'chosen.t'::regclass AND attnum > 0}),
		'integer numeric(12,3) numeric', 'a type of his own stays where it takes all values');
};

subtest 'a target of the user' => sub {
	$source->do('CREATE TABLE d.own (id INT PRIMARY KEY, a INT, v VARCHAR(10), f FLOAT)', q{INSERT INTO d.own VALUES (1, 2, 'x', 0.5)});
	$cluster->do('CREATE SCHEMA own', 'CREATE TABLE own.t (id numeric PRIMARY KEY, a bigint, v text, f float8, mine text DEFAULT \'me\')');
	$cluster->subscribe('own', 's', undef, tables => ['d.own'], enabled => \'false');
	$cluster->do(q{SELECT cdc.remove_table('own', 'd.own')}, q{SELECT cdc.add_table('own', 'd.own', target := 'own.t')});
	follow('own') for 1 .. 3;
	is(follow('own', 'ALTER TABLE d.own MODIFY a BIGINT, MODIFY v VARCHAR(100), ADD n INT DEFAULT 3', q{INSERT INTO d.own VALUES (2, 3, 'y', 0.25, 4)}), '', 'wider types');
	is_deeply($cluster->rows('SELECT id, a, v, f, mine, n FROM own.t ORDER BY id'), [ [ 1, 2, 'x', 0.5, 'me', 3 ], [ 2, 3, 'y', 0.25, 'me', 4 ] ], 'types of his own and his column stay');
	is($cluster->value(q{SELECT string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'own.t'::regclass AND attnum > 0}),
		'numeric bigint text double precision text integer', '... unaltered');
	is(follow('own', 'ALTER TABLE d.own MODIFY v VARBINARY(100)', q{INSERT INTO d.own VALUES (3, 3, x'00', 0.25, 4)}), '', 'a type that would be stored as something else');
	is($cluster->value(q{SELECT string_agg(encode(v, 'hex'), ' ' ORDER BY id) FROM own.t}), '78 79 00', '... is followed');
	$cluster->do('ALTER TABLE own.t ALTER v TYPE text USING NULL');
	is(follow('own', q{INSERT INTO d.own VALUES (4, 3, x'01', 0.25, 4)}), '', 'a type that takes bytes as text');
	like(state_of('own', 'd.own'), qr/^e .*column "v" of its target has type text, which has not the values of varbinary\(100\)/, '... is found with the first row');
	$cluster->do('ALTER TABLE own.t ALTER v TYPE bytea USING NULL', q{SELECT cdc.resync_table('own', 'd.own')});
	follow('own') for 1 .. 3;
	is($cluster->value(q{SELECT string_agg(encode(v, 'hex'), ' ' ORDER BY id) FROM own.t}), '78 79 00 01', 'the remedy');
	$cluster->do('ALTER TABLE own.t DROP a');
	is(follow('own', q{INSERT INTO d.own VALUES (5, 3, x'01', 0.25, 4)}), '', 'a column that the user dropped');
	like(state_of('own', 'd.own'), qr/^e .*has no column "a"/, '... is told');
};

subtest 'some columns, under names of the user' => sub {
	$source->do('CREATE TABLE d.part (id INT PRIMARY KEY, a INT, b INT)', 'INSERT INTO d.part VALUES (1, 2, 3)');
	$cluster->subscribe('part', 's', undef, tables => ['d.part'], enabled => \'false');
	$cluster->do('CREATE TABLE own.part (key bigint PRIMARY KEY, first bigint)', q{SELECT cdc.remove_table('part', 'd.part')}, q{SELECT cdc.add_table('part', 'd.part', target := 'own.part', columns := '{"key": "id", "first": "a"}')});
	follow('part') for 1 .. 3;
	is(follow('part', 'ALTER TABLE d.part CHANGE a c BIGINT, ADD x INT, DROP b', 'INSERT INTO d.part (id, c) VALUES (2, 5000000000)'), '', 'a renamed, a new and a dropped column');
	is_deeply($cluster->rows('SELECT * FROM own.part ORDER BY key'), [ [ 1, 2 ], [ 2, '5000000000' ] ], 'the mapping follows') or diag(explain($cluster->rows('SELECT * FROM own.part')));
	$cluster->do('CREATE TABLE own.part2 (c bigint PRIMARY KEY, x int)', q{SELECT cdc.alter_table('part', 'd.part', target := 'own.part2', columns := '{"c": "c", "x": "x"}', key := '{c}')});
	follow('part', 'INSERT INTO d.part (id, c) VALUES (3, 7)') for 1;
	follow('part') for 1 .. 3;
	is_deeply($cluster->rows('SELECT * FROM own.part2 ORDER BY c'), [ [ 2, undef ], [ 7, undef ], [ '5000000000', undef ] ], 'another target in place: a new copy') or diag(state_of('part', 'd.part'));
	is($cluster->value('SELECT count(*) FROM own.part'), 2, '... and the former one stays');
	$cluster->do(q{INSERT INTO own.part2 VALUES (99)}, q{SELECT cdc.alter_table('part', 'd.part', columns := '{"c": "c"}')});
	follow('part') for 1 .. 3;
	is($cluster->value(q{SELECT string_agg(c::text, ' ' ORDER BY c) FROM own.part2}), '2 7 5000000000', 'other columns of the same: its rows are replaced');
};

subtest 'a partition becomes a table' => sub {
	$source->do('CREATE DATABASE cv', 'CREATE TABLE cv.p (id INT PRIMARY KEY, a INT) PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN (100))',
		'INSERT INTO cv.p VALUES (1, 2), (3, 4), (50, 6)');
	$cluster->subscribe('cv', 's', 'cv', tables => ['cv.*'], enabled => \'false');
	follow('cv');
	follow('cv', 'ALTER TABLE cv.p CONVERT PARTITION p1 TO TABLE cv.p_cv');
	follow('cv') for 1 .. 2;
	like(state_of('cv', 'cv.p'), qr/^e .*rows were moved/, 'the table that lost its rows stops');
	like(state_of('cv', 'cv.p_cv'), qr/^r/, 'the new table is there, though nobody wrote to it');
	$cluster->compare_ok($source, 'cv', 'cv', 'its rows were copied', only => ['p_cv']);
	follow('cv', 'UPDATE cv.p_cv SET a = 5 WHERE id = 1', 'INSERT INTO cv.p_cv VALUES (7, 8)');
	$cluster->compare_ok($source, 'cv', 'cv', 'and it goes on', only => ['p_cv']);
};

subtest 'history of DDL' => sub {
	my $id = subscription('id INT PRIMARY KEY, a INT', ['INSERT INTO T VALUES (1, 2)'], options => '{"output_ddl": "off"}');
	$source->do("ALTER TABLE d.$id ADD c INT DEFAULT 7");
	$cluster->value('SELECT cdc.pull(?)', $id);
	is($cluster->value("SELECT cdc.wait_for('$id', timeout := '0')"), 0, 'wait_for waits for a change that no row has come behind');
	is_deeply($cluster->rows('SELECT kind, statement, outcome FROM cdc.ddl_history WHERE subscription = ?', $id), [ [ 'alter', "ALTER TABLE d.$id ADD c INT DEFAULT 7", undef ] ], 'not acted on yet');
	is(follow($id), '', 'apply');
	is($cluster->value("SELECT cdc.wait_for('$id', timeout := '0')"), 1, 'it is there');
	is_same($id, 'a quiet table has its new column');
	is_deeply($cluster->rows('SELECT jsonb_array_length(before), jsonb_array_length(after), outcome FROM cdc.ddl_history WHERE subscription = ?', $id),
		[ [ 2, 3, "ALTER TABLE $id.$id ADD COLUMN c integer DEFAULT '7'::integer; ALTER TABLE $id.$id ALTER COLUMN c DROP DEFAULT;" ] ], 'definitions before and after, and what was done');
	is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = ? AND kind = 'change'", $id), 1, 'a row in cdc.log');

	# one statement at the source, two subscriptions; the worker comes to it by itself
	$cluster->call('enable_subscription', name => $id);
	$source->do("ALTER TABLE d.$id CHANGE c d INT");
	$cluster->poll("SELECT count(*) FROM pg_attribute WHERE attrelid = '$id.$id'::regclass AND attname = 'd'", 1);
	pass('a worker follows a quiet table');
};

subtest 'online schema changes' => sub {
	my $id = subscription('id INT PRIMARY KEY, a INT', ['INSERT INTO T VALUES (1, 2), (2, 3)']);
	my $swap = sub {
		my ($alter) = @_;
		my @columns = map { $_->[0] } @{ $source->rows("SELECT column_name FROM information_schema.columns WHERE table_schema = 'd' AND table_name = '$id'") };
		my $list = join ', ', @columns;
		return follow($id, "CREATE TABLE d._${id}_gho LIKE d.$id", "ALTER TABLE d._${id}_gho $alter",
			($alter =~ /CHANGE/ ? () : "INSERT INTO d._${id}_gho ($list) SELECT $list FROM d.$id"),
			"RENAME TABLE d.$id TO d._${id}_del, d._${id}_gho TO d.$id", "DROP TABLE d._${id}_del");
	};
	is($swap->('ADD c INT NOT NULL DEFAULT 5, MODIFY a BIGINT'), '', 'columns added by gh-ost');
	is(follow($id, 'INSERT INTO T VALUES (3, 5000000000, 6)'), '', 'rows behind it');
	is_same($id, 'the replica is the same');
	is($swap->('CHANGE a b BIGINT'), '', 'a column renamed');
	like(state_of($id), qr/^e .*online schema change renamed columns/, '... is in doubt');
	$cluster->do("SELECT cdc.resync_table('$id', 'd.$id')");
	follow($id) for 1 .. 3;
	is_same($id, 'the remedy');
};

$source->stop('KILL');
done_testing();
