/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  The columns of the table that a message is about, as the envelope has them
 *	  or as they are made out from the values of its first row.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

/* The type of a column that holds this value, when nothing else is known of it. */
static const char *
column_by_value(const CdcDoc *value)
{
	switch (value->type)
	{
		case CDC_DOC_FALSE:
		case CDC_DOC_TRUE:
			return CDC_TYPE_BOOLEAN;
		case CDC_DOC_NUMBER:
			return CDC_TYPE_NUMBER;
		case CDC_DOC_ARRAY:
		case CDC_DOC_OBJECT:
			return "json";
		default:
			return "longtext";
	}
}

/* A type that the parser of column types refuses becomes one for any number, or the value's. */
static void
check_type(CdcArena *arena, const CdcDoc *value, CdcEnvelopeColumn *column)
{
	CdcColumn	parsed;
	CdcError	ignored;

	memset(&parsed, 0, sizeof(parsed));
	if (cdc_column_type_parse(arena, column->column_type, &parsed, &ignored) == CDC_OK)
		return;
	column->column_type = strncmp(column->column_type, "decimal", 7) == 0 ? CDC_TYPE_NUMBER :
		column_by_value(value);
}

/* Making out the columns of one message. */
typedef struct Definition
{
	CdcArena   *arena;
	CdcEnvelope *env;
	const CdcEnvelopeFormat *format;
	CdcError   *err;
} Definition;

/* Fills column from its name, its value in the row, and the field of the schema. */
static CdcStatus
describe(const Definition *d, CdcString name, const CdcDoc *value, const CdcDoc *field,
		 CdcEnvelopeColumn *column)
{
	const CdcEnvelope *env = d->env;
	CdcStatus	st = CDC_OK;
	CdcCell		cell;
	int			i;

	memset(column, 0, sizeof(*column));
	memset(&cell, 0, sizeof(cell));
	cell.name = name;
	cell.value = *value;
	column->name = cdc_arena_string(d->arena, name);
	if (column->name == NULL)
		return cdc_error(d->err, CDC_ERR_NOMEM, "out of memory for a definition");
	column->column_type = column_by_value(value);
	column->nullable = true;
	column->pk = -1;
	for (i = 0; i < env->nkey; i++)
		if (env->key[i].len == name.len && memcmp(env->key[i].data, name.data, name.len) == 0)
			column->pk = i;
	if (d->format->column != NULL)
		st = d->format->column(d->arena, d->env, field, &cell, column, d->err);
	if (st == CDC_OK)
		check_type(d->arena, value, column);
	return st;
}

/* Describes the columns of the image, then those of the key that the image lacks. */
static CdcStatus
describe_row(const Definition *d, const CdcImage *image, CdcEnvelopeColumn **columns, int *n)
{
	const CdcEnvelope *env = d->env;
	size_t		max = (size_t) env->nkey + 1;
	CdcImageIter iter;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		field;
	CdcStatus	st = CDC_OK;
	int			i;

	if (image->values.type != CDC_DOC_NULL)
		max += cdc_doc_count(&image->values);
	*columns = cdc_arena_alloc(d->arena, sizeof(CdcEnvelopeColumn) * max);
	if (*columns == NULL)
		return cdc_error(d->err, CDC_ERR_NOMEM, "out of memory for a definition");
	cdc_image_begin(env, image, &iter);
	while (st == CDC_OK && (size_t) *n < max && cdc_image_next(&iter, &name, &value, &field))
	{
		/* a document may have such a member, a table no such column */
		if (name.len > 0)
			st = describe(d, name, &value, &field, &(*columns)[(*n)++]);
	}
	cdc_doc_set_null(&field);
	for (i = 0; st == CDC_OK && env->key_values != NULL && i < env->nkey && (size_t) *n < max; i++)
	{
		if (!cdc_image_find(image, env->key[i], &value))
			st = describe(d, env->key[i], &env->key_values[i], &field, &(*columns)[(*n)++]);
	}
	return st;
}

CdcStatus
cdc_envelope_columns(CdcArena *arena, CdcEnvelope *env, CdcEnvelopeColumn **columns, int *n,
					 CdcError *err)
{
	const CdcEnvelopeFormat *format = cdc_envelope_format(env->format);
	Definition	d = {arena, env, format, err};
	CdcImage	after;
	CdcImage	before;

	cdc_error(err, CDC_OK, "%s", "");
	*columns = NULL;
	*n = 0;
	if (format == NULL)
		return CDC_OK;
	if (env->op == CDC_OP_SCHEMA && format->definition != NULL)
	{
		CdcStatus	st = format->definition(arena, env, columns, n, err);
		CdcDoc		none;

		cdc_doc_set_null(&none);
		for (int i = 0; st == CDC_OK && i < *n; i++)
			check_type(arena, &none, &(*columns)[i]);
		return st;
	}
	if (env->nrows == 0 || env->not_whole != NULL)
		return CDC_OK;
	memset(&after, 0, sizeof(after));
	memset(&before, 0, sizeof(before));
	format->images(env, 0, &after, &before);
	return describe_row(&d, env->op == CDC_OP_DELETE ? &before : &after, columns, n);
}
