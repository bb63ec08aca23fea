/*-------------------------------------------------------------------------
 *
 * ddl.c
 *	  Classifies DDL statements and lists the tables they concern.
 *
 * The grammar followed is that of the MySQL 9 and MariaDB 11 manuals, with the
 * options of older versions (ONLINE, OFFLINE, IGNORE).  Only the head of a
 * statement is parsed, and of ALTER TABLE the start of each of its actions.
 * In doubt a table is listed rather than left out: at worst its definition is
 * read once too often.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl.h"

#include "core/name_case.h"
#include "core/sql_cursor.h"

#include <string.h>

typedef struct DdlParser
{
	CdcSqlCursor c;
	CdcString	default_database;
	CdcDdl	   *ddl;			/* NULL while nothing is collected */
} DdlParser;

/* The next free place for a name; NULL, and truncated set, when there is none. */
static CdcDdlTable *
new_table(DdlParser *p)
{
	if (p->ddl->ntables == CDC_DDL_MAX_TABLES)
	{
		p->ddl->truncated = true;
		return NULL;
	}
	return &p->ddl->tables[p->ddl->ntables];
}

static bool
copy_default_database(const DdlParser *p, char *out)
{
	CdcString	name = p->default_database;

	if (name.len >= CDC_DDL_NAME_SIZE)
		return false;
	if (name.len > 0)
		memcpy(out, name.data, name.len);
	out[name.len] = '\0';
	return true;
}

/*
 * Reads a table's name and lists it.  false where no name stands; a name
 * longer than the server takes is read but makes the list incomplete.
 */
static bool
read_table(DdlParser *p)
{
	CdcSqlToken database;
	CdcSqlToken name;
	CdcDdlTable *table;

	if (!cdc_sql_take_name(&p->c, &database, &name))
		return false;
	table = new_table(p);
	if (table != NULL &&
		(database.kind == CDC_SQL_END ? copy_default_database(p, table->database) :
		 cdc_sql_identifier(&database, table->database, sizeof(table->database))) &&
		cdc_sql_identifier(&name, table->table, sizeof(table->table)))
		p->ddl->ntables++;
	else
		p->ddl->truncated = true;
	return true;
}

/* Lists a database: the one named next, or the default one. */
static void
read_database(DdlParser *p, bool named)
{
	CdcDdlTable *table = new_table(p);
	bool		ok;

	if (named && !cdc_sql_is_identifier(&p->c.token))
		return;
	ok = named ? cdc_sql_identifier(&p->c.token, table->database, sizeof(table->database)) :
		copy_default_database(p, table->database);
	table->table[0] = '\0';
	if (ok)
		p->ddl->ntables = 1;
	else
		p->ddl->truncated = true;
	if (named)
		cdc_sql_advance(&p->c);
}

/* "[index] ON table", from behind CREATE or DROP INDEX */
static void
parse_index(DdlParser *p)
{
	p->ddl->kind = CDC_DDL_TABLE_ALTER;
	while (!cdc_sql_at_end(&p->c) && !cdc_sql_at_word(&p->c, "on"))
		cdc_sql_advance(&p->c);
	if (cdc_sql_take_word(&p->c, "on"))
		read_table(p);
}

/*
 * Whether what follows holds a query: SELECT is a reserved word, and neither
 * defaults, nor generated columns, nor checks may contain one.
 */
static bool
contains_select(DdlParser *p)
{
	for (; !cdc_sql_at_end(&p->c); cdc_sql_advance(&p->c))
	{
		if (cdc_sql_at_word(&p->c, "select"))
			return true;
		if (cdc_sql_take_word(&p->c, "values") && cdc_sql_at_word(&p->c, "row"))
			return true;
	}
	return false;
}

/* Whether a function may be called in what follows. */
static bool
contains_call(DdlParser *p)
{
	while (!cdc_sql_at_end(&p->c))
	{
		bool		name = cdc_sql_is_identifier(&p->c.token);

		cdc_sql_advance(&p->c);
		if (name && cdc_sql_at_symbol(&p->c, '('))
			return true;
	}
	return false;
}

static void
parse_create(DdlParser *p)
{
	static const char *const options[] = {
		"or", "replace", "online", "offline", "unique", "fulltext", "spatial", "vector",
		NULL
	};

	cdc_sql_skip_words(&p->c, options);
	if (cdc_sql_take_word(&p->c, "temporary"))
	{
		p->ddl->temporary = true;
		if (!cdc_sql_take_word(&p->c, "table"))
			return;
		(void) cdc_sql_take_if_exists(&p->c);
		read_table(p);
	}
	else if (cdc_sql_take_word(&p->c, "table"))
	{
		p->ddl->kind = CDC_DDL_TABLE_CREATE;
		(void) cdc_sql_take_if_exists(&p->c);
		read_table(p);
		p->ddl->has_select = contains_select(p);
	}
	else if (cdc_sql_take_word(&p->c, "index"))
		parse_index(p);
	else if (cdc_sql_take_word(&p->c, "database") || cdc_sql_take_word(&p->c, "schema"))
	{
		p->ddl->kind = CDC_DDL_DATABASE_CREATE;
		(void) cdc_sql_take_if_exists(&p->c);
		read_database(p, true);
	}
}

/* ALTER TABLE ... RENAME [TO | AS | =] table, but not RENAME COLUMN, INDEX, KEY */
static void
parse_rename_action(DdlParser *p)
{
	if (cdc_sql_at_word(&p->c, "column") || cdc_sql_at_word(&p->c, "index") || cdc_sql_at_word(&p->c, "key"))
		return;
	if (!cdc_sql_take_word(&p->c, "to") && !cdc_sql_take_word(&p->c, "as"))
		cdc_sql_take_symbol(&p->c, '=');
	read_table(p);
}

/* MariaDB: CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO PARTITION p ... */
static void
parse_convert_action(DdlParser *p)
{
	bool		partition = cdc_sql_take_word(&p->c, "partition");

	if (partition)
	{
		cdc_sql_advance(&p->c);
		if (!cdc_sql_take_word(&p->c, "to"))
			return;
	}
	if (cdc_sql_take_word(&p->c, "table"))
	{
		p->ddl->moves_rows = true;
		read_table(p);
	}
}

/* Reads the start of one action of ALTER TABLE. */
static void
parse_alter_action(DdlParser *p)
{
	if (cdc_sql_take_word(&p->c, "rename"))
		parse_rename_action(p);
	else if (cdc_sql_take_word(&p->c, "convert"))
		parse_convert_action(p);
	else if (cdc_sql_take_word(&p->c, "truncate") || cdc_sql_take_word(&p->c, "drop"))
	{
		if (cdc_sql_at_word(&p->c, "partition"))
			p->ddl->moves_rows = true;
	}
	else if (cdc_sql_take_word(&p->c, "exchange"))
	{
		if (!cdc_sql_take_word(&p->c, "partition"))
			return;
		p->ddl->moves_rows = true;
		cdc_sql_advance(&p->c);
		if (cdc_sql_take_word(&p->c, "with") && cdc_sql_take_word(&p->c, "table"))
			read_table(p);
	}
	else if (cdc_sql_take_word(&p->c, "import") || cdc_sql_take_word(&p->c, "discard"))
	{
		if (cdc_sql_at_word(&p->c, "tablespace") || cdc_sql_at_word(&p->c, "partition"))
			p->ddl->moves_rows = true;
	}
}

static void
parse_alter_table(DdlParser *p)
{
	int			depth = 0;
	bool		action = true;	/* one starts here */

	p->ddl->kind = CDC_DDL_TABLE_ALTER;
	(void) cdc_sql_take_if_exists(&p->c);
	if (!read_table(p))
		return;
	cdc_sql_skip_wait(&p->c);
	while (!cdc_sql_at_end(&p->c))
	{
		if (action && depth == 0)
		{
			action = false;
			parse_alter_action(p);
			continue;
		}

		/* these follow the partition options or other actions without a comma */
		if (depth == 0 && cdc_sql_at_word(&p->c, "rename"))
		{
			action = true;
			continue;
		}
		if (cdc_sql_is_symbol(&p->c.token, '('))
			depth++;
		else if (cdc_sql_is_symbol(&p->c.token, ')') && depth > 0)
			depth--;
		else if (cdc_sql_is_symbol(&p->c.token, ',') && depth == 0)
			action = true;
		cdc_sql_advance(&p->c);
	}
}

static void
parse_alter(DdlParser *p)
{
	static const char *const table_options[] = {"online", "offline", "ignore", NULL};
	static const char *const database_options[] = {
		"default", "character", "charset", "collate", "comment", "encryption", "read",
		"upgrade", NULL
	};
	bool		named = true;

	cdc_sql_skip_words(&p->c, table_options);
	if (cdc_sql_take_word(&p->c, "table"))
		parse_alter_table(p);
	else if (cdc_sql_take_word(&p->c, "database") || cdc_sql_take_word(&p->c, "schema"))
	{
		p->ddl->kind = CDC_DDL_DATABASE_ALTER;
		for (int i = 0; database_options[i] != NULL; i++)
		{
			if (cdc_sql_at_word(&p->c, database_options[i]))
				named = false;
		}
		read_database(p, named);
	}
}

/* A list of tables with commas between them. */
static void
parse_table_list(DdlParser *p)
{
	do
	{
		if (!read_table(p))
			return;
	} while (cdc_sql_take_symbol(&p->c, ','));
}

static void
parse_drop(DdlParser *p)
{
	static const char *const options[] = {"online", "offline", NULL};

	cdc_sql_skip_words(&p->c, options);
	if (cdc_sql_take_word(&p->c, "temporary"))
	{
		p->ddl->temporary = true;
		p->ddl->drops_temporary = true;
		if (!cdc_sql_take_word(&p->c, "table") && !cdc_sql_take_word(&p->c, "tables"))
			return;
		(void) cdc_sql_take_if_exists(&p->c);
		parse_table_list(p);
	}
	else if (cdc_sql_take_word(&p->c, "table") || cdc_sql_take_word(&p->c, "tables"))
	{
		p->ddl->kind = CDC_DDL_TABLE_DROP;
		(void) cdc_sql_take_if_exists(&p->c);
		parse_table_list(p);
	}
	else if (cdc_sql_take_word(&p->c, "index"))
		parse_index(p);
	else if (cdc_sql_take_word(&p->c, "database") || cdc_sql_take_word(&p->c, "schema"))
	{
		p->ddl->kind = CDC_DDL_DATABASE_DROP;
		(void) cdc_sql_take_if_exists(&p->c);
		read_database(p, true);
	}
}

static void
parse_rename(DdlParser *p)
{
	if (!cdc_sql_take_word(&p->c, "table") && !cdc_sql_take_word(&p->c, "tables"))
		return;
	p->ddl->kind = CDC_DDL_TABLE_RENAME;
	(void) cdc_sql_take_if_exists(&p->c);
	do
	{
		if (!read_table(p))
			return;
		cdc_sql_skip_wait(&p->c);
		if (!cdc_sql_take_word(&p->c, "to") || !read_table(p))
			return;
	} while (cdc_sql_take_symbol(&p->c, ','));
}

void
cdc_ddl_parse(CdcString sql, CdcString default_database, uint64_t sql_mode, CdcDdl *ddl)
{
	DdlParser	p = {.default_database = default_database,.ddl = ddl};

	/* not the names: they would cost 32 kB each time */
	ddl->kind = CDC_DDL_OTHER;
	ddl->temporary = false;
	ddl->drops_temporary = false;
	ddl->unsure = false;
	ddl->moves_rows = false;
	ddl->has_select = false;
	ddl->truncated = false;
	ddl->ntables = 0;

	cdc_sql_start(&p.c, sql, sql_mode);
	cdc_sql_skip_set_statement(&p.c);
	if (cdc_sql_take_word(&p.c, "create"))
		parse_create(&p);
	else if (cdc_sql_take_word(&p.c, "alter"))
		parse_alter(&p);
	else if (cdc_sql_take_word(&p.c, "drop"))
		parse_drop(&p);
	else if (cdc_sql_take_word(&p.c, "rename"))
		parse_rename(&p);
	else if (cdc_sql_take_word(&p.c, "truncate"))
	{
		ddl->kind = CDC_DDL_TABLE_TRUNCATE;
		cdc_sql_take_word(&p.c, "table");
		read_table(&p);
	}

	/* a statement that breaks off before any name is none that was executed */
	if (ddl->ntables == 0 && !ddl->truncated)
		ddl->kind = CDC_DDL_OTHER;
}

static bool
is_row_change(const DdlParser *p)
{
	return cdc_sql_at_word(&p->c, "insert") || cdc_sql_at_word(&p->c, "update") || cdc_sql_at_word(&p->c, "delete") ||
		cdc_sql_at_word(&p->c, "replace") || cdc_sql_at_word(&p->c, "merge");
}

void
cdc_ddl_fold_names(CdcDdl *ddl)
{
	for (int i = 0; i < ddl->ntables; i++)
	{
		cdc_name_to_lower(ddl->tables[i].database);
		cdc_name_to_lower(ddl->tables[i].table);
	}
}

bool
cdc_ddl_is_dml(CdcString sql, uint64_t sql_mode)
{
	DdlParser	p = {.ddl = NULL};

	cdc_sql_start(&p.c, sql, sql_mode);
	cdc_sql_skip_set_statement(&p.c);
	if (cdc_sql_take_word(&p.c, "analyze") && cdc_sql_take_word(&p.c, "format"))
	{
		cdc_sql_advance(&p.c);			/* MariaDB runs what it analyzes: FORMAT = JSON */
		cdc_sql_advance(&p.c);
	}
	while (cdc_sql_take_symbol(&p.c, '('))
		;
	if (is_row_change(&p) || cdc_sql_at_word(&p.c, "select") || cdc_sql_at_word(&p.c, "do"))
		return true;
	if (cdc_sql_take_word(&p.c, "with"))
		return true;			/* ... UPDATE or DELETE, or a SELECT as above */
	if (cdc_sql_take_word(&p.c, "load"))
		return cdc_sql_at_word(&p.c, "data") || cdc_sql_at_word(&p.c, "xml");
	if (cdc_sql_take_word(&p.c, "create"))
	{
		CdcSqlToken database;
		CdcSqlToken name;

		bool		temporary;

		cdc_sql_take_word(&p.c, "or");
		cdc_sql_take_word(&p.c, "replace");
		temporary = cdc_sql_take_word(&p.c, "temporary");
		if (!cdc_sql_take_word(&p.c, "table"))
			return false;
		(void) cdc_sql_take_if_exists(&p.c);

		/* behind a dot a table may be called select without quotes */
		return cdc_sql_take_name(&p.c, &database, &name) && contains_select(&p) &&
			(!temporary || contains_call(&p));
	}
	return false;
}
