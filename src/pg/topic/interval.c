/*-------------------------------------------------------------------------
 *
 * interval.c
 *	  Sets of whole numbers as sorted, disjoint, half-open intervals.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/topic/interval.h"

CdcIntervals
cdc_intervals_none(void)
{
	CdcIntervals result = {0, NULL};

	return result;
}

CdcIntervals
cdc_intervals_range(int64 from, int64 to)
{
	CdcIntervals result = {0, NULL};

	if (from < to)
	{
		result.n = 1;
		result.items = palloc(sizeof(CdcInterval));
		result.items[0].from = from;
		result.items[0].to = to;
	}
	return result;
}

CdcIntervals
cdc_intervals_all(void)
{
	return cdc_intervals_range(CDC_INTERVAL_MIN, CDC_INTERVAL_MAX);
}

static int
compare_from(const void *a, const void *b)
{
	const CdcInterval *x = a;
	const CdcInterval *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

CdcIntervals
cdc_intervals_of(CdcInterval *items, int n)
{
	CdcIntervals result = {0, NULL};
	int			i;

	if (n == 0)
		return result;
	qsort(items, n, sizeof(CdcInterval), compare_from);
	result.items = palloc(sizeof(CdcInterval) * n);
	for (i = 0; i < n; i++)
	{
		CdcInterval *last = result.n > 0 ? &result.items[result.n - 1] : NULL;

		if (items[i].from >= items[i].to)
			continue;
		if (last != NULL && items[i].from <= last->to)
			last->to = Max(last->to, items[i].to);
		else
			result.items[result.n++] = items[i];
	}
	return result;
}

CdcIntervals
cdc_intervals_union(const CdcIntervals *a, const CdcIntervals *b)
{
	CdcIntervals result = {0, NULL};
	CdcInterval *items;

	if (a->n + b->n == 0)
		return result;
	items = palloc(sizeof(CdcInterval) * (a->n + b->n));
	if (a->n > 0)
		memcpy(items, a->items, sizeof(CdcInterval) * a->n);
	if (b->n > 0)
		memcpy(items + a->n, b->items, sizeof(CdcInterval) * b->n);
	result = cdc_intervals_of(items, a->n + b->n);
	pfree(items);
	return result;
}

CdcIntervals
cdc_intervals_intersect(const CdcIntervals *a, const CdcIntervals *b)
{
	CdcIntervals result = {0, NULL};
	int			i = 0;
	int			j = 0;

	if (a->n == 0 || b->n == 0)
		return result;
	result.items = palloc(sizeof(CdcInterval) * (a->n + b->n));
	while (i < a->n && j < b->n)
	{
		int64		from = Max(a->items[i].from, b->items[j].from);
		int64		to = Min(a->items[i].to, b->items[j].to);

		if (from < to)
		{
			result.items[result.n].from = from;
			result.items[result.n++].to = to;
		}
		if (a->items[i].to < b->items[j].to)
			i++;
		else
			j++;
	}
	return result;
}

bool
cdc_intervals_contain(const CdcIntervals *set, int64 value)
{
	int			low = 0;
	int			high = set->n;

	while (low < high)
	{
		int			mid = low + (high - low) / 2;

		if (value < set->items[mid].from)
			high = mid;
		else if (value >= set->items[mid].to)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

CdcIntervals
cdc_intervals_close_gaps(const CdcIntervals *set, int64 max_gap)
{
	CdcIntervals result = {0, NULL};
	int			i;

	if (set->n == 0)
		return result;
	result.items = palloc(sizeof(CdcInterval) * set->n);
	for (i = 0; i < set->n; i++)
	{
		CdcInterval *last = result.n > 0 ? &result.items[result.n - 1] : NULL;

		if (last != NULL && (uint64) set->items[i].from - (uint64) last->to <= (uint64) max_gap)
			last->to = set->items[i].to;
		else
			result.items[result.n++] = set->items[i];
	}
	return result;
}
