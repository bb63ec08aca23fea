/*-------------------------------------------------------------------------
 *
 * goal.c
 *	  What cdc.wait_for() waits for at Kafka: offsets of partitions.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "utils/builtins.h"

#include "pg/remote/topic_pattern.h"

/* Offsets of partitions. */
typedef struct KafkaGoal
{
	int			n;
	CdcPartitionOffset *offsets;	/* next_offset must be at least this */
} KafkaGoal;

void *
cdc_kafka_goal(const CdcSubscription *sub, const char *text)
{
	KafkaGoal  *goal = palloc0(sizeof(KafkaGoal));
	int			i = 0;

	if (text != NULL)
	{
		List	   *offsets = cdc_kafka_parse_offsets(text);
		ListCell   *lc;

		if (offsets == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid position in Kafka: \"%s\"", text),
					 errhint("Give messages as topic/partition@offset, several separated by commas; null is all that the partitions have now.")));
		goal->offsets = palloc(sizeof(CdcPartitionOffset) * list_length(offsets));
		foreach(lc, offsets)
		{
			goal->offsets[i] = *(CdcPartitionOffset *) lfirst(lc);
			if (!cdc_topic_wanted(sub->topics, sub->ntopics, goal->offsets[i].topic))
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_OBJECT),
						 errmsg("subscription \"%s\" has no topic \"%s\"", sub->name,
								goal->offsets[i].topic),
						 errhint("SELECT topic, \"partition\", position FROM cdc.stat_kafka_partition WHERE subscription = %s lists them.",
								 quote_literal_cstr(sub->name))));
			goal->offsets[i++].offset++;	/* the message itself, too */
		}
		goal->n = i;
	}
	else
	{
		CdcKafkaSource *source = cdc_kafka_subscription_source(sub, false);
		CdcKafkaPlace **places = cdc_kafka_wanted_places(sub, source, &goal->n);

		cdc_kafka_source_close(source);
		goal->offsets = palloc0(sizeof(CdcPartitionOffset) * Max(goal->n, 1));
		for (i = 0; i < goal->n; i++)
		{
			strlcpy(goal->offsets[i].topic, places[i]->topic, CDC_TOPIC_NAME);
			goal->offsets[i].partition = places[i]->partition;
			goal->offsets[i].offset = places[i]->high;
		}
	}
	return goal;
}

bool
cdc_kafka_goal_pulled(void *arg, const CdcSubscription *sub, const CdcPosition *pos)
{
	const KafkaGoal *goal = arg;
	CdcKafkaPlace *rows;
	CdcKafkaPlace **places;
	int			n;
	int			i;

	rows = cdc_kafka_places_read(sub, &n);
	places = palloc(sizeof(CdcKafkaPlace *) * Max(n, 1));
	for (i = 0; i < n; i++)
		places[i] = &rows[i];
	for (i = 0; i < goal->n; i++)
	{
		const CdcPartitionOffset *o = &goal->offsets[i];
		const CdcKafkaPlace *place = cdc_kafka_find_place(places, n, o->topic, o->partition);
		int64		at = place == NULL || place->next_offset < 0 ? 0 : place->next_offset;

		if (at < o->offset)
			return false;
	}
	return true;
}

bool
cdc_kafka_goal_has(const void *arg, const char *gtid, const char *position)
{
	const KafkaGoal *goal = arg;
	const char *at = position != NULL ? strrchr(position, '@') : NULL;
	const char *slash = at;
	int			i;

	while (slash != NULL && slash > position && *slash != '/')
		slash--;
	if (slash == NULL || *slash != '/')
		return false;
	for (i = 0; i < goal->n; i++)
	{
		const CdcPartitionOffset *o = &goal->offsets[i];
		size_t		len = strlen(o->topic);

		if (len == (size_t) (slash - position) && memcmp(o->topic, position, len) == 0 &&
			o->partition == (int32) strtol(slash + 1, NULL, 10) && strtoll(at + 1, NULL, 10) < o->offset)
			return true;
	}
	return false;
}
