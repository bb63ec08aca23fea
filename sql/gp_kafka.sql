-- Greenplum's external tables over topics: what is refused before a broker is asked, and
-- who may make them.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
CREATE SCHEMA gpk;
SET search_path = gpk, public;
CREATE SERVER gpk_bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms');
CREATE SERVER gpk_shop FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1');
CREATE FUNCTION reads(url text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; hint text;
BEGIN
    EXECUTE 'CREATE EXTERNAL TABLE gpk.refused (event text) LOCATION (' || quote_literal(url) ||
        ') FORMAT ''TEXT'' (DELIMITER ''OFF'' ESCAPE ''OFF'') ENCODING ''UTF8''';
    EXECUTE 'DROP EXTERNAL TABLE gpk.refused';
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, m, nullif(d, ''), nullif(hint, ''));
END $$;

-- urls
SELECT reads('kafka://broker:9092/topic');
SELECT reads('kafka://a:9092,b:9092,[::1]:9092/topic?fetch.max.bytes=1000&fetch_wait_max_ms=5&client.id=a%26b');
SELECT reads('kafka:///topic?server=gpk_bus&missing_offsets=skip&memory_limit=8MB');
SELECT reads('kafka://broker:9092/');
SELECT reads('kafka:///topic');
SELECT reads('kafka://broker:9092/topic?server=gpk_bus');
SELECT reads('kafka:///topic?server=gpk_nobody');
SELECT reads('kafka:///topic?server=gpk_shop');
SELECT reads('kafka://broker:9092/to pic');
SELECT reads('kafka://broker:9092/topic?fetch.max.bytes=many');
SELECT reads('kafka://broker:9092/topic?fetch.max.bytes');
SELECT reads('kafka://broker:9092/topic?client.id=%4');
SELECT left(reads('kafka://broker:9092/topic?group.instance=1'), 72);
SELECT reads('kafka://broker:9092/topic?memory_limit=1');
SELECT reads('kafka://broker:9092/topic?topic=other');
SELECT reads('kafka://broker:9092/topic?fetch.max.bytes=1000&fetch_max_bytes=2000');
SELECT reads('kafka://broker:9092/topic?cdc.ranges=0:0-10');
-- what everybody could read in pg_exttable, and what says where a password goes
SELECT reads('kafka://broker:9092/topic?sasl.password=secret');
SELECT reads('kafka:///topic?server=gpk_bus&sasl_username=me');
SELECT reads('kafka://broker:9092/topic?security.protocol=sasl_ssl');
SELECT reads('kafka://broker:9092/topic?ssl.ca.location=/etc/passwd');
SELECT reads('kafka:///topic?server=gpk_bus&bootstrap.servers=elsewhere:9092');
SELECT reads('kafka://broker:9092/topic?plugin.library.paths=/tmp/x.so');

SELECT reads('kafka://broker:9092/topic?fetch.max.bytes=1000&fetch.max.bytes=2000');

-- one location; formats that leave messages as they are, asked for where a statement is not one of a function
CREATE EXTERNAL TABLE two (event text) LOCATION ('kafka://a/t', 'kafka://b/t') FORMAT 'TEXT' (DELIMITER 'OFF' ESCAPE 'OFF');
CREATE WRITABLE EXTERNAL TABLE w (event text) LOCATION ('kafka://a:9092/t') FORMAT 'TEXT' (DELIMITER 'OFF' ESCAPE 'OFF');
CREATE WRITABLE EXTERNAL TABLE w (event text) LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'TEXT' (DELIMITER 'OFF' ESCAPE 'OFF');
DROP EXTERNAL TABLE w;
CREATE EXTERNAL TABLE bad (event text) LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'TEXT';
CREATE EXTERNAL TABLE bad (event text) LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'TEXT' (DELIMITER 'OFF');
CREATE EXTERNAL TABLE bad (event text) LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'CSV';
CREATE WRITABLE EXTERNAL TABLE bad (event text) LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'CUSTOM' (formatter = cdc.kafka_in);
-- a topic is only added to
CREATE FOREIGN TABLE f ("partition" int, "offset" bigint, value jsonb) SERVER gpk_bus OPTIONS (topic 't');
UPDATE f SET value = NULL;
DELETE FROM f;
DROP FOREIGN TABLE f;
CREATE EXTERNAL TABLE c ("partition" int, "offset" bigint, ts timestamptz, key text, value jsonb, headers jsonb)
    LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'CUSTOM' (formatter = cdc.kafka_in);
-- a broker that is not there: the master says so
\set VERBOSITY terse
SELECT count(*) > 0 FROM c;
\set VERBOSITY default

-- who may: as Greenplum has it for protocols
CREATE ROLE regress_gpk NOSUPERUSER RESOURCE QUEUE pg_default;
GRANT ALL ON SCHEMA gpk TO regress_gpk;
SET ROLE regress_gpk;
SELECT reads('kafka://broker:9092/topic');
RESET ROLE;
GRANT SELECT ON PROTOCOL kafka TO regress_gpk;
SET ROLE regress_gpk;
SELECT reads('kafka://broker:9092/topic');
SELECT reads('kafka:///topic?server=gpk_bus');
CREATE WRITABLE EXTERNAL TABLE w (event text) LOCATION ('kafka:///t?server=gpk_bus') FORMAT 'TEXT' (DELIMITER 'OFF' ESCAPE 'OFF');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER gpk_bus TO regress_gpk;
SET ROLE regress_gpk;
SELECT reads('kafka:///topic?server=gpk_bus');
RESET ROLE;
REVOKE ALL ON PROTOCOL kafka FROM regress_gpk;

-- foreign tables belong to all segments, unless somebody says otherwise
SELECT fdwoptions FROM pg_foreign_data_wrapper WHERE fdwname = 'cdc_kafka';

REVOKE ALL ON FOREIGN SERVER gpk_bus FROM regress_gpk;
REVOKE ALL ON SCHEMA gpk FROM regress_gpk;
DROP ROLE regress_gpk;
DROP SCHEMA gpk CASCADE;
DROP SERVER gpk_bus;
DROP SERVER gpk_shop;
