/*-------------------------------------------------------------------------
 *
 * subscription_admin.c
 *	  cdc.alter_subscription(), enable_, disable_, restart_ and drop_subscription(),
 *	  and cdc.set_position().
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "pg/base/compat_value.h"
#include "pg/process/background.h"
#include "pg/process/shmem.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/options/option_json.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/catalog/take_over.h"
#include "pg/datum/jsonb_view.h"
#include "pg/history/hole.h"
#include "pg/progress/copy_only.h"
#include "pg/progress/copy_progress.h"
#include "pg/pull/pull.h"
#include "pg/pull/source_kind.h"

/* Whether apply has something to do, now or with the next new table. */
static bool
has_replicas(const CdcSubscription *sub)
{
	ListCell   *lc;

	if (sub->target_schema != NULL)
		return true;
	foreach(lc, cdc_subscription_tables(sub))
	{
		if (((CdcSubscriptionTable *) lfirst(lc))->target != NULL)
			return true;
	}
	return false;
}

PG_FUNCTION_INFO_V1(cdc_alter_subscription);
PG_FUNCTION_INFO_V1(cdc_enable_subscription);
PG_FUNCTION_INFO_V1(cdc_disable_subscription);
PG_FUNCTION_INFO_V1(cdc_drop_subscription);

static void
set_enabled(const CdcSubscription *sub, bool enabled)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET enabled = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, BOOLOID}
	};
	CdcSpi		spi;
	Datum		values[2];

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = BoolGetDatum(enabled);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	cdc_log(sub->name, "subscription", enabled ? "enabled" : "disabled", NULL);
	cdc_subscription_changed();
}

/*
 * The subscription, also where something of it is gone; ERROR unless the current user
 * may administer it, which is a superuser where the owner is gone.
 */
static CdcSubscription *
get_own_any(const char *name)
{
	CdcSubscription *sub = cdc_subscription_get_any(name);

	if (OidIsValid(sub->owner_oid) || !superuser())
		cdc_subscription_check_owner(sub);
	return sub;
}

/* ERROR where it would end at once. */
static void
check_not_ended(const CdcSubscription *sub)
{
	CdcProgress progress;

	if (sub->opt.copy_mode != CDC_COPY_ONLY || sub->enabled || sub->cloned)
		return;
	cdc_progress_get(sub, &progress);
	if (cdc_copy_only_is_over(sub, progress.applied_seq))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscription \"%s\" has ended: its copy_mode is only, and its tables are copied", sub->name),
				 errhint("To copy them again, call cdc.restart_subscription(%s) first; to go on with the stream where they were copied, cdc.alter_subscription(%s, '{\"copy_mode\": \"initial\"}').",
						 quote_literal_cstr(sub->name), quote_literal_cstr(sub->name))));
}

/* The tables whose targets are gone and others have their names; of CdcSubscriptionTable *. */
static List *
tables_with_other_targets(const CdcSubscription *sub)
{
	List	   *result = NIL;
	ListCell   *lc;

	/* in a copy of the database all have other OIDs, and their rows */
	if (sub->cloned || !sub->identity.known || sub->kind != CDC_SERVER_MYSQL)
		return NIL;
	foreach(lc, cdc_subscription_tables(sub))
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (t->target != NULL && t->copy_data && OidIsValid(t->target_oid) &&
			cdc_relation_name(t->target_oid) == NULL && OidIsValid(cdc_relation_by_name(t->target)))
			result = lappend(result, t);
	}
	return result;
}

/* What such a table has is not known: it gets the rows of its source. */
static void
copy_into_others(CdcSubscription *sub, List *tables)
{
	CdcCopyRequest request = {"resync", true, NULL, false};
	ListCell   *lc;

	if (tables == NIL)
		return;
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	foreach(lc, tables)
	{
		const CdcSubscriptionTable *t = lfirst(lc);

		cdc_copy_request(sub, t->name, &request);
		cdc_log(sub->name, "copy", psprintf("target %s of source table %s is another table: it is copied anew",
											t->target, t->source_table), NULL);
		ereport(NOTICE,
				(errmsg("target %s of source table %s is another table than before, and is copied anew",
						t->target, t->source_table)));
	}
}

Datum
cdc_enable_subscription(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = cdc_subscription_get_any(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	List	   *others = tables_with_other_targets(sub);

	check_not_ended(sub);
	/* also when it is enabled: that wakes the supervisor, or starts one */
	sub = cdc_subscription_take_over(sub);
	copy_into_others(sub, others);
	set_enabled(sub, true);
	cdc_notice_preload();
	PG_RETURN_VOID();
}

/*
 * The workers see it with their next transaction; one that is busy with a long
 * transaction is ended by the supervisor a second after the commit.
 */
Datum
cdc_disable_subscription(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = get_own_any(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	set_enabled(sub, false);
	PG_RETURN_VOID();
}

/* ------------------------------------------------------------------------
 * cdc.alter_subscription
 * ------------------------------------------------------------------------
 */

static Jsonb *
stored_options(const CdcSubscription *sub)
{
	static CdcStatement stmt = {
		"SELECT s.options FROM cdc_catalog.subscription s WHERE s.name OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	bool		isnull;
	Jsonb	   *result;
	MemoryContext old;
	Datum		d;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) == 0)
		elog(ERROR, "subscription \"%s\" has vanished", sub->name);
	d = cdc_spi_datum(0, 1, JSONBOID, &isnull);
	old = MemoryContextSwitchTo(spi.caller);
	result = (Jsonb *) PG_DETOAST_DATUM_COPY(d);
	MemoryContextSwitchTo(old);
	cdc_spi_end(&spi);
	return result;
}

/* Where the source is concerned, it is asked. */
static void
check_source_options(const CdcSubscription *altered, const CdcSubscription *former)
{
	const CdcSourceMethods *methods = cdc_source_kind(altered->kind);

	if (methods->check_options != NULL)
		methods->check_options(altered, former);
}

/* Whether messages that were taken in the format are read the same by "auto". */
static bool
is_recognised(const char *format)
{
	static const char *const names[] = {"maxwell", "debezium", "goldengate", "canal", "quix"};
	int			i;

	for (i = 0; i < (int) lengthof(names); i++)
		if (strcmp(names[i], format) == 0)
			return true;
	return false;
}

/* Messages that come are read in another format from now on; so is the history.  Sets the field. */
static void
alter_format(CdcSubscription *sub, char *format)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET format = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, TEXTOID}
	};
	CdcSubscription altered = *sub;

	altered.format = format;
	cdc_source_kind(sub->kind)->check_arguments(&altered);
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	if (strcmp(sub->format, format) == 0)
		return;
	if (!(strcmp(format, "auto") == 0 && is_recognised(sub->format)) && cdc_history_has_rows(sub))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the history of subscription \"%s\" has messages that are read in format \"%s\"",
						sub->name, sub->format),
				 errdetail("They mean what they mean by that format only."),
				 is_recognised(sub->format) && is_recognised(format) ?
				 errhint("To read messages of both: SELECT cdc.alter_subscription(%s, format := 'auto').",
						 quote_literal_cstr(sub->name)) :
				 errhint("Make another subscription for the other messages.")));
	(void) cdc_spi_run(&stmt, sub->name, format);
	cdc_log(sub->name, "subscription", psprintf("format changed from %s to %s", sub->format, format),
			NULL);
	sub->format = format;
}

/* former: the subscription before anything of it was altered. */
static void
alter_options(CdcSubscription *sub, const CdcSubscription *former, const Jsonb *given)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET options = $2 WHERE name OPERATOR(pg_catalog.=) $1",
		2, {TEXTOID, JSONBOID}
	};
	CdcSubscription altered = *sub;
	CdcSubscription before = *former;
	CdcSubscriptionOptions parsed;
	CdcJsonValue named;
	Jsonb	   *options = cdc_options_merge(stored_options(sub), given);
	CdcSpi		spi;
	Datum		values[2];

	cdc_subscription_options_parse(options, &parsed);
	cdc_subscription_options_check_superuser(&parsed, &sub->opt);
	cdc_check_copy_mode(sub, &parsed);
	if (has_replicas(sub))
		cdc_subscription_options_check_replicas(&parsed);
	if (parsed.history_partition != sub->opt.history_partition &&
		(parsed.history_partition == CDC_PARTITION_NONE ||
		 sub->opt.history_partition == CDC_PARTITION_NONE))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("history_partition cannot be changed from or to none once the history table exists")));
	if (parsed.history_storage != sub->opt.history_storage)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("history_storage cannot be changed once the history table exists")));

	altered.opt = parsed;

	/* a host that is named once more is asked once more */
	if (cdc_json_is_object(&given->root) && cdc_json_find(&given->root, "snapshot_host", strlen("snapshot_host"), &named))
		before.opt.snapshot_host = NULL;
	check_source_options(&altered, &before);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = JsonbPGetDatum(options);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	cdc_log(sub->name, "subscription", "options changed",
			JsonbToCString(NULL, (JsonbContainer *) &options->root, VARSIZE(options)));
}

/* Options that are given replace the stored ones; null puts the default back. */
Datum
cdc_alter_subscription(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	CdcSubscription former;
	Jsonb	   *given;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name and options must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	former = *sub;
	given = PG_GETARG_JSONB_P(1);
	if (!PG_ARGISNULL(2))
		alter_format(sub, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (PG_ARGISNULL(2) || !JB_ROOT_IS_OBJECT(given) || JB_ROOT_COUNT(given) > 0)
		alter_options(sub, &former, given);
	else
		check_source_options(sub, &former);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

/* ------------------------------------------------------------------------
 * cdc.set_position
 * ------------------------------------------------------------------------
 */

PG_FUNCTION_INFO_V1(cdc_set_position);

/*
 * cdc.set_position(subscription text, "position" text): the next pull reads from there.
 */
Datum
cdc_set_position(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	cdc_subscription_check_source(sub);
	cdc_source_kind(sub->kind)->set_position(sub, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(cdc_restart_subscription);

/*
 * cdc.restart_subscription(name text, "position" text, resync boolean)
 */
Datum
cdc_restart_subscription(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const CdcSourceMethods *methods = cdc_source_kind(sub->kind);

	cdc_subscription_check_source(sub);
	if (methods->restart == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the source of subscription \"%s\" has no tables to copy", sub->name),
				 errhint("Say where to read on with cdc.set_position().")));

	/* one that is in a long transaction would keep us waiting; the supervisor starts it again */
	cdc_slot_terminate(MyDatabaseId, sub->id, CDC_WORKER_PULL);
	methods->restart(sub, text_to_cstring(PG_GETARG_TEXT_PP(1)), PG_GETARG_BOOL(2));
	cdc_failure_end_gap(sub->name);
	PG_RETURN_VOID();
}

/* ------------------------------------------------------------------------
 * cdc.drop_subscription
 * ------------------------------------------------------------------------
 */

static void
delete_rows(const CdcSubscription *sub)
{
	static CdcStatement stmts[] = {
		{"DELETE FROM cdc_catalog.subscription_identity WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.subscription WHERE name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.subscription_position WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.subscription_partition WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.history_gap WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.history_purge WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.subscription_progress WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.subscription_failure WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.source_seen WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.worker_start WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.subscription_table WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.removed_table WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.copy_progress WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.table_known WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.copied_rows WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.table_counter WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.verification WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.verification_progress WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.prepared_transaction WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.table_version WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.table_change WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.database_version WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.publication WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.error WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.blocked_key WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}},
		{"DELETE FROM cdc_catalog.skipped_transaction WHERE subscription OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(sub->name);
	int			i;

	cdc_spi_begin(&spi);
	for (i = 0; i < (int) lengthof(stmts); i++)
		(void) cdc_spi_execute(&stmts[i], &value, NULL);
	cdc_spi_end(&spi);
}

/* Keeps both writers away; the subscription as it is then. */
static CdcSubscription *
lock_for_end(CdcSubscription *sub)
{
	cdc_running_check(sub->id, sub->name, CDC_WRITER_PULL);
	cdc_running_check(sub->id, sub->name, CDC_WRITER_APPLY);

	/*
	 * A worker in a long transaction would keep us waiting: end it.  The
	 * supervisor may start it again, but then it waits for our locks and finds
	 * that the subscription is gone.
	 */
	cdc_slot_terminate(MyDatabaseId, sub->id, -1);
	sub->cloned = false;		/* a copy may be ended too */
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	cdc_pull_disconnect(sub->id);

	/* another session may have dropped it while we waited */
	return cdc_subscription_get_any(sub->name);
}

void
cdc_subscription_end(const char *name, const char *why)
{
	CdcSubscription *sub = lock_for_end(cdc_subscription_get_any(name));

	cdc_log(sub->name, "subscription", "dropped", why);
	delete_rows(sub);
	cdc_subscription_changed();
}

Datum
cdc_drop_subscription(PG_FUNCTION_ARGS)
{
	bool		with_history = PG_GETARG_BOOL(1);
	CdcSubscription *sub = lock_for_end(get_own_any(text_to_cstring(PG_GETARG_TEXT_PP(0))));
	const char *history = sub->names.history;

	/* what has the name of a history that was dropped is not ours to drop */
	if (sub->trouble != NULL && !OidIsValid(sub->history))
		with_history = false;
	cdc_log(sub->name, "subscription", "dropped",
			psprintf(with_history ? "with its history %s" : "its history %s stays", history));
	delete_rows(sub);
	if (with_history)
		cdc_spi_command(psprintf("DROP TABLE IF EXISTS %s", history));
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
