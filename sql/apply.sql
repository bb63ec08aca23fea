-- apply and replay on history filled by hand.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA ap;
SET search_path = ap, public;
SET timezone = 'America/New_York';          -- must not matter

CREATE TABLE h (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(), source_ts timestamptz,
    source_table text, op "char", position text, gtid text, event jsonb, raw bytea,
    commit boolean, PRIMARY KEY (seq, ingested_at)) PARTITION BY RANGE (ingested_at);
CREATE TABLE h_old PARTITION OF h FOR VALUES FROM (MINVALUE) TO ('2020-01-01');
CREATE TABLE h_new PARTITION OF h FOR VALUES FROM ('2020-01-01') TO (MAXVALUE);
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
    VALUES ('ap', current_user, 'none', '{*.*}', '{}', 'maxwell', 'ap.h', false, false, '{}');
INSERT INTO cdc.subscription_position (subscription, last_seq) VALUES ('ap', 1000000);
INSERT INTO cdc.subscription_progress (subscription) VALUES ('ap');
SELECT cdc_catalog.take_over('ap');
CREATE SEQUENCE seq;
-- one event; the source's commit unless told otherwise
CREATE FUNCTION ev(tab text, op "char", data text, old text DEFAULT NULL, commit boolean DEFAULT true)
RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO h (seq, ingested_at, source_ts, source_table, op, position, gtid, event, commit)
    SELECT s, CASE WHEN s % 2 = 0 THEN timestamptz '2019-12-31' ELSE now() END,
        timestamptz '2024-01-01 00:00:00+00' + s * interval '1 s', 'd.' || tab, op,
        'binlog.000042:' || s * 100, 'g-' || s,
        ('{"database":"d","table":' || to_json(tab) || ',"data":' || data ||
         coalesce(',"old":' || old, '') || '}')::jsonb, commit
    FROM nextval('seq') s RETURNING seq $$;
CREATE FUNCTION wants(tab text, target text, key text[] DEFAULT NULL, columns jsonb DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, key, columns, state)
    VALUES ('ap', 'd.' || tab, 'd.' || tab, target, key, columns, 'r');
    -- as cdc.add_table() does, tell who has the catalog cached
    ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100) $$;
-- the error without what differs from run to run
CREATE FUNCTION fails(cmd text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text; c text;
BEGIN
    EXECUTE cmd;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''), split_part(c, E'\n', 1));
END $$;

-- boundaries: what the source has not committed does not show
CREATE TABLE a (id int PRIMARY KEY, v text);
SELECT wants('a', 'ap.a');
SELECT ev('a', 'c', '{"id":1,"v":"one"}'), ev('a', 'c', '{"id":2,"v":"two"}', NULL, false);
SELECT * FROM cdc.apply('ap');
SELECT * FROM a ORDER BY id;
SELECT applied_seq, position, gtid, source_ts AT TIME ZONE 'UTC' FROM cdc.subscription_progress WHERE subscription = 'ap';
SELECT * FROM cdc.apply('ap');
SELECT ev('a', 'u', '{"id":1,"v":"uno"}', '{"v":"one"}');
-- a copy whose end the stream has passed at seq 4
INSERT INTO cdc_catalog.copy_progress (subscription, name, source_table, begin_seq, sync_seq) VALUES ('ap', 'd.a', 'd.a', 1, 4);
UPDATE cdc.subscription_table SET state = 's' WHERE subscription = 'ap' AND source_table = 'd.a';
ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100);    -- as pull announces it
SELECT * FROM cdc.apply('ap');
SELECT phase FROM cdc.stat_progress_copy WHERE subscription = 'ap';
SELECT ev('a', 'c', '{"id":3,"v":"three"}'), ev('a', 'd', '{"id":2,"v":"two"}');
SELECT * FROM cdc.apply('ap', 1);
SELECT * FROM a ORDER BY id;
SELECT state FROM cdc.subscription_table WHERE subscription = 'ap' AND source_table = 'd.a';
SELECT * FROM cdc.apply('ap', 1);
SELECT * FROM a ORDER BY id;
SELECT events, inserts, updates, deletes, last_seq FROM cdc.table_counter WHERE subscription = 'ap';
SELECT fails($$SELECT * FROM cdc.apply('ap', 0)$$);
SELECT fails($$SELECT * FROM cdc.apply('no such')$$);

-- what is about to come is of no copy that is known
DELETE FROM cdc_catalog.copy_progress WHERE subscription = 'ap';
-- I4: insert of what is there, update and delete of what is not
SELECT ev('a', 'c', '{"id":1,"v":"again"}'), ev('a', 'u', '{"id":9,"v":"nine"}', '{"v":"?"}'), ev('a', 'd', '{"id":77,"v":""}'),
    ev('a', 'r', '{"id":10,"v":"snapshot"}'), ev('a', 'r', '{"id":3,"v":"snapshot"}');
SELECT * FROM cdc.apply('ap');
SELECT * FROM a ORDER BY id;

-- keys: swap, chain, away and back, onto a key deleted before
SELECT ev('a', 'u', '{"id":-1,"v":"again"}', '{"id":1}'), ev('a', 'u', '{"id":1,"v":"snapshot"}', '{"id":3}'),
    ev('a', 'u', '{"id":3,"v":"again"}', '{"id":-1}'), ev('a', 'u', '{"id":11,"v":"nine"}', '{"id":9}'),
    ev('a', 'u', '{"id":12,"v":"nine"}', '{"id":11}'), ev('a', 'd', '{"id":10,"v":"snapshot"}'),
    ev('a', 'u', '{"id":10,"v":"moved"}', '{"id":12,"v":"nine"}'), ev('a', 'd', '{"id":3,"v":"again"}'),
    ev('a', 'c', '{"id":3,"v":"back"}'), ev('a', 'c', '{"id":50,"v":"brief"}'), ev('a', 'd', '{"id":50,"v":"brief"}');
SELECT * FROM cdc.apply('ap');
SELECT * FROM a ORDER BY id;

-- partial images, and columns of the target's own
CREATE TABLE p (id int, part text, x int, y text DEFAULT 'dy', own timestamptz DEFAULT '2000-01-01', PRIMARY KEY (part, id));
SELECT wants('p', 'ap.p');
SELECT ev('p', 'c', '{"id":1,"part":"a","x":1,"y":"y1"}'), ev('p', 'c', '{"id":2,"part":"a","x":2}');
SELECT * FROM cdc.apply('ap');
UPDATE p SET own = '2001-01-01' WHERE id = 1;
SELECT ev('p', 'u', '{"id":1,"part":"a","x":10}', '{"x":1}'), ev('p', 'u', '{"id":1,"part":"a","y":null}', '{"y":"y1"}'),
    ev('p', 'u', '{"id":1,"part":"b"}', '{"part":"a"}'), ev('p', 'u', '{"id":3,"part":"b"}', '{"id":1}'),
    ev('p', 'd', '{"id":2,"part":"a"}'), ev('p', 'c', '{"id":2,"part":"a"}'), ev('p', 'u', '{"id":2,"part":"a","x":22}', '{"x":null}');
SELECT * FROM cdc.apply('ap');
SELECT id, part, x, y, own AT TIME ZONE 'America/New_York' AS own FROM p ORDER BY id;
SELECT ev('p', 'd', '{"id":3,"part":"b"}'), ev('p', 'c', '{"id":3,"part":"b","x":0}');
SELECT * FROM cdc.apply('ap');
SELECT id, part, x, y, own AT TIME ZONE 'America/New_York' AS own FROM p ORDER BY id;

-- another unique constraint: in source order
CREATE TABLE u (id int PRIMARY KEY, mail text UNIQUE, n int);
CREATE UNIQUE INDEX u_part ON u (lower(mail)) WHERE n > 0;
SELECT wants('u', 'ap.u');
SELECT ev('u', 'c', '{"id":1,"mail":"a","n":1}'), ev('u', 'c', '{"id":2,"mail":"b","n":1}'),
    ev('u', 'u', '{"id":1,"mail":"t","n":1}', '{"mail":"a"}'), ev('u', 'u', '{"id":2,"mail":"a","n":1}', '{"mail":"b"}'),
    ev('u', 'u', '{"id":1,"mail":"b","n":1}', '{"mail":"t"}'), ev('u', 'd', '{"id":2,"mail":"a","n":1}'),
    ev('u', 'c', '{"id":3,"mail":"a","n":2}');
SELECT * FROM cdc.apply('ap');
SELECT * FROM u ORDER BY id;
SELECT cdc.replay('ap', 'd.u', 'ap.u', 1, (SELECT min(seq) + 3 FROM h WHERE source_table = 'd.u'));
SELECT cdc.replay('ap', 'd.u', 'ap.u');
SELECT * FROM u ORDER BY id;

-- no key: equal rows one by one
CREATE TABLE k (x int, t text, f real, j jsonb);
SELECT wants('k', 'ap.k');
SELECT ev('k', 'c', '{"x":1,"t":"a","f":0.1,"j":[1]}') FROM generate_series(1, 3);
SELECT ev('k', 'c', '{"x":null,"t":null,"f":null,"j":null}') FROM generate_series(1, 2);
SET client_min_messages = notice;
SELECT * FROM cdc.apply('ap');
SET client_min_messages = warning;
SELECT kind, message FROM cdc.log WHERE subscription = 'ap' AND kind <> 'subscription';
SELECT ev('k', 'd', '{"x":1,"t":"a","f":0.1,"j":[1]}'), ev('k', 'u', '{"x":2,"t":"a","f":0.1,"j":[1]}', '{"x":1}'),
    ev('k', 'd', '{"x":null,"t":null,"f":null,"j":null}'), ev('k', 'd', '{"x":99,"t":"a","f":0,"j":{}}'),
    ev('k', 'c', '{"x":99,"t":"a","f":0,"j":{}}');
SELECT * FROM cdc.apply('ap');
SELECT * FROM k ORDER BY x NULLS LAST;

-- truncate is a barrier; a referenced table as well
CREATE TABLE child (id int PRIMARY KEY, a int REFERENCES a);
SELECT wants('child', 'ap.child');
SELECT ev('child', 'c', '{"id":1,"a":4711}'), ev('a', 'c', '{"id":20,"v":"before"}'), ev('a', 't', 'null'), ev('a', 'c', '{"id":21,"v":"after"}'),
    ev('k', 't', 'null'), ev('k', 'c', '{"x":5,"t":"a","f":1,"j":"s"}');
SELECT * FROM cdc.apply('ap');
SELECT (SELECT json_agg(a) FROM a) AS a, (SELECT json_agg(k) FROM k) AS k, (SELECT json_agg(child) FROM child) AS child;

-- names
CREATE TABLE "Ünï ""quoted"" t" ("Key Col" int PRIMARY KEY, "select" text, "ö'x" text);
SELECT wants('we"ird.tab le', 'ap."Ünï ""quoted"" t"');
SELECT ev('we"ird.tab le', 'c', '{"Key Col":1,"select":"s","ö''x":"ü"}'), ev('we"ird.tab le', 'c', '{"Key Col":2,"select":"s","ö''x":"ü"}');
SELECT * FROM cdc.apply('ap');
SELECT * FROM "Ünï ""quoted"" t" ORDER BY 1;
SELECT ev('we"ird.tab le', 'u', '{"Key Col":1,"select":"s","ö''x":"ü","new \"c":"1"}', '{}');
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
ALTER TABLE "Ünï ""quoted"" t" ADD COLUMN "new ""c" text;
SELECT * FROM cdc.apply('ap');
SELECT * FROM "Ünï ""quoted"" t" ORDER BY 1;

-- generated columns, constraints, identity, defaults, triggers as in logical replication
CREATE TABLE g (id int PRIMARY KEY, n int CHECK (n < 100), twice int GENERATED ALWAYS AS (n * 2) STORED,
    no int GENERATED ALWAYS AS IDENTITY, d int NOT NULL DEFAULT 7);
CREATE TABLE g_log (op text, id int);
CREATE FUNCTION g_log() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO ap.g_log VALUES (TG_OP || ' ' || TG_NAME, coalesce(NEW.id, OLD.id)); RETURN NULL; END $$;
CREATE TRIGGER t_origin AFTER INSERT OR UPDATE OR DELETE ON g FOR EACH ROW EXECUTE FUNCTION g_log();
SELECT wants('g', 'ap.g');
SELECT ev('g', 'c', '{"id":1,"n":1,"twice":999}'), ev('g', 'c', '{"id":2,"n":2,"twice":999}');
SELECT * FROM cdc.apply('ap');
CREATE TRIGGER t_always AFTER INSERT OR UPDATE OR DELETE ON g FOR EACH ROW EXECUTE FUNCTION g_log();
ALTER TABLE g ENABLE ALWAYS TRIGGER t_always;
SELECT ev('g', 'u', '{"id":1,"n":10,"twice":999}', '{"n":1}'), ev('g', 'd', '{"id":2,"n":2,"twice":999}'), ev('g', 'c', '{"id":3,"n":3,"twice":999}');
SELECT * FROM cdc.apply('ap');
SELECT * FROM g ORDER BY id;
SELECT * FROM g_log ORDER BY op, id;
SELECT ev('g', 'c', '{"id":4,"n":100}');
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
UPDATE h SET event = '{"data":{"id":4,"n":4,"d":null}}' WHERE seq = currval('seq');
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
UPDATE h SET event = '{"data":{"n":4}}' WHERE seq = currval('seq');
BEGIN;
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
SELECT state FROM cdc.subscription_table WHERE subscription = 'ap' AND source_table = 'd.g';
ROLLBACK;
UPDATE h SET event = '{"nodata":{"n":4}}' WHERE seq = currval('seq');
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
DELETE FROM h WHERE seq = currval('seq');

-- replay: another table, another mapping, a range
CREATE TABLE r (key bigint PRIMARY KEY, label varchar(3));
SELECT cdc.replay('ap', 'd.a', 'ap.r', 1, 2, columns => '{"key":"id","label":"v"}');
SELECT * FROM r ORDER BY 1;
SELECT fails($$SELECT cdc.replay('ap', 'd.a', 'ap.r', columns => '{"key":"id","label":"v"}')$$);
SELECT fails($$SELECT cdc.replay('ap', 'd.a', 'ap.r', columns => '{"key":"id","labl":"v"}')$$);
SELECT fails($$SELECT cdc.replay('ap', 'd.a', 'ap.r', mode => 'scd3')$$);
SELECT fails($$SELECT cdc.replay('ap', 'd.a', 'ap.nothere')$$);

-- wait_for without anybody who would pull or apply
UPDATE cdc.subscription_position SET file = 'binlog.000042', file_offset = 100000, gtid_set = '0-1-50',
    last_seq = (SELECT max(seq) FROM h) WHERE subscription = 'ap';
SELECT cdc.wait_for('ap', 'binlog.000042:5000', '0') AS applied,
    cdc.wait_for('ap', 'binlog.000041:99999999', '0') AS earlier_file,
    cdc.wait_for('ap', 'binlog.000043:4', '0') AS later_file,
    cdc.wait_for('ap', '0-1-50', '0') AS gtid, cdc.wait_for('ap', '0-1-51', '0') AS later_gtid;
SELECT ev('a', 'c', '{"id":1000,"v":"pending"}') > 0 AS pending;
UPDATE h SET gtid = '0-1-51' WHERE seq = currval('seq');
UPDATE cdc.subscription_position SET gtid_set = '0-1-51', last_seq = currval('seq') WHERE subscription = 'ap';
SELECT cdc.wait_for('ap', '0-1-50', '0') AS before, cdc.wait_for('ap', '0-1-51', '0') AS pending;
SELECT * FROM cdc.apply('ap');
SELECT cdc.wait_for('ap', '0-1-51', '0') AS applied;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cdc.wait_for('ap', '0-1-51');
ROLLBACK;
SET statement_timeout = '200ms';
SELECT cdc.wait_for('ap', '0-1-99', '1 min');
RESET statement_timeout;

-- who may
CREATE ROLE ap_other;
GRANT USAGE ON SCHEMA ap TO ap_other;
SET ROLE ap_other;
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
SELECT fails($$SELECT cdc.replay('ap', 'd.a', 'ap.a')$$);
RESET ROLE;
ALTER TABLE h OWNER TO ap_other;
UPDATE cdc_catalog.subscription_identity SET owner = 'ap_other'::regrole WHERE subscription = 'ap';
GRANT SELECT ON h TO ap_other;
SELECT ev('a', 'c', '{"id":1001,"v":"x"}') > 0 AS event;
UPDATE cdc.subscription_position SET last_seq = currval('seq') WHERE subscription = 'ap';
SELECT fails($$SELECT * FROM cdc.apply('ap')$$);
GRANT SELECT, INSERT, UPDATE, DELETE ON a TO ap_other;
SELECT * FROM cdc.apply('ap');

DELETE FROM cdc.subscription WHERE name = 'ap';
DELETE FROM cdc.subscription_position WHERE subscription = 'ap';
DELETE FROM cdc.subscription_progress WHERE subscription = 'ap';
DELETE FROM cdc.subscription_table WHERE subscription = 'ap';
DELETE FROM cdc.table_counter WHERE subscription = 'ap';
DELETE FROM cdc.log WHERE subscription = 'ap';
DROP SCHEMA ap CASCADE;
DROP ROLE ap_other;
