/*-------------------------------------------------------------------------
 *
 * mode_soft_delete.c
 *	  The mode "soft_delete": a row that the source table does not have any more stays in the
 *	  target as it was last, and says so.
 *
 * What a replica would delete is written over by the columns of the mode alone.  A row of the
 * same key that comes again takes its place.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/catalog/spi.h"

/* Fills what the mode's columns have of a row that goes with the event at hand. */
static void
fill_gone(const CdcTargetRun *run, Datum *values, bool *nulls, bool *attrs)
{
	const CdcSourceRun *source = run->source;
	const CdcMapping *mapping = source->mapping;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];
		int			at = col->attnum - 1;

		if (col->by != CDC_BY_MODE)
			continue;
		attrs[at] = true;
		values[at] = cdc_source_row_of_mode(&source->row, col, &nulls[at]);
		if (col->mode_fill == CDC_MODE_FILLS_DELETED)
			values[at] = BoolGetDatum(true);
	}
}

/* CdcApplyMode.remove: where the target has the row, it stays. */
static void
soft_delete_remove(CdcApply *apply, CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	CdcTarget  *target = run->target;
	int			natts = target->desc->natts;
	Datum	   *gone = palloc0(sizeof(Datum) * natts);
	bool	   *gone_nulls = palloc(sizeof(bool) * natts);
	bool	   *attrs = palloc0(sizeof(bool) * natts);
	int			i;

	memset(gone_nulls, true, sizeof(bool) * natts);
	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;

		gone[at] = values[at];
		gone_nulls[at] = nulls[at];
		attrs[at] = true;
	}
	fill_gone(run, gone, gone_nulls, attrs);
	cdc_reduce_update(&apply->work, run, gone, gone_nulls, cdc_presence_intern(&target->presences, attrs));
	pfree(gone);
	pfree(gone_nulls);
	pfree(attrs);
}

/* CdcApplyMode.is_gone */
static bool
soft_delete_is_gone(const CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	const CdcMapping *mapping = run->source->mapping;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_MODE && col->mode_fill == CDC_MODE_FILLS_DELETED)
			return !nulls[col->attnum - 1] && DatumGetBool(values[col->attnum - 1]);
	}
	return false;
}

/*
 * CdcApplyMode.fold: as in a replica.  A new row of which the image does not have all columns
 * takes none of them from a row that had its key before.
 */
static void
soft_delete_fold(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	const CdcSourceRow *row = &source->row;

	if (op == CDC_OP_INSERT && row->layout->partial &&
		cdc_mode_has_gone_row(apply, run, row->values, row->nulls))
		cdc_reduce_delete(&apply->work, run, row->values, row->nulls);
	cdc_mode_replica_fold(apply, source, op, old);
}

/* "column = ..., column = ...": what the mode's columns have of rows that go; $1: seq, $2: source_ts. */
static void
append_assignments(StringInfo sql, const CdcMapping *mapping)
{
	const char *comma = "";
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by != CDC_BY_MODE)
			continue;
		appendStringInfo(sql, "%s%s = %s", comma, quote_identifier(col->name),
						 col->mode_fill == CDC_MODE_FILLS_DELETED ? "true" :
						 col->mode_fill == CDC_MODE_FILLS_SEQ ? "$1" : "$2");
		comma = ", ";
	}
}

/* CdcApplyMode.truncate: all rows that are there go. */
static void
soft_delete_truncate(CdcApply *apply, CdcTargetRun *run)
{
	const CdcEventFacts *facts = &apply->facts;
	Oid			types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		values[2] = {Int64GetDatum(facts->seq), TimestampTzGetDatum(facts->source_ts)};
	char		nulls[2] = {' ', facts->source_ts == 0 ? 'n' : ' '};
	StringInfoData sql;
	CdcWriterUser user;
	int			rc;

	cdc_reduce_flush(&apply->work, run);
	cdc_reduce_close(&apply->work, run);
	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s SET ", run->target->name);
	append_assignments(&sql, run->source->mapping);
	appendStringInfo(&sql, " WHERE %s", cdc_target_live_rows(run->target));
	cdc_writer_begin(run, &user);
	cdc_writer_set_role(run->rights.replica && run->rights.replica_role);
	cdc_spi_connect();
	rc = SPI_execute_with_args(sql.data, lengthof(types), types, values, nulls, false, 0);
	if (rc != SPI_OK_UPDATE)
		elog(ERROR, "could not execute: %s: %s", sql.data, SPI_result_code_string(rc));
	run->updated += SPI_processed;
	cdc_spi_disconnect();
	cdc_writer_end(&user);
	pfree(sql.data);
}

const CdcApplyMode cdc_mode_soft_delete = {
	"soft_delete",
	soft_delete_fold,
	NULL,
	soft_delete_truncate,
	soft_delete_remove,
	soft_delete_is_gone
};
