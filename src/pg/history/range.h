/*-------------------------------------------------------------------------
 *
 * range.h
 *	  What a range of history has, found by the segments where it is: which source
 *	  tables, how many events of each, and where something else than rows stands; and
 *	  questions about a place in the past.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_RANGE_H
#define CDC_PG_HISTORY_RANGE_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "pg/catalog/subscription.h"

/* The events of one source table. */
typedef struct CdcRangeTable
{
	char	   *source_table;	/* NULL: of events that are of none */
	int64		events;
	int64		first;			/* seq */
	int64		last;
	int64		deletes;
	int64		copied;			/* rows of copies */
	int64		raw;			/* events that JSONB cannot hold */
} CdcRangeTable;

typedef struct CdcRange
{
	int64		events;
	int64		first_other;	/* seq of the first event that is no row; 0: there is none */
	int64		last_other;
	List	   *tables;			/* of CdcRangeTable * */
} CdcRange;

/* Fills range with what history has behind after, up to and including upto; palloc'ed. */
extern void cdc_history_range(const CdcSubscription *sub, int64 after, int64 upto, CdcRange *range);

/* When the event with this seq was committed at the source; 0: not known. */
extern TimestampTz cdc_history_source_ts(const CdcSubscription *sub, int64 seq);

/*
 * Appends "s.history AS h WHERE ..." for the rows of one source table in a range: seq above $1,
 * up to $2, source table $3.
 */
extern void cdc_history_append_rows(StringInfo sql, const CdcSubscription *sub);

/* ---- a place in the past ---- */

/*
 * The last event of a source transaction that was committed at that time, by the source's clock, or
 * before; 0: there is none.  Rows of copies do not count: they tell when they were read.
 */
extern int64 cdc_history_seq_at(const CdcSubscription *sub, TimestampTz at);

/* An event of the stream; seq 0: there is none. */
typedef struct CdcDatedEvent
{
	int64		seq;
	TimestampTz source_ts;		/* 0: not known */
	TimestampTz ingested_at;	/* when it was read */
} CdcDatedEvent;

/* The first event from "from" up to upto that is of no copy, and that the source dates later than at. */
extern CdcDatedEvent cdc_history_first_later(const CdcSubscription *sub, int64 from, int64 upto, TimestampTz at);

/* Whether the event with this seq is one of DDL that begins at that place of the source's binlog. */
extern bool cdc_history_is_ddl_at(const CdcSubscription *sub, int64 seq, const char *position);

/* The last copy of the source table that has begun up to upto: its first event; 0: none has. */
extern int64 cdc_history_copy_before(const CdcSubscription *sub, const char *source_table, int64 upto);

/* Whether there is an event of the source table with that op from "from" up to upto. */
extern bool cdc_history_has_op(const CdcSubscription *sub, const char *source_table, const char *ops,
							   int64 from, int64 upto);

/* Whether events from "from" up to upto stand for copied rows of the source table that the history does not have. */
extern bool cdc_history_lacks_copied(const CdcSubscription *sub, const char *source_table, int64 from, int64 upto);

#endif							/* CDC_PG_HISTORY_RANGE_H */
