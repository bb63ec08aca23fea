/*-------------------------------------------------------------------------
 *
 * statement_rows.c
 *	  What the text of a statement says of an updated row whose image lacks columns.
 *
 * MariaDB writes a REPLACE that finds a row as an update, whose image has what an
 * INSERT's would have.  What it lacks has its default then, while an UPDATE, and INSERT
 * ... ON DUPLICATE KEY UPDATE, leave it as it was; the images do not tell them apart.
 *
 * A statement speaks of its own table only: those that its triggers and functions write
 * to it need not name, and these cannot write to its own.
 *
 *-------------------------------------------------------------------------
 */
#include "core/statement_rows.h"

#include <string.h>
#include <strings.h>

#include "core/sql_cursor.h"

#define NAME_SIZE	260

static bool
is_name(const CdcSqlToken *token, const char *table)
{
	char		name[NAME_SIZE];

	return cdc_sql_is_identifier(token) && cdc_sql_identifier(token, name, sizeof(name)) &&
		strcasecmp(name, table) == 0;
}

/* Whether the table is named before the word, which ends the list of tables. */
static bool
names_before(CdcSqlCursor *c, const char *table, const char *word)
{
	bool		found = false;

	for (; !cdc_sql_at_end(c) && !cdc_sql_at_word(c, word); cdc_sql_advance(c))
		found = found || is_name(&c->token, table);
	return found && !cdc_sql_at_end(c);
}

/* Whether INSERT or REPLACE goes into the table. */
static bool
goes_into(CdcSqlCursor *c, const char *table)
{
	static const char *const words[] = {"low_priority", "delayed", "high_priority", "ignore", "into", NULL};
	CdcSqlToken database;
	CdcSqlToken name;

	cdc_sql_skip_words(c, words);
	return cdc_sql_take_name(c, &database, &name) && is_name(&name, table);
}

/* LOAD DATA ... [REPLACE | IGNORE] INTO TABLE name, and LOAD XML. */
static CdcAbsentMeaning
load(CdcSqlCursor *c, const char *table)
{
	CdcSqlToken database;
	CdcSqlToken name;
	bool		replace = false;

	for (; !cdc_sql_at_end(c) && !cdc_sql_take_words(c, "into", "table"); cdc_sql_advance(c))
		replace = cdc_sql_at_word(c, "replace");
	if (!cdc_sql_take_name(c, &database, &name) || !is_name(&name, table))
		return CDC_ABSENT_UNKNOWN;
	return replace ? CDC_ABSENT_DEFAULT : CDC_ABSENT_KEPT;
}

CdcAbsentMeaning
cdc_absent_meaning(CdcString sql, const char *table)
{
	CdcSqlCursor c;

	if (sql.data == NULL)
		return CDC_ABSENT_UNKNOWN;
	/* names may be quoted in either way; strings that are none come behind them */
	cdc_sql_start(&c, sql, CDC_SQL_ANSI_QUOTES);
	cdc_sql_skip_set_statement(&c);
	if (cdc_sql_take_word(&c, "insert"))
		return goes_into(&c, table) ? CDC_ABSENT_KEPT : CDC_ABSENT_UNKNOWN;
	if (cdc_sql_take_word(&c, "replace"))
		return goes_into(&c, table) ? CDC_ABSENT_DEFAULT : CDC_ABSENT_UNKNOWN;
	if (cdc_sql_take_word(&c, "load"))
		return load(&c, table);
	if (cdc_sql_take_word(&c, "update"))
		return names_before(&c, table, "set") ? CDC_ABSENT_KEPT : CDC_ABSENT_UNKNOWN;
	return CDC_ABSENT_UNKNOWN;
}
