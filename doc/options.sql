-- Writes doc/options.md from the extension's table of options:
--   psql -XAtq -f doc/options.sql > doc/options.md
\pset format unaligned
\pset tuples_only on
SELECT E'# Options\n\nMade by doc/options.sql from `cdc.option_list()`; do not edit.\n\nServers, user mappings and foreign tables of cdc_kafka also have the properties of librdkafka, their dots\nwritten as underscores; which belongs where is in [kafka](kafka.md).';
SELECT E'\n## ' || upper(left(scope, 1)) || substr(scope, 2) || E'\n\n| option | default | values | |\n|---|---|---|---|\n' ||
       string_agg('| `' || name || '` | ' || coalesce('`' || "default" || '`', '') || ' | ' || valid_values || ' | ' ||
                  replace(description, '|', '\|') || CASE WHEN secret THEN ' (secret)' ELSE '' END || ' |', E'\n' ORDER BY n)
  FROM cdc.option_list() WITH ORDINALITY AS o(scope, name, type, "default", valid_values, secret, description, n)
 GROUP BY scope
 ORDER BY min(n);
