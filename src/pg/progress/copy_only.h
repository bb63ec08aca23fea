/*-------------------------------------------------------------------------
 *
 * copy_only.h
 *	  The end of a subscription that only copies its tables (copy_mode "only").
 *
 *	  The stream is read as long as a copy needs it, which is as of one place of the source
 *	  then.  Behind that pull reads no more, and when the targets have all of it the
 *	  subscription is disabled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROGRESS_COPY_ONLY_H
#define CDC_PG_PROGRESS_COPY_ONLY_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"

/*
 * Whether a subscription of that mode, whose stream has begun, needs it no more: pull has
 * nothing to do.
 */
extern bool cdc_copy_only_has_read(const CdcSubscription *sub);

/*
 * Whether a subscription of that mode has come to its end, where its targets have all up to
 * applied_seq: no copy is under way, and nothing is left to be applied or published.
 */
extern bool cdc_copy_only_is_over(const CdcSubscription *sub, int64 applied_seq);

/* What to type for one that has come to its end, where more is wanted; palloc'ed. */
extern char *cdc_copy_only_hint(const CdcSubscription *sub);

/*
 * Disables it where it has come to its end, with a row of cdc.log and a notification.
 * ready: a table has become ready in this transaction; else nothing is said again of a
 * subscription that is disabled.  Returns whether it has.
 */
extern bool cdc_copy_only_end(const CdcSubscription *sub, int64 applied_seq, bool ready);

#endif							/* CDC_PG_PROGRESS_COPY_ONLY_H */
