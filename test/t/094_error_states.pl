# States of tables in error: retry_errors, TRUNCATE and new copies make no table ready that is
# not as its source; and what last_error and wait_for tell one to type ends in an equal replica.
#
# Takes 30 s.
use strict;
use warnings;

use DBD::Pg ':async';
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('error_states');
my $source = CdcIngest::Server->new('mariadb');
$cluster->add_source('s', $source);
$cluster->do("SET client_min_messages = 'error'");

my $n = 0;

# A database with table "A" (id, n, v, u), parent "P" and what else is asked for; its tables are
# replicated by hand.
sub subscription
{
	my ($options, @more) = @_;
	my $id = 'w' . ++$n;
	$source->do("CREATE DATABASE $id", "USE $id", 'CREATE TABLE p (id INT PRIMARY KEY)', 'INSERT INTO p VALUES (1), (2), (3)',
		'CREATE TABLE a (id INT PRIMARY KEY, n INT, v VARCHAR(20), u INT, FOREIGN KEY (u) REFERENCES p (id) ON DELETE CASCADE)',
		q{INSERT INTO a VALUES (1, 1, 'a', 1), (2, 2, 'b', 2), (3, 3, 'c', 3)}, @more);
	$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', options => $options);
	follow($id) for 1 .. 3;
	return $id;
}

# Runs statements at the source and brings them here; returns apply's error.
sub follow
{
	my ($id, @statements) = @_;
	$source->do("USE $id", @statements);
	$cluster->value('SELECT cdc.pull(?)', $id);
	return $cluster->error_of("SELECT * FROM cdc.apply('$id')");
}

sub column { my ($id, $column) = @_; return $cluster->value("SELECT $column FROM cdc.stat_table WHERE subscription = '$id' AND source_table = '$id.a'") // '' }
sub waits { my ($id) = @_; return $cluster->error_of("SELECT cdc.wait_for('$id', timeout := '1 ms')") }
sub statements { return $_[0] =~ /(SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))/g }

# Rows of table "A" at both sides.
sub at_source { my ($id, $what) = @_; return join ' ', map { join ',', map { $_ // 'null' } @$_ } @{ $source->rows("SELECT $what FROM $id.a ORDER BY id") } }
sub here { my ($id, $what) = @_; return join ' ', map { join ',', map { $_ // 'null' } @$_ } @{ $cluster->rows("SELECT $what FROM $id.a ORDER BY id") } }

# What is found while a table stands in error.  The statements after "unset" are for the
# session; what: the columns that both sides have.
my @reasons = (
	{ name => 'a statement', sql => [q{SET SESSION binlog_format = 'STATEMENT'}, q{UPDATE a SET v = 's' WHERE id < 3}], reset => [q{SET SESSION binlog_format = 'ROW'}] },
	{ name => 'a foreign key', sql => ['DELETE FROM p WHERE id = 3'] },
	{ name => 'a default that only the source knows', sql => ['ALTER TABLE a ADD ts DATETIME DEFAULT CURRENT_TIMESTAMP', q{INSERT INTO a (id, n, v) VALUES (4, 4, 'd')}], what => 'id, n, v, ts::text', source => q{id, n, v, ts} },
	{ name => 'types', sql => ['ALTER TABLE a MODIFY n DOUBLE', 'ALTER TABLE a MODIFY n VARCHAR(20)', q{INSERT INTO a VALUES (4, 'x4', 'd', 1)}] },
	{ name => 'another table of that name', sql => ['RENAME TABLE a TO a3, b TO a', q{INSERT INTO a VALUES (5, 5, 'e', 5)}], more => ['CREATE TABLE b (id INT PRIMARY KEY, n INT, v VARCHAR(20), u INT)', q{INSERT INTO b VALUES (9, 9, 'z', 9)}] },
	{ name => 'an update that may be a REPLACE, then TRUNCATE', sql => [q{SET SESSION binlog_row_image = 'MINIMAL', binlog_annotate_row_events = OFF}, 'UPDATE a SET id = 10 WHERE id = 2', q{INSERT INTO a VALUES (11, 4, 'd', 1)}, 'TRUNCATE a', q{INSERT INTO a VALUES (12, 5, 'e', 1)}],
		reset => [q{SET SESSION binlog_row_image = 'FULL', binlog_annotate_row_events = ON}] },
);

for my $mode (qw(table log))
{
	for my $r (@reasons)
	{
		subtest "$mode: $r->{name}" => sub {
			my $id = subscription(qq({"on_error": "$mode"}), @{ $r->{more} // [] });
			my $what = $r->{what} // 'id, n, v, u';
			$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT bad CHECK (n <> 13)");
			is(follow($id, 'UPDATE a SET n = 13 WHERE id = 1'), '', 'an event that cannot be written');
			like(column($id, 'last_error'), qr/violates check constraint/, '... puts its table into error');
			is(follow($id, @{ $r->{sql} }), '', 'another reason comes');
			$source->do(@{ $r->{reset} // [] });
			$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT bad");
			my $error = $cluster->error_of("SELECT cdc.retry_errors('$id', '$id.a')");
			is(column($id, 'state'), 'e', 'the table is not ready') or diag here($id, '*');
			unlike(column($id, 'last_error'), qr/violates check constraint/, '... and says why');
			my ($remedy) = statements(waits($id));
			like(column($id, 'last_error'), qr/\Q$remedy\E/, 'one hint');
			like($error, qr/^$|\Q$remedy\E/, '... whoever is asked');
			is($cluster->error_of($remedy), '', $remedy);
			follow($id) for 1 .. 4;
			is(column($id, 'state'), 'r', '... makes it ready') or diag column($id, 'last_error');
			is(here($id, $what), at_source($id, $r->{source} // $what), '... and equal');
			is(follow($id, q{INSERT INTO a (id, n) VALUES (70, 7)}), '', '... and it goes on');
			is(here($id, $what), at_source($id, $r->{source} // $what), '... with its rows');
		};
	}
}

# With a mapping, which may become one that cannot be computed.
sub mapped
{
	my ($mode) = @_;
	my $id = subscription(qq({"on_error": "$mode"}), 'CREATE TABLE m (id INT PRIMARY KEY, n INT, k INT, gone INT)',
		'INSERT INTO m VALUES (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, -1), (4, 4, 200, 1)');
	$cluster->do("CREATE FUNCTION $id.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 10'", "SELECT cdc.remove_table('$id', '$id.m')", "DROP TABLE $id.m",
		qq{SELECT cdc.add_table('$id', '$id.m', target := '$id.x', columns := '{"id": "id", "q": {"expr": "$id.f(n)"}, "k": "k"}', row_filter := 'gone > 0 AND k < 100')});
	follow($id) for 1 .. 3;
	$cluster->do("ALTER TABLE $id.x ADD CONSTRAINT bad CHECK (k <> 13)");
	is(follow($id, 'UPDATE m SET k = 13 WHERE id = 1'), '', 'an event that cannot be written');
	is($cluster->value("SELECT state FROM cdc.stat_table WHERE source_table = '$id.m'"), 'e', '... puts its table into error');
	return $id;
}

sub mapped_column { my ($id, $column) = @_; return $cluster->value("SELECT $column FROM cdc.stat_table WHERE source_table = '$id.m'") // '' }

sub is_mapped
{
	my ($id, $where) = @_;
	return is($cluster->value("SELECT string_agg(concat_ws(',', id, q, k), ' ' ORDER BY id) FROM $id.x"),
		$source->value("SELECT GROUP_CONCAT(CONCAT_WS(',', id, n * 10, k) ORDER BY id SEPARATOR ' ') FROM $id.m WHERE $where"), '... and equal');
}

for my $mode (qw(table log))
{
	subtest "$mode: a function that is gone" => sub {
		my $id = mapped($mode);
		$cluster->do("DROP FUNCTION $id.f(int)");
		is(follow($id, 'INSERT INTO m VALUES (6, 6, 6, 6)'), '', 'more rows');
		$cluster->do("ALTER TABLE $id.x DROP CONSTRAINT bad");
		$cluster->error_of("SELECT cdc.retry_errors('$id', '$id.m')");
		is(mapped_column($id, 'state'), 'e', 'the table is not ready');
		my $hint = waits($id);
		my ($remedy) = grep { /resync/ } statements($hint);
		like($hint, qr/HINT: .*alter_table.*resync_table/s, 'wait_for has both ways');
		like(mapped_column($id, 'last_error'), qr/HINT: .*alter_table.*\Q$remedy\E/s, '... and so has last_error');
		$cluster->do("CREATE FUNCTION $id.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT \$1 * 10'", $remedy);
		follow($id) for 1 .. 4;
		is(mapped_column($id, 'state'), 'r', 'ready');
		is_mapped($id, 'gone > 0 AND k < 100');
	};
	subtest "$mode: a column that the row filter reads is gone" => sub {
		my $id = mapped($mode);
		is(follow($id, 'ALTER TABLE m DROP COLUMN gone', 'INSERT INTO m VALUES (6, 6, 6)', 'DELETE FROM m WHERE id = 2'), '', 'more rows');
		$cluster->do("ALTER TABLE $id.x DROP CONSTRAINT bad");
		$cluster->error_of("SELECT cdc.retry_errors('$id', '$id.m')");
		is(mapped_column($id, 'state'), 'e', 'the table is not ready');
		like(waits($id), qr/HINT: .*alter_table\('$id', '$id\.m'/s, 'the hint');
		$cluster->do("SELECT cdc.alter_table('$id', '$id.m', row_filter := 'k > 0')");
		follow($id) for 1 .. 4;
		is(mapped_column($id, 'state'), 'r', 'ready');
		is_mapped($id, 'k > 0');
	};
	subtest "$mode: an image that lacks what the row filter reads" => sub {
		my $id = mapped($mode);
		is(follow($id, q{SET SESSION binlog_row_image = 'MINIMAL'}, 'UPDATE m SET k = 50 WHERE id = 4'), '', 'such an image');
		$source->do(q{SET SESSION binlog_row_image = 'FULL'}, "INSERT INTO $id.m VALUES (6, 6, 6, 6)");
		follow($id);
		$cluster->do("ALTER TABLE $id.x DROP CONSTRAINT bad");
		$cluster->error_of("SELECT cdc.retry_errors('$id', '$id.m')");
		is(mapped_column($id, 'state'), 'e', 'the table is not ready');
		my ($remedy) = statements(waits($id));
		$cluster->do($remedy);
		follow($id) for 1 .. 4;
		is(mapped_column($id, 'state'), 'r', "ready after $remedy");
		is_mapped($id, 'gone > 0 AND k < 100');
	};
}

subtest 'a table that could not have a target' => sub {
	$source->do('CREATE DATABASE l1', 'CREATE DATABASE l2', map { ("CREATE TABLE $_.t (id INT PRIMARY KEY, n INT)", "INSERT INTO $_.t VALUES (1, 1)") } qw(l1 l2));
	$cluster->subscribe('left', 's', 'left', tables => ['l1.*', 'l2.*'], enabled => \'false');
	my $follow = sub { for (1 .. 3) { $cluster->value(q{SELECT cdc.pull('left')}); $cluster->do(q{SELECT * FROM cdc.apply('left')}) } };
	my $column = sub { $cluster->value("SELECT $_[0] FROM cdc.stat_table WHERE source_table = 'l2.t'") };
	$follow->();
	my $remedy = qr/HINT: .*cdc\.remove_table\('left', 'l2\.t'\); and SELECT cdc\.add_table\('left', 'l2\.t', target := /s;
	like($column->('last_error'), $remedy, 'last_error says what helps');
	like($cluster->error_of(q{SELECT cdc.wait_for('left', timeout := '1 ms')}), $remedy, 'so does wait_for');
	for my $call (q{resync_table('left', 'l2.t')}, q{resync_table('left', 'l2.t', 'id = 1')}, q{retry_errors('left', 'l2.t')}, q{alter_table('left', 'l2.t', target := 'left.t2')})
	{
		like($cluster->error_of("SELECT cdc.$call"), $remedy, "so does $call");
		is($column->('state'), 'e', '... and does nothing');
	}
	is($cluster->error_of(q{SELECT cdc.retry_errors('left')}), '', 'all that can be retried');
	$source->do('UPDATE l2.t SET n = 2', 'TRUNCATE l2.t', 'INSERT INTO l2.t VALUES (2, 2)');
	{
		$source->do('USE l2', q{SET SESSION binlog_format = 'STATEMENT'}, 'UPDATE t SET n = 3', q{SET SESSION binlog_format = 'ROW'});
	}
	$cluster->do(q{SELECT cdc.restart_subscription('left')});
	$follow->();
	is($column->('state'), 'e', 'nor do its events, or copies of all tables');
	like($column->('last_error'), $remedy, '... and its error is the same');
	$cluster->do(q{SELECT cdc.remove_table('left', 'l2.t')}, q{SELECT cdc.add_table('left', 'l2.t', target := 'left.t2')});
	$follow->();
	is($column->('state'), 'r', 'that helps');
	is($cluster->value('SELECT string_agg(concat(id, n), chr(32)) FROM "left".t2'), '23', '... and its rows are there');
};

subtest 'a table of the history only' => sub {
	$source->do('CREATE DATABASE h', 'CREATE TABLE h.t (id INT PRIMARY KEY, n INT)', 'INSERT INTO h.t VALUES (1, 1)');
	$cluster->do('CREATE SCHEMA h');
	$cluster->call('create_subscription', name => 'h', server => 's', tables => ['h.*'], enabled => \'false', history => 'h.h');
	my $follow = sub { for (1 .. 3) { $cluster->value(q{SELECT cdc.pull('h')}); $cluster->do(q{SELECT * FROM cdc.apply('h')}) } };
	my $column = sub { $cluster->value("SELECT $_[0] FROM cdc.stat_table WHERE source_table = 'h.t'") };
	$follow->();
	$source->do('USE h', q{SET SESSION binlog_format = 'STATEMENT'}, 'UPDATE t SET n = 3', q{SET SESSION binlog_format = 'ROW'});
	$follow->();
	is($column->('state'), 'e', 'may be in doubt');
	my ($remedy) = statements($column->('last_error'));
	$cluster->do($remedy);
	$follow->();
	is($column->('state'), 'r', "... and $remedy helps") or diag $column->('last_error');
	is($cluster->value(q{SELECT event->'data'->>'n' FROM h.h WHERE source_table = 'h.t' AND op = 'r' ORDER BY seq DESC LIMIT 1}), 3, '... as its rows come');
};

subtest 'stop: which of several transactions of one key it is' => sub {
	my $id = subscription('{}', q{SET SESSION binlog_row_image = 'MINIMAL'});
	$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT bad CHECK (n <> 13)");
	my @sql = (q{UPDATE a SET v = 'before' WHERE id = 1}, 'UPDATE a SET n = 13 WHERE id = 1', q{UPDATE a SET v = 'good' WHERE id = 1}, 'UPDATE a SET n = 7 WHERE id = 2', q{UPDATE a SET v = 'better' WHERE id = 1});
	like(follow($id, @sql), qr/violates check constraint.*CONTEXT: .*seq \d+ or before/s, 'it is one of them');
	my $error = follow($id);
	my ($seq, $position) = @{ $cluster->rows("SELECT seq, position FROM $id.${id}_history WHERE event->'data'->>'n' = '13'")->[0] };
	like($error, qr/skip_transaction\('$id', '\Q$position\E'\).*CONTEXT: .*seq $seq,/s, 'the next call says which');
	my ($skip) = grep { /skip/ } statements($error);
	$cluster->do($skip);
	is(follow($id), '', $skip);
	is(here($id, 'id, n, v'), '1,1,better 2,7,b 3,3,c', 'all others are there');
	$source->do(q{SET SESSION binlog_row_image = 'FULL'});
};

subtest 'updates that are told by their statements' => sub {
	my $id = subscription('{}', 'CREATE TABLE k (id INT PRIMARY KEY, n INT DEFAULT 5)', 'INSERT INTO k VALUES (1, 1), (2, 2), (3, 3)',
		'CREATE TABLE g (id INT PRIMARY KEY)', 'CREATE TRIGGER g AFTER INSERT ON g FOR EACH ROW UPDATE k SET id = NEW.id WHERE id = 3');
	my $rows = sub { $cluster->value("SELECT string_agg(concat_ws(',', id, n), ' ' ORDER BY id) FROM $id.k") };
	my $state = sub { $cluster->value("SELECT concat_ws(' ', state, last_error) FROM cdc.stat_table WHERE source_table = '$id.k'") };
	# a session's own choice, while the server's is another one
	is($source->value('SELECT @@GLOBAL.binlog_row_image'), 'FULL', 'images are full');
	is(follow($id, q{SET SESSION binlog_row_image = 'MINIMAL'}, 'UPDATE k SET id = 10 WHERE id = 1', 'REPLACE INTO k (id) VALUES (2)',
			'INSERT INTO k (id, n) VALUES (10, 1) ON DUPLICATE KEY UPDATE id = 11'), '', 'but those of a session');
	is($state->(), 'r', 'each is told');
	is($rows->(), '2,5 3,3 11,1', '... for what it is');
	is(follow($id, 'INSERT INTO g VALUES (30)'), '', 'what a trigger does');
	like($state->(), qr/^e .*does not tell whether a row was updated or replaced/, '... is not told');
	$source->do(q{SET SESSION binlog_row_image = 'FULL'});
};

# Pull commits while apply is between reading its position and reading the history.
subtest 'a copy that pull commits while apply begins' => sub {
	my $id = subscription('{}');
	my $apply = $cluster->connect;
	$apply->do("SELECT * FROM cdc.apply('$id')");
	is(follow($id, 'DELETE FROM p WHERE id = 3'), '', 'a table');
	is(column($id, 'state'), 'e', '... is in error');
	$apply->do("SELECT * FROM cdc.apply('$id')");
	$cluster->do("SELECT cdc.resync_table('$id', '$id.a')");
	my $pull = $cluster->connect;
	$pull->do($_) for 'BEGIN', "LOCK TABLE $id.${id}_history IN ACCESS EXCLUSIVE MODE";
	$apply->do("SELECT * FROM cdc.apply('$id')", { pg_async => PG_ASYNC });
	$cluster->poll("SELECT count(*) FROM pg_locks WHERE relation = '$id.${id}_history'::regclass AND NOT granted", 1);
	$pull->do("SELECT cdc.pull('$id')") for 1 .. 2;
	$pull->do('COMMIT');
	$apply->pg_result;
	is(follow($id), '', 'nothing else comes');
	is(column($id, 'state'), 'r', 'the table is ready') or diag column($id, 'last_error');
	is(here($id, 'id, n, v, u'), at_source($id, 'id, n, v, u'), '... and equal');
	$_->disconnect for $apply, $pull;
};

subtest 'a table that is gone before its copy begins' => sub {
	my $id = subscription('{}');
	is(follow($id, 'DELETE FROM p WHERE id = 3'), '', 'a table');
	is(column($id, 'state'), 'e', '... is in error');
	$cluster->do("SELECT cdc.resync_table('$id', '$id.a')");
	is(follow($id, 'DROP TABLE a'), '', 'its source is gone');
	is(column($id, 'state'), 'e', 'it is in error again');
	like(column($id, 'last_error'), qr/no such table.*HINT: .*cdc\.remove_table\('$id', '$id\.a'\)/s, '... and says why');
};

# The last changes that are known may be those of a table that is forgotten.
subtest 'a change behind others that are gone' => sub {
	my $id = subscription('{}');
	my $one = "one_$id";
	$cluster->subscribe($one, 's', $one, tables => ["$id.a"], enabled => \'false');
	my $follow_one = sub {
		$source->do("USE $id", @_);
		$cluster->value('SELECT cdc.pull(?)', $one);
		$cluster->rows('SELECT * FROM cdc.apply(?)', $one) for 1 .. 2;
	};
	$follow_one->() for 1 .. 3;
	$follow_one->('CREATE TABLE _a_gho LIKE a', 'ALTER TABLE _a_gho ADD x INT');
	is($cluster->value('SELECT count(*) > 0 FROM cdc_catalog.table_change WHERE subscription = ?', $one), 1, 'changes of a shadow');
	$follow_one->('DROP TABLE _a_gho');
	is($cluster->value('SELECT count(*) FROM cdc_catalog.table_change WHERE subscription = ?', $one), 0, '... go with it');
	$follow_one->('ALTER TABLE a ADD w INT DEFAULT 5');
	is($cluster->value('SELECT count(*) FROM cdc_catalog.table_change WHERE subscription = ? AND outcome IS NULL', $one), 0, 'a change of the table itself is followed');
	$follow_one->('INSERT INTO a (id, w) VALUES (7, 7)');
	is($cluster->value("SELECT string_agg(id || ',' || w, ' ' ORDER BY id) FROM $one.a"), at_source($id, 'id, w'), '... before the events behind it');
};

subtest 'a change that is settled in a transaction that is rolled back' => sub {
	my $id = subscription('{}');
	$source->do("ALTER TABLE $id.a ADD w INT DEFAULT 5");
	$cluster->value('SELECT cdc.pull(?)', $id);
	$cluster->do('BEGIN', "SELECT * FROM cdc.apply('$id')", "SELECT * FROM cdc.apply('$id')", 'ROLLBACK', "SELECT * FROM cdc.apply('$id')");
	is(here($id, 'id, w'), at_source($id, 'id, w'), 'is settled afterwards');
};

subtest 'workers: verify and wait_for while apply fails, and a copy that comes by itself' => sub {
	my $id = subscription('{}');
	$cluster->do("SELECT cdc.enable_subscription('$id')", "ALTER TABLE $id.a ADD CONSTRAINT bad CHECK (n <> 13)");
	$source->do("UPDATE $id.a SET n = 13 WHERE id = 1");
	$cluster->poll("SELECT error_key FROM cdc.stat_table WHERE source_table = '$id.a'", '(id)=(1)');
	$cluster->do("SET statement_timeout = '20s'");
	like($cluster->error_of("SELECT * FROM cdc.verify('$id', '$id.a')"), qr/apply worker of subscription "$id" fails: .*violates check constraint/s, 'verify says so at once');
	$cluster->do('RESET statement_timeout', qq{SELECT cdc.alter_subscription('$id', '{"on_error": "table", "auto_resync": true}')});
	$cluster->poll("SELECT state FROM cdc.stat_table WHERE source_table = '$id.a'", 'e');
	like(waits($id), qr/violates check constraint.*HINT: .*retry_errors/s, 'wait_for, as no copy would mend that');
	$source->do("DELETE FROM $id.p WHERE id = 3");
	$cluster->poll("SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind = 'doubt'", 1);
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT bad");
	my $error = $cluster->error_of("SELECT cdc.wait_for('$id', timeout := '60 s')");
	$cluster->do("SELECT cdc.resync_table('$id', '$id.a')") if $error =~ /bad/;
	$cluster->catch_up($id);
	is($cluster->value("SELECT cdc.wait_for('$id', timeout := '60 s')"), 1, 'a copy comes by itself');
	is(here($id, 'id, n, v, u'), at_source($id, 'id, n, v, u'), '... and the table is equal');
	$source->do("DELETE FROM $id.p WHERE id = 2");
	$cluster->poll("SELECT count(*) FROM cdc.stat_table WHERE source_table = '$id.a' AND state = 'e' AND last_error ~ 'were deleted'", 1);
	$error = waits($id);
	like($error, qr/HINT: .*comes by itself after .*resync_table\('$id', '$id\.a'\)/s, 'the next one takes longer, which wait_for says');
};

subtest 'a copy that met a constraint comes again by itself' => sub {
	my $id = subscription('{"auto_resync": true, "on_error": "table"}');
	$cluster->do("ALTER TABLE $id.a ADD CONSTRAINT bad CHECK (n <> 13) NOT VALID");
	$source->do("UPDATE $id.a SET n = 13 WHERE id = 1");
	$cluster->do("SELECT cdc.resync_table('$id', '$id.a')", "SELECT cdc.enable_subscription('$id')");
	$cluster->poll("SELECT state FROM cdc.stat_table WHERE source_table = '$id.a'", 'e');
	like(waits($id), qr/violates check constraint.*HINT: .*comes by itself after/s, 'wait_for says when');
	is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind = 'resync'"), 0, '... not at once');
	my $later = "UPDATE cdc_catalog.subscription_table SET state_since = state_since - interval '2 minutes' WHERE subscription = '$id' AND state = 'e'";
	$cluster->do($later);
	$cluster->poll("SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind = 'resync' AND detail ~ 'bad'", 1);
	$cluster->poll("SELECT state FROM cdc.stat_table WHERE source_table = '$id.a'", 'e');
	$cluster->do("ALTER TABLE $id.a DROP CONSTRAINT bad", $later,
		"UPDATE cdc_catalog.copy_progress SET automatic_at = automatic_at - interval '2 minutes' WHERE subscription = '$id'");
	$cluster->poll("SELECT state FROM cdc.stat_table WHERE source_table = '$id.a'", 'r');
	$cluster->catch_up($id);
	is(here($id, 'id, n, v, u'), at_source($id, 'id, n, v, u'), 'once that is gone the table is equal');
};

$source->stop('KILL');
done_testing();
