/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Base64 (RFC 4648, with padding, without line breaks).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_BINLOG_BASE64_H
#define CDC_BINLOG_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Characters that n bytes become. */
#define CDC_BASE64_LEN(n)	(((n) + 2) / 3 * 4)

/* Writes CDC_BASE64_LEN(len) characters, no NUL; returns their number. */
static inline size_t
cdc_base64(const uint8_t *data, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char	   *p = out;

	for (size_t i = 0; i < len; i += 3)
	{
		uint32_t	v = (uint32_t) data[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t) data[i + 1] << 8;
		if (i + 2 < len)
			v |= data[i + 2];
		*p++ = digits[v >> 18];
		*p++ = digits[v >> 12 & 63];
		*p++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*p++ = i + 2 < len ? digits[v & 63] : '=';
	}
	return (size_t) (p - out);
}

#endif							/* CDC_BINLOG_BASE64_H */
