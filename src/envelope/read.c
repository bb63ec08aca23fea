/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Which format a message is in: the list of formats, and reading a message
 *	  with one of them.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/internal.h"

#include <stdio.h>

/* ---- formats ---- */

/* In the order in which they are tried: the more telling ones first. */
static const CdcEnvelopeFormat *const formats[] = {
	&cdc_format_debezium, &cdc_format_goldengate, &cdc_format_canal, &cdc_format_maxwell,
	&cdc_format_quix, &cdc_format_debezium_flat, &cdc_format_json
};

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

const CdcEnvelopeFormat *
cdc_envelope_format(CdcMessageFormat format)
{
	for (size_t i = 0; i < COUNT(formats); i++)
	{
		if (formats[i]->format == format)
			return formats[i];
	}
	return NULL;
}

/* ---- recognition ---- */

static const CdcEnvelopeFormat *
recognise(const CdcEnvelope *env)
{
	for (size_t i = 0; i < COUNT(formats); i++)
	{
		if (formats[i]->recognise != NULL && formats[i]->recognise(&env->body))
			return formats[i];
	}
	/* a row with its schema alone */
	if (env->schema_name.len > 6 && env->body.type == CDC_DOC_OBJECT &&
		memcmp(env->schema_name.data + env->schema_name.len - 6, ".Value", 6) == 0)
		return &cdc_format_debezium_flat;
	return NULL;
}

/* The first members of an object, for the detail of an error. */
static void
list_members(const CdcDoc *doc, char *buf, size_t size)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	size_t		len = 0;
	int			n = 0;

	buf[0] = '\0';
	cdc_doc_begin(doc, &iter);
	while (cdc_doc_next(&iter, &key, &value) && len + 80 < size && n < 12)
	{
		len += (size_t) snprintf(buf + len, size - len, "%s\"%.*s\"", n > 0 ? ", " : "",
								 cdc_clip(key, 40), key.data);
		n++;
	}
}

static CdcStatus
not_recognised(CdcMessageReader *r)
{
	const CdcDoc *body = &r->env->body;
	char		members[CDC_ERROR_TEXT / 2];

	cdc_error(r->err, CDC_ERR_VALUE, "format of the message is not recognised");
	if (body->type == CDC_DOC_OBJECT)
	{
		list_members(body, members, sizeof(members));
		cdc_error_detail(r->err, "It is an object with the members %s.", members);
	}
	else
		cdc_error_detail(r->err, "It is %s.", cdc_doc_type_name(body));
	if (body->type == CDC_DOC_ARRAY)
	{
		cdc_error_hint(r->err, "A message has to be one change. %s", CDC_GOLDENGATE_MODE_HINT);
		return CDC_ERR_VALUE;
	}
	cdc_error_hint(r->err, "Declare the subscription's format: maxwell, debezium, debezium_flat, goldengate, canal, quix, json for documents that are rows, or raw.");
	return CDC_ERR_VALUE;
}

/*
 * By the key alone: Maxwell's says it, all others are those of rows.  Without one it
 * is what Debezium sends behind the delete of a row that has no key.
 */
static const CdcEnvelopeFormat *
recognise_tombstone(const CdcMessage *message, const CdcEnvelope *env)
{
	if (message->value == NULL && env->key_body.type == CDC_DOC_NULL)
		return &cdc_format_debezium;
	if (cdc_format_maxwell.recognise(&env->key_body) || env->key_body.type == CDC_DOC_ARRAY)
		return &cdc_format_maxwell;
	return &cdc_format_debezium_flat;
}

/* Whether the message's key has columns, each of which is in the value, as the key of a row alone. */
static bool
has_key_of_row(const CdcEnvelope *env)
{
	CdcDocIter	iter;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		own;

	if (env->key_body.type != CDC_DOC_OBJECT || cdc_doc_count(&env->key_body) == 0)
		return false;
	cdc_doc_begin(&env->key_body, &iter);
	while (cdc_doc_next(&iter, &name, &value))
		if (!cdc_doc_get(&env->body, name.data, name.len, &own) || !cdc_doc_equal(&value, &own))
			return false;
	return true;
}

/* Whether it has rows in it, as envelopes do and rows alone do not. */
static bool
holds_rows(const CdcDoc *body)
{
	static const char *const members[] = {"data", "after", "before", "columnvalues"};
	CdcDoc		v;

	for (size_t i = 0; i < COUNT(members); i++)
		if (cdc_doc_find(body, members[i], &v) && cdc_doc_is_container(&v))
			return true;
	return false;
}

/*
 * The format that an object has which is not in the declared one; NULL: it may well be in that.  Any
 * object may be a row alone, but one that others have as their message, and that is not the row of its key.
 */
static const CdcEnvelopeFormat *
other_format(const CdcEnvelope *env, const CdcEnvelopeFormat *format)
{
	const CdcEnvelopeFormat *other;

	if (format->recognise == NULL || (format->format != CDC_FORMAT_DEBEZIUM_FLAT && format->recognise(&env->body)))
		return NULL;
	other = recognise(env);
	if (format->format == CDC_FORMAT_DEBEZIUM_FLAT)
		return other == NULL || other == format || has_key_of_row(env) || !holds_rows(&env->body) ? NULL : other;
	if (other == NULL && format->format == CDC_FORMAT_DEBEZIUM && has_key_of_row(env))
		other = &cdc_format_debezium_flat;
	return other != NULL ? other : format;
}

/* What a format says of a message that is an object, or of one that is null. */
static CdcStatus
read_with(CdcMessageReader *r, const CdcEnvelopeFormat *format)
{
	CdcEnvelope *env = r->env;
	const CdcEnvelopeFormat *other;
	char		members[CDC_ERROR_TEXT / 2];

	env->format = format->format;
	if (env->body.type == CDC_DOC_NULL)
	{
		env->op = CDC_OP_CONTROL;
		return format->tombstone != NULL ? format->tombstone(r) : CDC_OK;
	}
	if (env->body.type != CDC_DOC_OBJECT)
	{
		(void) cdc_reader_refuse(r, format->name, "It is %s, not an object.",
								 cdc_doc_type_name(&env->body));
		if (format->format == CDC_FORMAT_GOLDENGATE)
			cdc_error_hint(r->err, "%s", CDC_GOLDENGATE_MODE_HINT);
		return CDC_ERR_VALUE;
	}
	other = other_format(env, format);
	if (other != NULL)
	{
		list_members(&env->body, members, sizeof(members));
		(void) cdc_reader_refuse(r, format->name, "It is an object with the members %s.", members);
		if (other != format)
		{
			env->looks_like = other->format;
			cdc_error_hint(r->err, "It looks like a message in format \"%s\".", other->name);
		}
		return CDC_ERR_VALUE;
	}
	return format->read(r);
}

/* Where the rows are, for who asks for them. */
static void
note_images(CdcEnvelope *env)
{
	if (env->op != CDC_OP_INSERT && env->op != CDC_OP_UPDATE && env->op != CDC_OP_DELETE &&
		env->op != CDC_OP_SNAPSHOT)
		env->nrows = 0;
	else if (env->nrows == 0)
		env->nrows = 1;
}

CdcStatus
cdc_envelope_read(CdcArena *arena, CdcMessageFormat declared, const CdcMessage *message,
				  CdcEnvelope *env, CdcError *err)
{
	CdcMessageReader	r = {arena, message, env, err};
	const CdcEnvelopeFormat *format = cdc_envelope_format(declared);
	const CdcEnvelopeFormat *seen = NULL;
	CdcDoc		schema;
	CdcStatus	st;

	memset(env, 0, sizeof(*env));
	cdc_error(err, CDC_OK, "%s", "");
	env->format = declared;
	env->database = env->table = "";
	env->op = CDC_OP_CONTROL;
	env->xoffset = -1;
	env->commit = -1;
	if (!cdc_format_is_json(declared))
		return cdc_reader_table(&r, (CdcString) {"", 0}, message->topic);
	cdc_split_payload(message->key, &schema, &env->key_body);
	env->schema_name = cdc_doc_find_string(&schema, "name");
	if (declared == CDC_FORMAT_JSON && message->value != NULL)
		env->body = *message->value;
	else
	{
		if (schema.type == CDC_DOC_OBJECT)
			(void) cdc_doc_find_type(&schema, "fields", CDC_DOC_ARRAY, &env->fields);
		cdc_split_payload(message->value, &schema, &env->body);
		if (env->body.type != CDC_DOC_NULL)
		{
			env->schema_name = cdc_doc_find_string(&schema, "name");
			cdc_doc_set_null(&env->fields);
			(void) cdc_doc_find_type(&schema, "fields", CDC_DOC_ARRAY, &env->fields);
		}
	}

	if (declared == CDC_FORMAT_AUTO || declared == CDC_FORMAT_DEBEZIUM)
		seen = env->body.type != CDC_DOC_NULL ? recognise(env) :
			declared == CDC_FORMAT_AUTO ? recognise_tombstone(message, env) : NULL;
	/* the connector's own messages beside the rows are never flattened */
	if (declared == CDC_FORMAT_DEBEZIUM_FLAT && cdc_format_debezium.recognise(&env->body))
		seen = &cdc_format_debezium;
	if (declared == CDC_FORMAT_AUTO)
		format = seen;
	else if (seen == &cdc_format_debezium_flat || seen == &cdc_format_debezium)
		format = seen;
	if (format == NULL)
		return not_recognised(&r);
	st = read_with(&r, format);
	if (st != CDC_OK)
		return st;
	/* a tombstone whose rows may be in another form does not tell it as they do */
	if (declared == CDC_FORMAT_AUTO && env->body.type == CDC_DOC_NULL)
		env->origin.len = 0;
	note_images(env);
	if (env->nrows > 0 && env->source_table == NULL)
		return cdc_reader_refuse(&r, format->name, "It has a row, but names no table.");
	return CDC_OK;
}
