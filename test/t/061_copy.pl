# Copies in chunks while the stream goes on: keys of every type, images that lack columns,
# resync in place, DDL that runs through a copy.
# Takes 45 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use Digest::MD5 qw(md5_hex);
use CdcIngest::Cluster;
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('copy');
my $source = CdcIngest::Server->new($ENV{CDC_COPY_SERVER} // 'mariadb');
$cluster->add_source('shop', $source);

sub state_of { my ($table) = @_; return $cluster->value('SELECT state FROM cdc.subscription_table WHERE source_table = ?', $table) }

# As md5 of the target's string_agg() of such rows.
sub digest { my ($rows) = @_; return md5_hex(join ' ', map { join '|', @$_ } @$rows) }

# A table whose key orders in a way of its own, with rows in random order.
my %keys = (
	k_int => [ 'id int', sub { $_[0] * 7 - 20000 } ],
	k_ubig => [ 'id bigint unsigned', sub { 18446744073709551615 - $_[0] * 3 } ],
	k_dec => [ 'id decimal(20,5)', sub { sprintf '%.5f', ($_[0] - 2000) / 7 } ],
	k_double => [ 'id double', sub { sprintf '%.17g', ($_[0] - 2000) / 7 } ],
	k_float => [ 'id float', sub { sprintf '%.9g', ($_[0] - 2000) / 64 } ],
	k_bit => [ 'id bit(20)', sub { 'b\'' . sprintf('%020b', $_[0] * 5) . q{'} } ],
	k_text => [ 'id varchar(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
		sub { my $n = $_[0]; join('', map { ('a', 'Z', 'ä', 'ß', ' ', '_', 'é', "\x{1F600}", 'Ö', "''")[ int($n / 10**$_) % 10 ] } 0 .. 3) . $n } ],
	k_latin => [ 'id char(8) CHARACTER SET latin1 COLLATE latin1_german1_ci',
		sub { my $n = $_[0]; join('', map { ('a', 'B', 'ä', 'c', '-', '0', 'Ü', 'x', '~', '!')[ int($n / 10**$_) % 10 ] } 0 .. 3) . $n } ],
	k_bin => [ 'id varbinary(8)', sub { sprintf "X'%02X%04X%s'", $_[0] % 256, $_[0], $_[0] % 2 ? '00' : '' } ],
	k_fixed => [ 'id binary(6)', sub { sprintf "X'%04X%02X'", $_[0], $_[0] % 256 } ],
	k_date => [ 'id date', sub { my $n = $_[0]; sprintf '%04d-%02d-%02d', 1900 + $n / 28 / 12, 1 + $n / 28 % 12, 1 + $n % 28 } ],
	k_datetime => [ 'id datetime(3)', sub { my $n = $_[0]; sprintf '2001-02-%02d %02d:00:%02d.%03d', 1 + $n % 28, $n / 28 % 24, $n / 700 % 60, $n % 1000 } ],
	k_stamp => [ 'id timestamp(6)', sub { my $n = $_[0]; sprintf '2020-03-%02d %02d:30:%02d.%06d', 1 + $n % 28, 3 + $n / 28 % 20, $n / 560 % 60, $n } ],
	k_time => [ 'id time(2)', sub { my $n = $_[0] - 2000; sprintf '%s%02d:%02d:%02d.%02d', $n < 0 ? '-' : '', abs($n) / 5, abs($n) % 60, 1, abs($n) % 100 } ]);

sub literal { my ($v) = @_; return $v =~ /^(?:X'|b'|-?[0-9.]+(?:e[-+]?[0-9]+)?$)/ ? $v : "'$v'" }

sub fill
{
	my ($table, $make, $from, $to) = @_;
	my @rows = map { '(' . literal($make->($_)) . ", 'row $_')" } sort { $a * 7919 % 4001 <=> $b * 7919 % 4001 } $from .. $to;
	while (my @some = splice @rows, 0, 500) { $source->do("INSERT INTO shop.$table VALUES " . join ', ', @some) }
	return;
}

subtest 'keys of every type are read in pieces' => sub {
	$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4');
	for my $table (sort keys %keys)
	{
		my ($type, $make) = @{ $keys{$table} };
		$source->do("CREATE TABLE shop.$table ($type NOT NULL, v varchar(20), PRIMARY KEY (id))");
		fill($table, $make, 0, 2999);
	}
	$source->do(
		q{CREATE TABLE shop.k_many (a enum('z', 'm', 'a') NOT NULL, b set('x', 'y', 'w') NOT NULL, c smallint NOT NULL, v varchar(20), PRIMARY KEY (a, b, c))},
		q{CREATE TABLE shop.k_prefix (t text NOT NULL, v varchar(20), PRIMARY KEY (t(20)))},
		q{CREATE TABLE shop.no_key (v varchar(20))});
	my @many;
	for my $c (1 .. 120) { push @many, map { my $a = $_; map { "($a, $_, $c, 'v$c')" } 0 .. 7 } 1 .. 3 }
	$source->do('INSERT INTO shop.k_many VALUES ' . join ', ', @many);
	$source->do('INSERT INTO shop.k_prefix VALUES ' . join ', ', map { "('text $_', 'v$_')" } 1 .. 500);
	$source->do('INSERT INTO shop.no_key VALUES ' . join ', ', map { "('v" . $_ % 100 . "')" } 1 .. 500);

	# as little as can be at a time
	$cluster->subscribe('shop', 'shop', 'shop', tables => ['shop.*'], enabled => \'false', options => '{"copy_chunk_time": "10ms", "copy_workers": 3}');
	$cluster->do(q{SELECT cdc.pull('shop')}, q{SELECT * FROM cdc.apply('shop')});
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.subscription_table}), 'r', 'all tables are ready');
	$cluster->compare_ok($source, 'shop', 'shop', 'all are the same');
	cmp_ok($cluster->value(q{SELECT min(chunks) FROM cdc_catalog.copy_progress WHERE source_table LIKE 'shop.k\_%' AND source_table <> 'shop.k_prefix'}), '>', 1, 'in several chunks');
	my $history = $cluster->history_of('shop');
	is($cluster->value("SELECT count(*) FROM $history WHERE op = 'r'"),
		$cluster->value("SELECT count(*) FROM (SELECT DISTINCT source_table, event->'data' FROM $history WHERE op = 'r' AND source_table <> 'shop.no_key') d") + 500,
		'no row was read twice');
	is($cluster->value(q{SELECT count(*) FROM cdc.stat_progress_copy}), 0, 'no copy is under way');
};

subtest 'resync makes targets equal, in place' => sub {
	$cluster->do('CREATE ROLE reader', 'GRANT SELECT ON shop.k_text TO reader', 'CREATE INDEX k_text_v ON shop.k_text (v)',
		'CREATE VIEW shop.seen AS SELECT * FROM shop.k_text');
	for my $table (sort(keys %keys), 'k_many')
	{
		# what only the target has, what it lacks, and what is different
		$cluster->do("DELETE FROM shop.$table WHERE v LIKE '%1'", "UPDATE shop.$table SET v = 'wrong' WHERE v LIKE '%2'");
		$source->do('SET SESSION sql_log_bin = 0', "DELETE FROM shop.$table WHERE v LIKE '%3'", 'SET SESSION sql_log_bin = 1');
	}
	$cluster->do(q{INSERT INTO shop.no_key SELECT 'twice' FROM generate_series(1, 7)}, q{DELETE FROM shop.no_key WHERE v = 'v5'},
		q{DELETE FROM shop.k_prefix WHERE v LIKE '%7'}, q{INSERT INTO shop.k_prefix VALUES ('not there', 'x')});
	my $relid = $cluster->value(q{SELECT 'shop.k_text'::regclass::oid});
	$cluster->call('resync_table', subscription => 'shop', source_table => $_->[0])
	  for @{ $cluster->rows(q{SELECT source_table FROM cdc.subscription_table}) };
	is($cluster->value(q{SELECT count(*) FROM cdc.stat_progress_copy WHERE kind = 'resync' AND phase = 'waiting' AND replaces}), keys(%keys) + 3, 'they wait');
	$cluster->do(q{SELECT cdc.pull('shop')}, q{SELECT * FROM cdc.apply('shop')});
	$cluster->compare_ok($source, 'shop', 'shop', 'all are the same again');
	is($cluster->value(q{SELECT 'shop.k_text'::regclass::oid}), $relid, 'the same table');
	is($cluster->value(q{SELECT has_table_privilege('reader', 'shop.k_text', 'SELECT')}), 1, '... its grants');
	is($cluster->value(q{SELECT count(*) FROM pg_indexes WHERE indexname = 'k_text_v'}), 1, '... its indexes');
	cmp_ok($cluster->value('SELECT count(*) FROM shop.seen'), '>', 0, '... views of it');
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.subscription_table}), 'r', 'ready');

	# only some rows: no other is touched, but what the source has not at all goes
	$cluster->do(q{UPDATE shop.k_int SET v = 'wrong'}, q{INSERT INTO shop.k_int VALUES (1000000, 'mine')});
	$cluster->call('resync_table', subscription => 'shop', source_table => 'shop.k_int', where_clause => 'id < 0 -- these');
	$cluster->do(q{SELECT cdc.pull('shop')}, q{SELECT * FROM cdc.apply('shop')});
	is($cluster->value(q{SELECT count(*) FROM shop.k_int WHERE id < 0 AND v = 'wrong'}), 0, 'where_clause: these rows are the same');
	is($cluster->value(q{SELECT count(*) FROM shop.k_int WHERE id >= 0 AND v <> 'wrong'}), 0, '... and no other is, but what is gone');
	like($cluster->error_of(q{SELECT cdc.resync_table('shop', 'shop.nothing')}), qr/is not in subscription/, 'a table that is not there');

	# in several rounds
	$cluster->call('alter_subscription', name => 'shop', options => '{"apply_memory_limit": "16kB"}');
	$cluster->do(q{INSERT INTO shop.k_bin SELECT int4send(i), 'gone' FROM generate_series(100000, 102000) i});
	$cluster->call('resync_table', subscription => 'shop', source_table => "shop.$_") for qw(k_int k_bin);
	$cluster->do(q{SELECT cdc.pull('shop')}, q{SELECT * FROM cdc.apply('shop')});
	$cluster->compare_ok($source, 'shop', 'shop', 'in little memory', only => [qw(k_int k_bin)]);
	cmp_ok($cluster->value(q{SELECT count(*) FROM cdc.log WHERE message LIKE '%has not any more'}), '>', 5, 'what went is in the log');

	# replay of a history with a copy that replaces
	$cluster->do('CREATE TABLE replayed (LIKE shop.k_bin INCLUDING ALL)', 'CREATE TABLE replayed_bag (LIKE shop.no_key)',
		q{SELECT cdc.replay('shop', 'shop.k_bin', 'public.replayed')}, q{SELECT cdc.replay('shop', 'shop.no_key', 'public.replayed_bag')});
	is($cluster->value('SELECT count(*) FROM (TABLE replayed EXCEPT TABLE shop.k_bin) d') + $cluster->value('SELECT count(*) FROM (TABLE shop.k_bin EXCEPT TABLE replayed) d'), 0, 'a replay is the same');
	is($cluster->value('SELECT count(*) FROM (TABLE replayed_bag EXCEPT ALL TABLE shop.no_key) d') + $cluster->value('SELECT count(*) FROM (TABLE shop.no_key EXCEPT ALL TABLE replayed_bag) d'), 0, '... of a table without a key too');
	$cluster->call('drop_subscription', name => 'shop', drop_history => \'true');
};

# One step of a copy, or the next change.
sub step { my ($name) = @_; $cluster->do("SELECT cdc.pull('$name', 1)"); return }

sub make_numbers
{
	my ($table, $rows, $columns) = @_;
	$source->do("CREATE TABLE shop.$table (id int NOT NULL PRIMARY KEY, v varchar(40) NOT NULL, n int" . ($columns // '') . ')',
		"INSERT INTO shop.$table (id, v, n) SELECT a.i + 100 * b.i + 10000 * c.i, 'row', b.i FROM shop.seq a, shop.seq b, shop.seq c WHERE a.i + 100 * b.i + 10000 * c.i BETWEEN 1 AND $rows");
	return;
}

subtest 'a row that moves past the copy (images with what has changed only)' => sub {
	$source->do('CREATE TABLE shop.seq (i int PRIMARY KEY)', 'INSERT INTO shop.seq VALUES ' . join ', ', map { "($_)" } 0 .. 99);
	make_numbers('moves', 100000);
	$source->do('CREATE TABLE shop.other (id int PRIMARY KEY)');
	# (globally too: MariaDB's updates of keys are told from REPLACE by their statements)
	$source->do('SET GLOBAL binlog_row_image = MINIMAL');
	$cluster->do('CREATE SCHEMA moves');
	$cluster->subscribe('moves', 'shop', 'moves', tables => [ 'shop.moves', 'shop.other' ], enabled => \'false', options => '{"copy_chunk_time": "10ms"}');
	my $steps = 0;
	my $key;
	do { step('moves'); $steps++ } until state_of('shop.moves') eq 'd' || $steps > 10;
	is(state_of('shop.moves'), 'd', 'being copied');
	($key) = $cluster->value(q{SELECT last_key[1] FROM cdc.stat_progress_copy WHERE source_table = 'shop.moves'});
	cmp_ok($key, '<', 99000, '... not all of it');
	$source->do('SET SESSION binlog_row_image = MINIMAL', 'UPDATE shop.moves SET id = 0 WHERE id = 99999', q{UPDATE shop.moves SET id = -1, v = 'moved' WHERE id = 99998},
		q{UPDATE shop.moves SET v = 'late' WHERE id = -1}, 'UPDATE shop.moves SET id = -2 WHERE id = 99997', 'UPDATE shop.moves SET id = -3 WHERE id = -2',
		q{UPDATE shop.moves SET v = 'not copied yet' WHERE id = 99996}, 'UPDATE shop.moves SET id = 200000 WHERE id = 1', 'DELETE FROM shop.moves WHERE id IN (2, 99995)');
	$cluster->do(q{SELECT cdc.pull('moves')}, q{SELECT * FROM cdc.apply('moves')});
	is(state_of('shop.moves'), 'r', 'ready');
	$cluster->compare_ok($source, 'shop', 'moves', 'all rows are there', only => ['moves']);
	$source->do('SET SESSION binlog_row_image = FULL', 'SET GLOBAL binlog_row_image = FULL');
	$cluster->call('drop_subscription', name => 'moves', drop_history => \'true');
};

subtest 'states, other tables, DDL in the middle of a copy' => sub {
	make_numbers('big', 200000);
	make_numbers('cut', 200000);
	make_numbers('gone', 200000);
	make_numbers('keyed', 200000);
	$source->do('CREATE TABLE shop.small (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.small VALUES (1, 'one')});
	$cluster->subscribe('mid', 'shop', 'mid', tables => [ map { "shop.$_" } qw(big cut gone keyed small) ], enabled => \'false', options => '{"copy_chunk_time": "10ms"}', start_position => 'latest');
	my $middle = sub {
		my ($table) = @_;
		for (1 .. 500) { step('mid'); return if state_of("shop.$table") eq 'd' }
		CdcIngest::Cluster::give_up("$table is not being copied");
	};
	$middle->('big');
	$cluster->do(q{SELECT * FROM cdc.apply('mid')});
	is($cluster->value(q{SELECT phase FROM cdc.stat_progress_copy WHERE source_table = 'shop.big'}), 'copying', 'a copy is under way');
	cmp_ok($cluster->value('SELECT count(*) FROM mid.big'), '>', 0, '... its rows are seen as they come');
	is($cluster->value(q{SELECT cdc.wait_for('mid', timeout := '0')}), 0, 'wait_for waits for it');
	like($cluster->error_of(q{SELECT cdc.set_position('mid', 'latest')}), qr/are being copied/, 'a position cannot be set');
	$source->do(q{UPDATE shop.big SET n = -1 WHERE id % 1000 = 0}, 'TRUNCATE shop.big', q{INSERT INTO shop.big VALUES (5, 'after', 5), (150000, 'after', 6)});
	$middle->('cut');
	$source->do('ALTER TABLE shop.cut DROP COLUMN n', q{UPDATE shop.cut SET v = 'without' WHERE id % 999 = 0});
	$middle->('gone');
	$source->do('DROP TABLE shop.gone');
	$middle->('keyed');
	$source->do('ALTER TABLE shop.keyed DROP PRIMARY KEY, ADD PRIMARY KEY (v, id)', q{DELETE FROM shop.keyed WHERE id % 7 = 0});
	$cluster->do(q{SELECT cdc.pull('mid')}, q{SELECT * FROM cdc.apply('mid')});
	is($cluster->value(q{SELECT count(*) FROM cdc.stat_progress_copy}), 0, 'all are complete');
	is(state_of("shop.$_"), 'r', "$_ is ready") for qw(big cut keyed small);
	$cluster->compare_ok($source, 'shop', 'mid', 'the same', only => [qw(big keyed small)]);
	is($cluster->value('SELECT count(*) FROM mid.cut'), $source->value('SELECT count(*) FROM shop.cut'), 'a table that lost a column has all rows');
	is($cluster->value(q{SELECT count(*) FROM mid.cut WHERE v = 'without'}), $source->value(q{SELECT count(*) FROM shop.cut WHERE v = 'without'}), '... and changes');
	is($cluster->value(q{SELECT sum(restarts) FROM cdc_catalog.copy_progress WHERE subscription = 'mid' AND source_table = 'shop.keyed'}), 1, 'with another key it began anew');
	$source->do('CREATE TABLE shop.gone (id int PRIMARY KEY, v varchar(40) NOT NULL, n int)', q{INSERT INTO shop.gone VALUES (1, 'new', 1)});
	$cluster->do(q{SELECT cdc.pull('mid')}, q{SELECT * FROM cdc.apply('mid')});
	$cluster->compare_ok($source, 'shop', 'mid', 'a table that went and came again', only => ['gone']);

	# in error
	$cluster->do(q{UPDATE cdc_catalog.subscription_table SET state = 'e', last_error = 'broken' WHERE source_table = 'shop.small'});
	like($cluster->error_of(q{SELECT cdc.wait_for('mid')}), qr/source table shop\.small of subscription "mid" is in error.*broken.*resync_table\('mid', 'shop\.small'\)/s, 'wait_for names a table in error');
	is($cluster->value(q{SELECT cdc.wait_for('mid', tables := '{shop.big}')}), 1, '... and waits for others');
	$cluster->do(q{SELECT cdc.resync_table('mid', 'shop.small')}, q{SELECT cdc.pull('mid')}, q{SELECT * FROM cdc.apply('mid')});
	is(state_of('shop.small'), 'r', 'a resync gets it out of that');
	$cluster->call('drop_subscription', name => 'mid', drop_history => \'true');
};

subtest 'online schema changes swap tables in the middle of a copy' => sub {
	make_numbers('osc', 200000);
	make_numbers('pt', 200000);
	$cluster->subscribe('osc', 'shop', 'osc', tables => [ 'shop.osc', 'shop.pt' ], enabled => \'false', options => '{"copy_chunk_time": "10ms"}', start_position => 'latest');
	for my $swap ([ 'osc', '_osc_gho', '_osc_del' ], [ 'pt', '_pt_new', '_pt_old' ])
	{
		my ($table, $new, $old) = @$swap;
		for (1 .. 500) { step('osc'); last if state_of("shop.$table") eq 'd' }
		is(state_of("shop.$table"), 'd', "$table is being copied");
		$source->do("CREATE TABLE shop.$new LIKE shop.$table", "ALTER TABLE shop.$new MODIFY v varchar(80) NOT NULL", "INSERT INTO shop.$new SELECT * FROM shop.$table",
			"UPDATE shop.$table SET n = -5 WHERE id % 1000 = 1", "UPDATE shop.$new SET n = -5 WHERE id % 1000 = 1",
			"RENAME TABLE shop.$table TO shop.$old, shop.$new TO shop.$table", "DROP TABLE shop.$old", "UPDATE shop.$table SET v = 'after', id = -id WHERE id % 1000 = 2", "DELETE FROM shop.$table WHERE id % 1000 = 3");
	}
	$cluster->do(q{SELECT cdc.pull('osc')}, q{SELECT * FROM cdc.apply('osc')});
	is(state_of("shop.$_"), 'r', "$_ is ready") for qw(osc pt);
	$cluster->compare_ok($source, 'shop', 'osc', 'the same', only => [qw(osc pt)]);
	$cluster->call('drop_subscription', name => 'osc', drop_history => \'true');
};

subtest 'a table that is altered in the middle of a copy that replaces its rows' => sub {
	my $passed = 0;
	my $apply = sub {
		while (($cluster->error_of(q{SELECT * FROM cdc.apply('re')}) // '') =~ /out of range.*position (bin\.\d+:\d+), source table "shop\.r_kept"/s)
		{
			$cluster->do("SELECT cdc.skip_transaction('re', '$1')");
			$passed++;
		}
		$cluster->do(q{SELECT * FROM cdc.apply('re')});
	};
	my $all = sub { for (1, 2) { $cluster->do(q{SELECT cdc.pull('re')}); $apply->() } };
	my @tables = qw(renamed dropped swapped chosen named partly mended lost kept);
	my $long = 'x' x 64;
	make_numbers("r_$_", 15000, $_ eq 'named' ? ", $long bigint UNIQUE" : ', a bigint UNIQUE') for @tables;
	$source->do((map { 'UPDATE shop.r_' . $_ . ' SET ' . ($_ eq 'named' ? $long : 'a') . ' = id + 7' } @tables), 'CREATE TABLE shop.r_other (id int PRIMARY KEY)');
	$cluster->do('CREATE SCHEMA re');
	$cluster->subscribe('re', 'shop', 're', tables => [ 'shop.r_other', map { "shop.r_$_" } grep { !/^(?:chosen|lost|named|kept)$/ } @tables ], enabled => \'false', options => '{"copy_chunk_time": "10ms", "drop_column": "drop"}');
	my $columns = sub { my ($a) = @_; return qq({"id": "id", "v": "v", "n": "n", "a": "$a"}) };
	$cluster->do("CREATE TABLE re.r_$_ (id int, v text, n int, a " . ($_ eq 'kept' ? 'int' : 'bigint') . ' PRIMARY KEY)') for qw(chosen lost named kept);
	$cluster->call('add_table', subscription => 're', source_table => "shop.r_$_", target => "re.r_$_", key => ['a'], columns => $columns->($_ eq 'named' ? $long : 'a')) for qw(chosen lost named kept);
	$all->();
	my $begin = sub {
		my ($table, $copy) = @_;

		# what the copy has to find: rows that are others, lacking, or too many
		$cluster->do("UPDATE re.r_$table SET v = 'stale' WHERE id % 1000 = 0", "DELETE FROM re.r_$table WHERE id % 1000 = 1", "INSERT INTO re.r_$table (id, v, a) VALUES (900000, 'stale', 900000), (-5, 'stale', -5)");
		$cluster->do($copy // "SELECT cdc.resync_table('re', 'shop.r_$table')");
		my $key = $table eq 'named' ? $long : 'a';
		$source->do("INSERT INTO shop.r_$table (id, v, n, $key) VALUES (40001, 'gone soon', 1, 5000000000)", "DELETE FROM shop.r_$table WHERE id = 40001", "INSERT INTO shop.r_$table (id, v, n, $key) VALUES (40002, 'stays', 1, 40002)");
		for (1 .. 500)
		{
			$cluster->do(q{SELECT cdc.pull('re', 300)});
			$apply->();
			last if $cluster->value('SELECT count(*) FROM cdc.stat_progress_copy WHERE rows > 0 AND source_table = ?', "shop.r_$table");
		}
		is($cluster->value('SELECT phase FROM cdc.stat_progress_copy WHERE source_table = ?', "shop.r_$table"), 'copying', "r_$table is in the middle of its copy");
	};
	my $end = sub {
		my ($table, $from, $to) = @_;
		$source->do("UPDATE shop.r_$table SET v = 'after' WHERE id % 999 = 0", "DELETE FROM shop.r_$table WHERE id % 777 = 0", "INSERT INTO shop.r_other VALUES (" . $cluster->value('SELECT count(*) FROM re.r_other') . ')');
		$all->();
		is(state_of("shop.r_$table"), 'r', "$table: it is ready") or diag($cluster->value('SELECT last_error FROM cdc.subscription_table WHERE source_table = ?', "shop.r_$table"));
		is($cluster->value("SELECT count(*) || '|' || md5(string_agg(concat_ws('|', id, v, $to), ' ' ORDER BY id)) FROM re.r_$table"),
			join('|', @{ $source->rows("SELECT count(*) FROM shop.r_$table")->[0] }, digest($source->rows("SELECT id, v, $from FROM shop.r_$table ORDER BY id"))), '... and equal');
	};

	$begin->('renamed');
	$source->do('ALTER TABLE shop.r_renamed RENAME COLUMN n TO nn');
	$end->('renamed', 'nn, a', 'nn, a');
	$begin->('dropped');
	$source->do('ALTER TABLE shop.r_dropped DROP COLUMN n');
	$end->('dropped', 'a', 'a');
	$begin->('swapped');
	$source->do('ALTER TABLE shop.r_swapped CHANGE a n bigint, CHANGE n a int');
	$end->('swapped', 'n, a', 'n, a');
	$begin->('chosen');
	$source->do('ALTER TABLE shop.r_chosen CHANGE a n bigint, CHANGE n b int', 'UPDATE shop.r_chosen SET n = n + 1000000 WHERE id % 500 = 3');
	$end->('chosen', 'b, n', 'b, n');
	$begin->('named');
	$source->do("ALTER TABLE shop.r_named ADD COLUMN q int, RENAME COLUMN n TO m");
	$end->('named', "m, $long", 'n, a');
	$begin->('partly', q{SELECT cdc.resync_table('re', 'shop.r_partly', where_clause := 'id % 2 = 1')});
	$cluster->do(q{UPDATE re.r_partly SET v = 'row' WHERE id % 1000 = 0});
	$source->do('ALTER TABLE shop.r_partly RENAME COLUMN n TO nn');
	$end->('partly', 'nn, a', 'nn, a');
	$begin->('mended', q{SELECT count(*) FROM cdc.verify('re', 'shop.r_mended', repair := true)});
	$source->do('ALTER TABLE shop.r_mended RENAME COLUMN n TO nn');
	$end->('mended', 'nn, a', 'nn, a');

	# 5000000000 was a key, and is none any more
	$begin->('lost');
	$source->do('ALTER TABLE shop.r_lost MODIFY a int', q{INSERT INTO shop.r_other VALUES (-1)});
	$all->();
	is($cluster->value('SELECT count(*) FROM re.r_other WHERE id = -1'), 1, 'a key of another type: the other tables go on');
	my $error = $cluster->value(q{SELECT concat(state, last_error) FROM cdc.subscription_table WHERE source_table = 'shop.r_lost'});
	like($error, qr/^e.*column "a", by which rows of its target are found, was altered while the table was copied.*HINT:  SELECT cdc\.resync_table\('re', 'shop\.r_lost'\);/s, '... the table says why it does not');
	$cluster->do($error =~ /HINT:  (.*;)/);
	$end->('lost', 'n, a', 'n, a');

	# ... or none that the target can have: what was passed over does not come again with the copy's end
	$begin->('kept');
	$source->do('ALTER TABLE shop.r_kept ADD COLUMN more int', q{INSERT INTO shop.r_other VALUES (-2)});
	$all->();
	is($passed, 2, 'keys that do not fit stop the subscription, until they are passed over');
	is($cluster->value('SELECT count(*) FROM re.r_other WHERE id = -2'), 1, '... then all go on');
	is($cluster->value(q{SELECT count(*) FROM re.r_kept WHERE v = 'stale'}), 0, '... the copy has ended');
	$cluster->do(q{SELECT cdc.resync_table('re', 'shop.r_kept')});
	$end->('kept', 'n, a', 'n, a');
	$cluster->call('drop_subscription', name => 're', drop_history => \'true');
};

subtest 'a second copy onto a target with rows' => sub {
	$cluster->do('CREATE SCHEMA twice', 'CREATE TABLE twice.small (id int PRIMARY KEY, v text)', q{INSERT INTO twice.small VALUES (1, 'mine'), (7, 'mine')});
	my %arguments = (tables => ['shop.small'], enabled => \'false');
	like($cluster->error_of($cluster->call_sql('create_subscription', name => 'twice', server => 'shop', target_schema => 'twice', %arguments)), qr/exists already.*target_rows/s, 'an error by default');
	$cluster->subscribe('twice', 'shop', 'twice', %arguments, target_rows => 'replace');
	my $go = sub { $cluster->do(q{SELECT cdc.pull('twice')}, q{SELECT * FROM cdc.apply('twice')}); return };
	my $rows = sub { return join ' ', map { join '=', @$_ } @{ $cluster->rows('SELECT id, v FROM twice.small ORDER BY id') } };
	$go->();
	is($rows->(), '1=one', 'replaced');
	$cluster->do(q{SELECT cdc.remove_table('twice', 'shop.small')});
	$source->do(q{INSERT INTO shop.small VALUES (2, 'two')}, 'DELETE FROM shop.small WHERE id = 1');
	like($cluster->error_of(q{SELECT cdc.add_table('twice', 'shop.small', target := 'twice.small')}), qr/has rows already.*target_rows := 'replace'/s, 'remove and add: an error by default');
	$cluster->do(q{SELECT cdc.add_table('twice', 'shop.small', target := 'twice.small', target_rows := 'replace')});
	$go->();
	is($rows->(), '2=two', '... replaced where the call says so');
	$cluster->do(q{SELECT cdc.remove_table('twice', 'shop.small')}, q{INSERT INTO twice.small VALUES (9, 'mine')},
		q{SELECT cdc.add_table('twice', 'shop.small', target := 'twice.small', target_rows := 'keep')});
	$go->();
	is($rows->(), '2=two 9=mine', '... or kept');
	$source->do(q{INSERT INTO shop.small VALUES (3, 'three'), (4, 'four')});
	$cluster->do(q{SELECT cdc.remove_table('twice', 'shop.small')}, q{SELECT cdc.pull('twice')},
		q{SELECT cdc.add_table('twice', 'shop.small', target := 'twice.small', target_rows := 'replace', copy_where := 'id > 3')});
	$source->do(q{INSERT INTO shop.small VALUES (1, 'one')});
	$go->();
	is($rows->(), '1=one 4=four', 'copy_where: only these rows are copied, and changes');
	$cluster->call('drop_subscription', name => 'twice', drop_history => \'true');
};

subtest 'a target without the key of its source' => sub {
	$source->do('CREATE TABLE shop.bag (id int PRIMARY KEY, v varchar(20))', 'INSERT INTO shop.bag VALUES ' . join ', ', map { "($_, 'v" . $_ % 7 . "')" } 1 .. 100);
	$cluster->do('CREATE SCHEMA bag');
	$cluster->subscribe('bag', 'shop', undef, tables => ['shop.small'], history => 'bag.h', enabled => \'false');
	$cluster->do(q{SELECT cdc.pull('bag')}, q{SELECT cdc.add_table('bag', 'shop.bag', target := 'bag.v', columns := '{"v": "v"}')});
	my $same = sub {
		my ($name) = @_;
		$cluster->do(q{SELECT cdc.pull('bag')}, q{SELECT * FROM cdc.apply('bag')});
		is_deeply($cluster->rows('SELECT v, count(*)::int FROM bag.v GROUP BY v ORDER BY v'), [ map { [ $_->[0], $_->[1] + 0 ] } @{ $source->rows('SELECT v, count(*) FROM shop.bag GROUP BY v ORDER BY v') } ], $name);
	};
	$source->do(q{INSERT INTO shop.bag VALUES (200, 'v1')}, 'DELETE FROM shop.bag WHERE id < 10');
	$same->('what happened before its copy comes once');
	$source->do(q{UPDATE shop.bag SET v = 'v1' WHERE id BETWEEN 20 AND 30}, 'DELETE FROM shop.bag WHERE id = 50');
	$cluster->do(q{SELECT cdc.resync_table('bag', 'shop.bag')});
	$source->do(q{INSERT INTO shop.bag VALUES (201, 'v1')});
	$same->('and again with a resync');
	$source->do(q{INSERT INTO shop.bag VALUES (202, 'v3')});
	$same->('then changes');
	$cluster->call('drop_subscription', name => 'bag', drop_history => \'true');
};

done_testing();
