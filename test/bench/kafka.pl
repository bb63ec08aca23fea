#!/usr/bin/perl
# Kafka: scans, loading, pull and producing, side by side with kcat, on Apache Kafka
# and on librdkafka's mock cluster; started by test/bench/run.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Bench;
use CdcIngest::Kafka;
use CdcIngest::KafkaMock;
use Time::HiRes qw(time);

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);
$| = 1;

my $messages = size(CDC_BENCH_KAFKA => 1_000_000);
my ($pg, $dbh) = open_database();
my $file = $pg->dir . '/events.json';

# Maxwell events of some 400 bytes, one a line, the same in every run.  None has a
# backslash, which COPY would take for its own.
sub write_events
{
	srand 7;
	my @word = qw(alpha beta gamma delta epsilon zeta eta theta iota kappa lambda omicron rho sigma tau upsilon omega);
	my @status = qw(new paid sent returned);
	my @type = qw(insert insert update delete);
	my @note = ('null', '"leave it at the door"', '"Grüße aus Köln, zweiter Stock"', '""');
	open my $fh, '>:encoding(UTF-8)', $file or die "$file: $!\n";
	my $bytes = 0;
	for my $i (0 .. $messages - 1)
	{
		my $customer = join ' ', map { $word[ rand @word ] } 1 .. 2 + rand 4;
		my $line = sprintf '{"database":"shop","table":"orders","type":"%s","ts":%d,"xid":%d,%s"position":"binlog.%06d:%d",'
		  . '"server_id":1,"thread_id":%d,"primary_key":[%d],"primary_key_columns":["id"],"data":{"id":%d,"customer":"%s",'
		  . '"status":"%s","amount":%d.%02d,"quantity":%d,"weight":%.4f,"created":"2026-11-%02d %02d:%02d:%02d","note":%s,"paid":%d}}',
		  $type[ rand @type ], 1_795_000_000 + $i / 100, 1_000_000 + $i / 4, $i % 4 == 3 ? '"commit":true,' : "\"xoffset\":@{[ $i % 4 ]},",
		  1 + $i / 100_000, 4 + $i % 100_000 * 400, 10 + rand 50, $i, $i, $customer, $status[ rand @status ], rand 10_000,
		  rand 100, 1 + rand 20, rand 100, 1 + rand 28, rand 24, rand 60, rand 60, $note[ rand @note ], rand 2;
		$bytes += length $line;
		print {$fh} $line, "\n";
	}
	close $fh or die "$file: $!\n";
	progress('%d events of %.0f bytes', $messages, $bytes / $messages);
	return;
}

# A pipe of the shell; dies where any part of it fails.
sub shell
{
	my ($command) = @_;
	system('bash', '-c', "set -e -o pipefail; $command") == 0 or die "failed: $command\n";
	return;
}

sub kcat_read { my ($kafka, $topic) = @_; return 'kcat -C -q -e -o beginning -b ' . $kafka->bootstrap . " -t $topic" }

sub load_topic
{
	my ($kafka, $topic, @args) = @_;
	shell("kcat -P -b @{[ $kafka->bootstrap ]} -t $topic @args <$file");
	expect_messages($kafka, $topic);
	return;
}

# The low watermarks are of no interest: the mock cluster forgets what is old.
sub expect_messages
{
	my ($kafka, $topic) = @_;
	my $n = 0;
	$n += $_->[1] for $kafka->watermarks($topic);
	die "topic $topic has $n messages, not $messages\n" if $n != $messages;
	return;
}

sub add_server
{
	my ($name, $kafka) = @_;
	$dbh->do("CREATE SERVER $name FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '@{[ $kafka->bootstrap ]}')");
	$dbh->do("CREATE FOREIGN TABLE ${name}_events (partition int, \"offset\" bigint, ts timestamptz, key text, value jsonb)
		SERVER $name OPTIONS (topic 'events')");
	return;
}

# Both by turns; messages a second of the best of so many rounds.
sub compare
{
	my ($name, $unit, $rounds, $ours, $baseline, $prepare) = @_;
	my ($best_ours, $best_baseline) = (0, 0);
	for (1 .. $rounds)
	{
		$prepare->() if $prepare;
		$best_ours = better($best_ours, $messages / measured($ours));
		$prepare->() if $prepare;
		$best_baseline = better($best_baseline, $messages / measured($baseline));
	}
	result($name, $best_ours, $best_baseline, $unit);
	return;
}

sub count_all
{
	my ($table) = @_;
	my $n = value("SELECT count(*) FROM $table");
	die "$table: $n messages, not $messages\n" if $n != $messages;
	return;
}

sub bench_count
{
	my ($name, $kafka, $server) = @_;
	compare("${name}_count", 'messages/s (baseline: kcat to /dev/null)', 3,
		sub { count_all("${server}_events") }, sub { shell(kcat_read($kafka, 'events') . ' >/dev/null') });
	return;
}

sub pipe_into_copy
{
	my ($kafka) = @_;
	shell(kcat_read($kafka, 'events') . " | psql -X -q -h 127.0.0.1 -p @{[ $pg->port ]} -U postgres postgres -c 'COPY loaded FROM STDIN'");
	count_all('loaded');
	return;
}

sub bench_insert
{
	my ($name, $kafka, $server) = @_;
	$dbh->do('DROP TABLE IF EXISTS loaded');
	$dbh->do('CREATE TABLE loaded (event jsonb)');
	compare("${name}_insert", 'messages/s (baseline: kcat | psql COPY into jsonb)', 3,
		sub { $dbh->do("INSERT INTO loaded SELECT value FROM ${server}_events") },
		sub { pipe_into_copy($kafka) },
		sub { $dbh->do('TRUNCATE loaded') });
	return;
}

sub bench_pull
{
	my ($name, $kafka, $server) = @_;
	compare("${name}_pull", 'messages/s (baseline: kcat | psql COPY into jsonb)', 3,
		sub { $dbh->do(q{SELECT cdc.pull('k')}); count_all('k_history') },
		sub { pipe_into_copy($kafka) },
		sub {
			$dbh->do('TRUNCATE loaded');
			$dbh->do(q{SELECT cdc.drop_subscription(name, drop_history := true) FROM cdc.subscription});
			$dbh->do(qq{SELECT cdc.create_subscription('k', '$server', topics := '{events}', format := 'maxwell',
				history := 'public.k_history', start_position := 'earliest', enabled := false)});
		});
	return;
}

sub bench_produce
{
	my ($name, $kafka, $server) = @_;
	my $round = 0;
	$dbh->do("CREATE FOREIGN TABLE ${server}_sent (topic text, value text) SERVER $server");
	compare("${name}_produce", 'messages/s (baseline: kcat -P)', 3,
		sub { $dbh->do("INSERT INTO ${server}_sent SELECT 'ours$round', line FROM lines"); expect_messages($kafka, "ours$round") },
		sub { load_topic($kafka, "theirs$round") },
		sub { $round++; $kafka->create_topic("$_$round", 4) for 'ours', 'theirs' });
	# with the guarantee that ours gives
	compare("${name}_produce_idempotent", 'messages/s (baseline: kcat -P -X enable.idempotence=true)', 3,
		sub { $dbh->do("INSERT INTO ${server}_sent SELECT 'ours$round', line FROM lines"); expect_messages($kafka, "ours$round") },
		sub { load_topic($kafka, "theirs$round", '-X', 'enable.idempotence=true') },
		sub { $round++; $kafka->create_topic("$_$round", 4) for 'ours', 'theirs' });
	return;
}

sub bench_memory
{
	for my $case ([ 'kafka_memory_count', 'SELECT count(*) FROM bus_events' ], [ 'kafka_memory_load', 'CREATE TABLE copied AS SELECT value FROM bus_events' ])
	{
		my ($name, $statement) = @$case;
		result($name, peak_memory_mb($statement), 64, 'MB above an idle backend (baseline: the bound)', 'less');
	}
	return;
}

sub bench_all
{
	my @which = @_;
	$_->(@which) for \&bench_count, \&bench_insert, \&bench_pull, \&bench_produce;
	return;
}

my $kafka = CdcIngest::Kafka->new(heap => '1g');
warm_up();
write_events();
$dbh->do('CREATE TABLE lines (line text)');
$dbh->do("COPY lines FROM '$file'");
$kafka->create_topic('events', 4);
load_topic($kafka, 'events');
add_server('bus', $kafka);
bench_all('kafka', $kafka, 'bus');
bench_memory();
$kafka->stop;

# The mock cluster keeps 5 MB of a partition, as they were sent: compressed, and in
# more partitions.
my $mock = CdcIngest::KafkaMock->new;
$mock->create_topic('events', 32);
load_topic($mock, 'events', '-z', 'zstd');
add_server('mock', $mock);
bench_all('kafka_mock', $mock, 'mock');
$mock->stop;
close_database();
