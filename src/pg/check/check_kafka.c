/*-------------------------------------------------------------------------
 *
 * check_kafka.c
 *	  cdc.check_server() of a Kafka cluster: who answers, what is seen, and what
 *	  may be read.
 *
 * Nothing is written, and no group is joined: what needs that is told in words.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/check/check_kafka.h"

#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/options/kafka_options.h"
#include "pg/remote/kafka_client.h"
#include "pg/catalog/spi.h"
#include "pg/check/check_registry.h"
#include "pg/remote/topic_pattern.h"

#define LISTED				5		/* so many are named, of more only the count is told */
#define PROBED_PARTITIONS	1000	/* whose ends are asked for */
#define PROBED_TOPICS		50		/* that are tried to be read */
#define PROBE_TIMEOUT		"10s"
#define FUTURE_MS			(60 * 1000)

typedef struct KafkaCheck
{
	CdcCheckReport *out;
	CdcKafkaSource *source;
	CdcKafkaMetadata *metadata;
	CdcKafkaBounds *bounds;		/* of partitions with a leader, internal topics left out */
	int			nbounds;
} KafkaCheck;

/* Names for a report: the first of them, and how many there are. */
typedef struct NameList
{
	StringInfoData text;
	int			n;
} NameList;

static void
add_name(NameList *list, const char *name)
{
	if (list->n == 0)
		initStringInfo(&list->text);
	if (list->n++ < LISTED)
		appendStringInfo(&list->text, "%s%s", list->text.len > 0 ? ", " : "", name);
}

static char *
names(const NameList *list)
{
	if (list->n == 0)
		return NULL;
	return psprintf("%s%s (%d in all)", list->text.data, list->n > LISTED ? ", ..." : "", list->n);
}

static char *
error_text(const CdcError *err)
{
	return psprintf("%s%s%s", err->message, err->detail[0] ? ": " : "", err->detail);
}

static bool
is_internal(const char *topic)
{
	return strncmp(topic, "__", 2) == 0;
}

static bool
check_connection(KafkaCheck *check)
{
	CdcError	err;
	CdcStatus	st = cdc_kafka_source_try_metadata(check->source, NULL, &check->metadata, &err);

	if (st == CDC_ERR_CONNECT)
	{
		cdc_check_report(check->out, "reachable", false, error_text(&err), err.hint);
		return false;
	}
	cdc_check_report(check->out, "reachable", true, NULL, NULL);
	cdc_check_report(check->out, st == CDC_OK || st == CDC_ERR_AUTH ? "authentication" : "connection",
					 st == CDC_OK, st == CDC_OK ? NULL : error_text(&err), st == CDC_OK ? NULL : err.hint);
	return st == CDC_OK;
}

static void
check_brokers(KafkaCheck *check)
{
	NameList	list = {{0}};
	int			i;

	for (i = 0; i < check->metadata->nbrokers; i++)
		add_name(&list, psprintf("%d at %s:%d", check->metadata->brokers[i].id,
								 check->metadata->brokers[i].host, check->metadata->brokers[i].port));
	cdc_check_report(check->out, "brokers", list.n > 0, names(&list),
					 "The cluster names no broker: see its advertised.listeners.");
}

/* Topics and partitions as the metadata tell them; collects what can be probed. */
static void
check_topics(KafkaCheck *check)
{
	NameList	failed = {{0}};
	NameList	leaderless = {{0}};
	NameList	behind = {{0}};
	int			ntopics = 0;
	int			i;
	int			j;

	check->bounds = palloc0(PROBED_PARTITIONS * sizeof(CdcKafkaBounds));
	for (i = 0; i < check->metadata->ntopics; i++)
	{
		const CdcKafkaTopic *topic = &check->metadata->topics[i];

		CHECK_FOR_INTERRUPTS();
		if (is_internal(topic->name))
			continue;
		ntopics++;
		if (topic->status != CDC_OK)
			add_name(&failed, psprintf("%s: %s", topic->name, topic->error));
		for (j = 0; j < topic->npartitions; j++)
		{
			const CdcKafkaPartition *partition = &topic->partitions[j];

			if (partition->leader < 0)
				add_name(&leaderless, psprintf("%s/%d", topic->name, partition->id));
			else if (check->nbounds < PROBED_PARTITIONS)
			{
				check->bounds[check->nbounds].topic = topic->name;
				check->bounds[check->nbounds++].partition = partition->id;
			}
			if (partition->nisrs < partition->nreplicas)
				add_name(&behind, psprintf("%s/%d", topic->name, partition->id));
		}
	}
	cdc_check_report(check->out, "topics", ntopics > 0 && failed.n == 0,
					 failed.n > 0 ? names(&failed) : psprintf("%d topics are visible", ntopics),
					 failed.n > 0 ? "Subscriptions and foreign tables of these topics fail." :
					 "There are none, or the user of the user mapping lacks the operation Describe on them.");
	cdc_check_report(check->out, "leaders", leaderless.n == 0,
					 leaderless.n > 0 ? names(&leaderless) : "All partitions have one.",
					 "Partitions without a leader can be neither read nor written: see the state of the brokers.");
	cdc_check_report(check->out, "replicas", behind.n == 0,
					 behind.n > 0 ? names(&behind) : "All are in sync.",
					 "These partitions have fewer replicas in sync than they should; losing another broker may lose messages.");
}

static bool
has_topic(const CdcKafkaMetadata *metadata, const char *name)
{
	int			i;

	for (i = 0; i < metadata->ntopics; i++)
		if (strcmp(metadata->topics[i].name, name) == 0)
			return metadata->topics[i].status == CDC_OK;
	return false;
}

/* Topics that the user's subscriptions from the server name. */
static void
check_subscriptions(KafkaCheck *check, const char *server)
{
	static CdcStatement stmt = {
		"SELECT s.name, t.topic FROM cdc_catalog.subscription s, pg_catalog.unnest(s.topics) AS t(topic)"
		" WHERE s.server::pg_catalog.text OPERATOR(pg_catalog.=) $1"
		" AND pg_catalog.pg_has_role($2, s.owner, 'MEMBER') ORDER BY s.name, t.topic",
		2, {TEXTOID, OIDOID}
	};
	NameList	missing = {{0}};
	Datum		values[2];
	CdcSpi		spi;
	uint64		named = 0;
	uint64		n;
	uint64		i;

	values[0] = CStringGetTextDatum(server);
	values[1] = ObjectIdGetDatum(GetUserId());
	cdc_spi_begin(&spi);
	n = cdc_spi_execute(&stmt, values, NULL);
	for (i = 0; i < n; i++)
	{
		const char *topic = cdc_spi_text(&spi, i, 2);

		if (!cdc_topic_pattern_is_name(topic))
			continue;
		named++;
		if (!has_topic(check->metadata, topic))
		{
			char	   *text = psprintf("%s of subscription %s", topic, cdc_spi_text(&spi, i, 1));
			MemoryContext old = MemoryContextSwitchTo(spi.caller);

			add_name(&missing, text);
			MemoryContextSwitchTo(old);
		}
	}
	cdc_spi_end(&spi);
	if (named > 0)
		cdc_check_report(check->out, "subscribed topics", missing.n == 0,
						 missing.n > 0 ? names(&missing) : psprintf(UINT64_FORMAT " are named, all are there", named),
						 "Create them, grant the operation Describe on them, or see cdc.remove_topic().");
}

/* Each leader is asked, so that all of them must be reachable by their advertised names. */
static bool
check_offsets(KafkaCheck *check)
{
	CdcError	err;
	CdcStatus	st;
	int64		messages = 0;
	int			i;

	if (check->nbounds == 0)
		return false;
	st = cdc_kafka_source_try_watermarks(check->source, check->bounds, check->nbounds, &err);
	for (i = 0; st == CDC_OK && i < check->nbounds; i++)
		messages += check->bounds[i].high - check->bounds[i].low;
	cdc_check_report(check->out, "offsets", st == CDC_OK,
					 st == CDC_OK ? psprintf(INT64_FORMAT " offsets in %d partitions", messages, check->nbounds) :
					 error_text(&err), st == CDC_OK ? NULL : err.hint);
	return st == CDC_OK;
}

/* A message of the future says that clocks differ. */
static void
check_clock(KafkaCheck *check)
{
	NameList	list = {{0}};
	CdcKafkaBounds *later = palloc(check->nbounds * sizeof(CdcKafkaBounds));
	int64		now_ms = cdc_unix_ms(GetCurrentTimestamp());
	int			i;

	memcpy(later, check->bounds, check->nbounds * sizeof(CdcKafkaBounds));
	cdc_kafka_source_offsets_at(check->source, later, check->nbounds, now_ms + FUTURE_MS);
	for (i = 0; i < check->nbounds; i++)
	{
		if (later[i].offset < later[i].high)
			add_name(&list, psprintf("%s/%d@" INT64_FORMAT, later[i].topic, later[i].partition, (int64) later[i].offset));
	}
	cdc_check_report(check->out, "clock", list.n == 0,
					 list.n > 0 ? psprintf("Messages of the future: %s.", names(&list)) : NULL,
					 "The clocks of producers, brokers and this server differ; conditions on ts and starting at a time will surprise.");
}

/* Fetches from the end of one partition a topic: an end, or a refusal. */
static void
check_read(KafkaCheck *check)
{
	CdcKafkaReader *reader = cdc_kafka_reader_open(cdc_kafka_source_client(check->source), false);
	NameList	refused = {{0}};
	const char *last = NULL;
	int			tried = 0;
	int			i;

	if (reader == NULL)
		cdc_out_of_memory();
	for (i = 0; i < check->nbounds && tried < PROBED_TOPICS; i++)
	{
		const CdcKafkaBounds *b = &check->bounds[i];
		CdcKafkaMessage msg;
		CdcError	err;
		CdcStatus	st;

		if (last != NULL && strcmp(last, b->topic) == 0)
			continue;
		last = b->topic;
		tried++;
		st = cdc_kafka_reader_assign(reader, b->topic, b->partition, b->high, 0, &err);
		while (st == CDC_OK && (st = cdc_kafka_reader_poll(reader, &msg, &err)) == CDC_MORE)
		{
			(void) cdc_kafka_source_wait(check->source, -1);
			st = CDC_OK;
		}
		cdc_kafka_reader_unassign(reader, b->topic, b->partition);
		if (cdc_failed(st))
			add_name(&refused, st == CDC_ERR_PRIVILEGE ? b->topic : error_text(&err));
	}
	cdc_kafka_reader_close(reader);
	cdc_check_report(check->out, "privilege read", refused.n == 0,
					 refused.n > 0 ? names(&refused) : psprintf("%d topics were tried", tried),
					 "Grant the user of the user mapping the operation Read on these topics, and for subscriptions on their consumer group.");
	cdc_check_report(check->out, "privilege write", true,
					 "Not tried: INSERT and cdc.publish need the operations Write and Describe on their topics, "
					 "with transactional_id also on that.", NULL);
}

/* A password that anybody between here and the brokers can read. */
static void
check_password(CdcCheckReport *out, const char *server)
{
	List	   *options = GetForeignServerByName(server, false)->options;
	const char *protocol = cdc_kafka_property_value(options, "security.protocol");
	const char *mechanism = cdc_kafka_property_value(options, "sasl.mechanism");

	if (mechanism == NULL)
		mechanism = cdc_kafka_property_value(options, "sasl.mechanisms");
	if (protocol == NULL || pg_strncasecmp(protocol, "sasl", 4) != 0)
		return;
	cdc_check_report(out, "password", pg_strcasecmp(protocol, "SASL_SSL") == 0 || mechanism == NULL ||
					 (pg_strcasecmp(mechanism, "PLAIN") != 0 && pg_strcasecmp(mechanism, "OAUTHBEARER") != 0),
					 psprintf("security_protocol is %s, sasl_mechanism %s.", protocol,
							  mechanism != NULL ? mechanism : "GSSAPI"),
					 "The password or token leaves in clear text: set security_protocol to SASL_SSL.");
}

void
cdc_check_kafka_server(CdcCheckReport *out, const char *server)
{
	KafkaCheck	check = {0};
	List	   *overrides = list_make1(CDC_MAKE_DEFELEM("request_timeout", (Node *) makeString(PROBE_TIMEOUT)));

	check.out = out;
	check.source = cdc_kafka_source_open_named(server, GetUserId(), CDC_KAFKA_CONSUMER, overrides, false);
	cdc_check_report(out, "library", true, psprintf("librdkafka %s", cdc_kafka_library_version()), NULL);
	check_password(out, server);
	if (check_connection(&check))
	{
		check_brokers(&check);
		check_topics(&check);
		check_subscriptions(&check, server);
		if (check_offsets(&check))
		{
			check_clock(&check);
			check_read(&check);
		}
	}
	cdc_kafka_source_close(check.source);
	cdc_check_registry(out, GetForeignServerByName(server, false), GetUserId());
}
