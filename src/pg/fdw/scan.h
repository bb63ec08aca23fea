/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  Scans of foreign tables over Kafka topics: the executor's part.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_H
#define CDC_PG_FDW_SCAN_H

#include "pg/base/compat.h"
#include "nodes/execnodes.h"

extern void cdc_kafka_scan_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *cdc_kafka_scan_iterate(ForeignScanState *node);
extern void cdc_kafka_scan_rescan(ForeignScanState *node);
extern void cdc_kafka_scan_end(ForeignScanState *node);

#endif							/* CDC_PG_FDW_SCAN_H */
