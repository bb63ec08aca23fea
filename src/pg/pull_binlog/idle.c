/*-------------------------------------------------------------------------
 *
 * idle.c
 *	  Whether a source that is silent has something after all.
 *
 * A server whose binlog is begun anew (RESET MASTER) goes on sending what it has
 * open: the removed file, which never grows.  The dump then is silent for ever, with
 * heartbeats, and looks like that of a source at rest.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/timestamp.h"

/* A source at rest is asked no more often than this ... */
#define ASK_MS			1000

/* ... or this, where a dump that was opened anew for it showed nothing new. */
#define ASK_MAX_MS		600000

void
cdc_binlog_check_idle(CdcBinlogCall *call)
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
