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

/* What pull knows of its stream at the end of a turn. */
#define CDC_DELAY_UNKNOWN	(-1)
typedef struct CdcPullReport
{
	TimestampTz last_message;	/* when the source last sent anything; 0: it has not */
	int64		delay;			/* by how much what was read last was older than then,
								 * microseconds by our clock, or CDC_DELAY_UNKNOWN */
	int64		patience;		/* microseconds of silence that mean nothing */
	int64		received;		/* bytes that were read of the stream since it was opened */
	bool		drained;		/* the source has said that it has no more */
	bool		awaits;			/* its turn waits for the source to answer */
} CdcPullReport;

/* What a source has answered when it was asked last. */
typedef struct CdcSourceFigures
{
	TimestampTz asked_at;		/* 0: it was not */
	int64		received;		/* of the report, at that moment */
	int64		bytes_behind;	/* from the stream's place to the end of the source's log; -1: unknown */
	int64		bytes_kept;		/* from the begin of the source's log to the stream's place; likewise */
	int64		clock_ahead;	/* of the source's clock to ours, microseconds */
	int64		kept_for;		/* how long the source keeps its log, seconds; -1: for ever, or unknown */
} CdcSourceFigures;

/* Slots of the whole server: one for each database, two for each subscription, one for each publication. */
#define CDC_SLOTS	128

/* Bytes of what cdc.subscription_failure calls a worker: its kind, and a publication's name. */
#define CDC_WORKER_TEXT	(NAMEDATALEN * 4 + 16)

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
	int32		publication_id; /* of a worker that publishes; else 0 */
	CdcWorkerKind kind;
	int			pid;			/* 0: it is reserved, its process has not come yet */
	TimestampTz since;			/* when it was reserved, then when its process came */

	/* its turn at hand */
	TimestampTz turn_since;		/* 0: it sleeps */
	TimestampTz commit_since;	/* 0: it is not at its commit */
	void	   *proc;			/* the process's PGPROC; NULL: it has not come */

	CdcPullReport report;		/* of pull */
	CdcSourceFigures source;	/* likewise */
} CdcSlotInfo;

/* Whether this process is a worker of the extension. */
extern bool cdc_am_worker(void);

/*
 * What the views show of a running worker, in its slot; they do nothing outside of a
 * worker, and cost no more than the clock.
 */
extern void cdc_worker_report(const CdcPullReport *report);
extern void cdc_worker_report_source(const CdcSourceFigures *figures);

/* Within a turn: it waits for the source to answer, until that has or the next report. */
extern void cdc_worker_awaits_source(bool awaits);

/* A turn of a worker begins, is about to commit, and is over. */
extern void cdc_worker_turn_begin(void);
extern void cdc_worker_turn_commits(void);
extern void cdc_worker_turn_end(void);

/* What this worker has reported; zeros where it has not, or is none. */
extern void cdc_worker_reported(CdcPullReport *report);

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
	CDC_SLOT_EXISTS,			/* one of that database, subscription, kind and publication */
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
 * How often this worker was woken so far.  A latch alone does not tell: whatever waits
 * in a turn (for a lock, for a standby) resets it.
 */
extern uint32 cdc_slot_calls(void);

/*
 * For a supervisor: gives its slot back, unless something has changed since its
 * last look; then returns false.
 */
extern bool cdc_slot_leave(void);

/* For a supervisor: whether something has changed since the last call. */
extern bool cdc_slot_told(void);

/* Sends SIGTERM to a subscription's workers of that kind (-1: all of them). */
extern void cdc_slot_terminate(Oid dbid, int32 subscription_id, int kind);

/* The same for the worker of a publication. */
extern void cdc_slot_terminate_publication(Oid dbid, int32 publication_id);

#endif							/* CDC_PG_PROCESS_SHMEM_H */
