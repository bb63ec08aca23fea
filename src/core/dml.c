/*-------------------------------------------------------------------------
 *
 * dml.c
 *	  Which tables a statement changes that is in the binlog as text, and what it calls.
 *
 * Where that is plain (INSERT, REPLACE, LOAD DATA, DELETE FROM t, CREATE TABLE ... SELECT) the
 * name is taken, of joins in UPDATE and DELETE the tables whose columns are set, or that are named to
 * be deleted from; else each name that stands where tables may: who asks knows which of them are
 * tables.  What is called is any name with a parenthesis behind it: who asks knows which of
 * them are functions.
 */
#include "core/dml.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

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
start(Names *n, CdcString default_database)
{
	size_t		len = default_database.len < sizeof(n->default_database) - 1 ? default_database.len :
		sizeof(n->default_database) - 1;

	if (len > 0)
		memcpy(n->default_database, default_database.data, len);
	n->default_database[len] = '\0';
}

static void
visit_name(const Names *n, CdcDmlKind kind, const CdcSqlToken *database, const CdcSqlToken *name)
{
	char		database_text[CDC_DDL_NAME_SIZE];
	char		text[CDC_DDL_NAME_SIZE];

	if (!cdc_sql_identifier(name, text, sizeof(text)))
		return;
	if (database->kind == CDC_SQL_END)
		n->visit(kind, n->default_database, text, n->arg);
	else if (cdc_sql_identifier(database, database_text, sizeof(database_text)))
		n->visit(kind, database_text, text, n->arg);
}

/* The name of a table that comes next. */
static bool
take_table(Names *n)
{
	CdcSqlToken database;
	CdcSqlToken table;

	if (!cdc_sql_take_name(&n->c, &database, &table))
		return false;
	visit_name(n, CDC_DML_TABLE, &database, &table);
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
		visit_name(n, CDC_DML_TABLE, &none, &first);
		if (cdc_sql_at_symbol(&n->c, '.'))
		{
			CdcSqlCursor behind = n->c;

			cdc_sql_advance(&behind);
			if (cdc_sql_is_identifier(&behind.token))
				visit_name(n, CDC_DML_TABLE, &first, &behind.token);
		}
	}
}

/* Words before a parenthesis that no function can have for a name without quotes. */
static bool
is_reserved(const CdcSqlToken *token)
{
	static const char *const words[] = {
		"values", "in", "and", "or", "not", "select", "from", "where", "on", "using", "exists", "when", "then",
		"else", "as", "by", "join", "set", "key", "partition", "into", "table"
	};
	size_t		i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (cdc_sql_is_word(token, words[i]))
			return true;
	return false;
}

/* What is called in the token that comes next, if anything is; behind it afterwards. */
static void
take_call(Names *n)
{
	CdcSqlCursor ahead = n->c;
	CdcSqlToken database;
	CdcSqlToken name;
	bool		call = cdc_sql_take_word(&ahead, "call");

	if ((call || cdc_sql_is_identifier(&ahead.token)) && cdc_sql_take_name(&ahead, &database, &name))
	{
		if (call)
			visit_name(n, CDC_DML_PROCEDURE, &database, &name);
		else if (cdc_sql_at_symbol(&ahead, '(') && (database.kind != CDC_SQL_END || !is_reserved(&name)))
			visit_name(n, database.kind == CDC_SQL_END ? CDC_DML_FUNCTION : CDC_DML_STORED_FUNCTION,
					   &database, &name);
		n->c = ahead;
		return;
	}
	cdc_sql_advance(&n->c);
}

static void
take_calls(Names *n)
{
	while (!cdc_sql_at_end(&n->c))
		take_call(n);
}

/* ---- statements over several tables ---- */

/* A table among those that a statement reads and may change. */
typedef struct Reference
{
	CdcSqlToken database;		/* kind CDC_SQL_END: the default one */
	CdcSqlToken table;
	CdcSqlToken alias;			/* kind CDC_SQL_END: it has none */
	bool		derived;		/* it is a query's, which cannot be changed */
	bool		written;
} Reference;

typedef struct References
{
	int			n;
	Reference	list[64];		/* MySQL joins no more than 61 */
} References;

static bool
same_identifier(const CdcSqlToken *a, const CdcSqlToken *b)
{
	char		x[CDC_DDL_NAME_SIZE];
	char		y[CDC_DDL_NAME_SIZE];

	return cdc_sql_identifier(a, x, sizeof(x)) && cdc_sql_identifier(b, y, sizeof(y)) && strcasecmp(x, y) == 0;
}

/* Whether a word stands here that may follow a table, and so is no alias of it. */
static bool
at_join_word(const CdcSqlCursor *c)
{
	static const char *const words[] = {
		"join", "inner", "cross", "left", "right", "full", "natural", "straight_join", "on", "using", "set", "use",
		"ignore", "force", "for", "partition", "where", "order", "limit", "returning"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (cdc_sql_at_word(c, words[i]))
			return true;
	return false;
}

/* A table, or a query in parentheses, where one has to stand; false: that is not understood. */
static bool
take_reference(CdcSqlCursor *c, References *refs)
{
	static const CdcSqlToken none = {CDC_SQL_END, NULL, 0};
	Reference  *ref;
	CdcSqlCursor ahead = *c;

	if (refs->n == (int) (sizeof(refs->list) / sizeof(refs->list[0])))
		return false;
	ref = &refs->list[refs->n++];
	*ref = (Reference) {.database = none,.table = none,.alias = none};
	(void) cdc_sql_take_word(c, "lateral");
	if (cdc_sql_take_symbol(&ahead, '('))
	{
		cdc_sql_skip_parentheses(c);
		ref->derived = true;
	}
	else if (!cdc_sql_take_name(c, &ref->database, &ref->table))
		return false;
	else if (cdc_sql_at_symbol(c, '('))
	{
		cdc_sql_skip_parentheses(c);	/* JSON_TABLE and the like */
		ref->derived = true;
	}
	if (cdc_sql_take_word(c, "partition"))
		cdc_sql_skip_parentheses(c);
	if (cdc_sql_take_word(c, "as") || (cdc_sql_is_identifier(&c->token) && !at_join_word(c)))
	{
		ref->alias = c->token;
		cdc_sql_advance(c);
	}
	return true;
}

static bool
at_one_of(const CdcSqlCursor *c, const char *const *words)
{
	for (; *words != NULL; words++)
		if (cdc_sql_at_word(c, *words))
			return true;
	return false;
}

/* Whether a parenthesis stands here around a query. */
static bool
at_query(const CdcSqlCursor *c)
{
	static const char *const words[] = {"select", "with", "values", "table", NULL};
	CdcSqlCursor ahead = *c;

	while (cdc_sql_take_symbol(&ahead, '('))
		if (at_one_of(&ahead, words))
			return true;
	return false;
}

/*
 * The tables of a join, up to one of the words at its end; false: they are not understood.  Parentheses
 * where a table may stand hold tables, or a query; elsewhere they are of conditions and hints.
 */
static bool
take_references(CdcSqlCursor *c, References *refs, const char *const *end)
{
	bool		expected = true;

	refs->n = 0;
	while (!cdc_sql_at_end(c) && (expected || !at_one_of(c, end)))
	{
		if (expected && cdc_sql_at_symbol(c, '(') && !at_query(c))
			cdc_sql_advance(c);
		else if (expected)
		{
			if (!take_reference(c, refs))
				return false;
			expected = false;
		}
		else if (cdc_sql_take_symbol(c, ',') || cdc_sql_take_word(c, "join") || cdc_sql_take_word(c, "straight_join"))
			expected = true;
		else if (cdc_sql_at_symbol(c, '('))
			cdc_sql_skip_parentheses(c);
		else
			cdc_sql_advance(c);
	}
	return !expected;
}

/* Marks what a name stands for, which may be an alias; false: for nothing that is known. */
static bool
mark_written(const Names *n, References *refs, const CdcSqlToken *database, const CdcSqlToken *name)
{
	bool		found = false;

	for (int i = 0; i < refs->n; i++)
	{
		Reference  *ref = &refs->list[i];
		char		text[CDC_DDL_NAME_SIZE];
		bool		same;

		same = ref->alias.kind != CDC_SQL_END ? same_identifier(&ref->alias, name) :
			!ref->derived && same_identifier(&ref->table, name);
		if (same && ref->alias.kind == CDC_SQL_END && database->kind != CDC_SQL_END)
			same = ref->database.kind != CDC_SQL_END ? same_identifier(&ref->database, database) :
				cdc_sql_identifier(database, text, sizeof(text)) && strcasecmp(text, n->default_database) == 0;
		if (same)
			found = ref->written = true;
	}
	return found;
}

/* All tables that may be: a column without its table may be any one's. */
static void
mark_all(References *refs)
{
	for (int i = 0; i < refs->n; i++)
		refs->list[i].written = true;
}

static void
visit_written(const Names *n, const References *refs)
{
	for (int i = 0; i < refs->n; i++)
		if (refs->list[i].written && !refs->list[i].derived)
			visit_name(n, CDC_DML_TABLE, &refs->list[i].database, &refs->list[i].table);
}

/* [[database .] table .] column; false where no name stands. */
static bool
take_column(CdcSqlCursor *c, CdcSqlToken *database, CdcSqlToken *table)
{
	CdcSqlToken parts[3];
	int			k = 0;

	database->kind = table->kind = CDC_SQL_END;
	do
	{
		if (k == 3 || !cdc_sql_is_identifier(&c->token))
			return false;
		parts[k++] = c->token;
		cdc_sql_advance(c);
	} while (cdc_sql_take_symbol(c, '.'));
	if (k > 1)
		*table = parts[k - 2];
	if (k > 2)
		*database = parts[0];
	return true;
}

/* UPDATE, from behind its modifiers: the tables whose columns are set.  false: that is not understood. */
static bool
take_update(Names *n)
{
	static const char *const ends_tables[] = {"set", NULL};
	static const char *const ends[] = {"where", "order", "limit", "returning", NULL};
	CdcSqlCursor c = n->c;
	References	refs;

	if (!take_references(&c, &refs, ends_tables) || !cdc_sql_take_word(&c, "set"))
		return false;
	do
	{
		CdcSqlToken database;
		CdcSqlToken table;

		if (!take_column(&c, &database, &table) || !cdc_sql_at_symbol(&c, '='))
			return false;
		if (table.kind == CDC_SQL_END)
			mark_all(&refs);
		else if (!mark_written(n, &refs, &database, &table))
			return false;
		while (!cdc_sql_at_end(&c) && !cdc_sql_at_symbol(&c, ',') && !at_one_of(&c, ends))
		{
			if (cdc_sql_at_symbol(&c, '('))
				cdc_sql_skip_parentheses(&c);
			else
				cdc_sql_advance(&c);
		}
	} while (cdc_sql_take_symbol(&c, ','));
	visit_written(n, &refs);
	return true;
}

/* The names in front of FROM, or behind it in front of USING, of DELETE; count: how many. */
static bool
take_targets(CdcSqlCursor *c, CdcSqlToken (*targets)[2], int room, int *count)
{
	*count = 0;
	do
	{
		CdcSqlToken database;
		CdcSqlToken table;

		/* "a", "a.*", "db.a", "db.a.*" */
		if (*count == room || !cdc_sql_is_identifier(&c->token))
			return false;
		database.kind = CDC_SQL_END;
		table = c->token;
		cdc_sql_advance(c);
		while (cdc_sql_take_symbol(c, '.'))
		{
			if (cdc_sql_take_symbol(c, '*'))
				break;
			if (database.kind != CDC_SQL_END || !cdc_sql_is_identifier(&c->token))
				return false;
			database = table;
			table = c->token;
			cdc_sql_advance(c);
		}
		targets[*count][0] = database;
		targets[(*count)++][1] = table;
	} while (cdc_sql_take_symbol(c, ','));
	return true;
}

/* DELETE of several tables, from behind its modifiers; false: that is not understood. */
static bool
take_delete_of_several(Names *n)
{
	static const char *const ends[] = {"where", "order", "limit", "returning", NULL};
	CdcSqlCursor c = n->c;
	CdcSqlToken targets[64][2];
	References	refs;
	int			count;
	bool		using = cdc_sql_take_word(&c, "from");

	if (!take_targets(&c, targets, (int) (sizeof(targets) / sizeof(targets[0])), &count) ||
		!cdc_sql_take_word(&c, using ? "using" : "from") || !take_references(&c, &refs, ends))
		return false;
	for (int i = 0; i < count; i++)
		if (!mark_written(n, &refs, &targets[i][0], &targets[i][1]))
			return false;
	visit_written(n, &refs);
	return true;
}

/* DELETE: of one table, or of several, which may be named by their aliases. */
static bool
take_delete(Names *n)
{
	CdcSqlCursor begin = n->c;

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
	n->c = begin;
	if (take_delete_of_several(n))
		return true;
	take_names(n, NULL);
	n->c = begin;
	return false;
}

/* CREATE [OR REPLACE] [TEMPORARY] TABLE ... SELECT, from behind CREATE. */
static bool
take_create(Names *n)
{
	static const char *const options[] = {"or", "replace", NULL};
	bool		temporary;
	CdcSqlToken database;
	CdcSqlToken table;

	cdc_sql_skip_words(&n->c, options);
	temporary = cdc_sql_take_word(&n->c, "temporary");
	if (!cdc_sql_take_word(&n->c, "table"))
		return false;
	(void) cdc_sql_take_if_exists(&n->c);
	return temporary ? cdc_sql_take_name(&n->c, &database, &table) : take_table(n);
}

/* What comes before the word by which a statement is known. */
static void
skip_prefix(CdcSqlCursor *c)
{
	cdc_sql_skip_set_statement(c);
	if (cdc_sql_take_word(c, "analyze") && cdc_sql_take_word(c, "format"))
	{
		cdc_sql_advance(c);		/* MariaDB runs what it analyzes: FORMAT = JSON */
		cdc_sql_advance(c);
	}
	if (!cdc_sql_at_word(c, "with"))
		return;
	while (!cdc_sql_at_end(c) && !cdc_sql_at_word(c, "update") && !cdc_sql_at_word(c, "delete") &&
		   !cdc_sql_at_word(c, "insert") && !cdc_sql_at_word(c, "replace") && !cdc_sql_at_word(c, "select"))
	{
		if (cdc_sql_at_symbol(c, '('))
			cdc_sql_skip_parentheses(c);
		else
			cdc_sql_advance(c);
	}
}

/* The tables that the statement changes; see cdc_dml_tables().  Behind their names afterwards. */
static bool
take_written(Names *n)
{
	static const char *const modifiers[] = {
		"low_priority", "delayed", "high_priority", "ignore", "quick", "into", NULL
	};
	CdcSqlCursor begin;

	if (cdc_sql_take_word(&n->c, "insert") || cdc_sql_take_word(&n->c, "replace"))
	{
		cdc_sql_skip_words(&n->c, modifiers);
		return take_table(n);
	}
	if (cdc_sql_take_word(&n->c, "delete"))
	{
		cdc_sql_skip_words(&n->c, modifiers);
		return take_delete(n);
	}
	if (cdc_sql_take_word(&n->c, "update"))
	{
		cdc_sql_skip_words(&n->c, modifiers);
		if (take_update(n))
			return true;
		begin = n->c;
		take_names(n, "set");
		n->c = begin;
		return false;
	}
	if (cdc_sql_take_word(&n->c, "load"))
	{
		while (!cdc_sql_at_end(&n->c))
		{
			if (cdc_sql_take_words(&n->c, "into", "table"))
				return take_table(n);
			cdc_sql_advance(&n->c);
		}
		return false;
	}
	if (cdc_sql_take_word(&n->c, "create"))
		return take_create(n);
	/* these are logged for the functions that they call */
	if (cdc_sql_at_word(&n->c, "select") || cdc_sql_at_word(&n->c, "do") || cdc_sql_at_symbol(&n->c, '('))
		return true;
	begin = n->c;
	take_names(n, NULL);
	n->c = begin;
	return false;
}

bool
cdc_dml_tables(CdcString sql, CdcString default_database, uint64_t sql_mode, CdcDmlVisit visit,
			   void *arg)
{
	Names		n = {.visit = visit,.arg = arg};
	CdcSqlCursor begin;
	bool		exact;

	start(&n, default_database);
	cdc_sql_start(&n.c, sql, sql_mode);
	begin = n.c;
	skip_prefix(&n.c);
	if (cdc_sql_at_word(&begin, "with"))
	{
		/* the queries before it may call something, too */
		CdcSqlCursor at = n.c;

		n.c = begin;
		while (!cdc_sql_at_end(&n.c) && n.c.token.text < at.token.text)
			take_call(&n);
		n.c = at;
	}
	exact = take_written(&n);
	take_calls(&n);
	return exact;
}

/* Whether a statement that changes rows begins here; word: the one before. */
static bool
is_change(const CdcSqlCursor *c, const CdcSqlToken *before)
{
	CdcSqlCursor behind = *c;

	if (cdc_sql_at_word(c, "delete") || cdc_sql_at_word(c, "load"))
		return true;
	if (cdc_sql_at_word(c, "update"))
		return !cdc_sql_is_word(before, "for");
	if (!cdc_sql_at_word(c, "insert") && !cdc_sql_at_word(c, "replace"))
		return false;
	cdc_sql_advance(&behind);
	return !cdc_sql_at_symbol(&behind, '(');	/* functions have these names */
}

void
cdc_dml_body(CdcString body, CdcString default_database, uint64_t sql_mode, CdcDmlVisit visit, void *arg)
{
	Names		n = {.visit = visit,.arg = arg};
	CdcSqlToken before = {CDC_SQL_END, NULL, 0};

	start(&n, default_database);
	cdc_sql_start(&n.c, body, sql_mode);
	while (!cdc_sql_at_end(&n.c))
	{
		const char *begin = n.c.token.text;
		CdcString	statement = {begin, (size_t) (body.data + body.len - begin)};

		if (!is_change(&n.c, &before))
		{
			before = n.c.token;
			take_call(&n);
			continue;
		}
		while (!cdc_sql_at_end(&n.c) && !cdc_sql_at_symbol(&n.c, ';'))
			cdc_sql_advance(&n.c);
		if (!cdc_sql_at_end(&n.c))
			statement.len = (size_t) (n.c.token.text - begin);
		(void) cdc_dml_tables(statement, default_database, sql_mode, visit, arg);
	}
}

void
cdc_dml_view(CdcString query, CdcString default_database, CdcDmlVisit visit, void *arg)
{
	/* servers write names of a view's query in the quotes of the session that asks */
	Names		n = {.visit = visit,.arg = arg};

	start(&n, default_database);
	cdc_sql_start(&n.c, query, CDC_SQL_ANSI_QUOTES);
	while (!cdc_sql_at_end(&n.c) && !cdc_sql_at_word(&n.c, "from"))
		cdc_sql_advance(&n.c);
	take_names(&n, NULL);
	cdc_sql_start(&n.c, query, CDC_SQL_ANSI_QUOTES);
	take_calls(&n);
}
