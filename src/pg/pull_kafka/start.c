/*-------------------------------------------------------------------------
 *
 * start.c
 *	  What a subscription from Kafka begins with: its topics, its format, and a place in
 *	  each partition.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/registry/codec.h"
#include "pg/registry/registry.h"
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

/* Whether keys or values are to be decoded. */
static bool
wants_decoding(const CdcPayloadOptions *payload)
{
	return payload->value_format != CDC_PAYLOAD_PLAIN || payload->key_format != CDC_PAYLOAD_PLAIN ||
		(payload->value_schema != NULL && payload->value_schema[0] != '\0') ||
		(payload->key_schema != NULL && payload->key_schema[0] != '\0');
}

/* ERROR where messages could not be decoded as the options say, whatever is in them. */
static void
check_decoding(const CdcSubscription *sub)
{
	CdcMessageFormat format;
	MemoryContext work;

	if (!wants_decoding(&sub->opt.payload))
		return;
	if (cdc_format_by_name(sub->format, &format) && !cdc_format_is_json(format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("messages of subscription \"%s\" are not decoded, but kept as bytes", sub->name),
				 errdetail("Its format is \"%s\".", sub->format),
				 errhint("Leave out value_format and key_format, or choose the format of what is encoded: debezium, debezium_flat, maxwell, json or auto.")));
	cdc_codec_check(&sub->opt.payload);
	if (!cdc_codec_wants_registry(&sub->opt.payload))
		return;
	/* the server has to have one */
	work = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest schema registry", ALLOCSET_SMALL_SIZES);
	(void) cdc_registry_open(work, GetForeignServerByName(sub->server, false)->serverid, sub->owner_oid);
	MemoryContextDelete(work);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
cdc_kafka_check_options(const CdcSubscription *sub, const CdcSubscription *former)
{
	const CdcPayloadOptions *now = &sub->opt.payload;
	const CdcPayloadOptions *then = &former->opt.payload;

	/* what was checked need not be possible any more for something else to be altered */
	if (strcmp(sub->format, former->format) == 0 && now->value_format == then->value_format &&
		now->key_format == then->key_format && same_text(now->value_schema, then->value_schema) &&
		same_text(now->key_schema, then->key_schema))
		return;
	check_decoding(sub);
}

void *
cdc_kafka_subscribe_prepare(const CdcSubscription *sub)
{
	CdcKafkaSource *source;
	CdcKafkaPlace **places;
	List	   *result = NIL;
	int			n;
	int			i;

	check_decoding(sub);
	source = cdc_kafka_subscription_source(sub, false);
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
