# From inside of a pull or an apply, and beside them: triggers of the owner that take away
# what is at work, an owner's open transaction, a database that is dropped.  None of them
# brings the server down, loses or doubles an event, or holds others up.
use strict;
use warnings;

use Test::More;
use PostgreSQL::Test::Utils;
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::KafkaMock;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
my $mock = CdcIngest::KafkaMock->new(brokers => 1);
my $cluster = CdcIngest::Cluster->new('inside');
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))');
$mock->topic($_, 1) for qw(t other);
$cluster->add_source('shop', $source);
$cluster->do("CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '" . $mock->bootstrap . "')", 'CREATE SCHEMA r');
$cluster->call('create_subscription', name => 'b', server => 'shop', tables => ['shop.*'], target_schema => 'r', history => 'r.b_h', enabled => \'false');
$cluster->call('create_subscription', name => 'k', server => 'bus', topics => ['t'], format => 'json', history => 'r.k_h', enabled => \'false',
	start_position => 'earliest');
my $started = $cluster->value('SELECT pg_postmaster_start_time()::text');

my $id = 0;
my %send = (
	b => sub { $id++; $source->do("INSERT INTO shop.a VALUES ($id, 'x')") },
	k => sub { $id++; $mock->produce('t', [ [ undef, qq({"id":$id}) ] ]) });
my %rows = (b => q{SELECT count(*) FROM r.b_h WHERE op = 'c'}, k => 'SELECT count(*) FROM r.k_h');
for my $sub (qw(b k))
{
	$send{$sub}->();
	cmp_ok($cluster->value("SELECT cdc.pull('$sub')"), '>', 0, "$sub: a first pull, whose stream stays open");
}
$cluster->do(q{SELECT * FROM cdc.apply('b')});

# The trigger's calls, each undone; what came of them is kept.
$cluster->do('CREATE TABLE r.calls (sql text)', 'CREATE TABLE r.said (sql text, state text, message text)', q{CREATE FUNCTION r.inside() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE c text;
	BEGIN
		FOR c IN SELECT sql FROM r.calls LOOP
			BEGIN
				EXECUTE c;
				RAISE EXCEPTION 'undone' USING ERRCODE = 'P0009';
			EXCEPTION WHEN OTHERS THEN
				INSERT INTO r.said VALUES (c, SQLSTATE, SQLERRM);
			END;
		END LOOP;
		RETURN NEW;
	END $$}, q{CREATE FUNCTION r.plain() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE c text;
	BEGIN
		FOR c IN SELECT sql FROM r.calls LOOP EXECUTE c; END LOOP;
		RETURN NEW;
	END $$});

sub calls
{
	my (@calls) = @_;
	$cluster->do('TRUNCATE r.calls', 'TRUNCATE r.said');
	$cluster->do('INSERT INTO r.calls VALUES (' . $cluster->dbh->quote($_) . ')') for @calls;
	return;
}

# What a trigger on the history must not do: all of it is refused, undone or not.
my %refused = (
	b => [ q{SELECT cdc.drop_subscription('b')}, q{SELECT cdc.drop_subscription('b', true)}, q{SELECT cdc.pull('b')},
		q{SELECT cdc.set_position('b', 'latest')}, q{SELECT cdc.add_table('b', 'shop.z')}, q{SELECT cdc.remove_table('b', 'shop.a')},
		'DROP SERVER shop CASCADE', 'DROP TABLE r.a CASCADE',
		q{DO $x$BEGIN PERFORM cdc.drop_subscription('b'); PERFORM cdc.create_subscription('b', 'nowhere', tables := '{x.*}'); END$x$} ],
	k => [ q{SELECT cdc.drop_subscription('k')}, q{SELECT cdc.pull('k')}, q{SELECT cdc.set_position('k', 'earliest')},
		q{SELECT cdc.add_topic('k', 'other')}, q{SELECT cdc.remove_topic('k', 't')}, 'DROP SERVER bus CASCADE' ]);
for my $sub (qw(b k))
{
	for my $when ('BEFORE', 'AFTER')
	{
		$cluster->do("CREATE TRIGGER inside $when INSERT ON r.${sub}_h FOR EACH ROW EXECUTE FUNCTION r.inside()");
		calls(@{ $refused{$sub} });
		my $before = $cluster->value($rows{$sub});
		$send{$sub}->() for 1 .. 2;
		is($cluster->value("SELECT cdc.pull('$sub')"), 2, "$sub, $when INSERT: the pull goes on");
		is($cluster->value($rows{$sub}) - $before, 2, '... and wrote what it read');
		is($cluster->value("SELECT string_agg(DISTINCT state || ' ' || message, '; ') FROM r.said"), qq(55006 subscription "$sub" is being pulled in this session),
			'... what it would have died of is refused') or diag(explain($cluster->rows('SELECT * FROM r.said')));
		is($cluster->value('SELECT count(DISTINCT sql) FROM r.said'), scalar @{ $refused{$sub} }, '... each call');
		is($cluster->value("SELECT cdc.pull('$sub')"), 0, '... nothing comes twice');
		$cluster->do("DROP TRIGGER inside ON r.${sub}_h");
	}
	# and where nobody catches the error
	$cluster->do("CREATE TRIGGER plain BEFORE INSERT ON r.${sub}_h FOR EACH ROW EXECUTE FUNCTION r.plain()");
	$send{$sub}->();
	for my $call (@{ $refused{$sub} })
	{
		calls($call);
		like($cluster->error_of("SELECT cdc.pull('$sub')"), qr/being pulled in this session/, "$sub: $call");
	}
	calls();
	is($cluster->value("SELECT cdc.pull('$sub')"), 1, '... and what it was about is pulled later');
	$cluster->do("DROP TRIGGER plain ON r.${sub}_h");
}
is($cluster->value('SELECT count(*) FROM (SELECT position FROM r.k_h GROUP BY 1 HAVING count(*) > 1) d'), 0, 'no message is in the history twice');

# What does not touch the stream is allowed, and so is another subscription's.
$cluster->do('CREATE TRIGGER inside AFTER INSERT ON r.k_h FOR EACH ROW EXECUTE FUNCTION r.inside()');
calls(q{SELECT cdc.pull('b')}, q{SELECT cdc.alter_subscription('k', '{"batch_events": 7}')}, q{SELECT cdc.disable_subscription('k')});
$send{$_}->() for qw(b k);
is($cluster->value(q{SELECT cdc.pull('k')}), 1, 'a pull in which another one is undone');
is($cluster->value(q{SELECT string_agg(DISTINCT state, ' ') FROM r.said}), 'P0009', '... which was allowed');
is($cluster->value(q{SELECT cdc.pull('b')}), 1, '... and is done later');
$cluster->do('DROP TRIGGER inside ON r.k_h');

# A history with a trigger is written by other statements than one without: the rows are the same,
# where batches have the same value in all rows and where one row differs.
$source->do('CREATE TABLE shop.c (id int PRIMARY KEY)');
$cluster->call('create_subscription', name => 'd', server => 'shop', tables => ['shop.*'], target_schema => 'r2', history => 'r.d_h', enabled => \'false', copy_data => \'false');
$cluster->value("SELECT cdc.pull('$_')") for qw(b d);
my %from = map { $_ => $cluster->value("SELECT last_seq FROM cdc.stat_subscription WHERE subscription = '$_'") } qw(b d);
$cluster->do('CREATE TRIGGER counts BEFORE INSERT ON r.b_h FOR EACH ROW EXECUTE FUNCTION r.plain()');
calls();
$source->do('INSERT INTO shop.a SELECT seq, NULL FROM shop.seq_100001_to_101300', 'BEGIN', 'INSERT INTO shop.c SELECT seq FROM shop.seq_1_to_1700',
	q{UPDATE shop.a SET v = 'y' WHERE id > 100000}, 'INSERT INTO shop.c VALUES (5000)', 'INSERT INTO shop.a SELECT seq, v FROM shop.seq_200001_to_200300 JOIN shop.a ON id = 100001',
	'COMMIT', 'DELETE FROM shop.c');
$cluster->value("SELECT cdc.pull('$_')") for qw(b d);
my %written = map { $_ => "(SELECT source_ts, source_table, op, position, gtid, event::text, raw, commit, key::text FROM r.${_}_h WHERE seq > $from{$_})" } qw(b d);
is($cluster->value("SELECT count(*) FROM $written{b} x WHERE op IN ('c', 'u', 'd')"), 1300 * 2 + 1700 * 2 + 302, 'large batches past a trigger');
is($cluster->value("SELECT count(*) FROM (($written{b} EXCEPT ALL $written{d}) UNION ALL ($written{d} EXCEPT ALL $written{b})) x"), 0,
	'... are what is written without');
$cluster->do('DROP TRIGGER counts ON r.b_h');
$cluster->value(q{SELECT cdc.drop_subscription('d', true)});

# A nested call from two levels down, by way of another subscription.
$cluster->do('CREATE TRIGGER plain AFTER INSERT ON r.k_h FOR EACH ROW EXECUTE FUNCTION r.plain()',
	q{CREATE FUNCTION r.back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM cdc.pull('k'); RETURN NEW; END $$},
	'CREATE TRIGGER back AFTER INSERT ON r.b_h FOR EACH ROW EXECUTE FUNCTION r.back()');
calls(q{SELECT cdc.pull('b')});
$send{$_}->() for qw(b k);
like($cluster->error_of(q{SELECT cdc.pull('k')}), qr/subscription "k" is being pulled in this session/, 'in a circle');
$cluster->do('DROP TRIGGER plain ON r.k_h', 'DROP TRIGGER back ON r.b_h');
is($cluster->value("SELECT cdc.pull('$_')"), 1, "... $_ goes on behind it") for qw(b k);

# Subtransactions of the caller.
my $dbh = $cluster->connect;
$send{$_}->() for qw(b k);
$dbh->begin_work;
for my $sub (qw(b k))
{
	$dbh->do("SAVEPOINT s; SELECT cdc.pull('$sub'); ROLLBACK TO s; SELECT cdc.drop_subscription('$sub'); ROLLBACK TO s");
	is($dbh->selectrow_array("SELECT cdc.pull('$sub')"), 1, "$sub: pulled after a pull and a drop that were undone");
}
$dbh->commit;

# --- inside of an apply
$cluster->do('CREATE TRIGGER inside BEFORE INSERT ON r.a FOR EACH ROW EXECUTE FUNCTION r.inside()', 'ALTER TABLE r.a ENABLE ALWAYS TRIGGER inside');
calls(my @calls = (q{SELECT count(*) FROM cdc.apply('b')}, q{SELECT cdc.drop_subscription('b')}, q{SELECT cdc.remove_table('b', 'shop.a')}, 'DROP SERVER shop CASCADE'));
$send{b}->();
$cluster->value(q{SELECT cdc.pull('b')});
$cluster->do(q{SELECT * FROM cdc.apply('b')});
is($cluster->value("SELECT string_agg(DISTINCT state || ' ' || message, '; ') FROM r.said"), '55006 subscription "b" is being applied in this session', 'apply: likewise')
  or diag(explain($cluster->rows('SELECT * FROM r.said')));
is($cluster->value('SELECT count(DISTINCT sql) FROM r.said'), scalar @calls, '... each call');
$cluster->do('DROP TRIGGER inside ON r.a');
is($cluster->value('SELECT count(*) FROM r.a'), $source->dbh->selectrow_array('SELECT count(*) FROM shop.a'), '... all rows are there');

# A worker's trigger does not end its own worker either.
$cluster->do('CREATE TRIGGER inside AFTER INSERT ON r.b_h FOR EACH ROW EXECUTE FUNCTION r.inside()');
calls(q{SELECT cdc.drop_subscription('b')});
$cluster->do(q{SELECT cdc.enable_subscription('b')});
$cluster->catch_up('b');
my $pid = $cluster->worker_pid('b', 'pull');
$send{b}->();
$cluster->catch_up('b');
is($cluster->worker_pid('b', 'pull'), $pid, 'a worker whose trigger would drop its subscription goes on');
is($cluster->value('SELECT state FROM r.said LIMIT 1'), '55006', '... as that is refused');
$cluster->do('DROP TRIGGER inside ON r.b_h');
is($cluster->value('SELECT pg_postmaster_start_time()::text'), $started, 'the server did not go down');

sub logged
{
	my ($what) = @_;
	my $log = $cluster->node->logfile;
	wait_until($CdcIngest::Cluster::PATIENCE, sub { slurp($log) =~ $what }) or CdcIngest::Cluster::give_up("$what is not in the log:\n" . slurp($log));
	return;
}

# --- an owner who drops his subscription and does not commit
my $open = $cluster->connect;
$open->begin_work;
$open->do(q{SELECT cdc.drop_subscription('b')});
logged(qr/the pull worker of subscription "b" is not started as somebody has locked the subscription/);
$cluster->call('create_subscription', name => 'later', server => 'shop', tables => ['shop.*'], history => 'r.later_h', copy_data => \'false');
$cluster->poll(q{SELECT pull_pid IS NOT NULL FROM cdc.stat_subscription WHERE subscription = 'later'}, 1);
$cluster->catch_up('later');
pass('a subscription that is being dropped does not keep the supervisor from another one');
$cluster->poll(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cdc_ingest supervisor' AND wait_event_type = 'Lock'}, 0);
pass('... which looks for it from time to time, and does not wait');
$open->rollback;
$send{b}->();
$cluster->catch_up('b');
pass('after the rollback its workers come back');

# --- a database that is dropped while its supervisor is at work
$cluster->do('CREATE DATABASE two');
my $two = bless { node => $cluster->node, db => 'two' }, 'CdcIngest::Cluster';
$two->do('CREATE EXTENSION cdc_ingest');
$two->add_source('shop', $source);
$two->call('create_subscription', name => 'two', server => 'shop', tables => ['shop.*'], copy_data => \'false');
$two->catch_up('two');
$two->forget;
$cluster->do('DROP DATABASE two WITH (FORCE)');
logged(qr/cdc_ingest supervisor ends as its database was dropped/);
unlike(slurp($cluster->node->logfile), qr/FATAL:  database \d+ does not exist/, 'the supervisor of a dropped database ends for good');
$send{b}->();
$cluster->catch_up('b');
is($cluster->value('SELECT pg_postmaster_start_time()::text'), $started, 'all without a restart of the server');

done_testing();
