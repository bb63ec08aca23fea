/*-------------------------------------------------------------------------
 *
 * source/kafka.h
 *	  A client of an Apache Kafka cluster: the only user of librdkafka.
 *
 * No function here waits for the network.  What librdkafka offers only as a
 * blocking call runs as a request on a thread of its own and is polled; the
 * client's file descriptor becomes readable when there is news of any kind (an
 * answer, messages, delivery reports), so that a PostgreSQL backend can wait
 * for it together with its own latch.  Callbacks of librdkafka's threads only
 * leave notes in the client, under its lock.
 *
 * A client is used by one thread, takes one request at a time, and has at most
 * one reader (a consumer) or one stream of messages (a producer).
 *
 * Names of properties are librdkafka's own, with dots.  Texts are UTF-8.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_KAFKA_H
#define CDC_SOURCE_KAFKA_H

#include "core/status.h"

typedef struct CdcKafka CdcKafka;
typedef struct CdcKafkaReader CdcKafkaReader;

typedef enum CdcKafkaRole
{
	CDC_KAFKA_CONSUMER,
	CDC_KAFKA_PRODUCER
} CdcKafkaRole;

typedef struct CdcKafkaProperty
{
	const char *name;			/* with dots: "bootstrap.servers" */
	const char *value;
} CdcKafkaProperty;

typedef struct CdcKafkaOptions
{
	const CdcKafkaProperty *properties;
	int			nproperties;	/* a later one overrides an earlier one */
	int			memory_limit;	/* bytes of messages held, roughly; 0 = 64 MB */
	int			connect_timeout_ms; /* until a first broker answers; 0 = 10 s */
	int			request_timeout_ms; /* until a request is answered or a partition goes on; 0 = 60 s */
} CdcKafkaOptions;

/*
 * The client
 */

/*
 * Makes a client; its threads start to connect by themselves.  Errors are those
 * of the properties (CDC_ERR_VALUE, the property's name in the message, no
 * value) and CDC_ERR_NOMEM.
 */
extern CdcStatus cdc_kafka_create(CdcKafkaRole role, const CdcKafkaOptions *options,
								  CdcKafka **kafka, CdcError *err);

/*
 * NULL is allowed.  Returns at once: a thread takes librdkafka's handle down,
 * which may have to wait for name resolution.  Messages that were not delivered
 * are dropped.
 */
extern void cdc_kafka_destroy(CdcKafka *kafka);

/*
 * At the end of the process, with all clients destroyed: waits for the threads
 * that take them down.  Returns how many are left.
 */
extern int	cdc_kafka_wait_exit(int timeout_ms);

/* Readable when any poll function may have something to tell. */
extern int	cdc_kafka_fd(const CdcKafka *kafka);

/* False after a fatal error, and when a request was given up: destroy it then. */
extern bool cdc_kafka_usable(const CdcKafka *kafka);

/* librdkafka's version, as "2.0.2"; what it was built with. */
extern const char *cdc_kafka_library_version(void);

/*
 * Properties
 */

typedef enum CdcKafkaPropertyUse
{
	CDC_KAFKA_UNKNOWN,			/* librdkafka has no such property */
	CDC_KAFKA_CONNECTION,		/* where to and how: of a server only */
	CDC_KAFKA_FILE,				/* names a file of the database server: of a server only */
	CDC_KAFKA_CREDENTIAL,		/* of a user mapping only, may be shown */
	CDC_KAFKA_SECRET,			/* of a user mapping only, never shown */
	CDC_KAFKA_TUNING,			/* of a server, a foreign table or a subscription */
	CDC_KAFKA_CONTROLLED,		/* set by us */
	CDC_KAFKA_REFUSED			/* would load or run code, or write to the server's log */
} CdcKafkaPropertyUse;

/* name with dots; *reason: why it is refused, for people (NULL for others). */
extern CdcKafkaPropertyUse cdc_kafka_property_use(const char *name, const char **reason);

/* Whether librdkafka takes the value; a secret one is not repeated in the error. */
extern CdcStatus cdc_kafka_property_check(const char *name, const char *value, CdcError *err);

/*
 * Requests: post one, wait for the descriptor, poll until it is not CDC_MORE.
 * A request posted while another runs is a bug (CDC_ERR_INTERNAL from poll).
 * Failures that pass (a broker restarts, a leader changes) are tried again
 * until the time is over; the error then says what the brokers said last.
 */

typedef struct CdcKafkaPartition
{
	int32_t		id;
	int32_t		leader;			/* broker's id; -1 = none */
	int			nreplicas;
	int			nisrs;			/* replicas in sync */
} CdcKafkaPartition;

typedef struct CdcKafkaTopic
{
	const char *name;
	int			npartitions;
	const CdcKafkaPartition *partitions;	/* by id */
	CdcStatus	status;			/* CDC_OK, or what is wrong with this topic */
	const char *error;			/* in words, or NULL */
} CdcKafkaTopic;

typedef struct CdcKafkaBroker
{
	int32_t		id;
	const char *host;
	int			port;
} CdcKafkaBroker;

typedef struct CdcKafkaMetadata
{
	const char *cluster_id;		/* or NULL */
	int32_t		controller;		/* broker's id, -1 = not known */
	int			nbrokers;
	const CdcKafkaBroker *brokers;
	int			ntopics;
	const CdcKafkaTopic *topics;	/* by name */
} CdcKafkaMetadata;

/* A place in a partition, for questions and answers. */
typedef struct CdcKafkaBounds
{
	const char *topic;
	int32_t		partition;
	int64_t		low;			/* offset of the first message that is still there */
	int64_t		high;			/* after the last one that may be read (isolation.level) */
	int64_t		offset;			/* of a time: the first message at or after it, or high;
								 * of a group: the committed one, -1 = none */
} CdcKafkaBounds;

typedef enum CdcKafkaTransaction
{
	CDC_KAFKA_TRANSACTION_INIT, /* once a producer; fences older ones of the same id */
	CDC_KAFKA_TRANSACTION_BEGIN,
	CDC_KAFKA_TRANSACTION_COMMIT,
	CDC_KAFKA_TRANSACTION_ABORT
} CdcKafkaTransaction;

/* topic NULL: all of the cluster, internal ones too.  A missing topic is not created. */
extern void cdc_kafka_request_metadata(CdcKafka *kafka, const char *topic);

/* The arrays are copied; all partitions in one round trip a broker. */
extern void cdc_kafka_request_watermarks(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n);
extern void cdc_kafka_request_offsets_at(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n,
										 int64_t ts_ms);

/* Of the client's group.id: what is committed, and to commit bounds[].offset. */
extern void cdc_kafka_request_committed(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n);
extern void cdc_kafka_request_commit(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n);

extern void cdc_kafka_request_transaction(CdcKafka *kafka, CdcKafkaTransaction what);

/* CDC_MORE, CDC_OK or the request's error. */
extern CdcStatus cdc_kafka_request_poll(CdcKafka *kafka, CdcError *err);

/* Answers of the last request, valid until the next one. */
extern const CdcKafkaMetadata *cdc_kafka_metadata(const CdcKafka *kafka);
extern const CdcKafkaBounds *cdc_kafka_bounds(const CdcKafka *kafka, int *n);

/*
 * Reading
 */

typedef struct CdcKafkaHeader
{
	const char *name;
	const char *value;			/* NULL: the header has none */
	size_t		len;
} CdcKafkaHeader;

typedef enum CdcKafkaTimestamp
{
	CDC_KAFKA_TS_NONE,
	CDC_KAFKA_TS_CREATE,		/* the producer's */
	CDC_KAFKA_TS_APPEND			/* the broker's */
} CdcKafkaTimestamp;

typedef struct CdcKafkaMessage
{
	const char *topic;
	int32_t		partition;
	int			tag;			/* as given with the assignment */
	int64_t		offset;
	int64_t		ts_ms;			/* since 1970; -1 = none */
	CdcKafkaTimestamp ts_type;
	const char *key;			/* NULL: none */
	size_t		key_len;
	const char *value;			/* NULL: a tombstone */
	size_t		value_len;
	int			nheaders;		/* 0 where headers are not wanted */
	const CdcKafkaHeader *headers;
} CdcKafkaMessage;

typedef struct CdcKafkaStats
{
	uint64_t	messages;
	uint64_t	bytes;			/* keys and values */
	uint64_t	polls;			/* of librdkafka's queue */
} CdcKafkaStats;

/*
 * Makes the client's reader; the former one is closed.  headers: whether they
 * are wanted.  NULL when out of memory.
 */
extern CdcKafkaReader *cdc_kafka_reader_open(CdcKafka *kafka, bool headers);
extern void cdc_kafka_reader_close(CdcKafkaReader *reader); /* NULL is allowed */
extern CdcKafkaReader *cdc_kafka_reader(const CdcKafka *kafka); /* or NULL */

/*
 * Reads a partition from an offset on, before or during reading.  An offset
 * that the partition does not have is an error at poll (CDC_ERR_PURGED), never
 * another place.  A partition can be unassigned and assigned anew; no message
 * of the former assignment is seen then.
 */
extern CdcStatus cdc_kafka_reader_assign(CdcKafkaReader *reader, const char *topic,
										 int32_t partition, int64_t offset, int tag,
										 CdcError *err);
extern void cdc_kafka_reader_unassign(CdcKafkaReader *reader, const char *topic, int32_t partition);

/*
 * CDC_OK: a message, valid until the next call.
 * CDC_MORE: nothing now, wait for the descriptor.
 * CDC_END: a partition's present end; topic, partition, tag and offset (where
 *   its next message will be) are set: everything below was delivered or is
 *   not there (compacted, control records, aborted).  Told once each time.
 * An error: with topic, partition and offset in it.  CDC_ERR_CONNECT when a
 *   partition that is not at its end has brought nothing for request_timeout
 *   of waiting.
 */
extern CdcStatus cdc_kafka_reader_poll(CdcKafkaReader *reader, CdcKafkaMessage *msg, CdcError *err);
extern const CdcKafkaStats *cdc_kafka_reader_stats(const CdcKafkaReader *reader);

/*
 * Writing
 */

typedef struct CdcOutMessage
{
	const char *topic;
	int32_t		partition;		/* -1: by the key */
	int64_t		ts_ms;			/* milliseconds since 1970; -1: when it is sent */
	const char *key;			/* NULL: none */
	size_t		key_len;
	const char *value;			/* NULL: a tombstone */
	size_t		value_len;
	int			nheaders;
	const CdcKafkaHeader *headers;
} CdcOutMessage;

/*
 * Takes a message (copied) for the producer's queue; some wait for others to
 * come, until cdc_kafka_flush_poll().  CDC_MORE: the queue is full, wait for the
 * descriptor and try again.  An error: this message, or one that waited, cannot be
 * sent (size, no such partition); which one is in failed_tag.
 * tag: the caller's number for it.
 */
extern CdcStatus cdc_kafka_produce(CdcKafka *kafka, const CdcOutMessage *message, uint64_t tag,
								   CdcError *err);

/*
 * CDC_OK: every message so far was delivered.  CDC_MORE: some are under way.
 * An error: the first that failed, with topic, partition and what the broker
 * said; told once all others are done, or at once where no more can succeed.
 */
extern CdcStatus cdc_kafka_flush_poll(CdcKafka *kafka, CdcError *err);

/*
 * Takes note of what was delivered, for who waits until less is under way; what
 * waits for its batch to fill goes on waiting.  CDC_OK, or an error where no
 * more can succeed.
 */
extern CdcStatus cdc_kafka_producer_poll(CdcKafka *kafka, CdcError *err);

/* Counts of the client's life.  Reports may come on the thread of a request. */
typedef struct CdcKafkaDelivery
{
	uint64_t	produced;
	uint64_t	bytes;			/* of keys and values that were produced */
	_Atomic uint64_t delivered;
	_Atomic uint64_t failed;
	_Atomic uint64_t reported_bytes;	/* of those whose fate is known */
	uint64_t	failed_tag;		/* of the one that the error is about */
	uint64_t	failed_bytes;	/* its size */
} CdcKafkaDelivery;

extern const CdcKafkaDelivery *cdc_kafka_delivery(const CdcKafka *kafka);

#endif							/* CDC_SOURCE_KAFKA_H */
