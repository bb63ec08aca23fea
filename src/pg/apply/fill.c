/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  A table that comes to a subscription late: what the history has of it up to where
 *	  apply stands goes to its target by a run of its own, and what comes behind by the
 *	  next ones, so that the target is what it would be had it been there all the time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/memutils.h"

#include "pg/history/hole.h"
#include "pg/target/cache.h"

/* Empties the target of the source table. */
static void
empty_target(CdcApply *apply, const char *source_table)
{
	CdcHistoryEvent event;
	CdcSourceRun *source;

	memset(&event, 0, sizeof(event));
	event.seq = 1;
	event.op = CDC_OP_TRUNCATE;
	event.source_table = source_table;
	event.source_table_len = strlen(source_table);
	cdc_event_begin(apply, &event);
	source = cdc_run_source(apply, &event);
	apply->work.at.source_table = NULL;
	if (source != NULL)
		cdc_truncate_target(&apply->work, source->target);
}

static void
run_locked(const CdcSubscription *sub, const char *source_table, bool replace, CdcFill *fill)
{
	CdcProgress progress;
	CdcApplyResult result;
	CdcApply   *apply;
	CdcWalk		walk;

	cdc_progress_get(sub, &progress);
	fill->upto = progress.applied_seq;
	apply = cdc_run_begin(sub, NULL);
	cdc_history_check_whole(sub, "filling a table", 1, progress.applied_seq);
	if (replace)
		empty_target(apply, source_table);
	cdc_run_end(apply);
	MemoryContextDelete(apply->work.cxt);

	/* as apply would have done it: past transactions that it passed over, and as on_error says */
	memset(&result, 0, sizeof(result));
	memset(&walk, 0, sizeof(walk));
	walk.sub = sub;
	walk.only = source_table;
	walk.result = &result;
	walk.guarded = cdc_target_errors_are_guarded(sub);
	(void) cdc_walk(&walk, progress.applied_seq);
	fill->events = result.events;
}

void
cdc_apply_fill(const CdcSubscription *sub, const char *source_table, bool replace, CdcFill *fill)
{
	CdcRunning	run;

	memset(fill, 0, sizeof(*fill));
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	cdc_running_begin(&run, sub->id, CDC_WRITER_APPLY);
	PG_TRY();
	{
		run_locked(sub, source_table, replace, fill);
	}
	PG_CATCH();
	{
		cdc_running_end(&run);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_running_end(&run);
}
