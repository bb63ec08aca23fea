/*-------------------------------------------------------------------------
 *
 * kafka_ranges.h
 *	  Reading stretches of partitions to their ends, with proof.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_KAFKA_RANGES_H
#define CDC_PG_REMOTE_KAFKA_RANGES_H

#include "pg/base/compat.h"

#include "pg/remote/kafka_client.h"

/* The messages of a partition with offsets from..to - 1. */
typedef struct CdcKafkaRange
{
	int32		partition;
	int64		from;
	int64		to;
} CdcKafkaRange;

typedef struct CdcKafkaRanges CdcKafkaRanges;

/*
 * A reader of ranges of one topic (UTF-8).  Lives in the current memory context
 * and uses the source's client alone.  headers: whether they are needed.
 */
extern CdcKafkaRanges *cdc_kafka_ranges_open(CdcKafkaSource *source, const char *topic,
											 bool headers);
extern void cdc_kafka_ranges_close(CdcKafkaRanges *ranges); /* NULL is allowed */

/*
 * Adds n > 0 ranges of one partition, ascending; they are read one after the
 * other, those of other partitions at the same time.  The array must stay.
 * false: the partition is being read, nothing was done.
 */
extern bool cdc_kafka_ranges_add(CdcKafkaRanges *ranges, const CdcKafkaRange *list, int n);

/* How many partitions are being read. */
extern int	cdc_kafka_ranges_active(const CdcKafkaRanges *ranges);

/*
 * The next message of any range, valid until the next call; false when all
 * ranges have been read to their end.  Waits, obeying interrupts; a partition
 * that does not get on is an ERROR with the offset reached and the one to come to.
 */
extern bool cdc_kafka_ranges_next(CdcKafkaRanges *ranges, CdcKafkaMessage *msg);

/* Gives up what was not read of the partition that the last message was of. */
extern void cdc_kafka_ranges_give_up(CdcKafkaRanges *ranges, const CdcKafkaMessage *msg);

/* Gives up what was not read. */
extern void cdc_kafka_ranges_clear(CdcKafkaRanges *ranges);

/* What was read since the reader was opened. */
extern const CdcKafkaStats *cdc_kafka_ranges_stats(const CdcKafkaRanges *ranges);

#endif							/* CDC_PG_REMOTE_KAFKA_RANGES_H */
