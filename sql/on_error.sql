-- One table's error is that table's: option on_error, retry_errors, discard_errors,
-- skip_transaction; on history filled by hand, with both back-ends of write.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA oe;
SET search_path = oe, public;

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq, ingested_at));
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('oe', current_user, 'none', '{*.*}', '{}', 'maxwell', 'oe.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription) VALUES ('oe');
INSERT INTO cdc.subscription_progress (subscription) VALUES ('oe');
SELECT cdc_catalog.take_over('oe');
CREATE SEQUENCE seq;
-- an event, as pull would write it
CREATE FUNCTION ev(tab text, op "char", data text, old text DEFAULT NULL, commit boolean DEFAULT true)
RETURNS bigint LANGUAGE sql AS $$
    UPDATE cdc_catalog.subscription_position SET last_seq = currval('seq'), events = currval('seq')
        WHERE nextval('seq') > 0 AND subscription = 'oe';
    INSERT INTO h (seq, source_ts, source_table, op, position, gtid, event, commit)
    SELECT s, timestamptz '2024-01-01 00:00:00+00' + s * interval '1 s', 'd.' || tab, op,
        'binlog.000042:' || s * 100, 'g-' || s,
        ('{"database":"d","table":' || to_json(tab) || ',"data":' || data ||
         coalesce(',"old":' || old, '') || '}')::jsonb, commit
    FROM currval('seq') s RETURNING seq $$;
CREATE FUNCTION tell() RETURNS void LANGUAGE sql AS $$
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
CREATE FUNCTION wants(tab text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state) VALUES ('oe', 'd.' || tab, 'd.' || tab, 'oe.' || tab, 'r');
    SELECT tell() $$;
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''));
END $$;
CREATE VIEW states AS
    SELECT source_table, state, error_seq, error_key, kept_events, differs, split_part(last_error, E'\n', 1) AS error
      FROM cdc.stat_table WHERE subscription = 'oe' ORDER BY 1;
CREATE VIEW kept AS
    SELECT source_table, seq, op, sqlstate, split_part(message, E'\n', 1) AS message, event->'data' AS data
      FROM cdc.error WHERE subscription = 'oe' ORDER BY 2;
-- a table of our own is as its source when it is what a replay of the history makes
CREATE FUNCTION equal(tab text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE result boolean;
BEGIN
    EXECUTE 'DROP TABLE IF EXISTS oe.again';
    EXECUTE format('CREATE TABLE oe.again AS SELECT * FROM oe.%I WHERE false', tab);
    ALTER TABLE oe.again ADD PRIMARY KEY (id);
    PERFORM cdc.replay('oe', 'd.' || tab, 'oe.again');
    EXECUTE format('SELECT NOT EXISTS ((TABLE oe.again EXCEPT ALL TABLE oe.%1$I) UNION ALL (TABLE oe.%1$I EXCEPT ALL TABLE oe.again))', tab)
        INTO result;
    RETURN result;
END $$;

-- heap: direct access; sql: a partitioned table; other: always well
CREATE TABLE heap (id int PRIMARY KEY, n int CONSTRAINT heap_n CHECK (n < 100));
CREATE TABLE sql (id int PRIMARY KEY, n int CONSTRAINT sql_n CHECK (n < 100)) PARTITION BY HASH (id);
CREATE TABLE sql0 PARTITION OF sql FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sql1 PARTITION OF sql FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE other (id int PRIMARY KEY, n int);
CREATE TABLE keyless (a int, b int CHECK (b < 100));
SELECT wants(t) FROM unnest('{heap,sql,other,keyless}'::text[]) t;

-- stop: the default; the hint says what to type, and nothing of the transaction is there
SELECT ev('heap', 'c', '{"id":1,"n":1}', NULL, false), ev('other', 'c', '{"id":1,"n":1}');
SELECT ev('heap', 'u', '{"id":1,"n":100}', '{"n":1}', false), ev('other', 'c', '{"id":2,"n":2}');
SELECT fails($$SELECT * FROM cdc.apply('oe')$$);
-- which of the row's two events it is the next call finds out
SELECT fails($$SELECT * FROM cdc.apply('oe')$$);
SELECT * FROM heap;

-- table, as the hint has it: the others go on, it stays where it was
SELECT cdc.alter_table('oe', 'd.heap', '{"on_error": "table"}');
SELECT * FROM cdc.apply('oe');
TABLE states;
TABLE heap;
TABLE other;
SELECT ev('heap', 'c', '{"id":2,"n":2}', NULL, false), ev('other', 'u', '{"id":2,"n":3}', '{"n":2}');
SELECT * FROM cdc.apply('oe');
TABLE heap;
TABLE other;
SELECT fails($$SELECT cdc.wait_for('oe', 'binlog.000042:100', timeout := '1 ms')$$);
-- the reason is still there: nothing happens
SELECT fails($$SELECT cdc.retry_errors('oe', 'd.heap')$$);
TABLE heap;
SELECT state, kept_events FROM states WHERE source_table = 'd.heap';
-- it is gone
ALTER TABLE heap DROP CONSTRAINT heap_n;
SELECT cdc.retry_errors('oe', 'd.heap');
TABLE states;
TABLE heap;
SELECT equal('heap'), equal('other');
SELECT cdc.retry_errors('oe'), cdc.retry_errors('oe', 'd.heap');
-- and goes on
SELECT ev('heap', 'd', '{"id":2,"n":2}');
SELECT * FROM cdc.apply('oe');
SELECT equal('heap');

-- a transaction that cannot be applied is passed over; while the table has stopped ...
ALTER TABLE heap ADD CONSTRAINT heap_n CHECK (n < 200);
SELECT ev('heap', 'c', '{"id":3,"n":3}', NULL, false), ev('heap', 'c', '{"id":4,"n":200}', NULL, false), ev('other', 'c', '{"id":4,"n":4}'),
       ev('heap', 'c', '{"id":5,"n":5}');
SELECT * FROM cdc.apply('oe');
SELECT * FROM states WHERE state = 'e';
SELECT fails($$SELECT cdc.retry_errors('oe')$$);
SELECT cdc.skip_transaction('oe', 'binlog.000042:900');
SELECT cdc.retry_errors('oe');
TABLE heap;
SELECT * FROM states WHERE source_table = 'd.heap';
SELECT fails($$SELECT cdc.wait_for('oe', 'binlog.000042:100', timeout := '1 ms')$$);
SELECT first_seq, last_seq, position, gtid FROM cdc.skipped_transaction WHERE subscription = 'oe';
-- it goes on
SELECT ev('heap', 'c', '{"id":6,"n":6}');
SELECT * FROM cdc.apply('oe');
SELECT fails($$SELECT cdc.skip_transaction('oe', 'g-12')$$);
SELECT fails($$SELECT cdc.skip_transaction('oe', 'g-99')$$);
-- ... and where the whole subscription has stopped
UPDATE cdc.subscription_table SET state = 'r' WHERE subscription = 'oe';
UPDATE cdc_catalog.subscription_table SET differs = NULL WHERE subscription = 'oe';
SELECT cdc.alter_table('oe', 'd.heap', '{"on_error": "stop"}');
SELECT ev('heap', 'u', '{"id":6,"n":600}', '{"n":6}', false), ev('other', 'c', '{"id":6,"n":6}');
SELECT ev('heap', 'c', '{"id":7,"n":7}'), ev('other', 'c', '{"id":7,"n":7}');
SELECT fails($$SELECT * FROM cdc.apply('oe')$$);
SELECT cdc.skip_transaction('oe', 'g-14');
SELECT * FROM cdc.apply('oe');
TABLE states;
TABLE heap;
TABLE other;
SELECT applied_seq, position FROM cdc.subscription_progress WHERE subscription = 'oe';
SELECT kind, message, detail FROM cdc.log WHERE subscription = 'oe' AND kind = 'skip';
DELETE FROM cdc.skipped_transaction WHERE subscription = 'oe';
DELETE FROM cdc_catalog.skipped_transaction WHERE subscription = 'oe';

-- log: the event, and what follows on its key, former and new; with both back-ends
UPDATE cdc_catalog.subscription_table SET state = 'r', differs = NULL, last_error = NULL WHERE subscription = 'oe';
SELECT tell();
SELECT cdc.alter_table('oe', 'd.' || t, '{"on_error": "log"}') FROM unnest('{heap,sql}'::text[]) t;
DELETE FROM h;
DELETE FROM heap; DELETE FROM sql; DELETE FROM other;
CREATE FUNCTION run(t text) RETURNS void LANGUAGE sql AS $$
    SELECT ev(t, 'c', '{"id":1,"n":1}', NULL, false), ev(t, 'c', '{"id":2,"n":2}', NULL, false), ev('other', 'c', '{"id":1,"n":1}'),
           ev(t, 'u', '{"id":1,"n":900}', '{"n":1}', false), ev(t, 'u', '{"id":2,"n":3}', '{"n":2}'),    -- 1 fails
           ev(t, 'u', '{"id":1,"n":4}', '{"n":900}'),                    -- follows
           ev(t, 'u', '{"id":3,"n":4}', '{"id":1}'),                     -- 1 becomes 3: follows
           ev(t, 'd', '{"id":3,"n":4}'),                                 -- follows
           ev(t, 'c', '{"id":1,"n":5}'),                                 -- follows
           ev(t, 'c', '{"id":4,"n":1}'), ev(t, 'c', '{"id":5,"n":"abc"}', NULL, false), ev(t, 'u', '{"id":2,"n":7}', '{"n":3}') $$;
SELECT run('heap');
SELECT * FROM cdc.apply('oe');
SELECT source_table, seq - min(seq) OVER () AS seq, op, sqlstate, message, data FROM kept;
TABLE heap;
SELECT source_table, state, error_seq - (SELECT min(seq) FROM h) AS seq, error_key, kept_events, error FROM states WHERE state <> 'r';
SELECT fails($$SELECT cdc.retry_errors('oe')$$);
-- one that never can be is given up, the rest is applied
ALTER TABLE heap DROP CONSTRAINT heap_n;
SELECT fails($$SELECT cdc.discard_errors('oe', 'd.heap', ' ')$$);
SELECT cdc.discard_errors('oe', 'd.heap', 'no number', (SELECT seq FROM kept WHERE sqlstate = '22P02'));
SELECT cdc.retry_errors('oe');
TABLE heap;
TABLE kept;
SELECT source_table, state, kept_events, differs FROM states WHERE source_table = 'd.heap';
SELECT count(*) FROM cdc_catalog.blocked_key WHERE subscription = 'oe';
SELECT message, detail FROM cdc.log WHERE subscription = 'oe' AND detail = 'no number';
-- the same in small steps of apply, and through SQL
SELECT run('sql');
SELECT count(*) FROM generate_series(1, 20) i, LATERAL (SELECT count(*) FROM cdc.apply('oe', CASE WHEN i > 0 THEN 1 END)) x;
SELECT source_table, seq - min(seq) OVER () AS seq, op, sqlstate, message, data FROM kept;
SELECT * FROM sql ORDER BY id;
ALTER TABLE sql DROP CONSTRAINT sql_n;
SELECT cdc.discard_errors('oe', 'd.sql', 'no number', (SELECT seq FROM kept WHERE sqlstate = '22P02'));
SELECT cdc.retry_errors('oe', 'd.sql');
SELECT * FROM sql ORDER BY id;
SELECT (SELECT array_agg(x ORDER BY id) FROM heap x)::text = (SELECT array_agg(x ORDER BY id) FROM sql x)::text AS same;

-- stop: where rows are written together, it is known a call later which one it is
UPDATE cdc_catalog.subscription_table SET state = 'r', differs = NULL, last_error = NULL WHERE subscription = 'oe';
SELECT cdc.alter_table('oe', 'd.sql', '{"on_error": "stop"}');
ALTER TABLE sql ADD CONSTRAINT sql_n CHECK (n < 500);
SELECT ev('sql', 'u', '{"id":4,"n":41}', '{"n":1}'), ev('sql', 'u', '{"id":1,"n":500}', '{"n":5}'), ev('sql', 'u', '{"id":2,"n":8}', '{"n":7}');
SELECT cdc.alter_table('oe', 'd.heap', '{"on_error": "stop"}');
SELECT regexp_replace(fails($$SELECT * FROM cdc.apply('oe')$$), '.* go on', '') FROM generate_series(1, 2);
SELECT cdc.skip_transaction('oe', (SELECT position FROM h WHERE event->'data'->>'n' = '500'));
SELECT * FROM cdc.apply('oe');
SELECT * FROM sql ORDER BY id;
ALTER TABLE sql DROP CONSTRAINT sql_n;
SELECT cdc.alter_table('oe', 'd.heap', '{"on_error": "log"}');

-- TRUNCATE leaves nothing of what is kept
UPDATE cdc_catalog.subscription_table SET state = 'r', differs = NULL, last_error = NULL WHERE subscription = 'oe';
SELECT tell();
SELECT ev('heap', 'c', '{"id":8,"n":"abc"}'), ev('heap', 'c', '{"id":9,"n":9}');
SELECT * FROM cdc.apply('oe');
SELECT state, kept_events FROM states WHERE source_table = 'd.heap';
SELECT ev('heap', 't', 'null'), ev('heap', 'c', '{"id":8,"n":8}');
SELECT * FROM cdc.apply('oe');
TABLE heap;
SELECT state, kept_events, error_seq FROM states WHERE source_table = 'd.heap';
-- whatever came with it
SELECT ev('heap', 'c', '{"id":9,"n":"abc"}'), ev('heap', 't', 'null'), ev('heap', 'c', '{"id":9,"n":9}');
SELECT * FROM cdc.apply('oe');
TABLE heap;
SELECT state, kept_events, error_seq FROM states WHERE source_table = 'd.heap';

-- what cannot be put aside stops its table: no key, or a key that cannot be read, or a target that is not there
SELECT cdc.alter_table('oe', 'd.keyless', '{"on_error": "log"}');
SELECT ev('keyless', 'c', '{"a":1,"b":1}'), ev('keyless', 'c', '{"a":1,"b":100}'), ev('keyless', 'c', '{"a":2,"b":2}'),
       ev('heap', 'c', '{"id":"x","n":1}'), ev('heap', 'c', '{"id":10,"n":10}'), ev('other', 'c', '{"id":10,"n":10}');
SELECT * FROM cdc.apply('oe');
SELECT source_table, state, error_key, kept_events, error FROM states WHERE state = 'e';
TABLE keyless;
SELECT * FROM other WHERE id = 10;
ALTER TABLE keyless DROP CONSTRAINT keyless_b_check;
SELECT cdc.retry_errors('oe', 'd.keyless');
TABLE keyless;
SELECT cdc.skip_transaction('oe', (SELECT position FROM h WHERE event->'data'->>'id' = 'x'));
SELECT cdc.retry_errors('oe', 'd.heap');
SELECT state, differs IS NOT NULL AS differs FROM states WHERE source_table = 'd.heap';
SELECT * FROM heap ORDER BY id;

-- more events than are put aside at once
UPDATE cdc_catalog.subscription_table SET state = 'r', differs = NULL, last_error = NULL WHERE subscription = 'oe';
SELECT tell();
ALTER TABLE heap ADD CONSTRAINT heap_n CHECK (n < 1000);
SELECT count(ev('heap', 'c', '{"id":' || i || ',"n":' || i || '}')) FROM generate_series(100, 1050) i;
SELECT * FROM cdc.apply('oe');
SELECT state, kept_events FROM states WHERE source_table = 'd.heap';
SELECT count(*), max(id) FROM heap;
SELECT count(ev('heap', 'c', '{"id":' || i || ',"n":' || i || '}')) FROM generate_series(1051, 1200) i;
SELECT * FROM cdc.apply('oe');
SELECT state, kept_events FROM states WHERE source_table = 'd.heap';
SELECT count(*), max(id) FROM heap;
ALTER TABLE heap DROP CONSTRAINT heap_n;
SELECT cdc.retry_errors('oe');
SELECT state, kept_events, error FROM states WHERE source_table = 'd.heap';
SELECT count(*), max(id) FROM heap;

-- a hole in what is to be applied again
ALTER TABLE heap ADD CONSTRAINT heap_n CHECK (n < 2000);
SELECT ev('heap', 'c', '{"id":2000,"n":2000}'), ev('heap', 'c', '{"id":2001,"n":1}');
SELECT * FROM cdc.apply('oe');
SELECT cdc.alter_table('oe', 'd.other', '{"on_error": "table"}');
SELECT ev('other', 'c', '{"id":"x"}'), ev('other', 'c', '{"id":11,"n":1}');
SELECT * FROM cdc.apply('oe');
ALTER TABLE heap DROP CONSTRAINT heap_n;
DELETE FROM h WHERE seq >= (SELECT seq FROM h WHERE event->'data'->>'id' = '2000');
SELECT regexp_replace(fails($$SELECT cdc.retry_errors('oe', 'd.heap')$$), '\d{3,}', 'N', 'g');
SELECT regexp_replace(fails($$SELECT cdc.retry_errors('oe', 'd.other')$$), '\d{3,}', 'N', 'g');
SELECT source_table, state, kept_events FROM states WHERE state = 'e';

-- whose right it is
CREATE ROLE oe_stranger;
GRANT cdc_monitor TO oe_stranger;
GRANT USAGE ON SCHEMA oe TO oe_stranger;
SET ROLE oe_stranger;
SELECT fails($$SELECT cdc.retry_errors('oe')$$);
SELECT fails($$SELECT cdc.discard_errors('oe', NULL, 'x')$$);
SELECT fails($$SELECT cdc.skip_transaction('oe', 'g-1')$$);
SELECT source_table, state, error_key, last_error FROM cdc.stat_table WHERE state = 'e' ORDER BY 1;
SELECT DISTINCT source_table, message, raw, event FROM cdc.error WHERE subscription = 'oe';
RESET ROLE;
DROP OWNED BY oe_stranger;
DROP ROLE oe_stranger;
SELECT fails($$SELECT cdc.retry_errors(NULL)$$);
SELECT fails($$SELECT cdc.retry_errors('oe', 'd.none')$$);
SELECT fails($$SELECT cdc.discard_errors('oe', 'd.heap', NULL)$$);

DROP VIEW kept, states;
SELECT cdc.drop_subscription('oe', drop_history := true);
SELECT (SELECT count(*) FROM cdc_catalog.error) + (SELECT count(*) FROM cdc_catalog.blocked_key)
     + (SELECT count(*) FROM cdc_catalog.skipped_transaction) AS rows_left;
DROP SCHEMA oe CASCADE;
