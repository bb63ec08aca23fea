/*-------------------------------------------------------------------------
 *
 * table_change.h
 *	  What a statement did to a table, beyond what its definitions before and
 *	  after tell: which column became which, what rows that were there got in
 *	  new columns, and whether rows were changed that no row event tells of.
 *
 *	  Out of two definitions and that, cdc_shape_compare() says what becomes of
 *	  each column's values.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_TABLE_CHANGE_H
#define CDC_CORE_TABLE_CHANGE_H

#include "arena.h"
#include "change.h"
#include "retype.h"
#include "table_def.h"

typedef struct CdcColumnRename
{
	const char *from;
	const char *to;
} CdcColumnRename;

/* What a new column has in the rows that were there before it. */
typedef enum CdcFillKind
{
	CDC_FILL_NULL,
	CDC_FILL_VALUE,				/* one value in all of them */
	CDC_FILL_UNKNOWN			/* only the source knows */
} CdcFillKind;

struct CdcAddedColumn
{
	const char *name;
	CdcFillKind fill;
	const char *value;			/* of CDC_FILL_VALUE, as an event would have it, as text; a
								 * set's members with commas between them */
	const char *why;			/* of CDC_FILL_UNKNOWN */
	bool		left_out;		/* row images do not have it: the source computes it when it is read */
};

typedef struct CdcTableChange
{
	bool		known;			/* what became of the columns; else the rest says nothing */
	bool		created;		/* the table was made: nothing is left of what it was */
	int			nrenames;
	CdcColumnRename *renames;	/* by case alone, too; none is of a column that was added */
	int			nadded;
	CdcAddedColumn *added;		/* all new ones, also where a column of that name was dropped */
	const char *rows;			/* why rows may be others than row events say, or NULL */
	bool		cuts_dates;		/* dates with a zero month or day may be zero dates now, where rows were copied */
	bool		fed;			/* triggers write another table's rows to it, see online_ddl.h */
} CdcTableChange;

typedef struct CdcShapeDiff
{
	int			ncolumns;
	CdcShapeColumn *columns;	/* those that stay and that were dropped, in the old order; then
								 * the new ones */
	bool		key_changed;
	const char *unknown;		/* why it is not known which column became which, or NULL */
} CdcShapeDiff;

/*
 * Compares two definitions of a table that exists in both; all comes from the arena.
 * CDC_ERR_NOMEM, or a type that is not understood.
 */
extern CdcStatus cdc_shape_compare(CdcArena *arena, const CdcTableDef *before,
								   const CdcTableDef *after, const CdcTableChange *change,
								   CdcShapeDiff *diff, CdcError *err);

/*
 * Changes after one another as one: first from a definition to a second one, then
 * from that to `after`.  The result may share memory with both.
 */
extern CdcStatus cdc_table_change_join(CdcArena *arena, const CdcTableChange *first,
									   const CdcTableChange *second, const CdcTableDef *after,
									   CdcTableChange *result, CdcError *err);

#endif							/* CDC_CORE_TABLE_CHANGE_H */
