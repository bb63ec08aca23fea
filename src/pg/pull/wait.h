/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  How long a call of pull waits for more, whatever the source is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_PULL_WAIT_H
#define CDC_PG_PULL_WAIT_H

#include "pg/pull/source_kind.h"
#include "utils/timestamp.h"

/* The source's connection, as it is waited for. */
typedef struct CdcPullWaits
{
	void	   *source;

	/* Waits for it to have something; whether it has. */
	bool		(*wait) (void *source, long timeout_ms);

	/* Sleeps while what comes gathers. */
	void		(*nap) (void *source, long ms);
} CdcPullWaits;

/* Milliseconds; 0 where since is 0. */
extern int64 cdc_pull_elapsed_ms(TimestampTz since);

/*
 * What the source has not got may be waited for.  first_event: when the call's
 * first event came, 0 = none yet.  Returns whether to go on.
 */
extern bool cdc_pull_wait_for_more(const CdcPullBounds *bounds, TimestampTz first_event,
								   const CdcPullWaits *waits);

#endif							/* CDC_PG_PULL_WAIT_H */
