/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Reading base64 (RFC 4648, with padding); cdc_base64() in event.h writes it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_BASE64_H
#define CDC_CORE_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Decodes len characters into out, which has at least len / 4 * 3 bytes.  Returns
 * the number of bytes, or -1 when the text is not base64.
 */
extern ssize_t cdc_base64_decode(const char *text, size_t len, uint8_t *out);

#endif							/* CDC_CORE_BASE64_H */
