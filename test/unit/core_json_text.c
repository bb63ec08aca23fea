/*
 * core_json_text.c
 *	  Tests of the JSON text writer: always well-formed, digits round-trip.
 */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "core/json_text.h"
#include "json_check.h"

static CdcJsonText t;

static int
setup(void **state)
{
	(void) state;
	cdc_json_text_init(&t);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	cdc_json_text_free(&t);
	return 0;
}

#define OPS	(t.sink.ops)

static void
assert_text(const char *expected)
{
	assert_string_equal(unit_text(&t.buf), expected);
	assert_true(json_check(t.buf.data, t.buf.len));
	cdc_json_text_reset(&t);
}

static void
test_structure(void **state)
{
	(void) state;
	OPS->begin_object(&t.sink);
	OPS->key(&t.sink, "a", 1);
	OPS->int64(&t.sink, 1);
	OPS->key(&t.sink, "b", 1);
	OPS->begin_array(&t.sink);
	OPS->null(&t.sink);
	OPS->boolean(&t.sink, true);
	OPS->boolean(&t.sink, false);
	OPS->begin_object(&t.sink);
	OPS->end_object(&t.sink);
	OPS->begin_array(&t.sink);
	OPS->end_array(&t.sink);
	OPS->string(&t.sink, "x", 1);
	OPS->end_array(&t.sink);
	OPS->key(&t.sink, "c", 1);
	OPS->decimal(&t.sink, "-12.50", 6);
	OPS->end_object(&t.sink);
	assert_text("{\"a\":1,\"b\":[null,true,false,{},[],\"x\"],\"c\":-12.50}");
}

static void
test_integers(void **state)
{
	(void) state;
	OPS->int64(&t.sink, INT64_MIN);
	assert_text("-9223372036854775808");
	OPS->int64(&t.sink, INT64_MAX);
	assert_text("9223372036854775807");
	OPS->uint64(&t.sink, UINT64_MAX);
	assert_text("18446744073709551615");
	OPS->int64(&t.sink, 0);
	assert_text("0");
	OPS->uint64(&t.sink, 10);
	assert_text("10");
}

static void
test_strings(void **state)
{
	(void) state;
	OPS->string(&t.sink, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\xC3\xA9\xF0\x9F\x98\x80", 20);
	assert_text("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xC3\xA9\xF0\x9F\x98\x80\"");
	assert_false(t.sink.has_nul);
	OPS->string(&t.sink, "a\0b", 3);
	assert_true(t.sink.has_nul);
	assert_text("\"a\\u0000b\"");
	assert_false(t.sink.has_nul);	/* reset cleared it */
	OPS->string(&t.sink, "", 0);
	assert_text("\"\"");
	OPS->string(&t.sink, NULL, 0);
	assert_text("\"\"");
	OPS->begin_object(&t.sink);
	OPS->key(&t.sink, "\"\0", 2);
	OPS->null(&t.sink);
	OPS->end_object(&t.sink);
	assert_true(t.sink.has_nul);
	assert_text("{\"\\\"\\u0000\":null}");
}

static void
test_decimals(void **state)
{
	static const char *const same[] = {
		"0", "-0", "1", "-1.5", "0.00", "1e5", "-1.50E-7", "1e+999", "123456789012345678901234567890.123456789012345678901234567890"
	};
	static const char *const bad[] = {"", "-", ".", "1.2.3", "1e", "e5", "1e+", "1.e5.", "-e1", "1e5e5", "+1", "--1", "0x1", " 1", "1 ", "NaN"};

	(void) state;
	for (size_t i = 0; i < lengthof(same); i++)
	{
		OPS->decimal(&t.sink, same[i], strlen(same[i]));
		assert_text(same[i]);
	}
	OPS->decimal(&t.sink, "-00012.50", 9);
	assert_text("-12.50");
	OPS->decimal(&t.sink, "-.5", 3);
	assert_text("-0.5");
	OPS->decimal(&t.sink, "7.", 2);
	assert_text("7");
	OPS->decimal(&t.sink, "000", 3);
	assert_text("0");
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		assert_int_equal(OPS->decimal(&t.sink, bad[i], strlen(bad[i])), CDC_ERR_VALUE);
		cdc_json_text_reset(&t);
	}
}

/* Number of significant digits in a number's text. */
static int
count_digits(const char *s)
{
	int			n = 0;
	int			zeros = 0;

	for (; *s != '\0' && *s != 'e'; s++)
	{
		if (*s < '0' || *s > '9' || (n == 0 && *s == '0'))
			continue;
		zeros = *s == '0' ? zeros + 1 : 0;
		n++;
	}
	return n - zeros;
}

/* Reads back as v, and no text with one digit less does. */
static void
check_double(double v)
{
	const char *text;
	int			digits;
	char		shorter[64];

	cdc_json_text_reset(&t);
	OPS->float8(&t.sink, v);
	text = unit_text(&t.buf);
	assert_true(json_check(text, strlen(text)));
	if (memcmp(&(double) {strtod(text, NULL)}, &v, sizeof(v)) != 0)
		fail_msg("%s does not read back as %.17g", text, v);
	digits = count_digits(text);
	if (digits > 1)
	{
		snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, v);
		if (strtod(shorter, NULL) == v)
			fail_msg("%s is longer than %s", text, shorter);
	}
}

static void
check_float(float v)
{
	const char *text;
	int			digits;
	char		shorter[64];

	cdc_json_text_reset(&t);
	OPS->float4(&t.sink, v);
	text = unit_text(&t.buf);
	assert_true(json_check(text, strlen(text)));
	if (memcmp(&(float) {strtof(text, NULL)}, &v, sizeof(v)) != 0)
		fail_msg("%s does not read back as %.9g", text, (double) v);
	digits = count_digits(text);
	if (digits > 1)
	{
		snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, (double) v);
		if (strtof(shorter, NULL) == v)
			fail_msg("%s is longer than %s", text, shorter);
	}
}

static void
test_random_floats(void **state)
{
	UnitRandom	random = {.state = 42};

	(void) state;
	for (int i = 0; i < 30000; i++)
	{
		uint64_t	bits = unit_random(&random);
		uint32_t	bits4 = (uint32_t) (bits >> 13);
		double		d;
		float		f;

		memcpy(&d, &bits, sizeof(d));
		if (isfinite(d))
			check_double(d);
		memcpy(&f, &bits4, sizeof(f));
		if (isfinite(f))
			check_float(f);
		/* what people store: few decimals */
		check_double((double) (int64_t) (bits % 20000000 - 10000000) / 100.0);
		check_float((float) (bits4 % 200000) / 100.0f);
	}
	for (int e = -1074; e <= 1023; e++)
	{
		check_double(ldexp(1, e));
		check_double(-ldexp(1, e));
		check_double(nextafter(ldexp(1, e), 0));
		check_double(nextafter(ldexp(1, e), INFINITY));
	}
	for (int e = -149; e <= 127; e++)
	{
		check_float(ldexpf(1, e));
		check_float(nextafterf(ldexpf(1, e), 0));
		check_float(nextafterf(ldexpf(1, e), INFINITY));
	}
}

static void
test_known_floats(void **state)
{
	static const struct
	{
		double		v;
		const char *text;
	}			known[] = {
		{0.0, "0"}, {-0.0, "-0"}, {1.0, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {100000, "100000"},
		{1e15, "1e+15"}, {999999999999999.0, "999999999999999"}, {1e-5, "0.00001"},
		{1.5e-6, "1.5e-06"}, {1e300, "1e+300"}, {DBL_MAX, "1.7976931348623157e+308"},
		{DBL_MIN, "2.2250738585072014e-308"}, {4.9406564584124654e-324, "5e-324"},
		{0.30000000000000004, "0.30000000000000004"}, {123456.789, "123456.789"},
		/* 2^-44: the nearest 16-digit decimal reads back as another number */
		{5.6843418860808015e-14, "5.684341886080802e-14"},
		{9007199254740993.0, "9.007199254740992e+15"}
	};

	(void) state;
	for (size_t i = 0; i < lengthof(known); i++)
	{
		OPS->float8(&t.sink, known[i].v);
		assert_text(known[i].text);
	}
	OPS->float4(&t.sink, 0.1f);
	assert_text("0.1");
	OPS->float4(&t.sink, FLT_MAX);
	assert_text("3.4028235e+38");
	OPS->float4(&t.sink, 16777216.0f);
	assert_text("16777216");
	OPS->float4(&t.sink, 1e-45f);
	assert_text("1e-45");
	OPS->float8(&t.sink, NAN);
	assert_text("null");
	OPS->float8(&t.sink, -INFINITY);
	assert_text("null");
}

/* Depth is bounded, and an end without a beginning refused. */
static void
test_depth(void **state)
{
	int			depth = 0;

	(void) state;
	while (OPS->begin_array(&t.sink) == CDC_OK)
		depth++;
	assert_in_range(depth, 200, 100000);
	while (depth-- > 0)
		assert_int_equal(OPS->end_array(&t.sink), CDC_OK);
	assert_true(json_check(t.buf.data, t.buf.len));
	assert_int_equal(OPS->end_array(&t.sink), CDC_ERR_INTERNAL);
}

/* Writes a random value; returns when the budget is used up. */
static void
random_value(UnitRandom *r, int depth)
{
	unsigned	kind = (unsigned) unit_random_below(r, depth > 5 ? 7 : 9);
	char		text[64];
	size_t		len = unit_random_below(r, sizeof(text));

	for (size_t i = 0; i < len; i++)
		text[i] = (char) unit_random_below(r, 128);
	switch (kind)
	{
		case 0:
			assert_int_equal(OPS->null(&t.sink), CDC_OK);
			break;
		case 1:
			assert_int_equal(OPS->boolean(&t.sink, depth % 2 == 0), CDC_OK);
			break;
		case 2:
			assert_int_equal(OPS->int64(&t.sink, (int64_t) unit_random(r)), CDC_OK);
			break;
		case 3:
			assert_int_equal(OPS->float8(&t.sink, (double) unit_random(r) / 3), CDC_OK);
			break;
		case 4:
			assert_int_equal(OPS->decimal(&t.sink, "1.25", 4), CDC_OK);
			break;
		case 5:
		case 6:
			assert_int_equal(OPS->string(&t.sink, text, len), CDC_OK);
			break;
		case 7:
			assert_int_equal(OPS->begin_array(&t.sink), CDC_OK);
			for (uint64_t n = unit_random_below(r, 5); n > 0; n--)
				random_value(r, depth + 1);
			assert_int_equal(OPS->end_array(&t.sink), CDC_OK);
			break;
		default:
			assert_int_equal(OPS->begin_object(&t.sink), CDC_OK);
			for (uint64_t n = unit_random_below(r, 5); n > 0; n--)
			{
				char		key[4] = {(char) unit_random_below(r, 128), '0', (char) ('0' + n), '\0'};

				assert_int_equal(OPS->key(&t.sink, key, 3), CDC_OK);
				random_value(r, depth + 1);
			}
			assert_int_equal(OPS->end_object(&t.sink), CDC_OK);
			break;
	}
}

static void
test_random_documents(void **state)
{
	UnitRandom	random = {.state = 7};

	(void) state;
	for (int i = 0; i < 5000; i++)
	{
		cdc_json_text_reset(&t);
		random_value(&random, 0);
		if (!json_check(t.buf.data, t.buf.len))
			fail_msg("not JSON: %s", unit_text(&t.buf));
	}
}

/* The checker itself refuses what is not JSON. */
static void
test_checker(void **state)
{
	static const char *const bad[] = {
		"", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\"}", "{a:1}", "01", "1.", ".5", "-", "+1", "1e",
		"\"\n\"", "\"\\x\"", "\"\\u00g0\"", "nul", "1 ", "[1 2]", "\"\xC0\x80\"", "\"\xED\xA0\x80\"",
		"{\"a\":1,\"a\":2}", "\"\xE2\x82\"", "[1]]", "NaN"
	};

	(void) state;
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		if (json_check(bad[i], strlen(bad[i])))
			fail_msg("taken for JSON: %s", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checker),
		cmocka_unit_test_setup_teardown(test_structure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_integers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decimals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_floats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_floats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_documents, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
