/*-------------------------------------------------------------------------
 *
 * foreign_keys.c
 *	  Statements that may have made foreign keys others.
 *
 * Foreign keys are asked of the source, which knows those of now, while rows are of before.  A
 * stream that comes behind took rows of a table for nobody's parent that was renamed afterwards, or
 * whose child had lost the key when the source was asked.  When it comes to the statement that did
 * so, the child is in doubt.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/doubt/doubt.h"

#include "core/sql_cursor.h"

/* Whether foreign keys may be others behind the statement, or have other names. */
static bool
changes_foreign_keys(const CdcDdl *ddl, const CdcChange *change)
{
	static const char *const words[] = {"references", "foreign", "constraint", "rename"};
	CdcSqlCursor c;
	size_t		i;

	if (ddl->kind == CDC_DDL_TABLE_DROP || ddl->kind == CDC_DDL_TABLE_RENAME ||
		ddl->kind == CDC_DDL_DATABASE_DROP)
		return true;
	for (cdc_sql_start(&c, change->sql, change->sql_mode); !cdc_sql_at_end(&c); cdc_sql_advance(&c))
		for (i = 0; i < lengthof(words); i++)
			if (cdc_sql_at_word(&c, words[i]))
				return true;
	return false;
}

/* Whether ALTER TABLE may take a foreign key from the table. */
static bool
drops_foreign_key(const CdcChange *change)
{
	CdcSqlCursor c;

	for (cdc_sql_start(&c, change->sql, change->sql_mode); !cdc_sql_at_end(&c); cdc_sql_advance(&c))
		if (cdc_sql_take_words(&c, "drop", "foreign") || cdc_sql_take_words(&c, "drop", "constraint"))
			return true;
	return false;
}

/* What rows before the statement did to those of other tables is not known. */
static void
doubt_children(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change)
{
	CdcDoubt	doubt = {"a table that its foreign key refers to was renamed, or the key dropped, before earlier changes there were read: they may have changed its rows without a word in the binlog",
		change->sql, false};
	const CdcDdlTable *tables = ddl->tables;
	int			i;

	if (ddl->kind == CDC_DDL_TABLE_RENAME)
	{
		for (i = 1; i < ddl->ntables; i += 2)
			cdc_doubt_dependents(doubts, tables[i].database, tables[i].table, &doubt);
		return;
	}
	if (ddl->kind != CDC_DDL_TABLE_ALTER || ddl->ntables == 0)
		return;
	if (ddl->ntables == 2 && !ddl->moves_rows)
		cdc_doubt_dependents(doubts, tables[1].database, tables[1].table, &doubt);
	if (drops_foreign_key(change))
	{
		cdc_doubt_table(doubts, psprintf("%s.%s", tables[0].database, tables[0].table), &doubt);
		cdc_doubt_dependents(doubts, tables[ddl->ntables - 1].database, tables[ddl->ntables - 1].table,
							 &doubt);
	}
}

void
cdc_doubt_foreign_keys(const CdcDoubts *doubts, const CdcDdl *ddl, const CdcChange *change,
					   const char *file, uint64 offset)
{
	if (ddl->kind == CDC_DDL_OTHER || ddl->temporary || !changes_foreign_keys(ddl, change))
		return;
	if (cdc_cascades_are_ahead(doubts->cascades, file, offset))
		doubt_children(doubts, ddl, change);
	cdc_cascades_forget(doubts->cascades);
}
