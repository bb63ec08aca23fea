/*-------------------------------------------------------------------------
 *
 * subscription_table.c
 *	  The tables of a subscription: registered when it is created, added and
 *	  removed by SQL, or discovered in the stream.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/catalog/options.h"
#include "pg/commands/subscription.h"
#include "pg/commands/subscription_internal.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/pattern.h"
#include "pg/base/bounded_text.h"
#include "pg/catalog/failure.h"
#include "pg/target/replica_table.h"
#include "pg/schema/schema.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/subscription.h"
#include "pg/catalog/access.h"
#include "pg/catalog/position.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/log.h"

PG_FUNCTION_INFO_V1(cdc_add_table);
PG_FUNCTION_INFO_V1(cdc_remove_table);

char *
cdc_target_user(const char *target)
{
	static CdcStatement stmt = {
		"SELECT t.subscription, t.source_table FROM cdc_catalog.subscription_table t"
		" WHERE t.target OPERATOR(pg_catalog.=) $1",
		1, {TEXTOID}
	};
	CdcSpi		spi;
	Datum		value = CStringGetTextDatum(target);
	char	   *result = NULL;

	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, &value, NULL) > 0)
	{
		char	   *subscription = cdc_spi_text(&spi, 0, 1);
		char	   *source_table = cdc_spi_text(&spi, 0, 2);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		result = psprintf("subscription \"%s\" fills it from %s", subscription, source_table);
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

void
cdc_table_row_insert(const CdcSubscription *sub, const CdcTableRow *row)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.subscription_table (subscription, source_table, target, key, columns,"
		" copy_data, state, last_error, last_sqlstate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		9, {TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, JSONBOID, BOOLOID, CHAROID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Datum		values[9];
	char		nulls[9];

	memset(nulls, ' ', sizeof(nulls));
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(row->source_table);
	values[2] = cdc_text_or_null(row->target, &nulls[2]);
	values[3] = cdc_text_array((const char *const *) row->key, row->nkey);
	nulls[3] = row->nkey > 0 ? ' ' : 'n';
	values[4] = row->columns ? JsonbPGetDatum(row->columns) : (Datum) 0;
	nulls[4] = row->columns ? ' ' : 'n';
	values[5] = BoolGetDatum(row->copy_data);
	values[6] = CharGetDatum(row->state);
	values[7] = cdc_text_or_null(cdc_bounded_text(row->error, CDC_TEXT_BOUND), &nulls[7]);
	values[8] = cdc_text_or_null(row->error ? unpack_sql_state(row->sqlerrcode) : NULL, &nulls[8]);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_catalog_changed();
}

/* Makes or checks the replica and registers the table. */
static void
register_with_target(const CdcSubscription *sub, const CdcTable *table,
					 const CdcReplicaSpec *spec, bool copy)
{
	CdcReplica	replica;
	CdcTableRow row;
	char	   *user;

	memset(&row, 0, sizeof(row));
	memset(&replica, 0, sizeof(replica));
	row.source_table = cdc_replica_text(table->full_name);
	row.copy_data = copy;
	row.state = copy ? 'i' : 'r';
	if (spec != NULL)
	{
		user = cdc_target_user(quote_qualified_identifier(spec->schema, spec->name));
		if (user != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_TABLE),
					 errmsg("target %s of source table %s is taken",
							quote_qualified_identifier(spec->schema, spec->name),
							row.source_table),
					 errdetail("The %s.", user),
					 errhint("Exclude one of the source tables, name another target with cdc.add_table(%s, %s, target := ...), or make a subscription for each database with its own target_schema.",
							 quote_literal_cstr(sub->name), quote_literal_cstr(row.source_table))));
		cdc_replica_ensure(sub, table, spec, &replica);
		row.target = replica.target;
		row.columns = replica.columns;
		row.key = spec->key;
		row.nkey = spec->nkey;
	}
	cdc_table_row_insert(sub, &row);
}

/* Asked for only where the table has such columns. */
static CdcGeneratedLogged
generated_logged(CdcSource *source, const CdcTable *table)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].generated)
			return cdc_source_generated_logged(source);
	return CDC_GENERATED_ALL;
}

/* The replica that the subscription's target_schema implies; false: none. */
static bool
default_target(const CdcSubscription *sub, CdcSource *source, const CdcTable *table,
			   CdcReplicaSpec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->logged = generated_logged(source, table);
	if (sub->target_schema == NULL)
		return false;
	spec->schema = sub->target_schema;
	spec->name = cdc_replica_identifier(table->name);
	if (strcmp(spec->name, cdc_replica_text(table->name)) != 0)
		ereport(NOTICE,
				(errmsg("the name of source table %s is longer than %d bytes",
						cdc_replica_text(table->full_name), NAMEDATALEN - 1),
				 errdetail("Its target is %s.",
						   quote_qualified_identifier(spec->schema, spec->name))));
	return true;
}

static void
insert_failed(const CdcSubscription *sub, CdcTableRow *row, int sqlerrcode, const char *error)
{
	row->state = 'e';
	row->sqlerrcode = sqlerrcode;
	row->error = error;
	cdc_table_row_insert(sub, row);
	cdc_notify(sub->name, "table_error", row->source_table, unpack_sql_state(sqlerrcode));
}

static void
register_failed(const CdcSubscription *sub, const CdcTable *table, int sqlerrcode,
				const char *error)
{
	CdcTableRow row;

	memset(&row, 0, sizeof(row));
	row.source_table = cdc_replica_text(table->full_name);
	insert_failed(sub, &row, sqlerrcode, error);
}

void
cdc_subscription_register_table(const CdcSubscription *sub, CdcSource *source,
								const CdcTable *table, bool copy)
{
	CdcReplicaSpec spec;
	char	   *trouble = cdc_replica_trouble(sub, table);

	if (trouble != NULL)
	{
		ereport(WARNING,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s", trouble),
				 errdetail("The table is left out, the others are not affected."),
				 errhint("Exclude it to silence this, or change the column at the source.")));
		register_failed(sub, table, ERRCODE_FEATURE_NOT_SUPPORTED, trouble);
		cdc_log(sub->name, "table", psprintf("source table %s is left out",
											 cdc_replica_text(table->full_name)), trouble);
		return;
	}
	register_with_target(sub, table, default_target(sub, source, table, &spec) ? &spec : NULL, copy);
}

char
cdc_subscription_add_discovered_table(const CdcSubscription *sub, CdcSource *source,
									  const CdcTable *table, bool copy)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	CdcUser		user;
	CdcReplicaSpec spec;
	char	   *volatile error = cdc_replica_trouble(sub, table);
	volatile int sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED;

	cdc_user_become_owner(sub, &user);
	if (error == NULL)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(caller);
		PG_TRY();
		{
			register_with_target(sub, table,
								 default_target(sub, source, table, &spec) ? &spec : NULL,
								 copy && sub->copy_data);
			ReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(caller);
			CurrentResourceOwner = owner;
		}
		PG_CATCH();
		{
			ErrorData  *edata;

			MemoryContextSwitchTo(caller);
			edata = CopyErrorData();
			if (edata->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				edata->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
				PG_RE_THROW();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(caller);
			CurrentResourceOwner = owner;
			sqlerrcode = edata->sqlerrcode;
			error = cdc_failure_text(edata);
		}
		PG_END_TRY();
	}
	if (error != NULL)
	{
		ereport(WARNING,
				(errmsg("new source table %s is not replicated by subscription \"%s\"",
						cdc_replica_text(table->full_name), sub->name),
				 errdetail("%s", error)));
		register_failed(sub, table, sqlerrcode, error);
	}
	cdc_user_restore(&user);
	cdc_log(sub->name, "table", psprintf("new source table %s", cdc_replica_text(table->full_name)),
			error);
	return error != NULL ? 'e' : copy && sub->copy_data ? 'i' : 'r';
}

/* The SQLSTATE of tables that cannot be read as they are now. */
#define UNREADABLE	ERRCODE_FEATURE_NOT_SUPPORTED

/* Whether the table is in state 'e' without a target and with that error. */
static bool
is_unreadable(const CdcSubscription *sub, const char *source_table, const char *error)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.=) 'e' AND target IS NULL"
		" AND last_error OPERATOR(pg_catalog.=) $3",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table, error) > 0;
}

/* Sets state 'e' and lets the target go; false: the table is not registered. */
static bool
let_go(const CdcSubscription *sub, const char *source_table, const char *error)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET state = 'e', last_error = $3, last_sqlstate = $4,"
		" target = NULL, state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	bool		found = cdc_spi_run(&stmt, sub->name, source_table, error,
									unpack_sql_state(UNREADABLE)) > 0;

	cdc_catalog_changed();
	return found;
}

void
cdc_subscription_table_unreadable(const CdcSubscription *sub, const char *source_table,
								  const char *error)
{
	char	   *name = quote_literal_cstr(sub->name);
	char	   *table = quote_literal_cstr(source_table);
	CdcTableRow row;

	error = cdc_bounded_text(error, CDC_TEXT_BOUND);
	if (is_unreadable(sub, source_table, error))
		return;
	if (let_go(sub, source_table, error))
		cdc_notify(sub->name, "table_error", source_table, unpack_sql_state(UNREADABLE));
	else
	{
		memset(&row, 0, sizeof(row));
		row.source_table = source_table;
		insert_failed(sub, &row, UNREADABLE, error);
	}
	cdc_log(sub->name, "table", psprintf("source table %s is left out", source_table), error);
	ereport(WARNING,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("source table %s is not replicated by subscription \"%s\" any more",
					source_table, sub->name),
			 errdetail("%s", error),
			 errhint("Change the column at the source, then call cdc.remove_table(%s, %s) and cdc.add_table(%s, %s).",
					 name, table, name, table)));
}

/* ------------------------------------------------------------------------
 * cdc.add_table, cdc.remove_table
 * ------------------------------------------------------------------------
 */

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

static bool
is_registered(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table) > 0;
}

static void
delete_table_rows(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmts[] = {
		{"DELETE FROM cdc_catalog.subscription_table WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}},
		{"DELETE FROM cdc_catalog.table_counter WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND source_table OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}}
	};
	int			i;

	for (i = 0; i < (int) lengthof(stmts); i++)
		(void) cdc_spi_run(&stmts[i], sub->name, source_table);
}

void
cdc_split_table_name(const char *name, char **database, char **table)
{
	const char *dot = strchr(name, '.');

	if (dot == NULL || dot == name || dot[1] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name of a source table: \"%s\"", name),
				 errhint("Write it as database.table, for example \"shop.orders\".")));
	*database = pnstrdup(name, dot - name);
	*table = pstrdup(dot + 1);
}

static void
check_mode(const char *mode)
{
	if (strcmp(mode, "replica") == 0)
		return;
	if (strcmp(mode, "append") == 0 || strcmp(mode, "soft_delete") == 0 ||
		strcmp(mode, "scd2") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mode \"%s\" is not supported by this version", mode),
				 errhint("The mode that there is: replica.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid mode \"%s\"", mode),
			 errhint("Valid: replica.")));
}

/* The definition of a source table, stored as its newest version. */
static const CdcTable *
read_definition(const CdcSubscription *sub, CdcSource *source, const char *database,
				const char *table)
{
	CdcSchema  *schema = cdc_schema_create(CurrentMemoryContext, sub);
	CdcPosition pos;
	const CdcTable *def;

	cdc_position_get(sub, &pos);
	def = cdc_schema_refresh(schema, source, database, table, pos.last_seq + 1, NULL);
	if (def == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("source table %s.%s does not exist", database, table),
				 errhint("Check its spelling, letter case too, and that the user of the mapping for server \"%s\" has SELECT on it.",
						 sub->server)));
	return def;
}

/*
 * A table whose events come from Kafka: there is nobody to ask for its
 * definition.  Its target has to be there, or, where none is named, is made in
 * the target_schema with the first row.
 */
static void
add_kafka_table(const CdcSubscription *sub, const char *name, const CdcReplicaSpec *spec)
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
	row.state = 'r';
	if (!OidIsValid(get_relname_relid(spec->name, get_namespace_oid(spec->schema, false))))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("target %s does not exist", row.target),
				 errdetail("A Kafka topic does not tell the types of a table's columns beforehand."),
				 errhint("Create the table, or set target_schema for the subscription and leave the target out: it is then made with the first row.")));
	user = cdc_target_user(row.target);
	if (user != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("target %s of source table %s is taken", row.target, name),
				 errdetail("The %s.", user)));
	cdc_table_row_insert(sub, &row);
}

/* Target, key and columns as they were given. */
static void
read_target(FunctionCallInfo fcinfo, const CdcSubscription *sub, CdcReplicaSpec *spec)
{
	if (!PG_ARGISNULL(2))
		cdc_split_relation_name("target", text_to_cstring(PG_GETARG_TEXT_PP(2)),
								sub->target_schema, &spec->schema, &spec->name);
	if (!PG_ARGISNULL(4))
		spec->key = cdc_argument_strings(PG_GETARG_DATUM(4), "key", &spec->nkey);
	if (!PG_ARGISNULL(5))
		spec->columns = PG_GETARG_JSONB_P(5);
}

/* The same for a table of MySQL or MariaDB, whose server is asked for its definition. */
static void
add_mysql_table(FunctionCallInfo fcinfo, const CdcSubscription *sub, const char *database,
				const char *relation)
{
	CdcSource  *source = cdc_source_open(sub->server, sub->owner_oid, false);
	const CdcTable *table = read_definition(sub, source, database, relation);
	char	   *trouble = cdc_replica_trouble(sub, table);
	CdcReplicaSpec spec;
	bool		with_target;

	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s", trouble)));
	with_target = default_target(sub, source, table, &spec) || !PG_ARGISNULL(2);
	cdc_source_close(source);
	read_target(fcinfo, sub, &spec);
	if (!with_target && (spec.nkey > 0 || spec.columns != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key and columns need a target"),
				 errhint("Subscription \"%s\" has no target_schema: name a target.", sub->name)));

	if (with_target)
		cdc_subscription_options_check_replicas(&sub->opt);
	register_with_target(sub, table, with_target ? &spec : NULL, PG_GETARG_BOOL(7));
}

Datum
cdc_add_table(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	char	   *name;
	char	   *database;
	char	   *relation;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(7))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("subscription, source_table, mode and copy_data must not be null")));
	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	cdc_split_table_name(name, &database, &relation);
	check_mode(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	if (!PG_ARGISNULL(6))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("row_filter is not supported by this version")));
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	if (is_registered(sub, name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("source table %s is in subscription \"%s\" already", name, sub->name),
				 errhint("To change how it is replicated, call cdc.remove_table(%s, %s) first.",
						 quote_literal_cstr(sub->name), quote_literal_cstr(name))));

	if (sub->kind == CDC_SERVER_KAFKA)
	{
		CdcReplicaSpec spec = {0};

		read_target(fcinfo, sub, &spec);
		add_kafka_table(sub, name, &spec);
	}
	else
		add_mysql_table(fcinfo, sub, database, relation);
	update_wanted(sub, exact_pattern(database, relation), name, NULL, name);
	cdc_log(sub->name, "table", psprintf("source table %s added", name), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}

Datum
cdc_remove_table(PG_FUNCTION_ARGS)
{
	CdcSubscription *sub;
	char	   *name;
	char	   *database;
	char	   *table;
	char	   *pattern;
	bool		wanted;

	sub = cdc_subscription_get_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	cdc_split_table_name(name, &database, &table);
	cdc_subscription_lock(sub, CDC_WRITER_PULL);
	cdc_subscription_lock(sub, CDC_WRITER_APPLY);
	if (!is_registered(sub, name))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("source table %s is not in subscription \"%s\"", name, sub->name),
				 errhint("SELECT source_table FROM cdc.stat_table WHERE subscription = %s lists them.",
						 quote_literal_cstr(sub->name))));
	delete_table_rows(sub, name);

	/* else the patterns would bring it back with its next change */
	pattern = exact_pattern(database, table);
	sub->nadded = 0;
	wanted = cdc_subscription_wants(sub, database, table);
	update_wanted(sub, pattern, name, wanted ? pattern : NULL, NULL);
	cdc_log(sub->name, "table", psprintf("source table %s removed", name), NULL);
	cdc_subscription_changed();
	PG_RETURN_VOID();
}
