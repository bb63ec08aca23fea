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

#include "core/pattern.h"
#include "pg/target/registry.h"

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

void *
cdc_binlog_subscribe_prepare(const CdcSubscription *sub)
{
	return cdc_source_open(sub->server, sub->owner_oid, false);
}

/* Registers the tables of that many names ("database.table"), in one question. */
static void
register_tables(CdcSchema *schema, CdcSource *source, const CdcSubscription *sub, char **full_names, int n)
{
	static const CdcSchemaPlace start = {1, NULL};
	CdcSchemaName names[CDC_SCHEMA_BATCH] = {{NULL, NULL}};
	const CdcTable *tables[CDC_SCHEMA_BATCH];
	int			i;

	for (i = 0; i < n; i++)
	{
		char	   *database;
		char	   *name;

		cdc_split_table_name(full_names[i], &database, &name);
		names[i].database = database;
		names[i].table = name;
	}
	cdc_schema_refresh_many(schema, source, names, n, &start, tables);
	for (i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (tables[i] != NULL)	/* else dropped since it was listed */
			cdc_registry_add_existing(sub, tables[i], cdc_schema_generated_logged(source, tables[i]),
									  sub->copy_data);
	}
}

void
cdc_binlog_subscribe(const CdcSubscription *sub, void *prepared)
{
	static const CdcSchemaPlace start = {1, NULL};
	CdcSource  *source = prepared;
	CdcSchema  *schema = cdc_schema_create(CurrentMemoryContext, sub);
	List	   *names = cdc_schema_source_tables(source, sub);
	char	   *batch[CDC_SCHEMA_BATCH];
	int			n = 0;
	ListCell   *lc;

	if (names == NIL)
		no_tables(source, sub);
	cdc_schema_read_databases(schema, source, &start);
	foreach(lc, names)
	{
		batch[n++] = lfirst(lc);
		if (n < CDC_SCHEMA_BATCH)
			continue;
		register_tables(schema, source, sub, batch, n);
		n = 0;
	}
	register_tables(schema, source, sub, batch, n);
	cdc_schema_destroy(schema);
	cdc_source_close(source);
}

const CdcTable *
cdc_binlog_definition(const CdcSubscription *sub, const char *database, const char *table,
					  CdcGeneratedLogged *logged)
{
	CdcSource  *source = cdc_source_open(sub->server, sub->owner_oid, false);
	CdcSchema  *schema = cdc_schema_create(CurrentMemoryContext, sub);
	CdcSchemaPlace place = {0, NULL};
	CdcPosition pos;
	const CdcTable *def;

	cdc_position_get(sub, &pos);
	place.seq = pos.last_seq + 1;
	def = cdc_schema_refresh(schema, source, database, table, &place);
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
