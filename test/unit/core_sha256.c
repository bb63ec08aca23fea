/*
 * core_sha256.c
 *	  Tests of SHA-256: the standard's examples, and every length around the block's.
 */
#include "unit.h"

#include "core/sha256.h"

static void
assert_digest(const void *data, size_t len, const char *hex)
{
	unsigned char digest[CDC_SHA256_BYTES];
	char		text[2 * CDC_SHA256_BYTES + 1];

	cdc_sha256(data, len, digest);
	for (size_t i = 0; i < CDC_SHA256_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, hex);
}

static void
test_examples(void **state)
{
	(void) state;
	assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* The digests of 301 texts, one of each length, hashed; Python's hashlib says what that is. */
static void
test_lengths(void **state)
{
	static unsigned char digests[301 * CDC_SHA256_BYTES];

	(void) state;
	for (size_t n = 0; n <= 300; n++)
	{
		unsigned char *text = malloc(n + (n == 0));	/* no more, so that reading on is found */

		for (size_t i = 0; i < n; i++)
			text[i] = (unsigned char) (i * 7 + n);
		cdc_sha256(text, n, digests + n * CDC_SHA256_BYTES);
		free(text);
	}
	assert_digest(digests, sizeof(digests), "60d63ff40b5558727a9b786ac0be9300f7ca58fd9ddd3b2f3681b369018a87dc");
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
