/*
 * binlog_json.c
 *	  Tests of JSON documents in MySQL's binary form: values of types that JSON
 *	  does not have are printed as the server prints them.
 */
#include "unit.h"

#include "binlog/json_binary.h"
#include "core/json_text.h"

/* The JSON text of a document that is nothing but an opaque value. */
static void
assert_opaque(uint8_t type, const uint8_t *bytes, size_t len, const char *json)
{
	uint8_t		doc[300];
	CdcJsonText out;
	CdcError	err;

	assert_true(len < 128);		/* one byte of length */
	doc[0] = 0x0f;
	doc[1] = type;
	doc[2] = (uint8_t) len;
	if (len > 0)
		memcpy(doc + 3, bytes, len);
	cdc_json_text_init(&out);
	assert_ok(cdc_json_binary_emit(doc, len + 3, &out.sink, &err), &err);
	assert_string_equal(unit_text(&out.buf), json);
	cdc_json_text_free(&out);
}

/* As MySQL 9.7.4 answers: JSON_ARRAY(CAST(x'00ff' AS BINARY)) and so on. */
static void
test_opaque(void **state)
{
	uint8_t		as[100];

	(void) state;
	memset(as, 'a', sizeof(as));
	assert_opaque(15, (const uint8_t *) "", 0, "\"base64:type15:\"");
	assert_opaque(15, (const uint8_t *) "\x00\xff", 2, "\"base64:type15:AP8=\"");
	assert_opaque(252, (const uint8_t *) "y", 1, "\"base64:type252:eQ==\"");
	assert_opaque(16, (const uint8_t *) "\x00\x01", 2, "\"base64:type16:AAE=\"");
#define LINE "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
	assert_opaque(15, as, 57, "\"base64:type15:" LINE "\"");
	assert_opaque(15, as, 58, "\"base64:type15:" LINE "\\nYQ==\"");
	assert_opaque(15, as, 100, "\"base64:type15:" LINE "\\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==\"");
}

/* Decimals keep their scale; times have six digits. */
static void
test_typed(void **state)
{
	/* decimal(20,10) of -0.000001: precision, scale, five bytes each */
	static const uint8_t decimal[] = {20, 10, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc, 0x17, 0xff};
	/* decimal(65,30) of 12345678901234567890123456789012345: 66 digits in JSON */
	static const uint8_t long_decimal[] = {
		66, 30, 0x80, 0xbc, 0x61, 0x4e, 0x35, 0xb7, 0xbf, 0x87, 0x35, 0x0e, 0x34, 0xc0, 0x2f, 0x07, 0x5f, 0x79,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
	};
	static const uint8_t date[] = {0, 0, 0, 0, 0, 0xba, 0xb2, 0x19};

	(void) state;
	assert_opaque(246, decimal, sizeof(decimal), "-0.0000010000");
	assert_opaque(246, long_decimal, sizeof(long_decimal),
				  "12345678901234567890123456789012345.000000000000000000000000000000");
	assert_opaque(10, date, sizeof(date), "\"2024-02-29\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
