# The main job on each kind of source: an initial copy that joins the stream,
# then changes of every kind; source and replica are compared row by row.
#
# Takes 45 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Load;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('basic');

sub shop_tables
{
	my ($source) = @_;
	$source->do(
		'CREATE DATABASE shop CHARACTER SET utf8mb4',
		'CREATE TABLE shop.customer (id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
			name varchar(80) NOT NULL, email varchar(120), balance decimal(12,2) NOT NULL DEFAULT 0)',
		"CREATE TABLE shop.orders (id bigint unsigned NOT NULL PRIMARY KEY, customer int NOT NULL,
			state enum('open','paid') NOT NULL, at datetime(3) NOT NULL)",
		'CREATE TABLE shop.line (orders bigint unsigned NOT NULL, n tinyint unsigned NOT NULL,
			sku varchar(30) NOT NULL, price decimal(10,2), PRIMARY KEY (orders, n))',
		'CREATE TABLE shop.untouched (id int PRIMARY KEY, v text)',
		'CREATE TABLE shop.note (id int PRIMARY KEY, v varchar(40)) ENGINE = MyISAM',
		"INSERT INTO shop.customer (name, email) VALUES ('Zoë', 'zoe\@example.org'), ('Li', NULL), ('𝒳', '')",
		"INSERT INTO shop.orders VALUES (1, 1, 'open', '2024-02-29 23:59:59.999'), (18446744073709551615, 2, 'paid', now(3))",
		"INSERT INTO shop.line VALUES (1, 1, 'a', 1.50), (1, 255, 'b', NULL)",
		"INSERT INTO shop.untouched VALUES (1, 'one')");
	return;
}

sub change
{
	my ($source) = @_;
	my $dbh = $source->connect;
	$dbh->do("UPDATE shop.customer SET balance = balance + 12.34 WHERE id = 1");
	$dbh->begin_work;
	$dbh->do("INSERT INTO shop.orders VALUES (2, 3, 'open', '2024-03-01 00:00:00'), (3, 3, 'open', '2024-03-01')");
	$dbh->do("INSERT INTO shop.line VALUES (2, 1, 'c', 9.99), (3, 1, 'd', 0.01)");
	$dbh->do("UPDATE shop.orders SET state = 'paid' WHERE id IN (1, 2)");
	$dbh->commit;
	# Nothing of this may be seen, in targets or in history.
	$dbh->begin_work;
	$dbh->do("DELETE FROM shop.customer");
	$dbh->do("INSERT INTO shop.customer (id, name) VALUES (99, 'rolled back')");
	$dbh->rollback;
	# A part of a transaction, too.
	$dbh->begin_work;
	$dbh->do("INSERT INTO shop.customer (id, name) VALUES (50, 'kept')");
	$dbh->do('SAVEPOINT s');
	$dbh->do("INSERT INTO shop.customer (id, name) VALUES (51, 'rolled back')");
	$dbh->do('ROLLBACK TO SAVEPOINT s');
	$dbh->commit;
	# The same where no rollback undoes all of it: MySQL allows that without GTIDs only.
	if ($source->is_mariadb || $source->value('SELECT @@global.gtid_mode') eq 'OFF')
	{
		$dbh->do($_) for 'BEGIN', "INSERT INTO shop.customer (id, name) VALUES (70, 'kept')", 'SAVEPOINT a',
		  "INSERT INTO shop.note VALUES (1, 'kept')", "UPDATE shop.customer SET name = 'rolled back' WHERE id = 70",
		  'SAVEPOINT `b c`', "INSERT INTO shop.customer (id, name) VALUES (71, 'rolled back')", 'ROLLBACK TO `B c`',
		  "UPDATE shop.note SET v = 'kept, too'", 'ROLLBACK TO a',
		  "UPDATE shop.customer SET email = 'kept' WHERE id = 70", 'COMMIT', 'BEGIN',
		  "INSERT INTO shop.customer (id, name) VALUES (72, 'rolled back')", "INSERT INTO shop.note VALUES (2, 'kept')", 'ROLLBACK';
	}
	# Keys that move, also onto a place that another row has just left.
	$dbh->do('UPDATE shop.line SET n = n - 1 WHERE orders = 1 AND n > 1');
	$dbh->do('UPDATE shop.orders SET id = id + 10 WHERE id = 2');
	$dbh->do('UPDATE shop.orders SET id = 2 WHERE id = 3');
	# One key many times in a batch.
	$dbh->do("INSERT INTO shop.customer (id, name) VALUES (60, 'a')");
	$dbh->do("UPDATE shop.customer SET name = 'b' WHERE id = 60");
	$dbh->do("DELETE FROM shop.customer WHERE id = 60");
	$dbh->do("INSERT INTO shop.customer (id, name) VALUES (60, 'c')");
	$dbh->do("REPLACE INTO shop.customer (id, name, email) VALUES (60, 'd', 'd\@example.org')");
	$dbh->do("DELETE FROM shop.orders WHERE id = 18446744073709551615");
	$dbh->disconnect;
	return;
}

my @sources = (
	[ 'MariaDB, GTID', 'mariadb', {} ],
	[ 'MariaDB, no row metadata', 'mariadb', { metadata => 'NO_LOG' } ],
	[ 'MySQL 5.6, GTID', 'mysql56', {} ],
	[ 'MySQL 5.6, file and offset', 'mysql56', { gtid => 0 } ],
	[ 'MySQL 9.7, GTID', 'mysql97', {} ],
	[ 'MySQL 9.7, file and offset, minimal metadata', 'mysql97', { gtid => 0, metadata => 'MINIMAL' } ]);

my $n = 0;
for my $entry (@sources)
{
	my ($name, $flavour, $options) = @$entry;
	my $id = 's' . ++$n;
  SKIP:
	{
		# Inside of the Debian unstable tree there is MySQL 9.7 only, outside
		# perhaps all but that one.
		if (!CdcIngest::Server->available($flavour))
		{
			die "$flavour is not installed" if $flavour ne 'mysql97' && ($ENV{CDC_TEST_SID} // 'x') ne '';
			skip "$flavour cannot be had here", 1 if $flavour eq 'mysql97';
			last SKIP;
		}
		subtest $name => sub {
			my $source = CdcIngest::Server->new($flavour, %$options);
			shop_tables($source);
			$cluster->add_source($id, $source);
			# GTIDs and row metadata are advice, not a condition.
			# Nor is what tells that the source is no replica, which MariaDB hides.
			my @advice = ('log_slave_updates', ($options->{metadata} // 'FULL') eq 'FULL' ? () : 'binlog_row_metadata',
				$options->{gtid} // 1 ? () : 'gtid');
			my $bad = $cluster->rows('SELECT check_name, detail, hint FROM cdc.check_server(?) WHERE NOT ok AND check_name <> ALL (?)', $id, \@advice);
			is(@$bad, 0, 'check_server finds nothing wrong')
			  or diag(join "\n", map { join ' | ', map { $_ // '' } @$_ } @$bad);

			$cluster->subscribe($id, $id, $id, tables => ['shop.*']);
			$cluster->catch_up($id);
			$cluster->compare_ok($source, 'shop', $id, 'after the copy');
			my $history = $cluster->history_of($id);
			is($cluster->value("SELECT count(*) FROM $history WHERE op = 'r'"), 8, 'a row of history for each copied row');

			change($source);
			$cluster->catch_up($id);
			$cluster->compare_ok($source, 'shop', $id, 'after changes');
			is($cluster->value("SELECT count(*) FROM $history WHERE event::text LIKE '%rolled back%'"),
				0, 'history has nothing of what was rolled back');
			my $gtids = $cluster->value("SELECT count(gtid) FROM $history WHERE op = 'c'");
			if ($source->is_mariadb || $options->{gtid} // 1) { cmp_ok($gtids, '>', 0, 'events have a GTID') }
			else { is($gtids, 0, 'no GTIDs'); }

			$source->do('FLUSH LOGS', "INSERT INTO shop.untouched VALUES (2, 'two')", 'FLUSH LOGS');
			$cluster->catch_up($id);
			$cluster->compare_ok($source, 'shop', $id, 'after the binlog rotated');

			$source->do('TRUNCATE TABLE shop.line', "INSERT INTO shop.line VALUES (7, 7, 'seven', 7)");
			$cluster->catch_up($id);
			$cluster->compare_ok($source, 'shop', $id, 'after TRUNCATE');

			# A new table of the pattern, made while streaming.
			$source->do('CREATE TABLE shop.late (id int PRIMARY KEY, v varchar(20))',
				"INSERT INTO shop.late VALUES (1, 'late')", "UPDATE shop.late SET v = 'later'");
			$cluster->catch_up($id);
			is($cluster->value("SELECT count(*) FROM $history WHERE source_table = 'shop.late' AND op IN ('c', 'u')"),
				2, 'a table made later is in history');
			$cluster->compare_ok($source, 'shop', $id, 'and replicated', only => ['late']);

			CdcIngest::Load->create_tables($source, 'bank');
			$cluster->subscribe("bank$id", $id, "bank$id", tables => ['bank.*']);
			my $load = CdcIngest::Load->start($source, 'bank', seed => $n);
			$cluster->poll("SELECT count(*) > 500 FROM bank$id.movement", 1);
			my $committed = $load->stop;
			$cluster->catch_up("bank$id");
			$cluster->compare_ok($source, 'bank', "bank$id", "after $committed transactions of a mixed load");
			$cluster->history_ok($_) for $id, "bank$id";
			$cluster->call('drop_subscription', name => $_) for $id, "bank$id";
			$source->kill9;
		};
	}
}

done_testing();
