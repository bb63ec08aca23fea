# A connection cut in the middle of an event; a source that stops answering
# without closing anything; a source that refuses connections.
#
# Runs without load: a link counts as dead after three seconds.
# Takes 45 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Scenario;
use CdcIngest::Process qw(wait_until);

my $seed = $ENV{CDC_TEST_SEED} // time;
srand $seed;
note "CDC_TEST_SEED=$seed";

# A heartbeat each second: a dead link is known after three.
my $s = CdcIngest::Scenario->new('mariadb', proxy => 1, server => { heartbeat_interval => '1s' });
my ($cluster, $proxy, $source) = ($s->cluster, $s->proxy, $s->source);
$s->watch;

for my $round (1 .. 12)
{
	$s->flows(50);
	my $cuts = $proxy->cuts;
	# Small numbers also hit the handshake of the next connection.
	$proxy->cut(1 + int rand($round % 3 ? 20_000 : 200));
	ok(wait_until(60, sub { $proxy->cuts > $cuts }), "cut $round");
}
$s->flows;

# The subscription's error is known while it lasts, and gone when it is over.
$proxy->refuse;
ok( wait_until(
		60,
		sub {
			($cluster->value("SELECT last_error FROM cdc.stat_subscription WHERE subscription = 'bank'") // '') =~ /\S/;
		}),
	'a source that refuses connections shows as last_error');
$proxy->pass;
$s->flows;

$proxy->stall;
my $stalled = time;
my $noticed = wait_until(
	60,
	sub {
		$cluster->value("SELECT failures FROM cdc.subscription_failure WHERE subscription = 'bank' AND worker = 'pull'") > 0;
	});
ok($noticed, sprintf 'a dead link was noticed after %.1f s', time - $stalled);
# A session in cdc.pull is not held by it either.
my $error = $cluster->error_of(q{SET statement_timeout = '1s'; SELECT cdc.pull('bank')});
like($error, qr/statement timeout|does not answer|no answer|lost/i, 'cdc.pull obeys statement_timeout');
$cluster->do('RESET statement_timeout');
$proxy->pass;
$proxy->close_all;
$s->flows;

# The server itself stands still.  (The load does, too.)
$source->freeze;
$cluster->poll(q{SELECT state || coalesce(': ' || regexp_replace(waits_for, '\d+', 'n'), '') FROM cdc.stat_subscription WHERE subscription = 'bank'},
	'blocked: pull waits: for the source, which has sent nothing for n s');
pass('a server that stands still is told of before it is given up');
$noticed = wait_until(
	60,
	sub {
		$cluster->value("SELECT failures FROM cdc.subscription_failure WHERE subscription = 'bank' AND worker = 'pull'") > 0;
	});
ok($noticed, 'a server that stands still was noticed');
$source->thaw;
$s->flows;

# A long transaction that arrives slowly goes on arriving while subscriptions are
# changed, its own too; it does not begin anew each time.
$cluster->subscribe('other', 'bank', undef, tables => ['bank.account'], enabled => \'false', copy_data => \'false');
$source->do('CREATE TABLE bank.wide (id int PRIMARY KEY, v text)');
$cluster->poll(q{SELECT count(*) FROM cdc.subscription_table WHERE subscription = 'bank' AND source_table = 'bank.wide'}, 1);
my $size = 8_000_000;
my $failures = q{SELECT count(*) FROM cdc.log WHERE subscription = 'bank' AND kind = 'error'};
my $failed = $cluster->value($failures);
my $received = $proxy->count;
$proxy->slow(20);
$source->do('INSERT INTO bank.wide VALUES ' . join ',', map { "($_, repeat('x', 8000))" } 1 .. 1000);
my $changes = 0;
wait_until(
	60,
	sub {
		$changes++;
		$cluster->call('alter_subscription', name => $_, options => sprintf('{"batch_delay": "%d ms"}', 10 + $changes % 2))
		  for 'bank', 'other';
		return $cluster->value("SELECT count(*) FROM bank.wide") == 1000;
	}) or BAIL_OUT('the long transaction does not arrive');
$proxy->slow(0);
$received = $proxy->count - $received;
cmp_ok($changes, '>', 5, "subscriptions were changed $changes times meanwhile");
# (On a machine that stood still for three seconds the link was given up: that may begin anew.)
$failed = $cluster->value($failures) - $failed;
cmp_ok($received, '<', (1.6 + $failed) * $size, "the source sent $received bytes for a transaction of $size, and $failed failures");
cmp_ok($failed, '<', $changes / 3, '... which are not what changing a subscription does');

# A server that was altered is gone to at once: nobody uses the proxy any more.
$cluster->do(q{ALTER SERVER bank OPTIONS (SET port '} . $source->port . q{')});
$s->flows;
my $failed_at = q{SELECT max(last_error_at) FROM cdc.subscription_failure WHERE subscription = 'bank'};
my $before = $cluster->value($failed_at);
$proxy->refuse;
$s->flows;
is($cluster->value($failed_at), $before, 'ALTER SERVER takes effect on a running stream');
$s->finish('after cuts and silence');
done_testing();
