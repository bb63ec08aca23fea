-- What others see of the catalogs: cdc.x is a view of the table cdc_catalog.x.
-- Members of the role of a subscription's owner (as far as they inherit its
-- rights) see its rows; superusers and the extension's owner see all rows;
-- members of cdc_monitor see all rows, without what may hold a value of the
-- source: texts of errors, details, stored messages.  Others see no row.
--
-- Views and not policies of row-level security: a policy hides rows and no
-- columns, so that an owner and a monitor would need other names for the same
-- table; pg_dump by whoever does not bypass policies ends in an error; and
-- Greenplum 6 has none.  Each of them is a plain query on one table, so that a
-- superuser's INSERT, UPDATE and DELETE pass through (columns with a condition
-- are for reading).

-- Who asks; one row.
CREATE VIEW cdc_catalog.viewer AS
SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') AS admin,
       EXISTS (SELECT 1 FROM pg_catalog.pg_roles r
                WHERE r.rolname = 'cdc_monitor'
                  AND pg_catalog.pg_has_role(r.oid, 'USAGE')) AS monitor
  FROM pg_catalog.pg_class c
 WHERE c.oid = 'cdc_catalog.subscription'::regclass;

-- The subscriptions that he sees; own: with everything.  The owner is the role that it
-- was when the subscription came to this database, whatever it is called by now.
CREATE VIEW cdc_catalog.visible AS
SELECT s.id,
       s.name,
       v.admin OR coalesce(pg_catalog.pg_has_role(r.oid, 'USAGE'), false) AS own
  FROM cdc_catalog.subscription s
 CROSS JOIN cdc_catalog.viewer v
  LEFT JOIN cdc_catalog.subscription_identity i ON i.subscription = s.name
  LEFT JOIN pg_catalog.pg_roles r ON CASE WHEN i.owner IS NULL THEN r.rolname = s.owner ELSE r.oid = i.owner END
 WHERE v.admin OR v.monitor OR pg_catalog.pg_has_role(r.oid, 'USAGE');

-- What an SQLSTATE says without the text of its error.
CREATE VIEW cdc_catalog.sqlstate_class (class, description) AS
VALUES ('08', 'connection exception'),
       ('0A', 'feature not supported'),
       ('21', 'cardinality violation'),
       ('22', 'data exception'),
       ('23', 'integrity constraint violation'),
       ('25', 'invalid transaction state'),
       ('27', 'triggered data change violation'),
       ('28', 'invalid authorization specification'),
       ('2B', 'dependent privilege descriptors still exist'),
       ('2F', 'SQL routine exception'),
       ('38', 'external routine exception'),
       ('39', 'external routine invocation exception'),
       ('3D', 'invalid catalog name'),
       ('3F', 'invalid schema name'),
       ('40', 'transaction rollback'),
       ('42', 'syntax error or access rule violation'),
       ('44', 'with check option violation'),
       ('53', 'insufficient resources'),
       ('54', 'program limit exceeded'),
       ('55', 'object not in prerequisite state'),
       ('57', 'operator intervention'),
       ('58', 'system error'),
       ('F0', 'configuration file error'),
       ('HV', 'error of the source'),
       ('LG', 'trouble with the log of the source'),
       ('P0', 'error raised by a function'),
       ('XX', 'internal error');

CREATE VIEW cdc.subscription WITH (security_barrier = true) AS
SELECT s.*
  FROM cdc_catalog.subscription s
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR s.name IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.subscription_position WITH (security_barrier = true) AS
SELECT p.*
  FROM cdc_catalog.subscription_position p
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR p.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.subscription_partition WITH (security_barrier = true) AS
SELECT p.subscription, p.topic, p."partition", p.next_offset, p.low, p.high, p.message_offset, p.message_ms,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR p.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN p.message_sum END AS message_sum,
       p.messages, p.bytes,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR p.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN p.last_error
            ELSE p.last_sqlstate || coalesce((SELECT ': ' || c.description FROM cdc_catalog.sqlstate_class c
                                               WHERE c.class = substr(p.last_sqlstate, 1, 2)), '')
       END AS last_error,
       p.last_sqlstate, p.last_error_at, p.updated_at
  FROM cdc_catalog.subscription_partition p
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR p.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.subscription_progress WITH (security_barrier = true) AS
SELECT p.*
  FROM cdc_catalog.subscription_progress p
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR p.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.subscription_failure WITH (security_barrier = true) AS
SELECT f.subscription, f.worker, f.failures,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR f.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN f.last_error
            ELSE f.last_sqlstate || coalesce((SELECT ': ' || c.description FROM cdc_catalog.sqlstate_class c
                                               WHERE c.class = substr(f.last_sqlstate, 1, 2)), '')
       END AS last_error,
       f.last_sqlstate, f.last_error_at, f.latched, f.source_table, f.seq,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR f.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN f.key END AS key
  FROM cdc_catalog.subscription_failure f
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR f.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

-- columns, row_filter: expressions of the owner's, with values in them.
CREATE VIEW cdc.subscription_table WITH (security_barrier = true) AS
SELECT t.subscription, t.source_table, t.target, t.mode, t.key,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.columns END AS columns,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.row_filter END AS row_filter,
       t.copy_data, t.state,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.last_error
            ELSE t.last_sqlstate || coalesce((SELECT ': ' || c.description FROM cdc_catalog.sqlstate_class c
                                               WHERE c.class = substr(t.last_sqlstate, 1, 2)), '')
       END AS last_error,
       t.last_sqlstate, t.state_since, t.options, t.held_seq, t.error_seq,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.error_key END AS error_key,
       t.kept_events,
       coalesce(t.differs, CASE WHEN t.loose_key THEN 'of rows with the same key the target has one: nothing at the source was known to keep them apart' END,
                (SELECT 'triggers of the target that fire before its rows are written may change them, or leave some out: '
                        || string_agg(quote_ident(g.tgname), ', ' ORDER BY g.tgname)
                   FROM pg_catalog.pg_trigger g
                  WHERE g.tgrelid = t.target_oid AND NOT g.tgisinternal
                    AND g.tgtype & 3 = 3                -- BEFORE ... FOR EACH ROW
                    AND g.tgenabled IN ('A', 'R')
                 HAVING count(*) > 0)) AS differs,
       t.name
  FROM cdc_catalog.subscription_table t
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.table_counter WITH (security_barrier = true) AS
SELECT c.*
  FROM cdc_catalog.table_counter c
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR c.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.table_version WITH (security_barrier = true) AS
SELECT t.*
  FROM cdc_catalog.table_version t
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

-- statement, change and outcome: defaults may be values of the owner's.
CREATE VIEW cdc.table_change WITH (security_barrier = true) AS
SELECT t.subscription, t.number, t.kind, t.source_table, t.from_seq, t.position, t.source_ts,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.statement END AS statement,
       t.before_version, t.after_version,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.change END AS change,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.outcome END AS outcome,
       t.outcome_at
  FROM cdc_catalog.table_change t
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

-- DDL of the source: seq is the first event behind the statement; before and after are the
-- definitions of the table, without columns where it does not exist.
CREATE VIEW cdc.ddl_history WITH (security_barrier = true) AS
SELECT c.subscription,
       c.from_seq AS seq,
       c.source_ts,
       c.source_table,
       CASE c.kind WHEN 'a' THEN 'alter' WHEN 'c' THEN 'create' WHEN 'd' THEN 'drop'
                   WHEN 'r' THEN 'rename' WHEN 'n' THEN 'replace' WHEN 't' THEN 'truncate'
                   WHEN 'b' THEN 'copy' ELSE 'found' END AS kind,
       c.statement,
       b.columns AS before,
       a.columns AS after,
       c.outcome,
       c.outcome_at,
       c.position,
       c.number
  FROM cdc.table_change c
  LEFT JOIN cdc_catalog.table_version b
    ON b.subscription = c.subscription AND b.source_table = c.source_table AND b.version = c.before_version
  LEFT JOIN cdc_catalog.table_version a
    ON a.subscription = c.subscription AND a.source_table = c.source_table AND a.version = c.after_version
 WHERE c.outcome IS DISTINCT FROM '';     -- of tables that are not replicated

COMMENT ON VIEW cdc.ddl_history IS 'DDL of the source, definitions before and after, and what apply did';

-- events: rows of the source as they came.
CREATE VIEW cdc.prepared_transaction WITH (security_barrier = true) AS
SELECT t.subscription, t.xid, t.chunk,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN t.events END AS events,
       t.position, t.gtid, t.prepared_at, t.mariadb, t.server_version, t.post_header
  FROM cdc_catalog.prepared_transaction t
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR t.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.database_version WITH (security_barrier = true) AS
SELECT d.*
  FROM cdc_catalog.database_version d
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR d.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.error WITH (security_barrier = true) AS
SELECT e.subscription, e.seq, e.at, e.position, e.source_table, e.sqlstate,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR e.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN e.message
            ELSE e.sqlstate || coalesce((SELECT ': ' || c.description FROM cdc_catalog.sqlstate_class c
                                          WHERE c.class = substr(e.sqlstate, 1, 2)), '')
       END AS message,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR e.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN e.raw END AS raw,
       e.op,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR e.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN e.event END AS event,
       e.name
  FROM cdc_catalog.error e
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR e.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.skipped_transaction WITH (security_barrier = true) AS
SELECT s.*
  FROM cdc_catalog.skipped_transaction s
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR s.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

COMMENT ON VIEW cdc.skipped_transaction IS 'source transactions that cdc.skip_transaction() passed over';

-- By the subscription's number: names are used again, perhaps by another owner.
-- What was dropped is seen by monitors, superusers and the extension's owner.
CREATE VIEW cdc.log WITH (security_barrier = true) AS
SELECT l.at, l.subscription, l.kind, l.message,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR l.subscription_id IN (SELECT v.id FROM cdc_catalog.visible v WHERE v.own)
            THEN l.detail END AS detail,
       l.repeats, l.last_at, l.by_role
  FROM cdc_catalog.log l
 WHERE (SELECT w.admin OR w.monitor FROM cdc_catalog.viewer w)
    OR l.subscription_id IN (SELECT v.id FROM cdc_catalog.visible v);

CREATE VIEW cdc.publication WITH (security_barrier = true) AS
SELECT p.name, p.subscription, p.server, p.topic_template, p.key_template, p.format, p.options, p.enabled,
       p.published_seq, p.events, p.messages, p.updated_at, p.id
  FROM cdc_catalog.publication p
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR p.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

CREATE VIEW cdc.verification WITH (security_barrier = true) AS
SELECT r.subscription, r.source_table, r.started_at, r.finished_at, r.applied_seq, r.chunk, r.source_rows,
       r.target_rows,
       CASE WHEN (SELECT w.admin FROM cdc_catalog.viewer w)
                 OR r.subscription IN (SELECT v.name FROM cdc_catalog.visible v WHERE v.own)
            THEN r.differing_keys END AS differing_keys,
       r.kind, r.rows_read, r.target
  FROM cdc_catalog.verification r
 WHERE (SELECT w.admin FROM cdc_catalog.viewer w)
    OR r.subscription IN (SELECT v.name FROM cdc_catalog.visible v);

REVOKE ALL ON ALL TABLES IN SCHEMA cdc_catalog FROM PUBLIC;
GRANT SELECT ON cdc.subscription, cdc.subscription_position, cdc.subscription_partition, cdc.subscription_progress,
    cdc.subscription_failure, cdc.subscription_table, cdc.table_counter, cdc.table_version, cdc.table_change, cdc.ddl_history, cdc.prepared_transaction,
    cdc.database_version, cdc.error, cdc.skipped_transaction, cdc.log, cdc.publication, cdc.verification TO PUBLIC;
