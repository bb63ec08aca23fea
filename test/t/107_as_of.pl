# cdc.as_of: a target as it was.  A number in a table of its own goes with each source transaction, and
# what the source had behind each is noted here: what cdc.as_of says of its place has to be just that, or an
# error that says why nobody knows.
#
# Takes 70 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use CdcIngest::Process qw(wait_until);

srand($ENV{CDC_AS_OF_SEED} // 107);
my $cluster = CdcIngest::Cluster->new('as_of', conf => "restart_after_crash = on\n");

sub pump { my ($sub) = @_; $cluster->do("SELECT cdc.pull('$sub')", "SELECT * FROM cdc.apply('$sub')"); return }
sub content { my ($from, $sql) = @_; return join "\n", map { join '|', map { $_ // '-' } @$_ } @{ $from->rows($sql) } }
sub last_seq { my ($db) = @_; return $cluster->value('SELECT max(seq) FROM ' . $cluster->history_of($db) . ' WHERE commit') }

my (%source, %expected, %number);

# A table in a database of its own, beside the one that counts transactions.
sub make
{
	my ($flavour, $db, $columns, @sql) = @_;
	$source{$db} = CdcIngest::Server->new($flavour);
	my $dbh = $source{$db}->dbh;
	$source{$db}->do("CREATE DATABASE $db", "CREATE TABLE $db.mark (n int PRIMARY KEY)", "CREATE TABLE $db.t ($columns)", @sql);
	$cluster->add_source($db, $source{$db}, heartbeat_interval => '300ms');
	$number{$db} = 0;
	return;
}

# One transaction of the source, and what it leaves; a statement that commits by itself is one, too.
sub commit
{
	my ($db, $columns, @sql) = @_;
	my $source = $source{$db};
	my $n = ++$number{$db};
	$source->do('BEGIN', @sql, "INSERT INTO $db.mark VALUES ($n)", 'COMMIT');
	$expected{$db}[$n] = content($source, "SELECT $columns FROM $db.t ORDER BY $columns");
	return $n;
}

# The place of a transaction in the history.
sub seq_of
{
	my ($db, $n) = @_;
	my $h = $cluster->history_of($db);
	return $cluster->value("SELECT min(seq) FROM $h WHERE commit AND seq >= (SELECT seq FROM $h WHERE source_table = '$db.mark' AND op = 'c' AND event->'data'->>'n' = '$n')");
}

# What cdc.as_of says of that place, or "ERROR ...".
sub as_of
{
	my ($db, $seq, $columns) = @_;
	my $text = eval { content($cluster, "SELECT $columns FROM cdc.as_of(NULL::$db.t, at_seq := $seq) ORDER BY $columns") };
	return defined $text ? $text : 'ERROR ' . $cluster->dbh->errstr;
}

# All places: each is right, or one that cannot be known; how many of each.
sub all_ok
{
	my ($db, $columns, $name, $unknown) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($right, $errors, @wrong) = (0, 0);
	for my $n (1 .. $number{$db})
	{
		next unless defined $expected{$db}[$n];
		my $seq = seq_of($db, $n) // next;
		my $text = as_of($db, $seq, $columns);
		if ($text eq $expected{$db}[$n]) { $right++ }
		elsif ($text =~ /^ERROR/ && defined $unknown && $text =~ /$unknown/) { $errors++ }
		else { push @wrong, "at $n, seq $seq:\n$text\n  expected:\n$expected{$db}[$n]" }
	}
	ok(!@wrong && $right > 0, "$name: $right places") or diag substr join("\n", @wrong), 0, 3000;
	note "$name: $right right, $errors not known, " . scalar(@wrong) . ' wrong';
	return ($right, $errors);
}

sub change
{
	my ($db, $n, $columns) = @_;
	for (1 .. $n)
	{
		my @sql = map {
			my ($a, $b, $v) = map { 1 + int rand $_ } 60, 60, 1000;
			my $free = "NOT EXISTS (SELECT 1 FROM (SELECT id FROM $db.t) x WHERE x.id = $b)";
			my @can = ("INSERT IGNORE INTO $db.t (id, v) VALUES ($a, $v)", "UPDATE $db.t SET v = $v WHERE id = $a", "UPDATE $db.t SET v = v + 1 WHERE id BETWEEN $a AND $a + 5",
				"DELETE FROM $db.t WHERE id = $a", "UPDATE $db.t SET id = $b, v = $v WHERE id = $a AND $free", "REPLACE INTO $db.t (id, v) VALUES ($a, $v)");
			$can[ rand @can ] } 1 .. 1 + int rand 4;
		commit($db, $columns, @sql);
	}
	return;
}

my @flavours = grep { CdcIngest::Server->available($_) } qw(mariadb mysql97);
for my $case (map { my $f = $_; map { [ $f, $_ ] } qw(FULL MINIMAL) } @flavours)
{
	my ($flavour, $image) = @$case;
	my $db = lc "${flavour}_$image";
	subtest "any place, $flavour, $image" => sub {
		make($flavour, $db, 'id int PRIMARY KEY, v int, w varchar(20) DEFAULT \'new\'');
		my $source = $source{$db};
		$source->do("SET SESSION binlog_row_image = $image");
		$source->do("INSERT INTO $db.t VALUES " . join ', ', map { "($_, $_, 'w$_')" } 1 .. 40);
		$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
		pump($db) for 1 .. 2;
		change($db, 15, 'id, v, w');
		pump($db);
		change($db, 15, 'id, v, w');
		$source->do("TRUNCATE $db.t");
		change($db, 10, 'id, v, w');
		pump($db);
		all_ok($db, 'id, v, w', 'changed');

		# a copy of all rows, and one of some, while changes go on
		$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
		change($db, 5, 'id, v, w');
		$cluster->do("SELECT cdc.pull('$db', 3)");
		change($db, 5, 'id, v, w');
		pump($db) for 1 .. 3;
		change($db, 5, 'id, v, w');
		pump($db);
		my ($right) = all_ok($db, 'id, v, w', 'copied anew', 'were being copied, some at another time');
		cmp_ok($right, '>=', 45, '... before it and behind');
		$cluster->call('resync_table', subscription => $db, source_table => "$db.t", where_clause => 'id < 20');
		change($db, 5, 'id, v, w');
		pump($db) for 1 .. 3;
		change($db, 5, 'id, v, w');
		pump($db);
		all_ok($db, 'id, v, w', 'some rows copied anew', 'were being copied, some at another time');

		# the table is altered: rows of before are shown in today's columns
		$source->do("ALTER TABLE $db.t ADD COLUMN x int NOT NULL DEFAULT 7");
		change($db, 10, 'id, v, w');
		pump($db);
		all_ok($db, 'id, v, w', 'a column was added', 'being copied');
		my $ddl = $cluster->value('SELECT max(seq) FROM ' . $cluster->history_of($db) . " WHERE op = 's' AND source_table = '$db.t'");
		like(as_of($db, $ddl, 'id, x'), qr/^(\d+\|7\n?)+$/, '... at its own event');
		like(as_of($db, $ddl - 1, 'id, x'), qr/^(\d+\|-\n?)+$/, '... not before');
		my $mark = $number{$db};
		is(as_of($db, seq_of($db, $mark), 'id, v, w, x'), content($source, "SELECT id, v, w, x FROM $db.t ORDER BY 1, 2, 3, 4"), '... and has its default');
		$source->do("ALTER TABLE $db.t CHANGE v num bigint, DROP COLUMN w");
		@{ $expected{$db} }[1 .. $mark] = map { defined ? join "\n", map { (split /\|/)[ 0, 1 ] ? join '|', (split /\|/)[ 0, 1 ] : () } split /\n/ : undef } @{ $expected{$db} }[1 .. $mark];
		commit($db, 'id, num', "INSERT IGNORE INTO $db.t (id, num, x) VALUES (70, 5000000000, 1)");
		commit($db, 'id, num', "UPDATE $db.t SET num = num + 1 WHERE id < 30");
		pump($db);
		all_ok($db, 'id, num', 'a column was renamed, another dropped', 'being copied');
		my $before = as_of($db, seq_of($db, $mark), 'id, num, w, x');
		like($before, qr/^\d+\|\d+\|(new|w\d+)\|7$/m, '... whose values are seen as long as it was there');
	};
}

# What the hint of an error says, typed.
sub hint { my ($text) = @_; return $text =~ /HINT:  (.*)/s ? $1 : '' }

for my $flavour (@flavours)
{
	my $db = "kill_$flavour";
	subtest "workers that are killed, $flavour" => sub {
		make($flavour, $db, 'id int PRIMARY KEY, v int, w text');
		my $source = $source{$db};
		$source->do("CREATE TABLE $db.many (id int PRIMARY KEY, w text)", "INSERT INTO $db.t VALUES " . join ', ', map { "($_, $_, REPEAT('w$_', 2000))" } 1 .. 60);
		for my $k (0 .. 9) { $source->do("INSERT INTO $db.t VALUES " . join ', ', map { my $id = 1000 + 300 * $k + $_; "($id, $id, REPEAT('x', 2000))" } 0 .. 299) }
		my $columns = 'id, v, left(w, 9), length(w)';
		$cluster->subscribe($db, $db, $db, tables => ["$db.*"], options => '{"copy_chunk_time": "10ms"}');
		for my $round (1 .. 3)
		{
			change($db, 8, $columns);
			$cluster->kill_worker($db, $round % 2 ? 'pull' : 'apply');
			change($db, 5, $columns);
			$cluster->catch_up($db);
			change($db, 5, $columns);
			$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
		}
		change($db, 8, $columns);
		$cluster->catch_up($db);
		change($db, 5, $columns);
		$cluster->catch_up($db);
		my ($right, $errors) = all_ok($db, $columns, 'killed', 'being copied|copied later');
		cmp_ok($right, '>=', 15, 'enough is known');
		is(as_of($db, last_seq($db), $columns), $expected{$db}[ $number{$db} ], 'the last place is what the target has');
		is($cluster->value("SELECT count(*) FROM pg_class WHERE relname LIKE 'cdc_as_of%'"), 0, 'nothing is left behind');
	};
}

subtest 'what is lost is not known' => sub {
	my $db = 'lost';
	make('mariadb', $db, 'id int PRIMARY KEY, v int');
	my $source = $source{$db};
	$source->do("INSERT INTO $db.t (id, v) VALUES (1, 1), (2, 2)");
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
	pump($db) for 1 .. 2;
	my @n = commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (3, 3)");
	pump($db);

	# a statement that changes rows without a row event, and a copy after it
	$source->do('SET SESSION binlog_format = STATEMENT', "UPDATE $db.t SET v = v + 100", 'SET SESSION binlog_format = ROW');
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (4, 4)");
	pump($db);
	is($cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$db.t'"), 'e', 'a table in error');
	my $error = as_of($db, seq_of($db, $n[1]), 'id, v');
	like($error, qr/rows of source table lost\.t at seq \d+ of subscription "lost" are not known.*events do not tell of all changes.*HINT:  Take at_seq := \d+, which is before it\./s, '... has places that are not known');
	my ($seq) = hint($error) =~ /at_seq := (\d+)/;
	is(as_of($db, $seq, 'id, v'), $expected{$db}[ $n[0] ], '... and what its hint names is');
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	pump($db) for 1 .. 2;
	push @n, commit($db, 'id, v', "UPDATE $db.t SET v = v + 1 WHERE id < 3");
	pump($db);
	$error = as_of($db, seq_of($db, $n[1]), 'id, v');
	like($error, qr/not known.*HINT:  Take at_seq := \d+, which is before it, or at_seq := \d+, or one behind that/s, 'after a copy the hint names two');
	my ($before, $behind) = hint($error) =~ /at_seq := (\d+)/g;
	is(as_of($db, $before, 'id, v'), $expected{$db}[ $n[0] ], '... the one before');
	is(as_of($db, $behind, 'id, v'), "1|101\n2|102\n3|103\n4|4", '... the one behind');
	is(as_of($db, seq_of($db, $n[2]), 'id, v'), $expected{$db}[ $n[2] ], '... and later ones');

	# the same of one that waits for a copy anyway: between the statement and that its rows are not known
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	push my @w, commit($db, 'id, v', "UPDATE $db.t SET v = 50 WHERE id = 3");
	$source->do('SET SESSION binlog_format = STATEMENT', "UPDATE $db.t SET v = v + 1000 WHERE id = 4", 'SET SESSION binlog_format = ROW');
	push @w, commit($db, 'id, v', "UPDATE $db.t SET v = 51 WHERE id = 3");
	push @w, commit($db, 'id, v', "UPDATE $db.t SET v = 52 WHERE id = 3");
	$source->do("ALTER TABLE $db.t ADD COLUMN y int");
	$cluster->do("SELECT cdc.pull('$db', 1)") for 1 .. 3;
	is($cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$db.t'"), 'i', 'a table that waits for a copy, until the stream has its shape');
	pump($db) for 1 .. 3;
	push @w, commit($db, 'id, v', "UPDATE $db.t SET v = 53 WHERE id = 3");
	pump($db);
	for my $n (@w)
	{
		my $text = as_of($db, seq_of($db, $n), 'id, v');
		ok($text eq $expected{$db}[$n] || $text =~ /not known/, "beside a copy that waited: $n") or diag "$text\n  expected:\n$expected{$db}[$n]";
	}
	is(as_of($db, seq_of($db, $w[3]), 'id, v'), $expected{$db}[ $w[3] ], '... and behind it');

	# the position is moved over a transaction
	push @n, commit($db, 'id, v', "DELETE FROM $db.t WHERE id = 1");
	$cluster->do("SELECT cdc.set_position('$db', 'latest')");
	push @n, commit($db, 'id, v', "DELETE FROM $db.t WHERE id = 2");
	pump($db);
	like(as_of($db, seq_of($db, $n[4]), 'id, v'), qr/not known.*position was moved/s, 'behind a position that was moved');
	is(as_of($db, seq_of($db, $n[2]), 'id, v'), $expected{$db}[ $n[2] ], '... but not before');
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	pump($db) for 1 .. 2;
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (9, 9)");
	pump($db);
	is(as_of($db, seq_of($db, $n[5]), 'id, v'), $expected{$db}[ $n[5] ], '... nor behind a copy');

	# the table is removed, and added again
	$cluster->call('remove_table', subscription => $db, source_table => "$db.t");
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (10, 10)");
	pump($db);
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.t", target_rows => 'replace', copy_data => \'true');
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (11, 11)");
	pump($db) for 1 .. 2;
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (12, 12)");
	pump($db);
	like(as_of($db, seq_of($db, $n[6]), 'id, v'), qr/not known/, 'while it was removed');
	is(as_of($db, seq_of($db, $n[8]), 'id, v'), $expected{$db}[ $n[8] ], '... behind its copy it is');
	is(as_of($db, seq_of($db, $n[5]), 'id, v'), $expected{$db}[ $n[5] ], '... and before');
	all_ok($db, 'id, v', 'none of them is wrong', 'not known');

	# dropped and made again by the stream
	$source->do("DROP TABLE $db.t", "CREATE TABLE $db.t (id int PRIMARY KEY, v int)");
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (1, 7)");
	pump($db);
	is(as_of($db, seq_of($db, $n[9]), 'id, v'), '1|7', 'made again');
	is(as_of($db, seq_of($db, $n[8]), 'id, v'), $expected{$db}[ $n[8] ], '... and what it was before');

	# a table that the stream has made
	$source->do("CREATE TABLE $db.new (id int PRIMARY KEY, v int)", "INSERT INTO $db.new VALUES (1, 1)");
	push @n, commit($db, 'id, v', "INSERT INTO $db.new VALUES (2, 2)");
	$source->do("UPDATE $db.new SET v = 3");
	pump($db);
	$seq = seq_of($db, $n[10]);
	is(content($cluster, "SELECT * FROM cdc.as_of(NULL::$db.new, at_seq := $seq) ORDER BY 1"), "1|1\n2|2", 'one that the stream has made');
	$seq = seq_of($db, $n[9]);
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.new, at_seq := $seq)"), qr/not known/, '... not before that');

	# events that are purged, or are not there
	$cluster->do("INSERT INTO cdc_catalog.history_purge (subscription, purged_seq) VALUES ('$db', " . seq_of($db, $n[0]) . ')');
	like(as_of($db, seq_of($db, $n[0]), 'id, v'), qr/as_of of subscription "lost" cannot begin at seq \d+.*purged.*HINT.*resync_table/s, 'purged events');
	is(as_of($db, seq_of($db, $n[8]), 'id, v'), $expected{$db}[ $n[8] ], '... of what is built upon a later copy none');
	$cluster->do("SELECT cdc.alter_table('$db', '$db.t', '{\"copy_history\": false}')");
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	pump($db) for 1 .. 2;
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (20, 20)");
	pump($db);
	$error = as_of($db, seq_of($db, $n[11]), 'id, v');
	like($error, qr/lacks rows of source table lost\.t.*copy_history off/s, 'rows that the history does not have');
	$cluster->do($_) for hint($error) =~ /(SELECT .*?;)/g;
	pump($db) for 1 .. 2;
	is(as_of($db, last_seq($db), 'id, v'), $expected{$db}[ $n[11] ], '... but behind what the hint says');
};

# Shapes of the past: each place with what its columns are called in the end.
subtest 'a table that was altered' => sub {
	my $db = 'shape';
	make('mariadb', $db, 'id int PRIMARY KEY, a int, b varchar(10), c int, g int AS (id + 1) STORED');
	my $source = $source{$db};
	my (@places, %seen);
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
	pump($db) for 1 .. 2;
	my $place = sub {
		my ($names, @sql) = @_;
		my $n = ++$number{$db};
		$source->do('BEGIN', @sql, "INSERT INTO $db.mark VALUES ($n)", 'COMMIT');
		my @then = sort keys %$names;
		$expected{$db}[$n] = content($source, 'SELECT ' . join(', ', @then) . " FROM $db.t ORDER BY id");
		push @places, [ $n, join(', ', map { $names->{$_} } @then) ];
		pump($db) if rand() < 0.5;
		return;
	};
	my $all = sub {
		my ($name) = @_;
		for my $p (@places)
		{
			my ($n, $columns) = @$p;
			my $text = eval { content($cluster, "SELECT $columns FROM cdc.as_of(NULL::$db.t, at_seq := " . seq_of($db, $n) . ') ORDER BY id') } // $cluster->dbh->errstr;
			is($text, $expected{$db}[$n], "$name, place $n");
		}
	};
	my %in_the_end = (id => 'id', a => 'a2', c => 'b');
	$place->({%in_the_end}, "INSERT INTO $db.t (id, a, b, c) VALUES (1, 1, 'one', 10), (2, 2, 'two', 20), (3, 3, NULL, 30)");
	$place->({%in_the_end}, "UPDATE $db.t SET a = a + 1, b = 'x'");
	$source->do("ALTER TABLE $db.t CHANGE a a2 bigint, MODIFY b varchar(100)");
	%in_the_end = (id => 'id', a2 => 'a2', c => 'b');
	$place->({%in_the_end}, "UPDATE $db.t SET a2 = 5000000000 WHERE id = 1", "DELETE FROM $db.t WHERE id = 2");
	$source->do("ALTER TABLE $db.t CHANGE b c varchar(100), CHANGE c b int");
	%in_the_end = (id => 'id', a2 => 'a2', b => 'b');
	$place->({%in_the_end}, "INSERT INTO $db.t (id, a2, b, c) VALUES (4, 14, 40, 'four')");
	$source->do("ALTER TABLE $db.t DROP COLUMN c, ADD COLUMN c int DEFAULT 5, ADD COLUMN d datetime(3) DEFAULT '2020-01-01 00:00:00.125'");
	%in_the_end = (id => 'id', a2 => 'a2', b => 'b', c => 'c', d => 'd');
	$place->({%in_the_end}, "UPDATE $db.t SET c = 6 WHERE id = 4");
	pump($db);
	$all->('renamed, dropped');
	$source->do("ALTER TABLE $db.t DROP PRIMARY KEY, ADD PRIMARY KEY (a2)");
	$place->({%in_the_end}, "UPDATE $db.t SET id = 40 WHERE a2 = 14");
	$place->({%in_the_end}, "UPDATE $db.t SET a2 = 44 WHERE id = 40", "INSERT INTO $db.t (id, a2) VALUES (40, 45)");
	$source->do("ALTER TABLE $db.t MODIFY b smallint");
	$place->({%in_the_end}, "UPDATE $db.t SET b = 1 WHERE a2 = 45");
	pump($db);
	$all->('other keys, a narrower type') if $cluster->value("SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = '$db.t'::regclass AND attname = 'b'") ne 'smallint';
	$source->do("RENAME TABLE $db.t TO $db.away");
	pump($db);
	$source->do("RENAME TABLE $db.away TO $db.t");
	pump($db) for 1 .. 3;
	is($cluster->value("SELECT count(*) FROM pg_class WHERE relname LIKE 'cdc_as_of%'"), 0, 'nothing is left behind');
};

subtest 'some rows are copied anew while the table is altered' => sub {
	my $db = 'part';
	make('mariadb', $db, 'id int PRIMARY KEY, v int, w text');
	my $source = $source{$db};
	for my $k (0 .. 9) { $source->do("INSERT INTO $db.t VALUES " . join ', ', map { my $id = 1000 + 300 * $k + $_; "($id, $id, REPEAT('x', 2000))" } 0 .. 299) }
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false', options => '{"copy_chunk_time": "10ms"}');
	my $state = sub { $cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$db.t'") };
	pump($db) for 1 .. 2;
	wait_until(60, sub { pump($db); $state->() eq 'r' });

	# a row has gone without a word, which only the end of such a copy finds
	$source->do('SET SESSION sql_log_bin = 0', "DELETE FROM $db.t WHERE id = 1500", 'SET SESSION sql_log_bin = 1');
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t", where_clause => 'id > 1400');
	$cluster->do("SELECT cdc.pull('$db', 1)");
	is($state->(), 'd', 'it is being copied');
	$source->do("ALTER TABLE $db.t ADD COLUMN z int DEFAULT 1");
	wait_until(60, sub { pump($db); $state->() eq 'r' });
	my $n = commit($db, 'id, v', "UPDATE $db.t SET v = 0 WHERE id < 1010");
	pump($db);
	is(content($cluster, "SELECT id, v FROM $db.t ORDER BY 1"), $expected{$db}[$n], 'the target is right');
	my $text = as_of($db, seq_of($db, $n), 'id, v');
	like($text, qr/rows of source table part\.t behind seq \d+ of subscription "part" are not known.*altered before that was over.*HINT/s, '... the past is not known');
	$cluster->do($_) for hint($text) =~ /(SELECT .*?;)/g;
	wait_until(60, sub { pump($db); $state->() eq 'r' });
	$n = commit($db, 'id, v', "UPDATE $db.t SET v = 1 WHERE id < 1010");
	pump($db);
	is(as_of($db, seq_of($db, $n), 'id, v'), $expected{$db}[$n], '... until it is done what the hint says');
};

subtest 'which target, which time, and who may' => sub {
	my $db = 'who';
	make('mariadb', $db, 'id int PRIMARY KEY, v int, big longtext');
	my $source = $source{$db};
	$source->do("INSERT INTO $db.t VALUES (1, 1, REPEAT('a', 300000)), (2, 2, NULL)", "CREATE TABLE $db.nokey (v int)", "INSERT INTO $db.nokey VALUES (1), (1), (2)");
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
	pump($db) for 1 .. 2;
	my @n = commit($db, 'id, v', "UPDATE $db.t SET big = REPEAT('bc', 200000), v = 5 WHERE id = 1", "INSERT INTO $db.nokey VALUES (1)");
	pump($db);
	my $first = seq_of($db, $n[0]);
	my $time = $cluster->value("SELECT source_ts FROM " . $cluster->history_of($db) . " WHERE seq = $first");
	wait_until(5, sub { $source->value('SELECT now(3) > ? + INTERVAL 2 SECOND', $source->value('SELECT now(3)')) || $cluster->value("SELECT clock_timestamp() > '$time'::timestamptz + interval '2.1 s'") });
	push @n, commit($db, 'id, v', "DELETE FROM $db.t WHERE id = 2", "DELETE FROM $db.nokey WHERE v = 1 LIMIT 1");
	pump($db);
	is(as_of($db, $first, 'id, v, md5(big)'), "1|5|" . $source->value("SELECT md5(REPEAT('bc', 200000))") . "\n2|2|-", 'large values');
	is(content($cluster, "SELECT v, count(*) FROM cdc.as_of(NULL::$db.nokey, at_seq := $first) GROUP BY 1 ORDER BY 1"), "1|3\n2|1", 'a table without a key');
	is(content($cluster, "SELECT id, v FROM cdc.as_of(NULL::$db.t, at := '$time'::timestamptz + interval '1 s') ORDER BY 1"), $expected{$db}[ $n[0] ], 'by time');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.t, at := '2001-01-01')"), qr/no commit of that time or before.*HINT/s, 'before all');
	my $error = $cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.t, at := now())");
	like($error, qr/is not known to have all commits of that time.*HINT:  Take a time before it; or at_seq := \d+/s, 'later than what was read');
	is(as_of($db, (hint($error) =~ /at_seq := (\d+)/)[0], 'id, v'), $expected{$db}[ $n[1] ], '... which its hint has');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.t, at := 'infinity')"), qr/not known to have/, 'for ever');

	# in the middle of a transaction it is the commit before
	my $middle = $first + 1;
	is(as_of($db, $middle, 'id, v'), $expected{$db}[ $n[0] ], 'in the middle of a transaction');
	is($cluster->value("SELECT count(*) FROM $db.t t, LATERAL cdc.as_of(NULL::$db.t, at_seq := $first) a WHERE a.id = t.id"), 1, 'joined with what is there now');

	# a mapping, a filter, a key of its own
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.mapped", columns => '{"no": "id", "twice": {"expr": "v * 2"}}', row_filter => 'v < 6');
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.log", mode => 'append');
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.soft", mode => 'soft_delete');
	pump($db) for 1 .. 3;
	push @n, commit($db, 'id, v', "INSERT INTO $db.t VALUES (3, 3, ''), (4, 9, '')");
	push @n, commit($db, 'id, v', "UPDATE $db.t SET v = 4 WHERE id = 4", "DELETE FROM $db.t WHERE id = 1");
	pump($db);
	is(content($cluster, "SELECT no, twice FROM cdc.as_of(NULL::$db.mapped, at_seq := " . seq_of($db, $n[2]) . ') ORDER BY 1'), "1|10\n3|6", 'a mapping and a filter');
	is(content($cluster, "SELECT no, twice FROM cdc.as_of(NULL::$db.mapped, at_seq := " . seq_of($db, $n[3]) . ') ORDER BY 1'), "3|6\n4|8", '... a row comes into it');
	is(as_of($db, seq_of($db, $n[2]), 'id, v'), $expected{$db}[ $n[2] ], 'beside copies for other targets');
	is(as_of($db, $first, 'id, v'), $expected{$db}[ $n[0] ], '... and before them');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.log, at_seq := $first)"), qr/has mode "append".*HINT:.*_cdc_seq <=/s, 'a log');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.soft, at_seq := $first)"), qr/has mode "soft_delete".*HINT:.*cdc\.replay/s, 'deleted rows that stay');
	$source->do("ALTER TABLE $db.t ADD COLUMN z int DEFAULT 1");
	push @n, commit($db, 'id, v', "UPDATE $db.t SET z = 2");
	pump($db);
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.mapped, at_seq := " . seq_of($db, $n[4]) . ')'), qr/cannot be shown as it was.*was altered.*HINT:.*cdc\.replay/s, 'a mapping of a table that was altered');

	# who may
	my $h = $cluster->history_of($db);
	$cluster->do('CREATE ROLE reader', "GRANT USAGE ON SCHEMA $db TO reader", 'SET ROLE reader');
	my $sql = "SELECT * FROM cdc.as_of(NULL::$db.t, at_seq := $first)";
	like($cluster->error_of($sql), qr/permission denied for table who\.t.*HINT:  GRANT SELECT ON who\.t TO reader/s, 'who may not read the target');
	$cluster->do('RESET ROLE', "GRANT SELECT ON $db.t TO reader", 'SET ROLE reader');
	like($cluster->error_of($sql), qr/permission denied for table who\.who_history.*HINT:  GRANT SELECT ON who\.who_history TO reader/s, '... or not its history');
	$cluster->do('RESET ROLE', "GRANT SELECT ON $h TO reader", 'SET ROLE reader');
	is($cluster->error_of($sql), '', '... who may both may see it');
	$cluster->do('RESET ROLE', "ALTER TABLE $db.t ENABLE ROW LEVEL SECURITY", 'SET ROLE reader');
	like($cluster->error_of($sql), qr/row security hides rows of table who\.t from role "reader"/, '... unless rows are hidden from him');
	$cluster->do('RESET ROLE', "ALTER TABLE $db.t DISABLE ROW LEVEL SECURITY", 'CREATE ROLE thief', "GRANT USAGE, CREATE ON SCHEMA $db TO thief", "GRANT SELECT ON $db.t, $h TO thief", 'SET ROLE thief');

	# a table of the same shape is not the target
	$cluster->do("CREATE TABLE $db.mine (LIKE $db.t)");
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.mine, at_seq := $first)"), qr/no subscription fills who\.mine/, 'a table of his own');
	$cluster->do('RESET ROLE');
	like($cluster->error_of("SELECT * FROM cdc.as_of(1, at_seq := $first)"), qr/row type of a target.*HINT/s, 'no row type');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.t, at_seq := NULL)"), qr/"at_seq" must not be null/, 'no place');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.t, at_seq := 100000000)"), qr/ends at seq \d+.*HINT:  Take at_seq := \d+/s, 'behind the end');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::$db.t, at_seq := 0)"), qr/no commit at seq 0 or before/, 'before the beginning');

	# without a key, a second target: its copy has all rows, and is what later places are built upon
	$cluster->call('add_table', subscription => $db, source_table => "$db.nokey", target => "$db.nokey2");
	push @n, commit($db, 'id, v', "INSERT INTO $db.nokey VALUES (8), (8)");
	pump($db) for 1 .. 3;
	push @n, commit($db, 'id, v', "INSERT INTO $db.nokey VALUES (7)");
	pump($db);
	my $counted = content($source, "SELECT v, count(*) FROM $db.nokey GROUP BY 1 ORDER BY 1");
	my $text = eval { content($cluster, "SELECT v, count(*) FROM cdc.as_of(NULL::$db.nokey, at_seq := " . seq_of($db, $n[6]) . ') GROUP BY 1 ORDER BY 1') } // $cluster->dbh->errstr;
	ok($text eq $counted || $text =~ /not known.*has no key.*HINT/s, 'a table without a key that was copied for two') or diag $text;
	is(content($cluster, "SELECT v, count(*) FROM cdc.as_of(NULL::$db.nokey, at_seq := $first) GROUP BY 1 ORDER BY 1"), "1|3\n2|1", '... before that');
};

# The source's time, behind all that was dated until now and before what comes next: its dates are whole seconds.
sub moment
{
	my ($db) = @_;
	my $source = $source{$db};
	my $second = sub { my ($than) = @_; wait_until(10, sub { $source->value("SELECT UNIX_TIMESTAMP() > $than") }) };
	my $now = $source->value('SELECT UNIX_TIMESTAMP()');
	$second->($now);
	my $at = $source->value('SELECT UNIX_TIMESTAMP()');
	$second->($at);
	return "to_timestamp($at)";
}

sub as_at
{
	my ($db, $table, $at, $columns) = @_;
	my $text = eval { content($cluster, "SELECT $columns FROM cdc.as_of(NULL::$db.$table, at := $at) ORDER BY $columns") };
	return defined $text ? $text : 'ERROR ' . $cluster->dbh->errstr;
}

subtest 'what is between two events' => sub {
	my $db = 'gap';
	make('mariadb', $db, 'id int PRIMARY KEY, v int');
	my $source = $source{$db};
	$source->do("INSERT INTO $db.t VALUES (1, 1), (2, 2)", "CREATE TABLE $db.k (a int)", "INSERT INTO $db.k VALUES (1)", "CREATE TABLE $db.q (a int)", "INSERT INTO $db.q VALUES (1)");
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
	pump($db) for 1 .. 2;
	my @n = commit($db, 'id, v', "INSERT INTO $db.t VALUES (3, 3)");
	pump($db);
	my $h = $cluster->history_of($db);
	my $none = qr/^ERROR.*at that time are not known/s;

	# nothing happens there: the state before it
	my $at = moment($db);
	push @n, commit($db, 'id, v', "INSERT INTO $db.t VALUES (4, 4)");
	pump($db);
	is(as_at($db, 't', $at, 'id, v'), $expected{$db}[ $n[0] ], 'a time of nothing');

	# a definition that changes is what the source and the target have from its own event on
	my $before = last_seq($db);
	$source->do("ALTER TABLE $db.t ADD COLUMN x int NOT NULL DEFAULT 5");
	$at = moment($db);
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (5, 5)");
	pump($db);
	my $ddl = $cluster->value("SELECT seq FROM $h WHERE op = 's' AND source_table = '$db.t' AND seq > $before");
	is(as_of($db, $ddl, 'id, x'), "1|5\n2|5\n3|5\n4|5", 'at the seq of DDL');
	is(as_of($db, $ddl - 1, 'id, x'), "1|-\n2|-\n3|-\n4|-", '... before it');
	is(as_at($db, 't', $at, 'id, x'), "1|5\n2|5\n3|5\n4|5", '... and at a time behind it');
	$before = last_seq($db);
	$source->do("ALTER TABLE $db.t CHANGE x y int, ADD COLUMN x int NOT NULL DEFAULT 6");
	push @n, commit($db, 'id, v', "INSERT INTO $db.t (id, v) VALUES (6, 6)");
	pump($db);
	$ddl = $cluster->value("SELECT seq FROM $h WHERE op = 's' AND source_table = '$db.t' AND seq > $before");
	is(as_of($db, $ddl, 'id, y, x'), join("\n", map { "$_|5|6" } 1 .. 5), 'names at the seq of DDL');
	is(as_of($db, $ddl - 1, 'id, y, x'), join("\n", map { "$_|5|-" } 1 .. 5), '... and before it');

	# changes of a table without a key are left out from when a copy was asked for
	for my $how (qw(resync verify))
	{
		my $table = $how eq 'resync' ? 'k' : 'q';
		my $place = last_seq($db);
		my $early = moment($db);
		if ($how eq 'resync') { $cluster->call('resync_table', subscription => $db, source_table => "$db.k") }
		else
		{
			$cluster->do("DELETE FROM $db.q", "SELECT * FROM cdc.verify('$db', '$db.q', repair := true)");
			isnt($cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$db.q'"), 'r', 'a repair');
		}
		my $other = commit($db, 'id, v', "UPDATE $db.t SET v = v + 1 WHERE id = 1");
		$source->do('BEGIN', "UPDATE $db.t SET v = v + 1 WHERE id = 1", "INSERT INTO $db.$table VALUES (2)", 'COMMIT');
		my $late = moment($db);
		my $n = commit($db, 'id, v', "UPDATE $db.t SET v = v + 1 WHERE id = 1");
		pump($db);
		my $seq = seq_of($db, $n);
		my $of = sub { my ($s) = @_; eval { content($cluster, "SELECT a FROM cdc.as_of(NULL::$db.$table, at_seq := $s) ORDER BY 1") } // 'ERROR ' . $cluster->dbh->errstr };
		is($of->($place), '1', "$how: before it");
		is($of->(seq_of($db, $other)), '1', '... before the first that is left out');
		like($of->($seq), qr/^ERROR.*not known.*HINT:  Take at_seq/s, '... behind that');
		like($of->($_), qr/^ERROR.*not known/s, "... at $_") for seq_of($db, $other) + 1 .. $seq - 1;
		is(as_at($db, $table, $early, 'a'), '1', '... by time, before');
		like(as_at($db, $table, $late, 'a'), qr/^ERROR.*not known/s, '... by time, behind');
		pump($db) for 1 .. 3;
		$n = commit($db, 'id, v', "INSERT INTO $db.$table VALUES (3)");
		pump($db);
		is($of->(seq_of($db, $n)), "1\n2\n3", '... behind the copy');
		like($of->($seq), qr/^ERROR.*not known/s, '... and what is not known stays so');
	}

	# rows that change without an event
	$source->do('SET SESSION binlog_format = STATEMENT', "UPDATE $db.t SET v = v + 100", 'SET SESSION binlog_format = ROW');
	$at = moment($db);
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1000)");
	pump($db);
	like(as_at($db, 't', $at, 'id, v'), $none, 'a statement');
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	pump($db) for 1 .. 3;
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1001)");
	pump($db);
	like(as_at($db, 't', $at, 'id, v'), $none, '... also behind a copy');

	# transactions that are not read
	$source->do("UPDATE $db.t SET v = v + 1");
	$at = moment($db);
	$cluster->do("SELECT cdc.set_position('$db', 'latest')");
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1002)");
	pump($db);
	like(as_at($db, 't', $at, 'id, v'), $none, 'a position that was moved');
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	pump($db) for 1 .. 3;
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1003)");
	pump($db);
	$source->do("DELETE FROM $db.t WHERE id = 1");
	$at = moment($db);
	$cluster->do("SELECT cdc.restart_subscription('$db', 'latest')");
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1004)");
	pump($db) for 1 .. 3;
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1005)");
	pump($db);
	like(as_at($db, 't', $at, 'id, v'), $none, 'a subscription that began anew');

	# DDL without an event
	$cluster->do("SELECT cdc.alter_subscription('$db', options := '{\"output_ddl\": false}')");
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1006)");
	pump($db);
	my $place = last_seq($db);
	$source->do("ALTER TABLE $db.t ADD COLUMN z int NOT NULL DEFAULT 5");
	$at = moment($db);
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1007)");
	pump($db);
	like(as_at($db, 't', $at, 'id, z'), qr/^ERROR.*at that time are not known.*HINT:  Take at_seq := $place/s, 'DDL without an event');
	like(as_of($db, $place, 'id, z'), qr/^2\|-$/m, '... before it');
	like(as_of($db, last_seq($db), 'id, z'), qr/^2\|5$/m, '... and behind it');

	# a column that the target has under another name
	$cluster->do("ALTER TABLE $db.t RENAME COLUMN v TO vv");
	like(as_of($db, last_seq($db), 'id, vv'), qr/^ERROR.*cannot be shown as it was.*has no column v/s, 'a column that was renamed by hand');
};

subtest 'dates that are not in order' => sub {
	my $db = 'dates';
	make('mariadb', $db, 'id int PRIMARY KEY, v int');
	my $source = $source{$db};
	$source->do("INSERT INTO $db.t VALUES (1, 1)");
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
	pump($db) for 1 .. 2;
	my @n = commit($db, 'id, v', "INSERT INTO $db.t VALUES (2, 2)");
	my $at = moment($db);
	push @n, commit($db, 'id, v', "UPDATE $db.t SET v = 9");
	$source->do('SET timestamp = UNIX_TIMESTAMP() - 3600', "INSERT INTO $db.mark VALUES (1000)", 'SET timestamp = DEFAULT');
	commit($db, 'id, v', "INSERT INTO $db.mark VALUES (1001)");
	pump($db);
	my $error = as_at($db, 't', $at, 'id, v');
	like($error, qr/^ERROR.*do not tell what was committed at that time.*HINT:  Take at_seq := \d+, before it, or/s, 'an event of the past');
	is(as_of($db, (hint($error) =~ /at_seq := (\d+)/)[0], 'id, v'), $expected{$db}[ $n[0] ], '... before it, as its hint says');

	# one of the future does not say that the source has nothing more of before
	$source->do('SET timestamp = UNIX_TIMESTAMP() + 86400', "INSERT INTO $db.mark VALUES (1002)", 'SET timestamp = DEFAULT');
	pump($db);
	moment($db);
	$source->do("INSERT INTO $db.t VALUES (3, 3)");
	$at = moment($db);
	like(as_at($db, 't', $at, 'id, v'), qr/^ERROR.*not known to have all commits of that time/s, 'an event of the future');
	pump($db);
	like(as_at($db, 't', $at, 'id, v'), qr/^ERROR/, '... and more behind it');
	like(as_of($db, last_seq($db), 'id, v'), qr/^3\|3$/m, '... by seq it is known');
};

subtest 'a change that is followed, and not to be shown' => sub {
	my $db = 'digits';
	make('mariadb', $db, 'id int PRIMARY KEY, v float');
	my $source = $source{$db};
	$source->do("INSERT INTO $db.t VALUES (1, 1.1)");
	$cluster->subscribe($db, $db, $db, tables => ["$db.*"], enabled => \'false');
	pump($db) for 1 .. 2;
	$source->do("ALTER TABLE $db.t MODIFY v double");
	commit($db, 'id, v', "INSERT INTO $db.t VALUES (2, 2.5)");
	pump($db);
	is($cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$db.t'"), 'r', 'the target follows it');
	my $error = as_of($db, last_seq($db), 'id, v');
	like($error, qr/^ERROR.*cannot be shown as it was.*was changed from float to double.*HINT:  From a new copy on/s, '... and is not to be shown');
	$cluster->do($_) for hint($error) =~ /(SELECT cdc\.resync_table\(.*?;)/g;
	pump($db) for 1 .. 3;
	my $n = commit($db, 'id, v', "INSERT INTO $db.t VALUES (3, 0.5)");
	pump($db);
	is(as_of($db, last_seq($db), 'id, v'), content($cluster, "SELECT id, v FROM $db.t ORDER BY 1, 2"), '... but behind the copy of the hint');
};

subtest 'a mapping of before' => sub {
	my $db = 'mapping';
	make('mariadb', $db, 'id int PRIMARY KEY, v varchar(10)');
	my $source = $source{$db};
	$source->do("INSERT INTO $db.t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
	$cluster->subscribe($db, $db, $db, tables => ["$db.mark"], enabled => \'false');
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.t", row_filter => 'id > 1');
	pump($db) for 1 .. 3;
	my @n = commit($db, 'id, v', "UPDATE $db.t SET v = 'q' WHERE id = 3");
	pump($db);
	my $first = seq_of($db, $n[0]);
	is(as_of($db, $first, 'id, v'), "2|b\n3|q", 'a row filter');
	my $other = qr/^ERROR.*cannot be shown as it was.*another key, columns or row_filter.*HINT/s;
	for my $what (q(row_filter := 'id > 2'), q(columns := '{"id": "id", "v": {"expr": "upper(v)"}}'), q(row_filter := '', columns := 'null'))
	{
		$cluster->do("SELECT cdc.alter_table('$db', '$db.t', $what)");
		like(as_of($db, $first, 'id, v'), qr/^ERROR/, "$what: at once");
		pump($db) for 1 .. 3;
		push @n, commit($db, 'id, v', "UPDATE $db.t SET v = 'n' WHERE id = 3");
		pump($db);
		like(as_of($db, $first, 'id, v'), $other, '... the places before');
		is(as_of($db, last_seq($db), 'id, v'), content($cluster, "SELECT id, v FROM $db.t ORDER BY 1, 2"), '... not those behind its copy');
		$first = last_seq($db);
	}

	# removed, and added with another one
	$cluster->call('remove_table', subscription => $db, source_table => "$db.t");
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.t", target_rows => 'replace', row_filter => 'id > 2');
	pump($db) for 1 .. 3;
	push @n, commit($db, 'id, v', "UPDATE $db.t SET v = 'm' WHERE id = 3");
	pump($db);
	like(as_of($db, $first, 'id, v'), $other, 'added again with another filter');
	is(as_of($db, last_seq($db), 'id, v'), '3|m', '... and behind that');
};

done_testing();
