# Targets that their users made or altered: keys whose type takes values for equal that the
# source tells apart, generated columns, rules, unlogged tables, owners of their own.  What
# would make a replica differ from its source is told, and what is told to type ends equal.
#
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('adopted', conf => "restart_after_crash = on\n");
$cluster->add_source('shop', $source);
$cluster->do('CREATE EXTENSION citext', "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");

sub equal
{
	my ($table, $target, $columns, $name) = @_;
	my ($a, $b) = map { [ sort map { join '|', map { $_ // 'NULL' } @$_ } @$_ ] } $source->rows("SELECT $columns FROM $table"), $cluster->rows("SELECT $columns FROM $target");
	return is_deeply($b, $a, $name);
}

sub table_error { my ($sub, $table) = @_; return $cluster->value(q{SELECT last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ? AND state = 'e'}, $sub, $table) // '' }

# What the error of a table says to type, as it stands there.
sub follow_hint
{
	my ($sub, $table) = @_;
	my $error = table_error($sub, $table);
	my ($before) = $error =~ /type (ALTER TABLE .*?;) first/;
	my ($sql) = $error =~ /HINT:  (SELECT .*?;)/ or return fail("$table has a hint: $error");
	$cluster->do(grep { defined } $before, $sql);
	$cluster->catch_up($sub);
	return;
}

# A table of one key column of a kind, its values, and the type that the target's key is given.
my @keys = (
	[ citext => 'varchar(40) COLLATE utf8mb4_bin', [ 'a', 'A' ], 'citext' ],
	[ nondeterministic => 'varchar(40) COLLATE utf8mb4_bin', [ 'a', 'A' ], 'text COLLATE ci' ],
	[ blanks => 'varchar(40) COLLATE utf8mb4_nopad_bin', [ 'x', 'x ' ], 'char(40)' ],
	[ jsonb => 'varchar(40) COLLATE utf8mb4_bin', [ '{"a":1}', '{"a": 1}' ], 'jsonb' ]);

subtest 'keys that merge rows' => sub {
	$source->do('CREATE DATABASE k', map({ "CREATE TABLE k.$_->[0] (k $_->[1] PRIMARY KEY, v int) CHARACTER SET utf8mb4" } @keys),
		'CREATE TABLE k.same (k varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY, v int) CHARACTER SET utf8mb4');
	$source->do("INSERT INTO k.$_->[0] VALUES ('$_->[2][0]', 1), ('$_->[2][1]', 2), ('\"b\"', 3)") for @keys;
	$source->do("INSERT INTO k.same VALUES ('a', 1), ('B', 2)");
	$cluster->do('CREATE SCHEMA k', map({ "CREATE TABLE k.$_->[0] (k $_->[3] PRIMARY KEY, v int)" } @keys), 'CREATE TABLE k.same (k citext PRIMARY KEY, v int)');
	$cluster->call('create_subscription', name => 'k', server => 'shop', tables => ['k.*'], target_schema => 'k');
	$cluster->catch_up('k');
	for my $key (@keys)
	{
		like(table_error('k', "k.$key->[0]"), qr/column "k" of its target's key has type .* equal that the source tells apart/, "$key->[0]: told");
		follow_hint('k', "k.$key->[0]");
		$source->do("DELETE FROM k.$key->[0] WHERE v = 2", "INSERT INTO k.$key->[0] VALUES ('$key->[2][1]', 4)");
		$cluster->catch_up('k');
		equal("k.$key->[0]", "k.$key->[0]", 'k, v', '... and what it says ends equal');
	}
	$source->do("UPDATE k.same SET v = 5 WHERE k = 'A'", "INSERT INTO k.same VALUES ('C', 7)");
	$cluster->catch_up('k');
	is(table_error('k', 'k.same'), '', 'a key that the source compares without case may be citext');
	equal('k.same', 'k.same', 'k, v', '... and is equal');
	$source->do("DELETE FROM k.citext WHERE k = 'A'");
	$cluster->catch_up('k');
	$cluster->do('ALTER TABLE k.citext ALTER COLUMN k TYPE citext');
	$source->do("INSERT INTO k.citext VALUES ('B', 8)");
	$cluster->catch_up('k');
	like(table_error('k', 'k.citext'), qr/has type .*citext/, 'a type that is given later is told, too');
	follow_hint('k', 'k.citext');
	equal('k.citext', 'k.citext', 'k, v', '... and what it says ends equal');
};

subtest 'values that have several forms' => sub {
	$source->do('CREATE DATABASE f', 'CREATE TABLE f.u (k varchar(40) COLLATE utf8mb4_bin PRIMARY KEY, v int) CHARACTER SET utf8mb4',
		'CREATE TABLE f.ci (k varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY, v int) CHARACTER SET utf8mb4');
	$source->do("INSERT INTO f.$_ VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1)") for qw(u ci);
	$cluster->do('CREATE SCHEMA f', map { "CREATE TABLE f.$_ (k uuid PRIMARY KEY, v int)" } qw(u ci));
	$cluster->call('create_subscription', name => 'f', server => 'shop', tables => ['f.*'], target_schema => 'f', options => '{"on_error": "table"}');
	$source->do("UPDATE f.ci SET k = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', v = 2");
	$cluster->catch_up('f');
	is($cluster->value('SELECT k::text || v FROM f.ci'), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a112', 'letters of either case where the source does not tell them apart');
	$source->do("INSERT INTO f.u VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 2)");
	$cluster->catch_up('f');
	like(table_error('f', 'f.u'), qr/has to be written as "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"/, 'another form of the same is an error where it does');
	is($cluster->value('SELECT v FROM f.u'), 1, '... and not the same row');
};

subtest 'generated columns' => sub {
	$source->do('CREATE DATABASE g', map { ("CREATE TABLE g.$_ (id int PRIMARY KEY, a int, b int)", "INSERT INTO g.$_ VALUES (1, 1, 1), (2, 2, 2)") } qw(t u));
	$cluster->do('CREATE SCHEMA g', 'CREATE TABLE g.t (id int PRIMARY KEY, a int, b int GENERATED ALWAYS AS (a * 100) STORED)');
	$cluster->call('create_subscription', name => 'g', server => 'shop', tables => ['g.*'], target_schema => 'g');
	$cluster->catch_up('g');
	like(table_error('g', 'g.t'), qr/column "b" of its target is generated there/, 'in the place of an ordinary one: told');
	follow_hint('g', 'g.t');
	equal('g.t', 'g.t', 'id, a, b', '... and what it says ends equal');
	$cluster->do('ALTER TABLE g.u DROP COLUMN b', 'ALTER TABLE g.u ADD b int GENERATED ALWAYS AS (a * 10) STORED');
	$source->do('UPDATE g.u SET a = 3 WHERE id = 1');
	$cluster->catch_up('g');
	like(table_error('g', 'g.u'), qr/column "b" of its target is generated there/, '... also one that is made later');
	follow_hint('g', 'g.u');
	equal('g.u', 'g.u', 'id, a, b', '... with the same end');
};

subtest 'rules, owners of their own' => sub {
	$source->do('CREATE DATABASE r', map { ("CREATE TABLE r.$_ (id int PRIMARY KEY, v int)", "INSERT INTO r.$_ VALUES (1, 1), (2, 2)") } qw(a b c));
	$source->do('CREATE TABLE r.p (id int PRIMARY KEY, v int)', 'INSERT INTO r.p VALUES (1, 1)');
	$cluster->do('CREATE ROLE app', 'CREATE SCHEMA r', 'GRANT USAGE ON SCHEMA r TO app', 'CREATE TABLE r.p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)', 'CREATE TABLE r.p1 PARTITION OF r.p DEFAULT');
	$cluster->call('create_subscription', name => 'r', server => 'shop', tables => ['r.*'], target_schema => 'r');
	$cluster->catch_up('r');
	$cluster->do(map({ "ALTER TABLE r.$_ OWNER TO app" } qw(a b p)), map { my $t = $_; map { "CREATE RULE no_$_ AS ON $_ TO r.$t DO INSTEAD NOTHING" } qw(INSERT UPDATE DELETE) } qw(a b c p));
	$source->do(map { ("INSERT INTO r.$_ VALUES (3, 3)", "UPDATE r.$_ SET v = 7 WHERE id = 1") } qw(a b c));
	$source->do('DELETE FROM r.a WHERE id = 2');
	$cluster->catch_up('r');
	equal("r.$_", "r.$_", 'id, v', "a table that rules make read-only for others is a replica all the same: $_") for qw(a b c);
	$source->do('INSERT INTO r.p VALUES (3, 3)');
	my $error = q{SELECT coalesce((SELECT last_error FROM cdc.stat_subscription WHERE subscription = 'r'), '')};
	$cluster->poll("SELECT (($error) ~ 'rules of target r.p replace what is written to it')::text", 'true');
	$cluster->do($cluster->value($error) =~ /HINT:  (ALTER TABLE .*?;)/);
	$cluster->catch_up('r');
	equal('r.p', 'r.p', 'id, v', '... and what it says ends equal');
	$source->do('UPDATE r.b SET v = 9 WHERE id = 2');
	$cluster->do("SELECT cdc.resync_table('r', 'r.b')");
	$cluster->catch_up('r');
	equal('r.b', 'r.b', 'id, v', 'a new copy of a table that belongs to another role');
};

subtest 'rows that are to stay' => sub {
	$source->do('CREATE DATABASE w', 'CREATE TABLE w.seed (id int PRIMARY KEY)', 'CREATE TABLE w.t (id int PRIMARY KEY, v varchar(200))', "INSERT INTO w.t SELECT seq, repeat('x', 200) FROM w.seq_1_to_60000");
	$cluster->do('CREATE SCHEMA w', 'CREATE TABLE w.t (id bigint PRIMARY KEY, v varchar(200))', "INSERT INTO w.t VALUES (-1, 'own'), (-2, 'own')");
	$cluster->call('create_subscription', name => 'w', server => 'shop', tables => ['w.seed'], target_schema => 'w', enabled => \'false', options => '{"copy_chunk_time": "10ms"}');
	my $step = sub { $cluster->do(q{SELECT cdc.pull('w', 1)}, q{SELECT * FROM cdc.apply('w')}) };
	$step->() for 1 .. 5;
	$cluster->do(q{SELECT cdc.add_table('w', 'w.t', target := 'w.t', target_rows := 'keep')});
	my $chunks = q{SELECT coalesce(max(chunks), 0) FROM cdc.stat_progress_copy WHERE subscription = 'w' AND source_table = 'w.t'};
	for (1 .. 50) { last if $cluster->value($chunks) > 0; $step->() }
	cmp_ok($cluster->value($chunks), '>', 0, 'a copy has begun');
	$source->do('ALTER TABLE w.t MODIFY id bigint', 'DELETE FROM w.t WHERE id = 7');
	$cluster->do(q{SELECT cdc.enable_subscription('w')});
	$cluster->catch_up('w');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'w' AND message LIKE '%begins anew%'}), 1, '... and began anew');
	equal('w.t', 'w.t WHERE id > 0', 'id, v', 'the source\'s rows are there');
	is($cluster->value('SELECT count(*) FROM w.t WHERE id < 0'), 2, '... and those that were there before');
	like($cluster->notices_of(q{SELECT cdc.resync_table('w', 'w.t')}), qr/rows of target w\.t that source table w\.t does not have will go/, 'a resync takes them, and says so');
	$cluster->catch_up('w');
	equal('w.t', 'w.t', 'id, v', '... and is equal');
};

# Types that would make other values of those of the source, as an ordinary column, which
# verify would compare with the same ones: a column, and the type that the target's has.
my @lossy = (
	[ 'varchar(20)', '"char"', q{'xyz'} ], [ "set('ab','cd')", '"char"[]', q{'ab,cd'} ], [ 'varchar(80)', 'name', q{repeat('n', 70)} ], [ 'int', 'oid', '-1' ], [ 'bigint', 'xid', '4294967297' ],
	[ 'bigint', 'cid', '4294967297' ], [ 'decimal(10,3)', 'money', '1.255' ], [ 'varchar(20)', 'tsvector', q{'b a'} ], [ 'time(6)', 'interval hour', q{'01:02:03.4'} ],
	[ 'time(6)', 'interval hour to minute', q{'01:02:03.4'} ], [ 'time(6)', 'interval day', q{'01:02:03.4'} ], [ 'time(6)', 'interval year to month', q{'01:02:03.4'} ], [ 'time(6)', 'k.minutes', q{'01:02:03.4'} ],
	[ 'decimal(5,2)', 'interval', '1.5' ], [ 'varchar(20)', 'k.letter', q{'xyz'} ], [ 'decimal(20,4)', 'real', '1.2345' ], [ 'int', 'regclass', '1259' ], [ 'year', 'date', '2024' ]);

subtest 'types that would make other values' => sub {
	my @columns = map { "c$_ $lossy[$_][0]" } 0 .. $#lossy;
	$source->do('CREATE DATABASE l', 'CREATE TABLE l.seed (id int PRIMARY KEY)', 'CREATE TABLE l.t (id int PRIMARY KEY, ' . join(', ', @columns) . ')',
		'INSERT INTO l.t VALUES (1, ' . join(', ', map { $_->[2] } @lossy) . ')');
	$cluster->do('CREATE SCHEMA l', 'CREATE DOMAIN k.letter AS "char"', 'CREATE DOMAIN k.minutes AS interval hour to minute');
	$cluster->call('create_subscription', name => 'l', server => 'shop', tables => ['l.seed'], target_schema => 'l', options => '{"on_error": "table"}');
	for my $i (0 .. $#lossy)
	{
		my $add = qq{SELECT cdc.add_table('l', 'l.t', target := 'l.x$i', columns := '{"id": "id", "x": "c$i"}')};
		$cluster->do("CREATE TABLE l.x$i (id int PRIMARY KEY, x $lossy[$i][1])");
		my $error = $cluster->error_of($add);
		my ($alter) = $error =~ /HINT:  (ALTER TABLE .*?;)/;
		ok($error =~ /column "x" of its target has type .*, which has not the values of/ && $alter, "$lossy[$i][0] into $lossy[$i][1] is refused") or diag($error);
		$cluster->do($alter // (), $add);
	}
	$cluster->catch_up('l');
	is($cluster->value(qq{SELECT x::text FROM l.x$_}), $source->value("SELECT CAST(c$_ AS CHAR) FROM l.t"), "... and what it says takes $lossy[$_][2]") for grep { $lossy[$_][0] !~ /^(?:set|time)/ } 0 .. $#lossy;
	is($cluster->value('SELECT x::text FROM l.x8'), '01:02:03.4', '... all of it');
	$source->do('CREATE TABLE l.r (id int PRIMARY KEY, v varchar(20), s time(6))', q{INSERT INTO l.r VALUES (1, 'a', '01:02:03.25')});
	$cluster->do('CREATE TABLE l.running (id int PRIMARY KEY, b char(20), s interval)', q{SELECT cdc.add_table('l', 'l.r', target := 'l.running', columns := '{"id": "id", "b": "v", "s": "s"}')});
	$cluster->catch_up('l');
	is($cluster->value('SELECT b::varchar || s FROM l.running'), 'a01:02:03.25', 'character(n) takes texts without blanks at their end');
	$cluster->do('ALTER TABLE l.running ALTER s TYPE interval second(3)');
	$source->do("UPDATE l.r SET s = '02:00:00.125'");
	$cluster->catch_up('l');
	like(table_error('l', 'l.r'), qr/has type interval second\(3\) and had interval: other hands have altered it/, 'a type that may have cut values is told');
	follow_hint('l', 'l.r');
	is($cluster->value('SELECT s FROM l.running'), '02:00:00.125', '... and what it says ends equal');
	$source->do("UPDATE l.r SET s = '02:00:00.1254'");
	$cluster->catch_up('l');
	is($cluster->value('SELECT s FROM l.running'), '02:00:00.1254', '... as the new copy has made it one that does not cut');
	$source->do("UPDATE l.r SET v = 'a '");
	$cluster->catch_up('l');
	like(table_error('l', 'l.r'), qr/column "b"/, 'so are blanks at the end for character(n)');
	$cluster->do('ALTER TABLE l.running ALTER b TYPE varchar(20)', qq{SELECT cdc.retry_errors('l', 'l.r')});
	$cluster->catch_up('l');
	is($cluster->value(q{SELECT '<' || b || '>' FROM l.running}), '<a >', '... and varchar has them');
	$cluster->do('ALTER TABLE l.running ALTER s TYPE interval hour to minute');
	$source->do("UPDATE l.r SET s = '03:00:00.1254'");
	$cluster->catch_up('l');
	like(table_error('l', 'l.r'), qr/column "s" of its target has type interval hour to minute, which has not the values of time\(6\)/, 'a type that is given later is told, too');
	follow_hint('l', 'l.r');
	is($cluster->value('SELECT s FROM l.running'), '03:00:00.1254', '... and what it says ends equal');
};

# Documents of MariaDB are texts, and the same in a column for documents.
subtest 'documents' => sub {
	my $verify = sub { my ($target) = @_; return $cluster->value(qq{SELECT coalesce(string_agg(DISTINCT kind, ','), 'none') FROM cdc.verify('j', 'j.t', target := '$target')}) };
	$source->do('CREATE DATABASE j', 'CREATE TABLE j.seed (id int PRIMARY KEY)', 'CREATE TABLE j.t (id int PRIMARY KEY, doc json, plain longtext, v int)', q{INSERT INTO j.t VALUES (1, '{"a": 1}', '{"a": 1}', 1), (2, '"s"', '"s"', 1), (3, '[1, "x"]', 'null', 1)});
	$cluster->do('CREATE SCHEMA j', map { "CREATE TABLE j.$_ (id int PRIMARY KEY, doc $_, plain $_, v int)" } qw(jsonb json));
	$cluster->call('create_subscription', name => 'j', server => 'shop', tables => ['j.seed'], target_schema => 'j', options => '{"on_error": "table"}');
	$cluster->do(map { qq{SELECT cdc.add_table('j', 'j.t', target := 'j.$_')} } qw(jsonb json text));
	$cluster->catch_up('j');
	$cluster->do('ALTER TABLE j.text ALTER doc TYPE jsonb USING doc::jsonb');
	my $documents = sub {
		my ($name) = @_;
		for my $target (qw(jsonb json text))
		{
			is_deeply($cluster->rows("SELECT id, doc::jsonb::text, plain::jsonb::text, v FROM j.$target ORDER BY id"),
				[ map { [ $_->[0], map({ $cluster->value('SELECT ?::jsonb::text', $_) } @$_[ 1, 2 ]), $_->[3] ] } @{ $source->rows('SELECT id, doc, plain, v FROM j.t ORDER BY id') } ], "$name: $target");
		}
	};
	$documents->('copy');
	$source->do(q{INSERT INTO j.t VALUES (4, '{"a": 4, "b": "\u00fc"}', '4', 1)}, q{UPDATE j.t SET doc = '{"a": 3}' WHERE id = 1}, q{UPDATE j.t SET doc = '"t"' WHERE id = 2});
	$source->do('SET GLOBAL binlog_row_image = MINIMAL');
	my $minimal = $source->connect;
	$minimal->do($_) for q{UPDATE j.t SET v = 2 WHERE id = 1}, q{UPDATE j.t SET doc = '[3]' WHERE id = 3};
	$source->do('SET GLOBAL binlog_row_image = FULL');
	$cluster->catch_up('j');
	$documents->('stream');
	is($verify->("j.$_"), 'equal', "verify: $_") for qw(jsonb json text);
	$cluster->do(q{UPDATE j.text SET doc = to_jsonb('{"a": 3}'::text) WHERE id = 1});
	like($verify->('j.text'), qr/differ/, 'what is wrong is told');
	$cluster->do(q{SELECT count(*) FROM cdc.verify('j', 'j.t', target := 'j.text', repair := true)});
	$cluster->catch_up('j');
	$documents->('repaired');
	$source->do(q{UPDATE j.t SET plain = 'none' WHERE id = 2});
	$cluster->poll(q{SELECT (last_error ~ 'invalid input syntax for type json')::text FROM cdc.subscription_table WHERE subscription = 'j' AND target = 'j.jsonb'}, 'true');
	is(table_error('j', 'j.t -> j.text'), '', 'what is no document is an error of the table that needs one');
};

# A statement after which an expression cannot go on: what is filled directly follows all the
# same, and the target keeps its rows until there are others.
subtest 'columns that are only called something else' => sub {
	$source->do('CREATE DATABASE n', 'CREATE TABLE n.seed (id int PRIMARY KEY)', map { my ($t, $a) = @$_; ("CREATE TABLE n.$t (id int PRIMARY KEY, a $a, b varchar(20), c int)", "INSERT INTO n.$t VALUES (1, 10, 'x', 1), (2, 20, 'y', 2)") } [ r1 => 'varchar(20)' ], [ r2 => 'int' ]);
	$cluster->do('CREATE SCHEMA n');
	$cluster->call('create_subscription', name => 'n', server => 'shop', tables => ['n.seed'], target_schema => 'n');
	$cluster->do(map { qq{SELECT cdc.add_table('n', 'n.$_', columns := '{"id": "id", "aa": "a", "cc": "c", "e": {"expr": "upper(b)"}}')} } qw(r1 r2));
	$cluster->catch_up('n');
	my $rows = sub { my ($t) = @_; return join ' ', map { join ',', map { $_ // 'NULL' } @$_ } @{ $cluster->rows("SELECT aa, cc, e FROM n.$t ORDER BY id") } };
	is($rows->($_), '10,1,X 20,2,Y', "a copy: $_") for qw(r1 r2);
	$source->do('ALTER TABLE n.r1 CHANGE a b varchar(20), CHANGE b a varchar(20)', 'ALTER TABLE n.r2 CHANGE a b int, CHANGE b a varchar(20)',
		'ALTER TABLE n.r1 CHANGE c d int', map { "UPDATE n.$_ SET b = 11 WHERE id = 1" } qw(r1 r2));
	$cluster->catch_up('n');
	for my $t (qw(r1 r2))
	{
		my $error = table_error('n', "n.$t");
		like($error, qr/column "b" was renamed to "a", which the expression of column "e" reads under its former name.*\nHINT:  SELECT cdc\.alter_table\('n', 'n\.$t', columns := '\{.*"aa": "b".*\}'\);/, "$t is told, with the mapping that it has");
		unlike($error, qr/resync_table/, '... and no copy, which would fill it by what the names are now');
		is($rows->($t), '10,1,X 20,2,Y', '... and stays as it is');
	}
	$cluster->do(map { "SELECT cdc.resync_table('n', 'n.$_')" } qw(r1 r2));
	$cluster->poll(q{SELECT (last_error ~ 'is not one of the table as it is')::text FROM cdc.subscription_table WHERE subscription = 'n' AND source_table = 'n.r2' AND state = 'e'}, 'true');
	$cluster->catch_up('n');
	is($rows->('r1'), '11,1,11 20,2,20', 'a new copy all the same: the same columns under their names of now');
	is($rows->('r2'), '10,1,X 20,2,Y', '... where the mapping cannot be computed the target keeps its rows');
	for my $t (qw(r1 r2))
	{
		my ($columns) = $cluster->value(q{SELECT columns::text FROM cdc.subscription_table WHERE subscription = 'n' AND source_table = ?}, "n.$t");
		my ($typed) = table_error('n', "n.$t") =~ /HINT:  (SELECT cdc\.alter_table\(.*?\);)/;
		$typed //= "SELECT cdc.alter_table('n', 'n.$t', columns := '$columns')";
		$typed =~ s/upper\(b\)/upper(a)/;
		$cluster->do($typed);
	}
	$cluster->catch_up('n');
	is($rows->($_), '11,1,X 20,2,Y', "what it says, with the new name in the expression, ends equal: $_") for qw(r1 r2);
};

subtest 'a row of a copy that does not fit' => sub {
	$source->do('CREATE DATABASE c', 'CREATE TABLE c.t (id int PRIMARY KEY, v int)', 'INSERT INTO c.t VALUES (1, 1), (2, 7), (3, 3)');
	$cluster->do('CREATE SCHEMA c', 'CREATE TABLE c.t (id int PRIMARY KEY, v int CHECK (v < 5))');
	$cluster->call('create_subscription', name => 'c', server => 'shop', tables => ['c.*'], target_schema => 'c');
	my $last = q{SELECT coalesce((SELECT last_error FROM cdc.stat_subscription WHERE subscription = 'c'), '')};
	$cluster->poll("SELECT (($last) ~ 'violates check')::text", 'true');
	my $error = $cluster->value($last);
	unlike($error, qr/skip_transaction/, 'to pass over it would leave the others out');
	my ($resync) = $error =~ /(SELECT cdc\.resync_table\(.*?\);)/ or fail("it says what to type: $error");
	$cluster->do('ALTER TABLE c.t DROP CONSTRAINT t_v_check', $resync // ());
	$cluster->catch_up('c');
	equal('c.t', 'c.t', 'id, v', 'what it says ends equal');
};

subtest 'unlogged' => sub {
	$source->do('CREATE DATABASE u', map { ("CREATE TABLE u.$_ (id int PRIMARY KEY, v int)", "INSERT INTO u.$_ VALUES (1, 1), (2, 2)") } qw(t o));
	$cluster->call('create_subscription', name => 'u', server => 'shop', tables => ['u.*'], target_schema => 'u');
	$cluster->catch_up('u');
	$cluster->do('ALTER TABLE u.t SET UNLOGGED');
	$source->do("INSERT INTO u.$_ VALUES (3, 3)") for qw(t o);
	$cluster->catch_up('u');
	equal('u.t', 'u.t', 'id, v', 'goes on');
	$cluster->kill_worker('u', 'pull');
	$source->do("INSERT INTO u.$_ VALUES (4, 4)") for qw(t o);
	$cluster->catch_up('u');
	like(table_error('u', 'u.t'), qr/target u\.t had rows, and was emptied by other hands/, 'a crash of the server empties it: told');
	follow_hint('u', 'u.t');
	equal("u.$_", "u.$_", 'id, v', "... and what it says ends equal: $_") for qw(t o);
};

$source->stop;
done_testing();
