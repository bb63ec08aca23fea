/*-------------------------------------------------------------------------
 *
 * range.c
 *	  One run of apply over a range of history, and what is counted of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/catalog/row.h"

/* ------------------------------------------------------------------------
 * Counters
 * ------------------------------------------------------------------------
 */

enum
{
	COUNT_EVENTS, COUNT_INSERTS, COUNT_UPDATES, COUNT_DELETES, COUNT_LAST_SEQ, COUNT_SOURCE_TS,
	COUNT_COLUMNS
};

static CdcRowTable counters = {
	"table_counter", 2, {"subscription", "source_table"}, COUNT_COLUMNS,
	{
		[COUNT_EVENTS] = {"events", INT8OID},
		[COUNT_INSERTS] = {"inserts", INT8OID},
		[COUNT_UPDATES] = {"updates", INT8OID},
		[COUNT_DELETES] = {"deletes", INT8OID},
		[COUNT_LAST_SEQ] = {"last_seq", INT8OID},
		[COUNT_SOURCE_TS] = {"source_ts", TIMESTAMPTZOID}
	}
};

/*
 * Makes the counter of a source table, with zeros.  Its columns but the time are not
 * null.
 */
static void
make_counter(const char *const *keys)
{
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.table_counter (subscription, source_table) VALUES ($1, $2)",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&insert, keys[0], keys[1]);
}

/* To be called with the lock of apply, under which nobody else counts. */
static void
add(Datum *value, int64 number)
{
	*value = Int64GetDatum(DatumGetInt64(*value) + number);
}

/*
 * Adds what a source table's events did to its row of cdc.table_counter.  It is alone
 * in its target, so that what was written there is its own.
 */
static void
count_source(const CdcApply *apply, const CdcSourceRun *source)
{
	const char *keys[] = {apply->sub->name, source->mapping->source_table};
	const CdcTargetRun *count = source->target;
	Datum		values[CDC_ROW_COLUMNS];
	bool		nulls[CDC_ROW_COLUMNS];

	if (!cdc_row_read(&counters, keys, values, nulls))
	{
		make_counter(keys);
		if (!cdc_row_read(&counters, keys, values, nulls))
			elog(ERROR, "cdc.table_counter has no row for source table \"%s\" of subscription \"%s\"",
				 keys[1], keys[0]);
	}
	add(&values[COUNT_EVENTS], source->events);
	add(&values[COUNT_INSERTS], count->inserted);
	add(&values[COUNT_UPDATES], count->updated);
	add(&values[COUNT_DELETES], count->deleted);
	values[COUNT_LAST_SEQ] = Int64GetDatum(source->last_seq);
	if (source->source_ts != 0)
	{
		values[COUNT_SOURCE_TS] = TimestampTzGetDatum(source->source_ts);
		nulls[COUNT_SOURCE_TS] = false;
	}
	(void) cdc_row_write(&counters, keys, values, nulls);
}

static void
write_counters(const CdcApply *apply)
{
	ListCell   *lc;

	foreach(lc, apply->sources)
	{
		const CdcSourceRun *source = lfirst(lc);

		if (source->events > 0)
			count_source(apply, source);
	}
}

/* The count of a target among those of earlier runs, or a new one. */
static CdcApplyCount *
count_of_target(List **counts, const char *target)
{
	CdcApplyCount *count;
	ListCell   *lc;

	foreach(lc, *counts)
	{
		count = lfirst(lc);
		if (strcmp(count->target, target) == 0)
			return count;
	}
	count = palloc0(sizeof(CdcApplyCount));
	count->target = pstrdup(target);
	*counts = lappend(*counts, count);
	return count;
}

/* Adds the counts of the run's targets, as copies that outlive the run; of CdcApplyCount *. */
static List *
add_counts(const CdcApply *apply, List *counts)
{
	ListCell   *lc;

	foreach(lc, apply->targets)
	{
		const CdcTargetRun *run = lfirst(lc);
		CdcApplyCount *count;

		if (run->events == 0)
			continue;
		count = count_of_target(&counts, run->target->name);
		count->events += run->events;
		count->inserted += run->inserted;
		count->updated += run->updated;
		count->deleted += run->deleted;
	}
	return counts;
}

void
cdc_range_count(const CdcApply *apply, CdcApplyResult *result)
{
	write_counters(apply);
	result->events += apply->events;
	result->counts = add_counts(apply, result->counts);
}

/* ------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------
 */

void
cdc_range_scan(CdcWalk *walk, CdcApply *apply, int64 upto)
{
	/* who catches up goes on to the end, which is known */
	apply->stop_from = walk->only == NULL ? 1 : 0;
	apply->numbered = walk->numbered;
	apply->puts_aside = true;
	cdc_run_scan(apply, walk->progress.applied_seq, upto, walk->only);
	cdc_run_end(apply);
}

int64
cdc_range_finish(CdcWalk *walk, CdcApply *apply)
{
	int64		reached = apply->scan_upto;
	CdcProgress *progress = &walk->progress;

	if (walk->only == NULL && apply->progress.applied_seq != reached)
		elog(ERROR, "history of subscription \"%s\" ended at seq " INT64_FORMAT
			 " before the boundary " INT64_FORMAT, apply->sub->name,
			 apply->progress.applied_seq, reached);
	progress->applied_seq = reached;
	progress->position = apply->progress.position != NULL ? pstrdup(apply->progress.position) : NULL;
	progress->gtid = apply->progress.gtid != NULL ? pstrdup(apply->progress.gtid) : NULL;
	if (apply->progress.source_ts != 0)
		progress->source_ts = apply->progress.source_ts;
	cdc_range_count(apply, walk->result);
	MemoryContextDelete(apply->work.cxt);
	return reached;
}
