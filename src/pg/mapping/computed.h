/*-------------------------------------------------------------------------
 *
 * computed.h
 *	  What a mapping computes: columns by expressions, the row filter, and which rows of
 *	  the target are its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_MAPPING_COMPUTED_H
#define CDC_PG_MAPPING_COMPUTED_H

#include "pg/mapping/mapping.h"

/*
 * Makes the expressions of a mapping whose columns and key are known, in the current memory
 * context.  ERROR where one is wrong, or, where the spec says so, the palloc'ed reason, a
 * sentence without its full stop.  NULL: all is well.
 */
extern char *cdc_mapping_compute(CdcMapping *mapping, const CdcSubscription *sub,
								 const CdcMappingSpec *spec, const CdcTableDef *def);

#endif							/* CDC_PG_MAPPING_COMPUTED_H */
