/*-------------------------------------------------------------------------
 *
 * kafka_url.h
 *	  URLs of topics: kafka://host:9092,other:9092/topic?option=value&...
 *
 * Names and values of options are percent-decoded.  Without brokers, as in
 * kafka:///topic?server=bus, the option server names a foreign server.
 *
 * Who plans a statement says in the URL which messages each of its processes reads:
 * "cdc.ranges=0:5-100,2:0-7" are the offsets 5 to 99 of partition 0 and 0 to 6 of
 * partition 2.  Nobody may write that into a table's URL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_KAFKA_URL_H
#define CDC_CORE_KAFKA_URL_H

#include "core/arena.h"
#include "core/status.h"

#define CDC_KAFKA_URL_SCHEME	"kafka://"

typedef struct CdcKafkaUrlOption
{
	const char *name;
	const char *value;
} CdcKafkaUrlOption;

typedef struct CdcKafkaUrlRange
{
	int32_t		partition;
	int64_t		from;
	int64_t		to;				/* the offset behind the last one */
} CdcKafkaUrlRange;

typedef struct CdcKafkaUrl
{
	const char *brokers;		/* NULL: those of the server */
	const char *server;			/* NULL: none */
	const char *topic;
	int			noptions;		/* all but server and cdc.ranges */
	CdcKafkaUrlOption *options;
	bool		has_ranges;
	int			nranges;
	CdcKafkaUrlRange *ranges;
} CdcKafkaUrl;

/*
 * Takes a URL apart; what it is made of is in the arena.  It fails for what is no such
 * URL (CDC_ERR_SYNTAX); what options mean is up to the caller.
 */
extern CdcStatus cdc_kafka_url_parse(const char *text, CdcArena *arena, CdcKafkaUrl *url,
									 CdcError *err);

/* Appends ranges to a URL that has none. */
extern bool cdc_kafka_url_add_ranges(CdcBuf *buf, const char *text, const CdcKafkaUrlRange *ranges,
									 int nranges);

#endif							/* CDC_CORE_KAFKA_URL_H */
