/*-------------------------------------------------------------------------
 *
 * source/kafka.c
 *	  Making a client: from properties to librdkafka's handle.
 *
 * Its end is in source/kafka_end.c.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "source/kafka_internal.h"

#define LINGER_MS			10000

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
	{"check.crcs", "true"},			/* librdkafka's own default is to believe the bytes */
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

/* The user's value of a property, also by its other name; NULL: it is not set. */
static const char *
own_value(const CdcKafkaOptions *options, const char *name, const char *other)
{
	const char *value = NULL;
	int			i;

	for (i = 0; i < options->nproperties; i++)
	{
		if (strcmp(options->properties[i].name, name) == 0 || strcmp(options->properties[i].name, other) == 0)
			value = options->properties[i].value;
	}
	return value;
}

/*
 * For full batches; who waits ends the lingering (kafka_producer.c).  It is long because a
 * broker's thread that has a message of this age never rests, even where it may not send it yet.
 * librdkafka wants messages to live longer than they linger.
 */
static CdcStatus
set_linger(rd_kafka_conf_t *conf, CdcKafka *kafka, const CdcKafkaOptions *options, CdcError *err)
{
	const char *value = own_value(options, "message.timeout.ms", "delivery.timeout.ms");
	long		timeout = value != NULL ? strtol(value, NULL, 10) : kafka->request_timeout_ms;

	if (own_value(options, "linger.ms", "queue.buffering.max.ms") != NULL)
		return CDC_OK;
	return set_number(conf, "linger.ms", timeout <= 0 ? LINGER_MS : clamp(timeout / 2, 0, LINGER_MS), err);
}

/* What depends on properties that the user may have set. */
static CdcStatus
finish_producer(rd_kafka_conf_t *conf, CdcKafka *kafka, const CdcKafkaOptions *options, CdcError *err)
{
	CdcStatus	st = set_linger(conf, kafka, options, err);

	if (!cdc_failed(st) && own_value(options, "partitioner", "sticky.partitioning.linger.ms") == NULL)
		st = cdc_kafka_set_partitioner(kafka, conf, err);
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
	return consumer ? set_all(conf, consumer_settings, err) : finish_producer(conf, kafka, options, err);
}

static CdcStatus
start_client(CdcKafka *kafka, const CdcKafkaOptions *options, CdcError *err)
{
	static const uint64_t one = 1;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char		text[CDC_ERROR_TEXT];
	CdcStatus	st;

	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_log_cb(conf, cdc_kafka_note_log);
	rd_kafka_conf_set_error_cb(conf, cdc_kafka_note_error);
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
		cdc_kafka_copy_text(shown, sizeof(shown), text);
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
		cdc_kafka_free(kafka);
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

