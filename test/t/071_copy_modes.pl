# The modes of a copy: only, never, when_needed.
#
# Takes 30 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use CdcIngest::Cluster;
use CdcIngest::Load;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('modes');
my $listener = $cluster->connect;
$listener->do('LISTEN cdc_ingest');

my %sources = map { $_ => CdcIngest::Server->new($_) } qw(mariadb mysql56);
for my $flavour (sort keys %sources)
{
	my $source = $sources{$flavour};
	$cluster->add_source($flavour, $source, heartbeat_interval => '300ms');
	$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.t VALUES (1, 'one'), (2, 'two')},
		'CREATE TABLE shop.keyless (v varchar(20))', q{INSERT INTO shop.keyless VALUES ('x'), ('x')});
}
my $source = $sources{mariadb};
my $last_id = 1000;

sub insert { my ($at) = @_; $last_id++; $at->do("INSERT INTO shop.t VALUES ($last_id, 'late')"); return }
sub state_of { my ($sub) = @_; return $cluster->value('SELECT state FROM cdc.stat_subscription WHERE subscription = ?', $sub) }
sub pump { my ($sub) = @_; $cluster->do("SELECT cdc.pull('$sub')", "SELECT * FROM cdc.apply('$sub')"); return }
sub logged { my ($sub, $like) = @_; return $cluster->value('SELECT count(*) FROM cdc.log WHERE subscription = ? AND message LIKE ?', $sub, $like) }

subtest 'only: tables are copied under load, then the subscription ends' => sub {
	CdcIngest::Load->create_tables($source, 'bank');
	my $load = CdcIngest::Load->start($source, 'bank', seed => 7);
	sleep 1;
	$cluster->subscribe('once', 'mariadb', 'once', tables => [ 'bank.*', 'shop.*' ], options => '{"copy_mode": "only"}');
	is($cluster->value(q{SELECT cdc.wait_for('once')}), 1, 'wait_for waits for its end');
	$cluster->poll(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'once'}, 'copied');
	is($cluster->value(q{SELECT enabled FROM cdc.subscription WHERE name = 'once'}), 0, 'it is disabled');
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.subscription_table WHERE subscription = 'once'}), 'r', 'its tables are ready');
	is(logged('once', 'ended, as%'), 1, 'cdc.log says it');
	my $told = 0;
	$listener->selectrow_array('SELECT 1');
	while (my $note = $listener->pg_notifies) { $told++ if $note->[2] =~ /"copy_ended"/ && $note->[2] =~ /"once"/ }
	is($told, 1, 'and a notification');
	is($cluster->value(q{SELECT sum(balance)::int FROM once.account}), $CdcIngest::Load::TOTAL, 'the tables are as of one commit of the source');

	# nothing comes any more
	my $seq = $cluster->value(q{SELECT last_seq FROM cdc.subscription_position WHERE subscription = 'once'});
	sleep 0.3;
	$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() w JOIN cdc.subscription s ON s.id = w.subscription_id WHERE s.name = 'once'}, 0);
	is($cluster->value(q{SELECT cdc.pull('once')}), 0, 'pull has nothing to do');
	is($cluster->value(q{SELECT last_seq FROM cdc.subscription_position WHERE subscription = 'once'}), $seq, 'no stream afterwards');
	is(state_of('once'), 'copied', 'it stays so');
	like($cluster->error_of("SELECT cdc.wait_for('once', '" . $source->position . "')"), qr/has ended before the position.*restart_subscription\('once'\)/s, 'a later position does not come: wait_for says why');
	like($cluster->error_of(q{SELECT cdc.enable_subscription('once')}), qr/has ended.*restart_subscription/s, 'it cannot be enabled as it is');
	is(logged('once', 'ended, as%'), 1, 'its end is told once');

	# once more, from the start, as verify says where the source has gone on
	my $said = $cluster->error_of(q{SELECT count(*) FROM cdc.verify('once', 'bank.account')});
	like($said, qr/its state is "copied", and its targets do not come/, 'verify says why its targets do not come to where the source is');
	my ($again, $on) = $said =~ /To copy them again: (SELECT .*?;) To go on with the stream: (SELECT .*?;)/;
	$cluster->do($again);
	$cluster->poll(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'once'}, 'copied');
	is(logged('once', 'ended, as%'), 2, 'copied once more');
	is($cluster->value(q{SELECT sum(balance)::int FROM once.account}), $CdcIngest::Load::TOTAL, '... as of one commit');

	# what was copied is a place to go on from
	$cluster->do($on);
	$load->stop;
	$cluster->catch_up('once');
	$cluster->compare_ok($source, 'bank', 'once', 'with the stream afterwards the replicas are equal');
	is(state_of('once'), 'streaming', 'it streams');
	$cluster->call('drop_subscription', name => 'once', drop_history => \'true');
};

subtest 'only, without workers; with tables in error' => sub {
	$source->do(q{CREATE TABLE shop.broken (id int PRIMARY KEY, v int)}, 'INSERT INTO shop.broken VALUES (1, 1)');
	$cluster->subscribe('hand', 'mariadb', 'hand', tables => ['shop.*'], enabled => \'false', options => '{"copy_mode": "only"}');
	is(state_of('hand'), 'disabled', 'not begun');
	is($cluster->value(q{SELECT cdc.wait_for('hand', timeout := '0')}), 0, 'wait_for: not yet');
	$cluster->value(q{SELECT cdc.pull('hand')});
	insert($source);
	is($cluster->value(q{SELECT cdc.pull('hand')}), 0, 'pull reads no more');
	is(state_of('hand'), 'disabled', 'copied, but not applied');
	$cluster->do(q{UPDATE cdc_catalog.subscription_table SET state = 'e' WHERE source_table = 'shop.broken' AND subscription = 'hand'});
	$cluster->do(q{SELECT * FROM cdc.apply('hand')});
	is(state_of('hand'), 'copied', 'the end');
	is($cluster->value(q{SELECT detail FROM cdc.log WHERE subscription = 'hand' AND message LIKE 'ended, as%'}), '2 tables are ready, 1 in error', 'with what is not copied');
	is($cluster->value("SELECT count(*) FROM hand.t WHERE id = $last_id"), 0, 'what came later is not there');
	$cluster->do(q{SELECT cdc.resync_table('hand', 'shop.t')});
	is(state_of('hand'), 'disabled', 'a resync is something to do');
	pump('hand');
	is($cluster->value("SELECT count(*) FROM hand.t WHERE id = $last_id"), 1, '... which is done');
	is(state_of('hand'), 'copied', '... and the end again');
	$cluster->call('drop_subscription', name => 'hand', drop_history => \'true');
	$source->do('DROP TABLE shop.broken');
};

subtest 'never; what does not fit' => sub {
	$cluster->subscribe('never', 'mariadb', 'never', tables => ['shop.*'], enabled => \'false', options => '{"copy_mode": "never"}');
	pump('never');
	insert($source);
	pump('never');
	is($cluster->value('SELECT count(*) FROM never.t'), 1, 'never: the stream only');
	$source->do('CREATE TABLE shop.new (id int PRIMARY KEY)', 'INSERT INTO shop.new VALUES (1)');
	pump('never');
	is($cluster->value(q{SELECT state FROM cdc.subscription_table WHERE subscription = 'never' AND source_table = 'shop.new'}), 'r', '... of tables that come later, too');
	$cluster->call('drop_subscription', name => 'never', drop_history => \'true');
	my %arguments = (name => 'x', server => 'mariadb', tables => ['shop.*']);
	like($cluster->error_of($cluster->call_sql('create_subscription', %arguments, options => '{"copy_mode": "sometimes"}')), qr/initial, never, only, when_needed/, 'an unknown mode');
	like($cluster->error_of($cluster->call_sql('create_subscription', %arguments, copy_data => \'false', options => '{"copy_mode": "only"}')), qr/leave nothing to do/, 'only and copy_data := false');
	like($cluster->error_of($cluster->call_sql('create_subscription', %arguments, start_position => 'latest', options => '{"copy_mode": "only"}')), qr/has no start_position/, 'only and start_position');
	$cluster->do(q{CREATE SERVER topics FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1')}, q{CREATE USER MAPPING FOR CURRENT_USER SERVER topics});
	like($cluster->error_of($cluster->call_sql('create_subscription', name => 'x', server => 'topics', topics => ['t'], options => '{"copy_mode": "when_needed"}')), qr/copy_mode" is for servers of MySQL/, 'topics have no copies');
};

# Removes all files but the newest.
sub purge
{
	my ($at) = @_;
	$at->do('FLUSH LOGS');
	wait_until(60, sub {
		my ($file) = $at->position =~ /^(.*):/;
		$at->do("PURGE BINARY LOGS TO '$file'");
		return @{ $at->rows('SHOW BINARY LOGS') } == 1;
	}) or CdcIngest::Cluster::give_up('the binlogs are not purged');
	return;
}

# The subscription's workers are away while something is done.
sub while_away
{
	my ($sub, $do) = @_;
	$cluster->call('disable_subscription', name => $sub);
	$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
	$do->();
	$cluster->call('enable_subscription', name => $sub);
	return;
}

for my $flavour (sort keys %sources)
{
	subtest "when_needed: $flavour" => sub {
		my $at = $sources{$flavour};
		my $sub = "needed_$flavour";
		$cluster->subscribe($sub, $flavour, $sub, tables => ['shop.*'], options => '{"copy_mode": "when_needed"}');
		$cluster->catch_up($sub);

		# what was read may go
		while_away($sub, sub { $at->do('FLUSH LOGS') });
		insert($at);
		$cluster->catch_up($sub);
		is(logged($sub, '%copied once more%'), 0, 'no copy as long as it can be read');

		while_away($sub, sub {
			insert($at);
			$at->do('DELETE FROM shop.t WHERE id = 2', q{DELETE FROM shop.keyless LIMIT 1});
			purge($at);
		});
		$cluster->poll("SELECT count(*) FROM cdc.log WHERE subscription = '$sub' AND message LIKE '%copied once more%'", 1);
		$cluster->catch_up($sub);
		$cluster->compare_ok($at, 'shop', $sub, 'binlog that was not read is removed: the tables are equal again');
		insert($at);
		$cluster->catch_up($sub);
		$cluster->compare_ok($at, 'shop', $sub, '... and follow');
		is(state_of($sub), 'streaming', 'it streams');
		is($cluster->value("SELECT latched FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'") // 0, 0, 'it was no error');
		$cluster->history_ok($sub, 'the history is whole');

		# by hand, in one call
		$cluster->call('disable_subscription', name => $sub);
		$cluster->poll("SELECT pull_pid IS NULL FROM cdc.stat_subscription WHERE subscription = '$sub'", 1);
		insert($at);
		purge($at);
		insert($at);
		pump($sub);
		is(logged($sub, '%copied once more%'), 2, 'by hand');
		$cluster->compare_ok($at, 'shop', $sub, '... in one call');

		# another log is something else: somebody has to look at it
		$cluster->call('enable_subscription', name => $sub);
		$cluster->catch_up($sub);
		while_away($sub, sub { insert($at); $at->do('RESET MASTER', 'FLUSH LOGS', 'FLUSH LOGS'); insert($at); });
		$cluster->poll("SELECT latched FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'", 1);
		like($cluster->value("SELECT last_sqlstate FROM cdc.subscription_failure WHERE subscription = '$sub' AND worker = 'pull'"), qr/^LG/, 'a log that is begun anew is an error');
		is(logged($sub, '%copied once more%'), 2, '... and no reason to copy');
		$cluster->do("SELECT cdc.restart_subscription('$sub')");
		$cluster->catch_up($sub);
		$cluster->compare_ok($at, 'shop', $sub, '... until somebody says so');
		$cluster->call('drop_subscription', name => $sub, drop_history => \'true');

		# and where nobody has asked for it the error is what it was
		$cluster->subscribe($sub, $flavour, undef, tables => ['shop.t'], enabled => \'false');
		$cluster->do("SELECT cdc.pull('$sub')");
		insert($at);
		purge($at);
		like($cluster->error_of("SELECT cdc.pull('$sub')"), qr/no longer in the binlog|is not the one/, 'without the mode it is an error');
		$cluster->call('drop_subscription', name => $sub, drop_history => \'true');
	};
}

done_testing;
