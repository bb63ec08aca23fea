# A PostgreSQL cluster with cdc_ingest for a TAP test, and what such a test asks
# of it again and again.
package CdcIngest::Cluster;

use strict;
use warnings;

use Carp;
use DBI;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);
use CdcIngest::Compare qw(compare_table source_tables);
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

# The time in which everything that a test waits for must have happened.
our $PATIENCE = 120;

# Options: preload (1), conf (text), streaming (for a standby), initdb (arguments).
sub new
{
	my ($class, $name, %opt) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(
		allows_streaming => $opt{streaming} ? 1 : 0,
		extra => $opt{initdb} // [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cdc_ingest'\n")
	  if $opt{preload} // 1;
	# Test::Cluster turns fsync off; a killed process loses nothing by that.
	$node->append_conf('postgresql.conf', "max_worker_processes = 24\nlog_statement = none\n" . ($opt{conf} // ''));
	$node->start;
	my $self = bless { node => $node, db => $opt{db} // 'postgres' }, $class;
	$self->do('CREATE EXTENSION cdc_ingest') unless $opt{bare};
	return $self;
}

# The same for a node made in another way (a standby, say).
sub of_node { my ($class, $node) = @_; return bless { node => $node, db => 'postgres' }, $class }

sub node { return $_[0]{node} }

sub connect
{
	my ($self, %opt) = @_;
	my $node = $self->{node};
	my $db = $opt{db} // $self->{db};
	my $dbh = DBI->connect(
		sprintf('dbi:Pg:dbname=%s;host=%s;port=%s', $db, $node->host, $node->port),
		$opt{user} // '', '',
		{
			RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoCommit => 1,
			AutoInactiveDestroy => 1, pg_enable_utf8 => 1
		});
	$dbh->do(q{SET client_min_messages = warning}) unless $opt{notices};
	return $dbh;
}

# The test's own connection, made again when the server has gone.
sub dbh
{
	my ($self) = @_;
	$self->{dbh} = $self->connect unless $self->{dbh} && $self->{dbh}->ping;
	return $self->{dbh};
}

# Waits until the server takes connections (again), and goes on with a new one.
sub wait_up
{
	my ($self) = @_;
	$self->forget;
	wait_until(60, sub { eval { $self->value('SELECT 1') } }) or die 'the server does not come up';
	return;
}

# Kills a worker of a subscription ("pull", "apply") with SIGKILL, upon which PostgreSQL ends
# all its processes; comes back when that is over and it takes connections again.
sub kill_worker
{
	my ($self, $name, $kind) = @_;
	my $witness = eval { $self->connect } or return $self->wait_up;
	my $pid = eval { $witness->selectrow_array("SELECT ${kind}_pid FROM cdc.stat_subscription WHERE subscription = ?", undef, $name) };
	# (one that ended by itself meanwhile takes nobody with it)
	wait_until(15, sub { !$witness->ping }) if $pid && kill 'KILL', $pid;
	$self->wait_up;
	return;
}

sub forget { my ($self) = @_; undef $_[0]{dbh}; return }
sub do { my ($self, @sql) = @_; $self->dbh->do($_) for @sql; return }
sub rows { my ($self, $sql, @bind) = @_; return $self->dbh->selectall_arrayref($sql, undef, @bind) }
sub value { my ($self, $sql, @bind) = @_; return scalar $self->dbh->selectrow_array($sql, undef, @bind) }

# The error of a statement that must fail, with detail and hint; '' otherwise.
sub error_of
{
	my ($self, $sql, $dbh) = @_;
	$dbh //= $self->dbh;
	return '' if eval { local $dbh->{pg_errorlevel} = 2; $dbh->do($sql); 1 };
	return $dbh->errstr // $@;
}

# What a statement says in NOTICEs and WARNINGs.
sub notices_of
{
	my ($self, $sql) = @_;
	my $dbh = $self->connect(notices => 1);
	my @said;
	local $SIG{__WARN__} = sub { push @said, @_ };
	local $dbh->{PrintWarn} = 1;
	local $dbh->{pg_errorlevel} = 2;
	$dbh->do($sql);
	$dbh->disconnect;
	return join '', @said;
}

# A foreign server and the user mapping for it.
sub add_source
{
	my ($self, $name, $source, %options) = @_;
	%options = (host => '127.0.0.1', port => ref $source ? $source->port : $source, %options);
	my $user = delete $options{user} // $CdcIngest::Server::CDC_USER;
	my $password = delete $options{password} // $CdcIngest::Server::CDC_PASSWORD;
	my $dbh = $self->dbh;
	my $list = join ', ', map { "$_ " . $dbh->quote($options{$_}) } sort keys %options;
	my $server = $dbh->quote_identifier($name);
	$self->do(
		"CREATE SERVER $server FOREIGN DATA WRAPPER cdc_mysql OPTIONS ($list)",
		"CREATE USER MAPPING FOR CURRENT_USER SERVER $server OPTIONS (user "
		  . $dbh->quote($user) . ', password ' . $dbh->quote($password) . ')');
	return;
}

# The call of a function of the schema cdc with named arguments as SQL text.
sub call_sql
{
	my ($self, $function, %arguments) = @_;
	my $dbh = $self->dbh;
	my $sql = sub {
		my ($v) = @_;
		return 'NULL' unless defined $v;
		return 'ARRAY[' . join(', ', map { $dbh->quote($_) } @$v) . ']::text[]' if ref $v eq 'ARRAY';
		return $$v if ref $v eq 'SCALAR';    # \'true': as it is
		return $dbh->quote($v);
	};
	return "SELECT cdc.$function("
	  . join(', ', map { "$_ := " . $sql->($arguments{$_}) } sort keys %arguments) . ')';
}

sub call { my ($self, @args) = @_; return $self->value($self->call_sql(@args)) }

# Subscription $name of source $server, its tables replicated into $schema.
sub subscribe
{
	my ($self, $name, $server, $schema, %arguments) = @_;
	$self->do('CREATE SCHEMA IF NOT EXISTS ' . $self->dbh->quote_identifier($schema))
	  if defined $schema;
	$self->call('create_subscription', name => $name, server => $server,
		target_schema => $schema, %arguments);
	return;
}

# Until the targets contain what the source has now, but for tables in error; gives up with
# the reason, and early when a worker only fails.
sub catch_up
{
	my ($self, $subscription, $patience) = @_;
	my $deadline = time + ($patience // $PATIENCE);
	my $failing = "SELECT max(failures) >= 6 FROM cdc.subscription_failure WHERE subscription = ?";
	while (1)
	{
		my $done = eval { $self->value("SELECT cdc.wait_for(?, timeout := '1 s', tables :=
			(SELECT array_agg(source_table) FROM cdc.subscription_table WHERE subscription = ? AND state <> 'e'))",
				$subscription, $subscription) };
		return if $done;
		my $error = $@;
		last if $error && $error =~ /does not exist/;
		last if time > $deadline || eval { $self->value($failing, $subscription) };
		sleep 0.2 if $error;
	}
	give_up("subscription $subscription does not catch up: $@\n" . $self->state_of($subscription));
	return;
}

# The same without workers: pulls and applies until all its tables are ready.
sub pull_and_apply
{
	my ($self, $subscription) = @_;
	for (1 .. 30)
	{
		$self->do("SELECT cdc.pull('$subscription')", "SELECT * FROM cdc.apply('$subscription')");
		last if $self->value(q{SELECT count(*) FROM cdc.subscription_table WHERE subscription = ? AND state <> 'r'}, $subscription) == 0;
	}
	return;
}

# A topic and a subscription of the same name, of server bus and into a schema of that name, which goes on by hand.
sub subscribe_topic
{
	my ($self, $kafka, $name, $format, %opt) = @_;
	$kafka->create_topic($name, delete $opt{partitions} // 1);
	$self->do("CREATE SCHEMA IF NOT EXISTS $name", @{ delete $opt{first} // [] });
	$self->call('create_subscription', name => $name, server => 'bus', topics => [$name], format => $format, target_schema => $name, enabled => \'false', %opt);
	return;
}

# Pulls and applies messages of such a one; returns the error.
sub follow_topic
{
	my ($self, $kafka, $name, @messages) = @_;
	$kafka->produce($name, \@messages) if @messages;
	my $error = $self->error_of("SELECT cdc.pull('$name')");
	return $error eq '' ? $self->error_of("SELECT * FROM cdc.apply('$name')") : $error;
}

# The end of a test that makes no sense to go on with.  (What a subtest dies with is
# not shown by Test::More.)
sub give_up
{
	my ($why) = @_;
	diag $why;
	die "giving up\n";
}

# For a diagnosis: everything that is known of a subscription.
sub state_of
{
	my ($self, $subscription) = @_;
	my $text = '';
	for my $view (qw(subscription_failure subscription_position subscription_progress subscription_table))
	{
		my $more = $view eq 'subscription_table' ? q{AND state <> 'r' LIMIT 3} : '';
		my $rows = eval { $self->dbh->selectall_arrayref(
				"SELECT to_json(v)::text FROM cdc.$view v WHERE subscription = ? $more", undef, $subscription) };
		$text .= join '', map { "$view: $_->[0]\n" } @{ $rows // [] };
	}
	return $text;
}

# Until the query gives the value; dies with what it gave instead.
sub poll
{
	my ($self, $sql, $wanted, $patience) = @_;
	my $got;
	wait_until(
		$patience // $PATIENCE,
		sub {
			$got = eval { $self->value($sql) };
			return defined $got && $got eq $wanted;
		}) and return 1;
	give_up('still ' . ($got // "($@)") . " and not $wanted: $sql");
}

# The process id of a subscription's worker: 'pull' or 'apply'.
sub worker_pid
{
	my ($self, $subscription, $kind) = @_;
	my $pid;
	wait_until(
		$PATIENCE,
		sub {
			$pid = eval { $self->value(
					"SELECT ${kind}_pid FROM cdc.stat_subscription WHERE subscription = ?", $subscription) };
		}) or give_up("no $kind worker of $subscription:\n" . $self->state_of($subscription));
	return $pid;
}

# One test: all tables of a source database are the same here.
sub compare_ok
{
	my ($self, $source, $database, $schema, $name, %opt) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $from = $source->connect;
	my $to = $self->connect;
	my (@differences, $tables);
	my $rows = 0;
	for my $table (source_tables($from, $database))
	{
		next if $opt{only} && !grep { $_ eq $table->[1] } @{ $opt{only} };
		next if $opt{except} && grep { $_ eq $table->[1] } @{ $opt{except} };
		my $target = join '.', map { $to->quote_identifier($_) }
		  $schema, CdcIngest::Compare::replica_name($table->[1]);
		push @differences, compare_table($from, $to, $table, $target, %opt, count => \$rows);
		$tables++;
	}
	$from->disconnect;
	$to->disconnect;
	push @differences, "no table in $database" unless $tables;
	return ok(!@differences, ($name // "source $database and target $schema are identical") . " ($rows rows)")
	  || diag(join "\n", @differences);
}

sub history_of
{
	my ($self, $subscription) = @_;
	return $self->value('SELECT history FROM cdc.subscription WHERE name = ?', $subscription);
}

# One test: the history has no gap and no event twice, and each transaction lies
# in it once and whole.
sub history_ok
{
	my ($self, $subscription, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $history = $self->history_of($subscription);
	my @wrong;
	my ($n, $distinct, $min, $max) = @{ $self->rows(
			"SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM $history")->[0] };
	push @wrong, "$n rows, $distinct seqs from $min to $max"
	  if $n && ($n != $distinct || $min != 1 || $max != $n);
	my ($last) = $self->value(
		'SELECT last_seq FROM cdc.subscription_position WHERE subscription = ?', $subscription);
	push @wrong, "position says last_seq $last, history has " . ($max // 0) if $last != ($max // 0);
	my $doubled = $self->rows(
		"SELECT gtid, position, event->>'xid', event->>'xoffset', count(*) FROM $history
		 WHERE op IN ('c', 'u', 'd') GROUP BY 1, 2, 3, 4 HAVING count(*) > 1 LIMIT 5");
	push @wrong, map { 'twice: ' . join ' ', map { $_ // '-' } @$_ } @$doubled;
	# Between two rows with "commit" lies one transaction.  Its rows are numbered from
	# 0; as in Maxwell's output the last one has "commit" in place of its number.  One of
	# a table without transactions has no xid, and perhaps no GTID either.
	my $split = $self->rows(
		"SELECT min(seq), max(seq), count(*), count(DISTINCT coalesce(gtid, xid, '')), min(x), max(x)
		 FROM (SELECT seq, gtid, event->>'xid' AS xid, (event->>'xoffset')::bigint AS x,
		              coalesce(sum(commit::int) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING
		                                              AND 1 PRECEDING), 0) AS transaction
		       FROM $history WHERE op IN ('c', 'u', 'd')) AS e
		 GROUP BY transaction
		 HAVING count(DISTINCT coalesce(gtid, xid, '')) <> 1 OR coalesce(min(x), 0) <> 0
		     OR coalesce(max(x), -1) <> count(*) - 2 LIMIT 5");
	push @wrong, map { 'not whole: ' . join ' ', map { $_ // '-' } @$_ } @$split;
	push @wrong, 'the last transaction has no end'
	  if defined $self->value("SELECT 1 FROM (SELECT commit FROM $history WHERE op IN ('c', 'u', 'd')
		 ORDER BY seq DESC LIMIT 1) AS l WHERE NOT commit");
	return ok(!@wrong, $name // "history of $subscription: no gap, nothing twice, transactions whole")
	  || diag(join "\n", @wrong);
}

1;
