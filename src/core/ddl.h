/*-------------------------------------------------------------------------
 *
 * ddl.h
 *	  Which tables a DDL statement concerns.
 *
 * This part classifies the statement and lists the names of the tables that it
 * creates, changes or drops; ddl_apply.h says what it does to them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DDL_H
#define CDC_CORE_DDL_H

#include "sql_lexer.h"

typedef enum CdcDdlKind
{
	CDC_DDL_OTHER,				/* concerns no table: views, users, temporary tables, ... */
	CDC_DDL_TABLE_CREATE,
	CDC_DDL_TABLE_ALTER,		/* also CREATE and DROP INDEX */
	CDC_DDL_TABLE_DROP,
	CDC_DDL_TABLE_RENAME,
	CDC_DDL_TABLE_TRUNCATE,
	CDC_DDL_DATABASE_CREATE,
	CDC_DDL_DATABASE_ALTER,
	CDC_DDL_DATABASE_DROP
} CdcDdlKind;

/* 64 characters of up to 4 bytes each, and a NUL */
#define CDC_DDL_NAME_SIZE	257
#define CDC_DDL_MAX_TABLES	64

typedef struct CdcDdlTable
{
	char		database[CDC_DDL_NAME_SIZE];
	char		table[CDC_DDL_NAME_SIZE];	/* "" in statements about databases */
} CdcDdlTable;

typedef struct CdcDdl
{
	CdcDdlKind	kind;
	bool		temporary;		/* CREATE or DROP TEMPORARY TABLE, where kind is CDC_DDL_OTHER and
								 * tables are listed all the same; or made so by who knows more:
								 * about temporary tables, which are not captured */
	bool		drops_temporary;	/* DROP of these */
	bool		unsure;			/* made so by who knows more: the first table may be a temporary one, or not */

	/*
	 * ALTER TABLE removes, replaces or brings in rows that no row event tells
	 * of: DROP, TRUNCATE, EXCHANGE and CONVERT PARTITION, IMPORT and DISCARD
	 * TABLESPACE.
	 */
	bool		moves_rows;

	/* CREATE TABLE ... SELECT whose rows come in no row event */
	bool		has_select;

	/*
	 * There were more names than fit: any table of the source may be
	 * concerned.
	 */
	bool		truncated;

	/*
	 * In the statement's order; only those up to ntables are set.  RENAME has
	 * pairs: old name, new name.  Who knows that the old one is a temporary table
	 * makes its name empty: ddl_apply.h leaves the pair out.  ALTER TABLE ... RENAME and EXCHANGE
	 * PARTITION have the other table behind the altered one.
	 */
	int			ntables;
	CdcDdlTable tables[CDC_DDL_MAX_TABLES];
} CdcDdl;

/*
 * Any bytes may be given: a statement that is not understood is CDC_DDL_OTHER.
 * default_database may be empty; names without a database get it.
 * sql_mode: the session's, or 0 when unknown (see CdcChange).
 */
extern void cdc_ddl_parse(CdcString sql, CdcString default_database, uint64_t sql_mode,
						  CdcDdl *ddl);

/* What a server with lower_case_table_names = 1 takes the names for. */
extern void cdc_ddl_fold_names(CdcDdl *ddl);

/*
 * Whether the statement of a Query event changes rows by itself, in statement
 * format: INSERT, UPDATE, DELETE, REPLACE, LOAD DATA, CREATE TABLE ... SELECT, that of a
 * temporary table where a function may be called, and a SELECT or DO, which is only logged
 * for a function that changes data.
 */
extern bool cdc_ddl_is_dml(CdcString sql, uint64_t sql_mode);

#endif							/* CDC_CORE_DDL_H */
