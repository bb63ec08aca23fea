/*-------------------------------------------------------------------------
 *
 * value_decimal.c
 *	  DECIMAL of a row image.
 *
 * Digits stand in groups of nine, four bytes each, big-endian; the digits that
 * are left over, at the front of the integer part and at the end of the
 * fraction, take as many bytes as they need.  The first bit is set for
 * positive numbers; negative ones have all bits inverted.  Source: MySQL's
 * strings/decimal.cc, decimal2bin().
 *
 *-------------------------------------------------------------------------
 */
#include "binlog/values.h"

#include <string.h>

#define GROUP_DIGITS	9
#define MAX_WIRE		(CDC_DECIMAL_DIGITS / GROUP_DIGITS * 4 + 4)

/* Bytes that 0 to 9 digits take. */
static const uint8_t digit_bytes[GROUP_DIGITS + 1] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

static const uint32_t powers[GROUP_DIGITS + 1] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000
};

uint32_t
cdc_decimal_wire_size(int precision, int scale)
{
	int			integer = precision - scale;

	return (uint32_t) (integer / GROUP_DIGITS * 4 + digit_bytes[integer % GROUP_DIGITS] +
					   scale / GROUP_DIGITS * 4 + digit_bytes[scale % GROUP_DIGITS]);
}

/* Appends v in exactly ndigits digits. */
static char *
put_digits(char *out, uint32_t v, int ndigits)
{
	char	   *p = out + ndigits;

	while (p > out)
	{
		*--p = (char) ('0' + v % 10);
		v /= 10;
		if (v == 0)
			break;
	}
	while (p > out)
		*--p = '0';				/* mostly zeros: without divisions */
	return out + ndigits;
}

/* Reads one group; false when it has more digits than it may. */
static inline bool
put_group(const uint8_t **p, int ndigits, char **out)
{
	int			nbytes = digit_bytes[ndigits];
	uint32_t	v = (uint32_t) cdc_be(*p, nbytes);

	if (v >= powers[ndigits])
		return false;
	*p += nbytes;
	*out = put_digits(*out, v, ndigits);
	return true;
}

size_t
cdc_decimal_text(const uint8_t *data, int precision, int scale, char *text)
{
	uint8_t		bytes[MAX_WIRE];
	uint32_t	size = cdc_decimal_wire_size(precision, scale);
	int			integer = precision - scale;
	bool		negative = !(data[0] & 0x80);
	uint8_t		mask = negative ? 0xff : 0;
	const uint8_t *p = bytes;
	char		digits[CDC_DECIMAL_DIGITS];
	char	   *d = digits;
	char	   *t = text;
	int			skip = 0;
	bool		nonzero = false;

	for (uint32_t i = 0; i < size; i++)
		bytes[i] = data[i] ^ mask;
	bytes[0] ^= 0x80;

	if (integer % GROUP_DIGITS && !put_group(&p, integer % GROUP_DIGITS, &d))
		return 0;
	for (int i = integer / GROUP_DIGITS; i > 0; i--)
	{
		if (!put_group(&p, GROUP_DIGITS, &d))
			return 0;
	}
	for (int i = scale / GROUP_DIGITS; i > 0; i--)
	{
		if (!put_group(&p, GROUP_DIGITS, &d))
			return 0;
	}
	if (scale % GROUP_DIGITS && !put_group(&p, scale % GROUP_DIGITS, &d))
		return 0;

	for (int i = 0; i < precision && !nonzero; i++)
		nonzero = digits[i] != '0';
	while (skip < integer - 1 && digits[skip] == '0')
		skip++;
	if (negative && nonzero)
		*t++ = '-';
	if (integer == 0)
		*t++ = '0';
	memcpy(t, digits + skip, (size_t) (integer - skip));
	t += integer - skip;
	if (scale > 0)
	{
		*t++ = '.';
		memcpy(t, digits + integer, (size_t) scale);
		t += scale;
	}
	return (size_t) (t - text);
}

CdcStatus
cdc_decode_decimal(CdcRowReader *r, const CdcColumnPlan *plan, CdcValue *value)
{
	const uint8_t *p = cdc_take(r, plan->size);
	char	   *text;
	size_t		len;

	if (p == NULL)
		return cdc_row_cut_short(r);
	text = cdc_arena_alloc(r->arena, (size_t) plan->precision + 4);
	if (text == NULL)
		return cdc_row_no_memory(r);
	len = cdc_decimal_text(p, plan->precision, plan->scale, text);
	if (len == 0)
		return cdc_error(r->err, CDC_ERR_CORRUPT, "decimal has an impossible digit group");
	value->kind = CDC_DECIMAL;
	value->u.s.data = text;
	value->u.s.len = len;
	return CDC_OK;
}
