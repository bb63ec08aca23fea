# Whatever a source answers to whatever it is asked: an error that names the question, or
# no harm; never a crash, a hang or a process that grows.
# Takes 250 s.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::FakeMysql;
use CdcIngest::Process qw(fork_child reap wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('answers', conf => "restart_after_crash = on\n");
my $started = $cluster->value('SELECT pg_postmaster_start_time()');
my ($proxy, $source);

# What an answer may become.  Those of the first list are tried on every question, of the
# others a few each; CDC_TEST_SWEEP=full tries all.
my @shapes = qw(fewer null ok utf8 words);
my @others = ('more', 'short_rows', 'empty', 'nul', 'numbers', 'blank', 'names', 'error', 'short_error', 'infile', 'cut', 'garbage',
	'many_columns:4097', 'many_columns:4294967296', 'many_columns:1152921504606846976', 'endless_columns', 'endless', 'null:0', 'null:1');
my $OTHERS = 2;
# A copy of a table has no end that could be known.
my $TABLE = qr/^SELECT `/;
# Newer servers add columns to these.
my $LAST_UNUSED = qr/^SHOW (?:MASTER|SLAVE|REPLICA|BINARY|BINLOG|FULL PROCESSLIST|PROCESSLIST|CREATE|KEYS)/;
# Nothing rests on what these say.
my $LOOKED_AT = qr/^SHOW (?:SLAVE HOSTS|REPLICAS)/;
# What cannot be taken for an answer.
my $BAD = qr/^(fewer|ok|short_rows|infile|cut|garbage|many_columns|endless)/;

sub pattern_of
{
	my ($sql) = @_;
	my $pattern = quotemeta $sql;
	$pattern =~ s/\\'.*?\\'/'.*?'/g;
	$pattern =~ s/(?<![\w@])\d+/\\d+/g;
	return "^$pattern\$";
}

# One run of an action: error (with SQLSTATE before it), or ''; seconds.
sub run
{
	my ($action) = @_;
	my $dbh = $cluster->connect;
	local $dbh->{pg_errorlevel} = 2;
	my $begun = time;
	my $ok = eval { $dbh->do($_) for @$action; 1 };
	my $error = $ok ? '' : ($dbh->state // '') . ' ' . ($dbh->errstr // $@);
	my $seconds = time - $begun;
	eval { $dbh->disconnect };
	return ($error, $seconds);
}

my ($runs, $rotation) = (0, 0);
my %unharmed;

# before: what makes the action possible (again); action: statements; after: what undoes it.
sub sweep
{
	my ($name, $action, %steps) = @_;
	my $clean = sub {
		$proxy->falsify(undef);
		run($_) for @{ $steps{after} // [] };
		for my $step (@{ $steps{before} // [] })
		{
			my ($error) = run($step);
			BAIL_OUT("$name: @$step: $error") if $error;
		}
		$proxy->queries;
	};
	$clean->();
	my ($error) = run($action);
	is($error, '', "$name: as it should be");
	my (%seen, @questions);
	for my $query ($proxy->queries)
	{
		my ($sql, $columns, $rows) = @$query;
		push @questions, [ $sql, pattern_of($sql), $columns, $rows ] unless $seen{ pattern_of($sql) }++;
	}
	cmp_ok(scalar @questions, '>', 4, "$name asks " . scalar(@questions) . ' questions');

	for my $question (@questions)
	{
		my ($sql, $pattern, $columns, $rows) = @$question;
		my $short = length $sql > 70 ? substr($sql, 0, 67) . '...' : $sql;
		my @some = ($ENV{CDC_TEST_SWEEP} // '') eq 'full' ? @others : map { $others[ $rotation++ % @others ] } 1 .. $OTHERS;
		# A statement without rows has no cells to be changed.
		my @kinds = grep { $columns || /^(error|short_error|infile|cut|garbage|many|endless)/ } @shapes, @some;
		@kinds = grep { $_ ne 'endless' } @kinds if $sql =~ $TABLE;
		my @trouble;
		for my $kind (@kinds)
		{
			$clean->();
			$proxy->falsify($kind, qr/$pattern/);
			my ($error, $seconds) = run($action);
			next unless $proxy->falsify(undef);    # another way was taken this time
			$runs++;
			if ($error =~ /server closed the connection|terminat|server process/)
			{
				push @trouble, "$kind: the server crashed: $error";
				$cluster->forget;
				wait_until(60, sub { eval { $cluster->value('SELECT 1') } });
			}
			push @trouble, sprintf('%s: took %.1f s', $kind, $seconds) if $seconds > 12;
			push @trouble, "$kind: internal: $error" if $error =~ /^XX/;
			push @trouble, "$kind: no error" if !$error && $kind =~ $BAD && !($kind eq 'fewer' && $sql =~ $LAST_UNUSED) &&
			  !($kind =~ /^(fewer|ok|short_rows)$/ && $sql =~ $LOOKED_AT);
			push @trouble, "$kind: names nothing: $error" if $error && $error !~ /server "(?:source|127\.0\.0\.1:\d+)"/ && $kind =~ $BAD;
			push @trouble, "$kind: control characters: $error" if $error =~ /[\x00-\x08\x0b-\x1f\x7f]/;
			push @trouble, "$kind: long: " . length $error if length $error > 4000;
			note "$name: $short: $kind: $error";
		}
		is_deeply(\@trouble, [], "$name: $short");
	}
	$clean->();
	return;
}

# The most memory that a process has had, in MB.
sub peak_mb
{
	my ($pid) = @_;
	my ($kb) = PostgreSQL::Test::Utils::slurp_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
	return $kb / 1024;
}

# Bounds of memory and time, and cancel.
sub limits
{
	my ($flavour, $create, $after) = @_;
	my %question = (
		'while connecting' => qr/^SELECT \@\@global.version/,
		'a list' => qr/^SELECT TABLE_SCHEMA, TABLE_NAME FROM/,
		'a definition' => qr/^SELECT 'column'/);
	for my $what (sort keys %question)
	{
		for my $kind (qw(endless endless_columns huge slow:0.3))
		{
			run($_) for @$after;
			my $dbh = $cluster->connect;
			$dbh->do($create->[0]);
			$proxy->falsify($kind, $question{$what});
			my $before = peak_mb($dbh->{pg_pid});
			my $begun = time;
			ok(!eval { $dbh->do($create->[1]); 1 }, "$flavour, $what, $kind: an error");
			note $dbh->errstr // '';
			like($dbh->errstr, qr/server "(?:source|127\.0\.0\.1:\d+)"|MySQL server did not answer/, '... that names the server');
			cmp_ok(time - $begun, '<', 15, '... soon');
			cmp_ok(peak_mb($dbh->{pg_pid}) - $before, '<', 256, '... and no more than 256 MB');
			$proxy->falsify(undef);
			$dbh->disconnect;
		}
	}

	# it says that it works on it
	run($_) for @$after;
	run([ $create->[0] ]);
	$proxy->falsify('slow:2', $question{'a list'}, busy => \1);
	my ($error, $seconds) = run([ $create->[1] ]);
	like($error, qr/has not answered.*the list of tables/s, "$flavour: who says that he is busy has query_timeout");
	cmp_ok($seconds, '>', 3.5, '... and has it whole');
	cmp_ok($seconds, '<', 12, '... and no longer');

	for my $what (sort keys %question)
	{
		$proxy->falsify('slow:2', $question{$what}, busy => \1);
		my $dbh = $cluster->connect;
		my $pid = $dbh->{pg_pid};
		my $child = fork_child(sub { sleep 1; $cluster->connect->do("SELECT pg_cancel_backend($pid)") });
		my $begun = time;
		eval { $dbh->do($create->[1]) };
		like($dbh->errstr, qr/cancel/, "$flavour, $what: cancel");
		cmp_ok(time - $begun, '<', 2.5, '... within a second');
		reap($child, 10);
		$dbh->disconnect;
	}
	$proxy->falsify('endless', $TABLE);
	run($create);
	my $dbh = $cluster->connect;
	$dbh->do(q{SET statement_timeout = '2s'});
	my $before = peak_mb($dbh->{pg_pid});
	my $begun = time;
	eval { $dbh->do(q{SELECT cdc.pull('s')}) };
	ok($dbh->errstr, "$flavour: a table without an end");
	cmp_ok(time - $begun, '<', 4, '... is left when told to');
	cmp_ok(peak_mb($dbh->{pg_pid}) - $before, '<', 256, '... and is not held in memory');
	$proxy->falsify(undef);
	run($_) for @$after;
	return;
}

for my $flavour ('mariadb', 'mysql97', 'mysql56')
{
	next unless CdcIngest::Server->available($flavour);
	next if ($ENV{CDC_TEST_SERVER} // $flavour) ne $flavour;
	$source = CdcIngest::Server->new($flavour);
	$proxy = CdcIngest::FakeMysql->proxy($source->port);
	$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(20), j longtext)',
		q{INSERT INTO shop.t VALUES (1, 'one', '{}'), (2, 'two', NULL)}, 'CREATE TABLE shop.keyless (v int)', 'INSERT INTO shop.keyless VALUES (1)',
		'CREATE TABLE shop.part (id int PRIMARY KEY) ENGINE=MyISAM', 'CREATE DATABASE other', 'CREATE TABLE other.merged (id int PRIMARY KEY) ENGINE=MERGE UNION=(shop.part)');
	$cluster->do('DROP SERVER IF EXISTS source CASCADE');
	# Without TLS: the cdc user of these servers has what each can do without.
	my %user = $flavour eq 'mysql97' ? (user => 'plain', password => '') : ();
	$source->do(q{CREATE USER plain@'%' IDENTIFIED BY ''}, q{GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO plain@'%'}) if %user;
	$cluster->add_source('source', $proxy->port, ssl_mode => 'DISABLED', heartbeat_interval => '1s', query_timeout => '4s', connect_timeout => '4s', %user);
	my $gone = [ q{SELECT cdc.drop_subscription('s', drop_history := true)}, 'DROP SCHEMA IF EXISTS shop CASCADE' ];
	my $create = [ 'CREATE SCHEMA IF NOT EXISTS shop', q{SELECT cdc.create_subscription('s', 'source', ARRAY['shop.*'], target_schema := 'shop', enabled := false)} ];
	my $again = [ [ $gone->[1] ] ];
	my @after = ([ $gone->[0] ], [ $gone->[1] ]);

	# what it says of the connection itself is in its rows
	sweep("$flavour, check_server", [q{DO $$ DECLARE bad text; BEGIN
		SELECT string_agg(detail, ' ') INTO bad FROM cdc.check_server('source')
			WHERE NOT ok AND check_name IN ('reachable', 'connection', 'authentication');
		IF bad IS NOT NULL THEN RAISE EXCEPTION '%', bad; END IF; END $$}]);
	sweep("$flavour, create_subscription", $create, after => \@after);
	# Of MySQL 5.6 a copy asks what others are at; a false answer makes it wait a minute
	# for them, as it should: its pulls are tried where somebody waits for the result.
	if ($flavour ne 'mysql56' || ($ENV{CDC_TEST_SERVER} // '') eq 'mysql56')
	{
		sweep("$flavour, the first pull", [q{SELECT cdc.pull('s')}], before => [$create], after => \@after);
		sweep("$flavour, a later pull", [q{SELECT cdc.pull('s')}], before => [ $create, [q{SELECT cdc.pull('s')}] ], after => \@after);
	}
	sweep("$flavour, wait_for", [q{SELECT cdc.wait_for('s', timeout := '1 s', tables := '{shop.t}')}],
		before => [ $create, [q{SELECT cdc.pull('s')}, q{SELECT count(*) FROM cdc.apply('s')}] ], after => \@after)
	  if $flavour eq 'mariadb';
	limits($flavour, $create, \@after) if $flavour ne 'mysql56';
	run($_) for @after;
	$proxy->stop;
	$source->stop;
}
cmp_ok($runs, '>', 100, "$runs falsified answers");
unlike(PostgreSQL::Test::Utils::slurp_file($cluster->node->logfile), qr/was terminated by signal|server process/, 'no process crashed');
is($cluster->value('SELECT pg_postmaster_start_time()'), $started, 'the database ran all the time');
$cluster->node->stop('fast');
done_testing();
