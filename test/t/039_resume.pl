# A position may be any place of a binlog file, inside of a transaction or of an
# event: pull begins with the transaction that it lies in.
#
# Takes 35 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('resume');

sub changes
{
	my ($source) = @_;
	my $dbh = $source->connect;
	for my $round (1)
	{
		$dbh->begin_work;
		$dbh->do("INSERT INTO shop.a VALUES (?, 'first')", undef, 10 * $round + $_) for 1 .. 2;
		$dbh->do("UPDATE shop.b SET v = concat(v, '+') WHERE id = 1");
		$dbh->do("DELETE FROM shop.a WHERE id = ?", undef, 10 * $round + 1);
		$dbh->commit;
		$dbh->do("INSERT INTO shop.b VALUES (?, 'alone')", undef, 10 * $round);
	}
	$dbh->disconnect;
	return;
}

# What pull must bring from a place on: count and least id of rows of those
# transactions that end behind it.
sub expected
{
	my ($history, $offset) = @_;
	return join ' ', @{ $cluster->rows(
			"SELECT count(*), coalesce(md5(string_agg(event::text, ' ' ORDER BY seq)), '-')
			 FROM (SELECT h.*, (SELECT split_part(c.position, ':', 2)::bigint FROM $history c
			                    WHERE c.commit AND c.seq >= h.seq ORDER BY c.seq LIMIT 1) AS ends FROM $history h) x
			 WHERE ends > $offset AND op <> 's'")->[0] };
}

my @sources = (
	[ 'MariaDB', 'mariadb', {} ],
	[ 'MySQL 5.6, GTID', 'mysql56', {} ],
	[ 'MySQL 5.6, file and offset', 'mysql56', { gtid => 0 } ],
	[ 'MySQL 9.7, GTID', 'mysql97', {} ],
	[ 'MySQL 9.7, file and offset', 'mysql97', { gtid => 0 } ]);

my $n = 0;
for my $entry (@sources)
{
	my ($name, $flavour, $options) = @$entry;
	next unless CdcIngest::Server->available($flavour);
	my $server = 's' . ++$n;
	subtest $name => sub {
		my $source = CdcIngest::Server->new($flavour, %$options);
		$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(20))',
			'CREATE TABLE shop.b (id int PRIMARY KEY, v varchar(20))', "INSERT INTO shop.b VALUES (1, 'one')",
			'FLUSH BINARY LOGS');
		changes($source);
		my ($file, $end) = split /:/, $source->position;
		$cluster->add_source($server, $source);
		my %arguments = (tables => ['shop.*'], enabled => \'false', copy_data => \'false');
		$cluster->subscribe("all$server", $server, undef, %arguments, start_position => $file);
		is($cluster->call('pull', subscription => "all$server"), 5, 'all changes from the start of the file');
		my $all = $cluster->history_of("all$server");

		# each event's place, or one inside of it
		my @events = map { $_->[1] } @{ $source->rows("SHOW BINLOG EVENTS IN '$file'") };
		my $turn = 0;
		my @places = map { $_ + ($turn++ % 2 ? 9 : 0) } grep { $_ > 4 } @events;
		my (@wrong, @wrong_by_hand);
		$cluster->subscribe("hand$server", $server, undef, %arguments, start_position => $file);
		my $hand = $cluster->history_of("hand$server");
		for my $offset (@places, $end)
		{
			my $expected = expected($all, $offset);
			$cluster->subscribe("from$server", $server, undef, %arguments, start_position => "$file:$offset");
			eval { $cluster->call('pull', subscription => "from$server"); 1 } or push @wrong, "$offset: $@";
			my $got = expected($cluster->history_of("from$server"), 0);
			push @wrong, "$offset: $got and not $expected" if $got ne $expected;
			$cluster->call('drop_subscription', name => "from$server", drop_history => \'true');

			next if $source->gtid_set ne '';
			$cluster->do("TRUNCATE $hand", "UPDATE cdc.subscription_position SET file = '$file', file_offset = $offset
				WHERE subscription = 'hand$server'");
			eval { $cluster->call('pull', subscription => "hand$server"); 1 } or push @wrong_by_hand, "$offset: $@";
			$got = expected($hand, 0);
			push @wrong_by_hand, "$offset: $got and not $expected" if $got ne $expected;
		}
		is(join("\n", @wrong), '', 'start_position at each of ' . @places . ' places');
		is(join("\n", @wrong_by_hand), '', 'the same set by hand') if $source->gtid_set eq '';
		if ($source->gtid_set eq '')
		{
			like($cluster->error_of("SELECT cdc.pull('hand$server')") . $cluster->error_of(
					"UPDATE cdc.subscription_position SET file_offset = 999999 WHERE subscription = 'hand$server'")
				  . $cluster->error_of("SELECT cdc.pull('hand$server')"),
				qr/is ahead of the source.*It is bin\.\d+:999999/s, 'behind the end of the file is an error');
		}
		$source->kill9;
	};
}

done_testing();
