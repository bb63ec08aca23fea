-- Values of events to the columns of targets, at their extremes.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA apt;
SET search_path = apt, public;
SET timezone = 'Asia/Kathmandu';            -- must not matter
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq, ingested_at));
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('apt', current_user, 'none', '{*.*}', '{}', 'maxwell', 'apt.h', false, false, '{}');
CREATE SEQUENCE seq;
CREATE TABLE t (id bigint PRIMARY KEY);

-- Stores value (JSON) in a column of that type: the value as text, or the error.
CREATE FUNCTION conv(type text, value text, kind text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r text;
    m text;
    d text;
BEGIN
    EXECUTE 'DROP TABLE IF EXISTS apt.c; CREATE TABLE apt.c (id int PRIMARY KEY, v ' || type || ')';
    DELETE FROM cdc.table_version WHERE subscription = 'apt';
    IF kind IS NOT NULL THEN
        INSERT INTO cdc.table_version (subscription, source_table, version, from_seq, columns)
            VALUES ('apt', 'd.c', 1, 0, ('[{"name":"id","column_type":"int(11)","pk":0},{"name":"v","column_type":"' || kind || '"}]')::jsonb);
    END IF;
    DELETE FROM h;
    INSERT INTO h (seq, source_table, op, position, event, commit)
        VALUES (nextval('seq'), 'd.c', 'c', 'b.1:1', ('{"data":{"id":1,"v":' || value || '}}')::jsonb, true);
    BEGIN
        PERFORM cdc.replay('apt', 'd.c', 'apt.c');
        EXECUTE 'SELECT coalesce(v::text, ''NULL'') FROM apt.c' INTO r;
        RETURN r;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL;
        RETURN 'ERROR ' || SQLSTATE || ' ' || m || coalesce(nullif(' | ' || d, ' | '), '');
    END;
END $$;

SELECT type, value, conv(type, value) FROM (VALUES
    ('smallint', '-32768'), ('smallint', '32767'), ('smallint', '32768'), ('smallint', '-32769'), ('smallint', '1.5'), ('smallint', 'true'), ('smallint', '"12"'), ('smallint', '"x"'),
    ('integer', '-2147483648'), ('integer', '2147483647'), ('integer', '2147483648'), ('integer', '0'), ('integer', '-0'), ('integer', '10000'), ('integer', '100000000'), ('integer', '1.0'), ('integer', '1e3'),
    ('bigint', '-9223372036854775808'), ('bigint', '9223372036854775807'), ('bigint', '9223372036854775808'), ('bigint', '-9223372036854775809'), ('bigint', '18446744073709551615'), ('bigint', '18446744073709551616'), ('bigint', '1e30'),
    ('numeric(20,0)', '18446744073709551615'), ('numeric', '-0.000000000000000000000000000001'), ('numeric(65,30)', '99999999999999999999999999999999999.999999999999999999999999999999'),
    ('numeric(10,2)', '1.5'), ('numeric(10,2)', '1.500'), ('numeric(10,2)', '1.505'), ('numeric(4,2)', '100'), ('numeric(4,2)', '-99.99'), ('numeric', '"1.25"'),
    ('real', '0.1'), ('real', '3.4028235e38'), ('real', '-1.1754944e-38'), ('real', '1e-45'), ('real', '16777216'), ('real', '1e39'), ('real', '0.3333333'),
    ('double precision', '0.1'), ('double precision', '1.7976931348623157e308'), ('double precision', '2.2250738585072014e-308'), ('double precision', '5e-324'), ('double precision', '9007199254740993'), ('double precision', '123456789012345.678'), ('double precision', '-1e22'), ('double precision', '1e23'),
    ('boolean', '0'), ('boolean', '1'), ('boolean', 'true'), ('boolean', '2'), ('boolean', '-1'), ('boolean', '"t"')
) v (type, value);

SELECT type, value, conv(type, value) FROM (VALUES
    ('text', '""'), ('text', '"\u00fc\ud83d\ude00"'), ('text', '12.50'), ('text', '[1, {"a": null}]'), ('text', 'null'), ('text', 'true'),
    ('varchar(3)', '"\u00fc\u00fc\u00fc"'), ('varchar(3)', '"abcd"'), ('varchar(3)', '"ab  "'), ('char(4)', '"ab"'),
    ('bytea', '""'), ('bytea', '"AP8Q"'), ('bytea', '"AA=="'), ('bytea', '"AAE="'), ('bytea', '"AA="'), ('bytea', '"A==="'), ('bytea', '"AA==AA=="'), ('bytea', '"!!!!"'),
    ('bit(1)', '1'), ('bit(8)', '5'), ('bit(8)', '256'), ('bit(64)', '18446744073709551615'), ('bit(64)', '9223372036854775808'), ('bit(10)', '513'), ('bit(3)', '-1'), ('bit varying(5)', '3'), ('bit(3)', '"101"'),
    ('text[]', '[]'), ('text[]', '["a", "b,c", "\"", null]'), ('text[]', '"{x,y}"'), ('real[]', '[0.1, -1, 3.4e38]'), ('int[]', '[1, 2.5]'),
    ('jsonb', '{"b": [1, 2.50, "x"], "a": null}'), ('jsonb', '"s"'), ('jsonb', '1.0'), ('jsonb', 'true'), ('jsonb', '[]'), ('jsonb', 'null'), ('json', '{"a": 1}'), ('json', '"q\"q"'),
    ('uuid', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'), ('uuid', '"nope"'), ('inet', '"::ffff:1.2.3.4"'), ('macaddr', '"08:00:2b:01:02:03"'), ('point', '"(1,2)"'), ('int4range', '"[1,3)"')
) v (type, value);

SELECT type, value, conv(type, value) FROM (VALUES
    ('date', '"2024-02-29"'), ('date', '"9999-12-31"'), ('date', '"0001-01-01"'), ('date', '"0000-00-00"'), ('date', '"2024-00-10"'), ('date', '"2023-02-29"'), ('date', '"0000-01-01"'), ('date', '"2024-02-29 00:00:00"'), ('date', '"2024-02-29 00:00:01"'), ('date', '"garbage"'),
    ('timestamp', '"2024-02-29 23:59:59.999999"'), ('timestamp(3)', '"2024-02-29 23:59:59.250"'), ('timestamp(3)', '"2024-02-29 23:59:59.250100"'), ('timestamp(3)', '"2024-02-29 23:59:59.250000"'), ('timestamp', '"1000-01-01 00:00:00"'), ('timestamp', '"0000-00-00 00:00:00"'), ('timestamp', '"2024-01-01"'), ('timestamp', '"2024-01-01 24:00:00"'), ('timestamp', '"2024-01-01T10:00:00"'),
    ('timestamptz', '"1970-01-01 00:00:01"'), ('timestamptz', '"2038-01-19 03:14:07.999999"'), ('timestamptz', '"0000-00-00 00:00:00"'), ('timestamptz(0)', '"2024-01-01 00:00:00"'),
    ('interval', '"838:59:59"'), ('interval', '"-838:59:59.000001"'), ('interval', '"-01:00:00"'), ('interval', '"00:00:00"'), ('interval', '"-00:00:00.5"'), ('interval(2)', '"10:00:00.250"'), ('interval(2)', '"10:00:00.255"'), ('interval', '"1:2:3"'),
    ('time', '"23:59:59.999999"'), ('time', '"24:00:00"'), ('time', '"25:00:00"'), ('time', '"-00:00:01"'), ('time(0)', '"10:00:00.5"'), ('smallint', '2155')
) v (type, value);

-- what the source's type tells
SELECT conv('bytea', '"AA=="', 'varbinary(10)') AS binary, conv('bytea', '"AA=="', 'varchar(10)') AS text,
    conv('jsonb', '"{\"a\": 1}"', 'longtext') AS text_json, conv('jsonb', '"{\"a\": 1}"', 'json') AS json_string;

-- geometry comes as WKT; bytea holds EWKB, and everything else gets the text
SELECT kind, value, conv('bytea', value, kind) FROM (VALUES
    ('point', '"POINT (1 -2.5)"'), ('geometry', '"LINESTRING (0 0, 100000000000000000000 0.00000025)"'), ('geomcollection', '"GEOMETRYCOLLECTION (POINT (1 2), MULTIPOINT ((3 4)))"'),
    ('geometry', '"SRID=4326;POINT (1 2)"'), ('geometry', 'null'), ('geometry', '"POINT (1)"'), ('geometry', '"AA=="'), ('geometry', '1')
) v (kind, value);
SELECT conv('text', '"POINT (1 -2.5)"', 'point') AS text, conv('polygon', '"((0,0),(1,1),(1,0))"', 'geometry') AS other;

-- domains keep their checks
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
SELECT conv('apt.positive', '5'), conv('apt.positive', '-5');

-- with a domain a value is taken as strictly as without
CREATE DOMAIN money2 AS numeric(6,2);
CREATE DOMAIN bytes AS bytea;
CREATE DOMAIN moment AS timestamp;
CREATE DOMAIN moments AS timestamp[];
SELECT conv('apt.money2', '1.25'), conv('apt.money2', '1.255'), conv('apt.bytes', '"AP8Q"'), conv('apt.moment', '"2024-01-01 00:00:00.5"');
SELECT conv('numeric(6,2)', '"1.250"'), conv('numeric(6,2)', '"1.255"'), conv('numeric(6,2)', '"NaN"');

-- what a text means must not depend on the clock, on settings, or on the catalogs
CREATE TYPE span AS RANGE (SUBTYPE = timestamptz);
CREATE TYPE pair AS (n int, t timestamp);
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SET xmloption = 'document';
SET array_nulls = off;
SELECT type, value, conv(type, to_json(value)::text) FROM
    unnest(ARRAY['now', 'today', 'tomorrow', 'yesterday', 'allballs', 'epoch', 'infinity', '-infinity', ' now', 'NOW', 'now()', 'J2451187', '2451187', '20240101', '01/02/2024',
        'Jan 2 2024', '2024-Jan-02', '10:00 PM', '2024-01-01 10:00:00 PST', '2024-01-01 10:00:00 Europe/Berlin', '2024-01-01 now', '2024-01-01 10:00:00+', '']) value,
    unnest(ARRAY['date', 'timestamp', 'timestamptz', 'time', 'timetz', 'apt.moment', 'apt.span', 'timestamp[]', 'apt.moments']) type
    WHERE conv(type, to_json(value)::text) NOT LIKE 'ERROR 22P02%';
SELECT type, value, conv(type, to_json(value)::text) FROM (VALUES
    ('timestamp', 'now'), ('apt.span', '[now,)'), ('apt.pair', '(1,now)'), ('timestamptz[]', '{now}'),
    ('timestamptz', '2024-01-01T10:00:00Z'), ('timestamptz', '2024-01-01 10:00:00+02'), ('timestamptz', '2024-01-01 10:00:00 -0230'), ('timestamptz', '2024-01-01 10:00'),
    ('timestamp', '2024-01-01 01:00:00+02:00'), ('timestamp', '2024-01-01T10:00:00.1234567Z'), ('timestamp(3)', '2024-01-01T10:00:00.1234567Z'), ('timestamptz', '12024-01-01 00:00:00'), ('timestamptz', '0044-03-15 10:00:00+00 BC'),
    ('timestamptz', '2024-01-01 10:00:00.123456Z'), ('timestamptz', '2024-02-30T10:00:00Z'), ('timestamptz', '0000-00-00 00:00:00Z'), ('timestamptz', '2024-01-01Z'), ('timestamptz', '2024-01-01 24:00:00Z'),
    ('timestamp', '2024-01-01T10:00:00.5Z'), ('timestamp(3)', '2024-01-01 10:00:00.1230Z'), ('timestamp', '2024-01-01 10:00:00ZZ'), ('timestamptz', 'Z'),
    ('date', '12024-01-02'), ('date', '0044-03-15 BC'), ('date', '2024-01-01T10:00:00Z'), ('date', '2024-01-01+02'),
    ('time', '10:00'), ('time', '10:00:00Z'), ('time', '10:00:00+02'), ('timetz', '10:00:00'), ('timetz', '10:00:00.5+02'),
    ('apt.span', '[2024-02-01 10:00:00,2024-03-01 10:00:00)'), ('timestamp[]', '{"2024-02-01 10:00:00",NULL}'), ('apt.pair', '(1,"2024-02-03 00:00:00")'),
    ('interval', '-1 day 02:00:00'), ('interval', 'P1DT2H'), ('text[]', '{NULL,a}'), ('xml', 'a<b/>'), ('money', '1234.56'),
    ('regclass', 'pg_class'), ('regtype', 'int'), ('regclass', '1259'), ('aclitem', 'postgres=r/postgres')
) v (type, value);
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
RESET xmloption;
RESET array_nulls;

-- types that would cut, wrap, round, reorder or fill up what they read, without a word
CREATE DOMAIN letter AS "char";
CREATE DOMAIN letters AS "char"[];
CREATE DOMAIN minutes AS interval hour to minute;
CREATE DOMAIN code AS char(4);
CREATE DOMAIN prices AS numeric(6,2)[];
SELECT type, value, conv(type, value) FROM (VALUES
    ('"char"', '"a"'), ('"char"', '"abc"'), ('"char"', '65'), ('apt.letter', '"abc"'), ('"char"[]', '["a", "b"]'), ('"char"[]', '["a", "bc"]'), ('"char"[]', '"{a,bc}"'), ('apt.letters', '["a", "bc"]'), ('apt.letter[]', '["bc"]'),
    ('name', '"short"'), ('name', to_json(repeat('x', 64))::text), ('oid', '1259'), ('oid', '-1'), ('oid', '"007"'), ('xid', '5'), ('xid', '-1'), ('cid', '-1'), ('oid[]', '[-1]'),
    ('money', '1.5'), ('money', '1.500'), ('money', '1.255'), ('money', '-3'), ('money', '"$1,234.56"'), ('money[]', '[1.255]'),
    ('char(4)', '"ab  "'), ('char(4)', '"ab   "'), ('char(4)', '"ab "'), ('char(4)', '"abcde"'), ('char(4)', '"\u00fc\u00fc\u00fc\u00fc"'), ('apt.code', '"a "'), ('char(4)', '12'), ('bpchar', '"a "'), ('char(4)[]', '["a "]'),
    ('interval hour', '"05:00:00"'), ('interval hour', '"05:01:00"'), ('interval minute', '"05:01:00"'), ('interval minute', '"05:01:01"'), ('interval day', '"24:00:00"'), ('interval year to month', '"10:00:00"'), ('interval year to month', '"00:00:00"'),
    ('apt.minutes', '"05:01:00"'), ('apt.minutes', '"05:01:00.5"'), ('interval second(3)', '"05:01:01.250"'), ('interval second(3)', '"05:01:01.2504"'), ('interval hour to second', '"05:01:01.250401"'), ('interval(0)', '"P1DT1.5S"'), ('interval month', '"P1Y2M"'), ('interval month', '"P1Y2M3D"'), ('interval', '"1.1234567 s"'), ('interval day[]', '["01:00:00"]'),
    ('tsvector', '"''a'' ''b''"'), ('tsvector', '"b a b"'), ('box', '"(1,1),(0,0)"'), ('box', '"(0,0),(1,1)"'), ('numeric(6,2)[]', '"{1.25,1.5}"'), ('numeric(6,2)[]', '"{1.255}"'), ('apt.prices', '"{1.255}"'), ('timestamp(0)[]', '"{2024-01-01 00:00:00.5}"'), ('int4range', '"[1,3]"')
) v (type, value);
-- ... likewise where the source's type is known; char(n) of MySQL has no blanks at its end
SELECT conv('char(4)', '"ab  "', 'varchar(4)') AS varchar, conv('char(4)', '"ab"', 'char(4)') AS char, conv('"char"', '"a"', 'varchar(1)') AS letter,
    conv('oid', '1', 'int(11)') AS oid, conv('interval hour', '"01:00:00"', 'time(6)') AS fields, conv('interval', '1.5', 'decimal(5,2)') AS seconds;

-- names and values of the source say nothing to a terminal
CREATE FUNCTION shows() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    m text;
    d text;
    i text;
BEGIN
    PERFORM cdc.replay('apt', 'd.c', 'apt.c');
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, i = PG_EXCEPTION_HINT;
    RETURN m || '|' || d || '|' || i;
END $$;
SELECT conv('int', '"x\u001b]0;pwn\u0007\u001b[31m\nFAKE\u009b1m\u202e"');
UPDATE h SET event = '{"data":{"id":1,"n\u001b[5m\nFAKE\u009b":1}}';
SELECT shows();

-- zero dates where NULL cannot be: in a column that is NOT NULL, and in a key
SELECT conv('date NOT NULL', '"0000-00-00"'), conv('timestamp NOT NULL', '"2024-00-00 00:00:00"');
CREATE TABLE zk (d date, t timestamp, x int, PRIMARY KEY (d, t));
DELETE FROM h;
INSERT INTO h (seq, source_table, op, position, event, commit) VALUES
    (1, 'd.zk', 'c', 'b.1:1', '{"data":{"d":"0000-00-00","t":"0000-00-00 00:00:00.000000","x":1}}', true),
    (2, 'd.zk', 'c', 'b.1:2', '{"data":{"d":"0000-00-00","t":"2024-01-01 00:00:00","x":2}}', true),
    (3, 'd.zk', 'u', 'b.1:3', '{"data":{"d":"2024-01-01","t":"2024-01-01 00:00:00","x":2},"old":{"d":"0000-00-00"}}', true),
    (4, 'd.zk', 'u', 'b.1:4', '{"data":{"d":"0000-00-00","t":"0000-00-00 00:00:00.000000","x":3},"old":{"x":1}}', true);
SELECT cdc.replay('apt', 'd.zk', 'apt.zk');
SELECT * FROM zk ORDER BY d;
INSERT INTO h (seq, source_table, op, position, event, commit) VALUES
    (5, 'd.zk', 'd', 'b.1:5', '{"data":{"d":"0000-00-00","t":"0000-00-00 00:00:00.000000","x":3}}', true);
SELECT cdc.replay('apt', 'd.zk', 'apt.zk');
SELECT * FROM zk ORDER BY d;
-- another one would be taken for it
INSERT INTO h (seq, source_table, op, position, event, commit) VALUES
    (6, 'd.zk', 'c', 'b.1:6', '{"data":{"d":"2024-00-00","t":"2024-01-01 00:00:00","x":1}}', true);
SELECT cdc.replay('apt', 'd.zk', 'apt.zk');

-- policies
UPDATE cdc.subscription SET options = '{"zero_date": "-infinity"}' WHERE name = 'apt';
SELECT conv('date', '"0000-00-00"'), conv('timestamp', '"2024-00-00 00:00:00"'), conv('timestamptz', '"0000-00-00 00:00:00"');
UPDATE cdc.subscription SET options = '{"zero_date": "error"}' WHERE name = 'apt';
SELECT conv('date', '"0000-00-00"');
UPDATE cdc.subscription SET options = '{}' WHERE name = 'apt';

-- text with NUL: the event's original is in raw
CREATE TABLE n (id int PRIMARY KEY, a text, b text, j jsonb);
DELETE FROM h;
INSERT INTO h (seq, source_table, op, position, event, raw, commit) VALUES (1, 'd.n', 'c', 'b.1:1',
    '{"data":{"id":1,"a":"x\ufffdy","b":"\\u0000","j":{"k":"\ufffd"}}}',
    convert_to('{"data":{"id":1,"a":"x\u0000y\u0000","b":"\\u0000","j":{"k":"\u0000v"}}}', 'UTF8'), true);
SELECT cdc.replay('apt', 'd.n', 'apt.n');
SELECT cdc.replay('apt', 'd.n', 'apt.n', columns => '{"id":"id","b":"b"}');
SELECT * FROM n;
UPDATE cdc.subscription SET options = '{"nul_in_text": "strip"}' WHERE name = 'apt';
SELECT cdc.replay('apt', 'd.n', 'apt.n');
SELECT * FROM n;

-- keys of other types: equal by their own equality, not by bytes
CREATE TABLE kk (a numeric, b char(5), c uuid, d timestamptz, v int, PRIMARY KEY (a, b, c, d));
DELETE FROM h;
INSERT INTO h (seq, source_table, op, position, event, commit) VALUES
    (1, 'd.kk', 'c', 'b.1:1', '{"data":{"a":1.0,"b":"abc","c":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","d":"2024-01-01 00:00:00","v":1}}', true),
    (2, 'd.kk', 'u', 'b.1:2', '{"data":{"a":1.00,"b":"abc  ","c":"A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11","d":"2024-01-01 00:00:00.000","v":2},"old":{"v":1}}', true),
    (3, 'd.kk', 'c', 'b.1:3', '{"data":{"a":2,"b":"abc","c":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","d":"2024-01-01 00:00:00","v":3}}', true);
SELECT cdc.replay('apt', 'd.kk', 'apt.kk', 1, 1), cdc.replay('apt', 'd.kk', 'apt.kk');
SELECT a, length(b::text), octet_length(b) AS bytes, v FROM kk ORDER BY a;

-- long values: TOASTed rows keep what an event does not mention
CREATE TABLE big (id int PRIMARY KEY, x int, t text, b bytea);
ALTER TABLE big ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
DELETE FROM h;
INSERT INTO h (seq, source_table, op, position, event, commit) VALUES
    (1, 'd.big', 'c', 'b.1:1', jsonb_build_object('data', jsonb_build_object('id', 1, 'x', 1, 't', repeat('ü', 100000), 'b', encode(decode(repeat('00ff', 50000), 'hex'), 'base64'))), true),
    (2, 'd.big', 'u', 'b.1:2', '{"data":{"id":1,"x":2},"old":{"x":1}}', true),
    (3, 'd.big', 'u', 'b.1:3', '{"data":{"id":7},"old":{"id":1}}', true);
UPDATE h SET event = replace(event::text, '\n', '')::jsonb WHERE seq = 1;
SELECT cdc.replay('apt', 'd.big', 'apt.big', 1, 1), cdc.replay('apt', 'd.big', 'apt.big', 2, 2), cdc.replay('apt', 'd.big', 'apt.big', 3, 3);
SELECT id, x, md5(t) = md5(repeat('ü', 100000)) AS t, b = decode(repeat('00ff', 50000), 'hex') AS b FROM big;

DELETE FROM cdc.subscription WHERE name = 'apt';
DELETE FROM cdc.table_version WHERE subscription = 'apt';
DROP SCHEMA apt CASCADE;
