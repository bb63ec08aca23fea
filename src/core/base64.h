/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Writing and reading base64 (RFC 4648, with padding).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_BASE64_H
#define CDC_CORE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes base64 (RFC 4648, with padding), for each three bytes or less four
 * characters; returns their number.
 */
extern size_t cdc_base64(const uint8_t *in, size_t len, char *out);

/*
 * Decodes len characters into out, which has at least len / 4 * 3 bytes.  Returns
 * the number of bytes, or -1 when the text is not base64.
 */
extern ssize_t cdc_base64_decode(const char *text, size_t len, uint8_t *out);

#endif							/* CDC_CORE_BASE64_H */
