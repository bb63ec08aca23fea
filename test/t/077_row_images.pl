# Images that lack columns (binlog_row_image MINIMAL and NOBLOB): a new row's columns that
# its statement did not name have their defaults in the history and in the replica; where
# these cannot be known, the table is in error, with a remedy.
#
# Takes 45 s.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::File;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('images');
my ($source, $id, $dbh);

sub follow
{
	$cluster->value('SELECT cdc.pull(?)', $id);
	$cluster->rows('SELECT * FROM cdc.apply(?)', $id);
	return;
}

sub state_of
{
	my ($table) = @_;
	return join ' ', map { $_ // '' } @{ $cluster->rows('SELECT state, last_error FROM cdc.subscription_table WHERE subscription = ? AND source_table = ?', $id, "d.$table")->[0] };
}

# The columns that the table's last row left to their defaults, as its event says.
sub absent_in
{
	my ($table) = @_;
	my $history = $cluster->history_of($id);
	return $cluster->value("SELECT coalesce(string_agg(a, ' ' ORDER BY n), '') FROM
		(SELECT event FROM $history WHERE source_table = ? AND op IN ('c', 'u') ORDER BY seq DESC LIMIT 1) AS last,
		jsonb_array_elements_text(event->'absent') WITH ORDINALITY AS e(a, n)", "d.$table");
}

# Constant defaults of all types, what types imply, and what servers evaluate themselves.
my %columns = (
	i => 'int DEFAULT -5', u => 'bigint unsigned DEFAULT 18446744073709551615', z => 'int(5) zerofill DEFAULT 7', n => 'int NOT NULL', nn => 'int',
	de => 'decimal(8,2) DEFAULT 1.5', den => 'decimal(8,3) NOT NULL', fl => 'float DEFAULT 0.25', db => 'double DEFAULT 0.1', dbn => 'double NOT NULL',
	v => q{varchar(20) DEFAULT 'it''s a \\\\ "q" ü'}, vn => 'varchar(5) NOT NULL', c => q{char(5) DEFAULT 'ab'}, nl => q{varchar(9) DEFAULT 'NULL'}, em => q{varchar(9) DEFAULT ''},
	l1 => q{varchar(9) CHARACTER SET latin1 DEFAULT 'grün'}, nu => q{varchar(9) DEFAULT '007'},
	e => q{enum('x','it''s') DEFAULT 'it''s'}, en => q{enum('x','y') NOT NULL}, s => q{set('a','b','c') DEFAULT 'a,c'}, sn => q{set('a','b') NOT NULL},
	b1 => q{bit(10) DEFAULT b'1000000101'}, bn => 'bit(3) NOT NULL', y => q{year DEFAULT '1999'}, yn => 'year NOT NULL',
	da => q{date DEFAULT '2020-02-03'}, dan => 'date NOT NULL', ti => q{time(3) DEFAULT '-04:05:06.5'}, tin => 'time NOT NULL', dt => q{datetime(6) DEFAULT '2020-02-03 04:05:06'},
	dtn => 'datetime NOT NULL', dtc => 'datetime DEFAULT CURRENT_TIMESTAMP', ts => 'timestamp NULL', tsc => 'timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP',
	tsz => q{timestamp NOT NULL DEFAULT '0000-00-00 00:00:00'},
	vb => q{varbinary(2) DEFAULT 'ab'}, bi => q{binary(2) DEFAULT 'ab'}, bin => 'binary(3) NOT NULL', bl => 'blob', bln => 'blob NOT NULL', tx => 'text', txn => 'text NOT NULL');

sub prepare
{
	my ($flavour, $image) = @_;
	# (MySQL does not tell what is behind a NUL in bytes: known is what fills the column)
	my $list = join ', ', 'k int PRIMARY KEY', map { "$_ $columns{$_}" } sort keys %columns;
	# what is a constant of one server, an expression of the other
	my $expressions = $flavour eq 'mysql56' ? '' : q{, x varchar(40) DEFAULT (concat('a', 'b')), xn varchar(40) NOT NULL DEFAULT (uuid()), tx2 text DEFAULT ('t'), g int AS (n + 1) STORED};
	my $generated = $flavour eq 'mysql97' ? 'STORED' : 'PERSISTENT';

	$source = CdcIngest::Server->new($flavour, args => ["--binlog-row-image=$image"], metadata => $flavour eq 'mariadb118' ? 'NO_LOG' : 'FULL');
	$id = lc "${flavour}_$image";
	$dbh = $source->connect;
	$dbh->do(q{SET sql_mode = ''});
	$dbh->do($_) for 'CREATE DATABASE d', "CREATE TABLE d.t ($list$expressions)", "CREATE TABLE d.auto (id int AUTO_INCREMENT PRIMARY KEY, a int DEFAULT 3, b blob)",
	  'CREATE TABLE d.trig (id int PRIMARY KEY, a int DEFAULT 3, c int DEFAULT 4)', 'CREATE TRIGGER d.tr BEFORE INSERT ON d.trig FOR EACH ROW SET NEW.c = 77',
	  'CREATE TABLE d.isam (id int PRIMARY KEY, a int DEFAULT 3) ENGINE = MyISAM', 'CREATE TABLE d.memory (id int PRIMARY KEY, a int DEFAULT 3) ENGINE = MEMORY',
	  'CREATE TABLE d.plain (x int, a int DEFAULT 3, b int)', 'CREATE TABLE d.uniq (id int PRIMARY KEY, x int NOT NULL UNIQUE, a int DEFAULT 3, b int)',
	  'CREATE TABLE d.stamp (id int PRIMARY KEY, t timestamp NOT NULL DEFAULT \'2020-01-01 00:00:00\', f float DEFAULT 0.1234567)',
	  'CREATE TABLE d.one (id tinyint NOT NULL DEFAULT 1 PRIMARY KEY, a int DEFAULT 3, b int)',
	  'CREATE TABLE d.hidden (id int PRIMARY KEY, a int DEFAULT 3, b int)', 'CREATE TRIGGER d.hide AFTER INSERT ON d.auto FOR EACH ROW REPLACE INTO d.hidden (id, b) VALUES (1, NEW.id)';
	$cluster->add_source($id, $source);
	$cluster->subscribe($id, $id, $id, tables => ['d.*'], enabled => \'false');
	follow() for 1 .. 3;
	return;
}

sub same_ok
{
	my ($name, @tables) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like(state_of($_), qr/^r/, "$_ is replicated") for @tables;
	return $cluster->compare_ok($source, 'd', $id, $name, only => \@tables);
}

sub run
{
	my (@statements) = @_;
	eval { $dbh->do($_) for @statements; follow(); 1 } or CdcIngest::Cluster::give_up($@);
	return;
}

# MariaDB keeps a number for each UNIQUE index of a TEXT or BLOB column, in a column of its own: only
# rows in the binlog have it.
sub keeps_hidden_columns
{
	my ($flavour, $metadata) = @_;
	my $named = $metadata eq 'FULL';
	$source = CdcIngest::Server->new($flavour, metadata => $metadata);
	$id = lc "hash_$metadata";
	$dbh = $source->connect;
	$dbh->do($_) for 'CREATE DATABASE d', 'CREATE TABLE d.two (id int PRIMARY KEY, t text, b blob, n int, UNIQUE (t), UNIQUE (b, n))', 'CREATE TABLE d.bare (t text NOT NULL, n int, UNIQUE (t))',
	  'CREATE TABLE d.own (id int PRIMARY KEY, t text UNIQUE, DB_ROW_HASH_1 bigint)', 'CREATE TABLE d.later (id int PRIMARY KEY, t text, n bigint)',
	  q{INSERT INTO d.two VALUES (1, 'a', 'x', 1), (2, 'b', 'y', 2), (3, NULL, NULL, NULL)}, q{INSERT INTO d.bare VALUES ('a', 1), ('b', 2)}, q{INSERT INTO d.own VALUES (1, 'a', 11)}, q{INSERT INTO d.later VALUES (1, 'a', 1), (2, 'b', 2)};
	$cluster->add_source($id, $source);
	$cluster->subscribe($id, $id, $id, tables => ['d.*'], enabled => \'false');
	follow() for 1 .. 3;
	my $n = 10;
	for my $image (qw(FULL MINIMAL))
	{
		$n += 10;
		run("SET SESSION binlog_row_image = '$image'", "INSERT INTO d.two VALUES ($n, 'd$n', 'w', $n), ($n + 1, NULL, 'e$n', 1)", "UPDATE d.two SET t = 'bb$n' WHERE id = 2", "UPDATE d.two SET n = $n WHERE id = 3", "DELETE FROM d.two WHERE id = $n + 1",
			"INSERT INTO d.bare VALUES ('c$n', 3)", "UPDATE d.bare SET n = $n WHERE t = 'a'", "DELETE FROM d.bare WHERE t = 'c10'", "INSERT INTO d.own VALUES ($n, 'o$n', $n)", "UPDATE d.own SET DB_ROW_HASH_1 = $n + 1 WHERE id = 1");
		same_ok("$image: rows in binlogs have more columns", qw(two bare own));
	}
	run('ALTER TABLE d.later ADD UNIQUE u (t)', q{INSERT INTO d.later VALUES (3, 'c', 3)}, q{UPDATE d.later SET t = 'aa' WHERE id = 1});
	same_ok('an index that comes', 'later');
	run('ALTER TABLE d.later DROP INDEX u', q{INSERT INTO d.later VALUES (4, 'aa', 4)});
	same_ok('... and goes', 'later');
	run('ALTER TABLE d.later ADD UNIQUE w (t, n), ADD c bigint', q{INSERT INTO d.later VALUES (5, 'e', 5, 5)}, 'ALTER TABLE d.later DROP INDEX w, ADD e bigint', q{INSERT INTO d.later VALUES (6, 'f', 6, 6, 6)});
	if (!$named)
	{
		like(state_of('later'), qr/^e .*MariaDB keeps for UNIQUE indexes.*resync_table/s, '... before it was looked for is not told');
		$cluster->do("SELECT cdc.resync_table('$id', 'd.later')");
		follow() for 1 .. 3;
		run(q{INSERT INTO d.later VALUES (7, 'g', 7, 7, 7)});
	}
	same_ok('... between two calls', 'later');
	is($cluster->value("SELECT count(*) FROM $id.${id}_history WHERE source_table <> 'd.own' AND event::text LIKE '%DB\\_ROW\\_HASH%'"), 0, 'no event has them');
	is($cluster->value("SELECT count(*) FROM $id.${id}_history WHERE source_table = 'd.own' AND event::text LIKE '%DB\\_ROW\\_HASH\\_2%'"), 0, '... nor beside one of a user');
	$cluster->call('drop_subscription', name => $id);
	$source->stop('KILL');
	return;
}

# An update's image before has the columns of a key alone, which need not be those by which its target finds rows.
sub finds_by_others
{
	my ($flavour) = @_;
	$source = CdcIngest::Server->new($flavour, metadata => $flavour eq 'mysql56' ? '' : 'FULL');
	$id = lc "found_$flavour";
	$dbh = $source->connect;
	my @keyless = qw(replaced onto updated own);
	$dbh->do($_) for 'CREATE DATABASE d', (map { ("CREATE TABLE d.$_ (id bigint unsigned NOT NULL, a int, b varchar(5), UNIQUE KEY u (id))", "INSERT INTO d.$_ VALUES (1, 1, 'x'), (2, 2, 'y')") } @keyless),
	  'CREATE TABLE d.mail (id int PRIMARY KEY, m varchar(9) NOT NULL UNIQUE, n int)', q{INSERT INTO d.mail VALUES (1, 'a', 1), (2, 'b', 2)};
	$cluster->add_source($id, $source);
	$cluster->subscribe($id, $id, $id, tables => ['d.*'], enabled => \'false');
	$cluster->do("SELECT cdc.alter_table('$id', 'd.$_->[0]', key := '{$_->[1]}')") for [qw(own id)], [qw(mail m)];
	$cluster->do("ALTER TABLE $id.mail DROP CONSTRAINT mail_pkey, ADD PRIMARY KEY (m)");
	follow() for 1 .. 3;
	run('SET SESSION binlog_row_image = MINIMAL', q{REPLACE INTO d.replaced VALUES (1, 5, 'q')}, q{INSERT INTO d.onto VALUES (2, 6, 'r') ON DUPLICATE KEY UPDATE a = 6, b = 'r'}, q{UPDATE d.updated SET a = 7, b = 's' WHERE id = 2},
		q{REPLACE INTO d.own VALUES (1, 8, 't')}, q{UPDATE d.mail SET m = 'c', n = 3 WHERE id = 1});
	like(state_of($_), qr/^e .*a row image lacks column [ab], by which .*rows of target .* are found.*binlog_row_image has to be FULL.*resync_table/s, "$_: the row that was changed is not known") for grep { $_ ne 'own' } @keyless;
	like(state_of('mail'), qr/^e .*a row image lacks column m, by which rows of target .* are found/s, 'a key of the target alone');
	same_ok('a key that images have', 'own');
	run('SET SESSION binlog_row_image = FULL');
	$cluster->do("SELECT cdc.resync_table('$id', 'd.$_')") for qw(replaced onto updated mail);
	follow() for 1 .. 3;
	run(q{REPLACE INTO d.replaced VALUES (1, 50, 'q')}, q{UPDATE d.mail SET m = 'd' WHERE id = 1});
	same_ok('what is told to type', @keyless, 'mail');
	$cluster->call('drop_subscription', name => $id);
	$source->stop('KILL');
	return;
}

subtest "rows found by other columns, $_" => sub { finds_by_others($_) } for qw(mariadb mysql56), grep { CdcIngest::Server->available($_) } 'mysql97';

subtest "hidden columns, row metadata $_->[1]" => sub { keeps_hidden_columns(@$_) }
  for [qw(mariadb FULL)], [CdcIngest::Server->available('mariadb118') ? 'mariadb118' : 'mariadb', 'NO_LOG'];

my $file = '/tmp/cdc_ingest_rows_' . $$;
my @all = qw(t auto trig isam memory plain uniq one);

for my $server ([qw(mariadb MINIMAL)], [qw(mariadb NOBLOB)], [qw(mariadb118 MINIMAL)], [qw(mysql56 MINIMAL)], [qw(mysql56 NOBLOB)], [qw(mysql97 MINIMAL)], [qw(mysql97 NOBLOB)])
{
	my ($flavour, $image) = @$server;
	next unless CdcIngest::Server->available($flavour);
	next if $ENV{CDC_IMAGES} && $ENV{CDC_IMAGES} ne "$flavour $image";
	subtest "$flavour $image" => sub {
		my $maria = $flavour =~ /mariadb/;
		prepare($flavour, $image);
		run('INSERT INTO d.t (k) VALUES (1)', q{INSERT INTO d.t (k, i, bl) VALUES (2, DEFAULT, 'bb'), (3, NULL, NULL)}, q{INSERT INTO d.t (k, i, bl) SELECT 4, 4, 'q'}, 'INSERT INTO d.t VALUES ()');
		is(absent_in('t') =~ /\bi\b.*\bv\b/, $image eq 'MINIMAL', 'the event says which columns were not in the image');
		run('INSERT INTO d.auto VALUES ()', 'INSERT INTO d.auto (a) VALUES (8)', 'INSERT INTO d.trig (id) VALUES (1)', 'INSERT INTO d.isam (id) VALUES (1)',
			'INSERT INTO d.memory (id) VALUES (1)', 'INSERT INTO d.plain (x) VALUES (1), (1), (2)', 'INSERT INTO d.uniq (id, x) VALUES (1, 1)', 'INSERT INTO d.one (b) VALUES (5)');
		same_ok('new rows have their defaults', @all);
		run(q{UPDATE d.t SET v = 'upd' WHERE k = 1}, q{UPDATE d.t SET tx = 'long', bl = NULL WHERE k = 2}, 'UPDATE d.t SET k = 30 WHERE k = 3', 'UPDATE d.plain SET b = 3 WHERE x = 1',
			'UPDATE d.uniq SET b = 3', 'UPDATE d.auto SET b = \'z\' WHERE id = 2', 'DELETE FROM d.plain WHERE x = 2');
		same_ok('updates leave what they do not name', @all);
		run(q{INSERT INTO d.t (k, i) VALUES (2, 9) ON DUPLICATE KEY UPDATE i = 10}, q{INSERT INTO `d`.`uniq` (id, x) VALUES (3, 1) ON DUPLICATE KEY UPDATE a = 4});
		same_ok('INSERT ... ON DUPLICATE KEY UPDATE', @all);
		run(q{REPLACE INTO d.t (k, n) VALUES (2, 9), (77, 9)}, q{REPLACE LOW_PRIORITY d.uniq SET x = 1, id = 7}, 'REPLACE INTO d.one (b) VALUES (6)', 'REPLACE INTO d.auto (id, a) VALUES (2, 9)');
		same_ok('REPLACE', @all);
		CdcIngest::File::write_file($file, "50\n51\n");
		chmod 0644, $file;
		run("LOAD DATA INFILE '$file' INTO TABLE d.t (k)", "UPDATE d.t SET v = 'x', bl = 'y' WHERE k = 50", "LOAD DATA INFILE '$file' REPLACE INTO TABLE d.t (k)");
		unlink $file;
		same_ok('LOAD DATA', @all);
		run('ALTER TABLE d.trig ADD v varchar(9) DEFAULT \'q\', ADD m int NOT NULL DEFAULT 4, MODIFY a int DEFAULT 33', 'INSERT INTO d.trig (id) VALUES (2)', 'ALTER TABLE d.trig ALTER m SET DEFAULT 5, ALTER a DROP DEFAULT', 'INSERT INTO d.trig (id) VALUES (3)');
		same_ok('defaults follow DDL', 'trig');
		run(q{CREATE TABLE d.made (id int PRIMARY KEY, y varbinary(9) DEFAULT 'p\0q', z binary(4) DEFAULT 'ab')}, 'INSERT INTO d.made (id) VALUES (1)');
		if ($image eq 'MINIMAL') { like(state_of('made'), qr/column "[yz]" of a new row got, and its default is not known/, 'NUL in a default') }
		else { is($cluster->value("SELECT string_agg(encode(y, 'hex') || encode(z, 'hex'), ' ') FROM $id.made"), '70007161620000', 'NUL in a default') }
		run('CREATE TABLE d.ctas (id int PRIMARY KEY, a int DEFAULT 9) SELECT 1 AS id') unless $flavour eq 'mysql56';
		follow();
		same_ok('CREATE TABLE ... SELECT', 'ctas') unless $flavour eq 'mysql56';

		# what a statement's text does not tell
		run('INSERT INTO d.auto (b) VALUES (\'1\')', 'INSERT INTO d.auto (b) VALUES (\'2\')');
		if ($maria && $image eq 'MINIMAL')
		{
			like(state_of('hidden'), qr/^e .*d\.hidden cannot be followed.*updated or replaced by a new one; set binlog_row_image to FULL.*HINT:  SELECT cdc\.resync_table/s, 'a trigger\'s REPLACE is not guessed at');
		}
		else { same_ok('a trigger\'s REPLACE', 'hidden') }
		run('INSERT INTO d.stamp (id) VALUES (1)');
		if ($image eq 'NOBLOB') { same_ok('all in the image', 'stamp') }
		else
		{
			like(state_of('stamp'), qr/^e .*what column "[tf]" of a new row got, and its default is not known/s, 'an unknown default is no NULL');
			my $history = $cluster->history_of($id);
			$cluster->do("DROP TABLE IF EXISTS replayed", 'CREATE TABLE replayed (id int PRIMARY KEY, t timestamptz, f real)');
			like($cluster->error_of("SELECT cdc.replay('$id', 'd.stamp', 'replayed')"), qr/did not log what column "[tf]" of a row has/, '... nor is it when history is replayed');
			$dbh->do("SET SESSION binlog_row_image = FULL");
			$cluster->do("SELECT cdc.resync_table('$id', 'd.stamp')");
			follow() for 1 .. 3;
			run('INSERT INTO d.stamp (id) VALUES (2)');
			same_ok('with the remedy it is the same', 'stamp');
		}
		same_ok('all others go on', @all);
		is_deeply($cluster->rows("SELECT source_table, kind, differing_keys FROM cdc.verify('$id') WHERE kind <> 'equal'"), [], 'verify agrees');
		$cluster->call('drop_subscription', name => $id);
		$source->stop('KILL');
	};
}
done_testing();
