-- Who may what: the owner of a subscription, members of his role, another
-- owner, cdc_monitor, others.  Found out by trying; then the complete list of
-- rights, so that an object that is new needs a decision.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;

CREATE ROLE regress_cdc_owner;
CREATE ROLE regress_cdc_member IN ROLE regress_cdc_owner;
CREATE ROLE regress_cdc_could NOINHERIT IN ROLE regress_cdc_owner;
CREATE ROLE regress_cdc_other;
CREATE ROLE regress_cdc_watcher IN ROLE cdc_monitor;
CREATE ROLE regress_cdc_stranger;
CREATE SERVER guarded FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1');
CREATE SCHEMA owned AUTHORIZATION regress_cdc_owner;
CREATE SCHEMA others AUTHORIZATION regress_cdc_other;

-- USAGE on the server and a user mapping are needed.
SET ROLE regress_cdc_owner;
SELECT cdc.create_subscription('mine', 'guarded', target_schema := 'owned');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER guarded TO regress_cdc_owner;
SET ROLE regress_cdc_owner;
SELECT cdc.create_subscription('mine', 'guarded', target_schema := 'owned');
CREATE TABLE owned.h (seq bigint);
RESET ROLE;

-- Two subscriptions whose catalogs have a secret wherever a value of the source may be.
CREATE TABLE others.h (seq bigint);
ALTER TABLE others.h OWNER TO regress_cdc_other;
INSERT INTO cdc_catalog.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
VALUES ('mine', 'regress_cdc_owner', 'guarded', '{*.*}', '{}', 'maxwell', 'owned.h', true, false, '{}'),
       ('theirs', 'regress_cdc_other', 'guarded', '{*.*}', '{}', 'maxwell', 'others.h', true, false, '{}');
CREATE FUNCTION public.fill(s text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cdc_catalog.subscription_position (subscription) VALUES (s);
    INSERT INTO cdc_catalog.subscription_progress (subscription) VALUES (s);
    INSERT INTO cdc_catalog.subscription_partition (subscription, topic, "partition", message_sum, last_error, last_sqlstate)
    VALUES (s, 't', 0, 736563726574, 'secret', '22P02');
    INSERT INTO cdc_catalog.subscription_failure (subscription, worker, failures, last_error, last_sqlstate, last_error_at)
    VALUES (s, 'apply', 1, 'secret', '22P02', now()), (s, 'publish ' || s || '_out', 1, 'secret', 'ZZ000', now() - interval '1 day');
    INSERT INTO cdc_catalog.subscription_table (subscription, name, source_table, state, last_error, last_sqlstate, row_filter, columns, shard)
    VALUES (s, 'a.b', 'a.b', 'e', 'secret', '0A000', 'v = ''secret''', '{"a": {"value": "secret"}}', 'secret'), (s, 'a.c', 'a.c', 'r', NULL, NULL, NULL, NULL, '');
    INSERT INTO cdc_catalog.table_counter (subscription, name, source_table) VALUES (s, 'a.b', 'a.b');
    INSERT INTO cdc_catalog.table_version (subscription, source_table, version, from_seq, columns) VALUES (s, 'a.b', 1, 1, '[]');
    INSERT INTO cdc_catalog.table_change (subscription, number, kind, source_table, from_seq, statement, before_version, after_version, change, outcome)
        VALUES (s, 1, 'a', 'a.b', 1, 'secret', 1, 1, '{"added": "secret"}', 'secret');
    INSERT INTO cdc_catalog.prepared_transaction (subscription, xid, chunk, events) VALUES (s, 'x', 0, 'secret');
    INSERT INTO cdc_catalog.database_version (subscription, source_database, version, from_seq) VALUES (s, 'a', 1, 1);
    INSERT INTO cdc_catalog.error (subscription, seq, sqlstate, message, raw) VALUES (s, 1, 'XX001', 'secret', 'secret');
    INSERT INTO cdc_catalog.log (subscription, subscription_id, kind, message, detail)
    SELECT s, id, 'ddl', 'something', 'secret' FROM cdc_catalog.subscription WHERE name = s;
    INSERT INTO cdc_catalog.publication (name, subscription, server, topic_template, key_template, format, options, published_seq)
    VALUES (s || '_out', s, 'guarded', 't', 'k', 'maxwell', '{}', 0);
$$;
SELECT public.fill('mine');
SELECT public.fill('theirs');
SELECT cdc_catalog.take_over('mine'), cdc_catalog.take_over('theirs');
TRUNCATE cdc_catalog.log;
INSERT INTO cdc_catalog.log (subscription, subscription_id, kind, message, detail)
SELECT name, id, 'ddl', 'something', 'secret' FROM cdc_catalog.subscription;
-- of one that was dropped
INSERT INTO cdc_catalog.log (subscription, subscription_id, kind, message, detail) VALUES ('mine', -1, 'subscription', 'dropped', 'secret');

-- What a statement ends in for a role: its SQLSTATE or result; it is undone.
CREATE FUNCTION public.try(who text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    BEGIN
        IF who <> '' THEN
            EXECUTE 'SET LOCAL ROLE ' || who;
        END IF;
        EXECUTE statement INTO result;
        RAISE EXCEPTION USING ERRCODE = 'UNDO0', MESSAGE = coalesce(result, 'done');
    EXCEPTION WHEN OTHERS THEN
        RETURN CASE WHEN SQLSTATE = 'UNDO0' THEN SQLERRM ELSE SQLSTATE END;
    END;
END $$;

-- ---- Tables and views: rows seen and rows with the secret in them, of 'mine' and of 'theirs'.
CREATE FUNCTION public.seen(who text, relation text, nspname text) RETURNS text LANGUAGE sql AS $$
    SELECT public.try(who, format(
        'SELECT string_agg(n || CASE WHEN secret > 0 THEN ''!'' || secret ELSE '''' END, '' '' ORDER BY s) FROM (
             SELECT s, count(x) AS n, coalesce(sum((x ~ ''secret|736563726574'')::int), 0) AS secret
               FROM unnest(''{mine,theirs}''::text[]) AS u(s)
               LEFT JOIN (SELECT r::text AS x FROM %I.%I r) v ON v.x ~ (''\m'' || s) GROUP BY s) t', nspname, relation))
$$;
CREATE VIEW public.relations AS
    SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('cdc', 'cdc_catalog') AND c.relkind NOT IN ('i', 'c', 't');
SELECT nspname || '.' || relname AS reads,
       public.seen('regress_cdc_owner', relname, nspname) AS owner,
       public.seen('regress_cdc_member', relname, nspname) AS member,
       public.seen('regress_cdc_could', relname, nspname) AS could,
       public.seen('regress_cdc_other', relname, nspname) AS other,
       public.seen('regress_cdc_watcher', relname, nspname) AS watcher,
       public.seen('regress_cdc_stranger', relname, nspname) AS stranger,
       CASE WHEN relname IN ('viewer', 'sqlstate_class', 'subscription_id_seq') THEN '' ELSE
       public.seen('', relname, nspname) END AS superuser
  FROM public.relations ORDER BY 1;

-- What a site may have granted opens no table.
GRANT SELECT ON ALL TABLES IN SCHEMA cdc TO regress_cdc_stranger;
SELECT string_agg(relname || ' ' || public.seen('regress_cdc_stranger', relname, nspname), ', ') AS opened
  FROM public.relations WHERE public.seen('regress_cdc_stranger', relname, nspname) NOT IN ('0 0', '42501');
REVOKE SELECT ON ALL TABLES IN SCHEMA cdc FROM regress_cdc_stranger;

-- Nobody writes: the exceptions, of which there is none.
SELECT nspname || '.' || relname AS writes, who, verb, public.try(who, sql)
  FROM public.relations,
       unnest('{regress_cdc_owner,regress_cdc_member,regress_cdc_other,regress_cdc_watcher,regress_cdc_stranger}'::text[]) AS w(who),
       LATERAL (VALUES ('INSERT', format('INSERT INTO %I.%I DEFAULT VALUES', nspname, relname)),
                       ('DELETE', format('DELETE FROM %I.%I', nspname, relname)),
                       ('UPDATE', format('UPDATE %I.%I SET %I = %2$I.%3$I', nspname, relname,
                                         (SELECT attname FROM pg_attribute WHERE attrelid = (quote_ident(nspname) || '.' || quote_ident(relname))::regclass AND attnum = 1))),
                       ('LOCK', format('LOCK TABLE %I.%I', nspname, relname)),
                       ('TRUNCATE', format('TRUNCATE %I.%I', nspname, relname))) AS v(verb, sql)
 WHERE public.try(who, sql) NOT IN ('42501', '42809', '55000')
 ORDER BY 1, 2, 3;
SELECT public.try('regress_cdc_owner', 'UPDATE cdc.subscription SET owner = ''regress_cdc_other''') AS update_through_view,
       public.try('regress_cdc_owner', 'SELECT nextval(''cdc_catalog.subscription_id_seq'')') AS sequence,
       public.try('regress_cdc_owner', 'SELECT 1 FROM cdc.subscription FOR UPDATE') AS row_lock;

-- What a monitor reads in place of the texts.
SET ROLE regress_cdc_watcher;
SELECT subscription, state, last_error, last_sqlstate FROM cdc.stat_subscription ORDER BY 1;
SELECT source_table, state, row_filter, columns, last_error FROM cdc.subscription_table WHERE subscription = 'mine' ORDER BY 1;
SELECT worker, last_error, last_sqlstate FROM cdc.subscription_failure WHERE subscription = 'mine' ORDER BY 1;
SELECT message, raw FROM cdc.error WHERE subscription = 'mine';
SELECT last_error FROM cdc.stat_kafka_partition WHERE subscription = 'mine';
SELECT last_error FROM cdc.stat_publication WHERE subscription = 'mine';
SELECT subscription, message, detail FROM cdc.log ORDER BY subscription, message;
RESET ROLE;

-- A function that costs nothing is called for no row that the view hides.
CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE 'leaked %', $1; RETURN false; END $$;
SET ROLE regress_cdc_stranger;
SELECT count(*) FROM cdc.error WHERE public.leak(sqlstate);
SELECT count(*) FROM cdc.log WHERE public.leak(message);
SELECT count(*) FROM cdc.subscription WHERE public.leak(history);
SELECT count(*) FROM cdc.subscription_table WHERE public.leak(source_table);
SELECT count(*) FROM cdc.stat_table WHERE public.leak(source_table);
SELECT count(*) FROM cdc.stat_subscription WHERE public.leak(server::text);
SET ROLE regress_cdc_watcher;
SELECT count(*) FROM cdc.error WHERE public.leak(message);
RESET ROLE;

-- ---- Functions: each of them, called by each role.
CREATE TABLE public.calls (call text);
INSERT INTO public.calls VALUES
    ($$cdc._jsonb_parse('1')$$),
    ($$cdc._jsonb_rebuild('1')$$),
    ($$cdc.add_table('mine', 'a.c')$$),
    ($$cdc.add_topic('mine', 't')$$),
    ($$cdc.alter_subscription('mine', '{"batch_events": 5}')$$),
    ($$cdc.apply('mine')$$),
    ($$cdc.as_of(NULL::owned.h, at_seq := 1)$$),
    ($$cdc.check_server('guarded')$$),
    ($$cdc.create_subscription('new', 'guarded', history := 'public.h')$$),
    ($$cdc.disable_publication('mine_out')$$),
    ($$cdc.disable_subscription('mine')$$),
    ($$cdc.drop_publication('mine_out')$$),
    ($$cdc.drop_subscription('mine')$$),
    ($$cdc.enable_publication('mine_out')$$),
    ($$cdc.enable_subscription('mine')$$),
    ($$(SELECT cdc.kafka_fdw_handler() IS NULL)$$),
    ($$cdc.kafka_fdw_validator('{}', 0)$$),
    ($$cdc.mysql_fdw_validator('{}', 0)$$),
    ($$cdc.option_list()$$),
    ($$cdc.publish('mine', 'guarded')$$),
    ($$cdc.publish_more('mine_out')$$),
    ($$cdc.pull('mine')$$),
    ($$cdc.read_binlog_file('/nothing')$$),
    ($$cdc.read_envelope('{}')$$),
    ($$cdc.alter_table('mine', 'a.b', '{}')$$),
    ($$cdc.remove_table('mine', 'a.b')$$),
    ($$cdc.remove_topic('mine', 't')$$),
    ($$cdc.replay('mine', 'a.b', 'public.x')$$),
    ($$cdc.restart_subscription('mine')$$),
    ($$cdc.retry_errors('mine')$$),
    ($$cdc.discard_errors('mine', NULL, 'x')$$),
    ($$cdc.skip_transaction('mine', 'x:4')$$),
    ($$cdc.resync_table('mine', 'a.b')$$),
    ($$cdc.purge_history('mine', '2000-01-01')$$),
    ($$cdc.set_position('mine', 'latest')$$),
    ($$cdc.wait_for('mine', 'x:4', '0')$$),
    ($$cdc.verify('mine', 'a.b')$$),
    ($$cdc.verify_step('mine', 'a.b')$$), ($$CALL cdc.verify_in_steps('mine', 'a.b')$$),
    ($$cdc.worker_status()$$), ($$cdc_catalog.unapplied('mine', 0)$$),
    ($$cdc.maintain()$$),
    ($$cdc_catalog.here()$$),
    ($$cdc_catalog.take_over('mine')$$);
-- 42501: permission denied.  The rest is what a call that is allowed ends in without a source.
SET client_min_messages = error;
SELECT substring(call FROM 'cdc(?:_catalog)?\.[a-z_]+') AS calls,
       public.try('regress_cdc_owner', sql) AS owner,
       public.try('regress_cdc_member', sql) AS member,
       public.try('regress_cdc_could', sql) AS could,
       public.try('regress_cdc_other', sql) AS other,
       public.try('regress_cdc_watcher', sql) AS watcher,
       public.try('regress_cdc_stranger', sql) AS stranger
  FROM (SELECT call, CASE WHEN call LIKE 'CALL %' THEN call
               ELSE 'SELECT ''called'' FROM (SELECT count(*) FROM ' || call || ' c) x' END AS sql FROM public.calls) c
 ORDER BY 1;
RESET client_min_messages;
SELECT p.oid::regprocedure AS not_tried
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('cdc', 'cdc_catalog')
   AND p.prorettype <> 'event_trigger'::regtype
   AND NOT EXISTS (SELECT 1 FROM public.calls WHERE call LIKE '%cdc%.' || replace(p.proname, '_', '\_') || '(%');

-- ---- The owner administers his subscription without any right on the tables.
SET ROLE regress_cdc_owner;
SELECT cdc.alter_subscription('mine', '{"batch_events": 5}');
SELECT name, options FROM cdc.subscription;
SELECT subscription, state, last_error FROM cdc.stat_subscription;
SELECT source_table, state, last_error, last_sqlstate FROM cdc.stat_table ORDER BY 1;
SELECT message, detail FROM cdc.log ORDER BY message;

-- His search_path lends him no right of the extension's owner.
CREATE FUNCTION owned.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
CREATE OPERATOR owned.= (LEFTARG = text, RIGHTARG = text, FUNCTION = owned.equal);
CREATE FUNCTION owned.now() RETURNS timestamptz LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
CREATE FUNCTION owned.pg_has_role(oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SET search_path = owned, pg_catalog;
SELECT cdc.alter_subscription('mine', '{"batch_events": 6}');
SELECT cdc.remove_table('mine', 'a.b');
SELECT name FROM cdc.subscription;
RESET search_path;
RESET ROLE;
SELECT options, exclude FROM cdc.subscription WHERE name = 'mine';
SELECT DISTINCT by_role FROM cdc.log WHERE message = 'options changed';

-- Who has the owner's role without its rights becomes it first.
SET ROLE regress_cdc_could;
SELECT cdc.disable_subscription('mine');
RESET ROLE;
SET ROLE regress_cdc_member;
SELECT cdc.disable_subscription('mine');
RESET ROLE;

-- A name that was another owner's tells nothing of him.
SELECT cdc.drop_subscription('theirs');
INSERT INTO cdc_catalog.subscription (name, owner, server, tables, exclude, format, history, copy_data, enabled, options)
VALUES ('theirs', 'regress_cdc_owner', 'guarded', '{*.*}', '{}', 'maxwell', 'owned.h', true, false, '{}');
SET ROLE regress_cdc_owner;
SELECT message FROM cdc.log WHERE subscription = 'theirs';
SELECT count(*) FROM cdc.error WHERE subscription = 'theirs';
RESET ROLE;
SELECT message, detail FROM cdc.log WHERE subscription = 'theirs' ORDER BY message;

-- Names are printable.
SELECT cdc.create_subscription(E'a\nb', 'guarded');
SELECT cdc.create_subscription('', 'guarded');
SELECT cdc.create_subscription(repeat('x', 64), 'guarded');
SELECT cdc.create_subscription(E'\x1b[2J', 'guarded');
SELECT cdc.create_subscription(E'\u009b2J', 'guarded');
SELECT cdc.create_subscription(E'a\x7f', 'guarded');
SELECT cdc.publish('mine', 'guarded', name := E'a\tb');

-- ---- The complete list.
SELECT n.nspname AS schema, coalesce(r.rolname, 'PUBLIC') AS grantee, string_agg(a.privilege_type, ' ' ORDER BY a.privilege_type) AS may
  FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
 WHERE n.nspname IN ('cdc', 'cdc_catalog') AND a.grantee <> n.nspowner
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT n.nspname || '.' || c.relname AS relation, c.relkind,
       CASE c.relkind WHEN 'v' THEN c.reloptions @> '{security_barrier=true}' END AS barrier,
       (SELECT string_agg(coalesce(r.rolname, 'PUBLIC') || ': ' || a.privilege_type, ', ' ORDER BY r.rolname, a.privilege_type)
          FROM aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> c.relowner) AS others_may,
       (SELECT count(*) FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL) AS columns_with_acl
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('cdc', 'cdc_catalog') AND c.relkind NOT IN ('i', 'c', 't')
 ORDER BY 1;
SELECT p.oid::regprocedure AS function,
       coalesce((SELECT bool_or(a.grantee = 0) FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a), false) AS public,
       (SELECT string_agg(r.rolname, ', ') FROM aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> p.proowner) AS others,
       p.prosecdef AS definer, p.proconfig AS pinned
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('cdc', 'cdc_catalog')
 ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT fdwname, fdwacl FROM pg_foreign_data_wrapper WHERE fdwname LIKE 'cdc%' ORDER BY 1;

DELETE FROM cdc.subscription WHERE name = 'theirs';
SELECT cdc.drop_subscription('mine');
DROP TABLE public.calls;
DROP VIEW public.relations;
DROP FUNCTION public.seen(text, text, text), public.try(text, text), public.fill(text), public.leak(text);
SET client_min_messages = warning;
DROP SCHEMA owned, others CASCADE;
RESET client_min_messages;
DROP SERVER guarded;
DROP ROLE regress_cdc_owner, regress_cdc_member, regress_cdc_could, regress_cdc_other, regress_cdc_watcher, regress_cdc_stranger;
TRUNCATE cdc_catalog.log;
