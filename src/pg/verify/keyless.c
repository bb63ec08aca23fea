/*-------------------------------------------------------------------------
 *
 * keyless.c
 *	  Tables without key: rows as often as they are there.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "miscadmin.h"
#include "utils/memutils.h"

typedef struct Multiset
{
	CdcVerifyWalk *walk;
	CdcVerifyBlock block;			/* of what does not match */
	int64		target_rows;
	bool		ok;				/* no event explains what does not match */
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
	cdc_verify_add_target_row(t, &set->block, hash, values, nulls);
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

/* CdcVerifyReading: all rows of the target, against a part of those of the source. */
static void
read_part(CdcVerifyTable *t, void *arg)
{
	Multiset   *set = arg;
	MemoryContext old = MemoryContextSwitchTo(t->block);
	int			n;
	int			i;

	cdc_verify_scan(t, NULL, true, take_row, set);
	cdc_seen_each(set->walk->seen, note_left, set);
	n = set->block.n;
	cdc_verify_lay_over(t, set->block.rows, n, set->walk->seq);
	set->ok = true;
	for (i = 0; i < n; i++)
		set->ok = set->ok && set->block.rows[i].differs;
	MemoryContextSwitchTo(old);
}

/*
 * Compares the multisets of rows.  false: an event may explain a difference, so that the
 * table is to be read again.
 */
static bool
match_rows(CdcVerifyWalk *walk)
{
	CdcVerifyTable *t = walk->t;
	int			part;
	bool		ok = true;

	for (part = 0; part < cdc_seen_parts(walk->seen) && ok; part++)
	{
		Multiset	set = {walk, {0}, 0, false};

		cdc_seen_load(walk->seen, part);
		cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
		cdc_verify_begin_block(t, &set.block);
		cdc_verify_look(t, read_part, &set);
		ok = set.ok && !t->reshaped;
		if (ok)
		{
			walk->chunk++;
			set.block.source_rows = part == 0 ? t->source_rows : 0;
			set.block.target_rows = set.target_rows;
			cdc_verify_tell_block(walk, &set.block, false);
		}
	}
	return ok;
}

/* Reads all rows of a table without key into walk->seen. */
static bool
read_rows(CdcVerifyWalk *walk)
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
			t->rows_read++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
	}
	cdc_chunk_close(chunk);
	MemoryContextDelete(cxt);
	return true;
}

bool
cdc_verify_walk_keyless(CdcVerifyWalk *walk)
{
	MemoryContext old = MemoryContextSwitchTo(walk->t->context);

	walk->seen = cdc_seen_create();
	MemoryContextSwitchTo(old);
	return read_rows(walk) && match_rows(walk);
}
