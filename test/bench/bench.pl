#!/usr/bin/perl
# The benchmarks themselves; started by test/bench/run, as an unprivileged user.
# Results go to standard output, one line each; what is going on to standard error.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use Bench;
use Workload;
use CdcIngest::Process qw(cpu_seconds end_process fork_child own_memory_kb reap wait_until);
use CdcIngest::Server;
use Time::HiRes qw(sleep time);

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);
$| = 1;

my %wanted = map { $_ => 1 } @ARGV ? @ARGV : qw(history apply mapping replica copy latency memory);
my %known = map { $_ => 1 } qw(history apply mapping replica copy latency memory);
for (keys %wanted) { die "no such benchmark: $_ (" . join(' ', sort keys %known) . ")\n" unless $known{$_} }

my ($pg, $dbh) = open_database();

sub add_server
{
	my ($name, $source) = @_;
	$dbh->do("CREATE SERVER $name FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '" . $source->port . q{')});
	$dbh->do("CREATE USER MAPPING FOR CURRENT_USER SERVER $name OPTIONS (user 'root', password '')");
	return;
}

# --- binlog -> history, history -> replica, binlog -> replica

# A table like the replica that cdc_ingest makes, for the hand-written merge.
my $columns = 'id bigint, customer integer, status text, amount numeric(12,2), note varchar(200), created timestamp(0), changed timestamp(6)';
my $typed = join ', ', map { "(event->'data'->>'$_->[0]')::$_->[1]" }
  [ id => 'bigint' ], [ customer => 'integer' ], [ status => 'text' ], [ amount => 'numeric' ],
  [ note => 'text' ], [ created => 'timestamp' ], [ changed => 'timestamp' ];

# COPY of the same events as JSON text into a table like the history.
sub copy_baseline
{
	my ($history, $rows) = @_;
	my $file = $pg->dir . '/events.copy';
	my $list = 'seq, ingested_at, source_ts, source_table, op, position, gtid, event, raw, commit';
	$dbh->do("COPY (SELECT $list FROM $history ORDER BY seq) TO '$file'");
	# The same partitions, the same primary key: what differs is how a row comes in.
	$dbh->do("CREATE TABLE copied (LIKE $history INCLUDING ALL) PARTITION BY RANGE (ingested_at)");
	$dbh->do('CREATE TABLE copied_all PARTITION OF copied DEFAULT');
	my $seconds = measured(sub { $dbh->do("COPY copied ($list) FROM '$file'") });
	die "COPY lost rows\n" if value('SELECT count(*) FROM copied') != $rows;
	$dbh->do('DROP TABLE copied');
	unlink $file;
	return $rows / $seconds;
}

sub bench_history
{
	my ($name, $from) = @_;
	$dbh->do(qq{SELECT cdc.create_subscription('$name', 'w', tables := '{bench.w}', history := 'public.${name}_history',
		copy_data := false, start_position := '$from', enabled := false)});
	my $seconds = measured(sub { $dbh->do("SELECT cdc.pull('$name')") });
	my $rows = value("SELECT count(*) FROM ${name}_history");
	progress('%s: %d events of %d bytes as text in %.2f s', $name, $rows,
		value("SELECT avg(length(event::text)) FROM ${name}_history"), $seconds);
	my $copy = copy_baseline("${name}_history", $rows);
	progress('%s: COPY %.0f events/s', $name, $copy);
	$dbh->do(qq{SELECT cdc.drop_subscription('$name', drop_history := true)});
	return ($rows / $seconds, $copy);
}

# The best that was found by hand: the last event of each key, then a few statements.
sub merge_by_hand
{
	my ($history, $table) = @_;
	$dbh->do("CREATE TEMP TABLE last_event AS
		SELECT DISTINCT ON ((event->'data'->>'id')::bigint) (event->'data'->>'id')::bigint AS key, op, event
		FROM $history WHERE op IN ('c', 'u', 'd') ORDER BY (event->'data'->>'id')::bigint, seq DESC");
	$dbh->do('ANALYZE last_event');
	$dbh->do("INSERT INTO $table SELECT $typed FROM last_event WHERE op <> 'd'
		ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, status = excluded.status,
		amount = excluded.amount, note = excluded.note, created = excluded.created, changed = excluded.changed");
	$dbh->do("DELETE FROM $table t USING last_event l WHERE t.id = l.key AND l.op = 'd'");
	$dbh->do('DROP TABLE last_event');
	return;
}

# Into an empty table one statement is enough, and faster.
sub insert_by_hand
{
	my ($history, $table) = @_;
	$dbh->do("INSERT INTO $table SELECT $typed FROM (
		SELECT DISTINCT ON ((event->'data'->>'id')::bigint) op, event FROM $history
		WHERE op IN ('c', 'u', 'd') ORDER BY (event->'data'->>'id')::bigint, seq DESC) l WHERE op <> 'd'");
	return;
}

sub in_transaction { my ($code) = @_; $dbh->begin_work; $code->(); $dbh->commit; return }

# Events from..to of the history into the replica and, by hand, into by_hand, which
# must then be equal: [ours, by hand].
sub compare_apply
{
	my ($subscription, $name, $from, $to, $replica, $by_hand) = @_;
	my $events = $to - $from + 1;
	my $ours = measured(sub { $dbh->do("SELECT * FROM cdc.apply('$subscription', max_events := $events)") });
	my $history = "(SELECT * FROM ${subscription}_history WHERE seq BETWEEN $from AND $to) h";
	my $hand = measured(sub { in_transaction(sub { $by_hand->($history, 'by_hand') }) });
	my $different = value("SELECT count(*) FROM ((TABLE $replica EXCEPT TABLE by_hand) UNION ALL
		(TABLE by_hand EXCEPT TABLE $replica)) d");
	die "$name: $different rows differ from the hand-written merge\n" if $different;
	progress('%s: %d events, ours %.2f s, by hand %.2f s', $name, $events, $ours, $hand);
	return [ $events / $ours, $events / $hand ];
}

# Returns { name => [ours, by hand] }.
sub bench_apply
{
	my ($w1) = @_;
	my %rates;
	$dbh->do('CREATE SCHEMA replica');
	# One subscription sees both loads after each other, so that the second meets a
	# full replica.
	$dbh->do(qq{SELECT cdc.create_subscription('apply', 'w', tables := '{bench.w}', target_schema := 'replica',
		history := 'public.apply_history', copy_data := false, start_position := '$w1->{from}', enabled := false)});
	$dbh->do("SELECT cdc.pull('apply')");
	my $border = value("SELECT max(seq) FROM apply_history WHERE (event->>'xid') = (SELECT event->>'xid' FROM apply_history
		ORDER BY seq OFFSET $w1->{events} - 1 LIMIT 1)");
	my $last = value('SELECT max(seq) FROM apply_history');
	$dbh->do("CREATE TABLE by_hand ($columns, PRIMARY KEY (id))");
	$dbh->do('ANALYZE apply_history');
	for my $part ([ 'apply_empty', 1, $border ], [ 'apply_full', $border + 1, $last ])
	{
		my ($name, $from, $to) = @$part;
		$rates{$name} = compare_apply('apply', $name, $from, $to, 'replica.w',
			$name eq 'apply_empty' ? \&insert_by_hand : \&merge_by_hand);
	}
	$dbh->do(q{SELECT cdc.drop_subscription('apply', drop_history := true)});
	$dbh->do('DROP TABLE by_hand');
	$dbh->do('DROP SCHEMA replica CASCADE');
	return \%rates;
}

# A run that changes its own rows again, far from where it made them, into an empty
# table.
sub bench_apply_own
{
	my ($own) = @_;
	$dbh->do('CREATE SCHEMA replica');
	$dbh->do(qq{SELECT cdc.create_subscription('own', 'w', tables := '{bench.own}', target_schema := 'replica',
		history := 'public.own_history', copy_data := false, start_position := '$own->{from}', enabled := false)});
	$dbh->do("SELECT cdc.pull('own')");
	$dbh->do('ANALYZE own_history');
	$dbh->do("CREATE TABLE by_hand ($columns, PRIMARY KEY (id))");
	my $rates = compare_apply('own', 'apply_own', value('SELECT min(seq) FROM own_history'),
		value('SELECT max(seq) FROM own_history'), 'replica.own', \&insert_by_hand);
	$dbh->do(q{SELECT cdc.drop_subscription('own', drop_history := true)});
	$dbh->do('DROP TABLE by_hand');
	$dbh->do('DROP SCHEMA replica CASCADE');
	return { apply_own => $rates };
}

# The same events through a mapping with expressions, and through a row filter that all rows
# pass, beside the plain way: { name => [mapped, plain] }.
sub bench_mapping
{
	my ($w1) = @_;
	my %rates;
	$dbh->do(qq{SELECT cdc.create_subscription('map', 'w', tables := '{bench.w}', history := 'public.map_history',
		copy_data := false, start_position := '$w1->{from}', enabled := false)});
	$dbh->do("SELECT cdc.pull('map')");
	$dbh->do('ANALYZE map_history');
	my $same = join ', ', map { qq("$_": "$_") } qw(id customer amount created changed);
	my %arguments = (
		plain => '',
		apply_mapping => qq{, columns := '{$same, "status": {"expr": "upper(status)"}, "note": {"expr": "left(note, 10) || ''***''"}}'},
		apply_filter => q{, row_filter := 'customer >= 0 AND status <> ''lost'''});
	for my $name (qw(plain apply_mapping apply_filter))
	{
		my $events;
		$dbh->do("CREATE TABLE mapped ($columns, PRIMARY KEY (id))");
		my $seconds = measured(sub { $events = value("SELECT cdc.replay('map', 'bench.w', 'mapped'$arguments{$name})") });
		$rates{$name} = $events / $seconds;
		progress('%s: %d events, %d rows in %.2f s', $name, $events, value('SELECT count(*) FROM mapped'), $seconds);
		$dbh->do('DROP TABLE mapped');
	}
	$dbh->do(q{SELECT cdc.drop_subscription('map', drop_history := true)});
	return { map { $_ => [ $rates{$_}, $rates{plain} ] } qw(apply_mapping apply_filter) };
}

# Both sides by turns, the better of two of each.
sub best_of_two
{
	my ($first, $second) = map { $_[0]->() } 1 .. 2;
	for my $name (sort keys %$first)
	{
		result($name, map({ better($first->{$name}[$_], $second->{$name}[$_]) } 0, 1), 'events/s', 'more');
	}
	return;
}

sub bench_replica
{
	my ($source, $name, $range) = @_;
	my @end = split /:/, $range->{to};
	my @start = split /:/, $range->{from};
	my $rows = $range->{events};
	my $decode;
	if ($ENV{CDC_TEST_PYTHON})
	{
		($rows, my $seconds) = split ' ', Workload::output($ENV{CDC_TEST_PYTHON}, "$FindBin::Bin/peers/decode.py",
			$source->port, @start, @end);
		$decode = $rows / $seconds;
		progress('%s: python-mysql-replication decodes %d row events in %.1f s', $name, $rows, $seconds);
	}
	my ($events, $bytes, $raw_seconds) = split ' ', Workload::output($ENV{CDC_READ_RAW}, $source->port, @start, @end);
	my $raw = $rows / $raw_seconds;

	$dbh->do("CREATE SCHEMA $name");
	$dbh->do(qq{SELECT cdc.create_subscription('$name', 'w', tables := '{bench.w}', target_schema := '$name',
		history := 'public.${name}_history', copy_data := false, start_position := '$range->{from}', enabled := false)});
	# The second load finds the first one's rows, as in life.
	$dbh->do('CHECKPOINT');
	my $start_time = time;
	$dbh->do("SELECT cdc.enable_subscription('$name')");
	my $done = wait_until(900, sub { value("SELECT applied_seq >= $rows FROM cdc.subscription_progress WHERE subscription = '$name'") }, 0.01);
	my $took = time - $start_time;
	die "$name: not applied: " . (value(q{SELECT string_agg(last_error, '; ') FROM cdc.subscription_failure}) // '') . "\n" unless $done;
	progress('%s: both workers %.2f s', $name, $took);
	result($name, $rows / $took, $decode, 'row_events/s', 'more') if $decode;
	result("${name}_floor", $rows / $took, $raw, 'row_events/s (baseline: raw reading, nothing decoded)', 'more');
	$dbh->do(qq{SELECT cdc.drop_subscription('$name', drop_history := true)});
	$dbh->do("DROP SCHEMA $name CASCADE");
	return;
}

sub bench_throughput
{
	my $source = CdcIngest::Server->new('mysql56',
		args => [ '--innodb-buffer-pool-size=1G', '--max-binlog-cache-size=4G', '--max-binlog-size=1G' ]);
	add_server('w', $source);
	progress('generating W1 (bulk inserts) and W2 (mixed transactions) on MySQL 5.6');
	my ($w1, $w2) = Workload::generate($source);
	progress('W1 %s to %s, W2 to %s', $w1->{from}, $w1->{to}, $w2->{to});
	# pull goes on to where the source stands, so W1 is measured together with W2.
	if ($wanted{history})
	{
		for my $case ([ history_w2 => $w2 ], [ history_w1_and_w2 => $w1 ])
		{
			my ($name, $range) = @$case;
			best_of_two(sub { return { $name => [ bench_history($name, $range->{from}) ] } });
		}
	}
	best_of_two(sub { bench_apply($w1) }) if $wanted{apply};
	best_of_two(sub { bench_mapping($w1) }) if $wanted{mapping};
	if ($wanted{replica})
	{
		bench_replica($source, 'replica_w2', $w2);
		bench_replica($source, 'replica_w1_and_w2', { from => $w1->{from}, to => $w2->{to}, events => $w1->{events} + $w2->{events} });
	}
	if ($wanted{apply})
	{
		# At the end, as what comes before reads the source's log to its end.
		my $own = Workload::generate_own($source);
		best_of_two(sub { bench_apply_own($own) });
	}
	$source->stop;
	return;
}

# The same without the history, both workers at once, beside the client's rows into COPY of the
# typed table.

sub bench_copy_typed
{
	my ($source, $client, $rows) = @_;
	my @client = (@$client[0 .. $#$client - 1], q{SELECT id, customer, status, amount, note, created, changed FROM copied.w});
	$dbh->do($_) for 'DROP TABLE copied.w', 'TRUNCATE copied.by_hand';
	my $by_hand = measured(sub {
		open my $in, '-|', @client or die "mysql: $!\n";
		$dbh->do('COPY copied.by_hand FROM STDIN');
		local $/ = \1048576;
		while (my $some = <$in>) { $dbh->pg_putcopydata($some) }
		$dbh->pg_putcopyend;
		close $in or die "the client failed\n";
	});
	my $copied = measured(sub {
		$dbh->do(q{SELECT cdc.create_subscription('copied', 'c', tables := '{copied.w}', target_schema := 'copied',
			options := '{"copy_mode": "only", "copy_history": false}')});
		$dbh->do(q{SELECT cdc.wait_for('copied', timeout := '1 hour')});
	});
	progress('copy_typed: by hand %.1f s, cdc_ingest %.1f s', $by_hand, $copied);
	die "copy_typed: rows differ\n" if value('SELECT count(*) FROM ((TABLE copied.w EXCEPT TABLE copied.by_hand) UNION ALL (TABLE copied.by_hand EXCEPT TABLE copied.w)) d');
	result('copy_typed', $rows / $copied, $rows / $by_hand, 'rows/s, copy_history off (baseline: mysql --quick into COPY of typed rows)');
	$dbh->do(q{SELECT cdc.drop_subscription('copied', drop_history := true)});
	return;
}

# --- verify: the copied table beside its copy; CPU of the source for it, beside that of a
# sequential scan which adds up a hash of the columns

sub cpu_of { my ($pid, $code) = @_; my $before = cpu_seconds($pid); my $took = measured($code); return (cpu_seconds($pid) - $before, $took) }

sub bench_verify
{
	my ($source, $rows, $copy) = @_;
	$dbh->do($_) for q{SELECT cdc.pull('copied')}, q{SELECT * FROM cdc.apply('copied')};
	my $columns = q{CONCAT_WS('#', id, customer, status, amount, note, created, changed)};
	my ($crc) = cpu_of($source->{pid}, sub { $source->value("SELECT SUM(CRC32($columns)) FROM copied.w") });
	my ($scan) = cpu_of($source->{pid}, sub {
		$source->value("SELECT SUM(CAST(CONV(LEFT(SHA2($columns, 256), 16), 16, 10) AS UNSIGNED)) FROM copied.w") });
	my ($cpu, $took) = cpu_of($source->{pid}, sub {
		die "verify: rows differ\n" if value(q{SELECT count(*) FROM cdc.verify('copied') WHERE kind <> 'equal'}) });
	die "verify: rows were read\n" if value('SELECT sum(rows_read) FROM cdc.verification') != 0;
	progress('verify: %.1f s; CPU of the source %.1f s, a scan with SHA2 %.1f s, with CRC32 %.1f s', $took, $cpu, $scan, $crc);
	result('verify', $rows / $took, $rows / $copy, 'rows/s (baseline: the copy)');
	result('verify_source', $cpu, $scan, 's of CPU of the source (baseline: sequential scan with SHA2)', 'less');
	return;
}

# --- copy: a table into history and replica, beside the client's rows as JSON into COPY,
# and the hand-written INSERT ... SELECT from that

sub bench_copy
{
	my $rows = size(CDC_BENCH_COPY_ROWS => 2_000_000);
	my $source = CdcIngest::Server->new('mysql56', args => ['--innodb-buffer-pool-size=1G']);
	add_server('c', $source);
	$source->do('CREATE DATABASE copied CHARACTER SET utf8mb4', Workload::table_sql('copied.w'));
	Workload::fill($source->dbh, 'copied.w', $rows);
	my $json = q{SELECT CONCAT('{"data":{"id":', id, ',"customer":', customer, ',"status":"', status, '","amount":', amount,
		',"note":"', note, '","created":"', created, '","changed":"', changed, '"},"type":"bootstrap-insert","table":"w","database":"copied"}') FROM copied.w};
	$json =~ s/\s+/ /g;
	$dbh->do($_) for 'CREATE SCHEMA copied', 'CREATE TABLE copied.events (seq bigserial PRIMARY KEY, event jsonb)', "CREATE TABLE copied.by_hand ($columns, PRIMARY KEY (id))";
	my @client = ('mysql', '--no-defaults', '-h127.0.0.1', '-uroot', '-P' . $source->port, '--quick', '--raw', '-N', '--default-character-set=utf8mb4', '-e', $json);
	my $history = measured(sub {
		open my $in, '-|', @client or die "mysql: $!\n";
		$dbh->do('COPY copied.events (event) FROM STDIN');
		local $/ = \1048576;
		while (my $some = <$in>) { $dbh->pg_putcopydata($some) }
		$dbh->pg_putcopyend;
		close $in or die "the client failed\n";
	});
	my $replica = measured(sub { $dbh->do("INSERT INTO copied.by_hand SELECT $typed FROM copied.events") });
	progress('copy: by hand %.1f s into the history, %.1f s into the replica', $history, $replica);
	die "copy: the client lost rows\n" if value('SELECT count(*) FROM copied.by_hand') != $rows;
	$dbh->do('DROP TABLE copied.events');
	$dbh->do(q{SELECT cdc.create_subscription('copied', 'c', tables := '{copied.w}', target_schema := 'copied', enabled := false)});
	my $pull = measured(sub { $dbh->do(q{SELECT cdc.pull('copied')}) });
	my $apply = measured(sub { $dbh->do(q{SELECT * FROM cdc.apply('copied')}) });
	progress('copy: cdc_ingest %.1f s into the history, %.1f s into the replica', $pull, $apply);
	die "copy: rows differ\n" if value('SELECT count(*) FROM ((TABLE copied.w EXCEPT TABLE copied.by_hand) UNION ALL (TABLE copied.by_hand EXCEPT TABLE copied.w)) d');
	result('copy', $rows / ($pull + $apply), $rows / ($history + $replica), 'rows/s (baseline: mysql --quick into COPY, INSERT ... SELECT)');
	bench_verify($source, $rows, $pull + $apply);
	result('copy_history', $rows / $pull, $rows / $history, 'rows/s (baseline: mysql --quick into COPY)');
	$dbh->do(q{SELECT cdc.drop_subscription('copied', drop_history := true)});
	bench_copy_typed($source, \@client, $rows);
	$source->stop;
	return;
}

# --- latency

sub worker_pids
{
	my ($name) = @_;
	my @pids;
	wait_until(60, sub {
			@pids = $dbh->selectrow_array("SELECT pull_pid, apply_pid FROM cdc.stat_subscription WHERE subscription = '$name'");
			return $pids[0] && $pids[1];
		}) or die "no workers\n";
	return @pids;
}

sub bench_latency
{
	my $rate = 500;
	my $duration = $ENV{CDC_BENCH_LATENCY_SECONDS} // 60;
	my $source = CdcIngest::Server->new('mysql56');
	add_server('l', $source);
	$source->do('CREATE DATABASE lat', 'CREATE TABLE lat.t (id int PRIMARY KEY, v varchar(100), a decimal(10,2))');
	$dbh->do('CREATE SCHEMA lat');
	$dbh->do(q{SELECT cdc.create_subscription('lat', 'l', tables := '{lat.*}', target_schema := 'lat')});
	$dbh->do(q{SELECT cdc.wait_for('lat')});
	my @pids = worker_pids('lat');
	my $cpu = cpu_seconds($pids[0]) + cpu_seconds($pids[1]);
	progress("latency: $rate transactions a second for $duration s");
	my ($writer, $commits) = Workload::pipe_child(sub { Workload::write_at_rate($source, $rate, $duration, $_[0]) });
	my (%committed, %seen);
	my ($last, $total) = (0, $rate * $duration);
	# The reader looks each millisecond; what it sees is visible at that moment.
	my $sth = $dbh->prepare('SELECT max(id) FROM lat.t');
	my $deadline = time + $duration + 30;
	while ($last < $total && time < $deadline)
	{
		$sth->execute;
		my ($max) = $sth->fetchrow_array;
		my $now = time;
		$sth->finish;
		if (($max // 0) > $last) { $seen{$_} = $now for $last + 1 .. $max; $last = $max }
		sleep 0.001;
	}
	$cpu = cpu_seconds($pids[0]) + cpu_seconds($pids[1]) - $cpu;
	while (<$commits>) { my ($id, $time) = split; $committed{$id} = $time }
	reap($writer, 30);
	die "latency: only $last of $total arrived\n" if $last < $total;
	my @ms = sort { $a <=> $b } map { ($seen{$_} - $committed{$_}) * 1000 } keys %seen;
	progress('latency: p50 %.1f p90 %.1f p99 %.1f max %.1f ms', map { $ms[ $_ * $#ms ] } 0.5, 0.9, 0.99, 1);
	result('latency_p50', $ms[ 0.5 * $#ms ], 15, 'ms (baseline: the bound)', 'less');
	result('latency_p99', $ms[ 0.99 * $#ms ], 50, 'ms (baseline: the bound)', 'less');
	result('latency_cpu', $cpu * 60 / $duration, 5, 's of CPU of both workers in 60 s (baseline: the bound)', 'less');
	$dbh->do(q{SELECT cdc.drop_subscription('lat')});
	$source->stop;
	return;
}

# --- memory

sub bench_memory
{
	my $rows = size(CDC_BENCH_MEMORY_ROWS => 2_000_000);
	my $source = CdcIngest::Server->new('mysql56',
		args => [ '--innodb-buffer-pool-size=512M', '--max-binlog-cache-size=4G' ]);
	add_server('m', $source);
	$source->do('CREATE DATABASE mem', 'CREATE TABLE mem.t (id int PRIMARY KEY, a int, v varchar(60), w decimal(10,2))',
		'CREATE TABLE mem.digit (d int PRIMARY KEY)', 'INSERT INTO mem.digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)');
	$dbh->do('CREATE SCHEMA mem');
	$dbh->do(q{SELECT cdc.create_subscription('mem', 'm', tables := '{mem.t}', target_schema := 'mem')});
	$dbh->do(q{SELECT cdc.wait_for('mem')});
	my ($pull, $apply) = worker_pids('mem');
	my $idle = $pg->connect;
	$idle->selectrow_array('SELECT count(*) FROM pg_class');
	my $base = own_memory_kb($idle->{pg_pid});
	progress("memory: one transaction of $rows rows");
	my $digits = join ', ', map { "mem.digit d$_" } 0 .. 6;
	my $number = join ' + ', map { "d$_.d * " . 10**$_ } 0 .. 6;
	$source->do("INSERT INTO mem.t SELECT n, n % 1000, concat('value of row ', n), n / 100
		FROM (SELECT $number AS n FROM $digits) x WHERE n BETWEEN 1 AND $rows");
	my %peak = (pull => 0, apply => 0);
	my %pid = (pull => $pull, apply => $apply);
	my $deadline = time + 900;
	for (my $done = 0; !$done;)
	{
		die "memory: does not catch up\n" if time > $deadline;
		for (keys %pid) { my $kb = own_memory_kb($pid{$_}); $peak{$_} = $kb if $kb > $peak{$_} }
		$done = value(q{SELECT cdc.wait_for('mem', timeout := '100 ms')});
	}
	die "memory: rows are missing\n" if value('SELECT count(*) FROM mem.t') != $rows;
	for (qw(pull apply))
	{
		die "memory: the $_ worker did not survive\n" unless -e "/proc/$pid{$_}";
		result("memory_$_", ($peak{$_} - $base) / 1024, 100, 'MB above an idle backend (baseline: the bound)', 'less');
	}
	$dbh->do(q{SELECT cdc.drop_subscription('mem', drop_history := true)});
	$source->stop;
	return;
}

warm_up() unless "@{[ sort keys %wanted ]}" eq 'memory';
bench_throughput() if $wanted{history} || $wanted{apply} || $wanted{mapping} || $wanted{replica};
bench_copy() if $wanted{copy};
bench_latency() if $wanted{latency};
bench_memory() if $wanted{memory};
close_database();
