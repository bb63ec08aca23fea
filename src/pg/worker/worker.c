/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The workers of a subscription: each does nothing but call pull, apply or
 *	  publish, a transaction each time, and sleep until there is more.
 *
 * They run as the subscription's owner.  On an error a worker writes it down
 * and ends; the supervisor starts it again after a while.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/background.h"
#include "pg/base/compat_storage.h"
#include "pg/process/shmem.h"
#include "pg/process/wake.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/subscription.h"
#include "pg/worker/turn.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/apply/apply.h"
#include "pg/catalog/failure.h"
#include "pg/pull/source_seen.h"
#include "pg/publish/publish.h"
#include "pg/pull/pull.h"
#include "pg/worker/worker.h"

#define WAIT_MS				10000L	/* the longest sleep; a safety net, not a clock */
#define RECOVERED_MS		3000	/* without an error: what failed before is over */
#define LOCK_WAIT_MS		30000	/* for any lock: then the transaction ends, and its snapshot */
#define LOCK_PAUSE_MS		1000L	/* after that: others who queue behind it get in */
#define RECHECK_MS			1000	/* the subscription is read again after this time */

/*
 * Apply takes as many events at a time as it did in APPLY_MS before, so that on a slow
 * machine, or with a slow target, changes of other tables do not wait for a second behind
 * the rows of a copy.  More at a time are hardly cheaper than APPLY_EVENTS_MAX.
 */
#define APPLY_MS			200
#define APPLY_EVENTS_MIN	2000
#define APPLY_EVENTS_MAX	50000

/*
 * batch_delay is chosen for a short lag.  While there is a backlog the lag does
 * not depend on it, and larger transactions are cheaper.
 */
#define BACKLOG_EVENTS		1000
#define BACKLOG_DELAY_MS	200

static int32 my_subscription;
static CdcWorkerKind my_kind;
static int32 my_publication;

/* As in cdc.subscription_failure; of a publication once that has been read. */
static char my_name[CDC_WORKER_TEXT];

/* The subscription as last read, in a context of its own. */
static CdcSubscription *current = NULL;
static MemoryContext current_context;
static uint64 current_generation = 0;
static TimestampTz current_read_at = 0;

/* Whether cdc.subscription_failure may still count failures of ours. */
static bool failed_before = true;

/* The error that ends the worker is in the server's log. */
static bool logged = false;
static TimestampTz running_since;

/*
 * The subscription, or NULL when it is gone or disabled: the worker then ends.
 * In a transaction.
 */
static CdcSubscription *
subscription(void)
{
	TimestampTz now = GetCurrentTimestamp();
	uint64		generation = cdc_catalog_generation();
	MemoryContext old;

	if (current != NULL && generation == current_generation &&
		!TimestampDifferenceExceeds(current_read_at, now, RECHECK_MS))
		return current;

	MemoryContextReset(current_context);
	current = NULL;
	old = MemoryContextSwitchTo(current_context);
	current = cdc_subscription_get_by_id(my_subscription);
	MemoryContextSwitchTo(old);
	if (current != NULL && (!current->enabled || current->cloned))
		current = NULL;
	current_generation = generation;
	current_read_at = now;

	/* NULL: back to what the server, database or role has set */
	if (current != NULL)
		SetConfigOption("synchronous_commit",
						current->opt.synchronous_commit ? NULL : "off",
						PGC_USERSET, PGC_S_SESSION);
	return current;
}

/* Clears the failures once work was done, or there was none to do for a while. */
static void
note_success(const CdcSubscription *sub, bool worked)
{
	if (!failed_before ||
		(!worked && !TimestampDifferenceExceeds(running_since, GetCurrentTimestamp(), RECOVERED_MS)))
		return;
	cdc_failure_clear(sub->name, my_name);
	cdc_worker_start_clear(sub->name, my_name);
	failed_before = false;
}

/* The last pull left more and was no small one. */
static bool backlog = false;

/* The source was heard of until then: the process's own memory of it ends with the process. */
static void
note_source(const CdcSubscription *sub)
{
	CdcPullReport report;

	cdc_worker_reported(&report);
	if (report.last_message != 0)
		cdc_source_seen_write(sub->name, &report, NULL);
}

/*
 * Starts a transaction; NULL, without one: the worker is not wanted any more.  The result is the
 * transaction's: who takes the subscription's lock in it reads it again, which is not for the next one.
 */
static CdcSubscription *
begin_turn(void)
{
	CdcSubscription *sub;
	CdcSubscription *result;

	if (!cdc_background_transaction())
		return NULL;
	sub = subscription();
	if (sub == NULL)
	{
		CdcSubscription *disabled = my_kind == CDC_WORKER_PULL ?
			cdc_subscription_get_any_by_id(my_subscription) : NULL;

		if (disabled != NULL)
			note_source(disabled);
		cdc_background_commit();
		return NULL;
	}
	result = palloc(sizeof(CdcSubscription));
	*result = *sub;
	return result;
}

/* One transaction of pull.  false: the worker is not wanted any more. */
static bool
pull_once(bool *more)
{
	CdcSubscription *sub = begin_turn();
	CdcPullBounds bounds;
	CdcPullResult result;

	if (sub == NULL)
		return false;

	memset(&bounds, 0, sizeof(bounds));
	memset(&result, 0, sizeof(result));
	bounds.max_events = sub->opt.batch_events;
	bounds.max_bytes = sub->opt.batch_bytes;
	bounds.max_ms = sub->opt.batch_delay_ms;
	if (backlog && bounds.max_ms > 0)
		bounds.max_ms = Max(bounds.max_ms, BACKLOG_DELAY_MS);
	bounds.until_now = false;
	cdc_pull_run(sub, &bounds, &result);
	note_success(sub, result.events > 0 || result.moved);
	cdc_background_commit();

	if (result.events > 0 || result.changes > 0 || result.synced)
	{
		cdc_worker_wake(my_subscription, CDC_WORKER_APPLY);
		cdc_worker_wake(my_subscription, CDC_WORKER_PUBLISH);
	}
	else if (result.moved)
		cdc_progress_broadcast();	/* nothing to apply: who waits may look at once */
	*more = result.more;
	backlog = result.more && result.events >= BACKLOG_EVENTS;
	return true;
}

static bool
apply_once(bool *more)
{
	static int64 events_a_turn = APPLY_EVENTS_MAX;
	CdcSubscription *sub = begin_turn();
	CdcApplyResult result;
	TimestampTz began = GetCurrentTimestamp();

	if (sub == NULL)
		return false;

	memset(&result, 0, sizeof(result));
	cdc_apply_run(sub, Min(events_a_turn, Max(sub->opt.batch_events, APPLY_EVENTS_MAX)), true, &result);
	if (!result.before_failing)
		note_success(sub, result.events > 0 || result.changes > 0);
	cdc_background_commit();

	/* a few events take the time of a transaction, and say nothing of many */
	if (result.events >= APPLY_EVENTS_MIN)
		events_a_turn = Max(APPLY_EVENTS_MIN, result.events * APPLY_MS /
							Max(1, (GetCurrentTimestamp() - began) / 1000));

	*more = result.more;
	return true;
}

/* The name of the worker's publication, which is part of its own; NULL: it is not wanted any more. */
static char *
read_publication(const CdcSubscription *sub)
{
	char	   *name = cdc_publication_enabled(sub, my_publication);

	if (name != NULL)
		snprintf(my_name, sizeof(my_name), "publish %s", name);
	return name;
}

/* One transaction of its publication. */
static bool
publish_once(bool *more)
{
	CdcSubscription *sub = begin_turn();
	char	   *name;
	int64		events;

	if (sub == NULL)
		return false;
	name = read_publication(sub);
	if (name == NULL)
	{
		cdc_background_commit();
		return false;
	}
	events = cdc_publish_run(name, sub->opt.batch_events, more);
	note_success(sub, events > 0);
	cdc_background_commit();
	return events >= 0;
}

/*
 * Writes the error down in a transaction.  Not when the subscription or the extension
 * was dropped under the worker: then that was the reason.  Returns whether it was.
 */
static bool
write_down(const ErrorData *edata)
{
	CdcSubscription *sub = NULL;
	char	   *text = cdc_failure_text(edata);

	if (!cdc_background_transaction())
		return false;
	MemoryContextReset(current_context);
	current = NULL;
	current_read_at = 0;
	/* what is wrong with it may be what is to be written down */
	sub = cdc_subscription_get_any_by_id(my_subscription);
	if (sub != NULL && (!sub->enabled || sub->cloned))
		sub = NULL;
	if (sub != NULL && my_publication != 0 && read_publication(sub) == NULL)
		sub = NULL;
	if (sub != NULL)
	{
		cdc_failure_record(sub->name, my_name, edata->sqlerrcode, text);
		if (my_kind == CDC_WORKER_PULL)
		{
			note_source(sub);
			cdc_pull_failed(sub, edata->sqlerrcode, text);
		}
		else if (my_kind == CDC_WORKER_APPLY)
			cdc_apply_failed(sub, edata->sqlerrcode);
	}
	cdc_background_commit();
	return sub != NULL;
}

/*
 * The error could not be written down: the log has it all the same, and why that
 * failed.
 */
static void
report_both(const ErrorData *first, MemoryContext context)
{
	ErrorData  *second;

	MemoryContextSwitchTo(context);
	second = CopyErrorData();
	FlushErrorState();
	if (!logged)
		ereport(LOG,
				(errcode(first->sqlerrcode),
				 errmsg("%s: %s", MyBgworkerEntry->bgw_name, first->message),
				 first->detail ? errdetail("%s", first->detail) : 0,
				 first->hint ? errhint("%s", first->hint) : 0,
				 first->context ? errcontext("%s", first->context) : 0));
	ereport(LOG,
			(errcode(second->sqlerrcode),
			 errmsg("%s could not write down its error: %s", MyBgworkerEntry->bgw_name,
					second->message)));
}

/* The end of a worker that has failed. */
static void
end_after_error(void)
{
	ErrorData  *edata;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "cdc_ingest error",
												  ALLOCSET_DEFAULT_SIZES);
	volatile bool wanted = true;

	MemoryContextSwitchTo(context);
	edata = CopyErrorData();
	PG_TRY();
	{
		AbortOutOfAnyTransaction();
		cdc_pull_disconnect(my_subscription);
		wanted = write_down(edata);
		if (wanted)
			EmitErrorReport();
		logged = wanted;
		FlushErrorState();
	}
	PG_CATCH();
	{
		report_both(edata, context);
		proc_exit(1);
	}
	PG_END_TRY();
	if (!wanted)
		ereport(LOG,
				(errmsg("%s ends as its subscription is gone or disabled",
						MyBgworkerEntry->bgw_name),
				 errdetail("It was stopped by: %s", edata->message)));
	proc_exit(wanted ? 1 : 0);
}

/*
 * A turn, which waits for a lock no longer than it may.  In vain, in a deadlock, or when others were
 * in its way: what that held up (its snapshot, who queues behind it) is let go, and it is tried
 * again after a pause, in this process: the lock may be free at any moment.
 */
static bool
turn(bool *more)
{
	static bool told = false;	/* the server's log has it */
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile locked = NULL;
	volatile bool wanted = true;

	PG_TRY();
	{
		wanted = my_kind == CDC_WORKER_PULL ? pull_once(more) :
			my_kind == CDC_WORKER_APPLY ? apply_once(more) : publish_once(more);
		told = false;
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE && geterrcode() != ERRCODE_T_R_DEADLOCK_DETECTED &&
			geterrcode() != ERRCODE_T_R_SERIALIZATION_FAILURE)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		locked = CopyErrorData();
		if (!told)
			EmitErrorReport();
		told = true;
		FlushErrorState();
		AbortOutOfAnyTransaction();
	}
	PG_END_TRY();
	if (locked == NULL)
		return wanted;

	MemoryContextSwitchTo(caller);
	if (!write_down(locked))
		return false;
	FreeErrorData(locked);
	failed_before = true;
	running_since = GetCurrentTimestamp();
	cdc_worker_turn_end();
	cdc_background_sleep(LOCK_PAUSE_MS);
	*more = true;
	return true;
}

static void
worker_loop(void)
{
	for (;;)
	{
		bool		more = false;
		bool		wanted;
		long		wait_ms;
		uint32		calls;

		cdc_background_turn();
		/* what comes from here on is seen below: a wait inside of the turn resets the latch */
		calls = cdc_slot_calls();
		ResetLatch(MyLatch);
		pgstat_report_activity(STATE_RUNNING, my_kind == CDC_WORKER_PULL ? "cdc.pull" :
							   my_kind == CDC_WORKER_APPLY ? "cdc.apply" : "cdc.publish");
		cdc_worker_turn_begin();
		wanted = turn(&more);
		cdc_worker_turn_end();
		pgstat_report_activity(STATE_IDLE, NULL);
		if (!wanted)
			return;
		if (more || calls != cdc_slot_calls())
			continue;
		wait_ms = failed_before ? RECOVERED_MS : WAIT_MS;
		if (my_kind == CDC_WORKER_PULL)
			cdc_pull_wait(my_subscription, wait_ms);
		else
			cdc_background_sleep(wait_ms);
	}
}

/* A shorter lock_timeout of the role's or database's is left as it is. */
static void
bound_lock_waits(void)
{
	char		limit[16];

	if (LockTimeout > 0 && LockTimeout <= LOCK_WAIT_MS)
		return;
	snprintf(limit, sizeof(limit), "%d", LOCK_WAIT_MS);
	SetConfigOption("lock_timeout", limit, PGC_USERSET, PGC_S_SESSION);
}

void
cdc_worker_main(Datum arg)
{
	CdcWorkerStart start = {CDC_WORKER_PULL};

	cdc_background_begin(&start, arg);
	my_subscription = start.subscription_id;
	my_kind = start.kind;
	my_publication = start.publication_id;
	strlcpy(my_name, cdc_worker_kind_name(my_kind), sizeof(my_name));
	running_since = GetCurrentTimestamp();
	current_context = AllocSetContextCreate(TopMemoryContext, "cdc_ingest subscription",
											ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(TopMemoryContext);
	bound_lock_waits();

	PG_TRY();
	{
		worker_loop();
	}
	PG_CATCH();
	{
		end_after_error();
	}
	PG_END_TRY();

	cdc_pull_disconnect(my_subscription);
	proc_exit(0);
}

