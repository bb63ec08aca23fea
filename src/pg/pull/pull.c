/*-------------------------------------------------------------------------
 *
 * pull.c
 *	  pull: the next source transactions into history, the position with them,
 *	  in the caller's PostgreSQL transaction.
 *
 * Events of a source transaction are buffered until its commit is seen, then
 * decoded and appended.  A call may end in the middle of a group that is still
 * arriving: the row then says its start, the stream that stays open has what
 * arrived of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/pull_internal.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/bounded_text.h"
#include "pg/base/error.h"
#include "pg/pull_kafka/pull_kafka.h"
#include "pg/pull/wait.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/catalog/tables.h"
#include "pg/catalog/log.h"
#include "pg/base/shmem.h"
#include "pg/base/wake.h"

/* Links lost in a call, one after the other without any progress. */
#define MAX_LOST			3

typedef enum LoopEnd
{
	LOOP_REACHED,				/* as far as was asked for */
	LOOP_BOUND,					/* at a bound, there may be more */
	LOOP_LOST					/* the link */
} LoopEnd;

/* ---- one raw event ---- */

/* Row changes that came as SQL text cannot be followed: tell, once a call. */
static void
check_statements(CdcPullCall *call)
{
	CdcPullStream *stream = call->stream;
	const char *sql = NULL;
	uint64		n = cdc_stream_statement_dml(stream->stream, &sql);

	if (n == stream->statements)
		return;
	stream->statements = n;
	if (call->warned)
		return;
	call->warned = true;
	sql = cdc_bounded_text(cdc_error_text(sql != NULL ? sql : ""), 500);
	cdc_log_event(call->sub->name, "statement_dml",
				  "the source wrote row changes as statements, which cannot be followed",
				  psprintf("%s:" INT64_FORMAT ": %s", stream->file, stream->offset, sql));
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the source of subscription \"%s\" wrote row changes as statements, which cannot be followed",
					call->sub->name),
			 errdetail("Near %s:" INT64_FORMAT ": %s", stream->file, stream->offset, sql),
			 errhint("Set binlog_format=ROW at the source, for its running sessions too, and copy the tables concerned anew.")));
}

/* Unknown events that may be ignored are, but not in silence: told of once a type. */
static void
check_unknown(CdcPullCall *call)
{
	CdcPullStream *stream = call->stream;
	uint8		type;
	uint64		n = cdc_stream_skipped(stream->stream, &type);

	if (n == stream->skipped)
		return;
	stream->new_skipped += n - stream->skipped;
	stream->skipped = n;
	if ((stream->skipped_types[type / 32] & (1u << (type % 32))) != 0)
		return;
	stream->skipped_types[type / 32] |= 1u << (type % 32);
	cdc_log_event(call->sub->name, "event_skipped",
				  psprintf("the source wrote an event of the unknown type %u, which may be ignored", type),
				  psprintf("%s:" INT64_FORMAT ": type %u", stream->file, stream->offset, type));
}

/* Whether the transaction was asked to be left out by start_position. */
static bool
skipped(CdcPullStream *stream, const CdcTransaction *txn)
{
	if (stream->skip_file == NULL)
		return false;
	return cdc_binlog_file_compare(txn->file, stream->skip_file) == 0 &&
		txn->end_offset <= (uint64) stream->skip_offset;
}

/* Until then the row must not be written: it would not say what to leave out. */
static void
check_skip(CdcPullStream *stream)
{
	if (stream->skip_file == NULL)
		return;
	if (cdc_binlog_position_compare(stream->file, stream->offset,
									stream->skip_file, stream->skip_offset) >= 0)
		stream->skip_file = NULL;
}

/* The copied tables are as of the stream's place now: apply may show them. */
static void
check_join(CdcPullCall *call)
{
	CdcPosition *pos = &call->pos;
	CdcPullStream *stream = call->stream;
	char	   *file = NULL;
	int64		offset = 0;
	List	   *tables;
	ListCell   *lc;

	if (pos->snapshot_join == NULL)
		return;
	if (!stream->join.set)
	{
		if (stream->executed == NULL && !cdc_position_parse(pos->snapshot_join, &file, &offset))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("invalid snapshot_join \"%s\" of subscription \"%s\"",
							pos->snapshot_join, call->sub->name)));
		cdc_pull_mark_set(stream, &stream->join,
						  stream->executed != NULL ? pos->snapshot_join : NULL, file, offset);
	}
	if (!cdc_pull_mark_passed(stream, &stream->join))
		return;
	cdc_pull_mark_clear(&stream->join);
	pos->snapshot_join = NULL;
	pos->barrier_seq = pos->last_seq;
	tables = cdc_subscription_tables(call->sub);
	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (t->state == 'f')
			cdc_subscription_table_state(call->sub, t->source_table, 'r');
	}
	cdc_pull_stream_forget_tables(stream);
}

/* A transaction of the source became history. */
static void
note_commit(CdcPullCall *call, const CdcTransaction *txn)
{
	CdcPullStream *stream = call->stream;

	call->transactions++;
	stream->new_transactions++;
	if (txn->commit_us != 0)
		stream->source_ts = txn->commit_us -
			(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	stream->delay = CDC_DELAY_OPEN;
}

static void
end_group(CdcPullCall *call, const CdcItem *item)
{
	CdcPullStream *stream = call->stream;
	const CdcTransaction *txn = &item->txn;
	bool		wanted = !skipped(stream, txn);

	if (item->kind == CDC_ITEM_XA_PREPARE)
		cdc_pull_xa_prepare(call, item);
	else if (item->kind == CDC_ITEM_XA_COMMIT || item->kind == CDC_ITEM_XA_ROLLBACK)
		cdc_pull_xa_end(call, item, wanted);
	else if (item->kind == CDC_ITEM_COMMIT && wanted)
		cdc_pull_group(call, stream->decoder, stream->group, cdc_stream_format(stream->stream),
					   txn, &stream->lookup);
	if (wanted && (item->kind == CDC_ITEM_COMMIT || item->kind == CDC_ITEM_XA_COMMIT))
		note_commit(call, txn);
	cdc_group_buffer_reset(stream->group);
	cdc_pull_stream_advance(stream, txn->file, txn->end_offset, txn->gtid);
	check_skip(stream);
	check_join(call);
}

/*
 * A dump by GTID begins with events that describe the file and stand at its
 * start: the position does not go back to them.
 */
static bool
is_ahead(const CdcPullStream *stream, const CdcTransaction *txn)
{
	return cdc_binlog_position_compare(txn->file, (int64) txn->end_offset,
									   stream->file, stream->offset) > 0;
}

static void
take_event(CdcPullCall *call, const uint8 *event, size_t len)
{
	CdcPullStream *stream = call->stream;
	CdcItem		item;
	CdcError	err;
	CdcStatus	st = cdc_stream_feed(stream->stream, event, len, &item, &err);

	if (st == CDC_ERR_CORRUPT && cdc_pull_stream_rewind(stream))
		return;
	CDC_CHECK(st, &err, call->sub->name);
	call->bytes += len;
	stream->new_bytes += len;
	if (item.kind == CDC_ITEM_BEGIN)
	{
		stream->begun = true;
		cdc_group_buffer_reset(stream->group);
	}
	if (item.keep)
		cdc_group_buffer_append(stream->group, item.event, item.event_len);
	check_statements(call);
	check_unknown(call);
	switch (item.kind)
	{
		case CDC_ITEM_COMMIT:
		case CDC_ITEM_ROLLBACK:
		case CDC_ITEM_XA_PREPARE:
		case CDC_ITEM_XA_COMMIT:
		case CDC_ITEM_XA_ROLLBACK:
			end_group(call, &item);
			break;
		case CDC_ITEM_UNDO:
			cdc_group_buffer_truncate(stream->group, item.undo.events, item.undo.bytes);
			break;
		case CDC_ITEM_POSITION:
		case CDC_ITEM_HEARTBEAT:
			if (item.kind == CDC_ITEM_HEARTBEAT)
				stream->delay = 0;	/* sent only when there is nothing else to send */
			if (is_ahead(stream, &item.txn))
				cdc_pull_stream_advance(stream, item.txn.file, item.txn.end_offset, NULL);
			check_skip(stream);
			break;
		default:
			break;
	}
}

/* ---- the loop ---- */

/* Whether the call has to end here; checked between events. */
static bool
at_bound(const CdcPullCall *call)
{
	const CdcPullBounds *bounds = call->bounds;

	if (call->events == 0 && call->bytes == 0)
		return false;
	if (cdc_stream_in_group(call->stream->stream))
	{
		/* a large transaction gets a PostgreSQL transaction of its own */
		return !bounds->until_now && call->events > 0 &&
			cdc_group_buffer_spilled(call->stream->group);
	}
	return (bounds->max_events > 0 && call->events >= bounds->max_events) ||
		(bounds->max_bytes > 0 && call->bytes >= bounds->max_bytes) ||
		(bounds->max_ms > 0 && call->first_event != 0 &&
		 cdc_pull_elapsed_ms(call->first_event) >= bounds->max_ms);
}

static bool
wait_source(void *source, long timeout_ms)
{
	return cdc_source_wait(source, timeout_ms);
}

/*
 * A lost link: a worker keeps what it has and connects again in its next
 * call; who asked for all that there is now gets an error.
 */
static LoopEnd
link_lost(CdcPullCall *call, CdcError *err)
{
	bool		lost = err->status == CDC_ERR_CONNECT;

	if (lost && !call->bounds->until_now && (call->events > 0 || call->transactions > 0))
	{
		call->stream->kept.broken = true;
		return LOOP_LOST;
	}
	cdc_ereport(err, call->sub->name);
}

static void
set_until(CdcPullCall *call)
{
	CdcSourcePosition now;

	if (!call->bounds->until_now)
	{
		cdc_pull_mark_clear(&call->stream->until);
		return;
	}
	cdc_source_position(cdc_pull_stream_control(call->stream), &now);
	cdc_pull_mark_set(call->stream, &call->stream->until, now.gtid_set, now.file, now.offset);
}

/*
 * Whether a lost link is made anew within the call.  A server may close one
 * that stood idle between calls: then all is as at the call's start, and what
 * answers now may be another server.  Later in the call only the same server
 * will do; it ends a dump when another session of ours connects under its id,
 * and who asked for all that there is now should see nothing of that.
 */
static bool
connect_again(CdcPullCall *call, const CdcError *err)
{
	CdcPullStream *stream = call->stream;

	if (err->status != CDC_ERR_CONNECT)
		return false;
	if (stream->reused && call->bytes == 0)
	{
		stream->kept.broken = true;
		call->stream = cdc_pull_stream_get(call);
		set_until(call);
		return true;
	}
	if (call->lost_at != stream->moves)
		call->lost = 0;
	call->lost_at = stream->moves;
	if (!call->bounds->until_now || ++call->lost > MAX_LOST)
		return false;
	cdc_pull_stream_hang_up(stream);
	return cdc_pull_server_same(call, stream);
}

static LoopEnd
pull_loop(CdcPullCall *call)
{
	CdcPullStream *stream = call->stream;
	uint64		looked = stream->moves - 1;

	for (;;)
	{
		const uint8_t *event;
		size_t		len;
		CdcStatus	st;
		CdcError	err;

		CHECK_FOR_INTERRUPTS();
		if (stream->until.set && stream->moves != looked)
		{
			looked = stream->moves;
			if (cdc_pull_mark_passed(stream, &stream->until))
				return LOOP_REACHED;
		}
		cdc_pull_stream_connect(stream);
		if (at_bound(call))
			return LOOP_BOUND;
		st = cdc_session_poll_event(cdc_source_session(stream->dump), &event, &len, &err);
		if (st == CDC_OK)
			take_event(call, event, len);
		else if (st == CDC_MORE)
		{
			if (!cdc_pull_wait_for_more(call->bounds, call->first_event, wait_source,
										call->stream->dump))
				return LOOP_REACHED;
		}
		else
		{
			if (st == CDC_END)
			{
				cdc_error(&err, CDC_ERR_CONNECT, "the source ended the stream of its binlog");
				cdc_error_hint(&err, "It may be shutting down, or another replica uses our server id.");
			}

			if (connect_again(call, &err))
			{
				stream = call->stream;
				looked = stream->moves - 1;
				continue;
			}
			if (st == CDC_ERR_SOURCE && cdc_pull_stream_rewind(stream))
				continue;
			return link_lost(call, &err);
		}
	}
}

/* ---- the position ---- */

/* Whether the row is to be written: always with events, else now and then. */
static bool
persist_due(const CdcPullCall *call)
{
	const CdcPullStream *stream = call->stream;

	if (stream->skip_file != NULL)
		return false;
	if (call->events > 0 || call->persist || stream->row_file == NULL)
		return true;
	if (!cdc_pull_stream_moved(stream))
		return false;
	return call->bounds->until_now ||
		cdc_pull_elapsed_ms(stream->persisted_at) >= CDC_PULL_PERSIST_MS;
}

static void
persist(CdcPullCall *call)
{
	CdcPullStream *stream = call->stream;
	CdcPosition *pos = &call->pos;

	pos->file = pstrdup(stream->file);
	pos->file_offset = stream->offset;
	pos->gtid_set = cdc_pull_stream_gtid_text(stream);
	if (stream->source_ts != 0)
		pos->source_ts = stream->source_ts;
	pos->transactions += stream->new_transactions;
	pos->events += call->events;
	pos->bytes += stream->new_bytes;
	pos->skipped_events += stream->new_skipped;
	cdc_position_set(call->sub, pos);

	cdc_pull_stream_note_row(stream, pos);
	stream->persisted_at = GetCurrentTimestamp();
	stream->new_transactions = 0;
	stream->new_bytes = 0;
	stream->new_skipped = 0;
}

/*
 * What the views show of a running worker.  The delay is that of the last
 * transaction when it arrived.  Sources that tell its time in whole seconds
 * are given the benefit of the fraction.
 */
static void
report(CdcPullStream *stream)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		silence;

	if (stream->dump == NULL)
		return;
	silence = cdc_session_silence_ms(cdc_source_session(stream->dump));
	if (stream->delay == CDC_DELAY_OPEN && stream->source_ts != 0)
	{
		stream->delay = now - stream->source_ts;
		if (stream->source_ts % USECS_PER_SEC == 0)
			stream->delay -= USECS_PER_SEC;
		stream->delay = Max(stream->delay, 0);
	}
	cdc_worker_report(now - silence * 1000,
					  stream->delay == CDC_DELAY_OPEN ? CDC_DELAY_UNKNOWN : stream->delay);
}

void
cdc_pull_run(const CdcSubscription *sub, const CdcPullBounds *bounds, CdcPullResult *result)
{
	CdcPullCall call = {0};
	LoopEnd		end;
	bool		joined;

	if (sub->kind == CDC_SERVER_KAFKA)
	{
		cdc_pull_kafka_run(sub, bounds, result);
		return;
	}
	memset(result, 0, sizeof(*result));
	call.sub = sub;
	call.bounds = bounds;
	call.append = cdc_pull_append;
	call.ddl = cdc_pull_ddl;
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_position_get(sub, &call.pos);
	joined = call.pos.snapshot_join == NULL;
	call.stream = cdc_pull_stream_get(&call);
	if (!call.stream->copy_checked && GetCurrentTimestamp() >= call.stream->copy_at)
	{
		call.stream->copy_at = 0;
		cdc_copy_run(&call, call.stream, false);
		call.stream->copy_checked = call.stream->copy_at == 0;
	}
	check_join(&call);
	set_until(&call);
	end = pull_loop(&call);

	if (call.history != NULL)
		cdc_history_close(call.history);
	result->moved = persist_due(&call) || joined != (call.pos.snapshot_join == NULL);
	if (result->moved)
		persist(&call);
	report(call.stream);
	result->events = call.events;
	result->transactions = call.transactions;
	result->bytes = call.bytes;
	result->more = end != LOOP_REACHED;
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
	CdcUser		saved;

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
	cdc_user_become_owner(sub, &saved);
	cdc_pull_run(sub, &bounds, &result);
	cdc_user_restore(&saved);
	if (result.events > 0)
	{
		cdc_worker_wake(sub->id, CDC_WORKER_APPLY);
		cdc_worker_wake(sub->id, CDC_WORKER_PUBLISH);
	}
	PG_RETURN_INT64(result.events);
}
