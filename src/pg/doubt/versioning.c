/*-------------------------------------------------------------------------
 *
 * versioning.c
 *	  Statements that make MariaDB keep old versions of a table's rows, or no longer.
 *
 * While it does, a row that is changed is followed by its old version as if that had been inserted.
 * The source tells whether a table is such a one now; a stream that comes behind has the statement
 * only, which may name the columns that tell the versions as it likes.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/doubt/doubt.h"

#include "core/sql_cursor.h"

/* The table may have been renamed by the statement. */
static const CdcDdlTable *
altered_table(const CdcDdl *ddl)
{
	bool		renamed = ddl->kind == CDC_DDL_TABLE_ALTER && ddl->ntables == 2 && !ddl->moves_rows;

	return &ddl->tables[renamed ? 1 : 0];
}

void
cdc_doubt_versioning(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change)
{
	CdcDoubt	doubt = {"the table is system-versioned, or was, and old versions of its rows cannot be told from rows",
		change->sql, false};
	CdcSqlCursor c;

	if ((ddl->kind != CDC_DDL_TABLE_ALTER && ddl->kind != CDC_DDL_TABLE_CREATE) || ddl->temporary || ddl->ntables == 0)
		return;
	for (cdc_sql_start(&c, change->sql, change->sql_mode); !cdc_sql_at_end(&c); cdc_sql_advance(&c))
	{
		if (cdc_sql_take_words(&c, "system", "versioning"))
		{
			const CdcDdlTable *table = altered_table(ddl);

			cdc_doubt_table(doubts, psprintf("%s.%s", table->database, table->table), &doubt);
			return;
		}
	}
}
