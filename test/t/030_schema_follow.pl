# Definitions as of a position: the reader stands still while tables are altered and
# rows written before, between and after; then every row must have come with the
# names and values that it had when it was written.
#
# Takes 35 s.
use strict;
use warnings;
use utf8;

use JSON::PP;
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('follow');
my $json = JSON::PP->new->utf8(0)->canonical;

# A row is written with this number, and what the server shows of it noted.
package Written
{
	sub new { my ($class, $source) = @_; return bless { source => $source, n => 0, rows => {} }, $class }

	sub row
	{
		my ($self, $table, %values) = @_;
		my $id = ++$self->{n};
		my $dbh = $self->{source}->dbh;
		my @names = sort keys %values;
		$dbh->do("INSERT INTO $table (id" . join('', map { ", `$_`" } @names) . ') VALUES (?' . ', ?' x @names . ')',
			undef, $id, map { $values{$_} } @names);
		my $row = $dbh->selectrow_hashref("SELECT * FROM $table WHERE id = $id");
		$self->{rows}{$id} = { map { $_ => defined $row->{$_} ? "$row->{$_}" : undef } keys %$row };
		return $id;
	}
}

sub check_rows
{
	my ($written, $history, $database, $what) = @_;
	my %events;
	# A set as the server's client shows it.
	$events{ $_->[0] }{ $_->[1] } = $_->[2] for @{ $cluster->rows(
			"SELECT (event->'data'->>'id')::int, f.key, CASE jsonb_typeof(f.value) WHEN 'array' THEN
				(SELECT string_agg(m, ',') FROM jsonb_array_elements_text(f.value) m) ELSE event->'data'->>f.key END
			FROM $history, jsonb_each(event->'data') f WHERE op = 'c' AND source_table LIKE ?", "$database.%") };
	my @wrong;
	for my $id (sort { $a <=> $b } keys %{ $written->{rows} })
	{
		my ($expected, $got) = map { $_ ? $json->encode($_) : 'no event' } $written->{rows}{$id}, $events{$id};
		push @wrong, "row $id: $got, expected $expected" if $got ne $expected;
	}
	is(join("\n", @wrong), '', "$what: " . keys(%{ $written->{rows} }) . ' rows have the right names and values');
	return;
}

# Alters that a reader without names cannot see in the table maps, and others.
sub alter_and_write
{
	my ($source, $w) = @_;
	my $mysql8 = $source->flavour eq 'mysql97';
	my $rename = $source->flavour ne 'mysql56';
	my $d = 'follow';
	my @t = map { "$d.$_" } qw(swap type text member late);

	$w->row($t[0], a => 1, b => 2, c => 'x');
	# Two columns of one type change names: nothing in a table map tells.
	$source->do("ALTER TABLE $t[0] CHANGE a b INT, CHANGE b a INT");
	$w->row($t[0], a => 3, b => 4, c => 'y');
	$source->do($rename ? "ALTER TABLE $t[0] RENAME COLUMN a TO b, RENAME COLUMN b TO a"
		: "ALTER TABLE $t[0] CHANGE a b INT, CHANGE b a INT");
	$w->row($t[0], a => 5, b => 6, c => 'z');
	# A column in the middle, one moved, one dropped.
	$source->do("ALTER TABLE $t[0] ADD COLUMN m INT DEFAULT 7 AFTER id, ADD z BIGINT UNSIGNED FIRST");
	$w->row($t[0], a => 8, b => 9, z => '18446744073709551615');
	$source->do("ALTER TABLE $t[0] MODIFY b INT AFTER id, DROP COLUMN m, ADD n INT");
	$w->row($t[0], a => 10, b => 11, n => 12);
	$source->do("ALTER TABLE $t[0] MODIFY a INT FIRST, MODIFY n INT AFTER id");
	$w->row($t[0], a => 13, b => 14, n => 15);

	# Types whose bytes are the same.
	$w->row($t[1], i => -1, u => '4294967295', n => 1);
	$source->do("DELETE FROM $t[1]", "ALTER TABLE $t[1] MODIFY i INT UNSIGNED, MODIFY u INT SIGNED");
	$w->row($t[1], i => '4294967295', u => -1, n => 2);
	$source->do("ALTER TABLE $t[1] ADD d DECIMAL(10,2), CHANGE n n2 BIGINT UNSIGNED");
	$w->row($t[1], i => 5, u => -5, n2 => '18446744073709551614', d => '-1.50');

	# Character sets: a column's, the table's default, CONVERT TO.
	$w->row($t[2], v => 'grün');
	$source->do("ALTER TABLE $t[2] MODIFY v VARCHAR(20) CHARACTER SET latin1");
	$w->row($t[2], v => 'blau-ä');
	$source->do("ALTER TABLE $t[2] DEFAULT CHARACTER SET latin1, ADD w VARCHAR(20)");
	$w->row($t[2], v => 'ö', w => 'ü');
	$source->do("ALTER TABLE $t[2] CONVERT TO CHARACTER SET utf8");
	$w->row($t[2], v => '€', w => 'ß');
	$source->do("ALTER TABLE $t[2] ADD x VARBINARY(10) AFTER v, ADD y VARCHAR(10)");
	$w->row($t[2], v => 'я', y => 'ж');

	# Members of an enum.
	$w->row($t[3], e => 'b', s => 'y');
	$source->do("ALTER TABLE $t[3] MODIFY e ENUM('a','x','b','c'), MODIFY s SET('y','x')");
	$w->row($t[3], e => 'b', s => 'y');
	$w->row($t[3], e => 'x', s => 'x');

	# A table made in the meantime, changed, dropped and made again; databases' defaults.
	$source->do("CREATE TABLE $t[4] (id INT PRIMARY KEY, v VARCHAR(10), w TEXT CHARACTER SET latin1) /* c INT */");
	$w->row($t[4], v => 'ключ', w => 'ñ');
	$source->do("/*!50003 ALTER TABLE */ $t[4] DROP v, ADD w2 INT UNSIGNED");
	$w->row($t[4], w => 'é', w2 => '4000000000');
	$source->do("DROP TABLE $t[4]", "ALTER DATABASE follow CHARACTER SET koi8r",
		"CREATE TABLE $t[4] (w2 INT, id INT PRIMARY KEY, v VARCHAR(10))");
	$w->row($t[4], w2 => -4, v => 'ж');
	$source->do("CREATE TABLE follow.like_it LIKE $t[3]", "ALTER TABLE follow.like_it ADD k VARCHAR(3)");
	$w->row('follow.like_it', e => 'c', s => 'x', k => 'ж');
	# Names change hands.
	$source->do("RENAME TABLE $t[4] TO follow.tmp, $t[2] TO $t[4], follow.tmp TO $t[2]");
	$w->row($t[4], v => 'я', y => 'ж');
	$w->row($t[2], w2 => -9, v => 'ж');
	# Text, case and quotes of all kinds.
	my $dbh = $source->dbh;
	$dbh->do("SET sql_mode = 'ANSI_QUOTES'");
	$dbh->do('ALTER TABLE follow."member" ADD "q""x" INT, ADD `r` INT -- , ADD no INT');
	$dbh->do("SET sql_mode = 'NO_BACKSLASH_ESCAPES'");
	$dbh->do("ALTER TABLE follow.member MODIFY e ENUM('\\','b'',', 'c') COMMENT '\\', CHANGE r R BIGINT UNSIGNED");
	$dbh->do("SET sql_mode = ''");
	$w->row($t[3], e => '\\', 'q"x' => 1, R => '18446744073709551615');
	$w->row($t[3], e => "b',", s => 'x');
	return;
}

# What the parser cannot know is asked for, and said in cdc.log.
sub check_beyond
{
	my ($source, $id, $history) = @_;
	$source->do('CREATE TABLE follow.beyond (id INT PRIMARY KEY, a INT, b INT)',
		# the server makes '?' of it
		"ALTER TABLE follow.beyond ADD e ENUM('x','é') CHARACTER SET ascii AFTER a");
	my $w = Written->new($source);
	$w->{n} = 1000;
	$w->row('follow.beyond', a => 1, e => 'x', b => 2);
	$cluster->call('pull', subscription => $id);
	check_rows($w, $history, 'follow', 'beyond the parser');
	like($cluster->value("SELECT message || ': ' || detail FROM cdc.log WHERE subscription = ? AND kind = 'schema'", $id),
		qr/follow\.beyond was read anew from the source: .*does not fit its character set/, 'a row in cdc.log says so');

	# What is asked for is of later than the rows: their table is in error, and no other one.
	$source->do('CREATE TABLE follow.twice (id INT PRIMARY KEY, a INT)', "ALTER TABLE follow.twice ADD e ENUM('x','é') CHARACTER SET ascii",
		"INSERT INTO follow.twice VALUES (1, 1, 'x')", 'ALTER TABLE follow.twice ADD b DATE',
		"INSERT INTO follow.beyond (id, a, e, b) VALUES (2000, 1, 'x', 2)");
	$cluster->call('pull', subscription => $id);
	is($cluster->value("SELECT string_agg(source_table, ' ' ORDER BY seq) FROM $history WHERE op = 'c' AND event->'data'->>'id' IN ('1', '2000')
			AND source_table ~ 'twice|beyond'"), 'follow.beyond', 'rows that fit no definition do not stop others');
	like($cluster->value("SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = 'follow.twice' AND state = 'e'", $id),
		qr/fit no known definition.*\nHINT: +SELECT cdc\.resync_table/s, '... their table is in error, with what helps');

	# A table that is like it is not made by what was read of it since.
	$source->do('CREATE TABLE follow.first (id INT PRIMARY KEY, a INT)', "ALTER TABLE follow.first ADD e ENUM('x','é') CHARACTER SET ascii",
		'CREATE TABLE follow.second LIKE follow.first', "INSERT INTO follow.second VALUES (7, -1, 'x')",
		'ALTER TABLE follow.first MODIFY a INT UNSIGNED', 'ALTER TABLE follow.second RENAME TO follow.third');
	$cluster->call('pull', subscription => $id);
	my $third = $cluster->value("SELECT string_agg(coalesce(event->'data'->>'a', '-'), ' ') FROM $history WHERE op = 'c' AND source_table IN ('follow.second', 'follow.third')");
	is($third // '-1', '-1', 'a row of a table that is like it is read as it was written');
	is($cluster->value("SELECT count(*) FROM cdc.subscription_table WHERE subscription = ? AND source_table IN ('follow.second', 'follow.third') AND state = 'e'", $id),
		defined $third ? 0 : 1, '... or its table is in error');
	return;
}

# Old versions of rows would look like rows: such tables are left out.
sub check_versioned
{
	my ($source, $id, $history) = @_;
	$source->do('CREATE TABLE follow.versioned (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING',
		'INSERT INTO follow.versioned VALUES (1, 1)', 'UPDATE follow.versioned SET v = 2',
		'CREATE TABLE follow.after (id INT PRIMARY KEY, x BIGINT NOT NULL, y BIGINT NOT NULL)', 'INSERT INTO follow.after VALUES (1, 2, 3)');
	$cluster->call('pull', subscription => $id);
	is($cluster->value("SELECT string_agg(source_table, ',') FROM $history WHERE op IN ('c', 'u')
			AND source_table IN ('follow.versioned', 'follow.after')"), 'follow.after', 'a system-versioned table is left out');
	like($cluster->value("SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = 'follow.versioned' AND state = 'e'", $id),
		qr/system-versioned/, '... and its state says so');

	# One that is no more when its rows are read.
	$source->do('CREATE TABLE follow.once (id INT PRIMARY KEY, v INT)', 'INSERT INTO follow.once VALUES (1, 1)',
		'ALTER TABLE follow.once ADD SYSTEM VERSIONING', 'UPDATE follow.once SET v = 2', 'ALTER TABLE follow.once DROP SYSTEM VERSIONING',
		'INSERT INTO follow.once VALUES (2, 2)');
	$cluster->call('pull', subscription => $id);
	is($cluster->value("SELECT string_agg((event->'data'->>'id') || (event->'data'->>'v'), ' ' ORDER BY seq) FROM $history
			WHERE op IN ('c', 'u') AND source_table = 'follow.once'"), '11 22', 'old versions are no rows of a table that was system-versioned');
	like($cluster->value("SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = 'follow.once' AND state = 'e'", $id),
		qr/system-versioned.*\nHINT: +SELECT cdc\.resync_table/s, '... which is in error, as it lacks what they changed');

	# A sequence is written as a table of one row.
	$source->do('CREATE SEQUENCE follow.numbers');
	$source->value('SELECT nextval(follow.numbers)') for 1 .. 2;
	$cluster->call('pull', subscription => $id);
	is($cluster->value("SELECT (SELECT count(*) FROM $history WHERE source_table = 'follow.numbers')
			+ (SELECT count(*) FROM cdc.subscription_table WHERE source_table = 'follow.numbers')"), 0, 'a sequence is no table');

	# Nor is one that is gone when its rows are read; a table that looks like one is, as its CREATE TABLE says.
	my @numbers = map { "n$_ BIGINT NOT NULL" } 1 .. 8;
	$numbers[6] = 'n7 TINYINT NOT NULL';
	$source->do('CREATE SEQUENCE follow.gone', 'CREATE SEQUENCE follow.other', 'CREATE TABLE follow.eight (' . join(', ', @numbers) . ', PRIMARY KEY (n1))',
		'INSERT INTO follow.eight VALUES (1, 2, 3, 4, 5, 6, 7, 8)');
	$source->value("SELECT nextval(follow.$_)") for qw(gone other gone);
	$source->do('DROP SEQUENCE follow.gone', 'DROP SEQUENCE follow.other', 'DROP TABLE follow.eight', 'CREATE TABLE follow.other (id INT PRIMARY KEY, a INT)',
		'INSERT INTO follow.other VALUES (1, 1)');
	$cluster->call('pull', subscription => $id);
	is($cluster->value("SELECT string_agg(source_table, ' ' ORDER BY seq) FROM $history WHERE op = 'c' AND source_table ~ 'follow[.](gone|other|eight)'"),
		'follow.eight follow.other', 'nor is a sequence that is gone');
	is($cluster->value("SELECT count(*) FROM cdc.subscription_table WHERE subscription = '$id' AND source_table = 'follow.gone'"), 0, '... registered');
	return;
}

# A subscription that begins before DDL: definitions are those of the end, so what
# was read by them from before it is in doubt, unless the binlog has names.
sub check_past
{
	my ($source, $id) = @_;
	$source->do('CREATE TABLE follow.past (id INT PRIMARY KEY, a INT, b INT)', 'CREATE TABLE follow.past2 (id INT PRIMARY KEY, a INT)');
	my $position = $source->position;
	my $dbh = $source->dbh;
	$dbh->do('INSERT INTO follow.past VALUES (1, 1, 2)');
	$dbh->do('ALTER TABLE follow.past CHANGE a b INT, CHANGE b a INT');
	$dbh->do('INSERT INTO follow.past (id, a, b) VALUES (2, 1, 2)');
	$dbh->do('ALTER TABLE follow.past2 ADD INDEX (a)');
	$dbh->do('INSERT INTO follow.past2 VALUES (1, 1)');
	$cluster->subscribe("p$id", $id, undef, tables => [ 'follow.past', 'follow.past2' ], copy_data => \'false',
		enabled => \'false', start_position => $position);
	$cluster->call('pull', subscription => "p$id");
	is($cluster->value("SELECT string_agg(source_table || ' ' || state::text, ', ' ORDER BY source_table)
			FROM cdc.subscription_table WHERE subscription = 'p$id'"),
		'follow.past e, follow.past2 r', 'rows read by a later definition are told of');
	$dbh->do('ALTER TABLE follow.past2 CHANGE a c INT UNSIGNED');
	$dbh->do('INSERT INTO follow.past2 VALUES (2, 4000000000)');
	$cluster->call('pull', subscription => "p$id");
	is($cluster->value('SELECT event->\'data\'->>\'c\' FROM ' . $cluster->history_of("p$id") . " WHERE source_table = 'follow.past2'
			ORDER BY seq DESC LIMIT 1"), 4000000000, 'what comes later is followed');
	return;
}

# Events of DDL, as Maxwell's documentation has them.
sub check_events
{
	my ($source, $id, $history) = @_;
	my $begin = $cluster->value("SELECT max(seq) FROM $history");
	$source->do('CREATE TABLE follow.event (id INT(10) UNSIGNED NOT NULL PRIMARY KEY AUTO_INCREMENT, m DOUBLE, c TIMESTAMP(6) NULL,
			comment VARCHAR(255) CHARSET \'latin1\')',
		'ALTER TABLE follow.event ADD COLUMN torvalds BIGINT UNSIGNED AFTER m',
		'CREATE TABLE IF NOT EXISTS follow.event (x INT)', 'DROP TABLE IF EXISTS follow.never',
		'TRUNCATE TABLE follow.event', 'DROP TABLE follow.event',
		'ALTER DATABASE follow CHARACTER SET latin1', 'CREATE DATABASE unwanted');
	$cluster->call('pull', subscription => $id);
	my $columns = '{"name": "id", "type": "int", "signed": false}, {"name": "m", "type": "double"}, %s'
	  . '{"name": "c", "type": "timestamp", "column-length": 6}, {"name": "comment", "type": "varchar", "charset": "latin1"}';
	my $table = '{"table": "event", "charset": "koi8r", "columns": [' . $columns . '], "database": "follow", "primary-key": ["id"]}';
	my $before = sprintf $table, '';
	my $after = sprintf $table, '{"name": "torvalds", "type": "bigint", "signed": false}, ';
	is($cluster->value("SELECT string_agg(op::text || ' ' || coalesce(source_table, '-') || ' ' ||
			(event - ARRAY['ts', 'xid', 'sql', 'gtid', 'position', 'commit', 'xoffset'])::text, E'\\n' ORDER BY seq)
			FROM $history WHERE seq > ?", $begin),
		join("\n",
			qq(s follow.event {"def": $before, "type": "table-create", "table": "event", "database": "follow"}),
			qq(s follow.event {"def": $after, "old": $before, "type": "table-alter", "table": "event", "database": "follow"}),
			't follow.event {"type": "table-truncate", "table": "event", "database": "follow"}',
			's follow.event {"type": "table-drop", "table": "event", "database": "follow"}',
			's follow {"type": "database-alter", "charset": "latin1", "database": "follow"}'),
		'events of DDL are those of Maxwell');
	like($cluster->value("SELECT event->>'ts' FROM $history WHERE event->>'type' = 'table-drop' ORDER BY seq DESC LIMIT 1"), qr/^\d{10}000$/, '... with ts in milliseconds');
	return;
}

my @sources = (
	[ 'MySQL 5.6, GTID', 'mysql56', {} ],
	[ 'MySQL 5.6, file and offset', 'mysql56', { gtid => 0 } ],
	[ 'MariaDB, no row metadata', 'mariadb', { metadata => 'NO_LOG' } ],
	[ 'MariaDB, no row metadata, file and offset', 'mariadb', { gtid => 0, metadata => 'NO_LOG' } ],
	[ 'MariaDB 11.8, no row metadata, file and offset', 'mariadb118', { gtid => 0, metadata => 'NO_LOG' } ],
	[ 'MariaDB, full row metadata', 'mariadb', {} ],
	[ 'MySQL 9.7, minimal metadata', 'mysql97', { metadata => 'MINIMAL' } ],
	[ 'MySQL 9.7, minimal metadata, file and offset', 'mysql97', { gtid => 0, metadata => 'MINIMAL' } ]);

my $n = 0;
for my $entry (@sources)
{
	my ($name, $flavour, $options) = @$entry;
	my $id = 'f' . ++$n;
  SKIP:
	{
		if (!CdcIngest::Server->available($flavour))
		{
			skip "$flavour cannot be had here", 1 if $flavour =~ /^(mysql97|mariadb118)$/;
			last SKIP if ($ENV{CDC_TEST_SID} // 'x') eq '';
			die "$flavour is not installed";
		}
		subtest $name => sub {
			my $source = CdcIngest::Server->new($flavour, %$options);
			my $by_file = exists $options->{gtid} && !$options->{gtid};
			$source->do(
				"SET sql_mode = ''",
				'CREATE DATABASE follow CHARACTER SET utf8',
				'CREATE TABLE follow.swap (id INT PRIMARY KEY, a INT, b INT, c VARCHAR(5))',
				'CREATE TABLE follow.type (id INT PRIMARY KEY, i INT, u INT UNSIGNED, n INT)',
				'CREATE TABLE follow.text (id INT PRIMARY KEY, v VARCHAR(20))',
				"CREATE TABLE follow.member (id INT PRIMARY KEY, e ENUM('a','b','c'), s SET('x','y'))");
			$cluster->add_source($id, $source);
			$cluster->subscribe($id, $id, undef, tables => ['follow.*'], copy_data => \'false', enabled => \'false');
			$cluster->call('pull', subscription => $id);
			# MariaDB always has GTIDs: a position without them is read by file
			$cluster->do("UPDATE cdc.subscription_position SET gtid_set = NULL WHERE subscription = '$id'")
			  if $source->is_mariadb && $by_file;
			my $history = $cluster->history_of($id);

			my $w = Written->new($source);
			alter_and_write($source, $w);
			$cluster->call('pull', subscription => $id);
			check_rows($w, $history, 'follow', 'read afterwards');
			is($cluster->value("SELECT string_agg(message || ' (' || detail || ')', E'\\n') FROM cdc.log WHERE subscription = ? AND kind = 'schema'", $id),
				undef, 'no definition had to be asked for');

			# What is stored is what the server shows, for each table.
			my $def = $cluster->rows("SELECT DISTINCT ON (source_table) source_table, columns FROM cdc.table_version
				WHERE subscription = ? ORDER BY source_table, version DESC", $id);
			for my $row (@$def)
			{
				my ($table) = $row->[0] =~ /\.(.*)/;
				my $stored = join "\n", map { "$_->{name} $_->{column_type} " . ($_->{charset} // '-') . ' ' . ($_->{collation} // '-')
					  . ($_->{nullable} ? ' YES' : ' NO') } @{ $json->decode($row->[1]) };
				my $shown = join "\n", map { join ' ', @$_ } @{ $source->rows(
						"SELECT column_name, column_type, coalesce(character_set_name, '-'), coalesce(collation_name, '-'), is_nullable
						FROM information_schema.columns WHERE table_schema = 'follow' AND table_name = '$table' ORDER BY ordinal_position") };
				is($stored, $shown, "the stored definition of $table is the server's");
			}
			check_events($source, $id, $history);
			check_beyond($source, $id, $history) if ($options->{metadata} // '') ne '';
			check_versioned($source, $id, $history) if $source->is_mariadb;
			is($cluster->value('SELECT gtid_set IS NULL FROM cdc.subscription_position WHERE subscription = ?', $id), $by_file ? 1 : 0,
				'the position is ' . ($by_file ? 'a file and offset' : 'a GTID set'));
			check_past($source, $id) if $flavour eq 'mysql56' || ($options->{metadata} // '') =~ /^(MINIMAL|NO_LOG)$/;
			$source->kill9;
		};
	}
}

$cluster->node->stop;
done_testing;
