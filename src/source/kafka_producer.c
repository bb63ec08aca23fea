/*-------------------------------------------------------------------------
 *
 * source/kafka_producer.c
 *	  Messages to Kafka, and their delivery reports.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "source/kafka_internal.h"

/*
 * Whether this failure is the one to tell: the first one.  A broker refuses a
 * batch as a whole when one message in it is too large: then the largest.
 */
static bool
is_telling(const CdcKafka *kafka, const rd_kafka_message_t *msg)
{
	if (kafka->delivery_error.status == CDC_OK)
		return true;
	return msg->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE &&
		kafka->delivery_error.status == CDC_ERR_LIMIT &&
		msg->key_len + msg->len > kafka->delivery.failed_bytes;
}

/* No order with anything else is needed; a lock took a tenth of sending's time. */
static void
count(_Atomic uint64_t *counter, uint64_t n)
{
	(void) atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void
not_delivered(CdcKafka *kafka, const rd_kafka_message_t *msg)
{
	pthread_mutex_lock(&kafka->lock);
	count(&kafka->delivery.failed, 1);
	count(&kafka->delivery.reported_bytes, msg->key_len + msg->len);
	if (is_telling(kafka, msg))
	{
		kafka->delivery.failed_bytes = msg->key_len + msg->len;
		kafka->delivery.failed_tag = (uint64_t) (uintptr_t) msg->_private;
		(void) cdc_kafka_error(&kafka->delivery_error, msg->err, NULL,
							   "could not deliver a message of %zu bytes to partition %d of topic \"%s\"",
							   msg->key_len + msg->len, msg->partition, rd_kafka_topic_name(msg->rkt));
	}
	pthread_mutex_unlock(&kafka->lock);
}

/* A message's fate; called from rd_kafka_poll(). */
void
cdc_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
	CdcKafka   *kafka = opaque;

	(void) rk;
	if (msg->err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		not_delivered(kafka, msg);
		return;
	}
	count(&kafka->delivery.delivered, 1);
	count(&kafka->delivery.reported_bytes, msg->key_len + msg->len);
	if (!atomic_load(&kafka->connected))
		cdc_kafka_heard(kafka);
}

static rd_kafka_headers_t *
make_headers(const CdcKafkaHeader *headers, int n)
{
	rd_kafka_headers_t *list = rd_kafka_headers_new(n);
	int			i;

	for (i = 0; i < n; i++)
		(void) rd_kafka_header_add(list, headers[i].name, -1, headers[i].value,
								   headers[i].value != NULL ? (ssize_t) headers[i].len : 0);
	return list;
}

CdcStatus
cdc_kafka_produce(CdcKafka *kafka, const char *topic, int32_t partition, const char *key,
				  size_t key_len, const char *value, size_t value_len,
				  const CdcKafkaHeader *headers, int nheaders, int64_t ts_ms, uint64_t tag,
				  CdcError *err)
{
	rd_kafka_headers_t *list = nheaders > 0 ? make_headers(headers, nheaders) : NULL;
	rd_kafka_resp_err_t code;

	/* an empty value or key is not NULL; a header list of NULL is passed as none */
	if (list != NULL)
		code = rd_kafka_producev(kafka->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
								 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
								 RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE((void *) value, value_len),
								 RD_KAFKA_V_TIMESTAMP(ts_ms < 0 ? 0 : ts_ms),
								 RD_KAFKA_V_OPAQUE((void *) (uintptr_t) tag),
								 RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
	else
		code = rd_kafka_producev(kafka->rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
								 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
								 RD_KAFKA_V_KEY(key, key_len), RD_KAFKA_V_VALUE((void *) value, value_len),
								 RD_KAFKA_V_TIMESTAMP(ts_ms < 0 ? 0 : ts_ms),
								 RD_KAFKA_V_OPAQUE((void *) (uintptr_t) tag), RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		kafka->delivery.produced++;
		kafka->delivery.bytes += key_len + value_len;
		return CDC_OK;
	}
	/* librdkafka takes the headers only with the message */
	if (list != NULL)
		rd_kafka_headers_destroy(list);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
	{
		cdc_kafka_clear(kafka);
		cdc_kafka_serve(kafka);
		if (cdc_kafka_is_refused(kafka, err))
			return err->status;
		return CDC_MORE;
	}
	return cdc_kafka_error(err, code, NULL, "could not produce a message of %zu bytes to topic \"%s\"",
						   key_len + value_len, topic);
}

CdcStatus
cdc_kafka_flush_poll(CdcKafka *kafka, CdcError *err)
{
	CdcStatus	st;
	uint64_t	left;
	uint64_t	failed;

	cdc_kafka_clear(kafka);
	/* no lingering, messages wait for nothing more */
	(void) rd_kafka_flush(kafka->rk, 0);
	cdc_kafka_serve(kafka);

	pthread_mutex_lock(&kafka->lock);
	failed = kafka->delivery.failed;
	left = kafka->delivery.produced - kafka->delivery.delivered - failed;
	st = kafka->delivery_error.status;
	if (cdc_failed(st) && left == 0)
	{
		if (err != NULL)
			*err = kafka->delivery_error;
		kafka->delivery_error.status = CDC_OK;
		pthread_mutex_unlock(&kafka->lock);
		cdc_kafka_error_trouble(kafka, err);
		cdc_error_detail(err, "%llu messages were not delivered.", (unsigned long long) failed);
		return st;
	}
	pthread_mutex_unlock(&kafka->lock);
	if (left == 0)
		return CDC_OK;
	return cdc_kafka_is_refused(kafka, err) ? err->status : CDC_MORE;
}

CdcStatus
cdc_kafka_producer_poll(CdcKafka *kafka, CdcError *err)
{
	cdc_kafka_clear(kafka);
	cdc_kafka_serve(kafka);
	return cdc_kafka_is_refused(kafka, err) ? err->status : CDC_OK;
}

const CdcKafkaDelivery *
cdc_kafka_delivery(const CdcKafka *kafka)
{
	return &kafka->delivery;
}
