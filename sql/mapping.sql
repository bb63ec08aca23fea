-- Mapping: constants, expressions and row filters, on history filled by hand.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA map;
SET search_path = map, public;
SET timezone = 'America/New_York';          -- must not matter
SET datestyle = 'German';                   -- nor this

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq));
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('map', current_user, 'none', '{*.*}', '{}', 'maxwell', 'map.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('map', 1000000);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('map');
SELECT cdc_catalog.take_over('map');
CREATE SEQUENCE seq;
CREATE FUNCTION ev(tab text, op "char", data text, old text DEFAULT NULL)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO h (seq, source_ts, source_table, op, position, gtid, event, commit)
    SELECT s, timestamptz '2024-01-01 00:00:00+00' + s * interval '1 s', 'd.' || tab, op,
        'binlog.000042:' || s * 100, 'g-' || s,
        ('{"database":"d","xid":' || 7000 + s || ',"xoffset":3,"server_id":11,"table":' || to_json(tab) || ',"data":' || data ||
         coalesce(',"old":' || old, '') || '}')::jsonb, true
    FROM nextval('seq') s RETURNING seq $$;
CREATE FUNCTION wants(tab text, target text, key text[], columns jsonb, filter text DEFAULT NULL, shard text DEFAULT '')
RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, key, columns, row_filter, state, shard)
    SELECT 'map', 'd.' || tab, 'd.' || tab, target, key, columns, filter, 'r', shard;
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
CREATE FUNCTION defined(tab text, columns jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc.table_version (subscription, source_table, version, from_seq, columns)
    VALUES ('map', 'd.' || tab, 1, 0, columns) $$;
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text; c text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''), split_part(c, E'\n', 1));
END $$;

-- columns, constants, expressions over the row and over its event
SELECT defined('person', '[{"name":"id","column_type":"int(11)","pk":0},{"name":"Email","column_type":"varchar(100)"},
    {"name":"born","column_type":"date"},{"name":"seen","column_type":"timestamp"},{"name":"pay","column_type":"decimal(10,2)"},
    {"name":"doc","column_type":"json"},{"name":"tags","column_type":"set(''a'',''b'')"},{"name":"bin","column_type":"varbinary(10)"}]');
CREATE FUNCTION twice(n numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 2 * n; END $$;
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE person (id bigint PRIMARY KEY, mail text, masked text, site text, n int, year int, day text, pay numeric(10,2), pay2 numeric,
    m mood, doc_a int, first_tag text, len int, ident uuid, tx text, at timestamptz, op text, tab text, server int, seen_on date);
SELECT wants('person', 'map.person', NULL, $${
    "id": "id", "pay": "pay", "mail": {"expr": "lower(email)"}, "masked": {"expr": "left(Email, 2) || '***' || right(md5(email), 4)"},
    "site": {"value": "eu"}, "n": {"value": 7}, "year": {"expr": "extract(year FROM born)::int"}, "day": {"expr": "born::text"},
    "pay2": {"expr": "map.twice(pay)"}, "m": {"expr": "CASE WHEN pay > 100 THEN 'high' ELSE 'low' END::map.mood"},
    "doc_a": {"expr": "(doc->>'a')::int"}, "first_tag": {"expr": "tags[1]"}, "len": {"expr": "length(bin)"},
    "ident": {"expr": "md5(id || '/' || pay)::uuid"}, "tx": {"expr": "event.gtid || '/' || event.xid || '.' || event.xoffset"},
    "at": {"expr": "event.source_ts"}, "op": {"expr": "event.op"}, "tab": {"expr": "event.database || '-' || event.table"},
    "server": {"expr": "event.server_id"}, "seen_on": {"expr": "(seen AT TIME ZONE 'UTC')::date"}}$$);
SELECT ev('person', 'c', '{"id":1,"Email":"Ann@X.org","born":"2001-02-03","seen":"2024-05-01 02:00:00","pay":12.50,"doc":{"a":5},"tags":["b"],"bin":"AAEC"}');
SELECT ev('person', 'c', '{"id":2,"Email":null,"born":"0000-00-00","seen":null,"pay":200,"doc":null,"tags":null,"bin":null}');
SELECT * FROM cdc.apply('map');
\x on
SELECT id, mail, masked, site, n, year, day, pay2, m, doc_a, first_tag, len, ident, tx, at AT TIME ZONE 'UTC' AS at, op, tab, server, seen_on
  FROM person ORDER BY id;
\x off
-- an update, of the key too, and partial images: what lacks is as it was, or is read from the replica
SELECT ev('person', 'u', '{"id":1,"Email":"Bob@X.org","born":"2001-02-03","seen":"2024-05-01 02:00:00","pay":500,"doc":{"a":6},"tags":["a"],"bin":"AA=="}', '{"Email":"Ann@X.org"}');
SELECT ev('person', 'u', '{"id":3,"pay":1}', '{"id":2,"pay":200}'), ev('person', 'u', '{"id":4}', '{"id":3}'), ev('person', 'u', '{"id":1,"doc":{"a":8}}', '{"doc":null}');
SELECT * FROM cdc.apply('map');
SELECT id, mail, pay2, m, doc_a, ident = md5(id || '/' || pay)::uuid AS ident, op, server FROM person ORDER BY id;
SELECT ev('person', 'd', '{"id":4}');
SELECT * FROM cdc.apply('map');
SELECT id, mail FROM person ORDER BY id;

-- an error of one row names it
SELECT ev('person', 'c', '{"id":9,"Email":"e","born":null,"seen":null,"pay":1,"doc":{"a":"x"},"tags":[],"bin":null}');
SELECT fails($$SELECT * FROM cdc.apply('map')$$);
DELETE FROM h WHERE seq = currval('seq');

-- what is refused, when it is defined
CREATE TABLE bad (id int PRIMARY KEY, v text);
CREATE FUNCTION def(columns jsonb, filter text DEFAULT NULL, target text DEFAULT 'map.bad') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN map.fails(format('SELECT cdc.replay(%L, %L, %L, 1, 1, columns => %L, row_filter => %L)', 'map', 'd.person', target, columns, filter));
END $$;
SELECT e, def(jsonb_build_object('id', 'id', 'v', jsonb_build_object('expr', e))) FROM unnest(ARRAY[
    'lower(nothere)', 'lower(email', '1; DROP TABLE map.bad', '1 FROM map.bad', 'id, id', 'id AS x', '*', 'email.*', '(SELECT 1)', 'EXISTS (SELECT 1)',
    'count(*)', 'generate_series(1, 2)', 'row_number() OVER ()', 'twice(pay)', 'event.nothere', '$1', 'DEFAULT', 'ctid', 'born', '1::nothere', 'other.id']) e;
SELECT c, def(c) FROM unnest(ARRAY['{"id": 5}', '{"id": {"expr": 5}}', '{"id": {"value": 1, "expr": "1"}}', '{"id": {}}', '{"id": ["id"]}', '[]', '{}',
    '{"id": "lower(id)"}', '{"id": {"value": null}}', '{"id": {"value": "x"}}', '{"nothere": "id"}', '{"id": {"expr": "event.seq"}}',
    '{"id": {"expr": "(random() * 10)::int"}}', '{"id": {"expr": "extract(year FROM seen)"}}', '{"id": {"expr": "event.table"}}']::jsonb[]) c;
SELECT f, def('{"id": "id"}', f) FROM unnest(ARRAY['id', 'seen > now()', 'random() > 0.5', 'event.op = ''c''', 'id IN (SELECT 1)', 'nothere > 1', 'true; SELECT 1', 'id > 1 ORDER BY id']) f;

-- a row filter: rows enter and leave, NULL is false, the key moves
SELECT defined('item', '[{"name":"id","column_type":"int(11)","pk":0},{"name":"state","column_type":"varchar(10)"},{"name":"n","column_type":"int(11)"}]');
CREATE TABLE item (id int PRIMARY KEY, state varchar(10), n int);
SELECT wants('item', 'map.item', NULL, NULL, $$state = 'on' AND n > 0$$);
SELECT ev('item', 'c', '{"id":1,"state":"on","n":1}'), ev('item', 'c', '{"id":2,"state":"off","n":1}'), ev('item', 'c', '{"id":3,"state":"on","n":null}'), ev('item', 'r', '{"id":4,"state":"on","n":4}');
SELECT * FROM cdc.apply('map');
SELECT * FROM item ORDER BY id;
SELECT ev('item', 'u', '{"id":1,"state":"off","n":1}', '{"state":"on"}'), ev('item', 'u', '{"id":2,"state":"on","n":1}', '{"state":"off"}'),
    ev('item', 'u', '{"id":30,"state":"on","n":3}', '{"id":3,"n":null}'), ev('item', 'u', '{"id":40,"state":"off","n":4}', '{"id":4,"state":"on"}');
SELECT * FROM cdc.apply('map');
SELECT * FROM item ORDER BY id;
-- partial images: some of what the filter reads, of a row that is there; nothing of it; all of it
SELECT ev('item', 'u', '{"id":2,"n":5}', '{"n":1}'), ev('item', 'u', '{"id":30}', '{}'), ev('item', 'u', '{"id":77}', '{}'),
    ev('item', 'u', '{"id":30,"state":"off","n":1}', '{"n":1}');
SELECT * FROM cdc.apply('map');
SELECT * FROM item ORDER BY id;
SELECT ev('item', 'u', '{"id":2,"n":0}', '{"n":5}'), ev('item', 'd', '{"id":30}'), ev('item', 'd', '{"id":2222}');
SELECT * FROM cdc.apply('map');
SELECT * FROM item ORDER BY id;
SELECT state, last_error FROM cdc.subscription_table WHERE source_table = 'd.item';
-- a row that the target does not have may come in: what else it has is not known
SELECT ev('item', 'c', '{"id":5,"state":"on","n":1}'), ev('item', 'u', '{"id":1,"n":5}', '{"n":1}'), ev('item', 'c', '{"id":6,"state":"on","n":1}');
SELECT ev('nothing', 'c', '{"id":1}');
SELECT * FROM cdc.apply('map');
SELECT * FROM item ORDER BY id;
SELECT state, last_error FROM cdc.subscription_table WHERE source_table = 'd.item';

-- without a key: a row is found by what the mapping makes of it
SELECT defined('nokey', '[{"name":"a","column_type":"int(11)"},{"name":"b","column_type":"varchar(10)"}]');
CREATE TABLE nokey (a int, b text, c text);
SELECT wants('nokey', 'map.nokey', NULL, '{"a": "a", "b": {"expr": "upper(b)"}, "c": {"value": "x"}}', 'a > 0');
SELECT ev('nokey', 'c', '{"a":1,"b":"x"}'), ev('nokey', 'c', '{"a":1,"b":"x"}'), ev('nokey', 'c', '{"a":0,"b":"x"}'), ev('nokey', 'c', '{"a":2,"b":"y"}');
SELECT ev('nokey', 'u', '{"a":3,"b":"z"}', '{"a":1,"b":"x"}'), ev('nokey', 'u', '{"a":5,"b":"x"}', '{"a":0}'), ev('nokey', 'u', '{"a":-2,"b":"y"}', '{"a":2}'), ev('nokey', 'd', '{"a":-2,"b":"y"}');
SELECT * FROM cdc.apply('map');
SELECT * FROM nokey ORDER BY a;
SELECT fails($$SELECT cdc.replay('map', 'd.nokey', 'map.nokey', currval('seq') - 7, currval('seq'), columns => '{"a": "a", "b": "b", "c": {"expr": "event.seq::text"}}')$$);

-- shards: two source tables in one target, each its own rows
CREATE TABLE shard (site text, id int, v text, PRIMARY KEY (site, id));
SELECT wants('s1', 'map.shard', '{site,id}', '{"site": {"expr": "event.table"}, "id": "id", "v": "v"}', shard => '{"site": "s1"}');
SELECT wants('s2', 'map.shard', '{site,id}', '{"site": {"value": "s2"}, "id": "id", "v": "v"}', 'v <> ''no''', shard => '{"site": "s2"}');
SELECT ev('s1', 'c', '{"id":1,"v":"one"}'), ev('s2', 'c', '{"id":1,"v":"two"}'), ev('s2', 'c', '{"id":2,"v":"no"}'), ev('s1', 'c', '{"id":2,"v":"a"}'), ev('s2', 'u', '{"id":3,"v":"two"}', '{"id":1}');
SELECT * FROM cdc.apply('map');
SELECT * FROM shard ORDER BY site, id;
SELECT ev('s1', 'd', '{"id":1,"v":"one"}'), ev('s2', 't', 'null'), ev('s2', 'c', '{"id":9,"v":"new"}');
SELECT * FROM cdc.apply('map');
SELECT * FROM shard ORDER BY site, id;

-- types: through the cast that there is, or an expression
CREATE TABLE typed (id text PRIMARY KEY, u uuid, j jsonb, m map.mood, ts timestamptz);
SELECT wants('typed', 'map.typed', NULL, '{"id": "id", "u": "u", "j": {"expr": "j::jsonb"}, "m": "m", "ts": {"expr": "ts::timestamp AT TIME ZONE ''Europe/Berlin''"}}');
SELECT ev('typed', 'c', '{"id":5,"u":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","j":"{\"x\": 1}","m":"high","ts":"2024-07-01 12:00:00"}');
SELECT * FROM cdc.apply('map');
SELECT id, u, j, m, ts AT TIME ZONE 'UTC' AS ts FROM typed;
SELECT ev('typed', 'c', '{"id":6,"u":null,"j":null,"m":"middling","ts":null}');
SELECT fails($$SELECT * FROM cdc.apply('map')$$);
DELETE FROM h WHERE seq = currval('seq');

-- both back-ends: a partitioned table is written by SQL
CREATE TABLE person_sql (id bigint, mail text, at timestamptz, PRIMARY KEY (id)) PARTITION BY HASH (id);
CREATE TABLE person_sql_0 PARTITION OF person_sql FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT cdc.replay('map', 'd.person', 'map.person_sql', from_seq => 1, to_seq => 3, columns => '{"id": "id", "mail": {"expr": "lower(email)"}, "at": {"expr": "event.source_ts"}}', row_filter => 'pay > 100');
SELECT id, mail, at = (SELECT source_ts FROM h WHERE seq = CASE id WHEN 1 THEN 3 ELSE 2 END) AS same FROM person_sql ORDER BY id;

-- a function that is dropped or changed is noticed
CREATE OR REPLACE FUNCTION twice(n numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 3 * n; END $$;
SELECT ev('person', 'c', '{"id":20,"Email":"e","born":null,"seen":null,"pay":1,"doc":null,"tags":null,"bin":null}');
SELECT * FROM cdc.apply('map');
SELECT pay2 FROM person WHERE id = 20;
DROP FUNCTION twice(numeric);
SELECT ev('person', 'c', '{"id":21,"Email":"e","born":null,"seen":null,"pay":1,"doc":null,"tags":null,"bin":null}');
SELECT * FROM cdc.apply('map');
SELECT state, last_error FROM cdc.subscription_table WHERE source_table = 'd.person';

-- rights: functions run as the subscription's owner, whoever calls and whose the target is
CREATE ROLE map_owner;
CREATE ROLE map_target;
GRANT USAGE, CREATE ON SCHEMA map TO map_owner, map_target;
GRANT map_target TO map_owner;
CREATE FUNCTION who(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN current_user || ' ' || current_setting('search_path'); END $$;
ALTER FUNCTION who(text) OWNER TO map_owner;
CREATE FUNCTION closed(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT t $$;
REVOKE EXECUTE ON FUNCTION closed(text) FROM PUBLIC;
CREATE FUNCTION escape(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SET ROLE ' || t; RETURN current_user; END $$;
CREATE FUNCTION lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'mine'::text $$;
CREATE TABLE hh (LIKE h INCLUDING ALL);
ALTER TABLE hh OWNER TO map_owner;
INSERT INTO hh SELECT * FROM h WHERE source_table = 'd.typed';
CREATE TABLE owned (id text PRIMARY KEY, u text);
ALTER TABLE owned OWNER TO map_target;
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('mapr', 'map_owner', 'none', '{*.*}', '{}', 'maxwell', 'map.hh', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('mapr', 1000000);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('mapr');
SELECT cdc_catalog.take_over('mapr');
SELECT cdc.replay('mapr', 'd.typed', 'map.owned', columns => '{"id": "id", "u": {"expr": "map.who(m) || lower(''X'')"}}');
SELECT * FROM owned;
SELECT fails($$SELECT cdc.replay('mapr', 'd.typed', 'map.owned', columns => '{"id": "id", "u": {"expr": "map.closed(m)"}}')$$);
SELECT fails($$SELECT cdc.replay('mapr', 'd.typed', 'map.owned', columns => '{"id": "id", "u": {"expr": "map.escape(''map_target'')"}}')$$);

DELETE FROM cdc.subscription WHERE name IN ('map', 'mapr');
DELETE FROM cdc.subscription_position WHERE subscription IN ('map', 'mapr');
DELETE FROM cdc.subscription_progress WHERE subscription IN ('map', 'mapr');
DELETE FROM cdc.subscription_table WHERE subscription IN ('map', 'mapr');
DELETE FROM cdc.table_version WHERE subscription IN ('map', 'mapr');
DELETE FROM cdc.table_counter WHERE subscription IN ('map', 'mapr');
DELETE FROM cdc.log WHERE subscription IN ('map', 'mapr');
DROP SCHEMA map CASCADE;
DROP ROLE map_owner, map_target;
