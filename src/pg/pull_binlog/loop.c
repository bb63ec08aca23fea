/*-------------------------------------------------------------------------
 *
 * loop.c
 *	  The loop of a call of pull: events of the dump, one after the other, until the
 *	  call has what it was asked for.
 *
 * Events of a source transaction are buffered until its commit is seen, then
 * decoded and appended.  A call may end in the middle of a group that is still
 * arriving: the position row then names the group's start, and the stream, which
 * stays open, has what arrived of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "binlog/compress.h"
#include "pg/base/bounded_text.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/process/background.h"
#include "pg/pull/wait.h"
#include "pg/mapping/registry.h"
#include "pg/schema/temporary.h"

/*
 * The time is looked at each so many transactions, and when nothing more is there: what
 * gathered while the call slept is taken, even if it slept too long.
 */
#define TRANSACTIONS_UNTIMED	16

/* Links lost in a call, one after the other without any progress. */
#define MAX_LOST			3

/* A source at rest is asked no more often than this ... */
#define ASK_MS			1000

/* ... or this, where a dump that was opened anew for it showed nothing new. */
#define ASK_MAX_MS		600000

/* A source may send nothing of what it says it has for so long, heartbeats aside. */
#define COMING_MS			10000

/* ---- one raw event ---- */

/*
 * Row changes that came as SQL text cannot be followed: the tables that it changes are in doubt.
 * It may have changed others, through a trigger that we may not see: the log says so once a call,
 * and a WARNING where it has a new row of it.  The statement, with values of rows that may
 * be anybody's, is for the log alone, which shows it to who may see it.
 */
static void
report_statements(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	CdcString	sql;
	char	   *text;
	bool		changes;
	uint64		n = cdc_stream_statement_dml(stream->stream, &sql);
	CdcDoubts	doubts;
	CdcString	database;
	uint64_t	sql_mode;

	if (n == stream->statements)
		return;
	doubts = cdc_binlog_doubts(call);
	doubts.lower_case_names = cdc_schema_ddl_server(stream->schema,
													cdc_binlog_stream_control(stream))->lower_case_names;
	database.data = cdc_stream_statement_database(stream->stream, &sql_mode);
	database.len = strlen(database.data);
	changes = cdc_doubt_statement(&doubts, sql, database, sql_mode);
	stream->statements = n;
	if (call->warned || !changes)
		return;
	call->warned = true;
	text = cdc_bounded_text(cdc_from_utf8_lenient(sql.data), 500);
	if (!cdc_log_event(call->sub->name, "statement_dml",
					   "the source wrote row changes as statements, which cannot be followed",
					   psprintf("%s:" INT64_FORMAT ": %s", stream->file, stream->offset, text)))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the source of subscription \"%s\" wrote row changes as statements, which cannot be followed",
					call->sub->name),
			 errdetail("The first of them is near %s:" INT64_FORMAT "; cdc.log has it, and counts the others.",
					   stream->file, stream->offset),
			 errhint("Set binlog_format=ROW at the source, for its running sessions too. Tables that it changed are in state e; triggers are seen only if the user of the user mapping has TRIGGER: copy those anew that others changed.")));
}

/* Unknown events that may be ignored are counted, and logged once for each type. */
static void
count_unknown(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
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
is_left_out(CdcBinlogStream *stream, const CdcTransaction *txn)
{
	if (stream->skip_file == NULL)
		return false;
	return cdc_binlog_file_compare(txn->file, stream->skip_file) == 0 &&
		txn->end_offset <= (uint64) stream->skip_offset;
}

/*
 * Ends the leaving out where the stream has come to its end.  Until then the position
 * row must not be written, as it cannot say what is to be left out.
 */
static void
end_skip_when_passed(CdcBinlogStream *stream)
{
	if (stream->skip_file == NULL)
		return;
	if (cdc_binlog_position_compare(stream->file, stream->offset,
									stream->skip_file, stream->skip_offset) >= 0)
		stream->skip_file = NULL;
}

/* A transaction of the source became history. */
static void
note_commit(CdcBinlogCall *call, const CdcTransaction *txn)
{
	CdcBinlogStream *stream = call->stream;

	call->transactions++;
	stream->new_transactions++;
	if (txn->commit_us != 0)
		stream->source_ts = cdc_timestamptz_of_unix_us(txn->commit_us);
	stream->delay = CDC_DELAY_OPEN;
}

/*
 * A transaction that the log had already, or MariaDB: a number of its server that goes
 * back.  The log was begun anew, or numbers were set by hand: a position no longer says
 * what was before it.
 */
static void
check_gtid(CdcBinlogCall *call, const CdcTransaction *txn)
{
	CdcBinlogStream *stream = call->stream;

	if (txn->gtid == NULL || stream->executed == NULL ||
		!cdc_gtid_set_repeats(stream->executed, txn->gtid))
		return;
	cdc_binlog_gap(call->sub,
				   psprintf("the GTIDs of the source of subscription \"%s\" go back", call->sub->name),
				   psprintf("The transaction at %s:" UINT64_FORMAT " is %s; read were %s.", txn->file,
							(uint64) txn->end_offset, txn->gtid, cdc_binlog_stream_gtid_text(stream)));
}

/*
 * The end of a group: its events become history, wait for their XA COMMIT, or are
 * dropped, and the stream stands behind it.
 */
static void
end_group(CdcBinlogCall *call, const CdcItem *item)
{
	CdcBinlogStream *stream = call->stream;
	const CdcTransaction *txn = &item->txn;
	bool		wanted = !is_left_out(stream, txn);

	if (item->kind == CDC_ITEM_XA_PREPARE)
		cdc_binlog_xa_prepare(call, item);
	else if (item->kind == CDC_ITEM_XA_COMMIT || item->kind == CDC_ITEM_XA_ROLLBACK)
		cdc_binlog_xa_end(call, item, wanted);
	else if (item->kind == CDC_ITEM_COMMIT && wanted)
		cdc_binlog_group(call, stream->decoder, stream->group, cdc_stream_format(stream->stream),
						 txn, &stream->lookup);
	if (wanted && (item->kind == CDC_ITEM_COMMIT || item->kind == CDC_ITEM_XA_COMMIT))
		note_commit(call, txn);
	cdc_group_buffer_reset(stream->group);
	check_gtid(call, txn);
	cdc_binlog_lineage_note(stream, txn);
	cdc_binlog_stream_advance(stream, txn->file, txn->end_offset, txn->gtid);
	cdc_binlog_proof_note(stream, item);
	stream->failed_over = false;
	call->progress++;
	end_skip_when_passed(stream);
	cdc_binlog_check_join(call);
}

/*
 * A dump by GTID begins with events that describe the file and stand at its
 * start: the position does not go back to them.
 */
static bool
is_ahead(const CdcBinlogStream *stream, const CdcTransaction *txn)
{
	return cdc_binlog_position_compare(txn->file, (int64) txn->end_offset,
									   stream->file, stream->offset) > 0;
}

/*
 * The source has said that it has nothing more: now and then it is asked whether it
 * stands where the stream does.  A server whose binlog is begun anew (RESET MASTER) may
 * go on sending what it has open, a removed file that never grows.  Where it stands
 * elsewhere the dump is closed, and what the next one shows is proved.
 */
static void
check_idle(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	TimestampTz now = GetCurrentTimestamp();
	uint64		moves = stream->moves + 1;
	CdcSourcePosition source;
	int			order;

	if (cdc_stream_in_group(stream->stream) || stream->skip_file != NULL ||
		!TimestampDifferenceExceeds(stream->looked_at, now, Max(stream->ask_ms, ASK_MS)))
		return;
	stream->looked_at = now;
	cdc_source_position(cdc_binlog_stream_control(stream), &source);
	order = cdc_binlog_position_compare(source.file, source.offset, stream->file, stream->offset);

	/*
	 * It may have written something since its heartbeat.  What it had when it was asked
	 * before, and has not sent with another heartbeat between, it will not send.
	 */
	if (order == 0)
	{
		stream->ask_ms = ASK_MS;
		stream->silent_moves = 0;
		return;
	}
	if (order > 0 && stream->silent_moves != moves)
	{
		stream->silent_moves = moves;
		return;
	}
	stream->ask_ms = Min(Max(stream->ask_ms, ASK_MS) * 2, ASK_MAX_MS);
	cdc_binlog_stream_hang_up(stream);
}

/*
 * Whether a file that comes now begins with the event because the server was started, and not for
 * the last one's size or FLUSH LOGS.
 */
static bool
is_server_start(const CdcBinlogStream *stream, const CdcItem *item)
{
	return cdc_binlog_position_compare(item->txn.file, (int64) item->txn.end_offset, stream->file,
									   stream->offset) >= 0 &&
		item->event_len >= CDC_EV_HEADER_LEN + CDC_FDE_CREATED + 4 &&
		item->event[4] == CDC_EV_FORMAT_DESCRIPTION &&
		cdc_le32(item->event + CDC_EV_HEADER_LEN + CDC_FDE_CREATED) != 0;
}

/* An event outside of any group. */
static void
take_position(CdcBinlogCall *call, const CdcItem *item)
{
	CdcBinlogStream *stream = call->stream;

	/* the dump has come to this file: one with a lower number cannot follow */
	if (stream->begun && cdc_binlog_file_compare(item->txn.file, stream->file) < 0)
		cdc_binlog_gap(call->sub,
					   psprintf("the files of the binlog of the source of subscription \"%s\" begin again",
								call->sub->name),
					   psprintf("%s follows %s.", item->txn.file, stream->file));
	if (is_server_start(stream, item))
		cdc_temporaries_clear(stream->temporaries);
	cdc_binlog_proof_note(stream, item);
}

/* Takes one event of the dump: into the group that is arriving, or as the end of one. */
static void
take_event(CdcBinlogCall *call, const uint8 *event, size_t len)
{
	CdcBinlogStream *stream = call->stream;
	CdcItem		item;
	CdcError	err;
	CdcStatus	st = cdc_stream_feed(stream->stream, event, len, &item, &err);

	if (st == CDC_ERR_CORRUPT && cdc_binlog_stream_rewind(stream))
		return;
	CDC_CHECK(st, &err, call->sub->name);
	call->bytes += len;
	stream->new_bytes += len;
	stream->received += len;
	if (item.keep || item.kind == CDC_ITEM_BEGIN || item.kind == CDC_ITEM_COMMIT)
		cdc_binlog_lineage_event(stream, event, len, item.kind == CDC_ITEM_BEGIN);
	if (item.kind == CDC_ITEM_BEGIN)
	{
		stream->begun = true;
		cdc_group_buffer_reset(stream->group);
	}
	if (item.keep)
	{
		cdc_group_buffer_append(stream->group, item.event, item.event_len);
		call->progress++;
	}
	report_statements(call);
	count_unknown(call);
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
			if (item.kind == CDC_ITEM_POSITION)
				take_position(call, &item);
			if (is_ahead(stream, &item.txn))
			{
				/* behind the goal's place a heartbeat leads nowhere: the GTIDs are missing */
				if (!cdc_binlog_mark_place_passed(stream, &stream->until))
					call->progress++;
				cdc_binlog_stream_advance(stream, item.txn.file, item.txn.end_offset, NULL);
			}
			end_skip_when_passed(stream);
			if (item.kind == CDC_ITEM_HEARTBEAT)
				check_idle(call);
			break;
		default:
			break;
	}
}

/* ---- the loop ---- */

/* Whether the call has to end here; checked between events. */
static bool
at_bound(const CdcBinlogCall *call)
{
	const CdcPullBounds *bounds = call->bounds;

	/* tables that are copied from where the stream now stands may change next */
	if (call->over || (cdc_binlog_has_come(call->stream) && !cdc_stream_in_group(call->stream->stream)))
		return true;
	if (call->out.events == 0 && call->bytes == 0)
		return false;
	if (cdc_stream_in_group(call->stream->stream))
	{
		/* a large transaction gets a PostgreSQL transaction of its own */
		return !bounds->until_now && call->out.events > 0 &&
			cdc_group_buffer_spilled(call->stream->group);
	}
	if (!bounds->until_now && cdc_registry_discovered_enough(call->sub))
		return true;
	return (bounds->max_events > 0 && call->out.events >= bounds->max_events) ||
		(bounds->max_bytes > 0 && call->bytes >= bounds->max_bytes) ||
		(bounds->max_ms > 0 && call->out.first_event != 0 &&
		 call->transactions % TRANSACTIONS_UNTIMED == 0 &&
		 cdc_pull_elapsed_ms(call->out.first_event) >= bounds->max_ms);
}

static bool
wait_source(void *source, long timeout_ms)
{
	return cdc_source_wait(source, timeout_ms);
}

static void
nap_source(void *source, long ms)
{
	cdc_source_nap(source, ms);
	cdc_background_sleep(ms);
}

/* Nothing more is there now; false: the call need not wait for it. */
static bool
wait_for_more(CdcBinlogCall *call)
{
	CdcPullWaits waits = {call->stream->dump, wait_source, nap_source};

	return cdc_pull_wait_for_more(call->bounds, call->out.first_event, &waits);
}

/*
 * A lost link: a worker keeps what it has and connects again in its next
 * call; who asked for all that there is now gets an error.
 */
static CdcBinlogEnd
link_lost(CdcBinlogCall *call, CdcError *err)
{
	bool		lost = err->status == CDC_ERR_CONNECT;
	CdcBinlogEnd end;

	if (lost && !call->bounds->until_now && (call->out.events > 0 || call->transactions > 0))
	{
		call->stream->kept.broken = true;
		cdc_worker_awaits_source(true);
		return CDC_BINLOG_LOST;
	}
	cdc_binlog_check_unlogged(call->stream, err);
	/* a server that was not read before may only be behind: another one may be there then */
	if (err->status == CDC_ERR_PURGED && !call->stream->failed_over)
	{
		if (cdc_binlog_copy_when_purged(call, err, &end))
			return end;
		/* a log that was begun anew while it was read has other files: that is to be said then */
		cdc_binlog_stream_close_dump(call->stream);
		call->stream->proved = false;
		cdc_binlog_prove(call->stream);
		cdc_binlog_gap(call->sub, cdc_from_utf8_lenient(err->message),
					   cdc_from_utf8_lenient(err->detail));
	}
	cdc_ereport(err, call->sub->name);
}

/* The file that the stream stood in was removed, and nothing proves that it was read to its end. */
static CdcBinlogEnd
removed_unread(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	CdcBinlogEnd end;
	CdcError	err;

	cdc_error(&err, CDC_ERR_PURGED, "the source has removed binlog that was not read");
	cdc_error_detail(&err, "%s", stream->removed);
	if (cdc_binlog_copy_when_purged(call, &err, &end))
		return end;
	cdc_binlog_gap(call->sub,
				   psprintf("the position of subscription \"%s\" is no longer in the binlog, and nothing proves that its file was read to its end",
							call->sub->name), stream->removed);
}

void
cdc_binlog_set_until(CdcBinlogCall *call)
{
	CdcSourcePosition now;

	if (!call->bounds->until_now)
	{
		cdc_binlog_mark_clear(&call->stream->until);
		return;
	}
	cdc_source_position(cdc_binlog_stream_control(call->stream), &now);
	cdc_binlog_mark_set(call->stream, &call->stream->until, now.gtid_set, now.file, now.offset);
}

/*
 * Whether a lost link is made anew within the call.  A server may close one
 * that stood idle between calls: then all is as at the call's start, and what
 * answers now may be another server.  Later in the call only the same server
 * will do; it ends a dump when another session of ours connects under its id,
 * and who asked for all that there is now should see nothing of that.
 */
static bool
connect_again(CdcBinlogCall *call, const CdcError *err)
{
	CdcBinlogStream *stream = call->stream;

	if (err->status != CDC_ERR_CONNECT &&
		!(err->status == CDC_ERR_SERVER_ID && call->bounds->until_now))
		return false;
	if (stream->reused && call->bytes == 0)
	{
		stream->kept.broken = true;
		cdc_worker_awaits_source(true);
		call->stream = cdc_binlog_stream_get(call);
		cdc_binlog_set_until(call);
		return true;
	}
	if (call->lost_at != stream->moves)
		call->lost = 0;
	call->lost_at = stream->moves;
	if (!call->bounds->until_now || ++call->lost > MAX_LOST)
		return false;
	cdc_binlog_stream_hang_up(stream);
	return cdc_binlog_server_same(call, stream);
}

/*
 * A call that was asked for all there is ends with an error where the source is alive
 * and sends nothing of that: it would wait for ever, with a snapshot.  A source that is
 * silent is given up elsewhere, and connected to again.
 */
static void
check_coming(CdcBinlogCall *call)
{
	int64		waited;

	if (!call->stream->until.set)
		return;
	if (call->progress != call->progress_seen)
	{
		call->progress_seen = call->progress;
		call->waits_since = 0;
		return;
	}
	if (call->waits_since == 0)
		call->waits_since = GetCurrentTimestamp();
	waited = cdc_pull_elapsed_ms(call->waits_since);
	if (waited > COMING_MS &&
		cdc_session_silence_ms(cdc_source_session(call->stream->dump)) < waited - COMING_MS / 10)
		cdc_binlog_not_coming(call, (int) (waited / 1000));
}

CdcBinlogEnd
cdc_binlog_loop(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	uint64		looked = stream->moves - 1;

	cdc_set_max_event_size((size_t) call->sub->opt.max_event_size);
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
			if (cdc_binlog_mark_passed(stream, &stream->until))
				return CDC_BINLOG_REACHED;
		}
		cdc_binlog_stream_connect(stream);
		if (stream->removed != NULL)
			return removed_unread(call);
		if (at_bound(call))
			return CDC_BINLOG_BOUND;
		check_coming(call);
		st = cdc_session_poll_event(cdc_source_session(stream->dump), &event, &len, &err);
		if (st == CDC_OK)
			take_event(call, event, len);
		else if (st == CDC_MORE)
		{
			stream->drained = true;
			if (!call->bounds->until_now && cdc_binlog_copy_waits(stream))
				return CDC_BINLOG_BOUND;
			if (!wait_for_more(call))
				return CDC_BINLOG_REACHED;
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
				call->waits_since = 0;
				continue;
			}
			if (st == CDC_ERR_SOURCE && cdc_binlog_stream_rewind(stream))
				continue;
			return link_lost(call, &err);
		}
	}
}
