\echo Use "CREATE EXTENSION cdc_ingest" to load this file. \quit

-- The extension's schemas and role.  cdc is for everybody: its functions check
-- themselves who may call them, its views show a role what is its own.  The
-- tables are in cdc_catalog, which nobody may use: GRANT SELECT ON ALL TABLES
-- IN SCHEMA cdc, and default privileges of whoever runs this, open views only.

CREATE SCHEMA cdc;
GRANT USAGE ON SCHEMA cdc TO PUBLIC;
CREATE SCHEMA cdc_catalog;

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
