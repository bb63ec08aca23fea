# Tables without a key, read in one pass that takes several steps, while the stream goes on:
# other tables stay current, and what the table itself does meanwhile is there once; DDL lets a
# copy begin anew.  And what the end of gh-ost does to a table while it is verified.
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
use PostgreSQL::Test::Utils qw(slurp_file);

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


# The source is never quiet meanwhile, and the table seldom.
sub begin_copy
{
	my ($name, $begin) = @_;
	$begin->();
	return ok(wait_until(60, sub { (begun($name) // 0) > 0 }, 0.01), 'the copy begins under load');
}

# The table is copied anew in several steps; until all of them are there the target has what it had.
sub resync_under_load
{
	my ($name, $meanwhile) = @_;
	my ($begun, $least) = (begun($name), $rows);
	wait_until(60, sub { state_of($name, 'k.log') eq 'r' });
	$cluster->call('resync_table', subscription => $name, source_table => 'k.log');
	my $deadline = time + 90;
	my $state = '?';
	while ($state ne 'r' && $state ne 'e' && time < $deadline)
	{
		my $n = eval { $cluster->value("SELECT count(*) FROM $name.log") };
		$least = $n if defined $n && $n < $least;
		if ((eval { begun($name) } // 0) > $begun)
		{
			$meanwhile->();
			$meanwhile = sub { };
		}
		$state = state_of($name, 'k.log');
		sleep 0.01;
	}
	wait_until(60, sub { state_of($name, 'k.log') eq 'r' });
	my $history = $cluster->history_of($name);
	is(state_of($name, 'k.log'), 'r', 'resync: it is ready');
	cmp_ok($least, '>', $rows * 0.8, '... its target was never half filled');
	cmp_ok($cluster->value("SELECT count(*) FROM $history h JOIN cdc_catalog.copy_progress p ON h.source_table = p.source_table AND h.seq BETWEEN p.begin_seq AND p.end_seq WHERE p.subscription = ? AND p.source_table = 'k.log' AND h.op IN ('r', 'm') AND h.commit", $name),
		'>', 2, '... it was read in several steps');
	return;
}

# The worker, the server or the source dies in the middle of the pass.
sub kill_in_between
{
	my ($name, $source, $how) = @_;
	my $before = copied($name);
	wait_until(30, sub { copied($name) > $before || state_of($name, 'k.log') =~ /[sr]/ }, 0.01) if $how > 0;
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

# DDL that the target cannot follow, after the pass of a resync was cut off and before it begins anew.
sub alter_in_between
{
	my ($name, $source, @ddl) = @_;
	my $history = $cluster->history_of($name);
	my $last;
	for (1 .. 10)
	{
		$last = $cluster->value("SELECT max(seq) FROM $history");
		$cluster->call('resync_table', subscription => $name, source_table => 'k.log');
		wait_until(60, sub { copied($name) > 0 && $cluster->value("SELECT count(*) FROM $history WHERE seq > $last AND event->>'type' = 'bootstrap-start'") }, 0.005);
		$cluster->call('disable_subscription', name => $name);
		# a fast copy may have read all before the worker has ended
		last if !$cluster->value("SELECT count(*) FROM $history WHERE seq > $last AND event->>'type' = 'bootstrap-complete'");
		$cluster->call('enable_subscription', name => $name);
		wait_until(60, sub { state_of($name, 'k.log') eq 'r' });
	}
	is(state_of($name, 'k.log'), 'd', 'DDL in the middle of a resync');
	$source->do(@ddl);
	my $dbh = $source->connect;
	$dbh->do('LOCK TABLES k.log WRITE');
	$cluster->call('enable_subscription', name => $name);
	ok(wait_until(30, sub { $cluster->value("SELECT count(*) FROM $history h, cdc.subscription_progress p WHERE p.subscription = ? AND h.seq > $last AND h.op = 's' AND p.applied_seq >= h.seq", $name) }), '... apply meets it');
	is(state_of($name, 'k.log'), 'i', '... which is no error');
	$dbh->do('UNLOCK TABLES');
	ok(wait_until(60, sub { state_of($name, 'k.log') =~ /[re]/ }), '... and it is copied anew');
	return;
}
# A table that another definition is told of between each two looks at it.
sub verify_between
{
	my ($source) = @_;
	$source->do('CREATE DATABASE w CHARACTER SET utf8mb4', 'CREATE TABLE w.bag (id int NOT NULL, v varchar(40), x int NOT NULL DEFAULT 3)', 'INSERT INTO w.bag (id, v) SELECT i, i FROM k.seq');
	$cluster->do(q{CREATE FUNCTION public.gate() RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN 0; END'});
	$cluster->add_source('w', $source);
	$cluster->subscribe('w', 'w', 'w', tables => [ 'w.bag' ], enabled => \'false');
	$cluster->call('alter_table', subscription => 'w', source_table => 'w.bag', row_filter => 'id >= public.gate()');
	my $pull = sub { $cluster->do(q{SELECT cdc.pull('w')}) };
	my $apply = sub { $cluster->do(q{SELECT * FROM cdc.apply('w')}) };
	for (1 .. 2) { $pull->(); $apply->() }
	$cluster->do('SELECT pg_advisory_lock(77)');
	my $said = $cluster->node->data_dir . '/said';
	my $verify = fork_child(sub {
		my $dbh = $cluster->connect;
		my $found = eval { $dbh->selectall_arrayref(q{SELECT kind, source_rows, target_rows FROM cdc.verify('w', 'w.bag')}) };
		open my $out, '>', "$said.new" or die;
		print $out $found ? join(', ', map { "@$_" } @$found) : $@;
		close $out;
		rename "$said.new", $said;
	});
	ok(wait_until(20, sub { $cluster->value(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) }), 'verify looks at the target');
	my $dbh = $source->connect;
	$dbh->do($_) for 'ALTER TABLE w.bag DROP COLUMN x', 'LOCK TABLES w.bag WRITE';
	$pull->();
	$cluster->do('SELECT pg_advisory_unlock(77)');
	ok(wait_until(20, sub { $source->value(q{SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%'}) }), '... and reads the source');
	$dbh->do('ALTER TABLE w.bag ADD COLUMN x int NOT NULL DEFAULT 3 FIRST');
	$pull->();
	$dbh->do('UNLOCK TABLES');
	wait_until(20, sub { $apply->(); -e $said }, 0.1);
	end_process($verify);
	is(-e $said ? slurp_file($said) : '', 'equal 100 100', 'each row is read by its own definition');
	unlink $said;

	# One that the target has not come to yet.
	$source->do('ALTER TABLE w.bag ADD COLUMN y int NOT NULL DEFAULT 3 FIRST');
	$pull->();
	my $error = $cluster->error_of(q{SELECT * FROM cdc.verify('w', 'w.bag')});
	like($error, qr/targets do not come to the source's position/, 'a definition that the target has not come to is waited for');
	$apply->();
	is($cluster->value(q{SELECT kind FROM cdc.verify('w', 'w.bag')}), 'equal', '... and verified then');
	$cluster->call('drop_subscription', name => 'w', drop_history => \'true');
	return;
}
# What gh-ost does at its end, with another shape of the table each time, while it is verified.
sub verify_while_altered
{
	my ($source) = @_;
	$source->do('CREATE DATABASE v CHARACTER SET utf8mb4', 'CREATE TABLE v.seq (i int PRIMARY KEY)',
		'INSERT INTO v.seq VALUES ' . join(', ', map { "($_)" } 0 .. 99));
	# Of one of them both sides order the keys alike, of the next one the source alone, and one has none.
	my %tables = (num => 'id int NOT NULL PRIMARY KEY', txt => 'id varchar(20) COLLATE utf8mb4_german2_ci NOT NULL PRIMARY KEY', bag => 'id int NOT NULL');
	$source->do("CREATE TABLE v.$_ ($tables{$_}, v varchar(40), n int)", "INSERT INTO v.$_ SELECT 100 * a.i + b.i, CONCAT('row ', a.i), b.i FROM v.seq a, v.seq b WHERE a.i < 40") for sort keys %tables;
	$cluster->add_source('v', $source);
	$cluster->subscribe('v', 'v', 'v', tables => [ map { "v.$_" } keys %tables ], options => '{"auto_resync": true}');
	$cluster->catch_up('v');
	my $child = sub {
		my ($work, $pause) = @_;
		return fork_child(sub {
			my ($dbh, $i) = (undef, 0);
			while (1) { $dbh //= eval { $source->connect } or next; eval { $work->($dbh, $i++); 1 } or $@ =~ /doesn't exist|Unknown column|Deadlock|Lock wait|Duplicate|check that column/ or do { warn $@; undef $dbh }; sleep $pause->() }
		});
	};
	my @writers = map { my $t = $_; $child->(sub { my ($dbh, $i) = @_; $dbh->do("UPDATE v.$t SET n = n + 1, v = CONCAT('at ', n) WHERE id = ?", undef, int rand 4000); $dbh->do("INSERT INTO v.$t (id, v, n) VALUES (?, 'new', 1)", undef, 5000 + $i) if $i % 5 == 0 }, sub { 0.005 }) } sort keys %tables;
	my $tool = $child->(sub {
		my ($dbh, $i) = @_;
		for my $t (qw(num txt))
		{
			my $to = $i % 4 == 0 ? 'MODIFY v varchar(300) AFTER n' : $i % 4 == 1 ? 'ADD COLUMN x int NOT NULL DEFAULT 3 FIRST' : $i % 4 == 2 ? 'DROP COLUMN x' : 'MODIFY n bigint FIRST';
			$dbh->do($_) for "DROP TABLE IF EXISTS v._${t}_gho, v._${t}_del", "CREATE TABLE v._${t}_gho LIKE v.$t", "ALTER TABLE v._${t}_gho $to",
			  "LOCK TABLES v.$t WRITE, v._${t}_gho WRITE", "REPLACE INTO v._${t}_gho (id, v, n) SELECT id, v, n FROM v.$t",
			  "RENAME TABLE v.$t TO v._${t}_del, v._${t}_gho TO v.$t", 'UNLOCK TABLES', "DROP TABLE v._${t}_del";
		}
		$dbh->do('ALTER TABLE v.bag ' . ($i % 2 ? 'ADD COLUMN x int NOT NULL DEFAULT 3 FIRST' : ($i > 0 ? 'DROP COLUMN x, ' : '') . 'MODIFY v varchar(' . (41 + $i) . ') AFTER n'));
	}, sub { 0.3 + rand 0.7 });
	my (@alarms, @odd);
	my $through = 0;
	my $deadline = time + ($ENV{CDC_VERIFY_SECONDS} // 12);
	while (time < $deadline)
	{
		for my $t (sort keys %tables)
		{
			my $found = eval { $cluster->rows("SELECT chunk, kind, differing_keys FROM cdc.verify('v', 'v.$t') WHERE kind <> 'equal'") };
			if ($found) { $through++; push @alarms, map { "$t: " . join ' ', map { ref $_ ? "@$_" : $_ // '-' } @$_ } @$found }
			else { push @odd, "$t: $@" if $@ !~ /cannot be verified: (?:its definition changes all the time|it changes all the time|its state is not r)/ }
		}
	}
	end_process($_) for $tool, @writers;
	my $history = $cluster->history_of('v');
	my %ddl = map { @$_ } @{ $cluster->rows("SELECT source_table, count(*) FROM $history WHERE op = 's' AND source_table NOT LIKE '%gho' AND source_table NOT LIKE '%del' GROUP BY 1") };
	note "$through came to an end; DDL: " . join ', ', map { "$_ " . ($ddl{"v.$_"} // 0) } sort keys %tables;
	cmp_ok($ddl{"v.$_"} // 0, '>', 1, "$_ was altered again and again") for sort keys %tables;
	is_deeply(\@alarms, [], 'no difference is told');
	is_deeply(\@odd, [], '... and where it cannot be told, why');
	cmp_ok($through, '>', 0, '... but mostly it can');
	$cluster->catch_up('v');
	is($cluster->value(q{SELECT count(*) FROM cdc.verify('v') WHERE kind <> 'equal'}), 0, 'then all are equal');
	$cluster->call('drop_subscription', name => 'v', drop_history => \'true');
	return;
}

for my $flavour ('mariadb', 'mysql97')
{
	subtest $flavour => sub {
		my $source = CdcIngest::Server->new($flavour, args => ['--innodb-flush-log-at-trx-commit=2']);
		my @writers;
		make_tables($source);
		$cluster->add_source($flavour, $source);

		{
			# By hand, in one call: what is written while the table is read comes with the stream behind it.
			@writers = start_writers($source, 2, 'FULL');
			$cluster->subscribe("hand_$flavour", $flavour, "hand_$flavour", tables => [ 'k.log', 'k.small' ], enabled => \'false', options => '{"copy_chunk_time": "20ms"}');
			$cluster->do(qq{SELECT cdc.pull('hand_$flavour')}, qq{SELECT * FROM cdc.apply('hand_$flavour')});
			end_process($_) for @writers;
			$cluster->do(qq{SELECT cdc.pull('hand_$flavour')}, qq{SELECT * FROM cdc.apply('hand_$flavour')});
			is(state_of("hand_$flavour", 'k.log'), 'r', 'by hand, under load: it is ready');
			$cluster->compare_ok($source, 'k', "hand_$flavour", '... and the same', only => [qw(log small)]);
			$cluster->history_ok("hand_$flavour");
			$cluster->call('drop_subscription', name => "hand_$flavour", drop_history => \'true');
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
			begin_copy($name, sub { $cluster->call('add_table', subscription => $name, source_table => 'k.log') });
			$cluster->call('add_table', subscription => $name, source_table => 'k.small');
			my ($worst, $from) = (0, time);
			my $deadline = time + 60;
			while (state_of($name, 'k.log') !~ /[sre]/ && time < $deadline)
			{
				my $at = $cluster->value("SELECT at FROM $name.beat");
				my $age = time - ($at > $from ? $at : $from);
				$worst = $age if $age > $worst;
				sleep 0.01;
			}
			cmp_ok(steps($name), '>', 5, "$image: it is copied in several steps");
			cmp_ok($worst, '<', 5, sprintf '... another table was %.2f s old at most', $worst);
			my $history = $cluster->history_of($name);
			note 'changes of its own: ' . $cluster->value("SELECT count(*) FROM $history h, cdc_catalog.copy_progress p WHERE p.source_table = 'k.log' AND h.source_table = 'k.log' AND h.seq BETWEEN p.events_seq AND p.end_seq AND op IN ('c', 'u', 'd') AND p.subscription = ?", $name);
			resync_under_load($name, sub { }) if "$flavour $image" eq 'mysql97 FULL';
			end_process($_) for $beat, @writers;
			$cluster->catch_up($name);
			is(state_of($name, $_), 'r', "$_ is ready") for qw(k.log k.small);
			note 'begun: ' . begun($name);
			$cluster->compare_ok($source, 'k', $name, '... and all are the same');
			$cluster->history_ok($name);
			$cluster->call('drop_subscription', name => $name, drop_history => \'true');
		}

		{
			# Cut off again and again, the first copy and a resync.
			my $name = "cut_$flavour";
			@writers = start_writers($source, 3, 'FULL');
			begin_copy($name, sub { $cluster->subscribe($name, $flavour, $name, tables => [ 'k.log', 'k.beat' ], options => '{"copy_chunk_time": "10ms", "copy_history": false}') });
			kill_in_between($name, $source, $_) for 0 .. 2;
			wait_until(60, sub { state_of($name, 'k.log') eq 'r' });
			resync_under_load($name, sub { kill_in_between($name, $source, $_) for 0 .. 2 });
			end_process($_) for @writers;
			wait_until(60, sub { ($cluster->value('SELECT count(*) FROM cdc.subscription_failure WHERE subscription = ? AND failures > 0', $name)) == 0 });
			$cluster->catch_up($name);
			note 'begun: ' . begun($name);
			cmp_ok(begun($name), '>', 1, 'cut off: the pass begins anew');
			$cluster->compare_ok($source, 'k', $name, '... and all are the same', only => [qw(log beat)]);
			$cluster->history_ok($name);
			is_deeply([ glob $cluster->node->data_dir . '/base/pgsql_tmp/*' ], [], 'no file is left');
			alter_in_between($name, $source, $flavour eq 'mariadb' ? 'ALTER TABLE k.log MODIFY d varchar(50)' : 'ALTER TABLE k.log ADD COLUMN a int NOT NULL AUTO_INCREMENT PRIMARY KEY');
			$cluster->catch_up($name);
			$cluster->compare_ok($source, 'k', $name, '... and the same', only => ['log']);
			$cluster->call('drop_subscription', name => $name, drop_history => \'true');
		}
		subtest 'verify between definitions' => sub { verify_between($source) } if $flavour eq 'mysql97';
		subtest 'verify while tables are swapped and altered' => sub { verify_while_altered($source) } if $flavour eq 'mysql97';
		$source->stop('KILL');
	};
}

done_testing();
