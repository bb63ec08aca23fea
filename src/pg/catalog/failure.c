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
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "mb/pg_wchar.h"

#include "core/status.h"
#include "pg/base/bounded_text.h"
#include "pg/base/error.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/process/wake.h"

/* A long message leaves room for the hint: all parts have less than CDC_TEXT_BOUND. */
#define MESSAGE_BOUND	4096
#define PART_BOUND		1280

/* CDC_ERRCODE_GAP as text. */
#define GAP				"LG001"

void
cdc_failure_record(const char *subscription, const char *worker, int sqlerrcode,
				   const char *error)
{
	static CdcStatement update = {
		"UPDATE cdc_catalog.subscription_failure SET failures = failures OPERATOR(pg_catalog.+) 1,"
		" last_error = $3, last_sqlstate = $4, last_error_at = pg_catalog.now(),"
		" latched = $4 OPERATOR(pg_catalog.=) '" GAP "', source_table = NULL, seq = NULL, key = NULL"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.subscription_failure"
		" (subscription, worker, failures, last_error, last_sqlstate, last_error_at, latched)"
		" VALUES ($1, $2, 1, $3, $4, pg_catalog.now(), $4 OPERATOR(pg_catalog.=) '" GAP "')",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	static CdcStatement latched = {
		"UPDATE cdc_catalog.subscription_failure SET failures = failures OPERATOR(pg_catalog.+) 1"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2 AND latched",
		2, {TEXTOID, TEXTOID}
	};
	char	   *sqlstate = pstrdup(unpack_sql_state(sqlerrcode));

	error = cdc_bounded_text(error, CDC_TEXT_BOUND);

	/* what stands is said again and again, and is the reason of all else */
	if (cdc_spi_run(&latched, subscription, worker) > 0)
		return;

	/*
	 * A row has one writer, the worker or, while there is none, the supervisor: no
	 * other can insert it in between.
	 */
	if (cdc_spi_run(&update, subscription, worker, error, sqlstate) == 0)
		(void) cdc_spi_run(&insert, subscription, worker, error, sqlstate);
	/* "publish" and the publication's name */
	cdc_notify(subscription, psprintf("%.*s_error", (int) strcspn(worker, " "), worker), NULL, sqlstate);
}

void
cdc_failure_blame(const char *subscription, const char *worker, const char *source_table, int64 seq,
				  const char *key)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_failure SET source_table = $3, seq = $4::pg_catalog.int8, key = $5"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, subscription, worker, source_table, seq > 0 ? psprintf(INT64_FORMAT, seq) : NULL,
					   seq > 0 && key[0] != '\0' ? key : NULL);
}

int64
cdc_failure_event(const char *subscription, const char *worker)
{
	static CdcStatement stmt = {
		"SELECT coalesce(seq, 0) FROM cdc_catalog.subscription_failure WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND worker OPERATOR(pg_catalog.=) $2 AND failures OPERATOR(pg_catalog.>) 0"
		" AND source_table IS NOT NULL",
		2, {TEXTOID, TEXTOID}
	};
	Datum		values[2] = {CStringGetTextDatum(subscription), CStringGetTextDatum(worker)};
	CdcSpi		spi;
	int64		seq = -1;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
		seq = cdc_spi_int64(0, 1);
	cdc_spi_end(&spi);
	return seq;
}

char *
cdc_failure_part(const char *error, const char *label)
{
	static const char *const labels[] = {CDC_FAILURE_DETAIL, CDC_FAILURE_HINT, CDC_FAILURE_CONTEXT};
	const char *from = label != NULL ? strstr(error, label) : error;
	const char *to;
	int			i;

	if (from == NULL)
		return NULL;
	from += label != NULL ? strlen(label) : 0;
	to = from + strlen(from);
	for (i = 0; i < lengthof(labels); i++)
	{
		const char *next = strstr(from, labels[i]);

		if (next != NULL && next < to)
			to = next;
	}
	return pnstrdup(from, to - from);
}

/* What was recorded of the gap that pull stands at, palloc'ed; NULL: there is none. */
static char *
recorded_gap(const char *subscription)
{
	static CdcStatement stmt = {
		"SELECT f.last_error FROM cdc_catalog.subscription_failure f"
		" WHERE f.subscription OPERATOR(pg_catalog.=) $1 AND f.worker OPERATOR(pg_catalog.=) 'pull'"
		" AND f.latched",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(subscription);
	char	   *error = NULL;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
		error = cdc_spi_text(&spi, 0, 1);
	cdc_spi_end(&spi);
	return error;
}

void
cdc_failure_raise_gap(const char *subscription)
{
	char	   *error = recorded_gap(subscription);
	char	   *detail;
	char	   *hint;

	if (error == NULL)
		return;
	detail = cdc_failure_part(error, CDC_FAILURE_DETAIL);
	hint = cdc_failure_part(error, CDC_FAILURE_HINT);
	ereport(ERROR,
			(errcode(CDC_ERRCODE_GAP),
			 errmsg("%s", cdc_failure_part(error, NULL)),
			 detail ? errdetail("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
}

void
cdc_failure_refuse_gap(const char *subscription)
{
	char	   *error = recorded_gap(subscription);
	char	   *name = quote_literal_cstr(subscription);

	if (error != NULL)
		ereport(ERROR,
				(errcode(CDC_ERRCODE_GAP),
				 errmsg("subscription \"%s\" stands at a gap, behind which its replicas would differ from their source",
						subscription),
				 errdetail("%s", cdc_failure_part(error, NULL)),
				 errhint("SELECT cdc.restart_subscription(%s); copies all tables again. Without that: SELECT cdc.restart_subscription(%s, 'latest', resync := false);",
						 name, name)));
}

/*
 * What was recorded is over: it is the present state no longer, and stands in cdc.log.
 * The message there is for monitors too, the text for the owner.  only_gap: no other
 * failure is.
 */
static void
end_failure(const char *subscription, const char *worker, bool only_gap)
{
	static CdcStatement select = {
		"SELECT f.latched, f.failures::pg_catalog.text, f.last_sqlstate, f.last_error,"
		" pg_catalog.date_trunc('second', f.last_error_at)::pg_catalog.text"
		" FROM cdc_catalog.subscription_failure f"
		" WHERE f.subscription OPERATOR(pg_catalog.=) $1 AND f.worker OPERATOR(pg_catalog.=) $2"
		" AND f.failures OPERATOR(pg_catalog.<>) 0",
		2, {TEXTOID, TEXTOID}
	};
	static CdcStatement update = {
		"UPDATE cdc_catalog.subscription_failure SET failures = 0, latched = false, last_error = NULL,"
		" last_sqlstate = NULL, last_error_at = NULL"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND worker OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	char	   *message = NULL;
	char	   *detail = NULL;
	bool		isnull;

	values[0] = CStringGetTextDatum(subscription);
	values[1] = CStringGetTextDatum(worker);
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&select, values, NULL) > 0 &&
		(!only_gap || DatumGetBool(cdc_spi_datum(0, 1, BOOLOID, &isnull))))
	{
		char	   *failures = cdc_spi_text(&spi, 0, 2);
		char	   *sqlstate = cdc_spi_text(&spi, 0, 3);
		char	   *error = cdc_spi_text(&spi, 0, 4);
		char	   *at = cdc_spi_text(&spi, 0, 5);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		message = psprintf("%s has got over its error %s", worker, sqlstate != NULL ? sqlstate : "");
		detail = psprintf("%s in a row, the last one at %s: %s", failures, at != NULL ? at : "?",
						  error != NULL ? error : "");
		MemoryContextSwitchTo(old);
		(void) cdc_spi_execute(&update, values, NULL);
	}
	cdc_spi_end(&spi);
	if (message != NULL)
		(void) cdc_log_event(subscription, "error", message, detail);
}

void
cdc_failure_end_gap(const char *subscription)
{
	end_failure(subscription, "pull", true);
}

void
cdc_failure_clear(const char *subscription, const char *worker)
{
	static CdcStatement room = {
		"INSERT INTO cdc_catalog.subscription_failure (subscription, worker, failures)"
		" SELECT $1, $2, 0 WHERE NOT EXISTS (SELECT 1 FROM cdc_catalog.subscription_failure f"
		" WHERE f.subscription OPERATOR(pg_catalog.=) $1 AND f.worker OPERATOR(pg_catalog.=) $2)",
		2, {TEXTOID, TEXTOID}
	};

	end_failure(subscription, worker, false);
	(void) cdc_spi_run(&room, subscription, worker);
}

void
cdc_failure_end(const char *subscription, const char *worker)
{
	end_failure(subscription, worker, false);
}

/* Whether the next try may well do better: links and locks come back. */
static bool
may_pass(const char *sqlstate)
{
	return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "57", 2) == 0 ||
		strncmp(sqlstate, "40", 2) == 0 || strcmp(sqlstate, "LG002") == 0;
}

/* A lock is waited for, however often, and a deadlock's turn is repeated: that is no failure. */
#define LOCKED		"{55P03,40P01}"

static TimestampTz
raise_failing(const char *subscription, TimestampTz since, bool applied)
{
	static CdcStatement stmt = {
		"SELECT f.worker, f.failures, f.last_sqlstate, f.last_error, f.last_error_at"
		" FROM cdc_catalog.subscription_failure f"
		" WHERE f.subscription OPERATOR(pg_catalog.=) $1 AND f.failures OPERATOR(pg_catalog.<>) 0"
		" AND f.worker OPERATOR(pg_catalog.=) ANY ('{pull,apply}')"
		" AND f.last_sqlstate OPERATOR(pg_catalog.<>) ALL ('" LOCKED "')"
		" ORDER BY f.worker DESC",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(subscription);
	char	   *worker = NULL;
	char	   *error = NULL;
	int64		failures = 0;
	TimestampTz older = 0;
	uint64		n;
	uint64		i;

	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, &value, NULL);
	for (i = 0; i < n && error == NULL; i++)
	{
		bool		isnull;
		TimestampTz at = DatumGetTimestampTz(cdc_spi_datum(i, 5, TIMESTAMPTZOID, &isnull));

		if (applied && strcmp(cdc_spi_text(&spi, i, 1), "apply") == 0)
			continue;
		failures = cdc_spi_int64(i, 2);
		if (failures < 2 && may_pass(cdc_spi_text(&spi, i, 3)))
			continue;
		if (!isnull && at < since)
		{
			older = Max(older, at);
			continue;
		}
		worker = cdc_spi_text(&spi, i, 1);
		error = cdc_spi_text(&spi, i, 4);
	}
	cdc_spi_end(&spi);
	if (error != NULL)
	{
		char	   *detail = cdc_failure_part(error, CDC_FAILURE_DETAIL);
		char	   *hint = cdc_failure_part(error, CDC_FAILURE_HINT);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the %s worker of subscription \"%s\" fails: %s", worker, subscription,
						cdc_failure_part(error, NULL)),
				 errdetail_plural(INT64_FORMAT " failure so far.%s%s", INT64_FORMAT " failures in a row.%s%s",
								  (unsigned long) failures, failures, detail ? " " : "", detail ? detail : ""),
				 hint ? errhint("%s", hint) : 0));
	}
	return older;
}

char *
cdc_failure_text(const ErrorData *edata)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, edata->message ?
						   cdc_bounded_text(edata->message, MESSAGE_BOUND) : "unknown error");
	if (edata->detail)
		appendStringInfo(&buf, CDC_FAILURE_DETAIL "%s", cdc_bounded_text(edata->detail, PART_BOUND));
	if (edata->hint)
		appendStringInfo(&buf, CDC_FAILURE_HINT "%s", cdc_bounded_text(edata->hint, PART_BOUND));

	/* the first line is the innermost: it names table and column, if it is about one */
	if (edata->context)
		appendStringInfo(&buf, CDC_FAILURE_CONTEXT "%s",
						 cdc_bounded_text(pnstrdup(edata->context, strcspn(edata->context, "\n")),
										  PART_BOUND));

	/* the context has not come by where other texts lose their control characters */
	if (GetDatabaseEncoding() == PG_UTF8)
		(void) cdc_clean_lines(buf.data, buf.len + 1, buf.data);
	return buf.data;
}

void
cdc_failure_forget(const char *subscription, const char *worker)
{
	static CdcStatement failure = {
		"DELETE FROM cdc_catalog.subscription_failure WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND worker OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}
	};
	static CdcStatement start = {
		"DELETE FROM cdc_catalog.worker_start WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND worker OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&failure, subscription, worker);
	(void) cdc_spi_run(&start, subscription, worker);
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

/* A worker that has failed is not tried again at once, however many wait for it. */
#define RETRY_AFTER_MS		1000

bool
cdc_failure_is_open(const char *subscription, TimestampTz begun, bool applied, bool *retried)
{
	TimestampTz older = raise_failing(subscription, begun, applied);

	if (older != 0 && !*retried && TimestampDifferenceExceeds(older, GetCurrentTimestamp(), RETRY_AFTER_MS))
	{
		cdc_supervisor_wake();
		*retried = true;
	}
	return older != 0;
}
