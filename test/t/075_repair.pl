# What differs is copied once more and no more than that: repair by ranges, resync of rows that
# a condition selects; and copies, verifications and registrations that meet.
# Takes 50 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use CdcIngest::Process qw(fork_child reap);

my $cluster = CdcIngest::Cluster->new('repair');

# What verify says: kinds with their number of keys; '' where all is equal.
sub verify
{
	my ($id, $table, $repair) = @_;
	return join ' ', map { "$_->[0]:$_->[1]" } @{
		$cluster->rows(
			"SELECT kind, sum(coalesce(array_length(differing_keys, 1), 0)) FROM "
			  . q{cdc.verify(?, ?, repair := ?) WHERE kind <> 'equal' GROUP BY kind ORDER BY kind},
			$id, $table, $repair ? 1 : 0) };
}

sub copied { return $cluster->value('SELECT rows FROM cdc_catalog.copy_progress WHERE subscription = ? AND source_table = ?', @_) }

# Rows by 12,000, with keys of two kinds; another order of the keys at the source than here.
my %keys = (
	num => [ 'id int PRIMARY KEY', 'id', q{%d} ],
	txt => [ 'k varchar(20) CHARACTER SET utf8 COLLATE utf8_general_ci, id datetime(3), PRIMARY KEY (k, id)', 'k, id',
		q{concat(if(%1$d %% 2, 'k', 'K'), %1$d), '2024-01-02 03:04:05.678'} ]);

sub fill
{
	my ($source, $table, $n) = @_;
	my ($declared, $names, $values) = @{ $keys{$table} };
	$source->do("CREATE TABLE r.$table ($declared, n int, c varchar(40))");
	for (my $i = 0; $i < $n; $i += 1000)
	{
		$source->do("INSERT INTO r.$table ($names, n, c) VALUES "
			  . join ', ', map { '(' . sprintf($values, $_) . ", $_, 'row $_')" } $i + 1 .. $i + 1000);
	}
	return;
}

sub by_ranges
{
	my ($source, $id) = @_;
	for my $table (sort keys %keys)
	{
		my $first = $table eq 'num' ? '0, ' : q{'k0', '2024-01-02 03:04:05.678', };
		my $second = $table eq 'num' ? '30000, ' : q{'kk', '2024-02-01 03:04:05.679', };
		$cluster->do("DELETE FROM $id.$table WHERE n = 3", "UPDATE $id.$table SET c = 'other' WHERE n = 5",
			"INSERT INTO $id.$table VALUES ($first -1, 'extra'), ($second -2, 'extra')");
		# One that the source has again, before the copy comes to it: it must stay.
		$cluster->do(q{SET DateStyle = 'SQL, DMY'});
		is(verify($id, "r.$table", 1), 'different:1 extra:2 missing:1', "$id $table: what was planted");
		$cluster->do('RESET DateStyle');
		$source->do("INSERT INTO r.$table VALUES ($first -1, 'came')");
		$cluster->catch_up($id);
		is(verify($id, "r.$table"), '', '... is repaired');
		my $rows = copied($id, "r.$table");
		ok($rows > 0 && $rows <= 11_000, "... by reading $rows of 12,000 rows again");
		is($cluster->value("SELECT count(*) FROM $id.$table"), 12_001, '... and the row that came back is there');
	}
	return;
}

# Rows that a condition selects; what the source has not at all goes, whatever it was.
sub by_condition
{
	my ($source, $id) = @_;
	my $resync = sub {
		$cluster->call('resync_table', subscription => $id, source_table => 'r.num', where_clause => $_[0]);
		$cluster->catch_up($id);
	};
	$cluster->do("UPDATE $id.num SET c = 'other' WHERE n IN (7, 10000)", "DELETE FROM $id.num WHERE n IN (8, 10001)",
		"INSERT INTO $id.num VALUES (-5, 7, 'extra'), (40000, 7, 'extra')");
	$resync->('n < 100 -- some');
	is(verify($id, 'r.num'), 'different:1 missing:1', "$id: with a condition other rows stay as they are, and what is gone goes");
	is(copied($id, 'r.num'), 100, '... its own are copied');
	$cluster->do("INSERT INTO $id.num VALUES (-5, 7, 'extra')");
	$resync->('rand() < 0.5');
	like(verify($id, 'r.num'), qr/^(?:different:1)? ?(?:missing:1)?$/, '... whatever it says each time, no row of the source goes');
	$resync->('n > 900');
	is(verify($id, 'r.num'), '', '... equal in the end');

	$cluster->do("SELECT cdc.disable_subscription('$id')", "SELECT cdc.resync_table('$id', 'r.num')");
	like($cluster->error_of("SELECT cdc.resync_table('$id', 'r.num', 'n < 5')"), qr/its state is i, not r/,
		'a copy of all rows that waits is not made one of some');
	$cluster->do("SELECT cdc.resync_table('$id', 'r.num')", "SELECT cdc.enable_subscription('$id')");
	$cluster->catch_up($id);
	is(verify($id, 'r.num'), '', '... asked for twice it ends equal');
	like($cluster->error_of("SELECT cdc.resync_table('$id', 'r.bag', 'a = 1')"), qr/does not have the primary key/, 'a table without key');
	return;
}

# What to type, as a text that was written for people says.
sub remedy { my ($text) = @_; return $text =~ /HINT: .*?(SELECT cdc[.].*?\));/s ? $1 : BAIL_OUT("no remedy in: $text") }

sub error_of_table { return $cluster->value(q{SELECT state::text || ' ' || last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?}, @_) }

# The source is asked whether it takes a condition, and its words are told where it does not.
sub refused_conditions
{
	my ($source, $id) = @_;
	$source->do('CREATE TABLE r.cond (id int PRIMARY KEY, n int, gone int)', 'INSERT INTO r.cond VALUES (1, 1, 1), (2, 2, 2)');
	$cluster->catch_up($id);
	$cluster->do("SELECT cdc.remove_table('$id', 'r.cond')");
	my $resync = sub { "SELECT cdc.resync_table('$id', 'r.num', " . $cluster->dbh->quote($_[0]) . ')' };
	my $add = sub { "SELECT cdc.add_table('$id', 'r.cond', target_rows := 'replace', copy_where := " . $cluster->dbh->quote($_[0]) . ')' };
	for my $case (['nocol = 1', qr/Unknown column 'nocol'/], map { [$_, qr/syntax/] } 'n = 3 )))', 'n = 3) OR (1 = 1', 'n = 3) UNION SELECT 1 FROM (r.num',
		"n = 'x", 'n = 3 /*', '', 'n = 1 THEN 1 WHEN n = 2', 'n = 3;')
	{
		my ($condition, $says) = @$case;
		like($cluster->error_of($_->($condition)), qr/the source refuses the condition of the copy.*\nDETAIL: .*$says/s, "$id: refused: $condition")
		  for $resync, $add;
	}
	is($cluster->value('SELECT state FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, 'r.num'), 'r', '... the table is as it was');
	$cluster->do($resync->('n IN (1, (2)) /* ) */ -- )'));
	$cluster->catch_up($id);
	is(copied($id, 'r.num'), 2, 'brackets of its own and in comments are taken');

	$cluster->do("SELECT cdc.disable_subscription('$id')", $add->('gone = 1'));
	$source->do('ALTER TABLE r.cond DROP COLUMN gone');
	$cluster->do("SELECT cdc.enable_subscription('$id')");
	$cluster->poll("SELECT state FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'r.cond'", 'e');
	my $error = error_of_table($id, 'r.cond');
	like($error, qr/^e the source refuses the condition of its copy: .*Unknown column 'gone'/, 'a condition that is refused later is named');
	$cluster->do(remedy($error));
	$cluster->catch_up($id);
	is(verify($id, 'r.cond'), '', '... and the remedy helps');
	is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... all tables are complete');
	return;
}

# A table in error that the source has not any more: what its error says to type helps.
sub gone_tables
{
	my ($source, $id) = @_;
	my $removed_ok = sub {
		my ($table, $how) = @_;
		$cluster->poll("SELECT last_error LIKE 'the source has no such table%' FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = '$table'", '1');
		my $error = error_of_table($id, $table);
		like($error, qr/^e the source has no such table.*SELECT cdc[.]remove_table\('$id', '$table'\);/s, "$id: $how: its reason is that it is gone");
		my $waited = $cluster->error_of("SELECT cdc.wait_for('$id')");
		is(remedy($waited), remedy($error), '... who waits is told the same remedy');
		$cluster->do(remedy($error));
		$cluster->catch_up($id);
		is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... after it all tables are complete');
	};
	$source->do((map { ("CREATE TABLE r.gone$_ (id int PRIMARY KEY, n int)", "INSERT INTO r.gone$_ VALUES ($_, $_)") } 1 .. 3));
	$cluster->catch_up($id);
	$source->do('RENAME TABLE r.gone1 TO r.gone4, r.gone2 TO r.gone1');
	$cluster->poll("SELECT state FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'r.gone1'", 'e');
	like(error_of_table($id, 'r.gone1'), qr/^e another table was renamed to it.*resync_table/s, 'a table that was replaced needs a copy');
	$source->do('DROP TABLE r.gone1');
	$removed_ok->('r.gone1', 'dropped in error');

	# It is there again under that name: that is its reason then, and the copy gets what it has.
	my $again_ok = sub {
		my ($table, $how) = @_;
		$cluster->poll("SELECT last_error LIKE '%has another one of that name now%' FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = '$table'", '1');
		my $error = error_of_table($id, $table);
		$cluster->do(remedy($error));
		$cluster->catch_up($id);
		is(verify($id, $table), '', "$id: $how: the remedy helps");
		is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... all tables are complete');
	};
	$source->do((map { ("CREATE TABLE r.come$_ (id int PRIMARY KEY, n int)", "INSERT INTO r.come$_ VALUES ($_, $_)") } 1 .. 4));
	$cluster->catch_up($id);
	$source->do('RENAME TABLE r.come1 TO r.come5, r.come2 TO r.come1');
	$cluster->poll("SELECT state FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'r.come1'", 'e');
	$source->do('DROP TABLE r.come1', 'RENAME TABLE r.come3 TO r.come1');
	$again_ok->('r.come1', 'dropped in error, and another one was renamed to it');

	# ... which apply meets when pull has passed all of it.
	$cluster->do("CREATE VIEW $id.uses AS SELECT n FROM $id.come4", "SELECT cdc.disable_subscription('$id')");
	$source->do('ALTER TABLE r.come4 MODIFY n varchar(10)', 'DROP TABLE r.come4', 'CREATE TABLE r.come4 (id int PRIMARY KEY, n varchar(10))',
		"INSERT INTO r.come4 VALUES (7, 'x')");
	$cluster->do("SELECT cdc.pull('$id')", "SELECT cdc.apply('$id')", "DROP VIEW $id.uses", "SELECT cdc.enable_subscription('$id')");
	$again_ok->('r.come4', 'made anew, and apply is behind');

	$cluster->do("SELECT cdc.resync_table('$id', 'r.gone2')");
	$removed_ok->('r.gone2', 'to be copied, and not there');

	# What apply meets only when pull has passed the end of the table already.
	$cluster->do("CREATE VIEW $id.uses AS SELECT n FROM $id.gone3", "SELECT cdc.disable_subscription('$id')");
	$source->do('ALTER TABLE r.gone3 MODIFY n varchar(10)', 'DROP TABLE r.gone3');
	$cluster->do("SELECT cdc.pull('$id')", "SELECT cdc.apply('$id')", "SELECT cdc.enable_subscription('$id')");
	$removed_ok->('r.gone3', 'in error when pull is ahead');
	$cluster->do("DROP VIEW $id.uses");
	return;
}

sub changes
{
	my ($source, $until, $seed) = @_;
	my $dbh = $source->connect;
	srand $seed;
	while (!-e $until)
	{
		my $k = 1 + int rand 13_000;
		my $m = 1 + int rand 13_000;
		$dbh->do("REPLACE INTO r.num VALUES ($k, $k, 'now')");
		$dbh->do("UPDATE IGNORE r.num SET id = $k, c = 'moved' WHERE id = $m");
		$dbh->do("DELETE FROM r.num WHERE id = " . (1 + int rand 13_000));
	}
	$dbh->disconnect;
	return;
}

# Repairs, copies and verifications at once, under changes.
sub at_once
{
	my ($source, $id) = @_;
	my $until = $source->{dir} . '/until';
	my @writers = map { my $seed = $_; fork_child(sub { changes($source, $until, $seed) }) } 1 .. 2;
	for my $round (1 .. 4)
	{
		$cluster->do("DELETE FROM $id.num WHERE n % 1000 = $round", "UPDATE $id.num SET c = 'x' WHERE n % 1500 = $round",
			"INSERT INTO $id.num SELECT 50000 + g, g, 'extra' FROM generate_series(1, 20) g ON CONFLICT DO NOTHING");
		# while a copy is under way it is refused, which is as good
		eval { verify($id, 'r.num', 1) } // like($@, qr/its state is not r/, "round $round: refused");
		$cluster->call('resync_table', subscription => $id, source_table => 'r.num') if $round % 3 == 0;
		$cluster->call('resync_table', subscription => $id, source_table => 'r.num') if $round == 3;
		$cluster->catch_up($id) if $round % 2 == 0;
	}
	$cluster->catch_up($id);
	my $said = verify($id, 'r.num', 1);
	$cluster->catch_up($id);
	is(verify($id, 'r.num'), '', "$id: equal under changes, after repairs and copies at once (before: '$said')");
	open my $fh, '>', $until or die $!;
	close $fh;
	reap($_) for @writers;
	$cluster->catch_up($id);
	is(verify($id, 'r.num'), '', '... and at rest');
	return;
}

# Registered again, onto targets that have rows.
sub again
{
	my ($source, $id) = @_;
	$cluster->do("SELECT cdc.remove_table('$id', 'r.num')", "DELETE FROM $id.num WHERE n = 20", "INSERT INTO $id.num VALUES (-9, 0, 'extra')");
	$source->do('UPDATE r.num SET c = 1 WHERE n = 30');
	like($cluster->error_of("SELECT cdc.add_table('$id', 'r.num')"), qr/has rows/, 'add_table onto rows is refused');
	$cluster->do("SELECT cdc.add_table('$id', 'r.num', target_rows := 'replace')");
	$cluster->catch_up($id);
	is(verify($id, 'r.num'), '', '... and equal where they are to be replaced');
	$cluster->do("SELECT cdc.drop_subscription('$id', true)", "INSERT INTO $id.num VALUES (-9, 0, 'extra')");
	$source->do('DELETE FROM r.txt WHERE n < 10');
	like($cluster->error_of("SELECT cdc.create_subscription('$id', '$id', '{r.*}', target_schema := '$id')"), qr/has rows/,
		'a subscription onto rows is refused');
	$cluster->subscribe($id, $id, $id, tables => ['r.*'], target_rows => 'replace');
	$cluster->catch_up($id);
	is(verify($id, undef), '', '... and equal where they are to be replaced');
	return;
}

for my $flavour (qw(mysql97 mysql56 mariadb))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 if $flavour eq 'mysql97' && !CdcIngest::Server->available($flavour);
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			$source->do('CREATE DATABASE r', 'CREATE TABLE r.bag (a int)');
			fill($source, $_, 12_000) for sort keys %keys;
			$cluster->add_source($flavour, $source);
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['r.*']);
			$cluster->catch_up($flavour);
			by_ranges($source, $flavour);
			by_condition($source, $flavour);
			refused_conditions($source, $flavour);
			gone_tables($source, $flavour);
			if ($flavour ne 'mysql56')
			{
				at_once($source, $flavour);
				again($source, $flavour);
			}
			$cluster->do("SELECT cdc.drop_subscription('$flavour')");
			$source->kill9;
		};
	}
}

done_testing();
