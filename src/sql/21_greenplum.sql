-- Topics as external tables, which Greenplum alone has: LOCATION ('kafka://...').  Who
-- may make them is up to GRANT ... ON PROTOCOL kafka.  Foreign tables of topics are read by
-- all segments unless their server or they themselves say otherwise.
DO $do$
BEGIN
    IF pg_catalog.to_regclass('pg_catalog.gp_id') IS NULL THEN
        RETURN;
    END IF;
    EXECUTE $sql$
CREATE FUNCTION cdc.kafka_protocol_read() RETURNS integer
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cdc_kafka_protocol_read'
$sql$;
    EXECUTE $sql$
CREATE FUNCTION cdc.kafka_protocol_write() RETURNS integer
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cdc_kafka_protocol_write'
$sql$;
    EXECUTE $sql$
CREATE FUNCTION cdc.kafka_protocol_validate() RETURNS void
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cdc_kafka_protocol_validate'
$sql$;
    -- A formatter is found by a plain name in search_path, whatever stands in the way
    -- there: so it is where nobody else makes functions, and its name has the dot in it.
    EXECUTE $sql$
CREATE FUNCTION pg_catalog."cdc.kafka_in"() RETURNS record
LANGUAGE c STABLE
AS 'MODULE_PATHNAME', 'cdc_kafka_in'
$sql$;
    EXECUTE $sql$
CREATE TRUSTED PROTOCOL kafka (
    readfunc = cdc.kafka_protocol_read,
    writefunc = cdc.kafka_protocol_write,
    validatorfunc = cdc.kafka_protocol_validate)
$sql$;
    -- Rows on their way to the segments, for apply alone: nobody can write such a value.
    EXECUTE $sql$
CREATE TYPE cdc.row_batch
$sql$;
    EXECUTE $sql$
CREATE FUNCTION cdc.row_batch_in(cstring) RETURNS cdc.row_batch
LANGUAGE c IMMUTABLE STRICT
AS 'MODULE_PATHNAME', 'cdc_row_batch_in'
$sql$;
    EXECUTE $sql$
CREATE FUNCTION cdc.row_batch_out(cdc.row_batch) RETURNS cstring
LANGUAGE c IMMUTABLE STRICT
AS 'MODULE_PATHNAME', 'cdc_row_batch_out'
$sql$;
    EXECUTE $sql$
CREATE TYPE cdc.row_batch (INPUT = cdc.row_batch_in, OUTPUT = cdc.row_batch_out,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = double, STORAGE = plain)
$sql$;
    EXECUTE $sql$
CREATE FUNCTION cdc.batch_rows(cdc.row_batch, anyelement) RETURNS SETOF anyelement
LANGUAGE c IMMUTABLE ROWS 8192
AS 'MODULE_PATHNAME', 'cdc_batch_rows'
$sql$;
    -- Immutable as far as the planner may know: it is to run where the table's rows are.
    EXECUTE $sql$
CREATE FUNCTION cdc.batch_rows_here(cdc.row_batch, anyelement) RETURNS SETOF anyelement
LANGUAGE c IMMUTABLE ROWS 8192
AS 'MODULE_PATHNAME', 'cdc_batch_rows_here'
$sql$;
    -- Volatile as far as the planner may know: it is to run once for each event.
    EXECUTE $sql$
CREATE FUNCTION cdc.event_row("char", jsonb, text[], integer[], anyelement) RETURNS anyelement
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cdc_event_row'
$sql$;
    -- What a segment reads of Kafka as rows of a history, for pull: with the rights of who calls it.
    EXECUTE $sql$
CREATE TYPE cdc.kafka_row AS (seq bigint, source_ts timestamptz, source_table text, op "char",
    "position" text, gtid text, event jsonb, raw bytea, key jsonb)
$sql$;
    EXECUTE $sql$
CREATE FUNCTION cdc.kafka_rows(subscription text, server text, format text, tables text[],
    "exclude" text[], added text[], known text[], topics text[], numbers bigint[],
    max_bytes bigint, report_seq bigint) RETURNS SETOF cdc.kafka_row
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'cdc_kafka_rows'
$sql$;
    EXECUTE $sql$
ALTER FOREIGN DATA WRAPPER cdc_kafka OPTIONS (ADD mpp_execute 'all segments')
$sql$;
END $do$;
