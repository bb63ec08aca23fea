/*-------------------------------------------------------------------------
 *
 * join.c
 *	  Where the initial copy of tables joins the stream.
 *
 * A copy whose snapshot has a place before or behind the stream's leaves a place in
 * the position row, snapshot_join, that the stream has to pass.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/timestamp.h"

#include "pg/catalog/tables.h"
#include "pg/copy/copy.h"

static void
start_at(CdcPosition *pos, const CdcSourcePosition *source)
{
	pos->file = source->file;
	pos->file_offset = source->offset;
	pos->gtid_set = source->gtid_set;
}

void
cdc_binlog_copy(CdcBinlogCall *call, CdcBinlogStream *stream, bool first)
{
	CdcPosition *pos = &call->pos;
	CdcCopy		copy = {0};
	CdcSnapshot snap;

	/* one join at a time: what waits for it would have to wait for two */
	if (pos->snapshot_join != NULL || !cdc_copy_pending(call->sub))
		return;
	copy.tables = cdc_copy_tables(call->sub);
	if (copy.tables == NIL)
	{
		if (first)
		{
			cdc_source_position(cdc_binlog_stream_control(stream), &snap.from);
			start_at(pos, &snap.from);
		}
		return;
	}
	copy.sub = call->sub;
	copy.control = stream->lookup.control;
	copy.address = stream->address;
	copy.schema = stream->schema;
	copy.out = &call->out;
	copy.first = first;

	/* a server gives up a dump that nobody reads for longer than its net_write_timeout */
	cdc_binlog_stream_hang_up(stream);
	if (!cdc_copy_run(&copy, &snap))
	{
		stream->copy_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), CDC_COPY_RETRY_MS);
		return;
	}
	if (first)
		start_at(pos, &snap.from);
	cdc_binlog_stream_forget_tables(stream);
	if (!cdc_copy_joins(&copy, &snap))
		pos->barrier_seq = pos->last_seq;
	else if (pos->gtid_set != NULL && snap.to.gtid_set != NULL)
		pos->snapshot_join = snap.to.gtid_set;
	else
		pos->snapshot_join = psprintf("%s:" INT64_FORMAT, snap.to.file, snap.to.offset);
}

void
cdc_binlog_check_join(CdcBinlogCall *call)
{
	CdcPosition *pos = &call->pos;
	CdcBinlogStream *stream = call->stream;
	char	   *file = NULL;
	int64		offset = 0;
	List	   *tables;
	ListCell   *lc;

	if (pos->snapshot_join == NULL)
		return;
	if (!stream->join.set)
	{
		if (stream->executed == NULL && !cdc_position_parse(pos->snapshot_join, &file, &offset))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("invalid snapshot_join \"%s\" of subscription \"%s\"",
							pos->snapshot_join, call->sub->name)));
		cdc_binlog_mark_set(stream, &stream->join,
							stream->executed != NULL ? pos->snapshot_join : NULL, file, offset);
	}
	if (!cdc_binlog_mark_passed(stream, &stream->join))
		return;
	cdc_binlog_mark_clear(&stream->join);
	pos->snapshot_join = NULL;
	pos->barrier_seq = pos->last_seq;
	tables = cdc_subscription_tables(call->sub);
	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (t->state == 'f')
			cdc_subscription_table_state(call->sub, t->source_table, 'r');
	}
	cdc_binlog_stream_forget_tables(stream);
}
