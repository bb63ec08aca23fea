-- The extension's own tables.
-- Everything here loads on PostgreSQL 13 and later and on Greenplum 6.

CREATE SEQUENCE cdc_catalog.subscription_id_seq;

-- One row a subscription.
CREATE TABLE cdc_catalog.subscription (
    name            text NOT NULL PRIMARY KEY,
    id              integer NOT NULL DEFAULT nextval('cdc_catalog.subscription_id_seq'::regclass),
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

-- What a subscription's names meant when it was made, or taken over, here: kept
-- as OIDs, so that a renamed relation, role or server is followed and another one
-- of the same name is not taken for it.  Not for pg_dump: the rows of a restored
-- database are missing, those of a copied one name another place, and both wait
-- for cdc.enable_subscription(), which looks the names up anew.
CREATE TABLE cdc_catalog.subscription_identity (
    subscription    text NOT NULL PRIMARY KEY,
    system_identifier text NOT NULL,        -- of the cluster, as pg_control has it
    "database"      oid NOT NULL,
    "owner"         oid NOT NULL,
    "server"        oid NOT NULL,           -- 0: there was none of that name
    history         oid NOT NULL,
    target_schema   oid NOT NULL            -- 0: it has none
);
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_identity', 'WHERE false');

-- This place: 'system_identifier/database'.  It is the same as long as the database is;
-- Greenplum's segments have others, so that it is for the planner to call it.
CREATE FUNCTION cdc_catalog.here() RETURNS text
LANGUAGE C IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'cdc_here';

-- Where pull stands.  Written by pull only, with the events.
CREATE TABLE cdc_catalog.subscription_position (
    subscription    text NOT NULL PRIMARY KEY,
    file            text,
    file_offset     bigint,
    gtid_set        text,
    source_uuid     text,                   -- server_uuid, or MariaDB's server_uid/server_id
    server_id_salt  bigint NOT NULL DEFAULT 0, -- another one where a replica used our server id
    last_event      text,                   -- what proves that the log is the one that was read
    source_address  text,                   -- which of several hosts
    last_seq        bigint NOT NULL DEFAULT 0,
    source_ts       timestamptz,
    transactions    bigint NOT NULL DEFAULT 0,
    events          bigint NOT NULL DEFAULT 0,
    bytes           bigint NOT NULL DEFAULT 0,
    skipped_events  bigint NOT NULL DEFAULT 0,  -- unknown ones that may be ignored
    version         bigint NOT NULL DEFAULT 0,  -- Kafka: grows with each change of the partitions' rows
    changes         bigint NOT NULL DEFAULT 0,  -- number of the last row of table_change
    copy_waits      text,                   -- what the copy of tables waits for
    jump_seq        bigint NOT NULL DEFAULT 0,  -- the last event when somebody moved the position; 0: nobody has
    temporary_tables text[],                -- of sessions of the source: 'server/thread/database.table'
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Kafka: where pull stands in each partition.  Written by pull, with the
-- events, and by cdc.set_position.  The last message that was read proves
-- after a reconnect that the topic is still the one that it was.
CREATE TABLE cdc_catalog.subscription_partition (
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
    rows_of         text,                   -- the table that rows name by what a tombstone lacks; "*", "-": several
    last_error      text,
    last_sqlstate   text,
    last_error_at   timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, topic, "partition")
) WITH (fillfactor = 50);

-- Numbers between two events of a history that no event has: segments of Greenplum number what
-- each of them reads by itself.  Written by pull, with the events; what is missing elsewhere was
-- taken out.
CREATE TABLE cdc_catalog.history_gap (
    subscription    text NOT NULL,
    first_seq       bigint NOT NULL,
    last_seq        bigint NOT NULL,
    PRIMARY KEY (subscription, first_seq)
);

-- Events that cdc.purge_history has dropped: all up to this one.
CREATE TABLE cdc_catalog.history_purge (
    subscription    text NOT NULL PRIMARY KEY,
    purged_seq      bigint NOT NULL,
    purged_at       timestamptz NOT NULL DEFAULT now()
);

-- Where apply stands.  Written by apply only, with the targets.
CREATE TABLE cdc_catalog.subscription_progress (
    subscription    text NOT NULL PRIMARY KEY,
    applied_seq     bigint NOT NULL DEFAULT 0,
    position        text,
    gtid            text,
    source_ts       timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What a worker last failed with.  One row a subscription and kind of worker.
CREATE TABLE cdc_catalog.subscription_failure (
    subscription    text NOT NULL,
    worker          text NOT NULL,          -- pull, apply, 'publish ' and the publication's name
    failures        bigint NOT NULL,        -- in a row, 0 after a success
    last_error      text,
    last_sqlstate   text,
    last_error_at   timestamptz,
    latched         boolean NOT NULL DEFAULT false, -- a gap: stays until somebody does something about it
    source_table    text,                   -- apply: whose event it was,
    seq             bigint,                 -- ... which one,
    key             text,                   -- ... and its key
    PRIMARY KEY (subscription, worker)
) WITH (fillfactor = 50);   -- an error of a full disk finds room

-- The tables of a subscription: a row for each target of a source table, or for a source table
-- that goes to the history only.  What is kept of one is kept by its name, which is that of the
-- source table, or, where another target of that has it, 'source_table -> target'.  What is kept
-- of a source table (definitions, changes, copied rows) is of all of its targets.
CREATE TABLE cdc_catalog.subscription_table (
    subscription    text NOT NULL,
    name            text NOT NULL,
    source_table    text NOT NULL,          -- database.table
    target          text,                   -- qualified, quoted; NULL: history only
    target_oid      oid,                    -- what that is; not to be trusted in a restored database
    target_node     oid,                    -- its storage at the end of the last run of apply ...
    target_rows     boolean NOT NULL DEFAULT false, -- ... and whether it had rows then
    target_shape    text,                   -- ... and its columns
    origin          text,                   -- Kafka: the source of the messages that fill it; NULL: none told it yet
    mode            text NOT NULL DEFAULT 'replica',
    key             text[],
    columns         jsonb,
    row_filter      text,                   -- SQL condition on rows of the source
    shard           text NOT NULL DEFAULT '', -- which rows of the target are its own: constants of the key, as JSON
    copy_data       boolean NOT NULL DEFAULT true,
    complete        boolean NOT NULL DEFAULT false, -- the stream has all of its rows, as it was made there
    keyless         boolean NOT NULL DEFAULT false, -- rows of the target are found by all their columns
    -- i to be copied, d being copied, f copied, s synchronised, r ready, e error
    state           "char" NOT NULL DEFAULT 'i',
    last_error      text,
    last_sqlstate   text,
    state_since     timestamptz NOT NULL DEFAULT now(),
    options         jsonb,                  -- of this table, over the subscription's
    held            boolean NOT NULL DEFAULT false, -- was in error: no event is applied until a new copy begins ...
    held_seq        bigint,                 -- ... or it is retried, as the target has all up to this event; NULL: it has not
    error_seq       bigint,                 -- the event that could not be applied
    error_key       text,                   -- ... and its key, as far as that is known
    kept_events     bigint NOT NULL DEFAULT 0,  -- that cdc.error has, to be retried or discarded
    differs         text,                   -- what was left out: the target may differ from its source
    left_out        boolean NOT NULL DEFAULT false, -- it could not have a target, and has none until it is removed and added
    loose_key       boolean NOT NULL DEFAULT false, -- nothing at the source was known to keep two rows from having the key that was given
    PRIMARY KEY (subscription, name)
);
CREATE INDEX subscription_table_source ON cdc_catalog.subscription_table (subscription, source_table);

-- Kafka: tables that were removed, with each of their targets.  Their events are kept in the
-- history, and no message brings them back.
CREATE TABLE cdc_catalog.removed_table (
    subscription    text NOT NULL,
    source_table    text NOT NULL,
    target          text,                   -- that was filled: its rows are the history's
    target_oid      oid,
    removed_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX removed_table_source ON cdc_catalog.removed_table (subscription, source_table);

-- How far the copy of a table has come.  Written by pull with the rows that it is about,
-- and by who asks for a copy; a table in state i may have no row yet.  A copy is of a source
-- table: those of its targets that want the same take part in it, which have its begin_seq.
CREATE TABLE cdc_catalog.copy_progress (
    subscription    text NOT NULL,
    name            text NOT NULL,          -- of the table
    source_table    text NOT NULL,
    kind            text NOT NULL DEFAULT 'copy',       -- copy, resync
    replaces        boolean NOT NULL DEFAULT false,     -- rows that it does not bring go from the target
    keeps           boolean NOT NULL DEFAULT false,     -- the target may have other rows, which stay
    row_filter      text,                   -- only these rows; a condition in the source's SQL
    gone            text,                   -- keys that the source did not have ...
    gone_seq        bigint,                 -- ... when the target was at this event
    key_shape       text,                   -- what last_key is a key of
    last_key        text[],                 -- of the last row that was read; literals of the source's SQL
    reread          text[],                 -- keys of rows to be read once more, as conditions
    rows            bigint NOT NULL DEFAULT 0,
    bytes           bigint NOT NULL DEFAULT 0,
    chunks          bigint NOT NULL DEFAULT 0,
    estimated_rows  bigint,                 -- as the source says, at the beginning
    restarts        integer NOT NULL DEFAULT 0,     -- how often it had to begin anew
    automatic       integer NOT NULL DEFAULT 0,     -- copies that nobody asked for, one after the other ...
    automatic_at    timestamptz,            -- ... the last of them
    begin_seq       bigint,                 -- of its first event in the history
    events_seq      bigint,                 -- from this one on changes of the table are the copy's own
    end_seq         bigint,                 -- of its last one
    sync_position   text,                   -- what the stream has to pass
    sync_gtid_set   text,
    sync_seq        bigint,                 -- the last event when it had
    requested_at    timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    copied_at       timestamptz,            -- all rows are in the history
    synced_at       timestamptz,
    ready_at        timestamptz,            -- the target has them
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, name)
) WITH (fillfactor = 50);

-- What a history tells of the rows that a source table had: a row for each copy that came to its
-- end, for a table that the stream made, and where events are missing, or the rows they tell of are
-- in doubt.  A later one counts more.  Written by who finds it.
CREATE SEQUENCE cdc_catalog.table_known_number_seq;
CREATE TABLE cdc_catalog.table_known (
    subscription    text NOT NULL,
    number          bigint NOT NULL DEFAULT nextval('cdc_catalog.table_known_number_seq'::regclass),
    source_table    text NOT NULL,
    kind            "char" NOT NULL,        -- c copied, m made by the stream, l lost, p a mapping of the past
    from_seq        bigint NOT NULL,        -- c, m: its first event; l: the last event that is known to be good; p: the last when it ended
    events_seq      bigint,                 -- c: as of cdc_catalog.copy_progress
    sync_seq        bigint,                 -- c: the last event before which rows are of several places of the source
    whole           boolean NOT NULL DEFAULT true,  -- c: of all rows
    name            text,                   -- p: of the table whose mapping it was ...
    target          text,                   -- ... what that filled ...
    mapping         text,                   -- ... and how
    noted_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, number)
);
CREATE INDEX table_known_source ON cdc_catalog.table_known (subscription, source_table, number);

-- Rows of copies that the history is not to keep, until apply has come to the event that
-- stands for them.  Not compressed, and a page each: they are there for a moment.
CREATE TABLE cdc_catalog.copied_rows (
    subscription    text NOT NULL,
    seq             bigint NOT NULL,        -- of that event
    part            integer NOT NULL,
    source_table    text NOT NULL,
    rows            bytea NOT NULL,
    PRIMARY KEY (subscription, seq, part)
);
ALTER TABLE cdc_catalog.copied_rows ALTER COLUMN rows SET STORAGE EXTERNAL;
DO $$
BEGIN
    IF pg_catalog.to_regclass('pg_catalog.gp_id') IS NULL THEN
        ALTER TABLE cdc_catalog.copied_rows SET (toast_tuple_target = 8160);
    END IF;
END $$;

-- One source table fills a target, or a shard of it, whoever registers another at the same time.  (On
-- Greenplum, where unique indexes need the distribution key, it is only looked up.)
DO $$
BEGIN
    IF pg_catalog.to_regclass('pg_catalog.gp_id') IS NOT NULL THEN
        CREATE INDEX subscription_table_target ON cdc_catalog.subscription_table (target_oid, shard);
    ELSE
        CREATE UNIQUE INDEX subscription_table_target ON cdc_catalog.subscription_table (target_oid, shard);
    END IF;
END $$;
CREATE INDEX subscription_table_target_name ON cdc_catalog.subscription_table (target);

-- Counters of apply, written with the targets.
CREATE TABLE cdc_catalog.table_counter (
    subscription    text NOT NULL,
    name            text NOT NULL,          -- of the table
    source_table    text NOT NULL,
    events          bigint NOT NULL DEFAULT 0,
    inserts         bigint NOT NULL DEFAULT 0,
    updates         bigint NOT NULL DEFAULT 0,
    deletes         bigint NOT NULL DEFAULT 0,
    missing         bigint NOT NULL DEFAULT 0,  -- rows to be updated or deleted that the target did not have
    surplus         bigint NOT NULL DEFAULT 0,  -- rows to be inserted that it had, with other values
    last_seq        bigint NOT NULL DEFAULT 0,
    source_ts       timestamptz,
    PRIMARY KEY (subscription, name)
) WITH (fillfactor = 50);

-- Definitions of source tables, each valid from a seq on; without columns
-- from where the table is gone.
CREATE TABLE cdc_catalog.table_version (
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
    unproven        boolean NOT NULL DEFAULT false, -- rows of before that depend on it
    PRIMARY KEY (subscription, source_table, version)
);

-- What the source's statements did to its tables, in their order: recorded by pull,
-- acted on by apply when it has come to from_seq, which is the first event behind.
CREATE TABLE cdc_catalog.table_change (
    subscription    text NOT NULL,
    number          bigint NOT NULL,
    -- a alter, c create, d drop, r renamed, n another table got the name, t truncate,
    -- f rows came that the definition did not fit, b a new copy begins
    kind            "char" NOT NULL,
    source_table    text NOT NULL,
    from_seq        bigint NOT NULL,
    position        text,
    source_ts       timestamptz,
    statement       text,
    before_version  integer NOT NULL,       -- of cdc.table_version; 0: none
    after_version   integer NOT NULL,
    change          jsonb NOT NULL,         -- renamed and added columns, why rows may have changed
    outcome         text,                   -- what apply did; NULL: it has not come to it
    tables          text[],                 -- names of the tables that are filled from it, where there are
    outcomes        text[],                 -- ... some, and what it did for each
    outcome_at      timestamptz,
    PRIMARY KEY (subscription, number)
);

CREATE INDEX table_change_pending ON cdc_catalog.table_change (subscription, number) WHERE outcome IS NULL;

-- Source transactions between XA PREPARE and XA COMMIT: their events as they
-- came, in chunks; chunk 0 also says what is known of the whole.
CREATE TABLE cdc_catalog.prepared_transaction (
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
CREATE TABLE cdc_catalog.database_version (
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

-- What could not be stored or applied, where the user chose not to stop.  op: that of an
-- event that apply put aside, to be applied later to the table of that name; NULL: what pull
-- could not read.
CREATE TABLE cdc_catalog.error (
    subscription    text NOT NULL,
    seq             bigint,
    at              timestamptz NOT NULL DEFAULT now(),
    position        text,
    source_table    text,
    sqlstate        text,
    message         text NOT NULL,
    raw             bytea,
    op              "char",
    event           jsonb,
    name            text
);
CREATE INDEX error_table ON cdc_catalog.error (subscription, name, seq);

-- Keys of which cdc.error has events: later ones follow them there.  Each value
-- of the key as text behind '=', or 'null'.
CREATE TABLE cdc_catalog.blocked_key (
    subscription    text NOT NULL,
    name            text NOT NULL,          -- of the table
    key             text[] NOT NULL,
    seq             bigint NOT NULL         -- of the first event
);
CREATE INDEX blocked_key_table ON cdc_catalog.blocked_key (subscription, name);

-- Source transactions that apply passes over, as an operator said.
CREATE TABLE cdc_catalog.skipped_transaction (
    subscription    text NOT NULL,
    first_seq       bigint NOT NULL,        -- of its events
    last_seq        bigint NOT NULL,
    position        text,
    gtid            text,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    by_role         name NOT NULL DEFAULT current_user,
    PRIMARY KEY (subscription, first_seq)
);

-- What happened: acts of operators, changes of schema, warnings.  An event
-- that comes again within an hour counts in its row and makes no other.
CREATE TABLE cdc_catalog.log (
    at              timestamptz NOT NULL DEFAULT now(),
    subscription    text,
    subscription_id integer,                -- a later one of that name is not told of this one
    kind            text NOT NULL,
    message         text NOT NULL,
    detail          text,                   -- of the first time
    repeats         bigint NOT NULL DEFAULT 0,  -- how often it came again ...
    last_at         timestamptz,            -- ... and when last
    by_role         name NOT NULL DEFAULT current_user
) WITH (fillfactor = 80);

-- Without the columns that a repeated event changes.
CREATE INDEX log_subscription_kind ON cdc_catalog.log (subscription, kind, at);

-- What is published and how far.  Written with the position by cdc.publish.
CREATE TABLE cdc_catalog.publication (
    name            text NOT NULL PRIMARY KEY,
    subscription    text NOT NULL,
    server          name NOT NULL,
    topic_template  text NOT NULL,
    key_template    text NOT NULL,
    format          text NOT NULL,
    options         jsonb NOT NULL,
    enabled         boolean NOT NULL DEFAULT false,
    published_seq   bigint NOT NULL,        -- the last event that the brokers have confirmed
    events          bigint NOT NULL DEFAULT 0,
    messages        bigint NOT NULL DEFAULT 0,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    server_oid      oid,                    -- what server is; not to be trusted in a restored database
    id              integer NOT NULL DEFAULT nextval('cdc_catalog.subscription_id_seq'::regclass)
) WITH (fillfactor = 50);

-- What cdc.verify found.  One row a chunk and kind of difference.
CREATE TABLE cdc_catalog.verification (
    subscription    text NOT NULL,
    source_table    text NOT NULL,
    target          text NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    applied_seq     bigint NOT NULL,        -- the place at which the last chunk was compared
    chunk           integer NOT NULL,
    source_rows     bigint NOT NULL,
    target_rows     bigint NOT NULL,
    differing_keys  jsonb[] NOT NULL,
    kind            text NOT NULL,          -- equal, missing, extra, different
    rows_read       bigint NOT NULL DEFAULT 0   -- of source_rows, those of which the sum was not enough
);
CREATE INDEX verification_subscription ON cdc_catalog.verification (subscription, source_table, started_at);

-- How far a run of cdc.verify_step has come: a row for each of its tables, until all are through.
CREATE TABLE cdc_catalog.verification_progress (
    subscription    text NOT NULL,
    name            text NOT NULL,          -- of the table
    started_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),  -- as cdc_catalog.verification has it
    updated_at      timestamptz,
    done            boolean NOT NULL DEFAULT false,
    shape           text,                   -- of the tables and their key; null: not begun
    last_key        text[],                 -- rows up to this key are compared; literals of the source's SQL
    chunk           bigint NOT NULL DEFAULT 0,
    source_rows     bigint NOT NULL DEFAULT 0,
    rows_read       bigint NOT NULL DEFAULT 0,
    differences     bigint NOT NULL DEFAULT 0,
    ranges          text[],                 -- for a repair: where rows differ, conditions of the source's SQL
    gone            text[],                 -- keys of rows that only the target has ...
    gone_seq        bigint,                 -- ... as of this event
    by_range        boolean NOT NULL DEFAULT true,  -- false: these do not tell all
    PRIMARY KEY (subscription, name)
);

-- Restored by pg_dump with the database.
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_position', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_partition', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.history_gap', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.history_purge', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_progress', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_failure', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.subscription_table', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.removed_table', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.copy_progress', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.table_known_number_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.table_known', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.copied_rows', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.table_counter', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.table_version', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.table_change', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.prepared_transaction', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.database_version', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.error', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.blocked_key', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.skipped_transaction', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.log', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.publication', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.verification', '');
SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.verification_progress', '');

-- Nobody but the extension and superusers come here; 11_views.sql has what others see.
REVOKE ALL ON ALL TABLES IN SCHEMA cdc_catalog FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA cdc_catalog FROM PUBLIC;
