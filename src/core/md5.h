/*-------------------------------------------------------------------------
 *
 * md5.h
 *	  MD5 of bytes, for those who compare much and trust what they compare.
 *
 *	  Here and not from a library, which may refuse it, and costs more to set up than a
 *	  short hash costs.  It tells differences that came by accident; it keeps no secret
 *	  and proves nothing of who made them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_CORE_MD5_H
#define CDC_CORE_MD5_H

#include <stddef.h>

#define CDC_MD5_BYTES	16

extern void cdc_md5(const void *data, size_t len, unsigned char digest[CDC_MD5_BYTES]);

#endif							/* CDC_CORE_MD5_H */
