/*-------------------------------------------------------------------------
 *
 * turn.h
 *	  The transactions of a background process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WORKER_TURN_H
#define CDC_PG_WORKER_TURN_H

#include "pg/base/compat.h"

/*
 * Starts a transaction that DROP EXTENSION waits for and that waits for it;
 * false (and no transaction) when the extension is not there.  The lock is
 * taken before any other, so that the two cannot end in a deadlock.
 */
extern bool cdc_background_transaction(void);
extern void cdc_background_commit(void);

typedef enum CdcTurnEnd
{
	CDC_TURN_DONE,
	CDC_TURN_GONE,				/* the extension is not there, so nothing was done */
	CDC_TURN_LOCKED				/* somebody's lock lasted longer than lock_timeout: likewise */
} CdcTurnEnd;

/*
 * Does something in a transaction of its own, for a process that is not to end where
 * somebody has a lock.  Leaves the memory context as it is.
 */
extern CdcTurnEnd cdc_background_do(void (*act) (void *arg), void *arg);

#endif							/* CDC_PG_WORKER_TURN_H */
