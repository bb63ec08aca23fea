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
#include "utils/rel.h"

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

#endif							/* CDC_PG_HISTORY_PARTITION_H */
