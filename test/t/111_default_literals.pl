# A default is a literal, which the server makes a value of the column's type before any row
# has it: '0' is the year 2000, 007 the text '7', 'a  ' a char of one letter.  What rows have
# that were there before ADD COLUMN, and what rows of MINIMAL images have, is that value, or
# the table is in error; also where the definition is made of the statement's text alone, as
# the source has altered the table since.
#
# Takes 3 min.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Compare qw(compare_table);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('literals');
my @numbers = qw(-007 +5 .5 5. 00.50 -0 -0.0 1E3 12345678901234567890123 0x07 x'41' b'1000001' true);
my @years = (qw(0 5 70 1999), map { "'$_'" } qw(0 00 0000 000 5 70 1999));
my @times = (qw(0 '0' 200203 '2020-2-3' '2020-02-03'), q{'2020-02-03 04:05:06.5'}, q{'2020-02-03T04:05:06'}, q{'2020-02-03 04:05'}, q{'2020-02-03 '}, q{DATE'2020-02-03'});
my @clocks = (qw(0 130 '5' '10:11' '-10:11:12' '10:11:12.5'), q{'1 2:03:04'});
my @strings = (q{'a  '}, q{' '}, q{N'ab '}, q{'ABCD    '}, q{'ü  '}, q{'中'});
my @members = (q{'a'}, q{'A'}, q{'B '}, q{'x '}, q{'1'}, 1, '01', q{'c,a'}, q{'C,A'}, q{'a,a'}, q{'a,'}, q{''});

# type, its literals
my @kinds = (
	[ 'varchar(30)', @numbers, @strings ], [ 'varchar(4)', @strings, '0001.50' ], [ 'char(5)', @strings, '007', '.5' ], [ 'varchar(9) CHARACTER SET latin1', @strings, '007' ], [ 'varbinary(30)', @numbers, @strings ], [ 'binary(5)', '007', q{'a '} ],
	[ 'year', @years ], [ 'date', @times ], [ 'datetime', @times ], [ 'timestamp NULL', @times[ 0 .. 5 ] ], [ 'time(1)', @clocks ],
	[ 'int', @numbers, q{'007'}, q{' 7'}, q{'7 '}, q{'1e2'}, q{'+7'}, q{'-0'} ], [ 'int(6) zerofill', '007', '2.5' ], [ 'decimal(30,3)', @numbers, q{'007'}, q{' 7'}, q{'1e2'}, q{'.5'}, q{'-0'} ],
	[ 'double', @numbers, q{'007'}, q{'1e2'}, q{'-0'}, '1.7976931348623157e308', '123456789.123456789' ], [ 'float', @numbers, '16777217', '0.1234567891234', '1.00000017881393432617187499' ], [ 'double(8,2)', '1.5', '.5', '1.25', '1e1' ], [ 'bit(9)', '5', '0x05', q{b'101'}, q{b'00101'}, q{'a'}, 'true' ],
	( map { [ $_, q{''}, q{N''}, q{x''}, q{'x'}, q{' '}, '0' ], [ "$_ NOT NULL", q{''} ] } 'text', 'tinytext CHARACTER SET latin1', 'longtext', 'text(10)', 'long varchar', 'blob', 'longblob', 'varchar(70000)', 'varbinary(70000)', 'varchar(30000) CHARACTER SET utf8' ),
	[ 'json', q{''}, q{'1'} ], [ 'geometry', q{''} ],
	[ q{enum('a','A','B','b ')}, qw('A' 'b' 'B ') ], [ q{enum('é','E','e','x')}, qw('E' 'e' 'x') ], [ q{enum('ß','s','ss')}, qw('s' 'ss') ], [ q{enum('е','ё','и','й','да')}, qw('ё' 'й' 'да') ], [ q{enum('中','国')}, q{'国'} ],
	[ q{enum('i','I') COLLATE utf8_turkish_ci}, q{'I'} ], [ q{enum('i','y','c','ch') COLLATE utf8_lithuanian_ci}, qw('y' 'ch') ], [ q{enum('v','w','y','ü') COLLATE utf8_swedish_ci}, qw('w' 'ü') ], [ q{enum('i','j','u','v') COLLATE utf8_roman_ci}, qw('j' 'v') ],
	[ q{enum('a','A') CHARACTER SET latin1 COLLATE latin1_general_cs}, q{'A'} ], [ q{enum('ä','ae') CHARACTER SET latin1 COLLATE latin1_german2_ci}, q{'ae'} ], [ q{enum('a','a','b')}, qw('a' 'b') ], [ q{enum('a','x ') CHARACTER SET binary}, q{'x '}, q{'x'} ], [ q{set('a','A','b')}, qw('A' 'b,A' 'A,a') ],
	[ q{enum('a','B','x','01','1')}, @members ], [ q{enum('a','A') COLLATE utf8_bin}, @members ], [ q{set('a','b','c')}, @members ],
);

sub follow
{
	my ($id) = @_;
	$cluster->value('SELECT cdc.pull(?)', $id);
	$cluster->rows('SELECT * FROM cdc.apply(?)', $id);
	return;
}

# Those of the statements that the server takes.
sub taken { my ($dbh, @statements) = @_; return grep { eval { local $dbh->{PrintError} = 0; $dbh->do($_); 1 } } @statements }

# Tables of the literals, in four ways; their names and what they are of.
sub make_tables
{
	my ($dbh, $step) = @_;
	my ($n, @made) = (0);
	for my $kind (@kinds)
	{
		my ($type, @literals) = @$kind;
		for my $literal (@literals)
		{
			$n++;
			if ($step eq 'before') { $dbh->do("CREATE TABLE lit.a$n (id int PRIMARY KEY, a int)"); $dbh->do("INSERT INTO lit.a$n VALUES (1, 1)"); next }
			push @made, [ "a$n", "$type $literal" ], map { [ "$_$n", "$type $literal" ] } qw(b c)
			  if taken($dbh, "ALTER TABLE lit.a$n ADD d $type DEFAULT $literal");
			next unless @made && $made[-1][0] eq "c$n";
			taken($dbh, "INSERT INTO lit.a$n (id) VALUES (2)",
			  "CREATE TABLE lit.b$n (id int PRIMARY KEY, d $type DEFAULT $literal)", "INSERT INTO lit.b$n (id) VALUES (1)", "ALTER TABLE lit.b$n ADD q int", "INSERT INTO lit.b$n (id) VALUES (2)",
			  "CREATE TABLE lit.c$n (id int PRIMARY KEY, d $type DEFAULT $literal)", "INSERT INTO lit.c$n (id) VALUES (1)", "ALTER TABLE lit.c$n ALTER d SET DEFAULT NULL", "INSERT INTO lit.c$n (id) VALUES (2)");
			next unless $type =~ /char|text|blob|enum|set/;
			$dbh->do($_) for "CREATE TABLE lit.d$n (id int PRIMARY KEY, d $type)", "INSERT INTO lit.d$n (id) VALUES (1)";
			push @made, [ "d$n", "$type $literal" ] if taken($dbh, "ALTER TABLE lit.d$n ALTER d SET DEFAULT $literal");
			# one that is no value of the type may be refused only now
			taken($dbh, "INSERT INTO lit.d$n (id) VALUES (2)", "ALTER TABLE lit.d$n ADD q int", "INSERT INTO lit.d$n (id) VALUES (3)");
		}
	}
	return @made;
}

for my $server (qw(mariadb mysql97 mysql56 mariadb118))
{
	next unless CdcIngest::Server->available($server);
	next if $ENV{CDC_LITERALS} && $ENV{CDC_LITERALS} ne $server;
	my $source = CdcIngest::Server->new($server, args => ['--binlog-row-image=MINIMAL']);
	my $dbh = $source->connect;
	$dbh->do($_) for q{SET sql_mode = ''}, 'SET NAMES utf8', 'CREATE DATABASE lit CHARACTER SET utf8';
	make_tables($dbh, 'before');
	$cluster->add_source($server, $source);
	$cluster->subscribe($server, $server, $server, tables => ['lit.*'], enabled => \'false', options => '{"on_error": "table"}');
	follow($server) for 1 .. 3;
	my @made = make_tables($dbh, 'after');
	follow($server) for 1 .. 2;
	my %state = map { $_->[0] => $_->[1] } @{ $cluster->rows('SELECT source_table, state FROM cdc.subscription_table WHERE subscription = ?', $server) };
	my ($from, $to) = ($source->connect, $cluster->connect);
	my (@wrong, %followed);
	for my $made (@made)
	{
		my ($table, $what) = @$made;
		my $state = $state{"lit.$table"} // 'none';
		$followed{ substr $table, 0, 1 }++ if $state eq 'r';
		next if $state eq 'e';
		my @differences = compare_table($from, $to, [ 'lit', $table ], "$server.$table");
		push @wrong, "$table $what: $state @differences" if $state ne 'r' || @differences;
		}
	if ($ENV{CDC_LITERALS}) { diag("$_->[0] $_->[1] in error") for grep { $state{"lit.$_->[0]"} eq 'e' } @made }
	is(join("\n", @wrong), '', "$server: each table of " . @made . ' equals its source or is in error');
	diag(join ' ', map { "$_=$followed{$_}" } sort keys %followed);
	$_->disconnect for $from, $to;
	$cluster->call('drop_subscription', name => $server);
	$source->stop('KILL');
}
done_testing();
