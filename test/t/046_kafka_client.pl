# The Kafka client below PostgreSQL (test/session/kafka_test.c), under ASAN with UBSAN
# and under TSAN, against librdkafka's mock cluster.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Process qw(spawn reap);

my $dir = "$FindBin::RealBin/../session";
my $log = `make -C "$dir" build/kafka_test-asan build/kafka_test-tsan 2>&1`;
is($?, 0, 'the test programs build') or BAIL_OUT($log);

# Both at once: most of their time they wait.
my $tmp = $ENV{TESTDATADIR} // $ENV{TMPDIR} // '/tmp';
mkdir $tmp;
my %pid = map { $_ => spawn("$tmp/kafka_test-$_.log", "$dir/build/kafka_test-$_") } qw(asan tsan);
for my $sanitizer (sort keys %pid)
{
	my $status = reap($pid{$sanitizer}, 400);
	open my $fh, '<', "$tmp/kafka_test-$sanitizer.log" or die $!;
	my @output = <$fh>;
	my $passed = grep { /^ok / } @output;
	my @bad = grep { !/^ok / } @output;
	ok(defined $status && $status == 0 && $passed > 0, "$sanitizer: $passed checks")
	  or diag 'status ', $status // 'timeout', "\n", @bad[ 0 .. (@bad > 60 ? 60 : $#bad) ];
}
done_testing();
