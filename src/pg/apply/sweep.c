/*-------------------------------------------------------------------------
 *
 * sweep.c
 *	  What the events that frame the rows of a copy do to its target, where these rows
 *	  replace what the target has: rows that the copy, and the stream meanwhile, have not
 *	  brought are gone at the source, and are deleted.
 *
 * A table without a key is emptied where the copy begins; where its rows have to be seen until all of the
 * new ones are there, where it ends (run.c).  Of a table with a key, rows are written over
 * those that there are, and where the copy ends the rest goes.  What has come in between
 * with the stream is as good as copied.  A replay that begins in the middle of a copy
 * does not have all of its rows, and takes none away.
 *
 * A copy of some rows only may say which rows are gone besides; it replaces nothing else.
 *
 * Rows that the history does not keep (history/copied_rows.c) stay beside it until then, as
 * the end of such a copy has to know their keys.
 *
 * Mark and sweep: the keys of all rows that came are read from the history into a set, then
 * the target is read against it.  The order of keys, which is another one at the source
 * than here, does not matter.  Where the set would take too much memory there are several
 * rounds, each for a part of the keys.
 *
 * These events are read by the definitions of their time: the table may have been altered since (mapping/former_key.c).
 * Only their keys are of any concern; one that was passed over for a key that does not fit has no row in the target.
 *
 * A copy of some rows either tells the keys of all others (resync with a condition), or
 * which rows of the target were found to be gone at the source (repair): then only these are
 * looked at, and the set is of the events since that was found.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/base/compat_executor.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/datum/jsonb_view.h"
#include "pg/history/copied_rows.h"
#include "pg/history/hole.h"
#include "pg/write/key_set.h"

/* Rows of the target that are looked at at a time. */
#define SWEEP_ROWS		1000

/* More rounds than that are an error of ours. */
#define MAX_PARTS		(1 << 20)

/* A sweep at work. */
typedef struct Sweep
{
	CdcApply   *apply;
	CdcSourceRun *source;
	CdcKeySet  *set;
	const CdcFormerKey *key;	/* as the events have it */
	bool		exact;			/* one event's error is looked at by itself */
	List	   *skips;			/* of CdcSkip *: transactions that were passed over */
	bool		full;			/* the set has no room for all keys of its part */
	int64		deleted;
	const char *gone;			/* only these rows may go; NULL: any */
} Sweep;

/* Adds the key of a row image. */
static void
mark_image(Sweep *sweep, const JsonbContainer *data, int64 seq)
{
	CdcSourceRow *row = &sweep->source->row;
	const char *lacks = cdc_source_row_named_key(row, data, cdc_former_key_names(sweep->key, seq));

	if (lacks != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row image of source table \"%s\" lacks column \"%s\"",
						sweep->source->mapping->source_table, lacks),
				 errdetail("By it rows of target %s are found.", sweep->source->target->target->name)));
	sweep->full = !cdc_key_set_add(sweep->set, row->values, row->nulls);
}

/*
 * The keys of rows that the copy leaves out.  They are text in their event, as JSONB does
 * not hold each key.
 */
static void
mark_keys(Sweep *sweep, const CdcHistoryEvent *event)
{
	const JsonbContainer *keys;
	MemoryContext cxt;
	MemoryContext old;
	CdcWriterUser user;
	CdcJsonValue v;
	int			n;
	int			i;

	if (event->event == NULL || !cdc_json_find(event->event, "data", 4, &v) ||
		v.type != JENTRY_ISCONTAINER || !cdc_json_is_object(cdc_json_container(&v)) ||
		!cdc_json_find(cdc_json_container(&v), "keys", 4, &v) || v.type != JENTRY_ISSTRING)
		return;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest keys", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	keys = cdc_event_without_nul(cdc_to_utf8_copy(cdc_json_to_cstring(&v)));
	n = cdc_json_count(keys);
	cdc_writer_begin(sweep->source->target, &user);
	for (i = 0; i < n && !sweep->full; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_json_get(keys, n, i, &v);
		mark_image(sweep, cdc_json_container(&v), event->seq);
	}
	cdc_writer_end(&user);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* An event with rows. */
typedef struct MarkedEvent
{
	Sweep	   *sweep;
	const CdcHistoryEvent *event;
} MarkedEvent;

/* CdcAttempt: adds the keys of the event's rows. */
static bool
mark_event_rows(void *arg)
{
	Sweep	   *sweep = ((MarkedEvent *) arg)->sweep;
	const CdcHistoryEvent *event = ((MarkedEvent *) arg)->event;
	CdcApply   *apply = sweep->apply;
	const JsonbContainer *data;
	const JsonbContainer *old;
	CdcWriterUser user;
	int			nrows;
	int			i;

	/* the history is read as the subscription's owner, values are converted as the writer */
	cdc_writer_begin(sweep->source->target, &user);
	cdc_event_begin(apply, event);
	nrows = cdc_event_rows(apply, sweep->source, event);
	for (i = 0; i < nrows && !sweep->full; i++)
	{
		CHECK_FOR_INTERRUPTS();
		apply->key_only = true;
		cdc_event_images(apply, sweep->source, event, i, &data, &old);
		apply->key_only = false;
		mark_image(sweep, data, event->seq);
	}
	cdc_writer_end(&user);
	return true;
}

/* Whether the event was passed over, so that the target has no row of it. */
static bool
was_passed_over(const Sweep *sweep, int64 seq)
{
	ListCell   *lc;

	foreach(lc, sweep->skips)
	{
		const CdcSkip *skip = lfirst(lc);

		if (seq >= skip->first && seq <= skip->last)
			return true;
	}
	return false;
}

/* CdcHistoryVisitor: the keys of the rows that an event brings. */
static bool
mark_rows(const CdcHistoryEvent *event, void *arg)
{
	Sweep	   *sweep = arg;
	MarkedEvent marked = {sweep, event};
	ErrorData  *error;

	if (event->op == CDC_OP_CONTROL)
		mark_keys(sweep, event);
	if (!cdc_event_has_rows(event) || event->op == CDC_OP_DELETE)
		return !sweep->full;
	if (!sweep->exact)
	{
		(void) mark_event_rows(&marked);
		return !sweep->full;
	}
	error = cdc_attempt_lasting(mark_event_rows, &marked);
	sweep->apply->key_only = false;
	if (error != NULL && !was_passed_over(sweep, event->seq))
		ReThrowError(error);
	return !sweep->full;
}

/* CdcHistoryVisitor: the same, also where it only stands for copied rows. */
static bool
mark_event(const CdcHistoryEvent *event, void *arg)
{
	Sweep	   *sweep = arg;
	CdcCopyEvent copy;

	cdc_copy_event_read(event, &copy);
	if (copy.kind != CDC_COPY_ROWS)
		return mark_rows(event, arg);
	cdc_copied_rows_visit(sweep->apply->sub, event, copy.rows, mark_rows, arg);
	return !sweep->full;
}

/* What is read. */
typedef struct Marking
{
	Sweep	   *sweep;
	int64		begin;
	int64		end;
} Marking;

/* CdcAttempt: fills the set from the history, as far as it has room. */
static bool
mark(void *arg)
{
	const Marking *marking = arg;
	Sweep	   *sweep = marking->sweep;
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = sweep->apply->sub;
	scan.after = marking->begin - 1;
	scan.upto = marking->end;
	scan.source_table = sweep->source->mapping->source_table;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = mark_event;
	scan.arg = sweep;
	sweep->full = false;
	cdc_history_scan(&scan);
	return true;
}

/*
 * The set is of one part of the keys.  Returns why it cannot be filled, or NULL: an event whose key cannot be
 * read does not stop the other tables.
 */
static char *
fill_set(Sweep *sweep, int64 begin, int64 end, uint32 part, uint32 parts)
{
	Marking		marking = {sweep, begin, end};
	ErrorData  *error;

	for (;;)
	{
		cdc_key_set_reset(sweep->set, part, parts);
		if (sweep->apply->replay != NULL)
		{
			(void) mark(&marking);
			return NULL;
		}
		error = cdc_attempt_lasting(mark, &marking);
		sweep->apply->key_only = false;
		if (error == NULL)
			return NULL;
		if (sweep->exact || (sweep->skips = cdc_skips(sweep->apply->sub, begin - 1, end)) == NIL)
			return psprintf("the key of a row that came with its copy cannot be read any more: %s", error->message);
		sweep->exact = true;
	}
}

/* The SELECT of all keys of the target. */
static char *
keys_statement(const CdcTarget *target)
{
	Relation	rel = table_open(target->relid, NoLock);
	char		kind = rel->rd_rel->relkind;
	char	   *live = cdc_target_live_rows(target);
	StringInfoData sql;
	int			i;

	table_close(rel, NoLock);
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (i = 0; i < target->nkey; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(target->columns[target->key[i].column].name));
	appendStringInfo(&sql, " FROM %s%s", CDC_TRUNCATE_SCOPE(kind), target->name);
	if (live != NULL)
		appendStringInfo(&sql, " WHERE %s", live);
	return sql.data;
}

/* Collects the rows of SPI's result that the set lacks to be deleted, and writes that. */
static void
sweep_rows(Sweep *sweep, Datum *values, bool *nulls)
{
	CdcTargetRun *run = sweep->source->target;
	const CdcTarget *target = run->target;
	SPITupleTable *rows = SPI_tuptable;
	uint64		n = SPI_processed;
	uint64		r;
	int			i;

	for (r = 0; r < n; r++)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < target->nkey; i++)
		{
			int			at = target->key[i].attnum - 1;

			values[at] = SPI_getbinval(rows->vals[r], rows->tupdesc, i + 1, &nulls[at]);
		}
		if (!cdc_key_set_lacks(sweep->set, values, nulls))
			continue;
		/* it may have to read the target */
		CDC_SPI_PUSH();
		run->mode->remove(sweep->apply, run, values, nulls);
		CDC_SPI_POP();
		sweep->deleted++;
	}
}

/* Deletes the rows that were found to be gone and that the set lacks, by their keys as text. */
static void
sweep_gone(Sweep *sweep)
{
	CdcTargetRun *run = sweep->source->target;
	const CdcTarget *target = run->target;
	int			natts = target->desc->natts;
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc0(sizeof(bool) * natts);
	Datum	   *texts;
	CdcWriterUser user;
	int			n;
	int			i;
	int			k;

	deconstruct_array(DatumGetArrayTypeP(OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(sweep->gone),
														  ObjectIdGetDatum(TEXTOID), Int32GetDatum(-1))),
					  TEXTOID, -1, false, 'i', &texts, NULL, &n);
	if (n % target->nkey != 0)
		return;					/* the key is another one by now, and the table not of these rows */
	cdc_writer_begin(run, &user);
	for (i = 0; i < n; i += target->nkey)
	{
		CHECK_FOR_INTERRUPTS();
		for (k = 0; k < target->nkey; k++)
		{
			const CdcTargetColumn *column = &target->columns[target->key[k].column];
			Oid			input;
			Oid			ioparam;

			getTypeInputInfo(column->basetype, &input, &ioparam);
			values[column->attnum - 1] = OidInputFunctionCall(input, TextDatumGetCString(texts[i + k]),
															  ioparam, -1);
		}
		if (!cdc_key_set_lacks(sweep->set, values, nulls))
			continue;
		run->mode->remove(sweep->apply, run, values, nulls);
		sweep->deleted++;
	}
	cdc_reduce_flush(&sweep->apply->work, run);
	cdc_writer_end(&user);
}

/* Deletes the rows of the target that the set lacks. */
static void
sweep_target(Sweep *sweep)
{
	CdcTargetRun *run = sweep->source->target;
	int			natts = run->target->desc->natts;
	MemoryContext cxt = CurrentMemoryContext;
	Datum	   *values = palloc0(sizeof(Datum) * natts);
	bool	   *nulls = palloc0(sizeof(bool) * natts);
	CdcWriterUser user;
	SPIPlanPtr	plan;
	Portal		portal;
	SPITupleTable *rows;
	uint64		n;

	cdc_writer_begin(run, &user);
	cdc_spi_connect();
	plan = SPI_prepare(keys_statement(run->target), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, false);
	do
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, SWEEP_ROWS);
		n = SPI_processed;
		rows = SPI_tuptable;
		old = MemoryContextSwitchTo(cxt);
		sweep_rows(sweep, values, nulls);
		MemoryContextSwitchTo(old);
		SPI_freetuptable(rows);
		CDC_SPI_PUSH();
		cdc_reduce_flush(&sweep->apply->work, run);
		CDC_SPI_POP();
	} while (n > 0);
	SPI_cursor_close(portal);
	cdc_spi_disconnect();
	cdc_writer_end(&user);
}

/*
 * Deletes the target's rows whose keys are in no row of the source table in the events with seq
 * in [begin, end].  gone: only of these rows, keys as the text of an array of arrays; or NULL.
 * *deleted: how many.  Returns why that cannot be told, or NULL.
 */
static char *
sweep(CdcApply *apply, CdcSourceRun *source, const CdcCopyEvent *copy, int64 end, int64 *deleted)
{
	Sweep		work = {.apply = apply,.source = source,.gone = copy->gone};
	CdcAtHand	at = apply->work.at;
	CdcEventFacts facts = apply->facts;
	int64		begin = copy->begin_seq;
	uint32		parts = 1;
	uint32		part = 0;
	char	   *trouble;

	/* a key that is not seen, as its event is missing, would cost a row */
	cdc_history_check_event(apply->sub, "the end of a copy", begin);
	cdc_history_check_whole(apply->sub, "the end of a copy", begin, end);
	/* a replay takes one mapping for all events */
	work.key = cdc_former_key(apply->sub, source->mapping, apply->replay != NULL ? end : begin, end, &trouble);
	work.set = cdc_key_set_create(source->target->target, apply->sub->opt.apply_memory_limit);
	while (part < parts && trouble == NULL)
	{
		trouble = fill_set(&work, begin, end, part, parts);
		apply->work.at = at;
		if (trouble != NULL)
			break;
		if (!work.full)
		{
			apply->facts = facts;
			if (work.gone != NULL)
				sweep_gone(&work);
			else
				sweep_target(&work);
			part++;
		}
		else if (parts >= MAX_PARTS)
			elog(ERROR, "the keys of a copy do not fit into %u parts", parts);
		else
		{
			parts *= 4;
			part = 0;
		}
	}
	cdc_key_set_destroy(work.set);
	*deleted = work.deleted;
	return trouble;
}

/* ------------------------------------------------------------------------
 * The events
 * ------------------------------------------------------------------------
 */

/* The copy begins: the rows of a table without a key, or in whose target none is replaced, all come anew. */
static void
copy_begins(CdcApply *apply, CdcSourceRun *source, int64 seq)
{
	CdcTargetRun *run = source->target;
	CdcWriterUser user;

	if ((!run->target->keyless && run->mode->remove != NULL) || cdc_run_takes_at_end(apply, source, seq))
		return;
	cdc_writer_begin(run, &user);
	run->mode->truncate(apply, run);
	cdc_writer_end(&user);
}

/* ERROR: which rows a copy has not brought is not known, as the table was altered since it began. */
static void
refuse_part(const CdcApply *apply, const CdcSourceRun *source, const CdcCopyEvent *copy, int64 end)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("rows of source table %s behind seq " INT64_FORMAT " of subscription \"%s\" are not known",
					source->mapping->source_table, end, apply->sub->name),
			 errdetail("Some of them were copied anew, from seq " INT64_FORMAT " on, and the table was altered before that was over: the events do not tell which rows had gone.",
					   copy->begin_seq),
			 errhint("From a new copy on it will be known: SELECT cdc.resync_table(%s, %s);",
					 quote_literal_cstr(apply->sub->name), quote_literal_cstr(source->mapping->source_table))));
}

/* The copy ends: of a table with a key goes what has not come. */
static void
copy_ends(CdcApply *apply, CdcSourceRun *source, const CdcCopyEvent *copy, int64 end)
{
	const CdcTargetRun *run = source->target;
	char	   *trouble;
	int64		gone;

	if (run->target->keyless || run->mode->remove == NULL)
		return;
	if (apply->replay != NULL && copy->begin_seq <= apply->scan_after)
	{
		if (apply->replay->base_seq != 0 && apply->replay->base_seq != copy->begin_seq)
			refuse_part(apply, source, copy, end);
		return;
	}

	/*
	 * Rows of which it was found out before the copy began may have come again since, which only
	 * the events from there on tell: without these they stay.
	 */
	if (copy->gone != NULL && !cdc_history_has_event(apply->sub, copy->begin_seq))
	{
		cdc_log(apply->sub->name, "copy",
				psprintf("rows of target %s that source table %s has not any more stay until it is verified again",
						 run->target->name, source->mapping->source_table),
				"The history has not all events since that was found.");
		return;
	}
	trouble = sweep(apply, source, copy, end, &gone);
	if (trouble != NULL)
	{
		cdc_run_give_up_copy(apply, source, trouble);
		return;
	}
	if (gone > 0)
		cdc_log(apply->sub->name, "copy",
				psprintf("target %s had " INT64_FORMAT " rows that source table %s has not any more",
						 run->target->name, gone, source->mapping->source_table), NULL);
}

void
cdc_copy_mark(CdcApply *apply, const CdcHistoryEvent *event, const CdcCopyEvent *copy)
{
	CdcSourceRun *source = copy->replaces || copy->gone != NULL ? cdc_run_framed_source(apply, event) : NULL;

	for (; source != NULL; source = cdc_run_next_source(source))
	{
		if (!cdc_run_takes_copy(apply, source, event))
			continue;
		apply->work.at.source = source->target->source = source;
		if (copy->kind == CDC_COPY_ENDS)
			copy_ends(apply, source, copy, event->seq);
		else
			copy_begins(apply, source, event->seq);
		apply->work.at.source = NULL;
	}
	if (copy->kind == CDC_COPY_ENDS && apply->replay == NULL)
		cdc_copied_rows_delete_upto(apply->sub,
									pnstrdup(event->source_table, event->source_table_len),
									event->seq);
}
