# What a hint of apply, of pull's history or of a target tells one to type is typed as it
# stands there, and ends in a replica that is equal to its source; and no hint of these is
# forgotten here.
#
# Takes 30 s.
use strict;
use warnings;

use FindBin;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('hints');
my $source = CdcIngest::Server->new('mariadb');
my ($user, $password) = map { $cluster->dbh->quote($_) } $CdcIngest::Server::CDC_USER, $CdcIngest::Server::CDC_PASSWORD;
$cluster->add_source('s', $source);
$cluster->do('CREATE ROLE owner LOGIN', 'CREATE ROLE other', 'GRANT CREATE ON DATABASE postgres TO owner',
	'GRANT USAGE ON FOREIGN SERVER s TO owner', "CREATE USER MAPPING FOR owner SERVER s OPTIONS (user $user, password $password)");

# Pulls and applies; the first error.
sub follow
{
	my ($id) = @_;
	return $cluster->error_of("SELECT cdc.pull('$id')") || $cluster->error_of("SELECT * FROM cdc.apply('$id')");
}

# The statements in a message's hint: up to a semicolon, or a function with its arguments.
sub statements
{
	my ($message) = @_;
	my ($hint) = $message =~ /HINT:\s+(.*?)(?:\nCONTEXT:|\nLOCATION:|\z)/s or return;
	return $hint =~ /(SELECT cdc\.\w+\((?:[^()']|'(?:[^']|'')*')*\)|(?:ALTER TABLE|ALTER ROLE|GRANT|DROP RULE|DROP TRIGGER|DROP INDEX)\b(?:[^;"']|"[^"]*"|'[^']*')*)/g;
}

# The source tables of a case unless it has others, and the changes that come at its end.
my @tables = ('a (id INT PRIMARY KEY, n INT, v VARCHAR(20))');
my @rows = (q{INSERT INTO a VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')});
my @more = (q{INSERT INTO a (id, n) VALUES (10, 10)}, 'UPDATE a SET n = n + 1 WHERE id = 1', 'DELETE FROM a WHERE id = 2');

# $id stands for the name of the subscription, which is that of its schema and database, too.
# "here", then "source" make the trouble, or "pull" between pull and apply; "call" is a call that fails instead
# of these ("again": and succeeds then).  Of the statements of the hint those are typed that "type" says (all).  "then"
# is what its words tell one besides, "last" what the source gets behind it.
my @minimal = ('SET SESSION binlog_row_image = MINIMAL');

my @anew = ('ALTER TABLE $id.h RENAME TO h0', q{SELECT cdc.create_subscription('$id', 's', '{$id.*}', enabled := false, target_schema := '$id', history := '$id.h', target_rows := 'replace')});
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
	{ name => 'a unique index, the other way', here => ['CREATE UNIQUE INDEX u ON $id.a (v)'], source => [q{INSERT INTO a VALUES (4, 4, 'a')}], type => qr/alter_sub/, then => ['DROP INDEX $id.u', q{SELECT cdc.resync_table('$id', '$id.a')}], error => qr/unique index/ },
	{ name => 'a constraint of the target\'s', here => ['ALTER TABLE $id.a ADD CONSTRAINT "C c" UNIQUE (v)'], source => [q{INSERT INTO a VALUES (4, 4, 'a')}], type => qr/DROP/, error => qr/unique index/ },

	{ name => 'the target is gone', here => [@dropped], type => qr/remove/, gone => 1, error => qr/was dropped/ },
	{ name => 'the target is gone, another one comes', here => [@dropped, 'CREATE TABLE $id.a (id int PRIMARY KEY, n int, v varchar(20))'], type => qr/enable/, error => qr/was dropped/ },
	{ name => 'a generated column that is kept', tables => ['a (id INT PRIMARY KEY, n INT, v VARCHAR(20), g INT AS (n + 1) VIRTUAL)'], rows => [], more => [q{INSERT INTO a (id, n) VALUES (1, 1)}, 'UPDATE a SET n = 2'], last => [], here => ['ALTER TABLE $id.a ADD COLUMN IF NOT EXISTS g int'], source => [@minimal, q{INSERT INTO a (id, n) VALUES (7, 7)}, 'UPDATE a SET n = 8 WHERE id = 7'], error => qr/lacks generated column "g"/ },
	{ name => 'NUL in a text', source => [q{INSERT INTO a VALUES (4, 4, 'a\0b')}], last => [q{DELETE FROM a WHERE id = 4}], error => qr/contains the character NUL/ },
	{ name => 'ddl is stop', options => '{"ddl": "stop"}', source => ['ALTER TABLE a ADD w INT DEFAULT 5'], type => qr/evolve/, error => qr/"ddl" is "stop"/ },
	# what is asked for
	{ name => 'a target that has rows', call => q{SELECT cdc.add_table('$id', '$id.a', target := '$id.t')}, here => [q{SELECT cdc.remove_table('$id', '$id.a')}, 'ALTER TABLE $id.a RENAME TO t'], error => qr/has rows already/, then => ['CREATE VIEW $id.a AS SELECT * FROM $id.t'] },
	{ name => 'a target that nobody named', call => q{SELECT cdc.add_table('$id', '$id.a')}, here => [q{SELECT cdc.remove_table('$id', '$id.a')}], error => qr/exists already, and nobody named it/, type => qr/add_table/ },
	{ name => 'a target without a right', owner => 1, call => q{SELECT cdc.add_table('$id', '$id.a', target := '$id.t')}, here => [q{SELECT cdc.remove_table('$id', '$id.a')}, 'DROP TABLE $id.a', 'CREATE TABLE $id.t (id int PRIMARY KEY, n int, v varchar(20))', 'ALTER TABLE $id.t OWNER TO other', 'GRANT SELECT ON $id.t TO owner'], again => 1, then => ['CREATE VIEW $id.a AS SELECT * FROM $id.t'], error => qr/permission denied/ },
	{ name => 'replay: copied rows', options => '{"copy_history": false}', call => q{SELECT cdc.replay('$id', '$id.a', '$id.a')}, error => qr/lacks rows/ },

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
	{ name => 'history: a column is gone', here => ['ALTER TABLE $id.h DROP COLUMN gtid'], error => qr/has no column "gtid"/ },
	(map { { name => "history: column $_ is gone", pull => ["ALTER TABLE \$id.h DROP COLUMN $_"], then => [@anew], error => qr/has no column "$_"/ } } qw(event source_table)),
	{ name => 'history: a column is renamed', here => ['ALTER TABLE $id.h RENAME COLUMN seq TO "N o"'], type => qr/RENAME/, error => qr/has no column "seq"/ },
	{ name => 'history: another column is renamed', here => ['ALTER TABLE $id.h RENAME COLUMN gtid TO g'], type => qr/RENAME/, error => qr/has no column "gtid"/ },
	{ name => 'history: events taken out', source => [q{INSERT INTO a VALUES (4, 4, 'd')}, q{INSERT INTO a VALUES (5, 4, 'd')}, q{INSERT INTO a VALUES (6, 4, 'd')}], pull => ['DELETE FROM $id.h WHERE seq = (SELECT max(seq) - 1 FROM $id.h)'], then => [@anew], error => qr/lacks the events/ },
	{ name => 'rows of a copy taken away', uncopied => 1, options => '{"copy_history": false}', pull => [q{DELETE FROM cdc_catalog.copied_rows WHERE subscription = '$id'}], error => qr/are not there/ },
);

my %hints;    # file and function of those that were seen
my $n = 0;

# The trouble's message: an error, or that of a table in error.
sub trouble
{
	my ($id, $case, $call) = @_;
	my $error;
	if ($call)
	{
		$cluster->do('SET SESSION AUTHORIZATION owner') if $case->{owner};
		$error = $cluster->error_of($call);
		$cluster->do('RESET SESSION AUTHORIZATION');
	}
	else { $error = follow($id) || $cluster->value("SELECT last_error FROM cdc.stat_table WHERE subscription = '$id' AND state = 'e'") // '' }
	$hints{"$2 $1"} = 1 if $error =~ /^LOCATION: +(\w+), (\w+\.c)/m;
	return $error;
}

for my $case (@cases)
{
	next if $ENV{CDC_HINTS} && $case->{name} !~ /$ENV{CDC_HINTS}/;
	subtest $case->{name} => sub {
		my $id = 'k' . ++$n;
		$cluster->forget;    # and with it the kept connection to the source
		$cluster->do("SET client_min_messages = 'error'");
		my $put = sub { return map { s/\$id\b/$id/gr } @{ $_[0] // [] } };
		my %options = %{ decode_json($case->{options} // '{}') };
		$options{history_partition} = 'none' if $case->{plain};
		$source->do("CREATE DATABASE $id", "USE $id", map({ "CREATE TABLE $_" } @{ $case->{tables} // \@tables }), @{ $case->{rows} // \@rows });
		$cluster->do("CREATE SCHEMA $id AUTHORIZATION owner", "GRANT ALL ON SCHEMA $id TO other");
		$cluster->do('SET SESSION AUTHORIZATION owner') if $case->{owner};
		$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', history => "$id.h", options => encode_json(\%options));
		$cluster->do("SELECT cdc.remove_table('$id', '$id.a')", "DROP TABLE $id.a", "SELECT cdc.add_table('$id', '$id.a', target := '$id.a', $case->{add})") if $case->{add};
		$cluster->do('RESET SESSION AUTHORIZATION');
		is(join('', map { follow($id) } 1 .. 3), '', 'a subscription') unless $case->{uncopied};
		$cluster->do($put->($case->{here}));
		$source->do("USE $id", $put->($case->{source}), 'SET SESSION binlog_row_image = FULL', @{ $case->{more} // \@more });
		if ($case->{pull})
		{
			$cluster->value('SELECT cdc.pull(?)', $id) for 1 .. $case->{uncopied} ? 4 : 1;
			$cluster->do($put->($case->{pull}));
		}
		my ($call) = $put->([ $case->{call} // () ]);
		for (1 .. $case->{times} // 1)
		{
			my $error = trouble($id, $case, $call);
			like($error, $case->{error}, 'it is told') or return;
			my @typed = grep { !$case->{type} || /$case->{type}/ } statements($error);
			isnt(scalar @typed, 0, 'the hint has something to type') or diag $error;
			is($cluster->error_of($_), '', $_) for @typed;
		}
		is(trouble($id, $case, $call), '', 'it can be done') if $case->{again};
		$cluster->do($put->($case->{then}));
		$source->do(@{ $case->{last} // ['INSERT INTO a (id, n) VALUES (11, 11)'] });
		is(join('', map { follow($id) } 1 .. 4), '', 'it goes on') or return;
		is($cluster->value("SELECT string_agg(source_table || ' ' || state::text || coalesce(last_error, ''), ', ') FROM cdc.stat_table WHERE subscription = ? AND state <> 'r'", $id), undef, 'all tables are ready');
		$cluster->compare_ok($source, $id, $id, '... and equal') if !$case->{gone};
		is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... which wait_for says');
		$cluster->do($put->($case->{end}));
	};
}

# Rows that were written before the table got the definition that is known of it: that is the table's matter.
subtest 'rows from before the definition that is known of their table' => sub {
	my $id = 'past';
	$cluster->forget;
	$cluster->do("SET client_min_messages = 'error'", "CREATE SCHEMA $id");
	my $metadata = $source->value('SELECT @@GLOBAL.binlog_row_metadata');
	$source->do('SET GLOBAL binlog_row_metadata = NO_LOG', "CREATE DATABASE $id", "USE $id",
		'CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)) CHARACTER SET latin1', 'CREATE TABLE u (id INT PRIMARY KEY)',
		'CREATE TABLE w (id INT PRIMARY KEY, n INT)', 'CREATE TABLE gone (id INT PRIMARY KEY, n INT)', 'CREATE TABLE old (id INT PRIMARY KEY)');
	my $position = $source->position;
	$source->do(q{INSERT INTO t VALUES (1, x'e9')}, 'INSERT INTO w VALUES (1, 1)', 'INSERT INTO gone VALUES (1, 1)', 'INSERT INTO old VALUES (1)',
		# and in one transaction with others
		'BEGIN', 'INSERT INTO u VALUES (3)', q{INSERT INTO t VALUES (3, x'e9'), (4, 'd')}, 'INSERT INTO w VALUES (3, 3)', 'INSERT INTO u VALUES (4)', 'COMMIT',
		'ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4', 'ALTER TABLE w MODIFY n VARCHAR(10)', 'DROP TABLE gone', 'RENAME TABLE old TO fresh',
		q{INSERT INTO t VALUES (2, 'b')}, q{INSERT INTO w VALUES (2, 'b')}, 'INSERT INTO u VALUES (1)', 'INSERT INTO fresh VALUES (2)');
	$cluster->subscribe($id, 's', $id, tables => ["$id.*"], enabled => \'false', copy_data => \'false', start_position => $position);
	is(join('', map { follow($id) } 1 .. 4), '', 'nothing stops');
	my $errors = $cluster->rows("SELECT source_table, last_error FROM cdc.stat_table WHERE subscription = '$id' AND state = 'e' ORDER BY 1");
	my %error = map { @$_ } @$errors;
	is(join(' ', sort keys %error), 'past.fresh past.gone past.old past.t past.w', 'the tables concerned are in error, no other');
	like($error{'past.t'}, qr/cannot be read: column "v": text is not valid utf8mb4.*^HINT:  SELECT cdc\.resync_table\('past', 'past\.t'\);$/ms, 'a value');
	like($error{'past.w'}, qr/^rows at \S+:\d+ fit no known definition.*^HINT:  SELECT cdc\.resync_table\('past', 'past\.w'\);$/ms, 'a type');
	like($error{'past.gone'}, qr/source does not have any more/, 'a table that is gone');
	$cluster->compare_ok($source, $id, $id, '... the others are equal', only => ['u']);
	is($cluster->value("SELECT count(*) FROM cdc.log WHERE subscription = '$id' AND kind = 'doubt' AND message LIKE 'past.t:%'"), 1, 'it is told once');
	for my $error (values %error)
	{
		is($cluster->error_of($_), '', $_) for (statements($error))[0];
	}
	$source->do("INSERT INTO t VALUES (5, '5')", "INSERT INTO w VALUES (5, '5')");
	is(join('', map { follow($id) } 1 .. 4), '', 'it goes on');
	is($cluster->value("SELECT string_agg(source_table || ' ' || state::text, ', ') FROM cdc.stat_table WHERE subscription = '$id' AND state <> 'r'"), undef, 'all tables are ready');
	$cluster->compare_ok($source, $id, $id, '... and equal');
	is($cluster->value('SELECT cdc.wait_for(?)', $id), 1, '... which wait_for says');
	$source->do("SET GLOBAL binlog_row_metadata = $metadata");
};

# Hints that are typed elsewhere, and those of what was called with a wrong argument.
my %elsewhere = map { $_ => 1 } (
	'event.c check_former_values', 'layout.c refuse_missing_column', 'layout.c cdc_layout_refuse_partial', 'event.c cdc_event_check_absent',    # 045, 077
	'fill.c refuse', 'fill.c stop_again', 'follow.c cdc_follow_fail', 'guard.c hold_table',    # 094, 079
	(map { "message_key.c $_" } qw(refuse_wider refuse_untold refuse_keyless tell_own_key refuse_origin)),    # 102
	'run_target.c cdc_surprise_tell', 'order.c refuse_second_insert',    # 076, 115
	'sweep.c refuse_part',    # 107
	'replay.c warn_of_change', 'registry.c cdc_registry_unreadable', 'backend.c check_rules',    # 091, 066, 103
	'apply.c run_locked', 'hole.c cdc_history_find_hole', 'table_error.c cdc_table_error_blocked', 'table.c check_kind',    # what can only be done to the catalogs
	'append.c cdc_history_append', 'append.c choose_way',    # a history without keys of messages; regress:history_types
	'lock.c lock_context', 'make.c announce_slow_target', 'replica_table.c announce_left_out',    # nothing is to be done
	'copied_rows.c make_room', 'mapping.c map_key', 'distribution.c cdc_distribution_raise',    # rows of 1 GB; a key of other names; Greenplum (regress:gp_distribution)
	'registry.c count_discovered', 'registry.c leave_out', 'registry.c cdc_registry_add_gone', 'registry.c cdc_registry_add', 'registry.c cdc_split_table_name',
	'replica_table.c cdc_replica_ensure', 'replica_table.c map_given', 'replica_table.c check_columns', 'computed.c check_fixed',
	'shard.c cdc_shard_check', 'shard.c check_apart', 'run_target.c replayed_source', 'replay.c cdc_replay', 'partition.c refuse_unpartitioned', 'hole.c cdc_history_check_purged', 'mode_shape.c cdc_mode_check_table', 'mapping.c mode_trouble', 'mapping.c check_mapped_names', 'replica_table.c check_mode_names', 'replica_table.c refuse_keyless',    # 104
	'mode_shape.c cdc_mode_check_numbers', 'table_register.c cdc_check_mode_change',    # 112
	map { "mode.c cdc_apply_mode_$_" } qw(of_argument of_table));

if (!$ENV{CDC_HINTS})
{
	my @forgotten;
	for my $file (map { glob "$FindBin::RealBin/../../src/pg/$_/*.c" } qw(apply mapping target write evolve history progress))
	{
		my ($function, $name) = ('', $file =~ m{([^/]+)\z});
		open my $in, '<', $file or die "$file: $!";
		while (my $line = <$in>)
		{
			$function = $1 if $line =~ /^(\w+)\(/;
			push @forgotten, "$name $function" if $line =~ /errhint\(/ && !$hints{"$name $function"} && !$elsewhere{"$name $function"};
		}
		close $in;
	}
	is("@forgotten", '', 'all hints are known here');
}

done_testing();
