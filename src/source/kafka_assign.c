/*-------------------------------------------------------------------------
 *
 * source/kafka_assign.c
 *	  The partitions that a reader reads: assigned, taken away, given back at
 *	  the end of the reader.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "source/kafka_reader_internal.h"

Topic *
cdc_kafka_reader_topic(CdcKafkaReader *reader, const char *name)
{
	Topic	   *topic;

	for (topic = reader->topics; topic != NULL; topic = topic->next)
	{
		if (strcmp(topic->name, name) == 0)
			return topic;
	}
	return NULL;
}

static Topic *
add_topic(CdcKafkaReader *reader, const char *name, CdcError *err)
{
	Topic	   *topic = calloc(1, sizeof(*topic));

	if (topic == NULL)
	{
		cdc_error(err, CDC_ERR_NOMEM, "out of memory");
		return NULL;
	}
	topic->rkt = rd_kafka_topic_new(reader->kafka->rk, name, NULL);
	if (topic->rkt == NULL)
	{
		free(topic);
		cdc_kafka_error(err, rd_kafka_last_error(), NULL, "could not read topic \"%s\"", name);
		return NULL;
	}
	topic->name = rd_kafka_topic_name(topic->rkt);
	topic->next = reader->topics;
	reader->topics = topic;
	return topic;
}

static Partition *
add_partition(Topic *topic, int32_t id, CdcError *err)
{
	if (id >= topic->npartitions)
	{
		Partition **bigger = realloc(topic->partitions, (id + 1) * sizeof(Partition *));

		if (bigger == NULL)
		{
			cdc_error(err, CDC_ERR_NOMEM, "out of memory");
			return NULL;
		}
		memset(bigger + topic->npartitions, 0, (id + 1 - topic->npartitions) * sizeof(Partition *));
		topic->partitions = bigger;
		topic->npartitions = id + 1;
	}
	if (topic->partitions[id] == NULL)
	{
		topic->partitions[id] = calloc(1, sizeof(Partition));
		if (topic->partitions[id] == NULL)
		{
			cdc_error(err, CDC_ERR_NOMEM, "out of memory");
			return NULL;
		}
		topic->partitions[id]->topic = topic;
		topic->partitions[id]->id = id;
	}
	return topic->partitions[id];
}

static void
stop_partition(CdcKafkaReader *reader, Partition *partition)
{
	if (!partition->active)
		return;
	partition->active = false;
	if (!partition->at_end)
		reader->running--;
	(void) rd_kafka_consume_stop(partition->topic->rkt, partition->id);
}

CdcStatus
cdc_kafka_reader_assign(CdcKafkaReader *reader, const char *topic_name, int32_t id,
						int64_t offset, int tag, CdcError *err)
{
	Topic	   *topic = cdc_kafka_reader_topic(reader, topic_name);
	Partition  *partition;

	if (id < 0 || offset < 0)
		return cdc_error(err, CDC_ERR_VALUE, "topic \"%s\" cannot have partition %d or offset %lld",
						 topic_name, id, (long long) offset);
	if (topic == NULL && (topic = add_topic(reader, topic_name, err)) == NULL)
		return err->status;
	if ((partition = add_partition(topic, id, err)) == NULL)
		return err->status;
	stop_partition(reader, partition);
	if (rd_kafka_consume_start_queue(topic->rkt, id, offset, reader->queue) != 0)
		return cdc_kafka_error(err, rd_kafka_last_error(), NULL,
							   "could not read partition %d of topic \"%s\"", id, topic_name);
	partition->tag = tag;
	partition->active = true;
	partition->at_end = false;
	partition->generation++;
	partition->next_offset = offset;
	reader->running++;
	reader->waiting_since_ms = 0;
	return CDC_OK;
}

void
cdc_kafka_reader_unassign(CdcKafkaReader *reader, const char *topic_name, int32_t id)
{
	Topic	   *topic = cdc_kafka_reader_topic(reader, topic_name);

	if (topic != NULL && id >= 0 && id < topic->npartitions && topic->partitions[id] != NULL)
		stop_partition(reader, topic->partitions[id]);
}

void
cdc_kafka_reader_close(CdcKafkaReader *reader)
{
	Topic	   *topic;
	int32_t		i;

	if (reader == NULL)
		return;
	reader->kafka->reader = NULL;
	for (topic = reader->topics; topic != NULL; topic = topic->next)
	{
		for (i = 0; i < topic->npartitions; i++)
		{
			if (topic->partitions[i] != NULL)
				stop_partition(reader, topic->partitions[i]);
		}
	}
	rd_kafka_queue_io_event_enable(reader->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(reader->queue);
	while ((topic = reader->topics) != NULL)
	{
		reader->topics = topic->next;
		for (i = 0; i < topic->npartitions; i++)
			free(topic->partitions[i]);
		free(topic->partitions);
		rd_kafka_topic_destroy(topic->rkt);
		free(topic);
	}
	free(reader->items);
	free(reader->bytes);
	free(reader->headers);
	free(reader);
}
