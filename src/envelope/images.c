/*-------------------------------------------------------------------------
 *
 * images.c
 *	  The images of a row, column by column, in Maxwell's meaning: data is the row
 *	  after the change or before a delete, old has the former values of the columns
 *	  that changed.
 *
 *-------------------------------------------------------------------------
 */
#include "envelope/cell_emit.h"
#include "envelope/internal.h"

#include "core/json_text.h"

typedef struct Writer
{
	CdcArena   *arena;
	CdcEnvelope *env;
	const CdcEnvelopeFormat *format;
	const CdcHints *hints;		/* or NULL */
	CdcError   *err;
} Writer;

/* Arrays in arrays that are read; PostgreSQL's own have at most six dimensions. */
#define MAX_ARRAYS	16

/* What the field says of the column's values; key: their name is written, before them. */
static CdcStatus
write_value(const Writer *w, CdcString name, const CdcDoc *value, const CdcDoc *field,
			const CdcColumnHint *hint, bool key, CdcSink *sink)
{
	CdcCell		cell;
	CdcStatus	st;

	memset(&cell, 0, sizeof(cell));
	cell.name = name;
	cell.value = *value;
	cell.type.fsp = -1;
	st = w->format->cell_type(w->arena, w->env, field, hint, &cell, w->err);
	if (st == CDC_OK && key)
		st = sink->ops->key(sink, name.data, name.len);
	return st == CDC_OK ? cdc_cell_emit(w->arena, &cell, sink, w->err) : st;
}

/* An array whose elements are not what they look like: each is read by their schema. */
static CdcStatus
write_array(const Writer *w, CdcString name, const CdcDoc *value, const CdcDoc *items, int depth, CdcSink *sink)
{
	CdcStatus	st = sink->ops->begin_array(sink);
	CdcDocIter	iter;
	CdcString	none;
	CdcDoc		element;
	CdcDoc		inner;

	cdc_doc_begin(value, &iter);
	while (st == CDC_OK && cdc_doc_next(&iter, &none, &element))
		st = depth < MAX_ARRAYS && cdc_debezium_items(items, &element, &inner) ?
			write_array(w, name, &element, &inner, depth + 1, sink) :
			write_value(w, name, &element, items, NULL, false, sink);
	return st == CDC_OK ? sink->ops->end_array(sink) : st;
}

static CdcStatus
write_cell(const Writer *w, CdcString name, const CdcDoc *value, const CdcDoc *field,
		   CdcSink *sink)
{
	CdcColumnHint hint = {CDC_HINT_NONE, -1, -1, 0, false};
	bool		hinted = w->hints != NULL &&
		w->hints->find(w->hints->arg, name.data, name.len, &hint);
	CdcDoc		items;
	CdcStatus	st;

	if (w->hints != NULL && w->hints->wants != NULL && !w->hints->wants(w->hints->arg, name.data, name.len))
		return CDC_OK;
	if ((w->env->format != CDC_FORMAT_DEBEZIUM && w->env->format != CDC_FORMAT_DEBEZIUM_FLAT) ||
		!cdc_debezium_items(field, value, &items))
		return write_value(w, name, value, field, hinted ? &hint : NULL, true, sink);
	st = sink->ops->key(sink, name.data, name.len);
	return st == CDC_OK ? write_array(w, name, value, &items, 1, sink) : st;
}

/*
 * Whether a value stands for one that the source did not send again.  Only Debezium has such
 * values: elsewhere that text is what the row holds.
 */
static bool
is_unavailable(const Writer *w, const CdcDoc *value)
{
	return (w->env->format == CDC_FORMAT_DEBEZIUM ||
			w->env->format == CDC_FORMAT_DEBEZIUM_FLAT) && cdc_debezium_unavailable(value);
}

/* Writes columns of the key that the image lacks, from the other image or the message's key. */
static CdcStatus
write_missing_key(const Writer *w, const CdcImage *image, const CdcImage *other, CdcSink *sink)
{
	const CdcEnvelope *env = w->env;
	CdcStatus	st = CDC_OK;
	CdcDoc		none;
	CdcDoc		value;
	int			i;

	cdc_doc_set_null(&none);
	for (i = 0; st == CDC_OK && i < env->nkey; i++)
	{
		CdcDoc		field = none;

		if (cdc_image_find(image, env->key[i], &value))
			continue;
		if (!cdc_image_find(other, env->key[i], &value))
		{
			if (env->key_values == NULL)
				continue;
			value = env->key_values[i];
		}
		if (env->fields.type == CDC_DOC_ARRAY)
		{
			char	   *name = cdc_arena_string(w->arena, env->key[i]);

			if (name != NULL)
				(void) cdc_debezium_field(&env->fields, name, &field);
		}
		st = write_cell(w, env->key[i], &value, &field, sink);
	}
	return st;
}

/* Writes null for Maxwell's columns that are only in "old", see cdc_maxwell_in_place(). */
static CdcStatus
write_new_nulls(const Writer *w, const CdcImage *image, const CdcImage *before, CdcSink *sink)
{
	CdcImageIter iter;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		now;
	CdcDoc		field;
	CdcStatus	st = CDC_OK;

	cdc_image_begin(w->env, before, &iter);
	while (st == CDC_OK && cdc_image_next(&iter, &name, &value, &field))
	{
		if (cdc_image_find(image, name, &now))
			continue;
		st = sink->ops->key(sink, name.data, name.len);
		if (st == CDC_OK)
			st = sink->ops->null(sink);
	}
	return st;
}

static CdcStatus
write_data(const Writer *w, const CdcImage *image, const CdcImage *other, CdcSink *sink)
{
	CdcImageIter iter;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		field;
	CdcStatus	st = sink->ops->begin_object(sink);

	w->env->unavailable.len = 0;
	cdc_image_begin(w->env, image, &iter);
	while (st == CDC_OK && cdc_image_next(&iter, &name, &value, &field))
	{
		if (!is_unavailable(w, &value))
			st = write_cell(w, name, &value, &field, sink);
		else
			w->env->unavailable = name;
	}
	if (st == CDC_OK && w->env->format == CDC_FORMAT_MAXWELL && w->env->op == CDC_OP_UPDATE)
		st = write_new_nulls(w, image, other, sink);
	else if (st == CDC_OK)
		st = write_missing_key(w, image, other, sink);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

/* Writes the columns whose value before the change differs from that after it. */
static CdcStatus
write_old(const Writer *w, const CdcImage *after, const CdcImage *before, CdcSink *sink)
{
	CdcImageIter iter;
	CdcString	name;
	CdcDoc		value;
	CdcDoc		now;
	CdcDoc		field;
	CdcStatus	st = sink->ops->begin_object(sink);

	cdc_image_begin(w->env, before, &iter);
	while (st == CDC_OK && cdc_image_next(&iter, &name, &value, &field))
	{
		bool		is_now = cdc_image_find(after, name, &now);

		if (is_unavailable(w, &value) ||
			(is_now ? is_unavailable(w, &now) || cdc_doc_equal(&value, &now) :
			 w->env->format != CDC_FORMAT_MAXWELL))
			continue;
		st = write_cell(w, name, &value, &field, sink);
	}
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

/* A value as its column would have it, as JSON text. */
static CdcStatus
value_text(const Writer *w, CdcString name, const CdcDoc *value, CdcJsonText *text)
{
	CdcColumnHint hint = {CDC_HINT_NONE, -1, -1, 0, false};
	bool		hinted = w->hints != NULL && w->hints->find(w->hints->arg, name.data, name.len, &hint);
	CdcDoc		none;

	cdc_doc_set_null(&none);
	return write_value(w, name, value, &none, hinted ? &hint : NULL, false, &text->sink);
}

/* Whether two JSON texts are of the same value, be it a string or a number. */
static bool
is_same_text(const CdcJsonText *a, const CdcJsonText *b)
{
	CdcString	texts[2] = {{a->buf.data, a->buf.len}, {b->buf.data, b->buf.len}};

	for (int i = 0; i < 2; i++)
		if (texts[i].len >= 2 && texts[i].data[0] == '"')
		{
			texts[i].data++;
			texts[i].len -= 2;
		}
	return texts[0].len == texts[1].len && memcmp(texts[0].data, texts[1].data, texts[0].len) == 0;
}

static CdcStatus
refuse_key(const Writer *w, CdcString name, const CdcJsonText *key, const CdcJsonText *own)
{
	CdcString	a = {key->buf.data, key->buf.len};
	CdcString	b = {own->buf.data, own->buf.len};

	cdc_error(w->err, CDC_ERR_VALUE, "document contradicts the key of its message in column \"%.*s\"",
			  cdc_clip(name, 200), name.data);
	cdc_error_detail(w->err, "The key says %.*s, the document %.*s. Each document is the row of its key, and a tombstone of the key would delete another one.",
					 cdc_clip(a, 100), a.data, cdc_clip(b, 100), b.data);
	cdc_error_hint(w->err, "Have the producer write the columns of the key as the document has them, or leave them out of the document.");
	return CDC_ERR_VALUE;
}

/*
 * A document is the row of its key: one that has another value there contradicts it, and
 * the key's tombstone would delete another row.
 */
static CdcStatus
check_key(const Writer *w, const CdcImage *image)
{
	const CdcEnvelope *env = w->env;
	CdcStatus	st = CDC_OK;
	CdcDoc		value;

	for (int i = 0; st == CDC_OK && env->key_values != NULL && i < env->nkey; i++)
	{
		CdcJsonText key;
		CdcJsonText own;

		if (!cdc_image_find(image, env->key[i], &value) || cdc_doc_equal(&value, &env->key_values[i]))
			continue;
		cdc_json_text_init(&key);
		cdc_json_text_init(&own);
		st = value_text(w, env->key[i], &env->key_values[i], &key);
		if (st == CDC_OK)
			st = value_text(w, env->key[i], &value, &own);
		if (st == CDC_OK && !is_same_text(&key, &own))
			st = refuse_key(w, env->key[i], &key, &own);
		cdc_json_text_free(&key);
		cdc_json_text_free(&own);
	}
	return st;
}

CdcStatus
cdc_envelope_images(CdcArena *arena, CdcEnvelope *env, int row, const CdcHints *hints,
					const CdcRowSinks *sinks, CdcError *err)
{
	Writer		w = {arena, env, cdc_envelope_format(env->format), hints, err};
	CdcImage	after;
	CdcImage	before;
	CdcImage	none;
	CdcStatus	st;

	cdc_error(err, CDC_OK, "%s", "");
	if (w.format == NULL)
		return cdc_payload_refuse(env->format, 0, err);
	st = cdc_envelope_check_whole(env, err);
	if (st != CDC_OK)
		return st;
	if (row < 0 || row >= env->nrows)
		return cdc_error(err, CDC_ERR_INTERNAL, "the message has no row %d", row);
	memset(&after, 0, sizeof(after));
	memset(&before, 0, sizeof(before));
	memset(&none, 0, sizeof(none));
	w.format->images(env, row, &after, &before);
	if (env->format == CDC_FORMAT_JSON && env->op != CDC_OP_DELETE)
		st = check_key(&w, &after);
	if (st != CDC_OK)
		return st;
	if (env->op == CDC_OP_DELETE)
		st = write_data(&w, &before, &none, sinks->data);
	else
		st = write_data(&w, &after, &before, sinks->data);
	if (st == CDC_OK)
		st = write_old(&w, &after, env->op == CDC_OP_UPDATE ? &before : &none, sinks->old);
	if (st != CDC_OK && err->message[0] == '\0')
		cdc_error(err, st, st == CDC_ERR_NOMEM ? "out of memory for a row" :
				  "row is too large or nested too deeply");
	return st;
}

bool
cdc_envelope_former_has(const CdcEnvelope *env, CdcString column)
{
	const CdcEnvelopeFormat *format = cdc_envelope_format(env->format);
	CdcImage	after;
	CdcImage	before;
	CdcDoc		value;

	memset(&after, 0, sizeof(after));
	memset(&before, 0, sizeof(before));
	format->images(env, 0, &after, &before);
	return cdc_image_find(&before, column, &value);
}
