-- apply of runs that change their own rows again after the memory for rows is
-- full: what later events replace is not written.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA la;
SET search_path = la, public;

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq, ingested_at));
CREATE SEQUENCE seq;
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('la', current_user, 'none', '{*.*}', '{}', 'maxwell', 'la.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('la', 1000000);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('la');
SELECT cdc_catalog.take_over('la');
CREATE FUNCTION wants(tab text, key text[] DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state)
    VALUES ('la', 'd.' || tab, 'd.' || tab, 'la.' || tab, key, 'r');
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
CREATE FUNCTION limit_memory(size text) RETURNS void LANGUAGE sql AS $$
    UPDATE cdc.subscription SET options = jsonb_build_object('apply_memory_limit', size) WHERE name = 'la';
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
-- one event a row of the query, in its order; the query gives op, data and old
CREATE FUNCTION events(tab text, query text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'INSERT INTO h (seq, source_ts, source_table, op, position, event, commit)
        SELECT s, now(), ''d.'' || $1, op, ''bin.000001:'' || s * 10,
            jsonb_strip_nulls(jsonb_build_object(''old'', old)) || jsonb_build_object(''data'', data), false
        FROM (SELECT nextval(''seq'') AS s, q.* FROM (' || query || ') q(op, data, old)) e' USING tab;
END $$;
CREATE FUNCTION commit_all() RETURNS void LANGUAGE sql AS $$
    UPDATE h SET commit = true WHERE seq = (SELECT max(seq) FROM h) $$;
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; c text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, c = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, m, split_part(c, E'\n', 1));
END $$;

-- keys of each kind: 300 rows, each of them updated, a third deleted at the end,
-- a tenth of those inserted again
CREATE TABLE word (id bigint PRIMARY KEY, n int, pad text);
CREATE TABLE num (id numeric(20,0) PRIMARY KEY, n int, pad text);
CREATE TABLE str (id varchar(80) PRIMARY KEY, n int, pad text);
CREATE TABLE bin (id bytea PRIMARY KEY, n int, pad text);
CREATE TABLE bits (id bit(9) PRIMARY KEY, n int, pad text);
CREATE TABLE uid (id uuid PRIMARY KEY, n int, pad text);
CREATE TABLE two (id text, n int, pad text, sub timestamp, PRIMARY KEY (sub, id));
CREATE TABLE opt (id int UNIQUE, n int, pad text);
CREATE TABLE scaled (id numeric PRIMARY KEY, n int, pad text);
CREATE TABLE parted (id int PRIMARY KEY, n int, pad text) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE FUNCTION load(tab text, id text, more text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    data text := format('jsonb_build_object(''id'', %s, ''n'', i + %%s %s, ''pad'', repeat(''p'', 600))', id, more);
BEGIN
    PERFORM events(tab, format('SELECT ''c''::"char", %s, NULL::jsonb FROM generate_series(1, 300) i', format(data, 0)));
    PERFORM events(tab, format('SELECT ''u''::"char", %s, jsonb_build_object(''n'', i) FROM generate_series(1, 300) i ORDER BY hashint4(i)', format(data, 1000)));
    PERFORM events(tab, format('SELECT ''d''::"char", %s, NULL::jsonb FROM generate_series(1, 300) i WHERE mod(i, 3) = 0 ORDER BY hashint4(i + 1)', format(data, 1000)));
    PERFORM events(tab, format('SELECT ''c''::"char", %s, NULL::jsonb FROM generate_series(1, 300) i WHERE mod(i, 30) = 0', format(data, 2000)));
END $$;
SELECT wants('word'), wants('num'), wants('str'), wants('bin'), wants('bits'), wants('uid'), wants('two'), wants('opt', '{id}'), wants('scaled'), wants('parted');
SELECT limit_memory('100kB');
-- a row is written once, but where its key may have several forms
CREATE FUNCTION loaded(tab text, id text, more text DEFAULT '') RETURNS TABLE (target text, events bigint, at_most_once boolean) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM load(tab, id, more);
    PERFORM commit_all();
    RETURN QUERY SELECT a.target, a.events, a.inserted + a.updated + a.deleted <= 300 FROM cdc.apply('la') a;
END $$;
SELECT * FROM loaded('word', 'i');
SELECT * FROM loaded('num', '18446744073709551000 + i');
SELECT * FROM loaded('str', $$'ü ' || i || repeat('k', 60)$$);
SELECT * FROM loaded('bin', $$encode(decode(lpad(to_hex(i), 8, '0'), 'hex'), 'base64')$$);
SELECT * FROM loaded('bits', 'i');
SELECT * FROM loaded('uid', $$md5(i::text)::uuid$$);
SELECT * FROM loaded('two', $$'k' || mod(i, 7)$$, $$, 'sub', timestamp '2024-01-01' + i * interval '1 min'$$);
SELECT * FROM loaded('opt', 'nullif(i, 7)');
SELECT * FROM loaded('scaled', 'i::numeric / 4');
SELECT * FROM loaded('parted', 'i');
CREATE FUNCTION state(tab text) RETURNS TABLE (name text, n bigint, of_updates bigint, of_inserts bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT %1$L::text, count(*), count(*) FILTER (WHERE n BETWEEN 1001 AND 1300), count(*) FILTER (WHERE n > 2000),
        count(*) FILTER (WHERE n <= 1000 OR n <= 1300 AND n %% 3 = 1 OR n > 2000 AND n %% 30 <> 20 OR pad <> repeat(''p'', 600)) FROM %1$I', tab);
END $$;
SELECT s.* FROM unnest('{word,num,str,bin,bits,uid,two,opt,scaled,parted}'::text[]) t, state(t) s;

-- the same by replay, with all sorts of bounds
CREATE FUNCTION replays() RETURNS TABLE (size text, word bigint, two bigint, parted bigint, wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
    l text;
    t text;
BEGIN
    FOREACH l IN ARRAY '{1kB, 5kB, 20kB, 50kB, 100kB, 400kB}'::text[] LOOP
        PERFORM limit_memory(l);
        DELETE FROM word; DELETE FROM two; DELETE FROM parted;
        FOREACH t IN ARRAY '{word, two, parted}'::text[] LOOP
            PERFORM cdc.replay('la', 'd.' || t, 'la.' || t);
        END LOOP;
        RETURN QUERY SELECT l, (state('word')).n, (state('two')).n, (state('parted')).n,
            (state('word')).wrong + (state('two')).wrong + (state('parted')).wrong;
    END LOOP;
END $$;
SELECT * FROM replays();

-- barriers: nothing is looked for behind a change of the schema; truncate takes
-- what was before
SELECT limit_memory('20kB');
DELETE FROM word;
SELECT events('word', $$SELECT 'c'::"char", jsonb_build_object('id', i, 'n', i, 'pad', repeat('p', 100)), NULL::jsonb FROM generate_series(1, 200) i$$);
SELECT events('word', $$SELECT 's'::"char", '{}'::jsonb, NULL::jsonb$$);
SELECT events('word', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i + 1000, 'pad', 'u'), '{}'::jsonb FROM generate_series(1, 200) i$$);
SELECT commit_all();
SELECT * FROM cdc.apply('la');
SELECT count(*), sum(n) FROM word;
SELECT events('word', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i, 'pad', repeat('p', 100)), '{}'::jsonb FROM generate_series(1, 200) i$$);
SELECT events('word', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i + 1, 'pad', 'v'), '{}'::jsonb FROM generate_series(101, 200) i$$);
SELECT events('word', $$SELECT 't'::"char", '{}'::jsonb, NULL::jsonb$$);
SELECT events('word', $$SELECT 'c'::"char", jsonb_build_object('id', i, 'n', i, 'pad', repeat('p', 100)), NULL::jsonb FROM generate_series(1, 150) i$$);
SELECT events('word', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i + 1, 'pad', 'w'), '{}'::jsonb FROM generate_series(1, 50) i$$);
SELECT commit_all();
SELECT target, events FROM cdc.apply('la');
SELECT count(*), sum(n), count(*) FILTER (WHERE pad = 'w') AS w FROM word;

-- a deleted and inserted row has the defaults of columns that the source lacks, an
-- updated one keeps what it has
CREATE TABLE own (id int PRIMARY KEY, n int, pad text, mine text DEFAULT 'default');
SELECT wants('own');
INSERT INTO own SELECT i, i, '', 'mine' FROM generate_series(1, 200) i;
SELECT events('own', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i, 'pad', repeat('p', 100)), '{}'::jsonb FROM generate_series(1, 200) i$$);
SELECT events('own', $$SELECT 'd'::"char", jsonb_build_object('id', i), NULL::jsonb FROM generate_series(1, 200) i WHERE i % 2 = 0 ORDER BY hashint4(i)$$);
SELECT events('own', $$SELECT 'c'::"char", jsonb_build_object('id', i, 'n', -i, 'pad', repeat('q', 50)), NULL::jsonb FROM generate_series(1, 200) i WHERE i % 4 = 0$$);
SELECT events('own', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', -i), '{}'::jsonb FROM generate_series(1, 200) i WHERE i % 4 = 1$$);
SELECT commit_all();
SELECT target, events FROM cdc.apply('la');
SELECT mine, i % 4 AS which, count(*), min(n) < 0 AS negative, min(length(pad)), max(length(pad)) FROM own, LATERAL (SELECT id AS i) x GROUP BY 1, 2, n < 0 ORDER BY 1, 2;

-- the key changes, with images that have the rest and that lack it
SELECT events('own', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', 5, 'pad', repeat('r', 100)), '{}'::jsonb FROM generate_series(1, 200) i WHERE i % 4 <> 2$$);
SELECT events('own', $$SELECT 'u'::"char", jsonb_build_object('id', 1000 + i), jsonb_build_object('id', i) FROM generate_series(1, 200) i WHERE i % 4 = 3$$);
SELECT events('own', $$SELECT 'c'::"char", jsonb_build_object('id', i, 'n', 6, 'pad', 's'), NULL::jsonb FROM generate_series(1, 200) i WHERE i % 4 = 3$$);
SELECT events('own', $$SELECT 'u'::"char", jsonb_build_object('id', 2000 + i, 'n', 7, 'pad', 't'), jsonb_build_object('id', i) FROM generate_series(1, 200) i WHERE i % 4 = 1$$);
SELECT events('own', $$SELECT 'u'::"char", jsonb_build_object('id', 1000 + i, 'pad', 'u'), '{}'::jsonb FROM generate_series(1, 200) i WHERE i % 8 = 3$$);
SELECT commit_all();
SELECT target, events FROM cdc.apply('la');
SELECT id / 1000 AS thousand, n, left(pad, 1) AS pad, mine, count(*) FROM own GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- errors tell the event that they are about, whoever finds it
SELECT events('word', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i, 'pad', repeat('p', 100)), '{}'::jsonb FROM generate_series(1, 150) i$$);
SELECT events('word', $$SELECT 'u'::"char", jsonb_build_object('id', i, 'n', i, 'pad', repeat('q', 100)), '{}'::jsonb FROM generate_series(1, 150) i$$);
SELECT events('word', $$SELECT 'd'::"char", jsonb_build_object('id', 1.5), NULL::jsonb$$);
SELECT commit_all();
SELECT regexp_replace(fails($$SELECT * FROM cdc.apply('la')$$), 'seq ' || max(seq) || ', position bin.000001:' || max(seq) || '0', 'seq N, position P') FROM h;
UPDATE h SET event = '{"data":{"n":1}}' WHERE seq = (SELECT max(seq) FROM h);
SET client_min_messages = error;
BEGIN;
SELECT regexp_replace(fails($$SELECT * FROM cdc.apply('la')$$), 'seq ' || max(seq) || ', position bin.000001:' || max(seq) || '0', 'seq N, position P') FROM h;
SELECT state FROM cdc.subscription_table WHERE subscription = 'la' AND source_table = 'd.word';
ROLLBACK;
SET client_min_messages = warning;
UPDATE h SET event = '{"data":{"id":1,"n":"x"}}', op = 'u' WHERE seq = (SELECT max(seq) FROM h);
SELECT regexp_replace(fails($$SELECT * FROM cdc.apply('la')$$), 'seq ' || max(seq) || ', position bin.000001:' || max(seq) || '0', 'seq N, position P') FROM h;
UPDATE h SET event = '{"data":{"id":1,"n":4,"pad":""}}' WHERE seq = (SELECT max(seq) FROM h);
SELECT target, events FROM cdc.apply('la');
SELECT id, n, pad FROM word WHERE id = 1;

-- so many rows at once that they are sorted in another way, keys of both signs and
-- equal first columns among them
SELECT limit_memory('48MB');
DELETE FROM word; DELETE FROM two; DELETE FROM str;
SELECT events('word', $$SELECT 'c'::"char", jsonb_build_object('id', (i - 2500) * power(10, i % 15)::bigint + i, 'n', i, 'pad', ''), NULL::jsonb FROM generate_series(1, 5000) i ORDER BY hashint4(i)$$);
SELECT events('two', $$SELECT 'c'::"char", jsonb_build_object('id', 'k' || i, 'sub', timestamp '1999-12-01' + i % 70 * interval '1 day', 'n', i, 'pad', ''), NULL::jsonb FROM generate_series(1, 5000) i ORDER BY hashint4(i)$$);
SELECT events('str', $$SELECT 'c'::"char", jsonb_build_object('id', left(md5(i::text), 1 + i % 3) || '-' || i, 'n', i, 'pad', ''), NULL::jsonb FROM generate_series(1, 5000) i ORDER BY hashint4(i)$$);
SELECT commit_all();
SELECT target, events, inserted FROM cdc.apply('la') ORDER BY 1;
SELECT count(*), count(*) FILTER (WHERE id = (n - 2500) * power(10, n % 15)::bigint + n) AS correct, count(DISTINCT n) FROM word;
SELECT count(*), count(*) FILTER (WHERE id = 'k' || n AND sub = timestamp '1999-12-01' + n % 70 * interval '1 day') AS correct, count(DISTINCT n) FROM two;
SELECT count(*), count(*) FILTER (WHERE id = left(md5(n::text), 1 + n % 3) || '-' || n) AS correct, count(DISTINCT n) FROM str;

-- events from several partitions of Kafka, of which the later may be the older: the same rows whether it is
-- looked ahead or not; and a row is written once where its messages come from one partition
SET client_min_messages = error;
CREATE SERVER la_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');
CREATE TABLE k (LIKE h INCLUDING ALL);
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    SELECT 'la' || n, current_user, 'la_bus', '{*.*}', '{}', 'maxwell', 'la.k', false, false, jsonb_build_object('apply_memory_limit', size)
    FROM (VALUES (1, '20kB'), (2, '48MB')) v(n, size);
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('la1', 1000000), ('la2', 1000000);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('la1'), ('la2');
INSERT INTO cdc_catalog.subscription_partition (subscription, topic, "partition", next_offset)
    SELECT s, 't', p, 0 FROM unnest('{la1,la2}'::text[]) s, generate_series(0, 2) p;
SELECT count(cdc_catalog.take_over(name)) FROM cdc.subscription WHERE name LIKE 'la_';
CREATE TABLE k1 (id int PRIMARY KEY, n int, pad text);
CREATE TABLE k2 (LIKE k1 INCLUDING ALL);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state)
    SELECT 'la' || i, 'd.k', 'd.k', 'la.k' || i, 'r' FROM generate_series(1, 2) i;
ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100);
-- a change of a row, its place in the source's log, and the partition that it comes from
CREATE FUNCTION message(op "char", id int, place int, part int, data jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO k (seq, source_ts, source_table, op, position, event, commit)
    SELECT s, now(), 'd.k', op, 't/' || part || '@' || s, jsonb_build_object('database', 'd', 'table', 'k',
        'type', CASE op WHEN 'd' THEN 'delete' WHEN 'u' THEN 'update' ELSE 'insert' END, 'ts', 1,
        'position', 'bin.000001:' || place, 'data', data || jsonb_build_object('id', id)), true
    FROM nextval('seq') s $$;
SELECT message('c', i, 1000 + i, i % 3, jsonb_build_object('n', i, 'pad', repeat('p', 100))) FROM generate_series(1, 200) i \g /dev/null
SELECT message('u', i, 2000 + i, i % 3, jsonb_build_object('n', i + 1000, 'pad', repeat('p', 100))) FROM generate_series(1, 200) i ORDER BY hashint4(i) \g /dev/null
SELECT events, inserted + updated AS written FROM cdc.apply('la1');
SELECT events, inserted + updated AS written FROM cdc.apply('la2');
SELECT count(*), sum(n) FROM k1;
DO $$
DECLARE
    id int; part int; place int;
BEGIN
    PERFORM setseed(0.25);
    FOR i IN 1..3000 LOOP
        -- most messages of a key come from its own partition; two of these are behind the other
        id := floor(random() * 150);
        part := CASE WHEN random() < 0.8 THEN id % 3 ELSE floor(random() * 3)::int END;
        place := (10000 + i - 500 * part) * 3 + part;
        PERFORM message((CASE WHEN random() < 0.1 THEN 'd' ELSE 'u' END)::"char", id, place, part,
            jsonb_build_object('n', place) || CASE WHEN random() < 0.8 THEN jsonb_build_object('pad', repeat('p', 100) || i) ELSE '{}' END);
    END LOOP;
END $$;
SELECT events FROM cdc.apply('la1');
SELECT events FROM cdc.apply('la2');
SELECT count(*) > 100 AS some, count(*) FILTER (WHERE k1.* IS DISTINCT FROM k2.*) AS different FROM k1 FULL JOIN k2 USING (id);
SET client_min_messages = warning;

DELETE FROM cdc.subscription WHERE name LIKE 'la_';
DELETE FROM cdc.subscription_position WHERE subscription LIKE 'la_';
DELETE FROM cdc_catalog.subscription_partition WHERE subscription LIKE 'la_';
DELETE FROM cdc.subscription_progress WHERE subscription LIKE 'la_';
DELETE FROM cdc.subscription_table WHERE subscription LIKE 'la_';
DELETE FROM cdc.table_counter WHERE subscription LIKE 'la_';
DELETE FROM cdc.log WHERE subscription LIKE 'la_';
DELETE FROM cdc.subscription WHERE name = 'la';
DELETE FROM cdc.subscription_position WHERE subscription = 'la';
DELETE FROM cdc.subscription_progress WHERE subscription = 'la';
DELETE FROM cdc.subscription_table WHERE subscription = 'la';
DELETE FROM cdc.table_counter WHERE subscription = 'la';
DELETE FROM cdc.log WHERE subscription = 'la';
DROP SERVER la_bus;
DROP SCHEMA la CASCADE;
