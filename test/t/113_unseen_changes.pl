# What changes rows, or what they mean, and no row event and no statement tells of it by itself: tables of
# engines without rows of their own, parts of MERGE tables.  They are told, whenever they come.
#
# Takes 120 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('unseen');

# Tables in state e, without the database's name; after all that the source has.
sub in_error
{
	my ($id) = @_;
	$cluster->catch_up($id);
	$cluster->poll("SELECT count(*) FROM cdc.subscription_table WHERE subscription = '$id' AND state NOT IN ('r', 'e')", 0);
	return join ' ', map { s/.*\.//r } map { $_->[0] } @{
		$cluster->rows(q{SELECT source_table FROM cdc.subscription_table WHERE subscription = ? AND state = 'e' ORDER BY 1}, $id) };
}

sub error_of_table
{
	my ($id, $table) = @_;
	return $cluster->value('SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, $table);
}

# Engines of tables that are made, or become such, while the stream runs.
sub engines
{
	my ($source, $id) = @_;
	my $mariadb = $source->is_mariadb;
	my $part = '(id int PRIMARY KEY, v int) ENGINE=MyISAM';
	$source->do('CREATE DATABASE en', 'CREATE DATABASE elsewhere', "CREATE TABLE en.m0 $part", "CREATE TABLE en.m1 $part", "CREATE TABLE en.m2 $part");
	$cluster->subscribe("${id}_en", $id, "${id}_en", tables => ['en.*']);
	is(in_error("${id}_en"), '', "$id: tables without a MERGE table");
	$source->do('CREATE TABLE en.mm (id int PRIMARY KEY, v int) ENGINE=MERGE UNION=(en.m1, `en`.`m2`) INSERT_METHOD=LAST', 'INSERT INTO en.mm VALUES (1, 1)');
	is(in_error("${id}_en"), 'm1 m2 mm', '... one that is made');
	like(error_of_table("${id}_en", 'en.m2'), qr/part of the MERGE table en\.mm, through which its rows change/, '... with the reason for a part');
	like(error_of_table("${id}_en", 'en.mm'), qr/its engine is MERGE/, '... and itself');
	$source->do('DROP TABLE en.mm');
	$cluster->do(map { "SELECT cdc.resync_table('${id}_en', 'en.$_')" } qw(m1 m2));
	is(in_error("${id}_en"), 'mm', '... it is gone');
	$cluster->compare_ok($source, 'en', "${id}_en", '... its parts are copied', only => [qw(m0 m1 m2)]);
	# in another database, with parts of the session's and its own; parts that come later
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE en', 'CREATE TABLE elsewhere.mm (id int PRIMARY KEY, v int) ENGINE MRG_MyISAM UNION (en.m1)', 'ALTER TABLE elsewhere.mm UNION = (en.m1, en.m2, en.m4, en.m5)';
	is(in_error("${id}_en"), 'm1 m2 mm', 'a MERGE table that is not captured, with other parts');
	$dbh->do($_) for "CREATE TABLE m4 $part", "CREATE TABLE m3 $part", 'RENAME TABLE m3 TO m5', "CREATE TABLE m6 $part";
	is(in_error("${id}_en"), 'm1 m2 m4 m5 mm', 'parts that come behind it');
	# engines without rows, named, by LIKE, by the session's default; of a name that was another table's
	if (!$mariadb)
	{
		$dbh->do($_) for 'CREATE TABLE bh (id int PRIMARY KEY) ENGINE=BLACKHOLE', q{INSERT INTO bh VALUES (1)}, 'CREATE TABLE like_bh LIKE bh', 'SET SESSION default_storage_engine = BLACKHOLE',
		  'CREATE TABLE by_default (id int PRIMARY KEY)', 'SET SESSION default_storage_engine = InnoDB', 'DROP TABLE m0', "CREATE TABLE m0 (id int PRIMARY KEY, engine varchar(9) COMMENT 'engine=blackhole') ENGINE='blackhole'",
		  'INSERT INTO m0 VALUES (1, 1)', "CREATE TABLE plain (id int PRIMARY KEY, engine varchar(9) COMMENT 'engine=blackhole') ENGINE=InnoDB", q{INSERT INTO plain VALUES (1, 'blackhole')};
		is(in_error("${id}_en"), 'bh by_default like_bh m0 m1 m2 m4 m5 mm', 'BLACKHOLE tables');
		$cluster->compare_ok($source, 'en', "${id}_en", '... and no others', only => [qw(plain m6)]);
	}
	# not copied: when the subscription begins, and a table that is added
	$cluster->subscribe("${id}_nc", $id, "${id}_nc", tables => ['en.*'], exclude => ['en.m5'], copy_data => 0);
	is(in_error("${id}_nc"), $mariadb ? 'm1 m2 m4' : 'bh by_default like_bh m0 m1 m2 m4', 'a subscription that does not copy');
	like($cluster->error_of("SELECT cdc.add_table('${id}_nc', 'en.m5', copy_data := false)"), qr/source table en\.m5 cannot be followed.*part of the MERGE table/s, '... a table that is added to it');
	$cluster->do(map { "SELECT cdc.drop_subscription('${id}_$_')" } qw(en nc));
	$source->do('DROP DATABASE en', 'DROP DATABASE elsewhere');
	return;
}

# Statements over several tables change those that they name to be changed.
sub joined_statements
{
	my ($source, $id) = @_;
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE u', q{SET SESSION binlog_format = 'STATEMENT'}, 'UPDATE a AS x JOIN (b, c) ON (x.id = b.id AND c.id = 1) SET x.v = b.v + 1';
	is(in_error($id), 'a', "$id: UPDATE of a join");
	$dbh->do($_) for 'DELETE z FROM a JOIN b AS z USING (id) WHERE z.id = 2';
	is(in_error($id), 'a b', '... DELETE');
	$dbh->do($_) for 'UPDATE b JOIN c USING (id) SET c.v = 8, w = 9';
	is(in_error($id), 'a b c', '... and columns whose table is not named');
	$cluster->do(map { "SELECT cdc.resync_table('$id', 'u.$_')" } qw(a b c));
	is(in_error($id), '', '... copied anew');
	$cluster->compare_ok($source, 'u', $id, '... and equal');
	return;
}

# A table that gets its name back in the same statement is the one that it was.
sub there_and_back
{
	my ($source, $id) = @_;
	$source->do('RENAME TABLE u.a TO u.a2, u.a2 TO u.a', 'RENAME TABLE u.b TO u.b1, u.c TO u.c1, u.b1 TO u.b2, u.c1 TO u.c, u.b2 TO u.b', 'INSERT INTO u.a VALUES (50, 1)', 'UPDATE u.b SET v = v + 1');
	is(in_error($id), '', "$id: renamed there and back");
	$cluster->compare_ok($source, 'u', $id, '... and equal');
	return;
}

# A target that is not altered is its source's in the columns that both have, or says so.
sub ignored
{
	my ($source, $id) = @_;
	my @cases = (
		[ 'ADD COLUMN more int DEFAULT 5', undef ], [ 'DROP COLUMN s', undef ], [ 'MODIFY b varchar(50)', undef ], [ 'MODIFY a int NOT NULL', qr/column "a" was changed from int(?:\(11\))? to int(?:\(11\))? NOT NULL/ ],
		[ 'MODIFY b varchar(3)', qr/column "b" was changed from varchar\(20\) to varchar\(3\)/ ], [ 'CONVERT TO CHARACTER SET latin1', qr/column "b" was changed/ ],
		[ q{MODIFY e enum('x', 'z')}, qr/column "e" was changed/ ], [ q{DROP b, ADD b varchar(20) DEFAULT 'n'}, qr/column "b" was added, and the target's column of that name has other values/ ],
		[ 'CHANGE b s varchar(20), CHANGE s b varchar(20)', qr/column "b" was renamed to "s", and the target's column of that name has other values/ ],
		[ 'CHANGE b other varchar(20)', undef ], [ 'ADD INDEX (a), MODIFY a bigint', undef ]);
	my $n = 0;
	for my $case (@cases)
	{
		my ($alter, $reason) = @$case;
		my $table = 'ig' . ++$n;
		$source->do("CREATE TABLE u.$table (id int PRIMARY KEY, a int, b varchar(20), s varchar(20), e enum('x', 'y')) CHARACTER SET utf8",
			qq{INSERT INTO u.$table VALUES (1, NULL, 'l\xf6ngeres', 'p', 'x'), (2, 2, '\x{4e2d}', 'q', 'y')});
		in_error($id);
		$cluster->call('alter_table', subscription => $id, source_table => "u.$table", options => '{"ddl": "ignore"}');
		my $dbh = $source->connect;
		$dbh->do($_) for q{SET SESSION sql_mode = ''}, "ALTER TABLE u.$table $alter", "UPDATE u.$table SET a = 7 WHERE id = 1";
		is(in_error($id), $reason ? $table : '', "$id: ddl = ignore: $alter") or diag(error_of_table($id, "u.$table"));
		if ($reason)
		{
			like(error_of_table($id, "u.$table"), $reason, '... with the reason');
			my ($hint) = error_of_table($id, "u.$table") =~ /^HINT: +(SELECT .*)/m;
			$cluster->do($hint);
			is(in_error($id), '', '... the hint ends it');
			$cluster->compare_ok($source, 'u', $id, '... and all is equal', only => [$table]);
		}
		$cluster->call('remove_table', subscription => $id, source_table => "u.$table");
		$source->do("DROP TABLE u.$table");
	}
	# of rows that the statement does not change, none is in doubt
	$source->do('CREATE TABLE u.ig (id int PRIMARY KEY, a int, b varchar(20))', q{INSERT INTO u.ig VALUES (1, 1, 'abc')});
	in_error($id);
	$cluster->call('alter_table', subscription => $id, source_table => 'u.ig', options => '{"ddl": "ignore"}');
	$source->do('ALTER TABLE u.ig MODIFY a int NOT NULL, MODIFY b varchar(3)', q{INSERT INTO u.ig VALUES (2, 2, 'def')});
	is(in_error($id), '', '... a statement that finds nothing to change');
	# a column that the user has renamed, too
	$cluster->do("ALTER TABLE $id.ig RENAME a TO z");
	$source->do('ALTER TABLE u.ig CHANGE a z int', q{INSERT INTO u.ig VALUES (3, 3, 'ghi')});
	is(in_error($id), '', '... a column that was renamed on both sides');
	$cluster->compare_ok($source, 'u', $id, '... and equal', only => ['ig']);
	$cluster->call('remove_table', subscription => $id, source_table => 'u.ig');
	$source->do('DROP TABLE u.ig');
	return;
}

# Triggers of the user's own that may change what is written.
sub triggers
{
	my ($source, $id) = @_;
	my $differs = sub { return $cluster->value("SELECT coalesce(differs, '') FROM cdc.stat_table WHERE subscription = '$id' AND source_table = 'u.d'") };
	$cluster->do("CREATE FUNCTION $id.swallows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN NEW.id < 100 THEN NEW END; END'",
		"CREATE TRIGGER swallow BEFORE INSERT ON $id.d FOR EACH ROW EXECUTE FUNCTION $id.swallows()", "CREATE TRIGGER audit AFTER INSERT ON $id.d FOR EACH ROW EXECUTE FUNCTION $id.swallows()",
		"ALTER TABLE $id.d ENABLE REPLICA TRIGGER audit");
	$source->do('INSERT INTO u.d VALUES (100, 1)');
	in_error($id);
	is($differs->(), '', "$id: triggers that do not fire, or not before");
	$cluster->compare_ok($source, 'u', $id, '... change nothing', only => ['d']);
	$cluster->do("ALTER TABLE $id.d ENABLE ALWAYS TRIGGER swallow");
	like($differs->(), qr/triggers of the target that fire before .*: swallow$/, '... one that does is told');
	$source->do('INSERT INTO u.d VALUES (101, 1)');
	in_error($id);
	$cluster->do("DROP TRIGGER swallow ON $id.d", "DROP FUNCTION $id.swallows() CASCADE");
	is($differs->(), '', '... and no more when it is gone');
	$cluster->do("SELECT * FROM cdc.verify('$id', 'u.d', repair := true)");
	in_error($id);
	$cluster->compare_ok($source, 'u', $id, '... when a repair sets right what it did', only => ['d']);
	return;
}

# A wider key of a source table of several that fill a target.
sub wider_key
{
	my ($source, $id) = @_;
	$source->do(map { ("CREATE TABLE u.sh_$_ (id int, a int, b varchar(20) NOT NULL, PRIMARY KEY (id))", "INSERT INTO u.sh_$_ VALUES (1, 1, '$_')") } qw(x y));
	in_error($id);
	$cluster->do("CREATE TABLE $id.sh (sh text, id int, a int, b varchar(20), PRIMARY KEY (sh, id))");
	for my $table (qw(x y))
	{
		$cluster->call('remove_table', subscription => $id, source_table => "u.sh_$table");
		$cluster->call('add_table', subscription => $id, source_table => "u.sh_$table", target => "$id.sh", key => [qw(sh id)],
			columns => qq({"sh": {"value": "$table"}, "id": "id", "a": "a", "b": "b"}));
	}
	in_error($id);
	$source->do('ALTER TABLE u.sh_x DROP PRIMARY KEY, ADD PRIMARY KEY (id, b)', q{INSERT INTO u.sh_x VALUES (1, 9, 'q')});
	is(in_error($id), 'sh_x', "$id: a wider key of one of two source tables");
	my ($hint) = error_of_table($id, 'u.sh_x') =~ /^HINT: +(.*)/m;
	like($hint, qr/^ALTER TABLE $id\.sh DROP CONSTRAINT sh_pkey, ADD PRIMARY KEY \(sh,id,b\); SELECT cdc\.alter_table/, '... the hint has what is first');
	$cluster->do(split /;\s*/, $hint);
	is(in_error($id), '', '... it ends it');
	is($cluster->value("SELECT string_agg(concat_ws(' ', sh, id, a, b), ', ' ORDER BY sh, id, b) FROM $id.sh"), 'x 1 9 q, x 1 1 x, y 1 1 y', '... with all rows');
	$cluster->call('remove_table', subscription => $id, source_table => "u.sh_$_") for qw(x y);
	$source->do(map { "DROP TABLE u.sh_$_" } qw(x y));
	return;
}

# Defaults of a table whose definition is asked for late, and was altered before that.
sub late_defaults
{
	my ($source, $id) = @_;
	$source->do('CREATE DATABASE other', q{CREATE TABLE other.base (id int PRIMARY KEY, v int, d int NOT NULL DEFAULT 5, s varchar(9) DEFAULT 'old')});
	my @alter = ('ALTER d SET DEFAULT 77', 'MODIFY d int DEFAULT 77', 'CHANGE d dd int DEFAULT 77', 'ADD COLUMN n int', 'ADD INDEX (v)');
	my @tables = map { "late$_" } 1 .. @alter;
	$cluster->do("SELECT cdc.disable_subscription('$id')");
	$cluster->poll("SELECT count(pull_pid) FROM cdc.stat_subscription WHERE subscription = '$id'", 0);
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE u', q{SET SESSION binlog_row_image = 'MINIMAL'}, map { ("CREATE TABLE $_ LIKE other.base", "INSERT INTO $_ (id) VALUES (10)") } @tables;
	$dbh->do($_) for (map { "ALTER TABLE $tables[$_] $alter[$_]" } 0 .. $#alter), map { "INSERT INTO $_ (id) VALUES (11)" } @tables;
	$cluster->do("SELECT cdc.enable_subscription('$id')");
	my $said = in_error($id);
	like($said, qr/late1 late2 late3/, "$id: defaults that were altered before the definition was read: $said");
	unlike($said, qr/late5/, '... and no others');
	$cluster->compare_ok($source, 'u', $id, '... which are equal', only => ['late5']);
	$cluster->do(map { "SELECT cdc.resync_table('$id', 'u.$_')" } split ' ', $said);
	is(in_error($id), '', '... copied anew');
	$cluster->compare_ok($source, 'u', $id, '... and equal', only => \@tables);
	$source->do('DROP DATABASE other', map { "DROP TABLE u.$_" } @tables);
	return;
}

# Dates that a copy of the table at the source may cut, where the target shows that.
sub cut_dates
{
	my ($source, $id) = @_;
	my $dbh = $source->connect;
	$dbh->do($_) for q{SET SESSION sql_mode = ''}, map { ("CREATE TABLE u.$_ (id int PRIMARY KEY, a date, b datetime, c int)",
		"INSERT INTO u.$_ VALUES (1, '2020-00-10', '2020-01-00 10:00:00', 1), (2, '0000-00-00', NULL, 2), (3, '2020-01-01', '2020-01-01', 3)") } qw(cut1 cut2 cut3);
	in_error($id);
	$cluster->call('remove_table', subscription => $id, source_table => "u.$_") for qw(cut1 cut2);
	$cluster->do("CREATE TABLE $id.texts$_ (id int PRIMARY KEY, a text, b text, c bigint)") for 1, 2;
	$cluster->call('add_table', subscription => $id, source_table => "u.cut$_", target => "$id.texts$_") for 1, 2;
	is(in_error($id), '', "$id: dates as texts");
	is($cluster->value("SELECT string_agg(a, ' ' ORDER BY id) FROM $id.texts1"), '2020-00-10 0000-00-00 2020-01-01', '... as they are');
	$dbh->do($_) for 'ALTER TABLE u.cut1 ENGINE=MyISAM', 'ALTER TABLE u.cut2 MODIFY c bigint';
	is(in_error($id), '', '... ALTER TABLE that keeps them');
	$dbh->do($_) for q{SET SESSION sql_mode = 'NO_ZERO_IN_DATE'}, map { "ALTER TABLE u.$_ ENGINE=InnoDB, MODIFY c int" } qw(cut1 cut2 cut3);
	is(in_error($id), 'cut1 cut2', '... one that may cut them');
	like(error_of_table($id, 'u.cut1'), qr/column "a" has dates without a month or day, and the statement may have made zero dates of them/, '... with the reason');
	$cluster->do(map { "SELECT cdc.resync_table('$id', 'u.$_')" } qw(cut1 cut2));
	is(in_error($id), '', '... copied anew');
	is($cluster->value("SELECT string_agg(a, ' ' ORDER BY id) FROM $id.texts1"), join(' ', map { $_->[0] } @{ $dbh->selectall_arrayref('SELECT a FROM u.cut1 ORDER BY id') }), '... as they are');
	$cluster->compare_ok($source, 'u', $id, 'dates as dates show no difference', only => ['cut3']);
	$cluster->call('remove_table', subscription => $id, source_table => "u.$_") for qw(cut1 cut2);
	$dbh->do("DROP TABLE u.$_") for qw(cut1 cut2 cut3);
	return;
}

for my $flavour (qw(mysql97 mysql56 mariadb mariadb118))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 unless CdcIngest::Server->available($flavour);
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			$cluster->add_source($flavour, $source);
			engines($source, $flavour);
			$source->do('CREATE DATABASE u', map { ("CREATE TABLE u.$_ (id int PRIMARY KEY, v int)", "INSERT INTO u.$_ VALUES (1, 1), (2, 2)") } qw(a b c d));
			$source->do('ALTER TABLE u.c ADD w int');
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['u.*']);
			in_error($flavour);
			joined_statements($source, $flavour);
			there_and_back($source, $flavour);
			ignored($source, $flavour);
			triggers($source, $flavour);
			wider_key($source, $flavour);
			late_defaults($source, $flavour);
			cut_dates($source, $flavour);
			$cluster->do("SELECT cdc.drop_subscription('$flavour')");
		};
	}
}

done_testing();
