-- verify: source and target compared at one position, while both change.

-- A row for each chunk, kind 'equal', or for each kind of difference in it: 'missing' (the
-- target lacks rows), 'extra' (the source does), 'different'; their keys with a hash of
-- both rows.  source_table null: all tables that are ready.  repair: tables that differ are
-- copied once more.  sample: the share of chunks that is compared; of tables of which all rows
-- are read, rows that only the target has are not looked for then.
CREATE FUNCTION cdc.verify(
    subscription text,
    source_table text DEFAULT NULL,
    repair boolean DEFAULT false,
    sample numeric DEFAULT NULL,
    rows_per_second bigint DEFAULT NULL,
    target text DEFAULT NULL
) RETURNS TABLE (source_table text, chunk integer, source_rows bigint, target_rows bigint,
    differing_keys jsonb[], kind text, target text)
AS 'MODULE_PATHNAME', 'cdc_verify' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION cdc.verify(text, text, boolean, numeric, bigint, text) IS
    'compares replicas with their source tables while both change';
COMMENT ON VIEW cdc.verification IS 'what cdc.verify found';
