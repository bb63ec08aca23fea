/*-------------------------------------------------------------------------
 *
 * shard.h
 *	  Source tables that fill one target, each its own rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_SHARD_H
#define CDC_PG_MAPPING_SHARD_H

#include "pg/catalog/subscription.h"
#include "pg/mapping/mapping.h"

/*
 * Makes the mapping that the spec describes, as the current user, to see that its target
 * takes it: its expressions, and its key beside those of other source tables of the same
 * target.  rows: those that it may have, if it was there before.  ERROR where it does not.
 *
 * Returns which rows of the target are its own: the constants of its key as JSON, palloc'ed;
 * NULL: all.
 */
extern char *cdc_shard_check(const CdcSubscription *sub, const CdcMappingSpec *spec,
							 CdcTargetRows rows, bool was_there);

#endif							/* CDC_PG_MAPPING_SHARD_H */
