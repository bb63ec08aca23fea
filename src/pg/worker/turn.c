/*-------------------------------------------------------------------------
 *
 * turn.c
 *	  The transactions of a background process: each one holds the extension,
 *	  so that DROP EXTENSION waits for it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/worker/turn.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

#include "pg/base/compat_executor.h"
#include "pg/base/snapshot.h"
#include "pg/catalog/changes.h"
#include "pg/process/shmem.h"

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
	cdc_snapshot_push();
	cdc_portal_activate();
#if CDC_HAVE_DISTRIBUTION
	/* a process without a client has no statement, whose text some commands send to the segments */
	debug_query_string = "cdc_ingest";
#endif
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
	cdc_worker_turn_commits();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

CdcTurnEnd
cdc_background_do(void (*act) (void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile CdcTurnEnd end = CDC_TURN_GONE;

	PG_TRY();
	{
		if (cdc_background_transaction())
		{
			act(arg);
			cdc_background_commit();
			end = CDC_TURN_DONE;
		}
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		FlushErrorState();
		AbortOutOfAnyTransaction();
		end = CDC_TURN_LOCKED;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	return end;
}

