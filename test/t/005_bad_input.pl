# Wrong settings, wrong sources, awkward tables: each gets a clear error or NOTICE
# with what to do, the rest goes on, the database never goes down.
use strict;
use warnings;
use utf8;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Process qw(free_port);
use CdcIngest::Server;

my $cluster = CdcIngest::Cluster->new('bad');
my $source = CdcIngest::Server->new('mariadb');
$source->do('CREATE DATABASE shop CHARACTER SET utf8mb4', 'CREATE TABLE shop.good (id int PRIMARY KEY, v text)',
	"INSERT INTO shop.good VALUES (1, 'one')");

# What check_server says is wrong, with its hint.
sub check
{
	my ($server) = @_;
	return join "\n", map { join ' | ', map { $_ // '' } @$_ }
	  @{ $cluster->rows('SELECT check_name, detail, hint FROM cdc.check_server(?) WHERE NOT ok', $server) };
}

sub create_error
{
	my ($server, %arguments) = @_;
	return $cluster->error_of($cluster->call_sql('create_subscription', name => 'x', server => $server,
			tables => ['shop.*'], target_schema => 'x', enabled => \'false', %arguments))
	  || $cluster->error_of(q{SELECT cdc.pull('x')});
}

sub forget_x
{
	eval { $cluster->call('drop_subscription', name => 'x', drop_history => \'true'); };
	$cluster->do('DROP SCHEMA IF EXISTS x CASCADE', 'CREATE SCHEMA x');
	return;
}

$cluster->do('CREATE SCHEMA x');

# --- the connection
$cluster->add_source('wrong_password', $source, password => 'wrong');
like(create_error('wrong_password'), qr/Access denied.*user mapping/si, 'wrong password: what the source says, and where to mend it');
like(check('wrong_password'), qr/Access denied/i, '... check_server, too');
unlike(check('wrong_password'), qr/'wrong'/, '... without the password');
forget_x();
$cluster->add_source('unknown_host', $source, host => 'no-such-host.invalid');
like(create_error('unknown_host'), qr/no-such-host\.invalid/, 'unknown host');
forget_x();
$cluster->add_source('nobody_there', free_port());
like(create_error('nobody_there'), qr/127\.0\.0\.1.*(refused|connect)/si, 'nobody listens');
forget_x();
$cluster->do(q{CREATE SERVER unmapped FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '} . $source->port . q{')});
like(create_error('unmapped'), qr/user mapping.*CREATE USER MAPPING/s, 'no user mapping');
forget_x();
like(create_error('nonexistent'), qr/server "nonexistent" does not exist/, 'no such server');
forget_x();
$cluster->add_source('no_tls', $source, ssl_mode => 'REQUIRED');
like(create_error('no_tls'), qr/SSL|TLS/, 'TLS required, the source has none');
forget_x();

# --- the source's settings
{
	my $off = CdcIngest::Server->new('mariadb', binlog => 0);
	$off->do('CREATE DATABASE shop', 'CREATE TABLE shop.good (id int PRIMARY KEY)');
	$cluster->add_source('binlog_off', $off);
	like(create_error('binlog_off'), qr/binary log|binlog|log_bin/i, 'binlog off');
	like(check('binlog_off'), qr/log[-_]bin/, '... check_server says what to set');
	forget_x();
	$off->kill9;

	my $statement = CdcIngest::Server->new('mariadb', format => 'STATEMENT');
	$statement->do('CREATE DATABASE shop', 'CREATE TABLE shop.good (id int PRIMARY KEY)');
	$cluster->add_source('statement', $statement);
	like(check('statement'), qr/binlog_format.*ROW/s, 'STATEMENT format: check_server says what to set');
	my $create = $cluster->call_sql('create_subscription', name => 'x', server => 'statement', tables => ['shop.*'], target_schema => 'x', enabled => \'false');
	my $grant = qr/GRANT SHOW VIEW, TRIGGER ON \*\.\*/;
	like(check('statement'), qr/^privilege show view, trigger .*$grant/m, '... and what it takes to see what views and triggers change');
	like($cluster->notices_of($create), qr/binlog_format is STATEMENT.*SET GLOBAL binlog_format.*$grant/s, '... and so does creation');
	forget_x();
	$statement->do("GRANT SHOW VIEW, TRIGGER ON *.* TO $CdcIngest::Server::CDC_USER\@'127.0.0.1'");
	unlike(check('statement'), qr/show view/, '... until it is granted');
	my $told = $cluster->notices_of($create);
	like($told, qr/binlog_format is STATEMENT/, '... where creation warns of the format');
	unlike($told, qr/SHOW VIEW/, '... alone');
	forget_x();
	$statement->kill9;
}
{
	my $dbh = $source->dbh;
	$dbh->do(q{CREATE USER poor@'127.0.0.1' IDENTIFIED BY 'poor'});
	$dbh->do(q{GRANT SELECT ON shop.* TO poor@'127.0.0.1'});
	$cluster->add_source('poor', $source, user => 'poor', password => 'poor');
	like(create_error('poor'), qr/REPLICATION (?:SLAVE|CLIENT)|BINLOG MONITOR/, 'missing privilege: named');
	like(check('poor'), qr/GRANT .*REPLICATION/s, '... check_server has the GRANT');
	forget_x();
	$dbh->do(q{CREATE USER blind@'127.0.0.1' IDENTIFIED BY 'blind'});
	$dbh->do(q{GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO blind@'127.0.0.1'});
	$cluster->add_source('blind', $source, user => 'blind', password => 'blind');
	like(create_error('blind'), qr/SELECT|no table|denied/, 'without SELECT');
	forget_x();
}

# --- a good subscription, beside which all the rest goes wrong
$cluster->add_source('shop', $source);
$cluster->subscribe('good', 'shop', 'good', tables => ['shop.*']);
$cluster->catch_up('good');
my $started = $cluster->value('SELECT pg_postmaster_start_time()');

sub good_flows
{
	my ($what) = @_;
	my $id = $source->value('SELECT max(id) + 1 FROM shop.good');
	$source->do("INSERT INTO shop.good VALUES ($id, 'still')");
	eval { $cluster->catch_up('good'); 1 } or diag $@;
	is($cluster->value("SELECT count(*) FROM good.good WHERE id = $id"), 1, "$what: the rest goes on");
	return;
}

# --- names
my $awkward = q{we"ird 'tab` le; ünï.ço漢é};
my $quoted = $awkward =~ s/`/``/gr;
my $dbh = $source->dbh;
$dbh->do("CREATE TABLE shop.`$quoted` (`k\"ey ' ü` int PRIMARY KEY, `select` text, `a.b` int, `CamelCase` int, ctid_ int)");
$dbh->do("INSERT INTO shop.`$quoted` VALUES (1, 'q', 2, 3, 4)");
$dbh->do("UPDATE shop.`$quoted` SET `k\"ey ' ü` = 5, `CamelCase` = 9");
good_flows('awkward names');
$cluster->compare_ok($source, 'shop', 'good', 'a table with quotes, spaces and Unicode in its names', only => [$awkward]);

my $long = 'ä' x 60;    # 120 bytes
$dbh->do("CREATE TABLE shop.`$long` (id int PRIMARY KEY, `${long}x` int, short int)");
$dbh->do("INSERT INTO shop.`$long` VALUES (1, 2, 3)");
good_flows('a name longer than 63 bytes');
is($cluster->value("SELECT count(*) FROM " . $cluster->history_of('good') . " WHERE source_table = 'shop.$long' AND op = 'c'"), 1,
	'its events are in history under the whole name');
# Two that become one when cut.
my @twins = map { ('n' x 63) . $_ } qw(a b);
$dbh->do("CREATE TABLE shop.`$_` (id int PRIMARY KEY)") for @twins;
$dbh->do("INSERT INTO shop.`$_` VALUES (1)") for @twins;
good_flows('names that are the same when cut to 63 bytes');
my @mapped = @{ $cluster->rows("SELECT target, state, last_error FROM cdc.subscription_table WHERE source_table LIKE 'shop.nnn%' ORDER BY source_table") };
ok(@mapped == 2 && ($mapped[0][0] // '') ne ($mapped[1][0] // ''), 'are never replicated into one table')
  or diag explain \@mapped;

# --- tables
$dbh->do('CREATE TABLE shop.keyless (a int, b varchar(20))');
$dbh->do("INSERT INTO shop.keyless VALUES (1, 'x'), (1, 'x'), (2, NULL), (2, NULL), (3, 'z')");
$dbh->do("DELETE FROM shop.keyless WHERE a = 1 LIMIT 1");
$dbh->do("UPDATE shop.keyless SET b = 'y' WHERE a = 2 LIMIT 1");
good_flows('a table without primary key');
$cluster->compare_ok($source, 'shop', 'good', 'a table without primary key: duplicates are kept apart', only => ['keyless']);
forget_x();
like($cluster->notices_of($cluster->call_sql('create_subscription', name => 'x', server => 'shop', tables => ['shop.keyless'],
			target_schema => 'x', enabled => \'false')), qr/keyless.*primary key/si, 'a NOTICE tells');
forget_x();

# A charset that iconv does not know.  (One that nobody converts from: 026.)
$dbh->do(q{CREATE TABLE shop.charset (id int PRIMARY KEY, odd varchar(20) CHARACTER SET keybcs2, v int)});
$dbh->do(q{INSERT INTO shop.charset VALUES (1, 'č', 2)});
good_flows('a rare charset');
$cluster->compare_ok($source, 'shop', 'good', 'a rare charset', only => ['charset']);

# --- values
$dbh->do('CREATE TABLE shop.nul (id int PRIMARY KEY, v text)');
$dbh->do(q{INSERT INTO shop.nul VALUES (1, 'fine')});
good_flows('before a NUL');
forget_x();
$cluster->subscribe('nul', 'shop', 'x', tables => ['shop.nul'], copy_data => \'false', enabled => \'false');
$cluster->value(q{SELECT cdc.pull('nul')});
$cluster->call('remove_table', subscription => 'good', source_table => 'shop.nul');
$dbh->do(q{INSERT INTO shop.nul VALUES (2, concat('a', char(0), 'b'))});
my $error = $cluster->error_of(q{SELECT cdc.pull('nul')}) || $cluster->error_of(q{SELECT * FROM cdc.apply('nul')});
like($error, qr/NUL|\\u0000|0x00/, 'a NUL in text is an error');
like($error, qr/shop\.nul/, '... that names the table');
like($error, qr/\bv\b/, '... and the column');
like($error, qr/nul_in_text/, '... and the option');
$cluster->do(q{SELECT cdc.alter_subscription('nul', '{"nul_in_text": "strip"}')});
$cluster->value(q{SELECT cdc.pull('nul')});
$cluster->do(q{SELECT * FROM cdc.apply('nul')});
is($cluster->value('SELECT v FROM x.nul WHERE id = 2'), 'ab', 'unless the user chose to strip it');
is($cluster->value('SELECT count(*) FROM ' . $cluster->history_of('nul') . ' WHERE raw IS NOT NULL'), 1, 'the original bytes are kept');
$cluster->call('drop_subscription', name => 'nul');
good_flows('a NUL in text');

# --- a position that is gone
$cluster->subscribe('purged', 'shop', 'purged', tables => ['shop.good'], enabled => \'false');
$cluster->value(q{SELECT cdc.pull('purged')});
for (1 .. 3)
{
	$source->do("INSERT INTO shop.good SELECT max(id) + 1, 'x' FROM shop.good", 'FLUSH LOGS');
}
$cluster->catch_up('good');
my $now = (split /:/, $source->position)[0];
# The other subscription's connection may hold the file for a moment.
CdcIngest::Process::wait_until(30, sub {
		$source->do("PURGE BINARY LOGS TO '$now'");
		return @{ $source->rows('SHOW BINARY LOGS') } == 1;
	});
$error = $cluster->error_of(q{SELECT cdc.pull('purged')});
like($error, qr/purged|not find|no longer|could not be found/i, 'a purged position is an error');
like($error, qr/hint/i, '... with a hint');
my $seq = $cluster->value(q{SELECT last_seq FROM cdc.subscription_position WHERE subscription = 'purged'});
is($cluster->value('SELECT max(seq) FROM ' . $cluster->history_of('purged')), $seq, '... never a jump');
good_flows('a purged position');
for my $start ('bin.000001:4', 'bin.999999:4', 'nonsense', '0-1-99999999')
{
	forget_x();
	my $error = create_error('shop', start_position => $start, copy_data => \'false', tables => ['shop.good']);
	like($error, qr/\S/, "start_position $start is an error");
}
forget_x();

# --- arguments
for my $case (
	[ { tables => ['nodot'] }, qr/nodot.*dot|pattern/si ],
	[ { tables => [] }, qr/table/ ],
	[ { format => 'xml' }, qr/xml.*maxwell/s ],
	[ { name => '' }, qr/name/ ],
	[ { options => '{"nonsense": 1}' }, qr/nonsense.*batch_events/s ],
	[ { tables => ['nothing.like_this'] }, qr/nothing\.like_this/ ])
{
	my ($arguments, $pattern) = @$case;
	my $said = $cluster->error_of($cluster->call_sql('create_subscription', name => 'x', server => 'shop',
			tables => ['shop.good'], target_schema => 'x', enabled => \'false', %$arguments));
	if (!$said)
	{
		forget_x();
		$said = $cluster->notices_of($cluster->call_sql('create_subscription', name => 'x', server => 'shop',
				tables => ['shop.good'], target_schema => 'x', enabled => \'false', %$arguments));
	}
	like($said, $pattern, 'create_subscription with ' . join ' ', map { "$_ " . (ref $arguments->{$_} ? "[@{$arguments->{$_}}]" : $arguments->{$_}) } keys %$arguments);
	forget_x();
}
like($cluster->error_of($cluster->call_sql('create_subscription', name => 'good', server => 'shop', tables => ['shop.good'])),
	qr/already exists/, 'a name that is taken');

$cluster->compare_ok($source, 'shop', 'good', 'in the end the good table is whole', only => ['good']);
is($cluster->value('SELECT pg_postmaster_start_time()'), $started, 'the database was never down');
done_testing();
