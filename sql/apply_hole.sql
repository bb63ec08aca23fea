-- Events that somebody took out of the history before they were applied.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA hole;
SET search_path = hole, public;

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq, ingested_at));
CREATE TABLE t (id int PRIMARY KEY);
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('hole', current_user, 'none', '{*.*}', '{}', 'maxwell', 'hole.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq, events) VALUES ('hole', 10, 10);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('hole');
SELECT cdc_catalog.take_over('hole');
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state) VALUES ('hole', 'd.t', 'd.t', 'hole.t', 'r');
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
    DELETE FROM h;
    INSERT INTO h (seq, source_table, op, position, event, commit)
        SELECT i, 'd.t', 'c', 'b.1:' || i, ('{"data":{"id":' || i || '}}')::jsonb, i % 2 = 0 FROM generate_series(1, 10) i $$;

-- in the middle, at the beginning, at the end: nothing is applied
SELECT fill();
DELETE FROM h WHERE seq IN (4, 5);
SELECT * FROM cdc.apply('hole');
SELECT cdc.replay('hole', 'd.t', 'hole.t');
SELECT cdc.replay('hole', 'd.t', 'hole.t', 3, 6);
SELECT fill();
DELETE FROM h WHERE seq < 3;
SELECT * FROM cdc.apply('hole');
SELECT fill();
DELETE FROM h WHERE seq > 8;
SELECT * FROM cdc.apply('hole', 4);
SELECT * FROM cdc.apply('hole', 5);
SELECT * FROM cdc.apply('hole');
SELECT applied_seq FROM cdc.subscription_progress WHERE subscription = 'hole';
SELECT count(*) FROM t;

-- what was applied may go; a replay begins with what there is
SELECT fill();
SELECT * FROM cdc.apply('hole');
DELETE FROM h WHERE seq < 5;
UPDATE cdc.subscription_position SET last_seq = 11 WHERE subscription = 'hole';
INSERT INTO h (seq, source_table, op, position, event, commit) VALUES (11, 'd.t', 'c', 'b.1:11', '{"data":{"id":11}}', true);
SELECT * FROM cdc.apply('hole');
CREATE TABLE r (id int PRIMARY KEY);
SELECT cdc.replay('hole', 'd.t', 'hole.r');

-- twice
INSERT INTO h (seq, ingested_at, source_table, op, position, event, commit) VALUES (7, '2020-01-01', 'd.t', 'd', 'b.1:7', '{"data":{"id":7}}', false);
SELECT cdc.replay('hole', 'd.t', 'hole.r');

-- numbers that no event ever had, as segments of Greenplum leave them: those, and no others
DELETE FROM h;
INSERT INTO h (seq, source_table, op, position, event, commit)
    SELECT i, 'd.t', 'c', 'b.1:' || i, ('{"data":{"id":' || i || '}}')::jsonb, true FROM generate_series(12, 30) i;
DELETE FROM h WHERE seq BETWEEN 15 AND 18 OR seq BETWEEN 23 AND 24;
UPDATE cdc.subscription_position SET last_seq = 30 WHERE subscription = 'hole';
INSERT INTO cdc_catalog.history_gap VALUES ('hole', 15, 17);
SELECT * FROM cdc.apply('hole');
SELECT cdc.replay('hole', 'd.t', 'hole.r');
UPDATE cdc_catalog.history_gap SET last_seq = 18;
SELECT * FROM cdc.apply('hole');
SELECT cdc.replay('hole', 'd.t', 'hole.r');
INSERT INTO cdc_catalog.history_gap VALUES ('hole', 23, 24), ('other', 26, 26);
SELECT * FROM cdc.apply('hole');
SELECT cdc.replay('hole', 'd.t', 'hole.r');
DELETE FROM h WHERE seq = 26;
SELECT cdc.replay('hole', 'd.t', 'hole.r');
DELETE FROM cdc_catalog.history_gap;

DELETE FROM cdc.subscription_table WHERE subscription = 'hole';
DELETE FROM cdc.subscription_position WHERE subscription = 'hole';
DELETE FROM cdc.subscription_progress WHERE subscription = 'hole';
DELETE FROM cdc.subscription WHERE name = 'hole';
DROP SCHEMA hole CASCADE;
