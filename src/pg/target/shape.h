/*-------------------------------------------------------------------------
 *
 * shape.h
 *	  Which columns a target has, to be compared with the same at another time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TARGET_SHAPE_H
#define CDC_PG_TARGET_SHAPE_H

#include "pg/target/target.h"

/* The columns of a target as text, palloc'ed. */
extern char *cdc_target_shape(const CdcTarget *target);

/*
 * What was done to a column, by its index, since the target had that shape: its rows have other
 * values there, as far as that is to be told.  A sentence without its full stop, palloc'ed; NULL: nothing,
 * or the shape is of another relation.
 */
extern char *cdc_target_column_damage(const CdcTarget *target, int column, const char *shape);

#endif							/* CDC_PG_TARGET_SHAPE_H */
