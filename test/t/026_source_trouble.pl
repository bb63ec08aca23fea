# A column that cannot be read concerns its table only, wherever it is met; a
# source that stops answering ends each query, one that is busy does not; and
# check_server sees with SELECT alone what there is.
#
# Runs without load: a connect may take a second.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child reap);
use CdcIngest::Server;

# There are systems whose C library comes without some of its converters.
my $gconv = PostgreSQL::Test::Utils::tempdir();
PostgreSQL::Test::Utils::append_to_file("$gconv/gconv-modules", "module\tKOI8-U//\tINTERNAL\tmissing\t1\n");
my $unreadable = q{varchar(20) CHARACTER SET koi8u};
my $cluster = do
{
	local $ENV{GCONV_PATH} = $gconv;
	CdcIngest::Cluster->new('trouble');
};
my $source = CdcIngest::Server->new('mariadb');
$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4',
	'CREATE TABLE shop.good (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.good VALUES (1, 'one')},
	"CREATE TABLE shop.bad (id int PRIMARY KEY, odd $unreadable)", q{INSERT INTO shop.bad VALUES (1, 'x')},
	'CREATE TABLE shop.later (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.later VALUES (1, 'x')},
	'CREATE TABLE shop.child (id int PRIMARY KEY, g int, FOREIGN KEY (g) REFERENCES shop.good (id) ON DELETE SET NULL)',
	'CREATE TABLE shop.keyless (a int, UNIQUE KEY (a))',
	q{CREATE USER poor@'127.0.0.1' IDENTIFIED BY 'poor'},
	q{GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO poor@'127.0.0.1'});

# --- check_server with SELECT only
$cluster->add_source('poor', $source, user => 'poor', password => 'poor');
my %said = map { $_->[0] => $_->[1] } @{ $cluster->rows(q{SELECT check_name, detail FROM cdc.check_server('poor')}) };
is($said{'primary keys'}, 'shop.keyless', 'check_server names the tables without a primary key, and no other');
is($said{'foreign key cascades'}, 'shop.child', '... and those that a cascade changes');

# --- columns that cannot be read
sub table_row
{
	my ($table) = @_;
	return $cluster->dbh->selectrow_array(q{SELECT state, target, last_error FROM cdc.subscription_table
		WHERE subscription = 's' AND source_table = ?}, undef, $table);
}

sub left_out_ok
{
	my ($table, $type) = @_;
	my ($state, $target, $error) = table_row($table);
	is($state, 'e', "$table is in state e");
	is($target, undef, '... without a target');
	like($error, qr/\Q$table\E.*"odd".*\Q$type\E.*koi8u/, '... and its error names table, column, type and reason');
	is($cluster->value('SELECT count(*) FROM cdc.log WHERE message LIKE ?', "%$table is left out"), 1, '... one row in cdc.log tells it');
	return;
}

$cluster->add_source('shop', $source);
$cluster->do('CREATE SCHEMA shop');
my $said = $cluster->notices_of($cluster->call_sql('create_subscription', name => 's', server => 'shop', tables => ['shop.*'],
		target_schema => 'shop'));
like($said, qr/WARNING.*shop\.bad.*odd/s, 'a WARNING at creation');
$source->do(q{INSERT INTO shop.bad VALUES (2, 'y')}, q{INSERT INTO shop.good VALUES (2, 'two')});
$cluster->catch_up('s');
left_out_ok('shop.bad', 'varchar(20)');
$cluster->compare_ok($source, 'shop', 'shop', 'the others go on', only => [qw(good later child keyless)]);

$source->do("ALTER TABLE shop.later ADD odd $unreadable", q{INSERT INTO shop.later VALUES (2, 'y', 'z')},
	q{INSERT INTO shop.good VALUES (3, 'three')}, 'CREATE TABLE shop.more (id int PRIMARY KEY)',
	q{INSERT INTO shop.later VALUES (3, 'y', 'z')}, q{INSERT INTO shop.more VALUES (1)});
$cluster->catch_up('s');
left_out_ok('shop.later', 'varchar(20)');
is($cluster->value('SELECT count(*) FROM shop.later'), 1, 'its replica stays as it was');
$cluster->compare_ok($source, 'shop', 'shop', 'a table that becomes unreadable in the stream: the others go on',
	only => [qw(good more)]);
is($cluster->value(q{SELECT tables_in_error FROM cdc.stat_subscription WHERE subscription = 's'}), 2, 'tables_in_error counts them');
is($cluster->value('SELECT count(*) FROM ' . $cluster->history_of('s') . q{ WHERE source_table IN ('shop.bad', 'shop.later') AND op = 'c'}),
	0, 'no event without the column');

$source->do('ALTER TABLE shop.later DROP odd', q{INSERT INTO shop.later VALUES (4, 'w')});
$cluster->catch_up('s');
is((table_row('shop.later'))[0], 'e', 'readable again it has a gap, so it stays in state e');
$cluster->call('remove_table', subscription => 's', source_table => 'shop.later');
$cluster->call('add_table', subscription => 's', source_table => 'shop.later', target => 'shop.later', target_rows => 'replace');
$cluster->poll(q{SELECT state FROM cdc.subscription_table WHERE source_table = 'shop.later'}, 'r');
$cluster->catch_up('s');
$cluster->compare_ok($source, 'shop', 'shop', 'until it is added again', only => ['later']);
$cluster->call('drop_subscription', name => 's');

# --- no answers
$cluster->add_source('quick', $source, heartbeat_interval => '500ms', connect_timeout => '1s');
$cluster->do('CREATE SCHEMA quick');
$cluster->subscribe('q', 'quick', 'quick', tables => ['shop.good'], enabled => \'false', copy_data => \'false');
$cluster->value(q{SELECT cdc.pull('q')});
$source->freeze;
my $began = time;
my $error = $cluster->error_of(q{SELECT cdc.pull('q')});
my $took = time - $began;
$source->thaw;
like($error, qr/has not answered|has been silent|did not answer/, 'a source that stopped answering: an error');
cmp_ok($took, '<', 10, '... soon (' . sprintf('%.1f', $took) . ' s)');
is($cluster->error_of(q{SELECT cdc.pull('q')}), '', 'when it answers again so does the subscription');

# The copy waits for a lock for longer than a silence is put up with.
my $blocker = $source->connect;
$blocker->do('LOCK TABLES shop.good WRITE');
my $child = fork_child(sub {
		my $dbh = $cluster->connect;
		$dbh->do(q{SELECT cdc.remove_table('q', 'shop.good')});
		$dbh->do(q{SELECT cdc.add_table('q', 'shop.good')});
		$dbh->do(q{SELECT cdc.pull('q')});
	});
# It gives way after a second each time (DDL may wait behind it) and asks again.
my ($waits, $last) = (0, 0);
my $waited = CdcIngest::Process::wait_until(60, sub {
		my $ms = $source->value(q{SELECT max(TIME_MS) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata lock'}) // return 0;
		$waits++ if $ms < $last;
		$last = $ms;
		return $waits >= 4;
	});
ok($waited && CdcIngest::Process::is_running($child), 'a copy that the source lets wait for a lock is not given up');
$blocker->do('UNLOCK TABLES');
is(reap($child, 60), 0, '... and goes on when it can');
is($cluster->value('SELECT count(*) FROM quick.good'), 0, 'nothing is applied yet');
$cluster->do(q{SELECT cdc.pull('q')}, q{SELECT * FROM cdc.apply('q')});
$cluster->compare_ok($source, 'shop', 'quick', '... with all rows', only => ['good']);
done_testing();
