/*-------------------------------------------------------------------------
 *
 * source/kafka_state.c
 *	  A client's state that all of its files use: what librdkafka's threads left,
 *	  the descriptor.
 *
 * librdkafka has a main thread and one thread a broker.  What they have to say
 * comes through callbacks: logs are called from any of them, errors and
 * delivery reports from rd_kafka_poll().  All they do is to leave a note in the
 * client, under its lock.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "source/kafka_internal.h"

/* Log levels as syslog's. */
#define LEVEL_ERROR			3

/*
 * What librdkafka's threads leave
 */

/* librdkafka repeats what it does not understand in a property that is a secret. */
void
cdc_kafka_copy_text(char *to, size_t size, const char *text)
{
	static const char config[] = "sasl.oauthbearer.config";
	char	   *at;

	(void) cdc_clean_text(to, size, text);
	if ((at = strstr(to, config)) != NULL)
		at[sizeof(config) - 1] = '\0';
}

static void
note_trouble(CdcKafka *kafka, const char *text)
{
	pthread_mutex_lock(&kafka->lock);
	cdc_kafka_copy_text(kafka->trouble, sizeof(kafka->trouble), text);
	pthread_mutex_unlock(&kafka->lock);
}

/* A line of librdkafka's log; "[thrd:...]: " stands before the text. */
void
cdc_kafka_note_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
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
void
cdc_kafka_note_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
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
		cdc_kafka_copy_text(kafka->refusal, sizeof(kafka->refusal), text);
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
		cdc_kafka_copy_text(kafka->refusal, sizeof(kafka->refusal), reason);
		pthread_mutex_unlock(&kafka->lock);
	}
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
 * The last trouble with a broker, as librdkafka told it: "k1:9092/1: Connect to ...
 * failed: ...".  False when there is none; an answer or a message that comes after a
 * wait takes it away.
 */
static bool
last_trouble(CdcKafka *kafka, char *text, size_t size)
{
	pthread_mutex_lock(&kafka->lock);
	(void) snprintf(text, size, "%s", kafka->trouble);
	pthread_mutex_unlock(&kafka->lock);
	return text[0] != '\0';
}

void
cdc_kafka_error_trouble(CdcKafka *kafka, CdcError *err)
{
	char		text[CDC_KAFKA_TROUBLE_TEXT];

	if (last_trouble(kafka, text, sizeof(text)))
		cdc_error_detail(err, "The last trouble was: %s.", text);
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
