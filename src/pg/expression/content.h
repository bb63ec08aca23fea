/*-------------------------------------------------------------------------
 *
 * content.h
 *	  What the source's definition says of the values of a column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_EXPRESSION_CONTENT_H
#define CDC_PG_EXPRESSION_CONTENT_H

#include "pg/base/compat.h"
#include "core/table_def.h"
#include "pg/datum/convert.h"

/* CDC_SOURCE_UNKNOWN where the definition has no such column. */
extern CdcContentKind cdc_content_kind(const CdcTableDef *def, const char *name);

#endif							/* CDC_PG_EXPRESSION_CONTENT_H */
