/*-------------------------------------------------------------------------
 *
 * dml.h
 *	  Which tables a statement changes that is in the binlog as text, and what it calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DML_H
#define CDC_CORE_DML_H

#include "sql_lexer.h"

typedef enum CdcDmlKind
{
	CDC_DML_TABLE,				/* a table or view, which the statement changes or may change */
	CDC_DML_FUNCTION,			/* called without its database: a stored function, or one of the server */
	CDC_DML_STORED_FUNCTION,	/* called with its database */
	CDC_DML_PROCEDURE
} CdcDmlKind;

/* database may be empty: the name has none, and there is no default one. */
typedef void (*CdcDmlVisit) (CdcDmlKind kind, const char *database, const char *name, void *arg);

/*
 * Visits the names.  true: the tables among them are those that the statement changes by
 * itself, and no others.  false: they are all names in the part of the statement that has
 * those of its tables, and names of columns and aliases among them.  Triggers of the tables,
 * and what is called, may change others.  Any bytes may be given.
 */
extern bool cdc_dml_tables(CdcString sql, CdcString default_database, uint64_t sql_mode,
						   CdcDmlVisit visit, void *arg);

/* The same of all statements in the body of a trigger, function or procedure. */
extern void cdc_dml_body(CdcString body, CdcString default_database, uint64_t sql_mode,
						 CdcDmlVisit visit, void *arg);

/* The tables that a view reads, and so what a change of its rows may change, and what it calls. */
extern void cdc_dml_view(CdcString query, CdcString default_database, CdcDmlVisit visit, void *arg);

#endif							/* CDC_CORE_DML_H */
