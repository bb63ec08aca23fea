/*-------------------------------------------------------------------------
 *
 * goldengate.c
 *	  Messages of Oracle GoldenGate for Big Data's JSON formatters: json (of an
 *	  operation: "before" and "after") and json_row (columns beside the metadata).
 *
 * Forms by the product's documentation, "Using the JSON Formatter" (12.2 to 23ai),
 * with the default keys I, U, D and T.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "envelope/cell_hint.h"
#include "envelope/cell_time.h"
#include "envelope/doc_tree.h"
#include "envelope/internal.h"

/* What the formatter writes into its topic of schemas: a JSON schema of its messages. */
static bool
is_schema(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find_type(body, "$schema", CDC_DOC_STRING, &v) &&
		cdc_doc_find_type(body, "properties", CDC_DOC_OBJECT, &v) &&
		cdc_doc_find_type(&v, "op_type", CDC_DOC_OBJECT, &v);
}

static bool
recognise(const CdcDoc *body)
{
	CdcDoc		v;

	return (cdc_doc_find_type(body, "op_type", CDC_DOC_STRING, &v) &&
			cdc_doc_find_type(body, "table", CDC_DOC_STRING, &v)) || is_schema(body);
}

/* Whether the columns are beside the metadata, not in objects of their own. */
static bool
is_json_row(const CdcDoc *body)
{
	CdcDoc		v;

	return !cdc_doc_find(body, "after", &v) && !cdc_doc_find(body, "before", &v);
}

/* Position in the trail, as the formatter writes it: file and offset, ten digits each. */
static bool
is_position(const CdcDoc *value)
{
	if (value->type != CDC_DOC_STRING || value->string.len < 20)
		return false;
	for (size_t i = 0; i < value->string.len; i++)
		if (value->string.data[i] < '0' || value->string.data[i] > '9')
			return false;
	return true;
}

/*
 * In json_row: what is no column.  The formatter writes columns behind its metadata, so
 * that of two members of one name JSONB has the column's: a name is not enough, the value
 * has to be of the form that the formatter writes there.  Values of columns are never
 * arrays or objects.  All else is a column, as a column too many shows and one that is
 * left out does not: xid and csn, too, which the formatter does not write by itself.
 */
static bool
is_metadata(CdcString name, const CdcDoc *value)
{
	if (cdc_string_is(name, "table") || cdc_string_is(name, "op_type") ||
		cdc_string_is(name, "op_ts") || cdc_string_is(name, "current_ts"))
		return value->type == CDC_DOC_STRING;
	if (cdc_string_is(name, "pos"))
		return is_position(value);
	if (cdc_string_is(name, "primary_keys"))
		return value->type == CDC_DOC_ARRAY;
	return cdc_string_is(name, "tokens") && value->type == CDC_DOC_OBJECT;
}

/*
 * The column of which a member says whether the trail has its value, as the Avro formatters do
 * with includeIsMissingFields; false: it is a column itself.
 */
static bool
tells_missing(const CdcDoc *image, CdcString name, const CdcDoc *value, CdcString *column)
{
	static const char suffix[] = "_isMissing";
	size_t		len = sizeof(suffix) - 1;
	CdcDoc		v;

	if ((value->type != CDC_DOC_TRUE && value->type != CDC_DOC_FALSE) || name.len <= len ||
		memcmp(name.data + name.len - len, suffix, len) != 0)
		return false;
	column->data = name.data;
	column->len = name.len - len;
	return cdc_doc_get(image, column->data, column->len, &v);
}

/* Leaves out what the trail does not have, and what says so. */
static CdcStatus
leave_out_missing(CdcMessageReader *r, CdcDoc *image)
{
	CdcDocTree	tree;
	CdcSink    *sink = &tree.sink;
	CdcDocIter	iter;
	CdcString	name;
	CdcString	column;
	CdcDoc		value;
	bool		any = false;
	CdcStatus	st;

	if (image->type != CDC_DOC_OBJECT)
		return CDC_OK;
	cdc_doc_begin(image, &iter);
	while (!any && cdc_doc_next(&iter, &name, &value))
		any = tells_missing(image, name, &value, &column);
	if (!any)
		return CDC_OK;
	cdc_doc_tree_init(&tree, r->arena);
	st = sink->ops->begin_object(sink);
	cdc_doc_begin(image, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &name, &value))
	{
		CdcDoc		missing;
		char	   *flag;

		if (tells_missing(image, name, &value, &column))
			continue;
		flag = cdc_arena_alloc(r->arena, name.len + sizeof("_isMissing"));
		if (flag == NULL)
			return cdc_error(r->err, CDC_ERR_NOMEM, "out of memory for a message");
		memcpy(flag, name.data, name.len);
		memcpy(flag + name.len, "_isMissing", sizeof("_isMissing"));
		if (cdc_doc_find(image, flag, &missing) && missing.type == CDC_DOC_TRUE)
			continue;
		st = sink->ops->key(sink, name.data, name.len);
		if (st == CDC_OK)
			st = cdc_doc_emit(&value, sink);
	}
	if (st == CDC_OK)
		st = sink->ops->end_object(sink);
	if (st != CDC_OK || !cdc_doc_tree_root(&tree, image))
		return cdc_error(r->err, st != CDC_OK ? st : CDC_ERR_INTERNAL, "row of a message cannot be read");
	return CDC_OK;
}

static CdcStatus
read_images(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcImage	after;
	CdcImage	before;
	const CdcDoc *needed = env->op == CDC_OP_DELETE ? &env->before : &env->after;
	CdcStatus	st = cdc_reader_image(r, &env->body, "after", CDC_DOC_OBJECT, &env->after);

	if (st == CDC_OK)
		st = cdc_reader_image(r, &env->body, "before", CDC_DOC_OBJECT, &env->before);
	if (st != CDC_OK)
		return st;
	if (is_json_row(&env->body))
	{
		CdcDoc	   *image = env->op == CDC_OP_DELETE ? &env->before : &env->after;

		*image = env->body;
		return leave_out_missing(r, image);
	}
	if (needed->type == CDC_DOC_NULL)
		return cdc_reader_refuse(r, "goldengate", "Its op_type is \"%.*s\", but it has no object \"%s\".",
								 cdc_clip(env->type, 10), env->type.data,
								 env->op == CDC_OP_DELETE ? "before" : "after");

	st = leave_out_missing(r, &env->after);
	if (st == CDC_OK)
		st = leave_out_missing(r, &env->before);
	if (st != CDC_OK)
		return st;

	/* without compression both are whole */
	memset(&after, 0, sizeof(after));
	memset(&before, 0, sizeof(before));
	after.values = env->after;
	before.values = env->before;
	env->before_partial = !cdc_image_covers(&before, &after);
	return CDC_OK;
}

static const CdcOpName types[] = {
	{"I", CDC_OP_INSERT},
	{"U", CDC_OP_UPDATE},
	{"D", CDC_OP_DELETE},
	{"T", CDC_OP_TRUNCATE},
	{NULL, CDC_OP_CONTROL}
};

static CdcStatus
read_goldengate(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		v;
	int64_t		micros;
	CdcStatus	st;

	if (is_schema(&env->body))
		return CDC_OK;
	if (!cdc_reader_op(r, cdc_doc_find_string(&env->body, "op_type"), types))
	{
		cdc_reader_refuse(r, "goldengate", "Its op_type is \"%.*s\".", cdc_clip(env->type, 40),
						  env->type.data);
		cdc_error_hint(r->err, "The formatter's keys must be the default ones: I, U, D and T.");
		return CDC_ERR_VALUE;
	}
	st = cdc_reader_dotted_table(r, cdc_doc_find_string(&env->body, "table"));
	if (st != CDC_OK)
		return st;
	if (cdc_datetime_micros(cdc_doc_find_string(&env->body, "op_ts"), &micros) && micros > 0)
		env->source_us = micros;
	if (cdc_doc_find_type(&env->body, "pos", CDC_DOC_STRING, &v) &&
		(is_position(&v) || !is_json_row(&env->body)))
		env->position = v.string;
	if (cdc_doc_find_type(&env->body, "primary_keys", CDC_DOC_ARRAY, &v))
		st = cdc_reader_key_array(r, &v);
	if (st != CDC_OK || env->op == CDC_OP_TRUNCATE)
		return st;
	return read_images(r);
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	(void) row;
	after->values = env->after;
	before->values = env->before;
	if (is_json_row(&env->body))
		after->skip = before->skip = is_metadata;
}

static CdcStatus
cell_type(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field, const CdcColumnHint *hint,
		  CdcCell *cell, CdcError *err)
{
	(void) arena;
	(void) env;
	(void) field;
	(void) err;
	if (hint != NULL)
		cdc_cell_by_text_hint(hint, &cell->value, true, &cell->type);
	return CDC_OK;
}

const CdcEnvelopeFormat cdc_format_goldengate = {
	CDC_FORMAT_GOLDENGATE, "goldengate", recognise, read_goldengate, NULL, images, cell_type, NULL,
	NULL
};
