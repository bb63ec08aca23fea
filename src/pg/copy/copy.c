/*-------------------------------------------------------------------------
 *
 * copy.c
 *	  The copy of tables, a step at a time, and how it joins the stream.
 *
 * A step opens a consistent snapshot over a connection of its own and reads in it, for
 * about copy_chunk_time, the rows that come next: those behind the last key of the table
 * that is being copied, then tables that have not begun.  The rows become 'r' events,
 * framed by 'm' events ("bootstrap-start", "bootstrap-complete") over all steps of a
 * table.  No lock is taken on the source, and no snapshot is older than a step.
 *
 * A step is appended where the stream stands, and its snapshot has all that the stream
 * has brought.  So history has rows that are ahead of the stream; the changes in between
 * come with the stream once more, and end the same as rows have a key.  The table is as
 * of the stream's place once that has passed the last snapshot.  What is behind in the
 * stream is of a later time than whatever a step has lacked.
 *
 * Rows of a table without a key must not come twice: such a table is read as a whole, in
 * a snapshot whose place is exactly known, up to which its events are left out.
 */
#include "pg/copy/copy.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/epoch.h"
#include "pg/base/utf8.h"
#include "pg/progress/copy_progress.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/copy/chunk.h"
#include "pg/copy/facts.h"
#include "pg/copy/row_source.h"
#include "pg/history/copied_rows.h"
#include "pg/options/option_json.h"
#include "pg/schema/change.h"
#include "pg/target/replica_table.h"

/* How long the source is waited for when the stream has not begun, and when it is running. */
#define FIRST_PATIENCE_MS	60000
#define PATIENCE_MS			2000

/* Tables that a step looks at. */
#define STEP_TABLES			200

/*
 * The first query of a table asks for so many rows, the next for so many times more at most.
 * None asks for less than is worth it: so many rows, or bytes where rows are large.
 */
#define FIRST_ROWS			64
#define MORE_ROWS			8
#define LEAST_BYTES			(1024.0 * 1024)

/* A definition that changed under a step, or a snapshot behind the stream: when to try again. */
#define AGAIN_MS			100

/* Steps in a row that may come to nothing before the table is in error. */
#define FAILURES			50

/* An exact snapshot is tried for again after this time, and so often. */
#define BUSY_MS				1000
#define BUSY_TRIES			30

/* A step at work. */
typedef struct Step
{
	const CdcCopy *copy;
	CdcSource  *source;			/* in the snapshot */
	CdcSnapshot *snap;
	CdcSnapshotUse use;
	CdcEventWriter *writer;
	TimestampTz until;			/* when it is to end */
	List	   *finished;		/* of CdcCopyJoin *: tables whose rows are all there */
	bool		wrote;			/* it has done something */
	const char *changed;		/* a table whose definition did not fit, or NULL */
} Step;

/* A table in a step. */
typedef struct StepTable
{
	CdcCopyProgress *progress;
	const CdcTable *table;
	CdcChunkKey *key;			/* NULL: it is read as a whole */
	bool		aside;			/* the history does not keep its rows */
} StepTable;

/* ---- names and definitions ---- */

/* The two parts of a table's name, in UTF-8; false where it has one only. */
static bool
split_name(const char *source_table, char **database, char **table)
{
	char	   *dot;

	*database = cdc_to_utf8_copy(source_table);
	dot = strchr(*database, '.');
	if (dot == NULL)
		return false;
	*dot = '\0';
	*table = dot + 1;
	return true;
}

/* Why the table cannot be copied, or NULL. */
static const char *
copy_trouble(const Step *step, const CdcTable *table, bool keyless)
{
	const CdcColumn *column;
	const char *engine;

	if (table == NULL)
		return "the source has no such table";
	keyless = keyless || table->npk == 0;
	if (keyless && !step->snap->exact)
		return "the table has no primary key, and the source was too busy for a snapshot whose position is exactly known";
	if (keyless &&
		(engine = cdc_copy_plain_engine(cdc_control_session(&step->copy->control), table)) != NULL)
		return psprintf("the table has no primary key, and engine %s no snapshots", engine);
	column = cdc_row_source_unreadable(table);
	if (column != NULL)
		return psprintf("column \"%s\" has type %s, which cannot be copied",
						cdc_from_utf8_copy(column->name), cdc_from_utf8_copy(column->column_type));
	return cdc_replica_trouble(step->copy->sub, table);
}

static void
give_up_table(const CdcCopy *copy, const char *source_table, const char *error)
{
	cdc_subscription_table_failed(copy->sub, source_table, ERRCODE_FEATURE_NOT_SUPPORTED, error);
	cdc_log(copy->sub->name, "copy", psprintf("source table %s is not copied", source_table), error);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" cannot be copied", source_table, copy->sub->name),
			 errdetail("%s.", error),
			 errhint("When that is no longer so, call cdc.resync_table(%s, %s), or remove the table with cdc.remove_table.",
					 quote_literal_cstr(copy->sub->name), quote_literal_cstr(source_table))));
}

/*
 * Whether the stream has DDL before it that the source has done: rows that are read by the
 * definition of later would stand in the history before those of the former one.
 */
static bool
is_ahead(const Step *step, const CdcCopyProgress *progress, const CdcTable *table,
		 const CdcTable *known)
{
	return table != known && !step->copy->first &&
		!step->copy->caught_up(step->copy->arg, progress->source_table);
}

/*
 * The definition of a table.  NULL: it is not known now, and step->changed says so; or it
 * cannot be copied, which its state 'e' then says.
 */
static const CdcTable *
definition(Step *step, const CdcCopyProgress *progress)
{
	const CdcCopy *copy = step->copy;
	const CdcTransaction *txn = cdc_event_writer_txn(step->writer);
	CdcSchemaPlace place;
	char	   *database;
	char	   *name;
	const CdcTable *table = NULL;
	const char *error;

	place.seq = *copy->out->last_seq + 1;
	place.position = psprintf("%s:" UINT64_FORMAT, txn->file, (uint64) txn->end_offset);
	if (split_name(progress->source_table, &database, &name))
	{
		table = cdc_schema_refresh(copy->schema, cdc_control_session(&copy->control), database,
								   name, &place);
		if (is_ahead(step, progress, table, cdc_schema_get(copy->schema, database, name)))
		{
			step->changed = progress->source_table;
			return NULL;
		}
	}
	error = copy_trouble(step, table, progress->keyless);
	if (error == NULL)
		return table;
	give_up_table(copy, progress->source_table, error);
	step->wrote = true;
	return NULL;
}

/* Whether the table or its target has no key, as far as is known. */
static bool
is_keyless(const CdcCopy *copy, const CdcCopyProgress *progress)
{
	const CdcTable *table = NULL;
	char	   *database;
	char	   *name;

	if (progress->keyless)
		return true;
	if (split_name(progress->source_table, &database, &name))
		table = cdc_schema_get(copy->schema, database, name);
	return table != NULL && table->npk == 0;
}

/* ---- events ---- */

/* An 'm' event, which frames the rows of a table, or stands for some of them. */
static void
control_event(const Step *step, const StepTable *t, const char *type, int64 rows)
{
	const CdcTransaction *txn = cdc_event_writer_txn(step->writer);
	CdcCopyMark mark = {t->progress->replaces && t->progress->state != 'f',
	t->progress->begin_seq, rows};
	CdcChange	change = {0};

	change.op = CDC_OP_CONTROL;
	change.table = t->table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	change.sql.data = type;
	change.sql.len = strlen(type);
	change.copy = &mark;
	cdc_event_writer_change(step->writer, &change);
}

/* ---- the rows of a table ---- */

static double
ms_until(TimestampTz until)
{
	return (until - GetCurrentTimestamp()) / 1000.0;
}

/* How many rows the next query asks for. */
static int64
next_limit(const CdcCopy *copy, const StepTable *t, double left_ms)
{
	CdcCopyPace *pace = copy->pace;
	double		least;
	double		rows;

	if (t->key == NULL)
		return 0;
	if (strcmp(pace->table, t->progress->source_table) != 0)
	{
		strlcpy(pace->table, t->progress->source_table, sizeof(pace->table));
		pace->rows = FIRST_ROWS / MORE_ROWS;
		pace->rows_per_ms = FIRST_ROWS;
		pace->row_bytes = 0;
	}
	least = Min(FIRST_ROWS, LEAST_BYTES / Max(pace->row_bytes, 1));
	rows = Min(pace->rows_per_ms * Max(left_ms, 1), (double) pace->rows * MORE_ROWS);
	pace->rows = (int64) Max(Max(rows, least), 1);
	return pace->rows;
}

/* The conditions of rows that are to be read once more, and of the table's copy. */
static char *
reread_condition(const CdcCopyProgress *p)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < p->nreread; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? " OR " : "(", p->reread[i]);
	appendStringInfoChar(&sql, ')');
	if (p->row_filter != NULL)
		appendStringInfo(&sql, " AND (%s\n)", p->row_filter);
	return sql.data;
}

/* The table's copy begins: its marker, and what is to be told. */
static void
begin_table(Step *step, const StepTable *t)
{
	CdcCopyProgress *p = t->progress;
	const char *name = step->copy->sub->name;
	CdcSchemaPlace place = {*step->copy->out->last_seq + 1, NULL};

	/* what was in error, or became another table, goes on from here in the shape of these rows */
	if (p->replaces || cdc_subscription_table_is_held(step->copy->sub, p->source_table))
		cdc_change_copy_begins(step->copy->sub, t->table->full_name, &place);
	p->begin_seq = 0;
	control_event(step, t, "bootstrap-start", 0);
	p->begin_seq = *step->copy->out->last_seq;
	p->key_shape = t->key != NULL ? t->key->shape : NULL;
	cdc_notify(name, "table_copy", p->source_table, NULL);
	if (step->snap->trouble == NULL)
		return;
	cdc_log_event(name, "copy", "the snapshot's place in the binlog is likely, but not proved",
				  step->snap->trouble);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of subscription \"%s\" joins the binlog at a place that is likely, but not proved",
					name),
			 errdetail("At the source, %s. A transaction that takes longer than a second from the binlog to the engine would be missed.",
					   step->snap->trouble),
			 errhint("Before a copy from MySQL 5.6, or without GTIDs, GRANT PROCESS ON *.* TO the user of the user mapping.")));
}

/* Appends the chunk's rows to the history, or keeps them aside. */
static void
write_rows(Step *step, const StepTable *t, CdcChunk *chunk)
{
	const CdcTransaction *txn = cdc_event_writer_txn(step->writer);
	int64		seq = *step->copy->out->last_seq + 1;
	CdcCopiedRows *aside = NULL;
	CdcChange	change = {0};
	int64		n;

	change.op = CDC_OP_SNAPSHOT;
	change.table = t->table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	if (t->aside)
		aside = cdc_copied_rows_begin(step->copy->sub, t->progress->source_table, seq, txn);
	while ((change.after = cdc_chunk_next(chunk)) != NULL)
	{
		if (aside != NULL)
			cdc_copied_rows_add(aside, &change);
		else
			cdc_event_writer_change(step->writer, &change);
	}
	if (aside == NULL || (n = cdc_copied_rows_end(aside)) == 0)
		return;
	control_event(step, t, CDC_COPIED_ROWS, n);
	if (*step->copy->out->last_seq != seq)
		elog(ERROR, "the rows of a copy were kept for seq " INT64_FORMAT ", their event has " INT64_FORMAT,
			 seq, *step->copy->out->last_seq);
}

/* Appends the rows of the range; NULL: the definition at the source is another one. */
static CdcChunk *
append_rows(Step *step, const StepTable *t, const CdcChunkKey *key, const CdcChunkRange *range)
{
	TimestampTz began = GetCurrentTimestamp();
	CdcError	err;
	CdcChunk   *chunk = cdc_chunk_open(step->source, t->table, key, range,
									   step->copy->sub->name, &err);
	double		ms;

	if (chunk == NULL)
	{
		step->changed = t->progress->source_table;
		cdc_log_event(step->copy->sub->name, "copy",
					  "the copy of a table waits, as its definition changes", err.message);
		return NULL;
	}
	if (t->progress->begin_seq == 0)
		begin_table(step, t);
	write_rows(step, t, chunk);
	ms = Max(-ms_until(began), 0.05);
	if (cdc_chunk_rows(chunk) > 0)
	{
		step->copy->pace->rows_per_ms = cdc_chunk_rows(chunk) / ms;
		step->copy->pace->row_bytes = (double) cdc_chunk_bytes(chunk) / cdc_chunk_rows(chunk);
	}
	t->progress->rows += cdc_chunk_rows(chunk);
	t->progress->bytes += cdc_chunk_bytes(chunk);
	return chunk;
}

/* Reads rows once more that a chunk may have missed; false: not now. */
static bool
reread_rows(Step *step, const StepTable *t)
{
	CdcCopyProgress *p = t->progress;
	CdcChunkRange range = {NULL, NULL, NULL, 0};
	CdcChunk   *chunk;

	if (p->nreread == 0)
		return true;
	range.where = reread_condition(p);
	chunk = append_rows(step, t, NULL, &range);
	if (chunk == NULL)
		return false;
	cdc_chunk_close(chunk);
	p->reread = NULL;
	p->nreread = 0;
	return true;
}

/* The next rows of the table; false: its definition changed.  *last: there are no more. */
static bool
read_chunk(Step *step, const StepTable *t, bool *last)
{
	CdcCopyProgress *p = t->progress;
	CdcChunkRange range = {NULL, NULL, NULL, 0};
	CdcChunk   *chunk;
	char	  **key;

	range.after = (const char *const *) p->last_key;
	range.where = p->row_filter;
	range.limit = next_limit(step->copy, t, ms_until(step->until));
	chunk = append_rows(step, t, t->key, &range);
	if (chunk == NULL)
		return false;
	*last = cdc_chunk_is_last(chunk);
	key = cdc_chunk_last_key(chunk);
	if (key != NULL)
	{
		p->last_key = key;
		p->nlast_key = t->key->ncolumns;
	}
	p->chunks++;
	cdc_chunk_close(chunk);
	return true;
}

/* Where a copy cannot go on by the key it began with, or was cut off, it begins anew. */
static void
check_begun(const Step *step, const StepTable *t)
{
	static const CdcCopyRequest again = {"copy", true, NULL, true};
	CdcCopyProgress *p = t->progress;

	if (p->begin_seq == 0 || p->state == 'f')
		return;
	if (t->key != NULL && p->key_shape != NULL && strcmp(t->key->shape, p->key_shape) == 0)
		return;
	cdc_copy_request(step->copy->sub, p->source_table, &again);
	cdc_log(step->copy->sub->name, "copy",
			psprintf("the copy of source table %s begins anew, as its key has changed", p->source_table), NULL);
	p->replaces = p->replaces || p->row_filter == NULL;
	p->begin_seq = p->rows = p->bytes = p->chunks = 0;
	p->last_key = NULL;
	p->nlast_key = 0;
	p->reread = NULL;
	p->nreread = 0;
}

/* All rows of the table are in the history; where the stream has to get to is set later. */
static void
end_table(Step *step, const StepTable *t)
{
	CdcCopyJoin *join = palloc0(sizeof(CdcCopyJoin));

	if (t->progress->state != 'f')
		control_event(step, t, "bootstrap-complete", t->aside ? t->progress->rows : 0);
	join->source_table = t->progress->source_table;
	step->finished = lappend(step->finished, join);
}

/* The rows that the step has time for.  Returns whether the table has no more. */
static bool
read_rows(Step *step, const StepTable *t)
{
	CdcCopyProgress *p = t->progress;
	bool		last = false;

	if (p->state == 'f')
		return true;
	/* what the questions took does not count, or a slow source would get nowhere */
	if (!step->wrote)
		step->until = Max(step->until, TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
																	  step->copy->sub->opt.copy_chunk_ms / 2));
	while (!last && read_chunk(step, t, &last))
		if (ms_until(step->until) <= 0)
			break;
	if (!last && p->estimated_rows < 0 && p->begin_seq != 0)
	{
		p->estimated_rows = cdc_copy_estimated_rows(cdc_control_session(&step->copy->control), t->table);
		cdc_log(step->copy->sub->name, "copy",
				psprintf("the copy of source table %s begins", p->source_table), NULL);
	}
	return last;
}

/* What the step has time for of a table. */
static void
copy_table(Step *step, CdcCopyProgress *p)
{
	StepTable	t = {p, NULL, NULL, false};
	CdcTableOptions options;
	CdcChunkKey key;
	bool		last;

	t.table = definition(step, p);
	if (t.table == NULL)
		return;
	if (t.table->npk > 0 && !p->keyless &&
		cdc_chunk_key(cdc_control_session(&step->copy->control), t.table, &key))
		t.key = &key;
	cdc_table_options_parse(p->options, &step->copy->sub->opt.table, &options);
	t.aside = p->has_target && !options.copy_history;
	check_begun(step, &t);
	if (!reread_rows(step, &t))
		return;
	last = read_rows(step, &t);
	if (p->begin_seq == 0)
		return;
	cdc_copy_save(step->copy->sub, p);
	if (last)
		end_table(step, &t);
	step->wrote = true;
}

/* ---- the step ---- */

/* The connection for snapshots, opened where it is not open. */
static CdcSource *
session(const CdcCopy *copy)
{
	CdcCopyPace *pace = copy->pace;

	if (pace->session != NULL && !cdc_source_usable(pace->session))
		cdc_copy_hang_up(pace);
	if (pace->session == NULL)
		pace->session = cdc_source_open_at(copy->sub->server, copy->sub->owner_oid, copy->address,
										   true, true);
	return pace->session;
}

void
cdc_copy_hang_up(CdcCopyPace *pace)
{
	CdcSource  *source = pace->session;

	pace->session = NULL;
	cdc_source_close(source);
}

/*
 * The snapshot could not be had in time: the copy has to wait.  ERROR where the stream
 * cannot begin without it.
 */
static void
report_delay(const CdcCopy *copy, const char *trouble)
{
	if (copy->first)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the copy of subscription \"%s\" cannot join the binlog of its source", copy->sub->name),
				 errdetail("At the source, %s.", trouble),
				 errhint("End it there, or pull again later.")));
	cdc_log_event(copy->sub->name, "copy", "the copy of tables waits for the source", trouble);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of tables of subscription \"%s\" waits for its source", copy->sub->name),
			 errdetail("At the source, %s.", trouble),
			 errhint("Changes of other tables go on; the copy is tried again in %d s.", CDC_COPY_RETRY_MS / 1000)));
}

/* Opens the snapshot; false: not now, and result says when. */
static bool
open_snapshot(Step *step, CdcCopyStep *result)
{
	const CdcCopy *copy = step->copy;
	TimestampTz began = GetCurrentTimestamp();

	if (!cdc_snapshot_open(step->source, &copy->control, step->use,
						   copy->first ? FIRST_PATIENCE_MS : PATIENCE_MS, step->snap))
	{
		cdc_copy_hang_up(copy->pace);
		report_delay(copy, step->snap->trouble);
		result->wait_ms = CDC_COPY_RETRY_MS;
		return false;
	}
	/* a dump brings what its server has not committed in the engine yet */
	if (!copy->first && !copy->covers(copy->arg, &step->snap->from))
	{
		cdc_snapshot_discard(step->source);
		result->wait_ms = AGAIN_MS;
		return false;
	}
	if (step->use == CDC_SNAPSHOT_EXACT && !step->snap->exact && copy->pace->busy < BUSY_TRIES)
	{
		copy->pace->busy++;
		cdc_snapshot_discard(step->source);
		cdc_log_event(copy->sub->name, "copy",
					  "the copy of tables without a primary key waits for a moment without commits at the source",
					  NULL);
		result->wait_ms = BUSY_MS;
		return false;
	}
	copy->pace->busy = 0;
	copy->pace->snapshot_ms = -ms_until(began);
	return true;
}

/*
 * What the snapshot of a step over these tables is for.  Those without a key come last,
 * and in steps of their own: an exact one is hard to get.
 */
static CdcSnapshotUse
choose_use(const CdcCopy *copy, List **tables)
{
	List	   *keyed = NIL;
	ListCell   *lc;

	foreach(lc, *tables)
		if (!is_keyless(copy, lfirst(lc)))
			keyed = lappend(keyed, lfirst(lc));
	if (keyed == NIL)
		return CDC_SNAPSHOT_EXACT;
	*tables = keyed;
	return copy->first ? CDC_SNAPSHOT_START : CDC_SNAPSHOT_CHUNK;
}

/* The tables of the next step; those whose rows are not wanted are ready. */
static List *
tables_of_step(const CdcCopy *copy, bool *changed)
{
	List	   *result = NIL;
	List	   *tables = cdc_copy_waiting(copy->sub, STEP_TABLES);
	ListCell   *lc;

	*changed = false;
	foreach(lc, tables)
	{
		CdcCopyProgress *p = lfirst(lc);

		if (p->wanted)
			result = lappend(result, p);
		else
		{
			cdc_subscription_table_state(copy->sub, p->source_table, 'r');
			*changed = true;
		}
	}
	return result;
}

/* Reads the tables, as many as there is time for. */
static void
copy_tables(Step *step, List *tables)
{
	const CdcCopy *copy = step->copy;
	CdcTransaction txn = {0};
	ListCell   *lc;

	txn.file = copy->first ? step->snap->from.file : copy->file;
	txn.start_offset = txn.end_offset = (uint64) (copy->first ? step->snap->from.offset : copy->offset);
	txn.commit_us = cdc_unix_us(GetCurrentTimestamp());
	step->writer = cdc_event_writer_begin(copy->out, &txn);
	foreach(lc, tables)
	{
		copy_table(step, lfirst(lc));
		if (ms_until(step->until) <= 0)
			break;
	}
	cdc_event_writer_end(step->writer);
}

/* Says where the stream has to get to for the tables that are finished. */
static void
finish_tables(const Step *step)
{
	ListCell   *lc;

	foreach(lc, step->finished)
	{
		CdcCopyJoin *join = lfirst(lc);

		join->position = psprintf("%s:" INT64_FORMAT, step->snap->to.file, step->snap->to.offset);
		join->gtid_set = step->snap->to.gtid_set;
		cdc_copy_finish(step->copy->sub, join, *step->copy->out->last_seq);
	}
}

/* A table whose definition does not fit, again and again, is in error. */
static void
note_failure(Step *step)
{
	CdcCopyPace *pace = step->copy->pace;

	if (step->changed == NULL || step->wrote)
		pace->failures = 0;
	else if (++pace->failures >= FAILURES &&
			 step->copy->caught_up(step->copy->arg, step->changed))
	{
		give_up_table(step->copy, step->changed, "it cannot be read by the definition that the source shows");
		step->wrote = true;
		pace->failures = 0;
	}
}

void
cdc_copy_step(const CdcCopy *copy, CdcCopyStep *result)
{
	CdcCopyPace *pace = copy->pace;
	CdcSnapshot snap;
	Step		step = {copy, NULL, &snap};
	List	   *tables = tables_of_step(copy, &result->done);
	int			target_ms = copy->sub->opt.copy_chunk_ms;

	memset(&result->from, 0, sizeof(result->from));
	result->wait_ms = 0;
	if (tables == NIL)
		return;
	step.source = session(copy);
	step.use = choose_use(copy, &tables);
	if (!open_snapshot(&step, result))
		return;
	/* where a snapshot takes its time, it should be worth it */
	step.until = TimestampTzPlusMilliseconds(snap.opened_at, Max(target_ms, (int) Min(2 * pace->snapshot_ms, 2000)));
	copy_tables(&step, tables);
	cdc_snapshot_end(step.source, step.use, &snap);
	finish_tables(&step);
	result->from = snap.from;
	note_failure(&step);
	result->done = result->done || step.wrote;
	if (step.changed != NULL && !step.wrote)
		result->wait_ms = AGAIN_MS;
}
