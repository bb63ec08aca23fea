/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  The source tables of a subscription, with their targets: registered when it
 *	  is created, by SQL, or when its stream shows them for the first time.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/mapping/registry.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "pg/base/bounded_text.h"
#include "pg/base/compat_value.h"
#include "pg/base/error.h"
#include "pg/base/utf8.h"
#include "pg/catalog/access.h"
#include "pg/catalog/changes.h"
#include "pg/catalog/failure.h"
#include "pg/catalog/log.h"
#include "pg/catalog/spi.h"
#include "pg/catalog/tables.h"
#include "pg/progress/copy_progress.h"
#include "pg/progress/known.h"
#include "pg/progress/table_error.h"
#include "pg/schema/change.h"
#include "pg/expression/fill.h"
#include "pg/mapping/shard.h"
#include "pg/target/mode_shape.h"

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

/* ---- rows of cdc.subscription_table ---- */

void
cdc_registry_mapping(const CdcTableRow *row, CdcMappingSpec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->source_table = row->source_table;
	spec->target = row->target;
	spec->mode = row->mode != NULL ? row->mode : "replica";
	spec->key = row->key;
	spec->nkey = row->nkey;
	spec->columns = row->columns;
	spec->row_filter = row->row_filter;
}

bool
cdc_registry_has(const CdcSubscription *sub, const char *source_table)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table) > 0;
}

char *
cdc_registry_target_user(const char *target)
{
	/* each half by its index: this is asked for every table of a large subscription */
	static CdcStatement stmt = {
		"SELECT t.subscription, t.source_table, s.owner::pg_catalog.text"
		" FROM (SELECT n.subscription, n.source_table FROM cdc_catalog.subscription_table n"
		" WHERE n.target OPERATOR(pg_catalog.=) $1"
		" UNION ALL SELECT o.subscription, o.source_table FROM cdc_catalog.subscription_table o"
		" WHERE o.target_oid OPERATOR(pg_catalog.=) $2) t JOIN cdc_catalog.subscription s"
		" ON s.name OPERATOR(pg_catalog.=) t.subscription",
		2, {TEXTOID, OIDOID}
	};
	CdcSpi		spi;
	Datum		values[2];
	char	   *result = NULL;

	values[0] = CStringGetTextDatum(target);
	values[1] = ObjectIdGetDatum(cdc_relation_by_name(target));
	cdc_spi_begin(&spi);
	if (cdc_spi_execute(&stmt, values, NULL) > 0)
	{
		char	   *subscription = cdc_spi_text(&spi, 0, 1);
		char	   *source_table = cdc_spi_text(&spi, 0, 2);
		Oid			owner = get_role_oid(cdc_spi_text(&spi, 0, 3), true);
		MemoryContext old = MemoryContextSwitchTo(spi.caller);

		/* strangers need not know whose it is */
		result = OidIsValid(owner) && has_privs_of_role(spi.userid, owner) ?
			psprintf("subscription \"%s\" fills it from %s", subscription, source_table) :
			pstrdup("subscription of another role fills it");
		MemoryContextSwitchTo(old);
	}
	cdc_spi_end(&spi);
	return result;
}

char *
cdc_registry_insert(const CdcSubscription *sub, const CdcTableRow *row)
{
	static CdcStatement stmt = {
		"INSERT INTO cdc_catalog.subscription_table (subscription, source_table, target, key, columns,"
		" copy_data, state, last_error, mode, last_sqlstate, target_oid, options, keyless, row_filter, shard, name,"
		" held, left_out)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, COALESCE($9, 'replica'), $10, $11, $12, $13, $14,"
		" COALESCE($15, ''), $16, $7 OPERATOR(pg_catalog.=) 'e', $7 OPERATOR(pg_catalog.=) 'e')",
		16, {TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, JSONBOID, BOOLOID, CHAROID, TEXTOID, TEXTOID,
		TEXTOID, OIDOID, JSONBOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID}
	};
	CdcSpi		spi;
	Oid			relid = row->target != NULL ? cdc_relation_by_name(row->target) : InvalidOid;
	bool		first = !cdc_registry_has(sub, row->source_table);
	char	   *name = cdc_subscription_table_name(sub, row->source_table, row->target);
	Datum		values[16];
	char		nulls[16];

	memset(nulls, ' ', sizeof(nulls));
	cdc_subscription_tables_forget(relid);
	cdc_spi_begin(&spi);
	values[0] = CStringGetTextDatum(sub->name);
	values[1] = CStringGetTextDatum(row->source_table);
	values[2] = cdc_text_or_null(row->target, &nulls[2]);
	values[3] = cdc_text_array((const char *const *) row->key, row->nkey);
	nulls[3] = row->nkey > 0 || cdc_key_is_none(sub, row->key, row->nkey) ? ' ' : 'n';
	values[4] = row->columns ? JsonbPGetDatum(row->columns) : (Datum) 0;
	nulls[4] = row->columns ? ' ' : 'n';
	values[5] = BoolGetDatum(row->copy_data);
	values[6] = CharGetDatum(row->state);
	values[7] = cdc_text_or_null(cdc_bounded_text(row->error, CDC_TEXT_BOUND), &nulls[7]);
	values[8] = cdc_text_or_null(row->mode, &nulls[8]);
	values[9] = cdc_text_or_null(row->error ? unpack_sql_state(row->sqlerrcode) : NULL, &nulls[9]);
	values[10] = ObjectIdGetDatum(relid);
	nulls[10] = OidIsValid(relid) ? ' ' : 'n';
	values[11] = row->options ? JsonbPGetDatum(row->options) : (Datum) 0;
	nulls[11] = row->options ? ' ' : 'n';
	values[12] = BoolGetDatum(row->keyless);
	values[13] = cdc_text_or_null(row->row_filter, &nulls[13]);
	values[14] = cdc_text_or_null(row->shard, &nulls[14]);
	values[15] = CStringGetTextDatum(name);
	(void) cdc_spi_execute(&stmt, values, nulls);
	cdc_spi_end(&spi);
	cdc_changes_forget(sub->name, row->source_table, &name, 1);
	if (!first && sub->kind == CDC_SERVER_MYSQL)
		cdc_copy_tell_apart(sub, row->source_table);
	cdc_catalog_changed();
	return name;
}

char *
cdc_registry_add(const CdcSubscription *sub, const CdcTable *table, const CdcReplicaSpec *spec,
				 bool copy, const Jsonb *options)
{
	static const CdcCopyRequest replacing = {"copy", true, NULL, false};
	static const CdcCopyRequest keeping = {.kind = "copy", .keeps = true};
	CdcReplica	replica;
	CdcMappingSpec mapping;
	CdcTableRow row;
	char	   *user;
	char	   *name;

	memset(&row, 0, sizeof(row));
	memset(&replica, 0, sizeof(replica));
	row.source_table = cdc_from_utf8_copy(table->full_name);
	row.copy_data = copy;
	row.state = copy ? 'i' : 'r';
	row.options = options;
	if (spec != NULL)
	{
		user = cdc_registry_target_user(quote_qualified_identifier(spec->schema, spec->name));
		if (user != NULL && !cdc_fills_compute(spec->columns))
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
		row.keyless = replica.keyless || cdc_key_is_none(sub, spec->key, spec->nkey);
		row.key = spec->key;
		row.nkey = spec->nkey;
		row.mode = spec->mode;
		row.row_filter = spec->row_filter;
		cdc_registry_mapping(&row, &mapping);
		row.shard = cdc_shard_check(sub, &mapping, spec->rows, !replica.created);
	}
	name = cdc_registry_insert(sub, &row);
	if (copy && spec != NULL && !replica.created && spec->rows != CDC_ROWS_ERROR)
		cdc_copy_request(sub, name, spec->rows == CDC_ROWS_REPLACE ? &replacing : &keeping);
	return name;
}

bool
cdc_registry_default_target(const CdcSubscription *sub, const CdcTable *table,
							CdcGeneratedLogged logged, CdcReplicaSpec *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->logged = logged;
	spec->rows = sub->target_rows;
	spec->mode = cdc_mode_of_subscription(sub);
	if (sub->target_schema == NULL)
		return false;
	if (sub->schema_trouble != NULL)
		cdc_trouble_raise(sub->schema_trouble);
	spec->schema = sub->target_schema;
	spec->name = cdc_replica_identifier(table->name);
	if (strcmp(spec->name, cdc_from_utf8_copy(table->name)) != 0)
		ereport(NOTICE,
				(errmsg("the name of source table %s is longer than %d bytes",
						cdc_from_utf8_copy(table->full_name), NAMEDATALEN - 1),
				 errdetail("Its target is %s.",
						   quote_qualified_identifier(spec->schema, spec->name))));
	return true;
}

/* The row of a table that has a replica no more, or never had one, with the reason. */
static void
insert_in_error(const CdcSubscription *sub, CdcTableRow *row, int sqlerrcode, const char *error)
{
	row->state = 'e';
	row->sqlerrcode = sqlerrcode;
	row->error = error;
	(void) cdc_registry_insert(sub, row);
	cdc_notify(sub->name, "table_error", row->source_table, unpack_sql_state(sqlerrcode));
}

static void
add_in_error(const CdcSubscription *sub, const CdcTable *table, int sqlerrcode, const char *error)
{
	CdcTableRow row;

	memset(&row, 0, sizeof(row));
	row.source_table = cdc_from_utf8_copy(table->full_name);
	insert_in_error(sub, &row, sqlerrcode,
					psprintf("%s\nHINT:  %s", error, cdc_table_error_left_out_hint(sub, row.source_table)));
}

/* A table of a new subscription is left out, with the reason. */
static void
leave_out(const CdcSubscription *sub, const CdcTable *table, int sqlerrcode, const char *trouble,
		  const char *hint)
{
	ereport(WARNING,
			(errcode(sqlerrcode),
			 errmsg("%s", trouble),
			 errdetail("The table is left out, the others are not affected."),
			 errhint("%s", hint)));
	add_in_error(sub, table, sqlerrcode, trouble);
	cdc_log(sub->name, "table", psprintf("source table %s is left out",
										 cdc_from_utf8_copy(table->full_name)), trouble);
}

/*
 * Of two tables of the subscription that would have the same target the second one is
 * told so; NULL: it is the first.
 */
static char *
meets_another(const CdcSubscription *sub, const CdcTable *table, const CdcReplicaSpec *spec)
{
	char	   *target = quote_qualified_identifier(spec->schema, spec->name);
	char	   *user = cdc_registry_target_user(target);
	char	   *own = psprintf("subscription \"%s\" fills it from ", sub->name);

	if (user == NULL || strncmp(user, own, strlen(own)) != 0)
		return NULL;
	return psprintf("table %s cannot be replicated: its target would be %s, which is that of source table %s",
					cdc_from_utf8_copy(table->full_name), target, user + strlen(own));
}

void
cdc_registry_add_existing(const CdcSubscription *sub, const CdcTable *table,
						  CdcGeneratedLogged logged, bool copy)
{
	CdcReplicaSpec spec;
	bool		has_target;
	char	   *name = cdc_from_utf8_copy(table->full_name);
	char	   *trouble = cdc_replica_trouble(sub, table);

	if (trouble != NULL)
	{
		leave_out(sub, table, ERRCODE_FEATURE_NOT_SUPPORTED, trouble,
				  "Exclude it to silence this, or change the column at the source.");
		return;
	}
	has_target = cdc_registry_default_target(sub, table, logged, &spec);
	trouble = has_target ? meets_another(sub, table, &spec) : NULL;
	if (trouble != NULL)
		leave_out(sub, table, ERRCODE_DUPLICATE_TABLE, trouble, cdc_table_error_left_out_hint(sub, name));
	else if (has_target && table->npk == 0 && cdc_mode_shape(spec.mode)->keeps_rows &&
			 !cdc_mode_shape(spec.mode)->own_key)
		leave_out(sub, table, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				  psprintf("source table %s has no primary key, and its target cannot have mode \"%s\"", name, spec.mode),
				  psprintf("In a mode that needs none: SELECT cdc.remove_table(%s, %s); and SELECT cdc.add_table(%s, %s, mode := 'append');",
						   quote_literal_cstr(sub->name), quote_literal_cstr(name), quote_literal_cstr(sub->name),
						   quote_literal_cstr(name)));
	else
		(void) cdc_registry_add(sub, table, has_target ? &spec : NULL, copy, NULL);
}

/* A table that is to be registered. */
typedef struct Adding
{
	const CdcSubscription *sub;
	const CdcTable *table;
	CdcGeneratedLogged logged;
	bool		copy;
} Adding;

/* CdcAttempt */
static bool
attempt_to_add(void *arg)
{
	const Adding *a = arg;
	CdcReplicaSpec spec;

	(void) cdc_registry_add(a->sub, a->table,
							cdc_registry_default_target(a->sub, a->table, a->logged, &spec) ? &spec : NULL,
							a->copy, NULL);
	return true;
}

/*
 * Registers the table in a subtransaction.  Returns what is wrong with it, with *sqlstate;
 * NULL: it is registered.  An error that is not the table's own goes on, to be tried again.
 */
static char *
try_to_add(const CdcSubscription *sub, const CdcTable *table, CdcGeneratedLogged logged, bool copy,
		   int *sqlstate)
{
	Adding		adding = {sub, table, logged, copy};
	ErrorData  *error = cdc_attempt_lasting(attempt_to_add, &adding);

	if (error == NULL)
		return NULL;
	*sqlstate = error->sqlerrcode;
	/* it is in the subscription with that error, so that its own hint tells how a target is named */
	if (error->sqlerrcode == ERRCODE_DUPLICATE_TABLE && strncmp(error->message, "target ", 7) == 0)
		error->hint = NULL;
	return cdc_failure_text(error);
}

/* Tables that a transaction made known, for its bound. */
static struct
{
	TransactionId xid;
	int			tables;
}			discovered;

bool
cdc_registry_discovered_enough(const CdcSubscription *sub)
{
	return discovered.tables > 0 && discovered.xid == GetTopTransactionIdIfAny() &&
		discovered.tables >= sub->opt.max_new_tables / 4;
}

/* ERROR: before the server's table of locks is full, which concerns all of its users. */
static void
count_discovered(const CdcSubscription *sub)
{
	TransactionId xid = GetTopTransactionId();

	if (discovered.xid != xid)
		discovered.tables = 0;
	discovered.xid = xid;
	if (++discovered.tables <= sub->opt.max_new_tables)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("more than %d new source tables in one transaction of subscription \"%s\"",
					sub->opt.max_new_tables, sub->name),
			 errhint("Raise the subscription's option max_new_tables, and the server's max_locks_per_transaction by as much as five locks for each of them need; or call cdc.pull with max_events; or exclude tables.")));
}

/* The stream has made the table: no row of it is older. */
static void
note_complete(const CdcSubscription *sub, const CdcTable *table)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET complete = true"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		2, {TEXTOID, TEXTOID}
	};

	(void) cdc_spi_run(&stmt, sub->name, cdc_from_utf8_copy(table->full_name));
	cdc_known_made(sub, cdc_from_utf8_copy(table->full_name));
}

char
cdc_registry_add_discovered(const CdcSubscription *sub, const CdcTable *table,
							CdcGeneratedLogged logged, bool copy)
{
	char	   *error = cdc_replica_trouble(sub, table);
	int			sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED;

	count_discovered(sub);
	if (error == NULL)
		error = try_to_add(sub, table, logged, copy && sub->copy_data, &sqlerrcode);
	if (error != NULL)
	{
		ereport(WARNING,
				(errmsg("new source table %s is not replicated by subscription \"%s\"",
						cdc_from_utf8_copy(table->full_name), sub->name),
				 errdetail("%s", error)));
		add_in_error(sub, table, sqlerrcode, error);
	}
	else if (!copy)
		note_complete(sub, table);
	cdc_log(sub->name, "table", psprintf("new source table %s", cdc_from_utf8_copy(table->full_name)),
			error);
	return error != NULL ? 'e' : copy && sub->copy_data ? 'i' : 'r';
}

void
cdc_registry_add_gone(const CdcSubscription *sub, const char *source_table, const char *error)
{
	char	   *name = quote_literal_cstr(sub->name);
	char	   *table = quote_literal_cstr(source_table);
	char	   *hint = psprintf("SELECT cdc.remove_table(%s, %s); and, where the source has it again: SELECT cdc.add_table(%s, %s);",
								name, table, name, table);
	CdcTableRow row;

	count_discovered(sub);
	ereport(WARNING,
			(errmsg("new source table %s is not replicated by subscription \"%s\"", source_table, sub->name),
			 errdetail("%s.", error),
			 errhint("%s", hint)));
	memset(&row, 0, sizeof(row));
	row.source_table = source_table;
	insert_in_error(sub, &row, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					psprintf("%s.\nHINT:  %s", error, hint));
	cdc_log(sub->name, "table", psprintf("new source table %s is left out", source_table), error);
}

/* The SQLSTATE of tables that cannot be read as they are now. */
#define UNREADABLE	ERRCODE_FEATURE_NOT_SUPPORTED

/* Whether the source table is in state 'e', with that error, and none of its targets is left. */
static bool
is_unreadable(const CdcSubscription *sub, const char *source_table, const char *error)
{
	static CdcStatement stmt = {
		"SELECT 1 FROM cdc_catalog.subscription_table"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2"
		" AND state OPERATOR(pg_catalog.=) 'e' AND target IS NULL"
		" AND last_error OPERATOR(pg_catalog.=) $3 AND NOT EXISTS (SELECT 1"
		" FROM cdc_catalog.subscription_table o WHERE o.subscription OPERATOR(pg_catalog.=) $1"
		" AND o.source_table OPERATOR(pg_catalog.=) $2 AND o.target IS NOT NULL)",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};

	return cdc_spi_run(&stmt, sub->name, source_table, error) > 0;
}

/* Sets state 'e' and lets its targets go; false: the table is not registered. */
static bool
release_target(const CdcSubscription *sub, const char *source_table, const char *error)
{
	static CdcStatement stmt = {
		"UPDATE cdc_catalog.subscription_table SET state = 'e', last_error = $3, last_sqlstate = $4,"
		" target = NULL, target_oid = NULL, held = true, held_seq = NULL, left_out = true,"
		" state_since = pg_catalog.now()"
		" WHERE subscription OPERATOR(pg_catalog.=) $1 AND source_table OPERATOR(pg_catalog.=) $2",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	bool		found = cdc_spi_run(&stmt, sub->name, source_table, error,
									unpack_sql_state(UNREADABLE)) > 0;

	cdc_catalog_changed();
	return found;
}

void
cdc_registry_unreadable(const CdcSubscription *sub, const char *source_table, const char *error)
{
	char	   *name = quote_literal_cstr(sub->name);
	char	   *table = quote_literal_cstr(source_table);
	char	   *remedy = psprintf("Change the column at the source, then SELECT cdc.remove_table(%s, %s); and SELECT cdc.add_table(%s, %s, target := ..., target_rows := 'replace'); with the name of its target.",
								  name, table, name, table);
	const char *said = error;
	CdcTableRow row;

	error = cdc_bounded_text(psprintf("%s\nHINT:  %s", error, remedy), CDC_TEXT_BOUND);
	if (is_unreadable(sub, source_table, error))
		return;
	if (release_target(sub, source_table, error))
	{
		cdc_known_lost(sub, source_table);
		cdc_notify(sub->name, "table_error", source_table, unpack_sql_state(UNREADABLE));
	}
	else
	{
		memset(&row, 0, sizeof(row));
		row.source_table = source_table;
		insert_in_error(sub, &row, UNREADABLE, error);
	}
	cdc_log(sub->name, "table", psprintf("source table %s is left out", source_table), said);
	ereport(WARNING,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("source table %s is not replicated by subscription \"%s\" any more",
					source_table, sub->name),
			 errdetail("%s", said),
			 errhint("%s", remedy)));
}

void
cdc_registry_remove(const CdcSubscription *sub, const CdcSubscriptionTable *table)
{
	static CdcStatement stmts[] = {
		{"DELETE FROM cdc_catalog.subscription_table WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}},
		{"DELETE FROM cdc_catalog.copy_progress WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}},
		{"DELETE FROM cdc_catalog.table_counter WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}},
		{"DELETE FROM cdc_catalog.error WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2 AND op IS NOT NULL", 2, {TEXTOID, TEXTOID}},
		{"DELETE FROM cdc_catalog.blocked_key WHERE subscription OPERATOR(pg_catalog.=) $1"
		" AND name OPERATOR(pg_catalog.=) $2", 2, {TEXTOID, TEXTOID}}
	};
	/* what apply has not come to yet it will pass over, and take away */
	static CdcStatement copied = {
		"DELETE FROM cdc_catalog.copied_rows c USING cdc_catalog.subscription_progress p"
		" WHERE c.subscription OPERATOR(pg_catalog.=) $1 AND c.source_table OPERATOR(pg_catalog.=) $2"
		" AND p.subscription OPERATOR(pg_catalog.=) c.subscription"
		" AND c.seq OPERATOR(pg_catalog.<=) p.applied_seq", 2, {TEXTOID, TEXTOID}
	};
	int			i;

	/* the events of one that fills no other target are not kept any more */
	if (list_length(cdc_subscription_tables_of(sub, table->source_table)) == 1)
		cdc_known_lost(sub, table->name);
	cdc_known_mapped(sub, table->name);
	for (i = 0; i < (int) lengthof(stmts); i++)
		(void) cdc_spi_run(&stmts[i], sub->name, table->name);
	if (!cdc_registry_has(sub, table->source_table))
		(void) cdc_spi_run(&copied, sub->name, table->source_table);
}
