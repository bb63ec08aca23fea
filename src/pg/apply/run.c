/*-------------------------------------------------------------------------
 *
 * run.c
 *	  A run of apply over a range of history: visits its events, reduces them and
 *	  writes what is left.  cdc.apply and cdc.replay are runs.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/base/compat_executor.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/history/copied_rows.h"
#include "pg/history/gap.h"
#include "pg/history/hole.h"
#include "pg/process/shmem.h"
#include "pg/target/key.h"
#include "pg/versions/versions.h"

/*
 * Where open queries are dear, the scan's is closed once back-ends were called so often
 * beside it: for targets that are written row by row, and for keys that change.
 */
#define PAUSE_CALLS	1000

/* Of the last run; a run's number tells the cache of targets which run uses one. */
static uint64 run_number = 0;

/* ------------------------------------------------------------------------
 * Events
 * ------------------------------------------------------------------------
 */

/* Writes what is collected of all targets. */
static void
flush_targets(CdcApply *apply)
{
	ListCell   *lc;

	foreach(lc, apply->targets)
		cdc_reduce_flush(&apply->work, lfirst(lc));
}

static inline bool
is_memory_full(const CdcApply *apply)
{
	return apply->work.bytes > apply->sub->opt.apply_memory_limit;
}

/* Converts a row image into the source's row at hand; false: it does not say which row it is. */
static bool
read_row(CdcApply *apply, CdcSourceRun *source, const JsonbContainer *data)
{
	CdcSourceRow *row = &source->row;
	const CdcTargetRun *run = source->target;

	if (!cdc_source_row_try(row, data, apply->work.at.place.seq))
		return false;

	/* the key is known: its entry comes into the cache while the rest is converted */
	if (!run->target->keyless && row->op < row->layout->nops)
		__builtin_prefetch(cdc_reduce_bucket(run, cdc_key_hash(run->target, row->values,
															   row->nulls)));
	cdc_source_row_finish(row);
	return true;
}

/* Writes what is collected of the source's target, so that its presences can be forgotten. */
static void
forget_presences(CdcApply *apply, CdcSourceRun *source)
{
	cdc_reduce_flush(&apply->work, source->target);
	source->row.layout = NULL;
	source->row.presence = NULL;
	cdc_layout_forget(source->mapping);
}

/*
 * ERROR where a column of the row at hand is neither in its message nor in the target; false: the target
 * has a row of each event, which could not be whole, and the table is given up.
 */
static bool
check_logged(CdcApply *apply, CdcSourceRun *source)
{
	const CdcEnvelope *env = source->row.image.env;

	if (source->row.presence->complete)
		return true;
	if (source->target->mode->remove == NULL)
	{
		cdc_run_give_up_append(apply, source);
		return false;
	}
	if (source->target->target->keyless || cdc_mode_has_row(apply, source))
		return true;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the source did not log what column \"%s\" of a row has",
					cdc_from_utf8_copy(pnstrdup(env->unavailable.data, env->unavailable.len))),
			 errdetail("It did not change, and target %s has no such row from which it could be known. With REPLICA IDENTITY FULL of the table at the source it is logged; where this message is passed over the row has to be written again there.",
					   source->mapping->target->name)));
}

/* The rows of an event of op c, u, d or r, each folded by the target's mode. */
static void
apply_rows(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcTargetRun *run = source->target;
	const JsonbContainer *data;
	const JsonbContainer *old;
	char	   *untold;
	int			nrows;
	int			i;

	if (event->skipped)
		return;
	nrows = cdc_event_rows(apply, source, event);
	if (!cdc_origin_check(apply, source))
		return;
	cdc_message_key_check(apply, source, event);
	if (source->order != NULL)
		cdc_order_event(apply, source, event);
	for (i = 0; i < nrows && !source->given_up; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_event_images(apply, source, event, i, &data, &old);
		if (cdc_presences_full(&run->target->presences))
			forget_presences(apply, source);
		apply->work.at.data = data;
		source->row.number = apply->first_row + i;
		if (!read_row(apply, source, data))
		{
			cdc_run_give_up_row(apply, source, source->row.layout->lacks);
			apply->work.at.data = NULL;
			break;
		}
		if (event->op == CDC_OP_UPDATE && run->mode->remove != NULL &&
			(untold = cdc_event_untold(apply, source, event)) != NULL)
		{
			cdc_run_give_up_row(apply, source, untold);
			apply->work.at.data = NULL;
			break;
		}
		if (unlikely(source->row.layout->partial) && event->op != CDC_OP_DELETE)
			cdc_event_check_absent(apply, event, data);
		if (source->row.image.env != NULL && source->row.image.env->unavailable.len > 0 &&
			event->op != CDC_OP_DELETE && !check_logged(apply, source))
		{
			apply->work.at.data = NULL;
			break;
		}
		if (source->order == NULL || cdc_order_keeps(apply, source, event->op, old))
			run->mode->fold(apply, source, event->op, old);
		apply->work.at.data = NULL;
		cdc_reduce_row_done(&apply->work, run);
	}
}

/* In the place of the target's writer: an event that is not kept aside. */
static void
write_event(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcTargetRun *run = source->target;

	if (cdc_event_has_rows(event))
		apply_rows(apply, source, event);
	else if (event->op == CDC_OP_TRUNCATE)
	{
		if (!source->mapping->keeps_rows && cdc_origin_check_truncate(apply, source, event))
		{
			cdc_order_beyond_key(apply, source, "TRUNCATE");
			cdc_order_emptied(source);
			run->mode->truncate(apply, run);
		}
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("history has an unknown op \"%c\"", event->op)));
	run->events++;
	source->events++;
	source->last_seq = event->seq;
	if (event->source_ts != 0)
		source->source_ts = event->source_ts;
}

/* Applies an event of the source table to its target. */
static void
apply_event(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcTargetRun *run = source->target;
	CdcWriterUser user;

	apply->work.at.source = run->source = source;
	/* rows of a copy are of several moments, but for one without a key, which is of one */
	run->overwrites = apply->sub->opt.conflict == CDC_CONFLICT_OVERWRITE ||
		(run->target->row_by_row && !run->target->keyless && apply->replay == NULL &&
		 cdc_run_is_ahead(apply, source, event->seq));
	cdc_writer_begin(run, &user);
	if (source->aside == NULL || !cdc_aside_take(apply, source, event))
		write_event(apply, source, event);
	/* the history is read on, and what comes at a barrier is done, as the subscription's owner */
	cdc_writer_end(&user);
	apply->work.at.source = NULL;
	if (!is_memory_full(apply) || (CDC_OPEN_QUERIES_ARE_DEAR && !apply->again))
		return;
	/* what is read once more is behind the place from which one looks ahead */
	if (!apply->again)
		cdc_lookahead(apply);
	flush_targets(apply);
}

/* ERROR: a replay would lack rows. */
static void
refuse_replay(const CdcApply *apply, const CdcHistoryEvent *event, int64 rows)
{
	char	   *table = pnstrdup(event->source_table, event->source_table_len);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the history of subscription \"%s\" lacks rows of source table %s", apply->sub->name, table),
			 errdetail("At seq " INT64_FORMAT " it says that " INT64_FORMAT " rows were copied, which it does not have: copy_history was off.",
					   event->seq, rows),
			 errhint("%s Or replay changes only, with a from_seq behind the last event of type %s.",
					 cdc_replay_of_copy_hint(apply->sub, table), CDC_COPIED_ROWS)));
}

/* The event of a source table to its targets, one after the other. */
static inline void
apply_to_targets(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	for (; source != NULL; source = cdc_run_next_source(source))
		if (cdc_run_takes(apply, source, event))
		{
			cdc_order_note(apply, source);
			apply_event(apply, source, event);
		}
}

/* The source table whose copied rows are applied, or what came of a copy. */
typedef struct CopiedRows
{
	CdcApply   *apply;
	CdcSourceRun *source;
} CopiedRows;

/* CdcHistoryVisitor */
static bool
apply_copied_row(const CdcHistoryEvent *event, void *arg)
{
	CopiedRows *copied = arg;

	cdc_event_facts(copied->apply, event);
	apply_to_targets(copied->apply, copied->source, event);
	copied->apply->first_row++;
	copied->apply->copied++;
	/* the scan of the history has no pause in the middle of an event */
	if (is_memory_full(copied->apply))
		flush_targets(copied->apply);
	return true;
}

/*
 * The rows that an event stands for are applied at its place, or at the end of the copy, and go, unless
 * its end has to know what came.  Those of a table that has no target any more go as they are.
 */
static void
apply_copied_rows(CdcApply *apply, const CdcHistoryEvent *event, const CdcCopyEvent *copy)
{
	CopiedRows	copied = {apply, NULL};
	CdcSourceRun *source;
	bool		later = false;

	if (apply->replay != NULL)
		refuse_replay(apply, event, copy->rows);
	for (source = cdc_run_framed_source(apply, event); source != NULL && copied.source == NULL;
		 source = cdc_run_next_source(source))
	{
		if (cdc_run_takes_at_end(apply, source, event->seq))
			later = true;
		else if (cdc_run_takes_copy(apply, source, event))
			copied.source = source;
	}
	if (copied.source != NULL)
		cdc_copied_rows_visit(apply->sub, event, copy->rows, apply_copied_row, &copied);
	apply->first_row = 0;
	if (!later && (copied.source == NULL || !copy->replaces))
		cdc_copied_rows_delete(apply->sub, event->seq);
}

/* CdcHistoryVisitor: a row of the copy, or a change that belongs to it. */
static bool
take_row_again(const CdcHistoryEvent *event, void *arg)
{
	const CopiedRows *again = arg;

	cdc_event_begin(again->apply, event);
	apply_event(again->apply, again->source, event);
	return true;
}

/* CdcHistoryVisitor: the same, also where it only stands for copied rows. */
static bool
take_again(const CdcHistoryEvent *event, void *arg)
{
	const CopiedRows *again = arg;
	CdcCopyEvent copy;

	cdc_copy_event_read(event, &copy);
	if (copy.kind == CDC_COPY_ROWS)
		cdc_copied_rows_visit(again->apply->sub, event, copy.rows, take_row_again, arg);
	else if (event->op == CDC_OP_SNAPSHOT ||
			 (cdc_event_has_rows(event) &&
			  event->seq >= cdc_run_copy_span(again->apply, again->source)->events_seq))
		(void) take_row_again(event, arg);
	return true;
}

/*
 * A new copy of a table without a key, of which nothing is seen before its end: what was passed over as it came is
 * read once more, into the emptied target.  Changes that belong to the copy stand behind the rows there.
 */
static void
take_whole(CdcApply *apply, CdcSourceRun *source, int64 end)
{
	CdcTargetRun *run = source->target;
	int64		begin = cdc_run_copy_span(apply, source)->begin_seq;
	CdcAtHand	at = apply->work.at;
	CopiedRows	again = {apply, source};
	CdcHistoryScan scan;
	CdcWriterUser user;

	apply->work.at.source = run->source = source;
	/* an event that is missing would cost a row */
	cdc_history_check_event(apply->sub, "the end of a copy", begin);
	cdc_history_check_whole(apply->sub, "the end of a copy", begin, end);
	cdc_writer_begin(run, &user);
	run->mode->truncate(apply, run);
	cdc_writer_end(&user);
	memset(&scan, 0, sizeof(scan));
	scan.sub = apply->sub;
	scan.after = begin;
	scan.upto = end - 1;
	scan.source_table = source->mapping->source_table;
	scan.columns = CDC_HISTORY_GTID | CDC_HISTORY_DOCUMENT;
	scan.visit = take_again;
	scan.arg = &again;
	apply->again = true;
	cdc_history_scan(&scan);
	apply->again = false;
	cdc_writer_begin(run, &user);
	cdc_reduce_flush(&apply->work, run);
	cdc_writer_end(&user);
	apply->work.at = at;
}

/* The same for those of the targets that have to wait for the copy's end, where the event is that. */
static void
end_copy(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcSourceRun *source = cdc_run_framed_source(apply, event);

	for (; source != NULL; source = cdc_run_next_source(source))
		if (cdc_run_takes_at_end(apply, source, event->seq))
			take_whole(apply, source, event->seq);
}

/* A barrier: what was before it is written, and what is about copies is done. */
static void
pass_barrier(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcCopyEvent copy;

	flush_targets(apply);
	cdc_copy_event_read(event, &copy);
	if (copy.kind == CDC_COPY_ROWS)
		apply_copied_rows(apply, event, &copy);
	if (copy.kind == CDC_COPY_ENDS)
		end_copy(apply, event);	/* before rows that waited for it go */
	if (copy.kind == CDC_COPY_BEGINS || copy.kind == CDC_COPY_ENDS)
		cdc_copy_mark(apply, event, &copy);
}

/* What progress says once the last event of the range is applied. */
static void
note_progress(CdcApply *apply, const CdcHistoryEvent *event)
{
	MemoryContext old = MemoryContextSwitchTo(apply->work.cxt);
	CdcProgress *progress = &apply->progress;

	progress->applied_seq = event->seq;
	progress->position = event->position ? pnstrdup(event->position, event->position_len) : NULL;
	progress->source_ts = event->source_ts;
	progress->gtid = event->gtid ? pnstrdup(event->gtid, event->gtid_len) : NULL;
	MemoryContextSwitchTo(old);
}

/*
 * Whether the run ends at this commit, as it has met so many targets: each is locked
 * until its end, with its indexes.  Or as it has applied so many rows that events only stand
 * for.  Not before what a look ahead has relied on.
 */
static bool
ends_early(CdcApply *apply, const CdcHistoryEvent *event)
{
	if ((!cdc_run_is_wide(apply) &&
		 (apply->most_copied == 0 || apply->copied < apply->most_copied)) || !event->commit || apply->stop_from == 0 ||
		event->seq < apply->stop_from || event->seq >= apply->scan_upto ||
		(apply->ahead != NULL && event->seq < apply->ahead->until))
		return false;
	apply->scan_upto = event->seq;
	note_progress(apply, event);
	return true;
}

/* ERROR where events are missing before the one with this seq. */
static inline void
check_hole(CdcApply *apply, int64 seq)
{
	if (apply->visited < 0)
		return;
	if (unlikely(seq != apply->visited + 1) &&
		!cdc_history_is_gap(apply->sub, apply->visited + 1, seq - 1))
	{
		apply->work.at.place.seq = 0;
		cdc_history_hole(apply->sub, "apply", apply->visited + 1, seq - 1);
	}
	apply->visited = seq;
}

/* CdcHistoryVisitor of the run's scan. */
static bool
visit_event(const CdcHistoryEvent *event, void *arg)
{
	CdcApply   *apply = arg;
	CdcSourceRun *source;

	check_hole(apply, event->seq);
	if (event->seq == apply->scan_upto)
		note_progress(apply, event);
	cdc_event_begin(apply, event);
	source = cdc_run_source(apply, event);
	if (cdc_event_is_barrier(apply, event))
		pass_barrier(apply, event);
	apply_to_targets(apply, source, event);
	apply->events++;
	apply->work.at.source_table = NULL;
	return !ends_early(apply, event);
}

/* CdcHistoryPauseDue of the run's scan: where open queries are dear, rows are written without one. */
static bool
wants_pause(void *arg)
{
	const CdcApply *apply = arg;

	return is_memory_full(apply) || apply->work.calls >= PAUSE_CALLS;
}

/* CdcHistoryScan.pause */
static void
write_in_pause(void *arg)
{
	CdcApply   *apply = arg;

	if (is_memory_full(apply))
		flush_targets(apply);
	apply->work.calls = 0;
}

/* CdcHistorySkip of the run's scan. */
static bool
is_superseded(int64 seq, void *arg)
{
	return cdc_lookahead_superseded(arg, seq);
}

/* ------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------
 */

CdcApply *
cdc_run_begin(const CdcSubscription *sub, const CdcMappingSpec *replay)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest apply",
											  ALLOCSET_DEFAULT_SIZES);
	CdcApply   *apply = MemoryContextAllocZero(cxt, sizeof(CdcApply));

	apply->sub = sub;
	apply->replay = replay;
	if (!cdc_format_by_name(sub->format, &apply->format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\" of subscription \"%s\"", sub->format, sub->name)));
	apply->number = ++run_number;
	apply->work.cxt = cxt;
	apply->errors.callback = cdc_blame_context;
	apply->errors.arg = apply;
	apply->errors.previous = error_context_stack;
	error_context_stack = &apply->errors;
	cdc_owner_begin(sub, &apply->scope);
	return apply;
}

/* Visits the events of a stretch, but for those that the segments have applied. */
static void
scan_stretch(CdcApply *apply, int64 after, const CdcStretch *stretch)
{
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = apply->sub;
	scan.after = after;
	scan.upto = stretch->upto;
	scan.source_table = apply->scan_table;
	scan.but_tables = stretch->tables;
	scan.columns = CDC_HISTORY_GTID | CDC_HISTORY_DOCUMENT;
	scan.skip = is_superseded;
	scan.visit = visit_event;
	scan.pause_due = CDC_OPEN_QUERIES_ARE_DEAR ? wants_pause : NULL;
	scan.pause = write_in_pause;
	scan.arg = apply;
	cdc_history_scan(&scan);
}

void
cdc_run_scan(CdcApply *apply, int64 after, int64 upto, const char *source_table)
{
	bool		numbered = apply->numbered && source_table == NULL;

	apply->scan_after = after;
	apply->scan_upto = upto;
	apply->scan_table = source_table;
	cdc_order_run_begin(apply);

	/* it may have ended at a commit before upto */
	while (after < apply->scan_upto)
	{
		CdcStretch	stretch;

		cdc_segments_apply(apply, after, &stretch);
		/* who counts has found all of them where the segments had some */
		apply->visited = numbered && stretch.tables == NIL ? after : -1;
		if (stretch.events < stretch.upto - after)
			scan_stretch(apply, after, &stretch);
		apply->events += stretch.events;
		after = stretch.upto;
	}
}

void
cdc_run_end(CdcApply *apply)
{
	ListCell   *lc;

	flush_targets(apply);
	foreach(lc, apply->targets)
		cdc_versions_count(lfirst(lc));
	cdc_order_run_end(apply);
	cdc_aside_close(apply);
	foreach(lc, apply->sources)
	{
		const CdcSourceRun *source = lfirst(lc);

		if (apply->replay == NULL && source->target != NULL && !source->given_up)
			cdc_run_note_target(apply, source);
	}
	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		cdc_reduce_settle(&apply->work, run);
		cdc_reduce_close(&apply->work, run);
		if (apply->replay != NULL)
			cdc_target_release(run->target);
	}
	cdc_scope_end(&apply->scope);
	error_context_stack = apply->errors.previous;
	/* what was said in it is of no error that comes behind */
	cdc_blame_reset();
}
