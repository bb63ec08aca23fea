/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  What the extension's processes share: one slot a worker, and a condition
 *	  that apply broadcasts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_SHMEM_H
#define CDC_PG_BASE_SHMEM_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"

typedef enum CdcWorkerKind
{
	CDC_WORKER_SUPERVISOR = 0,
	CDC_WORKER_PULL = 1,
	CDC_WORKER_APPLY = 2,
	CDC_WORKER_PUBLISH = 3
} CdcWorkerKind;

/* Slots of the whole server: one for a database, two or three for each subscription. */
#define CDC_SLOTS	128

/* A copy of a slot, as of the moment it was taken. */
typedef struct CdcSlotInfo
{
	int			index;
	uint32		ticket;			/* tells this use of the slot from others */
	Oid			dbid;
	Oid			roleid;			/* it runs as; InvalidOid for a supervisor */
	int32		subscription_id;	/* 0 for a supervisor */
	CdcWorkerKind kind;
	int			pid;			/* 0: reserved, its process has not come yet */
	TimestampTz since;			/* reserved at, then started at */
	TimestampTz last_message;	/* pull: last packet from the source; 0 = none */
	int64		delay;			/* pull: see cdc_worker_report() */
} CdcSlotInfo;

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

#if CDC_HAVE_WORKERS

/* While shared_preload_libraries are loaded: asks for the memory. */
extern void cdc_shmem_request(void);

/* Maps the shared memory; ERROR when there is no room for it. */
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
 * Reserves a slot for a process to be started: index and ticket of want are
 * filled in.  limit_role: how many slots want->roleid may have with this one,
 * limit_database likewise of want->dbid; supervisors are not counted.
 */
extern CdcSlotResult cdc_slot_reserve(CdcSlotInfo *want, int limit_role, int limit_database);

/*
 * The process takes its slot; it is given back at exit.  false when the
 * reservation is void.
 */
extern bool cdc_slot_attach(int index, uint32 ticket);

/* Gives up a reservation that no process will take. */
extern void cdc_slot_release(int index, uint32 ticket);

/* Slots of a database (InvalidOid: of all); returns how many. */
extern int	cdc_slot_list(Oid dbid, CdcSlotInfo *slots);

/*
 * Sets the latches of a database's processes: of one subscription (0 = any)
 * and kind (-1 = any).  A supervisor is also told that something changed.
 * Returns how many there were.
 */
extern int	cdc_slot_wake(Oid dbid, int32 subscription_id, int kind);

/*
 * For a supervisor: gives its slot back unless it was told meanwhile that
 * something changed; then false.
 */
extern bool cdc_slot_leave(void);

/* For a supervisor: whether it was told since the last call. */
extern bool cdc_slot_told(void);

/* SIGTERM to a subscription's workers of that kind (-1: both). */
extern void cdc_slot_terminate(Oid dbid, int32 subscription_id, int kind);

#endif							/* CDC_HAVE_WORKERS */

#endif							/* CDC_PG_BASE_SHMEM_H */
