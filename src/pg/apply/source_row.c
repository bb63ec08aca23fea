/*-------------------------------------------------------------------------
 *
 * source_row.c
 *	  A row of a source table on its way into its target.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/source_row.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "pg/base/utf8.h"
#include "pg/mapping/key_hint.h"
#include "pg/target/key.h"

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------
 */

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

/*
 * Finds the layout of an image and sets the row to its beginning; false: the image does not
 * say which row it is.  What a message lacks is an error at once: messages are what they are.
 */
static inline bool
start_row(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	const CdcTarget *target = row->mapping->target;

	row->image.data = data;
	row->image.seq = seq;
	row->layout = cdc_layout_of(row->mapping, &row->image);
	row->op = 0;
	row->index = 0;
	row->offset = row->layout->keys_len;
	if (unlikely(row->layout->lacks != NULL))
	{
		if (row->image.sub->kind == CDC_SERVER_KAFKA)
			cdc_layout_refuse_partial(row->mapping, &row->image, row->layout);
		return false;
	}
	memset(row->nulls, true, sizeof(bool) * target->desc->natts);
	row->passes = CDC_PASSES_YES;
	return true;
}

/* ------------------------------------------------------------------------
 * What is computed
 * ------------------------------------------------------------------------
 */

/* An input's value; JSON null stays NULL. */
static inline void
convert_input(CdcSourceRow *row, int n, const CdcJsonValue *v, Datum *values, bool *nulls)
{
	CdcExpressionInput *input = list_nth(row->mapping->expressions->inputs, n);

	if (v->type == JENTRY_ISNULL)
	{
		nulls[n] = true;
		return;
	}
	row->at_column = input->name;
	nulls[n] = false;
	values[n] = input->conv.convert(&input->conv, v, &nulls[n]);
}

/* What the event tells of itself. */
static void
fill_facts(CdcSourceRow *row, Datum *values, bool *nulls)
{
	CdcExpressions *set = row->mapping->expressions;
	ListCell   *lc;
	int			i = 0;

	foreach(lc, set->inputs)
	{
		CdcExpressionInput *input = lfirst(lc);

		if (input->fact != CDC_FACT_NONE)
			values[i] = cdc_expression_fact(set, input, row->image.facts, &nulls[i]);
		i++;
	}
}

/* Fills the inputs of the row at hand: what expressions read. */
static void
fill_inputs(CdcSourceRow *row)
{
	const CdcLayout *layout = row->layout;
	const JsonbContainer *data = row->image.data;
	const char *base = cdc_json_base(data, 2 * layout->nkeys);
	uint32		offset = layout->keys_len;
	Datum	   *values;
	bool	   *nulls;
	int			at = 0;
	int			i;

	cdc_expressions_begin_row(row->mapping->expressions, &values, &nulls);
	for (i = 0; at < layout->ninputs; i++)
	{
		CdcJsonValue v;

		cdc_json_step(data, base, layout->nkeys + i, &offset, &v);
		for (; at < layout->ninputs && layout->inputs[at].index == i; at++)
			convert_input(row, layout->inputs[at].input, &v, values, nulls);
	}
	fill_facts(row, values, nulls);
	row->at_column = NULL;
}

Datum
cdc_source_row_of_mode(const CdcSourceRow *row, const CdcMappedColumn *col, bool *isnull)
{
	const CdcEventFacts *facts = row->image.facts;
	char		op[2] = {facts != NULL ? facts->op : '\0', '\0'};

	*isnull = facts == NULL;
	switch (col->mode_fill)
	{
		case CDC_MODE_FILLS_DELETED:
			*isnull = false;
			return BoolGetDatum(false);
		case CDC_MODE_FILLS_OP:
			return CStringGetTextDatum(op);
		case CDC_MODE_FILLS_SEQ:
			return Int64GetDatum(facts != NULL ? facts->seq : 0);
		case CDC_MODE_FILLS_ROW:
			return Int32GetDatum(row->number);
		case CDC_MODE_FILLS_SOURCE_TS:
			*isnull = facts == NULL || facts->source_ts == 0;
			return TimestampTzGetDatum(facts != NULL ? facts->source_ts : 0);
		case CDC_MODE_FILLS_VALID_FROM:
		case CDC_MODE_FILLS_VALID_TO:
		case CDC_MODE_FILLS_CURRENT:
		case CDC_MODE_FILLS_END_OP:
		case CDC_MODE_FILLS_END_SEQ:
			/* versions of before tell, see versions/versions.h */
			*isnull = true;
			break;
	}
	return (Datum) 0;
}

/* The computed columns of the key, or the others, as far as they are of this kind. */
static void
compute(CdcSourceRow *row, bool key, CdcComputable kind)
{
	CdcMapping *mapping = row->mapping;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		CdcMappedColumn *col = &mapping->columns[c];
		int			at = col->attnum - 1;

		if (col->by == CDC_BY_COLUMN || col->in_key != key || row->layout->computable[c] != kind)
			continue;
		row->at_column = col->name;
		if (col->by == CDC_BY_CONSTANT)
		{
			row->values[at] = col->constant;
			row->nulls[at] = col->constant_null;
		}
		else if (col->by == CDC_BY_MODE)
			row->values[at] = cdc_source_row_of_mode(row, col, &row->nulls[at]);
		else
			row->values[at] = cdc_expression_evaluate(mapping->expressions, col->expression,
													  &row->nulls[at]);
	}
	row->at_column = NULL;
}

/* Whether the filter, whose inputs are there, is true of the row. */
static bool
is_inside(CdcSourceRow *row)
{
	bool		isnull;
	Datum		inside = cdc_expression_evaluate(row->mapping->expressions, row->mapping->filter, &isnull);

	return !isnull && DatumGetBool(inside);
}

/* Behind the plain columns of the key. */
static void
compute_key(CdcSourceRow *row)
{
	if (row->mapping->expressions != NULL)
		fill_inputs(row);
	compute(row, true, CDC_COMPUTABLE_YES);
}

/* The computed columns that are none of the key's are NULL: the row is not written. */
static void
leave_uncomputed(CdcSourceRow *row)
{
	const CdcMapping *mapping = row->mapping;
	int			c;

	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];

		if (col->by == CDC_BY_COLUMN || col->in_key)
			continue;
		row->values[col->attnum - 1] = (Datum) 0;
		row->nulls[col->attnum - 1] = true;
	}
}

/* The filter first: of a row outside of it expressions need not make sense. */
static void
compute_rest(CdcSourceRow *row)
{
	if (row->mapping->filter != NULL)
	{
		if (row->layout->filter == CDC_COMPUTABLE_YES)
			row->passes = is_inside(row) ? CDC_PASSES_YES : CDC_PASSES_NO;
		else
			row->passes = row->layout->filter == CDC_COMPUTABLE_NO ? CDC_PASSES_AS_BEFORE :
				CDC_PASSES_UNKNOWN;
	}
	if (row->passes == CDC_PASSES_NO)
		leave_uncomputed(row);
	else
		compute(row, false, CDC_COMPUTABLE_YES);
}

/* Lays what "old" has over the inputs, which are those of the row. */
static void
fill_former_inputs(CdcSourceRow *row, const JsonbContainer *old)
{
	Datum	   *values;
	bool	   *nulls;
	ListCell   *lc;
	int			i = 0;

	fill_inputs(row);
	cdc_expressions_row(row->mapping->expressions, &values, &nulls);
	foreach(lc, row->mapping->expressions->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);
		CdcJsonValue v;

		if (input->fact == CDC_FACT_NONE && old != NULL &&
			cdc_json_find(old, input->name, input->len, &v))
			convert_input(row, i, &v, values, nulls);
		i++;
	}
	row->at_column = NULL;
}

/* Whether the image says what an input is. */
static bool
has_input(const CdcLayout *layout, int input)
{
	int			i;

	for (i = 0; i < layout->ninputs; i++)
		if (layout->inputs[i].input == input)
			return true;
	return false;
}

/* Whether something that can be computed only in part reads the input. */
static bool
is_wanted(const CdcSourceRow *row, int input)
{
	const CdcMapping *mapping = row->mapping;
	int			c;

	if (row->layout->filter == CDC_COMPUTABLE_PARTLY && bms_is_member(input, mapping->filter->columns))
		return true;
	for (c = 0; c < mapping->target->ncolumns; c++)
		if (row->layout->computable[c] == CDC_COMPUTABLE_PARTLY &&
			bms_is_member(input, mapping->columns[c].expression->columns))
			return true;
	return false;
}

const char *
cdc_source_row_complete(CdcSourceRow *row, const Datum *values, const bool *nulls)
{
	CdcMapping *mapping = row->mapping;
	CdcTarget  *target = mapping->target;
	Datum	   *inputs;
	bool	   *input_nulls;
	bool	   *attrs;
	ListCell   *lc;
	int			i = 0;

	fill_inputs(row);
	cdc_expressions_row(mapping->expressions, &inputs, &input_nulls);
	foreach(lc, mapping->expressions->inputs)
	{
		const CdcExpressionInput *input = lfirst(lc);
		int			n = i++;

		if (input->fact != CDC_FACT_NONE || has_input(row->layout, n) || !is_wanted(row, n))
			continue;
		if (input->copy < 0)
			return input->name;
		inputs[n] = values[mapping->columns[input->copy].attnum - 1];
		input_nulls[n] = nulls[mapping->columns[input->copy].attnum - 1];
	}
	if (row->passes == CDC_PASSES_UNKNOWN)
		row->passes = is_inside(row) ? CDC_PASSES_YES : CDC_PASSES_NO;
	if (row->passes == CDC_PASSES_NO)
		leave_uncomputed(row);
	else
		compute(row, false, CDC_COMPUTABLE_PARTLY);
	attrs = palloc(sizeof(bool) * target->desc->natts);
	memcpy(attrs, row->presence->attrs, sizeof(bool) * target->desc->natts);
	for (i = 0; i < target->ncolumns; i++)
		if (row->layout->computable[i] == CDC_COMPUTABLE_PARTLY)
			attrs[mapping->columns[i].attnum - 1] = true;
	row->presence = cdc_presence_intern(&target->presences, attrs);
	pfree(attrs);
	return NULL;
}

bool
cdc_source_row_former(CdcSourceRow *row, const JsonbContainer *old, Datum *values, bool *nulls)
{
	CdcMapping *mapping = row->mapping;
	bool		inside;

	(void) cdc_source_row_former_key(row, old, values, nulls);
	if (mapping->filter == NULL)
		return true;
	fill_former_inputs(row, old);
	inside = is_inside(row);
	fill_inputs(row);
	return inside;
}

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------
 */

bool
cdc_source_row_try(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	if (!start_row(row, data, seq))
		return false;
	convert_values(row, row->layout->nkeyops, false);
	if (row->mapping->computed)
		compute_key(row);
	return true;
}

void
cdc_source_row_begin(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	if (!cdc_source_row_try(row, data, seq))
		cdc_layout_refuse_partial(row->mapping, &row->image, row->layout);
}

void
cdc_source_row_finish(CdcSourceRow *row)
{
	CdcTarget  *target = row->mapping->target;

	convert_values(row, row->layout->nops, false);
	row->presence = row->layout->presence;
	if (row->mapping->computed)
		compute_rest(row);

	/* a document that lacks a member means that it is NULL */
	if (row->image.env != NULL && row->image.env->format == CDC_FORMAT_JSON &&
		!row->presence->complete)
		row->presence = cdc_presence_union(&target->presences, row->presence,
										   cdc_target_whole_row(target));
}

bool
cdc_source_row_try_key(CdcSourceRow *row, const JsonbContainer *data, int64 seq)
{
	if (!start_row(row, data, seq))
		return false;
	convert_values(row, row->layout->nkeyops, true);
	if (row->mapping->computed)
		compute_key(row);
	return true;
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

		/* who asks takes a sample only */
		if (col->by != CDC_BY_COLUMN)
			return false;
		if (!cdc_json_find(data, col->source, col->source_len, &v) || v.type == JENTRY_ISNULL)
			return false;
		convert_value(row, col, &v, row->values, row->nulls);
		row->at_column = NULL;
	}
	return true;
}

/* The value of the column that is called so in an image; false: there is none. */
static bool
find_named(const JsonbContainer *data, const char *name, CdcJsonValue *v)
{
	size_t		len = strlen(name);
	int			n = cdc_json_count(data);
	int			i;

	if (cdc_json_find(data, name, len, v))
		return true;
	/* one that is shorter was not cut */
	for (i = 0; len + MAX_MULTIBYTE_CHAR_LEN >= NAMEDATALEN && i < n; i++)
	{
		cdc_json_get(data, 2 * n, i, v);
		if (!cdc_layout_is_named(name, len, v))
			continue;
		cdc_json_get(data, 2 * n, n + i, v);
		return true;
	}
	return false;
}

/* Fills what expressions of the key read; the name of a column that the image lacks, or NULL. */
static const char *
fill_named_inputs(CdcSourceRow *row, const JsonbContainer *data, const CdcKeyNames *names)
{
	CdcExpressions *set = row->mapping->expressions;
	Datum	   *values;
	bool	   *nulls;
	int			i;

	cdc_expressions_begin_row(set, &values, &nulls);
	for (i = 0; i < list_length(set->inputs); i++)
	{
		CdcJsonValue v;

		if (names->inputs[i] == NULL)
			continue;
		if (!find_named(data, names->inputs[i], &v))
			return names->inputs[i];
		convert_input(row, i, &v, values, nulls);
	}
	fill_facts(row, values, nulls);
	row->at_column = NULL;
	return NULL;
}

const char *
cdc_source_row_named_key(CdcSourceRow *row, const JsonbContainer *data, const CdcKeyNames *names)
{
	CdcMapping *mapping = row->mapping;
	const CdcTarget *target = mapping->target;
	const char *lacks;
	int			i;

	memset(row->nulls, true, sizeof(bool) * target->desc->natts);
	if (mapping->expressions != NULL && (lacks = fill_named_inputs(row, data, names)) != NULL)
		return lacks;
	for (i = 0; i < target->nkey; i++)
	{
		CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		int			at = col->attnum - 1;
		CdcJsonValue v;

		row->at_column = col->name;
		if (col->by == CDC_BY_CONSTANT)
		{
			row->values[at] = col->constant;
			row->nulls[at] = col->constant_null;
		}
		else if (col->by == CDC_BY_EXPRESSION)
			row->values[at] = cdc_expression_evaluate(mapping->expressions, col->expression, &row->nulls[at]);
		else if (!find_named(data, names->columns[i], &v))
			return names->columns[i];
		else if (v.type != JENTRY_ISNULL)
			convert_value(row, col, &v, row->values, row->nulls);
	}
	row->at_column = NULL;
	return NULL;
}

/* The columns of the former key that expressions fill, where "old" has something that they read. */
static void
compute_former_key(CdcSourceRow *row, const JsonbContainer *old, Datum *values, bool *nulls)
{
	const CdcTarget *target = row->mapping->target;
	bool		filled = false;
	int			i;

	for (i = 0; old != NULL && i < target->nkey; i++)
	{
		CdcMappedColumn *col = &row->mapping->columns[target->key[i].column];
		int			at = col->attnum - 1;

		if (col->by != CDC_BY_EXPRESSION)
			continue;
		if (!filled)
			fill_former_inputs(row, old);
		filled = true;
		values[at] = cdc_expression_evaluate(row->mapping->expressions, col->expression, &nulls[at]);
	}
	if (filled)
		fill_inputs(row);
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
		if (old == NULL || col->by != CDC_BY_COLUMN ||
			!cdc_json_find(old, col->source, col->source_len, &v))
			continue;
		if (v.type == JENTRY_ISNULL)
			nulls[at] = true;
		else
			convert_value(row, col, &v, values, nulls);
		row->at_column = NULL;
	}
	if (row->mapping->computed)
		compute_former_key(row, old, values, nulls);
	for (i = 0; i < target->nkey && !differs; i++)
	{
		const CdcKeyColumn *key = &target->key[i];
		int			at = key->attnum - 1;

		differs = nulls[at] != row->nulls[at] ||
			(!nulls[at] && !cdc_key_column_equal(key, values[at], row->values[at]));
	}
	return differs;
}

/* Whether the source tells rows apart by the column: as its definition says, or the message. */
static bool
is_in_source_key(const CdcSourceRow *row, const CdcMappedColumn *col)
{
	const CdcEnvelope *env = row->image.env;
	size_t		len = col->source_len;
	const char *name;
	int			i;

	if (col->in_source_key || env == NULL || col->by != CDC_BY_COLUMN)
		return col->in_source_key;
	name = cdc_to_utf8_n(col->source, &len);
	for (i = 0; i < env->nkey; i++)
		if (env->key[i].len == len && memcmp(env->key[i].data, name, len) == 0)
			return true;
	return false;
}

/* Whether "old" has another value of a column of the source's key. */
static bool
has_moved(CdcSourceRow *row, const JsonbContainer *old, Datum *values, bool *nulls)
{
	const CdcTarget *target = row->mapping->target;
	bool		moved = false;
	int			c;

	for (c = 0; c < target->ncolumns && !moved; c++)
	{
		CdcMappedColumn *col = &row->mapping->columns[c];
		int			at = col->attnum - 1;
		CdcJsonValue v;

		if (!is_in_source_key(row, col) || !cdc_json_find(old, col->source, col->source_len, &v) ||
			v.type == JENTRY_ISNULL)
			continue;
		convert_value(row, col, &v, values, nulls);
		moved = row->nulls[at] || !datumIsEqual(values[at], row->values[at], target->columns[c].byval,
												target->columns[c].len);
	}
	row->at_column = NULL;
	return moved;
}

bool
cdc_source_row_moved_from(CdcSourceRow *row, const JsonbContainer *old, Datum *values, bool *nulls)
{
	CdcMapping *mapping = row->mapping;
	int			natts = mapping->target->desc->natts;
	bool		computes = false;
	int			c;

	if (old == NULL || !has_moved(row, old, values, nulls))
		return false;
	memcpy(values, row->values, sizeof(Datum) * natts);
	memcpy(nulls, row->nulls, sizeof(bool) * natts);
	for (c = 0; c < mapping->target->ncolumns; c++)
	{
		CdcMappedColumn *col = &mapping->columns[c];
		CdcJsonValue v;

		computes = computes || col->by == CDC_BY_EXPRESSION;
		if (col->by != CDC_BY_COLUMN || !cdc_json_find(old, col->source, col->source_len, &v))
			continue;
		if (v.type == JENTRY_ISNULL)
			nulls[col->attnum - 1] = true;
		else
			convert_value(row, col, &v, values, nulls);
	}
	if (computes)
		fill_former_inputs(row, old);
	for (c = 0; computes && c < mapping->target->ncolumns; c++)
	{
		const CdcMappedColumn *col = &mapping->columns[c];
		int			at = col->attnum - 1;

		if (col->by == CDC_BY_EXPRESSION && row->layout->computable[c] == CDC_COMPUTABLE_YES)
			values[at] = cdc_expression_evaluate(mapping->expressions, col->expression, &nulls[at]);
	}
	if (computes)
		fill_inputs(row);
	row->at_column = NULL;
	return true;
}
