/*-------------------------------------------------------------------------
 *
 * decimal_bytes.c
 *	  Numbers as Java's BigDecimal has them, bytes and a scale, to decimal digits.
 *
 *-------------------------------------------------------------------------
 */
#include "core/decimal_bytes.h"

/* Digits of numeric in PostgreSQL and NUMBER elsewhere end long before. */
#define MAX_BYTES			4096
#define MAX_SCALE			4096

/*
 * Digits of a number of n bytes, big-endian, two's complement, into out, which
 * has room for 3 digits a byte, a sign and 9 more.  Returns their number.
 */
static size_t
signed_digits(uint8_t *bytes, size_t n, char *out)
{
	bool		negative = n > 0 && (bytes[0] & 0x80) != 0;
	size_t		max = n * 3 + 9;
	size_t		at = max;
	size_t		first = 0;
	unsigned	carry = 1;
	size_t		i;

	if (negative)
		for (i = n; i-- > 0;)
		{
			carry += (uint8_t) ~bytes[i];
			bytes[i] = (uint8_t) carry;
			carry >>= 8;
		}
	/* nine digits at a time, the last ones first */
	for (;;)
	{
		uint64_t	rest = 0;
		int			digits;

		while (first < n && bytes[first] == 0)
			first++;
		if (first == n)
			break;
		for (i = first; i < n; i++)
		{
			rest = rest << 8 | bytes[i];
			bytes[i] = (uint8_t) (rest / 1000000000);
			rest %= 1000000000;
		}
		for (digits = 0; digits < 9; digits++, rest /= 10)
			out[--at] = (char) ('0' + rest % 10);
	}
	while (at < max && out[at] == '0')
		at++;
	if (at == max)
		out[--at] = '0';
	if (negative)
		out[--at] = '-';
	memmove(out, out + at, max - at);
	return max - at;
}

CdcStatus
cdc_emit_decimal_bytes(CdcArena *arena, const uint8_t *bytes, size_t nbytes, int64_t scale,
					   CdcSink *sink)
{
	uint8_t    *copy;
	char	   *digits;
	char	   *text;
	size_t		len;
	size_t		n = 0;
	size_t		sign;
	size_t		whole;

	if (nbytes > MAX_BYTES || scale > MAX_SCALE || scale < -MAX_SCALE)
		return CDC_ERR_VALUE;
	copy = cdc_arena_alloc(arena, nbytes + 1);
	digits = cdc_arena_alloc(arena, nbytes * 3 + 10);
	text = cdc_arena_alloc(arena, nbytes * 3 + 16 + (size_t) (scale < 0 ? -scale : scale));
	if (copy == NULL || digits == NULL || text == NULL)
		return CDC_ERR_NOMEM;
	if (nbytes > 0)
		memcpy(copy, bytes, nbytes);
	len = signed_digits(copy, nbytes, digits);
	sign = digits[0] == '-' ? 1 : 0;
	if (sign)
		text[n++] = '-';
	len -= sign;
	digits += sign;
	whole = scale > 0 ? (len > (size_t) scale ? len - (size_t) scale : 0) : len;
	if (whole == 0)
		text[n++] = '0';
	memcpy(text + n, digits, whole);
	n += whole;
	if (scale > 0)
	{
		size_t		zeros = whole == 0 ? (size_t) scale - len : 0;

		text[n++] = '.';
		memset(text + n, '0', zeros);
		n += zeros;
		memcpy(text + n, digits + whole, len - whole);
		n += len - whole;
	}
	else if (scale < 0 && !(len == 1 && digits[0] == '0'))
	{
		memset(text + n, '0', (size_t) -scale);
		n += (size_t) -scale;
	}
	return sink->ops->decimal(sink, text, n);
}
