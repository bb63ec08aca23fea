/*-------------------------------------------------------------------------
 *
 * pass.c
 *	  A table without a key, read in one pass that takes several steps.
 *
 * The rows come over one connection in one snapshot, which was as of where the stream stood when the
 * first of them was read (moment.c), some of them a step; in between the stream goes on.  What it
 * brings of the table itself from then on is kept here, and comes into the history behind the last row, in its order.  The
 * table is then as of where the stream stands, as if the snapshot had been taken there.
 * Neither can be had again: where the pass is cut off it begins anew, with another
 * snapshot, and what is kept goes with it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "core/binlog_position.h"
#include "pg/base/epoch.h"
#include "pg/base/group_buffer.h"
#include "pg/base/utf8.h"

/* Changes that came while others were written are written so often; then all in one step. */
#define MAX_ROUNDS		20

struct CdcCopyPass
{
	MemoryContext context;		/* of all of it */
	char	   *source_table;	/* in the database's encoding ... */
	char	   *full_name;		/* ... and in UTF-8 */
	char	   *shape;			/* of its definition */
	int64		begin_seq;		/* of the copy's first event */
	CdcSource  *source;			/* that is in it; NULL once all rows are read */
	CdcChunk   *chunk;			/* likewise */
	bool		spoilt;			/* it cannot go on */

	/* changes of the table since then */
	CdcGroupBuffer *arriving;
	CdcGroupBuffer *leaving;	/* those that are being written */
	bool		leaves;			/* there are such */
	int			rounds;
	CdcEventOutput out;
	int64		number;			/* of those that came */
	int64		written;
	CdcEventWriter *writer;		/* of the transaction at hand; NULL: none */
};

/* What is kept of a change before its event, and its original text where it has one. */
typedef struct KeptHead
{
	char		op;
	bool		commit;			/* the last one of its transaction */
	bool		has_event;
	bool		has_raw;
} KeptHead;

/* ---- its begin and end ---- */

/* What rows are read by: another text, another way of reading. */
static char *
shape_of(const CdcTable *table)
{
	StringInfoData shape;
	int			i;

	initStringInfo(&shape);
	for (i = 0; i < table->ncolumns; i++)
	{
		const CdcColumn *column = &table->columns[i];

		appendStringInfo(&shape, "%s %s %s %d %d\n", column->name, column->column_type,
						 column->collation != NULL ? column->collation : "", column->pk_index,
						 column->generated);
	}
	return shape.data;
}

void
cdc_copy_pass_begin(CdcCopyWork *work, const CdcCopyTable *t, CdcChunk *chunk)
{
	const CdcCopy *copy = work->copy;
	CdcCopyPace *pace = copy->pace;
	MemoryContext context = AllocSetContextCreate(copy->context, "cdc_ingest copy in one pass",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CdcCopyPass *pass = palloc0(sizeof(CdcCopyPass));

	pass->context = context;
	pass->source_table = pstrdup(t->progress->source_table);
	pass->full_name = pstrdup(t->table->full_name);
	pass->shape = shape_of(t->table);
	pass->begin_seq = t->progress->begin_seq;
	pass->arriving = cdc_group_buffer_create(context, copy->sub->opt.memory_limit / 4);
	pass->leaving = cdc_group_buffer_create(context, copy->sub->opt.memory_limit / 4);
	pass->chunk = chunk;
	cdc_chunk_keep(chunk, context, pstrdup(copy->sub->name));
	/* the connection is the pass's from here on: others need one of their own */
	pass->source = work->readers[0];
	work->readers[0] = pace->sessions[0] = NULL;
	pace->pass = pass;
	MemoryContextSwitchTo(old);
}

/* All rows are there: nothing is held at the source any more. */
static void
end_reading(CdcCopyPass *pass)
{
	CdcSource  *source = pass->source;

	if (pass->chunk != NULL)
		cdc_chunk_close(pass->chunk);
	pass->chunk = NULL;
	pass->source = NULL;
	cdc_source_close(source);
}

void
cdc_copy_pass_close(CdcCopyPace *pace)
{
	CdcCopyPass *pass = pace->pass;

	if (pass == NULL)
		return;
	pace->pass = NULL;
	cdc_source_close(pass->source);
	cdc_group_buffer_destroy(pass->arriving);
	cdc_group_buffer_destroy(pass->leaving);
	MemoryContextDelete(pass->context);
}

/* ---- what the stream brings ---- */

bool
cdc_copy_pass_is_of(const CdcCopyPace *pace, const char *full_name)
{
	return pace->pass != NULL && !pace->pass->spoilt && strcmp(pace->pass->full_name, full_name) == 0;
}

bool
cdc_copy_passes(const CdcCopyPace *pace)
{
	return pace->pass != NULL;
}

void
cdc_copy_pass_spoil(CdcCopyPace *pace)
{
	pace->pass->spoilt = true;
}

void
cdc_copy_pass_fail(CdcCopyPace *pace, const CdcSubscription *sub, const char *reason, const char *hint)
{
	CdcCopy		copy = {.sub = sub};
	CdcCopyTrouble trouble = {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, reason, hint};

	cdc_copy_pass_spoil(pace);
	cdc_copy_give_up(&copy, pace->pass->source_table, &trouble);
}

/* CdcEventOutput.append */
static void
keep_row(CdcEventOutput *out, const CdcHistoryRow *row)
{
	CdcCopyPass *pass = out->arg;
	KeptHead	head;

	memset(&head, 0, sizeof(head));
	head.op = row->op;
	head.commit = row->commit;
	head.has_event = row->event != NULL;
	head.has_raw = row->raw != NULL;
	cdc_group_buffer_append(pass->arriving, (const uint8 *) &head, sizeof(head));
	if (head.has_event)
		cdc_group_buffer_append(pass->arriving, (const uint8 *) row->event, VARSIZE(row->event));
	if (head.has_raw)
		cdc_group_buffer_append(pass->arriving, (const uint8 *) row->raw, row->raw_len);
}

void
cdc_copy_pass_change(CdcCopyPace *pace, const CdcSubscription *sub, const CdcTransaction *txn,
					 const CdcChange *change)
{
	CdcCopyPass *pass = pace->pass;

	if (pass->writer == NULL)
	{
		pass->out.sub = sub;
		pass->out.last_seq = &pass->number;
		pass->out.append = keep_row;
		pass->out.arg = pass;
		pass->out.beside = true;
		pass->writer = cdc_event_writer_begin(&pass->out, txn);
	}
	cdc_event_writer_change(pass->writer, change);
}

void
cdc_copy_pass_commit(CdcCopyPace *pace)
{
	CdcCopyPass *pass = pace->pass;

	if (pass == NULL || pass->writer == NULL)
		return;
	cdc_event_writer_end(pass->writer);
	pass->writer = NULL;
}

/* ---- a step ---- */

/* The definition that its rows are read by; NULL: it is another one by now. */
static const CdcTable *
same_table(const CdcCopy *copy, const CdcCopyPass *pass)
{
	char	   *database = pstrdup(pass->full_name);
	char	   *dot = strchr(database, '.');
	const CdcTable *table;

	*dot = '\0';
	table = cdc_schema_get(copy->schema, database, dot + 1);
	return table != NULL && strcmp(shape_of(table), pass->shape) == 0 ? table : NULL;
}

bool
cdc_copy_pass_resume(const CdcCopy *copy, List *tables, CdcCopyTable *t)
{
	CdcCopyPass *pass = copy->pace->pass;
	ListCell   *lc;

	if (pass == NULL)
		return false;
	memset(t, 0, sizeof(*t));
	foreach(lc, tables)
	{
		CdcCopyProgress *p = lfirst(lc);

		if (strcmp(p->source_table, pass->source_table) == 0 && p->state == 'd' &&
			p->begin_seq == pass->begin_seq)
			t->progress = p;
	}
	if (t->progress != NULL && !pass->spoilt)
		t->table = same_table(copy, pass);
	/* events of the table are in the history where another target is there that follows them */
	if (t->table != NULL &&
		copy->leaves_out(copy->arg, pass->full_name, t->table->npk > 0))
		return true;
	cdc_copy_pass_close(copy->pace);
	return false;
}

static void *
next_kept(CdcCopyPass *pass, size_t *len)
{
	const uint8 *data;
	void	   *copied;

	if (!cdc_group_buffer_next(pass->leaving, &data, len))
		elog(ERROR, "a change of source table %s that was kept while it is copied is cut off",
			 pass->source_table);
	copied = MemoryContextAllocHuge(CurrentMemoryContext, Max(*len, 1));
	memcpy(copied, data, *len);
	return copied;
}

/* Writes the next change that is kept; false: there are no more.  *commit: as of its row. */
static bool
write_kept(CdcCopyWork *work, CdcCopyPass *pass, bool *commit)
{
	CdcEventOutput *out = work->copy->out;
	const CdcTransaction *txn = cdc_event_writer_txn(work->writer);
	CdcHistoryRow row;
	KeptHead	head;
	const uint8 *data;
	size_t		len;
	void	   *event = NULL;
	void	   *raw = NULL;
	char		position[CDC_POSITION_TEXT];

	if (!cdc_group_buffer_next(pass->leaving, &data, &len))
		return false;
	memcpy(&head, data, sizeof(head));
	memset(&row, 0, sizeof(row));
	if (head.has_event)
		row.event = event = next_kept(pass, &len);
	if (head.has_raw)
		row.raw = raw = next_kept(pass, &row.raw_len);
	/* it stands where the stream does, as the rows of the copy do; the event tells its own place */
	cdc_binlog_position_text(position, txn->file, txn->end_offset);
	row.seq = ++*out->last_seq;
	row.op = head.op;
	row.commit = *commit = head.commit;
	row.source_ts = cdc_timestamptz_of_unix_us(txn->commit_us);
	row.source_table = pass->source_table;
	row.position = position;
	out->append(out, &row);
	out->events++;
	if (out->first_event == 0)
		out->first_event = GetCurrentTimestamp();
	pass->written++;
	if (event != NULL)
		pfree(event);
	if (raw != NULL)
		pfree(raw);
	return true;
}

/*
 * Writes what is kept, as much as there is time for; false: there is more.  What arrives
 * meanwhile comes behind it.
 */
static bool
write_changes(CdcCopyWork *work, CdcCopyTable *t, CdcCopyPass *pass)
{
	const CdcTransaction *txn = cdc_event_writer_txn(work->writer);

	if (pass->written == pass->number)
		return true;
	if (t->progress->events_seq == 0)
		t->progress->events_seq = *work->copy->out->last_seq + 1;
	t->touched = true;
	/* the event that waits for its end is one before these */
	cdc_event_writer_end(work->writer);
	while (pass->written < pass->number)
	{
		bool		commit = true;

		if (!pass->leaves)
		{
			CdcGroupBuffer *buffer = pass->leaving;

			pass->leaving = pass->arriving;
			pass->arriving = buffer;
			cdc_group_buffer_reset(buffer);
			cdc_group_buffer_rewind(pass->leaving);
			pass->leaves = true;
			pass->rounds++;
		}
		do
		{
			CHECK_FOR_INTERRUPTS();
			pass->leaves = write_kept(work, pass, &commit);
		} while (pass->leaves && (!commit || pass->rounds > MAX_ROUNDS || cdc_copy_ms_until(work->until) > 0));
		if (pass->leaves)
			break;
	}
	work->writer = cdc_event_writer_begin(work->copy->out, txn);
	return pass->written == pass->number;
}

void
cdc_copy_pass_step(CdcCopyWork *work, CdcCopyTable *t)
{
	CdcCopyPass *pass = work->copy->pace->pass;

	if (pass->chunk != NULL)
	{
		cdc_chunk_resume(pass->chunk, t->table);
		switch (cdc_copy_append_more(work, t, pass->chunk))
		{
			case CDC_MORE:
				break;
			case CDC_END:
				end_reading(pass);
				break;
			default:			/* it is given up; the chunk is closed */
				pass->chunk = NULL;
				cdc_copy_pass_close(work->copy->pace);
				return;
		}
	}
	if (pass->chunk == NULL && write_changes(work, t, pass))
	{
		t->progress->chunks++;
		cdc_copy_end(work, t);
	}
	else if (t->touched)
		cdc_copy_keep(work, t);
}
