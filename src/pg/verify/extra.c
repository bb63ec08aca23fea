/*-------------------------------------------------------------------------
 *
 * extra.c
 *	  Rows that only the target has.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/verify/verify_internal.h"

#include "utils/memutils.h"

typedef struct Extras
{
	CdcVerifyWalk *walk;
	const CdcVerifySpan *span;	/* NULL: of all rows */
	CdcVerifyBlock block;
	bool		ok;
} Extras;

/* What the source does not have, in a block. */
static void
settle_extras(Extras *extras)
{
	CdcVerifyWalk *walk = extras->walk;
	CdcVerifyTable *t = walk->t;
	MemoryContext old;
	int			i;

	if (extras->block.n == 0)
		return;
	old = MemoryContextSwitchTo(t->block);
	cdc_verify_explain(t, extras->block.rows, extras->block.n, walk->seq);
	extras->ok = !t->reshaped;
	for (i = 0; i < extras->block.n; i++)
		extras->ok = extras->ok && !extras->block.rows[i].unsure;
	if (extras->ok)
	{
		extras->block.source_rows = 0;
		extras->block.target_rows = extras->block.n;
		walk->chunk++;
		cdc_verify_tell_block(walk, &extras->block, true);
	}
	MemoryContextSwitchTo(old);
	cdc_verify_begin_block(t, &extras->block);
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
	cdc_verify_add_target_row(t, &extras->block, hash, values, nulls);
	if (extras->block.n == CDC_VERIFY_ROWS)
		settle_extras(extras);
	return extras->ok;
}

/* CdcVerifyReading: the keys of the target's rows. */
static void
read_keys(CdcVerifyTable *t, void *arg)
{
	Extras	   *extras = arg;

	cdc_verify_scan(t, extras->span, false, visit_target_row, extras);
	settle_extras(extras);
}

bool
cdc_verify_find_extras(CdcVerifyWalk *walk, const CdcVerifySpan *span)
{
	CdcVerifyTable *t = walk->t;
	Extras		extras = {walk, span, {0}, true};
	int			part;

	for (part = 0; part < cdc_seen_parts(walk->seen) && extras.ok; part++)
	{
		cdc_seen_load(walk->seen, part);
		cdc_verify_wait(t->verify, cdc_verify_position_now(t->verify));
		cdc_verify_begin_block(t, &extras.block);
		cdc_verify_look(t, read_keys, &extras);
		extras.ok = extras.ok && t->ready && !t->reshaped;
	}
	return extras.ok;
}
