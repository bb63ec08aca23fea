/*-------------------------------------------------------------------------
 *
 * dml.c
 *	  Which tables a statement changes that is in the binlog as text.
 *
 * Where that is plain (INSERT, REPLACE, LOAD DATA, DELETE FROM t) the name is taken; else each
 * name that stands where tables may: who asks knows which of them are tables.
 */
#include "core/dml.h"

#include <stddef.h>
#include <string.h>

#include "core/ddl.h"
#include "core/sql_cursor.h"

typedef struct Names
{
	CdcSqlCursor c;
	char		default_database[CDC_DDL_NAME_SIZE];
	CdcDmlVisit visit;
	void	   *arg;
} Names;

static void
visit_name(const Names *n, const CdcSqlToken *database, const CdcSqlToken *table)
{
	char		database_text[CDC_DDL_NAME_SIZE];
	char		table_text[CDC_DDL_NAME_SIZE];

	if (!cdc_sql_identifier(table, table_text, sizeof(table_text)))
		return;
	if (database->kind == CDC_SQL_END)
		n->visit(n->default_database, table_text, n->arg);
	else if (cdc_sql_identifier(database, database_text, sizeof(database_text)))
		n->visit(database_text, table_text, n->arg);
}

/* The name of a table that comes next. */
static bool
take_table(Names *n)
{
	CdcSqlToken database;
	CdcSqlToken table;

	if (!cdc_sql_take_name(&n->c, &database, &table))
		return false;
	visit_name(n, &database, &table);
	return true;
}

/* All names up to the word (NULL: to the end): of "a.b" the pair, and a alone. */
static void
take_names(Names *n, const char *end)
{
	static const CdcSqlToken none = {CDC_SQL_END, NULL, 0};

	while (!cdc_sql_at_end(&n->c) && (end == NULL || !cdc_sql_at_word(&n->c, end)))
	{
		CdcSqlToken first = n->c.token;

		cdc_sql_advance(&n->c);
		if (!cdc_sql_is_identifier(&first))
			continue;
		visit_name(n, &none, &first);
		if (cdc_sql_at_symbol(&n->c, '.'))
		{
			CdcSqlCursor behind = n->c;

			cdc_sql_advance(&behind);
			if (cdc_sql_is_identifier(&behind.token))
				visit_name(n, &first, &behind.token);
		}
	}
}

/* DELETE: of one table, or of several, which may be named by their aliases. */
static bool
take_delete(Names *n)
{
	CdcSqlCursor start = n->c;

	if (cdc_sql_take_word(&n->c, "from"))
	{
		CdcSqlToken database;
		CdcSqlToken table;
		CdcSqlCursor name = n->c;

		if (cdc_sql_take_name(&n->c, &database, &table) && !cdc_sql_at_symbol(&n->c, ',') &&
			!cdc_sql_at_symbol(&n->c, '.') && !cdc_sql_at_word(&n->c, "using"))
		{
			n->c = name;
			return take_table(n);
		}
	}
	n->c = start;
	take_names(n, NULL);
	return false;
}

bool
cdc_dml_tables(CdcString sql, CdcString default_database, uint64_t sql_mode, CdcDmlVisit visit,
			   void *arg)
{
	static const char *const modifiers[] = {
		"low_priority", "delayed", "high_priority", "ignore", "quick", "into", NULL
	};
	Names		n = {.visit = visit,.arg = arg};
	size_t		len = default_database.len < sizeof(n.default_database) - 1 ? default_database.len :
		sizeof(n.default_database) - 1;

	if (len > 0)
		memcpy(n.default_database, default_database.data, len);
	cdc_sql_start(&n.c, sql, sql_mode);
	cdc_sql_skip_set_statement(&n.c);
	if (cdc_sql_take_word(&n.c, "insert") || cdc_sql_take_word(&n.c, "replace"))
	{
		cdc_sql_skip_words(&n.c, modifiers);
		return take_table(&n);
	}
	if (cdc_sql_take_word(&n.c, "delete"))
	{
		cdc_sql_skip_words(&n.c, modifiers);
		return take_delete(&n);
	}
	if (cdc_sql_take_word(&n.c, "update"))
	{
		cdc_sql_skip_words(&n.c, modifiers);
		take_names(&n, "set");
		return false;
	}
	if (cdc_sql_take_word(&n.c, "load"))
	{
		while (!cdc_sql_at_end(&n.c))
		{
			if (cdc_sql_take_words(&n.c, "into", "table"))
				return take_table(&n);
			cdc_sql_advance(&n.c);
		}
		return false;
	}
	take_names(&n, NULL);
	return false;
}
