# Copies under load that are killed again and again: worker, server and source, DDL that
# runs through them.  They go on where they were, and all tables are equal.
#
# Takes 90 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $rows = $ENV{CDC_COPY_ROWS} // 20000;
my $kills = $ENV{CDC_COPY_KILLS} // 6;
my @flavours = $ENV{CDC_COPY_SERVER} ? ($ENV{CDC_COPY_SERVER}) : ('mariadb', 'mysql56');
srand($ENV{CDC_COPY_SEED} // 17);

my $cluster = CdcIngest::Cluster->new('copyfaults', conf => "restart_after_crash = on\n");

# Writers of all tables of the database: rows come, change, go and change their keys.
sub start_writers
{
	my ($source, $database, $n, $truncates) = @_;
	return map {
		my $seed = $_;
		fork_child(sub {
			srand($seed);
			my $dbh;
			while (1)
			{
				$dbh //= eval { $source->connect } or do { sleep 0.1; next };
				my $table = "$database.t" . int(rand 5);
				my $key = int(rand 3 * $rows);
				my $what = rand;
				eval {
					if ($what < 0.3) { $dbh->do("INSERT IGNORE INTO $table VALUES ($key, 'new', $seed, 'f')") }
					elsif ($what < 0.6) { $dbh->do("UPDATE $table SET v = CONCAT('at ', $key), n = n + 1 WHERE id BETWEEN $key AND $key + 3") }
					elsif ($what < 0.8) { $dbh->do("UPDATE IGNORE $table SET id = " . int(rand 3 * $rows) . " WHERE id = $key") }
					elsif ($what < 0.999 || !$truncates) { $dbh->do("DELETE FROM $table WHERE id = $key") }
					else { $dbh->do("TRUNCATE $database.t4") }
					1;
				} or undef $dbh;
				sleep 0.004;
			}
		})
	} 1 .. $n;
}

sub make_tables
{
	my ($source, $database) = @_;
	$source->do("CREATE DATABASE $database CHARACTER SET utf8mb4", "CREATE TABLE $database.seq (i int PRIMARY KEY)",
		"INSERT INTO $database.seq VALUES " . join(', ', map { "($_)" } 0 .. 99));
	for my $t (0 .. 4)
	{
		$source->do("CREATE TABLE $database.t$t (id bigint NOT NULL PRIMARY KEY, v varchar(40) NOT NULL, n int NOT NULL, filler varchar(200) NOT NULL DEFAULT 'f')",
			"INSERT INTO $database.t$t (id, v, n, filler) SELECT 2 * (a.i + 100 * b.i + 10000 * c.i), CONCAT('row ', a.i), a.i, REPEAT('x', 100)"
			  . " FROM $database.seq a, $database.seq b, $database.seq c WHERE a.i + 100 * b.i + 10000 * c.i < $rows");
	}
	$source->do("DROP TABLE $database.seq");
	return;
}

# All tables are ready and equal; nothing of the copy is left behind.
sub equal_ok
{
	my ($source, $name, @what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$cluster->catch_up($name);
	is($cluster->value('SELECT count(*) FROM cdc.stat_progress_copy'), 0, 'no copy is under way');
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.stat_table WHERE subscription = ?}, $name), 'r', 'tables are ready');
	$cluster->compare_ok($source, $name, $name, @what);
	return;
}

for my $flavour (@flavours)
{
	for my $image (qw(FULL MINIMAL))
	{
		subtest "killed under load ($flavour, $image images)" => sub {
			my $source = CdcIngest::Server->new($flavour, args => [ "--binlog-row-image=$image", '--innodb-flush-log-at-trx-commit=2' ]);
			my $name = "${flavour}_" . lc $image;
			make_tables($source, $name);
			$cluster->add_source($name, $source);
			my @writers = start_writers($source, $name, 4, $image eq 'FULL');
			my $workers = $image eq 'FULL' ? 1 : 3;
			$cluster->subscribe($name, $name, $name, tables => ["$name.*"], options => qq({"copy_chunk_time": "20ms", "copy_workers": $workers}));
			my $rows_read = 0;
			for my $kill (1 .. $kills)
			{
				# a moment of the copy: it has read something since the last one
				wait_until(30, sub {
					my $now = eval { $cluster->value('SELECT sum(rows) FROM cdc_catalog.copy_progress WHERE subscription = ?', $name) } // 0;
					return $now > $rows_read && ($rows_read = $now) || (eval { $cluster->value('SELECT count(*) FROM cdc.stat_progress_copy') } // 1) == 0;
				});
				sleep 0.05 + rand 0.7;
				my $how = int rand 3;
				if ($how == 0) { $cluster->kill_worker($name, 'pull') }
				elsif ($how == 1) { $cluster->forget; $cluster->node->stop('immediate'); $cluster->node->start }
				else { $source->stop('KILL'); $source->start }
				$cluster->wait_up;
			}
			end_process($_) for @writers;
			# what failed meanwhile is tried again, sometime
			wait_until(120, sub { $cluster->value('SELECT count(*) FROM cdc.subscription_failure WHERE subscription = ? AND failures > 0', $name) == 0 });
			equal_ok($source, $name, 'all are the same');
			my $history = $cluster->history_of($name);
			is_deeply($cluster->rows("SELECT source_table, count(*) FROM $history WHERE op = 'm' AND event->>'type' = 'bootstrap-start' GROUP BY 1 HAVING count(*) > 1"), [],
				'each copy began once');
			is($cluster->value(q{SELECT sum(restarts) FROM cdc_catalog.copy_progress WHERE subscription = ?}, $name), 0, '... and never anew');
			is($cluster->value("SELECT count(*) FROM $history WHERE op = 'r'"),
				$cluster->value(q{SELECT sum(rows) FROM cdc_catalog.copy_progress WHERE subscription = ?}, $name), 'progress tells what the history has');
			is_deeply([ glob $cluster->node->data_dir . '/base/pgsql_tmp/*' ], [], 'no file is left');
			$cluster->history_ok($name);

			# the targets are spoilt, and copied again under load
			@writers = start_writers($source, $name, 4, 0);
			$cluster->do("DELETE FROM $name.t0 WHERE id % 5 = 0", "UPDATE $name.t1 SET v = 'wrong' WHERE id % 3 = 0",
				"INSERT INTO $name.t2 SELECT -i, 'no', i, 'no' FROM generate_series(1, 3000) i ON CONFLICT DO NOTHING");
			$cluster->call('resync_table', subscription => $name, source_table => "$name.t$_") for 0 .. 2;
			sleep 0.5;
			$cluster->call('resync_table', subscription => $name, source_table => "$name.t1");
			sleep 1;
			end_process($_) for @writers;
			equal_ok($source, $name, 'after a resync of three');
			$cluster->call('drop_subscription', name => $name, drop_history => \'true');
			$source->stop('KILL');
		};
	}
}

# The stream goes on while a large table is copied, and nobody holds a transaction.
subtest 'other tables stay current' => sub {
	my $source = CdcIngest::Server->new('mariadb', args => ['--innodb-flush-log-at-trx-commit=2']);
	make_tables($source, 'calm');
	$source->do('CREATE TABLE calm.beat (id int PRIMARY KEY, at double NOT NULL)', 'INSERT INTO calm.beat VALUES (1, 0)');
	$cluster->add_source('calm', $source);
	$cluster->subscribe('calm', 'calm', 'calm', tables => ['calm.beat']);
	$cluster->catch_up('calm');
	my $writer = fork_child(sub {
		my $dbh = $source->connect;
		while (1) { $dbh->do('UPDATE calm.beat SET at = ' . time . ' WHERE id = 1'); sleep 0.01 }
	});
	$cluster->call('add_table', subscription => 'calm', source_table => "calm.t$_") for 0 .. 4;
	my ($worst, $oldest, $seen, $copying) = (0, 0, 0, 1);
	my $deadline = time + 120;
	while ($copying && time < $deadline)
	{
		my $at = $cluster->value('SELECT at FROM calm.beat');
		my $age = time - $at;
		$worst = $age if $at && $age > $worst;
		my ($age_here) = $cluster->value(q{SELECT max(extract(epoch FROM clock_timestamp() - xact_start)) FROM pg_stat_activity WHERE backend_type LIKE 'cdc_ingest%'});
		$oldest = $age_here if ($age_here // 0) > $oldest;
		$copying = $cluster->value('SELECT count(*) FROM cdc.stat_progress_copy');
		$seen++ if $copying;
		sleep 0.02;
	}
	end_process($writer);
	cmp_ok($seen, '>', 3, 'the copy took its time');
	cmp_ok($worst, '<', 5, sprintf 'meanwhile another table was %.2f s old at most', $worst);
	cmp_ok($oldest, '<', 10, sprintf 'the oldest transaction %.2f s', $oldest);
	equal_ok($source, 'calm', 'all are the same');
	$source->stop('KILL');
};

done_testing();
