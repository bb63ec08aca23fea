/*-------------------------------------------------------------------------
 *
 * source/mysql_crypto.c
 *	  Hashes and the RSA encryption that logging in to a server needs.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "source/mysql_crypto.h"

#define OAEP_BYTES		42		/* of the key's size, not for the message */

bool
cdc_crypto_hash(CdcHash kind, const CdcString *pieces, int n, unsigned char *digest)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_create();
	bool		ok = ctx != NULL && EVP_DigestInit_ex(ctx, kind == CDC_SHA1 ? EVP_sha1() : EVP_sha256(), NULL);
	int			i;

	for (i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].len);
	ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL);
	EVP_MD_CTX_destroy(ctx);
	return ok;
}

static EVP_PKEY *
read_key(const char *path, CdcError *err)
{
	FILE	   *file = fopen(path, "re");
	EVP_PKEY   *key;

	if (file == NULL)
	{
		cdc_error(err, CDC_ERR_CONFIG, "could not read the file of the server option server_public_key: %s",
				  strerror(errno));
		return NULL;
	}
	key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	fclose(file);
	if (key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
		return key;
	EVP_PKEY_free(key);
	cdc_error(err, CDC_ERR_CONFIG, "the file of the server option server_public_key has no public RSA key");
	cdc_error_hint(err, "It is the file public_key.pem of the MySQL server, or what SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key' shows there.");
	return NULL;
}

CdcStatus
cdc_crypto_encrypt(const char *path, const unsigned char *in, size_t len, unsigned char *out,
				   size_t *out_len, CdcError *err)
{
	EVP_PKEY   *key = read_key(path, err);
	EVP_PKEY_CTX *ctx;
	bool		ok;

	if (key == NULL)
		return CDC_ERR_CONFIG;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	ok = ctx != NULL && EVP_PKEY_size(key) <= (int) *out_len &&
		(int) len + OAEP_BYTES <= EVP_PKEY_size(key) &&
		EVP_PKEY_encrypt_init(ctx) > 0 &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
		EVP_PKEY_encrypt(ctx, out, out_len, in, len) > 0;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	if (ok)
		return CDC_OK;
	return cdc_error(err, CDC_ERR_CONFIG, "the password could not be encrypted with the key of the server option server_public_key");
}
