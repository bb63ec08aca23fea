/*
 * core_value.c
 *	  Tests of the text of dates and times.
 */
#include "unit.h"

#include "core/value.h"

static void
assert_temporal(CdcValueKind kind, CdcTemporal t, const char *expected)
{
	char		buf[CDC_TEMPORAL_TEXT];
	size_t		len;

	memset(buf, 'x', sizeof(buf));
	len = cdc_temporal_text(kind, &t, buf);
	assert_string_equal(buf, expected);
	assert_int_equal(len, strlen(expected));
}

static void
test_dates(void **state)
{
	(void) state;
	assert_temporal(CDC_DATE, (CdcTemporal) {.year = 2024,.month = 2,.day = 29}, "2024-02-29");
	assert_temporal(CDC_DATE, (CdcTemporal) {.year = 1}, "0001-00-00");
	assert_temporal(CDC_DATE, (CdcTemporal) {0}, "0000-00-00");
	assert_temporal(CDC_DATE, (CdcTemporal) {.year = 2024,.month = 5}, "2024-05-00");
	assert_temporal(CDC_DATE, (CdcTemporal) {.year = 9999,.month = 12,.day = 31,.hour = 5,.fsp = 3},
					"9999-12-31");
}

static void
test_times(void **state)
{
	(void) state;
	assert_temporal(CDC_TIME, (CdcTemporal) {.hour = 838,.minute = 59,.second = 59,.negative = true},
					"-838:59:59");
	assert_temporal(CDC_TIME, (CdcTemporal) {0}, "00:00:00");
	assert_temporal(CDC_TIME, (CdcTemporal) {.hour = 1,.negative = true}, "-01:00:00");
	assert_temporal(CDC_TIME, (CdcTemporal) {.micros = 1,.fsp = 6,.negative = true}, "-00:00:00.000001");
	assert_temporal(CDC_TIME, (CdcTemporal) {.hour = 100,.micros = 120000,.fsp = 2}, "100:00:00.12");
}

static void
test_fractions(void **state)
{
	static const char *const expected[] = {
		"", ".0", ".01", ".012", ".0123", ".01234", ".012345"
	};
	char		text[64];

	(void) state;
	for (uint8_t fsp = 0; fsp <= 6; fsp++)
	{
		CdcTemporal t = {.year = 2024,.month = 1,.day = 2,.hour = 3,.minute = 4,.second = 5,
		.micros = 12345,.fsp = fsp};

		snprintf(text, sizeof(text), "2024-01-02 03:04:05%s", expected[fsp]);
		assert_temporal(CDC_DATETIME, t, text);
		assert_temporal(CDC_TIMESTAMP, t, text);
	}
	assert_temporal(CDC_TIMESTAMP, (CdcTemporal) {.fsp = 3}, "0000-00-00 00:00:00.000");
}

/* Fields out of any range stay within the buffer. */
static void
test_absurd(void **state)
{
	CdcTemporal t;

	(void) state;
	memset(&t, 0xFF, sizeof(t));
	t.negative = true;
	for (int kind = CDC_DATE; kind <= CDC_TIMESTAMP; kind++)
	{
		char		buf[CDC_TEMPORAL_TEXT];
		size_t		len = cdc_temporal_text((CdcValueKind) kind, &t, buf);

		assert_true(len < sizeof(buf));
		assert_int_equal(strlen(buf), len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_fractions),
		cmocka_unit_test(test_absurd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
