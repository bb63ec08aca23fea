/*-------------------------------------------------------------------------
 *
 * convert.h
 *	  From a value of an event (JSONB) to a Datum of a target column.
 *
 * The function for a column is chosen once, by the column's type; the common
 * types are made without passing through text, all others by their input
 * function.  A value that the type cannot hold without being changed (too many
 * digits, too long, zero dates unless the policy says otherwise) is an ERROR;
 * who calls names table and column in the error's context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_CONVERT_H
#define CDC_PG_DATUM_CONVERT_H

#include "pg/base/compat.h"
#include "pg/datum/converter.h"

/* cxt: where the converter's own parts live. */
extern void cdc_converter_init(CdcConverter *conv, MemoryContext cxt, Oid typid, int32 typmod,
							   CdcContentKind source, CdcZeroDate zero_date);

#endif							/* CDC_PG_DATUM_CONVERT_H */
