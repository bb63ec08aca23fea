# Every type at its extremes, in tables of their own: for what copies them, streams them
# and compares.
#
#   my @tables = make_tables($source);
#   fill($source, 'copied', @tables);      # or 'streamed'
#   same_ok($cluster, $source, $subscription, $schema, @tables);
package CdcIngest::Values;

use strict;
use warnings;
use utf8;

use Encode ();
use Exporter 'import';
use Test::More;

our @EXPORT_OK = qw(make_tables fill same_ok);

sub quoted { return map { "'$_'" } @_ }

sub shapes { return map { "ST_GeomFromText('$_')" } @_ }

# column => [type, values as SQL literals]; a value stands in each column's own row.
# Types with a list of servers exist only there.
my @columns = (
	[ 'tinyint', qw(-128 127 0) ],
	[ 'tinyint unsigned', qw(255 0) ],
	[ 'tinyint(1)', qw(1 0 -128 127) ],
	[ 'smallint', qw(-32768 32767) ],
	[ 'smallint unsigned', qw(65535) ],
	[ 'mediumint', qw(-8388608 8388607 -1) ],
	[ 'mediumint unsigned', qw(16777215 8388608) ],
	[ 'int', qw(-2147483648 2147483647) ],
	[ 'int unsigned', qw(4294967295 2147483648) ],
	[ 'int unsigned zerofill', qw(4294967295 7) ],
	[ 'bigint', qw(-9223372036854775808 9223372036854775807) ],
	[ 'bigint unsigned', qw(18446744073709551615 9223372036854775808) ],
	[ 'decimal(65,30)', ('9' x 35) . '.' . ('9' x 30), '-' . ('9' x 35) . '.' . ('9' x 30),
		'0.' . ('0' x 29) . '1', '-0.5', '0' ],
	[ 'decimal(65,0)', '9' x 65, '-' . ('9' x 65), '10000000000' ],
	[ 'decimal(1,1)', '0.9', '-0.1' ],
	[ 'decimal(10,2)', '1.10', '-12345678.99', '100.00', '1000000.00' ],
	[ 'decimal(18,9) unsigned', '999999999.999999999', '0.000000001' ],
	[ 'decimal(20,0) unsigned zerofill', '12' ],
	[ 'float', '-0e0', '3.402823466e38', '-3.402823466e38', '1.175494351e-38', '0.1', '16777216', '-1.5', '1e10', '123456.789' ],
	[ 'float unsigned', '2.5' ],
	[ 'double', '-0e0', '1.7976931348623157e308', '-1.7976931348623157e308', '2.2250738585072014e-308', '0.1',
		'0.30000000000000004', '1e15', '123456789012345680000', '1e-7', '9007199254740993' ],
	[ 'bit(1)', "b'1'", "b'0'" ],
	[ 'bit(8)', "b'10000001'" ],
	[ 'bit(33)', "b'" . ('1' x 33) . "'" ],
	[ 'bit(64)', "b'" . ('1' x 64) . "'", "b'1'" ],
	[ 'char(10)', "'pad'", "''", "'ä€𝒳'" ],
	[ 'char(255) CHARACTER SET latin1', q{'Grüße ÿ €'}, q{''} ],
	[ 'char(4) CHARACTER SET binary', q{'ab'}, q{x'00ff'}, q{x'61620000'} ],
	[ 'varchar(100)', q{'trailing '}, q{''}, q{'quote '' double " back \\\\ slash'},
		q{'line\nnext\ttab\rreturn'}, q{_utf8mb4 x'01021f7f'}, q{'日本語 🎉'} ],
	[ 'varchar(300)', "'" . ('ß' x 300) . "'", "'x'" ],
	[ 'varchar(50) CHARACTER SET utf8', q{'Ünïcödé 漢字'} ],
	[ 'varchar(50) CHARACTER SET latin1', q{_latin1 x'8081a4e4ff'}, q{'€'} ],
	[ 'varchar(50) CHARACTER SET ascii', q{'plain'} ],
	[ 'tinytext', q{'tiny'}, q{''} ],
	[ 'text', q{repeat('text ', 13000)} ],
	[ 'mediumtext', q{repeat('m€', 100000)} ],
	[ 'longtext', q{repeat('long text ', 200000)} ],
	[ 'text CHARACTER SET latin1', q{'é'} ],
	[ 'binary(6)', q{x'610000'}, q{x'000000000000'}, q{'abcdef'} ],
	[ 'varbinary(20)', q{x'00ff1000'}, q{''}, q{x'00'} ],
	[ 'tinyblob', q{x'00ff10'} ],
	[ 'blob', 'x\'' . join('', map { sprintf '%02x', $_ } 0 .. 255) . '\'', q{''} ],
	[ 'mediumblob', q{repeat(x'00ff', 100000)} ],
	[ 'longblob', q{repeat(x'deadbeef', 300000)} ],
	[ 'date', quoted('1000-01-01', '9999-12-31', '2024-02-29', '0001-01-01', '0000-00-00', '2020-00-10') ],
	[ 'time', quoted('838:59:59', '-838:59:59', '-01:00:00', '00:00:00', '-00:00:01', '24:00:00') ],
	[ 'time(3)', quoted('838:59:58.999', '-838:59:58.999', '-00:00:00.001') ],
	[ 'time(6)', quoted('838:59:58.999999', '-00:00:00.000001', '-01:00:00.5', '12:34:56.1') ],
	[ 'time(1)', quoted('-00:00:00.9') ],
	[ 'datetime', quoted('1000-01-01', '9999-12-31 23:59:59', '0000-00-00', '0001-01-01 00:00:01') ],
	[ 'datetime(1)', quoted('2024-01-01 00:00:00.1') ],
	[ 'datetime(3)', quoted('2024-12-31 23:59:59.999') ],
	[ 'datetime(6)', quoted('9999-12-31 23:59:59.999999', '1000-01-01 00:00:00.000001', '2024-03-31 02:30:00') ],
	[ 'timestamp NULL', quoted('1970-01-01 00:00:01', '2038-01-19 03:14:07', '0000-00-00') ],
	[ 'timestamp(6) NULL', quoted('2038-01-19 03:14:07.999999', '1970-01-01 00:00:01.000001') ],
	[ 'timestamp(2) NULL', quoted('2024-03-31 01:30:00.25') ],
	[ 'year', qw(1901 2155 0) ],
	[ q{enum('a','it''s','x,y','ü','')}, q{'a'}, q{'it''s'}, q{'x,y'}, q{'ü'}, q{5}, q{'no member'} ],
	[ 'enum(' . join(',', map { "'m$_'" } 1 .. 300) . ')', q{'m300'}, q{'m256'}, q{'m1'} ],
	[ q{set('a','b','it''s','ü')}, q{''}, q{'a'}, q{'ü,a'}, q{'a,b,it''s,ü'} ],
	[ 'set(' . join(',', map { "'m$_'" } 1 .. 64) . ')', q{'m64'}, q{18446744073709551615} ],
	[ "enum('é','x') CHARACTER SET latin1", q{'é'} ],
	[ 'geometry', shapes('POINT(1 -2.5)', 'LINESTRING(0 0,1e20 1.25e-7,2.25 3e300,-1.5e-25 4)',
			'POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,3 2,3 3,2 2))', 'MULTIPOINT(1 1,2 2)',
			'MULTILINESTRING((0 0,1 1),(2 2,3 3,0.1 0.30000000000000004))',
			'MULTIPOLYGON(((0 0,10 0,10 10,0 10,0 0)),((20 20,30 20,30 30,20 20),(22 21,23 21,23 22,22 21)))',
			'GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'),
		q{ST_GeomFromText('POINT(10 20)', 4326)}, q{ST_GeomFromText('LINESTRING(1 2,3 4)', 3857)}, shapes('POINT(-0 0)') ],
	[ 'point', shapes('POINT(179.9999999999999 -89.99999999999999)') ],
	[ 'linestring', shapes('LINESTRING(1 2,3 4)') ],
	[ 'polygon', shapes('POLYGON((0 0,10 0,10 10,0 0))') ],
	[ 'multipoint', shapes('MULTIPOINT(1 2,3 4)') ],
	[ 'multilinestring', shapes('MULTILINESTRING((1 2,3 4),(5 6,7 8))') ],
	[ 'multipolygon', shapes('MULTIPOLYGON(((0 0,10 0,10 10,0 0)))') ],
	[ 'geometrycollection', shapes('GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2)),POINT(3 4))') ],
	[ [qw(mysql97)], 'geometry', shapes('GEOMETRYCOLLECTION EMPTY') ],
	[ [qw(mysql97)], 'point SRID 4326', q{ST_GeomFromText('POINT(48.2 16.37)', 4326)} ],
	[ [qw(mariadb mariadb102 mariadb114 mysql97)], 'json', q{'{}'}, q{'[]'}, q{'null'}, q{'true'}, q{'"text"'}, q{'-1.5'},
		q{'{"a": {"b": [1, 2.5, "x", null, true]}, "é": "ü𝒳\\\\n\\\\"q\\\\""}'},
		q{'[9223372036854775807, 18446744073709551615, -9223372036854775808, 1e100, 0.1, 1.0]'},
		q{concat('{"long": "', repeat('x', 70000), '"}')},
		q{concat('[', repeat('12345, ', 20000), '1]')} ],
	[ ['mysql97'], 'json', q{JSON_OBJECT('d', CAST('2024-02-29' AS DATE), 't', CAST('-12:34:56.5' AS TIME(6)),
			'dt', CAST('2024-02-29 01:02:03.000004' AS DATETIME(6)), 'dec', CAST(1.50 AS DECIMAL(10,2)),
			'b', CAST(x'00ff' AS BINARY), 'i8', 127, 'i16', 32767, 'i32', -2147483648, 'd0', 1e0)},
		q{JSON_ARRAY(18446744073709551615, CAST(-0.000001 AS DECIMAL(20,10)))} ]);

sub make_tables
{
	my ($source) = @_;
	my $flavour = $source->flavour;
	my $dbh = $source->dbh;
	$dbh->do('CREATE DATABASE v CHARACTER SET utf8mb4');
	$dbh->do(q{SET sql_mode = ''});
	my @made;
	for my $column (@columns)
	{
		my ($type, @values) = @$column;
		if (ref $type)
		{
			next unless grep { $_ eq $flavour } @$type;
			$type = shift @values;
		}
		if ($flavour eq 'mysql55')
		{
			# It has no parts of a second, and other names for functions.
			next if $type =~ /^(?:time|datetime|timestamp)\(/;
			s/\bST_GeomFromText/GeomFromText/ for @values;
		}
		my $name = sprintf 't%02d_%s', scalar @made, $type =~ /^(\w+)/;
		for my $way (qw(copied streamed))
		{
			# A fixed column on either side shows when a value's length is misread.
			$dbh->do("CREATE TABLE v.${name}_$way (id int PRIMARY KEY, before_it int NOT NULL, c $type, after_it varchar(9) NOT NULL)");
		}
		push @made, [ $name, $type, @values, 'NULL' ];
	}
	return @made;
}

sub fill
{
	my ($source, $way, @tables) = @_;
	my $dbh = $source->dbh;
	for my $table (@tables)
	{
		my ($name, $type, @values) = @$table;
		my $id = 0;
		$dbh->do("INSERT INTO v.${name}_$way VALUES " . join ', ',
			map { $id++; "($id, -$id, $_, 'after')" } @values);
		# As an update, too: both images are read.
		if ($way eq 'streamed')
		{
			$dbh->do("INSERT INTO v.${name}_$way VALUES (100, 0, NULL, 'updated')");
			$dbh->do("UPDATE v.${name}_$way SET c = $values[0] WHERE id = 100");
			$dbh->do("UPDATE v.${name}_$way SET after_it = 'again' WHERE id = 1");
		}
	}
	return;
}

# Tests: the replicas hold what the source holds, and an event is the same whether it
# came by the copy or from the binlog.
sub same_ok
{
	my ($cluster, $source, $subscription, $schema, @tables) = @_;
	my $history = $cluster->history_of($subscription);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $table (@tables)
	{
		my ($name, $type) = @$table;
		my $short = Encode::encode('UTF-8', substr $type, 0, 40);
		$cluster->compare_ok($source, 'v', $schema, "$short: copied and streamed as at the source",
			only => [ "${name}_copied", "${name}_streamed" ]);
		my $different = $cluster->rows(
			"SELECT coalesce(r.event->'data'->>'id', c.event->'data'->>'id'),
			        left(r.event->'data'->>'c', 100), left(c.event->'data'->>'c', 100)
			 FROM (SELECT * FROM $history WHERE source_table = 'v.${name}_copied' AND op = 'r') r
			 FULL JOIN (SELECT * FROM $history WHERE source_table = 'v.${name}_streamed' AND op = 'c'
			              AND event->'data'->>'id' <> '100') c
			   ON r.event->'data'->'id' = c.event->'data'->'id'
			 WHERE (r.event->'data')::text IS DISTINCT FROM (c.event->'data')::text");
		is(@$different, 0, "$short: the same event from copy and stream")
		  or diag(join "\n", map { join ' | ', map { $_ // 'NULL' } @$_ } @$different);
	}
	$cluster->history_ok($subscription);
	return;
}

1;
