/*-------------------------------------------------------------------------
 *
 * heap_conflict.c
 *	  The direct back-end: rows in each other's way in unique indexes of the user's own.
 *
 * Rows are written in the order of the source, which may have no such index: two may
 * swap their values.  A row that is in the way is taken out of the table, and has to come
 * again, with other values, before the run ends, or go.  One that has not is lost, and
 * that is told: an error, or, where rows of different moments meet (a copy) or the user
 * wants it so, a line in cdc.log.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"

#if CDC_HAVE_TABLE_AM

#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg/catalog/log.h"
#include "pg/write/heap_internal.h"
#include "pg/target/key.h"

/* So many rows may wait for their new values: what is above is settled at once. */
#define MAX_DISPLACED	1000

/* A row that was taken out of the table, as another one has its values. */
typedef struct Displaced
{
	HeapTuple	tuple;
	bool		overwritten;	/* it may be lost */
	char	   *by;				/* the key of the other one, as text */
	char	   *index;
	char	   *remedy;			/* what drops it */
} Displaced;

/* Looks for one live row with the values in a unique index; fills heap->other. */
static bool
find_conflict(CdcHeap *heap, Relation index, ScanKey keys, int nkeys, ItemPointer tid)
{
	SnapshotData dirty;
	IndexScanDesc scan;
	TransactionId xwait = InvalidTransactionId;
	bool		found = false;

	do
	{
		if (TransactionIdIsValid(xwait))
			XactLockTableWait(xwait, NULL, NULL, XLTW_None);
		xwait = InvalidTransactionId;
		found = false;
		InitDirtySnapshot(dirty);
		scan = CDC_INDEX_BEGINSCAN(heap->rel, index, &dirty, nkeys);
		index_rescan(scan, keys, nkeys, NULL, 0);
		while (!found && index_getnext_slot(scan, ForwardScanDirection, heap->other))
		{
			if (tid != NULL && ItemPointerEquals(&heap->other->tts_tid, tid))
				continue;
			found = true;
			xwait = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
			if (TransactionIdIsValid(xwait))
				ExecClearTuple(heap->other);
		}
		index_endscan(scan);
	} while (TransactionIdIsValid(xwait));
	return found;
}

/* The scan keys of the row's values in an index; 0: it cannot conflict there. */
static int
conflict_keys(CdcHeap *heap, Relation index, IndexInfo *info, TupleTableSlot *slot,
			  ScanKey keys)
{
	ExprContext *econtext = GetPerTupleExprContext(heap->estate);
	Datum		values[INDEX_MAX_KEYS];
	bool		nulls[INDEX_MAX_KEYS];
	int			n = CDC_INDEX_NKEYATTS(index->rd_index);
	int			i;

	econtext->ecxt_scantuple = slot;
	if (info->ii_Predicate != NIL)
	{
		if (info->ii_PredicateState == NULL)
			info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, heap->estate);
		if (!ExecQual(info->ii_PredicateState, econtext))
			return 0;
	}
	FormIndexDatum(info, slot, heap->estate, values, nulls);
	for (i = 0; i < n; i++)
	{
		Oid			operator;

		if (nulls[i])
			return 0;
		operator = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
									   index->rd_opcintype[i], BTEqualStrategyNumber);
		ScanKeyInit(&keys[i], i + 1, BTEqualStrategyNumber, get_opcode(operator), values[i]);
		keys[i].sk_collation = index->rd_indcollation[i];
	}
	return n;
}

/* "(id, no)=(5, 7)": the key's values in the tuple. */
static char *
key_of_tuple(const CdcTarget *target, HeapTuple tuple)
{
	StringInfoData names;
	StringInfoData values;
	int			i;

	initStringInfo(&names);
	initStringInfo(&values);
	for (i = 0; i < target->nkey; i++)
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, target->key[i].attnum, target->desc, &isnull);

		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", target->columns[target->key[i].column].name);
		appendStringInfoString(&values, i > 0 ? ", " : "");
		if (isnull)
			appendStringInfoString(&values, "null");
		else
			cdc_key_append_value(&values, &target->key[i], value);
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

/* Says that a row was lost, or is an ERROR of it. */
static void
settle_one(CdcHeap *heap, const Displaced *row)
{
	const CdcTarget *target = heap->run->target;
	char	   *key = key_of_tuple(target, row->tuple);

	if (!row->overwritten)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("two rows of target %s have the same values in its unique index \"%s\"", target->name, row->index),
				 errdetail("The row with key %s has those of the row with key %s.", row->by, key),
				 errhint("The source has both rows: %s; or, which keeps the later row only: SELECT cdc.alter_subscription(%s, '{\"conflict\": \"overwrite\"}'). A replay onto rows of a later moment has to go on to that moment.",
						 row->remedy, quote_literal_cstr(heap->run->subscription))));
	heap->run->deleted++;
	(void) cdc_log_event(heap->run->subscription, "conflict",
						 psprintf("rows of target %s were overwritten, as others have their values in unique index \"%s\"",
								  target->name, row->index),
						 psprintf("key %s, by key %s", key, row->by));
}

/* Notes that the row in heap->other was taken out. */
static void
note_displaced(CdcHeap *heap, HeapTuple tuple, TupleTableSlot *slot, Relation index)
{
	MemoryContext old = MemoryContextSwitchTo(heap->estate->es_query_cxt);
	Displaced  *row = palloc(sizeof(Displaced));

	row->tuple = heap_copytuple(tuple);
	row->overwritten = heap->run->overwrites;
	row->by = key_of_tuple(heap->run->target, ExecCopySlotHeapTuple(slot));
	row->index = pstrdup(RelationGetRelationName(index));
	row->remedy = OidIsValid(get_index_constraint(RelationGetRelid(index))) ?
		psprintf("ALTER TABLE %s DROP CONSTRAINT %s", heap->run->target->name, quote_identifier(row->index)) :
		psprintf("DROP INDEX %s", quote_qualified_identifier(get_namespace_name(RelationGetNamespace(index)), row->index));
	heap->displaced = lappend(heap->displaced, row);
	MemoryContextSwitchTo(old);
	if (list_length(heap->displaced) > MAX_DISPLACED)
	{
		settle_one(heap, linitial(heap->displaced));
		heap->displaced = list_delete_first(heap->displaced);
	}
}

void
cdc_heap_remove_conflicts(CdcHeap *heap, TupleTableSlot *slot, ItemPointer tid)
{
	int			i;

	if (heap->other == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(heap->estate->es_query_cxt);

		heap->other = table_slot_create(heap->rel, &heap->estate->es_tupleTable);
		MemoryContextSwitchTo(old);
	}
	for (i = 0; i < heap->rri->ri_NumIndices; i++)
	{
		Relation	index = heap->rri->ri_IndexRelationDescs[i];
		ScanKeyData keys[INDEX_MAX_KEYS];
		int			n;

		if (!index->rd_index->indisunique || !index->rd_index->indisready ||
			RelationGetRelid(index) == heap->run->target->key_index)
			continue;
		n = conflict_keys(heap, index, heap->rri->ri_IndexRelationInfo[i], slot, keys);
		while (n > 0 && find_conflict(heap, index, keys, n, tid))
		{
			TupleTableSlot *found = heap->found;
			HeapTuple	tuple = ExecCopySlotHeapTuple(heap->other);
			bool		done;

			heap->found = heap->other;
			done = cdc_heap_delete_found(heap);
			heap->found = found;
			ExecClearTuple(heap->other);
			if (done)
				note_displaced(heap, tuple, slot, index);
		}
	}
}

/* Takes the row with that key off the list; NULL: it is not there. */
static HeapTuple
take_displaced(CdcHeap *heap, const Datum *key, const bool *nulls, bool keep)
{
	const CdcTarget *target = heap->run->target;
	ListCell   *lc;

	foreach(lc, heap->displaced)
	{
		Displaced  *row = lfirst(lc);
		int			i;

		for (i = 0; i < target->nkey; i++)
		{
			bool		isnull;
			Datum		value = heap_getattr(row->tuple, target->key[i].attnum, target->desc, &isnull);

			if (isnull != nulls[i] || (!isnull && !cdc_key_column_equal(&target->key[i], value, key[i])))
				break;
		}
		if (i < target->nkey)
			continue;
		if (!keep)
			heap->displaced = list_delete_ptr(heap->displaced, row);
		return row->tuple;
	}
	return NULL;
}

HeapTuple
cdc_heap_displaced(CdcHeap *heap, const CdcRowKey *key)
{
	return take_displaced(heap, key->values, key->nulls, true);
}

bool
cdc_heap_take_displaced(CdcHeap *heap, CdcEntry *entry)
{
	CdcTarget  *target = heap->run->target;
	int			natts = target->desc->natts;
	bool	   *nulls = palloc(sizeof(bool) * Max(natts, target->nkey));
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *all = palloc(sizeof(bool) * natts);
	HeapTuple	tuple;
	MemoryContext old;
	int			i;

	for (i = 0; i < target->nkey; i++)
		nulls[i] = cdc_entry_key_is_null(entry, i);
	tuple = take_displaced(heap, entry->key, nulls, false);
	if (tuple == NULL)
		return false;
	entry->existing = false;
	if (!entry->put || entry->replace || entry->presence->complete)
		return true;

	/* what the entry lacks the row has */
	heap_deform_tuple(tuple, target->desc, values, nulls);
	for (i = 0; i < natts; i++)
	{
		if (entry->presence->attrs[i])
			values[i] = heap_getattr(entry->tuple, i + 1, target->desc, &nulls[i]);
		all[i] = true;
	}
	entry->presence = cdc_presence_intern(&target->presences, all);
	old = MemoryContextSwitchTo(heap->run->batch);
	entry->tuple = heap_form_tuple(target->desc, values, nulls);
	MemoryContextSwitchTo(old);
	return true;
}

/* Whether a row that was taken out is one that the entry, of a target without key, takes away. */
static bool
is_taken(const CdcTarget *target, const Displaced *row, const CdcEntry *entry)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		AttrNumber	attnum = target->key[i].attnum;
		bool		isnull;
		bool		wanted_null;
		Datum		value;
		Datum		wanted;

		if (!entry->presence->complete && !entry->presence->attrs[attnum - 1])
			continue;
		value = heap_getattr(row->tuple, attnum, target->desc, &isnull);
		wanted = heap_getattr(entry->tuple, attnum, target->desc, &wanted_null);
		if (isnull != wanted_null || (!isnull && !cdc_key_column_equal(&target->key[i], value, wanted)))
			return false;
	}
	return true;
}

void
cdc_heap_take_displaced_rows(CdcHeap *heap, CdcEntry *entry)
{
	ListCell   *lc;
	Displaced  *taken;

	do
	{
		taken = NULL;
		foreach(lc, heap->displaced)
		{
			if (entry->take == 0 || taken != NULL || !is_taken(heap->run->target, lfirst(lc), entry))
				continue;
			taken = lfirst(lc);
		}
		if (taken != NULL)
		{
			heap->displaced = list_delete_ptr(heap->displaced, taken);
			heap->run->deleted++;
			entry->take--;
		}
	} while (taken != NULL);
}

void
cdc_heap_settle(CdcWork *work, CdcTargetRun *run)
{
	CdcHeap    *heap = run->state;
	ListCell   *lc;

	foreach(lc, heap->displaced)
		settle_one(heap, lfirst(lc));
	heap->displaced = NIL;
}

#endif							/* CDC_HAVE_TABLE_AM */
