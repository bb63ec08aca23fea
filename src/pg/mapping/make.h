/*-------------------------------------------------------------------------
 *
 * make.h
 *	  Making a mapping.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_MAKE_H
#define CDC_PG_MAPPING_MAKE_H

#include "pg/mapping/mapping.h"

/*
 * Makes the mapping and its target in the current memory context, which has to
 * live as long as they.  writes: the relation is locked for that until the end of the
 * transaction, and the writer's rights are checked; else nothing stays locked.  seq: of the event as of which the source's columns are taken.
 * ERROR where the target cannot be written in that way, or not by the current
 * user; NOTICE where it will be slow.
 */
extern CdcMapping *cdc_mapping_make(const CdcSubscription *sub, const CdcMappingSpec *spec,
									int64 seq, bool writes);

#endif							/* CDC_PG_MAPPING_MAKE_H */
