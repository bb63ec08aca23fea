# SIGKILL of the pull worker, the apply worker and of a session in cdc.pull, under
# load.  PostgreSQL answers each by ending all sessions and recovering.
use strict;
use warnings;

use Test::More;
use CdcIngest::Scenario;
use CdcIngest::Process qw(wait_until);

my $s = CdcIngest::Scenario->new('mariadb', cluster => { conf => "restart_after_crash = on\n" });
my $cluster = $s->cluster;
$s->watch;
$s->flows;

for my $kind (qw(pull apply pull apply))
{
	my $pid = $cluster->worker_pid('bank', $kind);
	is(kill('KILL', $pid), 1, "SIGKILL of the $kind worker");
	my $new;
	ok( wait_until(
			60,
			sub {
				$new = eval { $cluster->worker_pid('bank', $kind) };
				return $new && $new != $pid;
			}),
		'another one was started');
	$s->flows;
	$s->applies;
}

# A session that pulls by itself.  With the workers off it is the only writer.
$cluster->call('disable_subscription', name => 'bank');
for my $round (1 .. 3)
{
	my $started = $cluster->value('SELECT pg_postmaster_start_time()');
	my $session = $cluster->connect;
	my $pid = $session->{pg_pid};
	my $child = CdcIngest::Process::fork_child(
		sub {
			my $mine = $cluster->connect(db => 'postgres');
			$mine->do("SET application_name = 'puller $round'");
			1 while eval { $mine->do("SELECT cdc.pull('bank', max_events := 100)"); 1 };
		});
	my $victim;
	wait_until(60, sub { $victim = $cluster->value(
				"SELECT pid FROM pg_stat_activity WHERE application_name = 'puller $round' AND query LIKE '%cdc.pull%'") });
	$s->flows(300);
	ok($victim, 'a session pulls');
	is(kill('KILL', $victim), 1, 'SIGKILL of it');
	CdcIngest::Process::reap($child, 60);
	ok(wait_until(60, sub { eval { $cluster->dbh; $cluster->value('SELECT 1') } }), 'the database is there again');
}
$cluster->call('enable_subscription', name => 'bank');
$s->finish('after SIGKILL');
done_testing();
