# Targets of one's own on Greenplum, of one source table, that come while workers apply: with
# partitions, replicated, at random, append-optimised; rows move between partitions.
#
# Not part of a whole run: it wants a Greenplum cluster (see CONTRIBUTING.md).
use strict;
use warnings;

use Test::More;
use CdcIngest::Greenplum;
use CdcIngest::Server;

my $cluster = CdcIngest::Greenplum->new('targets');

for my $flavour (grep { CdcIngest::Server->available($_) } split / /, $ENV{CDC_GP_SOURCES} // 'mariadb mysql97')
{
	my $source = CdcIngest::Server->new($flavour);
	my $sub = "own_$flavour";
	$source->do('CREATE DATABASE own', 'CREATE TABLE own.t (a int, b int, s varchar(10), v int, PRIMARY KEY (a, b))',
		'CREATE TABLE own.n (i int)', "INSERT INTO own.n VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
		q{INSERT INTO own.t SELECT x.i * 10 + y.i, z.i * 10 + w.i, concat('s', z.i), w.i FROM own.n x, own.n y, own.n z, own.n w});
	$cluster->add_source($sub, $source, heartbeat_interval => '500ms');
	$cluster->subscribe($sub, $sub, $sub, tables => ['own.t']);
	$cluster->catch_up($sub);
	$source->do('TRUNCATE own.t', q{INSERT INTO own.t SELECT x.i * 10 + y.i, z.i * 10 + w.i, concat('s', z.i), w.i FROM own.n x, own.n y, own.n z, own.n w},
		'ALTER TABLE own.t DROP PRIMARY KEY, ADD PRIMARY KEY (b, a)');
	my %tables = (
		part => '(a int, b int, s varchar(10), v int, PRIMARY KEY (a, b)) DISTRIBUTED BY (a) PARTITION BY RANGE (a) (START (0) END (50) EVERY (10), DEFAULT PARTITION other)',
		list => '(a int, b int, s varchar(10), v int) DISTRIBUTED BY (a) PARTITION BY LIST (v) (VALUES (1), VALUES (2), DEFAULT PARTITION other)',
		everywhere => '(a int, b int, s varchar(10), v int, PRIMARY KEY (a, b)) DISTRIBUTED REPLICATED',
		random => '(a int, b int, s varchar(10), v int) DISTRIBUTED RANDOMLY',
		plain => '(a int, b int, s varchar(10), v int, PRIMARY KEY (a, b)) DISTRIBUTED BY (b)');
	my @said;
	for my $table (sort keys %tables)
	{
		$cluster->do("CREATE TABLE $sub.$table $tables{$table}");
		my $error = $cluster->error_of("SELECT cdc.add_table('$sub', 'own.t', target := '$sub.$table')");
		push @said, "$table: $error" if $error;
	}
	is(join("\n", @said), '', 'all are targets');
	$source->do('UPDATE own.t SET v = v + 1 WHERE a < 20', 'DELETE FROM own.t WHERE a BETWEEN 30 AND 40', "UPDATE own.t SET s = 'new', v = 2 WHERE b = 7", 'UPDATE own.t SET a = a + 1000 WHERE b = 9');
	$cluster->catch_up($sub);
	for my $table ('t', sort keys %tables)
	{
		is($cluster->value("SELECT state FROM cdc.stat_table WHERE subscription = '$sub' AND target = '$sub.$table'"), 'r', "$table: state")
		  or diag $cluster->value("SELECT last_error FROM cdc.stat_table WHERE subscription = '$sub' AND target = '$sub.$table'");
		is(join("\n", map { join '|', @$_ } @{ $cluster->rows("SELECT a, b, s, v FROM $sub.$table ORDER BY 1, 2") }),
			join("\n", map { join '|', @$_ } @{ $source->rows('SELECT a, b, s, v FROM own.t ORDER BY 1, 2') }), "$table: rows of $flavour");
	}
	$cluster->do("SELECT cdc.drop_subscription('$sub', drop_history := true)");
}

done_testing();
