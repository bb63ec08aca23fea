/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  What the extension's processes share: a slot for each worker, and a
 *	  condition that apply broadcasts when it has come further.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROCESS_SHMEM_H
#define CDC_PG_PROCESS_SHMEM_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"

typedef enum CdcWorkerKind
{
	CDC_WORKER_SUPERVISOR = 0,
	CDC_WORKER_PULL = 1,
	CDC_WORKER_APPLY = 2,
	CDC_WORKER_PUBLISH = 3
} CdcWorkerKind;

/* Slots of the whole server: one for each database, two or three for each subscription. */
#define CDC_SLOTS	128

/* A copy of a slot, as it was at a moment. */
typedef struct CdcSlotInfo
{
	/* which slot */
	int			index;
	uint32		ticket;			/* tells this use of the slot from others */

	/* whose it is */
	Oid			dbid;
	Oid			roleid;			/* it runs as; InvalidOid for a supervisor */
	NameData	rolename;		/* the role's, when the slot was reserved; may be empty */
	int32		subscription_id;	/* 0 for a supervisor */
	CdcWorkerKind kind;
	int			pid;			/* 0: it is reserved, its process has not come yet */
	TimestampTz since;			/* when it was reserved, then when its process came */

	/* figures of pull, see cdc_worker_report() */
	TimestampTz last_message;	/* 0: there was none */
	int64		delay;			/* microseconds, or CDC_DELAY_UNKNOWN */
} CdcSlotInfo;

/* Whether this process is a worker of the extension. */
extern bool cdc_am_worker(void);

/*
 * Stores figures of pull in its worker's slot, for cdc.worker_status(); does
 * nothing outside of a worker.  last_message: when the source last sent anything.
 * delay: how much older than now is what was read last, in microseconds.
 */
#define CDC_DELAY_UNKNOWN	(-1)
extern void cdc_worker_report(TimestampTz last_message, int64 delay);

/* After apply's commit: wakes the sessions that wait for its progress. */
extern void cdc_progress_broadcast(void);

/*
 * Waits until that, or timeout_ms.  To be called in a loop that looks at the
 * progress before each wait; the first wait of a loop returns at once.  Behind the
 * loop comes cdc_progress_wait_end(), an abort does it too.
 */
extern void cdc_progress_wait(long timeout_ms);
extern void cdc_progress_wait_end(void);

/* Asks for the memory; only while shared_preload_libraries are loaded. */
extern void cdc_shmem_request(void);

/*
 * Finds or makes the shared memory; ERROR when there is no room for it.  All other
 * functions do so, too; this is for those who must not fail later.
 */
extern void cdc_shmem_attach(void);

typedef enum CdcSlotResult
{
	CDC_SLOT_RESERVED,
	CDC_SLOT_EXISTS,			/* one of that database, subscription and kind */
	CDC_SLOT_NONE_FREE,
	CDC_SLOT_ROLE_LIMIT,		/* cdc_ingest.max_workers_per_role */
	CDC_SLOT_DATABASE_LIMIT		/* cdc_ingest.max_workers_per_database */
} CdcSlotResult;

/*
 * Reserves a slot for a process that is to be started, and fills in index and
 * ticket of want.  limit_role: how many slots want->roleid may have with this one,
 * limit_database likewise of want->dbid; supervisors are not counted.
 */
extern CdcSlotResult cdc_slot_reserve(CdcSlotInfo *want, int limit_role, int limit_database);

/*
 * Takes the slot that was reserved for this process, which gives it back at exit, and
 * copies it to *slot.  false when the reservation is void.
 */
extern bool cdc_slot_attach(uint32 ticket, CdcSlotInfo *slot);

/* Gives up a reservation that no process will take. */
extern void cdc_slot_release(int index, uint32 ticket);

/*
 * Copies the slots of a database (InvalidOid: of all) that are in use to an array
 * of CDC_SLOTS elements; returns how many there are.
 */
extern int	cdc_slot_list(Oid dbid, CdcSlotInfo *slots);

/*
 * Sets the latches of a database's processes: those of one subscription (0 = any)
 * and kind (-1 = any).  For a supervisor also notes that something has changed.
 * Returns how many slots matched, those without a process included.
 */
extern int	cdc_slot_wake(Oid dbid, int32 subscription_id, int kind);

/*
 * For a supervisor: gives its slot back, unless something has changed since its
 * last look; then returns false.
 */
extern bool cdc_slot_leave(void);

/* For a supervisor: whether something has changed since the last call. */
extern bool cdc_slot_told(void);

/* Sends SIGTERM to a subscription's workers of that kind (-1: all of them). */
extern void cdc_slot_terminate(Oid dbid, int32 subscription_id, int kind);

#endif							/* CDC_PG_PROCESS_SHMEM_H */
