/*-------------------------------------------------------------------------
 *
 * source/kafka_internal.h
 *	  What the files of the Kafka client share.  The only place that includes
 *	  rdkafka.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_KAFKA_INTERNAL_H
#define CDC_SOURCE_KAFKA_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "source/kafka.h"
#include "source/kafka_compat.h"

#define CDC_KAFKA_MEMORY_LIMIT		(64 * 1024 * 1024)
#define CDC_KAFKA_CONNECT_TIMEOUT	10000
#define CDC_KAFKA_REQUEST_TIMEOUT	60000
#define CDC_KAFKA_TROUBLE_TEXT		512

typedef struct CdcKafkaRequest CdcKafkaRequest;
typedef struct CdcKafkaBatch CdcKafkaBatch;

struct CdcKafka
{
	rd_kafka_t *rk;
	rd_kafka_queue_t *main_queue;
	CdcKafkaRole role;
	int			fd;				/* eventfd; librdkafka writes to it too */
	size_t		memory_limit;
	int			connect_timeout_ms;
	int			request_timeout_ms;

	pthread_mutex_t lock;

	/* under the lock; written by librdkafka's threads too */
	int			users;			/* the owner, and a request's thread */
	char		trouble[CDC_KAFKA_TROUBLE_TEXT];
	CdcStatus	refused;		/* CDC_ERR_AUTH and the like: no use in waiting */
	char		refusal[CDC_KAFKA_TROUBLE_TEXT];
	bool		fatal;
	CdcError	delivery_error; /* the first one since the last flush; status CDC_OK: none */

	/* counters are atomic; the lock is for what it says of a failure */
	CdcKafkaDelivery delivery;

	/* the user's own */
	CdcKafkaRequest *request;	/* in progress, or answered */
	bool		running;		/* the request is not answered yet */
	bool		given_up;		/* an answer did not come: not usable any more */
	_Atomic bool connected;		/* a broker has answered once */
	CdcKafkaReader *reader;
	CdcKafkaBatch *batch;		/* of a producer, once it had a message */
	bool		by_turns;		/* messages without a key go to partitions by turns */
	_Atomic uint32_t turn;
	uint64_t	turn_bytes;		/* that were produced in this turn */
	uint64_t	partitions;		/* of the topics that a producer writes to, as far as it was told */
	int			waits;			/* for reports, since some have come */
};

/*
 * kafka_error.c: error codes to CdcStatus, with messages and hints
 */

/*
 * What an error code means; message: what was tried, as "could not read topic
 * \"x\""; text: librdkafka's, or NULL.
 */
extern CdcStatus cdc_kafka_error(CdcError *err, rd_kafka_resp_err_t code, const char *text,
								 const char *fmt,...)
			__attribute__((format(printf, 4, 5)));

/* Adds a text of librdkafka's as the detail, with a period. */
extern void cdc_kafka_sentence(CdcError *err, const char *text);
extern CdcStatus cdc_kafka_error_status(rd_kafka_resp_err_t code);

/* Whether it may pass by itself. */
extern bool cdc_kafka_error_passes(rd_kafka_resp_err_t code);

/*
 * kafka_state.c: the notes of librdkafka's threads, the descriptor
 */

/* librdkafka's callbacks for its log and for its errors. */
extern void cdc_kafka_note_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);
extern void cdc_kafka_note_error(rd_kafka_t *rk, int code, const char *reason, void *opaque);

/* Copies a text of librdkafka's, without what it may repeat of a secret. */
extern void cdc_kafka_copy_text(char *to, size_t size, const char *text);

/* Whether waiting is in vain; fills err then. */
extern bool cdc_kafka_is_refused(CdcKafka *kafka, CdcError *err);

/* Adds what the brokers' last trouble was. */
extern void cdc_kafka_error_trouble(CdcKafka *kafka, CdcError *err);

/* A broker has answered: its troubles are over. */
extern void cdc_kafka_heard(CdcKafka *kafka);

/* Calls callbacks that are due; returns how many they were. */
extern int	cdc_kafka_serve(CdcKafka *kafka);

/* Makes cdc_kafka_fd() readable, or unreadable again. */
extern void cdc_kafka_wake(CdcKafka *kafka);
extern void cdc_kafka_clear(CdcKafka *kafka);

/*
 * kafka_producer.c
 */
extern void cdc_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque);

/* Behind all properties: messages without a key go to the partitions by turns. */
extern CdcStatus cdc_kafka_set_partitioner(CdcKafka *kafka, rd_kafka_conf_t *conf, CdcError *err);

extern void cdc_kafka_batch_free(CdcKafkaBatch *batch); /* NULL is allowed */

/*
 * kafka_request_run.c: see kafka_request_internal.h
 */

/* The request's thread may be blocked for a while: it is left to itself. */
extern void cdc_kafka_request_abandon(CdcKafka *kafka);
extern void cdc_kafka_request_free(CdcKafkaRequest *request);	/* NULL is allowed */

/*
 * kafka_end.c: threads that use a client, and its end
 */

/* A detached thread with all signals blocked, counted until cdc_kafka_thread_ends(). */
extern bool cdc_kafka_start_thread(void *(*main) (void *), void *arg);
extern void cdc_kafka_thread_ends(void);

/* One user more; one less: who is the last takes the client down. */
extern void cdc_kafka_join(CdcKafka *kafka);
extern bool cdc_kafka_leave(CdcKafka *kafka);
extern void cdc_kafka_take_down(CdcKafka *kafka);

/* Frees a client that has no handle of librdkafka (any more). */
extern void cdc_kafka_free(CdcKafka *kafka);

#endif							/* CDC_SOURCE_KAFKA_INTERNAL_H */
