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
#include "pg/pull/source_kind.h"

/* result is filled, whatever it held.  Raises what goes wrong. */
extern void cdc_pull_run(CdcSubscription *sub, const CdcPullBounds *bounds,
						 CdcPullResult *result);

/*
 * For workers, outside of a transaction: waits until the stream that the last
 * cdc_pull_run() left open has something, the latch is set, or timeout_ms.
 */
extern void cdc_pull_wait(int32 subscription_id, long timeout_ms);

/* Closes the stream kept open for a subscription (disable, errors, exit). */
extern void cdc_pull_disconnect(int32 subscription_id);

/*
 * After a pull that failed with error, in a new transaction: what the views are to
 * show of it beside cdc.subscription_failure.
 */
extern void cdc_pull_failed(const CdcSubscription *sub, int sqlerrcode, const char *error);

#endif							/* CDC_PG_PULL_PULL_H */
