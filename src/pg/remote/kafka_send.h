/*-------------------------------------------------------------------------
 *
 * kafka_send.h
 *	  Sending messages to a Kafka cluster and seeing that all of them have
 *	  arrived: a producer between open and commit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_REMOTE_KAFKA_SEND_H
#define CDC_PG_REMOTE_KAFKA_SEND_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"

#include "pg/remote/kafka_client.h"

/*
 * A stream of messages that one session at a time carries on, under a lock.  Its Kafka transactions
 * have one id, whichever session it is: who goes on ends at once what a crashed one left open.  A
 * producer that a session kept is of use only where nobody went on meanwhile, as that fenced it.
 */
typedef struct CdcKafkaStream
{
	const char *name;			/* NULL: none, any session sends at any time */
	int64		from;			/* how far it was when the transaction began with it */
	int64		upto;			/* how far it is when the transaction commits */
} CdcKafkaStream;

/* A cluster as a role sees it, and options that override the server's. */
typedef struct CdcKafkaTarget
{
	Oid			serverid;
	Oid			userid;
	List	   *overrides;		/* of DefElem */
	CdcKafkaStream stream;
} CdcKafkaTarget;

/* Copies into the current context; without a stream. */
extern void cdc_kafka_target_init(CdcKafkaTarget *target, Oid serverid, Oid userid,
								  List *overrides);
extern bool cdc_kafka_target_is(const CdcKafkaTarget *target, Oid serverid, Oid userid,
								List *overrides);

/* The target's stream comes so far without a message: a kept producer can still go on. */
extern void cdc_kafka_stream_pass(CdcKafkaTarget *target, int64 upto);

/* What a message of the target may have with key and headers, in bytes. */
extern int64 cdc_kafka_target_max_bytes(const CdcKafkaTarget *target);

/*
 * ERROR when a message has more than max_bytes; number is the message's in the
 * database transaction.
 */
extern void cdc_kafka_check_size(int64 max_bytes, const char *topic, size_t size, uint64 number);

/* Whether its messages go in Kafka's transactions. */
extern bool cdc_kafka_target_transactional(const CdcKafkaTarget *target);

/* The option memory_limit, in bytes. */
extern size_t cdc_kafka_target_memory_limit(const CdcKafkaTarget *target);

typedef struct CdcKafkaSender CdcKafkaSender;

/* So many a backend keeps, and a transaction may use. */
#define CDC_KAFKA_SENDERS		4

/*
 * Messages for the topic will come: makes the producer, which connects by
 * itself, and asks for the topic.  Does not wait.
 */
extern void cdc_kafka_sender_prepare(const CdcKafkaTarget *target, const char *topic);

/*
 * How many partitions the topic has; 0: not known.  Asks the cluster anew where
 * partition number wanted is not among those that it told before.
 */
extern int	cdc_kafka_target_partitions(const CdcKafkaTarget *target, const char *topic,
										int32 wanted);

/*
 * With a transactional_id a Kafka transaction begins.  What the present
 * (sub)transaction opens and does not commit is closed when it rolls back.
 */
extern CdcKafkaSender *cdc_kafka_sender_open(const CdcKafkaTarget *target);

/* How many partitions the topic has now, asked of the cluster in any case; 0: not known. */
extern int	cdc_kafka_sender_partitions(CdcKafkaSender *sender, const char *topic);

/*
 * Copies; waits while too much is under way.  ERROR when a message before was
 * refused.  number is the message's in the database transaction, for errors.
 */
extern void cdc_kafka_sender_send(CdcKafkaSender *sender, const CdcOutMessage *message,
								  uint64 number);

/*
 * While the ERROR of a message that was refused is on its way: the message's number, 0 where
 * another error is, and the beginning of its key.
 */
extern uint64 cdc_kafka_sender_refused(const CdcKafkaSender *sender);
extern const char *cdc_kafka_sender_refused_key(const CdcKafkaSender *sender);

/*
 * Waits until the brokers have confirmed each message; ERROR when one was
 * refused, with how many were not.
 */
extern void cdc_kafka_sender_flush(CdcKafkaSender *sender);

/* Commits the Kafka transaction, if there is one, and closes. */
extern void cdc_kafka_sender_commit(CdcKafkaSender *sender);

/*
 * The transaction (level 0) or the subtransaction of that nesting level is
 * rolling back: closes what it has between open and commit, throws away what
 * was not sent.
 */
extern void cdc_kafka_sender_abort(int level);

#endif							/* CDC_PG_REMOTE_KAFKA_SEND_H */
