/*-------------------------------------------------------------------------
 *
 * run_target.c
 *	  The source tables and targets of a run of apply.
 *
 * Events are of source tables, what is written is of targets: a CdcSourceRun each
 * for the former, found by name, with one for each of its targets, a CdcTargetRun each
 * for the latter, found by relation.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/transam.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/tables.h"
#include "pg/evolve/evolve.h"
#include "pg/mapping/cache.h"
#include "pg/mapping/make.h"
#include "pg/target/storage.h"

/* Events of a few source tables take turns: so many are looked through before the cache. */
#define LOOK_THROUGH	16

/* Adds a target to the run; the current context is the run's. */
static CdcTargetRun *
new_target_run(CdcApply *apply, CdcTarget *target, const CdcApplyMode *mode)
{
	CdcTargetRun *run = palloc0(sizeof(CdcTargetRun));

	run->target = target;
	run->subscription = apply->sub->name;
	run->number = list_length(apply->targets) + 1;
	run->mode = mode;
	cdc_target_rights(target->relid, apply->sub, &run->rights);
	run->writes_as_owner = run->rights.writer == apply->sub->owner_oid;
	run->backend = cdc_backend_choose(target, &run->rights);
	run->batch = CDC_BATCH_CONTEXT(apply->work.cxt, "cdc_ingest batch");
	apply->targets = lappend(apply->targets, run);
	return run;
}

/*
 * The run's target for a mapping.  Source tables that fill the same relation have rows of
 * their own in it, which a constant in the key tells from others: registering the tables
 * sees to that.  So each has a target run of its own, and none needs to know of another.
 */
static CdcTargetRun *
target_run(CdcApply *apply, const CdcMapping *mapping)
{
	const CdcApplyMode *mode = cdc_apply_mode_of_table(mapping->mode, mapping->source_table);
	ListCell   *lc;

	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		if (run->target == mapping->target)
			return run;
		if (run->target->relid == mapping->target->relid &&
			(run->target->own_rows == NULL || mapping->target->own_rows == NULL))
			elog(ERROR, "source table \"%s\" shares target %s with another one",
				 mapping->source_table, mapping->target->name);
	}
	return new_target_run(apply, mapping->target, mode);
}

/* ---- targets that were emptied by other hands than apply's ---- */

/*
 * A TRUNCATE gives a table new storage.  At its end each run notes the storage of its targets,
 * and whether they have rows; a later run that finds other storage, and no rows where there
 * were some, has proof.  VACUUM FULL, CLUSTER and ALTER TABLE give new storage, too, and keep
 * the rows; apply's own TRUNCATE is noted by the run that does it.  It is looked at where the
 * relation has changed, as the mapping is made anew then.  An unlogged table loses its rows in a
 * crash of the server, and is found without them by the processes that come behind it.
 */
static bool
was_emptied(CdcApply *apply, CdcMapping *mapping)
{
	Relation	rel;
	Oid			node;
	bool		emptied = false;

	/* what an aborted run has noted is not so */
	if (mapping->looked &&
		(!TransactionIdIsValid(mapping->noted_by) || TransactionIdDidCommit(mapping->noted_by) ||
		 TransactionIdIsCurrentTransactionId(mapping->noted_by)))
		return false;
	rel = table_open(mapping->target->relid, NoLock);
	node = rel->rd_rel->relfilenode;
	cdc_subscription_table_seen(apply->sub, mapping->name, &mapping->node, &mapping->has_rows);
	mapping->looked = true;
	mapping->noted_by = InvalidTransactionId;
	if (cdc_storage_tells(rel) && OidIsValid(mapping->node) && mapping->has_rows && !mapping->copied &&
		(mapping->node != node || rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED))
		emptied = !cdc_storage_has_rows(rel);
	table_close(rel, NoLock);
	return emptied;
}

void
cdc_run_note_target(CdcApply *apply, const CdcSourceRun *source)
{
	const CdcTargetRun *run = source->target;
	CdcMapping *mapping = source->mapping;
	Relation	rel = table_open(run->target->relid, NoLock);
	Oid			node = rel->rd_rel->relfilenode;
	bool		rows = mapping->has_rows;

	if (cdc_storage_tells(rel))
	{
		if (node != mapping->node || run->deleted > 0)
			rows = cdc_storage_has_rows(rel);
		else if (run->inserted > 0 || run->updated > 0)
			rows = true;
		if (node != mapping->node || rows != mapping->has_rows)
		{
			cdc_subscription_table_note(apply->sub, mapping->name, node, rows);
			mapping->node = node;
			mapping->has_rows = rows;
			mapping->noted_by = GetTopTransactionId();
		}
	}
	table_close(rel, NoLock);
}

/* Adds a source table to the run, and its target where that is new. */
static CdcSourceRun *
new_source_run(CdcApply *apply, CdcMapping *mapping)
{
	MemoryContext old = MemoryContextSwitchTo(apply->work.cxt);
	CdcSourceRun *source = palloc0(sizeof(CdcSourceRun));

	source->mapping = mapping;
	if (mapping->target != NULL && mapping->trouble != NULL)
		(void) cdc_follow_fail(apply->sub, mapping->name, apply->work.at.place.seq, mapping->trouble,
							   mapping->remap ? CDC_REMAP_COLUMNS : NULL);
	else if (mapping->target != NULL)
	{
		source->target = target_run(apply, mapping);
		source->target->source = source;
		/* a target of events may be emptied by who is done with them */
		if (apply->replay == NULL && was_emptied(apply, mapping) && !mapping->shape->own_key)
			cdc_run_give_up_emptied(apply, source);
		cdc_source_row_init(&source->row, apply->sub, mapping);
		source->target->one_by_one = apply->guard != NULL &&
			cdc_guard_is_exact(apply->guard, mapping->name);

		/* an event that leaves nothing behind in one target may in another */
		source->target->all_count = mapping->shared;
		if (apply->puts_aside && (mapping->kept || (apply->guard != NULL &&
													cdc_guard_failed(apply->guard, mapping->name, 0) != NULL)))
			cdc_aside_open(apply, source);
		source->row.image.facts = &apply->facts;
		cdc_order_watch(apply, source);
	}
	apply->sources = lappend(apply->sources, source);
	MemoryContextSwitchTo(old);
	return source;
}

/* Whether the mapping is of the source table with a name of len bytes. */
static inline bool
is_named(const CdcMapping *mapping, const char *source_table, size_t len)
{
	return strncmp(mapping->source_table, source_table, len) == 0 &&
		mapping->source_table[len] == '\0';
}

/* The first of these that has a target and is not in error; NULL: there is none. */
static inline CdcSourceRun *
first_live(CdcSourceRun *source)
{
	while (source != NULL && (source->target == NULL || source->given_up))
		source = source->next;
	return source;
}

CdcSourceRun *
cdc_run_known_source(const CdcApply *apply, const CdcHistoryEvent *event)
{
	ListCell   *lc;

	if (event->source_table == NULL)
		return NULL;
	foreach(lc, apply->sources)
	{
		CdcSourceRun *source = lfirst(lc);

		if (is_named(source->mapping, event->source_table, event->source_table_len))
			return first_live(source);
	}
	return NULL;
}

CdcSourceRun *
cdc_run_next_source(const CdcSourceRun *source)
{
	return source->next == NULL ? NULL : first_live(source->next);
}

/*
 * Adds the source table of the mapping to the run, and the same with the other targets that it
 * fills.  An error is that of the table at hand.
 */
static CdcSourceRun *
new_source_runs(CdcApply *apply, CdcMapping *mapping)
{
	CdcAtHand	at = apply->work.at;
	CdcSourceRun *first = new_source_run(apply, mapping);
	CdcSourceRun *source = first;

	while (apply->only == NULL && mapping->next != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		apply->work.at.source_table = mapping->next;
		apply->work.at.source_table_len = strlen(mapping->next);
		mapping = cdc_mapping_get(apply->sub, mapping->next, strlen(mapping->next),
								  apply->work.at.place.seq, apply->number);
		source->next = new_source_run(apply, mapping);
		source = source->next;
	}
	apply->work.at = at;
	return first;
}

/* The source table of that name, in the run or loaded into it. */
static CdcSourceRun *
find_source_run(CdcApply *apply, const char *source_table, size_t len)
{
	CdcMapping *mapping;
	ListCell   *lc;
	int			n = 0;

	foreach(lc, apply->sources)
	{
		CdcSourceRun *source = lfirst(lc);

		if (is_named(source->mapping, source_table, len))
			return source;
		if (++n >= LOOK_THROUGH)
			break;
	}
	if (apply->only != NULL)
	{
		source_table = apply->only;
		len = strlen(source_table);
	}
	mapping = cdc_mapping_get(apply->sub, source_table, len, apply->work.at.place.seq, apply->number);
	if (n >= LOOK_THROUGH)
		foreach(lc, apply->sources)
			if (((CdcSourceRun *) lfirst(lc))->mapping == mapping)
				return lfirst(lc);
	return new_source_runs(apply, mapping);
}

/* The one source table of a replay, whatever its events call it. */
static CdcSourceRun *
replayed_source(CdcApply *apply)
{
	MemoryContext old;
	CdcMapping *mapping;

	if (apply->last_source != NULL)
		return apply->last_source;
	old = MemoryContextSwitchTo(apply->work.cxt);
	mapping = cdc_mapping_make(apply->sub, apply->replay, apply->work.at.place.seq, true);
	MemoryContextSwitchTo(old);
	if (mapping->trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("target %s cannot take the rows of source table %s", mapping->target->name,
						mapping->source_table),
				 errdetail("From here on %s.", mapping->trouble),
				 errhint("Give the target the columns that they need, or name others in the argument \"columns\".")));
	return new_source_run(apply, mapping);
}

CdcSourceRun *
cdc_run_source(CdcApply *apply, const CdcHistoryEvent *event)
{
	if (event->op == CDC_OP_SCHEMA || event->op == CDC_OP_CONTROL)
		return NULL;
	return cdc_run_framed_source(apply, event);
}

CdcSourceRun *
cdc_run_framed_source(CdcApply *apply, const CdcHistoryEvent *event)
{
	CdcSourceRun *source = apply->last_source;

	if (event->source_table == NULL)
		return NULL;
	if (apply->replay != NULL)
		source = replayed_source(apply);
	else if (source == NULL ||
			 !is_named(source->mapping, event->source_table, event->source_table_len))
		source = find_source_run(apply, event->source_table, event->source_table_len);
	apply->last_source = source;
	return first_live(source);
}
