-- Administration without a source: arguments, errors, and the acts that need
-- no connection.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;
CREATE ROLE regress_cdc_admin SUPERUSER;
SET ROLE regress_cdc_admin;

CREATE SERVER nowhere FOREIGN DATA WRAPPER cdc_mysql
    OPTIONS (host '127.0.0.1', port '1', connect_timeout '2s');
CREATE SCHEMA replica;

-- create_subscription: what is wrong is told before the source is asked
SELECT cdc.create_subscription('s', 'missing');
SELECT cdc.create_subscription('s', 'nowhere');
SELECT cdc.create_subscription('', 'nowhere');
SELECT cdc.create_subscription(repeat('x', 64), 'nowhere');
SELECT cdc.create_subscription(NULL, 'nowhere');
SELECT cdc.create_subscription('s', 'nowhere', tables := '{}');
SELECT cdc.create_subscription('s', 'nowhere', tables := '{nodot}');
SELECT cdc.create_subscription('s', 'nowhere', tables := '{shop.*,NULL}');
SELECT cdc.create_subscription('s', 'nowhere', exclude := '{shop.}');
SELECT cdc.create_subscription('s', 'nowhere', format := 'xml');
SELECT cdc.create_subscription('s', 'nowhere', topics := '{t}');
SELECT cdc.create_subscription('s', 'nowhere', target_schema := '');
SELECT cdc.create_subscription('s', 'nowhere', history := 'a.b.c');
SELECT cdc.create_subscription('s', 'nowhere', options := '{"batch_event": 1}');
SELECT cdc.create_subscription('s', 'nowhere', options := '{"batch_events": 0}');
SELECT cdc.create_subscription('s', 'nowhere', target_schema := 'public', options := '{"output_nulls": false}');
SELECT cdc.create_subscription('s', 'nowhere', options := '{"output_null_zerodates": true, "zero_date": "error"}');
SELECT cdc.create_subscription('s', 'nowhere', options := '[]');
SELECT cdc.create_subscription('s', 'nowhere', options := '{"group_id": "a\nb"}');
SELECT cdc.create_subscription('s', 'nowhere', options := json_build_object('group_id', repeat('x', 256))::jsonb);
CREATE FOREIGN DATA WRAPPER other_wrapper;
CREATE SERVER other_server FOREIGN DATA WRAPPER other_wrapper;
SELECT cdc.create_subscription('s', 'other_server');
DROP FOREIGN DATA WRAPPER other_wrapper CASCADE;

-- nothing of the failed ones is left
SELECT count(*) FROM cdc.subscription;

-- One made by hand, as create_subscription would have.
CREATE TABLE replica.s_history (
    seq bigint NOT NULL, ingested_at timestamptz NOT NULL, source_ts timestamptz,
    source_table text, op "char" NOT NULL, position text, gtid text, event jsonb,
    raw bytea, commit boolean NOT NULL, PRIMARY KEY (seq, ingested_at)
) PARTITION BY RANGE (ingested_at);
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, target_schema,
                              history, copy_data, enabled, options)
VALUES ('s', current_user, 'nowhere', '{shop.*}', '{shop.x}', 'maxwell', 'replica',
        'replica.s_history', true, false, '{"batch_events": 500, "zero_date": "error"}');
INSERT INTO cdc.subscription_position (subscription) VALUES ('s');
INSERT INTO cdc.subscription_progress (subscription) VALUES ('s');
INSERT INTO cdc.subscription_table (subscription, name, source_table, target, state)
VALUES ('s', 'shop.a', 'shop.a', 'replica.a', 'r'), ('s', 'other.b', 'other.b', NULL, 'i');
SELECT cdc_catalog.take_over('s');

SELECT cdc.create_subscription('s', 'nowhere');

-- views
SELECT subscription, owner = current_user AS mine, server, enabled, state, pull_pid, apply_pid,
       position, last_seq, applied_seq, lag, events, tables, tables_in_error, last_error
  FROM cdc.stat_subscription;
SELECT subscription, source_table, target, mode, state, inserts, updates, deletes, events, last_error
  FROM cdc.stat_table ORDER BY source_table;

-- options: those given replace, null puts the default back
SELECT cdc.alter_subscription('s', '{"batch_events": 700, "batch_size": "1MB"}');
SELECT options FROM cdc.subscription;
SELECT cdc.alter_subscription('s', '{"batch_events": null, "zero_date": "null"}');
SELECT options FROM cdc.subscription;
SELECT cdc.alter_subscription('s', '{"batch_size": "huge"}');
SELECT cdc.alter_subscription('s', '{"nonsense": 1}');
SELECT cdc.alter_subscription('s', '[1]');
SELECT cdc.alter_subscription('s', '{"history_partition": "none"}');
SELECT cdc.alter_subscription('missing', '{}');
SELECT options FROM cdc.subscription;

-- tables
SELECT cdc.add_table('s', 'nodot');
SELECT cdc.add_table('s', 'shop.c', mode := 'append', key := '{id}');
SELECT cdc.add_table('s', 'shop.c', mode := 'append', row_filter := 'id > 1');
SELECT cdc.add_table('s', 'shop.c', mode := 'nonsense');
SELECT cdc.add_table('s', 'shop.c', row_filter := 'id > 1');
SELECT cdc.add_table('s', 'shop.a');
SELECT cdc.add_table('s', NULL);
SELECT cdc.remove_table('s', 'shop.nothing');
SELECT cdc.remove_table('s', 'shop.a');
SELECT cdc.remove_table('s', 'other.b');
SELECT tables, exclude, added FROM cdc.subscription;
SELECT count(*) FROM cdc.stat_table;

-- disable and drop
SELECT cdc.disable_subscription('s');
SELECT cdc.disable_subscription('missing');
SELECT enabled FROM cdc.subscription;
BEGIN;
SELECT cdc.drop_subscription('s', drop_history := true);
SELECT to_regclass('replica.s_history') IS NULL AS gone;
ROLLBACK;
SELECT to_regclass('replica.s_history') IS NULL AS gone;
SELECT cdc.drop_subscription('s');
SELECT to_regclass('replica.s_history') IS NULL AS gone;
SELECT cdc.drop_subscription('s');
SELECT (SELECT count(*) FROM cdc.subscription) + (SELECT count(*) FROM cdc.subscription_position)
     + (SELECT count(*) FROM cdc.subscription_progress) + (SELECT count(*) FROM cdc.subscription_table)
       AS rows_left;
SELECT kind, message, detail FROM cdc.log WHERE subscription = 's' ORDER BY at, message;

-- A subscription whose history was dropped can still be got rid of.
INSERT INTO cdc.subscription (name, owner, server, tables, exclude, format, history, copy_data,
                              enabled, options)
VALUES ('lost', current_user, 'nowhere', '{*.*}', '{}', 'maxwell', 'replica.nothing', true, false, '{}');
SELECT cdc.pull('lost');
SELECT cdc.drop_subscription('lost', drop_history := true);

DROP SCHEMA replica CASCADE;
DROP SERVER nowhere;
RESET ROLE;
DROP ROLE regress_cdc_admin;
TRUNCATE cdc_catalog.log;
