/*-------------------------------------------------------------------------
 *
 * ahead.c
 *	  Whether a table is being copied as of an event: some of its rows are of later than
 *	  the stream then, and others are still to come.  And which events are for which of the
 *	  targets of a source table that is copied for some of them.
 *
 * Rows of a target without a key, which is copied in one pass, would come twice: what the stream
 * has of before it has passed the copy is in that.  Pull leaves such events out of the history,
 * unless another target of the source table needs them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "pg/progress/copy_progress.h"

/* Asked once a run: what is behind its end is not known yet, and of no concern to it. */
static const CdcCopySpan *
span_of(CdcApply *apply, CdcSourceRun *source)
{
	if (!source->asked)
		cdc_copy_span(apply->sub, source->mapping->name, &source->span);
	source->asked = true;
	return &source->span;
}

bool
cdc_run_is_ahead(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	return seq <= span_of(apply, source)->ahead_until;
}

bool
cdc_run_takes_copy(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	/* a replay takes all, and copies that topics bring are of all targets */
	return apply->replay != NULL || apply->sub->kind != CDC_SERVER_MYSQL ||
		cdc_copy_span_has(span_of(apply, source), event->seq);
}

bool
cdc_run_takes(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	if (event->op == CDC_OP_SNAPSHOT)
		return cdc_run_takes_copy(apply, source, event);
	return !source->mapping->copied || !source->target->target->keyless || apply->replay != NULL ||
		apply->sub->kind != CDC_SERVER_MYSQL || !cdc_run_is_ahead(apply, source, event->seq);
}
