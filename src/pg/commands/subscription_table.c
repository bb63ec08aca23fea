/*-------------------------------------------------------------------------
 *
 * subscription_table.c
 *	  cdc.add_table(), cdc.alter_table(), cdc.remove_table() and cdc.resync_table().
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "pg/apply/mode.h"
#include "pg/base/compat_value.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/identity.h"
#include "pg/catalog/log.h"
#include "pg/catalog/position.h"
#include "pg/options/option_json.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/pull/source_kind.h"
#include "pg/mapping/registry.h"
#include "pg/process/shmem.h"
#include "pg/process/wake.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/table_error.h"
#include "pg/target/mode_shape.h"

PG_FUNCTION_INFO_V1(cdc_add_table);
PG_FUNCTION_INFO_V1(cdc_alter_table);
PG_FUNCTION_INFO_V1(cdc_remove_table);
PG_FUNCTION_INFO_V1(cdc_resync_table);

/*
 * Splits the name of a source table.  Messages may have names without a database, that
 * of a topic for example.
 */
static void
split_name(const CdcSubscription *sub, const char *name, char **database, char **table)
{
	if (sub->kind == CDC_SERVER_MYSQL || strchr(name, '.') != NULL || name[0] == '\0')
		cdc_split_table_name(name, database, table);
	else
	{
		*database = pstrdup("");
		*table = pstrdup(name);
	}
}

/* A pattern that stands for exactly this table. */
static char *
exact_pattern(const char *database, const char *table)
{
	StringInfoData buf;
	const char *p;

	initStringInfo(&buf);
	for (p = database; *p; p++)
	{
		if (strchr("*?\\.", *p))
			appendStringInfoChar(&buf, '\\');
		appendStringInfoChar(&buf, *p);
	}
	appendStringInfoChar(&buf, '.');
	for (p = table; *p; p++)
	{
		if (strchr("*?\\", *p))
			appendStringInfoChar(&buf, '\\');
		appendStringInfoChar(&buf, *p);
	}
	return buf.data;
}

/* Writes exclude and added, without $2 of exclude and $3 of added, then with $4 and $5. */
static void
update_wanted(const CdcSubscription *sub, const char *not_excluded, const char *not_added,
			  const char *excluded, const char *added)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription SET"
		" \"exclude\" = CASE WHEN $4 IS NULL THEN pg_catalog.array_remove(\"exclude\", $2)"
		" ELSE pg_catalog.array_append(pg_catalog.array_remove(\"exclude\", $2), $4) END,"
		" added = CASE WHEN $5 IS NULL THEN pg_catalog.array_remove(added, $3)"
		" ELSE pg_catalog.array_append(pg_catalog.array_remove(added, $3), $5) END"
		" WHERE name OPERATOR(pg_catalog.=) $1",
		5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, not_excluded, not_added, excluded, added);
}

/* Target, mode, key and columns as they were given. */
static void
read_target(FunctionCallInfo fcinfo, const CdcSubscription *sub, const CdcApplyMode *mode,
			CdcReplicaSpec *spec)
{
	spec->mode = mode->name;
	if (!PG_ARGISNULL(2))
		cdc_split_relation_name("target", text_to_cstring(PG_GETARG_TEXT_PP(2)),
								sub->target_schema, &spec->schema, &spec->name);
	if (!PG_ARGISNULL(4))
		spec->key = cdc_argument_strings(PG_GETARG_DATUM(4), "key", &spec->nkey);
	if (!PG_ARGISNULL(5))
		spec->columns = PG_GETARG_JSONB_P(5);
	if (!PG_ARGISNULL(6))
		spec->row_filter = text_to_cstring(PG_GETARG_TEXT_PP(6));
	spec->rows = !PG_ARGISNULL(8) ? cdc_argument_target_rows(text_to_cstring(PG_GETARG_TEXT_PP(8))) :
		PG_GETARG_BOOL(7) ? CDC_ROWS_ERROR : CDC_ROWS_KEEP;
}

/* ERROR where the mode does not go with what was given. */
static void
check_mode_arguments(const CdcReplicaSpec *spec)
{
	const CdcModeShape *shape = cdc_mode_shape(spec->mode);

	if (!shape->own_key || (spec->key == NULL && spec->row_filter == NULL))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a target of mode \"%s\" has no %s", shape->name, spec->key != NULL ? "key of the source" : "row_filter"),
			 spec->key != NULL ?
			 errdetail("Each event is a row, whose key is of columns of the mode's own.") :
			 errdetail("An update that leaves the filter, or enters it, would be no event of its rows."),
			 spec->key != NULL ? errhint("Leave the argument out.") :
			 errhint("Leave the argument out, and filter in a view of the target.")));
}

/* Whether the table's target is the one that the user means; text as he wrote it. */
static bool
is_target(const CdcSubscription *sub, const CdcSubscriptionTable *table, const char *text)
{
	char	   *present = OidIsValid(table->target_oid) ? cdc_relation_name(table->target_oid) : NULL;
	char	   *schema;
	char	   *name;

	if (present == NULL)
		present = table->target;
	cdc_split_relation_name("target", text, sub->target_schema, &schema, &name);
	return present != NULL && strcmp(present, quote_qualified_identifier(schema, name)) == 0;
}

/* The targets of tables, for people. */
static char *
targets_text(List *tables)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, tables)
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "",
						 table->target != NULL ? table->target : "none");
	}
	return text.data;
}

List *
cdc_find_tables(const CdcSubscription *sub, const char *name, const char *target)
{
	List	   *tables = cdc_subscription_tables(sub);
	List	   *named = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		if (strcmp(((CdcSubscriptionTable *) lfirst(lc))->source_table, name) == 0)
			named = lappend(named, lfirst(lc));
	foreach(lc, tables)
		if (named == NIL && strcmp(((CdcSubscriptionTable *) lfirst(lc))->name, name) == 0)
			named = list_make1(lfirst(lc));
	if (named == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source table %s is not in subscription \"%s\"", name, sub->name),
				 errhint("SELECT source_table FROM cdc.stat_table WHERE subscription = %s lists them.",
						 quote_literal_cstr(sub->name))));
	foreach(lc, named)
		if (target == NULL || is_target(sub, lfirst(lc), target))
			result = lappend(result, lfirst(lc));
	if (result == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source table %s of subscription \"%s\" has no target %s", name, sub->name, target),
				 errdetail("It has: %s.", targets_text(named))));
	return result;
}

List *
cdc_names_of_tables(List *tables)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, tables)
		result = lappend(result, ((CdcSubscriptionTable *) lfirst(lc))->name);
	return result;
}

/* The one table that is meant; ERROR where there are several. */
static const CdcSubscriptionTable *
find_one(const CdcSubscription *sub, const char *name, const char *target)
{
	List	   *tables = cdc_find_tables(sub, name, target);

	if (list_length(tables) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("source table %s of subscription \"%s\" has several targets", name, sub->name),
				 errdetail("It has: %s.", targets_text(tables)),
				 errhint("Say which one with of_target := '...'.")));
	return linitial(tables);
}

/* An argument that names a target, or NULL. */
static char *
target_argument(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/*
 * Whether the copy is to replace what its target has: it may hold rows, or get some from events
 * that pull had read before the table was added, which are of what it was then.
 */
static bool
copy_replaces(const CdcSubscription *sub, CdcTargetRows rows)
{
	CdcPosition position;
	CdcProgress progress;

	if (rows != CDC_ROWS_ERROR)
		return rows == CDC_ROWS_REPLACE;
	cdc_position_get(sub, &position);
	cdc_progress_get(sub, &progress);
	return progress.applied_seq < position.last_seq;
}

/* ERROR where the table could not have a target: it is to be added anew, and nothing else helps. */
static void
check_not_left_out(const CdcSubscription *sub, const CdcSubscriptionTable *table)
{
	if (table->left_out)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source table %s of subscription \"%s\" was left out, and has no target",
						table->source_table, sub->name),
				 errhint("%s", cdc_table_error_left_out_hint(sub, table->source_table))));
}

/* Only these rows of the table are to be copied. */
static void
limit_copy(const CdcSubscription *sub, const CdcTableRequest *table, const char *name, bool replaces,
		   const char *where)
{
	CdcCopyRequest request = {"copy", replaces, where, false};

	if (!table->copy || sub->kind != CDC_SERVER_MYSQL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("copy_where needs a table that is copied")));
	cdc_source_kind(sub->kind)->check_condition(sub, table->name, where);
	cdc_copy_request(sub, name, &request);
}

/*
 * ERROR where the source table is registered, and not for another target by now; the one that is
 * asked for is named, or the subscription's default.
 */
static void
check_new(const CdcSubscription *sub, const CdcTableRequest *request)
{
	ListCell   *lc;

	if (!cdc_registry_has(sub, request->name))
		return;
	foreach(lc, cdc_find_tables(sub, request->name, NULL))
	{
		const CdcSubscriptionTable *table = lfirst(lc);
		const CdcReplicaSpec *given = &request->given;

		if (given->name == NULL || table->target == NULL ||
			is_target(sub, table, quote_qualified_identifier(given->schema, given->name)))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("source table %s is in subscription \"%s\" already", request->name, sub->name),
					 errhint("To change its key, columns, target or options: SELECT cdc.alter_table(%s, %s, key := ...). To fill another target besides, name that.",
							 quote_literal_cstr(sub->name), quote_literal_cstr(table->name))));
	}
}

Datum
cdc_add_table(PG_FUNCTION_ARGS)
{
	static const CdcCopyRequest replacing = {"copy", true, NULL, false};
	static const CdcCopyRequest keeping = {.kind = "copy", .keeps = true};
	CdcSubscription *sub;
	const CdcApplyMode *mode;
	CdcTableRequest request = {0};
	CdcTableOptions parsed;
	char	   *name;
	char	   *row;
	bool		replaces;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(7) || PG_ARGISNULL(11))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription, source_table, copy_data and from_history must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	request.name = name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	split_name(sub, name, &request.database, &request.relation);
	request.options = PG_ARGISNULL(10) ? NULL : PG_GETARG_JSONB_P(10);
	request.copy = PG_GETARG_BOOL(7);
	request.from_history = PG_GETARG_BOOL(11);
	request.rows_said = !PG_ARGISNULL(8);
	cdc_table_options_parse(request.options, &sub->opt.table, &parsed);
	mode = cdc_apply_mode_of_argument(PG_ARGISNULL(3) ? cdc_mode_of_subscription(sub) :
									  text_to_cstring(PG_GETARG_TEXT_PP(3)));
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	if (sub->kind == CDC_SERVER_KAFKA)
		cdc_subscription_lock(sub, CDC_WRITER_APPLY);

	/* names mean what they mean to the caller; what is made belongs to the owner */
	read_target(fcinfo, sub, mode, &request.given);
	check_mode_arguments(&request.given);
	check_new(sub, &request);
	row = cdc_register_table(sub, &request);
	replaces = copy_replaces(sub, request.given.rows);
	if (!PG_ARGISNULL(9))
		limit_copy(sub, &request, row, replaces, text_to_cstring(PG_GETARG_TEXT_PP(9)));
	else if (request.copy && sub->kind == CDC_SERVER_MYSQL && (replaces || request.given.rows == CDC_ROWS_KEEP))
		cdc_copy_request(sub, row, replaces ? &replacing : &keeping);
	update_wanted(sub, exact_pattern(request.database, request.relation), name, NULL, name);
	cdc_log(sub->name, "table", psprintf("source table %s added", name), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

/* Keeps other options of the table. */
static void
store_options(const CdcSubscription *sub, const char *name, const Jsonb *options)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET options = $3"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, JSONBOID}
	};
	CdcSpi		spi;
	Datum		values[3];

	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = JsonbPGetDatum(options);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
}

/* Whether the arguments of cdc.alter_table() give the target another shape. */
static inline bool
alters_shape(FunctionCallInfo fcinfo)
{
	return !PG_ARGISNULL(3) || !PG_ARGISNULL(4) || !PG_ARGISNULL(5) || !PG_ARGISNULL(7) || !PG_ARGISNULL(9);
}

/* The table as it is registered, with what the arguments say differently. */
static void
read_alteration(FunctionCallInfo fcinfo, const CdcSubscription *sub,
				const CdcSubscriptionTable *table, CdcTableRequest *request)
{
	const CdcApplyMode *mode = cdc_apply_mode_of_table(table->mode, table->source_table);
	CdcReplicaSpec *given = &request->given;
	char	   *present = OidIsValid(table->target_oid) ? cdc_relation_name(table->target_oid) : NULL;

	if (present == NULL)
		present = table->target;
	given->mode = mode->name;
	given->key = table->key;
	given->nkey = table->nkey;
	given->columns = table->columns;
	given->row_filter = table->row_filter;
	given->rows = CDC_ROWS_ERROR;
	if (!PG_ARGISNULL(9))
		given->mode = cdc_apply_mode_of_argument(text_to_cstring(PG_GETARG_TEXT_PP(9)))->name;
	if (!PG_ARGISNULL(3))
		given->key = cdc_argument_strings(PG_GETARG_DATUM(3), "key", &given->nkey);
	if (!PG_ARGISNULL(4))
		given->columns = PG_GETARG_JSONB_P(4);
	if (given->columns != NULL && JB_ROOT_IS_SCALAR(given->columns))
		given->columns = NULL;
	if (!PG_ARGISNULL(7))
		given->row_filter = text_to_cstring(PG_GETARG_TEXT_PP(7));
	if (given->row_filter != NULL && given->row_filter[0] == '\0')
		given->row_filter = NULL;
	check_mode_arguments(given);
	if (!PG_ARGISNULL(5))
		cdc_split_relation_name("target", text_to_cstring(PG_GETARG_TEXT_PP(5)),
								sub->target_schema, &given->schema, &given->name);
	else if (present != NULL)
		cdc_split_relation_name("target", present, NULL, &given->schema, &given->name);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source table %s has no target", table->source_table),
				 errhint("Name one: SELECT cdc.alter_table(%s, %s, target := ...).",
						 quote_literal_cstr(sub->name), quote_literal_cstr(table->name))));
	if (present != NULL &&
		strcmp(present, quote_qualified_identifier(given->schema, given->name)) == 0)
	{
		cdc_check_mode_change(sub, table, given);
		given->rows = !request->from_history && sub->kind == CDC_SERVER_KAFKA ? CDC_ROWS_KEEP :
			CDC_ROWS_REPLACE;
	}
}

/* Registers the table anew, with another key, columns, row filter, target or mode. */
static void
alter_shape(FunctionCallInfo fcinfo, CdcSubscription *sub,
			const CdcSubscriptionTable *table, const Jsonb *options)
{
	CdcTableRequest request = {0};

	/* from Kafka its rows come from the history, which has all of them */
	if (sub->kind != CDC_SERVER_KAFKA)
		check_not_left_out(sub, table);
	request.name = table->source_table;
	split_name(sub, table->source_table, &request.database, &request.relation);
	request.options = options;
	request.copy = true;
	request.from_history = PG_GETARG_BOOL(6);
	request.alters = true;
	if (!request.from_history && (table->state == 'e' || table->held))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source table %s is in error, so that events of it were passed over",
						table->source_table),
				 errhint("Let its target be made anew: leave out from_history := false.")));
	read_alteration(fcinfo, sub, table, &request);
	cdc_registry_remove(sub, table);
	(void) cdc_register_table(sub, &request);
}

/* The table's options with what the arguments say differently. */
static const Jsonb *
merged_options(FunctionCallInfo fcinfo, const CdcSubscription *sub, const CdcSubscriptionTable *table)
{
	Jsonb	   *options = PG_ARGISNULL(2) ? table->options :
		cdc_options_merge(table->options, PG_GETARG_JSONB_P(2));
	CdcTableOptions parsed;

	cdc_table_options_parse(options, &sub->opt.table, &parsed);
	return options;
}

Datum
cdc_alter_table(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	List	   *tables;
	ListCell   *lc;
	char	   *of_target = target_argument(fcinfo, 8);
	char	   *name;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(6))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription, source_table and from_history must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (alters_shape(fcinfo))
		cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	tables = cdc_find_tables(sub, name, of_target);
	if (alters_shape(fcinfo))
	{
		const CdcSubscriptionTable *table = find_one(sub, name, of_target);

		alter_shape(fcinfo, sub, table, merged_options(fcinfo, sub, table));
		cdc_log(sub->name, "table", psprintf("source table %s altered", table->name), NULL);
	}
	else if (!PG_ARGISNULL(2))
	{
		foreach(lc, tables)
		{
			const CdcSubscriptionTable *table = lfirst(lc);

			store_options(sub, table->name, merged_options(fcinfo, sub, table));
			cdc_log(sub->name, "table", psprintf("options of source table %s changed", table->name), NULL);
		}
	}
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

/*
 * Unregisters the table, and keeps its next change from bringing it back; keep_events: they
 * go to the history all the same.
 */
static void
remove_table(CdcSubscription *sub, const CdcSubscriptionTable *table, bool keep_events, const char *why)
{
	char	   *database;
	char	   *relation;
	char	   *pattern;
	bool		wanted;

	split_name(sub, table->source_table, &database, &relation);
	cdc_registry_remove(sub, table);
	if (keep_events)
		cdc_subscription_table_removed(sub, table->source_table, table->target, table->target_oid);
	else if (!cdc_registry_has(sub, table->source_table))
	{
		pattern = exact_pattern(database, relation);
		sub->nadded = 0;

		/* which part of the name is the database only a message of the table would tell */
		wanted = sub->kind == CDC_SERVER_KAFKA || cdc_subscription_wants(sub, database, relation);
		update_wanted(sub, pattern, table->source_table, wanted ? pattern : NULL, NULL);
	}
	cdc_log(sub->name, "table", psprintf("source table %s removed", table->name), why);
	cdc_subscription_changed();
}

/* The same of those that are named. */
static void
remove_tables(CdcSubscription *sub, const char *name, const char *target, bool keep_events,
			  const char *why)
{
	ListCell   *lc;
	char	   *database;
	char	   *relation;

	split_name(sub, name, &database, &relation);
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	foreach(lc, cdc_find_tables(sub, name, target))
		remove_table(sub, lfirst(lc), keep_events, why);
}

void
cdc_subscription_remove_table(const char *subscription, const char *name, const char *why)
{
	CdcSubscription *sub = cdc_subscription_get_any(subscription);
	const CdcSubscriptionTable *table;

	cdc_running_check(sub->id, sub->name, CDC_WRITER_PULL);
	cdc_running_check(sub->id, sub->name, CDC_WRITER_APPLY);

	/* a worker that waits for the target waits for us, who would wait for it */
	cdc_slot_terminate(MyDatabaseId, sub->id, -1);
	sub->cloned = false;
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	table = cdc_subscription_table_find(sub, name);
	if (table != NULL)
		remove_table(sub, table, sub->kind == CDC_SERVER_KAFKA, why);
}

Datum
cdc_remove_table(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	bool		keep_events;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription and source_table must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	keep_events = PG_ARGISNULL(2) ? sub->kind == CDC_SERVER_KAFKA : PG_GETARG_BOOL(2);
	if (keep_events && sub->kind != CDC_SERVER_KAFKA)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("keep_events is for subscriptions from Kafka"),
				 errdetail("A table that is added again is copied from its source.")));
	remove_tables(sub, text_to_cstring(PG_GETARG_TEXT_PP(1)), target_argument(fcinfo, 3), keep_events, NULL);
	PG_RETURN_VOID();
}

/*
 * ERROR where a copy of some rows would leave others as they must not be: they wait for a copy
 * of their own, or cannot be told apart.
 */
static void
check_some_rows(const CdcSubscription *sub, const CdcSubscriptionTable *table)
{
	const char *remedy = psprintf("SELECT cdc.resync_table(%s, %s) copies all rows.",
								  quote_literal_cstr(sub->name), quote_literal_cstr(table->name));

	if (!cdc_copy_is_ready(sub, table->name))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot copy some rows of source table \"%s\" of subscription \"%s\": its state is %c, not r",
						table->source_table, sub->name, table->state),
				 errdetail("All of its rows wait for a copy."),
				 errhint("%s Or wait until the copy that is under way is complete.", remedy)));
	if (cdc_mode_shape(table->mode)->own_key)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot copy some rows of source table \"%s\" of subscription \"%s\"", table->source_table,
						sub->name),
				 errdetail("Its target has mode \"%s\": a copy is told by a row that says that all rows come anew.", table->mode),
				 errhint("%s", remedy)));
	if (table->keyless || table->key != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot copy some rows of source table \"%s\" of subscription \"%s\"",
						table->source_table, sub->name),
				 errdetail("Its target does not have the primary key of the source table, by which rows that are gone are told."),
				 errhint("%s", remedy)));
}

/*
 * cdc.resync_table(subscription text, source_table text, where_clause text): a new copy of
 * the table while the stream goes on, which replaces what its target has.
 */
Datum
cdc_resync_table(PG_FUNCTION_ARGS)
{
	CdcCopyRequest request = {"resync", true, NULL, false};
	CdcSubscription *sub;
	ListCell   *lc;
	char	   *target = target_argument(fcinfo, 3);
	char	   *name;
	List	   *tables;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription and source_table must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (sub->kind != CDC_SERVER_MYSQL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("subscription \"%s\" has no source to read tables from", sub->name),
				 errdetail("Its events come from Kafka."),
				 errhint("Read the topics anew with cdc.set_position(%s, 'earliest').",
						 quote_literal_cstr(sub->name))));
	tables = cdc_find_tables(sub, name, target);
	if (!PG_ARGISNULL(2))
	{
		/* nothing is locked while the source is asked */
		request.row_filter = text_to_cstring(PG_GETARG_TEXT_PP(2));
		request.replaces = false;
		cdc_source_kind(sub->kind)->check_condition(sub, ((CdcSubscriptionTable *) linitial(tables))->source_table,
													request.row_filter);
	}
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	foreach(lc, cdc_find_tables(sub, name, target))
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		check_not_left_out(sub, table);
		if (request.row_filter != NULL)
			check_some_rows(sub, table);
		else if (cdc_copy_keeps(sub, table->name))
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("rows of target %s that source table %s does not have will go", table->target,
							table->source_table),
					 errdetail("target_rows := 'keep' has kept them so far.")));
		cdc_copy_request(sub, table->name, &request);
		cdc_log(sub->name, "copy", psprintf("resync of source table %s was asked for", table->name),
				request.row_filter);
	}
	cdc_subscription_changed();
	cdc_worker_wake(sub->id, CDC_WORKER_PULL);
	PG_RETURN_VOID();
}
