/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  What a transaction wakes at its commit: workers, the supervisor, sessions
 *	  that wait for apply.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/process/wake.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"

#include "pg/base/compat_storage.h"
#include "pg/process/background.h"

#define MAX_WAKES	16			/* of one transaction; more are done at once */

/* What the current transaction wants done at its commit. */
typedef struct Wakes
{
	bool		supervisor;		/* wake or start the database's supervisor */
	bool		all;			/* wake all processes of the database */
	bool		progress;		/* wake sessions that wait for apply */
	int			nworkers;		/* wake these workers */
	struct
	{
		int32		subscription_id;
		CdcWorkerKind kind;
	}			workers[MAX_WAKES];
} Wakes;

static Wakes wakes;

/*
 * Runs after the commit, so it must not fail, not for lack of memory either: it
 * allocates none.  A WARNING says when the supervisor cannot be started.
 */
static void
wake_or_start_supervisor(void)
{
	CdcWorkerStart what;

	if (!CDC_RUNS_WORKERS())
		return;
	if (cdc_slot_wake(MyDatabaseId, 0, -1) > 0 &&
		cdc_slot_wake(MyDatabaseId, 0, CDC_WORKER_SUPERVISOR) > 0)
		return;

	memset(&what, 0, sizeof(what));
	what.dbid = MyDatabaseId;
	what.kind = CDC_WORKER_SUPERVISOR;
	if (cdc_background_start(&what, NULL, INT_MAX, NULL) == CDC_START_NO_PROCESS)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start the workers of cdc_ingest: no background worker slot is free"),
				 errhint("Raise max_worker_processes and restart, then call cdc.enable_subscription() again.")));
}

/* Sets the latches of all that the transaction wanted to wake. */
static void
wake_processes(const Wakes *what)
{
	int			i;

	for (i = 0; i < what->nworkers; i++)
		(void) cdc_slot_wake(MyDatabaseId, what->workers[i].subscription_id,
							 (int) what->workers[i].kind);
	if (what->all)
		(void) cdc_slot_wake(MyDatabaseId, 0, -1);
}

void
cdc_worker_wake(int32 subscription_id, CdcWorkerKind kind)
{
	int			i;

	if (!IsTransactionState() || wakes.nworkers == MAX_WAKES)
	{
		(void) cdc_slot_wake(MyDatabaseId, subscription_id, (int) kind);
		return;
	}
	cdc_shmem_attach();			/* it may fail, so not at commit */
	for (i = 0; i < wakes.nworkers; i++)
	{
		if (wakes.workers[i].subscription_id == subscription_id && wakes.workers[i].kind == kind)
			return;
	}
	wakes.workers[wakes.nworkers].subscription_id = subscription_id;
	wakes.workers[wakes.nworkers].kind = kind;
	wakes.nworkers++;
}

void
cdc_supervisor_wake(void)
{
	(void) cdc_slot_wake(MyDatabaseId, 0, CDC_WORKER_SUPERVISOR);
}

void
cdc_supervisor_wake_at_commit(void)
{
	cdc_shmem_attach();			/* it may fail, so not at commit */
	wakes.supervisor = true;
}

void
cdc_progress_broadcast_at_commit(void)
{
	cdc_shmem_attach();			/* it may fail, so not at commit */
	wakes.progress = true;
}

static object_access_hook_type prev_object_access_hook = NULL;

/*
 * DROP EXTENSION: the processes find out at their next transaction, so they are
 * woken for it.
 */
static void
wake_at_drop_extension(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	if (prev_object_access_hook)
		prev_object_access_hook(access, class, object, sub, arg);
	if (access == OAT_DROP && class == ExtensionRelationId &&
		object == get_extension_oid("cdc_ingest", true))
	{
		cdc_shmem_attach();		/* it may fail, so not at commit */
		wakes.all = true;
	}
}

static void
wake_at_transaction_end(XactEvent event, void *arg)
{
	Wakes		what = wakes;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (!what.supervisor && !what.all && !what.progress && what.nworkers == 0)
		return;
	memset(&wakes, 0, sizeof(wakes));
	if (event == XACT_EVENT_ABORT)
		return;

	wake_processes(&what);
	if (what.progress)
		cdc_progress_broadcast();
	if (what.supervisor)
		wake_or_start_supervisor();
}

void
cdc_wake_init(void)
{
	RegisterXactCallback(wake_at_transaction_end, NULL);
	prev_object_access_hook = object_access_hook;
	object_access_hook = wake_at_drop_extension;
}
