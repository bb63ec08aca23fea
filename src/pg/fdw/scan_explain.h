/*-------------------------------------------------------------------------
 *
 * scan_explain.h
 *	  What EXPLAIN shows of a scan of a Kafka topic.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_EXPLAIN_H
#define CDC_PG_FDW_SCAN_EXPLAIN_H

#include "pg/base/compat.h"
#include "pg/base/compat_fdw.h"
#include "nodes/execnodes.h"

struct ExplainState;

extern void cdc_kafka_scan_explain(ForeignScanState *node, struct ExplainState *es);

#endif							/* CDC_PG_FDW_SCAN_EXPLAIN_H */
