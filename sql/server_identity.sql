-- The database server's own identity and files are for superusers, or where one said so.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;
CREATE ROLE regress_cdc_maker;              -- may make servers
CREATE ROLE regress_cdc_user;
GRANT USAGE ON FOREIGN DATA WRAPPER cdc_mysql, cdc_kafka TO regress_cdc_maker;
-- whether it comes to connecting
CREATE FUNCTION tries(server text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE m text; d text; h text;
BEGIN
    PERFORM cdc.create_subscription('identity', server, topics := CASE WHEN server LIKE 'k%' THEN '{t}'::text[] END,
                                    history := 'nowhere.h', copy_data := server NOT LIKE 'k%');
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    IF SQLSTATE <> '2F003' THEN
        RETURN 'tries';
    END IF;
    RETURN concat_ws(E'\n', m, d, h);
END $$;
CREATE SERVER boss FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1', ssl_ca '/nowhere/ca', ssl_key '/nowhere/key', ssl_cert '/nowhere/cert');
CREATE SERVER boss_socket FOREIGN DATA WRAPPER cdc_mysql OPTIONS (unix_socket '/nowhere/mysql.sock');
GRANT USAGE ON FOREIGN SERVER boss, boss_socket TO regress_cdc_user, regress_cdc_maker;
\pset format unaligned
\pset tuples_only on

-- no password, or one; a superuser has named the files
SET ROLE regress_cdc_user;
CREATE USER MAPPING FOR CURRENT_USER SERVER boss OPTIONS (user 'u');
SELECT tries('boss');
ALTER USER MAPPING FOR CURRENT_USER SERVER boss OPTIONS (ADD password '');
SELECT tries('boss');
ALTER USER MAPPING FOR CURRENT_USER SERVER boss OPTIONS (SET password 'p');
SELECT tries('boss');
-- a socket says who the server's user is, whatever the password
CREATE USER MAPPING FOR CURRENT_USER SERVER boss_socket OPTIONS (user 'u', password 'p');
SELECT tries('boss_socket');
-- who may allow it
ALTER USER MAPPING FOR CURRENT_USER SERVER boss_socket OPTIONS (ADD password_required 'false');
ALTER USER MAPPING FOR CURRENT_USER SERVER boss_socket OPTIONS (ADD password_required 'true');
RESET ROLE;
ALTER USER MAPPING FOR regress_cdc_user SERVER boss_socket OPTIONS (SET password_required 'false');
SET ROLE regress_cdc_user;
SELECT tries('boss_socket');
ALTER USER MAPPING FOR CURRENT_USER SERVER boss_socket OPTIONS (SET user 'other');
RESET ROLE;

-- files that somebody else names
SET ROLE regress_cdc_maker;
CREATE SERVER maker FOREIGN DATA WRAPPER cdc_mysql OPTIONS (host '127.0.0.1', port '1', ssl_capath '/etc/ssl');
CREATE USER MAPPING FOR CURRENT_USER SERVER maker OPTIONS (user 'u', password 'p');
SELECT tries('maker');
ALTER SERVER maker OPTIONS (DROP ssl_capath, ADD ssl_cert '/nowhere/c', ADD ssl_key '/nowhere/k');
SELECT tries('maker');
ALTER SERVER maker OPTIONS (DROP ssl_cert, DROP ssl_key);
SELECT tries('maker');
RESET ROLE;
-- a superuser's own subscription
CREATE USER MAPPING FOR CURRENT_USER SERVER boss_socket OPTIONS (user 'u');
SELECT tries('boss_socket');

-- Kafka
SET ROLE regress_cdc_maker;
CREATE SERVER kafka_ca FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms', security_protocol 'SSL', ssl_ca_location '/etc/hostname');
SELECT tries('kafka_ca');
CREATE SERVER kafka_ticket FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms', security_protocol 'SASL_PLAINTEXT');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_ticket OPTIONS (sasl_username 'u', sasl_password 'p');
SELECT tries('kafka_ticket');
ALTER SERVER kafka_ticket OPTIONS (ADD sasl_mechanism 'PLAIN');
SELECT tries('kafka_ticket');
ALTER USER MAPPING FOR CURRENT_USER SERVER kafka_ticket OPTIONS (ADD password_required 'off');
CREATE SERVER kafka_plain FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms');
SELECT tries('kafka_plain');
-- a foreign table asks as well
CREATE FOREIGN TABLE pg_temp.t (value text) SERVER kafka_ca OPTIONS (topic 't');
SELECT count(*) FROM pg_temp.t;
RESET ROLE;
CREATE SERVER kafka_key FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '100ms', security_protocol 'SSL', ssl_key_location '/nowhere/key');
GRANT USAGE ON FOREIGN SERVER kafka_key TO regress_cdc_user;
SET ROLE regress_cdc_user;
SELECT tries('kafka_key');
RESET ROLE;
CREATE USER MAPPING FOR regress_cdc_user SERVER kafka_key OPTIONS (password_required 'false');
SET ROLE regress_cdc_user;
SELECT tries('kafka_key');
RESET ROLE;

\pset tuples_only off
\pset format aligned
SET client_min_messages = warning;
DROP SERVER boss, boss_socket, maker, kafka_ca, kafka_ticket, kafka_plain, kafka_key CASCADE;
DROP FUNCTION tries(text);
REVOKE USAGE ON FOREIGN DATA WRAPPER cdc_mysql, cdc_kafka FROM regress_cdc_maker;
DROP ROLE regress_cdc_maker, regress_cdc_user;
