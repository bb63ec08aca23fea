/*-------------------------------------------------------------------------
 *
 * apply.h
 *	  apply: history into targets, the progress with it, in the caller's
 *	  PostgreSQL transaction and up to a source commit boundary.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_APPLY_APPLY_H
#define CDC_PG_APPLY_APPLY_H

#include "pg/catalog/subscription.h"

typedef struct CdcApplyCount
{
	char	   *target;
	int64		events;
	int64		inserted;
	int64		updated;
	int64		deleted;
} CdcApplyCount;

typedef struct CdcApplyResult
{
	int64		events;
	List	   *counts;			/* of CdcApplyCount *, a target each */
	bool		more;			/* history holds more that could be applied now */
} CdcApplyResult;

/* max_events: rounded up to a commit boundary; 0 = all that is there. */
extern void cdc_apply_run(const CdcSubscription *sub, int64 max_events,
						  CdcApplyResult *result);

#endif							/* CDC_PG_APPLY_APPLY_H */
