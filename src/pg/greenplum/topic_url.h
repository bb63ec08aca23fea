/*-------------------------------------------------------------------------
 *
 * topic_url.h
 *	  The URL of an external table over a topic: checked, as options, as a client.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_GREENPLUM_TOPIC_URL_H
#define CDC_PG_GREENPLUM_TOPIC_URL_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"

#include "pg/remote/kafka_ranges.h"

typedef struct CdcTopicUrl
{
	const char *brokers;		/* NULL: those of the server */
	const char *server;			/* name of a foreign server; NULL: none */
	const char *topic;
	List	   *options;		/* DefElems as of a foreign table, the topic among them */
	bool		has_ranges;		/* the master said what is to be read */
	int			nranges;
	CdcKafkaRange *ranges;
} CdcTopicUrl;

/* Takes a URL apart, palloc'ed.  ERROR where it is none. */
extern CdcTopicUrl *cdc_topic_url_read(const char *text);

/*
 * ERROR unless the current user may make a table with the URL: for options that do not
 * belong there, such as secrets, and a server that is not there or not his to use.
 */
extern void cdc_topic_url_check(const CdcTopicUrl *url, bool writes);

/* The server, on which the current user has USAGE; InvalidOid: the URL names none. */
extern Oid	cdc_topic_url_server(const CdcTopicUrl *url);

/* A consumer for the current user, which belongs to the current resource owner. */
extern CdcKafkaSource *cdc_topic_url_open(const CdcTopicUrl *url);

#endif							/* CDC_PG_GREENPLUM_TOPIC_URL_H */
