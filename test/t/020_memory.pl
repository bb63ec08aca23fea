# One source transaction of two million rows: no worker grows with it.
#
# What is measured is a process's own memory (see own_memory_kb); an idle session of
# the same cluster is the base line.
#
# Runs alone: it measures memory, and fills the machine.
# Takes 90 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(own_memory_kb wait_until);
use CdcIngest::Server;

my $rows = $ENV{CDC_TEST_MEMORY_ROWS} // 2_000_000;

my $source = CdcIngest::Server->new('mariadb',
	args => [ '--innodb-buffer-pool-size=512M', '--max-binlog-cache-size=4G', '--innodb-log-file-size=512M' ]);
my $cluster = CdcIngest::Cluster->new('memory', conf => "max_wal_size = '4GB'\n");
$source->do('CREATE DATABASE big', 'CREATE TABLE big.t (id int PRIMARY KEY, a int, v varchar(60), w decimal(10,2))');
$cluster->add_source('big', $source);
$cluster->subscribe('big', 'big', 'big', tables => ['big.*']);
$cluster->catch_up('big');
my %pid = map { $_ => $cluster->worker_pid('big', $_) } qw(pull apply);
my $idle = $cluster->connect;
$idle->selectrow_array('SELECT count(*) FROM pg_class');
my $base = own_memory_kb($idle->{pg_pid});
my %peak = (pull => 0, apply => 0);

my $dbh = $source->dbh;
$dbh->do('CREATE TABLE big.digit (d int PRIMARY KEY)');
$dbh->do('INSERT INTO big.digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)');
my $digits = join ', ', map { "big.digit d$_" } 0 .. 6;
my $number = join ' + ', map { "d$_.d * " . 10**$_ } 0 .. 6;
$dbh->do("INSERT INTO big.t SELECT n, n % 1000, concat('value of row ', n), n / 100
          FROM (SELECT $number AS n FROM $digits) x WHERE n BETWEEN 1 AND $rows");

my $look = sub {
	for my $kind (qw(pull apply))
	{
		my $kb = own_memory_kb($pid{$kind});
		$peak{$kind} = $kb if $kb > $peak{$kind};
	}
};
my $caught_up = sub {
	my ($name) = @_;
	# In small steps, so that the workers are looked at all the time.
	my $ok = wait_until(900, sub { $look->(); $cluster->value(q{SELECT cdc.wait_for('big', timeout := '200 ms')}) }, 0);
	ok($ok, $name) or diag $cluster->state_of('big');
	for my $kind (qw(pull apply))
	{
		is($cluster->worker_pid('big', $kind), $pid{$kind}, "$kind worker is the same process");
		my $mb = ($peak{$kind} - $base) / 1024;
		cmp_ok($mb, '<', 100, sprintf '%s worker: %.1f MB above an idle backend (%.1f MB)', $kind, $mb, $base / 1024);
	}
};
$caught_up->("$rows rows in one transaction");
is($cluster->value('SELECT count(*) FROM big.t'), $rows, 'all are there');

$source->do("UPDATE big.t SET a = a + 1, v = concat(v, '!')");
$caught_up->("$rows updates in one transaction");
is($cluster->value(q{SELECT count(*) FROM big.t WHERE v LIKE '%!'}), $rows, 'all are updated');

# MariaDB writes what ROLLBACK TO SAVEPOINT undoes, once a table without transactions
# was changed.  Here that spans memory and the temporary file, and the file alone.
$source->do('CREATE TABLE big.note (id int PRIMARY KEY, v varchar(20)) ENGINE = MyISAM',
	'CREATE TABLE big.part (id int PRIMARY KEY, v varchar(100))');
my $insert = sub { "INSERT INTO big.part SELECT id, repeat('p', 90) FROM big.t WHERE id BETWEEN $_[0] AND $_[1]" };
$source->do('BEGIN', $insert->(1, 100), 'SAVEPOINT early', $insert->(1001, 200_000),
	"INSERT INTO big.note VALUES (1, 'stays')", 'ROLLBACK TO early', $insert->(101, 200), 'COMMIT');
$source->do('BEGIN', $insert->(300_000, 500_000), 'SAVEPOINT late', $insert->(600_000, 620_000),
	"INSERT INTO big.note VALUES (2, 'stays')", 'ROLLBACK TO late', $insert->(700_000, 700_009), 'COMMIT');
$caught_up->('transactions that were rolled back to a savepoint');
is_deeply($cluster->rows('SELECT count(*), min(id), max(id) FROM big.part'), [ [ 200 + 200_001 + 10, 1, 700_009 ] ],
	'nothing is left of what was undone');
is($cluster->value('SELECT count(*) FROM big.note'), 2, 'what could not be undone is there');

# One row of 40 MB.
$source->do('SET GLOBAL max_allowed_packet = 256 * 1024 * 1024');
undef $source->{dbh};
$source->do('CREATE TABLE big.wide (id int PRIMARY KEY, v longtext)');
$cluster->catch_up('big');
$source->do("INSERT INTO big.wide VALUES (1, repeat('0123456789', 4000000))");
$cluster->catch_up('big', 120);
is($cluster->value('SELECT length(v) FROM big.wide'), 40_000_000, 'a row of 40 MB arrives');
$cluster->history_ok('big');
done_testing();
