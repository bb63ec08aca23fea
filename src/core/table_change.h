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

typedef struct CdcAddedColumn
{
	const char *name;
	CdcFillKind fill;
	const char *value;			/* of CDC_FILL_VALUE, as an event would have it, as text; a
								 * set's members with commas between them */
	const char *why;			/* of CDC_FILL_UNKNOWN */
	bool		left_out;		/* row images do not have it: the source computes it when it is read */
} CdcAddedColumn;

typedef struct CdcTableChange
{
	bool		known;			/* what became of the columns; else the rest says nothing */
	bool		created;		/* the table was made: nothing is left of what it was */
	int			nrenames;
	CdcColumnRename *renames;	/* by case alone, too; none is of a column that was added */
	int			nadded;
	CdcAddedColumn *added;		/* all new ones, also where a column of that name was dropped */
	const char *rows;			/* why rows may be others than row events say, or NULL */
} CdcTableChange;

/* What becomes of the values of a column that stays. */
typedef enum CdcRetype
{
	CDC_RETYPE_NONE,			/* values and type are the same */
	CDC_RETYPE_EXACT,			/* each value stays what it is, in another type */
	CDC_RETYPE_CHECK,			/* so do those that pass the checks; the others are unknown */
	CDC_RETYPE_UNKNOWN			/* only the source knows */
} CdcRetype;

/* Checks of CDC_RETYPE_CHECK; NULL passes all but the first. */
#define CDC_CHECK_NOT_NULL		0x001	/* there is no NULL */
#define CDC_CHECK_ROUND_TRIP	0x002	/* cast to the new type and back it is the same */
#define CDC_CHECK_RANGE			0x004	/* from min to max */
#define CDC_CHECK_NOT_NEGATIVE	0x008
#define CDC_CHECK_CHARACTERS	0x010	/* at most `characters` of them */
#define CDC_CHECK_BYTES			0x020	/* at most `bytes` of them, at the source */
#define CDC_CHECK_TRAILING		0x040	/* no space at the end */
#define CDC_CHECK_ASCII			0x080
#define CDC_CHECK_MEMBERS		0x100	/* one of the members, or the empty string; a set: some */
#define CDC_CHECK_NOT_ZERO		0x200

typedef struct CdcShapeColumn
{
	int			from;			/* index in the old definition; -1: it is new */
	int			to;				/* index in the new one; -1: it was dropped */
	CdcRetype	retype;
	unsigned	checks;
	const char *min;
	const char *max;
	uint32_t	characters;
	uint32_t	bytes;
	unsigned	bytes_each;		/* bytes of a character at the source; 0: as in UTF-8 */
	int			nmembers;
	const CdcString *members;
	const CdcAddedColumn *added;	/* of a new one; NULL: nobody knows what it has */
} CdcShapeColumn;

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

/*
 * What becomes of values of one column; fills retype, checks and what they need.  why of a
 * generated column is the caller's to say.  The strings are static or the columns' own.
 */
extern void cdc_retype(const CdcColumnDef *before, const CdcColumn *from,
					   const CdcColumnDef *after, const CdcColumn *to, CdcShapeColumn *result);

#endif							/* CDC_CORE_TABLE_CHANGE_H */
