/*-------------------------------------------------------------------------
 *
 * sql_cursor.h
 *	  Walks over the tokens of a statement with one token of look-ahead: what
 *	  the parsers of DDL are written with.  A cursor may be copied, to try a
 *	  way and come back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_SQL_CURSOR_H
#define CDC_CORE_SQL_CURSOR_H

#include "sql_lexer.h"

typedef struct CdcSqlCursor
{
	CdcSqlLexer lexer;
	CdcSqlToken token;			/* what comes next */
} CdcSqlCursor;

extern void cdc_sql_start(CdcSqlCursor *c, CdcString sql, uint64_t sql_mode);
extern void cdc_sql_advance(CdcSqlCursor *c);
extern bool cdc_sql_at_end(const CdcSqlCursor *c);

/* Whether the keyword (in lower case), or the symbol, comes next. */
extern bool cdc_sql_at_word(const CdcSqlCursor *c, const char *word);
extern bool cdc_sql_at_symbol(const CdcSqlCursor *c, char symbol);

/* The same, and reads over it if so. */
extern bool cdc_sql_take_word(CdcSqlCursor *c, const char *word);
extern bool cdc_sql_take_symbol(CdcSqlCursor *c, char symbol);

/* Both or none of two words that follow one another. */
extern bool cdc_sql_take_words(CdcSqlCursor *c, const char *first, const char *second);

/* Reads over any of the words (list ends with NULL), in any order. */
extern void cdc_sql_skip_words(CdcSqlCursor *c, const char *const *words);

/* IF EXISTS, IF NOT EXISTS; whether it was there. */
extern bool cdc_sql_take_if_exists(CdcSqlCursor *c);

/* MariaDB: WAIT n, NOWAIT */
extern void cdc_sql_skip_wait(CdcSqlCursor *c);

/*
 * MariaDB's "SET STATEMENT variable = value, ... FOR statement" wraps any other
 * statement: reads up to that.
 */
extern void cdc_sql_skip_set_statement(CdcSqlCursor *c);

/*
 * Reads "[database .] table"; database->kind is CDC_SQL_END where none is
 * named.  false where no name stands.
 */
extern bool cdc_sql_take_name(CdcSqlCursor *c, CdcSqlToken *database, CdcSqlToken *table);

/* From an opening parenthesis to behind the closing one, or to the end. */
extern void cdc_sql_skip_parentheses(CdcSqlCursor *c);

#endif							/* CDC_CORE_SQL_CURSOR_H */
