/*-------------------------------------------------------------------------
 *
 * copy.h
 *	  The initial copy of tables of MySQL or MariaDB into the history.
 *
 * The caller decides what the copy's place means for its stream of changes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_COPY_COPY_H
#define CDC_PG_COPY_COPY_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"
#include "pg/copy/snapshot.h"
#include "pg/history/event_writer.h"
#include "pg/schema/schema.h"

/* When a copy that could not join the binlog is worth another try, in milliseconds. */
#define CDC_COPY_RETRY_MS	60000

/* What a copy works with; all of it stays the caller's. */
typedef struct CdcCopy
{
	const CdcSubscription *sub;
	List	   *tables;			/* of CdcSubscriptionTable *: see cdc_copy_tables() */
	CdcControl	control;		/* queries beside the snapshot */
	const char *address;		/* the host that control is connected to */
	CdcSchema  *schema;			/* definitions are stored there */
	CdcEventOutput *out;		/* rows go there, as one transaction */
	bool		first;			/* the stream is to begin where the snapshot was taken; else
								 * it is running */
} CdcCopy;

/* Whether tables wait for their initial copy. */
extern bool cdc_copy_pending(const CdcSubscription *sub);

/*
 * These tables, palloc'ed.  Those whose rows are not wanted need no copy: they
 * become ready at once, and are not in the list.
 */
extern List *cdc_copy_tables(const CdcSubscription *sub);

/*
 * Whether the stream has to pass snap->to before the copied tables are as of one
 * place; their state says so until then.
 */
static inline bool
cdc_copy_joins(const CdcCopy *copy, const CdcSnapshot *snap)
{
	return !(copy->first && snap->exact);
}

/*
 * Copies the tables from a snapshot, over a connection of its own.  A table that
 * cannot be copied gets state 'e' and a WARNING.  When the source is in the way of
 * a snapshot whose place is known, an ERROR where first, else false and a WARNING:
 * the caller tries again after CDC_COPY_RETRY_MS.
 *
 * It may take hours, in which nothing is read from other connections.
 */
extern bool cdc_copy_run(const CdcCopy *copy, CdcSnapshot *snap);

#endif							/* CDC_PG_COPY_COPY_H */
