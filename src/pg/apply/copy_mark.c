/*-------------------------------------------------------------------------
 *
 * copy_mark.c
 *	  What the events that frame the rows of a copy do to its target, where these rows
 *	  replace what the target has.
 *
 * A table without a key is emptied where the copy begins; where its rows have to be seen until all of the
 * new ones are there, where it ends (run.c).  Of a table with a key, rows are written over
 * those that there are, and where the copy ends the rest goes.  What has come in between
 * with the stream is as good as copied.  A replay that begins in the middle of a copy
 * does not have all of its rows, and takes none away.
 *
 * A copy of some rows only may say which rows are gone besides; it replaces nothing else.
 *
 * Rows that the history does not keep (history/copied_rows.c) stay beside it until then, as
 * the end of such a copy has to know their keys.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "pg/catalog/log.h"
#include "pg/history/copied_rows.h"
#include "pg/history/hole.h"

/* The copy begins: the rows of a table without a key all come anew. */
static void
copy_begins(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	CdcTargetRun *run = source->target;
	CdcWriterUser user;

	if (!run->target->keyless || cdc_run_takes_at_end(apply, source, seq))
		return;
	cdc_writer_begin(run, &user);
	run->mode->truncate(apply, run);
	cdc_writer_end(&user);
}

/* The copy ends: of a table with a key goes what has not come. */
static void
copy_ends(CdcApply *apply, CdcSourceRun *source, const CdcCopyEvent *copy, int64 end)
{
	const CdcTargetRun *run = source->target;
	int64		gone;

	if (run->target->keyless || (copy->begin_seq <= apply->scan_after && apply->replay != NULL))
		return;

	/*
	 * Rows of which it was found out before the copy began may have come again since, which only
	 * the events from there on tell: without these they stay.
	 */
	if (copy->gone != NULL && !cdc_history_has_event(apply->sub, copy->begin_seq))
	{
		cdc_log(apply->sub->name, "copy",
				psprintf("rows of target %s that source table %s has not any more stay until it is verified again",
						 run->target->name, source->mapping->source_table),
				"The history has not all events since that was found.");
		return;
	}
	gone = cdc_sweep(apply, source, copy->begin_seq, end, copy->gone);
	if (gone > 0)
		cdc_log(apply->sub->name, "copy",
				psprintf("target %s had " INT64_FORMAT " rows that source table %s has not any more",
						 run->target->name, gone, source->mapping->source_table), NULL);
}

void
cdc_copy_mark(CdcApply *apply, const CdcHistoryEvent *event, const CdcCopyEvent *copy)
{
	CdcSourceRun *source = copy->replaces || copy->gone != NULL ? cdc_run_framed_source(apply, event) : NULL;

	for (; source != NULL; source = cdc_run_next_source(source))
	{
		if (!cdc_run_takes_copy(apply, source, event))
			continue;
		apply->work.at.source = source->target->source = source;
		if (copy->kind == CDC_COPY_ENDS)
			copy_ends(apply, source, copy, event->seq);
		else
			copy_begins(apply, source, event->seq);
		apply->work.at.source = NULL;
	}
	if (copy->kind == CDC_COPY_ENDS && apply->replay == NULL)
		cdc_copied_rows_delete_upto(apply->sub,
									pnstrdup(event->source_table, event->source_table_len),
									event->seq);
}
