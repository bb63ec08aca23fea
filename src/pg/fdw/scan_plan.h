/*-------------------------------------------------------------------------
 *
 * scan_plan.h
 *	  Scans of foreign tables over Kafka topics: the planner's part.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_PLAN_H
#define CDC_PG_FDW_SCAN_PLAN_H

#include "pg/base/compat.h"
#include "pg/base/compat_fdw.h"
#include "foreign/fdwapi.h"

extern void cdc_kafka_plan_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void cdc_kafka_plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *cdc_kafka_plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid,
										ForeignPath *path, List *tlist, List *clauses
										CDC_PLAN_OUTER_ARG);

#endif							/* CDC_PG_FDW_SCAN_PLAN_H */
