-- What goes on.  The views show a role what the catalogs' views show it
-- (11_views.sql): rows of its subscriptions, all of them to cdc_monitor.

-- Running workers of this database, of the subscriptions that the caller sees;
-- the supervisor to who sees one.
CREATE FUNCTION cdc.worker_status(
    OUT subscription_id integer, OUT worker text, OUT pid integer,
    OUT since timestamptz, OUT last_message timestamptz,
    OUT delay bigint)                       -- microseconds; null: not known yet
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_worker_status';

-- Statements that are not done have to be typed outside of a function: VACUUM.
CREATE FUNCTION cdc.maintain(
    subscription text DEFAULT NULL,
    OUT relation text, OUT statement text, OUT done boolean, OUT reason text)
RETURNS SETOF record
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_maintain';

COMMENT ON FUNCTION cdc.maintain(text) IS 'analyses what has grown and names what wants a VACUUM, where autovacuum does not run';

COMMENT ON FUNCTION cdc.worker_status() IS 'background workers of this database';

-- state:
--   cloned     restored or copied here from another database: waits until
--              cdc.enable_subscription() says that it is to go on here
--   disabled   not to run
--   error      a worker failed and waits to be started again, or has not yet
--              got over its failure: last_error
--   stopped    no supervisor runs: cdc.enable_subscription() starts it
--   starting   a worker is not up yet
--   copying    tables are being copied
--   streaming  follows the source
-- lag: how far the targets are behind the source.  What is not applied yet is as
-- old as its commit at the source; when all is applied, what arrived last tells
-- by its age at arrival whether more of it is on its way (zero once the source
-- has said that it has no more); without a connection nobody knows better than
-- the time since the last commit seen.
CREATE VIEW cdc.stat_subscription WITH (security_barrier = true) AS
SELECT s.name AS subscription,
       s.owner,
       s.server,
       s.enabled,
       CASE WHEN i.subscription IS NULL
                 OR i.system_identifier || '/' || i."database" <> cdc_catalog.here() THEN 'cloned'
            WHEN NOT s.enabled THEN 'disabled'
            WHEN f.failures > 0 THEN 'error'
            WHEN v.pid IS NULL AND (w.pull_pid IS NULL OR w.apply_pid IS NULL) THEN 'stopped'
            WHEN w.pull_pid IS NULL OR w.apply_pid IS NULL
                 OR (p.file IS NULL AND p.version = 0) THEN 'starting'
            WHEN t.copying > 0 THEN 'copying'
            ELSE 'streaming'
       END AS state,
       w.pull_pid,
       w.apply_pid,
       coalesce(p.file || ':' || p.file_offset, k.position) AS position,
       p.gtid_set,
       p.last_seq,
       a.applied_seq,
       a.position AS applied_position,
       a.gtid AS applied_gtid,
       p.source_ts,
       a.source_ts AS applied_source_ts,
       CASE WHEN p.source_ts IS NULL THEN NULL
            WHEN a.applied_seq < p.last_seq
                THEN greatest(clock_timestamp() - coalesce(a.source_ts, p.source_ts), interval '0')
            WHEN w.delay IS NOT NULL THEN w.delay * interval '1 microsecond'
            ELSE greatest(clock_timestamp() - p.source_ts, interval '0')
       END AS lag,
       p.events,
       p.transactions,
       p.bytes,
       p.skipped_events,
       w.last_message AS last_msg_receipt_time,
       coalesce(t.tables, 0) AS tables,
       coalesce(t.failed, 0) AS tables_in_error,
       coalesce(f.failures, 0) AS failures,
       f.last_error,
       f.last_error_at,
       s.created_at,
       f.last_sqlstate
  FROM cdc.subscription s
  LEFT JOIN cdc_catalog.subscription_identity i ON i.subscription = s.name
  JOIN cdc_catalog.subscription_position p ON p.subscription = s.name
  JOIN cdc_catalog.subscription_progress a ON a.subscription = s.name
  LEFT JOIN (SELECT subscription_id,
                    max(CASE WHEN worker = 'pull' THEN pid END) AS pull_pid,
                    max(CASE WHEN worker = 'apply' THEN pid END) AS apply_pid,
                    max(last_message) AS last_message,
                    max(delay) AS delay
               FROM cdc.worker_status()
              WHERE subscription_id <> 0
              GROUP BY subscription_id) w ON w.subscription_id = s.id
  LEFT JOIN (SELECT max(pid) AS pid
               FROM cdc.worker_status() WHERE worker = 'supervisor') v ON true
  LEFT JOIN (SELECT subscription,
                    CASE WHEN count(*) <= 10
                         THEN string_agg(topic || '/' || "partition" || '@' || coalesce(next_offset, 0), ', '
                                         ORDER BY topic, "partition")
                         ELSE count(*) || ' partitions' END AS position
               FROM cdc_catalog.subscription_partition
              GROUP BY subscription) k ON k.subscription = s.name
  LEFT JOIN (SELECT subscription,
                    count(*) AS tables,
                    sum(CASE WHEN state IN ('i', 'd', 'f', 's') THEN 1 ELSE 0 END) AS copying,
                    sum(CASE WHEN state = 'e' THEN 1 ELSE 0 END) AS failed
               FROM cdc_catalog.subscription_table
              GROUP BY subscription) t ON t.subscription = s.name
  LEFT JOIN (SELECT x.subscription,
                    sum(x.failures) AS failures,
                    max(CASE WHEN x.newest = 1 THEN x.worker || ': ' || x.last_error END) AS last_error,
                    max(CASE WHEN x.newest = 1 THEN x.last_sqlstate END) AS last_sqlstate,
                    max(x.last_error_at) AS last_error_at
               FROM (SELECT y.*, row_number() OVER (PARTITION BY y.subscription
                                                    ORDER BY y.last_error_at DESC) AS newest
                       FROM cdc.subscription_failure y) x
              GROUP BY x.subscription) f ON f.subscription = s.name;

COMMENT ON VIEW cdc.stat_subscription IS 'state, position, lag and counters of subscriptions';

-- state: as in pg_subscription_rel: i to be copied, d being copied, f copied,
-- s synchronised, r ready; e in error.  ddl_...: the newest change of the source table that
-- apply has come to, and what it did.  error_seq, error_key: the event that stopped the table,
-- or, with on_error stop, the subscription.  kept_events: events of it that wait in cdc.error.
-- differs: what was left out of the target by somebody's decision.
CREATE VIEW cdc.stat_table WITH (security_barrier = true) AS
SELECT t.subscription,
       t.source_table,
       t.target,
       t.mode,
       t.state,
       coalesce(c.inserts, 0) AS inserts,
       coalesce(c.updates, 0) AS updates,
       coalesce(c.deletes, 0) AS deletes,
       coalesce(c.events, 0) AS events,
       c.last_seq,
       c.source_ts,
       t.last_error,
       t.state_since,
       t.last_sqlstate,
       d.seq AS ddl_seq,
       d.statement AS ddl_statement,
       d.outcome AS ddl_outcome,
       coalesce(t.error_seq, f.seq) AS error_seq,
       CASE WHEN t.error_seq IS NULL THEN f.key ELSE t.error_key END AS error_key,
       t.kept_events,
       t.differs
  FROM cdc.subscription_table t
  LEFT JOIN cdc_catalog.table_counter c
    ON c.subscription = t.subscription AND c.source_table = t.source_table
  LEFT JOIN cdc.subscription_failure f
    ON f.subscription = t.subscription AND f.source_table = t.source_table AND f.worker = 'apply' AND f.failures > 0
  LEFT JOIN (SELECT x.subscription, x.source_table, x.seq, x.statement, x.outcome,
                    row_number() OVER (PARTITION BY x.subscription, x.source_table ORDER BY x.number DESC) AS newest
               FROM cdc.ddl_history x
              WHERE x.outcome IS NOT NULL) d
    ON d.subscription = t.subscription AND d.source_table = t.source_table AND d.newest = 1;

COMMENT ON VIEW cdc.stat_table IS 'state and counters of the tables of subscriptions';

-- Copies of tables that are not complete: phase is waiting (for its turn), copying (chunks
-- go into the history), catching up (the stream has to pass the last chunk) or applying
-- (the target has to get all that).  rows and bytes are those in the history.  last_key is
-- of the row that was read last, as literals of the source's SQL.
CREATE VIEW cdc.stat_progress_copy WITH (security_barrier = true) AS
SELECT t.subscription,
       t.source_table,
       t.target,
       coalesce(p.kind, 'copy') AS kind,
       CASE t.state WHEN 'i' THEN 'waiting' WHEN 'd' THEN 'copying'
                    WHEN 'f' THEN 'catching up' ELSE 'applying' END AS phase,
       coalesce(p.replaces, false) AS replaces,
       coalesce(p.rows, 0) AS rows,
       greatest(p.estimated_rows, p.rows) AS estimated_rows,
       coalesce(p.bytes, 0) AS bytes,
       coalesce(p.chunks, 0) AS chunks,
       coalesce(p.restarts, 0) AS restarts,
       CASE WHEN p.updated_at > p.started_at
            THEN round((p.rows / extract(epoch FROM coalesce(p.copied_at, p.updated_at) - p.started_at))::numeric)
       END AS rows_per_second,
       CASE WHEN t.state = 'd' AND p.rows > 0 AND p.estimated_rows > p.rows AND p.updated_at > p.started_at
            THEN date_trunc('second', (p.updated_at - p.started_at) * ((p.estimated_rows - p.rows)::float8 / p.rows))
       END AS time_left,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN p.last_key END AS last_key,
       p.requested_at,
       p.started_at,
       p.copied_at,
       p.synced_at
  FROM cdc.subscription_table t
  LEFT JOIN cdc_catalog.copy_progress p
    ON p.subscription = t.subscription AND p.source_table = t.source_table
 WHERE t.state IN ('i', 'd', 'f', 's');

COMMENT ON VIEW cdc.stat_progress_copy IS 'copies of tables that are under way';

-- low, high: what the broker had when it was asked last, every metadata_refresh
-- and with each call of cdc.pull.
CREATE VIEW cdc.stat_kafka_partition WITH (security_barrier = true) AS
SELECT p.subscription,
       p.topic,
       p."partition",
       p.low,
       p.high,
       coalesce(p.next_offset, p.low) AS position,
       p.high - coalesce(p.next_offset, p.low) AS lag,
       p.messages,
       p.bytes,
       timestamptz 'epoch' + p.message_ms * interval '1 millisecond' AS last_message,
       p.last_error,
       p.last_error_at,
       p.updated_at,
       p.last_sqlstate
  FROM cdc.subscription_partition p;

COMMENT ON VIEW cdc.stat_kafka_partition IS 'position, lag and last error of the partitions of subscriptions';

GRANT SELECT ON cdc.stat_subscription, cdc.stat_table, cdc.stat_progress_copy, cdc.stat_kafka_partition TO PUBLIC;
