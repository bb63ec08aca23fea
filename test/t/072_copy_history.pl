# copy_history off: the rows of copies go to the replicas, the history has only events that
# stand for them.  Equal replicas whatever apply is behind, under load, killed again and again.
#
# Takes 40 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $kills = $ENV{CDC_COPY_KILLS} // 5;
srand($ENV{CDC_COPY_SEED} // 23);

my $cluster = CdcIngest::Cluster->new('aside', conf => "restart_after_crash = on\n");
my $source = CdcIngest::Server->new($ENV{CDC_COPY_SERVER} // 'mariadb', args => ['--innodb-flush-log-at-trx-commit=2']);
$cluster->add_source('shop', $source, heartbeat_interval => '300ms');

sub pump { my ($sub) = @_; $cluster->do("SELECT cdc.pull('$sub')", "SELECT * FROM cdc.apply('$sub')"); return }
sub aside { return $cluster->value('SELECT count(*) FROM cdc_catalog.copied_rows') }
sub state_of { my ($table) = @_; return $cluster->value('SELECT state FROM cdc.subscription_table WHERE source_table = ?', $table) }
sub types_of
{
	my ($sub, $table) = @_;
	my $history = $cluster->history_of($sub);
	return join ' ', map { $_->[0] } @{ $cluster->rows("SELECT event->>'type' FROM $history WHERE source_table = ? AND op IN ('m', 'r') ORDER BY seq", $table) };
}

$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4', 'CREATE TABLE shop.seq (i int PRIMARY KEY)', 'INSERT INTO shop.seq VALUES ' . join ', ', map { "($_)" } 0 .. 99);

sub make_numbers
{
	my ($database, $table, $rows) = @_;
	$source->do("CREATE TABLE $database.$table (id bigint NOT NULL PRIMARY KEY, v varchar(40) NOT NULL, n int NOT NULL, filler varchar(200) NOT NULL DEFAULT 'f')",
		"INSERT INTO $database.$table (id, v, n, filler) SELECT 2 * (a.i + 100 * b.i + 10000 * c.i), CONCAT('row ', a.i), a.i, REPEAT('x', 100)"
		  . " FROM shop.seq a, shop.seq b, shop.seq c WHERE a.i + 100 * b.i + 10000 * c.i < $rows");
	return;
}

subtest 'the history has markers only' => sub {
	$source->do(
		'CREATE TABLE shop.types (id int PRIMARY KEY, d decimal(20,4), f double, t mediumtext, b blob, j longtext, ts timestamp(6) NULL, e enum("a", "b"), s set("x", "y"), bits bit(9), y year)',
		q{INSERT INTO shop.types VALUES (1, 12.5, 0.1, 'ä€😀', X'00ff', '{"a": [1]}', '2020-01-02 03:04:05.678', 'b', 'x,y', 5, 2020), (2, NULL, NULL, '', '', NULL, NULL, NULL, '', NULL, NULL), (3, -1, -0.0, REPEAT('wide', 300000), REPEAT('b', 20000), NULL, NULL, 'a', 'y', 0, 1999)},
		'CREATE TABLE shop.keyless (v varchar(20))', 'INSERT INTO shop.keyless VALUES ' . join(', ', map { "('v" . $_ % 100 . "')" } 1 .. 5000),
		'CREATE TABLE shop.empty (id int PRIMARY KEY)',
		'CREATE TABLE shop.many (a varchar(10) NOT NULL, b int NOT NULL, v varchar(20), PRIMARY KEY (a, b))',
		q{INSERT INTO shop.many SELECT CONCAT('k', a.i % 7), 100 * a.i + b.i, 'v' FROM shop.seq a, shop.seq b});
	$cluster->subscribe('shop', 'shop', 'shop', tables => ['shop.*'], enabled => \'false', options => '{"copy_history": false, "copy_chunk_time": "10ms"}');
	$cluster->value(q{SELECT cdc.pull('shop')});
	my $history = $cluster->history_of('shop');
	is($cluster->value("SELECT count(*) FROM $history WHERE op = 'r'"), 0, 'it has no row');
	cmp_ok(aside(), '>', 0, 'they wait beside it');
	like(types_of('shop', 'shop.many'), qr/^bootstrap-start( bootstrap-rows)+ bootstrap-complete$/, 'events stand for them');
	is(types_of('shop', 'shop.empty'), 'bootstrap-start bootstrap-complete', 'no event stands for none');
	is($cluster->value("SELECT sum((event->'data'->>'rows')::int) FROM $history WHERE event->>'type' = 'bootstrap-rows' AND source_table = 'shop.many'"), 10000, '... with their number');
	is($cluster->value("SELECT event->'data'->>'rows' FROM $history WHERE event->>'type' = 'bootstrap-complete' AND source_table = 'shop.many'"), 10000, '... and that of all');
	is($cluster->value("SELECT count(*) FROM $history WHERE op = 'm' AND position IS NULL"), 0, '... and their place');
	$cluster->do(q{SELECT * FROM cdc.apply('shop')});
	is(aside(), 0, 'when they are applied they are gone');
	$cluster->compare_ok($source, 'shop', 'shop', 'the same');
	$cluster->history_ok('shop');
	is($cluster->value(q{SELECT count(*) FROM cdc.verify('shop') WHERE kind <> 'equal'}), 0, 'verify says so');

	# what replays lack
	$cluster->do('CREATE TABLE replayed (LIKE shop.many INCLUDING ALL)');
	my $error = $cluster->error_of(q{SELECT cdc.replay('shop', 'shop.many', 'public.replayed')});
	like($error, qr/lacks rows of source table shop\.many.*copy_history.*resync_table\('shop', 'shop\.many'\)/s, 'a replay says what it lacks');
	is($cluster->value('SELECT count(*) FROM replayed'), 0, '... and gives nothing');
	$cluster->do(q{SELECT cdc.alter_table('shop', 'shop.many', '{"copy_history": true}')}, q{SELECT cdc.resync_table('shop', 'shop.many')});
	$source->do(q{DELETE FROM shop.many WHERE b = 17});
	pump('shop');
	my $begin = $cluster->value("SELECT max(seq) FROM $history WHERE source_table = 'shop.many' AND event->>'type' = 'bootstrap-start'");
	$cluster->do("SELECT cdc.replay('shop', 'shop.many', 'public.replayed', from_seq := $begin)");
	is($cluster->value('SELECT count(*) FROM (TABLE replayed EXCEPT TABLE shop.many) d') + $cluster->value('SELECT count(*) FROM (TABLE shop.many EXCEPT TABLE replayed) d'), 0, 'what it says to do helps; the option is one of tables, too');
	$cluster->call('drop_subscription', name => 'shop', drop_history => \'true');

	# without a target there is nowhere else
	$cluster->subscribe('bare', 'shop', undef, tables => ['shop.many'], history => 'public.bare', enabled => \'false', options => '{"copy_history": false}');
	$cluster->value(q{SELECT cdc.pull('bare')});
	is($cluster->value(q{SELECT count(*) FROM public.bare WHERE op = 'r'}), $source->value('SELECT count(*) FROM shop.many'), 'tables without a target keep their rows in the history');
	$cluster->call('drop_subscription', name => 'bare', drop_history => \'true');
};

subtest 'however far apply is behind' => sub {
	$source->do('CREATE DATABASE far CHARACTER SET utf8mb4');
	make_numbers('far', 'big', 20000);
	$source->do('CREATE TABLE far.bag (v varchar(20), n int)', 'INSERT INTO far.bag VALUES ' . join(', ', map { "('v" . $_ % 10 . "', $_)" } 1 .. 500), 'CREATE TABLE far.other (id int PRIMARY KEY, v int)');
	$cluster->subscribe('far', 'shop', 'far', tables => ['far.*'], enabled => \'false', options => '{"copy_history": false, "copy_chunk_time": "10ms", "apply_memory_limit": "64kB"}');
	my $n = 0;
	my $some = sub {
		$n++;
		$source->do("UPDATE far.big SET v = CONCAT('at ', $n), n = $n WHERE id % 97 = $n % 97", "DELETE FROM far.big WHERE id % 331 = $n", "UPDATE IGNORE far.big SET id = id + 100001 WHERE id % 499 = $n",
			"UPDATE IGNORE far.big SET id = id - 100001 WHERE id > 100000 AND id % 3 = 0", "INSERT IGNORE INTO far.big VALUES ($n * 2 + 1, 'new', 0, 'f')", "INSERT INTO far.other VALUES ($n, $n)", "UPDATE far.bag SET n = n + 1 WHERE v = 'v3'");
		return;
	};
	for (1 .. 40)
	{
		$some->();
		$cluster->do(q{SELECT cdc.pull('far', 1)});
		last if $_ > 12 && state_of('far.big') ne 'd';
	}
	cmp_ok($cluster->value(q{SELECT count(*) FROM cdc_catalog.copied_rows WHERE source_table = 'far.big'}), '>', 0, 'much waits');
	is($cluster->value('SELECT count(*) FROM far.big'), 0, 'nothing is applied');
	$some->() for 1 .. 3;
	$cluster->do(q{SELECT * FROM cdc.apply('far', 1)}) for 1 .. 5;
	$some->();
	pump('far');
	$cluster->compare_ok($source, 'far', 'far', 'the same, all at once and in pieces');
	is(aside(), 0, 'nothing is left');

	# again, over what is there: what is gone goes, and rows of others stay until they are needed
	$cluster->do('UPDATE far.big SET n = -1 WHERE id % 5 = 0', q{INSERT INTO far.big SELECT -i, 'mine', 0, 'f' FROM generate_series(1, 3000) i}, q{INSERT INTO far.bag VALUES ('mine', 1)}, 'INSERT INTO far.other VALUES (-1, -1)');
	$cluster->do(map { "SELECT cdc.resync_table('far', 'far.$_')" } qw(big bag other));
	for (1 .. 15) { $some->(); $cluster->do(q{SELECT cdc.pull('far', 1)}); $cluster->do(q{SELECT * FROM cdc.apply('far', 1)}) if $_ % 3 == 0 }
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.big')});
	pump('far');
	$cluster->compare_ok($source, 'far', 'far', 'a resync, and one of a table that is being resynced');
	is(aside(), 0, 'nothing is left');

	# TRUNCATE between a chunk and its apply
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.big')});
	$cluster->do(q{SELECT cdc.pull('far', 1)}) for 1 .. 4;
	$source->do('TRUNCATE far.big', q{INSERT INTO far.big VALUES (1, 'after', 1, 'f')});
	pump('far');
	$cluster->compare_ok($source, 'far', 'far', 'TRUNCATE');

	# a table that leaves with rows that are not applied, and comes again
	make_numbers('far', 'leaves', 3000);
	pump('far');
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.leaves')}, q{SELECT cdc.pull('far')});
	cmp_ok(aside(), '>', 0, 'rows wait');
	$cluster->do(q{SELECT cdc.remove_table('far', 'far.leaves')}, q{SELECT * FROM cdc.apply('far')});
	is(aside(), 0, 'removed: they go with it');
	$cluster->do(q{SELECT cdc.add_table('far', 'far.leaves', target := 'far.leaves', target_rows := 'replace')});
	pump('far');
	$cluster->compare_ok($source, 'far', 'far', 'it comes again');

	# DDL behind the rows
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.leaves')});
	$cluster->do(q{SELECT cdc.pull('far')});
	$source->do('ALTER TABLE far.leaves ADD COLUMN more int NOT NULL DEFAULT 7, DROP COLUMN n');
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.leaves')});
	pump('far');
	is($cluster->value('SELECT count(*) FROM far.leaves WHERE more = 7'), 3000, 'DDL between rows and their apply');

	# rows that somebody has taken
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.leaves')}, q{SELECT cdc.pull('far')}, 'DELETE FROM cdc_catalog.copied_rows WHERE part = 1');
	like($cluster->error_of(q{SELECT * FROM cdc.apply('far')}), qr/rows of the copy at seq \d+ of subscription "far" are not there.*resync_table\('far', 'far\.leaves'\)/s, 'missing rows are an error');
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.leaves')});
	pump('far');
	is($cluster->value('SELECT count(*) FROM far.leaves'), 3000, 'its hint helps');
	is(aside(), 0, 'nothing is left');
	$cluster->do(q{SELECT cdc.resync_table('far', 'far.leaves')}, q{SELECT cdc.pull('far')});
	$cluster->call('drop_subscription', name => 'far', drop_history => \'true');
	is(aside(), 0, 'a subscription takes its rows along');
};

# Rows come, change, go and change their keys.
# Their end has to know which rows came, as it takes others away.
subtest 'copies of some rows, and repairs' => sub {
	$source->do('CREATE DATABASE part', 'CREATE TABLE part.t (id int PRIMARY KEY, d int)', 'CREATE TABLE part.o (id int PRIMARY KEY)',
		'INSERT INTO part.t SELECT 100 * a.i + b.i, (100 * a.i + b.i) % 200 FROM shop.seq a, shop.seq b WHERE a.i < 30');
	$cluster->subscribe('part', 'shop', 'part', tables => ['part.*'], options => '{"copy_history": false, "copy_chunk_time": "10ms"}');
	$cluster->catch_up('part');
	$cluster->do('DELETE FROM part.t WHERE id = 1', 'UPDATE part.t SET d = -1 WHERE id = 2', 'INSERT INTO part.t VALUES (-5, 1)',
		q{SELECT cdc.resync_table('part', 'part.t', where_clause := 'd < 100')});
	$source->do('INSERT INTO part.o VALUES (1)');
	$cluster->catch_up('part');
	$cluster->compare_ok($source, 'part', 'part', 'rows that a condition selects');
	$cluster->do('DELETE FROM part.t WHERE id % 300 = 7', 'UPDATE part.t SET d = -2 WHERE id % 300 = 8', 'INSERT INTO part.t VALUES (-7, 0)');
	$cluster->rows(q{SELECT * FROM cdc.verify('part', 'part.t', repair := true)});
	$source->do('INSERT INTO part.o VALUES (2)');
	$cluster->catch_up('part');
	$cluster->compare_ok($source, 'part', 'part', 'missing, other and additional rows');
	is(aside(), 0, '... nothing is left beside the history');
	$cluster->call('drop_subscription', name => 'part');
};

sub start_writers
{
	my ($database, $n, $truncates) = @_;
	return map {
		my $seed = $_;
		fork_child(sub {
			srand($seed);
			my $dbh;
			while (1)
			{
				$dbh //= eval { $source->connect } or do { sleep 0.1; next };
				my $table = "$database.t" . int(rand 3);
				my $key = int(rand 100000);
				my $what = rand;
				eval {
					if ($what < 0.3) { $dbh->do("INSERT IGNORE INTO $table VALUES ($key, 'new', $seed, 'f')") }
					elsif ($what < 0.5) { $dbh->do("UPDATE $table SET v = CONCAT('at ', $key), n = n + 1 WHERE id BETWEEN $key AND $key + 3") }
					elsif ($what < 0.7) { $dbh->do("UPDATE IGNORE $table SET id = " . int(rand 100000) . " WHERE id = $key") }
					elsif ($what < 0.8) { $dbh->do("DELETE FROM $table WHERE id = $key") }
					elsif ($what < 0.9) { $dbh->do("INSERT INTO $database.bag VALUES ('v" . $key % 10 . "', $key)") }
					elsif ($what < 0.999 || !$truncates) { $dbh->do("DELETE FROM $database.bag WHERE v = 'v" . $key % 10 . "' LIMIT 1") }
					else { $dbh->do("TRUNCATE $database.t2") }
					1;
				} or undef $dbh;
				sleep 0.004;
			}
		})
	} 1 .. $n;
}

for my $image (qw(FULL MINIMAL))
{
	subtest "killed under load, $image images" => sub {
		my $name = 'killed_' . lc $image;
		$source->do("SET GLOBAL binlog_row_image = $image", "CREATE DATABASE $name CHARACTER SET utf8mb4");
		make_numbers($name, "t$_", 20000) for 0 .. 2;
		$source->do("CREATE TABLE $name.bag (v varchar(20), n int)", "INSERT INTO $name.bag VALUES " . join ', ', map { "('v" . $_ % 10 . "', $_)" } 1 .. 1000);
		my @writers = start_writers($name, 3, $image eq 'FULL');
		$cluster->subscribe($name, 'shop', $name, tables => ["$name.*"], options => '{"copy_history": false, "copy_chunk_time": "20ms"}');
		for my $kill (1 .. $kills)
		{
			sleep 0.3 + rand 0.5;
			my $how = int rand 3;
			if ($how < 2) { $cluster->kill_worker($name, $how ? 'pull' : 'apply') }
			else { $cluster->forget; $cluster->node->stop('immediate'); $cluster->node->start }
			$cluster->wait_up;
		}
		# the keyless table has had its moment without commits, or gets it now
		end_process($_) for @writers;
		$cluster->catch_up($name);
		is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.stat_table WHERE subscription = ?}, $name), 'r', 'tables are ready');
		$cluster->compare_ok($source, $name, $name, 'all are the same');
		my $history = $cluster->history_of($name);
		is($cluster->value("SELECT count(*) FROM $history WHERE op = 'r'"), 0, 'the history has no row');
		is($cluster->value("SELECT sum((event->'data'->>'rows')::bigint) FROM $history WHERE event->>'type' = 'bootstrap-rows'"),
			$cluster->value(q{SELECT sum(rows) FROM cdc_catalog.copy_progress WHERE subscription = ?}, $name), 'progress tells what came');
		$cluster->history_ok($name);
		is(aside(), 0, 'nothing is left beside it');

		@writers = start_writers($name, 3, 0);
		$cluster->do("DELETE FROM $name.t0 WHERE id % 5 = 0", "UPDATE $name.t1 SET v = 'wrong' WHERE id % 3 = 0", "INSERT INTO $name.t1 SELECT -i, 'no', i, 'no' FROM generate_series(1, 3000) i");
		$cluster->call('resync_table', subscription => $name, source_table => "$name.t$_") for 0 .. 1;
		sleep 0.4;
		$cluster->call('resync_table', subscription => $name, source_table => "$name.t1");
		sleep 0.4;
		end_process($_) for @writers;
		$cluster->catch_up($name);
		$cluster->compare_ok($source, $name, $name, 'after a resync under load');
		is(aside(), 0, 'nothing is left beside the history');
		$cluster->call('drop_subscription', name => $name, drop_history => \'true');
	};
}

done_testing;
