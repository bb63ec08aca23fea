-- messages with a value of another type in each of their places, as JSONB: an error or rows, never a crash.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA shapes;
SET search_path = shapes, public;
SET timezone = 'UTC';

CREATE TABLE seeds (format text, message jsonb);
INSERT INTO seeds VALUES
    ('maxwell', '{"database":"d","table":"t","type":"update","ts":1,"xid":7,"commit":true,"data":{"id":1,"v":[2,3],"w":{"x":"y"}},"old":{"v":"a"},"primary_key_columns":["id"]}'),
    ('maxwell', '{"database":"d","table":"t","type":"bootstrap-insert","data":{"id":1,"v":[""]}}'),
    ('maxwell', '{"database":"d","table":"t","type":"table-create","def":{"columns":[{"type":"int","name":"id","signed":false}],"primary-key":["id"]},"sql":"x"}'),
    ('debezium', '{"op":"u","before":{"id":1,"v":2},"after":{"id":1,"v":["__debezium_unavailable_value"]},"source":{"db":"d","table":"t","ts_ms":1,"file":"f","pos":4},"transaction":{"total_order":1},"ts_ms":2}'),
    ('debezium', '{"schema":{"type":"struct","fields":[{"field":"after","type":"struct","fields":[{"field":"id","type":"int64"},{"field":"d","type":"int32","name":"io.debezium.time.Date"},{"field":"n","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}}]}]},"payload":{"op":"c","before":null,"after":{"id":1,"d":19000,"n":"AQ=="},"source":{"db":"d","table":"t","connector":"mysql"}}}'),
    ('debezium', '{"ddl":"x","databaseName":"d","tableChanges":[{"id":"\"d\".\"t\""}],"source":{"gtid":"g"}}'),
    ('debezium_flat', '{"id":1,"v":{"wkb":"x"},"__deleted":"false","__op":"u","__table":"t","__db":"d","__source_ts_ms":1}'),
    ('goldengate', '{"table":"A.T","op_type":"U","op_ts":"2024-06-01 12:00:00","pos":"1","primary_keys":["ID"],"before":{"ID":1,"V":[1]},"after":{"ID":2,"V":"x"}}'),
    ('goldengate', '{"table":"A.T","op_type":"D","before":{"ID":1}}'),
    ('goldengate', '{"table":"T","op_type":"D","pos":"1","A":1,"B":{"c":1}}'),
    ('canal', '{"isDdl":false,"type":"UPDATE","database":"d","table":"t","es":1,"pkNames":["a"],"mysqlType":{"a":"int","e":"enum(''x'',''y'')"},"data":[{"a":"1","e":"2"},{"a":"2","e":"1"}],"old":[{"e":"1"},null]}'),
    ('quix', '{"kind":"update","schema":"s","table":"t","columnnames":["a","b"],"columntypes":["integer","bytea"],"columnvalues":[2,"00fF"],"oldkeys":{"keynames":["a"],"keytypes":["integer"],"keyvalues":[1]},"pk":{"pknames":["a"]}}'),
    ('json', '{"id":1,"v":[1,{"x":2}]}');
CREATE TABLE wrong (value jsonb);
INSERT INTO wrong VALUES ('null'), ('true'), ('1000'), ('-1'), ('1e300'), ('""'), ('"abcdefgh"'), ('[]'), ('[1, "abcdefgh"]'),
    ('[[[]]]'), ('{}'), ('{"abcdefgh": 1}'), ((SELECT jsonb_object_agg('k' || i, i) FROM generate_series(1, 100) i)),
    ((SELECT to_jsonb(repeat('abcdefgh', 500)))), ((SELECT jsonb_agg(i) FROM generate_series(1, 100) i));

-- all places of a message, itself among them
CREATE VIEW places AS
    WITH RECURSIVE p(format, message, path, value) AS (
        SELECT format, message, '{}'::text[], message FROM seeds
        UNION ALL
        SELECT p.format, p.message, p.path || m.name, m.value
        FROM p, LATERAL (
            SELECT e.key, e.value FROM jsonb_each(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END) e
            UNION ALL
            SELECT (a.n - 1)::text, a.value
            FROM jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value ELSE '[]' END) WITH ORDINALITY a(value, n)
        ) m(name, value))
    SELECT format, message, path FROM p;

-- what reading a message comes to: a word that says whether that is as it should be
CREATE FUNCTION read(message jsonb, key jsonb, format text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r record; seen text := 'no row';
BEGIN
    FOR r IN SELECT * FROM cdc.read_envelope(message, key, 'srv.d.t', format) LOOP
        IF r.row_number IS NULL THEN
            CONTINUE;
        ELSIF jsonb_typeof(r.data) <> 'object' OR jsonb_typeof(coalesce(r.old, '{}')) <> 'object' OR r.data::text::jsonb <> r.data THEN
            RETURN 'WRONG ROW';
        END IF;
        seen := 'row';
    END LOOP;
    RETURN seen;
EXCEPTION WHEN OTHERS THEN
    RETURN CASE WHEN SQLSTATE IN ('22023', '22P02', '0A000') THEN 'refused' ELSE SQLSTATE || ' ' || SQLERRM END;
END $$;
SELECT f.format = 'auto' AS recognised, read(message, '{"id": 1}', f.format) AS outcome, count(*) > 100 AS many
FROM (SELECT format, jsonb_set(message, path, value, false) AS message FROM places, wrong WHERE path <> '{}'
      UNION ALL SELECT format, value FROM seeds, wrong) x,
     LATERAL (VALUES (x.format), ('auto')) f(format)
GROUP BY 1, 2 ORDER BY 1, 2;
-- likewise the message's key
SELECT read(message, value, format) AS outcome, count(*) > 10 AS many FROM seeds, wrong GROUP BY 1 ORDER BY 1;
SELECT read(NULL, value, f.format) AS outcome, count(*) > 10 AS many
FROM wrong, (SELECT DISTINCT format FROM seeds UNION SELECT 'auto') f GROUP BY 1 ORDER BY 1;
-- and parts of Maxwell's key
SELECT read(NULL, jsonb_set(key, path, value), 'maxwell') AS outcome, count(*) > 10 AS many
FROM wrong, (VALUES ('["d", "t", [{"id": 1}]]'::jsonb)) k(key), (VALUES ('{0}'::text[]), ('{1}'), ('{2}'), ('{2,0}'), ('{2,0,id}')) p(path)
GROUP BY 1 ORDER BY 1;

-- an image of another type is what the error tells, in each format
CREATE FUNCTION why(message jsonb, format text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    PERFORM * FROM cdc.read_envelope(message, '{"id": 1}', 'srv.d.t', format);
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLERRM, d);
END $$;
SELECT DISTINCT format, path, why(jsonb_set(message, path, value, false), format)
FROM places, (VALUES ('"abcdefgh"'::jsonb)) w(value)
WHERE path IN ('{data}', '{old}', '{before}', '{after}', '{payload,before}', '{payload,after}', '{data,0}', '{old,0}',
    '{columnnames}', '{columntypes}', '{columnvalues}', '{oldkeys}', '{oldkeys,keynames}', '{oldkeys,keyvalues}')
ORDER BY 1, 2, 3;

-- apply, of a history whose owner has changed it
CREATE SERVER shapes_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');
CREATE TABLE target (id bigint PRIMARY KEY, v text);
CREATE FUNCTION apply(format text, event jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    CREATE TABLE history (seq bigint PRIMARY KEY, ingested_at timestamptz DEFAULT now(), source_ts timestamptz,
        source_table text, op "char", position text, gtid text, event jsonb, raw bytea, commit boolean, key jsonb);
    INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
        VALUES ('shapes', current_user, 'shapes_bus', '{*.*}', '{}', $1, 'shapes.history', false, false, '{}');
    INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('shapes', 1);
    INSERT INTO cdc.subscription_progress (subscription) VALUES ('shapes');
    INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state) VALUES ('shapes', 'd.t', 'd.t', 'shapes.target', 'r');
    PERFORM cdc_catalog.take_over('shapes');
    INSERT INTO history VALUES (1, now(), NULL, 'd.t', 'u', 't/0@1', NULL, event, NULL, true, NULL);
    PERFORM cdc.apply('shapes');
    RAISE 'applied';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;     -- and all of the above is undone
END $$;
SELECT format, apply(format, jsonb_set(message::jsonb, path, value, false)) AS outcome, count(*)
FROM (VALUES ('maxwell', '{"database":"d","table":"t","type":"update","data":{"id":1,"v":2},"old":{"v":1}}', '{data}'::text[]),
             ('maxwell', '{"database":"d","table":"t","type":"update","data":{"id":1,"v":2},"old":{"v":1}}', '{old}'),
             ('debezium', '{"payload":{"op":"u","before":{"id":1},"after":{"id":1},"source":{"db":"d","table":"t"}},"schema":{}}', '{payload,after}'),
             ('debezium', '{"payload":{"op":"u","before":{"id":1},"after":{"id":1},"source":{"db":"d","table":"t"}},"schema":{}}', '{payload,before}'),
             ('goldengate', '{"table":"d.t","op_type":"U","before":{"id":1},"after":{"id":1}}', '{before}'),
             ('goldengate', '{"table":"d.t","op_type":"U","before":{"id":1},"after":{"id":1}}', '{after}')) s(format, message, path),
    wrong WHERE jsonb_typeof(value) NOT IN ('object', 'null') GROUP BY 1, 2 ORDER BY 1, 2;
-- what is no object is nothing either where it is null
SELECT format, apply(format, message::jsonb)
FROM (VALUES ('maxwell', '{"database":"d","table":"t","type":"update","data":{"id":1,"v":2},"old":null}'),
             ('debezium', '{"op":"u","before":null,"after":{"id":1},"source":{"db":"d","table":"t"}}'),
             ('goldengate', '{"table":"d.t","op_type":"U","before":null,"after":{"id":1}}')) s(format, message);

DROP SERVER shapes_bus;
DROP SCHEMA shapes CASCADE;
