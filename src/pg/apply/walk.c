/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  A walk through history: runs, and between them changes of source tables that are
 *	  acted on and transactions that are passed over, each at its place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* ------------------------------------------------------------------------
 * Transactions that are passed over
 * ------------------------------------------------------------------------
 */

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
	scan.source_table = passed->walk->only != NULL ? passed->walk->only->source_table : NULL;
	scan.columns = CDC_HISTORY_GTID;
	scan.visit = visit_passed;
	scan.arg = passed;
	cdc_owner_begin(passed->walk->sub, &scope);
	cdc_history_scan(&scan);
	cdc_scope_end(&scope);
}

/* The table lacks the transaction from now on. */
static void
leave_out(CdcWalk *walk, const CdcSubscriptionTable *table, const CdcSkip *skip)
{
	/* a table that has stopped passes over it when it goes on */
	if (table->target == NULL || table->held ||
		(walk->only != NULL && strcmp(walk->only->name, table->name) != 0))
		return;
	cdc_table_error_differs(walk->sub, table->name,
							psprintf("the transaction with the events " INT64_FORMAT " to " INT64_FORMAT " was passed over",
									 skip->first, skip->last));
	walk->result->changes++;
}

/* Passes over the events of a transaction, up to its end; targets that lack them are marked. */
static void
pass_over(CdcWalk *walk, const CdcSkip *skip)
{
	Passed		passed = {walk, CurrentMemoryContext, NIL};
	ListCell   *lc;

	read_passed(&passed, skip);
	walk->progress.applied_seq = skip->last;
	foreach(lc, passed.tables)
	{
		ListCell   *lt;

		foreach(lt, cdc_apply_tables_of(walk->sub, lfirst(lc)))
			leave_out(walk, lfirst(lt), skip);
	}
	CommandCounterIncrement();
}

/* ------------------------------------------------------------------------
 * The walk
 * ------------------------------------------------------------------------
 */

/* Applies the events up to upto; returns where it has ended, which may be a commit before. */
static int64
run_up_to(CdcWalk *walk, int64 upto)
{
	CdcApply   *apply;

	if (walk->guarded)
		return cdc_guard_run(walk, upto);
	apply = walk->begun != NULL ? walk->begun : cdc_run_begin(walk->sub, NULL);
	walk->begun = NULL;
	cdc_range_scan(walk, apply, upto);
	return cdc_range_finish(walk, apply);
}

/* The same, past transactions that are not to be applied. */
static int64
run_past_skips(CdcWalk *walk, int64 upto)
{
	List	   *skips = cdc_skips(walk->sub, walk->progress.applied_seq, upto);
	ListCell   *lc;

	foreach(lc, skips)
	{
		const CdcSkip *skip = lfirst(lc);
		int64		before = skip->first - 1;

		CHECK_FOR_INTERRUPTS();
		if (before > walk->progress.applied_seq && run_up_to(walk, before) < before)
			return walk->progress.applied_seq;
		pass_over(walk, skip);
	}
	return upto > walk->progress.applied_seq ? run_up_to(walk, upto) : upto;
}

int64
cdc_walk(CdcWalk *walk, int64 upto)
{
	List	   *changes = cdc_changes_pending(walk->sub, walk->changes, upto + 1);
	ListCell   *lc;

	foreach(lc, changes)
	{
		CdcPendingChange *change = lfirst(lc);
		int64		before = change->from_seq - 1;

		if (walk->only != NULL && strcmp(change->source_table, walk->only->source_table) != 0)
			continue;
		/* a run ends there, so that the next one takes the tables as they are then */
		if (before > walk->progress.applied_seq && run_past_skips(walk, before) < before)
			return walk->progress.applied_seq;
		cdc_follow_change(walk->sub, change);
		walk->result->changes++;
	}
	return upto > walk->progress.applied_seq ? run_past_skips(walk, upto) : upto;
}
