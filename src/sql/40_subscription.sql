-- Administration of subscriptions.  Each function checks itself who may call it:
-- members of the owner's role; creating needs USAGE on the server, a user
-- mapping, and CREATE on the schemas of history and replicas.

-- target_rows: what becomes of rows that a target has already: error (there must be none),
-- replace (the copy replaces them), keep (they stay beside the copied ones).
CREATE FUNCTION cdc.create_subscription(
    name text,
    server text,
    tables text[] DEFAULT '{*.*}',
    "exclude" text[] DEFAULT '{}',
    topics text[] DEFAULT NULL,
    format text DEFAULT 'maxwell',
    target_schema text DEFAULT NULL,
    history text DEFAULT NULL,
    copy_data boolean DEFAULT true,
    start_position text DEFAULT NULL,
    enabled boolean DEFAULT true,
    options jsonb DEFAULT '{}',
    target_rows text DEFAULT 'error')
RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_create_subscription';

COMMENT ON FUNCTION cdc.create_subscription(text, text, text[], text[], text[], text, text, text,
                                            boolean, text, boolean, jsonb, text) IS
    'makes history table, replica tables and subscription, and starts its workers';

-- Options given replace those stored; null puts the default back.  format: Kafka, as long
-- as the history has no rows that are read by the former one.
CREATE FUNCTION cdc.alter_subscription(name text, options jsonb DEFAULT '{}', format text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_alter_subscription';

COMMENT ON FUNCTION cdc.alter_subscription(text, jsonb, text) IS 'changes options or format of a subscription';

CREATE FUNCTION cdc.enable_subscription(name text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_enable_subscription';

COMMENT ON FUNCTION cdc.enable_subscription(text) IS
    'starts the workers at commit; at once again what waits after an error';

CREATE FUNCTION cdc.disable_subscription(name text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_disable_subscription';

COMMENT ON FUNCTION cdc.disable_subscription(text) IS 'ends the workers at commit';

-- From whatever error pull stands at.  resync: all tables are copied anew, and the
-- copies replace what the targets have; without, what is between is not replicated.
CREATE FUNCTION cdc.restart_subscription(name text, "position" text DEFAULT 'latest', resync boolean DEFAULT true)
RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_restart_subscription';

COMMENT ON FUNCTION cdc.restart_subscription(text, text, boolean) IS
    'reads on from a position after a gap, and copies all tables again';

CREATE FUNCTION cdc.drop_subscription(name text, drop_history boolean DEFAULT false) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_drop_subscription';

COMMENT ON FUNCTION cdc.drop_subscription(text, boolean) IS
    'ends a subscription; replicas stay, the history too unless it is to be dropped';

-- A source table that has a target gets another one beside it.  Functions about tables take the
-- source table, for all of its targets, and target, for one of them.
-- mode: replica, the rows of the source; soft_delete, those that it has deleted stay, and say so;
-- append, each event is a row; scd2, each version of a row is one; null: as option target_mode of the subscription says.
-- target_rows: as of cdc.create_subscription; null: error, without copy_data keep.
-- copy_where: only these rows are copied, a condition in the source's SQL; all changes come.
-- columns: target column -> "source column", {"value": constant} or {"expr": "SQL expression"}.
-- row_filter: SQL condition; only rows of the source for which it is true are in the target.
-- from_history: Kafka, the target is filled with what the history has of the table.
CREATE FUNCTION cdc.add_table(
    subscription text,
    source_table text,
    target text DEFAULT NULL,
    mode text DEFAULT NULL,
    key text[] DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    row_filter text DEFAULT NULL,
    copy_data boolean DEFAULT true,
    target_rows text DEFAULT NULL,
    copy_where text DEFAULT NULL,
    options jsonb DEFAULT NULL,
    from_history boolean DEFAULT true)
RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_add_table';

COMMENT ON FUNCTION cdc.add_table(text, text, text, text, text[], jsonb, text, boolean, text, text, jsonb, boolean) IS
    'captures one more source table, whatever the patterns say';

-- What is null stays as it is.  Options given replace those stored for the table; null in
-- them takes one away, so that the subscription's holds.  Another key, other columns (JSON
-- null: all, under their names), another row_filter (an empty one: all rows) or another target: the target's rows are made anew, from the history (Kafka; unless from_history is
-- false: then what comes is written so) or by a new copy.  An empty key: the table has none.
-- of_target: which of the source table's targets; null: options of all, or the only one.
-- mode: of a target that stays, from replica to soft_delete or scd2, or from soft_delete to replica.
CREATE FUNCTION cdc.alter_table(
    subscription text,
    source_table text,
    options jsonb DEFAULT NULL,
    key text[] DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    target text DEFAULT NULL,
    from_history boolean DEFAULT true,
    row_filter text DEFAULT NULL,
    of_target text DEFAULT NULL,
    mode text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_alter_table';

COMMENT ON FUNCTION cdc.alter_table(text, text, jsonb, text[], jsonb, text, boolean, text, text, text) IS
    'changes key, columns, row filter, target, mode or options of a source table, in place';

-- Kafka: a name or pattern of topics more.
CREATE FUNCTION cdc.add_topic(subscription text, topic text, start_position text DEFAULT NULL) RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_add_topic';

COMMENT ON FUNCTION cdc.add_topic(text, text, text) IS 'Kafka: reads more topics, by name or pattern';

-- Kafka: the topic is read no longer, whether it still exists or not.
CREATE FUNCTION cdc.remove_topic(subscription text, topic text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_remove_topic';

COMMENT ON FUNCTION cdc.remove_topic(text, text) IS 'Kafka: reads a topic no longer';

-- Its events are no longer kept in the history, but where they come from Kafka: there they
-- are unless keep_events is false, so that a table that is added again lacks nothing.
-- target: that one is filled no longer; the events go on while another is.
CREATE FUNCTION cdc.remove_table(subscription text, source_table text, keep_events boolean DEFAULT NULL,
    target text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_remove_table';

COMMENT ON FUNCTION cdc.remove_table(text, text, boolean, text) IS
    'replicates a source table no longer; its target stays as it is';

-- A new copy of the table, in place, while the stream goes on.  Rows that the source has
-- not any more go from the target; with a where_clause, which is a condition in the
-- source's SQL, only rows that it selects are copied, and of the others the keys are read.
CREATE FUNCTION cdc.resync_table(subscription text, source_table text, where_clause text DEFAULT NULL,
    target text DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_resync_table';

COMMENT ON FUNCTION cdc.resync_table(text, text, text, text) IS
    'copies a source table anew, so that its target is made equal, while the stream goes on';

-- Drops partitions of the history of which all events came before that time, the oldest first, as
-- long as nothing needs them: apply, publications, tables in error, kept events, copies.
CREATE FUNCTION cdc.purge_history(subscription text, before timestamptz,
    OUT "partition" text, OUT first_seq bigint, OUT last_seq bigint)
RETURNS SETOF record
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_purge_history';

COMMENT ON FUNCTION cdc.purge_history(text, timestamptz) IS
    'drops old partitions of a history that nothing needs any more; recorded in cdc.log';
