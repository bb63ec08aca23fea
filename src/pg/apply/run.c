/*-------------------------------------------------------------------------
 *
 * run.c
 *	  A run of apply over a range of history: visits its events, reduces them and
 *	  writes what is left.  cdc.apply and cdc.replay are runs.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/base/compat_executor.h"
#include "pg/base/error.h"
#include "pg/history/copied_rows.h"
#include "pg/history/gap.h"
#include "pg/history/hole.h"
#include "pg/process/shmem.h"
#include "pg/target/key.h"

/*
 * Where open queries are dear, the scan's is closed once back-ends were called so often
 * beside it: for targets that are written row by row, and for keys that change.
 */
#define PAUSE_CALLS	1000

/* Of the last run; a run's number tells the cache of targets which run uses one. */
static uint64 run_number = 0;

/* ------------------------------------------------------------------------
 * Which event an error is of
 * ------------------------------------------------------------------------
 */

static CdcBlame blame;

/* A value of a row image; documents are not shown. */
static void
append_json_value(StringInfo text, const CdcJsonValue *v)
{
	char	   *output;

	if (v->type == JENTRY_ISSTRING)
		cdc_append_clipped(text, v->data, v->len);
	else if (v->type == JENTRY_ISCONTAINER)
		appendStringInfoString(text, "...");
	else
	{
		output = cdc_json_to_cstring(v);
		cdc_append_clipped(text, output, strlen(output));
	}
}

/* "(id, no)=(5, 7)" of the row image or entry at hand. */
static char *
key_text(const CdcAtHand *at)
{
	const CdcMapping *mapping = at->source->mapping;
	const CdcTarget *target = mapping->target;
	StringInfoData names;
	StringInfoData values;
	int			i;

	initStringInfo(&names);
	initStringInfo(&values);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcMappedColumn *col = &mapping->columns[target->key[i].column];
		CdcJsonValue v;

		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", col->name);
		appendStringInfoString(&values, i > 0 ? ", " : "");
		if (at->entry != NULL && !cdc_entry_key_is_null(at->entry, i))
			cdc_key_append_value(&values, &target->key[i], at->entry->key[i]);
		else if (col->by == CDC_BY_EXPRESSION)
			appendStringInfoString(&values, "...");
		else if (at->entry == NULL && col->by == CDC_BY_COLUMN &&
				 cdc_json_find(at->data, col->source, col->source_len, &v) &&
				 v.type != JENTRY_ISNULL)
			append_json_value(&values, &v);
		else
			appendStringInfoString(&values, "null");
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

/* Copies a text of len bytes, cut at the end of a character. */
static void
keep_text(char *to, size_t size, const char *from, size_t len)
{
	int			n = (int) Min(len, size - 1);

	if (len >= size)
		n = pg_mbcliplen(from, n, n);
	memcpy(to, from, n);
	to[n] = '\0';
}

/*
 * Whether it is the event at hand that the error is of: not one of a batch, nor one of several
 * of the same key of which only the last state is written, or of which the first are passed over
 * for that.
 */
static bool
is_exact(const CdcApply *apply)
{
	const CdcAtHand *at = &apply->work.at;
	const CdcTargetRun *run = at->source != NULL ? at->source->target : NULL;

	if (at->data != NULL || !at->writing)
		return true;
	return at->entry != NULL &&
		((run != NULL && run->one_by_one) || (!at->entry->folded && apply->ahead == NULL));
}

/* Notes the columns of a target's key that has no index of its own, if they are not too many. */
static void
note_key_columns(const CdcAtHand *at)
{
	const CdcMapping *mapping = at->source != NULL ? at->source->mapping : NULL;
	size_t		len = 0;
	int			i;

	blame.key_columns[0] = '\0';
	if (mapping == NULL || mapping->target->keyless || OidIsValid(mapping->target->key_index))
		return;
	for (i = 0; i < mapping->target->nkey; i++)
	{
		const char *name = quote_identifier(mapping->columns[mapping->target->key[i].column].name);

		if (len + strlen(name) + 3 > sizeof(blame.key_columns))
		{
			blame.key_columns[0] = '\0';
			return;
		}
		len += snprintf(blame.key_columns + len, sizeof(blame.key_columns) - len, "%s%s", i > 0 ? ", " : "",
						name);
	}
}

/* Notes which event is at hand; key may be NULL. */
static void
note_blame(const CdcApply *apply, const char *position, const char *key)
{
	const CdcAtHand *at = &apply->work.at;

	memset(&blame, 0, offsetof(CdcBlame, source_table));
	blame.subscription_id = apply->sub->id;
	blame.seq = at->place.seq;
	blame.exact = is_exact(apply);
	blame.of_whole_table = apply->of_whole_table;
	blame.source_table[0] = '\0';
	if (at->source != NULL)
		keep_text(blame.source_table, sizeof(blame.source_table), at->source->mapping->name,
				  strlen(at->source->mapping->name));
	else if (at->source_table != NULL)
		keep_text(blame.source_table, sizeof(blame.source_table), at->source_table, at->source_table_len);
	keep_text(blame.position, sizeof(blame.position), position, strlen(position));
	note_key_columns(at);
	keep_text(blame.key, sizeof(blame.key), key != NULL ? key : "", key != NULL ? strlen(key) : 0);
}

static void
error_context(void *arg)
{
	CdcApply   *apply = arg;
	const CdcAtHand *at = &apply->work.at;
	char	   *position = "";
	char	   *key = NULL;
	StringInfoData s;

	/* an error in here must not lead back to here */
	if (apply->in_context)
		return;
	apply->in_context = true;
	initStringInfo(&s);
	appendStringInfo(&s, "subscription \"%s\"", apply->sub->name);
	if (at->place.seq > 0)
		appendStringInfo(&s, at->entry != NULL && !is_exact(apply) ? ", seq " INT64_FORMAT " or before" :
						 ", seq " INT64_FORMAT, at->place.seq);
	if (at->place.file != NULL)
		position = at->place.offset >= 0 ? psprintf("%s" INT64_FORMAT, at->place.file, at->place.offset) :
			pstrdup(at->place.file);
	if (position[0] != '\0')
		appendStringInfo(&s, ", position %s", position);
	if (at->source != NULL)
		appendStringInfo(&s, ", source table \"%s\", target %s",
						 at->source->mapping->source_table, at->source->mapping->target->name);
	else if (at->source_table != NULL)
		appendStringInfo(&s, ", source table \"%.*s\"", (int) at->source_table_len,
						 at->source_table);
	if (at->source != NULL && !at->source->mapping->target->keyless &&
		(at->data != NULL || at->entry != NULL))
		key = key_text(at);
	if (key != NULL)
		appendStringInfo(&s, ", key %s", key);
	if (at->source != NULL && at->source->row.at_column != NULL)
		appendStringInfo(&s, ", column \"%s\"", at->source->row.at_column);
	errcontext("%s", s.data);
	note_blame(apply, position, key);
	pfree(s.data);
	apply->in_context = false;
}

void
cdc_blame_reset(void)
{
	memset(&blame, 0, sizeof(blame));
}

const CdcBlame *
cdc_blame(void)
{
	return &blame;
}

void
cdc_blame_hint(ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION || error->hint != NULL || blame.key_columns[0] == '\0' ||
		error->schema_name == NULL || error->table_name == NULL || error->constraint_name == NULL)
		return;
	error->hint = psprintf("Rows are told apart by (%s), which that index does not do. If it is a former primary key: ALTER TABLE %s DROP CONSTRAINT %s, ADD PRIMARY KEY (%s);",
						   blame.key_columns, quote_qualified_identifier(error->schema_name, error->table_name),
						   quote_identifier(error->constraint_name), blame.key_columns);
}

bool
cdc_blame_is_of_table(const CdcSubscription *sub, int sqlerrcode)
{
	/* an event or a target that is broken is the table's; a place in the history is not known then */
	return blame.subscription_id == sub->id && blame.source_table[0] != '\0' && blame.seq > 0 &&
		(!cdc_sqlstate_is_passing(sqlerrcode) || sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		 sqlerrcode == ERRCODE_INDEX_CORRUPTED);
}

/* ------------------------------------------------------------------------
 * Events
 * ------------------------------------------------------------------------
 */

/* Writes what is collected of all targets. */
static void
flush_targets(CdcApply *apply)
{
	ListCell   *lc;

	foreach(lc, apply->targets)
		cdc_reduce_flush(&apply->work, lfirst(lc));
}

static inline bool
is_memory_full(const CdcApply *apply)
{
	return apply->work.bytes > apply->sub->opt.apply_memory_limit;
}

/* Converts a row image into the source's row at hand; false: it does not say which row it is. */
static bool
read_row(CdcApply *apply, CdcSourceRun *source, const JsonbContainer *data)
{
	CdcSourceRow *row = &source->row;
	const CdcTargetRun *run = source->target;

	if (!cdc_source_row_try(row, data, apply->work.at.place.seq))
		return false;

	/* the key is known: its entry comes into the cache while the rest is converted */
	if (!run->target->keyless && row->op < row->layout->nops)
		__builtin_prefetch(cdc_reduce_bucket(run, cdc_key_hash(run->target, row->values,
															   row->nulls)));
	cdc_source_row_finish(row);
	return true;
}

/* Writes what is collected of the source's target, so that its presences can be forgotten. */
static void
forget_presences(CdcApply *apply, CdcSourceRun *source)
{
	cdc_reduce_flush(&apply->work, source->target);
	source->row.layout = NULL;
	source->row.presence = NULL;
	cdc_layout_forget(source->mapping);
}

/* The rows of an event of op c, u, d or r, each folded by the target's mode. */
static void
apply_rows(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcTargetRun *run = source->target;
	const JsonbContainer *data;
	const JsonbContainer *old;
	int			nrows;
	int			i;

	if (event->skipped)
		return;
	nrows = cdc_event_rows(apply, source, event);
	cdc_message_key_check(apply, source, event);
	for (i = 0; i < nrows && !source->given_up; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_event_images(apply, source, event, i, &data, &old);
		if (cdc_presences_full(&run->target->presences))
			forget_presences(apply, source);
		apply->work.at.data = data;
		if (!read_row(apply, source, data))
		{
			cdc_run_give_up_row(apply, source, source->row.layout->lacks);
			apply->work.at.data = NULL;
			break;
		}
		if (unlikely(source->row.layout->partial) && event->op != CDC_OP_DELETE)
			cdc_event_check_absent(apply, event, data);
		run->mode->fold(apply, source, event->op, old);
		apply->work.at.data = NULL;
		cdc_reduce_row_done(&apply->work, run);
	}
}

/* An event of a source table that has a target. */
static void
apply_to_target(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	CdcTargetRun *run = source->target;
	CdcWriterUser user;

	if (!cdc_run_takes(apply, source, event))
		return;
	cdc_order_note(apply, source);
	apply->work.at.source = run->source = source;
	run->overwrites = apply->sub->opt.conflict == CDC_CONFLICT_OVERWRITE ||
		(run->target->row_by_row && apply->replay == NULL && cdc_run_is_ahead(apply, source, event->seq));
	cdc_writer_begin(run, &user);
	if (source->aside != NULL && cdc_aside_take(apply, source, event))
	{
		apply->work.at.source = NULL;
		return;
	}
	if (cdc_event_has_rows(event))
		apply_rows(apply, source, event);
	else if (event->op == CDC_OP_TRUNCATE)
	{
		if (!source->mapping->keeps_rows)
		{
			cdc_order_beyond_key(apply, source, "TRUNCATE");
			run->mode->truncate(apply, run);
		}
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("history has an unknown op \"%c\"", event->op)));
	run->events++;
	source->events++;
	source->last_seq = event->seq;
	if (event->source_ts != 0)
		source->source_ts = event->source_ts;
	apply->work.at.source = NULL;
	if (!CDC_OPEN_QUERIES_ARE_DEAR && is_memory_full(apply))
	{
		cdc_lookahead(apply);
		flush_targets(apply);
	}
}

/* ERROR: a replay would lack rows. */
static void
refuse_replay(const CdcApply *apply, const CdcHistoryEvent *event, int64 rows)
{
	char	   *table = pnstrdup(event->source_table, event->source_table_len);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the history of subscription \"%s\" lacks rows of source table %s", apply->sub->name, table),
			 errdetail("At seq " INT64_FORMAT " it says that " INT64_FORMAT " rows were copied, which it does not have: copy_history was off.",
					   event->seq, rows),
			 errhint("%s Or replay changes only, with a from_seq behind the last event of type %s.",
					 cdc_replay_of_copy_hint(apply->sub, table), CDC_COPIED_ROWS)));
}

/* The event of a source table to its targets, one after the other. */
static inline void
apply_to_targets(CdcApply *apply, CdcSourceRun *source, const CdcHistoryEvent *event)
{
	for (; source != NULL; source = cdc_run_next_source(source))
		apply_to_target(apply, source, event);
}

/* The source table whose copied rows are applied. */
typedef struct CopiedRows
{
	CdcApply   *apply;
	CdcSourceRun *source;
} CopiedRows;

/* CdcHistoryVisitor */
static bool
apply_copied_row(const CdcHistoryEvent *event, void *arg)
{
	CopiedRows *copied = arg;

	cdc_event_facts(copied->apply, event);
	apply_to_targets(copied->apply, copied->source, event);
	copied->apply->copied++;
	/* the scan of the history has no pause in the middle of an event */
	if (is_memory_full(copied->apply))
		flush_targets(copied->apply);
	return true;
}

/*
 * The rows that an event stands for are applied at its place, and go, unless the end of the
 * copy has to know what came.  Those of a table that has no target any more go as they are.
 */
static void
apply_copied_rows(CdcApply *apply, const CdcHistoryEvent *event, const CdcCopyEvent *copy)
{
	CopiedRows	copied = {apply, NULL};
	CdcSourceRun *source;

	if (apply->replay != NULL)
		refuse_replay(apply, event, copy->rows);
	for (source = cdc_run_framed_source(apply, event); source != NULL && copied.source == NULL;
		 source = cdc_run_next_source(source))
		if (cdc_run_takes_copy(apply, source, event))
			copied.source = source;
	if (copied.source != NULL)
		cdc_copied_rows_visit(apply->sub, event, copy->rows, apply_copied_row, &copied);
	if (copied.source == NULL || !copy->replaces)
		cdc_copied_rows_delete(apply->sub, event->seq);
}

/* A barrier: what was before it is written, and what is about copies is done. */
static void
pass_barrier(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcCopyEvent copy;

	flush_targets(apply);
	cdc_copy_event_read(event, &copy);
	if (copy.kind == CDC_COPY_ROWS)
		apply_copied_rows(apply, event, &copy);
	else if (copy.kind != CDC_COPY_NOTHING)
		cdc_copy_mark(apply, event, &copy);
}

/* What progress says once the last event of the range is applied. */
static void
note_progress(CdcApply *apply, const CdcHistoryEvent *event)
{
	MemoryContext old = MemoryContextSwitchTo(apply->work.cxt);
	CdcProgress *progress = &apply->progress;

	progress->applied_seq = event->seq;
	progress->position = event->position ? pnstrdup(event->position, event->position_len) : NULL;
	progress->source_ts = event->source_ts;
	progress->gtid = event->gtid ? pnstrdup(event->gtid, event->gtid_len) : NULL;
	MemoryContextSwitchTo(old);
}

/*
 * Whether the run ends at this commit, as it has met so many targets: each is locked
 * until its end, with its indexes.  Or as it has applied so many rows that events only stand
 * for.  Not before what a look ahead has relied on.
 */
static bool
ends_early(CdcApply *apply, const CdcHistoryEvent *event)
{
	if ((!cdc_run_is_wide(apply) &&
		 (apply->most_copied == 0 || apply->copied < apply->most_copied)) || !event->commit || apply->stop_from == 0 ||
		event->seq < apply->stop_from || event->seq >= apply->scan_upto ||
		(apply->ahead != NULL && event->seq < apply->ahead->until))
		return false;
	apply->scan_upto = event->seq;
	note_progress(apply, event);
	return true;
}

/* ERROR where events are missing before the one with this seq. */
static inline void
check_hole(CdcApply *apply, int64 seq)
{
	if (apply->visited < 0)
		return;
	if (unlikely(seq != apply->visited + 1) &&
		!cdc_history_is_gap(apply->sub, apply->visited + 1, seq - 1))
	{
		apply->work.at.place.seq = 0;
		cdc_history_hole(apply->sub, "apply", apply->visited + 1, seq - 1);
	}
	apply->visited = seq;
}

/* CdcHistoryVisitor of the run's scan. */
static bool
visit_event(const CdcHistoryEvent *event, void *arg)
{
	CdcApply   *apply = arg;
	CdcSourceRun *source;

	check_hole(apply, event->seq);
	if (event->seq == apply->scan_upto)
		note_progress(apply, event);
	cdc_event_begin(apply, event);
	source = cdc_run_source(apply, event);
	if (cdc_event_is_barrier(apply, event))
		pass_barrier(apply, event);
	apply_to_targets(apply, source, event);
	apply->events++;
	apply->work.at.source_table = NULL;
	return !ends_early(apply, event);
}

/* CdcHistoryPauseDue of the run's scan: where open queries are dear, rows are written without one. */
static bool
wants_pause(void *arg)
{
	const CdcApply *apply = arg;

	return is_memory_full(apply) || apply->work.calls >= PAUSE_CALLS;
}

/* CdcHistoryScan.pause */
static void
write_in_pause(void *arg)
{
	CdcApply   *apply = arg;

	if (is_memory_full(apply))
		flush_targets(apply);
	apply->work.calls = 0;
}

/* CdcHistorySkip of the run's scan. */
static bool
is_superseded(int64 seq, void *arg)
{
	return cdc_lookahead_superseded(arg, seq);
}

/* ------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------
 */

CdcApply *
cdc_run_begin(const CdcSubscription *sub, const CdcMappingSpec *replay)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest apply",
											  ALLOCSET_DEFAULT_SIZES);
	CdcApply   *apply = MemoryContextAllocZero(cxt, sizeof(CdcApply));

	apply->sub = sub;
	apply->replay = replay;
	if (!cdc_format_by_name(sub->format, &apply->format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\" of subscription \"%s\"", sub->format, sub->name)));
	apply->number = ++run_number;
	apply->work.cxt = cxt;
	apply->errors.callback = error_context;
	apply->errors.arg = apply;
	apply->errors.previous = error_context_stack;
	error_context_stack = &apply->errors;
	cdc_owner_begin(sub, &apply->scope);
	return apply;
}

/* Visits the events of a stretch, but for those that the segments have applied. */
static void
scan_stretch(CdcApply *apply, int64 after, const CdcStretch *stretch)
{
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = apply->sub;
	scan.after = after;
	scan.upto = stretch->upto;
	scan.source_table = apply->scan_table;
	scan.but_tables = stretch->tables;
	scan.columns = CDC_HISTORY_GTID | CDC_HISTORY_DOCUMENT;
	scan.skip = is_superseded;
	scan.visit = visit_event;
	scan.pause_due = CDC_OPEN_QUERIES_ARE_DEAR ? wants_pause : NULL;
	scan.pause = write_in_pause;
	scan.arg = apply;
	cdc_history_scan(&scan);
}

void
cdc_run_scan(CdcApply *apply, int64 after, int64 upto, const char *source_table)
{
	bool		numbered = apply->numbered && source_table == NULL;

	apply->scan_after = after;
	apply->scan_upto = upto;
	apply->scan_table = source_table;

	/* it may have ended at a commit before upto */
	while (after < apply->scan_upto)
	{
		CdcStretch	stretch;

		cdc_segments_apply(apply, after, &stretch);
		/* who counts has found all of them where the segments had some */
		apply->visited = numbered && stretch.tables == NIL ? after : -1;
		if (stretch.events < stretch.upto - after)
			scan_stretch(apply, after, &stretch);
		apply->events += stretch.events;
		after = stretch.upto;
	}
}

void
cdc_run_end(CdcApply *apply)
{
	ListCell   *lc;

	flush_targets(apply);
	cdc_aside_close(apply);
	foreach(lc, apply->sources)
	{
		const CdcSourceRun *source = lfirst(lc);

		if (apply->replay == NULL && source->target != NULL && !source->given_up)
			cdc_run_note_target(apply, source);
	}
	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		cdc_reduce_settle(&apply->work, run);
		cdc_reduce_close(&apply->work, run);
		if (apply->replay != NULL)
			cdc_target_release(run->target);
	}
	cdc_scope_end(&apply->scope);
	error_context_stack = apply->errors.previous;
	/* what was said in it is of no error that comes behind */
	cdc_blame_reset();
}
