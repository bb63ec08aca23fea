/*-------------------------------------------------------------------------
 *
 * oldest.c
 *	  The age of the first event of a history behind a place.
 *
 * Views are read by everybody who may, also while something is locked, and with rights
 * that the history's owner does not have: so this is no query, but a look into the index
 * on seq of each partition, with locks that are had at once or not at all.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/oldest.h"

#include "pg/base/compat_executor.h"
#include "pg/base/compat_catalog.h"

#if CDC_HAVE_TABLE_AM

#include "access/genam.h"
#include "access/relation.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* What was found so far. */
typedef struct First
{
	int64		seq;			/* 0: none */
	CdcHistoryTimes times;
} First;

/* The column of that name and type; 0: there is none. */
static AttrNumber
column_of(Relation rel, const char *name, Oid type)
{
	AttrNumber	attnum = get_attnum(RelationGetRelid(rel), name);

	if (attnum <= 0 || TupleDescAttr(RelationGetDescr(rel), attnum - 1)->atttypid != type)
		return 0;
	return attnum;
}

/* Whether the index has all rows, ordered by the column as bigint, by the server's own operators. */
static bool
orders_by(Relation index, AttrNumber column)
{
	return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
		index->rd_index->indkey.values[0] == column &&
		index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID && index->rd_opcintype[0] == INT8OID &&
		heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
		(index->rd_indoption[0] & INDOPTION_DESC) == 0;
}

static TimestampTz
time_in(TupleTableSlot *slot, AttrNumber column)
{
	bool		isnull = true;
	Datum		d = column > 0 ? slot_getattr(slot, column, &isnull) : (Datum) 0;

	return isnull ? 0 : DatumGetTimestampTz(d);
}

static void
look_by(Relation rel, Relation index, AttrNumber seq, int64 after, First *first)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan;
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(after));
	scan = CDC_INDEX_BEGINSCAN(rel, index, GetActiveSnapshot(), 1);
	index_rescan(scan, &key, 1, NULL, 0);
	if (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		int64		found = DatumGetInt64(slot_getattr(slot, seq, &isnull));

		if (first->seq == 0 || found < first->seq)
		{
			first->seq = found;
			first->times.ingested_at = time_in(slot, column_of(rel, "ingested_at", TIMESTAMPTZOID));
			first->times.source_ts = time_in(slot, column_of(rel, "source_ts", TIMESTAMPTZOID));
		}
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* false: it cannot be looked at. */
static bool
look_into(Relation rel, int64 after, First *first)
{
	AttrNumber	seq = column_of(rel, "seq", INT8OID);
	List	   *indexes;
	ListCell   *lc;
	bool		done = false;

	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		return true;			/* its partitions are */
	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relam != HEAP_TABLE_AM_OID || seq == 0)
		return false;
	indexes = RelationGetIndexList(rel);
	foreach(lc, indexes)
	{
		Relation	index;

		if (!ConditionalLockRelationOid(lfirst_oid(lc), AccessShareLock))
			continue;
		index = index_open(lfirst_oid(lc), NoLock);
		if (!done && orders_by(index, seq))
		{
			look_by(rel, index, seq, after, first);
			done = true;
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return done;
}

/* The same of a table that is not locked yet. */
static bool
look_into_oid(Oid relid, int64 after, First *first)
{
	Relation	rel;
	bool		done;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
	{
		UnlockRelationOid(relid, AccessShareLock);
		return true;			/* it has gone meanwhile */
	}
	done = look_into(rel, after, first);
	relation_close(rel, AccessShareLock);
	return done;
}

bool
cdc_history_times_after(Oid history, int64 after, CdcHistoryTimes *times)
{
	First		first = {0};
	List	   *tables = NIL;
	ListCell   *lc;
	bool		known = true;

	if (!ConditionalLockRelationOid(history, AccessShareLock))
		return false;
	tables = find_all_inheritors(history, NoLock, NULL);
	foreach(lc, tables)
		known = known && look_into_oid(lfirst_oid(lc), after, &first);
	list_free(tables);
	UnlockRelationOid(history, AccessShareLock);
	*times = first.times;
	return known && first.seq != 0;
}

#else							/* !CDC_HAVE_TABLE_AM */

bool
cdc_history_times_after(Oid history, int64 after, CdcHistoryTimes *times)
{
	return false;
}

#endif
