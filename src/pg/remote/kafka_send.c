/*-------------------------------------------------------------------------
 *
 * kafka_send.c
 *	  Producers: kept by the backend from transaction to transaction, used by
 *	  one at a time, checked to have delivered everything before it commits.
 *
 * Connecting and asking for a producer's id costs some round trips, so that a
 * backend keeps the producers that it used last.  One that a transaction had
 * taken when it failed is closed: it may hold messages of that transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/base/hash.h"
#include "pg/remote/kafka_send.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "foreign/foreign.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_storage.h"
#include "pg/base/error.h"
#include "pg/options/kafka_options.h"

#define KEPT_PRODUCERS			CDC_KAFKA_SENDERS
#define DEFAULT_MAX_BYTES		1000000 /* librdkafka's message.max.bytes */
#define ABORT_MS				500 /* for telling the cluster that a transaction is void */
#define TOPIC_BYTES				256 /* 249 characters at most */
#define WAIT_MS					1000L	/* the longest sleep; a safety net */
#define REPORTS_MS				10L	/* the first one for reports; with none, a flush follows */

/*
 * Bytes that may be under way: of each partition a batch that is sent, as librdkafka's
 * idempotent producer has no more of a partition under way at a time, and one that fills.
 * With less, batches for many partitions do not fill; with more, messages have left the
 * processor's cache when their turn comes.
 */
#define WINDOW_BYTES			(8 * 1024 * 1024)
#define WINDOW_OF_PARTITION		(2 * 1024 * 1024)
#define WINDOW_MAX_BYTES		(64 * 1024 * 1024)

struct CdcKafkaSender
{
	CdcKafkaSource *source;		/* NULL: the place is free */
	char	   *definition;		/* what it was made from */
	struct HTAB *topics;		/* that the cluster was asked about: SenderTopic */
	int			npartitions;	/* of all of them */
	char		last_topic[TOPIC_BYTES];	/* of the message before, "": none */
	bool		asked;			/* a request about a topic is under way */
	bool		taken;			/* by the present transaction */
	uint64		refused;		/* number of the message that the present error is about; or 0 */
	int			level;			/* of the subtransaction that took it */
	bool		transactional;
	bool		initialized;	/* transactions were prepared for */
	bool		begun;			/* a Kafka transaction is open */
	bool		committing;
	int64		upto;			/* of a stream: how far it is, with what this producer has sent */
	uint64		reports;		/* that had come at the last wait for some */
	long		pause;			/* how long that was, in milliseconds */
	CdcKafkaDelivery before;	/* counts at the transaction's beginning */
	uint64		used;			/* for the least recently used */
};

static CdcKafkaSender kept[KEPT_PRODUCERS];
static uint64 uses = 0;

/*
 * Targets
 */

void
cdc_kafka_target_init(CdcKafkaTarget *target, Oid serverid, Oid userid, List *overrides)
{
	target->serverid = serverid;
	target->userid = userid;
	target->overrides = copyObject(overrides);
	memset(&target->stream, 0, sizeof(target->stream));
}

bool
cdc_kafka_target_is(const CdcKafkaTarget *target, Oid serverid, Oid userid, List *overrides)
{
	return target->serverid == serverid && target->userid == userid &&
		equal(target->overrides, overrides);
}

static const char *
target_option(const CdcKafkaTarget *target, const char *property)
{
	const char *value = cdc_kafka_property_value(target->overrides, property);

	return value != NULL ? value :
		cdc_kafka_property_value(GetForeignServer(target->serverid)->options, property);
}

int64
cdc_kafka_target_max_bytes(const CdcKafkaTarget *target)
{
	const char *value = target_option(target, "message.max.bytes");
	int64		bytes = value == NULL ? 0 : strtoll(value, NULL, 10);

	return bytes > 0 ? bytes : DEFAULT_MAX_BYTES;
}

bool
cdc_kafka_target_transactional(const CdcKafkaTarget *target)
{
	return target_option(target, "transactional.id") != NULL;
}

void
cdc_kafka_check_size(int64 max_bytes, const char *topic, size_t size, uint64 number)
{
	if (size <= (size_t) max_bytes)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("message " UINT64_FORMAT " of this transaction for topic \"%s\" is too large: %zu bytes",
					number, topic, size),
			 errdetail("A message of this producer may have " INT64_FORMAT " bytes with its key and headers.",
					   max_bytes),
			 errhint("Raise the option message_max_bytes of the server or foreign table, and the topic's max.message.bytes at the broker.")));
}

size_t
cdc_kafka_target_memory_limit(const CdcKafkaTarget *target)
{
	CdcKafkaOptions options;

	cdc_kafka_options_read(GetForeignServer(target->serverid)->options, NIL, target->overrides,
						   &options);
	return (size_t) options.memory_limit;
}

/*
 * A transactional id of the stream's or of this backend's own: two producers with one id fence
 * each other.  A backend's number comes back with a later one, which by that ends what a crashed
 * one had left open.
 */
static List *
with_transactional_id(const CdcKafkaTarget *target, const char *base)
{
	List	   *result = NIL;
	ListCell   *lc;
	char	   *id;

	if (target->stream.name != NULL)
		id = psprintf("%s-" UINT64_FORMAT "-%u-%s", base, GetSystemIdentifier(), MyDatabaseId,
					  target->stream.name);
	else
		id = psprintf("%s-" UINT64_FORMAT "-%u-%u-%d", base, GetSystemIdentifier(),
					  target->serverid, target->userid, CDC_BACKEND_NUMBER);
	foreach(lc, target->overrides)
	{
		if (strcmp(((DefElem *) lfirst(lc))->defname, "transactional_id") != 0)
			result = lappend(result, lfirst(lc));
	}
	return lappend(result, CDC_MAKE_DEFELEM("transactional_id", (Node *) makeString(id)));
}

/*
 * Waiting
 */

/*
 * The server has switched statement_timeout off when a transaction commits, but
 * sending is a part of the statement.
 */
static void
check_statement_timeout(void)
{
	if (StatementTimeout <= 0 || CDC_AM_BACKGROUND_WORKER)
		return;
	if (TimestampDifferenceExceeds(GetCurrentStatementStartTimestamp(), GetCurrentTimestamp(),
								   StatementTimeout))
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement due to statement timeout"),
				 errdetail("It was sending messages to Kafka.")));
}

static void
sender_wait(CdcKafkaSender *sender, long ms)
{
	if (StatementTimeout > 0 && !CDC_AM_BACKGROUND_WORKER)
		ms = Min(ms, Max(StatementTimeout / 10, 10));
	(void) cdc_kafka_source_wait(sender->source, ms);
	check_statement_timeout();
}

/*
 * For reports: not long where some came since the last time, since the client then sends
 * what waits for nothing but company; ever longer where none come.
 */
static void
await_reports(CdcKafkaSender *sender)
{
	const CdcKafkaDelivery *d = cdc_kafka_delivery(cdc_kafka_source_client(sender->source));
	uint64		reports = d->delivered + d->failed;

	sender->pause = reports != sender->reports || sender->pause == 0 ? REPORTS_MS :
		Min(sender->pause * 2, WAIT_MS);
	sender->reports = reports;
	sender_wait(sender, sender->pause);
}

/* Until the client's request is answered. */
static void
await_request(CdcKafkaSender *sender)
{
	CdcError	err;
	CdcStatus	st;

	while ((st = cdc_kafka_request_poll(cdc_kafka_source_client(sender->source), &err)) == CDC_MORE)
		sender_wait(sender, WAIT_MS);
	if (cdc_failed(st))
		cdc_ereport(&err, NULL);
}

/* One step of a Kafka transaction. */
static void
run_request(CdcKafkaSender *sender, CdcKafkaTransaction what)
{
	cdc_kafka_request_transaction(cdc_kafka_source_client(sender->source), what);
	await_request(sender);
}

/* Adds to what failed how far the rest came; refused: the number of a message, or 0. */
pg_noreturn static void
sending_failed(CdcKafkaSender *sender, uint64 refused, CdcError *err)
{
	const CdcKafkaDelivery *d = cdc_kafka_delivery(cdc_kafka_source_client(sender->source));
	char		which[80] = "";

	if (refused == 0 && d->failed > sender->before.failed)
		refused = d->failed_tag;
	if (refused > 0)
		snprintf(which, sizeof(which), "; the one that failed is message %llu of it",
				 (unsigned long long) refused);
	sender->refused = refused;
	err->detail[0] = '\0';
	cdc_error_detail(err, "Of %llu messages sent to server \"%s\" for this transaction %llu were delivered%s%s.",
					 (unsigned long long) (d->produced - sender->before.produced),
					 cdc_kafka_source_server(sender->source),
					 (unsigned long long) (d->delivered - sender->before.delivered),
					 sender->transactional ? ", in a Kafka transaction that is rolled back" : "", which);
	cdc_ereport(err, NULL);
}

uint64
cdc_kafka_sender_refused(const CdcKafkaSender *sender)
{
	return sender->refused;
}

const char *
cdc_kafka_sender_refused_key(const CdcKafkaSender *sender)
{
	return cdc_kafka_delivery(cdc_kafka_source_client(sender->source))->failed_key;
}

/*
 * Producers
 */

static void
close_sender(CdcKafkaSender *sender)
{
	CdcKafkaSource *source = sender->source;
	char	   *definition = sender->definition;

	if (sender->topics != NULL)
		hash_destroy(sender->topics);
	memset(sender, 0, sizeof(*sender));
	cdc_kafka_source_close(source);
	if (definition != NULL)
		pfree(definition);
}

/* A place for one more; the one used longest ago goes. */
static CdcKafkaSender *
free_place(void)
{
	CdcKafkaSender *oldest = NULL;
	int			i;

	for (i = 0; i < KEPT_PRODUCERS; i++)
	{
		if (kept[i].source == NULL)
			return &kept[i];
		if (!kept[i].taken && (oldest == NULL || kept[i].used < oldest->used))
			oldest = &kept[i];
	}
	if (oldest == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a transaction can send to %d Kafka servers at most", KEPT_PRODUCERS)));
	close_sender(oldest);
	return oldest;
}

/* The options of the target's producer; of DefElem *. */
static List *
producer_overrides(const CdcKafkaTarget *target)
{
	const char *base = target_option(target, "transactional.id");

	return base == NULL ? target->overrides : with_transactional_id(target, base);
}

/* The producer of that definition that is kept and can go on; else NULL. */
static CdcKafkaSender *
kept_producer(const CdcKafkaTarget *target, const char *definition)
{
	int			i;

	for (i = 0; i < KEPT_PRODUCERS; i++)
	{
		CdcKafkaSender *sender = &kept[i];

		if (sender->source == NULL || sender->taken || sender->definition == NULL ||
			strcmp(sender->definition, definition) != 0)
			continue;
		if (cdc_kafka_usable(cdc_kafka_source_client(sender->source)) &&
			sender->upto == target->stream.from)
			return sender;
		close_sender(sender);
	}
	return NULL;
}

static CdcKafkaSender *
get_producer(const CdcKafkaTarget *target)
{
	List	   *overrides = producer_overrides(target);
	char	   *definition = cdc_kafka_source_definition(target->serverid, target->userid, overrides);
	CdcKafkaSender *sender = kept_producer(target, definition);

	if (sender != NULL)
		return sender;
	sender = free_place();
	sender->source = cdc_kafka_source_open(target->serverid, target->userid, CDC_KAFKA_PRODUCER,
										   overrides, true);
	/* behind what may fail; without it nobody uses the producer, and its place is taken later */
	sender->definition = MemoryContextStrdup(TopMemoryContext, definition);
	sender->transactional = cdc_kafka_target_transactional(target);
	sender->upto = target->stream.from;
	return sender;
}

void
cdc_kafka_stream_pass(CdcKafkaTarget *target, int64 upto)
{
	char	   *definition = cdc_kafka_source_definition(target->serverid, target->userid,
														 producer_overrides(target));
	CdcKafkaSender *sender = kept_producer(target, definition);

	if (sender != NULL)
		sender->upto = upto;
	target->stream.from = target->stream.upto = upto;
}

/*
 * Topics
 *
 * librdkafka looks a topic that it does not know up at its next second or so,
 * unless an answer about it is in its cache.
 */

/* An entry of CdcKafkaSender.topics. */
typedef struct SenderTopic
{
	char		name[TOPIC_BYTES];	/* must be first */
	int			npartitions;	/* as far as the cluster has told; 0: not */
} SenderTopic;

/* What is known of a topic; *found: the cluster was asked about it, and is now. */
static SenderTopic *
note_topic(CdcKafkaSender *sender, const char *topic, bool *found)
{
	char		name[TOPIC_BYTES] = {0};
	SenderTopic *entry;

	if (sender->topics == NULL)
	{
		sender->topics = cdc_hash_of_strings("cdc_ingest topics written to", 16, TOPIC_BYTES,
											 sizeof(SenderTopic), TopMemoryContext);
	}
	strlcpy(name, topic, sizeof(name));
	entry = hash_search(sender->topics, name, HASH_ENTER, found);
	if (!*found)
		entry->npartitions = 0;
	return entry;
}

/* Until the question that is open is answered; the topic may not be there yet. */
static void
finish_asking(CdcKafkaSender *sender)
{
	const CdcKafkaMetadata *metadata;
	bool		found;
	int			i;

	if (!sender->asked)
		return;
	sender->asked = false;
	await_request(sender);
	metadata = cdc_kafka_metadata(cdc_kafka_source_client(sender->source));
	for (i = 0; i < metadata->ntopics; i++)
	{
		SenderTopic *topic = note_topic(sender, metadata->topics[i].name, &found);

		sender->npartitions += metadata->topics[i].npartitions - topic->npartitions;
		topic->npartitions = metadata->topics[i].npartitions;
	}
	cdc_kafka_producer_partitions(cdc_kafka_source_client(sender->source), sender->npartitions);
}

static void
ask_topic(CdcKafkaSender *sender, const char *topic)
{
	finish_asking(sender);
	cdc_kafka_request_metadata(cdc_kafka_source_client(sender->source), topic);
	sender->asked = true;
}

/* Once a topic, before the first message to it. */
static void
know_topic(CdcKafkaSender *sender, const char *topic)
{
	bool		found;

	(void) note_topic(sender, topic, &found);
	if (!found)
		ask_topic(sender, topic);
	finish_asking(sender);
}

int
cdc_kafka_target_partitions(const CdcKafkaTarget *target, const char *topic, int32 wanted)
{
	CdcKafkaSender *sender = get_producer(target);
	bool		found;
	int			n;

	/* so that an ERROR in a wait closes it */
	sender->taken = true;
	sender->level = GetCurrentTransactionNestLevel();
	know_topic(sender, topic);
	if (note_topic(sender, topic, &found)->npartitions <= wanted)
	{
		ask_topic(sender, topic);
		finish_asking(sender);
	}
	n = note_topic(sender, topic, &found)->npartitions;
	sender->taken = false;
	return n;
}

int
cdc_kafka_sender_partitions(CdcKafkaSender *sender, const char *topic)
{
	bool		found;

	know_topic(sender, topic);
	/* partitions are added to a topic while a producer is kept */
	ask_topic(sender, topic);
	finish_asking(sender);
	return note_topic(sender, topic, &found)->npartitions;
}

void
cdc_kafka_sender_prepare(const CdcKafkaTarget *target, const char *topic)
{
	CdcKafkaSender *sender = get_producer(target);
	bool		found;

	sender->used = ++uses;
	if (sender->asked)
		return;
	(void) note_topic(sender, topic, &found);
	if (!found)
		ask_topic(sender, topic);
}

CdcKafkaSender *
cdc_kafka_sender_open(const CdcKafkaTarget *target)
{
	CdcKafkaSender *sender = get_producer(target);

	sender->taken = true;
	sender->upto = target->stream.upto;
	sender->level = GetCurrentTransactionNestLevel();
	sender->used = ++uses;
	sender->refused = 0;
	sender->before = *cdc_kafka_delivery(cdc_kafka_source_client(sender->source));
	finish_asking(sender);
	if (sender->transactional)
	{
		if (!sender->initialized)
			run_request(sender, CDC_KAFKA_TRANSACTION_INIT);
		sender->initialized = true;
		run_request(sender, CDC_KAFKA_TRANSACTION_BEGIN);
		sender->begun = true;
	}
	return sender;
}

static uint64
bytes_under_way(const CdcKafka *client)
{
	const CdcKafkaDelivery *d = cdc_kafka_delivery(client);

	return d->bytes - d->reported_bytes;
}

static uint64
window_of(const CdcKafkaSender *sender)
{
	return Min((uint64) WINDOW_BYTES + (uint64) sender->npartitions * WINDOW_OF_PARTITION,
			   WINDOW_MAX_BYTES);
}

/*
 * Waits until enough of what was sent is confirmed.  Where a message was
 * refused no more are sent: the error comes when the others have their reports.
 */
static void
pace(CdcKafkaSender *sender)
{
	CdcKafka   *client = cdc_kafka_source_client(sender->source);
	CdcError	err;

	while (bytes_under_way(client) > window_of(sender))
	{
		CdcStatus	st = cdc_kafka_producer_poll(client, &err);

		if (cdc_failed(st))
			sending_failed(sender, 0, &err);
		if (bytes_under_way(client) > window_of(sender))
			await_reports(sender);
	}
	if (cdc_kafka_delivery(client)->failed > sender->before.failed)
		cdc_kafka_sender_flush(sender);
}

void
cdc_kafka_sender_send(CdcKafkaSender *sender, const CdcOutMessage *m, uint64 number)
{
	CdcKafka   *client = cdc_kafka_source_client(sender->source);
	CdcError	err;
	CdcStatus	st;

	if (strcmp(m->topic, sender->last_topic) != 0)
	{
		know_topic(sender, m->topic);
		strlcpy(sender->last_topic, m->topic, sizeof(sender->last_topic));
	}
	while ((st = cdc_kafka_produce(client, m, number, &err)) == CDC_MORE)
		await_reports(sender);
	if (cdc_failed(st))
		sending_failed(sender, cdc_kafka_delivery(client)->failed_tag, &err);
	if (bytes_under_way(client) > window_of(sender))
		pace(sender);
	CHECK_FOR_INTERRUPTS();
}

void
cdc_kafka_sender_flush(CdcKafkaSender *sender)
{
	CdcKafka   *client = cdc_kafka_source_client(sender->source);
	CdcError	err;
	CdcStatus	st;

	while ((st = cdc_kafka_flush_poll(client, &err)) == CDC_MORE)
		await_reports(sender);
	if (cdc_failed(st))
		sending_failed(sender, 0, &err);
}

void
cdc_kafka_sender_commit(CdcKafkaSender *sender)
{
	if (sender->transactional)
	{
		sender->committing = true;
		run_request(sender, CDC_KAFKA_TRANSACTION_COMMIT);
		sender->committing = sender->begun = false;
	}
	sender->taken = false;
}

/*
 * Readers of committed messages wait behind an open transaction, until its
 * timeout or until this backend's successor takes its id: say that it is void,
 * but do not wait long.  Interrupts are held off here.
 */
static void
abort_transaction(CdcKafka *client)
{
	TimestampTz started = GetCurrentTimestamp();
	CdcError	err;

	if (!cdc_kafka_usable(client))
		return;
	cdc_kafka_request_transaction(client, CDC_KAFKA_TRANSACTION_ABORT);
	while (cdc_kafka_request_poll(client, &err) == CDC_MORE &&
		   !TimestampDifferenceExceeds(started, GetCurrentTimestamp(), ABORT_MS))
		pg_usleep(2000L);
}

void
cdc_kafka_sender_abort(int level)
{
	int			i;

	for (i = 0; i < KEPT_PRODUCERS; i++)
	{
		if (kept[i].source == NULL || !kept[i].taken || kept[i].level < level)
			continue;
		if (kept[i].begun && !kept[i].committing)
			abort_transaction(cdc_kafka_source_client(kept[i].source));
		close_sender(&kept[i]);
	}
}
