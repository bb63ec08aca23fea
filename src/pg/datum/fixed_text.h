/*-------------------------------------------------------------------------
 *
 * fixed_text.h
 *	  Texts that mean the same to a type whenever and wherever they are read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_FIXED_TEXT_H
#define CDC_PG_DATUM_FIXED_TEXT_H

#include "pg/datum/converter.h"

/* On what, beside the text, the input function of a type depends. */
extern CdcTextRule cdc_text_rule(Oid typid);

/*
 * Settings on which texts of values depend, the same for every session, until the end with
 * the level that is returned.  An ERROR gives them back with the transaction or its part.
 */
extern int	cdc_fixed_settings_begin(void);
extern void cdc_fixed_settings_end(int level);

/*
 * The value of the converter's type, by its input function, under settings that do
 * not depend on the session.  ERROR where the text needs the clock, names of time
 * zones or the catalogs to mean something.
 */
extern Datum cdc_fixed_text_datum(CdcConverter *conv, const CdcJsonValue *v, char *text);

/* What the input function of a type does to texts; the type is none of domains. */
extern CdcTextLoss cdc_text_loss(Oid basetype);

/* ERROR where the text of a value that has several forms is in another one than the type's own. */
extern void cdc_check_form(const CdcConverter *conv, const CdcJsonValue *v, Datum value);

/*
 * The type's input function on the value as text, which must mean the same at any time.
 * ERROR where the type would have another value than the text says.
 */
extern Datum cdc_convert_by_text(CdcConverter *conv, const CdcJsonValue *v, bool *isnull);

/*
 * A date and time in ISO 8601 that parses as one but is not written as MySQL writes
 * it (another precision, a year of more digits, an offset from UTC), for a type of
 * date or time.  NULL: the text is something else, such as a word.  Else the text for
 * the type's input function, in UTC where it tells no offset.
 */
extern char *cdc_iso_text(const char *text, size_t len, Oid basetype);

#endif							/* CDC_PG_DATUM_FIXED_TEXT_H */
