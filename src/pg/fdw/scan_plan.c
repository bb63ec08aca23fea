/*-------------------------------------------------------------------------
 *
 * scan_plan.c
 *	  Planning scans of Kafka topics: how many rows, which conditions bound what
 *	  is read, and joins that bring the values of such conditions.
 *
 *	  All conditions stay with the executor; those that bound what is read are
 *	  in the plan's fdw_exprs besides, as they are, so that the executor can
 *	  find their values and EXPLAIN can show them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan_plan.h"

#include "access/sysattr.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"

#include "pg/base/compat_catalog.h"
#include "pg/fdw/scan_parallel.h"
#include "pg/topic/bounds.h"
#include "pg/topic/pushdown.h"

/* Where neither a broker nor ANALYZE has told: some topic. */
#define DEFAULT_MESSAGES		100000.0

/*
 * Costs: to start is some round trips to the brokers; a message costs its way
 * over the network, in the measure that postgres_fdw has for a row.
 */
#define START_COST				100.0
#define MESSAGE_COST			0.01

/* RelOptInfo.fdw_private */
typedef struct CdcKafkaPlan
{
	CdcKafkaTable *table;
	Oid			user;
	double		messages;		/* in the topic */
	double		read;			/* that the relation's own conditions leave to read */
} CdcKafkaPlan;

static List *
pushable_clauses(const CdcKafkaTable *table, RelOptInfo *rel, List *rinfos)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rinfos)
	{
		RestrictInfo *rinfo = lfirst(lc);

		if (!rinfo->pseudoconstant &&
			cdc_kafka_clause_is_pushable(table, rel->relid, rinfo->clause))
			result = lappend(result, rinfo->clause);
	}
	return result;
}

/* Messages within the bounds that constants set; false: something is not known. */
static bool
count_within(PlannerInfo *root, CdcKafkaPlan *plan, RelOptInfo *rel, List *clauses,
			 const CdcKafkaTopicBounds *bounds, double *count)
{
	CdcKafkaPushdown *push = cdc_kafka_pushdown_create(plan->table, rel->relid, clauses);
	bool		known = cdc_kafka_pushdown_estimate(push, root);
	int			ntimes;
	int			i;
	int			j;

	*count = 0;
	for (i = 0; i < bounds->n; i++)
	{
		const CdcKafkaBounds *b = &bounds->bounds[i];
		CdcIntervals asked = cdc_kafka_pushdown_offsets(push, b->partition, NULL);
		CdcIntervals there = cdc_intervals_range(b->low, b->high);
		CdcIntervals found = cdc_intervals_intersect(&asked, &there);

		for (j = 0; j < found.n; j++)
			*count += (double) (found.items[j].to - found.items[j].from);
	}
	(void) cdc_kafka_pushdown_times(push, &ntimes);
	return known && ntimes == 0;
}

/* Clauses that are not in the list. */
static List *
other_clauses(List *rinfos, List *clauses)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, rinfos)
	{
		RestrictInfo *rinfo = lfirst(lc);

		if (!list_member_ptr(clauses, rinfo->clause))
			result = lappend(result, rinfo);
	}
	return result;
}

/*
 * Rows and what has to be read for them.  What conditions on partition and
 * offset leave is counted, not guessed, where a broker has told the watermarks.
 */
static void
estimate_rows(PlannerInfo *root, RelOptInfo *rel, CdcKafkaPlan *plan)
{
	List	   *pushable = pushable_clauses(plan->table, rel, rel->baserestrictinfo);
	const CdcKafkaTopicBounds *bounds = cdc_kafka_bounds_estimate(plan->table, plan->user);
	double		within;
	bool		exact;
	int			i;

	if (bounds == NULL)
	{
		plan->messages = rel->tuples > 0 ? rel->tuples : DEFAULT_MESSAGES;
		rel->tuples = plan->messages;
		set_baserel_size_estimates(root, rel);
		plan->read = plan->messages * CDC_SELECTIVITY(root, pushable);
		return;
	}
	plan->messages = 0;
	for (i = 0; i < bounds->n; i++)
		plan->messages += (double) (bounds->bounds[i].high - bounds->bounds[i].low);
	exact = count_within(root, plan, rel, pushable, bounds, &within);
	rel->tuples = plan->messages;
	set_baserel_size_estimates(root, rel);
	if (exact)
	{
		plan->read = within;
		rel->rows = within * CDC_SELECTIVITY(root, other_clauses(rel->baserestrictinfo, pushable));
	}
	else
	{
		plan->read = Min(within, plan->messages * CDC_SELECTIVITY(root, pushable));
		rel->rows = Min(rel->rows, within);
	}
	rel->rows = clamp_row_est(rel->rows);
}

void
cdc_kafka_plan_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	CdcKafkaPlan *plan = palloc0(sizeof(CdcKafkaPlan));
	Relation	relation = table_open(relid, NoLock);

	plan->table = cdc_kafka_table_open(relation);
	(void) cdc_kafka_table_topic(plan->table);
	table_close(relation, NoLock);
	plan->user = CDC_FOREIGN_REL_USER(root, rel);
	if (!OidIsValid(plan->user))
		plan->user = GetUserId();
	rel->fdw_private = plan;
	estimate_rows(root, rel, plan);
}

/* The cost of reading so many messages and checking each one. */
static Cost
read_cost(RelOptInfo *rel, double messages)
{
	return messages * (MESSAGE_COST + cpu_tuple_cost + rel->baserestrictcost.per_tuple);
}

/*
 * Joins
 */

/* What a join clause needs of other relations, if it bounds what is read; else NULL. */
static Relids
outer_relations(const CdcKafkaPlan *plan, RelOptInfo *rel, RestrictInfo *rinfo)
{
	Relids		outer;

	if (!join_clause_is_movable_to(rinfo, rel) ||
		!cdc_kafka_clause_is_pushable(plan->table, rel->relid, rinfo->clause))
		return NULL;
	outer = bms_union(rinfo->clause_relids, rel->lateral_relids);
	outer = bms_del_member(outer, rel->relid);
	return bms_is_empty(outer) ? NULL : outer;
}

static List *
add_relids(List *list, Relids relids)
{
	ListCell   *lc;

	if (relids == NULL)
		return list;
	foreach(lc, list)
	{
		if (bms_equal(lfirst(lc), relids))
			return list;
	}
	return lappend(list, relids);
}

/* For equalities of which the planner knows more than one form. */
static bool
is_our_column(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec, EquivalenceMember *em,
			  void *arg)
{
	Node	   *expr = (Node *) em->em_expr;

	while (IsA(expr, RelabelType))
		expr = (Node *) ((RelabelType *) expr)->arg;
	return IsA(expr, Var) && ((Var *) expr)->varno == rel->relid &&
		((Var *) expr)->varattno == *(AttrNumber *) arg;
}

/* The sets of relations that can bring values of our conditions. */
static List *
find_outer_relations(PlannerInfo *root, RelOptInfo *rel, const CdcKafkaPlan *plan)
{
	List	   *result = NIL;
	ListCell   *lc;
	int			i;

	foreach(lc, rel->joininfo)
		result = add_relids(result, outer_relations(plan, rel, lfirst(lc)));
	for (i = 0; i < plan->table->ncolumns && rel->has_eclass_joins; i++)
	{
		const CdcKafkaColumn *column = &plan->table->columns[i];
		AttrNumber	attnum = column->attnum;

		if (column->field != CDC_KAFKA_PARTITION && column->field != CDC_KAFKA_OFFSET &&
			column->field != CDC_KAFKA_TS)
			continue;
		foreach(lc, generate_implied_equalities_for_column(root, rel, is_our_column, &attnum,
														   rel->lateral_referencers))
			result = add_relids(result, outer_relations(plan, rel, lfirst(lc)));
	}
	return result;
}

/*
 * A scan with values of other relations: of partition and offset it may be one
 * message, and then a join reads some messages in place of the whole topic.
 */
static void
add_parameterized_path(PlannerInfo *root, RelOptInfo *rel, const CdcKafkaPlan *plan, Relids outer)
{
	ParamPathInfo *info = get_baserel_parampathinfo(root, rel, outer);
	List	   *pushable;
	double		rows;
	double		read;

	if (info == NULL)
		return;
	pushable = pushable_clauses(plan->table, rel, info->ppi_clauses);
	if (pushable == NIL)
		return;
	rows = info->ppi_rows;
	read = Max(rows, plan->read * CDC_SELECTIVITY(root, pushable));
	add_path(rel, (Path *) CDC_FOREIGNSCAN_PATH(root, rel, rows, START_COST,
												START_COST + read_cost(rel, read), outer, NIL));
}

void
cdc_kafka_plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	CdcKafkaPlan *plan = rel->fdw_private;
	ForeignPath *path;
	ListCell   *lc;

	path = CDC_FOREIGNSCAN_PATH(root, rel, rel->rows, START_COST + rel->baserestrictcost.startup,
								START_COST + rel->baserestrictcost.startup +
								read_cost(rel, plan->read), rel->lateral_relids, NIL);
#if CDC_HAVE_PARALLEL_QUERY
	/* whole in each of several workers, it would see another topic in each */
	path->path.parallel_safe = false;
#endif
	add_path(rel, (Path *) path);
	foreach(lc, find_outer_relations(root, rel, plan))
		add_parameterized_path(root, rel, plan, lfirst(lc));
#if CDC_HAVE_PARALLEL_QUERY
	if (rel->consider_parallel && rel->lateral_relids == NULL)
		cdc_kafka_plan_add_partial(root, rel, plan->read, START_COST, read_cost(rel, plan->read));
#endif
}

/*
 * The numbers of the columns that are needed.  The plan's own list of targets
 * does not tell: it often has all columns where any will do.
 */
static List *
needed_columns(const CdcKafkaTable *table, RelOptInfo *rel, List *clauses)
{
	Bitmapset  *attrs = NULL;
	List	   *result = NIL;
	bool		whole_row;
	int			i;

	pull_varattnos((Node *) CDC_REL_TARGETS(rel), rel->relid, &attrs);
	pull_varattnos((Node *) clauses, rel->relid, &attrs);
	pull_varattnos((Node *) CDC_REL_UPPER_CLAUSES(rel), rel->relid, &attrs);
	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
	for (i = 0; i < table->ncolumns; i++)
	{
		AttrNumber	attnum = table->columns[i].attnum;

		if (whole_row || bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs))
			result = lappend_int(result, attnum);
	}
	return result;
}

/* The plan: see the head of the file.  fdw_private: the needed columns. */
ForeignScan *
cdc_kafka_plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
					List *clauses CDC_PLAN_OUTER_ARG)
{
	CdcKafkaPlan *plan = rel->fdw_private;
	List	   *actual = extract_actual_clauses(clauses, false);

	return CDC_MAKE_FOREIGNSCAN(tlist, actual, rel->relid,
								pushable_clauses(plan->table, rel, clauses),
								list_make1(needed_columns(plan->table, rel, actual)));
}
