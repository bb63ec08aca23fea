/*-------------------------------------------------------------------------
 *
 * source/mysql_crypto.h
 *	  Hashes and the RSA encryption that logging in to a server needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CDC_SOURCE_MYSQL_CRYPTO_H
#define CDC_SOURCE_MYSQL_CRYPTO_H

#include "core/status.h"
#include "core/value.h"

typedef enum CdcHash
{
	CDC_SHA1,					/* 20 bytes */
	CDC_SHA256					/* 32 bytes */
} CdcHash;

#define CDC_MAX_DIGEST	32

/* The hash of the pieces one after the other. */
extern bool cdc_crypto_hash(CdcHash kind, const CdcString *pieces, int n, unsigned char *digest);

/*
 * Encrypts with the public RSA key in a PEM file (OAEP, SHA-1).  *out_len: the
 * size of out, then what was written.
 */
extern CdcStatus cdc_crypto_encrypt(const char *path, const unsigned char *in, size_t len,
									unsigned char *out, size_t *out_len, CdcError *err);

#endif							/* CDC_SOURCE_MYSQL_CRYPTO_H */
