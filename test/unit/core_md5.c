/*
 * core_md5.c
 *	  Tests of MD5: the standard's examples, and every length around the block's.
 */
#include "unit.h"

#include "core/md5.h"

static void
assert_digest(const void *data, size_t len, const char *hex)
{
	unsigned char digest[CDC_MD5_BYTES];
	char		text[2 * CDC_MD5_BYTES + 1];

	cdc_md5(data, len, digest);
	for (size_t i = 0; i < CDC_MD5_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(text, hex);
}

static void
test_examples(void **state)
{
	(void) state;
	assert_digest("", 0, "d41d8cd98f00b204e9800998ecf8427e");
	assert_digest("abc", 3, "900150983cd24fb0d6963f7d28e17f72");
}

/* The digests of 301 texts, one of each length, hashed; Python's hashlib says what that is. */
static void
test_lengths(void **state)
{
	static unsigned char digests[301 * CDC_MD5_BYTES];

	(void) state;
	for (size_t n = 0; n <= 300; n++)
	{
		unsigned char *text = malloc(n + (n == 0));	/* no more, so that reading on is found */

		for (size_t i = 0; i < n; i++)
			text[i] = (unsigned char) (i * 7 + n);
		cdc_md5(text, n, digests + n * CDC_MD5_BYTES);
		free(text);
	}
	assert_digest(digests, sizeof(digests), "a9cf41e638496a4d8f14abe6ae258128");
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
