/*
 * core_status.c
 *	  Tests of the error report.
 */
#include "unit.h"

static void
test_error_sets_and_clears(void **state)
{
	CdcError	err;

	(void) state;
	memset(&err, 'x', sizeof(err));
	assert_int_equal(cdc_error(&err, CDC_ERR_CORRUPT, "bad %s %d", "length", 7), CDC_ERR_CORRUPT);
	assert_int_equal(err.status, CDC_ERR_CORRUPT);
	assert_string_equal(err.message, "bad length 7");
	assert_string_equal(err.detail, "");
	assert_string_equal(err.hint, "");
	assert_string_equal(err.file, "");
	assert_string_equal(err.table, "");
	assert_string_equal(err.column, "");
	assert_int_equal(err.offset, 0);
	assert_int_equal(err.source_errno, 0);
}

static void
test_null_is_allowed(void **state)
{
	(void) state;
	assert_int_equal(cdc_error(NULL, CDC_ERR_LIMIT, "x"), CDC_ERR_LIMIT);
	cdc_error_detail(NULL, "x");
	cdc_error_hint(NULL, "x");
	cdc_error_at(NULL, "f", 1);
	cdc_error_column(NULL, "d", "t", "c");
}

static void
test_first_value_is_kept(void **state)
{
	CdcError	err;

	(void) state;
	cdc_error(&err, CDC_ERR_VALUE, "m");
	cdc_error_detail(&err, "one %d", 1);
	cdc_error_detail(&err, "two");
	cdc_error_hint(&err, "one");
	cdc_error_hint(&err, "two");
	cdc_error_at(&err, "binlog.000001", UINT64_C(5000000000));
	cdc_error_at(&err, "binlog.000002", 4);
	cdc_error_column(&err, "d", "t", "c");
	cdc_error_column(&err, "e", "u", "v");
	assert_string_equal(err.detail, "one 1");
	assert_string_equal(err.hint, "one");
	assert_string_equal(err.file, "binlog.000001");
	assert_true(err.offset == UINT64_C(5000000000));
	assert_string_equal(err.table, "d.t");
	assert_string_equal(err.column, "c");
}

/* A long message is cut, and never inside a character. */
static void
test_truncation_is_utf8_safe(void **state)
{
	static const char *const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
	CdcError	err;

	(void) state;
	for (size_t c = 0; c < lengthof(characters); c++)
	{
		size_t		width = strlen(characters[c]);

		for (size_t shift = 0; shift < 8; shift++)
		{
			char		text[4 * CDC_ERROR_TEXT];
			size_t		len = 0;

			while (len < shift)
				text[len++] = '.';
			while (len < 2 * CDC_ERROR_TEXT)
			{
				memcpy(text + len, characters[c], width);
				len += width;
			}
			text[len] = '\0';
			cdc_error(&err, CDC_ERR_VALUE, "%s", text);
			len = strlen(err.message);
			assert_in_range(len, CDC_ERROR_TEXT - 1 - 4, CDC_ERROR_TEXT - 1);
			assert_int_equal((len - shift) % width, 0);
			assert_memory_equal(err.message, text, len);

			cdc_error_at(&err, text, 1);
			assert_int_equal((strlen(err.file) - shift) % width, 0);
			assert_in_range(strlen(err.file), 250, 255);
		}
	}
}

/* An error can be wrapped into another one in place. */
static void
test_wrapping(void **state)
{
	CdcError	err;

	(void) state;
	cdc_error(&err, CDC_ERR_VALUE, "inner");
	cdc_error(&err, CDC_ERR_CORRUPT, "outer: %s", err.message);
	assert_string_equal(err.message, "outer: inner");
}

static void
test_failed(void **state)
{
	(void) state;
	assert_false(cdc_failed(CDC_OK));
	assert_false(cdc_failed(CDC_MORE));
	assert_false(cdc_failed(CDC_END));
	for (int st = CDC_ERR_CORRUPT; st <= CDC_ERR_INTERNAL; st++)
		assert_true(cdc_failed((CdcStatus) st));
}

static void
test_clean(void **state)
{
	char		buf[64];
	char		small[8];

	(void) state;

	assert_string_equal(cdc_clean_text(buf, sizeof(buf), "plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"),
						"plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80");
	assert_string_equal(cdc_clean_text(buf, sizeof(buf), "a\x1b[31m\tb\nc\x7f\r"), "a?[31m?b?c??");
	assert_string_equal(cdc_clean_lines(buf, sizeof(buf), "a\x1b[31m\tb\nc\x7f\r"), "a?[31m\tb\nc??");

	/* C1, a turn of the direction of writing, separators of lines */
	assert_string_equal(cdc_clean_text(buf, sizeof(buf), "\xC2\x9B" "1 \xE2\x80\xAE" "2 \xE2\x81\xA6" "3 \xE2\x80\xA8"),
						"?1 ?2 ?3 ?");
	/* not UTF-8: alone, overlong, surrogates, too large, cut off */
	assert_string_equal(cdc_clean_text(buf, sizeof(buf), "\xFF\x80 \xC0\xAF \xE0\x80\xAF \xED\xA0\x80 \xF4\x90\x80\x80 \xE2\x82"),
						"?? ?? ??? ??? ???? ??");
	/* cut with dots, between characters */
	assert_string_equal(cdc_clean_text(small, sizeof(small), "1234567"), "1234567");
	assert_string_equal(cdc_clean_text(small, sizeof(small), "12345678"), "1234...");
	assert_string_equal(cdc_clean_text(small, sizeof(small), "123\xE2\x82\xAC\xE2\x82\xAC"), "123...");
	assert_string_equal(cdc_clean_text(small, 1, "123"), "");
	assert_string_equal(cdc_clean_text(small, 3, "123"), "..");
	assert_string_equal(cdc_clean_text(small, sizeof(small), ""), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_sets_and_clears),
		cmocka_unit_test(test_null_is_allowed),
		cmocka_unit_test(test_first_value_is_kept),
		cmocka_unit_test(test_truncation_is_utf8_safe),
		cmocka_unit_test(test_wrapping),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
