/*-------------------------------------------------------------------------
 *
 * value_number.c
 *	  Integers, floats, BIT and YEAR of a row image.
 *
 * Integers and floats are little-endian of their size; BIT is big-endian in
 * the bytes it needs; YEAR is one byte, 1900 + n, or 0 for 0000.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/values.h"

#include <math.h>
#include <string.h>

CdcStatus
cdc_row_cut_short(CdcRowReader *r)
{
	r->cut = true;
	return cdc_error(r->err, CDC_ERR_CORRUPT, "value goes beyond the end of the row event");
}

CdcStatus
cdc_row_no_memory(CdcRowReader *r)
{
	return cdc_error(r->err, CDC_ERR_LIMIT, "row needs more memory than a row may take");
}

#define DEFINE_INTEGER(name, nbytes, KIND, member, expr) \
CdcStatus \
name(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value) \
{ \
	const uint8_t *p = cdc_take(r, nbytes); \
\
	(void) plan; \
	if (p == NULL) \
		return cdc_row_cut_short(r); \
	value->kind = KIND; \
	value->u.member = (expr); \
	return CDC_OK; \
}

DEFINE_INTEGER(cdc_decode_int8, 1, CDC_INT, i, (int8_t) *p)
DEFINE_INTEGER(cdc_decode_uint8, 1, CDC_UINT, u, *p)
DEFINE_INTEGER(cdc_decode_int16, 2, CDC_INT, i, (int16_t) cdc_le16(p))
DEFINE_INTEGER(cdc_decode_uint16, 2, CDC_UINT, u, cdc_le16(p))
DEFINE_INTEGER(cdc_decode_int24, 3, CDC_INT, i,
			   (int32_t) (cdc_le24(p) ^ 0x800000) - 0x800000)
DEFINE_INTEGER(cdc_decode_uint24, 3, CDC_UINT, u, cdc_le24(p))
DEFINE_INTEGER(cdc_decode_int32, 4, CDC_INT, i, (int32_t) cdc_le32(p))
DEFINE_INTEGER(cdc_decode_uint32, 4, CDC_UINT, u, cdc_le32(p))
DEFINE_INTEGER(cdc_decode_int64, 8, CDC_INT, i, (int64_t) cdc_le64(p))
DEFINE_INTEGER(cdc_decode_uint64, 8, CDC_UINT, u, cdc_le64(p))
DEFINE_INTEGER(cdc_decode_year, 1, CDC_INT, i, *p == 0 ? 0 : 1900 + *p)

CdcStatus
cdc_decode_float(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, 4);
	uint32_t	bits;
	float		f;

	(void) plan;
	if (p == NULL)
		return cdc_row_cut_short(r);
	bits = cdc_le32(p);
	memcpy(&f, &bits, sizeof(f));
	if (!isfinite(f))
		return cdc_error(r->err, CDC_ERR_CORRUPT, "float is not a finite number");
	value->kind = CDC_FLOAT;
	value->u.d = f;
	return CDC_OK;
}

CdcStatus
cdc_decode_double(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, 8);
	uint64_t	bits;
	double		d;

	(void) plan;
	if (p == NULL)
		return cdc_row_cut_short(r);
	bits = cdc_le64(p);
	memcpy(&d, &bits, sizeof(d));
	if (!isfinite(d))
		return cdc_error(r->err, CDC_ERR_CORRUPT, "double is not a finite number");
	value->kind = CDC_DOUBLE;
	value->u.d = d;
	return CDC_OK;
}

CdcStatus
cdc_decode_bit(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);

	if (p == NULL)
		return cdc_row_cut_short(r);
	value->kind = CDC_UINT;
	value->u.u = cdc_be(p, (int) plan->size);
	return CDC_OK;
}
