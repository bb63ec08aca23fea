# Mode scd2: a row for each version of a row of the source.  What is there is compared with what the
# table had at each commit, as its driver saw it, while workers and servers are killed.
#
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

srand($ENV{CDC_SCD2_SEED} // 112);
my $cluster = CdcIngest::Cluster->new('scd2', conf => "restart_after_crash = on\n");
my %source = map { $_ => CdcIngest::Server->new($_) } grep { CdcIngest::Server->available($_) } split ' ', $ENV{CDC_SCD2_SERVERS} // 'mariadb mysql97';
my $source = $source{mariadb} // (values %source)[0];
$cluster->add_source($_, $source{$_}, heartbeat_interval => '300ms') for keys %source;

sub pump { my ($sub) = @_; $cluster->do("SELECT cdc.pull('$sub')", "SELECT * FROM cdc.apply('$sub')"); return }
sub content { my ($from, $sql) = @_; return join "\n", map { join '|', map { $_ // '-' } @$_ } @{ $from->rows($sql) } }
sub state_of { my ($target) = @_; return $cluster->value('SELECT state FROM cdc.stat_table WHERE target = ?', $target) }

# ---- what each row was at each commit ----

my %model;		# table -> key -> [ values of each version; undef: it was not there ]

sub look
{
	my ($from, $table) = @_;
	my %now = map { my ($id, @values) = @$_; ($id => join '|', map { $_ // '-' } @values) } @{ $from->rows("SELECT * FROM $table") };
	my $known = $model{$table} //= {};
	for my $id (keys %{ { %now, %$known } })
	{
		my $versions = $known->{$id} //= [];
		my $last = @$versions ? $versions->[-1] : undef;
		push @$versions, $now{$id} if ($last // "\0") ne ($now{$id} // "\0");
	}
	return;
}

# One source transaction of these statements.
sub commit
{
	my ($from, $table, @sql) = @_;
	$from->do('BEGIN', @sql, 'COMMIT');
	look($from, $table);
	return;
}

sub change
{
	my ($from, $table, $n) = @_;
	for (1 .. $n)
	{
		my @sql;
		for (1 .. 1 + int rand 4)
		{
			my ($x, $y, $v) = map { 1 + int rand $_ } 20, 20, 4;
			my @one = ("INSERT IGNORE INTO $table VALUES ($x, $v, 'x$v')", "UPDATE $table SET v = $v WHERE id = $x", "UPDATE $table SET v = v + 1 WHERE id BETWEEN $x AND $x + 3", "UPDATE $table SET w = 'w$v' WHERE id = $x",
				"DELETE FROM $table WHERE id = $x", "REPLACE INTO $table VALUES ($x, $v, 'r$v')", "UPDATE $table SET id = $y WHERE id = $x AND NOT EXISTS (SELECT 1 FROM (SELECT id FROM $table) z WHERE z.id = $y)",
				"UPDATE $table SET v = v + 10 WHERE id = $x");
			my $one = int rand @one;
			push @sql, $one[$one];
			push @sql, "UPDATE $table SET v = v - 10 WHERE id = $x" if $one == $#one && rand() < 0.5;
		}
		commit($from, $table, @sql);
	}
	return;
}

# The same of the target: a gap between two versions is a row that was not there.
sub versions_of
{
	my ($target, @columns) = @_;
	my %versions;
	my %last;
	for (@{ $cluster->rows('SELECT id, _cdc_seq, _cdc_end_seq, ' . join(', ', @columns) . " FROM $target ORDER BY id, _cdc_seq") })
	{
		my ($id, $seq, $end, @values) = @$_;
		my $versions = $versions{$id} //= [];
		push @$versions, undef if @$versions && $last{$id} != $seq;
		push @$versions, join '|', map { $_ // '-' } @values;
		$last{$id} = $end // 0;
	}
	for my $id (keys %versions) { push @{ $versions{$id} }, undef if $last{$id} }
	return \%versions;
}

sub text_of
{
	my ($versions) = @_;
	my $text = '';
	for my $id (sort { $a <=> $b } keys %$versions)
	{
		my @v = @{ $versions->{$id} };
		shift @v while @v && !defined $v[0];
		$text .= "$id: " . join(' > ', map { $_ // 'none' } @v) . "\n" if @v;
	}
	return $text;
}

sub versions_ok
{
	my ($target, $table, $name, @columns) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(text_of(versions_of($target, @columns ? @columns : qw(v w))), text_of($model{$table}), "$name: versions");
	return sound($target, $name);
}

# What holds of any such table.
sub sound
{
	my ($target, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(content($cluster, "SELECT id, _cdc_seq, _cdc_end_seq, _cdc_valid_from, _cdc_valid_to FROM (SELECT *, lead(_cdc_seq) OVER w AS next_seq, lead(_cdc_valid_from) OVER w AS next_from, count(*) FILTER (WHERE _cdc_current) OVER (PARTITION BY id) AS current
		FROM $target WINDOW w AS (PARTITION BY id ORDER BY _cdc_seq)) t WHERE _cdc_valid_to < _cdc_valid_from OR _cdc_current <> (_cdc_valid_to IS NULL) OR _cdc_current <> (_cdc_end_seq IS NULL)
		OR _cdc_end_seq > next_seq OR _cdc_valid_to > next_from OR (_cdc_current AND next_seq IS NOT NULL) OR current > 1 OR _cdc_end_seq < _cdc_seq"), '', "$name: no two at a time");
	return;
}

sub make
{
	my ($from, $db, $rows) = @_;
	$from->do("CREATE DATABASE $db", "CREATE TABLE $db.t (id int PRIMARY KEY, v int, w varchar(20) DEFAULT 'new')");
	$from->do("INSERT INTO $db.t VALUES " . join ', ', map { "($_, $_, 'a')" } 1 .. $rows) if $rows;
	look($from, "$db.t");
	return;
}

# ---- the tests ----

for my $flavour (sort keys %source)
{
	for my $image (qw(FULL MINIMAL))
	{
		subtest "$flavour, $image, under kills" => sub {
			my $from = $source{$flavour};
			my $db = lc "kill_${flavour}_$image";
			$from->do("SET SESSION binlog_row_image = $image");
			make($from, $db, 10);
			$cluster->subscribe($db, $flavour, $db, tables => ["$db.*"], options => '{"target_mode": "scd2"}');
			$cluster->catch_up($db);
			is(content($cluster, "SELECT attname, format_type(atttypid, -1), attnotnull FROM pg_attribute WHERE attrelid = '$db.t'::regclass AND attnum > 3 ORDER BY attnum"),
				"_cdc_valid_from|timestamp with time zone|1\n_cdc_valid_to|timestamp with time zone|0\n_cdc_current|boolean|1\n_cdc_op|text|0\n_cdc_seq|bigint|1\n_cdc_end_op|text|0\n_cdc_end_seq|bigint|0", 'the table');
			is($cluster->value("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '$db.t'::regclass"), "CREATE UNIQUE INDEX t_pkey ON $db.t USING btree (id, _cdc_seq)", 'its key');
			versions_ok("$db.t", "$db.t", 'copied');
			# a crash may take what workers have committed last; what is copied again has no versions of before
			$cluster->do('CHECKPOINT');
			for my $round (1 .. 8)
			{
				change($from, "$db.t", 12);
				$cluster->kill_worker($db, $round % 2 ? 'apply' : 'pull') if $round != 5;
				if ($round == 5)
				{
					$cluster->node->stop('immediate');
					$cluster->node->start;
					$cluster->wait_up;
				}
			}
			$cluster->catch_up($db);
			versions_ok("$db.t", "$db.t", 'changed');
			my $history = $cluster->history_of($db);
			is($cluster->value("SELECT count(*) FROM $db.t t JOIN $history h ON h.seq = _cdc_seq AND (_cdc_valid_from = h.source_ts OR EXISTS (SELECT 1 FROM $db.t l WHERE l.id = t.id AND l._cdc_valid_to = t._cdc_valid_from))"),
				$cluster->value("SELECT count(*) FROM $db.t"), 'each begins with its event');
			$cluster->call('disable_subscription', name => $db);

			# from anywhere on, with events that are there already
			if ($image eq 'FULL')
			{
				my $wanted = content($cluster, "SELECT * FROM $db.t ORDER BY id, _cdc_seq");
				my $last = $cluster->value("SELECT max(seq) FROM $history");
				$cluster->do("CREATE TABLE $db.again (LIKE $db.t INCLUDING ALL)");
				for my $at (1, map({ 12 + int rand($last - 12) } 1 .. 5), 1)
				{
					$cluster->call('replay', subscription => $db, source_table => "$db.t", target => "$db.again", from_seq => $at, mode => 'scd2');
					is(content($cluster, "SELECT * FROM $db.again ORDER BY id, _cdc_seq"), $wanted, "replayed from $at");
				}
			}

			# TRUNCATE, and what comes behind it
			commit($from, "$db.t", "DELETE FROM $db.t WHERE id = 3");
			$from->do("TRUNCATE $db.t");
			look($from, "$db.t");
			change($from, "$db.t", 10);
			pump($db);
			versions_ok("$db.t", "$db.t", 'emptied');
			is($cluster->value(q{SELECT count(*) FROM cdc.verify(?) WHERE kind <> 'equal'}, $db), 0, 'verify compares current versions');
			$cluster->call('drop_subscription', name => $db, drop_history => \'true');
			$from->do('SET SESSION binlog_row_image = FULL');
		};
	}
}

subtest 'a version is a state at a commit' => sub {
	for my $flavour (sort keys %source)
	{
		my $from = $source{$flavour};
		my $db = "commit_$flavour";
		make($from, $db, 6);
		$from->do("CREATE TABLE $db.other (n int AUTO_INCREMENT PRIMARY KEY)");
		# (what is known of a row is forgotten, and read again, all the time)
		$cluster->subscribe($db, $flavour, $db, tables => ["$db.*"], options => '{"target_mode": "scd2", "apply_memory_limit": "4kB"}', enabled => \'false');
		pump($db);
		my $other = "INSERT INTO $db.other VALUES ()";
		commit($from, "$db.t", "UPDATE $db.t SET v = 100 WHERE id = 1", $other, "UPDATE $db.t SET v = 101 WHERE id = 1", $other, "UPDATE $db.t SET v = 102 WHERE id = 1");
		commit($from, "$db.t", "UPDATE $db.t SET v = 100 WHERE id = 2", $other, "UPDATE $db.t SET v = 2 WHERE id = 2");
		commit($from, "$db.t", "DELETE FROM $db.t WHERE id = 3", $other, "INSERT INTO $db.t VALUES (3, 3, 'a')");
		commit($from, "$db.t", "DELETE FROM $db.t WHERE id = 4", "INSERT INTO $db.t VALUES (4, 44, 'a')", $other);
		commit($from, "$db.t", "INSERT INTO $db.t VALUES (7, 7, 'a')", $other, "DELETE FROM $db.t WHERE id = 7");
		commit($from, "$db.t", "UPDATE $db.t SET id = 0 WHERE id = 5", "UPDATE $db.t SET id = 5 WHERE id = 6", "UPDATE $db.t SET id = 6 WHERE id = 0");
		commit($from, "$db.t", "UPDATE $db.t SET v = 5 WHERE id = 1", "DELETE FROM $db.t WHERE id = 1");
		commit($from, "$db.t", "INSERT INTO $db.t VALUES (1, 5, 'b')");
		my $wide = join ', ', map { "($_, $_, 'wide')" } 100 .. 160;
		commit($from, "$db.t", "UPDATE $db.t SET v = 70 WHERE id = 6", "INSERT INTO $db.t VALUES $wide", "UPDATE $db.t SET v = 6 WHERE id = 6", "DELETE FROM $db.t WHERE id > 140", "UPDATE $db.t SET v = v + 1 WHERE id > 100");
		pump($db);
		versions_ok("$db.t", "$db.t", $flavour);
		is(content($cluster, "SELECT _cdc_op, v FROM $db.t WHERE id = 1 ORDER BY _cdc_seq"), "r|1\nu|102\nc|5", "$flavour: what began them");

		# one table of the history alone; by the other back-end
		$cluster->do("CREATE TABLE $db.again (LIKE $db.t INCLUDING DEFAULTS, PRIMARY KEY (id, _cdc_seq)) PARTITION BY HASH (id)",
			map { "CREATE TABLE $db.again$_ PARTITION OF $db.again FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1);
		$cluster->call('replay', subscription => $db, source_table => "$db.t", target => "$db.again", mode => 'scd2');
		versions_ok("$db.again", "$db.t", "$flavour, replayed");

		# clocks that were set back, and stand still
		$from->do('SET SESSION timestamp = 1700000000', "UPDATE $db.t SET v = 200 WHERE id = 2", 'SET SESSION timestamp = 1600000000', "UPDATE $db.t SET v = 201 WHERE id = 2", "DELETE FROM $db.t WHERE id = 2");
		$from->do("INSERT INTO $db.t VALUES (2, 202, 'a')", "UPDATE $db.t SET v = 203 WHERE id = 2", 'SET SESSION timestamp = DEFAULT');
		push @{ $model{"$db.t"}{2} }, '200|a', '201|a', undef, '202|a', '203|a';
		pump($db);
		versions_ok("$db.t", "$db.t", "$flavour, the clock was set back");
		$cluster->call('drop_subscription', name => $db, drop_history => \'true');
	}
};

subtest 'copies' => sub {
	my $db = 'copies';
	make($source, $db, 20);
	$cluster->do("CREATE SCHEMA $db");
	$cluster->subscribe($db, 'mariadb', undef, tables => ["$db.nothing"], enabled => \'false', options => '{"copy_chunk_time": "10ms"}');
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.t", mode => 'scd2');
	pump($db);
	change($source, "$db.t", 30);
	pump($db);
	versions_ok("$db.t", "$db.t", 'changed');

	# a copy closes and opens only what differs
	my $before = content($cluster, "SELECT * FROM $db.t ORDER BY id, _cdc_seq");
	$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
	pump($db) for 1 .. 2;
	is(state_of("$db.t"), 'r', 'copied again');
	is(content($cluster, "SELECT * FROM $db.t ORDER BY id, _cdc_seq"), $before, '... which changes nothing');
	my ($one, $two) = map { $_->[0] } @{ $cluster->rows("SELECT id FROM $db.t WHERE _cdc_current ORDER BY id LIMIT 2") };
	$cluster->do("UPDATE $db.t SET v = -1 WHERE id = $one AND _cdc_current", "DELETE FROM $db.t WHERE id = $two AND _cdc_current",
		"INSERT INTO $db.t (id, v, w, _cdc_op) VALUES (1001, 5, 'mine', 'c')");
	is($cluster->value(q{SELECT sum(array_length(differing_keys, 1)) FROM cdc.verify(?, repair := true) WHERE kind <> 'equal'}, $db), 3, 'verify finds three that differ');
	my $count = $cluster->value("SELECT count(*) FROM $db.t");
	pump($db) for 1 .. 2;
	is(content($cluster, "SELECT id, v, w FROM $db.t WHERE _cdc_current ORDER BY id"), content($source, "SELECT * FROM $db.t ORDER BY id"), 'repaired');
	is($cluster->value("SELECT count(*) FROM $db.t"), $count + 2, '... by one version each');
	is(content($cluster, "SELECT v, _cdc_current, _cdc_valid_to IS NULL FROM $db.t WHERE id = 1001"), '5|0|0', '... and what the source has not has ended');
	sound("$db.t", 'repaired');
	is($cluster->value(q{SELECT count(*) FROM cdc.verify(?) WHERE kind <> 'equal'}, $db), 0, '... all is equal');

	# rows of a copy may be of later than the stream: no state comes out that was not, or in another order
	for my $kept (qw(on off))
	{
		for my $round (1 .. 6)
		{
			$cluster->call('alter_table', subscription => $db, source_table => "$db.t", options => qq({"copy_history": "$kept"}));
			$cluster->call('resync_table', subscription => $db, source_table => "$db.t") if $round % 2;
			change($source, "$db.t", 6);
			$cluster->do("SELECT cdc.pull('$db', 5)");
			change($source, "$db.t", 6);
			$cluster->do("SELECT cdc.pull('$db', 10)");
			change($source, "$db.t", 6);
			$round % 3 ? pump($db) : $cluster->do("SELECT cdc.pull('$db')");
		}
		pump($db) for 1 .. 3;
		is(state_of("$db.t"), 'r', "copied while it changed, copy_history $kept");
		is(content($cluster, "SELECT id, v, w FROM $db.t WHERE _cdc_current ORDER BY id"), content($source, "SELECT * FROM $db.t ORDER BY id"), '... to what the source has');
		sound("$db.t", 'copied while it changed');
		my $got = versions_of("$db.t", qw(v w));
		my @wrong;
		for my $id (grep { $_ < 1000 && $_ != $one && $_ != $two } keys %$got)
		{
			my @true = map { $_ // 'none' } @{ $model{"$db.t"}{$id} };
			for my $v (map { $_ // 'none' } @{ $got->{$id} })
			{
				shift @true while @true && $true[0] ne $v;
				push @wrong, "$id: $v: " . text_of({ $id => $got->{$id} }) . text_of({ $id => $model{"$db.t"}{$id} }) if !@true;
				shift @true;
			}
		}
		is(join("\n", @wrong), '', '... and each version was, in that order');
	}
	$cluster->call('drop_subscription', name => $db, drop_history => \'true');
};

subtest 'mappings' => sub {
	my $db = 'mapped';
	make($source, $db, 5);
	$cluster->do("CREATE SCHEMA $db");
	$cluster->subscribe($db, 'mariadb', undef, tables => ["$db.nothing"], enabled => \'false');
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.some", mode => 'scd2', columns => '{"id": "id", "half": {"expr": "v / 2"}}');
	$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.inside", mode => 'scd2', row_filter => 'v < 100');
	pump($db) for 1 .. 2;
	$source->do("UPDATE $db.t SET w = 'unseen' WHERE id = 1", "UPDATE $db.t SET v = 5 WHERE id = 4", "UPDATE $db.t SET v = 7 WHERE id = 4", "UPDATE $db.t SET v = 200 WHERE id = 5", "UPDATE $db.t SET w = 'out' WHERE id = 5", "UPDATE $db.t SET v = 50 WHERE id = 5");
	pump($db);
	is(text_of(versions_of("$db.some", 'half')), "1: 0\n2: 1\n3: 1\n4: 2 > 3\n5: 2 > 100 > 25\n", 'what is not seen in the target makes no version');
	is(text_of(versions_of("$db.inside", 'v', 'w')), "1: 1|a > 1|unseen\n2: 2|a\n3: 3|a\n4: 4|a > 5|a > 7|a\n5: 5|a > none > 50|out\n", 'a row that leaves the filter has ended');
	sound("$db.$_", $_) for qw(some inside);

	# columns of the target's own go with each version
	$cluster->do("ALTER TABLE $db.inside ADD COLUMN note text", "UPDATE $db.inside SET note = 'mine' WHERE id = 1 AND _cdc_current");
	$source->do("UPDATE $db.t SET v = 11 WHERE id = 1", "INSERT INTO $db.t VALUES (9, 9, 'nine')");
	pump($db);
	is(content($cluster, "SELECT v, note FROM $db.inside WHERE id = 1 ORDER BY _cdc_seq"), "1|-\n1|mine\n11|mine", 'a column of its own');
	$cluster->call('drop_subscription', name => $db, drop_history => \'true');
};

subtest 'several source tables in one target' => sub {
	$source->do('CREATE DATABASE shards', map { ("CREATE TABLE shards.$_ (id int PRIMARY KEY, v int)", "INSERT INTO shards.$_ VALUES (1, 1), (2, 2)") } qw(a b));
	$cluster->do('CREATE SCHEMA shards');
	$cluster->subscribe('shards', 'mariadb', undef, tables => ['shards.nothing'], enabled => \'false');
	$cluster->call('add_table', subscription => 'shards', source_table => "shards.$_", target => 'shards.all', mode => 'scd2', columns => qq({"shard": {"value": "$_"}, "id": "id", "v": "v"}), key => '{shard,id}') for qw(a b);
	pump('shards') for 1 .. 2;
	$source->do('UPDATE shards.a SET v = 10 WHERE id = 1', 'DELETE FROM shards.b WHERE id = 1', 'TRUNCATE shards.a', 'INSERT INTO shards.a VALUES (2, 20)', 'UPDATE shards.b SET v = 4 WHERE id = 2');
	pump('shards');
	my $all = 'SELECT shard, id, v, _cdc_op, _cdc_end_op FROM shards.all ORDER BY shard, id, _cdc_seq';
	my $wanted = "a|1|1|r|u\na|1|10|u|t\na|2|2|r|t\na|2|20|c|-\nb|1|1|r|d\nb|2|2|r|u\nb|2|4|u|-";
	is(content($cluster, $all), $wanted, 'each has its own versions');
	$cluster->call('resync_table', subscription => 'shards', source_table => 'shards.a');
	pump('shards') for 1 .. 2;
	is(content($cluster, $all), $wanted, '... which a copy of one leaves');
	is($cluster->value(q{SELECT count(*) FROM cdc.verify('shards') WHERE kind <> 'equal'}), 0, '... and verify finds equal');
	$cluster->call('drop_subscription', name => 'shards', drop_history => \'true');
};

subtest 'events that cannot be applied' => sub {
	my $db = 'aside';
	make($source, $db, 4);
	$cluster->subscribe($db, 'mariadb', $db, tables => ["$db.*"], options => '{"target_mode": "scd2", "on_error": "log"}', enabled => \'false');
	pump($db);
	$cluster->do("ALTER TABLE $db.t ADD CHECK (v <> 13)");
	commit($source, "$db.t", "UPDATE $db.t SET v = $_ WHERE id = 2", "UPDATE $db.t SET v = $_ WHERE id = 3") for 12 .. 14;
	commit($source, "$db.t", "UPDATE $db.t SET v = 20 WHERE id = 1", "DELETE FROM $db.t WHERE id = 3");
	pump($db) for 1 .. 2;
	is(text_of(versions_of("$db.t", qw(v w))), "1: 1|a > 20|a\n2: 2|a > 12|a\n3: 3|a > 12|a\n4: 4|a\n", 'what cannot be is put aside, with what comes behind it');
	$cluster->do("ALTER TABLE $db.t DROP CONSTRAINT t_v_check", "SELECT cdc.retry_errors('$db')");
	pump($db);
	versions_ok("$db.t", "$db.t", 'tried again');
	is($cluster->value("SELECT count(*) FROM cdc.error WHERE subscription = '$db'"), 0, 'no error is left');
	$cluster->call('drop_subscription', name => $db, drop_history => \'true');
};

subtest 'schema changes' => sub {
	my $db = 'shapes';
	make($source, $db, 3);
	$cluster->subscribe($db, 'mariadb', $db, tables => ["$db.*"], options => '{"target_mode": "scd2", "drop_column": "drop"}', enabled => \'false');
	pump($db);
	commit($source, "$db.t", "UPDATE $db.t SET v = 20 WHERE id = 2");
	$source->do("ALTER TABLE $db.t ADD COLUMN c int NOT NULL DEFAULT 4", "ALTER TABLE $db.t CHANGE v vv bigint", "UPDATE $db.t SET c = 5 WHERE id = 2", "DELETE FROM $db.t WHERE id = 3");
	pump($db);
	is(state_of("$db.t"), 'r', 'added, renamed, retyped');
	is(text_of(versions_of("$db.t", qw(vv w c))), "1: 1|a|4\n2: 2|a|4 > 20|a|4 > 20|a|5\n3: 3|a|4 > none\n", '... which makes no version');
	$source->do("ALTER TABLE $db.t DROP PRIMARY KEY, ADD PRIMARY KEY (id, c)", "INSERT INTO $db.t VALUES (1, 8, 'b', 9)", "UPDATE $db.t SET vv = 9 WHERE id = 1 AND c = 9", "UPDATE $db.t SET vv = 0 WHERE id = 1 AND c = 4");
	pump($db);
	is(state_of("$db.t"), 'r', 'another key');
	is($cluster->value("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '$db.t'::regclass"), "CREATE UNIQUE INDEX t_pkey ON $db.t USING btree (id, c, _cdc_seq)", '... of the target, too');
	is(content($cluster, "SELECT id, c, vv, _cdc_current FROM $db.t WHERE id = 1 ORDER BY c, _cdc_seq"), "1|4|1|0\n1|4|0|1\n1|9|8|0\n1|9|9|1", '... by which versions are told');
	$source->do("ALTER TABLE $db.t DROP PRIMARY KEY", "UPDATE $db.t SET vv = 6 WHERE id = 2");
	pump($db);
	is(state_of("$db.t"), 'e', 'without a key no row is told from another');
	$source->do("ALTER TABLE $db.t ADD PRIMARY KEY (id, c)");
	$cluster->do("SELECT cdc.resync_table('$db', '$db.t')");
	pump($db) for 1 .. 2;
	my ($first, $then) = $cluster->value(q{SELECT last_error FROM cdc.stat_table WHERE target = ?}, "$db.t") =~ /by (ALTER TABLE .*? ADD PRIMARY KEY \(.*?\))\.\nHINT:  (SELECT .*?;)/s;
	is($first, "ALTER TABLE $db.t ADD PRIMARY KEY (id, c, _cdc_seq)", '... nor by a copy, before that is typed');
	$cluster->do($first, $then);
	pump($db) for 1 .. 2;
	is(state_of("$db.t"), 'r', '... until it has one again');
	is(content($cluster, "SELECT id, vv, w, c FROM $db.t WHERE _cdc_current ORDER BY id, c"), content($source, "SELECT * FROM $db.t ORDER BY id, c"), '... with what the source has');
	$cluster->call('drop_subscription', name => $db, drop_history => \'true');
};

subtest 'another mode' => sub {
	my $db = 'become';
	make($source, $db, 5);
	$cluster->subscribe($db, 'mariadb', $db, tables => ["$db.*"]);
	$cluster->catch_up($db);
	my $sql = sub { my ($mode, %more) = @_; return $cluster->call_sql('alter_table', subscription => $db, source_table => "$db.t", mode => $mode, %more) };
	my $ready = sub { $cluster->poll("SELECT state::text FROM cdc.stat_table WHERE source_table = '$db.t'", 'r'); $cluster->catch_up($db); return };
	my $typed = sub {
		my ($mode) = @_;
		my $error = $cluster->error_of($sql->($mode));
		like($error, qr/has not the columns of mode "$mode".*HINT:  ALTER TABLE .*;/s, "to $mode: what the target lacks");
		$cluster->do($error =~ /HINT:  (ALTER TABLE .*?;)/);
		is($cluster->error_of($sql->($mode)), '', '... is typed');
		return;
	};
	like($cluster->error_of($sql->('latest')), qr/invalid mode "latest".*replica, soft_delete, append, scd2/s, 'a mode that is none');
	$typed->('soft_delete');
	change($source, "$db.t", 5);
	$cluster->kill_worker($db, 'apply');
	change($source, "$db.t", 5);
	$ready->();
	$source->do("INSERT IGNORE INTO $db.t VALUES (1, 1, 'one'), (2, 2, 'two')", "DELETE FROM $db.t WHERE id = 1");
	$cluster->catch_up($db);
	is(content($cluster, "SELECT id, v, w FROM $db.t WHERE NOT _cdc_deleted ORDER BY id"), content($source, "SELECT * FROM $db.t ORDER BY id"), 'soft_delete: rows');
	is($cluster->value("SELECT _cdc_deleted FROM $db.t WHERE id = 1"), 1, '... and what has gone stays');

	# events, and versions, are another table's
	my %other = (append => 'journal', scd2 => 'versions');
	for my $mode (sort keys %other)
	{
		my $error = $cluster->error_of($sql->($mode));
		like($error, qr/target $db.t of mode "soft_delete" cannot become one of mode "$mode".*HINT: .*target := '$db.t_$mode'\);/s, "to $mode: refused");
	}

	is($cluster->error_of($sql->('replica')), '', 'to replica');
	change($source, "$db.t", 5);
	$cluster->kill_worker($db, 'pull');
	$ready->();
	is(content($cluster, "SELECT id, v, w FROM $db.t ORDER BY id"), content($source, "SELECT * FROM $db.t ORDER BY id"), '... and what was marked has gone');

	$cluster->do("ALTER TABLE $db.t DROP COLUMN _cdc_deleted, DROP COLUMN _cdc_seq, DROP COLUMN _cdc_source_ts");
	$typed->('scd2');
	$ready->();
	is($cluster->value("SELECT count(*) FROM $db.t WHERE _cdc_seq <> 0 OR NOT _cdc_current"), 0, '... and changes no row');
	$cluster->do('CHECKPOINT');
	look($source, "$db.t");
	$model{"$db.t"} = { map { ($_ => [ $model{"$db.t"}{$_}[-1] ]) } grep { defined $model{"$db.t"}{$_}[-1] } keys %{ $model{"$db.t"} } };
	change($source, "$db.t", 10);
	$cluster->kill_worker($db, 'apply');
	change($source, "$db.t", 10);
	$cluster->catch_up($db);
	versions_ok("$db.t", "$db.t", 'versions from there on');
	my $error = $cluster->error_of($sql->('append'));
	like($error, qr/target $db.t of mode "scd2" cannot become one of mode "append".*HINT:  .*(SELECT .*;)/s, 'to append: refused');
	$cluster->do($error =~ /HINT:  .*?(SELECT .*?;)/);
	$ready->();
	is(content($cluster, "SELECT id, v, w FROM $db.t_append WHERE _cdc_op = 'r' ORDER BY id"), content($source, "SELECT * FROM $db.t ORDER BY id"), '... what its hint says is done');
	$cluster->call('drop_subscription', name => $db, drop_history => \'true');
};

subtest 'targets that are refused' => sub {
	$source->do('CREATE DATABASE no', 'CREATE TABLE no.bag (id int, v int)', 'CREATE TABLE no.t (id int PRIMARY KEY, v int)', 'INSERT INTO no.t VALUES (1, 1), (2, 2)');
	$cluster->do('CREATE SCHEMA no', 'CREATE TABLE no.t (id int PRIMARY KEY, v int UNIQUE)', 'INSERT INTO no.t VALUES (1, 1), (2, 1002)');
	$cluster->subscribe('no', 'mariadb', undef, tables => ['no.nothing'], enabled => \'false');
	my $add = sub { my ($table, %more) = @_; return $cluster->call_sql('add_table', subscription => 'no', source_table => "no.$table", target => "no.$table", mode => 'scd2', %more) };
	like($cluster->error_of($add->('bag')), qr/has no primary key, and its target cannot have mode "scd2".*HINT: .*key :=/s, 'a table without a key');
	my $error = $cluster->error_of($add->('t', target_rows => 'replace'));
	like($error, qr/target no.t has not the columns of mode "scd2".*HINT:  ALTER TABLE no.t .*;/s, 'what a target lacks');
	$cluster->do($error =~ /HINT:  (ALTER TABLE .*?;)/);
	like($cluster->error_of($add->('t', target_rows => 'replace')), qr/target no.t has a unique index besides its key, and cannot have mode "scd2".*HINT:  Drop that index/s, '... is typed, and a unique index is refused');
	$cluster->do('ALTER TABLE no.t DROP CONSTRAINT t_v_key');
	is($cluster->error_of($add->('t', target_rows => 'replace')), '', '... without it it is taken');
	pump('no') for 1 .. 2;
	is(content($cluster, 'SELECT id, v, _cdc_current, _cdc_seq = 0 FROM no.t ORDER BY id, _cdc_seq'), "1|1|1|1\n2|1002|0|1\n2|2|1|0", '... with the rows that were there as first versions');
	like($cluster->error_of("SELECT * FROM cdc.as_of(NULL::no.t, at_seq := 1)"), qr/has mode "scd2".*HINT/s, 'as_of says where to look');
	$cluster->do("DELETE FROM no.t WHERE id = 2 AND _cdc_current");
	$source->do('UPDATE no.t SET v = 3 WHERE id = 2');
	pump('no');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'no' AND kind = 'difference'}), 1, 'an update of a row that other hands took is told');
	$cluster->call('drop_subscription', name => 'no', drop_history => \'true');

	# another history counts from 1 again
	$cluster->subscribe('no', 'mariadb', undef, tables => ['no.nothing'], enabled => \'false');
	$error = $cluster->error_of($add->('t', target_rows => 'replace'));
	like($error, qr/target no.t has versions with numbers of another history.*HINT:  UPDATE no.t .*;/s, 'versions of another history');
	$cluster->do($error =~ /HINT:  (UPDATE .*?;)/);
	is($cluster->error_of($add->('t', target_rows => 'replace')), '', '... are put before it');
	my $count = $cluster->value('SELECT count(*) FROM no.t');
	$source->do('DELETE FROM no.t WHERE id = 1', 'UPDATE no.t SET v = 4 WHERE id = 2');
	pump('no') for 1 .. 2;
	is(content($cluster, "SELECT count(*), count(*) FILTER (WHERE _cdc_seq > 0), string_agg(v::text, ',') FILTER (WHERE _cdc_current) FROM no.t"), ($count + 1) . '|1|4', '... and go on');
	sound('no.t', 'gone on');
	$cluster->call('drop_subscription', name => 'no', drop_history => \'true');
};

done_testing();
