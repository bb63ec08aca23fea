/*-------------------------------------------------------------------------
 *
 * join.c
 *	  Where the copy of tables joins the stream: steps of it between two groups, and the
 *	  places that the stream has to pass until a copied table is as of where it stands.
 *
 * A row whose key changes while its table is copied may go from where the copy has not
 * come to yet to where it has been: no chunk has it.  The event has all of it, unless the
 * source logs only what has changed (binlog_row_image); then it is read once more.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/copy/chunk.h"
#include "pg/progress/copy_only.h"
#include "pg/progress/copy_progress.h"
#include "pg/pull/wait.h"

/* A stream that has more and more to read lets the copy have a step this often, all the same. */
#define STEP_EVERY_MS		1000

/* For so long a difference between two definitions is taken for the same one. */
#define AHEAD_MS			10000

/* ---- what a step asks of the stream ---- */

/* CdcCopy.covers */
static bool
covers(void *arg, const CdcSourcePosition *from)
{
	const CdcBinlogStream *stream = arg;
	CdcGtidSet *set;
	bool		result;

	if (stream->executed == NULL || from->gtid_set == NULL)
		return cdc_binlog_position_compare(from->file, from->offset, stream->file,
										   stream->offset) >= 0;
	set = cdc_position_parse_gtids(cdc_source_info(stream->control)->flavor, from->gtid_set,
								   stream->sub->name);
	result = cdc_gtid_set_contains(set, stream->executed);
	cdc_gtid_set_destroy(set);
	return result;
}

/* What is known of the table's definition at the source; a new entry where nothing is. */
static CdcBinlogAhead *
find_ahead(CdcBinlogStream *stream, const char *source_table, bool *found)
{
	MemoryContext old;
	CdcBinlogAhead *ahead;
	ListCell   *lc;

	*found = true;
	foreach(lc, stream->ahead)
	{
		ahead = lfirst(lc);
		if (strcmp(ahead->table, source_table) == 0)
			return ahead;
	}
	*found = false;
	old = MemoryContextSwitchTo(stream->context);
	ahead = palloc0(sizeof(CdcBinlogAhead));
	ahead->table = pstrdup(source_table);
	stream->ahead = lappend(stream->ahead, ahead);
	MemoryContextSwitchTo(old);
	return ahead;
}

/* CdcCopy.caught_up */
static bool
caught_up(void *arg, const char *source_table)
{
	CdcBinlogStream *stream = arg;
	CdcSourcePosition now;
	bool		found;
	CdcBinlogAhead *ahead = find_ahead(stream, source_table, &found);

	/* what was seen long ago was of another change */
	if (found && cdc_pull_elapsed_ms(ahead->seen_at) < AHEAD_MS)
		return cdc_binlog_mark_passed(stream, &ahead->mark);
	if (found && !cdc_binlog_mark_passed(stream, &ahead->mark))
		return false;
	cdc_source_position(cdc_binlog_stream_control(stream), &now);
	cdc_binlog_mark_set(stream, &ahead->mark, now.gtid_set, now.file, now.offset);
	ahead->seen_at = GetCurrentTimestamp();
	return false;
}

/* CdcCopy.leaves_out */
static bool
leaves_out(void *arg, const char *full_name, bool has_key)
{
	return cdc_binlog_stream_leaves_out(arg, full_name, has_key);
}

bool
cdc_binlog_has_come(CdcBinlogStream *stream)
{
	const CdcSourcePosition *to = cdc_copy_moment_to(&stream->copy);

	return to != NULL && stream->skip_file == NULL &&
		cdc_binlog_position_compare(stream->file, stream->offset, to->file, to->offset) >= 0;
}

/* CdcCopy.has_come */
static bool
has_come(void *arg)
{
	return cdc_binlog_has_come(arg);
}

/* ---- steps ---- */

/* Tables are as of where the stream stands. */
static void
note_synced(CdcBinlogCall *call)
{
	call->persist = true;
	call->synced = true;
	call->over = cdc_copy_only_has_read(call->sub);
	cdc_binlog_stream_forget_tables(call->stream);
}

bool
cdc_binlog_copy(CdcBinlogCall *call, CdcBinlogStream *stream, bool first)
{
	CdcPosition *pos = &call->pos;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest copy step",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(cxt);
	CdcCopy		copy = {0};
	CdcCopyStep step = {0};

	copy.sub = call->sub;
	copy.control = stream->lookup.control;
	copy.address = stream->address;
	copy.schema = stream->schema;
	copy.out = &call->out;
	copy.pace = &stream->copy;
	copy.first = first;
	copy.file = stream->file;
	copy.offset = stream->offset;
	copy.covers = covers;
	copy.caught_up = caught_up;
	copy.has_come = has_come;
	copy.leaves_out = leaves_out;
	copy.context = stream->context;
	copy.arg = stream;
	cdc_copy_step(&copy, &step);
	MemoryContextSwitchTo(caller);
	if (first)
	{
		if (step.from.file == NULL)
			cdc_source_position(cdc_binlog_stream_control(stream), &step.from);
		pos->file = pstrdup(step.from.file);
		pos->file_offset = step.from.offset;
		pos->gtid_set = step.from.gtid_set != NULL ? pstrdup(step.from.gtid_set) : NULL;
	}
	MemoryContextDelete(cxt);
	stream->copy_at = step.wait_ms == 0 ? 0 :
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), step.wait_ms);
	stream->copy_checked = !step.done && step.wait_ms == 0;
	stream->copied_at = GetCurrentTimestamp();
	stream->drained = false;
	if (stream->copy_checked)
		cdc_copy_hang_up(&stream->copy);
	if (step.done)
	{
		call->persist = true;
		cdc_binlog_stream_forget_tables(stream);
		if (step.synced)
			note_synced(call);
		/* before the next group: what the copy does not have is not left out any more */
		if (!first)
			cdc_binlog_check_join(call);
	}
	return step.done;
}

bool
cdc_binlog_copy_waits(const CdcBinlogStream *stream)
{
	return !stream->copy_checked && GetCurrentTimestamp() >= stream->copy_at;
}

bool
cdc_binlog_copy_is_due(CdcBinlogStream *stream)
{
	if (cdc_binlog_has_come(stream))
		return true;
	return cdc_binlog_copy_waits(stream) && stream->skip_file == NULL &&
		(stream->drained || cdc_pull_elapsed_ms(stream->copied_at) >= STEP_EVERY_MS);
}

/* ---- rows that move ---- */

/* Whether the image of an update lacks columns that each row has. */
static bool
is_partial(const CdcChange *change)
{
	int			i;

	for (i = 0; i < change->table->ncolumns; i++)
		if (change->after[i].kind == CDC_ABSENT && !change->table->columns[i].virtual_generated)
			return true;
	return false;
}

/*
 * The condition by which the row is found after the update, where its primary key has
 * changed; NULL: it has not.  *unknown: it cannot be said.
 */
static char *
moved_to(const CdcChange *change, bool *unknown)
{
	const CdcTable *table = change->table;
	CdcChunkKey key = {NULL, table->npk, (int *) table->pk, NULL};
	const char **literals = palloc0(sizeof(char *) * table->npk);
	bool		moved = false;
	int			i;

	*unknown = false;
	for (i = 0; i < table->npk; i++)
	{
		const CdcValue *before = &change->before[table->pk[i]];
		const CdcValue *after = &change->after[table->pk[i]];
		char	   *former = cdc_chunk_literal(table, &key, i, before);

		literals[i] = after->kind == CDC_ABSENT ? former : cdc_chunk_literal(table, &key, i, after);
		if (literals[i] == NULL || former == NULL)
			*unknown = true;
		else if (strcmp(literals[i], former) != 0)
			moved = true;
	}
	if (*unknown || !moved)
		return NULL;
	return cdc_chunk_key_equals(table, &key, literals);
}

void
cdc_binlog_note_move(CdcBinlogCall *call, const CdcChange *change)
{
	static const CdcCopyRequest again = {"copy", true, NULL, true};
	CdcBinlogStream *stream = call->stream;
	const char *name;
	char	   *condition;
	bool		unknown;
	ListCell   *lc;

	if (change->op != CDC_OP_UPDATE || stream == NULL || change->table->npk == 0 ||
		!cdc_binlog_stream_is_copying(stream, change->table->full_name) || !is_partial(change))
		return;
	condition = moved_to(change, &unknown);
	if (condition == NULL && !unknown)
		return;
	name = cdc_from_utf8_copy(change->table->full_name);
	if (condition == NULL || !cdc_copy_reread(call->sub, name, condition))
	{
		cdc_log_event(call->sub->name, "copy",
					  psprintf("the copy of source table %s begins anew, as rows change their keys", name),
					  NULL);
		foreach(lc, cdc_copy_members(call->sub, name, false))
			cdc_copy_request(call->sub, lfirst(lc), &again);
		cdc_binlog_stream_forget_tables(stream);
	}
	stream->joins_read = false;
	stream->copy_checked = false;
}

/* ---- the join ---- */

/* Reads which tables wait for the stream to pass a place. */
static void
read_joins(CdcBinlogStream *stream)
{
	MemoryContext old;

	if (stream->joins_cxt == NULL)
		stream->joins_cxt = AllocSetContextCreate(stream->context, "cdc_ingest joins",
												  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(stream->joins_cxt);
	cdc_binlog_mark_clear(&stream->join);
	old = MemoryContextSwitchTo(stream->joins_cxt);
	stream->joins = cdc_copy_joins(stream->sub);
	MemoryContextSwitchTo(old);
	stream->joins_read = true;
}

/* The place of the first of them. */
static void
set_mark(CdcBinlogStream *stream, const CdcCopyJoin *join)
{
	char	   *file = NULL;
	int64		offset = 0;

	if (join->position == NULL || !cdc_position_parse(join->position, &file, &offset))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid sync_position of source table \"%s\" of subscription \"%s\"",
						join->source_table, stream->sub->name)));
	cdc_binlog_mark_set(stream, &stream->join, stream->executed != NULL ? join->gtid_set : NULL,
						file, offset);
}

/* They were copied one after the other, so that each has to be passed before the next one. */
void
cdc_binlog_check_join(CdcBinlogCall *call)
{
	CdcBinlogStream *stream = call->stream;
	bool		passed = false;

	if (!stream->joins_read)
		read_joins(stream);
	while (stream->joins != NIL)
	{
		CdcCopyJoin *join = linitial(stream->joins);

		if (!stream->join.set)
			set_mark(stream, join);
		if (!cdc_binlog_mark_passed(stream, &stream->join))
			break;
		cdc_binlog_mark_clear(&stream->join);
		cdc_copy_synced(call->sub, join->source_table, call->pos.last_seq, false);
		stream->joins = list_delete_first(stream->joins);
		passed = true;
	}
	if (passed)
		note_synced(call);
}
