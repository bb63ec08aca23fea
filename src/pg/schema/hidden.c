/*-------------------------------------------------------------------------
 *
 * hidden.c
 *	  Columns that rows in the binlog have, and that no definition shows.
 *
 * MariaDB keeps a number for each UNIQUE index of a TEXT or BLOB column as a whole, in a column
 * behind all others.  Full row metadata names it.  Without names such a table looks as one that
 * got a column of numbers: only who asks the source for its indexes can tell them apart, and only
 * while the table is as it was.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/schema/schema_internal.h"

#include "pg/remote/source.h"

/* Whether the definition shows a column of that name: it is a user's own then. */
static bool
shows(const CdcTable *table, const char *name)
{
	int			i;

	for (i = 0; table != NULL && i < table->ncolumns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return true;
	return false;
}

void
cdc_schema_hide_named(CdcFlavor flavor, const CdcTable *newest, CdcTableMap *map)
{
	int			n = map->names != NULL ? cdc_table_map_hidden(map, flavor) : 0;

	while (n > 0 && shows(newest, map->names[map->ncolumns - n]))
		n--;
	map->ncolumns -= n;
}

/* How many indexes the source's table has that each have a hidden column. */
static int
ask_indexes(CdcSource *source, const CdcTableMap *map)
{
	CdcAnswer  *indexes = cdc_source_ask(source, "the indexes of a table in information_schema.STATISTICS", 1,
										 "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s "
										 "AND TABLE_NAME = %s AND INDEX_TYPE = 'HASH' AND NON_UNIQUE = 0",
										 cdc_source_quote_literal(map->database), cdc_source_quote_literal(map->table));

	return (int) cdc_answer_rows(indexes);
}

CdcStatus
cdc_schema_hide(CdcSource *source, const CdcSchemaEntry *entry, CdcTableMap *map, CdcError *err)
{
	CdcFlavor	flavor = cdc_source_info(source)->flavor;
	const CdcTable *newest = entry->newest;
	const CdcTableDef *present;
	int			more = newest != NULL ? map->ncolumns - newest->ncolumns : 0;
	int			indexes;

	if (map->names != NULL)
	{
		cdc_schema_hide_named(flavor, newest, map);
		return CDC_OK;
	}
	if (more <= 0 || more > cdc_table_map_hidden(map, flavor))
		return CDC_OK;
	indexes = ask_indexes(source, map);
	present = cdc_schema_read_source(source, map->database, map->table);
	if (indexes == more && present != NULL && present->ncolumns == newest->ncolumns)
	{
		map->ncolumns -= more;
		return CDC_OK;
	}
	/* a definition that was read once may be of before the table got columns */
	if (indexes == 0 && entry->as_of != NULL && present != NULL && present->ncolumns == map->ncolumns)
		return CDC_OK;
	cdc_error(err, CDC_ERR_UNSUPPORTED,
			  "rows have %d more columns than the definition of their table, which may be those that MariaDB keeps for UNIQUE indexes of TEXT and BLOB columns, or others: without names in the binlog (binlog_row_metadata=FULL) that cannot be told",
			  more);
	cdc_error_column(err, map->database, map->table, "");
	return CDC_ERR_UNSUPPORTED;
}
