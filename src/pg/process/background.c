/*-------------------------------------------------------------------------
 *
 * background.c
 *	  Starting the extension's background processes, what each does first, and how
 *	  they sleep.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/background.h"

#include <limits.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_storage.h"
#include "pg/process/settings.h"

#if CDC_HAVE_WORKERS

#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

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
cdc_background_start(const CdcWorkerStart *what, const char *label, int role_limit,
					 BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;
	CdcWorkerStart start = *what;
	CdcSlotInfo slot;

	StaticAssertStmt(sizeof(CdcWorkerStart) <= BGW_EXTRALEN, "CdcWorkerStart is too long");

	memset(&slot, 0, sizeof(slot));
	slot.dbid = what->dbid;
	slot.roleid = what->userid;
	slot.subscription_id = what->subscription_id;
	slot.kind = what->kind;
	switch (cdc_slot_reserve(&slot, role_limit,
							 what->kind == CDC_WORKER_SUPERVISOR ? INT_MAX :
							 cdc_worker_limit(cdc_max_workers_per_database)))
	{
		case CDC_SLOT_RESERVED:
			break;
		case CDC_SLOT_EXISTS:
			return CDC_START_EXISTS;
		case CDC_SLOT_NONE_FREE:
			return CDC_START_NO_SLOT;
		case CDC_SLOT_ROLE_LIMIT:
			return CDC_START_ROLE_LIMIT;
		case CDC_SLOT_DATABASE_LIMIT:
			return CDC_START_DATABASE_LIMIT;
	}
	start.slot = slot.index;
	start.ticket = slot.ticket;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	/* the postmaster restarts a supervisor, after a crash of the server too */
	worker.bgw_restart_time = what->kind == CDC_WORKER_SUPERVISOR ? 5 : BGW_NEVER_RESTART;
	snprintf(worker.bgw_library_name, sizeof(worker.bgw_library_name), "cdc_ingest");
	snprintf(worker.bgw_function_name, sizeof(worker.bgw_function_name), "%s",
			 what->kind == CDC_WORKER_SUPERVISOR ? "cdc_supervisor_main" : "cdc_worker_main");
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "cdc_ingest %s%s%s",
			 cdc_worker_kind_name(what->kind), label ? " " : "", label ? label : "");
	snprintf(worker.bgw_type, sizeof(worker.bgw_type), "cdc_ingest %s",
			 cdc_worker_kind_name(what->kind));
	worker.bgw_notify_pid = handle != NULL ? MyProcPid : 0;
	memcpy(worker.bgw_extra, &start, sizeof(start));

	if (!RegisterDynamicBackgroundWorker(&worker, handle))
	{
		cdc_slot_release(start.slot, start.ticket);
		return CDC_START_NO_PROCESS;
	}
	return CDC_START_OK;
}

/*
 * Takes the slot that was reserved for this process; false when the process is not
 * wanted any more.  A supervisor that the postmaster restarts finds that its old
 * slot was given back, or emptied by a crash, and takes a new one.
 */
static bool
take_slot(CdcWorkerStart *start)
{
	CdcSlotInfo slot;

	if (cdc_slot_attach(start->slot, start->ticket))
		return true;
	if (start->kind != CDC_WORKER_SUPERVISOR)
		return false;
	memset(&slot, 0, sizeof(slot));
	slot.dbid = start->dbid;
	slot.kind = CDC_WORKER_SUPERVISOR;
	if (cdc_slot_reserve(&slot, INT_MAX, INT_MAX) != CDC_SLOT_RESERVED)
		return false;
	start->slot = slot.index;
	start->ticket = slot.ticket;
	return cdc_slot_attach(start->slot, start->ticket);
}

/*
 * Defaults of the role or the database must not change what a worker does, nor what
 * the names mean that the owner's triggers use.
 */
static void
pin_settings(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	}			pinned[] =
	{
		{"search_path", "pg_catalog, pg_temp"},	/* CDC_SAFE_SEARCH_PATH */
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"lock_timeout", "0"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},	/* since 14 */
		{"transaction_timeout", "0"},	/* since 17 */
		{"row_security", "on"},
		{"datestyle", "ISO, MDY"},
		{"intervalstyle", "postgres"},
		{"array_nulls", "on"},
		{"xmloption", "content"},
		{"default_tablespace", ""},
		{"default_table_access_method", "heap"},
	};
	int			i;

	for (i = 0; i < (int) lengthof(pinned); i++)
	{
		/* a server that does not know a setting yet has nothing to pin */
		if (GetConfigOption(pinned[i].name, true, false) != NULL)
			SetConfigOption(pinned[i].name, pinned[i].value, PGC_SUSET, PGC_S_OVERRIDE);
	}
}

static emit_log_hook_type next_log_hook = NULL;
static bool connecting = false;

/*
 * Nobody starts a process again that ends with 0: what belongs to a database that was
 * dropped (WITH FORCE ends us first, and the postmaster starts a supervisor anew) has
 * nothing to come back for.
 */
static void
leave_without_database(ErrorData *edata)
{
	if (next_log_hook != NULL)
		next_log_hook(edata);
	if (!connecting || edata->elevel != FATAL || edata->sqlerrcode != ERRCODE_UNDEFINED_DATABASE)
		return;
	connecting = false;
	ereport(LOG,
			(errmsg("%s ends as its database was dropped", MyBgworkerEntry->bgw_name)));
	proc_exit(0);
}

static void
connect_database(const CdcWorkerStart *start)
{
	next_log_hook = emit_log_hook;
	emit_log_hook = leave_without_database;
	connecting = true;
	BackgroundWorkerInitializeConnectionByOid(start->dbid, start->userid,
											  OidIsValid(start->userid) ? CDC_BGWORKER_FLAGS : 0);
	connecting = false;
}

void
cdc_background_begin(CdcWorkerStart *start)
{
	cdc_bound_all_messages();
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();

	if (start == NULL)			/* the launcher, which has neither slot nor database */
	{
		BackgroundWorkerInitializeConnection(NULL, NULL, 0);
		return;
	}

	memcpy(start, MyBgworkerEntry->bgw_extra, sizeof(*start));
	if (!take_slot(start))
		proc_exit(0);
	connect_database(start);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_SESSION);
	pin_settings();
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

#endif							/* CDC_HAVE_WORKERS */

void
cdc_background_sleep(long timeout_ms)
{
	int			rc = CDC_WAIT_LATCH(MyLatch, WL_LATCH_SET | CDC_WL_PM_DEATH |
									(timeout_ms >= 0 ? WL_TIMEOUT : 0), timeout_ms);

	CDC_CHECK_PM_DEATH(rc);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool		cdc_preloaded = false;

void
cdc_notice_preload(void)
{
#if CDC_HAVE_WORKERS
	if (!cdc_workers_enabled)
		ereport(NOTICE,
				(errmsg("the setting cdc_ingest.workers is off"),
				 errdetail("No background worker runs until it is on and the configuration is reloaded."),
				 errhint("Meanwhile cdc.pull() and cdc.apply() can be called.")));
	else if (!cdc_preloaded)
		ereport(NOTICE,
				(errmsg("cdc_ingest is not in shared_preload_libraries"),
				 errdetail("The workers start now, but not by themselves after a restart of the server."),
				 errhint("Add it to shared_preload_libraries and restart, or call cdc.enable_subscription() after each restart.")));
#else
	ereport(NOTICE,
			(errmsg("this server runs no workers of cdc_ingest"),
			 errhint("Let a scheduler call cdc.pull() and cdc.apply().")));
#endif
}
