/*-------------------------------------------------------------------------
 *
 * ddl_create.c
 *	  CREATE TABLE: columns, keys, the table's default character set.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include <string.h>
#include <strings.h>

/* The column list of PRIMARY KEY. */
static bool
read_key_columns(CdcDdlParser *p, CdcDdlTableMaker *m)
{
	if (!cdc_sql_take_symbol(&p->c, '('))
		return cdc_ddl_give_up(p, "a key has no columns");
	do
	{
		const char *name;

		if (!cdc_ddl_name(p, &name) || !cdc_ddl_set_key(p, m, name))
			return false;
		if (cdc_sql_at_symbol(&p->c, '('))
			cdc_sql_skip_parentheses(&p->c);
		if (!cdc_sql_take_word(&p->c, "asc"))
			(void) cdc_sql_take_word(&p->c, "desc");
		if (cdc_sql_at_word(&p->c, "without"))
			return cdc_ddl_give_up(p, "a key has a period");
	} while (cdc_sql_take_symbol(&p->c, ','));
	return cdc_sql_take_symbol(&p->c, ')') || cdc_ddl_give_up(p, "a key does not end");
}

/* Over the rest of an element of a list, to its comma or closing parenthesis. */
static void
skip_element(CdcDdlParser *p)
{
	while (!cdc_sql_at_end(&p->c) && !cdc_sql_at_symbol(&p->c, ',') &&
		   !cdc_sql_at_symbol(&p->c, ')'))
	{
		if (cdc_sql_at_symbol(&p->c, '('))
			cdc_sql_skip_parentheses(&p->c);
		else
			cdc_sql_advance(&p->c);
	}
}

static bool
read_primary(CdcDdlParser *p, CdcDdlTableMaker *m)
{
	CdcSqlToken database;
	CdcSqlToken name;

	if (!cdc_sql_take_word(&p->c, "key"))
		return cdc_ddl_give_up(p, "PRIMARY lacks KEY");
	(void) cdc_sql_take_if_exists(&p->c);

	/* a name of its own, which nobody keeps, and USING BTREE */
	if (!cdc_sql_at_symbol(&p->c, '(') && !cdc_sql_at_word(&p->c, "using") &&
		!cdc_sql_at_word(&p->c, "type") && !cdc_sql_take_name(&p->c, &database, &name))
		return cdc_ddl_give_up(p, "a key has no columns");
	if (cdc_sql_take_word(&p->c, "using") || cdc_sql_take_word(&p->c, "type"))
		cdc_sql_advance(&p->c);
	if (!read_key_columns(p, m))
		return false;
	skip_element(p);
	return true;
}

/* A table's CHECK: notes the column that it declares JSON. */
static bool
read_table_check(CdcDdlParser *p, CdcDdlTableMaker *m)
{
	CdcSqlCursor ahead = p->c;
	CdcSqlToken name;
	char		buf[CDC_DDL_NAME_SIZE];

	if (cdc_sql_take_symbol(&ahead, '(') && cdc_sql_take_word(&ahead, "json_valid") &&
		cdc_sql_take_symbol(&ahead, '('))
	{
		name = ahead.token;
		cdc_sql_advance(&ahead);
		if (cdc_sql_is_identifier(&name) && cdc_sql_take_symbol(&ahead, ')') &&
			cdc_sql_at_symbol(&ahead, ')') && cdc_sql_identifier(&name, buf, sizeof(buf)))
		{
			const char *column = cdc_ddl_copy(p, buf, strlen(buf));

			if (column == NULL || !cdc_ddl_set_json_check(p, m, column))
				return false;
		}
	}
	skip_element(p);
	return true;
}

bool
cdc_ddl_constraint(CdcDdlParser *p, CdcDdlTableMaker *m, bool *taken)
{
	CdcSqlCursor ahead = p->c;
	const char *name;

	*taken = true;
	if (cdc_sql_take_word(&p->c, "constraint"))
	{
		(void) cdc_sql_take_if_exists(&p->c);
		if (!cdc_sql_at_word(&p->c, "primary") && !cdc_sql_at_word(&p->c, "unique") &&
			!cdc_sql_at_word(&p->c, "foreign") && !cdc_sql_at_word(&p->c, "check") &&
			!cdc_ddl_name(p, &name))
			return false;
	}
	if (cdc_sql_take_word(&p->c, "primary"))
		return read_primary(p, m);
	if (cdc_sql_take_word(&p->c, "check"))
		return read_table_check(p, m);
	if (cdc_sql_at_word(&p->c, "unique") || cdc_sql_at_word(&p->c, "index") ||
		cdc_sql_at_word(&p->c, "key") || cdc_sql_at_word(&p->c, "fulltext") ||
		cdc_sql_at_word(&p->c, "spatial") || cdc_sql_at_word(&p->c, "foreign"))
	{
		skip_element(p);
		return true;
	}

	/* words that may be a column's name as well */
	if ((cdc_sql_take_word(&ahead, "vector") &&
		 (cdc_sql_at_word(&ahead, "index") || cdc_sql_at_word(&ahead, "key"))) ||
		(cdc_sql_take_word(&ahead, "period") && cdc_sql_at_word(&ahead, "for")))
	{
		skip_element(p);
		return true;
	}
	*taken = false;
	return true;
}

/* Columns are read first, as the table's character set comes behind them. */
static bool
read_elements(CdcDdlParser *p, CdcDdlTableMaker *m, CdcDdlColumn **columns, int *n)
{
	int			room = 0;

	*columns = NULL;
	*n = 0;
	do
	{
		CdcDdlColumn *col;
		bool		taken;

		if (!cdc_ddl_constraint(p, m, &taken))
			return false;
		if (taken)
			continue;
		if (*n == CDC_DDL_MAX_COLUMNS)
			return cdc_ddl_give_up(p, "a table has too many columns");
		if (*n == room)
		{
			CdcDdlColumn *more;

			room = room == 0 ? 16 : room * 2;
			more = cdc_ddl_alloc(p, sizeof(CdcDdlColumn) * (size_t) room);
			if (more == NULL)
				return false;
			if (*n > 0)
				memcpy(more, *columns, sizeof(CdcDdlColumn) * (size_t) *n);
			*columns = more;
		}
		col = &(*columns)[(*n)++];
		if (!cdc_ddl_name(p, &col->name) || !cdc_ddl_column(p, col))
			return false;
	} while (cdc_sql_take_symbol(&p->c, ','));
	return cdc_sql_take_symbol(&p->c, ')') || cdc_ddl_give_up(p, "a column has an unknown attribute");
}

/* Table options: only the character set matters, partitions end them. */
static bool
read_options(CdcDdlParser *p, CdcDdlCharset *charset)
{
	while (!cdc_sql_at_end(&p->c) && !cdc_sql_at_word(&p->c, "partition"))
	{
		bool		is_charset;

		if (!cdc_ddl_table_option(p, charset, &is_charset))
			return false;
	}
	return true;
}

static bool
set_table_charset(CdcDdlParser *p, CdcTableDef *def, const CdcDdlCharset *given,
				  const char *database)
{
	const CdcCollation *collation = NULL;
	const CdcCollation *dflt;

	if (given->given && !given->is_default)
	{
		if (!cdc_ddl_resolve(p, given->charset, given->collation, NULL, &collation))
		{
			/* a collation without a character set of its own is the database's */
			if (given->charset != NULL || !cdc_ddl_database_collation(p, database, &dflt))
				return false;
			p->why = NULL;
			if (!cdc_ddl_resolve(p, NULL, given->collation, dflt->name, &collation))
				return false;
		}
	}
	else if (!cdc_ddl_database_collation(p, database, &collation))
		return false;
	def->charset = collation->charset;
	def->collation = collation->name;
	return true;
}

/* LIKE other, (LIKE other) */
static bool
create_like(CdcDdlParser *p, CdcDdlEffect *effect)
{
	const char *database;
	const char *table;
	const CdcTableDef *other;

	if (!cdc_ddl_table_name(p, &database, &table))
		return false;
	other = cdc_ddl_lookup(p, database, table);
	if (other == NULL || other->ncolumns == 0)
		return cdc_ddl_give_up(p, "the table that it is to be like is not known");
	effect->new_def = other;
	return true;
}

bool
cdc_ddl_create_table(CdcDdlParser *p, CdcDdlEffect *effect)
{
	CdcSqlCursor ahead = p->c;
	CdcDdlTableMaker m = {0};
	CdcDdlCharset charset = {0};
	CdcDdlColumn *columns;
	CdcTableDef *def;
	int			n;

	if (cdc_sql_take_word(&p->c, "like"))
		return create_like(p, effect);
	if (cdc_sql_take_symbol(&ahead, '(') && cdc_sql_take_word(&ahead, "like"))
	{
		p->c = ahead;
		return create_like(p, effect);
	}
	if (!cdc_sql_take_symbol(&p->c, '('))
		return cdc_ddl_give_up(p, "the statement has no columns");
	if (!read_elements(p, &m, &columns, &n) || !cdc_ddl_maker_room(p, &m, n) ||
		!read_options(p, &charset) || !set_table_charset(p, &m.def, &charset, effect->database))
		return false;
	for (int i = 0; i < n; i++)
	{
		if (!cdc_ddl_finish_column(p, &m, &columns[i], &m.def.columns[i]))
			return false;
		m.def.ncolumns++;
	}
	if (!cdc_ddl_finish_table(p, &m))
		return false;
	if (m.def.ncolumns == 0)
		return cdc_ddl_give_up(p, "the statement has no columns");
	def = cdc_ddl_alloc(p, sizeof(*def));
	if (def == NULL)
		return false;
	*def = m.def;
	effect->new_def = def;
	return true;
}
