-- A history as Greenplum has it, append-optimised, compressed and partitioned: read by ranges of
-- numbers, with partitions dropped; append-optimised targets; many events that cannot be applied.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA gh;
SET search_path = gh, public;
CREATE TABLE h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL, source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb)
    WITH (appendonly = true, compresstype = zlib, compresslevel = 1) DISTRIBUTED BY (seq)
    PARTITION BY RANGE (ingested_at) (
        PARTITION p202601 START ('2026-01-01 00:00:00+00') INCLUSIVE END ('2026-02-01 00:00:00+00') EXCLUSIVE,
        PARTITION p202602 START ('2026-02-01 00:00:00+00') INCLUSIVE END ('2026-03-01 00:00:00+00') EXCLUSIVE);
CREATE INDEX ON h (seq);
INSERT INTO cdc.subscription (name, owner, server, tables, "exclude", format, history, copy_data, enabled, options)
    VALUES ('gh', current_user, 'none', '{*.*}', '{}', 'maxwell', 'gh.h', false, false, '{"on_error": "log"}');
INSERT INTO cdc.subscription_position (subscription, last_seq, events) VALUES ('gh', 0, 1);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('gh');
SELECT cdc_catalog.take_over('gh');
CREATE TABLE t (id int PRIMARY KEY, v smallint, CHECK (v <> 7)) DISTRIBUTED BY (id);
CREATE TABLE rows (id int, v int) WITH (appendonly = true, orientation = column, compresstype = zlib) DISTRIBUTED RANDOMLY;
CREATE TABLE parts (id int, v int) WITH (appendonly = true) DISTRIBUTED BY (id)
    PARTITION BY RANGE (id) (START (0) END (100000) EVERY (50000));
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state)
    VALUES ('gh', 'd.t', 'd.t', 'gh.t', '{id}', 'r'), ('gh', 'd.rows', 'd.rows', 'gh.rows', NULL, 'r'),
        ('gh', 'd.parts', 'd.parts', 'gh.parts', NULL, 'r');

-- n events of that table behind the last one: keys from first on; every each-th ends a transaction
CREATE FUNCTION write_events(tab text, first int, n int, each int, month text, v text DEFAULT '1') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'INSERT INTO gh.h (seq, ingested_at, source_ts, source_table, op, position, event, commit)
        SELECT l.last_seq + i, ' || quote_literal('2026-' || month || '-10 00:00:00+00') || ', now(), ' || quote_literal(tab) || ', ''c'',
            ''bin.000001:'' || l.last_seq + i, (''{"data":{"id":'' || ' || first || ' + i || '',"v":'' || (' || v || ') || ''}}'')::jsonb, i % ' || each || ' = 0
        FROM generate_series(1, ' || n || ') i, (SELECT last_seq FROM cdc.subscription_position WHERE subscription = ''gh'') l';
    UPDATE cdc.subscription_position SET last_seq = last_seq + n WHERE subscription = 'gh';
END $$;
CREATE VIEW applied AS
    SELECT p.applied_seq, s.last_seq FROM cdc.subscription_progress p JOIN cdc.subscription_position s USING (subscription)
    WHERE subscription = 'gh';

-- up to the next end of a transaction, up to the last one; long transactions
SELECT write_events('d.t', 0, 3000, 10, '01');
SELECT * FROM cdc.apply('gh', 25);
SELECT * FROM applied;
SELECT * FROM cdc.apply('gh');
SELECT write_events('d.t', 3000, 40000, 40000, '02');
SELECT write_events('d.t', 43000, 5, 10, '02');
SELECT * FROM cdc.apply('gh', 100);
SELECT * FROM applied;
SELECT * FROM cdc.apply('gh');
SELECT write_events('d.t', 43005, 5, 5, '02');
SELECT * FROM cdc.apply('gh');
SELECT * FROM applied;
SELECT count(*), sum(v), sum(id) FROM t;

-- append-optimised targets, by rows and by columns, with partitions and without
SELECT write_events('d.rows', 0, 500, 1, '02');
SELECT write_events('d.parts', 49800, 500, 1, '02');
SELECT * FROM cdc.apply('gh') ORDER BY 1;
SELECT count(*), sum(id) FROM rows;
SELECT count(*), sum(id) FROM parts;

-- 60 events that do not fit, by their type and by a check, alone and in a row
SELECT write_events('d.t', 100000, 80, 1, '02', 'CASE WHEN i % 4 = 0 THEN 40000 WHEN i % 4 = 2 THEN 7 ELSE 3 END');
SELECT write_events('d.t', 200000, 20, 1, '02', '40000');
SELECT sum(events) FROM cdc.apply('gh');
SELECT * FROM applied;
SELECT count(*), sum(v) FROM t WHERE id > 100000;
SELECT kept_events FROM cdc.stat_table WHERE subscription = 'gh' AND source_table = 'd.t';
SELECT sqlstate, count(*), count(DISTINCT seq) FROM cdc.error WHERE subscription = 'gh' GROUP BY 1 ORDER BY 1;

-- a partition that was applied can go; one that was not is missed
ALTER TABLE h DROP PARTITION p202601;
SELECT write_events('d.rows', 1000, 10, 1, '02');
SELECT * FROM cdc.apply('gh');
CREATE TABLE again (id int PRIMARY KEY, v int) DISTRIBUTED BY (id);
SELECT cdc.replay('gh', 'd.t', 'gh.again', from_seq := 1, to_seq := 3010);
SELECT cdc.replay('gh', 'd.t', 'gh.again', from_seq := 3001, to_seq := 43000);
SELECT count(*) FROM again;
ALTER TABLE h ADD PARTITION p202603 START ('2026-03-01 00:00:00+00') INCLUSIVE END ('2026-04-01 00:00:00+00') EXCLUSIVE
    WITH (appendonly = true, compresstype = zlib, compresslevel = 1);
SELECT write_events('d.rows', 2000, 10, 1, '02');
SELECT write_events('d.rows', 3000, 10, 1, '03');
ALTER TABLE h DROP PARTITION p202602;
SELECT * FROM cdc.apply('gh');

DELETE FROM cdc.subscription_table WHERE subscription = 'gh';
DELETE FROM cdc.table_counter WHERE subscription = 'gh';
DELETE FROM cdc.error WHERE subscription = 'gh';
DELETE FROM cdc.log WHERE subscription = 'gh';
DELETE FROM cdc.subscription_progress WHERE subscription = 'gh';
DELETE FROM cdc.subscription_position WHERE subscription = 'gh';
DELETE FROM cdc.subscription WHERE name = 'gh';
DROP SCHEMA gh CASCADE;
