/*-------------------------------------------------------------------------
 *
 * scan_parallel.h
 *	  Scans of Kafka topics by several processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_PARALLEL_H
#define CDC_PG_FDW_SCAN_PARALLEL_H

#include "pg/base/compat.h"
#include "pg/base/compat_fdw.h"
#include "foreign/fdwapi.h"

#include "pg/fdw/scan_state.h"

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

#endif							/* CDC_PG_FDW_SCAN_PARALLEL_H */
