# Nobody gains a right, with a real source and workers: the owner of a subscription attacks
# who calls for him and the workers, strangers plant tables for him, and he takes other
# people's.  (What needs no source is in sql/callers.sql and sql/server_identity.sql.)
use strict;
use warnings;

use Test::More;
use CdcIngest::Cluster;
use CdcIngest::Server;

my $source = CdcIngest::Server->new('mariadb');
my $cluster = CdcIngest::Cluster->new('rights');
$source->do('CREATE DATABASE shop', 'CREATE TABLE shop.a (id varchar(20) PRIMARY KEY, v varchar(200))', "INSERT INTO shop.a VALUES ('a', 'one')",
	'CREATE TABLE shop.z (id int PRIMARY KEY)');
$cluster->add_source('shop', $source);
$cluster->do("CREATE ROLE $_ LOGIN") for qw(mallory stranger);
$cluster->do('GRANT USAGE ON FOREIGN SERVER shop TO mallory, stranger', 'CREATE SCHEMA m AUTHORIZATION mallory', 'CREATE SCHEMA boss',
	'CREATE SCHEMA plants AUTHORIZATION stranger', 'GRANT USAGE ON SCHEMA plants TO mallory');
my %as = map { $_ => $cluster->connect(user => $_) } qw(mallory stranger);
for my $dbh (values %as)
{
	$dbh->do('CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (user ' . $dbh->quote($CdcIngest::Server::CDC_USER)
		  . ', password ' . $dbh->quote($CdcIngest::Server::CDC_PASSWORD) . ')');
}
my $gained = q{SELECT coalesce(string_agg(rolname, ' '), 'nobody') FROM pg_roles WHERE (rolsuper OR rolcreaterole) AND rolname IN ('mallory', 'stranger')};
my $table_owner = sub { return $cluster->value("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = '$_[0]'::regclass") };
$as{mallory}->do(q{SELECT cdc.create_subscription('m', 'shop', tables := '{shop.*}', target_schema := 'm', enabled := false)});

# --- a superuser calls, as pg_cron does
$cluster->value(q{SELECT cdc.pull('m')});
$cluster->do(q{SELECT * FROM cdc.apply('m')});
is($table_owner->('m.a'), 'mallory', 'what is made belongs to the owner, whoever calls: a replica');
is($cluster->value(q{SELECT string_agg(DISTINCT pg_get_userbyid(c.relowner), ' ') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE inhparent = 'm.m_history'::regclass}),
	'mallory', '... and partitions of the history');
$as{mallory}->do(q{CREATE TABLE m.saw (what text, current_ name, session_ name)});
$as{mallory}->do(q{CREATE FUNCTION m.attack() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE r text := 'gained';
	BEGIN
		BEGIN ALTER ROLE mallory SUPERUSER; EXCEPTION WHEN OTHERS THEN r := SQLSTATE; END;
		BEGIN CREATE TEMPORARY TABLE pg_authid (x int); EXCEPTION WHEN OTHERS THEN r := r || ' ' || SQLSTATE; END;
		INSERT INTO m.saw VALUES (TG_RELID::regclass || ' ' || r, current_user, session_user);
		RETURN NEW;
	END $$});
$as{mallory}->do($_) for 'CREATE CONSTRAINT TRIGGER attack AFTER INSERT ON m.a DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION m.attack()',
	'ALTER TABLE m.a ENABLE ALWAYS TRIGGER attack', 'CREATE TRIGGER attack BEFORE INSERT ON m.m_history FOR EACH ROW EXECUTE FUNCTION m.attack()';
$source->do("INSERT INTO shop.a VALUES ('b', 'two')");
$cluster->dbh->begin_work;
$cluster->value(q{SELECT cdc.pull('m')});
$cluster->do(q{SELECT * FROM cdc.apply('m')});
$cluster->value(q{SELECT cdc.wait_for('m', timeout => '1 s')});
$cluster->dbh->commit;
is($cluster->value($gained), 'nobody', 'triggers of history and target make nobody a superuser');
is($cluster->value(q{SELECT string_agg(DISTINCT what || ' ' || current_, ', ') FROM m.saw WHERE what LIKE 'm.a %'}), 'm.a 42501 42501 mallory', 'that of the target ran as the owner, and could do nothing');
is($cluster->value(q{SELECT string_agg(DISTINCT current_, ', ') FROM m.saw WHERE what LIKE '%history%'}), 'mallory', 'so did that of the history');

# --- the workers
$as{mallory}->do('TRUNCATE m.saw');
$as{mallory}->do(q{SELECT cdc.enable_subscription('m')});
$source->do("INSERT INTO shop.a VALUES ('c', 'three')");
$cluster->catch_up('m');
is($cluster->value($gained), 'nobody', 'nor do they in workers');
is($cluster->value(q{SELECT string_agg(DISTINCT what || ' ' || current_ || ' ' || session_, ', ') FROM m.saw WHERE what LIKE 'm.a %'}), 'm.a 42501 42501 mallory mallory', 'which are restricted like any caller');

# --- the owner's search_path, and operators in it
$cluster->do('GRANT CREATE ON SCHEMA public TO mallory');
$as{mallory}->do(q{CREATE FUNCTION public.evil(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN ALTER ROLE mallory SUPERUSER; RETURN $1::text = $2::text; END $$});
$as{mallory}->do('CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.evil)');
$cluster->do('CREATE TABLE boss.a (id varchar(20) PRIMARY KEY, v varchar(200)) PARTITION BY HASH (id)',
	'CREATE TABLE boss.a0 PARTITION OF boss.a FOR VALUES WITH (MODULUS 1, REMAINDER 0)',
	q{ALTER DATABASE postgres SET search_path = public, pg_catalog});
$cluster->call('create_subscription', name => 'boss', server => 'shop', tables => ['shop.z'], history => 'boss.h', enabled => \'false');
$cluster->call('add_table', subscription => 'boss', source_table => 'shop.a', target => 'boss.a');
$cluster->call('enable_subscription', name => 'boss');
$cluster->catch_up('boss');
$source->do("UPDATE shop.a SET v = 'uno' WHERE id = 'a'", "DELETE FROM shop.a WHERE id = 'b'");
$cluster->catch_up('boss');
is($cluster->value(q{SELECT string_agg(id || v, ' ' ORDER BY id COLLATE "C") FROM boss.a}), 'auno cthree', 'a partitioned target with a varchar key is written');
is($cluster->value($gained), 'nobody', '... with the operators of its key, not those of search_path');

# --- what is there already
$cluster->do('GRANT USAGE, CREATE ON SCHEMA m TO stranger');
$as{stranger}->do($_) for 'CREATE TABLE m.planted (id int PRIMARY KEY)', 'GRANT ALL ON m.planted TO PUBLIC',
	q{CREATE FUNCTION plants.attack() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN GRANT mallory TO stranger; RETURN NEW; END'},
	'CREATE TRIGGER attack BEFORE INSERT ON m.planted FOR EACH ROW EXECUTE FUNCTION plants.attack()',
	'ALTER TABLE m.planted ENABLE ALWAYS TRIGGER attack';
$as{mallory}->do($_) for 'CREATE TABLE m.precious (id int PRIMARY KEY)', 'INSERT INTO m.precious VALUES (4711)', 'CREATE TABLE m.prepared (id int PRIMARY KEY, extra text)';
$source->do("CREATE TABLE shop.$_ (id int PRIMARY KEY)", "INSERT INTO shop.$_ VALUES (1)") for qw(planted precious prepared);
$cluster->catch_up('m');
my $state = sub { return $cluster->value(qq{SELECT state::text || ' ' || coalesce(last_error, '') FROM cdc.subscription_table WHERE subscription = 'm' AND source_table = 'shop.$_[0]'}) };
like($state->('planted'), qr/^e .*m\.planted exists already.*does not own it.*cdc\.add_table\('m', 'shop\.planted', target := 'm\.planted'\)/s, q{a stranger's table is not taken for a replica});
like($state->('precious'), qr/^e .*It has rows/s, 'nor one with rows');
like($state->('prepared'), qr/^[irs] $/, 'an empty one of the owner is');
is($cluster->value(q{SELECT count(*) FROM m.prepared}), 1, '... and filled');
is($cluster->value(q{SELECT string_agg(id::text, ' ') FROM m.precious}), '4711', 'what had rows has them');
like($cluster->error_of(q{SELECT cdc.create_subscription('again', 'shop', tables := '{shop.a}', target_schema := 'm', enabled := false)}, $as{mallory}), qr/target m\.a .* is taken/,
	'create_subscription takes no table of another one');
$as{mallory}->do($_) for q{SELECT cdc.remove_table('m', 'shop.precious')}, q{SELECT cdc.add_table('m', 'shop.precious', target := 'm.precious', target_rows := 'keep')};
$cluster->poll(q{SELECT count(*) FROM m.precious WHERE id = 1}, 1);
pass('named by its owner, it is a target');
$cluster->call('remove_table', subscription => 'm', source_table => 'shop.planted');
$as{mallory}->do('DROP TABLE m.planted');
$cluster->call('add_table', subscription => 'm', source_table => 'shop.planted');
is($table_owner->('m.planted'), 'mallory', 'what a superuser adds belongs to the owner of the subscription');

# --- one target, one source table; strangers hear no names
$cluster->do('GRANT ALL ON ALL TABLES IN SCHEMA m TO stranger', 'GRANT USAGE ON SCHEMA m TO stranger');
$as{stranger}->do(q{SELECT cdc.create_subscription('s', 'shop', tables := '{shop.z}', history := 'plants.h', enabled := false)});
my $error = $cluster->error_of(q{SELECT cdc.add_table('s', 'shop.a', target := 'm.a')}, $as{stranger});
like($error, qr/m\.a of source table shop\.a is taken.*subscription of another role/s, 'a target of another subscription');
unlike($error, qr/"m"/, '... whose it is, strangers are not told');
$as{mallory}->do('ALTER TABLE m.a RENAME TO renamed');
like($cluster->error_of(q{SELECT cdc.add_table('s', 'shop.a', target := 'm.renamed')}, $as{stranger}), qr/is taken|subscription_table_target/, '... whatever it is called');
for my $target ('plants.h', 'm.m_history', 'cdc_catalog.log', 'pg_catalog.pg_class')
{
	like($cluster->error_of(qq{SELECT cdc.add_table('s', 'shop.precious', target := '$target')}), qr/$target cannot be a target|permission denied/, "$target is no target");
}

is($cluster->value($gained), 'nobody', 'nobody gained a right');
is($cluster->value(q{SELECT pg_has_role('stranger', 'mallory', 'MEMBER')}), 0, 'nor each other\'s');
$cluster->history_ok($_) for qw(m boss);
done_testing();
