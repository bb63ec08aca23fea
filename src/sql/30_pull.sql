-- Pull: the next source transactions into history.

-- Appends what the source has now, or max_events rounded up to a commit, to
-- the subscription's history, the position with it.  Returns the number of
-- events.
CREATE FUNCTION cdc.pull(subscription text, max_events bigint DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_pull';

COMMENT ON FUNCTION cdc.pull(text, bigint) IS
    'appends what the source has now to the history; returns the number of events';

-- For the regression tests: walks a document through the writer of JSONB and
-- raises an error where the result differs from what PostgreSQL stores.
CREATE FUNCTION cdc._jsonb_rebuild(document jsonb) RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'cdc_jsonb_rebuild';
