# cdc.verify: no false alarm while both sides change, and each planted difference found.
# Takes 100 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use CdcIngest::Process qw(fork_child reap);
use PostgreSQL::Test::Utils qw(slurp_file);

my $cluster = CdcIngest::Cluster->new('verify');

# What verify says: kinds with their number of keys.
sub verify
{
	my ($subscription, $table, %opt) = @_;
	return join ' ', map { "$_->[0]:$_->[1]" } @{
		$cluster->rows(
			"SELECT kind, sum(coalesce(array_length(differing_keys, 1), 0)) FROM "
			  . 'cdc.verify(?, ?, repair := ?, sample := ?) GROUP BY kind HAVING kind <> ? OR ? ORDER BY kind',
			$subscription, $table, $opt{repair} ? 1 : 0, $opt{sample}, 'equal', $opt{equal} ? 1 : 0) };
}

# Columns of each type: two values that are not the same, to be planted at the target.
my @types = (
	[ 'int', '7', q{8} ], [ 'bigint unsigned', '18446744073709551615', q{1} ], [ 'decimal(20,6)', '1.5', q{1.500001} ],
	[ 'double', '0', q{'-0'::float8} ], [ 'float', '0.1', q{0.1000001} ], [ 'varchar(20)', q{''}, q{NULL} ],
	[ 'varchar(20)', q{'a'}, q{'a '} ], [ 'text', q{'é'}, q{'e'} ], [ 'varbinary(20)', q{x'00'}, q{'\x'} ],
	[ 'datetime(6)', q{'2024-01-01 00:00:00.000001'}, q{'2024-01-01 00:00:00'} ], [ 'date', q{'2024-01-01'}, q{'2024-01-02'} ],
	[ 'time(6)', q{'-10:00:00'}, q{'10:00:00'} ], [ 'timestamp(3) NULL', q{'2024-01-01 00:00:00.001'}, q{'2024-01-01 00:00:00+00'} ],
	[ q{enum('a','b')}, q{'a'}, q{'b'} ], [ q{set('a','b')}, q{'a,b'}, q{'{a}'} ], [ 'bit(9)', q{b'1'}, q{B'000000010'} ],
	[ 'blob', q{repeat('x', 10000)}, q{convert_to(repeat('x', 9999) || 'y', 'UTF8')} ], [ 'year', '2024', '2023' ]);

sub planted
{
	my ($source, $id) = @_;
	my $dbh = $source->dbh;
	my $n = 0;
	for my $type (@types)
	{
		my ($declared, $value, $other) = @$type;
		my $table = 'p' . $n++;
		$dbh->do("CREATE TABLE v.$table (a int, b varchar(10) CHARACTER SET utf8 COLLATE utf8_general_ci, c $declared, PRIMARY KEY (b, a))");
		$dbh->do("INSERT INTO v.$table VALUES " . join ', ', map { "($_, 'k$_', $value)" } 1 .. 50);
	}
	$cluster->catch_up($id);
	is(verify($id, undef), '', 'nothing differs');
	for my $t (0 .. $#types)
	{
		my $other = $types[$t][2];
		$cluster->do("UPDATE $id.p$t SET c = $other WHERE a IN (1, 17)", "DELETE FROM $id.p$t WHERE a IN (2, 50)",
			"INSERT INTO $id.p$t VALUES (51, 'k51', $other), (0, 'K1', NULL), (1, 'K1', $other)");
		is(verify($id, "v.p$t"), 'different:2 extra:3 missing:2', "$types[$t][0]: what was planted");
	}
	is($cluster->value("SELECT count(*) FROM cdc.verification WHERE subscription = '$id' AND kind <> 'equal'"),
		3 * @types, 'results are kept');
	return;
}

# The same types as keys.
sub keys_of_types
{
	my ($source, $id) = @_;
	my $said = sub { return $cluster->rows(
			q{SELECT kind, count(*)::int, sum(array_length(differing_keys, 1))::int FROM cdc.verify(?, repair := ?)
			WHERE source_table LIKE 'v.k%' AND kind <> 'equal' GROUP BY kind ORDER BY kind}, $id, $_[0] ? 1 : 0) };
	# one of a type that the target only has: a domain over arrays
	$cluster->do("CREATE DOMAIN $id.words AS text[]", "CREATE TABLE $id.kwords (c $id.words, a int, b int, PRIMARY KEY (c, a))");
	my %keys = (words => [ q{set('a','b')}, q{'a,b'} ]);
	my $n = 0;
	$keys{ $n++ } = $_ for grep { $_->[0] !~ /text|blob/ } @types;
	for my $name (sort keys %keys)
	{
		my ($declared, $value) = @{ $keys{$name} };
		$declared =~ s/ NULL//;
		$source->do("CREATE TABLE v.k$name (c $declared, a int, b int, PRIMARY KEY (c, a))",
			"INSERT INTO v.k$name VALUES " . join ', ', map { "($value, $_, 1)" } 1 .. 50);
	}
	$cluster->catch_up($id);
	is_deeply($said->(), [], 'keys of each type: nothing differs');
	for my $t (map { "$id.k$_" } keys %keys)
	{
		$cluster->do("DELETE FROM $t WHERE a = 2", "UPDATE $t SET b = 2 WHERE a = 3", "UPDATE $t SET a = 51 WHERE a = 4");
	}
	$n = keys %keys;
	is_deeply($said->(1), [ [ 'different', $n, $n ], [ 'extra', $n, $n ], [ 'missing', $n, 2 * $n ] ], '... what was planted');
	$cluster->catch_up($id);
	is_deeply($said->(), [], '... repaired');
	return;
}

# The remedy: what differs is copied once more, while the stream goes on.
sub repaired
{
	my ($source, $id) = @_;
	verify($id, 'v.p0', repair => 1);
	$source->do("UPDATE v.p0 SET c = 9 WHERE a = 3");
	$cluster->catch_up($id);
	is(verify($id, 'v.p0', equal => 1), 'equal:0', 'repaired');
	return;
}

sub keyless
{
	my ($source, $id) = @_;
	my $dbh = $source->dbh;
	$dbh->do('CREATE TABLE v.nokey (a int, b varchar(9))');
	$dbh->do(q{INSERT INTO v.nokey VALUES (1, 'x'), (1, 'x'), (2, NULL), (3, 'y')});
	$cluster->catch_up($id);
	is(verify($id, 'v.nokey', equal => 1), 'equal:0', 'a table without key');
	$cluster->do("INSERT INTO $id.nokey VALUES (1, 'x')", "DELETE FROM $id.nokey WHERE a = 2");
	is(verify($id, 'v.nokey'), 'extra:1 missing:1', '... one row too many of three equal ones, one missing');
	$cluster->do("DELETE FROM $id.nokey WHERE a = 1");
	is(verify($id, 'v.nokey', repair => 1), 'missing:3', '... all of them missing');
	$cluster->catch_up($id);
	is(verify($id, 'v.nokey', equal => 1), 'equal:0', '... all of it is copied, as there is no key to find them by');

	# No primary key: the source could be read by its unique key, the target is found by all columns.
	$dbh->do('CREATE TABLE v.uniq (a int NOT NULL UNIQUE, b varchar(9))');
	$dbh->do(q{INSERT INTO v.uniq VALUES (1, 'x'), (2, NULL), (3, 'y')});
	$cluster->catch_up($id);
	for my $delete ('WHERE a > 1', '')
	{
		my $n = $delete ? 2 : 3;
		$cluster->do("DELETE FROM $id.uniq $delete");
		is(verify($id, 'v.uniq', repair => 1), "missing:$n", "a unique key, $n rows missing");
		$cluster->catch_up($id);
		is(verify($id, 'v.uniq', equal => 1), 'equal:0', '... repaired');
	}
	return;
}

# Changes all the time: hot rows, keys that move, rows that come and go.
sub changes
{
	my ($source, $until) = @_;
	my $dbh = $source->connect;
	my $i = 0;
	while (!-e $until)
	{
		$i++;
		my $k = 1 + int rand 2000;
		$dbh->do("UPDATE v.load SET n = n + 1 WHERE id = " . (1 + $i % 3)) if $i % 2;
		$dbh->do("UPDATE v.load SET n = n + 1, t = repeat('x', $i % 100) WHERE id = $k");
		$dbh->do("UPDATE IGNORE v.load SET id = id + 100000 WHERE id = $k") if $i % 5 == 0;
		$dbh->do("DELETE FROM v.load WHERE id = $k") if $i % 7 == 0;
		$dbh->do("REPLACE INTO v.load VALUES ($k, $i, 'back')") if $i % 3 == 0;
	}
	$dbh->disconnect;
	return;
}

sub under_load
{
	my ($source, $id) = @_;
	my $dbh = $source->dbh;
	$dbh->do('CREATE TABLE v.load (id int PRIMARY KEY, n int, t varchar(200))');
	$dbh->do('INSERT INTO v.load VALUES ' . join ', ', map { "($_, $_, 'row $_')" } 1 .. 30_000);
	$cluster->catch_up($id);
	my $until = $source->{dir} . '/until';
	my @writers = map {
		my $seed = $_;
		fork_child(sub { srand $seed; changes($source, $until) })
	} 1 .. 2;
	my $events = "SELECT last_seq FROM cdc.subscription_position WHERE subscription = '$id'";
	my $before = $cluster->value($events);
	my @planted;
	my @said = map { verify($id, 'v.load') } 1 .. 10;
	my $changes = $cluster->value($events) - $before;

	# Differences are found under the same load, hidden by no event nearby.
	$cluster->do("UPDATE $id.load SET t = 'planted' WHERE id IN (2500, 29999)", "DELETE FROM $id.load WHERE id = 2600",
		"INSERT INTO $id.load VALUES (2700000, 1, 'planted')");
	@planted = map { verify($id, 'v.load') } 1 .. 3;
	$cluster->do("UPDATE $id.load SET t = 'row ' || id WHERE id IN (2500, 29999)", "DELETE FROM $id.load WHERE id = 2700000",
		"INSERT INTO $id.load VALUES (2600, 2600, 'row 2600')");
	open my $fh, '>', $until or die $!;
	close $fh;
	reap($_) for @writers;
	is_deeply(\@said, [ ('') x 10 ], "no false alarm in 10 runs under $changes changes");
	cmp_ok($changes, '>', 500, '... there were some');
	is_deeply(\@planted, [ ('different:2 extra:1 missing:1') x 3 ], '... what is planted is found each time');
	$cluster->catch_up($id);
	is(verify($id, 'v.load', equal => 1), 'equal:0', 'equal in the end');

	# More than are settled at a time.
	my $gone = $cluster->value("WITH d AS (DELETE FROM $id.load WHERE id BETWEEN 5000 AND 18000 RETURNING 1) SELECT count(*) FROM d");
	$cluster->do("INSERT INTO $id.load SELECT 900000 + g, g, 'extra' FROM generate_series(1, 21000) g");
	is(verify($id, 'v.load'), "extra:21000 missing:$gone", 'many rows that only one side has');
	return;
}

# What the source has is in a temporary file meanwhile.
sub files_are_closed
{
	my ($source, $id) = @_;
	is($cluster->value('SELECT count(*) FROM (SELECT cdc.verify(?, ?)) v', $id, 'v.nokey'), 1, 'verify in the select list');
	$cluster->do("SELECT cdc.disable_subscription('$id')");
	$source->do('INSERT INTO v.p0 VALUES (60, 1, 1)');
	like($cluster->error_of("DO \$\$BEGIN PERFORM cdc.verify('$id', 'v.p0'); EXCEPTION WHEN OTHERS THEN RAISE 'caught: %', SQLERRM; END\$\$"),
		qr/caught: .* do not come to the source's position/, '... that fails, and it is caught');
	unlike(slurp_file($cluster->node->logfile), qr/still referenced|was not closed/, 'nothing of them is left to the end of the statement');
	return;
}

for my $flavour (qw(mariadb mysql56 mysql97))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1
		  if !CdcIngest::Server->available($flavour) && $flavour eq 'mysql97';
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			$source->do('CREATE DATABASE v');
			$cluster->add_source($flavour, $source);
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['v.*']);
			$cluster->catch_up($flavour);
			planted($source, $flavour);
			repaired($source, $flavour);
			keys_of_types($source, $flavour);
			keyless($source, $flavour);
			under_load($source, $flavour);
			files_are_closed($source, $flavour);
			$cluster->call('drop_subscription', name => $flavour);
			$source->kill9;
		};
	}
}

done_testing();
