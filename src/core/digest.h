/*-------------------------------------------------------------------------
 *
 * digest.h
 *	  MD5 and SHA-256 of bytes, for those who hash many short ones and trust what
 *	  they compare.
 *
 *	  Here and not from a library, which may refuse MD5, and whose digests cost more to
 *	  set up than such a hash costs; what logs in to a server uses the library's.
 *	  MD5 tells differences that came by accident; it keeps no secret and proves
 *	  nothing of who made them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_DIGEST_H
#define CDC_CORE_DIGEST_H

#include <stddef.h>

#define CDC_MD5_BYTES		16
#define CDC_SHA256_BYTES	32

extern void cdc_md5(const void *data, size_t len, unsigned char digest[CDC_MD5_BYTES]);
extern void cdc_sha256(const void *data, size_t len, unsigned char digest[CDC_SHA256_BYTES]);

#endif							/* CDC_CORE_DIGEST_H */
