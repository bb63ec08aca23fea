# Temporary tables of sessions that write statements, with names of tables that are captured:
# what is done to them is not done to the replicas, and what a procedure that uses temporary
# tables does to other tables is.
#
# Takes 90 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('temporary');

sub done_ok
{
	my ($source, $id, $what) = @_;
	$cluster->catch_up($id);
	is($cluster->value(q{SELECT coalesce(string_agg(source_table || ': ' || last_error, '; '), '') FROM cdc.subscription_table
		WHERE subscription = ? AND state <> 'r'}, $id), '', "$id: $what: all tables are r");
	$cluster->compare_ok($source, 'k', $id, '... and equal');
	return;
}

# The worker forgets its stream: what it knows must be in the catalog.
sub restart_pull
{
	my ($id) = @_;
	$cluster->catch_up($id);
	$cluster->call('disable_subscription', name => $id);
	$cluster->poll("SELECT count(pull_pid) FROM cdc.stat_subscription WHERE subscription = '$id'", 0);
	$cluster->call('enable_subscription', name => $id);
	return;
}

sub remembered { my ($id) = @_; return $cluster->value("SELECT coalesce(cardinality(temporary_tables), 0) FROM cdc.subscription_position WHERE subscription = '$id'") }

# What may have been done to a temporary table of which the binlog has not told, or to the table of that name.
sub unheard_of
{
	my ($source, $id, $old) = @_;
	my $doubted = sub {
		my ($what, @tables) = @_;
		$cluster->catch_up($id);
		is($cluster->value(q{SELECT string_agg(source_table, ' ' ORDER BY source_table) FROM cdc.subscription_table WHERE subscription = ? AND state = 'e'}, $id), "@tables", "$id: $what");
		like($cluster->value('SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, $tables[0]),
			qr/or a temporary table of its name that was made before the stream began, or is not in the binlog/, '... with the reason');
		$cluster->call('resync_table', subscription => $id, source_table => $_) for @tables;
		done_ok($source, $id, '... copied anew');
	};
	$old->do('TRUNCATE t1');
	$doubted->('TRUNCATE in a session that is older than the subscription', 'k.t1');
	$old->do('ALTER TABLE t1 ADD COLUMN zz int DEFAULT 5');
	$doubted->('... ALTER TABLE', 'k.t1');
	$old->do($_) for 'CREATE TEMPORARY TABLE t2 (id int PRIMARY KEY) ENGINE=InnoDB', 'TRUNCATE t2', 'DROP TEMPORARY TABLE t1, t2';
	done_ok($source, $id, '... of one that was made later');
	return unless $source->is_mariadb;
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE k', q{SET SESSION binlog_format = 'ROW'}, 'CREATE TEMPORARY TABLE t3 (id int PRIMARY KEY) ENGINE=InnoDB', 'RENAME TABLE t3 TO t3x';
	$doubted->('RENAME TABLE of a temporary table in a session that writes rows', 'k.t3');
	return;
}

sub scenario
{
	my ($source, $id) = @_;
	my @real = map { "k.t$_" } 1 .. 6;
	$source->do('CREATE DATABASE k', map({ ("CREATE TABLE $_ (id int PRIMARY KEY, a varchar(50)) ENGINE=InnoDB", "INSERT INTO $_ VALUES (1, 'x'), (2, 'y')") } @real),
		'CREATE PROCEDURE k.etl(n int) BEGIN CREATE TEMPORARY TABLE passing (i int) ENGINE=InnoDB; TRUNCATE t5; INSERT INTO t5 VALUES (n, NULL); DROP TEMPORARY TABLE passing; END',
		'CREATE PROCEDURE k.altering() BEGIN CREATE TEMPORARY TABLE passing (i int) ENGINE=InnoDB; ALTER TABLE t6 ADD COLUMN c int NOT NULL DEFAULT 7; DROP TEMPORARY TABLE passing; END');
	$cluster->add_source($id, $source);
	my $old = $source->connect;
	$old->do($_) for 'USE k', q{SET SESSION binlog_format = 'STATEMENT'}, 'CREATE TEMPORARY TABLE t1 (id int PRIMARY KEY, a int) ENGINE=InnoDB';
	$cluster->subscribe($id, $id, $id, tables => ['k.*']);
	done_ok($source, $id, 'copied');
	unheard_of($source, $id, $old);
	for my $format (qw(STATEMENT MIXED))
	{
		my $known = $cluster->value("SELECT count(*) FROM cdc.ddl_history WHERE subscription = '$id'");
		my $dbh = $source->connect;
		$dbh->do($_) for 'USE k', "SET SESSION binlog_format = '$format'", 'CREATE TEMPORARY TABLE t1 (id int PRIMARY KEY, a int) ENGINE=InnoDB';
		restart_pull($id) if $format eq 'STATEMENT';
		$dbh->do($_) for 'ALTER TABLE t1 ADD INDEX (a)', 'TRUNCATE t1', 'ALTER TABLE `k` . t1 CHANGE a bbb int', 'CREATE INDEX i ON t1 (id, bbb)', 'DROP INDEX i ON t1';
		done_ok($source, $id, "$format: ALTER TABLE and TRUNCATE of a temporary table");
		$dbh->do($_) for 'CREATE TEMPORARY TABLE IF NOT EXISTS k.t2 (id int PRIMARY KEY) ENGINE=InnoDB', 'ALTER TABLE t2 ADD COLUMN zz int DEFAULT 5', 'ALTER TABLE t2 RENAME t3',
		  'TRUNCATE TABLE t3', 'ALTER TABLE t3 RENAME TO passing', 'TRUNCATE passing', 'ALTER TABLE passing RENAME k.t4, ADD COLUMN yy int', 'ALTER TABLE t4 DROP COLUMN zz';
		if ($source->is_mariadb)
		{
			$dbh->do($_) for 'RENAME TABLE t4 TO t4x, t1 TO t4, t4 TO t1', 'TRUNCATE t4x', 'RENAME TABLE t4x TO t4';
		}
		done_ok($source, $id, '... renamed');
		is($cluster->value("SELECT count(*) FROM cdc.ddl_history WHERE subscription = '$id'"), $known, '... which is no history of the others');
		# their names go on being those of real tables in other sessions
		$source->do(q{INSERT INTO k.t1 VALUES (33, 'z')}, 'TRUNCATE k.t2', 'ALTER TABLE k.t3 ADD COLUMN more int DEFAULT 3', 'INSERT INTO k.t3 VALUES (5, NULL, 6)');
		done_ok($source, $id, '... and the real tables of these names');
		$source->do('DELETE FROM k.t1 WHERE id = 33', 'ALTER TABLE k.t3 DROP COLUMN more', 'DELETE FROM k.t3 WHERE id = 5');
		$dbh->disconnect;
		done_ok($source, $id, '... the session ends');
		$source->do('TRUNCATE k.t4', 'INSERT INTO k.t4 VALUES (7, NULL)');
		done_ok($source, $id, '... and the table that it hid');
	}
	for my $format (qw(STATEMENT MIXED ROW))
	{
		my $dbh = $source->connect;
		$dbh->do($_) for 'USE k', "SET SESSION binlog_format = '$format'";
		# (the row of a statement would need a copy)
		$dbh->do($_) for ($format eq 'ROW' ? 'CALL etl(9)' : ()), 'CALL altering()';
		done_ok($source, $id, "$format: a procedure that uses temporary tables");
		is($cluster->value("SELECT min(c) FROM $id.t6"), 7, '... and alters another one');
		$dbh->do('ALTER TABLE t6 DROP COLUMN c');
		$dbh->disconnect;
	}
	# a server that ends without a word to its sessions
	my $dbh = $source->connect;
	$dbh->do($_) for 'USE k', q{SET SESSION binlog_format = 'STATEMENT'}, 'CREATE TEMPORARY TABLE t6 (i int) ENGINE=InnoDB', 'TRUNCATE t6';
	$cluster->catch_up($id);
	isnt(remembered($id), 0, 'a temporary table is remembered');
	$source->kill9;
	$source->start;
	$source->do('INSERT INTO k.t5 VALUES (100, NULL)');
	done_ok($source, $id, 'the server is started anew');
	$source->do('FLUSH LOGS', 'TRUNCATE k.t6');
	done_ok($source, $id, '... and goes on');
	# (MariaDB does not say so to who connects by GTID)
	is(remembered($id), 0, '... no session has any') unless $source->is_mariadb;
	$cluster->do("SELECT cdc.drop_subscription('$id')");
	return;
}

for my $flavour (qw(mysql97 mysql56 mariadb mariadb118))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 unless CdcIngest::Server->available($flavour);
		subtest $flavour => sub { scenario(CdcIngest::Server->new($flavour), $flavour) };
	}
}

done_testing();
