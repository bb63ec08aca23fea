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
#include "tcop/tcopprot.h"
#include "utils/guc.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_storage.h"
#include "pg/process/settings.h"

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
	CdcSlotInfo slot;

	memset(&slot, 0, sizeof(slot));
	slot.dbid = what->dbid;
	slot.roleid = what->userid;
	slot.rolename = what->username;
	slot.subscription_id = what->subscription_id;
	slot.publication_id = what->publication_id;
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
	CDC_BGWORKER_SET_TYPE(&worker, "cdc_ingest %s", cdc_worker_kind_name(what->kind));
	worker.bgw_notify_pid = handle != NULL ? MyProcPid : 0;
	/* a supervisor outlives the shared memory, so it has to know more than its slot */
	worker.bgw_main_arg = what->kind == CDC_WORKER_SUPERVISOR ? ObjectIdGetDatum(what->dbid) :
		UInt32GetDatum(slot.ticket);

	if (!RegisterDynamicBackgroundWorker(&worker, handle))
	{
		cdc_slot_release(slot.index, slot.ticket);
		return CDC_START_NO_PROCESS;
	}
	return CDC_START_OK;
}

/*
 * Takes the slot that is reserved for the supervisor of a database, or a new one: a
 * supervisor that the postmaster restarts finds that its old slot was given back, or
 * emptied by a crash.  false: the database has another.
 */
static bool
take_supervisor_slot(Oid dbid, CdcSlotInfo *slot)
{
	CdcSlotInfo want;
	CdcSlotInfo slots[CDC_SLOTS];
	int			n;
	int			i;

	memset(&want, 0, sizeof(want));
	want.dbid = dbid;
	want.kind = CDC_WORKER_SUPERVISOR;
	(void) cdc_slot_reserve(&want, INT_MAX, INT_MAX);
	n = cdc_slot_list(dbid, slots);
	for (i = 0; i < n; i++)
		if (slots[i].kind == CDC_WORKER_SUPERVISOR && slots[i].pid == 0)
			return cdc_slot_attach(slots[i].ticket, slot);
	return false;
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
	CDC_BGWORKER_CONNECT(start->dbid, start->userid, NameStr(start->username));
	connecting = false;
	/* where the name decided: another role may have it by now */
	if (OidIsValid(start->userid) && GetUserId() != start->userid)
	{
		ereport(LOG,
				(errmsg("%s ends as the role that owns its subscription was renamed",
						MyBgworkerEntry->bgw_name)));
		proc_exit(1);
	}
}

/* The configuration is to be read again. */
static volatile sig_atomic_t reload_pending = false;

static void
handle_reload(SIGNAL_ARGS)
{
	int			saved = errno;

	reload_pending = true;
	SetLatch(MyLatch);
	errno = saved;
}

void
cdc_background_begin(CdcWorkerStart *start, Datum arg)
{
	CdcSlotInfo slot;

	cdc_bound_all_messages();
	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, handle_reload);
	CDC_LATCH_ON_SIGNALS();
	BackgroundWorkerUnblockSignals();

	if (start == NULL)			/* the launcher, which has neither slot nor database */
	{
		CDC_BGWORKER_CONNECT_SHARED();
		return;
	}

	if (!(start->kind == CDC_WORKER_SUPERVISOR ?
		  take_supervisor_slot(DatumGetObjectId(arg), &slot) :
		  cdc_slot_attach(DatumGetUInt32(arg), &slot)))
		proc_exit(0);
	start->kind = slot.kind;
	start->dbid = slot.dbid;
	start->userid = slot.roleid;
	start->username = slot.rolename;
	start->subscription_id = slot.subscription_id;
	start->publication_id = slot.publication_id;
	connect_database(start);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_SESSION);
	pin_settings();
}

void
cdc_background_turn(void)
{
	CHECK_FOR_INTERRUPTS();
	if (reload_pending)
	{
		reload_pending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

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
}
