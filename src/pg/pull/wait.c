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

int64
cdc_pull_elapsed_ms(TimestampTz since)
{
	return since == 0 ? 0 : (GetCurrentTimestamp() - since) / 1000;
}

bool
cdc_pull_wait_for_more(const CdcPullBounds *bounds, TimestampTz first_event,
					   CdcPullSourceWait wait, void *source)
{
	int64		left;

	if (bounds->until_now)
	{
		(void) wait(source, WAIT_MS);
		return true;
	}
	if (first_event == 0 || bounds->max_ms == 0)
		return false;
	left = bounds->max_ms - cdc_pull_elapsed_ms(first_event);
	if (left <= 0)
		return false;

	/*
	 * Nothing becomes visible before the batch ends: better woken a few times
	 * than by each of many small transactions.  The last quarter is for what
	 * came in the meantime.
	 */
	if (left < MIN_NAP_MS)
		return wait(source, left);
	cdc_background_sleep(left - left / 4);
	return true;
}
