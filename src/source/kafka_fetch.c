/*-------------------------------------------------------------------------
 *
 * source/kafka_fetch.c
 *	  Keeps librdkafka fetching.
 *
 * Before 2.2 a broker's thread that finds the queue full sleeps for up to a
 * second, whatever the queue does meanwhile; for messages that are small or
 * read slowly this would be most of the time.  What wakes it is a request to its
 * broker: when the queue gets emptier after it was full, the partitions' ends
 * are asked for, and the answer is not used.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>

#include "source/kafka_reader_internal.h"

#if CDC_KAFKA_FETCH_GOES_ON

void
cdc_kafka_fetch_limits(CdcKafkaReader *reader)
{
	(void) reader;
}

void
cdc_kafka_keep_fetching(CdcKafkaReader *reader, size_t before)
{
	(void) reader;
	(void) before;
}

#else

/* The property's value as librdkafka has it. */
static uint64_t
number_property(CdcKafka *kafka, const char *name)
{
	char		text[32];
	size_t		size = sizeof(text);

	if (rd_kafka_conf_get(rd_kafka_conf(kafka->rk), name, text, &size) != RD_KAFKA_CONF_OK)
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

void
cdc_kafka_fetch_limits(CdcKafkaReader *reader)
{
	reader->queue_messages = number_property(reader->kafka, "queued.min.messages");
	reader->queue_bytes = number_property(reader->kafka, "queued.max.messages.kbytes") * 1024;
}

#define NUDGE_TIMEOUT_MS	50

typedef struct Nudge
{
	CdcKafka   *kafka;
	rd_kafka_topic_partition_list_t *list;
} Nudge;

static void *
nudge_main(void *arg)
{
	Nudge	   *nudge = arg;
	CdcKafka   *kafka = nudge->kafka;

	(void) rd_kafka_offsets_for_times(kafka->rk, nudge->list, NUDGE_TIMEOUT_MS);
	rd_kafka_topic_partition_list_destroy(nudge->list);
	free(nudge);
	if (cdc_kafka_leave(kafka))
		cdc_kafka_take_down(kafka);
	cdc_kafka_thread_ends();
	return NULL;
}

static void
wake_fetchers(CdcKafkaReader *reader)
{
	Nudge	   *nudge = malloc(sizeof(*nudge));
	Topic	   *topic;
	int32_t		i;

	if (nudge == NULL)
		return;					/* it goes on by itself, only later */
	nudge->kafka = reader->kafka;
	nudge->list = rd_kafka_topic_partition_list_new(reader->running);
	for (topic = reader->topics; topic != NULL; topic = topic->next)
	{
		for (i = 0; i < topic->npartitions; i++)
		{
			if (topic->partitions[i] != NULL && topic->partitions[i]->active)
				rd_kafka_topic_partition_list_add(nudge->list, topic->name, i)->offset = RD_KAFKA_OFFSET_END;
		}
	}
	cdc_kafka_join(reader->kafka);
	if (nudge->list->cnt > 0 && cdc_kafka_start_thread(nudge_main, nudge))
		return;
	(void) cdc_kafka_leave(reader->kafka);
	rd_kafka_topic_partition_list_destroy(nudge->list);
	free(nudge);
}

/* The queue's bytes are not told: they are taken to be like those read so far. */
void
cdc_kafka_keep_fetching(CdcKafkaReader *reader, size_t before)
{
	uint64_t	left = rd_kafka_queue_length(reader->queue);
	uint64_t	seen = left + reader->nitems;
	uint64_t	average = reader->nitems > 0 ? reader->nbytes / reader->nitems : 0;

	if (reader->running == 0)
		return;
	if (seen < before)
		seen = before;
	/* three quarters, as this is an estimate */
	if (seen >= reader->queue_messages / 4 * 3 || seen * average >= reader->queue_bytes / 4 * 3)
		reader->was_full = true;
	if (reader->was_full && left < reader->queue_messages / 2 && left * average < reader->queue_bytes / 2)
	{
		reader->was_full = false;
		wake_fetchers(reader);
	}
}

#endif
