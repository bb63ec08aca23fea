-- Targets with partitions, on Greenplum's segments: rows that change what their partition goes by,
-- whole rows and images that lack columns, few and many, beside a model.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA gp;
SET search_path = gp, public;
CREATE TABLE h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq)) DISTRIBUTED BY (seq);
INSERT INTO cdc.subscription (name, owner, server, tables, "exclude", format, history, copy_data, enabled, options)
    VALUES ('gp', current_user, 'none', '{*.*}', '{}', 'maxwell', 'gp.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq, events) VALUES ('gp', 0, 1);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('gp');
SELECT cdc_catalog.take_over('gp');

-- by a column outside of the key; by one of it; by two, at two levels; what is marked, apart
CREATE TABLE model (id int, region text, v int, w text) DISTRIBUTED BY (id);
CREATE TABLE by_list (gone int, id int, region text, v int, w text, own text DEFAULT 'mine') DISTRIBUTED BY (id)
    PARTITION BY LIST (region) (PARTITION east VALUES ('e'), PARTITION west VALUES ('w', 'x'), DEFAULT PARTITION other);
ALTER TABLE by_list DROP COLUMN gone;
CREATE INDEX ON by_list (id);
CREATE TABLE by_key (id int, region text, v int, w text, PRIMARY KEY (id, region)) DISTRIBUTED BY (id)
    PARTITION BY LIST (region) (PARTITION east VALUES ('e'), PARTITION west VALUES ('w', 'x'), DEFAULT PARTITION other);
CREATE TABLE by_both (id int, region text, v int, w text) DISTRIBUTED BY (id)
    PARTITION BY RANGE (v) SUBPARTITION BY LIST (region)
    SUBPARTITION TEMPLATE (SUBPARTITION east VALUES ('e'), SUBPARTITION west VALUES ('w'), DEFAULT SUBPARTITION other)
    (START (0) END (100000) EVERY (50000), DEFAULT PARTITION outside);
CREATE TABLE by_mark (id int, region text, v int, w text, _cdc_deleted boolean NOT NULL DEFAULT false, _cdc_seq bigint,
    _cdc_source_ts timestamptz) DISTRIBUTED BY (id)
    PARTITION BY LIST (_cdc_deleted) (PARTITION there VALUES ('f'), PARTITION gone VALUES ('t'));
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, mode, key, state) VALUES
    ('gp', 'd.t', 'd.t', 'gp.by_list', 'replica', '{id}', 'r'), ('gp', 'd.t into gp.by_both', 'd.t', 'gp.by_both', 'replica', '{id}', 'r'),
    ('gp', 'd.t into gp.by_mark', 'd.t', 'gp.by_mark', 'soft_delete', '{id}', 'r'), ('gp', 'd.k', 'd.k', 'gp.by_key', 'replica', '{id,region}', 'r');

CREATE FUNCTION write_event(tab text, what "char", event text) RETURNS void LANGUAGE sql AS $$
    UPDATE cdc.subscription_position SET last_seq = last_seq + 1 WHERE subscription = 'gp';
    INSERT INTO gp.h (seq, source_ts, source_table, op, position, event, commit)
        SELECT last_seq, now(), $1, $2, 'bin.000001:' || last_seq, $3::jsonb, true
        FROM cdc.subscription_position WHERE subscription = 'gp' $$;
CREATE FUNCTION quoted(v text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(to_json($1)::text, 'null') $$;
CREATE FUNCTION differ() RETURNS TABLE (by_list bigint, by_both bigint, by_mark bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM gp.model m FULL JOIN gp.by_list t USING (id)
            WHERE (m.region, m.v, m.w, 'mine') IS DISTINCT FROM (t.region, t.v, t.w, t.own)),
        (SELECT count(*) FROM gp.model m FULL JOIN gp.by_both t USING (id) WHERE (m.region, m.v, m.w) IS DISTINCT FROM (t.region, t.v, t.w)),
        (SELECT count(*) FROM gp.model m FULL JOIN (SELECT * FROM gp.by_mark WHERE NOT _cdc_deleted) t USING (id)
            WHERE (m.region, m.v, m.w) IS DISTINCT FROM (t.region, t.v, t.w)) $$;

-- whole rows
SELECT write_event('d.t', 'c', '{"data":{"id":' || i || ',"region":"e","v":' || i || ',"w":"a"}}') FROM generate_series(1, 6) i;
INSERT INTO model SELECT i, 'e', i, 'a' FROM generate_series(1, 6) i;
SELECT target, events, inserted, updated, deleted FROM cdc.apply('gp') ORDER BY 1;
UPDATE by_list SET own = 'mine' WHERE id = 1;
SELECT write_event('d.t', 'u', '{"data":{"id":1,"region":"w","v":1,"w":"b"},"old":{"region":"e","w":"a"}}');
SELECT write_event('d.t', 'u', '{"data":{"id":2,"region":null,"v":70000,"w":"b"},"old":{"region":"e","v":2,"w":"a"}}');
SELECT write_event('d.t', 'u', '{"data":{"id":3,"region":"e","v":-1,"w":"b"},"old":{"v":3,"w":"a"}}');
SELECT write_event('d.t', 'd', '{"data":{"id":4,"region":"e","v":4,"w":"a"}}');
UPDATE model SET region = CASE id WHEN 1 THEN 'w' WHEN 3 THEN 'e' END, w = 'b', v = CASE id WHEN 1 THEN 1 WHEN 2 THEN 70000 ELSE -1 END WHERE id < 4;
DELETE FROM model WHERE id = 4;
SELECT target, events, inserted, updated, deleted FROM cdc.apply('gp') ORDER BY 1;
SELECT * FROM differ();

-- images with the key and what changed: the rest stays, also what is the target's own
UPDATE by_list SET own = NULL WHERE id = 5;
SELECT write_event('d.t', 'u', '{"data":{"id":5,"region":"x"},"old":{"region":"e"}}');
SELECT write_event('d.t', 'u', '{"data":{"id":6,"w":"c"},"old":{"w":"a"}}');
SELECT target, events, inserted, updated, deleted FROM cdc.apply('gp') ORDER BY 1;
SELECT * FROM by_list WHERE id IN (5, 6) ORDER BY 1;
SELECT id, region, v, w FROM by_both WHERE id IN (5, 6) ORDER BY 1;
UPDATE by_list SET own = 'mine' WHERE id = 5;
UPDATE model SET region = 'x' WHERE id = 5;
UPDATE model SET w = 'c' WHERE id = 6;

-- a key whose column is what partitions go by; and one that comes back
SELECT write_event('d.k', 'c', '{"data":{"id":' || i || ',"region":"e","v":' || i || ',"w":"a"}}') FROM generate_series(1, 3) i;
SELECT write_event('d.k', 'u', '{"data":{"id":1,"region":"w","v":1,"w":"b"},"old":{"region":"e","w":"a"}}');
SELECT target, events FROM cdc.apply('gp') ORDER BY 1;
SELECT write_event('d.k', 'u', '{"data":{"id":1,"region":"e","v":2,"w":"c"},"old":{"region":"w","w":"b"}}');
SELECT target, events FROM cdc.apply('gp') ORDER BY 1;
SELECT * FROM by_key ORDER BY 1;

-- many rows, at random, in several runs
CREATE FUNCTION write_many(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    i int; k int; r gp.model; d int; before gp.model;
BEGIN
    FOR i IN 1 .. n LOOP
        d := ('x' || substr(md5('dice ' || n || ' ' || i), 1, 7))::bit(28)::int;
        k := 1 + d % 40;
        SELECT * INTO before FROM gp.model WHERE id = k;
        r := before;
        r.id := k; r.region := (ARRAY['e', 'w', 'x', 'other', NULL])[1 + d / 40 % 5]; r.v := d / 200 % 120000; r.w := 'w' || i;
        IF before.id IS NOT NULL AND d % 7 = 0 THEN
            PERFORM write_event('d.t', 'd', '{"data":{"id":' || k || '}}');
            DELETE FROM gp.model WHERE id = k;
            CONTINUE;
        END IF;
        IF before.id IS NOT NULL AND d % 3 = 0 THEN
            r.v := before.v;
            PERFORM write_event('d.t', 'u', '{"data":{"id":' || k || ',"region":' || gp.quoted(r.region) || ',"w":' || gp.quoted(r.w) || '},"old":{"w":"?"}}');
        ELSE
            PERFORM write_event('d.t', (CASE WHEN before.id IS NULL THEN 'c' ELSE 'u' END)::"char", '{"data":{"id":' || k || ',"region":' || gp.quoted(r.region) || ',"v":' || r.v || ',"w":' || gp.quoted(r.w) || '},"old":{"w":"?"}}');
        END IF;
        DELETE FROM gp.model WHERE id = k;
        INSERT INTO gp.model SELECT r.*;
    END LOOP;
END $$;
SELECT write_many(103);
SELECT sum(events) FROM cdc.apply('gp');
SELECT * FROM differ();
SELECT write_many(107);
SELECT sum(events) FROM cdc.apply('gp');
SELECT * FROM differ();

DELETE FROM cdc.subscription_table WHERE subscription = 'gp';
DELETE FROM cdc.table_counter WHERE subscription = 'gp';
DELETE FROM cdc.log WHERE subscription = 'gp';
DELETE FROM cdc.subscription_progress WHERE subscription = 'gp';
DELETE FROM cdc.subscription_position WHERE subscription = 'gp';
DELETE FROM cdc.subscription WHERE name = 'gp';
DROP SCHEMA gp CASCADE;
