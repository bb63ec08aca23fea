/*-------------------------------------------------------------------------
 *
 * log.c
 *	  Rows of cdc.log, and notifications on the channel cdc_ingest.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/log.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"

void
cdc_log(const char *subscription, const char *kind, const char *message, const char *detail)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.log (subscription, kind, message, detail, by_role, subscription_id)"
		" VALUES ($1, $2, $3, $4, $5::pg_catalog.name,"
		" (SELECT s.id FROM cdc_catalog.subscription s WHERE s.name OPERATOR(pg_catalog.=) $1))",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[5];
	char		nulls[5];
	char	   *role = CDC_USER_NAME(GetUserId());

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = cdc_text_or_null(subscription, &nulls[0]);
	values[1] = CStringGetTextDatum(kind);
	values[2] = CStringGetTextDatum(cdc_bounded_text(message, CDC_TEXT_BOUND));
	values[3] = cdc_text_or_null(cdc_bounded_text(detail, CDC_TEXT_BOUND), &nulls[3]);
	values[4] = CStringGetTextDatum(role);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
}

/* Logs it unless the statement, which is given all but the detail, finds a row; returns whether it has logged. */
static bool
log_unless(CdcStatement *found, const char *subscription, const char *kind, const char *message,
		   const char *detail)
{
	message = cdc_bounded_text(message, CDC_TEXT_BOUND);
	if (cdc_spi_run(found, subscription, kind, message) != 0)
		return false;
	cdc_log(subscription, kind, message, detail);
	return true;
}

bool
cdc_log_event(const char *subscription, const char *kind, const char *message,
			  const char *detail)
{
	/* By the index, and of columns that no index has: stays on its page (HOT). */
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.log SET repeats = repeats OPERATOR(pg_catalog.+) 1,"
		" last_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND kind OPERATOR(pg_catalog.=) $2"
		" AND at OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-)"
		"  '1 hour'::pg_catalog.interval)"
		" AND message OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return log_unless(&stmt, subscription, kind, message, detail);
}

bool
cdc_log_once(const char *subscription, const char *kind, const char *message, const char *detail)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.log WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND kind OPERATOR(pg_catalog.=) $2 AND message OPERATOR(pg_catalog.=) $3 LIMIT 1",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return log_unless(&stmt, subscription, kind, message, detail);
}

/*
 * A value's bytes in a notification: its payload is less than 8000 bytes, and
 * escaping makes up to 6 of one byte.
 */
#define MAX_VALUE_BYTES		600

/* Appends "key":"value", with a comma before all but the first; nothing for NULL. */
static void
append_member(StringInfo json, const char *key, const char *value)
{
	int			len;

	if (value == NULL)
		return;
	len = pg_mbcliplen(value, strlen(value), MAX_VALUE_BYTES);
	appendStringInfoChar(json, json->len > 1 ? ',' : ' ');
	escape_json(json, key);
	appendStringInfoChar(json, ':');
	escape_json(json, pnstrdup(value, len));
}

void
cdc_notify(const char *subscription, const char *kind, const char *source_table,
		   const char *sqlstate)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_member(&json, "kind", kind);
	append_member(&json, "subscription", subscription);
	append_member(&json, "source_table", source_table);
	append_member(&json, "sqlstate", sqlstate);
	appendStringInfoChar(&json, '}');
	Async_Notify("cdc_ingest", json.data);
}
