# The whole of PostgreSQL stopped at once, ten times at random moments, under load.
#
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use CdcIngest::Scenario;

my $seed = $ENV{CDC_TEST_SEED} // time;
srand $seed;
note "CDC_TEST_SEED=$seed";

for my $flavour (qw(mariadb mysql56))
{
	my $s = CdcIngest::Scenario->new($flavour, name => $flavour,
		source => { gtid => $flavour eq 'mariadb' ? 1 : 0 });
	my $cluster = $s->cluster;
	$s->watch;
	$s->applies(1);
	for my $round (1 .. $flavour eq 'mariadb' ? 10 : 5)
	{
		$s->flows(1 + int rand 500);
		# The moment itself is the point here: nothing is waited for.
		sleep rand 0.3;
		$cluster->forget;
		if ($round % 2) { $cluster->node->stop('immediate') }
		else { $cluster->node->kill9; }
		$cluster->node->start;
	}
	$s->flows;
	$s->finish("$flavour, PostgreSQL ended ten times");
	$s->source->kill9;
	$cluster->node->stop;
}
done_testing();
