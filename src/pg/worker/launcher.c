/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The launcher of a preloaded server: starts a supervisor in each database
 *	  once, when the server has started (or a standby was promoted), and ends.
 *	  Later on whoever enables a subscription starts the supervisor.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/background.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_storage.h"
#include "pg/process/settings.h"
#include "pg/process/shmem.h"
#include "pg/worker/worker.h"

#include <limits.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* A supervisor that finds nothing to do is gone by then. */
#define SETTLE_MS		200L
#define RETRY_MS		5000L

void
cdc_worker_init(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress || !CDC_RUNS_WORKERS())
		return;

	cdc_preloaded = true;
	cdc_shmem_request();

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "cdc_ingest");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "cdc_launcher_main");
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "cdc_ingest launcher");
	CDC_BGWORKER_SET_TYPE(&worker, "cdc_ingest launcher");
	RegisterBackgroundWorker(&worker);
}

/* OIDs of all databases that take connections. */
static List *
list_databases(void)
{
	List	   *result = NIL;
	MemoryContext caller = CurrentMemoryContext;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_database db = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (!db->datallowconn || db->datistemplate)
			continue;
		old = MemoryContextSwitchTo(caller);
		result = lappend_oid(result, CDC_DATABASE_OID(tuple));
		MemoryContextSwitchTo(old);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return result;
}

/*
 * Starts the supervisor of a database.  It is given a moment to find out that
 * it is not needed, so that a server with many databases does not need as many
 * process slots at once.
 */
static void
start_supervisor(Oid dbid)
{
	CdcWorkerStart what;
	BackgroundWorkerHandle *handle = NULL;
	TimestampTz begin;
	pid_t		pid;

	memset(&what, 0, sizeof(what));
	what.dbid = dbid;
	what.kind = CDC_WORKER_SUPERVISOR;

	for (;;)
	{
		CdcStartResult rc = cdc_background_start(&what, NULL, INT_MAX, &handle);

		if (rc == CDC_START_EXISTS)
			return;
		if (rc == CDC_START_OK)
			break;
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start the cdc_ingest supervisor of database %u", dbid),
				 errhint("Raise max_worker_processes; a database needs one and each enabled subscription two more.")));
		cdc_background_sleep(RETRY_MS);
		cdc_background_turn();
	}

	begin = GetCurrentTimestamp();
	while (GetBackgroundWorkerPid(handle, &pid) != BGWH_STOPPED &&
		   !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), SETTLE_MS))
	{
		cdc_background_sleep(SETTLE_MS);
		cdc_background_turn();
	}
	pfree(handle);
}

void
cdc_launcher_main(Datum arg)
{
	List	   *databases;
	ListCell   *lc;

	cdc_background_begin(NULL, arg);
	CurrentMemoryContext = AllocSetContextCreate(TopMemoryContext, "cdc_ingest launcher",
												 ALLOCSET_DEFAULT_SIZES);
	while (!cdc_workers_enabled)
	{
		/* a reload of the configuration sets the latch */
		cdc_background_sleep(-1);
		cdc_background_turn();
	}
	databases = list_databases();
	foreach(lc, databases)
		start_supervisor(lfirst_oid(lc));
	ereport(DEBUG1, (errmsg_plural("cdc_ingest launcher has started %d supervisor",
								   "cdc_ingest launcher has started %d supervisors",
								   (unsigned long) list_length(databases), list_length(databases))));
	proc_exit(0);
}
