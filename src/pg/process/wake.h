/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  What a transaction wakes at its commit: workers, the supervisor, sessions
 *	  that wait for apply.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROCESS_WAKE_H
#define CDC_PG_PROCESS_WAKE_H

#include "pg/base/compat.h"
#include "pg/process/shmem.h"

/*
 * Wakes the subscription's worker of that kind, if one runs: in a transaction at
 * its commit, else at once.
 */
extern void cdc_worker_wake(int32 subscription_id, CdcWorkerKind kind);

/* Wakes the database's supervisor now, if there is one: what waits after a failure is tried again. */
extern void cdc_supervisor_wake(void);

/* At the current transaction's commit: wakes or starts the database's supervisor. */
extern void cdc_supervisor_wake_at_commit(void);

/* At the current transaction's commit: wakes the sessions that wait for apply. */
extern void cdc_progress_broadcast_at_commit(void);

/* From _PG_init(): registers what does all this. */
extern void cdc_wake_init(void);

#endif							/* CDC_PG_PROCESS_WAKE_H */
