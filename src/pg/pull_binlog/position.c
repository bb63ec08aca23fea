/*-------------------------------------------------------------------------
 *
 * position.c
 *	  What a call of pull leaves behind: the position row, and what the views show of
 *	  a running worker and of the source.
 *
 * Now and then the source is asked what time it has, how far its binlog goes and how long
 * that is kept: the views show from it how far pull is behind and when the place where it
 * stands may be removed; and who is to know of that is warned in time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/timestamp.h"

#include "pg/base/epoch.h"
#include "pg/catalog/log.h"
#include "pg/process/shmem.h"
#include "pg/pull/source_seen.h"
#include "pg/pull/wait.h"
#include "pg/remote/replica_role.h"
#include "pg/schema/change.h"
#include "pg/schema/temporary.h"

/* A running worker asks so often. */
#define LOOK_MS				10000

/* What is written of it is written anew after so long, changed or not. */
#define WRITE_MS			600000

/* Clocks that differ by less are taken for the same; microseconds. */
#define SAME_CLOCK_US		INT64CONST(100000)

/* Less than this part of the time for which the source keeps its binlogs is left. */
#define LEFT_PART			4

bool
cdc_binlog_persist_due(const CdcBinlogCall *call)
{
	const CdcBinlogStream *stream = call->stream;

	if (stream->skip_file != NULL)
		return false;
	if (call->out.events > 0 || call->persist || stream->row_file == NULL)
		return true;
	if (!cdc_binlog_stream_moved(stream))
		return false;
	return call->bounds->until_now ||
		cdc_pull_elapsed_ms(stream->persisted_at) >= CDC_BINLOG_PERSIST_MS;
}

void
cdc_binlog_persist(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	CdcPosition *pos = &call->pos;

	pos->file = pstrdup(stream->file);
	pos->file_offset = stream->offset;
	pos->gtid_set = cdc_binlog_stream_gtid_text(stream);
	pos->last_event = cdc_binlog_proof_text(stream);
	if (stream->source_ts != 0)
		pos->source_ts = stream->source_ts;
	pos->transactions += stream->new_transactions;
	pos->events += call->out.events;
	pos->bytes += stream->new_bytes;
	pos->skipped_events += stream->new_skipped;
	pos->changes = Max(pos->changes, cdc_change_last_recorded(call->sub));
	cdc_position_set(call->sub, pos);
	cdc_temporaries_write(stream->temporaries, call->sub);

	cdc_binlog_stream_note_row(stream, pos);
	stream->persisted_at = GetCurrentTimestamp();
	stream->new_transactions = 0;
	stream->new_bytes = 0;
	stream->new_skipped = 0;
}

void
cdc_binlog_report_progress(CdcBinlogStream *stream)
{
	TimestampTz now = GetCurrentTimestamp();
	CdcSession *session;
	CdcPullReport report = {0};

	/* of a link that is lost nothing is heard any more */
	if (stream->dump == NULL || stream->kept.broken)
		return;
	session = cdc_source_session(stream->dump);
	if (stream->delay == CDC_DELAY_OPEN && stream->source_ts != 0)
	{
		/* as old as it is by the source's own clock */
		stream->delay = now - (stream->source_ts - stream->figures.clock_ahead);
		if (stream->source_ts % USECS_PER_SEC == 0)
			stream->delay -= USECS_PER_SEC;
		stream->delay = Max(stream->delay, 0);
	}
	report.last_message = now - cdc_session_silence_ms(session) * 1000;
	report.delay = stream->delay == CDC_DELAY_OPEN ? CDC_DELAY_UNKNOWN : stream->delay;
	report.patience = cdc_session_heartbeat_ms(session) * INT64CONST(1000);
	report.received = stream->received;
	report.drained = stream->delay == 0;
	if (report.delay >= 0)
		stream->reached = Max(stream->reached, report.last_message - report.delay);
	cdc_worker_report(&report);
}

void
cdc_binlog_report_connected(CdcBinlogStream *stream)
{
	CdcPullReport report;

	cdc_worker_reported(&report);
	report.last_message = GetCurrentTimestamp();
	report.patience = cdc_session_heartbeat_ms(cdc_source_session(stream->dump)) * INT64CONST(1000);
	report.awaits = false;
	cdc_worker_report(&report);
}

/* ---- what the source says of itself ---- */

static inline int64
magnitude(int64 n)
{
	return n < 0 ? -n : n;
}

/* How far the source's clock is ahead of ours, microseconds. */
static int64
clock_ahead(CdcSource *control)
{
	/* MySQL 5.5 knows no fractions here */
	bool		fractions = cdc_source_info(control)->flavor == CDC_MARIADB ||
		cdc_source_info(control)->version >= 50604;
	TimestampTz before = GetCurrentTimestamp();
	CdcAnswer  *answer = cdc_source_look(control, "SELECT UNIX_TIMESTAMP()", 1,
										 fractions ? "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)" :
										 "SELECT UNIX_TIMESTAMP() * 1000000");
	int64		took = GetCurrentTimestamp() - before;
	int64		unix_us = answer != NULL && cdc_answer_rows(answer) > 0 ?
		cdc_answer_int_else(answer, 0, 0, 0, PG_INT64_MAX / 4, -1) : -1;
	int64		ahead;

	if (unix_us < 0)
		return 0;
	ahead = cdc_timestamptz_of_unix_us(unix_us) - (before + took / 2);

	/* what the way of question and answer may explain, or lost fractions, is none */
	return magnitude(ahead) <= took + (fractions ? 0 : USECS_PER_SEC) ? 0 : ahead;
}

/* How long the source keeps its binlogs, seconds; -1: for ever. */
static int64
kept_for(CdcSource *control)
{
	CdcAnswer  *answer = cdc_source_look(control, "SHOW GLOBAL VARIABLES", 2,
										 "SHOW GLOBAL VARIABLES WHERE Variable_name IN"
										 " ('binlog_expire_logs_seconds', 'expire_logs_days', 'binlog_expire_logs_auto_purge')");
	double		seconds = 0;
	int64		i;

	for (i = 0; answer != NULL && i < cdc_answer_rows(answer); i++)
	{
		const char *name = cdc_answer_lenient(answer, i, 0, NULL);
		const char *value = cdc_answer_lenient(answer, i, 1, NULL);

		if (name == NULL || value == NULL)
			continue;
		if (strcmp(name, "binlog_expire_logs_auto_purge") == 0 && strcmp(value, "OFF") == 0)
			return -1;
		if (strcmp(name, "binlog_expire_logs_seconds") == 0)
			seconds = Max(seconds, strtod(value, NULL));
		else if (strcmp(name, "expire_logs_days") == 0)
			seconds = Max(seconds, strtod(value, NULL) * 86400);
	}
	return seconds > 0 && seconds < 1e12 ? (int64) seconds : -1;
}

/* The bytes of the source's log on both sides of the stream's place; -1: it is not in it. */
static void
measure(CdcBinlogStream *stream, CdcSource *control, CdcSourceFigures *figures, bool *newest)
{
	CdcAnswer  *answer = cdc_source_look(control, "SHOW BINARY LOGS", CDC_OR_MORE(2), "SHOW BINARY LOGS");
	int64		rows = answer != NULL ? cdc_answer_rows(answer) : 0;
	int64		before = 0;
	int64		all = 0;
	bool		found = false;
	int64		i;

	*newest = false;
	for (i = 0; i < rows; i++)
	{
		const char *file = cdc_answer_lenient(answer, i, 0, NULL);

		if (file != NULL && strcmp(file, stream->file) == 0)
		{
			found = true;
			before = all;
			*newest = i == rows - 1;
		}
		all += cdc_answer_int_else(answer, i, 1, 0, PG_INT64_MAX / 4, 0);
	}
	figures->bytes_kept = found ? before + stream->offset : -1;
	figures->bytes_behind = found ? Max(all - before - stream->offset, 0) : -1;
}

/* Tells who is to know of it that what was not read may soon be removed. */
static void
warn_of_removal(CdcBinlogCall *call, const CdcSourceFigures *figures)
{
	int64		age = (GetCurrentTimestamp() - call->stream->reached) / USECS_PER_SEC;
	char	   *message;

	if (figures->kept_for < 0 || call->stream->reached == 0 ||
		age < figures->kept_for - figures->kept_for / LEFT_PART)
		return;
	message = pstrdup("the source may soon remove the binlog that pull has come to");
	if (!cdc_log_event(call->sub->name, "retention", message,
					   psprintf("%s:" INT64_FORMAT " is " INT64_FORMAT " s old, binlogs are kept for " INT64_FORMAT " s",
								call->stream->file, call->stream->offset, age, figures->kept_for)))
		return;
	cdc_notify(call->sub->name, "retention", NULL, NULL);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the source of subscription \"%s\" may soon remove the binlog that pull has come to",
					call->sub->name),
			 errdetail("What was read last (%s:" INT64_FORMAT ") is " INT64_FORMAT " s old, the source keeps its binlogs for " INT64_FORMAT " s.",
					   call->stream->file, call->stream->offset, age, figures->kept_for),
			 errhint("Raise binlog_expire_logs_seconds or expire_logs_days at the source until pull has caught up; cdc.stat_subscription shows its lag.")));
}

/*
 * Whether a heartbeat is missing.  The stream finds out in time that the source is gone; who asks
 * it something meanwhile would wait for an answer longer than that.
 */
static bool
is_silent(const CdcBinlogStream *stream)
{
	CdcSession *session;

	if (stream->dump == NULL)
		return false;
	session = cdc_source_session(stream->dump);
	return cdc_session_silence_ms(session) > cdc_session_heartbeat_ms(session) * 3 / 2;
}

void
cdc_binlog_look(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	TimestampTz now = GetCurrentTimestamp();
	CdcSourceFigures figures = {0};
	CdcPullReport report;
	CdcReplicaRole role;
	CdcSource  *control;
	bool		newest;

	if (!cdc_am_worker() || stream->file == NULL || stream->skip_file != NULL ||
		(stream->figures.asked_at != 0 &&
		 !TimestampDifferenceExceeds(stream->figures.asked_at, now, LOOK_MS)) ||
		is_silent(stream))
		return;
	cdc_worker_awaits_source(true);
	control = cdc_binlog_stream_control(stream);
	/* a member that leaves its group goes on answering, and sends no error */
	cdc_replica_role_ask(control, &role);
	cdc_replica_role_check(control, &role);
	figures.clock_ahead = clock_ahead(control);
	figures.kept_for = kept_for(control);
	measure(stream, control, &figures, &newest);
	cdc_worker_awaits_source(false);
	figures.asked_at = GetCurrentTimestamp();
	figures.received = stream->received;
	if (stream->reached == 0 && call->pos.source_ts != 0)
		stream->reached = Min(call->pos.source_ts - figures.clock_ahead, now);
	if (!newest)				/* the newest is never removed */
		warn_of_removal(call, &figures);
	cdc_worker_report_source(&figures);
	cdc_worker_reported(&report);
	if (stream->seen_written == 0 || figures.kept_for != stream->figures.kept_for ||
		magnitude(figures.clock_ahead - stream->figures.clock_ahead) > SAME_CLOCK_US ||
		TimestampDifferenceExceeds(stream->seen_written, now, WRITE_MS))
	{
		cdc_source_seen_write(call->sub->name, &report, &figures);
		stream->seen_written = now;
	}
	stream->figures = figures;
}
