/*-------------------------------------------------------------------------
 *
 * cache.h
 *	  Mappings and their targets, kept in the backend between calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_CACHE_H
#define CDC_PG_MAPPING_CACHE_H

#include "pg/mapping/mapping.h"

/*
 * The mapping of a source table (a name of len bytes), of the first of its targets, or of the
 * table of that name; CdcMapping.next leads to the other ones.  Its target's relation is
 * locked for writing until the end of the transaction, and the current user's
 * rights on it are checked.  seq: of the event at hand.  run is a number of the
 * caller's choice: what one run got stays as it is until another run asks.
 */
extern CdcMapping *cdc_mapping_get(const CdcSubscription *sub, const char *source_table,
								   size_t len, int64 seq, uint64 run);

/*
 * The next run gets it anew: what was read of a definition of the source is known to be out of
 * date where apply has come to another one, which is later than pull has.
 */
extern void cdc_mapping_forget(const CdcSubscription *sub, const char *source_table, size_t len);

/*
 * The same for who writes nothing to the target: nothing is locked when it returns, and
 * no rights are needed.
 */
extern CdcMapping *cdc_mapping_look(const CdcSubscription *sub, const char *source_table,
									size_t len, int64 seq, uint64 run);

/* Whether the subscription has the source table, with or without a target. */
extern bool cdc_target_is_registered(const CdcSubscription *sub, const char *source_table);

/* Whether errors of some table are not to stop the subscription (option on_error). */
extern bool cdc_target_errors_are_guarded(const CdcSubscription *sub);

#endif							/* CDC_PG_MAPPING_CACHE_H */
