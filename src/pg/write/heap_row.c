/*-------------------------------------------------------------------------
 *
 * heap_row.c
 *	  The direct back-end: a row of the table is found by its key, locked, deleted.
 *
 * The lookup uses a dirty snapshot and waits for whoever has the row in hand; a
 * row that was changed between lookup and write is looked up anew.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "pg/base/compat_executor.h"

#if CDC_HAVE_TABLE_AM

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "storage/lmgr.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/write/heap_internal.h"

/* Sets the scan key of an index column. */
static inline void
set_scan_key(CdcHeap *heap, int i, Datum value, bool isnull)
{
	heap->scankey[i].sk_argument = isnull ? (Datum) 0 : value;
	heap->scankey[i].sk_flags = isnull ? SK_ISNULL | SK_SEARCHNULL : 0;
}

/*
 * Fills heap->found with the row that has the key in heap->scankey.  Returns false
 * where there is none.
 */
static bool
find_row(CdcHeap *heap)
{
	MemoryContext old;
	TransactionId xwait;
	bool		found;

	for (;;)
	{
		ExecClearTuple(heap->found);

		/* the scan keeps things of its own between calls */
		old = MemoryContextSwitchTo(heap->estate->es_query_cxt);
		index_rescan(heap->scan, heap->scankey, heap->run->target->nkey, NULL, 0);
		found = index_getnext_slot(heap->scan, ForwardScanDirection, heap->found);
		MemoryContextSwitchTo(old);
		if (!found)
			return false;
		xwait = TransactionIdIsValid(heap->dirty.xmin) ? heap->dirty.xmin : heap->dirty.xmax;
		if (!TransactionIdIsValid(xwait))
			return true;

		/* somebody else has it in hand: wait for the end of his transaction */
		ExecClearTuple(heap->found);
		XactLockTableWait(xwait, NULL, NULL, XLTW_None);
	}
}

bool
cdc_heap_find_entry(CdcHeap *heap, const CdcEntry *entry)
{
	int			i;

	for (i = 0; i < heap->run->target->nkey; i++)
	{
		int			k = heap->key_of_index[i];

		set_scan_key(heap, i, entry->key[k], cdc_entry_key_is_null(entry, k));
	}
	return find_row(heap);
}

bool
cdc_heap_find_key(CdcHeap *heap, const CdcRowKey *key)
{
	int			i;

	for (i = 0; i < heap->run->target->nkey; i++)
	{
		int			k = heap->key_of_index[i];

		set_scan_key(heap, i, key->values[k], key->nulls[k]);
	}
	return find_row(heap);
}

bool
cdc_heap_lock_found(CdcHeap *heap)
{
	TM_FailureData failure;
	TM_Result	result;
	ItemPointerData tid = heap->found->tts_tid;

	PushActiveSnapshot(GetLatestSnapshot());
	result = table_tuple_lock(heap->rel, &tid, GetActiveSnapshot(), heap->found,
							  heap->estate->es_output_cid, LockTupleExclusive, LockWaitBlock,
							  0, &failure);
	PopActiveSnapshot();
	switch (result)
	{
		case TM_Ok:
			return true;
		case TM_Updated:
		case TM_Deleted:
			return false;
		default:
			elog(ERROR, "unexpected result %d of locking a row", (int) result);
	}
	return false;
}

bool
cdc_heap_is_done(CdcHeap *heap, TM_Result result)
{
	switch (result)
	{
		case TM_Ok:
			return true;
		case TM_Updated:
		case TM_Deleted:
			return false;
		case TM_SelfModified:
		case TM_Invisible:
			/* a trigger or default of this command wrote it */
			CommandCounterIncrement();
			heap->estate->es_output_cid = GetCurrentCommandId(true);
			return false;
		default:
			elog(ERROR, "unexpected result %d of writing a row", (int) result);
	}
	return false;
}

bool
cdc_heap_delete_found(CdcHeap *heap)
{
	TM_FailureData failure;

	if (heap->triggers)
	{
		if (!cdc_heap_lock_found(heap))
			return false;
		CDC_SIMPLE_DELETE(heap->rri, heap->estate, &heap->epq, heap->found);
		return true;
	}
	return cdc_heap_is_done(heap, table_tuple_delete(heap->rel, &heap->found->tts_tid,
													 heap->estate->es_output_cid,
													 heap->estate->es_snapshot, InvalidSnapshot, true,
													 &failure, false));
}

#endif							/* CDC_HAVE_TABLE_AM */
