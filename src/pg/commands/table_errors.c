/*-------------------------------------------------------------------------
 *
 * table_errors.c
 *	  cdc.retry_errors(), cdc.discard_errors() and cdc.skip_transaction(): what is done about
 *	  events that cannot be applied.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/apply/apply.h"
#include "pg/base/compat_catalog.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/history/scan.h"
#include "pg/history/table.h"
#include "pg/process/wake.h"
#include "pg/progress/table_error.h"
#include "pg/progress/table_state.h"

PG_FUNCTION_INFO_V1(cdc_retry_errors);

Datum
cdc_retry_errors(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	char	   *source_table = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *target = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	int64		max_events = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the subscription must not be null")));
	if (!PG_ARGISNULL(3) && max_events <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_events must be greater than 0")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_here(sub);
	if (source_table == NULL)
		PG_RETURN_INT64(cdc_apply_retry(sub, NIL, max_events));
	PG_RETURN_INT64(cdc_apply_retry(sub, cdc_names_of_tables(cdc_find_tables(sub, source_table, target)),
									max_events));
}

/* ------------------------------------------------------------------------
 * cdc.discard_errors
 * ------------------------------------------------------------------------
 */

/* Gives up what is kept of one table, or the one event of that seq; returns how many. */
static int64
discard_of_table(const CdcSubscription *sub, const CdcSubscriptionTable *table, int64 seq, const char *reason)
{
	int64		n = cdc_table_error_forget(sub, table->name, seq);
	char	   *what;

	if (n == 0)
		return 0;
	what = psprintf("events of source table %s were discarded: " INT64_FORMAT, table->name, n);
	cdc_table_error_differs(sub, table->name, what);
	(void) cdc_table_settle(sub, table->name, 'e');
	cdc_log(sub->name, "error", what, reason);
	return n;
}

PG_FUNCTION_INFO_V1(cdc_discard_errors);

Datum
cdc_discard_errors(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	char	   *source_table = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *reason;
	int64		seq = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT64(3);
	char	   *target = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	int64		events = 0;
	int64		pulled;
	ListCell   *lc;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription and reason must not be null")));
	reason = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (reason[strspn(reason, " ")] == '\0' || (source_table == NULL && seq != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a reason has to be given, and with a seq the source table")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (source_table != NULL)
		(void) cdc_find_tables(sub, source_table, target);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	foreach(lc, source_table != NULL ? cdc_find_tables(sub, source_table, target) : cdc_subscription_tables(sub))
		events += discard_of_table(sub, lfirst(lc), seq, reason);
	pulled = source_table == NULL ? cdc_table_error_forget_pulled(sub) : 0;
	if (pulled > 0)
		cdc_log(sub->name, "error", psprintf("messages in cdc.error were discarded: " INT64_FORMAT, pulled), reason);
	PG_RETURN_INT64(events + pulled);
}

/* ------------------------------------------------------------------------
 * cdc.skip_transaction
 * ------------------------------------------------------------------------
 */

/*
 * One number of the history, where $1 is the text and $2 the number that are given; 0: there
 * is none.
 */
static int64
ask(const CdcSubscription *sub, const char *sql, const char *text, int64 number)
{
	Relation	rel = cdc_history_table_open(sub, AccessShareLock);
	char	   *name = cdc_history_table_name(rel);
	Oid			types[2] = {TEXTOID, INT8OID};
	Datum		values[2];
	int64		result = 0;

	table_close(rel, NoLock);
	values[0] = CStringGetTextDatum(text);
	values[1] = Int64GetDatum(number);
	cdc_spi_connect();
	if (SPI_execute_with_args(psprintf(sql, name), 2, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed");
	if (SPI_processed > 0)
	{
		bool		isnull;
		Datum		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		result = isnull ? 0 : DatumGetInt64(d);
	}
	cdc_spi_disconnect();
	return result;
}

/* Finds the transaction behind after; false: there is none. */
static bool
find_transaction(const CdcSubscription *sub, const char *what, int64 after, CdcSkip *skip)
{
	CdcScope	scope;
	int64		seq;

	cdc_owner_begin(sub, &scope);
	seq = ask(sub, "SELECT h.seq FROM %s h WHERE (h.gtid OPERATOR(pg_catalog.=) $1"
			  " OR h.position OPERATOR(pg_catalog.=) $1) AND h.seq OPERATOR(pg_catalog.>) $2 ORDER BY h.seq LIMIT 1",
			  what, after);
	if (seq > 0)
	{
		skip->first = 1 + ask(sub, "SELECT h.seq FROM %s h WHERE h.\"commit\" AND h.seq OPERATOR(pg_catalog.<) $2"
							  " AND $1 IS NOT NULL ORDER BY h.seq DESC LIMIT 1", what, seq);
		skip->last = cdc_history_first_boundary(sub, seq);
	}
	cdc_scope_end(&scope);
	return seq > 0 && skip->last > 0;
}

/* The seq up to which all tables have everything. */
static int64
applied_by_all(const CdcSubscription *sub)
{
	CdcProgress progress;
	int64		result;
	ListCell   *lc;

	cdc_progress_get(sub, &progress);
	result = progress.applied_seq;
	foreach(lc, cdc_subscription_tables(sub))
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		if (table->held && table->held_seq >= 0)
			result = Min(result, table->held_seq);
	}
	return result;
}

PG_FUNCTION_INFO_V1(cdc_skip_transaction);

Datum
cdc_skip_transaction(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CdcSkip		skip;

	cdc_subscription_check_here(sub);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	if (!find_transaction(sub, what, applied_by_all(sub), &skip))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("history of subscription \"%s\" has no complete transaction with GTID or position %s that is not applied yet",
						sub->name, what),
				 errhint("Name it as the history does: SELECT position, gtid FROM %s WHERE seq = ..., with error_seq of cdc.stat_table.",
						 sub->names.history)));
	if (cdc_skip_add(sub, &skip, strchr(what, '@') != NULL || strchr(what, '.') != NULL ? what : NULL,
					 strchr(what, '@') != NULL || strchr(what, '.') != NULL ? NULL : what))
		cdc_log(sub->name, "skip",
				psprintf("the transaction with the events " INT64_FORMAT " to " INT64_FORMAT " is passed over",
						 skip.first, skip.last), what);
	cdc_subscription_changed();
	cdc_worker_wake(sub->id, CDC_WORKER_APPLY);
	PG_RETURN_VOID();
}
