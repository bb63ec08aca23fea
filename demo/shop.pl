#!/usr/bin/perl
# The demo itself; started by demo/run, as an unprivileged user.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin";
use Time::HiRes qw(sleep time);
use CdcIngest::Compare qw(compare_table source_tables);
use CdcIngest::Postgres;
use CdcIngest::Process qw(fork_child end_process is_running);
use CdcIngest::Server;
use ShopLoad;
use View;

my $seconds = $ENV{CDC_DEMO_SECONDS} // 15;    # that the shop is open before and after the kill

$SIG{$_} = sub { print "\ninterrupted\n"; exit 130 } for qw(INT TERM HUP);

sub statements
{
	my ($file, %variables) = @_;
	open my $fh, '<:encoding(UTF-8)', "$FindBin::Bin/$file" or die "$file: $!";
	local $/;
	my $text = <$fh>;
	$text =~ s/^--.*\n//mg;
	$text =~ s/':(\w+)'/defined $variables{$1} ? "'" . $variables{$1} =~ s{'}{''}gr . "'" : $&/ge;
	return grep { /\S/ } split /;\s*\n/, $text;
}

my $view = View->new;
$view->say('starting a private MariaDB and a private PostgreSQL');
my $source = CdcIngest::Server->new('mariadb');
my $postgres = CdcIngest::Postgres->new;
$source->do($_) for statements('source.sql');
$view->say(sprintf 'MariaDB listens on 127.0.0.1:%d, PostgreSQL on 127.0.0.1:%d', $source->port, $postgres->port);

for my $sql (statements('target.sql', port => $source->port, password => $CdcIngest::Server::CDC_PASSWORD))
{
	$view->sql($sql =~ s/password '.*'\)/password '...')/r);
	$postgres->dbh->do($sql);
}

my @tables = map { $_->[1] } source_tables($source->dbh, 'shop');
$view->watch($source, $postgres, @tables);
$view->phase('initial copy');
my $deadline = time + 60;
until (eval { $postgres->dbh->selectrow_array(q{SELECT cdc.wait_for('shop', timeout := '200 ms')}) })
{
	$view->draw;
	die "the initial copy does not end\n" . $postgres->dbh->selectrow_array('SELECT string_agg(last_error, e\'\n\') FROM cdc.subscription_failure') . "\n"
	  if time > $deadline;
}
$view->draw;

my @writers = map { my $n = $_; fork_child(sub { ShopLoad::run($source, $n) }) } 1 .. 2;
$view->phase('the shop is open: two writers');
$view->draw_for($seconds);

my $killed = $postgres->kill9;
$view->phase("PostgreSQL killed: SIGKILL to all of its $killed processes (the shop goes on)");
$view->draw_for($seconds < 4 ? $seconds : 4);
$postgres->start;
$view->phase('PostgreSQL is back; its workers go on where its data stands');
$view->draw_for($seconds);

my $alive = grep { is_running($_) } @writers;
end_process($_, 'TERM', 30) for @writers;
$view->phase('the shop is closed');
my $ok = eval { $postgres->dbh->selectrow_array(q{SELECT cdc.wait_for('shop', timeout := '60 s')}) };
$view->draw;
$view->end;
if (!$ok)
{
	print "FAILED: the replica did not catch up within 60 s ", $@ // '', "\n";
	exit 1;
}

print "\ncomparing each table, row by row\n";
# Without a load to the end there was nothing to see.
my $failed = $alive < @writers;
print "  a writer of the shop ended before its time\n" if $failed;
for my $table (@tables)
{
	my @differences = compare_table($source->dbh, $postgres->dbh, [ 'shop', $table ], "shop.$table");
	my $rows = $source->value("SELECT count(*) FROM shop.$table");
	printf "  %-12s %8d rows  %s\n", $table, $rows, @differences ? 'DIFFERENT' : 'identical';
	print "    $_\n" for @differences;
	$failed ||= @differences;
}
my ($events, $seqs) = $postgres->dbh->selectrow_array('SELECT count(*), count(DISTINCT seq) FROM shop.shop_history WHERE seq BETWEEN 1 AND (SELECT max(seq) FROM shop.shop_history)');
my ($last) = $postgres->dbh->selectrow_array('SELECT max(seq) FROM shop.shop_history');
printf "  %d events in history, numbered 1 to %d%s\n", $events, $last,
  $events == $last && $seqs == $last ? ', none missing, none twice' : ': NOT WHOLE';
$failed ||= $events != $last || $seqs != $last;
$postgres->stop;
$source->stop;
print $failed ? "FAILED\n" : "OK: all tables are identical, although PostgreSQL was killed in the middle\n";
exit($failed ? 1 : 0);
