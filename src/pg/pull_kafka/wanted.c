/*-------------------------------------------------------------------------
 *
 * wanted.c
 *	  The partitions that a subscription wants, as places.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "pg/remote/topic_pattern.h"

CdcKafkaPlace *
cdc_kafka_find_place(CdcKafkaPlace **places, int n, const char *topic, int32 partition)
{
	int			i;

	for (i = 0; i < n; i++)
		if (places[i]->partition == partition && strcmp(places[i]->topic, topic) == 0)
			return places[i];
	return NULL;
}

CdcKafkaPlace **
cdc_kafka_wanted_places(const CdcSubscription *sub, CdcKafkaSource *source, int *n)
{
	List	   *topics = cdc_kafka_wanted_topics(source, sub);
	CdcKafkaPlace **places;
	ListCell   *lc;
	int			i;

	*n = 0;
	foreach(lc, topics)
		*n += ((const CdcKafkaTopic *) lfirst(lc))->npartitions;
	places = palloc(sizeof(CdcKafkaPlace *) * Max(*n, 1));
	*n = 0;
	foreach(lc, topics)
	{
		const CdcKafkaTopic *topic = lfirst(lc);

		for (i = 0; i < topic->npartitions; i++)
		{
			CdcKafkaPlace *place = palloc0(sizeof(CdcKafkaPlace));

			strlcpy(place->topic, topic->name, sizeof(place->topic));
			place->partition = i;
			place->next_offset = CDC_OFFSET_BEGINNING;
			place->last.offset = place->last.ms = CDC_OFFSET_UNKNOWN;
			places[(*n)++] = place;
		}
	}
	cdc_kafka_ask_watermarks(source, places, *n);
	return places;
}

void
cdc_kafka_check_names(const CdcSubscription *sub, CdcKafkaPlace **places, int n)
{
	int			i;

	for (i = 0; i < sub->ntopics; i++)
	{
		if (cdc_topic_pattern_is_name(sub->topics[i]) &&
			cdc_kafka_find_place(places, n, sub->topics[i], 0) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("server \"%s\" has no topic \"%s\"", sub->server, sub->topics[i]),
					 errhint("Check its spelling, letter case too, and that the user of the mapping may describe it.  A pattern such as %s* also takes topics that come later.",
							 sub->topics[i])));
	}
	if (n == 0)
		ereport(NOTICE,
				(errmsg("no topic of server \"%s\" matches yet", sub->server),
				 errdetail("Topics that match are read from their beginning when they appear.")));
}
