/*-------------------------------------------------------------------------
 *
 * group.c
 *	  A buffered group of binlog events, a committed transaction, to the history.
 *
 * Columns that the image of a new row lacks: with binlog_row_image MINIMAL, and NOBLOB for
 * long ones, a server leaves out of an INSERT's image what got a constant default.  The
 * definition at hand has it; the event then is as with a FULL image, and names the
 * columns.  Where it is not known the table goes into error at this place: such a row
 * must not be taken for one with NULLs.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "core/statement_rows.h"
#include "miscadmin.h"

#include "pg/base/error.h"
#include "pg/schema/change.h"

/* The table goes into error here, once for as long as its state is the same. */
static void
doubt(CdcBinlogCall *call, const CdcChange *change, const char *reason)
{
	const char *name = change->table->full_name;
	CdcTableChange what = {0};
	CdcSchemaPlace place = {call->pos.last_seq + 1, call->stream->lookup.place.position};
	CdcChangeRecord record = {CDC_CHANGE_FOUND, name, &place};

	/* of a copy that takes its changes, which cannot go on without this one */
	if (cdc_copy_pass_is_of(&call->stream->copy, name))
	{
		cdc_copy_pass_fail(&call->stream->copy, call->sub, reason,
						   "Set binlog_row_image to FULL at the source, for its running sessions too, before the table is copied anew.");
		call->persist = true;
		cdc_binlog_stream_forget_tables(call->stream);
		return;
	}
	if (!cdc_binlog_stream_doubts(call->stream, name))
		return;
	what.known = true;
	what.rows = psprintf("%s; set binlog_row_image to FULL at the source, for its running sessions too, before the table is copied anew",
						 reason);
	record.before = record.after = cdc_change_newest_version(call->sub->name, name, true);
	record.change = &what;
	cdc_change_record(call->sub, &record);
	call->persist = true;
	call->changes++;
}

/*
 * Gives the change an image in which columns have their defaults, or (fill is false)
 * only says which ones it lacks.
 */
static void
complete(CdcBinlogCall *call, CdcChange *change, bool fill)
{
	const CdcTable *table = change->table;
	CdcSchemaDefaults *defaults = cdc_schema_defaults(call->stream->schema,
													  cdc_source_info(cdc_binlog_stream_control(call->stream)),
													  table);
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcValue *value = &change->after[i];

		defaults->absent[i] = value->kind == CDC_ABSENT && !table->columns[i].generated;
		if (fill && defaults->absent[i] && !defaults->used)
		{
			defaults->used = true;
			cdc_schema_note_defaults(call->stream->schema, table->database, table->name);
		}
		defaults->row[i] = defaults->absent[i] && fill ? defaults->values[i] : *value;
		if (fill && defaults->absent[i] && defaults->values[i].kind == CDC_ABSENT)
			doubt(call, change, psprintf("the binlog does not have what column \"%s\" of a new row got, and its default is not known",
										 table->columns[i].name));
	}
	change->after = defaults->row;
	change->absent = defaults->absent;
}

/*
 * Whether an update of MariaDB's may be a REPLACE, whose text is not known.  That has all
 * of its key in the image, but for columns that it left to their defaults; and of a table
 * with a key no image before has all columns, but with FULL_NODUP, where what is lacking
 * has not changed.
 */
static bool
may_replace(const CdcChange *change)
{
	const CdcTable *table = change->table;
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (change->before[i].kind == CDC_ABSENT && !table->columns[i].generated)
			break;
	if (i == table->ncolumns && table->npk > 0)
		return false;
	for (i = 0; i < table->npk; i++)
		if (change->after[table->pk[i]].kind == CDC_ABSENT &&
			table->columns[table->pk[i]].default_value == NULL)
			return false;
	return true;
}

bool
cdc_binlog_needs_statements(CdcBinlogStream *stream)
{
	/* any session of the source may choose images that lack columns, at any time */
	return cdc_source_info(cdc_binlog_stream_control(stream))->flavor == CDC_MARIADB;
}

/* Whether the row lacks columns that are stored with it; the others it may always lack. */
static bool
lacks_columns(const CdcChange *change)
{
	int			i;

	for (i = 0; change->partial && i < change->table->ncolumns; i++)
		if (change->after[i].kind == CDC_ABSENT && !change->table->columns[i].generated)
			return true;
	return false;
}

/* Gives a new row that is about to be written the columns that its image lacks. */
static void
complete_row(CdcBinlogCall *call, CdcChange *change)
{
	if (call->stream == NULL || !lacks_columns(change))
		return;
	if (change->op == CDC_OP_INSERT)
	{
		complete(call, change, true);
		return;
	}
	if (cdc_source_info(cdc_binlog_stream_control(call->stream))->flavor != CDC_MARIADB)
		return;
	switch (cdc_absent_meaning(change->query, change->table->name))
	{
		case CDC_ABSENT_DEFAULT:
			complete(call, change, true);
			break;
		case CDC_ABSENT_UNKNOWN:
			if (!may_replace(change))
				break;
			doubt(call, change, "the binlog does not tell whether a row was updated or replaced by a new one");
			complete(call, change, false);
			break;
		case CDC_ABSENT_KEPT:
			break;
	}
}

/* Whether the row is of a table that is looked at only for what depends on it. */
static bool
is_dropped(CdcBinlogCall *call, const CdcChange *change)
{
	CdcDoubts	doubts = cdc_binlog_doubts(call);

	return cdc_doubt_change(&doubts, change);
}

/*
 * A change of a table without a key that is being copied: it is left out, as the copy's snapshot has
 * it, or goes to the copy.
 */
static void
give_to_copy(CdcBinlogCall *call, const CdcTransaction *txn, CdcChange *change)
{
	CdcBinlogStream *stream = call->stream;
	const char *name = change->table->full_name;

	if (!cdc_copy_pass_is_of(&stream->copy, name))
		return;
	complete_row(call, change);
	if (cdc_copy_pass_is_of(&stream->copy, name))
		cdc_copy_pass_change(&stream->copy, call->sub, txn, change);
}

/* Whether what the decoder says is an error of a table that is left alone from here on. */
static bool
is_one_tables(CdcBinlogCall *call, const CdcDecoder *decoder, CdcStatus st, const CdcError *err)
{
	const CdcTable *table = cdc_failed(st) ? cdc_decoder_misread(decoder) : NULL;

	return table != NULL && call->stream != NULL && cdc_binlog_misread(call, table, err);
}

void
cdc_binlog_group(CdcBinlogCall *call, CdcDecoder *decoder, CdcGroupBuffer *group,
				 const struct CdcFormat *format, const CdcTransaction *txn,
				 CdcSchemaLookup *lookup)
{
	CdcEventWriter *writer = cdc_event_writer_begin(&call->out, txn);
	const uint8 *data;
	size_t		len;
	const CdcTable *table = NULL;	/* of the last change ... */
	bool		copied = false;		/* ... whose copy has its changes */
	CdcError	err;
	char		position[CDC_POSITION_TEXT];

	cdc_binlog_position_text(position, txn->file, txn->start_offset);
	if (lookup != NULL)
		lookup->place.position = position;
	if (call->stream != NULL)
	{
		call->stream->txn = txn;
		call->stream->group_seq = call->pos.last_seq;
	}
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
		for (;;)
		{
			st = cdc_decoder_next(decoder, &change, &err);
			if (is_one_tables(call, decoder, st, &err))
			{
				table = NULL;	/* its state may be another one now */
				continue;
			}
			if (st != CDC_OK)
				break;
			if (change.op == CDC_OP_SCHEMA || change.op == CDC_OP_TRUNCATE)
				call->ddl(writer, call, &change);
			else if (call->stream == NULL || !is_dropped(call, &change))
			{
				if (call->stream != NULL && change.table != table)
				{
					table = change.table;
					copied = cdc_binlog_leave_out(call->stream, table->full_name, table->npk > 0);
				}
				if (copied)
				{
					give_to_copy(call, txn, &change);
					continue;
				}
				complete_row(call, &change);
				cdc_binlog_note_move(call, &change);
				cdc_event_writer_change(writer, &change);
			}
		}
		if (st != CDC_MORE)
			cdc_ereport(&err, call->sub->name);
	}
	cdc_event_writer_end(writer);
	if (call->stream == NULL)
		return;
	call->stream->txn = NULL;
	cdc_copy_pass_commit(&call->stream->copy);
}
