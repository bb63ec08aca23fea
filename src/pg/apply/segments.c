/*-------------------------------------------------------------------------
 *
 * segments.c
 *	  What the segments of a distributed database apply by themselves.
 *
 * A stretch of history without a barrier is applied a source table at a time: each segment
 * turns its events into rows of the target, which go to the segments that have their keys;
 * there the last one of each key goes into the target's stage, and is merged from it.  The
 * master sees none of it, so that its memory and its time do not depend on how much there
 * is to do.
 *
 * That is done in a subtransaction.  Whatever a segment cannot do just as the master does it
 * (a key that changes, an image that lacks a column, a value that does not fit) is an error,
 * of which nothing is left, and the master applies the events, one by one, as ever.
 *
 * What events do to one key, they do in their order; what they do to others does not matter
 * to it, and neither does what happens in other targets.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#if CDC_HAVE_DISTRIBUTION

#include "catalog/pg_type.h"
#include "cdb/cdbutil.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/catalog/spi.h"
#include "pg/history/range.h"
#include "pg/mapping/recipe.h"

/* Events of a stretch for each segment: their rows are sorted in memory. */
#define STRETCH_EVENTS	INT64CONST(131072)

/* With fewer events of a stretch, or of one of its tables, statements cost more than they save. */
#ifndef CDC_SEGMENTS_MIN_EVENTS
#define CDC_SEGMENTS_MIN_EVENTS	8192
#endif

/* So many source tables of a stretch are tried. */
#define MAX_TABLES		16

/* A target that has had events for the master is left to it for so many stretches. */
#define LEFT_STRETCHES	16

/* Targets that are left to the master. */
typedef struct LeftTarget
{
	Oid			relid;
	int			stretches;		/* that are still to come */
} LeftTarget;

static List *left_targets = NIL;	/* of LeftTarget * */

/* ------------------------------------------------------------------------
 * Which tables
 * ------------------------------------------------------------------------
 */

static LeftTarget *
find_left(Oid relid)
{
	ListCell   *lc;

	foreach(lc, left_targets)
		if (((LeftTarget *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	return NULL;
}

static void
leave_target(Oid relid)
{
	LeftTarget *left = find_left(relid);

	if (left == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		left = palloc(sizeof(LeftTarget));
		left->relid = relid;
		left_targets = lappend(left_targets, left);
		MemoryContextSwitchTo(old);
	}
	left->stretches = LEFT_STRETCHES;
}

/* Whether the target is left to the master, for one stretch less then. */
static bool
is_left(Oid relid)
{
	LeftTarget *left = find_left(relid);

	if (left == NULL || left->stretches == 0)
		return false;
	left->stretches--;
	return true;
}

/* Whether events of the run may be applied by segments, whatever their tables. */
static bool
run_fits(const CdcApply *apply)
{
	return apply->replay == NULL && apply->scan_table == NULL && apply->sub->kind == CDC_SERVER_MYSQL &&
		apply->format == CDC_FORMAT_MAXWELL && (apply->guard == NULL || apply->guard->failed == NIL);
}

/*
 * The source table with its one target, where segments can apply its events; else NULL.  Rows
 * of copies are for the targets that are copied, which the master knows.
 */
static CdcSourceRun *
fitting_source(CdcApply *apply, const CdcRangeTable *table, CdcRecipe *recipe)
{
	CdcHistoryEvent event;
	CdcSourceRun *source;

	if (table->source_table == NULL || table->raw > 0 || table->copied > 0 ||
		table->events < CDC_SEGMENTS_MIN_EVENTS)
		return NULL;
	memset(&event, 0, sizeof(event));
	event.seq = table->first;
	event.op = CDC_OP_INSERT;
	event.source_table = table->source_table;
	event.source_table_len = strlen(table->source_table);
	apply->work.at.place.seq = table->first;
	source = cdc_run_source(apply, &event);
	if (source == NULL || source->target == NULL || source->given_up || source->next != NULL ||
		source->aside != NULL || source->mapping->kept ||
		source->target->mode != &cdc_mode_replica || !cdc_stage_fits(source->target) ||
		!cdc_recipe_make(source->mapping, recipe) || is_left(source->target->target->relid))
		return NULL;
	return source;
}

/* ------------------------------------------------------------------------
 * One table
 * ------------------------------------------------------------------------
 */

/* A source table whose events in a range are applied. */
typedef struct Merge
{
	CdcApply   *apply;
	CdcSourceRun *source;
	CdcRecipe	recipe;
	const CdcRangeTable *table;
	int64		after;
	int64		upto;
} Merge;

/* Options under which events are read by the index on seq, and sorted once, behind their way. */
static const CdcPlannerOption once_sorted[] = {
#if CDC_HAVE_OTHER_PLANNER
	{"optimizer", "off"},
#endif
	{"enable_seqscan", "off"},
	{"gp_enable_preunique", "off"}
};

/* The columns of the key as "x.k1, x.k2", each with its number in the key. */
static void
append_key(StringInfo sql, const CdcTarget *target, const char *format)
{
	int			i;

	for (i = 0; i < target->nkey; i++)
	{
		appendStringInfoString(sql, i > 0 ? ", " : "");
		appendStringInfo(sql, format, i + 1);
	}
}

/* The columns of the row, in the order of the target's. */
static void
append_columns(StringInfo sql, const CdcTarget *target)
{
	int			i;
	int			k;

	for (i = 0; i < target->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(target->desc, i);

		if (att->attisdropped)
			continue;
		for (k = 0; k < target->nkey && target->key[k].attnum != att->attnum; k++)
			;
		if (k < target->nkey)
			appendStringInfo(sql, "x.k%d, ", k + 1);
		else
			appendStringInfo(sql, "(x.r).%s, ", quote_identifier(NameStr(att->attname)));
	}
}

/*
 * The statement that fills the stage.  The function is volatile, so that it is called once for
 * each event, however often its result is taken apart.
 */
static char *
fill_statement(const CdcTarget *target, const CdcSubscription *sub)
{
	StringInfoData sql;
	int			k;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s SELECT ", cdc_stage_name(target));
	append_columns(&sql, target);
	appendStringInfoString(&sql, "x.gone FROM (SELECT DISTINCT ON (");
	append_key(&sql, target, "y.k%d");
	appendStringInfoString(&sql, ") ");
	append_key(&sql, target, "y.k%d");
	appendStringInfoString(&sql, ", y.gone, y.r FROM (SELECT ");
	for (k = 0; k < target->nkey; k++)
		appendStringInfo(&sql, "(z.r).%s AS k%d, ",
						 quote_identifier(target->columns[target->key[k].column].name), k + 1);
	appendStringInfo(&sql, "z.seq, z.gone, z.r FROM (SELECT h.seq, h.op OPERATOR(pg_catalog.=) 'd' AS gone,"
					 " cdc.event_row(h.op, h.event, $4, $5, NULL::%s) AS r FROM ", target->name);
	cdc_history_append_rows(&sql, sub);
	appendStringInfoString(&sql, ") AS z) AS y ORDER BY ");
	append_key(&sql, target, "y.k%d");
	appendStringInfoString(&sql, ", y.seq DESC) AS x");
	return sql.data;
}

/* Fills the stage; returns the number of its rows. */
static int64
fill_stage(const Merge *merge)
{
	Oid			types[5] = {INT8OID, INT8OID, TEXTOID, TEXTARRAYOID, INT4ARRAYOID};
	Datum		values[5];
	int64		result;
	int			level;
	int			rc;

	values[0] = Int64GetDatum(merge->after);
	values[1] = Int64GetDatum(merge->upto);
	values[2] = CStringGetTextDatum(merge->table->source_table);
	values[3] = PointerGetDatum(merge->recipe.names);
	values[4] = PointerGetDatum(merge->recipe.numbers);
	cdc_stage_empty(merge->source->target);
	cdc_spi_connect();
	level = cdc_planner_begin(once_sorted, lengthof(once_sorted));
	rc = SPI_execute_with_args(fill_statement(merge->source->target->target, merge->apply->sub), 5,
							   types, values, NULL, false, 0);
	cdc_planner_end(level);
	if (rc != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
	result = (int64) SPI_processed;
	cdc_spi_disconnect();
	return result;
}

/* CdcAttempt */
static bool
open_stage(void *arg)
{
	const Merge *merge = arg;

	cdc_stage_open(merge->source->target, merge->apply->sub->owner_oid);
	return true;
}

/* CdcAttempt */
static bool
merge_events(void *arg)
{
	const Merge *merge = arg;
	int64		staged = fill_stage(merge);

	if (staged > 0)
		cdc_stage_merge(merge->source->target, staged, merge->table->deletes > 0);
	return true;
}

/* Counts the events of the table as applied. */
static void
count_events(const Merge *merge)
{
	CdcSourceRun *source = merge->source;
	TimestampTz source_ts = cdc_history_source_ts(merge->apply->sub, merge->table->last);

	source->target->events += merge->table->events;
	source->events += merge->table->events;
	source->last_seq = merge->table->last;
	if (source_ts != 0)
		source->source_ts = source_ts;
}

/*
 * Applies the events of one table; false: the master has to.  What is collected of earlier
 * events is written before.
 */
static bool
merge_table(Merge *merge)
{
	CdcApply   *apply = merge->apply;
	CdcTargetRun *run = merge->source->target;
	CdcAtHand	at = apply->work.at;
	int64		inserted = run->inserted;
	int64		updated = run->updated;
	int64		deleted = run->deleted;
	ErrorData  *error;

	cdc_reduce_flush(&apply->work, run);
	cdc_reduce_close(&apply->work, run);
	apply->work.at.source = run->source = merge->source;
	apply->work.at.writing = true;
	error = cdc_attempt_lasting(open_stage, merge);
	if (error == NULL)
		error = cdc_attempt_lasting(merge_events, merge);
	apply->work.at = at;
	if (error == NULL)
	{
		count_events(merge);
		return true;
	}
	ereport(DEBUG1,
			(errmsg("rows of target %s are left to the master: %s", run->target->name, error->message)));
	FreeErrorData(error);
	run->inserted = inserted;
	run->updated = updated;
	run->deleted = deleted;
	leave_target(run->target->relid);
	return false;
}

/* ------------------------------------------------------------------------
 * Stretches
 * ------------------------------------------------------------------------
 */

/* Lets the segments apply what they can of a stretch that has rows only. */
static void
merge_tables(CdcApply *apply, int64 after, const CdcRange *range, CdcStretch *stretch)
{
	int			tried = 0;
	ListCell   *lc;

	foreach(lc, range->tables)
	{
		Merge		merge = {apply};

		CHECK_FOR_INTERRUPTS();
		merge.table = lfirst(lc);
		merge.after = after;
		merge.upto = stretch->upto;
		merge.source = fitting_source(apply, merge.table, &merge.recipe);
		if (merge.source == NULL || ++tried > MAX_TABLES || !merge_table(&merge))
			continue;
		stretch->events += merge.table->events;
		stretch->tables = lappend(stretch->tables, merge.table->source_table);
	}
}

/*
 * The next stretch ends before the run's last event, which tells how far it is, at the latest,
 * and before the first event that is no row; where that is near, it goes past all such events,
 * and is the master's.
 */
void
cdc_segments_apply(CdcApply *apply, int64 after, CdcStretch *stretch)
{
	int64		most = STRETCH_EVENTS * getgpsegmentCount();
	CdcRange	range;
	MemoryContext old;

	memset(stretch, 0, sizeof(*stretch));
	stretch->upto = apply->scan_upto;
	if (apply->scan_upto - after <= CDC_SEGMENTS_MIN_EVENTS || !run_fits(apply))
		return;
	old = MemoryContextSwitchTo(apply->work.cxt);
	stretch->upto = Min(apply->scan_upto - 1, after + most);
	cdc_history_range(apply->sub, after, stretch->upto, &range);
	if (range.first_other > 0 && range.first_other - after <= CDC_SEGMENTS_MIN_EVENTS)
		stretch->upto = range.last_other;
	else
	{
		if (range.first_other > 0)
		{
			stretch->upto = range.first_other - 1;
			cdc_history_range(apply->sub, after, stretch->upto, &range);
		}
		/* who visits events finds out which ones are missing */
		if (!apply->numbered || range.events == stretch->upto - after)
			merge_tables(apply, after, &range, stretch);
	}
	MemoryContextSwitchTo(old);
}

#else

void
cdc_segments_apply(CdcApply *apply, int64 after, CdcStretch *stretch)
{
	memset(stretch, 0, sizeof(*stretch));
	stretch->upto = apply->scan_upto;
}

#endif							/* CDC_HAVE_DISTRIBUTION */
