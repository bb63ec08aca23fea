# Targets of one's own on Greenplum, of one source table, that come while workers apply: with
# partitions, replicated, at random, append-optimised; rows move between partitions.  Tables
# without a key; the extension's own rows, which others change at the same time.
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
	without_key($source, $sub);
	kept_locked($source, $sub);
	changed_meanwhile($source, $sub);
	$cluster->do("SELECT cdc.drop_subscription('$sub', drop_history := true)");
}

# Rows that are alike, on several segments; with NULLs, with values that are equal and not the same;
# so many that a search through the table for each of them would take minutes.
sub without_key
{
	my ($source, $sub) = @_;
	my $content = sub { my ($from, $table) = @_; return join "\n", map { join '|', map { $_ // '-' } @$_ } @{ $from->rows("SELECT a, b, c, count(*) FROM $table GROUP BY 1, 2, 3 ORDER BY a IS NULL, a, b IS NULL, b, c IS NULL, c, 4") } };
	$source->do('CREATE TABLE own.bare (a int, b varbinary(20), c double)',
		q{INSERT INTO own.bare SELECT if(x.i = 7, NULL, x.i * 10 + y.i), if(y.i = 3, NULL, concat('row ', z.i)), if(w.i < 3, NULL, w.i - 3) FROM own.n x, own.n y, own.n z, own.n w},
		q{INSERT INTO own.bare SELECT 1, 'many', 0 FROM own.n x, own.n y}, "INSERT INTO own.bare VALUES (NULL, NULL, NULL), (NULL, NULL, NULL), (NULL, NULL, NULL)");
	$cluster->call('add_table', subscription => $sub, source_table => 'own.bare', target => "$sub.bare");
	$cluster->catch_up($sub);
	is($content->($cluster, "(SELECT a, convert_from(b, 'UTF8') AS b, c FROM $sub.bare) t"), $content->($source, 'own.bare'), 'without a key: copied');
	$source->do(q{UPDATE own.bare SET b = concat(b, '!') WHERE a IS NULL OR a >= 20}, 'DELETE FROM own.bare WHERE a < 20 AND c = 1', 'DELETE FROM own.bare WHERE a IS NULL AND b IS NULL LIMIT 2',
		q{DELETE FROM own.bare WHERE b = 'many' LIMIT 60}, 'UPDATE own.bare SET c = -c WHERE a < 30');
	$cluster->catch_up($sub);
	is($content->($cluster, "(SELECT a, convert_from(b, 'UTF8') AS b, c FROM $sub.bare) t"), $content->($source, 'own.bare'), 'without a key: followed');
	return;
}

# A row that somebody keeps locked on a segment: a worker gives up its transaction there, too, and
# does it again.
sub kept_locked
{
	my ($source, $sub) = @_;
	my $other = $cluster->connect;
	$other->begin_work;
	$other->do("UPDATE $sub.plain SET v = v WHERE a = 60 AND b = 60");
	$source->do('UPDATE own.t SET v = 77 WHERE a = 60 AND b = 60');
	ok($cluster->poll("SELECT last_error LIKE '%lock timeout%' FROM cdc.stat_subscription WHERE subscription = '$sub'", 1, 90), 'apply gives up to wait');
	$other->rollback;
	$other->disconnect;
	$cluster->catch_up($sub);
	is($cluster->value("SELECT v FROM $sub.plain WHERE a = 60 AND b = 60"), 77, '... and does it again');
	return;
}

# With gp_enable_global_deadlock_detector a statement waits for a row that another transaction
# changes, and looks at it again.
sub changed_meanwhile
{
	my ($source, $sub) = @_;
	$source->do('CREATE TABLE own.e (id int PRIMARY KEY, v int)', 'INSERT INTO own.e VALUES (1, 1), (2, 2)');
	$cluster->do("CREATE TABLE $sub.e (id int PRIMARY KEY, v int CHECK (v < 10))");
	$cluster->call('add_table', subscription => $sub, source_table => 'own.e', target => "$sub.e", options => '{"on_error": "log"}');
	$cluster->catch_up($sub);
	$source->do('UPDATE own.e SET v = 100 WHERE id = 1', 'UPDATE own.e SET v = 3 WHERE id = 2');
	ok($cluster->poll("SELECT count(*) > 0 FROM cdc_catalog.blocked_key WHERE subscription = '$sub'", 1), 'an event is kept, and its key blocked');
	$cluster->do("SELECT cdc.disable_subscription('$sub')");
	my $other = $cluster->connect;
	$other->begin_work;
	$other->do("UPDATE cdc_catalog.blocked_key SET name = name WHERE subscription = '$sub'");
	my $session = $cluster->connect;
	$session->do("SELECT cdc.discard_errors('$sub', 'own.e', 'a test')", { pg_async => 1 });
	ok($cluster->poll("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mppsessionid <> 0", 1), 'a statement waits for a row');
	$other->commit;
	ok(eval { $session->pg_result; 1 }, 'and goes on when it has changed') or diag $@;
	is($cluster->value("SELECT count(*) FROM cdc_catalog.blocked_key WHERE subscription = '$sub'"), 0, 'nothing is blocked');
	$_->disconnect for $other, $session;
	return;
}

done_testing();
