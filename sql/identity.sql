-- Things are what they were: history, targets, server, schema and owner are followed
-- by what they are, whatever they are called; what is dropped says what depends on it,
-- or takes it along; another one of the same name is not taken for it.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
SET client_min_messages = notice;
CREATE ROLE idn_a SUPERUSER;
CREATE ROLE idn_b;
CREATE ROLE idn_c;
CREATE SERVER idn_server FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1', connect_timeout '1s');
CREATE SERVER idn_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');
GRANT USAGE ON FOREIGN SERVER idn_server, idn_bus TO idn_b, idn_c;
CREATE SCHEMA idn AUTHORIZATION idn_b;
CREATE SCHEMA idn_targets AUTHORIZATION idn_b;
GRANT USAGE ON SCHEMA idn, idn_targets TO idn_c;

CREATE FUNCTION public.idn_make() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE idn.h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
        source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
        commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq, ingested_at));
    CREATE TABLE idn_targets.t (id int PRIMARY KEY);
    CREATE TABLE idn_targets.u (id int PRIMARY KEY);
    ALTER TABLE idn.h OWNER TO idn_b;
    ALTER TABLE idn_targets.t OWNER TO idn_b;
    ALTER TABLE idn_targets.u OWNER TO idn_b;
    INSERT INTO cdc_catalog.subscription (name, owner, server, tables, exclude, format, target_schema, history, copy_data, enabled, options)
    VALUES ('idn', 'idn_b', 'idn_server', '{*.*}', '{}', 'maxwell', 'idn_targets', 'idn.h', false, false, '{}');
    INSERT INTO cdc_catalog.subscription_position (subscription, last_seq) VALUES ('idn', 1000000);
    INSERT INTO cdc_catalog.subscription_progress (subscription) VALUES ('idn');
    INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, state)
    VALUES ('idn', 'd.t', 'd.t', 'idn_targets.t', 'r'), ('idn', 'd.u', 'd.u', 'idn_targets.u', 'r');
    INSERT INTO cdc_catalog.publication (name, subscription, server, topic_template, key_template, format, options, published_seq)
    VALUES ('idn_out', 'idn', 'idn_bus', 't', 'k', 'maxwell', '{}', 0);
    PERFORM cdc_catalog.take_over('idn');
END $$;
CREATE FUNCTION public.idn_event(history text, source_table text, id int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %s (seq, source_table, op, position, event, commit)'
        ' SELECT coalesce(max(seq), 0) + 1, $1, ''c'', ''b.1:4'', jsonb_build_object(''data'', jsonb_build_object(''id'', $2)), true FROM %1$s', history)
        USING source_table, id;
END $$;
CREATE VIEW public.idn_names AS
SELECT s.owner, s.server, s.history, s.target_schema, p.server AS bus,
       (SELECT string_agg(t.source_table || ' ' || t.target, ', ' ORDER BY t.source_table)
          FROM cdc_catalog.subscription_table t WHERE t.subscription = s.name) AS targets
  FROM cdc_catalog.subscription s LEFT JOIN cdc_catalog.publication p ON p.subscription = s.name WHERE s.name = 'idn';
SELECT idn_make();
SELECT idn_event('idn.h', 'd.t', 1);
SELECT * FROM cdc.apply('idn');
SELECT * FROM idn_names;

-- Names that change: what is kept follows at once, and apply goes to the same tables.
ALTER TABLE idn.h RENAME TO "H 2";
ALTER TABLE idn_targets.t RENAME TO "T 2";
CREATE TABLE idn.h (seq text);
CREATE TABLE idn_targets.t (other text);
SELECT * FROM idn_names;
SELECT idn_event('idn."H 2"', 'd.t', 2);
SELECT * FROM cdc.apply('idn');
CREATE SCHEMA idn_moved;
GRANT USAGE ON SCHEMA idn_moved TO idn_b;
ALTER TABLE idn_targets."T 2" SET SCHEMA idn_moved;
ALTER SCHEMA idn RENAME TO idn_x;
ALTER SCHEMA idn_targets RENAME TO idn_y;
CREATE SCHEMA idn_targets;
CREATE TABLE idn_targets.u (id int PRIMARY KEY);
ALTER SERVER idn_server RENAME TO idn_server_x;
CREATE SERVER idn_server FOREIGN DATA WRAPPER cdc_mysql;
SELECT * FROM idn_names;
SELECT idn_event('idn_x."H 2"', 'd.t', 3), idn_event('idn_x."H 2"', 'd.u', 4);
SELECT * FROM cdc.apply('idn');
SELECT count(*) FROM idn_targets.u;
SELECT id FROM idn_moved."T 2" ORDER BY 1;
-- a role has no event trigger: pull and enable follow it, and who it is counts meanwhile
ALTER ROLE idn_b RENAME TO idn_b2;
CREATE ROLE idn_b;
SELECT owner FROM idn_names;
SET ROLE idn_b;
SELECT count(*) AS visible FROM cdc.subscription;
SELECT cdc.disable_subscription('idn');
SET ROLE idn_b2;
SELECT count(*) AS visible FROM cdc.subscription;
SELECT cdc.disable_subscription('idn');
RESET ROLE;
SELECT cdc_catalog.take_over('idn');
SELECT owner FROM idn_names;
DROP ROLE idn_b;
ALTER ROLE idn_b2 RENAME TO idn_b;
SELECT cdc_catalog.take_over('idn');

-- What is dropped says what depends on it.
DROP TABLE idn_x."H 2";
DROP TABLE idn_moved."T 2";
DROP TABLE idn_moved."T 2", idn_y.u;
DROP SERVER idn_server_x;
DROP SERVER idn_bus;
DROP SCHEMA idn_y;
DROP SCHEMA idn_moved;
DROP ROLE idn_b;
DROP OWNED BY idn_b;
SELECT * FROM idn_names;

-- REASSIGN OWNED takes the subscription along.
REASSIGN OWNED BY idn_b TO idn_c;
SELECT owner FROM idn_names;
SELECT idn_event('idn_x."H 2"', 'd.t', 5);
SELECT * FROM cdc.apply('idn');
SET ROLE idn_b;
SELECT cdc.apply('idn');
SET ROLE idn_c;
SELECT * FROM cdc.apply('idn');
RESET ROLE;
-- a history that was given away alone does not
ALTER TABLE idn_x."H 2" OWNER TO idn_b;
SELECT cdc.apply('idn');
SET ROLE idn_b;
SELECT cdc.apply('idn');
RESET ROLE;
SET client_min_messages = warning;
SET ROLE idn_b;
SELECT cdc.enable_subscription('idn');
SELECT cdc.disable_subscription('idn');
SET client_min_messages = notice;
RESET ROLE;
SELECT owner FROM idn_names;
-- ... and never to a superuser unasked
ALTER TABLE idn_x."H 2" OWNER TO idn_a;
SELECT cdc_catalog.take_over('idn');
SELECT owner FROM idn_names;
SELECT cdc.apply('idn');
ALTER TABLE idn_x."H 2" OWNER TO idn_b;

-- ... but to any member of the role that was given it, also where the old owner is one
CREATE ROLE idn_group;
CREATE ROLE idn_other;
GRANT idn_group TO idn_b, idn_other;
GRANT CREATE ON SCHEMA idn_x TO idn_group;
ALTER TABLE idn_x."H 2" OWNER TO idn_group;
SET client_min_messages = warning;
SET ROLE idn_b;
SELECT cdc.enable_subscription('idn');
RESET ROLE;
SELECT owner FROM idn_names;
SET ROLE idn_other;
SELECT cdc.enable_subscription('idn');
SELECT cdc.disable_subscription('idn');
RESET ROLE;
SELECT owner FROM idn_names;
ALTER TABLE idn_x."H 2" OWNER TO idn_b;
SET ROLE idn_b;
SELECT cdc.enable_subscription('idn');
SELECT cdc.disable_subscription('idn');
RESET ROLE;
SELECT owner FROM idn_names;
SET client_min_messages = notice;

-- CASCADE takes along: a table, a publication, the schema for new targets, the subscription.
DROP TABLE idn_moved."T 2" CASCADE;
SELECT tables, exclude, added FROM cdc.subscription WHERE name = 'idn';
DROP SERVER idn_bus CASCADE;
SELECT * FROM idn_names;
ALTER TABLE idn_y.u SET SCHEMA idn_moved;
DROP SCHEMA idn_y CASCADE;
SELECT * FROM idn_names;
BEGIN;
DROP SERVER idn_server_x CASCADE;
SELECT count(*) FROM cdc.subscription WHERE name = 'idn';
ROLLBACK;
SELECT count(*) FROM cdc.subscription WHERE name = 'idn';
DROP SCHEMA idn_x, idn_moved CASCADE;
SELECT (SELECT count(*) FROM cdc_catalog.subscription WHERE name = 'idn')
     + (SELECT count(*) FROM cdc_catalog.subscription_identity WHERE subscription = 'idn')
     + (SELECT count(*) FROM cdc_catalog.subscription_table WHERE subscription = 'idn') AS rows_left;
SELECT kind, message, detail FROM cdc.log WHERE subscription = 'idn' AND detail IS NOT NULL ORDER BY at, message;

-- Dropped where nobody saw it (no event triggers): found at the next use.
CREATE SCHEMA idn;
DROP SCHEMA idn_targets CASCADE;
CREATE SCHEMA idn_targets;
CREATE SERVER idn_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');
GRANT USAGE ON SCHEMA idn, idn_targets TO idn_b;
GRANT USAGE ON FOREIGN SERVER idn_bus TO idn_b;
SELECT idn_make();
SELECT idn_event('idn.h', 'd.t', 1);
SET session_replication_role = replica;
DROP TABLE idn_targets.t;
RESET session_replication_role;
SELECT cdc.apply('idn');
CREATE TABLE idn_targets.t (id int PRIMARY KEY);
SELECT cdc.apply('idn');
SET client_min_messages = warning;
SELECT cdc_catalog.take_over('idn');
SELECT cdc.apply('idn');
ALTER TABLE idn_targets.t OWNER TO idn_b;
SELECT * FROM cdc.apply('idn');
SET session_replication_role = replica;
DROP SERVER idn_server;
DROP SERVER idn_bus;
RESET session_replication_role;
SELECT cdc.pull('idn');
SELECT cdc.publish_more('idn_out');
CREATE SERVER idn_server FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1', connect_timeout '1s');
CREATE SERVER idn_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');
SELECT cdc.pull('idn');
SELECT cdc.publish_more('idn_out');
-- who has his name is not he
ALTER TABLE idn.h OWNER TO idn_c;
ALTER TABLE idn_targets.t OWNER TO idn_c;
ALTER TABLE idn_targets.u OWNER TO idn_c;
REVOKE ALL ON SCHEMA idn, idn_targets FROM idn_b;
DROP OWNED BY idn_b;
DROP ROLE idn_b;
SELECT cdc.apply('idn');
CREATE ROLE idn_b;
SELECT cdc.apply('idn');
SET ROLE idn_b;
SELECT cdc.drop_subscription('idn');
SET ROLE idn_c;
SELECT cdc.enable_subscription('idn');
SELECT cdc.disable_subscription('idn');
RESET ROLE;
SELECT owner, enabled FROM cdc.subscription WHERE name = 'idn';
GRANT USAGE ON SCHEMA idn, idn_targets TO idn_c;
SELECT idn_event('idn.h', 'd.t', 2);
SELECT * FROM cdc.apply('idn');

-- A copy of the database waits: its rows name another place.
UPDATE cdc_catalog.subscription_identity SET database = 1;
UPDATE cdc_catalog.subscription SET enabled = true;
SELECT subscription, enabled, state FROM cdc.stat_subscription;
SELECT cdc.pull('idn');
SELECT cdc.apply('idn');
SELECT cdc.publish_more('idn_out');
SELECT cdc.wait_for('idn', '0-1-1', '0');
SELECT cdc.remove_table('idn', 'd.u');
SELECT cdc.set_position('idn', 'latest');
SELECT cdc.replay('idn', 'd.t', 'idn_targets.u');
UPDATE cdc_catalog.subscription_identity SET database = (SELECT oid FROM pg_database WHERE datname = current_database()), system_identifier = '1';
SELECT state FROM cdc.stat_subscription;
SELECT cdc.pull('idn');
-- a restored one has no such rows, and OIDs of another database
DELETE FROM cdc_catalog.subscription_identity;
UPDATE cdc_catalog.subscription_table SET target_oid = CASE WHEN source_table = (SELECT min(source_table) FROM cdc_catalog.subscription_table WHERE target IS NOT NULL)
    THEN 'pg_catalog.pg_class'::regclass END;
SELECT state FROM cdc.stat_subscription;
SELECT cdc.pull('idn');
SELECT cdc.apply('idn');
SELECT cdc.disable_subscription('idn');
SELECT cdc_catalog.take_over('idn');
SELECT state FROM cdc.stat_subscription;
SELECT source_table, target, target_oid::regclass FROM cdc_catalog.subscription_table ORDER BY 1;
SELECT * FROM cdc.apply('idn');
SELECT cdc.drop_subscription('idn', true);

DROP SCHEMA idn CASCADE;
DROP SCHEMA idn_targets CASCADE;
DROP SERVER idn_server CASCADE;
DROP SERVER idn_server_x;
DROP SERVER idn_bus;
DROP FUNCTION idn_make(), idn_event(text, text, int);
DROP VIEW idn_names;
DROP OWNED BY idn_group;
DROP ROLE idn_group;
DROP ROLE idn_other;
DROP ROLE idn_a;
DROP ROLE idn_b;
DROP ROLE idn_c;
TRUNCATE cdc_catalog.log;
