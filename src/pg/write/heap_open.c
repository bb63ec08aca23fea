/*-------------------------------------------------------------------------
 *
 * heap_open.c
 *	  The direct back-end's state for one target: made at the first flush of a
 *	  run, given back at its end.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/write/write.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"

#if CDC_HAVE_TABLE_AM

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "nodes/makefuncs.h"
#include "parser/parse_relation.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/write/heap_internal.h"
#include "pg/target/trigger.h"

/*
 * The executor asks the range table which columns an UPDATE sets: all of
 * them.
 */
static void
init_range_table(CdcHeap *heap)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	int			natts = RelationGetDescr(heap->rel)->natts;
	Bitmapset  *columns = NULL;
	List	   *permissions = NIL;
	int			i;

	for (i = 1; i <= natts; i++)
		columns = bms_add_member(columns, i - FirstLowInvalidHeapAttributeNumber);
	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(heap->rel);
	rte->relkind = heap->rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if CDC_HAVE_RTE_PERMISSION_INFO
	addRTEPermissionInfo(&permissions, rte)->updatedCols = columns;
#else
	rte->updatedCols = columns;
#endif
	CDC_INIT_RANGE_TABLE(heap->estate, list_make1(rte), permissions);
	(void) permissions;
}

/* Opens the key's index, and a scan of it for lookups. */
static void
open_key_index(CdcHeap *heap, const CdcTarget *target)
{
	Relation	index = index_open(target->key_index, RowExclusiveLock);
	int			nkey = target->nkey;
	int			i;
	int			k;

	heap->index = index;
	heap->ordered = (index->rd_rel->relam == BTREE_AM_OID);
	for (i = 0; i < nkey; i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];
		Oid			operator = get_opfamily_member(index->rd_opfamily[i],
												   index->rd_opcintype[i],
												   index->rd_opcintype[i],
												   BTEqualStrategyNumber);

		if (!OidIsValid(operator))
			elog(ERROR, "no equality operator for column %d of index \"%s\"", i + 1,
				 RelationGetRelationName(index));
		for (k = 0; target->key[k].attnum != attnum; k++)
			Assert(k < nkey);
		heap->key_of_index[i] = k;
		ScanKeyInit(&heap->scankey[i], i + 1, BTEqualStrategyNumber, get_opcode(operator),
					(Datum) 0);
		heap->scankey[i].sk_collation = index->rd_indcollation[i];
		if (index->rd_indoption[i] != 0)
			heap->ordered = false;
	}
	InitDirtySnapshot(heap->dirty);
	heap->scan = CDC_INDEX_BEGINSCAN(heap->rel, index, &heap->dirty, nkey);
}

void
cdc_heap_open(CdcWork *work, CdcTargetRun *run)
{
	CdcTarget  *target = run->target;
	MemoryContext old = MemoryContextSwitchTo(work->cxt);
	CdcHeap    *heap = palloc0(sizeof(CdcHeap));
	EState	   *estate;

	run->state = heap;
	heap->work = work;
	heap->run = run;
	heap->rel = table_open(target->relid, NoLock);
	CheckCmdReplicaIdentity(heap->rel, CMD_UPDATE);

	heap->estate = estate = CreateExecutorState();
	MemoryContextSwitchTo(estate->es_query_cxt);
	init_range_table(heap);
	heap->rri = makeNode(ResultRelInfo);
	InitResultRelInfo(heap->rri, heap->rel, 1, NULL, 0);
	CDC_SET_RESULT_RELATION(estate, heap->rri);
	ExecOpenIndices(heap->rri, false);
	CDC_EPQ_INIT(&heap->epq, estate);

	heap->triggers = cdc_fires_row_triggers(heap->rel);
	heap->constraints = heap->rel->rd_att->constr != NULL;
	heap->generated = heap->constraints && heap->rel->rd_att->constr->has_generated_stored;
	heap->found = table_slot_create(heap->rel, NULL);
	heap->next = MakeSingleTupleTableSlot(RelationGetDescr(heap->rel), &TTSOpsHeapTuple);
	if (!target->keyless)
		open_key_index(heap, target);
	MemoryContextSwitchTo(old);
}

void
cdc_heap_close(CdcWork *work, CdcTargetRun *run)
{
	CdcHeap    *heap = run->state;
	int			i;

	if (heap->scan != NULL)
	{
		index_endscan(heap->scan);
		index_close(heap->index, NoLock);
	}
	for (i = 0; i < heap->nslots; i++)
		ExecDropSingleTupleTableSlot(heap->slots[i]);
	ExecDropSingleTupleTableSlot(heap->next);
	ExecDropSingleTupleTableSlot(heap->found);
	EvalPlanQualEnd(&heap->epq);
	ExecCloseIndices(heap->rri);
	ExecResetTupleTable(heap->estate->es_tupleTable, false);
	FreeExecutorState(heap->estate);
	table_close(heap->rel, NoLock);
	run->state = NULL;
}

#endif							/* CDC_HAVE_TABLE_AM */
