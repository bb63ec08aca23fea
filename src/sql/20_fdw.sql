-- Sources: foreign servers of cdc_mysql.  They have no foreign tables; a
-- server holds the address, its user mappings the credentials.

CREATE FUNCTION cdc.mysql_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'cdc_mysql_fdw_validator';

CREATE FOREIGN DATA WRAPPER cdc_mysql
    NO HANDLER
    VALIDATOR cdc.mysql_fdw_validator;

CREATE FUNCTION cdc.option_list(
    OUT scope text, OUT name text, OUT type text, OUT "default" text,
    OUT valid_values text, OUT secret boolean, OUT description text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE
AS 'MODULE_PATHNAME', 'cdc_option_list';

COMMENT ON FUNCTION cdc.option_list() IS
    'all options of servers, user mappings and subscriptions';
