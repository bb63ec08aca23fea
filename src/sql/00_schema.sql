\echo Use "CREATE EXTENSION cdc_ingest" to load this file. \quit

-- The extension's schema and role.  Functions check themselves who may call
-- them; the tables are closed to all but their owner and, for reading, to
-- cdc_monitor.

CREATE SCHEMA cdc;
GRANT USAGE ON SCHEMA cdc TO PUBLIC;

-- Sees the state of all subscriptions.  A role belongs to the whole cluster:
-- another database may have made it already, and it outlives the extension.
DO $do$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'cdc_monitor') THEN
        CREATE ROLE cdc_monitor NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;                   -- another database was faster
END
$do$;
