/*-------------------------------------------------------------------------
 *
 * past.h
 *	  Questions about a place in the past of a history.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_PAST_H
#define CDC_PG_HISTORY_PAST_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "pg/catalog/subscription.h"

/*
 * The last event of a source transaction that was committed at that time, by the source's clock, or
 * before; 0: there is none.  Rows of copies do not count: they tell when they were read.
 */
extern int64 cdc_history_seq_at(const CdcSubscription *sub, TimestampTz at);

/* The last copy of the source table that has begun up to upto: its first event; 0: none has. */
extern int64 cdc_history_copy_before(const CdcSubscription *sub, const char *source_table, int64 upto);

/* Whether there is an event of the source table with that op from "from" up to upto. */
extern bool cdc_history_has_op(const CdcSubscription *sub, const char *source_table, const char *ops,
							   int64 from, int64 upto);

/* Whether events from "from" up to upto stand for copied rows of the source table that the history does not have. */
extern bool cdc_history_lacks_copied(const CdcSubscription *sub, const char *source_table, int64 from, int64 upto);

#endif							/* CDC_PG_HISTORY_PAST_H */
