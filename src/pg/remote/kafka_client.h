/*-------------------------------------------------------------------------
 *
 * kafka_client.h
 *	  Backend side of a Kafka client (source/kafka.h): from a foreign server
 *	  and the user mapping to a client that is closed on abort, with waits that
 *	  obey cancel, statement_timeout, shutdown and the latch.
 *
 * Everything here raises ERROR with the SQLSTATE that fits, except where it is
 * called try.  All text that goes to Kafka is UTF-8, whatever the database's
 * encoding is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_KAFKA_CLIENT_H
#define CDC_PG_REMOTE_KAFKA_CLIENT_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "source/kafka.h"

typedef struct CdcKafkaSource CdcKafkaSource;

/*
 * A client of a server of cdc_kafka as user (role oid; its mapping, or
 * PUBLIC's, is needed only where there is one).  overrides: DefElems with
 * options of a foreign table or a subscription, that come before the server's;
 * names that are no property of librdkafka (topic, format ...) are passed over.
 * Does not wait for a broker.
 *
 * long_lived: the source survives the transaction and is closed by
 * cdc_kafka_source_close() or at the backend's exit; else it belongs to the
 * current resource owner.  A consumer that is closed at a success is kept for
 * a while for the backend's next use with the same options.
 */
extern CdcKafkaSource *cdc_kafka_source_open(Oid serverid, Oid user, CdcKafkaRole role,
											 List *overrides, bool long_lived);

/*
 * The same for the named server, on which the user must have the privilege
 * USAGE; above it is not asked for, as who may read a foreign table may do so.
 */
extern CdcKafkaSource *cdc_kafka_source_open_named(const char *server, Oid user, CdcKafkaRole role,
												   List *overrides, bool long_lived);

/*
 * The same without a server, for brokers that want no authentication ("host:9092,..."):
 * who may do so is up to the caller.
 */
extern CdcKafkaSource *cdc_kafka_source_open_brokers(const char *brokers, CdcKafkaRole role,
													 List *overrides, bool long_lived);
extern void cdc_kafka_source_close(CdcKafkaSource *source); /* NULL is allowed */

/* What clients are made from (secrets too), palloc'ed: for comparing only. */
extern char *cdc_kafka_source_definition(Oid serverid, Oid user, List *overrides);

extern CdcKafka *cdc_kafka_source_client(CdcKafkaSource *source);
extern const char *cdc_kafka_source_server(CdcKafkaSource *source); /* its name */

/*
 * Waits until the client has news, the latch is set or the timeout (ms, -1 =
 * none) has passed.  Handles interrupts.  True when the client has news.
 */
extern bool cdc_kafka_source_wait(CdcKafkaSource *source, long timeout_ms);
extern int64 cdc_kafka_source_waited_us(CdcKafkaSource *source);	/* in all its waits */

/*
 * Requests, waited for.  Answers are palloc'ed in the current context.  The try
 * ones return a failure of the cluster's.
 */
extern CdcKafkaMetadata *cdc_kafka_source_metadata(CdcKafkaSource *source, const char *topic);
extern CdcStatus cdc_kafka_source_try_metadata(CdcKafkaSource *source, const char *topic,
											   CdcKafkaMetadata **metadata, CdcError *err);

/* One topic's, ERROR when it is not there or cannot be read. */
extern CdcKafkaTopic *cdc_kafka_source_topic(CdcKafkaSource *source, const char *topic);

/* In: topic and partition of each; out: low and high, or offset. */
extern void cdc_kafka_source_watermarks(CdcKafkaSource *source, CdcKafkaBounds *bounds, int n);
extern CdcStatus cdc_kafka_source_try_watermarks(CdcKafkaSource *source, CdcKafkaBounds *bounds,
												 int n, CdcError *err);
extern void cdc_kafka_source_offsets_at(CdcKafkaSource *source, CdcKafkaBounds *bounds, int n,
										int64 ts_ms);

/*
 * Reading: cdc_kafka_reader_open(cdc_kafka_source_client(source), ...) and the
 * functions after it in source/kafka.h; this one waits for a message (CDC_OK)
 * or a partition's end (CDC_END).
 */
extern CdcStatus cdc_kafka_source_read(CdcKafkaSource *source, CdcKafkaReader *reader,
									   CdcKafkaMessage *msg);

#endif							/* CDC_PG_REMOTE_KAFKA_CLIENT_H */
