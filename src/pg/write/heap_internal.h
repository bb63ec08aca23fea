/*-------------------------------------------------------------------------
 *
 * heap_internal.h
 *	  State of the direct back-end for one target, which its parts share.
 *
 *	  From the top down:
 *	  heap.c			the back-end: collected rows into the table
 *	  heap_scan.c		tables without key; all rows
 *	  heap_conflict.c	conflicts in other unique indexes
 *	  heap_row.c		a row of the table: found, locked, deleted
 *	  heap_open.c		the state made and given back
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WRITE_HEAP_INTERNAL_H
#define CDC_PG_WRITE_HEAP_INTERNAL_H

#include "pg/write/write.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/tableam.h"
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
	/* of the run */
	CdcWork	   *work;
	CdcTargetRun *run;

	/* the relation, open for writing through the executor */
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *rri;
	EPQState	epq;
	bool		triggers;		/* row triggers fire */
	bool		constraints;
	bool		generated;		/* it has stored generated columns */

	/* the row at hand */
	TupleTableSlot *found;		/* the row that a lookup found */
	TupleTableSlot *next;		/* what it becomes */
	size_t		next_len;		/* of the tuple that next took over, in bytes */
	TupleTableSlot *other;		/* a row in conflict; NULL: not made yet */
	List	   *displaced;		/* rows that others took the place of, see heap_conflict.c */
	ExprState **defaults;		/* by attribute; NULL: not made yet */

	/* lookup by key */
	Relation	index;
	IndexScanDesc scan;
	SnapshotData dirty;
	int			key_of_index[INDEX_MAX_KEYS];	/* place in target->key of each index column */
	ScanKeyData scankey[INDEX_MAX_KEYS];

	/* the greatest key in the index when the flush began */
	bool		ordered;		/* the index has a plain ascending order */
	bool		greatest_known;
	bool		empty;			/* there was none */
	FmgrInfo   *compare[INDEX_MAX_KEYS];
	Datum		greatest[INDEX_MAX_KEYS];	/* in the order of the index */

	/*
	 * Of a table that was empty when the run began: a bit for each hash whose
	 * row may have been written since; NULL: of another one.
	 */
	bool		flushed;		/* the first flush has looked whether it is one */
	uint8	   *written;

	/* new rows not yet written */
	int			nslots;			/* that are made */
	int			npending;
	size_t		pending_bytes;
	TupleTableSlot *slots[CDC_HEAP_PENDING];
	CdcEntry   *pending[CDC_HEAP_PENDING];
} CdcHeap;

/* heap_open.c: CdcWriteBackend's open and close */
extern void cdc_heap_open(CdcWork *work, CdcTargetRun *run);
extern void cdc_heap_close(CdcWork *work, CdcTargetRun *run);

/*
 * heap_row.c
 */

/* Fills heap->found with the row that has the entry's key; false: there is none. */
extern bool cdc_heap_find_entry(CdcHeap *heap, const CdcEntry *entry);

/* The same by a key of its own. */
extern bool cdc_heap_find_key(CdcHeap *heap, const CdcRowKey *key);

/* Locks the row in heap->found; false: it has changed, look it up again. */
extern bool cdc_heap_lock_found(CdcHeap *heap);

/* Deletes the row in heap->found; false: it has changed, look it up again. */
extern bool cdc_heap_delete_found(CdcHeap *heap);

/* What a write's result means; true: it is done, false: look the row up again. */
extern bool cdc_heap_is_done(CdcHeap *heap, TM_Result result);

/*
 * heap_scan.c
 */

/* Deletes all rows; opens the back-end and closes it again. */
extern void cdc_heap_delete_all(CdcWork *work, CdcTargetRun *run);

/* Tables without key: deletes the rows that entries take away, in one scan. */
extern void cdc_heap_take_rows(CdcHeap *heap);

/*
 * heap_conflict.c
 */

/*
 * Takes rows out of the table that stand in the way of the row in slot in another unique
 * index than the key's; tid: the row that slot replaces, or NULL.
 */
extern void cdc_heap_remove_conflicts(CdcHeap *heap, TupleTableSlot *slot, ItemPointer tid);

/* The row with that key, where it was taken out; or NULL. */
extern HeapTuple cdc_heap_displaced(CdcHeap *heap, const CdcRowKey *key);

/*
 * Whether the entry's row was taken out.  It counts as there: the entry, where it writes a
 * row, gets the columns that it lacks.
 */
extern bool cdc_heap_take_displaced(CdcHeap *heap, CdcEntry *entry);

/* The same of a target without key: the rows that the entry takes away, as far as they are on the list. */
extern void cdc_heap_take_displaced_rows(CdcHeap *heap, CdcEntry *entry);

/* CdcWriteBackend's settle */
extern void cdc_heap_settle(CdcWork *work, CdcTargetRun *run);

#endif							/* CDC_PG_WRITE_HEAP_INTERNAL_H */
