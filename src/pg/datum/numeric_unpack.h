/*-------------------------------------------------------------------------
 *
 * numeric_unpack.h
 *	  Machine numbers from PostgreSQL's numeric in its stored form, which
 *	  numeric_pack.c describes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_PG_DATUM_NUMERIC_UNPACK_H
#define CDC_PG_DATUM_NUMERIC_UNPACK_H

#include "pg/base/compat.h"

/* A numeric's parts; digits of base 10000, digits[0] counts 10000^weight. */
typedef struct CdcNumericParts
{
	bool		special;		/* NaN or an infinity: nothing else is set */
	bool		negative;
	int			dscale;			/* decimal digits behind the point, as displayed */
	int			weight;
	int			ndigits;
	const int16 *digits;
} CdcNumericParts;

/* image: a numeric that is not toasted, as JSONB holds it. */
extern void cdc_numeric_parts(const char *image, CdcNumericParts *parts);

/*
 * The magnitude of a whole number; false when it has digits behind the point
 * that are not zero, is special, or does not fit 64 bits.
 */
extern bool cdc_numeric_magnitude(const CdcNumericParts *parts, uint64 *magnitude);

/*
 * As mantissa * 10^exponent with a mantissa below 2^63; false when it does not
 * fit.
 */
extern bool cdc_numeric_decimal(const CdcNumericParts *parts, uint64 *mantissa, int *exponent);

#endif							/* CDC_PG_DATUM_NUMERIC_UNPACK_H */
