/*-------------------------------------------------------------------------
 *
 * event.c
 *	  From the events of a committed source transaction to rows of the history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull/pull_internal.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/error.h"

/* Text buffers above this are given back. */
#define KEEP_TEXT_BYTES		((size_t) 1024 * 1024)

/*
 * One a process: the JSONB writer remembers the shapes of rows.  What belongs
 * to the transaction is set by cdc_pull_writer_begin().
 */
struct CdcPullWriter
{
	CdcJsonbWriter *jsonb;
	CdcJsonText text;			/* the exact event where JSONB cannot hold it */
	CdcPullCall *call;
	const CdcTransaction *txn;
	TimestampTz source_ts;
	int64		xoffset;		/* of the open event */
	bool		open;			/* an event waits to be closed */
	bool		exact;			/* ... and is in text, too */
	CdcHistoryRow row;			/* ... of this row */
	char		source_table[520];
	char		position[CDC_POSITION_TEXT];
};

static TimestampTz
to_timestamptz(int64 unix_us)
{
	return unix_us - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
}

/* Names come in UTF-8. */
static const char *
to_server(const char *s, char *buf, size_t size)
{
	char	   *converted;

	if (GetDatabaseEncoding() == PG_UTF8)
		return s;
	converted = pg_any_to_server(s, strlen(s), PG_UTF8);
	if (converted != s)
	{
		snprintf(buf, size, "%s", converted);
		pfree(converted);
		return buf;
	}
	return s;
}

void
cdc_pull_append(CdcPullCall *call, const CdcHistoryRow *row)
{
	if (call->history == NULL)
		call->history = cdc_history_open(call->sub);
	cdc_history_append(call->history, row);
}

CdcPullWriter *
cdc_pull_writer_begin(CdcPullCall *call, const CdcTransaction *txn)
{
	static CdcPullWriter *writer = NULL;

	if (writer == NULL)
	{
		CdcPullWriter *made = MemoryContextAllocZero(TopMemoryContext, sizeof(CdcPullWriter));

		made->jsonb = cdc_jsonb_writer_create(TopMemoryContext);
		cdc_json_text_init(&made->text);
		writer = made;
	}
	writer->call = call;
	writer->txn = txn;
	writer->source_ts = txn->commit_us != 0 ? to_timestamptz(txn->commit_us) : 0;
	writer->xoffset = -1;
	writer->open = false;
	return writer;
}

const CdcTransaction *
cdc_pull_writer_txn(const CdcPullWriter *writer)
{
	return writer->txn;
}

/* Ends the open event and appends its row. */
static void
close_event(CdcPullWriter *writer, bool last)
{
	CdcPullCall *call = writer->call;
	const CdcEventOptions *options = &call->sub->opt.event;
	CdcError	err;
	char		gtid[CDC_GTID_TEXT * 2];

	CDC_CHECK(cdc_event_close(cdc_jsonb_writer_sink(writer->jsonb), options, writer->xoffset,
							  last, &err), &err, call->sub->name);
	if (writer->exact)
	{
		CDC_CHECK(cdc_event_close(&writer->text.sink, options, writer->xoffset, last, &err),
				  &err, call->sub->name);
		writer->row.raw = writer->text.buf.data;
		writer->row.raw_len = writer->text.buf.len;
	}

	/* who waits for the transaction's end must find it in its last row */
	if (last && writer->txn->end_offset > 0)
		cdc_binlog_position_text(writer->position, writer->txn->file, writer->txn->end_offset);
	writer->row.commit = last;
	writer->row.gtid = writer->txn->gtid != NULL ?
		to_server(writer->txn->gtid, gtid, sizeof(gtid)) : NULL;
	writer->row.event = cdc_jsonb_writer_finish(writer->jsonb);
	call->append(call, &writer->row);
	writer->open = false;
	call->events++;
	if (writer->exact && writer->text.buf.cap > KEEP_TEXT_BYTES)
	{
		cdc_json_text_free(&writer->text);
		cdc_json_text_init(&writer->text);
	}
}

void
cdc_pull_writer_change(CdcPullWriter *writer, const CdcChange *change)
{
	CdcPullCall *call = writer->call;
	const CdcEventOptions *options = &call->sub->opt.event;
	CdcSink    *sink = cdc_jsonb_writer_sink(writer->jsonb);
	CdcError	err;
	char		converted[sizeof(writer->source_table)];

	if (change->op == CDC_OP_SCHEMA && !options->ddl)
		return;
	if (writer->open)
		close_event(writer, false);
	writer->xoffset++;
	cdc_jsonb_writer_reset(writer->jsonb);
	CDC_CHECK(cdc_event_open(sink, options, writer->txn, change, writer->xoffset, &err),
			  &err, call->sub->name);

	/* JSONB cannot store U+0000: the event keeps U+FFFD, raw the exact text */
	writer->exact = sink->has_nul;
	if (writer->exact)
	{
		cdc_json_text_reset(&writer->text);
		CDC_CHECK(cdc_event_open(&writer->text.sink, options, writer->txn, change,
								 writer->xoffset, &err), &err, call->sub->name);
	}
	memset(&writer->row, 0, sizeof(writer->row));
	writer->row.seq = ++call->pos.last_seq;
	writer->row.op = (char) change->op;
	writer->row.source_ts = writer->source_ts != 0 || change->ts == 0 ? writer->source_ts :
		to_timestamptz(change->ts * USECS_PER_SEC);
	if (change->table != NULL)
	{
		strlcpy(writer->source_table,
				to_server(change->table->full_name, converted, sizeof(converted)),
				sizeof(writer->source_table));
		writer->row.source_table = writer->source_table;
	}
	if (writer->txn->file != NULL)
	{
		cdc_binlog_position_text(writer->position, writer->txn->file, change->offset);
		writer->row.position = writer->position;
	}
	writer->open = true;
	if (call->first_event == 0)
		call->first_event = GetCurrentTimestamp();
}

void
cdc_pull_writer_end(CdcPullWriter *writer)
{
	if (writer->open)
		close_event(writer, true);
}

void
cdc_pull_group(CdcPullCall *call, CdcDecoder *decoder, CdcGroupBuffer *group,
			   const struct CdcFormat *format, const CdcTransaction *txn,
			   CdcSchemaLookup *lookup)
{
	CdcPullWriter *writer = cdc_pull_writer_begin(call, txn);
	const uint8 *data;
	size_t		len;
	CdcError	err;
	char		position[CDC_POSITION_TEXT];

	cdc_binlog_position_text(position, txn->file, txn->start_offset);
	if (lookup != NULL)
		lookup->position = position;
	cdc_decoder_begin(decoder, format, txn);
	cdc_group_buffer_rewind(group);
	while (cdc_group_buffer_next(group, &data, &len))
	{
		CdcChange	change;
		CdcStatus	st;

		CHECK_FOR_INTERRUPTS();
		if (lookup != NULL)
			lookup->seq = call->pos.last_seq + 1;
		CDC_CHECK(cdc_decoder_feed(decoder, data, len, &err), &err, call->sub->name);
		while ((st = cdc_decoder_next(decoder, &change, &err)) == CDC_OK)
		{
			if (change.op == CDC_OP_SCHEMA || change.op == CDC_OP_TRUNCATE)
				call->ddl(writer, call, &change);
			else
				cdc_pull_writer_change(writer, &change);
		}
		CDC_CHECK(st, &err, call->sub->name);
	}
	cdc_pull_writer_end(writer);
}
