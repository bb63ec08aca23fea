/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  How long a call of pull waits for more: one that was asked for all there is
 *	  until it has that, one for a batch as long as the batch may take.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/wait.h"

#include "pg/process/background.h"

/* A wait ends this often without anything said, to look around. */
#define WAIT_MS				1000

/* Waits of a batch that are shorter end with the next event. */
#define MIN_NAP_MS			4

/* After a nap in which little can have come, so much is left for it. */
#define SHORT_NAP_MS		20
#define LAST_MS				1

int64
cdc_pull_elapsed_ms(TimestampTz since)
{
	return since == 0 ? 0 : (GetCurrentTimestamp() - since) / 1000;
}

bool
cdc_pull_wait_for_more(const CdcPullBounds *bounds, TimestampTz first_event,
					   const CdcPullWaits *waits)
{
	int64		left;

	if (bounds->until_now)
	{
		(void) waits->wait(waits->source, WAIT_MS);
		return true;
	}
	if (first_event == 0 || bounds->max_ms == 0)
		return false;
	left = bounds->max_ms - cdc_pull_elapsed_ms(first_event);
	if (left <= 0)
		return false;

	/*
	 * Nothing becomes visible before the batch ends: better woken once than by each
	 * of many small transactions.  The end is for what came in the meantime, which
	 * is more in a longer nap.
	 */
	if (left <= LAST_MS && bounds->max_ms > MIN_NAP_MS)
		return false;
	if (left < MIN_NAP_MS)
		return waits->wait(waits->source, left);
	waits->nap(waits->source, left > SHORT_NAP_MS ? left - left / 4 : left - LAST_MS);
	return true;
}
