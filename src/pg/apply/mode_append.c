/*-------------------------------------------------------------------------
 *
 * mode_append.c
 *	  The mode "append": each row of an event is one row of the target, which has what the
 *	  event tells of it: the row behind it, of a delete the row before.
 *
 * The key is the event's number in the history and the row's in the event: events that are
 * applied once more write the same rows.  TRUNCATE, and the begin of a copy that stands for
 * all rows, is a row without values.  An update that changes the source's key has a row
 * before its own that the former key was deleted: the last row of each key tells whether it is
 * there.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "utils/builtins.h"

/* Sets what the mode's columns have of a row that is not as the event has it. */
static void
set_op(const CdcMapping *mapping, const char *op, int number, Datum *values)
{
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_MODE && col->mode_fill == CDC_MODE_FILLS_OP)
			values[col->attnum - 1] = CStringGetTextDatum(op);
		else if (col->by == CDC_BY_MODE && col->mode_fill == CDC_MODE_FILLS_ROW)
			values[col->attnum - 1] = Int32GetDatum(number);
	}
}

/* A row of a delete of the former key, before that of the update. */
static void
append_former(CdcApply *apply, CdcSourceRun *source, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	int			natts = run->target->desc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	if (cdc_source_row_moved_from(row, old, values, nulls))
	{
		set_op(source->mapping, "d", -1 - row->number, values);
		cdc_reduce_put(&apply->work, run, values, nulls, row->presence);
	}
	pfree(values);
	pfree(nulls);
}

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
	if (op == CDC_OP_UPDATE)
		append_former(apply, source, old);
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
	}
	set_op(mapping, "t", 0, values);
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
