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

-- Events that could not be applied are applied now, in their order, and a table that stopped
-- (state e) catches up; null: of all tables.  With max_events it goes on by about so many events
-- of the history, up to a commit, and has stopped there then.  Returns the number of events.
-- ERROR, and nothing is done, where one still cannot be.
CREATE FUNCTION cdc.retry_errors(subscription text, source_table text DEFAULT NULL, target text DEFAULT NULL,
    max_events bigint DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cdc_retry_errors' LANGUAGE C VOLATILE;

COMMENT ON FUNCTION cdc.retry_errors(text, text, text, bigint) IS
    'applies what could not be applied before; tables in error go on from where they stopped';

-- Gives up events that cdc.error keeps, all of a table or the one of that seq; null as table:
-- of all tables, and what pull kept.  The table stays marked until it is verified or copied anew.
CREATE FUNCTION cdc.discard_errors(subscription text, source_table text, reason text, seq bigint DEFAULT NULL,
    target text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cdc_discard_errors' LANGUAGE C VOLATILE;

COMMENT ON FUNCTION cdc.discard_errors(text, text, text, bigint, text) IS
    'gives up events that are kept in cdc.error; recorded in cdc.log with the reason';

-- Apply passes over the source transaction with that GTID, or of which an event has that
-- position ('file:offset', 'topic/partition@offset').  Its tables stay marked as above.
CREATE FUNCTION cdc.skip_transaction(subscription text, gtid_or_position text) RETURNS void
AS 'MODULE_PATHNAME', 'cdc_skip_transaction' LANGUAGE C VOLATILE STRICT;

COMMENT ON FUNCTION cdc.skip_transaction(text, text) IS
    'apply passes over one source transaction; recorded in cdc.log';

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
