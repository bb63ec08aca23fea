/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  A walk through history: runs, and between them changes of source tables that are
 *	  acted on and transactions that are passed over, each at its place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "miscadmin.h"
#include "utils/memutils.h"

void
cdc_walk_scan(CdcWalk *walk, CdcApply *apply, int64 upto)
{
	/* who catches up goes on to the end, which is known */
	apply->stop_from = walk->only == NULL ? 1 : 0;
	apply->numbered = walk->numbered;
	apply->puts_aside = true;
	cdc_run_scan(apply, walk->progress.applied_seq, upto, walk->only);
	cdc_run_end(apply);
}

int64
cdc_walk_finish(CdcWalk *walk, CdcApply *apply)
{
	int64		reached = apply->scan_upto;
	CdcProgress *progress = &walk->progress;

	if (walk->only == NULL && apply->progress.applied_seq != reached)
		elog(ERROR, "history of subscription \"%s\" ended at seq " INT64_FORMAT
			 " before the boundary " INT64_FORMAT, apply->sub->name,
			 apply->progress.applied_seq, reached);
	progress->applied_seq = reached;
	progress->position = apply->progress.position != NULL ? pstrdup(apply->progress.position) : NULL;
	progress->gtid = apply->progress.gtid != NULL ? pstrdup(apply->progress.gtid) : NULL;
	if (apply->progress.source_ts != 0)
		progress->source_ts = apply->progress.source_ts;
	cdc_count_run(apply, walk->result);
	MemoryContextDelete(apply->work.cxt);
	return reached;
}

/* Applies the events up to upto; returns where it has ended, which may be a commit before. */
static int64
run_up_to(CdcWalk *walk, int64 upto)
{
	CdcApply   *apply;

	if (walk->guarded)
		return cdc_guard_run(walk, upto);
	apply = walk->begun != NULL ? walk->begun : cdc_run_begin(walk->sub, NULL);
	walk->begun = NULL;
	cdc_walk_scan(walk, apply, upto);
	return cdc_walk_finish(walk, apply);
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
		cdc_skip_pass(walk, skip);
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

		if (walk->only != NULL && strcmp(change->source_table, walk->only) != 0)
			continue;
		/* a run ends there, so that the next one takes the tables as they are then */
		if (before > walk->progress.applied_seq && run_past_skips(walk, before) < before)
			return walk->progress.applied_seq;
		cdc_follow_change(walk->sub, change);
		walk->result->changes++;
	}
	return upto > walk->progress.applied_seq ? run_past_skips(walk, upto) : upto;
}
