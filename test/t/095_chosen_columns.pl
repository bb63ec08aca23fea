# Changes of source tables whose targets have columns that were chosen: several tables that
# fill one target, renamed columns, constants, keys that the user gave.
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('chosen');
my $source = CdcIngest::Server->new('mariadb');
$cluster->add_source('shop', $source);
my $number = 0;

# What a query gives at the source and one at the target, line by line.
sub equal
{
	my ($from, $to, $name) = @_;
	my ($a, $b) = map { [ map { join '|', map { $_ // 'NULL' } @$_ } @$_ ] } $source->rows("$from ORDER BY 1, 2, 3, 4"), $cluster->rows("$to ORDER BY 1, 2, 3, 4");
	return is_deeply($b, $a, $name);
}

sub state_of { my ($sub, $table) = @_; return join '|', map { $_ // '' } @{ $cluster->rows('SELECT state, last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $sub, $table)->[0] } }

# The statement that the error of a table names, and what else it says to type before.
sub follow_hint
{
	my ($sub, $table) = @_;
	my $state = state_of($sub, $table);
	like($state, qr/^e\|.*HINT:/s, "$table is in error, with a hint");
	$cluster->do($1) if $state =~ /type (ALTER TABLE .*?) first/;
	my ($sql) = $state =~ /HINT:  ((?:ALTER TABLE .*?; )?SELECT .*?;)/ or return diag($state);
	$cluster->do(split /(?<=;) /, $sql);
	$cluster->catch_up($sub);
	return;
}

# Two source tables and the target that both fill; the subscription and its schema.
sub shards
{
	my (%options) = @_;
	my $n = 's' . ++$number;
	$source->do("CREATE DATABASE $n", "CREATE TABLE $n.seed (id int PRIMARY KEY)", map({ "CREATE TABLE $n.$_ (id int PRIMARY KEY, b varchar(20), n int)" } qw(t t2)),
		"INSERT INTO $n.t VALUES (1, 'a', 1), (2, 'b', 2)", "INSERT INTO $n.t2 VALUES (1, 'A', 1), (3, 'C', 3)");
	$cluster->do("CREATE SCHEMA $n");
	$cluster->call('create_subscription', name => $n, server => 'shop', tables => ["$n.seed"], %options);
	$cluster->call('add_table', subscription => $n, source_table => "$n.$_", target => "$n.x", key => ['sh', 'id'], columns => qq({"sh": {"value": "$_"}, "id": "id", "b": "b", "n": "n"})) for qw(t t2);
	$cluster->catch_up($n);
	return $n;
}

sub shards_equal
{
	my ($n, $name, %column) = @_;
	return equal(join(' UNION ALL ', map { "SELECT '$_', id, " . ($column{$_} // 'b') . " AS b, n FROM $n.$_" } qw(t t2)), "SELECT sh, id, b, n FROM $n.x", $name);
}

subtest 'a wider column of one' => sub {
	my $n = shards();
	$source->do("ALTER TABLE $n.t2 MODIFY b varchar(30)", "INSERT INTO $n.t2 VALUES (7, 'a text of more than twenty', 7)");
	$cluster->catch_up($n);
	shards_equal($n, 'is followed');
	$cluster->do("SELECT cdc.resync_table('$n', '$n.t')");
	$cluster->catch_up($n);
	shards_equal($n, 'a new copy of the other one leaves its rows');
	$cluster->do("SELECT cdc.resync_table('$n', '$n.t2')");
	$cluster->catch_up($n);
	shards_equal($n, 'so does its own');
};

subtest 'a narrower one' => sub {
	my $n = shards();
	$source->do("ALTER TABLE $n.t2 MODIFY n bigint", "ALTER TABLE $n.t2 MODIFY b varchar(10)", "INSERT INTO $n.t VALUES (5, 'aaaaaaaaaaaaaaaaaaa', 7)", "INSERT INTO $n.t2 VALUES (5, 'aaaaaaaaaa', 5000000000)");
	$cluster->catch_up($n);
	is(state_of($n, "$n.$_"), 'r|', "$_ goes on") for qw(t t2);
	shards_equal($n, 'and both are right');
};

subtest 'another type' => sub {
	my $n = shards();
	$source->do("ALTER TABLE $n.t2 MODIFY n varchar(10)", "UPDATE $n.t2 SET n = '007' WHERE id = 3", "UPDATE $n.t SET b = 'still' WHERE id = 1");
	$cluster->catch_up($n);
	is(state_of($n, "$n.t"), 'r|', 'the other one goes on');
	like(state_of($n, "$n.t2"), qr/^e\|.*other source tables fill, too.*ALTER TABLE $n.x ALTER COLUMN n TYPE/s, 'the target has to be altered first, it says');
	follow_hint($n, "$n.t2");
	is(state_of($n, "$n.t2"), 'r|', 'done that, it goes on');
	is($cluster->value("SELECT string_agg(sh || id || n, ' ' ORDER BY sh, id) FROM $n.x"), 't11 t22 t211 t23007', 'and all is right');
};

subtest 'a dropped column' => sub {
	my $n = shards(options => '{"drop_column": "drop"}');
	$source->do("ALTER TABLE $n.t2 DROP COLUMN b", "UPDATE $n.t SET b = 'upd' WHERE id = 1");
	$cluster->catch_up($n);
	is($cluster->value("SELECT string_agg(id || b || n, ' ' ORDER BY id) FROM $n.x WHERE sh = 't'"), '1upd1 2b2', 'of one stays for the other one');
	$source->do("ALTER TABLE $n.t2 ADD COLUMN b varchar(20) DEFAULT 'new'", "UPDATE $n.t2 SET b = 'upd2' WHERE id = 1");
	$cluster->catch_up($n);
	follow_hint($n, "$n.t2");
	shards_equal($n, 'one that is there again is filled again');
};

subtest 'dropped and added' => sub {
	my $n = shards();
	$source->do("ALTER TABLE $n.t2 DROP b, ADD COLUMN b varchar(20) DEFAULT 'x'", "UPDATE $n.t2 SET b = 'upd2' WHERE id = 1", "UPDATE $n.t SET b = 'upd' WHERE id = 1");
	$cluster->catch_up($n);
	follow_hint($n, "$n.t2");
	shards_equal($n, 'ends equal');
};

subtest 'a name that comes back' => sub {
	my $n = 's' . ++$number;
	my %ways = (
		case => [ 'DROP b', "ADD B varchar(20) DEFAULT 'new'" ],
		twice => [ 'CHANGE b B varchar(20)', "DROP B, ADD b varchar(20) DEFAULT 'new'" ],
		renamed => [ 'DROP b', 'CHANGE s b varchar(20)' ],
		at_once => ['DROP b, CHANGE s b varchar(20)']);
	$source->do("CREATE DATABASE $n", "CREATE TABLE $n.seed (id int PRIMARY KEY)");
	$cluster->do("CREATE SCHEMA $n");
	$cluster->call('create_subscription', name => $n, server => 'shop', tables => ["$n.seed"]);
	for my $way (sort keys %ways)
	{
		$source->do("CREATE TABLE $n.$way (id int PRIMARY KEY, b varchar(20), s varchar(20))", "INSERT INTO $n.$way VALUES (1, 'b1', 's1'), (2, 'b2', 's2')");
		$cluster->do("CREATE TABLE $n.$way (id int PRIMARY KEY, x varchar(20))");
		$cluster->call('add_table', subscription => $n, source_table => "$n.$way", target => "$n.$way", columns => '{"id": "id", "x": "b"}');
		$cluster->catch_up($n);
		$source->do((map { "ALTER TABLE $n.$way $_" } @{ $ways{$way} }), "INSERT INTO $n.$way (id, b) VALUES (3, 'b3')");
		$cluster->catch_up($n);
		follow_hint($n, "$n.$way") if $way =~ /renamed|at_once/;
		is(state_of($n, "$n.$way"), 'r|', "$way: goes on");
		equal("SELECT id, b, 0, 0 FROM $n.$way", "SELECT id, x, 0, 0 FROM $n.$way", "$way: ... with what the column has");
		$source->do("UPDATE $n.$way SET b = 'later' WHERE id = 1");
		$cluster->catch_up($n);
		equal("SELECT id, b, 0, 0 FROM $n.$way", "SELECT id, x, 0, 0 FROM $n.$way", "$way: ... and gets");
	}
};

# What could not be followed goes on by a new copy: with the columns that the source has then where all of
# them were wanted, as a name too long for PostgreSQL makes a mapping of them, too; else with those that were.
subtest 'a mapping behind a change that is not followed' => sub {
	my $n = 's' . ++$number;
	my $long = 'l' x 64;
	$source->do("CREATE DATABASE $n", "CREATE TABLE $n.seed (id int PRIMARY KEY)", "CREATE TABLE $n.t (id int PRIMARY KEY, b varchar(20), g varchar(20), $long int)", "INSERT INTO $n.t VALUES (1, '1', 'x', 10), (2, '2', 'y', 20)",
		map { ("CREATE TABLE $n.$_ (id int PRIMARY KEY, b varchar(20), g varchar(20), s int)", "INSERT INTO $n.$_ VALUES (1, '1', 'x', 10), (2, '2', 'y', 20)") } qw(some gone));
	$cluster->do("CREATE SCHEMA $n", map { "CREATE TABLE $n.${_}_of (id int PRIMARY KEY, x varchar(20), y varchar(20))" } qw(some gone));
	$cluster->call('create_subscription', name => $n, server => 'shop', tables => ["$n.t", "$n.seed"], target_schema => $n);
	$cluster->call('add_table', subscription => $n, source_table => "$n.$_", target => "$n.${_}_of", columns => '{"id": "id", "x": "b", "y": "g"}') for qw(some gone);
	$cluster->catch_up($n);
	# text that becomes numbers, which PostgreSQL reads in another way: not followed
	$source->do((map { "UPDATE $n.$_ SET b = 'n'" } qw(t some)), 'SET sql_mode = \'\'', (map { "ALTER TABLE $n.$_ MODIFY b int, DROP g, CHANGE id no int, ADD z int DEFAULT 7" } qw(t some)), "ALTER TABLE $n.t ADD zz int DEFAULT 8", "INSERT INTO $n.t (no, b) VALUES (3, 3)", "INSERT INTO $n.some (no, b) VALUES (3, 3)",
		"UPDATE $n.gone SET b = 'n'", "ALTER TABLE $n.gone MODIFY b int, DROP g");
	$cluster->catch_up($n);
	follow_hint($n, "$n.$_") for qw(t some gone);
	is(state_of($n, "$n.$_"), 'r|', "$_: goes on") for qw(t some gone);
	my ($short) = map { $_->[0] } @{ $cluster->rows(q{SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attname ~ '^lll'}, "$n.t") };
	equal("SELECT no, b, concat($long, ''), concat(z, zz) FROM $n.t", "SELECT no, b, $short\::text, concat(z, zz) FROM $n.t", 'all columns');
	equal("SELECT no, b, 0, 0 FROM $n.some", "SELECT id, x, 0, 0 FROM $n.some_of", 'those that were chosen');
	equal("SELECT id, b, 0, 0 FROM $n.gone", "SELECT id, x, 0, 0 FROM $n.gone_of", 'one of which is gone');
	# none of them is left: the error is that table's
	$source->do("CREATE TABLE $n.last (k int PRIMARY KEY, b varchar(20))", "INSERT INTO $n.last VALUES (1, 'a')");
	$cluster->do("CREATE TABLE $n.last_of (x varchar(20))");
	$cluster->call('add_table', subscription => $n, source_table => "$n.last", target => "$n.last_of", columns => '{"x": "b"}', key => ['x']);
	$cluster->catch_up($n);
	$source->do("ALTER TABLE $n.last CHANGE b c int", "ALTER TABLE $n.last DROP c, ADD d int", "INSERT INTO $n.t (no) VALUES (4)");
	$cluster->catch_up($n);
	like(state_of($n, "$n.last"), qr/^e\|.*HINT/s, 'a table of which nothing is left');
	is($cluster->value("SELECT count(*) FROM $n.t"), 4, '... stops no other one');
};

subtest 'the key' => sub {
	my $n = shards();
	$source->do("ALTER TABLE $n.t2 DROP PRIMARY KEY, ADD PRIMARY KEY (id, n)", "INSERT INTO $n.t2 VALUES (1, 'dup', 55)");
	$cluster->catch_up($n);
	like(state_of($n, "$n.t2"), qr/^e\|.*primary key has other columns.*HINT:  ALTER TABLE $n\.x DROP CONSTRAINT x_pkey, ADD PRIMARY KEY \(sh,id,n\); SELECT cdc\.alter_table\('$n', '$n\.t2', key := '\{sh,id,n\}'\);/s, 'that was given tells the rows apart no more');
	$cluster->do("SELECT cdc.resync_table('$n', '$n.t2')");
	$cluster->catch_up($n);
	like(state_of($n, "$n.t2"), qr/^e\|.*primary key has other columns/s, 'nor for a new copy');
	follow_hint($n, "$n.t2");
	is(state_of($n, "$n.t2"), 'r|', 'with the key that the hint gives it goes on');
	shards_equal($n, 'and all is right');
};

# One target of its own, whose columns were chosen.
for my $case ([ 'a constant', '"b": "b", "k": {"value": "x"}', 'b' ], [ 'another name', '"bb": "b"', 'bb' ], [ 'two of one', '"b": "b", "c": "b"', 'c' ])
{
	my ($name, $columns, $target) = @$case;
	subtest "a column that goes and comes: $name" => sub {
		for my $how ("DROP b, ADD COLUMN b varchar(20) DEFAULT 'new'", "DROP b; ADD COLUMN b varchar(30) DEFAULT 'new'", "CHANGE b old varchar(20), ADD COLUMN b varchar(20) DEFAULT 'new'", "DROP b, ADD COLUMN b int DEFAULT 4")
		{
			my $n = 'm' . ++$number;
			$source->do("CREATE DATABASE $n", "CREATE TABLE $n.seed (id int PRIMARY KEY)", "CREATE TABLE $n.t (id int PRIMARY KEY, b varchar(20), n int)", "INSERT INTO $n.t VALUES (1, 'a', 1), (2, 'b', 2)");
			$cluster->do("CREATE SCHEMA $n");
			$cluster->call('create_subscription', name => $n, server => 'shop', tables => ["$n.seed"]);
			$cluster->call('add_table', subscription => $n, source_table => "$n.t", target => "$n.x", columns => qq({"id": "id", "n": "n", $columns}));
			$cluster->catch_up($n);
			$source->do(map { "ALTER TABLE $n.t $_" } split /; /, $how);
			$source->do("INSERT INTO $n.t (id, n) VALUES (5, 5)", "UPDATE $n.t SET b = 17 WHERE id = 1");
			$cluster->catch_up($n);
			is(state_of($n, "$n.t"), 'r|', "$how: goes on");
			my $b = $how =~ /old/ ? 'old' : 'b';
			equal("SELECT id, n, $b, 1 FROM $n.t", "SELECT id, n, $target, 1 FROM $n.x", "$how: equal");
			is($cluster->value("SELECT count(*) FROM pg_attribute WHERE attrelid = '$n.x'::regclass AND attnum > 0 AND NOT attisdropped"), 2 + (() = $columns =~ /: /g), "$how: no column more") if $name ne 'a constant';
			is($cluster->value("SELECT string_agg(kind, ',') FROM cdc.verify('$n', '$n.t')"), 'equal', "$how: verify");
			$cluster->do("SELECT cdc.drop_subscription('$n')");
		}
	};
}

# What a row outside of the filter would be need not make sense.
subtest 'the filter comes first' => sub {
	my $n = 'filter';
	$source->do("CREATE DATABASE $n", "CREATE TABLE $n.seed (id int PRIMARY KEY)", "CREATE TABLE $n.t (id int PRIMARY KEY, n int)", "INSERT INTO $n.t VALUES (1, 4), (2, 0)");
	$cluster->do("CREATE SCHEMA $n");
	$cluster->call('create_subscription', name => $n, server => 'shop', tables => ["$n.seed"]);
	$cluster->call('add_table', subscription => $n, source_table => "$n.t", target => "$n.x", columns => '{"id": "id", "q": {"expr": "100 / n"}}', row_filter => 'n <> 0');
	$cluster->catch_up($n);
	for my $image (qw(FULL MINIMAL))
	{
		my $dbh = $source->connect;
		$dbh->do($_) for "SET SESSION binlog_row_image = $image", "INSERT INTO $n.t VALUES (3, 0), (4, 5) ON DUPLICATE KEY UPDATE n = VALUES(n)", "UPDATE $n.t SET n = 0 WHERE id = 4", "UPDATE $n.t SET n = 2 WHERE id = 2", "UPDATE $n.t SET n = 0 WHERE id = 1";
		$cluster->catch_up($n);
		is(state_of($n, "$n.t"), 'r|', "$image: goes on");
		equal("SELECT id, 100 DIV n, 1, 1 FROM $n.t WHERE n <> 0", "SELECT id, q, 1, 1 FROM $n.x", "$image: equal");
	}
};

done_testing();
