# Dates that PostgreSQL does not have, in keys and in columns that cannot be NULL: by
# default 0000-00-00 becomes -infinity there, so that copy, update and delete find the row.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('zero_keys');

# The rows of a table, as the source has them and as the replica has them, in the same words.
sub source_rows
{
	my ($source, $table) = @_;
	return join ' ', map { join '/', @$_ } @{
		$source->dbh->selectall_arrayref(
			"SELECT CASE WHEN d = 0 THEN '-infinity' ELSE d END, CASE WHEN t = 0 THEN '-infinity' ELSE t END,
			        n, coalesce(x, 'NULL') FROM $table ORDER BY n") };
}

sub replica_rows
{
	my ($table) = @_;
	return join ' ', map { join '/', @$_ } @{
		$cluster->rows("SELECT d, t, n, coalesce(x::text, 'NULL') FROM $table ORDER BY n") };
}

for my $flavour (qw(mariadb mysql56 mysql97))
{
  SKIP:
	{
		skip "$flavour cannot be had here", 1
		  if !CdcIngest::Server->available($flavour) && $flavour eq 'mysql97';
		subtest $flavour => sub {
			my $source = CdcIngest::Server->new($flavour);
			my $dbh = $source->dbh;
			$dbh->do(q{SET sql_mode = ''});
			$dbh->do('CREATE DATABASE z');
			$dbh->do("CREATE TABLE z.$_ (d date NOT NULL, t datetime NOT NULL, n int NOT NULL, x int, PRIMARY KEY (d, t, n))")
			  for qw(a other);
			$dbh->do("INSERT INTO z.a VALUES ('0000-00-00', '2020-01-01', 1, 1), ('2020-01-01', '0000-00-00', 2, 2),
				('0000-00-00', '0000-00-00', 3, 3), ('2020-02-02', '2020-02-02 02:02:02', 4, 4)");
			$cluster->add_source($flavour, $source);
			$cluster->subscribe($flavour, $flavour, $flavour, tables => ['z.*']);
			$cluster->catch_up($flavour);
			is(replica_rows("$flavour.a"), source_rows($source, 'z.a'), 'copied');

			$dbh->do($_) for "INSERT INTO z.a VALUES ('0000-00-00', '0000-00-00', 5, 5), ('0000-00-00', '2021-01-01', 6, 6)",
			  "UPDATE z.a SET x = 10 WHERE n = 1", "UPDATE z.a SET d = '2022-02-02', t = 0 WHERE n = 3",
			  "UPDATE z.a SET d = 0 WHERE n = 4", "DELETE FROM z.a WHERE n IN (2, 5)";
			$cluster->catch_up($flavour);
			is(replica_rows("$flavour.a"), source_rows($source, 'z.a'), 'inserted, updated, deleted');

			# A column that cannot be NULL although it is in no key.
			$cluster->do("ALTER TABLE $flavour.other ADD UNIQUE (n)",
				"ALTER TABLE $flavour.other DROP CONSTRAINT other_pkey",
				"ALTER TABLE $flavour.other ALTER COLUMN x SET NOT NULL");
			$dbh->do("INSERT INTO z.other VALUES (0, 0, 1, 1)");
			$cluster->catch_up($flavour);
			is(replica_rows("$flavour.other"), source_rows($source, 'z.other'), 'columns that are not NULL');

			# Two of them would become one.
			$dbh->do("INSERT INTO z.a VALUES ('2020-00-00', '2020-01-01', 7, 7)");
			$cluster->poll("SELECT last_error LIKE '%2020-00-00%' FROM cdc.stat_subscription WHERE subscription = '$flavour'", 1);
			pass('... and is an error');
			$cluster->call('drop_subscription', name => $flavour);
			$source->kill9;
		};
	}
}

done_testing();
