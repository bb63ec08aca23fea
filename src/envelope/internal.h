/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What the envelopes' parts share.
 *
 *	  read.c			the list of formats, recognition
 *	  images.c			a row's images, column by column
 *	  definition.c		columns of a table
 *	  likely_key.c		by which of them a message seems to find its row
 *	  maxwell.c debezium.c debezium_type.c goldengate.c canal.c quix.c plain.c
 *	  reader.c			what they have in common
 *	  image_walk.c		the columns of an image
 *
 * All but the first four know nothing of other formats than their own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_ENVELOPE_INTERNAL_H
#define CDC_ENVELOPE_INTERNAL_H

#include "envelope/cell.h"

/* Reading one message. */
typedef struct CdcMessageReader
{
	CdcArena   *arena;
	const CdcMessage *message;
	CdcEnvelope *env;
	CdcError   *err;
} CdcMessageReader;

/* A row image: an object; or names and values as two arrays; or fields in an order. */
typedef struct CdcImage
{
	CdcDoc		values;			/* CDC_DOC_NULL: there is none */
	CdcDoc		names;			/* Quix: array, values one too */
	CdcDoc		types;			/* likewise, of types' names */
	/* members that are no columns; or NULL */
	bool		(*skip) (CdcString name, const CdcDoc *value);
} CdcImage;

typedef struct CdcEnvelopeFormat
{
	CdcMessageFormat	format;
	const char *name;
	/* whether an object is an envelope of this format; NULL: never recognised */
	bool		(*recognise) (const CdcDoc *body);
	/* fills env; the message's value is not null */
	CdcStatus	(*read) (CdcMessageReader *r);
	/* the same where it is null; NULL: a control message */
	CdcStatus	(*tombstone) (CdcMessageReader *r);
	/* the images of a row of op c, u, d or r: of a delete, before only */
	void		(*images) (const CdcEnvelope *env, int row, CdcImage *after, CdcImage *before);
	/* in which form the envelope has a column's values; field: in env->fields, or type
	 * in image->types.  hint is NULL where nothing is known. */
	CdcStatus	(*cell_type) (CdcArena *arena, CdcEnvelope *env, const CdcDoc *field,
							  const CdcColumnHint *hint, CdcCell *cell, CdcError *err);
	/* what the envelope tells of a column's type; as cell_type */
	CdcStatus	(*column) (CdcArena *arena, CdcEnvelope *env, const CdcDoc *field,
						   const CdcCell *cell, CdcEnvelopeColumn *column, CdcError *err);
	/* of a schema change, or NULL */
	CdcStatus	(*definition) (CdcArena *arena, CdcEnvelope *env, CdcEnvelopeColumn **columns,
							   int *n, CdcError *err);
} CdcEnvelopeFormat;

extern const CdcEnvelopeFormat cdc_format_maxwell;
extern const CdcEnvelopeFormat cdc_format_debezium;
extern const CdcEnvelopeFormat cdc_format_debezium_flat;
extern const CdcEnvelopeFormat cdc_format_goldengate;
extern const CdcEnvelopeFormat cdc_format_canal;
extern const CdcEnvelopeFormat cdc_format_quix;
extern const CdcEnvelopeFormat cdc_format_json;

extern const CdcEnvelopeFormat *cdc_envelope_format(CdcMessageFormat format);

/* ---- a walk over an image ---- */

typedef struct CdcImageIter
{
	const CdcImage *image;
	const CdcDoc *fields;		/* or NULL */
	CdcDocIter	iter;
	CdcDocIter	names;
	CdcDocIter	types;
} CdcImageIter;

extern void cdc_image_begin(const CdcEnvelope *env, const CdcImage *image, CdcImageIter *iter);

/* The next column; field is CDC_DOC_NULL where the envelope has none for it. */
extern bool cdc_image_next(CdcImageIter *iter, CdcString *name, CdcDoc *value, CdcDoc *field);

extern bool cdc_image_find(const CdcImage *image, CdcString name, CdcDoc *value);

/* Whether image has each column that other has. */
extern bool cdc_image_covers(const CdcImage *image, const CdcImage *other);

/* ---- reading ---- */

/*
 * Sets database, table and source_table; either part may be empty.  Names with a
 * NUL are refused.
 */
extern CdcStatus cdc_reader_table(CdcMessageReader *r, CdcString database, CdcString table);

/* The same from "a.b.c": what is before the last dot is the database. */
extern CdcStatus cdc_reader_dotted_table(CdcMessageReader *r, CdcString name);

/* Names of the key's columns from an array of strings. */
extern CdcStatus cdc_reader_key_array(CdcMessageReader *r, const CdcDoc *array);

/* ... and from the members of an object, or a schema's fields. */
extern CdcStatus cdc_reader_key_object(CdcMessageReader *r);

/*
 * An image of the message, of that type (CDC_DOC_OBJECT, or CDC_DOC_ARRAY of images);
 * CDC_DOC_NULL where the member is null or missing.  What is anything else is refused:
 * this is the one place where a value of the message becomes an image.
 */
extern CdcStatus cdc_reader_image(CdcMessageReader *r, const CdcDoc *doc, const char *member,
								  CdcDocType type, CdcDoc *image);

/* "not a ... message": detail says what was seen. */
extern CdcStatus cdc_reader_refuse(CdcMessageReader *r, const char *format, const char *detail,...)
			__attribute__((format(printf, 3, 4)));

extern CdcStatus cdc_reader_no_memory(CdcMessageReader *r);

/* What a format calls its operations; the last one has no name. */
typedef struct CdcOpName
{
	const char *name;
	CdcOp		op;
} CdcOpName;

/* Sets env->type and, where it is one of the names, env->op; false: it is none. */
extern bool cdc_reader_op(CdcMessageReader *r, CdcString type, const CdcOpName *names);

/* Takes schema and payload apart; doc may be NULL.  schema is CDC_DOC_NULL where none. */
extern void cdc_split_payload(const CdcDoc *doc, CdcDoc *schema, CdcDoc *payload);

static inline void
cdc_doc_set_null(CdcDoc *doc)
{
	memset(doc, 0, sizeof(*doc));
}

/* NUL-terminated copy in the arena; NULL when out of memory. */
extern char *cdc_arena_string(CdcArena *arena, CdcString s);

/* ---- Debezium ---- */

/* The field of that name in a struct's schema. */
extern bool cdc_debezium_field(const CdcDoc *schema, const char *name, CdcDoc *field);

/*
 * Whether a value is an array whose elements, by its field, are in a form of Debezium's own, or arrays
 * themselves; *items is their field then.
 */
extern bool cdc_debezium_items(const CdcDoc *field, const CdcDoc *value, CdcDoc *items);

extern CdcStatus cdc_debezium_cell_type(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field,
										const CdcColumnHint *hint, CdcCell *cell, CdcError *err);
extern CdcStatus cdc_debezium_column(CdcArena *arena, CdcEnvelope *env, const CdcDoc *field,
									 const CdcCell *cell, CdcEnvelopeColumn *column,
									 CdcError *err);

/* ---- definitions ---- */

/*
 * Types that MySQL does not have and others do: numbers of any digits, truth values, times
 * with a zone, arrays; and texts of which only the source knows what they say, such as a number
 * of decimal.handling.mode=string.  The receiver knows them (pg/schema/typemap.c).
 */
#define CDC_TYPE_NUMBER		"number"
#define CDC_TYPE_BOOLEAN	"boolean"
#define CDC_TYPE_STRING		"string"
#define CDC_TYPE_TIMETZ		"timetz"
#define CDC_TYPE_ARRAY		"array"

#endif							/* CDC_ENVELOPE_INTERNAL_H */
