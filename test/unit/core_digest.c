/*
 * core_digest.c
 *	  Tests of MD5 and SHA-256: the standards' examples, and every length around the block's.
 */
#include "unit.h"

#include "core/digest.h"

typedef struct Digest
{
	void		(*make) (const void *data, size_t len, unsigned char *digest);
	size_t		bytes;
} Digest;

static const Digest md5 = {cdc_md5, CDC_MD5_BYTES};
static const Digest sha256 = {cdc_sha256, CDC_SHA256_BYTES};

static void
assert_digest(const Digest *kind, const void *data, size_t len, const char *hex)
{
	unsigned char digest[CDC_SHA256_BYTES];
	char		text[2 * CDC_SHA256_BYTES + 1];

	kind->make(data, len, digest);
	for (size_t i = 0; i < kind->bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, hex);
}

static void
test_examples(void **state)
{
	(void) state;
	assert_digest(&md5, "", 0, "d41d8cd98f00b204e9800998ecf8427e");
	assert_digest(&md5, "abc", 3, "900150983cd24fb0d6963f7d28e17f72");
	assert_digest(&sha256, "", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest(&sha256, "abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* The digests of 301 texts, one of each length, hashed; Python's hashlib says what that is. */
static void
assert_lengths(const Digest *kind, const char *hex)
{
	static unsigned char digests[301 * CDC_SHA256_BYTES];

	for (size_t n = 0; n <= 300; n++)
	{
		unsigned char *text = malloc(n + (n == 0));	/* no more, so that reading on is found */

		for (size_t i = 0; i < n; i++)
			text[i] = (unsigned char) (i * 7 + n);
		kind->make(text, n, digests + n * kind->bytes);
		free(text);
	}
	assert_digest(kind, digests, 301 * kind->bytes, hex);
}

static void
test_lengths(void **state)
{
	(void) state;
	assert_lengths(&md5, "a9cf41e638496a4d8f14abe6ae258128");
	assert_lengths(&sha256, "60d63ff40b5558727a9b786ac0be9300f7ca58fd9ddd3b2f3681b369018a87dc");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
