# A look into the binlog is ended in the middle of what the server sends: the next dump
# must not wait for that one to end.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('large');

for my $flavour (qw(mariadb mysql56))
{
	my $source = CdcIngest::Server->new($flavour, args => ['--innodb-buffer-pool-size=256M']);
	my $dbh = $source->dbh;
	$dbh->do($_) for 'CREATE DATABASE big', 'CREATE TABLE big.t (id int AUTO_INCREMENT PRIMARY KEY, d varchar(200))',
	  'CREATE TABLE big.small (id int PRIMARY KEY)', q{INSERT INTO big.t (d) VALUES (repeat('x', 200))};
	$dbh->do('INSERT INTO big.t (d) SELECT d FROM big.t') for 1 .. 19;    # the last one has 262144 rows
	$cluster->add_source($flavour, $source);
	my $slowest = 0;
	for my $i (1 .. 8)
	{
		my $began = time;
		$cluster->subscribe("${flavour}_$i", $flavour, "${flavour}_$i", tables => ['big.small']);
		$cluster->catch_up("${flavour}_$i");
		$slowest = time - $began if time - $began > $slowest;
		$cluster->call('drop_subscription', name => "${flavour}_$i");
	}
	cmp_ok($slowest, '<', 10, sprintf '%s: streaming at once, the slowest of 8 after %.1f s', $flavour, $slowest);
	$source->kill9;
}

done_testing();
