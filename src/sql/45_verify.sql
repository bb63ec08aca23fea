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

-- The same, about a second of it at a time: goes on where the last call ended, whoever made it,
-- and returns whether there is more to do.  Results are in cdc.verification, how far it is in
-- cdc.stat_progress_verify.  restart: begins anew.  What a step compared stays compared when the
-- transaction around it commits.
CREATE FUNCTION cdc.verify_step(
    subscription text,
    source_table text DEFAULT NULL,
    repair boolean DEFAULT false,
    sample numeric DEFAULT NULL,
    rows_per_second bigint DEFAULT NULL,
    target text DEFAULT NULL,
    restart boolean DEFAULT false
) RETURNS boolean
AS 'MODULE_PATHNAME', 'cdc_verify_step' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION cdc.verify_step(text, text, boolean, numeric, bigint, text, boolean) IS
    'goes on comparing replicas with their source tables for about a second';

-- All steps, each of them committed.
DO $do$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer < 110000 THEN
        RETURN;
    END IF;
    EXECUTE $sql$
CREATE PROCEDURE cdc.verify_in_steps(
    subscription text,
    source_table text DEFAULT NULL,
    repair boolean DEFAULT false,
    sample numeric DEFAULT NULL,
    rows_per_second bigint DEFAULT NULL,
    target text DEFAULT NULL,
    restart boolean DEFAULT false
) LANGUAGE plpgsql AS $body$
DECLARE
    more boolean := cdc.verify_step($1, $2, $3, $4, $5, $6, $7);
BEGIN
    COMMIT;
    WHILE more LOOP
        more := cdc.verify_step($1, $2, $3, $4, $5, $6);
        COMMIT;
    END LOOP;
END
$body$
$sql$;
    EXECUTE $sql$
COMMENT ON PROCEDURE cdc.verify_in_steps(text, text, boolean, numeric, bigint, text, boolean) IS
    'compares replicas with their source tables in transactions of about a second'
$sql$;
END
$do$;
