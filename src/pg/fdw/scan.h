/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Scans of foreign tables over Kafka topics: what planner, executor,
 *	  EXPLAIN, parallel workers and ANALYZE share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_H
#define CDC_PG_FDW_SCAN_H

#include "pg/base/compat.h"
#include "foreign/fdwapi.h"

#include "pg/fdw/bounds.h"
#include "pg/fdw/pushdown.h"
#include "pg/remote/kafka_ranges.h"
#include "pg/fdw/row.h"

/* What of one partition is to be read. */
typedef struct CdcKafkaScanPartition
{
	int32		id;
	int64		low;
	int64		high;
	int			first_range;	/* its ranges, in the scan's array */
	int			nranges;
	uint64		planned;		/* offsets in them */
	uint64		messages;		/* that were given to the executor */
	uint64		bytes;			/* of their keys and values */
} CdcKafkaScanPartition;

/* What a scan did, for EXPLAIN ANALYZE; of all processes that took part. */
typedef struct CdcKafkaScanWork
{
	uint64		messages;		/* that the client gave us */
	uint64		bytes;
	uint64		polls;
	uint64		wait_us;
} CdcKafkaScanWork;

typedef struct CdcKafkaScanShared CdcKafkaScanShared;

/* A scan in the executor: ForeignScanState.fdw_state. */
typedef struct CdcKafkaScan
{
	/* from the plan */
	CdcKafkaTable *table;
	Oid			user;
	CdcKafkaPushdown *push;
	CdcKafkaRow *row;
	int			natts;
	CDC_QUAL_STATE *early;		/* conditions on the place alone; NULL: none */

	/* from the first row on, also over rescans */
	CdcKafkaSource *source;		/* belongs to the current resource owner */
	CdcKafkaRanges *reader;
	int64		waited_before;	/* by the source when the scan got it */
	CdcKafkaScanWork work;		/* once the reader is closed */

	int			npartitions;	/* of the topic */
	CdcKafkaScanPartition *partitions;
	int			current;		/* partition of the last message */

	/* what is to be read, from the first row after a (re)scan on */
	bool		started;
	MemoryContext context;		/* of the ranges */
	int			nranges;
	CdcKafkaRange *ranges;
	bool		gaps;			/* the ranges have offsets that are not asked for */
	bool		check_early;	/* messages may come that early leaves out */

	/* parallel scans; NULL: none */
	CdcKafkaScanShared *shared;
	const CdcKafkaRange *pending;	/* taken, but its partition is being read */
	int			npieces;		/* of the leader: the ranges, cut up */
	CdcKafkaRange *pieces;
	CdcKafkaScanWork reported;	/* of this process, summed up already */
	CdcKafkaScanWork all_work;	/* of all processes, once they have ended */
	bool		have_all_work;
} CdcKafkaScan;

/* kafka_scan.c */
extern void cdc_kafka_scan_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *cdc_kafka_scan_iterate(ForeignScanState *node);
extern void cdc_kafka_scan_rescan(ForeignScanState *node);
extern void cdc_kafka_scan_end(ForeignScanState *node);

/* The source of the scan, opened at the first call. */
extern CdcKafkaSource *cdc_kafka_scan_source(CdcKafkaScan *scan);

/* What this process has done until now. */
extern CdcKafkaScanWork cdc_kafka_scan_work(const CdcKafkaScan *scan);

/* Finds what is to be read, once the conditions' values are known. */
extern void cdc_kafka_scan_prepare(ForeignScanState *node);

/*
 * kafka_scan_ranges.c: fills the scan's partitions and ranges; asks for the
 * offsets of times.
 */
extern void cdc_kafka_scan_find_ranges(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds);

/* The same for EXPLAIN, without asking a broker. */
extern void cdc_kafka_scan_guess_ranges(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds);

/* kafka_scan_plan.c */
extern void cdc_kafka_plan_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void cdc_kafka_plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *cdc_kafka_plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid,
										ForeignPath *path, List *tlist, List *clauses
										CDC_PLAN_OUTER_ARG);

/* kafka_scan_explain.c */
extern void cdc_kafka_scan_explain(ForeignScanState *node, struct ExplainState *es);

/* kafka_scan_parallel.c */
#if CDC_HAVE_PARALLEL_QUERY
extern bool cdc_kafka_scan_is_parallel_safe(PlannerInfo *root, RelOptInfo *rel,
											RangeTblEntry *rte);

/* Adds paths of a scan that several workers share. */
extern void cdc_kafka_plan_add_partial(PlannerInfo *root, RelOptInfo *rel, double messages,
									   Cost startup_cost, Cost read_cost);
extern Size cdc_kafka_scan_estimate_dsm(ForeignScanState *node, ParallelContext *pcxt);
extern void cdc_kafka_scan_initialize_dsm(ForeignScanState *node, ParallelContext *pcxt,
										  void *coordinate);
extern void cdc_kafka_scan_reinitialize_dsm(ForeignScanState *node, ParallelContext *pcxt,
											void *coordinate);
extern void cdc_kafka_scan_initialize_worker(ForeignScanState *node, shm_toc *toc,
											 void *coordinate);
extern void cdc_kafka_scan_shutdown(ForeignScanState *node);

/* The next message of ranges that this process has taken. */
extern bool cdc_kafka_scan_next_shared(CdcKafkaScan *scan, CdcKafkaMessage *msg);
#endif

/* kafka_analyze.c */
extern bool cdc_kafka_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages);

/* kafka_import.c */
#if CDC_HAVE_IMPORT_FOREIGN_SCHEMA
extern List *cdc_kafka_import(ImportForeignSchemaStmt *stmt, Oid serverid);
#endif

#endif							/* CDC_PG_FDW_SCAN_H */
