/*-------------------------------------------------------------------------
 *
 * emptied.c
 *	  Targets that were emptied by other hands than apply's.
 *
 * A TRUNCATE gives a table new storage.  At its end each run notes the storage of its targets,
 * and whether they have rows; a later run that finds other storage, and no rows where there
 * were some, has proof.  VACUUM FULL, CLUSTER and ALTER TABLE give new storage, too, and keep
 * the rows; apply's own TRUNCATE is noted by the run that does it.
 *
 * The storage is looked at where the relation has changed, as the mapping is made anew then.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "pg/base/compat_catalog.h"

#if CDC_HAVE_TABLE_AM

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/catalog/tables.h"

/*
 * So many pages are looked at for a row.  Where all of them have only rows that are gone the
 * table counts as empty: at worst that it is emptied is not told.
 */
#define LOOKED_AT_PAGES	64

/* Whether the table has rows, this transaction's among them. */
static bool
has_rows(Relation rel)
{
	TableScanDesc scan = table_beginscan_strat(rel, SnapshotSelf, 0, NULL, true, false);
	bool		found;

	if (RelationGetNumberOfBlocks(rel) > LOOKED_AT_PAGES)
		heap_setscanlimits(scan, 0, LOOKED_AT_PAGES);
	found = heap_getnext(scan, ForwardScanDirection) != NULL;
	table_endscan(scan);
	return found;
}

/* Partitioned and foreign tables have no storage that tells. */
static bool
is_plain(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rel->relam == HEAP_TABLE_AM_OID;
}

bool
cdc_run_was_emptied(CdcApply *apply, CdcMapping *mapping)
{
	Relation	rel;
	Oid			node;
	bool		emptied = false;

	/* what an aborted run has noted is not so */
	if (mapping->looked &&
		(!TransactionIdIsValid(mapping->noted_by) || TransactionIdDidCommit(mapping->noted_by) ||
		 TransactionIdIsCurrentTransactionId(mapping->noted_by)))
		return false;
	rel = table_open(mapping->target->relid, NoLock);
	node = rel->rd_rel->relfilenode;
	cdc_subscription_table_seen(apply->sub, mapping->name, &mapping->node, &mapping->has_rows);
	mapping->looked = true;
	mapping->noted_by = InvalidTransactionId;
	if (is_plain(rel) && OidIsValid(mapping->node) && mapping->node != node && mapping->has_rows &&
		!mapping->copied)
		emptied = !has_rows(rel);
	table_close(rel, NoLock);
	return emptied;
}

void
cdc_run_note_target(CdcApply *apply, const CdcSourceRun *source)
{
	const CdcTargetRun *run = source->target;
	CdcMapping *mapping = source->mapping;
	Relation	rel = table_open(run->target->relid, NoLock);
	Oid			node = rel->rd_rel->relfilenode;
	bool		rows = mapping->has_rows;

	if (is_plain(rel))
	{
		if (node != mapping->node || run->deleted > 0)
			rows = has_rows(rel);
		else if (run->inserted > 0 || run->updated > 0)
			rows = true;
		if (node != mapping->node || rows != mapping->has_rows)
		{
			cdc_subscription_table_note(apply->sub, mapping->name, node, rows);
			mapping->node = node;
			mapping->has_rows = rows;
			mapping->noted_by = GetTopTransactionId();
		}
	}
	table_close(rel, NoLock);
}

#else

bool
cdc_run_was_emptied(CdcApply *apply, CdcMapping *mapping)
{
	return false;
}

void
cdc_run_note_target(CdcApply *apply, const CdcSourceRun *source)
{
}

#endif
