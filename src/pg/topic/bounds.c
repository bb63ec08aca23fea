/*-------------------------------------------------------------------------
 *
 * bounds.c
 *	  What a topic's partitions hold: for planning, and fixed for a query.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/topic/bounds.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_value.h"

/* How long planning waits, and how long it takes an answer, or none, for true. */
#define ESTIMATE_WAIT_MS	1000
#define ESTIMATE_KEEP_MS	10000

static CdcKafkaTopicBounds *
make_bounds(const CdcKafkaTopic *topic, const char *name)
{
	CdcKafkaTopicBounds *result = palloc(sizeof(CdcKafkaTopicBounds));
	int			i;

	result->n = topic->npartitions;
	result->bounds = palloc0(sizeof(CdcKafkaBounds) * Max(result->n, 1));
	for (i = 0; i < result->n; i++)
	{
		result->bounds[i].topic = name;
		result->bounds[i].partition = topic->partitions[i].id;
	}
	return result;
}

CdcKafkaTopicBounds *
cdc_kafka_bounds_read(CdcKafkaSource *source, const char *topic)
{
	CdcKafkaTopicBounds *result = make_bounds(cdc_kafka_source_topic(source, topic), topic);

	cdc_kafka_source_watermarks(source, result->bounds, result->n);
	return result;
}

/* ------------------------------------------------------------------------
 * Of a query
 * ------------------------------------------------------------------------
 */

typedef struct QueryBounds
{
	struct QueryBounds *next;
	EState	   *estate;
	Oid			relid;
	Oid			user;
	const CdcKafkaTopicBounds *bounds;
	MemoryContextCallback callback;
} QueryBounds;

static QueryBounds *queries;	/* that run now */

static void
forget_query(void *arg)
{
	QueryBounds **link;

	for (link = &queries; *link != NULL; link = &(*link)->next)
	{
		if (*link == arg)
		{
			*link = (*link)->next;
			return;
		}
	}
}

const CdcKafkaTopicBounds *
cdc_kafka_bounds_of_query(EState *estate, const CdcKafkaTable *table, Oid user,
						  CdcKafkaOpenFunction open, void *arg)
{
	QueryBounds *query;
	MemoryContext old;

	for (query = queries; query != NULL; query = query->next)
	{
		if (query->estate == estate && query->relid == table->relid && query->user == user)
			return query->bounds;
	}
	old = MemoryContextSwitchTo(estate->es_query_cxt);
	query = palloc0(sizeof(QueryBounds));
	query->estate = estate;
	query->relid = table->relid;
	query->user = user;
	query->bounds = cdc_kafka_bounds_read(open(arg), table->opt.topic);
	query->callback.func = forget_query;
	query->callback.arg = query;
	MemoryContextRegisterResetCallback(estate->es_query_cxt, &query->callback);
	query->next = queries;
	queries = query;
	MemoryContextSwitchTo(old);
	return query->bounds;
}

/* ------------------------------------------------------------------------
 * For planning
 * ------------------------------------------------------------------------
 */

typedef struct EstimateKey
{
	Oid			relid;
	Oid			user;
} EstimateKey;

typedef struct Estimate
{
	EstimateKey key;			/* must be first */
	TimestampTz asked;
	char	   *topic;			/* what it was asked for */
	Oid			serverid;
	MemoryContext context;
	CdcKafkaTopicBounds *bounds;	/* NULL: no answer */
} Estimate;

static HTAB *estimates;

/* Waits for the client's request; false when it failed or takes too long. */
static bool
answered(CdcKafkaSource *source, TimestampTz deadline)
{
	for (;;)
	{
		CdcError	err;
		CdcStatus	st = cdc_kafka_request_poll(cdc_kafka_source_client(source), &err);
		long		left;

		if (st != CDC_MORE)
			return st == CDC_OK;
		left = (long) ((deadline - GetCurrentTimestamp()) / 1000);
		if (left <= 0)
			return false;
		(void) cdc_kafka_source_wait(source, left);
	}
}

/* NULL when the brokers cannot tell now. */
static CdcKafkaTopicBounds *
ask(CdcKafkaSource *source, const char *topic)
{
	CdcKafka   *client = cdc_kafka_source_client(source);
	TimestampTz deadline = GetCurrentTimestamp() + ESTIMATE_WAIT_MS * INT64CONST(1000);
	const CdcKafkaMetadata *metadata;
	const CdcKafkaBounds *answer;
	CdcKafkaTopicBounds *result;
	int			n;
	int			i;

	cdc_kafka_request_metadata(client, topic);
	if (!answered(source, deadline))
		return NULL;
	metadata = cdc_kafka_metadata(client);
	if (metadata->ntopics != 1 || metadata->topics[0].status != CDC_OK)
		return NULL;
	result = make_bounds(&metadata->topics[0], topic);
	if (result->n == 0)
		return result;
	cdc_kafka_request_watermarks(client, result->bounds, result->n);
	if (!answered(source, deadline))
		return NULL;
	answer = cdc_kafka_bounds(client, &n);
	for (i = 0; i < result->n && i < n; i++)
	{
		result->bounds[i].low = answer[i].low;
		result->bounds[i].high = answer[i].high;
	}
	return result;
}

static Estimate *
find_estimate(const CdcKafkaTable *table, Oid user)
{
	EstimateKey key;
	Estimate   *estimate;
	bool		found;

	if (estimates == NULL)
	{
		estimates = cdc_hash_of_bytes("cdc_ingest Kafka estimates", 16, sizeof(EstimateKey),
									  sizeof(Estimate), TopMemoryContext);
	}
	memset(&key, 0, sizeof(key));
	key.relid = table->relid;
	key.user = user;
	estimate = hash_search(estimates, &key, HASH_ENTER, &found);
	if (!found)
	{
		estimate->asked = 0;
		estimate->topic = NULL;
		estimate->bounds = NULL;
		estimate->context = NULL;
	}
	return estimate;
}

const CdcKafkaTopicBounds *
cdc_kafka_bounds_estimate(const CdcKafkaTable *table, Oid user)
{
	Estimate   *estimate;
	CdcKafkaSource *source;
	CdcKafkaTopicBounds *answer;
	MemoryContext context;
	MemoryContext old;
	char	   *topic;

	if (!table->opt.use_remote_estimate)
		return NULL;
	estimate = find_estimate(table, user);
	if (estimate->topic != NULL && estimate->serverid == table->serverid &&
		strcmp(estimate->topic, table->opt.topic) == 0 &&
		!TimestampDifferenceExceeds(estimate->asked, GetCurrentTimestamp(), ESTIMATE_KEEP_MS))
		return estimate->bounds;

	/* an ERROR below, by a cancel, must leave the entry as it was */
	context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest Kafka estimate",
									ALLOCSET_SMALL_MINSIZE, ALLOCSET_SMALL_INITSIZE,
									ALLOCSET_DEFAULT_MAXSIZE);
	old = MemoryContextSwitchTo(context);
	topic = pstrdup(table->opt.topic);
	source = cdc_kafka_source_open(table->serverid, user, CDC_KAFKA_CONSUMER, table->options,
								   false);
	answer = ask(source, topic);
	cdc_kafka_source_close(source);
	MemoryContextSwitchTo(old);

	MemoryContextSetParent(context, TopMemoryContext);
	if (estimate->context != NULL)
		MemoryContextDelete(estimate->context);
	estimate->context = context;
	estimate->topic = topic;
	estimate->serverid = table->serverid;
	estimate->bounds = answer;
	estimate->asked = GetCurrentTimestamp();
	return answer;
}
