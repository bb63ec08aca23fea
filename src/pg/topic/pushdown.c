/*-------------------------------------------------------------------------
 *
 * pushdown.c
 *	  Conditions on partition, offset and time as bounds of what is read.
 *
 *	  A clause becomes a tree of AND, OR, comparisons (also with the elements of
 *	  an array) and row comparisons.  When the values are known, each comparison
 *	  is a set of numbers: of partitions, of offsets, or of milliseconds.  For
 *	  one partition at a time the tree is then a set of offsets.
 *
 *	  Times: a broker tells the first offset whose message has a given time or a
 *	  later one.  All before it are older, so lower bounds are safe.  Upper
 *	  bounds are not: producers set times, which may go back, so a later message
 *	  can be older.  They are used only where the table says that times ascend.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/pushdown_internal.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/compat_executor.h"

/* Times whose offsets a scan asks for. */
#define MAX_TIMES	32

static void
collect_comparisons(const CdcBranch *branch, List **comparisons)
{
	ListCell   *lc;

	foreach(lc, branch->comparisons)
		*comparisons = lappend(*comparisons, lfirst(lc));
	foreach(lc, branch->children)
		collect_comparisons(lfirst(lc), comparisons);
}

bool
cdc_kafka_clause_is_pushable(const CdcKafkaTable *table, Index relid, Expr *clause)
{
	CdcKafkaPushdown push = {0};

	push.table = table;
	push.relid = relid;
	return cdc_kafka_pushdown_tree(&push, (Node *) clause) != NULL;
}

bool
cdc_kafka_clause_is_whole(const CdcKafkaTable *table, Index relid, Expr *clause)
{
	CdcKafkaPushdown push = {0};

	push.table = table;
	push.relid = relid;
	return cdc_kafka_pushdown_tree(&push, (Node *) clause) != NULL && !push.partial;
}

CdcKafkaPushdown *
cdc_kafka_pushdown_create(const CdcKafkaTable *table, Index relid, List *clauses)
{
	CdcKafkaPushdown *push = palloc0(sizeof(CdcKafkaPushdown));
	CdcBranch  *root = palloc0(sizeof(CdcBranch));
	ListCell   *lc;

	push->table = table;
	push->relid = relid;
	push->context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest Kafka conditions",
										  ALLOCSET_SMALL_MINSIZE, ALLOCSET_SMALL_INITSIZE,
										  ALLOCSET_DEFAULT_MAXSIZE);
	root->kind = CDC_BRANCH_AND;
	foreach(lc, clauses)
	{
		CdcBranch  *child = cdc_kafka_pushdown_tree(push, lfirst(lc));

		if (child != NULL)
			root->children = lappend(root->children, child);
	}
	if (root->children != NIL)
	{
		push->root = root;
		collect_comparisons(root, &push->comparisons);
	}
	return push;
}

/* ------------------------------------------------------------------------
 * From values to sets of numbers
 * ------------------------------------------------------------------------
 */

/* Other offsets than some are not asked for: they may be missing. */
static bool
leaves_out(const CdcComparison *cmp)
{
	return cmp->compare == CDC_COMPARE_NOT_EQUAL && cmp->field != CDC_KAFKA_PARTITION;
}

bool
cdc_kafka_pushdown_is_exact(const CdcKafkaPushdown *push)
{
	ListCell   *lc;

	foreach(lc, push->comparisons)
	{
		const CdcComparison *cmp = lfirst(lc);

		if (cmp->field == CDC_KAFKA_TS || leaves_out(cmp))
			return false;
	}
	return true;
}

/* An array's elements; a NULL among them never fulfils a comparison. */
static void
set_from_array(CdcComparison *cmp, Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	CdcInterval *items = NULL;
	int			nitems = 0;
	int			room = 0;
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elems;
	bool	   *nulls;
	int			n;
	int			i;

	get_typlenbyvalalign(cmp->valuetype, &len, &byval, &align);
	deconstruct_array(array, cmp->valuetype, len, byval, align, &elems, &nulls, &n);
	cmp->set = cdc_intervals_all();
	for (i = 0; i < n; i++)
	{
		CdcIntervals one = nulls[i] ? cdc_intervals_none() :
			cdc_compare_set(cmp->form, cmp->compare, cmp->valuetype, elems[i]);

		CHECK_FOR_INTERRUPTS();
		if (!cmp->any)
		{
			cmp->set = cdc_intervals_intersect(&cmp->set, &one);
			continue;
		}
		if (nitems + one.n > room)
		{
			room = Max(room * 2, 16);
			items = items == NULL ? palloc(sizeof(CdcInterval) * room) :
				repalloc(items, sizeof(CdcInterval) * room);
		}
		if (one.n > 0)
			memcpy(items + nitems, one.items, sizeof(CdcInterval) * one.n);
		nitems += one.n;
	}
	if (cmp->any)
		cmp->set = cdc_intervals_of(items, nitems);
}

static void
set_from_value(CdcComparison *cmp, Datum value, bool isnull)
{
	if (isnull)
	{
		/* a comparison with NULL is never true */
		cmp->set = cmp->strict = cmp->equal = cdc_intervals_none();
		return;
	}
	if (leaves_out(cmp))
	{
		cmp->set = cdc_intervals_all();
		return;
	}
	if (cmp->array)
	{
		set_from_array(cmp, value);
		return;
	}
	cmp->set = cdc_compare_set(cmp->form, cmp->compare, cmp->valuetype, value);
	if (!cmp->in_row)
		return;
	cmp->strict = cdc_compare_set(cmp->form, cmp->compare <= CDC_COMPARE_LESS_EQUAL ?
								  CDC_COMPARE_LESS : CDC_COMPARE_GREATER, cmp->valuetype, value);
	cmp->equal = cdc_compare_set(cmp->form, CDC_COMPARE_EQUAL, cmp->valuetype, value);
}

static bool
bounds_from_above(const CdcKafkaPushdown *push)
{
	return push->table->opt.timestamps_ascend;
}

static int
compare_int64(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static void
add_times(CdcKafkaPushdown *push, const CdcIntervals *set, int *room)
{
	int			i;

	for (i = 0; i < set->n; i++)
	{
		if (push->ntimes + 2 > *room)
		{
			*room = Max(*room * 2, 16);
			push->times = push->times == NULL ? palloc(sizeof(int64) * *room) :
				repalloc(push->times, sizeof(int64) * *room);
		}
		/* before 1970 there is nothing; a broker takes such numbers as commands */
		if (set->items[i].from > 0)
			push->times[push->ntimes++] = set->items[i].from;
		if (set->items[i].to > 0 && set->items[i].to != CDC_INTERVAL_MAX &&
			bounds_from_above(push))
			push->times[push->ntimes++] = set->items[i].to;
	}
}

/* Of very many, some are asked for; the others take the next best. */
static void
thin_times(CdcKafkaPushdown *push)
{
	int			i;

	if (push->ntimes <= MAX_TIMES)
		return;
	for (i = 0; i < MAX_TIMES; i++)
		push->times[i] = push->times[(int64) i * push->ntimes / MAX_TIMES];
	push->ntimes = MAX_TIMES;
}

/* The times at which the sets begin and, where that helps, end. */
static void
collect_times(CdcKafkaPushdown *push)
{
	ListCell   *lc;
	int			room = 0;
	int			n = 0;
	int			i;

	push->times = NULL;
	push->ntimes = 0;
	foreach(lc, push->comparisons)
	{
		CdcComparison *cmp = lfirst(lc);

		if (cmp->field != CDC_KAFKA_TS)
			continue;
		add_times(push, &cmp->set, &room);
		add_times(push, &cmp->strict, &room);
		add_times(push, &cmp->equal, &room);
	}
	if (push->ntimes > 1)
		qsort(push->times, push->ntimes, sizeof(int64), compare_int64);
	for (i = 0; i < push->ntimes; i++)
	{
		if (n == 0 || push->times[n - 1] != push->times[i])
			push->times[n++] = push->times[i];
	}
	push->ntimes = n;
	thin_times(push);
}

void
cdc_kafka_pushdown_init(CdcKafkaPushdown *push, PlanState *parent)
{
	ListCell   *lc;

	foreach(lc, push->comparisons)
	{
		CdcComparison *cmp = lfirst(lc);

		cmp->state = ExecInitExpr(cmp->expr, parent);
	}
}

static void
set_unknown(CdcComparison *cmp)
{
	cmp->set = cmp->strict = cmp->equal = cdc_intervals_all();
}

static bool
has_param(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	return IsA(node, Param) || expression_tree_walker(node, has_param, arg);
}

void
cdc_kafka_pushdown_evaluate(CdcKafkaPushdown *push, ExprContext *econtext, bool with_params)
{
	MemoryContext old;
	ListCell   *lc;

	MemoryContextReset(push->context);
	old = MemoryContextSwitchTo(push->context);
	foreach(lc, push->comparisons)
	{
		CdcComparison *cmp = lfirst(lc);
		bool		isnull;

		if (!with_params && has_param((Node *) cmp->expr, NULL))
			set_unknown(cmp);
		else
		{
			Datum		value = CDC_EXEC_EVAL_EXPR(cmp->state, econtext, &isnull);

			set_from_value(cmp, value, isnull);
		}
	}
	collect_times(push);
	MemoryContextSwitchTo(old);
}

bool
cdc_kafka_pushdown_estimate(CdcKafkaPushdown *push, PlannerInfo *root)
{
	MemoryContext old = MemoryContextSwitchTo(push->context);
	bool		all = true;
	ListCell   *lc;

	foreach(lc, push->comparisons)
	{
		CdcComparison *cmp = lfirst(lc);
		Node	   *value = estimate_expression_value(root, (Node *) copyObject(cmp->expr));

		if (IsA(value, Const))
			set_from_value(cmp, ((Const *) value)->constvalue, ((Const *) value)->constisnull);
		else
		{
			set_unknown(cmp);
			all = false;
		}
	}
	collect_times(push);
	MemoryContextSwitchTo(old);
	return all;
}

const int64 *
cdc_kafka_pushdown_times(const CdcKafkaPushdown *push, int *n)
{
	*n = push->ntimes;
	return push->times;
}

/* ------------------------------------------------------------------------
 * From sets of numbers to offsets of one partition
 * ------------------------------------------------------------------------
 */

/* What is asked of one partition. */
typedef struct Question
{
	const CdcKafkaPushdown *push;
	int32		partition;
	const int64 *offsets;		/* of push->times; NULL: not known */
} Question;

/* No message before the result has that time or a later one. */
static int64
first_offset(const Question *q, int64 time)
{
	int			i;

	for (i = q->push->ntimes - 1; i >= 0; i--)
	{
		if (q->push->times[i] <= time)
			return q->offsets[i];
	}
	return CDC_INTERVAL_MIN;
}

/* Where times ascend: all messages from the result on have that time or a later one. */
static int64
last_offset(const Question *q, int64 time)
{
	int			i;

	for (i = 0; i < q->push->ntimes; i++)
	{
		if (q->push->times[i] >= time)
			return q->offsets[i];
	}
	return CDC_INTERVAL_MAX;
}

static CdcIntervals
times_to_offsets(const Question *q, const CdcIntervals *times)
{
	CdcIntervals result;
	CdcInterval *items;
	int			i;

	if (times->n == 0)
		return cdc_intervals_none();
	if (q->offsets == NULL)
		return cdc_intervals_all();
	items = palloc(sizeof(CdcInterval) * times->n);
	for (i = 0; i < times->n; i++)
	{
		int64		from = times->items[i].from;
		int64		to = times->items[i].to;

		items[i].from = from > 0 ? first_offset(q, from) : CDC_INTERVAL_MIN;
		items[i].to = to > 0 && to != CDC_INTERVAL_MAX && bounds_from_above(q->push) ?
			last_offset(q, to) : CDC_INTERVAL_MAX;
	}
	result = cdc_intervals_of(items, times->n);
	pfree(items);
	return result;
}

static CdcIntervals
numbers_to_offsets(const Question *q, CdcKafkaField field, const CdcIntervals *set)
{
	switch (field)
	{
		case CDC_KAFKA_PARTITION:
			return cdc_intervals_contain(set, q->partition) ? cdc_intervals_all() :
				cdc_intervals_none();
		case CDC_KAFKA_OFFSET:
			return *set;
		default:
			return times_to_offsets(q, set);
	}
}

/* (a, b) < (1, 2) is a < 1 OR (a = 1 AND b < 2). */
static CdcIntervals
row_to_offsets(const Question *q, const CdcBranch *row)
{
	CdcIntervals result = cdc_intervals_all();
	int			n = list_length(row->comparisons);
	int			i;

	for (i = n - 1; i >= 0; i--)
	{
		CdcComparison *cmp = list_nth(row->comparisons, i);
		CdcIntervals strict;
		CdcIntervals equal;

		if (i == n - 1 && !row->open)
		{
			result = numbers_to_offsets(q, cmp->field, &cmp->set);
			continue;
		}
		strict = numbers_to_offsets(q, cmp->field, &cmp->strict);
		equal = numbers_to_offsets(q, cmp->field, &cmp->equal);
		equal = cdc_intervals_intersect(&equal, &result);
		result = cdc_intervals_union(&strict, &equal);
	}
	return result;
}

static CdcIntervals
branch_to_offsets(const Question *q, const CdcBranch *branch)
{
	CdcIntervals result;
	ListCell   *lc;

	switch (branch->kind)
	{
		case CDC_BRANCH_COMPARE:
			{
				const CdcComparison *cmp = linitial(branch->comparisons);

				return numbers_to_offsets(q, cmp->field, &cmp->set);
			}
		case CDC_BRANCH_ROW:
			return row_to_offsets(q, branch);
		default:
			break;
	}
	result = branch->kind == CDC_BRANCH_AND ? cdc_intervals_all() : cdc_intervals_none();
	foreach(lc, branch->children)
	{
		CdcIntervals child = branch_to_offsets(q, lfirst(lc));

		result = branch->kind == CDC_BRANCH_AND ? cdc_intervals_intersect(&result, &child) :
			cdc_intervals_union(&result, &child);
	}
	return result;
}

CdcIntervals
cdc_kafka_pushdown_offsets(const CdcKafkaPushdown *push, int32 partition, const int64 *offsets)
{
	Question	q;

	if (push->root == NULL)
		return cdc_intervals_all();
	q.push = push;
	q.partition = partition;
	q.offsets = offsets;
	return branch_to_offsets(&q, push->root);
}
