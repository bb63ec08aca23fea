/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  Locks on targets: who waits for one in vain says for whom.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_LOCK_H
#define CDC_PG_TARGET_LOCK_H

#include "pg/base/compat.h"
#include "storage/lock.h"

/*
 * How long a lock is waited for that nobody gets along with: so long, and no longer,
 * do others queue behind the wait.
 */
#define CDC_EXCLUSIVE_WAIT_MS	1000

/* While it is in force, an ERROR of a lock that was not got says which, and who has it. */
typedef struct CdcLockWait
{
	ErrorContextCallback callback;
	int			guc_level;		/* 0: lock_timeout stays as it is */
	const char *message;		/* of the ERROR, in place of the server's */
	const char *holders;		/* who had the lock; NULL: nobody */
} CdcLockWait;

/*
 * Begins it for a relation and its partitions: with lock_timeout limit_ms at the most,
 * 0: as it is.  what completes "could not lock target ...".
 */
extern void cdc_lock_wait_begin(CdcLockWait *wait, Oid relid, const char *what, int limit_ms);
extern void cdc_lock_wait_end(CdcLockWait *wait);

/* Locks a target for writing to it. */
extern void cdc_lock_target(Oid relid, LOCKMODE mode);

#endif							/* CDC_PG_TARGET_LOCK_H */
