/*-------------------------------------------------------------------------
 *
 * hash.h
 *	  Mixing the bits of a word; hash tables of the server, the same on each version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_HASH_H
#define CDC_PG_BASE_HASH_H

#include "pg/base/compat.h"

#include "utils/hsearch.h"

#include "pg/base/compat_value.h"

/* A one-to-one function of a word: the finalizer of MurmurHash3. */
static inline uint64
cdc_mix_word(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

/*
 * 128 bits that stand for a value: two such are taken for the same where these are, of which
 * there is no chance that counts unless somebody who knows the function looks for it.
 */
typedef struct CdcHash128
{
	uint64		a;
	uint64		b;
} CdcHash128;

#define CDC_HASH128_START {UINT64CONST(0x9e3779b97f4a7c15), UINT64CONST(0xd1b54a32d192ed03)}

static inline void
cdc_hash128_word(CdcHash128 *hash, uint64 word)
{
	hash->a = cdc_mix_word(hash->a ^ word);
	hash->b = cdc_mix_word((hash->b + word) ^ UINT64CONST(0x2545f4914f6cdd1d));
}

/* The length counts: values that follow each other do not run together. */
static inline void
cdc_hash128_bytes(CdcHash128 *hash, const void *data, size_t len)
{
	const char *p = data;
	uint64		word;

	cdc_hash128_word(hash, len);
	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word))
	{
		memcpy(&word, p, sizeof(word));
		cdc_hash128_word(hash, word);
	}
	if (len > 0)
	{
		word = 0;
		memcpy(&word, p, len);
		cdc_hash128_word(hash, word);
	}
}

static inline bool
cdc_hash128_equal(CdcHash128 x, CdcHash128 y)
{
	return x.a == y.a && x.b == y.b;
}

/*
 * hash_create() takes for granted what it is not told, and that in silence: before 14
 * the sizes of keys and entries are ignored without HASH_ELEM, so that keys are cut to 7 bytes
 * and entries overlap, and strings are the default; since then strings have to be said.
 * Nobody else calls it (test/rooms.py).
 */
static inline HTAB *
cdc_hash_table_create(const char *name, long n, Size key_size, Size entry_size, MemoryContext context,
					  int flags)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = key_size;
	ctl.entrysize = entry_size;
	ctl.hash = tag_hash;
	ctl.hcxt = context;
	return hash_create(name, n, &ctl, HASH_ELEM | HASH_CONTEXT | flags);
}

/*
 * A table in the context, for about n entries at first.  An entry begins with its key, a string
 * that ends with a zero within key_size bytes; longer ones are cut.
 */
static inline HTAB *
cdc_hash_of_strings(const char *name, long n, Size key_size, Size entry_size, MemoryContext context)
{
	return cdc_hash_table_create(name, n, key_size, entry_size, context, CDC_HASH_STRINGS);
}

/* The same with keys of exactly key_size bytes, all of which count, padding too. */
static inline HTAB *
cdc_hash_of_bytes(const char *name, long n, Size key_size, Size entry_size, MemoryContext context)
{
	return cdc_hash_table_create(name, n, key_size, entry_size, context, HASH_FUNCTION);
}

#endif							/* CDC_PG_BASE_HASH_H */
