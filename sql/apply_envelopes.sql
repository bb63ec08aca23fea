-- apply of messages in other envelopes than Maxwell's, from histories filled by hand.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA env;
CREATE SCHEMA er;
SET search_path = env, public;
SET timezone = 'America/New_York';          -- must not matter
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';
CREATE SERVER env_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');

CREATE SEQUENCE seq;
-- a subscription with its history
CREATE FUNCTION sub(name text, format text, target_schema text DEFAULT 'er', options jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE env.%I (seq bigint PRIMARY KEY, ingested_at timestamptz DEFAULT now(), source_ts timestamptz,'
        ' source_table text, op "char", position text, gtid text, event jsonb, raw bytea, commit boolean, key jsonb)', name);
    INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, target_schema, history, copy_data, enabled, options)
        VALUES ($1, current_user, 'env_bus', '{*.*}', '{}', $2, $3, 'env.' || quote_ident($1), false, false, $4);
    INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ($1, 1000000);
    INSERT INTO cdc.subscription_progress (subscription) VALUES ($1);
    PERFORM cdc_catalog.take_over($1);
END $$;
-- a message, as pull stores it
CREATE FUNCTION msg(name text, topic text, key jsonb, value jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE e record; s bigint := nextval('seq');
BEGIN
    SELECT DISTINCT r.op, r.source_table, r.source_ts, r.gtid INTO e
        FROM cdc.read_envelope($4, $3, $2, (SELECT format FROM cdc.subscription c WHERE c.name = $1)) r;
    EXECUTE format('INSERT INTO env.%I VALUES ($1, now(), $2, $3, $4, $5, $6, $7, NULL, true, $8)', $1)
        USING s, e.source_ts, e.source_table, e.op, topic || '/0@' || s, e.gtid, value, key;
    RETURN concat_ws(' ', e.op, e.source_table);
END $$;
CREATE FUNCTION wants(sub text, source_table text, target text, key text[] DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state) VALUES ($1, $2, $2, $3, $4, 'r');
    -- as cdc.add_table() does, tell who has the catalog cached
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text; c text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''), split_part(c, E'\n', 1));
END $$;
-- gives up what cannot be applied
CREATE FUNCTION skip(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE cdc.subscription_progress SET applied_seq = (SELECT max(seq) FROM env.%I) WHERE subscription = $1', $1) USING $1;
END $$;
-- Debezium with schemas
SELECT sub('dz', 'debezium');
CREATE TABLE er.orders (id bigint, country varchar(2), total numeric(20,4), due date, made timestamp, seen timestamptz, took interval, bits bit(9),
    photo bytea, tags text[], more jsonb, paid boolean, note text, place bytea, PRIMARY KEY (id, country));
SELECT wants('dz', 'shop.orders', 'er.orders');
CREATE FUNCTION dz(op text, before jsonb, after jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT ('{"schema": {"type": "struct", "name": "srv.shop.orders.Envelope", "fields": [{"type": "struct", "field": "after", "fields": [
        {"type": "int64", "optional": false, "field": "id", "parameters": {"__debezium.source.column.type": "INT UNSIGNED"}},
        {"type": "string", "optional": false, "field": "country", "parameters": {"__debezium.source.column.type": "CHAR", "__debezium.source.column.length": "2"}},
        {"type": "bytes", "optional": true, "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "4", "connect.decimal.precision": "20"}, "field": "total"},
        {"type": "int32", "optional": true, "name": "io.debezium.time.Date", "field": "due"},
        {"type": "int64", "optional": true, "name": "io.debezium.time.MicroTimestamp", "field": "made"},
        {"type": "string", "optional": true, "name": "io.debezium.time.ZonedTimestamp", "field": "seen"},
        {"type": "int64", "optional": true, "name": "io.debezium.time.MicroTime", "field": "took"},
        {"type": "bytes", "optional": true, "name": "io.debezium.data.Bits", "parameters": {"length": "9"}, "field": "bits"},
        {"type": "bytes", "optional": true, "field": "photo"},
        {"type": "string", "optional": true, "name": "io.debezium.data.EnumSet", "parameters": {"allowed": "x,y"}, "field": "tags"},
        {"type": "string", "optional": true, "name": "io.debezium.data.Json", "field": "more"},
        {"type": "boolean", "optional": true, "field": "paid"},
        {"type": "string", "optional": true, "field": "note"},
        {"type": "struct", "optional": true, "name": "io.debezium.data.geometry.Point", "field": "place"}]}]},
      "payload": {"op": ' || to_json(op) || ', "before": ' || coalesce(before::text, 'null') || ', "after": ' || coalesce(after::text, 'null') ||
      ', "source": {"connector": "mysql", "db": "shop", "table": "orders", "ts_ms": 1717245296789, "gtid": "u:1"}}}')::jsonb $$;
CREATE FUNCTION dzkey(id int, country text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT ('{"schema": {"type": "struct", "fields": [{"type": "string", "field": "country"}, {"type": "int64", "field": "id"}]},
        "payload": {"id": ' || id || ', "country": ' || to_json(country) || '}}')::jsonb $$;
SELECT msg('dz', 'srv.shop.orders', dzkey(1, 'de'), dz('r', NULL,
    '{"id":1,"country":"de","total":"/1SrVnMU4PUt","due":19782,"made":1717245296123456,"seen":"2024-06-01T12:00:00.5Z","took":-3020399000000,
      "bits":"VQE=","photo":"AP8Q","tags":"x,y","more":"{\"k\": [1, null]}","paid":true,"note":"Größe",
      "place":{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null}}'));
SELECT msg('dz', 'srv.shop.orders', dzkey(2, 'fr'), dz('c', NULL, '{"id":2,"country":"fr","total":"AA==","due":-1}'));
SELECT msg('dz', 'srv.shop.orders', dzkey(1, 'de'), dz('u', '{"id":1,"country":"de","total":"AA==","note":"Größe"}',
    '{"id":1,"country":"de","total":"BNI=","made":null,"note":"__debezium_unavailable_value"}'));
SELECT msg('dz', 'srv.shop.orders', dzkey(2, 'fr'), dz('d', '{"id":2,"country":"fr"}', NULL)), msg('dz', 'srv.shop.orders', dzkey(2, 'fr'), NULL);
SELECT msg('dz', 'srv.transaction', NULL, '{"status":"END","id":"u:1","event_count":1,"data_collections":null,"ts_ms":1717245296789}'),
    msg('dz', '__debezium-heartbeat.srv', NULL, '{"ts_ms":1717245296789}'),
    msg('dz', 'srv', NULL, '{"databaseName":"shop","ddl":"CREATE TABLE x (y int)","tableChanges":[{"id":"\"shop\".\"x\""}]}');
SELECT * FROM cdc.apply('dz');
SELECT * FROM er.orders;
SELECT seen AT TIME ZONE 'UTC' AS seen FROM er.orders;
-- the same once more into another table
CREATE TABLE again (LIKE er.orders INCLUDING ALL);
SELECT cdc.replay('dz', 'shop.orders', 'env.again');
SELECT * FROM again EXCEPT SELECT * FROM er.orders;
-- a key that changes comes as delete and insert
SELECT msg('dz', 'srv.shop.orders', dzkey(1, 'de'), dz('d', '{"id":1,"country":"de"}', NULL)), msg('dz', 'srv.shop.orders', dzkey(1, 'de'), NULL),
    msg('dz', 'srv.shop.orders', dzkey(1, 'at'), dz('c', NULL, '{"id":1,"country":"at","note":"moved"}'));
SELECT * FROM cdc.apply('dz');
SELECT id, country, note, total FROM er.orders;
-- a column that comes later has its type told
SELECT msg('dz', 'srv.shop.orders', dzkey(3, 'it'), jsonb_set(dz('c', NULL, '{"id":3,"country":"it","since":19000}'),
    '{schema,fields,0,fields,12}', '{"type":"int32","optional":true,"name":"io.debezium.time.Date","field":"since"}'));
SELECT fails($$SELECT cdc.apply('dz')$$);
ALTER TABLE er.orders ADD COLUMN since date;
SELECT * FROM cdc.apply('dz');
SELECT id, country, since FROM er.orders ORDER BY id;
SELECT msg('dz', 'srv.shop.orders', NULL, dz('t', NULL, NULL));
SELECT * FROM cdc.apply('dz');
SELECT count(*) FROM er.orders;

-- Debezium without schemas: the target's types tell
SELECT sub('dp', 'auto', NULL);
CREATE TABLE plain (id int PRIMARY KEY, total numeric(12,2), n numeric(20,0), due date, made timestamp(6), at timestamp(0), any_ts timestamp,
    took interval(6), b bit(9), photo bytea, tags text[], more jsonb, seen timestamptz, price numeric, geo bytea);
SELECT wants('dp', 'shop.plain', 'env.plain');
CREATE FUNCTION dp(op text, after jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT ('{"op":' || to_json(op) || ',"after":' || after || ',"before":null,"source":{"db":"shop","table":"plain"}}')::jsonb $$;
SELECT msg('dp', 'srv.shop.plain', '{"id":1}', dp('c', '{"id":1,"total":"BNI=","n":"fw==","due":19782,"made":1717245296123456,"at":1717245296000,"took":45296789000,
    "b":"VQE=","photo":"AP8Q","tags":"x,y","more":"[1]","seen":"2024-06-01T14:00:00+02:00","price":"12.50","geo":{"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null}}'));
SELECT * FROM cdc.apply('dp');
SELECT id, total, n, due, made, at, took, b, photo, tags, more, seen AT TIME ZONE 'UTC' AS seen, price, geo FROM plain;
SELECT msg('dp', 'srv.shop.plain', '{"id":1}', NULL);
SELECT * FROM cdc.apply('dp');
SELECT count(*) FROM plain;
SELECT msg('dp', 'srv.shop.plain', '{"id":2}', dp('c', '{"id":2,"any_ts":1717245296000}'));
SELECT fails($$SELECT cdc.apply('dp')$$), skip('dp');
SELECT msg('dp', 'srv.shop.plain', '{"id":2}', dp('c', '{"id":2,"n":-1}'));
SELECT fails($$SELECT cdc.apply('dp')$$), skip('dp');
SELECT msg('dp', 'srv.shop.plain', '{"id":2}', dp('c', '{"id":2,"price":"AGQ="}'));
SELECT fails($$SELECT cdc.apply('dp')$$), skip('dp');
SELECT msg('dp', 'srv.shop.plain', '{"id":2}', dp('c', '{"id":2,"total":"nan"}'));
SELECT fails($$SELECT cdc.apply('dp')$$), skip('dp');

-- Debezium's rows alone
SELECT msg('dp', 'srv.shop.flat', '{"id":1}', '{"id":1,"v":"one","__deleted":"false","__op":"r","__table":"flat","__db":"shop"}');
CREATE TABLE flat (id int, v text);
SELECT wants('dp', 'shop.flat', 'env.flat');
SELECT * FROM cdc.apply('dp');
SELECT msg('dp', 'srv.shop.flat', '{"id":1}', '{"id":1,"v":"uno","__deleted":"false","__op":"u","__table":"flat","__db":"shop"}');
SELECT fails($$SELECT cdc.apply('dp')$$);
ALTER TABLE flat ADD PRIMARY KEY (id);
SELECT msg('dp', 'srv.shop.flat', '{"id":2}', '{"id":2,"v":"two","__deleted":"false","__op":"c","__table":"flat","__db":"shop"}'),
    msg('dp', 'srv.shop.flat', '{"id":3}', '{"id":3,"v":"three","__deleted":"false","__op":"c","__table":"flat","__db":"shop"}'),
    msg('dp', 'srv.shop.flat', '{"id":2}', '{"id":2,"v":null,"__deleted":"true","__op":"d","__table":"flat","__db":"shop"}'),
    msg('dp', 'srv.shop.flat', '{"id":3}', NULL);
SELECT * FROM cdc.apply('dp');
SELECT * FROM flat ORDER BY id;

-- GoldenGate, of an operation and of a row; partial images
SELECT sub('gg', 'goldengate');
CREATE TABLE er."ORDS" ("ID" numeric PRIMARY KEY, "QTY" numeric, "WHO" text, "GONE" text, "WHEN" timestamp);
SELECT wants('gg', 'PDB.SALES.ORDS', 'er."ORDS"');
SELECT msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"I","op_ts":"2024-06-01 12:00:00.123456","current_ts":"2024-06-01T12:00:01","pos":"0001",
    "primary_keys":["ID"],"after":{"ID":1,"WHO":"WILL","WHEN":"1994-09-30:15:33:00","QTY":"3.50","GONE":null}}');
SELECT msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"U","op_ts":"2024-06-01 12:00:02","pos":"0002","primary_keys":["ID"],
    "before":{"ID":1,"QTY":"3.50"},"after":{"ID":1,"QTY":"4"}}');
SELECT * FROM cdc.apply('gg');
SELECT * FROM er."ORDS";
SELECT msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"U","pos":"0003","primary_keys":["ID"],"before":{"ID":1},"after":{"ID":7,"GONE":"no"}}'),
    msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"I","pos":"00000000000000000004","ID":2,"WHO":"ANN","WHEN":null}'),
    msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"I","pos":"00000000000000000005","ID":3,"WHO":"BOB"}'),
    msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"D","pos":"00000000000000000006","ID":3,"WHO":"BOB"}');
SELECT * FROM cdc.apply('gg');
SELECT * FROM er."ORDS" ORDER BY "ID";
SELECT msg('gg', 'ords', NULL, '{"table":"PDB.SALES.ORDS","op_type":"T","pos":"0007"}');
SELECT * FROM cdc.apply('gg');
SELECT count(*) FROM er."ORDS";
-- without primary_keys and without a schema; columns named as metadata could be; the topic of schemas; a whole transaction
CREATE TABLE er."WMS_TEST" ("ID" numeric, xid numeric, tokens text, pos numeric);
SELECT wants('gg', 'WMS_TEST', 'er."WMS_TEST"');
SELECT msg('gg', 'schemas', NULL, '{"$schema":"http://json-schema.org/draft-04/schema#","title":"WMS_TEST","type":"object","properties":{"table":{"type":"string"},"op_type":{"type":"string"}}}'),
    msg('gg', 'WMS_TEST', NULL, '{"table":"WMS_TEST","op_type":"I","op_ts":"2024-06-01 12:00:00.000000","current_ts":"2024-06-01T12:00:00.5","pos":7,"ID":1,"xid":5,"tokens":"t"}');
SELECT * FROM cdc.apply('gg');
SELECT msg('gg', 'WMS_TEST', NULL, '{"table":"WMS_TEST","op_type":"U","pos":8,"ID":1,"xid":6,"tokens":null}'),
    msg('gg', 'WMS_TEST', NULL, '{"table":"WMS_TEST","op_type":"D","pos":8,"ID":1}');
SELECT fails($$SELECT cdc.apply('gg')$$);
ALTER TABLE er."WMS_TEST" ADD PRIMARY KEY ("ID");
SELECT * FROM cdc.apply('gg');
SELECT count(*) FROM er."WMS_TEST";
CREATE TABLE er.nokey ("A" numeric, "B" numeric);
SELECT wants('gg', 'S.NOKEY', 'er.nokey');
SELECT msg('gg', 'x', NULL, '{"table":"S.NOKEY","op_type":"I","after":{"A":1,"B":2}}'),
    msg('gg', 'x', NULL, '{"table":"S.NOKEY","op_type":"U","before":{"A":1,"B":2},"after":{"A":1,"B":3}}');
SELECT * FROM cdc.apply('gg');
SELECT * FROM er.nokey;
SELECT msg('gg', 'x', NULL, '{"table":"S.NOKEY","op_type":"U","before":{"A":1},"after":{"A":1,"B":4}}');
SELECT fails($$SELECT cdc.apply('gg')$$), skip('gg');
SELECT msg('gg', 'x', NULL, '{"table":"S.NOKEY","op_type":"D","before":{"A":1,"B":9}}');
SELECT fails($$SELECT cdc.apply('gg')$$), skip('gg');
SELECT fails($$SELECT msg('gg', 'ords', NULL, '{"table":"S.T","op_type":"INSERT","after":{}}')$$);
SELECT fails($$SELECT msg('gg', 'ords', NULL, '{"a":1}')$$);
SELECT fails($$SELECT msg('gg', 'ords', NULL, '[1]')$$);

-- Canal: several rows in one message, all values texts
SELECT sub('ca', 'canal');
CREATE TABLE er.items (b bit(4), d numeric(10,2), f double precision, j jsonb, k text, n integer, s text[], t timestamp(3), y smallint, bl bytea, id numeric(20,0) PRIMARY KEY);
SELECT wants('ca', 'shop.items', 'er.items');
SELECT msg('ca', 'c', NULL, '{"type":"INSERT","isDdl":false,"database":"shop","table":"items","es":1717245296000,"ts":1717245297000,"pkNames":["id"],"sql":"",
    "mysqlType":{"id":"bigint unsigned","n":"int","d":"decimal(10,2)","f":"double","k":"enum(''a'',''b'')","s":"set(''x'',''y'',''z'')","b":"bit(4)","bl":"blob","j":"json","t":"datetime(3)","y":"year"},
    "sqlType":{"id":-5},
    "data":[{"id":"18446744073709551615","n":"-5","d":"1.50","f":"1.0E10","k":"2","s":"5","b":"9","bl":"\u0001\u00ff","j":"{\"a\": 1}","t":"2024-06-01 12:00:00.250","y":"2024"},
            {"id":"2","n":null,"d":null,"f":null,"k":"1","s":"0","b":"0","bl":"","j":"null","t":null,"y":null}],"old":null}');
SELECT msg('ca', 'c', NULL, '{"type":"UPDATE","isDdl":false,"database":"shop","table":"items","pkNames":["id"],"mysqlType":{"id":"bigint unsigned","n":"int"},
    "data":[{"id":"3","n":"7"},{"id":"18446744073709551615","n":"8"}],"old":[{"id":"2","n":null},{"n":"-5"}]}');
SELECT * FROM cdc.apply('ca');
SELECT * FROM er.items ORDER BY id;
SELECT msg('ca', 'c', NULL, '{"type":"DELETE","isDdl":false,"database":"shop","table":"items","pkNames":["id"],"mysqlType":{"id":"bigint unsigned"},"data":[{"id":"3"},{"id":"4"}]}'),
    msg('ca', 'c', NULL, '{"type":"ALTER","isDdl":true,"database":"shop","table":"items","sql":"ALTER TABLE items ADD x int","data":null}');
SELECT * FROM cdc.apply('ca');
SELECT id FROM er.items;

-- Quix
SELECT sub('qx', 'quix');
CREATE TABLE er.people (id integer PRIMARY KEY, name text, blob bytea, doc jsonb, born timestamptz);
SELECT wants('qx', 'public.people', 'er.people');
SELECT msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"people","columnnames":["id","name","blob","doc","born"],
    "columntypes":["integer","character varying(20)","bytea","jsonb","timestamp with time zone"],
    "columnvalues":[1,"Ann","00ff","{\"a\": 1}","2024-06-01 12:00:00+02"],"pk":{"pknames":["id"],"pktypes":["integer"]}}');
SELECT msg('qx', 'q', NULL, '{"kind":"update","schema":"public","table":"people","columnnames":["id","name"],"columntypes":["integer","text"],"columnvalues":[2,"Anna"],
    "oldkeys":{"keynames":["id"],"keytypes":["integer"],"keyvalues":[1]}}');
SELECT * FROM cdc.apply('qx');
SELECT id, name, blob, doc, born AT TIME ZONE 'UTC' AS born FROM er.people;
SELECT msg('qx', 'q', NULL, '{"kind":"delete","schema":"public","table":"people","oldkeys":{"keynames":["id"],"keytypes":["integer"],"keyvalues":[2]}}');
SELECT * FROM cdc.apply('qx');
SELECT fails($$SELECT msg('qx', 'q', NULL, '{"kind":"insert","schema":"s","table":"t","columnnames":["a"],"columnvalues":[]}')$$);
-- rows whole before the change: found by all columns, where nothing tells a key
CREATE TABLE er.pairs (a integer, b text, c text);
SELECT wants('qx', 'public.pairs', 'er.pairs');
SELECT msg('qx', 'q', NULL, '{"kind":"snapshot_insert","schema":"public","table":"pairs","columnnames":["a","b","c"],"columnvalues":[1,"x",null],"oldkeys":{}}'),
    msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"pairs","columnnames":["a","b","c"],"columnvalues":[1,"y",null],"oldkeys":{}}'),
    msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"pairs","columnnames":["a","b","c"],"columnvalues":[2,"z","w"],"oldkeys":{}}'),
    msg('qx', 'q', NULL, '{"kind":"update","schema":"public","table":"pairs","columnnames":["a","b","c"],"columnvalues":[1,null,"v"],
        "oldkeys":{"keynames":["a","b","c"],"keyvalues":[1,"y",null]}}'),
    msg('qx', 'q', NULL, '{"kind":"delete","schema":"public","table":"pairs","columnnames":[],"columnvalues":[],
        "oldkeys":{"keynames":["a","b","c"],"keyvalues":[2,"z","w"]}}');
SELECT * FROM cdc.apply('qx');
SELECT * FROM er.pairs ORDER BY b;
SELECT msg('qx', 'q', NULL, '{"kind":"delete","schema":"public","table":"pairs","columnnames":[],"columnvalues":[],"oldkeys":{"keynames":["a"],"keyvalues":[1]}}');
SELECT fails($$SELECT cdc.apply('qx')$$), skip('qx');
-- rows found by a key: the hint is what to type, and loses nothing
CREATE TABLE er.named (a integer, "B" text);
SELECT wants('qx', 'public.named', 'er.named');
SELECT msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"named","columnnames":["a","B"],"columnvalues":[1,"x"],"oldkeys":{}}');
SELECT * FROM cdc.apply('qx');
SELECT msg('qx', 'q', NULL, '{"kind":"update","schema":"public","table":"named","columnnames":["a","B"],"columnvalues":[1,"q"],"oldkeys":{"keynames":["a"],"keyvalues":[1]}}'),
    msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"named","columnnames":["a","B"],"columnvalues":[2,"r"],"oldkeys":{}}'),
    msg('qx', 'q', NULL, '{"kind":"update","schema":"public","table":"named","columnnames":["a","B"],"columnvalues":[3,"s"],"oldkeys":{"keynames":["a"],"keyvalues":[2]}}');
SELECT fails($$SELECT cdc.apply('qx')$$);
ALTER TABLE er.named ADD PRIMARY KEY (a);
SELECT * FROM cdc.apply('qx');
SELECT * FROM er.named ORDER BY a;
-- the same where the messages tell types, and a delete its key only
CREATE TABLE er.typed (id integer, v text);
SELECT wants('qx', 'public.typed', 'er.typed');
SELECT msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"typed","columnnames":["id","v"],"columntypes":["integer","text"],"columnvalues":[1,"x"],"oldkeys":{}}'),
    msg('qx', 'q', NULL, '{"kind":"insert","schema":"public","table":"typed","columnnames":["id","v"],"columntypes":["integer","text"],"columnvalues":[2,"y"],"oldkeys":{}}');
SELECT * FROM cdc.apply('qx');
SELECT msg('qx', 'q', NULL, '{"kind":"delete","schema":"public","table":"typed","columnnames":[],"columntypes":[],"columnvalues":[],"oldkeys":{"keynames":["id"],"keytypes":["integer"],"keyvalues":[1]}}');
SELECT fails($$SELECT cdc.apply('qx')$$);
ALTER TABLE er.typed ADD PRIMARY KEY (id);
SELECT * FROM cdc.apply('qx');
SELECT * FROM er.typed ORDER BY id;

-- documents: the whole row, what a document lacks is NULL
SELECT sub('js', 'json');
CREATE TABLE er.users (id numeric PRIMARY KEY, ok boolean, age numeric, name text, none text, tags jsonb);
SELECT wants('js', 'users', 'er.users');
SELECT msg('js', 'users', '{"id":1}', '{"id":1,"name":"Ann","age":30,"tags":["a"],"ok":true,"none":null}');
SELECT * FROM cdc.apply('js');
-- a source table has the name of its topic, be there a dot in it or not
SELECT cdc.remove_table('js', 'users');
SELECT tables, exclude, added FROM cdc.subscription WHERE name = 'js';
SELECT fails($$SELECT cdc.remove_table('js', 'users')$$), fails($$SELECT cdc.remove_table('js', '')$$), fails($$SELECT cdc.add_table('js', 'a.')$$);
SELECT cdc.add_table('js', 'users', target := 'er.users');
SELECT cdc.add_table('js', 'users', target := 'er.users', from_history := false);
SELECT tables, exclude, added FROM cdc.subscription WHERE name = 'js';
SELECT msg('js', 'users', '{"id":1}', '{"id":1,"name":"Anna"}'), msg('js', 'users', '{"id":2}', '{"name":"Bob","age":1.5}');
SELECT * FROM cdc.apply('js');
SELECT * FROM er.users ORDER BY id;
SELECT msg('js', 'users', '{"id":1}', NULL);
SELECT * FROM cdc.apply('js');
SELECT id FROM er.users;
CREATE TABLE doc (id text PRIMARY KEY, v int, at timestamptz, own int NOT NULL DEFAULT 5);
SELECT wants('js', 'docs', 'env.doc');
SELECT msg('js', 'docs', '"k1"', '{"v":1,"at":"2024-06-01T12:00:00Z"}'), msg('js', 'docs', '"k2"', '{"v":"2"}');
SELECT * FROM cdc.apply('js');
UPDATE doc SET own = 6;
SELECT msg('js', 'docs', '"k1"', '{"v":3}'), msg('js', 'docs', '"k2"', NULL), msg('js', 'docs', NULL, NULL);
SELECT * FROM cdc.apply('js');
SELECT id, v, at AT TIME ZONE 'UTC' AS at, own FROM doc;
SELECT msg('js', 'users', '{"id":3}', '{"id":3,"city":"Rome"}');
SELECT fails($$SELECT cdc.apply('js')$$), skip('js');
SELECT fails($$SELECT msg('js', 'users', NULL, '"text"')$$);

-- Maxwell from Kafka: its keys have names in lower case
SELECT sub('mx', 'maxwell');
CREATE TABLE er.mx ("Id" int PRIMARY KEY, v text);
SELECT wants('mx', 'shop.mx', 'er.mx');
SELECT msg('mx', 'maxwell', '{"database":"shop","table":"mx","pk.id":1}', '{"database":"shop","table":"mx","type":"insert","ts":1717245296,"xid":1,"commit":true,"data":{"Id":1,"v":"one"}}'),
    msg('mx', 'maxwell', NULL, '{"database":"shop","table":"mx","type":"insert","ts":1717245296,"xid":1,"commit":true,"data":{"Id":2,"v":"two"}}'),
    msg('mx', 'maxwell', NULL, '{"type":"table-create","database":"shop","table":"md","sql":"CREATE","ts":1717245296000,"def":{"database":"shop","table":"md","columns":[]}}'),
    msg('mx', 'maxwell', '{"database":"shop","table":"mx","pk.id":1}', NULL);
SELECT * FROM cdc.apply('mx');
SELECT * FROM er.mx;

-- the same recognised, into a table without key
CREATE TABLE loose (a int, b text);
SELECT wants('dp', 'shop.loose', 'env.loose');
SELECT msg('dp', 'maxwell', NULL, '{"database":"shop","table":"loose","type":"insert","ts":1,"data":{"a":1,"b":"x"}}'),
    msg('dp', 'maxwell', NULL, '{"database":"shop","table":"loose","type":"update","ts":1,"data":{"a":1,"b":"y"},"old":{"b":"x"}}'),
    msg('dp', 'maxwell', NULL, '{"database":"shop","table":"loose","type":"update","ts":1,"data":{"a":1,"b":"y"}}'),
    msg('dp', 'maxwell', NULL, '{"database":"shop","table":"loose","type":"insert","ts":1,"data":{"a":2,"b":"z"}}'),
    msg('dp', 'maxwell', NULL, '{"database":"shop","table":"loose","type":"delete","ts":1,"data":{"a":2,"b":"z"}}');
SELECT * FROM cdc.apply('dp');
SELECT * FROM loose;

-- modes, of messages of several rows: soft_delete, and append, where a key that changes is a delete, too
SELECT sub('mo', 'canal', NULL, '{"target_mode": "append"}');
CREATE TABLE er.soft (id int PRIMARY KEY, v int, _cdc_deleted boolean NOT NULL DEFAULT false, _cdc_seq bigint, _cdc_source_ts timestamptz);
CREATE TABLE er.log (id int, v int, _cdc_op text, _cdc_seq bigint, _cdc_row int, _cdc_source_ts timestamptz, PRIMARY KEY (_cdc_seq, _cdc_row));
SELECT cdc.add_table('mo', 'd.m', 'er.soft', mode := 'soft_delete', from_history := false), cdc.add_table('mo', 'd.m', 'er.log', from_history := false);
SELECT source_table, target, mode FROM cdc.subscription_table WHERE subscription = 'mo' ORDER BY target;
SELECT msg('mo', 'c', NULL, '{"type":"INSERT","isDdl":false,"database":"d","table":"m","es":1717245296000,"pkNames":["id"],"mysqlType":{"id":"int","v":"int"},"data":[{"id":"1","v":"1"},{"id":"2","v":"2"},{"id":"3","v":"3"}],"old":null}'),
    msg('mo', 'c', NULL, '{"type":"UPDATE","isDdl":false,"database":"d","table":"m","es":1717245297000,"pkNames":["id"],"mysqlType":{"id":"int","v":"int"},"data":[{"id":"4","v":"1"},{"id":"2","v":"5"}],"old":[{"id":"1"},{"v":"2"}]}'),
    msg('mo', 'c', NULL, '{"type":"DELETE","isDdl":false,"database":"d","table":"m","es":1717245298000,"pkNames":["id"],"mysqlType":{"id":"int","v":"int"},"data":[{"id":"2","v":"5"},{"id":"3","v":"3"}]}');
SELECT target, events, inserted, updated, deleted FROM cdc.apply('mo') ORDER BY target;
SELECT id, v, _cdc_deleted, _cdc_seq - (SELECT min(seq) FROM env.mo) AS event, _cdc_source_ts AT TIME ZONE 'UTC' AS at FROM er.soft ORDER BY id;
SELECT _cdc_op, id, v, _cdc_seq - (SELECT min(seq) FROM env.mo) AS event, _cdc_row FROM er.log ORDER BY _cdc_seq, _cdc_row;

-- versions, of which several rows of one message are one; a time that is set back, and one that is not told
CREATE TABLE er.ver (id int PRIMARY KEY, v int, n int GENERATED ALWAYS AS (v * 10) STORED);
SELECT cdc.replay('mo', 'd.m', 'er.ver', mode := 'scd2');
ALTER TABLE er.ver ADD COLUMN _cdc_valid_from timestamp with time zone NOT NULL DEFAULT '-infinity', ADD COLUMN _cdc_valid_to timestamp with time zone, ADD COLUMN _cdc_current boolean NOT NULL DEFAULT true, ADD COLUMN _cdc_op text, ADD COLUMN _cdc_seq bigint NOT NULL DEFAULT 0, ADD COLUMN _cdc_end_op text, ADD COLUMN _cdc_end_seq bigint, DROP CONSTRAINT ver_pkey, ADD PRIMARY KEY (id, _cdc_seq);
SELECT msg('mo', 'c', NULL, '{"type":"INSERT","isDdl":false,"database":"d","table":"m","es":1717245200000,"pkNames":["id"],"mysqlType":{"id":"int","v":"int"},"data":[{"id":"2","v":"7"},{"id":"3","v":"8"},{"id":"3","v":"9"}],"old":null}'),
    msg('mo', 'c', NULL, '{"type":"UPDATE","isDdl":false,"database":"d","table":"m","pkNames":["id"],"mysqlType":{"id":"int","v":"int"},"data":[{"id":"2","v":"6"}],"old":[{"v":"7"}]}'),
    msg('mo', 'c', NULL, '{"type":"UPDATE","isDdl":false,"database":"d","table":"m","es":1717245299000,"pkNames":["id"],"mysqlType":{"id":"int","v":"int"},"data":[{"id":"2","v":"6"}],"old":[{"v":"6"}]}');
SELECT cdc.replay('mo', 'd.m', 'er.ver', mode := 'scd2');
CREATE VIEW er.versions AS SELECT id, v, n, _cdc_op AS op, _cdc_seq - (SELECT min(seq) FROM env.mo) AS event, _cdc_end_op AS end_op, _cdc_end_seq - (SELECT min(seq) FROM env.mo) AS end_event,
    _cdc_current AS current, _cdc_valid_from AT TIME ZONE 'UTC' AS valid_from, _cdc_valid_to AT TIME ZONE 'UTC' AS valid_to FROM er.ver;
SELECT * FROM er.versions ORDER BY id, event;
CREATE TABLE er.wanted AS SELECT * FROM er.ver;
SELECT cdc.replay('mo', 'd.m', 'er.ver', mode := 'scd2', from_seq := seq) FROM env.mo ORDER BY seq;
(TABLE er.ver EXCEPT TABLE er.wanted) UNION ALL (TABLE er.wanted EXCEPT TABLE er.ver);
DROP TABLE er.ver CASCADE;

-- messages of several rows, and documents, when memory is full and a look ahead says what later ones
-- replace: the same rows as a table that is changed row by row
SELECT sub('lac', 'canal', NULL, '{"apply_memory_limit": "4kB"}'), sub('laj', 'json', NULL, '{"apply_memory_limit": "4kB"}');
CREATE TABLE rows_c (id int PRIMARY KEY, v int, w int, pad text);
CREATE TABLE rows_j (LIKE rows_c INCLUDING ALL);
CREATE TABLE lac_model (LIKE rows_c INCLUDING ALL);
CREATE TABLE laj_model (LIKE rows_c INCLUDING ALL);
SELECT wants('lac', 'd.lac', 'env.rows_c'), wants('laj', 'laj', 'env.rows_j');
DO $$
DECLARE
    kind int; rows jsonb; olds jsonb; k int; k2 int; n int; pad text := repeat('p', 300);
BEGIN
    PERFORM setseed(0.5);
    FOR i IN 1..900 LOOP
        kind := floor(random() * 10);
        rows := '[]';
        olds := '[]';
        FOR r IN 1..1 + floor(random() * 3) LOOP
            k := floor(random() * 60);
            IF kind < 6 THEN                    -- whole rows
                rows := rows || jsonb_build_object('id', k::text, 'v', i::text, 'w', r::text, 'pad', pad);
                INSERT INTO lac_model VALUES (k, i, r, pad) ON CONFLICT (id) DO UPDATE SET v = i, w = r, pad = excluded.pad;
            ELSIF kind = 6 THEN                 -- some columns
                rows := rows || jsonb_build_object('id', k::text, 'w', (-i)::text);
                INSERT INTO lac_model (id, w) VALUES (k, -i) ON CONFLICT (id) DO UPDATE SET w = -i;
            ELSIF kind = 7 THEN                 -- another key
                k2 := 1000 + floor(random() * 20);
                rows := rows || jsonb_build_object('id', k2::text, 'v', i::text);
                olds := olds || jsonb_build_object('id', k::text);
                DELETE FROM lac_model WHERE id = k2 AND EXISTS (SELECT 1 FROM lac_model WHERE id = k);
                UPDATE lac_model SET id = k2, v = i WHERE id = k;
                IF NOT FOUND THEN
                    INSERT INTO lac_model (id, v) VALUES (k2, i) ON CONFLICT (id) DO UPDATE SET v = i;
                END IF;
            ELSE
                rows := rows || jsonb_build_object('id', k::text);
                DELETE FROM lac_model WHERE id = k;
            END IF;
        END LOOP;
        PERFORM msg('lac', 'c', NULL, jsonb_build_object('type', CASE WHEN kind < 6 THEN 'INSERT' WHEN kind < 8 THEN 'UPDATE' ELSE 'DELETE' END,
            'isDdl', false, 'database', 'd', 'table', 'lac', 'mysqlType', '{"id":"int","v":"int","w":"int","pad":"text"}'::jsonb, 'data', rows, 'old', olds));
        k := floor(random() * 60);
        IF kind < 8 THEN
            PERFORM msg('laj', 'laj', to_jsonb(k), CASE WHEN kind < 4 THEN jsonb_build_object('v', i, 'pad', pad) ELSE jsonb_build_object('w', i) END);
            DELETE FROM laj_model WHERE id = k;
            INSERT INTO laj_model VALUES (k, CASE WHEN kind < 4 THEN i END, CASE WHEN kind >= 4 THEN i END, CASE WHEN kind < 4 THEN pad END);
        ELSE
            PERFORM msg('laj', 'laj', to_jsonb(k), NULL);
            DELETE FROM laj_model WHERE id = k;
        END IF;
    END LOOP;
END $$;
SELECT target, events FROM cdc.apply('lac');
SELECT target, events FROM cdc.apply('laj');
SELECT (SELECT count(*) > 30 FROM rows_c) AS rows, (SELECT count(*) FROM (TABLE rows_c EXCEPT TABLE lac_model) d) AS wrong, (SELECT count(*) FROM (TABLE lac_model EXCEPT TABLE rows_c) d) AS lacking;
SELECT (SELECT count(*) > 30 FROM rows_j) AS rows, (SELECT count(*) FROM (TABLE rows_j EXCEPT TABLE laj_model) d) AS wrong, (SELECT count(*) FROM (TABLE laj_model EXCEPT TABLE rows_j) d) AS lacking;

-- recognised, or not
SELECT format_seen, op, source_table, row_number, data FROM cdc.read_envelope('{"type":"DELETE","isDdl":false,"database":"d","table":"t","data":[{"a":"1"},{"a":"2"}]}');
SELECT format_seen, op, source_table, key_columns, data, old FROM cdc.read_envelope('{"database":"d","table":"t","type":"update","data":{"a":1},"old":{"a":2}}', '["d","t",[{"a":1}]]');
SELECT fails($$SELECT cdc.read_envelope('{"before":1}')$$);
SELECT fails($$SELECT cdc.read_envelope('1')$$);
SELECT fails($$SELECT cdc.read_envelope('{}', format := 'avro')$$);
SELECT fails($$SELECT cdc.read_envelope('{"database":"d","table":"t","type":"insert","encrypted":{}}')$$);

SET client_min_messages = error;
CREATE VIEW mine AS SELECT unnest('{dz,dp,gg,ca,qx,js,mx,mo,lac,laj}'::text[]) AS name;
DELETE FROM cdc.subscription WHERE server = 'env_bus';
DELETE FROM cdc.subscription_position WHERE subscription IN (SELECT name FROM mine);
DELETE FROM cdc.subscription_progress WHERE subscription IN (SELECT name FROM mine);
DELETE FROM cdc.subscription_table WHERE subscription IN (SELECT name FROM mine);
DELETE FROM cdc.table_version WHERE subscription IN (SELECT name FROM mine);
DELETE FROM cdc.table_counter WHERE subscription IN (SELECT name FROM mine);
DELETE FROM cdc.log WHERE subscription IN (SELECT name FROM mine);
DROP SCHEMA env CASCADE;
DROP SCHEMA er CASCADE;
DROP SERVER env_bus;
