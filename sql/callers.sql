-- Nobody gains a right by what is called for him: triggers, operators, domains and
-- defaults run with the rights of whose they are, whoever calls.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE ROLE regress_cdc_mallory;            -- owns a subscription
CREATE ROLE regress_cdc_victim;             -- owns tables that mallory may write to
CREATE SCHEMA mal AUTHORIZATION regress_cdc_mallory;
CREATE SCHEMA vic AUTHORIZATION regress_cdc_victim;
CREATE SCHEMA boss;
GRANT USAGE ON SCHEMA vic TO regress_cdc_mallory;
GRANT USAGE ON SCHEMA mal TO regress_cdc_victim;

CREATE FUNCTION boss.subscribe(name text, owner name, schema text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I.h (seq bigint NOT NULL, ingested_at timestamptz NOT NULL DEFAULT now(),
        source_ts timestamptz, source_table text, op "char" NOT NULL, position text, gtid text, event jsonb,
        raw bytea, commit boolean NOT NULL, key jsonb, PRIMARY KEY (seq, ingested_at))', schema);
    EXECUTE format('ALTER TABLE %I.h OWNER TO %I', schema, owner);
    INSERT INTO cdc_catalog.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
        VALUES (name, owner, 'none', '{*.*}', '{}', 'maxwell', quote_ident(schema) || '.h', false, false, '{}');
    INSERT INTO cdc_catalog.subscription_position (subscription, last_seq) VALUES (name, 1000000);
    INSERT INTO cdc_catalog.subscription_progress (subscription) VALUES (name);
    PERFORM cdc_catalog.take_over(name);
END $$;
SELECT boss.subscribe('mal', 'regress_cdc_mallory', 'mal'), boss.subscribe('boss', current_user, 'boss');
CREATE SEQUENCE boss.seq;
-- an event of a table, and its target; everything before it is applied
CREATE FUNCTION boss.ev(sub text, tab text, target text, op "char", data text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM cdc_catalog.subscription_table t WHERE t.subscription = sub AND t.source_table = 'd.' || tab) THEN
        INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, target, state) VALUES (sub, 'd.' || tab, 'd.' || tab, target, 'r');
        ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100);
    END IF;
    EXECUTE format('INSERT INTO %I.h (seq, source_table, op, position, event, commit) VALUES ($1, $2, $3, $4, $5, true)', sub)
        USING nextval('boss.seq'), 'd.' || tab, op, 'b.000001:' || currval('boss.seq'),
              ('{"database":"d","table":"' || tab || '","data":' || data || '}')::jsonb;
END $$;
-- forgets what could not be applied
CREATE FUNCTION boss.forget() RETURNS void LANGUAGE sql AS
    'TRUNCATE mal.h, boss.h';
CREATE FUNCTION boss.roles() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles
     WHERE rolname LIKE 'regress_cdc_%' AND (rolsuper OR rolcreaterole) $$;
RESET client_min_messages;

-- What mallory's trigger does is in the row itself: SQL.
SET ROLE regress_cdc_mallory;
CREATE TABLE mal.saw (n serial, what text, session_user_ name, user_ name, path text, role text);
CREATE FUNCTION mal.attack() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE result text := 'done';
BEGIN
    BEGIN
        EXECUTE NEW.sql;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    INSERT INTO mal.saw (what, user_, path, role)
        VALUES (result, current_user, current_setting('search_path'), current_setting('session_replication_role'));
    RETURN NULL;
END $$;
CREATE TABLE mal.t (id int PRIMARY KEY, sql text);
CREATE CONSTRAINT TRIGGER attack AFTER INSERT ON mal.t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION mal.attack();
ALTER TABLE mal.t ENABLE ALWAYS TRIGGER attack;
RESET ROLE;

-- A deferred trigger does not wait for the caller's COMMIT; nothing is left behind.
SELECT boss.ev('mal', 't', 'mal.t', 'c', json_build_object('id', id, 'sql', sql)::text)
  FROM (VALUES (1, 'ALTER ROLE regress_cdc_mallory SUPERUSER'),
               (2, 'RESET ROLE'), (3, 'SET ROLE NONE'), (4, 'RESET SESSION AUTHORIZATION'),
               (5, 'SET SESSION AUTHORIZATION DEFAULT'),
               (6, 'CREATE TEMPORARY TABLE pg_class (oid oid)'), (7, 'LISTEN mallory'),
               (8, 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'), (9, 'PREPARE p AS SELECT 1'),
               (10, 'SET search_path = mal, pg_catalog'), (11, 'SET statement_timeout = 1234'),
               (12, 'SET session_replication_role = replica'),
               (13, 'SET CONSTRAINTS ALL DEFERRED; INSERT INTO mal.t VALUES (100, ''ALTER ROLE regress_cdc_mallory CREATEROLE'')'),
               (14, 'CREATE TABLE mal.made ()'), (15, 'DISCARD ALL')) AS a (id, sql);
SET search_path = boss, mal, public;
BEGIN;
SELECT * FROM cdc.apply('mal');
SHOW search_path;
SHOW statement_timeout;
SHOW session_replication_role;
SELECT current_user = session_user AS myself;
COMMIT;
SELECT what, user_, path, role FROM mal.saw ORDER BY n;
SELECT count(*) FROM pg_listening_channels();
SELECT count(*) FROM pg_cursors WHERE is_holdable;
SELECT count(*) FROM pg_prepared_statements WHERE name = 'p';
SELECT boss.roles();
SELECT relowner::regrole FROM pg_class WHERE oid = 'mal.made'::regclass;
-- likewise with replay, whose target is found by the caller's search_path
TRUNCATE mal.t, mal.saw;
BEGIN;
SELECT cdc.replay('mal', 'd.t', 't', to_seq := 2);
COMMIT;
SELECT what, user_ FROM mal.saw ORDER BY n;
SELECT boss.roles();

-- The caller's own deferred triggers fire as himself, before.
CREATE TABLE boss.saw (user_ name, path text);
CREATE FUNCTION boss.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO boss.saw VALUES (current_user, current_setting('search_path'));
    RETURN NULL;
END $$;
CREATE TABLE boss.mine (id int);
CREATE CONSTRAINT TRIGGER note AFTER INSERT ON boss.mine DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION boss.note();
SELECT boss.ev('mal', 't', 'mal.t', 'c', '{"id":20,"sql":"SELECT 1"}');
BEGIN;
INSERT INTO boss.mine VALUES (1);
SELECT * FROM cdc.apply('mal');
SELECT user_ = session_user AS myself, path FROM boss.saw;
INSERT INTO boss.mine VALUES (2);
SELECT count(*) AS immediate FROM boss.saw;
COMMIT;

-- An abort ends it as well.
SELECT boss.ev('mal', 'x', 'mal.gone', 'c', '{"id":20}');
BEGIN;
SAVEPOINT s;
SELECT * FROM cdc.apply('mal');
ROLLBACK TO s;
SHOW search_path;
SELECT current_user = session_user AS myself;
CREATE TEMPORARY TABLE mine ();
COMMIT;
DELETE FROM cdc_catalog.subscription_table WHERE source_table = 'd.x';
ALTER TABLE cdc_catalog.subscription SET (fillfactor = 100);
SELECT boss.forget();

-- Operators and functions that search_path would find are not taken.
SET ROLE regress_cdc_mallory;
CREATE FUNCTION mal.evil(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    ALTER ROLE regress_cdc_mallory SUPERUSER;
    RETURN $1::text = $2::text;
END $$;
CREATE OPERATOR mal.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = mal.evil);
CREATE FUNCTION mal.unnest(varchar[]) RETURNS SETOF varchar LANGUAGE plpgsql AS $$
BEGIN
    ALTER ROLE regress_cdc_mallory CREATEROLE;
    RETURN QUERY SELECT pg_catalog.unnest($1);
END $$;
RESET ROLE;
CREATE TABLE boss.p (id varchar PRIMARY KEY, v varchar) PARTITION BY RANGE (id);
CREATE TABLE boss.p1 PARTITION OF boss.p DEFAULT;
CREATE TABLE boss.keyless (id varchar, v varchar) PARTITION BY RANGE (id);
CREATE TABLE boss.keyless1 PARTITION OF boss.keyless DEFAULT;
SET search_path = mal, pg_catalog, boss;
SELECT boss.ev('boss', tab, 'boss.' || tab, op, data)
  FROM (VALUES ('p'), ('keyless')) AS t (tab),
       (VALUES ('c'::"char", '{"id":"a","v":"1"}'), ('c', '{"id":"b","v":"2"}')) AS e (op, data);
SELECT target, inserted FROM cdc.apply('boss') ORDER BY target COLLATE pg_catalog."C";
SELECT boss.ev('boss', 'p', 'boss.p', 'u', '{"id":"a","v":"3"}'),
       boss.ev('boss', 'p', 'boss.p', 'd', '{"id":"b","v":"2"}'),
       boss.ev('boss', 'keyless', 'boss.keyless', 'd', '{"id":"b","v":"2"}');
SELECT target, updated, deleted FROM cdc.apply('boss') ORDER BY target COLLATE pg_catalog."C";
RESET search_path;
SELECT id, v FROM boss.p ORDER BY id;
SELECT id, v FROM boss.keyless ORDER BY id;
SELECT boss.roles();
-- one that fits a domain better than what there is
SET ROLE regress_cdc_mallory;
CREATE DOMAIN mal.code AS varchar;
CREATE FUNCTION mal.evil(mal.code, mal.code) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    ALTER ROLE regress_cdc_mallory SUPERUSER;
    RETURN $1::text = $2::text;
END $$;
CREATE OPERATOR mal.= (LEFTARG = mal.code, RIGHTARG = mal.code, FUNCTION = mal.evil);
RESET ROLE;
CREATE TABLE boss.q (id mal.code PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE boss.q1 PARTITION OF boss.q DEFAULT;
SET search_path = mal, pg_catalog, boss;
SELECT boss.ev('boss', 'q', 'boss.q', 'c', '{"id":"a","v":"1"}'),
       boss.ev('boss', 'q', 'boss.q', 'u', '{"id":"a","v":"2"}');
SELECT inserted FROM cdc.apply('boss');
RESET search_path;
SELECT boss.roles();

-- What belongs to a table runs as its owner, where the subscription's may become him:
-- trigger, default, domain.
SET ROLE regress_cdc_victim;
CREATE TABLE vic.saw (n serial, what text, user_ name, role text);
CREATE FUNCTION vic.saw(text) RETURNS boolean LANGUAGE sql AS
    $$ INSERT INTO vic.saw (what, user_, role) VALUES ($1, current_user, current_setting('session_replication_role')) RETURNING true $$;
CREATE DOMAIN vic.word AS text CHECK (vic.saw('domain'));
CREATE FUNCTION vic.trig() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM vic.saw(TG_NAME::text); RETURN NEW; END';
CREATE TABLE vic.t (id int PRIMARY KEY, w vic.word, b boolean DEFAULT vic.saw('default'));
CREATE TRIGGER always BEFORE INSERT ON vic.t FOR EACH ROW EXECUTE FUNCTION vic.trig();
CREATE TRIGGER origin BEFORE INSERT ON vic.t FOR EACH ROW EXECUTE FUNCTION vic.trig();
CREATE TRIGGER replica BEFORE INSERT ON vic.t FOR EACH ROW EXECUTE FUNCTION vic.trig();
ALTER TABLE vic.t ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica;
RESET ROLE;
SELECT boss.ev('boss', 'vt', 'vic.t', 'c', '{"id":1,"w":"x"}');
SELECT target, inserted FROM cdc.apply('boss');
SELECT what, user_, role FROM vic.saw ORDER BY n;

-- Mallory has rights on that table, but its owner's triggers and foreign keys count.
DELETE FROM cdc_catalog.subscription_table WHERE source_table = 'd.vt';
SET ROLE regress_cdc_victim;
TRUNCATE vic.saw, vic.t;
CREATE TABLE vic.parent (id int PRIMARY KEY);
CREATE TABLE vic.child (id int PRIMARY KEY, parent int REFERENCES vic.parent);
RESET ROLE;
SELECT boss.ev('mal', 'vt', 'vic.t', 'c', '{"id":1,"w":"x"}');
SELECT * FROM cdc.apply('mal');
SET ROLE regress_cdc_victim;
GRANT SELECT, INSERT, UPDATE, DELETE ON vic.t, vic.child TO regress_cdc_mallory;
GRANT ALL ON vic.saw, vic.saw_n_seq TO regress_cdc_mallory;
RESET ROLE;
SELECT target, inserted FROM cdc.apply('mal');
SELECT what, user_, role FROM vic.saw ORDER BY n;
SELECT boss.ev('mal', 'vc', 'vic.child', 'c', '{"id":1,"parent":7}');
SELECT * FROM cdc.apply('mal');
SET ROLE regress_cdc_mallory;
SELECT cdc.alter_subscription('mal', '{"disable_others_triggers": true}');
RESET ROLE;
SELECT cdc.alter_subscription('mal', '{"disable_others_triggers": true}');
SET ROLE regress_cdc_mallory;
SELECT cdc.alter_subscription('mal', '{"batch_events": 7}');
RESET ROLE;
SELECT target, inserted FROM cdc.apply('mal');
SELECT cdc.alter_subscription('mal', '{"disable_others_triggers": null}');
-- his own tables: neither, and no cascade when the source empties one
SET ROLE regress_cdc_mallory;
CREATE TABLE mal.parent (id int PRIMARY KEY);
CREATE TABLE mal.child (id int PRIMARY KEY, parent int REFERENCES mal.parent ON DELETE CASCADE);
CREATE FUNCTION mal.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not passed over''; END';
CREATE TRIGGER no BEFORE INSERT OR DELETE ON mal.child FOR EACH ROW EXECUTE FUNCTION mal.no();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON mal.child EXECUTE FUNCTION mal.no();
RESET ROLE;
SELECT boss.ev('mal', 'mc', 'mal.child', 'c', '{"id":1,"parent":7}'),
       boss.ev('mal', 'mp', 'mal.parent', 'c', '{"id":7}');
SELECT target, inserted FROM cdc.apply('mal') ORDER BY target COLLATE "C";
SELECT boss.ev('mal', 'mp', 'mal.parent', 't', '{}');
SELECT target, events FROM cdc.apply('mal');
SELECT (SELECT count(*) FROM mal.parent) AS parents, (SELECT count(*) FROM mal.child) AS children;
SELECT boss.ev('mal', 'mc', 'mal.child', 't', '{}');
SELECT target, events FROM cdc.apply('mal');
SELECT count(*) AS children FROM mal.child;
-- nor do his triggers pass over those of other tables
SET ROLE regress_cdc_mallory;
CREATE FUNCTION mal.forward() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO vic.child VALUES (2, 7); RETURN NEW; END';
CREATE TABLE mal.via (id int PRIMARY KEY);
CREATE TRIGGER forward BEFORE INSERT ON mal.via FOR EACH ROW EXECUTE FUNCTION mal.forward();
ALTER TABLE mal.via ENABLE ALWAYS TRIGGER forward;
RESET ROLE;
SELECT boss.ev('mal', 'via', 'mal.via', 'c', '{"id":1}');
SET session_replication_role = replica;
SELECT target, inserted FROM cdc.apply('mal');
RESET session_replication_role;
SELECT boss.forget();

-- Rights are asked for each time: taken away, or rows hidden.
SET ROLE regress_cdc_victim;
REVOKE DELETE ON vic.t FROM regress_cdc_mallory;
RESET ROLE;
SELECT boss.ev('mal', 'vt', 'vic.t', 'c', '{"id":2,"w":"x"}');
SELECT target, inserted FROM cdc.apply('mal');
SET ROLE regress_cdc_victim;
GRANT DELETE ON vic.t TO regress_cdc_mallory;
ALTER TABLE vic.t ENABLE ROW LEVEL SECURITY;
RESET ROLE;
SELECT target, inserted FROM cdc.apply('mal');
SELECT cdc.replay('mal', 'd.vt', 'boss.mine');
SELECT boss.forget();

-- What no subscription fills: histories and parts of them, the extension's tables, the
-- system's; and what another one fills, of which strangers hear no name.
SELECT boss.ev('boss', 't', 'boss.mine', 'c', '{"id":1}');
ALTER TABLE mal.h RENAME TO renamed;
SELECT cdc.replay('boss', 'd.t', 'boss.h');
SELECT cdc.replay('boss', 'd.t', 'mal.renamed');
SELECT cdc.replay('boss', 'd.t', 'cdc_catalog.log');
SELECT cdc.replay('boss', 'd.t', 'pg_catalog.pg_authid');
SELECT cdc.replay('boss', 'd.t', 'information_schema.sql_features');
ALTER TABLE mal.renamed RENAME TO h;
SELECT boss.forget();

SELECT boss.roles();
SET client_min_messages = warning;
SELECT cdc.drop_subscription('mal'), cdc.drop_subscription('boss');
DROP SCHEMA boss CASCADE;
DROP SCHEMA mal CASCADE;
DROP SCHEMA vic CASCADE;
DROP ROLE regress_cdc_mallory, regress_cdc_victim;
TRUNCATE cdc_catalog.log;
