/*-------------------------------------------------------------------------
 *
 * bounds.c
 *	  On the master: what a statement reads of which topic, fixed before its plan goes
 *	  to the segments.
 *
 * External tables have no part in planning.  So the plan is looked through before it is
 * started: the URL of each scan of a topic gets, for each segment, the ranges of offsets
 * that this one reads.  Foreign tables that all segments scan get what their topic holds,
 * of which each segment finds its part.  All scans of a URL or foreign table in a statement
 * see the same messages; a plan that is kept is copied, and sees new ones each time.
 *
 * Greenplum plans subqueries and LATERAL items that refer to other tables as if a foreign
 * table were whole on each segment, and as if values of other slices came to it.  Such a
 * scan would find too little, so it is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/greenplum/greenplum.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

#include "cdb/cdbvars.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/kafka_url.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_fdw.h"
#include "pg/base/error.h"
#include "pg/fdw/scan_segments.h"
#include "pg/greenplum/topic_url.h"
#include "pg/topic/bounds.h"

static ExecutorStart_hook_type next_executor_start = NULL;

/* What a topic held when the statement began: of a URL, or of a foreign table for a user. */
typedef struct Topic
{
	const char *url;			/* NULL: a foreign table's */
	Oid			relid;
	Oid			user;
	const CdcKafkaTopicBounds *bounds;
} Topic;

typedef struct Search
{
	plan_tree_base_prefix base; /* what the server's walker wants first */
	const PlannedStmt *stmt;
	bool		fix;			/* else only find out whether there are scans of topics */
	List	   *topics;			/* of Topic * */
	Bitmapset  *seen;			/* plan_ids of subqueries that were looked through */

	/* at the node at hand */
	bool		is_whole;		/* what is below is wanted whole on each segment: no Motion in between */
	Bitmapset  *values;			/* numbers of parameters that are there in this slice */
	Bitmapset  *results;		/* numbers of those that InitPlans set, which all slices get */
} Search;

static bool
is_topic(const Value *uri)
{
	return IsA(uri, String) &&
		strncmp(strVal(uri), CDC_KAFKA_URL_SCHEME, strlen(CDC_KAFKA_URL_SCHEME)) == 0;
}

/* Asks for what a topic holds, and notes it for the rest of the statement. */
static const CdcKafkaTopicBounds *
add_topic(Search *search, const char *url, Oid relid, Oid user, CdcKafkaSource *source,
		  const char *name)
{
	Topic	   *topic = palloc(sizeof(Topic));

	topic->url = url;
	topic->relid = relid;
	topic->user = user;
	topic->bounds = cdc_kafka_bounds_read(source, name);
	cdc_kafka_source_close(source);
	search->topics = lappend(search->topics, topic);
	return topic->bounds;
}

/* What the URL's topic holds, asked for once. */
static const CdcKafkaTopicBounds *
bounds_of_url(Search *search, const char *text)
{
	CdcTopicUrl *url;
	ListCell   *lc;

	foreach(lc, search->topics)
	{
		Topic	   *topic = lfirst(lc);

		if (topic->url != NULL && strcmp(topic->url, text) == 0)
			return topic->bounds;
	}
	url = cdc_topic_url_read(text);
	return add_topic(search, text, InvalidOid, InvalidOid, cdc_topic_url_open(url), url->topic);
}

/* The same of a foreign table. */
static const CdcKafkaTopicBounds *
bounds_of_table(Search *search, Oid relid, Oid user)
{
	CdcKafkaTable *table;
	Relation	rel;
	ListCell   *lc;

	foreach(lc, search->topics)
	{
		Topic	   *topic = lfirst(lc);

		if (topic->url == NULL && topic->relid == relid && topic->user == user)
			return topic->bounds;
	}
	rel = table_open(relid, NoLock);
	table = cdc_kafka_table_open(rel);
	table_close(rel, NoLock);
	return add_topic(search, NULL, relid, user,
					 cdc_kafka_source_open(table->serverid, user, CDC_KAFKA_CONSUMER,
										   table->options, false),
					 cdc_kafka_table_topic(table));
}

/* The URL with what one of n segments reads: each n-th partition. */
static char *
url_of_segment(const char *text, const CdcKafkaTopicBounds *bounds, int segment, int n)
{
	CdcKafkaUrlRange *ranges = palloc(sizeof(CdcKafkaUrlRange) * Max(bounds->n, 1));
	CdcBuf		buf = {NULL, 0, 0};
	char	   *result;
	int			nranges = 0;
	int			i;

	for (i = segment; i < bounds->n; i += n)
	{
		if (bounds->bounds[i].low >= bounds->bounds[i].high)
			continue;
		ranges[nranges].partition = bounds->bounds[i].partition;
		ranges[nranges].from = bounds->bounds[i].low;
		ranges[nranges].to = bounds->bounds[i].high;
		nranges++;
	}
	if (!cdc_kafka_url_add_ranges(&buf, text, ranges, nranges))
	{
		cdc_buf_free(&buf);
		cdc_out_of_memory();
	}
	result = pnstrdup(buf.data, buf.len);
	cdc_buf_free(&buf);
	return result;
}

/* Tells each segment what it reads of an external table; returns whether that is a topic. */
static bool
fix_external(Search *search, List **urls)
{
	List	   *fixed = NIL;
	ListCell   *lc;
	int			n = 0;
	int			segment = 0;

	foreach(lc, *urls)
		if (is_topic(lfirst(lc)))
			n++;
	if (n == 0 || !search->fix)
		return n > 0;
	foreach(lc, *urls)
	{
		Value	   *uri = lfirst(lc);

		if (is_topic(uri))
			uri = makeString(url_of_segment(strVal(uri), bounds_of_url(search, strVal(uri)),
											segment++, n));
		fixed = lappend(fixed, uri);
	}
	*urls = fixed;
	return true;
}

/* Whether an expression has a parameter that does not come to the scan's slice. */
static bool
lacks_value(Node *node, Search *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
	{
		const Param *param = (Param *) node;

		return param->paramkind == PARAM_EXEC &&
			!bms_is_member(param->paramid, search->values) &&
			!bms_is_member(param->paramid, search->results);
	}
	return expression_tree_walker(node, lacks_value, search);
}

/* ERROR where a scan of a foreign table by segments would not find all that there is. */
static void
refuse_partial(Search *search, ForeignScan *scan, Oid relid)
{
	const char *name;

	if (!search->is_whole && !lacks_value((Node *) scan->fdw_exprs, search) &&
		!lacks_value((Node *) scan->scan.plan.qual, search))
		return;
	name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign table %s cannot be read by all segments in this place", name),
			 errdetail("It is in a subquery or LATERAL item that refers to other tables."),
			 errhint("Write it as a join, or type ALTER FOREIGN TABLE %s OPTIONS (ADD mpp_execute 'master').",
					 name)));
}

/* Tells all segments what the topic of a foreign table holds; returns whether they scan one. */
static bool
fix_foreign(Search *search, ForeignScan *scan)
{
	const RangeTblEntry *rte;
	Oid			user;

	/* a join of foreign tables that its wrapper makes is a scan of none of them */
	if (scan->scan.scanrelid == 0)
		return false;
	rte = rt_fetch(scan->scan.scanrelid, search->stmt->rtable);
	user = OidIsValid(rte->checkAsUser) ? rte->checkAsUser : GetUserId();
	if (!cdc_kafka_scan_by_segments(rte->relid))
		return false;
	if (!search->fix)
		return true;
	refuse_partial(search, scan, rte->relid);
	cdc_kafka_scan_give_bounds(scan, bounds_of_table(search, rte->relid, user));
	return true;
}

static bool search_plan(Node *node, Search *search);

/* The plan of a subquery, looked through once. */
static bool
search_subplan(Search *search, const SubPlan *subplan)
{
	Plan	   *plan = plan_tree_base_subplan_get_plan(&search->base, (SubPlan *) subplan);
	Search		before = *search;
	ListCell   *lc;
	bool		found;

	if (bms_is_member(subplan->plan_id, search->seen))
		return false;
	search->seen = bms_add_member(search->seen, subplan->plan_id);
	search->is_whole = true;
	search->values = NULL;
	foreach(lc, subplan->is_initplan ? NIL : subplan->parParam)
		search->values = bms_add_member(search->values, lfirst_int(lc));
	found = search_plan((Node *) plan, search);
	search->is_whole = before.is_whole;
	search->values = before.values;
	return found;
}

/* What is below a Motion runs in a slice of its own, which gets no parameters but results. */
static bool
search_motion(Search *search, Plan *plan)
{
	Search		before = *search;
	bool		found;

	search->is_whole = false;
	search->values = NULL;
	found = CDC_PLAN_TREE_WALKER((Node *) plan, search_plan, search);
	search->is_whole = before.is_whole;
	search->values = before.values;
	return found;
}

/* A nested loop has values for its inner side, and for that alone. */
static bool
search_nested_loop(Search *search, NestLoop *join)
{
	Bitmapset  *before = search->values;
	ListCell   *lc;
	bool		found;

	search->values = bms_copy(before);
	foreach(lc, join->nestParams)
		search->values = bms_add_member(search->values, ((NestLoopParam *) lfirst(lc))->paramno);
	found = CDC_PLAN_TREE_WALKER((Node *) join, search_plan, search);
	search->values = before;
	return found;
}

/* Whether the walk ends: once a topic is found, where that is all that is wanted. */
static bool
search_plan(Node *node, Search *search)
{
	List	  **urls;

	if (node == NULL)
		return false;
	urls = cdc_external_scan_urls(node);
	if (urls != NULL)
		return fix_external(search, urls) && !search->fix;
	switch (nodeTag(node))
	{
		case T_ForeignScan:
			return fix_foreign(search, (ForeignScan *) node) && !search->fix;
		case T_SubPlan:
			return search_subplan(search, (SubPlan *) node);
		case T_Motion:
			return search_motion(search, (Plan *) node);
		case T_NestLoop:
			return search_nested_loop(search, (NestLoop *) node);
		default:
			return CDC_PLAN_TREE_WALKER(node, search_plan, search);
	}
}

/* Notes the parameters that InitPlans set. */
static bool
find_results(Node *node, Search *search)
{
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (IsA(node, SubPlan))
	{
		foreach(lc, ((SubPlan *) node)->is_initplan ? ((SubPlan *) node)->setParam : NIL)
			search->results = bms_add_member(search->results, lfirst_int(lc));
		return false;
	}
	return CDC_PLAN_TREE_WALKER(node, find_results, search);
}

static bool
search_statement(PlannedStmt *stmt, bool fix)
{
	Search		search;
	ListCell   *lc;

	memset(&search, 0, sizeof(search));
	exec_init_plan_tree_base(&search.base, stmt);
	search.stmt = stmt;
	search.fix = fix;
	(void) find_results((Node *) stmt->planTree, &search);
	foreach(lc, stmt->subplans)
		(void) find_results(lfirst(lc), &search);
	return search_plan((Node *) stmt->planTree, &search);
}

/* ExecutorStart_hook */
static void
start_executor(QueryDesc *query, int eflags)
{
	if (Gp_role == GP_ROLE_DISPATCH && (eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0 &&
		search_statement(query->plannedstmt, false))
	{
		query->plannedstmt = copyObject(query->plannedstmt);
		(void) search_statement(query->plannedstmt, true);
	}
	if (next_executor_start != NULL)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

void
cdc_greenplum_init(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = start_executor;
}

#else

void
cdc_greenplum_init(void)
{
}

#endif							/* CDC_HAVE_EXTERNAL_PROTOCOLS */
