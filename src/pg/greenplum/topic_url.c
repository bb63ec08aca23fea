/*-------------------------------------------------------------------------
 *
 * topic_url.c
 *	  The URL of an external table over a topic: checked, as options, as a client.
 *
 * Everybody can read the URLs of external tables.  Their options are those of a foreign
 * table, which holds no secrets; what wants authentication names a foreign server.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/greenplum/topic_url.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"

#include "core/kafka_url.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/options/kafka_options.h"
#include "pg/remote/server_access.h"
#include "pg/topic/table.h"

/* So much memory a URL may take, with the ranges of many partitions. */
#define MAX_URL_BYTES	(64 * 1024 * 1024)

static DefElem *
make_option(const char *name, const char *value)
{
	char	   *option = pstrdup(name);
	char	   *at;

	/* properties may be written as librdkafka has them */
	for (at = option; *at != '\0'; at++)
		if (*at == '.')
			*at = '_';
	return CDC_MAKE_DEFELEM(option, (Node *) makeString(pstrdup(value)));
}

/* ERROR where an option stands in a URL twice, in whichever spelling: both are named as they are there. */
static void
check_twice(const CdcKafkaUrl *parts)
{
	int			i;
	int			k;

	for (i = 0; i < parts->noptions; i++)
		for (k = 0; k < i; k++)
			if (strcmp(make_option(parts->options[i].name, "")->defname,
					   make_option(parts->options[k].name, "")->defname) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
						 strcmp(parts->options[i].name, parts->options[k].name) == 0 ?
						 errmsg("option \"%s\" is given twice", parts->options[i].name) :
						 errmsg("options \"%s\" and \"%s\" are the same", parts->options[k].name,
								parts->options[i].name)));
}

CdcTopicUrl *
cdc_topic_url_read(const char *text)
{
	static CdcArena *arena = NULL;
	CdcTopicUrl *url = palloc0(sizeof(CdcTopicUrl));
	CdcKafkaUrl parts;
	CdcError	err;
	int			i;

	if (arena == NULL && (arena = cdc_arena_create(MAX_URL_BYTES)) == NULL)
		cdc_out_of_memory();
	cdc_arena_reset(arena);
	if (cdc_failed(cdc_kafka_url_parse(text, arena, &parts, &err)))
		cdc_ereport(&err, NULL);
	check_twice(&parts);
	url->brokers = parts.brokers ? pstrdup(parts.brokers) : NULL;
	url->server = parts.server ? pstrdup(parts.server) : NULL;
	url->topic = pstrdup(parts.topic);
	url->options = list_make1(make_option("topic", parts.topic));
	for (i = 0; i < parts.noptions; i++)
		url->options = lappend(url->options,
							   make_option(parts.options[i].name, parts.options[i].value));
	url->has_ranges = parts.has_ranges;
	url->nranges = parts.nranges;
	url->ranges = palloc(sizeof(CdcKafkaRange) * Max(parts.nranges, 1));
	for (i = 0; i < parts.nranges; i++)
	{
		url->ranges[i].partition = parts.ranges[i].partition;
		url->ranges[i].from = parts.ranges[i].from;
		url->ranges[i].to = parts.ranges[i].to;
	}
	return url;
}

Oid
cdc_topic_url_server(const CdcTopicUrl *url)
{
	ForeignServer *server;

	if (url->server == NULL)
		return InvalidOid;
	server = GetForeignServerByName(url->server, false);
	cdc_server_check_wrapper(server, CDC_KAFKA_FDW, "bootstrap_servers");
	cdc_server_check_usage(server, GetUserId());
	return server->serverid;
}

void
cdc_topic_url_check(const CdcTopicUrl *url, bool writes)
{
	ListCell   *lc;
	CdcError	err;

	foreach(lc, url->options)
		cdc_kafka_check_option(SCOPE_KAFKA_TABLE, url->options, lfirst(lc));
	cdc_kafka_table_check_options(url->options);
	if (url->has_ranges)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("option \"%s\" cannot be set", "cdc.ranges"),
				 errdetail("The master sets it for each statement.")));
	if (url->brokers != NULL &&
		cdc_failed(cdc_kafka_property_check("bootstrap.servers", cdc_to_utf8(url->brokers), &err)))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid brokers \"%s\"", url->brokers)));
	if (writes && url->server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a writable external table wants a server for its topic"),
				 errhint("Make one with CREATE SERVER bus FOREIGN DATA WRAPPER cdc_kafka OPTIONS (bootstrap_servers '%s') and write kafka:///%s?server=bus.",
						 url->brokers, url->topic)));
	(void) cdc_topic_url_server(url);
}

CdcKafkaSource *
cdc_topic_url_open(const CdcTopicUrl *url)
{
	List	   *options = lcons(make_option("fetch_wait_max_ms", "10"), list_copy(url->options));

	if (url->server != NULL)
		return cdc_kafka_source_open_named(url->server, GetUserId(), CDC_KAFKA_CONSUMER, options,
										   false);
	return cdc_kafka_source_open_brokers(url->brokers, CDC_KAFKA_CONSUMER, options, false);
}

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */
