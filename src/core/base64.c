/*-------------------------------------------------------------------------
 *
 * base64.c
 *	  Writing and reading base64 (RFC 4648).
 *
 *-------------------------------------------------------------------------
 */
#include "core/base64.h"

#define BAD		64
#define PAD		65

#define B		BAD
#define B16		B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B

static const uint8_t digit_values[256] = {
	B16, B16,
	B, B, B, B, B, B, B, B, B, B, B, 62, B, B, B, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B, B, B, PAD, B, B,
	B, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, B, B, B, B, B,
	B, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, B, B, B, B, B,
	B16, B16, B16, B16, B16, B16, B16, B16
};

ssize_t
cdc_base64_decode(const char *text, size_t len, uint8_t *out)
{
	const uint8_t *in = (const uint8_t *) text;
	uint8_t    *p = out;
	size_t		i;

	if (len % 4 != 0)
		return -1;
	for (i = 0; i < len; i += 4)
	{
		uint8_t		a = digit_values[in[i]];
		uint8_t		b = digit_values[in[i + 1]];
		uint8_t		c = digit_values[in[i + 2]];
		uint8_t		d = digit_values[in[i + 3]];

		if (a >= BAD || b >= BAD)
			return -1;
		*p++ = (uint8_t) ((a << 2) | (b >> 4));
		if (c == PAD && d == PAD && i + 4 == len)
			break;
		if (c >= BAD)
			return -1;
		*p++ = (uint8_t) ((b << 4) | (c >> 2));
		if (d == PAD && i + 4 == len)
			break;
		if (d >= BAD)
			return -1;
		*p++ = (uint8_t) ((c << 6) | d);
	}
	return p - out;
}

size_t
cdc_base64(const uint8_t *in, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char	   *p = out;

	for (; len >= 3; len -= 3, in += 3)
	{
		*p++ = digits[in[0] >> 2];
		*p++ = digits[(in[0] & 0x03) << 4 | in[1] >> 4];
		*p++ = digits[(in[1] & 0x0F) << 2 | in[2] >> 6];
		*p++ = digits[in[2] & 0x3F];
	}
	if (len > 0)
	{
		uint8_t		second = len > 1 ? in[1] : 0;

		*p++ = digits[in[0] >> 2];
		*p++ = digits[(in[0] & 0x03) << 4 | second >> 4];
		*p++ = len > 1 ? digits[(second & 0x0F) << 2] : '=';
		*p++ = '=';
	}
	return (size_t) (p - out);
}
