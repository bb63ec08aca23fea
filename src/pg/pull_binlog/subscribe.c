/*-------------------------------------------------------------------------
 *
 * subscribe.c
 *	  What a subscription from MySQL or MariaDB begins with, and what a table that is
 *	  added to it begins with.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_binlog/pull_binlog_internal.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "core/pattern.h"
#include "pg/base/bounded_text.h"
#include "pg/base/utf8.h"
#include "pg/catalog/tables.h"
#include "pg/copy/facts.h"
#include "pg/remote/grants.h"
#include "pg/remote/replica_role.h"
#include "pg/mapping/registry.h"

void
cdc_binlog_check_arguments(const CdcSubscription *sub)
{
	if (sub->topics != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topics are for servers of Kafka"),
				 errhint("For a MySQL or MariaDB source name the tables: tables := '{shop.*}'.")));
	if (strcmp(sub->format, "maxwell") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid format \"%s\"", sub->format),
				 errhint("Valid for a MySQL or MariaDB source: maxwell.")));
}

/* A list such as "shop.*, other.a". */
static char *
join_patterns(const CdcSubscription *sub)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < sub->ntables; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", sub->tables[i]);
	return buf.data;
}

/*
 * No table is wanted.  In a database that the source's user can see they may
 * come later; where no such database is seen, a name or a privilege is wrong.
 */
static void
no_tables(CdcSource *source, const CdcSubscription *sub)
{
	CdcAnswer  *answer = cdc_source_ask(source, "the list of databases", 1,
										"SELECT schema_name FROM information_schema.schemata");
	bool		seen = false;
	int64		i;
	int			p;

	for (i = 0; i < cdc_answer_rows(answer) && !seen; i++)
		for (p = 0; p < sub->ntables && !seen; p++)
			seen = cdc_pattern_match_database(sub->tables[p], cdc_answer_text(answer, i, 0));
	ereport(seen ? NOTICE : ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("no table of server \"%s\" matches %s", sub->server, join_patterns(sub)),
			 seen ? errdetail("Tables that match are registered when they appear in the stream.") :
			 errdetail("The source shows no such database."),
			 errhint("Check the spelling, letter case too, and that the user of the mapping has SELECT on the tables.")));
}

/* Tells what the source's binlog lacks, as far as the source can be asked. */
static void
warn_of_role(const CdcSubscription *sub, CdcSource *source, const CdcReplicaRole *role)
{
	if (!role->logs_updates && (role->grant != NULL || role->replica))
		ereport(role->unlogged != NULL || role->replica ? WARNING : NOTICE,
				(errcode(ERRCODE_WARNING),
				 errmsg("the binlog of the source of subscription \"%s\" may lack what the source replicates",
						sub->name),
				 role->unlogged != NULL ?
				 errdetail("log_slave_updates is OFF, and it has replicated %s.", cdc_from_utf8_lenient(role->unlogged)) :
				 role->grant != NULL ?
				 errdetail("log_slave_updates is OFF, and whether it is itself a replica is not known.") :
				 errdetail("log_slave_updates is OFF; it is itself a replica, which does not run now."),
				 role->grant != NULL ?
				 errhint("At the source: GRANT %s ON *.* TO the user of the user mapping; then cdc.check_server(%s) tells.",
						 role->grant, quote_literal_cstr(sub->server)) :
				 errhint("Set log_slave_updates (log_replica_updates) to ON at the source and restart it.")));
	if (role->replica_filters != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the source of subscription \"%s\" is itself a replica that leaves something out", sub->name),
				 errdetail("%s.", cdc_from_utf8_lenient(role->replica_filters))));
	if (role->binlog_filters != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("the binlog of the source of subscription \"%s\" may lack DDL of its tables", sub->name),
				 errdetail("%s. Such a filter goes by the session's default database: ALTER TABLE, TRUNCATE or DROP TABLE of a captured table, and DML in statement format, are lost where they are run from a database that is left out, or from none.",
						   cdc_from_utf8_lenient(role->binlog_filters)),
				 errhint("Remove the setting at the source and restart it; else call cdc.resync_table after such a statement.")));
}

/* WARNING where the source writes statements, with what is not seen of them. */
static void
warn_of_statements(const CdcSubscription *sub, CdcSource *source)
{
	CdcAnswer  *answer = cdc_source_try_ask(source, "its binlog_format", 2,
											"SHOW GLOBAL VARIABLES LIKE 'binlog\\_format'");
	const char *format = answer != NULL && cdc_answer_rows(answer) > 0 ? cdc_answer_text(answer, 0, 1) : "ROW";
	char	   *lacking;

	if (pg_strcasecmp(format, "ROW") == 0)
		return;
	lacking = cdc_grants_lacking_for_programs(cdc_grants_ask(source));
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("the source of subscription \"%s\" may write row changes as statements, which cannot be followed",
					sub->name),
			 lacking == NULL ?
			 errdetail("binlog_format is %s. Tables that a statement changes are in error until they are copied anew.", format) :
			 errdetail("binlog_format is %s. Tables that a statement changes are in error until they are copied anew: all of them where it changes a view, and triggers are not seen, as %s is not granted.", format, lacking),
			 lacking == NULL ?
			 errhint("At the source: SET GLOBAL binlog_format = 'ROW'; and end the sessions that are older.") :
			 errhint("At the source: SET GLOBAL binlog_format = 'ROW'; and end the sessions that are older. Where that cannot be: GRANT %s ON *.* TO the user of the user mapping;", lacking)));
}

void *
cdc_binlog_subscribe_prepare(const CdcSubscription *sub)
{
	CdcSource  *source = cdc_source_open(sub->server, sub->owner_oid, false);
	CdcReplicaRole role;

	cdc_replica_role_ask(source, &role);
	cdc_replica_role_check(source, &role);
	warn_of_role(sub, source, &role);
	warn_of_statements(sub, source);
	cdc_copy_check_replica(sub, source);
	return source;
}

void
cdc_binlog_check_options(const CdcSubscription *sub, const CdcSubscription *former)
{
	const char *host = sub->opt.snapshot_host;
	CdcSource  *source;

	if (!cdc_copy_has_replica(sub) ||
		(host != NULL && former->opt.snapshot_host != NULL && strcmp(host, former->opt.snapshot_host) == 0))
		return;
	source = cdc_binlog_source_open(sub);
	cdc_copy_check_replica(sub, source);
	cdc_source_close(source);
}

/* WARNING of registered tables whose changes the source's binlog has not. */
static void
warn_of_filters(const CdcSubscription *sub, CdcSource *source)
{
	StringInfoData buf;
	ListCell   *lc;
	char	   *asked = NULL;
	bool		out = false;

	initStringInfo(&buf);
	foreach(lc, cdc_subscription_tables(sub))
	{
		const char *name = ((CdcSubscriptionTable *) lfirst(lc))->source_table;
		char	   *database;
		char	   *table;

		cdc_split_table_name(name, &database, &table);
		if (asked == NULL || strcmp(asked, database) != 0)
			out = cdc_replica_role_leaves_out(source, cdc_to_utf8(database));
		asked = database;
		if (out)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", name);
	}
	if (buf.len > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("changes of some tables of subscription \"%s\" are not in the binlog of their source",
						sub->name),
				 errdetail("binlog_do_db or binlog_ignore_db leaves them out: %s.", cdc_bounded_text(buf.data, 500)),
				 errhint("Remove the setting at the source and restart it, or these tables with cdc.remove_table().")));
}

/* What tables are registered with. */
typedef struct Registering
{
	const CdcSubscription *sub;
	CdcSource  *source;
	CdcSchema  *schema;
	const CdcSchemaPlace *place;
	bool		copy;
} Registering;

/* Registers the tables of that many names, in one question. */
static void
register_batch(const Registering *with, const CdcSchemaName *names, int n)
{
	const CdcTable *tables[CDC_SCHEMA_BATCH];
	int			i;

	cdc_schema_refresh_many(with->schema, with->source, names, n, with->place, tables);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (tables[i] != NULL)	/* else dropped since it was listed */
			cdc_registry_add_existing(with->sub, tables[i],
									  cdc_schema_generated_logged(with->source, tables[i]), with->copy);
	}
}

void
cdc_binlog_register_tables(const CdcSubscription *sub, CdcSource *source,
						   const CdcSchemaPlace *place, bool copy)
{
	CdcSchema  *schema = cdc_schema_create(CurrentMemoryContext, sub);
	Registering registering = {sub, source, schema, place, copy};
	List	   *names = cdc_schema_source_tables(source, sub);
	CdcSchemaName batch[CDC_SCHEMA_BATCH];
	int			n = 0;
	ListCell   *lc;

	if (names == NIL)
		no_tables(source, sub);
	cdc_schema_read_databases(schema, source, place);
	foreach(lc, names)
	{
		const CdcSchemaName *name = lfirst(lc);

		if (cdc_registry_has(sub, psprintf("%s.%s", name->database, name->table)))
			continue;
		batch[n++] = *name;
		if (n < CDC_SCHEMA_BATCH)
			continue;
		register_batch(&registering, batch, n);
		n = 0;
	}
	register_batch(&registering, batch, n);
	cdc_schema_destroy(schema);
}

void
cdc_binlog_subscribe(const CdcSubscription *sub, void *prepared)
{
	static const CdcSchemaPlace start = {1, NULL};
	CdcSource  *source = prepared;

	cdc_binlog_register_tables(sub, source, &start, sub->copy_data);
	warn_of_filters(sub, source);
	cdc_source_close(source);
}

/* ERROR: no target could follow the table, whether it is copied or not. */
static void
refuse_engine(CdcSource *source, const CdcTable *table)
{
	char	   *trouble = cdc_copy_engine_trouble(source, table, false);

	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("source table %s cannot be followed", cdc_from_utf8_copy(table->full_name)),
				 errdetail("The source says of it: %s.", trouble),
				 errhint("Leave it out, or give it another engine at the source, as with ALTER TABLE %s ENGINE = InnoDB.",
						 cdc_from_utf8_copy(table->full_name))));
}

const CdcTable *
cdc_binlog_definition(const CdcSubscription *sub, const char *database, const char *table,
					  CdcGeneratedLogged *logged)
{
	CdcSource  *source = cdc_binlog_source_open(sub);
	CdcSchema  *schema = cdc_schema_create(CurrentMemoryContext, sub);
	CdcSchemaPlace place = {0, NULL};
	CdcPosition pos;
	const CdcTable *def = NULL;

	cdc_position_get(sub, &pos);
	place.seq = pos.last_seq + 1;
	/* what is known of one that has a target is as of where the stream stands: so that has to stay */
	if (cdc_registry_has(sub, cdc_from_utf8_copy(psprintf("%s.%s", database, table))))
		def = cdc_schema_get(schema, database, table);
	if (def == NULL)
	{
		def = cdc_schema_refresh(schema, source, database, table, &place);
		if (def != NULL)
			refuse_engine(source, def);
	}
	if (def == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("source table %s.%s does not exist", database, table),
				 errhint("Check its spelling, letter case too, and that the user of the mapping for server \"%s\" has SELECT on it.",
						 sub->server)));
	*logged = cdc_schema_generated_logged(source, def);
	cdc_source_close(source);
	return def;
}

/* A unique index all of whose columns are among these, and are not null, does. */
bool
cdc_binlog_is_unique(const CdcSubscription *sub, const CdcTable *table, const char *const *columns, int n)
{
	CdcSource  *source = cdc_binlog_source_open(sub);
	CdcAnswer  *parts = cdc_source_ask(source, "the unique indexes of a table in information_schema.STATISTICS", 3,
									   "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s"
									   " AND TABLE_NAME = %s AND NON_UNIQUE = 0 ORDER BY INDEX_NAME",
									   cdc_source_quote_literal(table->database), cdc_source_quote_literal(table->name));
	uint64		nparts = cdc_answer_rows(parts);
	const char *index = NULL;
	bool		whole = false;
	uint64		i;

	for (i = 0; i < nparts; i++)
	{
		const char *name = cdc_answer_text(parts, i, 0);
		const char *column = cdc_answer_text(parts, i, 1);
		const char *nullable = cdc_answer_text(parts, i, 2);
		bool		found = false;
		int			k;

		CHECK_FOR_INTERRUPTS();
		if (index == NULL || strcmp(index, name) != 0)
		{
			if (whole)
				break;
			whole = true;
			index = name;
		}
		/* (a part that is an expression has no column) */
		for (k = 0; k < n && column != NULL && !found; k++)
			found = pg_strcasecmp(column, columns[k]) == 0;
		whole = whole && found && (nullable == NULL || strcmp(nullable, "YES") != 0);
	}
	cdc_source_close(source);
	return whole;
}

void
cdc_binlog_check_condition(const CdcSubscription *sub, const char *source_table, const char *condition)
{
	CdcSource  *source = cdc_binlog_source_open(sub);
	char	   *database;
	char	   *table;
	char	   *trouble;

	cdc_split_table_name(source_table, &database, &table);
	trouble = cdc_copy_condition_trouble(source, cdc_to_utf8_copy(database), cdc_to_utf8_copy(table),
										 cdc_to_utf8_copy(condition));
	if (trouble != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the source refuses the condition of the copy of table \"%s\" of subscription \"%s\"",
						source_table, sub->name),
				 errdetail("%s.", cdc_from_utf8_lenient(trouble)),
				 errhint("Give what may stand behind WHERE there: SELECT ... FROM %s WHERE (...).", source_table)));
	cdc_source_close(source);
}
