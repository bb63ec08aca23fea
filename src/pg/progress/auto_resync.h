/*-------------------------------------------------------------------------
 *
 * auto_resync.h
 *	  Tables in an error that a copy heals are copied anew by themselves (option
 *	  auto_resync), and not again and again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PROGRESS_AUTO_RESYNC_H
#define CDC_PG_PROGRESS_AUTO_RESYNC_H

#include "pg/base/compat.h"
#include "datatype/timestamp.h"
#include "pg/catalog/subscription.h"

/*
 * Asks for a copy of each table of the subscription in state 'e' with such an error, where it
 * may have one now: at once the first time, then a minute after the last, two minutes, four,
 * up to a day; a day without one lets it begin anew.  Returns how many.
 */
extern int	cdc_auto_resync(const CdcSubscription *sub);

/*
 * Whether that will be done about the table; *at: when, at the earliest, which may have been
 * before.
 */
extern bool cdc_auto_resync_comes(const CdcSubscription *sub, const char *name, TimestampTz *at);

#endif							/* CDC_PG_PROGRESS_AUTO_RESYNC_H */
