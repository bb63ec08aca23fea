/*-------------------------------------------------------------------------
 *
 * source/kafka_reader.c
 *	  Messages of assigned partitions, without waiting.
 *
 * The partitions are fetched into one queue by librdkafka's broker threads.
 * The queue is emptied in batches with a callback, which takes its lock once a
 * batch, where rd_kafka_consume_batch_queue() takes it once a message; what the
 * callback is given is copied, as librdkafka frees it afterwards.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/kafka_reader_internal.h"
#include "source/thread.h"

/* A batch ends after so many messages or bytes. */
#define BATCH_MESSAGES	4096
#define BATCH_BYTES		(1024 * 1024)

/*
 * Life
 */

CdcKafkaReader *
cdc_kafka_reader_open(CdcKafka *kafka, bool headers)
{
	static const uint64_t one = 1;
	CdcKafkaReader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
		return NULL;
	reader->items = malloc(BATCH_MESSAGES * sizeof(Item));
	if (reader->items == NULL)
	{
		free(reader);
		return NULL;
	}
	cdc_kafka_reader_close(kafka->reader);
	reader->kafka = kafka;
	reader->wants_headers = headers;
	reader->queue = rd_kafka_queue_new(kafka->rk);
	rd_kafka_queue_io_event_enable(reader->queue, kafka->fd, &one, sizeof(one));
	cdc_kafka_fetch_limits(reader);
	kafka->reader = reader;
	return reader;
}

CdcKafkaReader *
cdc_kafka_reader(const CdcKafka *kafka)
{
	return kafka->reader;
}

const CdcKafkaStats *
cdc_kafka_reader_stats(const CdcKafkaReader *reader)
{
	return &reader->stats;
}

/*
 * A batch
 */

static Partition *
partition_of(CdcKafkaReader *reader, const rd_kafka_message_t *msg)
{
	Topic	   *topic = reader->last_topic;

	if (msg->rkt == NULL)
		return NULL;
	if (topic == NULL || topic->rkt != msg->rkt)
	{
		for (topic = reader->topics; topic != NULL && topic->rkt != msg->rkt; topic = topic->next)
			;
		if (topic == NULL)
			topic = cdc_kafka_reader_topic(reader, rd_kafka_topic_name(msg->rkt));
		reader->last_topic = topic;
	}
	if (topic == NULL || msg->partition < 0 || msg->partition >= topic->npartitions)
		return NULL;
	return topic->partitions[msg->partition];
}

/* Room for len bytes more, or NULL. */
static char *
reserve(CdcKafkaReader *reader, size_t len)
{
	if (reader->bytes == NULL || reader->nbytes + len > reader->bytes_size)
	{
		size_t		size = reader->bytes_size > 0 ? reader->bytes_size * 2 : BATCH_BYTES / 4;
		char	   *bigger;

		while (size < reader->nbytes + len)
			size *= 2;
		bigger = realloc(reader->bytes, size);
		if (bigger == NULL)
		{
			reader->no_memory = true;
			return NULL;
		}
		reader->bytes = bigger;
		reader->bytes_size = size;
	}
	return reader->bytes + reader->nbytes;
}

static bool
copy_bytes(CdcKafkaReader *reader, const void *data, size_t len)
{
	char	   *to = reserve(reader, len);

	if (to == NULL)
		return false;
	if (len > 0)
		memcpy(to, data, len);
	reader->nbytes += len;
	return true;
}

/* Until a message is given out its headers' pointers are offsets + 1; 0 is NULL. */
static bool
copy_headers(CdcKafkaReader *reader, const rd_kafka_message_t *msg, Item *item)
{
	rd_kafka_headers_t *list;
	const char *name;
	const void *value;
	size_t		len;
	size_t		i;

	if (rd_kafka_message_headers(msg, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	item->headers = reader->nheaders;
	for (i = 0; rd_kafka_header_get_all(list, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
	{
		CdcKafkaHeader *header;

		if (reader->nheaders == reader->headers_size)
		{
			size_t		size = reader->headers_size > 0 ? reader->headers_size * 2 : 64;
			CdcKafkaHeader *bigger = realloc(reader->headers, size * sizeof(*bigger));

			if (bigger == NULL)
			{
				reader->no_memory = true;
				return false;
			}
			reader->headers = bigger;
			reader->headers_size = size;
		}
		header = &reader->headers[reader->nheaders];
		header->name = (const char *) (reader->nbytes + 1);
		if (!copy_bytes(reader, name, strlen(name) + 1))
			return false;
		header->value = value != NULL ? (const char *) (reader->nbytes + 1) : NULL;
		header->len = value != NULL ? len : 0;
		if (!copy_bytes(reader, value, header->len))
			return false;
		reader->nheaders++;
		item->nheaders++;
	}
	return true;
}

static CdcKafkaTimestamp
timestamp_type(rd_kafka_timestamp_type_t type)
{
	switch (type)
	{
		case RD_KAFKA_TIMESTAMP_CREATE_TIME:
			return CDC_KAFKA_TS_CREATE;
		case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME:
			return CDC_KAFKA_TS_APPEND;
		case RD_KAFKA_TIMESTAMP_NOT_AVAILABLE:
			break;
	}
	return CDC_KAFKA_TS_NONE;
}

static bool
copy_message(CdcKafkaReader *reader, const rd_kafka_message_t *msg, Item *item)
{
	rd_kafka_timestamp_type_t type;

	item->ts_ms = rd_kafka_message_timestamp(msg, &type);
	item->ts_type = timestamp_type(type);
	item->has_key = msg->key != NULL;
	item->has_value = msg->payload != NULL;
	item->key_len = item->has_key ? msg->key_len : 0;
	item->value_len = item->has_value ? msg->len : 0;
	return copy_bytes(reader, msg->key, item->key_len) &&
		copy_bytes(reader, msg->payload, item->value_len) &&
		(!reader->wants_headers || copy_headers(reader, msg, item));
}

/* An entry of the queue; called in the user's thread. */
static void
consume(rd_kafka_message_t *msg, void *opaque)
{
	CdcKafkaReader *reader = opaque;
	Partition  *partition = partition_of(reader, msg);
	Item	   *item = &reader->items[reader->nitems];
	bool		ok;

	if (partition != NULL && !partition->active)
		return;
	memset(item, 0, sizeof(*item));
	item->partition = partition;
	item->generation = partition != NULL ? partition->generation : 0;
	item->code = msg->err;
	item->offset = msg->offset;
	item->data = reader->nbytes;
	if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		ok = copy_message(reader, msg, item);
	else
	{
		const char *text = rd_kafka_message_errstr(msg);

		ok = copy_bytes(reader, text, strlen(text) + 1);
	}
	if (ok)
		reader->nitems++;
	if (!ok || reader->nitems == BATCH_MESSAGES || reader->nbytes >= BATCH_BYTES)
		rd_kafka_yield(reader->kafka->rk);
}

static void
next_batch(CdcKafkaReader *reader)
{
	size_t		before = rd_kafka_queue_length(reader->queue);

	/* what a huge message took is given back */
	if (reader->bytes_size > 4 * BATCH_BYTES)
	{
		free(reader->bytes);
		reader->bytes = NULL;
		reader->bytes_size = 0;
	}
	reader->nitems = 0;
	reader->at = 0;
	reader->nbytes = 0;
	reader->nheaders = 0;
	cdc_kafka_clear(reader->kafka);
	(void) cdc_kafka_serve(reader->kafka);
	(void) rd_kafka_consume_callback_queue(reader->queue, 0, consume, reader);
	reader->stats.polls++;
	cdc_kafka_keep_fetching(reader, before);
}

/*
 * Giving out
 */

static void
set_at_end(CdcKafkaReader *reader, Partition *partition, bool at_end)
{
	if (partition->at_end != at_end)
		reader->running += at_end ? -1 : 1;
	partition->at_end = at_end;
}

static void
give_message(CdcKafkaReader *reader, const Item *item, CdcKafkaMessage *msg)
{
	int			i;

	msg->offset = item->offset;
	msg->ts_ms = item->ts_ms;
	msg->ts_type = item->ts_type;
	msg->key = item->has_key ? reader->bytes + item->data : NULL;
	msg->key_len = item->key_len;
	msg->value = item->has_value ? reader->bytes + item->data + item->key_len : NULL;
	msg->value_len = item->value_len;
	msg->nheaders = item->nheaders;
	msg->headers = item->nheaders > 0 ? reader->headers + item->headers : NULL;
	for (i = 0; i < item->nheaders; i++)
	{
		CdcKafkaHeader *header = &reader->headers[item->headers + i];

		header->name = reader->bytes + ((size_t) header->name - 1);
		if (header->value != NULL)
			header->value = reader->bytes + ((size_t) header->value - 1);
	}
	reader->stats.messages++;
	reader->stats.bytes += item->key_len + item->value_len;
}

static CdcStatus
give_error(CdcKafkaReader *reader, const Item *item, CdcError *err)
{
	const char *text = reader->bytes + item->data;
	Partition  *partition = item->partition;
	CdcStatus	st;

	if (partition == NULL)
		return cdc_kafka_error(err, item->code, text, "could not read from Kafka");
	if (cdc_kafka_error_status(item->code) == CDC_ERR_PURGED)
	{
		st = cdc_kafka_error(err, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, NULL,
							 "could not read offset %lld of partition %d of topic \"%s\"",
							 (long long) partition->next_offset, partition->id, partition->topic->name);
		return st;
	}
	st = cdc_kafka_error(err, item->code, text,
						 "could not read partition %d of topic \"%s\" at offset %lld",
						 partition->id, partition->topic->name, (long long) partition->next_offset);
	if (item->code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
	{
		/* the meaning of the code has a producer's */
		err->hint[0] = '\0';
		cdc_error_hint(err, "Raise the option receive_message_max_bytes of the server or table.");
	}
	return st;
}

/* CDC_MORE: the item is of no interest. */
static CdcStatus
give(CdcKafkaReader *reader, const Item *item, CdcKafkaMessage *msg, CdcError *err)
{
	Partition  *partition = item->partition;

	if (partition == NULL)
	{
		if (cdc_kafka_error_passes(item->code))
			return CDC_MORE;
		return give_error(reader, item, err);
	}
	if (!partition->active || item->generation != partition->generation)
		return CDC_MORE;
	msg->topic = partition->topic->name;
	msg->partition = partition->id;
	msg->tag = partition->tag;
	if (item->code == RD_KAFKA_RESP_ERR__PARTITION_EOF)
	{
		set_at_end(reader, partition, true);
		if (item->offset > partition->next_offset)
			partition->next_offset = item->offset;
		msg->offset = partition->next_offset;
		return CDC_END;
	}
	if (item->code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (cdc_kafka_error_passes(item->code))
			return CDC_MORE;	/* librdkafka tries again */
		return give_error(reader, item, err);
	}
	if (item->offset < partition->next_offset)
		return CDC_MORE;		/* had already */
	set_at_end(reader, partition, false);
	partition->next_offset = item->offset + 1;
	give_message(reader, item, msg);
	return CDC_OK;
}

/* Nothing is here: whether to wait on. */
static CdcStatus
nothing(CdcKafkaReader *reader, CdcError *err)
{
	CdcKafka   *kafka = reader->kafka;
	int64_t		now = cdc_now_ms();

	if (cdc_kafka_is_refused(kafka, err))
		return err->status;
	if (reader->running == 0)
	{
		reader->waiting_since_ms = 0;
		return CDC_MORE;
	}
	if (reader->waiting_since_ms == 0)
		reader->waiting_since_ms = now;
	if (now - reader->waiting_since_ms < kafka->request_timeout_ms)
		return CDC_MORE;
	cdc_error(err, CDC_ERR_CONNECT, "the Kafka cluster has sent nothing for %d ms, with %d partitions not read to their end",
			  kafka->request_timeout_ms, reader->running);
	cdc_kafka_error_trouble(kafka, err);
	cdc_error_hint(err, "See the brokers' logs, or raise the option request_timeout.");
	return CDC_ERR_CONNECT;
}

CdcStatus
cdc_kafka_reader_poll(CdcKafkaReader *reader, CdcKafkaMessage *msg, CdcError *err)
{
	bool		fetched = false;

	for (;;)
	{
		while (reader->at < reader->nitems)
		{
			CdcStatus	st = give(reader, &reader->items[reader->at++], msg, err);

			if (st == CDC_MORE)
				continue;
			if (reader->waiting_since_ms != 0 || !atomic_load(&reader->kafka->connected))
				cdc_kafka_heard(reader->kafka);
			reader->waiting_since_ms = 0;
			return st;
		}
		/* a message that was not copied is lost to the reader: nothing may follow it */
		if (reader->no_memory)
			return cdc_error(err, CDC_ERR_NOMEM, "out of memory");
		if (fetched && reader->nitems == 0)
			return nothing(reader, err);
		next_batch(reader);
		fetched = true;
	}
}
