/*-------------------------------------------------------------------------
 *
 * row.h
 *	  A row of one of the extension's own tables by its key: where pull and apply
 *	  stand is read and written in each of their transactions.
 *
 * A statement for such a row costs more than all the rest of a small transaction.
 * Rows are read and written without one where that makes no difference: the server
 * has heaps that can be written so, the table is as it was made (no trigger, rule,
 * check, row security), and the transaction sees each statement's own snapshot and may
 * write.  Else a statement does it, as the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_CATALOG_ROW_H
#define CDC_PG_CATALOG_ROW_H

#include "pg/base/compat.h"
#include "pg/catalog/spi.h"

#define CDC_ROW_KEYS		2
#define CDC_ROW_COLUMNS		(CDC_STATEMENT_ARGS - 1)

typedef struct CdcRowColumn
{
	const char *name;
	Oid			type;
} CdcRowColumn;

/* A table: a static variable each, of which all but the first part is row.c's. */
typedef struct CdcRowTable
{
	const char *name;			/* in CDC_CATALOG_SCHEMA */
	int			nkeys;
	const char *keys[CDC_ROW_KEYS]; /* its primary key, all of type text */
	int			ncolumns;
	CdcRowColumn columns[CDC_ROW_COLUMNS];	/* the others that are read and written */

	/* as the relation is, while changes is cdc_relation_changes() */
	Oid			relid;			/* InvalidOid: not looked up */
	uint64		changes;
	bool		plain;			/* no statement is needed */
	Oid			index;			/* of the primary key */
	int			key_of_index[CDC_ROW_KEYS]; /* the key that its columns are */
	int			key_attnums[CDC_ROW_KEYS];
	int			attnums[CDC_ROW_COLUMNS];

	/* by statement; without text: not made */
	CdcStatement select;
	CdcStatement update;
} CdcRowTable;

/*
 * The row's columns, in the table's order, as last committed or as this transaction left
 * it; in a transaction with one snapshot for all of it, as of that.  What they point to is
 * palloc'ed in the current context.  false: there is no such row.
 */
extern bool cdc_row_read(CdcRowTable *table, const char *const *keys, Datum *values, bool *nulls);

/*
 * Sets all columns of the row.  false: there is no such row.  One that somebody else is
 * about to change is waited for, and then overwritten.
 */
extern bool cdc_row_write(CdcRowTable *table, const char *const *keys, const Datum *values,
						  const bool *nulls);

#endif							/* CDC_PG_CATALOG_ROW_H */
