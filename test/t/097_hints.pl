# What a hint of apply, of pull's history or of a target tells one to type is typed as it
# stands there, and ends in a replica that is equal to its source.
#
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('hints');
my $source = CdcIngest::Server->new('mariadb');
$cluster->add_source('s', $source);
$cluster->do("SET client_min_messages = 'error'", 'CREATE ROLE owner LOGIN', 'CREATE ROLE other', 'GRANT CREATE ON DATABASE postgres TO other', 'GRANT USAGE ON FOREIGN SERVER s TO owner', 'GRANT CREATE ON DATABASE postgres TO owner',
	'CREATE USER MAPPING FOR owner SERVER s OPTIONS (user ' . $cluster->dbh->quote($CdcIngest::Server::CDC_USER) . ', password ' . $cluster->dbh->quote($CdcIngest::Server::CDC_PASSWORD) . ')');

# Pulls and applies; the first error.
sub follow
{
	my ($id) = @_;
	return $cluster->error_of("SELECT cdc.pull('$id')") || $cluster->error_of("SELECT * FROM cdc.apply('$id')");
}

# The statements that a message tells one to type: in its hint, up to a semicolon or behind a
# function's arguments.
sub statements
{
	my ($message) = @_;
	my ($hint) = $message =~ /HINT:\s+(.*?)(?:\nCONTEXT:|\z)/s or return;
	return $hint =~ /((?:SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))|(?:ALTER TABLE|GRANT|CREATE UNIQUE INDEX|DROP RULE|DROP TRIGGER|DROP TABLE)\b(?:[^;"']|"[^"]*"|'[^']*')*)/g;
}

# The tables of all cases unless they have others.
my @tables = ('a (id INT PRIMARY KEY, n INT, v VARCHAR(20))');
my @rows = (q{INSERT INTO a VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')});
my @more = (q{INSERT INTO a (id, n) VALUES (10, 10)}, 'UPDATE a SET n = n + 1 WHERE id = 1', 'DELETE FROM a WHERE id = 2');

# "here" and "source" are done before the source's further changes come, "error" is the message
# that must come, "type" which of its statements is typed (all of them), "first" and "last" what its words tell
# one to do before and after that; $id stands for the name of the subscription, its schema and database.
my @cases = (
	{ name => 'a column of the target is gone', here => ['ALTER TABLE $id.a DROP COLUMN v'], source => [q{INSERT INTO a VALUES (4, 4, 'd')}], error => qr/has no column "v"/ },
	{ name => 'a column that is not followed', options => '{"ddl": "ignore"}', source => ['ALTER TABLE a ADD w INT DEFAULT 5', 'INSERT INTO a (id) VALUES (4)'], error => qr/has no column "w"/ },
	{ name => 'a target\'s key that images lack', add => q{key := '{n}'}, source => ['SET SESSION binlog_row_image = MINIMAL', q{UPDATE a SET v = 'z' WHERE id = 3}], after => ['SET SESSION binlog_row_image = FULL'], error => qr/event lacks a column/ },
	{ name => 'a target that has a key no more', here => ['ALTER TABLE $id.a DROP CONSTRAINT a_pkey'], error => qr/x/ },
	{ name => 'no key and images that lack columns', tables => ['a (id INT NOT NULL UNIQUE, n INT, v VARCHAR(20))'], source => ['SET SESSION binlog_row_image = MINIMAL', q{UPDATE a SET v = 'z' WHERE id = 3}], after => ['SET SESSION binlog_row_image = FULL'], error => qr/lacks column/ },
	{ name => 'a right on the target is gone', owner => 1, here => ['ALTER TABLE $id.a OWNER TO other', 'GRANT SELECT ON $id.a TO owner'], error => qr/permission denied for target/ },
	{ name => 'row-level security', owner => 1, here => ['ALTER TABLE $id.a OWNER TO other', 'GRANT ALL ON $id.a TO owner', 'ALTER TABLE $id.a ENABLE ROW LEVEL SECURITY'], error => qr/row-level security of target/ },
	{ name => 'the target is gone', here => ['DROP TABLE $id.a'], type => qr/remove/, error => qr/was dropped/ },
	{ name => 'the history is unlogged', here => ['ALTER TABLE $id.h SET UNLOGGED'], error => qr/is unlogged/ },
	{ name => 'the history has rules', here => ['CREATE RULE "no Rule" AS ON INSERT TO $id.h DO INSTEAD NOTHING', 'CREATE RULE r2 AS ON DELETE TO $id.h DO INSTEAD NOTHING'], error => qr/has rules/ },
	{ name => 'the history has heirs', here => ['CREATE TABLE $id."Heir" () INHERITS ($id.h)'], error => qr/inherits from/ },
	{ name => 'the history belongs to another one', owner => 1, here => ['ALTER TABLE $id.h OWNER TO other'], type => qr/ALTER/, error => qr/belongs to role/ },
	{ name => 'the history belongs to a superuser', owner => 1, here => ['ALTER TABLE $id.h OWNER TO postgres'], error => qr/belongs to role/ },
	{ name => 'the history cannot be written', owner => 1, here => ['REVOKE INSERT ON $id.h FROM owner'], error => qr/permission denied for history/ },
	{ name => 'the history hides rows', owner => 1, here => ['ALTER TABLE $id.h ENABLE ROW LEVEL SECURITY', 'ALTER TABLE $id.h FORCE ROW LEVEL SECURITY'], error => qr/row-level security hides/ },
	{ name => 'a trigger keeps events away', here => ['CREATE FUNCTION $id.f() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN NULL; END\'', 'CREATE TRIGGER "T" BEFORE INSERT ON $id.h FOR EACH ROW EXECUTE FUNCTION $id.f()'], error => qr/ took /},
	{ name => 'history: a type', here => ['ALTER TABLE $id.h ALTER gtid TYPE varchar(100)'], error => qr/has type/ },
	{ name => 'history: a type that has to be converted', here => ['ALTER TABLE $id.h ALTER seq TYPE text'], error => qr/has type/ },
	{ name => 'history: a collation', here => ['ALTER TABLE $id.h ALTER gtid TYPE text COLLATE "C"'], error => qr/has collation/ },
	{ name => 'history: identity', here => ['ALTER TABLE $id.h ALTER seq ADD GENERATED BY DEFAULT AS IDENTITY'], error => qr/is generated/ },
	{ name => 'history: generated', here => ['ALTER TABLE $id.h DROP COLUMN gtid', 'ALTER TABLE $id.h ADD COLUMN gtid text GENERATED ALWAYS AS (source_table || op::text) STORED'], error => qr/is generated/ },
	{ name => 'history: a column is gone', here => ['ALTER TABLE $id.h DROP COLUMN raw'], error => qr/has no column "raw"/, type => qr/ADD/ },
	{ name => 'history: a column is renamed', here => ['ALTER TABLE $id.h RENAME COLUMN seq TO no'], error => qr/has no column "seq"/ },
	{ name => 'history: events taken out', source => [q{INSERT INTO a VALUES (4, 4, 'd')}, q{INSERT INTO a VALUES (5, 4, 'd')}, q{INSERT INTO a VALUES (6, 4, 'd')}], pull => ['DELETE FROM $id.h WHERE seq = (SELECT max(seq) - 1 FROM $id.h)'], error => qr/lacks the events/ },
	{ name => 'history: events twice', source => [q{INSERT INTO a VALUES (4, 4, 'd')}, q{INSERT INTO a VALUES (5, 4, 'd')}], pull => ['INSERT INTO $id.h SELECT * FROM $id.h WHERE op = \'c\' ORDER BY seq DESC LIMIT 1'], error => qr/several events/ },
	{ name => 'position and progress', source => [q{INSERT INTO a VALUES (4, 4, 'd')}], pull => [q{UPDATE cdc_catalog.subscription_position SET last_seq = 1 WHERE subscription = '$id'}], error => qr/has applied up to/ },
	{ name => 'rows of a copy taken away', uncopied => 1, pull => [q{DELETE FROM cdc_catalog.copied_rows WHERE subscription = '$id'}], error => qr/are not there/ },
	{ name => 'a unique index of the target\'s', here => ['CREATE UNIQUE INDEX u ON $id.a (v)'], source => [q{INSERT INTO a VALUES (4, 4, 'a')}], error => qr/unique index/ },
);

my $n = 0;
for my $case (@cases)
{
	next if $ENV{CDC_HINTS} && $case->{name} !~ /$ENV{CDC_HINTS}/;
	subtest $case->{name} => sub {
		my $id = 'k' . ++$n; my $ok = eval {
		my $put = sub { map { s/\$id\b/$id/gr } @_ };
		$source->do("CREATE DATABASE $id", "USE $id", map({ "CREATE TABLE $_" } @{ $case->{tables} // \@tables }), @rows);
		$cluster->do("CREATE SCHEMA $id", "ALTER SCHEMA $id OWNER TO owner");
		$cluster->do('SET SESSION AUTHORIZATION owner') if $case->{owner};
		$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', history => "$id.h", $case->{options} ? (options => $case->{options}) : ());
		$cluster->do("SELECT cdc.remove_table('$id', '$id.a')", "DROP TABLE $id.a", "SELECT cdc.add_table('$id', '$id.a', target := '$id.a', $case->{add})") if $case->{add};
		$cluster->do('RESET SESSION AUTHORIZATION');
		if (!$case->{uncopied}) { is(follow($id), '', 'it goes') for 1 .. 3 }
		$cluster->do($put->(@{ $case->{here} // [] }));
		$source->do("USE $id", @{ $case->{source} // [] }, $case->{error} =~ /x\)$/ ? () : @more);
		if ($case->{pull}) { $cluster->do("SELECT cdc.pull('$id')") for 1 .. $case->{uncopied} ? 4 : 1; $cluster->do($put->(@{ $case->{pull} })) }
		my $error = follow($id);
		diag "$case->{name}: $error";
		like($error, $case->{error}, 'it is told') or return;
		my @typed = grep { !$case->{type} || $_ =~ $case->{type} } statements($error);
		isnt(scalar @typed, 0, 'the hint has something to type');
		for (@typed) { diag "> $_"; is($cluster->error_of($_), '', $_) }
		$source->do(@{ $case->{after} // [] }, q{INSERT INTO a VALUES (11, 11, 'k')}) ;
		is($error = follow($id), '', 'it goes on') or return for 1 .. 4;
		is($cluster->value("SELECT string_agg(source_table || ' ' || state::text || coalesce(last_error, ''), ', ') FROM cdc.stat_table WHERE subscription = ? AND state <> 'r'", $id), undef, 'all tables are ready');
		$cluster->compare_ok($source, $id, $id, '... and equal') if $case->{error} !~ /was dropped/;
		is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... which wait_for says');
	1 } or do { fail("died $@"); $cluster->do('RESET SESSION AUTHORIZATION') };
	};
}

done_testing();
