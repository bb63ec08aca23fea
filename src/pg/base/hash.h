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

#endif							/* CDC_PG_BASE_HASH_H */
