-- Pull: the next source transactions into history.

-- Appends what the source has now, or max_events rounded up to a commit, to
-- the subscription's history, the position with it.  Returns the number of
-- events.
CREATE FUNCTION cdc.pull(subscription text, max_events bigint DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_pull';

COMMENT ON FUNCTION cdc.pull(text, bigint) IS
    'appends what the source has now to the history; returns the number of events';

-- The next pull reads from there.  Kafka: 'earliest', 'latest', a time, or a list
-- of 'topic/partition@offset', which leaves other partitions where they are.
-- MySQL, MariaDB: 'earliest', 'latest', a GTID set, a binlog file, without GTIDs
-- 'file:offset'.  What was read before comes again with a new seq.
CREATE FUNCTION cdc.set_position(subscription text, "position" text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_set_position';

COMMENT ON FUNCTION cdc.set_position(text, text) IS
    'where the next pull reads; recorded in cdc.log';

-- For the regression tests: walks a document through the writer of JSONB and
-- raises an error where the result differs from what PostgreSQL stores.
CREATE FUNCTION cdc._jsonb_rebuild(document jsonb) RETURNS jsonb
LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'cdc_jsonb_rebuild';

-- For the regression tests: JSON text (UTF-8) as a message from Kafka is read;
-- an error where the result is not stored as expected is.
CREATE FUNCTION cdc._jsonb_parse(document bytea, expected jsonb DEFAULT NULL) RETURNS jsonb
LANGUAGE C IMMUTABLE AS 'MODULE_PATHNAME', 'cdc_jsonb_parse';

REVOKE ALL ON FUNCTION cdc._jsonb_rebuild(jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION cdc._jsonb_parse(bytea, jsonb) FROM PUBLIC;

-- Decodes a binlog file on the database server.  Without full row metadata in
-- the file the definitions of the subscription's tables are needed; where they
-- are not given, columns are named @1, @2, ...
CREATE FUNCTION cdc.read_binlog_file(
    path text,
    subscription text DEFAULT NULL,
    OUT "position" text,
    OUT gtid text,
    OUT source_ts timestamptz,
    OUT source_table text,
    OUT op "char",
    OUT event jsonb,
    OUT raw bytea)
RETURNS SETOF record
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_read_binlog_file';

COMMENT ON FUNCTION cdc.read_binlog_file(text, text) IS
    'the events of a binlog file on the server; needs the rights of pg_read_server_files';
