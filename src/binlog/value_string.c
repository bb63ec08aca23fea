/*-------------------------------------------------------------------------
 *
 * value_string.c
 *	  Character and binary strings, ENUM and SET of a row image.
 *
 * Strings have their length before them, in 1 to 4 bytes.  ENUM is the number
 * of the member, from 1 (0 stands for '', what an invalid value becomes), in
 * 1 or 2 bytes; SET a bitmap of members in 1, 2, 3, 4 or 8 bytes; both
 * little-endian.
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/values.h"

#include <string.h>

CdcStatus
cdc_decode_text_utf8(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	if (!cdc_utf8_valid(data, len))
		return cdc_error(r->err, CDC_ERR_CORRUPT, "text is not valid %s",
						 plan->column->charset ? plan->column->charset : "utf8mb4");
	value->kind = CDC_TEXT;
	value->u.s.data = (const char *) data;
	value->u.s.len = len;
	return CDC_OK;
}

CdcStatus
cdc_decode_text_converted(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	value->kind = CDC_TEXT;
	return cdc_charset_to_utf8(plan->converter, data, len, r->arena, &value->u.s, r->err);
}

CdcStatus
cdc_decode_bytes(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *data;
	size_t		len;

	if (!cdc_take_string(r, plan, &data, &len))
		return cdc_row_cut_short(r);
	value->kind = CDC_BYTES;
	value->u.s.data = (const char *) data;
	value->u.s.len = len;
	return CDC_OK;
}

/* BINARY(n): the server strips trailing zero bytes in the row image. */
CdcStatus
cdc_decode_bytes_padded(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	CdcStatus	st = cdc_decode_bytes(r, plan, value);
	char	   *padded;

	if (st != CDC_OK || value->u.s.len >= plan->size)
		return st;
	padded = cdc_arena_zalloc(r->arena, plan->size);
	if (padded == NULL)
		return cdc_row_no_memory(r);
	memcpy(padded, value->u.s.data, value->u.s.len);
	value->u.s.data = padded;
	value->u.s.len = plan->size;
	return CDC_OK;
}

CdcStatus
cdc_decode_enum(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	uint64_t	n;

	if (p == NULL)
		return cdc_row_cut_short(r);
	n = cdc_le(p, (int) plan->size);
	value->kind = CDC_TEXT;
	if (n == 0)
	{
		value->u.s.data = "";
		value->u.s.len = 0;
		return CDC_OK;
	}
	if (n > (uint64_t) plan->column->nmembers)
		return cdc_error(r->err, CDC_ERR_SCHEMA,
						 "enum has value number %llu, but only %d members are known",
						 (unsigned long long) n, plan->column->nmembers);
	value->u.s = plan->column->members[n - 1];
	return CDC_OK;
}

CdcStatus
cdc_decode_set(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	int			nmembers = plan->column->nmembers;
	uint64_t	bits;
	CdcString  *chosen;
	int			n = 0;

	if (p == NULL)
		return cdc_row_cut_short(r);
	bits = cdc_le(p, (int) plan->size);
	if (nmembers < 64 && bits >> nmembers != 0)
		return cdc_error(r->err, CDC_ERR_SCHEMA,
						 "set has value %llu, but only %d members are known",
						 (unsigned long long) bits, nmembers);
	value->kind = CDC_SET;
	value->u.set.members = NULL;
	value->u.set.nmembers = 0;
	if (bits == 0)
		return CDC_OK;
	chosen = cdc_arena_alloc(r->arena, sizeof(CdcString) *
							 (size_t) __builtin_popcountll(bits));
	if (chosen == NULL)
		return cdc_row_no_memory(r);
	for (int i = 0; i < nmembers && i < 64; i++)
	{
		if (bits >> i & 1)
			chosen[n++] = plan->column->members[i];
	}
	value->u.set.members = chosen;
	value->u.set.nmembers = n;
	return CDC_OK;
}
