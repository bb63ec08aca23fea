# Generated columns: a replica has those that the source's row images always have,
# and no image leaves a stale value behind.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('generated');

# What a replica of (id, a, v virtual, s stored, x) is made with.
my %made = (
	mariadb => 'id a v s x',
	mysql97 => 'id a v s x',
	mariadb118 => 'id a x');

sub columns_of
{
	my ($relation) = @_;
	return $cluster->value(q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = ?::regclass AND attnum > 0 AND NOT attisdropped}, $relation);
}

sub changes
{
	my ($source, $database, $image) = @_;
	my $dbh = $source->connect;
	$dbh->do("SET binlog_row_image = $image") if $image;
	$dbh->do($_) for "INSERT INTO $database.g (id, a, x) VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)",
	  "UPDATE $database.g SET a = 7 WHERE id = 1", "UPDATE $database.g SET x = 9 WHERE id = 2",
	  "UPDATE $database.g SET id = 4 WHERE id = 1", "DELETE FROM $database.g WHERE id = 3";
	return;
}

for my $flavour (qw(mariadb mysql97 mariadb118))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1
		  if $flavour ne 'mariadb' && !CdcIngest::Server->available($flavour);
		subtest $flavour => sub { generated($flavour) };
	}
}
done_testing();

sub generated
{
	my ($flavour) = @_;
	my $source = CdcIngest::Server->new($flavour);
	my $columns = 'id int PRIMARY KEY, a int, v int AS (a * 2) VIRTUAL, s int AS (a * 3) STORED, x int';
	$source->do("CREATE DATABASE $flavour", "CREATE TABLE $flavour.g ($columns)",
		"INSERT INTO $flavour.g (id, a, x) VALUES (10, 5, 5)");
	$cluster->add_source($flavour, $source);
	$cluster->do("CREATE SCHEMA $flavour");
	my $said = $cluster->notices_of($cluster->call_sql('create_subscription', name => $flavour, server => $flavour,
			tables => ["$flavour.*"], target_schema => $flavour, enabled => \'false'));
	is(columns_of("$flavour.g"), $made{$flavour}, 'a replica has the columns that are logged');
	if ($flavour eq 'mariadb118') { like($said, qr/without the generated columns "v", "s"/, '... a NOTICE names the others') }
	else { unlike($said, qr/generated/, '... all of them') }

	my $follow = sub { $cluster->do("SELECT cdc.pull('$flavour')", "SELECT * FROM cdc.apply('$flavour')") };
	my %except = (only => ['g'], except_generated => $flavour eq 'mariadb118');
	$follow->();
	changes($source, $flavour, 'FULL');
	$follow->();
	$cluster->compare_ok($source, $flavour, $flavour, 'images FULL', %except);

	# A session may choose another image: then there is no telling.
	# (MariaDB's updates of keys are told from REPLACE by their statements, which a new dump
	# asks for where images may lack columns.)
	$source->do("DELETE FROM $flavour.g", 'SET GLOBAL binlog_row_image = MINIMAL');
	$cluster->forget;
	changes($source, $flavour, 'MINIMAL');
	$cluster->do("SELECT cdc.pull('$flavour')");
	if ($flavour ne 'mariadb118')
	{
		my $error = $cluster->error_of("SELECT * FROM cdc.apply('$flavour')");
		like($error, qr/lacks generated column "v"/, 'a virtual column that an image lacks is an error');
		like($error, qr/ALTER TABLE $flavour\.g DROP COLUMN v;/, '... with what to type');
		$cluster->do("ALTER TABLE $flavour.g DROP COLUMN v",
			"ALTER TABLE $flavour.g ADD COLUMN v integer GENERATED ALWAYS AS (a * 2) STORED");
	}
	$cluster->do("SELECT * FROM cdc.apply('$flavour')");
	$cluster->compare_ok($source, $flavour, $flavour, 'images MINIMAL', %except);

	# A target that was made by hand: stored columns that updates lack.
	return if $flavour ne 'mariadb118';
	$cluster->do("ALTER TABLE $flavour.g ADD COLUMN s integer");
	$source->do("DELETE FROM $flavour.g");
	changes($source, $flavour, 'FULL');
	$cluster->do("SELECT cdc.pull('$flavour')");
	like($cluster->error_of("SELECT * FROM cdc.apply('$flavour')"), qr/lacks generated column "s"/,
		'a stored column that an update lacks is an error');
	$cluster->do("ALTER TABLE $flavour.g DROP COLUMN s", "SELECT * FROM cdc.apply('$flavour')");
	$cluster->compare_ok($source, $flavour, $flavour, 'without it they are identical', %except);

	# What a replica has under the name of a column that no image has: values of before, which get
	# out of the way, or what PostgreSQL computes.
	$source->do(map { ("CREATE TABLE $flavour.$_ (id int PRIMARY KEY, a int, v int)", "INSERT INTO $flavour.$_ VALUES (1, 2, 3)") } qw(once twice own));
	$follow->();
	$source->do("ALTER TABLE $flavour.once DROP v, ADD v int AS (a * 2) VIRTUAL", map { "ALTER TABLE $flavour.$_ DROP v" } qw(twice own));
	$follow->();
	$cluster->do("ALTER TABLE $flavour.own DROP COLUMN v", "ALTER TABLE $flavour.own ADD COLUMN v integer GENERATED ALWAYS AS (a * 2) STORED");
	$source->do(map { ("ALTER TABLE $flavour.$_ ADD v int AS (a * 2) STORED", "INSERT INTO $flavour.$_ (id, a) VALUES (2, 5)") } qw(twice own));
	$follow->();
	is(join(', ', map { columns_of("$flavour.$_") } qw(once twice own)), 'id a v_dropped, id a v_dropped, id a v', 'none shows what the source does not have');
	$cluster->compare_ok($source, $flavour, $flavour, '... and the rest is equal', only => [qw(once twice own)]);
	$source->kill9;
	return;
}
