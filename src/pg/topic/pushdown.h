/*-------------------------------------------------------------------------
 *
 * pushdown.h
 *	  Conditions on partition, offset and time: which of them bound what has
 *	  to be read, and how.
 *
 *	  What is pushed down is never left out of the query's own conditions: they
 *	  are checked for each message again.  So all here may take in more than a
 *	  condition says, but never less.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_PUSHDOWN_H
#define CDC_PG_TOPIC_PUSHDOWN_H

#include "pg/base/compat.h"
#include "pg/base/compat_fdw.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"

#include "pg/topic/interval.h"
#include "pg/topic/table.h"

typedef struct CdcKafkaPushdown CdcKafkaPushdown;

/*
 * Whether the clause bounds what is read of the table, whose range table index
 * is relid.  Variables of other relations count as known.
 */
extern bool cdc_kafka_clause_is_pushable(const CdcKafkaTable *table, Index relid, Expr *clause);

/*
 * The same, and it is made of nothing but comparisons of partition, offset and
 * time with what is known before the table is read: it can be checked before
 * the rest of a message is looked at.
 */
extern bool cdc_kafka_clause_is_whole(const CdcKafkaTable *table, Index relid, Expr *clause);

/*
 * Of clauses that are pushable; all hold at once.  Lives in the current memory
 * context.
 */
extern CdcKafkaPushdown *cdc_kafka_pushdown_create(const CdcKafkaTable *table, Index relid,
												   List *clauses);

/* For the executor: readies the expressions.  parent is the scan's state. */
extern void cdc_kafka_pushdown_init(CdcKafkaPushdown *push, PlanState *parent);

/*
 * In the executor: computes what the table's columns are compared with.
 * with_params: false when the query does not run (EXPLAIN); what depends on a
 * parameter is no condition then.
 */
extern void cdc_kafka_pushdown_evaluate(CdcKafkaPushdown *push, ExprContext *econtext,
										bool with_params);

/*
 * The same while planning, where only constants are known.  false: something
 * is not, and counts as no condition.
 */
extern bool cdc_kafka_pushdown_estimate(CdcKafkaPushdown *push, PlannerInfo *root);

/*
 * Whether the offsets (below) are just those that fulfil the conditions, as far
 * as these are whole.
 */
extern bool cdc_kafka_pushdown_is_exact(const CdcKafkaPushdown *push);

/* The times (ms since 1970, ascending) whose offsets have to be asked for. */
extern const int64 *cdc_kafka_pushdown_times(const CdcKafkaPushdown *push, int *n);

/*
 * The offsets of a partition that can fulfil the conditions.  offsets[i] is that
 * of the first message at or after times[i]; NULL: not known, so that
 * conditions on the time count as none.
 */
extern CdcIntervals cdc_kafka_pushdown_offsets(const CdcKafkaPushdown *push, int32 partition,
											   const int64 *offsets);

#endif							/* CDC_PG_TOPIC_PUSHDOWN_H */
