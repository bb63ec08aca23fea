/*-------------------------------------------------------------------------
 *
 * check.c
 *	  Whether the partitions of a subscription still have what was read from
 *	  them and what comes next.  A gap is an error that says what is lost and
 *	  what to type; it is never jumped over.
 *
 * librdkafka 2.0 does not tell the id of a topic.  That a topic was deleted
 * and made anew shows by its end, which is before our position, or, once it
 * has grown beyond that, by the last message that was read: whenever a consumer
 * is opened, and before a message is taken that comes after a rest, that message
 * is read once more and its time and checksum are compared with those that were
 * stored with the position.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/bounded_text.h"
#include "pg/process/shmem.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"

/* Which partition is the reason of the present error; topic "": none. */
static struct
{
	int32		subscription_id;
	char		topic[CDC_TOPIC_NAME];
	int32		partition;
}			blamed;

/* The watermarks as the brokers said them last, so that the lag is right while pull fails. */
static struct
{
	int32		subscription_id;
	int			n;
	struct
	{
		char		topic[CDC_TOPIC_NAME];
		int32		partition;
		int64		low;
		int64		high;
	}		   *bounds;
}			watermarks;

void
cdc_kafka_note_watermarks(const CdcKafkaStream *stream)
{
	int			i;

	if (!cdc_am_worker())
		return;
	if (watermarks.n < stream->nplaces)
	{
		if (watermarks.bounds != NULL)
			pfree(watermarks.bounds);
		watermarks.subscription_id = watermarks.n = 0;
		watermarks.bounds = MemoryContextAlloc(TopMemoryContext,
										 sizeof(watermarks.bounds[0]) * stream->nplaces);
	}
	for (i = 0; i < stream->nplaces; i++)
	{
		memcpy(watermarks.bounds[i].topic, stream->places[i].topic,
			   sizeof(watermarks.bounds[i].topic));
		watermarks.bounds[i].partition = stream->places[i].partition;
		watermarks.bounds[i].low = stream->places[i].low;
		watermarks.bounds[i].high = stream->places[i].high;
	}
	watermarks.n = stream->nplaces;
	watermarks.subscription_id = stream->sub->id;
}

static void
store_watermarks(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_partition SET low = $4, high = $5, updated_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $2"
		" AND \"partition\" OPERATOR(pg_catalog.=) $3"
		" AND (low OPERATOR(pg_catalog.=) $4 AND high OPERATOR(pg_catalog.=) $5) IS NOT TRUE",
		5, {TEXTOID, TEXTOID, INT4OID, INT8OID, INT8OID}
	};
	CdcSpi		spi;
	Datum		values[5];
	int			i;

	if (watermarks.subscription_id != sub->id || !cdc_subscription_try_lock(sub, CDC_WRITER_PULL))
		return;
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	for (i = 0; i < watermarks.n; i++)
	{
		values[1] = CStringGetTextDatum(watermarks.bounds[i].topic);
		values[2] = Int32GetDatum(watermarks.bounds[i].partition);
		values[3] = Int64GetDatum(watermarks.bounds[i].low);
		values[4] = Int64GetDatum(watermarks.bounds[i].high);
		(void) cdc_spi_execute(&stmt, values, NULL);
	}
	cdc_spi_end(&spi);
	watermarks.subscription_id = 0;
}

void
cdc_kafka_blame(const CdcSubscription *sub, const char *topic, int32 partition)
{
	blamed.subscription_id = sub->id;
	strlcpy(blamed.topic, topic, sizeof(blamed.topic));
	blamed.partition = partition;
}

/* Writes the last error of the partition that was the reason, and the watermarks of all. */
void
cdc_kafka_failed(const CdcSubscription *sub, int sqlerrcode, const char *error)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_partition SET last_error = $2, last_sqlstate = $5,"
		" last_error_at = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND topic OPERATOR(pg_catalog.=) $3"
		" AND \"partition\" OPERATOR(pg_catalog.=) $4::pg_catalog.int4",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	store_watermarks(sub);
	if (blamed.subscription_id != sub->id)
		return;
	blamed.subscription_id = 0;
	(void) cdc_spi_run(&stmt, sub->name, cdc_bounded_text(error, CDC_TEXT_BOUND), blamed.topic,
					   psprintf("%d", blamed.partition), unpack_sql_state(sqlerrcode));
}

void
cdc_kafka_ask_watermarks(CdcKafkaSource *source, CdcKafkaPlace **places, int n)
{
	CdcKafkaBounds *bounds;
	int			i;

	if (n == 0)
		return;
	bounds = palloc0(sizeof(CdcKafkaBounds) * n);
	for (i = 0; i < n; i++)
	{
		bounds[i].topic = places[i]->topic;
		bounds[i].partition = places[i]->partition;
	}
	cdc_kafka_source_watermarks(source, bounds, n);
	for (i = 0; i < n; i++)
	{
		if (places[i]->low != bounds[i].low || places[i]->high != bounds[i].high)
			places[i]->changed = true;
		places[i]->low = bounds[i].low;
		places[i]->high = bounds[i].high;
	}
	pfree(bounds);
}

/* What to type where a position must be set by hand. */
static char *
set_position_hint(const CdcSubscription *sub, const CdcKafkaPlace *place, int64 offset)
{
	return psprintf("SELECT cdc.set_position(%s, '%s/%d@" INT64_FORMAT "')",
					quote_literal_cstr(sub->name), place->topic, place->partition, offset);
}

void
cdc_kafka_check_place(const CdcSubscription *sub, const CdcKafkaPlace *place, bool reading)
{
	int64		next = reading ? place->read_offset : place->next_offset;

	if (next == CDC_OFFSET_BEGINNING)
		return;
	cdc_kafka_blame(sub, place->topic, place->partition);
	if (next < place->low && !reading)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg_plural(INT64_FORMAT " message of %s/%d is lost for subscription \"%s\"",
							   INT64_FORMAT " messages of %s/%d are lost for subscription \"%s\"",
							   (unsigned long) (place->low - next), place->low - next, place->topic,
							   place->partition, sub->name),
				 errdetail("The broker has deleted offsets " INT64_FORMAT " to " INT64_FORMAT
						   " before they were read; the partition begins at " INT64_FORMAT " now.",
						   next, place->low - 1, place->low),
				 errhint("To go on behind the gap: %s.  To prevent it, pull more often or raise the topic's retention.ms.",
						 set_position_hint(sub, place, place->low))));
	if (next > place->high)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s/%d ends before the position of subscription \"%s\"",
						place->topic, place->partition, sub->name),
				 errdetail("The position is " INT64_FORMAT ", but the partition has offsets "
						   INT64_FORMAT " to " INT64_FORMAT ": the topic was deleted and made anew, or the broker has lost the end of its log (" INT64_FORMAT " messages).",
						   next, place->low, place->high - 1, next - place->high),
				 errhint("To read what the partition has now from its beginning: %s.  To wait for what comes next: %s.",
						 set_position_hint(sub, place, place->low),
						 set_position_hint(sub, place, place->high))));
	cdc_kafka_blame(sub, "", -1);
}

/* A word at a time: FNV-1a's idea, with the words of one message in order. */
static uint64
mix_bytes(uint64 h, const char *data, size_t len)
{
	const uint64 prime = UINT64CONST(0x9E3779B97F4A7C15);

	h = (h ^ len) * prime;
	while (len >= sizeof(uint64))
	{
		uint64		word;

		memcpy(&word, data, sizeof(word));
		h = (h ^ word) * prime;
		h ^= h >> 32;
		data += sizeof(word);
		len -= sizeof(word);
	}
	while (len-- > 0)
		h = (h ^ (uint8) *data++) * prime;
	return h;
}

uint32
cdc_kafka_message_sum(const CdcKafkaMessage *msg)
{
	uint64		h = mix_bytes(0, msg->key, msg->key != NULL ? msg->key_len : 0);

	h = mix_bytes(h, msg->value, msg->value != NULL ? msg->value_len : 0);
	return (uint32) (h >> 32);
}

bool
cdc_kafka_check_message(const CdcSubscription *sub, CdcKafkaPlace *place,
						const CdcKafkaMessage *msg, uint32 sum)
{
	place->verify = false;

	/* compaction has taken it away: what replaced it is behind it */
	if (msg->offset != place->seen.offset)
		return false;
	if (msg->ts_ms != place->seen.ms || sum != place->seen.sum)
		cdc_kafka_check_unexpected(sub, place, msg);
	return true;
}

void
cdc_kafka_check_unexpected(const CdcSubscription *sub, const CdcKafkaPlace *place,
						   const CdcKafkaMessage *msg)
{
	cdc_kafka_blame(sub, place->topic, place->partition);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("topic \"%s\" is not the one that subscription \"%s\" has read", place->topic,
					sub->name),
			 errdetail("The message at %s/%d@" INT64_FORMAT " is not what was read there: the topic was deleted and made anew.  What the former one had behind offset " INT64_FORMAT " is lost.",
					   place->topic, place->partition, msg->offset, place->next_offset - 1),
			 errhint("To read the topic as it is now from its beginning: %s, and so for its other partitions.",
					 set_position_hint(sub, place, Max(place->low, 0)))));
	pg_unreachable();
}

void
cdc_kafka_check_missing(CdcKafkaStream *stream, List *topics)
{
	int			i;

	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];
		const CdcKafkaTopic *found = NULL;
		ListCell   *lc;

		foreach(lc, topics)
		{
			const CdcKafkaTopic *topic = lfirst(lc);

			if (strcmp(topic->name, place->topic) == 0)
				found = topic;
		}
		if (found != NULL && place->partition < found->npartitions)
			continue;
		cdc_kafka_blame(stream->sub, place->topic, place->partition);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 found == NULL ?
				 errmsg("topic \"%s\" of subscription \"%s\" does not exist any more", place->topic,
						stream->sub->name) :
				 errmsg("partition %s/%d of subscription \"%s\" does not exist any more",
						place->topic, place->partition, stream->sub->name),
				 errdetail("It was read up to offset " INT64_FORMAT "; what it had behind that is lost.",
						   place->next_offset - 1),
				 errhint("To go on without it: SELECT cdc.remove_topic(%s, '%s');  To read then what a topic of that name has now, from its beginning: SELECT cdc.add_topic(%s, '%s');",
						 quote_literal_cstr(stream->sub->name), place->topic,
						 quote_literal_cstr(stream->sub->name), place->topic)));
	}
}
