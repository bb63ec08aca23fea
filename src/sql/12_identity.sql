-- Things are what they were: what a subscription depends on.

-- For superusers, after a restore: looks up what the names of a subscription mean in
-- this database, as cdc.enable_subscription() does, without starting anything.
CREATE FUNCTION cdc_catalog.take_over(subscription text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_take_over';
REVOKE ALL ON FUNCTION cdc_catalog.take_over(text) FROM PUBLIC;

-- PostgreSQL knows of no dependency of a subscription on its history, its targets, its
-- server.  Event triggers know what a command dropped, and what was renamed; on Greenplum
-- there are none, there the next call of cdc.pull or cdc.apply finds out.
DO $do$
BEGIN
    IF pg_catalog.to_regclass('pg_catalog.gp_id') IS NOT NULL THEN
        RETURN;
    END IF;
    -- DROP without CASCADE is refused; with it the subscription, or its table, ends
    EXECUTE $sql$CREATE FUNCTION cdc_catalog.objects_dropped() RETURNS event_trigger
        LANGUAGE C AS 'MODULE_PATHNAME', 'cdc_objects_dropped'$sql$;
    EXECUTE $sql$CREATE EVENT TRIGGER cdc_objects_dropped ON sql_drop
        EXECUTE FUNCTION cdc_catalog.objects_dropped()$sql$;
    -- names that are kept are those of now, for pg_dump
    EXECUTE $sql$CREATE FUNCTION cdc_catalog.objects_altered() RETURNS event_trigger
        LANGUAGE C AS 'MODULE_PATHNAME', 'cdc_objects_altered'$sql$;
    EXECUTE $sql$CREATE EVENT TRIGGER cdc_objects_altered ON ddl_command_end
        WHEN TAG IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER SCHEMA', 'ALTER SERVER')
        EXECUTE FUNCTION cdc_catalog.objects_altered()$sql$;
END
$do$;
