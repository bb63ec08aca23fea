/*-------------------------------------------------------------------------
 *
 * ddl_alter_apply.h
 *	  What an ALTER TABLE says, and what it makes of a definition.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DDL_ALTER_APPLY_H
#define CDC_CORE_DDL_ALTER_APPLY_H

#include "ddl_internal.h"

typedef enum CdcAlterKind
{
	CDC_ALTER_ADD,
	CDC_ALTER_CHANGE,			/* also MODIFY */
	CDC_ALTER_DROP,
	CDC_ALTER_RENAME,
	CDC_ALTER_DEFAULT,			/* ALTER COLUMN SET, DROP DEFAULT */
	CDC_ALTER_VISIBLE,
	CDC_ALTER_INVISIBLE
} CdcAlterKind;

typedef struct CdcAlterAction
{
	struct CdcAlterAction *next;
	CdcAlterKind kind;
	const char *name;			/* the column before the statement */
	CdcDdlColumn column;		/* ADD, CHANGE; its name alone: RENAME */
	CdcDdlDefault deflt;
} CdcAlterAction;

typedef struct CdcAlter
{
	CdcDdlParser *p;
	CdcDdlTableMaker m;
	const CdcTableDef *old;
	CdcAlterAction *first;
	CdcAlterAction **last;
	bool		convert;		/* CONVERT TO CHARACTER SET */
	bool		others;			/* clauses beside it */
	CdcDdlCharset charset;
	CdcTableChange change;		/* what the clauses say of columns and rows */
} CdcAlter;

/* Makes the new definition in alter->m.def, but for its new key. */
extern bool cdc_ddl_alter_apply(CdcAlter *alter, const char *database);

#endif							/* CDC_CORE_DDL_ALTER_APPLY_H */
