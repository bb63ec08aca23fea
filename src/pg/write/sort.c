/*-------------------------------------------------------------------------
 *
 * sort.c
 *	  Puts reduced rows in the order of their keys, or near it: rows and index
 *	  entries that are neighbours are then written one after the other, which a
 *	  table larger than the processor's caches rewards several times over.
 *
 * It need not be the order of the key's index, as nothing but speed depends on it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* With fewer entries than this, passes over digits do not pay. */
#define SORT_WORDS_FROM	1024

/* Bits that one such pass sorts by. */
#define DIGIT_BITS		11
#define DIGIT(word, least, shift) \
	((((uint64) (word) - (uint64) (least)) >> (shift)) & ((1 << DIGIT_BITS) - 1))

/* An entry to be sorted. */
typedef struct SortItem
{
	int64		word;			/* orders like its first key column, see sort_word() */
	CdcEntry   *entry;
} SortItem;

/* A word that orders like a key column's value, as far as a word can. */
static int64
sort_word(const CdcKeyColumn *key, Datum value)
{
	unsigned char bytes[8] = {0};
	uint64		word = 0;
	int			i;

	switch (key->class)
	{
		case CDC_KEY_WORD:
			return (int64) value;
		case CDC_KEY_FIXED:
			memcpy(bytes, DatumGetPointer(value), Min(key->len, 8));
			break;
		case CDC_KEY_BYTES:
			{
				struct varlena *v = PG_DETOAST_DATUM_PACKED(value);

				memcpy(bytes, VARDATA_ANY(v), Min(VARSIZE_ANY_EXHDR(v), 8));
				break;
			}
		case CDC_KEY_FUNCTION:
			return 0;
	}
	for (i = 0; i < 8; i++)
		word = (word << 8) | bytes[i];
	return (int64) (word ^ (UINT64CONST(1) << 63));
}

/* For qsort_arg(): by the word, then by the other key columns. */
static int
compare_items(const void *a, const void *b, void *arg)
{
	const SortItem *x = a;
	const SortItem *y = b;
	const CdcTarget *target = arg;
	int			i;

	CHECK_FOR_INTERRUPTS();
	if (x->word != y->word)
		return x->word < y->word ? -1 : 1;
	for (i = 1; i < target->nkey; i++)
	{
		int64		v = sort_word(&target->key[i], x->entry->key[i]);
		int64		w = sort_word(&target->key[i], y->entry->key[i]);

		if (v != w)
			return v < w ? -1 : 1;
	}
	return 0;
}

/*
 * Sorts by the words alone: least significant digits first, each pass in the
 * order that the one before left.  Returns items or other, whichever has the
 * result.
 */
static SortItem *
sort_words(SortItem *items, SortItem *other, int n, int64 least, int64 greatest)
{
	uint64		range = (uint64) greatest - (uint64) least;
	int			shift;

	for (shift = 0; shift < 64 && (range >> shift) != 0; shift += DIGIT_BITS)
	{
		int			place[1 << DIGIT_BITS] = {0};
		SortItem   *swap = items;
		int			before = 0;
		int			i;

		for (i = 0; i < n; i++)
			place[DIGIT(items[i].word, least, shift)]++;
		for (i = 0; i < (1 << DIGIT_BITS); i++)
		{
			int			count = place[i];

			place[i] = before;
			before += count;
		}
		for (i = 0; i < n; i++)
			other[place[DIGIT(items[i].word, least, shift)]++] = items[i];
		items = other;
		other = swap;
	}
	return items;
}

/* Sorts the items whose words are equal by the other key columns. */
static void
sort_equal_words(SortItem *items, int n, const CdcTarget *target)
{
	int			first = 0;
	int			i;

	for (i = 1; i <= n; i++)
	{
		if (i < n && items[i].word == items[first].word)
			continue;
		if (i - first > 1)
			qsort_arg(items + first, i - first, sizeof(SortItem), compare_items,
					  (void *) target);
		first = i;
	}
}

/* Memory comes from the batch and is given back. */
void
cdc_reduce_sort(CdcTargetRun *run)
{
	const CdcTarget *target = run->target;
	int64		least = PG_INT64_MAX;
	int64		greatest = PG_INT64_MIN;
	SortItem   *items;
	bool		sorted = true;
	int			i;

	StaticAssertStmt(2 * sizeof(SortItem) <= CDC_SORT_BYTES, "an entry's share of the sort");
	if (target->keyless || run->nentries < 32 || target->key[0].class == CDC_KEY_FUNCTION)
		return;
	items = MemoryContextAllocHuge(run->batch, CDC_SORT_BYTES * run->nentries);
	for (i = 0; i < run->nentries; i++)
	{
		CdcEntry   *entry = run->entries[i];
		int64		word;

		if (entry->key_nulls != 0)
			return;
		word = sort_word(&target->key[0], entry->key[0]);
		items[i].word = word;
		items[i].entry = entry;
		if (i > 0 && word < items[i - 1].word)
			sorted = false;
		least = Min(least, word);
		greatest = Max(greatest, word);
	}
	if (!sorted)
	{
		SortItem   *result = items;

		if (run->nentries < SORT_WORDS_FROM)
			qsort_arg(items, run->nentries, sizeof(SortItem), compare_items, (void *) target);
		else
		{
			result = sort_words(items, items + run->nentries, run->nentries, least, greatest);
			if (target->nkey > 1)
				sort_equal_words(result, run->nentries, target);
		}
		for (i = 0; i < run->nentries; i++)
			run->entries[i] = result[i].entry;
	}
	pfree(items);
}
