# Copies that meet trouble at their source: several of them on a server that shows its
# transactions to one at a time only, tables that cannot be read to their end.
#
# Takes 30 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('troubles');

sub make_numbers
{
	my ($source, $database) = @_;
	$source->do("CREATE DATABASE $database CHARACTER SET utf8mb4", "CREATE TABLE $database.seq (i int PRIMARY KEY)",
		"INSERT INTO $database.seq VALUES " . join(', ', map { "($_)" } 0 .. 99));
	return;
}

# Each asks which transactions are open, and whoever asks keeps the others from an answer
# that is new.
subtest 'several copies of one MySQL 5.6' => sub {
	my $source = CdcIngest::Server->new('mysql56', args => ['--innodb-flush-log-at-trx-commit=2']);
	make_numbers($source, 'many');
	$source->do('CREATE TABLE many.rows (id int PRIMARY KEY, v varchar(200) NOT NULL)',
		'INSERT INTO many.rows SELECT 100 * a.i + b.i, REPEAT("x", 100) FROM many.seq a, many.seq b',
		'CREATE TABLE many.plain (v int)', 'INSERT INTO many.plain SELECT i FROM many.seq');
	$cluster->add_source('many', $source);
	my $writer = fork_child(sub {
		my $dbh = $source->connect;
		while (1) { $dbh->do('UPDATE many.rows SET v = ' . int(rand 1e6) . ' WHERE id = ' . int rand 10000) for 1 .. 10; sleep 0.5 }
	});
	my $monitor = fork_child(sub {
		my $dbh = $source->connect;
		while (1) { $dbh->selectall_arrayref('SELECT * FROM information_schema.INNODB_TRX'); sleep 0.25 }
	});
	for my $round ('taking turns', 'with the lock kept by somebody')
	{
		my $at = -s $cluster->node->logfile;
		my $other = $source->connect;
		$other->do(q{DO GET_LOCK('cdc_ingest reads INNODB_TRX', 0)}) if $round ne 'taking turns';
		my $n = $round eq 'taking turns' ? 5 : 2;
		my $began = time;
		$cluster->subscribe("many$_", 'many', "many$_", tables => ['many.*'], options => '{"copy_chunk_time": "20ms"}') for 1 .. $n;
		$cluster->catch_up("many$_") for 1 .. $n;
		note sprintf '%d copies, %s: %.1f s', $n, $round, time - $began;
		unlike(substr(slurp($cluster->node->logfile), $at), qr/waits for its source|cannot join the binlog/, "$n copies, $round: none had to give up");
		$cluster->compare_ok($source, 'many', "many$_", "copy $_ is the same", except => ['rows']) for 1 .. $n;
		$cluster->call('drop_subscription', name => "many$_", drop_history => \'true') for 1 .. $n;
		$cluster->do(map { "DROP SCHEMA many$_ CASCADE" } 1 .. $n);
		is($source->value(q{SELECT IS_FREE_LOCK('cdc_ingest reads INNODB_TRX')}), 1, 'nobody keeps the lock') if $round eq 'taking turns';
		$other->disconnect;
	}
	end_process($_) for $writer, $monitor;
	$source->stop('KILL');
};

done_testing();
