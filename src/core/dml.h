/*-------------------------------------------------------------------------
 *
 * dml.h
 *	  Which tables a statement changes that is in the binlog as text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DML_H
#define CDC_CORE_DML_H

#include "sql_lexer.h"

/*
 * A name that may be one of a table that the statement changes.  database may be empty: it has
 * no default one.
 */
typedef void (*CdcDmlVisit) (const char *database, const char *table, void *arg);

/*
 * Visits the names.  true: they are the tables that the statement changes, and no others.
 * false: these are all names in the part of the statement that has those of its tables,
 * and names of columns and aliases among them; a function may change other tables.  Any bytes
 * may be given.
 */
extern bool cdc_dml_tables(CdcString sql, CdcString default_database, uint64_t sql_mode,
						   CdcDmlVisit visit, void *arg);

#endif							/* CDC_CORE_DML_H */
