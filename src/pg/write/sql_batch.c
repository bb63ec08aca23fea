/*-------------------------------------------------------------------------
 *
 * sql_batch.c
 *	  Many rows as one value, for statements that segments run: rows in the form that
 *	  they have in memory, without an array a column to be made and taken apart.
 *
 * Nobody but this file can make a value of the type: neither its input function nor a
 * cast does, so that the bytes need not be doubted.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/sql_internal.h"

#if CDC_HAVE_DISTRIBUTION

#include "access/htup_details.h"
#include "cdb/cdbvars.h"
#include "catalog/namespace.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "pg/base/compat_catalog.h"

/* A batch: its rows follow, each aligned. */
typedef struct Batch
{
	int32		vl_len;			/* of a varlena with a header of 4 bytes */
	int32		nrows;
} Batch;

/* What a row begins with; its tuple follows. */
typedef struct BatchRow
{
	uint32		len;			/* of the tuple, in bytes */
	int32		segment;		/* that the row is for; -1: all of them */
} BatchRow;

static inline Size
row_size(const CdcEntry *entry)
{
	return MAXALIGN(sizeof(BatchRow) + entry->tuple->t_len);
}

Oid
cdc_batch_type(void)
{
	return CDC_CACHED_OID2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("row_batch"),
						   ObjectIdGetDatum(get_namespace_oid("cdc", false)));
}

Datum
cdc_batch_make(CdcEntry *const *entries, int n, const int32 *segments)
{
	Size		size = MAXALIGN(sizeof(Batch));
	Batch	   *batch;
	char	   *at;
	int			i;

	for (i = 0; i < n; i++)
		size += row_size(entries[i]);
	batch = MemoryContextAllocZero(CurrentMemoryContext, size);
	SET_VARSIZE(batch, size);
	batch->nrows = n;
	at = (char *) batch + MAXALIGN(sizeof(Batch));
	for (i = 0; i < n; i++)
	{
		BatchRow   *row = (BatchRow *) at;

		row->len = entries[i]->tuple->t_len;
		row->segment = segments != NULL ? segments[i] : -1;
		memcpy(row + 1, entries[i]->tuple->t_data, row->len);
		at += row_size(entries[i]);
	}
	return PointerGetDatum(batch);
}

PG_FUNCTION_INFO_V1(cdc_row_batch_in);

/* cdc.row_batch_in(cstring): nobody writes a batch down. */
Datum
cdc_row_batch_in(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot accept a value of type %s", "cdc.row_batch")));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(cdc_row_batch_out);

/* cdc.row_batch_out(cdc.row_batch): nor is one shown. */
Datum
cdc_row_batch_out(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot display a value of type %s", "cdc.row_batch")));
	PG_RETURN_VOID();
}

/* The row type that the function is asked for, by its second argument. */
static TupleDesc
wanted_desc(FunctionCallInfo fcinfo)
{
	Oid			typid = get_fn_expr_argtype(fcinfo->flinfo, 1);

	if (!OidIsValid(typid) || get_typtype(typid) != TYPTYPE_COMPOSITE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("cdc.batch_rows is asked for another type than a table's row")));
	return lookup_rowtype_tupdesc_copy(typid, -1);
}

/* The rows of a batch that are for the segment, or for all; any segment: -1. */
static Datum
batch_rows(FunctionCallInfo fcinfo, int32 segment)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const Batch *batch;
	const char *at;
	MemoryContext old;
	int			i;

	if (PG_ARGISNULL(0) || result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		elog(ERROR, "cdc.batch_rows was called in a place that takes no rows");
	batch = (const Batch *) PG_GETARG_POINTER(0);
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = wanted_desc(fcinfo);
	result->setResult = tuplestore_begin_heap(false, false, work_mem);
	at = (const char *) batch + MAXALIGN(sizeof(Batch));
	for (i = 0; i < batch->nrows; i++)
	{
		const BatchRow *row = (const BatchRow *) at;
		HeapTupleData tuple;

		CHECK_FOR_INTERRUPTS();
		if (segment < 0 || row->segment < 0 || row->segment == segment)
		{
			memset(&tuple, 0, sizeof(tuple));
			tuple.t_len = row->len;
			tuple.t_data = (HeapTupleHeader) (row + 1);
			tuplestore_puttuple(result->setResult, &tuple);
		}
		at += MAXALIGN(sizeof(BatchRow) + row->len);
	}
	MemoryContextSwitchTo(old);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(cdc_batch_rows);

/* cdc.batch_rows(cdc.row_batch, anyelement): the rows of a batch, of the type of the second one. */
Datum
cdc_batch_rows(PG_FUNCTION_ARGS)
{
	return batch_rows(fcinfo, -1);
}

PG_FUNCTION_INFO_V1(cdc_batch_rows_here);

/* cdc.batch_rows_here(cdc.row_batch, anyelement): those of them that are for this segment. */
Datum
cdc_batch_rows_here(PG_FUNCTION_ARGS)
{
	return batch_rows(fcinfo, GpIdentity.segindex);
}

#else

Oid
cdc_batch_type(void)
{
	return InvalidOid;
}

Datum
cdc_batch_make(CdcEntry *const *entries, int n, const int32 *segments)
{
	return (Datum) 0;
}

#endif							/* CDC_HAVE_DISTRIBUTION */
