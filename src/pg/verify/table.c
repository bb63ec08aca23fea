/*-------------------------------------------------------------------------
 *
 * table.c
 *	  A table is verified: chunk by chunk each row of the source is looked up in the
 *	  target, then each row of the target among those that the source had.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/base/compat_value.h"
#include "pg/base/utf8.h"
#include "pg/copy/row_source.h"
#include "pg/process/background.h"
#include "pg/mapping/cache.h"

/* How often a table is begun anew because its definition changed meanwhile. */
#define ATTEMPTS		5

/* Tables without key: how often they are read until nothing changes meanwhile. */
#define KEYLESS_ATTEMPTS	10

/* The user is told so often. */
#define TELL_MS			10000

/* Rows of the source at hand. */
typedef struct RowBlock
{
	CdcVerifyRow *rows;
	int			n;
	int64		seq;			/* history's last when its query began */
	int64		source_rows;	/* what is told of it */
	int64		target_rows;
} RowBlock;

/* A walk through a table. */
typedef struct Walk
{
	CdcVerifyTable *t;
	CdcSeen    *seen;			/* keys that the source has; NULL: only a sample is read */
	int64		seq;			/* history's last when the walk began */
	int			chunk;			/* number of the chunk at hand */
	uint64		drawn;			/* lots drawn for a sample */
	CdcVerifyReport report;
	void	   *arg;
} Walk;

/* ---- telling ---- */

static void
report_kind(Walk *walk, const RowBlock *block, const char *kind, CdcVerifyRow **rows, int n)
{
	CdcVerifyChunk chunk = {walk->chunk, kind, block->source_rows, block->target_rows, rows, n};

	walk->t->differences += n;
	walk->report(walk->t, &chunk, walk->arg);
}

/* Tells what the block's rows are, by kind. */
static void
report_block(Walk *walk, RowBlock *block, bool extra)
{
	CdcVerifyRow **missing = palloc(sizeof(CdcVerifyRow *) * Max(block->n, 1));
	CdcVerifyRow **different = palloc(sizeof(CdcVerifyRow *) * Max(block->n, 1));
	CdcVerifyRow **added = palloc(sizeof(CdcVerifyRow *) * Max(block->n, 1));
	int			nmissing = 0;
	int			ndifferent = 0;
	int			nadded = 0;
	int			i;

	for (i = 0; i < block->n; i++)
	{
		CdcVerifyRow *row = &block->rows[i];

		if (!row->differs)
			continue;
		if (row->nfound == 0)
			missing[nmissing++] = row;
		else if (row->expected == NULL)
		{
			added[nadded++] = row;
			cdc_verify_note_gone(walk->t, row);
		}
		else
			different[ndifferent++] = row;
	}
	/* what comes to light at the end is in no range */
	if (extra && nmissing + ndifferent > 0)
		walk->t->by_range = false;
	if (nmissing > 0)
		report_kind(walk, block, "missing", missing, nmissing);
	if (ndifferent > 0)
		report_kind(walk, block, "different", different, ndifferent);
	if (nadded > 0)
		report_kind(walk, block, "extra", added, nadded);
	if (nmissing + ndifferent + nadded == 0 && !extra)
		report_kind(walk, block, "equal", NULL, 0);
}

static void
tell_progress(CdcVerifyTable *t)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(t->told, now, TELL_MS))
		return;
	t->told = now;
	ereport(NOTICE,
			(errmsg("%s: " INT64_FORMAT " rows compared, " INT64_FORMAT " differ",
					t->source_table, t->source_rows, t->differences)));
}

/* Sleeps as long as the rows that were read so far should have taken. */
static void
keep_rate(const CdcVerifyTable *t)
{
	TimestampTz until;

	if (t->verify->rate <= 0)
		return;
	until = t->began + t->source_rows * USECS_PER_SEC / t->verify->rate;
	while (GetCurrentTimestamp() < until)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_background_sleep((long) Min((until - GetCurrentTimestamp()) / 1000 + 1, 1000));
	}
}

/* ---- comparing ---- */

/*
 * Rows with differs set, of which the target was read at t->applied_seq: what history has
 * behind seq is laid over them, and they are looked up once more at the same place.
 */
static void
explain(CdcVerifyTable *t, CdcVerifyRow *rows, int n, int64 seq)
{
	bool	   *touched = palloc0(sizeof(bool) * Max(n, 1));
	bool		any = false;
	int			i;

	for (i = 0; i < n; i++)
		touched[i] = rows[i].differs;
	cdc_verify_lay_over(t, rows, n, seq);
	if (t->reshaped)
		return;
	for (i = 0; i < n; i++)
	{
		touched[i] = touched[i] && !rows[i].differs;
		any = any || touched[i];
	}
	if (any)
		cdc_verify_lookup(t, rows, n, touched);
	pfree(touched);
}

/*
 * Compares the rows of the source with the target.  false: the table is not in a state in
 * which that could be, or was altered meanwhile.
 */
static bool
compare_block(Walk *walk, RowBlock *block)
{
	CdcVerifyTable *t = walk->t;
	bool		any = false;
	int			i;

	cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
	cdc_verify_enter(t);
	if (t->ready)
	{
		cdc_verify_lookup(t, block->rows, block->n, NULL);
		for (i = 0; i < block->n; i++)
			any = any || block->rows[i].differs;
		if (any)
			explain(t, block->rows, block->n, block->seq);
	}
	cdc_verify_leave();
	if (!t->ready || t->reshaped)
		return false;
	block->source_rows = block->n;
	block->target_rows = 0;
	for (i = 0; i < block->n; i++)
	{
		/* columns that no event told: to be read again */
		if (block->rows[i].unsure)
			return false;
		block->target_rows += block->rows[i].nfound;
	}
	return true;
}

/* Adds the row at hand to the block. */
static void
add_row(Walk *walk, RowBlock *block)
{
	CdcVerifyTable *t = walk->t;
	const CdcTarget *target = t->mapping->target;
	MemoryContext old = MemoryContextSwitchTo(t->block);
	CdcVerifyRow *row = &block->rows[block->n++];

	memset(row, 0, sizeof(*row));
	row->hash = cdc_verify_hash_key(target, t->row.values, t->row.nulls);
	row->expected = row->key = heap_form_tuple(target->desc, t->row.values, t->row.nulls);
	row->presence = t->row.presence;
	MemoryContextSwitchTo(old);
	if (walk->seen != NULL)
		cdc_seen_add(walk->seen, row->hash);
	t->source_rows++;
}

static void
begin_block(CdcVerifyTable *t, RowBlock *block)
{
	MemoryContextReset(t->block);
	block->n = 0;
	block->rows = MemoryContextAlloc(t->block, sizeof(CdcVerifyRow) * CDC_VERIFY_ROWS);
}

/* Compares what the block has, and tells it. */
static bool
end_block(Walk *walk, RowBlock *block)
{
	MemoryContext old = MemoryContextSwitchTo(walk->t->block);
	bool		ok;

	walk->chunk++;
	ok = compare_block(walk, block);
	if (ok)
		report_block(walk, block, false);
	MemoryContextSwitchTo(old);
	tell_progress(walk->t);
	keep_rate(walk->t);
	return ok;
}

/*
 * The rows of a query, in blocks.  *last: its last key, in t->context.  false: the
 * table's definition does not fit any more, or a block could not be compared.
 */
static bool
walk_chunk(Walk *walk, const CdcChunkKey *key, const CdcChunkRange *range, char ***last,
		   bool *is_last)
{
	CdcVerifyTable *t = walk->t;
	CdcVerify  *v = t->verify;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify row",
											  ALLOCSET_DEFAULT_SIZES);
	RowBlock	block;
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
	begin_block(t, &block);
	while (ok && (values = cdc_chunk_next(chunk)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		bool		inside;

		cdc_verify_read_row(t, values);
		inside = t->row.passes == CDC_PASSES_YES;
		if (inside)
			add_row(walk, &block);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
		if (!inside)
			continue;
		bytes += block.rows[block.n - 1].expected->t_len;
		if (block.n < CDC_VERIFY_ROWS && bytes < CDC_VERIFY_BYTES)
			continue;
		ok = end_block(walk, &block);
		begin_block(t, &block);
		bytes = 0;
	}
	if (ok && block.n > 0)
		ok = end_block(walk, &block);
	if (ok)
	{
		MemoryContext old = MemoryContextSwitchTo(t->context);

		*is_last = cdc_chunk_is_last(chunk);
		*last = cdc_chunk_last_key(chunk);
		if (t->differences > before)
			cdc_verify_note_range(t, (char **) range->after, *last);
		MemoryContextSwitchTo(old);
	}
	cdc_chunk_close(chunk);
	MemoryContextDelete(cxt);
	return ok;
}

/* ---- rows that only the target has ---- */

typedef struct Extras
{
	Walk	   *walk;
	RowBlock	block;
	bool		ok;
} Extras;

/* Adds a row of the target that the source does not seem to have. */
static void
add_target_row(CdcVerifyTable *t, RowBlock *block, CdcHash128 hash, const Datum *values,
			   const bool *nulls)
{
	MemoryContext old = MemoryContextSwitchTo(t->block);
	CdcVerifyRow *row = &block->rows[block->n++];

	memset(row, 0, sizeof(*row));
	row->hash = row->found = hash;
	row->key = heap_form_tuple(t->mapping->target->desc, (Datum *) values, (bool *) nulls);
	row->nfound = 1;
	row->differs = true;
	MemoryContextSwitchTo(old);
}

/* What the source does not have, in a block. */
static void
settle_extras(Extras *extras)
{
	Walk	   *walk = extras->walk;
	CdcVerifyTable *t = walk->t;
	MemoryContext old;
	int			i;

	if (extras->block.n == 0)
		return;
	old = MemoryContextSwitchTo(t->block);
	explain(t, extras->block.rows, extras->block.n, walk->seq);
	extras->ok = !t->reshaped;
	for (i = 0; i < extras->block.n; i++)
		extras->ok = extras->ok && !extras->block.rows[i].unsure;
	if (extras->ok)
	{
		extras->block.source_rows = 0;
		extras->block.target_rows = extras->block.n;
		walk->chunk++;
		report_block(walk, &extras->block, true);
	}
	MemoryContextSwitchTo(old);
	begin_block(t, &extras->block);
}

/* CdcVerifyVisitor */
static bool
visit_target_row(const Datum *values, const bool *nulls, void *arg)
{
	Extras	   *extras = arg;
	CdcVerifyTable *t = extras->walk->t;
	CdcHash128	hash = cdc_verify_hash_key(t->mapping->target, values, nulls);

	if (!cdc_seen_in_part(extras->walk->seen, hash) || cdc_seen_find(extras->walk->seen, hash) != NULL)
		return true;
	add_target_row(t, &extras->block, hash, values, nulls);
	if (extras->block.n == CDC_VERIFY_ROWS)
		settle_extras(extras);
	return extras->ok;
}

static bool
find_extras(Walk *walk)
{
	CdcVerifyTable *t = walk->t;
	Extras		extras = {walk, {0}, true};
	int			part;

	for (part = 0; part < cdc_seen_parts(walk->seen) && extras.ok; part++)
	{
		cdc_seen_load(walk->seen, part);
		cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
		cdc_verify_enter(t);
		begin_block(t, &extras.block);
		if (t->ready)
		{
			cdc_verify_scan(t, visit_target_row, &extras);
			settle_extras(&extras);
		}
		cdc_verify_leave();
		extras.ok = extras.ok && t->ready && !t->reshaped;
	}
	return extras.ok;
}

/* ---- tables without key ---- */

typedef struct Multiset
{
	Walk	   *walk;
	RowBlock	block;			/* of what does not match */
	int64		target_rows;
} Multiset;

/* CdcVerifyVisitor: takes the row from those that the source has. */
static bool
take_row(const Datum *values, const bool *nulls, void *arg)
{
	Multiset   *set = arg;
	CdcVerifyTable *t = set->walk->t;
	CdcHash128	hash = cdc_verify_hash_key(t->mapping->target, values, nulls);
	int32	   *count;

	if (!cdc_seen_in_part(set->walk->seen, hash))
		return true;
	set->target_rows++;
	count = cdc_seen_find(set->walk->seen, hash);
	if (count != NULL && *count > 0)
	{
		(*count)--;
		return true;
	}
	if (set->block.n == CDC_VERIFY_ROWS)
		return true;
	add_target_row(t, &set->block, hash, values, nulls);
	return true;
}

/* For cdc_seen_each(): rows of the source that the target does not have. */
static void
note_left(CdcHash128 hash, int32 count, void *arg)
{
	Multiset   *set = arg;
	CdcVerifyRow *row;

	for (; count > 0 && set->block.n < CDC_VERIFY_ROWS; count--)
	{
		row = &set->block.rows[set->block.n++];
		memset(row, 0, sizeof(*row));
		row->hash = hash;
		row->expected = row->key = NULL;
		row->nfound = 0;
		row->differs = true;
	}
}

/*
 * Compares the multisets of rows.  false: an event may explain a difference, so that the
 * table is to be read again.
 */
static bool
match_rows(Walk *walk)
{
	CdcVerifyTable *t = walk->t;
	int			part;
	bool		ok = true;

	for (part = 0; part < cdc_seen_parts(walk->seen) && ok; part++)
	{
		Multiset	set = {walk, {0}, 0};
		int			i;

		cdc_seen_load(walk->seen, part);
		cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
		cdc_verify_enter(t);
		begin_block(t, &set.block);
		ok = t->ready;
		if (ok)
		{
			MemoryContext old = MemoryContextSwitchTo(t->block);
			int			n;

			cdc_verify_scan(t, take_row, &set);
			cdc_seen_each(walk->seen, note_left, &set);
			n = set.block.n;
			cdc_verify_lay_over(t, set.block.rows, n, walk->seq);
			for (i = 0; i < n; i++)
				ok = ok && set.block.rows[i].differs;
			MemoryContextSwitchTo(old);
		}
		cdc_verify_leave();
		ok = ok && !t->reshaped;
		if (ok)
		{
			walk->chunk++;
			set.block.source_rows = part == 0 ? t->source_rows : 0;
			set.block.target_rows = set.target_rows;
			report_block(walk, &set.block, false);
		}
	}
	return ok;
}

/* Reads all rows of a table without key into walk->seen. */
static bool
read_keyless(Walk *walk)
{
	CdcVerifyTable *t = walk->t;
	CdcVerify  *v = t->verify;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc.verify row",
											  ALLOCSET_DEFAULT_SIZES);
	CdcChunkRange range = {0};
	CdcError	err;
	CdcChunk   *chunk = cdc_chunk_open(v->reader, t->table, NULL, &range, v->sub->name, &err);
	const CdcValue *values;

	if (chunk == NULL)
		return false;
	while ((values = cdc_chunk_next(chunk)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		cdc_verify_read_row(t, values);
		if (t->row.passes == CDC_PASSES_YES)
		{
			cdc_seen_add(walk->seen, cdc_verify_hash_key(t->mapping->target, t->row.values,
														 t->row.nulls));
			t->source_rows++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	cdc_chunk_close(chunk);
	MemoryContextDelete(cxt);
	return true;
}

/* ---- the table ---- */

/* Whether the next chunk is among those that are read. */
static bool
is_sampled(Walk *walk)
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

static bool
walk_keyed(Walk *walk)
{
	CdcVerifyTable *t = walk->t;
	const CdcChunkKey *key = &t->key;
	bool		by_key = find_key(t);
	char	  **last = NULL;
	bool		is_last = false;

	while (!is_last)
	{
		CdcChunkRange range = {0};

		range.after = (const char *const *) last;
		range.limit = by_key ? CDC_VERIFY_ROWS : 0;
		if (by_key && !is_sampled(walk))
		{
			MemoryContext old = MemoryContextSwitchTo(t->context);

			is_last = !cdc_chunk_skip(t->verify->control, t->table, key, &range, &last);
			MemoryContextSwitchTo(old);
			continue;
		}
		if (!walk_chunk(walk, by_key ? key : NULL, &range, &last, &is_last))
			return false;
	}
	return walk->seen == NULL || find_extras(walk);
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
	t->differences = 0;
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
		Walk		walk = {t, NULL, 0, 0, 0, report, arg};
		const char *why;
		bool		ok;

		reset_table(t);
		why = prepare(t);
		if (why != NULL)
			return why;
		if (!t->mapping->target->keyless && attempt > ATTEMPTS)
			break;
		walk.seq = cdc_verify_seq_now(t->verify);
		if (t->verify->sample >= 1 || t->mapping->target->keyless)
		{
			MemoryContext old = MemoryContextSwitchTo(t->context);

			walk.seen = cdc_seen_create();
			MemoryContextSwitchTo(old);
		}
		if (t->mapping->target->keyless)
			ok = read_keyless(&walk) && match_rows(&walk);
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
