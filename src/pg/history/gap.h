/*-------------------------------------------------------------------------
 *
 * gap.h
 *	  Numbers that no event of a history has.
 *
 *	  One writer numbers events without a gap.  Segments that write side by side number
 *	  theirs from places that lie far enough apart; what they leave between is noted here,
 *	  so that it is not taken for events that somebody took out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_HISTORY_GAP_H
#define CDC_PG_HISTORY_GAP_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"

/* There will be no event with a number from first to last; there are before and behind. */
extern void cdc_history_gap_note(const CdcSubscription *sub, int64 first, int64 last);

/* Whether the numbers from first to last, and no others around them, are such a gap. */
extern bool cdc_history_is_gap(const CdcSubscription *sub, int64 first, int64 last);

/* How many numbers from first to last are in gaps. */
extern int64 cdc_history_gap_numbers(const CdcSubscription *sub, int64 first, int64 last);

#endif							/* CDC_PG_HISTORY_GAP_H */
