/*-------------------------------------------------------------------------
 *
 * sql_internal.h
 *	  What the parts of the back-end of set-based SQL share.
 *
 *	  sql.c				the back-end: parameters, batches
 *	  sql_plan.c		plans, kept with targets
 *	  sql_statement.c	the texts of its statements
 *	  sql_batch.c		many rows as one value
 *	  sql_deal.c		which segment has a row
 *	  sql_stage.c		rows that are on the segments already
 *	  sql_take.c		rows of tables without key
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_WRITE_SQL_INTERNAL_H
#define CDC_PG_WRITE_SQL_INTERNAL_H

#include "pg/write/write.h"

#include "executor/spi.h"
#include "lib/stringinfo.h"

typedef enum CdcSqlKind
{
	SQL_DELETE,
	SQL_UPDATE,
	SQL_REPLACE,				/* UPDATE that sets absent columns to their defaults */
	SQL_INSERT_MISSING,			/* rows whose key the target does not have */
	SQL_INSERT,
	SQL_MOVE,					/* a second row for each that an UPDATE would move to another partition */
	SQL_MOVED,					/* the first rows of those are deleted */
	SQL_TAKE,					/* tables without key: delete up to $1 equal rows */
	SQL_TAKE_MANY,				/* the same for each row of a batch, so many as an array says */
	SQL_FETCH
} CdcSqlKind;

/* What a statement is for: entries that are alike in all of this. */
typedef struct CdcSqlForm
{
	CdcSqlKind	kind;
	const CdcPresence *presence;	/* columns of the rows; NULL: those of the key */
	uint16		nulls;			/* CdcEntry.key_nulls; in tables without key 0, or which of the columns
								 * that cdc_sql_hashed() tells of are NULL */
	bool		batch;			/* the rows come as one value of type cdc.row_batch */
	bool		told;			/* an UPDATE of a batch returns the numbers of the rows that it found */
	bool		dealt;			/* each segment looks for its own rows of the batch only */
	bool		staged;			/* the rows come from the target's stage; a batch otherwise */
} CdcSqlForm;

/* Whether a column is a parameter of the statement for this presence. */
static inline bool
cdc_sql_is_parameter(const CdcTargetColumn *col, const CdcPresence *presence)
{
	return presence ? presence->attrs[col->attnum - 1] : col->in_key;
}

/*
 * sql_plan.c: runs the statement of a form, on rows that it finds itself or with values for its
 * parameters, of a SELECT up to so many rows (0: all); returns their number, 0 where it would do
 * nothing.  cdc_sql_does() says whether it would do anything.
 */
extern int64 cdc_sql_run(CdcTarget *target, const CdcSqlForm *form);
extern int64 cdc_sql_run_values(CdcTarget *target, const CdcSqlForm *form, Datum *values, const char *nulls,
								long limit);
extern bool cdc_sql_does(CdcTarget *target, const CdcSqlForm *form);

/* A column's value as the parameter takes it. */
extern Datum cdc_sql_parameter_value(const CdcTargetColumn *col, Datum value);

/* Whether the plan of the statement of a form moves no rows between segments. */
extern bool cdc_sql_stays(CdcTarget *target, const CdcSqlForm *form);

/* Whether rows of that presence may move between the target's partitions when they are updated. */
extern bool cdc_sql_moves(const CdcTarget *target, const CdcPresence *presence);

/*
 * Whether a column's values are given to statements as text: those that unnest() does not
 * give back, and those of domains, as not every domain has an array type.
 */
extern bool cdc_sql_as_text(const CdcTargetColumn *col);

/* The type of a column's parameter, an array in statements for many rows. */
extern Oid	cdc_sql_parameter_type(const CdcTargetColumn *col, CdcSqlKind kind);

/*
 * sql_batch.c: the type of batches, and the rows of n entries as one, palloc'ed.  All of
 * them have tuples.
 */
extern Oid	cdc_batch_type(void);
extern Datum cdc_batch_make(CdcEntry *const *entries, int n, const int32 *segments);

/*
 * sql_deal.c: on which segment each row of a target is.
 *
 * cdc_deal_open() gives NULL where that is not said by the key; the deal is palloc'ed.
 * cdc_deal_segments() gives n numbers, palloc'ed.  cdc_deal_holds() says whether the plan of
 * a statement with a dealt batch reads it on the segment that it is dealt to, without moving
 * rows between segments; only then it may be run.
 */
typedef struct CdcDeal CdcDeal;
extern CdcDeal *cdc_deal_open(const CdcTarget *target);
extern int32 *cdc_deal_segments(CdcDeal *deal, CdcEntry *const *entries, int n);
extern bool cdc_deal_holds(SPIPlanPtr plan);

/*
 * For each segment the places of its entries among the n ones, one after the other; first[i]: where those
 * of i begin.  Both palloc'ed.
 */
extern int *cdc_deal_places(const int32 *segments, int n, int **first);

/*
 * Takes the entries that an UPDATE found, as it has told, out of the n ones; segments: they
 * were dealt, and are numbered by each.  Returns how many are left.
 */
extern int	cdc_deal_drop_told(CdcEntry **entries, int n, const int32 *segments);

/*
 * sql_take.c: takes away the rows of a table without key that the run's entries say; plain:
 * the number of rows that a statement wrote says which ones there were; together: many values a
 * statement.
 */
extern void cdc_sql_take(CdcWork *work, CdcTargetRun *run, bool plain, bool together);

/*
 * sql_statement.c: whether a column is a parameter of statements for this presence, and one that can
 * be hashed by its equality.
 */
extern bool cdc_sql_hashed(const CdcTarget *target, const CdcPresence *presence, int column);

/* Whether a type's values, or their elements, are equal without being the same: 0 and -0. */
extern bool cdc_sql_is_floating(Oid typid);

/*
 * Writes the statement of a form; returns false where it would do nothing.  Rows that an
 * UPDATE tells of are numbered from 1, dealt ones on each segment, which it tells first.
 */
extern bool cdc_sql_statement(StringInfo sql, const CdcTarget *target, const CdcSqlForm *form);

#endif							/* CDC_PG_WRITE_SQL_INTERNAL_H */
