# Random tables of all types and random changes at the source (the generator of
# test/roundtrip): copied and streamed into replicas, these hold what the source holds;
# and the events of the history fold into the source's tables, also across DDL.
#
# Takes 40 s.
use strict;
use warnings;

use DBD::Pg qw(:async);
use FindBin;
use IPC::Open2;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Compare qw(compare_table source_tables);
use CdcIngest::Process qw(reap);
use CdcIngest::Server;

my $roundtrip = "$FindBin::Bin/../roundtrip";
# PostgreSQL has no pymysql of its own: Debian's Python has it.
my $python = '/usr/bin/python3';
my $cluster = CdcIngest::Cluster->new('roundtrip');
my $dir = $cluster->node->basedir;
my $running;

# flavour, row metadata, seed, DDL; row image: FULL
my @trips = (
	[ 'mariadb', 'FULL', 1, 'ddl' ],
	[ 'mariadb118', 'NO_LOG', 2, 'ddl' ],
	[ 'mysql56', '', 3, 'ddl' ],
	[ 'mysql97', 'FULL', 4, 'ddl' ],
	[ 'mysql97', 'MINIMAL', 5, 'ddl' ]);
# CDC_ROUNDTRIP="mysql97 FULL 17 ddl": any other, by hand; "mysql97 FULL 66-80 ddl MINIMAL,
# mysql56  66 ddl FULL file lower": several, with another row image; by file and offset, not by
# GTIDs; with names of tables that have no case; "kill": pull and apply are ended in their midst
if ($ENV{CDC_ROUNDTRIP})
{
	@trips = ();
	for (split /, */, $ENV{CDC_ROUNDTRIP})
	{
		my ($flavour, $metadata, $seeds, @rest) = split / /, $_, -1;
		my ($first, $last) = $seeds =~ /^(\d+)(?:-(\d+))?$/ or die "no seeds: $_\n";
		push @trips, map { [ $flavour, $metadata, $_, @rest ] } $first .. $last // $first;
	}
}

for my $trip (@trips)
{
	my ($flavour, $metadata, $seed, $ddl, $image, @words) = @$trip;
  SKIP:
	{
		skip "$flavour cannot be had here", 1
		  if $flavour =~ /^(mysql97|mariadb118)$/ && !CdcIngest::Server->available($flavour);
		my $name = "$flavour, row metadata $metadata, row image " . ($image // 'FULL') . join('', map { ", $_" } @words) . ", seed $seed";
		subtest $name => sub {
			# (what a subtest dies with is not shown)
			eval { trip($flavour, $metadata, $seed, $ddl, $image // 'FULL', @words); 1 } or fail("died: $@");
			# what happened there, for whoever looks for the cause
			system('cp', '-r', "$running->{dir}/binlog", "$dir/binlog_$seed") if !Test::More->builder->is_passing;
			undef $running;
		};
	}
}
done_testing();

# A conversation with worker.py.
sub start_worker
{
	my ($source, $seed, $image) = @_;
	my $worker = {};
	$worker->{pid} = open2(my $out, my $in, $python, "$roundtrip/worker.py", $source->port, $seed, $image,
		$ENV{CDC_ROUNDTRIP_NO_XA} ? 'no-xa' : ());
	@$worker{qw(in out)} = ($in, $out);
	return $worker;
}

sub ask
{
	my ($worker, $command) = @_;
	print { $worker->{in} } "$command\n";
	my $answer = readline $worker->{out};
	chomp($answer //= 'worker.py ended');
	return like($answer, qr/^ok/, "source: $command") || CdcIngest::Cluster::give_up("the generator failed: $answer");
}

sub trip
{
	my ($flavour, $metadata, $seed, $ddl, $image, @words) = @_;
	my $by_file = grep { $_ eq 'file' } @words;
	my $source = $running = CdcIngest::Server->new($flavour, metadata => $metadata || undef, gtid => !$by_file,
		args => [ '--max-allowed-packet=64M', "--binlog-row-image=$image", (map { $_ eq 'lower' ? '--lower-case-table-names=1' : () } @words),
			$flavour eq 'mysql97' ? () : '--innodb-strict-mode=OFF' ]);
	my $id = lc join '_', $flavour, $metadata || (), $image, $seed;
	my $from = $source->position;
	my $worker = start_worker($source, $seed, $image);
	ask($worker, 'prepare');
	ask($worker, 'work 100');
	$cluster->add_source($id, $source);
	# One has replicas, the other one only history, from before the tables were made.
	$cluster->subscribe($id, $id, $id, tables => [ 'roundtrip.*', 'roundtrip_2.*' ], enabled => \'false');
	$cluster->call('create_subscription', name => "${id}_events", server => $id,
		tables => [ 'roundtrip.*', 'roundtrip_2.*' ], history => "public.${id}_events", copy_data => \'false',
		start_position => $from, enabled => \'false');
	catch_up($id);
	if ($by_file)
	{
		# MariaDB always has GTIDs: a position without them is read by file
		$cluster->do("SELECT cdc.pull('${id}_events')",
			"UPDATE cdc.subscription_position SET gtid_set = NULL WHERE subscription IN ('$id', '${id}_events')")
		  if $source->is_mariadb;
		is($cluster->value("SELECT count(*) FROM cdc.subscription_position WHERE subscription IN ('$id', '${id}_events')
			AND gtid_set IS NULL"), 2, 'positions are files and offsets');
	}
	# In pieces of several sizes: of the source, of pull and of apply.
	for my $events (7, 100, undef)
	{
		ask($worker, 'work 60');
		catch_up($id, $events);
	}
	replica_ok($source, $id, $image);
	$cluster->history_ok($id);
	if ($ddl)
	{
		# Without full metadata rows are read by the definitions that were known before.
		$cluster->do("SELECT cdc.pull('${id}_events')") if $metadata ne 'FULL';
		for my $events (11, undef, 60)
		{
			# By hand there is more of it, and tables that are in error live again for the next piece.
			ask($worker, $ENV{CDC_ROUNDTRIP} ? 'work 120 ddl often' : 'work 50 ddl');
			interrupt($id) if grep { $_ eq 'kill' } @words;
			catch_up($id, $events);
			shape_ok($source, $id) if $ENV{CDC_ROUNDTRIP};
		}
		shape_ok($source, $id);
	}
	ask($worker, "save $dir/$id");
	fold_ok($id);
	close $worker->{in};
	reap($worker->{pid}, 30);
	if (Test::More->builder->is_passing)
	{
		$cluster->call('drop_subscription', name => $_) for $id, "${id}_events";
	}
	$source->kill9;
	return;
}

# events: at most so many (rounded up to a commit) in one pull or apply
sub catch_up
{
	my ($id, $events) = @_;
	my $bound = defined $events ? ", max_events := $events" : '';
	1 while $cluster->value("SELECT cdc.pull('$id'$bound)") && defined $events;
	1 while $cluster->value("SELECT sum(events) FROM cdc.apply('$id'$bound)") && defined $events;
	return;
}

# Ends pull and apply a few times at any point; they go on from what was committed.
sub interrupt
{
	my ($id) = @_;
	for my $function (qw(pull apply pull apply))
	{
		my $dbh = $cluster->connect;
		my $pid = $dbh->{pg_pid};
		$dbh->{PrintError} = 0;
		$dbh->do("SELECT cdc.$function('$id', max_events := 50)", { pg_async => PG_ASYNC });
		select undef, undef, undef, rand 0.3;
		$cluster->do("SELECT pg_terminate_backend($pid)");
		$cluster->poll("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid", 0);
	}
	return;
}

sub replica_ok
{
	my ($source, $id, $image) = @_;
	my $in_error = $cluster->rows("SELECT source_table, coalesce(last_error, '') FROM cdc.subscription_table
		WHERE subscription = '$id' AND state = 'e' ORDER BY 1");
	# Of one without a key and without transactions no copy can be told from changes, and an image
	# may lack what a new row got, or whether it is one.
	my @wrong = grep { $_->[1] !~ /no primary key, and engine (?:MyISAM|Aria) no snapshots/
		  && ($image eq 'FULL' || $_->[1] !~ /the binlog does not (?:have what column .* of a new row got|tell whether a row was updated or replaced)/) } @$in_error;
	is(@wrong, 0, 'no table is in state e') or diag(map { "$_->[0]: $_->[1]\n" } @wrong);
	my @except = map { $_->[0] =~ s/^[^.]*\.//r } @$in_error;
	for my $database (qw(roundtrip roundtrip_2))
	{
		my ($n) = $source->dbh->selectrow_array('SELECT count(*) FROM information_schema.tables WHERE table_schema = ?', undef, $database);
		$cluster->compare_ok($source, $database, $id, "$database: replicas are as at the source", except => \@except) if $n;
	}
	return;
}

# After DDL a table's replica is as at the source, or the table is in error with a reason; and
# then what that says to type makes it the same.
sub shape_ok
{
	my ($source, $id) = @_;
	my $from = $source->connect;
	my $to = $cluster->connect;
	my (@wrong, $followed, %in_error);
	catch_up($id) for 1 .. 5;
	for my $again (0, 1)
	{
		for my $table (map { source_tables($from, $_) } qw(roundtrip roundtrip_2))
		{
			my $name = join '.', @$table;
			next if $again && !$in_error{$name};
			my ($target, $state, $error) = @{ $cluster->rows('SELECT target, state, last_error FROM cdc.subscription_table
				WHERE subscription = ? AND source_table = ?', $id, $name)->[0] // [] };
			if (!defined $state) { push @wrong, "$name is not registered" }
			elsif ($state eq 'e' && !$again && defined $target && $error =~ /^HINT: +(?:.*where the source has it again: )?(SELECT cdc\.resync_table.*)/m)
			{
				$in_error{$name} = $error;
				$cluster->do($1);
			}
			elsif ($state eq 'e' && (!defined $target || $error =~ /engine (?:MyISAM|Aria) no snapshots/)) { note("$name: $error") }
			elsif ($state ne 'r') { push @wrong, "$name is in state $state: " . ($error // '') }
			else
			{
				push @wrong, map { "$_ ($again)" } compare_table($from, $to, $table, $target);
				$followed++;
			}
		}
		catch_up($id) for 1 .. 5;
	}
	note("$_: $in_error{$_}") for sort keys %in_error;
	is(join("\n", @wrong), '', "after DDL $followed replicas are as at the source, " . keys(%in_error) . ' of them by the remedy');
	$_->disconnect for $from, $to;
	return;
}

sub fold_ok
{
	my ($id) = @_;
	$cluster->do("SELECT cdc.pull('${id}_events')");
	# Rows that could not be read are in no history: their tables are in error, which is said.
	my $unread = $cluster->value("SELECT string_agg(message, E'\n') FROM cdc.log WHERE subscription = '${id}_events' AND message ~
		'fit no known definition|cannot be read|MariaDB keeps for UNIQUE|system-versioned|is left out'");
	return note("not folded: $unread") if $unread && $ENV{CDC_ROUNDTRIP};
	my $file = "$dir/$id.events";
	# raw: where jsonb cannot hold the event.  No byte of it is quoted.
	$cluster->do("COPY (SELECT coalesce(convert_from(raw, 'UTF8'), event::text) FROM ${id}_events
		WHERE op <> 'm' ORDER BY seq) TO '$file' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')");
	my $output = `$python $roundtrip/fold.py --events '$file' '$dir/$id' 2>&1`;
	return is($?, 0, 'history folds into the tables of the source') || diag($output);
}
