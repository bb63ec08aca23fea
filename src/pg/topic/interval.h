/*-------------------------------------------------------------------------
 *
 * interval.h
 *	  Sets of whole numbers as sorted, disjoint, half-open intervals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_INTERVAL_H
#define CDC_PG_TOPIC_INTERVAL_H

#include "pg/base/compat.h"

/* Unbounded below and above: no offset, partition or time comes near them. */
#define CDC_INTERVAL_MIN	PG_INT64_MIN
#define CDC_INTERVAL_MAX	PG_INT64_MAX

typedef struct CdcInterval
{
	int64		from;
	int64		to;				/* the first one that is not in it */
} CdcInterval;

typedef struct CdcIntervals
{
	int			n;
	CdcInterval *items;			/* neither empty, nor touching one another */
} CdcIntervals;

/* All make palloc'ed results and leave their arguments alone. */
extern CdcIntervals cdc_intervals_all(void);
extern CdcIntervals cdc_intervals_none(void);
extern CdcIntervals cdc_intervals_range(int64 from, int64 to);

/* Of n intervals in any order, some of which may be empty or overlap; sorts them in place. */
extern CdcIntervals cdc_intervals_of(CdcInterval *items, int n);

extern CdcIntervals cdc_intervals_union(const CdcIntervals *a, const CdcIntervals *b);
extern CdcIntervals cdc_intervals_intersect(const CdcIntervals *a, const CdcIntervals *b);
extern bool cdc_intervals_contain(const CdcIntervals *set, int64 value);

/* Fills gaps of up to max_gap numbers. */
extern CdcIntervals cdc_intervals_close_gaps(const CdcIntervals *set, int64 max_gap);

#endif							/* CDC_PG_TOPIC_INTERVAL_H */
