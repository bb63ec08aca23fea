/*-------------------------------------------------------------------------
 *
 * segment_row.c
 *	  An event of history as a row of its target, on the segment that has the event.
 *
 * It is converted as on the master, by the mapping's recipe.  What a segment cannot know is
 * an ERROR, upon which the master does it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/source_row.h"

#if CDC_HAVE_DISTRIBUTION

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/history/event_images.h"
#include "pg/mapping/recipe.h"

/* What is kept from one event to the next. */
typedef struct SegmentRows
{
	CdcRecipe	recipe;			/* that it was made from */
	Oid			type;
	MemoryContext cxt;			/* of the mapping */
	CdcSourceRow row;
	Datum	   *okey;			/* a former key, by attribute */
	bool	   *onulls;
} SegmentRows;

static inline bool
same_array(const ArrayType *a, const ArrayType *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static ArrayType *
copy_array(const ArrayType *array)
{
	ArrayType  *copy = palloc(VARSIZE(array));

	memcpy(copy, array, VARSIZE(array));
	return copy;
}

/* Makes the mapping of a recipe, in place of what was there. */
static void
follow_recipe(SegmentRows *rows, const CdcRecipe *recipe, Oid type)
{
	Oid			relid = get_typ_typrelid(type);
	MemoryContext old;
	Relation	rel;
	CdcMapping *mapping;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("cdc.event_row is asked for another type than a table's row")));
	rows->type = InvalidOid;
	MemoryContextReset(rows->cxt);
	old = MemoryContextSwitchTo(rows->cxt);
	rel = relation_open(relid, AccessShareLock);
	mapping = cdc_recipe_mapping(recipe, rel);
	relation_close(rel, NoLock);
	cdc_source_row_init(&rows->row, NULL, mapping);
	rows->okey = palloc0(sizeof(Datum) * mapping->target->desc->natts);
	rows->onulls = palloc0(sizeof(bool) * mapping->target->desc->natts);
	rows->recipe.names = copy_array(recipe->names);
	rows->recipe.numbers = copy_array(recipe->numbers);
	MemoryContextSwitchTo(old);
	rows->type = type;
}

/* What is kept with the call, by the recipe in its arguments. */
static SegmentRows *
kept_rows(FunctionCallInfo fcinfo)
{
	SegmentRows *rows = fcinfo->flinfo->fn_extra;
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, 4);
	CdcRecipe	recipe = {PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3)};

	if (rows == NULL)
	{
		rows = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(SegmentRows));
		rows->cxt = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "cdc_ingest recipe",
										  ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = rows;
	}
	if (rows->type != type || !OidIsValid(type) || !same_array(rows->recipe.names, recipe.names) ||
		!same_array(rows->recipe.numbers, recipe.numbers))
		follow_recipe(rows, &recipe, type);
	return rows;
}

pg_noreturn static void
leave_to_master(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("an event is one for the master: %s", what)));
	pg_unreachable();
}

/* Converts the event's row, as far as it is a row under one key. */
static void
convert_event(SegmentRows *rows, char op, const JsonbContainer *event)
{
	CdcSourceRow *row = &rows->row;
	const CdcTarget *target = row->mapping->target;
	const JsonbContainer *data = NULL;
	const JsonbContainer *old = NULL;
	int			i;

	if (cdc_json_is_object(event))
		cdc_event_find_images(event, &data, &old);
	if (data == NULL)
		leave_to_master("it has no object \"data\"");
	cdc_source_row_begin(row, data, 0);
	cdc_source_row_finish(row);
	for (i = 0; i < target->nkey; i++)
		if (row->nulls[target->key[i].attnum - 1])
			leave_to_master("a column of its key is null");
	if (op == CDC_OP_UPDATE && old != NULL && cdc_json_count(old) > 0 &&
		cdc_source_row_former_key(row, old, rows->okey, rows->onulls))
		leave_to_master("its key has changed");
	if (op != CDC_OP_DELETE)
		return;

	/* only the key of what goes is of interest */
	for (i = 0; i < target->ncolumns; i++)
		if (!target->columns[i].in_key)
			row->nulls[target->columns[i].attnum - 1] = true;
}

PG_FUNCTION_INFO_V1(cdc_event_row);

/*
 * cdc.event_row(op "char", event jsonb, names text[], numbers integer[], row anyelement): the
 * row of that type which an event of a row is, by the recipe in names and numbers; of a
 * delete only its key.
 */
Datum
cdc_event_row(PG_FUNCTION_ARGS)
{
	SegmentRows *rows;
	CdcSourceRow *row;
	char		op;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
		leave_to_master("it has no document");
	op = PG_GETARG_CHAR(0);
	if (op != CDC_OP_INSERT && op != CDC_OP_UPDATE && op != CDC_OP_DELETE && op != CDC_OP_SNAPSHOT)
		leave_to_master("it is no row");
	rows = kept_rows(fcinfo);
	row = &rows->row;
	convert_event(rows, op, &PG_GETARG_JSONB_P(1)->root);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(row->mapping->target->desc, row->values, row->nulls)));
}

#endif							/* CDC_HAVE_DISTRIBUTION */
