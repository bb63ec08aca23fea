/*-------------------------------------------------------------------------
 *
 * event_writer.c
 *	  Changes of a source transaction as rows of the history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/history/event_writer.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/binlog_position.h"
#include "core/gtid.h"
#include "core/json_text.h"
#include "pg/base/epoch.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/datum/jsonb_writer.h"

/* Text buffers above this are given back. */
#define KEEP_TEXT_BYTES		((size_t) 1024 * 1024)

/*
 * One or two a process: the JSONB writer remembers the shapes of rows.  What belongs
 * to the transaction is set by cdc_event_writer_begin().
 */
struct CdcEventWriter
{
	CdcJsonbWriter *jsonb;
	CdcJsonText text;			/* the exact event where JSONB cannot hold it */
	CdcEventOutput *out;
	const CdcTransaction *txn;
	TimestampTz source_ts;
	int64		xoffset;		/* of the open event */
	bool		open;			/* an event waits to be closed */
	bool		exact;			/* ... and is in text, too */
	CdcHistoryRow row;			/* ... of this row */
	char		source_table[520];
	char		position[CDC_POSITION_TEXT];
};

/*
 * A name, which is UTF-8, in the database's encoding: itself where there is nothing to
 * convert, else in buf.
 */
static const char *
name_from_utf8(const char *utf8, char *buf, size_t size)
{
	size_t		len = strlen(utf8);
	const char *converted = cdc_from_utf8_n(utf8, &len);

	if (converted == utf8)
		return utf8;
	strlcpy(buf, converted, size);
	pfree((char *) converted);
	return buf;
}

CdcEventWriter *
cdc_event_writer_begin(CdcEventOutput *out, const CdcTransaction *txn)
{
	static CdcEventWriter *writers[2] = {NULL, NULL};
	CdcEventWriter *writer = writers[out->beside ? 1 : 0];

	if (writer == NULL)
	{
		CdcEventWriter *made = MemoryContextAllocZero(TopMemoryContext, sizeof(CdcEventWriter));

		made->jsonb = cdc_jsonb_writer_create(TopMemoryContext);
		cdc_json_text_init(&made->text);
		writers[out->beside ? 1 : 0] = writer = made;
	}
	writer->out = out;
	writer->txn = txn;
	writer->source_ts = txn->commit_us != 0 ? cdc_timestamptz_of_unix_us(txn->commit_us) : 0;
	writer->xoffset = -1;
	writer->open = false;
	return writer;
}

const CdcTransaction *
cdc_event_writer_txn(const CdcEventWriter *writer)
{
	return writer->txn;
}

/* Ends the open event and appends its row. */
static void
close_event(CdcEventWriter *writer, bool last)
{
	CdcEventOutput *out = writer->out;
	const CdcEventOptions *options = &out->sub->opt.event;
	CdcError	err;
	char		gtid[CDC_GTID_TEXT * 2];

	CDC_CHECK(cdc_event_close(cdc_jsonb_writer_sink(writer->jsonb), options, writer->xoffset,
							  last, &err), &err, out->sub->name);
	if (writer->exact)
	{
		CDC_CHECK(cdc_event_close(&writer->text.sink, options, writer->xoffset, last, &err),
				  &err, out->sub->name);
		writer->row.raw = writer->text.buf.data;
		writer->row.raw_len = writer->text.buf.len;
	}

	/* who waits for the transaction's end must find it in its last row */
	if (last && writer->txn->end_offset > 0)
		cdc_binlog_position_text(writer->position, writer->txn->file, writer->txn->end_offset);
	writer->row.commit = last;
	writer->row.gtid = writer->txn->gtid != NULL ?
		name_from_utf8(writer->txn->gtid, gtid, sizeof(gtid)) : NULL;
	writer->row.event = cdc_jsonb_writer_finish(writer->jsonb);
	out->append(out, &writer->row);
	writer->open = false;
	out->events++;
	if (writer->exact && writer->text.buf.cap > KEEP_TEXT_BYTES)
	{
		cdc_json_text_free(&writer->text);
		cdc_json_text_init(&writer->text);
	}
}

void
cdc_event_writer_change(CdcEventWriter *writer, const CdcChange *change)
{
	CdcEventOutput *out = writer->out;
	const CdcEventOptions *options = &out->sub->opt.event;
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
			  &err, out->sub->name);

	/* JSONB cannot store U+0000: the event keeps U+FFFD, raw the exact text */
	writer->exact = sink->has_nul;
	if (writer->exact)
	{
		cdc_json_text_reset(&writer->text);
		CDC_CHECK(cdc_event_open(&writer->text.sink, options, writer->txn, change,
								 writer->xoffset, &err), &err, out->sub->name);
	}
	memset(&writer->row, 0, sizeof(writer->row));
	writer->row.seq = ++*out->last_seq;
	writer->row.op = (char) change->op;
	writer->row.source_ts = writer->source_ts != 0 || change->ts == 0 ? writer->source_ts :
		cdc_timestamptz_of_unix_us(change->ts * USECS_PER_SEC);
	if (change->table != NULL && !options->data_only)
	{
		strlcpy(writer->source_table,
				name_from_utf8(change->table->full_name, converted, sizeof(converted)),
				sizeof(writer->source_table));
		writer->row.source_table = writer->source_table;
	}
	if (writer->txn->file != NULL && !options->data_only)
	{
		cdc_binlog_position_text(writer->position, writer->txn->file, change->offset);
		writer->row.position = writer->position;
	}
	writer->open = true;
	if (out->first_event == 0)
		out->first_event = GetCurrentTimestamp();
}

void
cdc_event_writer_end(CdcEventWriter *writer)
{
	if (writer->open)
		close_event(writer, true);
}

void
cdc_event_output_append(CdcEventOutput *out, const CdcHistoryRow *row)
{
	if (out->history == NULL)
		out->history = cdc_history_open(out->sub);
	cdc_history_append(out->history, row);
}

void
cdc_event_output_close(CdcEventOutput *out)
{
	if (out->history != NULL)
		cdc_history_close(out->history);
	out->history = NULL;
}
