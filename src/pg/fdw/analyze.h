/*-------------------------------------------------------------------------
 *
 * analyze.h
 *	  ANALYZE of foreign tables over Kafka topics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_FDW_ANALYZE_H
#define CDC_PG_FDW_ANALYZE_H

#include "pg/base/compat.h"
#include "foreign/fdwapi.h"

extern bool cdc_kafka_analyze(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages);

#endif							/* CDC_PG_FDW_ANALYZE_H */
