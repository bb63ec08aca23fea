-- A history is what create_subscription made, or an error says what to type: the
-- owner may do what he likes to the table, and the server goes on.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA ht;
SET search_path = ht, public;
CREATE SERVER ht_server FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1', connect_timeout '1s');
CREATE SERVER ht_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1');

CREATE FUNCTION make(partitioned boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'CREATE TABLE ht.h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL, source_ts timestamptz,'
        ' source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,'
        ' commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq, ingested_at))'
        || CASE WHEN partitioned THEN ' PARTITION BY RANGE (ingested_at)' ELSE '' END;
    IF partitioned THEN
        CREATE TABLE ht.p PARTITION OF ht.h FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
    END IF;
    INSERT INTO ht.h SELECT i, now(), now(), 'd.t', 'c', 'binlog.000001:' || i * 100, '0-1-' || i,
        jsonb_build_object('database', 'd', 'table', 't', 'type', 'insert', 'data', jsonb_build_object('id', i)), NULL, true, NULL
        FROM generate_series(1, 3) i;
    UPDATE cdc_catalog.subscription_progress SET applied_seq = 0 WHERE subscription = 'ht';
    PERFORM cdc_catalog.take_over('ht');
END $$;
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('ht', current_user, 'ht_server', '{*.*}', '{}', 'maxwell', 'ht.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq, file, file_offset, gtid_set) VALUES ('ht', 3, 'binlog.000001', 300, '0-1-3');
INSERT INTO cdc.subscription_progress (subscription) VALUES ('ht');
CREATE TABLE t (id int PRIMARY KEY);
CREATE TABLE r (id int PRIMARY KEY);
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state) VALUES ('ht', 'd.t', 'd.t', 'ht.t', 'r');

CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(h, ''));
END $$;
-- What apply, replay, publish and wait_for say, which has to be the same, after some
-- statements; all is undone.
CREATE FUNCTION after(change text, partitioned boolean DEFAULT false) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM ht.make(partitioned);
        EXECUTE change;
        RETURN QUERY SELECT DISTINCT ht.fails(cmd) FROM (VALUES
            ('SELECT * FROM cdc.apply(''ht'')'),
            ('SELECT cdc.replay(''ht'', ''d.t'', ''ht.r'')'),
            ('SELECT cdc.wait_for(''ht'', ''0-1-2'', ''0'')')) c (cmd);
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
END $$;

-- As it was made, and what an owner may well do.
SELECT after('');
SELECT after('', true);
SELECT after('ALTER TABLE h DROP COLUMN key');
SELECT after('ALTER TABLE h ADD COLUMN note text DEFAULT ''x'', ADD COLUMN id int GENERATED ALWAYS AS ((event->''data''->>''id'')::int) STORED');
SELECT after('ALTER TABLE h RENAME TO other; CREATE TABLE h (id int)');
SELECT after('CREATE SCHEMA ht_new; ALTER TABLE h SET SCHEMA ht_new');
SELECT after('ALTER SCHEMA ht RENAME TO ht_new; CREATE SCHEMA ht; CREATE TABLE ht.h (seq text); CREATE FUNCTION ht.fails(text) RETURNS text LANGUAGE sql AS ''SELECT ht_new.fails($1)''; CREATE TABLE ht.r (id int PRIMARY KEY)');

-- Each column of each of many types.
CREATE TABLE kinds (type text, value text);
INSERT INTO kinds VALUES ('bigint', '4096'), ('integer', '1'), ('boolean', 'true'), ('text', '''x'''), ('text[]', '''{x}'''),
    ('bytea', '''x'''), ('uuid', '''00000000-0000-0000-0000-000000000001'''), ('jsonb', '''{}'''), ('json', '''{}'''), ('numeric', '1'),
    ('timestamp', 'now()'), ('timestamptz', 'now()'), ('timestamptz(3)', 'now()'), ('date', 'now()'), ('name', '''x'''), ('"char"', '''c'''),
    ('varchar', '''x'''), ('varchar(5)', '''x'''), ('point', '''(1,1)'''), ('interval', '''1 s'''), ('int4range', '''empty'''), ('xid', '''1'''),
    ('record_of_two', '''(1,x)''');
CREATE TYPE record_of_two AS (a int, b text);
SELECT c.name, count(*) AS types, count(*) FILTER (WHERE x.m = 'no error') AS taken,
       bool_and(x.m = 'no error' OR x.m LIKE '42804 | column "' || c.name || '" of history ht.h of subscription "ht" has type % | ALTER TABLE ht.h ALTER COLUMN %'
                OR x.m LIKE '42804 | column "' || c.name || '" of history ht.h of subscription "ht" has type % | restore the table%') AS said
  FROM (VALUES ('source_ts', 'timestamptz'), ('source_table', 'text'), ('op', '"char"'), ('position', 'text'), ('gtid', 'text'), ('event', 'jsonb'),
               ('raw', 'bytea'), ('commit', 'boolean'), ('key', 'jsonb')) c (name, type),
       kinds k,
       LATERAL after(format('DELETE FROM h; ALTER TABLE h ALTER %I TYPE %s USING %s', c.name, k.type, k.value)) x (m)
 WHERE k.type <> c.type
 GROUP BY c.name ORDER BY c.name;
SELECT after('ALTER TABLE h ALTER event TYPE bigint USING 4096');
SELECT after('ALTER TABLE h ALTER position TYPE uuid USING ''00000000-0000-0000-0000-000000000001''');
SELECT after('ALTER TABLE h ALTER event TYPE bigint USING 4096', true);
SELECT after('ALTER TABLE h DROP CONSTRAINT h_pkey, ALTER seq TYPE text');
SELECT after('ALTER TABLE h DROP CONSTRAINT h_pkey, ALTER seq TYPE int');
SELECT after('ALTER TABLE h ALTER ingested_at TYPE date');

-- Columns that are gone, or are something else.
SELECT c, after(format('ALTER TABLE h DROP COLUMN %I', c)) FROM unnest('{seq,ingested_at,source_ts,source_table,op,position,gtid,event,raw,commit,key}'::text[]) c;
SELECT c, after(format('ALTER TABLE h RENAME COLUMN %I TO z', c)) FROM unnest('{seq,event}'::text[]) c;
SELECT after('ALTER TABLE h RENAME event TO a; ALTER TABLE h RENAME raw TO event');
SELECT after('ALTER TABLE h DROP gtid, ADD gtid text COLLATE "C"');
SELECT after('ALTER TABLE h DROP gtid, ADD gtid text GENERATED ALWAYS AS (position) STORED');
SELECT after('ALTER TABLE h DROP CONSTRAINT h_pkey, ALTER seq ADD GENERATED ALWAYS AS IDENTITY');

-- Partitions: columns at other places, a plain table attached, detached, foreign, unlogged.
SELECT after($$ALTER TABLE h DETACH PARTITION p; CREATE TABLE q (key jsonb, dropped int, commit boolean NOT NULL, raw bytea, event jsonb, gtid text,
    position text, op "char" NOT NULL, source_table text, source_ts timestamptz, ingested_at timestamptz NOT NULL, seq bigint NOT NULL);
    ALTER TABLE q DROP COLUMN dropped; INSERT INTO q (seq, ingested_at, source_table, op, position, event, commit, gtid)
    SELECT seq, ingested_at, source_table, op, position, event, commit, gtid FROM p;
    ALTER TABLE h ATTACH PARTITION q FOR VALUES FROM (MINVALUE) TO (MAXVALUE)$$, true);
SELECT after('ALTER TABLE h DETACH PARTITION p', true);
SELECT after($$ALTER TABLE h DROP CONSTRAINT h_pkey; ALTER TABLE h DETACH PARTITION p; CREATE FOREIGN TABLE f (seq bigint NOT NULL, ingested_at timestamptz NOT NULL,
    source_ts timestamptz, source_table text, op "char" NOT NULL, position text, gtid text, event jsonb, raw bytea,
    commit boolean NOT NULL, key jsonb) SERVER ht_bus OPTIONS (topic 't'); ALTER TABLE h ATTACH PARTITION f FOR VALUES FROM ('1990-01-01') TO ('1991-01-01');
    DROP FOREIGN TABLE f$$, true);
SELECT after('ALTER TABLE p SET UNLOGGED', true);

-- The table is another kind of relation, or something stands between it and its rows.
SELECT after('ALTER TABLE h SET UNLOGGED');
SELECT after('CREATE TABLE heir () INHERITS (h)');
SELECT after('CREATE RULE away AS ON INSERT TO h DO INSTEAD NOTHING');
SELECT after('ALTER TABLE h ENABLE ROW LEVEL SECURITY');
CREATE ROLE ht_owner;
CREATE ROLE ht_other;
GRANT USAGE ON SCHEMA ht TO ht_owner;
GRANT ALL ON ht.t, ht.r TO ht_owner;
CREATE FUNCTION as_owner() RETURNS text LANGUAGE sql AS $$
    ALTER TABLE ht.h OWNER TO ht_owner;
    UPDATE cdc_catalog.subscription_identity SET owner = (SELECT oid FROM pg_roles WHERE rolname = 'ht_owner') WHERE subscription = 'ht';
    SELECT 'x'::text $$;
SELECT after('SELECT as_owner()');
SELECT after('SELECT as_owner(); ALTER TABLE h ENABLE ROW LEVEL SECURITY');
SELECT after('SELECT as_owner(); ALTER TABLE h OWNER TO ht_other');
SELECT after('SELECT as_owner(); ALTER TABLE h ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; SET LOCAL ROLE ht_owner');

-- Another relation of that name is not taken for it.
SET client_min_messages = error;
SELECT make();
SET session_replication_role = replica;     -- as a session without event triggers
DROP TABLE h;
RESET session_replication_role;
CREATE VIEW h AS SELECT 1::bigint AS seq;
SELECT fails($$SELECT * FROM cdc.apply('ht')$$);
SELECT fails($$SELECT cdc.enable_subscription('ht')$$);
SELECT fails($$SELECT * FROM cdc.apply('ht')$$);
SELECT cdc.disable_subscription('ht');
DROP VIEW h CASCADE;
SELECT count(*) FROM cdc.subscription WHERE name = 'ht';

-- The extension's own tables, which superusers may alter.
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('ht', current_user, 'ht_server', '{*.*}', '{}', 'maxwell', 'ht.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('ht', 3);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('ht');
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state) VALUES ('ht', 'd.t', 'd.t', 'ht.t', 'r');
SELECT make();
-- behind what pull brought
UPDATE cdc_catalog.subscription_progress SET applied_seq = 4 WHERE subscription = 'ht';
SELECT fails($$SELECT * FROM cdc.apply('ht')$$);
UPDATE cdc_catalog.subscription_progress SET applied_seq = 3 WHERE subscription = 'ht';
SELECT fails($$SELECT * FROM cdc.apply('ht')$$);
-- columns of other types
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE cdc_catalog.subscription_table ALTER left_out DROP DEFAULT, ALTER left_out TYPE text;
UPDATE cdc_catalog.subscription_progress SET applied_seq = 0 WHERE subscription = 'ht';
ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100);
SELECT fails($$SELECT * FROM cdc.apply('ht')$$);
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE cdc_catalog.subscription_identity ALTER target_schema TYPE jsonb USING '{}';
SELECT fails($$SELECT * FROM cdc.apply('ht')$$);
ROLLBACK;
SELECT cdc.drop_subscription('ht', true);
DROP SCHEMA ht CASCADE;
DROP SERVER ht_server;
DROP SERVER ht_bus;
DROP ROLE ht_owner;
DROP ROLE ht_other;
