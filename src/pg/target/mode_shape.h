/*-------------------------------------------------------------------------
 *
 * mode_shape.h
 *	  What the mode of a target asks of its table: columns of the mode's own, and a key.
 *
 *	  What an event does to the target is apply's, see apply/mode.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_MODE_SHAPE_H
#define CDC_PG_TARGET_MODE_SHAPE_H

#include "pg/base/compat.h"
#include "pg/catalog/subscription.h"
#include "utils/relcache.h"

/* What a column of a mode's own has. */
typedef enum CdcModeFill
{
	CDC_MODE_FILLS_DELETED,		/* whether the row has gone at the source */
	CDC_MODE_FILLS_OP,			/* what the event did to the row, as in the history */
	CDC_MODE_FILLS_SEQ,			/* the event's number in the history */
	CDC_MODE_FILLS_ROW,			/* the row's number in its event, from 0 */
	CDC_MODE_FILLS_SOURCE_TS,	/* commit time at the source */
	CDC_MODE_FILLS_VALID_FROM,	/* when the version began */
	CDC_MODE_FILLS_VALID_TO,	/* ... and ended */
	CDC_MODE_FILLS_CURRENT,		/* whether it has not ended */
	CDC_MODE_FILLS_END_OP,		/* what the event that ended it did, as in the history */
	CDC_MODE_FILLS_END_SEQ		/* number in the history of the event that ended it */
} CdcModeFill;

typedef struct CdcModeColumn
{
	const char *name;			/* needs no quotes */
	const char *definition;		/* type and constraints, as CREATE TABLE takes them */
	Oid			typid;
	bool		in_key;			/* of the mode's own key, or of what it adds to the source's */
	CdcModeFill fill;
} CdcModeColumn;

typedef struct CdcModeShape
{
	const char *name;
	int			ncolumns;
	const CdcModeColumn *columns;
	bool		own_key;		/* the key is of columns of the mode's own */
	bool		versions;		/* a row of the source has several, and the primary key the mode's columns, too */
	bool		keeps_rows;		/* rows stay that the source does not have any more */
	const char *alive;			/* SQL condition of rows that the source has; NULL: of all */
} CdcModeShape;

/* Of the mode of that name; NULL, or one that is none, is "replica", which asks for nothing. */
extern const CdcModeShape *cdc_mode_shape(const char *mode);

/* The name of the mode that a subscription gives its targets where nobody names another. */
extern const char *cdc_mode_of_subscription(const CdcSubscription *sub);

/* The mode's own column of that name; NULL: there is none. */
extern const CdcModeColumn *cdc_mode_column(const CdcModeShape *shape, const char *name);

/* The columns that the mode adds to the key of its target's rows, of char *. */
extern List *cdc_mode_key(const CdcModeShape *shape);

/*
 * ERROR where the table cannot be a target of the mode: a column of the mode's is not there, or
 * has another type, or rows could not be kept.  The hint says what to type.  target: its name.
 */
extern void cdc_mode_check_table(const CdcModeShape *shape, Relation rel, const char *target);

/*
 * ERROR where the rows of the target, of a mode with versions, have numbers of another history: what comes
 * would be taken for older than they are.  own_rows: SQL condition of the rows that are looked at, NULL: all.
 */
extern void cdc_mode_check_numbers(const CdcModeShape *shape, const CdcSubscription *sub, const char *target,
								   const char *own_rows);

#endif							/* CDC_PG_TARGET_MODE_SHAPE_H */
