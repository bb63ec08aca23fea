# The sessions with a source below PostgreSQL (test/session), under ASAN with UBSAN
# and under TSAN, against each kind of server.
#
# Runs alone: it measures tenths of a second, in programs that sanitizers make slow.
# Takes 60 s.
use strict;
use warnings;

use FindBin;
use Test::More;
use CdcIngest::Server;

my $dir = "$FindBin::Bin/../session";
my $log = `make -C "$dir" session 2>&1`;
is($?, 0, 'the test programs build') or BAIL_OUT($log);

for my $sanitizer (qw(asan tsan))
{
	my $output = `"$dir/build/queue_test-$sanitizer" 2>&1`;
	is($?, 0, "queue under stress, $sanitizer") or diag $output;
}

for my $flavour (qw(mariadb mysql56 mysql97))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1
		  if $flavour eq 'mysql97' && !CdcIngest::Server->available($flavour);
		my $source;
		for my $sanitizer (qw(asan tsan))
		{
			# The program kills its server at the end.
			if ($source) { $source->restart('KILL') }
			else { $source = CdcIngest::Server->new($flavour) }
			my $command = join ' ', "$dir/build/session_test-$sanitizer", '127.0.0.1', $source->port, $source->pid;
			my @output = `$command 2>&1`;
			my $status = $?;
			my $passed = grep { /^ok / } @output;
			my @bad = grep { !/^ok / } @output;
			ok($status == 0 && $passed > 0, "$flavour, $sanitizer: $passed checks") or diag "status $status\n", @bad[ 0 .. (@bad > 60 ? 60 : $#bad) ];
		}
		$source->kill9;
	}
}
done_testing();
