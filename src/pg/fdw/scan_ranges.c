/*-------------------------------------------------------------------------
 *
 * scan_ranges.c
 *	  Which stretches of which partitions a scan has to read: what the
 *	  conditions leave of what the topic holds.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/fdw/scan_ranges.h"

#include "utils/memutils.h"

#include "pg/base/error.h"
#include "pg/base/utf8.h"

/* So many messages are sooner read than jumped over. */
#define MAX_GAP		1000

/*
 * Offsets were asked for that the topic does not have any more.  "At least 0"
 * asks for nothing: it holds for all.
 */
static void
check_missing(const CdcKafkaScan *scan, const CdcKafkaScanPartition *p, const CdcIntervals *asked)
{
	int			i;

	if (scan->table->opt.missing_offsets == CDC_KAFKA_MISSING_SKIP)
		return;
	for (i = 0; i < asked->n; i++)
	{
		if (asked->items[i].from > 0 && asked->items[i].from < p->low)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("offset " INT64_FORMAT " of topic \"%s\", partition %d is not there any more",
							asked->items[i].from, cdc_from_utf8_lenient(scan->table->opt.topic), p->id),
					 errdetail("The first message that is still there has offset " INT64_FORMAT ".",
							   p->low),
					 errhint("Ask for later offsets, or set the foreign table's option missing_offsets 'skip'.")));
	}
}

/* Appends what there is of what is asked for to the scan's ranges. */
static void
add_ranges(CdcKafkaScan *scan, CdcKafkaScanPartition *p, const CdcIntervals *asked, int *room)
{
	CdcIntervals there = cdc_intervals_range(p->low, p->high);
	CdcIntervals found = cdc_intervals_intersect(asked, &there);
	CdcIntervals merged = cdc_intervals_close_gaps(&found, MAX_GAP);
	int			i;

	p->first_range = scan->nranges;
	p->nranges = merged.n;
	p->planned = 0;
	if (merged.n != found.n)
		scan->gaps = true;
	if (scan->nranges + merged.n > *room)
	{
		*room = Max(*room * 2, scan->nranges + merged.n);
		scan->ranges = scan->ranges == NULL ? palloc(sizeof(CdcKafkaRange) * *room) :
			repalloc(scan->ranges, sizeof(CdcKafkaRange) * *room);
	}
	for (i = 0; i < merged.n; i++)
	{
		CdcKafkaRange *range = &scan->ranges[scan->nranges++];

		range->partition = p->id;
		range->from = merged.items[i].from;
		range->to = merged.items[i].to;
		p->planned += range->to - range->from;
	}
}

static void
set_partitions(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds)
{
	int			i;

	if (scan->partitions == NULL)
	{
		scan->npartitions = bounds->n;
		scan->partitions = MemoryContextAllocZero(MemoryContextGetParent(scan->context),
												  sizeof(CdcKafkaScanPartition) * Max(bounds->n, 1));
	}
	for (i = 0; i < bounds->n; i++)
	{
		scan->partitions[i].id = bounds->bounds[i].partition;
		scan->partitions[i].low = bounds->bounds[i].low;
		scan->partitions[i].high = bounds->bounds[i].high;
	}
}

/*
 * Of each partition the offsets of all times, n of them; NULL when there are
 * none.  Partitions that other conditions leave out are not asked for.
 */
static int64 *
find_times(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds, int *ntimes)
{
	const int64 *times = cdc_kafka_pushdown_times(scan->push, ntimes);
	CdcKafkaBounds *asked;
	int64	   *offsets;
	int			n = 0;
	int			i;
	int			t;

	if (*ntimes == 0)
		return NULL;
	asked = palloc0(sizeof(CdcKafkaBounds) * Max(bounds->n, 1));
	offsets = palloc0(sizeof(int64) * Max(bounds->n, 1) * *ntimes);
	for (i = 0; i < bounds->n; i++)
	{
		CdcIntervals possible = cdc_kafka_pushdown_offsets(scan->push,
														   bounds->bounds[i].partition, NULL);

		if (possible.n > 0)
			asked[n++] = bounds->bounds[i];
	}
	for (t = 0; t < *ntimes && n > 0; t++)
	{
		int			a = 0;

		cdc_kafka_source_offsets_at(cdc_kafka_scan_source(scan), asked, n, times[t]);
		for (i = 0; i < bounds->n && a < n; i++)
		{
			if (bounds->bounds[i].partition != asked[a].partition)
				continue;
			/* no message that late: none of those that we may read */
			offsets[i * *ntimes + t] = asked[a].offset < 0 ? CDC_INTERVAL_MAX : asked[a].offset;
			a++;
		}
	}
	return offsets;
}

static void
find_ranges(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds)
{
	MemoryContext old;
	int64	   *offsets;
	int			ntimes;
	int			room = 0;
	int			i;

	MemoryContextReset(scan->context);
	old = MemoryContextSwitchTo(scan->context);
	scan->ranges = NULL;
	scan->nranges = 0;
	scan->gaps = false;
	set_partitions(scan, bounds);
	offsets = find_times(scan, bounds, &ntimes);
	for (i = 0; i < bounds->n; i++)
	{
		CdcIntervals asked = cdc_kafka_pushdown_offsets(scan->push, bounds->bounds[i].partition,
														offsets == NULL ? NULL :
														offsets + (Size) i * ntimes);

		check_missing(scan, &scan->partitions[i], &asked);
		add_ranges(scan, &scan->partitions[i], &asked, &room);
	}
	MemoryContextSwitchTo(old);
}

static CdcKafkaSource *
open_source(void *arg)
{
	return cdc_kafka_scan_source(arg);
}

void
cdc_kafka_scan_prepare(ForeignScanState *node)
{
	CdcKafkaScan *scan = node->fdw_state;
	const CdcKafkaTopicBounds *bounds;

	cdc_kafka_pushdown_evaluate(scan->push, node->ss.ps.ps_ExprContext, true);
	bounds = scan->given != NULL ? scan->given :
		cdc_kafka_bounds_of_query(node->ss.ps.state, scan->table, scan->user, open_source, scan);
	find_ranges(scan, bounds);
}

void
cdc_kafka_scan_guess_ranges(CdcKafkaScan *scan, const CdcKafkaTopicBounds *bounds)
{
	MemoryContext old = MemoryContextSwitchTo(scan->context);
	int			room = 0;
	int			i;

	set_partitions(scan, bounds);
	for (i = 0; i < bounds->n; i++)
	{
		CdcIntervals asked = cdc_kafka_pushdown_offsets(scan->push, bounds->bounds[i].partition,
														NULL);

		add_ranges(scan, &scan->partitions[i], &asked, &room);
	}
	MemoryContextSwitchTo(old);
}
