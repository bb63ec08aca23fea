/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  A table that comes to a subscription late, or has stopped: what the history has of it
 *	  up to where apply stands goes to its target by runs of its own, and what comes behind
 *	  by the next ones, so that the target is what it would be had it been there all the time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/catalog/log.h"
#include "pg/history/hole.h"
#include "pg/process/wake.h"
#include "pg/progress/copy_progress.h"
#include "pg/mapping/cache.h"

/* Kept events whose numbers are read at a time. */
#define SEQS	1000

/* ------------------------------------------------------------------------
 * A table that comes late
 * ------------------------------------------------------------------------
 */

/* Empties the target of the table. */
static void
empty_target(CdcApply *apply, const CdcSubscriptionTable *table)
{
	CdcHistoryEvent event;
	CdcSourceRun *source;

	memset(&event, 0, sizeof(event));
	event.seq = 1;
	event.op = CDC_OP_TRUNCATE;
	event.source_table = table->source_table;
	event.source_table_len = strlen(table->source_table);
	apply->only = table->name;
	cdc_event_begin(apply, &event);
	source = cdc_run_source(apply, &event);
	apply->work.at.source_table = NULL;
	if (source != NULL)
		cdc_truncate_target(&apply->work, source->target);
}

static void
run_locked(const CdcSubscription *sub, const char *name, bool replace, CdcFill *fill)
{
	const CdcSubscriptionTable *table = cdc_apply_table(sub, name);
	CdcProgress progress;
	CdcApplyResult result;
	CdcApply   *apply;
	CdcWalk		walk;

	cdc_progress_get(sub, &progress);
	fill->upto = progress.applied_seq;
	apply = cdc_run_begin(sub, NULL);
	cdc_history_check_whole(sub, "filling a table", 1, progress.applied_seq);
	if (replace)
		empty_target(apply, table);
	cdc_run_end(apply);
	MemoryContextDelete(apply->work.cxt);

	/* as apply would have done it: past transactions that it passed over, and as on_error says */
	memset(&result, 0, sizeof(result));
	memset(&walk, 0, sizeof(walk));
	walk.sub = sub;
	walk.only = table;
	walk.result = &result;
	walk.guarded = cdc_target_errors_are_guarded(sub);
	(void) cdc_walk(&walk, progress.applied_seq);
	fill->events = result.events;
}

void
cdc_apply_fill(CdcSubscription *sub, const char *name, bool replace, CdcFill *fill)
{
	CdcRunning	run;

	memset(fill, 0, sizeof(*fill));
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	cdc_running_begin(&run, sub->id, CDC_WRITER_APPLY);
	PG_TRY();
	{
		run_locked(sub, name, replace, fill);
	}
	PG_CATCH();
	{
		cdc_running_end(&run);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_running_end(&run);
}

/* ------------------------------------------------------------------------
 * A table that has stopped
 * ------------------------------------------------------------------------
 */

/* ERROR where an event is missing that is to be applied. */
static void
check_history(const CdcSubscription *sub, int64 after, int64 upto)
{
	CdcScope	scope;

	if (after >= upto)
		return;
	cdc_owner_begin(sub, &scope);
	cdc_history_check_event(sub, "retry_errors", after + 1);
	cdc_history_check_event(sub, "retry_errors", upto);
	cdc_history_check_whole(sub, "retry_errors", after + 1, upto);
	cdc_scope_end(&scope);
}

/* Applies what cdc.error has of the table, and forgets it. */
static void
apply_kept(CdcWalk *walk, const CdcSubscriptionTable *table)
{
	CdcApply   *apply = cdc_run_begin(walk->sub, NULL);
	int64		last = 0;
	int			n;
	int			i;

	apply->only = table->name;
	do
	{
		int64	   *seqs = cdc_table_error_seqs(walk->sub, table->name, last, SEQS, &n);

		for (i = 0; i < n; i++)
		{
			int64		before = apply->events;

			CHECK_FOR_INTERRUPTS();
			last = seqs[i];
			cdc_run_scan(apply, last - 1, last, table->source_table);
			if (apply->events == before)
				cdc_history_hole(walk->sub, "retry_errors", last, last);
		}
		pfree(seqs);
	} while (n == SEQS);
	cdc_run_end(apply);
	cdc_range_count(apply, walk->result);
	MemoryContextDelete(apply->work.cxt);
	(void) cdc_table_error_forget(walk->sub, table->name, 0);
	(void) cdc_table_settle(walk->sub, table->name, 'e');
	CommandCounterIncrement();
}

/* The commit behind about max_events events (0: no bound) from where it stopped, at upto at the latest. */
static int64
end_of_step(const CdcSubscription *sub, const CdcSubscriptionTable *table, int64 upto, int64 max_events)
{
	CdcScope	scope;
	int64		end;

	if (max_events == 0 || upto - table->held_seq <= max_events)
		return upto;
	cdc_owner_begin(sub, &scope);
	end = cdc_history_first_boundary(sub, table->held_seq + max_events);
	cdc_scope_end(&scope);
	return end > 0 && end < upto ? end : upto;
}

/* The table goes on from where it stopped, up to upto. */
static void
catch_up(CdcWalk *walk, const CdcSubscriptionTable *table, int64 upto)
{
	const CdcSubscription *sub = walk->sub;

	check_history(sub, walk->numbered ? table->held_seq : upto, upto);
	/* one right behind upto is followed there, too */
	cdc_changes_reopen(sub->name, table->source_table, table->name, table->held_seq, upto + 1);
	CommandCounterIncrement();
	walk->only = table;
	walk->progress.applied_seq = table->held_seq;
	if (cdc_walk(walk, upto) < upto)
		elog(ERROR, "source table %s did not come to seq " INT64_FORMAT, table->name, upto);
}

/* It stops again, where it has come to: the next call goes on from there. */
static void
stop_again(const CdcSubscription *sub, const CdcSubscriptionTable *table, int64 reached, int64 applied_seq)
{
	CdcTableError error = {table->name, 0, NULL};
	char	   *what = psprintf("source table %s has its events up to seq " INT64_FORMAT ", the others have them up to seq " INT64_FORMAT,
								table->name, reached, applied_seq);
	char	   *remedy = psprintf("To go on: SELECT cdc.retry_errors(%s, %s);", quote_literal_cstr(sub->name),
								  quote_literal_cstr(table->name));

	error.sqlerrcode = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
	error.text = psprintf("%s\nHINT:  %s", what, remedy);
	(void) cdc_table_error_hold(sub, &error, reached);
	ereport(NOTICE,
			(errmsg("%s", what),
			 errhint("%s", remedy)));
}

/* ERROR: nothing that the history has helps the table. */
static void
refuse(const CdcSubscription *sub, const CdcSubscriptionTable *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source table %s of subscription \"%s\" has no place to go on from",
					table->name, sub->name),
			 table->left_out ? errdetail("It was left out, and has no target.") :
			 errdetail("Its target is not what the source had at any commit."),
			 errhint("%s", table->left_out ? cdc_table_error_left_out_hint(sub, table->name) :
					 cdc_table_error_hint(sub, table->name, false))));
}

/* A call of cdc.retry_errors. */
typedef struct Retry
{
	const CdcSubscription *sub;
	CdcPosition position;
	int64		applied_seq;	/* where apply stands */
	int64		max_events;		/* of the history, a table; 0: no bound */
} Retry;

/*
 * Applies what the table lacks.  Returns the number of events; 0, too, where it is in error for
 * another reason now, which its state says.
 */
static int64
retry_table(const Retry *retry, const CdcSubscriptionTable *table)
{
	const CdcSubscription *sub = retry->sub;
	int64		end = retry->applied_seq;
	CdcApplyResult result;
	CdcWalk		walk;

	memset(&result, 0, sizeof(result));
	memset(&walk, 0, sizeof(walk));
	walk.sub = sub;
	walk.result = &result;
	walk.numbered = retry->position.events > 0;
	walk.changes = retry->position.changes;
	walk.guarded = cdc_target_errors_are_guarded(sub);

	/* from here on it has a target; pull may have found that it has no place any more */
	if (!cdc_table_resume(sub, table->name))
		refuse(sub, table);
	CommandCounterIncrement();
	if (table->kept_events > 0)
		apply_kept(&walk, table);
	if (table->held)
	{
		end = end_of_step(sub, table, retry->applied_seq, retry->max_events);
		catch_up(&walk, table, end);
	}

	/* what could not be followed on the way says so: it stays as it is */
	if (cdc_table_is_held(sub, table->name))
		return 0;
	if (end < retry->applied_seq)
		stop_again(sub, table, end, retry->applied_seq);
	else
		(void) cdc_copy_applied(sub, retry->applied_seq);
	cdc_log(sub->name, "error",
			psprintf("events of source table %s were applied again: " INT64_FORMAT, table->name, result.events), NULL);
	return result.events;
}

/* Whether the table is one whose events can be applied again; ERROR where it was named and is not. */
static bool
is_retried(const CdcSubscription *sub, const CdcSubscriptionTable *table, bool named)
{
	if (table->state != 'e')
		return false;
	if (table->held && table->held_seq < 0)
	{
		if (named)
			refuse(sub, table);
		return false;
	}
	return table->held || table->kept_events > 0;
}

static bool
is_wanted(List *names, const CdcSubscriptionTable *table)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), table->name) == 0)
			return true;
	return names == NIL;
}

static int64
retry_locked(const CdcSubscription *sub, List *names, int64 max_events)
{
	Retry		retry = {.sub = sub,.max_events = max_events};
	CdcProgress progress;
	int64		events = 0;
	ListCell   *lc;

	cdc_progress_get(sub, &progress);
	retry.applied_seq = progress.applied_seq;
	cdc_position_get(sub, &retry.position);
	foreach(lc, cdc_subscription_tables(sub))
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		if (!is_wanted(names, table))
			continue;
		/* of several targets those are retried that can be */
		if (is_retried(sub, table, list_length(names) == 1))
			events += retry_table(&retry, table);
	}
	cdc_progress_broadcast_at_commit();
	return events;
}

/* The error goes on; one of the table with what to type, unless it says so itself. */
static void
rethrow_error(const CdcSubscription *sub, MemoryContext caller)
{
	const CdcBlame *blame = cdc_blame();
	const char *name = quote_literal_cstr(sub->name);
	const CdcSubscriptionTable *table;
	ErrorData  *error;
	int64		seq = blame->seq;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	FlushErrorState();
	if (error->hint != NULL || !cdc_blame_is_of_table(sub, error->sqlerrcode) || !blame->exact)
		ReThrowError(error);
	table = cdc_apply_table(sub, blame->source_table);
	if (table != NULL && table->kept_events > 0 && (!table->held || seq <= table->held_seq))
		error->hint = psprintf("To go on without this event: SELECT cdc.discard_errors(%s, %s, 'the reason', " INT64_FORMAT ").",
							   name, quote_literal_cstr(blame->source_table), seq);
	else if (blame->copied)
		error->hint = psprintf("To have all of its rows copied again: SELECT cdc.resync_table(%s, %s);", name,
							   quote_literal_cstr(blame->source_table));
	else if (blame->position[0] != '\0')
		error->hint = psprintf("To pass over this transaction: SELECT cdc.skip_transaction(%s, %s), then retry again.",
							   name, quote_literal_cstr(blame->position));
	ReThrowError(error);
}

int64
cdc_apply_retry(CdcSubscription *sub, List *names, int64 max_events)
{
	MemoryContext caller = CurrentMemoryContext;
	CdcRunning	run;
	volatile int64 events = 0;

	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	cdc_running_begin(&run, sub->id, CDC_WRITER_APPLY);
	cdc_blame_reset();
	PG_TRY();
	{
		events = retry_locked(sub, names, max_events);
	}
	PG_CATCH();
	{
		cdc_running_end(&run);
		rethrow_error(sub, caller);
	}
	PG_END_TRY();
	cdc_running_end(&run);
	return events;
}
