-- Foreign tables of cdc_kafka as far as they go without a broker: options,
-- columns, plans, and what is said when none answers.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cdc_ingest;
RESET client_min_messages;
CREATE SERVER kafka_nowhere FOREIGN DATA WRAPPER cdc_kafka
    OPTIONS (bootstrap_servers '127.0.0.1:1', connect_timeout '300ms');

-- options
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic 't', format 'csv');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic 't', missing_offsets 'maybe');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic 't', timestamps_ascend '2');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic 't', bootstrap_servers 'other:9092');
CREATE FOREIGN TABLE kafka_bad (value text OPTIONS (metadata 'nothing')) SERVER kafka_nowhere OPTIONS (topic 't');
CREATE FOREIGN TABLE kafka_bad (value text OPTIONS (json_path 'a.b')) SERVER kafka_nowhere OPTIONS (topic 't');
CREATE FOREIGN TABLE kafka_bad (value text OPTIONS (json_path '{}')) SERVER kafka_nowhere OPTIONS (topic 't');
CREATE FOREIGN TABLE kafka_bad (value text OPTIONS (column_name 'a')) SERVER kafka_nowhere OPTIONS (topic 't');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic '');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic 'a b');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic '..');
CREATE FOREIGN TABLE kafka_bad (value text) SERVER kafka_nowhere OPTIONS (topic 't', batch_size '1', "batch.size" '2');
CREATE FOREIGN TABLE kafka_good (value text) SERVER kafka_nowhere
    OPTIONS (topic 't', fetch_message_max_bytes '100000', memory_limit '8MB', request_timeout '5s');
DROP FOREIGN TABLE kafka_good;

-- columns
CREATE FOREIGN TABLE kafka_columns (partition text, "offset" int, ts timestamp, key numeric, headers text[], other text)
    SERVER kafka_nowhere OPTIONS (topic 't', use_remote_estimate 'off');
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns DROP COLUMN partition;
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns ALTER COLUMN "offset" TYPE bigint;
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns ALTER COLUMN ts TYPE timestamptz(0);
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns ALTER COLUMN ts TYPE timestamptz(3);
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns ALTER COLUMN key TYPE bytea;
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns ALTER COLUMN headers TYPE jsonb;
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns OPTIONS (ADD format 'json');
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;
ALTER FOREIGN TABLE kafka_columns OPTIONS (DROP topic);
EXPLAIN (COSTS OFF) SELECT 1 FROM kafka_columns;

-- conditions
CREATE FOREIGN TABLE kafka_topic (partition int, "offset" bigint, ts timestamptz, key text, value jsonb)
    SERVER kafka_nowhere OPTIONS (topic 'shop.orders', use_remote_estimate 'off');
-- What of a query is pushed down; names of parameters and the sides of an
-- equality differ between versions.
CREATE FUNCTION kafka_explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    found boolean := false;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Kafka Conditions' THEN
            found := true;
            line := regexp_replace(btrim(line), '\(InitPlan [0-9]+\)\.col1|\$[0-9]+', '$n', 'g');
            RETURN NEXT regexp_replace(line, '\(\$n = ([a-z"]+)\)', '(\1 = $n)', 'g');
        END IF;
    END LOOP;
    IF NOT found THEN
        RETURN NEXT 'none: ' || query;
    END IF;
END
$$;
SELECT kafka_explain('SELECT * FROM kafka_topic WHERE ' || c) FROM unnest(ARRAY[
    'partition = 1', '1 = partition', 'partition <> 1', 'partition = 1::bigint', 'partition::bigint = 1',
    'partition = 1.0', 'partition IN (1, 2)', 'partition NOT IN (1, 2)', 'partition = ANY (ARRAY[1, NULL])',
    '"offset" < 5', '"offset" <= 5', '"offset" >= 5', '5 < "offset"', '"offset" BETWEEN 5 AND 10',
    '"offset" > 1e3', '"offset" <> 5', '"offset" NOT IN (1, 2)', '"offset" = ANY (''{1,2}''::int[])',
    '"offset" % 2 = 0', '"offset"::text = ''5''', '"offset" > random() * 10',
    'ts >= ''2026-01-01 00:00+00''', 'ts > now() - interval ''1 hour''', 'ts < date ''2026-01-01''',
    'ts >= timestamp ''2026-01-01 00:00''', 'ts::date = date ''2026-01-01''', 'ts > clock_timestamp()',
    '(partition, "offset") > (1, 10)', '(partition, "offset") IN ((0, 5), (1, 7))', '(partition, key) > (1, ''a'')',
    'partition = 0 AND "offset" > 5 OR partition = 1', 'partition = 0 OR key = ''a''',
    '(partition = 0 AND key = ''a'') OR (partition = 1 AND key = ''b'')', 'NOT ("offset" < 5)', 'NOT (partition = 1 AND "offset" < 5)',
    '"offset" = (SELECT max(i) FROM generate_series(1, 3) i)', 'key = ''a''', 'partition IS NULL',
    'partition IS NOT DISTINCT FROM 1', 'ts IS NOT DISTINCT FROM now()', 'date(ts) = date ''2026-01-01''', 'abs("offset") = 5',
    'ts <> now()', 'ts::timestamp >= ''2026-01-01 00:00''', 'ts AT TIME ZONE ''UTC'' >= ''2026-01-01''']) c;

-- parameters and joins
PREPARE kafka_prepared(int, bigint[]) AS SELECT * FROM kafka_topic WHERE partition = $1 AND "offset" = ANY ($2);
SELECT kafka_explain('EXECUTE kafka_prepared(1, ''{1,2}'')');
SET plan_cache_mode = force_generic_plan;
SELECT kafka_explain('EXECUTE kafka_prepared(1, ''{1,2}'')');
RESET plan_cache_mode;
CREATE TEMP TABLE kafka_position (partition int, next bigint);
INSERT INTO kafka_position VALUES (0, 10), (1, 20);
ANALYZE kafka_position;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET max_parallel_workers_per_gather = 0;
SELECT kafka_explain('SELECT t.value FROM kafka_position p JOIN kafka_topic t ON t.partition = p.partition AND t."offset" >= p.next');
SELECT kafka_explain('SELECT x.* FROM kafka_position p, LATERAL (SELECT * FROM kafka_topic t WHERE t.partition = p.partition AND t."offset" = p.next) x');
SELECT kafka_explain('SELECT (SELECT min(value->>''a'') FROM kafka_topic t WHERE t.partition = p.partition) FROM kafka_position p');

-- nobody answers: a plan, and then an error
\set VERBOSITY terse
SELECT count(*) FROM kafka_topic;
ALTER FOREIGN TABLE kafka_topic OPTIONS (SET use_remote_estimate 'on');
EXPLAIN (COSTS OFF) SELECT count(*) FROM kafka_topic WHERE partition = 0;
ANALYZE kafka_topic;
IMPORT FOREIGN SCHEMA topics FROM SERVER kafka_nowhere INTO public;
IMPORT FOREIGN SCHEMA public FROM SERVER kafka_nowhere INTO public;
IMPORT FOREIGN SCHEMA topics FROM SERVER kafka_nowhere INTO public OPTIONS (names 'x');
IMPORT FOREIGN SCHEMA topics FROM SERVER kafka_nowhere INTO public OPTIONS (table_names 'x');
-- what is never run asks nobody
SELECT count(*) FROM kafka_topic WHERE false;
UPDATE kafka_topic SET value = NULL;

-- no broker is named
CREATE SERVER kafka_unnamed FOREIGN DATA WRAPPER cdc_kafka;
CREATE FOREIGN TABLE kafka_unnamed (value text) SERVER kafka_unnamed OPTIONS (topic 't', use_remote_estimate 'off');
\set VERBOSITY default
SELECT * FROM kafka_unnamed;
ALTER SERVER kafka_unnamed OPTIONS (ADD bootstrap_servers '127.0.0.1:1', ADD security_protocol 'SASL_PLAINTEXT', ADD sasl_mechanism 'PLAIN');
SELECT * FROM kafka_unnamed;
\set VERBOSITY terse

DROP FUNCTION kafka_explain(text);
SET client_min_messages = warning;
DROP SERVER kafka_nowhere CASCADE;
DROP SERVER kafka_unnamed CASCADE;
