# Names that are not alike on both sides: letter case where the source ignores it, columns
# called as PostgreSQL's system columns, names of all kinds and lengths, keys that no
# index can take, two tables with one target.  One table's trouble is that table's alone.
#
# Takes 25 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Compare qw(compare_table);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('names');

sub follow
{
	my ($id) = @_;
	eval { $cluster->value('SELECT cdc.pull(?)', $id); $cluster->rows('SELECT * FROM cdc.apply(?)', $id); 1 } or CdcIngest::Cluster::give_up($@);
	return;
}

sub state_of
{
	my ($id, $table) = @_;
	return join ' ', map { $_ // '' } @{ $cluster->rows('SELECT state, last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, $table)->[0] // [] };
}

for my $flavour (qw(mariadb mysql56))
{
	subtest "lower_case_table_names = 1: $flavour" => sub {
		my $source = CdcIngest::Server->new($flavour, args => ['--lower-case-table-names=1']);
		my $id = "lower_$flavour";
		$source->do('CREATE DATABASE MixDb', 'CREATE TABLE MixDb.One (Id int PRIMARY KEY, a int)', 'INSERT INTO mixdb.ONE VALUES (1, 1)', 'CREATE TABLE mixdb.two (id int PRIMARY KEY)',
			'INSERT INTO mixdb.TWO VALUES (1)', 'CREATE TABLE mixdb.three (id int PRIMARY KEY)', 'INSERT INTO mixdb.three VALUES (1)', 'CREATE TABLE MIXDB.six (id int PRIMARY KEY)', 'INSERT INTO mixdb.six VALUES (1)');
		$cluster->add_source($id, $source);
		like($cluster->error_of($cluster->call_sql('create_subscription', name => $id, server => $id, tables => ['MixDb.*'], enabled => \'false')),
			qr/no table of server "$id" matches MixDb\.\*.*letter case/s, 'patterns have the letters that the source stores');
		$cluster->subscribe($id, $id, $id, tables => ['mixdb.*'], enabled => \'false');
		follow($id) for 1 .. 2;
		$source->do('ALTER TABLE MIXDB.ONE ADD b int DEFAULT 5', 'INSERT INTO MixDb.onE VALUES (2, 2, 2)', 'USE MIXDB', 'ALTER TABLE oNE ADD c int DEFAULT 6', 'INSERT INTO One VALUES (3, 2, 2, 2)', 'TRUNCATE TABLE MIXDB.Two',
			'RENAME TABLE MixDb.Three TO MIXDB.Four', 'CREATE TABLE FIVE LIKE MIXDB.one', 'INSERT INTO five VALUES (1, 2, 3, 4)', 'ALTER TABLE MIXDB.FIVE DROP b, ADD d int DEFAULT 7', 'TRUNCATE SIX');
		follow($id) for 1 .. 3;
		$source->do('DROP TABLE MIXDB.SIX', q{CREATE TABLE MIXDB.SIX (id varchar(5) PRIMARY KEY, z int)}, q{INSERT INTO MIXDB.SIX VALUES ('a', 1)});
		follow($id) for 1 .. 3;
		like(state_of($id, "mixdb.$_"), qr/^r/, "$_ is followed") for qw(one two four five six);
		# letters of all alphabets, as the server has them in lower case
		my @letters = grep { lc $_ ne $_ } map { chr } grep { $_ < 0xD800 || $_ > 0xDFFF } 0x80 .. 0xFFFF;
		while (my @some = splice @letters, 0, 40)
		{
			my $name = 'T' . join '', @some;
			$source->do("CREATE TABLE MIXDB.`$name` (id int PRIMARY KEY, a int)", "INSERT INTO MIXDB.`$name` VALUES (1, 2)",
				"ALTER TABLE MIXDB.`$name` CHANGE a b int, ADD a int DEFAULT 5 AFTER id", "INSERT INTO MIXDB.`$name` VALUES (2, 3, 4)");
		}
		follow($id) for 1 .. 3;
		is($cluster->value(q{SELECT string_agg(message, E'\n') FROM cdc.log WHERE subscription = ? AND kind = 'schema'}, $id), undef, 'no definition had to be asked for');
		$cluster->compare_ok($source, 'mixdb', $id, 'statements in any letter case are followed');
		$cluster->call('drop_subscription', name => $id);
		$source->stop('KILL');
	};
}

my $source = CdcIngest::Server->new('mysql97');
my $dbh = $source->connect;
my $long = 'ü' x 64;
my %columns = (
	system_columns => 'id int PRIMARY KEY, xmin int, ctid int, tableoid int, cmin int, cmax int, xmax int, oid int', system_key => 'xmin int PRIMARY KEY, a int', system_keyless => 'ctid int, b int',
	quoted => '`a"b` int PRIMARY KEY, `c\'d` int, `e f` int, `g\\\\h` int, `i.j` int, ` k` int, `l%m` int, `$1` int', long_key => "`$long` int PRIMARY KEY, a int",
	long_columns => "id int PRIMARY KEY, `$long` int, `" . ('ü' x 63) . 'x` int', blank => "id int PRIMARY KEY, `\x{a0}` int, `\x{200b}` int, `\x{3000}` int", Abc => 'id int PRIMARY KEY', abc => 'id int PRIMARY KEY, b int',
	'sp ace' => 'id int PRIMARY KEY', 'qu"ote' => 'id int PRIMARY KEY', q{ti'ck} => 'id int PRIMARY KEY', 'dot.ted' => 'id int PRIMARY KEY', 'back``tick' => 'id int PRIMARY KEY', select => 'id int PRIMARY KEY',
	('t' x 64) => 'id int PRIMARY KEY', ('t' x 63) . 'x' => 'id int PRIMARY KEY, b int',
	wide_key => 'k varchar(700) CHARACTER SET utf8mb4 PRIMARY KEY, a int', bytes_key => 'k varbinary(3000) PRIMARY KEY, a int', prefix_key => 'k text NOT NULL, a int, PRIMARY KEY (k(100))',
	pair_key => 'a varchar(380) CHARACTER SET utf8mb4, b varchar(380) CHARACTER SET utf8mb4, c int, PRIMARY KEY (a, b)');

sub same_ok
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $table (sort keys %columns) { like(state_of('names', 'd.' . $table =~ s/``/`/gr), qr/^r/, "$table is replicated") }
	return $cluster->compare_ok($source, 'd', 'names', $name);
}

sub source_do { my (@sql) = @_; eval { $dbh->do($_); 1 } or CdcIngest::Cluster::give_up("$_: $@") for @sql; return }

subtest 'names of all kinds' => sub {
	source_do('CREATE DATABASE d', 'CREATE DATABASE e', 'CREATE DATABASE `do.t`', map { "CREATE TABLE d.`$_` ($columns{$_})" } sort keys %columns);
	source_do('CREATE TABLE e.quoted (id int PRIMARY KEY)', 'INSERT INTO e.quoted VALUES (1)', 'CREATE TABLE `do.t`.x (id int PRIMARY KEY)', 'INSERT INTO `do.t`.x VALUES (1)',
	  'CREATE TABLE e.`many` (' . join(', ', map { "c$_ tinyint" } 1 .. 1701) . ') ENGINE = MyISAM');
	$cluster->add_source('s', $source);
	$cluster->do('CREATE SCHEMA names');
	my $said = $cluster->notices_of($cluster->call_sql('create_subscription', name => 'names', server => 's', target_schema => 'names', tables => [ 'd.*', 'e.*', 'do\\.t.*' ], enabled => \'false'));
	like($said, qr/table e\.quoted cannot be replicated: its target would be names\.quoted, which is that of source table d\.quoted.*The table is left out, the others are not affected/s, 'two tables with one target: the second is left out');
	like($said, qr/table do\.t\.x cannot be replicated: the name of its database has a dot/, 'a database with a dot');
	like($said, qr/table e\.many cannot be replicated: it has 1701 columns/, 'more columns than a table can have');
	like($said, qr/target names\.wide_key is made without a primary key.*d\.wide_key may be longer than a row of an index/s, 'a key that no index can take');
	follow('names') for 1 .. 2;
	like(state_of('names', $_), qr/^e table \Q$_\E cannot be replicated/, "$_ is in error") for qw(e.quoted do.t.x e.many);
	for my $table (sort keys %columns)
	{
		my ($n) = $dbh->selectrow_array('SELECT count(*) FROM information_schema.columns WHERE table_schema = ? AND BINARY table_name = ?', undef, 'd', $table =~ s/``/`/gr);
		source_do("INSERT INTO d.`$table` VALUES (" . join(', ', (1) x $n) . ')');
	}
	source_do(q{INSERT INTO d.wide_key VALUES (REPEAT(_utf8mb4 x'F09F9880', 700), 2)}, 'INSERT INTO d.bytes_key VALUES (CONCAT(RANDOM_BYTES(1000), RANDOM_BYTES(1000), RANDOM_BYTES(1000)), 2), (RANDOM_BYTES(1000), 3)',
	  'INSERT INTO d.prefix_key SELECT CONCAT(TO_BASE64(RANDOM_BYTES(1024)), TO_BASE64(RANDOM_BYTES(1024)), TO_BASE64(RANDOM_BYTES(1024)), TO_BASE64(RANDOM_BYTES(1024))), 2');
	follow('names');
	same_ok('rows come');
	source_do('UPDATE d.bytes_key SET a = a + 5', 'UPDATE d.prefix_key SET a = a + 5', 'UPDATE d.wide_key SET a = 7', q{UPDATE d.bytes_key SET k = 'short' WHERE a = 8}, 'DELETE FROM d.prefix_key WHERE a = 7', 'UPDATE d.system_columns SET xmin = 5, ctid = 6, oid = 7',
	  'UPDATE d.system_key SET xmin = 77', 'UPDATE d.system_keyless SET b = 9', 'UPDATE d.quoted SET `i.j` = 8, `a"b` = 2', "UPDATE d.long_key SET `$long` = 5");
	follow('names');
	same_ok('... change');
	source_do('ALTER TABLE d.bytes_key ADD z int DEFAULT 4', 'ALTER TABLE d.abc ADD xmin int DEFAULT 4, ADD n int NOT NULL', 'ALTER TABLE d.system_columns ADD later int DEFAULT 3, DROP cmin', 'ALTER TABLE d.system_key CHANGE xmin xmax int NOT NULL', 'INSERT INTO d.abc VALUES (5, 5, 5, 5)');
	follow('names');
	same_ok('... and change their shape');
	$cluster->do(q{SELECT cdc.resync_table('names', 'd.bytes_key')}, q{SELECT cdc.resync_table('names', 'd.system_columns')});
	follow('names') for 1 .. 3;
	same_ok('... and are copied anew');
	is_deeply($cluster->rows(q{SELECT source_table, kind FROM cdc.verify('names') WHERE kind <> 'equal'}), [], 'verify agrees');
};

subtest 'what the hint says of two tables with one target' => sub {
	my ($remove, $add) = (q{SELECT cdc.remove_table('names', 'e.quoted')}, q{SELECT cdc.add_table('names', 'e.quoted', target := 'names.quoted_of_e')});
	$cluster->do($remove, $add);
	follow('names') for 1 .. 3;
	is(join("\n", compare_table($dbh, $cluster->dbh, [qw(e quoted)], 'names.quoted_of_e')), '', 'ends in a replica that is the same');
};

subtest 'unique indexes of the user' => sub {
	source_do('CREATE DATABASE u', 'CREATE TABLE u.t (id int PRIMARY KEY, v varchar(9), x int)', q{INSERT INTO u.t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)});
	$cluster->subscribe('u', 's', 'u', tables => ['u.*'], enabled => \'false');
	follow('u') for 1 .. 2;
	$cluster->do('CREATE UNIQUE INDEX mine ON u.t (v)');
	my $same = sub { is(join("\n", compare_table($dbh, $cluster->dbh, [qw(u t)], 'u.t')), '', $_[0]) };
	source_do(q{UPDATE u.t SET v = CASE v WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE v END});
	follow('u');
	$same->('two rows swap their values');
	source_do('SET SESSION binlog_row_image = MINIMAL', q{UPDATE u.t SET v = CASE v WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE v END}, 'BEGIN', q{UPDATE u.t SET v = 'c' WHERE id = 1}, q{UPDATE u.t SET v = 'z', id = 33 WHERE id = 3},
		q{INSERT INTO u.t VALUES (4, 'b', 40)}, 'DELETE FROM u.t WHERE id = 2', 'COMMIT', 'SET SESSION binlog_row_image = FULL');
	follow('u');
	$same->('images that lack columns, a key that changes, a row that goes later');
	my $history = $cluster->history_of('u');
	source_do(q{INSERT INTO u.t VALUES (5, 'z', 50)});
	$cluster->value(q{SELECT cdc.pull('u')});
	my $seq = $cluster->value("SELECT max(seq) FROM $history");
	my $error = $cluster->error_of(q{SELECT * FROM cdc.apply('u')});
	like($error, qr/two rows of target u\.t have the same values in its unique index "mine"\nDETAIL: +The row with key \(id\)=\(5\) has those of the row with key \(id\)=\(33\)\.\nHINT: +The source has both rows: DROP INDEX u\.mine;/, 'two rows with the same values are an error');
	is($cluster->dbh->state, '23505', '... with its SQLSTATE');
	is($cluster->value('SELECT string_agg(id::text, \' \' ORDER BY id) FROM u.t'), '1 4 33', '... and nothing was taken away');
	$cluster->do(q{SELECT cdc.alter_subscription('u', '{"conflict": "overwrite"}')});
	follow('u');
	is($cluster->value('SELECT string_agg(id::text, \' \' ORDER BY id) FROM u.t'), '1 4 5', 'with "overwrite" the later row stays');
	like($cluster->value(q{SELECT detail FROM cdc.log WHERE subscription = 'u' AND kind = 'conflict'}), qr/key \(id\)=\(33\), by key \(id\)=\(5\)/, '... and cdc.log says so');
	$cluster->do(q{SELECT cdc.alter_subscription('u', '{"conflict": null}')}, 'DROP INDEX u.mine', q{SELECT cdc.resync_table('u', 'u.t')});
	follow('u') for 1 .. 3;
	$same->('the remedy: without the index, copied anew');

	# rows of different moments: what a copy brings meets what the target has
	$cluster->do('CREATE UNIQUE INDEX mine ON u.t (x)', 'UPDATE u.t SET x = x + 5 WHERE id < 5', q{INSERT INTO u.t VALUES (0, 'stale', 40)}, q{SELECT cdc.resync_table('u', 'u.t')});
	follow('u') for 1 .. 3;
	$same->('a copy onto rows with its values');
	$cluster->do('CREATE TABLE u_replayed (LIKE u.t INCLUDING INDEXES)');
	like($cluster->error_of(q{SELECT cdc.replay('u', 'u.t', 'u_replayed')}) || 'none', qr/none|two rows of target .*u_replayed have the same values/, 'a replay ends right or in an error');

	# a replica that was changed by hand
	$cluster->do('DELETE FROM u.t WHERE id = 1');
	source_do('UPDATE u.t SET x = 11 WHERE id = 1');
	follow('u');
	$same->('a row that was deleted by hand comes again with its next event');
	$cluster->do('ALTER TABLE u.t DROP COLUMN v');
	source_do('UPDATE u.t SET x = 12 WHERE id = 1');
	follow('u');
	like(state_of('u', 'u.t'), qr/^e .*has no column "v".*HINT: +SELECT cdc\.resync_table/s, 'a column that was dropped by hand is told');
	$cluster->do('ALTER TABLE u.t ADD COLUMN v text', q{SELECT cdc.resync_table('u', 'u.t')});
	follow('u') for 1 .. 3;
	$same->('the remedy');
};

subtest 'unique indexes of the user, and no key' => sub {
	source_do('CREATE DATABASE uk', 'CREATE TABLE uk.t (id int, v varchar(9))', q{INSERT INTO uk.t VALUES (1, 'a'), (2, 'b'), (3, 'c')});
	$cluster->subscribe('uk', 's', 'uk', tables => ['uk.*'], enabled => \'false');
	follow('uk') for 1 .. 2;
	$cluster->do('CREATE UNIQUE INDEX mine ON uk.t (v)');
	my $same = sub { is(join("\n", compare_table($dbh, $cluster->dbh, [qw(uk t)], 'uk.t')), '', $_[0]) };
	source_do(q{UPDATE uk.t SET v = CASE v WHEN 'a' THEN 'b' WHEN 'b' THEN 'a' ELSE v END}, 'BEGIN', q{UPDATE uk.t SET v = 'c' WHERE id = 1}, q{DELETE FROM uk.t WHERE id = 3}, 'COMMIT');
	follow('uk');
	$same->('rows swap their values, one goes later');
	source_do(q{INSERT INTO uk.t VALUES (4, 'c')});
	$cluster->value(q{SELECT cdc.pull('uk')});
	like($cluster->error_of(q{SELECT * FROM cdc.apply('uk')}), qr/two rows of target uk\.t have the same values in its unique index "mine"\nDETAIL: +The row with key \(id, v\)=\(4, c\) has those of the row with key \(id, v\)=\(1, c\)\./,
		'two rows with the same values are an error, and not one row less');
	$cluster->do('DROP INDEX uk.mine');
	follow('uk');
	$same->('what its hint says');
	$cluster->do(q{SELECT cdc.alter_subscription('uk', '{"conflict": "overwrite"}')}, q{DELETE FROM uk.t WHERE id = 1}, 'CREATE UNIQUE INDEX mine ON uk.t (v)');
	source_do(q{INSERT INTO uk.t VALUES (5, 'c')});
	follow('uk');
	is($cluster->value(q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM uk.t WHERE v = 'c'}), '5', 'with "overwrite" the later row stays');
	like($cluster->value(q{SELECT detail FROM cdc.log WHERE subscription = 'uk' AND kind = 'conflict'}), qr/by key \(id, v\)=\(5, c\)/, '... and cdc.log says so');

	# a copy without a key is of one moment
	$cluster->do(q{SELECT cdc.alter_subscription('uk', '{"conflict": null, "on_error": "table"}')});
	source_do(q{DELETE FROM uk.t WHERE id IN (1, 4)});
	$cluster->do(q{SELECT cdc.resync_table('uk', 'uk.t')});
	follow('uk') for 1 .. 3;
	$same->('a copy onto rows with the same values');
	is(state_of('uk', 'uk.t') =~ /^(.)/ && $1, 'r', '... ends ready');
	source_do(q{INSERT INTO uk.t VALUES (6, 'a')});
	$cluster->do('DROP INDEX uk.mine');
	follow('uk');
	$cluster->do('DELETE FROM uk.t WHERE id = 6', 'CREATE UNIQUE INDEX mine ON uk.t (v)', q{SELECT cdc.resync_table('uk', 'uk.t')});
	follow('uk') for 1 .. 3;
	like(state_of('uk', 'uk.t'), qr/^e .*two rows of target uk\.t have the same values in its unique index "mine"/s, 'two rows of a copy with the same values are an error');
	$cluster->do('DROP INDEX uk.mine', q{SELECT cdc.resync_table('uk', 'uk.t')});
	follow('uk') for 1 .. 3;
	$same->('... and its remedy ends equal');
};

# Defaults and names that information_schema has not as text, or not as they were written.
subtest 'what is no text' => sub {
	my $odd = q{id int PRIMARY KEY, v varchar(10) NOT NULL DEFAULT 'a\0b', w varbinary(5) DEFAULT x'ff00', z varchar(9) CHARACTER SET latin1 DEFAULT x'e9'};
	source_do('CREATE DATABASE o', 'CREATE TABLE o.plain (id int PRIMARY KEY)', "CREATE TABLE o.odd ($odd)", q{INSERT INTO o.odd (id, v) VALUES (1, 'v')}, q{CREATE TABLE o.members (id int PRIMARY KEY, e enum(x'ff', 'b') CHARACTER SET binary)});
	$cluster->subscribe('o', 's', 'o', tables => ['o.*'], enabled => \'false');
	follow('o') for 1 .. 2;
	source_do("CREATE TABLE o.later ($odd)", q{INSERT INTO o.later (id, v) VALUES (1, 'v')}, q{ALTER TABLE o.plain ADD x varchar(5) NOT NULL DEFAULT 'a\0', ADD w varbinary(5) NOT NULL DEFAULT x'00ff'},
		q{INSERT INTO o.plain VALUES (1, 'x', 'y')}, q{ALTER TABLE o.odd ADD b varbinary(3) DEFAULT x'fe00fe'}, 'CREATE TABLE o.moved (id int PRIMARY KEY)', 'INSERT INTO o.moved VALUES (1)',
		"RENAME TABLE o.moved TO o.`moved \x{1F600}`", "CREATE TABLE o.`\x{1F600}` (id int PRIMARY KEY, `\x{1F600}\x{1F600}` int)", "INSERT INTO o.`?` VALUES (1, 2)",
		"ALTER TABLE o.`\x{1F600}` ADD `b\x{1F600}` int DEFAULT 7", 'INSERT INTO o.`?` VALUES (2, 3, 4)', q{INSERT INTO o.members VALUES (2, 'b')});
	follow('o') for 1 .. 3;
	for (@{ $cluster->rows(q{SELECT source_table, state, last_error FROM cdc.stat_table WHERE subscription = 'o' AND state <> 'r'}) })
	{
		like($_->[2], qr/\Q$_->[0]\E|HINT/, "$_->[0] alone is in error");
		$cluster->do("SELECT cdc.resync_table('o', '$_->[0]')") if $_->[2] =~ /resync_table/;
	}
	follow('o') for 1 .. 3;
	note "$_->[0] $_->[1] " . ($_->[2] // '') for @{ $cluster->rows(q{SELECT source_table, state, last_error FROM cdc.stat_table WHERE subscription = 'o'}) };
	like(state_of('o', "o.$_"), qr/^r/, "$_ is replicated") for qw(plain odd later ? members), 'moved ?';
	$cluster->compare_ok($source, 'o', 'o', 'the replicas');
};

$source->stop('KILL');
done_testing();
