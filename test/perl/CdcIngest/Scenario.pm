# What all tests of faults share: a source under load, its replica, a reader who
# looks for half transactions; and at the end the proof that nothing was lost or
# doubled.
package CdcIngest::Scenario;

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use CdcIngest::Cluster;
use CdcIngest::Load;
use CdcIngest::Process qw(fork_child reap);
use CdcIngest::Server;
use CdcIngest::TcpProxy;

# Options: source (arguments for Server), cluster (for Cluster), server (options of
# the foreign server), proxy (1: in between), subscription (arguments), load.
sub new
{
	my ($class, $flavour, %opt) = @_;
	my $source = CdcIngest::Server->new($flavour, %{ $opt{source} // {} });
	my $cluster = $opt{with} // CdcIngest::Cluster->new($opt{name} // 'main', %{ $opt{cluster} // {} });
	my $self = bless {
		source => $source,
		cluster => $cluster,
		sub => $opt{sub} // 'bank',
		schema => $opt{schema} // $opt{sub} // 'bank'
	}, $class;
	$self->{proxy} = CdcIngest::TcpProxy->new($source->port) if $opt{proxy};
	CdcIngest::Load->create_tables($source, 'bank');
	$cluster->add_source($self->{sub}, $self->{proxy} // $source, %{ $opt{server} // {} });
	$cluster->subscribe($self->{sub}, $self->{sub}, $self->{schema},
		tables => ['bank.*'], %{ $opt{subscription} // {} });
	$self->{load} = CdcIngest::Load->start($source, 'bank', seed => 7, rate => 400, %{ $opt{load} // {} });
	return $self;
}

sub source { return $_[0]{source} }
sub cluster { return $_[0]{cluster} }
sub proxy { return $_[0]{proxy} }
sub sub_name { return $_[0]{sub} }

# Until so many more events are in history than now: the stream is alive.
sub flows
{
	my ($self, $events) = @_;
	my $cluster = $self->{cluster};
	my $sql = "SELECT last_seq FROM cdc.subscription_position WHERE subscription = '$self->{sub}'";
	my $now;
	CdcIngest::Process::wait_until(60, sub { defined($now = eval { $cluster->value($sql) }) })
	  or die "no position: $@";
	$events //= 200;
	$cluster->poll("SELECT ($sql) >= $now + $events", 1);
	return;
}

# The same for apply.
sub applies
{
	my ($self, $events) = @_;
	my $cluster = $self->{cluster};
	my $sql = "SELECT applied_seq FROM cdc.subscription_progress WHERE subscription = '$self->{sub}'";
	my $now;
	CdcIngest::Process::wait_until(60, sub { defined($now = eval { $cluster->value($sql) }) })
	  or die "no progress: $@";
	$events //= 200;
	$cluster->poll("SELECT ($sql) >= $now + $events", 1);
	return;
}

# A reader who sums up the accounts again and again, in another process, through
# crashes, too.
sub watch
{
	my ($self) = @_;
	my ($cluster, $schema, $total) = ($self->{cluster}, $self->{schema}, $CdcIngest::Load::TOTAL);
	pipe my $read, my $write or die "pipe: $!";
	my $pid = fork_child(
		sub {
			close $read;
			my ($stop, $dbh, $looks, @wrong) = (0, undef, 0);
			local $SIG{TERM} = sub { $stop = 1 };
			my $end;
			# On a slow machine it looks some times more before it ends.
			while (!$stop || ($looks <= 10 && time < ($end //= time + 30)))
			{
				my $sum = eval {
					$dbh //= $cluster->connect;
					$dbh->selectrow_array("SELECT sum(balance)::bigint FROM $schema.account");
				};
				undef $dbh if $@;
				if (defined $sum)
				{
					$looks++;
					push @wrong, $sum if $sum != $total && @wrong < 5;
				}
				sleep 0.005;
			}
			print {$write} "$looks @wrong\n";
			close $write;
		});
	close $write;
	$self->{watcher} = { pid => $pid, read => $read };
	return;
}

sub watch_ok
{
	my ($self) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $watcher = delete $self->{watcher};
	kill 'TERM', $watcher->{pid};
	my $line = readline $watcher->{read};
	reap($watcher->{pid}, 30);
	my ($looks, @wrong) = split ' ', $line // '0';
	cmp_ok($looks, '>', 10, 'the replica was read while all this went on');
	is("@wrong", '', "each of $looks readers saw the state at a commit of the source");
	return;
}

sub stop_load
{
	my ($self) = @_;
	return if !$self->{load};
	$self->{committed} = (delete $self->{load})->stop;
	return $self->{committed};
}

# The proof.  Everything of the load is in an append-only table, too: each of its
# rows came by exactly one event.
sub finish
{
	my ($self, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($cluster, $source, $sub) = @$self{qw(cluster source sub)};
	$self->stop_load;
	$cluster->catch_up($sub);
	$self->watch_ok if $self->{watcher};
	$cluster->compare_ok($source, 'bank', $self->{schema},
		"$name: source and replica are identical after $self->{committed} transactions");
	$cluster->history_ok($sub, "$name: history has no gap and nothing twice");
	my $history = $cluster->history_of($sub);
	my $at_source = $source->value('SELECT count(*) FROM bank.movement');
	my ($events, $distinct) = @{ $cluster->rows(
			"SELECT count(*) FILTER (WHERE op = 'c'), count(DISTINCT event->'data'->>'id')
			 FROM $history WHERE source_table = 'bank.movement' AND op IN ('c', 'r')")->[0] };
	my $twice = $cluster->value(
		"SELECT count(*) FROM (SELECT 1 FROM $history WHERE source_table = 'bank.movement' AND op = 'c'
		 GROUP BY event->'data'->>'id' HAVING count(*) > 1) AS d");
	is("$distinct $twice", "$at_source 0", "$name: each row of an append-only table came once ($events by the stream)");
	return;
}

1;
