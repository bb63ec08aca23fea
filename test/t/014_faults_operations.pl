# What operators do under load: rotate the binlog, disable and enable, pull and
# apply in several sessions at once.
#
# Takes 30 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Scenario;
use CdcIngest::Process qw(fork_child reap end_process wait_until);

my $cluster = CdcIngest::Cluster->new('main');
for my $case ([ 'mariadb', 1 ], [ 'mysql56', 0 ])
{
	my ($flavour, $gtid) = @$case;
	my $s = CdcIngest::Scenario->new($flavour, with => $cluster, sub => $flavour, source => { gtid => $gtid });
	my $sub = $s->sub_name;
	$s->watch;

	for (1 .. 10) { $s->flows(50); $s->source->do('FLUSH LOGS') }
	$s->flows;
	like($cluster->value("SELECT file FROM cdc.subscription_position WHERE subscription = '$sub'"),
		qr/\.0000(?:0[89]|1\d)$/, 'the stream followed the rotations');

	for (1 .. 5)
	{
		$s->flows(50);
		$cluster->call('disable_subscription', name => $sub);
		$cluster->poll("SELECT count(pull_pid) + count(apply_pid) FROM cdc.stat_subscription WHERE subscription = '$sub'", 0);
		my $seq = $cluster->value("SELECT last_seq FROM cdc.subscription_position WHERE subscription = '$sub'");
		my $before = $s->source->value('SELECT max(id) FROM bank.movement');
		wait_until(30, sub { $s->source->value('SELECT max(id) FROM bank.movement') > $before + 20 });
		is($cluster->value("SELECT last_seq FROM cdc.subscription_position WHERE subscription = '$sub'"),
			$seq, 'a disabled subscription stands still');
		$cluster->call('enable_subscription', name => $sub);
	}
	$s->flows;

	# Three sessions in cdc.pull and two in cdc.apply, the workers beside them.
	my @sessions = map {
		my $call = $_;
		fork_child(
			sub {
				my ($stop, $dbh) = (0, $cluster->connect);
				local $SIG{TERM} = sub { $stop = 1 };
				$dbh->do("SELECT cdc.$call('$sub', max_events := 300)") while !$stop;
			});
	} qw(pull pull pull apply apply);
	$s->flows(3000);
	$s->applies(1000);
	for my $pid (@sessions)
	{
		kill 'TERM', $pid;
		is(reap($pid, 60), 0, 'a session beside the workers had no error');
	}
	$s->finish($flavour);
	$cluster->call('drop_subscription', name => $sub);
	$s->source->kill9;
}

# Two sessions that pull without workers: the second waits for the first and
# finds nothing left to do twice.
my $s = CdcIngest::Scenario->new('mariadb', with => $cluster, sub => 'manual',
	subscription => { enabled => \'false' });
$cluster->value("SELECT cdc.pull('manual')");
$s->stop_load;
my ($first, $second) = map { $cluster->connect } 1 .. 2;
$s->source->do("INSERT INTO bank.movement (source, target, amount) VALUES (1, 2, 0), (3, 4, 0)");
$first->begin_work;
my ($n) = $first->selectrow_array(q{SELECT cdc.pull('manual')});
cmp_ok($n, '>=', 2, 'the first session pulls');
# Who waits for it can be cancelled.
like($cluster->error_of(q{SET statement_timeout = '200ms'; SELECT cdc.pull('manual')}), qr/statement timeout/,
	'the wait for the other session obeys statement_timeout');
$cluster->do('RESET statement_timeout');
require DBD::Pg;
my $waiting = $second->do(q{SELECT cdc.pull('manual')}, { pg_async => DBD::Pg::PG_ASYNC() });
$cluster->poll('SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND pid = ' . $second->{pg_pid}, 1);
$first->commit;
$second->pg_result;
is($cluster->value(q{SELECT count(*) FROM (SELECT cdc.pull('manual')) p(n) WHERE n = 0}), 1, 'nothing is left');
$s->{load} = undef;
$cluster->value(q{SELECT count(*) FROM cdc.apply('manual')});
$cluster->compare_ok($s->source, 'bank', 'manual', 'two sessions by turns');
$cluster->history_ok('manual');
done_testing();
