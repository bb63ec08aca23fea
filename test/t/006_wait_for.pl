# Read your writes: once cdc.wait_for() is true, the replica has them.
#
# Takes 20 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use Time::HiRes qw(time);

my $cluster = CdcIngest::Cluster->new('wait');
for my $case ([ 'mariadb', 1 ], [ 'mysql56', 1 ], [ 'mysql56', 0 ])
{
	my ($flavour, $gtid) = @$case;
	my $id = $flavour . ($gtid ? '' : '_file');
	my $source = CdcIngest::Server->new($flavour, gtid => $gtid);
	$source->do('CREATE DATABASE w', 'CREATE TABLE w.t (id int PRIMARY KEY, v int)');
	$cluster->add_source($id, $source);
	$cluster->subscribe($id, $id, $id, tables => ['w.*']);
	$cluster->catch_up($id);

	my $missing = 0;
	for my $i (1 .. 100)
	{
		$source->do("INSERT INTO w.t VALUES ($i, $i)");
		# By turns: what the source says is its state, and "now".
		my $position = $i % 2 ? undef : $gtid ? $source->gtid_set : $source->position;
		$cluster->value('SELECT cdc.wait_for(?, ?)', $id, $position) or die "not reached: $i";
		$missing++ unless $cluster->value("SELECT count(*) FROM $id.t WHERE id = $i");
	}
	is($missing, 0, "$id: each of 100 writes was there after wait_for");

	my $began = time;
	my $future = $gtid ? $source->gtid_set : 'bin.000999:4';
	if ($gtid) { $future =~ s/(\d+)$/$1 + 1000/e }
	is($cluster->value("SELECT cdc.wait_for(?, ?, '1s')", $id, $future), 0, "$id: false for what has not happened");
	my $took = time - $began;
	ok($took > 0.9 && $took < 5, "$id: after the timeout ($took s)");

	# What was written down of a worker that fails, as late as now: a publication's has nothing to do with targets.
	my $failing = sub { return "INSERT INTO cdc_catalog.subscription_failure (subscription, worker, failures, last_error, last_sqlstate, last_error_at) VALUES ('$id', '$_[0]', 9, 'broken', 'XX000', now() + interval '1 min')" };
	my $no_more = "DELETE FROM cdc_catalog.subscription_failure WHERE subscription = '$id' AND last_error = 'broken'";
	$cluster->do($failing->('publish p'));
	is($cluster->value("SELECT cdc.wait_for(?, ?, '1s')", $id, $future), 0, "$id: a publication that fails is not waited for");
	$cluster->do($no_more);
	if ($gtid)
	{
		my ($one) = $source->gtid_set =~ /^(.*)$/;
		$one =~ s/:1-(\d+)$/:1/;
		is($cluster->value('SELECT cdc.wait_for(?, ?)', $id, $one), 1, "$id: a GTID of the past is true at once");
	}
	like($cluster->error_of("SELECT cdc.wait_for('$id', 'nonsense')"), qr/nonsense/, "$id: what is no position is an error");

	# Cancelled at once.
	my $error = $cluster->error_of("SET statement_timeout = '300ms'; SELECT cdc.wait_for('$id', '$future')");
	like($error, qr/statement timeout/, "$id: obeys statement_timeout");
	$cluster->do('RESET statement_timeout');

	# Nothing that concerns us happens: the position moves all the same.
	$source->do('CREATE DATABASE quiet', 'CREATE TABLE quiet.t (id int PRIMARY KEY)', 'INSERT INTO quiet.t VALUES (1)');
	is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, "$id: also when only other tables were written");
	$cluster->call('drop_subscription', name => $id);
	$source->kill9;
}
like($cluster->error_of(q{SELECT cdc.wait_for('nobody')}), qr/subscription "nobody" does not exist/, 'no such subscription');
done_testing();
