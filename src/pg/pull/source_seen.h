/*-------------------------------------------------------------------------
 *
 * source_seen.h
 *	  What was last seen of a subscription's source, for the views while no worker runs
 *	  that knows better.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_SOURCE_SEEN_H
#define CDC_PG_PULL_SOURCE_SEEN_H

#include "pg/base/compat.h"
#include "pg/process/shmem.h"

/*
 * Writes it in the caller's transaction, which is pull's: now and then, not in each.
 * What report or figures (NULL: all of it) do not say stays as it is.
 */
extern void cdc_source_seen_write(const char *subscription, const CdcPullReport *report,
								  const CdcSourceFigures *figures);

#endif							/* CDC_PG_PULL_SOURCE_SEEN_H */
