-- cdc.as_of on a history filled by hand, of messages: whose row type, which place, who may.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA past;
SET search_path = past, public;
CREATE SERVER past_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');
CREATE TABLE h (seq bigint PRIMARY KEY, ingested_at timestamptz DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea, commit boolean, key jsonb);
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('past', current_user, 'past_bus', '{*.*}', '{}', 'maxwell', 'past.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq, source_ts) VALUES ('past', 8, '2026-01-01 00:00:08+00');
INSERT INTO cdc.subscription_progress (subscription) VALUES ('past');
SELECT cdc_catalog.take_over('past');
CREATE FUNCTION ev(seq bigint, op "char", data text, old text, commit boolean) RETURNS void LANGUAGE sql AS $$
    INSERT INTO h VALUES ($1, now(), timestamptz '2026-01-01 00:00:00+00' + $1 * interval '1 s', 'd.a', $2, 't/0@' || $1, NULL,
        ('{"database":"d","table":"a","type":"' || CASE $2 WHEN 'c' THEN 'insert' WHEN 'u' THEN 'update' ELSE 'delete' END
         || '","data":' || data || coalesce(',"old":' || old, '') || '}')::jsonb, NULL, $5) $$;
CREATE TABLE a (id int PRIMARY KEY, v text, twice int GENERATED ALWAYS AS (id * 2) STORED, own text DEFAULT 'mine');
INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, target_oid, key, state)
    VALUES ('past', 'd.a', 'd.a', 'past.a', 'past.a'::regclass, '{id}', 'r');
SELECT ev(1, 'c', '{"id":1,"v":"one"}', NULL, true), ev(2, 'c', '{"id":2,"v":"two"}', NULL, true),
    ev(3, 'u', '{"id":1,"v":"uno"}', '{"v":"one"}', true), ev(4, 'u', '{"id":3,"v":"two"}', '{"id":2}', false),
    ev(5, 'c', '{"id":4,"v":"four"}', NULL, true), ev(6, 'd', '{"id":1,"v":"uno"}', NULL, true),
    ev(7, 'c', '{"id":7,"v":"' || repeat('seven', 2) || '"}', NULL, true), ev(8, 'd', '{"id":4}', NULL, true);
-- each place, the middle of a transaction is the one before
SELECT s, (SELECT string_agg(a::text, ' ' ORDER BY a.id) FROM cdc.as_of(NULL::past.a, at_seq := s) a) AS rows FROM generate_series(1, 8) s;
SELECT * FROM cdc.as_of(NULL::a, at := '2026-01-01 00:00:03.5+00') ORDER BY id;
SELECT (cdc.as_of(NULL::a, 2::bigint)).v;
-- no trace of it, and the target is what it was
SELECT count(*) FROM a;
SELECT count(*) FROM pg_class WHERE relname LIKE 'cdc_as_of%';
-- what is no target, no place
\set VERBOSITY terse
SELECT * FROM cdc.as_of(NULL::a, at := NULL);
SELECT * FROM cdc.as_of(NULL::a, at_seq := NULL);
\set VERBOSITY default
SELECT * FROM cdc.as_of(NULL::h, at_seq := 1);
SELECT * FROM cdc.as_of('x'::text, at_seq := 1);
SELECT * FROM cdc.as_of(NULL::a, at_seq := 9);
SELECT * FROM cdc.as_of(NULL::a, at_seq := -1);
SET timezone = 'UTC';
SELECT * FROM cdc.as_of(NULL::a, at := '2026-01-01 00:00:08+00');
SELECT * FROM cdc.as_of(NULL::a, at := '2025-01-01 00:00+00');
SELECT * FROM cdc.as_of(NULL::a, at := '-infinity');
-- dates that are not in order, as of several partitions; one that is later than when it was read
UPDATE h SET source_ts = '2026-01-01 00:00:06.5+00' WHERE seq = 4;
SELECT * FROM cdc.as_of(NULL::a, at := '2026-01-01 00:00:06+00');
SELECT id, v FROM cdc.as_of(NULL::a, at := '2026-01-01 00:00:03+00') ORDER BY id;
UPDATE h SET source_ts = '2026-01-01 00:00:04+00' WHERE seq = 4;
UPDATE h SET ingested_at = '2026-01-01 00:00:05+00' WHERE seq = 7;
SELECT * FROM cdc.as_of(NULL::a, at := '2026-01-01 00:00:06+00');
UPDATE h SET ingested_at = now() WHERE seq = 7;
-- who may
CREATE ROLE regress_past;
CREATE SCHEMA past_h;
GRANT USAGE ON SCHEMA past TO regress_past;
GRANT SELECT ON a TO regress_past;
SET ROLE regress_past;
SELECT * FROM cdc.as_of(NULL::a, at_seq := 1);
RESET ROLE;
GRANT SELECT ON h TO regress_past;
ALTER TABLE h SET SCHEMA past_h;
SET ROLE regress_past;
SELECT id, v FROM cdc.as_of(NULL::a, at_seq := 1);
RESET ROLE;
ALTER TABLE past_h.h SET SCHEMA past;
SET ROLE regress_past;
SELECT id, v FROM cdc.as_of(NULL::a, at_seq := 1);
-- an owner without the right to temporary tables
RESET ROLE;
CREATE ROLE regress_past_owner;
GRANT USAGE, CREATE ON SCHEMA past TO regress_past_owner;
ALTER TABLE h OWNER TO regress_past_owner;
ALTER TABLE a OWNER TO regress_past_owner;
UPDATE cdc_catalog.subscription SET owner = 'regress_past_owner' WHERE name = 'past';
UPDATE cdc_catalog.subscription_identity SET owner = 'regress_past_owner'::regrole WHERE subscription = 'past';
SELECT cdc_catalog.take_over('past');
SELECT owner FROM cdc.subscription WHERE name = 'past';
BEGIN;
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
SELECT has_database_privilege('regress_past_owner', current_database(), 'TEMPORARY');
DO $$ DECLARE hint text;
BEGIN
    PERFORM * FROM cdc.as_of(NULL::a, at_seq := 1);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE WARNING '% %', SQLERRM, replace(hint, quote_ident(current_database()), 'd');
    EXECUTE hint;
END $$;
SELECT id, v FROM cdc.as_of(NULL::a, at_seq := 1);
ROLLBACK;
SELECT id, v FROM cdc.as_of(NULL::a, at_seq := 2) ORDER BY id;
-- in an operation that makes no temporary table
RESET ROLE;
CREATE MATERIALIZED VIEW m AS SELECT id, v FROM cdc.as_of(NULL::a, at_seq := 1);
-- two that fill it
INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, target_oid, key, state, shard)
    VALUES ('past', 'd.b', 'd.b', 'past.a', 'past.a'::regclass, '{id}', 'r', '2');
SELECT * FROM cdc.as_of(NULL::a, at_seq := 1);
DELETE FROM cdc_catalog.subscription_table WHERE source_table = 'd.b';
-- events that are not there
DELETE FROM h WHERE seq = 2;
SELECT * FROM cdc.as_of(NULL::a, at_seq := 3);
INSERT INTO cdc_catalog.history_purge (subscription, purged_seq) VALUES ('past', 2);
SELECT * FROM cdc.as_of(NULL::a, at_seq := 3);
SELECT cdc.drop_subscription('past');
DROP SCHEMA past, past_h CASCADE;
DROP OWNED BY regress_past, regress_past_owner;
DROP ROLE regress_past, regress_past_owner;
DROP SERVER past_bus;
