/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  Recording what the workers of a subscription fail with, and starts that have not
 *	  come to a success.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/failure.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"

#include "mb/pg_wchar.h"

#include "core/status.h"
#include "pg/base/bounded_text.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"

/* A long message leaves room for the hint: all parts have less than CDC_TEXT_BOUND. */
#define MESSAGE_BOUND	4096
#define PART_BOUND		1280

void
cdc_failure_record(const char *subscription, const char *worker, int sqlerrcode,
				   const char *error)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.subscription_failure SET failures = failures OPERATOR(pg_catalog.+) 1,"
		" last_error = $3, last_sqlstate = $4, last_error_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.subscription_failure"
		" (subscription, worker, failures, last_error, last_sqlstate, last_error_at)"
		" VALUES ($1, $2, 1, $3, $4, pg_catalog.now())",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	char	   *sqlstate = pstrdup(unpack_sql_state(sqlerrcode));

	error = cdc_bounded_text(error, CDC_TEXT_BOUND);

	/*
	 * A row has one writer, the worker or, while there is none, the supervisor: no
	 * other can insert it in between.
	 */
	if (cdc_spi_run(&update, subscription, worker, error, sqlstate) == 0)
		(void) cdc_spi_run(&insert, subscription, worker, error, sqlstate);
	cdc_notify(subscription, psprintf("%s_error", worker), NULL, sqlstate);
}

void
cdc_failure_clear(const char *subscription, const char *worker)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_failure SET failures = 0"
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
	appendStringInfoString(&buf, edata->message ?
						   cdc_bounded_text(edata->message, MESSAGE_BOUND) : "unknown error");
	if (edata->detail)
		appendStringInfo(&buf, "\nDETAIL:  %s", cdc_bounded_text(edata->detail, PART_BOUND));
	if (edata->hint)
		appendStringInfo(&buf, "\nHINT:  %s", cdc_bounded_text(edata->hint, PART_BOUND));

	/* the first line is the innermost: it names table and column, if it is about one */
	if (edata->context)
		appendStringInfo(&buf, "\nCONTEXT:  %s",
						 cdc_bounded_text(pnstrdup(edata->context, strcspn(edata->context, "\n")),
										  PART_BOUND));

	/* the context has not come by where other texts lose their control characters */
	if (GetDatabaseEncoding() == PG_UTF8)
		(void) cdc_clean_lines(buf.data, buf.len + 1, buf.data);
	return buf.data;
}

void
cdc_worker_start_count(const char *subscription, const char *worker)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.worker_start SET unfinished = unfinished OPERATOR(pg_catalog.+) 1,"
		" started_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.worker_start (subscription, worker, unfinished, started_at)"
		" VALUES ($1, $2, 1, pg_catalog.now())",
		2, {TEXTOID, TEXTOID}
	};

	/*
	 * A row has one writer, the supervisor before the start and the worker after it:
	 * no other can insert it in between.
	 */
	if (cdc_spi_run(&update, subscription, worker) == 0)
		(void) cdc_spi_run(&insert, subscription, worker);
}

void
cdc_worker_start_clear(const char *subscription, const char *worker)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.worker_start SET unfinished = 0"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2"
		" AND unfinished OPERATOR(pg_catalog.<>) 0",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, worker);
}
