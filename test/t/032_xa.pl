# Two-phase transactions of the source: prepared ones wait for their commit, over
# crashes of the worker, restarts of the source and new binlog files; those that
# were prepared before the subscription began are found; nothing is lost in silence.
#
# Takes 25 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('xa', conf => "restart_after_crash = on\n");

# XA transaction $id up to PREPARE, in a session that then ends.
sub prepare
{
	my ($source, $id, @statements) = @_;
	my $dbh = $source->connect;
	$dbh->do('SET SESSION binlog_transaction_compression = ON') if $source->flavour eq 'mysql97';
	$dbh->do("XA START $id");
	$dbh->do($_) for @statements;
	$dbh->do("XA END $id");
	$dbh->do("XA PREPARE $id");
	$dbh->disconnect;
	return;
}

# Until the source lets go of the session that prepared it.
sub finish
{
	my ($source, $id, $how) = @_;
	my $error;
	wait_until(60, sub { eval { $source->do("XA $how $id"); 1 } or ($error = $@, return 0); return 1 })
	  or CdcIngest::Cluster::give_up("XA $how $id: $error");
	return;
}

sub waiting
{
	my ($sub) = @_;
	return $cluster->value('SELECT count(DISTINCT xid) FROM cdc.prepared_transaction WHERE subscription = ?', $sub);
}

sub last_gtid
{
	my ($source) = @_;
	my $now = $source->gtid_set;
	return $now =~ /(\d+)$/ ? $1 : '';
}

for my $flavour (qw(mariadb mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	subtest $flavour => sub {
		my $source = CdcIngest::Server->new($flavour);
		$source->do(
			'CREATE DATABASE shop CHARACTER SET utf8mb4',
			'CREATE TABLE shop.item (id int PRIMARY KEY, name varchar(200), big mediumtext)',
			'CREATE TABLE shop.ledger (n int, what varchar(20))',
			"INSERT INTO shop.item VALUES (1, 'one', NULL)");
		# prepared before anybody looks, in a binlog file that is not the last
		prepare($source, "'early','branch',7", "INSERT INTO shop.item VALUES (2, 'early', NULL)");
		$source->do('FLUSH BINARY LOGS', "INSERT INTO shop.item VALUES (3, 'three', NULL)", 'FLUSH BINARY LOGS');
		$cluster->add_source($flavour, $source);
		$cluster->subscribe($flavour, $flavour, $flavour, tables => ['shop.*'],
			options => '{"memory_limit": "1MB"}');
		$cluster->catch_up($flavour);
		$cluster->compare_ok($source, 'shop', $flavour, 'the copy has nothing of what is prepared');
		# MariaDB tells anybody what is prepared, MySQL needs a privilege for that
		is(waiting($flavour), $flavour eq 'mariadb' ? 1 : 0, 'what was prepared before the start was looked for then, or is at its commit');

		# waiting over a crash of the worker, a restart of the source, new files
		prepare($source, "X'00ff27',X'41'", "UPDATE shop.item SET name = 'changed' WHERE id = 1",
			"INSERT INTO shop.item VALUES (10, 'prepared', NULL)", "INSERT INTO shop.ledger VALUES (1, 'x'), (1, 'x')");
		prepare($source, "'undone'", "INSERT INTO shop.item VALUES (11, 'undone', NULL)");
		# larger than memory_limit, an event larger than a chunk
		prepare($source, "'huge'", "INSERT INTO shop.item VALUES (100, 'huge', repeat('h', 3000000))",
			map { "INSERT INTO shop.item VALUES ($_, 'huge', repeat('i', 500000))" } 101 .. 112);
		$source->do("INSERT INTO shop.item VALUES (4, 'four', NULL)");
		$cluster->catch_up($flavour);
		$cluster->compare_ok($source, 'shop', $flavour, 'prepared transactions are not seen');
		is(waiting($flavour), $flavour eq 'mariadb' ? 4 : 3, 'they are kept');
		my $history = $cluster->history_of($flavour);
		is($cluster->value("SELECT count(*) FROM $history WHERE event->'data'->>'name' IN ('prepared', 'undone', 'huge', 'early', 'changed')"),
			0, 'history has nothing of them');

		# MySQL itself forgets a prepared transaction of an older binlog file when it is killed
		do { finish($source, "'early','branch',7", 'COMMIT'); $cluster->catch_up($flavour) } if $flavour eq 'mysql97';

		# workers commit asynchronously: what is asserted below has to outlive the crash
		$cluster->do('CHECKPOINT');
		kill 'KILL', $cluster->worker_pid($flavour, 'pull');
		$source->do('FLUSH BINARY LOGS');
		$source->restart('KILL');
		$source->do("INSERT INTO shop.item VALUES (5, 'five', NULL)");
		$cluster->poll("SELECT count(*) FROM $flavour.item WHERE id = 5", 1);
		is(waiting($flavour), $flavour eq 'mariadb' ? 4 : 3, 'they still wait');

		# not in the order of the prepares
		finish($source, "'huge'", 'COMMIT');
		finish($source, "'undone'", 'ROLLBACK');
		finish($source, "X'00ff27',X'41'", 'COMMIT');
		my ($gtid, $position) = (last_gtid($source), $source->position);
		$source->do("UPDATE shop.item SET name = concat(name, '!') WHERE id = 10");
		finish($source, "'early','branch',7", 'COMMIT') if $flavour eq 'mariadb';
		$cluster->catch_up($flavour);
		$cluster->compare_ok($source, 'shop', $flavour, 'after commits and a rollback');
		is(waiting($flavour), 0, 'nothing waits any more');
		my $rows = $cluster->rows("SELECT event->>'type', source_table, position, gtid, commit
			FROM $history WHERE event->'data'->>'name' IN ('changed', 'prepared')
			OR source_table = 'shop.ledger' AND op = 'c' ORDER BY seq");
		is(join(' ', map { "$_->[0] $_->[1]" } @$rows),
			'update shop.item insert shop.item insert shop.ledger insert shop.ledger', 'rows in their order');
		is($rows->[-1][2], $position, '... with the position of the commit');
		my %gtids = map { $_->[3] => 1 } @$rows;
		is(join(' ', map { /(\d+)$/ } keys %gtids), $gtid, '... and its GTID');
		is(join(' ', map { $_->[4] } @$rows), '0 0 0 1', '... one transaction');
		is($cluster->value("SELECT count(*) FROM $history WHERE event->'data'->>'name' = 'huge'"), 13, 'the huge one is whole');
		$cluster->history_ok($flavour);
		is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '$flavour' AND kind = 'xa' AND message LIKE 'found the prepare%'"),
			1, 'the log tells of the early one');

		# a commit whose prepare is in no binlog any more
		prepare($source, "'lost'", "INSERT INTO shop.item VALUES (200, 'lost', NULL)");
		$source->do('FLUSH BINARY LOGS', "INSERT INTO shop.item VALUES (6, 'six', NULL)", 'FLUSH BINARY LOGS');
		my $last = $source->position =~ s/:.*//r;
		$cluster->catch_up($flavour);
		# MariaDB keeps a file for a moment, until its engines have passed it
		wait_until(60, sub {
				$source->do("PURGE BINARY LOGS TO '$last'");
				return $source->rows('SHOW BINARY LOGS')->[0][0] eq $last;
			}) or CdcIngest::Cluster::give_up("the binlogs are not purged");
		$cluster->subscribe("${flavour}_late", $flavour, "${flavour}_late", tables => ['shop.*']);
		$cluster->catch_up("${flavour}_late");
		is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '${flavour}_late' AND message LIKE '%prepared at the source, but not in its binlogs'"),
			$flavour eq 'mariadb' ? 1 : 0, 'the log tells of it at the start');
		finish($source, "'lost'", 'COMMIT');
		$cluster->catch_up($flavour);
		$cluster->compare_ok($source, 'shop', $flavour, 'who saw the prepare has it');
		$cluster->poll("SELECT count(*) FROM cdc.subscription_failure WHERE subscription = '${flavour}_late'
			AND last_error LIKE '%the source committed XA transaction X''6c6f7374'',X'''',1, whose prepare is unknown%xa_unknown%'", 1);
		pass('who did not stops with an error that says what to do');
		is($cluster->value("SELECT count(*) FROM ${flavour}_late.item WHERE id = 200"), 0, '... in front of it');
		$cluster->call('alter_subscription', name => "${flavour}_late", options => '{"xa_unknown": "log"}');
		$cluster->call('enable_subscription', name => "${flavour}_late");
		$source->do("INSERT INTO shop.item VALUES (7, 'seven', NULL)");
		$cluster->poll("SELECT count(*) FROM ${flavour}_late.item WHERE id = 7", 1);
		is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '${flavour}_late' AND kind = 'xa' AND message LIKE 'left out XA transaction%'"),
			1, 'told to, it goes on and the log has it');

		# nothing is left behind
		prepare($source, "'open'", "INSERT INTO shop.item VALUES (300, 'open', NULL)");
		$cluster->poll("SELECT count(*) FROM cdc.prepared_transaction WHERE subscription = '$flavour'", 1);
		$cluster->call('drop_subscription', name => $_) for $flavour, "${flavour}_late";
		is($cluster->value('SELECT count(*) FROM cdc.prepared_transaction'), 0, 'a dropped subscription keeps nothing');
		$source->kill9;
	};
}

# Before 5.7.7 XA PREPARE writes nothing, and XA COMMIT all.
if (CdcIngest::Server->available('mysql56'))
{
	my $source = CdcIngest::Server->new('mysql56');
	$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.item (id int PRIMARY KEY, name varchar(20))');
	$cluster->add_source('old', $source);
	$cluster->subscribe('old', 'old', 'old', tables => ['shop.*']);
	my $dbh = $source->connect;
	$dbh->do($_) for "XA START 'a'", "INSERT INTO shop.item VALUES (1, 'a')", "XA END 'a'", "XA PREPARE 'a'";
	$source->do("INSERT INTO shop.item VALUES (2, 'b')");
	$cluster->catch_up('old');
	is($cluster->value('SELECT count(*) FROM old.item'), 1, 'MySQL 5.6: prepared rows are not seen');
	$dbh->do("XA COMMIT 'a'");
	$dbh->do($_) for "XA START 'c'", "INSERT INTO shop.item VALUES (3, 'c')", "XA END 'c'", "XA COMMIT 'c' ONE PHASE";
	$cluster->catch_up('old');
	$cluster->compare_ok($source, 'shop', 'old', 'MySQL 5.6: after XA COMMIT');
	$source->kill9;
}

done_testing();
