# What is known of a source, and what is not: whether a binlog file that is gone was read to its end,
# answers on which nothing rests, whether the source is heard at all.
#
# Takes 80 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('heard');

sub subscribe
{
	my ($sub, $source, %server) = @_;
	$source->do("CREATE DATABASE $sub", "CREATE TABLE $sub.t (id int PRIMARY KEY, v varchar(20))", "INSERT INTO $sub.t VALUES (1, 'x')");
	$cluster->add_source($sub, $source, heartbeat_interval => '300ms', %server);
	$cluster->subscribe($sub, $sub, $sub, tables => ["$sub.*"]);
	$cluster->catch_up($sub);
	return;
}

sub disable
{
	my ($sub) = @_;
	$cluster->call('disable_subscription', name => $sub);
	$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
	return;
}

# Removes all files but the newest, of so many more.
sub purge
{
	my ($source, $files) = @_;
	$source->do('FLUSH LOGS') for 1 .. $files;
	wait_until(
		60,
		sub {
			my ($file) = $source->position =~ /^(.*):/;
			$source->do("PURGE BINARY LOGS TO '$file'");
			return @{ $source->rows('SHOW BINARY LOGS') } == 1;
		}) or CdcIngest::Cluster::give_up('the binlogs are not purged');
	return;
}

sub gap_of
{
	my ($sub) = @_;
	$cluster->poll("SELECT latched FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'", 1);
	return $cluster->value("SELECT last_sqlstate || ' ' || last_error FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'");
}

# What it says to do ends equal.
sub mended
{
	my ($sub, $source, $said, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($statement) = $said =~ /(SELECT cdc\.restart_subscription\('[^;]*)/ or return fail("$what: says what to do");
	$cluster->do($statement);
	$cluster->catch_up($sub);
	$cluster->compare_ok($source, $sub, $sub, "$what: what the hint says ends equal");
	return;
}

my $UNREAD = qr/^LG001 .*no longer in the binlog, and nothing proves that its file was read to its end/s;

subtest 'mariadb: a domain that was forgotten unread' => sub {
	plan skip_all => 'no such server' unless CdcIngest::Server->available('mariadb');
	my $source = CdcIngest::Server->new('mariadb');
	subscribe('dom', $source);
	disable('dom');
	$source->do('SET gtid_domain_id = 16', 'INSERT INTO dom.t VALUES (2, NULL), (3, NULL)', 'SET gtid_domain_id = 0');
	purge($source, 2);
	wait_until(60, sub { eval { $source->do('FLUSH BINARY LOGS DELETE_DOMAIN_ID = (16)'); 1 } || do { purge($source, 1); 0 } });
	unlike($source->value('SELECT @@global.gtid_binlog_state'), qr/16-/, 'the source knows nothing of it');
	purge($source, 1);
	$source->do(q{INSERT INTO dom.t VALUES (4, 'd0')});
	$cluster->call('enable_subscription', name => 'dom');
	my $said = gap_of('dom');
	like($said, $UNREAD, 'its rows are not passed over in silence');
	like($said, qr/A GTID domain that was deleted since is not listed any more/, '... and what may be lost is said');
	like($cluster->error_of(q{SELECT cdc.wait_for('dom', timeout := '1 s')}), qr/nothing proves/, '... by wait_for, too');
	mended('dom', $source, $said, 'dom');

	# copy_mode when_needed does so by itself
	$cluster->call('alter_subscription', name => 'dom', options => '{"copy_mode": "when_needed"}');
	disable('dom');
	$source->do(q{INSERT INTO dom.t VALUES (5, 'd0')});
	$cluster->call('enable_subscription', name => 'dom');
	$cluster->catch_up('dom');
	disable('dom');
	$source->do('SET gtid_domain_id = 17', 'INSERT INTO dom.t VALUES (6, NULL)', 'SET gtid_domain_id = 0');
	purge($source, 2);
	wait_until(60, sub { eval { $source->do('FLUSH BINARY LOGS DELETE_DOMAIN_ID = (17)'); 1 } || do { purge($source, 1); 0 } });
	purge($source, 1);
	$cluster->call('enable_subscription', name => 'dom');
	$cluster->poll(q{SELECT count(*) FROM cdc.log WHERE subscription = 'dom' AND message LIKE '%all tables are copied once more'}, 1);
	$cluster->catch_up('dom');
	$cluster->compare_ok($source, 'dom', 'dom', 'copy_mode when_needed copies once more by itself');

	# No false alarm: the file that comes behind it is there, and lists what was in it.
	disable('dom');
	purge($source, 1);
	$cluster->call('enable_subscription', name => 'dom');
	$cluster->catch_up('dom');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'dom' AND message LIKE '%all tables are copied once more'}), 1, 'a file that was read to its end is no gap');
	$cluster->call('drop_subscription', name => 'dom');
	$source->stop('KILL');
};

subtest 'mysql97: no false alarm where nothing was written' => sub {
	plan skip_all => 'no such server' unless CdcIngest::Server->available('mysql97');
	my $source = CdcIngest::Server->new('mysql97');
	subscribe('calm', $source);
	disable('calm');
	purge($source, 4);
	$source->do(q{INSERT INTO calm.t VALUES (2, 'y')});
	$cluster->call('enable_subscription', name => 'calm');
	$cluster->catch_up('calm');
	$cluster->compare_ok($source, 'calm', 'calm', 'the server tells that its gtid_mode was ON all the time: no gap');
	disable('calm');
	$source->restart;
	purge($source, 4);
	$cluster->call('enable_subscription', name => 'calm');
	my $said = gap_of('calm');
	like($said, $UNREAD, 'a server that was started again does not tell');
	# who knows that nothing was written needs no copy
	my $read = $cluster->value(q{SELECT gtid_set FROM cdc.subscription_position WHERE subscription = 'calm'});
	my $copies = $cluster->value(q{SELECT count(*) FROM calm.calm_history WHERE op = 'r'});
	$cluster->do("SELECT cdc.restart_subscription('calm', '$read', resync := false)");
	$source->do(q{INSERT INTO calm.t VALUES (3, 'z')});
	$cluster->catch_up('calm');
	$cluster->compare_ok($source, 'calm', 'calm', 'from the same place without a copy');
	is($cluster->value(q{SELECT string_agg(DISTINCT kind, ' ') FROM cdc.verify('calm')}), 'equal', '... which verify proves');
	is($cluster->value(q{SELECT count(*) FROM calm.calm_history WHERE op = 'r'}), $copies, '... none was made');
	$cluster->call('drop_subscription', name => 'calm');
	$source->stop('KILL');
};

subtest 'mysql97: GTIDs are turned on' => sub {
	plan skip_all => 'no such server' unless CdcIngest::Server->available('mysql97');
	my $source = CdcIngest::Server->new('mysql97', gtid => 0);
	subscribe('byfile', $source);
	$source->do('SET GLOBAL enforce_gtid_consistency = ON', map { "SET GLOBAL gtid_mode = $_" } qw(OFF_PERMISSIVE ON_PERMISSIVE ON));
	$source->do(q{INSERT INTO byfile.t VALUES (2, 'y')});
	is($cluster->value(q{SELECT cdc.wait_for('byfile', timeout := '30 s')}), 1, 'wait_for goes by what the subscription has');
	$cluster->compare_ok($source, 'byfile', 'byfile', '... and is true when all is there');
	$cluster->do('BEGIN', 'LOCK TABLE byfile.t IN ACCESS EXCLUSIVE MODE');
	$source->do(q{INSERT INTO byfile.t VALUES (3, 'z')});
	my $other = $cluster->connect;
	is($other->selectrow_array(q{SELECT cdc.wait_for('byfile', timeout := '1 s')}), 0, '... and not before');
	$other->disconnect;
	$cluster->do('ROLLBACK');
	is($cluster->value(q{SELECT cdc.wait_for('byfile', timeout := '30 s')}), 1, '... but then');
	$cluster->call('drop_subscription', name => 'byfile');
	$source->stop('KILL');
};

# MySQL 5.6 leaves the last column of SHOW SLAVE HOSTS out for a replica without a uuid, as those of
# MariaDB are.
subtest 'mysql56: a row without its last column' => sub {
	plan skip_all => 'no such servers' unless CdcIngest::Server->available('mysql56') && CdcIngest::Server->available('mariadb');
	my $source = CdcIngest::Server->new('mysql56', gtid => 0);
	my $replica = CdcIngest::Server->new('mariadb');
	my ($file, $offset) = split /:/, $source->position;
	$replica->do('SET GLOBAL gtid_strict_mode = OFF', "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = " . $source->port
			. ", MASTER_USER = 'root', MASTER_USE_GTID = no, MASTER_LOG_FILE = '$file', MASTER_LOG_POS = $offset", 'START SLAVE');
	wait_until(30, sub { my $rows = eval { $source->rows('SHOW SLAVE HOSTS') }; return !defined $rows || @$rows });
	subscribe('short', $source);
	$source->do(q{INSERT INTO short.t VALUES (2, 'y')});
	$cluster->catch_up('short');
	$cluster->compare_ok($source, 'short', 'short', 'a subscription goes on beside such a replica');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'short' AND detail LIKE '%as many columns%'}), 0, '... without an error');
	is($cluster->value(q{SELECT count(*) FROM cdc.check_server('short') WHERE detail LIKE '%as many columns%'}), 0, '... and check_server tells what it can');
	$cluster->call('drop_subscription', name => 'short');
	$_->stop('KILL') for $replica, $source;
};

# A lock's time is over again and again, a deadlock, another's change in the way: apply goes on waiting, and is
# not shown as failed in between.  (A trigger has errors as they come of locks that last 30 s.)
subtest 'locks that last' => sub {
	my $source = CdcIngest::Server->new('mariadb');
	subscribe('locks', $source);
	my $raises = sub {
		$cluster->do("CREATE OR REPLACE FUNCTION locks.f() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '$_[0]'; END \$\$");
	};
	$raises->('55P03');
	$cluster->do('CREATE TRIGGER f BEFORE INSERT ON locks.t FOR EACH ROW EXECUTE FUNCTION locks.f()', 'ALTER TABLE locks.t ENABLE ALWAYS TRIGGER f');
	my $n = 1;
	for my $code (qw(55P03 40P01 40001))
	{
		$raises->($code);
		my $pid = $cluster->worker_pid('locks', 'apply');
		$source->do('INSERT INTO locks.t VALUES (' . ++$n . ', NULL)');
		$cluster->poll("SELECT failures > 0 FROM cdc.stat_subscription WHERE subscription = 'locks' AND last_sqlstate = '$code'", 1);
		my (%states, %waits);
		my $end = time + 4;
		while (time < $end)
		{
			my ($state, $waits, $failures) = @{ $cluster->rows(q{SELECT state, waits_for, failures FROM cdc.stat_subscription WHERE subscription = 'locks'})->[0] };
			$states{$state}++;
			$waits{ $waits // '' }++;
			sleep 0.05;
		}
		is(join(' ', sort keys %states), $code eq '40001' ? 'error' : 'blocked', "$code: the state, at each moment");
		like(join(' ', keys %waits), qr/^apply: in the way/, '... and what it waits for') unless $code eq '40001';
		is($cluster->worker_pid('locks', 'apply'), $pid, '... it tries again by itself');
		cmp_ok($cluster->value(q{SELECT failures FROM cdc.stat_subscription WHERE subscription = 'locks'}), '<', 10, '... and not all the time');
		$cluster->do('ALTER TABLE locks.t DISABLE TRIGGER f');
		my $begun = time;
		$cluster->catch_up('locks');
		cmp_ok(time - $begun, '<', 5, '... and goes on soon when it can');
		$cluster->poll(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'locks'}, 'streaming');
		$cluster->do('ALTER TABLE locks.t ENABLE ALWAYS TRIGGER f');
	}

	# what pull fails with is not hidden by what apply waits for
	$raises->('55P03');
	$source->do('INSERT INTO locks.t VALUES (' . ++$n . ', NULL)');
	$cluster->poll(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'locks'}, 'blocked');
	$source->stop('KILL');
	$cluster->poll(q{SELECT failures > 0 FROM cdc.subscription_failure WHERE subscription = 'locks' AND worker = 'pull'}, 1);
	my %states;
	for (1 .. 30)
	{
		$states{ $cluster->value(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'locks'}) }++;
		sleep 0.05;
	}
	is(join(' ', keys %states), 'error', 'an error of pull is shown beside it');
	$cluster->call('drop_subscription', name => 'locks');
};

for my $flavour (qw(mariadb mysql97))
{
	subtest "$flavour: a source that stands still" => sub {
		plan skip_all => 'no such server' unless CdcIngest::Server->available($flavour);
		my $source = CdcIngest::Server->new($flavour);
		my $sub = "still_$flavour";
		subscribe($sub, $source, heartbeat_interval => '1s', connect_timeout => '4s');
		$cluster->poll("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'", 'streaming');
		$source->freeze;
		my (@states, $state);
		my $end = time + 30;
		do
		{
			$state = $cluster->value("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'");
			push @states, $state unless @states && $states[-1] eq $state;
			sleep 0.05;
		} until $state eq 'error' || time > $end;
		# (how soon it is an error hangs on what pull did when it fell silent)
		like("@states", qr/^streaming( blocked)? error$/, 'it is shown as waited for until the error, and never as followed');
		$source->thaw;
		$cluster->poll("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'", 'streaming');

		# and so by a server that has just been started, and has heard nothing of it
		$cluster->node->stop('fast');
		$cluster->forget;
		$source->freeze;
		$cluster->node->start;
		@states = ();
		$end = time + 30;
		do
		{
			$state = eval { $cluster->value("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'") } // 'away';
			push @states, $state unless @states && $states[-1] eq $state;
			sleep 0.05;
		} until $state eq 'error' || time > $end;
		unlike("@states", qr/streaming/, 'one that was never heard of is not followed');
		is($states[-1], 'error', '... until it is an error');
		$source->thaw;
		$cluster->poll("SELECT state FROM cdc.stat_subscription WHERE subscription = '$sub'", 'streaming');
		$cluster->call('drop_subscription', name => $sub);
		$source->stop('KILL');
	};
}

done_testing();
