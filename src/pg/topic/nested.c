/*-------------------------------------------------------------------------
 *
 * nested.c
 *	  Members of a JSON object whose columns are composite, or arrays of more
 *	  than one dimension, as INSERT writes them.
 *
 *	  PostgreSQL's own jsonb_populate_record() reads them: it is asked for a row
 *	  with one column of the type.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/nested.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_catalog.h"

struct CdcNested
{
	bool		composite;
	TupleDesc	row;			/* (f type) */
	Datum		empty;			/* a row of it */
	FmgrInfo	populate;
};

static Node *
null_of(Oid type)
{
	return (Node *) makeNullConst(type, -1, InvalidOid);
}

CdcNested *
cdc_nested_create(Oid typid, int32 typmod)
{
	bool		composite = get_typtype(typid) == TYPTYPE_COMPOSITE;
	Oid			element = get_element_type(typid);
	CdcNested  *nested;
	Datum		value = (Datum) 0;
	bool		isnull = true;

	/* elements of jsonb[] may be arrays themselves */
	if (!composite && (!OidIsValid(element) || element == JSONOID || element == JSONBOID))
		return NULL;
	nested = palloc0(sizeof(CdcNested));
	nested->composite = composite;
	nested->row = CDC_CREATE_TUPLE_DESC(1);
	TupleDescInitEntry(nested->row, 1, "f", typid, typmod, 0);
	nested->row = BlessTupleDesc(nested->row);
	nested->empty = HeapTupleGetDatum(heap_form_tuple(nested->row, &value, &isnull));
	fmgr_info(F_JSONB_POPULATE_RECORD, &nested->populate);
	/* the function asks for its arguments' types */
	fmgr_info_set_expr((Node *) makeFuncExpr(F_JSONB_POPULATE_RECORD, RECORDOID,
											 list_make2(null_of(RECORDOID), null_of(JSONBOID)),
											 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
					   &nested->populate);
	return nested;
}

bool
cdc_nested_takes(const CdcNested *nested, const CdcJsonValue *v)
{
	const JsonbContainer *array;
	CdcJsonValue first;

	if (v->type != JENTRY_ISCONTAINER)
		return false;
	if (nested->composite)
		return true;
	array = cdc_json_container(v);
	if (!cdc_json_is_array(array) || cdc_json_count(array) == 0)
		return false;
	cdc_json_get(array, cdc_json_count(array), 0, &first);
	return first.type == JENTRY_ISCONTAINER;
}

Datum
cdc_nested_datum(CdcNested *nested, const CdcJsonValue *v, bool *isnull)
{
	char	   *text = psprintf("{\"f\":%s}", cdc_json_to_cstring(v));
	Datum		document = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
	HeapTupleHeader row;

	row = DatumGetHeapTupleHeader(FunctionCall2(&nested->populate, nested->empty, document));
	return GetAttributeByNum(row, 1, isnull);
}
