/*-------------------------------------------------------------------------
 *
 * publish.h
 *	  History to topics of Kafka.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PUBLISH_PUBLISH_H
#define CDC_PG_PUBLISH_PUBLISH_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"

/*
 * Sends the next events of a publication, at most max_events (0 = all) rounded up to
 * a commit, and moves its position, in the caller's transaction.  The brokers have
 * confirmed them at return; those of a publication with a transactional_id are sent
 * when the transaction commits.  Waits for another session that publishes the same.
 * Returns the number of events, -1 when there is no such publication; *more: there may
 * be further events.
 */
extern int64 cdc_publish_run(const char *publication, int64 max_events, bool *more);

/* Names of a subscription's enabled publications (of char *), in the given context. */
extern List *cdc_publications_enabled(const CdcSubscription *sub, MemoryContext cxt);

#endif							/* CDC_PG_PUBLISH_PUBLISH_H */
