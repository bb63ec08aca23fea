# What cdc.stat_subscription shows is what is: workers that wait for a lock or a standby,
# a source that is silent, quiet, away or has another time, errors that are over; and
# cdc.wait_for says at once why nothing will come.
#
# Takes 40 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;
use File::Basename qw(dirname);

my $cluster = CdcIngest::Cluster->new('truth', streaming => 1);
my $source = CdcIngest::Server->new('mariadb');
my $last = 0;

sub insert { my ($n) = @_; $source->do(map { $last++; "INSERT INTO shop.t VALUES ($last, 'v')" } 1 .. $n // 1); return }

# A row of the view.
sub stat_of { my ($sub) = @_; return $cluster->dbh->selectrow_hashref('SELECT *, extract(epoch FROM lag) AS lag_s, extract(epoch FROM oldest_unapplied) AS unapplied_s,
	extract(epoch FROM source_clock_ahead) AS ahead_s, extract(epoch FROM binlog_time_left) AS left_s FROM cdc.stat_subscription WHERE subscription = ?', undef, $sub // 's') }

# Until the condition on its columns holds; returns the row.
sub until_ok
{
	my ($what, $condition, $sub, $patience) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $row;
	my $ok = wait_until($patience // 60, sub { local $_ = $row = stat_of($sub); return $condition->() });
	ok($ok, $what) or diag(explain($row));
	return $row;
}

$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(20))', 'CREATE TABLE shop.other (id int PRIMARY KEY)');
$cluster->add_source('shop', $source, heartbeat_interval => '300ms', connect_timeout => '1s');
$cluster->subscribe('s', 'shop', 'shop', tables => ['shop.*'], options => '{"synchronous_commit": true}');
insert(5);
$cluster->catch_up('s');

subtest 'quiet' => sub {
	until_ok('a quiet source is followed', sub { $_->{state} eq 'streaming' && $_->{state_code} == 0 && $_->{lag_s} == 0 && defined $_->{bytes_behind} && $_->{bytes_behind} == 0 });
	my $pause = time + 2;
	my ($worst_lag, $worst_silence) = (0, 0);
	while (time < $pause)
	{
		my $row = stat_of();
		$worst_lag = $row->{lag_s} if $row->{lag_s} > $worst_lag;
		$worst_silence = $row->{seconds_since_message} if $row->{seconds_since_message} > $worst_silence;
		sleep 0.1;
	}
	cmp_ok($worst_lag, '<', 1, 'its lag does not grow');
	cmp_ok($worst_silence, '<', 2, 'heartbeats are seen');
	my $row = stat_of();
	is_deeply([ @$row{qw(last_error waits_for blocked_by oldest_unapplied)} ], [ undef, undef, undef, undef ], 'nothing is shown that is not');
	cmp_ok($row->{bytes_kept}, '>', 100, 'the bytes of the binlog before the position');
	is($row->{left_s}, undef, 'a binlog that is kept for ever has no time left');
};

subtest 'apply blocked' => sub {
	my $other = $cluster->connect;
	my $pid = $other->selectrow_array('SELECT pg_backend_pid()');
	$other->do('BEGIN');
	$other->do('LOCK shop.t IN ACCESS EXCLUSIVE MODE');
	insert(1);
	my $row = until_ok('blocked', sub { $_->{state} eq 'blocked' });
	is($row->{state_code}, 4, 'as a number');
	like($row->{waits_for}, qr/^apply waits: RowExclusiveLock on relation shop\.t, held by process $pid of \w+ \(idle in transaction, its query began 20\d\d-/, 'which lock, who, since when');
	is_deeply($row->{blocked_by}, [$pid], 'the process');
	cmp_ok($row->{unapplied_s}, '>', 0.9, 'the age of what is not applied');
	insert(1);
	my $younger = until_ok('... grows', sub { $_->{unapplied_s} > $row->{unapplied_s} + 1 });
	cmp_ok($younger->{lag_s}, '>=', $younger->{unapplied_s} - 0.5, 'lag is no less');
	cmp_ok($younger->{lag_s}, '<', 30, '... nor the time since another commit');
	is($younger->{last_error}, undef, 'that is no error');
	$other->do('COMMIT');
	my $began = time;
	ok(wait_until(20, sub { $cluster->value('SELECT count(*) FROM shop.t') == $last }, 0.02), 'all is there when it is free');
	cmp_ok(time - $began, '<', 3, 'at once');
	until_ok('streaming again', sub { $_->{state} eq 'streaming' && !defined $_->{waits_for} && $_->{lag_s} < 2 });
};

subtest 'pull blocked' => sub {
	my $history = $cluster->history_of('s');
	my $other = $cluster->connect;
	my $pid = $other->selectrow_array('SELECT pg_backend_pid()');
	$other->do('BEGIN');
	$other->do("LOCK $history IN ACCESS EXCLUSIVE MODE");
	insert(2);
	my $row = until_ok('blocked', sub { $_->{state} eq 'blocked' });
	like($row->{waits_for}, qr/pull waits: \w+Lock on relation shop\.s_history\w*, held by process $pid/, 'by whom');
	until_ok('its lag grows', sub { $_->{lag_s} > 2 });
	$other->do('COMMIT');
	my $began = time;
	ok(wait_until(20, sub { $cluster->value('SELECT count(*) FROM shop.t') == $last }, 0.02), 'all is there when it is free');
	cmp_ok(time - $began, '<', 3, 'at once');
	until_ok('streaming again', sub { $_->{state} eq 'streaming' && $_->{lag_s} < 2 });
};

subtest 'standby away' => sub {
	$cluster->do(q{ALTER SYSTEM SET synchronous_standby_names = 'nobody'}, 'SELECT pg_reload_conf()');
	$cluster->poll('SHOW synchronous_standby_names', 'nobody');
	insert(1);
	my $row = until_ok('blocked', sub { $_->{state} eq 'blocked' });
	like($row->{waits_for}, qr/pull waits: a synchronous standby is to confirm/, 'by a standby that is away');
	until_ok('its lag grows', sub { $_->{lag_s} > 2 });
	$cluster->do(q{ALTER SYSTEM RESET synchronous_standby_names}, 'SELECT pg_reload_conf()');
	my $began = time;
	ok(wait_until(20, sub { $cluster->value('SELECT count(*) FROM shop.t') == $last }, 0.02), 'all is there when it is not needed');
	cmp_ok(time - $began, '<', 3, 'at once');
	until_ok('streaming again', sub { $_->{state} eq 'streaming' && $_->{lag_s} < 2 });
};

subtest 'source frozen' => sub {
	# Of another subscription the next look at the source is due when a heartbeat is missing.
	$cluster->add_source('slow', $source, heartbeat_interval => '3s', connect_timeout => '1s');
	$cluster->subscribe('slow', 'slow', 'slow', tables => ['shop.other']);
	$cluster->catch_up('slow');
	$cluster->poll(q{SELECT clock_timestamp() - source_asked_at BETWEEN '5 s' AND '8 s' FROM cdc.stat_subscription WHERE subscription = 'slow'}, 1);
	$source->freeze;
	my $row = until_ok('seconds without a message, and a lag by them', sub { $_->{seconds_since_message} > 0.8 && $_->{lag_s} > 0.8 });
	$row = until_ok('then an error', sub { $_->{state} eq 'error' });
	like($row->{last_error}, qr/^pull: .*(?:could not connect|heartbeats|has not answered)/s, '... that says why');
	like($row->{last_sqlstate}, qr/^08/, 'a code for programs');
	is($row->{state_code}, 5, 'as a number');
	my $seconds = $row->{seconds_since_message};
	my $slow = until_ok('three heartbeats, and a try to connect again, are enough', sub { $_->{state} eq 'error' }, 'slow');
	unlike($slow->{last_error}, qr/has not answered/, '... as a source that is silent is not asked anything');
	$row = until_ok('the time since the last message survives the worker', sub { $_->{seconds_since_message} > $seconds + 2 && $_->{lag_s} > 3 && $_->{failures} > 1 });
	like($cluster->error_of(q{SELECT cdc.wait_for('s', '0-1-1')}), qr/the pull worker of subscription "s" fails: .*failures in a row/s, 'wait_for says so instead of true or waiting');
	$source->thaw;
	$cluster->call('drop_subscription', name => 'slow', drop_history => \'true');
	insert(1);
	$cluster->catch_up('s');
	$row = until_ok('an error that is over is not shown', sub { $_->{state} eq 'streaming' && !defined $_->{last_error} && !defined $_->{last_error_at} && $_->{failures} == 0 });
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 's' AND kind = 'error' AND message LIKE 'pull has got over its error 08%' AND detail LIKE '%in a row, the last one at 20%'}) > 0, 1, '... but stands in cdc.log');
};

subtest 'source away, wrong password' => sub {
	$source->stop('KILL');
	my $row = until_ok('away', sub { $_->{state} eq 'error' && $_->{last_sqlstate} =~ /^08/ });
	cmp_ok($row->{seconds_since_message}, '<', 60, 'since when');
	$source->start;
	$source->do("ALTER USER cdc\@'127.0.0.1' IDENTIFIED BY 'another'");
	$row = until_ok('wrong password', sub { $_->{state} eq 'error' && $_->{last_sqlstate} eq '28000' });
	like($cluster->error_of(q{SELECT cdc.wait_for('s', '0-1-1', '1 min')}), qr/the pull worker of subscription "s" fails: .*refused/s, 'wait_for says so at once');
	$source->do("SET PASSWORD FOR cdc\@'127.0.0.1' = PASSWORD(" . $source->dbh->quote($CdcIngest::Server::CDC_PASSWORD) . ')');
	$cluster->do(q{SELECT cdc.enable_subscription('s')});
	$cluster->catch_up('s');
	until_ok('both are over', sub { $_->{state} eq 'streaming' && !defined $_->{last_error} });
};

subtest 'a table in error, disabled' => sub {
	$cluster->do(q{UPDATE cdc_catalog.subscription_table SET state = 'e', last_error = 'broken' WHERE source_table = 'shop.other'});
	my $row = until_ok('streaming, but for a table', sub { $_->{state} eq 'streaming' && $_->{state_code} == 1 && $_->{tables_in_error} == 1 });
	is_deeply($cluster->rows(q{SELECT source_table, state, state_code, last_error FROM cdc.stat_table WHERE subscription = 's' ORDER BY 1}),
		[ [ 'shop.other', 'e', 5, 'broken' ], [ 'shop.t', 'r', 0, undef ] ], 'stat_table');
	$cluster->do(q{SELECT cdc.resync_table('s', 'shop.other')});
	$cluster->catch_up('s');
	$cluster->do(q{SELECT cdc.disable_subscription('s')});
	until_ok('disabled', sub { $_->{state} eq 'disabled' && $_->{state_code} == 7 && !defined $_->{pull_pid} });
	insert(1);
	my $began = time;
	like($cluster->error_of(q{SELECT cdc.wait_for('s')}), qr/subscription "s" is disabled.*enable_subscription\('s'\)/s, 'wait_for');
	cmp_ok(time - $began, '<', 5, '... at once');
	is($cluster->value(q{SELECT cdc.wait_for('s', timeout := '0')}), 0, '... unless it is only to look');
	is($cluster->value(q{SELECT cdc.wait_for('s', '0-1-1')}), 1, '... and what is there is there');
	until_ok('its lag grows', sub { $_->{lag_s} > 1 });
	$cluster->do(q{SELECT cdc.enable_subscription('s')});
	$cluster->catch_up('s');
};

subtest 'no worker is free' => sub {
	$cluster->do(q{ALTER SYSTEM SET cdc_ingest.max_workers_per_database = 2}, 'SELECT pg_reload_conf()');
	$cluster->poll('SHOW cdc_ingest.max_workers_per_database', 2);
	$cluster->subscribe('late', 'shop', 'late', tables => ['shop.t']);
	my $row = until_ok('no slot', sub { $_->{state} eq 'error' && $_->{last_sqlstate} eq '53400' }, 'late');
	like($row->{last_error}, qr/as many workers as it may have, 2.*max_workers_per_database/s, 'with what to do');
	like($cluster->error_of(q{SELECT cdc.wait_for('late')}), qr/worker of subscription "late" fails: .*as many workers/s, 'wait_for');
	is(stat_of()->{state}, 'streaming', 'the other has its own');
	for my $kind (qw(pull apply))
	{
		$cluster->value("SELECT pg_terminate_backend(${kind}_pid) FROM cdc.stat_subscription WHERE subscription = 's'");
		my $both = until_ok("... and gets it back when its $kind ends", sub { $_->{state} eq 'streaming' && $_->{pull_pid} && $_->{apply_pid} && $_->{failures} == 0 });
		is(stat_of('late')->{pull_pid}, undef, '... nobody took it in between');
	}
	$cluster->do(q{ALTER SYSTEM RESET cdc_ingest.max_workers_per_database}, 'SELECT pg_reload_conf()', q{SELECT cdc.enable_subscription('late')});
	$cluster->catch_up('late');
	until_ok('a slot', sub { $_->{state} eq 'streaming' && !defined $_->{last_error} }, 'late');
	$cluster->call('drop_subscription', name => 'late');
};

subtest 'in a copy' => sub {
	$source->do('CREATE TABLE shop.numbers (id int PRIMARY KEY, v varchar(100))', "INSERT INTO shop.numbers SELECT seq, repeat('x', 90) FROM shop.seq_1_to_300000");
	$cluster->subscribe('copies', 'shop', 'copies', tables => ['shop.numbers'], options => '{"copy_chunk_time": "20ms"}', history => 'public.copies_history');
	my $other = $cluster->connect;
	until_ok('copying', sub { $_->{state} eq 'copying' && $_->{state_code} == 2 && $_->{events} > 0 }, 'copies');
	$other->do('BEGIN');
	$other->do('LOCK public.copies_history IN ACCESS EXCLUSIVE MODE');
	my $row = until_ok('blocked', sub { $_->{state} eq 'blocked' }, 'copies');
	like($row->{waits_for}, qr/relation copies_history\w*, held by process/, 'by whom');
	$other->do('COMMIT');
	$cluster->catch_up('copies');
	until_ok('streaming', sub { $_->{state} eq 'streaming' }, 'copies');
	$cluster->call('drop_subscription', name => 'copies');
};

subtest 'binlogs that are removed soon' => sub {
	$source->do('SET GLOBAL expire_logs_days = 10');
	$cluster->do(q{SELECT cdc.disable_subscription('s')});
	$cluster->poll(q{SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = 's'}, 1);
	$cluster->do(q{SELECT cdc.enable_subscription('s')});
	my $row = until_ok('the time that is left', sub { ($_->{left_s} // 0) > 10 * 86400 - 60 });
	cmp_ok($row->{left_s}, '<=', 10 * 86400, 'no more than binlogs are kept');
	$cluster->do(q{SELECT cdc.disable_subscription('s')});
	until_ok('also while it is disabled', sub { !defined $_->{pull_pid} && ($_->{left_s} // 0) > 10 * 86400 - 60 && $_->{left_s} < 10 * 86400 - 1 });
	# as if nothing was read for days
	$source->do('FLUSH LOGS');
	$source->do("SET STATEMENT timestamp = UNIX_TIMESTAMP() - 9 * 86400 FOR INSERT INTO shop.t VALUES (1000000, 'old')");
	$source->do('FLUSH LOGS');
	$cluster->value(q{SELECT cdc.pull('s', 1)});
	$source->do("SET STATEMENT timestamp = UNIX_TIMESTAMP() - 8 * 86400 FOR INSERT INTO shop.t VALUES (1000001, 'old')");
	$cluster->do(q{SELECT cdc.enable_subscription('s')});
	$cluster->poll(q{SELECT count(*) FROM cdc.log WHERE subscription = 's' AND kind = 'retention'}, 1);
	like(PostgreSQL::Test::Utils::slurp_file($cluster->node->logfile), qr/WARNING:  the source of subscription "s" may soon remove the binlog that pull has come to/, 'the administrator is warned');
	$cluster->catch_up('s');
	$source->do('SET GLOBAL expire_logs_days = 0');
};

# --- clocks that are 30 hours apart
my $shim = "/tmp/cdc-shift-clock-$$.so";
END { unlink $shim if defined $shim }
SKIP:
{
	skip 'no compiler', 2 if system('cc', '-O1', '-shared', '-fPIC', '-o', $shim, dirname($INC{'CdcIngest/Cluster.pm'}) . '/shift_clock.c', '-ldl') != 0;
	for my $case ([ ahead => 108000 ], [ behind => -108000 ])
	{
		my ($id, $shift) = @$case;
		subtest "clock $id" => sub {
			my $far = do { local @ENV{qw(LD_PRELOAD CDC_TEST_CLOCK_SHIFT)} = ($shim, $shift); CdcIngest::Server->new('mariadb') };
			$far->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.t VALUES (1, 'v')});
			cmp_ok(abs($far->value('SELECT UNIX_TIMESTAMP()') - time - $shift), '<', 60, 'its clock');
			$cluster->add_source($id, $far, heartbeat_interval => '300ms');
			$cluster->subscribe($id, $id, $id, tables => ['shop.*']);
			$cluster->catch_up($id);
			my $row = until_ok('what it is ahead', sub { defined $_->{ahead_s} && abs($_->{ahead_s} - $shift) < 60 }, $id);
			my $worst = 0;
			for my $n (2 .. 20)
			{
				$far->do("INSERT INTO shop.t VALUES ($n, 'v')");
				$row = stat_of($id);
				$worst = $row->{lag_s} if $row->{lag_s} > $worst;
				sleep 0.05;
			}
			cmp_ok($worst, '<', 5, 'is no lag');
			my $other = $cluster->connect;
			$other->do('BEGIN');
			$other->do("LOCK $id.t IN ACCESS EXCLUSIVE MODE");
			$far->do(q{INSERT INTO shop.t VALUES (100, 'v')});
			$row = until_ok('a lag is one', sub { $_->{state} eq 'blocked' && $_->{unapplied_s} > 2 && $_->{lag_s} > 2 }, $id);
			cmp_ok($row->{lag_s}, '<', 30, '... of its size');
			$other->do('COMMIT');
			$cluster->catch_up($id);
			$cluster->call('drop_subscription', name => $id);
			$far->stop('KILL');
		};
	}
}

done_testing();
