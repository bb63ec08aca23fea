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
	int			memory_limit;	/* rough limit of the messages held, in bytes; 0 = 64 MB */
	int			connect_timeout_ms; /* until the first broker answers; 0 = 10 s */
	int			request_timeout_ms; /* until a request is answered, or a partition brings
									 * something; 0 = 60 s */
} CdcKafkaOptions;

/*
 * The client
 */

/*
 * Makes a client; its threads start to connect by themselves.  It fails for a property
 * that librdkafka refuses (CDC_ERR_VALUE; the message has the property's name, but not
 * its value) and with CDC_ERR_NOMEM.
 */
extern CdcStatus cdc_kafka_create(CdcKafkaRole role, const CdcKafkaOptions *options,
								  CdcKafka **kafka, CdcError *err);

/*
 * Frees a client; NULL is allowed.  It returns at once, because a thread destroys
 * librdkafka's handle, which may have to wait for name resolution.  Messages that were
 * not delivered are dropped.
 */
extern void cdc_kafka_destroy(CdcKafka *kafka);

/*
 * Waits for the threads that destroy clients, at the end of the process, after all
 * clients were given to cdc_kafka_destroy().  Returns how many threads are left.
 */
extern int	cdc_kafka_wait_exit(int timeout_ms);

/* A descriptor that is readable when any poll function may have news. */
extern int	cdc_kafka_fd(const CdcKafka *kafka);

/* False after a fatal error and after a request was given up; the client must be destroyed then. */
extern bool cdc_kafka_usable(const CdcKafka *kafka);

/* librdkafka's version ("2.0.2") and what it was built with. */
extern const char *cdc_kafka_library_version(void);

/*
 * Properties
 */

typedef enum CdcKafkaPropertyUse
{
	CDC_KAFKA_UNKNOWN,			/* librdkafka has no such property */
	CDC_KAFKA_CONNECTION,		/* says where and how to connect; only for a server */
	CDC_KAFKA_FILE,				/* names a file of the database server; only for a server */
	CDC_KAFKA_CREDENTIAL,		/* only for a user mapping, may be shown */
	CDC_KAFKA_SECRET,			/* only for a user mapping, never shown */
	CDC_KAFKA_TUNING,			/* for a server, a foreign table or a subscription */
	CDC_KAFKA_CONTROLLED,		/* we set it ourselves */
	CDC_KAFKA_REFUSED			/* would load or run code, or write to the server's log */
} CdcKafkaPropertyUse;

/* name is written with dots.  *reason says to people why a property is refused, else it is NULL. */
extern CdcKafkaPropertyUse cdc_kafka_property_use(const char *name, const char **reason);

/* Checks that librdkafka takes the value; the error does not repeat a secret one. */
extern CdcStatus cdc_kafka_property_check(const char *name, const char *value, CdcError *err);

/*
 * Requests.  The caller posts one, waits for the descriptor, and polls until the
 * result is not CDC_MORE.  Posting a request while another one runs is a bug
 * (CDC_ERR_INTERNAL from poll).  A request that fails for a passing reason (a broker
 * restarts, a leader changes) is tried again until its time is over; the error then
 * has what the brokers said last.
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
	int64_t		high;			/* offset after the last message that may be read
								 * (isolation.level) */
	int64_t		offset;			/* asked for a time: the first message at or after it, or
								 * high; asked for a group: the committed one, -1 = none */
} CdcKafkaBounds;

typedef enum CdcKafkaTransaction
{
	CDC_KAFKA_TRANSACTION_INIT, /* once per producer; fences older producers of the same id */
	CDC_KAFKA_TRANSACTION_BEGIN,
	CDC_KAFKA_TRANSACTION_COMMIT,
	CDC_KAFKA_TRANSACTION_ABORT
} CdcKafkaTransaction;

/* Asks for one topic, or for all of the cluster (topic NULL), internal ones too.  Creates none. */
extern void cdc_kafka_request_metadata(CdcKafka *kafka, const char *topic);

/* These copy the array and ask each broker in one round trip for all of its partitions. */
extern void cdc_kafka_request_watermarks(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n);
extern void cdc_kafka_request_offsets_at(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n,
										 int64_t ts_ms);

/* Ask what the client's group.id has committed, and commit bounds[].offset for it. */
extern void cdc_kafka_request_committed(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n);
extern void cdc_kafka_request_commit(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n);

extern void cdc_kafka_request_transaction(CdcKafka *kafka, CdcKafkaTransaction what);

/* Returns CDC_MORE while the request runs, then CDC_OK or its error. */
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
	CDC_KAFKA_TS_CREATE,		/* the producer's time */
	CDC_KAFKA_TS_APPEND			/* the broker's time */
} CdcKafkaTimestamp;

typedef struct CdcKafkaMessage
{
	const char *topic;
	int32_t		partition;
	int			tag;			/* as given with the assignment */
	int64_t		offset;
	int64_t		ts_ms;			/* milliseconds since 1970; -1 = none */
	CdcKafkaTimestamp ts_type;
	const char *key;			/* NULL: none */
	size_t		key_len;
	const char *value;			/* NULL: a tombstone */
	size_t		value_len;
	int			nheaders;		/* 0 when the reader was opened without headers */
	const CdcKafkaHeader *headers;
} CdcKafkaMessage;

typedef struct CdcKafkaStats
{
	uint64_t	messages;
	uint64_t	bytes;			/* of keys and values */
	uint64_t	polls;			/* how often librdkafka's queue was polled */
} CdcKafkaStats;

/*
 * Makes the client's reader and closes the former one.  headers says whether messages
 * come with their headers.  NULL when out of memory.
 */
extern CdcKafkaReader *cdc_kafka_reader_open(CdcKafka *kafka, bool headers);
extern void cdc_kafka_reader_close(CdcKafkaReader *reader); /* NULL is allowed */
extern CdcKafkaReader *cdc_kafka_reader(const CdcKafka *kafka); /* or NULL */

/*
 * Adds a partition to what the reader reads, from an offset on; also during reading.
 * An offset that the partition does not have is an error at poll (CDC_ERR_PURGED); the
 * reader never takes another place instead.  A partition can be unassigned and assigned
 * anew; no message of the former assignment comes then.
 */
extern CdcStatus cdc_kafka_reader_assign(CdcKafkaReader *reader, const char *topic,
										 int32_t partition, int64_t offset, int tag,
										 CdcError *err);
extern void cdc_kafka_reader_unassign(CdcKafkaReader *reader, const char *topic, int32_t partition);

/*
 * Fetches the next message.
 * CDC_OK: *msg is a message, valid until the next call.
 * CDC_MORE: there is nothing now; wait for the descriptor.
 * CDC_END: a partition has reached its present end.  topic, partition, tag and offset
 *   (where its next message will be) are set; everything below was delivered or is
 *   not there (compacted, control records, aborted).  Each end is reported once.
 * An error has topic, partition and offset in it.  It is CDC_ERR_CONNECT when a
 *   partition that is not at its end has brought nothing for request_timeout_ms of
 *   waiting.
 */
extern CdcStatus cdc_kafka_reader_poll(CdcKafkaReader *reader, CdcKafkaMessage *msg, CdcError *err);
extern const CdcKafkaStats *cdc_kafka_reader_stats(const CdcKafkaReader *reader);

/*
 * Writing
 */

typedef struct CdcOutMessage
{
	const char *topic;
	int32_t		partition;		/* -1: librdkafka chooses by the key */
	int64_t		ts_ms;			/* milliseconds since 1970; -1: the time of sending */
	const char *key;			/* NULL: none */
	size_t		key_len;
	const char *value;			/* NULL: a tombstone */
	size_t		value_len;
	int			nheaders;
	const CdcKafkaHeader *headers;
} CdcOutMessage;

/*
 * Copies a message into the producer's queue, where it may wait for more messages to
 * come until cdc_kafka_flush_poll().  tag is the caller's number for it.  CDC_MORE: the
 * queue is full; wait for the descriptor, a while, and try again.  An error says that this message,
 * or one that waited, cannot be sent (size, no such partition); failed_tag has which one.
 */
extern CdcStatus cdc_kafka_produce(CdcKafka *kafka, const CdcOutMessage *message, uint64_t tag,
								   CdcError *err);

/*
 * How many partitions all topics have that are written to: so many batches may be waiting for
 * more messages.  With less than there are, such waits are longer.
 */
extern void cdc_kafka_producer_partitions(CdcKafka *kafka, int n);

/*
 * Sends what waits and looks how far delivery is.  CDC_OK: every message so far was
 * delivered.  CDC_MORE: some are under way; wait for the descriptor, not for long where
 * reports still came, as parts of batches are sent when a wait brought none.  An error is that of the first message that
 * failed, with topic, partition and what the broker said; it comes when all others are
 * done, or at once when no more can succeed.
 */
extern CdcStatus cdc_kafka_flush_poll(CdcKafka *kafka, CdcError *err);

/*
 * Takes note of what was delivered, for callers that wait until less is under way.
 * Messages that wait for their batch to fill go on waiting, unless a wait brought no
 * reports.  CDC_OK, or an error when no more can succeed.
 */
extern CdcStatus cdc_kafka_producer_poll(CdcKafka *kafka, CdcError *err);

/* Counts of the client's life.  Reports may come on the thread of a request. */
typedef struct CdcKafkaDelivery
{
	uint64_t	produced;
	uint64_t	bytes;			/* of keys and values that were produced */
	_Atomic uint64_t delivered;
	_Atomic uint64_t failed;
	_Atomic uint64_t reported_bytes;	/* of messages that were delivered or failed */
	uint64_t	failed_tag;		/* tag of the message that the error is about */
	uint64_t	failed_bytes;	/* size of that message */
	char		failed_key[100];	/* beginning of its key; what is not plain ASCII is a '?' */
} CdcKafkaDelivery;

extern const CdcKafkaDelivery *cdc_kafka_delivery(const CdcKafka *kafka);

#endif							/* CDC_SOURCE_KAFKA_H */
