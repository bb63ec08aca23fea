-- The past: targets as they were.

-- The rows that a target had at a commit of its source, out of the history: at the last one at that
-- time, by the source's clock.  The first argument says whose row type: NULL::shop.orders.
CREATE FUNCTION cdc.as_of(target anyelement, at timestamptz) RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'cdc_as_of_time' LANGUAGE C VOLATILE;

COMMENT ON FUNCTION cdc.as_of(anyelement, timestamptz) IS
    'rows of a target as they were at a time';

-- The same at the last commit up to an event.
CREATE FUNCTION cdc.as_of(target anyelement, at_seq bigint) RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'cdc_as_of_seq' LANGUAGE C VOLATILE;

COMMENT ON FUNCTION cdc.as_of(anyelement, bigint) IS
    'rows of a target as they were at an event';
