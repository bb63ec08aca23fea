# Another table from any range of the stored history, live apply undisturbed.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Load;
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('replay');
CdcIngest::Load->create_tables($source, 'bank');
$cluster->add_source('bank', $source);
$cluster->subscribe('bank', 'bank', 'bank', tables => ['bank.*']);
my $load = CdcIngest::Load->start($source, 'bank');
$cluster->poll('SELECT count(*) > 300 FROM bank.movement', 1);
my $first_load = $load->stop;
$cluster->catch_up('bank');
my $middle = $cluster->value('SELECT max(seq) FROM bank.bank_history');
$cluster->do("CREATE TABLE middle_$_ AS TABLE bank.$_") for CdcIngest::Load->tables;

# Replay while the load goes on.
$load = CdcIngest::Load->start($source, 'bank', seed => 2);
for my $table (CdcIngest::Load->tables)
{
	$cluster->do("CREATE TABLE again_$table (LIKE bank.$table INCLUDING ALL)");
	my $events = $cluster->value("SELECT cdc.replay('bank', 'bank.$table', 'again_$table', to_seq := $middle)");
	cmp_ok($events, '>', 0, "$table: $events events replayed");
	is($cluster->value("SELECT count(*) FROM ((TABLE again_$table EXCEPT TABLE middle_$table) UNION ALL
			(TABLE middle_$table EXCEPT TABLE again_$table)) d"), 0, "$table: as it was then");
}
$load->stop;
$cluster->catch_up('bank');
$cluster->compare_ok($source, 'bank', 'bank', 'live apply was not disturbed');

# A suffix once more changes nothing (idempotent), the rest brings it up to date.
for my $table (CdcIngest::Load->tables)
{
	$cluster->do("SELECT cdc.replay('bank', 'bank.$table', 'again_$table', from_seq := " . int($middle / 2) . ')');
	is($cluster->value("SELECT count(*) FROM ((TABLE again_$table EXCEPT TABLE bank.$table) UNION ALL
			(TABLE bank.$table EXCEPT TABLE again_$table)) d"), 0, "$table: a suffix replayed ends in the same table");
}

# Another mapping.
$cluster->do('CREATE TABLE names (account int PRIMARY KEY, owner text)');
$cluster->do(q{SELECT cdc.replay('bank', 'bank.account', 'names', columns := '{"account": "id", "owner": "owner"}')});
is($cluster->value('SELECT count(*) FROM names n FULL JOIN bank.account a ON n.account = a.id WHERE n.owner IS DISTINCT FROM a.owner'),
	0, 'with other column names and fewer columns');
like($cluster->error_of(q{SELECT cdc.replay('bank', 'bank.nothing', 'names')}), qr/bank\.nothing/, 'a table that the subscription has not');
like($cluster->error_of(q{SELECT cdc.replay('bank', 'bank.account', 'no_such_table')}), qr/no_such_table/, 'a target that is not there');
done_testing();
