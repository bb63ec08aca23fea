-- Random changes of two tables, and the messages that each tool would write of them: what
-- test/t/045_kafka_envelopes.pl sends and compares with the tables.  Table 2 has a key of
-- two columns; table 1 gets the column x half way.
CREATE SCHEMA model;
CREATE TABLE model.t1 (id int PRIMARY KEY, v bigint, t text, d numeric(10,2), at timestamp(3), x int);
CREATE TABLE model.t2 (id int, k text, v bigint, t text, d numeric(10,2), at timestamp(3), PRIMARY KEY (id, k));
CREATE TABLE model.change (n serial PRIMARY KEY, tab text, op text, before jsonb, after jsonb);

-- A row's columns; of a missing row NULL.
CREATE FUNCTION model.row_of(tab text, i int, k text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE r jsonb;
BEGIN
    EXECUTE format('SELECT to_jsonb(m) FROM model.%I m WHERE id = $1 %s', tab, CASE WHEN tab = 't2' THEN 'AND k = $2' END) INTO r USING i, k;
    RETURN r || jsonb_build_object('at', replace(r->>'at', 'T', ' '));
END $$;

CREATE FUNCTION model.value_of(col text) RETURNS jsonb LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN random() < 0.25 THEN 'null'::jsonb
        WHEN col = 'v' THEN to_jsonb((random() * 1e12)::bigint - 500000000000)
        WHEN col = 't' THEN to_jsonb(CASE WHEN random() < 0.2 THEN '' ELSE E'zoë "\\' || md5(random()::text) END)
        WHEN col = 'd' THEN to_jsonb(((random() * 1e6)::int - 500000) / 100.0::numeric(10,2))
        WHEN col = 'at' THEN to_jsonb(to_char('1950-01-01'::timestamp + random() * 3e9 * interval '1 s', 'YYYY-MM-DD HH24:MI:SS.MS'))
        ELSE to_jsonb((random() * 100)::int) END $$;

CREATE FUNCTION model.generate(changes int, seed float8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE tab text; i int; k text; i2 int; k2 text; b jsonb; a jsonb; c text; cols text[];
BEGIN
    PERFORM setseed(seed);
    FOR n IN 1..changes LOOP
        tab := CASE WHEN random() < 0.6 THEN 't1' ELSE 't2' END;
        cols := CASE WHEN tab = 't1' AND n > changes / 2 THEN '{v,t,d,at,x}' ELSE '{v,t,d,at}' END;
        i := (random() * 25)::int; k := chr(97 + (random() * 2)::int);
        i2 := (random() * 25)::int; k2 := chr(97 + (random() * 2)::int);
        b := model.row_of(tab, i, k);
        IF tab = 't1' AND n <= changes / 2 THEN b := b - 'x'; END IF;
        a := b;
        IF b IS NULL THEN
            a := jsonb_build_object('id', i) || CASE WHEN tab = 't2' THEN jsonb_build_object('k', k) ELSE '{}' END;
            FOREACH c IN ARRAY cols LOOP a := a || jsonb_build_object(c, model.value_of(c)); END LOOP;
        ELSIF random() < 0.25 THEN
            a := NULL;
        ELSE
            FOREACH c IN ARRAY cols LOOP
                IF random() < 0.4 THEN a := a || jsonb_build_object(c, model.value_of(c)); END IF;
            END LOOP;
            IF random() < 0.2 AND model.row_of(tab, i2, k2) IS NULL THEN
                a := a || jsonb_build_object('id', i2) || CASE WHEN tab = 't2' THEN jsonb_build_object('k', k2) ELSE '{}' END;
            END IF;
            CONTINUE WHEN a = b;
        END IF;
        IF b IS NOT NULL THEN
            EXECUTE format('DELETE FROM model.%I WHERE id = $1 %s', tab, CASE WHEN tab = 't2' THEN 'AND k = $2' END) USING i, k;
        END IF;
        IF a IS NOT NULL THEN
            EXECUTE format('INSERT INTO model.%I SELECT * FROM jsonb_populate_record(NULL::model.%I, $1)', tab, tab) USING a;
        END IF;
        INSERT INTO model.change (tab, op, before, after) VALUES (tab, CASE WHEN b IS NULL THEN 'c' WHEN a IS NULL THEN 'd' ELSE 'u' END, b, a);
    END LOOP;
END $$;

-- the key of a row
CREATE FUNCTION model.key_of(tab text, r jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', r->'id') || CASE WHEN tab = 't2' THEN jsonb_build_object('k', r->'k') ELSE '{}' END $$;

CREATE FUNCTION model.keys(tab text) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN tab = 't2' THEN '["id", "k"]' ELSE '["id"]' END::jsonb $$;

-- members of a that b has otherwise, or not
CREATE FUNCTION model.changed(a jsonb, b jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(a) WHERE b->key IS DISTINCT FROM value $$;

-- decimals as bytes, times as milliseconds; what an update leaves as it is may be unavailable
CREATE FUNCTION model.debezium_row(r jsonb, before jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(key, CASE WHEN value = 'null' THEN value
        WHEN key = 'd' THEN to_jsonb(encode(int8send((value::text::numeric * 100)::bigint), 'base64'))
        WHEN key = 'at' THEN to_jsonb((extract(epoch FROM (value #>> '{}')::timestamp) * 1000)::bigint)
        WHEN key = 't' AND before->key = value THEN '"__debezium_unavailable_value"' ELSE value END) FROM jsonb_each(r) $$;

CREATE FUNCTION model.debezium(c model.change, op text, before jsonb, after jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('op', op, 'before', model.debezium_row(before), 'after', model.debezium_row(after, before),
        'source', jsonb_build_object('connector', 'mysql', 'db', 'd', 'table', c.tab, 'ts_ms', 1717245296000)) $$;

CREATE FUNCTION model.debezium_schema(c model.change, value jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('payload', value, 'schema', jsonb_build_object('type', 'struct', 'fields', jsonb_build_array(jsonb_build_object('field', 'after', 'type', 'struct',
        'fields', (SELECT jsonb_agg(f) FROM jsonb_array_elements('[{"field":"id","type":"int32","optional":false},{"field":"k","type":"string","optional":false},{"field":"v","type":"int64","optional":true},
            {"field":"t","type":"string","optional":true},{"field":"d","type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"10"}},
            {"field":"at","type":"int64","optional":true,"name":"io.debezium.time.Timestamp"},{"field":"x","type":"int32","optional":true}]') f
            WHERE coalesce(c.after, c.before) ? (f->>'field')))))) $$;

-- a changed key is a delete and an insert
CREATE FUNCTION model.debezium_changes(c model.change) RETURNS TABLE (part int, key jsonb, value jsonb) LANGUAGE sql AS $$
    SELECT 1, model.key_of(c.tab, coalesce(c.before, c.after)), CASE
        WHEN c.op = 'u' AND model.key_of(c.tab, c.before) <> model.key_of(c.tab, c.after) THEN model.debezium(c, 'd', c.before, NULL)
        ELSE model.debezium(c, c.op, c.before, c.after) END
    UNION ALL SELECT 2, model.key_of(c.tab, c.before), NULL WHERE c.op = 'd' OR model.key_of(c.tab, c.before) <> model.key_of(c.tab, c.after)
    UNION ALL SELECT 3, model.key_of(c.tab, c.after), model.debezium(c, 'c', NULL, c.after) WHERE c.op = 'u' AND model.key_of(c.tab, c.before) <> model.key_of(c.tab, c.after) $$;

CREATE FUNCTION model.quix_row(r jsonb, names text, types text, vals text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(names, jsonb_agg(key ORDER BY key), types, jsonb_agg(CASE key WHEN 'id' THEN 'integer' WHEN 'x' THEN 'integer' WHEN 'v' THEN 'bigint'
        WHEN 'd' THEN 'numeric(10,2)' WHEN 'at' THEN 'timestamp(3) without time zone' ELSE 'text' END ORDER BY key), vals, jsonb_agg(value ORDER BY key)) FROM jsonb_each(r) $$;

CREATE VIEW model.message AS
    SELECT 'maxwell' AS format, n, 1 AS part, model.key_of(tab, coalesce(after, before)) AS key, jsonb_build_object('database', 'd', 'table', tab, 'type',
        CASE op WHEN 'c' THEN 'insert' WHEN 'u' THEN 'update' ELSE 'delete' END, 'ts', 1717245296, 'xid', n / 3, 'primary_key_columns', model.keys(tab),
        'data', coalesce(after, before)) || CASE WHEN op = 'u' THEN jsonb_build_object('old', model.changed(before, after)) ELSE '{}' END
        || CASE WHEN n % 3 = 2 OR n = (SELECT max(n) FROM model.change) THEN '{"commit":true}'::jsonb ELSE '{}' END AS value FROM model.change
    UNION ALL SELECT 'maxwell_no_nulls', n, 1, NULL, jsonb_build_object('database', 'd', 'table', tab, 'type',
        CASE op WHEN 'c' THEN 'insert' WHEN 'u' THEN 'update' ELSE 'delete' END, 'ts', 1717245296, 'data', jsonb_strip_nulls(coalesce(after, before)))
        || CASE WHEN op = 'u' THEN jsonb_strip_nulls(jsonb_build_object('old', model.changed(before, after))) ELSE '{}' END FROM model.change
    UNION ALL SELECT 'debezium', n, part, key, value FROM model.change c, model.debezium_changes(c)
    UNION ALL SELECT 'debezium_schema', n, part, key, CASE WHEN value IS NOT NULL THEN model.debezium_schema(c, value) END FROM model.change c, model.debezium_changes(c)
    UNION ALL SELECT 'debezium_flat', n, part, key, CASE WHEN value IS NOT NULL THEN coalesce(nullif(value->'after', 'null'), value->'before') || jsonb_build_object(
        '__op', value->>'op', '__deleted', (value->>'op' = 'd')::text, '__table', c.tab, '__db', 'd') END FROM model.change c, model.debezium_changes(c)
    UNION ALL SELECT 'goldengate', n, 1, NULL, jsonb_strip_nulls(jsonb_build_object('table', 'd.' || tab, 'op_type', CASE op WHEN 'c' THEN 'I' WHEN 'u' THEN 'U' ELSE 'D' END,
        'op_ts', '2024-06-01 12:34:56.000000', 'pos', n::text)) || jsonb_build_object('primary_keys', model.keys(tab), 'before', CASE WHEN n % 2 = 0 AND op = 'u' THEN model.key_of(tab, before) ELSE before END,
        'after', CASE WHEN n % 2 = 0 AND op = 'u' THEN model.changed(after, before) || model.key_of(tab, after) ELSE after END) FROM model.change
    UNION ALL SELECT 'canal', n, 1, NULL, jsonb_build_object('type', CASE op WHEN 'c' THEN 'INSERT' WHEN 'u' THEN 'UPDATE' ELSE 'DELETE' END, 'isDdl', false, 'database', 'd', 'table', tab,
        'pkNames', model.keys(tab), 'mysqlType', '{"id":"int(11)","k":"varchar(10)","v":"bigint(20)","t":"text","d":"decimal(10,2)","at":"datetime(3)","x":"int"}'::jsonb,
        'data', jsonb_build_array((SELECT jsonb_object_agg(key, value #>> '{}') FROM jsonb_each(coalesce(after, before)))),
        'old', CASE WHEN op = 'u' THEN jsonb_build_array((SELECT jsonb_object_agg(key, value #>> '{}') FROM jsonb_each(model.changed(before, after)))) END) FROM model.change
    UNION ALL SELECT 'quix', n, 1, NULL, jsonb_build_object('kind', CASE op WHEN 'c' THEN 'insert' WHEN 'u' THEN 'update' ELSE 'delete' END, 'schema', 'd', 'table', tab,
        'pk', jsonb_build_object('pknames', model.keys(tab)))
        || CASE WHEN op <> 'd' THEN model.quix_row(after, 'columnnames', 'columntypes', 'columnvalues') ELSE '{}' END
        || CASE WHEN op <> 'c' THEN jsonb_build_object('oldkeys', model.quix_row(model.key_of(tab, before), 'keynames', 'keytypes', 'keyvalues')) ELSE '{}' END FROM model.change;
