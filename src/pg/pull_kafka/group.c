/*-------------------------------------------------------------------------
 *
 * group.c
 *	  Source transactions in a partition, and the offsets of Kafka's own
 *	  consumer groups.
 *
 * Where one partition has all messages of a source transaction, in order, and
 * the last one says that it is the last (Maxwell's "commit"), its rows are held
 * back until that has come: in memory up to the subscription's memory_limit,
 * which several partitions share, the rest in a temporary file.  They then go
 * to the history at once, the last one as a commit boundary.
 *
 * Kafka's group is told the positions after the database has committed them.
 * The database's are the truth, what the group has is for people and their
 * tools: if it cannot be told, that is a row in cdc.log and no more.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_kafka/pull_kafka_internal.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "pg/base/epoch.h"
#include "pg/catalog/log.h"

/* What each of many partitions has in memory at least. */
#define GROUP_MEMORY_MIN	(64 * 1024)

/* How long one wait for the group's answer takes at most. */
#define ANSWER_MS		200

/* ---- rows ---- */

/* Appends a row to the history, with its seq. */
static void
append_row(CdcKafkaCall *call, CdcHistoryRow *row, bool commit)
{
	if (call->history == NULL)
		call->history = cdc_history_open(call->sub);
	row->seq = ++call->pos.last_seq;
	row->commit = commit;
	cdc_history_append(call->history, row);
	call->events++;
	if (commit)
		call->transactions++;
	if (row->source_ts != 0)
		call->source_ts = row->source_ts;
	if (call->first_event == 0)
		call->first_event = GetCurrentTimestamp();
}

/* A row as it is kept: this, then event, key, and the others with their NULs. */
typedef struct KeptRow
{
	TimestampTz source_ts;
	char		op;
	uint32		event_len;		/* 0: NULL; events and keys are aligned */
	uint32		key_len;
	uint32		raw_len;
	bool		raw;
	uint32		source_table_len;	/* 0: NULL */
	uint32		position_len;
	uint32		gtid_len;
} KeptRow;

static uint32
text_len(const char *s)
{
	return s != NULL ? (uint32) strlen(s) + 1 : 0;
}

/* Puts a row into the open transaction of its place. */
static void
keep_row(CdcKafkaCall *call, CdcKafkaPlace *place, const CdcHistoryRow *row)
{
	KeptRow		kept;
	size_t		event_len = row->event != NULL ? VARSIZE(row->event) : 0;
	size_t		key_len = row->key != NULL ? VARSIZE(row->key) : 0;
	size_t		len;
	char	   *buf;
	char	   *p;

	memset(&kept, 0, sizeof(kept));
	kept.source_ts = row->source_ts;
	kept.op = row->op;
	kept.event_len = (uint32) event_len;
	kept.key_len = (uint32) key_len;
	kept.raw = row->raw != NULL;
	kept.raw_len = (uint32) row->raw_len;
	kept.source_table_len = text_len(row->source_table);
	kept.position_len = text_len(row->position);
	kept.gtid_len = text_len(row->gtid);
	len = MAXALIGN(sizeof(kept)) + MAXALIGN(event_len) + MAXALIGN(key_len) + row->raw_len +
		kept.source_table_len + kept.position_len + kept.gtid_len;
	p = buf = MemoryContextAllocHuge(CurrentMemoryContext, len);

#define PUT(data, n, step) \
	do { \
		if ((n) > 0) \
			memcpy(p, (data), (n)); \
		p += (step); \
	} while (0)

	PUT(&kept, sizeof(kept), MAXALIGN(sizeof(kept)));
	PUT(row->event, event_len, MAXALIGN(event_len));
	PUT(row->key, key_len, MAXALIGN(key_len));
	PUT(row->raw, row->raw_len, row->raw_len);
	PUT(row->source_table, kept.source_table_len, kept.source_table_len);
	PUT(row->position, kept.position_len, kept.position_len);
	PUT(row->gtid, kept.gtid_len, kept.gtid_len);
#undef PUT

	if (place->group == NULL)
		place->group = cdc_group_buffer_create(call->stream->context,
											   Max(call->sub->opt.memory_limit / call->stream->nplaces,
												   GROUP_MEMORY_MIN));
	cdc_group_buffer_append(place->group, (const uint8 *) buf, len);
	place->nrows++;
	pfree(buf);
}

/* The row that was kept as data; its parts are in buf, aligned. */
static void
read_kept_row(const char *buf, CdcHistoryRow *row)
{
	const KeptRow *kept = (const KeptRow *) buf;
	const char *p = buf + MAXALIGN(sizeof(KeptRow));

	memset(row, 0, sizeof(*row));
	row->source_ts = kept->source_ts;
	row->op = kept->op;
	if (kept->event_len > 0)
		row->event = (const Jsonb *) p;
	p += MAXALIGN(kept->event_len);
	if (kept->key_len > 0)
		row->key = (const Jsonb *) p;
	p += MAXALIGN(kept->key_len);
	if (kept->raw)
		row->raw = p;
	row->raw_len = kept->raw_len;
	p += kept->raw_len;
	if (kept->source_table_len > 0)
		row->source_table = p;
	p += kept->source_table_len;
	if (kept->position_len > 0)
		row->position = p;
	p += kept->position_len;
	if (kept->gtid_len > 0)
		row->gtid = p;
}

/* ---- transactions ---- */

/* What was read becomes the position of the place. */
static void
take_as_position(CdcKafkaCall *call, CdcKafkaPlace *place)
{
	if (place->open)
		call->stream->nopen--;
	place->open = false;
	place->next_offset = place->read_offset;
	place->high = Max(place->high, place->next_offset);
	place->last = place->seen;
	place->messages += place->group_messages;
	place->bytes += place->group_bytes;
	place->group_messages = place->group_bytes = 0;
	place->changed = true;
	call->stream->moved = true;
}

/* Ends the open transaction of a place: its rows go to the history. */
static void
end_transaction(CdcKafkaCall *call, CdcKafkaPlace *place)
{
	MemoryContext context;
	MemoryContext old;
	const uint8 *data;
	size_t		len;
	uint64		n = 0;

	if (!place->open)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest kept row",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	cdc_group_buffer_rewind(place->group);
	while (cdc_group_buffer_next(place->group, &data, &len))
	{
		char	   *buf = MemoryContextAllocHuge(context, len);
		CdcHistoryRow row;

		memcpy(buf, data, len);
		read_kept_row(buf, &row);
		append_row(call, &row, ++n == place->nrows);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	cdc_group_buffer_reset(place->group);
	place->nrows = 0;
	take_as_position(call, place);
}

/*
 * The transaction that is open ends before this message, of bytes, which the place
 * has counted already.
 */
static void
end_before(CdcKafkaCall *call, CdcKafkaPlace *place, const CdcKafkaMessage *msg,
		   int64 bytes)
{
	int64		read_offset = place->read_offset;
	CdcMessageMark seen = place->seen;

	if (!place->open)
		return;
	place->read_offset = msg->offset;
	place->seen = place->before;
	place->group_messages--;
	place->group_bytes -= bytes;
	end_transaction(call, place);
	place->read_offset = read_offset;
	place->seen = seen;
	place->group_messages = 1;
	place->group_bytes = bytes;
}

void
cdc_kafka_take_event(CdcKafkaCall *call, CdcKafkaPlace *place, const CdcKafkaMessage *msg,
					 CdcKafkaEvent *event)
{
	int64		bytes = (int64) (msg->key_len + msg->value_len);

	/* elsewhere rows of the new table may have been read already */
	if (event->empties && call->stream->nplaces == 1)
		event->row.op = (char) CDC_OP_TRUNCATE;
	if (place->open && (event->commit < 0 || event->xid != place->xid ||
						call->stream->by_message))
		end_before(call, place, msg, bytes);
	if (call->stream->by_message || (event->commit != 0 && !place->open))
	{
		if (event->wanted)
			append_row(call, &event->row, true);
		take_as_position(call, place);
		return;
	}
	if (event->wanted)
		keep_row(call, place, &event->row);
	if (!place->open && place->nrows > 0)
	{
		place->open = true;
		place->xid = event->xid;
		call->stream->nopen++;
	}
	place->open_ms = msg->ts_ms;
	place->open_at = GetCurrentTimestamp();
	if (!place->open)
		take_as_position(call, place);	/* nothing of it is wanted so far */
	else if (event->commit > 0)
		end_transaction(call, place);
}

/*
 * How long ago the last message of an open transaction was: since it was
 * written, where the two clocks allow to say, or at least since it was read.
 */
static int64
waited_ms(const CdcKafkaPlace *place, TimestampTz now)
{
	int64		read = (now - place->open_at) / 1000;
	int64		written = cdc_unix_ms(now) - place->open_ms;

	return place->open_ms > 0 ? Max(read, written) : read;
}

bool
cdc_kafka_end_old_groups(CdcKafkaCall *call)
{
	CdcKafkaStream *stream = call->stream;
	TimestampTz now;
	bool		any = false;
	int			i;

	if (stream->nopen == 0)
		return false;
	now = GetCurrentTimestamp();
	for (i = 0; i < stream->nplaces; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];

		if (!place->open || !cdc_kafka_has_no_more(place) ||
			waited_ms(place, now) < call->sub->opt.commit_wait_ms)
			continue;
		end_transaction(call, place);
		any = true;
	}
	return any;
}

long
cdc_kafka_old_group_wait(const CdcKafkaStream *stream)
{
	TimestampTz now = GetCurrentTimestamp();
	int64		least = -1;
	int			i;

	for (i = 0; stream->nopen > 0 && i < stream->nplaces; i++)
	{
		const CdcKafkaPlace *place = &stream->places[i];
		int64		left;

		if (!place->open || !cdc_kafka_has_no_more(place))
			continue;
		left = Max(stream->sub->opt.commit_wait_ms - waited_ms(place, now), 1);
		if (least < 0 || left < least)
			least = left;
	}
	return (long) least;
}

/* ---- the consumer group ---- */

void
cdc_kafka_group_note(CdcKafkaStream *stream)
{
	int			i;

	if (!stream->group_wanted)
		return;
	if (stream->group_max < stream->nplaces)
	{
		if (stream->group_bounds != NULL)
		{
			pfree(stream->group_bounds);
			pfree(stream->group_offsets);
		}
		stream->group_max = stream->maxplaces;
		stream->group_bounds = MemoryContextAllocZero(stream->context,
													  sizeof(CdcKafkaBounds) * stream->group_max);
		stream->group_offsets = MemoryContextAllocZero(stream->context,
													   sizeof(int64) * stream->group_max);
	}
	for (i = 0; i < stream->nplaces; i++)
		stream->group_offsets[i] = stream->places[i].next_offset;
	stream->group_n = stream->nplaces;
	stream->group_due = true;
}

/*
 * Called at the commit too, where nothing may fail: no more than a copy and a
 * word to the client's thread.
 */
void
cdc_kafka_group_tell(CdcKafkaStream *stream, bool at_once)
{
	TimestampTz now = GetCurrentTimestamp();
	int			n = 0;
	int			i;

	if (!stream->group_due || stream->group_asked || stream->kept.broken ||
		(!at_once && !TimestampDifferenceExceeds(stream->group_at, now, CDC_KAFKA_GROUP_MS)))
		return;
	for (i = 0; i < stream->group_n; i++)
	{
		CdcKafkaPlace *place = &stream->places[i];

		if (stream->group_offsets[i] < 0 || stream->group_offsets[i] == place->committed)
			continue;
		stream->group_bounds[n].topic = place->topic;
		stream->group_bounds[n].partition = place->partition;
		stream->group_bounds[n].offset = stream->group_offsets[i];
		place->committed = stream->group_offsets[i];
		n++;
	}
	stream->group_due = false;
	stream->group_at = now;
	if (n == 0)
		return;
	cdc_kafka_request_commit(cdc_kafka_source_client(stream->source), stream->group_bounds, n);
	stream->group_asked = true;
}

/* The group could not be told: one row in cdc.log says so, until it works again. */
static void
group_failed(CdcKafkaStream *stream, const CdcError *err)
{
	if (stream->group_failed)
		return;
	stream->group_failed = true;
	cdc_log_event(stream->sub->name, "consumer_group",
				  "the consumer group could not be told the offsets, which are stored in the database",
				  pstrdup(err->message));
}

void
cdc_kafka_group_answer(CdcKafkaStream *stream, bool wait)
{
	CdcError	err;
	CdcStatus	st;

	if (!stream->group_asked)
		return;
	for (;;)
	{
		st = cdc_kafka_request_poll(cdc_kafka_source_client(stream->source), &err);
		if (st != CDC_MORE || !wait)
			break;
		(void) cdc_kafka_source_wait(stream->source, ANSWER_MS);
	}
	if (st == CDC_MORE)
		return;
	stream->group_asked = false;
	if (cdc_failed(st))
		group_failed(stream, &err);
	else
		stream->group_failed = false;
}
