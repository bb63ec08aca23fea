/*-------------------------------------------------------------------------
 *
 * stream.c
 *	  The consumer of a subscription, kept open between calls of pull.
 *
 * The rows of cdc.subscription_partition are the truth.  A stream that was left
 * open is used again only when they still say what this backend last wrote or
 * read there, which their version in cdc.subscription_position tells.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "commands/dbcommands.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/base/hash.h"
#include "pg/process/background.h"
#include "pg/base/error.h"
#include "pg/process/shmem.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/catalog/subscription.h"
#include "pg/remote/topic_pattern.h"

/* How long the end of a session waits for Kafka's group to be told. */
#define EXIT_WAIT_MS		500

/*
 * Within less nobody makes a topic anew and fills it.  Nor is one of so many
 * messages filled before a consumer, which fetches at its position all the time, has
 * been told that there is nothing of that offset.
 */
#define REST_MS				1000
#define REFILL_MESSAGES		100000

/* A topic that the metadata lacks is asked for again so often, so much later. */
#define MISSING_TRIES		4
#define MISSING_NAP_MS		500

typedef struct PlaceKey
{
	char		topic[CDC_TOPIC_NAME];
	int32		partition;
} PlaceKey;

typedef struct PlaceEntry
{
	PlaceKey	key;
	int			number;
} PlaceEntry;

/* ---- closing ---- */

static void
close_stream(CdcKeptStream *kept)
{
	CdcKafkaStream *stream = (CdcKafkaStream *) kept;
	int			i;

	cdc_kafka_reader_close(stream->reader);
	cdc_kafka_source_close(stream->source);
	for (i = 0; i < stream->nplaces; i++)
		cdc_group_buffer_destroy(stream->places[i].group);
	MemoryContextDelete(stream->context);
}

static void
tell_group(CdcKeptStream *kept)
{
	cdc_kafka_group_tell((CdcKafkaStream *) kept, !cdc_am_worker());
}

static CdcKeptStreamKind streams = {.close = close_stream, .committed = tell_group};

/* A session may end right behind its pull: the group is told before. */
static void
at_exit(int code, Datum arg)
{
	CdcKeptStream *kept;
	CdcError	err;
	int			waited = 0;

	for (kept = streams.first; kept != NULL; kept = kept->next)
	{
		CdcKafkaStream *stream = (CdcKafkaStream *) kept;

		if (kept->used || kept->broken)
			continue;
		cdc_kafka_group_tell(stream, true);
		while (stream->group_asked && waited < EXIT_WAIT_MS)
		{
			if (cdc_kafka_request_poll(cdc_kafka_source_client(stream->source), &err) != CDC_MORE)
				break;
			pg_usleep(2000L);
			waited += 2;
		}
	}
}

static void
register_exit(void)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(at_exit, (Datum) 0);
	registered = true;
}

static CdcKafkaStream *
find_stream(int32 subscription_id)
{
	return (CdcKafkaStream *) cdc_kept_stream_find(&streams, subscription_id);
}

void
cdc_kafka_disconnect(int32 subscription_id)
{
	cdc_kept_stream_drop(&streams, subscription_id);
}

/* ---- places ---- */

/* Whether the client can be used; one that is busy with telling the group can. */
static bool
stream_usable(const CdcKafkaStream *stream)
{
	return stream->group_asked || cdc_kafka_usable(cdc_kafka_source_client(stream->source));
}

static void
fill_key(PlaceKey *key, const char *topic, int32 partition)
{
	memset(key, 0, sizeof(*key));
	strlcpy(key->topic, topic, sizeof(key->topic));
	key->partition = partition;
}

static CdcKafkaPlace *
find_place(CdcKafkaStream *stream, const char *topic, int32 partition)
{
	PlaceKey	key;
	PlaceEntry *entry;

	fill_key(&key, topic, partition);
	entry = hash_search(stream->index, &key, HASH_FIND, NULL);
	return entry != NULL ? &stream->places[entry->number] : NULL;
}

/* Adds the place of a partition that was never read; pointers to places are void then. */
static CdcKafkaPlace *
add_place(CdcKafkaStream *stream, const char *topic, int32 partition)
{
	CdcKafkaPlace *place;
	PlaceKey	key;
	PlaceEntry *entry;

	if (stream->nplaces == stream->maxplaces)
	{
		stream->maxplaces *= 2;
		stream->places = repalloc(stream->places, sizeof(CdcKafkaPlace) * stream->maxplaces);
	}
	place = &stream->places[stream->nplaces];
	memset(place, 0, sizeof(*place));
	fill_key(&key, topic, partition);
	entry = hash_search(stream->index, &key, HASH_ENTER, NULL);
	entry->number = stream->nplaces++;
	memcpy(place->topic, key.topic, sizeof(place->topic));
	place->partition = partition;
	place->next_offset = CDC_OFFSET_BEGINNING;
	place->low = place->high = CDC_OFFSET_UNKNOWN;
	place->last.offset = place->seen.offset = CDC_OFFSET_UNKNOWN;
	place->read_offset = place->until = place->committed = CDC_OFFSET_UNKNOWN;
	place->ours_until = CDC_OFFSET_UNKNOWN;
	place->changed = place->from_start = true;
	return place;
}

/* The rows as places, which the reader is to be assigned. */
static void
read_places(CdcKafkaStream *stream)
{
	CdcKafkaPlace *rows;
	int			n;
	int			i;

	rows = cdc_kafka_places_read(stream->sub, &n);
	stream->maxplaces = Max(n, 16);
	stream->places = MemoryContextAlloc(stream->context, sizeof(CdcKafkaPlace) * stream->maxplaces);
	stream->index = cdc_hash_of_bytes("cdc_ingest partitions", stream->maxplaces, sizeof(PlaceKey),
									  sizeof(PlaceEntry), stream->context);
	for (i = 0; i < n; i++)
	{
		CdcKafkaPlace *place = add_place(stream, rows[i].topic, rows[i].partition);

		*place = rows[i];
		place->read_offset = place->until = place->ours_until = CDC_OFFSET_UNKNOWN;
		place->from_start = place->messages == 0;
		/* it is over when this pull is: that is to be written, messages or not */
		stream->moved = stream->moved || place->failed;
	}
	pfree(rows);
}

/* ---- the consumer ---- */

/* The consumer group, as an option in place of what the server says; NIL: none is wanted. */
static List *
group_option(const CdcSubscription *sub)
{
	const char *group = sub->opt.group_id;

	if (group == NULL)
		group = psprintf("cdc_%s_%s", get_database_name(MyDatabaseId), sub->name);
	if (group[0] == '\0')
		return NIL;
	return list_make1(CDC_MAKE_DEFELEM("group_id", (Node *) makeString(pstrdup(group))));
}

CdcKafkaSource *
cdc_kafka_subscription_source(const CdcSubscription *sub, bool long_lived)
{
	return cdc_kafka_source_open_named(sub->server, sub->owner_oid, CDC_KAFKA_CONSUMER,
									   group_option(sub), long_lived);
}

/*
 * Whether a place has had nothing for so long that its topic may have been made
 * anew meanwhile, without the consumer noticing.
 */
static bool
has_rested(const CdcKafkaPlace *place)
{
	if (place->seen.offset == CDC_OFFSET_UNKNOWN)
		return false;
	return place->rested ||
		(place->at_end &&
		 TimestampDifferenceExceeds(place->end_at, GetCurrentTimestamp(), REST_MS));
}

bool
cdc_kafka_stream_doubtful(const CdcKafkaPlace *place)
{
	return has_rested(place) &&
		(place->rested || place->read_offset - place->low < REFILL_MESSAGES);
}

void
cdc_kafka_stream_prove(CdcKafkaStream *stream, CdcKafkaPlace *place)
{
	CdcError	err;

	place->at_end = place->rested = place->elsewhere = false;
	place->verify = place->seen.offset != CDC_OFFSET_UNKNOWN &&
		place->seen.offset >= place->low && place->seen.offset < place->read_offset;
	CDC_CHECK(cdc_kafka_reader_assign(stream->reader, place->topic, place->partition,
									  place->verify ? place->seen.offset : place->read_offset,
									  (int) (place - stream->places), &err),
			  &err, stream->sub->name);
}

/* Reads a place from its read_offset on, or from the message that proves it. */
static void
assign_place(CdcKafkaStream *stream, CdcKafkaPlace *place)
{
	if (place->next_offset == CDC_OFFSET_BEGINNING)
	{
		place->next_offset = place->low;
		place->changed = true;
		stream->moved = true;
	}
	place->read_offset = place->next_offset;
	place->seen = place->last;
	cdc_kafka_stream_prove(stream, place);
}

static int
compare_topics(const void *a, const void *b)
{
	return strcmp((*(CdcKafkaTopic *const *) a)->name, (*(CdcKafkaTopic *const *) b)->name);
}

List *
cdc_kafka_wanted_topics(CdcKafkaSource *source, const CdcSubscription *sub)
{
	CdcKafkaMetadata *metadata = cdc_kafka_source_metadata(source, NULL);
	const CdcKafkaTopic **wanted = palloc(sizeof(CdcKafkaTopic *) * Max(metadata->ntopics, 1));
	List	   *result = NIL;
	int			n = 0;
	int			i;

	for (i = 0; i < metadata->ntopics; i++)
	{
		const CdcKafkaTopic *topic = &metadata->topics[i];

		if (!cdc_topic_wanted(sub->topics, sub->ntopics, topic->name))
			continue;
		if (cdc_failed(topic->status))
		{
			CdcError	err;

			(void) cdc_error(&err, topic->status, "topic \"%s\" cannot be read: %s", topic->name,
							 topic->error != NULL ? topic->error : "unknown error");
			cdc_ereport(&err, sub->name);
		}
		wanted[n++] = topic;
	}
	qsort(wanted, n, sizeof(wanted[0]), compare_topics);
	for (i = 0; i < n; i++)
		result = lappend(result, (void *) wanted[i]);
	return result;
}

/* Whether one of the topics has the partition. */
static bool
has_partition(List *topics, const char *name, int32 partition)
{
	ListCell   *lc;

	foreach(lc, topics)
	{
		const CdcKafkaTopic *topic = lfirst(lc);

		if (strcmp(topic->name, name) == 0)
			return partition < topic->npartitions;
	}
	return false;
}

/* Whether the topics have all partitions that were read, and all that are named. */
static bool
all_there(CdcKafkaStream *stream, List *topics)
{
	int			i;

	for (i = 0; i < stream->nplaces; i++)
		if (!has_partition(topics, stream->places[i].topic, stream->places[i].partition))
			return false;
	for (i = 0; i < stream->sub->ntopics; i++)
		if (cdc_topic_pattern_is_name(stream->sub->topics[i]) &&
			!has_partition(topics, stream->sub->topics[i], 0))
			return false;
	return true;
}

/*
 * The topics that the subscription wants.  A broker that has just started may not know
 * all of them yet: it is asked again before a missing one is an ERROR.
 */
static List *
ask_topics(CdcKafkaStream *stream)
{
	List	   *topics = NIL;
	int			i;

	for (i = 0; i < MISSING_TRIES; i++)
	{
		if (i > 0)
			cdc_background_sleep(MISSING_NAP_MS);
		CHECK_FOR_INTERRUPTS();
		topics = cdc_kafka_wanted_topics(stream->source, stream->sub);
		if (all_there(stream, topics))
			return topics;
	}
	cdc_kafka_check_missing(stream, topics);
	for (i = 0; i < stream->sub->ntopics; i++)
		if (cdc_topic_pattern_is_name(stream->sub->topics[i]) &&
			!has_partition(topics, stream->sub->topics[i], 0))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("topic \"%s\" of subscription \"%s\" does not exist",
							stream->sub->topics[i], stream->sub->name),
					 errhint("Create it, or go on without it: SELECT cdc.remove_topic(%s, '%s').",
							 quote_literal_cstr(stream->sub->name), stream->sub->topics[i])));
	return topics;
}

static void
add_new_places(CdcKafkaStream *stream, List *topics)
{
	ListCell   *lc;

	foreach(lc, topics)
	{
		const CdcKafkaTopic *topic = lfirst(lc);
		int			i;

		for (i = 0; i < topic->npartitions; i++)
		{
			if (find_place(stream, topic->name, i) != NULL)
				continue;
			(void) add_place(stream, topic->name, i);
			stream->moved = true;
		}
	}
}

/* Logs a partition that the subscription did not have, when its watermarks are known. */
static void
log_new_place(const CdcSubscription *sub, const CdcKafkaPlace *place)
{
	cdc_log(sub->name, "topic",
			psprintf("new partition %s/%d", place->topic, place->partition),
			place->low > 0 ? psprintf("It begins at offset " INT64_FORMAT ".", place->low) : NULL);
}

void
cdc_kafka_stream_refresh(CdcKafkaCall *call, CdcKafkaStream *stream)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest metadata",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcKafkaPlace **places;
	int			i;

	cdc_kafka_group_answer(stream, true);
	add_new_places(stream, ask_topics(stream));
	places = palloc(sizeof(CdcKafkaPlace *) * Max(stream->nplaces, 1));
	for (i = 0; i < stream->nplaces; i++)
		places[i] = &stream->places[i];
	cdc_kafka_ask_watermarks(stream->source, places, stream->nplaces);
	cdc_kafka_note_watermarks(stream);
	stream->by_message = stream->sub->opt.commit_boundary == CDC_BOUNDARY_MESSAGE ||
		(stream->sub->opt.commit_boundary == CDC_BOUNDARY_AUTO && stream->nplaces != 1);
	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = places[i];

		cdc_kafka_check_place(stream->sub, place, place->read_offset >= 0);
		stream->moved = stream->moved || place->changed;
		if (!place->stored)
			log_new_place(stream->sub, place);
		if (place->read_offset < 0)
			assign_place(stream, place);
		else if (has_rested(place))
			cdc_kafka_stream_prove(stream, place);
	}
	stream->refreshed_at = GetCurrentTimestamp();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* For cdc_kept_stream_read(): what the consumer is made from. */
static char *
consumer_definition(const CdcSubscription *sub)
{
	return cdc_kafka_source_definition(GetForeignServerByName(sub->server, false)->serverid,
									   sub->owner_oid, group_option(sub));
}

/*
 * Our copy of the subscription, and what depends on it.  false: the consumer is
 * not what its definition asks for any more.
 */
static bool
read_subscription(CdcKafkaStream *stream)
{
	bool		same;

	stream->sub = cdc_kept_stream_read(&stream->kept, stream->context, consumer_definition, &same);
	stream->maker = cdc_kafka_event_maker_create(stream->kept.sub_context, stream->sub);
	stream->group_wanted = stream->sub->opt.group_id == NULL || stream->sub->opt.group_id[0] != '\0';
	return same;
}

static CdcKafkaStream *
open_stream(CdcKafkaCall *call)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "cdc_ingest stream",
												  ALLOCSET_DEFAULT_SIZES);
	CdcKafkaStream *stream = MemoryContextAllocZero(context, sizeof(CdcKafkaStream));

	stream->context = context;
	cdc_kept_stream_add(&streams, &stream->kept, call->sub->id);

	(void) read_subscription(stream);
	stream->version = call->pos.version;
	stream->row_context = AllocSetContextCreate(context, "cdc_ingest message",
												ALLOCSET_DEFAULT_SIZES);
	read_places(stream);
	stream->source = cdc_kafka_subscription_source(stream->sub, true);
	register_exit();
	stream->reader = cdc_kafka_reader_open(cdc_kafka_source_client(stream->source), false);
	if (stream->reader == NULL)
		cdc_out_of_memory();
	cdc_kafka_stream_refresh(call, stream);
	/* what was committed may not have been told, as the stream before this one was closed */
	cdc_kafka_group_note(stream);
	stream->written_at = GetCurrentTimestamp();
	return stream;
}

/*
 * A session may take its time between two calls.  What has been fetched already
 * is proven again after a longer pause only, as it is then fetched once more.
 */
static void
note_pause(CdcKafkaStream *stream)
{
	TimestampTz now = GetCurrentTimestamp();
	bool		longer = TimestampDifferenceExceeds(stream->called_at, now,
													stream->sub->opt.metadata_refresh_ms);
	int			i;

	if (!TimestampDifferenceExceeds(stream->called_at, now, REST_MS))
		return;
	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];

		if (!place->verify && (longer || place->read_offset >= place->high))
			place->rested = true;
	}
}

CdcKafkaStream *
cdc_kafka_stream_get(CdcKafkaCall *call, bool refresh)
{
	CdcKafkaStream *stream = find_stream(call->sub->id);

	if (stream != NULL &&
		(stream->kept.broken || stream->version != call->pos.version ||
		 !stream_usable(stream) ||
		 (stream->kept.generation != cdc_catalog_generation() && !read_subscription(stream))))
	{
		cdc_kept_stream_close(&streams, &stream->kept);
		stream = NULL;
	}
	if (stream == NULL)
		return open_stream(call);
	stream->kept.used = true;
	cdc_kafka_group_answer(stream, false);
	note_pause(stream);
	if (refresh || TimestampDifferenceExceeds(stream->refreshed_at, GetCurrentTimestamp(),
											  stream->sub->opt.metadata_refresh_ms))
		cdc_kafka_stream_refresh(call, stream);
	return stream;
}

/* ---- for workers ---- */

/* The shorter of two waits; negative: none. */
static long
sooner(long wait_ms, long other_ms)
{
	if (other_ms < 0)
		return wait_ms;
	return wait_ms < 0 || other_ms < wait_ms ? other_ms : wait_ms;
}

/* What is left of ms milliseconds since then, at least 1. */
static long
left_of(TimestampTz since, long ms)
{
	int64		left = ms - (GetCurrentTimestamp() - since) / 1000;

	return (long) Max(left, 1);
}

bool
cdc_kafka_wait(int32 subscription_id, long timeout_ms)
{
	CdcKafkaStream *stream = find_stream(subscription_id);

	if (stream == NULL || !stream_usable(stream))
		return false;
	cdc_kafka_group_tell(stream, false);
	if (stream->group_due && !stream->group_asked)
		timeout_ms = sooner(timeout_ms, left_of(stream->group_at, CDC_KAFKA_GROUP_MS + 1));
	if (stream->moved)
		timeout_ms = sooner(timeout_ms, CDC_KAFKA_PERSIST_MS);
	timeout_ms = sooner(timeout_ms, cdc_kafka_old_group_wait(stream));
	timeout_ms = sooner(timeout_ms, left_of(stream->refreshed_at,
											stream->sub->opt.metadata_refresh_ms + 1));
	(void) cdc_kafka_source_wait(stream->source, timeout_ms);
	return true;
}
