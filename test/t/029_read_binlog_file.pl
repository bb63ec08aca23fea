# cdc.read_binlog_file() on files of each kind of server: the same events as pull
# reads over the network, transactions larger than memory and XA among them.
#
# Takes 25 s.
use strict;
use warnings;
use utf8;

use Compress::Zlib ();
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('files', conf => "work_mem = '1MB'\n");

sub fill
{
	my ($source) = @_;
	$source->do(
		'CREATE DATABASE shop CHARACTER SET utf8mb4',
		'CREATE TABLE shop.item (id int unsigned PRIMARY KEY, name varchar(40), price decimal(12,3),
			kind enum("a","b"), at timestamp(3) NULL, big mediumtext, raw varbinary(20))',
		"INSERT INTO shop.item VALUES (4294967295, 'Zoë', -1.500, 'b', '2024-02-29 12:00:00.5', NULL, x'00ff')",
		"INSERT INTO shop.item (id, name) VALUES (1, 'a\\0b'), (2, NULL)",
		"UPDATE shop.item SET price = 7 WHERE id = 2",
		"DELETE FROM shop.item WHERE id = 1",
		# one event of 3 MB, then a transaction of more than is held in memory
		"INSERT INTO shop.item (id, big) VALUES (3, repeat('x', 3000000))");
	my $dbh = $source->connect;
	$dbh->begin_work;
	$dbh->do("INSERT INTO shop.item (id, big) VALUES (?, repeat('y', 900000))", undef, $_) for 10 .. 35;
	$dbh->commit;
	$dbh->begin_work;
	$dbh->do('DELETE FROM shop.item WHERE id > 30');
	$dbh->rollback;
	$dbh->disconnect;
	$source->do("INSERT INTO shop.item (id, name) VALUES (5, 'last')");
	return;
}

# The file that the source writes now, and all of its files.
sub binlogs
{
	my ($source) = @_;
	return sort grep { /\.\d+$/ } glob($source->dir . '/binlog/bin.*');
}

# Behind the last event of a file, one of a type that no server has, which may be ignored.
sub add_unknown
{
	my ($file) = @_;
	my $body = 'from the future';
	my $size = 19 + length($body) + 4;
	my $event = pack('V C V V V v', time, 222, 1, $size, (-s $file) + $size, 0x80) . $body;
	open my $out, '>>:raw', $file or die "$file: $!";
	print $out $event, pack('V', Compress::Zlib::crc32($event)) or die "$file: $!";
	close $out or die "$file: $!";
	return;
}

# Counted where one looks, once; the events behind it come.
sub check_unknown
{
	my ($source, $flavour, $history) = @_;
	my $skipped = "SELECT skipped_events FROM cdc.stat_subscription WHERE subscription = '$flavour'";
	$cluster->value('SELECT cdc.pull(?)', $flavour);
	is($cluster->value($skipped), 0, 'no event was skipped');
	# a dump by GTID begins with the file that has something new
	$source->do("INSERT INTO shop.item (id, name) VALUES (7, 'before it')");
	my $file = (binlogs($source))[-1];
	$source->stop;
	add_unknown($file);
	like($cluster->notices_of("SELECT count(*) FROM cdc.read_binlog_file('$file')"),
		qr/skipped 1 event of an unknown type in binlog file/, 'an unknown event of a file that may be ignored is told of');
	$source->start;
	$source->do("INSERT INTO shop.item (id, name) VALUES (6, 'behind it')");
	$cluster->forget;			# the session whose connections are lost
	$cluster->value('SELECT cdc.pull(?)', $flavour);
	is($cluster->value("SELECT event->'data'->>'name' FROM $history ORDER BY seq DESC LIMIT 1"), 'behind it', 'pull goes on behind it');
	is($cluster->value($skipped), 1, '... and counts it');
	$cluster->value('SELECT cdc.pull(?)', $flavour);
	is($cluster->value($skipped), 1, '... once');
	like($cluster->value("SELECT detail FROM cdc.log WHERE subscription = ? AND kind = 'event_skipped'", $flavour),
		qr/^bin\.\d+:\d+: type 222$/, '... its type is in cdc.log');
	return;
}

my @sources = ([ 'MariaDB', 'mariadb', {} ], [ 'MySQL 5.6', 'mysql56', {} ], [ 'MySQL 9.7', 'mysql97', {} ]);
for my $entry (@sources)
{
	my ($name, $flavour, $options) = @$entry;
	next unless CdcIngest::Server->available($flavour);
	subtest $name => sub {
		my $source = CdcIngest::Server->new($flavour, %$options);
		fill($source);
		$cluster->add_source($flavour, $source);
		$cluster->subscribe($flavour, $flavour, undef, tables => ['shop.*'], enabled => \'false',
			copy_data => \'false', start_position => 'earliest');
		$cluster->value('SELECT cdc.pull(?)', $flavour);
		my $history = $cluster->history_of($flavour);
		# a table that is made empties its replica (t); of that a file knows nothing
		my $pulled = $cluster->value("SELECT count(*) FROM $history WHERE op NOT IN ('s', 't')");
		is($pulled, 33, 'pull has all changes');
		# the first file has the system tables
		my $union = join ' UNION ALL ', map {
			"SELECT * FROM cdc.read_binlog_file('$_'"
			  . ($flavour eq 'mysql56' ? ", 'mysql56'" : '') . ')'
		} binlogs($source);
		my $columns = '"position", gtid, source_ts, source_table, op, event, raw';
		my $same = sub {
			my ($a, $b) = @_;
			return "SELECT count(*) FROM ((SELECT $columns FROM ($a) x WHERE op NOT IN ('s', 't') AND source_table LIKE 'shop.%')
				EXCEPT ALL (SELECT $columns FROM ($b) y)) z";
		};
		is($cluster->value($same->("SELECT * FROM $history", $union)), 0, 'the file has all events of pull');
		is($cluster->value($same->($union, "SELECT * FROM $history")), 0, '... and no others');
		is($cluster->value("SELECT convert_from(raw, 'UTF8') LIKE '%a\\\\u0000b%' FROM ($union) x WHERE raw IS NOT NULL AND op = 'c'"),
			1, 'what JSONB cannot hold is in raw');
		like($cluster->notices_of("SELECT count(*) FROM ($union) x"), qr/^$/, 'nothing to complain about')
		  if $flavour ne 'mysql56';

		# the statement with its rows
		$cluster->call('alter_subscription', name => $flavour, options => '{"output_row_query": true}');
		my $session = $source->connect;
		$session->do('SET SESSION binlog_rows_query_log_events = ON') if $flavour ne 'mariadb';
		$session->do($_) for 'BEGIN', "UPDATE shop.item SET name = 'qüery' WHERE id = 5", 'DELETE FROM shop.item WHERE id = 4294967295', 'COMMIT';
		$session->disconnect;
		$cluster->value('SELECT cdc.pull(?)', $flavour);
		is_deeply($cluster->rows("SELECT op, event->>'query' FROM $history ORDER BY seq DESC LIMIT 2"),
			[ [ 'd', 'DELETE FROM shop.item WHERE id = 4294967295' ], [ 'u', "UPDATE shop.item SET name = 'qüery' WHERE id = 5" ] ],
			'output_row_query: events have their statement');

		# XA: rows come where the transaction is committed, or not at all
		$source->do('FLUSH BINARY LOGS');
		my $dbh = $source->connect;
		for my $xa ([ 'one', 'COMMIT' ], [ 'two', 'ROLLBACK' ], [ 'three', '' ])
		{
			$dbh->do("XA START '$xa->[0]'");
			$dbh->do("INSERT INTO shop.item (id, name) VALUES (crc32('$xa->[0]') >> 8, '$xa->[0]')");
			$dbh->do("XA END '$xa->[0]'");
			$dbh->do("XA PREPARE '$xa->[0]'");
			$source->do("INSERT INTO shop.item (id, name) VALUES (crc32('$xa->[0]') >> 7, 'between')");
			$dbh->do("XA $xa->[1] '$xa->[0]'") if $xa->[1];
			# the session of a prepared transaction can begin no other
			$dbh->disconnect;
			$dbh = $source->connect;
		}
		my $file = (binlogs($source))[-1];
		my $sub = $flavour eq 'mysql56' ? ", 'mysql56'" : '';
		my $names = "SELECT string_agg(event->'data'->>'name', ' ') FROM cdc.read_binlog_file('$file'$sub) WHERE op = 'c'";
		is($cluster->value($names), 'between one between between', 'XA transactions stand at their commit');
		# (before 5.7 nothing is written before the commit)
		like($cluster->notices_of($names), qr/1 prepared transaction is neither committed nor rolled back/, '... the open one is told of')
		  if $flavour ne 'mysql56';
		check_unknown($source, $flavour, $history) if $flavour ne 'mysql56';
		$source->kill9;
	};
}

done_testing();
