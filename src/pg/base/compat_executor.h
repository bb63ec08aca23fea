/*-------------------------------------------------------------------------
 *
 * compat_executor.h
 *	  Differences between servers in running SQL from within, and in reading and
 *	  storing tuples without SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_EXECUTOR_H
#define CDC_PG_BASE_COMPAT_EXECUTOR_H

#include "pg/base/compat.h"

/*
 * SQL from within
 */

/* Before 10, code that SPI's executor calls must say so before it connects itself. */
#if PG_VERSION_NUM >= 100000
#define CDC_SPI_PUSH()					((void) 0)
#define CDC_SPI_POP()					((void) 0)
#else
#define CDC_SPI_PUSH()					SPI_push()
#define CDC_SPI_POP()					SPI_pop()
#endif

/*
 * A process without a client has no portal, and statements that ask it for how much memory they may take
 * (ALTER TABLE ... SET DISTRIBUTED BY, CREATE TABLE AS, EXPLAIN ANALYZE) crash without one on Greenplum.  This one
 * is no entry among the session's portals, and takes no place in a resource queue.  To be called in a transaction.
 */
#if CDC_GREENPLUM
#include "tcop/pquery.h"
#include "utils/portal.h"
#include "utils/resscheduler.h"

static inline void
cdc_portal_activate(void)
{
	static PortalData portal;

	portal.name = "";
	portal.sourceText = "cdc_ingest";
	portal.commandTag = "";
	portal.status = PORTAL_ACTIVE;
	portal.queueId = GetResQueueId();
	portal.hasResQueueLock = true;
	ActivePortal = &portal;
}
#else
#define cdc_portal_activate()			((void) 0)
#endif

/* Arguments of a ProcessUtility_hook; whether the tree may be scribbled on came in 14. */
#if PG_VERSION_NUM >= 140000
#define CDC_UTILITY_PARAMETERS \
	PlannedStmt *pstmt, const char *query, bool read_only, ProcessUtilityContext context, \
	ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc
#define CDC_UTILITY_ARGUMENTS			pstmt, query, read_only, context, params, env, dest, qc
#else
#define CDC_UTILITY_PARAMETERS \
	PlannedStmt *pstmt, const char *query, ProcessUtilityContext context, \
	ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc
#define CDC_UTILITY_ARGUMENTS			pstmt, query, context, params, env, dest, qc
#endif

/* The result of a receiver can stop the executor since 9.6. */
#if PG_VERSION_NUM >= 90600
#define CDC_RECEIVE_RESULT				bool
#define CDC_RECEIVE_RETURN(value)		return (value)
#else
#define CDC_RECEIVE_RESULT				void
#define CDC_RECEIVE_RETURN(value)		return
#endif

/* set_config_option() got the argument is_reload in 9.5. */
#if PG_VERSION_NUM >= 90500
#define CDC_SET_OPTION(name, value, context, source, action) \
	((void) set_config_option((name), (value), (context), (source), (action), true, 0, false))
#else
#define CDC_SET_OPTION(name, value, context, source, action) \
	((void) set_config_option((name), (value), (context), (source), (action), true, 0))
#endif

/*
 * Slots and expressions
 */

/* What a slot holds: plain fields, but in Greenplum 6. */
#if CDC_GREENPLUM && PG_VERSION_NUM < 120000
#define CDC_SLOT_VALUES(slot)			slot_get_values(slot)
#define CDC_SLOT_ISNULL(slot)			slot_get_isnull(slot)
#else
#define CDC_SLOT_VALUES(slot)			((slot)->tts_values)
#define CDC_SLOT_ISNULL(slot)			((slot)->tts_isnull)
#endif

/* A virtual row becomes a tuple, for its system columns; slots have kinds since 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_MATERIALIZE_SLOT(slot)		ExecFetchSlotHeapTuple((slot), true, NULL)
#else
#define CDC_MATERIALIZE_SLOT(slot)		ExecMaterializeSlot(slot)
#endif

/* Evaluating an expression lost its last argument in 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_EXEC_EVAL_EXPR(state, econtext, isnull) \
	ExecEvalExprSwitchContext((state), (econtext), (isnull))
#else
#define CDC_EXEC_EVAL_EXPR(state, econtext, isnull) \
	ExecEvalExprSwitchContext((state), (econtext), (isnull), NULL)
#endif

/* The same without a change of the memory context. */
#if PG_VERSION_NUM >= 100000
#define CDC_EVAL_EXPR_HERE(state, econtext, isnull) \
	ExecEvalExpr((state), (econtext), (isnull))
#else
#define CDC_EVAL_EXPR_HERE(state, econtext, isnull) \
	ExecEvalExpr((state), (econtext), (isnull), NULL)
#endif

/* A slot for rows that are made of values; slots have kinds since 12. */
#if PG_VERSION_NUM >= 120000
#define CDC_VIRTUAL_SLOT(desc)			MakeSingleTupleTableSlot((desc), &TTSOpsVirtual)
#else
#define CDC_VIRTUAL_SLOT(desc)			MakeSingleTupleTableSlot((desc))
#endif

/* The grammar's entry has a choice of what is parsed since 14.  It needs parser/parser.h. */
#if PG_VERSION_NUM >= 140000
#define CDC_RAW_PARSER(sql)				raw_parser((sql), RAW_PARSE_DEFAULT)
#else
#define CDC_RAW_PARSER(sql)				raw_parser(sql)
#endif

/* The planner's way to make an expression ready has a header of its own since 12. */
#if PG_VERSION_NUM >= 120000
#include "optimizer/optimizer.h"
#else
#include "optimizer/planner.h"
#endif

/* current_timestamp and its like are functions before 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_IS_SQL_VALUE_FUNCTION(node)	IsA((node), SQLValueFunction)
#else
#define CDC_IS_SQL_VALUE_FUNCTION(node)	false
#endif

/* Statements have a node around them since 10. */
#if PG_VERSION_NUM >= 100000
#define CDC_RAW_STATEMENT(node)			(((RawStmt *) (node))->stmt)
#else
#define CDC_RAW_STATEMENT(node)			((Node *) (node))
#endif

/* Conditions on a row are one expression since 10, before that a list of them. */
#if PG_VERSION_NUM >= 100000
#define CDC_QUAL_STATE			ExprState
#define CDC_EXEC_INIT_QUAL(clauses, parent)	ExecInitQual((clauses), (parent))
#define CDC_EXEC_QUAL(state, econtext)	ExecQual((state), (econtext))
#else
#define CDC_QUAL_STATE			List
#define CDC_EXEC_INIT_QUAL(clauses, parent) \
	((List *) ExecInitExpr((Expr *) (clauses), (parent)))
#define CDC_EXEC_QUAL(state, econtext)	ExecQual((state), (econtext), false)
#endif

/*
 * Motions of a plan in Greenplum, by which rows go from process to process: what they end
 * in are slices, which a plan has a list of since 7; the first one is above all Motions.
 */
#if CDC_GREENPLUM && PG_VERSION_NUM >= 120000
#define CDC_PLAN_MOTIONS(stmt)			((stmt)->numSlices - 1)
#elif CDC_GREENPLUM
#define CDC_PLAN_MOTIONS(stmt)			((stmt)->nMotionNodes)
#endif

/*
 * Tuples without SQL
 */

/* The range table came with a list of permissions in 16, its pruned relations in 18. */
#if PG_VERSION_NUM >= 180000
#define CDC_INIT_RANGE_TABLE(estate, rtes, permissions) \
	ExecInitRangeTable((estate), (rtes), (permissions), bms_make_singleton(1))
#elif PG_VERSION_NUM >= 160000
#define CDC_INIT_RANGE_TABLE(estate, rtes, permissions) \
	ExecInitRangeTable((estate), (rtes), (permissions))
#else
#define CDC_INIT_RANGE_TABLE(estate, rtes, permissions) \
	ExecInitRangeTable((estate), (rtes))
#endif

/* Index scans can be instrumented since 18. */
#if PG_VERSION_NUM >= 180000
#define CDC_INDEX_BEGINSCAN(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), NULL, (nkeys), 0)
#else
#define CDC_INDEX_BEGINSCAN(rel, index, snapshot, nkeys) \
	index_beginscan((rel), (index), (snapshot), (nkeys), 0)
#endif

/* Rechecking changed rows knows of several result relations since 16. */
#if PG_VERSION_NUM >= 160000
#define CDC_EPQ_INIT(epq, estate)		EvalPlanQualInit((epq), (estate), NULL, NIL, -1, NIL)
#else
#define CDC_EPQ_INIT(epq, estate)		EvalPlanQualInit((epq), (estate), NULL, NIL, -1)
#endif

/*
 * Entries for a tuple in its table's indexes.  The hidden parameter
 * es_result_relation_info became an argument in 14; since 16, an update may
 * touch summarizing indexes alone (BRIN).
 */
#if PG_VERSION_NUM >= 160000
#define CdcUpdateIndexes				TU_UpdateIndexes
#define CDC_UPDATES_INDEXES(u)			((u) != TU_None)
#define CDC_UPDATE_ALL_INDEXES			TU_All
#else
#define CdcUpdateIndexes				bool
#define CDC_UPDATES_INDEXES(u)			(u)
#define CDC_UPDATE_ALL_INDEXES			true
#endif
#if PG_VERSION_NUM >= 160000
#define CDC_INSERT_INDEX_TUPLES(rri, slot, estate) \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL, false)
#define CDC_APPLY_INDEX_TUPLES(rri, slot, estate, update, indexes) \
	ExecInsertIndexTuples((rri), (slot), (estate), (update), false, NULL, NIL, \
						  (indexes) == TU_Summarizing)
#elif PG_VERSION_NUM >= 140000
#define CDC_INSERT_INDEX_TUPLES(rri, slot, estate) \
	ExecInsertIndexTuples((rri), (slot), (estate), false, false, NULL, NIL)
#define CDC_APPLY_INDEX_TUPLES(rri, slot, estate, update, indexes) \
	ExecInsertIndexTuples((rri), (slot), (estate), (update), false, NULL, NIL)
#else
#define CDC_INSERT_INDEX_TUPLES(rri, slot, estate) \
	((estate)->es_result_relation_info = (rri), \
	 ExecInsertIndexTuples((slot), (estate), false, NULL, NIL))
#define CDC_APPLY_INDEX_TUPLES(rri, slot, estate, update, indexes) \
	CDC_INSERT_INDEX_TUPLES(rri, slot, estate)
#endif

/* What the executor offers logical replication takes the relation as an argument since 14. */
#if PG_VERSION_NUM >= 140000
#define CDC_SET_RESULT_RELATION(estate, rri) \
	((estate)->es_opened_result_relations = \
	 lappend((estate)->es_opened_result_relations, (rri)))
#define CDC_COMPUTE_GENERATED(rri, estate, slot, command) \
	ExecComputeStoredGenerated((rri), (estate), (slot), (command))
#define CDC_SIMPLE_INSERT(rri, estate, slot) \
	ExecSimpleRelationInsert((rri), (estate), (slot))
#define CDC_SIMPLE_UPDATE(rri, estate, epq, old, slot) \
	ExecSimpleRelationUpdate((rri), (estate), (epq), (old), (slot))
#define CDC_SIMPLE_DELETE(rri, estate, epq, old) \
	ExecSimpleRelationDelete((rri), (estate), (epq), (old))
#else
#define CDC_SET_RESULT_RELATION(estate, rri) \
	((estate)->es_result_relations = (rri), (estate)->es_num_result_relations = 1, \
	 (estate)->es_result_relation_info = (rri))
#define CDC_COMPUTE_GENERATED(rri, estate, slot, command) \
	ExecComputeStoredGenerated((estate), (slot), (command))
#define CDC_SIMPLE_INSERT(rri, estate, slot) \
	ExecSimpleRelationInsert((estate), (slot))
#define CDC_SIMPLE_UPDATE(rri, estate, epq, old, slot) \
	ExecSimpleRelationUpdate((estate), (epq), (old), (slot))
#define CDC_SIMPLE_DELETE(rri, estate, epq, old) \
	ExecSimpleRelationDelete((estate), (epq), (old))
#endif

#endif							/* CDC_PG_BASE_COMPAT_EXECUTOR_H */
