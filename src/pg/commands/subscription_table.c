/*-------------------------------------------------------------------------
 *
 * subscription_table.c
 *	  cdc.add_table(), cdc.alter_table(), cdc.remove_table() and cdc.resync_table().
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "catalog/namespace.h"
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
#include "pg/catalog/log.h"
#include "pg/options/option_json.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/tables.h"
#include "pg/pull/source_kind.h"
#include "pg/target/claim.h"
#include "pg/target/registry.h"
#include "pg/process/shmem.h"
#include "pg/process/wake.h"
#include "pg/progress/copy_progress.h"

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

/*
 * A table for whose definition nobody can be asked, as its events come from Kafka.
 * Its target has to be there, or, where none is named, is made in the target_schema
 * with the first row.
 */
static void
add_undefined_table(const CdcSubscription *sub, const char *name, const CdcReplicaSpec *spec,
					const Jsonb *options)
{
	CdcTableRow row;
	char	   *user;

	if (spec->name == NULL)
	{
		if (spec->nkey > 0 || spec->columns != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("key and columns need a target"),
					 errhint("Name one with target := '...'.")));
		return;
	}
	memset(&row, 0, sizeof(row));
	row.source_table = name;
	row.target = quote_qualified_identifier(spec->schema, spec->name);
	row.key = spec->key;
	row.nkey = spec->nkey;
	row.columns = spec->columns;
	row.mode = spec->mode;
	row.options = options;
	row.state = 'r';
	if (!OidIsValid(get_relname_relid(spec->name, get_namespace_oid(spec->schema, false))))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s does not exist", row.target),
				 errdetail("A Kafka topic does not tell the types of a table's columns beforehand."),
				 errhint("Create the table, or set target_schema for the subscription and leave the target out: it is then made with the first row.")));
	cdc_claim_check(cdc_relation_by_name(row.target), row.target);
	user = cdc_registry_target_user(row.target);
	if (user != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("target %s of source table %s is taken", row.target, name),
				 errdetail("The %s.", user)));
	cdc_registry_insert(sub, &row);
}

/* Target, mode, key and columns as they were given. */
static void
read_target(FunctionCallInfo fcinfo, const CdcSubscription *sub, const CdcApplyMode *mode,
			CdcReplicaSpec *spec)
{
	spec->mode = mode->name;
	spec->added_columns = mode->added_columns;
	if (!PG_ARGISNULL(2))
		cdc_split_relation_name("target", text_to_cstring(PG_GETARG_TEXT_PP(2)),
								sub->target_schema, &spec->schema, &spec->name);
	if (!PG_ARGISNULL(4))
		spec->key = cdc_argument_strings(PG_GETARG_DATUM(4), "key", &spec->nkey);
	if (!PG_ARGISNULL(5))
		spec->columns = PG_GETARG_JSONB_P(5);
	spec->rows = !PG_ARGISNULL(8) ? cdc_argument_target_rows(text_to_cstring(PG_GETARG_TEXT_PP(8))) :
		PG_GETARG_BOOL(7) ? CDC_ROWS_ERROR : CDC_ROWS_KEEP;
}

/* A table whose source is asked for its definition; given: what the caller said of its target. */
static void
add_defined_table(const CdcSubscription *sub, const CdcReplicaSpec *given, const char *database,
				  const char *relation, bool copy, const Jsonb *options)
{
	CdcGeneratedLogged logged;
	const CdcTable *table = cdc_source_kind(sub->kind)->definition(sub, database, relation,
																   &logged);
	char	   *trouble = cdc_replica_trouble(sub, table);
	CdcReplicaSpec spec;
	bool		with_target;

	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s", trouble)));
	with_target = cdc_registry_default_target(sub, table, logged, &spec) || given->name != NULL;
	spec.mode = given->mode;
	spec.rows = given->rows;
	spec.added_columns = given->added_columns;
	spec.key = given->key;
	spec.nkey = given->nkey;
	spec.columns = given->columns;
	if (given->name != NULL)
	{
		spec.schema = given->schema;
		spec.name = given->name;
		spec.named = true;
	}
	if (!with_target && (spec.nkey > 0 || spec.columns != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key and columns need a target"),
				 errhint("Subscription \"%s\" has no target_schema: name a target.", sub->name)));

	if (with_target)
		cdc_subscription_options_check_replicas(&sub->opt);
	cdc_registry_add(sub, table, with_target ? &spec : NULL, copy, options);
}

/* The registered table of that name; ERROR where there is none. */
static const CdcSubscriptionTable *
find_table(const CdcSubscription *sub, const char *name)
{
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
		if (strcmp(((CdcSubscriptionTable *) lfirst(lc))->source_table, name) == 0)
			return lfirst(lc);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("source table %s is not in subscription \"%s\"", name, sub->name),
			 errhint("SELECT source_table FROM cdc.stat_table WHERE subscription = %s lists them.",
					 quote_literal_cstr(sub->name))));
	return NULL;
}

/* Only these rows of the table are to be copied. */
static void
limit_copy(const CdcSubscription *sub, const char *name, bool copy, CdcTargetRows rows,
		   const char *where)
{
	CdcCopyRequest request = {"copy", rows == CDC_ROWS_REPLACE, where, false};

	if (!copy || sub->kind != CDC_SERVER_MYSQL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("copy_where needs a table that is copied")));
	cdc_copy_request(sub, name, &request);
}

Datum
cdc_add_table(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	const CdcApplyMode *mode;
	CdcReplicaSpec given = {0};
	CdcScope	scope;
	const Jsonb *options = PG_ARGISNULL(10) ? NULL : PG_GETARG_JSONB_P(10);
	CdcTableOptions parsed;
	char	   *name;
	char	   *database;
	char	   *relation;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(7))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription, source_table, mode and copy_data must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	split_name(sub, name, &database, &relation);
	cdc_table_options_parse(options, &sub->opt.table, &parsed);
	mode = cdc_apply_mode_to_add(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	if (!PG_ARGISNULL(6))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row_filter is not supported by this version")));
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	if (cdc_registry_has(sub, name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("source table %s is in subscription \"%s\" already", name, sub->name),
				 errhint("To change how it is replicated, call cdc.remove_table(%s, %s) first.",
						 quote_literal_cstr(sub->name), quote_literal_cstr(name))));

	/* names mean what they mean to the caller; what is made belongs to the owner */
	read_target(fcinfo, sub, mode, &given);
	cdc_owner_begin(sub, &scope);
	if (cdc_source_kind(sub->kind)->definition == NULL)
		add_undefined_table(sub, name, &given, options);
	else
		add_defined_table(sub, &given, database, relation, PG_GETARG_BOOL(7), options);
	cdc_scope_end(&scope);
	if (!PG_ARGISNULL(9))
		limit_copy(sub, name, PG_GETARG_BOOL(7), given.rows, text_to_cstring(PG_GETARG_TEXT_PP(9)));
	update_wanted(sub, exact_pattern(database, relation), name, NULL, name);
	cdc_log(sub->name, "table", psprintf("source table %s added", name), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

Datum
cdc_alter_table(PG_FUNCTION_ARGS)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET options = $3"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		3, {TEXTOID, TEXTOID, JSONBOID}
	};
	CdcSubscription *sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const CdcSubscriptionTable *table;
	CdcTableOptions parsed;
	Jsonb	   *options;
	CdcSpi		spi;
	Datum		values[3];

	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	table = find_table(sub, name);
	options = cdc_options_merge(table->options, PG_GETARG_JSONB_P(2));
	cdc_table_options_parse(options, &sub->opt.table, &parsed);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(name);
	values[2] = JsonbPGetDatum(options);
	(void) cdc_spi_execute(&stmt, values, NULL);
	cdc_spi_end(&spi);
	cdc_log(sub->name, "table", psprintf("options of source table %s changed", name), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

/* Unregisters the table and keeps the patterns from bringing it back with its next change. */
static void
remove_table(CdcSubscription *sub, const char *name, const char *why)
{
	char	   *database;
	char	   *table;
	char	   *pattern;
	bool		wanted;

	split_name(sub, name, &database, &table);
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	(void) find_table(sub, name);
	cdc_registry_remove(sub, name);

	pattern = exact_pattern(database, table);
	sub->nadded = 0;

	/* which part of the name is the database only a message of the table would tell */
	wanted = sub->kind == CDC_SERVER_KAFKA || cdc_subscription_wants(sub, database, table);
	update_wanted(sub, pattern, name, wanted ? pattern : NULL, NULL);
	cdc_log(sub->name, "table", psprintf("source table %s removed", name), why);
	cdc_subscription_changed();
}

void
cdc_subscription_remove_table(const char *subscription, const char *source_table, const char *why)
{
	CdcSubscription *sub = cdc_subscription_get_any(subscription);

	cdc_running_check(sub->id, sub->name, CDC_WRITER_PULL);
	cdc_running_check(sub->id, sub->name, CDC_WRITER_APPLY);

	/* a worker that waits for the target waits for us, who would wait for it */
#if CDC_HAVE_WORKERS
	cdc_slot_terminate(MyDatabaseId, sub->id, -1);
#endif
	sub->cloned = false;
	remove_table(sub, source_table, why);
}

Datum
cdc_remove_table(PG_FUNCTION_ARGS)
{
	remove_table(cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 text_to_cstring(PG_GETARG_TEXT_PP(1)), NULL);
	PG_RETURN_VOID();
}

/*
 * cdc.resync_table(subscription text, source_table text, where_clause text): a new copy of
 * the table while the stream goes on, which replaces what its target has.
 */
Datum
cdc_resync_table(PG_FUNCTION_ARGS)
{
	CdcCopyRequest request = {"resync", true, NULL, false};
	const CdcSubscriptionTable *table;
	CdcSubscription *sub;
	char	   *name;

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
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	table = find_table(sub, name);
	if (!PG_ARGISNULL(2) && table->state == 'e')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source table %s of subscription \"%s\" is in error: a part of its rows does not mend it", name,
						sub->name),
				 errhint("All of it: SELECT cdc.resync_table(%s, %s);", quote_literal_cstr(sub->name),
						 quote_literal_cstr(name))));
	if (!PG_ARGISNULL(2))
	{
		/* what else the table has is not looked at */
		request.row_filter = text_to_cstring(PG_GETARG_TEXT_PP(2));
		request.replaces = false;
	}
	cdc_copy_request(sub, name, &request);
	cdc_log(sub->name, "copy", psprintf("resync of source table %s was asked for", name),
			request.row_filter);
	cdc_subscription_changed();
	cdc_worker_wake(sub->id, CDC_WORKER_PULL);
	PG_RETURN_VOID();
}
