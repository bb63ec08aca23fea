# Copies that meet trouble: several of them on a server that shows its transactions to one at
# a time only, tables that cannot be read to their end, DDL and kills under load.
#
# Takes 50 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::FakeMysql;
use CdcIngest::Load;
use CdcIngest::File qw(slurp);
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $rows = $ENV{CDC_COPY_ROWS} // 6000;
my $kills = $ENV{CDC_COPY_KILLS} // 2;
srand($ENV{CDC_COPY_SEED} // 90);

my $cluster = CdcIngest::Cluster->new('troubles', conf => "restart_after_crash = on\n");

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

sub state_of { my ($table) = @_; return $cluster->value(q{SELECT state::text || coalesce(' ' || last_error, '') FROM cdc.subscription_table WHERE source_table = ?}, $table) }

# What a table's error says to type.
sub remedy { my ($error) = @_; my ($sql) = $error =~ /(SELECT cdc[.]resync_table\(.*?\));/ or die "no remedy in: $error"; return $sql }

# What stands in the way of one table's rows is that table's trouble: the others are copied,
# and their changes come.
subtest 'tables that cannot be read to their end' => sub {
	my $source = CdcIngest::Server->new('mariadb', args => ['--innodb-flush-log-at-trx-commit=2']);
	my $proxy = CdcIngest::FakeMysql->proxy($source->port);
	make_numbers($source, 'bad');
	for my $table (qw(good cond some beside crashed words gone early))
	{
		# rows of MyISAM that are not all of one length say so when they are damaged
		my $engine = $table eq 'crashed' ? ', v varchar(50) DEFAULT "some") ENGINE = MyISAM' : ') ENGINE = InnoDB';
		$source->do("CREATE TABLE bad.$table (id int PRIMARY KEY, n int, u bigint unsigned$engine",
			"INSERT INTO bad.$table (id, n, u) SELECT 100 * a.i + b.i, b.i, IF(a.i = 80, 0, 7) FROM bad.seq a, bad.seq b");
	}
	$source->do('CREATE TABLE bad.keyless (n int, u bigint unsigned)', 'INSERT INTO bad.keyless SELECT n, u FROM bad.cond', 'FLUSH TABLES');
	my $file = "$source->{dir}/data/bad/crashed.MYD";
	my $sound = slurp($file);
	my $broken = $sound;
	substr($broken, length($sound) / 2, length($sound) / 4) = "\xa5" x (length($sound) / 4);
	my $write = sub { open my $f, '+<', $file or die "$file: $!"; binmode $f; print {$f} $_[0]; close $f or die; return };
	$write->($broken);

	$cluster->add_source('bad', $proxy->port);
	$cluster->subscribe('bad', 'bad', 'bad', tables => [ 'bad.good', 'bad.some' ], options => '{"copy_chunk_time": "10ms"}');
	$cluster->catch_up('bad');
	$proxy->falsify('words', qr/SELECT `id`.*FROM `bad`.`words`.*`id` > /s);
	my $add = sub { my ($table, %how) = @_; return $cluster->call('add_table', subscription => 'bad', source_table => "bad.$table", %how) };
	$add->('cond', copy_where => 'u - 1 < 100');
	$add->('keyless', copy_where => 'u - 1 < 100');
	$add->('beside', copy_where => 'u - 1 < 100', options => '{"copy_history": false}');
	$add->('crashed');
	$add->('words');
	$cluster->call('resync_table', subscription => 'bad', source_table => 'bad.some', where_clause => 'u - 1 < 100');
	my %says = (
		cond => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		keyless => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		beside => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		some => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		crashed => qr/^e .*(?:crashed|Incorrect key file|storage engine)/,
		words => qr/^e column "id" has a value that cannot be copied: /);
	for my $table (sort keys %says)
	{
		ok(wait_until(60, sub { state_of("bad.$table") =~ /^e/ }), "$table is in error") or diag $cluster->state_of('bad');
		like(state_of("bad.$table"), $says{$table}, '... and says why');
	}
	$source->do('UPDATE bad.good SET n = n + 1 WHERE id < 500');
	$cluster->catch_up('bad');
	$cluster->compare_ok($source, 'bad', 'bad', 'the other table is the same', only => ['good']);
	is($cluster->value(q{SELECT coalesce(sum(failures), 0) FROM cdc.subscription_failure WHERE subscription = 'bad'}), 0, '... and no worker has failed');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'bad' AND kind = 'error'}), 0, '... at any time');
	is($cluster->value(q{SELECT count(*) FROM cdc_catalog.subscription_failure WHERE subscription = 'bad'}), 2, '... but each has its row for that, where a full disk has room for no new one');

	# What the errors say helps, when the reason is gone.
	$proxy->falsify(undef);
	$source->do('FLUSH TABLES bad.crashed');
	$write->($sound);
	$source->do('FLUSH TABLES bad.crashed', 'REPAIR TABLE bad.crashed', map { "UPDATE bad.$_ SET n = n + 1 WHERE id % 7 = 0" } qw(cond some beside words));
	$cluster->do(remedy(state_of("bad.$_"))) for sort keys %says;
	$cluster->catch_up('bad');
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.subscription_table WHERE subscription = 'bad'}), 'r', 'then all are ready');
	$cluster->compare_ok($source, 'bad', 'bad', '... and the same', except => [qw(gone early seq)]);
	$cluster->history_ok('bad');

	# Dropped while it is copied: some of its rows are there.
	$cluster->call('disable_subscription', name => 'bad');
	$add->('gone');
	$cluster->value(q{SELECT cdc.pull('bad', 1)}) while $cluster->value(q{SELECT coalesce(sum(rows), 0) FROM cdc_catalog.copy_progress WHERE source_table = 'bad.gone'}) == 0;
	is(state_of('bad.gone'), 'd', 'a table is copied');
	$add->('early');
	$source->do('DROP TABLE bad.gone, bad.early', 'UPDATE bad.good SET n = n + 1 WHERE id < 500');
	$cluster->call('enable_subscription', name => 'bad');
	$cluster->catch_up('bad');
	is(state_of('bad.gone'), 'r', 'dropped in the middle: nothing more is copied');
	is(state_of('bad.early'), 'r', '... nor one that was dropped before its copy began');
	is($cluster->value(q{SELECT cdc.wait_for('bad', timeout := '10 s')}), 1, '... and nobody waits for them');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'bad' AND message = 'source table bad.gone is gone before its copy was complete'}), 1, '... and cdc.log says so');
	$cluster->compare_ok($source, 'bad', 'bad', 'the others are the same', except => [qw(gone early seq)]);
	$source->do('CREATE TABLE bad.gone LIKE bad.good', 'INSERT INTO bad.gone SELECT * FROM bad.good WHERE id >= 5000');
	$cluster->catch_up('bad');
	$cluster->compare_ok($source, 'bad', 'bad', 'made again: it has the new rows', except => ['seq']);
	$cluster->call('drop_subscription', name => 'bad', drop_history => \'true');
	$proxy->stop;
	$source->stop('KILL');
};

# Rows come, change, go and change their keys, in whatever shape the tables are.
# Bytes for which the character set of their column has no character.  Servers that convert put a
# question mark there; a copy must not, and the stream has to say the same of them.
subtest 'bytes that are no text' => sub {
	for my $flavour (qw(mariadb mysql56))
	{
		my $id = "bytes_$flavour";
		my $source = CdcIngest::Server->new($flavour);
		$cluster->add_source($id, $source);
		$source->do("SET sql_mode = ''", "CREATE DATABASE $id");
		my %hex = (cp1251 => '98', latin7 => 'a1', big5 => '80', greek => 'ff', ujis => '8f');
		for my $charset (sort keys %hex)
		{
			$source->do("CREATE TABLE $id.$charset (id int PRIMARY KEY, c char(20), t text, v varchar(20)) CHARACTER SET $charset",
				"INSERT INTO $id.$charset VALUES (1, 'a ', '?', ''), (2, NULL, 'b', ' x ')", "INSERT INTO $id.$charset VALUES (3, 'c', _binary x'61$hex{$charset}', 'd')");
		}
		my @bad = grep { $source->value("SELECT HEX(t) <> '613F' AND HEX(CONVERT(t USING utf8mb4)) = '613F' FROM $id.$_ WHERE id = 3") } sort keys %hex;
		cmp_ok(scalar @bad, '>', 0, "$id: characters that the server does not know: @bad");
		$cluster->subscribe($id, $id, $id, tables => ["$id.*"]);
		$cluster->catch_up($id);
		for my $charset (@bad)
		{
			my $error = state_of("$id.$charset");
			like($error, qr/^e .*text is not valid $charset/s, "... $charset: no question mark is made of it");
			$source->do("UPDATE $id.$charset SET t = 'good' WHERE id = 3");
			$cluster->do(remedy($error));
		}
		$cluster->catch_up($id);
		is($cluster->value(q{SELECT count(*) FROM cdc.subscription_table WHERE subscription = ? AND state <> 'r'}, $id), 0, '... corrected, and copied as its error says');
		$cluster->compare_ok($source, $id, $id, '... all is equal', only => \@bad);
		$source->do("UPDATE $id.$bad[0] SET v = _binary x'$hex{$bad[0]}' WHERE id = 1", map { "UPDATE $id.$_ SET v = 'w' WHERE id = 2" } @bad);
		$cluster->catch_up($id);
		like(state_of("$id.$bad[0]"), qr/^e .*text is not valid $bad[0]/s, '... so it is in the stream');
		$cluster->compare_ok($source, $id, $id, '... where the others go on', only => [ @bad[ 1 .. $#bad ] ]) if @bad > 1;
		$cluster->call('drop_subscription', name => $id);
		$source->stop('KILL');
	}
};

sub start_writers
{
	my ($source, $n) = @_;
	return map {
		my $seed = $_;
		fork_child(sub {
			srand($seed);
			my $dbh;
			while (1)
			{
				$dbh //= eval { $source->connect } or do { sleep 0.1; next };
				my ($table, $key, $what) = ('all.t' . int(rand 5), int(rand 3 * $rows), rand);
				$table =~ s/all/`all`/;
				eval {
					if ($what < 0.3) { $dbh->do("INSERT IGNORE INTO $table (id, v) VALUES ($key, 'new')") }
					elsif ($what < 0.6) { $dbh->do("UPDATE $table SET v = CONCAT('at ', $key, $seed) WHERE id BETWEEN $key AND $key + 3") }
					elsif ($what < 0.8) { $dbh->do("UPDATE IGNORE $table SET id = " . int(rand 3 * $rows) . " WHERE id = $key") }
					else { $dbh->do("DELETE FROM $table WHERE id = $key") }
					1;
				} or $@ =~ /doesn't exist|Unknown column|Deadlock|Lock wait/ or undef $dbh;
				sleep 0.004;
			}
		})
	} 1 .. $n;
}

# What gh-ost and pt-online-schema-change do at their ends, under load.
sub gh_ost
{
	my ($source, $table) = @_;
	my $dbh = $source->connect;
	$dbh->do($_) for "CREATE TABLE `all`._${table}_gho LIKE `all`.$table", "ALTER TABLE `all`._${table}_gho MODIFY v varchar(300) NOT NULL AFTER n",
	  "LOCK TABLES `all`.$table WRITE, `all`._${table}_gho WRITE",
	  "REPLACE INTO `all`._${table}_gho (id, v, n, filler) SELECT id, v, n, filler FROM `all`.$table",
	  "RENAME TABLE `all`.$table TO `all`._${table}_del, `all`._${table}_gho TO `all`.$table", 'UNLOCK TABLES', "DROP TABLE `all`._${table}_del";
	$dbh->disconnect;
	return;
}

sub pt_osc
{
	my ($source, $table) = @_;
	my ($new, $columns) = ("`all`._${table}_new", 'id, v, n, filler');
	my $row = join ', ', map { "NEW.$_" } split /, /, $columns;
	my $at = sub { my ($when, $does) = @_; "CREATE TRIGGER `all`.pt_osc_all_${table}_" . lc(substr $when, 0, 3) . " AFTER $when ON `all`.$table FOR EACH ROW $does" };
	$source->do("CREATE TABLE $new LIKE `all`.$table", "ALTER TABLE $new MODIFY v varchar(300) NOT NULL",
		$at->('DELETE', "DELETE IGNORE FROM $new WHERE $new.id <=> OLD.id"),
		$at->('UPDATE', "BEGIN DELETE IGNORE FROM $new WHERE !(OLD.id <=> NEW.id) AND $new.id <=> OLD.id; REPLACE INTO $new ($columns) VALUES ($row); END"),
		$at->('INSERT', "REPLACE INTO $new ($columns) VALUES ($row)"));
	my $copy = "INSERT LOW_PRIORITY IGNORE INTO $new ($columns) SELECT $columns FROM `all`.$table LOCK IN SHARE MODE";
	# (the writers' triggers may be in its way)
	wait_until(120, sub { eval { $source->do('SET SESSION innodb_lock_wait_timeout = 2', $copy); 1 } }) or die "no copy of $table";
	$source->do("RENAME TABLE `all`.$table TO `all`._${table}_old, $new TO `all`.$table", "DROP TABLE `all`._${table}_old");
	return;
}

# Reads the sum of the accounts in both replicas until it is told to end: it is always the same.
sub start_reader
{
	pipe my $read, my $write or die "pipe: $!";
	my $pid = fork_child(sub {
		close $read;
		my ($stop, $reads, $wrong, $dbh) = (0, 0, 0);
		local $SIG{TERM} = sub { $stop = 1 };
		while (!$stop)
		{
			$dbh //= eval { $cluster->connect } or do { sleep 0.05; next };
			my @sums = eval { $dbh->selectrow_array('SELECT (SELECT sum(balance) FROM one.account), (SELECT sum(balance) FROM two.account)') };
			if (!@sums) { undef $dbh; next }
			$reads++;
			$wrong++ if grep { $_ != $CdcIngest::Load::TOTAL } @sums;
			sleep 0.01;
		}
		$write->autoflush(1);
		print {$write} "$reads $wrong\n";
	});
	close $write;
	return sub { kill 'TERM', $pid; my ($reads, $wrong) = split ' ', (readline($read) // '0 1'); end_process($pid); return ($reads, $wrong) };
}

subtest 'two copies of one source under load, with DDL and kills' => sub {
	my $flavour = $ENV{CDC_COPY_SERVER} // 'mysql97';
	plan skip_all => "$flavour cannot be had here" unless CdcIngest::Server->available($flavour);
	my $source = CdcIngest::Server->new($flavour, args => ['--innodb-flush-log-at-trx-commit=2']);
	make_numbers($source, '`all`');
	for my $t (0 .. 4)
	{
		$source->do("CREATE TABLE `all`.t$t (id bigint NOT NULL PRIMARY KEY, v varchar(40) NOT NULL, n int NOT NULL DEFAULT 1, filler varchar(200) NOT NULL DEFAULT 'f')",
			"INSERT INTO `all`.t$t SELECT 2 * (a.i + 100 * b.i + 10000 * c.i), CONCAT('row ', a.i), a.i, REPEAT('x', 100)"
			  . " FROM `all`.seq a, `all`.seq b, `all`.seq c WHERE a.i + 100 * b.i + 10000 * c.i < $rows");
	}
	$source->do('DROP TABLE `all`.seq');
	CdcIngest::Load->create_tables($source, 'bank');
	$cluster->add_source('all', $source);
	my @subscriptions = ([ 'one', '{"copy_chunk_time": "20ms"}' ], [ 'two', '{"copy_chunk_time": "20ms", "copy_workers": 3, "copy_history": false}' ]);
	$cluster->subscribe($_->[0], 'all', $_->[0], tables => ['bank.*'], options => $_->[1]) for @subscriptions;
	$cluster->catch_up($_->[0]) for @subscriptions;

	# A table that is swapped between a snapshot and its SELECT: the rows of the other one are
	# newer than the snapshot, which has none of them.
	$source->do('CREATE TABLE bank.swap (id int PRIMARY KEY, v int)', 'INSERT INTO bank.swap SELECT id, 1 FROM bank.account', 'CREATE TABLE bank._swap_gho LIKE bank.swap');
	$cluster->catch_up($_->[0]) for @subscriptions;
	$cluster->call('remove_table', subscription => 'one', source_table => 'bank.swap');
	$cluster->do('TRUNCATE one.swap');
	my $tool = $source->connect;
	$tool->do('LOCK TABLES bank.swap WRITE, bank._swap_gho WRITE');
	$cluster->call('add_table', subscription => 'one', source_table => 'bank.swap');
	ok(wait_until(60, sub { $source->value(q{SELECT count(*) FROM information_schema.PROCESSLIST WHERE USER = 'cdc' AND INFO LIKE 'SELECT%`swap`%' AND STATE LIKE 'Waiting for table metadata lock%'}) }), 'a copy waits for a table');
	$tool->do($_) for 'REPLACE INTO bank._swap_gho SELECT * FROM bank.swap', 'RENAME TABLE bank.swap TO bank._swap_del, bank._swap_gho TO bank.swap', 'UNLOCK TABLES';
	$tool->disconnect;
	$cluster->catch_up('one');
	is($cluster->value('SELECT count(*) FROM one.swap'), $CdcIngest::Load::ACCOUNTS, '... that another one has replaced meanwhile: all rows are there');
	$source->do('DROP TABLE bank._swap_del, bank.swap');
	$cluster->do("SELECT cdc.remove_table('$_', 'bank.swap')", "DROP TABLE $_.swap") for qw(one two);

	# DDL waits for one of our readers, and another one behind it: nobody may wait for long.
	$source->do('CREATE TABLE bank.locked (id int PRIMARY KEY, v varchar(100))', 'INSERT INTO bank.locked SELECT 1000 * a.id + b.id, REPEAT("x", 100) FROM bank.account a, bank.account b');
	$cluster->catch_up($_->[0]) for @subscriptions;
	my $locks = fork_child(sub { my $dbh = $source->connect; while (1) { $dbh->do($_) for 'LOCK TABLES bank.locked WRITE', 'UNLOCK TABLES'; sleep 0.003 } });
	$cluster->call('resync_table', subscription => 'two', source_table => 'bank.locked');
	$cluster->catch_up('two');
	end_process($locks);
	is($cluster->value('SELECT count(*) FROM two.locked'), $CdcIngest::Load::ACCOUNTS ** 2, 'a copy over several connections, of a table that is locked again and again');
	$source->do('DROP TABLE bank.locked');
	$cluster->do("SELECT cdc.remove_table('$_', 'bank.locked')", "DROP TABLE $_.locked") for qw(one two);

	my $load = CdcIngest::Load->start($source, 'bank', rate => 40);
	my @writers = start_writers($source, 3);
	my $end_reader = start_reader();
	my $began = time;
	for my $name (qw(one two)) { $cluster->call('add_table', subscription => $name, source_table => "all.t$_") for 0 .. 4 }
	my @ddl = (
		sub { $source->do('ALTER TABLE `all`.t0 ADD COLUMN extra int NOT NULL DEFAULT 7') },
		sub { $source->do('TRUNCATE TABLE `all`.t1', q{INSERT INTO `all`.t1 (id, v) VALUES (-1, 'after')}) },
		sub { $source->do('ALTER TABLE `all`.t0 RENAME COLUMN n TO m') },
		sub { $source->do('DROP TABLE `all`.t2', 'CREATE TABLE `all`.t2 (id bigint NOT NULL PRIMARY KEY, v varchar(60) NOT NULL)', q{INSERT INTO `all`.t2 VALUES (-1, 'new')}) },
		sub { gh_ost($source, 't3') },
		sub { $source->do('ALTER TABLE `all`.t0 DROP COLUMN filler') },
		sub { pt_osc($source, 't4') });
	my $killed = 0;
	for my $step (0 .. $#ddl)
	{
		$ddl[$step]->();
		for (1 .. int(($step + 1) * $kills / @ddl) - int($step * $kills / @ddl))
		{
			sleep rand 0.3;
			if ($killed % 3 == 0) { $cluster->kill_worker((qw(one two))[ rand 2 ], 'pull') }
			elsif ($killed % 3 == 1) { $source->stop('KILL'); $source->start }
			else { $cluster->forget; $cluster->node->stop('immediate'); $cluster->node->start }
			$killed++;
			$cluster->wait_up;
		}
	}
	my $copying = $cluster->value('SELECT count(*) FROM cdc.stat_progress_copy');
	wait_until(600, sub { (eval { $cluster->value('SELECT count(*) FROM cdc.stat_progress_copy') } // 1) == 0 });
	note sprintf '%d copies were left behind the DDL; all of them took %.1f s', $copying, time - $began;
	end_process($_) for @writers;
	$load->stop;
	wait_until(120, sub { (eval { $cluster->value('SELECT count(*) FROM cdc.subscription_failure WHERE failures > 0') } // 1) == 0 });
	for my $name (qw(one two))
	{
		$cluster->catch_up($name);
		is($cluster->value(q{SELECT string_agg(DISTINCT state::text || coalesce(' ' || last_error, ''), ' ') FROM cdc.subscription_table WHERE subscription = ?}, $name), 'r', "$name: all tables are ready");
		$cluster->compare_ok($source, 'all', $name, "$name: ... and the same");
		$cluster->compare_ok($source, 'bank', $name, "$name: so are those that were ready before");
		$cluster->history_ok($name);
		note "$name: " . $cluster->value(q{SELECT string_agg(source_table || ' ' || rows || ' rows in ' || chunks || ' chunks, ' || restarts || ' restarts', '; ' ORDER BY source_table) FROM cdc_catalog.copy_progress WHERE subscription = ?}, $name);
	}
	my ($reads, $wrong) = $end_reader->();
	cmp_ok($reads, '>', 20, "the sums were read $reads times");
	is($wrong, 0, '... and always right');
	is_deeply([ glob $cluster->node->data_dir . '/base/pgsql_tmp/*' ], [], 'no file is left');
	$cluster->call('drop_subscription', name => $_, drop_history => \'true') for qw(one two);
	$source->stop('KILL');
};

done_testing();
