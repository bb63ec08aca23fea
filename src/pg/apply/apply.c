/*-------------------------------------------------------------------------
 *
 * apply.c
 *	  cdc.apply: history into targets up to a source commit boundary, with the
 *	  progress in the same transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/result_set.h"
#include "pg/process/wake.h"
#include "pg/progress/copy_only.h"
#include "pg/progress/copy_progress.h"
#include "pg/catalog/failure.h"
#include "pg/history/hole.h"
#include "pg/mapping/cache.h"

/* ------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------
 */

/*
 * The seq of the boundary up to which this run goes, 0: there is nothing to do.  *more:
 * history has a further boundary behind it.
 *
 * It is none behind the position that was read: what pull has committed since then is seen by
 * now, and may begin with a change of a table, which that position does not tell of.
 */
static int64
choose_boundary(const CdcSubscription *sub, const CdcProgress *progress,
				const CdcPosition *position, int64 max_events, bool *more)
{
	int64		after = progress->applied_seq;
	int64		end = position->last_seq;
	int64		upto = 0;

	*more = false;
	/* mostly there are fewer events than that, as the position says */
	if (max_events > 0 && end - after > max_events)
		upto = cdc_history_first_boundary(sub, after + max_events);
	if (upto == 0 || upto > end)
	{
		upto = cdc_history_last_boundary(sub, after, end);
		/* what pull wrote last is there, even if the rest of its transaction is not */
		if (upto < end && end > after && position->events > 0)
			cdc_history_check_event(sub, "apply", end);
		return upto;
	}
	*more = cdc_history_last_boundary(sub, upto, PG_INT64_MAX) != 0;
	return upto;
}

/*
 * The event of the last error, as of cdc_failure_event(): where it was one of a batch of rows, the
 * next call finds out which of them it is of.  A worker that has failed is another process by then:
 * what it wrote down tells.
 */
static struct
{
	int32		subscription_id;	/* 0: nothing is known yet */
	int64		seq;
}			last_error;

static int64
failing_event(const CdcSubscription *sub)
{
	if (last_error.subscription_id != sub->id)
		last_error.seq = cdc_failure_event(sub->name, "apply");
	last_error.subscription_id = sub->id;
	return last_error.seq;
}

/*
 * A run up to upto would come to the event that failed before: what is before that is applied first,
 * then its source transaction alone.  Returns up to where.
 */
static int64
stop_before(const CdcSubscription *sub, int64 failing, int64 applied, int64 upto)
{
	int64		before;

	if (failing <= applied || failing > upto)
		return upto;
	before = cdc_history_last_boundary(sub, applied, failing - 1);
	if (before <= applied)
		before = cdc_history_first_boundary(sub, failing);
	return before > applied ? Min(before, upto) : upto;
}

/* A run; the subscription is locked. */
static void
run_locked(const CdcSubscription *sub, int64 max_events, bool in_turns, CdcApplyResult *result)
{
	CdcWalk		call;
	CdcPosition position;
	int64		failing;
	int64		before;
	int64		upto;
	int64		end;
	bool		ready;

	memset(&call, 0, sizeof(call));
	call.sub = sub;
	call.result = result;
	cdc_progress_get(sub, &call.progress);
	cdc_position_get(sub, &position);

	if (call.progress.applied_seq > position.last_seq)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("subscription \"%s\" has applied up to seq " INT64_FORMAT ", its history ends at " INT64_FORMAT,
						sub->name, call.progress.applied_seq, position.last_seq),
				 errdetail("cdc.subscription_progress and cdc.subscription_position do not belong together."),
				 errhint("Restore both from the same backup.")));

	before = call.progress.applied_seq;
	call.numbered = position.events > 0;
	call.changes = position.changes;
	failing = failing_event(sub);
	call.guarded = cdc_target_errors_are_guarded(sub) || failing >= 0;
	call.max_events = max_events;
	/* as the subscription's owner */
	call.begun = cdc_run_begin(sub, NULL);
	upto = choose_boundary(sub, &call.progress, &position, max_events, &result->more);
	if (upto == 0)
		upto = before;
	end = in_turns ? stop_before(sub, failing, before, upto) : upto;
	if (end < upto)
		result->more = true;
	upto = end;
	/* it may have ended at an earlier one */
	if (cdc_walk(&call, upto) < upto)
		result->more = true;
	if (call.begun != NULL)
	{
		cdc_run_end(call.begun);
		MemoryContextDelete(call.begun->work.cxt);
	}
	if (call.progress.applied_seq > before)
		cdc_progress_set(sub, &call.progress);
	result->before_failing = failing > call.progress.applied_seq;
	if (!result->before_failing)
		last_error.seq = -1;
	ready = cdc_copy_applied(sub, call.progress.applied_seq);
	if (cdc_copy_only_end(sub, call.progress.applied_seq, ready) || ready ||
		call.progress.applied_seq > before || result->changes > 0)
		cdc_progress_broadcast_at_commit();
}

/* What to type where an error of one table has stopped the subscription. */
static char *
stop_hint(const CdcSubscription *sub)
{
	const CdcBlame *blame = cdc_blame();
	const char *name = quote_literal_cstr(sub->name);
	StringInfoData hint;

	initStringInfo(&hint);
	appendStringInfo(&hint, "When the reason is gone, apply goes on. To let the other tables go on: SELECT cdc.alter_table(%s, %s, '{\"on_error\": \"table\"}'), later cdc.retry_errors(%s, %s).",
					 name, quote_literal_cstr(blame->source_table), name,
					 quote_literal_cstr(blame->source_table));
	if (blame->exact && blame->copied)
		appendStringInfo(&hint, " To have all of its rows copied again: SELECT cdc.resync_table(%s, %s);", name,
						 quote_literal_cstr(blame->source_table));
	else if (blame->exact && blame->position[0] != '\0')
		appendStringInfo(&hint, " To pass over this transaction: SELECT cdc.skip_transaction(%s, %s).", name,
						 quote_literal_cstr(blame->position));
	return hint.data;
}

/* The error goes on; one of a table with what to type, unless it says so itself. */
static void
rethrow_error(const CdcSubscription *sub, MemoryContext caller)
{
	ErrorData  *error;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	FlushErrorState();
	last_error.subscription_id = sub->id;
	last_error.seq = !cdc_blame_is_of_table(sub, error->sqlerrcode) ? -1 : cdc_blame()->exact ? cdc_blame()->seq : 0;
	if (error->hint == NULL && cdc_blame_is_of_table(sub, error->sqlerrcode))
	{
		cdc_blame_hint(error);
		error->hint = error->hint == NULL ? stop_hint(sub) : psprintf("%s  %s", error->hint, stop_hint(sub));
	}
	ReThrowError(error);
}

void
cdc_apply_run(CdcSubscription *sub, int64 max_events, bool in_turns, CdcApplyResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	CdcRunning	run;

	memset(result, 0, sizeof(*result));
	cdc_blame_reset();
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	cdc_running_begin(&run, sub->id, CDC_WRITER_APPLY);
	PG_TRY();
	{
		run_locked(sub, max_events, in_turns, result);
	}
	PG_CATCH();
	{
		cdc_running_end(&run);
		rethrow_error(sub, caller);
	}
	PG_END_TRY();
	cdc_running_end(&run);
}

void
cdc_apply_failed(const CdcSubscription *sub, int sqlerrcode)
{
	const CdcBlame *blame = cdc_blame();

	if (cdc_blame_is_of_table(sub, sqlerrcode))
		cdc_failure_blame(sub->name, "apply", blame->source_table,
						  blame->exact ? blame->seq : 0, blame->key);
}

/* ------------------------------------------------------------------------
 * cdc.apply
 * ------------------------------------------------------------------------
 */

/* The rows of cdc.apply's result. */
static void
return_counts(FunctionCallInfo fcinfo, const CdcApplyResult *result)
{
	TupleDesc	desc;
	Tuplestorestate *store = cdc_result_set_begin(fcinfo, &desc);
	ListCell   *lc;

	foreach(lc, result->counts)
	{
		const CdcApplyCount *count = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false, false, false, false, false};

		values[0] = CStringGetTextDatum(count->target);
		values[1] = Int64GetDatum(count->events);
		values[2] = Int64GetDatum(count->inserted);
		values[3] = Int64GetDatum(count->updated);
		values[4] = Int64GetDatum(count->deleted);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(cdc_apply);

Datum
cdc_apply(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	CdcApplyResult result;
	int64		max_events = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the subscription must not be null")));
	if (!PG_ARGISNULL(1) && max_events <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_events must be greater than zero")));
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_owner(sub);
	cdc_apply_run(sub, max_events, false, &result);
	return_counts(fcinfo, &result);
	return (Datum) 0;
}
