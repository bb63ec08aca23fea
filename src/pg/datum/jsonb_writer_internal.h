/*-------------------------------------------------------------------------
 *
 * jsonb_writer_internal.h
 *	  What jsonb_writer.c, jsonb_shape.c and jsonb_text.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_JSONB_WRITER_INTERNAL_H
#define CDC_PG_DATUM_JSONB_WRITER_INTERNAL_H

#include "pg/datum/jsonb_writer.h"

/* Deeper than any source can nest (MySQL: 100), far from any stack limit. */
#define MAX_DEPTH			512

/* No JSONB can be larger: offsets have 28 bits. */
#define MAX_BYTES			((size_t) JENTRY_OFFLENMASK)

#define SHAPES				64	/* a power of two */

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
	bool		soft;			/* text that the encoding lacks is a status, no ERROR */
	char		problem[256];	/* what the conversion said about it, UTF-8, or "" */
	bool		done;			/* the root is complete */
	int			depth;
	JsonItem   *items;
	uint32		nitems;
	uint32		items_cap;
	uint32	   *order;			/* scratch for sorting */
	uint32		order_cap;
	Bytes		keys;
	Bytes		values;
	Bytes		out;
	JsonItem	pending;		/* key of the value to come */
	const char *nul;			/* what stands for U+0000; NULL: U+FFFD */
	Shape		shapes[SHAPES];
	Level		levels[MAX_DEPTH];
};

/* ---- memory ---- */

/* Makes room for extra more bytes. */
extern void cdc_jsonb_bytes_grow(CdcJsonbWriter *w, Bytes *b, size_t extra);

static inline char *
bytes_reserve(CdcJsonbWriter *w, Bytes *b, size_t extra)
{
	if (unlikely(b->cap - b->len < extra))
		cdc_jsonb_bytes_grow(w, b, extra);
	return b->data + b->len;
}

static inline void
bytes_align(CdcJsonbWriter *w, Bytes *b)
{
	bytes_reserve(w, b, 4);
	while (b->len % 4 != 0)
		b->data[b->len++] = 0;
}

/* ---- text (jsonb_text.c) ---- */

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

/* Appends text that is not plain: checked, converted, without U+0000. */
extern CdcStatus cdc_jsonb_append_text(CdcJsonbWriter *w, Bytes *b, const char *s, size_t len);

/* ---- order of keys (jsonb_shape.c) ---- */

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

/*
 * Fills w->order with the numbers of the items, sorted by key; of equal keys
 * only the last one.  Returns how many.
 */
extern int	cdc_jsonb_sort_items(CdcJsonbWriter *w, const JsonItem *items, int n);

/*
 * Writes the sorted keys and their JEntries, as convertJsonbObject() does;
 * returns the length of the keys.
 */
extern size_t cdc_jsonb_put_keys(const JsonItem *items, const char *keys, const uint32 *order,
								 int n, JEntry *entries, char *bytes);

/* Remembers the order in w->order for objects like this one. */
extern void cdc_jsonb_remember_shape(CdcJsonbWriter *w, Shape *shape, const Level *level,
									 const JsonItem *items, int n, int nsorted);

/* shape, if it is that of the level's object; else NULL. */
extern const Shape *cdc_jsonb_find_shape(const CdcJsonbWriter *w, const Shape *shape,
										 const Level *level, const JsonItem *items, int n);

#endif							/* CDC_PG_DATUM_JSONB_WRITER_INTERNAL_H */
