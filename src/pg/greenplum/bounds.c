/*-------------------------------------------------------------------------
 *
 * bounds.c
 *	  On the master: what a statement reads of which topic, fixed before its plan goes
 *	  to the segments.
 *
 * External tables have no part in planning.  So the plan is looked through before it is
 * started: the URL of each scan of a topic gets, for each segment, the ranges of offsets
 * that this one reads.  All scans of a URL in a statement see the same messages; a plan
 * that is kept is copied, and sees new ones each time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/greenplum/greenplum.h"

#if CDC_HAVE_EXTERNAL_PROTOCOLS

#include "cdb/cdbvars.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/walkers.h"

#include "core/kafka_url.h"
#include "pg/base/error.h"
#include "pg/greenplum/topic_url.h"
#include "pg/topic/bounds.h"

static ExecutorStart_hook_type next_executor_start = NULL;

/* What a URL's topic held when the statement began. */
typedef struct Topic
{
	const char *url;
	const CdcKafkaTopicBounds *bounds;
} Topic;

typedef struct Search
{
	plan_tree_base_prefix base; /* what the server's walker wants first */
	bool		fix;			/* else only find out whether there are scans of topics */
	List	   *topics;			/* of Topic * */
} Search;

static bool
is_topic(const Value *uri)
{
	return IsA(uri, String) &&
		strncmp(strVal(uri), CDC_KAFKA_URL_SCHEME, strlen(CDC_KAFKA_URL_SCHEME)) == 0;
}

/* What the URL's topic holds, asked for once. */
static const CdcKafkaTopicBounds *
bounds_of(Search *search, const char *text)
{
	Topic	   *topic;
	CdcTopicUrl *url;
	CdcKafkaSource *source;
	ListCell   *lc;

	foreach(lc, search->topics)
	{
		topic = lfirst(lc);
		if (strcmp(topic->url, text) == 0)
			return topic->bounds;
	}
	url = cdc_topic_url_read(text);
	source = cdc_topic_url_open(url);
	topic = palloc(sizeof(Topic));
	topic->url = text;
	topic->bounds = cdc_kafka_bounds_read(source, url->topic);
	cdc_kafka_source_close(source);
	search->topics = lappend(search->topics, topic);
	return topic->bounds;
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

/* Tells each segment of a scan what it reads. */
static void
fix_scan(Search *search, ExternalScan *scan)
{
	List	   *fixed = NIL;
	ListCell   *lc;
	int			n = 0;
	int			segment = 0;

	foreach(lc, scan->uriList)
		if (is_topic(lfirst(lc)))
			n++;
	foreach(lc, scan->uriList)
	{
		Value	   *uri = lfirst(lc);

		if (is_topic(uri))
			uri = makeString(url_of_segment(strVal(uri), bounds_of(search, strVal(uri)),
											segment++, n));
		fixed = lappend(fixed, uri);
	}
	scan->uriList = fixed;
}

/* Whether the walk ends: once a topic is found, where that is all that is wanted. */
static bool
search_plan(Node *node, Search *search)
{
	ListCell   *lc;

	if (node == NULL || IsA(node, SubPlan))
		return false;			/* the plans of these are in a list of their own */
	if (IsA(node, ExternalScan))
	{
		ExternalScan *scan = (ExternalScan *) node;

		foreach(lc, scan->uriList)
		{
			if (!is_topic(lfirst(lc)))
				continue;
			if (!search->fix)
				return true;
			fix_scan(search, scan);
			break;
		}
		return false;
	}
	return plan_tree_walker(node, search_plan, search);
}

static bool
search_statement(PlannedStmt *stmt, bool fix)
{
	Search		search;
	ListCell   *lc;

	memset(&search, 0, sizeof(search));
	exec_init_plan_tree_base(&search.base, stmt);
	search.fix = fix;
	if (search_plan((Node *) stmt->planTree, &search))
		return true;
	foreach(lc, stmt->subplans)
		if (search_plan(lfirst(lc), &search))
			return true;
	return false;
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
