/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  A run over a range of history, what is counted of it, and one table's error being
 *	  that table's, as its option on_error says.
 *
 * A range of history is applied in a subtransaction.  Where that fails for an event of a
 * table, it is undone, and tried again: over a shorter range, then with the rows of that
 * table written one by one, so that it is known which event it is, and at last without the
 * table, which stops before the range, or without the event, which is put aside.  Between
 * ranges lie commits of the source, so that all other tables are at one at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/error.h"
#include "pg/base/compat_executor.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/row.h"
#include "pg/options/option_json.h"
#include "pg/progress/copy_progress.h"

/* Behind an error ranges have about so many events: an event that fails lets one be tried again. */
#define STEP_EVENTS		1000

/*
 * Before rows are written one by one the range is made so short; where each of them is a
 * statement on all segments it is worth a few attempts more.  It grows again behind the error.
 */
#define EXACT_EVENTS	(CDC_OPEN_QUERIES_ARE_DEAR ? 8 : STEP_EVENTS)
#define MOST_EVENTS		(CDC_OPEN_QUERIES_ARE_DEAR ? 16384 : STEP_EVENTS)
#define SHRINK			8

/* Events of one range that may be put aside, and the events that may be applied in vain for it. */
#define MAX_FAILED		100
#define MAX_IN_VAIN		INT64CONST(5000000)

/* ------------------------------------------------------------------------
 * Counters
 * ------------------------------------------------------------------------
 */

enum
{
	COUNT_EVENTS, COUNT_INSERTS, COUNT_UPDATES, COUNT_DELETES, COUNT_MISSING, COUNT_SURPLUS, COUNT_LAST_SEQ, COUNT_SOURCE_TS,
	COUNT_COLUMNS
};

static CdcRowTable counters = {
	"table_counter", 2, {"subscription", "name"}, COUNT_COLUMNS,
	{
		[COUNT_EVENTS] = {"events", INT8OID},
		[COUNT_INSERTS] = {"inserts", INT8OID},
		[COUNT_UPDATES] = {"updates", INT8OID},
		[COUNT_DELETES] = {"deletes", INT8OID},
		[COUNT_MISSING] = {"missing", INT8OID},
		[COUNT_SURPLUS] = {"surplus", INT8OID},
		[COUNT_LAST_SEQ] = {"last_seq", INT8OID},
		[COUNT_SOURCE_TS] = {"source_ts", TIMESTAMPTZOID}
	}
};

/*
 * Makes the counter of a table, with zeros.  Its columns but the time are not
 * null.
 */
static void
make_counter(const char *const *keys, const char *source_table)
{
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.table_counter (subscription, name, source_table) VALUES ($1, $2, $3)",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&insert, keys[0], keys[1], source_table);
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
	const char *keys[] = {apply->sub->name, source->mapping->name};
	const CdcTargetRun *count = source->target;
	Datum		values[CDC_ROW_COLUMNS];
	bool		nulls[CDC_ROW_COLUMNS];

	if (!cdc_row_read(&counters, keys, values, nulls))
	{
		make_counter(keys, source->mapping->source_table);
		if (!cdc_row_read(&counters, keys, values, nulls))
			elog(ERROR, "cdc.table_counter has no row for table \"%s\" of subscription \"%s\"",
				 keys[1], keys[0]);
	}
	add(&values[COUNT_EVENTS], source->events);
	add(&values[COUNT_INSERTS], count->inserted);
	add(&values[COUNT_UPDATES], count->updated);
	add(&values[COUNT_DELETES], count->deleted);
	add(&values[COUNT_MISSING], source->surprise.missing);
	add(&values[COUNT_SURPLUS], source->surprise.surplus);
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
		if (source->surprise.missing > 0 || source->surprise.surplus > 0)
			cdc_surprise_tell(apply, source);
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
	apply->most_copied = walk->max_events;
	apply->puts_aside = true;
	apply->only = walk->only != NULL ? walk->only->name : NULL;
	cdc_run_scan(apply, walk->progress.applied_seq, upto,
				 walk->only != NULL ? walk->only->source_table : NULL);
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

/* ------------------------------------------------------------------------
 * Attempts
 * ------------------------------------------------------------------------
 */

/* A range that is to be applied. */
typedef struct Attempt
{
	CdcWalk    *walk;
	const CdcGuard *guard;
	int64		upto;
	CdcApply   *run;			/* NULL: it has not begun */
} Attempt;

/* CdcAttempt */
static bool
attempt_range(void *arg)
{
	Attempt    *a = arg;

	a->run = cdc_run_begin(a->walk->sub, NULL);
	a->run->guard = a->guard;
	cdc_range_scan(a->walk, a->run, a->upto);
	return true;
}

/*
 * Applies the events up to upto in a subtransaction.  NULL: done, and *apply is to be
 * finished; else the error, of which nothing else is left.
 */
static ErrorData *
attempt(CdcWalk *walk, const CdcGuard *guard, int64 upto, CdcApply **apply)
{
	Attempt		a = {walk, guard, upto, NULL};
	ErrorData  *error;

	cdc_blame_reset();
	error = cdc_attempt(attempt_range, &a);
	if (error != NULL && a.run != NULL)
		MemoryContextDelete(a.run->work.cxt);
	*apply = a.run;
	return error;
}

/* ------------------------------------------------------------------------
 * What is done about an error
 * ------------------------------------------------------------------------
 */

/* An error, and the table that it is of. */
typedef struct Trouble
{
	CdcWalk    *walk;
	CdcGuard   *guard;
	ErrorData  *error;
	CdcBlame	blame;
	const CdcSubscriptionTable *table;
	CdcOnError	on_error;
	int64		upto;			/* of the range that failed */
} Trouble;

/* The table stops at the commit before the range, and the others go on. */
static void
hold_table(const Trouble *t)
{
	const CdcSubscription *sub = t->walk->sub;
	const char *name = t->table->name;
	CdcTableError error = {name, t->blame.seq, t->blame.key[0] != '\0' ? t->blame.key : NULL};
	bool		has_place = t->table->state == 'r' || t->table->state == 'e';
	char	   *remedy = cdc_table_error_hint(sub, name, has_place);

	error.sqlerrcode = t->error->sqlerrcode;
	t->error->hint = t->error->hint != NULL ? psprintf("%s  %s", t->error->hint, remedy) : remedy;
	error.text = cdc_failure_text(t->error);
	(void) cdc_table_error_hold(sub, &error, t->walk->progress.applied_seq);
	cdc_log(sub->name, "error",
			psprintf("source table %s stopped at seq " INT64_FORMAT ", the others go on", name, t->blame.seq),
			error.text);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("source table %s of subscription \"%s\" is in error at seq " INT64_FORMAT, name, sub->name,
					t->blame.seq),
			 errdetail("%s", t->error->message),
			 errhint("%s", remedy)));
	CommandCounterIncrement();
}

/* Whether the event can be put aside. */
static bool
can_put_aside(const Trouble *t)
{
	int			n = list_length(t->guard->failed);
	int64		events = t->upto - t->walk->progress.applied_seq;

	return t->on_error == CDC_ON_ERROR_LOG && t->blame.exact && !t->blame.of_whole_table &&
		!t->table->keyless && t->table->target != NULL &&
		(t->table->state == 'r' || t->table->state == 'e') &&
		n < MAX_FAILED && n * events < MAX_IN_VAIN &&
		cdc_guard_failed(t->guard, t->table->name, t->blame.seq) == NULL;
}

static void
put_aside(const Trouble *t)
{
	CdcFailedEvent *failed = palloc0(sizeof(CdcFailedEvent));
	const char *hint = t->error->hint;
	char	   *remedy = cdc_table_error_hint(t->walk->sub, t->table->name, true);

	failed->table = pstrdup(t->table->name);
	failed->seq = t->blame.seq;
	failed->key = t->blame.key[0] != '\0' ? pstrdup(t->blame.key) : NULL;
	failed->sqlerrcode = t->error->sqlerrcode;
	t->error->hint = hint != NULL ? psprintf("%s  %s", hint, remedy) : remedy;
	failed->text = cdc_failure_text(t->error);
	t->guard->failed = lappend(t->guard->failed, failed);
	(void) cdc_log_event(t->walk->sub->name, "error",
						 psprintf("events of source table %s go to cdc.error", failed->table), failed->text);
}

/* Whether a new copy replaces what the event would have done: it does not stop anything. */
static bool
is_superseded(const Trouble *t)
{
	return t->walk->only == NULL && !t->table->held &&
		cdc_copy_supersedes(t->walk->sub, t->table->name, t->blame.seq);
}

/* The error goes to the caller: nothing is to be done about it here. */
static void
pass_on(ErrorData *error)
{
	ReThrowError(error);
}

/* Fills t with the table that the error is of; raises it where it is of none that may be in error. */
static void
find_table(Trouble *t)
{
	CdcTableOptions options;

	if (!cdc_blame_is_of_table(t->walk->sub, t->error->sqlerrcode))
		pass_on(t->error);
	t->blame = *cdc_blame();
	t->table = cdc_apply_table(t->walk->sub, t->blame.source_table);
	if (t->table == NULL)
		pass_on(t->error);
	cdc_blame_hint(t->error);
	cdc_table_options_parse(t->table->options, &t->walk->sub->opt.table, &options);
	t->on_error = options.on_error;

	/* it stops the subscription, once it is known which event it is */
	if (t->on_error == CDC_ON_ERROR_STOP && t->blame.exact && !is_superseded(t))
		pass_on(t->error);
}

/* Does something about it, so that the next attempt is another one. */
static void
act(Trouble *t)
{
	find_table(t);
	if (is_superseded(t))
		(void) cdc_follow_superseded(t->walk->sub, t->table->name, t->blame.seq, cdc_failure_text(t->error));
	else if (!cdc_guard_is_exact(t->guard, t->table->name))
		t->guard->exact = lappend(t->guard->exact, pstrdup(t->table->name));
	else if (can_put_aside(t))
		put_aside(t);
	else if (t->walk->only != NULL || t->on_error == CDC_ON_ERROR_STOP)
		pass_on(t->error);		/* ... or it is in error already */
	else
		hold_table(t);
}

/* ------------------------------------------------------------------------
 * The run
 * ------------------------------------------------------------------------
 */

/* The end of the next range. */
static int64
next_end(const CdcWalk *walk, int64 upto)
{
	int64		after = walk->progress.applied_seq;
	int64		end;
	CdcScope	scope;

	if (walk->step == 0 || upto - after <= walk->step)
		return upto;
	cdc_owner_begin(walk->sub, &scope);
	end = cdc_history_first_boundary(walk->sub, after + walk->step);
	cdc_scope_end(&scope);
	return end > 0 && end < upto ? end : upto;
}

/*
 * A range of so many events has failed: the next ones are shorter, if they can be.  A source
 * transaction is not divided.
 */
static bool
shorten(CdcWalk *walk, int64 events)
{
	int64		before = walk->step;

	if (walk->step == 0)
		walk->step = STEP_EVENTS;
	while (walk->step > EXACT_EVENTS && (walk->step == before || walk->step >= events))
		walk->step = Max(walk->step / SHRINK, EXACT_EVENTS);
	return walk->step != before && walk->step < events;
}

/* One range, in as many attempts as it takes; returns where it has ended, or 0: it has to be shorter. */
static int64
run_range(CdcWalk *walk, int64 upto)
{
	CdcGuard	guard = {NIL, NIL};
	Trouble		t = {walk, &guard};
	CdcApply   *apply;

	t.upto = upto;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		t.error = attempt(walk, &guard, upto, &apply);
		if (t.error == NULL)
		{
			walk->step = Min(walk->step * 2, MOST_EVENTS);
			return cdc_range_finish(walk, apply);
		}
		if (guard.exact == NIL && guard.failed == NIL)
		{
			find_table(&t);
			if (shorten(walk, upto - walk->progress.applied_seq))
				return 0;
		}
		act(&t);
	}
}

int64
cdc_guard_run(CdcWalk *walk, int64 upto)
{
	/* it was begun outside of any subtransaction */
	if (walk->begun != NULL)
	{
		cdc_run_end(walk->begun);
		MemoryContextDelete(walk->begun->work.cxt);
		walk->begun = NULL;
	}
	if (walk->progress.applied_seq < upto)
		cdc_spi_bound_waits();
	while (walk->progress.applied_seq < upto)
	{
		int64		end = next_end(walk, upto);
		int64		reached = run_range(walk, end);

		if (reached > 0 && reached < end)
			break;
	}
	return walk->progress.applied_seq;
}
