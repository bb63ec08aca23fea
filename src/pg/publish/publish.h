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

/* The name of a publication of the subscription; NULL: it is gone or disabled. */
extern char *cdc_publication_enabled(const CdcSubscription *sub, int32 id);

#endif							/* CDC_PG_PUBLISH_PUBLISH_H */
