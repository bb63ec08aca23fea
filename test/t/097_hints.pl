# What a hint of apply, of pull's history or of a target tells one to type is typed as it
# stands there, and ends in a replica that is equal to its source.
#
# Takes 25 s.
use strict;
use warnings;

use JSON::PP ();
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
	return $hint =~ /((?:SELECT (?:\* FROM )?cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\))|(?:ALTER TABLE|GRANT|CREATE UNIQUE INDEX|DROP RULE|DROP TRIGGER|DROP TABLE|DROP INDEX|ALTER ROLE)\b(?:[^;"']|"[^"]*"|'[^']*')*)/g;
}

# The tables of all cases unless they have others.
my @tables = ('a (id INT PRIMARY KEY, n INT, v VARCHAR(20))');
my @rows = (q{INSERT INTO a VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')});
my @more = (q{INSERT INTO a (id, n) VALUES (10, 10)}, 'UPDATE a SET n = n + 1 WHERE id = 1', 'DELETE FROM a WHERE id = 2');

# "here" and "source" are done before the source's further changes come, "error" is the message
# that must come, "type" which of its statements is typed (all of them), "first" and "last" what its words tell
# one to do before and after that; $id stands for the name of the subscription, its schema and database.
my @minimal = ('SET SESSION binlog_row_image = MINIMAL');

my @dropped = (q{SET session_replication_role = 'replica'}, 'DROP TABLE $id.a', 'RESET session_replication_role');

my @cases = (
	# what a target is
	{ name => 'a column of the target is gone', here => ['ALTER TABLE $id.a DROP COLUMN v'], source => [q{INSERT INTO a VALUES (4, 4, 'd')}], error => qr/cannot be followed/ },
	{ name => 'a target\'s key that images lack', add => q{key := '{n}'}, source => [@minimal, q{UPDATE a SET v = 'z' WHERE id = 3}], error => qr/lacks column n, by which rows/ },
	{ name => 'no key and images that lack columns', tables => ['a (id INT NOT NULL UNIQUE, n INT, v VARCHAR(20))'], source => [@minimal, q{UPDATE a SET v = 'z' WHERE id = 3}], error => qr/lacks column n, by which and all/ },
	{ name => 'no key and images that lack columns in history', tables => ['a (id INT NOT NULL UNIQUE, n INT, v VARCHAR(20))'], source => [@minimal, q{UPDATE a SET v = 'z' WHERE id = 3}], options => '{"on_error": "log"}', error => qr/lacks column n, by which and all/ },
	{ name => 'a right on the target is gone', owner => 1, here => ['ALTER TABLE $id.a OWNER TO other', 'GRANT SELECT ON $id.a TO owner'], error => qr/permission denied for target/ },
	{ name => 'row-level security', owner => 1, here => ['ALTER TABLE $id.a OWNER TO other', 'GRANT ALL ON $id.a TO owner', 'ALTER TABLE $id.a ENABLE ROW LEVEL SECURITY'], type => qr/ALTER ROLE/, error => qr/row-level security of target/, end => ['ALTER ROLE owner NOBYPASSRLS'] },
	{ name => 'row-level security, the other way', owner => 1, here => ['ALTER TABLE $id.a OWNER TO other', 'GRANT ALL ON $id.a TO owner', 'ALTER TABLE $id.a ENABLE ROW LEVEL SECURITY'], type => qr/ALTER TABLE/, error => qr/row-level security of target/ },
	{ name => 'a unique index of the target\'s', here => ['CREATE UNIQUE INDEX "U u" ON $id.a (v)'], source => [q{INSERT INTO a VALUES (4, 4, 'a')}], type => qr/DROP/, error => qr/unique index/ },
	{ name => 'a unique index, the other way', here => ['CREATE UNIQUE INDEX u ON $id.a (v)'], source => [q{INSERT INTO a VALUES (4, 4, 'a')}], type => qr/alter_sub/, after_here => ['DROP INDEX $id.u', q{SELECT cdc.resync_table('$id', '$id.a')}], error => qr/unique index/ },
	{ name => 'a constraint of the target\'s', here => ['ALTER TABLE $id.a ADD CONSTRAINT "C c" UNIQUE (v)'], source => [q{INSERT INTO a VALUES (4, 4, 'a')}], type => qr/DROP/, error => qr/unique index/ },

	{ name => 'the target is gone', here => [@dropped], type => qr/remove/, gone => 1, error => qr/was dropped/ },
	{ name => 'the target is gone, another one comes', here => [@dropped, 'CREATE TABLE $id.a (id int PRIMARY KEY, n int, v varchar(20))'], type => qr/enable/, error => qr/was dropped/ },
	{ name => 'a generated column that is kept', tables => ['a (id INT PRIMARY KEY, n INT, v VARCHAR(20), g INT AS (n + 1) VIRTUAL)'], rows => [], more => [q{INSERT INTO a (id, n) VALUES (1, 1)}, 'UPDATE a SET n = 2'], last => [], here => ['ALTER TABLE $id.a ADD COLUMN IF NOT EXISTS g int'], source => [@minimal, q{INSERT INTO a (id, n) VALUES (7, 7)}, 'UPDATE a SET n = 8 WHERE id = 7'], error => qr/lacks generated column "g"/, except => 1 },
	{ name => 'NUL in a text', source => [q{INSERT INTO a VALUES (4, 4, 'a\0b')}], last => [q{DELETE FROM a WHERE id = 4}], error => qr/contains the character NUL/ },
	{ name => 'ddl is stop', options => '{"ddl": "stop"}', source => ['ALTER TABLE a ADD w INT DEFAULT 5'], type => qr/evolve/, error => qr/"ddl" is "stop"/ },
	# what is asked for
	{ name => 'a target that has rows', call => q{SELECT cdc.add_table('$id', '$id.a', target := '$id.t')}, here => [q{SELECT cdc.remove_table('$id', '$id.a')}, 'ALTER TABLE $id.a RENAME TO t'], error => qr/has rows already/, after_here => ['CREATE VIEW $id.a AS SELECT * FROM $id.t'] },
	{ name => 'a target that nobody named', call => q{SELECT cdc.add_table('$id', '$id.a')}, here => [q{SELECT cdc.remove_table('$id', '$id.a')}], error => qr/exists already, and nobody named it/, type => qr/add_table/ },
	{ name => 'a target without a right', owner => 1, call => q{SELECT cdc.add_table('$id', '$id.a', target := '$id.t')}, here => [q{SELECT cdc.remove_table('$id', '$id.a')}, 'DROP TABLE $id.a', 'CREATE TABLE $id.t (id int PRIMARY KEY, n int, v varchar(20))', 'ALTER TABLE $id.t OWNER TO other', 'GRANT SELECT ON $id.t TO owner'], again => 1, after_here => ['CREATE VIEW $id.a AS SELECT * FROM $id.t'], error => qr/permission denied/ },
	{ name => 'two tables for one target', call => q{SELECT cdc.add_table('$id', '$id.b', target := '$id.a')}, tables => ['a (id INT PRIMARY KEY, n INT, v VARCHAR(20))', 'b (id INT PRIMARY KEY, n INT, v VARCHAR(20))'], here => [q{SELECT cdc.remove_table('$id', '$id.b')}], error => qr/./ },
	{ name => 'a mapping that is not immutable', call => q{SELECT cdc.alter_table('$id', '$id.a', columns := '{"id": "id", "v": {"expr": "now()::text"}}')}, error => qr/./ },
	{ name => 'a key that is no column', call => q{SELECT cdc.alter_table('$id', '$id.a', key := '{nope}')}, error => qr/./ },
	{ name => 'a name of a table', call => q{SELECT cdc.add_table('$id', 'a')}, error => qr/./ },
	{ name => 'replay: another name', call => q{SELECT cdc.replay('$id', '$id.nope', '$id.a')}, error => qr/./ },
	{ name => 'replay: copied rows', options => '{"copy_history": false}', call => q{SELECT cdc.replay('$id', '$id.a', '$id.a')}, error => qr/./ },
	{ name => 'replay: lacks a column', here => ['CREATE TABLE $id.r (id int PRIMARY KEY, n int)'], call => q{SELECT cdc.replay('$id', '$id.a', '$id.r')}, error => qr/./ },

	# what a history is
	{ name => 'the history is unlogged', plain => 1, here => ['ALTER TABLE $id.h SET UNLOGGED'], error => qr/is unlogged/ },
	{ name => 'a partition is unlogged', here => ['DO $$BEGIN EXECUTE (SELECT format(\'ALTER TABLE %s SET UNLOGGED\', inhrelid::regclass) FROM pg_inherits WHERE inhparent = \'$id.h\'::regclass LIMIT 1); END$$'], error => qr/is unlogged/ },
	{ name => 'the history has rules', here => ['CREATE RULE "no Rule" AS ON INSERT TO $id.h DO INSTEAD NOTHING', 'CREATE RULE r2 AS ON DELETE TO $id.h DO INSTEAD NOTHING'], error => qr/has rules/ },
	{ name => 'the history has heirs', plain => 1, here => ['CREATE TABLE $id."Heir" () INHERITS ($id.h)'], error => qr/inherits from/ },
	{ name => 'the history belongs to another one', owner => 1, here => ['ALTER TABLE $id.h OWNER TO other'], type => qr/ALTER/, error => qr/belongs to role/ },
	{ name => 'the history belongs to a superuser', owner => 1, here => ['ALTER TABLE $id.h OWNER TO postgres'], error => qr/belongs to role/ },
	{ name => 'the history cannot be written', owner => 1, here => ['REVOKE INSERT ON $id.h FROM owner'], error => qr/permission denied for history/ },
	{ name => 'the history hides rows', owner => 1, here => ['ALTER TABLE $id.h ENABLE ROW LEVEL SECURITY', 'ALTER TABLE $id.h FORCE ROW LEVEL SECURITY'], error => qr/row-level security hides/ },
	{ name => 'a trigger keeps events away', here => ['CREATE FUNCTION $id.f() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN NULL; END\'', 'CREATE TRIGGER "T t" BEFORE INSERT ON $id.h FOR EACH ROW EXECUTE FUNCTION $id.f()'], error => qr/ took /},
	{ name => 'a trigger of a partition', here => ['CREATE FUNCTION $id.f() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN NULL; END\'', 'DO $$BEGIN EXECUTE (SELECT format(\'CREATE TRIGGER "T t" BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION $id.f()\', tableoid::regclass) FROM $id.h LIMIT 1); END$$'], error => qr/ took /},
	{ name => 'history: a type', here => ['ALTER TABLE $id.h ALTER gtid TYPE varchar(100)'], error => qr/has type/ },
	{ name => 'history: a type that has to be converted', here => ['ALTER TABLE $id.h ALTER seq TYPE text', 'ALTER TABLE $id.h ALTER event TYPE json'], times => 2, error => qr/has type/ },
	{ name => 'history: a collation', here => ['ALTER TABLE $id.h ALTER gtid TYPE text COLLATE "C"'], error => qr/has collation/ },
	{ name => 'history: identity', here => ['ALTER TABLE $id.h ALTER seq ADD GENERATED BY DEFAULT AS IDENTITY'], error => qr/is generated/ },
	{ name => 'history: generated', here => ['ALTER TABLE $id.h DROP COLUMN gtid', 'ALTER TABLE $id.h ADD COLUMN gtid text GENERATED ALWAYS AS (source_table || op::text) STORED'], error => qr/is generated/ },
	{ name => 'history: a column is gone', here => ['ALTER TABLE $id.h DROP COLUMN raw'], error => qr/has no column "raw"/ },
	{ name => 'history: a column is renamed', here => ['ALTER TABLE $id.h RENAME COLUMN seq TO "N o"'], error => qr/has no column "seq"/ },
	{ name => 'history: another column is renamed', here => ['ALTER TABLE $id.h RENAME COLUMN gtid TO g'], type => qr/RENAME/, error => qr/has no column "gtid"/ },
	{ name => 'history: events taken out', source => [q{INSERT INTO a VALUES (4, 4, 'd')}, q{INSERT INTO a VALUES (5, 4, 'd')}, q{INSERT INTO a VALUES (6, 4, 'd')}], pull => ['DELETE FROM $id.h WHERE seq = (SELECT max(seq) - 1 FROM $id.h)'], after_here => ['ALTER TABLE $id.h RENAME TO h0', q{SELECT cdc.create_subscription('$id', 's', '{$id.*}', enabled := false, target_schema := '$id', history := '$id.h', target_rows := 'replace')}], error => qr/lacks the events/ },
	{ name => 'rows of a copy taken away', uncopied => 1, options => '{"copy_history": false}', pull => [q{DELETE FROM cdc_catalog.copied_rows WHERE subscription = '$id'}], error => qr/are not there/ },
);

my $n = 0;
for my $case (@cases)
{
	next if $ENV{CDC_HINTS} && $case->{name} !~ /$ENV{CDC_HINTS}/;
	subtest $case->{name} => sub {
		my $id = 'k' . ++$n;
		my $put = sub { return map { s/\$id\b/$id/gr } @{ $_[0] // [] } };
		my %options = %{ JSON::PP::decode_json($case->{options} // '{}') };
		$options{history_partition} = 'none' if $case->{plain};
		$source->do("CREATE DATABASE $id", "USE $id", map({ "CREATE TABLE $_" } @{ $case->{tables} // \@tables }), @{ $case->{rows} // \@rows });
		$cluster->do("CREATE SCHEMA $id", "ALTER SCHEMA $id OWNER TO owner");
		$cluster->do('SET SESSION AUTHORIZATION owner') if $case->{owner};
		$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', history => "$id.h", options => JSON::PP::encode_json(\%options));
		$cluster->do("SELECT cdc.remove_table('$id', '$id.a')", "DROP TABLE $id.a", "SELECT cdc.add_table('$id', '$id.a', target := '$id.a', $case->{add})") if $case->{add};
		$cluster->do('RESET SESSION AUTHORIZATION');
		is(join('', map { follow($id) } 1 .. 3), '', 'a subscription') unless $case->{uncopied};
		$cluster->do($put->($case->{here}));
		$source->do("USE $id", $put->($case->{source}), 'SET SESSION binlog_row_image = FULL', @{ $case->{more} // \@more });
		if ($case->{pull}) { $cluster->do("SELECT cdc.pull('$id')") for 1 .. $case->{uncopied} ? 4 : 1; $cluster->do($put->($case->{pull})) }
		follow($id) if $case->{first}; $cluster->do($put->($case->{first}));
		my $error;
		for (1 .. $case->{times} // 1)
		{
			$cluster->do('SET SESSION AUTHORIZATION owner') if $case->{owner} && $case->{call};
			$error = $case->{call} ? $cluster->error_of($put->([ $case->{call} ])) : follow($id) || $cluster->value("SELECT last_error FROM cdc.stat_table WHERE subscription = '$id' AND state = 'e'") // '';
			$cluster->do('RESET SESSION AUTHORIZATION') if $case->{call};
			diag "$case->{name}: $error"; diag join ' ', map { $_ // '-' } @$_ for @{ $cluster->rows("SELECT source_table, target, state, last_error FROM cdc.stat_table WHERE subscription = '$id'") };
			like($error, $case->{error}, 'it is told') or return;
			my @typed = grep { !$case->{type} || $_ =~ $case->{type} } statements($error);
			isnt(scalar @typed, 0, 'the hint has something to type');
			for (@typed) { diag "> $_"; is($cluster->error_of($_), '', $_) }
		}
		is($cluster->error_of($put->([ $case->{call} ])), '', 'it can be done') if $case->{again};
		$cluster->do($put->($case->{after_here}));
		$source->do(@{ $case->{last} // [q{INSERT INTO a (id, n) VALUES (11, 11)}] });
		is($error = follow($id), '', 'it goes on') or return for 1 .. 4;
		is($cluster->value("SELECT string_agg(source_table || ' ' || state::text || coalesce(last_error, ''), ', ') FROM cdc.stat_table WHERE subscription = ? AND state <> 'r'", $id), undef, 'all tables are ready');
		$cluster->compare_ok($source, $id, $id, '... and equal', $case->{except} ? (except_generated => 1) : ()) if !$case->{gone};
		is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... which wait_for says');
		$cluster->do($put->($case->{end}));
	};
}

done_testing();
