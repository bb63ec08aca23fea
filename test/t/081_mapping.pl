# Mapping: random changes of a table through columns, expressions and row filters, compared
# with the same computed from the source; full and minimal row images; shards; DDL.
# Takes 40 s
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('mapping');
$cluster->do(
	'CREATE FUNCTION public.half(n numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN n / 2; END $$');

# Changes of the table that random numbers choose: of any column, of the key, truncate.
sub change
{
	my ($dbh, $table, $n) = @_;
	for (1 .. $n)
	{
		my ($id, $other) = (1 + int rand 60, 1 + int rand 60);
		my $r = rand;
		my $mail = rand() < 0.2 ? 'NULL' : $dbh->quote(('Ann', 'BOB', 'Çelia')[ rand 3 ] . int(rand 9) . '@X.org');
		my $state = rand() < 0.1 ? 'NULL' : $dbh->quote((qw(on off hold))[ rand 3 ]);
		my $pay = rand() < 0.1 ? 'NULL' : sprintf '%.2f', rand 200;
		my @sql =
			$r < 0.35 ? "REPLACE INTO $table VALUES ($id, $mail, $state, $pay, NOW())"
		  : $r < 0.5 ? "UPDATE $table SET state = $state WHERE id = $id"
		  : $r < 0.65 ? "UPDATE $table SET pay = $pay WHERE id % 7 = $id % 7"
		  : $r < 0.75 ? "UPDATE $table SET mail = $mail, state = $state WHERE id = $id"
		  : $r < 0.85 ? ("DELETE FROM $table WHERE id = $other AND $id <> $other", "UPDATE $table SET id = $other WHERE id = $id")
		  : $r < 0.98 ? "DELETE FROM $table WHERE id = $id"
		  : rand() < 0.15 ? "TRUNCATE TABLE $table" : "DELETE FROM $table WHERE state = 'hold'";
		$dbh->do($_) for @sql;
	}
	return;
}

# What the mapping makes of the unmapped replica, whose rows are the source's.
my $wanted = q{SELECT id, lower(mail) AS mail, left(mail, 1) || '***' AS mask, public.half(pay) AS half, 'eu'::text AS region,
	coalesce(state, '?') || ':' || coalesce(pay::text, '-') AS both_of FROM %s.item};
my %columns = (
	id => '"id"', mail => '{"expr": "lower(mail)"}', mask => q({"expr": "left(mail, 1) || '***'"}),
	half => '{"expr": "public.half(pay)"}', region => '{"value": "eu"}',
	both_of => q({"expr": "coalesce(state, '?') || ':' || coalesce(pay::text, '-')"}), pay => '"pay"', state => '"state"',
	op => '{"expr": "event.op"}', at => '{"expr": "event.source_ts"}');

sub json { my (%c) = @_; return '{' . join(', ', map { "\"$_\": $c{$_}" } sort keys %c) . '}' }

# One test: the table has what the query gives.
sub same
{
	my ($table, $query, $name) = @_;
	my $columns = join ', ', @{ $cluster->dbh->selectcol_arrayref("SELECT attname FROM pg_attribute
		WHERE attrelid = '$table'::regclass AND attnum > 0 AND attname IN ('id', 'mail', 'mask', 'half', 'region', 'both_of') ORDER BY attnum") };
	my $differ = $cluster->rows("(SELECT 'has', $columns FROM $table EXCEPT SELECT 'has', $columns FROM ($query) q)
		UNION ALL (SELECT 'lacks', $columns FROM ($query) q EXCEPT SELECT 'lacks', $columns FROM $table)");
	return is_deeply($differ, [], $name . ' (' . $cluster->value("SELECT count(*) FROM $table") . ' rows)');
}

sub verify
{
	my ($sub, $table) = @_;
	return join ' ', map { "$_->[0]:$_->[1]" } @{ $cluster->rows('SELECT kind, count(*) FROM cdc.verify(?, ?) WHERE kind <> ? GROUP BY kind ORDER BY kind',
		$sub, $table, 'equal') };
}

# Two subscriptions of one source table: all of it, and mapped with a filter.  The copy, then changes.
sub random_changes
{
	my ($source, $id, %opt) = @_;
	my $dbh = $source->dbh;
	$dbh->do("CREATE DATABASE $id");
	$dbh->do("CREATE TABLE $id.item (id int PRIMARY KEY, mail varchar(30) CHARACTER SET utf8mb4, state varchar(10), pay decimal(10,2), at datetime)");
	$dbh->do("CREATE TABLE $id.other (id int PRIMARY KEY)");
	change($dbh, "$id.item", 80);
	$cluster->add_source($id, $source);
	$cluster->subscribe("${id}_all", $id, $id, tables => ["$id.item"]);
	$cluster->do("CREATE SCHEMA ${id}_map");
	$cluster->subscribe("${id}_map", $id, undef, tables => ["$id.other"], history => "${id}_map.h", enabled => \'true');
	$cluster->do("SELECT cdc.add_table('${id}_map', '$id.item', target := '${id}_map.item', columns := '"
		  . json(%columns) =~ s/'/''/gr . q{'} . ($opt{filter} ? ", row_filter := \$\$$opt{filter}\$\$" : '')
		  . ($opt{options} ? ", options := '$opt{options}'" : '') . ')');
	my $query = sprintf($wanted, $id) . ($opt{filter} ? " WHERE $opt{filter}" : '');
	for my $round (1 .. 3)
	{
		$cluster->catch_up($_) for "${id}_all", "${id}_map";
		same("${id}_map.item", $query, "$id: " . ($round == 1 ? 'the copy' : "changes, $round"));
		is($cluster->value("SELECT string_agg(DISTINCT op, ',') FROM ${id}_map.item WHERE at IS NOT NULL"), 'r', "$id: what the event tells of itself")
		  if $round == 1;
		change($dbh, "$id.item", 150) if $round < 3;
	}
	is($cluster->value("SELECT state FROM cdc.subscription_table WHERE subscription = '${id}_map'"), 'r', "$id: state");
	is(verify("${id}_map", "$id.item"), '', "$id: cdc.verify finds no difference");
	$cluster->do("UPDATE ${id}_map.item SET half = -1 WHERE id = (SELECT min(id) FROM ${id}_map.item)",
		"INSERT INTO ${id}_map.item (id) VALUES (-1)");
	is(verify("${id}_map", "$id.item"), 'different:1 extra:1', "$id: ... and what was planted");
	$cluster->do("SELECT cdc.resync_table('${id}_map', '$id.item')");
	change($dbh, "$id.item", 20);
	$cluster->catch_up($_) for "${id}_all", "${id}_map";
	same("${id}_map.item", $query, "$id: a new copy");
	return $query;
}

# Another mapping and filter in place; a change of the source that they read; the remedy.
sub altered
{
	my ($source, $id) = @_;
	my $dbh = $source->dbh;
	$cluster->do("SELECT cdc.alter_table('${id}_map', '$id.item', row_filter := \$\$state = 'off' OR id < 10\$\$)");
	$cluster->catch_up("${id}_map");
	$dbh->do("INSERT INTO $id.item VALUES (5, 'five', NULL, 5, NULL) ON DUPLICATE KEY UPDATE mail = 'five'");
	$cluster->catch_up($_) for "${id}_all", "${id}_map";
	same("${id}_map.item", sprintf($wanted, $id) . q{ WHERE state = 'off' OR id < 10}, "$id: another filter in place");
	$dbh->do("ALTER TABLE $id.item ADD COLUMN note varchar(10) DEFAULT 'n'");
	$dbh->do("INSERT INTO $id.item VALUES (6, 'Six', 'off', 6, NULL, 'x') ON DUPLICATE KEY UPDATE mail = 'Six', state = 'off'");
	$cluster->catch_up($_) for "${id}_all", "${id}_map";
	same("${id}_map.item", sprintf($wanted, $id) . q{ WHERE state = 'off' OR id < 10}, "$id: a column that is not mapped was added");
	is($cluster->value("SELECT count(*) FROM pg_attribute WHERE attrelid = '${id}_map.item'::regclass AND attname = 'note'"),
		0, '... and the target has it not');
	$dbh->do("ALTER TABLE $id.item CHANGE mail email varchar(30) CHARACTER SET utf8mb4");
	$dbh->do("INSERT INTO $id.item VALUES (7, 'Seven', 'off', 6, NULL, 'x') ON DUPLICATE KEY UPDATE email = 'Seven', state = 'off'");
	$cluster->poll("SELECT state FROM cdc.subscription_table WHERE subscription = '${id}_map'", 'e');
	my $error = $cluster->value("SELECT last_error FROM cdc.subscription_table WHERE subscription = '${id}_map'");
	like($error, qr/column "mail" was renamed to "email", which the expression of column "ma/, "$id: a column that is read has another name");
	like($error, qr/SELECT cdc.alter_table\('${id}_map', '$id.item', columns := /, '... with the remedy');
	my %now = map { $_ => $columns{$_} =~ s/\(mail\b/(email/r } keys %columns;
	$cluster->do("SELECT cdc.alter_table('${id}_map', '$id.item', columns := '" . json(%now) =~ s/'/''/gr . q{')});
	$cluster->catch_up($_) for "${id}_all", "${id}_map";
	same("${id}_map.item", sprintf($wanted =~ s/\(mail\b/(email/gr, $id) . q{ WHERE state = 'off' OR id < 10}, "$id: ... which works");
	$dbh->do("ALTER TABLE $id.item MODIFY pay varchar(20)");
	$cluster->poll("SELECT state FROM cdc.subscription_table WHERE subscription = '${id}_map'", 'e');
	like($cluster->value("SELECT last_error FROM cdc.subscription_table WHERE subscription = '${id}_map'"),
		qr/column "pay" was changed from decimal\(10,2\) to varchar\(20\)/, "$id: a column that is read has another type");
	return;
}

# Three source tables in one target, told apart by a constant of the key.
# Keys that the source does not know as such.
sub chosen_key
{
	my ($dbh, $id) = @_;
	$dbh->do($_) for "CREATE TABLE $id.goods (id int PRIMARY KEY, code int NOT NULL, sku int NOT NULL, maybe int, UNIQUE (sku), UNIQUE (maybe))",
	  "INSERT INTO $id.goods VALUES (1, 7, 1, 1), (2, 7, 2, 2)";
	# what the copies and their snapshots are of is behind the statements
	$cluster->catch_up($id);
	my $told = "SELECT coalesce(max(detail), '') FROM cdc.log WHERE subscription = '$id' AND kind = 'key' AND message LIKE '%.goods is not known to be unique%'";
	for my $key ('{sku}', '{code,sku}')
	{
		$cluster->do("SELECT cdc.add_table('$id', '$id.goods', target := '$id.goods', key := '$key')", "SELECT cdc.remove_table('$id', '$id.goods')", "DROP TABLE $id.goods");
	}
	is($cluster->value($told), '', "$id: a unique index at the source is enough");
	for my $key ('{maybe}', '{code}')
	{
		$cluster->do("SELECT cdc.add_table('$id', '$id.goods', target := '$id.goods', key := '$key')");
		my ($hint) = $cluster->value($told) =~ /: ((?:ALTER TABLE [^;]*; )?SELECT .*?;)/;
		ok($hint, '... one that may be null, or none, is told: ' . ($hint // ''));
		$cluster->poll("SELECT state FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = '$id.goods'", 'r');
		$cluster->catch_up($id);
		$dbh->do($_) for "INSERT INTO $id.goods VALUES (3, 7, 3, 3)", "INSERT INTO $id.goods VALUES (4, 7, 4, 4)";
		$cluster->catch_up($id);
		is($cluster->value("SELECT surplus_rows > 0 FROM cdc.stat_table WHERE subscription = '$id' AND source_table = '$id.goods'"), $key eq '{code}' ? 1 : 0, '... rows with the same key are counted');
		my $differs = "SELECT differs FROM cdc.stat_table WHERE subscription = '$id' AND source_table = '$id.goods'";
		like($cluster->value($differs), qr/of rows with the same key the target has one/, '... which its row in stat_table says');
		$cluster->do($hint);
		$cluster->catch_up($id);
		is($cluster->value($differs), undef, '... until it has another key');
		is($cluster->value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $id.goods"), '1 2 3 4', '... and the hint brings all of them');
		$cluster->do("SELECT cdc.remove_table('$id', '$id.goods')", "DROP TABLE $id.goods", "DELETE FROM cdc_catalog.log WHERE subscription = '$id' AND kind = 'key'");
		$dbh->do("DELETE FROM $id.goods WHERE id > 2");
		$cluster->catch_up($id);
	}
	return;
}

sub shards
{
	my ($source, $id) = @_;
	my $dbh = $source->dbh;
	$dbh->do($_) for "CREATE DATABASE $id", "CREATE TABLE $id.other (id int PRIMARY KEY)", map { "CREATE TABLE $id.s$_ (id int PRIMARY KEY, v varchar(10))" } 1 .. 3;
	$dbh->do("INSERT INTO $id.s$_ VALUES (1, 'a$_'), (2, 'b$_')") for 1 .. 3;
	$cluster->add_source($id, $source);
	$cluster->do("CREATE SCHEMA $id");
	$cluster->subscribe($id, $id, undef, tables => ["$id.other"], history => "$id.h", enabled => \'true');
	my $columns = '{"shard": {"expr": "event.table"}, "id": "id", "v": "v"}';
	my $add = "SELECT cdc.add_table('$id', '$id.s%d', target := '$id.all_of', key := '{shard,id}', columns := '$columns')";
	$cluster->do(sprintf $add, 1);
	like($cluster->error_of("SELECT cdc.add_table('$id', '$id.s2', target := '$id.all_of', columns := '{\"id\": \"id\", \"v\": \"v\"}')"),
		qr/is taken/, "$id: the same target without a shard");
	like($cluster->error_of("SELECT cdc.add_table('$id', '$id.s2', target := '$id.all_of', key := '{id}', columns := '$columns')"),
		qr/key does not tell the rows of the two apart/, '... a key without it');
	like($cluster->error_of("SELECT cdc.add_table('$id', '$id.s2', target := '$id.all_of', key := '{shard,id}',
			columns := '{\"shard\": {\"value\": \"s1\"}, \"id\": \"id\", \"v\": \"v\"}')"),
		qr/key does not tell the rows of the two apart/, '... the same shard');
	$cluster->do(sprintf $add, $_) for 2, 3;
	$cluster->catch_up($id);
	my $all = "SELECT string_agg(shard || id || v, ' ' ORDER BY shard, id) FROM $id.all_of";
	is($cluster->value($all), 's11a1 s12b1 s21a2 s22b2 s31a3 s32b3', "$id: three shards");
	$dbh->do($_) for "DELETE FROM $id.s1 WHERE id = 1", "UPDATE $id.s2 SET id = 3 WHERE id = 1", "TRUNCATE TABLE $id.s3", "INSERT INTO $id.s3 VALUES (9, 'n')";
	$cluster->catch_up($id);
	is($cluster->value($all), 's12b1 s22b2 s23a2 s39n', "$id: a delete, an update of the key and TRUNCATE of one touch its rows only");
	$cluster->do("INSERT INTO $id.all_of (shard, id, v) VALUES ('s2', 77, 'x'), ('s3', 77, 'x')");
	is(verify($id, "$id.s2"), 'extra:1', "$id: cdc.verify of one looks at its rows");
	$cluster->do("SELECT cdc.resync_table('$id', '$id.s2')");
	$cluster->catch_up($id);
	is($cluster->value($all), 's12b1 s22b2 s23a2 s39n s377x', "$id: a new copy of one");
	is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind IN ('key', 'difference')"), 0, "$id: keys that are unique at the source");
	chosen_key($dbh, $id);
	return;
}

srand($ENV{CDC_TEST_SEED} // 81);
my $mysql = CdcIngest::Server->new('mysql97');
my $filter = q{state <> 'off' AND pay > 20};
random_changes($mysql, 'whole', filter => $filter);
altered($mysql, 'whole');
shards($mysql, 'sh');
$mysql->stop;

# What images lack is read from the replica, which keeps what the expressions read.
my $minimal = CdcIngest::Server->new('mysql97', args => ['--binlog-row-image=MINIMAL']);
random_changes($minimal, 'mini');
$minimal->do('CREATE TABLE mini.enter (id int PRIMARY KEY, v int, w int)');
$minimal->do('INSERT INTO mini.enter VALUES (1, 1, 1), (2, 5, 2)');
$cluster->do(q{SELECT cdc.add_table('mini_map', 'mini.enter', target := 'mini_map.enter', row_filter := 'v > 3')});
$cluster->catch_up('mini_map');
$minimal->do('UPDATE mini.enter SET w = 7');
$minimal->do('INSERT INTO mini.enter VALUES (3, 9, 9), (4, 0, 0)');
$minimal->do('UPDATE mini.enter SET v = 2 WHERE id = 3');
$cluster->catch_up('mini_map');
is($cluster->value(q{SELECT string_agg(enter::text, ' ' ORDER BY id) FROM mini_map.enter}), '(2,5,7)', 'minimal: rows inside stay, rows leave');
$minimal->do('UPDATE mini.enter SET v = 8 WHERE id = 1');
$cluster->poll(q{SELECT state FROM cdc.subscription_table WHERE source_table = 'mini.enter'}, 'e');
like($cluster->value(q{SELECT last_error FROM cdc.subscription_table WHERE source_table = 'mini.enter'}),
	qr/a row image lacks columns.*binlog_row_image has to be FULL/, 'minimal: a row that enters cannot be had');
is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'mini_map' AND kind = 'change' AND message ~ 'mini.enter is not replicated any more' AND detail ~ 'a row image lacks columns'}), 1,
	'... which cdc.log says');
$cluster->do(q{SELECT cdc.resync_table('mini_map', 'mini.enter')});
$cluster->catch_up('mini_map');
is($cluster->value(q{SELECT string_agg(enter::text, ' ' ORDER BY id) FROM mini_map.enter}), '(1,8,7) (2,5,7)', '... but by a new copy');
$minimal->stop;

my $mariadb = CdcIngest::Server->new('mariadb');
random_changes($mariadb, 'maria', filter => q{state <> 'off' OR state IS NULL}, options => '{"copy_history": false}');

# pg_dump takes the definitions along.
my $dump = "${PostgreSQL::Test::Utils::tmp_check}/dump.sql";
$cluster->node->command_ok([ 'pg_dump', '-f', $dump, $cluster->node->connstr('postgres') ], 'dumped');
my $text = PostgreSQL::Test::Utils::slurp_file($dump);
like($text, qr/state <> 'off' OR state IS NULL/, 'a dump has the row filters');
like($text, qr/lower\(mail\)/, '... and the expressions');
done_testing();
