/*-------------------------------------------------------------------------
 *
 * source/kafka_producer.c
 *	  Messages to Kafka, and their delivery reports.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/kafka_internal.h"
#include "source/thread.h"

#define BATCH_MESSAGES		64
#define BATCH_BYTES			((size_t) 64 * 1024)

/*
 * Messages linger for long (kafka.c), so that batches are full.  A flush ends that only while it
 * lasts: so long that the brokers' threads can see it, and no longer than a cancel may have to
 * wait.  Meanwhile these threads do nothing but look whether they may send more, as one batch of
 * a partition is under way at a time.  So there is none where some batches must be full by what
 * is under way: these go by themselves.
 */
#define FLUSH_MS			10
#define WAITS				3			/* so many without a report are followed by one anyway */
#define BATCH_SIZE			((uint64_t) 1000000)	/* librdkafka's batch.size */

/*
 * What one partition gets of messages without a key before another's turn: a full batch, though
 * messages come in parts of BATCH_BYTES.  With librdkafka's own way, by time, most would wait
 * behind each other for the same partition.
 */
#define TURN_BYTES			(BATCH_SIZE + BATCH_BYTES)

/*
 * Messages of one topic that librdkafka has not got yet.  Given one by one, a
 * fifth of the sender's time went into its locks and clocks.
 */
struct CdcKafkaBatch
{
	rd_kafka_topic_t *topic;	/* NULL: there was no message yet */
	int			n;
	int			taken;			/* so many of them librdkafka has */
	bool		keys;			/* some have one */
	size_t		used;
	rd_kafka_message_t messages[BATCH_MESSAGES];
	char		bytes[BATCH_BYTES]; /* keys and values */
};

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
note_key(CdcKafkaDelivery *delivery, const char *key, size_t len)
{
	size_t		i;

	for (i = 0; i < len && i < sizeof(delivery->failed_key) - 1; i++)
		delivery->failed_key[i] = key[i] >= 0x20 && key[i] < 0x7f ? key[i] : '?';
	delivery->failed_key[i] = '\0';
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
		note_key(&kafka->delivery, msg->key, msg->key_len);
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

/*
 * Partitions
 */

/* What choose_partition() said last on this thread; RD_KAFKA_PARTITION_UA: it was not asked. */
static _Thread_local int32_t chosen;

/*
 * librdkafka's callback; on one of its threads for messages that came before it knew the topic.
 * Who has no key goes to the partition whose turn it is, or to the next one that is there.
 */
static int32_t
choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t len, int32_t n, void *opaque, void *tag)
{
	CdcKafka   *kafka = opaque;
	uint32_t	turn = atomic_load_explicit(&kafka->turn, memory_order_relaxed);
	int32_t		i;

	if (len > 0)
		return rd_kafka_msg_partitioner_consistent_random(topic, key, len, n, opaque, tag);
	for (i = 0; i < n; i++)
	{
		chosen = (int32_t) ((turn + (uint32_t) i) % (uint32_t) n);
		if (rd_kafka_topic_partition_available(topic, chosen))
			break;
	}
	return chosen;
}

CdcStatus
cdc_kafka_set_partitioner(CdcKafka *kafka, rd_kafka_conf_t *conf, CdcError *err)
{
	/* there is one, as a property of topics has been set */
	rd_kafka_topic_conf_t *topic = rd_kafka_conf_get_default_topic_conf(conf);

	/* not each producer begins at the same partition */
	atomic_store(&kafka->turn, (uint32_t) getpid() + (uint32_t) cdc_now_ms());
	kafka->by_turns = true;
	rd_kafka_topic_conf_set_opaque(topic, kafka);
	rd_kafka_topic_conf_set_partitioner_cb(topic, choose_partition);
	if (rd_kafka_conf_set(conf, "sticky.partitioning.linger.ms", "0", NULL, 0) == RD_KAFKA_CONF_INVALID)
		return cdc_error(err, CDC_ERR_VALUE, "invalid property \"sticky.partitioning.linger.ms\"");
	return CDC_OK;
}

static void
next_turn(CdcKafka *kafka)
{
	kafka->turn_bytes = 0;
	(void) atomic_fetch_add_explicit(&kafka->turn, 1, memory_order_relaxed);
}

/*
 * To librdkafka's queue
 */

static void
count_produced(CdcKafka *kafka, size_t bytes)
{
	kafka->delivery.produced++;
	kafka->delivery.bytes += bytes;
	kafka->turn_bytes += bytes;
	if (kafka->turn_bytes >= TURN_BYTES)
		next_turn(kafka);
}

static uint64_t
bytes_under_way(const CdcKafka *kafka)
{
	return kafka->delivery.bytes - kafka->delivery.reported_bytes;
}

/* Whether all that is under way may be parts of batches, of which none is full. */
static bool
may_linger(const CdcKafka *kafka)
{
	return bytes_under_way(kafka) <= (kafka->partitions > 0 ? kafka->partitions : 1) * BATCH_SIZE;
}

/*
 * Takes note of what was delivered; false: there was nothing.  Should the wait before have
 * brought nothing either, then parts of batches are sent as they are; after some waits even
 * where batches should be full, as a topic may have got more partitions.
 */
static bool
hear(CdcKafka *kafka)
{
	uint64_t	before = kafka->delivery.reported_bytes;
	bool		heard;

	cdc_kafka_clear(kafka);
	heard = cdc_kafka_serve(kafka) > 0;
	if (!heard && kafka->waits >= (may_linger(kafka) ? 1 : WAITS))
	{
		(void) rd_kafka_flush(kafka->rk, FLUSH_MS);
		heard = kafka->delivery.reported_bytes != before;
	}
	kafka->waits = heard ? 0 : kafka->waits + 1;
	return heard;
}

/*
 * The queue is full.  CDC_OK: there may be room now, try again; whoever waits instead is
 * not woken any more.
 */
static CdcStatus
make_room(CdcKafka *kafka, CdcError *err)
{
	if (hear(kafka))
		return CDC_OK;
	return cdc_kafka_is_refused(kafka, err) ? err->status : CDC_MORE;
}

static CdcStatus
not_produced(CdcKafka *kafka, rd_kafka_resp_err_t code, const char *topic, size_t bytes,
			 uint64_t tag, CdcError *err)
{
	char		text[256];
	bool		fatal = code == RD_KAFKA_RESP_ERR__FATAL;

	kafka->delivery.failed_tag = tag;
	kafka->delivery.failed_key[0] = '\0';
	/* what made the producer unusable, while messages waited for their batch */
	if (fatal)
		code = rd_kafka_fatal_error(kafka->rk, text, sizeof(text));
	return cdc_kafka_error(err, code, fatal ? text : NULL, "could not produce a message of %zu bytes to topic \"%s\"",
						   bytes, topic);
}

/*
 * Gives librdkafka what it has not got yet.  Messages without a key go where it put the first of
 * them: to look for a partition and whether it is there took a tenth of the sender's time.
 */
static void
hand_over(CdcKafka *kafka, CdcKafkaBatch *batch)
{
	rd_kafka_message_t *messages = batch->messages + batch->taken;
	int			n = batch->n - batch->taken;

	chosen = RD_KAFKA_PARTITION_UA;
	if (kafka->by_turns && !batch->keys && n > 1)
	{
		(void) rd_kafka_produce_batch(batch->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, messages, 1);
		if (messages->err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return;
		messages++;
		n--;
	}
	(void) rd_kafka_produce_batch(batch->topic, chosen, RD_KAFKA_MSG_F_COPY, messages, n);
}

/*
 * CDC_OK: librdkafka has all of the batch.  CDC_MORE: its queue is full, it has not
 * all.  An error: of the first that it refused; the batch is gone.
 */
static CdcStatus
produce_batch(CdcKafka *kafka, CdcKafkaBatch *batch, CdcError *err)
{
	CdcStatus	st = CDC_OK;

	hand_over(kafka, batch);
	for (; batch->taken < batch->n; batch->taken++)
	{
		const rd_kafka_message_t *m = &batch->messages[batch->taken];

		if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			count_produced(kafka, m->key_len + m->len);
		else if (st == CDC_OK && m->err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return CDC_MORE;	/* it has none of those behind it */
		else if (st == CDC_OK)
			st = not_produced(kafka, m->err, rd_kafka_topic_name(batch->topic),
							  m->key_len + m->len, (uint64_t) (uintptr_t) m->_private, err);
	}
	batch->n = batch->taken = 0;
	batch->used = 0;
	batch->keys = false;
	return st;
}

static CdcStatus
push_batch(CdcKafka *kafka, CdcError *err)
{
	CdcStatus	st = CDC_OK;

	while (st == CDC_OK && kafka->batch != NULL && kafka->batch->n > 0)
	{
		st = produce_batch(kafka, kafka->batch, err);
		if (st == CDC_MORE)
			st = make_room(kafka, err);
	}
	return st;
}

static bool
batch_takes(const CdcKafkaBatch *batch, const char *topic, size_t bytes)
{
	return batch->topic != NULL && batch->n < BATCH_MESSAGES && bytes <= BATCH_BYTES - batch->used &&
		strcmp(rd_kafka_topic_name(batch->topic), topic) == 0;
}

/* An empty batch for this topic. */
static CdcStatus
begin_batch(CdcKafka *kafka, const char *topic, CdcError *err)
{
	CdcKafkaBatch *batch = kafka->batch;

	if (batch == NULL)
		batch = kafka->batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
	if (batch->topic != NULL && strcmp(rd_kafka_topic_name(batch->topic), topic) == 0)
		return CDC_OK;
	if (batch->topic != NULL)
		rd_kafka_topic_destroy(batch->topic);
	batch->topic = rd_kafka_topic_new(kafka->rk, topic, NULL);
	if (batch->topic == NULL)
		return cdc_kafka_error(err, rd_kafka_last_error(), NULL, "could not use topic \"%s\"", topic);
	return CDC_OK;
}

static void *
batch_copy(CdcKafkaBatch *batch, const char *data, size_t len)
{
	char	   *to = batch->bytes + batch->used;

	if (data == NULL)
		return NULL;
	memcpy(to, data, len);
	batch->used += len;
	return to;
}

void
cdc_kafka_batch_free(CdcKafkaBatch *batch)
{
	if (batch == NULL)
		return;
	if (batch->topic != NULL)
		rd_kafka_topic_destroy(batch->topic);
	free(batch);
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

/* One that a batch cannot hold; as push_batch(). */
static CdcStatus
produce_single(CdcKafka *kafka, const CdcOutMessage *m, uint64_t tag, CdcError *err)
{
	rd_kafka_headers_t *list = m->nheaders > 0 ? make_headers(m->headers, m->nheaders) : NULL;
	CdcStatus	st = CDC_OK;

	do
	{
		rd_kafka_resp_err_t code;

		/* an empty value or key is not NULL; a header list of NULL is passed as none */
		code = rd_kafka_producev(kafka->rk, RD_KAFKA_V_TOPIC(m->topic),
								 RD_KAFKA_V_PARTITION(m->partition),
								 RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
								 RD_KAFKA_V_KEY(m->key, m->key_len),
								 RD_KAFKA_V_VALUE((void *) m->value, m->value_len),
								 RD_KAFKA_V_TIMESTAMP(m->ts_ms < 0 ? 0 : m->ts_ms),
								 RD_KAFKA_V_OPAQUE((void *) (uintptr_t) tag),
								 RD_KAFKA_V_HEADERS(list), RD_KAFKA_V_END);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			count_produced(kafka, m->key_len + m->value_len);
			return CDC_OK;
		}
		st = code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? make_room(kafka, err) :
			not_produced(kafka, code, m->topic, m->key_len + m->value_len, tag, err);
	} while (st == CDC_OK);

	/* librdkafka takes the headers only with the message */
	if (list != NULL)
		rd_kafka_headers_destroy(list);
	return st;
}

CdcStatus
cdc_kafka_produce(CdcKafka *kafka, const CdcOutMessage *m, uint64_t tag, CdcError *err)
{
	/*
	 * With a partition of its own for each message rd_kafka_produce_batch() adds the
	 * partition -1 to a Kafka transaction, where the topic is not known yet.
	 */
	bool		single = m->nheaders > 0 || m->ts_ms >= 0 || m->partition >= 0 ||
		m->key_len > BATCH_BYTES || m->value_len > BATCH_BYTES - m->key_len;
	CdcKafkaBatch *batch = kafka->batch;
	rd_kafka_message_t *place;

	if (single || batch == NULL || !batch_takes(batch, m->topic, m->key_len + m->value_len))
	{
		CdcStatus	st = push_batch(kafka, err);

		if (st == CDC_OK)
			st = single ? produce_single(kafka, m, tag, err) : begin_batch(kafka, m->topic, err);
		if (single || st != CDC_OK)
			return st;
		batch = kafka->batch;
	}
	place = &batch->messages[batch->n++];
	memset(place, 0, sizeof(*place));
	batch->keys |= m->key_len > 0;
	place->key = batch_copy(batch, m->key, m->key_len);
	place->key_len = m->key_len;
	place->payload = batch_copy(batch, m->value, m->value_len);
	place->len = m->value_len;
	place->_private = (void *) (uintptr_t) tag;
	return CDC_OK;
}

void
cdc_kafka_producer_partitions(CdcKafka *kafka, int n)
{
	kafka->partitions = (uint64_t) n;
}

CdcStatus
cdc_kafka_flush_poll(CdcKafka *kafka, CdcError *err)
{
	CdcStatus	st;
	uint64_t	left;
	uint64_t	failed;

	st = push_batch(kafka, err);
	if (st != CDC_OK)
		return st;
	if (may_linger(kafka))
	{
		cdc_kafka_clear(kafka);
		(void) rd_kafka_flush(kafka->rk, FLUSH_MS);
		(void) cdc_kafka_serve(kafka);
	}
	else
		(void) hear(kafka);

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
	{
		/* many small transactions are not to fill one partition after the other */
		next_turn(kafka);
		return CDC_OK;
	}
	return cdc_kafka_is_refused(kafka, err) ? err->status : CDC_MORE;
}

CdcStatus
cdc_kafka_producer_poll(CdcKafka *kafka, CdcError *err)
{
	(void) hear(kafka);
	return cdc_kafka_is_refused(kafka, err) ? err->status : CDC_OK;
}

const CdcKafkaDelivery *
cdc_kafka_delivery(const CdcKafka *kafka)
{
	return &kafka->delivery;
}
