# A source table changes its shape: its replica follows and equals it, or the table is
# in error with a reason, and what the error says to type ends in a replica that equals
# it.  There is nothing in between.
#
# Takes 90 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Compare qw(compare_table);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('shape');

# What is tried: name, columns of the table, rows that are there, statements ("T" is
# the table), and what is expected: '' for a replica that follows, else the reason.
# Behind them come the words of servers that cannot do it.
my $few = q{INSERT INTO T (id, a) VALUES (1, 10), (2, NULL), (3, 30)};
my @cases = (
	# columns that come
	[ add => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T ADD c INT DEFAULT 5', q{INSERT INTO T (id) VALUES (4)} ], '' ],
	[ add_quiet => 'id INT PRIMARY KEY, a INT', $few, ['ALTER TABLE T ADD c INT NOT NULL DEFAULT 5'], '' ],
	[ add_not_null => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD i INT NOT NULL, ADD v VARCHAR(9) NOT NULL, ADD d DECIMAL(8,2) NOT NULL, ADD e ENUM('x','y') NOT NULL,
			ADD s SET('x','y') NOT NULL, ADD b BIT(5) NOT NULL, ADD t TIME NOT NULL, ADD x TEXT NOT NULL, ADD y BLOB NOT NULL, ADD f FLOAT NOT NULL},
			q{UPDATE T SET v = 'u' WHERE id = 2} ], '' ],
	[ add_first => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T ADD c INT FIRST, ADD d VARCHAR(3) DEFAULT \'ü"\' AFTER id', 'DELETE FROM T WHERE id = 1' ], '' ],
	[ add_values => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD e ENUM('m','n') DEFAULT 'n', ADD s SET('a','b','c') DEFAULT 'c,a', ADD b BIT(8) DEFAULT b'101', ADD dt DATETIME DEFAULT '2020-02-03 04:05:06',
			ADD da DATE DEFAULT '2020-02-03', ADD ti TIME DEFAULT '04:05:06', ADD y YEAR DEFAULT '1999', ADD de DECIMAL(8,3) DEFAULT 1.5, ADD ch CHAR(5) DEFAULT 'x', ADD ne BIGINT DEFAULT -7},
			'INSERT INTO T (id) VALUES (9)' ], '' ],
	[ add_fractions => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD t TIME DEFAULT '10:00:00.6', ADD d DATETIME DEFAULT '2020-12-31 23:59:59.9', ADD e DATETIME(1) NOT NULL DEFAULT '1999-12-31 00:00:00.19',
			ADD h DATETIME(1) DEFAULT '1999-12-31 00:00:00.25', ADD f TIME(1) DEFAULT '23:59:59.96', ADD g TIME(3) DEFAULT '10:00:00.5',
			ADD n DECIMAL(3,1) DEFAULT 1.55, ADD o DECIMAL(3,1) DEFAULT '-9.95', ADD q DECIMAL(4) DEFAULT -0.4, ADD i INT DEFAULT 2.5, ADD j INT DEFAULT '-1.5'}, q{INSERT INTO T (id) VALUES (4)} ], '' ],
	[ add_numbers_as_text => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD a1 CHAR(3) DEFAULT 007, ADD a2 VARCHAR(30) DEFAULT -007, ADD a3 VARCHAR(30) NOT NULL DEFAULT .5, ADD a4 VARCHAR(30) DEFAULT 5., ADD a5 VARCHAR(30) DEFAULT 00.50,
			ADD a6 VARCHAR(30) DEFAULT +5, ADD a7 VARCHAR(30) DEFAULT -0, ADD a8 VARCHAR(30) DEFAULT -0.0, ADD a9 VARCHAR(30) DEFAULT 00, ADD b1 VARCHAR(30) DEFAULT 010.010,
			ADD b2 VARCHAR(30) DEFAULT '007', ADD b3 CHAR(9) DEFAULT 'a  ', ADD b4 VARCHAR(9) DEFAULT 'a  '}, 'INSERT INTO T (id) VALUES (4)', q{SET binlog_row_image = 'MINIMAL'}, 'INSERT INTO T (id) VALUES (5)', q{SET binlog_row_image = 'FULL'} ], '' ],
	[ add_left_out => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD t1 TEXT DEFAULT '', ADD t2 TINYTEXT NOT NULL DEFAULT '', ADD t3 TEXT(10) DEFAULT N'', ADD t4 LONG DEFAULT '', ADD b1 BLOB DEFAULT '', ADD b2 LONGBLOB NOT NULL DEFAULT ''},
			'INSERT INTO T (id) VALUES (4)', q{SET binlog_row_image = 'MINIMAL'}, 'INSERT INTO T (id) VALUES (5)', q{SET binlog_row_image = 'FULL'} ], '', 'mariadb', 'mariadb118' ],
	[ add_text_kept => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD t1 TEXT DEFAULT '', ADD t2 TINYTEXT NOT NULL DEFAULT 'x '}, 'INSERT INTO T (id) VALUES (4)', q{SET binlog_row_image = 'MINIMAL'}, 'INSERT INTO T (id) VALUES (5)', q{SET binlog_row_image = 'FULL'} ], '', 'mysql56', 'mysql97' ],
	[ add_like_members => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD e1 ENUM('a','A') DEFAULT 'A', ADD e2 ENUM('no','yes') NOT NULL DEFAULT 'YES', ADD e3 ENUM('a','A') COLLATE utf8_bin DEFAULT 'A', ADD s1 SET('b','B','c') DEFAULT 'c,B'},
			'INSERT INTO T (id) VALUES (4)', q{SET binlog_row_image = 'MINIMAL'}, 'INSERT INTO T (id) VALUES (5)', q{SET binlog_row_image = 'FULL'} ], '' ],
	[ add_like_letters => 'id INT PRIMARY KEY, a INT', $few, [ q{ALTER TABLE T ADD e ENUM('é','E','x') DEFAULT 'E'} ], qr/column "e" was added.*not understood/ ],
	[ add_float_as_text => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T ADD v VARCHAR(30) DEFAULT 1E3' ], qr/column "v" was added.*not understood/ ],
	[ add_years => 'id INT PRIMARY KEY, a INT', $few,
		[ q{ALTER TABLE T ADD y1 YEAR DEFAULT '0', ADD y2 YEAR DEFAULT 0, ADD y3 YEAR DEFAULT '5', ADD y4 YEAR DEFAULT 70, ADD y5 YEAR NOT NULL DEFAULT '00', ADD y6 YEAR DEFAULT '0000', ADD y7 YEAR DEFAULT 2024, ADD y8 YEAR DEFAULT 69,
			ADD y9 YEAR NOT NULL}, 'INSERT INTO T (id) VALUES (4)', q{SET binlog_row_image = 'MINIMAL'}, 'INSERT INTO T (id) VALUES (5)', q{SET binlog_row_image = 'FULL'} ], '' ],
	[ add_rounded => 'id INT PRIMARY KEY, a INT', $few, [ q{SET sql_mode = 'TIME_ROUND_FRACTIONAL'}, q{ALTER TABLE T ADD t TIME DEFAULT '10:00:00.6', ADD d DATETIME DEFAULT '2020-02-28 23:59:59.9'}, q{SET sql_mode = ''} ], '', 'mysql56', 'mysql97' ],
	[ add_cut => 'id INT PRIMARY KEY, a INT', $few, [ q{SET sql_mode = 'TIME_TRUNCATE_FRACTIONAL'}, q{ALTER TABLE T ADD t TIME DEFAULT '10:00:00.6', ADD d DATETIME DEFAULT '2020-02-28 23:59:59.9'}, q{SET sql_mode = ''} ], '', 'mysql56', 'mariadb' ],
	[ add_float => 'id INT PRIMARY KEY, a INT', $few, ['ALTER TABLE T ADD f DOUBLE(5,1) DEFAULT 1.25'], qr/column "f" was added.*not understood/ ],
	[ add_now => 'id INT PRIMARY KEY, a INT', $few, ['ALTER TABLE T ADD c DATETIME DEFAULT CURRENT_TIMESTAMP'], qr/column "c" was added.*time of the statement/ ],
	[ add_timestamp => 'id INT PRIMARY KEY, a INT', $few, [ 'SET SESSION explicit_defaults_for_timestamp = 0', 'ALTER TABLE T ADD c TIMESTAMP', 'SET SESSION explicit_defaults_for_timestamp = 1',
		'ALTER TABLE T MODIFY c TIMESTAMP NULL' ], qr/column "c" was added.*time of the statement/, 'mysql56' ],
	[ add_timestamp_null => 'id INT PRIMARY KEY, a INT', $few, [ 'SET SESSION explicit_defaults_for_timestamp = 1', 'ALTER TABLE T ADD c TIMESTAMP' ], '', 'mysql56' ],
	[ add_now_empty => 'id INT PRIMARY KEY, a INT', '', [ 'ALTER TABLE T ADD c DATETIME DEFAULT CURRENT_TIMESTAMP', 'INSERT INTO T (id) VALUES (1)' ], '' ],
	[ add_number => 'a INT', 'INSERT INTO T VALUES (1), (2), (2)', ['ALTER TABLE T ADD id INT AUTO_INCREMENT PRIMARY KEY'], qr/column "id" was added.*numbered/ ],
	[ add_generated => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T ADD g INT AS (a + 1) PERSISTENT', 'INSERT INTO T (id, a) VALUES (7, 7)' ], qr/column "g" was added.*computes/, 'mysql56', 'mysql97' ],
	[ add_generated_both => 'id INT PRIMARY KEY, a INT', $few, ['ALTER TABLE T ADD n1 INT AS (a + 1) STORED, ADD n2 INT AS (a * 2) VIRTUAL'], qr/column "n1" was added.*computes/, 'mysql56' ],
	[ add_generated_empty => 'id INT PRIMARY KEY, a INT', '', [ 'ALTER TABLE T ADD n1 INT AS (a + 1) STORED, ADD n2 INT AS (a * 2) VIRTUAL', 'INSERT INTO T (id, a) VALUES (1, 2)' ], '', 'mysql56' ],
	# names
	[ rename => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T CHANGE a b INT', 'INSERT INTO T (id, b) VALUES (4, 44)', 'UPDATE T SET b = 11 WHERE id = 1' ], '' ],
	[ rename_case => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T CHANGE a A INT', 'INSERT INTO T (id, A) VALUES (4, 44)' ], '' ],
	[ swap => 'id INT PRIMARY KEY, a INT, b INT', 'INSERT INTO T VALUES (1, 10, 20), (2, 11, 21)',
		[ 'ALTER TABLE T CHANGE a b INT, CHANGE b a INT', 'INSERT INTO T (id, a, b) VALUES (3, 1, 2)', 'UPDATE T SET a = 5 WHERE id = 1' ], '' ],
	[ rename_key => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T CHANGE id no INT NOT NULL', 'UPDATE T SET a = 5 WHERE no = 1', 'DELETE FROM T WHERE no = 2' ], '' ],
	[ circle => 'id INT PRIMARY KEY, a INT, b INT, c INT', 'INSERT INTO T VALUES (1, 10, 20, 30)',
		[ 'ALTER TABLE T CHANGE a b INT, CHANGE b c INT, CHANGE c a INT', 'INSERT INTO T (id, a, b, c) VALUES (2, 1, 2, 3)' ], '' ],
	[ drop_and_add => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T DROP a, ADD a INT', 'INSERT INTO T VALUES (4, 4)' ], '' ],
	[ drop_and_add_value => 'id INT PRIMARY KEY, a INT', $few, [ q{ALTER TABLE T DROP a, ADD a VARCHAR(5) NOT NULL DEFAULT 'n'}, q{INSERT INTO T VALUES (4, 'q')} ], '' ],
	[ drop_and_rename => 'id INT PRIMARY KEY, a INT, b INT', 'INSERT INTO T VALUES (1, 10, 20)', [ 'ALTER TABLE T DROP a, CHANGE b a INT', 'INSERT INTO T VALUES (2, 2)' ], '' ],
	[ rename_and_add => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T CHANGE a b INT, ADD a INT DEFAULT 3', 'INSERT INTO T (id, b) VALUES (4, 44)' ], '' ],
	[ drop => 'id INT PRIMARY KEY, a INT, b INT NOT NULL', 'INSERT INTO T VALUES (1, 10, 20)', [ 'ALTER TABLE T DROP b', 'INSERT INTO T VALUES (2, 2)', 'UPDATE T SET a = 3 WHERE id = 1' ], '' ],
	[ drop_and_move => 'id INT PRIMARY KEY, a INT, b INT', 'INSERT INTO T VALUES (1, 10, 20), (2, 11, 21), (3, 12, 22)',
		[ 'ALTER TABLE T DROP b', 'INSERT INTO T SELECT id + 10, a FROM T', q{SET binlog_row_image = 'MINIMAL'}, 'UPDATE T SET id = id + 100', 'UPDATE T SET id = 1 WHERE id = 102',
			'UPDATE T SET id = 2, a = NULL WHERE id = 101', q{SET binlog_row_image = 'FULL'} ], '' ],
	[ drop_key => 'id INT, a INT NOT NULL, b INT, PRIMARY KEY (id, a)', 'INSERT INTO T VALUES (1, 10, 20), (2, 10, 20)',
		[ 'ALTER TABLE T DROP PRIMARY KEY, DROP a, ADD PRIMARY KEY (id)', 'INSERT INTO T VALUES (3, 2)', 'UPDATE T SET b = 3 WHERE id = 1', 'DELETE FROM T WHERE id = 2' ], '' ],
	[ drop_then_again => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T DROP a', 'INSERT INTO T VALUES (4)', q{ALTER TABLE T ADD a VARCHAR(9) DEFAULT 'z'}, q{INSERT INTO T VALUES (5, 'y')} ], '' ],
	[ keyless_drop => 'a INT, b INT', 'INSERT INTO T VALUES (1, 10), (1, 10), (2, 20)', [ 'ALTER TABLE T DROP b', 'DELETE FROM T WHERE a = 2', 'INSERT INTO T VALUES (3)', 'UPDATE T SET a = 4 WHERE a = 3' ], '' ],
	[ moved => 'id INT PRIMARY KEY, a INT, b VARCHAR(5)', q{INSERT INTO T VALUES (1, 10, 'x')}, [ 'ALTER TABLE T MODIFY b VARCHAR(5) FIRST, MODIFY id INT AFTER a', q{INSERT INTO T (id, a, b) VALUES (2, 3, 'y')} ], '' ],
	# types
	[ wider => 'id INT PRIMARY KEY, a INT, v VARCHAR(5), d DECIMAL(5,2), e ENUM(\'x\'), f FLOAT, t DATETIME, b BIT(3)',
		q{INSERT INTO T VALUES (1, 10, 'x', 1.25, 'x', 0.1, '2020-01-01 00:00:00', b'101')},
		[ q{ALTER TABLE T MODIFY id BIGINT, MODIFY a BIGINT, MODIFY v VARCHAR(50), MODIFY d DECIMAL(9,4), MODIFY e ENUM('y','x','z'), MODIFY f DOUBLE, MODIFY t DATETIME(3), MODIFY b BIT(12)},
			q{INSERT INTO T VALUES (5000000000, 6000000000, 'long enough for it', 12345.0625, 'z', 0.3, '2020-01-01 00:00:00.125', b'100000000001')} ], '' ],
	[ narrower => 'id INT PRIMARY KEY, a INT, v VARCHAR(50), d DECIMAL(9,4)', q{INSERT INTO T VALUES (1, 10, 'x', 1.25)},
		[ 'ALTER TABLE T MODIFY a SMALLINT, MODIFY v VARCHAR(3), MODIFY d DECIMAL(5,2)', q{INSERT INTO T VALUES (2, 11, 'yyy', 2.5)} ], '' ],
	[ rounded => 'id INT PRIMARY KEY, d DECIMAL(9,4)', q{INSERT INTO T VALUES (1, 1.2345), (2, 3)}, ['ALTER TABLE T MODIFY d DECIMAL(9,2)'], qr/column "d" was changed/ ],
	[ cut => 'id INT PRIMARY KEY, v VARCHAR(9)', q{INSERT INTO T VALUES (1, 'abcdef')}, ['ALTER TABLE T MODIFY v VARCHAR(3)'], qr/column "v" was changed/ ],
	[ null_to_zero => 'id INT PRIMARY KEY, a INT', $few, ['ALTER TABLE T MODIFY a INT NOT NULL'], qr/column "a" was changed from int\S* to int\S* NOT NULL,/ ],
	[ null_none => 'id INT PRIMARY KEY, a INT', 'INSERT INTO T VALUES (1, 1)', [ 'ALTER TABLE T MODIFY a INT NOT NULL', 'INSERT INTO T VALUES (2, 2)' ], '' ],
	[ member_removed => q{id INT PRIMARY KEY, e ENUM('x','y')}, q{INSERT INTO T VALUES (1, 'x'), (2, 'y')}, [q{ALTER TABLE T MODIFY e ENUM('x')}], qr/column "e" was changed/ ],
	[ member_unused => q{id INT PRIMARY KEY, e ENUM('x','y')}, q{INSERT INTO T VALUES (1, 'x')}, [ q{ALTER TABLE T MODIFY e ENUM('x','z')}, q{INSERT INTO T VALUES (2, 'z')} ], '' ],
	[ to_text => 'id INT PRIMARY KEY, a INT, d DECIMAL(6,2)', q{INSERT INTO T VALUES (1, 7, 1.5)}, [ 'ALTER TABLE T MODIFY a VARCHAR(20), MODIFY d VARCHAR(20)', q{INSERT INTO T VALUES (2, '007', '01')} ], '' ],
	[ compressed_longer => 'id INT PRIMARY KEY, v VARCHAR(10) COMPRESSED', q{INSERT INTO T VALUES (1, 'abc')},
		[ 'UPDATE T SET v = repeat(v, 5)', 'ALTER TABLE T ADD w VARCHAR(5) COMPRESSED', q{INSERT INTO T VALUES (2, repeat('x', 20), repeat('y', 9))} ], '', 'mysql56', 'mysql97' ],
	[ compressed_converted => 'id INT PRIMARY KEY, v VARCHAR(10) COMPRESSED CHARACTER SET latin1', q{INSERT INTO T VALUES (1, 'abc')},
		[ 'ALTER TABLE T CONVERT TO CHARACTER SET utf8', q{INSERT INTO T VALUES (2, 'ü')} ], '', 'mysql56', 'mysql97' ],
	[ zero_date_to_text => 'id INT PRIMARY KEY, d DATETIME', q{INSERT INTO T VALUES (1, '0000-00-00'), (2, NULL)}, ['ALTER TABLE T MODIFY d VARCHAR(30)'], qr/column "d" was changed/ ],
	[ zero_day_to_time => 'id INT PRIMARY KEY, d DATETIME', q{INSERT INTO T VALUES (1, '2024-05-00 12:00:00')}, ['ALTER TABLE T MODIFY d TIME'], qr/column "d" was changed/ ],
	[ zero_date_dated => 'id INT PRIMARY KEY, d DATE, e DATE', q{INSERT INTO T VALUES (1, '0000-00-00', '2024-05-00')}, [ 'ALTER TABLE T MODIFY d DATETIME', q{INSERT INTO T VALUES (2, '0000-00-00', '0000-00-00')} ], '' ],
	[ json_null_to_text => 'id INT PRIMARY KEY, j JSON', q{INSERT INTO T VALUES (1, 'null')}, ['ALTER TABLE T MODIFY j TEXT'], qr/column "j" was changed/, 'mysql56', 'mariadb' ],
	[ to_number => 'id INT PRIMARY KEY, v VARCHAR(20)', q{INSERT INTO T VALUES (1, '007')}, ['ALTER TABLE T MODIFY v INT'], qr/column "v" was changed/ ],
	[ to_bytes => 'id INT PRIMARY KEY, v VARCHAR(20)', q{INSERT INTO T VALUES (1, 'grün')}, [ 'ALTER TABLE T MODIFY v VARBINARY(60)', q{INSERT INTO T VALUES (2, x'00ff')} ], '' ],
	[ from_bytes => 'id INT PRIMARY KEY, v VARBINARY(20)', q{INSERT INTO T VALUES (1, 'plain')}, [ 'ALTER TABLE T MODIFY v VARCHAR(60)', q{INSERT INTO T VALUES (2, 'ü')} ], '' ],
	[ bit_to_int => 'id INT PRIMARY KEY, b BIT(8)', q{INSERT INTO T VALUES (1, b'101')}, [ 'ALTER TABLE T MODIFY b INT', q{INSERT INTO T VALUES (2, 1000)} ], '' ],
	[ int_to_bit => 'id INT PRIMARY KEY, b INT', q{INSERT INTO T VALUES (1, 5)}, ['ALTER TABLE T MODIFY b BIT(8)'], qr/column "b" was changed/ ],
	[ double_to_text => 'id INT PRIMARY KEY, f DOUBLE', q{INSERT INTO T VALUES (1, 0.1)}, ['ALTER TABLE T MODIFY f VARCHAR(30)'], qr/column "f" was changed/ ],
	[ time_to_text => 'id INT PRIMARY KEY, f TIME', q{INSERT INTO T VALUES (1, '10:11:12')}, ['ALTER TABLE T MODIFY f VARCHAR(30)'], qr/column "f" was changed/ ],
	[ type_empty => 'id INT PRIMARY KEY, f TIME', '', [ 'ALTER TABLE T MODIFY f VARCHAR(30)', q{INSERT INTO T VALUES (1, '10:11:12')} ], '' ],
	[ convert => 'id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET latin1', q{INSERT INTO T VALUES (1, 'grün')}, [ 'ALTER TABLE T CONVERT TO CHARACTER SET utf8', q{INSERT INTO T VALUES (2, '€')} ], '' ],
	[ convert_lossy => 'id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET utf8', q{INSERT INTO T VALUES (1, 'я')}, ['ALTER TABLE T CONVERT TO CHARACTER SET latin1'],
		qr/column "v" was changed from varchar\(20\) CHARACTER SET utf8\w* to varchar\(20\) CHARACTER SET latin1,/ ],
	# keys
	[ key_wider => 'id INT PRIMARY KEY, a INT NOT NULL', 'INSERT INTO T VALUES (1, 10)', [ 'ALTER TABLE T DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)', 'INSERT INTO T VALUES (1, 11)', 'DELETE FROM T WHERE a = 10' ], '' ],
	[ key_gone => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T DROP PRIMARY KEY', 'INSERT INTO T VALUES (1, 10), (1, 10)', 'UPDATE T SET a = 5 WHERE a = 30' ], '' ],
	[ key_new => 'id INT NOT NULL, a INT', $few, [ 'ALTER TABLE T ADD PRIMARY KEY (id)', 'INSERT INTO T VALUES (4, 4)', 'UPDATE T SET a = 5 WHERE id = 1', 'DELETE FROM T WHERE id = 2' ], '' ],
	[ key_other => 'id INT PRIMARY KEY, a INT NOT NULL', 'INSERT INTO T VALUES (1, 10), (2, 20)', [ 'ALTER TABLE T DROP PRIMARY KEY, ADD PRIMARY KEY (a)', 'UPDATE T SET id = 1 WHERE a = 20', 'DELETE FROM T WHERE a = 10' ], '' ],
	# whole tables
	[ truncate => 'id INT PRIMARY KEY, a INT', $few, [ 'TRUNCATE TABLE T', 'INSERT INTO T VALUES (7, 7)' ], '' ],
	[ truncate_twice => 'id INT PRIMARY KEY, a INT, b VARCHAR(20)', q{INSERT INTO T VALUES (1, 1, 'x'), (2, 2, 'y')},
		[ 'TRUNCATE T', 'INSERT INTO T (id) VALUES (1)', 'ALTER TABLE T DROP a', 'TRUNCATE TABLE T', 'ALTER TABLE T MODIFY b BIGINT', 'INSERT INTO T (id) VALUES (2)' ], '' ],
	[ key_of_null => 'id INT, a INT', 'INSERT INTO T VALUES (1, 10), (NULL, 20)', ['ALTER TABLE T ADD PRIMARY KEY (id)'], qr/column "id" was changed/ ],
	[ made_anew => 'id INT PRIMARY KEY, a INT', $few, [ 'DROP TABLE T', 'CREATE TABLE T (id VARCHAR(5) PRIMARY KEY, b INT NOT NULL, a TIME)', q{INSERT INTO T VALUES ('x', 1, '10:00:00')} ], '' ],
	[ nothing => 'id INT PRIMARY KEY, a INT', $few, [ q{ALTER TABLE T COMMENT 'c', ADD INDEX (a)}, 'ALTER TABLE T MODIFY a INT DEFAULT 3', 'ALTER TABLE T ENGINE = InnoDB', 'INSERT INTO T (id) VALUES (4)' ], '' ],
	[ blackhole => 'id INT PRIMARY KEY, a INT', $few, ['ALTER TABLE T ENGINE = BLACKHOLE', 'ALTER TABLE T ENGINE = InnoDB'], qr/engine/, 'mysql97' ],
	[ partition => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (2), PARTITION p2 VALUES LESS THAN (100))', 'ALTER TABLE T DROP PARTITION p1' ], qr/rows were moved/ ],
	[ partitioned => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T PARTITION BY RANGE (id) (PARTITION p1 VALUES LESS THAN (2), PARTITION p2 VALUES LESS THAN (100))', 'ALTER TABLE T ADD PARTITION (PARTITION p3 VALUES LESS THAN (200))',
			'INSERT INTO T VALUES (150, 1)', 'ALTER TABLE T REMOVE PARTITIONING' ], '' ],
	# several, one after the other
	[ chain => 'id INT PRIMARY KEY, a INT', $few, [ 'ALTER TABLE T ADD b INT DEFAULT 1', 'UPDATE T SET b = 2 WHERE id = 1', 'ALTER TABLE T CHANGE b c BIGINT', 'INSERT INTO T VALUES (4, 4, 5000000000)', 'ALTER TABLE T DROP a',
			'INSERT INTO T VALUES (5, 5)', 'ALTER TABLE T CHANGE c a BIGINT, ADD c VARCHAR(3) NOT NULL', q{INSERT INTO T VALUES (6, 6, 'z')} ], '' ],
	[ error_then_more => 'id INT PRIMARY KEY, d DECIMAL(9,4)', q{INSERT INTO T VALUES (1, 1.2345)}, [ 'ALTER TABLE T MODIFY d DECIMAL(9,2)', 'INSERT INTO T VALUES (2, 2)', 'ALTER TABLE T ADD x INT DEFAULT 5', 'INSERT INTO T VALUES (3, 3, 3)' ], qr/column "d" was changed/ ],
);

sub skipped { my ($case, $flavour) = @_; return grep { $_ eq $flavour } @$case[ 5 .. $#$case ] }

# What the hint says, word for word.
sub do_as_hinted
{
	my ($error) = @_;
	my ($hint) = $error =~ /^HINT: +(.*)/m or return "there is no hint: $error";
	return eval { $cluster->do($hint); 1 } ? '' : "$hint: $@";
}

# The statements of a case's table, in a session without strict mode, as the servers of long ago.
sub run_case
{
	my ($dbh, $case, @statements) = @_;
	for my $statement (@statements)
	{
		my $sql = $statement =~ s/\bT\b/shape.$case->[0]/gr;
		$dbh->do($sql);
	}
	return;
}

sub follow
{
	my ($id) = @_;
	$cluster->value('SELECT cdc.pull(?)', $id);
	$cluster->rows('SELECT * FROM cdc.apply(?)', $id);
	return;
}

sub differences
{
	my ($source, $case, $schema) = @_;
	my ($from, $to) = ($source->connect, $cluster->connect);
	my @differences = compare_table($from, $to, [ 'shape', $case->[0] ], "$schema.$case->[0]");
	$_->disconnect for $from, $to;
	return join "\n", @differences;
}

# The source's columns that the replica has not, though the binlog has them.
sub missing_columns
{
	my ($source, $case, $schema) = @_;
	my $has = { map { $_->[0] => 1 } @{ $cluster->rows('SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?', $schema, $case->[0]) } };
	my $columns = $source->rows(q{SELECT column_name FROM information_schema.columns WHERE table_schema = 'shape' AND table_name = ?}, $case->[0]);
	return join ' ', grep { !$has->{$_} } map { $_->[0] } @$columns;
}

sub try_all
{
	my ($flavour, $metadata, $options) = @_;
	my $source = CdcIngest::Server->new($flavour, metadata => $metadata);
	my $id = lc "${flavour}_$metadata" . ($options ? '_x' : '');
	my $dbh = $source->connect;
	my @mine = grep { !skipped($_, $flavour) } @cases;

	$dbh->do(q{SET sql_mode = ''});
	$dbh->do('SET NAMES utf8');
	$dbh->do('CREATE DATABASE shape CHARACTER SET utf8');
	for my $case (@mine)
	{
		$dbh->do("CREATE TABLE shape.$case->[0] ($case->[1])");
		run_case($dbh, $case, grep { $_ ne '' } $case->[2]);
	}
	$cluster->add_source($id, $source);
	$cluster->subscribe($id, $id, $id, tables => ['shape.*'], enabled => \'false', options => $options // '{}');
	follow($id);
	for my $case (@mine)
	{
		run_case($dbh, $case, @{ $case->[3] });
		# some alone, the others in one batch
		follow($id) if length($case->[0]) % 2;
	}
	follow($id);
	for my $case (@mine)
	{
		my ($state, $error) = @{ $cluster->rows('SELECT state, last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?',
				$id, "shape.$case->[0]")->[0] };
		my $name = "$id: $case->[0]";
		if ($case->[4] eq '')
		{
			is($state, 'r', $name) or diag($error);
			is(differences($source, $case, $id), '', "$name: the replica equals its source");
			is(missing_columns($source, $case, $id), '', "$name: ... with all columns");
		}
		else
		{
			is($state, 'e', $name);
			like($error // '', $case->[4], "$name: the reason");
		}
	}
	return ($source, $dbh, $id, \@mine);
}

sub remedies
{
	my ($source, $id, $mine) = @_;
	for my $case (grep { $_->[4] ne '' } @$mine)
	{
		my $error = $cluster->value('SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, "shape.$case->[0]");
		is(do_as_hinted($error), '', "$id: $case->[0]: what the hint says");
		follow($id) for 1 .. 3;
		is(differences($source, $case, $id), '', "$id: $case->[0]: ... ends in a replica that equals its source");
		is(missing_columns($source, $case, $id), '', "$id: $case->[0]: ... with the columns that a first copy has");
	}
	return;
}

for my $server ([qw(mysql97 FULL)], [qw(mysql97 MINIMAL)], [qw(mariadb FULL)], [qw(mariadb NO_LOG)], [qw(mysql56 MINIMAL)])
{
	my ($flavour, $metadata) = @$server;
	next unless CdcIngest::Server->available($flavour);
	next if $ENV{CDC_SHAPE} && $ENV{CDC_SHAPE} ne "$flavour $metadata";
	subtest "$flavour $metadata" => sub {
		my ($source, $dbh, $id, $mine) = try_all($flavour, $metadata, $metadata eq 'NO_LOG' ? '{"output_ddl": false}' : undef);
		remedies($source, $id, $mine);
		$cluster->call('drop_subscription', name => $id);
		$source->stop('KILL');
	};
}

done_testing();
