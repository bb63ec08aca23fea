/*-------------------------------------------------------------------------
 *
 * key_set.h
 *	  A set of keys of a target, in bounded memory: which of its rows have been seen.
 *
 *	  A key is kept as 128 bits that are made of it with numbers of the set's own, so that
 *	  no keys are taken for each other twice.  A set may be of one
 *	  part of several, so that many keys take several rounds instead of more memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WRITE_KEY_SET_H
#define CDC_PG_WRITE_KEY_SET_H

#include "pg/target/target.h"

typedef struct CdcKeySet CdcKeySet;

/*
 * A set of keys of the target that takes up to so many bytes, in a memory context of its
 * own below the current one.
 */
extern CdcKeySet *cdc_key_set_create(const CdcTarget *target, size_t bytes);

/* Empties it; from here on it is of the keys of one part of so many, counted from 0. */
extern void cdc_key_set_reset(CdcKeySet *set, uint32 part, uint32 parts);

/*
 * Adds the key in values and nulls (by attribute); one of another part is left out.
 * false: there is no room for it.
 */
extern bool cdc_key_set_add(CdcKeySet *set, const Datum *values, const bool *nulls);

/* Whether the key is of the set's part, and not in the set. */
extern bool cdc_key_set_lacks(const CdcKeySet *set, const Datum *values, const bool *nulls);

extern void cdc_key_set_destroy(CdcKeySet *set);

#endif							/* CDC_PG_WRITE_KEY_SET_H */
