/*-------------------------------------------------------------------------
 *
 * heap.h
 *	  State of the direct back-end for one target; shared by apply_heap.c and
 *	  apply_heap_scan.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_APPLY_HEAP_H
#define CDC_PG_APPLY_HEAP_H

#include "pg/apply/apply_internal.h"

#include "access/genam.h"
#include "access/skey.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/snapmgr.h"

/* Bits of CdcHeap.written. */
#define CDC_HEAP_WRITTEN_BITS	(8 * 1024 * 1024)

/* New rows are written together up to so many, or so many bytes. */
#define CDC_HEAP_PENDING		512
#define CDC_HEAP_PENDING_BYTES	(1024 * 1024)

typedef struct CdcHeap
{
	CdcApply   *apply;
	CdcTargetRun *run;
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *rri;
	EPQState	epq;
	bool		triggers;		/* row triggers fire */
	bool		constraints;
	bool		generated;
	TupleTableSlot *found;		/* the row that a lookup found */
	TupleTableSlot *next;		/* what it becomes */
	size_t		next_len;
	TupleTableSlot *other;		/* a row in conflict */
	ExprState **defaults;		/* natts, made when first needed */

	/* lookup by key */
	Relation	index;
	IndexScanDesc scan;
	SnapshotData dirty;
	int			key_of_index[INDEX_MAX_KEYS];	/* place in target->key of each index column */
	ScanKeyData scankey[INDEX_MAX_KEYS];

	/* the greatest key in the index when the flush began */
	bool		ordered;		/* the index has a plain ascending order */
	bool		greatest_known;
	bool		empty;
	FmgrInfo   *compare[INDEX_MAX_KEYS];
	Datum		greatest[INDEX_MAX_KEYS];

	/*
	 * Of a table that was empty when the run began: a bit for each hash whose
	 * row may have been written since; NULL: of another one.
	 */
	bool		flushed;
	uint8	   *written;

	/* new rows not yet written */
	int			nslots;
	int			npending;
	size_t		pending_bytes;
	TupleTableSlot *slots[CDC_HEAP_PENDING];
	CdcEntry   *pending[CDC_HEAP_PENDING];
} CdcHeap;

/* apply_heap.c: deletes the row in heap->found; false: it has changed meanwhile. */
extern bool cdc_heap_delete_found(CdcHeap *heap);

/* apply_heap_open.c */
extern void cdc_heap_open(CdcApply *apply, CdcTargetRun *run);
extern void cdc_heap_close(CdcApply *apply, CdcTargetRun *run);

/* apply_heap_scan.c */

/*
 * Deletes rows that stand in the way of the row in slot in another unique
 * index than the key's; tid: the row that slot replaces, or NULL.
 */
extern void cdc_heap_remove_conflicts(CdcHeap *heap, TupleTableSlot *slot, ItemPointer tid);

/* Tables without key: deletes the rows that entries take away, in one scan. */
extern void cdc_heap_take_rows(CdcHeap *heap);

#endif							/* CDC_PG_APPLY_HEAP_H */
