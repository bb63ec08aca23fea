/*-------------------------------------------------------------------------
 *
 * group.c
 *	  A buffered group of binlog events, a committed transaction, to the history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "miscadmin.h"

#include "pg/base/error.h"

void
cdc_binlog_group(CdcBinlogCall *call, CdcDecoder *decoder, CdcGroupBuffer *group,
				 const struct CdcFormat *format, const CdcTransaction *txn,
				 CdcSchemaLookup *lookup)
{
	CdcEventWriter *writer = cdc_event_writer_begin(&call->out, txn);
	const uint8 *data;
	size_t		len;
	CdcError	err;
	char		position[CDC_POSITION_TEXT];

	cdc_binlog_position_text(position, txn->file, txn->start_offset);
	if (lookup != NULL)
		lookup->place.position = position;
	cdc_decoder_begin(decoder, format, txn);
	cdc_group_buffer_rewind(group);
	while (cdc_group_buffer_next(group, &data, &len))
	{
		CdcChange	change;
		CdcStatus	st;

		CHECK_FOR_INTERRUPTS();
		if (lookup != NULL)
			lookup->place.seq = call->pos.last_seq + 1;
		CDC_CHECK(cdc_decoder_feed(decoder, data, len, &err), &err, call->sub->name);
		while ((st = cdc_decoder_next(decoder, &change, &err)) == CDC_OK)
		{
			if (change.op == CDC_OP_SCHEMA || change.op == CDC_OP_TRUNCATE)
				call->ddl(writer, call, &change);
			else
			{
				cdc_binlog_complete(call, &change);
				cdc_binlog_note_move(call, &change);
				cdc_event_writer_change(writer, &change);
			}
		}
		CDC_CHECK(st, &err, call->sub->name);
	}
	cdc_event_writer_end(writer);
}
