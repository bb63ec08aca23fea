/*-------------------------------------------------------------------------
 *
 * background.c
 *	  Starting the extension's background processes, what each does first, and
 *	  waking them at commit.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/background.h"
#include "pg/base/module.h"
#include "pg/worker/worker.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#if CDC_HAVE_WORKERS

#include "postmaster/interrupt.h"
#include "storage/lmgr.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#define MAX_WAKES	16
static struct
{
	int32		subscription_id;
	CdcWriter	writer;
}			wakes[MAX_WAKES];

#endif							/* CDC_HAVE_WORKERS */

/* What the current transaction wants done at its commit. */
static bool wake_supervisor = false;
static bool wake_all = false;
static bool broadcast_progress = false;
static int	nwakes = 0;

#if CDC_HAVE_WORKERS

const char *
cdc_worker_kind_name(CdcWorkerKind kind)
{
	switch (kind)
	{
		case CDC_WORKER_SUPERVISOR:
			return "supervisor";
		case CDC_WORKER_PULL:
			return "pull";
		case CDC_WORKER_APPLY:
			return "apply";
		case CDC_WORKER_PUBLISH:
			return "publish";
	}
	return "?";
}

CdcStartResult
cdc_background_start(const CdcWorkerStart *what, const char *label,
					 BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	CdcWorkerStart start = *what;

	StaticAssertStmt(sizeof(CdcWorkerStart) <= BGW_EXTRALEN, "CdcWorkerStart is too long");

	if (!cdc_slot_reserve(what->dbid, what->subscription_id, what->kind,
						  &start.slot, &start.ticket))
		return CDC_START_EXISTS;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	/* a supervisor comes back by itself, after a crash of the server too */
	worker.bgw_restart_time = what->kind == CDC_WORKER_SUPERVISOR ? 5 : BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "cdc_ingest");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "%s",
			 what->kind == CDC_WORKER_SUPERVISOR ? "cdc_supervisor_main" : "cdc_worker_main");
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "cdc_ingest %s%s%s",
			 cdc_worker_kind_name(what->kind), label ? " " : "", label ? label : "");
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "cdc_ingest %s",
			 cdc_worker_kind_name(what->kind));
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &start, sizeof(start));

	if (!RegisterDynamicBackgroundWorker(&worker, handle))
	{
		cdc_slot_release(start.slot, start.ticket);
		return CDC_START_NO_PROCESS;
	}
	return CDC_START_OK;
}

/*
 * A supervisor that the postmaster restarts finds its old slot given back or,
 * after a crash, emptied: it takes a new one.
 */
static bool
take_slot(CdcWorkerStart *start)
{
	if (cdc_slot_attach(start->slot, start->ticket))
		return true;
	if (start->kind != CDC_WORKER_SUPERVISOR)
		return false;
	return cdc_slot_reserve(start->dbid, 0, CDC_WORKER_SUPERVISOR,
							&start->slot, &start->ticket) &&
		cdc_slot_attach(start->slot, start->ticket);
}

void
cdc_background_begin(CdcWorkerStart *start)
{
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	if (start == NULL)			/* the launcher */
	{
		BackgroundWorkerInitializeConnection(NULL, NULL, 0);
		return;
	}

	memcpy(start, MyBgworkerEntry->bgw_extra, sizeof(*start));
	if (!take_slot(start))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(start->dbid, start->userid,
											  OidIsValid(start->userid) ? CDC_BGWORKER_FLAGS : 0);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_SESSION);

	/* What a role or database has as default must not change what we do. */
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_deferrable", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("lock_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("statement_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE);
}

void
cdc_background_turn(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

bool
cdc_background_transaction(void)
{
	/*
	 * Found by name once: as long as the catalogs have not changed, their
	 * extension has not gone.
	 */
	static Oid	known = InvalidOid;
	static uint64 known_generation = 0;
	Oid			extension;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (known_generation != cdc_catalog_generation())
		known = InvalidOid;
	extension = OidIsValid(known) ? known : get_extension_oid("cdc_ingest", true);
	if (OidIsValid(extension))
	{
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
		/* it may have been dropped while we waited; the lock brought the news */
		if (OidIsValid(known) && known_generation == cdc_catalog_generation())
			return true;
		if (get_extension_oid("cdc_ingest", true) == extension)
		{
			known = extension;
			known_generation = cdc_catalog_generation();
			return true;
		}
	}
	known = InvalidOid;
	PopActiveSnapshot();
	CommitTransactionCommand();
	return false;
}

void
cdc_background_commit(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/*
 * Runs after the commit, so it must not fail: what cannot be started is said
 * in a WARNING.
 */
static void
wake_or_start_supervisor(void)
{
	CdcWorkerStart what;
	BackgroundWorkerHandle *handle = NULL;

	if (cdc_slot_wake(MyDatabaseId, 0, -1) > 0 &&
		cdc_slot_wake(MyDatabaseId, 0, CDC_WORKER_SUPERVISOR) > 0)
		return;

	memset(&what, 0, sizeof(what));
	what.dbid = MyDatabaseId;
	what.kind = CDC_WORKER_SUPERVISOR;
	if (cdc_background_start(&what, NULL, &handle) == CDC_START_NO_PROCESS)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start the workers of cdc_ingest: no background worker slot is free"),
				 errhint("Raise max_worker_processes and restart, then call cdc.enable_subscription() again.")));
}

void
cdc_worker_wake(int32 subscription_id, CdcWriter writer)
{
	if (IsTransactionState() && nwakes < MAX_WAKES)
	{
		int			i;

		cdc_shmem_attach();		/* may fail, so not at commit */

		for (i = 0; i < nwakes; i++)
			if (wakes[i].subscription_id == subscription_id && wakes[i].writer == writer)
				return;
		wakes[nwakes].subscription_id = subscription_id;
		wakes[nwakes].writer = writer;
		nwakes++;
		return;
	}
	(void) cdc_slot_wake(MyDatabaseId, subscription_id, (int) writer);
}

#else							/* !CDC_HAVE_WORKERS */

static void
wake_or_start_supervisor(void)
{
}

void
cdc_worker_wake(int32 subscription_id, CdcWriter writer)
{
}

#endif							/* CDC_HAVE_WORKERS */

void
cdc_background_sleep(long timeout_ms)
{
	int			rc = CDC_WAIT_LATCH_OR_SOCKET(MyLatch, WL_LATCH_SET | CDC_WL_PM_DEATH |
											  (timeout_ms >= 0 ? WL_TIMEOUT : 0),
											  PGINVALID_SOCKET, timeout_ms);

	CDC_CHECK_PM_DEATH(rc);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
cdc_supervisor_wake_at_commit(void)
{
#if CDC_HAVE_WORKERS
	cdc_shmem_attach();			/* may fail, so not at commit */
#endif
	wake_supervisor = true;
}

void
cdc_progress_broadcast_at_commit(void)
{
#if CDC_HAVE_WORKERS
	cdc_shmem_attach();
#endif
	broadcast_progress = true;
}

/*
 * DROP EXTENSION: the processes find out with their next transaction; wake them
 * for it.
 */
static object_access_hook_type prev_object_access_hook = NULL;

static void
object_access(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, class, object, sub, arg);
#if CDC_HAVE_WORKERS
	if (access == OAT_DROP && class == ExtensionRelationId &&
		object == get_extension_oid("cdc_ingest", true))
	{
		cdc_shmem_attach();
		wake_all = true;
	}
#endif
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	bool		supervisor = wake_supervisor;
	bool		all = wake_all;
	bool		progress = broadcast_progress;
	int			n = nwakes;
	int			i;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (!supervisor && !all && !progress && n == 0)
		return;
	wake_supervisor = false;
	wake_all = false;
	broadcast_progress = false;
	nwakes = 0;
	if (event == XACT_EVENT_ABORT)
		return;

#if CDC_HAVE_WORKERS
	for (i = 0; i < n; i++)
		(void) cdc_slot_wake(MyDatabaseId, wakes[i].subscription_id, (int) wakes[i].writer);
	if (all)
		(void) cdc_slot_wake(MyDatabaseId, 0, -1);
#else
	(void) i;
#endif
	if (progress)
		cdc_progress_broadcast();
	if (supervisor)
		wake_or_start_supervisor();
}

void
cdc_background_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
}
