/*-------------------------------------------------------------------------
 *
 * source/kafka.c
 *	  A client's life: from properties to librdkafka's handle, and its end.
 *
 * librdkafka has a main thread and one thread a broker.  What they have to say
 * comes through callbacks: logs are called from any of them, errors and
 * delivery reports from rd_kafka_poll().  All they do is to leave a note in the
 * client, under its lock.
 *
 * The handle is taken down on a thread of ours, because rd_kafka_destroy()
 * joins all others, one of which may be in name resolution.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "source/kafka_internal.h"
#include "source/thread.h"

#define THREAD_STACK		(512 * 1024)
#define CLOSE_WAIT_MS		250

/* Log levels as syslog's. */
#define LEVEL_ERROR			3

/* Threads of ours. */
static CdcThreads threads = CDC_THREADS(THREAD_STACK);

bool
cdc_kafka_start_thread(void *(*main) (void *), void *arg)
{
	return cdc_thread_start(&threads, main, arg, NULL);
}

void
cdc_kafka_thread_ends(void)
{
	cdc_thread_ends(&threads);
}

int
cdc_kafka_live_threads(void)
{
	return cdc_threads_live(&threads);
}

int
cdc_kafka_wait_exit(int timeout_ms)
{
	return cdc_threads_wait_exit(&threads, timeout_ms);
}

/*
 * What librdkafka's threads leave
 */

/* librdkafka repeats what it does not understand in a property that is a secret. */
static void
copy_text(char *to, size_t size, const char *text)
{
	static const char config[] = "sasl.oauthbearer.config";
	char	   *at;

	(void) snprintf(to, size, "%s", text);
	if ((at = strstr(to, config)) != NULL)
		at[sizeof(config) - 1] = '\0';
}

static void
note_trouble(CdcKafka *kafka, const char *text)
{
	pthread_mutex_lock(&kafka->lock);
	copy_text(kafka->trouble, sizeof(kafka->trouble), text);
	pthread_mutex_unlock(&kafka->lock);
}

/* A line of librdkafka's log; "[thrd:...]: " stands before the text. */
static void
log_cb(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	CdcKafka   *kafka = rd_kafka_opaque(rk);
	const char *rest;

	(void) facility;
	if (level > LEVEL_ERROR || kafka == NULL)
		return;
	if (strncmp(text, "[thrd:", 6) == 0 && (rest = strstr(text, "]: ")) != NULL)
		text = rest + 3;
	note_trouble(kafka, text);
}

/* Called from rd_kafka_poll(). */
static void
error_cb(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	CdcKafka   *kafka = opaque;
	CdcStatus	status = cdc_kafka_error_status(code);

	if (code == RD_KAFKA_RESP_ERR__FATAL)
	{
		char		text[CDC_KAFKA_TROUBLE_TEXT];

		code = rd_kafka_fatal_error(rk, text, sizeof(text));
		note_trouble(kafka, text);
		pthread_mutex_lock(&kafka->lock);
		kafka->fatal = true;
		kafka->refused = cdc_kafka_error_status(code);
		copy_text(kafka->refusal, sizeof(kafka->refusal), text);
		pthread_mutex_unlock(&kafka->lock);
		return;
	}
	/* the brokers' own troubles came through the log as well, with more words */
	if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		note_trouble(kafka, reason);
	if (status == CDC_ERR_AUTH || code == RD_KAFKA_RESP_ERR__SSL)
	{
		pthread_mutex_lock(&kafka->lock);
		kafka->refused = status;
		copy_text(kafka->refusal, sizeof(kafka->refusal), reason);
		pthread_mutex_unlock(&kafka->lock);
	}
}

bool
cdc_kafka_trouble(CdcKafka *kafka, char *text, size_t size)
{
	pthread_mutex_lock(&kafka->lock);
	(void) snprintf(text, size, "%s", kafka->trouble);
	pthread_mutex_unlock(&kafka->lock);
	return text[0] != '\0';
}

bool
cdc_kafka_is_refused(CdcKafka *kafka, CdcError *err)
{
	char		text[CDC_KAFKA_TROUBLE_TEXT];
	CdcStatus	status;
	bool		fatal;

	pthread_mutex_lock(&kafka->lock);
	status = kafka->refused;
	fatal = kafka->fatal;
	memcpy(text, kafka->refusal, sizeof(text));
	pthread_mutex_unlock(&kafka->lock);

	/* once connected, a refusal may be that of a broker that just restarts */
	if (status == CDC_OK || (atomic_load(&kafka->connected) && !fatal))
		return false;
	if (fatal)
		cdc_error(err, status, "the Kafka client cannot go on: %s", text);
	else if (status == CDC_ERR_AUTH)
		cdc_kafka_error(err, RD_KAFKA_RESP_ERR__AUTHENTICATION, text, "the Kafka cluster refused the user");
	else
		cdc_kafka_error(err, RD_KAFKA_RESP_ERR__SSL, text, "could not connect to the Kafka cluster");
	return true;
}

void
cdc_kafka_heard(CdcKafka *kafka)
{
	atomic_store(&kafka->connected, true);
	pthread_mutex_lock(&kafka->lock);
	kafka->trouble[0] = '\0';
	if (!kafka->fatal)
		kafka->refused = CDC_OK;
	pthread_mutex_unlock(&kafka->lock);
}

int
cdc_kafka_serve(CdcKafka *kafka)
{
	return rd_kafka_poll(kafka->rk, 0);
}

/*
 * The descriptor
 */

void
cdc_kafka_wake(CdcKafka *kafka)
{
	uint64_t	one = 1;

	while (write(kafka->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
cdc_kafka_clear(CdcKafka *kafka)
{
	uint64_t	n;

	while (read(kafka->fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

int
cdc_kafka_fd(const CdcKafka *kafka)
{
	return kafka->fd;
}

/*
 * Making a client
 */

typedef struct Setting
{
	const char *name;
	const char *value;
} Setting;

/* Before the user's own. */
static const Setting defaults[] = {
	{"client.id", "cdc_ingest"},
	{"reconnect.backoff.ms", "50"},
	{"reconnect.backoff.max.ms", "2000"},
	{"topic.metadata.refresh.fast.interval.ms", "100"},
	{"log_level", "4"},
	{"broker.address.family", "any"},
	{NULL, NULL}
};

static const Setting consumer_defaults[] = {
	{"fetch.error.backoff.ms", "10"},
	{"fetch.wait.max.ms", "100"},
	{"message.max.bytes", "1000"},	/* no bound of ours; fetch.max.bytes must not be below it */
	{NULL, NULL}
};

static const Setting producer_defaults[] = {
	{"enable.idempotence", "true"},
	{NULL, NULL}
};

/* After them. */
static const Setting settings[] = {
	{"log.connection.close", "false"},
	{"sasl.kerberos.min.time.before.relogin", "0"},
	{NULL, NULL}
};

static const Setting consumer_settings[] = {
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"enable.partition.eof", "true"},
	{"auto.offset.reset", "error"},
	{NULL, NULL}
};

static CdcStatus
set_property(rd_kafka_conf_t *conf, const char *name, const char *value, CdcError *err)
{
	char		text[CDC_ERROR_TEXT];

	text[0] = '\0';
	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
		return CDC_OK;
	cdc_error(err, CDC_ERR_VALUE, "invalid property \"%s\"", name);
	if (cdc_kafka_property_use(name, NULL) != CDC_KAFKA_SECRET)
		cdc_kafka_sentence(err, text);
	return CDC_ERR_VALUE;
}

/* What a version of librdkafka does not have is left out. */
static CdcStatus
set_all(rd_kafka_conf_t *conf, const Setting *list, CdcError *err)
{
	for (; list->name != NULL; list++)
	{
		if (rd_kafka_conf_set(conf, list->name, NULL, NULL, 0) != RD_KAFKA_CONF_UNKNOWN &&
			cdc_failed(set_property(conf, list->name, list->value, err)))
			return err->status;
	}
	return CDC_OK;
}

static CdcStatus
set_number(rd_kafka_conf_t *conf, const char *name, long value, CdcError *err)
{
	char		text[32];
	Setting		setting[] = {{name, text}, {NULL, NULL}};

	(void) snprintf(text, sizeof(text), "%ld", value);
	return set_all(conf, setting, err);
}

static long
clamp(long value, long low, long high)
{
	return value < low ? low : value > high ? high : value;
}

/*
 * What librdkafka may hold: messages in its queue, and the answers to fetches
 * under way, whose messages come on top of the queue when it is almost full.
 * A message takes some 400 bytes beside its own.
 */
static CdcStatus
set_limits(rd_kafka_conf_t *conf, const CdcKafka *kafka, CdcError *err)
{
	long		limit = (long) kafka->memory_limit;
	CdcStatus	st = CDC_OK;

	if (kafka->role == CDC_KAFKA_CONSUMER)
	{
		if (cdc_failed(st = set_number(conf, "queued.max.messages.kbytes", clamp(limit / 4 / 1024, 64, 2097151), err)) ||
			cdc_failed(st = set_number(conf, "queued.min.messages", clamp(limit / 4 / 512, 1000, 10000000), err)) ||
			cdc_failed(st = set_number(conf, "fetch.message.max.bytes", clamp(limit / 128, 65536, 1048576), err)) ||
			cdc_failed(st = set_number(conf, "fetch.max.bytes", clamp(limit / 32, 131072, 52428800), err)))
			return st;
		return set_number(conf, "fetch.queue.backoff.ms", 10, err);
	}
	st = set_number(conf, "queue.buffering.max.kbytes", clamp(limit / 2 / 1024, 64, 2147483647L), err);
	if (!cdc_failed(st))
		st = set_number(conf, "queue.buffering.max.messages", clamp(limit / 2 / 512, 1000, 10000000), err);
	if (!cdc_failed(st))
		st = set_number(conf, "message.timeout.ms", kafka->request_timeout_ms, err);
	return st;
}

static CdcStatus
fill_conf(rd_kafka_conf_t *conf, CdcKafka *kafka, const CdcKafkaOptions *options, CdcError *err)
{
	bool		consumer = kafka->role == CDC_KAFKA_CONSUMER;
	CdcStatus	st;
	int			i;

	if (cdc_failed(st = set_all(conf, defaults, err)) ||
		cdc_failed(st = set_all(conf, consumer ? consumer_defaults : producer_defaults, err)) ||
		cdc_failed(st = set_limits(conf, kafka, err)))
		return st;
	for (i = 0; i < options->nproperties; i++)
	{
		const CdcKafkaProperty *p = &options->properties[i];
		const char *reason;

		/* a producer's; librdkafka would hold fetch.max.bytes against it */
		if (consumer && strcmp(p->name, "message.max.bytes") == 0)
			continue;
		if (cdc_kafka_property_use(p->name, &reason) == CDC_KAFKA_REFUSED)
			return cdc_error(err, CDC_ERR_VALUE, "property \"%s\" cannot be set: %s", p->name, reason);
		if (cdc_failed(st = set_property(conf, p->name, p->value, err)))
			return st;
	}
	if (cdc_failed(st = set_all(conf, settings, err)))
		return st;
	return consumer ? set_all(conf, consumer_settings, err) : CDC_OK;
}

static void
free_kafka(CdcKafka *kafka)
{
	if (kafka->fd >= 0)
		(void) close(kafka->fd);
	pthread_mutex_destroy(&kafka->lock);
	free(kafka);
}

static CdcStatus
start_client(CdcKafka *kafka, const CdcKafkaOptions *options, CdcError *err)
{
	static const uint64_t one = 1;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char		text[CDC_ERROR_TEXT];
	CdcStatus	st;

	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_log_cb(conf, log_cb);
	rd_kafka_conf_set_error_cb(conf, error_cb);
	if (kafka->role == CDC_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, cdc_kafka_delivered);
	st = fill_conf(conf, kafka, options, err);
	if (cdc_failed(st))
	{
		rd_kafka_conf_destroy(conf);
		return st;
	}
	text[0] = '\0';
	kafka->rk = rd_kafka_new(kafka->role == CDC_KAFKA_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
							 conf, text, sizeof(text));
	if (kafka->rk == NULL)
	{
		char		shown[CDC_ERROR_TEXT];

		rd_kafka_conf_destroy(conf);
		copy_text(shown, sizeof(shown), text);
		cdc_error(err, CDC_ERR_VALUE, "could not make a Kafka client");
		cdc_kafka_sentence(err, shown);
		return CDC_ERR_VALUE;
	}
	kafka->main_queue = rd_kafka_queue_get_main(kafka->rk);
	rd_kafka_queue_io_event_enable(kafka->main_queue, kafka->fd, &one, sizeof(one));
	return CDC_OK;
}

CdcStatus
cdc_kafka_create(CdcKafkaRole role, const CdcKafkaOptions *options, CdcKafka **result, CdcError *err)
{
	CdcKafka   *kafka = calloc(1, sizeof(*kafka));
	CdcStatus	st;

	*result = NULL;
	if (kafka == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	pthread_mutex_init(&kafka->lock, NULL);
	kafka->role = role;
	kafka->users = 1;
	kafka->memory_limit = options->memory_limit > 0 ? options->memory_limit : CDC_KAFKA_MEMORY_LIMIT;
	kafka->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CDC_KAFKA_CONNECT_TIMEOUT;
	kafka->request_timeout_ms = options->request_timeout_ms > 0 ? options->request_timeout_ms : CDC_KAFKA_REQUEST_TIMEOUT;
	kafka->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (kafka->fd < 0)
		st = cdc_error(err, CDC_ERR_NOMEM, "could not make a descriptor for a Kafka client: %s", strerror(errno));
	else
		st = start_client(kafka, options, err);
	if (cdc_failed(st))
	{
		free_kafka(kafka);
		return st;
	}
	*result = kafka;
	return CDC_OK;
}

bool
cdc_kafka_usable(const CdcKafka *kafka)
{
	CdcKafka   *k = (CdcKafka *) kafka;
	bool		fatal;

	pthread_mutex_lock(&k->lock);
	fatal = k->fatal;
	pthread_mutex_unlock(&k->lock);
	return !fatal && !k->given_up && !k->running;
}

/*
 * Its end
 */

void
cdc_kafka_take_down(CdcKafka *kafka)
{
	cdc_kafka_reader_close(kafka->reader);
	cdc_kafka_request_free(kafka->request);
	cdc_kafka_batch_free(kafka->batch);
	rd_kafka_queue_io_event_enable(kafka->main_queue, -1, NULL, 0);
	rd_kafka_queue_destroy(kafka->main_queue);
	if (kafka->role == CDC_KAFKA_PRODUCER)
		(void) rd_kafka_purge(kafka->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_destroy_flags(kafka->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free_kafka(kafka);
}

void
cdc_kafka_join(CdcKafka *kafka)
{
	pthread_mutex_lock(&kafka->lock);
	kafka->users++;
	pthread_mutex_unlock(&kafka->lock);
}

bool
cdc_kafka_leave(CdcKafka *kafka)
{
	bool		last;

	pthread_mutex_lock(&kafka->lock);
	last = --kafka->users == 0;
	pthread_mutex_unlock(&kafka->lock);
	return last;
}

/* The thread that takes a client down; who destroyed it waits a little. */
typedef struct Reaper
{
	CdcKafka   *kafka;
	bool		done;			/* under threads.lock, like the next */
	bool		unwaited;		/* nobody waits any more: the thread frees this */
} Reaper;

static void *
reap(void *arg)
{
	Reaper	   *reaper = arg;
	bool		unwaited;

	cdc_kafka_take_down(reaper->kafka);
	pthread_mutex_lock(&threads.lock);
	reaper->done = true;
	unwaited = reaper->unwaited;
	pthread_cond_broadcast(&threads.cond);
	pthread_mutex_unlock(&threads.lock);
	if (unwaited)
		free(reaper);
	cdc_kafka_thread_ends();
	return NULL;
}

void
cdc_kafka_destroy(CdcKafka *kafka)
{
	struct timespec until = cdc_deadline(CLOCK_REALTIME, CLOSE_WAIT_MS);
	Reaper	   *reaper;
	bool		done;

	if (kafka == NULL)
		return;
	cdc_kafka_request_abandon(kafka);
	if (!cdc_kafka_leave(kafka))
		return;					/* the thread of its request will do it */
	reaper = calloc(1, sizeof(*reaper));
	if (reaper != NULL)
		reaper->kafka = kafka;
	if (reaper == NULL || !cdc_kafka_start_thread(reap, reaper))
	{
		free(reaper);
		cdc_kafka_take_down(kafka);
		return;
	}
	pthread_mutex_lock(&threads.lock);
	while (!reaper->done && pthread_cond_timedwait(&threads.cond, &threads.lock, &until) == 0)
		;
	done = reaper->done;
	reaper->unwaited = !done;
	pthread_mutex_unlock(&threads.lock);
	if (done)
		free(reaper);
}
