/*-------------------------------------------------------------------------
 *
 * exact_text.h
 *	  Texts that a type's input function reads without making another value of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_EXACT_TEXT_H
#define CDC_PG_DATUM_EXACT_TEXT_H

#include "pg/datum/converter.h"

/* What the input function of a type does to texts; the type is none of domains. */
extern CdcTextLoss cdc_text_loss(Oid basetype);

/*
 * The type's input function on the value as text, which must mean the same at any time.
 * ERROR where the type would have another value than the text says.
 */
extern Datum cdc_convert_by_text(CdcConverter *conv, const CdcJsonValue *v, bool *isnull);

#endif							/* CDC_PG_DATUM_EXACT_TEXT_H */
