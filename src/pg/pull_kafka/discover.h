/*-------------------------------------------------------------------------
 *
 * discover.h
 *	  Tables that messages are the first to name.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_KAFKA_DISCOVER_H
#define CDC_PG_PULL_KAFKA_DISCOVER_H

#include "pg/catalog/subscription.h"

#include "envelope/envelope.h"

/*
 * For pull: makes the replica, where the subscription has a target_schema, of a
 * table that it wants and does not have yet, as the message's row or definition
 * says.  A failure is state 'e' of the table, not an ERROR.  false: the message does
 * not say what the table looks like; ask again with the next one.  seq: of its event.
 */
extern bool cdc_discover_table(const CdcSubscription *sub, CdcArena *arena, CdcEnvelope *env,
							   int64 seq);

#endif							/* CDC_PG_PULL_KAFKA_DISCOVER_H */
