/*-------------------------------------------------------------------------
 *
 * hole.h
 *	  Events that are missing in the middle of a history.
 *
 *	  pull numbers events without a gap, or notes it (gap.h).  Where others are missing,
 *	  somebody has taken them out (a partition dropped by hand, say), and what is made from
 *	  the rest is not what the source had.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_HOLE_H
#define CDC_PG_HISTORY_HOLE_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"

/* ERROR: the events from first to last are missing; what cannot go on, such as "apply". */
pg_noreturn extern void cdc_history_hole(const CdcSubscription *sub, const char *what,
										 int64 first, int64 last);

/* Whether the history has the event with this seq. */
extern bool cdc_history_has_event(const CdcSubscription *sub, int64 seq);

/* ERROR where the history lacks the event with this seq, which is in no gap. */
extern void cdc_history_check_event(const CdcSubscription *sub, const char *what, int64 seq);

/*
 * ERROR where events are missing between two that the history has, of those from
 * "from" up to "to".  It counts them: for what reads them all anyway.
 */
extern void cdc_history_check_whole(const CdcSubscription *sub, const char *what,
									int64 from, int64 to);

/* The same as a question: the first and the last number of those that are missing. */
extern bool cdc_history_find_hole(const CdcSubscription *sub, int64 from, int64 to, int64 *hole);

/*
 * The seq of the first event that the history has, 1 where there never was one before it; 0: it
 * has none.
 */
extern int64 cdc_history_first_seq(const CdcSubscription *sub);

/*
 * Events up to which seq were purged, see cdc.purge_history(); 0: none was.  And writes that down.
 */
extern int64 cdc_history_purged_seq(const CdcSubscription *sub);
extern void cdc_history_note_purged(const CdcSubscription *sub, int64 seq);

/* ERROR where what begins at the event with that seq would lack some that were purged. */
extern void cdc_history_check_purged(const CdcSubscription *sub, const char *what, int64 from, const char *hint);

/* Whether it has events of rows or definitions, other than control messages and bytes. */
extern bool cdc_history_has_rows(const CdcSubscription *sub);

#endif							/* CDC_PG_HISTORY_HOLE_H */
