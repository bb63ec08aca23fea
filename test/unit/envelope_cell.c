/*
 * envelope_cell.c
 *	  Values of envelopes against independent models: decimals against printf of
 *	  128-bit numbers, days and times against the C library's calendar, ISO 8601
 *	  against its own digits.
 */
#include "unit.h"

#include <time.h>

#include "core/base64.h"
#include "core/event.h"
#include "core/json_text.h"
#include "envelope/cell_emit.h"
#include "envelope/cell_time.h"
#include "envelope/doc_tree.h"

typedef struct Bench
{
	CdcArena   *arena;
	CdcJsonText out;
	CdcError	err;
} Bench;

static void
begin(Bench *b)
{
	memset(b, 0, sizeof(*b));
	b->arena = cdc_arena_create(0);
	cdc_json_text_init(&b->out);
}

static void
end(Bench *b)
{
	cdc_json_text_free(&b->out);
	cdc_arena_destroy(b->arena);
}

/* What a cell becomes; value: JSON text. */
static const char *
emit(Bench *b, CdcCellForm form, int scale, int fsp, const char *value)
{
	CdcCell		cell;

	cdc_arena_reset(b->arena);
	cdc_json_text_reset(&b->out);
	memset(&cell, 0, sizeof(cell));
	cell.name.data = "c";
	cell.name.len = 1;
	cell.type.form = form;
	cell.type.scale = scale;
	cell.type.fsp = fsp;
	assert_ok(cdc_doc_parse(b->arena, value, strlen(value), &cell.value, &b->err), &b->err);
	if (cdc_cell_emit(b->arena, &cell, &b->out.sink, &b->err) != CDC_OK)
		return b->err.message;
	return unit_text(&b->out.buf);
}

/* n as printf cannot print it, with scale digits behind the point. */
static void
print_scaled(char *buf, __int128 n, int scale)
{
	char		digits[64];
	int			len = 0;
	unsigned __int128 magnitude = n < 0 ? -(unsigned __int128) n : (unsigned __int128) n;

	do
	{
		digits[len++] = (char) ('0' + (int) (magnitude % 10));
		magnitude /= 10;
	} while (magnitude > 0 || len <= scale);
	if (n < 0)
		*buf++ = '-';
	while (len > 0)
	{
		if (len == scale)
			*buf++ = '.';
		*buf++ = digits[--len];
	}
	*buf = '\0';
}

static void
test_decimals(void **state)
{
	UnitRandom	random = {42};
	Bench		b;

	(void) state;
	begin(&b);
	for (int i = 0; i < 20000; i++)
	{
		int			bits = (int) unit_random_below(&random, 127);
		__int128	n = ((__int128) (unit_random(&random) >> 1) << 64 | unit_random(&random)) >> (126 - bits);
		int			scale = (int) unit_random_below(&random, 40);
		uint8_t		bytes[16];
		char		base64[40];
		char		value[48];
		char		expected[80];
		size_t		first = 0;

		if (unit_random(&random) & 1)
			n = -n - (int) unit_random_below(&random, 2);
		for (int j = 0; j < 16; j++)
			bytes[j] = (uint8_t) (n >> (8 * (15 - j)));
		/* as few bytes as Java's BigInteger makes, or one or two more */
		while (first < 15 && bytes[first] == (bytes[first + 1] & 0x80 ? 0xFF : 0))
			first++;
		if (first > 2)
			first -= unit_random_below(&random, 3);
		base64[cdc_base64(bytes + first, 16 - first, base64)] = '\0';
		snprintf(value, sizeof(value), "\"%s\"", base64);
		print_scaled(expected, n, scale);
		assert_string_equal(emit(&b, CDC_CELL_DECIMAL_BYTES, scale, -1, value), expected);
	}
	assert_string_equal(emit(&b, CDC_CELL_DECIMAL_BYTES, 0, -1, "\"\""), "0");
	assert_string_equal(emit(&b, CDC_CELL_DECIMAL_BYTES, -3, -1, "\"AA==\""), "0");
	assert_string_equal(emit(&b, CDC_CELL_DECIMAL_BYTES, 100000, -1, "\"AA==\""),
						"column \"c\" has a value of another form than its type");
	assert_string_equal(emit(&b, CDC_CELL_DECIMAL_BYTES, 2, -1, "null"), "null");
	end(&b);
}

static void
test_days(void **state)
{
	Bench		b;

	(void) state;
	begin(&b);
	for (int64_t days = -719162; days <= 2932896; days += 997)
	{
		time_t		seconds = days * 86400;
		struct tm	tm;
		char		value[32];
		char		expected[40];

		gmtime_r(&seconds, &tm);
		snprintf(value, sizeof(value), "%lld", (long long) days);
		snprintf(expected, sizeof(expected), "\"%04d-%02d-%02d\"", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
		assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, value), expected);
	}
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "-719162"), "\"0001-01-01\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "2932896"), "\"9999-12-31\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "2932897"), "\"10000-01-01\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "-719163"), "\"0001-12-31 BC\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "300000000"), "column \"c\" has a value of another form than its type");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "1.5"), "column \"c\" has a value of another form than its type");
	end(&b);
}

static void
test_datetimes(void **state)
{
	UnitRandom	random = {7};
	Bench		b;

	(void) state;
	begin(&b);
	for (int i = 0; i < 20000; i++)
	{
		/* years 1 to 9999 */
		int64_t		micros = (int64_t) unit_random_below(&random, UINT64_C(315537897600000000)) - INT64_C(62135596800000000);
		time_t		seconds = (time_t) (micros / 1000000 - (micros % 1000000 < 0 ? 1 : 0));
		int			fraction = (int) (micros - (int64_t) seconds * 1000000);
		struct tm	tm;
		char		value[64];
		char		expected[64];
		int64_t		back;

		gmtime_r(&seconds, &tm);
		snprintf(value, sizeof(value), "%lld", (long long) micros);
		snprintf(expected, sizeof(expected), "\"%04d-%02d-%02d %02d:%02d:%02d.%06d\"", tm.tm_year + 1900, tm.tm_mon + 1,
				 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
		assert_string_equal(emit(&b, CDC_CELL_DATETIME_MICROS, 0, 6, value), expected);
		assert_true(cdc_datetime_micros((CdcString) {expected + 1, strlen(expected) - 2}, &back) && back == micros);

		/* the same instant in another zone */
		if (i % 4 == 0 && micros > INT64_C(-62135500000000000) && micros < INT64_C(253402200000000000))
		{
			int			zone = (int) unit_random_below(&random, 24 * 60) - 12 * 60;
			time_t		local = seconds + zone * 60;
			char		iso[80];

			gmtime_r(&local, &tm);
			snprintf(iso, sizeof(iso), "\"%04d-%02d-%02dT%02d:%02d:%02d.%06d%c%02d:%02d\"", tm.tm_year + 1900, tm.tm_mon + 1,
					 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction, zone < 0 ? '-' : '+', abs(zone) / 60, abs(zone) % 60);
			assert_string_equal(emit(&b, CDC_CELL_DATETIME_TEXT, 0, -1, iso), expected);
		}
	}
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MILLIS, 0, 0, "-1000"), "\"1969-12-31 23:59:59\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MILLIS, 0, 0, "-1"), "\"1969-12-31 23:59:59.999\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NANOS, 0, -1, "1000"), "\"1970-01-01 00:00:00.000001\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NUMBER, 0, 3, "1000"), "\"1970-01-01 00:00:01.000\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NUMBER, 0, 4, "1000"), "\"1970-01-01 00:00:00.0010\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MICROS, 0, -1, "-62135596800000001"), "\"0001-12-31 23:59:59.999999 BC\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MICROS, 0, -1, "9223372036825200000"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MILLIS, 0, -1, "9223372036825200"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MILLIS, 0, -1, "-9223372036832400"), "\"-infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_MILLIS, 0, -1, "9223372036825200000"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NUMBER, 0, 0, "9223372036825200"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NANOS, 0, -1, "9223372036854775807"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "2146033979"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "-2147472692"), "\"infinity\"");
	assert_string_equal(emit(&b, CDC_CELL_DATE_DAYS, 0, -1, "-2147472691"), "\"-infinity\"");
	/* whose unit is a guess must not make it a date of its own */
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NUMBER, 0, 3, "1529507596945104"), "column \"c\" has a value of another form than its type");
	assert_string_equal(emit(&b, CDC_CELL_DATETIME_NUMBER, 0, 6, "-9223372036832400000"), "\"-infinity\"");
	end(&b);
}

static void
test_times(void **state)
{
	static const struct
	{
		CdcCellForm form;
		int			fsp;
		const char *value;
		const char *expected;
	}			cases[] = {
		{CDC_CELL_TIME_MICROS, 0, "-3020399000000", "\"-838:59:59\""},
		{CDC_CELL_TIME_MICROS, -1, "-1", "\"-00:00:00.000001\""},
		{CDC_CELL_TIME_MICROS, 6, "0", "\"00:00:00.000000\""},
		{CDC_CELL_TIME_MICROS, -1, "0", "\"00:00:00\""},
		{CDC_CELL_TIME_MILLIS, -1, "86400000", "\"24:00:00\""},
		{CDC_CELL_TIME_NANOS, -1, "1500000000", "\"00:00:01.500\""},
		{CDC_CELL_TIME_NANOS, -1, "-9223372036854775808", "\"-2562047:47:16.854775808\""},
		{CDC_CELL_TIME_TEXT, -1, "\"12:34:56Z\"", "\"12:34:56\""},
		{CDC_CELL_TIME_TEXT, -1, "\"12:34\"", "\"12:34:00\""},
		{CDC_CELL_TIME_TEXT, -1, "\"12:34:56+02:00\"", "\"12:34:56+02:00\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"1994-09-30:15:33:00\"", "\"1994-09-30 15:33:00\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"2024-06-01 12:00:00.123456+00\"", "\"2024-06-01 12:00:00.123456\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"2024-06-01T12:00Z\"", "\"2024-06-01 12:00:00\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"2024-06-01\"", "\"2024-06-01\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"0000-00-00 00:00:00\"", "\"0000-00-00 00:00:00\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"2024-06-01T12:00:00.100000000Z\"", "\"2024-06-01 12:00:00.100000\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"2024-06-01T12:00:00[Europe/Paris]\"", "\"2024-06-01T12:00:00[Europe/Paris]\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"9999-12-31T23:00:00-02:00\"", "\"9999-12-31T23:00:00-02:00\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"infinity\"", "\"infinity\""},
		{CDC_CELL_DATETIME_TEXT, -1, "\"\"", "\"\""}
	};
	Bench		b;

	(void) state;
	begin(&b);
	for (size_t i = 0; i < lengthof(cases); i++)
		assert_string_equal(emit(&b, cases[i].form, 0, cases[i].fsp, cases[i].value), cases[i].expected);
	end(&b);
}

static void
test_texts(void **state)
{
	static const struct
	{
		CdcCellForm form;
		int			scale;
		const char *value;
		const char *expected;
	}			cases[] = {
		{CDC_CELL_NUMBER_TEXT, 0, "\"-12.50\"", "-12.50"},
		{CDC_CELL_NUMBER_TEXT, 0, "\"0.5\"", "0.5"},
		{CDC_CELL_NUMBER_TEXT, 0, "\"007\"", "\"007\""},
		{CDC_CELL_NUMBER_TEXT, 0, "\"1e5\"", "\"1e5\""},
		{CDC_CELL_NUMBER_TEXT, 0, "\"-\"", "\"-\""},
		{CDC_CELL_NUMBER_TEXT, 0, "\"5.\"", "\"5.\""},
		{CDC_CELL_NUMBER_TEXT, 0, "\"NaN\"", "\"NaN\""},
		{CDC_CELL_NUMBER_TEXT, 0, "12", "12"},
		{CDC_CELL_BITS, 9, "\"VQE=\"", "341"},
		{CDC_CELL_BITS, 64, "\"//////////8=\"", "18446744073709551615"},
		{CDC_CELL_BITS, 70, "\"AQAAAAAAAAAA\"", "\"0000000000000000000000000000000000000000000000000000000000000000000001\""},
		{CDC_CELL_BITS, 0, "true", "true"},
		{CDC_CELL_SET_TEXT, 0, "\"a,b,c\"", "[\"a\",\"b\",\"c\"]"},
		{CDC_CELL_SET_TEXT, 0, "\"\"", "[]"},
		{CDC_CELL_JSON_TEXT, 0, "\"{\\\"a\\\": [1, \\\"x\\\"]}\"", "{\"a\":[1,\"x\"]}"},
		{CDC_CELL_JSON_TEXT, 0, "\"{\"", "column \"c\" has a value of another form than its type"},
		{CDC_CELL_HEX, 0, "\"\\\\x00fF\"", "\"AP8=\""},
		{CDC_CELL_HEX, 0, "\"abc\"", "column \"c\" has a value of another form than its type"},
		{CDC_CELL_UNSIGNED, 0, "-1", "18446744073709551615"},
		{CDC_CELL_UNSIGNED, 0, "1", "1"},
		{CDC_CELL_DECIMAL_STRUCT, 0, "{\"scale\":\"x\"}", "column \"c\" has a value of another form than its type"}
	};
	Bench		b;

	(void) state;
	begin(&b);
	for (size_t i = 0; i < lengthof(cases); i++)
		assert_string_equal(emit(&b, cases[i].form, cases[i].scale, -1, cases[i].value), cases[i].expected);
	end(&b);
}

static void
test_base64(void **state)
{
	UnitRandom	random = {3};

	(void) state;
	for (int i = 0; i < 5000; i++)
	{
		uint8_t		bytes[40];
		uint8_t		back[64];
		char		text[64];
		size_t		len = unit_random_below(&random, sizeof(bytes) + 1);
		size_t		n;

		for (size_t j = 0; j < len; j++)
			bytes[j] = (uint8_t) unit_random(&random);
		n = cdc_base64(bytes, len, text);
		assert_int_equal(cdc_base64_decode(text, n, back), len);
		assert_memory_equal(bytes, back, len);
		if (n > 0)
		{
			assert_int_equal(cdc_base64_decode(text, n - 1, back), -1);
			text[unit_random_below(&random, n)] = '*';
			assert_int_equal(cdc_base64_decode(text, n, back), -1);
		}
	}
	assert_int_equal(cdc_base64_decode("AA==AAAA", 8, (uint8_t[6]) {0}), -1);
	assert_int_equal(cdc_base64_decode("====", 4, (uint8_t[6]) {0}), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_datetimes),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_base64)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
