/*
 * fuzz_binlog_decimal.c
 *	  Fuzzer of DECIMAL: precision, scale, then the bytes.  What is taken prints as
 *	  a number of that type and, encoded again by the code here, gives the bytes.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "binlog/values.h"
#include "require.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Encodes ndigits digits in big-endian groups; the first or last one is shorter. */
static uint8_t *
encode_digits(uint8_t *out, const char *digits, int ndigits, bool short_first)
{
	static const uint8_t nbytes[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

	while (ndigits > 0)
	{
		int			n = short_first && ndigits % 9 ? ndigits % 9 : ndigits < 9 ? ndigits : 9;
		uint32_t	v = 0;

		for (int i = 0; i < n; i++)
			v = v * 10 + (uint32_t) (digits[i] - '0');
		for (int i = nbytes[n] - 1; i >= 0; i--)
			*out++ = (uint8_t) (v >> (8 * i));
		digits += n;
		ndigits -= n;
	}
	return out;
}

static void
check(const uint8_t *bytes, int precision, int scale, const char *text, size_t len)
{
	int			integer = precision - scale;
	char		digits[CDC_DECIMAL_DIGITS];
	uint8_t		again[64];
	uint8_t    *end;
	bool		negative = len > 0 && text[0] == '-';
	const char *p = text + negative;
	const char *point = memchr(p, '.', len - negative);
	int			before = (int) (point != NULL ? point - p : (long) (len - negative));
	bool		zero = true;

	/* "0" or no leading zero; exactly scale digits behind the point */
	require(before >= 1 && (p[0] != '0' || before == 1));
	require((point != NULL) == (scale > 0));
	require(point == NULL || (int) (text + len - point - 1) == scale);
	require(before <= (integer > 0 ? integer : 1) && (integer > 0 || p[0] == '0'));
	for (const char *c = p; c < text + len; c++)
	{
		require(c == point || isdigit((unsigned char) *c));
		zero &= c == point || *c == '0';
	}
	require(!negative || !zero);

	memset(digits, '0', sizeof(digits));
	if (integer > 0)
		memcpy(digits + integer - before, p, (size_t) before);
	if (scale > 0)
		memcpy(digits + integer, point + 1, (size_t) scale);
	end = encode_digits(again, digits, integer, true);
	end = encode_digits(end, digits + integer, scale, false);
	require((uint32_t) (end - again) == cdc_decimal_wire_size(precision, scale));
	again[0] ^= 0x80;
	if (zero && !(bytes[0] & 0x80))
		negative = true;		/* minus zero prints as zero */
	for (uint8_t *b = again; negative && b < end; b++)
		*b ^= 0xff;
	require(memcmp(again, bytes, (size_t) (end - again)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcColumnPlan plan = {0};
	CdcArena   *arena;
	CdcValue	value;
	CdcError	err;
	uint8_t    *copy;
	CdcStatus	st;

	if (size < 2)
		return 0;
	plan.precision = (uint8_t) (1 + data[0] % 65);
	plan.scale = (uint8_t) (data[1] % 39);
	if (plan.scale > plan.precision)
		plan.scale = plan.precision;
	plan.size = cdc_decimal_wire_size(plan.precision, plan.scale);
	data += 2;
	size -= 2;
	copy = malloc(size ? size : 1); /* ends where the memory ends */
	memcpy(copy, data, size);
	arena = cdc_arena_create(0);
	{
		CdcRowReader r = {copy, copy + size, arena, &err, false};

		st = cdc_decode_decimal(&r, &plan, &value);
		require(size >= plan.size || st == CDC_ERR_CORRUPT);
		require(st == CDC_OK || (err.status == st && err.message[0] != '\0'));
		if (st == CDC_OK)
		{
			require(r.p == copy + plan.size && value.kind == CDC_DECIMAL);
			check(copy, plan.precision, plan.scale, value.u.s.data, value.u.s.len);
		}
	}
	cdc_arena_destroy(arena);
	free(copy);
	return 0;
}
