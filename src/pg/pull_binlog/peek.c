/*-------------------------------------------------------------------------
 *
 * peek.c
 *	  A short look into the source's binlog over a connection of its own, before the
 *	  stream's dump is opened; and its times as text.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "miscadmin.h"
#include "pgtime.h"

#include "pg/base/error.h"
#include "pg/process/shmem.h"

/* The server's number of errors with which a dump ends. */
#define ERR_READING_BINLOG	1236

/* An event without its checksum. */
static size_t
body_length(CdcFormat *format, const CdcEventHeader *h, const uint8 *event, size_t len, CdcError *err)
{
	size_t		checksum_len = 0;

	if (h->type == CDC_EV_FORMAT_DESCRIPTION)
	{
		(void) cdc_format_parse(format, event, len, &checksum_len, err);
		return len - checksum_len;
	}
	if (format->checksum && len >= CDC_EV_HEADER_LEN + CDC_EV_CHECKSUM_LEN)
		return len - CDC_EV_CHECKSUM_LEN;
	return len;
}

CdcStatus
cdc_binlog_peek(CdcBinlogStream *stream, CdcDumpRequest *request, CdcBinlogPeek take, void *arg,
				CdcError *err)
{
	CdcSource  *control = cdc_binlog_stream_control(stream);
	CdcFormat	format = {0};
	CdcSource  *dump;
	CdcStatus	st = CDC_MORE;
	bool		enough = false;

	memset(err, 0, sizeof(*err));
	request->to_end = true;
	/* the stream's own id: its dump is closed, or another one that has to end */
	request->server_id = cdc_source_server_id(control, stream->kept.subscription_id,
											  cdc_am_worker(), stream->server_id_salt);
	dump = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid, stream->address, true,
							  false);
	cdc_session_dump(cdc_source_session(dump), request);
	while (!enough)
	{
		const uint8_t *event;
		size_t		len;
		CdcEventHeader h;

		CHECK_FOR_INTERRUPTS();
		st = cdc_session_poll_event(cdc_source_session(dump), &event, &len, err);
		if (st == CDC_MORE)
			(void) cdc_source_wait(dump, -1);
		else if (st != CDC_OK)
			break;
		else if (len >= CDC_EV_HEADER_LEN)
		{
			cdc_event_header(event, &h);
			len = body_length(&format, &h, event, len, err);
			CDC_CHECK(err->status, err, stream->sub->name);
			enough = take(arg, &h, event, len);
		}
	}
	cdc_source_close(dump);
	if (cdc_failed(st))
		cdc_binlog_check_unlogged(stream, err);
	/* what the server cannot read there is no event of ours; all else says nothing */
	if (cdc_failed(st) && st != CDC_ERR_PURGED &&
		!(st == CDC_ERR_SOURCE && err->source_errno == ERR_READING_BINLOG))
		cdc_ereport(err, stream->sub->name);
	return st;
}

char *
cdc_binlog_time_text(uint32 seconds)
{
	pg_time_t	t = (pg_time_t) seconds;
	char		buf[64];

	pg_strftime(buf, sizeof(buf), "%Y-%m-%d %H:%M:%S", pg_gmtime(&t));
	return pstrdup(buf);
}
