/*-------------------------------------------------------------------------
 *
 * heap.c
 *	  Back-end that writes heap tables directly: lookup through the
 *	  key's unique index, updates and deletes by row, new rows by
 *	  multi-insert.
 *
 * Row-level triggers, constraints, generated columns and defaults are
 * honoured as PostgreSQL's own logical replication does: triggers fire that are
 * ENABLEd REPLICA or ALWAYS, and foreign keys, which the source has checked, are
 * not checked again; of tables that are not for the subscription's owner to decide
 * on, all fire.  Where a row trigger fires, the executor's functions for logical
 * replication write the row.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"

#if CDC_HAVE_TABLE_AM

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "pg/write/heap_internal.h"

/* ------------------------------------------------------------------------
 * Keys that need no lookup
 * ------------------------------------------------------------------------
 */

/*
 * Remembers the greatest key, so that keys above it need no lookup: new rows
 * mostly have ascending keys.  Worth it for many entries only.
 */
static void
find_greatest_key(CdcHeap *heap)
{
	CdcTarget  *target = heap->run->target;
	MemoryContext old;
	IndexScanDesc scan;
	int			i;

	heap->greatest_known = false;
	if (!heap->ordered || heap->run->nentries < 16)
		return;
	for (i = 0; i < target->nkey; i++)
		heap->compare[i] = index_getprocinfo(heap->index, i + 1, BTORDER_PROC);
	ExecClearTuple(heap->found);
	scan = CDC_INDEX_BEGINSCAN(heap->rel, heap->index, &heap->dirty, 0);
	index_rescan(scan, NULL, 0, NULL, 0);
	heap->empty = !index_getnext_slot(scan, BackwardScanDirection, heap->found);
	heap->greatest_known = true;
	for (i = 0; i < target->nkey && !heap->empty; i++)
	{
		const CdcKeyColumn *key = &target->key[heap->key_of_index[i]];
		const CdcTargetColumn *col = &target->columns[key->column];
		bool		isnull;
		Datum		value = slot_getattr(heap->found, key->attnum, &isnull);

		if (isnull)
		{
			heap->greatest_known = false;
			break;
		}
		old = MemoryContextSwitchTo(heap->run->batch);
		heap->greatest[i] = datumCopy(value, col->byval, col->len);
		MemoryContextSwitchTo(old);
	}
	ExecClearTuple(heap->found);
	index_endscan(scan);
}

/* At the first flush: begins to note what is written where there was nothing before. */
static void
note_empty_table(CdcHeap *heap)
{
	if (!heap->flushed && !heap->triggers && heap->greatest_known && heap->empty)
		heap->written = MemoryContextAllocZero(heap->estate->es_query_cxt,
											   CDC_HEAP_WRITTEN_BITS / 8);
	heap->flushed = true;
}

/* Whether the table cannot have the entry's row, as only this run wrote to it. */
static inline bool
is_unwritten(const CdcHeap *heap, const CdcEntry *entry)
{
	uint32		bit = entry->hash % CDC_HEAP_WRITTEN_BITS;

	return heap->written != NULL && (heap->written[bit / 8] & (1 << (bit % 8))) == 0;
}

/* Notes that the table may have the entry's row from now on. */
static inline void
note_written(CdcHeap *heap, const CdcEntry *entry)
{
	uint32		bit = entry->hash % CDC_HEAP_WRITTEN_BITS;

	if (heap->written != NULL)
		heap->written[bit / 8] |= 1 << (bit % 8);
}

/* Whether the table cannot have the entry's row, as its key is above all that it has. */
static inline bool
above_greatest_key(CdcHeap *heap, const CdcEntry *entry)
{
	int			nkey = heap->run->target->nkey;
	int			i;

	if (!heap->greatest_known)
		return false;
	if (heap->empty)
		return true;
	if (entry->key_nulls != 0)
		return false;
	for (i = 0; i < nkey; i++)
	{
		int32		cmp = DatumGetInt32(FunctionCall2Coll(heap->compare[i],
														  heap->scankey[i].sk_collation,
														  entry->key[heap->key_of_index[i]],
														  heap->greatest[i]));

		if (cmp != 0)
			return cmp > 0;
	}
	return false;
}

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------
 */

/* The default of a column (by attribute, from 0) that an event lacks. */
static Datum
column_default(CdcHeap *heap, int at, bool *isnull)
{
	EState	   *estate = heap->estate;
	MemoryContext old;
	Datum		value = (Datum) 0;

	if (heap->defaults == NULL)
	{
		int			natts = RelationGetDescr(heap->rel)->natts;
		int			i;

		old = MemoryContextSwitchTo(estate->es_query_cxt);
		heap->defaults = palloc0(sizeof(ExprState *) * natts);
		for (i = 0; i < natts; i++)
		{
			Form_pg_attribute att = TupleDescAttr(RelationGetDescr(heap->rel), i);
			Expr	   *expr;

			if (att->attisdropped || CDC_ATT_GENERATED(att))
				continue;
			expr = (Expr *) build_column_default(heap->rel, i + 1);
			if (expr != NULL)
				heap->defaults[i] = ExecPrepareExpr(expr, estate);
		}
		MemoryContextSwitchTo(old);
	}
	*isnull = true;
	if (heap->defaults[at] != NULL)
		value = ExecEvalExprSwitchContext(heap->defaults[at], GetPerTupleExprContext(estate),
										  isnull);
	return value;
}

/*
 * Stores the entry's row in slot.  Columns that it lacks come from old, or, where that
 * is NULL or the row was deleted in between, are their defaults.  A complete row is
 * not copied: the slot takes the entry's tuple over.
 */
static void
store_row(CdcHeap *heap, CdcEntry *entry, TupleTableSlot *slot, TupleTableSlot *old)
{
	TupleDesc	desc = RelationGetDescr(heap->rel);
	int			i;

	if (entry->presence->complete)
	{
		/* in one piece, and owned by the slot, so that it is not copied again */
		if (entry->tuple != NULL)
		{
			ExecStoreHeapTuple(entry->tuple, slot, true);
			entry->tuple = NULL;
		}
		return;
	}
	ExecClearTuple(slot);
	heap_deform_tuple(entry->tuple, desc, slot->tts_values, slot->tts_isnull);
	if (old != NULL)
		slot_getallattrs(old);
	for (i = 0; i < desc->natts; i++)
	{
		if (entry->presence->attrs[i] || TupleDescAttr(desc, i)->attisdropped)
			continue;
		if (old != NULL && !entry->replace)
		{
			slot->tts_values[i] = old->tts_values[i];
			slot->tts_isnull[i] = old->tts_isnull[i];
		}
		else
			slot->tts_values[i] = column_default(heap, i, &slot->tts_isnull[i]);
	}
	ExecStoreVirtualTuple(slot);
}

/* Computes generated columns of the row in slot, and checks its constraints. */
static void
check_row(CdcHeap *heap, TupleTableSlot *slot, CmdType command)
{
	slot->tts_tableOid = RelationGetRelid(heap->rel);
	if (heap->generated)
		CDC_COMPUTE_GENERATED(heap->rri, heap->estate, slot, command);
	if (heap->constraints)
		ExecConstraints(heap->rri, slot, heap->estate);
	if (heap->rel->rd_rel->relispartition)
		ExecPartitionCheck(heap->rri, slot, heap->estate, true);
}

/* Whether two rows are stored alike, byte for byte. */
static bool
same_row(TupleTableSlot *a, TupleTableSlot *b)
{
	bool		free_a;
	bool		free_b;
	HeapTuple	ta = ExecFetchSlotHeapTuple(a, false, &free_a);
	HeapTuple	tb = ExecFetchSlotHeapTuple(b, false, &free_b);
	bool		same = false;

	/* stored headers may differ in their length when columns were added */
	if (HeapTupleHeaderGetNatts(ta->t_data) == HeapTupleHeaderGetNatts(tb->t_data) &&
		ta->t_len == tb->t_len && ta->t_data->t_hoff == tb->t_data->t_hoff &&
		HeapTupleHasNulls(ta) == HeapTupleHasNulls(tb) &&
		!HeapTupleHasExternal(ta) && !HeapTupleHasExternal(tb))
		same = memcmp((char *) ta->t_data + offsetof(HeapTupleHeaderData, t_bits),
					  (char *) tb->t_data + offsetof(HeapTupleHeaderData, t_bits),
					  ta->t_len - offsetof(HeapTupleHeaderData, t_bits)) == 0;
	if (free_a)
		heap_freetuple(ta);
	if (free_b)
		heap_freetuple(tb);
	return same;
}

/* There is no row with the entry's key.  (What row triggers keep out is not missing.) */
static inline void
note_missing(CdcHeap *heap, const CdcEntry *entry)
{
	if (unlikely(entry->expected == CDC_EXPECTS_ROW) && !heap->triggers)
		cdc_surprise_missing(heap->run, entry, 1);
}

/* Deletes the row that has the entry's key, if there is one. */
static void
delete_row(CdcHeap *heap, CdcEntry *entry)
{
	if (heap->displaced != NIL && cdc_heap_take_displaced(heap, entry))
	{
		heap->run->deleted++;
		return;
	}
	while (cdc_heap_find_entry(heap, entry))
	{
		if (cdc_heap_delete_found(heap))
		{
			heap->run->deleted++;
			return;
		}
	}
	note_missing(heap, entry);
}

/* Writes heap->next over heap->found; false: look it up again. */
static bool
update_found(CdcHeap *heap, const CdcEntry *entry)
{
	TM_FailureData failure;
	LockTupleMode lockmode;
	CdcUpdateIndexes update_indexes;
	TM_Result	result;

	check_row(heap, heap->next, CMD_UPDATE);
	if (same_row(heap->found, heap->next))
		return true;
	if (heap->run->target->row_by_row)
		cdc_heap_remove_conflicts(heap, heap->next, &heap->found->tts_tid);
	result = table_tuple_update(heap->rel, &heap->found->tts_tid, heap->next,
								heap->estate->es_output_cid, heap->estate->es_snapshot,
								InvalidSnapshot, true, &failure, &lockmode, &update_indexes);
	if (!cdc_heap_is_done(heap, result))
		return false;
	if (heap->rri->ri_NumIndices > 0 && CDC_UPDATES_INDEXES(update_indexes))
		list_free(CDC_APPLY_INDEX_TUPLES(heap->rri, heap->next, heap->estate, true,
										 update_indexes));
	if (unlikely(entry->expected == CDC_EXPECTS_NONE))
		cdc_surprise_surplus(heap->run, entry, 1);
	return true;
}

/* ------------------------------------------------------------------------
 * New rows
 * ------------------------------------------------------------------------
 */

/* Writes the new rows that wait, and their index entries. */
static void
write_pending(CdcHeap *heap)
{
	CdcWork	   *work = heap->work;
	const CdcEntry *at = work->at.entry;
	int			n = heap->npending;
	int			i;

	if (n == 0)
		return;
	heap->npending = 0;
	if (n == 1)
		table_tuple_insert(heap->rel, heap->slots[0], heap->estate->es_output_cid, 0, NULL);
	else
		table_multi_insert(heap->rel, heap->slots, n, heap->estate->es_output_cid, 0, NULL);
	for (i = 0; i < n; i++)
	{
		work->at.entry = heap->pending[i];
		work->at.place = heap->pending[i]->place;
		ResetPerTupleExprContext(heap->estate);
		if (heap->rri->ri_NumIndices > 0)
			list_free(CDC_APPLY_INDEX_TUPLES(heap->rri, heap->slots[i], heap->estate, false,
											 CDC_UPDATE_ALL_INDEXES));
		ExecClearTuple(heap->slots[i]);
	}
	heap->pending_bytes = 0;
	work->at.entry = at;
}

/* Adds the entry's row to those that wait; where triggers fire, writes it. */
static void
insert_row(CdcHeap *heap, CdcEntry *entry)
{
	TupleTableSlot *slot;
	size_t		len = entry->tuple ? entry->tuple->t_len : heap->next_len;

	if (heap->triggers)
	{
		store_row(heap, entry, heap->next, NULL);
		if (heap->run->target->row_by_row)
			cdc_heap_remove_conflicts(heap, heap->next, NULL);
		CDC_SIMPLE_INSERT(heap->rri, heap->estate, heap->next);
		heap->run->inserted++;
		return;
	}
	if (heap->npending == heap->nslots)
	{
		MemoryContext old = MemoryContextSwitchTo(heap->estate->es_query_cxt);

		heap->slots[heap->nslots++] = MakeSingleTupleTableSlot(RelationGetDescr(heap->rel),
															   &TTSOpsHeapTuple);
		MemoryContextSwitchTo(old);
	}
	slot = heap->slots[heap->npending];
	if (entry->tuple == NULL)
	{
		/* an update before this one took it over, and its row went away */
		ExecCopySlot(slot, heap->next);
	}
	else
		store_row(heap, entry, slot, NULL);
	check_row(heap, slot, CMD_INSERT);
	if (!entry->presence->complete || heap->generated)
		ExecMaterializeSlot(slot);
	if (heap->run->target->row_by_row)
		cdc_heap_remove_conflicts(heap, slot, NULL);
	heap->pending[heap->npending++] = entry;
	heap->pending_bytes += len;
	heap->run->inserted++;
	if (heap->npending == CDC_HEAP_PENDING || heap->pending_bytes > CDC_HEAP_PENDING_BYTES)
		write_pending(heap);
}

/* Writes the entry's row over the one that has its key, or as a new one. */
static void
put_row(CdcHeap *heap, CdcEntry *entry)
{
	if (heap->displaced != NIL && cdc_heap_take_displaced(heap, entry))
	{
		note_written(heap, entry);
		insert_row(heap, entry);
		heap->run->inserted--;
		heap->run->updated++;
		return;
	}
	if (!is_unwritten(heap, entry) && !above_greatest_key(heap, entry))
	{
		while (cdc_heap_find_entry(heap, entry))
		{
			bool		done;

			if (heap->triggers && !cdc_heap_lock_found(heap))
				continue;
			if (entry->tuple != NULL)
				heap->next_len = entry->tuple->t_len;
			store_row(heap, entry, heap->next, heap->found);
			if (heap->triggers)
			{
				if (heap->run->target->row_by_row)
					cdc_heap_remove_conflicts(heap, heap->next, &heap->found->tts_tid);
				CDC_SIMPLE_UPDATE(heap->rri, heap->estate, &heap->epq, heap->found,
								  heap->next);
				done = true;
			}
			else
				done = update_found(heap, entry);
			if (done)
			{
				heap->run->updated++;
				ExecClearTuple(heap->next);
				return;
			}
		}
	}
	note_missing(heap, entry);
	if (entry->existing)
		return;
	note_written(heap, entry);
	insert_row(heap, entry);
}

/* ------------------------------------------------------------------------
 * Flush
 * ------------------------------------------------------------------------
 */

/* Makes the entry the one at hand. */
static inline void
begin_entry(CdcHeap *heap, CdcEntry *entry)
{
	heap->work->at.entry = entry;
	heap->work->at.place = entry->place;
	ResetPerTupleExprContext(heap->estate);
	CHECK_FOR_INTERRUPTS();
}

/*
 * The run's entry at i.  Entries are sorted by their keys, and lie anywhere in memory:
 * those that come soon are prefetched.
 */
static inline CdcEntry *
next_entry(const CdcTargetRun *run, int i)
{
	if (i + 16 < run->nentries)
	{
		const CdcEntry *soon = run->entries[i + 8];

		__builtin_prefetch(run->entries[i + 16]);
		__builtin_prefetch((const char *) run->entries[i + 16] + sizeof(CdcEntry));
		__builtin_prefetch(soon->tuple);
		__builtin_prefetch((const char *) soon->tuple + 64);
	}
	return run->entries[i];
}

/* Deletes first, so that keys may have been swapped or moved along; then rows. */
static void
flush_keyed(CdcHeap *heap)
{
	CdcTargetRun *run = heap->run;
	int			i;

	for (i = 0; run->deletes && i < run->nentries; i++)
	{
		CdcEntry   *entry = next_entry(run, i);

		if (entry->put)
			continue;
		if (is_unwritten(heap, entry))
		{
			note_missing(heap, entry);
			continue;
		}
		begin_entry(heap, entry);
		delete_row(heap, entry);
	}
	find_greatest_key(heap);
	note_empty_table(heap);
	for (i = 0; i < run->nentries; i++)
	{
		CdcEntry   *entry = next_entry(run, i);

		if (!entry->put)
			continue;
		begin_entry(heap, entry);
		put_row(heap, entry);
	}
	write_pending(heap);
}

/* Takes rows away first, then adds the new ones. */
static void
flush_keyless(CdcHeap *heap)
{
	CdcTargetRun *run = heap->run;
	int			i;

	for (i = 0; heap->displaced != NIL && i < run->nentries; i++)
		cdc_heap_take_displaced_rows(heap, run->entries[i]);
	cdc_heap_take_rows(heap);
	for (i = 0; i < run->nentries; i++)
	{
		CdcEntry   *entry = run->entries[i];
		HeapTuple	tuple = entry->tuple;
		int64		n;

		for (n = 0; n < entry->add; n++)
		{
			MemoryContext old = MemoryContextSwitchTo(run->batch);

			entry->tuple = n + 1 == entry->add ? tuple : heap_copytuple(tuple);
			MemoryContextSwitchTo(old);
			begin_entry(heap, entry);
			insert_row(heap, entry);
		}
	}
	write_pending(heap);
}

static void
heap_backend_flush(CdcWork *work, CdcTargetRun *run)
{
	CdcHeap    *heap = run->state;
	MemoryContext old;

	heap->estate->es_output_cid = GetCurrentCommandId(true);
	heap->estate->es_snapshot = GetActiveSnapshot();
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(heap->estate));
	if (heap->triggers)
		AfterTriggerBeginQuery();
	if (run->target->keyless)
		flush_keyless(heap);
	else
		flush_keyed(heap);
	ExecClearTuple(heap->found);
	ExecClearTuple(heap->next);
	if (heap->triggers)
		AfterTriggerEndQuery(heap->estate);
	MemoryContextSwitchTo(old);
	CommandCounterIncrement();
}

/* ------------------------------------------------------------------------
 * The back-end
 * ------------------------------------------------------------------------
 */

static bool
heap_backend_fetch(CdcTargetRun *run, const CdcRowKey *key, Datum *values, bool *nulls)
{
	CdcHeap    *heap = run->state;
	TupleDesc	desc = RelationGetDescr(heap->rel);
	int			i;

	if (!cdc_heap_find_key(heap, key))
	{
		HeapTuple	tuple = cdc_heap_displaced(heap, key);

		if (tuple == NULL)
			return false;
		ExecForceStoreHeapTuple(tuple, heap->found, false);
	}
	slot_getallattrs(heap->found);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		nulls[i] = heap->found->tts_isnull[i];
		if (nulls[i])
			continue;
		values[i] = heap->found->tts_values[i];
		if (att->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[i]));
		else
			values[i] = datumCopy(values[i], att->attbyval, att->attlen);
	}
	ExecClearTuple(heap->found);
	return true;
}

const CdcWriteBackend cdc_write_heap = {
	"heap",
	cdc_heap_open,
	heap_backend_flush,
	heap_backend_fetch,
	cdc_heap_settle,
	cdc_heap_close
};

#endif							/* CDC_HAVE_TABLE_AM */
