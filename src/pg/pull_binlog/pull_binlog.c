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

#include "pg/base/error.h"
#include "pg/catalog/log.h"
#include "pg/progress/auto_resync.h"
#include "pg/progress/copy_only.h"
#include "pg/pull/source_kind.h"
#include "pg/pull/wait.h"
#include "pg/pull_binlog/pull_binlog.h"

/* A copy that waits for the stream is tried so often by a call that is to reach all. */
#define COPY_TRIES		50

/* Tables that may be copied anew by themselves are looked for so often. */
#define LOOK_MS			1000

static const CdcSourceMethods methods;

/* Whether a call that is to reach what the source has now has enough. */
static bool
has_enough(const CdcBinlogCall *call)
{
	return call->bounds->max_events > 0 && call->out.events >= call->bounds->max_events;
}

/* What comes next of a worker: a step of the copy, or the stream. */
static CdcBinlogEnd
turn(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	CdcBinlogEnd end = CDC_BINLOG_BOUND;

	if (call->out.events > 0)
		return end;				/* the first step of all */
	cdc_binlog_look(call);
	if (!cdc_binlog_copy_is_due(stream) || !cdc_binlog_copy(call, stream, false))
	{
		cdc_binlog_set_until(call);
		end = cdc_binlog_loop(call);
	}
	return end;
}

/* All that there is at the call: tables that wait for their copy, then the stream. */
static CdcBinlogEnd
reach_now(CdcBinlogCall *call)
{
	int			tries = 0;

	for (;;)
	{
		CdcBinlogStream *stream = call->stream;
		CdcBinlogEnd end;

		/* a table that is being read is read to its end: who called may keep the connection for ever */
		while ((cdc_binlog_copy_waits(stream) || cdc_binlog_has_come(stream)) && stream->skip_file == NULL &&
			   (!has_enough(call) || cdc_copy_passes(&stream->copy)))
			(void) cdc_binlog_copy(call, stream, false);
		if (has_enough(call))
			return CDC_BINLOG_BOUND;
		/* the first step of all may have copied a table whose changes come next */
		cdc_binlog_check_join(call);
		cdc_binlog_set_until(call);
		end = cdc_binlog_loop(call);
		stream = call->stream;
		if (end == CDC_BINLOG_BOUND && cdc_binlog_has_come(stream) && !has_enough(call))
			continue;
		/* a copy waits for the stream, or for the source, which may take longer */
		if (end != CDC_BINLOG_REACHED || stream->copy_checked || ++tries > COPY_TRIES ||
			stream->copy_at > TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 1000))
			return end;
		while (GetCurrentTimestamp() < stream->copy_at)
			(void) cdc_source_wait(cdc_binlog_stream_control(stream), 10);
	}
}

/* Tables that could not be followed are copied anew, where that was asked for. */
static void
auto_resync(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;

	if (stream == NULL)
		return;
	if (stream->looked_for_errors != 0 && cdc_pull_elapsed_ms(stream->looked_for_errors) < LOOK_MS)
		return;
	stream->looked_for_errors = GetCurrentTimestamp();
	if (cdc_auto_resync(call->sub) == 0)
		return;
	call->persist = true;
	stream->copy_checked = false;
	cdc_binlog_stream_forget_tables(stream);
}

/* The stream begins anew: all that the call knows of it is of before. */
static void
begin_anew(const CdcSubscription *sub, const CdcPullBounds *bounds, CdcPullResult *result)
{
	CdcSubscription now = *sub;

	cdc_binlog_stream_disconnect(sub->id);
	now.start_position = NULL;	/* restarting forgets it */
	result->moved = result->more = true;
	/* who asked for all that there is gets the copies, too */
	if (bounds->until_now)
		methods.run(&now, bounds, result);
}

static void
run(const CdcSubscription *sub, const CdcPullBounds *bounds, CdcPullResult *result)
{
	CdcBinlogCall call = {0};
	CdcBinlogEnd end;

	call.sub = sub;
	call.bounds = bounds;
	call.out.sub = sub;
	call.out.last_seq = &call.pos.last_seq;
	call.out.append = cdc_event_output_append;
	call.ddl = cdc_binlog_ddl;
	cdc_position_get(sub, &call.pos);
	if (call.pos.file != NULL && cdc_copy_only_has_read(sub))
	{
		cdc_binlog_stream_disconnect(sub->id);
		return;
	}
	call.stream = cdc_binlog_stream_get(&call);
	auto_resync(&call);
	end = bounds->until_now ? reach_now(&call) : turn(&call);
	if (end == CDC_BINLOG_ANEW)
	{
		begin_anew(sub, bounds, result);
		return;
	}
	cdc_binlog_check_join(&call);
	if (bounds->until_now && cdc_copy_moment_to(&call.stream->copy) != NULL)
		cdc_copy_hang_up(&call.stream->copy);

	cdc_event_output_close(&call.out);
	result->moved = cdc_binlog_persist_due(&call);
	if (result->moved)
		cdc_binlog_persist(&call);
	cdc_binlog_report_progress(call.stream);
	result->events = call.out.events;
	result->synced = call.synced;
	result->transactions = call.transactions;
	result->bytes = call.bytes;
	result->changes = call.changes;
	result->more = end != CDC_BINLOG_REACHED && !call.over;
}

/*
 * A server ends the dump of a replica whose id another one connects with: with the same
 * id both would end each other's for ever.  The next dump has another one.
 */
static void
failed(const CdcSubscription *sub, int sqlerrcode, const char *error)
{
	if (sqlerrcode != CDC_ERRCODE_SERVER_ID)
		return;
	cdc_position_new_server_id(sub);
	cdc_log_event(sub->name, "source",
				  "another replica of the source uses our server id: another one is taken", error);
}

static const CdcSourceMethods methods = {
	.run = run,
	.wait = cdc_binlog_stream_wait,
	.disconnect = cdc_binlog_stream_disconnect,
	.failed = failed,
	.check_arguments = cdc_binlog_check_arguments,
	.prepare = cdc_binlog_subscribe_prepare,
	.create = cdc_binlog_subscribe,
	.check_options = cdc_binlog_check_options,
	.definition = cdc_binlog_definition,
	.is_unique = cdc_binlog_is_unique,
	.check_condition = cdc_binlog_check_condition,
	.set_position = cdc_binlog_set_position,
	.restart = cdc_binlog_restart,
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
