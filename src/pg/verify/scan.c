/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  The target's rows as the active snapshot sees them: all of them, or those of a
 *	  range of keys.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/spi.h"

/* Rows of a cursor at a time. */
#define FETCH_ROWS	2000

static bool
is_wanted(const CdcTarget *target, int c, bool whole)
{
	return whole || target->keyless || target->columns[c].in_key;
}

/* The SELECT; of columns that are not wanted it has nothing. */
static char *
select_statement(const CdcVerifyTable *t, const CdcVerifySpan *span, bool whole, int *nargs, Oid *types,
				 Datum *args)
{
	const CdcTarget *target = t->mapping->target;
	StringInfoData sql;
	const char *sep = "SELECT ";
	int			c;

	initStringInfo(&sql);
	for (c = 0; c < target->ncolumns; c++)
	{
		if (!is_wanted(target, c, whole))
			continue;
		appendStringInfo(&sql, "%s%s", sep, quote_identifier(target->columns[c].name));
		sep = ", ";
	}
	appendStringInfo(&sql, " FROM %s", target->name);
	*nargs = 0;
	if (span != NULL)
		*nargs = cdc_verify_span_condition(t, span, &sql, types, args);
	else if (target->own_rows != NULL || target->alive != NULL)
		appendStringInfo(&sql, " WHERE %s", cdc_target_live_rows(target));
	return sql.data;
}

typedef struct Row
{
	Datum	   *found;			/* by column of the result */
	bool	   *found_nulls;
	Datum	   *values;			/* by attribute of the target */
	bool	   *nulls;
} Row;

/* A row of the result, by attribute of the target. */
static void
deform(const CdcTarget *target, bool whole, HeapTuple tuple, TupleDesc desc, Row *row)
{
	int			n = 0;
	int			c;

	heap_deform_tuple(tuple, desc, row->found, row->found_nulls);
	for (c = 0; c < target->ncolumns; c++)
	{
		int			at = target->columns[c].attnum - 1;

		if (!is_wanted(target, c, whole))
			continue;
		row->values[at] = row->found[n];
		row->nulls[at] = row->found_nulls[n++];
	}
}

/* A range is read by the key's index, whatever is known of the table's size. */
static Portal
open_cursor(const char *sql, int nargs, Oid *types, Datum *args)
{
	static const CdcPlannerOption options[] = {{"enable_seqscan", "off"}, {"optimizer", "off"}, {"jit", "off"}};
	int			level = cdc_planner_begin(options, nargs > 0 ? lengthof(options) : 0);
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, types, CURSOR_OPT_NO_SCROLL);
	Portal		portal;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, args, NULL, true);
	cdc_planner_end(level);
	return portal;
}

void
cdc_verify_scan(CdcVerifyTable *t, const CdcVerifySpan *span, bool whole, CdcVerifyVisitor visit, void *arg)
{
	const CdcTarget *target = t->mapping->target;
	int			natts = target->desc->natts;
	Oid			types[CDC_VERIFY_SPAN_PARAMETERS];
	Datum		args[CDC_VERIFY_SPAN_PARAMETERS];
	Row			row;
	int			nargs;
	char	   *sql = select_statement(t, span, whole, &nargs, types, args);
	Portal		portal;
	bool		more = true;

	row.found = palloc(sizeof(Datum) * natts);
	row.found_nulls = palloc(sizeof(bool) * natts);
	row.values = palloc0(sizeof(Datum) * natts);
	row.nulls = palloc(sizeof(bool) * natts);
	memset(row.nulls, true, sizeof(bool) * natts);
	cdc_spi_connect();
	portal = open_cursor(sql, nargs, types, args);
	while (more)
	{
		SPITupleTable *rows;
		uint64		n;
		uint64		r;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		/* the visitor may use SPI itself */
		rows = SPI_tuptable;
		n = SPI_processed;
		for (r = 0; r < n && more; r++)
		{
			deform(target, whole, rows->vals[r], rows->tupdesc, &row);
			more = visit(row.values, row.nulls, arg);
		}
		SPI_freetuptable(rows);
	}
	SPI_cursor_close(portal);
	cdc_spi_disconnect();
	pfree(row.found);
	pfree(row.found_nulls);
	pfree(row.values);
	pfree(row.nulls);
	pfree(sql);
}
