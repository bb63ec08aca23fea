/*-------------------------------------------------------------------------
 *
 * source_row.h
 *	  A row of a source table on its way into its target: from the row image of
 *	  an event to typed values of the target's columns.
 *
 *	  The image's values are converted straight into the columns of the target,
 *	  by the layout that images of this shape have.  Mappings with a row filter, with
 *	  expressions or constants leave the straight way.
 *
 *	  Nothing here knows of a run of apply: rows of a copy, and rows that are
 *	  compared with the target, take the same way.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_APPLY_SOURCE_ROW_H
#define CDC_PG_APPLY_SOURCE_ROW_H

#include "pg/mapping/former_key.h"
#include "pg/mapping/layout.h"

/* Whether a row is among those that the target has. */
typedef enum CdcPasses
{
	CDC_PASSES_YES,
	CDC_PASSES_NO,
	CDC_PASSES_AS_BEFORE,		/* the image has nothing that the filter reads */
	CDC_PASSES_UNKNOWN			/* it has some of that: see cdc_source_row_complete() */
} CdcPasses;

typedef struct CdcSourceRow
{
	/* of the source table */
	CdcMapping *mapping;

	/* of the row at hand */
	CdcRowImage image;			/* env is set by who has read it from a message */
	const CdcLayout *layout;	/* of the image */
	const CdcPresence *presence;	/* columns that the row has values for */
	Datum	   *values;			/* by attribute of the target; may point into the image */
	bool	   *nulls;
	CdcPasses	passes;			/* after cdc_source_row_finish() */
	int			number;			/* of the rows of its event, from 0; set by who reads it */

	/* where its conversion stands */
	int			op;				/* next op of the layout */
	int			index;			/* next value of the image */
	uint32		offset;			/* of that */
	const char *at_column;		/* of the target, whose value is converted; for messages */
} CdcSourceRow;

/* Sets up for rows of a mapping that has a target; allocates in the current context. */
extern void cdc_source_row_init(CdcSourceRow *row, const CdcSubscription *sub,
								CdcMapping *mapping);

/*
 * Converts an image of the event with this seq, as far as the target's key; the
 * other columns follow with cdc_source_row_finish().  In between the caller may
 * ask for memory that he needs once he knows the key.  ERROR where a value does not fit its
 * column, and where the image lacks a column of the key; with "try" false instead, as far as
 * the image is a source's and not a message's: layout->lacks says which.
 */
extern bool cdc_source_row_try(CdcSourceRow *row, const JsonbContainer *data, int64 seq);
extern void cdc_source_row_begin(CdcSourceRow *row, const JsonbContainer *data, int64 seq);
extern void cdc_source_row_finish(CdcSourceRow *row);

/*
 * Computes what could not be computed of a partial image (layout->reads), with what it
 * lacks from the row as the target has it: values and nulls, by attribute.  Returns the
 * name of a column of the source that the target does not keep as it is, or NULL.
 */
extern const char *cdc_source_row_complete(CdcSourceRow *row, const Datum *values,
										   const bool *nulls);

/*
 * The whole row before an update, by attribute: the row with what the image "old" has of
 * it; returns whether that passed the filter.  For targets without a key.
 */
extern bool cdc_source_row_former(CdcSourceRow *row, const JsonbContainer *old, Datum *values,
								  bool *nulls);

/*
 * What a column of the target's mode has of the event at hand; of a row that is there, where that
 * is a question.
 */
extern Datum cdc_source_row_of_mode(const CdcSourceRow *row, const CdcMappedColumn *col, bool *isnull);

/*
 * Whether an update changes the primary key of the source table, which need not be the target's.
 * Then values and nulls, by attribute, are the row before, as far as the images tell it.
 */
extern bool cdc_source_row_moved_from(CdcSourceRow *row, const JsonbContainer *old, Datum *values, bool *nulls);

/* Converts the columns of the key alone; the others are NULL, and presence is not set. */
extern bool cdc_source_row_try_key(CdcSourceRow *row, const JsonbContainer *data, int64 seq);

/*
 * The same without a layout, hence without its errors: fills the key's columns of
 * values and nulls; false where one of them is absent or NULL.
 */
extern bool cdc_source_row_find_key(CdcSourceRow *row, const JsonbContainer *data);

/*
 * Converts the columns of the key alone, of an image of a time when they were called so and other columns may
 * have been others.  Returns the name of one that the image lacks, or NULL.
 */
extern const char *cdc_source_row_named_key(CdcSourceRow *row, const JsonbContainer *data,
											const CdcKeyNames *names);

/*
 * The key before an update: that of the row, with what the image "old" has of it;
 * old may be NULL.  Only key columns of values and nulls (by attribute) are set.
 * Returns whether the key differs from the row's.
 */
extern bool cdc_source_row_former_key(CdcSourceRow *row, const JsonbContainer *old,
									  Datum *values, bool *nulls);

#endif							/* CDC_PG_APPLY_SOURCE_ROW_H */
