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
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg/base/compat_catalog.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/evolve/evolve.h"
#include "pg/mapping/cache.h"
#include "pg/mapping/make.h"
#include "pg/options/option_json.h"
#include "pg/target/shape.h"
#include "pg/target/storage.h"
#include "pg/versions/versions.h"

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
	run->surprised = cdc_run_surprised;
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
	CdcTargetRun *run;
	ListCell   *lc;

	foreach(lc, apply->targets)
	{
		run = lfirst(lc);

		if (run->target == mapping->target)
			return run;
		if (run->target->relid == mapping->target->relid &&
			(run->target->own_rows == NULL || mapping->target->own_rows == NULL))
			elog(ERROR, "source table \"%s\" shares target %s with another one",
				 mapping->source_table, mapping->target->name);
	}
	run = new_target_run(apply, mapping->target, mode);
	if (mapping->versions != NULL)
	{
		mapping->versions->own_rows = mapping->target->own_rows;
		cdc_versions_open(&apply->work, run, new_target_run(apply, mapping->versions, mode),
						  Min(apply->sub->opt.apply_memory_limit, CDC_VERSIONS_BYTES));
	}
	return run;
}

/* ---- targets that were emptied or altered by other hands than apply's ---- */

/*
 * A TRUNCATE gives a table new storage.  At its end each run notes the storage of its targets,
 * and whether they have rows; a later run that finds other storage, and no rows where there
 * were some, has proof.  VACUUM FULL, CLUSTER and ALTER TABLE give new storage, too, and keep
 * the rows; apply's own TRUNCATE is noted by the run that does it.  It is looked at where the
 * relation has changed, as the mapping is made anew then.  An unlogged table loses its rows in a
 * crash of the server, and is found without them by the processes that come behind it.
 *
 * It notes their columns, too: one that has another number by then was made anew, and has no values of
 * before.  Who alters a target as its source was altered forgets what was noted.
 */
static bool
was_emptied(const CdcMapping *mapping)
{
	Relation	rel = table_open(mapping->target->relid, NoLock);
	const CdcTargetSeen *seen = &mapping->seen;
	bool		emptied = false;

	if (cdc_storage_tells(rel) && OidIsValid(seen->node) && seen->has_rows &&
		(seen->node != rel->rd_rel->relfilenode || rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED))
		emptied = !cdc_storage_has_rows(rel);
	table_close(rel, NoLock);
	return emptied;
}

/* Columns that the source fills, and that other hands have altered so that they lost values; or NULL. */
static char *
damage(const CdcMapping *mapping, const char *shape)
{
	char	   *result = NULL;
	int			i;

	for (i = 0; i < mapping->target->ncolumns && result == NULL; i++)
	{
		const CdcMappedColumn *column = &mapping->columns[i];

		if (column->by != CDC_BY_NOTHING && (column->by != CDC_BY_COLUMN || column->in_source))
			result = cdc_target_column_damage(mapping->target, i, shape);
	}
	return result;
}

/*
 * What other hands have done to the target since a run noted it, a sentence without its full stop; NULL:
 * nothing.  What a copy brings anew is of no concern.
 */
static char *
done_by_others(CdcApply *apply, CdcMapping *mapping)
{
	char	   *shape;

	/* what an aborted run has noted is not so */
	if (mapping->looked &&
		(!TransactionIdIsValid(mapping->noted_by) || TransactionIdDidCommit(mapping->noted_by) ||
		 TransactionIdIsCurrentTransactionId(mapping->noted_by)))
		return NULL;
	cdc_subscription_table_seen(apply->sub, mapping->name, &mapping->seen);
	shape = mapping->seen.shape;
	mapping->seen.shape = NULL;
	mapping->shape_noted = shape != NULL && strcmp(shape, cdc_target_shape(mapping->target)) == 0;
	mapping->looked = true;
	mapping->noted_by = InvalidTransactionId;
	if (mapping->copied)
		return NULL;
	if (was_emptied(mapping))
		return psprintf("target %s had rows, and was emptied by other hands", mapping->target->name);
	return shape != NULL && !mapping->shape_noted ? damage(mapping, shape) : NULL;
}

void
cdc_run_note_target(CdcApply *apply, const CdcSourceRun *source)
{
	const CdcTargetRun *run = source->target;
	CdcMapping *mapping = source->mapping;
	CdcTargetSeen *seen = &mapping->seen;
	Relation	rel = table_open(run->target->relid, NoLock);
	Oid			node = rel->rd_rel->relfilenode;
	bool		rows = seen->has_rows;

	if (!cdc_storage_tells(rel))
		node = InvalidOid;
	/* what had its storage from this transaction keeps it where it is emptied */
	else if (node != seen->node || run->deleted > 0 || run->emptied)
		rows = cdc_storage_has_rows(rel);
	else if (run->inserted > 0 || run->updated > 0)
		rows = true;
	if (node != seen->node || rows != seen->has_rows || !mapping->shape_noted)
	{
		CdcTargetSeen now = {node, rows, cdc_target_shape(run->target)};

		cdc_subscription_table_note(apply->sub, mapping->name, &now);
		seen->node = node;
		seen->has_rows = rows;
		mapping->shape_noted = true;
		mapping->noted_by = GetTopTransactionId();
	}
	table_close(rel, NoLock);
}

/* ---- events that find the target another one than their source table was ---- */

/*
 * An update or delete without its row, an insert whose row is there: apply goes on, as a merge does.  But
 * it is a proof that the target is not what its source is, which only a verification would find
 * else: rows were changed by other hands, or the source lost its past.  It is counted, told of
 * once in a while, or the table is copied anew (auto_resync).
 *
 * Only where the target has to have what the events say: not while rows of a copy and of the
 * stream overlap, nor behind a position that was moved, nor for what is not from a binlog.  What
 * events a look ahead has passed over is not known for each row.
 */

/* The run's source table that fills the target. */
static CdcSourceRun *
source_of(CdcApply *apply, const CdcTargetRun *run)
{
	ListCell   *lc;

	foreach(lc, apply->sources)
	{
		CdcSourceRun *source = lfirst(lc);

		for (; source != NULL; source = source->next)
			if (source->target == run)
				return source;
	}
	return NULL;
}

/* Whether each row that the batch brings had to be in the target, or not, as its event says. */
static bool
is_whole(CdcApply *apply, CdcSourceRun *source, const CdcTargetRun *run)
{
	const CdcMapping *mapping = source->mapping;

	if (apply->replay != NULL || apply->only != NULL || apply->sub->kind != CDC_SERVER_MYSQL)
		return false;
	/* rows come into a filter, and leave it; what expressions give may have changed */
	if (mapping->filter != NULL || (mapping->expressions != NULL && run->target->keyless))
		return false;
	if (run->first_seq <= apply->ahead_until)
		return false;
	return run->first_seq > cdc_run_copy_span(apply, source)->whole_after;
}

/* The table's own options, over those of the subscription. */
static void
read_options(const CdcSubscription *sub, const char *name, CdcTableOptions *options)
{
	const CdcSubscriptionTable *table = cdc_apply_table(sub, name);

	cdc_table_options_parse(table != NULL ? table->options : NULL, &sub->opt.table, options);
}

/* Whether rows that the source has not any more may stay in the target: its mode keeps them, or somebody has decided so. */
static bool
may_have_more(CdcApply *apply, CdcSourceRun *source)
{
	CdcTableOptions options;

	if (source->target->mode->is_gone != NULL || source->mapping->keeps_rows ||
		cdc_run_copy_span(apply, source)->keeps)
		return true;
	read_options(apply->sub, source->mapping->name, &options);
	return options.ddl == CDC_DDL_IGNORE;
}

void
cdc_run_surprised(CdcWork *work, CdcTargetRun *run)
{
	CdcApply   *apply = (CdcApply *) ((char *) work - offsetof(CdcApply, work));
	CdcSourceRun *source = source_of(apply, run);
	CdcSurprise *sum;

	if (source == NULL || !is_whole(apply, source, run))
		return;
	sum = &source->surprise;
	if (run->surprise.surplus > 0 && may_have_more(apply, source))
	{
		run->surprise.surplus = 0;
		run->surprise.inserted = false;
	}
	if (run->surprise.missing == 0 && run->surprise.surplus == 0)
		return;
	if (sum->missing == 0 && sum->surplus == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(work->cxt);

		sum->place = run->surprise.place;
		sum->inserted = run->surprise.inserted;
		source->surprise_key = cdc_surprise_key(run);
		MemoryContextSwitchTo(old);
	}
	sum->missing += run->surprise.missing;
	sum->surplus += run->surprise.surplus;
}

/* "seq 12, binlog.000001:567, (id)=(3)" */
static char *
place_text(const CdcSourceRun *source)
{
	const CdcSurprise *surprise = &source->surprise;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "seq " INT64_FORMAT, surprise->place.seq);
	if (surprise->place.file != NULL && surprise->place.offset >= 0)
		appendStringInfo(&text, ", %s" INT64_FORMAT, surprise->place.file, surprise->place.offset);
	if (source->surprise_key != NULL)
		appendStringInfo(&text, ", %s", source->surprise_key);
	return text.data;
}

void
cdc_surprise_tell(const CdcApply *apply, const CdcSourceRun *source)
{
	const CdcSubscription *sub = apply->sub;
	const char *name = source->mapping->name;
	const CdcSurprise *surprise = &source->surprise;
	const char *what = surprise->inserted ? "an insert found its row in" :
		"an update or delete found no row in";
	const char *target = source->mapping->target->name;
	CdcTableOptions options;
	char	   *message;
	char	   *detail;
	char	   *hint;

	read_options(sub, name, &options);
	if (options.auto_resync && !source->span.keeps)
	{
		(void) cdc_follow_fail(sub, name, surprise->place.seq,
							   psprintf("%s target %s, which other hands have changed, or its source has lost what it had", what, target),
							   NULL, NULL, false);
		return;
	}
	message = psprintf("%s target %s of source table %s", what, target, name);
	detail = psprintf("Other hands have changed it, or the source has lost what it had: the first was %s.",
					  place_text(source));
	hint = psprintf("SELECT * FROM cdc.verify(%s, %s, repair := true);", quote_literal_cstr(sub->name),
					quote_literal_cstr(name));
	if (cdc_log_event(sub->name, "difference", message, psprintf("%s %s", detail, hint)))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("%s, subscription \"%s\"", message, sub->name),
				 errdetail("%s", detail),
				 errhint("%s", hint)));
}

/* ---- source tables ---- */

/* The table is in error for what is wrong with its mapping. */
static void
tell_trouble(const CdcApply *apply, const CdcMapping *mapping)
{
	const char *first = mapping->rekey_first;
	const char *remap = mapping->remap ? CDC_REMAP_COLUMNS : mapping->rekey;

	/* a copy alters the target as its source is, and what fills it from the history does not */
	if (remap == NULL && apply->sub->kind == CDC_SERVER_KAFKA)
		first = mapping->remedy;
	(void) cdc_follow_fail(apply->sub, mapping->name, apply->work.at.place.seq, mapping->trouble, first, remap,
						   mapping->remap);
}

/* Adds a source table to the run, and its target where that is new. */
static CdcSourceRun *
new_source_run(CdcApply *apply, CdcMapping *mapping)
{
	MemoryContext old = MemoryContextSwitchTo(apply->work.cxt);
	CdcSourceRun *source = palloc0(sizeof(CdcSourceRun));
	char	   *done;

	source->mapping = mapping;
	if (mapping->target != NULL && mapping->trouble != NULL)
		tell_trouble(apply, mapping);
	else if (mapping->target != NULL)
	{
		source->target = target_run(apply, mapping);
		source->target->source = source;
		done = apply->replay == NULL ? done_by_others(apply, mapping) : NULL;
		/* a target of events may be emptied by who is done with them */
		if (done != NULL && !mapping->shape->own_key)
			cdc_run_give_up_altered(apply, source, done);
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
	cdc_mode_check_numbers(mapping->shape, apply->sub, mapping->target->name, mapping->target->own_rows);
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
