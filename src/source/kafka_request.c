/*-------------------------------------------------------------------------
 *
 * source/kafka_request.c
 *	  Requests: what librdkafka offers as a blocking call, on a thread of its
 *	  own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>

#include "source/kafka_request_internal.h"
#include "source/thread.h"

static void *
thread_main(void *arg)
{
	CdcKafkaRequest *request = arg;
	CdcKafka   *kafka = request->kafka;

	request->status = cdc_kafka_request_run(request);
	/* once it is done, the request may be freed by its user */
	atomic_store(&request->done, true);
	cdc_kafka_wake(kafka);
	if (cdc_kafka_leave(kafka))
		cdc_kafka_take_down(kafka);
	cdc_kafka_thread_ends();
	return NULL;
}

/*
 * The user's side
 */

static char *
copy_string(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

static CdcKafkaRequest *
new_request(CdcKafka *kafka, CdcKafkaRequestKind kind, const char *topic, const CdcKafkaBounds *bounds, int n)
{
	CdcKafkaRequest *request;
	bool		lacks = false;
	int			i;

	/* one at a time */
	if (kafka->running)
		return NULL;
	cdc_kafka_request_free(kafka->request);
	request = kafka->request = calloc(1, sizeof(*request));
	if (request == NULL)
		return NULL;
	request->kafka = kafka;
	request->kind = kind;
	request->started_ms = cdc_now_ms();
	request->deadline_ms = request->started_ms +
		(atomic_load(&kafka->connected) ? kafka->request_timeout_ms : kafka->connect_timeout_ms);
	request->topic = copy_string(topic);
	request->bounds = calloc(n > 0 ? n : 1, sizeof(CdcKafkaBounds));
	for (i = 0; request->bounds != NULL && i < n; i++)
	{
		request->bounds[i] = bounds[i];
		request->bounds[i].topic = copy_string(bounds[i].topic);
		lacks = lacks || request->bounds[i].topic == NULL;
		request->nbounds++;
	}
	if (lacks || request->bounds == NULL || (topic != NULL && request->topic == NULL))
	{
		request->status = cdc_error(&request->error, CDC_ERR_NOMEM, "out of memory");
		atomic_store(&request->done, true);
	}
	return request;
}

static void
post(CdcKafka *kafka, CdcKafkaRequest *request)
{
	if (request == NULL || atomic_load(&request->done))
		return;
	if (request->kind != CDC_KAFKA_REQ_METADATA && request->kind != CDC_KAFKA_REQ_TRANSACTION &&
		request->nbounds == 0)
	{
		/* nothing is asked for */
		request->status = CDC_OK;
		atomic_store(&request->done, true);
		return;
	}
	cdc_kafka_join(kafka);
	kafka->running = true;
	if (cdc_kafka_start_thread(thread_main, request))
		return;
	kafka->running = false;
	(void) cdc_kafka_leave(kafka);
	request->status = cdc_error(&request->error, CDC_ERR_NOMEM, "could not start a thread for a request to Kafka");
	atomic_store(&request->done, true);
}

void
cdc_kafka_request_metadata(CdcKafka *kafka, const char *topic)
{
	post(kafka, new_request(kafka, CDC_KAFKA_REQ_METADATA, topic, NULL, 0));
}

void
cdc_kafka_request_watermarks(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n)
{
	post(kafka, new_request(kafka, CDC_KAFKA_REQ_WATERMARKS, NULL, bounds, n));
}

void
cdc_kafka_request_offsets_at(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n, int64_t ts_ms)
{
	CdcKafkaRequest *request = new_request(kafka, CDC_KAFKA_REQ_OFFSETS_AT, NULL, bounds, n);

	if (request != NULL)
		request->ts_ms = ts_ms;
	post(kafka, request);
}

void
cdc_kafka_request_committed(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n)
{
	post(kafka, new_request(kafka, CDC_KAFKA_REQ_COMMITTED, NULL, bounds, n));
}

void
cdc_kafka_request_commit(CdcKafka *kafka, const CdcKafkaBounds *bounds, int n)
{
	post(kafka, new_request(kafka, CDC_KAFKA_REQ_COMMIT, NULL, bounds, n));
}

void
cdc_kafka_request_transaction(CdcKafka *kafka, CdcKafkaTransaction what)
{
	CdcKafkaRequest *request = new_request(kafka, CDC_KAFKA_REQ_TRANSACTION, NULL, NULL, 0);

	if (request != NULL)
		request->what = what;
	post(kafka, request);
}

CdcStatus
cdc_kafka_request_poll(CdcKafka *kafka, CdcError *err)
{
	CdcKafkaRequest *request = kafka->request;

	if (request == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	cdc_kafka_clear(kafka);
	(void) cdc_kafka_serve(kafka);
	if (!atomic_load(&request->done))
	{
		if (!cdc_kafka_is_refused(kafka, err))
			return CDC_MORE;
		atomic_store(&request->abandoned, true);
		kafka->given_up = true;
		return err->status;
	}
	kafka->running = false;
	if (cdc_failed(request->status) && err != NULL)
		*err = request->error;
	return request->status;
}

const CdcKafkaMetadata *
cdc_kafka_metadata(const CdcKafka *kafka)
{
	return kafka->request != NULL && !kafka->running ? kafka->request->metadata : NULL;
}

const CdcKafkaBounds *
cdc_kafka_bounds(const CdcKafka *kafka, int *n)
{
	if (kafka->request == NULL || kafka->running)
	{
		*n = 0;
		return NULL;
	}
	*n = kafka->request->nbounds;
	return kafka->request->bounds;
}
