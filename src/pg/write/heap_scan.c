/*-------------------------------------------------------------------------
 *
 * heap_scan.c
 *	  The direct back-end's less common ways: tables without key, all rows.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"

#if CDC_HAVE_TABLE_AM

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/write/heap_internal.h"
#include "pg/target/key.h"

/* ------------------------------------------------------------------------
 * Tables without key
 * ------------------------------------------------------------------------
 */

/*
 * Deletes the row in heap->found if an entry with that presence takes such a row away.
 * values and nulls are scratch; *changed is set where somebody else was at the row, so
 * that the scan has to be repeated.
 */
static bool
take_found(CdcHeap *heap, const CdcPresence *presence, Datum *values, bool *nulls,
		   bool *changed)
{
	CdcTarget  *target = heap->run->target;
	CdcEntry   *entry;
	int			i;

	memset(nulls, true, sizeof(bool) * target->desc->natts);
	for (i = 0; i < target->nkey; i++)
	{
		int			at = target->key[i].attnum - 1;

		if (!presence->attrs[at])
			continue;
		values[at] = heap->found->tts_values[at];
		nulls[at] = heap->found->tts_isnull[at];
	}
	entry = cdc_reduce_find_entry(heap->run, cdc_key_hash(target, values, nulls), values,
								nulls);
	if (entry == NULL || entry->take == 0 || entry->presence != presence)
		return false;
	heap->work->at.entry = entry;
	heap->work->at.place = entry->place;
	if (!cdc_heap_delete_found(heap))
	{
		*changed = true;
		return false;
	}
	entry->take--;
	heap->run->deleted++;
	return true;
}

/* One pass over the table; returns how many rows are still to be taken away. */
static int64
take_rows_once(CdcHeap *heap, List *presences, int64 wanted, bool *changed)
{
	int			natts = heap->run->target->desc->natts;
	Datum	   *values = MemoryContextAllocZero(heap->run->batch, sizeof(Datum) * natts);
	bool	   *nulls = MemoryContextAlloc(heap->run->batch, sizeof(bool) * natts);
	MemoryContext old = MemoryContextSwitchTo(heap->estate->es_query_cxt);
	TableScanDesc scan;

	PushActiveSnapshot(GetLatestSnapshot());
	scan = table_beginscan(heap->rel, GetActiveSnapshot(), 0, NULL);
	while (wanted > 0 && table_scan_getnextslot(scan, ForwardScanDirection, heap->found))
	{
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(heap->estate);
		MemoryContextSwitchTo(GetPerTupleMemoryContext(heap->estate));
		slot_getallattrs(heap->found);
		foreach(lc, presences)
			if (take_found(heap, lfirst(lc), values, nulls, changed))
			{
				wanted--;
				break;
			}
		MemoryContextSwitchTo(heap->estate->es_query_cxt);
	}
	ExecClearTuple(heap->found);
	table_endscan(scan);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	return wanted;
}

void
cdc_heap_take_rows(CdcHeap *heap)
{
	CdcTargetRun *run = heap->run;
	List	   *presences = NIL;
	MemoryContext old = MemoryContextSwitchTo(run->batch);
	int64		wanted = 0;
	int			i;

	for (i = 0; i < run->nentries; i++)
	{
		if (run->entries[i]->take == 0)
			continue;
		wanted += run->entries[i]->take;
		presences = list_append_unique_ptr(presences, (void *) run->entries[i]->presence);
	}
	MemoryContextSwitchTo(old);
	while (wanted > 0)
	{
		bool		changed = false;

		wanted = take_rows_once(heap, presences, wanted, &changed);
		if (!changed)
			break;				/* rows that are not there need not go */
	}
	for (i = 0; i < run->nentries; i++)
		run->entries[i]->take = 0;
}

/* ------------------------------------------------------------------------
 * All rows
 * ------------------------------------------------------------------------
 */

/* One pass over the table; false: somebody else was at a row, so it has to be repeated. */
static bool
delete_all_once(CdcHeap *heap)
{
	MemoryContext old = MemoryContextSwitchTo(heap->estate->es_query_cxt);
	bool		done = true;
	TableScanDesc scan;

	PushActiveSnapshot(GetLatestSnapshot());
	scan = table_beginscan(heap->rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, heap->found))
	{
		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(heap->estate);
		if (!cdc_heap_delete_found(heap))
			done = false;
	}
	ExecClearTuple(heap->found);
	table_endscan(scan);
	PopActiveSnapshot();
	MemoryContextSwitchTo(old);
	return done;
}

void
cdc_heap_delete_all(CdcWork *work, CdcTargetRun *run)
{
	CdcHeap    *heap;
	bool		done;

	cdc_heap_open(work, run);
	heap = run->state;
	do
	{
		heap->estate->es_output_cid = GetCurrentCommandId(true);
		heap->estate->es_snapshot = GetActiveSnapshot();
		if (heap->triggers)
			AfterTriggerBeginQuery();
		done = delete_all_once(heap);
		if (heap->triggers)
			AfterTriggerEndQuery(heap->estate);
		CommandCounterIncrement();
	} while (!done);
	cdc_heap_close(work, run);
}

#endif							/* CDC_HAVE_TABLE_AM */
