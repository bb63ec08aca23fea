/*-------------------------------------------------------------------------
 *
 * at_end.c
 *	  A new copy of a table without a key, of which nothing is seen before its end.
 *
 * Its rows come in several steps, and the target shows what it had until all of them are in the
 * history.  So they are passed over as they come, and where the copy ends the
 * history is read once more from its begin on, for this table alone: the target is emptied and filled
 * in one transaction.  Changes of the table that belong to its copy stand behind the
 * rows there.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "pg/history/copied_rows.h"
#include "pg/history/hole.h"

/* What is read once more. */
typedef struct Again
{
	CdcApply   *apply;
	CdcSourceRun *source;
} Again;

bool
cdc_run_takes_at_end(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	const CdcCopySpan *span;

	if (!source->mapping->copied || !source->target->target->keyless || apply->replay != NULL ||
		apply->sub->kind != CDC_SERVER_MYSQL)
		return false;
	span = cdc_run_copy_span(apply, source);
	return span->at_end && span->known && seq >= span->begin_seq && seq <= span->sync_seq;
}

/* CdcHistoryVisitor: a row of the copy, or a change that belongs to it. */
static bool
take_row(const CdcHistoryEvent *event, void *arg)
{
	const Again *again = arg;
	CdcWriterUser user;

	/* the history is read as the subscription's owner */
	cdc_writer_begin(again->source->target, &user);
	cdc_event_begin(again->apply, event);
	cdc_run_apply_event(again->apply, again->source, event);
	cdc_writer_end(&user);
	return true;
}

/* CdcHistoryVisitor: the same, also where it only stands for copied rows. */
static bool
take_event(const CdcHistoryEvent *event, void *arg)
{
	const Again *again = arg;
	CdcCopyEvent copy;

	cdc_copy_event_read(event, &copy);
	if (copy.kind == CDC_COPY_ROWS)
		cdc_copied_rows_visit(again->apply->sub, event, copy.rows, take_row, arg);
	else if (event->op == CDC_OP_SNAPSHOT ||
			 (cdc_event_has_rows(event) &&
			  event->seq >= cdc_run_copy_span(again->apply, again->source)->events_seq))
		(void) take_row(event, arg);
	return true;
}

void
cdc_take_at_end(CdcApply *apply, CdcSourceRun *source, int64 end)
{
	CdcTargetRun *run = source->target;
	int64		begin = cdc_run_copy_span(apply, source)->begin_seq;
	CdcAtHand	at = apply->work.at;
	Again		again = {apply, source};
	CdcHistoryScan scan;
	CdcWriterUser user;

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
	scan.visit = take_event;
	scan.arg = &again;
	apply->again = true;
	cdc_history_scan(&scan);
	apply->again = false;
	cdc_writer_begin(run, &user);
	cdc_reduce_flush(&apply->work, run);
	cdc_writer_end(&user);
	apply->work.at = at;
}
