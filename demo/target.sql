-- All that PostgreSQL is told.  :port is the MariaDB's.
CREATE EXTENSION cdc_ingest;
CREATE SERVER shop FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port ':port');
CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (user 'cdc', password ':password');
CREATE SCHEMA shop;
SELECT cdc.create_subscription('shop', 'shop', tables := '{shop.*}', target_schema := 'shop');
