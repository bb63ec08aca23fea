/*-------------------------------------------------------------------------
 *
 * nested.h
 *	  Members of a JSON object whose columns are composite, or arrays of more
 *	  than one dimension.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_TOPIC_NESTED_H
#define CDC_PG_TOPIC_NESTED_H

#include "pg/base/compat.h"

#include "pg/datum/jsonb_view.h"

typedef struct CdcNested CdcNested;

/*
 * For columns of the type, which is no domain; NULL where it is neither
 * composite nor an array.  Lives in the current memory context.
 */
extern CdcNested *cdc_nested_create(Oid typid, int32 typmod);

/* Whether the value is one that the type's converter does not take. */
extern bool cdc_nested_takes(const CdcNested *nested, const CdcJsonValue *v);

extern Datum cdc_nested_datum(CdcNested *nested, const CdcJsonValue *v, bool *isnull);

#endif							/* CDC_PG_TOPIC_NESTED_H */
