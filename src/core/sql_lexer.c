/*-------------------------------------------------------------------------
 *
 * sql_lexer.c
 *	  Tokens of SQL as MySQL and MariaDB write it; see sql_lexer.h.
 *
 *-------------------------------------------------------------------------
 */
#include "core/sql_lexer.h"

#include <string.h>

void
cdc_sql_lexer_init(CdcSqlLexer *lexer, CdcString sql, uint64_t sql_mode)
{
	lexer->p = sql.data;
	lexer->end = sql.len > 0 ? sql.data + sql.len : sql.data;
	lexer->sql_mode = sql_mode;
	lexer->version_comments = 0;
	lexer->mysql = false;
}

/* The byte n places ahead, or NUL behind the end. */
static char
peek(const CdcSqlLexer *lexer, size_t n)
{
	return (size_t) (lexer->end - lexer->p) > n ? lexer->p[n] : '\0';
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' ||
		(unsigned char) c >= 0x80;
}

/* Moves behind the next text (2 bytes), or to the end. */
static void
skip_behind(CdcSqlLexer *lexer, const char *text)
{
	while (lexer->p < lexer->end && !(peek(lexer, 0) == text[0] && peek(lexer, 1) == text[1]))
		lexer->p++;
	lexer->p += lexer->end - lexer->p < 2 ? lexer->end - lexer->p : 2;
}

/* Enters a version comment: its opening and up to six digits. */
static void
enter_version_comment(CdcSqlLexer *lexer)
{
	lexer->p += peek(lexer, 2) == '!' ? 3 : 4;
	for (int i = 0; i < 6 && peek(lexer, 0) >= '0' && peek(lexer, 0) <= '9'; i++)
		lexer->p++;
	lexer->version_comments++;
}

/* Skips white space and comments. */
static void
skip_blank(CdcSqlLexer *lexer)
{
	while (lexer->p < lexer->end)
	{
		char		c = peek(lexer, 0);
		char		next = peek(lexer, 1);

		if (is_space(c))
			lexer->p++;
		else if (c == '#' || (c == '-' && next == '-' && is_space(peek(lexer, 2))))
		{
			while (lexer->p < lexer->end && *lexer->p != '\n')
				lexer->p++;
		}
		else if (c == '/' && next == '*' &&
				 (peek(lexer, 2) == '!' || (peek(lexer, 2) == 'M' && peek(lexer, 3) == '!' && !lexer->mysql)))
			enter_version_comment(lexer);
		else if (c == '/' && next == '*')
		{
			lexer->p += 2;
			skip_behind(lexer, "*/");
		}
		else if (c == '*' && next == '/' && lexer->version_comments > 0)
		{
			lexer->p += 2;
			lexer->version_comments--;
		}
		else
			return;
	}
}

/* Moves from an opening quote to behind the closing one. */
static void
skip_quoted(CdcSqlLexer *lexer, char quote, bool backslash)
{
	lexer->p++;
	while (lexer->p < lexer->end)
	{
		char		c = *lexer->p++;

		if (c == '\\' && backslash && lexer->p < lexer->end)
			lexer->p++;
		else if (c == quote)
		{
			if (peek(lexer, 0) != quote)
				return;
			lexer->p++;			/* doubled: stands for itself */
		}
	}
}

void
cdc_sql_lexer_next(CdcSqlLexer *lexer, CdcSqlToken *token)
{
	bool		backslash = (lexer->sql_mode & CDC_SQL_NO_BACKSLASH_ESCAPES) == 0;
	char		c;

	skip_blank(lexer);
	token->text = lexer->p;
	c = peek(lexer, 0);
	if (lexer->p == lexer->end)
		token->kind = CDC_SQL_END;
	else if (c == '`')
	{
		token->kind = CDC_SQL_BACKTICK;
		skip_quoted(lexer, c, false);
	}
	else if (c == '\'')
	{
		token->kind = CDC_SQL_STRING;
		skip_quoted(lexer, c, backslash);
	}
	else if (c == '"')
	{
		token->kind = CDC_SQL_DOUBLE;
		skip_quoted(lexer, c,
					backslash && (lexer->sql_mode & CDC_SQL_ANSI_QUOTES) == 0);
	}
	else if (is_word_char(c))
	{
		token->kind = CDC_SQL_WORD;
		while (lexer->p < lexer->end && is_word_char(*lexer->p))
			lexer->p++;
	}
	else
	{
		token->kind = CDC_SQL_SYMBOL;
		lexer->p++;
	}
	token->len = (size_t) (lexer->p - token->text);
}

bool
cdc_sql_is_word(const CdcSqlToken *token, const char *word)
{
	if (token->kind != CDC_SQL_WORD || token->len != strlen(word))
		return false;
	for (size_t i = 0; i < token->len; i++)
	{
		char		c = token->text[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (c != word[i])
			return false;
	}
	return true;
}

bool
cdc_sql_is_symbol(const CdcSqlToken *token, char symbol)
{
	return token->kind == CDC_SQL_SYMBOL && token->text[0] == symbol;
}

bool
cdc_sql_is_identifier(const CdcSqlToken *token)
{
	return token->kind == CDC_SQL_WORD || token->kind == CDC_SQL_BACKTICK ||
		token->kind == CDC_SQL_DOUBLE;
}

/* Whether a character of four bytes of UTF-8 stands there. */
static bool
outside_bmp(const char *p, const char *end)
{
	return ((unsigned char) p[0] & 0xF8) == 0xF0 && end - p >= 4;
}

bool
cdc_sql_identifier(const CdcSqlToken *token, char *out, size_t size)
{
	const char *p = token->text;
	const char *end = p + token->len;
	char		quote = '\0';
	size_t		n = 0;

	if (token->kind != CDC_SQL_WORD && p < end)
	{
		quote = *p++;
		if (p < end && end[-1] == quote)
			end--;
	}
	while (p < end)
	{
		size_t		len = outside_bmp(p, end) ? 4 : *p == quote ? 2 : 1;

		if (*p == '\0' || n + 1 >= size)
			return false;
		out[n++] = len == 4 ? '?' : *p;
		p += len;
	}
	if (size == 0)
		return false;
	out[n] = '\0';
	return true;
}
