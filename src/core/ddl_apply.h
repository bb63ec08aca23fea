/*-------------------------------------------------------------------------
 *
 * ddl_apply.h
 *	  What a DDL statement makes of the definitions of tables: the known ones
 *	  go in, the new ones come out in the form in which the server's
 *	  information_schema would give them.
 *
 * The grammar followed is that of the MySQL 5.5 to 9 and MariaDB 5.5 to 12
 * manuals.  What is not understood, and what does not follow from the text
 * (CREATE TABLE ... SELECT), gives an unknown definition with a reason: the
 * caller then reads it from the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DDL_APPLY_H
#define CDC_CORE_DDL_APPLY_H

#include "arena.h"
#include "change.h"
#include "collation.h"
#include "ddl.h"
#include "gtid.h"
#include "table_change.h"
#include "table_def.h"

/* What the meaning of a statement depends on, beside its text and session. */
typedef struct CdcDdlServer
{
	CdcFlavor	flavor;
	unsigned	version;		/* 50624, 90704, 101119 */
	bool		lower_case_names;	/* lower_case_table_names = 1 */
	bool		explicit_timestamp; /* explicit_defaults_for_timestamp */
	CdcCollations collations;
} CdcDdlServer;

typedef struct CdcDdlContext
{
	const CdcDdlServer *server;
	CdcString	database;		/* the session's default one; may be empty */
	uint64_t	sql_mode;
	const CdcSqlSession *session;	/* NULL: nothing is known of it */

	/*
	 * The definition of a table before the statement; NULL when it is not
	 * known, one without columns when the table does not exist.
	 */
	const CdcTableDef *(*table) (void *arg, const char *database, const char *table);

	/* The name of a database's default collation; NULL when it is not known. */
	const char *(*database_collation) (void *arg, const char *database);
	void	   *arg;
} CdcDdlContext;

/* What a statement does to one table, or to one database. */
typedef struct CdcDdlEffect
{
	CdcDdlKind	kind;
	const char *database;
	const char *table;			/* "" where kind is about a database */
	const char *new_database;	/* renamed to this; else the same as above */
	const char *new_table;
	const CdcTableDef *old_def; /* NULL: not known */
	const CdcTableDef *new_def; /* NULL: not known, see why; without columns: gone */
	const char *why;			/* why new_def is not known; else NULL */
	CdcTableChange change;		/* of the table's columns and rows */

	/*
	 * Some default or expression in new_def is as the statement has it, and
	 * not as the server would print it.
	 */
	bool		approximate;
	bool		touches_columns;	/* ALTER TABLE: not only options, indexes and the like */
	bool		no_change;		/* IF [NOT] EXISTS, and it does (not) */
	bool		if_not_exists;	/* CREATE TABLE IF NOT EXISTS */
	const char *charset;		/* databases: the new default, or NULL */
	const char *collation;
} CdcDdlEffect;

typedef struct CdcDdlEffects
{
	int			n;
	CdcDdlEffect *list;			/* in the order in which they happen */
} CdcDdlEffects;

/*
 * Applies a statement that cdc_ddl_parse() says is about tables or databases.
 * All that comes out is in the arena, but for what old_def points to.  Errors:
 * out of memory (or of what the arena may hold) only.
 */
extern CdcStatus cdc_ddl_apply(CdcArena *arena, CdcString sql, const CdcDdlContext *context,
							   const CdcDdl *ddl, CdcDdlEffects *effects, CdcError *err);

#endif							/* CDC_CORE_DDL_APPLY_H */
