# The copy's place in the binlog: a transaction that the binlog has and the engine
# has not committed yet must not be missed, however long that takes.
#
# Takes 25 s.
use strict;
use warnings;

use DBD::Pg ':async';
use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('copyjoin');

# A statement, or a pull, in a session of its own that is not waited for.
sub start
{
	my ($sql) = @_;
	my $dbh = $cluster->connect;
	$dbh->do($sql, { pg_async => PG_ASYNC });
	return $dbh;
}

sub start_pull { my ($name) = @_; return start("SELECT cdc.pull('$name')") }

sub end_pull
{
	my ($dbh) = @_;
	wait_until(60, sub { $dbh->pg_ready }) or CdcIngest::Cluster::give_up('the pull does not end');
	my $error = eval { $dbh->pg_result; 1 } ? '' : $@;
	$dbh->disconnect;
	return $error;
}

sub apply { my ($name) = @_; $cluster->do("SELECT * FROM cdc.apply('$name')"); return }

sub subscribe
{
	my ($name, $server, $tables, %arguments) = @_;
	$cluster->subscribe($name, $server, $name, tables => $tables, enabled => \'false', %arguments);
	return;
}

sub state_of_table { my ($table) = @_; return $cluster->value('SELECT state FROM cdc.subscription_table WHERE source_table = ?', $table) }

# Semi-synchronous replication without a replica holds each commit behind the binlog
# and before the engine.
subtest 'a commit that is held between binlog and engine (MySQL 9.7 without GTIDs)' => sub {
	plan skip_all => 'no MySQL 9.7 here' unless CdcIngest::Server->available('mysql97');
	my $source = CdcIngest::Server->new('mysql97', gtid => 0, args => ['--plugin-load-add=semisync_source.so']);
	$source->do('SET GLOBAL rpl_semi_sync_source_timeout = 600000', 'CREATE DATABASE shop',
		'CREATE TABLE shop.item (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.item VALUES (1, 'one'), (2, 'two'), (3, 'three')},
		'CREATE TABLE shop.late (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.late VALUES (1, 'one')},
		'CREATE TABLE shop.line (v varchar(20))', q{INSERT INTO shop.line VALUES ('x'), ('x')},
		q{CREATE TABLE shop.plain (v varchar(20)) ENGINE = MyISAM});
	$cluster->add_source('held', $source);

	# what changes nothing in the binlog is not waited for
	my $idle = $source->connect;
	$idle->do($_) for 'BEGIN', q{UPDATE shop.item SET v = 'TWO' WHERE id = 2};
	my $blocked = $source->connect;
	$blocked->do($_) for 'BEGIN', q{INSERT INTO shop.item VALUES (5, 'five')};
	$blocked->do(q{UPDATE shop.item SET v = 'blocked' WHERE id = 2}, { mariadb_async => 1 });
	$source->do('XA START \'prepared\'', q{INSERT INTO shop.item VALUES (4, 'four')}, 'XA END \'prepared\'', 'XA PREPARE \'prepared\'');
	my $hold = sub {
		my ($sql) = @_;
		my $writer = $source->connect;
		$source->do('SET GLOBAL rpl_semi_sync_source_enabled = ON');
		$writer->do($sql, { mariadb_async => 1 });
		wait_until(30, sub { $source->value(q{SELECT count(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync ACK%'}) })
		  or CdcIngest::Cluster::give_up('the commit is not held');
		return $writer;
	};
	my $release = sub {
		my ($writer) = @_;
		$source->do('SET GLOBAL rpl_semi_sync_source_enabled = OFF');
		$writer->mariadb_async_result;
		$writer->disconnect;
		return;
	};

	subscribe('held', 'held', ['shop.item', 'shop.line', 'shop.plain']);
	my $writer = $hold->(q{UPDATE shop.item SET v = 'held' WHERE id = 3});
	is($source->value('SELECT v FROM shop.item WHERE id = 3'), 'three', 'the held row is not in the engine');
	my $pull = start_pull('held');
	sleep 2.5;
	ok(!$pull->pg_ready, 'the copy waits for the held commit');
	$release->($writer);
	is(end_pull($pull), '', 'it goes on when the commit is done, past transactions that are open, blocked or prepared');
	apply('held');
	is_deeply($cluster->rows('SELECT id, v FROM held.item ORDER BY id'), [ [ 1, 'one' ], [ 2, 'two' ], [ 3, 'held' ] ], 'the held row is not lost');
	is($cluster->value('SELECT count(*) FROM held.line'), 2, 'a table without a key is copied');
	is(state_of_table('shop.plain'), 'e', '... but not one whose engine has no snapshots');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE message LIKE '%not proved'}), 0, 'the place is proved');

	# a stream that is running
	$cluster->call('add_table', subscription => 'held', source_table => 'shop.late');
	$writer = $hold->(q{UPDATE shop.late SET v = 'held' WHERE id = 1});
	is(end_pull(start_pull('held')), '', 'a running stream does not wait for long');
	is(state_of_table('shop.late'), 'i', '... the copy does');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE message LIKE '%the copy of tables waits'}), 1, '... and is told of');
	$release->($writer);
	$idle->do('COMMIT');
	$blocked->mariadb_async_result;
	$blocked->do('COMMIT');
	$source->do(q{XA COMMIT 'prepared'}, q{INSERT INTO shop.line VALUES ('y')});
	is(end_pull(start_pull('held')), '', 'then it is made');
	$cluster->do(q{SELECT cdc.pull('held')});
	apply('held');
	$cluster->compare_ok($source, 'shop', 'held', 'all tables are the same', except => [ 'plain', 'line' ]);
	is($cluster->value('SELECT count(*) FROM held.line'), 3, '... and the one without a key');

	# the history has what the source does not show yet: that is no difference
	$writer = $hold->(q{UPDATE shop.item SET v = 'shown late' WHERE id = 3});
	$cluster->do(q{SELECT cdc.pull('held')});
	apply('held');
	is($cluster->value('SELECT v FROM held.item WHERE id = 3'), 'shown late', 'the history has a held commit');
	my $verify = start(q{CREATE TABLE verified AS SELECT kind FROM cdc.verify('held', 'shop.item')});
	wait_until(30, sub { $source->value(q{SELECT count(*) FROM information_schema.INNODB_TRX WHERE trx_isolation_level = 'REPEATABLE READ' AND trx_rows_modified = 0}) });
	ok(!$verify->pg_ready, 'verify waits for it');
	$release->($writer);
	is(end_pull($verify), '', '... and goes on');
	is_deeply($cluster->rows('SELECT DISTINCT kind FROM verified'), [ ['equal'] ], '... no difference is told');

	# no privilege, no proof
	$source->do(q{CREATE USER poor@'127.0.0.1' IDENTIFIED BY 'poor'},
		q{GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO poor@'127.0.0.1'});
	$cluster->add_source('poor', $source, user => 'poor', password => 'poor');
	is_deeply($cluster->rows(q{SELECT ok FROM cdc.check_server('poor') WHERE check_name = 'privilege process'}), [ [0] ], 'check_server tells of PROCESS');
	is_deeply($cluster->rows(q{SELECT ok FROM cdc.check_server('held') WHERE check_name = 'privilege process'}), [ [1] ], '... and that it is there');
	subscribe('poor', 'poor', ['shop.item']);
	like($cluster->notices_of(q{SELECT cdc.pull('poor')}), qr/likely, but not proved/, 'without PROCESS a copy warns');
	apply('poor');
	$cluster->compare_ok($source, 'shop', 'poor', '... and is made', only => ['item']);
	$cluster->do("SELECT cdc.drop_subscription('$_', drop_history := true)") for qw(held poor);
};

# Writers that never rest: on MySQL 5.6 gtid_executed is ahead of the engine.  (A binlog
# that is synced makes that longer.)
subtest 'copies under load (MySQL 5.6)' => sub {
	my $source = CdcIngest::Server->new('mysql56', args => ['--sync-binlog=1']);
	$source->do('CREATE DATABASE race', 'CREATE TABLE race.t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(50))');
	$cluster->add_source('race', $source);
	my $rounds = 12;
	my (@differ, $rows, $slowest);
	my @writers = map {
		fork_child(sub {
			my $dbh = $source->connect;
			$dbh->do(q{INSERT INTO race.t (v) VALUES ('x')}) while 1;
		})
	} 1 .. 24;
	for my $round (1 .. $rounds)
	{
		my $name = "race$round";
		$source->do('TRUNCATE race.t') if $round % 4 == 1;
		subscribe($name, 'race', ['race.t']);
		my $began = time;
		$cluster->do("SELECT cdc.pull('$name', 1)");
		$slowest = time - $began if !defined $slowest || time - $began > $slowest;
		$source->do('FLUSH TABLES WITH READ LOCK');
		$cluster->do("SELECT cdc.pull('$name')");
		apply($name);
		my ($there, $here) = ($source->value('SELECT count(*) FROM race.t'), $cluster->value("SELECT count(*) FROM $name.t"));
		$source->do('UNLOCK TABLES');
		push @differ, "round $round: $there and $here" if $there != $here;
		$rows += $here;
		$cluster->do("SELECT cdc.drop_subscription('$name', drop_history := true)", "DROP SCHEMA $name CASCADE");
	}
	end_process($_) for @writers;
	is_deeply(\@differ, [], "no row lost in $rounds copies of $rows rows");
	note sprintf('the slowest start took %.2f s', $slowest);
	$source->stop('KILL');
};

done_testing();
