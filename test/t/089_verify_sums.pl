# cdc.verify by sums: that they are made of every type on every server, and that no difference
# hides behind them; cdc.verify_in_steps goes on where it ended.
# Takes 120 s
use strict;
use warnings;
use utf8;

use DBD::Pg qw(:async);
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('sums');

# Types with values of the source, and expressions of other ones at the target; 'rows' where
# there is no sum.
my @int = map { "c + $_" } 1, -1, 10;
my @text = (q{c || ' '}, q{c || 'x'}, q{''}, q{NULL}, q{upper(c)}, q{'1:a,'}, q{reverse(c)});
my @bytes = (q{c || '\x00'}, q{c || '\x20'}, q{''}, q{NULL}, q{'\xff00'});
my @time = (q{c + interval '1 microsecond'}, q{c - interval '1 second'}, q{c + interval '1 day'}, q{NULL});
my @double = (q{'-0'}, q{0}, q{-c}, q{c * (1 + 2e-16)}, q{NULL}, q{c + 1}, q{'NaN'}, q{'Infinity'});
my @texts = (q{''}, q{'a'}, q{'a '}, q{'é€😀'}, q{'it''s "quoted" \\\\ back'}, q{'1:a,'}, q{'N'}, q{NULL}, q{'Zz'});
my @latin = (q{''}, q{'a'}, q{'é'}, q{'ÿß'}, q{NULL}, q{'a,b'});
my @json = (q{'{}'}, q{'[]'}, q{'{"a": 1, "b": [1, 2.5, null, true, "x"]}'}, q{'"é"'}, q{'"a\\\\nb"'}, q{NULL}, q{'12345678901234567'},
	q{'{"k": {"n": -0.5}}'}, q{'{"bb": 1, "a": 2}'});
my @other_json = (q{'{}'}, q{c || '{"z": 1}'}, q{jsonb_build_array(c)}, q{NULL}, q{to_jsonb(c::text)}, q{'null'});
my @types = (
	(map { [ $_, [ qw(0 1 -1 100 -100 NULL) ], \@int ] } qw(tinyint smallint mediumint int bigint)),
	[ 'bigint', [ qw(9223372036854775806 -9223372036854775807) ], [ q{c - 1}, q{0} ] ],
	[ 'bigint unsigned', [ qw(0 1 18446744073709551614 9223372036854775808 NULL) ], [ @int, q{c + 9223372036854775808} ] ],
	[ 'int unsigned zerofill', [ qw(0 7 4294967294) ], [ q{c + 1}, q{c + 10}, q{NULL} ] ],
	[ 'year', [ qw(1901 2024 NULL) ], [ q{c + 1}, q{c - 1}, q{0} ] ],
	[ 'decimal(20,6)', [ qw(0 1.5 -1.5 -0.000001 12345678901234.123456 NULL) ], [ q{c + 0.000001}, q{-c}, q{0}, q{'NaN'} ] ],
	[ 'decimal(5,0) zerofill', [ qw(0 7 99998) ], [ q{c + 1} ] ],
	[ 'double', [ qw(0 1 -1.5 0.1 1e14 1e15 1e16 123456789012345680 1e-5 1e-15 1e-16 1.7976931348623157e308 NULL 3.141592653589793) ], \@double ],
	# of which MySQL 9 does not write all digits: one value each that has the same text there
	(map { [ "double$_", [ qw(-1.2345678901234568e-10 -1.2345678901234567e-100 -1.0000000000000001e-10 1.2345678901234567e-100 5e-324) ],
		[ q{(array['-1.234567890123457e-10', '-1.23456789012346e-100', '-1e-10', '1.234567890123457e-100', '1e-323'])[id]::float8} ], 'text' ] }
		'', ' NOT NULL'),
	[ 'double(10,2)', [ qw(1.25 -0.1 1234567.89) ], [ q{c * (1 + 3e-16)}, q{c + 0.001} ], 'text' ],
	[ 'float(7,3)', [ qw(1.25 -0.1 1234.567) ], [ q{c * (1 + 2e-7)}, q{c + 1} ], 'text' ],
	[ 'float', [ qw(0 1 -1.5 0.1 16777216 1e20 -1e20 1.17549e-38 3.40282e38 1e-10 -0.001 NULL) ], [ q{'-0'}, q{-c}, q{c * (1 + 2e-7)}, q{NULL}, q{'NaN'} ] ],
	[ 'varchar(40)', \@texts, \@text ], [ 'text', \@texts, \@text ], [ 'char(40)', [ q{''}, q{'a'}, q{'é'}, q{NULL} ], \@text ],
	[ 'varchar(40) CHARACTER SET utf8', [ grep { !/😀/ } @texts ], \@text ], [ 'varchar(40) CHARACTER SET latin1', \@latin, \@text ],
	[ 'longtext CHARACTER SET ucs2', \@latin, \@text ], [ 'tinytext CHARACTER SET utf16', \@texts, \@text ],
	[ 'varchar(40) CHARACTER SET latin2', [ q{''}, q{'a'}, q{'Łódź'}, q{NULL} ], \@text ],
	[ 'varchar(20) COLLATE utf8mb4_bin NOT NULL', [ q{''}, q{'a '}, q{'b'} ], [ q{trim(c) || 'x'}, q{c || ' '} ] ],
	[ 'varbinary(40)', [ q{''}, q{x'00'}, q{x'0020FF'}, q{NULL}, q{'a'} ], \@bytes ], [ 'binary(4)', [ q{''}, q{x'00000001'}, q{'a'}, q{NULL} ], \@bytes ],
	[ 'blob', [ q{''}, q{x'00'}, q{repeat('x', 10000)}, q{NULL} ], [ @bytes, q{overlay(c placing '\x79' from greatest(length(c), 1))} ] ],
	[ 'date', [ q{'2024-02-29'}, q{'1000-01-01'}, q{'9999-12-31'}, q{NULL} ], [ q{c + 1}, q{c - 1}, q{NULL}, q{'infinity'}, q{'0044-03-15 BC'} ] ],
	(map { [ $_, [ q{'2024-01-01 00:00:00.000001'}, q{'1999-12-31 23:59:59.5'}, q{'1971-01-01 00:00:01'} ], [ $_ =~ /6/ ? @time : @time[ 1, 2 ] ] ] }
		'datetime(6)', 'datetime(3)', 'datetime', 'timestamp(6) NULL', 'timestamp(2) NULL', 'timestamp NULL'),
	[ 'time(6)', [ q{'-10:00:00'}, q{'00:00:00'}, q{'838:59:58.999999'}, q{'-00:00:00.000001'}, q{NULL} ], [ @time, q{-c}, q{interval '24 hours'} ] ],
	[ 'time', [ q{'23:59:59'}, q{'-838:59:58'}, q{'25:00:00'} ], [ q{-c}, q{c + interval '1 day' - interval '24 hours'}, q{c + interval '1 second'} ] ],
	[ q{enum('a','b','','c,d')}, [ q{'a'}, q{'b'}, q{'c,d'}, q{''}, q{NULL} ], [ q{'a'}, q{'b'}, q{'z'}, q{'1'}, q{NULL}, q{'a '} ] ],
	[ q{set('a','b','c')}, [ q{''}, q{'a'}, q{'a,c'}, q{'a,b,c'}, q{NULL} ],
		[ q{'{}'}, q{'{a}'}, q{'{c,a}'}, q{'{"a,c"}'}, q{'{a,a}'}, q{'{""}'}, q{'{NULL}'}, q{'[0:1]={a,c}'}, q{'{{a,c}}'}, q{'{z}'}, q{NULL} ] ],
	[ 'bit(9)', [ q{b'0'}, q{b'1'}, q{b'111111111'}, q{NULL} ], [ q{~c}, q{B'000000010'}, q{NULL} ] ],
	[ 'bit(64)', [ q{b'0'}, q{x'FFFFFFFFFFFFFFFF'}, q{x'8000000000000000'} ], [ q{~c} ] ],
	[ 'point', [ q{ST_GeomFromText('POINT(1 2)')}, q{NULL} ], [ q{NULL}, q{c || '\x00'} ], 'rows' ]);

sub types_of
{
	my ($flavour) = @_;
	my @all = @types;
	push @all, [ 'json', \@json, \@other_json, $flavour eq 'mysql97' ? 'sums' : 'text' ] if $flavour ne 'mysql56';
	push @all, [ 'uuid', [ q{'123e4567-e89b-12d3-a456-426655440000'}, q{NULL} ], [ q{'123e4567-e89b-12d3-a456-426655440001'}, q{NULL} ] ],
	  [ 'inet6', [ q{'::1'}, q{'2001:db8::ff00:42:8329'}, q{NULL} ], [ q{c + 1}, q{NULL}, q{set_masklen(c, 64)} ] ]
	  if $flavour =~ /mariadb/;
	return @all;
}

# What differs, by table: kinds with their number of keys.
sub verified
{
	my ($id) = @_;
	my $said = $cluster->rows(
		q{SELECT source_table, kind, sum(array_length(differing_keys, 1)) FROM cdc.verify(?) WHERE kind <> 'equal' GROUP BY 1, 2}, $id);
	return { map { ("$_->[0] $_->[1]" => $_->[2]) } @$said };
}

sub made
{
	my ($source, $id, @all) = @_;
	for my $t (0 .. $#all)
	{
		my ($declared, $values) = @{ $all[$t] };
		my $n = 0;
		$source->do("CREATE TABLE s.t$t (id int PRIMARY KEY, c $declared)",
			"INSERT INTO s.t$t VALUES " . join ', ', map { '(' . ++$n . ", $_)" } @$values);
	}
	$cluster->catch_up($id);
	is_deeply(verified($id), {}, "$id: nothing differs");
	my %read = map { ($_->[0] => $_->[1]) } @{
		$cluster->rows(q{SELECT source_table, sum(rows_read) FROM cdc.verification WHERE subscription = ? GROUP BY 1}, $id) };
	is_deeply([ map { "$_: $all[$_][0]" } grep { $read{"s.t$_"} && ($all[$_][3] // 'sums') eq 'sums' } 0 .. $#all ], [],
		'... and no row of these types was read');
	$cluster->do(map { "CREATE TABLE $id.saved$_ AS TABLE $id.t$_" } 0 .. $#all);
	return;
}

# One value of each table, then the next one.
sub planted
{
	my ($id, @all) = @_;
	my ($found, $planted, $missed) = (0, 0, '');
	for my $round (0 .. 14)
	{
		my (%expected, @restore);
		for my $t (0 .. $#all)
		{
			my ($declared, $values, $others) = @{ $all[$t] };
			my $row = 1 + $round % @$values;
			my $other = $others->[ int($round * 7 / 3) % @$others ];
			$expected{"s.t$t different"} = 1
			  if $cluster->value("WITH u AS (UPDATE $id.t$t SET c = $other WHERE id = $row RETURNING id, c)
				SELECT u.c::text IS DISTINCT FROM s.c::text FROM u JOIN $id.saved$t s USING (id)");
			push @restore, "UPDATE $id.t$t SET c = (SELECT c FROM $id.saved$t WHERE id = $row) WHERE id = $row";
		}
		my $got = verified($id);
		$planted += keys %expected;
		$found += grep { $expected{$_} && $got->{$_} == 1 } keys %$got;
		$missed .= " $round: $_" for grep { !$got->{$_} } keys %expected;
		$missed .= " $round: false $_" for grep { !$expected{$_} } keys %$got;
		$cluster->do(@restore);
	}
	is($missed, '', "$found of $planted planted values were found, and nothing else");
	cmp_ok($planted, '>', 400, '... there were enough');
	return;
}

# A session that is at a CALL, once a step of it is committed; its process id.
sub called
{
	my ($id, $call) = @_;
	my $session = $cluster->connect;
	$session->do($call, { pg_async => PG_ASYNC });
	$cluster->poll("SELECT count(*) FROM cdc.stat_progress_verify WHERE subscription = '$id' AND rows > 0 AND phase = 'comparing'", 1);
	return ($session, $session->{pg_pid});
}

# What the last run says of a table: kinds with their keys, rows, runs.
sub last_run
{
	my ($id, $table) = @_;
	return $cluster->value(
		q{SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) || '; rows ' || max(rows) || '; runs ' || max(runs) FROM (
			SELECT kind, sum(coalesce(array_length(differing_keys, 1), 0)) AS n,
				(SELECT sum(c.r) FROM (SELECT max(source_rows) AS r FROM cdc.verification WHERE subscription = $1 AND source_table = $2
					GROUP BY chunk) c) AS rows,
				(SELECT count(DISTINCT started_at) FROM cdc.verification WHERE subscription = $1 AND source_table = $2) AS runs
			FROM cdc.verification WHERE subscription = $1 AND source_table = $2 GROUP BY kind) k}, $id, $table);
}

sub in_steps
{
	my ($source, $id) = @_;
	my $rows = 60_000;
	$source->do(
		'CREATE TABLE s.big (id int PRIMARY KEY, c varchar(20))', "INSERT INTO s.big SELECT seq, concat('row ', seq) FROM s.seq_1_to_$rows",
		'CREATE TABLE s.words (w varchar(20) PRIMARY KEY, c int)', "INSERT INTO s.words SELECT concat('w', seq), seq FROM s.seq_1_to_$rows");
	$cluster->catch_up($id);
	my %key = (big => 'id', words => 'substr(w, 2)::int');
	$cluster->do(map { ("UPDATE $id.$_ SET c = '7' WHERE $key{$_} IN (5, 40000)", "DELETE FROM $id.$_ WHERE $key{$_} = 59000") } keys %key);
	$cluster->do("INSERT INTO $id.big VALUES (-5, 'x'), (70000, 'x')", "INSERT INTO $id.words VALUES ('A', 1), ('zz', 2)");
	my %call = map { ($_ => "CALL cdc.verify_in_steps('$id', 's.$_', repair := true, rows_per_second := 15000)") } keys %key;
	for my $table (sort keys %key)
	{
		my ($session, $pid) = called($id, $call{$table});
		my %xmin;
		ok(wait_until(60, sub {
			my $xmin = $cluster->value("SELECT backend_xmin FROM pg_stat_activity WHERE pid = $pid");
			$xmin{$xmin} = 1 if defined $xmin;
			return keys %xmin > 1;
		}), "$table: its snapshots are short");
		$cluster->do("SELECT pg_cancel_backend($pid)");
		ok(!eval { $session->pg_result }, '... cancelled');
		$session->disconnect;
		my $before = $cluster->value(q{SELECT count(*) FROM cdc.verification WHERE subscription = ? AND source_table = ?}, $id, "s.$table");
		cmp_ok($before, '>', 0, '... what it compared is kept');
		($session) = called($id, $call{$table});
		$cluster->node->stop('immediate');
		eval { $session->disconnect };
		$cluster->forget;
		$cluster->node->start;
		$cluster->do($call{$table});
		is(last_run($id, "s.$table"), "different 2, equal 0, extra 2, missing 1; rows $rows; runs 1", '... and after a crash it goes on, each row once');
		is($cluster->value('SELECT count(*) FROM cdc.stat_progress_verify'), 0, '... to its end');
		$cluster->catch_up($id);
		is($cluster->value(q{SELECT count(*) FROM cdc.verify(?, ?) WHERE kind <> 'equal'}, $id, "s.$table"), 0, '... which repairs what all steps have found');
	}
	like($cluster->error_of("BEGIN; CALL cdc.verify_in_steps('$id', 's.big')"), qr/invalid transaction termination/, 'not in a transaction block');
	$cluster->forget;

	# The table becomes another one between two steps: rows that were compared count no more.
	$cluster->do('DELETE FROM cdc_catalog.verification');
	my $step = "SELECT cdc.verify_step('$id', 's.big', rows_per_second := 15000)";
	is($cluster->value($step), 1, 'one step');
	$source->do('ALTER TABLE s.big ADD COLUMN d int DEFAULT 3');
	$cluster->catch_up($id);
	$cluster->do("UPDATE $id.big SET d = 4 WHERE id = 1");
	ok(wait_until(120, sub { !$cluster->value($step) }), '... and all others');
	is(last_run($id, 's.big'), "different 1, equal 0; rows $rows; runs 1", '... of all rows as they are now');
	return;
}

for my $flavour (split ' ', $ENV{CDC_FLAVOURS} // 'mariadb mysql56 mysql97 mariadb118')
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 if !CdcIngest::Server->available($flavour);
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			my @all = types_of($flavour);
			$source->do('CREATE DATABASE s CHARACTER SET utf8mb4');
			$cluster->add_source($flavour, $source);
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['s.*']);
			$cluster->catch_up($flavour);
			made($source, $flavour, @all);
			planted($flavour, @all);
			in_steps($source, $flavour) if $flavour eq 'mariadb';
			$cluster->call('drop_subscription', name => $flavour);
			$source->kill9;
		};
	}
}

done_testing();
