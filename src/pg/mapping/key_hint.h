/*-------------------------------------------------------------------------
 *
 * key_hint.h
 *	  What to type so that a target gets its key.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_KEY_HINT_H
#define CDC_PG_MAPPING_KEY_HINT_H

#include "pg/mapping/mapping.h"
#include "pg/mapping/row_image.h"

/*
 * What to type so that rows of a target without key are found by one, palloc'ed: a
 * primary key of the columns that the image's message names as such, else of those that
 * it seems to find its row by, with what puts it right if that is wrong, else of columns to
 * choose.  The image may lack its data.
 */
extern char *cdc_target_key_hint(const CdcMapping *mapping, const CdcRowImage *image);

#endif							/* CDC_PG_MAPPING_KEY_HINT_H */
