/*-------------------------------------------------------------------------
 *
 * jsonb_shape.c
 *	  The order of an object's keys, and remembering it: the objects of one
 *	  table have the same keys in the same order, row after row.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/jsonb_writer_internal.h"

#include "utils/memutils.h"

#define SHAPE_MAX_KEYS		2048
#define SHAPE_MAX_BYTES		32768

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

int
cdc_jsonb_sort_items(CdcJsonbWriter *w, const JsonItem *items, int n)
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

size_t
cdc_jsonb_put_keys(const JsonItem *items, const char *keys, const uint32 *order, int n,
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

void
cdc_jsonb_remember_shape(CdcJsonbWriter *w, Shape *shape, const Level *level, const JsonItem *items,
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
	shape->sorted_len = cdc_jsonb_put_keys(items, w->keys.data, w->order, nsorted,
								 shape->entries, shape->sorted);
	shape->nsorted = nsorted;
	shape->nkeys = n;			/* valid from here on */
}

const Shape *
cdc_jsonb_find_shape(const CdcJsonbWriter *w, const Shape *shape, const Level *level,
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
