-- Sources: foreign servers of cdc_mysql and cdc_kafka.  A server holds the
-- address, its user mappings the credentials.  Those of cdc_mysql have no
-- foreign tables.

CREATE FUNCTION cdc.mysql_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'cdc_mysql_fdw_validator';

CREATE FOREIGN DATA WRAPPER cdc_mysql
    NO HANDLER
    VALIDATOR cdc.mysql_fdw_validator;

CREATE FUNCTION cdc.kafka_fdw_validator(options text[], catalog oid)
RETURNS void
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'cdc_kafka_fdw_validator';

CREATE FUNCTION cdc.kafka_fdw_handler()
RETURNS fdw_handler
LANGUAGE c STRICT
AS 'MODULE_PATHNAME', 'cdc_kafka_fdw_handler';

CREATE FOREIGN DATA WRAPPER cdc_kafka
    HANDLER cdc.kafka_fdw_handler
    VALIDATOR cdc.kafka_fdw_validator;

-- Called by the server itself, which asks for no right on them.
REVOKE ALL ON FUNCTION cdc.mysql_fdw_validator(text[], oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cdc.kafka_fdw_validator(text[], oid) FROM PUBLIC;
REVOKE ALL ON FUNCTION cdc.kafka_fdw_handler() FROM PUBLIC;

CREATE FUNCTION cdc.option_list(
    OUT scope text, OUT name text, OUT type text, OUT "default" text,
    OUT valid_values text, OUT secret boolean, OUT description text)
RETURNS SETOF record
LANGUAGE c IMMUTABLE
AS 'MODULE_PATHNAME', 'cdc_option_list';

COMMENT ON FUNCTION cdc.option_list() IS
    'all options of servers, user mappings, foreign tables and subscriptions; cdc_kafka also has the properties of librdkafka';
