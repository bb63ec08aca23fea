/*-------------------------------------------------------------------------
 *
 * wait_for.c
 *	  cdc.wait_for: waits until the targets contain a GTID set or position of
 *	  the source.
 *
 * The position that was asked for is contained in history once pull's own
 * position contains it; it then has a seq, that of the last event that
 * belongs to it, and the targets contain it once apply has passed that seq.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "pg/pull/source_kind.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/process/shmem.h"
#include "pg/process/wake.h"
#include "pg/catalog/access.h"
#include "pg/catalog/failure.h"
#include "pg/progress/auto_resync.h"
#include "pg/progress/copy_only.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/table_error.h"
#include "pg/catalog/position.h"
#include "pg/catalog/subscription.h"
#include "pg/history/scan.h"
#include "pg/schema/change.h"

/* How long one wait lasts at most: nobody may wake us where workers are off. */
#define WAIT_SLICE_MS	200

/* What is waited for. */
typedef struct Wanted
{
	const CdcSubscription *sub;
	const CdcSourceMethods *methods;	/* of its kind of source */
	void	   *goal;			/* theirs */
	bool		placed;			/* a place was given: not all that there is now */
	bool		copied;			/* goal is NULL: the end of a subscription that only copies */
	char	  **tables;			/* source tables that have to be complete; NULL: all */
	int			ntables;
} Wanted;

/* The search for the last transaction, or event, of history that belongs to what is wanted. */
typedef struct Search
{
	const Wanted *wanted;
	int64		found;			/* its seq */
} Search;

/* CdcHistoryVisitor: of last events of transactions the first one will do, of all events the last one. */
static bool
visit_event(const CdcHistoryEvent *event, void *arg)
{
	Search	   *search = arg;
	const Wanted *wanted = search->wanted;
	char	   *gtid = event->gtid ? pnstrdup(event->gtid, event->gtid_len) : NULL;
	char	   *position = event->position ? pnstrdup(event->position, event->position_len) : NULL;
	bool		has = wanted->methods->goal_has(wanted->goal, gtid, position);

	CHECK_FOR_INTERRUPTS();
	if (has)
		search->found = event->seq;
	if (gtid != NULL)
		pfree(gtid);
	if (position != NULL)
		pfree(position);
	return !has || wanted->methods->goal_is_of_events;
}

/*
 * The seq of the last transaction in (applied, last] that belongs to what is
 * wanted; applied when none does.  0: its end is not there yet.
 */
static int64
wanted_seq(const Wanted *wanted, int64 applied, int64 last)
{
	Search		search = {wanted, applied};
	CdcHistoryScan scan;
	CdcScope	scope;

	if (applied >= last)
		return applied;
	memset(&scan, 0, sizeof(scan));
	scan.sub = wanted->sub;
	scan.after = applied;
	scan.upto = last;
	scan.newest_commit_first = !wanted->methods->goal_is_of_events;
	scan.columns = CDC_HISTORY_GTID;
	scan.visit = visit_event;
	scan.arg = &search;
	cdc_owner_begin(wanted->sub, &scope);
	cdc_history_scan(&scan);
	if (wanted->methods->goal_is_of_events && search.found > applied)
		search.found = cdc_history_first_boundary(wanted->sub, search.found);
	cdc_scope_end(&scope);
	return search.found;
}

/* ------------------------------------------------------------------------
 * The wait
 * ------------------------------------------------------------------------
 */

/* What to type for a table in error, a sentence: as its error says, so that there is one word. */
static char *
remedy(const CdcSubscription *sub, const CdcFailedTable *failed)
{
	char	   *name = quote_literal_cstr(sub->name);
	char	   *table = quote_literal_cstr(failed->name);
	char	   *said = failed->error != NULL ? cdc_failure_part(failed->error, CDC_FAILURE_HINT) : NULL;

	if (said != NULL)
		return said;
	if (failed->left_out)
		return cdc_table_error_left_out_hint(sub, failed->name);
	if (failed->retried)
		return psprintf("When the reason is gone: SELECT cdc.retry_errors(%s, %s).", name, table);
	if (failed->gone)
		return cdc_table_error_gone_hint(sub, failed->name);
	if (failed->differs)
		return psprintf("To make it equal to its source: SELECT * FROM cdc.verify(%s, %s, repair := true).", name, table);
	return psprintf("When the reason is gone: SELECT cdc.resync_table(%s, %s).", name, table);
}

/* The error's text without its hint. */
static char *
reason(const CdcFailedTable *failed)
{
	const char *hint = failed->error != NULL ? strstr(failed->error, CDC_FAILURE_HINT) : NULL;
	const char *context = hint != NULL ? strstr(hint, CDC_FAILURE_CONTEXT) : NULL;

	if (failed->error == NULL)
		return pstrdup("Its state is e.");
	return hint == NULL ? pstrdup(failed->error) :
		psprintf("%.*s%s", (int) (hint - failed->error), failed->error, context != NULL ? context : "");
}

/* Whether tables are complete, copies of them included; ERROR where one is in error and stays so. */
static bool
tables_complete(const Wanted *wanted)
{
	const CdcSubscription *sub = wanted->sub;
	CdcFailedTable failed;
	bool		copies = cdc_copy_look(sub, wanted->tables, wanted->ntables, &failed);
	char	   *hint;
	TimestampTz at;

	if (failed.name == NULL)
		return !copies;
	hint = remedy(sub, &failed);
	if (cdc_auto_resync_comes(sub, failed.name, &at))
	{
		/* the next call of pull asks for its copy */
		if (at <= GetCurrentTimestamp())
			return false;
		hint = psprintf("A new copy comes by itself after %s (option auto_resync). To have it now: SELECT cdc.resync_table(%s, %s);",
						timestamptz_to_str(at), quote_literal_cstr(sub->name), quote_literal_cstr(failed.name));
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source table %s of subscription \"%s\" is in error", failed.name, sub->name),
			 errdetail("%s", reason(&failed)),
			 errhint("%s To wait for other tables only, name them with tables := '{...}'.", hint)));
	return false;
}

/* Whether the targets contain it; *seq: 0 until it is known. */
static bool
contained(const Wanted *wanted, int64 *seq)
{
	const CdcSubscription *sub = wanted->sub;
	CdcProgress progress;
	CdcPosition position;
	bool		result = false;

	/* progress first: the position that is read after it is not older */
	cdc_progress_get(sub, &progress);
	if (wanted->copied)
		return cdc_copy_only_is_over(sub, progress.applied_seq);
	if (*seq == 0)
	{
		cdc_position_get(sub, &position);
		if (!wanted->methods->goal_pulled(wanted->goal, sub, &position))
			return false;
		/* read after what pull has come to: what was pulled by then is in its last_seq */
		if (wanted->methods->goal_has == NULL || wanted->methods->goal_is_of_events)
			cdc_position_get(sub, &position);
		if (wanted->methods->goal_has == NULL || (wanted->methods->goal_is_of_events && !wanted->placed))
		{
			*seq = position.last_seq;
			return progress.applied_seq >= *seq;
		}
		*seq = wanted_seq(wanted, progress.applied_seq, position.last_seq);
		if (*seq == 0 && progress.applied_seq < position.last_seq)
			return false;
	}
	result = progress.applied_seq >= *seq;

	/* a change of a table that no event has come behind yet */
	if (result && sub->kind == CDC_SERVER_MYSQL && cdc_changes_are_pending(sub->name, *seq + 1))
		result = false;
	return result;
}

static long
remaining_ms(TimestampTz deadline)
{
	int64		left = (deadline - GetCurrentTimestamp()) / 1000;

	return left < 0 ? 0 : (long) Min(left, WAIT_SLICE_MS);
}

/* ERROR where the subscription only copies, and has come to its end. */
static void
check_ended(const Wanted *wanted)
{
	const CdcSubscription *sub = wanted->sub;
	CdcProgress progress;

	if (sub->opt.copy_mode != CDC_COPY_ONLY)
		return;
	cdc_progress_get(sub, &progress);
	if (cdc_copy_only_is_over(sub, progress.applied_seq))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" has ended before the position that is waited for", sub->name),
				 errdetail("Its copy_mode is only: its tables are copied, and are as of %s.",
						   progress.position != NULL ? progress.position : "their copies"),
				 errhint("%s", cdc_copy_only_hint(sub))));
}

/*
 * ERROR where nothing will come, with the reason: who waits is told at once.  sub is as
 * it was at the call.
 */
static void
check_coming(const Wanted *wanted)
{
	const CdcSubscription *sub = wanted->sub;
	CdcSubscription *now = cdc_subscription_get(sub->name);
	char	   *name = quote_literal_cstr(sub->name);

	check_ended(wanted);
	if (!now->enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" is disabled, and what is waited for has not come", sub->name),
				 errhint("SELECT cdc.enable_subscription(%s); or cdc.pull(%s) and cdc.apply(%s) before it. With timeout := '0' it is only looked whether it has.",
						 name, name, name)));
}

static bool
wait_until(const Wanted *wanted, TimestampTz deadline)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.wait_for",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	TimestampTz begun = GetCurrentTimestamp();
	int64		seq = 0;
	bool		retried = false;
	bool		result;

	for (;;)
	{
		bool		has;
		long		ms;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(cxt);
		PushActiveSnapshot(GetLatestSnapshot());
		/* a position of another log may seem to contain what is waited for */
		cdc_failure_raise_gap(wanted->sub->name);
		ms = remaining_ms(deadline);
		has = contained(wanted, &seq);
		result = !(wanted->sub->enabled && cdc_failure_is_open(wanted->sub->name, ms > 0 ? begun : 0, has, &retried)) &&
			tables_complete(wanted) && has;
		if (!result && ms > 0)
			check_coming(wanted);
		PopActiveSnapshot();
		if (result || ms == 0)
			break;
		cdc_progress_wait(ms);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return result;
}

static TimestampTz
deadline_of(FunctionCallInfo fcinfo, int arg)
{
	TimestampTz now = GetCurrentTimestamp();

	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("timeout must not be null")));
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(now),
												   PG_GETARG_DATUM(arg)));
}

static void
free_goal(Wanted *wanted)
{
	if (wanted->methods->goal_free != NULL && wanted->goal != NULL)
		wanted->methods->goal_free(wanted->goal);
}

PG_FUNCTION_INFO_V1(cdc_wait_for);

Datum
cdc_wait_for(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	Wanted		wanted;
	TimestampTz deadline;
	volatile bool result = false;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the subscription must not be null")));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cdc.wait_for cannot run at isolation level %s",
						IsolationIsSerializable() ? "SERIALIZABLE" : "REPEATABLE READ"),
				 errdetail("This transaction sees no commit that comes after its first statement."),
				 errhint("Wait in a transaction of its own, then begin.")));
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_owner(sub);
	cdc_subscription_check_here(sub);
	if (PG_ARGISNULL(1))
		cdc_subscription_check_source(sub);
	deadline = deadline_of(fcinfo, 2);
	memset(&wanted, 0, sizeof(wanted));
	wanted.sub = sub;
	if (!PG_ARGISNULL(3))
		wanted.tables = cdc_argument_strings(PG_GETARG_DATUM(3), "tables", &wanted.ntables);
	wanted.methods = cdc_source_kind(sub->kind);
	wanted.placed = !PG_ARGISNULL(1);
	wanted.copied = PG_ARGISNULL(1) && sub->opt.copy_mode == CDC_COPY_ONLY;
	if (!wanted.copied)
		wanted.goal = wanted.methods->goal(sub, PG_ARGISNULL(1) ? NULL :
										   text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_TRY();
	{
		result = wait_until(&wanted, deadline);
	}
	PG_CATCH();
	{
		free_goal(&wanted);
		cdc_progress_wait_end();
		PG_RE_THROW();
	}
	PG_END_TRY();
	free_goal(&wanted);
	cdc_progress_wait_end();
	PG_RETURN_BOOL(result);
}
