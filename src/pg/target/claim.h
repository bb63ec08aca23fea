/*-------------------------------------------------------------------------
 *
 * claim.h
 *	  Which relations a subscription may fill.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_CLAIM_H
#define CDC_PG_TARGET_CLAIM_H

#include "pg/catalog/subscription.h"

/* ERROR for a relation of the system or of ours, and for a history.  name: for messages. */
extern void cdc_claim_check(Oid relid, const char *name);

/*
 * For a table that is there and that has the name which the subscription's
 * target_schema implies: a NOTICE where it is empty and the current user's, who runs
 * the subscription; else ERROR.
 */
extern void cdc_claim_adopt(const CdcSubscription *sub, const char *source_table, Oid relid,
							const char *name);

#endif							/* CDC_PG_TARGET_CLAIM_H */
