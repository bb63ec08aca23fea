/*-------------------------------------------------------------------------
 *
 * event_ddl.c
 *	  DDL statements as events (Maxwell's documentation, "Data Format", with
 *	  output_ddl): the statement and the table's definition after and before it.
 *
 * A definition is {database, charset, table, columns, primary-key}; a column
 * {type, name} and, by its type, charset, signed, enum-values or column-length
 * (fractional digits).  As in Maxwell, strings of bytes have the character set
 * "binary", and ts is in milliseconds.
 *
 *-------------------------------------------------------------------------
 */
#include "core/arena.h"
#include "core/ddl_apply.h"
#include "core/event_internal.h"

#include <string.h>

#define TYPES_MEMORY	((size_t) 64 << 20) /* members of one definition's enums and sets */

/* Maxwell's type of DDL that does this. */
static const char *
ddl_type(CdcDdlKind kind)
{
	switch (kind)
	{
		case CDC_DDL_TABLE_CREATE:
			return "table-create";
		case CDC_DDL_TABLE_ALTER:
		case CDC_DDL_TABLE_RENAME:
			return "table-alter";
		case CDC_DDL_TABLE_DROP:
			return "table-drop";
		case CDC_DDL_TABLE_TRUNCATE:
			return "table-truncate";
		case CDC_DDL_DATABASE_CREATE:
			return "database-create";
		case CDC_DDL_DATABASE_ALTER:
			return "database-alter";
		case CDC_DDL_DATABASE_DROP:
			return "database-drop";
		case CDC_DDL_OTHER:
			break;
	}
	return "ddl";
}

static CdcStatus
put_members(CdcSink *sink, const CdcColumn *col)
{
	CdcStatus	st = cdc_put_key(sink, "enum-values");

	if (st == CDC_OK)
		st = sink->ops->begin_array(sink);
	for (int i = 0; st == CDC_OK && i < col->nmembers; i++)
		st = sink->ops->string(sink, col->members[i].data, col->members[i].len);
	return st == CDC_OK ? sink->ops->end_array(sink) : st;
}

/* What a column has beside its type and name. */
static CdcStatus
put_column_detail(CdcSink *sink, const CdcColumnDef *def, const CdcColumn *col)
{
	static const char *const integers[] = {
		"tinyint", "smallint", "mediumint", "int", "bigint", NULL
	};
	static const char *const strings[] = {
		"char", "varchar", "tinytext", "text", "mediumtext", "longtext", NULL
	};
	static const char *const bytes[] = {
		"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", NULL
	};
	static const char *const times[] = {"time", "datetime", "timestamp", NULL};
	CdcStatus	st;

	if (cdc_type_is_one_of(col->data_type, integers))
	{
		st = cdc_put_key(sink, "signed");
		return st == CDC_OK ? sink->ops->boolean(sink, !col->is_unsigned) : st;
	}
	if (cdc_type_is_one_of(col->data_type, bytes) ||
		(cdc_type_is_one_of(col->data_type, strings) && def->charset != NULL && !def->json_check))
		return cdc_put_text(sink, "charset", def->charset != NULL ? def->charset : "binary");
	if (strcmp(col->data_type, "enum") == 0 || strcmp(col->data_type, "set") == 0)
		return put_members(sink, col);
	if (cdc_type_is_one_of(col->data_type, times))
		return cdc_put_int64(sink, "column-length", col->fsp);
	return CDC_OK;
}

static CdcStatus
put_column(CdcSink *sink, CdcArena *arena, const CdcColumnDef *def)
{
	CdcColumn	col = {0};
	CdcError	err;
	CdcStatus	st = cdc_column_type_parse(arena, def->column_type, &col, &err);
	bool		known = st == CDC_OK;

	if (st == CDC_ERR_NOMEM || st == CDC_ERR_LIMIT)
		return st;
	st = sink->ops->begin_object(sink);

	/* MariaDB's JSON is one by its values */
	if (st == CDC_OK)
		st = cdc_put_text(sink, "type", def->json_check ? "json" : known ? col.data_type : def->column_type);
	if (st == CDC_OK)
		st = cdc_put_text(sink, "name", def->name);
	if (st == CDC_OK && known)
		st = put_column_detail(sink, def, &col);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

static CdcStatus
put_key_columns(CdcSink *sink, const CdcTableDef *def)
{
	CdcStatus	st = cdc_put_key(sink, "primary-key");

	if (st == CDC_OK)
		st = sink->ops->begin_array(sink);
	for (int place = 0; st == CDC_OK && place < def->ncolumns; place++)
	{
		for (int i = 0; st == CDC_OK && i < def->ncolumns; i++)
		{
			if (def->columns[i].pk == place)
				st = sink->ops->string(sink, def->columns[i].name, strlen(def->columns[i].name));
		}
	}
	return st == CDC_OK ? sink->ops->end_array(sink) : st;
}

static CdcStatus
put_definition(CdcSink *sink, CdcArena *arena, const char *key, const char *database,
			   const char *table, const CdcTableDef *def)
{
	CdcStatus	st;

	if (def == NULL || def->ncolumns == 0)
		return CDC_OK;
	st = cdc_put_key(sink, key);
	if (st == CDC_OK)
		st = sink->ops->begin_object(sink);
	if (st == CDC_OK)
		st = cdc_put_text(sink, "database", database);
	if (st == CDC_OK && def->charset != NULL)
		st = cdc_put_text(sink, "charset", def->charset);
	if (st == CDC_OK)
		st = cdc_put_text(sink, "table", table);
	if (st == CDC_OK)
		st = cdc_put_key(sink, "columns");
	if (st == CDC_OK)
		st = sink->ops->begin_array(sink);
	for (int i = 0; st == CDC_OK && i < def->ncolumns; i++)
		st = put_column(sink, arena, &def->columns[i]);
	if (st == CDC_OK)
		st = sink->ops->end_array(sink);
	if (st == CDC_OK)
		st = put_key_columns(sink, def);
	return st == CDC_OK ? sink->ops->end_object(sink) : st;
}

static CdcStatus
put_effect(CdcSink *sink, const CdcDdlEffect *effect)
{
	CdcArena   *arena = cdc_arena_create(TYPES_MEMORY);
	CdcStatus	st = arena != NULL ? CDC_OK : CDC_ERR_NOMEM;

	if (st == CDC_OK && effect->table[0] == '\0' && effect->charset != NULL)
		st = cdc_put_text(sink, "charset", effect->charset);
	if (st == CDC_OK && (effect->kind == CDC_DDL_TABLE_ALTER || effect->kind == CDC_DDL_TABLE_RENAME))
		st = put_definition(sink, arena, "old", effect->database, effect->table, effect->old_def);
	if (st == CDC_OK && effect->kind != CDC_DDL_TABLE_TRUNCATE)
		st = put_definition(sink, arena, "def", effect->new_database, effect->new_table, effect->new_def);
	cdc_arena_destroy(arena);
	return st;
}

/* Names of the first table, or database, that a statement concerns. */
static void
first_names(const CdcDdl *ddl, CdcString *database, const char **table)
{
	if (ddl->ntables == 0)
		return;
	database->data = ddl->tables[0].database;
	database->len = strlen(database->data);
	*table = ddl->tables[0].table;
}

CdcStatus
cdc_event_ddl(CdcSink *sink, const CdcEventOptions *options, const CdcTransaction *txn,
			  const CdcChange *change)
{
	const CdcDdlEffect *effect = change->ddl;
	CdcString	database = change->database;
	CdcChange	copy = *change;
	const char *table = "";
	const char *type;
	CdcDdl		ddl;
	CdcStatus	st;

	if (effect != NULL)
	{
		database = (CdcString) {effect->database, strlen(effect->database)};
		table = effect->table;
		type = ddl_type(effect->kind);
	}
	else
	{
		cdc_ddl_parse(change->sql, change->database, change->sql_mode, &ddl);
		type = ddl_type(ddl.kind);
		first_names(&ddl, &database, &table);
		if (change->table != NULL)
		{
			database = (CdcString) {change->table->database, strlen(change->table->database)};
			table = change->table->name;
		}
	}
	copy.ts *= 1000;
	st = cdc_event_names(sink, database, table, type, strlen(type));
	if (st == CDC_OK)
		st = cdc_event_transaction(sink, options, txn, &copy);
	if (st == CDC_OK && effect != NULL)
		st = put_effect(sink, effect);
	return st == CDC_OK ? cdc_put_string(sink, "sql", change->sql.data, change->sql.len) : st;
}
