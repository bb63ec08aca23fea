--
-- The JSONB writer makes what PostgreSQL makes, byte for byte:
-- cdc._jsonb_rebuild() walks a document through the writer, the keys of each
-- object scrambled and one of them given twice, and raises an error when the
-- stored forms differ.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;

-- scalars at the root, empty containers
SELECT d::text AS document, cdc._jsonb_rebuild(d) = d AS same
  FROM unnest(ARRAY['null', 'true', 'false', '0', '"x"', '""', '{}', '[]', '[[]]', '[{}]',
                    '{"": null}', '{"a": {}}', '{"a": []}', '[null, true, false]']::jsonb[]) d;

-- integers around every boundary of base 10000 and of 64 bits
SELECT count(*) AS numbers, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM (SELECT ('[' || v || ', ' || -v || ', {"k": ' || v || '}]')::jsonb AS d
          FROM (SELECT trunc(10::numeric ^ e) + o AS v
                  FROM generate_series(0, 25) e, generate_series(-2, 2) o
                UNION ALL
                SELECT trunc(2::numeric ^ e) + o
                  FROM generate_series(0, 66) e, generate_series(-2, 2) o) n) s;

-- decimals: every scale and many weights, zeros at both ends, both signs
SELECT count(*) AS numbers, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM (SELECT ('{"n": ' || s.sign || i.t || '.' || repeat('0', z) || f.t || repeat('0', y) || '}')::jsonb AS d
          FROM unnest(ARRAY['', '-']) AS s(sign),
               unnest(ARRAY['0', '1', '12', '123', '1234', '12345', '10000', '100000000',
                            repeat('9', 65), repeat('9', 260), '1' || repeat('0', 300)]) AS i(t),
               unnest(ARRAY['0', '1', '01', '12', '123', '1234', '12345', '00009999']) AS f(t),
               unnest(ARRAY[0, 1, 3, 4, 5, 27, 64, 300]) AS z,
               unnest(ARRAY[0, 1, 4, 70]) AS y) q;

-- numbers outside of what numeric packs into its short form
SELECT cdc._jsonb_rebuild(d) = d AS same, pg_column_size(d) AS bytes
  FROM unnest(ARRAY['1e400', '1e-400', '-1.5e-1000', '1e5000', '123e130000']) AS t, LATERAL (SELECT t::jsonb AS d) l;

-- floats: the digits that PostgreSQL prints
SELECT count(*) AS numbers, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM (SELECT ('[' || (m * 10.0::float8 ^ e)::text || ']')::jsonb AS d
          FROM generate_series(-300, 300, 3) e, unnest(ARRAY[1, -1.5, 3.3333333333333335, 9.999999999999999]::float8[]) m
        UNION ALL
        SELECT ('[' || (m::float8 * 10.0::float8 ^ e)::float4::text || ']')::jsonb
          FROM generate_series(-35, 37) e, unnest(ARRAY[1, -1.5, 3.3333333]::float4[]) m) s;

-- more children than one stride of offsets (32), every count around it
SELECT count(*) AS documents, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM generate_series(0, 140) n,
       LATERAL (SELECT ('{' || coalesce(string_agg(format('"%s": %s', repeat('k', i % 7) || i,
                            CASE i % 6 WHEN 0 THEN i::text WHEN 1 THEN '"' || repeat('v', i % 11) || '"'
                                       WHEN 2 THEN 'null' WHEN 3 THEN '[1, "a", ' || i || ']'
                                       WHEN 4 THEN 'true' ELSE '{"x": ' || i || '.50}' END), ', '), '') || '}')::jsonb AS d
                  FROM generate_series(1, n) i) l;
SELECT count(*) AS documents, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM generate_series(0, 140) n,
       LATERAL (SELECT ('[' || coalesce(string_agg(CASE i % 5 WHEN 0 THEN i::text WHEN 1 THEN '"' || repeat('v', i % 11) || '"'
                                       WHEN 2 THEN 'null' WHEN 3 THEN '[1, "a", ' || i || ']'
                                       ELSE '{"x": ' || i || '.50}' END, ', '), '') || ']')::jsonb AS d
                  FROM generate_series(1, n) i) l;

-- random documents: the same function of a seed on every server
CREATE FUNCTION pg_temp.random_document(seed int, depth int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    h int := abs(hashtext(seed::text || '/' || depth::text) % 1000003);
    n int := h % 9;
    parts text[] := '{}';
    i int;
BEGIN
    IF depth = 0 OR h % 3 = 0 THEN
        RETURN CASE h % 11
            WHEN 0 THEN 'null' WHEN 1 THEN 'true' WHEN 2 THEN 'false'
            WHEN 3 THEN h::text WHEN 4 THEN (-h)::text || '.' || lpad((h % 997)::text, 5, '0')
            WHEN 5 THEN (h::numeric * h * h * h * h)::text
            WHEN 6 THEN '"' || repeat('ä€', h % 40) || '"'
            WHEN 7 THEN '"' || repeat('x', h % 300) || '"'
            WHEN 8 THEN (h / 7.0::float8)::text
            WHEN 9 THEN '"\"\\\n\u00e9\ud83d\ude00"'
            ELSE '"' || h || '"' END;
    END IF;
    IF h % 2 = 0 THEN
        FOR i IN 1..n LOOP
            parts := parts || pg_temp.random_document((seed * 13 + i) % 1000003, depth - 1);
        END LOOP;
        RETURN '[' || array_to_string(parts, ',') || ']';
    END IF;
    FOR i IN 1..n LOOP
        parts := parts || ('"' || substr(md5((h + i * 7)::text), 1, 1 + (h + i) % 5) || '":' ||
                           pg_temp.random_document((seed * 17 + i) % 1000003, depth - 1));
    END LOOP;
    RETURN '{' || array_to_string(parts, ',') || '}';
END $$;
SELECT count(*) AS documents, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM (SELECT pg_temp.random_document(seed, 1 + seed % 5)::jsonb AS d FROM generate_series(1, 3000) seed) s;
-- again: this time the order of the keys is known
SELECT count(*) AS documents, bool_and(cdc._jsonb_rebuild(d) = d) AS same
  FROM generate_series(1, 3), (SELECT pg_temp.random_document(seed, 4)::jsonb AS d FROM generate_series(1, 40) seed) s;

-- size: a value that is toasted, many keys, many elements, deep nesting
SELECT cdc._jsonb_rebuild(d) = d AS same
  FROM (SELECT ('{"a": 1, "long": "' || repeat('0123456789', 200000) || '", "z": 2}')::jsonb AS d) s;
SELECT cdc._jsonb_rebuild(d) = d AS same
  FROM (SELECT ('{' || string_agg(format('"key%s": %s', i, i), ',') || '}')::jsonb AS d FROM generate_series(1, 50000) i) s;
SELECT cdc._jsonb_rebuild(d) = d AS same
  FROM (SELECT ('[' || string_agg(i::text, ',') || ']')::jsonb AS d FROM generate_series(1, 200000) i) s;
SELECT cdc._jsonb_rebuild(d) = d AS same
  FROM (SELECT (repeat('{"a": [', 256) || '1' || repeat(']}', 256))::jsonb AS d) s;
SELECT cdc._jsonb_rebuild((repeat('[', 513) || repeat(']', 513))::jsonb);
