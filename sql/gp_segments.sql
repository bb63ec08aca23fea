-- What the segments apply by themselves, and what they leave to the master: the targets are
-- what a table with all events would say.
-- (events without a source: rows that they find missing are a WARNING)
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA gs;
SET search_path = gs, public;
CREATE TABLE h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq)) DISTRIBUTED BY (seq);
INSERT INTO cdc.subscription (name, owner, server, tables, "exclude", format, history, copy_data, enabled, options)
    VALUES ('gs', current_user, 'none', '{*.*}', '{}', 'maxwell', 'gs.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq, events) VALUES ('gs', 0, 1);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('gs');
SELECT cdc_catalog.take_over('gs');
CREATE TABLE t (gone int, id int, part varchar(10) COLLATE "C", name varchar(12), v numeric(8,2), at timestamp(3),
    PRIMARY KEY (id, part)) DISTRIBUTED BY (id);
ALTER TABLE t DROP COLUMN gone;
CREATE TABLE plain (n int, s text) DISTRIBUTED RANDOMLY;
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state)
    VALUES ('gs', 'd.t', 'd.t', 'gs.t', '{id,part}', 'r'), ('gs', 'd.plain', 'd.plain', 'gs.plain', NULL, 'r');

-- The event with that number: of some 3000 keys, each of which comes, changes, goes and comes again.
CREATE FUNCTION event_of(n int) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{"data":{"id":' || n * 7919 % 3000 || ',"part":"p' || n % 3 || '","name":' ||
        CASE WHEN n % 11 = 0 THEN 'null' ELSE '"n' || n || '"' END || ',"v":' || n / 4.0 ||
        ',"at":"2026-01-01 00:00:00.' || lpad((n % 1000)::text, 3, '0') || '"}' ||
        CASE WHEN n % 5 = 1 THEN ',"old":{"name":"x"}' ELSE '' END || '}')::jsonb $$;
CREATE FUNCTION op_of(n int) RETURNS "char" LANGUAGE sql IMMUTABLE AS $$
    SELECT (CASE WHEN n % 7 = 0 THEN 'd' WHEN n % 5 = 1 THEN 'u' ELSE 'c' END)::"char" $$;
CREATE FUNCTION write_events(n int, tab text DEFAULT 'd.t') RETURNS void LANGUAGE sql AS $$
    INSERT INTO h (seq, source_ts, source_table, op, position, event, commit)
        SELECT l.last_seq + i, '2026-01-01 00:00:00Z'::timestamptz + interval '1 s' * i, $2, op_of(i), 'bin.000001:' || i, event_of(i), i = $1
        FROM generate_series(1, $1) i, (SELECT last_seq FROM cdc.subscription_position WHERE subscription = 'gs') l;
    UPDATE cdc.subscription_position SET last_seq = last_seq + $1 WHERE subscription = 'gs' $$;
CREATE FUNCTION write_event(what "char", event text, tab text DEFAULT 'd.t') RETURNS void LANGUAGE sql AS $$
    UPDATE cdc.subscription_position SET last_seq = last_seq + 1 WHERE subscription = 'gs';
    INSERT INTO h (seq, source_ts, source_table, op, position, event, commit)
        SELECT last_seq, now(), $3, $1, 'bin.000001:9', $2::jsonb, true
        FROM cdc.subscription_position WHERE subscription = 'gs' $$;

-- What the events behind a seq leave of a table that was empty there.
CREATE TABLE start (seq bigint);
INSERT INTO start VALUES (0);
CREATE VIEW expected AS
    SELECT (d->>'id')::int AS id, (d->>'part')::varchar(10) AS part, (d->>'name')::varchar(12) AS name,
        (d->>'v')::numeric(8,2) AS v, (d->>'at')::timestamp(3) AS at
    FROM (SELECT DISTINCT ON (h.event->'data'->>'id', h.event->'data'->>'part') h.op, h.event->'data' AS d FROM h, start
        WHERE h.source_table = 'd.t' AND h.op <> 't' AND h.seq > start.seq
        ORDER BY h.event->'data'->>'id', h.event->'data'->>'part', h.seq DESC) x WHERE op <> 'd';
CREATE VIEW differences AS
    SELECT (SELECT count(*) FROM (SELECT id, part, name, v, at FROM t EXCEPT ALL SELECT * FROM expected) x) AS too_much,
        (SELECT count(*) FROM (SELECT * FROM expected EXCEPT ALL SELECT id, part, name, v, at FROM t) x) AS lacking,
        (SELECT count(*) > 0 FROM t) AS any;
CREATE VIEW stages AS
    SELECT count(*) FROM pg_class WHERE relname IN ('cdc_stage_' || 'gs.t'::regclass::oid, 'cdc_stage_' || 'gs.plain'::regclass::oid)
    AND pg_table_is_visible(oid);

-- few events: the master
SELECT write_events(1000);
SELECT * FROM cdc.apply('gs');
SELECT count AS stages FROM stages;
SELECT * FROM differences;

-- many: the segments, but for the last one
SELECT write_events(20000);
SELECT target, events, inserted + updated >= 1700 AS rows, deleted > 0 AS deleted FROM cdc.apply('gs');
SELECT count AS stages FROM stages;
SELECT * FROM differences;
SELECT events, last_seq, source_ts = '2026-01-01 05:33:20Z' AS last FROM cdc.table_counter WHERE source_table = 'd.t';
SELECT applied_seq, position FROM cdc.subscription_progress WHERE subscription = 'gs';

-- a key that changes, in between and at the end; and a delete that has its key only
SELECT write_events(10000);
SELECT write_event('u', '{"data":{"id":90001,"part":"p1","name":"moved","v":1,"at":"2026-01-01 00:00:00"},"old":{"id":2999}}');
SELECT write_event('d', '{"data":{"id":2999,"part":"p1","name":"a","v":1,"at":"2026-01-01 00:00:00"}}');
SELECT write_events(10000);
SELECT write_event('d', '{"data":{"id":1,"part":"p1"}}');
SELECT target, events FROM cdc.apply('gs');
SELECT count AS stages FROM stages;
SELECT * FROM differences;
SELECT count(*) FROM cdc_catalog.subscription_progress WHERE applied_seq = 41003;

-- a session of its own leaves nothing to the master yet
\c -
SET client_min_messages = error;
SET search_path = gs, public;

-- TRUNCATE in the middle, rows of a table without key beside: each before and behind it
SELECT write_events(9000);
INSERT INTO h (seq, source_table, op, position, event, commit)
    SELECT 50003 + i, 'd.plain', 'c', 'bin.000001:1', ('{"data":{"n":' || i % 5 || ',"s":"x"}}')::jsonb, i = 9000 FROM generate_series(1, 9000) i;
UPDATE cdc.subscription_position SET last_seq = last_seq + 9000 WHERE subscription = 'gs';
SELECT write_event('t', NULL);
SELECT write_events(9500);
SELECT target, events FROM cdc.apply('gs') ORDER BY 1;
UPDATE start SET seq = 59004;
SELECT count AS stages FROM stages;
SELECT * FROM differences;
SELECT n, count(*) FROM plain GROUP BY n ORDER BY n;

-- a value that does not fit: the master says where; nothing else is lost
SELECT write_events(9000);
SELECT write_event('c', '{"data":{"id":70000,"part":"p1","name":"longer than twelve","v":1,"at":"2026-01-01 00:00:00"}}');
SELECT write_events(9000);
\set VERBOSITY terse
SELECT target, events FROM cdc.apply('gs');
SELECT lacking > 0 AS behind FROM differences;
UPDATE h SET event = '{"data":{"id":70000,"part":"p1","name":"short","v":1,"at":"2026-01-01 00:00:00"}}' WHERE seq = 77505;
SELECT target, events FROM cdc.apply('gs');
SELECT * FROM differences;

-- another column: the stage follows
ALTER TABLE t ADD COLUMN more int;
INSERT INTO h (seq, source_table, op, position, event, commit)
    SELECT 86505 + i, 'd.t', 'u', 'bin.000001:1', ('{"data":{"id":' || i || ',"part":"m","name":"m","v":1,"at":"2026-01-01 00:00:00","more":' || i || '}}')::jsonb, i = 9000 FROM generate_series(1, 9000) i;
UPDATE cdc.subscription_position SET last_seq = last_seq + 9000 WHERE subscription = 'gs';
SELECT * FROM cdc.apply('gs');
SELECT count AS stages FROM stages;
SELECT count(*), sum(more) FROM t WHERE part = 'm';

-- a table of that name that somebody else has made is not used
\c -
SET client_min_messages = error;
SET search_path = gs, public;
CREATE FUNCTION other_stage() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'CREATE TEMPORARY TABLE cdc_stage_' || 'gs.t'::regclass::oid || ' (c1 int) DISTRIBUTED BY (c1)';
END $$;
SELECT other_stage();
INSERT INTO h (seq, source_table, op, position, event, commit)
    SELECT 95505 + i, 'd.t', 'd', 'bin.000001:1', ('{"data":{"id":' || i || ',"part":"m","name":"m","v":1,"at":"2026-01-01 00:00:00","more":' || i || '}}')::jsonb, i = 9000 FROM generate_series(1, 9000) i;
UPDATE cdc.subscription_position SET last_seq = last_seq + 9000 WHERE subscription = 'gs';
SELECT * FROM cdc.apply('gs');
SELECT count(*), sum(more) FROM t WHERE part = 'm';

-- a source table with two targets: each has all
\c -
SET client_min_messages = error;
SET search_path = gs, public;
CREATE TABLE second (LIKE t, PRIMARY KEY (id, part)) DISTRIBUTED BY (id);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state)
    VALUES ('gs', 'd.t again', 'd.t', 'gs.second', '{id,part}', 'r');
INSERT INTO h (seq, source_table, op, position, event, commit)
    SELECT 104505 + i, 'd.t', 'c', 'bin.000001:1', ('{"data":{"id":' || i || ',"part":"m","name":"m","v":1,"at":"2026-01-01 00:00:00","more":' || i || '}}')::jsonb, i = 9000 FROM generate_series(1, 9000) i;
UPDATE cdc.subscription_position SET last_seq = last_seq + 9000 WHERE subscription = 'gs';
SELECT * FROM cdc.apply('gs') ORDER BY 1;
SELECT count(*), sum(more) FROM t WHERE part = 'm';
SELECT count(*), sum(more) FROM second WHERE part = 'm';

-- whoever calls the function gets rows of what he gives it, or an error
SELECT count(*) FROM (SELECT cdc.event_row('c', '{"data":{"id":1,"part":"a"}}', '{id,part}', '{0,1,2,2,0,0,3,0,0}', NULL::t)) x;
SELECT cdc.event_row('c', '{"data":{"id":1,"part":"a"}}', '{id,part}', '{0,1,9}', NULL::t);
SELECT cdc.event_row('c', '{"data":{"id":1,"part":"a"}}', '{id}', '{0,1,2,2,99,0}', NULL::t);
SELECT cdc.event_row('c', '{"data":{"id":1,"part":"a"}}', '{id}', '{0,1,2,2,0,0}', NULL::int);
SELECT cdc.event_row('c', '[]', '{id}', '{0,1,2,2,0,0}', NULL::t);
SELECT cdc.event_row('c', '{"data":{"id":1,"part":"a","name":"b","v":1,"at":"2026-01-01","more":5}}', '{id,part,name,v,at,more}', '{0,2,2,3,2,1,0,3,1,0,4,1,0,5,5,0,6,5,0,7,5,0}', NULL::t);
SELECT cdc.event_row('m', '{"data":{}}', '{id}', '{0,1,2,2,0,0}', NULL::t);
DELETE FROM cdc.subscription_table WHERE subscription = 'gs';
DELETE FROM cdc.subscription_position WHERE subscription = 'gs';
DELETE FROM cdc.subscription_progress WHERE subscription = 'gs';
DELETE FROM cdc.table_counter WHERE subscription = 'gs';
DELETE FROM cdc.subscription WHERE name = 'gs';
DROP SCHEMA gs CASCADE;
