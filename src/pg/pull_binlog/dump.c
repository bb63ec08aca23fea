/*-------------------------------------------------------------------------
 *
 * dump.c
 *	  The dump connection of a stream and what decodes it: opened where the stream
 *	  stands, closed, begun anew at the start of a file.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "pg/base/error.h"
#include "pg/process/shmem.h"
#include "pg/catalog/log.h"

void
cdc_binlog_stream_close_dump(CdcBinlogStream *stream)
{
	CdcSource  *dump = stream->dump;
	CdcDecoder *decoder = stream->decoder;

	stream->dump = NULL;
	stream->decoder = NULL;
	cdc_source_close(dump);
	cdc_decoder_destroy(decoder);
	cdc_stream_destroy(stream->stream);
	stream->stream = NULL;
	stream->statements = 0;
	stream->skipped = 0;
	stream->proved = false;
	stream->silent_moves = 0;
}

void
cdc_binlog_stream_hang_up(CdcBinlogStream *stream)
{
	cdc_binlog_stream_close_dump(stream);
	cdc_group_buffer_reset(stream->group);
}

void
cdc_binlog_stream_connect(CdcBinlogStream *stream)
{
	CdcDumpRequest request = {0};
	CdcFlavor	flavor;

	if (stream->dump != NULL)
		return;
	cdc_binlog_prove(stream);
	flavor = cdc_source_info(cdc_binlog_stream_control(stream))->flavor;
	stream->stream = cdc_stream_create(flavor, stream->file, stream->offset);
	stream->decoder = cdc_decoder_create(flavor, cdc_binlog_stream_lookup, stream);
	if (stream->stream == NULL || stream->decoder == NULL)
		cdc_out_of_memory();
	cdc_stream_accept_xa(stream->stream);
	stream->row_query = stream->sub->opt.event.row_query;
	request.annotate = stream->row_query || cdc_binlog_needs_statements(stream);
	cdc_stream_keep_queries(stream->stream, request.annotate);

	request.server_id = cdc_source_server_id(stream->control, stream->kept.subscription_id,
											 cdc_am_worker(), stream->server_id_salt);
	/* by file where a place inside of it was asked for, see start.c */
	if (stream->executed != NULL && stream->skip_file == NULL)
	{
		request.gtid_set = stream->executed;
		request.file = "";
		request.offset = 4;
	}
	else
	{
		request.file = stream->file;
		request.offset = stream->offset;
	}
	stream->dump = cdc_source_open_at(stream->sub->server, stream->sub->owner_oid,
									  stream->address, true, true);
	cdc_session_dump(cdc_source_session(stream->dump), &request);
	cdc_binlog_report_connected(stream);
}

bool
cdc_binlog_stream_rewind(CdcBinlogStream *stream)
{
	if (stream->begun || stream->executed != NULL || stream->skip_file != NULL ||
		stream->offset <= CDC_BINLOG_FIRST_OFFSET)
		return false;
	cdc_log_event(stream->sub->name, "position",
				  "the position is inside of a transaction, whose start is looked for",
				  psprintf("%s:" INT64_FORMAT, stream->file, stream->offset));
	stream->skip_file = MemoryContextStrdup(stream->context, stream->file);
	stream->skip_offset = stream->offset;
	stream->offset = CDC_BINLOG_FIRST_OFFSET;
	cdc_binlog_stream_hang_up(stream);
	return true;
}
