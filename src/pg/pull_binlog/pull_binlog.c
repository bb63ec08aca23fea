/*-------------------------------------------------------------------------
 *
 * pull_binlog.c
 *	  pull from the binlog of MySQL and MariaDB: one call of it, and the methods of
 *	  that kind of source.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/timestamp.h"

#include "pg/pull/source_kind.h"
#include "pg/pull_binlog/pull_binlog.h"

static void
run(const CdcSubscription *sub, const CdcPullBounds *bounds, CdcPullResult *result)
{
	CdcBinlogCall call = {0};
	CdcBinlogEnd end;
	bool		joined;

	call.sub = sub;
	call.bounds = bounds;
	call.out.sub = sub;
	call.out.last_seq = &call.pos.last_seq;
	call.out.append = cdc_event_output_append;
	call.ddl = cdc_binlog_ddl;
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_position_get(sub, &call.pos);
	joined = call.pos.snapshot_join == NULL;
	call.stream = cdc_binlog_stream_get(&call);
	if (!call.stream->copy_checked && GetCurrentTimestamp() >= call.stream->copy_at)
	{
		call.stream->copy_at = 0;
		cdc_binlog_copy(&call, call.stream, false);
		call.stream->copy_checked = call.stream->copy_at == 0;
	}
	cdc_binlog_check_join(&call);
	cdc_binlog_set_until(&call);
	end = cdc_binlog_loop(&call);

	cdc_event_output_close(&call.out);
	result->moved = cdc_binlog_persist_due(&call) || joined != (call.pos.snapshot_join == NULL);
	if (result->moved)
		cdc_binlog_persist(&call);
	cdc_binlog_report_progress(call.stream);
	result->events = call.out.events;
	result->transactions = call.transactions;
	result->bytes = call.bytes;
	result->changes = call.changes;
	result->more = end != CDC_BINLOG_REACHED;
}

static const CdcSourceMethods methods = {
	.run = run,
	.wait = cdc_binlog_stream_wait,
	.disconnect = cdc_binlog_stream_disconnect,
	.check_arguments = cdc_binlog_check_arguments,
	.prepare = cdc_binlog_subscribe_prepare,
	.create = cdc_binlog_subscribe,
	.definition = cdc_binlog_definition,
	.set_position = cdc_binlog_set_position,
	.goal = cdc_binlog_goal,
	.goal_free = cdc_binlog_goal_free,
	.goal_pulled = cdc_binlog_goal_pulled,
	.goal_has = cdc_binlog_goal_has
};

void
cdc_pull_binlog_init(void)
{
	cdc_source_kind_register(CDC_SERVER_MYSQL, &methods);
}
