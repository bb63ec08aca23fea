# A value of the source reaches its subscription's owner, and nobody else: not who
# listens, not cdc_monitor, not another owner; nor does it fill catalog and log.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('views');
my $node = $cluster->node;
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v longtext)', q{INSERT INTO shop.a VALUES (1, 'first')},
	'CREATE TABLE shop.b (id int PRIMARY KEY, v int)');
$source->do(q{SET GLOBAL max_allowed_packet = 67108864});
$cluster->add_source('shop', $source);
$cluster->do("CREATE ROLE $_ LOGIN") for qw(owner other watcher stranger);
$cluster->do('GRANT cdc_monitor TO watcher');
for my $role (qw(owner other))
{
	$cluster->do("GRANT USAGE ON FOREIGN SERVER shop TO $role", "CREATE SCHEMA of_$role AUTHORIZATION $role");
	my $dbh = $cluster->connect(user => $role);
	$dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (user " . $dbh->quote($CdcIngest::Server::CDC_USER)
		  . ', password ' . $dbh->quote($CdcIngest::Server::CDC_PASSWORD) . ')');
	$dbh->do("SELECT cdc.create_subscription('$role', 'shop', tables := '{shop.*}', target_schema := 'of_$role')");
	$dbh->disconnect;
	$cluster->catch_up($role);
}
my %as = map { $_ => $cluster->connect(user => $_) } qw(owner other watcher stranger);

# --- workers
my $pids = sub { my ($role) = @_; return join ' ', sort @{ $as{$role}->selectcol_arrayref(q{SELECT pid FROM cdc.worker_status() WHERE worker <> 'supervisor'}) } };
my $of = sub { return join ' ', sort map { $cluster->worker_pid($_[0], $_) } qw(pull apply) };
is($pids->('owner'), $of->('owner'), q{worker_status shows an owner his subscription's workers});
is($pids->('other'), $of->('other'), '... and another one his');
is($pids->('watcher'), join(' ', sort split / /, $of->('owner') . ' ' . $of->('other')), '... and cdc_monitor all');
is($as{stranger}->selectrow_array('SELECT count(*) FROM cdc.worker_status()'), 0, '... and a stranger none, nor the supervisor');

# --- a value that apply fails at, and that is too long to be kept
my $size = 5_000_000;
my $listener = $as{stranger};
$listener->do('LISTEN cdc_ingest');
my $log_before = -s $node->logfile;
$cluster->do('ALTER TABLE of_owner.a ALTER v TYPE uuid USING NULL');
$source->do("INSERT INTO shop.a VALUES (2, repeat('secret', $size / 6 + 1))");
$cluster->poll(q{SELECT count(*) FROM cdc.subscription_failure WHERE subscription = 'owner' AND worker = 'apply' AND failures > 1}, 1);
my $error = sub { return $as{ $_[0] }->selectrow_array(q{SELECT last_error FROM cdc.stat_subscription WHERE subscription = 'owner'}) // '' };
like($error->('owner'), qr/^apply: .*secretsecret/, 'the owner reads the error');
like($error->('owner'), qr/\.\.\. \(\d{7} bytes\)/, '... which says how long it was');
like($error->('owner'), qr/CONTEXT:  subscription "owner", seq \d+, .* key \(id\)=\(2\), column "v"/, '... and where it is');
cmp_ok($cluster->value(q{SELECT length(last_error) FROM cdc_catalog.subscription_failure WHERE subscription = 'owner' AND worker = 'apply'}),
	'<=', 8192, '... and is bounded');
is($error->('watcher'), 'apply: 22P02: data exception', 'cdc_monitor reads what the SQLSTATE says');
is($error->($_), '', "$_ reads nothing") for qw(other stranger);
is($as{other}->selectrow_array(q{SELECT count(*) FROM cdc.stat_subscription}), 1, 'another owner sees his own');
my $log = substr slurp($node->logfile), $log_before;
like($log, qr/ERROR: .*secretsecret.*\.\.\. \(\d{7} bytes\)/, q{the server's log has the error});
cmp_ok(length($log), '<', 200_000, '... bounded, at each try');
my $notified = sub {
	my ($wanted) = @_;
	my $seen = '';
	for (1 .. 200)
	{
		while (my $notify = $listener->pg_notifies) { $seen .= "$notify->[2]\n" }
		return $seen if $seen =~ $wanted;
		$listener->do('SELECT pg_sleep(0.1)');
	}
	return $seen;
};
my $said = $notified->(qr/apply_error/);
like($said, qr/"kind":"apply_error","subscription":"owner","sqlstate":"22P02"/, 'a notification has kind, name and SQLSTATE');
unlike($said, qr/secret/, '... and no text');

# By hand, as pg_cron would.
$cluster->call('disable_subscription', name => 'owner');
$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE subscription_id = (SELECT id FROM cdc.subscription WHERE name = 'owner')}, 0);
$log_before = -s $node->logfile;
my $message = $cluster->error_of(q{SELECT * FROM cdc.apply('owner')}, $as{owner});
like($message, qr/secretsecret.*\.\.\. \(\d{7} bytes\)/, 'who calls cdc.apply gets the error');
cmp_ok((-s $node->logfile) - $log_before, '<', 100_000, '... and the log no more of it');
$cluster->do('ALTER TABLE of_owner.a ALTER v TYPE text', q{SELECT cdc.enable_subscription('owner')});
$cluster->catch_up('owner');

# --- what repeats is counted
$cluster->call('create_subscription', name => 'counted', server => 'shop', tables => ['shop.b'], history => 'public.counted',
	start_position => 'latest', enabled => \'false');
$cluster->call('pull', subscription => 'counted');
my $statements = $source->connect;
$statements->do(q{SET SESSION binlog_format = 'STATEMENT'});
for my $i (1 .. 5)
{
	$statements->do("INSERT INTO shop.b VALUES ($i, 4711) /* caf\x{e9} */");
	$cluster->call('pull', subscription => 'counted');
	$cluster->call('alter_subscription', name => 'counted', options => '{}');
}
my $logged = q{SELECT string_agg(repeats || CASE WHEN last_at > at THEN ' later' ELSE '' END, ', ' ORDER BY at) FROM cdc.log
	WHERE subscription = 'counted' AND kind = 'statement_dml'};
is($cluster->value($logged), '4 later', 'an event that repeats has one row with a count');
is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'counted' AND message = 'options changed'}), 5, '... acts have a row each');
$cluster->do(q{UPDATE cdc_catalog.log SET at = at - interval '61 min' WHERE subscription = 'counted' AND kind = 'statement_dml'});
$statements->do("INSERT INTO shop.b VALUES ($_, 4711)") for 10, 11;
$cluster->call('pull', subscription => 'counted');
is($cluster->value($logged), '4 later, 0', '... and a new row when an hour has passed');
like($cluster->value(q{SELECT detail FROM cdc.log WHERE subscription = 'counted' AND kind = 'statement_dml' LIMIT 1}), qr/INSERT INTO shop\.b.*4711/,
	'the statement is in its detail');
is($as{watcher}->selectrow_array(q{SELECT count(*) FROM cdc.log WHERE subscription = 'counted' AND detail IS NULL AND kind = 'statement_dml'}), 2,
	'... which cdc_monitor does not see');
is($as{owner}->selectrow_array(q{SELECT count(*) FROM cdc.log WHERE subscription = 'counted'}), 0, '... nor others the row');
$cluster->dbh->disconnect;
$cluster->forget;
$cluster->poll(q{SELECT n_tup_hot_upd >= 4 FROM pg_stat_all_tables WHERE relid = 'cdc_catalog.log'::regclass}, 1);
pass('the count is updated in place (HOT)');

# --- a dump has the state, and what is restored shows everybody the same
$cluster->call('disable_subscription', name => $_) for qw(owner other);
$cluster->poll(q{SELECT count(*) FROM cdc.worker_status() WHERE subscription_id <> 0}, 0);
sub contents
{
	my ($db) = @_;
	my @result;
	for my $role ('', sort keys %as)
	{
		my $dbh = $cluster->connect(db => $db, $role ne '' ? (user => $role) : ());
		for my $view (@{ $dbh->selectcol_arrayref(q{SELECT relname FROM pg_class WHERE relnamespace = 'cdc'::regnamespace AND relkind = 'v' ORDER BY 1}) })
		{
			my $columns = $view eq 'stat_subscription' ? q{(to_jsonb(v) - 'lag' - 'state' - 'state_code' - 'oldest_unapplied' - 'seconds_since_message' - 'last_msg_receipt_time' - 'source_clock_ahead' - 'binlog_time_left')::text} : 'v::text';
			push @result, "$role $view $_" for @{ $dbh->selectcol_arrayref("SELECT $columns FROM cdc.$view v ORDER BY 1") };
		}
		$dbh->disconnect;
	}
	return \@result;
}
my $file = $node->basedir . '/dump';
PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-Fc', '-h', $node->host, '-p', $node->port, '-f', $file, 'postgres');
$cluster->do('CREATE DATABASE restored');
PostgreSQL::Test::Utils::system_or_bail('pg_restore', '--exit-on-error', '-h', $node->host, '-p', $node->port, '-d', 'restored', $file);
my $before = contents('postgres');
cmp_ok(@$before, '>', 40, 'there is something to see');
is_deeply(contents('restored'), $before, 'a restored database shows everybody what the old one did');
my $restored = $cluster->connect(db => 'restored');
is($restored->selectrow_array(q{SELECT nextval('cdc_catalog.subscription_id_seq') > max(id) FROM cdc.subscription}), 1, 'numbers go on');

done_testing();
