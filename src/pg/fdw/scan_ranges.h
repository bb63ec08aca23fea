/*-------------------------------------------------------------------------
 *
 * scan_ranges.h
 *	  Which stretches of which partitions a scan has to read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_RANGES_H
#define CDC_PG_FDW_SCAN_RANGES_H

#include "pg/base/compat.h"
#include "nodes/execnodes.h"

#include "pg/fdw/scan_state.h"

/*
 * Finds what is to be read, once the conditions' values are known: fills the
 * scan's partitions and ranges.  Asks for the topic's bounds, where the query has
 * none yet, and for the offsets of times.
 */
extern void cdc_kafka_scan_prepare(ForeignScanState *node);

/* The same for EXPLAIN, without asking a broker. */
extern void cdc_kafka_scan_guess_ranges(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds);

#endif							/* CDC_PG_FDW_SCAN_RANGES_H */
