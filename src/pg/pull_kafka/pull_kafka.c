/*-------------------------------------------------------------------------
 *
 * pull_kafka.c
 *	  pull from Kafka: the next messages of all partitions into history, the
 *	  position of each in the same transaction.
 *
 * A message is one row.  Within a partition rows have the order of the offsets;
 * between partitions Kafka knows no order, and they come as they come.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/process/background.h"
#include "pg/process/shmem.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/catalog/subscription.h"
#include "pg/pull/wait.h"
#include "pg/mapping/registry.h"
#include "pg/pull_kafka/pull_kafka.h"

typedef enum LoopEnd
{
	LOOP_REACHED,				/* as far as was asked for */
	LOOP_BOUND,					/* at a bound, there may be more */
	LOOP_LOST					/* before what failed: the next call meets it first */
} LoopEnd;

/* ---- how far a call goes ---- */

/* A call that is to reach the present ends with what the partitions have now. */
static void
set_until(CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;
	int			i;

	stream->reaching = 0;
	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];

		place->until = CDC_OFFSET_UNKNOWN;
		if (!call->bounds->until_now || (place->read_offset >= place->high && !place->verify))
			continue;
		place->until = place->ours_until != CDC_OFFSET_UNKNOWN ? Min(place->high, place->ours_until) :
			place->high;
		stream->reaching++;
	}
}

static void
check_reached(CdcKafkaStream *stream, CdcKafkaPlace *place)
{
	if (place->until == CDC_OFFSET_UNKNOWN || place->read_offset < place->until)
		return;
	place->until = CDC_OFFSET_UNKNOWN;
	stream->reaching--;
}

/* Whether the call has to end here; the clock is looked at now and then only. */
static bool
at_bound(const CdcKafkaCall *call)
{
	const CdcPullBounds *bounds = call->bounds;

	if (call->messages == 0)
		return false;
	if (!bounds->until_now && cdc_registry_discovered_enough(call->sub))
		return true;
	return (bounds->max_events > 0 && call->events >= bounds->max_events) ||
		(bounds->max_bytes > 0 && call->bytes >= bounds->max_bytes) ||
		(bounds->max_ms > 0 && call->first_event != 0 && call->messages % 64 == 0 &&
		 cdc_pull_elapsed_ms(call->first_event) >= bounds->max_ms);
}

static bool
wait_source(void *source, long timeout_ms)
{
	return cdc_kafka_source_wait(source, timeout_ms);
}

/* Its thread reads ahead by itself. */
static void
nap_source(void *source, long ms)
{
	cdc_background_sleep(ms);
}

/* ---- messages ---- */

/* Takes what is not in the format; false: the call ends before it. */
static bool
take_poison(CdcKafkaCall *call, const CdcKafkaMessage *msg, CdcKafkaEvent *event)
{
	if (call->sub->opt.table.on_error == CDC_ON_ERROR_LOG)
	{
		event->row.op = (char) CDC_OP_CONTROL;
		event->wanted = true;
		event->commit = -1;
		return true;
	}
	/* what came before it is kept */
	cdc_kafka_event_refuse(call->sub, msg, event,
						   call->messages == 0 ? ERROR : call->bounds->until_now ? WARNING : LOG);
	return false;
}

/* Counts a message by whether its table is wanted. */
static void
count_table(CdcKafkaStream *stream, CdcKafkaPlace *place, const CdcHistoryRow *row, bool wanted)
{
	if (row->source_table == NULL)
		return;
	if (wanted)
	{
		place->taken++;
		return;
	}
	place->passed++;
	if (place->sample == NULL)
		place->sample = MemoryContextStrdup(stream->context, row->source_table);
}

/* Whether all messages of its topic, which was read from its start, were passed over. */
static bool
is_passed_over(const CdcKafkaStream *stream, const CdcKafkaPlace *of)
{
	int64		passed = 0;
	int			i;

	for (i = 0; i < stream->nplaces; i++)
	{
		const CdcKafkaPlace *place = &stream->places[i];

		if (strcmp(place->topic, of->topic) != 0)
			continue;
		if (!place->from_start || place->taken > 0)
			return false;
		passed += place->passed;
	}
	return passed > 0;
}

/* Where the topic's partitions begin, as a position of these alone; palloc'ed. */
static char *
beginning_of(const CdcKafkaStream *stream, const char *topic)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < stream->nplaces; i++)
	{
		const CdcKafkaPlace *place = &stream->places[i];

		if (strcmp(place->topic, topic) == 0)
			appendStringInfo(&buf, "%s%s/%d@" INT64_FORMAT, buf.len > 0 ? ", " : "", topic,
							 place->partition, Max(place->low, 0));
	}
	return buf.data;
}

/*
 * Tells of topics whose messages are all of tables that are not wanted, once each: mostly a
 * name in other letters than the messages have it.
 */
static void
warn_passed_over(const CdcKafkaStream *stream)
{
	int			i;

	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];
		char	   *message;
		char	   *detail;

		if (place->sample == NULL || !is_passed_over(stream, place))
			continue;
		message = psprintf("no message of topic \"%s\" is of a table that subscription \"%s\" wants",
						   place->topic, stream->sub->name);
		detail = psprintf("Its argument \"tables\" has no pattern for %s, for example, or \"exclude\" has one; letter case counts",
						  place->sample);
		if (cdc_log_event(stream->sub->name, "tables", message,
						  psprintf("%s. SELECT cdc.add_table(%s, %s); SELECT cdc.set_position(%s, '%s');", detail,
								   quote_literal_cstr(stream->sub->name), quote_literal_cstr(place->sample),
								   quote_literal_cstr(stream->sub->name), beginning_of(stream, place->topic))))
			ereport(WARNING,
					(errmsg("%s", message),
					 errdetail("%s.", detail),
					 errhint("To take that table: SELECT cdc.add_table(%s, %s); and to read what was passed over: SELECT cdc.set_position(%s, '%s').",
							 quote_literal_cstr(stream->sub->name), quote_literal_cstr(place->sample),
							 quote_literal_cstr(stream->sub->name), beginning_of(stream, place->topic))));
		place->from_start = false;	/* it is told */
	}
}

/*
 * Of which table a tombstone's row is, which its partition has told no rows of: keys move to other partitions
 * when some are added, so that it is as the topic's other partitions have told.
 */
static CdcKafkaRowsOf *
rows_of_topic(const CdcKafkaStream *stream, const CdcKafkaPlace *place, CdcKafkaRowsOf *all)
{
	bool		may_tell = strcmp(stream->sub->format, cdc_format_name(CDC_FORMAT_DEBEZIUM_FLAT)) != 0;
	int			i;

	memset(all, 0, sizeof(*all));
	for (i = 0; i < stream->nplaces; i++)
	{
		const CdcKafkaPlace *other = &stream->places[i];

		if (other->rows_of.table[0] != '\0' && strcmp(other->topic, place->topic) == 0)
			cdc_kafka_rows_of_add(all, other->rows_of.table,
								  may_tell && strcmp(other->rows_of.table, CDC_ROWS_OF_SEVERAL) != 0);
	}
	return all;
}

/* Takes a message of a partition; returns whether the call may go on behind it. */
static bool
take_message(CdcKafkaCall *call, const CdcKafkaMessage *msg)
{
	CdcKafkaStream *stream = call->stream;
	CdcKafkaPlace *place = &stream->places[msg->tag];
	uint32		sum = cdc_kafka_message_sum(msg);
	CdcKafkaRowsOf *rows_of = &place->rows_of;
	CdcKafkaRowsOf all;
	MemoryContext old;
	CdcKafkaEvent event;

	if (place->verify && cdc_kafka_check_message(call->sub, place, msg, sum))
	{
		check_reached(stream, place);
		return true;
	}
	if (cdc_kafka_stream_doubtful(place))
	{
		cdc_kafka_stream_prove(stream, place);
		return true;
	}
	if (msg->offset < place->read_offset)
		cdc_kafka_check_unexpected(call->sub, place, msg);

	old = MemoryContextSwitchTo(stream->row_context);
	if (msg->value == NULL && rows_of->table[0] == '\0')
		rows_of = rows_of_topic(stream, place, &all);
	cdc_kafka_event_make(stream->maker, msg, rows_of, &event);
	/* what came before it is kept, and the next call meets it again */
	if (event.unread && call->messages == 0)
		cdc_kafka_event_unread(stream->maker, msg, &event);
	if (event.unread && call->bounds->until_now)
		ereport(WARNING,
				(errmsg("message %s of subscription \"%s\" was not read: %s", event.row.position,
						call->sub->name, cdc_from_utf8_lenient(event.err.message)),
				 errhint("The next call begins with it.")));
	if (event.unread || (event.poison && !take_poison(call, msg, &event)))
	{
		MemoryContextSwitchTo(old);
		MemoryContextReset(stream->row_context);
		return false;
	}
	place->before = place->seen;
	place->seen.offset = msg->offset;
	place->seen.ms = msg->ts_ms;
	place->seen.sum = sum;
	place->read_offset = msg->offset + 1;
	place->at_end = false;
	place->group_messages++;
	place->group_bytes += msg->key_len + msg->value_len;
	call->messages++;
	call->bytes += msg->key_len + msg->value_len;
	count_table(stream, place, &event.row, event.wanted);
	cdc_kafka_take_event(call, place, msg, &event);
	if (event.poison)
		cdc_kafka_aside_keep(call, msg, &event, call->pos.last_seq);
	stream->last_ms = msg->ts_ms;
	check_reached(stream, place);
	MemoryContextSwitchTo(old);
	MemoryContextReset(stream->row_context);
	return true;
}

/*
 * The end of a partition: what is before it was delivered or is not there
 * (compacted, aborted, control records), so that the position moves over that.
 */
static void
take_end(CdcKafkaCall *call, const CdcKafkaMessage *msg)
{
	CdcKafkaPlace *place = &call->stream->places[msg->tag];

	place->verify = false;
	if (!place->at_end)
		place->end_at = GetCurrentTimestamp();
	place->at_end = true;
	if (msg->offset > place->read_offset)
	{
		place->read_offset = msg->offset;
		if (!place->open)
		{
			place->next_offset = msg->offset;
			place->changed = true;
			call->stream->moved = true;
		}
	}
	if (msg->offset > place->high)
		place->high = msg->offset;
	check_reached(call->stream, place);
}

/*
 * The reader cannot go on.  Where the partition does not have what was to be
 * read, the watermarks tell why; else what was proven has expired meanwhile,
 * and the rest is still there.
 */
static bool
read_failed(CdcKafkaCall *call, const CdcKafkaMessage *msg, CdcError *err)
{
	CdcKafkaStream *stream = call->stream;

	if (msg->topic != NULL && msg->tag >= 0 && msg->tag < stream->nplaces)
	{
		CdcKafkaPlace *place = &stream->places[msg->tag];

		cdc_kafka_blame(call->sub, place->topic, place->partition);
		if (err->status == CDC_ERR_PURGED)
		{
			cdc_kafka_group_answer(stream, true);
			cdc_kafka_ask_watermarks(stream->source, &place, 1);
			cdc_kafka_check_place(call->sub, place, false);
			if (place->verify)
			{
				place->seen.offset = CDC_OFFSET_UNKNOWN;
				cdc_kafka_stream_prove(stream, place);
				return true;
			}
		}
	}
	/* a worker keeps what it has, and meets the error in its next call */
	if (!call->bounds->until_now && call->messages > 0)
		return false;
	if (err->status == CDC_ERR_CONFIG && msg->topic != NULL &&
		call->restarts++ < stream->nplaces)
	{
		/* ERROR where the topic is gone; else it was, and may be another one now */
		cdc_kafka_stream_refresh(call, stream);
		cdc_kafka_stream_prove(stream, &stream->places[msg->tag]);
		return true;
	}
	cdc_ereport(err, call->sub->name);
}

static LoopEnd
pull_loop(CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;

	for (;;)
	{
		CdcKafkaMessage msg = {0};
		CdcError	err;
		CdcStatus	st;

		CHECK_FOR_INTERRUPTS();
		if (call->bounds->until_now && stream->reaching == 0)
			return LOOP_REACHED;
		if (at_bound(call))
			return LOOP_BOUND;
		msg.tag = -1;
		st = cdc_kafka_reader_poll(stream->reader, &msg, &err);
		if (st == CDC_OK)
		{
			if (!take_message(call, &msg))
			{
				stream->kept.broken = true;
				return LOOP_LOST;
			}
		}
		else if (st == CDC_END)
			take_end(call, &msg);
		else if (st == CDC_MORE)
		{
			CdcPullWaits waits = {call->stream->source, wait_source, nap_source};

			if (!cdc_pull_wait_for_more(call->bounds, call->first_event, &waits))
				return LOOP_REACHED;
		}
		else if (!read_failed(call, &msg, &err))
		{
			stream->kept.broken = true;
			return LOOP_LOST;
		}
	}
}

/* ---- the position ---- */

/* Whether the rows are to be written: always with events, else now and then. */
static bool
persist_due(const CdcKafkaCall *call)
{
	const CdcKafkaStream *stream = call->stream;

	if (call->events > 0 || call->pos.version == 0)
		return true;
	return stream->moved &&
		(call->bounds->until_now ||
		 cdc_pull_elapsed_ms(stream->written_at) >= CDC_KAFKA_PERSIST_MS);
}

static void
write_position(CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;
	CdcPosition *pos = &call->pos;
	int			i;

	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];

		if (place->changed || !place->stored || place->failed)
			cdc_kafka_place_write(call->sub, place);
	}
	pos->version++;
	pos->transactions += call->transactions;
	pos->events += call->events;
	pos->bytes += call->bytes;
	if (call->source_ts != 0)
		pos->source_ts = call->source_ts;
	cdc_position_set(call->sub, pos);
	stream->version = pos->version;
	stream->moved = false;
	stream->written_at = GetCurrentTimestamp();
	cdc_kafka_group_note(stream);
}

/* Whether nothing is known of that was not read: a loop ends where nothing has come yet, too. */
static bool
has_all(const CdcKafkaStream *stream)
{
	int			i;

	for (i = 0; i < stream->nplaces; i++)
		if (!cdc_kafka_has_no_more(&stream->places[i]))
			return false;
	return true;
}

/*
 * What the views show of a running worker: how late the last message came, or
 * that there is no more for now.
 */
static void
report_progress(const CdcKafkaCall *call, LoopEnd end)
{
	CdcKafkaStream *stream = call->stream;
	TimestampTz now = GetCurrentTimestamp();
	CdcPullReport report = {0};

	/* a broker that is away lets the loop end at what is there: only answers prove it */
	if (call->messages > 0)
		stream->message_at = now;
	report.last_message = Max(stream->message_at, stream->refreshed_at);
	report.drained = end == LOOP_REACHED && has_all(stream);
	report.delay = CDC_DELAY_UNKNOWN;
	if (report.drained)
		report.delay = 0;
	else if (stream->last_ms > 0)
		report.delay = Max(cdc_unix_ms(now) - stream->last_ms, 0) * 1000;
	report.patience = stream->sub->opt.metadata_refresh_ms * INT64CONST(1000);
	cdc_worker_report(&report);
}

static void
run(const CdcSubscription *sub, const CdcPullBounds *bounds, CdcPullResult *result)
{
	CdcKafkaCall call = {0};
	LoopEnd		end;

	call.sub = sub;
	call.bounds = bounds;
	call.context = CurrentMemoryContext;
	cdc_kafka_blame(sub, "", -1);
	cdc_position_get(sub, &call.pos);
	call.stream = cdc_kafka_stream_get(&call, bounds->until_now);
	do
	{
		bool		left;

		cdc_kafka_read_by_segments(&call);
		end = LOOP_BOUND;
		left = cdc_kafka_take_back(&call);
		if (at_bound(&call) || (left && !call.ours))
			break;
		set_until(&call);
		end = pull_loop(&call);
		if (left && end == LOOP_REACHED)
			end = LOOP_BOUND;
	} while (end == LOOP_REACHED && bounds->until_now && cdc_kafka_left_to_segments(call.stream));
	(void) cdc_kafka_end_old_groups(&call);

	cdc_kafka_aside_write(&call);
	if (call.history != NULL)
		cdc_history_close(call.history);
	result->moved = persist_due(&call);
	if (result->moved)
		write_position(&call);
	cdc_kafka_event_maker_trim(call.stream->maker);
	call.stream->called_at = GetCurrentTimestamp();
	call.stream->behind = end == LOOP_BOUND;
	report_progress(&call, end);
	if (end == LOOP_REACHED)
		warn_passed_over(call.stream);
	result->events = call.events;
	result->transactions = call.transactions;
	result->bytes = call.bytes;
	result->more = end != LOOP_REACHED;
	cdc_kafka_blame(sub, "", -1);	/* what comes before the next run is no partition's */
}

static const CdcSourceMethods methods = {
	.run = run,
	.wait = cdc_kafka_wait,
	.disconnect = cdc_kafka_disconnect,
	.failed = cdc_kafka_failed,
	.check_arguments = cdc_kafka_check_arguments,
	.prepare = cdc_kafka_subscribe_prepare,
	.create = cdc_kafka_subscribe,
	.check_options = cdc_kafka_check_options,
	.definition = cdc_kafka_definition,
	.set_position = cdc_kafka_set_position,
	.goal = cdc_kafka_goal,
	.goal_pulled = cdc_kafka_goal_pulled,
	.goal_has = cdc_kafka_goal_has,
	.goal_is_of_events = true
};

void
cdc_pull_kafka_init(void)
{
	cdc_source_kind_register(CDC_SERVER_KAFKA, &methods);
}
