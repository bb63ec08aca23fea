/*-------------------------------------------------------------------------
 *
 * position.c
 *	  What a call of pull leaves behind: the position row, and what the views show of
 *	  a running worker.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/timestamp.h"

#include "pg/process/shmem.h"
#include "pg/pull/wait.h"
#include "pg/schema/change.h"

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

	if (stream->dump == NULL)
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
