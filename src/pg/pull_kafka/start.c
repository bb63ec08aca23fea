/*-------------------------------------------------------------------------
 *
 * start.c
 *	  What a subscription from Kafka begins with: its topics, its format, and a place in
 *	  each partition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "miscadmin.h"

#include "pg/remote/topic_pattern.h"

void
cdc_kafka_check_arguments(const CdcSubscription *sub)
{
	CdcMessageFormat format;

	if (sub->ntopics == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a subscription from Kafka needs topics"),
				 errhint("For all whose names begin with shop: topics := '{shop.*}'.")));
	cdc_topic_patterns_check(sub->topics, sub->ntopics);
	if (!cdc_format_by_name(sub->format, &format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\"", sub->format),
				 errhint("Valid formats are: auto, maxwell, debezium, debezium_flat, goldengate, canal, quix, json, raw, avro, protobuf.")));
}

void *
cdc_kafka_subscribe_prepare(const CdcSubscription *sub)
{
	CdcKafkaSource *source = cdc_kafka_subscription_source(sub, false);
	CdcKafkaPlace **places;
	List	   *result = NIL;
	int			n;
	int			i;

	places = cdc_kafka_wanted_places(sub, source, &n);
	cdc_kafka_check_names(sub, source, places, n);
	cdc_kafka_resolve(sub, source, sub->start_position, places, n);
	cdc_kafka_source_close(source);
	for (i = 0; i < n; i++)
		result = lappend(result, places[i]);
	return result;
}

void
cdc_kafka_subscribe(const CdcSubscription *sub, void *prepared)
{
	ListCell   *lc;

	foreach(lc, (List *) prepared)
		cdc_kafka_place_write(sub, lfirst(lc));
}
