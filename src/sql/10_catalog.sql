-- The extension's own tables.
-- Everything here loads on PostgreSQL 13 and later and on Greenplum 6.

CREATE SEQUENCE cdc.subscription_id_seq;

-- One row a subscription.
CREATE TABLE cdc.subscription (
    name            text NOT NULL PRIMARY KEY,
    id              integer NOT NULL DEFAULT nextval('cdc.subscription_id_seq'::regclass),
    owner           name NOT NULL,
    server          name NOT NULL,
    tables          text[] NOT NULL,
    "exclude"       text[] NOT NULL,        -- quoted: a reserved word in Greenplum
    added           text[] NOT NULL DEFAULT '{}',   -- by cdc.add_table, beside the patterns
    topics          text[],
    format          text NOT NULL,
    target_schema   name,
    history         text NOT NULL,          -- qualified, quoted as needed
    copy_data       boolean NOT NULL,
    start_position  text,
    enabled         boolean NOT NULL,
    options         jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- Where pull stands.  Written by pull only, with the events.
CREATE TABLE cdc.subscription_position (
    subscription    text NOT NULL PRIMARY KEY,
    file            text,
    file_offset     bigint,
    gtid_set        text,
    source_uuid     text,                   -- server_uuid, or MariaDB's server_uid
    source_address  text,                   -- which of several hosts
    last_seq        bigint NOT NULL DEFAULT 0,
    source_ts       timestamptz,
    transactions    bigint NOT NULL DEFAULT 0,
    events          bigint NOT NULL DEFAULT 0,
    bytes           bigint NOT NULL DEFAULT 0,
    skipped_events  bigint NOT NULL DEFAULT 0,  -- unknown ones that may be ignored
    snapshot_join   text,
    barrier_seq     bigint NOT NULL DEFAULT 0,
    version         bigint NOT NULL DEFAULT 0,  -- Kafka: grows with each change of the partitions' rows
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Kafka: where pull stands in each partition.  Written by pull, with the
-- events, and by cdc.set_position.  The last message that was read proves
-- after a reconnect that the topic is still the one that it was.
CREATE TABLE cdc.subscription_partition (
    subscription    text NOT NULL,
    topic           text NOT NULL,
    "partition"     integer NOT NULL,
    next_offset     bigint,                 -- of the next message; NULL: the partition's beginning
    low             bigint,                 -- of the first message that the broker had ...
    high            bigint,                 -- ... and behind the last one, when it was asked last
    message_offset  bigint,                 -- the last message that was read: its offset,
    message_ms      bigint,                 -- ... time (milliseconds since 1970)
    message_sum     bigint,                 -- ... and checksum of key and value
    messages        bigint NOT NULL DEFAULT 0,
    bytes           bigint NOT NULL DEFAULT 0,
    last_error      text,
    last_error_at   timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, topic, "partition")
) WITH (fillfactor = 50);

-- Where apply stands.  Written by apply only, with the targets.
CREATE TABLE cdc.subscription_progress (
    subscription    text NOT NULL PRIMARY KEY,
    applied_seq     bigint NOT NULL DEFAULT 0,
    position        text,
    gtid            text,
    source_ts       timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What a worker last failed with.  One row a subscription and kind of worker.
CREATE TABLE cdc.subscription_failure (
    subscription    text NOT NULL,
    worker          text NOT NULL,          -- pull, apply, publish
    failures        bigint NOT NULL,        -- in a row, 0 after a success
    last_error      text,
    last_error_at   timestamptz,
    PRIMARY KEY (subscription, worker)
);

-- The tables of a subscription.
CREATE TABLE cdc.subscription_table (
    subscription    text NOT NULL,
    source_table    text NOT NULL,          -- database.table
    target          text,                   -- qualified, quoted; NULL: history only
    mode            text NOT NULL DEFAULT 'replica',
    key             text[],
    columns         jsonb,
    row_filter      text,
    copy_data       boolean NOT NULL DEFAULT true,
    -- i to be copied, d being copied, f copied, s synchronised, r ready, e error
    state           "char" NOT NULL DEFAULT 'i',
    last_error      text,
    state_since     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, source_table)
);

-- Counters of apply, written with the targets.
CREATE TABLE cdc.table_counter (
    subscription    text NOT NULL,
    source_table    text NOT NULL,
    events          bigint NOT NULL DEFAULT 0,
    inserts         bigint NOT NULL DEFAULT 0,
    updates         bigint NOT NULL DEFAULT 0,
    deletes         bigint NOT NULL DEFAULT 0,
    last_seq        bigint NOT NULL DEFAULT 0,
    source_ts       timestamptz,
    PRIMARY KEY (subscription, source_table)
) WITH (fillfactor = 50);

-- Definitions of source tables, each valid from a seq on; without columns
-- from where the table is gone.
CREATE TABLE cdc.table_version (
    subscription    text NOT NULL,
    source_table    text NOT NULL,
    version         integer NOT NULL,
    from_seq        bigint NOT NULL,
    position        text,
    columns         jsonb NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    table_charset   text,                   -- of columns that name none
    table_collation text,
    as_of           text,                   -- where the source stood when it was asked; NULL: followed by DDL
    PRIMARY KEY (subscription, source_table, version)
);

-- Source transactions between XA PREPARE and XA COMMIT: their events as they
-- came, in chunks; chunk 0 also says what is known of the whole.
CREATE TABLE cdc.prepared_transaction (
    subscription    text NOT NULL,
    xid             text NOT NULL,          -- X'gtrid',X'bqual',format
    chunk           integer NOT NULL,
    events          bytea NOT NULL,
    position        text,                   -- behind XA PREPARE
    gtid            text,
    prepared_at     timestamptz,
    mariadb         boolean,
    server_version  text,
    post_header     bytea,
    PRIMARY KEY (subscription, xid, chunk)
);

-- Default character sets of source databases, each valid from a seq on.
CREATE TABLE cdc.database_version (
    subscription    text NOT NULL,
    source_database text NOT NULL,
    version         integer NOT NULL,
    from_seq        bigint NOT NULL,
    position        text,
    charset         text,
    collation_name  text,
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, source_database, version)
);

-- What could not be stored or applied, where the user chose not to stop.
CREATE TABLE cdc.error (
    subscription    text NOT NULL,
    seq             bigint,
    at              timestamptz NOT NULL DEFAULT now(),
    position        text,
    source_table    text,
    sqlstate        text,
    message         text NOT NULL,
    raw             bytea
);

-- What happened: acts of operators, changes of schema, warnings.
CREATE TABLE cdc.log (
    at              timestamptz NOT NULL DEFAULT now(),
    subscription    text,
    kind            text NOT NULL,
    message         text NOT NULL,
    detail          text,
    by_role         name NOT NULL DEFAULT current_user
);

-- Restored by pg_dump with the database.
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription_position', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription_partition', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription_progress', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription_failure', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.subscription_table', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.table_counter', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.table_version', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.prepared_transaction', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.database_version', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.error', '');
SELECT pg_catalog.pg_extension_config_dump('cdc.log', '');

-- Nobody but the extension writes here.  cdc.error.raw and the texts of
-- errors may hold data of the source: not for cdc_monitor.
REVOKE ALL ON ALL TABLES IN SCHEMA cdc FROM PUBLIC;
GRANT SELECT ON cdc.subscription, cdc.subscription_position, cdc.subscription_progress,
    cdc.subscription_table, cdc.table_counter, cdc.table_version, cdc.database_version, cdc.log TO cdc_monitor;
GRANT SELECT (subscription, topic, "partition", next_offset, low, high, message_offset, message_ms, messages, bytes,
    last_error_at, updated_at) ON cdc.subscription_partition TO cdc_monitor;
GRANT SELECT (subscription, xid, chunk, position, gtid, prepared_at) ON cdc.prepared_transaction TO cdc_monitor;
GRANT SELECT (subscription, seq, at, position, source_table, sqlstate) ON cdc.error TO cdc_monitor;
