/*-------------------------------------------------------------------------
 *
 * table.h
 *	  The table of a history: its columns, and opening it.
 *
 *	  Its owner may alter it as he likes, or put another relation in its place.
 *	  Whoever reads or writes a history opens it here first, which proves that
 *	  it still is what cdc.create_subscription made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_TABLE_H
#define CDC_PG_HISTORY_TABLE_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"
#include "storage/lock.h"
#include "utils/relcache.h"

typedef enum CdcHistoryColumn
{
	CDC_HISTORY_COL_SEQ,
	CDC_HISTORY_COL_INGESTED_AT,
	CDC_HISTORY_COL_SOURCE_TS,
	CDC_HISTORY_COL_SOURCE_TABLE,
	CDC_HISTORY_COL_OP,
	CDC_HISTORY_COL_POSITION,
	CDC_HISTORY_COL_GTID,
	CDC_HISTORY_COL_EVENT,
	CDC_HISTORY_COL_RAW,
	CDC_HISTORY_COL_COMMIT,
	CDC_HISTORY_COL_KEY,		/* histories made by earlier versions have none */
	CDC_HISTORY_COLUMNS
} CdcHistoryColumn;

typedef struct CdcHistoryColumnType
{
	const char *name;
	Oid			type;
	const char *type_name;		/* as in SQL */
	bool		needed;			/* a row without it does not say what happened */
} CdcHistoryColumnType;

extern const CdcHistoryColumnType cdc_history_columns[CDC_HISTORY_COLUMNS];

/*
 * Opens the history of a subscription; to be closed with table_close(rel, NoLock), as
 * the lock stays until the end of the transaction.  ERROR, with the column and what to
 * type, where it is not a permanent table with the columns that pull made, where a rule
 * or row security stands between it and its rows, or where the subscription's owner
 * has not the rights of its owner.  What the catalogs say is looked at once for each
 * change of the table or one of its partitions.
 */
extern Relation cdc_history_table_open(const CdcSubscription *sub, LOCKMODE lockmode);

/* Its name, qualified and quoted; palloc'ed. */
extern char *cdc_history_table_name(Relation rel);

/* ERROR where the column, found by its name in a result or a partition, has another type. */
extern void cdc_history_check_type(const CdcSubscription *sub, CdcHistoryColumn column,
								   Form_pg_attribute att);

/* The column of a name; CDC_HISTORY_COLUMNS: none of a history's. */
extern CdcHistoryColumn cdc_history_column_by_name(const char *name);

#endif							/* CDC_PG_HISTORY_TABLE_H */
