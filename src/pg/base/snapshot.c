/*-------------------------------------------------------------------------
 *
 * snapshot.c
 *	  A snapshot that need not be held while a process waits for the outside.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/snapshot.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

/* Of cdc_snapshot_push(); it may be gone: only compared. */
static Snapshot pushed = NULL;

void
cdc_snapshot_push(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	pushed = GetActiveSnapshot();
}

bool
cdc_snapshot_let_go(void)
{
	if (pushed == NULL || !ActiveSnapshotSet() || GetActiveSnapshot() != pushed ||
		pushed->active_count != 1 || pushed->regd_count != 0 ||
		GetCurrentTransactionNestLevel() != 1)
		return false;
	pushed = NULL;
	/* the one that catalogs are read with counts as well; the next look takes a new one */
	InvalidateCatalogSnapshot();
	PopActiveSnapshot();
	return true;
}
