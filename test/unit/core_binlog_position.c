/*
 * Places in a binlog: what is one, and which comes first.
 */
#include "core/binlog_position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
test_parse(void **state)
{
	static const char *const refused[] = {
		"", ":", ":4", "binlog", "binlog:4", "binlog.:4", ".:4", "binlog.000001", "binlog.000001:",
		"binlog.000001:x", "binlog.000001:4x", "binlog.000001:-4", "binlog.000001: 4",
		"binlog.000001:1234567890123456789", "0-1-2", "binlog.00000a:4",
		"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"
	};
	size_t		len;
	int64_t		offset;

	(void) state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(cdc_binlog_position_parse(refused[i], &len, &offset));
	assert_true(cdc_binlog_position_parse("binlog.000042:1234", &len, &offset));
	assert_int_equal(len, strlen("binlog.000042"));
	assert_int_equal(offset, 1234);
	assert_true(cdc_binlog_position_parse("a:b.c.1:999999999999999999", &len, &offset));
	assert_int_equal(len, strlen("a:b.c.1"));
	assert_true(offset == INT64_C(999999999999999999));
}

static void
test_text(void **state)
{
	char		buf[CDC_POSITION_TEXT];
	char		name[CDC_POSITION_TEXT * 2];

	(void) state;
	assert_int_equal(cdc_binlog_position_text(buf, "binlog.000042", 0), 15);
	assert_string_equal(buf, "binlog.000042:0");
	assert_int_equal(cdc_binlog_position_text(buf, "b.1", UINT64_MAX), 24);
	assert_string_equal(buf, "b.1:18446744073709551615");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_true(cdc_binlog_position_text(buf, name, UINT64_MAX) < sizeof(buf));
	assert_string_equal(buf + strlen(buf) - 22, "x:18446744073709551615");
}

static void
test_order(void **state)
{
	/* ascending */
	static const struct
	{
		const char *file;
		int64_t		offset;
	}			places[] = {
		{"bin.000001", 4}, {"bin.000001", 5}, {"bin.000002", 4}, {"bin.000010", 0},
		{"bin.999999", INT64_C(5000000000)}, {"bin.1000000", 4}, {"bin.1000001", 4}
	};
	int			n = sizeof(places) / sizeof(places[0]);

	(void) state;
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
		{
			int			order = cdc_binlog_position_compare(places[i].file, places[i].offset,
															places[j].file, places[j].offset);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
	/* a server that took over may name its files otherwise */
	assert_int_equal(cdc_binlog_file_compare("mysql-bin.000007", "binlog.000007"), 0);
	assert_true(cdc_binlog_file_compare("a", "b") < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
