/*-------------------------------------------------------------------------
 *
 * ddl_alter.c
 *	  Reads ALTER TABLE; ddl_alter_apply.c says what comes of it.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_alter_apply.h"

#include <string.h>
#include <strings.h>

static CdcAlterAction *
new_action(CdcAlter *a, CdcAlterKind kind, const char *name)
{
	CdcAlterAction *action = cdc_ddl_alloc(a->p, sizeof(CdcAlterAction));

	if (action == NULL)
		return NULL;
	action->kind = kind;
	action->name = name;
	*a->last = action;
	a->last = &action->next;
	return action;
}

static bool
is_old_column(const CdcAlter *a, const char *name)
{
	return cdc_table_def_find(a->old, name) >= 0;
}

static bool
is_new_column(const CdcAlter *a, const char *name)
{
	for (const CdcAlterAction *x = a->first; x != NULL; x = x->next)
	{
		if (x->kind == CDC_ALTER_ADD && strcasecmp(x->name, name) == 0)
			return true;
	}
	return false;
}

/* ---- reading ---- */

/* Over the rest of an action. */
static void
skip_action(CdcDdlParser *p)
{
	while (!cdc_sql_at_end(&p->c) && !cdc_sql_at_symbol(&p->c, ','))
	{
		if (cdc_sql_at_symbol(&p->c, '('))
			cdc_sql_skip_parentheses(&p->c);
		else
			cdc_sql_advance(&p->c);
	}
}

static bool
read_place(CdcDdlParser *p, CdcDdlColumn *col)
{
	if (cdc_sql_take_word(&p->c, "first"))
		col->first = true;
	else if (cdc_sql_take_word(&p->c, "after"))
		return cdc_ddl_name(p, &col->after);
	return true;
}

/* A column of ADD; if_not_exists: MariaDB's */
static bool
add_column(CdcAlter *a, bool if_not_exists)
{
	CdcDdlColumn col = {0};
	CdcAlterAction *action;

	if (!cdc_ddl_name(a->p, &col.name) || !cdc_ddl_column(a->p, &col) || !read_place(a->p, &col))
		return false;
	if (if_not_exists && (is_old_column(a, col.name) || is_new_column(a, col.name)))
		return true;
	action = new_action(a, CDC_ALTER_ADD, col.name);
	if (action == NULL)
		return false;
	action->column = col;
	return true;
}

static bool
read_add_list(CdcAlter *a)
{
	CdcDdlParser *p = a->p;

	do
	{
		bool		taken;

		if (!cdc_ddl_constraint(p, &a->m, &taken) || (!taken && !add_column(a, false)))
			return false;
	} while (cdc_sql_take_symbol(&p->c, ','));
	return cdc_sql_take_symbol(&p->c, ')') || cdc_ddl_give_up(p, "a column has an unknown attribute");
}

static bool
read_add(CdcAlter *a)
{
	CdcDdlParser *p = a->p;
	CdcSqlCursor ahead = p->c;
	bool		column = cdc_sql_take_word(&p->c, "column");
	bool		exists;
	bool		taken;

	if (!column && (cdc_sql_at_word(&p->c, "partition") ||
					cdc_sql_take_words(&ahead, "system", "versioning")))
	{
		skip_action(p);
		return true;
	}
	exists = cdc_sql_take_if_exists(&p->c);
	if (cdc_sql_take_symbol(&p->c, '('))
		return read_add_list(a);
	if (!column)
	{
		if (!cdc_ddl_constraint(p, &a->m, &taken))
			return false;
		if (taken)
			return true;
	}
	return add_column(a, exists);
}

/* CHANGE old new definition, MODIFY name definition */
static bool
read_change(CdcAlter *a, bool modify)
{
	CdcDdlParser *p = a->p;
	CdcDdlColumn col = {0};
	const char *name;
	CdcAlterAction *action;
	bool		exists;

	(void) cdc_sql_take_word(&p->c, "column");
	exists = cdc_sql_take_if_exists(&p->c);
	if (!cdc_ddl_name(p, &name))
		return false;
	col.name = name;
	if ((!modify && !cdc_ddl_name(p, &col.name)) || !cdc_ddl_column(p, &col) || !read_place(p, &col))
		return false;
	if (!is_old_column(a, name))
		return exists || cdc_ddl_give_up(p, "a column that is changed is not known");
	action = new_action(a, CDC_ALTER_CHANGE, name);
	if (action == NULL)
		return false;

	/* MODIFY keeps the name as it is spelled */
	if (modify)
		col.name = a->old->columns[cdc_table_def_find(a->old, name)].name;
	action->column = col;
	return true;
}

/* DROP CONSTRAINT, CHECK and INDEX, KEY, FOREIGN KEY */
static bool
drop_constraint(CdcAlter *a)
{
	CdcDdlParser *p = a->p;
	const char *name;

	(void) cdc_sql_take_if_exists(&p->c);
	if (!cdc_ddl_name(p, &name))
		return false;
	if (strcasecmp(name, "primary") == 0)
		a->m.drops_key = true;
	return true;
}

static bool
read_drop(CdcAlter *a)
{
	CdcDdlParser *p = a->p;
	CdcSqlCursor ahead = p->c;
	const char *name;
	bool		exists;

	if (cdc_sql_take_words(&p->c, "primary", "key"))
	{
		a->m.drops_key = true;
		return true;
	}
	if (cdc_sql_take_word(&p->c, "constraint") || cdc_sql_take_word(&p->c, "check"))
	{
		/* it may be what made a longtext JSON */
		for (int i = 0; i < a->old->ncolumns; i++)
		{
			if (a->old->columns[i].json_check)
				return cdc_ddl_give_up(p, "a constraint was dropped that may be a JSON check");
		}
		return drop_constraint(a);
	}
	if (cdc_sql_take_word(&p->c, "index") || cdc_sql_take_word(&p->c, "key"))
		return drop_constraint(a);
	if (cdc_sql_at_word(&p->c, "foreign") || cdc_sql_at_word(&p->c, "partition") ||
		cdc_sql_take_words(&ahead, "system", "versioning") ||
		cdc_sql_take_words(&ahead, "period", "for"))
	{
		skip_action(p);
		return true;
	}
	(void) cdc_sql_take_word(&p->c, "column");
	exists = cdc_sql_take_if_exists(&p->c);
	if (!cdc_ddl_name(p, &name))
		return false;
	if (!cdc_sql_take_word(&p->c, "restrict"))
		(void) cdc_sql_take_word(&p->c, "cascade");
	if (!is_old_column(a, name))
		return exists || cdc_ddl_give_up(p, "a column that is dropped is not known");
	return new_action(a, CDC_ALTER_DROP, name) != NULL;
}

static bool
read_rename(CdcAlter *a, CdcDdlEffect *effect)
{
	CdcDdlParser *p = a->p;
	CdcAlterAction *action;
	const char *name;
	bool		exists;

	if (cdc_sql_take_word(&p->c, "index") || cdc_sql_take_word(&p->c, "key"))
	{
		skip_action(p);
		return true;
	}
	if (!cdc_sql_take_word(&p->c, "column"))
	{
		if (!cdc_sql_take_word(&p->c, "to") && !cdc_sql_take_word(&p->c, "as"))
			cdc_ddl_skip_equals(p);
		return cdc_ddl_table_name(p, &effect->new_database, &effect->new_table);
	}
	exists = cdc_sql_take_if_exists(&p->c);
	if (!cdc_ddl_name(p, &name))
		return false;
	action = new_action(a, CDC_ALTER_RENAME, name);
	if (action == NULL)
		return false;
	if (!cdc_sql_take_word(&p->c, "to"))
		return cdc_ddl_give_up(p, "RENAME COLUMN lacks TO");
	if (!cdc_ddl_name(p, &action->column.name))
		return false;
	return exists || is_old_column(a, name) ||
		cdc_ddl_give_up(p, "a column that is renamed is not known");
}

/* ALTER [COLUMN] name SET ... | DROP DEFAULT, ALTER INDEX, CHECK, CONSTRAINT */
static bool
read_alter(CdcAlter *a)
{
	CdcDdlParser *p = a->p;
	bool		column = cdc_sql_take_word(&p->c, "column");
	CdcAlterAction *action;
	const char *name;
	bool		exists;

	if (!column && (cdc_sql_at_word(&p->c, "index") || cdc_sql_at_word(&p->c, "key") ||
					cdc_sql_at_word(&p->c, "check") || cdc_sql_at_word(&p->c, "constraint")))
	{
		skip_action(p);
		return true;
	}
	exists = cdc_sql_take_if_exists(&p->c);
	if (!cdc_ddl_name(p, &name))
		return false;
	if (!is_old_column(a, name) && !exists)
		return cdc_ddl_give_up(p, "a column that is altered is not known");
	action = new_action(a, CDC_ALTER_DEFAULT, name);
	if (action == NULL)
		return false;
	if (cdc_sql_take_words(&p->c, "drop", "default"))
		return true;
	if (!cdc_sql_take_word(&p->c, "set"))
		return cdc_ddl_give_up(p, "ALTER COLUMN is not understood");
	if (cdc_sql_take_word(&p->c, "invisible"))
		action->kind = CDC_ALTER_INVISIBLE;
	else if (cdc_sql_take_word(&p->c, "visible"))
		action->kind = CDC_ALTER_VISIBLE;
	else if (cdc_sql_take_word(&p->c, "default"))
		return cdc_ddl_default(p, &action->deflt);
	else
		return cdc_ddl_give_up(p, "ALTER COLUMN is not understood");
	return true;
}

/* CONVERT TO CHARACTER SET */
static bool
read_convert(CdcAlter *a)
{
	CdcDdlParser *p = a->p;
	bool		taken;

	if (!cdc_sql_take_word(&p->c, "to"))
		return cdc_ddl_give_up(p, "a partition was converted");
	a->convert = true;
	if (a->charset.given)
		return cdc_ddl_give_up(p, "there are two character sets for the table");
	if (!cdc_ddl_charset_clause(p, &a->charset, &taken))
		return false;
	if (!taken)
		return cdc_ddl_give_up(p, "CONVERT TO lacks its character set");
	return cdc_ddl_charset_clause(p, &a->charset, &taken);
}

/*
 * Behind ENGINE: rows stay what they are in the engines that keep all of them; what
 * others make of them is not known.
 */
static void
note_engine(CdcAlter *a)
{
	static const char *const keep[] = {
		"innodb", "xtradb", "myisam", "aria", "maria", "memory", "heap", "rocksdb", "tokudb",
		"ndb", "ndbcluster", "csv", "archive", NULL
	};
	CdcSqlCursor ahead = a->p->c;
	char		name[CDC_DDL_NAME_SIZE];

	cdc_sql_advance(&ahead);
	(void) cdc_sql_take_symbol(&ahead, '=');
	for (int i = 0; keep[i] != NULL; i++)
	{
		if (cdc_sql_at_word(&ahead, keep[i]))
			return;
	}
	if (ahead.token.kind == CDC_SQL_STRING || cdc_sql_is_identifier(&ahead.token))
	{
		size_t		len = ahead.token.len < sizeof(name) ? ahead.token.len : sizeof(name) - 1;

		memcpy(name, ahead.token.text, len);
		name[len] = '\0';
		for (int i = 0; keep[i] != NULL; i++)
		{
			size_t		n = strlen(keep[i]);

			if (len == n + 2 && strncasecmp(name + 1, keep[i], n) == 0)
				return;
		}
	}
	a->change.rows = "the table got an engine that may not keep its rows";
}

/* Table options and everything else that leaves the columns alone. */
static bool
read_options(CdcAlter *a)
{
	CdcDdlParser *p = a->p;

	while (!cdc_sql_at_end(&p->c) && !cdc_sql_at_symbol(&p->c, ','))
	{
		bool		is_charset;

		/* these follow partition options without a comma */
		if (cdc_sql_at_word(&p->c, "rename"))
			return true;
		if (cdc_sql_at_word(&p->c, "engine") || cdc_sql_at_word(&p->c, "type"))
			note_engine(a);
		if (cdc_sql_at_word(&p->c, "union"))
			a->change.rows = "the table got other parts (UNION)";
		if (!cdc_ddl_table_option(p, &a->charset, &is_charset))
			return false;
		if (is_charset && a->convert)
			return cdc_ddl_give_up(p, "there are two character sets for the table");
	}
	return true;
}

/* Whether a clause begins here that is known to leave the columns alone. */
static bool
at_option(const CdcDdlParser *p)
{
	static const char *const words[] = {
		/* partitions and files */
		"order", "partition", "exchange", "truncate", "reorganize", "coalesce", "analyze",
		"check", "optimize", "rebuild", "repair", "discard", "import", "remove", "upgrade",
		/* how the statement is done */
		"algorithm", "lock", "force", "enable", "disable", "with", "without", "wait", "nowait",
		"secondary_load", "secondary_unload", "online", "offline", "start",
		/* options */
		"default", "character", "char", "charset", "collate", "engine", "type", "auto_increment",
		"avg_row_length", "checksum", "comment", "connection", "data", "index",
		"delay_key_write", "insert_method", "key_block_size", "max_rows", "min_rows",
		"pack_keys", "password", "row_format", "stats_auto_recalc", "stats_persistent",
		"stats_sample_pages", "tablespace", "storage", "union", "compression", "encryption",
		"encrypted", "encryption_key_id", "page_checksum", "page_compressed",
		"page_compression_level", "transactional", "table_checksum", "autoextend_size",
		"secondary_engine", "engine_attribute", "secondary_engine_attribute", "sequence",
		"ietf_quotes", "nodegroup", NULL
	};
	CdcSqlCursor ahead = p->c;

	for (int i = 0; words[i] != NULL; i++)
	{
		if (cdc_sql_at_word(&p->c, words[i]))
			return true;
	}

	/* a storage engine's own: name = value */
	if (!cdc_sql_is_identifier(&p->c.token))
		return false;
	cdc_sql_advance(&ahead);
	return cdc_sql_at_symbol(&ahead, '=');
}

/*
 * Whether it is a clause about partitions by their names, which may be several with commas
 * between them, and which stands alone.
 */
static bool
at_partitions(const CdcDdlParser *p)
{
	static const char *const words[] = {
		"drop", "truncate", "reorganize", "coalesce", "analyze", "check", "optimize", "rebuild",
		"repair", "discard", "import"
	};
	CdcSqlCursor ahead = p->c;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (cdc_sql_take_words(&ahead, words[i], "partition"))
			return true;
	return false;
}

static bool
read_action(CdcAlter *a, CdcDdlEffect *effect)
{
	CdcDdlParser *p = a->p;

	a->others = a->others || !cdc_sql_at_word(&p->c, "convert");
	if (at_partitions(p))
	{
		while (!cdc_sql_at_end(&p->c))
			cdc_sql_advance(&p->c);
		return true;
	}
	if (cdc_sql_take_word(&p->c, "add"))
		return read_add(a);
	if (cdc_sql_take_word(&p->c, "change"))
		return read_change(a, false);
	if (cdc_sql_take_word(&p->c, "modify"))
		return read_change(a, true);
	if (cdc_sql_take_word(&p->c, "drop"))
		return read_drop(a);
	if (cdc_sql_take_word(&p->c, "rename"))
		return read_rename(a, effect);
	if (cdc_sql_take_word(&p->c, "alter"))
		return read_alter(a);
	if (cdc_sql_take_word(&p->c, "convert"))
		return read_convert(a);
	if (!at_option(p))
		return cdc_ddl_give_up(p, "ALTER TABLE has a clause that is not known");
	if (cdc_sql_at_word(&p->c, "order"))
	{
		/* columns' names with commas between them, up to the end */
		while (!cdc_sql_at_end(&p->c))
			cdc_sql_advance(&p->c);
	}
	else
		cdc_sql_take_word(&p->c, "partition");
	return read_options(a);
}

bool
cdc_ddl_alter_table(CdcDdlParser *p, CdcDdlEffect *effect)
{
	CdcAlter		a = {.p = p,.old = effect->old_def};
	CdcTableDef *def;

	a.last = &a.first;
	if (!cdc_sql_at_end(&p->c))
	{
		do
		{
			if (!read_action(&a, effect))
				return false;
			while (cdc_sql_at_word(&p->c, "rename") || cdc_sql_at_word(&p->c, "partition") ||
				   cdc_sql_at_word(&p->c, "remove"))
			{
				if (!read_action(&a, effect))
					return false;
			}
		} while (cdc_sql_take_symbol(&p->c, ','));
	}
	if (!cdc_sql_at_end(&p->c) && !cdc_sql_at_symbol(&p->c, ';'))
		return cdc_ddl_give_up(p, "ALTER TABLE has an unknown clause");
	if (!cdc_ddl_alter_apply(&a, effect->database) || !cdc_ddl_finish_table(p, &a.m))
		return false;
	def = cdc_ddl_alloc(p, sizeof(*def));
	if (def == NULL)
		return false;
	*def = a.m.def;
	effect->new_def = def;
	effect->change = a.change;
	/* whether it copies the rows, in which case it stores them anew, depends on the server */
	effect->change.cuts_dates = (p->context->sql_mode & CDC_SQL_NO_ZERO_IN_DATE) != 0 &&
		(p->context->sql_mode & CDC_SQL_STRICT) == 0;
	if (p->ignore)
		effect->change.rows = "ALTER IGNORE leaves out rows that are in the way of a key";
	effect->touches_columns = a.first != NULL || a.convert || a.m.nkey > 0 || a.m.drops_key;
	return true;
}
