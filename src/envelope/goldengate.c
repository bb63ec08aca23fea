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
#include "envelope/cell_hint.h"
#include "envelope/cell_time.h"
#include "envelope/internal.h"

static bool
recognise(const CdcDoc *body)
{
	CdcDoc		v;

	return cdc_doc_find_type(body, "op_type", CDC_DOC_STRING, &v) &&
		cdc_doc_find_type(body, "table", CDC_DOC_STRING, &v);
}

/* In json_row: what is no column. */
static bool
is_metadata(CdcString name)
{
	static const char *const names[] = {
		"table", "op_type", "op_ts", "current_ts", "pos", "primary_keys", "tokens", "xid", "csn"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (cdc_string_is(name, names[i]))
			return true;
	return false;
}

static CdcStatus
read_images(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc		v;
	const CdcDoc *needed = env->op == CDC_OP_DELETE ? &env->before : &env->after;
	CdcStatus	st = cdc_reader_image(r, &env->body, "after", CDC_DOC_OBJECT, &env->after);

	if (st == CDC_OK)
		st = cdc_reader_image(r, &env->body, "before", CDC_DOC_OBJECT, &env->before);
	if (st != CDC_OK)
		return st;
	if (!cdc_doc_find(&env->body, "after", &v) && !cdc_doc_find(&env->body, "before", &v))
	{
		/* json_row */
		if (env->op == CDC_OP_DELETE)
			env->before = env->body;
		else
			env->after = env->body;
		return CDC_OK;
	}
	if (needed->type == CDC_DOC_NULL)
		return cdc_reader_refuse(r, "goldengate", "Its op_type is \"%.*s\", but it has no object \"%s\".",
								 cdc_clip(env->type, 10), env->type.data,
								 env->op == CDC_OP_DELETE ? "before" : "after");
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
	env->position = cdc_doc_find_string(&env->body, "pos");
	if (cdc_doc_find_type(&env->body, "primary_keys", CDC_DOC_ARRAY, &v))
		st = cdc_reader_key_array(r, &v);
	if (st != CDC_OK || env->op == CDC_OP_TRUNCATE)
		return st;
	return read_images(r);
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	CdcDoc		v;

	(void) row;
	after->values = env->after;
	before->values = env->before;
	if (!cdc_doc_find(&env->body, "after", &v) && !cdc_doc_find(&env->body, "before", &v))
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
