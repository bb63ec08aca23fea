-- Publish: history to Kafka topics.

-- Sends what history has behind the publication's position, or max_events
-- rounded up to a commit of the source; returns the number of events.  The
-- publication is made by the first call, further ones continue; what they give
-- differently is stored.  from_seq: where a new one begins (null: at the first
-- event that the history has).
CREATE FUNCTION cdc.publish(
    subscription text,
    server text,
    topic_template text DEFAULT 'cdc.${database}.${table}',
    key_template text DEFAULT '${primary_key}',
    format text DEFAULT 'maxwell',
    options jsonb DEFAULT '{}',
    name text DEFAULT NULL,
    from_seq bigint DEFAULT NULL,
    max_events bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_publish';

COMMENT ON FUNCTION cdc.publish(text, text, text, text, text, jsonb, text, bigint, bigint) IS
    'sends events of the history to topics of Kafka and moves the publication''s position; returns the number of events';

-- The same for a publication that exists.
CREATE FUNCTION cdc.publish_more(publication text, max_events bigint DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE AS 'MODULE_PATHNAME', 'cdc_publish_more';

COMMENT ON FUNCTION cdc.publish_more(text, bigint) IS
    'sends the next events of a publication; returns their number';

-- An enabled publication has a worker of its own, which publishes what pull brings: one
-- that cannot deliver holds up no other.
CREATE FUNCTION cdc.enable_publication(publication text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_enable_publication';

COMMENT ON FUNCTION cdc.enable_publication(text) IS 'a worker publishes from now on';

CREATE FUNCTION cdc.disable_publication(publication text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_disable_publication';

COMMENT ON FUNCTION cdc.disable_publication(text) IS 'ends that at commit; the position stays';

CREATE FUNCTION cdc.drop_publication(publication text) RETURNS void
LANGUAGE C VOLATILE STRICT AS 'MODULE_PATHNAME', 'cdc_drop_publication';

COMMENT ON FUNCTION cdc.drop_publication(text) IS
    'forgets a publication and its position; the topics stay';

-- How far publications are.
CREATE VIEW cdc.stat_publication WITH (security_barrier = true) AS
SELECT u.name AS publication,
       u.subscription,
       u.server,
       u.enabled,
       CASE WHEN u.enabled THEN w.pid END AS pid,
       u.published_seq,
       p.last_seq - u.published_seq AS events_behind,
       u.events,
       u.messages,
       u.updated_at,
       CASE WHEN f.failures > 0 THEN f.last_error END AS last_error,
       CASE WHEN f.failures > 0 THEN f.last_sqlstate END AS last_sqlstate
  FROM cdc.publication u
  JOIN cdc_catalog.subscription s ON s.name = u.subscription
  JOIN cdc_catalog.subscription_position p ON p.subscription = s.name
  LEFT JOIN cdc_catalog.worker_now w ON w.subscription_id = s.id AND w.publication_id = u.id
  LEFT JOIN cdc.subscription_failure f ON f.subscription = s.name AND f.worker = 'publish ' || u.name;

COMMENT ON VIEW cdc.stat_publication IS 'position and counters of publications';
GRANT SELECT ON cdc.stat_publication TO PUBLIC;
