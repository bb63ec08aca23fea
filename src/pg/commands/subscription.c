/*-------------------------------------------------------------------------
 *
 * subscription.c
 *	  cdc.create_subscription().
 *
 * Everything is made in the caller's transaction and with his rights: the
 * history table, the target schema, the replicas.  Only the rows in the
 * extension's tables are written with the rights of the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/commands/subscription_internal.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "core/pattern.h"
#include "pg/base/compat_catalog.h"
#include "pg/base/compat_value.h"
#include "pg/process/background.h"
#include "pg/base/error.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"
#include "pg/options/option_json.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"
#include "pg/history/partition.h"
#include "pg/pull/source_kind.h"
#include "pg/target/replica_table.h"

PG_FUNCTION_INFO_V1(cdc_create_subscription);

/* The arguments of cdc.create_subscription(), in its order. */
enum
{
	ARG_NAME,
	ARG_SERVER,
	ARG_TABLES,
	ARG_EXCLUDE,
	ARG_TOPICS,
	ARG_FORMAT,
	ARG_TARGET_SCHEMA,
	ARG_HISTORY,
	ARG_COPY_DATA,
	ARG_START_POSITION,
	ARG_ENABLED,
	ARG_OPTIONS,
	ARG_TARGET_ROWS
};

/* What is not in CdcSubscription as long as it has no row. */
typedef struct NewSubscription
{
	CdcSubscription sub;
	char	   *history_schema;
	char	   *history_name;
	Jsonb	   *options;
} NewSubscription;

char **
cdc_argument_strings(Datum array, const char *argument, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	char	  **result;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, 'i', &elems, &nulls, n);
	result = palloc(sizeof(char *) * (*n + 1));
	for (i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", argument)));
		result[i] = TextDatumGetCString(elems[i]);
	}
	result[*n] = NULL;
	return result;
}

void
cdc_split_relation_name(const char *argument, const char *name, const char *default_schema,
						char **schema, char **relation)
{
	List	   *names = CDC_QUALIFIED_NAMES(name);

	if (list_length(names) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid %s: \"%s\"", argument, name),
				 errhint("Write it as in SQL: schema.table, with double quotes where a name needs them.")));
	*relation = strVal(llast(names));
	if (list_length(names) == 2)
		*schema = strVal(linitial(names));
	else if (default_schema != NULL)
		*schema = pstrdup(default_schema);
	else
	{
		List	   *path = fetch_search_path(false);

		if (path == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_SCHEMA),
					 errmsg("no schema has been selected for %s \"%s\"", argument, name),
					 errhint("Name one: schema.table.")));
		*schema = get_namespace_name(linitial_oid(path));
	}
}

/* Patterns of an array argument, each checked; ERROR when required and empty. */
static char **
read_patterns(FunctionCallInfo fcinfo, int arg, const char *argument, bool required, int *n)
{
	char	  **patterns;
	CdcError	err;
	int			i;

	patterns = cdc_argument_strings(PG_GETARG_DATUM(arg), argument, n);
	if (required && *n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have at least one pattern", argument),
				 errhint("For all tables of database shop: tables := '{shop.*}'.")));
	for (i = 0; i < *n; i++)
	{
		CDC_CHECK(cdc_pattern_check(patterns[i], &err), &err, NULL);
	}
	return patterns;
}

static bool
name_taken(const char *name)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription s WHERE s.name OPERATOR(pg_catalog.=) $1", 1, {TEXTOID}
	};

	return cdc_spi_run(&stmt, name) > 0;
}

CdcTargetRows
cdc_argument_target_rows(const char *text)
{
	if (strcmp(text, "error") == 0)
		return CDC_ROWS_ERROR;
	if (strcmp(text, "replace") == 0)
		return CDC_ROWS_REPLACE;
	if (strcmp(text, "keep") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid target_rows \"%s\"", text),
				 errhint("Valid: error, replace, keep.")));
	return CDC_ROWS_KEEP;
}

void
cdc_check_copy_mode(const CdcSubscription *sub, const CdcSubscriptionOptions *opt)
{
	if (sub->kind == CDC_SERVER_KAFKA && opt->copy_mode != CDC_COPY_INITIAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"copy_mode\" is for servers of MySQL and MariaDB"),
				 errdetail("Kafka has no tables to copy."),
				 errhint("Say where topics are read from with start_position.")));
}

/* ERROR where copy_mode does not fit the arguments. */
static void
check_copy_arguments(const CdcSubscription *sub, bool copy_data)
{
	cdc_check_copy_mode(sub, &sub->opt);
	if (sub->opt.copy_mode == CDC_COPY_ONLY && !copy_data)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("copy_mode only and copy_data := false leave nothing to do")));
	if (sub->opt.copy_mode == CDC_COPY_ONLY && sub->start_position != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("copy_mode only has no start_position"),
				 errhint("The copy is of the tables as they are now.")));
}

static void
read_arguments(FunctionCallInfo fcinfo, NewSubscription *new)
{
	static const int required[] = {
		ARG_NAME, ARG_SERVER, ARG_TABLES, ARG_EXCLUDE, ARG_FORMAT, ARG_COPY_DATA,
		ARG_ENABLED, ARG_OPTIONS, ARG_TARGET_ROWS
	};
	CdcSubscription *sub = &new->sub;
	CdcSubscriptionOptions defaults;
	int			i;

	for (i = 0; i < (int) lengthof(required); i++)
		if (PG_ARGISNULL(required[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("only topics, target_schema, history and start_position may be null")));

	sub->name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_NAME));
	cdc_check_name("subscription", sub->name);
	if (name_taken(sub->name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("subscription \"%s\" already exists", sub->name)));

	sub->server = text_to_cstring(PG_GETARG_TEXT_PP(ARG_SERVER));
	sub->kind = cdc_server_kind(sub->server, false);
	sub->format = text_to_cstring(PG_GETARG_TEXT_PP(ARG_FORMAT));
	if (!PG_ARGISNULL(ARG_TOPICS))
		sub->topics = cdc_argument_strings(PG_GETARG_DATUM(ARG_TOPICS), "topics", &sub->ntopics);
	cdc_source_kind(sub->kind)->check_arguments(sub);
	sub->tables = read_patterns(fcinfo, ARG_TABLES, "tables", true, &sub->ntables);
	sub->exclude = read_patterns(fcinfo, ARG_EXCLUDE, "exclude", false, &sub->nexclude);
	if (!PG_ARGISNULL(ARG_TARGET_SCHEMA))
		sub->target_schema = text_to_cstring(PG_GETARG_TEXT_PP(ARG_TARGET_SCHEMA));
	if (sub->target_schema != NULL &&
		(sub->target_schema[0] == '\0' || strlen(sub->target_schema) >= NAMEDATALEN))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid target_schema: \"%s\"", sub->target_schema)));
	sub->copy_data = PG_GETARG_BOOL(ARG_COPY_DATA);
	sub->target_rows = cdc_argument_target_rows(text_to_cstring(PG_GETARG_TEXT_PP(ARG_TARGET_ROWS)));
	/* its tables are not known yet, and nobody would ask again before the rows of one are replaced */
	if (sub->kind == CDC_SERVER_KAFKA && sub->target_rows != CDC_ROWS_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("target_rows is not for a subscription of topics, whose messages are yet to name the tables"),
				 errhint("Say it of each target that has rows, when messages have named its table: SELECT cdc.remove_table(%s, ...); and SELECT cdc.add_table(%s, ..., target := ..., target_rows := 'replace').",
						 quote_literal_cstr(sub->name), quote_literal_cstr(sub->name))));
	if (!PG_ARGISNULL(ARG_START_POSITION))
		sub->start_position = text_to_cstring(PG_GETARG_TEXT_PP(ARG_START_POSITION));
	sub->enabled = PG_GETARG_BOOL(ARG_ENABLED);
	new->options = PG_GETARG_JSONB_P(ARG_OPTIONS);
	cdc_subscription_options_parse(NULL, &defaults);
	cdc_subscription_options_parse(new->options, &sub->opt);
	cdc_subscription_options_check_superuser(&sub->opt, &defaults);
	check_copy_arguments(sub, sub->copy_data);
	if (sub->opt.copy_mode == CDC_COPY_NEVER)
		sub->copy_data = false;
	if (sub->target_schema != NULL)
		cdc_subscription_options_check_replicas(&sub->opt);
	sub->owner_oid = GetUserId();
	sub->owner = CDC_USER_NAME(sub->owner_oid);

	if (!PG_ARGISNULL(ARG_HISTORY))
		cdc_split_relation_name("history", text_to_cstring(PG_GETARG_TEXT_PP(ARG_HISTORY)),
								sub->target_schema, &new->history_schema, &new->history_name);
	else
		cdc_split_relation_name("history",
								quote_identifier(cdc_replica_identifier(psprintf("%s_history", sub->name))),
								sub->target_schema, &new->history_schema, &new->history_name);
}

static void
make_history(NewSubscription *new)
{
	const char *name = quote_qualified_identifier(new->history_schema, new->history_name);
	Oid			nsp = get_namespace_oid(new->history_schema, false);

	if (OidIsValid(get_relname_relid(new->history_name, nsp)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation %s already exists", name),
				 errdetail("It would be the history table of subscription \"%s\".", new->sub.name),
				 errhint("Name another one with history := '...', or drop it.")));
	cdc_history_make(&new->sub, name);
	new->sub.history = get_relname_relid(new->history_name, nsp);
}

/* The rows of the subscription in the extension's tables; sets its id. */
static void
insert_rows(NewSubscription *new)
{
	static CdcStatement insert = {
		"INSERT INTO cdc_catalog.subscription (name, owner, server, tables, \"exclude\", format,"
		" target_schema, history, copy_data, start_position, enabled, options, topics, id)"
		" VALUES ($1, $2::pg_catalog.name, $3::pg_catalog.name, $4, $5, $6,"
		" $7::pg_catalog.name, $8, $9, $10, $11, $12, $13,"
		" pg_catalog.nextval('cdc_catalog.subscription_id_seq'::pg_catalog.regclass)::pg_catalog.int4)"
		" RETURNING id",
		13, {TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID,
		BOOLOID, TEXTOID, BOOLOID, JSONBOID, TEXTARRAYOID}
	};
	static CdcStatement others[] = {
		{"INSERT INTO cdc_catalog.subscription_position (subscription) VALUES ($1)", 1, {TEXTOID}},
		{"INSERT INTO cdc_catalog.subscription_progress (subscription) VALUES ($1)", 1, {TEXTOID}}
	};
	const CdcSubscription *sub = &new->sub;
	CdcIdentity identity = {0};
	CdcSpi		spi;
	Datum		values[13];
	char		nulls[13];
	bool		isnull;
	int			i;

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(sub->owner);
	values[2] = CStringGetTextDatum(sub->server);
	values[3] = cdc_text_array((const char *const *) sub->tables, sub->ntables);
	values[4] = cdc_text_array((const char *const *) sub->exclude, sub->nexclude);
	values[5] = CStringGetTextDatum(sub->format);
	values[6] = cdc_text_or_null(sub->target_schema, &nulls[6]);
	values[7] = CStringGetTextDatum(quote_qualified_identifier(new->history_schema,
															   new->history_name));
	values[8] = BoolGetDatum(sub->copy_data);
	values[9] = cdc_text_or_null(sub->start_position, &nulls[9]);
	values[10] = BoolGetDatum(sub->enabled);
	values[11] = JsonbPGetDatum(new->options);
	values[12] = cdc_text_array((const char *const *) sub->topics, sub->ntopics);
	if (sub->topics == NULL)
		nulls[12] = 'n';
	(void) cdc_spi_execute(&insert, values, nulls);
	new->sub.id = DatumGetInt32(cdc_spi_datum(0, 1, INT4OID, &isnull));
	for (i = 0; i < (int) lengthof(others); i++)
		(void) cdc_spi_execute(&others[i], values, NULL);
	cdc_spi_end(&spi);
	identity.owner = sub->owner_oid;
	identity.server = get_foreign_server_oid(sub->server, false);
	identity.history = sub->history;
	if (sub->target_schema != NULL)
		identity.target_schema = get_namespace_oid(sub->target_schema, false);
	cdc_identity_store(sub->name, &identity);
}

Datum
cdc_create_subscription(PG_FUNCTION_ARGS)
{
	NewSubscription new;
	CdcSubscription *sub = &new.sub;
	const CdcSourceMethods *methods;
	CdcSourceTexts texts;
	CdcScope	scope;
	void	   *prepared;

	memset(&new, 0, sizeof(new));
	read_arguments(fcinfo, &new);

	/* the slow part first: nothing is locked while the source is waited for */
	methods = cdc_source_kind(sub->kind);
	cdc_source_texts_begin(&texts);
	prepared = methods->prepare(sub);
	cdc_source_texts_end(&texts);

	cdc_owner_begin(sub, &scope);
	if (sub->target_schema != NULL && !OidIsValid(get_namespace_oid(sub->target_schema, true)))
	{
		cdc_spi_command(psprintf("CREATE SCHEMA %s", quote_identifier(sub->target_schema)));
		CommandCounterIncrement();
	}
	make_history(&new);
	insert_rows(&new);
	methods->create(sub, prepared);
	cdc_scope_end(&scope);

	cdc_log(sub->name, "subscription", psprintf("created for server %s", sub->server), NULL);
	if (sub->enabled)
		cdc_notice_preload();
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
