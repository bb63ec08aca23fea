/*-------------------------------------------------------------------------
 *
 * start.c
 *	  Positions in Kafka as a person writes them: where a subscription starts,
 *	  where cdc.set_position() puts it, what cdc.wait_for() waits for.
 *
 *	  NULL, 'earliest'		the beginning of each partition
 *	  'latest'				its end
 *	  a time				the first message at or after it
 *	  'topic/0@12, ...'		these offsets
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/catalog/spi.h"
#include "pg/commands/subscription_internal.h"
#include "pg/remote/topic_pattern.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"

/* ---- positions ---- */

#define POSITION_HINT \
	"Use 'earliest', 'latest', a time, or a list such as 'shop.orders/0@1200, shop.orders/1@1187'."

typedef struct PartitionOffset
{
	char		topic[CDC_TOPIC_NAME];
	int32		partition;
	int64		offset;
} PartitionOffset;

static bool
is_separator(char c)
{
	return c == ',' || isspace((unsigned char) c);
}

static bool
parse_number(const char *text, const char *end, int64 max, int64 *number)
{
	*number = 0;
	if (text == end)
		return false;
	for (; text < end; text++)
	{
		if (*text < '0' || *text > '9' || *number > (max - (*text - '0')) / 10)
			return false;
		*number = *number * 10 + (*text - '0');
	}
	return true;
}

/* One "topic/partition@offset"; ERROR where it is none. */
static PartitionOffset *
parse_one(const char *text, size_t len, const char *whole)
{
	PartitionOffset *result = palloc0(sizeof(PartitionOffset));
	const char *end = text + len;
	const char *slash = memchr(text, '/', len);
	const char *at = memchr(text, '@', len);
	int64		partition;

	if (slash == NULL || at == NULL || at < slash || slash == text ||
		slash - text >= CDC_TOPIC_NAME ||
		!parse_number(slash + 1, at, PG_INT32_MAX, &partition) ||
		!parse_number(at + 1, end, PG_INT64_MAX, &result->offset))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid position in Kafka: \"%s\"", whole),
				 errdetail("\"%.*s\" is not of the form topic/partition@offset.", (int) len, text),
				 errhint(POSITION_HINT)));
	memcpy(result->topic, text, slash - text);
	result->partition = (int32) partition;
	return result;
}

/* A list of PartitionOffset; NIL when the text is nothing of that kind. */
static List *
parse_offsets(const char *text)
{
	List	   *result = NIL;
	const char *p = text;

	if (strchr(text, '@') == NULL)
		return NIL;
	for (;;)
	{
		const char *begin;

		while (*p != '\0' && is_separator(*p))
			p++;
		if (*p == '\0')
			return result;
		for (begin = p; *p != '\0' && !is_separator(*p);)
			p++;
		result = lappend(result, parse_one(begin, p - begin, text));
	}
}

/* Of the error that the text is no time: what else it could have been. */
static void
add_position_hint(void *arg)
{
	errhint(POSITION_HINT);
}

static int64
parse_time_ms(const char *text)
{
	ErrorContextCallback hint;
	TimestampTz ts;

	hint.callback = add_position_hint;
	hint.arg = NULL;
	hint.previous = error_context_stack;
	error_context_stack = &hint;
	ts = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
	error_context_stack = hint.previous;
	if (TIMESTAMP_NOT_FINITE(ts))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid position in Kafka: \"%s\"", text),
				 errhint(POSITION_HINT)));
	return (ts + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY) / 1000;
}

static CdcKafkaPlace *
find_place(CdcKafkaPlace **places, int n, const char *topic, int32 partition)
{
	int			i;

	for (i = 0; i < n; i++)
		if (places[i]->partition == partition && strcmp(places[i]->topic, topic) == 0)
			return places[i];
	return NULL;
}

static void
put_offsets(const CdcSubscription *sub, List *offsets, CdcKafkaPlace **places, int n)
{
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, offsets)
	{
		const PartitionOffset *o = lfirst(lc);
		CdcKafkaPlace *place = find_place(places, n, o->topic, o->partition);

		if (place == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("subscription \"%s\" has no partition %s/%d", sub->name, o->topic,
							o->partition)));
		if (o->offset < place->low || o->offset > place->high)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("partition %s/%d has no offset " INT64_FORMAT, o->topic, o->partition,
							o->offset),
					 errdetail("It begins at " INT64_FORMAT " and ends before " INT64_FORMAT ".",
							   place->low, place->high)));
		foreach(other, offsets)
		{
			const PartitionOffset *before = lfirst(other);

			if (before == o)
				break;
			if (before->partition == o->partition && strcmp(before->topic, o->topic) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("partition %s/%d is given twice", o->topic, o->partition)));
		}
		place->next_offset = o->offset;
		place->changed = true;
	}
}

/*
 * Sets next_offset of the places that the text means (their watermarks are
 * known) and marks them as changed; of the others nothing changes.
 */
static void
resolve(const CdcSubscription *sub, CdcKafkaSource *source, const char *text,
		CdcKafkaPlace **places, int n)
{
	bool		latest = text != NULL && pg_strcasecmp(text, "latest") == 0;
	CdcKafkaBounds *bounds;
	List	   *offsets;
	int64		ms;
	int			i;

	if (text != NULL && (offsets = parse_offsets(text)) != NIL)
	{
		put_offsets(sub, offsets, places, n);
		return;
	}
	for (i = 0; i < n; i++)
		places[i]->changed = true;
	if (text == NULL || latest || pg_strcasecmp(text, "earliest") == 0)
	{
		for (i = 0; i < n; i++)
			places[i]->next_offset = latest ? places[i]->high : CDC_OFFSET_BEGINNING;
		return;
	}
	bounds = palloc0(sizeof(CdcKafkaBounds) * Max(n, 1));
	for (i = 0; i < n; i++)
	{
		bounds[i].topic = places[i]->topic;
		bounds[i].partition = places[i]->partition;
	}
	ms = parse_time_ms(text);
	if (n > 0)
		cdc_kafka_source_offsets_at(source, bounds, n, ms);
	for (i = 0; i < n; i++)
		places[i]->next_offset = bounds[i].offset >= 0 ? bounds[i].offset : places[i]->high;
}

/* ---- create_subscription ---- */

void
cdc_pull_kafka_check_arguments(const CdcSubscription *sub)
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

/* The partitions of the topics that the subscription wants, with their watermarks. */
static CdcKafkaPlace **
wanted_places(const CdcSubscription *sub, CdcKafkaSource *source, int *n)
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

/* Topics that are named, and not there. */
static void
check_names(const CdcSubscription *sub, CdcKafkaPlace **places, int n)
{
	int			i;

	for (i = 0; i < sub->ntopics; i++)
	{
		if (cdc_topic_pattern_is_name(sub->topics[i]) &&
			find_place(places, n, sub->topics[i], 0) == NULL)
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

List *
cdc_pull_kafka_start(const CdcSubscription *sub)
{
	CdcKafkaSource *source = cdc_kafka_subscription_source(sub, false);
	CdcKafkaPlace **places;
	List	   *result = NIL;
	int			n;
	int			i;

	places = wanted_places(sub, source, &n);
	check_names(sub, places, n);
	resolve(sub, source, sub->start_position, places, n);
	cdc_kafka_source_close(source);
	for (i = 0; i < n; i++)
		result = lappend(result, places[i]);
	return result;
}

void
cdc_pull_kafka_start_store(const CdcSubscription *sub, List *places)
{
	ListCell   *lc;

	foreach(lc, places)
		cdc_kafka_place_write(sub, lfirst(lc));
}

/* ---- cdc.set_position, cdc.remove_topic ---- */

/* Makes open streams and what pull knows void. */
static void
new_version(const CdcSubscription *sub)
{
	CdcPosition pos;

	cdc_position_get(sub, &pos);
	pos.version++;
	cdc_position_set(sub, &pos);
}

static CdcSubscription *
own_kafka_subscription(const char *name)
{
	CdcSubscription *sub = cdc_subscription_get_own(name);

	if (sub->kind != CDC_SERVER_KAFKA)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("subscription \"%s\" has no Kafka topics", sub->name),
				 errdetail("Its server \"%s\" is not of cdc_kafka.", sub->server)));
	return sub;
}

void
cdc_pull_kafka_set_position(const CdcSubscription *sub, const char *where)
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
	resolve(sub, source, where, places, n);
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
	new_version(sub);
	cdc_log(sub->name, "position", psprintf("position set to %s", after.data),
			psprintf("It was %s.", before.data));
	cdc_subscription_changed();
}

static void
write_topics(CdcSubscription *sub, char **topics, int n)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET topics = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, TEXTARRAYOID}
	};
	CdcSpi		spi;
	Datum		values[2];

	cdc_topic_patterns_check(topics, n);
	sub->topics = topics;
	sub->ntopics = n;
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = cdc_text_array((const char *const *) topics, n);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

/* The subscription's list without one entry, with room for one more. */
static char **
topics_without(const CdcSubscription *sub, const char *entry, int *n)
{
	char	  **topics = palloc(sizeof(char *) * (sub->ntopics + 1));
	int			i;

	*n = 0;
	for (i = 0; i < sub->ntopics; i++)
		if (strcmp(sub->topics[i], entry) != 0)
			topics[(*n)++] = sub->topics[i];
	return topics;
}

PG_FUNCTION_INFO_V1(cdc_add_topic);

/*
 * cdc.add_topic(subscription text, topic text, start_position text): a name or
 * pattern more.
 */
Datum
cdc_add_topic(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	CdcKafkaSource *source;
	CdcKafkaPlace *rows;
	CdcKafkaPlace **stored;
	CdcKafkaPlace **places;
	char	  **topics;
	char	   *topic;
	int			nrows;
	int			n;
	int			i;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription and topic must not be null")));
	sub = own_kafka_subscription(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	topic = text_to_cstring(PG_GETARG_TEXT_PP(1));
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	topics = topics_without(sub, psprintf("!%s", topic), &n);
	for (i = 0; i < n && strcmp(topics[i], topic) != 0; i++)
		;
	if (i == n)
		topics[n++] = topic;
	write_topics(sub, topics, n);

	/* places for what it means now; the others are as they were */
	source = cdc_kafka_subscription_source(sub, false);
	places = wanted_places(sub, source, &n);
	check_names(sub, places, n);
	rows = cdc_kafka_places_read(sub, &nrows);
	stored = palloc(sizeof(CdcKafkaPlace *) * Max(nrows, 1));
	for (i = 0; i < nrows; i++)
		stored[i] = &rows[i];
	for (i = 0; i < n;)
	{
		if (find_place(stored, nrows, places[i]->topic, places[i]->partition) != NULL)
			places[i] = places[--n];
		else
			i++;
	}
	resolve(sub, source, PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2)), places, n);
	cdc_kafka_source_close(source);
	for (i = 0; i < n; i++)
		cdc_kafka_place_write(sub, places[i]);
	new_version(sub);
	cdc_log(sub->name, "topic", psprintf("topic %s added", topic), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(cdc_remove_topic);

/*
 * cdc.remove_topic(subscription text, topic text): it is read no longer.
 */
Datum
cdc_remove_topic(PG_FUNCTION_ARGS)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.subscription_partition WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND topic OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcSubscription *sub = own_kafka_subscription(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *topic = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	  **topics;
	int			n;

	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	if (cdc_spi_run(&stmt, sub->name, topic) == 0 &&
		!cdc_topic_wanted(sub->topics, sub->ntopics, topic))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscription \"%s\" has no topic \"%s\"", sub->name, topic),
				 errhint("SELECT topic FROM cdc.stat_kafka_partition WHERE subscription = %s lists them.",
						 quote_literal_cstr(sub->name))));
	topics = topics_without(sub, topic, &n);
	if (cdc_topic_wanted(topics, n, topic))
		topics[n++] = psprintf("!%s", topic);
	write_topics(sub, topics, n);
	new_version(sub);
	cdc_log(sub->name, "topic", psprintf("topic %s removed", topic), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

/* ---- cdc.wait_for ---- */

struct CdcKafkaGoal
{
	int			n;
	PartitionOffset *offsets;	/* next_offset must be at least this */
};

CdcKafkaGoal *
cdc_pull_kafka_goal(const CdcSubscription *sub, const char *text)
{
	CdcKafkaGoal *goal = palloc0(sizeof(CdcKafkaGoal));
	int			i = 0;

	if (text != NULL)
	{
		List	   *offsets = parse_offsets(text);
		ListCell   *lc;

		if (offsets == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid position in Kafka: \"%s\"", text),
					 errhint("Give messages as topic/partition@offset, several separated by commas; null is all that the partitions have now.")));
		goal->offsets = palloc(sizeof(PartitionOffset) * list_length(offsets));
		foreach(lc, offsets)
		{
			goal->offsets[i] = *(PartitionOffset *) lfirst(lc);
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
		CdcKafkaPlace **places = wanted_places(sub, source, &goal->n);

		cdc_kafka_source_close(source);
		goal->offsets = palloc0(sizeof(PartitionOffset) * Max(goal->n, 1));
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
cdc_pull_kafka_passed(const CdcSubscription *sub, const CdcKafkaGoal *goal)
{
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
		const PartitionOffset *o = &goal->offsets[i];
		const CdcKafkaPlace *place = find_place(places, n, o->topic, o->partition);
		int64		at = place == NULL || place->next_offset < 0 ? 0 : place->next_offset;

		if (at < o->offset)
			return false;
	}
	return true;
}
