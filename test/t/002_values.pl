# Every type at its extremes: the replica holds what the source holds, and an
# event is the same whether it came by the initial copy or from the binlog.
#
# Takes 55 s.
use strict;
use warnings;
use utf8;

use Encode ();
use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;
use CdcIngest::Values qw(make_tables fill same_ok);

my $cluster = CdcIngest::Cluster->new('values');
for my $flavour (qw(mariadb mysql56 mysql97))
{
	my @variants = $flavour eq 'mysql56' ? ('none') : $flavour eq 'mariadb' ? qw(FULL NO_LOG) : qw(FULL MINIMAL);
	for my $metadata (@variants)
	{
	  SKIP:
		{
			if (!CdcIngest::Server->available($flavour))
			{
				skip 'mysql97 cannot be had here', 1 if $flavour eq 'mysql97';
				die "$flavour is not installed" if ($ENV{CDC_TEST_SID} // 'x') ne '';
				last SKIP;
			}
			subtest "$flavour, row metadata $metadata" => sub {
				my $source = CdcIngest::Server->new($flavour, metadata => $metadata,
					args => [ '--max-allowed-packet=64M', $flavour eq 'mysql97' ? () : '--innodb-strict-mode=OFF' ]);
				my @tables = make_tables($source);
				fill($source, 'copied', @tables);
				my $id = lc "${flavour}_$metadata";
				$cluster->add_source($id, $source);
				$cluster->subscribe($id, $id, $id, tables => ['v.*']);
				$cluster->catch_up($id);
				fill($source, 'streamed', @tables);
				$cluster->catch_up($id);

				my $history = $cluster->history_of($id);
				same_ok($cluster, $source, $id, $id, @tables);

				# Geometry is compared by its bytes behind the SRID: the server's own WKB?
				my ($geometry) = map { "v.$_->[0]_copied" } grep { $_->[1] eq 'geometry' } @tables;
				is($source->value("SELECT count(*) FROM $geometry WHERE SUBSTR(HEX(c), 9) <> HEX(ST_AsWKB(c)) AND ST_SRID(c) <> 4326"),
					0, 'geometry: EWKB is what ST_AsWKB() says');
				$cluster->do("CREATE TABLE $id.wkt (id int PRIMARY KEY, before_it int, c text, after_it text)");
				$cluster->do("SELECT cdc.replay('$id', '$geometry', '$id.wkt')");
				is($cluster->value("SELECT string_agg(c, ' ' ORDER BY id) FROM $id.wkt WHERE id IN (1, 4)"),
					'POINT (1 -2.5) MULTIPOINT ((1 1), (2 2))', '... and WKT in a target of text');

				# What the events look like is a contract of its own (Maxwell's format).
				my %printed = (
					'tinyint unsigned' => [ 1 => '255' ],
					'bigint unsigned' => [ 1 => '18446744073709551615' ],
					'bit(64)' => [ 1 => '18446744073709551615' ],
					'int unsigned zerofill' => [ 1 => '4294967295' ],
					'decimal(10,2)' => [ 1 => '1.10' ],
					'geometry' => [ 8 => $flavour eq 'mysql97' ? '"POINT (20 10)"' : '"POINT (10 20)"' ],
					'blob' => [ 2 => '""' ],
					'binary(6)' => [ 1 => '"YQAAAAAA"' ],
					'date' => [ 5 => '"0000-00-00"' ],
					'time' => [ 2 => '"-838:59:59"' ],
					'datetime(3)' => [ 1 => '"2024-12-31 23:59:59.999"' ],
					'timestamp(6) NULL' => [ 1 => '"2038-01-19 03:14:07.999999"' ],
					"set('a','b','it''s','ü')" => [ 3 => '["a", "ü"]' ],
					"enum('a','it''s','x,y','ü','')" => [ 6 => '""' ],
					'year' => [ 1 => '1901' ]);
				for my $type (sort keys %printed)
				{
					my ($table) = grep { $_->[1] eq $type } @tables;
					my ($row, $text) = @{ $printed{$type} };
					is($cluster->value("SELECT event->'data'->'c' FROM $history
							WHERE source_table = 'v.$table->[0]_streamed' AND op = 'c' AND event->'data'->>'id' = '$row'"),
						$text, Encode::encode('UTF-8', "$type in JSON"));
				}
				$cluster->call('drop_subscription', name => $id);
				$source->kill9;
			};
		}
	}
}

done_testing();
