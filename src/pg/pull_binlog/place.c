/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Where a stream stands, the places that it is to reach, and what its position
 *	  row says of that.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/builtins.h"

#include "pg/base/bounded_text.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"

void
cdc_binlog_replace_text(MemoryContext context, char **text, const char *with)
{
	if (*text != NULL && with != NULL && strcmp(*text, with) == 0)
		return;
	if (*text != NULL)
		pfree(*text);
	*text = NULL;
	if (with != NULL)
		*text = MemoryContextStrdup(context, with);
}

void
cdc_binlog_stream_advance(CdcBinlogStream *stream, const char *file, int64 offset, const char *gtid)
{
	CdcError	err;

	stream->moves++;
	if (file != NULL && file[0] != '\0')
	{
		cdc_binlog_replace_text(stream->context, &stream->file, file);
		stream->offset = offset;
	}
	if (gtid != NULL && stream->executed != NULL)
		CDC_CHECK(cdc_gtid_set_add(stream->executed, gtid, &err), &err, stream->sub->name);
}

void
cdc_binlog_mark_clear(CdcBinlogMark *mark)
{
	cdc_gtid_set_destroy(mark->gtids);
	if (mark->file != NULL)
		pfree(mark->file);
	memset(mark, 0, sizeof(*mark));
}

void
cdc_binlog_mark_set(CdcBinlogStream *stream, CdcBinlogMark *mark, const char *gtid_set,
					const char *file, int64 offset)
{
	cdc_binlog_mark_clear(mark);
	if (gtid_set != NULL && stream->executed != NULL)
		mark->gtids = cdc_position_parse_gtids(cdc_source_info(stream->control)->flavor,
											   gtid_set, stream->sub->name);
	if (file != NULL)
		mark->file = MemoryContextStrdup(stream->context, file);
	mark->offset = offset;
	mark->set = true;
}

bool
cdc_binlog_mark_passed(const CdcBinlogStream *stream, const CdcBinlogMark *mark)
{
	if (mark->gtids != NULL)
		return cdc_gtid_set_contains(stream->executed, mark->gtids);
	return cdc_binlog_mark_place_passed(stream, mark);
}

bool
cdc_binlog_mark_place_passed(const CdcBinlogStream *stream, const CdcBinlogMark *mark)
{
	if (mark->file == NULL || stream->file == NULL)
		return false;
	return cdc_binlog_position_compare(stream->file, stream->offset,
									   mark->file, mark->offset) >= 0;
}

/* palloc'ed; NULL for none. */
static char *
gtid_text(const CdcGtidSet *set)
{
	CdcBuf		buf = {0};
	char	   *text;

	if (set == NULL)
		return NULL;
	if (cdc_failed(cdc_gtid_set_print(set, &buf)))
	{
		cdc_buf_free(&buf);
		cdc_out_of_memory();
	}
	text = buf.len > 0 ? pnstrdup(buf.data, buf.len) : pstrdup("");
	cdc_buf_free(&buf);
	return text;
}

char *
cdc_binlog_stream_gtid_text(const CdcBinlogStream *stream)
{
	return gtid_text(stream->executed);
}

void
cdc_binlog_not_coming(CdcBinlogCall *call, int seconds)
{
	CdcBinlogStream *stream = call->stream;
	const CdcBinlogMark *until = &stream->until;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the source does not send what it says it has"),
			 until->gtids != NULL ?
			 errdetail("It stands at %s:" INT64_FORMAT " with the GTIDs \"%s\"; for %d s nothing came that leads there from %s:" INT64_FORMAT " and \"%s\".",
					   until->file != NULL ? until->file : "", until->offset,
					   cdc_bounded_text(gtid_text(until->gtids), 1000), seconds,
					   stream->file, stream->offset,
					   cdc_bounded_text(gtid_text(stream->executed), 1000)) :
			 errdetail("It stands at %s:" INT64_FORMAT "; for %d s nothing came that leads there from %s:" INT64_FORMAT ".",
					   until->file != NULL ? until->file : "", until->offset, seconds,
					   stream->file, stream->offset),
			 errhint("A source has GTIDs that its binlog lacks when it is a replica without log_replica_updates (log_slave_updates), or when gtid_purged was set; SELECT * FROM cdc.check_server('%s') tells the former.",
					 call->sub->server),
			 errcontext("subscription \"%s\"", call->sub->name)));
	pg_unreachable();
}

void
cdc_binlog_stream_note_row(CdcBinlogStream *stream, const CdcPosition *pos)
{
	cdc_binlog_replace_text(stream->context, &stream->row_file, pos->file);
	cdc_binlog_replace_text(stream->context, &stream->row_gtid_set, pos->gtid_set);
	stream->row_offset = pos->file_offset;
}

bool
cdc_binlog_stream_moved(const CdcBinlogStream *stream)
{
	return stream->new_transactions > 0 || stream->new_skipped > 0 ||
		stream->row_offset != stream->offset || stream->row_file == NULL ||
		strcmp(stream->row_file, stream->file) != 0;
}

void
cdc_binlog_gap(const CdcSubscription *sub, const char *message, const char *detail)
{
	ereport(ERROR,
			(errcode(CDC_ERRCODE_GAP),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("Transactions of the source may be lost to the replicas, and rows that they have may not exist there. SELECT cdc.restart_subscription(%s); reads on from where the source stands then, and copies all tables again.",
					 quote_literal_cstr(sub->name))));
	pg_unreachable();
}

void
cdc_binlog_check_unlogged(const CdcBinlogStream *stream, const CdcError *err)
{
	if (err->status == CDC_ERR_UNLOGGED && !stream->failed_over)
		cdc_binlog_gap(stream->sub, cdc_from_utf8_lenient(err->message), cdc_from_utf8_lenient(err->detail));
}
