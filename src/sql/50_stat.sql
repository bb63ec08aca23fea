-- What goes on.  The views show a role what the catalogs' views show it
-- (11_views.sql): rows of its subscriptions, all of them to cdc_monitor.

-- Running workers of this database, of the subscriptions that the caller sees;
-- the supervisor to who sees one.
CREATE FUNCTION cdc.worker_status(
    OUT subscription_id integer, OUT worker text, OUT pid integer,
    OUT since timestamptz,
    OUT last_message timestamptz,           -- pull: when the source last sent anything
    OUT delay bigint,                       -- by how much that was late, microseconds; null: not known yet
    OUT patience bigint,                    -- microseconds of silence that mean nothing
    OUT drained boolean,                    -- the source has said that it has no more
    OUT turn_since timestamptz,             -- of its present transaction; null: it waits for work, or for the source to answer
    OUT blocked_since timestamptz,          -- it waits for a lock or a standby
    OUT waits_for text,                     -- for which, and who has it
    OUT blocked_by integer[],               -- their processes
    OUT asked_at timestamptz,               -- when the source was asked for what follows
    OUT bytes_behind bigint,                -- to the end of the source's binlog
    OUT bytes_kept bigint,                  -- of the source's binlogs before the place of pull
    OUT clock_ahead bigint,                 -- of the source's clock to ours, microseconds
    OUT kept_for bigint,                    -- how long the source keeps its binlogs, seconds; null: for ever
    OUT publication_id integer)             -- of a publication's worker
RETURNS SETOF record
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_worker_status';

-- The same for views that join it.  The function asks the extension's tables whose workers
-- the caller sees.  Greenplum would call it in a process that must not, where the planner
-- so chooses; what stands in a subquery of its own is called by the session itself.
CREATE TYPE cdc_catalog.worker AS (
    subscription_id integer, worker text, pid integer, since timestamptz, last_message timestamptz,
    delay bigint, patience bigint, drained boolean, turn_since timestamptz, blocked_since timestamptz,
    waits_for text, blocked_by integer[], asked_at timestamptz, bytes_behind bigint, bytes_kept bigint,
    clock_ahead bigint, kept_for bigint, publication_id integer);

CREATE VIEW cdc_catalog.worker_now AS
SELECT x.*
  FROM unnest((SELECT array_agg(ROW(w.*)::cdc_catalog.worker) FROM cdc.worker_status() w)) x;

-- Statements that are not done have to be typed outside of a function: VACUUM.
CREATE FUNCTION cdc.maintain(
    subscription text DEFAULT NULL,
    OUT relation text, OUT statement text, OUT done boolean, OUT reason text)
RETURNS SETOF record
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_maintain';

COMMENT ON FUNCTION cdc.maintain(text) IS 'analyses what has grown and names what wants a VACUUM, where autovacuum does not run';

COMMENT ON FUNCTION cdc.worker_status() IS 'background workers of this database';

-- When the oldest event behind applied_seq came into the history, and its commit at the
-- source; nulls where there is none, or the history is locked.
CREATE FUNCTION cdc_catalog.unapplied(subscription text, applied_seq bigint,
    OUT ingested_at timestamptz, OUT source_ts timestamptz)
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_unapplied';

-- What is shown is calculated from, a row a subscription.
--   pull_lag: how far what was read is behind the source.  A source that has said that it
--     has no more is followed, as long as it is heard of; what arrived last tells by its
--     age at arrival whether more of it is on its way.  Time that a worker spends in a
--     transaction, or that nothing is heard, counts: who knows what has been committed.
--   unapplied_age: the age of the oldest commit that the targets do not have, by our clock
--     since it came, or by the source's, as far as that is known to go before or after.
CREATE VIEW cdc_catalog.subscription_lag AS
SELECT s.name AS subscription,
       w.pull_pid,
       w.apply_pid,
       w.blocked_since,
       w.waits_for,
       w.blocked_by,
       w.asked_at,
       w.bytes_behind,
       w.bytes_kept,
       greatest(w.last_message, l.last_message) AS last_message,
       coalesce(w.clock_ahead, l.clock_ahead) * interval '1 microsecond' AS clock_ahead,
       coalesce(CASE WHEN w.asked_at IS NOT NULL THEN w.kept_for ELSE l.kept_for END) * interval '1 second' AS kept_for,
       CASE WHEN p.file IS NULL AND p.version = 0 THEN NULL
            WHEN w.pull_pid IS NULL OR w.last_message IS NULL
                THEN coalesce(clock_timestamp() - l.last_message + l.delay * interval '1 microsecond',
                              greatest(clock_timestamp() - p.source_ts, interval '0'))
            WHEN w.delay IS NULL
                THEN greatest(clock_timestamp() - p.source_ts, interval '0')
            WHEN w.pull_turn_since IS NOT NULL
                THEN greatest(clock_timestamp() - w.pull_turn_since, interval '0') + w.delay * interval '1 microsecond'
            WHEN clock_timestamp() - w.last_message > w.patience * interval '1.5 microseconds' + interval '1 second'
                THEN clock_timestamp() - w.last_message + w.delay * interval '1 microsecond'
            ELSE w.delay * interval '1 microsecond'
       END AS pull_lag,
       CASE WHEN a.applied_seq < p.last_seq
            THEN greatest(clock_timestamp() - coalesce(u.ingested_at, p.updated_at),
                          clock_timestamp() - u.source_ts
                          + coalesce(w.clock_ahead, l.clock_ahead) * interval '1 microsecond'
                          - CASE WHEN date_trunc('second', u.source_ts) = u.source_ts
                                 THEN interval '1 second' ELSE interval '0' END,
                          interval '0')
       END AS unapplied_age,
       CASE WHEN w.pull_turn_since IS NULL
                 AND clock_timestamp() - w.last_message > w.patience * interval '1.5 microseconds' + interval '1 second'
            THEN 'pull waits: for the source, which has sent nothing for '
                 || floor(extract(epoch FROM clock_timestamp() - w.last_message)) || ' s'
       END AS silence,
       w.pull_pid IS NOT NULL AND w.last_message IS NULL AS unheard
  FROM cdc_catalog.subscription s
  JOIN cdc_catalog.subscription_position p ON p.subscription = s.name
  JOIN cdc_catalog.subscription_progress a ON a.subscription = s.name
  LEFT JOIN cdc_catalog.source_seen l ON l.subscription = s.name
  LEFT JOIN (SELECT x.subscription_id,
                    max(CASE WHEN x.worker = 'pull' THEN x.pid END) AS pull_pid,
                    max(CASE WHEN x.worker = 'apply' THEN x.pid END) AS apply_pid,
                    max(CASE WHEN x.worker = 'pull' THEN x.turn_since END) AS pull_turn_since,
                    max(x.last_message) AS last_message,
                    max(x.delay) AS delay,
                    max(x.patience) AS patience,
                    min(x.blocked_since) AS blocked_since,
                    string_agg(x.worker || ' waits: ' || x.waits_for, '; ' ORDER BY x.worker) AS waits_for,
                    coalesce(max(CASE WHEN x.worker = 'apply' THEN x.blocked_by END), max(x.blocked_by)) AS blocked_by,
                    max(x.asked_at) AS asked_at,
                    max(x.bytes_behind) AS bytes_behind,
                    max(x.bytes_kept) AS bytes_kept,
                    max(x.clock_ahead) AS clock_ahead,
                    max(x.kept_for) AS kept_for
               FROM cdc_catalog.worker_now x
              WHERE x.subscription_id <> 0
              GROUP BY x.subscription_id) w ON w.subscription_id = s.id
  LEFT JOIN LATERAL cdc_catalog.unapplied(s.name, CASE WHEN a.applied_seq < p.last_seq THEN a.applied_seq END) u
       ON true;

-- state, and in brackets state_code:
--   cloned (8)     restored or copied here from another database: waits until
--                  cdc.enable_subscription() says that it is to go on here
--   copied (0)     disabled by itself: its copy_mode is only, and all tables are copied
--   disabled (7)   not to run
--   stopped (6)    no supervisor runs: cdc.enable_subscription() starts it
--   error (5)      a worker failed and waits to be started again, or has not yet
--                  got over its failure: last_error
--   blocked (4)    a worker waits for a lock or a standby, for more than a second, or tries
--                  again after a lock's time or a deadlock, or waits for a source that has not
--                  even sent its heartbeats: waits_for
--   starting (3)   a worker is not up yet, or the source has not answered it yet
--   copying (2)    tables are being copied
--   streaming (0)  follows the source; (1) but tables are in error
-- lag: how far the targets are behind the source at the most: the greater of
-- oldest_unapplied and of how far pull is behind.
CREATE VIEW cdc.stat_subscription WITH (security_barrier = true) AS
SELECT y.*,
       CASE y.state WHEN 'copied' THEN 0
                    WHEN 'streaming' THEN CASE WHEN y.tables_in_error > 0 THEN 1 ELSE 0 END
                    WHEN 'copying' THEN 2 WHEN 'starting' THEN 3 WHEN 'blocked' THEN 4
                    WHEN 'error' THEN 5 WHEN 'stopped' THEN 6 WHEN 'disabled' THEN 7 ELSE 8 END AS state_code,
       coalesce(w.waits_for, CASE WHEN y.state = 'blocked' THEN coalesce(CASE WHEN y.failures > 0 THEN y.last_error END, w.silence) END) AS waits_for,
       w.blocked_by,
       round(extract(epoch FROM clock_timestamp() - w.last_message)::numeric, 3) AS seconds_since_message,
       w.unapplied_age AS oldest_unapplied,
       w.bytes_behind,
       w.bytes_kept,
       w.kept_for - w.pull_lag AS binlog_time_left,
       w.clock_ahead AS source_clock_ahead,
       w.asked_at AS source_asked_at
  FROM (SELECT s.name AS subscription,
       s.owner,
       s.server,
       s.enabled,
       CASE WHEN i.subscription IS NULL
                 OR i.system_identifier || '/' || i."database" <> cdc_catalog.here() THEN 'cloned'
            WHEN NOT s.enabled AND s.options ->> 'copy_mode' = 'only' AND p.file IS NOT NULL
                 AND coalesce(t.copying, 0) = 0 AND a.applied_seq = p.last_seq THEN 'copied'
            WHEN NOT s.enabled THEN 'disabled'
            WHEN f.waits
                 OR (w.blocked_since < clock_timestamp() - interval '1 second' AND coalesce(f.failures, 0) = 0)
                THEN 'blocked'
            WHEN f.failures > 0 THEN 'error'
            WHEN v.pid IS NULL AND (w.pull_pid IS NULL OR w.apply_pid IS NULL) THEN 'stopped'
            WHEN w.pull_pid IS NULL OR w.apply_pid IS NULL
                 OR (p.file IS NULL AND p.version = 0) THEN 'starting'
            WHEN w.silence IS NOT NULL THEN 'blocked'
            WHEN t.copying > 0 THEN 'copying'
            WHEN w.unheard THEN 'starting'
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
       greatest(w.pull_lag, w.unapplied_age) AS lag,
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
  LEFT JOIN cdc_catalog.subscription_lag w ON w.subscription = s.name
  LEFT JOIN (SELECT max(pid) AS pid
               FROM cdc_catalog.worker_now WHERE worker = 'supervisor') v ON true
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
                    max(x.last_error_at) AS last_error_at,
                    bool_and(x.last_sqlstate IN ('55P03', '40P01')) AS waits
               FROM (SELECT y.*, row_number() OVER (PARTITION BY y.subscription
                                                    ORDER BY y.last_error_at DESC) AS newest
                       FROM cdc.subscription_failure y
                      WHERE y.failures > 0 AND y.worker IN ('pull', 'apply')) x
              GROUP BY x.subscription) f ON f.subscription = s.name) y
  LEFT JOIN cdc_catalog.subscription_lag w ON w.subscription = y.subscription;

COMMENT ON VIEW cdc.stat_subscription IS 'state, position, lag and counters of subscriptions';

-- state: as in pg_subscription_rel: i to be copied, d being copied, f copied,
-- s synchronised, r ready; e in error; as numbers, state_code: 1, 2, 3, 4, 0; 5.  ddl_...: the newest change of the source table that
-- apply has come to, and what it did.  error_seq, error_key: the event that stopped the table,
-- or, with on_error stop, the subscription.  kept_events: events of it that wait in cdc.error.
-- differs: what was left out of the target by somebody's decision, rows with the same key among it, or may be
-- by triggers of its own.  name: by which messages
-- call the row: the source table's, or 'source_table -> target' where that has several targets.
-- missing_rows, surplus_rows: updates and deletes that found no row in the target, inserts that found
-- one with other values; each proves that somebody else has changed it.
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
       CASE t.state WHEN 'r' THEN 0 WHEN 'i' THEN 1 WHEN 'd' THEN 2 WHEN 'f' THEN 3 WHEN 's' THEN 4 ELSE 5 END AS state_code,
       coalesce(t.error_seq, f.seq) AS error_seq,
       CASE WHEN t.error_seq IS NULL THEN f.key ELSE t.error_key END AS error_key,
       t.kept_events,
       t.differs,
       t.name,
       coalesce(c.missing, 0) AS missing_rows,
       coalesce(c.surplus, 0) AS surplus_rows
  FROM cdc.subscription_table t
  LEFT JOIN cdc_catalog.table_counter c
    ON c.subscription = t.subscription AND c.name = t.name
  LEFT JOIN cdc.subscription_failure f
    ON f.subscription = t.subscription AND f.source_table = t.name AND f.worker = 'apply' AND f.failures > 0
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
       CASE WHEN t.state IN ('i', 'd')
                 AND ((SELECT w.admin FROM cdc_catalog.viewer w)
                      OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own))
            THEN (SELECT s.copy_waits FROM cdc_catalog.subscription_position s
                   WHERE s.subscription = t.subscription) END AS waits_for,
       p.requested_at,
       p.started_at,
       p.copied_at,
       p.synced_at
  FROM cdc.subscription_table t
  LEFT JOIN cdc_catalog.copy_progress p
    ON p.subscription = t.subscription AND p.name = t.name
 WHERE t.state IN ('i', 'd', 'f', 's');

-- Runs of cdc.verify_step that are under way.  rows of the source were compared, rows_read of these
-- one by one.
CREATE VIEW cdc.stat_progress_verify WITH (security_barrier = true) AS
SELECT v.subscription,
       t.source_table,
       t.target,
       CASE WHEN v.done THEN 'done' WHEN v.updated_at IS NULL THEN 'waiting' ELSE 'comparing' END AS phase,
       v.source_rows AS rows,
       v.rows_read,
       v.differences,
       v.chunk AS chunks,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR v.subscription IN (SELECT o.name FROM cdc_catalog.visible o WHERE o.own)
            THEN v.last_key END AS last_key,
       v.started_at,
       v.updated_at
  FROM cdc_catalog.verification_progress v
  JOIN cdc_catalog.subscription_table t ON t.subscription = v.subscription AND t.name = v.name
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR v.subscription IN (SELECT o.name FROM cdc_catalog.visible o);

COMMENT ON VIEW cdc.stat_progress_verify IS 'runs of cdc.verify_in_steps that are not finished';

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
       timestamptz 'epoch' + CASE WHEN p.message_ms > 0 THEN p.message_ms END * interval '1 millisecond' AS last_message,
       p.last_error,
       p.last_error_at,
       p.updated_at,
       p.last_sqlstate
  FROM cdc.subscription_partition p;

COMMENT ON VIEW cdc.stat_kafka_partition IS 'position, lag and last error of the partitions of subscriptions';

GRANT SELECT ON cdc.stat_subscription, cdc.stat_table, cdc.stat_progress_copy, cdc.stat_progress_verify, cdc.stat_kafka_partition TO PUBLIC;
