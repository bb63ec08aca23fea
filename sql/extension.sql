-- The extension is created and dropped, leaves nothing behind, and every object
-- is in one of its schemas.
CREATE EXTENSION cdc_ingest;
SELECT extversion, nspname AS schema
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE extname = 'cdc_ingest';

-- Members outside of the schemas: these themselves and the wrappers.
SELECT pg_describe_object(classid, objid, objsubid) AS object
  FROM pg_depend
 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cdc_ingest')
   AND pg_describe_object(classid, objid, objsubid) !~ '\mcdc(_catalog)?\.'
   AND classid <> 'pg_type'::regclass
 ORDER BY pg_describe_object(classid, objid, objsubid) COLLATE "C";

-- pg_dump takes the contents of every table and sequence along.
SELECT c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('cdc', 'cdc_catalog') AND c.relkind IN ('r', 'S')
   AND c.oid <> ALL ((SELECT extconfig FROM pg_extension WHERE extname = 'cdc_ingest')::oid[])
 ORDER BY 1;

-- Nothing of it can be written by others, and what they may read are the views.
SELECT c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
 WHERE n.nspname = 'cdc' AND a.grantee = 0
 ORDER BY 1;

-- Every function and view says what it is.
SELECT p.proname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'cdc' AND p.proname !~ '^_' AND obj_description(p.oid, 'pg_proc') IS NULL
   AND p.proname IN ('create_subscription', 'alter_subscription', 'enable_subscription',
                     'disable_subscription', 'drop_subscription', 'add_table', 'alter_table', 'remove_table')
 ORDER BY 1;

-- Its functions are bound to its schema.
ALTER EXTENSION cdc_ingest SET SCHEMA public;
CREATE SCHEMA elsewhere;
DROP EXTENSION cdc_ingest;
CREATE EXTENSION cdc_ingest SCHEMA elsewhere;
SELECT count(*) FROM pg_namespace WHERE nspname = 'cdc';
SELECT count(*) FROM pg_foreign_data_wrapper WHERE fdwname = 'cdc_mysql';

-- A foreign schema of that name is not taken over.
CREATE SCHEMA cdc;
\set VERBOSITY terse
CREATE EXTENSION cdc_ingest;
\set VERBOSITY default
DROP SCHEMA cdc;
CREATE EXTENSION cdc_ingest;

-- Dropped in a session that has used it, and made again.
SELECT count(*) FROM cdc.stat_subscription;
SELECT cdc.enable_subscription('nothing');
DROP EXTENSION cdc_ingest;
CREATE EXTENSION cdc_ingest;
SELECT count(*) FROM cdc.stat_subscription;
SELECT cdc.enable_subscription('nothing');
SELECT count(*) FROM cdc.worker_status();
DROP SCHEMA elsewhere;
