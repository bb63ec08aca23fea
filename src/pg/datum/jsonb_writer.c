/*-------------------------------------------------------------------------
 *
 * jsonb_writer.c
 *	  A CdcSink that builds JSONB in its stored form, without text and without
 *	  trees of JsonbValue.
 *
 * The stored form is described in utils/jsonb.h and made by
 * convertJsonbObject() and its siblings in jsonb_util.c, which this file
 * reproduces byte for byte (sql/jsonb_writer.sql proves it):
 *
 *	  container: uint32 header (count, kind), JEntry[], then the data; the
 *		  values of an object follow all its keys, sorted by length, then bytes
 *	  JEntry: kind, and the length of the child, or for every
 *		  JB_OFFSET_STRIDE'th child the offset of its end
 *	  numerics and containers are aligned to 4 bytes; the padding in front of
 *		  them counts as theirs
 *
 * The children of the open containers lie on three stacks: items, bytes of
 * keys, bytes of values.  Closing a container builds its stored form at the
 * end of the values, from where it moves down over its children and becomes
 * the value of an item of its parent.  An object whose keys came in the same
 * order before (the usual case: rows of one table) finds its sorted keys and
 * their JEntries in a table of shapes; else they are sorted.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/jsonb_writer_internal.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "pg/base/compat_value.h"
#include "pg/datum/numeric_pack.h"

/* Buffers above this are given back at reset. */
#define KEEP_BYTES			((size_t) 1024 * 1024)

/* NULL: too many. */
static JsonItem *
new_item(CdcJsonbWriter *w)
{
	if (unlikely(w->nitems == w->items_cap))
	{
		if (w->items_cap > MaxAllocSize / sizeof(JsonItem) / 2)
			return NULL;
		w->items_cap *= 2;
		w->items = repalloc(w->items, w->items_cap * sizeof(JsonItem));
	}
	return &w->items[w->nitems++];
}

static CdcStatus
too_large(void)
{
	return CDC_ERR_LIMIT;
}

static inline CdcStatus
append_text(CdcJsonbWriter *w, Bytes *b, const char *s, size_t len)
{
	if (unlikely(len > MAX_BYTES || b->len + len > MAX_BYTES))
		return too_large();
	if (unlikely(!is_plain(s, len)))
		return cdc_jsonb_append_text(w, b, s, len);
	if (len > 0)
		memcpy(bytes_reserve(w, b, len), s, len);
	b->len += len;
	return CDC_OK;
}

/* ---- containers ---- */

/* A container whose header and keys are written, but none of its values. */
typedef struct Container
{
	char	   *start;
	size_t		len;			/* of header, all JEntries and keys, in bytes */
	size_t		keys_len;		/* of the keys alone */
	JEntry	   *entries;		/* of the values */
	int			nkeys;			/* children in front of the values: 0 in an array */
} Container;

/*
 * Writes the values of n items behind what is in the container so far, and their
 * JEntries; order is that of an object's sorted keys, or NULL.  Returns the
 * container's length, or 0 when it is too large.
 */
static size_t
put_values(const CdcJsonbWriter *w, const Container *c, const JsonItem *items,
		   const uint32 *order, int n)
{
	const char *values = w->values.data;
	char	   *container = c->start;
	JEntry	   *entries = c->entries;
	size_t		pos = c->len;
	size_t		total = c->keys_len;
	int			first = c->nkeys;
	int			i;

	for (i = 0; i < n; i++)
	{
		const JsonItem *item = &items[order != NULL ? order[i] : (uint32) i];
		uint32		len = item->value_len;

		if (item->kind == JENTRY_ISNUMERIC || item->kind == JENTRY_ISCONTAINER)
		{
			while (pos % 4 != 0)
			{
				container[pos++] = 0;
				len++;
			}
		}
		memcpy(container + pos, values + item->value, item->value_len);
		pos += item->value_len;
		total += len;
		if (unlikely(total > JENTRY_OFFLENMASK))
			return 0;
		entries[i] = item->kind |
			((first + i) % JB_OFFSET_STRIDE == 0 ? (JENTRY_HAS_OFF | (JEntry) total) : len);
	}
	return pos;
}

/* The most bytes that the stored form of the level's container can take. */
static size_t
container_bound(const CdcJsonbWriter *w, const Level *level, int n)
{
	return sizeof(uint32) + (size_t) n * (2 * sizeof(JEntry) + 3) +
		(w->keys.len - level->first_key_byte) + (w->values.len - level->first_value_byte);
}

/* Builds the stored form at dst (aligned); returns its length, 0: too large. */
static size_t
build_object(CdcJsonbWriter *w, const Level *level, const JsonItem *items, int n, char *dst)
{
	Shape	   *slot = &w->shapes[level->hash % SHAPES];
	const Shape *shape = cdc_jsonb_find_shape(w, slot, level, items, n);
	JEntry	   *entries = (JEntry *) (dst + sizeof(uint32));
	const uint32 *order;
	Container	container;
	size_t		keys_len;
	int			nsorted;
	char	   *data;

	if (likely(shape != NULL))
	{
		nsorted = shape->nsorted;
		order = shape->order;
		keys_len = shape->sorted_len;
		data = (char *) (entries + 2 * nsorted);
		memcpy(entries, shape->entries, nsorted * sizeof(JEntry));
		memcpy(data, shape->sorted, keys_len);
	}
	else
	{
		nsorted = cdc_jsonb_sort_items(w, items, n);
		order = w->order;
		data = (char *) (entries + 2 * nsorted);
		keys_len = cdc_jsonb_put_keys(items, w->keys.data, order, nsorted, entries, data);
		cdc_jsonb_remember_shape(w, slot, level, items, n, nsorted);
	}
	*(uint32 *) dst = (uint32) nsorted | JB_FOBJECT;
	container = (Container) {dst, (data - dst) + keys_len, keys_len, entries + nsorted, nsorted};
	return put_values(w, &container, items, order, nsorted);
}

static size_t
build_array(CdcJsonbWriter *w, const JsonItem *items, int n, uint32 flags, char *dst)
{
	JEntry	   *entries = (JEntry *) (dst + sizeof(uint32));
	Container	container = {dst, sizeof(uint32) + n * sizeof(JEntry), 0, entries, 0};

	*(uint32 *) dst = (uint32) n | flags;
	return put_values(w, &container, items, NULL, n);
}

/* Makes the whole document from the outermost container (or a scalar). */
static CdcStatus
build_root(CdcJsonbWriter *w, const Level *level, uint32 array_flags)
{
	int			n = w->nitems - level->first_item;
	const JsonItem *items = w->items + level->first_item;
	size_t		len;

	w->out.len = 0;
	bytes_reserve(w, &w->out, VARHDRSZ + container_bound(w, level, n));
	if (level->object)
		len = build_object(w, level, items, n, w->out.data + VARHDRSZ);
	else
		len = build_array(w, items, n, array_flags, w->out.data + VARHDRSZ);
	if (len == 0)
		return too_large();
	w->out.len = VARHDRSZ + len;
	SET_VARSIZE(w->out.data, w->out.len);
	w->done = true;
	return CDC_OK;
}

/* Takes the value that was put on top of the values as the next child. */
static inline CdcStatus
add_value(CdcJsonbWriter *w, JEntry kind, size_t value, size_t len)
{
	JsonItem	   *item;

	if (w->depth == 0)
	{
		Level		root = {false, false, 0, 0, 0, 0};

		if (w->done)
			return CDC_ERR_INTERNAL;
		item = new_item(w);
		if (item == NULL)
			return too_large();
		item->kind = kind;
		item->value = value;
		item->value_len = len;
		return build_root(w, &root, JB_FARRAY | JB_FSCALAR);
	}
	item = new_item(w);
	if (unlikely(item == NULL))
		return too_large();
	if (w->levels[w->depth - 1].object)
	{
		if (unlikely(!w->levels[w->depth - 1].have_key))
			return CDC_ERR_INTERNAL;
		w->levels[w->depth - 1].have_key = false;
		item->key = w->pending.key;
		item->key_len = w->pending.key_len;
	}
	item->kind = kind;
	item->value = value;
	item->value_len = len;
	return CDC_OK;
}

static CdcStatus
begin_container(CdcSink *sink, bool object)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;
	Level	   *level;

	if (w->depth >= MAX_DEPTH)
		return CDC_ERR_LIMIT;
	if (w->done || (w->depth > 0 && w->levels[w->depth - 1].object &&
					!w->levels[w->depth - 1].have_key))
		return CDC_ERR_INTERNAL;
	level = &w->levels[w->depth];
	level->object = object;
	level->have_key = false;
	level->hash = object;

	/* the item of the container itself; its value is filled in at the end */
	if (w->depth > 0)
	{
		CdcStatus	st = add_value(w, JENTRY_ISCONTAINER, 0, 0);

		if (st != CDC_OK)
			return st;
	}
	bytes_align(w, &w->values);
	level->first_item = w->nitems;
	level->first_key_byte = w->keys.len;
	level->first_value_byte = w->values.len;
	w->depth++;
	return CDC_OK;
}

static CdcStatus
end_container(CdcSink *sink, bool object)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;
	Level	   *level;
	JsonItem	   *own;
	int			n;
	size_t		len;
	char	   *dst;

	if (w->depth == 0)
		return CDC_ERR_INTERNAL;
	level = &w->levels[w->depth - 1];
	if (level->object != object || level->have_key)
		return CDC_ERR_INTERNAL;
	w->depth--;
	n = w->nitems - level->first_item;
	if ((uint32) n > JB_CMASK)
		return too_large();
	if (w->depth == 0)
		return build_root(w, level, JB_FARRAY);

	bytes_align(w, &w->values);
	dst = bytes_reserve(w, &w->values, container_bound(w, level, n));
	if (object)
		len = build_object(w, level, w->items + level->first_item, n, dst);
	else
		len = build_array(w, w->items + level->first_item, n, JB_FARRAY, dst);
	if (len == 0)
		return too_large();
	memmove(w->values.data + level->first_value_byte, dst, len);

	w->nitems = level->first_item;
	w->keys.len = level->first_key_byte;
	w->values.len = level->first_value_byte + len;
	own = &w->items[w->nitems - 1];
	own->value = level->first_value_byte;
	own->value_len = len;
	return w->values.len > MAX_BYTES ? too_large() : CDC_OK;
}

/* ---- the sink ---- */

static CdcStatus
sink_begin_object(CdcSink *sink)
{
	return begin_container(sink, true);
}

static CdcStatus
sink_end_object(CdcSink *sink)
{
	return end_container(sink, true);
}

static CdcStatus
sink_begin_array(CdcSink *sink)
{
	return begin_container(sink, false);
}

static CdcStatus
sink_end_array(CdcSink *sink)
{
	return end_container(sink, false);
}

static CdcStatus
sink_key(CdcSink *sink, const char *s, size_t len)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;
	Level	   *level;
	char	   *to;
	uint64		hash;
	bool		plain;

	if (w->depth == 0 || !w->levels[w->depth - 1].object || w->levels[w->depth - 1].have_key)
		return CDC_ERR_INTERNAL;
	level = &w->levels[w->depth - 1];
	if (len > MAX_BYTES || w->keys.len + len > MAX_BYTES)
		return too_large();
	w->pending.key = w->keys.len;
	to = bytes_reserve(w, &w->keys, len + KEY_SLACK);
	memcpy(to, s, len);
	hash = hash_key(level->hash, to, len, &plain);
	if (likely(plain))
		w->keys.len += len;
	else
	{
		CdcStatus	st = cdc_jsonb_append_text(w, &w->keys, s, len);

		if (st != CDC_OK)
			return st;
		len = w->keys.len - w->pending.key;
		to = bytes_reserve(w, &w->keys, KEY_SLACK) - len;
		hash = hash_key(level->hash, to, len, &plain);
	}
	level->hash = hash;
	w->pending.key_len = len;
	level->have_key = true;
	return CDC_OK;
}

static CdcStatus
sink_null(CdcSink *sink)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;

	return add_value(w, JENTRY_ISNULL, w->values.len, 0);
}

static CdcStatus
sink_boolean(CdcSink *sink, bool v)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;

	return add_value(w, v ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE, w->values.len, 0);
}

static inline CdcStatus
add_integer(CdcJsonbWriter *w, uint64 magnitude, bool negative)
{
	size_t		at;
	size_t		size;

	bytes_align(w, &w->values);
	at = w->values.len;
	size = cdc_numeric_pack_int(bytes_reserve(w, &w->values, CDC_NUMERIC_INT_SIZE),
								magnitude, negative);
	w->values.len += size;
	return add_value(w, JENTRY_ISNUMERIC, at, size);
}

static CdcStatus
sink_int64(CdcSink *sink, int64_t v)
{
	return add_integer((CdcJsonbWriter *) sink, v < 0 ? -(uint64) v : (uint64) v, v < 0);
}

static CdcStatus
sink_uint64(CdcSink *sink, uint64_t v)
{
	return add_integer((CdcJsonbWriter *) sink, v, false);
}

static CdcStatus
sink_decimal(CdcSink *sink, const char *s, size_t len)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;
	size_t		at;
	size_t		size;
	CdcStatus	st;

	if (len > MAX_BYTES)
		return too_large();
	bytes_align(w, &w->values);
	at = w->values.len;
	st = cdc_numeric_pack_text(bytes_reserve(w, &w->values, CDC_NUMERIC_TEXT_SIZE(len)),
							   &size, s, len);
	if (st != CDC_OK)
		return st;
	w->values.len += size;
	return add_value(w, JENTRY_ISNUMERIC, at, size);
}

static CdcStatus
sink_float4(CdcSink *sink, float v)
{
	char		text[CDC_FLOAT_TEXT];

	if (isnan(v) || isinf(v))
		return CDC_ERR_VALUE;
	return sink_decimal(sink, text, cdc_float4_text(v, text));
}

static CdcStatus
sink_float8(CdcSink *sink, double v)
{
	char		text[CDC_FLOAT_TEXT];

	if (isnan(v) || isinf(v))
		return CDC_ERR_VALUE;
	return sink_decimal(sink, text, cdc_float8_text(v, text));
}

static CdcStatus
sink_string(CdcSink *sink, const char *s, size_t len)
{
	CdcJsonbWriter *w = (CdcJsonbWriter *) sink;
	size_t		at = w->values.len;
	CdcStatus	st = append_text(w, &w->values, s, len);

	if (unlikely(st != CDC_OK))
		return st;
	return add_value(w, JENTRY_ISSTRING, at, w->values.len - at);
}

static const CdcSinkOps jsonb_ops = {
	.begin_object = sink_begin_object,
	.end_object = sink_end_object,
	.begin_array = sink_begin_array,
	.end_array = sink_end_array,
	.key = sink_key,
	.null = sink_null,
	.boolean = sink_boolean,
	.int64 = sink_int64,
	.uint64 = sink_uint64,
	.float4 = sink_float4,
	.float8 = sink_float8,
	.decimal = sink_decimal,
	.string = sink_string
};

/* ---- life ---- */

CdcJsonbWriter *
cdc_jsonb_writer_create(MemoryContext parent)
{
	MemoryContext context;
	CdcJsonbWriter *w;

	cdc_numeric_pack_verify();
	context = AllocSetContextCreate(parent, "cdc_ingest jsonb writer", ALLOCSET_DEFAULT_SIZES);
	w = MemoryContextAllocZero(context, sizeof(CdcJsonbWriter));
	w->sink.ops = &jsonb_ops;
	w->context = context;
	w->encoding = GetDatabaseEncoding();
	w->items_cap = 64;
	w->items = MemoryContextAlloc(context, w->items_cap * sizeof(JsonItem));
	w->order_cap = 64;
	w->order = MemoryContextAlloc(context, w->order_cap * sizeof(uint32));
	cdc_jsonb_bytes_grow(w, &w->keys, 1024);
	cdc_jsonb_bytes_grow(w, &w->values, 8192);
	cdc_jsonb_bytes_grow(w, &w->out, 8192);
	return w;
}

CdcSink *
cdc_jsonb_writer_sink(CdcJsonbWriter *writer)
{
	return &writer->sink;
}

void
cdc_jsonb_writer_nul(CdcJsonbWriter *writer, const char *substitute)
{
	writer->nul = substitute;
}

static void
bytes_shrink(CdcJsonbWriter *w, Bytes *b)
{
	if (b->cap > KEEP_BYTES)
	{
		pfree(b->data);
		b->data = NULL;
		b->cap = b->len = 0;
		cdc_jsonb_bytes_grow(w, b, 8192);
	}
	b->len = 0;
}

void
cdc_jsonb_writer_reset(CdcJsonbWriter *writer)
{
	writer->depth = 0;
	writer->nitems = 0;
	writer->done = false;
	writer->sink.has_nul = false;
	writer->soft = false;
	bytes_shrink(writer, &writer->keys);
	bytes_shrink(writer, &writer->values);
	bytes_shrink(writer, &writer->out);
	if (writer->items_cap * sizeof(JsonItem) > KEEP_BYTES)
	{
		writer->items_cap = 64;
		writer->items = repalloc(writer->items, writer->items_cap * sizeof(JsonItem));
	}
	if (writer->order_cap * sizeof(uint32) > KEEP_BYTES)
	{
		writer->order_cap = 64;
		writer->order = repalloc(writer->order, writer->order_cap * sizeof(uint32));
	}
}

const Jsonb *
cdc_jsonb_writer_finish(CdcJsonbWriter *writer)
{
	if (!writer->done)
		elog(ERROR, "cdc_ingest: JSON document is not complete");
	return (const Jsonb *) writer->out.data;
}
