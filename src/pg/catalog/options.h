/*-------------------------------------------------------------------------
 *
 * options.h
 *	  The options of servers, user mappings and subscriptions: one table of
 *	  names, types, defaults and texts; the validators and parsers read it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_OPTIONS_H
#define CDC_PG_CATALOG_OPTIONS_H

#include "pg/base/compat.h"
#include "core/event.h"
#include "pg/datum/convert.h"
#include "utils/jsonb.h"

/* How a history table is partitioned (by ingested_at). */
typedef enum CdcHistoryPartition
{
	CDC_PARTITION_MONTH,
	CDC_PARTITION_DAY,
	CDC_PARTITION_NONE
} CdcHistoryPartition;

/* XA COMMIT of what was prepared before the binlogs at hand. */
typedef enum CdcXaUnknown
{
	CDC_XA_UNKNOWN_ERROR,
	CDC_XA_UNKNOWN_LOG
} CdcXaUnknown;

/* What pull does with a message that is not what the format says. */
typedef enum CdcOnError
{
	CDC_ON_ERROR_STOP,
	CDC_ON_ERROR_LOG
} CdcOnError;

/* Kafka: where the source's transactions end. */
typedef enum CdcCommitBoundary
{
	CDC_BOUNDARY_AUTO,			/* as PARTITION when there is one partition, else MESSAGE */
	CDC_BOUNDARY_MESSAGE,		/* behind each message */
	CDC_BOUNDARY_PARTITION		/* where a message of the partition says so */
} CdcCommitBoundary;

/* cdc.subscription.options, defaults filled in (src/pg/catalog/options.c has the list). */
typedef struct CdcSubscriptionOptions
{
	int			batch_events;	/* a pull transaction of a worker closes after this many events */
	int			batch_bytes;	/* ... or this many bytes of binlog */
	int			batch_delay_ms; /* ... or this time after its first event */
	int			memory_limit;	/* bytes of a source transaction held in memory */
	int			apply_memory_limit; /* bytes of reduced rows that apply keeps */
	bool		synchronous_commit; /* of the workers; off loses nothing, see doc */
	CdcZeroDate zero_date;
	CdcNulInText nul_in_text;
	bool		tinyint1_boolean;
	bool		bit1_boolean;
	CdcHistoryPartition history_partition;
	CdcXaUnknown xa_unknown;
	CdcOnError	on_error;
	CdcCommitBoundary commit_boundary;
	int			commit_wait_ms; /* for the rest of a transaction in a partition */
	int			metadata_refresh_ms;
	const char *group_id;		/* NULL: made of database and subscription; "": none */
	CdcEventOptions event;
} CdcSubscriptionOptions;

typedef enum CdcPublishFormat
{
	CDC_PUBLISH_MAXWELL,		/* the event as it is */
	CDC_PUBLISH_JSON,			/* the row; deletes are tombstones */
	CDC_PUBLISH_ES_BULK			/* lines of Elasticsearch's bulk API */
} CdcPublishFormat;

/* cdc.publication.options, defaults filled in (options.c has the list). */
typedef struct CdcPublicationOptions
{
	bool		tombstones;		/* a message without a value after each delete */
	const char *ddl_topic;		/* template; "" = DDL is left out */
	const char *raw_topic;		/* of events that belong to no table */
	const char *index_template; /* es_bulk: _index */
	const char *transactional_id;	/* or NULL */
} CdcPublicationOptions;

/*
 * Fills *opt from a subscription's options (a JSON object; NULL or {} = all
 * defaults).  ERROR with a hint that lists the valid names or values when an
 * option is unknown or does not fit.
 */
extern void cdc_subscription_options_parse(const Jsonb *options, CdcSubscriptionOptions *opt);

/* The same for a publication's. */
extern void cdc_publication_options_parse(const Jsonb *options, CdcPublicationOptions *opt);

/* ERROR when apply could not work with the events as they are asked for. */
extern void cdc_subscription_options_check_replicas(const CdcSubscriptionOptions *opt);

#endif							/* CDC_PG_CATALOG_OPTIONS_H */
