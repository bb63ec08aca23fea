# A live replica on Greenplum: MariaDB and MySQL, copied, followed through changes, DDL and faults,
# in all modes, verified, repaired, copied anew, published; and each time compared with its source.
#
# Not part of a whole run: it wants a Greenplum cluster (see CONTRIBUTING.md).
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use CdcIngest::Greenplum;
use CdcIngest::Kafka;
use CdcIngest::Scenario;
use CdcIngest::Server;

my $cluster = CdcIngest::Greenplum->new('live');
my $kafka = CdcIngest::Kafka->new(partitions => 2);
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $kafka->bootstrap . "')");

sub content { my ($from, $sql) = @_; return join "\n", map { join '|', map { $_ // '-' } @$_ } @{ $from->rows($sql) } }

for my $flavour (grep { CdcIngest::Server->available($_) } split / /, $ENV{CDC_GP_SOURCES} // 'mariadb mysql97')
{
	my $sub = "bank_$flavour";

	subtest "$flavour: load and faults" => sub {
		my $s = CdcIngest::Scenario->new($flavour, with => $cluster, sub => $sub, load => { rate => 150 },
			server => { heartbeat_interval => '500ms' });
		my $source = $s->source;
		$s->flows;
		$s->watch;
		for my $round (1 .. 3)
		{
			$cluster->end_worker($sub, $round % 2 ? 'apply' : 'pull');
			$s->applies(100);
			cmp_ok($cluster->end_segment_processes, '>=', 0, 'processes on the segments end');
			$s->applies(100);
		}
		$source->do('ALTER TABLE bank.purchase ADD COLUMN extra varchar(20), MODIFY note varchar(200)');
		$source->do("UPDATE bank.purchase SET extra = concat('e', id)");
		$s->applies(100);
		$cluster->call('resync_table', subscription => $sub, source_table => 'bank.account');
		$s->applies(100);
		$s->finish($flavour);

		# by other hands
		$cluster->do("DELETE FROM $sub.account WHERE id = 7", "UPDATE $sub.purchase SET note = 'wrong' WHERE id = (SELECT min(id) FROM $sub.purchase)");
		is(content($cluster, "SELECT source_table, kind FROM cdc.verify('$sub') WHERE kind <> 'equal' ORDER BY 1, 2"), "bank.account|missing\nbank.purchase|different",
			'cdc.verify finds rows that other hands have changed');
		$cluster->do("SELECT * FROM cdc.verify('$sub', repair := true)");
		$cluster->catch_up($sub);
		$cluster->compare_ok($source, 'bank', $sub, "$flavour: repaired");

		subtest "$flavour: definitions" => sub {
			$source->do('CREATE TABLE bank.later (a int, b varchar(20), c decimal(9,3), PRIMARY KEY (a))', "INSERT INTO bank.later VALUES (1, 'x', 1.5), (2, 'y', 2.25)",
				'ALTER TABLE bank.later ADD COLUMN d datetime(3), CHANGE b bb varchar(40)', "INSERT INTO bank.later VALUES (3, 'z', 3, '2026-01-02 03:04:05.678')",
				'ALTER TABLE bank.later DROP PRIMARY KEY, ADD PRIMARY KEY (a, bb)', 'UPDATE bank.later SET a = a + 10 WHERE a > 1', 'DELETE FROM bank.later WHERE a = 1',
				'RENAME TABLE bank.later TO bank.latest', "INSERT INTO bank.latest VALUES (5, 'five', 5, NULL)", 'CREATE TABLE bank.bare (v int, w varchar(10))',
				"INSERT INTO bank.bare VALUES (1, 'a'), (1, 'a'), (2, NULL)", 'DELETE FROM bank.bare LIMIT 1', 'TRUNCATE bank.movement');
			$cluster->catch_up($sub);
			$cluster->compare_ok($source, 'bank', $sub, "$flavour: after DDL");
		};

		subtest "$flavour: modes" => sub {
			$source->do('CREATE DATABASE mode', 'CREATE TABLE mode.t (id int PRIMARY KEY, v int)', 'INSERT INTO mode.t VALUES (1, 1), (2, 2), (3, 3)');
			$cluster->do("CREATE SCHEMA soft_$flavour", "CREATE SCHEMA log_$flavour");
			$cluster->subscribe("soft_$flavour", $sub, "soft_$flavour", tables => ['mode.*'], options => '{"target_mode": "soft_delete"}');
			$cluster->subscribe("log_$flavour", $sub, "log_$flavour", tables => ['mode.*'], options => '{"target_mode": "append"}');
			$cluster->catch_up($_) for "soft_$flavour", "log_$flavour";
			$source->do('UPDATE mode.t SET v = 20 WHERE id = 2', 'DELETE FROM mode.t WHERE id = 3', 'UPDATE mode.t SET id = 4 WHERE id = 1', 'INSERT INTO mode.t VALUES (3, 33)',
				'DELETE FROM mode.t WHERE id = 2');
			$cluster->catch_up($_) for "soft_$flavour", "log_$flavour";
			is(content($cluster, "SELECT id, v, _cdc_deleted FROM soft_$flavour.t ORDER BY id"), "1|1|1\n2|20|1\n3|33|0\n4|1|0", 'soft_delete');
			is(content($cluster, "SELECT _cdc_op, id, v FROM log_$flavour.t ORDER BY _cdc_seq, _cdc_row"),
				"r|1|1\nr|2|2\nr|3|3\nu|2|20\nd|3|3\nd|1|1\nu|4|1\nc|3|33\nd|2|20", 'append');
			$cluster->do("SELECT cdc.drop_subscription('$_', drop_history := true)") for "soft_$flavour", "log_$flavour";
		};

		subtest "$flavour: published" => sub {
			$source->do("INSERT INTO bank.latest VALUES (77, 'published', 7, NULL)");
			$cluster->catch_up($sub);
			my $n = $cluster->value("SELECT cdc.publish('$sub', 'bus', 'out.$flavour')");
			cmp_ok($n, '>', 0, "$n events are published");
			is($cluster->value("SELECT cdc.publish('$sub', 'bus', 'out.$flavour')"), 0, 'once');
		};
		$cluster->do("SELECT cdc.drop_subscription('$sub', drop_history := true)");
	};
}

done_testing();
