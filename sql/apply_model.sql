-- apply against a model: a table changed at random whose row triggers write
-- history as a source would.  After each round the targets, which differ in
-- keys, indexes, kind and back-end, must equal the table.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA model;
SET search_path = model, public;
SELECT setseed(0.4711);

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq, ingested_at));
CREATE SEQUENCE seq;
CREATE SEQUENCE number;
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('model', current_user, 'none', '{*.*}', '{}', 'maxwell', 'model.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('model', 1000000);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('model');
SELECT cdc_catalog.take_over('model');

CREATE TABLE src (id int, sub text, u int, a int, b text, c numeric(8,3));
ALTER TABLE src ADD PRIMARY KEY (id, sub), ADD UNIQUE (u);

-- live: the replica; the others are replayed from the same history
CREATE TABLE live (LIKE src, PRIMARY KEY (id, sub));
CREATE TABLE second_unique (LIKE src, PRIMARY KEY (id, sub), UNIQUE (u));
CREATE TABLE keyless (LIKE src);
CREATE TABLE own_column (mine text DEFAULT 'd', LIKE src, PRIMARY KEY (sub, id));
CREATE TABLE parted (LIKE src, PRIMARY KEY (id, sub)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (MINVALUE) TO (15);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (15) TO (MAXVALUE);
CREATE TABLE parted_keyless (LIKE src) PARTITION BY RANGE (id);
CREATE TABLE parted_keyless_1 PARTITION OF parted_keyless DEFAULT;
CREATE TABLE triggered (LIKE src, PRIMARY KEY (id, sub), seen text);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.seen := TG_OP; RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE triggered ENABLE ALWAYS TRIGGER stamp;
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state)
    VALUES ('model', 'm.src', 'm.src', 'model.live', 'r');

-- the source's binlog: whole rows, or only the key and what changed
CREATE TABLE image (partial boolean);
INSERT INTO image VALUES (false);
CREATE FUNCTION capture() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n bigint := nextval('seq');
    data jsonb;
    old_row jsonb;
    changed jsonb;
    op "char" := CASE TG_OP WHEN 'INSERT' THEN 'c' WHEN 'UPDATE' THEN 'u' WHEN 'DELETE' THEN 'd' ELSE 't' END;
    ev jsonb := jsonb_build_object('database', 'm', 'table', 'src', 'type', lower(TG_OP), 'ts', n);
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN data := to_jsonb(NEW); END IF;
    IF TG_OP = 'DELETE' THEN data := to_jsonb(OLD); END IF;
    IF TG_OP = 'UPDATE' THEN
        old_row := to_jsonb(OLD);
        SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO changed
            FROM jsonb_each(old_row) WHERE value IS DISTINCT FROM data -> key;
        IF (SELECT partial FROM image) THEN
            SELECT jsonb_object_agg(key, value) INTO data FROM jsonb_each(data)
                WHERE key IN ('id', 'sub') OR changed ? key;
        END IF;
        ev := ev || jsonb_build_object('old', changed);
    END IF;
    IF TG_OP = 'DELETE' AND (SELECT partial FROM image) THEN
        data := jsonb_build_object('id', OLD.id, 'sub', OLD.sub);
    END IF;
    IF data IS NOT NULL THEN ev := ev || jsonb_build_object('data', data); END IF;
    INSERT INTO h (seq, source_ts, source_table, op, position, gtid, event, commit)
        VALUES (n, now(), 'm.src', op, 'bin.000001:' || n * 10, '0-1-' || n, ev, random() < 0.4);
    RETURN NULL;
END $$;
CREATE TRIGGER capture AFTER INSERT OR UPDATE OR DELETE ON src FOR EACH ROW EXECUTE FUNCTION capture();
CREATE TRIGGER capture_t AFTER TRUNCATE ON src FOR EACH STATEMENT EXECUTE FUNCTION capture();

CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    dice float := random();
    x src;
    y src;
    k int := 1 + floor(random() * 30);
    s text := (ARRAY['x', 'y', 'ü"'])[1 + floor(random() * 3)];
BEGIN
    SELECT * INTO x FROM src ORDER BY random() LIMIT 1;
    SELECT * INTO y FROM src WHERE (id, sub) <> (x.id, x.sub) ORDER BY random() LIMIT 1;
    IF dice < 0.35 OR x.id IS NULL THEN
        INSERT INTO src VALUES (k, s, nextval('number') * 1000, k * 7, repeat(s, k), k / 8.0)
            ON CONFLICT DO NOTHING;
    ELSIF dice < 0.60 THEN
        UPDATE src SET a = CASE WHEN random() < 0.5 THEN a + 1 ELSE a END,
            b = CASE WHEN random() < 0.3 THEN NULL WHEN random() < 0.5 THEN b || '!' ELSE b END,
            c = CASE WHEN random() < 0.3 THEN -c ELSE c END
            WHERE (id, sub) = (x.id, x.sub);
    ELSIF dice < 0.72 THEN                  -- to another key
        UPDATE src SET id = k, sub = s, a = CASE WHEN random() < 0.5 THEN a + 1 ELSE a END
            WHERE (id, sub) = (x.id, x.sub)
            AND NOT EXISTS (SELECT 1 FROM src z WHERE (z.id, z.sub) = (k, s));
    ELSIF dice < 0.77 AND y.id IS NOT NULL THEN     -- two keys swapped
        UPDATE src SET id = -1 WHERE (id, sub) = (x.id, x.sub);
        UPDATE src SET id = x.id, sub = x.sub WHERE (id, sub) = (y.id, y.sub);
        UPDATE src SET id = y.id, sub = y.sub WHERE id = -1;
    ELSIF dice < 0.80 AND y.id IS NOT NULL THEN     -- two unique values swapped
        UPDATE src SET u = -1 WHERE (id, sub) = (x.id, x.sub);
        UPDATE src SET u = x.u WHERE (id, sub) = (y.id, y.sub);
        UPDATE src SET u = y.u WHERE u = -1;
    ELSIF dice < 0.84 THEN                  -- away and back
        DELETE FROM src WHERE (id, sub) = (x.id, x.sub);
        INSERT INTO src VALUES (x.id, x.sub, x.u, 1, 'back', NULL);
    ELSIF dice < 0.87 AND x.id < 100 AND NOT EXISTS (SELECT 1 FROM src WHERE id >= 100) THEN  -- a chain of keys
        FOR i IN 1..5 LOOP
            UPDATE src SET id = 100 + i WHERE (id, sub) = (CASE WHEN i = 1 THEN x.id ELSE 99 + i END, x.sub);
        END LOOP;
    ELSIF dice < 0.995 THEN
        DELETE FROM src WHERE (id, sub) = (x.id, x.sub);
    ELSE
        TRUNCATE src;
    END IF;
END $$;

CREATE FUNCTION differs(t text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM ((SELECT id, sub, u, a, b, c FROM src EXCEPT ALL '
        'SELECT id, sub, u, a, b, c FROM %1$I) UNION ALL (SELECT id, sub, u, a, b, c FROM %1$I '
        'EXCEPT ALL SELECT id, sub, u, a, b, c FROM src)) d', t) INTO n;
    RETURN n;
END $$;

-- rows that apply may collect before it writes some: mostly fewer than a round has
CREATE FUNCTION limit_memory() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cdc.subscription SET options = jsonb_build_object('apply_memory_limit',
        (ARRAY['2kB', '6kB', '12kB', '48MB'])[1 + floor(random() * 4)]) WHERE name = 'model';
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100);
END $$;

CREATE FUNCTION rounds(n int, targets text[]) RETURNS TABLE (what text, differences bigint) LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
    lo bigint;
    t text;
BEGIN
    FOR i IN 1..n LOOP
        lo := (SELECT coalesce(max(seq), 0) FROM h);
        PERFORM change() FROM generate_series(1, 1 + floor(random() * CASE WHEN i % 10 = 0 THEN 300 ELSE 12 END)::int);
        last := (SELECT coalesce(max(seq), 0) FROM h);
        UPDATE h SET commit = true WHERE seq = last;
        PERFORM limit_memory();
        IF random() < 0.5 THEN
            PERFORM * FROM cdc.apply('model', 1 + floor(random() * 5)::bigint);
        END IF;
        PERFORM * FROM cdc.apply('model');
        FOREACH t IN ARRAY targets LOOP
            IF t <> 'live' THEN
                PERFORM cdc.replay('model', 'm.src', 'model.' || t, lo + 1, last);
            END IF;
            differences := differs(t);
            IF differences > 0 THEN
                what := format('round %s, %s, seq %s to %s', i, t, lo + 1, last);
                RETURN NEXT;
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- whole images
SELECT * FROM rounds(150, '{live, second_unique, keyless, own_column, parted, parted_keyless, triggered}');
SELECT count(*) > 500 AS events, bool_or(op = 'u') AS updates FROM h;
SELECT applied_seq = (SELECT max(seq) FROM h) AS all_applied FROM cdc.subscription_progress WHERE subscription = 'model';
SELECT events = (SELECT count(*) FROM h) AS all_counted FROM cdc.table_counter WHERE subscription = 'model';
SELECT count(*) AS without_trigger FROM triggered WHERE seen IS NULL;
SELECT count(*) AS without_default FROM own_column WHERE mine IS DISTINCT FROM 'd';

-- any suffix once more: nothing changes (tables with a key)
CREATE FUNCTION suffixes(n int, targets text[]) RETURNS TABLE (what text, differences bigint) LANGUAGE plpgsql AS $$
DECLARE
    lo bigint;
    t text;
BEGIN
    FOR i IN 1..n LOOP
        lo := (SELECT floor(random() * max(seq)) FROM h);
        PERFORM limit_memory();
        FOREACH t IN ARRAY targets LOOP
            PERFORM cdc.replay('model', 'm.src', 'model.' || t, lo, NULL);
            differences := differs(t);
            IF differences > 0 THEN
                what := format('%s from seq %s', t, lo);
                RETURN NEXT;
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END $$;
SELECT * FROM suffixes(15, '{live, second_unique, own_column, parted, triggered}');

-- from nothing into fresh tables, in one go
CREATE TABLE fresh (LIKE src, PRIMARY KEY (id, sub));
CREATE TABLE fresh_keyless (LIKE src);
CREATE TABLE fresh_unique (LIKE src, PRIMARY KEY (id, sub), UNIQUE (u));
SELECT cdc.replay('model', 'm.src', 'model.fresh') = (SELECT count(*) FROM h) AS replayed;
SELECT cdc.replay('model', 'm.src', 'model.fresh_keyless') > 0 AS replayed;
SELECT cdc.replay('model', 'm.src', 'model.fresh_unique') > 0 AS replayed;
SELECT differs('fresh'), differs('fresh_keyless'), differs('fresh_unique');

-- partial images: keys and changed columns only
UPDATE image SET partial = true;
UPDATE own_column SET mine = 'own ' || id WHERE id % 2 = 0;
SELECT * FROM rounds(120, '{live, second_unique, own_column, parted, triggered}');
SELECT count(*) > 500 AS partial_events FROM h WHERE event -> 'data' ? 'u' IS FALSE;

DELETE FROM cdc.subscription WHERE name = 'model';
DELETE FROM cdc.subscription_position WHERE subscription = 'model';
DELETE FROM cdc.subscription_progress WHERE subscription = 'model';
DELETE FROM cdc.subscription_table WHERE subscription = 'model';
DELETE FROM cdc.table_counter WHERE subscription = 'model';
DELETE FROM cdc.log WHERE subscription = 'model';
DROP SCHEMA model CASCADE;
