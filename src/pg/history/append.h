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
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct CdcHistory CdcHistory;

/* A row to be appended; texts are in the database's encoding. */
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
	const Jsonb *key;			/* of a message, where the event does not have it; or NULL */
} CdcHistoryRow;

/*
 * Opens a history for appending in this transaction; finds or makes the partition for
 * now().  Memory is of the transaction; what is open is given back by cdc_history_close()
 * or by abort.
 */
extern CdcHistory *cdc_history_open(const CdcSubscription *sub);

/* The row's original bytes, which it has, as a bytea; ERROR where they are too many. */
extern Datum cdc_history_raw(const CdcHistoryRow *row);

/* Appends a row, of which all is copied.  seq has to grow. */
extern void cdc_history_append(CdcHistory *history, const CdcHistoryRow *row);

/* Writes the rows that wait and frees the history. */
extern void cdc_history_close(CdcHistory *history);

#endif							/* CDC_PG_HISTORY_APPEND_H */
