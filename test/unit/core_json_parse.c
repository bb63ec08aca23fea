/*
 * core_json_parse.c
 *	  Tests of the JSON parser: what it accepts, what it refuses, that it reads
 *	  nothing behind its input, and which of the sink's functions numbers take.
 */
#include "unit.h"

#include "core/json_parse.h"
#include "core/json_text.h"
#include "json_check.h"

/* Parses from a piece of heap memory of exactly that size: ASAN sees an over-read. */
static CdcStatus
parse_as(CdcStatus (*parse) (const uint8_t *, size_t, CdcSink *, CdcError *),
		 const char *text, size_t len, CdcJsonText *out, CdcError *err)
{
	uint8_t    *exact = malloc(len > 0 ? len : 1);
	CdcStatus	st;

	assert_non_null(exact);
	memcpy(exact, text, len);
	cdc_json_text_init(out);
	st = parse(exact, len, &out->sink, err);
	free(exact);
	return st;
}

static CdcStatus
parse(const char *text, size_t len, CdcJsonText *out, CdcError *err)
{
	return parse_as(cdc_json_parse, text, len, out, err);
}

static void
assert_parsed(const char *text, const char *expected)
{
	CdcJsonText out;
	CdcError	err;

	assert_ok(parse(text, strlen(text), &out, &err), &err);
	assert_string_equal(unit_text(&out.buf), expected);
	cdc_json_text_free(&out);
}

static void
assert_printed(const char *text, const char *expected)
{
	CdcJsonText out;
	CdcError	err;

	assert_ok(parse_as(cdc_json_parse_printed, text, strlen(text), &out, &err), &err);
	assert_string_equal(unit_text(&out.buf), expected);
	cdc_json_text_free(&out);
}

static void
test_documents(void **state)
{
	(void) state;
	assert_parsed("null", "null");
	assert_parsed(" [ true , false , null ] ", "[true,false,null]");
	assert_parsed("{}", "{}");
	assert_parsed("[]", "[]");
	assert_parsed("{\"a\": {\"b\": [1, {\"c\": []}]}, \"d\": \"e\"}", "{\"a\":{\"b\":[1,{\"c\":[]}]},\"d\":\"e\"}");
	assert_parsed("\"\"", "\"\"");
	assert_parsed("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\tz\"");
	assert_parsed("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00!\"", "\"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80!\"");
	assert_parsed("\"\\u0000\"", "\"\\u0000\"");
}

static void
test_numbers(void **state)
{
	(void) state;
	assert_parsed("[0, -1, 9223372036854775807, -9223372036854775808, 18446744073709551615]",
				  "[0,-1,9223372036854775807,-9223372036854775808,18446744073709551615]");
	/* beyond 64 bits: a decimal */
	assert_parsed("18446744073709551616", "18446744073709551616");
	assert_parsed("-9223372036854775809", "-9223372036854775809");
	/* all digits are kept */
	assert_parsed("[0.1, -1.50, 0.30000000000000004, 1.0, 0.0]", "[0.1,-1.50,0.30000000000000004,1.0,0.0]");
	assert_parsed("[1e10, 1E+2, -1.50e-7, 1e999]", "[1e10,1E+2,-1.50e-7,1e999]");
	assert_parsed("12345678901234567890.123456789012345", "12345678901234567890.123456789012345");
}

/* What a server of MySQL or MariaDB printed: doubles are told from decimals. */
static void
test_printed(void **state)
{
	CdcJsonText out;
	CdcError	err;

	(void) state;
	assert_printed("[0.1, 1.5, 0.30000000000000004]", "[0.1,1.5,0.30000000000000004]");
	assert_printed("1.7976931348623157e308", "1.7976931348623157e+308");
	/* decimals: a zero at the end, or digits that no double has */
	assert_printed("1.10", "1.10");
	assert_printed("12345678901234567890.123456789012345", "12345678901234567890.123456789012345");
	assert_printed("0.10000000000000001", "0.10000000000000001");
	assert_int_equal(parse_as(cdc_json_parse_printed, "1e999", 5, &out, &err), CDC_ERR_SYNTAX);
	cdc_json_text_free(&out);
	assert_int_equal(parse_as(cdc_json_parse_printed, "-1e999", 6, &out, &err), CDC_ERR_SYNTAX);
	cdc_json_text_free(&out);
}

static void
test_refused(void **state)
{
	static const char *const texts[] = {
		"", " ", "nul", "nullx", "tru", "[", "[1", "[1,", "[1,]", "[,]", "{", "{\"a\"", "{\"a\":", "{\"a\":1",
		"{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
		"\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"", "\"\n\"", "1 2", "-", "+1", "1-", "1e", "1.5.5",
		"--1", "[1 2]", "{\"a\" 1}", "]", "}", ":", "'a'", "01", "-01", ".5", "1.", "1.e5", "1e+"
	};

	(void) state;
	for (size_t i = 0; i < lengthof(texts); i++)
	{
		CdcJsonText out;
		CdcError	err;

		if (parse(texts[i], strlen(texts[i]), &out, &err) != CDC_ERR_SYNTAX)
			fail_msg("accepted: %s", texts[i]);
		assert_true(strlen(err.message) > 0);
		cdc_json_text_free(&out);
	}
}

static void
test_depth(void **state)
{
	char		text[2 * 513];
	CdcJsonText out;
	CdcError	err;

	(void) state;
	memset(text, '[', 512);
	memset(text + 512, ']', 512);
	assert_ok(parse(text, 1024, &out, &err), &err);
	assert_int_equal(out.buf.len, 1024);
	cdc_json_text_free(&out);
	memset(text, '[', 513);
	memset(text + 513, ']', 513);
	assert_int_equal(parse(text, 1026, &out, &err), CDC_ERR_LIMIT);
	assert_string_equal(err.message, "JSON at byte 512: nested deeper than 512 levels");
	cdc_json_text_free(&out);
}

/* Any prefix and any change of a byte gives a document or an error. */
static void
test_damaged(void **state)
{
	static const char good[] = "{\"k\\u00e9y\": [1, -2.50, 1e10, \"a\\ud83d\\ude00\\n\", null, true, {\"x\": {}}], \"z\": \"\"}";
	UnitRandom	r = {4711};

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		char		text[sizeof(good)];
		size_t		len = sizeof(good) - 1;
		CdcJsonText out;
		CdcError	err;
		CdcStatus	st;

		memcpy(text, good, sizeof(good));
		if (i < (int) len)
			len = (size_t) i;
		else
			for (int n = 0; n < 3; n++)
				text[unit_random_below(&r, len)] = (char) unit_random_below(&r, 128);
		st = parse(text, len, &out, &err);
		assert_true(st == CDC_OK || st == CDC_ERR_SYNTAX);
		if (st == CDC_OK)
			assert_true(json_check(out.buf.data, out.buf.len));
		cdc_json_text_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_printed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
