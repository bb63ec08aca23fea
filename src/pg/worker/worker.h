/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  Background workers: launcher, one supervisor a database, and per enabled
 *	  subscription one pull and one apply worker; what they share in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WORKER_H
#define CDC_PG_WORKER_H

#include "pg/base/compat.h"
#include "pg/catalog/catalog.h"

/* Called by _PG_init when loaded through shared_preload_libraries. */
extern void cdc_worker_init(void);

/* Whether it was: then the launcher starts the workers with the server. */
extern bool cdc_preloaded;

/* At commit of the current transaction: wake (or start) the database's supervisor. */
extern void cdc_supervisor_wake_at_commit(void);

/*
 * Wakes the subscription's worker of that kind if one runs; in a transaction
 * at its commit, else at once.
 */
extern void cdc_worker_wake(int32 subscription_id, CdcWriter writer);

/* Whether this process is a worker of the extension. */
extern bool cdc_am_worker(void);

/*
 * Live figures that pull reports into its worker's slot; a no-op elsewhere.
 * last_message: when the source was last heard of.  delay: how far behind the
 * source is what was read last, in microseconds.
 */
#define CDC_DELAY_UNKNOWN	(-1)
extern void cdc_worker_report(TimestampTz last_message, int64 delay);

/*
 * Wakes those who wait in cdc.wait_for (called after apply's commit), and the
 * wait itself: until woken or timeout_ms.  Call it in a loop that looks at
 * the progress before each wait; the first wait returns at once.  After the
 * loop: cdc_progress_wait_end().
 */
extern void cdc_progress_broadcast(void);
extern void cdc_progress_wait(long timeout_ms);
extern void cdc_progress_wait_end(void);

/* The same broadcast at commit of the current transaction (cdc.apply by hand). */
extern void cdc_progress_broadcast_at_commit(void);

#endif							/* CDC_PG_WORKER_H */
