/*-------------------------------------------------------------------------
 *
 * type_fit.h
 *	  How a column of a target takes the values of a column of the source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_SCHEMA_TYPE_FIT_H
#define CDC_PG_SCHEMA_TYPE_FIT_H

#include "pg/base/compat.h"
#include "core/table_def.h"

typedef enum CdcTypeFit
{
	CDC_FIT_ALTERS,				/* a value may become another one, and nobody says so */
	CDC_FIT_CASTS,				/* the same in another form, such as a document for its text */
	CDC_FIT_OR_ERROR,			/* what does not fit is an error */
	CDC_FIT_EXACT				/* each value fits */
} CdcTypeFit;

/* The column as its definition has it, in any encoding, and the target's type. */
extern CdcTypeFit cdc_type_fit(const CdcColumnDef *source, Oid typid, int32 typmod);

/* How a key column of a target tells rows apart that the source's column tells apart. */
typedef enum CdcKeyFit
{
	CDC_KEY_FIT_MERGES,			/* it takes some of them for the same row */
	CDC_KEY_FIT_AS_WRITTEN,		/* ... unless each value is written as the type itself writes it */
	CDC_KEY_FIT_ANY_CASE,		/* the same, in letters of either case */
	CDC_KEY_FIT_EXACT			/* what is the same row here is the same there */
} CdcKeyFit;

/* collation: the target column's. */
extern CdcKeyFit cdc_key_fit(const CdcColumnDef *source, Oid typid, Oid collation);

#endif							/* CDC_PG_SCHEMA_TYPE_FIT_H */
