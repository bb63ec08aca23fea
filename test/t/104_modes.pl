# Modes of targets: soft_delete, in which rows stay that the source has deleted, and append, in
# which each event is a row.  What is there is compared with what triggers at the source noted.
#
# Takes 20 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

srand($ENV{CDC_MODES_SEED} // 104);
my $source = CdcIngest::Server->new($ENV{CDC_MODES_SERVER} // 'mariadb');
my $cluster = CdcIngest::Cluster->new('modes');
$cluster->add_source('shop', $source, heartbeat_interval => '300ms');

sub pump { my ($sub) = @_; $cluster->do("SELECT cdc.pull('$sub')", "SELECT * FROM cdc.apply('$sub')"); return }
sub content { my ($from, $sql) = @_; return join "\n", map { join '|', map { $_ // '-' } @$_ } @{ $from->rows($sql) } }
sub state_of { my ($target) = @_; return $cluster->value('SELECT state FROM cdc.stat_table WHERE target = ?', $target) }

# A table and what becomes of its rows: each in log.events, those that went in log.gone.
$source->do('CREATE DATABASE log', 'CREATE TABLE log.gone (n int AUTO_INCREMENT PRIMARY KEY, id int, v int, w varchar(20), moved bool NOT NULL DEFAULT false)',
	'CREATE TABLE log.events (n int AUTO_INCREMENT PRIMARY KEY, op char(1), id int, v int, w varchar(20))');

sub make
{
	my ($db) = @_;
	$source->do("CREATE DATABASE $db", "CREATE TABLE $db.t (id int PRIMARY KEY, v int, w varchar(20) DEFAULT 'new')",
		"INSERT INTO $db.t SELECT seq, seq * 10, CONCAT('w', seq) FROM log.seq_1_to_40", 'DELETE FROM log.gone', 'DELETE FROM log.events',
		"CREATE TRIGGER $db.i AFTER INSERT ON $db.t FOR EACH ROW INSERT INTO log.events (op, id, v, w) VALUES ('c', NEW.id, NEW.v, NEW.w)",
		"CREATE TRIGGER $db.u AFTER UPDATE ON $db.t FOR EACH ROW BEGIN
		 INSERT INTO log.events (op, id, v, w) VALUES ('u', NEW.id, NEW.v, NEW.w);
		 IF OLD.id <> NEW.id THEN INSERT INTO log.gone (id, v, w, moved) VALUES (OLD.id, OLD.v, OLD.w, true); END IF; END",
		"CREATE TRIGGER $db.d AFTER DELETE ON $db.t FOR EACH ROW BEGIN
		 INSERT INTO log.events (op, id, v, w) VALUES ('d', OLD.id, OLD.v, OLD.w);
		 INSERT INTO log.gone (id, v, w) VALUES (OLD.id, OLD.v, OLD.w); END");
	return;
}

sub empty
{
	my ($db) = @_;
	$source->do("INSERT INTO log.gone (id, v, w) SELECT id, v, w FROM $db.t", 'INSERT INTO log.events (op) VALUES (\'t\')', "TRUNCATE $db.t");
	return;
}

sub change
{
	my ($db, $n) = @_;
	for (1 .. $n)
	{
		my ($a, $b, $v) = map { 1 + int rand $_ } 60, 60, 1000;
		my $free = "NOT EXISTS (SELECT 1 FROM (SELECT id FROM $db.t) x WHERE x.id = $b)";
		my @sql = ("INSERT IGNORE INTO $db.t VALUES ($a, $v, 'x$v')", "INSERT IGNORE INTO $db.t (id, v) VALUES ($a, $v)", "UPDATE $db.t SET v = $v WHERE id = $a",
			"UPDATE $db.t SET v = v + 1 WHERE id BETWEEN $a AND $a + 5", "DELETE FROM $db.t WHERE id = $a", "DELETE FROM $db.t WHERE id = $a", "UPDATE $db.t SET id = $b WHERE id = $a AND $free",
			"UPDATE $db.t SET id = $b, v = $v WHERE id = $a AND $free");
		$source->do($sql[ rand @sql ]);
	}
	return;
}

# The rows that are there, and those that went, as they were last.
sub soft_ok
{
	my ($db, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = is(content($cluster, "SELECT id, v, w FROM $db.t WHERE NOT _cdc_deleted ORDER BY id"), content($source, "SELECT id, v, w FROM $db.t ORDER BY id"), "$name: rows");
	return is(content($cluster, "SELECT id, v, w FROM $db.t WHERE _cdc_deleted ORDER BY id"),
		content($source, "SELECT g.id, g.v, g.w FROM log.gone g WHERE g.n = (SELECT max(n) FROM log.gone l WHERE l.id = g.id) AND g.id NOT IN (SELECT id FROM $db.t) ORDER BY 1"), "$name: rows that have gone") && $ok;
}

for my $kind (qw(FULL MINIMAL partitioned))
{
	subtest "soft_delete, $kind" => sub {
		my $db = lc "soft_$kind";
		my $image = $kind eq 'partitioned' ? 'MINIMAL' : $kind;
		make($db);
		$source->do("SET SESSION binlog_row_image = $image");
		$cluster->do("CREATE SCHEMA $db");
		$cluster->subscribe($db, 'shop', undef, tables => ["$db.nothing"], enabled => \'false');
		$cluster->do("CREATE TABLE $db.t (id int PRIMARY KEY, v int, w varchar(20), _cdc_deleted boolean NOT NULL DEFAULT false, _cdc_seq bigint, _cdc_source_ts timestamptz) PARTITION BY HASH (id)",
			map { "CREATE TABLE $db.t$_ PARTITION OF $db.t FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1) if $kind eq 'partitioned';
		$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.t", mode => 'soft_delete');
		is(content($cluster, "SELECT attname, format_type(atttypid, -1), attnotnull FROM pg_attribute WHERE attrelid = '$db.t'::regclass AND attnum > 0 ORDER BY attnum"),
			"id|integer|1\nv|integer|0\nw|character varying|0\n_cdc_deleted|boolean|1\n_cdc_seq|bigint|0\n_cdc_source_ts|timestamp with time zone|0", 'the table');
		pump($db);
		soft_ok($db, 'copied');
		is($cluster->value("SELECT count(*) FROM $db.t JOIN " . $cluster->history_of($db) . " h ON h.seq = _cdc_seq AND h.op = 'r' AND h.source_ts IS NOT DISTINCT FROM _cdc_source_ts"), 40, 'each says which event it is of');
		for my $round (1 .. 4)
		{
			change($db, 60);
			pump($db);
			soft_ok($db, "changed $round");
		}
		$source->do("REPLACE INTO $db.t VALUES (7, 1, 'a')", "DELETE FROM $db.t WHERE id = 7");
		pump($db);
		my $seq = $cluster->value('SELECT max(seq) FROM ' . $cluster->history_of($db) . " WHERE op = 'd'");
		is(content($cluster, "SELECT v, w, _cdc_deleted, _cdc_seq FROM $db.t WHERE id = 7"), "1|a|1|$seq", 'a delete marks its row');
		$source->do("INSERT INTO $db.t (id, v) VALUES (7, 2)");
		pump($db);
		is(content($cluster, "SELECT v, _cdc_deleted FROM $db.t WHERE id = 7"), '2|0', 'a new row takes its place');
		$source->do("UPDATE $db.t SET w = 'b' WHERE id = 7");
		pump($db);

		# the same events once more, from anywhere on, end in the same rows (a partial image of a changed key takes the rest from the row as it is)
		my $wanted = content($cluster, "SELECT * FROM $db.t ORDER BY id");
		$cluster->do("CREATE TABLE $db.again (LIKE $db.t INCLUDING ALL)", "INSERT INTO $db.again SELECT * FROM $db.t");
		my $last = $cluster->value('SELECT max(seq) FROM ' . $cluster->history_of($db));
		for my $from ($image eq 'FULL' ? map { 41 + int rand($last - 41) } 1 .. 5 : ())
		{
			$cluster->call('replay', subscription => $db, source_table => "$db.t", target => "$db.again", from_seq => $from, mode => 'soft_delete');
			is(content($cluster, "SELECT * FROM $db.again ORDER BY id"), $wanted, "replayed from $from");
		}
		$cluster->do("TRUNCATE $db.again");
		$cluster->call('replay', subscription => $db, source_table => "$db.t", target => "$db.again", mode => 'soft_delete');
		is(content($cluster, "SELECT * FROM $db.again ORDER BY id"), $wanted, 'replayed from the beginning');

		$source->do("INSERT INTO $db.t VALUES (800, 8, 'h')");
		pump($db);
		$cluster->do("DELETE FROM $db.t WHERE id = 800");
		$source->do("DELETE FROM $db.t WHERE id = 800", 'DELETE FROM log.gone WHERE id = 800');
		pump($db);
		is($cluster->value("SELECT count(*) FROM $db.t WHERE id = 800"), 0, 'a delete of a row that is not there leaves none');

		# what is verified, repaired and copied again
		$cluster->do("SELECT * FROM cdc.verify('$db')");
		is($cluster->value('SELECT count(*) FROM cdc.verify(?) WHERE kind <> $$equal$$', $db), 0, 'verify compares rows that live');
		$cluster->do("UPDATE $db.t SET v = -1 WHERE id IN (SELECT id FROM $db.t WHERE NOT _cdc_deleted ORDER BY id LIMIT 2)",
			"UPDATE $db.t SET _cdc_deleted = true WHERE id = (SELECT max(id) FROM $db.t WHERE NOT _cdc_deleted)", "INSERT INTO $db.t (id, v, w) VALUES (1001, 5, 'mine')");
		is($cluster->value('SELECT sum(array_length(differing_keys, 1)) FROM cdc.verify(?, repair := true) WHERE kind <> $$equal$$', $db), 4, '... and finds four that differ');
		pump($db) for 1 .. 2;
		$source->do("INSERT INTO log.gone (id, v, w) VALUES (1001, 5, 'mine')");
		soft_ok($db, 'repaired');
		is(state_of("$db.t"), 'r', 'ready');
		$cluster->do("INSERT INTO $db.t (id, v, w) VALUES (1002, 6, 'mine')", "UPDATE $db.t SET v = -1 WHERE id < 30 AND NOT _cdc_deleted");
		$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
		change($db, 10);
		pump($db) for 1 .. 2;
		$source->do("INSERT INTO log.gone (id, v, w) VALUES (1002, 6, 'mine')");
		is(content($cluster, "SELECT id, v, w FROM $db.t WHERE NOT _cdc_deleted ORDER BY id"), content($source, "SELECT id, v, w FROM $db.t ORDER BY id"), 'copied again: rows');
		is(content($cluster, "SELECT v, w, _cdc_deleted FROM $db.t WHERE id > 1000 ORDER BY id"), "5|mine|1\n6|mine|1", 'copied again: what was no row of the source is marked');

		empty($db);
		change($db, 40);
		empty($db);
		$source->do("INSERT INTO $db.t VALUES (3, 3, 'three')");
		pump($db);
		is(content($cluster, "SELECT id, v, w FROM $db.t WHERE NOT _cdc_deleted"), '3|3|three', 'TRUNCATE marks all');
		is($cluster->value("SELECT count(*) FROM $db.t WHERE _cdc_deleted"), $source->value("SELECT count(DISTINCT id) FROM log.gone WHERE id <> 3"), '... and they stay');

		# the target follows its source
		$source->do((map { "DROP TRIGGER $db.$_" } qw(i u d)), "ALTER TABLE $db.t ADD COLUMN c int NOT NULL DEFAULT 4, CHANGE v vv bigint", "INSERT INTO $db.t VALUES (4, 40, 'four', 44)", "ALTER TABLE $db.t DROP COLUMN w", "DELETE FROM $db.t WHERE id = 3");
		pump($db);
		is(content($cluster, "SELECT id, vv, c FROM $db.t WHERE NOT _cdc_deleted"), '4|40|44', 'a changed shape');
		is(content($cluster, "SELECT vv, c, _cdc_deleted FROM $db.t WHERE id = 3"), '3|4|1', '... of rows that go, too');
		is(state_of("$db.t"), 'r', '... is followed');
		$cluster->call('drop_subscription', name => $db, drop_history => \'true');
	};
}
$source->do('SET SESSION binlog_row_image = FULL');

# Events of a table as they are in an append target, in order; rows of copies are none.
my $logged = q{SELECT _cdc_op, id, v, w FROM %s WHERE _cdc_op <> 'r' AND _cdc_row >= 0 AND NOT (_cdc_op = 't' AND EXISTS
	(SELECT 1 FROM %s h WHERE h.seq = _cdc_seq AND h.op = 'm')) ORDER BY _cdc_seq, _cdc_row};

for my $kept (qw(on off))
{
	subtest "append, copy_history $kept" => sub {
		my $db = "log_$kept";
		make($db);
		$cluster->do("CREATE SCHEMA $db");
		$cluster->subscribe($db, 'shop', undef, tables => ["$db.nothing"], enabled => \'false', options => qq({"copy_history": "$kept", "copy_chunk_time": "10ms"}));
		$cluster->call('add_table', subscription => $db, source_table => "$db.t", target => "$db.t", mode => 'append');
		is($cluster->value("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '$db.t'::regclass"), "CREATE UNIQUE INDEX t_pkey ON $db.t USING btree (_cdc_seq, _cdc_row)", 'its key');
		pump($db);
		is(content($cluster, "SELECT id, v, w FROM $db.t WHERE _cdc_op = 'r' ORDER BY id"), content($source, "SELECT id, v, w FROM $db.t ORDER BY id"), 'the copy');
		for my $round (1 .. 3)
		{
			change($db, 50);
			empty($db) if $round == 2;
			pump($db);
			is(content($cluster, sprintf $logged, "$db.t", $cluster->history_of($db)), content($source, 'SELECT op, id, v, w FROM log.events ORDER BY n'), "changed $round");
		}
		is($cluster->value("SELECT count(*) FROM $db.t t JOIN " . $cluster->history_of($db) . q{ h ON h.seq = _cdc_seq AND h.op::text = _cdc_op AND h.source_ts = _cdc_source_ts WHERE _cdc_op IN ('c', 'u', 'd', 't')}),
			$source->value('SELECT count(*) FROM log.events'), 'each row says which event it is');
		is(content($cluster, "SELECT d.id, d.v, d.w FROM $db.t d JOIN $db.t u USING (_cdc_seq) WHERE d._cdc_op = 'd' AND d._cdc_row = -1 AND u._cdc_op = 'u' AND u._cdc_row = 0 AND u.id <> d.id ORDER BY _cdc_seq"),
			content($source, 'SELECT g.id, g.v, g.w FROM log.gone g WHERE moved ORDER BY n'), 'a key that was changed is a delete of the former row, too');
		if ($kept eq 'on')
		{
			my $wanted = content($cluster, "SELECT * FROM $db.t ORDER BY _cdc_seq, _cdc_row");
			my $last = $cluster->value("SELECT max(_cdc_seq) FROM $db.t");
			$cluster->do("CREATE TABLE $db.again (LIKE $db.t INCLUDING ALL)");
			for my $from (1, map { int rand $last } 1 .. 4)
			{
				$cluster->call('replay', subscription => $db, source_table => "$db.t", target => "$db.again", from_seq => $from, mode => 'append');
				is(content($cluster, "SELECT * FROM $db.again ORDER BY _cdc_seq, _cdc_row"), $wanted, "replayed from $from: nothing twice");
			}
		}

		# a new copy says that all comes anew; what the log tells is the table
		$cluster->call('resync_table', subscription => $db, source_table => "$db.t");
		change($db, 20);
		pump($db) for 1 .. 2;
		change($db, 20);
		pump($db);
		is(state_of("$db.t"), 'r', 'copied again');
		is(content($cluster, "WITH l AS (SELECT *, row_number() OVER (PARTITION BY id ORDER BY _cdc_seq DESC, _cdc_row DESC) AS n FROM $db.t
			WHERE _cdc_seq > (SELECT max(_cdc_seq) FROM $db.t WHERE _cdc_op = 't')) SELECT id, v, w FROM l WHERE n = 1 AND _cdc_op <> 'd' ORDER BY id"),
			content($source, "SELECT id, v, w FROM $db.t ORDER BY id"), 'the last of each key since then is what the source has');
		is(content($cluster, sprintf $logged, "$db.t", $cluster->history_of($db)), content($source, 'SELECT op, id, v, w FROM log.events ORDER BY n'), '... and no event is lost or doubled');
		like($cluster->error_of("SELECT * FROM cdc.verify('$db', '$db.t')"), qr/cannot be verified: it has mode "append".*HINT/s, 'verify refuses');
		like($cluster->notices_of("SELECT * FROM cdc.verify('$db')"), qr/is not verified: it has mode "append"/, '... or says so');
		like($cluster->error_of("SELECT cdc.resync_table('$db', '$db.t', 'id < 5')"), qr/cannot copy some rows.*has mode "append".*HINT: .*resync_table\('$db', '$db.t'\)/s, 'some rows are not copied');
		like($cluster->error_of("SELECT cdc.alter_table('$db', '$db.t', row_filter := 'id > 1')"), qr/mode "append" has no row_filter.*HINT/s, 'a filter is refused');
		like($cluster->error_of("SELECT cdc.alter_table('$db', '$db.t', key := '{id}')"), qr/mode "append" has no key of the source.*HINT/s, '... and a key');

		$cluster->do("TRUNCATE $db.t");
		$source->do("INSERT INTO $db.t VALUES (700, 7, 'seven')");
		pump($db);
		is(content($cluster, "SELECT _cdc_op, id, v, w FROM $db.t") . '|' . state_of("$db.t"), 'c|700|7|seven|r', 'who is done with the events may empty the target');

		# the shape is followed; an update without its whole row is none
		$source->do((map { "DROP TRIGGER $db.$_" } qw(i u d)), "ALTER TABLE $db.t ADD COLUMN c int NOT NULL DEFAULT 4, CHANGE v vv bigint", "REPLACE INTO $db.t VALUES (4, 40, 'four', 44)", "ALTER TABLE $db.t DROP PRIMARY KEY", "DELETE FROM $db.t WHERE id = 4");
		pump($db);
		is(content($cluster, "SELECT _cdc_op, id, vv, w, c FROM $db.t ORDER BY _cdc_seq DESC LIMIT 1"), 'd|4|40|four|44', 'a changed shape, and a key that went');
		is(state_of("$db.t"), 'r', '... are followed');
		$source->do('SET SESSION binlog_row_image = MINIMAL', "ALTER TABLE $db.t ADD PRIMARY KEY (id)", "INSERT INTO $db.t VALUES (900, 1, 'x', 1)", "DELETE FROM $db.t WHERE id = 900", "UPDATE $db.t SET vv = 0 LIMIT 1");
		pump($db);
		is(content($cluster, "SELECT _cdc_op, id, vv, w, c FROM $db.t ORDER BY _cdc_seq DESC LIMIT 1"), 'd|900|-|-|-', 'a delete has what its image has');
		is(state_of("$db.t"), 'e', 'an update that lacks columns sets the table to e');
		my ($fix) = $cluster->value(q{SELECT last_error FROM cdc.stat_table WHERE target = ?}, "$db.t") =~ /keeps whole rows of each event.*HINT:  (SELECT .*?;)/s;
		$source->do('SET SESSION binlog_row_image = FULL');
		$cluster->do($fix);
		pump($db) for 1 .. 2;
		is(state_of("$db.t"), 'r', '... and what its hint says ends that');
		$cluster->call('drop_subscription', name => $db, drop_history => \'true');
	};
}

subtest 'targets that are refused' => sub {
	$source->do('CREATE DATABASE no', 'CREATE TABLE no.bag (id int, v int)', 'CREATE TABLE no.t (id int PRIMARY KEY, v int)', 'CREATE TABLE no.own (id int PRIMARY KEY, _cdc_seq int)', 'INSERT INTO no.bag VALUES (1, 1), (1, 1)', 'INSERT INTO no.t VALUES (1, 1)');
	$cluster->do('CREATE SCHEMA no', 'CREATE TABLE no.t (id int PRIMARY KEY, v int NOT NULL UNIQUE, _cdc_seq int)');
	$cluster->subscribe('no', 'shop', undef, tables => ['no.nothing'], enabled => \'false');
	my $add = sub { my ($table, $mode, %more) = @_; return $cluster->call_sql('add_table', subscription => 'no', source_table => "no.$table", target => "no.$table", mode => $mode, %more) };
	like($cluster->error_of($add->('t', 'latest')), qr/invalid mode "latest".*replica, soft_delete, append/s, 'a mode that is none');
	like($cluster->error_of($add->('bag', 'soft_delete')), qr/has no primary key, and its target cannot have mode "soft_delete".*HINT: .*key :=/s, 'a table without a key');
	like($cluster->error_of($add->('own', 'soft_delete')), qr/fill column "_cdc_seq", which mode "soft_delete" has for its own.*HINT: .*columns/s, 'a column of a name of the mode\'s');
	for my $mode (qw(soft_delete append))
	{
		my $error = $cluster->error_of($add->('t', $mode));
		like($error, qr/target no.t has not the columns of mode "$mode".*HINT:  ALTER TABLE no.t .*;/s, "$mode: what a target lacks");
		$cluster->do($error =~ /HINT:  (ALTER TABLE .*?;)/);
		like($cluster->error_of($add->('t', $mode)), qr/target no.t has a unique index besides its key, and cannot have mode "$mode".*HINT:  Drop that index/s, '... is typed, and a unique index is refused');
		$cluster->do('ALTER TABLE no.t DROP CONSTRAINT t_v_key');
		is($cluster->error_of($add->('t', $mode)), '', '... without it it is taken');
		pump('no');
		is(content($cluster, 'SELECT id, v FROM no.t'), '1|1', '... and filled');
		$cluster->call('remove_table', subscription => 'no', source_table => 'no.t');
		$cluster->do('TRUNCATE no.t', 'ALTER TABLE no.t ADD UNIQUE (v)', 'ALTER TABLE no.t ALTER COLUMN _cdc_deleted DROP NOT NULL');
	}
	$cluster->do('DROP TABLE no.t');
	$cluster->call('add_table', subscription => 'no', source_table => 'no.bag', target => 'no.bag', mode => 'append');
	pump('no');
	$source->do('DELETE FROM no.bag LIMIT 1', 'UPDATE no.bag SET v = 2');
	pump('no');
	is(content($cluster, 'SELECT _cdc_op, id, v FROM no.bag ORDER BY _cdc_seq'), "r|1|1\nr|1|1\nd|1|1\nu|1|2", 'append needs no key');
	$cluster->call('add_table', subscription => 'no', source_table => 'no.bag', target => 'no.soft', mode => 'soft_delete', key => ['id']);
	pump('no') for 1 .. 2;
	$source->do('DELETE FROM no.bag');
	pump('no');
	is(content($cluster, 'SELECT id, v, _cdc_deleted FROM no.soft'), '1|2|1', 'a key that is named does for soft_delete; several targets');
	is(content($cluster, 'SELECT _cdc_op, id, v FROM no.bag ORDER BY _cdc_seq DESC LIMIT 1'), 'd|1|2', '... each in its mode');
};

subtest 'a key whose columns the mapping lacks' => sub {
	$source->do('CREATE DATABASE rekey', q{CREATE TABLE rekey.t (id int PRIMARY KEY, a int, b varchar(9), `S "x` varchar(5), u int NOT NULL)}, q{INSERT INTO rekey.t VALUES (1, 1, 'x', 'on', 7), (2, 2, 'y', 'off', 8)});
	$cluster->do('CREATE SCHEMA rekey');
	$cluster->subscribe('rekey', 'shop', undef, tables => ['rekey.nothing'], enabled => \'false', options => '{"on_error": "table"}');
	$cluster->call('add_table', subscription => 'rekey', source_table => 'rekey.t', target => 'rekey.whole');
	$cluster->call('add_table', subscription => 'rekey', source_table => 'rekey.t', target => 'rekey.soft', mode => 'soft_delete', columns => '{"id": "id", "v": "b", "u": {"value": "5"}}');
	pump('rekey') for 1 .. 2;
	my $error = sub { return $cluster->value(q{SELECT last_error FROM cdc.stat_table WHERE target = 'rekey.soft'}) };
	$source->do('ALTER TABLE rekey.t DROP PRIMARY KEY, ADD PRIMARY KEY (`S "x`, id)', q{INSERT INTO rekey.t VALUES (1, 1, 'z', 'off', 9)});
	pump('rekey') for 1 .. 2;
	is(state_of('rekey.soft') . state_of('rekey.whole'), 'er', 'a target of soft_delete without the columns of its source\'s key is in error');
	my ($hint) = $error->() =~ /has no key, which mode "soft_delete" needs.*HINT:  (ALTER TABLE .*? SELECT cdc\.alter_table\(.*?\);)/s;
	$cluster->do($hint // 'no hint');
	pump('rekey') for 1 .. 2;
	$source->do(q{DELETE FROM rekey.t WHERE `S "x` = 'on'});
	pump('rekey');
	is(content($cluster, 'SELECT id, v, u, "S ""x", _cdc_deleted FROM rekey.soft WHERE "S ""x" IS NOT NULL ORDER BY v'), "1|x|5|on|1\n2|y|5|off|0\n1|z|5|off|0", '... and what its hint says gives it that key') or diag($hint, $error->());
	is(content($cluster, 'SELECT count(*) FROM rekey.soft WHERE "S ""x" IS NULL AND NOT _cdc_deleted'), 0, '... rows of the former one are those that have gone');
};

subtest 'targets that come by themselves' => sub {
	$source->do('CREATE DATABASE own', 'CREATE TABLE own.t (id int PRIMARY KEY, v int)', 'CREATE TABLE own.bag (v int)', 'INSERT INTO own.t VALUES (1, 1), (2, 2)', 'INSERT INTO own.bag VALUES (1)');
	$cluster->do('CREATE SCHEMA own');
	my $said = $cluster->notices_of($cluster->call_sql('create_subscription', name => 'own', server => 'shop', tables => ['own.*'], target_schema => 'own', options => '{"target_mode": "soft_delete"}', enabled => \'false'));
	like($said, qr/own.bag has no primary key, and its target cannot have mode "soft_delete"/, 'a table that needs a key is left out');
	$cluster->do($said =~ /HINT:  In a mode that needs none: (SELECT .*?;) and (SELECT .*?;)/);
	pump('own');
	$source->do('DELETE FROM own.t WHERE id = 2', 'CREATE TABLE own.later (id int PRIMARY KEY)', 'INSERT INTO own.later VALUES (1)', 'DELETE FROM own.later');
	pump('own') for 1 .. 2;
	is(content($cluster, 'SELECT id, _cdc_deleted FROM own.t ORDER BY id'), "1|0\n2|1", 'what is there');
	is(content($cluster, 'SELECT id, _cdc_deleted FROM own.later'), '1|1', '... and what comes later');
	is(content($cluster, q{SELECT source_table, mode FROM cdc.subscription_table WHERE subscription = 'own' AND state = 'r' ORDER BY 1}), "own.bag|append\nown.later|soft_delete\nown.t|soft_delete", 'have the mode of the option, or that which its hint says');
	is(content($cluster, 'SELECT _cdc_op, v FROM own.bag'), 'r|1', '... with its rows');
};

subtest 'old history' => sub {
	$source->do('CREATE DATABASE old', 'CREATE TABLE old.t (id int PRIMARY KEY, v int)', 'CREATE TABLE old.u (id int PRIMARY KEY, v int)', 'INSERT INTO old.t VALUES (1, 1)', 'INSERT INTO old.u VALUES (1, 1)');
	$cluster->do('CREATE SCHEMA old');
	$cluster->subscribe('old', 'shop', 'old', tables => ['old.*'], enabled => \'false', options => '{"history_partition": "day", "on_error": "table"}');
	my $history = $cluster->history_of('old');
	my $last = sub { return $cluster->value("SELECT max(seq) FROM $history") };
	my $purge = sub { my ($days) = @_; return content($cluster, "SELECT first_seq, last_seq FROM cdc.purge_history('old', now() - interval '$days days') ORDER BY 1") };

	# events up to that one came so many days ago
	my $age = sub {
		my ($upto, $days) = @_;
		my $day = $cluster->value("SELECT (now() AT TIME ZONE 'UTC')::date - $days");
		$cluster->do("CREATE TABLE old.p$days (LIKE $history INCLUDING ALL)",
			(map { sprintf $_, "FROM $history WHERE seq <= $upto AND ingested_at > now() - interval '1 day'" } "INSERT INTO old.p$days SELECT * %s", 'DELETE %s'),
			"UPDATE old.p$days SET ingested_at = '$day 12:00:00+00'",
			"ALTER TABLE $history ATTACH PARTITION old.p$days FOR VALUES FROM ('$day 00:00:00+00') TO ('$day 23:00:00+00')");
		return;
	};
	pump('old');
	my $copied = $last->();
	$age->($copied, 40);
	$source->do('INSERT INTO old.t VALUES (2, 2)', 'INSERT INTO old.u VALUES (2, 2)');
	$cluster->do("SELECT cdc.pull('old')");
	my $second = $last->();
	$age->($second, 30);
	like($cluster->notices_of("SELECT cdc.purge_history('old', now() - interval '20 days')"), qr/partition old.p30 stays: apply needs events from seq @{[ $copied + 1 ]} on/, 'what is not applied stays');
	is($cluster->value("SELECT min(seq) FROM $history"), $copied + 1, '... and what is older has gone');
	is($cluster->value(q{SELECT message FROM cdc.log WHERE subscription = 'old' AND kind = 'history'}), "1 partitions of the history were dropped, with its events up to seq $copied", '... which the log tells');
	$cluster->do("SELECT * FROM cdc.apply('old')");
	is($purge->(35), '', 'nothing is younger than what is to go');

	# a table in error goes on from events that it needs; so does a publication
	$cluster->do('ALTER TABLE old.u ADD CHECK (v <> 3)');
	$source->do('UPDATE old.u SET v = 3 WHERE id = 2', 'INSERT INTO old.t VALUES (3, 3)');
	pump('old');
	is(state_of('old.u'), 'e', 'a table in error');
	$age->($last->(), 25);
	$cluster->do("INSERT INTO cdc_catalog.publication (name, subscription, server, topic_template, key_template, format, options, published_seq) VALUES ('p', 'old', 'bus', '', '', 'maxwell', '{}', $copied)");
	like($cluster->notices_of("SELECT cdc.purge_history('old', now())"), qr/partition old.p30 stays: publication "p" needs events from seq @{[ $copied + 1 ]} on/, 'what is not published stays');
	$cluster->do("DELETE FROM cdc_catalog.publication");
	like($cluster->notices_of("SELECT cdc.purge_history('old', now())"), qr/partition old.p25 stays: source table old.u, which is in error needs/, '... as does what a table in error needs');
	is($cluster->value("SELECT min(seq) FROM $history"), $second + 1, '... and no more');
	$cluster->do('ALTER TABLE old.u DROP CONSTRAINT u_v_check', "SELECT cdc.retry_errors('old')");
	is(content($cluster, 'SELECT * FROM old.u ORDER BY id'), "1|1\n2|3", '... which goes on from there');

	# what would lack the events says so
	$cluster->do('CREATE TABLE old.again (LIKE old.t INCLUDING ALL)');
	my $error = $cluster->error_of("SELECT cdc.replay('old', 'old.t', 'old.again')");
	like($error, qr/replay of subscription "old" cannot begin at seq 1.*events up to seq $second were purged.*HINT:  .*from_seq := @{[ $second + 1 ]}\./s, 'a replay from before');
	$cluster->do("SELECT cdc.replay('old', 'old.t', 'old.again', $1)") if $error =~ /(from_seq := \d+)/;
	is(content($cluster, 'SELECT * FROM old.again'), '3|3', '... does what it says');
	my $end = $last->();
	is($purge->(1), ($second + 1) . "|$end", 'all that is old goes');

	# and the rest goes on
	$source->do('INSERT INTO old.t VALUES (4, 4)', 'DELETE FROM old.t WHERE id = 1');
	pump('old');
	$cluster->call('resync_table', subscription => 'old', source_table => 'old.u');
	pump('old') for 1 .. 2;
	is(content($cluster, 'SELECT * FROM old.t ORDER BY id'), "2|2\n3|3\n4|4", 'the stream goes on');
	is($cluster->value(q{SELECT count(*) FROM cdc.verify('old') WHERE kind <> 'equal'}), 0, '... and all is equal');
	$cluster->do('CREATE ROLE stranger');
	like($cluster->error_of("SET ROLE stranger; SELECT cdc.purge_history('old', now())"), qr/must|permission|does not exist/, 'a stranger may not');
	$cluster->do('RESET ROLE');
	$cluster->subscribe('flat', 'shop', undef, tables => ['old.*'], history => 'old.flat_history', enabled => \'false', options => '{"history_partition": "none"}');
	like($cluster->error_of("SELECT cdc.purge_history('flat', now())"), qr/has no partitions that could be dropped.*HINT/s, 'a history without partitions');
};

done_testing();
