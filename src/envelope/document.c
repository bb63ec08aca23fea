/*-------------------------------------------------------------------------
 *
 * document.c
 *	  What can be done with any JSON document, however it is kept.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/document.h"

#include <errno.h>
#include <stdlib.h>

/* As deep as core/json_text.c writes. */
#define MAX_DEPTH	1024

CdcString
cdc_doc_find_string(const CdcDoc *doc, const char *key)
{
	static const CdcString none = {"", 0};
	CdcDoc		value;

	return cdc_doc_find_type(doc, key, CDC_DOC_STRING, &value) ? value.string : none;
}

bool
cdc_string_int64(CdcString s, int64_t *value)
{
	char		digits[24];
	char	   *end;

	/* strtoll() would take white space */
	if (s.len == 0 || s.len > 20 || (s.data[0] != '-' && (s.data[0] < '0' || s.data[0] > '9')))
		return false;
	memcpy(digits, s.data, s.len);
	digits[s.len] = '\0';
	errno = 0;
	*value = strtoll(digits, &end, 10);
	return errno == 0 && end == digits + s.len && end[-1] != '-';
}

bool
cdc_doc_find_int64(const CdcDoc *doc, const char *key, int64_t *value)
{
	CdcDoc		found;

	if (!cdc_doc_find(doc, key, &found))
		return false;
	if (found.type == CDC_DOC_NUMBER)
		return cdc_doc_int64(&found, value);
	return found.type == CDC_DOC_STRING && cdc_string_int64(found.string, value);
}

const char *
cdc_doc_type_name(const CdcDoc *doc)
{
	static const char *const names[] = {
		"null", "a boolean", "a boolean", "a number", "a string", "an array", "an object"
	};

	return doc == NULL ? "null" : names[doc->type];
}

static CdcStatus
emit(const CdcDoc *doc, CdcSink *sink, int depth)
{
	bool		object = doc->type == CDC_DOC_OBJECT;
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	CdcStatus	st;

	switch (doc->type)
	{
		case CDC_DOC_NULL:
			return sink->ops->null(sink);
		case CDC_DOC_FALSE:
		case CDC_DOC_TRUE:
			return sink->ops->boolean(sink, doc->type == CDC_DOC_TRUE);
		case CDC_DOC_NUMBER:
			return doc->ops->emit_number(doc, sink);
		case CDC_DOC_STRING:
			return sink->ops->string(sink, doc->string.data, doc->string.len);
		case CDC_DOC_ARRAY:
		case CDC_DOC_OBJECT:
			break;
	}
	if (depth >= MAX_DEPTH)
		return CDC_ERR_LIMIT;
	st = object ? sink->ops->begin_object(sink) : sink->ops->begin_array(sink);
	cdc_doc_begin(doc, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &key, &value))
	{
		if (object)
			st = sink->ops->key(sink, key.data, key.len);
		if (st == CDC_OK)
			st = emit(&value, sink, depth + 1);
	}
	if (st != CDC_OK)
		return st;
	return object ? sink->ops->end_object(sink) : sink->ops->end_array(sink);
}

CdcStatus
cdc_doc_emit(const CdcDoc *doc, CdcSink *sink)
{
	return emit(doc, sink, 0);
}

/* The text of a number without zeros at its fraction's end. */
static CdcString
number_text(const CdcDoc *doc)
{
	CdcString	text = doc->ops->number(doc);

	if (text.data == NULL)
		return text;
	if (memchr(text.data, '.', text.len) != NULL)
	{
		while (text.data[text.len - 1] == '0')
			text.len--;
		if (text.data[text.len - 1] == '.')
			text.len--;
	}
	return text;
}

static bool
equal(const CdcDoc *a, const CdcDoc *b, int depth)
{
	CdcDocIter	iter;
	CdcDocIter	other;
	CdcString	key;
	CdcDoc		x;
	CdcDoc		y;

	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case CDC_DOC_NULL:
		case CDC_DOC_FALSE:
		case CDC_DOC_TRUE:
			return true;
		case CDC_DOC_NUMBER:
			{
				CdcString	s = number_text(a);
				CdcString	t = number_text(b);

				return s.data != NULL && t.data != NULL && s.len == t.len &&
					memcmp(s.data, t.data, s.len) == 0;
			}
		case CDC_DOC_STRING:
			return a->string.len == b->string.len &&
				memcmp(a->string.data, b->string.data, a->string.len) == 0;
		case CDC_DOC_ARRAY:
		case CDC_DOC_OBJECT:
			break;
	}
	if (depth >= MAX_DEPTH || cdc_doc_count(a) != cdc_doc_count(b))
		return false;
	cdc_doc_begin(a, &iter);
	if (a->type == CDC_DOC_ARRAY)
		cdc_doc_begin(b, &other);
	while (cdc_doc_next(&iter, &key, &x))
	{
		if (a->type == CDC_DOC_ARRAY ? !cdc_doc_next(&other, &key, &y) :
			!cdc_doc_get(b, key.data, key.len, &y))
			return false;
		if (!equal(&x, &y, depth + 1))
			return false;
	}
	return true;
}

bool
cdc_doc_equal(const CdcDoc *a, const CdcDoc *b)
{
	return equal(a, b, 0);
}
