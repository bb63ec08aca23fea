#!/usr/bin/perl
# The benchmarks of a Greenplum cluster that is running on this machine (CDC_GP_PORT, see
# CONTRIBUTING.md), each beside SQL by hand for the same in the same run; started by
# test/bench/run.  Figures are of CPU time of master and segments, as all share the machine's
# cores; progress has the times.
use strict;
use warnings;

# PostgreSQL's modules for tests would take both for their log.
my ($stdout, $stderr);
BEGIN { open $stdout, '>&', \*STDOUT; open $stderr, '>&', \*STDERR }

use FindBin;
use lib $FindBin::Bin;
use Bench qw(progress result size);
use GpBench;
use Workload;
use CdcIngest::Greenplum;
use CdcIngest::Kafka;
use CdcIngest::Process qw(cpu_seconds wait_until);
use CdcIngest::Server;
use Time::HiRes qw(sleep time);

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);
open STDOUT, '>&', $stdout;
open STDERR, '>&', $stderr;
$| = 1;

my @names = qw(gp_pull gp_apply gp_row gp_keyless gp_idle gp_kafka);
my %wanted = map { $_ => 1 } @ARGV ? @ARGV : @names;
for my $name (keys %wanted) { die "no such benchmark: $name (@names)\n" unless grep { $_ eq $name } @names }

my $cluster = CdcIngest::Greenplum->new('bench');
my $dbh = $cluster->dbh;
my $owner = (stat $cluster->value('SHOW data_directory'))[4];
my $events = size(CDC_BENCH_GP_EVENTS => 1_000_000);

sub take { my (@sql) = @_; return taken($dbh, $owner, @sql) }

sub compared
{
	my ($name, $n, $ours, $hand) = @_;
	progress('%s: %d events, ours %s; by hand %s', $name, $n, describe($ours), describe($hand));
	result($name, map({ $n / ($_->{cpu} || 0.01) } $ours, $hand), 'events a second of CPU');
	return;
}

# --- the binlog into the history, beside COPY of the same text into such a table

my $list = 'seq, ingested_at, source_ts, source_table, op, position, gtid, event, raw, commit';

sub bench_pull
{
	my ($ours) = @_;
	my $file = "$ENV{CDC_WORK}/gp/history.copy";
	mkdir "$ENV{CDC_WORK}/gp";
	chmod 0777, "$ENV{CDC_WORK}/gp";
	# the same partitions, the same index: what differs is how a row comes in
	$cluster->do("COPY (SELECT $list FROM gp.bench_history) TO '$file'",
		q{SELECT cdc.create_subscription('copied', 'w', tables := '{bench.w}', history := 'gp.copied', copy_data := false, enabled := false)});
	my $hand = take("COPY gp.copied ($list) FROM '$file'");
	compared('gp_pull', $cluster->value('SELECT count(*) FROM gp.copied'), $ours, $hand);
	$cluster->do("SELECT cdc.drop_subscription('copied', drop_history := true)");
	unlink $file;
	return;
}

# --- the history into the replica, beside the merge on the segments by hand

my $columns = 'id bigint, customer integer, status text, amount numeric(12,2), note varchar(200), created timestamp(0), changed timestamp(6)';
my $typed = join ', ', map { "(event->'data'->>'$_->[0]')::$_->[1]" }
  [ id => 'bigint' ], [ customer => 'integer' ], [ status => 'text' ], [ amount => 'numeric' ],
  [ note => 'text' ], [ created => 'timestamp' ], [ changed => 'timestamp' ];

sub by_hand
{
	my ($from, $to, $empty) = @_;
	my $last = "SELECT DISTINCT ON ((event->'data'->>'id')::bigint) (event->'data'->>'id')::bigint AS id, op, event
		FROM gp.bench_history WHERE seq BETWEEN $from AND $to AND op IN ('c', 'u', 'd') ORDER BY (event->'data'->>'id')::bigint, seq DESC";
	return ("INSERT INTO by_hand SELECT $typed FROM ($last) l WHERE op <> 'd'") if $empty;
	(my $set = "$typed") =~ s/^[^,]*, //;
	return ("CREATE TEMP TABLE last_event AS $last DISTRIBUTED BY (id)",
		'DELETE FROM by_hand t USING last_event l WHERE t.id = l.id AND l.op = \'d\'',
		"UPDATE by_hand t SET (customer, status, amount, note, created, changed) = ($set) FROM last_event l WHERE t.id = l.id AND l.op <> 'd'",
		"INSERT INTO by_hand SELECT $typed FROM last_event l WHERE op <> 'd' AND NOT EXISTS (SELECT 1 FROM by_hand t WHERE t.id = l.id)",
		'DROP TABLE last_event');
}

sub bench_apply
{
	my ($name, $from, $to, $empty) = @_;
	my $n = $to - $from + 1;
	my $ours = take("SELECT * FROM cdc.apply('bench', max_events := $n)");
	my $hand = take(by_hand($from, $to, $empty));
	my $different = $cluster->value('SELECT count(*) FROM ((SELECT id, customer, status::text, amount, note::text, created, changed FROM gp.w
		EXCEPT SELECT id, customer, status, amount, note::text, created, changed FROM by_hand) UNION ALL
		(SELECT id, customer, status, amount, note::text, created, changed FROM by_hand EXCEPT SELECT id, customer, status::text, amount, note::text, created, changed FROM gp.w)) d');
	die "$name: $different rows differ from those by hand\n" if $different;
	compared($name, $n, $ours, $hand);
	return;
}

sub bench_tables
{
	my $source = CdcIngest::Server->new('mariadb', args => [ '--innodb-buffer-pool-size=1G', '--max-binlog-size=1G' ]);
	$cluster->add_source('w', $source);
	$source->do('CREATE DATABASE bench CHARACTER SET utf8mb4', Workload::table_sql('bench.w'));
	$cluster->do('CREATE SCHEMA gp',
		q{SELECT cdc.create_subscription('bench', 'w', tables := '{bench.w}', target_schema := 'gp', history := 'gp.bench_history', copy_data := false, enabled := false)},
		"SELECT cdc.pull('bench')", "CREATE TABLE by_hand ($columns, PRIMARY KEY (id)) DISTRIBUTED BY (id)");
	progress('a source with %d rows', $events);
	Workload::fill($source->dbh, 'bench.w', $events);
	my $pull = take("SELECT cdc.pull('bench')");
	my $border = $cluster->value('SELECT max(seq) FROM gp.bench_history');
	bench_pull($pull) if $wanted{gp_pull};
	$cluster->do('ANALYZE gp.bench_history');
	if ($wanted{gp_apply})
	{
		bench_apply('gp_apply_empty', 1, $border, 1);
		$source->do('UPDATE bench.w SET status = 2, amount = amount + 1.5, changed = now(6) ORDER BY crc32(id)');
		progress('updates: pull %s', describe(take("SELECT cdc.pull('bench')")));
		$cluster->do('ANALYZE gp.bench_history', 'ANALYZE gp.w', 'ANALYZE by_hand');
		bench_apply('gp_apply_full', $border + 1, $cluster->value('SELECT max(seq) FROM gp.bench_history'));
	}
	else
	{
		$cluster->do("SELECT * FROM cdc.apply('bench')");
	}
	bench_row($source) if $wanted{gp_row};
	bench_keyless($source) if $wanted{gp_keyless};
	bench_idle() if $wanted{gp_idle};
	$cluster->do(q{SELECT cdc.drop_subscription('bench', drop_history := true)}, 'DROP TABLE by_hand', 'DROP SCHEMA gp CASCADE');
	$source->stop;
	return;
}

# One changed row of a large replica: pull and apply in a session that has done both before.
sub bench_row
{
	my ($source) = @_;
	my (@pull, @apply, @hand);
	for my $i (1 .. 60)
	{
		$source->do("UPDATE bench.w SET customer = customer + 1 WHERE id = $i");
		push @pull, take("SELECT cdc.pull('bench')")->{seconds};
		push @apply, take("SELECT * FROM cdc.apply('bench')")->{seconds};
		push @hand, take("UPDATE by_hand SET customer = customer + 1 WHERE id = $i")->{seconds};
	}
	my ($pull, $apply, $hand) = map { 1000 * (sort { $a <=> $b } @$_)[30] } \@pull, \@apply, \@hand;
	progress('gp_row: pull %.1f ms, apply %.1f ms, UPDATE by hand %.1f ms (medians)', $pull, $apply, $hand);
	result('gp_row', $apply, $hand, 'ms, a changed row applied (baseline: UPDATE of it by hand)', 'less');
	return;
}

# Rows of a table without a key, found by all their values.
sub bench_keyless
{
	my ($source) = @_;
	my $rows = size(CDC_BENCH_GP_KEYLESS => 20_000);
	$source->do('CREATE TABLE bench.nokey (a int, b varchar(20))', "INSERT INTO bench.nokey SELECT id % 5000, concat('row ', id % 7000) FROM bench.w WHERE id <= $rows");
	$cluster->do(q{SELECT cdc.create_subscription('keyless', 'w', tables := '{bench.nokey}', target_schema := 'gp', history := 'gp.keyless_history', enabled := false)},
		"SELECT cdc.pull('keyless')", "SELECT * FROM cdc.apply('keyless')");
	my $n = $source->value('SELECT count(*) FROM bench.nokey');
	$source->do(q{UPDATE bench.nokey SET b = concat(b, '!')}, 'DELETE FROM bench.nokey WHERE a < 500');
	$cluster->do("SELECT cdc.pull('keyless')");
	my $changes = $cluster->value("SELECT count(*) FROM gp.keyless_history WHERE op IN ('u', 'd')");
	my $ours = take("SELECT * FROM cdc.apply('keyless')");
	my $left = $cluster->value('SELECT count(*) FROM gp.nokey');
	die "gp_keyless: $left rows\n" if $left != $source->value('SELECT count(*) FROM bench.nokey');
	progress('gp_keyless: %d changes of a table of %d rows: %s', $changes, $n, describe($ours));
	result('gp_keyless', 1000 * $ours->{seconds} / ($changes || 1), 10, 'ms a change of a table without a key (baseline: the 10 ms that a scan for each took once, not measured here)', 'less');
	$cluster->do(q{SELECT cdc.drop_subscription('keyless', drop_history := true)});
	return;
}

sub bench_idle
{
	my $seconds = $ENV{CDC_BENCH_LATENCY_SECONDS} // 60;
	$cluster->do("SELECT cdc.enable_subscription('bench')");
	$cluster->value("SELECT cdc.wait_for('bench')");
	sleep 10;
	my $cpu = cluster_cpu($owner);
	sleep $seconds;
	$cpu = (cluster_cpu($owner) - $cpu) / $seconds * 100;
	$cluster->do("SELECT cdc.disable_subscription('bench')");
	result('gp_idle', $cpu, 0.5, '% of a core, whole cluster with an idle subscription (baseline: the bound)', 'less');
	return;
}

# --- Kafka: a subscription by the segments, beside the same by the master; a scan by all
# segments beside one by the master

sub produce
{
	my ($kafka, $n) = @_;
	$kafka->create_topic('shop.orders', 4);
	open my $kcat, '|-', 'kcat', '-P', '-b', $kafka->bootstrap, '-t', 'shop.orders', '-K', "\t", '-X', 'partitioner=murmur2_random' or die "kcat: $!\n";
	for my $id (1 .. $n)
	{
		printf {$kcat} qq({"database":"shop","table":"orders","pk.id":%d}\t{"database":"shop","table":"orders","type":"insert","ts":1700000000,"xid":%d,"commit":true,"data":{"id":%d,"customer":"customer %d","amount":%d.25,"status":"paid"}}\n), $id, $id, $id, $id % 1000, $id % 777;
	}
	close $kcat or die "kcat failed\n";
	return;
}

sub bench_kafka
{
	my $kafka = CdcIngest::Kafka->new;
	produce($kafka, $events);
	$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')");
	my %taken;
	for my $by (qw(segments master))
	{
		$cluster->do("CREATE SCHEMA $by");
		$cluster->call('create_subscription', name => $by, server => 'bus', topics => ['shop.orders'], format => 'maxwell', enabled => 'false',
			history => "$by.history", options => $by eq 'master' ? '{"commit_boundary": "partition"}' : '{}');
		$taken{$by} = take("SELECT cdc.pull('$by')");
		die "$by: not all events\n" if $cluster->value("SELECT count(*) FROM $by.history WHERE op = 'c'") != $events;
		$cluster->do("SELECT cdc.drop_subscription('$by', drop_history := true)");
	}
	progress('gp_kafka: %s by segments, %s by the master', map { describe($taken{$_}) } qw(segments master));
	result('gp_kafka', map({ $events / $taken{$_}{seconds} } qw(segments master)), 'messages/s into the history (baseline: the master alone)');
	for my $by (qw(segments master))
	{
		$cluster->do("CREATE FOREIGN TABLE scan_$by (\"partition\" int, \"offset\" bigint, value jsonb) SERVER bus OPTIONS (topic 'shop.orders'"
			. ($by eq 'master' ? ", mpp_execute 'master'" : '') . ')');
		die "$by: not all messages\n" if $cluster->value("SELECT count(*) FROM scan_$by") != $events;
		$taken{$by} = take("SELECT count(*) FROM scan_$by");
		$taken{"load_$by"} = take("CREATE TABLE loaded_$by AS SELECT * FROM scan_$by DISTRIBUTED BY (\"partition\", \"offset\")");
	}
	progress('gp_scan: count by segments %s, by the master %s', map { describe($taken{$_}) } qw(segments master));
	progress('gp_load: by segments %s, by the master %s', map { describe($taken{"load_$_"}) } qw(segments master));
	result('gp_scan', map({ $events / $taken{$_}{seconds} } qw(segments master)), 'messages/s counted (baseline: the master alone)');
	result('gp_load', map({ $events / $taken{"load_$_"}{seconds} } qw(segments master)), 'messages/s into a table (baseline: the master alone)');
	return;
}

bench_tables() if grep { $wanted{$_} } qw(gp_pull gp_apply gp_row gp_keyless gp_idle);
bench_kafka() if $wanted{gp_kafka};
