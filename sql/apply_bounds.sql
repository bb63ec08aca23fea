-- What apply does with input that is made to be large, or to have what keys should not
-- have: NULLs in keys, any combination of columns, long messages, keys of users' types.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA bo;
SET search_path = bo, public;
SET statement_timeout = '60s';              -- nothing here goes on for ever

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, key jsonb, PRIMARY KEY (seq, ingested_at));
CREATE TABLE hc (LIKE h INCLUDING ALL);
CREATE SEQUENCE seq;
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('bo', current_user, 'none', '{*.*}', '{}', 'maxwell', 'bo.h', false, false, '{}'),
           ('boc', current_user, 'none', '{*.*}', '{}', 'canal', 'bo.hc', false, false, '{"apply_memory_limit": "4kB"}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('bo', 1000000), ('boc', 1000000);
SELECT count(cdc_catalog.take_over(name)) FROM cdc.subscription WHERE name IN ('bo', 'boc');
INSERT INTO cdc.subscription_progress (subscription) VALUES ('bo'), ('boc');
CREATE FUNCTION wants(sub text, tab text, target text, key text[] DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, copy_data, state)
    VALUES (sub, tab, tab, target, key, false, 'r');
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
CREATE FUNCTION ev(tab text, op "char", data jsonb, old jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO h (seq, source_ts, source_table, op, position, event, commit)
    SELECT s, now(), 'd.' || tab, op, 'bin.000001:' || s * 10,
        jsonb_build_object('data', data) || CASE WHEN old IS NULL THEN '{}' ELSE jsonb_build_object('old', old) END, true
    FROM nextval('seq') s $$;
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; c text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, c = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, m, split_part(c, E'\n', 1));
END $$;

-- NULLs in keys are values like others, whichever back-end writes: a heap table, and one
-- that statements write as it is partitioned
CREATE TABLE one_heap (k int UNIQUE, v text, w text);
CREATE TABLE one_sql (k int UNIQUE, v text, w text) PARTITION BY HASH (k);
CREATE TABLE one_sql_0 PARTITION OF one_sql FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE two_heap (a int, b text, v text, w text, UNIQUE (a, b));
CREATE TABLE two_sql (a int, b text, v text, w text, UNIQUE (a, b)) PARTITION BY HASH (a);
CREATE TABLE two_sql_0 PARTITION OF two_sql FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT wants('bo', 'd.one_heap', 'bo.one_heap', '{k}'), wants('bo', 'd.one_sql', 'bo.one_sql', '{k}'),
    wants('bo', 'd.two_heap', 'bo.two_heap', '{a,b}'), wants('bo', 'd.two_sql', 'bo.two_sql', '{a,b}');
CREATE FUNCTION pair(tab text, op "char", data jsonb, old jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    SELECT ev(tab || '_heap', op, data, old), ev(tab || '_sql', op, data, old) $$;
CREATE FUNCTION same() RETURNS TABLE (one boolean, two boolean) LANGUAGE sql AS $$
    SELECT NOT EXISTS ((TABLE one_heap EXCEPT ALL TABLE one_sql) UNION ALL (TABLE one_sql EXCEPT ALL TABLE one_heap)),
        NOT EXISTS ((TABLE two_heap EXCEPT ALL TABLE two_sql) UNION ALL (TABLE two_sql EXCEPT ALL TABLE two_heap)) $$;
SELECT pair('one', 'c', '{"k":null,"v":"n","w":"n"}'), pair('one', 'c', '{"k":1,"v":"1","w":"1"}');
SELECT pair('two', 'c', '{"a":null,"b":"x","v":"nx","w":"1"}'), pair('two', 'c', '{"a":1,"b":null,"v":"1n","w":"2"}'),
    pair('two', 'c', '{"a":null,"b":null,"v":"nn","w":"3"}'), pair('two', 'c', '{"a":1,"b":"x","v":"1x","w":"4"}');
SELECT count(*) FROM cdc.apply('bo');
TABLE one_sql ORDER BY k;
TABLE two_sql ORDER BY v;
SELECT * FROM same();
-- the same again: an insert of what is there, an update with some columns, a key that moves with others
SELECT pair('one', 'c', '{"k":null,"v":"again","w":"n"}'), pair('one', 'u', '{"k":null,"v":"twice"}', '{"v":"again"}');
SELECT pair('two', 'c', '{"a":null,"b":"x","v":"nx again","w":"1"}'), pair('two', 'u', '{"a":1,"b":null,"v":"1n again"}', '{"v":"1n"}');
SELECT count(*) FROM cdc.apply('bo');
TABLE one_sql ORDER BY k;
TABLE two_sql ORDER BY v;
SELECT * FROM same();
SELECT pair('one', 'u', '{"k":7}', '{"k":null}'), pair('two', 'u', '{"a":7,"b":null}', '{"a":null}'),
    pair('two', 'u', '{"a":8,"b":"x"}', '{"a":null}');
SELECT count(*) FROM cdc.apply('bo');
TABLE one_sql ORDER BY k;
TABLE two_sql ORDER BY v;
SELECT * FROM same();
SELECT pair('one', 'u', '{"k":null,"v":"back"}', '{"k":7,"v":"twice"}'), pair('two', 'd', '{"a":1,"b":null}'),
    pair('two', 'd', '{"a":7,"b":null}'), pair('two', 'd', '{"a":1,"b":"x"}');
SELECT count(*) FROM cdc.apply('bo');
SELECT pair('one', 'd', '{"k":null}');
SELECT count(*) FROM cdc.apply('bo');
TABLE one_sql ORDER BY k;
TABLE two_sql ORDER BY v;
SELECT * FROM same();

-- updates with any combination of columns: 2000 of them, of 12 columns
CREATE TABLE wide_heap (id int PRIMARY KEY, c0 int, c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int);
CREATE TABLE wide_model (LIKE wide_heap INCLUDING ALL);
CREATE TABLE wide_sql (LIKE wide_heap INCLUDING ALL) PARTITION BY HASH (id);
CREATE TABLE wide_sql_0 PARTITION OF wide_sql FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT wants('bo', 'd.wide_heap', 'bo.wide_heap'), wants('bo', 'd.wide_sql', 'bo.wide_sql');
DO $$
DECLARE
    mask int; k int; data jsonb; sets text;
BEGIN
    PERFORM setseed(0.25);
    FOR i IN 1..2000 LOOP
        mask := i * 2 + 1;
        k := floor(random() * 30);
        SELECT jsonb_object_agg('c' || b, i * 100 + b), string_agg(format('c%s = %s', b, i * 100 + b), ', ') INTO data, sets
            FROM generate_series(0, 11) b WHERE mask & (1 << b) <> 0;
        data := data || jsonb_build_object('id', k);
        PERFORM pair('wide', 'u', data, '{"c0":0}');
        INSERT INTO wide_model (id) VALUES (k) ON CONFLICT DO NOTHING;
        EXECUTE format('UPDATE wide_model SET %s WHERE id = %s', sets, k);
    END LOOP;
END $$;
SELECT target, events FROM cdc.apply('bo') ORDER BY 1;
SELECT count(*) FROM wide_model;
SELECT count(*) FROM (TABLE wide_model EXCEPT TABLE wide_heap) d;
SELECT count(*) FROM (TABLE wide_model EXCEPT TABLE wide_sql) d;

-- a message with more rows than the look ahead has room for
CREATE TABLE rows_c (id int PRIMARY KEY, v int, pad text);
SELECT wants('boc', 'd.c', 'bo.rows_c');
CREATE FUNCTION canal(first int, last int, v int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO hc (seq, source_ts, source_table, op, position, event, commit)
    SELECT s, now(), 'd.c', 'u', 't/0@' || s, jsonb_build_object('type', 'UPDATE', 'isDdl', false, 'database', 'd', 'table', 'c',
        'mysqlType', '{"id":"int","v":"int","pad":"text"}'::jsonb, 'old', '[]'::jsonb,
        'data', (SELECT jsonb_agg(jsonb_build_object('id', i::text, 'v', v::text, 'pad', repeat('p', 200))) FROM generate_series(first, last) i)), v = 50
    FROM nextval('seq') s $$;
DO $$ BEGIN FOR i IN 1..40 LOOP PERFORM canal(1, 20, i); END LOOP; PERFORM canal(1, 3000, 41); FOR i IN 42..50 LOOP PERFORM canal(1, 20, i); END LOOP; END $$;
SELECT target, events FROM cdc.apply('boc');
SELECT v, count(*) FROM rows_c GROUP BY v ORDER BY v;

-- an error's context has a key's text only where no code of users makes it, and some of it
CREATE TYPE mood;
CREATE FUNCTION mood_in(cstring) RETURNS mood LANGUAGE internal STRICT IMMUTABLE AS 'textin';
CREATE FUNCTION mood_out(mood) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
CREATE TYPE mood (INPUT = mood_in, OUTPUT = mood_out, LIKE = text);
CREATE FUNCTION mood_eq(mood, mood) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'byteaeq';
CREATE FUNCTION mood_lt(mood, mood) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'bytealt';
CREATE FUNCTION mood_le(mood, mood) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'byteale';
CREATE FUNCTION mood_gt(mood, mood) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'byteagt';
CREATE FUNCTION mood_ge(mood, mood) RETURNS boolean LANGUAGE internal STRICT IMMUTABLE AS 'byteage';
CREATE FUNCTION mood_cmp(mood, mood) RETURNS int LANGUAGE internal STRICT IMMUTABLE AS 'byteacmp';
CREATE FUNCTION mood_hash(mood) RETURNS int LANGUAGE internal STRICT IMMUTABLE AS 'hashvarlena';
CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_eq, COMMUTATOR = =, HASHES, MERGES);
CREATE OPERATOR < (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_lt);
CREATE OPERATOR <= (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_le);
CREATE OPERATOR > (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_gt);
CREATE OPERATOR >= (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_ge);
CREATE OPERATOR CLASS mood_ops DEFAULT FOR TYPE mood USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 mood_cmp(mood, mood);
CREATE OPERATOR CLASS mood_hash_ops DEFAULT FOR TYPE mood USING hash AS OPERATOR 1 =, FUNCTION 1 mood_hash(mood);
CREATE TABLE moods (m mood PRIMARY KEY, v int CHECK (v > 0));
CREATE TABLE texts (t text PRIMARY KEY, v int CHECK (v > 0));
SELECT wants('bo', 'd.moods', 'bo.moods'), wants('bo', 'd.texts', 'bo.texts');
-- such a key is compared by the operator of its index, in statements too
CREATE TABLE moods_sql (m mood PRIMARY KEY, v int) PARTITION BY RANGE (m);
CREATE TABLE moods_sql_0 PARTITION OF moods_sql DEFAULT;
CREATE TABLE moods_keyless (m mood, v int) PARTITION BY RANGE (m);
CREATE TABLE moods_keyless_0 PARTITION OF moods_keyless DEFAULT;
SELECT wants('bo', 'd.' || t, 'bo.' || t) FROM unnest('{moods_sql,moods_keyless}'::text[]) t;
SELECT ev(t, 'c', '{"m":"glad","v":1}'), ev(t, 'c', '{"m":"sad","v":1}') FROM unnest('{moods_sql,moods_keyless}'::text[]) t;
SELECT count(*) FROM cdc.apply('bo');
SELECT ev(t, 'u', '{"m":"glad","v":2}', '{"v":1}'), ev(t, 'd', '{"m":"sad","v":1}') FROM unnest('{moods_sql,moods_keyless}'::text[]) t;
SELECT count(*) FROM cdc.apply('bo');
SELECT m, v FROM moods_sql UNION ALL SELECT m, v FROM moods_keyless;
SELECT ev('moods', 'c', '{"m":"secret","v":-1}');
SELECT fails($$SELECT cdc.apply('bo')$$);
DELETE FROM h WHERE source_table = 'd.moods';
SELECT ev('texts', 'c', jsonb_build_object('t', repeat('ü', 1000), 'v', -1));
SELECT fails($$SELECT cdc.apply('bo')$$);
SELECT ev('texts', 'c', jsonb_build_object('t', repeat('ü', 1000), 'v', 'no number'));
DELETE FROM h WHERE source_table = 'd.texts' AND seq < (SELECT max(seq) FROM h);
SELECT fails($$SELECT cdc.apply('bo')$$);

DELETE FROM cdc.subscription WHERE name IN ('bo', 'boc');
DELETE FROM cdc.subscription_position WHERE subscription IN ('bo', 'boc');
DELETE FROM cdc.subscription_progress WHERE subscription IN ('bo', 'boc');
DELETE FROM cdc.subscription_table WHERE subscription IN ('bo', 'boc');
DELETE FROM cdc.table_counter WHERE subscription IN ('bo', 'boc');
DROP SCHEMA bo CASCADE;
