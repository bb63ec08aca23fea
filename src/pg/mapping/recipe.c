/*-------------------------------------------------------------------------
 *
 * recipe.c
 *	  A mapping on its way to segments.
 *
 * The numbers of a recipe are: whether the source may have columns that the target has not;
 * the number of columns of the key, and their attributes; then for each column its attribute,
 * what is known of the source's column, and what a zero date becomes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/recipe.h"

#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"

/* ------------------------------------------------------------------------
 * Making one
 * ------------------------------------------------------------------------
 */

/* Whether the column is one that segments can fill. */
static bool
is_plain(const CdcMappedColumn *col, const CdcTargetColumn *column)
{
	return col->by == CDC_BY_COLUMN && column->basetype == column->typid &&
		column->typid < FirstNormalObjectId;
}

/* Whether rows that have all of the mapping's columns leave nothing of a row as it was. */
static bool
fills_all(const CdcTarget *target)
{
	int			n = 0;
	int			i;

	for (i = 0; i < target->desc->natts; i++)
		if (!TupleDescAttr(target->desc, i)->attisdropped)
			n++;
	return n == target->ncolumns;
}

static ArrayType *
number_array(const int32 *numbers, int n)
{
	Datum	   *values = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		values[i] = Int32GetDatum(numbers[i]);
	return construct_array(values, n, INT4OID, sizeof(int32), true, 'i');
}

bool
cdc_recipe_make(const CdcMapping *mapping, CdcRecipe *recipe)
{
	const CdcTarget *target = mapping->target;
	Datum	   *names = palloc(sizeof(Datum) * Max(target->ncolumns, 1));
	int32	   *numbers = palloc(sizeof(int32) * (2 + target->nkey + 3 * target->ncolumns));
	int			n = 0;
	int			i;

	if (mapping->computed || mapping->filter != NULL || target->keyless || !fills_all(target))
		return false;
	numbers[n++] = mapping->mapped;
	numbers[n++] = target->nkey;
	for (i = 0; i < target->nkey; i++)
		numbers[n++] = target->key[i].attnum;
	for (i = 0; i < target->ncolumns; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[i];

		if (!is_plain(col, &target->columns[i]))
			return false;
		names[i] = CStringGetTextDatum(col->source);
		numbers[n++] = col->attnum;
		numbers[n++] = col->conv.source;
		numbers[n++] = col->conv.zero_date;
	}
	recipe->names = construct_array(names, target->ncolumns, TEXTOID, -1, false, 'i');
	recipe->numbers = number_array(numbers, n);
	return true;
}

/* ------------------------------------------------------------------------
 * Following one
 * ------------------------------------------------------------------------
 */

pg_noreturn static void
refuse_recipe(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the recipe of a row does not fit its table")));
	pg_unreachable();
}

/* A recipe that is read. */
typedef struct Reading
{
	Datum	   *names;
	int			nnames;
	Datum	   *numbers;
	int			nnumbers;
	int			next;			/* of numbers */
} Reading;

/* The next number, which is one from least to greatest. */
static int
next_number(Reading *reading, int least, int greatest)
{
	int			n;

	if (reading->next >= reading->nnumbers)
		refuse_recipe();
	n = DatumGetInt32(reading->numbers[reading->next++]);
	if (n < least || n > greatest)
		refuse_recipe();
	return n;
}

/* Takes the array apart; ERROR where it has NULLs or another form. */
static void
read_array(ArrayType *array, Oid type, Datum **values, int *n)
{
	if (ARR_NDIM(array) != 1 || ARR_ELEMTYPE(array) != type || array_contains_nulls(array))
		refuse_recipe();
	if (type == TEXTOID)
		deconstruct_array(array, TEXTOID, -1, false, 'i', values, NULL, n);
	else
		deconstruct_array(array, INT4OID, sizeof(int32), true, 'i', values, NULL, n);
}

/* Reads one column of the recipe. */
static void
read_column(CdcMapping *mapping, Reading *reading, int i)
{
	TupleDesc	desc = mapping->target->desc;
	Form_pg_attribute att = TupleDescAttr(desc, next_number(reading, 1, desc->natts) - 1);
	int			content = next_number(reading, CDC_SOURCE_UNKNOWN, CDC_SOURCE_OTHER);
	int			zero_date = next_number(reading, CDC_ZERO_DATE_NULL, CDC_ZERO_DATE_REFUSED);
	CdcMappedColumn *col = &mapping->columns[i];
	int			at;

	for (at = 0; at < i; at++)
		if (mapping->columns[at].attnum == att->attnum)
			refuse_recipe();
	if (att->attisdropped)
		refuse_recipe();
	at = cdc_target_add_column(mapping->target, att);
	col->by = CDC_BY_COLUMN;
	col->attnum = att->attnum;
	col->name = mapping->target->columns[at].name;
	col->source = TextDatumGetCString(reading->names[i]);
	col->source_len = strlen(col->source);
	cdc_converter_init(&col->conv, CurrentMemoryContext, att->atttypid, att->atttypmod,
					   (CdcContentKind) content, (CdcZeroDate) zero_date);
}

/* Whether the target has a column for the attribute. */
static bool
has_column(const CdcTarget *target, int attnum)
{
	int			i;

	for (i = 0; i < target->ncolumns; i++)
		if (target->columns[i].attnum == attnum)
			return true;
	return false;
}

CdcMapping *
cdc_recipe_mapping(const CdcRecipe *recipe, Relation rel)
{
	CdcMapping *mapping = palloc0(sizeof(CdcMapping));
	Reading		reading = {0};
	List	   *key = NIL;
	ListCell   *lc;
	int			nkey;
	int			i;

	if (rel->rd_rel->relkind != RELKIND_RELATION)
		refuse_recipe();
	read_array(recipe->names, TEXTOID, &reading.names, &reading.nnames);
	read_array(recipe->numbers, INT4OID, &reading.numbers, &reading.nnumbers);
	if (reading.nnames > RelationGetDescr(rel)->natts)
		refuse_recipe();
	mapping->source_table = "";
	mapping->shape = cdc_mode_shape(NULL);
	mapping->cxt = CurrentMemoryContext;
	mapping->whole_only = true;
	mapping->target = cdc_target_create(rel);
	mapping->columns = palloc0(sizeof(CdcMappedColumn) * Max(reading.nnames, 1));
	mapping->mapped = next_number(&reading, 0, 1) == 1;
	nkey = next_number(&reading, 1, reading.nnames);
	for (i = 0; i < nkey; i++)
		key = lappend_int(key, next_number(&reading, 1, RelationGetDescr(rel)->natts));
	for (i = 0; i < reading.nnames; i++)
		read_column(mapping, &reading, i);
	foreach(lc, key)
		if (!has_column(mapping->target, lfirst_int(lc)))
			refuse_recipe();
	cdc_target_set_key(mapping->target, rel, key);
	for (i = 0; i < mapping->target->ncolumns; i++)
		mapping->columns[i].in_key = mapping->target->columns[i].in_key;
	return mapping;
}
