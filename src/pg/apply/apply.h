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
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* What a run did to a target. */
typedef struct CdcApplyCount
{
	char	   *target;			/* qualified, quoted name */
	int64		events;			/* of its source tables that were applied */
	int64		inserted;		/* rows */
	int64		updated;
	int64		deleted;
} CdcApplyCount;

typedef struct CdcApplyResult
{
	int64		events;			/* of history, those without a target too */
	int64		changes;		/* of source tables that were acted on */
	List	   *counts;			/* of CdcApplyCount *, a target each */
	bool		more;			/* history holds more that could be applied now */
	bool		before_failing;	/* it has come to the event that failed before, and not past it */
} CdcApplyResult;

/*
 * Applies the next events of a subscription's history, at most max_events rounded up to
 * a commit boundary; 0 = all that is there.  Waits for another session that applies
 * the same.  Does nothing while a copy has not joined the stream.  in_turns: each call is a
 * transaction, and others follow: one ends right before an event that is known to fail.
 */
extern void cdc_apply_run(CdcSubscription *sub, int64 max_events, bool in_turns,
						  CdcApplyResult *result);

/*
 * Behind cdc_failure_record(), in the process in which cdc_apply_run() failed: notes there
 * which table, event and key it was.
 */
extern void cdc_apply_failed(const CdcSubscription *sub, int sqlerrcode);

/* What filling a target from the history did. */
typedef struct CdcFill
{
	int64		events;			/* of the table that were applied */
	int64		upto;			/* seq up to which the history was read: where apply stands */
} CdcFill;

/*
 * Applies what the history has of the registered table of that name, up to where apply stands, to
 * its target, which is emptied before that if it is to be; holds apply's lock from then on.
 * ERROR where events are missing in the middle.
 */
extern void cdc_apply_fill(CdcSubscription *sub, const char *name, bool replace,
						   CdcFill *fill);

/*
 * Applies what the tables of these names (of char *; NIL: all) lack of what could not be applied
 * before; then they are at the same commit as the others.  With max_events other than 0 a table
 * that has stopped goes on up to the commit behind so many events of the history, and has stopped
 * there then.  Returns the number of events.  ERROR where one still cannot be.
 */
extern int64 cdc_apply_retry(CdcSubscription *sub, List *names, int64 max_events);

/*
 * Replays the events of a source table behind after, up to upto, which are all of one definition of it.
 * Returns how many there were.
 */
struct CdcMappingSpec;
extern int64 cdc_replay_stretch(const CdcSubscription *sub, const struct CdcMappingSpec *spec, int64 after, int64 upto);

/* An event's text, UTF-8, that JSONB cannot hold: without its NULs.  palloc'ed. */
extern const JsonbContainer *cdc_event_without_nul(const char *text);

#endif							/* CDC_PG_APPLY_APPLY_H */
