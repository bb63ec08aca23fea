/*-------------------------------------------------------------------------
 *
 * pull.c
 *	  pull: the next source transactions into history, the position with them,
 *	  in the caller's PostgreSQL transaction; done by the kind of the source.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/pull.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "pg/process/background.h"
#include "pg/process/shmem.h"
#include "pg/process/wake.h"
#include "pg/catalog/access.h"
#include "pg/catalog/take_over.h"

void
cdc_pull_run(CdcSubscription *sub, const CdcPullBounds *bounds, CdcPullResult *result)
{
	CdcRunning	run;
	CdcScope	scope;

	memset(result, 0, sizeof(*result));
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_check_source(sub);
	cdc_subscription_follow_names(sub);
	cdc_owner_begin(sub, &scope);
	cdc_running_begin(&run, sub->id, CDC_WRITER_PULL);
	PG_TRY();
	{
		cdc_source_kind(sub->kind)->run(sub, bounds, result);
	}
	PG_CATCH();
	{
		cdc_running_end(&run);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cdc_running_end(&run);
	cdc_scope_end(&scope);
}

void
cdc_pull_wait(int32 subscription_id, long timeout_ms)
{
	CdcServerKind kind;

	/* the stream says by itself whose it is: the subscription may be gone by now */
	for (kind = 0; kind < CDC_SOURCE_KINDS; kind++)
	{
		if (cdc_source_kind(kind)->wait(subscription_id, timeout_ms))
			return;
	}
	cdc_background_sleep(timeout_ms);
}

void
cdc_pull_disconnect(int32 subscription_id)
{
	CdcServerKind kind;

	for (kind = 0; kind < CDC_SOURCE_KINDS; kind++)
		cdc_source_kind(kind)->disconnect(subscription_id);
}

void
cdc_pull_failed(const CdcSubscription *sub, int sqlerrcode, const char *error)
{
	const CdcSourceMethods *methods = cdc_source_kind(sub->kind);

	if (methods->failed != NULL)
		methods->failed(sub, sqlerrcode, error);
}

PG_FUNCTION_INFO_V1(cdc_pull);

/*
 * cdc.pull(subscription text, max_events bigint) returns bigint
 */
Datum
cdc_pull(PG_FUNCTION_ARGS)
{
	CdcPullBounds bounds = {0};
	CdcPullResult result;
	CdcSubscription *sub;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription must not be null")));
	if (!PG_ARGISNULL(1))
	{
		bounds.max_events = PG_GETARG_INT64(1);
		if (bounds.max_events <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("max_events must be greater than zero")));
	}
	bounds.until_now = true;
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_owner(sub);
	cdc_pull_run(sub, &bounds, &result);
	if (result.events > 0 || result.synced)
	{
		cdc_worker_wake(sub->id, CDC_WORKER_APPLY);
		cdc_worker_wake(sub->id, CDC_WORKER_PUBLISH);
	}
	PG_RETURN_INT64(result.events);
}
