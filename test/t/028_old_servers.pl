# Servers that are older than what distributions have, or between two of theirs: set-up,
# copy, stream with every type that they have, DDL, restarts.
#
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use CdcIngest::Values qw(make_tables fill same_ok);

my $cluster = CdcIngest::Cluster->new('old');

# Rows written before, between and after statements that the reader has not come to;
# what their events must say.
sub alter
{
	my ($source) = @_;
	my @rows;
	my $n = 0;
	my $row = sub {
		my ($columns, $values, $json) = @_;
		$n++;
		$source->do("INSERT INTO ddl.item (id, $columns) VALUES ($n, $values)");
		push @rows, qq({"id": $n, $json});
	};
	$row->('a, b', q{1, 'before'}, q("a": 1, "b": "before"));
	$source->do('ALTER TABLE ddl.item ADD COLUMN c int DEFAULT 7 AFTER id');
	$row->('a, b', q{2, 'added'}, q("a": 2, "b": "added", "c": 7));
	$source->do('ALTER TABLE ddl.item CHANGE a d bigint, MODIFY b varchar(300) CHARACTER SET utf8mb4');
	$row->('d, b, c', q{9223372036854775807, 'changed', 4}, q("b": "changed", "c": 4, "d": 9223372036854775807));
	$source->do('ALTER TABLE ddl.item DROP COLUMN c, ADD COLUMN e decimal(12,3) FIRST');
	$row->('d, b, e', q{5, 'dropped', -1.5}, q("b": "dropped", "d": 5, "e": -1.500));
	$source->do('CREATE TABLE shop.later (id int PRIMARY KEY, v varchar(20))', q{INSERT INTO shop.later VALUES (1, 'x')},
		'TRUNCATE TABLE shop.short', q{INSERT INTO shop.short VALUES (3)}, 'DROP TABLE shop.gone');
	return @rows;
}

sub same_shop_ok
{
	my ($source, $flavour, $when) = @_;
	$cluster->catch_up($flavour);
	$cluster->compare_ok($source, 'shop', $flavour, "$when: source and replicas are the same");
	return;
}

for my $flavour (qw(mysql55 mariadb101 mariadb102 mariadb114))
{
	subtest $flavour => sub {
		my $source = CdcIngest::Server->new($flavour, args => [ '--max-allowed-packet=64M', '--innodb-strict-mode=OFF' ]);
		my @tables = make_tables($source);
		fill($source, 'copied', @tables);
		$source->do('CREATE DATABASE ddl', 'CREATE TABLE ddl.item (id int PRIMARY KEY, a int, b varchar(20) CHARACTER SET latin1)',
			'CREATE DATABASE shop CHARACTER SET utf8mb4', 'CREATE TABLE shop.item (id int PRIMARY KEY, v int)',
			'INSERT INTO shop.item VALUES (1, 1)', 'CREATE TABLE shop.short (id int PRIMARY KEY)',
			'INSERT INTO shop.short VALUES (1), (2)', 'CREATE TABLE shop.gone (id int PRIMARY KEY)',
			'CREATE TABLE shop.keyless (a int, b varchar(9))', q{INSERT INTO shop.keyless VALUES (1, 'x'), (1, 'x'), (NULL, NULL)});
		$cluster->add_source($flavour, $source);
		is($cluster->value(q{SELECT string_agg(check_name, ', ' ORDER BY check_name) FROM cdc.check_server(?) WHERE NOT ok}, $flavour),
			({ mysql55 => 'gtid, ', mariadb114 => 'log_slave_updates, ' }->{$flavour} // '') . 'primary keys', 'check_server names what it has not, and a table without a key');
		$cluster->subscribe($flavour, $flavour, $flavour, tables => [ 'v.*', 'shop.*' ]);
		$cluster->subscribe("${flavour}_ddl", $flavour, undef, tables => ['ddl.*']);
		$cluster->catch_up($_) for $flavour, "${flavour}_ddl";
		fill($source, 'streamed', @tables);
		$cluster->catch_up($flavour);
		same_ok($cluster, $source, $flavour, $flavour, @tables);

		$cluster->call('disable_subscription', name => $_) for $flavour, "${flavour}_ddl";
		my @rows = alter($source);
		$cluster->call('enable_subscription', name => $_) for $flavour, "${flavour}_ddl";
		same_shop_ok($source, $flavour, 'tables made, emptied and dropped', 'gone');
		$cluster->catch_up("${flavour}_ddl");
		my $history = $cluster->history_of("${flavour}_ddl");
		is_deeply([ map { $_->[0] } @{ $cluster->rows("SELECT jsonb_strip_nulls(event->'data')::text FROM $history WHERE op = 'c' ORDER BY seq") } ],
			[ map { $_->[0] } map { $cluster->rows('SELECT ?::jsonb::text', $_)->[0] } @rows ],
			'... and rows have the columns that they were written with');
		$cluster->call('drop_subscription', name => "${flavour}_ddl");

		# After a crash MariaDB 11.4.5 is often not there for a minute or two.
		my $signal = $flavour eq 'mariadb114' ? 'TERM' : 'KILL';
		$source->restart($signal);
		$source->do(q{INSERT INTO shop.item VALUES (100, 1)}, q{DELETE FROM shop.keyless WHERE a = 1 LIMIT 1});
		same_shop_ok($source, $flavour, 'the source was restarted');
		$cluster->node->stop('immediate');
		$source->do(q{UPDATE shop.item SET v = 0}, q{INSERT INTO shop.keyless VALUES (2, 'y')});
		$cluster->node->start;
		same_shop_ok($source, $flavour, 'PostgreSQL was killed');
		$cluster->history_ok($flavour);
		$cluster->call('drop_subscription', name => $flavour);
		$source->kill9;
	};
}
done_testing();
