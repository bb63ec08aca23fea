/*-------------------------------------------------------------------------
 *
 * source/kafka_reader_internal.h
 *	  A reader's state, for kafka_assign.c, kafka_reader.c and kafka_fetch.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_KAFKA_READER_INTERNAL_H
#define CDC_SOURCE_KAFKA_READER_INTERNAL_H

#include "source/kafka_internal.h"

typedef struct Partition
{
	struct Topic *topic;
	int32_t		id;
	int			tag;
	bool		active;
	bool		at_end;
	unsigned	generation;		/* counts assignments */
	int64_t		next_offset;	/* of what is to come */
} Partition;

typedef struct Topic
{
	struct Topic *next;
	rd_kafka_topic_t *rkt;
	const char *name;			/* librdkafka's */
	Partition **partitions;		/* by id; NULL where it was never assigned */
	int32_t		npartitions;
} Topic;

/* A message, an end or an error of the batch. */
typedef struct Item
{
	Partition  *partition;		/* NULL: an error of no partition */
	unsigned	generation;
	rd_kafka_resp_err_t code;	/* 0: a message */
	int64_t		offset;
	int64_t		ts_ms;
	CdcKafkaTimestamp ts_type;
	bool		has_key;
	bool		has_value;
	size_t		data;			/* in the batch's bytes: key, value; an error's text */
	size_t		key_len;
	size_t		value_len;
	size_t		headers;		/* first one in the batch's headers */
	int			nheaders;
} Item;

struct CdcKafkaReader
{
	CdcKafka   *kafka;
	rd_kafka_queue_t *queue;
	Topic	   *topics;
	Topic	   *last_topic;
	bool		wants_headers;
	bool		no_memory;

	Item	   *items;
	int			nitems;
	int			at;				/* the next one to be given out */
	char	   *bytes;
	size_t		nbytes;
	size_t		bytes_size;
	CdcKafkaHeader *headers;	/* name and value as offsets into bytes until they are given out */
	size_t		nheaders;
	size_t		headers_size;

	uint64_t	queue_messages; /* librdkafka stops fetching from here on */
	uint64_t	queue_bytes;
	bool		was_full;		/* it may have stopped */

	int			running;		/* partitions assigned and not at their end */
	int64_t		waiting_since_ms;	/* 0: not waiting */
	CdcKafkaStats stats;
};

/* kafka_assign.c: the reader's topic of that name; NULL when it has none. */
extern Topic *cdc_kafka_reader_topic(CdcKafkaReader *reader, const char *name);

/*
 * kafka_fetch.c: librdkafka stops fetching when its queue is full.  limits reads
 * at what it does so; keep_fetching, called after each batch (before: the
 * queue's length before it), makes it go on soon after the queue is emptier.
 */
extern void cdc_kafka_fetch_limits(CdcKafkaReader *reader);
extern void cdc_kafka_keep_fetching(CdcKafkaReader *reader, size_t before);

#endif							/* CDC_SOURCE_KAFKA_READER_INTERNAL_H */
