/*-------------------------------------------------------------------------
 *
 * session.c
 *	  The connection of a stream for queries, beside that of its dump.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/timestamp.h"

/* An idle connection for queries is tried before it is relied on. */
#define CONTROL_IDLE_MS		30000

CdcSource *
cdc_binlog_stream_control(CdcBinlogStream *stream)
{
	TimestampTz now = GetCurrentTimestamp();

	/* a server closes a connection that stood idle (wait_timeout): ask first */
	if (stream->control != NULL &&
		(!cdc_source_usable(stream->control) ||
		 (TimestampDifferenceExceeds(stream->control_used, now, CONTROL_IDLE_MS) &&
		  !cdc_source_alive(stream->control))))
	{
		cdc_source_close(stream->control);
		stream->control = NULL;
	}
	if (stream->control == NULL)
		stream->control = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid,
											 stream->address, true, true);
	stream->control_used = now;
	return stream->control;
}

CdcSource *
cdc_binlog_source_open(const CdcSubscription *sub)
{
	CdcPosition pos;

	cdc_position_get(sub, &pos);
	return cdc_source_open_at(sub->server, sub->owner_oid, pos.source_address, false, false);
}
