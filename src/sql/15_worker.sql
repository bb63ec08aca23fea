-- What was last seen of the sources, for the views while no worker runs that knows
-- better: a row a subscription, written by pull when it changes.  Not for pg_dump.
CREATE TABLE cdc_catalog.source_seen (
    subscription    text NOT NULL PRIMARY KEY,
    last_message    timestamptz,            -- when the source last sent anything
    delay           bigint,                 -- by how much that was late, microseconds
    clock_ahead     bigint,                 -- of its clock to ours, microseconds
    kept_for        bigint                  -- how long it keeps its log, seconds; NULL: for ever, or unknown
) WITH (fillfactor = 50);

SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.source_seen', 'WHERE false');

-- How often workers were started without getting anywhere: a row a worker, written
-- before each start and taken back by its first success.  A crash of the server leaves
-- the count behind, so that the next start waits longer.  Not for pg_dump.
CREATE TABLE cdc_catalog.worker_start (
    subscription    text NOT NULL,
    worker          text NOT NULL,          -- pull, apply, 'publish ' and the publication's name
    unfinished      integer NOT NULL,       -- starts in a row without a success
    started_at      timestamptz NOT NULL,   -- the last of them
    PRIMARY KEY (subscription, worker)
) WITH (fillfactor = 50);

SELECT pg_catalog.pg_extension_config_dump('cdc_catalog.worker_start', 'WHERE false');
