-- Modes of targets on Greenplum's segments: soft_delete and append, by few and by many events, beside
-- what the history says; the option target_mode; what a target of a mode lacks; cdc.purge_history.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA gm;
SET search_path = gm, public;
CREATE SERVER gm_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms');
CREATE TABLE h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL, source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb)
    WITH (appendonly = true, compresstype = zlib, compresslevel = 1) DISTRIBUTED BY (seq)
    PARTITION BY RANGE (ingested_at) (
        PARTITION p202601 START ('2026-01-01 00:00:00+00') INCLUSIVE END ('2026-02-01 00:00:00+00') EXCLUSIVE,
        START ('2026-02-01 00:00:00+00') INCLUSIVE END ('2026-03-01 00:00:00+00') EXCLUSIVE);
CREATE INDEX ON h (seq);
CREATE TABLE hk (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq)) DISTRIBUTED BY (seq);
INSERT INTO cdc.subscription (name, owner, server, tables, "exclude", format, history, copy_data, enabled, options) VALUES
    ('gm', current_user, 'none', '{*.*}', '{}', 'maxwell', 'gm.h', false, false, '{}'),
    ('gmk', current_user, 'gm_bus', '{*.*}', '{}', 'maxwell', 'gm.hk', false, false, '{"target_mode": "soft_delete"}');
INSERT INTO cdc.subscription_position (subscription, last_seq, events) VALUES ('gm', 0, 1), ('gmk', 0, 1);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('gm'), ('gmk');
SELECT cdc_catalog.take_over('gm'), cdc_catalog.take_over('gmk');
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''));
END $$;

-- n events from number i = 1 on, as what and document say; each a transaction of its own
CREATE FUNCTION write_events(n int, at text, tab text, what text, document text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'INSERT INTO gm.h (seq, ingested_at, source_ts, source_table, op, position, event, commit)
        SELECT l.last_seq + i, ' || quote_literal(at) || ', timestamptz ''2026-01-01 00:00:00+00'' + i * interval ''1 s'', '
            || quote_literal(tab) || ', (' || what || ')::"char", ''bin.000001:'' || l.last_seq + i, (' || document || ')::jsonb, true
        FROM generate_series(1, ' || n || ') i, (SELECT last_seq FROM cdc.subscription_position WHERE subscription = ''gm'') l';
    UPDATE cdc.subscription_position SET last_seq = last_seq + n WHERE subscription = 'gm';
END $$;

-- what a target lacks for its mode; after what the hint says it is one
CREATE TABLE soft (id int PRIMARY KEY, v int, w text) DISTRIBUTED BY (id);
CREATE TABLE journal (id int PRIMARY KEY, v int NOT NULL, w text) DISTRIBUTED BY (id);
SELECT fails($$SELECT cdc.add_table('gmk', 'd.soft', target := 'gm.soft', key := '{id}')$$);
SELECT fails($$SELECT cdc.add_table('gmk', 'd.journal', target := 'gm.journal', mode := 'append')$$);
ALTER TABLE gm.soft ADD COLUMN _cdc_deleted boolean NOT NULL DEFAULT false, ADD COLUMN _cdc_seq bigint, ADD COLUMN _cdc_source_ts timestamp with time zone;
ALTER TABLE gm.journal ADD COLUMN _cdc_op text, ADD COLUMN _cdc_seq bigint, ADD COLUMN _cdc_row integer, ADD COLUMN _cdc_source_ts timestamp with time zone, DROP CONSTRAINT journal_pkey, ALTER COLUMN id DROP NOT NULL, ALTER COLUMN v DROP NOT NULL;
SELECT fails($$SELECT cdc.add_table('gmk', 'd.journal', target := 'gm.journal', mode := 'append')$$);
ALTER TABLE gm.journal SET DISTRIBUTED BY (_cdc_seq, _cdc_row);
SELECT fails($$SELECT cdc.add_table('gmk', 'd.soft', target := 'gm.soft', key := '{id}')$$);
SELECT fails($$SELECT cdc.add_table('gmk', 'd.journal', target := 'gm.journal', mode := 'append')$$);
SELECT source_table, mode FROM cdc.subscription_table WHERE subscription = 'gmk' ORDER BY 1;
SELECT cdc.remove_table('gmk', 'd.soft'), cdc.remove_table('gmk', 'd.journal');

-- the same events in all modes: what is there, what went and when, what happened
CREATE UNIQUE INDEX ON journal (_cdc_seq, _cdc_row);
CREATE TABLE loose (id int, v int, w text, _cdc_op text, _cdc_seq bigint, _cdc_row int, _cdc_source_ts timestamptz)
    WITH (appendonly = true, orientation = column, compresstype = zlib) DISTRIBUTED RANDOMLY;
CREATE TABLE plain (id int PRIMARY KEY, v int, w text) DISTRIBUTED BY (id);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, mode, key, state) VALUES
    ('gm', 'd.t', 'd.t', 'gm.soft', 'soft_delete', '{id}', 'r'), ('gm', 'd.t into gm.journal', 'd.t', 'gm.journal', 'append', NULL, 'r'),
    ('gm', 'd.t into gm.plain', 'd.t', 'gm.plain', 'replica', '{id}', 'r');
CREATE VIEW last AS
    SELECT DISTINCT ON ((event->'data'->>'id')::int) (event->'data'->>'id')::int AS id, seq, op, source_ts,
        (event->'data'->>'v')::int AS v, event->'data'->>'w' AS w
    FROM h WHERE source_table = 'd.t' ORDER BY 1, seq DESC;
CREATE FUNCTION differ() RETURNS TABLE (soft bigint, journal bigint, plain bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM gm.last l FULL JOIN gm.soft s USING (id)
            WHERE (l.op = 'd', l.seq, l.source_ts) IS DISTINCT FROM (s._cdc_deleted, s._cdc_seq, s._cdc_source_ts) AND NOT (s.id IS NULL AND l.op = 'd')
               OR l.op <> 'd' AND (l.v, l.w) IS DISTINCT FROM (s.v, s.w)),
        (SELECT count(*) FROM (SELECT seq, op, source_ts, (event->'data'->>'id')::int AS id, (event->'data'->>'v')::int AS v, event->'data'->>'w' AS w
            FROM gm.h WHERE source_table = 'd.t') e FULL JOIN gm.journal g ON g._cdc_seq = e.seq
            WHERE (e.op::text, e.id, e.v, e.w, 0, e.source_ts) IS DISTINCT FROM (g._cdc_op, g.id, g.v, g.w, g._cdc_row, g._cdc_source_ts)),
        (SELECT count(*) FROM (SELECT id, v, w FROM gm.last WHERE op <> 'd') l FULL JOIN gm.plain p USING (id)
            WHERE (l.v, l.w) IS DISTINCT FROM (p.v, p.w)) $$;
SELECT write_events(40, '2026-01-10 00:00:00+00', 'd.t', $$'c'$$, $$'{"data":{"id":' || i || ',"v":' || i || ',"w":"a"}}'$$);
SELECT * FROM cdc.apply('gm') ORDER BY 1;
SELECT * FROM differ();
SELECT write_events(20, '2026-01-10 00:00:00+00', 'd.t', $$CASE WHEN i % 2 = 0 THEN 'u' ELSE 'd' END$$, $$'{"data":{"id":' || i || ',"v":' || i * 10 || ',"w":"b"},"old":{"v":1}}'$$);
SELECT write_events(10, '2026-01-10 00:00:00+00', 'd.t', $$'c'$$, $$'{"data":{"id":' || i || ',"v":7,"w":null}}'$$);
SELECT * FROM cdc.apply('gm') ORDER BY 1;
SELECT * FROM differ();
SELECT * FROM soft WHERE id IN (1, 11, 12) ORDER BY 1;

-- as many as the segments apply of a replica, with all kinds of changes of each key
SELECT write_events(20000, '2026-01-10 00:00:00+00', 'd.t', $$CASE WHEN i % 5 = 0 THEN 'd' WHEN i % 3 = 0 THEN 'c' ELSE 'u' END$$,
    $$'{"data":{"id":' || i % 6000 || ',"v":' || i || ',"w":"m' || i % 7 || '"},"old":{"v":0}}'$$);
SELECT * FROM cdc.apply('gm') ORDER BY 1;
SELECT * FROM differ();

-- a key that changes, TRUNCATE, and both once more
SELECT write_events(1, '2026-02-10 00:00:00+00', 'd.t', $$'u'$$, $$'{"data":{"id":70001,"v":1,"w":"k"},"old":{"id":12}}'$$);
SELECT * FROM cdc.apply('gm') ORDER BY 1;
SELECT id, v, w, _cdc_deleted FROM soft WHERE id IN (12, 70001) ORDER BY 1;
SELECT _cdc_op, _cdc_row, id, v, w FROM journal WHERE _cdc_seq = (SELECT max(_cdc_seq) FROM journal) ORDER BY _cdc_row;
SELECT id, v, w FROM plain WHERE id IN (12, 70001);
SELECT write_events(1, '2026-02-10 00:00:00+00', 'd.t', $$'t'$$, $$'{"type":"table-truncate","database":"d","table":"t"}'$$);
SELECT write_events(2, '2026-02-10 00:00:00+00', 'd.t', $$'c'$$, $$'{"data":{"id":' || i || ',"v":' || i || ',"w":"n"}}'$$);
SELECT target, events FROM cdc.apply('gm') ORDER BY 1;
SELECT count(*), sum(CASE WHEN _cdc_deleted THEN 0 ELSE 1 END) AS there FROM soft;
SELECT _cdc_op, count(*) FROM journal GROUP BY 1 ORDER BY 1;
SELECT * FROM plain ORDER BY 1;
CREATE TABLE soft_before AS SELECT * FROM soft DISTRIBUTED BY (id);
CREATE TABLE journal_before AS SELECT * FROM journal DISTRIBUTED BY (_cdc_seq, _cdc_row);
SELECT cdc.replay('gm', 'd.t', 'gm.soft', mode := 'soft_delete', from_seq := 15000), cdc.replay('gm', 'd.t', 'gm.journal', mode := 'append', from_seq := 15000);
SELECT count(*) FROM (TABLE soft EXCEPT ALL TABLE soft_before) x;
SELECT count(*) FROM (TABLE soft_before EXCEPT ALL TABLE soft) x;
SELECT count(*) FROM (TABLE journal EXCEPT ALL TABLE journal_before) x;
SELECT count(*) FROM (TABLE journal_before EXCEPT ALL TABLE journal) x;

-- a journal that is append-optimised and has no key there
SELECT fails($$SELECT cdc.replay('gm', 'd.t', 'gm.loose', mode := 'append', from_seq := 15000)$$);
SELECT fails($$SELECT cdc.replay('gm', 'd.t', 'gm.loose', mode := 'append', from_seq := 19000)$$);
SELECT count(*), count(DISTINCT (_cdc_seq, _cdc_row)) FROM loose;

-- old history: what is needed stays; what is not needed goes, and is missed by what begins before it
SELECT write_events(3, '2026-02-10 00:00:00+00', 'd.t', $$'u'$$, $$'{"data":{"id":1,"v":' || i || ',"w":"late"},"old":{"w":"n"}}'$$);
SET client_min_messages = notice;
SELECT first_seq, last_seq FROM cdc.purge_history('gm', '2026-01-20') ORDER BY 1;
SELECT first_seq, last_seq FROM cdc.purge_history('gm', '2026-03-01 00:00:00+00') ORDER BY 1;
SET client_min_messages = error;
SELECT count(*), min(seq) FROM h;
SELECT target, events FROM cdc.apply('gm') ORDER BY 1;
SELECT fails($$SELECT cdc.replay('gm', 'd.t', 'gm.soft', mode := 'soft_delete')$$);
SELECT "partition", first_seq, last_seq FROM cdc.purge_history('gm', '2026-03-01 00:00:00+00') ORDER BY 1;
SELECT count(*) FROM h;
-- the last partition cannot be dropped where partitions are Greenplum's own: the one of now is added before
DO $$
DECLARE n int;
BEGIN
    IF current_setting('server_version_num')::int < 100000 THEN
        SELECT count(*) INTO n FROM pg_partitions WHERE schemaname = 'gm' AND tablename = 'h' AND partitionrangeend::text NOT LIKE '''2026-03%';
        IF n <> 1 THEN RAISE EXCEPTION '% partitions', n; END IF;
    ELSE
        EXECUTE 'CREATE TABLE gm.h_now PARTITION OF gm.h DEFAULT';
    END IF;
END $$;
SELECT fails($$SELECT cdc.purge_history('gmk', now())$$);
SELECT message FROM cdc.log WHERE subscription = 'gm' AND kind = 'history' ORDER BY 1;

-- and the rest goes on
SELECT write_events(2, 'now', 'd.t', $$'u'$$, $$'{"data":{"id":1,"v":' || i || ',"w":"on"},"old":{"w":"n"}}'$$);
SELECT target, events FROM cdc.apply('gm') ORDER BY 1;
SELECT * FROM plain ORDER BY 1;

DELETE FROM cdc.subscription_table WHERE subscription IN ('gm', 'gmk');
DELETE FROM cdc.table_counter WHERE subscription IN ('gm', 'gmk');
DELETE FROM cdc.log WHERE subscription IN ('gm', 'gmk');
DELETE FROM cdc_catalog.history_purge WHERE subscription IN ('gm', 'gmk');
DELETE FROM cdc.subscription_progress WHERE subscription IN ('gm', 'gmk');
DELETE FROM cdc.subscription_position WHERE subscription IN ('gm', 'gmk');
DELETE FROM cdc.subscription WHERE name IN ('gm', 'gmk');
DROP SERVER gm_bus;
DROP SCHEMA gm CASCADE;
