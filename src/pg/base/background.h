/*-------------------------------------------------------------------------
 *
 * background.h
 *	  What launcher, supervisor and workers know of each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BACKGROUND_H
#define CDC_PG_BACKGROUND_H

#include "pg/base/compat.h"
#include "pg/base/shmem.h"

/* Sleeps until the latch is set, or timeout (ms, -1 = none); resets the latch. */
extern void cdc_background_sleep(long timeout_ms);

#if CDC_HAVE_WORKERS

#include "postmaster/bgworker.h"

/* Passed in bgw_extra. */
typedef struct CdcWorkerStart
{
	int			slot;
	uint32		ticket;
	Oid			dbid;
	Oid			userid;			/* InvalidOid: the bootstrap superuser */
	int32		subscription_id;
	CdcWorkerKind kind;
} CdcWorkerStart;

/* "pull", "apply", "supervisor" */
extern const char *cdc_worker_kind_name(CdcWorkerKind kind);

/*
 * Reserves a slot and registers the process.  label is the subscription's name
 * or NULL.  Where it fails *reason says why and, with slot_exists, that there
 * is one already.
 */
typedef enum CdcStartResult
{
	CDC_START_OK,
	CDC_START_EXISTS,			/* one of that kind runs, or none of our slots is free */
	CDC_START_NO_PROCESS		/* max_worker_processes is exhausted */
} CdcStartResult;

extern CdcStartResult cdc_background_start(const CdcWorkerStart *what, const char *label,
										   BackgroundWorkerHandle **handle);

/* First thing in a process: signals, slot, database.  Exits when it is not wanted. */
extern void cdc_background_begin(CdcWorkerStart *start);

/* Config file reload and interrupts: once in each turn of a loop. */
extern void cdc_background_turn(void);

/*
 * Starts a transaction that DROP EXTENSION waits for and that waits for it;
 * false (and no transaction) when the extension is not there.  The lock is
 * taken before any other, so that the two cannot end in a deadlock.
 */
extern bool cdc_background_transaction(void);
extern void cdc_background_commit(void);

extern PGDLLEXPORT void cdc_launcher_main(Datum arg);
extern PGDLLEXPORT void cdc_supervisor_main(Datum arg);
extern PGDLLEXPORT void cdc_worker_main(Datum arg);

#endif							/* CDC_HAVE_WORKERS */

#endif							/* CDC_PG_BACKGROUND_H */
