/*-------------------------------------------------------------------------
 *
 * skip.c
 *	  cdc.skip_transaction: a source transaction that apply passes over, as an operator
 *	  wants it.  The history keeps its events; targets that lack them are marked.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/history/table.h"
#include "pg/process/wake.h"

/* What the events of a transaction tell. */
typedef struct Passed
{
	CdcWalk    *walk;
	MemoryContext cxt;
	List	   *tables;			/* names of source tables with rows in it */
} Passed;

static bool
is_listed(List *names, const char *name, size_t len)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strlen(lfirst(lc)) == len && memcmp(lfirst(lc), name, len) == 0)
			return true;
	return false;
}

/* CdcHistoryVisitor */
static bool
visit_passed(const CdcHistoryEvent *event, void *arg)
{
	Passed	   *passed = arg;
	CdcProgress *progress = &passed->walk->progress;
	MemoryContext old = MemoryContextSwitchTo(passed->cxt);

	if (event->source_table != NULL && (cdc_event_has_rows(event) || event->op == CDC_OP_TRUNCATE) &&
		!is_listed(passed->tables, event->source_table, event->source_table_len))
		passed->tables = lappend(passed->tables, pnstrdup(event->source_table, event->source_table_len));
	progress->applied_seq = event->seq;
	progress->position = event->position != NULL ? pnstrdup(event->position, event->position_len) : NULL;
	progress->gtid = event->gtid != NULL ? pnstrdup(event->gtid, event->gtid_len) : NULL;
	if (event->source_ts != 0)
		progress->source_ts = event->source_ts;
	MemoryContextSwitchTo(old);
	return true;
}

/* Reads the transaction's events, as the owner. */
static void
read_passed(Passed *passed, const CdcSkip *skip)
{
	CdcHistoryScan scan;
	CdcScope	scope;

	memset(&scan, 0, sizeof(scan));
	scan.sub = passed->walk->sub;
	scan.after = skip->first - 1;
	scan.upto = skip->last;
	scan.source_table = passed->walk->only;
	scan.columns = CDC_HISTORY_GTID;
	scan.visit = visit_passed;
	scan.arg = passed;
	cdc_owner_begin(passed->walk->sub, &scope);
	cdc_history_scan(&scan);
	cdc_scope_end(&scope);
}

void
cdc_skip_pass(CdcWalk *walk, const CdcSkip *skip)
{
	Passed		passed = {walk, CurrentMemoryContext, NIL};
	ListCell   *lc;

	read_passed(&passed, skip);
	walk->progress.applied_seq = skip->last;
	foreach(lc, passed.tables)
	{
		const CdcSubscriptionTable *table = cdc_apply_table(walk->sub, lfirst(lc));

		/* a table that has stopped passes over it when it goes on */
		if (table == NULL || table->target == NULL || table->held)
			continue;
		cdc_table_error_differs(walk->sub, table->source_table,
								psprintf("the transaction with the events " INT64_FORMAT " to " INT64_FORMAT " was passed over",
										 skip->first, skip->last));
		walk->result->changes++;
	}
	CommandCounterIncrement();
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
