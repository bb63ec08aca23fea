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

#include <string.h>

typedef struct DdlParser
{
	CdcSqlLexer lexer;
	CdcSqlToken token;			/* what comes next */
	CdcString	default_database;
	CdcDdl	   *ddl;			/* NULL while nothing is collected */
} DdlParser;

static void
advance(DdlParser *p)
{
	cdc_sql_lexer_next(&p->lexer, &p->token);
}

static void
start(DdlParser *p, CdcString sql, uint64_t sql_mode)
{
	cdc_sql_lexer_init(&p->lexer, sql, sql_mode);
	advance(p);
}

static bool
at_end(const DdlParser *p)
{
	return p->token.kind == CDC_SQL_END;
}

static bool
is_word(const DdlParser *p, const char *word)
{
	return cdc_sql_is_word(&p->token, word);
}

static bool
take_word(DdlParser *p, const char *word)
{
	if (!is_word(p, word))
		return false;
	advance(p);
	return true;
}

static bool
take_symbol(DdlParser *p, char symbol)
{
	if (!cdc_sql_is_symbol(&p->token, symbol))
		return false;
	advance(p);
	return true;
}

/* Reads over any of the words (list ends with NULL), in any order. */
static void
skip_words(DdlParser *p, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
	{
		if (take_word(p, words[i]))
			i = -1;
	}
}

static void
skip_if_exists(DdlParser *p)
{
	if (take_word(p, "if"))
	{
		take_word(p, "not");
		take_word(p, "exists");
	}
}

/*
 * MariaDB's "SET STATEMENT variable = value, ... FOR statement" wraps any other
 * statement.
 */
static void
skip_set_statement(DdlParser *p)
{
	DdlParser	ahead = *p;

	while (take_word(&ahead, "set") && take_word(&ahead, "statement"))
	{
		while (!at_end(&ahead) && !is_word(&ahead, "for"))
			advance(&ahead);
		if (!take_word(&ahead, "for"))
			return;
		*p = ahead;
	}
}

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
 * Reads "[database .] table"; database->kind is CDC_SQL_END where none is
 * named.  false where no name stands.
 */
static bool
take_name(DdlParser *p, CdcSqlToken *database, CdcSqlToken *table)
{
	database->kind = CDC_SQL_END;

	/* ".t" is old syntax for a table of the default database */
	(void) take_symbol(p, '.');
	*table = p->token;
	if (!cdc_sql_is_identifier(table))
		return false;
	advance(p);
	if (!take_symbol(p, '.'))
		return true;
	*database = *table;
	*table = p->token;
	if (!cdc_sql_is_identifier(table))
		return false;
	advance(p);
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

	if (!take_name(p, &database, &name))
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

	if (named && !cdc_sql_is_identifier(&p->token))
		return;
	ok = named ? cdc_sql_identifier(&p->token, table->database, sizeof(table->database)) :
		copy_default_database(p, table->database);
	table->table[0] = '\0';
	if (ok)
		p->ddl->ntables = 1;
	else
		p->ddl->truncated = true;
	if (named)
		advance(p);
}

static void
parse_temporary(DdlParser *p)
{
	p->ddl->temporary = true;
	p->ddl->kind = CDC_DDL_OTHER;
}

/* "[index] ON table", from behind CREATE or DROP INDEX */
static void
parse_index(DdlParser *p)
{
	p->ddl->kind = CDC_DDL_TABLE_ALTER;
	while (!at_end(p) && !is_word(p, "on"))
		advance(p);
	if (take_word(p, "on"))
		read_table(p);
}

/*
 * Whether what follows holds a query: SELECT is a reserved word, and neither
 * defaults, nor generated columns, nor checks may contain one.
 */
static bool
contains_select(DdlParser *p)
{
	for (; !at_end(p); advance(p))
	{
		if (is_word(p, "select"))
			return true;
		if (take_word(p, "values") && is_word(p, "row"))
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

	skip_words(p, options);
	if (take_word(p, "temporary"))
		parse_temporary(p);
	else if (take_word(p, "table"))
	{
		p->ddl->kind = CDC_DDL_TABLE_CREATE;
		skip_if_exists(p);
		read_table(p);
		p->ddl->has_select = contains_select(p);
	}
	else if (take_word(p, "index"))
		parse_index(p);
	else if (take_word(p, "database") || take_word(p, "schema"))
	{
		p->ddl->kind = CDC_DDL_DATABASE_CREATE;
		skip_if_exists(p);
		read_database(p, true);
	}
}

/* ALTER TABLE ... RENAME [TO | AS | =] table, but not RENAME COLUMN, INDEX, KEY */
static void
parse_rename_action(DdlParser *p)
{
	if (is_word(p, "column") || is_word(p, "index") || is_word(p, "key"))
		return;
	if (!take_word(p, "to") && !take_word(p, "as"))
		take_symbol(p, '=');
	read_table(p);
}

/* MariaDB: CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO PARTITION p ... */
static void
parse_convert_action(DdlParser *p)
{
	bool		partition = take_word(p, "partition");

	if (partition)
	{
		advance(p);
		if (!take_word(p, "to"))
			return;
	}
	if (take_word(p, "table"))
	{
		p->ddl->moves_rows = true;
		read_table(p);
	}
}

/* Reads the start of one action of ALTER TABLE. */
static void
parse_alter_action(DdlParser *p)
{
	if (take_word(p, "rename"))
		parse_rename_action(p);
	else if (take_word(p, "convert"))
		parse_convert_action(p);
	else if (take_word(p, "truncate") || take_word(p, "drop"))
	{
		if (is_word(p, "partition"))
			p->ddl->moves_rows = true;
	}
	else if (take_word(p, "exchange"))
	{
		if (!take_word(p, "partition"))
			return;
		p->ddl->moves_rows = true;
		advance(p);
		if (take_word(p, "with") && take_word(p, "table"))
			read_table(p);
	}
	else if (take_word(p, "import") || take_word(p, "discard"))
	{
		if (is_word(p, "tablespace") || is_word(p, "partition"))
			p->ddl->moves_rows = true;
	}
}

static void
parse_alter_table(DdlParser *p)
{
	int			depth = 0;
	bool		action = true;	/* one starts here */

	p->ddl->kind = CDC_DDL_TABLE_ALTER;
	skip_if_exists(p);
	if (!read_table(p))
		return;
	if (take_word(p, "wait"))
		advance(p);
	else
		take_word(p, "nowait");
	while (!at_end(p))
	{
		if (action && depth == 0)
		{
			action = false;
			parse_alter_action(p);
			continue;
		}

		/* these follow the partition options or other actions without a comma */
		if (depth == 0 && is_word(p, "rename"))
		{
			action = true;
			continue;
		}
		if (cdc_sql_is_symbol(&p->token, '('))
			depth++;
		else if (cdc_sql_is_symbol(&p->token, ')') && depth > 0)
			depth--;
		else if (cdc_sql_is_symbol(&p->token, ',') && depth == 0)
			action = true;
		advance(p);
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

	skip_words(p, table_options);
	if (take_word(p, "table"))
		parse_alter_table(p);
	else if (take_word(p, "database") || take_word(p, "schema"))
	{
		p->ddl->kind = CDC_DDL_DATABASE_ALTER;
		for (int i = 0; database_options[i] != NULL; i++)
		{
			if (is_word(p, database_options[i]))
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
	} while (take_symbol(p, ','));
}

static void
parse_drop(DdlParser *p)
{
	static const char *const options[] = {"online", "offline", NULL};

	skip_words(p, options);
	if (take_word(p, "temporary"))
		parse_temporary(p);
	else if (take_word(p, "table") || take_word(p, "tables"))
	{
		p->ddl->kind = CDC_DDL_TABLE_DROP;
		skip_if_exists(p);
		parse_table_list(p);
	}
	else if (take_word(p, "index"))
		parse_index(p);
	else if (take_word(p, "database") || take_word(p, "schema"))
	{
		p->ddl->kind = CDC_DDL_DATABASE_DROP;
		skip_if_exists(p);
		read_database(p, true);
	}
}

static void
parse_rename(DdlParser *p)
{
	if (!take_word(p, "table") && !take_word(p, "tables"))
		return;
	p->ddl->kind = CDC_DDL_TABLE_RENAME;
	skip_if_exists(p);
	do
	{
		if (!read_table(p))
			return;
		if (take_word(p, "wait"))
			advance(p);
		else
			take_word(p, "nowait");
		if (!take_word(p, "to") || !read_table(p))
			return;
	} while (take_symbol(p, ','));
}

void
cdc_ddl_parse(CdcString sql, CdcString default_database, uint64_t sql_mode, CdcDdl *ddl)
{
	DdlParser	p = {.default_database = default_database,.ddl = ddl};

	/* not the names: they would cost 32 kB each time */
	ddl->kind = CDC_DDL_OTHER;
	ddl->temporary = false;
	ddl->moves_rows = false;
	ddl->has_select = false;
	ddl->truncated = false;
	ddl->ntables = 0;

	start(&p, sql, sql_mode);
	skip_set_statement(&p);
	if (take_word(&p, "create"))
		parse_create(&p);
	else if (take_word(&p, "alter"))
		parse_alter(&p);
	else if (take_word(&p, "drop"))
		parse_drop(&p);
	else if (take_word(&p, "rename"))
		parse_rename(&p);
	else if (take_word(&p, "truncate"))
	{
		ddl->kind = CDC_DDL_TABLE_TRUNCATE;
		take_word(&p, "table");
		read_table(&p);
	}

	/* a statement that breaks off before any name is none that was executed */
	if (ddl->ntables == 0 && !ddl->truncated)
		ddl->kind = CDC_DDL_OTHER;
}

static bool
is_row_change(const DdlParser *p)
{
	return is_word(p, "insert") || is_word(p, "update") || is_word(p, "delete") ||
		is_word(p, "replace") || is_word(p, "merge");
}

bool
cdc_ddl_is_dml(CdcString sql, uint64_t sql_mode)
{
	DdlParser	p = {.ddl = NULL};

	start(&p, sql, sql_mode);
	skip_set_statement(&p);
	if (take_word(&p, "analyze") && take_word(&p, "format"))
	{
		advance(&p);			/* MariaDB runs what it analyzes: FORMAT = JSON */
		advance(&p);
	}
	while (take_symbol(&p, '('))
		;
	if (is_row_change(&p) || is_word(&p, "select") || is_word(&p, "do"))
		return true;
	if (take_word(&p, "with"))
		return true;			/* ... UPDATE or DELETE, or a SELECT as above */
	if (take_word(&p, "load"))
		return is_word(&p, "data") || is_word(&p, "xml");
	if (take_word(&p, "create"))
	{
		CdcSqlToken database;
		CdcSqlToken name;

		take_word(&p, "or");
		take_word(&p, "replace");
		if (!take_word(&p, "table"))
			return false;
		skip_if_exists(&p);

		/* behind a dot a table may be called select without quotes */
		return take_name(&p, &database, &name) && contains_select(&p);
	}
	return false;
}
