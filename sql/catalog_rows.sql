-- Where apply stands is read and written without statements, as if statements did it: what
-- a superuser adds to the extension's tables counts, whatever the transaction is like.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA cr;
SET search_path = cr, public;

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, key jsonb, PRIMARY KEY (seq, ingested_at));
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE FUNCTION subscribe() RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc_catalog.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
        VALUES ('cr', current_user, 'none', '{*.*}', '{}', 'maxwell', 'cr.h', false, false, '{}');
    INSERT INTO cdc_catalog.subscription_position (subscription, last_seq) VALUES ('cr', 0);
    INSERT INTO cdc_catalog.subscription_progress (subscription) VALUES ('cr');
    INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, state) VALUES ('cr', 'd.t', 'd.t', 'cr.t', 'r');
    SELECT cdc_catalog.take_over('cr') $$;
CREATE FUNCTION forget() RETURNS void LANGUAGE sql AS $$
    DELETE FROM cdc_catalog.subscription WHERE name = 'cr';
    DELETE FROM cdc_catalog.subscription_identity WHERE subscription = 'cr';
    DELETE FROM cdc_catalog.subscription_position WHERE subscription = 'cr';
    DELETE FROM cdc_catalog.subscription_progress WHERE subscription = 'cr';
    DELETE FROM cdc_catalog.subscription_table WHERE subscription = 'cr';
    DELETE FROM cdc_catalog.table_counter WHERE subscription = 'cr' $$;
-- one more event, which pull has read; a long gtid is stored out of line
CREATE FUNCTION event(gtid text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    UPDATE cdc_catalog.subscription_position SET last_seq = last_seq + 1 WHERE subscription = 'cr';
    INSERT INTO h (seq, source_ts, source_table, op, position, gtid, event, commit)
    SELECT last_seq, '2024-01-01 UTC', 'd.t', 'c', 'bin.000001:' || last_seq, gtid,
        jsonb_build_object('data', jsonb_build_object('id', last_seq, 'v', 'x')), true
    FROM cdc_catalog.subscription_position WHERE subscription = 'cr' $$;
CREATE FUNCTION apply() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(inserted) FROM cdc.apply('cr') $$;
CREATE VIEW stands AS
    SELECT p.applied_seq, p.position, md5(p.gtid) AS gtid, c.events, c.inserts, c.last_seq, count(t) AS rows
    FROM cdc.subscription_progress p LEFT JOIN cdc.table_counter c USING (subscription) CROSS JOIN t
    WHERE p.subscription = 'cr' GROUP BY 1, 2, 3, 4, 5, 6;
SELECT subscribe();

-- the counter is made by the first event; then the rows are found where they were, and
-- no index is asked nor written
SELECT event(), apply();
CREATE VIEW work AS
    SELECT relname, pg_stat_get_xact_numscans(indexrelid) AS scans, pg_stat_get_xact_tuples_updated(indrelid) AS updates,
        pg_stat_get_xact_tuples_hot_updated(indrelid) AS hot
    FROM pg_index JOIN pg_class c ON c.oid = indrelid
    WHERE indrelid IN ('cdc_catalog.subscription_progress'::regclass, 'cdc_catalog.table_counter'::regclass);
VACUUM FULL cdc_catalog.subscription_progress;
VACUUM FULL cdc_catalog.table_counter;
SELECT event(), apply();
BEGIN;
CREATE TEMP TABLE before AS TABLE work;
SELECT event(), apply();
SELECT event(), apply();
SELECT relname, w.scans - b.scans AS scans, w.updates - b.updates AS updates, w.hot - b.hot AS hot
FROM work w JOIN before b USING (relname) ORDER BY 1;
COMMIT;
TABLE stands;

-- what was written in a transaction that was rolled back is not there
BEGIN;
SELECT event(), apply();
SAVEPOINT s;
SELECT event(), apply();
ROLLBACK TO s;
TABLE stands;
SELECT event(), apply();
TABLE stands;
ROLLBACK;
TABLE stands;

-- the tables are written anew, the row is another one of the same name
SELECT event(), apply();
VACUUM FULL cdc_catalog.subscription_progress;
VACUUM FULL cdc_catalog.subscription_position;
SELECT event(), apply();
CLUSTER cdc_catalog.table_counter USING table_counter_pkey;
SELECT event(), apply();
TABLE stands;
SELECT forget();
VACUUM cdc_catalog.subscription_progress, cdc_catalog.subscription_position, cdc_catalog.table_counter;
SELECT cdc.apply('cr');
TRUNCATE h, t;
-- where the rows were are others' rows now
INSERT INTO cdc_catalog.subscription_progress (subscription, applied_seq) SELECT 'other ' || n, 77 FROM generate_series(1, 50) n;
INSERT INTO cdc_catalog.table_counter (subscription, name, source_table, events) SELECT 'other ' || n, 'd.t', 'd.t', 77 FROM generate_series(1, 50) n;
SELECT subscribe();
SELECT event(), apply();
TABLE stands;
SELECT DISTINCT applied_seq FROM cdc_catalog.subscription_progress WHERE subscription = 'cr' OR subscription LIKE 'other %' ORDER BY 1;
DELETE FROM cdc_catalog.subscription_progress WHERE subscription LIKE 'other %';
DELETE FROM cdc_catalog.table_counter WHERE subscription LIKE 'other %';

-- many versions, so that rows go from page to page while nothing can be pruned, and a long
-- text with it
DO $$ BEGIN
    FOR i IN 1 .. 200 LOOP
        PERFORM event((SELECT string_agg(md5(i || '/' || n), '') FROM generate_series(1, 100) n)), apply();
    END LOOP;
END $$;
TABLE stands;
SELECT gtid = md5((SELECT string_agg(md5('200/' || n), '') FROM generate_series(1, 100) n)) AS same FROM stands;
SET enable_seqscan = off;
SELECT applied_seq, length(gtid) FROM cdc_catalog.subscription_progress WHERE subscription = 'cr';
RESET enable_seqscan;

-- transaction after transaction: dead versions make room for new ones
VACUUM FULL cdc_catalog.subscription_progress;
VACUUM FULL cdc_catalog.table_counter;
SET synchronous_commit = off;
DO $$ BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM event(), apply();
        COMMIT;
    END LOOP;
END $$;
SELECT pg_relation_size('cdc_catalog.subscription_progress') < 10 * 8192 AS small,
    pg_relation_size('cdc_catalog.table_counter') < 10 * 8192 AS small_too;

-- transactions of other kinds
\set VERBOSITY terse
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT event(), apply();
SELECT event(), apply();
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT event(), apply();
COMMIT;
TABLE stands;
SELECT event();
BEGIN READ ONLY;
SELECT apply();
ROLLBACK;
SELECT apply();

-- what a superuser adds or changes: triggers, checks, columns, keys
CREATE TABLE seen (what text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO cr.seen VALUES (TG_TABLE_NAME || ' ' || NEW.applied_seq); RETURN NEW; END $$;
CREATE TRIGGER see AFTER UPDATE ON cdc_catalog.subscription_progress FOR EACH ROW EXECUTE FUNCTION see();
SELECT event(), apply();
TABLE seen;
DROP TRIGGER see ON cdc_catalog.subscription_progress;
SELECT event(), apply();
TABLE seen;
ALTER TABLE cdc_catalog.subscription_progress ADD CONSTRAINT no_more CHECK (applied_seq < 3000) NOT VALID;
UPDATE cdc_catalog.subscription_position SET last_seq = 2999 WHERE subscription = 'cr';
UPDATE cdc_catalog.subscription_progress SET applied_seq = 2999 WHERE subscription = 'cr';
SELECT event(), apply();
ALTER TABLE cdc_catalog.subscription_progress DROP CONSTRAINT no_more;
SELECT event(), apply();
ALTER TABLE cdc_catalog.table_counter ADD mine int NOT NULL DEFAULT 7;
SELECT event(), apply();
SELECT mine FROM cdc_catalog.table_counter WHERE subscription = 'cr';
ALTER TABLE cdc_catalog.table_counter DROP mine;
ALTER TABLE cdc_catalog.table_counter RENAME deletes TO gone;
SELECT event(), apply();
ALTER TABLE cdc_catalog.table_counter RENAME gone TO deletes;
SELECT event(), apply();
ALTER TABLE cdc_catalog.subscription_progress DROP CONSTRAINT subscription_progress_pkey;
SELECT event(), apply();
ALTER TABLE cdc_catalog.subscription_progress ADD PRIMARY KEY (subscription);
SELECT event(), apply();
SELECT applied_seq, rows FROM stands;

SELECT forget();
DROP SCHEMA cr CASCADE;
