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
#include "pg/jsonb_writer.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "pg/numeric_pack.h"

/* Deeper than any source can nest (MySQL: 100), far from any stack limit. */
#define MAX_DEPTH			512

/* No JSONB can be larger: offsets have 28 bits. */
#define MAX_BYTES			((size_t) JENTRY_OFFLENMASK)

/* Buffers above this are given back at reset. */
#define KEEP_BYTES			((size_t) 1024 * 1024)

#define SHAPES				64	/* a power of two */
#define SHAPE_MAX_KEYS		2048
#define SHAPE_MAX_BYTES		32768

#define ALIGN4(n)			(((n) + 3) & ~(size_t) 3)

/* U+FFFD, what JSONB gets for U+0000 */
static const char replacement_utf8[] = "\xEF\xBF\xBD";

typedef struct Bytes
{
	char	   *data;
	size_t		len;
	size_t		cap;
} Bytes;

typedef struct JsonItem
{
	uint32		key;			/* offset in keys */
	uint32		key_len;
	uint32		value;			/* offset in values */
	uint32		value_len;
	JEntry		kind;			/* JENTRY_IS... */
} JsonItem;

typedef struct Level
{
	bool		object;
	bool		have_key;		/* a key waits for its value */
	uint32		first_item;
	uint32		first_key_byte;
	uint32		first_value_byte;
	uint64		hash;			/* of the keys so far */
} Level;

/*
 * Objects whose keys came in a certain order: what does not depend on the
 * values.
 */
typedef struct Shape
{
	uint64		hash;
	int			nkeys;			/* as they came; 0 = free */
	int			nsorted;		/* without duplicates */
	size_t		keys_len;
	char	   *keys;			/* as they came */
	uint32	   *key_lens;		/* as they came */
	uint32	   *order;			/* sorted place -> number as it came */
	JEntry	   *entries;		/* of the sorted keys */
	char	   *sorted;			/* bytes of the sorted keys */
	size_t		sorted_len;
	char	   *memory;			/* one piece, holds the above */
} Shape;

struct CdcJsonbWriter
{
	CdcSink		sink;			/* first: the sink's functions get this */
	MemoryContext context;
	int			encoding;		/* of the database */
	bool		done;			/* the root is complete */
	int			depth;
	JsonItem	   *items;
	uint32		nitems;
	uint32		items_cap;
	uint32	   *order;			/* scratch for sorting */
	uint32		order_cap;
	Bytes		keys;
	Bytes		values;
	Bytes		out;
	JsonItem		pending;		/* key of the value to come */
	Shape		shapes[SHAPES];
	Level		levels[MAX_DEPTH];
};

/* ---- memory ---- */

static void
bytes_grow(CdcJsonbWriter *w, Bytes *b, size_t extra)
{
	size_t		cap = Max(b->cap * 2, b->len + extra);

	if (cap > MaxAllocSize)
		cap = Max(b->len + extra, (size_t) MaxAllocSize);
	b->data = b->data == NULL ? MemoryContextAlloc(w->context, cap) : repalloc(b->data, cap);
	b->cap = cap;
}

static inline char *
bytes_reserve(CdcJsonbWriter *w, Bytes *b, size_t extra)
{
	if (unlikely(b->cap - b->len < extra))
		bytes_grow(w, b, extra);
	return b->data + b->len;
}

static inline void
bytes_align(CdcJsonbWriter *w, Bytes *b)
{
	bytes_reserve(w, b, 4);
	while (b->len % 4 != 0)
		b->data[b->len++] = 0;
}

static JsonItem *
new_item(CdcJsonbWriter *w)
{
	if (unlikely(w->nitems == w->items_cap))
	{
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

/* ---- text ---- */

/*
 * Whether the text is plain: no byte with the high bit set and none that is
 * zero, so that it is valid in every encoding.
 */
static inline bool
is_plain(const char *s, size_t len)
{
	const uint64 high = UINT64CONST(0x8080808080808080);
	const uint64 ones = UINT64CONST(0x0101010101010101);

	for (; len >= 8; s += 8, len -= 8)
	{
		uint64		v;

		memcpy(&v, s, 8);
		/* a zero byte borrows into its high bit; others without it do not */
		if (((v - ones) | v) & high)
			return false;
	}
	for (; len > 0; s++, len--)
	{
		if (*s == '\0' || (*s & 0x80) != 0)
			return false;
	}
	return true;
}

/* Replaces U+0000; the result replaces *s and is palloc'ed. */
static void
replace_nul(CdcJsonbWriter *w, const char **s, size_t *len)
{
	bool		utf8 = (w->encoding == PG_UTF8);
	const char *substitute = utf8 ? replacement_utf8 : "?";
	size_t		width = strlen(substitute);
	size_t		zeros = 0;
	size_t		i;
	char	   *copy;
	char	   *to;

	for (i = 0; i < *len; i++)
		zeros += ((*s)[i] == '\0');
	copy = to = palloc(*len + zeros * (width - 1) + 1);
	for (i = 0; i < *len; i++)
	{
		if ((*s)[i] != '\0')
			*to++ = (*s)[i];
		else
		{
			memcpy(to, substitute, width);
			to += width;
		}
	}
	*s = copy;
	*len = to - copy;
	w->sink.has_nul = true;
}

/* Appends text that is not plain. */
static CdcStatus
append_text_slow(CdcJsonbWriter *w, Bytes *b, const char *s, size_t len)
{
	const char *given = s;
	const char *clean;
	const char *text;

	if (memchr(s, '\0', len) != NULL)
	{
		if (len > MAX_BYTES / 3)
			return too_large();
		replace_nul(w, &s, &len);
	}
	clean = s;

	/* what is stored must be valid, whatever a source sends */
	if (!pg_verify_mbstr(PG_UTF8, clean, (int) len, true))
		return CDC_ERR_CORRUPT;
	text = clean;
	if (w->encoding != PG_UTF8 && w->encoding != PG_SQL_ASCII)
	{
		text = (const char *) pg_do_encoding_conversion((unsigned char *) clean, (int) len,
														PG_UTF8, w->encoding);
		if (text != clean)
			len = strlen(text);
	}
	memcpy(bytes_reserve(w, b, len), text, len);
	b->len += len;
	if (text != clean)
		pfree((void *) text);
	if (clean != given)
		pfree((void *) clean);
	return CDC_OK;
}

static inline CdcStatus
append_text(CdcJsonbWriter *w, Bytes *b, const char *s, size_t len)
{
	if (unlikely(len > MAX_BYTES || b->len + len > MAX_BYTES))
		return too_large();
	if (unlikely(!is_plain(s, len)))
		return append_text_slow(w, b, s, len);
	if (len > 0)
		memcpy(bytes_reserve(w, b, len), s, len);
	b->len += len;
	return CDC_OK;
}

/* ---- order of keys ---- */

static inline int
compare_keys(const char *a, uint32 a_len, const char *b, uint32 b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(a, b, a_len);
}

typedef struct SortContext
{
	const JsonItem *items;
	const char *keys;
} SortContext;

static int
compare_items(const void *a, const void *b, void *arg)
{
	const SortContext *ctx = arg;
	uint32		ia = *(const uint32 *) a;
	uint32		ib = *(const uint32 *) b;
	const JsonItem *x = &ctx->items[ia];
	const JsonItem *y = &ctx->items[ib];
	int			c = compare_keys(ctx->keys + x->key, x->key_len,
								 ctx->keys + y->key, y->key_len);

	if (c != 0)
		return c;
	return ia < ib ? -1 : 1;
}

/*
 * Fills w->order with the numbers of the level's items, sorted by key; of
 * equal keys only the last one.  Returns how many.
 */
static int
sort_items(CdcJsonbWriter *w, const JsonItem *items, int n)
{
	SortContext ctx = {items, w->keys.data};
	int			kept = 0;
	int			i;

	if (w->order_cap < (uint32) n)
	{
		w->order_cap = Max((uint32) n, w->order_cap * 2);
		pfree(w->order);
		w->order = MemoryContextAlloc(w->context, w->order_cap * sizeof(uint32));
	}
	for (i = 0; i < n; i++)
		w->order[i] = i;
	qsort_arg(w->order, n, sizeof(uint32), compare_items, &ctx);
	for (i = 0; i < n; i++)
	{
		const JsonItem *item = &items[w->order[i]];

		if (kept > 0)
		{
			const JsonItem *before = &items[w->order[kept - 1]];

			if (compare_keys(w->keys.data + before->key, before->key_len,
							 w->keys.data + item->key, item->key_len) == 0)
				kept--;
		}
		w->order[kept++] = w->order[i];
	}
	return kept;
}

/* ---- shapes ---- */

#define KEY_SLACK			8	/* bytes that may be read behind a key */
#define HASH_FACTOR			UINT64CONST(0xFF51AFD7ED558CCD)

/*
 * Continues the hash with a key, and tells whether the key is plain (see
 * is_plain()).  Reads whole words, up to KEY_SLACK bytes behind the end.
 */
static inline uint64
hash_key(uint64 hash, const char *s, size_t len, bool *plain)
{
	const uint64 high = UINT64CONST(0x8080808080808080);
	const uint64 ones = UINT64CONST(0x0101010101010101);
	uint64		odd = 0;
	uint64		v;

	hash ^= len;
	for (; len >= 8; s += 8, len -= 8)
	{
		memcpy(&v, s, 8);
		odd |= (v - ones) | v;
		hash = (hash ^ v) * HASH_FACTOR;
		hash ^= hash >> 32;
	}
	memcpy(&v, s, 8);
#ifdef WORDS_BIGENDIAN
	v = len == 0 ? 0 : v >> (64 - 8 * len);
#else
	v &= (UINT64CONST(1) << (8 * len)) - 1;
#endif
	/* the bytes that were masked out must not look like zeros */
	odd |= (v - (ones & ((UINT64CONST(1) << (8 * len)) - 1))) | v;
	hash = (hash ^ v) * HASH_FACTOR;
	*plain = (odd & high) == 0;
	return hash ^ (hash >> 32);
}

/* Writes the sorted keys and their JEntries, as convertJsonbObject() does. */
static size_t
put_keys(const JsonItem *items, const char *keys, const uint32 *order, int n,
		 JEntry *entries, char *bytes)
{
	size_t		total = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		const JsonItem *item = &items[order[i]];

		memcpy(bytes + total, keys + item->key, item->key_len);
		total += item->key_len;
		entries[i] = JENTRY_ISSTRING |
			(i % JB_OFFSET_STRIDE == 0 ? (JENTRY_HAS_OFF | (JEntry) total) : item->key_len);
	}
	return total;
}

static void
remember_shape(CdcJsonbWriter *w, Shape *shape, const Level *level, const JsonItem *items,
			   int n, int nsorted)
{
	size_t		keys_len = w->keys.len - level->first_key_byte;
	char	   *p;
	int			i;

	if (n == 0 || n > SHAPE_MAX_KEYS || keys_len > SHAPE_MAX_BYTES)
		return;
	shape->nkeys = 0;
	if (shape->memory != NULL)
		pfree(shape->memory);
	shape->memory = NULL;
	shape->memory = p = MemoryContextAlloc(w->context, n * (2 * sizeof(uint32) + sizeof(JEntry)) +
										   2 * keys_len);
	shape->key_lens = (uint32 *) p;
	shape->order = shape->key_lens + n;
	shape->entries = (JEntry *) (shape->order + n);
	shape->keys = (char *) (shape->entries + n);
	shape->sorted = shape->keys + keys_len;

	shape->hash = level->hash;
	shape->keys_len = keys_len;
	memcpy(shape->keys, w->keys.data + level->first_key_byte, keys_len);
	for (i = 0; i < n; i++)
		shape->key_lens[i] = items[i].key_len;
	memcpy(shape->order, w->order, nsorted * sizeof(uint32));
	shape->sorted_len = put_keys(items, w->keys.data, w->order, nsorted,
								 shape->entries, shape->sorted);
	shape->nsorted = nsorted;
	shape->nkeys = n;			/* valid from here on */
}

/* The shape of the level's object, or NULL when it has not been seen lately. */
static const Shape *
find_shape(const CdcJsonbWriter *w, const Shape *shape, const Level *level,
		   const JsonItem *items, int n)
{
	int			i;

	if (n == 0 || shape->nkeys != n || shape->hash != level->hash ||
		shape->keys_len != w->keys.len - level->first_key_byte ||
		memcmp(shape->keys, w->keys.data + level->first_key_byte, shape->keys_len) != 0)
		return NULL;
	for (i = 0; i < n; i++)
	{
		if (shape->key_lens[i] != items[i].key_len)
			return NULL;
	}
	return shape;
}

/* ---- containers ---- */

/*
 * Writes the values behind what is in the container so far (pos bytes, total
 * of which are data) and their JEntries.  first: number of the first value
 * among the container's children.  Returns the container's length, or 0 when
 * it is too large.
 */
static size_t
put_values(CdcJsonbWriter *w, char *container, size_t pos, size_t total,
		   JEntry *entries, const JsonItem *items, const uint32 *order, int n, int first)
{
	const char *values = w->values.data;
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
	const Shape *shape = find_shape(w, slot, level, items, n);
	JEntry	   *entries = (JEntry *) (dst + sizeof(uint32));
	const uint32 *order;
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
		nsorted = sort_items(w, items, n);
		order = w->order;
		data = (char *) (entries + 2 * nsorted);
		keys_len = put_keys(items, w->keys.data, order, nsorted, entries, data);
		remember_shape(w, slot, level, items, n, nsorted);
	}
	*(uint32 *) dst = (uint32) nsorted | JB_FOBJECT;
	return put_values(w, dst, (data - dst) + keys_len, keys_len, entries + nsorted,
					  items, order, nsorted, nsorted);
}

static size_t
build_array(CdcJsonbWriter *w, const JsonItem *items, int n, uint32 flags, char *dst)
{
	JEntry	   *entries = (JEntry *) (dst + sizeof(uint32));

	*(uint32 *) dst = (uint32) n | flags;
	return put_values(w, dst, sizeof(uint32) + n * sizeof(JEntry), 0, entries,
					  items, NULL, n, 0);
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
		item->kind = kind;
		item->value = value;
		item->value_len = len;
		return build_root(w, &root, JB_FARRAY | JB_FSCALAR);
	}
	item = new_item(w);
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
		CdcStatus	st = append_text_slow(w, &w->keys, s, len);

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
	bytes_grow(w, &w->keys, 1024);
	bytes_grow(w, &w->values, 8192);
	bytes_grow(w, &w->out, 8192);
	return w;
}

CdcSink *
cdc_jsonb_writer_sink(CdcJsonbWriter *writer)
{
	return &writer->sink;
}

static void
bytes_shrink(CdcJsonbWriter *w, Bytes *b)
{
	if (b->cap > KEEP_BYTES)
	{
		pfree(b->data);
		b->data = NULL;
		b->cap = b->len = 0;
		bytes_grow(w, b, 8192);
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
