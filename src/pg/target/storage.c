/*-------------------------------------------------------------------------
 *
 * storage.c
 *	  The storage of a target, which tells whether it was emptied.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/target/storage.h"

#include "pg/base/compat_catalog.h"

#if CDC_HAVE_TABLE_AM

#include "access/heapam.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * So many pages are looked at for a row.  Where all of them have only rows that are gone the
 * table counts as empty: at worst that it is emptied is not told.
 */
#define LOOKED_AT_PAGES	64

bool
cdc_storage_has_rows(Relation rel)
{
	TableScanDesc scan = table_beginscan_strat(rel, SnapshotSelf, 0, NULL, true, false);
	bool		found;

	if (RelationGetNumberOfBlocks(rel) > LOOKED_AT_PAGES)
		heap_setscanlimits(scan, 0, LOOKED_AT_PAGES);
	found = heap_getnext(scan, ForwardScanDirection) != NULL;
	table_endscan(scan);
	return found;
}

bool
cdc_storage_tells(Relation rel)
{
	return rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rel->relam == HEAP_TABLE_AM_OID;
}

#else

bool
cdc_storage_has_rows(Relation rel)
{
	return true;
}

bool
cdc_storage_tells(Relation rel)
{
	return false;
}

#endif
