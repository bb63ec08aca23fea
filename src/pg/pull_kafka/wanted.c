/*-------------------------------------------------------------------------
 *
 * wanted.c
 *	  The partitions that a subscription wants, as places.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

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

/* How many topics a hint names. */
#define SHOWN_TOPICS	5

/* Whether a topic matches the pattern but for the case of letters. */
static bool
is_alike(char *pattern, const char *topic)
{
	char	   *folded = asc_tolower(pattern, strlen(pattern));

	return pattern[0] != '~' && cdc_topic_wanted(&folded, 1, asc_tolower(topic, strlen(topic)));
}

/* Names of topics that may have been meant: those alike, else the first ones; or NULL. */
static char *
suggest_topics(CdcKafkaSource *source, char *pattern)
{
	CdcKafkaMetadata *metadata = cdc_kafka_source_metadata(source, NULL);
	bool		alike = false;
	StringInfoData names;
	int			n = 0;
	int			i;

	for (i = 0; i < metadata->ntopics && !alike; i++)
		alike = is_alike(pattern, metadata->topics[i].name);
	initStringInfo(&names);
	for (i = 0; i < metadata->ntopics && n < SHOWN_TOPICS; i++)
	{
		const char *topic = metadata->topics[i].name;

		if (strncmp(topic, "__", 2) != 0 && (!alike || is_alike(pattern, topic)))
			appendStringInfo(&names, "%s\"%s\"", n++ > 0 ? ", " : "", topic);
	}
	return n > 0 ? names.data : NULL;
}

/* WARNING: no topic matches the pattern so far. */
static void
warn_nothing_matches(const CdcSubscription *sub, CdcKafkaSource *source, char *pattern)
{
	char	   *suggested = suggest_topics(source, pattern);

	ereport(WARNING,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("no topic of server \"%s\" matches \"%s\" yet", sub->server, pattern),
			 errdetail("Topics that match are read from their beginning when they appear."),
			 suggested != NULL ?
			 errhint("Letter case counts. It has %s, for example.", suggested) :
			 errhint("The server has no topic, or none that the user of the mapping may describe.")));
}

/* Whether one of the places is of a topic that the pattern takes. */
static bool
matches_any(char *pattern, CdcKafkaPlace **places, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (cdc_topic_wanted(&pattern, 1, places[i]->topic))
			return true;
	return false;
}

/* The entry of the list that excludes the topic; NULL: none does. */
static const char *
excluded_by(const CdcSubscription *sub, const char *topic)
{
	int			i;

	for (i = 0; i < sub->ntopics; i++)
	{
		char	   *pattern = sub->topics[i];

		if (pattern[0] != '!')
			continue;
		pattern++;
		if (cdc_topic_wanted(&pattern, 1, topic))
			return sub->topics[i];
	}
	return NULL;
}

bool
cdc_kafka_warn_excluded(const CdcSubscription *sub, CdcKafkaSource *source, char *pattern)
{
	CdcKafkaMetadata *metadata = cdc_kafka_source_metadata(source, NULL);
	const char *entry = NULL;
	StringInfoData names;
	int			n = 0;
	int			i;

	initStringInfo(&names);
	for (i = 0; pattern[0] != '!' && i < metadata->ntopics; i++)
	{
		const char *topic = metadata->topics[i].name;
		const char *by = cdc_topic_wanted(&pattern, 1, topic) ? excluded_by(sub, topic) : NULL;

		/* what one statement brings back */
		if (by == NULL || (entry != NULL && strcmp(entry, by) != 0) || n++ >= SHOWN_TOPICS)
			continue;
		entry = by;
		appendStringInfo(&names, "%s\"%s\"", n > 1 ? ", " : "", topic);
	}
	if (entry == NULL)
		return false;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("subscription \"%s\" leaves out topics that match \"%s\": %s", sub->name, pattern,
					names.data),
			 errdetail("Its list of topics has \"%s\", as cdc.remove_topic() leaves it there.", entry),
			 errhint("To read them: SELECT cdc.remove_topic(%s, %s);", quote_literal_cstr(sub->name),
					 quote_literal_cstr(entry))));
	return true;
}

/* ERROR: the subscription does not read a topic that it names. */
pg_noreturn static void
refuse_name(const CdcSubscription *sub, const char *topic)
{
	const char *entry = excluded_by(sub, topic);

	if (entry != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" leaves out topic \"%s\"", sub->name, topic),
				 errdetail("Its list of topics has \"%s\".", entry),
				 errhint("To read what that leaves out: SELECT cdc.remove_topic(%s, %s);",
						 quote_literal_cstr(sub->name), quote_literal_cstr(entry))));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("server \"%s\" has no topic \"%s\"", sub->server, topic),
			 errhint("Check its spelling, letter case too, and that the user of the mapping may describe it.  A pattern such as %s* also takes topics that come later.",
					 topic)));
}

void
cdc_kafka_check_names(const CdcSubscription *sub, CdcKafkaSource *source, CdcKafkaPlace **places,
					  int n)
{
	int			i;

	for (i = 0; i < sub->ntopics; i++)
	{
		char	   *pattern = sub->topics[i];

		if (cdc_topic_pattern_is_name(pattern) &&
			cdc_kafka_find_place(places, n, pattern, 0) == NULL)
			refuse_name(sub, pattern);
		if (pattern[0] != '!' && !matches_any(pattern, places, n) &&
			!cdc_kafka_warn_excluded(sub, source, pattern))
			warn_nothing_matches(sub, source, pattern);
	}
}
