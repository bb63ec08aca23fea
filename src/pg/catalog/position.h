/*-------------------------------------------------------------------------
 *
 * position.h
 *	  Where pull and apply of a subscription stand: cdc.subscription_position and
 *	  cdc.subscription_progress, read and moved in the caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_POSITION_H
#define CDC_PG_CATALOG_POSITION_H

#include "pg/base/compat.h"
#include "core/gtid.h"
#include "datatype/timestamp.h"
#include "pg/catalog/subscription.h"

/* cdc.subscription_position: only pull writes it. */
typedef struct CdcPosition
{
	/* where in the source; Kafka has rows in cdc.subscription_partition instead */
	char	   *file;			/* NULL: nothing was pulled yet */
	int64		file_offset;	/* bytes */
	char	   *gtid_set;		/* NULL: the source has no GTIDs */
	char	   *source_uuid;	/* what names the server, or NULL */
	char	   *last_event;		/* what proves that the source's log is the one that was read,
								 * see pull_binlog/proof.c; or NULL */
	int64		server_id_salt; /* what makes our server ids others */
	char	   *source_address; /* which of the hosts it is, or NULL */
	int64		version;		/* Kafka: grows with each change of those rows */

	/* where in the history */
	int64		last_seq;		/* of the last event; 0 = none */
	TimestampTz source_ts;		/* commit time of the last transaction seen; 0 = none */

	/* counters since creation */
	int64		transactions;
	int64		events;
	int64		bytes;
	int64		skipped_events; /* of unknown types that may be ignored */

	int64		changes;		/* number of the last change of a table that was recorded */
} CdcPosition;

/*
 * Reads the row as last committed, if the writer's lock was taken before
 * (cdc_subscription_lock()); strings are palloc'ed in the current context.  ERROR
 * when the subscription is gone.
 */
extern void cdc_position_get(const CdcSubscription *sub, CdcPosition *pos);
extern void cdc_position_set(const CdcSubscription *sub, const CdcPosition *pos);

/* Kafka: whether pull reads more than one partition. */
extern bool cdc_position_has_partitions(const CdcSubscription *sub);

/* From the next dump on our server ids at the source are others. */
extern void cdc_position_new_server_id(const CdcSubscription *sub);

/* cdc.subscription_progress: only apply writes it. */
typedef struct CdcProgress
{
	int64		applied_seq;	/* all events up to this one are in the targets */
	char	   *position;		/* of that event, as in the history; or NULL */
	char	   *gtid;			/* likewise */
	TimestampTz source_ts;		/* its commit time; 0 = unknown */
} CdcProgress;

/* As the functions for positions. */
extern void cdc_progress_get(const CdcSubscription *sub, CdcProgress *progress);
extern void cdc_progress_set(const CdcSubscription *sub, const CdcProgress *progress);

/*
 * Splits "file:offset" of a binlog; false when text is not of that form.  *file
 * is palloc'ed.
 */
extern bool cdc_position_parse(const char *text, char **file, int64 *offset);

/*
 * The set of GTIDs that text says.  Malloc'ed: cdc_gtid_set_destroy() frees it.
 * ERROR, which names the subscription, where text is no such set.
 */
extern CdcGtidSet *cdc_position_parse_gtids(CdcFlavor flavor, const char *text,
											const char *subscription);

#endif							/* CDC_PG_CATALOG_POSITION_H */
