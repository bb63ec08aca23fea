# No password leaves in clear before what ssl_mode promises holds, whatever the server
# says it is and asks for; and what real servers ask for works.
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::FakeMysql;
use CdcIngest::File qw(write_file);
use CdcIngest::Server;

my $PASSWORD = 'Tr0ub4dor&3-is-not-short';
my $cluster = CdcIngest::Cluster->new('passwords');
my $dir = PostgreSQL::Test::Utils::tempdir();

sub openssl { my @args = @_; system("openssl @args >>$dir/openssl.log 2>&1") == 0 or BAIL_OUT("openssl @args"); return }
for my $ca (qw(ca other))
{
	openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca -keyout $dir/$ca.key -out $dir/$ca.pem");
	openssl("req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout $dir/$ca-server.key -out $dir/$ca-server.csr");
	write_file("$dir/ext", 'subjectAltName=IP:127.0.0.1,DNS:localhost');
	openssl("x509 -req -days 2 -in $dir/$ca-server.csr -CA $dir/$ca.pem -CAkey $dir/$ca.key -CAcreateserial "
		  . "-extfile $dir/ext -out $dir/$ca-server.pem");
}
openssl("req -new -key $dir/ca-server.key -subj /CN=nobody -out $dir/noname.csr");
openssl("x509 -req -days 2 -in $dir/noname.csr -CA $dir/ca.pem -CAkey $dir/ca.key -CAcreateserial -out $dir/noname.pem");
openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out $dir/rsa.pem");
openssl("pkey -in $dir/rsa.pem -pubout -out $dir/rsa.pub");
chmod 0644, glob "$dir/*";
chmod 0755, $dir;

my $fake = CdcIngest::FakeMysql->server;
my %tls = (
	'without TLS' => undef,
	"with another CA's certificate" => { cert => "$dir/other-server.pem", key => "$dir/other-server.key" },
	'with a certificate of no name' => { cert => "$dir/noname.pem", key => "$dir/ca-server.key" },
	'with a certificate' => { cert => "$dir/ca-server.pem", key => "$dir/ca-server.key" });

my @plugins = (
	[ mysql_native_password => switch => ['mysql_native_password'] ],
	[ 'caching_sha2_password, cached' => switch => ['caching_sha2_password'] ],
	[ 'caching_sha2_password' => switch => ['caching_sha2_password'], full => 1 ],
	[ sha256_password => switch => ['sha256_password'] ],
	[ mysql_clear_password => switch => ['mysql_clear_password'] ],
	[ mysql_old_password => switch => ['mysql_old_password'] ],
	[ dialog => switch => ['dialog'] ],
	[ client_ed25519 => switch => ['client_ed25519'] ],
	[ 'native, then clear' => switch => [qw(mysql_native_password mysql_clear_password)] ],
	[ 'ed25519, then sha256' => switch => [qw(client_ed25519 sha256_password)] ],
	[ 'caching_sha2, then clear' => switch => [qw(caching_sha2_password mysql_clear_password)] ],
	[ 'a path' => switch => ['../../../../tmp/evil'] ],
	[ 'no plugins at all' => switch => ['mysql_clear_password'], drop => ['plugin_auth'], plugin => 'mysql_native_password' ],
	[ 'no plugins, caching_sha2' => switch => ['caching_sha2_password'], full => 1, drop => ['plugin_auth'] ],
	[ 'an old protocol' => switch => ['mysql_old_password'], drop => [qw(plugin_auth protocol_41 secure)] ],
	[ 'full at once' => first => '0104' ],
	[ 'a key at once' => first => '01' . unpack('H*', 'x' x 300) ],
	[ 'OK at once' => first => '00000002000000' ]);
my %rank = (DISABLED => 0, PREFERRED => 1, REQUIRED => 2, VERIFY_CA => 3, VERIFY_IDENTITY => 4);

# Whether a login went well, and what was said if not.
sub logged_in
{
	my ($server) = @_;
	return $cluster->rows(q{SELECT bool_or(check_name = 'authentication' AND ok), string_agg(concat_ws(' ', detail, hint), ' ') FILTER (WHERE NOT ok)
		FROM cdc.check_server($1) WHERE check_name IN ('reachable', 'authentication', 'connection')}, $server)->[0];
}
sub reachable { return logged_in('fake') }

sub server_is
{
	my (%options) = @_;
	$cluster->do('DROP SERVER IF EXISTS fake CASCADE');
	$cluster->add_source('fake', $fake->port, user => 'cdc', password => $PASSWORD, connect_timeout => '3s', %options);
	return;
}

# --- every mode, every server, every way to ask
for my $mode (sort { $rank{$a} <=> $rank{$b} } keys %rank)
{
	my $rank = $rank{$mode};
	server_is(ssl_mode => $mode, $rank > 2 ? (ssl_ca => "$dir/ca.pem") : ());
	for my $server (sort keys %tls)
	{
		# what the mode promises does not hold: not even the user's name leaves
		my $promise = $rank < 2 || (defined $tls{$server} &&
			($rank == 2 || $server =~ /with a certificate$/ || ($rank == 3 && $server =~ /no name/)));
		my (@leaks, @early, @inside, @bad);
		for my $plugin (@plugins)
		{
			my ($name, %scenario) = @$plugin;
			$fake->scenario(tls => $tls{$server}, key => "$dir/rsa.pem", password => $PASSWORD, %scenario);
			my $said = reachable();
			my ($login) = $fake->logins;
			push @leaks, "$name: @{ $login->{leaks} }" if @{ $login->{leaks} };
			# A server of a protocol that old gets the user's name, and no answer to anything.
			push @early, $name if $login->{answered} && !$promise && $name ne 'an old protocol';
			push @inside, $name if $login->{inside};
			push @bad, "$name: " . ($said->[1] // '') if ($said->[1] // '') !~ /127\.0\.0\.1/;
		}
		is_deeply(\@leaks, [], "$mode, a server $server: no password in clear");
		is_deeply(\@early, [], "$mode, a server $server: nothing is said before the promise holds");
		is_deeply(\@bad, [], "$mode, a server $server: the errors name it");
		if ($promise && $rank >= 2)
		{
			ok((grep { $_ eq 'caching_sha2_password' } @inside), "$mode, a server $server: through TLS it goes")
			  or diag("@inside");
		}
		my @as_it_is = grep { /clear|dialog/ } @inside;
		ok($mode eq 'VERIFY_IDENTITY' && $promise ? @as_it_is > 0 : @as_it_is == 0,
			"$mode, a server $server: to those who want it as it is only when verified")
		  or diag("@as_it_is");
	}
}

# --- the answers are right
server_is(ssl_mode => 'DISABLED');
for my $plugin (qw(mysql_native_password caching_sha2_password))
{
	$fake->scenario(password => $PASSWORD, switch => [$plugin]);
	reachable();
	is_deeply(($fake->logins)[0]{proved}, [$plugin], "$plugin: the proof is right");
}

# --- what the errors say
server_is(ssl_mode => 'REQUIRED');
$fake->scenario(password => $PASSWORD, switch => ['caching_sha2_password'], full => 1);
like(reachable()->[1], qr/no encrypted connection.*ssl_mode/s, 'REQUIRED without TLS');
server_is(ssl_mode => 'DISABLED');
$fake->scenario(password => $PASSWORD, switch => ['caching_sha2_password'], full => 1);
like(reachable()->[1], qr/asks for the password over a connection that is not encrypted.*server_public_key/s, 'caching_sha2_password without TLS');
$fake->scenario(password => $PASSWORD, switch => ['mysql_clear_password']);
like(reachable()->[1], qr/asks for the password in clear text.*VERIFY_IDENTITY/s, 'mysql_clear_password');
$fake->scenario(password => $PASSWORD, switch => ["odd\x1b[31m\x07"]);
like(reachable()->[1], qr/cannot be used here.*"odd\?\[31m\?"/s, 'a plugin of another name, its name cleaned');

# --- malformed packets while logging in
my %malformed = (
	'an empty greeting' => [ greeting => '' ],
	'a short greeting' => [ greeting => '0a382e30' ],
	'a greeting without an end' => [ greeting => '0a' . '41' x 60 ],
	'a greeting that is too long' => [ greeting => '0a' . '41' x 200_000 ],
	'an error in place of a greeting' => [ greeting => 'ff' . '1504' . unpack('H*', "no\x1b[2J\x07more \xff connections") ],
	'an error cut off' => [ greeting => 'ff1504' ],
	'an empty answer' => [ first => '' ],
	'a switch to no name' => [ first => 'fe00' ],
	'a switch without data' => [ first => 'fe' . unpack('H*', 'mysql_native_password') ],
	'a switch with little data' => [ first => 'fe' . unpack('H*', "caching_sha2_password\0short\0") ],
	'a switch with a long name' => [ first => 'fe' . '41' x 3000 ],
	'an error without a text' => [ first => 'ff510423' ],
	'an unknown packet' => [ first => '2a2a2a2a' ]);
for my $what (sort keys %malformed)
{
	$fake->scenario(password => $PASSWORD, @{ $malformed{$what} });
	my $said = reachable();
	ok(!$said->[0], $what);
	unlike($said->[1], qr/[\x00-\x08\x0b-\x1f\x7f]/, '... and no control character in the message');
	note $said->[1];
}

# --- the key that the user gave
server_is(ssl_mode => 'DISABLED', server_public_key => "$dir/rsa.pub");
for my $plugin (qw(caching_sha2_password sha256_password))
{
	$fake->scenario(password => $PASSWORD, switch => [$plugin], full => 1, key => "$dir/rsa.pem");
	reachable();
	is_deeply(($fake->logins)[0]{leaks}, ['rsa'], "$plugin: whoever has the private key can read it");
	$fake->scenario(password => $PASSWORD, switch => [$plugin], full => 1, key => "$dir/ca.key");
	reachable();
	is_deeply(($fake->logins)[0]{leaks}, [], '... and nobody with another one');
}
server_is(ssl_mode => 'DISABLED', server_public_key => "$dir/nothing");
$fake->scenario(password => $PASSWORD, switch => ['sha256_password']);
like(reachable()->[1], qr/could not read.*server_public_key/, 'a file that is not there');
server_is(ssl_mode => 'DISABLED', server_public_key => "$dir/rsa.pem.csr");
server_is(ssl_mode => 'DISABLED', server_public_key => "$dir/ca.pem");
$fake->scenario(password => $PASSWORD, switch => ['sha256_password']);
like(reachable()->[1], qr/no public RSA key/, 'a file without a key');
$fake->stop;

# --- real servers
sub login_ok
{
	my ($what, $source, %options) = @_;
	$cluster->do('DROP SERVER IF EXISTS real CASCADE');
	$cluster->add_source('real', $source, password => $PASSWORD, %options);
	my $said = logged_in('real');
	ok($said->[0], $what) or diag($said->[1]);
	return;
}

# Real servers: those that this tree has; a PostgreSQL inside of a tree has not all of them.
my $tried = 0;
MARIADB:
{
last MARIADB unless CdcIngest::Server->available('mariadb');
$tried++;
my $mariadb = CdcIngest::Server->new('mariadb', args => [ "--ssl-cert=$dir/ca-server.pem", "--ssl-key=$dir/ca-server.key" ]);
$mariadb->do("CREATE USER native\@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('$PASSWORD')");
for my $mode (sort keys %rank)
{
	login_ok("MariaDB, mysql_native_password, $mode", $mariadb, user => 'native', ssl_mode => $mode,
		$rank{$mode} > 2 ? (ssl_ca => "$dir/ca.pem") : ());
}
{
	$mariadb->do(q{INSTALL SONAME 'auth_ed25519'},
		"CREATE USER ed\@'%' IDENTIFIED VIA ed25519 USING PASSWORD('$PASSWORD')",
		"CREATE USER two\@'%' IDENTIFIED VIA ed25519 USING PASSWORD('other') OR mysql_native_password USING PASSWORD('$PASSWORD')");
	login_ok('MariaDB, ed25519', $mariadb, user => 'ed', ssl_mode => 'DISABLED');
	login_ok('MariaDB, two ways for an account', $mariadb, user => 'two', ssl_mode => 'DISABLED');
}
$mariadb->stop;
}

MYSQL97:
{
	last MYSQL97 unless CdcIngest::Server->available('mysql97');
	$tried++;
	my $mysql = CdcIngest::Server->new('mysql97');
	$mysql->do("CREATE USER sha\@'%' IDENTIFIED WITH caching_sha2_password BY '$PASSWORD'",
		"CREATE USER old\@'%' IDENTIFIED WITH sha256_password BY '$PASSWORD'");
	my $public = "$mysql->{dir}/data/public_key.pem";
	write_file("$dir/mysql.pub", PostgreSQL::Test::Utils::slurp_file($public));
	chmod 0644, "$dir/mysql.pub";
	for my $user (qw(sha old))
	{
		$mysql->do('FLUSH PRIVILEGES');    # what was cached is forgotten
		login_ok("MySQL, $user with the key", $mysql, user => $user, ssl_mode => 'DISABLED', server_public_key => "$dir/mysql.pub");
		$mysql->do('FLUSH PRIVILEGES');
		login_ok("MySQL, $user over TLS", $mysql, user => $user, ssl_mode => 'REQUIRED');
		login_ok("MySQL, $user over a socket", $mysql, user => $user, unix_socket => $mysql->{socket}) if $mysql->{socket};
	}
	$cluster->do('DROP SERVER IF EXISTS real CASCADE');
	$mysql->do('FLUSH PRIVILEGES');
	login_ok('MySQL, what is cached needs no key: first over TLS', $mysql, user => 'sha', ssl_mode => 'REQUIRED');
	login_ok('... then without', $mysql, user => 'sha', ssl_mode => 'DISABLED');
	$mysql->stop;
}
MYSQL56:
{
	last MYSQL56 unless CdcIngest::Server->available('mysql56');
	$tried++;
	my $mysql = CdcIngest::Server->new('mysql56');
	$mysql->do("CREATE USER nat\@'%' IDENTIFIED BY '$PASSWORD'");
	login_ok('MySQL 5.6, mysql_native_password', $mysql, user => 'nat', ssl_mode => 'DISABLED');
	$mysql->stop;
}
ok($tried, 'real servers were there');
is($cluster->value('SELECT 1'), 1, 'the database runs');
$cluster->node->stop('fast');
done_testing();
