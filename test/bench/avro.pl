#!/usr/bin/perl
# Messages in Avro: a scan of a foreign table beside a Python consumer with fastavro, on Apache
# Kafka with a schema registry; started by test/bench/run.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Bench;
use CdcIngest::Kafka;
use CdcIngest::Registry;
use JSON::PP;
use Time::HiRes qw(time);

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);
$| = 1;

my $messages = size(CDC_BENCH_AVRO => 300_000);
my ($pg, $dbh) = open_database();
my $kafka = CdcIngest::Kafka->new(heap => '1g');
my $registry = CdcIngest::Registry->new;
my $python = $registry->python;
my $helper = "$FindBin::Bin/avro_consumer.py";

sub run { my (@args) = @_; open my $out, '-|', $python, $helper, $kafka->bootstrap, $registry->url, @args or die "$helper: $!\n"; my $line = <$out>; close $out or die "$helper failed\n"; chomp $line; return $line }

$kafka->create_topic('orders', 1);
run('produce', $messages);
$dbh->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '@{[ $kafka->bootstrap ]}', schema_registry_url '@{[ $registry->url ]}')");
$dbh->do(q{CREATE FOREIGN TABLE orders (id bigint, customer text, amount numeric(12,2), placed timestamptz, quantity int, weight float8, paid boolean, note text)
	SERVER bus OPTIONS (topic 'orders', format 'json', value_format 'avro')});
$dbh->do(q{CREATE FOREIGN TABLE documents (value jsonb) SERVER bus OPTIONS (topic 'orders', value_format 'avro')});

# Best of three by turns; both read all of it and know the same of it in the end.
my %best;
for (1 .. 3)
{
	for my $way (
		[ ours => sub { return $dbh->selectrow_array('SELECT count(*), sum(id), sum(amount), count(customer), max(placed), count(note) FROM orders') } ],
		[ documents => sub { return $dbh->selectrow_array('SELECT count(value) FROM documents') } ],
		[ python => sub { return split / /, run('consume', $messages) } ])
	{
		my ($name, $code) = @$way;
		my $began = time;
		my @known = $code->();
		my $rate = $messages / (time - $began);
		# the interpreter's start is not what is compared
		$rate = $known[-1] if $name eq 'python';
		die "$name: @known\n" if $known[0] != $messages || ($name ne 'documents' && $known[1] != $messages * ($messages - 1) / 2);
		$best{$name} = better($best{$name} // 0, $rate);
	}
}
result('avro_rows', $best{ours}, $best{python}, 'messages/s (baseline: a Python consumer with fastavro)');
result('avro_jsonb', $best{documents}, $best{python}, 'messages/s (baseline: a Python consumer with fastavro)');
$kafka->stop;
undef $registry;
close_database();
