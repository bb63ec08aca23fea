/*-------------------------------------------------------------------------
 *
 * table.c
 *	  A table is verified, range by range of its key.
 *
 * Where both sides order keys in the same way, the rows of a range are summed up at both,
 * and read only where the sums differ or the rows change meanwhile.  Else, chunk by chunk,
 * each row of the source is looked up in the target; then each row of the target among
 * those that the source had.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/copy/row_source.h"
#include "pg/mapping/cache.h"
#include "pg/schema/change.h"

/* How often a table is begun anew because its definition changed meanwhile. */
#define ATTEMPTS		5

/* Tables without key: how often they are read until nothing changes meanwhile. */
#define KEYLESS_ATTEMPTS	10

/* How often a range is compared anew because that could not be done. */
#define RANGE_ATTEMPTS	10

/*
 * Rows of a range that is to be summed up: as many as take both sides about so long.  The
 * first range is small, as nothing is known of how large its rows are.
 */
#define SUM_ROWS_FIRST	500
#define SUM_ROWS_LEAST	100
#define SUM_ROWS_MOST	100000
#define SUM_MS			200

/* With so many sums for nothing one behind the other, no more are made of a table. */
#define SUMS_IN_VAIN	3

/*
 * The rows of a query, in blocks.  *last: its last key, in t->context, where the range has no
 * end of its own.  false: the table's definition does not fit any more, or a block could not
 * be compared.
 */
static bool
walk_chunk(CdcVerifyWalk *walk, const CdcChunkKey *key, const CdcChunkRange *range, char ***last,
		   bool *is_last)
{
	CdcVerifyTable *t = walk->t;
	CdcVerify  *v = t->verify;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify row",
											  ALLOCSET_DEFAULT_SIZES);
	CdcVerifyBlock	block;
	CdcError	err;
	CdcChunk   *chunk;
	const CdcValue *values;
	size_t		bytes = 0;
	int64		before = t->differences;
	bool		ok = true;

	block.seq = cdc_verify_seq_now(v);
	chunk = cdc_chunk_open(v->reader, t->table, key, range, v->sub->name, &err);
	if (chunk == NULL)
		return false;
	cdc_verify_begin_block(t, &block);
	while (ok && (values = cdc_chunk_next(chunk)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		bool		inside;

		cdc_verify_read_row(t, values);
		inside = t->row.passes == CDC_PASSES_YES;
		if (inside)
			cdc_verify_add_row(walk, &block);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
		if (!inside)
			continue;
		bytes += block.rows[block.n - 1].expected->t_len;
		if (block.n < CDC_VERIFY_ROWS && bytes < CDC_VERIFY_BYTES)
			continue;
		ok = cdc_verify_end_block(walk, &block);
		cdc_verify_begin_block(t, &block);
		bytes = 0;
	}
	if (ok && block.n > 0)
		ok = cdc_verify_end_block(walk, &block);
	if (ok)
	{
		MemoryContext old = MemoryContextSwitchTo(t->context);

		if (range->upto == NULL)
		{
			*is_last = cdc_chunk_is_last(chunk);
			*last = cdc_chunk_last_key(chunk);
		}
		if (t->differences > before)
			cdc_verify_note_range(t, (char **) range->after, *last);
		MemoryContextSwitchTo(old);
	}
	/* the session can do nothing else before it was told all rows */
	while (!ok && cdc_chunk_next(chunk) != NULL)
		CHECK_FOR_INTERRUPTS();
	cdc_chunk_close(chunk);
	MemoryContextDelete(cxt);
	return ok;
}

/* ---- the table ---- */

/* Whether the next chunk is among those that are read. */
static bool
is_sampled(CdcVerifyWalk *walk)
{
	double		sample = walk->t->verify->sample;
	uint64		drawn = cdc_mix_word((uint64) walk->t->began + walk->drawn++);

	return sample >= 1 || (double) (drawn >> 11) / (double) (UINT64CONST(1) << 53) < sample;
}

static bool
find_key(CdcVerifyTable *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	bool		found = cdc_chunk_key(t->verify->control, t->table, &t->key);

	MemoryContextSwitchTo(old);
	return found;
}

/* Where the steps before have come to counts no more. */
static void
begin_anew(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;

	t->anew = true;
	t->from = NULL;
	t->last = NULL;
	t->conditions = t->gone = NIL;
	t->gone_seq = PG_INT64_MAX;
	t->by_range = true;
	t->source_rows = t->rows_read = t->differences = t->began_with = 0;
	walk->chunk = 0;
}

static List *
list_of(char **strings, int n)
{
	List	   *result = NIL;
	int			i;

	for (i = 0; i < n; i++)
		result = lappend(result, strings[i]);
	return result;
}

/* Takes up what the steps before have left. */
static void
go_on(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	const CdcVerifyPlace *from = t->from;
	MemoryContext old = MemoryContextSwitchTo(t->context);

	t->shape = cdc_verify_shape(t);
	if (from != NULL && from->shape != NULL && strcmp(from->shape, t->shape) != 0)
		begin_anew(walk);
	else if (from != NULL && from->last != NULL)
	{
		t->last = from->last;
		t->conditions = list_of(from->ranges, from->nranges);
		t->gone = list_of(from->gone, from->ngone);
		t->gone_seq = from->gone_seq;
		t->by_range = from->by_range;
		t->source_rows = t->began_with = from->source_rows;
		t->rows_read = from->rows_read;
		t->differences = from->differences;
		walk->chunk = from->chunk;
	}
	MemoryContextSwitchTo(old);
}

/* The key that ends the next range, in t->context; NULL: it has no end. */
static char **
find_end(CdcVerifyTable *t, char **after, int64 rows)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	CdcChunkRange range = {(const char *const *) after, NULL, NULL, rows};
	char	  **upto = NULL;

	if (!cdc_chunk_try_skip(t->verify->control, t->table, &t->key, &range, &upto))
		upto = NULL;
	MemoryContextSwitchTo(old);
	return upto;
}

/* ---- ranges of keys ---- */

/* What comes of a sum. */
typedef enum Summed
{
	SUM_EQUAL,
	SUM_DIFFERENT,
	SUM_CHANGES,				/* an event concerns the range meanwhile */
	SUM_NEVER,					/* the source does not make it */
	SUM_NOT_NOW					/* the table is not in a state in which it could be compared */
} Summed;

/* What is summed up of the target. */
typedef struct TargetSum
{
	CdcVerifyWalk *walk;
	const CdcVerifySpan *span;
	int64		seq;
	CdcVerifySum sum;
} TargetSum;

/* CdcVerifyReading */
static void
read_sum(CdcVerifyTable *t, void *arg)
{
	TargetSum  *here = arg;
	CdcVerifyWalk *walk = here->walk;
	TimestampTz began = GetCurrentTimestamp();

	walk->touched = cdc_verify_is_touched(t, here->span, here->seq);
	if (walk->touched || t->reshaped)
		return;
	cdc_verify_target_sum(t, here->span, &here->sum);
	walk->sum_time += GetCurrentTimestamp() - began;
}

/* Compares the sums of the range at both sides; *rows: how many the source has. */
static Summed
compare_sums(CdcVerifyWalk *walk, const CdcChunkRange *range, const CdcVerifySpan *span, int64 *rows)
{
	CdcVerifyTable *t = walk->t;
	TargetSum	here = {walk, span, cdc_verify_seq_now(t->verify), {0, 0}};
	TimestampTz began = GetCurrentTimestamp();
	CdcVerifySum there;

	if (!cdc_verify_source_sum(t, range, &there))
		return SUM_NEVER;
	*rows = there.rows;
	walk->sum_time = GetCurrentTimestamp() - began;
	cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
	walk->touched = false;
	cdc_verify_look(t, read_sum, &here);
	if (!t->ready || t->reshaped)
		return SUM_NOT_NOW;
	if (walk->touched)
		return SUM_CHANGES;
	return here.sum.rows == there.rows && here.sum.hashes == there.hashes ? SUM_EQUAL : SUM_DIFFERENT;
}

/* Compares the range row by row.  false: it could not be. */
static bool
compare_rows(CdcVerifyWalk *walk, const CdcChunkRange *range, const CdcVerifySpan *span)
{
	char	  **last = (char **) range->upto;
	bool		is_last;
	bool		ok;

	walk->seq = cdc_verify_seq_now(walk->t->verify);
	walk->seen = cdc_seen_create();
	ok = walk_chunk(walk, &walk->t->key, range, &last, &is_last) && cdc_verify_find_extras(walk, span);
	cdc_seen_close(walk->seen);
	walk->seen = NULL;
	return ok;
}

/* A range, by its sums where that can be.  false: it could not be compared. */
static bool
walk_range(CdcVerifyWalk *walk, const CdcChunkRange *range)
{
	CdcVerifyTable *t = walk->t;
	int64		before = t->differences;
	CdcVerifySpan span;
	Summed		summed = SUM_NEVER;
	int64		rows;

	cdc_verify_span(t, range, &span);
	if (t->sums != NULL)
		summed = compare_sums(walk, range, &span, &rows);
	if (summed == SUM_NOT_NOW)
		return false;
	if (summed == SUM_EQUAL)
	{
		walk->in_vain = 0;
		cdc_verify_tell_equal(walk, rows);
		cdc_verify_go_slowly(t);
		return true;
	}
	if (!compare_rows(walk, range, &span))
		return false;
	if (summed == SUM_NEVER ||
		(summed == SUM_DIFFERENT && t->differences == before && ++walk->in_vain >= SUMS_IN_VAIN))
		t->sums = NULL;
	return true;
}

/* How many rows the next range has; rows: the last one's. */
static int64
next_rows(const CdcVerifyWalk *walk, int64 rows)
{
	int64		rate = walk->t->verify->rate;
	int64		most = rate > 0 ? Max(Min(rate, SUM_ROWS_MOST), SUM_ROWS_LEAST) : SUM_ROWS_MOST;

	if (walk->t->sums == NULL)
		return Min(CDC_VERIFY_ROWS, most);
	if (walk->sum_time > SUM_MS * INT64CONST(1000))
		return Min(Max(rows / 2, SUM_ROWS_LEAST), most);
	/* the more rows, the more of them are read for each one that changes; but each range waits for apply */
	if (walk->touched && rows > CDC_VERIFY_ROWS)
		return Min(Max(rows / 2, CDC_VERIFY_ROWS), most);
	return Min(Min(rows * 2, walk->touched ? CDC_VERIFY_ROWS : SUM_ROWS_MOST), most);
}

/* Whether a step is to end; one that did nothing yet is not. */
static bool
is_time_over(const CdcVerifyTable *t)
{
	return t->until != 0 && t->last != (t->from != NULL ? t->from->last : NULL) &&
		GetCurrentTimestamp() >= t->until;
}

/*
 * The same as often as it takes, within bounds; what was told of some of its rows must not be
 * told again.
 */
static bool
try_range(CdcVerifyWalk *walk, const CdcChunkRange *range)
{
	CdcVerifyTable *t = walk->t;
	int64		told = walk->told;
	int64		source_rows = t->source_rows;
	int64		rows_read = t->rows_read;
	int			chunk = walk->chunk;
	int			attempt;

	for (attempt = 1; attempt <= RANGE_ATTEMPTS && !t->reshaped && walk->told == told; attempt++)
	{
		t->source_rows = source_rows;
		t->rows_read = rows_read;
		walk->chunk = chunk;
		if (walk_range(walk, range))
			return true;
	}
	return false;
}

static bool
walk_ranges(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify range", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcChunkRange range = {(const char *const *) t->last};
	int64		rows = t->sums != NULL ? SUM_ROWS_FIRST : next_rows(walk, 0);
	bool		ok = true;
	bool		more = true;

	while (more && ok && !is_time_over(t))
	{
		range.upto = (const char *const *) find_end(t, (char **) range.after, rows);
		more = range.upto != NULL;
		ok = !is_sampled(walk) || try_range(walk, &range);
		rows = next_rows(walk, rows);
		range.after = range.upto;
		if (ok)
			t->last = (char **) range.after;
		MemoryContextReset(cxt);
	}
	t->paused = more && ok;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return ok;
}

/* ---- keys of which the source alone has an order ---- */

/*
 * The keys that the source has so far: a step finds what the step before has left to it, as
 * long as it is of the same session and nothing came in between.
 */
static bool
find_seen(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	MemoryContext old;

	if (t->verify->sample < 1)
		return true;
	if (t->until != 0)
	{
		if (t->last != NULL)
			walk->seen = cdc_seen_take(t->seen_name, walk->chunk, &walk->seq);
		else
			walk->seen = cdc_seen_create_kept(t->seen_name, walk->seq);
		walk->keeps_seen = true;
		return walk->seen != NULL;
	}
	old = MemoryContextSwitchTo(t->context);
	walk->seen = cdc_seen_create();
	MemoryContextSwitchTo(old);
	return true;
}

static bool
walk_chunks(CdcVerifyWalk *walk, bool by_key)
{
	CdcVerifyTable *t = walk->t;
	bool		is_last = false;

	if (!find_seen(walk))
	{
		begin_anew(walk);
		(void) find_seen(walk);
	}
	while (!is_last && !is_time_over(t))
	{
		CdcChunkRange range = {(const char *const *) t->last};

		range.limit = by_key ? CDC_VERIFY_ROWS : 0;
		if (by_key && !is_sampled(walk))
		{
			char	  **last = find_end(t, t->last, CDC_VERIFY_ROWS);

			is_last = last == NULL;
			t->last = is_last ? t->last : last;
			continue;
		}
		if (!walk_chunk(walk, by_key ? &t->key : NULL, &range, &t->last, &is_last))
			return false;
	}
	t->paused = !is_last;
	return t->paused || walk->seen == NULL || cdc_verify_find_extras(walk, NULL);
}

static bool
walk_keyed(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	bool		by_key = find_key(t);

	go_on(walk);
	if (by_key)
		cdc_verify_find_spans(t);
	if (t->spans == NULL)
		return walk_chunks(walk, by_key);
	cdc_verify_find_sums(t);
	return walk_ranges(walk);
}

static void
free_plan(CdcVerifyTable *t)
{
	if (t->by_key != NULL)
		SPI_freeplan(t->by_key);
	t->by_key = NULL;
}

static void
reset_table(CdcVerifyTable *t)
{
	free_plan(t);
	MemoryContextReset(t->context);
	t->reshaped = false;
	t->source_rows = 0;
	t->rows_read = 0;
	t->differences = 0;
	t->spans = NULL;
	t->sums = NULL;
	t->last = NULL;
	t->conditions = NIL;
	t->paused = false;
	t->began_with = 0;
	t->shape = NULL;
	memset(&t->key, 0, sizeof(t->key));
	t->ranges = t->gone = NIL;
	t->gone_seq = PG_INT64_MAX;
	t->by_range = true;
}

/* Reads the newest definition, and how the target takes its rows: both of the same version. */
static void
read_definition(CdcVerifyTable *t)
{
	/* another number each time in the session, and none of apply's: a mapping is never older */
	static uint64 runs = PG_UINT64_MAX / 2;
	CdcVerify  *v = t->verify;
	const char *registered = t->registered->name;
	char	   *full_name = cdc_to_utf8_copy(t->source_table);
	char	   *name = pstrdup(full_name);
	char	   *dot = strchr(name, '.');
	int			newest;

	if (dot != NULL)
		*dot = '\0';
	do
	{
		CHECK_FOR_INTERRUPTS();
		newest = cdc_change_newest_version(v->sub->name, full_name, false);
		cdc_schema_invalidate(v->schema);
		cdc_mapping_forget(v->sub, registered, strlen(registered));
		t->mapping = cdc_mapping_look(v->sub, registered, strlen(registered), PG_INT64_MAX, ++runs);
		(void) cdc_table_version_at(v->sub->name, t->source_table, PG_INT64_MAX, GetDatabaseEncoding(), &t->version);
		t->table = dot != NULL ? cdc_schema_get(v->schema, name, dot + 1) : NULL;
	} while (cdc_change_newest_version(v->sub->name, full_name, false) != newest);
}

/* Reads definition and target anew; why the table cannot be verified, or NULL. */
static const char *
prepare(CdcVerifyTable *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->context);
	const char *why = NULL;

	t->block = AllocSetContextCreate(t->context, "cdc.verify block", ALLOCSET_DEFAULT_SIZES);
	/* what the target is altered by behind this place may not be seen in what is read now */
	t->mapping = NULL;
	t->shaped_seq = PG_INT64_MAX;
	cdc_verify_look(t, NULL, NULL);
	t->shaped_seq = t->applied_seq;
	read_definition(t);
	if (!t->ready)
		why = t->lacks ? "it is in error, and no event is applied to it" : "its state is not r";
	else if (t->mapping->target == NULL)
		why = "it goes to the history only";
	else if (t->mapping->trouble != NULL)
		why = t->mapping->trouble;
	else if (t->table == NULL)
		why = "its definition is not known";
	else if (cdc_row_source_unreadable(t->table) != NULL)
		why = "it has a column that cannot be read";
	else
	{
		cdc_source_row_init(&t->row, t->verify->sub, t->mapping);
		t->row.image.def = &t->version.def;
		cdc_source_row_init(&t->event, t->verify->sub, t->mapping);
	}
	MemoryContextSwitchTo(old);
	return why;
}

const char *
cdc_verify_table(CdcVerifyTable *t, CdcVerifyReport report, void *arg)
{
	int			attempt;

	t->began = t->told = GetCurrentTimestamp();
	for (attempt = 1; attempt <= KEYLESS_ATTEMPTS; attempt++)
	{
		CdcVerifyWalk walk = {.t = t, .report = report, .arg = arg};
		const char *why;
		bool		ok;

		reset_table(t);
		why = prepare(t);
		/* the definition may be one that the target has not come to */
		if (why != NULL && why == t->mapping->trouble && t->version.from_seq > t->applied_seq && attempt <= ATTEMPTS)
		{
			cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
			continue;
		}
		if (why != NULL)
			return why;
		if (!t->mapping->target->keyless && attempt > ATTEMPTS)
			break;
		/* not from before what the table was altered by */
		t->verify->shown_at = 0;
		walk.seq = cdc_verify_seq_now(t->verify);
		if (t->mapping->target->keyless)
			ok = cdc_verify_walk_keyless(&walk);
		else
			ok = walk_keyed(&walk);
		t->chunk = walk.chunk;
		if (walk.seen != NULL && walk.keeps_seen && ok && t->paused)
			cdc_seen_keep(t->chunk);
		else if (walk.seen != NULL)
			cdc_seen_close(walk.seen);
		if (ok)
		{
			free_plan(t);
			return NULL;
		}
		report(t, NULL, arg);	/* what was told of it so far counts no more */
	}
	return t->reshaped ? "its definition changes all the time" : "it changes all the time";
}
