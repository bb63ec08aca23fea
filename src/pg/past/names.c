/*-------------------------------------------------------------------------
 *
 * names.c
 *	  What columns of the past are called today.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/past/past_internal.h"

#include "utils/builtins.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/target/replica_table.h"

void
cdc_past_refuse(const CdcPast *past, int64 seq, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("target %s cannot be shown as it was at seq " INT64_FORMAT, past->target, past->seq),
			 errdetail("At seq " INT64_FORMAT " source table %s was altered: %s.", seq, past->table->source_table, reason),
			 errhint("%sThe events themselves: SELECT cdc.replay(%s, %s, ..., from_seq := " INT64_FORMAT ", to_seq := " INT64_FORMAT "); into a table that is made for it.",
					 past->sub->kind == CDC_SERVER_KAFKA ? "" :
					 psprintf("From a new copy on it can be shown: SELECT cdc.resync_table(%s, %s); ",
							  quote_literal_cstr(past->sub->name), quote_literal_cstr(past->table->name)),
					 quote_literal_cstr(past->sub->name), quote_literal_cstr(past->table->source_table),
					 past->begin_seq, past->seq)));
}

bool
cdc_past_changes_shape(const CdcPendingChange *change)
{
	switch (change->kind)
	{
		case CDC_CHANGE_TRUNCATE:
		case CDC_CHANGE_DROP:
		case CDC_CHANGE_RENAME:
		case CDC_CHANGE_COPY:
			return false;
		default:
			break;
	}
	if (change->change.rows != NULL)
		return true;
	return change->before.ncolumns > 0 && change->after.ncolumns > 0 &&
		(!change->change.known || change->change.nrenames > 0 || change->change.nadded > 0 ||
		 !cdc_table_def_same_rows(&change->before, &change->after));
}

/* The name that the target's column of a source's column has. */
static char *
own_name(const char *source)
{
	return cdc_replica_column(cdc_to_utf8(source));
}

/* What a change did to the name of a column: the new one in it; one that is dropped has none from then on. */
static void
pass_change(const CdcPast *past, const CdcPendingChange *change, const CdcShapeDiff *diff, CdcPastColumn *column)
{
	int			i;
	int			at;

	if (column->source != NULL && (at = cdc_table_def_find(&change->before, column->source)) >= 0)
	{
		for (i = 0; i < diff->ncolumns && diff->columns[i].from != at; i++)
			;
		if (i < diff->ncolumns && diff->columns[i].to >= 0)
		{
			column->source = (char *) change->after.columns[diff->columns[i].to].name;
			column->today = own_name(column->source);
			return;
		}
	}
	column->source = NULL;

	/* what stays of a column that was dropped gives way to another one of its name */
	for (i = 0; column->today != NULL && i < change->after.ncolumns; i++)
		if (strcmp(own_name(change->after.columns[i].name), column->today) == 0)
			column->today = NULL;
}

/* Takes columns from the event with that seq to what they are today. */
static void
follow_columns(const CdcPast *past, CdcPastColumn *columns, int n, int64 seq)
{
	CdcArena   *arena = NULL;
	ListCell   *lc;
	int			i;

	foreach(lc, past->changes)
	{
		CdcPendingChange *change = lfirst(lc);
		CdcShapeDiff diff;
		CdcError	err;

		if (change->from_seq <= seq || change->kind == CDC_CHANGE_COPY || change->before.ncolumns == 0 ||
			change->after.ncolumns == 0)
			continue;
		if (arena == NULL)
			arena = cdc_schema_arena(CurrentMemoryContext);
		CDC_CHECK(cdc_shape_compare(arena, &change->before, &change->after, &change->change, &diff, &err),
				  &err, past->sub->name);
		if (diff.unknown != NULL)
			cdc_past_refuse(past, change->from_seq, diff.unknown);
		for (i = 0; i < n; i++)
			pass_change(past, change, &diff, &columns[i]);
	}
}

CdcPastColumn *
cdc_past_columns(const CdcPast *past, const CdcTableDef *def, int64 seq, int *n)
{
	CdcPastColumn *columns = palloc0(sizeof(CdcPastColumn) * Max(def->ncolumns, 1));
	int			i;

	*n = def->ncolumns;
	for (i = 0; i < def->ncolumns; i++)
	{
		columns[i].source = pstrdup(def->columns[i].name);
		columns[i].name = own_name(def->columns[i].name);
		columns[i].today = columns[i].name;
		columns[i].nullable = def->columns[i].nullable;
	}
	follow_columns(past, columns, *n, seq);
	return columns;
}

char *
cdc_past_kept_today(const CdcPast *past, const char *name, int64 seq)
{
	CdcPastColumn column = {pstrdup(name), pstrdup(name), NULL, true};

	follow_columns(past, &column, 1, seq);
	return column.today;
}
