/*-------------------------------------------------------------------------
 *
 * former_key.h
 *	  Keys of a target in rows that stand in the history by other definitions than the last one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_FORMER_KEY_H
#define CDC_PG_MAPPING_FORMER_KEY_H

#include "pg/mapping/mapping.h"

/*
 * What the columns are called that the target's key reads: by index of the key, NULL where no column fills that;
 * and by number of the expressions' input, NULL where the key does not read it.
 */
typedef struct CdcKeyNames
{
	const char **columns;
	const char **inputs;
} CdcKeyNames;

typedef struct CdcFormerKey CdcFormerKey;

/*
 * The key of the target, whose mapping is of the event end, in the events from begin up to that;
 * palloc'ed.  *trouble: why it is not known there, as a sentence without its full stop; or NULL.
 */
extern CdcFormerKey *cdc_former_key(const CdcSubscription *sub, const CdcMapping *mapping, int64 begin, int64 end,
									char **trouble);

/* What its columns are called in the event with that seq, which is one of these. */
extern const CdcKeyNames *cdc_former_key_names(const CdcFormerKey *key, int64 seq);

#endif							/* CDC_PG_MAPPING_FORMER_KEY_H */
