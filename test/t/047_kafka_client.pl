# The Kafka client: below PostgreSQL (test/session/kafka_test.c, under ASAN with UBSAN
# and under TSAN, against librdkafka's mock cluster), and inside of it by
# cdc.check_server() against a real cluster with SASL, TLS and ACLs.
#
# Runs alone: it measures tenths of a second, in programs that sanitizers make slow.
# Takes 50 s.
use strict;
use warnings;

use FindBin;
use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Kafka;
use CdcIngest::Process qw(spawn reap wait_until);

my $dir = "$FindBin::RealBin/../session";
my $log = `make -C "$dir" kafka 2>&1`;
is($?, 0, 'the test programs build') or BAIL_OUT($log);

# They wait most of their time: everything else is done meanwhile.
my $tmp = $ENV{TMPDIR} // '/tmp';
my %pid = map { $_ => spawn("$tmp/kafka_test-$_-$$.log", "$dir/build/kafka_test-$_") } qw(asan tsan);

my $kafka = CdcIngest::Kafka->new(acl => 1);
my $cluster = CdcIngest::Cluster->new('client', preload => 0);
my $tls = $kafka->certificates;
my $password = $CdcIngest::Kafka::PASSWORD{alice};

$kafka->create_topic('open', 2);
$kafka->create_topic('closed', 1);
$kafka->create_topic('hidden', 1);
$kafka->produce('open', [ 1 .. 10 ]);
$kafka->acl(qw(allow alice read topic open));
$kafka->acl(qw(allow alice describe topic closed));

my $servers = 0;

# A server with alice's user mapping; its name.
sub server
{
	my ($listener, $options, $mapping) = @_;
	my $name = 's' . ++$servers;
	$cluster->do("CREATE SERVER $name FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '"
		  . $kafka->bootstrap($listener) . "'" . join('', map { ", $_ '$options->{$_}'" } sort keys %$options) . ')');
	$cluster->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS ("
		  . join(', ', map { "$_ " . $cluster->dbh->quote($mapping->{$_}) } sort keys %$mapping) . ')') if $mapping;
	return $name;
}

# { check_name => [ok, detail, hint] }
sub checks
{
	my ($name) = @_;
	my $rows = $cluster->dbh->selectall_arrayref('SELECT * FROM cdc.check_server(?)', undef, $name);
	return { map { $_->[0] => [ @$_[ 1 .. 3 ] ] } @$rows };
}

sub failed { my ($checks) = @_; return join ' ', sort grep { !$checks->{$_}[0] } keys %$checks }

my %alice = (sasl_username => 'alice', sasl_password => $password);
my %ways = (
	'PLAIN' => [ 'SASL', { security_protocol => 'SASL_PLAINTEXT', sasl_mechanism => 'PLAIN' }, \%alice ],
	'SCRAM over TLS' => [ 'SASLSSL', { security_protocol => 'SASL_SSL', sasl_mechanism => 'SCRAM-SHA-256',
			ssl_ca_location => "$tls/ca.pem" }, \%alice ],
	'OAUTHBEARER' => [ 'SASL', { security_protocol => 'SASL_PLAINTEXT', sasl_mechanism => 'OAUTHBEARER',
			enable_sasl_oauthbearer_unsecure_jwt => 'true' }, { sasl_oauthbearer_config => 'principal=alice' } ],
	'certificate' => [ 'SSL', { security_protocol => 'SSL', ssl_ca_location => "$tls/ca.pem",
			ssl_certificate_location => "$tls/client.pem", ssl_key_location => "$tls/client.key" } ]);
for my $way (sort keys %ways)
{
	my $checks = checks(server(@{ $ways{$way} }));
	my $clear = $way =~ /^(PLAIN|OAUTHBEARER)$/;    # over SASL_PLAINTEXT
	is(failed($checks), ($clear ? 'password ' : '') . 'privilege read', "$way: connected, one privilege is missing") or diag explain $checks;
	like($checks->{password}[2], qr/in clear text.*SASL_SSL/, "$way: all can read what it sends") if $clear;
	is($checks->{topics}[1], '2 topics are visible', "$way: what may be described is seen");
	like($checks->{'privilege read'}[1], qr/^closed \(1 in all\)$/, "$way: what must not be read is named");
}
my $checks = checks(server('PLAINTEXT', {}));
is(failed($checks), '', 'the superuser: all is well') or diag explain $checks;
is($checks->{topics}[1], '3 topics are visible', 'all topics');
is($checks->{offsets}[1], '10 offsets in 4 partitions', 'their offsets');

subtest 'what does not work is told' => sub {
	my $checks = checks(server(@{ $ways{PLAIN} }[ 0, 1 ], { sasl_username => 'alice', sasl_password => 'WRONGWRONG' }));
	is(failed($checks), 'authentication password', 'a wrong password');
	like($checks->{authentication}[1], qr/Authentication failed/, 'its reason');
	unlike(join('', map { $_ // '' } map { @$_ } values %$checks), qr/WRONG/, 'not the password');

	my $began = time;
	$checks = checks(server('SASLSSL', { %{ $ways{'SCRAM over TLS'}[1] }, ssl_ca_location => "$tls/other-ca.pem" }, \%alice));
	is(failed($checks), 'reachable', "another CA's certificate");
	like($checks->{reachable}[1] . $checks->{reachable}[2], qr/verify.*ssl_ca_location/s, 'its reason and what to look at');
	cmp_ok(time - $began, '<', 5, 'told at once');

	$checks = checks(server('PLAINTEXT', { security_protocol => 'SSL', connect_timeout => '2s' }));
	is(failed($checks), 'reachable', 'TLS to a port without it');

	$cluster->do(q{CREATE SERVER nobody FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '500ms')});
	$checks = checks('nobody');
	is(failed($checks), 'reachable', 'nobody is there');
	like($checks->{reachable}[1], qr/127\.0\.0\.1:1.*refused/, 'who is not');
};

# Threads and sockets of the backend.
sub size_of
{
	my ($pid) = @_;
	return (scalar(() = glob "/proc/$pid/task/*"), scalar(() = glob "/proc/$pid/fd/*"));
}

subtest 'nothing grows' => sub {
	my $dbh = $cluster->connect;
	my $pid = $dbh->selectrow_array('SELECT pg_backend_pid()');
	my $server = server('PLAINTEXT', {});
	my $call = sub { $dbh->do("SELECT count(*) FROM cdc.check_server('$server')") };
	# what an ALTER SERVER opens (files of catalogs, too) is open from here on
	$dbh->do("ALTER SERVER $server OPTIONS (ADD client_id 'c0')");
	$call->() for 1 .. 3;
	my @before = size_of($pid);
	$call->() for 1 .. 60;
	is_deeply([ size_of($pid) ], \@before, 'the same client is used again');

	# other options each time: clients are made and closed
	for my $i (1 .. 30)
	{
		$dbh->do("ALTER SERVER $server OPTIONS (SET client_id 'c$i')");
		$call->();
	}
	ok(wait_until(10, sub { my @now = size_of($pid); $now[0] <= $before[0] + 6 && $now[1] <= $before[1] + 12 }),
		'nor with new ones') or diag "before @before, now ", join ' ', size_of($pid);
	$dbh->disconnect;
};

# A session that pulls for many subscriptions, as a scheduler's does.
subtest 'consumers of many subscriptions' => sub {
	my $server = server('PLAINTEXT', {});
	my $dbh = $cluster->connect;
	my $pid = $dbh->selectrow_array('SELECT pg_backend_pid()');
	$kafka->create_topic('kept', 1);
	$kafka->produce('kept', [ [ 'k', '{"id": 1}' ] ]);
	$cluster->call('create_subscription', name => "kept$_", server => $server, topics => ['kept'], format => 'json', enabled => \'false') for 1 .. 36;
	my $pull = sub { return $dbh->selectrow_array('SELECT sum(cdc.pull(name)) FROM unnest(?::text[]) AS name', undef, [ map { "kept$_" } @_ ]) };
	is($pull->(1 .. 18), 18, 'in one transaction');
	my @before = size_of($pid);
	$pull->($_) for 19 .. 36;
	my @now = size_of($pid);
	ok($now[0] <= $before[0] + 4 && $now[1] <= $before[1] + 12, 'a bounded number of them is kept') or diag "before @before, now @now";
	$kafka->produce('kept', [ [ 'k', '{"id": 2}' ] ]);
	is($pull->(1, 36), 2, 'and each goes on where it was');
	$dbh->disconnect;
};

subtest 'waits are cancelled' => sub {
	my $server = server('PLAINTEXT', {});
	my $other = server('PLAINTEXT', { client_id => 'x' });
	my $dbh = $cluster->connect;
	local $dbh->{RaiseError} = 0;
	local $dbh->{PrintError} = 0;
	ok($dbh->do("SELECT * FROM cdc.check_server('$server')"), 'connected');
	my $pid = $dbh->selectrow_array('SELECT pg_backend_pid()');
	$kafka->freeze;
	$dbh->do(q{SET statement_timeout = '300ms'});
	for my $name ($server, $other)
	{
		my $began = time;
		ok(!$dbh->do("SELECT * FROM cdc.check_server('$name')"), 'a cluster that does not answer');
		like($dbh->errstr, qr/statement timeout/, 'statement_timeout');
		cmp_ok(time - $began, '<', 1.3, 'within a second');
	}
	$kafka->thaw;
	$dbh->do('RESET statement_timeout');
	ok($dbh->do("SELECT * FROM cdc.check_server('$server')"), 'it goes on afterwards');
	$dbh->disconnect;
	ok(wait_until(5, sub { !-e "/proc/$pid" }), 'and the backend ends');
};

# Nothing that is secret is in the server's log.
my $server_log = slurp($cluster->node->logfile);
unlike($server_log, qr/WRONGWRONG|\Q$password\E|alice/, 'no password in the log');

for my $sanitizer (sort keys %pid)
{
	my $status = reap($pid{$sanitizer}, 400);
	my @output = split /^/, slurp("$tmp/kafka_test-$sanitizer-$$.log");
	my $passed = grep { /^ok / } @output;
	my @bad = grep { !/^ok / } @output;
	ok(defined $status && $status == 0 && $passed > 0, "$sanitizer: $passed checks")
	  or diag 'status ', $status // 'timeout', "\n", @bad[ 0 .. (@bad > 60 ? 60 : $#bad) ];
}
done_testing();
