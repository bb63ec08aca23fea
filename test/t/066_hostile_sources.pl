# What a source says of itself and does not keep, sends without an end, or puts into names
# and texts that people read: an error that says so, within a bound.
#
# Takes 40 s.
use strict;
use warnings;
use utf8;

use Test::More;
use Time::HiRes qw(time);
use CdcIngest::Cluster;
use CdcIngest::File qw(slurp);
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mysql97', gtid => 1);
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id int PRIMARY KEY, v varchar(200))', 'CREATE TABLE shop.other (id int PRIMARY KEY)', "INSERT INTO shop.a VALUES (1, 'one')");
my $cluster = CdcIngest::Cluster->new('hostile_sources');
$cluster->add_source('shop', $source);

sub log_text { return slurp($cluster->{node}->logfile) }

# --- GTIDs that the source says it has executed, and does not send: the stream, which is open,
#     hears heartbeats only, as from a replica without log_replica_updates
$cluster->subscribe('s', 'shop', 'shop', tables => ['shop.a'], enabled => 'false');
my $dbh = $cluster->dbh;
$dbh->do(q{SELECT cdc.pull('s')});
$source->do("UPDATE shop.a SET v = 'uno'");
is($dbh->selectrow_array(q{SELECT cdc.pull('s')}), 1, 'a stream');
$source->do(q{SET GLOBAL gtid_purged = '+aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:1-5'});
my $began = time;
like($cluster->error_of(q{SELECT cdc.pull('s')}, $dbh),
	qr/does not send what it says it has.*aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:1-5.*log_replica_updates.*check_server\('shop'\)/s,
	'what does not come is an error');
cmp_ok(time - $began, '<', 30, '... in time');

# --- statements that cannot be followed: a WARNING where cdc.log has a new row, without values
$cluster->subscribe('w', 'shop', undef, tables => ['shop.other'], copy_data => 'false');
$cluster->poll(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'w'}, 'streaming');
my $session = $source->connect;
$session->do(q{SET SESSION binlog_format = 'STATEMENT'});
for my $i (2 .. 13)
{
	$session->do("INSERT INTO shop.a VALUES ($i, 'secret-of-a-row')");
	$cluster->poll("SELECT count(*) + sum(repeats) >= $i - 1 FROM cdc.log WHERE subscription = 'w' AND kind = 'statement_dml'", 1);
}
my $warnings = () = log_text() =~ /WARNING: .*wrote row changes as statements/g;
is($warnings, 1, 'one WARNING for 12 statements');
unlike(log_text(), qr/secret-of-a-row/, 'values of rows do not come to the log of the server');
like($cluster->value(q{SELECT detail FROM cdc.log WHERE subscription = 'w' AND kind = 'statement_dml'}), qr/secret-of-a-row/, 'cdc.log has the statement');

# --- names and texts with control characters
$cluster->do(qq{CREATE SERVER evil FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers E'127.0.0.1\\x1b[31m\\x07:9', connect_timeout '2s')});
my $told = join "\n", map { map { $_ // '' } @$_ } @{ $dbh->selectall_arrayref(q{SELECT * FROM cdc.check_server('evil')}) };
like($told, qr/127\.0\.0\.1/, 'check_server quotes what librdkafka says');
unlike($told, qr/[\x00-\x08\x0b-\x1f\x7f]/, '... and no control character of it');
$source->do("CREATE TABLE shop.`b\e[5m` (id int PRIMARY KEY, `n\e]0;pwn\a\nFAKE` int)", "INSERT INTO shop.`b\e[5m` VALUES (1, 2)");
$cluster->do('CREATE TABLE public.b (id int PRIMARY KEY)');
$cluster->subscribe('esc', 'shop', undef, tables => ["shop.b\e[5m"], enabled => 'false', copy_data => 'false');
$cluster->do(qq{SELECT cdc.remove_table('esc', E'shop.b\\x1b[5m')});
my $add = q{SELECT cdc.add_table('esc', E'shop.b\\x1b[5m', 'public.b', copy_data => false)};
my $error = $cluster->error_of($add);
like($error, qr/b\?\[5m.*n\?\]0;pwn\?/s, 'an error about names');
unlike($error, qr/[\x00-\x08\x0b-\x1f\x7f]/, '... has no control character');
$cluster->do(q{ALTER TABLE public.b ADD COLUMN U&"n\001b]0;pwn\0007\000aFAKE" int CHECK (U&"n\001b]0;pwn\0007\000aFAKE" > 2)}, $add);
$cluster->do(q{SELECT cdc.enable_subscription('esc')});
$cluster->poll(q{SELECT state FROM cdc.stat_subscription WHERE subscription = 'esc'}, 'streaming');
$source->do("INSERT INTO shop.`b\e[5m` VALUES (2, 2)");
$cluster->poll(q{SELECT count(*) > 0 FROM cdc.subscription_failure WHERE subscription = 'esc' AND last_error LIKE '%pwn%'}, 1);
unlike($cluster->value(q{SELECT last_error FROM cdc.subscription_failure WHERE subscription = 'esc' AND last_error LIKE '%pwn%'}), qr/[\x00-\x08\x0b-\x1f\x7f]/, 'nor has last_error');
unlike(log_text(), qr/[\x00-\x08\x0b-\x1f\x7f]/, 'nor has the log of the server');

done_testing();
