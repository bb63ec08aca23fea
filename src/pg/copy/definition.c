/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  The definition of a table that is copied, and why one cannot be.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/copy/definition.h"

#include "utils/builtins.h"

#include "pg/base/utf8.h"
#include "pg/catalog/log.h"
#include "pg/catalog/tables.h"
#include "pg/copy/facts.h"
#include "pg/copy/row_source.h"
#include "pg/target/replica_table.h"

/* The two parts of a table's name, in UTF-8; false where it has one only. */
static bool
split_name(const char *source_table, char **database, char **table)
{
	char	   *dot;

	*database = cdc_to_utf8_copy(source_table);
	dot = strchr(*database, '.');
	if (dot == NULL)
		return false;
	*dot = '\0';
	*table = dot + 1;
	return true;
}

/* Why the table cannot be copied, or NULL. */
static const char *
copy_trouble(const CdcCopy *copy, const CdcTable *table, bool keyless, bool exact)
{
	const CdcColumn *column;
	const char *engine;

	if (table == NULL)
		return "the source has no such table";
	keyless = keyless || table->npk == 0;
	if (keyless && !exact)
		return "the table has no primary key, and the source was too busy for a snapshot whose position is exactly known";
	if (keyless &&
		(engine = cdc_copy_plain_engine(cdc_control_session(&copy->control), table)) != NULL)
		return psprintf("the table has no primary key, and engine %s no snapshots", engine);
	column = cdc_row_source_unreadable(table);
	if (column != NULL)
		return psprintf("column \"%s\" has type %s, which cannot be copied",
						cdc_from_utf8_copy(column->name), cdc_from_utf8_copy(column->column_type));
	return cdc_replica_trouble(copy->sub, table);
}

void
cdc_copy_give_up(const CdcCopy *copy, const char *source_table, const char *error)
{
	cdc_subscription_table_failed(copy->sub, source_table, ERRCODE_FEATURE_NOT_SUPPORTED, error);
	cdc_log(copy->sub->name, "copy", psprintf("source table %s is not copied", source_table), error);
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("table \"%s\" of subscription \"%s\" cannot be copied", source_table, copy->sub->name),
			 errdetail("%s.", error),
			 errhint("When that is no longer so, call cdc.resync_table(%s, %s), or remove the table with cdc.remove_table.",
					 quote_literal_cstr(copy->sub->name), quote_literal_cstr(source_table))));
}

/*
 * Whether the stream has DDL before it that the source has done: rows that are read by the
 * definition of later would stand in the history before those of the former one.
 */
static bool
is_ahead(const CdcCopy *copy, const CdcCopyProgress *progress, const CdcTable *table,
		 const CdcTable *known)
{
	return table != known && !copy->first && !copy->caught_up(copy->arg, progress->source_table);
}

const CdcTable *
cdc_copy_definition(const CdcCopy *copy, const CdcTransaction *txn, const CdcCopyProgress *progress,
					bool exact, bool *ahead)
{
	CdcSchemaPlace place;
	char	   *database;
	char	   *name;
	const CdcTable *table = NULL;
	const char *error;

	*ahead = false;
	place.seq = *copy->out->last_seq + 1;
	place.position = psprintf("%s:" UINT64_FORMAT, txn->file, (uint64) txn->end_offset);
	if (split_name(progress->source_table, &database, &name))
	{
		table = cdc_schema_refresh(copy->schema, cdc_control_session(&copy->control), database,
								   name, &place);
		*ahead = is_ahead(copy, progress, table, cdc_schema_get(copy->schema, database, name));
		if (*ahead)
			return NULL;
	}
	error = copy_trouble(copy, table, progress->keyless, exact);
	if (error == NULL)
		return table;
	cdc_copy_give_up(copy, progress->source_table, error);
	return NULL;
}

bool
cdc_copy_is_keyless(const CdcCopy *copy, const CdcCopyProgress *progress)
{
	const CdcTable *table = NULL;
	char	   *database;
	char	   *name;

	if (progress->keyless)
		return true;
	if (split_name(progress->source_table, &database, &name))
		table = cdc_schema_get(copy->schema, database, name);
	return table != NULL && table->npk == 0;
}
