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
 * target_schema implies: a NOTICE where it is the current user's, who runs the
 * subscription, and has no rows, or may have some; else ERROR.
 */
extern void cdc_claim_adopt(const CdcSubscription *sub, const char *source_table, Oid relid,
							const char *name, CdcTargetRows rows);

/*
 * For one that was named: ERROR where it has rows (that meet the SQL condition, unless
 * that is NULL), and may have none.
 */
extern void cdc_claim_rows(const CdcSubscription *sub, const char *source_table,
						   const char *name, CdcTargetRows rows, const char *condition);

/* Whether another table, of any subscription, fills the relation, too, than that of the name. */
extern bool cdc_claim_is_shared(const CdcSubscription *sub, const char *name, Oid relid);

#endif							/* CDC_PG_TARGET_CLAIM_H */
