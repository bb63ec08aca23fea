/*-------------------------------------------------------------------------
 *
 * pull_ddl.c
 *	  DDL statements of the source: an event for each wanted table that one
 *	  concerns, and its definition read anew.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/pull_internal.h"

#include "core/ddl.h"
#include "utils/builtins.h"

#include "pg/error.h"

/* The event of one table. */
static void
table_event(CdcPullWriter *writer, const CdcChange *change, CdcDdlKind kind,
			const char *database, const char *table, const char *full_name)
{
	CdcTable	named = {0};
	CdcChange	copy = *change;

	named.database = database;
	named.name = table;
	named.full_name = full_name;
	copy.table = &named;
	copy.op = kind == CDC_DDL_TABLE_TRUNCATE ? CDC_OP_TRUNCATE : CDC_OP_SCHEMA;
	cdc_pull_writer_change(writer, &copy);
}

/* What changed rows without a row event leaves the table in doubt. */
static void
mark_table(CdcPullCall *call, const char *full_name, const CdcChange *change)
{
	char	   *sql = pnstrdup(change->sql.data, Min(change->sql.len, 500));
	const char *message = "rows were moved by DDL that the binlog has no row events for";

	cdc_subscription_table_state(call->sub, full_name, 'e', message);
	cdc_log(call->sub->name, "ddl", psprintf("%s: %s", full_name, message), sql);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" needs a new copy", full_name, call->sub->name),
			 errdetail("The source ran: %s", sql),
			 errhint("Remove it with cdc.remove_table and add it again with cdc.add_table.")));
}

static void
concern_table(CdcPullWriter *writer, CdcPullCall *call, const CdcChange *change,
			  const CdcDdl *ddl, const char *database, const char *table)
{
	CdcPullStream *stream = call->stream;
	const CdcTable *definition;
	char	   *full_name;

	if (!cdc_subscription_wants(call->sub, database, table))
		return;
	full_name = psprintf("%s.%s", database, table);
	table_event(writer, change, ddl->kind, database, table, full_name);
	if (ddl->kind == CDC_DDL_TABLE_TRUNCATE)
		return;
	if (ddl->moves_rows || ddl->has_select)
		mark_table(call, full_name, change);
	definition = cdc_schema_refresh(stream->schema, cdc_pull_stream_control(stream), database,
									table, call->pos.last_seq, stream->lookup.position);

	/* what a table that was renamed into the subscription holds must be copied */
	if (definition != NULL)
		cdc_pull_stream_discover(stream, definition, ddl->kind != CDC_DDL_TABLE_CREATE);
}

/* A statement about a database concerns its tables that we know. */
static void
concern_database(CdcPullWriter *writer, CdcPullCall *call, const CdcChange *change,
				 const CdcDdl *ddl, const char *database)
{
	List	   *tables = cdc_subscription_tables(call->sub);
	size_t		len = strlen(database);
	ListCell   *lc;

	if (ddl->kind == CDC_DDL_DATABASE_CREATE)
		return;
	foreach(lc, tables)
	{
		CdcSubscriptionTable *t = lfirst(lc);

		if (strncmp(t->source_table, database, len) == 0 && t->source_table[len] == '.')
			table_event(writer, change, ddl->kind, database, t->source_table + len + 1,
						t->source_table);
	}
}

void
cdc_pull_ddl(CdcPullWriter *writer, CdcPullCall *call, const CdcChange *change)
{
	CdcDdl	   *ddl = palloc(sizeof(CdcDdl));
	int			i;

	cdc_ddl_parse(change->sql, change->database, change->sql_mode, ddl);
	if (ddl->kind != CDC_DDL_OTHER && !ddl->temporary)
	{
		for (i = 0; i < ddl->ntables; i++)
		{
			const CdcDdlTable *t = &ddl->tables[i];

			if (t->table[0] == '\0')
				concern_database(writer, call, change, ddl, t->database);
			else
				concern_table(writer, call, change, ddl, t->database, t->table);
		}

		/* definitions that we did not hear of are read anew when they are met */
		cdc_schema_invalidate(call->stream->schema);
	}
	pfree(ddl);
}
