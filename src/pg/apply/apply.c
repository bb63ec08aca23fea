/*-------------------------------------------------------------------------
 *
 * apply.c
 *	  apply: history into targets up to a source commit boundary, progress and
 *	  counters in the same transaction; and the run of reduction and back-ends
 *	  that cdc.replay shares.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/base/bounded_text.h"
#include "pg/base/result_set.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/base/shmem.h"
#include "pg/base/wake.h"

static uint64 run_number = 0;

/* ------------------------------------------------------------------------
 * Errors
 * ------------------------------------------------------------------------
 */

/* "(id, no)=(5, 7)" of the event or entry at hand. */
static char *
key_text(const CdcApply *apply)
{
	const CdcTarget *target = apply->at_target->target;
	StringInfoData names;
	StringInfoData values;
	int			i;

	initStringInfo(&names);
	initStringInfo(&values);
	for (i = 0; i < target->nkey; i++)
	{
		const CdcTargetColumn *col = &target->columns[target->key[i].column];
		char	   *text = NULL;
		CdcJsonValue v;

		if (apply->at_entry != NULL)
		{
			if (i >= 16 || (apply->at_entry->key_nulls & (1 << i)) == 0)
				text = OutputFunctionCall((FmgrInfo *) &target->key[i].output,
										  apply->at_entry->key[i]);
		}
		else if (cdc_json_find(apply->at_data, col->source, col->source_len, &v) &&
				 v.type != JENTRY_ISNULL)
			text = cdc_json_to_cstring(&v);
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", col->name);
		appendStringInfo(&values, "%s%s", i > 0 ? ", " : "",
						 text ? cdc_bounded_text(text, 200) : "null");
	}
	return psprintf("(%s)=(%s)", names.data, values.data);
}

static void
error_context(void *arg)
{
	CdcApply   *apply = arg;
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "subscription \"%s\"", apply->sub->name);
	if (apply->place.seq > 0)
		appendStringInfo(&s, ", seq " INT64_FORMAT, apply->place.seq);
	if (apply->place.file != NULL)
	{
		appendStringInfo(&s, ", position %s", apply->place.file);
		if (apply->place.offset >= 0)
			appendStringInfo(&s, INT64_FORMAT, apply->place.offset);
	}
	if (apply->at_target != NULL)
		appendStringInfo(&s, ", source table \"%s\", target %s",
						 apply->at_target->target->source_table,
						 apply->at_target->target->name);
	else if (apply->source_table != NULL)
		appendStringInfo(&s, ", source table \"%.*s\"", (int) apply->source_table_len,
						 apply->source_table);
	if (apply->at_target != NULL && !apply->at_target->target->keyless &&
		(apply->at_data != NULL || apply->at_entry != NULL))
		appendStringInfo(&s, ", key %s", key_text(apply));
	if (apply->at_column != NULL)
		appendStringInfo(&s, ", column \"%s\"", apply->at_column);
	errcontext("%s", s.data);
	pfree(s.data);
	cdc_bound_this_message();
}

/* ------------------------------------------------------------------------
 * A run
 * ------------------------------------------------------------------------
 */

static CdcTargetRun *
new_target_run(CdcApply *apply, CdcTarget *target)
{
	MemoryContext old = MemoryContextSwitchTo(apply->cxt);
	CdcTargetRun *run = palloc0(sizeof(CdcTargetRun));

	run->target = target;
	run->number = list_length(apply->targets) + 1;
	if (OidIsValid(target->relid))
	{
		int			natts = target->desc->natts;

		run->batch = CDC_BATCH_CONTEXT(apply->cxt, "cdc_ingest batch");
		run->values = palloc0(sizeof(Datum) * natts);
		run->nulls = palloc0(sizeof(bool) * natts);
		run->key = palloc0(sizeof(Datum) * Max(target->nkey, 1));
		run->key_null = palloc0(sizeof(bool) * Max(target->nkey, 1));
		run->count.target = pstrdup(target->name);
	}
	apply->targets = lappend(apply->targets, run);
	MemoryContextSwitchTo(old);
	return run;
}

static inline bool
is_named(const CdcTarget *target, const char *source_table, size_t len)
{
	return strncmp(target->source_table, source_table, len) == 0 &&
		target->source_table[len] == '\0';
}

CdcTargetRun *
cdc_apply_known_target(const CdcApply *apply, const char *source_table, size_t len)
{
	ListCell   *lc;

	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		if (is_named(run->target, source_table, len))
			return run;
	}
	return NULL;
}

static CdcTargetRun *
find_target_run(CdcApply *apply, const char *source_table, size_t len)
{
	CdcTarget  *target;
	ListCell   *lc;
	int			n = 0;

	/* a few targets take turns: look through those first */
	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		if (is_named(run->target, source_table, len))
			return run;
		if (++n >= 16)
			break;
	}
	target = cdc_target_get(apply->sub, source_table, len, apply->place.seq, apply->run);
	if (n >= 16)
		foreach(lc, apply->targets)
			if (((CdcTargetRun *) lfirst(lc))->target == target)
				return lfirst(lc);
	return new_target_run(apply, target);
}

CdcTargetRun *
cdc_apply_target(CdcApply *apply, const char *source_table, size_t len)
{
	if (apply->replay == NULL &&
		(apply->last == NULL || !is_named(apply->last->target, source_table, len)))
		apply->last = find_target_run(apply, source_table, len);
	else if (apply->last == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(apply->cxt);
		CdcTarget  *target = cdc_target_make(apply->sub, apply->replay, apply->place.seq);

		apply->last = new_target_run(apply, target);
		MemoryContextSwitchTo(old);
	}
	return apply->last;
}

CdcApply *
cdc_apply_begin(const CdcSubscription *sub, const CdcTargetSpec *replay)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "cdc_ingest apply",
											  ALLOCSET_DEFAULT_SIZES);
	CdcApply   *apply = MemoryContextAllocZero(cxt, sizeof(CdcApply));

	apply->sub = sub;
	apply->replay = replay;
	if (!cdc_format_by_name(sub->format, &apply->format))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\" of subscription \"%s\"", sub->format, sub->name)));
	apply->run = ++run_number;
	apply->cxt = cxt;
	apply->owner = CurrentResourceOwner;
	apply->row_cxt = AllocSetContextCreate(cxt, "cdc_ingest row", ALLOCSET_DEFAULT_SIZES);
	apply->errors.callback = error_context;
	apply->errors.arg = apply;
	apply->errors.previous = error_context_stack;
	error_context_stack = &apply->errors;
	cdc_user_become_owner(sub, &apply->user);

	/*
	 * As logical replication does: foreign keys were checked by the source and
	 * would fail inside a batch; triggers fire that ask for it.  A worker stays
	 * in that role, since each change of it throws all plans away.
	 */
	apply->guc_level = 0;
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
	{
		if (!cdc_am_worker())
			apply->guc_level = NewGUCNestLevel();
		CDC_SET_OPTION("session_replication_role", "replica", PGC_SUSET, PGC_S_SESSION,
					   cdc_am_worker() ? GUC_ACTION_SET : GUC_ACTION_SAVE);
	}
	return apply;
}

void
cdc_apply_flush(CdcApply *apply)
{
	ListCell   *lc;

	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		if (run->nentries > 0)
			cdc_reduce_flush(apply, run);
	}
}

/* Everything is written; the counters in apply->targets stay until its context goes. */
void
cdc_apply_end(CdcApply *apply)
{
	ListCell   *lc;

	cdc_apply_flush(apply);
	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		if (run->backend != NULL)
			run->target->backend->close(apply, run);
		if (apply->replay != NULL)
			cdc_apply_sql_forget(run->target);
	}
	if (apply->guc_level > 0)
		AtEOXact_GUC(true, apply->guc_level);
	cdc_user_restore(&apply->user);
	error_context_stack = apply->errors.previous;
}

/* ------------------------------------------------------------------------
 * Counters and progress
 * ------------------------------------------------------------------------
 */

static void
count_target(const CdcApply *apply, const CdcTargetRun *run)
{
	static const char *const sets =
		"UPDATE cdc_catalog.table_counter SET events = events OPERATOR(pg_catalog.+) $3,"
		" inserts = inserts OPERATOR(pg_catalog.+) $4,"
		" updates = updates OPERATOR(pg_catalog.+) $5,"
		" deletes = deletes OPERATOR(pg_catalog.+) $6, last_seq = $7,"
		" source_ts = coalesce($8, source_ts)"
		" WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2";
	static CdcStatement update = {
		NULL, 8, {TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID},
		NULL
	};
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.table_counter (subscription, source_table, events, inserts, updates,"
		" deletes, last_seq, source_ts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		8, {TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}, NULL
	};
	Datum		values[8];
	char		nulls[8];

	update.sql = sets;
	memset(nulls, ' ', sizeof(nulls));
	values[0] = CStringGetTextDatum(apply->sub->name);
	values[1] = CStringGetTextDatum(run->target->source_table);
	values[2] = Int64GetDatum(run->count.events);
	values[3] = Int64GetDatum(run->count.inserted);
	values[4] = Int64GetDatum(run->count.updated);
	values[5] = Int64GetDatum(run->count.deleted);
	values[6] = Int64GetDatum(run->last_seq);
	values[7] = TimestampTzGetDatum(run->source_ts);
	if (run->source_ts == 0)
		nulls[7] = 'n';
	if (cdc_spi_execute(&update, values, nulls) == 0)
		(void) cdc_spi_execute(&insert, values, nulls);
}

static void
write_counters(const CdcApply *apply)
{
	CdcSpi		spi;
	ListCell   *lc;

	cdc_spi_begin(&spi);
	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);

		if (run->count.events > 0)
			count_target(apply, run);
	}
	cdc_spi_end(&spi);
}

/* ------------------------------------------------------------------------
 * Entry points
 * ------------------------------------------------------------------------
 */

/* The boundary up to which this run goes; 0: there is nothing to do. */
static int64
choose_boundary(const CdcSubscription *sub, const CdcProgress *progress,
				const CdcPosition *position, int64 max_events, bool *more)
{
	int64		after = progress->applied_seq;
	int64		upto = 0;

	*more = false;
	if (max_events > 0)
	{
		int64		from = after > PG_INT64_MAX - max_events ? PG_INT64_MAX : after + max_events;

		upto = cdc_history_first_boundary(sub, Max(from, position->barrier_seq));
	}
	if (upto == 0)
		return cdc_history_last_boundary(sub, after, position->barrier_seq);
	*more = cdc_history_last_boundary(sub, upto, position->barrier_seq) != 0;
	return upto;
}

void
cdc_apply_run(const CdcSubscription *sub, int64 max_events, CdcApplyResult *result)
{
	CdcApply   *apply;
	CdcProgress progress;
	CdcPosition position;
	int64		upto;
	ListCell   *lc;

	memset(result, 0, sizeof(*result));
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	cdc_progress_get(sub, &progress);
	cdc_position_get(sub, &position);

	/* targets being copied are ahead of the stream in parts: nothing to show yet */
	if (position.snapshot_join != NULL)
		return;

	apply = cdc_apply_begin(sub, NULL);
	upto = choose_boundary(sub, &progress, &position, max_events, &result->more);
	if (upto != 0)
	{
		cdc_history_scan(apply, progress.applied_seq, upto, NULL);
		cdc_apply_flush(apply);
	}
	cdc_apply_end(apply);
	if (upto != 0)
	{
		if (apply->progress.applied_seq != upto)
			elog(ERROR, "history of subscription \"%s\" ended at seq " INT64_FORMAT
				 " before the boundary " INT64_FORMAT, sub->name,
				 apply->progress.applied_seq, upto);
		if (apply->progress.source_ts == 0)
			apply->progress.source_ts = progress.source_ts;
		write_counters(apply);
		cdc_progress_set(sub, &apply->progress);
		cdc_progress_broadcast_at_commit();
	}
	result->events = apply->events;
	foreach(lc, apply->targets)
	{
		CdcTargetRun *run = lfirst(lc);
		CdcApplyCount *count;

		if (run->count.events == 0)
			continue;
		count = palloc(sizeof(CdcApplyCount));
		*count = run->count;
		count->target = pstrdup(run->count.target);
		result->counts = lappend(result->counts, count);
	}
	MemoryContextDelete(apply->cxt);
}

static void
put_counts(FunctionCallInfo fcinfo, const CdcApplyResult *result)
{
	TupleDesc	desc;
	Tuplestorestate *store = cdc_result_set_begin(fcinfo, &desc);
	ListCell   *lc;

	foreach(lc, result->counts)
	{
		const CdcApplyCount *count = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false, false, false, false, false};

		values[0] = CStringGetTextDatum(count->target);
		values[1] = Int64GetDatum(count->events);
		values[2] = Int64GetDatum(count->inserted);
		values[3] = Int64GetDatum(count->updated);
		values[4] = Int64GetDatum(count->deleted);
		tuplestore_putvalues(store, desc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(cdc_apply);

Datum
cdc_apply(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	CdcApplyResult result;
	int64		max_events = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of the subscription must not be null")));
	if (!PG_ARGISNULL(1) && max_events <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_events must be greater than zero")));
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_owner(sub);
	cdc_apply_run(sub, max_events, &result);
	put_counts(fcinfo, &result);
	return (Datum) 0;
}
