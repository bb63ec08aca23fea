/*-------------------------------------------------------------------------
 *
 * jsonb_document.c
 *	  JSONB as the envelope code reads documents.
 *
 * Strings of documents are UTF-8, those of JSONB in the database's encoding: only
 * where that is another one is anything copied.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/jsonb_document.h"

#include "utils/builtins.h"

#include "pg/base/utf8.h"
#include "pg/datum/numeric_unpack.h"

static const CdcDocOps jsonb_ops;

static void
doc_from_value(const CdcJsonValue *v, CdcDoc *doc)
{
	doc->ops = &jsonb_ops;
	doc->node = v->data;
	doc->size = v->len;
	doc->string.data = NULL;
	doc->string.len = 0;
	switch (v->type)
	{
		case JENTRY_ISSTRING:
			doc->type = CDC_DOC_STRING;
			doc->string.len = v->len;
			doc->string.data = cdc_to_utf8_n(v->data, &doc->string.len);
			break;
		case JENTRY_ISNUMERIC:
			doc->type = CDC_DOC_NUMBER;
			break;
		case JENTRY_ISBOOL_TRUE:
			doc->type = CDC_DOC_TRUE;
			break;
		case JENTRY_ISBOOL_FALSE:
			doc->type = CDC_DOC_FALSE;
			break;
		case JENTRY_ISCONTAINER:
			doc->type = cdc_json_is_object(cdc_json_container(v)) ? CDC_DOC_OBJECT : CDC_DOC_ARRAY;
			break;
		default:
			doc->type = CDC_DOC_NULL;
			break;
	}
}

void
cdc_doc_from_jsonb(const JsonbContainer *root, CdcDoc *doc)
{
	CdcJsonValue v;

	/* a scalar is kept as an array of one */
	if ((root->header & JB_FSCALAR) != 0)
		cdc_json_get(root, 1, 0, &v);
	else
	{
		v.type = JENTRY_ISCONTAINER;
		v.data = (const char *) root;
		v.len = 0;
	}
	doc_from_value(&v, doc);
}

static bool
jsonb_find(const CdcDoc *object, const char *key, size_t len, CdcDoc *value)
{
	CdcJsonValue v;

	key = cdc_from_utf8_n(key, &len);
	if (!cdc_json_find(cdc_doc_jsonb(object), key, len, &v))
		return false;
	doc_from_value(&v, value);
	return true;
}

static size_t
jsonb_count(const CdcDoc *container)
{
	return (size_t) cdc_json_count(cdc_doc_jsonb(container));
}

static void
jsonb_begin(const CdcDoc *container, CdcDocIter *iter)
{
	const JsonbContainer *c = cdc_doc_jsonb(container);

	iter->node = c;
	iter->index = 0;
	iter->key_offset = 0;
	/* the values of an object lie behind its keys */
	iter->value_offset = cdc_json_is_object(c) && cdc_json_count(c) > 0 ?
		getJsonbOffset(c, cdc_json_count(c)) : 0;
}

static bool
jsonb_next(CdcDocIter *iter, CdcString *key, CdcDoc *value)
{
	const JsonbContainer *c = iter->node;
	int			n = cdc_json_count(c);
	bool		object = cdc_json_is_object(c);
	const char *base = cdc_json_base(c, object ? 2 * n : n);
	uint32		offset;
	CdcJsonValue v;

	if (iter->index >= (size_t) n)
		return false;
	key->data = "";
	key->len = 0;
	if (object)
	{
		offset = (uint32) iter->key_offset;
		cdc_json_step(c, base, (int) iter->index, &offset, &v);
		iter->key_offset = offset;
		key->len = v.len;
		key->data = cdc_to_utf8_n(v.data, &key->len);
	}
	offset = (uint32) iter->value_offset;
	cdc_json_step(c, base, (int) iter->index + (object ? n : 0), &offset, &v);
	iter->value_offset = offset;
	doc_from_value(&v, value);
	iter->index++;
	return true;
}

static CdcString
jsonb_number(const CdcDoc *number)
{
	CdcString	text;

	text.data = DatumGetCString(DirectFunctionCall1(numeric_out, PointerGetDatum(number->node)));
	text.len = strlen(text.data);
	return text;
}

static bool
jsonb_int64(const CdcDoc *number, int64_t *value)
{
	CdcNumericParts parts;
	uint64		magnitude;

	cdc_numeric_parts(number->node, &parts);
	if (!cdc_numeric_magnitude(&parts, &magnitude) ||
		magnitude > (uint64) PG_INT64_MAX + (parts.negative ? 1 : 0))
		return false;
	*value = (int64_t) (parts.negative ? 0 - magnitude : magnitude);
	return true;
}

static CdcStatus
jsonb_emit_number(const CdcDoc *number, CdcSink *sink)
{
	CdcNumericParts parts;
	CdcString	text;
	int64_t		n;

	cdc_numeric_parts(number->node, &parts);
	if (parts.dscale == 0 && jsonb_int64(number, &n))
		return sink->ops->int64(sink, n);
	text = jsonb_number(number);
	return sink->ops->decimal(sink, text.data, text.len);
}

static const CdcDocOps jsonb_ops = {
	jsonb_find, jsonb_count, jsonb_begin, jsonb_next, jsonb_number, jsonb_int64, jsonb_emit_number
};
