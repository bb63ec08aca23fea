# cdc.as_of: a target as it was.  A number in a table of its own goes with each source transaction, and
# what the source had behind each is noted here: what cdc.as_of says of its place has to be just that, or an
# error that says why nobody knows.
#
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use CdcIngest::Process qw(wait_until);

srand($ENV{CDC_AS_OF_SEED} // 107);
my $cluster = CdcIngest::Cluster->new('as_of');

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

done_testing();
