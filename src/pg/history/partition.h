/*-------------------------------------------------------------------------
 *
 * partition.h
 *	  The partition of a history table that takes the rows of a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_PARTITION_H
#define CDC_PG_HISTORY_PARTITION_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/rel.h"

/* Appends the clause of CREATE TABLE for a history that is partitioned, from that time on. */
extern void cdc_history_append_partitioning(StringInfo sql, CdcHistoryPartition unit, TimestampTz at);

/*
 * Makes sure that rows with ingested_at = at have somewhere to go: creates the
 * partition where a partitioned history lacks it.
 */
extern void cdc_history_partition_ensure(const CdcSubscription *sub, TimestampTz at);

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
