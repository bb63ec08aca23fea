/*-------------------------------------------------------------------------
 *
 * numeric_unpack.c
 *	  Machine numbers from PostgreSQL's numeric in its stored form.
 *
 * See numeric_pack.c for the form and for the check, made once a process, that
 * the server has the same idea of it.
 *
 *-------------------------------------------------------------------------
 */
#include "pg/datum/numeric_unpack.h"

#define KIND_MASK			0xC000
#define KIND_SHORT			0x8000
#define KIND_SPECIAL		0xC000
#define KIND_NEGATIVE		0x4000
#define SHORT_NEGATIVE		0x2000
#define SHORT_DSCALE_MASK	0x1F80
#define SHORT_DSCALE_SHIFT	7
#define SHORT_WEIGHT_SIGN	0x0040
#define SHORT_WEIGHT_MASK	0x003F
#define LONG_DSCALE_MASK	0x3FFF

void
cdc_numeric_parts(const char *image, CdcNumericParts *parts)
{
	const char *p = VARDATA_ANY(image);
	const char *end = p + VARSIZE_ANY_EXHDR(image);
	uint16		header;

	memcpy(&header, p, sizeof(header));
	p += sizeof(header);
	parts->special = ((header & KIND_MASK) == KIND_SPECIAL);
	if (parts->special)
		return;
	if ((header & KIND_MASK) == KIND_SHORT)
	{
		parts->negative = (header & SHORT_NEGATIVE) != 0;
		parts->dscale = (header & SHORT_DSCALE_MASK) >> SHORT_DSCALE_SHIFT;
		parts->weight = header & SHORT_WEIGHT_MASK;
		if (header & SHORT_WEIGHT_SIGN)
			parts->weight -= SHORT_WEIGHT_MASK + 1;
	}
	else
	{
		int16		weight;

		memcpy(&weight, p, sizeof(weight));
		p += sizeof(weight);
		parts->negative = (header & KIND_MASK) == KIND_NEGATIVE;
		parts->dscale = header & LONG_DSCALE_MASK;
		parts->weight = weight;
	}
	parts->digits = (const int16 *) p;
	parts->ndigits = (int) ((end - p) / sizeof(int16));
}

/* *acc * 10000 + digit; false on overflow. */
static inline bool
accumulate(uint64 *acc, int16 digit)
{
	if (*acc > (PG_UINT64_MAX - (uint64) digit) / 10000)
		return false;
	*acc = *acc * 10000 + (uint64) digit;
	return true;
}

bool
cdc_numeric_magnitude(const CdcNumericParts *parts, uint64 *magnitude)
{
	uint64		acc = 0;
	int			i;

	if (parts->special)
		return false;
	if (parts->ndigits > parts->weight + 1)
	{
		/* digits behind the point: trailing zeros are never stored */
		return false;
	}
	if (parts->weight > 4 && parts->ndigits > 0)
		return false;
	for (i = 0; i <= parts->weight; i++)
		if (!accumulate(&acc, i < parts->ndigits ? parts->digits[i] : 0))
			return false;
	*magnitude = acc;
	return true;
}

bool
cdc_numeric_decimal(const CdcNumericParts *parts, uint64 *mantissa, int *exponent)
{
	uint64		acc = 0;
	int			i;

	if (parts->special || parts->ndigits > 5)
		return false;
	for (i = 0; i < parts->ndigits; i++)
		if (!accumulate(&acc, parts->digits[i]))
			return false;
	if (acc > (uint64) PG_INT64_MAX)
		return false;
	*exponent = 4 * (parts->weight - (parts->ndigits - 1));

	/* the last base-10000 digit has up to three decimal zeros too many */
	while (acc != 0 && acc % 10 == 0)
	{
		acc /= 10;
		(*exponent)++;
	}
	*mantissa = acc;
	return true;
}
