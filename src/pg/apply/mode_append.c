/*-------------------------------------------------------------------------
 *
 * mode_append.c
 *	  The mode "append": each row of an event is one row of the target, which has what the
 *	  event tells of it: the row behind it, of a delete the row before.
 *
 * The key is the event's number in the history and the row's in the event: events that are
 * applied once more write the same rows.  TRUNCATE, and the begin of a copy that stands for
 * all rows, is a row without values.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"

/* CdcApplyMode.fold */
static void
append_fold(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	const CdcPresence *presence = row->presence;

	if (row->layout->stale != NULL && op != CDC_OP_DELETE)
		cdc_layout_refuse_stale(source->mapping, row->layout);

	/* NULL would look like a value */
	if (row->layout->partial && op == CDC_OP_UPDATE)
	{
		cdc_run_give_up_append(apply, source);
		return;
	}
	if (!presence->complete && op == CDC_OP_DELETE)
		presence = cdc_presence_union(&run->target->presences, presence, cdc_target_whole_row(run->target));
	cdc_reduce_put(&apply->work, run, row->values, row->nulls, presence);
}

/* CdcApplyMode.truncate: a row says that the source has none of the rows of before any more. */
static void
append_truncate(CdcApply *apply, CdcTargetRun *run)
{
	CdcTarget  *target = run->target;
	const CdcSourceRun *source = run->source;
	const CdcMapping *mapping = source->mapping;
	int			natts = target->desc->natts;
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	bool	   *attrs = palloc0(sizeof(bool) * natts);
	int			c;

	memset(nulls, true, sizeof(bool) * natts);
	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];
		int			at = col->attnum - 1;

		attrs[at] = true;
		if (col->by != CDC_BY_MODE)
			continue;
		values[at] = cdc_source_row_of_mode(&source->row, col, &nulls[at]);
		if (col->mode_fill == CDC_MODE_FILLS_OP)
			values[at] = CStringGetTextDatum("t");
		else if (col->mode_fill == CDC_MODE_FILLS_ROW)
			values[at] = Int32GetDatum(0);
	}
	cdc_reduce_put(&apply->work, run, values, nulls, cdc_presence_intern(&target->presences, attrs));
	cdc_reduce_row_done(&apply->work, run);
}

const CdcApplyMode cdc_mode_append = {
	"append",
	append_fold,
	NULL,
	append_truncate,
	NULL,
	NULL
};
