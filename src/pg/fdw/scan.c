/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Scans of foreign tables over Kafka topics: the executor's part.
 *
 *	  A scan connects when its first row is asked for, so that EXPLAIN and parts
 *	  of a plan that are never run cost nothing.  Its bounds are those of the
 *	  query: all scans of a table in one query, and all their rescans, see the
 *	  same messages.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/memutils.h"

#include "pg/base/compat_executor.h"
#include "pg/base/compat_fdw.h"
#include "pg/fdw/scan_parallel.h"
#include "pg/fdw/scan_ranges.h"
#include "pg/fdw/scan_segments.h"

/* The columns that the plan looks at. */
static Bitmapset *
wanted_columns(ForeignScan *plan)
{
	Bitmapset  *wanted = NULL;
	ListCell   *lc;

	foreach(lc, linitial(plan->fdw_private))
		wanted = bms_add_member(wanted, lfirst_int(lc));
	return wanted;
}

/*
 * Conditions that are checked before keys and values are converted: a message
 * that they leave out costs little, and does not matter if it is broken.
 */
static CDC_QUAL_STATE *
early_conditions(CdcKafkaScan *scan, ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	List	   *clauses = NIL;
	ListCell   *lc;

	foreach(lc, plan->fdw_exprs)
	{
		if (cdc_kafka_clause_is_whole(scan->table, plan->scan.scanrelid, lfirst(lc)))
			clauses = lappend(clauses, lfirst(lc));
	}
	return clauses == NIL ? NULL : CDC_EXEC_INIT_QUAL(clauses, &node->ss.ps);
}

void
cdc_kafka_scan_begin(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Relation	rel = node->ss.ss_currentRelation;
	CdcKafkaScan *scan = palloc0(sizeof(CdcKafkaScan));

	scan->table = cdc_kafka_table_open(rel);
	(void) cdc_kafka_table_topic(scan->table);
	scan->natts = RelationGetDescr(rel)->natts;
	scan->user = CDC_FOREIGN_SCAN_USER(node);
	if (!OidIsValid(scan->user))
		scan->user = GetUserId();
	scan->push = cdc_kafka_pushdown_create(scan->table, plan->scan.scanrelid, plan->fdw_exprs);
	scan->context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest Kafka scan",
										  ALLOCSET_DEFAULT_MINSIZE, ALLOCSET_DEFAULT_INITSIZE,
										  ALLOCSET_DEFAULT_MAXSIZE);
	scan->row = cdc_kafka_row_create(scan->table, scan->user, wanted_columns(plan), scan->natts);
	scan->given = cdc_kafka_scan_given_bounds(plan, scan->table);
	if (scan->given == NULL && CDC_SEGMENT_NUMBER() >= 0 && cdc_kafka_scan_by_segments(scan->table->relid))
		elog(ERROR, "foreign table \"%s\" is scanned by segments that were not told what to read",
			 scan->table->name);
	cdc_kafka_pushdown_init(scan->push, &node->ss.ps);
	scan->early = early_conditions(scan, node);
	node->fdw_state = scan;
}

static void
start_scan(ForeignScanState *node)
{
	CdcKafkaScan *scan = node->fdw_state;
	MemoryContext old;
	int			i;

	if (scan->shared == NULL)
		cdc_kafka_scan_prepare(node);
	scan->started = true;
	scan->check_early = scan->early != NULL &&
		(scan->gaps || !cdc_kafka_pushdown_is_exact(scan->push));
	scan->current = 0;
	if (scan->nranges == 0)
		return;
	if (scan->reader == NULL)
	{
		old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
		scan->reader = cdc_kafka_ranges_open(cdc_kafka_scan_source(scan), scan->table->opt.topic,
											 cdc_kafka_row_needs_headers(scan->row));
		MemoryContextSwitchTo(old);
	}
	for (i = 0; i < scan->npartitions && scan->shared == NULL; i++)
	{
		CdcKafkaScanPartition *p = &scan->partitions[i];

		if (p->nranges > 0)
			cdc_kafka_ranges_add(scan->reader, &scan->ranges[p->first_range], p->nranges);
	}
}

static bool
next_message(CdcKafkaScan *scan, CdcKafkaMessage *msg)
{
	if (scan->nranges == 0)
		return false;
#if CDC_HAVE_PARALLEL_QUERY
	if (scan->shared != NULL)
		return cdc_kafka_scan_next_shared(scan, msg);
#endif
	return cdc_kafka_ranges_next(scan->reader, msg);
}

static void
count_message(CdcKafkaScan *scan, const CdcKafkaMessage *msg)
{
	CdcKafkaScanPartition *p = &scan->partitions[scan->current];
	int			i;

	if (p->id != msg->partition)
	{
		/* nearly always it has its number's place */
		i = msg->partition < scan->npartitions ? msg->partition : 0;
		while (scan->partitions[i].id != msg->partition)
			i = (i + 1) % scan->npartitions;
		scan->current = i;
		p = &scan->partitions[i];
	}
	p->messages++;
	p->bytes += msg->key_len + msg->value_len;
}

/* Whether the message's place is one that is asked for. */
static bool
place_fits(ForeignScanState *node, TupleTableSlot *slot, const CdcKafkaMessage *msg)
{
	CdcKafkaScan *scan = node->fdw_state;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	bool		fits;

	if (!scan->check_early)
		return true;
	cdc_kafka_row_fill_place(scan->row, msg, CDC_SLOT_VALUES(slot), CDC_SLOT_ISNULL(slot));
	ExecStoreVirtualTuple(slot);
	econtext->ecxt_scantuple = slot;
	fits = CDC_EXEC_QUAL(scan->early, econtext);
	ExecClearTuple(slot);
	if (!fits)
	{
		InstrCountFiltered1(node, 1);
		ResetExprContext(econtext);
	}
	return fits;
}

TupleTableSlot *
cdc_kafka_scan_iterate(ForeignScanState *node)
{
	CdcKafkaScan *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	CdcKafkaMessage msg;

	ExecClearTuple(slot);
	if (!scan->started)
		start_scan(node);
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (!next_message(scan, &msg))
			return slot;
		count_message(scan, &msg);
	} while (!place_fits(node, slot, &msg));
	cdc_kafka_row_fill(scan->row, &msg, CDC_SLOT_VALUES(slot), CDC_SLOT_ISNULL(slot));
	ExecStoreVirtualTuple(slot);

	/* columns like ctid and xmin want a tuple, which no transaction made */
	if (((ForeignScan *) node->ss.ps.plan)->fsSystemCol)
	{
		HeapTuple	tuple = CDC_MATERIALIZE_SLOT(slot);

		HeapTupleHeaderSetXmin(tuple->t_data, InvalidTransactionId);
		HeapTupleHeaderSetXmax(tuple->t_data, InvalidTransactionId);
		HeapTupleHeaderSetCmin(tuple->t_data, InvalidTransactionId);
	}
	return slot;
}

void
cdc_kafka_scan_rescan(ForeignScanState *node)
{
	CdcKafkaScan *scan = node->fdw_state;

	if (!scan->started)
		return;
	if (scan->reader != NULL)
		cdc_kafka_ranges_clear(scan->reader);
	scan->started = false;
	scan->pending = NULL;
}

void
cdc_kafka_scan_end(ForeignScanState *node)
{
	CdcKafkaScan *scan = node->fdw_state;

	/* EXPLAIN's scan has none */
	if (scan == NULL)
		return;
	cdc_kafka_ranges_close(scan->reader);
	scan->reader = NULL;
	cdc_kafka_source_close(scan->source);
	scan->source = NULL;
}
