/*-------------------------------------------------------------------------
 *
 * encoded.h
 *	  What the tests of decoders of messages share: bytes from their digits, and in
 *	  memory that ends where they do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_TEST_ENCODED_H
#define CDC_TEST_ENCODED_H

#include "unit.h"

/* Bytes from hexadecimal digits, up to what is none; their number. */
static inline size_t
unit_unhex(const char *hex, uint8_t *bytes)
{
	size_t		n = 0;
	unsigned	byte;

	for (; hex[0] != '\0' && hex[1] != '\0' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		bytes[n++] = (uint8_t) byte;
	return n;
}

/* A copy that ends where the bytes do, so that a sanitizer sees what is read beyond them; to be freed. */
static inline uint8_t *
unit_exact(const void *bytes, size_t len)
{
	uint8_t    *exact = malloc(len > 0 ? len : 1);

	if (len > 0)
		memcpy(exact, bytes, len);
	return exact;
}

/* A decoder failed, which it has to say. */
static inline void
unit_assert_told(CdcStatus st, const CdcError *err)
{
	if (st == CDC_OK)
		return;
	assert_int_equal(err->status, st);
	assert_true(err->message[0] != '\0');
}

#endif							/* CDC_TEST_ENCODED_H */
