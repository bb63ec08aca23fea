/*-------------------------------------------------------------------------
 *
 * mode_replica.c
 *	  The mode "replica": the target has the rows that the source table has.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/htup_details.h"
#include "utils/datum.h"

#include "pg/base/compat_catalog.h"
#include "pg/target/key.h"

/* The presence of a row as the target has it. */
static const CdcPresence *
all_columns(CdcTarget *target)
{
	bool	   *attrs = palloc(sizeof(bool) * target->desc->natts);

	memset(attrs, true, sizeof(bool) * target->desc->natts);
	return cdc_presence_intern(&target->presences, attrs);
}

/* What becomes of a row that the source has. */
static void
put_row(CdcApply *apply, CdcTargetRun *run, Datum *values, bool *nulls, const CdcPresence *presence, bool existing)
{
	if (run->mode->put != NULL)
		run->mode->put(apply, run, values, nulls, presence, existing);
	else if (existing)
		cdc_reduce_update(&apply->work, run, values, nulls, presence);
	else
		cdc_reduce_put(&apply->work, run, values, nulls, presence);
}

/*
 * The row of a key as the target will have it: fills values and nulls, by attribute.
 * Returns the columns that are known of it, or NULL when there is no such row.
 */
static const CdcPresence *
row_of_key(CdcApply *apply, CdcTargetRun *run, const Datum *okey, const bool *onulls,
		   Datum *values, bool *nulls)
{
	CdcTarget  *target = run->target;
	CdcEntry   *entry;

	if (run->mode->row != NULL)
		return run->mode->row(apply, run, okey, onulls, values, nulls) ? all_columns(target) : NULL;
	entry = cdc_reduce_find_entry(run, cdc_key_hash(target, okey, onulls), okey, onulls);
	if (entry != NULL && !entry->put)
		return NULL;			/* deleted before */
	if (entry != NULL && entry->presence->complete)
	{
		heap_deform_tuple(entry->tuple, target->desc, values, nulls);
		return entry->presence;
	}

	/* the row as the target has it once all before is written */
	if (entry != NULL)
		cdc_reduce_flush(&apply->work, run);
	if (!cdc_reduce_fetch(&apply->work, run, okey, onulls, values, nulls))
		return NULL;
	return all_columns(target);
}

bool
cdc_mode_has_gone_row(CdcApply *apply, CdcTargetRun *run, const Datum *key, const bool *key_nulls)
{
	Datum	   *values = palloc(sizeof(Datum) * run->target->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * run->target->desc->natts);

	return run->mode->is_gone != NULL &&
		row_of_key(apply, run, key, key_nulls, values, nulls) != NULL && run->mode->is_gone(run, values, nulls);
}

/* The same of a row that an update finds: one that has gone at the source is none. */
static const CdcPresence *
former_row(CdcApply *apply, CdcTargetRun *run, const Datum *okey, const bool *onulls,
		   Datum *values, bool *nulls)
{
	const CdcPresence *presence = row_of_key(apply, run, okey, onulls, values, nulls);

	if (presence != NULL && run->mode->is_gone != NULL && run->mode->is_gone(run, values, nulls))
		return NULL;
	return presence;
}

bool
cdc_mode_has_row(CdcApply *apply, CdcSourceRun *source)
{
	CdcTargetRun *run = source->target;
	const CdcSourceRow *row = &source->row;
	const CdcEntry *entry;
	Datum	   *values = palloc(sizeof(Datum) * run->target->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * run->target->desc->natts);

	/* one that has gone at the source does not tell what a new one has */
	if (run->mode->is_gone != NULL)
		return former_row(apply, run, row->values, row->nulls, values, nulls) != NULL;
	entry = cdc_reduce_find_entry(run, cdc_key_hash(run->target, row->values, row->nulls),
								  row->values, row->nulls);
	if (entry != NULL)
		return entry->put;
	if (run->mode->row != NULL)
		return run->mode->row(apply, run, row->values, row->nulls, values, nulls);
	return cdc_reduce_fetch(&apply->work, run, row->values, row->nulls, values, nulls);
}

/*
 * A changed key takes along the columns that the event lacks (partial images,
 * the target's own columns): fills them into the row at hand, and extends its
 * presence, where there is a row to take them from.
 */
static void
carry_columns(CdcApply *apply, CdcTargetRun *run, CdcSourceRow *row, const Datum *okey,
			  const bool *onulls)
{
	TupleDesc	desc = run->target->desc;
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	const CdcPresence *carried = former_row(apply, run, okey, onulls, values, nulls);
	int			i;

	if (carried == NULL)
		return;
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (row->presence->attrs[i] || att->attisdropped || CDC_ATT_GENERATED(att))
			continue;
		row->values[i] = nulls[i] ? (Datum) 0 :
			datumCopy(values[i], att->attbyval, att->attlen);
		row->nulls[i] = nulls[i];
	}
	row->presence = carried;
}

/* In a table without key: the former row goes, the new one comes; each if it passes the filter. */
static void
fold_update_keyless(CdcApply *apply, CdcTargetRun *run, CdcSourceRow *row,
					const JsonbContainer *old)
{
	int			natts = run->target->desc->natts;
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);

	memcpy(nulls, row->nulls, sizeof(bool) * natts);
	memcpy(values, row->values, sizeof(Datum) * natts);
	if (cdc_source_row_former(row, old, values, nulls))
		cdc_reduce_keyless(&apply->work, run, values, nulls, false, row->presence);
	if (row->passes != CDC_PASSES_NO)
		cdc_reduce_keyless(&apply->work, run, row->values, row->nulls, true, row->presence);
}

/*
 * An update of which the image does not have all that the mapping computes: the row as the
 * target has it tells the rest.  Returns whether the update is to go on as others do.
 */
static bool
complete_update(CdcApply *apply, CdcSourceRun *source, const Datum *okey, const bool *onulls)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	int			natts = run->target->desc->natts;
	Datum	   *values;
	bool	   *nulls;
	bool		there;
	const char *lacks = NULL;

	if (row->mapping->filter == NULL && !row->layout->reads)
		return true;
	values = palloc(sizeof(Datum) * natts);
	nulls = palloc(sizeof(bool) * natts);
	there = former_row(apply, run, okey, onulls, values, nulls) != NULL;
	if (there && row->layout->reads)
		lacks = cdc_source_row_complete(row, values, nulls);
	else if (!there && cdc_run_is_ahead(apply, source, apply->work.at.place.seq))
		return false;			/* the whole row comes with the copy, or has gone by now */
	else if (!there && row->mapping->filter != NULL && row->passes == CDC_PASSES_AS_BEFORE)
		return false;			/* it was outside of the filter, and is */
	else if (!there && row->mapping->filter != NULL && row->passes != CDC_PASSES_NO)
		lacks = "*";			/* it seems to come into the filter */
	if (lacks != NULL)
		cdc_run_give_up(apply, source, lacks);
	return lacks == NULL;
}

/* A changed key is a delete of the former one and a row under the new one. */
static void
fold_update(CdcApply *apply, CdcSourceRun *source, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;
	bool		partial = row->layout->partial && row->mapping->expressions != NULL;
	bool		moved = false;
	Datum	   *okey = row->values;
	bool	   *onulls = row->nulls;

	if (old != NULL && cdc_json_count(old) > 0)
	{
		okey = palloc(sizeof(Datum) * run->target->desc->natts);
		onulls = palloc(sizeof(bool) * run->target->desc->natts);
		moved = cdc_source_row_former_key(row, old, okey, onulls);
	}
	if (partial && !complete_update(apply, source, okey, onulls))
	{
		if (moved && !source->given_up)
			run->mode->remove(apply, run, okey, onulls);
		return;
	}
	run->expected = CDC_EXPECTS_ROW;
	if (moved)
	{
		cdc_order_beyond_key(apply, source, "an update that changes the key,");
		cdc_order_former(apply, source, okey, onulls);
		if (!row->presence->complete && row->passes != CDC_PASSES_NO)
			carry_columns(apply, run, row, okey, onulls);
		run->mode->remove(apply, run, okey, onulls);
		if (run->target->row_by_row)
			cdc_reduce_flush(&apply->work, run);
		run->expected = CDC_EXPECTS_NONE;
	}
	if (row->passes == CDC_PASSES_NO)
		run->mode->remove(apply, run, row->values, row->nulls);
	/* the whole row comes with the copy, or has gone by now */
	else if (row->layout->partial && !row->presence->complete &&
			 cdc_run_is_ahead(apply, source, apply->work.at.place.seq))
		put_row(apply, run, row->values, row->nulls, row->presence, true);
	else
		put_row(apply, run, row->values, row->nulls, row->presence, false);
}

void
cdc_mode_replica_fold(CdcApply *apply, CdcSourceRun *source, char op, const JsonbContainer *old)
{
	CdcTargetRun *run = source->target;
	CdcSourceRow *row = &source->row;

	if (row->layout->stale != NULL && op != CDC_OP_DELETE)
		cdc_layout_refuse_stale(source->mapping, row->layout);
	if (run->target->keyless && op == CDC_OP_UPDATE)
		fold_update_keyless(apply, run, row, old);
	else if (run->target->keyless)
	{
		if (row->passes != CDC_PASSES_NO)
			cdc_reduce_keyless(&apply->work, run, row->values, row->nulls, op != CDC_OP_DELETE,
							   row->presence);
	}
	else if (op == CDC_OP_DELETE)
	{
		run->expected = CDC_EXPECTS_ROW;
		run->mode->remove(apply, run, row->values, row->nulls);
	}
	else if (op == CDC_OP_UPDATE)
		fold_update(apply, source, old);
	else if (row->passes == CDC_PASSES_NO)
		run->mode->remove(apply, run, row->values, row->nulls);
	else if (row->layout->partial && row->mapping->expressions != NULL &&
			 (row->layout->reads || row->passes != CDC_PASSES_YES))
		cdc_run_give_up(apply, source, "*");
	else
	{
		if (op == CDC_OP_INSERT)
			run->expected = CDC_EXPECTS_NONE;
		put_row(apply, run, row->values, row->nulls, row->presence, false);
	}
	/* of what else is written nobody knows */
	run->expected = CDC_EXPECTS_NOTHING;
}

/*
 * CdcApplyMode.supersedes: a delete leaves nothing of what was before, and neither does a row that has all
 * columns which the earlier event wrote (after a delete: all columns).
 */
static bool
replica_supersedes(const CdcPresences *presences, const CdcPresence *later,
				   const CdcPresence *earlier)
{
	if (later == NULL || later->complete)
		return true;
	return earlier != NULL && cdc_presence_covers(presences, later, earlier);
}

/* CdcApplyMode.truncate */
static void
replica_truncate(CdcApply *apply, CdcTargetRun *run)
{
	/* what was before goes with it */
	cdc_reduce_discard(&apply->work, run);

	/* TRUNCATE wants the relation for itself */
	cdc_reduce_close(&apply->work, run);
	cdc_truncate_target(&apply->work, run);
}

/* CdcApplyMode.remove */
static void
replica_remove(CdcApply *apply, CdcTargetRun *run, const Datum *values, const bool *nulls)
{
	cdc_reduce_delete(&apply->work, run, values, nulls);
}

const CdcApplyMode cdc_mode_replica = {
	"replica",
	cdc_mode_replica_fold,
	replica_supersedes,
	replica_truncate,
	NULL,
	NULL,
	replica_remove,
	NULL
};
