/*-------------------------------------------------------------------------
 *
 * bounds.h
 *	  What a topic's partitions hold: for planning, and fixed for a query.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_BOUNDS_H
#define CDC_PG_TOPIC_BOUNDS_H

#include "pg/base/compat.h"
#include "nodes/execnodes.h"

#include "pg/remote/kafka_client.h"
#include "pg/topic/table.h"

typedef struct CdcKafkaTopicBounds
{
	int			n;
	CdcKafkaBounds *bounds;		/* by partition */
} CdcKafkaTopicBounds;

/*
 * A topic (UTF-8) as it is now, palloc'ed.  ERROR where that cannot be told.
 */
extern CdcKafkaTopicBounds *cdc_kafka_bounds_read(CdcKafkaSource *source, const char *topic);

/*
 * The same for a query: all its scans of the table get the same bounds.  source
 * is called for only if they are not known yet.
 */
typedef CdcKafkaSource *(*CdcKafkaOpenFunction) (void *arg);

extern const CdcKafkaTopicBounds *cdc_kafka_bounds_of_query(EState *estate,
															const CdcKafkaTable *table, Oid user,
															CdcKafkaOpenFunction open,
															void *arg);

/*
 * For planning: what was known some seconds ago, or what a broker says within a
 * second; NULL when it does not.  Raises no ERROR for a broker's sake.  Valid
 * until the next call.
 */
extern const CdcKafkaTopicBounds *cdc_kafka_bounds_estimate(const CdcKafkaTable *table, Oid user);

#endif							/* CDC_PG_TOPIC_BOUNDS_H */
