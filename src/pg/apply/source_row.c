/*-------------------------------------------------------------------------
 *
 * source_row.c
 *	  A row of a source table on its way into its target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/source_row.h"

#include "pg/target/envelope.h"
#include "pg/target/key.h"

void
cdc_source_row_init(CdcSourceRow *row, const CdcSubscription *sub, CdcMapping *mapping)
{
	int			natts = mapping->target->desc->natts;

	memset(row, 0, sizeof(*row));
	row->mapping = mapping;
	row->image.sub = sub;
	row->values = palloc0(sizeof(Datum) * natts);
	row->nulls = palloc0(sizeof(bool) * natts);
}

/* Converts a value into the column's place in values and nulls. */
static inline void
convert_value(CdcSourceRow *row, CdcMappedColumn *col, const CdcJsonValue *v, Datum *values,
			  bool *nulls)
{
	int			at = col->attnum - 1;

	row->at_column = col->name;
	nulls[at] = false;
	values[at] = col->conv.convert(&col->conv, v, &nulls[at]);
}

/* Performs the layout's ops up to nops; of the key's columns alone where that is wanted. */
static inline void
convert_values(CdcSourceRow *row, int nops, bool key_only)
{
	const CdcLayout *layout = row->layout;
	const struct CdcLayoutOp *ops = layout->ops;
	const JsonbContainer *data = row->image.data;
	const char *base = cdc_json_base(data, 2 * layout->nkeys);
	CdcMappedColumn *columns = row->mapping->columns;
	Datum	   *values = row->values;
	bool	   *nulls = row->nulls;
	uint32		offset = row->offset;
	int			op = row->op;
	int			i = row->index;

	while (op < nops)
	{
		CdcJsonValue v;

		cdc_json_step(data, base, layout->nkeys + i, &offset, &v);
		for (; op < layout->nops && ops[op].index == i; op++)
		{
			CdcMappedColumn *col = &columns[ops[op].column];

			if (v.type != JENTRY_ISNULL && (!key_only || col->in_key))
				convert_value(row, col, &v, values, nulls);
		}
		i++;
	}
	row->at_column = NULL;
	row->offset = offset;
	row->op = op;
	row->index = i;
}

/* Finds the layout of an image and sets the row to its beginning. */
static inline void
start_row(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	const CdcTarget *target = row->mapping->target;

	row->image.data = data;
	row->image.seq = seq;
	row->layout = cdc_layout_of(row->mapping, &row->image);
	row->op = 0;
	row->index = 0;
	row->offset = row->layout->keys_len;
	if (!row->layout->has_key && target->keyless)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("event lacks columns of its target, which has no key"),
				 errdetail("Rows of target %s are found by all their columns.", target->name),
				 errhint("Give it its key: %s", cdc_target_key_hint(row->mapping, row->image.env))));
	if (!row->layout->has_key)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("event lacks a column of the target's key"),
				 errhint("Check the key of target %s and the mapping of its columns.",
						 target->name)));
	memset(row->nulls, true, sizeof(bool) * target->desc->natts);
}

void
cdc_source_row_begin(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	start_row(row, data, seq);
	convert_values(row, row->layout->nkeyops, false);
}

void
cdc_source_row_finish(CdcSourceRow *row)
{
	CdcTarget  *target = row->mapping->target;

	convert_values(row, row->layout->nops, false);
	row->presence = row->layout->presence;

	/* a document that lacks a member means that it is NULL */
	if (row->image.env != NULL && row->image.env->format == CDC_FORMAT_JSON &&
		!row->presence->complete)
		row->presence = cdc_presence_union(&target->presences, row->presence,
										   cdc_target_whole_row(target));
}

void
cdc_source_row_key(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	start_row(row, data, seq);
	convert_values(row, row->layout->nkeyops, true);
}

bool
cdc_source_row_find_key(CdcSourceRow *row, const JsonbContainer *data)
{
	const CdcTarget *target = row->mapping->target;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		CdcMappedColumn *col = &row->mapping->columns[target->key[i].column];
		CdcJsonValue v;

		if (!cdc_json_find(data, col->source, col->source_len, &v) || v.type == JENTRY_ISNULL)
			return false;
		convert_value(row, col, &v, row->values, row->nulls);
		row->at_column = NULL;
	}
	return true;
}

bool
cdc_source_row_former_key(CdcSourceRow *row, const JsonbContainer *old, Datum *values,
						  bool *nulls)
{
	const CdcTarget *target = row->mapping->target;
	bool		differs = false;
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		const CdcKeyColumn *key = &target->key[i];
		CdcMappedColumn *col = &row->mapping->columns[key->column];
		int			at = key->attnum - 1;
		CdcJsonValue v;

		values[at] = row->values[at];
		nulls[at] = row->nulls[at];
		if (old == NULL || !cdc_json_find(old, col->source, col->source_len, &v))
			continue;
		if (v.type == JENTRY_ISNULL)
			nulls[at] = true;
		else
			convert_value(row, col, &v, values, nulls);
		row->at_column = NULL;
		if (nulls[at] != row->nulls[at] ||
			(!nulls[at] && !cdc_key_column_equal(key, values[at], row->values[at])))
			differs = true;
	}
	return differs;
}
