# Sources restarted and killed, under load; all of them at a time, as most of the
# time goes into waiting for servers and for the workers' next try.
#
# Takes 75 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Scenario;

my $cluster = CdcIngest::Cluster->new('main');
my @scenarios = map {
	my ($flavour, $gtid) = @$_;
	CdcIngest::Scenario->new($flavour, with => $cluster, sub => $flavour . ($gtid ? '' : '_file'), source => { gtid => $gtid })
} ([ 'mariadb', 1 ], [ 'mysql56', 1 ], [ 'mysql56', 0 ]);
for my $signal (qw(TERM KILL KILL TERM KILL))
{
	$_->flows for @scenarios;
	kill $signal, $_->source->pid for @scenarios;
	$_->source->restart($signal) for @scenarios;
	$_->flows for @scenarios;
	$_->applies for @scenarios;
}
for my $s (@scenarios)
{
	$s->finish($s->sub_name . ' restarted');
	$cluster->call('drop_subscription', name => $s->sub_name);
	$s->source->kill9;
}
done_testing();
