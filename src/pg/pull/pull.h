/*-------------------------------------------------------------------------
 *
 * pull.h
 *	  pull: the next source transactions into history, the position with them,
 *	  in the caller's PostgreSQL transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_PULL_H
#define CDC_PG_PULL_PULL_H

#include "pg/catalog/subscription.h"

typedef struct CdcPullBounds
{
	int64		max_events;		/* stop at the first commit at or behind; 0 = none */
	int64		max_bytes;		/* likewise, bytes of binlog; 0 = none */
	int			max_ms;			/* likewise, since the first event; 0 = none */
	bool		until_now;		/* true: up to where the source stood at the call (waits for
								 * it); false: what has arrived */
} CdcPullBounds;

typedef struct CdcPullResult
{
	int64		events;			/* appended to history */
	int64		transactions;
	int64		bytes;
	bool		more;			/* stopped at a bound: call again at once */
	bool		moved;			/* the position was written */
} CdcPullResult;

extern void cdc_pull_run(const CdcSubscription *sub, const CdcPullBounds *bounds,
						 CdcPullResult *result);

/*
 * For workers, outside of a transaction: waits until the stream that the last
 * cdc_pull_run() left open has something, the latch is set, or timeout_ms.
 */
extern void cdc_pull_wait(int32 subscription_id, long timeout_ms);

/* Closes the stream kept open for a subscription (disable, errors, exit). */
extern void cdc_pull_disconnect(int32 subscription_id);

#endif							/* CDC_PG_PULL_PULL_H */
