/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  Recording what the workers of a subscription fail with.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/failure.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"

#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

void
cdc_failure_record(const char *subscription, const char *worker, const char *error)
{
	static CdcStatement update = {
		"UPDATE cdc.subscription_failure SET failures = failures OPERATOR(pg_catalog.+) 1,"
		" last_error = $3, last_error_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc.subscription_failure"
		" (subscription, worker, failures, last_error, last_error_at)"
		" VALUES ($1, $2, 1, $3, pg_catalog.now())",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	/*
	 * A row has one writer, the worker or, while there is none, the supervisor: no
	 * other can insert it in between.
	 */
	if (cdc_spi_run(&update, subscription, worker, error) == 0)
		(void) cdc_spi_run(&insert, subscription, worker, error);
	cdc_notify(subscription, psprintf("%s_error", worker), NULL, error);
}

void
cdc_failure_clear(const char *subscription, const char *worker)
{
	static CdcStatement stmt = {
		"UPDATE cdc.subscription_failure SET failures = 0"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2"
		" AND failures OPERATOR(pg_catalog.<>) 0",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, worker);
}

char *
cdc_failure_text(const ErrorData *edata)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, edata->message ? edata->message : "unknown error");
	if (edata->detail)
		appendStringInfo(&buf, "\nDETAIL:  %s", edata->detail);
	if (edata->hint)
		appendStringInfo(&buf, "\nHINT:  %s", edata->hint);

	/* the first line is the innermost: it names table and column, if it is about one */
	if (edata->context)
		appendStringInfo(&buf, "\nCONTEXT:  %.*s", (int) strcspn(edata->context, "\n"), edata->context);
	return buf.data;
}
