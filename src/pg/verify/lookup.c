/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  The target's rows as the active snapshot sees them, by key: many keys at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/spi.h"
#include "pg/write/write.h"

static const CdcTargetColumn *
key_column(const CdcTarget *target, int i)
{
	return &target->columns[target->key[i].column];
}

/* Whether a key column's values are given as text, to be cast back. */
static bool
is_text(const CdcTargetColumn *column)
{
	return !cdc_type_unnests(column->basetype);
}

/*
 * SELECT of the rows with given keys: n, the number of the key, then the target's columns.
 * nulls: a NULL is found, too.
 */
static char *
select_by_key(const CdcTarget *target, bool nulls)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT u.n");
	for (i = 0; i < target->ncolumns; i++)
		appendStringInfo(&sql, ", t.%s", quote_identifier(target->columns[i].name));
	appendStringInfoString(&sql, " FROM ROWS FROM (");
	for (i = 0; i < target->nkey; i++)
		appendStringInfo(&sql, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
	appendStringInfoString(&sql, ") WITH ORDINALITY AS u (");
	for (i = 0; i < target->nkey; i++)
		appendStringInfo(&sql, "k%d, ", i);
	appendStringInfo(&sql, "n) JOIN %s AS t ON ", target->name);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *column = key_column(target, i);
		char	   *left = psprintf("t.%s", quote_identifier(column->name));
		char	   *right = psprintf("u.k%d%s", i, !is_text(column) ? "" :
									 psprintf("::%s", format_type_be_qualified(column->basetype)));

		appendStringInfoString(&sql, i > 0 ? " AND (" : "(");
		cdc_append_equality(&sql, target, target->key[i].column, left, right);
		if (nulls)
			appendStringInfo(&sql, " OR (%s IS NULL AND %s IS NULL)", left, right);
		appendStringInfoChar(&sql, ')');
	}
	if (target->alive != NULL)
		appendStringInfo(&sql, " WHERE %s", target->alive);
	return sql.data;
}

/* The plan, made to follow the key's index where there is one. */
static SPIPlanPtr
make_plan(CdcVerifyTable *t, bool nulls)
{
	static const CdcPlannerOption by_index[] = {
		{"enable_hashjoin", "off"}, {"enable_mergejoin", "off"}, {"enable_seqscan", "off"},
		{"optimizer", "off"}, {"jit", "off"}
	};
	const CdcTarget *target = t->mapping->target;
	Oid		   *types = palloc(sizeof(Oid) * target->nkey);
	SPIPlanPtr	plan;
	int			level;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *column = key_column(target, i);

		types[i] = is_text(column) ? TEXTARRAYOID : get_array_type(column->basetype);
	}
	level = cdc_planner_begin(by_index, OidIsValid(target->key_index) && !nulls ? lengthof(by_index) : 0);
	plan = SPI_prepare_cursor(select_by_key(target, nulls), target->nkey, types,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	cdc_planner_end(level);
	return plan;
}

/* The i-th key column of the wanted rows, as an array. */
static Datum
key_array(const CdcTarget *target, int i, CdcVerifyRow **rows, int n, bool *has_null)
{
	const CdcTargetColumn *column = key_column(target, i);
	Oid			typid = is_text(column) ? TEXTOID : column->basetype;
	Datum	   *values = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			dims[1];
	int			lbs[1] = {1};
	int16		len;
	bool		byval;
	char		align;
	Oid			output;
	bool		varlena;
	int			r;

	get_typlenbyvalalign(typid, &len, &byval, &align);
	getTypeOutputInfo(column->basetype, &output, &varlena);
	dims[0] = n;
	for (r = 0; r < n; r++)
	{
		values[r] = heap_getattr(rows[r]->key, column->attnum, target->desc, &nulls[r]);
		if (nulls[r])
			*has_null = true;
		else if (is_text(column))
			values[r] = CStringGetTextDatum(OidOutputFunctionCall(output, values[r]));
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, dims, lbs, typid, len, byval,
											  align));
}

/* Whether the target's row in the result is what is expected; notes its hash. */
static void
compare(const CdcVerifyTable *t, CdcVerifyRow *row, HeapTuple found, TupleDesc desc)
{
	const CdcTarget *target = t->mapping->target;
	CdcHash128	hash = CDC_HASH128_START;
	bool		same = row->expected != NULL;
	int			c;

	for (c = 0; c < target->ncolumns; c++)
	{
		const CdcTargetColumn *column = &target->columns[c];
		bool		fnull;
		bool		enull;
		Datum		fvalue;
		Datum		evalue;

		if (row->presence != NULL && !row->presence->attrs[column->attnum - 1])
			continue;
		/* what the row alone does not tell, such as when it was changed */
		if (t->mapping->columns[c].unsettled)
			continue;
		fvalue = SPI_getbinval(found, desc, c + 2, &fnull);
		cdc_verify_hash_value(&hash, column, fvalue, fnull);
		if (!same)
			continue;
		evalue = heap_getattr(row->expected, column->attnum, target->desc, &enull);
		same = cdc_verify_same_value(column, fvalue, fnull, evalue, enull);
	}
	row->found = hash;
	row->nfound++;
	row->differs = !same || row->nfound > 1;
}

void
cdc_verify_lookup(CdcVerifyTable *t, CdcVerifyRow *rows, int n, const bool *wanted)
{
	const CdcTarget *target = t->mapping->target;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify lookup",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcVerifyRow **list = palloc(sizeof(CdcVerifyRow *) * Max(n, 1));
	Datum	   *values = palloc(sizeof(Datum) * target->nkey);
	bool		has_null = false;
	uint64		r;
	int			level = cdc_verify_begin_texts();
	int			count = 0;
	int			rc;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (wanted != NULL && !wanted[i])
			continue;
		list[count++] = &rows[i];
		rows[i].nfound = 0;
		rows[i].differs = rows[i].expected != NULL;
	}
	for (i = 0; count > 0 && i < target->nkey; i++)
		values[i] = key_array(target, i, list, count, &has_null);
	if (count > 0)
	{
		cdc_spi_connect();
		if (t->by_key == NULL || (has_null && !t->by_key_nulls))
		{
			t->by_key = make_plan(t, has_null);
			t->by_key_nulls = has_null;
			SPI_keepplan(t->by_key);
		}
		rc = SPI_execute_plan(t->by_key, values, NULL, true, 0);
		if (rc != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
		for (r = 0; r < SPI_processed; r++)
		{
			bool		isnull;
			int64		at = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, 1,
														 &isnull));

			compare(t, list[at - 1], SPI_tuptable->vals[r], SPI_tuptable->tupdesc);
		}
		cdc_spi_disconnect();
	}
	AtEOXact_GUC(true, level);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
