/*-------------------------------------------------------------------------
 *
 * compat_fdw.h
 *	  Differences between servers in foreign tables: their callbacks, the planner,
 *	  EXPLAIN; and in Greenplum's external tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_BASE_COMPAT_FDW_H
#define CDC_PG_BASE_COMPAT_FDW_H

#include "pg/base/compat.h"

/* What the planner lets others use has a header of its own since 12. */
#if PG_VERSION_NUM >= 120000
#include "optimizer/optimizer.h"
#else
#include "nodes/relation.h"
#include "optimizer/clauses.h"
#include "optimizer/var.h"
#endif

/* EXPLAIN's state and output left commands/explain.h in 18. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/*
 * Whose rights a scan has: the plan and the planner's relation say it since 16,
 * before that the range table did.
 */
#if PG_VERSION_NUM >= 160000
#define CDC_FOREIGN_SCAN_USER(node) \
	(((ForeignScan *) (node)->ss.ps.plan)->checkAsUser)
#define CDC_FOREIGN_REL_USER(root, rel)	((rel)->userid)
#else
#define CDC_FOREIGN_SCAN_USER(node) \
	(rt_fetch(((Scan *) (node)->ss.ps.plan)->scanrelid, \
			  (node)->ss.ps.state->es_range_table)->checkAsUser)
#define CDC_FOREIGN_REL_USER(root, rel)	(planner_rt_fetch((rel)->relid, (root))->checkAsUser)
#endif

/*
 * Whose rights a result relation has: a function says it since 16, before that
 * the range table did.  Since 14, a partition that rows are routed to has no
 * entry there, and its root's counts.
 */
#if PG_VERSION_NUM >= 160000
#define CDC_RESULT_REL_USER(rri, estate) \
	ExecGetResultRelCheckAsUser((rri), (estate))
#else
#if PG_VERSION_NUM >= 140000
#define CDC_RESULT_REL_RTI(rri) \
	((rri)->ri_RangeTableIndex != 0 ? (rri)->ri_RangeTableIndex : \
	 (rri)->ri_RootResultRelInfo->ri_RangeTableIndex)
#else
#define CDC_RESULT_REL_RTI(rri)			((rri)->ri_RangeTableIndex)
#endif
#define CDC_RESULT_REL_CHECK_AS(rri, estate) \
	(((RangeTblEntry *) list_nth((estate)->es_range_table, CDC_RESULT_REL_RTI(rri) - 1))->checkAsUser)
#define CDC_RESULT_REL_USER(rri, estate) \
	(OidIsValid(CDC_RESULT_REL_CHECK_AS(rri, estate)) ? CDC_RESULT_REL_CHECK_AS(rri, estate) : GetUserId())
#endif

/*
 * Paths and plans.  A path got a target in 9.6, the restrictions that it takes
 * upon itself in 17, a number of disabled nodes in 18; a plan got conditions to
 * recheck and an outer plan in 9.5.
 */
#if PG_VERSION_NUM >= 180000
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), NULL, (rows), 0, (startup), (total), NIL, (outer), \
							NULL, NIL, (private))
#elif PG_VERSION_NUM >= 170000
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), NULL, (rows), (startup), (total), NIL, (outer), \
							NULL, NIL, (private))
#elif PG_VERSION_NUM >= 90600
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), NULL, (rows), (startup), (total), NIL, (outer), \
							NULL, (private))
#else
#define CDC_FOREIGNSCAN_PATH(root, rel, rows, startup, total, outer, private) \
	create_foreignscan_path((root), (rel), (rows), (startup), (total), NIL, (outer), (private))
#endif
#if PG_VERSION_NUM >= 90500
#define CDC_PLAN_OUTER_ARG				, Plan *outer_plan
#define CDC_MAKE_FOREIGNSCAN(tlist, quals, relid, exprs, private) \
	make_foreignscan((tlist), (quals), (relid), (exprs), (private), NIL, NIL, NULL)
#else
#define CDC_PLAN_OUTER_ARG
#define CDC_MAKE_FOREIGNSCAN(tlist, quals, relid, exprs, private) \
	make_foreignscan((tlist), (quals), (relid), (exprs), (private))
#endif

/* The columns that a relation must return are in a target since 9.6. */
#if PG_VERSION_NUM >= 90600
#define CDC_REL_TARGETS(rel)			((rel)->reltarget->exprs)
#else
#define CDC_REL_TARGETS(rel)			((rel)->reltargetlist)
#endif

/*
 * Conditions that refer to an outer query, and that Greenplum computes behind a Motion of the
 * relation's rows: what they want of these is in no other list.
 */
#if CDC_GREENPLUM
#define CDC_REL_UPPER_CLAUSES(rel)		extract_actual_clauses((rel)->upperrestrictinfo, false)
#else
#define CDC_REL_UPPER_CLAUSES(rel)		NIL
#endif

/* Greenplum can be told to damp the selectivities of several clauses. */
#if CDC_GREENPLUM
#define CDC_SELECTIVITY(root, clauses) \
	clauselist_selectivity((root), (clauses), 0, JOIN_INNER, NULL, true)
#else
#define CDC_SELECTIVITY(root, clauses) \
	clauselist_selectivity((root), (clauses), 0, JOIN_INNER, NULL)
#endif

/*
 * With Greenplum's mpp_execute 'all segments' each segment scans a table; how many
 * there are, and which of them, from 0, this process is of: -1 on the master.
 */
#if CDC_GREENPLUM
#include "cdb/cdbutil.h"
#include "cdb/cdbvars.h"
#define CDC_SCANNED_BY_SEGMENTS(ft)		((ft)->exec_location == FTEXECLOCATION_ALL_SEGMENTS)
#define CDC_SEGMENT_COUNT()				getgpsegmentCount()
#define CDC_SEGMENT_NUMBER()			(Gp_role == GP_ROLE_EXECUTE ? GpIdentity.segindex : -1)
#else
#define CDC_SCANNED_BY_SEGMENTS(ft)		false
#define CDC_SEGMENT_COUNT()				1
#define CDC_SEGMENT_NUMBER()			(-1)
#endif

/* A fork of Greenplum 7 says which columns a sample is for. */
#ifdef MATRIXDB_VERSION
#define CDC_SAMPLE_COLUMNS_ARG			, List *columns
#else
#define CDC_SAMPLE_COLUMNS_ARG
#endif

/* EXPLAIN names what it shows by the plan since 13, before that by the plan's state. */
#if PG_VERSION_NUM >= 130000
#define CDC_DEPARSE_CONTEXT(es, planstate, ancestors) \
	set_deparse_context_plan((es)->deparse_cxt, (planstate)->plan, (ancestors))
#elif PG_VERSION_NUM >= 90500
#define CDC_DEPARSE_CONTEXT(es, planstate, ancestors) \
	set_deparse_context_planstate((es)->deparse_cxt, (Node *) (planstate), (ancestors))
#else
#define CDC_DEPARSE_CONTEXT(es, planstate, ancestors) \
	set_deparse_context_planstate((es)->extra->deparsecxt, (Node *) (planstate), (ancestors))
#endif

/* EXPLAIN shows numbers with a unit since 11. */
#if PG_VERSION_NUM >= 110000
#define CDC_EXPLAIN_NUMBER(label, unit, value, es) \
	ExplainPropertyInteger((label), (unit), (value), (es))
#define CDC_EXPLAIN_FLOAT(label, unit, value, digits, es) \
	ExplainPropertyFloat((label), (unit), (value), (digits), (es))
#else
#define CDC_EXPLAIN_NUMBER(label, unit, value, es) \
	ExplainPropertyLong((label), (long) (value), (es))
#define CDC_EXPLAIN_FLOAT(label, unit, value, digits, es) \
	ExplainPropertyFloat((label), (value), (digits), (es))
#endif

/*
 * External tables, which Greenplum alone has: since 7 they are foreign tables of a wrapper of
 * its own.
 */

#if CDC_HAVE_EXTERNAL_PROTOCOLS

/* What the catalogs know of an external table. */
#if PG_VERSION_NUM >= 120000
#include "access/external.h"
#include "commands/defrem.h"
#else
#include "catalog/pg_collation.h"
#include "catalog/pg_exttable.h"
#include "utils/formatting.h"
#endif
#include "optimizer/walkers.h"
#include "tcop/pquery.h"

/*
 * Whether its format has the option with the value OFF: options were one text before they
 * became a foreign table's.
 */
static inline bool
cdc_external_option_is_off(const ExtTableEntry *ext, const char *name)
{
#if PG_VERSION_NUM >= 120000
	ListCell   *lc;

	foreach(lc, ext->options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0)
			return pg_strcasecmp(defGetString(option), "off") == 0;
	}
	return false;
#else
	char	   *lower = str_tolower(ext->fmtopts, strlen(ext->fmtopts), C_COLLATION_OID);

	return strstr(lower, psprintf("%s 'off'", name)) != NULL;
#endif
}

/* The CREATE EXTERNAL TABLE that the session runs by itself, not in a function; else NULL. */
static inline CreateExternalStmt *
cdc_external_statement(void)
{
	ListCell   *lc;

	if (ActivePortal == NULL)
		return NULL;
	foreach(lc, ActivePortal->stmts)
	{
		Node	   *node = lfirst(lc);

#if PG_VERSION_NUM >= 100000
		if (IsA(node, PlannedStmt))
			node = ((PlannedStmt *) node)->utilityStmt;
#endif
		if (node != NULL && IsA(node, CreateExternalStmt))
			return (CreateExternalStmt *) node;
	}
	return NULL;
}

/*
 * The URLs that a node of a plan reads, one a segment; NULL: it is no scan of an external
 * table.
 */
static inline List **
cdc_external_scan_urls(Node *node)
{
#if PG_VERSION_NUM >= 120000
	List	   *given = IsA(node, ForeignScan) ? ((ForeignScan *) node)->fdw_private : NIL;

	if (given == NIL || !IsA(given, List) || linitial(given) == NULL ||
		!IsA(linitial(given), ExternalScanInfo))
		return NULL;
	return &((ExternalScanInfo *) linitial(given))->uriList;
#else
	return IsA(node, ExternalScan) ? &((ExternalScan *) node)->uriList : NULL;
#endif
}

/* What is below a node of a plan; since 7 the plans of subqueries are looked through only if asked for. */
#if PG_VERSION_NUM >= 120000
#define CDC_PLAN_TREE_WALKER(node, walker, context) \
	plan_tree_walker((node), (walker), (context), false)
#else
#define CDC_PLAN_TREE_WALKER(node, walker, context) \
	plan_tree_walker((node), (walker), (context))
#endif

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */

#endif							/* CDC_PG_BASE_COMPAT_FDW_H */
