/*-------------------------------------------------------------------------
 *
 * fill.h
 *	  What fills a column of a target, as the user wrote it in "columns":
 *
 *		"email"								a column of the source
 *		{"value": "eu"}						a constant, written as the source's values are
 *		{"expr": "lower(email)"}			an SQL expression
 *		{"dropped": "email"}				nothing: what a column of the source has become that
 *											was dropped, until there is one of that name again
 *
 *	  A string is always the name of a column, so that no change of the source makes
 *	  something else of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_EXPRESSION_FILL_H
#define CDC_PG_EXPRESSION_FILL_H

#include "pg/base/compat.h"
#include "nodes/pg_list.h"
#include "pg/datum/jsonb_view.h"

typedef enum CdcFilledBy
{
	CDC_BY_COLUMN,
	CDC_BY_CONSTANT,
	CDC_BY_EXPRESSION,
	CDC_BY_MODE,				/* the mode of the target does, whatever is mapped */
	CDC_BY_NOTHING
} CdcFilledBy;

typedef struct CdcColumnFill
{
	char	   *target;			/* the target's column */
	CdcFilledBy by;
	char	   *text;			/* of a column, a dropped one, too, its name, of an expression its SQL */
	CdcJsonValue value;			/* of a constant; points into the object */
} CdcColumnFill;

/*
 * What "columns" says: palloc'ed, *n of them, in the order of the object.  ERROR where it
 * is no object of these.
 */
extern CdcColumnFill *cdc_fills_read(const Jsonb *columns, int *n);

/* The one of the target's column of that name; NULL: there is none. */
extern const CdcColumnFill *cdc_fill_find(const CdcColumnFill *fills, int n, const char *target);

/* Whether some are constants or expressions.  columns may be NULL. */
extern bool cdc_fills_compute(const Jsonb *columns);

/* The type, as SQL, of what a constant holds. */
extern const char *cdc_fill_constant_type(const CdcColumnFill *fill);

#endif							/* CDC_PG_EXPRESSION_FILL_H */
