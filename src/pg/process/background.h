/*-------------------------------------------------------------------------
 *
 * background.h
 *	  Processes of the extension: how they are started, begin and sleep.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROCESS_BACKGROUND_H
#define CDC_PG_PROCESS_BACKGROUND_H

#include "pg/base/compat.h"
#include "postmaster/bgworker.h"
#include "pg/process/shmem.h"

/*
 * Sleeps until the process's latch is set or the timeout is over (milliseconds;
 * -1 = none), and resets the latch.  Obeys cancel; also used by sessions.
 */
extern void cdc_background_sleep(long timeout_ms);

/*
 * Whether the library was loaded at server start, so that workers come back after
 * a restart; set by cdc_worker_init().
 */
extern bool cdc_preloaded;

/* A NOTICE where workers do not run, or do not come back by themselves. */
extern void cdc_notice_preload(void);

/* What a process is to be; it finds this in its slot. */
typedef struct CdcWorkerStart
{
	CdcWorkerKind kind;
	Oid			dbid;
	Oid			userid;			/* InvalidOid: the bootstrap superuser */
	NameData	username;		/* of userid, for servers that want it; else empty */
	int32		subscription_id;	/* 0 for a supervisor */
	int32		publication_id; /* of a worker that publishes; else 0 */
} CdcWorkerStart;

typedef enum CdcStartResult
{
	CDC_START_OK,
	CDC_START_EXISTS,			/* one of that kind runs */
	CDC_START_NO_SLOT,			/* all of the extension's slots are taken */
	CDC_START_ROLE_LIMIT,		/* cdc_ingest.max_workers_per_role is reached */
	CDC_START_DATABASE_LIMIT,	/* cdc_ingest.max_workers_per_database is */
	CDC_START_NO_PROCESS		/* max_worker_processes is exhausted */
} CdcStartResult;

/* As in cdc.worker_status() and the processes' titles: "pull", "supervisor". */
extern const char *cdc_worker_kind_name(CdcWorkerKind kind);

/*
 * Reserves a slot and registers the process, which the postmaster then starts.
 * label is the subscription's name, for the process's title, or NULL.  role_limit:
 * how many workers what->userid may have with this one.  With CDC_START_OK, *handle
 * is palloc'ed in the current context; with handle NULL nothing is allocated, and
 * nobody is told of the process's end.
 */
extern CdcStartResult cdc_background_start(const CdcWorkerStart *what, const char *label,
										   int role_limit,
										   BackgroundWorkerHandle **handle);

/*
 * What a process does first: signals, slot, database, settings.  arg is that of its main
 * function.  Fills *start, in which the caller has said whether it is a supervisor;
 * NULL: it is the launcher.  Exits when the process is not wanted any more.
 */
extern void cdc_background_begin(CdcWorkerStart *start, Datum arg);

/* To be called once in each turn of a loop: handles interrupts and reloads of settings. */
extern void cdc_background_turn(void);

#endif							/* CDC_PG_PROCESS_BACKGROUND_H */
