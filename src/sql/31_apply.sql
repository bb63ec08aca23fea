-- apply: history into targets.

-- Merges what history has, or max_events rounded up to a source commit.  Returns
-- a row for each target that had events, with the rows written in it.
CREATE FUNCTION cdc.apply(subscription text, max_events bigint DEFAULT NULL)
RETURNS TABLE (target text, events bigint, inserted bigint, updated bigint, deleted bigint)
AS 'MODULE_PATHNAME', 'cdc_apply' LANGUAGE C VOLATILE;

-- Derives a table from stored history; returns the number of events.  columns and
-- row_filter: as of cdc.add_table.
CREATE FUNCTION cdc.replay(
    subscription text,
    source_table text,
    target text,
    from_seq bigint DEFAULT NULL,
    to_seq bigint DEFAULT NULL,
    mode text DEFAULT 'replica',
    columns jsonb DEFAULT NULL,
    row_filter text DEFAULT NULL
) RETURNS bigint
AS 'MODULE_PATHNAME', 'cdc_replay' LANGUAGE C VOLATILE;

-- True once the targets contain that GTID (set) or file:offset of the source;
-- null: where the source stands at the call.  False at the timeout.  Waits for copies of
-- tables too; an error where a table is in state e.  tables: only these are looked at.
CREATE FUNCTION cdc.wait_for(
    subscription text,
    source_position text DEFAULT NULL,
    "timeout" interval DEFAULT '1 min',
    tables text[] DEFAULT NULL
) RETURNS boolean
AS 'MODULE_PATHNAME', 'cdc_wait_for' LANGUAGE C VOLATILE;
