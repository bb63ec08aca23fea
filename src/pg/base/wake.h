/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  What a transaction wakes at its commit: workers, the supervisor, those
 *	  who wait for apply.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_WAKE_H
#define CDC_PG_BASE_WAKE_H

#include "pg/base/compat.h"
#include "pg/base/shmem.h"

/* At commit of the current transaction: wake (or start) the database's supervisor. */
extern void cdc_supervisor_wake_at_commit(void);

/*
 * Wakes the subscription's worker of that kind if one runs; in a transaction
 * at its commit, else at once.
 */
extern void cdc_worker_wake(int32 subscription_id, CdcWorkerKind kind);

/* cdc_progress_broadcast() at commit of the current transaction. */
extern void cdc_progress_broadcast_at_commit(void);

/* From _PG_init(): what is to be woken is woken at commit. */
extern void cdc_wake_init(void);

#endif							/* CDC_PG_BASE_WAKE_H */
