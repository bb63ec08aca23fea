/*-------------------------------------------------------------------------
 *
 * append.h
 *	  Appending to a subscription's history table: rows are collected and
 *	  written with multi-inserts, in seq order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_APPEND_H
#define CDC_PG_HISTORY_APPEND_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"
#include "utils/jsonb.h"

typedef struct CdcHistory CdcHistory;

typedef struct CdcHistoryRow
{
	int64		seq;
	TimestampTz source_ts;		/* 0 = NULL */
	const char *source_table;	/* or NULL */
	char		op;				/* CdcOp */
	const char *position;		/* or NULL */
	const char *gtid;			/* or NULL */
	const Jsonb *event;			/* NULL where JSONB cannot hold it at all */
	const char *raw;			/* or NULL */
	size_t		raw_len;
	bool		commit;			/* last row of its source transaction */
	const Jsonb *key;			/* of a message, where the event does not tell it; or NULL */
} CdcHistoryRow;

/* Opens for this transaction; finds or makes the partition for now(). */
extern CdcHistory *cdc_history_open(const CdcSubscription *sub);
extern void cdc_history_append(CdcHistory *history, const CdcHistoryRow *row);	/* copies */
extern void cdc_history_close(CdcHistory *history); /* flushes */

/*
 * Settings under which plans that read history in order follow the index on seq;
 * undone by AtEOXact_GUC(true, level) with the level that is returned.
 */
extern int	cdc_history_follow_index(void);

#endif							/* CDC_PG_HISTORY_APPEND_H */
