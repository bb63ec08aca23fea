use strict; use warnings;
use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster; use CdcIngest::TcpProxy;
use CdcIngest::Server;
my $rows = $ENV{CDC_M_ROWS} // 500000;
my $cluster = CdcIngest::Cluster->new('measure', conf => "max_wal_size = 4GB\nshared_buffers = 256MB\n");
open my $out, '>>', '/tmp/cw_measure.txt'; $out->autoflush(1);
for my $flavour (split / /, $ENV{CDC_M_SERVER} // 'mariadb mysql97')
{
	my $source = CdcIngest::Server->new($flavour, args => ['--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=512M']);
	$source->do('CREATE DATABASE m', 'CREATE TABLE m.seq (i int PRIMARY KEY)', 'INSERT INTO m.seq VALUES ' . join(', ', map {"($_)"} 0..99));
	for my $t (0, 1) {
	$source->do("CREATE TABLE m.t$t (id bigint NOT NULL PRIMARY KEY, a int, b datetime, c decimal(12,2), v varchar(40), filler varchar(200))",
	 "INSERT INTO m.t$t SELECT a.i + 100*b.i + 10000*c.i, a.i, '2020-01-01', b.i, CONCAT('row ', a.i), REPEAT('x', 150) FROM m.seq a, m.seq b, m.seq c WHERE a.i + 100*b.i + 10000*c.i < $rows/2"); }
	for my $i (1..300) { $source->do("CREATE TABLE m.s$i (id int PRIMARY KEY, v varchar(20))", "INSERT INTO m.s$i VALUES (1,'a'),(2,'b')") }
	my $proxy = CdcIngest::TcpProxy->new($source->port);
	for my $delay (0, 10)
	{
		$proxy->slow($delay);
		my $server = "${flavour}_$delay";
		$cluster->add_source($server, $delay ? $proxy->port : $source);
		for my $what ('t*', 's*') {
		for my $w (1, 2, 4)
		{
			my $name = "${flavour}_${delay}_$w" . substr($what,0,1);
			for my $h (0) {
			my $t0 = time;
			$cluster->subscribe($name, $server, undef, tables => ["m.$what"], history => "public.$name", enabled => \'false', options => qq({"copy_workers": $w}));
			my $t1 = time;
			$cluster->do("SELECT cdc.pull('$name')") for 1;
			my $t2 = time;
			my $n = $cluster->value("SELECT count(*) FROM $name WHERE op = 'r'");
			printf {$out} "%s delay %d ms workers %d %s: %d rows %.2f s  %.0f rows/s\n", $flavour, $delay, $w, $what, $n, $t2-$t1, $n/($t2-$t1);
			$cluster->call('drop_subscription', name => $name, drop_history => \'true');
			}
		} }
	}
	$proxy->stop; $source->stop('KILL');
}
ok(1);
done_testing();
