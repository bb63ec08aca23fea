# SASL, TLS and ACLs against a real broker; what may be set where; and that no
# secret is shown anywhere.
#
# Takes 30 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Kafka;
use CdcIngest::Process qw(wait_until);

my $kafka = CdcIngest::Kafka->new(security => 1, acl => 1);
# Everything that the server can log, but not the statements that the test sends.
my $cluster = CdcIngest::Cluster->new('security', preload => 1,
	conf => "log_min_messages = debug5\nlog_min_error_statement = panic\nlog_error_verbosity = verbose\n");
my $dbh = $cluster->dbh;
my $tls = $kafka->certificates;
my $alice = $CdcIngest::Kafka::PASSWORD{alice};
my $bob = $CdcIngest::Kafka::PASSWORD{bob};
my $said = '';    # all that statements have answered
my @secrets = ($alice, $bob, 'wrong-secret');

$kafka->create_topic($_, 1) for qw(open closed);
$kafka->acl(qw(allow alice), $_, qw(topic open)) for qw(read write describe);
$kafka->acl(qw(allow alice read topic closed));
$kafka->acl(qw(allow alice describe topic closed));

my $n = 0;

sub options { my (%o) = @_; return join ', ', map { "$_ " . $dbh->quote($o{$_}) } sort keys %o }

# A server with a user mapping and a table over the topic; returns its number.
sub connect_as
{
	my ($listener, $server, $mapping, $topic) = @_;
	$n++;
	my %server = (bootstrap_servers => $kafka->bootstrap($listener), request_timeout => '8s', message_timeout_ms => 8000, %$server);
	$cluster->do("CREATE SERVER s$n FOREIGN DATA WRAPPER cdc_kafka OPTIONS (" . options(%server) . ')');
	$cluster->do("CREATE USER MAPPING FOR CURRENT_USER SERVER s$n" . (%$mapping ? ' OPTIONS (' . options(%$mapping) . ')' : ''));
	$topic //= 'open';
	$cluster->do("CREATE FOREIGN TABLE t$n (key text, value text) SERVER s$n OPTIONS (topic '$topic')");
	return $n;
}

sub error_of
{
	my ($sql) = @_;
	my $error = $cluster->error_of($sql);
	$said .= "$error\n";
	return $error;
}

sub works_ok
{
	my ($name, @args) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $t = connect_as(@args);
	my $written = error_of("INSERT INTO t$t VALUES ('k', 'by $t')");
	my $read = eval { $cluster->value("SELECT count(*) FROM t$t WHERE value = 'by $t'") } // $@;
	ok($written eq '' && $read eq '1', $name) or diag("$written\n$read");
	return $t;
}

sub fails_like
{
	my ($name, $pattern, @args) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $t = connect_as(@args);
	for my $sql ("INSERT INTO t$t VALUES ('k', 'v')", "SELECT count(*) FROM t$t")
	{
		my $began = time;
		my $error = error_of($sql);
		like($error, $pattern, "$name: " . substr($sql, 0, 6));
		cmp_ok(time - $began, '<', 20, 'soon enough');
	}
	return $t;
}

my %plain = (security_protocol => 'SASL_PLAINTEXT', sasl_mechanism => 'PLAIN');
my %ca = (ssl_ca_location => "$tls/ca.pem");

subtest 'SASL' => sub {
	for my $mechanism (qw(PLAIN SCRAM-SHA-256 SCRAM-SHA-512))
	{
		my %server = (security_protocol => 'SASL_PLAINTEXT', sasl_mechanism => $mechanism);
		works_ok("$mechanism, right password", 'SASL', \%server, { sasl_username => 'alice', sasl_password => $alice });
		fails_like("$mechanism, wrong password", qr/^ERROR:\s+28000: .*[Aa]uthentication/s, 'SASL', \%server,
			{ sasl_username => 'alice', sasl_password => 'wrong-secret' });
	}
	works_ok('PLAIN within TLS', 'SASLSSL', { security_protocol => 'SASL_SSL', sasl_mechanism => 'PLAIN', %ca },
		{ sasl_username => 'alice', sasl_password => $alice });
	works_ok('OAUTHBEARER', 'SASL',
		{ security_protocol => 'SASL_PLAINTEXT', sasl_mechanism => 'OAUTHBEARER', enable_sasl_oauthbearer_unsecure_jwt => 'true' },
		{ sasl_oauthbearer_config => 'principal=alice' });
	fails_like('OAUTHBEARER as somebody else', qr/42501: .*[Aa]uthoriz|not authorized/s, 'SASL',
		{ security_protocol => 'SASL_PLAINTEXT', sasl_mechanism => 'OAUTHBEARER', enable_sasl_oauthbearer_unsecure_jwt => 'true' },
		{ sasl_oauthbearer_config => 'principal=mallory' });
};

subtest 'TLS' => sub {
	my %tls = (security_protocol => 'SASL_SSL', sasl_mechanism => 'PLAIN');
	my %user = (sasl_username => 'alice', sasl_password => $alice);
	fails_like('a CA that did not sign', qr/^ERROR:\s+(08\w+|28\w+): .*(certificate|SSL|ssl)/s, 'SASLSSL', { %tls, ssl_ca_location => "$tls/other-ca.pem" }, \%user);
	fails_like('another host name', qr/^ERROR:\s+(08\w+|28\w+): .*(certificate|SSL|ssl)/s, 'SASLSSL',
		{ %tls, %ca, bootstrap_servers => '127.1:' . $kafka->port('SASLSSL') }, \%user);
	works_ok('no verification', 'SASLSSL', { %tls, enable_ssl_certificate_verification => 'false' }, \%user);
	works_ok('the CA as text', 'SASLSSL', { %tls, ssl_ca_pem => slurp("$tls/ca.pem") }, \%user);

	works_ok('a client certificate, from files', 'SSL', { security_protocol => 'SSL', %ca,
			ssl_certificate_location => "$tls/client.pem", ssl_key_location => "$tls/client.key" }, {});
	my $key = slurp("$tls/client.key");
	push @secrets, (split /\n/, $key)[5];
	works_ok('a client certificate, from the user mapping', 'SSL', { security_protocol => 'SSL', %ca },
		{ ssl_certificate_pem => slurp("$tls/client.pem"), ssl_key_pem => $key });
	fails_like('no client certificate', qr/^ERROR:\s+(08\w+|28\w+): /, 'SSL', { security_protocol => 'SSL', %ca }, {});
	fails_like('TLS to a listener without', qr/^ERROR:\s+(08\w+|28\w+): /, 'SASL', { %tls, %ca }, \%user);
};

subtest 'ACLs' => sub {
	my $t = connect_as('SASL', \%plain, { sasl_username => 'alice', sasl_password => $alice }, 'closed');
	my $error = error_of("INSERT INTO t$t VALUES ('k', 'v')");
	like($error, qr/42501: .*topic "closed".*[Aa]uthorization failed/s, 'may not write: which topic');
	is(scalar(my @a = $kafka->consume('closed')), 0, 'nothing was written');
	is($cluster->value("SELECT count(*) FROM t$t"), 0, 'may read');
	fails_like('bob may do nothing', qr/42501: .*topic "open"/s, 'SASL', \%plain, { sasl_username => 'bob', sasl_password => $bob });
	# transactions need rights of their own
	$t = connect_as('SASL', { %plain, transactional_id => 'tx' }, { sasl_username => 'alice', sasl_password => $alice });
	like(error_of("INSERT INTO t$t VALUES ('k', 'v')"), qr/42501: .*[Tt]ransactional/s, 'transactional id');
};

subtest 'what may be set where' => sub {
	for my $option (qw(plugin_library_paths ssl_engine_location ssl_providers sasl_kerberos_kinit_cmd interceptors debug
		enable_auto_commit auto_offset_reset group_id delivery_report_only_error))
	{
		like(error_of("CREATE SERVER refused FOREIGN DATA WRAPPER cdc_kafka OPTIONS ($option 'x')"),
			qr/option "$option" cannot be set/, "refused: $option");
	}
	for my $option (qw(sasl_password sasl_username ssl_key_password ssl_key_pem ssl_keystore_password sasl_oauthbearer_config sasl_oauthbearer_client_secret))
	{
		like(error_of("CREATE SERVER refused FOREIGN DATA WRAPPER cdc_kafka OPTIONS ($option 'wrong-secret')"),
			qr/option "$option" does not belong to a server.*CREATE USER MAPPING/s, "user mapping only: $option");
		like(error_of("CREATE FOREIGN TABLE refused (key text) SERVER s1 OPTIONS (topic 'open', $option 'wrong-secret')"),
			qr/option "$option" does not belong to a/s, "not of a foreign table: $option");
	}
	for my $option (qw(bootstrap_servers metadata_broker_list security_protocol sasl_mechanism ssl_ca_location ssl_key_location
		enable_ssl_certificate_verification ssl_endpoint_identification_algorithm sasl_oauthbearer_token_endpoint_url))
	{
		like(error_of("ALTER USER MAPPING FOR CURRENT_USER SERVER s1 OPTIONS (ADD $option 'x')"),
			qr/option "$option" does not belong to a/, "server only: $option");
		like(error_of("CREATE FOREIGN TABLE refused (key text) SERVER s1 OPTIONS (topic 'open', $option 'x')"),
			qr/option "$option" does not belong to a/, "not of a foreign table: $option");
	}
	like(error_of(q{CREATE SERVER refused FOREIGN DATA WRAPPER cdc_kafka OPTIONS (sasl_oauthbearer_token_endpoint_url 'file:///etc/passwd')}),
		qr/invalid value for option/, 'a token only over the network');
	like(error_of(q{CREATE SERVER refused FOREIGN DATA WRAPPER cdc_kafka OPTIONS (nonsense 'x')}), qr/invalid option "nonsense"/, 'no such property');
	like(error_of(q{CREATE SERVER refused FOREIGN DATA WRAPPER cdc_kafka OPTIONS (linger_ms 'x')}), qr/invalid value for option "linger_ms"/, 'no such value');
	is($cluster->value(q{SELECT count(*) FROM pg_foreign_server WHERE srvname = 'refused'}), 0, 'none of them was made');
};

subtest 'secrets' => sub {
	# Another role's view of things, with a table that it may use but no mapping.
	my $t = connect_as('SASL', \%plain, { sasl_username => 'alice', sasl_password => $alice });
	$cluster->do('CREATE ROLE reader', "GRANT SELECT, INSERT ON t$t TO reader", "GRANT USAGE ON FOREIGN SERVER s$t TO reader");
	$cluster->do('SET ROLE reader');
	my $mappings = $dbh->selectall_arrayref('SELECT umoptions::text FROM pg_user_mappings');
	is(join('', map { $_->[0] // '' } @$mappings), '', 'another role does not see the options of a mapping');
	isnt(error_of("SELECT * FROM t$t"), '', 'nor connects with them');
	isnt(error_of("INSERT INTO t$t VALUES ('k', 'v')"), '', 'to write neither');
	$cluster->do('RESET ROLE');

	# a publication that fails, by a worker: its error is kept in tables and views
	my $bad = connect_as('SASL', \%plain, { sasl_username => 'alice', sasl_password => 'wrong-secret' });
	$said .= join "\n", map { $_->[0] } @{
		$dbh->selectall_arrayref("EXPLAIN (VERBOSE, ANALYZE) SELECT * FROM t$t") },
	  @{ $dbh->selectall_arrayref("EXPLAIN (VERBOSE) INSERT INTO t$t VALUES ('k')") };	$said .= join "\n", map { join ' ', map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref("SELECT * FROM cdc.check_server('s$_')") } for $t, $bad;

	# while it waits
	$kafka->freeze;
	my $other = $cluster->connect;
	$other->do("INSERT INTO t$t VALUES ('k', 'v')", { pg_async => DBD::Pg::PG_ASYNC() });
	ok(wait_until(20, sub { $cluster->value(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension'}) }), 'a session that waits');
	$said .= join "\n", map { join ' ', map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref('SELECT * FROM pg_stat_activity') };
	$said .= `ps -ef`;
	$kafka->thaw;
	eval { $other->pg_result };
	$other->disconnect;

	# everything in schema cdc
	for my $table (@{ $dbh->selectcol_arrayref(
				q{SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = 'cdc'::regnamespace AND relkind IN ('r', 'v')}) })
	{
		$said .= join "\n", map { join ' ', map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref("SELECT * FROM $table") };
	}
	$said .= join "\n", map { $_->[0] } @{ $dbh->selectall_arrayref('SELECT srvoptions::text FROM pg_foreign_server') },
	  @{ $dbh->selectall_arrayref('SELECT ftoptions::text FROM pg_foreign_table') };
	cmp_ok(length $said, '>', 20_000, 'much was said');
	my $log = do { local (@ARGV, $/) = ($cluster->node->logfile); <> };
	like($log, qr/DEBUG/, 'and logged');
	for my $secret (@secrets)
	{
		is(index($said, $secret), -1, 'not said: secret ' . substr($secret, 0, 3) . '...');
		my $at = index($log, $secret);
		is($at, -1, 'not logged') or diag(substr($log, $at > 300 ? $at - 300 : 0, 600));
	}
};

done_testing();
