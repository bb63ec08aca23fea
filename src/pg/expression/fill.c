/*-------------------------------------------------------------------------
 *
 * fill.c
 *	  What fills a column of a target, as the user wrote it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/expression/fill.h"

/* ERROR: none of these. */
pg_noreturn static void
refuse(const char *target)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"columns\" does not say what fills column \"%s\"", target),
			 errhint("Write a column of the source as \"name\", a constant as {\"value\": 1}, an SQL expression as {\"expr\": \"lower(name)\"}.")));
	pg_unreachable();
}

/* An object with one member. */
static void
read_object(const JsonbContainer *object, CdcColumnFill *fill)
{
	CdcJsonValue v;

	if (cdc_json_count(object) != 1)
		refuse(fill->target);
	if (cdc_json_find(object, "value", 5, &v))
	{
		fill->by = CDC_BY_CONSTANT;
		fill->value = v;
	}
	else if (cdc_json_find(object, "expr", 4, &v) && v.type == JENTRY_ISSTRING)
	{
		fill->by = CDC_BY_EXPRESSION;
		fill->text = pnstrdup(v.data, v.len);
	}
	else if (cdc_json_find(object, "dropped", 7, &v) && v.type == JENTRY_ISSTRING)
	{
		fill->by = CDC_BY_NOTHING;
		fill->text = pnstrdup(v.data, v.len);
	}
	else
		refuse(fill->target);
}

CdcColumnFill *
cdc_fills_read(const Jsonb *columns, int *n)
{
	const JsonbContainer *root = &columns->root;
	CdcColumnFill    *fills;
	const char *base;
	uint32		offset = 0;
	int			i;

	if (!cdc_json_is_object(root) || cdc_json_count(root) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns must be a JSON object of target columns and what fills them"),
				 errhint("For example: columns := '{\"order_id\": \"id\", \"mail\": {\"expr\": \"lower(email)\"}, \"shard\": {\"value\": 1}}'.")));
	*n = cdc_json_count(root);
	fills = palloc0(sizeof(CdcColumnFill) * *n);
	base = cdc_json_base(root, 2 * *n);
	for (i = 0; i < *n; i++)
	{
		CdcJsonValue key;
		CdcJsonValue v;

		cdc_json_step(root, base, i, &offset, &key);
		cdc_json_get(root, 2 * *n, *n + i, &v);
		fills[i].target = pnstrdup(key.data, key.len);
		if (v.type == JENTRY_ISSTRING)
		{
			fills[i].by = CDC_BY_COLUMN;
			fills[i].text = pnstrdup(v.data, v.len);
		}
		else if (cdc_json_object(&v) != NULL)
			read_object(cdc_json_object(&v), &fills[i]);
		else
			refuse(fills[i].target);
	}
	return fills;
}

const CdcColumnFill *
cdc_fill_find(const CdcColumnFill *fills, int n, const char *target)
{
	int			i;

	for (i = 0; i < n; i++)
		if (strcmp(fills[i].target, target) == 0)
			return &fills[i];
	return NULL;
}

static bool
some_are(const Jsonb *columns, CdcFilledBy by)
{
	CdcColumnFill *fills;
	int			n;
	int			i;

	if (columns == NULL)
		return false;
	fills = cdc_fills_read(columns, &n);
	for (i = 0; i < n; i++)
		if (fills[i].by == by)
			return true;
	return false;
}

bool
cdc_fills_compute(const Jsonb *columns)
{
	return some_are(columns, CDC_BY_CONSTANT) || some_are(columns, CDC_BY_EXPRESSION);
}

const char *
cdc_fill_constant_type(const CdcColumnFill *fill)
{
	switch (fill->value.type)
	{
		case JENTRY_ISNUMERIC:
			return "numeric";
		case JENTRY_ISBOOL_FALSE:
		case JENTRY_ISBOOL_TRUE:
			return "boolean";
		case JENTRY_ISCONTAINER:
			return "jsonb";
		default:
			return "text";
	}
}
