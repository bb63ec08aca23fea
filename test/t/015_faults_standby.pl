# A standby of PostgreSQL promoted in the middle of the load: positions move with
# the data, so it goes on exactly where its copy of the data stands.
#
# Takes 20 s.
use strict;
use warnings;

use Test::More;
use PostgreSQL::Test::Cluster;
use CdcIngest::Scenario;

for my $flavour (qw(mariadb mysql56))
{
	my $s = CdcIngest::Scenario->new($flavour, name => "primary_$flavour",
		cluster => { streaming => 1 }, source => { gtid => $flavour eq 'mariadb' ? 1 : 0 });
	my $primary = $s->cluster;
	$s->flows;
	$primary->node->backup('base');
	my $node = PostgreSQL::Test::Cluster->new("standby_$flavour");
	$node->init_from_backup($primary->node, 'base', has_streaming => 1);
	$node->start;
	my $standby = CdcIngest::Cluster->of_node($node);
	is($standby->value('SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE $$cdc%$$ AND backend_type !~ $$launcher$$'),
		0, 'no workers on a standby');
	like($standby->error_of("SELECT cdc.$_('bank')"), qr/"bank" can go on only at the primary server: this one is a standby.*Call it there/s, "nor can one $_ there") for qw(pull apply);
	like($standby->value(q{SELECT state || ' ' || (lag IS NOT NULL) FROM cdc.stat_subscription}), qr/^stopped true/, 'the views can be read');
	$s->flows(1000);
	$s->applies;
	# Something that the standby has not got may be lost with the primary; it is
	# fetched from the source again.
	$primary->forget;
	$primary->node->stop('immediate');
	$node->promote;
	$s->{cluster} = $standby;
	$s->watch;
	$s->flows;
	$s->applies;
	$s->finish("$flavour, standby promoted");
	$node->stop;
	$s->source->kill9;
}
done_testing();
