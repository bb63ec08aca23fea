# The source restarted and killed, under load.
use strict;
use warnings;

use Test::More;
use CdcIngest::Scenario;

my $cluster = CdcIngest::Cluster->new('main');
for my $case ([ 'mariadb', 1 ], [ 'mysql56', 1 ], [ 'mysql56', 0 ])
{
	my ($flavour, $gtid) = @$case;
	my $name = "$flavour" . ($gtid ? '' : '_file');
	my $s = CdcIngest::Scenario->new($flavour, with => $cluster, sub => $name, source => { gtid => $gtid });
	for my $signal (qw(TERM KILL KILL TERM KILL))
	{
		$s->flows;
		$s->source->restart($signal);
		$s->flows;
		$s->applies;
	}
	$s->finish("$name restarted");
	$cluster->call('drop_subscription', name => $name);
	$s->source->stop;
}
done_testing();
