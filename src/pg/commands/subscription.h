/*-------------------------------------------------------------------------
 *
 * subscription.h
 *	  Administration of subscriptions and their tables; the SQL functions are
 *	  in subscription.c and subscription_table.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COMMANDS_SUBSCRIPTION_H
#define CDC_PG_COMMANDS_SUBSCRIPTION_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/source.h"

/*
 * For pull: registers a wanted table that the stream has shown for the first
 * time, with a replica when the subscription has a target schema (made as the
 * subscription's owner).  copy: it may hold rows from before the stream came
 * to it, so an initial copy is needed (where the subscription copies at all);
 * false when its CREATE TABLE was in the stream.
 *
 * When the replica cannot be made the table gets state 'e' with the reason and
 * a WARNING, and the stream goes on.  Returns the table's state.
 */
extern char cdc_subscription_add_discovered_table(const CdcSubscription *sub, CdcSource *source,
												  const CdcTable *table, bool copy);

/* For create_subscription: the same at its begin; errors are raised. */
extern void cdc_subscription_register_table(const CdcSubscription *sub, CdcSource *source,
											const CdcTable *table, bool copy);

/*
 * For pull: rows of the table (in the database's encoding) cannot be read from
 * here on and are left out.  It gets state 'e' with the error, a WARNING and a
 * row in cdc.log; its target, which stays behind, is let go.  A table that is
 * not registered is.  Silent when all this was said before.
 */
extern void cdc_subscription_table_unreadable(const CdcSubscription *sub,
											  const char *source_table, const char *error);

#endif							/* CDC_PG_COMMANDS_SUBSCRIPTION_H */
