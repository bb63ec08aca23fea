/*-------------------------------------------------------------------------
 *
 * document.h
 *	  Reading a JSON document without knowing how it is kept: in JSONB
 *	  (pg/datum/jsonb_document.h) or in a tree that a parser filled (doc_tree.h).
 *
 * A CdcDoc is one value of a document, small and copied freely.  What it
 * points to belongs to the document and lives as long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_DOCUMENT_H
#define CDC_ENVELOPE_DOCUMENT_H

#include <string.h>

#include "core/sink.h"

typedef enum CdcDocType
{
	CDC_DOC_NULL = 0,
	CDC_DOC_FALSE,
	CDC_DOC_TRUE,
	CDC_DOC_NUMBER,
	CDC_DOC_STRING,
	CDC_DOC_ARRAY,
	CDC_DOC_OBJECT
} CdcDocType;

typedef struct CdcDocOps CdcDocOps;

typedef struct CdcDoc
{
	const CdcDocOps *ops;
	CdcDocType	type;
	CdcString	string;			/* CDC_DOC_STRING: UTF-8, may hold NUL */
	const void *node;			/* the implementation's own */
	size_t		size;			/* likewise */
} CdcDoc;

/* A walk over an array or object; the other fields are the implementation's own. */
typedef struct CdcDocIter
{
	const CdcDocOps *ops;		/* NULL: there is nothing to walk over */
	const void *node;
	size_t		index;
	size_t		key_offset;
	size_t		value_offset;
} CdcDocIter;

/*
 * Each is handed only what its comment says: they are called by the functions below,
 * which look at the type, and by nobody else.
 */
struct CdcDocOps
{
	/* Looks a member of an object up. */
	bool		(*find) (const CdcDoc *object, const char *key, size_t len, CdcDoc *value);
	/* Number of elements or members. */
	size_t		(*count) (const CdcDoc *container);
	void		(*begin) (const CdcDoc *container, CdcDocIter *iter);
	/* The next element, or member with its key; false: no more. */
	bool		(*next) (CdcDocIter *iter, CdcString *key, CdcDoc *value);
	/*
	 * A number's decimal digits, as of CDC_DECIMAL (no exponent); the memory is
	 * the implementation's.  data is NULL when there is none left.
	 */
	CdcString	(*number) (const CdcDoc *number);
	/* A whole number that fits; else false. */
	bool		(*int64) (const CdcDoc *number, int64_t *value);
	/* Writes a number into a sink, as the parser that read it did. */
	CdcStatus	(*emit_number) (const CdcDoc *number, CdcSink *sink);
};

static inline bool
cdc_doc_is(const CdcDoc *doc, CdcDocType type)
{
	return doc != NULL && doc->type == type;
}

static inline bool
cdc_doc_is_container(const CdcDoc *doc)
{
	return cdc_doc_is(doc, CDC_DOC_OBJECT) || cdc_doc_is(doc, CDC_DOC_ARRAY);
}

/* Number of elements or members; 0 of what has none. */
static inline size_t
cdc_doc_count(const CdcDoc *doc)
{
	return cdc_doc_is_container(doc) ? doc->ops->count(doc) : 0;
}

/* Begins a walk, over nothing where doc is no container. */
static inline void
cdc_doc_begin(const CdcDoc *doc, CdcDocIter *iter)
{
	iter->ops = NULL;
	if (!cdc_doc_is_container(doc))
		return;
	doc->ops->begin(doc, iter);
	iter->ops = doc->ops;
}

/* The next element, or member with its key; false: no more. */
static inline bool
cdc_doc_next(CdcDocIter *iter, CdcString *key, CdcDoc *value)
{
	return iter->ops != NULL && iter->ops->next(iter, key, value);
}

/* A member of an object; false also when doc is none.  Then *value is as it was. */
static inline bool
cdc_doc_get(const CdcDoc *doc, const char *key, size_t len, CdcDoc *value)
{
	return cdc_doc_is(doc, CDC_DOC_OBJECT) && doc->ops->find(doc, key, len, value);
}

static inline bool
cdc_doc_find(const CdcDoc *doc, const char *key, CdcDoc *value)
{
	return cdc_doc_get(doc, key, strlen(key), value);
}

/* The same where it has that type; else *value is as it was. */
static inline bool
cdc_doc_find_type(const CdcDoc *doc, const char *key, CdcDocType type, CdcDoc *value)
{
	CdcDoc		found;

	if (!cdc_doc_find(doc, key, &found) || found.type != type)
		return false;
	*value = found;
	return true;
}

/* A number that is whole and fits; else false. */
static inline bool
cdc_doc_int64(const CdcDoc *doc, int64_t *value)
{
	return cdc_doc_is(doc, CDC_DOC_NUMBER) && doc->ops->int64(doc, value);
}

/* A member that is a string; "" (not NULL) where there is none. */
extern CdcString cdc_doc_find_string(const CdcDoc *doc, const char *key);

/* A whole number of 64 bits in digits, perhaps with a sign; else false. */
extern bool cdc_string_int64(CdcString s, int64_t *value);

/* A member that is a whole number, also one in a string; else false. */
extern bool cdc_doc_find_int64(const CdcDoc *doc, const char *key, int64_t *value);

/* The length of s for a message: at most max bytes, whole characters. */
static inline int
cdc_clip(CdcString s, size_t max)
{
	size_t		len = s.len;

	if (len > max)
		for (len = max; len > 0 && ((unsigned char) s.data[len] & 0xC0) == 0x80; len--)
			;
	return (int) len;
}

/* Whether a string is s. */
static inline bool
cdc_string_is(CdcString string, const char *s)
{
	return string.len == strlen(s) && memcmp(string.data, s, string.len) == 0;
}

static inline bool
cdc_doc_is_string(const CdcDoc *doc, const char *s)
{
	return cdc_doc_is(doc, CDC_DOC_STRING) && cdc_string_is(doc->string, s);
}

/* "null", "a boolean", "a number", ... for messages. */
extern const char *cdc_doc_type_name(const CdcDoc *doc);

/* Writes all of a value into a sink; CDC_ERR_LIMIT when it is nested too deep. */
extern CdcStatus cdc_doc_emit(const CdcDoc *doc, CdcSink *sink);

/* Whether two values are the same; numbers by their digits. */
extern bool cdc_doc_equal(const CdcDoc *a, const CdcDoc *b);

#endif							/* CDC_ENVELOPE_DOCUMENT_H */
