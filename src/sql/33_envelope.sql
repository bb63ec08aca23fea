-- What a message of Kafka says: for who looks at topics with SQL, and to try a format.
CREATE FUNCTION cdc.read_envelope(
    value jsonb,
    key jsonb DEFAULT NULL,
    topic text DEFAULT '',
    format text DEFAULT 'auto',
    OUT format_seen text,
    OUT op "char",
    OUT source_table text,
    OUT source_ts timestamptz,
    OUT gtid text,
    OUT xid numeric,
    OUT commit boolean,
    OUT key_columns text[],
    OUT row_number integer,
    OUT data jsonb,
    OUT old jsonb)
RETURNS SETOF record
LANGUAGE C IMMUTABLE AS 'MODULE_PATHNAME', 'cdc_read_envelope';

COMMENT ON FUNCTION cdc.read_envelope(jsonb, jsonb, text, text) IS
    'the change that a message of Kafka tells, a row for each row of it';

-- A parser of what comes from outside is for those who need it.
REVOKE ALL ON FUNCTION cdc.read_envelope(jsonb, jsonb, text, text) FROM PUBLIC;
