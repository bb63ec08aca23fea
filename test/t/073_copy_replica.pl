# Copies over several connections, and from a replica of the source: what the replica must
# be, that the copy waits for it while the stream goes on, and that all ends equal.
#
# Takes 40 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $rows = $ENV{CDC_COPY_ROWS} // 30000;
my $cluster = CdcIngest::Cluster->new('copyreplica');

sub make_tables
{
	my ($source) = @_;
	$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4', 'CREATE TABLE shop.seq (i int PRIMARY KEY)',
		'INSERT INTO shop.seq VALUES ' . join(', ', map { "($_)" } 0 .. 99));
	my $from = 'FROM shop.seq a, shop.seq b, shop.seq c WHERE a.i + 100 * b.i + 10000 * c.i <';
	my $n = 'a.i + 100 * b.i + 10000 * c.i';
	$source->do('CREATE TABLE shop.numbers (id int NOT NULL PRIMARY KEY, v varchar(40) NOT NULL)',
		"INSERT INTO shop.numbers SELECT 2 * ($n), CONCAT('row ', a.i) $from $rows",
		'CREATE TABLE shop.texts (id varchar(20) NOT NULL PRIMARY KEY, v varchar(40) NOT NULL)',
		"INSERT INTO shop.texts SELECT CONCAT(ELT(1 + a.i % 4, 'a', 'B', 'é', '_'), $n), 'text' $from $rows / 2",
		'CREATE TABLE shop.pairs (a int NOT NULL, b int NOT NULL, v varchar(40) NOT NULL, PRIMARY KEY (b, a))',
		"INSERT INTO shop.pairs SELECT ($n) % 7, ($n) DIV 7, 'pair' $from $rows / 2",
		'CREATE TABLE shop.beat (id int PRIMARY KEY, n int NOT NULL)', 'INSERT INTO shop.beat VALUES (1, 0)',
		(map { ("CREATE TABLE shop.small$_ (id int PRIMARY KEY)", "INSERT INTO shop.small$_ VALUES (1), (2)") } 1 .. 9),
		'CREATE TABLE shop.bag (v varchar(20))', q{INSERT INTO shop.bag VALUES ('a'), ('a'), ('b')});
	return;
}

sub start_writer
{
	my ($source) = @_;
	return fork_child(sub {
		my $dbh = $source->connect;
		while (1)
		{
			my $key = int rand 2 * $rows;
			$dbh->do("INSERT IGNORE INTO shop.numbers VALUES ($key, 'new')");
			$dbh->do("UPDATE IGNORE shop.numbers SET id = " . int(rand 2 * $rows) . " WHERE id = $key + 1");
			$dbh->do('DELETE FROM shop.pairs WHERE b = ' . int(rand $rows / 14));
			$dbh->do('UPDATE shop.beat SET n = n + 1');
			sleep 0.01;
		}
	});
}

sub equal_ok
{
	my ($source, $name, @what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$cluster->catch_up($name);
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.stat_table WHERE subscription = ?}, $name), 'r', "$name: tables are ready");
	$cluster->compare_ok($source, 'shop', $name, @what);
	my $history = $cluster->history_of($name);
	is($cluster->value("SELECT count(*) FROM $history WHERE op = 'r'"),
		$cluster->value('SELECT sum(rows) FROM cdc_catalog.copy_progress WHERE subscription = ?', $name), "$name: progress tells what the history has");
	is($cluster->value('SELECT sum(restarts) FROM cdc_catalog.copy_progress WHERE subscription = ?', $name), 0, "$name: no copy began anew");
	return;
}

# What the copy is shown to wait for.
sub waits_for { my ($name) = @_; return $cluster->value('SELECT max(waits_for) FROM cdc.stat_progress_copy WHERE subscription = ?', $name) // '' }

sub wait_until_waits_ok
{
	my ($name, $what, $test) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_until(60, sub { waits_for($name) =~ $what });
	return like(waits_for($name), $what, $test);
}

# The stream goes on: a change of a table that is complete comes through.
sub goes_on_ok
{
	my ($source, $name, $test) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$source->do('UPDATE shop.small1 SET id = id + 10 ORDER BY id DESC');
	my $wanted = $source->value('SELECT sum(id) FROM shop.small1');
	my $began = time;
	ok(wait_until(60, sub { ($cluster->value("SELECT sum(id) FROM $name.small1") // 0) == $wanted }), $test);
	return;
}

for my $flavour (qw(mariadb mysql97))
{
	next unless CdcIngest::Server->available($flavour);
	subtest $flavour => sub {
		my $reset = $flavour eq 'mysql97' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';
		my $source = CdcIngest::Server->new($flavour);
		my $replica = CdcIngest::Server->new($flavour, args => $source->is_mariadb ? [] : ['--log-replica-updates=OFF']);
		my $other = CdcIngest::Server->new($flavour, gtid => $flavour ne 'mysql97');
		$cluster->add_source("${flavour}_source", $source);
		$cluster->add_source("${flavour}_replica", $replica, connect_timeout => '1s', heartbeat_interval => '300ms');
		$cluster->add_source("${flavour}_other", $other);
		$_->do($reset) for $source, $replica;
		make_tables($source);
		my $create = sub {
			my ($name, $host, @options) = @_;
			$cluster->do("CREATE SCHEMA IF NOT EXISTS $name");
			return $cluster->call_sql('create_subscription', name => $name, server => "${flavour}_source", target_schema => $name, tables => ['shop.*'],
				exclude => ['shop.seq'], options => '{"copy_chunk_time": "10ms", "copy_workers": 3' . ($host ? qq(, "snapshot_host": "$host") : '') . '}', @options);
		};
		my $name = "${flavour}_copy";

		# what is no replica of the source, or cannot say so
		like($cluster->error_of($create->($name, 'nobody')), qr/server "nobody" does not exist/, 'no such server');
		like($cluster->error_of($create->($name, "${flavour}_replica")), qr/it is no replica of the source: it has none of its transactions.*HINT: +Name a replica/s, 'a server that replicates nothing yet');
		$other->do('CREATE DATABASE its_own');
		like($cluster->error_of($create->($name, "${flavour}_other")),
			$flavour eq 'mysql97' ? qr/it has no GTIDs.*HINT: +Set gtid_mode/s : qr/it is no replica of the source, or|does not replicate from the source|does not show its user/, 'another server');
		$replica->replicate_from($source);
		wait_until(60, sub { eval { $replica->value('SELECT COUNT(*) FROM shop.bag') == 3 } });
		if ($source->is_mariadb)
		{
			like($cluster->error_of($create->($name, "${flavour}_replica")), qr/does not show its user.*GRANT SLAVE MONITOR/s, 'a replica that does not show what it is');
			$replica->do("SET sql_log_bin = 0", "GRANT SLAVE MONITOR ON *.* TO $CdcIngest::Server::CDC_USER\@'127.0.0.1'", 'SET sql_log_bin = 1');
		}

		# over several connections, from the source
		my $writer = start_writer($source);
		$cluster->do($create->("${name}_direct"));
		equal_ok($source, "${name}_direct", 'over three connections, equal', except => ['seq']) for end_process($writer) // 1;

		# the source is no replica of itself
		like($cluster->notices_of("SELECT cdc.alter_subscription('${name}_direct', '{\"snapshot_host\": \"${flavour}_source\"}')"),
			qr/NOTICE: .*snapshot_host "${flavour}_source" of subscription "${name}_direct" is the source itself/, 'that it names the source is said');
		is($cluster->notices_of("SELECT cdc.alter_subscription('${name}_direct', '{\"snapshot_host\": null}')"), '', '... and nothing where none is named');

		# from the replica, which stands still at first
		$replica->stop_replica;
		$source->do(q{INSERT INTO shop.numbers VALUES (-1, 'not there yet')});
		my $sent = $replica->value(q{SHOW GLOBAL STATUS LIKE 'Bytes_sent'}) ? $replica->rows(q{SHOW GLOBAL STATUS LIKE 'Bytes_sent'})->[0][1] : 0;
		$writer = start_writer($source);
		$cluster->do($create->($name, "${flavour}_replica"));
		wait_until_waits_ok($name, qr/^snapshot_host "${flavour}_replica" is behind the stream: it has /, 'the copy waits for a replica that lags');
		is($cluster->value(q{SELECT count(*) FROM cdc.subscription_table WHERE subscription = ? AND state = 'd'}, $name), 0, '... and has read nothing');
		my $seen = $cluster->value('SELECT last_seq FROM cdc.subscription_position WHERE subscription = ?', $name);
		ok(wait_until(30, sub { $cluster->value('SELECT last_seq > ? FROM cdc.subscription_position WHERE subscription = ?', $seen + 5, $name) }), '... the stream goes on');
		$replica->start_replica;

		# it dies in mid-copy
		ok(wait_until(60, sub { $cluster->value(q{SELECT count(*) > 0 FROM cdc.subscription_table WHERE subscription = ? AND state IN ('d', 'f', 's', 'r')}, $name) }), 'it goes on when the replica does');
		$replica->stop('KILL');
		if ($cluster->value(q{SELECT count(*) > 0 FROM cdc.subscription_table WHERE subscription = ? AND state IN ('i', 'd') AND source_table <> 'shop.bag'}, $name))
		{
			wait_until_waits_ok($name, qr/^snapshot_host "${flavour}_replica": /, 'a replica that has died is waited for');
			$seen = $cluster->value('SELECT last_seq FROM cdc.subscription_position WHERE subscription = ?', $name);
			ok(wait_until(30, sub { $cluster->value('SELECT last_seq > ? FROM cdc.subscription_position WHERE subscription = ?', $seen + 5, $name) }), '... the stream goes on');
		}
		else { fail('the replica was to die in the middle of the copy') }
		$replica->start;
		end_process($writer);
		equal_ok($source, $name, 'from a replica that lagged and died, equal', except => ['seq']);
		cmp_ok($replica->rows(q{SHOW GLOBAL STATUS LIKE 'Bytes_sent'})->[0][1], '>', $rows * 10, 'rows came from the replica');
		is(waits_for($name), '', 'nothing is waited for any more');

		# a replica that is written to by itself
		$replica->do('CREATE DATABASE its_own');
		for my $which ($source->is_mariadb ? () : ("${name}_direct", $name))
		{
			like($cluster->error_of("SELECT cdc.alter_subscription('$which', '{\"snapshot_host\": \"${flavour}_replica\"}')"),
				qr/was written to by itself.*HINT: +Name a replica/s, "a replica with transactions of its own is refused ($which)");
		}
		$cluster->do("DROP SERVER ${flavour}_replica CASCADE", "SELECT cdc.resync_table('$name', 'shop.pairs')");
		wait_until_waits_ok($name, qr/there is no such foreign server/, 'a server that was dropped is waited for');
		$cluster->do("SELECT cdc.alter_subscription('$name', '{\"snapshot_host\": null}')");
		$cluster->catch_up($name);
		is($cluster->value(q{SELECT state FROM cdc.subscription_table WHERE subscription = ? AND source_table = 'shop.pairs'}, $name), 'r', '... until the source is to be read');
		$cluster->call('drop_subscription', name => $_, drop_history => \'true') for $name, "${name}_direct";
		$_->stop('KILL') for $source, $replica, $other;
	};
}

done_testing();
