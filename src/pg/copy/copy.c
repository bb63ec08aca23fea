/*-------------------------------------------------------------------------
 *
 * copy.c
 *	  The copy of tables, a step at a time, and how it joins the stream.
 *
 * A step opens a consistent snapshot over a connection of its own, or several of them
 * (copy_workers), and reads in it, for about copy_chunk_time, the rows that come next:
 * those behind the last key of the table that is being copied, then tables that have not
 * begun.  The rows become 'r' events,
 * framed by 'm' events ("bootstrap-start", "bootstrap-complete") over all steps of a
 * table.  No lock is taken on the source, and no snapshot is older than a step.
 *
 * A step is appended where the stream stands, and its snapshot has all that the stream
 * has brought.  So history has rows that are ahead of the stream; the changes in between
 * come with the stream once more, and end the same as rows have a key.  The table is as
 * of the stream's place once that has passed the last snapshot.  What is behind in the
 * stream is of a later time than whatever a step has lacked.
 *
 * Rows of a table without a key must not come twice: such a table is read in one snapshot, which is
 * exactly as of where the stream stands (moment.c) and up to which its events are left out.  Where
 * that takes longer than a step the stream goes on meanwhile, see pass.c.
 */
#include "pg/copy/copy_internal.h"

#include "utils/builtins.h"

#include "pg/base/epoch.h"
#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/copy/facts.h"
#include "pg/progress/table_state.h"

/* How long the source is waited for when the stream has not begun, and when it is running. */
#define FIRST_PATIENCE_MS	60000
#define PATIENCE_MS			2000

/* Tables that a step looks at. */
#define STEP_TABLES			200

/* A definition that changed under a step, or a snapshot behind the stream: when to try again. */
#define AGAIN_MS			100

/* Steps in a row that may come to nothing before the table is in error. */
#define FAILURES			50

/* A snapshot that is to be exact waits for the stream: so long at most, looked at so often. */
#define MOMENT_MS			60000
#define MOMENT_POLL_MS		5

/* A table that was changed in so many of these, for so long, is in error. */
#define BUSY_MOMENTS		40
#define BUSY_MS				60000

/* ---- the step ---- */

/*
 * The snapshot could not be had in time: the copy has to wait.  ERROR where the stream
 * cannot begin without it.
 */
static void
report_delay(const CdcCopy *copy, const char *trouble, int again_ms)
{
	if (copy->first)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the copy of subscription \"%s\" cannot join the binlog of its source", copy->sub->name),
				 errdetail("At the source, %s.", trouble),
				 errhint("End it there, or pull again later.")));
	cdc_copy_note_wait(copy, psprintf("at the source, %s", trouble));
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the copy of tables of subscription \"%s\" waits for its source", copy->sub->name),
			 errdetail("At the source, %s.", trouble),
			 errhint("Changes of other tables go on; the copy is tried again in %d s.", again_ms / 1000)));
}

/* Opens the snapshot; false: not now, and result says when. */
static bool
open_snapshot(CdcCopyWork *work, CdcCopyStep *result)
{
	const CdcCopy *copy = work->copy;
	TimestampTz began = GetCurrentTimestamp();

	if (!cdc_snapshot_open(work->readers[0], &copy->control, work->use,
						   copy->first ? FIRST_PATIENCE_MS : PATIENCE_MS, work->snap))
	{
		cdc_copy_hang_up(copy->pace);
		result->wait_ms = work->snap->again_ms > 0 ? work->snap->again_ms : CDC_COPY_RETRY_MS;
		report_delay(copy, work->snap->trouble, result->wait_ms);
		return false;
	}
	/* a dump brings what its server has not committed in the engine yet */
	if (!copy->first && !copy->covers(copy->arg, &work->snap->from))
	{
		cdc_snapshot_discard(work->readers[0]);
		result->wait_ms = AGAIN_MS;
		return false;
	}
	copy->pace->snapshot_ms = -cdc_copy_ms_until(began);
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
		if (!cdc_copy_is_keyless(copy, lfirst(lc)))
			keyed = lappend(keyed, lfirst(lc));
	if (keyed == NIL)
		return CDC_SNAPSHOT_EXACT;
	*tables = keyed;
	return copy->first ? CDC_SNAPSHOT_START : CDC_SNAPSHOT_CHUNK;
}

/* Whether there is a copy of the source table among them. */
static bool
is_listed(List *tables, const char *source_table)
{
	ListCell   *lc;

	foreach(lc, tables)
		if (strcmp(((CdcCopyProgress *) lfirst(lc))->source_table, source_table) == 0)
			return true;
	return false;
}

/*
 * The tables of the next step; those whose rows are not wanted are ready.  What targets of one
 * source table want differently comes one after the other.
 */
static List *
tables_of_step(const CdcCopy *copy, bool *changed)
{
	int			i;
	List	   *result = NIL;
	List	   *tables = cdc_copy_waiting(copy->sub, STEP_TABLES);
	ListCell   *lc;

	*changed = false;
	foreach(lc, tables)
	{
		CdcCopyProgress *p = lfirst(lc);

		/* it goes to the source, as all that is sent there */
		p->row_filter = cdc_to_utf8(p->row_filter);
		if (p->wanted && !is_listed(result, p->source_table))
			result = lappend(result, p);
		for (i = 0; i < p->nnames && !p->wanted; i++)
		{
			(void) cdc_table_settle(copy->sub, p->names[i], 'i');
			*changed = true;
		}
	}
	return result;
}

/* The transaction of a step's events. */
static void
begin_events(CdcCopyWork *work, CdcTransaction *txn)
{
	const CdcCopy *copy = work->copy;

	memset(txn, 0, sizeof(*txn));
	txn->file = copy->first ? work->snap->from.file : copy->file;
	txn->start_offset = txn->end_offset = (uint64) (copy->first ? work->snap->from.offset : copy->offset);
	txn->commit_us = cdc_unix_us(GetCurrentTimestamp());
	work->writer = cdc_event_writer_begin(copy->out, txn);
}

/* Reads the tables, as many as there is time for. */
static void
copy_tables(CdcCopyWork *work, List *tables)
{
	CdcTransaction txn;
	List	   *todo = NIL;
	ListCell   *lc;

	foreach(lc, tables)
	{
		CdcCopyTable *t = palloc0(sizeof(CdcCopyTable));

		t->progress = lfirst(lc);
		todo = lappend(todo, t);
	}
	begin_events(work, &txn);
	cdc_copy_waves(work, todo);
	cdc_event_writer_end(work->writer);
}

/*
 * Says where the stream has to get to for the tables that are finished.  It is there for those of an
 * exact snapshot: what it brings of them next is not to be left out, whatever others wait for.
 */
static void
finish_tables(const CdcCopyWork *work, CdcCopyStep *result)
{
	const CdcCopy *copy = work->copy;
	ListCell   *lc;

	foreach(lc, work->finished)
	{
		CdcCopyJoin *join = lfirst(lc);

		join->position = psprintf("%s:" INT64_FORMAT, work->snap->to.file, work->snap->to.offset);
		join->gtid_set = work->snap->to.gtid_set;
		cdc_copy_finish(copy->sub, join, *copy->out->last_seq);
		if (work->use != CDC_SNAPSHOT_EXACT)
			continue;
		cdc_copy_synced(copy->sub, join->source_table, *copy->out->last_seq, false);
		result->synced = true;
	}
}

/* Why a table whose definition is known cannot be read: its copy's condition, or another reason. */
static void
ask_for_trouble(const CdcCopyWork *work, CdcCopyTrouble *trouble)
{
	const char *dot = strchr(work->changed, '.');
	char	   *refused = NULL;

	if (work->condition != NULL && dot != NULL)
		refused = cdc_copy_condition_trouble(work->readers[0],
											 cdc_to_utf8_copy(pnstrdup(work->changed, dot - work->changed)),
											 cdc_to_utf8_copy(dot + 1), work->condition);
	if (refused != NULL)
	{
		trouble->text = psprintf("the source refuses the condition of its copy: %s", cdc_from_utf8_lenient(refused));
		trouble->hint = psprintf("To copy all rows: SELECT cdc.resync_table(%s, %s);",
								 quote_literal_cstr(work->copy->sub->name), quote_literal_cstr(work->changed));
	}
	else
		trouble->text = psprintf("it cannot be read by the definition that the source shows%s%s",
								 work->refusal != NULL ? ": " : "",
								 work->refusal != NULL ? cdc_from_utf8_lenient(work->refusal) : "");
}

/* A table whose definition does not fit, again and again, is in error. */
static void
note_failure(CdcCopyWork *work)
{
	CdcCopyPace *pace = work->copy->pace;

	if (work->changed == NULL || work->wrote)
		pace->failures = 0;
	else if (!work->passing && ++pace->failures >= FAILURES &&
			 work->copy->caught_up(work->copy->arg, work->changed))
	{
		CdcCopyTrouble trouble = {ERRCODE_FEATURE_NOT_SUPPORTED, NULL, NULL};

		ask_for_trouble(work, &trouble);
		cdc_copy_give_up(work->copy, work->changed, &trouble);
		work->wrote = true;
		pace->failures = 0;
	}
}

/* Where a table is read over several steps that goes on, whatever others have to wait for. */
static void
put_off_others(const CdcCopy *copy, CdcCopyStep *result)
{
	CdcCopyPace *pace = copy->pace;

	pace->others_at = 0;
	if (pace->pass == NULL || result->wait_ms == 0)
		return;
	pace->others_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), result->wait_ms);
	result->wait_ms = 0;
	result->done = true;
}

/* Whether one of the tables can be read beside one that is being read over several steps. */
static bool
have_others(const CdcCopy *copy, List *tables)
{
	return tables != NIL && choose_use(copy, &tables) != CDC_SNAPSHOT_EXACT &&
		GetCurrentTimestamp() >= copy->pace->others_at;
}

/* A step of a table that is being read over several ones, where it is its turn. */
static bool
step_of_pass(const CdcCopy *copy, List *tables, CdcCopyStep *result)
{
	CdcCopyPace *pace = copy->pace;
	CdcSnapshot snap;
	CdcCopyWork work = {copy, &snap};
	CdcCopyTable t;
	CdcTransaction txn;

	if (!cdc_copy_pass_resume(copy, tables, &t))
		return false;
	pace->passed = !pace->passed;
	if (!pace->passed && have_others(copy, tables))
		return false;
	pace->passed = true;
	cdc_copy_moment_snapshot(copy, &snap);
	cdc_copy_find_ways(&work, &t);
	work.use = CDC_SNAPSHOT_EXACT;
	work.until = t.pause_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), copy->sub->opt.copy_chunk_ms);
	begin_events(&work, &txn);
	cdc_copy_pass_step(&work, &t);
	cdc_event_writer_end(work.writer);
	if (work.finished != NIL)
	{
		finish_tables(&work, result);
		cdc_copy_pass_close(pace);
	}
	result->done = true;
	return true;
}

/* Reads the tables in the snapshot that is open, and ends it. */
static void
read_tables(CdcCopyWork *work, List *tables, CdcCopyStep *result)
{
	cdc_copy_note_wait(work->copy, NULL);
	cdc_copy_bound_waits(work->readers[0]);
	copy_tables(work, tables);
	cdc_copy_end_readers(work);
	if (work->on_replica)
		cdc_copy_end_replica(work);
	else if (work->readers[0] != NULL)
		cdc_snapshot_end(work->readers[0], work->use, work->snap);
	finish_tables(work, result);
	result->from = work->snap->from;
	note_failure(work);
	result->done = result->done || work->wrote;
	if (work->changed != NULL && !work->wrote)
		result->wait_ms = AGAIN_MS;
}

/* ---- tables without a key ---- */

/* A table that changes at each moment is in error in the end; none: the first one does not. */
static void
note_busy(const CdcCopy *copy, const char *source_table, CdcCopyStep *result)
{
	CdcCopyPace *pace = copy->pace;
	CdcCopyTrouble trouble = {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, NULL, NULL};
	int			ms;

	if (source_table == NULL || strcmp(pace->busy, source_table) != 0)
	{
		strlcpy(pace->busy, source_table != NULL ? source_table : "", sizeof(pace->busy));
		pace->busy_since = GetCurrentTimestamp();
		pace->busy_moments = 0;
	}
	if (source_table == NULL)
		return;
	cdc_copy_note_wait(copy, psprintf("a moment in which source table %s, which has no primary key, is not changed",
									  source_table));
	ms = (int) -cdc_copy_ms_until(pace->busy_since);
	if (++pace->busy_moments < BUSY_MOMENTS || ms < BUSY_MS)
		return;
	trouble.text = psprintf("the table has no primary key, and was changed in each of the %d moments of %d s in which its copy could have begun",
							pace->busy_moments, ms / 1000);
	trouble.hint = psprintf("Give it a primary key; or SELECT cdc.resync_table(%s, %s); when it is changed less, for a moment at least.",
							quote_literal_cstr(copy->sub->name), quote_literal_cstr(source_table));
	pace->busy[0] = '\0';
	cdc_copy_give_up(copy, source_table, &trouble);
	result->done = true;
}

/* The moment's snapshot is as of where the stream stands: reads what it is good for. */
static void
use_moment(CdcCopyWork *work, List *tables, CdcCopyStep *result)
{
	const CdcCopy *copy = work->copy;
	CdcCopyPace *pace = copy->pace;
	List	   *good = cdc_copy_moment_tables(copy, tables);
	const CdcCopyProgress *first = linitial(tables);

	note_busy(copy, list_member_ptr(good, first) ? NULL : first->source_table, result);
	if (good != NIL)
	{
		cdc_copy_moment_snapshot(copy, work->snap);
		work->readers[0] = pace->sessions[0];
		work->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), copy->sub->opt.copy_chunk_ms);
		read_tables(work, good, result);
	}
	cdc_copy_moment_end(pace);
}

/* A step of tables without a key: opens a snapshot for them, or reads them where it is time. */
static void
step_of_moment(CdcCopyWork *work, List *tables, CdcCopyStep *result)
{
	const CdcCopy *copy = work->copy;
	CdcCopyPace *pace = copy->pace;

	/* a stream that stands nowhere cannot tell what changes: it begins where the source stands */
	result->wait_ms = MOMENT_POLL_MS;
	if (copy->first)
		return;
	if (pace->moment != NULL && (pace->sessions[0] == NULL || !cdc_source_usable(pace->sessions[0]) ||
								 -cdc_copy_ms_until(cdc_copy_moment_opened_at(pace)) > MOMENT_MS))
		cdc_copy_moment_end(pace);
	if (pace->moment != NULL && !copy->has_come(copy->arg))
		return;
	if (pace->moment != NULL)
	{
		result->wait_ms = 0;
		use_moment(work, tables, result);
		if (result->done || result->wait_ms > 0)
			return;
		result->wait_ms = MOMENT_POLL_MS;
	}
	work->readers[0] = cdc_copy_session(copy);
	if (open_snapshot(work, result))
		cdc_copy_moment_begin(copy, work->snap, tables);
}

void
cdc_copy_step(const CdcCopy *copy, CdcCopyStep *result)
{
	CdcCopyPace *pace = copy->pace;
	CdcSnapshot snap;
	CdcCopyWork work = {copy, &snap};
	List	   *tables = tables_of_step(copy, &result->done);
	int			target_ms = copy->sub->opt.copy_chunk_ms;

	memset(&result->from, 0, sizeof(result->from));
	result->wait_ms = 0;
	if (step_of_pass(copy, tables, result) || tables == NIL)
		return;
	work.use = choose_use(copy, &tables);
	if (work.use == CDC_SNAPSHOT_EXACT)
	{
		work.max_readers = 1;
		step_of_moment(&work, tables, result);
		put_off_others(copy, result);
		return;
	}
	cdc_copy_moment_end(pace);
	work.max_readers = Min(copy->sub->opt.copy_workers, CDC_COPY_MAX_WORKERS);
	if (cdc_copy_has_replica(copy->sub))
	{
		/* a stream begins where the source stands: a replica has no place in its binlog */
		if (copy->first)
			result->wait_ms = 1;
		if (copy->first || !cdc_copy_open_replica(&work, result))
		{
			put_off_others(copy, result);
			return;
		}
	}
	else
	{
		work.readers[0] = cdc_copy_session(copy);
		if (!open_snapshot(&work, result))
		{
			put_off_others(copy, result);
			return;
		}
	}
	/* where a snapshot takes its time, it should be worth it */
	work.until = TimestampTzPlusMilliseconds(snap.opened_at, Max(target_ms, (int) Min(2 * pace->snapshot_ms, 2000)));
	read_tables(&work, tables, result);
	put_off_others(copy, result);
}
