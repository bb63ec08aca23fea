/*-------------------------------------------------------------------------
 *
 * sql_cursor.c
 *	  Walks over the tokens of a statement; see sql_cursor.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/sql_cursor.h"

void
cdc_sql_advance(CdcSqlCursor *c)
{
	cdc_sql_lexer_next(&c->lexer, &c->token);
}

void
cdc_sql_start(CdcSqlCursor *c, CdcString sql, uint64_t sql_mode)
{
	cdc_sql_lexer_init(&c->lexer, sql, sql_mode);
	cdc_sql_advance(c);
}

bool
cdc_sql_at_end(const CdcSqlCursor *c)
{
	return c->token.kind == CDC_SQL_END;
}

bool
cdc_sql_at_word(const CdcSqlCursor *c, const char *word)
{
	return cdc_sql_is_word(&c->token, word);
}

bool
cdc_sql_at_symbol(const CdcSqlCursor *c, char symbol)
{
	return cdc_sql_is_symbol(&c->token, symbol);
}

bool
cdc_sql_take_word(CdcSqlCursor *c, const char *word)
{
	if (!cdc_sql_at_word(c, word))
		return false;
	cdc_sql_advance(c);
	return true;
}

bool
cdc_sql_take_symbol(CdcSqlCursor *c, char symbol)
{
	if (!cdc_sql_at_symbol(c, symbol))
		return false;
	cdc_sql_advance(c);
	return true;
}

bool
cdc_sql_take_words(CdcSqlCursor *c, const char *first, const char *second)
{
	CdcSqlCursor ahead = *c;

	if (!cdc_sql_take_word(&ahead, first) || !cdc_sql_take_word(&ahead, second))
		return false;
	*c = ahead;
	return true;
}

void
cdc_sql_skip_words(CdcSqlCursor *c, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
	{
		if (cdc_sql_take_word(c, words[i]))
			i = -1;
	}
}

bool
cdc_sql_take_if_exists(CdcSqlCursor *c)
{
	if (!cdc_sql_take_word(c, "if"))
		return false;
	cdc_sql_take_word(c, "not");
	return cdc_sql_take_word(c, "exists");
}

void
cdc_sql_skip_wait(CdcSqlCursor *c)
{
	if (cdc_sql_take_word(c, "wait"))
		cdc_sql_advance(c);
	else
		cdc_sql_take_word(c, "nowait");
}

void
cdc_sql_skip_set_statement(CdcSqlCursor *c)
{
	CdcSqlCursor ahead = *c;

	while (cdc_sql_take_words(&ahead, "set", "statement"))
	{
		while (!cdc_sql_at_end(&ahead) && !cdc_sql_at_word(&ahead, "for"))
			cdc_sql_advance(&ahead);
		if (!cdc_sql_take_word(&ahead, "for"))
			return;
		*c = ahead;
	}
}

bool
cdc_sql_take_name(CdcSqlCursor *c, CdcSqlToken *database, CdcSqlToken *table)
{
	database->kind = CDC_SQL_END;

	/* ".t" is old syntax for a table of the default database */
	(void) cdc_sql_take_symbol(c, '.');
	*table = c->token;
	if (!cdc_sql_is_identifier(table))
		return false;
	cdc_sql_advance(c);
	if (!cdc_sql_take_symbol(c, '.'))
		return true;
	*database = *table;
	*table = c->token;
	if (!cdc_sql_is_identifier(table))
		return false;
	cdc_sql_advance(c);
	return true;
}

void
cdc_sql_skip_parentheses(CdcSqlCursor *c)
{
	int			depth = 0;

	for (; !cdc_sql_at_end(c); cdc_sql_advance(c))
	{
		if (cdc_sql_at_symbol(c, '('))
			depth++;
		else if (cdc_sql_at_symbol(c, ')') && --depth <= 0)
		{
			cdc_sql_advance(c);
			return;
		}
	}
}
