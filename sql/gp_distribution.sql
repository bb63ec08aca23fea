-- Targets whose rows are not where their key says, on Greenplum's segments: they are refused, or
-- are an error of their table alone; and the distribution follows the key of the source.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA gd;
SET search_path = gd, public;
CREATE SERVER gd_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms');
CREATE TABLE h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq)) DISTRIBUTED BY (seq);
CREATE TABLE hk (LIKE h) DISTRIBUTED BY (seq);
INSERT INTO cdc.subscription (name, owner, server, tables, "exclude", format, history, copy_data, enabled, options) VALUES
    ('gd', current_user, 'none', '{*.*}', '{}', 'maxwell', 'gd.h', false, false, '{}'),
    ('gdk', current_user, 'gd_bus', '{*.*}', '{}', 'maxwell', 'gd.hk', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq, events) VALUES ('gd', 0, 1), ('gdk', 0, 1);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('gd'), ('gdk');
SELECT cdc_catalog.take_over('gd'), cdc_catalog.take_over('gdk');
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION write_event(tab text, what "char", event text) RETURNS void LANGUAGE sql AS $$
    UPDATE cdc.subscription_position SET last_seq = last_seq + 1 WHERE subscription = 'gd';
    INSERT INTO gd.h (seq, source_ts, source_table, op, position, event, commit)
        SELECT last_seq, now(), $1, $2, 'bin.000001:' || last_seq, ('{"data":' || $3 || '}')::jsonb, true
        FROM cdc.subscription_position WHERE subscription = 'gd' $$;
CREATE VIEW states AS
    SELECT source_table, state, last_error FROM cdc.subscription_table WHERE subscription = 'gd';

-- by a column outside of the key, unless nothing fills it: after what the hint says it is a target
CREATE TABLE oddu (id int, code text) DISTRIBUTED BY (code);
SELECT fails($$SELECT cdc.add_table('gdk', 'd.u', target := 'gd.oddu', key := '{id}')$$);
SELECT fails($$SELECT cdc.add_table('gdk', 'd.u', target := 'gd.oddu', key := '{id}', columns := '{"id": "id", "code": {"expr": "upper(code)"}}')$$);
SELECT fails($$SELECT cdc.add_table('gdk', 'd.u', target := 'gd.oddu', key := '{id}', columns := '{"id": "id"}')$$);
SELECT cdc.remove_table('gdk', 'd.u');
ALTER TABLE gd.oddu SET DISTRIBUTED BY (id);
SELECT fails($$SELECT cdc.add_table('gdk', 'd.u', target := 'gd.oddu', key := '{id}')$$);

-- unique indexes say by what it can be, or which of them has to go
CREATE TABLE two (a int, b int, c int, UNIQUE (b, c)) DISTRIBUTED BY (c);
SELECT fails($$SELECT cdc.add_table('gdk', 'd.two', target := 'gd.two', key := '{a,b}')$$);
CREATE TABLE other (id int PRIMARY KEY, "the Code" text) DISTRIBUTED BY (id);
CREATE UNIQUE INDEX "other'x" ON other (id, "the Code");
SELECT fails($$SELECT cdc.add_table('gdk', 'd.other', target := 'gd.other', key := '{"the Code"}')$$);
ALTER TABLE gd.other DROP CONSTRAINT other_pkey; ALTER TABLE gd.other SET DISTRIBUTED BY ("the Code");
SELECT fails($$SELECT cdc.add_table('gdk', 'd.other', target := 'gd.other', key := '{"the Code"}')$$);

-- the key of a mode; at random or everywhere, with a key
CREATE TABLE added (_cdc_op text, _cdc_seq bigint, _cdc_row int, _cdc_source_ts timestamptz, id int) DISTRIBUTED BY (id);
SELECT fails($$SELECT cdc.add_table('gdk', 'd.added', target := 'gd.added', mode := 'append')$$);
CREATE TABLE random (id int, code text) DISTRIBUTED RANDOMLY;
SELECT fails($$SELECT cdc.add_table('gdk', 'd.random', target := 'gd.random', key := '{id}')$$);
CREATE TABLE everywhere (id int, code text) DISTRIBUTED REPLICATED;
SELECT fails($$SELECT cdc.add_table('gdk', 'd.everywhere', target := 'gd.everywhere', key := '{id}')$$);

-- replicated, and no key
CREATE TABLE keyless (id int, code text) DISTRIBUTED REPLICATED;
SELECT fails($$SELECT cdc.add_table('gdk', 'd.keyless', target := 'gd.keyless', key := '{}')$$);
ALTER TABLE gd.keyless SET DISTRIBUTED RANDOMLY;
SELECT fails($$SELECT cdc.add_table('gdk', 'd.keyless', target := 'gd.keyless', key := '{}')$$);

-- distributed anew by hand: its table stops, the others go on, and so does one that is as it was
CREATE TABLE good (id int PRIMARY KEY, code text) DISTRIBUTED BY (id);
CREATE TABLE moved (id int, code text) DISTRIBUTED BY (id);
CREATE TABLE spread (id int, code text) DISTRIBUTED RANDOMLY;
CREATE TABLE back (id int, code text) DISTRIBUTED BY (id);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state) VALUES
    ('gd', 'd.good', 'd.good', 'gd.good', '{id}', 'r'), ('gd', 'd.moved', 'd.moved', 'gd.moved', '{id}', 'r'),
    ('gd', 'd.spread', 'd.spread', 'gd.spread', NULL, 'r'), ('gd', 'd.back', 'd.back', 'gd.back', '{id}', 'r');
SELECT write_event('d.' || t, 'c', '{"id":1,"code":"a"}') FROM unnest('{good,moved,spread,back}'::text[]) t;
SELECT * FROM cdc.apply('gd') ORDER BY 1;
ALTER TABLE moved SET DISTRIBUTED BY (code);
ALTER TABLE spread SET DISTRIBUTED REPLICATED;
ALTER TABLE back SET DISTRIBUTED BY (code);
ALTER TABLE back SET DISTRIBUTED BY (id);
SELECT write_event('d.' || t, 'u', '{"id":1,"code":"b"}') FROM unnest('{moved,good,back}'::text[]) t;
SELECT write_event('d.spread', 'd', '{"id":1,"code":"a"}');
SELECT * FROM cdc.apply('gd') ORDER BY 1;
SELECT * FROM states ORDER BY 1;
SELECT 'good' AS t, * FROM good UNION ALL SELECT 'moved', * FROM moved UNION ALL SELECT 'back', * FROM back ORDER BY 1;
SELECT DISTINCT * FROM spread;

-- the source's key moves to another column: the distribution goes with it where it has to, or says why not
CREATE FUNCTION changes_key(tab text, before text, after text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE s bigint;
BEGIN
    SELECT last_seq INTO s FROM cdc.subscription_position WHERE subscription = 'gd';
    INSERT INTO cdc_catalog.table_version (subscription, source_table, version, from_seq, columns) VALUES
        ('gd', tab, 1, 0, before::jsonb), ('gd', tab, 2, s + 1, after::jsonb);
    INSERT INTO cdc_catalog.table_change (subscription, number, kind, source_table, from_seq, statement, before_version, after_version, change)
        SELECT 'gd', coalesce(max(number), 0) + 1, 'a', tab, s + 1, 'alter table', 1, 2, '{"added": [], "known": true, "created": false, "renames": []}'
        FROM cdc_catalog.table_change WHERE subscription = 'gd';
    UPDATE cdc_catalog.subscription_position SET changes = changes + 1 WHERE subscription = 'gd';
END $$;
CREATE FUNCTION columns(id_pk text, code_pk text) RETURNS text LANGUAGE sql AS $$
    SELECT '[{"name":"id","column_type":"int(11)","nullable":false,"pk":' || $1 || '},
        {"name":"code","column_type":"varchar(20)","charset":"latin1","nullable":false,"pk":' || $2 || '}]' $$;
CREATE TABLE k_moves (id int PRIMARY KEY, code varchar(20) NOT NULL) DISTRIBUTED BY (id);
CREATE TABLE k_grows (id int PRIMARY KEY, code varchar(20) NOT NULL) DISTRIBUTED BY (id);
CREATE TABLE k_comes (id int NOT NULL, code varchar(20) NOT NULL) DISTRIBUTED RANDOMLY;
CREATE TABLE k_everywhere (id int PRIMARY KEY, code varchar(20) NOT NULL) DISTRIBUTED REPLICATED;
CREATE TABLE k_held (id int PRIMARY KEY, code varchar(20) NOT NULL) DISTRIBUTED BY (id);
CREATE UNIQUE INDEX "held'x" ON k_held (id);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state)
    SELECT 'gd', 'd.' || t, 'd.' || t, 'gd.' || t, NULL, 'r' FROM unnest('{k_moves,k_grows,k_comes,k_everywhere,k_held}'::text[]) t;
SELECT write_event('d.' || t, 'c', '{"id":' || i || ',"code":"' || chr(96 + i) || '"}') FROM unnest('{k_moves,k_grows,k_comes,k_everywhere,k_held}'::text[]) t, generate_series(1, 3) i;
SELECT changes_key('d.k_moves', columns('0', 'null'), columns('null', '0'));
SELECT changes_key('d.k_grows', columns('0', 'null'), columns('0', '1'));
SELECT changes_key('d.k_comes', columns('null', 'null'), columns('0', 'null'));
SELECT changes_key('d.k_everywhere', columns('0', 'null'), columns('null', '0'));
SELECT changes_key('d.k_held', columns('0', 'null'), columns('null', '0'));
SELECT write_event('d.k_moves', 'u', '{"id":7,"code":"a"}'), write_event('d.k_moves', 'c', '{"id":3,"code":"z"}'), write_event('d.k_moves', 'd', '{"id":2,"code":"b"}');
SELECT write_event('d.k_comes', 'u', '{"id":1,"code":"x"}'), write_event('d.k_everywhere', 'u', '{"id":7,"code":"a"}'), write_event('d.k_held', 'd', '{"id":1,"code":"a"}');
SELECT * FROM cdc.apply('gd') ORDER BY 1;
SELECT source_table, outcome FROM cdc_catalog.table_change WHERE subscription = 'gd' ORDER BY number;
SELECT * FROM states WHERE source_table LIKE 'd.k%' ORDER BY 1;
SELECT t, pg_get_table_distributedby(t::regclass) AS distributed, pg_get_constraintdef(c.oid) AS key
    FROM unnest('{k_moves,k_grows,k_comes,k_everywhere,k_held}'::text[]) t JOIN pg_constraint c ON conrelid = t::regclass AND contype = 'p' ORDER BY 1;
SELECT 'moves' AS t, * FROM k_moves UNION ALL SELECT 'comes', * FROM k_comes UNION ALL SELECT 'everywhere', * FROM k_everywhere
    UNION ALL SELECT 'held', * FROM k_held ORDER BY 1, 3;

-- many events before and behind it: the stage on the segments is distributed as the target is by then
CREATE TABLE many (id int PRIMARY KEY, code varchar(20) NOT NULL) DISTRIBUTED BY (id);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, key, state)
    VALUES ('gd', 'd.many', 'd.many', 'gd.many', NULL, 'r');
CREATE FUNCTION write_many(what "char", n int, to_id int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO gd.h (seq, source_ts, source_table, op, position, event, commit)
        SELECT l.last_seq + i, now(), 'd.many', $1, 'bin.000001:' || i, ('{"data":{"id":' || i + $3 || ',"code":"c' || i || '"}}')::jsonb, i = $2
        FROM generate_series(1, $2) i, (SELECT last_seq FROM cdc.subscription_position WHERE subscription = 'gd') l;
    UPDATE cdc.subscription_position SET last_seq = last_seq + $2 WHERE subscription = 'gd' $$;
CREATE VIEW stage AS
    SELECT pg_get_table_distributedby(oid) AS stage FROM pg_class
    WHERE relname = 'cdc_stage_' || 'gd.many'::regclass::oid AND pg_table_is_visible(oid);
SELECT write_many('c', 9000, 0);
SELECT target, events FROM cdc.apply('gd');
SELECT * FROM stage;
SELECT changes_key('d.many', columns('0', 'null'), columns('null', '0'));
SELECT write_many('c', 9000, 50000);
SELECT target, events FROM cdc.apply('gd');
SELECT * FROM stage;
SELECT count(*), count(DISTINCT code), min(id), max(id), pg_get_table_distributedby('gd.many'::regclass) AS distributed FROM many;

DELETE FROM cdc_catalog.table_change WHERE subscription = 'gd';
DELETE FROM cdc_catalog.table_version WHERE subscription IN ('gd', 'gdk');
DELETE FROM cdc.subscription_table WHERE subscription IN ('gd', 'gdk');
DELETE FROM cdc.subscription_position WHERE subscription IN ('gd', 'gdk');
DELETE FROM cdc.subscription_progress WHERE subscription IN ('gd', 'gdk');
DELETE FROM cdc.table_counter WHERE subscription IN ('gd', 'gdk');
DELETE FROM cdc.log WHERE subscription IN ('gd', 'gdk');
DELETE FROM cdc.subscription WHERE name IN ('gd', 'gdk');
DROP SERVER gd_bus;
DROP SCHEMA gd CASCADE;
