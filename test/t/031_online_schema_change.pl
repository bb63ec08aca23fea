# Online schema changes as gh-ost and pt-online-schema-change make them, by the SQL that
# they run: the table keeps one history, its replica is neither emptied nor copied again,
# and rows after the swap are read by the new definition.
#
# Takes 20 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('online');

sub tables
{
	my ($source) = @_;
	$source->do(
		'CREATE DATABASE osc CHARACTER SET utf8',
		'CREATE TABLE osc.orders (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, a INT, b INT, note VARCHAR(20))',
		"INSERT INTO osc.orders (a, b, note) VALUES (1, -1, 'eins'), (2, -2, 'zwei'), (3, -3, 'drei')",
		'CREATE TABLE osc.plain (id INT PRIMARY KEY, v INT)',
		'CREATE TABLE osc.other (id INT PRIMARY KEY, v INT)',
		'INSERT INTO osc.plain VALUES (1, 1)',
		'INSERT INTO osc.other VALUES (2, 2)');
	return;
}

sub write_some
{
	my ($source, $n) = @_;
	$source->do("INSERT INTO osc.orders (a, b, note) VALUES ($n, -$n, 'n$n')", "UPDATE osc.orders SET b = b - 10 WHERE a = 2");
	return;
}

sub gh_ost
{
	my ($source) = @_;
	$source->do(
		'drop /* gh-ost */ table if exists `osc`.`_orders_gho`',
		'create /* gh-ost */ table `osc`.`_orders_ghc` (id bigint unsigned auto_increment, last_update timestamp not null
			DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, hint varchar(64) charset ascii not null,
			value varchar(4096) charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256',
		'create /* gh-ost */ table `osc`.`_orders_gho` like `osc`.`orders`',
		# two columns of one type change places, which no table map shows
		'alter /* gh-ost */ table `osc`.`_orders_gho` MODIFY a INT AFTER b, MODIFY note VARCHAR(200) AFTER id',
		'insert /* gh-ost `osc`.`orders` */ ignore into `osc`.`_orders_gho` (`id`, `a`, `b`, `note`)
			(select `id`, `a`, `b`, `note` from `osc`.`orders` force index (`PRIMARY`) where id < 100 lock in share mode)');
	write_some($source, 10);
	$source->do(
		'replace /* gh-ost `osc`.`_orders_gho` */ into `osc`.`_orders_gho` (`id`, `a`, `b`, `note`)
			select `id`, `a`, `b`, `note` from `osc`.`orders`',
		"create /* gh-ost */ table `osc`.`_orders_del` (id int auto_increment primary key) engine=InnoDB comment='ghost-cut-over-sentry'",
		'drop /* gh-ost */ table `osc`.`_orders_del`',
		'rename /* gh-ost */ table `osc`.`orders` to `osc`.`_orders_del`, `osc`.`_orders_gho` to `osc`.`orders`');
	write_some($source, 11);
	$source->do('drop /* gh-ost */ table if exists `osc`.`_orders_ghc`', 'drop /* gh-ost */ table if exists `osc`.`_orders_del`');
	return;
}

sub pt_osc
{
	my ($source) = @_;
	my ($name, $create) = @{ $source->rows('SHOW CREATE TABLE osc.orders')->[0] };
	$create =~ s/^CREATE TABLE `orders`/CREATE TABLE `osc`.`_orders_new`/;
	$source->do($create,
		'ALTER TABLE `osc`.`_orders_new` MODIFY b BIGINT FIRST, CHANGE note note VARCHAR(300) CHARACTER SET latin1',
		'CREATE TRIGGER `osc`.`pt_osc_osc_orders_del` AFTER DELETE ON `osc`.`orders` FOR EACH ROW
			DELETE IGNORE FROM `osc`.`_orders_new` WHERE `osc`.`_orders_new`.`id` <=> OLD.`id`',
		'CREATE TRIGGER `osc`.`pt_osc_osc_orders_upd` AFTER UPDATE ON `osc`.`orders` FOR EACH ROW
			REPLACE INTO `osc`.`_orders_new` (`id`, `a`, `b`, `note`) VALUES (NEW.`id`, NEW.`a`, NEW.`b`, NEW.`note`)',
		'CREATE TRIGGER `osc`.`pt_osc_osc_orders_ins` AFTER INSERT ON `osc`.`orders` FOR EACH ROW
			REPLACE INTO `osc`.`_orders_new` (`id`, `a`, `b`, `note`) VALUES (NEW.`id`, NEW.`a`, NEW.`b`, NEW.`note`)');
	write_some($source, 20);
	$source->do('INSERT LOW_PRIORITY IGNORE INTO `osc`.`_orders_new` (`id`, `a`, `b`, `note`)
			SELECT `id`, `a`, `b`, `note` FROM `osc`.`orders` LOCK IN SHARE MODE');
	write_some($source, 21);
	$source->do('RENAME TABLE `osc`.`orders` TO `osc`.`_orders_old`, `osc`.`_orders_new` TO `osc`.`orders`');
	write_some($source, 22);
	$source->do('DROP TABLE IF EXISTS `osc`.`_orders_old`',
		map { "DROP TRIGGER IF EXISTS `osc`.`pt_osc_osc_orders_$_`" } qw(del upd ins));
	return;
}

# After a change both kinds of subscription have the table as the source has it.
sub check
{
	my ($source, $id, $what) = @_;
	for my $subscription ("one$id", "all$id")
	{
		$cluster->catch_up($subscription);
		my $history = $cluster->history_of($subscription);
		$cluster->compare_ok($source, 'osc', $subscription, "$what, $subscription", only => ['orders']);
		is($cluster->value("SELECT count(*) FROM $history WHERE source_table = 'osc.orders' AND op = 'r'"),
			3, "$what, $subscription: the table was copied once");
		is($cluster->value("SELECT string_agg(source_table || ' ' || state::text, ',' ORDER BY source_table) FROM cdc.subscription_table
				WHERE subscription = ? AND state <> 'r'", $subscription), undef, "$what, $subscription: all tables are ready");
		is($cluster->value("SELECT string_agg(message || ' ' || detail, ',') FROM cdc.log WHERE subscription = ? AND kind IN ('schema', 'ddl')",
				$subscription), undef, "$what, $subscription: no definition had to be asked for");
	}
	return;
}

my @sources = (
	[ 'MySQL 5.6', 'mysql56', {} ],
	[ 'MariaDB, no row metadata', 'mariadb', { metadata => 'NO_LOG' } ],
	[ 'MySQL 9.7', 'mysql97', {} ]);
my $n = 0;
for my $entry (@sources)
{
	my ($name, $flavour, $options) = @$entry;
	my $id = ++$n;
  SKIP:
	{
		if (!CdcIngest::Server->available($flavour))
		{
			skip "$flavour cannot be had here", 1 if $flavour eq 'mysql97';
			last SKIP if ($ENV{CDC_TEST_SID} // 'x') eq '';
			die "$flavour is not installed";
		}
		subtest $name => sub {
			my $source = CdcIngest::Server->new($flavour, %$options);
			tables($source);
			$cluster->add_source("s$id", $source);
			$cluster->subscribe("one$id", "s$id", "one$id", tables => [ 'osc.orders', 'osc.plain' ]);
			$cluster->subscribe("all$id", "s$id", "all$id", tables => ['osc.*']);
			check($source, $id, 'after the copy');
			gh_ost($source);
			check($source, $id, 'after gh-ost');
			my $history = $cluster->history_of("one$id");
			is($cluster->value("SELECT string_agg(concat_ws(' ', event->>'type', event->>'table', event->'old'->>'table',
					event->'def'->>'table', (SELECT string_agg(c->>'name', ',' ORDER BY n) FROM
						jsonb_array_elements(event->'def'->'columns') WITH ORDINALITY AS c(c, n))), E'\\n' ORDER BY seq)
					FROM $history WHERE op = 's'"),
				"table-alter orders orders _orders_del id,a,b,note\ntable-alter _orders_gho _orders_gho orders id,note,b,a",
				'its history has the two renames, with definitions');
			pt_osc($source);
			check($source, $id, 'after pt-online-schema-change');

			# Under the same names by hand, without the triggers that keep the rows alike.
			$source->do('CREATE TABLE osc._plain_new LIKE osc.plain', 'INSERT INTO osc._plain_new VALUES (9, 9)',
				'RENAME TABLE osc.plain TO osc._plain_old, osc._plain_new TO osc.plain', 'DROP TABLE osc._plain_old', 'INSERT INTO osc.plain VALUES (10, 10)');
			$cluster->catch_up("one$id");
			like($cluster->value("SELECT state::text || ' ' || last_error FROM cdc.subscription_table
					WHERE subscription = 'one$id' AND source_table = 'osc.plain'"),
				qr/^e another table was renamed to it/, 'a table of the name that pt-online-schema-change gives, but not of its making');
			$cluster->do("SELECT cdc.resync_table('one$id', 'osc.plain')");
			$cluster->catch_up("one$id");
			$cluster->compare_ok($source, 'osc', "one$id", '... its remedy', only => ['plain']);

			# A swap of another kind brings rows that nobody told of.
			$source->do('RENAME TABLE osc.plain TO osc.plain_x, osc.other TO osc.plain', 'INSERT INTO osc.plain VALUES (3, 3)');
			$cluster->catch_up("one$id");
			like($cluster->value("SELECT state::text || ' ' || last_error FROM cdc.subscription_table
					WHERE subscription = 'one$id' AND source_table = 'osc.plain'"),
				qr/^e another table was renamed to it/, 'a table that took the name of another needs a new copy');
			$cluster->do("SELECT cdc.drop_subscription('$_$id')") for qw(one all);
			$source->kill9;
		};
	}
}

$cluster->node->stop;
done_testing;
