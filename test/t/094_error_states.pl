# States of tables in error: retry_errors, TRUNCATE and new copies make no table ready that is
# not as its source; and what last_error and wait_for tell one to type ends in an equal replica.
#
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('error_states');
my $source = CdcIngest::Server->new('mariadb');
$cluster->add_source('s', $source);
$cluster->do("SET client_min_messages = 'error'");

my $n = 0;

# A database with table "A" (id, n, v, u), parent "P" and what else is asked for; its tables are
# replicated by hand.
sub subscription
{
	my ($options, @more) = @_;
	my $id = 'w' . ++$n;
	$source->do("CREATE DATABASE $id", "USE $id", 'CREATE TABLE p (id INT PRIMARY KEY)', 'INSERT INTO p VALUES (1), (2), (3)',
		'CREATE TABLE a (id INT PRIMARY KEY, n INT, v VARCHAR(20), u INT, FOREIGN KEY (u) REFERENCES p (id) ON DELETE CASCADE)',
		q{INSERT INTO a VALUES (1, 1, 'a', 1), (2, 2, 'b', 2), (3, 3, 'c', 3)}, @more);
	$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', options => $options);
	follow($id) for 1 .. 3;
	return $id;
}

# Runs statements at the source and brings them here; returns apply's error.
sub follow
{
	my ($id, @statements) = @_;
	$source->do("USE $id", @statements);
	$cluster->value('SELECT cdc.pull(?)', $id);
	return $cluster->error_of("SELECT * FROM cdc.apply('$id')");
}

sub column { my ($id, $column) = @_; return $cluster->value("SELECT $column FROM cdc.stat_table WHERE subscription = '$id' AND source_table = '$id.a'") // '' }
sub waits { my ($id) = @_; return $cluster->error_of("SELECT cdc.wait_for('$id', timeout := '1 ms')") }
sub statements { return $_[0] =~ /(SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))/g }

# Rows of table "A" at both sides.
sub at_source { my ($id, $what) = @_; return join ' ', map { join ',', map { $_ // 'null' } @$_ } @{ $source->rows("SELECT $what FROM $id.a ORDER BY id") } }
sub here { my ($id, $what) = @_; return join ' ', map { join ',', map { $_ // 'null' } @$_ } @{ $cluster->rows("SELECT $what FROM $id.a ORDER BY id") } }

# What is found while a table stands in error.  The statements after "unset" are for the
# session; what: the columns that both sides have.
my @reasons = (
	{ name => 'a statement', sql => [q{SET SESSION binlog_format = 'STATEMENT'}, q{UPDATE a SET v = 's' WHERE id < 3}], reset => [q{SET SESSION binlog_format = 'ROW'}] },
	{ name => 'a foreign key', sql => ['DELETE FROM p WHERE id = 3'] },
	{ name => 'a default that only the source knows', sql => ['ALTER TABLE a ADD ts DATETIME DEFAULT CURRENT_TIMESTAMP', q{INSERT INTO a (id, n, v) VALUES (4, 4, 'd')}], what => 'id, n, v, ts::text', source => q{id, n, v, ts} },
	{ name => 'types', sql => ['ALTER TABLE a MODIFY n DOUBLE', 'ALTER TABLE a MODIFY n VARCHAR(20)', q{INSERT INTO a VALUES (4, 'x4', 'd', 1)}] },
	{ name => 'another table of that name', sql => ['RENAME TABLE a TO a3, b TO a', q{INSERT INTO a VALUES (5, 5, 'e', 5)}], more => ['CREATE TABLE b (id INT PRIMARY KEY, n INT, v VARCHAR(20), u INT)', q{INSERT INTO b VALUES (9, 9, 'z', 9)}] },
	{ name => 'an update that may be a REPLACE, then TRUNCATE', sql => [q{SET SESSION binlog_row_image = 'MINIMAL', binlog_annotate_row_events = OFF}, 'UPDATE a SET id = 10 WHERE id = 2', q{INSERT INTO a VALUES (11, 4, 'd', 1)}, 'TRUNCATE a', q{INSERT INTO a VALUES (12, 5, 'e', 1)}],
		reset => [q{SET SESSION binlog_row_image = 'FULL', binlog_annotate_row_events = ON}] },
);

for my $mode (qw(table log))
{
	for my $r (@reasons)
	{
		subtest "$mode: $r->{name}" => sub {
			my $id = subscription(qq({"on_error": "$mode"}), @{ $r->{more} // [] });
			my $what = $r->{what} // 'id, n, v, u';
			$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT bad CHECK (n <> 13)");
			is(follow($id, 'UPDATE a SET n = 13 WHERE id = 1'), '', 'an event that cannot be written');
			like(column($id, 'last_error'), qr/violates check constraint/, '... puts its table into error');
			is(follow($id, @{ $r->{sql} }), '', 'another reason comes');
			$source->do(@{ $r->{reset} // [] });
			$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT bad");
			my $error = $cluster->error_of("SELECT cdc.retry_errors('$id', '$id.a')");
			is(column($id, 'state'), 'e', 'the table is not ready') or diag here($id, '*');
			unlike(column($id, 'last_error'), qr/violates check constraint/, '... and says why');
			my ($remedy) = statements(waits($id));
			like(column($id, 'last_error'), qr/\Q$remedy\E/, 'one hint');
			like($error, qr/^$|\Q$remedy\E/, '... whoever is asked');
			is($cluster->error_of($remedy), '', $remedy);
			follow($id) for 1 .. 4;
			is(column($id, 'state'), 'r', '... makes it ready') or diag column($id, 'last_error');
			is(here($id, $what), at_source($id, $r->{source} // $what), '... and equal');
			is(follow($id, q{INSERT INTO a (id, n) VALUES (70, 7)}), '', '... and it goes on');
			is(here($id, $what), at_source($id, $r->{source} // $what), '... with its rows');
		};
	}
}

# With a mapping, which may become one that cannot be computed.
sub mapped
{
	my ($mode) = @_;
	my $id = subscription(qq({"on_error": "$mode"}), 'CREATE TABLE m (id INT PRIMARY KEY, n INT, k INT, gone INT)',
		'INSERT INTO m VALUES (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, -1)');
	$cluster->do("CREATE FUNCTION $id.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 10'", "SELECT cdc.remove_table('$id', '$id.m')", "DROP TABLE $id.m",
		qq{SELECT cdc.add_table('$id', '$id.m', target := '$id.x', columns := '{"id": "id", "q": {"expr": "$id.f(n)"}, "k": "k"}', row_filter := 'gone > 0')});
	follow($id) for 1 .. 3;
	$cluster->do("ALTER TABLE $id.x ADD CONSTRAINT bad CHECK (k <> 13)");
	is(follow($id, 'UPDATE m SET k = 13 WHERE id = 1'), '', 'an event that cannot be written');
	is($cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$id.m'"), 'e', '... puts its table into error');
	return $id;
}

sub mapped_column { my ($id, $column) = @_; return $cluster->value("SELECT $column FROM cdc.stat_table WHERE source_table = '$id.m'") // '' }

sub is_mapped
{
	my ($id, $where) = @_;
	return is($cluster->value("SELECT string_agg(concat_ws(',', id, q, k), ' ' ORDER BY id) FROM $id.x"),
		$source->value("SELECT GROUP_CONCAT(CONCAT_WS(',', id, n * 10, k) ORDER BY id SEPARATOR ' ') FROM $id.m WHERE $where"), '... and equal');
}

for my $mode (qw(table log))
{
	subtest "$mode: a function that is gone" => sub {
		my $id = mapped($mode);
		$cluster->do("DROP FUNCTION $id.f(int)");
		is(follow($id, 'INSERT INTO m VALUES (6, 6, 6, 6)'), '', 'more rows');
		$cluster->do("ALTER TABLE $id.x DROP CONSTRAINT bad");
		$cluster->error_of("SELECT cdc.retry_errors('$id', '$id.m')");
		is(mapped_column($id, 'state'), 'e', 'the table is not ready');
		my $hint = waits($id);
		my ($remedy) = grep { /resync/ } statements($hint);
		like($hint, qr/HINT: .*alter_table.*resync_table/s, 'wait_for has both ways');
		like(mapped_column($id, 'last_error'), qr/HINT: .*alter_table.*\Q$remedy\E/s, '... and so has last_error');
		$cluster->do("CREATE FUNCTION $id.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 10'", $remedy);
		follow($id) for 1 .. 4;
		is(mapped_column($id, 'state'), 'r', 'ready');
		is_mapped($id, 'gone > 0');
	};
	subtest "$mode: a column that the row filter reads is gone" => sub {
		my $id = mapped($mode);
		is(follow($id, 'ALTER TABLE m DROP COLUMN gone', 'INSERT INTO m VALUES (6, 6, 6)', 'DELETE FROM m WHERE id = 2'), '', 'more rows');
		$cluster->do("ALTER TABLE $id.x DROP CONSTRAINT bad");
		$cluster->error_of("SELECT cdc.retry_errors('$id', '$id.m')");
		is(mapped_column($id, 'state'), 'e', 'the table is not ready');
		like(waits($id), qr/HINT: .*alter_table\('$id', '$id\.m'/s, 'the hint');
		$cluster->do("SELECT cdc.alter_table('$id', '$id.m', row_filter := 'k > 0')");
		follow($id) for 1 .. 4;
		is(mapped_column($id, 'state'), 'r', 'ready');
		is_mapped($id, 'k > 0');
	};
	subtest "$mode: an image that lacks what the row filter reads" => sub {
		my $id = mapped($mode);
		is(follow($id, q{SET SESSION binlog_row_image = 'MINIMAL'}, 'UPDATE m SET n = 22 WHERE id = 2'), '', 'such an image');
		$source->do(q{SET SESSION binlog_row_image = 'FULL'}, "INSERT INTO $id.m VALUES (6, 6, 6, 6)");
		follow($id);
		$cluster->do("ALTER TABLE $id.x DROP CONSTRAINT bad");
		$cluster->error_of("SELECT cdc.retry_errors('$id', '$id.m')");
		is(mapped_column($id, 'state'), 'e', 'the table is not ready');
		my ($remedy) = statements(waits($id));
		$cluster->do($remedy);
		follow($id) for 1 .. 4;
		is(mapped_column($id, 'state'), 'r', "ready after $remedy");
		is_mapped($id, 'gone > 0');
	};
}

$source->stop('KILL');
done_testing();
