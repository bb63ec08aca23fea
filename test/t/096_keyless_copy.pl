# Tables without a key, read in one pass that takes several steps, while the stream goes on:
# other tables stay current, and what the table itself does meanwhile is there once.
#
# Takes 30 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $rows = $ENV{CDC_COPY_ROWS} // 30000;
srand($ENV{CDC_COPY_SEED} // 5);

my $cluster = CdcIngest::Cluster->new('keyless', conf => "restart_after_crash = on\n");

sub make_tables
{
	my ($source) = @_;
	$source->do('CREATE DATABASE k CHARACTER SET utf8mb4', 'CREATE TABLE k.seq (i int PRIMARY KEY)',
		'INSERT INTO k.seq VALUES ' . join(', ', map { "($_)" } 0 .. 99));
	for my $t (qw(log small))
	{
		my $n = $t eq 'log' ? $rows : 500;
		$source->do("CREATE TABLE k.$t (n int NOT NULL, v varchar(40), d double DEFAULT 0.5, j text, f varchar(100) NOT NULL DEFAULT 'f')",
			"INSERT INTO k.$t SELECT 100 * a.i + b.i, CONCAT('row ', c.i % 3), a.i / 7, NULL, REPEAT('x', 60) FROM k.seq a, k.seq b, k.seq c WHERE c.i < 1 + $rows / 10000 LIMIT $n");
	}
	$source->do('CREATE TABLE k.beat (id int PRIMARY KEY, at double NOT NULL)', 'INSERT INTO k.beat VALUES (1, 0)');
	return;
}

# Rows of tables without a key come, change and go, doubled ones among them, with others in one transaction.
sub start_writers
{
	my ($source, $n, $image) = @_;
	return map {
		my $seed = $_;
		fork_child(sub {
			srand($seed);
			my $dbh;
			while (1)
			{
				$dbh //= eval { my $d = $source->connect; $d->do("SET SESSION binlog_row_image = '$image'"); $d } or do { sleep 0.1; next };
				my $key = int rand 10000;
				my $what = rand;
				my $table = rand() < 0.9 ? 'k.log' : 'k.small';
				eval {
					$dbh->begin_work;
					if ($what < 0.4) { $dbh->do("INSERT INTO $table (n, v) VALUES ($key, 'new'), ($key, 'new')") }
					elsif ($what < 0.7) { $dbh->do("UPDATE $table SET v = CONCAT('at ', $key), j = NULL WHERE n = $key LIMIT 2") }
					else { $dbh->do("DELETE FROM $table WHERE n = $key LIMIT 1") }
					$dbh->do("UPDATE k.beat SET at = " . time) if rand() < 0.3;
					$dbh->commit;
					1;
				} or undef $dbh;
				sleep 0.004;
			}
		})
	} 1 .. $n;
}

sub copied { my ($sub) = @_; return eval { $cluster->value(q{SELECT coalesce(sum(rows), 0) FROM cdc_catalog.copy_progress WHERE subscription = ? AND source_table = 'k.log'}, $sub) } // 0 }
sub state_of { my ($sub, $table) = @_; return eval { $cluster->value('SELECT state FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $sub, $table) } // '?' }
sub begun
{
	my ($sub) = @_;
	my $history = $cluster->history_of($sub);
	return $cluster->value("SELECT count(*) FROM $history WHERE event->>'type' = 'bootstrap-start' AND source_table = 'k.log'");
}
sub steps
{
	my ($sub) = @_;
	my $history = $cluster->history_of($sub);
	return $cluster->value("SELECT count(*) FROM $history WHERE source_table = 'k.log' AND op IN ('r', 'm') AND commit");
}


# Keeps the writers still until the copy of the table has begun: MySQL tells the place of a snapshot
# in a moment without commits only.
sub begin_copy
{
	my ($name, $pids, $begin) = @_;
	kill 'STOP', @$pids;
	$begin->();
	my $done = wait_until(60, sub { (begun($name) // 0) > 0 });
	kill 'CONT', @$pids;
	return ok($done, 'the copy begins');
}

# The worker, the server or the source dies in the middle of the pass.
sub kill_in_between
{
	my ($name, $source, $how) = @_;
	my $before = copied($name);
	wait_until(30, sub { copied($name) > $before || state_of($name, 'k.log') =~ /[sr]/ });
	if ($how == 0)
	{
		my $pid = $cluster->value('SELECT pull_pid FROM cdc.stat_subscription WHERE subscription = ?', $name);
		kill 'KILL', $pid if $pid;
	}
	elsif ($how == 1) { $cluster->forget; $cluster->node->stop('immediate'); $cluster->node->start }
	else { $source->stop('KILL'); $source->start }
	wait_until(60, sub { eval { $cluster->value('SELECT 1') } });
	return;
}

for my $flavour ('mariadb', 'mysql97')
{
	subtest $flavour => sub {
		my $source = CdcIngest::Server->new($flavour, args => ['--innodb-flush-log-at-trx-commit=2']);
		my @writers;
		make_tables($source);
		$cluster->add_source($flavour, $source);

		if ($flavour eq 'mariadb')
		{
			# By hand, in one call: what is written while the table is read comes with the stream behind it.
			@writers = start_writers($source, 2, 'FULL');
			$cluster->subscribe('hand', $flavour, 'hand', tables => [ 'k.log', 'k.small' ], enabled => \'false', options => '{"copy_chunk_time": "20ms"}');
			$cluster->do(q{SELECT cdc.pull('hand')}, q{SELECT * FROM cdc.apply('hand')});
			end_process($_) for @writers;
			$cluster->do(q{SELECT cdc.pull('hand')}, q{SELECT * FROM cdc.apply('hand')});
			is(state_of('hand', 'k.log'), 'r', 'by hand, under load: it is ready');
			$cluster->compare_ok($source, 'k', 'hand', '... and the same', only => [qw(log small)]);
			$cluster->history_ok('hand');
			$cluster->call('drop_subscription', name => 'hand', drop_history => \'true');
		}

		for my $image ('FULL', 'MINIMAL')
		{
			my $name = lc "${flavour}_$image";
			@writers = start_writers($source, 3, $image);
			$cluster->subscribe($name, $flavour, $name, tables => [ 'k.beat', 'k.seq' ], options => '{"copy_chunk_time": "10ms"}');
			$cluster->catch_up($name);
			my $beat = fork_child(sub {
				my $dbh = $source->connect;
				while (1) { $dbh->do('UPDATE k.beat SET at = ' . time); sleep 0.01 }
			});
			begin_copy($name, [ @writers, $beat ], sub { $cluster->call('add_table', subscription => $name, source_table => 'k.log') });
			$cluster->call('add_table', subscription => $name, source_table => 'k.small');
			my ($worst, $seen) = (0, 0);
			my $deadline = time + 60;
			while (state_of($name, 'k.log') !~ /[sre]/ && time < $deadline)
			{
				my $age = time - $cluster->value("SELECT at FROM $name.beat");
				$worst = $age if $age > $worst;
				$seen++ if copied($name) > 0;
				sleep 0.01;
			}
			cmp_ok($seen, '>', 1, "$image: it is seen being copied");
			cmp_ok(steps($name), '>', 5, '... in several steps');
			cmp_ok($worst, '<', 3, sprintf '... another table was %.2f s old at most', $worst);
			my $history = $cluster->history_of($name);
			note 'changes of its own: ' . $cluster->value("SELECT count(*) FROM $history h, cdc_catalog.copy_progress p WHERE p.source_table = 'k.log' AND h.source_table = 'k.log' AND h.seq BETWEEN p.events_seq AND p.end_seq AND op IN ('c', 'u', 'd') AND p.subscription = ?", $name);
			end_process($_) for $beat, @writers;
			$cluster->catch_up($name);
			is(state_of($name, $_), 'r', "$_ is ready") for qw(k.log k.small);
			note 'begun: ' . begun($name);
			$cluster->compare_ok($source, 'k', $name, '... and all are the same');
			$cluster->history_ok($name);
			$cluster->call('drop_subscription', name => $name, drop_history => \'true');
		}

		if ($flavour eq 'mariadb')
		{
			# Cut off again and again.
			@writers = start_writers($source, 3, 'FULL');
			begin_copy('cut', \@writers, sub { $cluster->subscribe('cut', $flavour, 'cut', tables => [ 'k.log', 'k.beat' ], options => '{"copy_chunk_time": "10ms", "copy_history": false}') });
			for my $how (0 .. 2)
			{
				kill 'STOP', @writers;
				kill_in_between('cut', $source, $how);
				kill 'CONT', @writers;
			}
			kill 'STOP', @writers;
			wait_until(60, sub { state_of('cut', 'k.log') =~ /[dfsr]/ });
			kill 'CONT', @writers;
			wait_until(60, sub { state_of('cut', 'k.log') =~ /[sr]/ });
			end_process($_) for @writers;
			wait_until(60, sub { ($cluster->value(q{SELECT count(*) FROM cdc.subscription_failure WHERE subscription = 'cut' AND failures > 0})) == 0 });
			$cluster->catch_up('cut');
			note 'begun: ' . begun('cut');
			cmp_ok(begun('cut'), '>', 1, 'cut off: the pass begins anew');
			$cluster->compare_ok($source, 'k', 'cut', '... and all are the same', only => [qw(log beat)]);
			$cluster->history_ok('cut');
			is_deeply([ glob $cluster->node->data_dir . '/base/pgsql_tmp/*' ], [], 'no file is left');
			$cluster->call('drop_subscription', name => 'cut', drop_history => \'true');
		}
		$source->stop('KILL');
	};
}

done_testing();
