#!/usr/bin/perl
# Messages in Avro and in Protobuf: a scan of a foreign table beside a Python consumer with fastavro,
# or Google's package, on Apache Kafka with a schema registry; started by test/bench/run.
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

sub run { my ($kind, @args) = @_; open my $out, '-|', $python, "$FindBin::Bin/${kind}_consumer.py", $kafka->bootstrap, $registry->url, @args or die "$python: $!\n"; my $line = <$out>; close $out or die "${kind}_consumer.py failed\n"; chomp $line; return $line }

$dbh->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '@{[ $kafka->bootstrap ]}', schema_registry_url '@{[ $registry->url ]}')");

# Best of three by turns; both read all of it and know the same of it in the end.
sub compare
{
	my ($kind, $topic, $with) = @_;
	my %best;
	$kafka->create_topic($topic, 1);
	run($kind, 'produce', $messages);
	$dbh->do("CREATE FOREIGN TABLE $topic (id bigint, customer text, amount numeric(12,2), placed timestamptz, quantity int, weight float8, paid boolean, note text)
		SERVER bus OPTIONS (topic '$topic', format 'json', value_format '$kind')");
	$dbh->do("CREATE FOREIGN TABLE documents_$kind (value jsonb) SERVER bus OPTIONS (topic '$topic', value_format '$kind')");
	for (1 .. 3)
	{
		for my $way (
			[ ours => sub { return $dbh->selectrow_array("SELECT count(*), sum(id), sum(amount), count(customer), max(placed), count(note) FROM $topic") } ],
			[ documents => sub { return $dbh->selectrow_array("SELECT count(value) FROM documents_$kind") } ],
			[ python => sub { return split / /, run($kind, 'consume', $messages) } ])
		{
			my ($name, $code) = @$way;
			my $began = time;
			my @known = $code->();
			my $rate = $messages / (time - $began);
			# the interpreter's start is not what is compared
			$rate = $known[-1] if $name eq 'python';
			die "$kind $name: @known\n" if $known[0] != $messages || ($name ne 'documents' && $known[1] != $messages * ($messages - 1) / 2);
			$best{$name} = better($best{$name} // 0, $rate);
		}
	}
	result("${kind}_rows", $best{ours}, $best{python}, "messages/s (baseline: a Python consumer with $with)");
	result("${kind}_jsonb", $best{documents}, $best{python}, "messages/s (baseline: a Python consumer with $with)");
	return;
}

compare('avro', 'orders', 'fastavro');
compare('protobuf', 'orders_protobuf', "Google's package");
$kafka->stop;
undef $registry;
close_database();
