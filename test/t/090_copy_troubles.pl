# Copies that meet trouble at their source: several of them on a server that shows its
# transactions to one at a time only, tables that cannot be read to their end.
#
# Takes 30 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(sleep time);
use CdcIngest::Cluster;
use CdcIngest::FakeMysql;
use CdcIngest::File qw(slurp);
use CdcIngest::Process qw(fork_child end_process wait_until);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('troubles');

sub make_numbers
{
	my ($source, $database) = @_;
	$source->do("CREATE DATABASE $database CHARACTER SET utf8mb4", "CREATE TABLE $database.seq (i int PRIMARY KEY)",
		"INSERT INTO $database.seq VALUES " . join(', ', map { "($_)" } 0 .. 99));
	return;
}

# Each asks which transactions are open, and whoever asks keeps the others from an answer
# that is new.
subtest 'several copies of one MySQL 5.6' => sub {
	my $source = CdcIngest::Server->new('mysql56', args => ['--innodb-flush-log-at-trx-commit=2']);
	make_numbers($source, 'many');
	$source->do('CREATE TABLE many.rows (id int PRIMARY KEY, v varchar(200) NOT NULL)',
		'INSERT INTO many.rows SELECT 100 * a.i + b.i, REPEAT("x", 100) FROM many.seq a, many.seq b',
		'CREATE TABLE many.plain (v int)', 'INSERT INTO many.plain SELECT i FROM many.seq');
	$cluster->add_source('many', $source);
	my $writer = fork_child(sub {
		my $dbh = $source->connect;
		while (1) { $dbh->do('UPDATE many.rows SET v = ' . int(rand 1e6) . ' WHERE id = ' . int rand 10000) for 1 .. 10; sleep 0.5 }
	});
	my $monitor = fork_child(sub {
		my $dbh = $source->connect;
		while (1) { $dbh->selectall_arrayref('SELECT * FROM information_schema.INNODB_TRX'); sleep 0.25 }
	});
	for my $round ('taking turns', 'with the lock kept by somebody')
	{
		my $at = -s $cluster->node->logfile;
		my $other = $source->connect;
		$other->do(q{DO GET_LOCK('cdc_ingest reads INNODB_TRX', 0)}) if $round ne 'taking turns';
		my $n = $round eq 'taking turns' ? 5 : 2;
		my $began = time;
		$cluster->subscribe("many$_", 'many', "many$_", tables => ['many.*'], options => '{"copy_chunk_time": "20ms"}') for 1 .. $n;
		$cluster->catch_up("many$_") for 1 .. $n;
		note sprintf '%d copies, %s: %.1f s', $n, $round, time - $began;
		unlike(substr(slurp($cluster->node->logfile), $at), qr/waits for its source|cannot join the binlog/, "$n copies, $round: none had to give up");
		$cluster->compare_ok($source, 'many', "many$_", "copy $_ is the same", except => ['rows']) for 1 .. $n;
		$cluster->call('drop_subscription', name => "many$_", drop_history => \'true') for 1 .. $n;
		$cluster->do(map { "DROP SCHEMA many$_ CASCADE" } 1 .. $n);
		is($source->value(q{SELECT IS_FREE_LOCK('cdc_ingest reads INNODB_TRX')}), 1, 'nobody keeps the lock') if $round eq 'taking turns';
		$other->disconnect;
	}
	end_process($_) for $writer, $monitor;
	$source->stop('KILL');
};

sub state_of { my ($table) = @_; return $cluster->value(q{SELECT state::text || coalesce(' ' || last_error, '') FROM cdc.subscription_table WHERE source_table = ?}, $table) }

# What a table's error says to type.
sub remedy { my ($error) = @_; my ($sql) = $error =~ /(SELECT cdc[.]resync_table\(.*?\));/ or die "no remedy in: $error"; return $sql }

# What stands in the way of one table's rows is that table's trouble: the others are copied,
# and their changes come.
subtest 'tables that cannot be read to their end' => sub {
	my $source = CdcIngest::Server->new('mariadb', args => ['--innodb-flush-log-at-trx-commit=2']);
	my $proxy = CdcIngest::FakeMysql->proxy($source->port);
	make_numbers($source, 'bad');
	for my $table (qw(good cond some beside crashed words gone))
	{
		# rows of MyISAM that are not all of one length say so when they are damaged
		my $engine = $table eq 'crashed' ? ', v varchar(50) DEFAULT "some") ENGINE = MyISAM' : ') ENGINE = InnoDB';
		$source->do("CREATE TABLE bad.$table (id int PRIMARY KEY, n int, u bigint unsigned$engine",
			"INSERT INTO bad.$table (id, n, u) SELECT 100 * a.i + b.i, b.i, IF(a.i = 80, 0, 7) FROM bad.seq a, bad.seq b");
	}
	$source->do('CREATE TABLE bad.keyless (n int, u bigint unsigned)', 'INSERT INTO bad.keyless SELECT n, u FROM bad.cond', 'FLUSH TABLES');
	my $file = "$source->{dir}/data/bad/crashed.MYD";
	my $sound = slurp($file);
	my $broken = $sound;
	substr($broken, length($sound) / 2, length($sound) / 4) = "\xa5" x (length($sound) / 4);
	my $write = sub { open my $f, '+<', $file or die "$file: $!"; binmode $f; print {$f} $_[0]; close $f or die; return };
	$write->($broken);

	$cluster->add_source('bad', $proxy->port);
	$cluster->subscribe('bad', 'bad', 'bad', tables => [ 'bad.good', 'bad.some' ], options => '{"copy_chunk_time": "10ms"}');
	$cluster->catch_up('bad');
	$proxy->falsify('words', qr/SELECT `id`.*FROM `bad`.`words`.*`id` > /s);
	my $add = sub { my ($table, %how) = @_; return $cluster->call('add_table', subscription => 'bad', source_table => "bad.$table", %how) };
	$add->('cond', copy_where => 'u - 1 < 100');
	$add->('keyless', copy_where => 'u - 1 < 100');
	$add->('beside', copy_where => 'u - 1 < 100', options => '{"copy_history": false}');
	$add->('crashed');
	$add->('words');
	$cluster->call('resync_table', subscription => 'bad', source_table => 'bad.some', where_clause => 'u - 1 < 100');
	my %says = (
		cond => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		keyless => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		beside => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		some => qr/^e the source cannot read its rows by the condition of its copy: .*out of range/,
		crashed => qr/^e .*(?:crashed|Incorrect key file|storage engine)/,
		words => qr/^e column "id" has a value that cannot be copied: /);
	for my $table (sort keys %says)
	{
		ok(wait_until(60, sub { state_of("bad.$table") =~ /^e/ }), "$table is in error") or diag $cluster->state_of('bad');
		like(state_of("bad.$table"), $says{$table}, '... and says why');
	}
	$source->do('UPDATE bad.good SET n = n + 1 WHERE id < 500');
	$cluster->catch_up('bad');
	$cluster->compare_ok($source, 'bad', 'bad', 'the other table is the same', only => ['good']);
	is($cluster->value(q{SELECT coalesce(sum(failures), 0) FROM cdc.subscription_failure WHERE subscription = 'bad'}), 0, '... and no worker has failed');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'bad' AND kind = 'error'}), 0, '... at any time');

	# What the errors say helps, when the reason is gone.
	$proxy->falsify(undef);
	$source->do('FLUSH TABLES bad.crashed');
	$write->($sound);
	$source->do('FLUSH TABLES bad.crashed', 'REPAIR TABLE bad.crashed', map { "UPDATE bad.$_ SET n = n + 1 WHERE id % 7 = 0" } qw(cond some beside words));
	$cluster->do(remedy(state_of("bad.$_"))) for sort keys %says;
	$cluster->catch_up('bad');
	is($cluster->value(q{SELECT string_agg(DISTINCT state::text, '') FROM cdc.subscription_table WHERE subscription = 'bad'}), 'r', 'then all are ready');
	$cluster->compare_ok($source, 'bad', 'bad', '... and the same', except => [qw(gone seq)]);
	$cluster->history_ok('bad');

	# Dropped while it is copied: some of its rows are there.
	$cluster->call('disable_subscription', name => 'bad');
	$add->('gone');
	$cluster->value(q{SELECT cdc.pull('bad', 1)}) while $cluster->value(q{SELECT coalesce(sum(rows), 0) FROM cdc_catalog.copy_progress WHERE source_table = 'bad.gone'}) == 0;
	is(state_of('bad.gone'), 'd', 'a table is copied');
	$source->do('DROP TABLE bad.gone', 'UPDATE bad.good SET n = n + 1 WHERE id < 500');
	$cluster->call('enable_subscription', name => 'bad');
	$cluster->catch_up('bad');
	is(state_of('bad.gone'), 'r', 'dropped in the middle: nothing more is copied');
	is($cluster->value(q{SELECT count(*) FROM cdc.log WHERE subscription = 'bad' AND message = 'source table bad.gone is gone before its copy was complete'}), 1, '... and cdc.log says so');
	$cluster->compare_ok($source, 'bad', 'bad', 'the others are the same', except => [qw(gone seq)]);
	$source->do('CREATE TABLE bad.gone LIKE bad.good', 'INSERT INTO bad.gone SELECT * FROM bad.good WHERE id >= 5000');
	$cluster->catch_up('bad');
	$cluster->compare_ok($source, 'bad', 'bad', 'made again: it has the new rows', except => ['seq']);
	$cluster->call('drop_subscription', name => 'bad', drop_history => \'true');
	$proxy->stop;
	$source->stop('KILL');
};

done_testing();
