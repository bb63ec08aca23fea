/*-------------------------------------------------------------------------
 *
 * background.h
 *	  What launcher, supervisor and workers know of each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_BACKGROUND_H
#define CDC_PG_BASE_BACKGROUND_H

#include "pg/base/compat.h"
#include "pg/base/shmem.h"

/* Sleeps until the latch is set, or timeout (ms, -1 = none); resets the latch. */
extern void cdc_background_sleep(long timeout_ms);

/* Whether the library was loaded at server start; set by cdc_worker_init(). */
extern bool cdc_preloaded;

/* NOTICE when it was not. */
extern void cdc_notice_preload(void);

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

typedef enum CdcStartResult
{
	CDC_START_OK,
	CDC_START_EXISTS,			/* one of that kind runs */
	CDC_START_NO_SLOT,			/* all of the extension's slots are taken */
	CDC_START_ROLE_LIMIT,		/* cdc_ingest.max_workers_per_role is reached */
	CDC_START_DATABASE_LIMIT,	/* cdc_ingest.max_workers_per_database is */
	CDC_START_NO_PROCESS		/* max_worker_processes is exhausted */
} CdcStartResult;

/*
 * Reserves a slot and registers the process.  label: the subscription's name or
 * NULL.  role_limit: how many workers what->userid may have with this one.  With
 * handle NULL nothing is allocated and nobody is told of the process's end.
 */
extern CdcStartResult cdc_background_start(const CdcWorkerStart *what, const char *label,
										   int role_limit,
										   BackgroundWorkerHandle **handle);

/* First thing in a process: signals, slot, database.  Exits when it is not wanted. */
extern void cdc_background_begin(CdcWorkerStart *start);

/* Config file reload and interrupts: once in each turn of a loop. */
extern void cdc_background_turn(void);

#endif							/* CDC_HAVE_WORKERS */

#endif							/* CDC_PG_BASE_BACKGROUND_H */
