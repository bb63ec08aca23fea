/*-------------------------------------------------------------------------
 *
 * position_text.c
 *	  Positions in Kafka as a person writes them.
 *
 *	  NULL, 'earliest'		the beginning of each partition
 *	  'latest'				its end
 *	  a time				the first message at or after it
 *	  'topic/0@12, ...'		these offsets
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/epoch.h"

#define POSITION_HINT \
	"Use 'earliest', 'latest', a time, or a list such as 'shop.orders/0@1200, shop.orders/1@1187'."

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

/* Reads one "topic/partition@offset" of the text whole; ERROR where it is none. */
static CdcPartitionOffset *
parse_one(const char *text, size_t len, const char *whole)
{
	CdcPartitionOffset *result = palloc0(sizeof(CdcPartitionOffset));
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

List *
cdc_kafka_parse_offsets(const char *text)
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

/* Adds to the error that the text is no time what else it could have been. */
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
	return cdc_unix_ms(ts);
}

/* Sets the places of a list of offsets; ERROR where a partition does not have one. */
static void
set_offsets(const CdcSubscription *sub, List *offsets, CdcKafkaPlace **places, int n)
{
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, offsets)
	{
		const CdcPartitionOffset *o = lfirst(lc);
		CdcKafkaPlace *place = cdc_kafka_find_place(places, n, o->topic, o->partition);

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
			const CdcPartitionOffset *before = lfirst(other);

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

void
cdc_kafka_resolve(const CdcSubscription *sub, CdcKafkaSource *source, const char *text,
		CdcKafkaPlace **places, int n)
{
	bool		latest = text != NULL && pg_strcasecmp(text, "latest") == 0;
	CdcKafkaBounds *bounds;
	List	   *offsets;
	int64		ms;
	int			i;

	if (text != NULL && (offsets = cdc_kafka_parse_offsets(text)) != NIL)
	{
		set_offsets(sub, offsets, places, n);
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
