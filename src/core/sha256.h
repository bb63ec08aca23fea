/*-------------------------------------------------------------------------
 *
 * sha256.h
 *	  SHA-256 of bytes, for those who hash many short ones.
 *
 *	  A library's digest costs more to set up than such a hash costs; what logs in
 *	  to a server uses the library's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_SHA256_H
#define CDC_CORE_SHA256_H

#include <stddef.h>

#define CDC_SHA256_BYTES	32

extern void cdc_sha256(const void *data, size_t len, unsigned char digest[CDC_SHA256_BYTES]);

#endif							/* CDC_CORE_SHA256_H */
