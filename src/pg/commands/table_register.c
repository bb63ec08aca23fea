/*-------------------------------------------------------------------------
 *
 * table_register.c
 *	  Registering a source table that is added, or altered, by hand: its target is made or
 *	  checked, and gets the table's rows by a copy of the source or from the history.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/apply/apply.h"
#include "pg/base/utf8.h"
#include "pg/catalog/access.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/history/hole.h"
#include "pg/options/option_json.h"
#include "pg/pull/source_kind.h"
#include "pg/target/claim.h"
#include "pg/target/mode_shape.h"
#include "pg/target/target.h"
#include "pg/expression/fill.h"
#include "pg/mapping/shard.h"

void
cdc_check_mode_change(const CdcSubscription *sub, const CdcSubscriptionTable *table, const CdcReplicaSpec *given)
{
	const CdcModeShape *before = cdc_mode_shape(table->mode);
	const CdcModeShape *after = cdc_mode_shape(given->mode);
	char	   *other;

	if (before == after || (before->ncolumns == 0 && !after->own_key) ||
		(after->ncolumns == 0 && !before->own_key && !before->versions))
		return;
	other = quote_qualified_identifier(given->schema, psprintf("%.*s_%s", pg_mbcliplen(given->name, strlen(given->name), NAMEDATALEN - 14),
															   given->name, after->name));
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("target %s of mode \"%s\" cannot become one of mode \"%s\"",
					quote_qualified_identifier(given->schema, given->name), before->name, after->name),
			 errdetail("Its rows are not what such a target begins with."),
			 errhint("Let another table be the target, which is made where it is not there: SELECT cdc.alter_table(%s, %s, mode := %s, target := %s);",
					 quote_literal_cstr(sub->name), quote_literal_cstr(table->name), quote_literal_cstr(after->name),
					 quote_literal_cstr(other))));
}

/* The target that is asked for: its name, and whether there is such a table. */
static char *
target_name(const CdcReplicaSpec *spec)
{
	return quote_qualified_identifier(spec->schema, spec->name);
}

static bool
target_exists(const CdcReplicaSpec *spec)
{
	return OidIsValid(get_relname_relid(spec->name, get_namespace_oid(spec->schema, false)));
}

/* What was asked for of a target whose name and columns are known by now. */
static void
take_given(const CdcReplicaSpec *given, CdcReplicaSpec *spec)
{
	spec->mode = given->mode;
	spec->rows = given->rows;
	spec->key = given->key;
	spec->nkey = given->nkey;
	spec->columns = given->columns;
	spec->row_filter = given->row_filter;
	if (given->name != NULL)
	{
		spec->schema = given->schema;
		spec->name = given->name;
		spec->named = true;
	}
}

/* ERROR where a key, columns or a filter are given, but no target. */
static void
check_no_target(const CdcSubscription *sub, const CdcReplicaSpec *given)
{
	if (given->nkey > 0 || given->columns != NULL || given->row_filter != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key, columns and row_filter need a target"),
				 sub->target_schema != NULL && sub->kind == CDC_SERVER_KAFKA ?
				 errhint("The history has no message of the table yet, by which one could be made. Name one that is there with target := '...'; or leave these arguments out, and give them to cdc.alter_table() once it has rows.") :
				 sub->target_schema != NULL ? errhint("Name one with target := '...'.") :
				 errhint("Subscription \"%s\" has no target_schema: name a target.", sub->name)));
}

/* ---- tables whose source is asked ---- */

/* The source's columns (UTF-8) that fill those of the key that was given; what is computed has none. */
static const char **
key_of_source(const CdcReplicaSpec *given, const CdcTable *table, int *n)
{
	const char **names = palloc(sizeof(char *) * given->nkey);
	int			nfills = 0;
	CdcColumnFill *fills = given->columns != NULL ? cdc_fills_read(given->columns, &nfills) : NULL;
	int			i;
	int			k;

	*n = 0;
	for (k = 0; k < given->nkey; k++)
	{
		const CdcColumnFill *fill = fills != NULL ? cdc_fill_find(fills, nfills, given->key[k]) : NULL;

		if (fill != NULL && fill->by == CDC_BY_COLUMN)
			names[(*n)++] = cdc_to_utf8(fill->text);
		for (i = 0; i < table->ncolumns && fills == NULL; i++)
			if (strcmp(cdc_replica_column(cdc_from_utf8_copy(table->columns[i].name)), given->key[k]) == 0)
				names[(*n)++] = table->columns[i].name;
	}
	return names;
}

/* What to type: the primary key in the place of the key; "" where there is none, or columns were chosen. */
static char *
primary_key_hint(const CdcSubscription *sub, const CdcReplicaSpec *given, const CdcTable *table, const char *name)
{
	const CdcSubscriptionTable *row = cdc_subscription_table_find(sub, name);
	Oid			relid = row != NULL && row->target != NULL ? cdc_relation_by_name(row->target) : InvalidOid;
	char	   *present;
	StringInfoData key;
	int			i;

	if (table->npk == 0 || given->columns != NULL || !OidIsValid(relid))
		return "";
	LockRelationOid(relid, AccessShareLock);
	present = cdc_target_primary_key_name(relid);
	initStringInfo(&key);
	for (i = 0; i < table->npk; i++)
		appendStringInfo(&key, "%s%s", i > 0 ? "," : "",
						 quote_identifier(cdc_replica_column(cdc_from_utf8_copy(table->columns[table->pk[i]].name))));
	return psprintf("To have rows told apart as the source does: %sSELECT cdc.alter_table(%s, %s, key := %s); ",
					present == NULL ? "" :
					psprintf(CDC_HAVE_DISTRIBUTION ?
							 "ALTER TABLE %1$s DROP CONSTRAINT %2$s; ALTER TABLE %1$s SET DISTRIBUTED BY (%3$s); ALTER TABLE %1$s ADD PRIMARY KEY (%3$s); " :
							 "ALTER TABLE %1$s DROP CONSTRAINT %2$s, ADD PRIMARY KEY (%3$s); ",
							 row->target, quote_identifier(present), key.data),
					quote_literal_cstr(sub->name), quote_literal_cstr(name),
					quote_literal_cstr(psprintf("{%s}", key.data)));
}

/* Says in the table's row what the WARNING says. */
static void
note_loose_key(const CdcSubscription *sub, const char *name)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET loose_key = true"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, name);
}

/* WARNING where nothing at the source keeps two rows from having the same key: they would be one here. */
static void
warn_of_key(const CdcSubscription *sub, const CdcReplicaSpec *given, const CdcTable *table, const char *name)
{
	bool		(*is_unique) (const CdcSubscription *, const CdcTable *, const char *const *, int) =
		cdc_source_kind(sub->kind)->is_unique;
	const char *detail;
	const char **columns;
	char	   *message;
	char	   *hint;
	int			n;

	if (given->nkey == 0 || is_unique == NULL)
		return;
	columns = key_of_source(given, table, &n);
	if (is_unique(sub, table, columns, n))
		return;
	message = psprintf("the key of source table %s is not known to be unique at the source", name);
	detail = "No unique index there has only not null columns of the key: of rows with the same key the target has one.";
	hint = psprintf("%sElse let the source have a unique index on not null columns of the key.",
					primary_key_hint(sub, given, table, name));
	note_loose_key(sub, name);
	cdc_log(sub->name, "key", message, psprintf("%s %s", detail, hint));
	ereport(WARNING,
			(errcode(ERRCODE_WARNING), errmsg("%s", message), errdetail("%s", detail), errhint("%s", hint)));
}

static char *
register_asked(const CdcSubscription *sub, const CdcTableRequest *request)
{
	const CdcReplicaSpec *given = &request->given;
	CdcGeneratedLogged logged;
	const CdcTable *table = cdc_source_kind(sub->kind)->definition(sub, request->database,
																   request->relation, &logged);
	char	   *trouble = cdc_replica_trouble(sub, table);
	CdcReplicaSpec spec;
	bool		with_target;
	char	   *name;

	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s", trouble)));
	with_target = cdc_registry_default_target(sub, table, logged, &spec) || given->name != NULL;
	take_given(given, &spec);
	if (with_target)
		cdc_subscription_options_check_replicas(&sub->opt);
	else
		check_no_target(sub, &spec);
	name = cdc_registry_add(sub, table, with_target ? &spec : NULL, request->copy, request->options);
	warn_of_key(sub, given, table, name);
	return name;
}

/* ---- tables of messages ---- */

/* The one that is there, as it is: rows fill the columns of their names. */
static char *
register_as_it_is(const CdcSubscription *sub, const CdcTableRequest *request,
				  const CdcReplicaSpec *spec)
{
	CdcMappingSpec mapping;
	CdcTableRow row;
	char	   *user;

	memset(&row, 0, sizeof(row));
	row.source_table = request->name;
	row.target = target_name(spec);
	row.key = spec->key;
	row.nkey = spec->nkey;
	row.columns = spec->columns;
	row.row_filter = spec->row_filter;
	row.mode = spec->mode;
	row.options = request->options;
	row.state = 'r';
	if (!target_exists(spec))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s does not exist", row.target),
				 errdetail("A Kafka topic does not tell the types of a table's columns beforehand, and the history has no row of it yet."),
				 errhint("Create the table, or set target_schema for the subscription and leave the target out: it is then made with the first row.")));
	cdc_claim_check(cdc_relation_by_name(row.target), row.target);
	user = cdc_registry_target_user(row.target);
	if (user != NULL && !cdc_fills_compute(row.columns))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("target %s of source table %s is taken", row.target, request->name),
				 errdetail("The %s.", user)));
	cdc_registry_mapping(&row, &mapping);
	row.shard = cdc_shard_check(sub, &mapping, CDC_ROWS_KEEP, true);
	return cdc_registry_insert(sub, &row);
}

/*
 * ERROR where the target's rows are not all in the history: emptying it would lose some, and
 * nobody has said that it may.
 */
static void
check_reach(const CdcSubscription *sub, const CdcTableRequest *request, const char *target)
{
	int64		first = cdc_history_first_seq(sub);
	char	   *table = quote_literal_cstr(request->name);
	char	   *name = quote_literal_cstr(sub->name);

	if (first <= 1)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("target %s cannot be made anew from the history of subscription \"%s\"", target,
					sub->name),
			 errdetail("The history begins at seq " INT64_FORMAT "; rows that are older would be lost.",
					   first),
			 request->alters ?
			 errhint("To keep the rows that it has, and write what comes so: from_history := false.") :
			 errhint("To merge what there is into the rows that it has: SELECT cdc.add_table(%s, %s, target := %s, target_rows := 'keep'); to have them replaced: 'replace'.",
					 name, table, quote_literal_cstr(target))));
}

/* Decides what becomes of rows that the target has. */
static void
choose_rows(const CdcSubscription *sub, const CdcTableRequest *request, CdcReplicaSpec *spec,
			bool has_events)
{
	const char *target = target_name(spec);
	bool		exists = target_exists(spec);

	if (!request->rows_said && !request->alters)
	{
		if (!request->from_history || !has_events)
			spec->rows = CDC_ROWS_KEEP;
		else if (exists && cdc_subscription_table_has_filled(sub, request->name, target))
			spec->rows = CDC_ROWS_REPLACE;
	}
	if (spec->rows == CDC_ROWS_REPLACE && exists && !request->rows_said)
		check_reach(sub, request, target);
	if (exists && has_events)
		cdc_claim_rows(sub, request->name, target, spec->rows, NULL);
}

/*
 * A table whose definition is what its messages in the history say.  Without any the
 * target has to be there, or, where none is named, is made in the target_schema with the
 * first row.  Returns the name of its row where there is something to be filled, with *replace;
 * *unknown: there is no message.
 */
static char *
register_of_messages(const CdcSubscription *sub, const CdcTableRequest *request, bool *replace,
					 bool *unknown)
{
	char	   *name;
	CdcGeneratedLogged logged;
	const CdcTable *table = cdc_source_kind(sub->kind)->definition(sub, request->database,
																   request->relation, &logged);
	CdcReplicaSpec spec;

	*unknown = table == NULL;
	memset(&spec, 0, sizeof(spec));
	if (table != NULL)
		(void) cdc_registry_default_target(sub, table, logged, &spec);
	take_given(&request->given, &spec);
	if (spec.name == NULL)
	{
		check_no_target(sub, &spec);
		return NULL;
	}
	choose_rows(sub, request, &spec, table != NULL);
	*replace = spec.rows == CDC_ROWS_REPLACE && target_exists(&spec);
	if (table == NULL || (spec.named && target_exists(&spec)))
		name = register_as_it_is(sub, request, &spec);
	else
		name = cdc_registry_add(sub, table, &spec, false, request->options);
	return request->from_history ? name : NULL;
}

/* The target gets what the history has, and the caller is told. */
static void
fill(CdcSubscription *sub, const char *name, bool replace)
{
	CdcFill		filled;
	char	   *message;
	char	   *detail;

	cdc_apply_fill(sub, name, replace, &filled);
	if (cdc_history_purged_seq(sub) > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("target of source table %s lacks what events up to seq " INT64_FORMAT " told, which were purged", name,
						cdc_history_purged_seq(sub)),
				 errhint("To read all that the topics have anew: SELECT cdc.set_position(%s, 'earliest').",
						 quote_literal_cstr(sub->name))));
	if (filled.events == 0)
		return;
	message = psprintf("target of source table %s was filled from the history", name);
	detail = psprintf(INT64_FORMAT " events up to seq " INT64_FORMAT "%s", filled.events, filled.upto,
					  replace ? "; what it had before was replaced" : "");
	ereport(NOTICE, (errmsg("%s", message), errdetail("%s.", detail)));
	cdc_log(sub->name, "table", message, detail);
}

/* Says which table of the subscription is called so but for letter case; or "". */
static const char *
alike_tables(const CdcSubscription *sub, const char *name)
{
	ListCell   *lc;

	foreach(lc, cdc_subscription_tables(sub))
	{
		const CdcSubscriptionTable *table = lfirst(lc);

		if (strcmp(table->source_table, name) != 0 && pg_strcasecmp(table->source_table, name) == 0)
			return psprintf(" Letter case counts: there is %s.", table->source_table);
	}
	return "";
}

/* WARNING where a table is added of which no message has come: its name may be wrong. */
static void
announce_unknown(const CdcSubscription *sub, const CdcTableRequest *request)
{
	char	   *message = psprintf("the history of subscription \"%s\" has no message of source table %s yet", sub->name,
								   request->name);
	const char *alike = alike_tables(sub, request->name);
	bool		pattern = strpbrk(request->name, "*?") != NULL;
	bool		doubtful = pattern || alike[0] != '\0' || request->given.name == NULL;
	char	   *detail = psprintf("%s%s", pattern ? "It is a name here, and no pattern: patterns are for the argument \"tables\" of cdc.create_subscription." :
								  "Names are database.table as the messages have them.",
								  alike);

	ereport(doubtful ? WARNING : NOTICE,
			(errcode(doubtful ? ERRCODE_WARNING : ERRCODE_SUCCESSFUL_COMPLETION),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("If the name is wrong: SELECT cdc.remove_table(%s, %s);", quote_literal_cstr(sub->name),
					 quote_literal_cstr(request->name))));
	if (doubtful)
		cdc_log(sub->name, "tables", message, detail);
}

/* NOTICE where former messages of the table were passed over. */
static void
announce_unwanted(const CdcSubscription *sub, const CdcTableRequest *request)
{
	if (request->alters || cdc_subscription_wants(sub, request->database, request->relation))
		return;
	ereport(NOTICE,
			(errmsg("former events of source table %s are not in the history of subscription \"%s\"",
					request->name, sub->name),
			 errdetail("No pattern of its argument \"tables\" takes the table, or \"exclude\" has it: its messages were passed over."),
			 errhint("To read all topics anew: SELECT cdc.set_position(%s, 'earliest').",
					 quote_literal_cstr(sub->name))));
}

char *
cdc_register_table(CdcSubscription *sub, const CdcTableRequest *request)
{
	CdcScope	scope;
	bool		replace = false;
	bool		unknown = false;
	char	   *name = NULL;

	cdc_owner_begin(sub, &scope);
	if (sub->kind == CDC_SERVER_KAFKA)
		name = register_of_messages(sub, request, &replace, &unknown);
	else
		name = register_asked(sub, request);
	cdc_scope_end(&scope);
	cdc_subscription_table_not_removed(sub, request->name);
	if (unknown && !request->alters)
		announce_unknown(sub, request);
	if (sub->kind == CDC_SERVER_KAFKA)
		announce_unwanted(sub, request);
	if (sub->kind == CDC_SERVER_KAFKA && name != NULL)
		fill(sub, name, replace);
	return name;
}
