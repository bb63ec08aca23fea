-- Options of cdc_kafka: every property of librdkafka, each where it belongs.
CREATE EXTENSION cdc_ingest;

CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka
    OPTIONS (bootstrap_servers 'k1:9092,k2:9092', security_protocol 'SASL_SSL', sasl_mechanism 'PLAIN',
             ssl_ca_location '/etc/ssl/kafka-ca.pem', fetch_max_bytes '1000000', "isolation.level" 'read_committed',
             memory_limit '32MB', request_timeout '30s');
CREATE USER MAPPING FOR CURRENT_USER SERVER bus
    OPTIONS (sasl_username 'reader', sasl_password 'hush', ssl_key_password 'hush');

-- A value that librdkafka does not take.
ALTER SERVER bus OPTIONS (SET "isolation.level" 'nonsense');
ALTER SERVER bus OPTIONS (SET memory_limit '1kB');
ALTER SERVER bus OPTIONS (ADD sasl_oauthbearer_token_endpoint_url 'file:///etc/passwd');
-- No such property.
\set VERBOSITY terse
ALTER SERVER bus OPTIONS (ADD no_such_property '1');
\set VERBOSITY default

-- Options of a foreign table that are no property are named, those for its client too.
DO $$
DECLARE hint text;
BEGIN
    EXECUTE 'CREATE FOREIGN TABLE none (value text) SERVER bus OPTIONS (topic ''t'', no_such_property ''1'')';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '%', substring(hint from 'and: .*');
END $$;
-- Secrets belong to user mappings.
ALTER SERVER bus OPTIONS (ADD sasl_password 'hush');
ALTER SERVER bus OPTIONS (ADD ssl_keystore_password 'hush');
ALTER SERVER bus OPTIONS (ADD sasl_oauthbearer_client_secret 'hush');
ALTER SERVER bus OPTIONS (ADD sasl_username 'reader');
-- Where to connect to, and files, do not.
ALTER USER MAPPING FOR CURRENT_USER SERVER bus OPTIONS (ADD bootstrap_servers 'evil:9092');
ALTER USER MAPPING FOR CURRENT_USER SERVER bus OPTIONS (ADD ssl_key_location '/etc/ssl/private/key.pem');
ALTER USER MAPPING FOR CURRENT_USER SERVER bus OPTIONS (ADD fetch_max_bytes '1');

-- What would load or run code, or write.
ALTER SERVER bus OPTIONS (ADD plugin_library_paths '/tmp/evil.so');
ALTER SERVER bus OPTIONS (ADD ssl_engine_location '/tmp/evil.so');
ALTER SERVER bus OPTIONS (ADD ssl_providers 'legacy');
ALTER SERVER bus OPTIONS (ADD sasl_kerberos_kinit_cmd 'touch /tmp/evil');
ALTER SERVER bus OPTIONS (ADD sasl_kerberos_principal '$(touch /tmp/evil)');
ALTER SERVER bus OPTIONS (ADD offset_store_path '/tmp');
ALTER SERVER bus OPTIONS (ADD debug 'all');
ALTER SERVER bus OPTIONS (ADD internal_termination_signal '15');
ALTER SERVER bus OPTIONS (ADD test_mock_num_brokers '3');
-- What the extension sets itself.
ALTER SERVER bus OPTIONS (ADD enable_auto_commit 'true');
ALTER SERVER bus OPTIONS (ADD auto_offset_reset 'latest');
ALTER SERVER bus OPTIONS (ADD enable_partition_eof 'false');
ALTER SERVER bus OPTIONS (ADD group_id 'g');

-- A foreign table cannot send the credentials elsewhere.
CREATE FOREIGN TABLE evil (value text) SERVER bus OPTIONS (topic 't', bootstrap_servers 'evil:9092');
CREATE FOREIGN TABLE evil (value text) SERVER bus OPTIONS (topic 't', security_protocol 'PLAINTEXT');
CREATE FOREIGN TABLE evil (value text) SERVER bus OPTIONS (topic 't', ssl_ca_pem 'x');
CREATE FOREIGN TABLE evil (value text) SERVER bus OPTIONS (topic 't', enable_ssl_certificate_verification 'false');
CREATE FOREIGN TABLE evil (value text) SERVER bus OPTIONS (topic 't', sasl_password 'x');
CREATE FOREIGN TABLE tuned (value text) SERVER bus
    OPTIONS (topic 't', fetch_max_bytes '2000000', check_crcs 'true', memory_limit '8MB');
CREATE FOREIGN DATA WRAPPER other VALIDATOR cdc.kafka_fdw_validator OPTIONS (topic 't');

-- Only the user itself, the server's owner and superusers see what is in a mapping.
CREATE ROLE regress_kafka_reader;
GRANT USAGE ON FOREIGN SERVER bus TO regress_kafka_reader;
SET ROLE regress_kafka_reader;
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'bus';
RESET ROLE;

SELECT scope, name, "default", valid_values, secret FROM cdc.option_list()
 WHERE scope = 'server of cdc_kafka';

DROP FOREIGN TABLE tuned;
SET client_min_messages = warning;
DROP SERVER bus CASCADE;
DROP ROLE regress_kafka_reader;
DROP EXTENSION cdc_ingest;
