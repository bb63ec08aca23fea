/*-------------------------------------------------------------------------
 *
 * hash.h
 *	  Mixing the bits of a word.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_HASH_H
#define CDC_PG_BASE_HASH_H

#include "pg/base/compat.h"

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

#endif							/* CDC_PG_BASE_HASH_H */
