/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  cdc.replay: derives a table from a range of stored history by a run of
 *	  apply, live apply undisturbed.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/apply/apply_internal.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "pg/base/compat_catalog.h"
#include "pg/catalog/tables.h"
#include "pg/history/hole.h"
#include "pg/schema/versions.h"

/* ERROR where an argument is NULL that must not be. */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"subscription", "source_table", "target"};
	int			i;

	for (i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null", names[i])));
}

/*
 * Takes over the key that cdc.add_table was given, where both write the same
 * columns.  Returns whether the subscription has the source table.
 */
static bool
use_live_key(const CdcSubscription *sub, CdcMappingSpec *spec)
{
	bool		registered = false;
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
	{
		CdcSubscriptionTable *table = lfirst(lc);

		if (strcmp(table->source_table, spec->source_table) != 0)
			continue;
		registered = true;
		if (spec->columns == NULL && table->columns == NULL)
		{
			spec->key = table->key;
			spec->nkey = table->nkey;
		}
	}
	return registered;
}

/* The target as the caller's search_path finds it, qualified: the run has another one. */
static char *
qualify_target(char *target)
{
	Oid			relid = RangeVarGetRelid(makeRangeVarFromNameList(CDC_QUALIFIED_NAMES(target)),
										 NoLock, true);

	return OidIsValid(relid) ?
		quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
								   get_rel_name(relid)) : target;
}

int64
cdc_replay_stretch(const CdcSubscription *sub, const CdcMappingSpec *spec, int64 after, int64 upto)
{
	CdcApply   *apply = cdc_run_begin(sub, spec);
	int64		events;

	cdc_run_scan(apply, after, upto, spec->source_table);
	cdc_run_end(apply);
	events = apply->events;
	MemoryContextDelete(apply->work.cxt);
	return events;
}

/* What a statement did to rows that were there is in no event. */
static void
warn_of_change(const CdcSubscription *sub, const char *source_table, const CdcTableVersion *before,
			   const CdcTableVersion *after)
{
	if (before->def.ncolumns == 0 || after->def.ncolumns == 0 ||
		cdc_table_def_same_rows(&before->def, &after->def))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("source table %s was altered before seq " INT64_FORMAT ", within what is replayed", source_table,
					after->from_seq),
			 errdetail("A replay does what events say. Rows from before have what these say, not what the statement made of them at the source, as the default of a new column."),
			 errhint("For rows as they are there now: %s", cdc_replay_of_copy_hint(sub, source_table))));
}

/* Events behind after up to upto, each by the definition that it was written under; how many. */
static int64
replay(const CdcSubscription *sub, const CdcMappingSpec *spec, int64 after, int64 upto)
{
	CdcTableVersion version;
	int64		events = 0;

	(void) cdc_table_version_at(sub->name, spec->source_table, after + 1, GetDatabaseEncoding(), &version);
	while (version.next_seq <= upto && version.next_seq != PG_INT64_MAX)
	{
		CdcTableVersion before = version;

		CHECK_FOR_INTERRUPTS();
		events += cdc_replay_stretch(sub, spec, after, before.next_seq - 1);
		after = before.next_seq - 1;
		(void) cdc_table_version_at(sub->name, spec->source_table, after + 1, GetDatabaseEncoding(), &version);
		if (events > 0)
			warn_of_change(sub, spec->source_table, &before, &version);
	}
	return events + cdc_replay_stretch(sub, spec, after, upto);
}

PG_FUNCTION_INFO_V1(cdc_replay);

Datum
cdc_replay(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	CdcMappingSpec spec;
	int64		from = PG_ARGISNULL(3) ? 1 : PG_GETARG_INT64(3);
	int64		to = PG_ARGISNULL(4) ? PG_INT64_MAX : PG_GETARG_INT64(4);
	int64		events;
	bool		registered;
	CdcScope	scope;

	check_arguments(fcinfo);
	memset(&spec, 0, sizeof(spec));
	spec.mode = PG_ARGISNULL(5) ? "replica" : text_to_cstring(PG_GETARG_TEXT_PP(5));
	(void) cdc_apply_mode_of_argument(spec.mode);
	sub = cdc_subscription_get(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	cdc_subscription_check_owner(sub);
	spec.source_table = text_to_cstring(PG_GETARG_TEXT_PP(1));
	spec.target = qualify_target(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (!PG_ARGISNULL(6))
		spec.columns = (const Jsonb *) PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(6));
	if (!PG_ARGISNULL(7))
		spec.row_filter = text_to_cstring(PG_GETARG_TEXT_PP(7));
	registered = use_live_key(sub, &spec);

	cdc_owner_begin(sub, &scope);
	if (cdc_history_purged_seq(sub) > 0)
		cdc_history_check_purged(sub, "replay", Max(from, 1),
								 psprintf("The first event that there is: from_seq := " INT64_FORMAT ". What was before it is in none, but where a copy has brought it again since.",
										  cdc_history_first_seq(sub)));
	cdc_history_check_whole(sub, "replay", from, to);
	cdc_scope_end(&scope);
	events = replay(sub, &spec, Max(from, 1) - 1, to);

	/* a table that was removed still has its history; a misspelled one has none */
	if (events == 0 && !registered)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("source table \"%s\" is not in the history of subscription \"%s\"",
						spec.source_table, sub->name),
				 errhint("Name it as the history does; SELECT DISTINCT source_table FROM %s lists them.",
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(sub->history)),
													get_rel_name(sub->history)))));
	PG_RETURN_INT64(events);
}
