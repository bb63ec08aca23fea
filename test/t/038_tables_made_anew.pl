# A table that is dropped and made again: its replica has the new one's rows and none
# of the old one's, while what only looks like that leaves the replica alone.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('anew');

for my $flavour (qw(mariadb mysql56 mysql97))
{
	next if $flavour eq 'mysql97' && !CdcIngest::Server->available($flavour);
	subtest $flavour => sub {
		my $source = CdcIngest::Server->new($flavour);
		my $columns = '(id int PRIMARY KEY, v varchar(20))';
		my @tables = qw(dropped moved again kept gone);
		$source->do('CREATE DATABASE shop', 'CREATE DATABASE other',
			(map { ("CREATE TABLE shop.$_ $columns", "INSERT INTO shop.$_ VALUES (1, 'old'), (2, 'old')") } @tables),
			'CREATE TABLE shop.keyless (v varchar(20))', "CREATE TABLE other.t $columns", q{INSERT INTO other.t VALUES (1, 'old')});
		$cluster->add_source($flavour, $source);
		$cluster->subscribe($flavour, $flavour, $flavour, tables => [ 'shop.*', 'other.*' ], exclude => ['shop.keyless'], enabled => \'false');
		my $follow = sub {
			$source->do(@_);
			$cluster->value('SELECT cdc.pull(?)', $flavour);
			$cluster->rows('SELECT * FROM cdc.apply(?)', $flavour);
			return;
		};
		my $rows = sub {
			my ($table) = @_;
			return join ' ', map { "$_->[0]:$_->[1]" } @{ $cluster->rows("SELECT id, v FROM $flavour.$table ORDER BY id") };
		};

		$follow->();
		$follow->('DROP TABLE shop.gone', 'DROP TABLE shop.dropped');
		is($rows->('dropped'), '1:old 2:old', 'DROP TABLE leaves the replica as it was');
		$follow->("CREATE TABLE shop.dropped $columns", q{INSERT INTO shop.dropped VALUES (2, 'new'), (3, 'new')}, q{UPDATE shop.dropped SET v = 'newer' WHERE id = 3});
		is($rows->('dropped'), '2:new 3:newer', 'made again, it has the new rows only');
		$follow->('DROP TABLE shop.dropped', "CREATE TABLE shop.dropped $columns", q{INSERT INTO shop.dropped VALUES (7, 'third')},
			'DROP TABLE shop.dropped', "CREATE TABLE shop.dropped $columns", q{INSERT INTO shop.dropped VALUES (8, 'fourth')});
		is($rows->('dropped'), '8:fourth', '... twice in one batch, too');
		$follow->('RENAME TABLE shop.moved TO shop.moved_away', 'CREATE TABLE shop.moved LIKE shop.moved_away', q{INSERT INTO shop.moved VALUES (5, 'new')});
		is($rows->('moved'), '5:new', 'renamed away and made again');
		$follow->('DROP TABLE IF EXISTS shop.again', "CREATE TABLE IF NOT EXISTS shop.again $columns", q{INSERT INTO shop.again VALUES (4, 'new')});
		is($rows->('again'), '4:new', 'made again with IF NOT EXISTS');
		$follow->("CREATE TABLE IF NOT EXISTS shop.again $columns", "CREATE TABLE IF NOT EXISTS shop.kept $columns", q{INSERT INTO shop.kept VALUES (3, 'new')});
		is($rows->('again') . ' ' . $rows->('kept'), '4:new 1:old 2:old 3:new', 'IF NOT EXISTS of one that exists changes nothing');
		if ($source->is_mariadb)
		{
			$follow->("CREATE OR REPLACE TABLE shop.again $columns", q{INSERT INTO shop.again VALUES (6, 'new')});
			is($rows->('again'), '6:new', 'CREATE OR REPLACE');

			# MariaDB leaves a table of such a name behind, with its rows, when it renames a copy of it.
			my @shown = (only => [ 'a b', 'a_b' ]);
			$follow->("CREATE TABLE shop.`a b` $columns", q{INSERT INTO shop.`a b` VALUES (1, 'old'), (2, 'old')});
			$follow->('ALTER TABLE shop.`a b` MODIFY v varchar(30), RENAME TO shop.a_b, ALGORITHM=COPY');
			is($source->value('SELECT count(*) FROM shop.`a b`'), 2, 'a table is renamed, and stays');
			$follow->(q{INSERT INTO shop.`a b` VALUES (3, 'more')}, q{UPDATE shop.`a b` SET v = 'new' WHERE id = 1}, 'DELETE FROM shop.`a b` WHERE id = 2',
				q{INSERT INTO shop.a_b VALUES (4, 'longer than twenty letters')});
			$follow->('CREATE TABLE IF NOT EXISTS shop.later (id int PRIMARY KEY)') for 1 .. 3;
			$cluster->compare_ok($source, 'shop', $flavour, '... both replicas are as at the source', @shown);
			$follow->('ALTER TABLE shop.`a b` ADD c int DEFAULT 7', q{INSERT INTO shop.`a b` (id, v) VALUES (5, 'last')});
			$cluster->compare_ok($source, 'shop', $flavour, '... also when it is altered', @shown);
		}
		$follow->('DROP DATABASE other', 'CREATE DATABASE other', "CREATE TABLE other.t $columns", q{INSERT INTO other.t VALUES (2, 'new')});
		is($rows->('t'), '2:new', 'with its database');
		is($rows->('gone'), '1:old 2:old', 'what is not made again stays');

		# one that is to be copied, and of which the stream brought rows that a statement took away
		if ($flavour ne 'mysql97')
		{
			$follow->('CREATE DATABASE away', "CREATE TABLE away.came $columns", q{INSERT INTO away.came VALUES (1, 'old')}, 'RENAME TABLE away.came TO shop.came',
				q{INSERT INTO shop.came VALUES (2, 'two'), (3, 'three')}, q{SET binlog_format = 'STATEMENT'}, 'DELETE FROM shop.came WHERE id = 2', q{SET binlog_format = 'ROW'});
			$follow->('CREATE TABLE IF NOT EXISTS shop.kept (id int PRIMARY KEY)') for 1 .. 3;
			is($rows->('came'), '1:old 3:three', 'a copy has what is there, and not what was before it');
		}

		# a target that was there before its source table
		$cluster->do("CREATE TABLE $flavour.late (id int PRIMARY KEY, v varchar(20))", "INSERT INTO $flavour.late VALUES (1, 'mine')");
		$follow->("CREATE TABLE shop.late $columns", q{INSERT INTO shop.late VALUES (2, 'new')});
		is($rows->('late'), '1:mine', 'the first CREATE TABLE of a table empties nothing, and takes no table with rows');

		# a copy that has what the stream brings later
		$source->do(q{INSERT INTO shop.keyless VALUES ('old')}, 'TRUNCATE shop.keyless', q{INSERT INTO shop.keyless VALUES ('x'), ('x')});
		$cluster->call('create_subscription', name => "k$flavour", server => $flavour, tables => ['shop.kept'], target_schema => 'public', enabled => \'false');
		$cluster->value('SELECT cdc.pull(?)', "k$flavour");
		$source->do(q{INSERT INTO shop.keyless VALUES ('y')}, 'TRUNCATE shop.keyless', q{INSERT INTO shop.keyless VALUES ('z'), ('z')});
		$cluster->call('add_table', subscription => "k$flavour", source_table => 'shop.keyless');
		$cluster->value('SELECT cdc.pull(?)', "k$flavour");
		$cluster->rows('SELECT * FROM cdc.apply(?)', "k$flavour");
		is($cluster->value(q{SELECT string_agg(v, ' ') FROM keyless}), 'z z', 'a TRUNCATE that the copy of a table without a key has already');
		$source->do('DROP TABLE shop.keyless', 'CREATE TABLE shop.keyless (v varchar(20))', q{INSERT INTO shop.keyless VALUES ('w')});
		$cluster->value('SELECT cdc.pull(?)', "k$flavour");
		$cluster->rows('SELECT * FROM cdc.apply(?)', "k$flavour");
		is($cluster->value(q{SELECT string_agg(v, ' ') FROM keyless}), 'w', '... and one that was made again');

		# the same from history alone
		$cluster->do("CREATE SCHEMA ${flavour}_again");
		for my $table (@tables)
		{
			$cluster->do("CREATE TABLE ${flavour}_again.$table (LIKE $flavour.$table INCLUDING ALL)",
				"SELECT cdc.replay('$flavour', 'shop.$table', '${flavour}_again.$table')");
			is_deeply($cluster->rows("SELECT * FROM ${flavour}_again.$table ORDER BY 1"), $cluster->rows("SELECT * FROM $flavour.$table ORDER BY 1"),
				"replay of $table ends the same");
		}
		# from before the tables were made first, with definitions that are of now
		$cluster->call('create_subscription', name => "e$flavour", server => $flavour, tables => ['shop.dropped'], target_schema => 'public',
			copy_data => \'false', start_position => 'earliest', enabled => \'false');
		$cluster->value('SELECT cdc.pull(?)', "e$flavour");
		$cluster->rows('SELECT * FROM cdc.apply(?)', "e$flavour");
		is_deeply($cluster->rows('SELECT * FROM dropped'), [ [ 8, 'fourth' ] ], 'all of it from the binlog ends the same');
		is($cluster->value('SELECT op FROM ' . $cluster->history_of("e$flavour") . q{ WHERE event->>'type' = 'table-create' ORDER BY seq LIMIT 1}),
			's', 'the first CREATE TABLE is not one again');

		my $history = $cluster->history_of($flavour);
		is($cluster->value("SELECT string_agg(DISTINCT event->>'type', ' ') FROM $history WHERE op = 't'"), 'table-create', 'the events are those of CREATE TABLE');
		$cluster->history_ok($flavour);
		$cluster->call('drop_subscription', name => $_) for $flavour, "k$flavour", "e$flavour";
		$cluster->do('DROP TABLE keyless, kept, dropped');
		$source->stop('KILL');
	};
}

done_testing();
