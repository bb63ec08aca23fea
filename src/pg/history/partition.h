/*-------------------------------------------------------------------------
 *
 * partition.h
 *	  Making a history table, and the partition of it that takes the rows of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_PARTITION_H
#define CDC_PG_HISTORY_PARTITION_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

/*
 * Makes a history as the subscription's options say, under a name, qualified and quoted, which no
 * relation has; as the current user, who owns it.  ERROR as of CREATE TABLE.
 */
extern void cdc_history_make(const CdcSubscription *sub, const char *name);

/*
 * Makes sure that rows with ingested_at = at have somewhere to go: creates the
 * partition where a partitioned history lacks it.
 */
extern void cdc_history_partition_ensure(const CdcSubscription *sub, TimestampTz at);

/*
 * The partitions of which all rows have an earlier ingested_at than before, the oldest first, of Oid; *owner:
 * of the history.  ERROR where the history has no partitions by it.
 */
extern List *cdc_history_partitions_until(const CdcSubscription *sub, TimestampTz before, Oid *owner);

/* Drops a partition of the history, as its owner, who is the current user. */
extern void cdc_history_partition_drop(const CdcSubscription *sub, Oid relid);

/*
 * The table that takes them: the history itself when it is not partitioned.
 * InvalidOid when only SQL can tell (other keys than ingested_at,
 * sub-partitions).
 */
extern Oid	cdc_history_partition(Relation parent, TimestampTz at);

/*
 * Opens the table that an INSERT of such rows names, which the caller locks for writing and
 * closes: where each partition that could get rows costs something, the one that gets them.
 */
extern Relation cdc_history_insert_table(Relation parent, TimestampTz at);

#endif							/* CDC_PG_HISTORY_PARTITION_H */
