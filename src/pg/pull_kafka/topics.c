/*-------------------------------------------------------------------------
 *
 * topics.c
 *	  cdc.add_topic() and cdc.remove_topic().
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/remote/topic_pattern.h"

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

static void
write_topics(CdcSubscription *sub, char **topics, int n)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET topics = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, TEXTARRAYOID}
	};
	CdcSpi		spi;
	Datum		values[2];

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

/*
 * Forgets the places of topics that are not wanted any more; returns them as text, for cdc.log,
 * or NULL where there are none.
 */
static char *
drop_unwanted_places(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"DELETE FROM cdc_catalog.subscription_partition WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND topic OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};
	CdcKafkaPlace *rows;
	StringInfoData dropped;
	int			n;
	int			i;

	initStringInfo(&dropped);
	rows = cdc_kafka_places_read(sub, &n);
	for (i = 0; i < n; i++)
	{
		if (cdc_topic_wanted(sub->topics, sub->ntopics, rows[i].topic))
			continue;
		(void) cdc_spi_run(&stmt, sub->name, rows[i].topic);
		appendStringInfo(&dropped, "%s%s/%d@" INT64_FORMAT, dropped.len > 0 ? ", " : "", rows[i].topic,
						 rows[i].partition, Max(rows[i].next_offset, 0));
	}
	return dropped.len > 0 ? dropped.data : NULL;
}

/* Whether the list has more than exclusions. */
static bool
names_any(char **topics, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (topics[i][0] != '!')
			return true;
	return false;
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
	cdc_topic_patterns_check(topics, n);
	write_topics(sub, topics, n);
	(void) drop_unwanted_places(sub);	/* an exclusion may have been added */

	/* places for what it means now; the others are as they were */
	source = cdc_kafka_subscription_source(sub, false);
	places = cdc_kafka_wanted_places(sub, source, &n);
	cdc_kafka_check_names(sub, source, places, n);
	/* where nothing else is left, that was told */
	for (i = 0; i < n && !cdc_topic_wanted(&topic, 1, places[i]->topic); i++)
		;
	if (i < n)
		(void) cdc_kafka_warn_excluded(sub, source, topic);
	rows = cdc_kafka_places_read(sub, &nrows);
	stored = palloc(sizeof(CdcKafkaPlace *) * Max(nrows, 1));
	for (i = 0; i < nrows; i++)
		stored[i] = &rows[i];
	for (i = 0; i < n;)
	{
		if (cdc_kafka_find_place(stored, nrows, places[i]->topic, places[i]->partition) != NULL)
			places[i] = places[--n];
		else
			i++;
	}
	cdc_kafka_resolve(sub, source, PG_ARGISNULL(2) ? NULL :
					  text_to_cstring(PG_GETARG_TEXT_PP(2)), places, n);
	cdc_kafka_source_close(source);
	for (i = 0; i < n; i++)
		cdc_kafka_place_write(sub, places[i]);
	cdc_kafka_new_version(sub);
	cdc_log(sub->name, "topic", psprintf("topic %s added", topic), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

/* Whether the list has that entry, be it a name, a pattern or an exclusion. */
static bool
is_listed(const CdcSubscription *sub, const char *entry)
{
	int			i;

	for (i = 0; i < sub->ntopics; i++)
		if (strcmp(sub->topics[i], entry) == 0)
			return true;
	return false;
}

PG_FUNCTION_INFO_V1(cdc_remove_topic);

/*
 * cdc.remove_topic(subscription text, topic text): it is read no longer.
 */
Datum
cdc_remove_topic(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = own_kafka_subscription(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *topic = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	  **topics;
	char	   *dropped;
	int			n;

	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	if (!is_listed(sub, topic) && !cdc_topic_wanted(sub->topics, sub->ntopics, topic))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscription \"%s\" has no topic \"%s\"", sub->name, topic),
				 errhint("SELECT topic FROM cdc.stat_kafka_partition WHERE subscription = %s lists them.",
						 quote_literal_cstr(sub->name))));
	topics = topics_without(sub, topic, &n);
	if (topic[0] != '!' && cdc_topic_wanted(topics, n, topic))
		topics[n++] = psprintf("!%s", topic);
	write_topics(sub, topics, n);
	dropped = drop_unwanted_places(sub);
	cdc_kafka_new_version(sub);
	cdc_log(sub->name, "topic", psprintf("topic %s removed", topic),
			dropped != NULL ? psprintf("It was read up to %s.", dropped) : NULL);
	if (!names_any(topics, n))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("subscription \"%s\" reads no topic any more", sub->name),
				 errhint("To read one: SELECT cdc.add_topic(%s, '...').", quote_literal_cstr(sub->name))));
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
