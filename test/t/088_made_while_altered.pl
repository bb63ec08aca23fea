# A replica is made of the definition that its table has when it is registered; the source
# alters the table before the place where the stream begins, so that no statement tells.
# The replica has what the source has all the same, or the table is in error and what that
# says to type ends in a replica that has.
#
# Takes 30 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('made');

# Name, and what the source does ("T" is the table) before the stream begins.
my @alterations = (
	[ retype => 'ALTER TABLE T MODIFY n varchar(10)', q{UPDATE T SET n = '007' WHERE id = 1} ],
	[ swap => 'ALTER TABLE T CHANGE a n varchar(20), CHANGE n a int' ],
	[ add => q{ALTER TABLE T ADD n1 int NOT NULL DEFAULT 7, ADD v varchar(5) DEFAULT 'v' FIRST} ],
	[ name => 'ALTER TABLE T CHANGE n m int, DROP a, ADD b varchar(9)', q{UPDATE T SET b = '0x'} ],
	[ widen => 'ALTER TABLE T MODIFY n bigint', 'UPDATE T SET n = 5000000000 WHERE id = 2' ],
	[ key => 'ALTER TABLE T DROP PRIMARY KEY, ADD PRIMARY KEY (n)', 'UPDATE T SET id = 1' ],
);

# Columns that the source has no more stay in the replica, as after any statement that drops them.
sub is_same
{
	my ($source, $db, $id, $table, $what) = @_;
	my @columns = map { $_->[0] } @{ $source->rows('SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position', $db, $table) };
	my $theirs = $source->rows("SELECT concat_ws('|', " . join(', ', map { "coalesce($_, 'null')" } @columns) . ") FROM $db.$table ORDER BY 1");
	my $ours = eval { $cluster->rows("SELECT concat_ws('|', " . join(', ', map { "coalesce($_\::text, 'null')" } @columns) . ") COLLATE \"C\" FROM $id.$table ORDER BY 1") } // $@;
	return is_deeply($ours, [ sort { $a->[0] cmp $b->[0] } @$theirs ], $what);
}

sub run
{
	my ($id) = @_;
	my $errors = '';
	for (1 .. 6)
	{
		$errors .= $cluster->error_of("SELECT cdc.pull('$id')") . $cluster->error_of("SELECT * FROM cdc.apply('$id')");
	}
	return $errors;
}

sub states_of { return join ' ', map { join ':', @$_ } @{ $cluster->rows('SELECT split_part(source_table, \'.\', 2), state FROM cdc.stat_table WHERE subscription = ? ORDER BY 1', $_[0]) } }

sub make_tables
{
	my ($source, $db) = @_;
	$source->do("CREATE DATABASE $db");
	$source->do("CREATE TABLE $db.$_->[0] (id int PRIMARY KEY, a varchar(20), n int)", "INSERT INTO $db.$_->[0] VALUES (1, 'a1', 1), (2, '0', 2)") for @alterations;
	return;
}

sub alter_tables
{
	my ($source, $db) = @_;
	for (@alterations)
	{
		my ($name, @statements) = @$_;
		$source->do(map { s/\bT\b/$db.$name/gr } @statements);
	}
	return;
}

sub test_copy
{
	my ($source, $server) = @_;
	my $id = "${server}_copy";
	make_tables($source, $id);
	$cluster->subscribe($id, $server, $id, tables => ["$id.*"], enabled => \'false');
	alter_tables($source, $id);
	is(run($id), '', 'the subscription goes on');
	is(states_of($id), join(' ', map { "$_:r" } sort map { $_->[0] } @alterations), 'all tables are ready');
	is($cluster->value("SELECT count(*) FROM cdc_catalog.table_change WHERE subscription = ? AND kind = 'f'", $id), scalar @alterations, 'each change was found');
	is_same($source, $id, $id, $_->[0], "$_->[0]: the copy") for @alterations;
	$source->do("UPDATE $id.$_->[0] SET id = id + 10") for @alterations;
	is(run($id), '', 'the stream goes on');
	is_same($source, $id, $id, $_->[0], "$_->[0]: the stream") for @alterations;
	is($cluster->value("SELECT n FROM $id.retype WHERE id = 11"), '007', 'the text that was no number');
	return;
}

# No copy: the first that comes is a row of the stream.
sub test_stream
{
	my ($source, $server) = @_;
	my $id = "${server}_stream";
	make_tables($source, $id);
	$cluster->subscribe($id, $server, $id, tables => ["$id.*"], enabled => \'false', copy_data => \'false');
	alter_tables($source, $id);
	run($id);
	$source->do("DELETE FROM $id.$_->[0]") for @alterations;
	$source->do("INSERT INTO $id.retype VALUES (1, 'x', '007')", "INSERT INTO $id.swap VALUES (1, 'x', 3)", "INSERT INTO $id.add VALUES ('y', 1, 'x', 3, 4)",
		"INSERT INTO $id.name VALUES (1, 3, 'x')", "INSERT INTO $id.widen VALUES (1, 'x', 5000000000)", "INSERT INTO $id.key VALUES (1, 'x', 3), (1, 'y', 4)");
	is(run($id), '', 'the subscription goes on');
	is(states_of($id), join(' ', map { "$_:r" } sort map { $_->[0] } @alterations), 'all tables are ready');
	is_same($source, $id, $id, $_->[0], "$_->[0]: rows") for @alterations;
	return;
}

# Targets that have rows: what became of them is not known, but for where all that they have
# stays as it is.
sub test_rows
{
	my ($source, $server) = @_;
	my $id = "${server}_rows";
	my %alterations = (wider => 'MODIFY n bigint', number => 'MODIFY a int', exchanged => 'CHANGE a b varchar(20), CHANGE b a varchar(20)', other => '');
	$source->do("CREATE DATABASE $id");
	$cluster->do("CREATE SCHEMA $id");
	$source->do("CREATE TABLE $id.$_ (id int PRIMARY KEY, a varchar(20), b varchar(20), n int)", "INSERT INTO $id.$_ VALUES (1, '5', 'x', 1)") for sort keys %alterations;
	$cluster->subscribe($id, $server, undef, tables => ["$id.other"], target_schema => $id, enabled => \'false');
	for (sort grep { $_ ne 'other' } keys %alterations)
	{
		$cluster->do("CREATE TABLE $id.$_ (id int PRIMARY KEY, a varchar(20), b varchar(20), n int)", "INSERT INTO $id.$_ VALUES (1, 'mine', 'x', 9)");
		$cluster->do("SELECT cdc.add_table('$id', '$id.$_', target_rows := 'keep')");
		$source->do("ALTER TABLE $id.$_ $alterations{$_}");
	}
	is(run($id), '', 'the subscription goes on');
	is(states_of($id), 'exchanged:e number:e other:r wider:r', 'only tables whose rows are in doubt are in error');
	my %errors = map { @$_ } @{ $cluster->rows("SELECT split_part(source_table, '.', 2), last_error FROM cdc.stat_table WHERE subscription = ? AND state = 'e'", $id) };
	like($errors{exchanged}, qr/cannot be followed.*columns stand in another order, and may have exchanged their names/, 'why: columns that changed places');
	like($errors{number}, qr/cannot be followed.*column "a" was changed from varchar\(20\).* to int/, 'why: text that became a number');
	$cluster->do($errors{$_} =~ /HINT: +(SELECT cdc\.resync_table.*?;)/s) for sort keys %errors;
	is(run($id), '', 'the remedy');
	is(states_of($id), 'exchanged:r number:r other:r wider:r', '... heals them');
	is_same($source, $id, $id, $_, "$_ is the same") for sort keys %alterations;
	return;
}

# Tables that come to the source after they were listed, and before the stream begins.
sub test_missed
{
	my ($source, $server, $how) = @_;
	my $id = "${server}_came_$how";
	$source->do("CREATE DATABASE $id CHARACTER SET latin1");
	$source->do("CREATE TABLE $id.z0 (id int PRIMARY KEY, v varchar(20))", "INSERT INTO $id.z0 VALUES (1, 'z')", "CREATE TABLE $id.removed (id int PRIMARY KEY)") if $how ne 'empty';
	$cluster->subscribe($id, $server, $id, tables => ["$id.*"], enabled => \'false', $how eq 'never' ? (copy_data => \'false') : ());
	$cluster->do("SELECT cdc.remove_table('$id', '$id.removed')") if $how ne 'empty';
	$source->do("ALTER DATABASE $id CHARACTER SET utf8mb4", "CREATE TABLE $id.a (id int PRIMARY KEY, v int)", "INSERT INTO $id.a VALUES (1, 1)",
		"CREATE TABLE $id.bag (v varchar(20))", "INSERT INTO $id.bag VALUES ('b'), ('b')");
	$source->do("RENAME TABLE $id.z0 TO $id.z1", "CREATE TABLE $id.z0 (id int PRIMARY KEY, w int)", "INSERT INTO $id.z0 VALUES (2, 2)") if $how ne 'empty';
	is(run($id), '', "$how: the subscription begins");
	my @tables = $how eq 'empty' ? qw(a bag) : qw(a bag z0 z1);
	is(states_of($id), join(' ', map { "$_:r" } @tables), '... with all tables of the source');
	if ($how eq 'never')
	{
		$source->do(map { "DELETE FROM $id.$_" } @tables);
		is(run($id), '', 'rows that it never had');
	}
	$source->do("INSERT INTO $id.a VALUES (2, 2)", "INSERT INTO $id.bag VALUES ('b')", "CREATE TABLE $id.later (id int PRIMARY KEY, v varchar(20))", "INSERT INTO $id.later VALUES (1, _utf8mb4 x'C3A9E282AC')");
	is(run($id), '', 'the stream goes on');
	is_same($source, $id, $id, $_, "$_ is the same") for @tables, 'later';
	return;
}

for my $flavour ('mariadb', 'mysql97', 'mysql56')
{
	my $source = CdcIngest::Server->new($flavour, metadata => 'MINIMAL');
	$cluster->add_source($flavour, $source);
	subtest "$flavour: copy" => sub { test_copy($source, $flavour) };
	subtest "$flavour: stream" => sub { test_stream($source, $flavour) };
	subtest "$flavour: a target with rows" => sub { test_rows($source, $flavour) };
	subtest "$flavour: tables that came" => sub { test_missed($source, $flavour, $_) for qw(copy empty never) };
	$source->stop;
}

done_testing;
