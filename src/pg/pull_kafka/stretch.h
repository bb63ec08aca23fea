/*-------------------------------------------------------------------------
 *
 * stretch.h
 *	  What a segment of Greenplum is to read of a partition, and how far it came: as the
 *	  master and the segments tell each other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_KAFKA_STRETCH_H
#define CDC_PG_PULL_KAFKA_STRETCH_H

#include "pg/pull_kafka/pull_kafka_internal.h"

/* Messages of a partition that one segment reads, one after the other. */
typedef struct CdcKafkaStretch
{
	const char *topic;
	int32		partition;
	int32		segment;		/* that reads it */
	int64		from;			/* the first offset ... */
	int64		to;				/* ... and the one behind the last */
	int64		seq;			/* of its first event; the others follow without a gap */
	CdcMessageMark before;		/* the message that must be there before it; or unknown */
} CdcKafkaStretch;

/* How far a segment came with one. */
typedef struct CdcKafkaReached
{
	int64		next;			/* the first offset that was not taken */
	bool		stopped;		/* that message is for the master, or not behind the one before it */
	int64		events;
	int64		messages;
	int64		bytes;			/* of keys and values */
	CdcMessageMark last;		/* the last message that was taken; or unknown */
	TimestampTz source_ts;		/* of the last event that has one; 0: none */
	int64		taken;			/* messages of tables that are wanted, or not */
	int64		passed;
	const char *sample;			/* name of a table that is not wanted; NULL: none came */
	const char *rows_of;		/* CdcKafkaRowsOf.table of its own messages; NULL: "" */
} CdcKafkaReached;

/* All but the topics as an argument of type bigint[]. */
extern Datum cdc_kafka_stretch_numbers(const CdcKafkaStretch *stretches, int n);

/* From that and the topics, palloc'ed; ERROR where they cannot be right. */
extern CdcKafkaStretch *cdc_kafka_stretches_read(Datum numbers, char **topics, int n);

/* What was reached, but for the names, as text, palloc'ed, and back: ERROR where it is none. */
extern char *cdc_kafka_reached_text(const CdcKafkaReached *reached);
extern void cdc_kafka_reached_read(const char *text, CdcKafkaReached *reached);

#endif							/* CDC_PG_PULL_KAFKA_STRETCH_H */
