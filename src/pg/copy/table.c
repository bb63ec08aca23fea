/*-------------------------------------------------------------------------
 *
 * table.c
 *	  A table in a step of the copy: its definition, the markers that frame its rows, its
 *	  rows themselves, and its progress.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/copy_internal.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/copy/facts.h"
#include "pg/copy/keys.h"
#include "pg/copy/row_source.h"
#include "pg/history/copied_rows.h"
#include "pg/options/option_json.h"
#include "pg/progress/table_error.h"
#include "pg/progress/table_state.h"
#include "pg/schema/change.h"
#include "pg/target/replica_table.h"

/* The time is looked at each so many rows. */
#define ROWS_UNTIMED	64

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
copy_trouble(const CdcCopyWork *work, const CdcTable *table, bool keyless)
{
	const CdcColumn *column;
	const char *trouble;

	if (table == NULL)
		return CDC_NO_SOURCE_TABLE;
	trouble = cdc_copy_engine_trouble(cdc_control_session(&work->copy->control), table,
									  keyless || table->npk == 0);
	if (trouble != NULL)
		return trouble;
	column = cdc_row_source_unreadable(table);
	if (column != NULL)
		return psprintf("column \"%s\" has type %s, which cannot be copied",
						cdc_from_utf8_copy(column->name), cdc_from_utf8_copy(column->column_type));
	return cdc_replica_trouble(work->copy->sub, table);
}

void
cdc_copy_give_up(const CdcCopy *copy, const char *source_table, const CdcCopyTrouble *trouble)
{
	const char *hint = trouble->hint;
	ListCell   *lc;

	foreach(lc, cdc_copy_members(copy->sub, source_table, true))
		(void) cdc_table_lose(copy->sub, lfirst(lc), trouble->sqlerrcode,
							  hint == NULL ? trouble->text : psprintf("%s.\nHINT:  %s", trouble->text, hint));
	cdc_log(copy->sub->name, "copy", psprintf("source table %s is not copied", source_table), trouble->text);
	if (hint == NULL)
		hint = psprintf("When that is no longer so, call cdc.resync_table(%s, %s), or remove the table with cdc.remove_table.",
						quote_literal_cstr(copy->sub->name), quote_literal_cstr(source_table));
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" cannot be copied", source_table, copy->sub->name),
			 errdetail("%s.", trouble->text),
			 errhint("%s", hint)));
}

/*
 * Whether the stream has DDL before it that the source has done: rows that are read by the
 * definition of later would stand in the history before those of the former one.
 */
static bool
is_ahead(const CdcCopyWork *work, const CdcCopyProgress *progress, const CdcTable *table,
		 const CdcTable *known)
{
	return table != known && !work->copy->first &&
		!work->copy->caught_up(work->copy->arg, progress->source_table);
}

/*
 * The table as the source has it now.  Where that is another definition than the stored one,
 * and the stream will not bring what made it so, the rows of the copy are the first of that
 * shape: the target is told before them.
 */
static const CdcTable *
present_table(CdcCopyWork *work, const CdcCopyProgress *progress, const char *database,
			  const char *name)
{
	const CdcCopy *copy = work->copy;
	const CdcTransaction *txn = cdc_event_writer_txn(work->writer);
	CdcSource  *source = cdc_control_session(&copy->control);
	CdcSchemaPlace place;
	const CdcTable *known;
	const CdcTable *table;

	place.seq = *copy->out->last_seq + 1;
	place.position = psprintf("%s:" UINT64_FORMAT, txn->file, (uint64) txn->end_offset);
	table = cdc_schema_refresh(copy->schema, source, database, name, &place);
	known = cdc_schema_get(copy->schema, database, name);
	if (is_ahead(work, progress, table, known))
	{
		work->changed = progress->source_table;
		return NULL;
	}
	if (table == NULL || table == known)
		return table;
	work->wrote = true;
	return cdc_schema_found(copy->schema, source, database, name, &place);
}

/*
 * The definition of a table.  NULL: it is not known now, and work->changed says so; or it
 * cannot be copied, which its state 'e' then says.
 */
static const CdcTable *
definition(CdcCopyWork *work, const CdcCopyProgress *progress)
{
	const CdcCopy *copy = work->copy;
	char	   *database;
	char	   *name;
	const CdcTable *table = NULL;
	CdcCopyTrouble trouble = {ERRCODE_FEATURE_NOT_SUPPORTED, NULL, NULL};

	if (split_name(progress->source_table, &database, &name))
	{
		const char *changed = work->changed;

		work->changed = NULL;
		table = present_table(work, progress, database, name);
		if (work->changed != NULL)
			return NULL;
		work->changed = changed;
	}
	/* that it has no key was not known when the snapshot was opened: the next one is exact */
	if (table != NULL && table->npk == 0 && work->use != CDC_SNAPSHOT_EXACT)
	{
		work->changed = progress->source_table;
		return NULL;
	}
	trouble.text = copy_trouble(work, table, progress->keyless);
	if (trouble.text == NULL)
		return table;
	if (table == NULL)
	{
		trouble.sqlerrcode = CDC_ERRCODE_NO_SOURCE_TABLE;
		trouble.hint = cdc_table_error_gone_hint(copy->sub, progress->source_table);
	}
	cdc_copy_give_up(copy, progress->source_table, &trouble);
	work->wrote = true;
	return NULL;
}

bool
cdc_copy_is_keyless(const CdcCopy *copy, const CdcCopyProgress *progress)
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

bool
cdc_copy_tells_keys(const CdcCopyProgress *p)
{
	return p->resync && p->row_filter != NULL && p->gone == NULL;
}

/* What the event that begins the rows of a table, or stands for some, says of the rest. */
static CdcCopyMark
plain_mark(const CdcCopyTable *t, int64 rows)
{
	const CdcCopyProgress *p = t->progress;
	CdcCopyMark mark = {p->replaces && p->state != 'f', p->begin_seq, rows, NULL, NULL};

	return mark;
}

/* The same of the one that ends them. */
static CdcCopyMark
end_mark(const CdcCopyTable *t)
{
	const CdcCopyProgress *p = t->progress;
	CdcCopyMark mark = plain_mark(t, t->aside ? p->rows : 0);

	if (cdc_copy_tells_keys(p))
		mark.replaces = true;
	if (p->gone != NULL && strcmp(p->gone, "{}") != 0 && !p->replaces)
	{
		mark.gone = cdc_to_utf8_copy(p->gone);
		mark.begin_seq = p->gone_seq + 1;
	}
	return mark;
}

/* The same of one that stands for some rows: they stay beside it where the end has to know them. */
static CdcCopyMark
rows_mark(const CdcCopyTable *t, int64 rows)
{
	CdcCopyMark mark = plain_mark(t, rows);

	mark.replaces = mark.replaces || cdc_copy_tells_keys(t->progress) || t->progress->gone != NULL;
	return mark;
}

/* An 'm' event, which frames the rows of a table, or stands for some of them. */
static void
control_event(CdcCopyWork *work, const CdcCopyTable *t, const char *type, CdcCopyMark mark)
{
	const CdcTransaction *txn = cdc_event_writer_txn(work->writer);
	CdcChange	change = {0};

	change.op = CDC_OP_CONTROL;
	change.table = t->table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	change.sql.data = type;
	change.sql.len = strlen(type);
	change.copy = &mark;
	cdc_event_writer_change(work->writer, &change);
}

/* ---- the rows of a table ---- */

/* The table's copy begins: its marker, and what is to be told. */
static void
begin_table(CdcCopyWork *work, const CdcCopyTable *t)
{
	CdcCopyProgress *p = t->progress;
	const char *name = work->copy->sub->name;
	CdcCopyBegins copy = {t->table, t->logged, {*work->copy->out->last_seq + 1, NULL}, p->names, p->nnames};

	/* what was in error, or became another table, goes on from here in the shape of these rows */
	if (p->replaces || p->held)
		cdc_change_copy_begins(work->copy->sub, &copy);
	p->begin_seq = p->events_seq = 0;
	control_event(work, t, "bootstrap-start", plain_mark(t, 0));
	p->begin_seq = *work->copy->out->last_seq;
	p->key_shape = t->key != NULL ? t->key->shape : NULL;
	cdc_notify(name, "table_copy", p->source_table, NULL);
	if (work->snap->trouble == NULL)
		return;
	cdc_log_event(name, "copy", "the snapshot's place in the binlog is likely, but not proved",
				  work->snap->trouble);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of subscription \"%s\" joins the binlog at a place that is likely, but not proved",
					name),
			 errdetail("At the source, %s. A transaction that takes longer than a second from the binlog to the engine would be missed.",
					   work->snap->trouble),
			 errhint("Before a copy from MySQL 5.6, or without GTIDs, GRANT PROCESS ON *.* TO the user of the user mapping.")));
}

/*
 * Appends the chunk's rows to the history, or keeps them aside; CDC_MORE: those that there was
 * time for.  A failure is the table's; those before it are written.
 */
static CdcStatus
write_rows(CdcCopyWork *work, const CdcCopyTable *t, CdcChunk *chunk, CdcError *err)
{
	const CdcTransaction *txn = cdc_event_writer_txn(work->writer);
	int64		seq = *work->copy->out->last_seq + 1;
	CdcCopiedRows *aside = NULL;
	CdcChange	change = {0};
	CdcStatus	st;
	int64		n = 0;

	change.op = CDC_OP_SNAPSHOT;
	change.table = t->table;
	change.ts = txn->commit_us / USECS_PER_SEC;
	change.offset = txn->end_offset;
	if (t->aside)
		aside = cdc_copied_rows_begin(work->copy->sub, t->progress->source_table, seq, txn);
	cdc_chunk_set_patience(chunk, t->pause_at);
	while ((st = cdc_chunk_try_next(chunk, &change.after, err)) == CDC_OK)
	{
		if (aside != NULL)
			cdc_copied_rows_add(aside, &change);
		else
			cdc_event_writer_change(work->writer, &change);
		if (t->pause_at != 0 && ++n % ROWS_UNTIMED == 0 && cdc_copy_ms_until(t->pause_at) <= 0)
		{
			st = CDC_MORE;
			break;
		}
	}
	if (aside == NULL || (n = cdc_copied_rows_end(aside)) == 0)
		return st;
	control_event(work, t, CDC_COPIED_ROWS, rows_mark(t, n));
	if (*work->copy->out->last_seq != seq)
		elog(ERROR, "the rows of a copy were kept for seq " INT64_FORMAT ", their event has " INT64_FORMAT,
			 seq, *work->copy->out->last_seq);
	return st;
}

/*
 * The table's rows cannot be read to their end.  What the history has of them stays there:
 * it is not shown, and a new copy begins anew.
 */
static void
break_off(CdcCopyWork *work, CdcCopyTable *t, const CdcError *err)
{
	const CdcCopyProgress *p = t->progress;
	CdcCopyTrouble trouble = {ERRCODE_FDW_ERROR, NULL, NULL};
	char	   *said = cdc_from_utf8_lenient(cdc_copy_refusal(err));

	trouble.hint = cdc_table_error_hint(work->copy->sub, p->source_table, false);
	if (err->status != CDC_ERR_SOURCE)
	{
		trouble.sqlerrcode = ERRCODE_DATA_EXCEPTION;
		trouble.text = psprintf("column \"%s\" has a value that cannot be copied: %s",
								cdc_from_utf8_lenient(pstrdup(err->column)), said);
	}
	else if (p->row_filter == NULL)
		trouble.text = psprintf("the source cannot read its rows: %s", said);
	else
	{
		trouble.text = psprintf("the source cannot read its rows by the condition of its copy: %s", said);
		trouble.hint = psprintf("To copy all rows: SELECT cdc.resync_table(%s, %s);",
								quote_literal_cstr(work->copy->sub->name), quote_literal_cstr(p->source_table));
	}
	cdc_copy_keep(work, t);
	t->done = true;
	cdc_copy_give_up(work->copy, p->source_table, &trouble);
}

CdcStatus
cdc_copy_append_more(CdcCopyWork *work, CdcCopyTable *t, CdcChunk *chunk)
{
	int64		rows = cdc_chunk_rows(chunk);
	int64		bytes = cdc_chunk_bytes(chunk);
	CdcError	err;
	CdcStatus	st = write_rows(work, t, chunk, &err);

	rows = cdc_chunk_rows(chunk) - rows;
	t->progress->rows += rows;
	t->progress->bytes += cdc_chunk_bytes(chunk) - bytes;
	t->touched = t->touched || rows > 0 || st != CDC_MORE;
	if (cdc_failed(st))
	{
		cdc_chunk_close(chunk);
		break_off(work, t, &err);
	}
	return st;
}

/* Whether the table's rows may come over several steps. */
static bool
may_pause(const CdcCopyWork *work, const CdcCopyTable *t)
{
	const CdcCopy *copy = work->copy;
	const CdcCopyProgress *p = t->progress;

	/*
	 * A pass that is cut off leaves rows behind, which the next one cannot tell from those that a target
	 * keeps; and changes that another target needs where they are cannot wait for it.
	 */
	return work->use == CDC_SNAPSHOT_EXACT && copy->pace->pass == NULL && !p->keeps && p->gone == NULL &&
		copy->leaves_out(copy->arg, t->table->full_name, t->table->npk > 0);
}

bool
cdc_copy_append(CdcCopyWork *work, CdcCopyTable *t, CdcChunk *chunk)
{
	CdcError	err;
	CdcStatus	st;

	if (!cdc_chunk_begin(chunk, &err))
	{
		work->changed = t->progress->source_table;
		work->refusal = cdc_copy_refusal(&err);
		work->condition = t->progress->row_filter;
		work->passing = cdc_mysql_error_is_passing(err.source_errno);
		cdc_log_event(work->copy->sub->name, "copy", work->passing ? "the copy of a table waits for its source" :
					  "the copy of a table waits, as its definition changes", err.message);
		return false;
	}
	if (t->progress->begin_seq == 0)
		begin_table(work, t);
	t->touched = true;
	/* a snapshot that took its time is not lost, as the rest is read in it, too */
	if (may_pause(work, t))
		t->pause_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), work->copy->sub->opt.copy_chunk_ms);
	st = cdc_copy_append_more(work, t, chunk);
	t->paused = st == CDC_MORE;
	return !cdc_failed(st);
}

/* Where keys of rows go. */
typedef struct Keys
{
	CdcCopyWork *work;
	const CdcCopyTable *t;
} Keys;

/* CdcCopyKeysEmit */
static void
emit_keys(const char *keys, void *arg)
{
	const Keys *to = arg;
	CdcCopyMark mark = {false, 0, 0, NULL, keys};

	control_event(to->work, to->t, "bootstrap-keys", mark);
}

bool
cdc_copy_tell_keys(CdcCopyWork *work, CdcCopyTable *t, const CdcChunkRange *range)
{
	CdcKeysQuery query = {work->readers[0], t->table, t->key, range, work->copy->sub};
	Keys		to = {work, t};
	CdcError	err;
	CdcStatus	st;

	st = cdc_copy_keys(&query, emit_keys, &to, &err);
	if (st == CDC_ERR_SCHEMA)
		work->changed = t->progress->source_table;
	else if (cdc_failed(st))
		break_off(work, t, &err);
	return !cdc_failed(st);
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
	/* where keys were told only, the row as a whole may be needed */
	if (p->row_filter != NULL && !cdc_copy_tells_keys(p))
		appendStringInfo(&sql, " AND (%s\n)", p->row_filter);
	return sql.data;
}

/* Reads rows once more that a chunk may have missed; false: not now. */
static bool
reread_rows(CdcCopyWork *work, CdcCopyTable *t)
{
	CdcCopyProgress *p = t->progress;
	CdcChunkRange range = {NULL, NULL, NULL, 0};
	CdcChunk   *chunk;

	if (p->nreread == 0)
		return true;
	range.where = reread_condition(p);
	chunk = cdc_chunk_post(work->readers[0], t->table, NULL, &range, work->copy->sub->name);
	if (!cdc_copy_append(work, t, chunk))
		return false;
	cdc_chunk_close(chunk);
	p->reread = NULL;
	p->nreread = 0;
	return true;
}

/* ---- its begin and end in a step ---- */

/* Where a copy cannot go on by the key it began with, or was cut off, it begins anew. */
static void
check_begun(CdcCopyWork *work, const CdcCopyTable *t)
{
	static const CdcCopyRequest again = {"copy", true, NULL, true};
	CdcCopyProgress *p = t->progress;
	int			i;

	if (p->begin_seq == 0 || p->state == 'f')
		return;
	if (t->key != NULL && p->key_shape != NULL && strcmp(t->key->shape, p->key_shape) == 0)
		return;
	for (i = 0; i < p->nnames; i++)
		cdc_copy_request(work->copy->sub, p->names[i], &again);
	cdc_log(work->copy->sub->name, "copy",
			psprintf("the copy of source table %s begins anew, as %s", p->source_table,
					 t->key == NULL && p->key_shape == NULL ? "its one pass was cut off" : "its key has changed"), NULL);
	if (p->resync)
		p->row_filter = p->gone = NULL;
	/* rows that were there before, and are to stay, stay in any case */
	p->replaces = p->replaces || !p->keeps;
	p->begin_seq = p->events_seq = p->rows = p->bytes = p->chunks = 0;
	p->last_key = NULL;
	p->nlast_key = 0;
	p->reread = NULL;
	p->nreread = 0;
}

/* Whether the history is to keep the rows, as one of the tables that they are for wants it. */
static bool
is_kept(const CdcSubscription *sub, const CdcCopyProgress *p)
{
	ListCell   *lc;

	foreach(lc, p->options)
	{
		CdcTableOptions options;

		cdc_table_options_parse(lfirst(lc), &sub->opt.table, &options);
		if (options.copy_history)
			return true;
	}
	return false;
}

void
cdc_copy_find_ways(const CdcCopyWork *work, CdcCopyTable *t)
{
	t->logged = cdc_schema_generated_logged(cdc_control_session(&work->copy->control), t->table);
	t->aside = t->progress->has_target && !is_kept(work->copy->sub, t->progress);
}

void
cdc_copy_prepare(CdcCopyWork *work, CdcCopyTable *t)
{
	CdcCopyProgress *p = t->progress;
	CdcChunkKey *key = palloc0(sizeof(CdcChunkKey));

	t->table = definition(work, p);
	if (t->table != NULL && t->table->npk > 0 && !p->keyless &&
		cdc_chunk_key(cdc_control_session(&work->copy->control), t->table, key))
		t->key = key;
	if (t->table == NULL)
	{
		t->done = true;
		return;
	}
	cdc_copy_find_ways(work, t);
	check_begun(work, t);
	if (!reread_rows(work, t))
		t->done = true;
	else if (p->state == 'f')
		cdc_copy_end(work, t);
}

void
cdc_copy_keep(CdcCopyWork *work, CdcCopyTable *t)
{
	CdcCopyProgress *p = t->progress;

	if (!t->done && p->estimated_rows < 0)
	{
		p->estimated_rows = cdc_copy_estimated_rows(cdc_control_session(&work->copy->control), t->table);
		cdc_log(work->copy->sub->name, "copy",
				psprintf("the copy of source table %s begins", p->source_table), NULL);
	}
	cdc_copy_save(work->copy->sub, p);
	t->touched = false;
	work->wrote = true;
}

void
cdc_copy_end(CdcCopyWork *work, CdcCopyTable *t)
{
	CdcCopyJoin *join = palloc0(sizeof(CdcCopyJoin));

	t->done = true;
	cdc_copy_keep(work, t);
	if (t->progress->state != 'f')
		control_event(work, t, "bootstrap-complete", end_mark(t));
	join->source_table = t->progress->source_table;
	join->names = t->progress->names;
	join->nnames = t->progress->nnames;
	work->finished = lappend(work->finished, join);
}
