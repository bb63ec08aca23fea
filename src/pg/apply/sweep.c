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
	bool		full;			/* the set has no room for all keys of its part */
	int64		deleted;
	const char *gone;			/* only these rows may go; NULL: any */
} Sweep;

/*
 * The keys of rows that the copy leaves out.  They are text in their event, as JSONB does
 * not hold each key.
 */
static void
mark_keys(Sweep *sweep, const CdcHistoryEvent *event)
{
	CdcSourceRow *row = &sweep->source->row;
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
		cdc_source_row_key(row, cdc_json_container(&v), event->seq);
		sweep->full = !cdc_key_set_add(sweep->set, row->values, row->nulls);
	}
	cdc_writer_end(&user);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}

/* CdcHistoryVisitor: the keys of the rows that an event brings. */
static bool
mark_rows(const CdcHistoryEvent *event, void *arg)
{
	Sweep	   *sweep = arg;
	CdcSourceRow *row = &sweep->source->row;
	const JsonbContainer *data;
	const JsonbContainer *old;
	CdcWriterUser user;
	int			nrows;
	int			i;

	if (event->op == CDC_OP_CONTROL)
		mark_keys(sweep, event);
	if (!cdc_event_has_rows(event) || event->op == CDC_OP_DELETE)
		return !sweep->full;
	/* the history is read as the subscription's owner, values are converted as the writer */
	cdc_writer_begin(sweep->source->target, &user);
	cdc_event_begin(sweep->apply, event);
	nrows = cdc_event_rows(sweep->apply, sweep->source, event);
	for (i = 0; i < nrows && !sweep->full; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_event_images(sweep->apply, sweep->source, event, i, &data, &old);
		cdc_source_row_key(row, data, event->seq);
		sweep->full = !cdc_key_set_add(sweep->set, row->values, row->nulls);
	}
	cdc_writer_end(&user);
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

/* Fills the set from the history; false: it has not enough room. */
static bool
mark(Sweep *sweep, int64 begin, int64 end)
{
	CdcHistoryScan scan;

	memset(&scan, 0, sizeof(scan));
	scan.sub = sweep->apply->sub;
	scan.after = begin - 1;
	scan.upto = end;
	scan.source_table = sweep->source->mapping->source_table;
	scan.columns = CDC_HISTORY_DOCUMENT;
	scan.visit = mark_event;
	scan.arg = sweep;
	sweep->full = false;
	cdc_history_scan(&scan);
	return !sweep->full;
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
	uint64		r;
	int			i;

	for (r = 0; r < SPI_processed; r++)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < target->nkey; i++)
		{
			int			at = target->key[i].attnum - 1;

			values[at] = SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, i + 1,
									   &nulls[at]);
		}
		if (!cdc_key_set_lacks(sweep->set, values, nulls))
			continue;
		run->mode->remove(sweep->apply, run, values, nulls);
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
		old = MemoryContextSwitchTo(cxt);
		sweep_rows(sweep, values, nulls);
		MemoryContextSwitchTo(old);
		SPI_freetuptable(SPI_tuptable);
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
 * Returns how many.
 */
static int64
sweep(CdcApply *apply, CdcSourceRun *source, int64 begin, int64 end, const char *gone)
{
	Sweep		work = {apply, source, NULL, false, 0, gone};
	CdcAtHand	at = apply->work.at;
	CdcEventFacts facts = apply->facts;
	uint32		parts = 1;
	uint32		part = 0;

	/* a key that is not seen, as its event is missing, would cost a row */
	cdc_history_check_event(apply->sub, "the end of a copy", begin);
	cdc_history_check_whole(apply->sub, "the end of a copy", begin, end);
	work.set = cdc_key_set_create(source->target->target, apply->sub->opt.apply_memory_limit);
	while (part < parts)
	{
		cdc_key_set_reset(work.set, part, parts);
		if (mark(&work, begin, end))
		{
			apply->work.at = at;
			apply->facts = facts;
			if (gone != NULL)
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
	apply->work.at = at;
	return work.deleted;
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

/* The copy ends: of a table with a key goes what has not come. */
static void
copy_ends(CdcApply *apply, CdcSourceRun *source, const CdcCopyEvent *copy, int64 end)
{
	const CdcTargetRun *run = source->target;
	int64		gone;

	if (run->target->keyless || run->mode->remove == NULL || (copy->begin_seq <= apply->scan_after && apply->replay != NULL))
		return;

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
	gone = sweep(apply, source, copy->begin_seq, end, copy->gone);
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
