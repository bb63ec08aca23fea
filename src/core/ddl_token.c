/*-------------------------------------------------------------------------
 *
 * ddl_token.c
 *	  The small things of DDL: names, literals, character sets.
 *
 *-------------------------------------------------------------------------
 */
#include "core/ddl_internal.h"

#include "core/name_case.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool
cdc_ddl_give_up(CdcDdlParser *p, const char *why)
{
	if (p->why == NULL)
		p->why = why;
	return false;
}

static void
no_memory(CdcDdlParser *p)
{
	p->no_memory = true;
	cdc_ddl_give_up(p, "out of memory");
}

void *
cdc_ddl_alloc(CdcDdlParser *p, size_t size)
{
	void	   *result = cdc_arena_zalloc(p->arena, size > 0 ? size : 1);

	if (result == NULL)
		no_memory(p);
	return result;
}

char *
cdc_ddl_copy(CdcDdlParser *p, const char *s, size_t len)
{
	char	   *result = cdc_arena_strndup(p->arena, s, len);

	if (result == NULL)
		no_memory(p);
	return result;
}

char *
cdc_ddl_printf(CdcDdlParser *p, const char *fmt,...)
{
	va_list		args;
	char	   *result;
	int			len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	result = cdc_ddl_alloc(p, (size_t) len + 1);
	if (result == NULL)
		return NULL;
	va_start(args, fmt);
	vsnprintf(result, (size_t) len + 1, fmt, args);
	va_end(args);
	return result;
}

static bool
name_of(CdcDdlParser *p, const CdcSqlToken *token, const char **name)
{
	char		buf[CDC_DDL_NAME_SIZE];

	if (!cdc_sql_identifier(token, buf, sizeof(buf)) || buf[0] == '\0')
		return cdc_ddl_give_up(p, "a name is empty or too long");
	return (*name = cdc_ddl_copy(p, buf, strlen(buf))) != NULL;
}

bool
cdc_ddl_name(CdcDdlParser *p, const char **name)
{
	if (!cdc_sql_is_identifier(&p->c.token))
		return cdc_ddl_give_up(p, "a name is missing");
	if (!name_of(p, &p->c.token, name))
		return false;
	cdc_sql_advance(&p->c);
	return true;
}

const char *
cdc_ddl_folded(CdcDdlParser *p, const char *name)
{
	char	   *copy;

	if (!p->context->server->lower_case_names || name == NULL)
		return name;
	copy = cdc_ddl_copy(p, name, strlen(name));
	if (copy != NULL)
		cdc_name_to_lower(copy);
	return copy;
}

bool
cdc_ddl_table_name(CdcDdlParser *p, const char **database, const char **table)
{
	CdcSqlToken db;
	CdcSqlToken name;
	bool		ok;

	if (!cdc_sql_take_name(&p->c, &db, &name))
		return cdc_ddl_give_up(p, "the name of a table is missing");
	if (db.kind == CDC_SQL_END)
	{
		CdcString	dflt = p->context->database;

		ok = (*database = cdc_ddl_copy(p, dflt.len > 0 ? dflt.data : "", dflt.len)) != NULL;
	}
	else
		ok = name_of(p, &db, database);
	if (!ok || !name_of(p, &name, table))
		return false;
	*database = cdc_ddl_folded(p, *database);
	*table = cdc_ddl_folded(p, *table);
	return p->why == NULL;
}

bool
cdc_ddl_at_string(const CdcDdlParser *p)
{
	return p->c.token.kind == CDC_SQL_STRING ||
		(p->c.token.kind == CDC_SQL_DOUBLE && (p->context->sql_mode & CDC_SQL_ANSI_QUOTES) == 0);
}

/* Copies a string token's content; returns the end of the copy. */
static char *
unquote(const CdcDdlParser *p, const CdcSqlToken *token, char *out)
{
	const char *s = token->text;
	const char *end = s + token->len;
	char		quote = *s++;
	bool		backslash = (p->context->sql_mode & CDC_SQL_NO_BACKSLASH_ESCAPES) == 0;

	if (end > s && end[-1] == quote)
		end--;
	while (s < end)
	{
		char		c = *s++;

		if (c == quote && s < end)
			s++;				/* doubled */
		else if (c == '\\' && backslash && s < end)
		{
			c = *s++;
			switch (c)
			{
				case '0':
					c = '\0';
					break;
				case 'b':
					c = '\b';
					break;
				case 'n':
					c = '\n';
					break;
				case 'r':
					c = '\r';
					break;
				case 't':
					c = '\t';
					break;
				case 'Z':
					c = '\032';
					break;
				case '%':
				case '_':
					*out++ = '\\';
					break;
				default:
					break;
			}
		}
		*out++ = c;
	}
	return out;
}

bool
cdc_ddl_string(CdcDdlParser *p, CdcString *value)
{
	CdcSqlCursor ahead = p->c;
	size_t		room = 0;
	char	   *out;

	/* N'text'; other introducers would have to be converted */
	if (cdc_sql_take_word(&ahead, "n") && ahead.token.kind == CDC_SQL_STRING &&
		ahead.token.text == p->c.token.text + 1)
		p->c = ahead;
	if (!cdc_ddl_at_string(p))
		return cdc_ddl_give_up(p, "a string literal is missing or has a character set of its own");
	for (ahead = p->c; ahead.token.kind == p->c.token.kind; cdc_sql_advance(&ahead))
		room += ahead.token.len;
	value->data = out = cdc_ddl_alloc(p, room + 1);
	if (out == NULL)
		return false;
	while (cdc_ddl_at_string(p) && (size_t) (out - value->data) + p->c.token.len <= room)
	{
		out = unquote(p, &p->c.token, out);
		cdc_sql_advance(&p->c);
	}
	value->len = (size_t) (out - value->data);
	return true;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
cdc_ddl_number(CdcDdlParser *p, const char **text)
{
	const char *start = p->c.token.text;
	const char *end = start;
	bool		digits = false;
	char	   *copy;

	while (!cdc_sql_at_end(&p->c) && p->c.token.text == end)
	{
		const CdcSqlToken *t = &p->c.token;
		bool		sign = cdc_sql_is_symbol(t, '-') || cdc_sql_is_symbol(t, '+');

		if (sign && end != start && end[-1] != 'e' && end[-1] != 'E')
			break;
		if (t->kind == CDC_SQL_WORD)
			digits = digits || is_digit(t->text[0]);
		else if (!sign && !cdc_sql_is_symbol(t, '.'))
			break;
		end = t->text + t->len;
		cdc_sql_advance(&p->c);

		/* "- 5" */
		if (sign && end == start + 1 && p->c.token.kind == CDC_SQL_WORD &&
			is_digit(p->c.token.text[0]) && p->c.token.text != end)
		{
			copy = cdc_ddl_printf(p, "%c%.*s", *start, (int) p->c.token.len, p->c.token.text);
			cdc_sql_advance(&p->c);
			return (*text = copy) != NULL;
		}
	}
	if (!digits)
		return cdc_ddl_give_up(p, "a number is missing");
	return (*text = cdc_ddl_copy(p, start, (size_t) (end - start))) != NULL;
}

bool
cdc_ddl_uint(CdcDdlParser *p, uint32_t *value)
{
	const CdcSqlToken *t = &p->c.token;
	uint64_t	v = 0;

	if (t->kind != CDC_SQL_WORD)
		return cdc_ddl_give_up(p, "a number is missing");
	for (size_t i = 0; i < t->len; i++)
	{
		if (!is_digit(t->text[i]))
			return cdc_ddl_give_up(p, "a number is not one");
		v = v * 10 + (unsigned) (t->text[i] - '0');
		if (v > UINT32_MAX)
			return cdc_ddl_give_up(p, "a number is too large");
	}
	*value = (uint32_t) v;
	cdc_sql_advance(&p->c);
	return true;
}

char *
cdc_ddl_text_since(CdcDdlParser *p, const char *start)
{
	CdcString	text = {start, (size_t) (p->c.token.text - start)};
	CdcSqlCursor c;
	size_t		len = 0;

	/* up to the last token: no comment behind it */
	for (cdc_sql_start(&c, text, p->context->sql_mode); !cdc_sql_at_end(&c); cdc_sql_advance(&c))
		len = (size_t) (c.token.text + c.token.len - start);
	return cdc_ddl_copy(p, start, len);
}

bool
cdc_ddl_expression(CdcDdlParser *p, const char **text)
{
	const char *start;
	char	   *copy;
	size_t		len;

	if (!cdc_sql_at_symbol(&p->c, '('))
		return cdc_ddl_give_up(p, "an expression is missing");
	start = p->c.token.text + 1;
	cdc_sql_skip_parentheses(&p->c);
	*text = copy = cdc_ddl_text_since(p, start);
	if (copy == NULL)
		return false;
	len = strlen(copy);
	if (len == 0 || copy[len - 1] != ')')
		return cdc_ddl_give_up(p, "an expression does not end");
	copy[len - 1] = '\0';
	return true;
}

void
cdc_ddl_skip_equals(CdcDdlParser *p)
{
	(void) cdc_sql_take_symbol(&p->c, '=');
}

/* The name of a character set or collation: an identifier or a string. */
static bool
charset_name(CdcDdlParser *p, const char **name)
{
	CdcString	s;

	if (!cdc_ddl_at_string(p))
		return cdc_ddl_name(p, name);
	if (!cdc_ddl_string(p, &s))
		return false;
	return (*name = cdc_ddl_copy(p, s.data, s.len)) != NULL;
}

bool
cdc_ddl_charset_clause(CdcDdlParser *p, CdcDdlCharset *charset, bool *taken)
{
	CdcSqlCursor ahead = p->c;
	bool		is_collate;
	const char *name;

	*taken = false;
	(void) cdc_sql_take_word(&ahead, "default");
	is_collate = cdc_sql_take_word(&ahead, "collate");
	if (!is_collate && !cdc_sql_take_word(&ahead, "charset") &&
		!cdc_sql_take_words(&ahead, "character", "set") && !cdc_sql_take_words(&ahead, "char", "set"))
		return true;
	*taken = true;
	p->c = ahead;
	cdc_ddl_skip_equals(p);
	if (!is_collate && cdc_sql_take_word(&p->c, "default"))
	{
		charset->given = charset->is_default = true;
		charset->charset = charset->collation = NULL;
		return true;
	}
	if (!charset_name(p, &name))
		return false;
	charset->given = true;
	if (is_collate)
		charset->collation = strcasecmp(name, "default") == 0 ? NULL : name;
	else
		charset->charset = name;
	return true;
}

bool
cdc_ddl_table_option(CdcDdlParser *p, CdcDdlCharset *charset, bool *is_charset)
{
	if (!cdc_ddl_charset_clause(p, charset, is_charset))
		return false;
	if (*is_charset)
		return true;
	if (cdc_sql_at_symbol(&p->c, '('))
		cdc_sql_skip_parentheses(&p->c);
	else
		cdc_sql_advance(&p->c);
	return true;
}

/* The session's default for a character set, where it is not the compiled one. */
static const CdcCollation *
session_default(const CdcDdlParser *p, const CdcCollation *compiled)
{
	const CdcSqlSession *session = p->context->session;
	const CdcCollations *all = &p->context->server->collations;
	const CdcCollation *result = NULL;

	if (session == NULL)
		return compiled;
	if (session->utf8mb4_collation != 0 && strcmp(compiled->charset, "utf8mb4") == 0)
		result = cdc_collation_by_id(all, session->utf8mb4_collation);
	for (size_t i = 0; i + 4 <= session->charset_collations.len; i += 4)
	{
		const uint8_t *pair = (const uint8_t *) session->charset_collations.data + i;
		const CdcCollation *of = cdc_collation_by_id(all, (uint32_t) (pair[0] | pair[1] << 8));

		if (of != NULL && strcmp(of->charset, compiled->charset) == 0)
			result = cdc_collation_by_id(all, (uint32_t) (pair[2] | pair[3] << 8));
	}
	return result != NULL ? result : compiled;
}

bool
cdc_ddl_resolve(CdcDdlParser *p, const char *charset, const char *collation,
				const char *inherited, const CdcCollation **result)
{
	const CdcCollations *all = &p->context->server->collations;
	const CdcCollation *base = NULL;

	if (charset != NULL)
		base = cdc_collation_default(all, charset);
	else if (inherited != NULL)
		base = cdc_collation_by_name(all, inherited, NULL);
	if (base == NULL && (charset != NULL || collation == NULL))
		return cdc_ddl_give_up(p, charset != NULL ? "the source does not know a character set" :
							   "the default character set is not known");
	if (collation != NULL)
		*result = cdc_collation_by_name(all, collation, base != NULL ? base->charset : NULL);
	else
		*result = charset != NULL ? session_default(p, base) : base;
	if (*result == NULL)
		return cdc_ddl_give_up(p, "the source does not know a collation");
	return true;
}

bool
cdc_ddl_database_collation(CdcDdlParser *p, const char *database, const CdcCollation **result)
{
	const char *name = p->context->database_collation(p->context->arg, database);

	*result = name != NULL ? cdc_collation_by_name(&p->context->server->collations, name, NULL) : NULL;
	if (*result == NULL)
		return cdc_ddl_give_up(p, "the database's default character set is not known");
	return true;
}
