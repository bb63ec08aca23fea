/*-------------------------------------------------------------------------
 *
 * table_def.h
 *	  The definition of a source table as the source's information_schema
 *	  gives it, and as cdc.table_version stores it.
 *
 * What a CdcColumn has beyond follows from the type's text.  Strings are
 * UTF-8; they belong to whoever made the definition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_TABLE_DEF_H
#define CDC_CORE_TABLE_DEF_H

#include "arena.h"

typedef struct CdcColumnDef
{
	const char *name;
	const char *column_type;
	const char *charset;		/* or NULL */
	const char *collation;		/* or NULL */
	const char *extra;
	const char *default_value;	/* or NULL */
	bool		default_unknown;	/* nobody told the default */
	const char *generated;		/* expression, or NULL */
	bool		nullable;
	bool		json_check;		/* json_valid() is checked: MariaDB's JSON */
	int			pk;				/* 0-based place in the primary key, or -1 */
} CdcColumnDef;

typedef struct CdcTableDef
{
	const char *charset;		/* of columns that name none; NULL = not known */
	const char *collation;
	int			ncolumns;		/* 0: there is no such table */
	CdcColumnDef *columns;
} CdcTableDef;

/* The column of that name (in any case of ASCII letters), or -1. */
extern int	cdc_table_def_find(const CdcTableDef *def, const char *name);

/*
 * Whether rows of the two are read the same way: names, types, character
 * sets, key, what is generated.  Left out are texts of expressions and
 * defaults, which only the server prints as it does.
 */
extern bool cdc_table_def_same_rows(const CdcTableDef *a, const CdcTableDef *b);

#endif							/* CDC_CORE_TABLE_DEF_H */
