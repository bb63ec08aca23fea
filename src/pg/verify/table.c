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

/* How often a table is begun anew because its definition changed meanwhile. */
#define ATTEMPTS		5

/* Tables without key: how often they are read until nothing changes meanwhile. */
#define KEYLESS_ATTEMPTS	10

/* How often a range is compared anew because that could not be done. */
#define RANGE_ATTEMPTS	10

/*
 * Rows of a range that is to be summed up: as many as take about so long, within bounds.  All
 * of them are read where the sums differ, or one of them changes meanwhile.
 */
#define SUM_ROWS_LEAST	2000
#define SUM_ROWS_MOST	100000
#define SUM_MS			300

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

/* Compares the sums of the range at both sides; *rows: how many the source has. */
static Summed
compare_sums(CdcVerifyTable *t, const CdcChunkRange *range, const CdcVerifySpan *span, int64 *rows)
{
	int64		seq = cdc_verify_seq_now(t->verify);
	CdcVerifySum here = {0, 0};
	CdcVerifySum there;
	bool		touched = false;

	if (!cdc_verify_source_sum(t, range, &there))
		return SUM_NEVER;
	cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
	cdc_verify_enter(t);
	if (t->ready)
	{
		touched = cdc_verify_is_touched(t, span, seq);
		if (!touched && !t->reshaped)
			cdc_verify_target_sum(t, span, &here);
	}
	cdc_verify_leave();
	*rows = there.rows;
	if (!t->ready || t->reshaped)
		return SUM_NOT_NOW;
	if (touched)
		return SUM_CHANGES;
	return here.rows == there.rows && here.hashes == there.hashes ? SUM_EQUAL : SUM_DIFFERENT;
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
		summed = compare_sums(t, range, &span, &rows);
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

/* How many rows the next range has, by how long the last one took. */
static int64
next_rows(const CdcVerifyTable *t, int64 rows, TimestampTz began)
{
	int64		most = t->verify->rate > 0 ? Max(Min(t->verify->rate, SUM_ROWS_MOST), SUM_ROWS_LEAST) : SUM_ROWS_MOST;

	if (t->sums == NULL)
		return CDC_VERIFY_ROWS;
	if (TimestampDifferenceExceeds(began, GetCurrentTimestamp(), SUM_MS))
		return Min(Max(rows / 2, SUM_ROWS_LEAST), most);
	return Min(rows * 2, most);
}

static bool
walk_ranges(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify range", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	CdcChunkRange range = {0};
	int64		rows = CDC_VERIFY_ROWS;
	bool		ok = true;
	bool		more = true;

	if (t->verify->rate > 0)
		rows = Max(Min(rows, t->verify->rate), SUM_ROWS_LEAST);
	while (more && ok)
	{
		TimestampTz began = GetCurrentTimestamp();
		int			attempt;

		range.upto = (const char *const *) find_end(t, (char **) range.after, rows);
		more = range.upto != NULL;
		if (is_sampled(walk))
		{
			ok = false;
			for (attempt = 1; attempt <= RANGE_ATTEMPTS && !ok && !t->reshaped; attempt++)
			{
				int64		before = t->differences;

				ok = walk_range(walk, &range);
				if (!ok && t->differences != before)
					break;		/* what was told of it must not be told again */
			}
		}
		rows = next_rows(t, rows, began);
		range.after = range.upto;
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	return ok;
}

/* ---- keys of which the source alone has an order ---- */

static bool
walk_chunks(CdcVerifyWalk *walk, bool by_key)
{
	CdcVerifyTable *t = walk->t;
	char	  **last = NULL;
	bool		is_last = false;

	if (t->verify->sample >= 1)
	{
		MemoryContext old = MemoryContextSwitchTo(t->context);

		walk->seen = cdc_seen_create();
		MemoryContextSwitchTo(old);
	}
	while (!is_last)
	{
		CdcChunkRange range = {0};

		range.after = (const char *const *) last;
		range.limit = by_key ? CDC_VERIFY_ROWS : 0;
		if (by_key && !is_sampled(walk))
		{
			last = find_end(t, last, CDC_VERIFY_ROWS);
			is_last = last == NULL;
			continue;
		}
		if (!walk_chunk(walk, by_key ? &t->key : NULL, &range, &last, &is_last))
			return false;
	}
	return walk->seen == NULL || cdc_verify_find_extras(walk, NULL);
}

static bool
walk_keyed(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	bool		by_key = find_key(t);

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
	memset(&t->key, 0, sizeof(t->key));
	t->ranges = t->gone = NIL;
	t->gone_seq = PG_INT64_MAX;
	t->by_range = true;
}

/* Reads definition and target anew; why the table cannot be verified, or NULL. */
static const char *
prepare(CdcVerifyTable *t)
{
	CdcVerify  *v = t->verify;
	MemoryContext old = MemoryContextSwitchTo(t->context);
	char	   *name = cdc_to_utf8_copy(t->source_table);
	char	   *dot = strchr(name, '.');
	const char *why = NULL;

	t->block = AllocSetContextCreate(t->context, "cdc.verify block", ALLOCSET_DEFAULT_SIZES);
	cdc_schema_invalidate(v->schema);
	t->mapping = cdc_mapping_look(v->sub, t->registered->name, strlen(t->registered->name), PG_INT64_MAX,
								  ++v->run);
	t->table = NULL;
	if (dot != NULL)
	{
		*dot = '\0';
		t->table = cdc_schema_get(v->schema, name, dot + 1);
	}
	cdc_verify_enter(t);
	cdc_verify_leave();
	if (t->mapping->target == NULL)
		why = "it goes to the history only";
	else if (!t->ready)
		why = "its state is not r";
	else if (t->mapping->trouble != NULL)
		why = t->mapping->trouble;
	else if (t->table == NULL)
		why = "its definition is not known";
	else if (cdc_row_source_unreadable(t->table) != NULL)
		why = "it has a column that cannot be read";
	else
	{
		cdc_source_row_init(&t->row, v->sub, t->mapping);
		cdc_source_row_init(&t->event, v->sub, t->mapping);
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
		CdcVerifyWalk walk = {t, NULL, 0, 0, 0, 0, report, arg};
		const char *why;
		bool		ok;

		reset_table(t);
		why = prepare(t);
		if (why != NULL)
			return why;
		if (!t->mapping->target->keyless && attempt > ATTEMPTS)
			break;
		walk.seq = t->shaped_seq = cdc_verify_seq_now(t->verify);
		if (t->mapping->target->keyless)
			ok = cdc_verify_walk_keyless(&walk);
		else
			ok = walk_keyed(&walk);
		if (walk.seen != NULL)
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
