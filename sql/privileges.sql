-- Who may what: the owner of a subscription, members of his role, cdc_monitor,
-- others.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;

CREATE ROLE regress_cdc_owner;
CREATE ROLE regress_cdc_member IN ROLE regress_cdc_owner;
CREATE ROLE regress_cdc_watcher IN ROLE cdc_monitor;
CREATE ROLE regress_cdc_stranger;
CREATE SERVER guarded FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1');
CREATE SCHEMA owned AUTHORIZATION regress_cdc_owner;

-- USAGE on the server and a user mapping are needed.
SET ROLE regress_cdc_owner;
SELECT cdc.create_subscription('mine', 'guarded', target_schema := 'owned');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER guarded TO regress_cdc_owner;
SET ROLE regress_cdc_owner;
SELECT cdc.create_subscription('mine', 'guarded', target_schema := 'owned');
CREATE TABLE owned.h (seq bigint);
RESET ROLE;

INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data,
                              enabled, options)
VALUES ('mine', 'regress_cdc_owner', 'guarded', '{*.*}', '{}', 'maxwell', 'owned.h', true, false, '{}');
INSERT INTO cdc.subscription_position (subscription) VALUES ('mine');
INSERT INTO cdc.subscription_progress (subscription) VALUES ('mine');
INSERT INTO cdc.subscription_table (subscription, source_table, state) VALUES ('mine', 'a.b', 'r');

-- The owner administers it without any right on the tables.
SET ROLE regress_cdc_owner;
SELECT cdc.alter_subscription('mine', '{"batch_events": 5}');
SELECT options FROM cdc.subscription;
UPDATE cdc.subscription_position SET last_seq = 1;
INSERT INTO cdc.log (kind, message) VALUES ('x', 'y');
SELECT nextval('cdc.subscription_id_seq');
SELECT subscription, state FROM cdc.stat_subscription;
SELECT source_table, state FROM cdc.stat_table;

-- His search_path lends him no right of the extension's owner.
CREATE FUNCTION owned.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
CREATE OPERATOR owned.= (LEFTARG = text, RIGHTARG = text, FUNCTION = owned.equal);
CREATE FUNCTION owned.now() RETURNS timestamptz LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
SET search_path = owned, pg_catalog;
SELECT cdc.alter_subscription('mine', '{"batch_events": 6}');
SELECT cdc.remove_table('mine', 'a.b');
RESET search_path;
RESET ROLE;
SELECT options, exclude FROM cdc.subscription;
SELECT DISTINCT by_role FROM cdc.log;

SET ROLE regress_cdc_member;
SELECT cdc.disable_subscription('mine');
SELECT subscription FROM cdc.stat_subscription;
RESET ROLE;

SET ROLE regress_cdc_stranger;
SELECT count(*) FROM cdc.stat_subscription;
SELECT count(*) FROM cdc.stat_table;
SELECT cdc.alter_subscription('mine', '{}');
SELECT cdc.enable_subscription('mine');
SELECT cdc.disable_subscription('mine');
SELECT cdc.drop_subscription('mine');
SELECT cdc.add_table('mine', 'a.c');
SELECT cdc.remove_table('mine', 'a.b');
SELECT cdc.pull('mine');
SELECT * FROM cdc.apply('mine');
RESET ROLE;

SET ROLE regress_cdc_watcher;
SELECT subscription, state FROM cdc.stat_subscription;
SELECT count(*) FROM cdc.stat_table;
SELECT name FROM cdc.subscription;
SELECT raw FROM cdc.error;
SELECT cdc.drop_subscription('mine');
DELETE FROM cdc.log;
RESET ROLE;

SELECT cdc.drop_subscription('mine');
DROP SCHEMA owned CASCADE;
DROP SERVER guarded;
DROP ROLE regress_cdc_owner, regress_cdc_member, regress_cdc_watcher, regress_cdc_stranger;
TRUNCATE cdc.log;
