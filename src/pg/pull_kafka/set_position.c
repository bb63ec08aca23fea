/*-------------------------------------------------------------------------
 *
 * set_position.c
 *	  cdc.set_position() of Kafka: where the next pull reads in each partition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "lib/stringinfo.h"

#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"

void
cdc_kafka_set_position(CdcSubscription *sub, const char *where)
{
	CdcKafkaSource *source = cdc_kafka_subscription_source(sub, false);
	CdcKafkaPlace *rows;
	CdcKafkaPlace **places;
	StringInfoData before;
	StringInfoData after;
	int			n;
	int			i;

	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	rows = cdc_kafka_places_read(sub, &n);
	places = palloc(sizeof(CdcKafkaPlace *) * Max(n, 1));
	for (i = 0; i < n; i++)
		places[i] = &rows[i];
	cdc_kafka_ask_watermarks(source, places, n);
	for (i = 0; i < n; i++)
		rows[i].changed = false;
	initStringInfo(&before);
	initStringInfo(&after);
	for (i = 0; i < n; i++)
		rows[i].read_offset = rows[i].next_offset;	/* as it was */
	cdc_kafka_resolve(sub, source, where, places, n);
	cdc_kafka_source_close(source);
	for (i = 0; i < n; i++)
	{
		CdcKafkaPlace *place = &rows[i];

		if (!place->changed)
			continue;
		place->last.offset = place->last.ms = CDC_OFFSET_UNKNOWN;
		appendStringInfo(&before, "%s%s/%d@" INT64_FORMAT, before.len > 0 ? ", " : "",
						 place->topic, place->partition, Max(place->read_offset, 0));
		appendStringInfo(&after, "%s%s/%d@" INT64_FORMAT, after.len > 0 ? ", " : "",
						 place->topic, place->partition,
						 place->next_offset < 0 ? place->low : place->next_offset);
		cdc_kafka_place_write(sub, place);
	}
	cdc_kafka_new_version(sub);
	cdc_log(sub->name, "position", psprintf("position set to %s", after.data),
			psprintf("It was %s.", before.data));
	cdc_subscription_changed();
}
