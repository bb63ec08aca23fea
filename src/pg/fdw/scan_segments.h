/*-------------------------------------------------------------------------
 *
 * scan_segments.h
 *	  Scans that all segments of Greenplum take part in: what of a topic each reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_SCAN_SEGMENTS_H
#define CDC_PG_FDW_SCAN_SEGMENTS_H

#include "pg/base/compat.h"
#include "nodes/plannodes.h"

#include "pg/topic/bounds.h"

/* Whether segments run the plan's scan, which is one of a foreign table of cdc_kafka. */
extern bool cdc_kafka_scan_by_segments(Oid relid);

/* Puts what the topic holds into a plan, so that all of them see the same. */
extern void cdc_kafka_scan_give_bounds(ForeignScan *plan, const CdcKafkaTopicBounds *bounds);

/*
 * What of that this process reads, palloc'ed: each n-th partition where there are n
 * segments.  NULL: nothing was put in.
 */
extern const CdcKafkaTopicBounds *cdc_kafka_scan_given_bounds(const ForeignScan *plan,
															  const CdcKafkaTable *table);

#endif							/* CDC_PG_FDW_SCAN_SEGMENTS_H */
