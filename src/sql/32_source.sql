-- What can be asked about a source.

CREATE FUNCTION cdc.check_server(
    server text,
    OUT check_name text, OUT ok boolean, OUT detail text, OUT hint text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'cdc_check_server';

COMMENT ON FUNCTION cdc.check_server(text) IS
    'whether a source is reachable and set up as a subscription needs it';
