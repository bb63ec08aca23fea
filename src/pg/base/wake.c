/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  What a transaction wakes at its commit: workers, the supervisor, those
 *	  who wait for apply.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/wake.h"

#include <limits.h>

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"

#include "pg/base/background.h"
#include "pg/base/shmem.h"

#if CDC_HAVE_WORKERS

#define MAX_WAKES	16
static struct
{
	int32		subscription_id;
	CdcWorkerKind kind;
}			wakes[MAX_WAKES];

#endif							/* CDC_HAVE_WORKERS */

/* What the current transaction wants done at its commit. */
static bool wake_supervisor = false;
static bool wake_all = false;
static bool broadcast_progress = false;
static int	nwakes = 0;

#if CDC_HAVE_WORKERS

/*
 * Runs after the commit, so it must not fail, not for lack of memory either: it
 * allocates none.  What cannot be started is said in a WARNING.
 */
static void
wake_or_start_supervisor(void)
{
	CdcWorkerStart what;

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

void
cdc_worker_wake(int32 subscription_id, CdcWorkerKind kind)
{
	if (IsTransactionState() && nwakes < MAX_WAKES)
	{
		int			i;

		cdc_shmem_attach();		/* may fail, so not at commit */

		for (i = 0; i < nwakes; i++)
			if (wakes[i].subscription_id == subscription_id && wakes[i].kind == kind)
				return;
		wakes[nwakes].subscription_id = subscription_id;
		wakes[nwakes].kind = kind;
		nwakes++;
		return;
	}
	(void) cdc_slot_wake(MyDatabaseId, subscription_id, (int) kind);
}

#else							/* !CDC_HAVE_WORKERS */

static void
wake_or_start_supervisor(void)
{
}

void
cdc_worker_wake(int32 subscription_id, CdcWorkerKind kind)
{
}

#endif							/* CDC_HAVE_WORKERS */

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
		(void) cdc_slot_wake(MyDatabaseId, wakes[i].subscription_id, (int) wakes[i].kind);
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
cdc_wake_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	prev_object_access_hook = object_access_hook;
	object_access_hook = object_access;
}
