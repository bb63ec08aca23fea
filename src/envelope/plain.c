/*-------------------------------------------------------------------------
 *
 * plain.c
 *	  Documents that are rows: each member a column, the message's key the row's
 *	  key, a null value its delete.  The table has the topic's name.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_hint.h"
#include "envelope/internal.h"

/* A key that is an object has columns; another one fills the only key column. */
static CdcStatus
read_key(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcDoc	   *value;

	if (env->key_body.type == CDC_DOC_OBJECT)
		return cdc_reader_key_object(r);
	if (r->message->nkey_columns != 1 || env->key_body.type == CDC_DOC_NULL)
		return CDC_OK;
	value = cdc_arena_alloc(r->arena, sizeof(CdcDoc));
	if (value == NULL)
		return cdc_reader_no_memory(r);
	*value = env->key_body;
	env->key = r->message->key_columns;
	env->key_values = value;
	env->nkey = 1;
	return CDC_OK;
}

/* What the message says beside its value. */
static CdcStatus
read_row(CdcMessageReader *r)
{
	CdcStatus	st = cdc_reader_table(r, (CdcString) {"", 0}, r->message->topic);

	return st == CDC_OK ? read_key(r) : st;
}

static CdcStatus
read_json(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcStatus	st = read_row(r);

	env->op = CDC_OP_INSERT;
	env->after = env->body;
	env->keep_key = env->key_body.type != CDC_DOC_NULL;
	return st;
}

/* Without a key there is nothing that could be deleted. */
static CdcStatus
read_tombstone(CdcMessageReader *r)
{
	CdcEnvelope *env = r->env;
	CdcStatus	st = read_row(r);

	if (st != CDC_OK || env->key_body.type == CDC_DOC_NULL)
		return st;
	env->op = CDC_OP_DELETE;
	env->keep_key = true;
	return CDC_OK;
}

static void
images(const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before)
{
	(void) row;
	(void) before;
	after->values = env->after;
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
		cdc_cell_by_text_hint(hint, &cell->value, false, &cell->type);
	return CDC_OK;
}

const CdcEnvelopeFormat cdc_format_json = {
	CDC_FORMAT_JSON, "json", NULL, read_json, read_tombstone, images, cell_type, NULL, NULL
};
