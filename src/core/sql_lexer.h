/*-------------------------------------------------------------------------
 *
 * sql_lexer.h
 *	  Splits an SQL statement of MySQL or MariaDB into tokens.
 *
 * Comments are skipped; version comments are entered, so that what they hold
 * counts: a server writes a version comment to its binary log only where it executed
 * the inside, and blanks the '!' otherwise (sql/sql_lex.cc of both).
 *
 * The lexer allocates nothing and takes any bytes: what is not closed ends
 * with the statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_SQL_LEXER_H
#define CDC_CORE_SQL_LEXER_H

#include "value.h"

/* Bits of sql_mode, the same in Query events of MySQL and MariaDB. */
#define CDC_SQL_ANSI_QUOTES				UINT64_C(0x4)
#define CDC_SQL_NO_BACKSLASH_ESCAPES	UINT64_C(0x100000)
#define CDC_SQL_STRICT					UINT64_C(0x600000)	/* STRICT_TRANS_TABLES, STRICT_ALL_TABLES */
#define CDC_SQL_NO_ZERO_IN_DATE			UINT64_C(0x800000)

typedef enum CdcSqlTokenKind
{
	CDC_SQL_END,
	CDC_SQL_WORD,				/* keyword, unquoted identifier or number */
	CDC_SQL_BACKTICK,			/* `identifier` */
	CDC_SQL_DOUBLE,				/* "identifier" or "string", as sql_mode says */
	CDC_SQL_STRING,				/* 'string' */
	CDC_SQL_SYMBOL				/* any other single character */
} CdcSqlTokenKind;

typedef struct CdcSqlToken
{
	CdcSqlTokenKind kind;
	const char *text;			/* in the statement, quotes included */
	size_t		len;
} CdcSqlToken;

typedef struct CdcSqlLexer
{
	const char *p;
	const char *end;
	uint64_t	sql_mode;
	int			version_comments;	/* how many are open */
	bool		mysql;			/* MariaDB's own version comments are comments */
} CdcSqlLexer;

/*
 * sql stays owned by the caller; sql_mode: 0 when unknown.  For statements of
 * MySQL, which knows no M! comments, set lexer->mysql then.
 */
extern void cdc_sql_lexer_init(CdcSqlLexer *lexer, CdcString sql, uint64_t sql_mode);

/* Reads the next token; CDC_SQL_END for ever at the end. */
extern void cdc_sql_lexer_next(CdcSqlLexer *lexer, CdcSqlToken *token);

/* Whether the token is this keyword (given in lower case). */
extern bool cdc_sql_is_word(const CdcSqlToken *token, const char *word);
extern bool cdc_sql_is_symbol(const CdcSqlToken *token, char symbol);

/* Whether the token can stand where an identifier is expected. */
extern bool cdc_sql_is_identifier(const CdcSqlToken *token);

/*
 * Copies an identifier without its quotes, NUL-terminated.  false where it
 * needs more than size bytes or holds a NUL.  A character outside of the Basic
 * Multilingual Plane becomes '?', as MySQL stores such a name; MariaDB refuses it.
 */
extern bool cdc_sql_identifier(const CdcSqlToken *token, char *out, size_t size);

#endif							/* CDC_CORE_SQL_LEXER_H */
