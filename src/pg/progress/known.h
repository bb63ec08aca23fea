/*-------------------------------------------------------------------------
 *
 * known.h
 *	  What a history tells of the rows that a source table had: the rows of
 *	  cdc_catalog.table_known.
 *
 *	  From the end of a copy of all rows on, or from the statement that made the table, the events
 *	  of the history add up to what the source had, at each commit; up to where that is lost,
 *	  as rows were changed without an event, or events are missing.  While a copy is read its
 *	  rows are of several places of the source, and no event tells which.
 *
 *	  And by which mappings its targets were filled before they had the present ones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROGRESS_KNOWN_H
#define CDC_PG_PROGRESS_KNOWN_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"

typedef enum CdcKnownKind
{
	CDC_KNOWN_COPIED = 'c',
	CDC_KNOWN_MADE = 'm',		/* by the stream: no row is older */
	CDC_KNOWN_LOST = 'l'
} CdcKnownKind;

typedef struct CdcKnown
{
	CdcKnownKind kind;
	int64		from_seq;		/* of the first event; of CDC_KNOWN_LOST, of the last one that is good */
	int64		events_seq;		/* of a copy: from this one on changes are its own; PG_INT64_MAX: none is */
	int64		sync_seq;		/* behind this one rows are of one place of the source */
	bool		whole;			/* it has all rows */
} CdcKnown;

/* Those of a source table, the newest first: of CdcKnown *, palloc'ed. */
extern List *cdc_known(const CdcSubscription *sub, const char *source_table);

/* The stream has passed the copies of the source table, with its last event. */
extern void cdc_known_copied(const CdcSubscription *sub, const char *source_table, int64 sync_seq);

/* The stream has made the source table, of which it has recorded the definition. */
extern void cdc_known_made(const CdcSubscription *sub, const char *source_table);

/*
 * From here on the events do not tell what rows the source has: of the table of that name, or of
 * that source table; NULL: of all tables.  What apply has come to was good; of all tables, what pull
 * has.
 */
extern void cdc_known_lost(const CdcSubscription *sub, const char *name);

/* The same of a source table, from behind that event on. */
extern void cdc_known_lost_behind(const CdcSubscription *sub, const char *source_table, int64 seq);

/* The table of that name ends: what its target had up to here was made by its mapping. */
extern void cdc_known_mapped(const CdcSubscription *sub, const char *name);

/*
 * The last event when the table of that name, or its target, had another mapping than now; -1: it never had,
 * as far as is known.
 */
extern int64 cdc_known_mapped_until(const CdcSubscription *sub, const char *name);

#endif							/* CDC_PG_PROGRESS_KNOWN_H */
