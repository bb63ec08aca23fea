--
-- JSON text is read as PostgreSQL's jsonb reads it: what one takes the other
-- takes, with the same bytes as the result, and what one refuses the other
-- refuses.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;

-- 'taken' or 'refused' where both agree; else who took it
CREATE FUNCTION pg_temp.compare(document text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    theirs jsonb;
    ours jsonb;
    taken boolean := true;
BEGIN
    BEGIN
        theirs := document::jsonb;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        taken := false;
    END;
    BEGIN
        ours := cdc._jsonb_parse(convert_to(document, 'UTF8'), theirs);
        RETURN CASE WHEN taken THEN 'taken' ELSE 'ours only: ' || document END;
    EXCEPTION
        WHEN data_corrupted THEN
            RETURN SQLERRM || ': ' || document;
        WHEN data_exception OR program_limit_exceeded THEN
            RETURN CASE WHEN taken THEN 'theirs only: ' || document ELSE 'refused' END;
    END;
END $$;

-- scalars, containers, white space
SELECT pg_temp.compare(d) AS result, count(*)
  FROM unnest(ARRAY['null', 'true', 'false', '0', '-0', '""', '"x"', '{}', '[]', ' { } ', ' [ ] ', '[[]]', '[{}]',
                    '{"": null}', '{"a": {}}', '{"a": []}', '[null, true, false]', E'\t\r\n [ \t1\r,\n2 ] \n',
                    '{"a" : 1 , "b" : [ { } , [ ] ] }', '{"a":1,"a":2}', '{"a":{"x":1},"b":2,"a":[3]}',
                    '{"b":1,"a":2,"c":3,"aa":4,"":5}', '"\"\\\/\b\f\n\r\t"', '{"\"\\\n": "\""}',
                    '"\u0041\u00e9\u20ac\ud83d\ude00\uffff\u007f\u0080\u07ff\u0800"', '{"\u00e9\ud83d\ude00": 1}',
                    '"\uD83D\uDE00\uABCD\uabcd"', '"' || repeat('\n', 600) || 'x"', '"' || repeat('\u20ac', 100) || '"',
                    '"ä€😀"', '{"ä": "ö"}', '"' || chr(127) || '"', '"' || chr(133) || chr(8232) || '"']) d
 GROUP BY 1 ORDER BY 1;

-- no JSON
SELECT pg_temp.compare(d) AS result, count(*)
  FROM unnest(ARRAY['', ' ', 'nul', 'nulll', 'nullx', 'null null', 'NULL', 'True', 'tru', 'truee', 'falsey', '[', '[1', '[1,', '[1,]',
                    '[,1]', '[,]', '[1 2]', '[1,,2]', '{', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,}',
                    '{"a" 1}', '{"a"::1}', '{a:1}', '{1:1}', '{null:1}', '{"a":1 "b":2}', '{"a"}', '[1}', '{"a":1]',
                    ']', '}', ':', ',', '"', '"a', '"\', '"\"', '"\x"', '"\U0041"', '"\u"', '"\u1"', '"\u12"', '"\u123"',
                    '"\u12g4"', '"\ud83d"', '"\ud83dx"', '"\ud83d\n"', '"\ud83d\u0041"', '"\ud83d\ud83d"', '"\ude00"',
                    '"\ude00\ud83d"', '''a''', '"a" "b"', '1 2', '1,', '{}{}', '[] x', '/* */ 1', '// x', '#', E'"\n"', E'"\t"',
                    '"' || chr(1) || '"', '"' || chr(31) || '"', chr(11) || '1', chr(12) || '1', chr(160) || '1', chr(65279) || '1',
                    '-', '+1', '--1', '-a', '01', '-01', '00', '1.', '.5', '-.5', '1.e5', '1e', '1e+', '1E-', '1.5.5', '1e5.5', '1e5e5',
                    '1-', '0x10', '1a', '1_000', 'Infinity', '-Infinity', 'NaN', '[1a]', '{"a":1a}', '[01]', '[-]']) d
 GROUP BY 1 ORDER BY 1;

-- integers around every boundary of base 10000 and of 64 bits
SELECT pg_temp.compare('[' || v || ', ' || -v || ', {"k":' || v || '}]') AS result, count(*)
  FROM (SELECT trunc(10::numeric ^ e) + o AS v FROM generate_series(0, 25) e, generate_series(-2, 2) o
        UNION ALL
        SELECT trunc(2::numeric ^ e) + o FROM generate_series(0, 66) e, generate_series(-2, 2) o) n
 GROUP BY 1 ORDER BY 1;

-- decimals: all digits are kept, zeros at the end as well
SELECT pg_temp.compare(s || i || f || e) AS result, count(*)
  FROM unnest(ARRAY['', '-']) s,
       unnest(ARRAY['0', '1', '9', '10', '1234', '12345', '9999', '10000', '99999999', '100000000000000000',
                    '123456789012345678', '1234567890123456789', '12345678901234567890', '100000000000000000000', repeat('7', 300)]) i,
       unnest(ARRAY['', '.0', '.5', '.50', '.05', '.0001', '.00001', '.12345678', '.000000000000000000', '.1234567890123456789',
                    '.' || repeat('0', 70), '.' || repeat('0', 70) || '1']) f,
       unnest(ARRAY['', 'e0', 'E1', 'e+1', 'e-1', 'e2', 'e3', 'e4', 'e5', 'e-4', 'e-5', 'e17', 'e-17', 'e18', 'e-19', 'e007', 'e300', 'e-300']) e
 GROUP BY 1 ORDER BY 1;

-- as large and as small as numeric takes, and beyond
SELECT pg_temp.compare(d) AS result, count(*)
  FROM unnest(ARRAY['1e400', '1e-400', '1e1000', '-1.5e-1000', '1e5000', '123e130000', '1e131071', '9e131071', '99e131070',
                    '0.001e131074', '1e-16383', '1.5e-16382', '0e131072', '0e-16383', '0.000e200000', '0e1000000000',
                    repeat('9', 131072), '0.' || repeat('3', 16383), '0.' || repeat('0', 20000) || '1e20000']) d
 GROUP BY 1 ORDER BY 1;
SELECT pg_temp.compare(d) AS result, count(*)
  FROM unnest(ARRAY['1e131072', '-1e131072', '10e131071', '1e-16384', '1.5e-16383', '0e-16384', '1e1000000', '1e-1000000',
                    '1e1073741824', '1e99999999999999999999', '1e-99999999999999999999', '0e99999999999999999999',
                    repeat('9', 131073), '0.' || repeat('3', 16384), '[1, {"a": 1e200000}]']) d
 GROUP BY 1 ORDER BY 1;

-- strings of every length around the eight bytes taken at a time, what ends
-- them at every place
SELECT pg_temp.compare('{"' || repeat('k', n % 20) || '":"' || repeat('v', n) || e || repeat('w', m) || '"}') AS result, count(*)
  FROM generate_series(0, 33) n, generate_series(0, 9) m,
       unnest(ARRAY['', '\"', '\\', '\u00e9', 'é', '😀', '\ud83d\ude00', chr(127), ' ']) e
 GROUP BY 1 ORDER BY 1;
SELECT pg_temp.compare('["' || repeat('v', n) || e || repeat('w', m) || '"]') AS result, count(*)
  FROM generate_series(0, 17) n, generate_series(0, 9) m,
       unnest(ARRAY['"', '\', '\x', '\ud83d', chr(1), chr(31), E'\n']) e
 GROUP BY 1 ORDER BY 1;

-- every byte of some documents left out, doubled and replaced, and every prefix
CREATE FUNCTION pg_temp.damaged(d text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT left(d, i - 1) || c || substr(d, i + w)
      FROM generate_series(1, length(d)) i, generate_series(0, 1) w,
           regexp_split_to_table(E'x"\\{}[]:,.-+eE01u/ntf \t', '') c
    UNION ALL
    SELECT left(d, i - 1) || substr(d, i + 1) FROM generate_series(1, length(d)) i
    UNION ALL
    SELECT left(d, i) FROM generate_series(0, length(d)) i
$$;
SELECT count(*) AS documents, count(DISTINCT result) AS results, min(result), max(result)
  FROM (SELECT pg_temp.compare(v) AS result
          FROM unnest(ARRAY['{"database":"shop","xid":12,"data":{"id":-7,"a":null,"p":12.50e-3}}',
                            '[true,[false,{}],"\u00e9\ud83d\ude00\\", "ä€", {"k": [0.5, []]} ]',
                            '"1"', '-10', '1.05E+2', 'null']) d, pg_temp.damaged(d) v) s;

-- random documents: the same function of a seed on every server
CREATE FUNCTION pg_temp.random_document(seed int, depth int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    h int := abs(hashtext(seed::text || '/' || depth::text) % 1000003);
    space text := substr(E' \n\t\r', 1 + h % 4, (h / 4) % 2);
    parts text[] := '{}';
    i int;
BEGIN
    IF depth = 0 OR h % 3 = 0 THEN
        RETURN space || CASE h % 9
            WHEN 0 THEN 'null' WHEN 1 THEN 'true' WHEN 2 THEN 'false'
            WHEN 3 THEN h::text WHEN 4 THEN (-h)::text || '.' || lpad((h % 997)::text, 5, '0')
            WHEN 5 THEN (h::numeric * h * h * h * h)::text || 'e' || h % 100 - 50
            WHEN 6 THEN '"' || repeat('ä€\n', h % 40) || '"'
            WHEN 7 THEN '"' || repeat('x', h % 300) || '"'
            ELSE '"\"\\\n\u00e9\ud83d\ude00 ' || h || '"' END || space;
    END IF;
    FOR i IN 1..h % 9 LOOP
        parts := parts || (CASE h % 2 WHEN 0 THEN '' ELSE '"' || substr(md5((h + i * 7)::text), 1, 1 + (h + i) % 3) || '"' || space || ':' END
                           || pg_temp.random_document((seed * 17 + i) % 1000003, depth - 1));
    END LOOP;
    RETURN CASE h % 2 WHEN 0 THEN '[' || space || array_to_string(parts, ',') || ']'
                      ELSE '{' || space || array_to_string(parts, space || ',' || space) || space || '}' END;
END $$;
SELECT pg_temp.compare(pg_temp.random_document(seed, 1 + seed % 5)) AS result, count(*)
  FROM generate_series(1, 1500) seed
 GROUP BY 1 ORDER BY 1;

-- size: a long string, many keys, many elements, and escapes in long strings
SELECT pg_temp.compare('{"a": 1, "long": "' || repeat('0123456789', 200000) || '", "z": 2}');
SELECT pg_temp.compare('{"long": "' || repeat('0123456789\n\u20ac', 20000) || '", "z": "' || repeat('\\', 600) || '"}');
SELECT pg_temp.compare('{' || string_agg(format('"key%s": %s', i % 40000, i), ',') || '}') FROM generate_series(1, 50000) i;
SELECT pg_temp.compare('[' || string_agg(i::text, ',') || ']') FROM generate_series(1, 200000) i;
SELECT pg_temp.compare(repeat('{"a": [', 256) || '1' || repeat(']}', 256));

-- errors say where and why
CREATE FUNCTION pg_temp.refusal(document bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    RETURN cdc._jsonb_parse(document)::text;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || SQLERRM || coalesce(' / ' || nullif(detail, ''), '');
END $$;
SELECT d, pg_temp.refusal(convert_to(d, 'UTF8'))
  FROM unnest(ARRAY['', '{"a":1', '{"a" 1}', '{a:1}', '[1,]', '[1 2]', '{"a":1]', '{"a":"b', '"\x"', '"\u12x4"', '"\ud83d"', '"\ude00"',
                    'nul', '007', '-', '1.', '{"n": 1e200000}', '{} {}', E'"a\tb"', E'\x7f']) d;

-- what differs from jsonb's input function: bytes that are not UTF-8 have a place
-- in the document, U+0000 becomes U+FFFD (and the caller is told so), and nesting
-- has a limit of its own
SELECT pg_temp.refusal('\x7b2261223a2022ff227d'), pg_temp.refusal('\x22c380c3'), pg_temp.refusal('\x22eda08022'), pg_temp.refusal('\x2200'),
       pg_temp.refusal('\x3100');
SELECT cdc._jsonb_parse('{"a\\u0000b": "\\u0000"}') = '{"a�b": "�"}' AS replaced;
SELECT pg_temp.refusal(convert_to(repeat('[', 513) || repeat(']', 513), 'UTF8'));

-- a database of another encoding: the text is still UTF-8
CREATE DATABASE cdc_jsonb_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
\set this :DBNAME
\c cdc_jsonb_latin1
SET client_min_messages = warning;
CREATE EXTENSION cdc_ingest;
SELECT encode(convert_to(d::text, 'LATIN1'), 'hex') AS document
  FROM (SELECT cdc._jsonb_parse('\x7b22c3a4223a2022c3bc5c75303065392078227d') AS d) s;
DO $$
DECLARE
    detail text;
BEGIN
    PERFORM cdc._jsonb_parse('\x5b22e282ac225d');
EXCEPTION WHEN data_exception THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RAISE WARNING '% % / %', SQLSTATE, SQLERRM, detail;
END $$;
\c :this
SET client_min_messages = warning;
DROP DATABASE cdc_jsonb_latin1;
