# A source whose global variables and init_connect would change what is read: a copy, the
# discovery of tables and their definitions are as without them, on every server.
#
# Takes 60 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::FakeMysql;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('settings');
$SIG{__DIE__} = sub { diag @_ unless $^S };

# What a server does not know it is not asked for; so many it must know.
my @hostile = (
	'sql_select_limit = 7', 'max_join_size = 10', 'sql_big_selects = 0', 'sql_safe_updates = 1',
	q{sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE'},
	q{sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL,PAD_CHAR_TO_FULL_LENGTH'},
	q{sql_mode = 'TIME_TRUNCATE_FRACTIONAL,PAD_CHAR_TO_FULL_LENGTH,ANSI_QUOTES,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'},
	q{collation_connection = 'latin1_general_cs'}, q{character_set_results = 'latin1'},
	q{time_zone = '+05:30'}, q{tx_isolation = 'READ-UNCOMMITTED'}, q{transaction_isolation = 'READ-UNCOMMITTED'},
	'tx_read_only = 1', 'transaction_read_only = 1', 'autocommit = 0', q{completion_type = 'RELEASE'},
	'show_gipk_in_create_table_and_information_schema = 0', 'show_old_temporals = 1', 'show_create_table_verbosity = 1',
	q{terminology_use_previous = 'BEFORE_8_2_0'}, q{use_secondary_engine = 'FORCED'},
	'sql_quote_show_create = 0', 'sql_auto_is_null = 1', 'sql_buffer_result = 1', 'group_concat_max_len = 4',
	'div_precision_increment = 0', q{lc_time_names = 'de_DE'}, 'max_sort_length = 64', 'sort_buffer_size = 32768',
	'net_read_timeout = 1', 'net_write_timeout = 1', 'wait_timeout = 2', 'lock_wait_timeout = 1',
	'max_execution_time = 1', 'max_statement_time = 0.001', 'query_cache_type = 1',
	'idle_transaction_timeout = 1', 'idle_readonly_transaction_timeout = 1', 'idle_write_transaction_timeout = 1',
	q{old_mode = 'ZERO_DATE_TIME_CAST,NO_NULL_COLLATION_IDS'}, q{old_mode = 'ZERO_DATE_TIME_CAST'},
	q{group_replication_consistency = 'BEFORE_AND_AFTER'}, 'wsrep_sync_wait = 15', 'wsrep_dirty_reads = 1',
	q{system_versioning_asof = '2001-01-01 00:00:00'});
my $FEWEST = 24;

sub make_tables
{
	my ($source, $mysql97, $versioned) = @_;
	my $dbh = $source->dbh;
	$dbh->do(q{SET sql_mode = ''});
	$dbh->do('CREATE DATABASE h CHARACTER SET utf8mb4');
	$dbh->do(q{CREATE TABLE h.types (id int PRIMARY KEY, c char(40) NOT NULL, b binary(8), d date, t timestamp NULL,
		v varchar(90) CHARACTER SET utf8mb4, f float, e enum('a','ä'), n decimal(20,6))});
	$dbh->do(q{INSERT INTO h.types VALUES (1, 'x', 'ab', '2024-02-29', '2024-07-01 12:00:00', '€ ä 𝒳 \\\\', 0.1, 'ä', 1.5),
		(2, '', '', '0000-00-00', '2024-01-01 00:00:00', '', -1.5, 'a', -0.000001), (3, 'y ', NULL, '2020-00-10', NULL, NULL, 3e38, NULL, NULL)});
	$dbh->do('CREATE TABLE h.many (a varchar(100) CHARACTER SET latin1, b int, v varchar(20), PRIMARY KEY (a, b))');
	$dbh->do('INSERT INTO h.many VALUES ' . join ', ', map { "(concat(repeat('k', 90), '$_'), $_, 'v$_')" } 1 .. 3000);
	$dbh->do("CREATE TABLE h.other$_ (id int PRIMARY KEY, v varchar(9))") for 1 .. 12;
	$dbh->do("INSERT INTO h.other12 VALUES (1, 'last')");
	if ($mysql97)
	{
		$dbh->do('SET sql_generate_invisible_primary_key = ON');
		$dbh->do('CREATE TABLE h.gipk (v varchar(9))');
		$dbh->do(q{INSERT INTO h.gipk VALUES ('a'), ('a'), ('b')});
	}
	if ($versioned)
	{
		$dbh->do('CREATE TABLE h.versioned (id int PRIMARY KEY, v varchar(9)) WITH SYSTEM VERSIONING');
		$dbh->do(q{INSERT INTO h.versioned VALUES (1, 'old'), (2, 'gone')});
		$dbh->do(q{UPDATE h.versioned SET v = 'new' WHERE id = 1});
		$dbh->do('DELETE FROM h.versioned WHERE id = 2');
	}
	# It would hide the table of that name, as far as a session can be reset.
	$dbh->do(q{GRANT CREATE TEMPORARY TABLES ON h.* TO cdc@'127.0.0.1'});
	return;
}

for my $flavour (qw(mysql55 mysql56 mysql97 mariadb101 mariadb102 mariadb mariadb114 mariadb118))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 unless CdcIngest::Server->available($flavour);
		subtest $flavour => sub {
			local $SIG{__DIE__} = sub { print STDERR "DIE @_" };
			my $source = CdcIngest::Server->new($flavour);
			my $versioned = $flavour =~ /^mariadb(?!10[12])/;
			make_tables($source, $flavour eq 'mysql97', $versioned);
			my $dbh = $source->connect;
			my $known = 0;
			my %before;
			for my $setting (@hostile)
			{
				my ($name) = $setting =~ /^(\w+)/;
				my ($value) = eval { $dbh->selectrow_array("SELECT \@\@global.$name") };
				next if $@;
				local $dbh->{PrintWarn} = 0;
				next unless eval { $dbh->do("SET GLOBAL $setting"); 1 };
				$known++ unless exists $before{$name};
				$before{$name} //= $value;
			}
			cmp_ok($known, '>=', $FEWEST, "$known variables are set to what would change answers");
			my $resets = $flavour !~ /^(?:mysql5|mariadb101)/;
			$dbh->do('SET GLOBAL init_connect = ' . $dbh->quote(join '; ',
					$resets ? ('SET SESSION TRANSACTION READ WRITE', 'SET SESSION autocommit = 1',
						'CREATE TEMPORARY TABLE h.other12 (id int PRIMARY KEY, v varchar(9))') : (),
					'SET SESSION sql_select_limit = 3', q{SET SESSION time_zone = '-03:00'},
					'SET NAMES latin1', q{SET SESSION sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'}, 'SET SESSION autocommit = 0',
					'SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED',
					'START TRANSACTION WITH CONSISTENT SNAPSHOT'));

			$cluster->add_source($flavour, $source);
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['h.*']);
			$cluster->catch_up($flavour);
			$source->dbh->do('SET time_zone = DEFAULT');
			$source->dbh->do(q{INSERT INTO h.types VALUES (9, 'streamed', 'x', '2024-01-01', '2024-07-01 12:00:00', 'ä', 1, 'a', 1)});
			$source->dbh->do('COMMIT');
			$cluster->catch_up($flavour);

			# Those who compare want to see it all.
			$dbh->do('SET GLOBAL init_connect = DEFAULT');
			$dbh->do(qq{SET GLOBAL $_ = } . ($_ eq 'system_versioning_asof' ? 'DEFAULT'
				: $before{$_} =~ /^[\d.]+$/ ? $before{$_} : $dbh->quote($before{$_}))) for sort keys %before;
			is($cluster->value(q{SELECT string_agg(state, '' ORDER BY state) FROM cdc.subscription_table WHERE subscription = ?}, $flavour),
				'r' x (14 + ($flavour eq 'mysql97') + $versioned), 'all tables are found and copied');
			$cluster->compare_ok($source, 'h', $flavour, 'source and replicas are the same');
			if ($versioned)
			{
				is($cluster->value("SELECT string_agg(id || v, ',') FROM \"$flavour\".versioned"), '1new', '... and the present rows are there of a versioned table');
			}
			$cluster->call('drop_subscription', name => $flavour);
			$source->kill9;
		};
	}
}

# --- a server that does not do as it is told, and something in between that loses rows
my $source = CdcIngest::Server->new('mariadb', args => ['--maximum-max-sort-length=1024']);
$cluster->add_source('clamped', $source);
like($cluster->error_of(q{SELECT cdc.create_subscription('clamped', 'clamped', '{h.*}')}),
	qr/session variable "max_sort_length" of MySQL server "127\.0\.0\.1:\d+" is not as it was set.*"1024", where "32768"/s,
	'a variable that the server keeps as it is: an error that names it');
$source->kill9;

$source = CdcIngest::Server->new('mariadb');
make_tables($source, 0, 0);
my $proxy = CdcIngest::FakeMysql->proxy($source->port);
$cluster->add_source('lossy', $proxy->port);
$cluster->subscribe('lossy', 'lossy', 'lossy', tables => ['h.many'], enabled => \'false');
$proxy->falsify('empty', qr{^SELECT CAST\(`a` AS BINARY\)});
like($cluster->error_of(q{SELECT cdc.pull('lossy')}), qr/reading a table's rows.*0 rows came, where it sent [1-9]/s,
	'rows that are lost on the way: an error');
$proxy->falsify(undef);
$cluster->do(q{SELECT cdc.pull('lossy')}, q{SELECT cdc.apply('lossy')});
is($cluster->value('SELECT count(*) FROM lossy.many'), 3000, '... and later they are all there');

done_testing();
