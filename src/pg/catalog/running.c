/*-------------------------------------------------------------------------
 *
 * running.c
 *	  Which subscriptions this session is pulling or applying at the moment.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/running.h"

static const CdcRunning *innermost = NULL;

void
cdc_running_begin(CdcRunning *run, int32 subscription_id, CdcWriter writer)
{
	run->outer = innermost;
	run->subscription_id = subscription_id;
	run->writer = writer;
	innermost = run;
}

void
cdc_running_end(const CdcRunning *run)
{
	Assert(innermost == run);
	innermost = run->outer;
}

void
cdc_running_check(int32 subscription_id, const char *name, CdcWriter writer)
{
	const CdcRunning *run;

	for (run = innermost; run != NULL; run = run->outer)
	{
		if (run->subscription_id != subscription_id || run->writer != writer)
			continue;
		if (writer == CDC_WRITER_PULL)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("subscription \"%s\" is being pulled in this session", name),
					 errdetail("The call comes from inside of that pull, from a trigger on the history for example."),
					 errhint("Make the call when the pull has ended.")));
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("subscription \"%s\" is being applied in this session", name),
				 errdetail("The call comes from inside of that apply, from a trigger on a target for example."),
				 errhint("Make the call when the apply has ended.")));
	}
}
