# Definitions of many tables are asked for together, and each is its own: keys in their
# order, names that differ in case only, databases side by side, MariaDB's JSON.
#
# Takes 25 s.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::FakeMysql;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('many', conf => "max_locks_per_transaction = 256\n");
my $PLAIN = 140;

sub make_tables
{
	my ($source, $flavour) = @_;
	my $json = $flavour eq 'mysql56' ? 'text' : 'json';
	for my $db (qw(one two))
	{
		$source->do("CREATE DATABASE $db CHARACTER SET utf8mb4");
		$source->do(map { "CREATE TABLE $db.p${db}_$_ (id int PRIMARY KEY, c$_ varchar(20))" } 1 .. $PLAIN / 2);
	}
	$source->do('CREATE TABLE one.`case` (id int PRIMARY KEY, lower_one int)', 'CREATE TABLE one.`CASE` (upper_one varchar(9), id int, PRIMARY KEY (id, upper_one))',
		'CREATE TABLE one.swapped (a int, b int, c int, x int, PRIMARY KEY (c, a), UNIQUE KEY (b))',
		'CREATE TABLE two.promoted (a int NOT NULL, b int, UNIQUE KEY (a))', "CREATE TABLE two.`it's ``odd` (`a``b` int PRIMARY KEY, v $json, l longtext)",
		q{CREATE TABLE two.latin (id int PRIMARY KEY, e enum('x','\'y') DEFAULT 'x', v varchar(9)) CHARACTER SET latin1},
		q{INSERT INTO one.`case` VALUES (1, 2)}, q{INSERT INTO one.`CASE` VALUES ('u', 1)}, q{INSERT INTO one.swapped VALUES (1, 2, 3, 4)},
		q{INSERT INTO two.promoted VALUES (1, 2)}, q{INSERT INTO two.`it's ``odd` VALUES (1, '{"a": 1}', 'l')}, q{INSERT INTO two.latin VALUES (1, '\'y', 'z')});
	return;
}

# The columns of a replica's key, in their order; '' without one.
sub key_of
{
	my ($schema, $table) = @_;
	return $cluster->value(q{SELECT coalesce((SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM pg_index i
			CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		WHERE i.indisprimary AND i.indrelid = format('%I.%I', $1::text, $2::text)::regclass), '')}, $schema, $table);
}

for my $flavour (qw(mariadb mariadb118 mysql56 mysql97))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1 unless CdcIngest::Server->available($flavour);
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			make_tables($source, $flavour);
			my $proxy = CdcIngest::FakeMysql->proxy($source->port);
			# Without TLS, which the proxy does not pass on.
			$cluster->add_source($flavour, $proxy->port,
				$flavour eq 'mysql97' ? (server_public_key => $source->dir . '/data/public_key.pem') : ());
			$proxy->queries;
			$cluster->subscribe($flavour, $flavour, $flavour, tables => [ 'one.*', 'two.*' ]);
			my @queries = grep { $_->[0] !~ /^(?:SET|SHOW SESSION)/ } $proxy->queries;
			is($cluster->value('SELECT count(*) FROM cdc.subscription_table WHERE subscription = ?', $flavour), $PLAIN + 6, 'all tables are known');
			cmp_ok(scalar @queries, '<', 40, 'the source was asked ' . @queries . ' questions, not one a table')
			  or diag map { substr($_->[0], 0, 100) . "\n" } @queries;
			$cluster->catch_up($flavour);
			$cluster->compare_ok($source, $_, $flavour, "the rows of database $_") for qw(one two);
			is(key_of($flavour, 'swapped'), 'c,a', 'a key in its order, which is not that of the columns');
			is(key_of($flavour, 'CASE') . ' ' . key_of($flavour, 'case'), 'id,upper_one id', 'two tables whose names differ in case');
			is(key_of($flavour, 'promoted'), '', 'a unique index is no primary key');
			is($cluster->value(q{SELECT string_agg(c->>'name', ',') FROM cdc_catalog.table_version, jsonb_array_elements(columns) c
					WHERE subscription = $1 AND source_table = 'two.it''s `odd' AND (c->>'json_check')::boolean}, $flavour),
				$flavour =~ /^mariadb/ ? 'v' : undef, 'JSON, and longtext that is none');
			is($cluster->value(q{SELECT table_collation FROM cdc_catalog.table_version WHERE subscription = $1 AND source_table = 'two.latin'}, $flavour),
				'latin1_swedish_ci', 'a table has its own collation');
			$cluster->call('drop_subscription', name => $flavour);
			$source->kill9;
		};
	}
}
done_testing();
