/*-------------------------------------------------------------------------
 *
 * take_over.h
 *	  Taking a subscription over as things are now: in a restored or copied
 *	  database, or where something was dropped and made anew.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_TAKE_OVER_H
#define CDC_PG_CATALOG_TAKE_OVER_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"

/*
 * Keeps what the subscription's names stand for from now on: what it was, where that
 * still exists, else what has the name; of an owner that is gone, or has not the rights
 * of the history's owner any more, that one.  Targets and publications likewise.
 * Superusers and members of that role may.  Reads the subscription anew; ERROR where
 * owner or history are not found.
 */
extern CdcSubscription *cdc_subscription_take_over(const CdcSubscription *sub);

/* Writes the names of now where the ones that are kept are others. */
extern void cdc_subscription_follow_names(const CdcSubscription *sub);

#endif							/* CDC_PG_CATALOG_TAKE_OVER_H */
