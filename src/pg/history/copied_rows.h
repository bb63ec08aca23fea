/*-------------------------------------------------------------------------
 *
 * copied_rows.h
 *	  Rows of a copy that the history is not to keep (option copy_history): they wait beside
 *	  it, in cdc_catalog.copied_rows, until apply comes to the event that stands for them.
 *
 *	  To apply they are events of op 'r' at that event's place, whose documents have "data"
 *	  only.  They are written in the transaction that appends the event, and taken away in the
 *	  one that applies them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_COPIED_ROWS_H
#define CDC_PG_HISTORY_COPIED_ROWS_H

#include "pg/base/compat.h"
#include "core/change.h"
#include "pg/catalog/subscription.h"
#include "pg/history/scan.h"

/* The type of the event that stands for rows. */
#define CDC_COPIED_ROWS		"bootstrap-rows"

/* Rows that are being written; palloc'ed in the current context, which has to stay. */
typedef struct CdcCopiedRows CdcCopiedRows;

/*
 * Begins to keep rows of a source table (in the database's encoding) for the event with this
 * seq, which is to be appended behind the last of them.  One at a time in the process.
 */
extern CdcCopiedRows *cdc_copied_rows_begin(const CdcSubscription *sub, const char *source_table,
											int64 seq, const CdcTransaction *txn);
extern void cdc_copied_rows_add(CdcCopiedRows *rows, const CdcChange *change);

/* Writes what waits; returns how many rows there are. */
extern int64 cdc_copied_rows_end(CdcCopiedRows *rows);

/*
 * Visits the rows of an event that stands for some, "wanted" of them; of each what is valid
 * during the visit is the event's, but for op and document.  ERROR where there are not so
 * many, unless the visitor has ended it, or the table is copied once more as a whole.
 */
extern void cdc_copied_rows_visit(const CdcSubscription *sub, const CdcHistoryEvent *event,
								  int64 wanted, CdcHistoryVisitor visit, void *arg);

/* Takes away the rows of an event. */
extern void cdc_copied_rows_delete(const CdcSubscription *sub, int64 seq);

/*
 * Takes away those of a source table that were kept for events up to this seq, and those of
 * tables that are not in a copy any more.
 */
extern void cdc_copied_rows_delete_upto(const CdcSubscription *sub, const char *source_table,
										int64 seq);

#endif							/* CDC_PG_HISTORY_COPIED_ROWS_H */
