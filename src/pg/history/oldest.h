/*-------------------------------------------------------------------------
 *
 * oldest.h
 *	  The age of the first event of a history behind a place, for the views.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_OLDEST_H
#define CDC_PG_HISTORY_OLDEST_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"

typedef struct CdcHistoryTimes
{
	TimestampTz ingested_at;	/* when it came into history; 0: unknown */
	TimestampTz source_ts;		/* its commit at the source; 0: unknown */
} CdcHistoryTimes;

/*
 * Of the first event behind seq after, as the active snapshot sees it.  false: there is
 * none, or nobody can say now: who looks waits for no lock, and no code but the
 * server's own runs, whatever the history's owner has made of it.
 */
extern bool cdc_history_times_after(Oid history, int64 after, CdcHistoryTimes *times);

#endif							/* CDC_PG_HISTORY_OLDEST_H */
