-- apply against a model, in the SQL that Greenplum 6 and PostgreSQL have in common, so
-- that both run it.  A table is changed at random; what changes it writes history too, as
-- a source would.  Whatever the memory for rows, targets must equal the table.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA pa;
SET search_path = pa, public;

CREATE TABLE h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq));
INSERT INTO cdc.subscription (name, owner, server, tables, "exclude", format, history, copy_data, enabled, options)
    VALUES ('pa', current_user, 'none', '{*.*}', '{}', 'maxwell', 'pa.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('pa', 0);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('pa');
SELECT cdc_catalog.take_over('pa');

-- a dice that falls alike on every server
CREATE TABLE dice (n int);
INSERT INTO dice VALUES (0);
CREATE FUNCTION roll(sides int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE i int;
BEGIN
    UPDATE dice SET n = n + 1;
    SELECT n INTO i FROM dice;
    RETURN ('x' || substr(md5('dice ' || i), 1, 7))::bit(28)::int % sides;
END $$;
CREATE FUNCTION quoted(v text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(to_json($1)::text, 'null') $$;
CREATE FUNCTION event(tab text, what "char", data text, old text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s bigint;
BEGIN
    UPDATE cdc.subscription_position SET last_seq = last_seq + 1 WHERE subscription = 'pa';
    SELECT last_seq INTO s FROM cdc.subscription_position WHERE subscription = 'pa';
    INSERT INTO pa.h (seq, source_ts, source_table, op, position, event, commit)
        VALUES (s, now(), 'd.' || tab, what, 'bin.000001:' || s * 10,
            ('{"data":' || data || coalesce(',"old":' || old, '') || '}')::jsonb, s % 3 = 0);
END $$;
CREATE FUNCTION limit_memory(size text) RETURNS void LANGUAGE sql AS $$
    UPDATE cdc.subscription SET options = ('{"apply_memory_limit":"' || size || '"}')::jsonb WHERE name = 'pa';
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;

-- the keys: a number; two columns that may be NULL; none.  keyed has a column of its own.
CREATE TABLE m_keyed (id int PRIMARY KEY, a text, b numeric(8,2), c int);
CREATE TABLE t_keyed (gone int, id int PRIMARY KEY, a text, b numeric(8,2), c int, own text DEFAULT 'd');
ALTER TABLE t_keyed DROP COLUMN gone;
CREATE TABLE m_pair (x int, y text, a text, b numeric(8,2), c int);
CREATE TABLE t_pair (x int, y text, a text, b numeric(8,2), c int, UNIQUE (x, y));
CREATE TABLE m_none (id int, a text, b numeric(8,2), c int);
CREATE TABLE t_none (id int, a text, b numeric(8,2), c int);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, copy_data, state)
    VALUES ('pa', 'd.keyed', 'd.keyed', 'pa.t_keyed', NULL, false, 'r'), ('pa', 'd.pair', 'd.pair', 'pa.t_pair', '{x,y}', false, 'r'),
        ('pa', 'd.none', 'd.none', 'pa.t_none', NULL, false, 'r');

-- a change of the table with a key: whole images, or only the key and what changed
CREATE FUNCTION change_keyed(partial boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k int := roll(40); to_k int := roll(40); d int := roll(100);
    r m_keyed; n m_keyed; data text; old text := '';
BEGIN
    SELECT * INTO r FROM m_keyed WHERE id = k;
    IF NOT FOUND THEN
        n.id := k; n.a := CASE WHEN d % 7 = 0 THEN NULL ELSE repeat('ü"', d % 5) || d END; n.b := d / 4.0; n.c := d;
        INSERT INTO m_keyed VALUES (n.id, n.a, n.b, n.c);
        PERFORM event('keyed', 'c', '{"id":' || k || ',"a":' || quoted(n.a) || ',"b":' || n.b || ',"c":' || n.c || '}', NULL);
        RETURN;
    END IF;
    IF d < 20 THEN
        DELETE FROM m_keyed WHERE id = k;
        PERFORM event('keyed', 'd', '{"id":' || k || '}', NULL);
        RETURN;
    END IF;
    n := r;
    n.c := d;
    IF d % 2 = 0 THEN n.a := CASE WHEN d % 6 = 0 THEN NULL ELSE 'u' || d END; END IF;
    IF d < 40 AND NOT EXISTS (SELECT 1 FROM m_keyed WHERE id = to_k) THEN n.id := to_k; END IF;
    DELETE FROM m_keyed WHERE id = k;
    INSERT INTO m_keyed VALUES (n.id, n.a, n.b, n.c);
    data := '{"id":' || n.id || ',"c":' || n.c;
    IF NOT partial OR n.a IS DISTINCT FROM r.a THEN data := data || ',"a":' || quoted(n.a); END IF;
    IF NOT partial THEN data := data || ',"b":' || n.b; END IF;
    IF n.id <> r.id THEN old := ',"id":' || r.id; END IF;
    PERFORM event('keyed', 'u', data || '}', '{"c":' || r.c || old || '}');
END $$;
CREATE FUNCTION change_pair() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    nx int := nullif(roll(5), 0); ny text := (ARRAY['p', 'q', NULL])[1 + roll(3)]; d int := roll(100);
    whole text := '"x":' || quoted(nx::text) || ',"y":' || quoted(ny) || ',"a":"' || d || '","b":' || d || '.5,"c":' || d;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM m_pair WHERE x IS NOT DISTINCT FROM nx AND y IS NOT DISTINCT FROM ny) THEN
        INSERT INTO m_pair VALUES (nx, ny, d::text, d + 0.5, d);
        PERFORM event('pair', 'c', '{' || whole || '}', NULL);
    ELSIF d < 30 THEN
        DELETE FROM m_pair WHERE x IS NOT DISTINCT FROM nx AND y IS NOT DISTINCT FROM ny;
        PERFORM event('pair', 'd', '{' || whole || '}', NULL);
    ELSE
        UPDATE m_pair SET a = d::text, b = d + 0.5, c = d WHERE x IS NOT DISTINCT FROM nx AND y IS NOT DISTINCT FROM ny;
        PERFORM event('pair', 'u', '{' || whole || '}', '{"c":0}');
    END IF;
END $$;
CREATE FUNCTION change_none() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d int := roll(6); e int := roll(3); t text := CASE WHEN d > 2 THEN 'n' || d END; r m_none;
BEGIN
    SELECT * INTO r FROM m_none WHERE id = d ORDER BY c LIMIT 1;
    IF r.id IS NULL OR roll(2) = 0 THEN
        INSERT INTO m_none VALUES (d, t, d, e);
        PERFORM event('none', 'c', '{"id":' || d || ',"a":' || quoted(t) || ',"b":' || d || ',"c":' || e || '}', NULL);
    ELSE
        PERFORM event('none', 'd', '{"id":' || r.id || ',"a":' || quoted(r.a) || ',"b":' || r.b || ',"c":' || r.c || '}', NULL);
        -- one of the equal ones goes: the table is made anew without it
        CREATE TEMP TABLE rest AS SELECT * FROM m_none WHERE NOT (id = r.id AND c = r.c);
        INSERT INTO rest SELECT r.id, r.a, r.b, r.c FROM m_none m WHERE m.id = r.id AND m.c = r.c OFFSET 1;
        TRUNCATE m_none;
        INSERT INTO m_none SELECT * FROM rest;
        DROP TABLE rest;
    END IF;
END $$;

CREATE FUNCTION differ() RETURNS TABLE (keyed bigint, pair bigint, bare bigint) LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM ((TABLE pa.m_keyed EXCEPT ALL SELECT id, a, b, c FROM pa.t_keyed) UNION ALL
                (SELECT id, a, b, c FROM pa.t_keyed EXCEPT ALL TABLE pa.m_keyed)) d),
        (SELECT count(*) FROM ((TABLE pa.m_pair EXCEPT ALL TABLE pa.t_pair) UNION ALL (TABLE pa.t_pair EXCEPT ALL TABLE pa.m_pair)) d),
        (SELECT count(*) FROM ((TABLE pa.m_none EXCEPT ALL TABLE pa.t_none) UNION ALL (TABLE pa.t_none EXCEPT ALL TABLE pa.m_none)) d) $$;
-- all that is left of a source transaction is committed, so that the model is complete
CREATE FUNCTION round(changes int, partial boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d record; n bigint;
BEGIN
    FOR i IN 1..changes LOOP
        PERFORM change_keyed(partial);
        IF i % 2 = 0 THEN PERFORM change_pair(); END IF;
        IF i % 5 = 0 THEN PERFORM change_none(); END IF;
    END LOOP;
    UPDATE pa.h SET commit = true WHERE seq = (SELECT max(seq) FROM pa.h);
    PERFORM cdc.apply('pa');
    SELECT * INTO d FROM differ();
    SELECT count(*) INTO n FROM pa.m_keyed;
    RETURN d.keyed || ' ' || d.pair || ' ' || d.bare || ' differ of ' || n || ' and others';
END $$;
SELECT round(120, false);
SELECT limit_memory('1kB');
SELECT round(120, false);
SELECT round(120, true);
SELECT limit_memory('2kB');
SELECT round(150, true);
SELECT count(*) > 30 AS enough, count(DISTINCT x) AS xs, count(DISTINCT y) AS ys, sum((x IS NULL)::int) > 0 AS nulls FROM m_keyed, m_pair;

-- what is the target's own stays with its row when the key moves
SELECT event('keyed', 'c', '{"id":1000,"a":"x","b":1,"c":1}', NULL), event('keyed', 'c', '{"id":1001,"a":"y","b":1,"c":1}', NULL);
UPDATE h SET commit = true WHERE seq = (SELECT max(seq) FROM h);
SELECT events, inserted, updated, deleted FROM cdc.apply('pa') WHERE target LIKE '%keyed';
UPDATE t_keyed SET own = 'mine' WHERE id = 1000;
SELECT event('keyed', 'u', '{"id":1002,"c":2}', '{"id":1000,"c":1}');
UPDATE h SET commit = true WHERE seq = (SELECT max(seq) FROM h);
SELECT count(*) FROM cdc.apply('pa');
SELECT * FROM t_keyed WHERE id >= 1000 ORDER BY id;

-- many rows, of which memory holds few at a time: put in, changed in another order, deleted, put in again
CREATE FUNCTION many(what "char", n int, step int, more text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s bigint;
BEGIN
    SELECT last_seq INTO s FROM cdc.subscription_position WHERE subscription = 'pa';
    INSERT INTO pa.h (seq, source_ts, source_table, op, position, event, commit)
        SELECT s + g, now(), 'd.keyed', what, 'bin.000001:' || (s + g) * 10,
            ('{"data":{"id":' || 2000 + g::bigint * step % 20011 || more || '}' || CASE WHEN what = 'u' THEN ',"old":{"c":0}' ELSE '' END || '}')::jsonb,
            g = n
        FROM generate_series(1, n) g;
    UPDATE cdc.subscription_position SET last_seq = s + n WHERE subscription = 'pa';
END $$;
SELECT limit_memory('100kB');
SELECT many('c', 20000, 1, ',"a":"text of some length","b":1.5,"c":1');
SELECT count(*) FROM cdc.apply('pa');
SELECT count(*), min(id), max(id), sum(c), count(DISTINCT own) FROM t_keyed WHERE id >= 2000;
SELECT many('u', 20000, 7919, ',"c":2');
SELECT many('d', 5000, 3, '');
SELECT many('c', 1000, 3, ',"a":"again","b":2,"c":3');
SELECT count(*) FROM cdc.apply('pa');
SELECT count(*), sum(c), sum(b), count(DISTINCT a) FROM t_keyed WHERE id >= 2000;
-- the same from the history alone, into another table
CREATE TABLE again (LIKE t_keyed INCLUDING ALL);
SELECT cdc.replay('pa', 'd.keyed', 'pa.again', 1, NULL) > 46000 AS events;
SELECT count(*) FROM ((SELECT id, a, b, c FROM t_keyed EXCEPT ALL SELECT id, a, b, c FROM again) UNION ALL
    (SELECT id, a, b, c FROM again EXCEPT ALL SELECT id, a, b, c FROM t_keyed)) d;

DELETE FROM cdc.subscription WHERE name = 'pa';
DELETE FROM cdc.subscription_position WHERE subscription = 'pa';
DELETE FROM cdc.subscription_progress WHERE subscription = 'pa';
DELETE FROM cdc.subscription_table WHERE subscription = 'pa';
DELETE FROM cdc.table_counter WHERE subscription = 'pa';
DROP SCHEMA pa CASCADE;
