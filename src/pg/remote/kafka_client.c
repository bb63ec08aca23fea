/*-------------------------------------------------------------------------
 *
 * kafka_client.c
 *	  Kafka clients inside a backend: who may use which server, with which
 *	  options, how a wait is interrupted, and that nothing stays open after an
 *	  ERROR.
 *
 * A consumer that was closed in peace is kept for a while: it is connected, and
 * knows the leaders of its partitions.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/remote/kafka_client.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_storage.h"
#include "pg/base/error.h"
#include "pg/base/snapshot.h"
#include "pg/options/kafka_options.h"
#include "pg/base/resource.h"
#include "pg/remote/server_access.h"
#include "source/thread.h"

/* Our eventfd, and a socket and a pipe for each of two broker threads. */
#define CLIENT_FDS			7

/* So many closed consumers are kept, for so long. */
#define KEPT_CLIENTS		2
#define KEPT_MS				30000

struct CdcKafkaSource
{
	CdcResource resource;		/* unowned: long-lived, or kept */
	CdcKafka   *kafka;
	CdcKafkaRole role;
	char	   *server;
	char	   *definition;		/* what it was made from */
	bool		kept;			/* nobody uses it */
	int64		kept_since_ms;
	int64		waited_us;
};

static void
destroy_source(CdcResource *resource)
{
	CdcKafkaSource *source = (CdcKafkaSource *) resource;

	cdc_kafka_destroy(source->kafka);
	pfree(source->definition);
	pfree(source->server);
	pfree(source);
}

static CdcResourceKind sources = {.free = destroy_source, .wait_exit = cdc_kafka_wait_exit};

/* Drops kept clients that are too old or too many. */
static void
drop_kept(void)
{
	int64		now = cdc_now_ms();
	CdcResource *resource;
	CdcResource *next;
	int			n = 0;

	for (resource = sources.first; resource != NULL; resource = next)
	{
		CdcKafkaSource *source = (CdcKafkaSource *) resource;

		next = resource->next;
		if (source->kept && (++n > KEPT_CLIENTS || now - source->kept_since_ms > KEPT_MS))
			cdc_resource_free(&sources, resource);
	}
}

void
cdc_kafka_source_close(CdcKafkaSource *source)
{
	if (source == NULL)
		return;
	if (source->role != CDC_KAFKA_CONSUMER || !cdc_kafka_usable(source->kafka))
	{
		cdc_resource_free(&sources, &source->resource);
		return;
	}
	cdc_kafka_reader_close(cdc_kafka_reader(source->kafka));
	source->resource.owner = NULL;
	source->kept = true;
	source->kept_since_ms = cdc_now_ms();
	drop_kept();
}

/*
 * Opening
 */

/* ERROR unless it is one of ours; the user's mapping, or NULL: a cluster without authentication. */
static UserMapping *
get_mapping(ForeignServer *server, Oid user)
{
	UserMapping *mapping;

	cdc_server_check_wrapper(server, CDC_KAFKA_FDW, "bootstrap_servers");
	mapping = cdc_server_user_mapping(server, user);
	cdc_server_check_kafka_identity(server, mapping, user);
	return mapping;
}

static char *
definition_of(ForeignServer *server, UserMapping *mapping, List *overrides)
{
	return psprintf("%u %s %s %s", server->serverid, nodeToString(server->options),
					mapping != NULL ? nodeToString(mapping->options) : "",
					nodeToString(overrides));
}

char *
cdc_kafka_source_definition(Oid serverid, Oid user, List *overrides)
{
	ForeignServer *server = GetForeignServer(serverid);

	return definition_of(server, get_mapping(server, user), overrides);
}

static CdcKafkaSource *
take_kept(const char *definition, CdcKafkaRole role)
{
	CdcResource *resource;

	for (resource = sources.first; resource != NULL; resource = resource->next)
	{
		CdcKafkaSource *source = (CdcKafkaSource *) resource;

		if (source->kept && source->role == role && strcmp(source->definition, definition) == 0 &&
			cdc_kafka_usable(source->kafka))
		{
			source->kept = false;
			source->waited_us = 0;
			return source;
		}
	}
	return NULL;
}

/* A client that knows no broker would look for one until connect_timeout. */
static void
check_brokers(const ForeignServer *server, const CdcKafkaOptions *options)
{
	int			i;

	for (i = 0; i < options->nproperties; i++)
	{
		const CdcKafkaProperty *p = &options->properties[i];

		if ((strcmp(p->name, "bootstrap.servers") == 0 ||
			 strcmp(p->name, "metadata.broker.list") == 0) && p->value[0] != '\0')
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
			 errmsg("server \"%s\" has no brokers", server->servername),
			 errhint("Set the server option bootstrap_servers: ALTER SERVER %s OPTIONS (ADD bootstrap_servers 'host:9092').",
					 quote_identifier(server->servername))));
}

static CdcKafkaSource *
new_source(ForeignServer *server, UserMapping *mapping, CdcKafkaRole role, List *overrides,
		   const char *definition)
{
	CdcKafkaSource *source;
	CdcKafkaOptions options;
	CdcStatus	st;
	CdcError	err;

	cdc_kafka_options_read(server->options, mapping != NULL ? mapping->options : NIL,
						   overrides, &options);
	check_brokers(server, &options);
	source = MemoryContextAllocZero(TopMemoryContext, sizeof(CdcKafkaSource));
	source->server = MemoryContextStrdup(TopMemoryContext, server->servername);
	source->definition = MemoryContextStrdup(TopMemoryContext, definition);
	source->role = role;
	cdc_resource_add(&sources, &source->resource, CLIENT_FDS);
	st = cdc_kafka_create(role, &options, &source->kafka, &err);
	if (cdc_failed(st))
	{
		cdc_resource_free(&sources, &source->resource);
		if (mapping == NULL && OidIsValid(server->serverid) && err.hint[0] == '\0')
			cdc_error_hint(&err, "There is no user mapping: CREATE USER MAPPING FOR ... SERVER %s OPTIONS (...).",
						   quote_identifier(server->servername));
		cdc_ereport(&err, NULL);
	}
	return source;
}

/* A kept client that was made from the same, or a new one. */
static CdcKafkaSource *
open_source(ForeignServer *server, UserMapping *mapping, CdcKafkaRole role, List *overrides,
			bool long_lived)
{
	char	   *definition = definition_of(server, mapping, overrides);
	CdcKafkaSource *source;

	drop_kept();
	source = take_kept(definition, role);
	if (source == NULL)
		source = new_source(server, mapping, role, overrides, definition);
	source->resource.owner = long_lived ? NULL : CurrentResourceOwner;
	pfree(definition);
	return source;
}

CdcKafkaSource *
cdc_kafka_source_open(Oid serverid, Oid user, CdcKafkaRole role, List *overrides, bool long_lived)
{
	ForeignServer *server = GetForeignServer(serverid);

	return open_source(server, get_mapping(server, user), role, overrides, long_lived);
}

CdcKafkaSource *
cdc_kafka_source_open_brokers(const char *brokers, CdcKafkaRole role, List *overrides,
							  bool long_lived)
{
	ForeignServer server;

	memset(&server, 0, sizeof(server));
	server.servername = (char *) brokers;
	server.options = list_make1(CDC_MAKE_DEFELEM("bootstrap_servers",
												 (Node *) makeString(pstrdup(brokers))));
	return open_source(&server, NULL, role, overrides, long_lived);
}

CdcKafkaSource *
cdc_kafka_source_open_named(const char *server_name, Oid user, CdcKafkaRole role, List *overrides,
							bool long_lived)
{
	ForeignServer *found = GetForeignServerByName(server_name, false);

	cdc_server_check_usage(found, user);
	return cdc_kafka_source_open(found->serverid, user, role, overrides, long_lived);
}

CdcKafka *
cdc_kafka_source_client(CdcKafkaSource *source)
{
	return source->kafka;
}

const char *
cdc_kafka_source_server(CdcKafkaSource *source)
{
	return source->server;
}

int64
cdc_kafka_source_waited_us(CdcKafkaSource *source)
{
	return source->waited_us;
}

/*
 * Waiting
 */

/* A time limit of the client's is looked at this often. */
#define LOOK_MS		1000

bool
cdc_kafka_source_wait(CdcKafkaSource *source, long timeout_ms)
{
	int			events = WL_LATCH_SET | WL_SOCKET_READABLE | CDC_WL_PM_DEATH | WL_TIMEOUT;
	instr_time	began;
	instr_time	ended;
	bool		let_go;
	int			rc;

	if (timeout_ms < 0 || timeout_ms > LOOK_MS)
		timeout_ms = LOOK_MS;
	CHECK_FOR_INTERRUPTS();
	let_go = timeout_ms != 0 && cdc_snapshot_let_go();
	INSTR_TIME_SET_CURRENT(began);
	rc = CDC_WAIT_LATCH_OR_SOCKET(MyLatch, events, cdc_kafka_fd(source->kafka), timeout_ms);
	INSTR_TIME_SET_CURRENT(ended);
	INSTR_TIME_SUBTRACT(ended, began);
	source->waited_us += INSTR_TIME_GET_MICROSEC(ended);
	if (let_go)
		cdc_snapshot_push();
	if (rc & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CDC_CHECK_PM_DEATH(rc);
	CHECK_FOR_INTERRUPTS();
	return (rc & WL_SOCKET_READABLE) != 0;
}

/* Until the posted request is answered. */
static CdcStatus
wait_answer(CdcKafkaSource *source, CdcError *err)
{
	CdcStatus	st;

	while ((st = cdc_kafka_request_poll(source->kafka, err)) == CDC_MORE)
		(void) cdc_kafka_source_wait(source, -1);
	return st;
}

static void
check_answer(CdcKafkaSource *source)
{
	CdcError	err;

	if (cdc_failed(wait_answer(source, &err)))
		cdc_ereport(&err, NULL);
}

/*
 * Requests
 */

static CdcKafkaTopic
palloc_topic(const CdcKafkaTopic *from)
{
	CdcKafkaTopic topic = *from;
	Size		size = from->npartitions * sizeof(CdcKafkaPartition);
	CdcKafkaPartition *partitions = palloc(Max(size, 1));

	memcpy(partitions, from->partitions, size);
	topic.partitions = partitions;
	topic.name = pstrdup(from->name);
	topic.error = from->error != NULL ? pstrdup(from->error) : NULL;
	return topic;
}

static CdcKafkaMetadata *
palloc_metadata(const CdcKafkaMetadata *from)
{
	CdcKafkaMetadata *md = palloc(sizeof(CdcKafkaMetadata));
	CdcKafkaBroker *brokers = palloc(Max(from->nbrokers, 1) * sizeof(CdcKafkaBroker));
	CdcKafkaTopic *topics = palloc(Max(from->ntopics, 1) * sizeof(CdcKafkaTopic));
	int			i;

	*md = *from;
	for (i = 0; i < from->nbrokers; i++)
	{
		brokers[i] = from->brokers[i];
		brokers[i].host = pstrdup(from->brokers[i].host);
	}
	for (i = 0; i < from->ntopics; i++)
		topics[i] = palloc_topic(&from->topics[i]);
	md->brokers = brokers;
	md->topics = topics;
	md->cluster_id = from->cluster_id != NULL ? pstrdup(from->cluster_id) : NULL;
	return md;
}

CdcStatus
cdc_kafka_source_try_metadata(CdcKafkaSource *source, const char *topic,
							  CdcKafkaMetadata **metadata, CdcError *err)
{
	CdcStatus	st;

	*metadata = NULL;
	cdc_kafka_request_metadata(source->kafka, topic);
	st = wait_answer(source, err);
	if (!cdc_failed(st))
		*metadata = palloc_metadata(cdc_kafka_metadata(source->kafka));
	return st;
}

CdcKafkaMetadata *
cdc_kafka_source_metadata(CdcKafkaSource *source, const char *topic)
{
	CdcKafkaMetadata *metadata;
	CdcError	err;

	if (cdc_failed(cdc_kafka_source_try_metadata(source, topic, &metadata, &err)))
		cdc_ereport(&err, NULL);
	return metadata;
}

CdcKafkaTopic *
cdc_kafka_source_topic(CdcKafkaSource *source, const char *name)
{
	CdcKafkaMetadata *metadata = cdc_kafka_source_metadata(source, name);
	const CdcKafkaTopic *topic;
	CdcError	err;

	topic = metadata->ntopics == 1 ? &metadata->topics[0] : NULL;
	if (topic == NULL || (topic->status == CDC_OK && topic->npartitions == 0))
	{
		cdc_error(&err, CDC_ERR_CONFIG, "topic \"%s\" does not exist at server \"%s\"", name, source->server);
		cdc_ereport(&err, NULL);
	}
	if (topic->status != CDC_OK)
	{
		cdc_error(&err, topic->status, "could not read topic \"%s\" of server \"%s\": %s", name,
				  source->server, topic->error);
		if (topic->status == CDC_ERR_PRIVILEGE)
			cdc_error_hint(&err, "Grant the user of the user mapping the operations Read and Describe on the topic.");
		cdc_ereport(&err, NULL);
	}
	return (CdcKafkaTopic *) topic;
}

static void
take_bounds(CdcKafkaSource *source, CdcKafkaBounds *bounds, int n)
{
	int			answered;
	const CdcKafkaBounds *answer = cdc_kafka_bounds(source->kafka, &answered);
	int			i;

	for (i = 0; i < n && i < answered; i++)
	{
		bounds[i].low = answer[i].low;
		bounds[i].high = answer[i].high;
		bounds[i].offset = answer[i].offset;
	}
}

CdcStatus
cdc_kafka_source_try_watermarks(CdcKafkaSource *source, CdcKafkaBounds *bounds, int n, CdcError *err)
{
	CdcStatus	st;

	cdc_kafka_request_watermarks(source->kafka, bounds, n);
	st = wait_answer(source, err);
	if (!cdc_failed(st))
		take_bounds(source, bounds, n);
	return st;
}

void
cdc_kafka_source_watermarks(CdcKafkaSource *source, CdcKafkaBounds *bounds, int n)
{
	CdcError	err;

	if (cdc_failed(cdc_kafka_source_try_watermarks(source, bounds, n, &err)))
		cdc_ereport(&err, NULL);
}

void
cdc_kafka_source_offsets_at(CdcKafkaSource *source, CdcKafkaBounds *bounds, int n, int64 ts_ms)
{
	cdc_kafka_request_offsets_at(source->kafka, bounds, n, ts_ms);
	check_answer(source);
	take_bounds(source, bounds, n);
}

/*
 * Messages
 */

CdcStatus
cdc_kafka_source_read(CdcKafkaSource *source, CdcKafkaReader *reader, CdcKafkaMessage *msg)
{
	CdcError	err;
	CdcStatus	st;

	while ((st = cdc_kafka_reader_poll(reader, msg, &err)) == CDC_MORE)
		(void) cdc_kafka_source_wait(source, -1);
	if (cdc_failed(st))
		cdc_ereport(&err, NULL);
	return st;
}
