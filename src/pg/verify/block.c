/*-------------------------------------------------------------------------
 *
 * block.c
 *	  Rows of the source, some at a time, compared with the target; and what is told of them.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/process/background.h"

/* The user is told so often. */
#define TELL_MS			10000

/* ---- telling ---- */

static void
report_kind(CdcVerifyWalk *walk, const CdcVerifyBlock *block, const char *kind, CdcVerifyRow **rows, int n)
{
	CdcVerifyChunk chunk = {walk->chunk, kind, block->source_rows, block->target_rows, block->source_rows, rows, n};

	walk->told++;
	walk->t->differences += n;
	walk->report(walk->t, &chunk, walk->arg);
}

void
cdc_verify_tell_block(CdcVerifyWalk *walk, CdcVerifyBlock *block, bool extra)
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

void
cdc_verify_tell_equal(CdcVerifyWalk *walk, int64 rows)
{
	CdcVerifyChunk chunk = {++walk->chunk, "equal", rows, rows, 0, NULL, 0};

	walk->told++;
	walk->t->source_rows += rows;
	walk->report(walk->t, &chunk, walk->arg);
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
	until = t->began + (t->source_rows - t->began_with) * USECS_PER_SEC / t->verify->rate;
	while (GetCurrentTimestamp() < until)
	{
		CHECK_FOR_INTERRUPTS();
		cdc_background_sleep((long) Min((until - GetCurrentTimestamp()) / 1000 + 1, 1000));
	}
}

void
cdc_verify_go_slowly(CdcVerifyTable *t)
{
	tell_progress(t);
	keep_rate(t);
}

/* ---- comparing ---- */

void
cdc_verify_explain(CdcVerifyTable *t, CdcVerifyRow *rows, int n, int64 seq)
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

/* CdcVerifyReading: the rows of a block. */
static void
read_block(CdcVerifyTable *t, void *arg)
{
	CdcVerifyBlock *block = arg;
	bool		any = false;
	int			i;

	cdc_verify_lookup(t, block->rows, block->n, NULL);
	for (i = 0; i < block->n; i++)
		any = any || block->rows[i].differs;
	if (any)
		cdc_verify_explain(t, block->rows, block->n, block->seq);
}

/*
 * Compares the rows of the source with the target.  false: the table is not in a state in
 * which that could be, or was altered meanwhile.
 */
static bool
compare_block(CdcVerifyWalk *walk, CdcVerifyBlock *block)
{
	CdcVerifyTable *t = walk->t;
	int			i;

	cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
	cdc_verify_look(t, read_block, block);
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

void
cdc_verify_add_row(CdcVerifyWalk *walk, CdcVerifyBlock *block)
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
	t->rows_read++;
}

void
cdc_verify_begin_block(CdcVerifyTable *t, CdcVerifyBlock *block)
{
	MemoryContextReset(t->block);
	block->n = 0;
	block->rows = MemoryContextAlloc(t->block, sizeof(CdcVerifyRow) * CDC_VERIFY_ROWS);
}

bool
cdc_verify_end_block(CdcVerifyWalk *walk, CdcVerifyBlock *block)
{
	MemoryContext old = MemoryContextSwitchTo(walk->t->block);
	bool		ok;

	walk->chunk++;
	ok = compare_block(walk, block);
	if (ok)
		cdc_verify_tell_block(walk, block, false);
	MemoryContextSwitchTo(old);
	cdc_verify_go_slowly(walk->t);
	return ok;
}

void
cdc_verify_add_target_row(CdcVerifyTable *t, CdcVerifyBlock *block, CdcHash128 hash, const Datum *values,
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
