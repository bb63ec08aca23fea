/*
 * core_text_value.c
 *	  Tests of cells of a SELECT as values: every type, and text that a type
 *	  cannot have.
 */
#include "unit.h"

#include "core/event.h"
#include "core/json_text.h"
#include "core/text_value.h"

static CdcArena *arena;

static int
setup(void **state)
{
	(void) state;
	arena = cdc_arena_create(0);
	return arena == NULL;
}

static int
teardown(void **state)
{
	(void) state;
	cdc_arena_destroy(arena);
	return 0;
}

/* The value of text in a column of that type. */
static CdcStatus
convert(const char *type, const char *text, CdcValue *value, CdcError *err)
{
	CdcColumn	column;
	CdcString	cell = {text, text != NULL ? strlen(text) : 0};

	memset(&column, 0, sizeof(column));
	assert_ok(cdc_column_type_parse(arena, type, &column, err), err);
	column.column_type = type;
	return cdc_value_from_text(arena, &column, cell, value, err);
}

static void
assert_value(const char *type, const char *text, CdcValueKind kind, const char *json)
{
	CdcValue	value;
	CdcError	err;
	CdcJsonText out;

	assert_ok(convert(type, text, &value, &err), &err);
	assert_int_equal(value.kind, kind);
	cdc_json_text_init(&out);
	assert_ok(cdc_value_emit(&out.sink, &value, &err), &err);
	assert_string_equal(unit_text(&out.buf), json);
	cdc_json_text_free(&out);
}

static void
test_numbers(void **state)
{
	(void) state;
	assert_value("tinyint(4)", "-128", CDC_INT, "-128");
	assert_value("bigint(20)", "-9223372036854775808", CDC_INT, "-9223372036854775808");
	assert_value("bigint(20) unsigned", "18446744073709551615", CDC_UINT, "18446744073709551615");
	assert_value("int(8) unsigned zerofill", "00000042", CDC_UINT, "42");
	assert_value("year(4)", "0000", CDC_INT, "0");
	assert_value("bit(64)", "18446744073709551615", CDC_UINT, "18446744073709551615");
	assert_value("decimal(10,2)", "-12345678.90", CDC_DECIMAL, "-12345678.90");
	assert_value("decimal(8,3) unsigned zerofill", "00012.500", CDC_DECIMAL, "12.500");
	assert_value("decimal(8,3)", "0.000", CDC_DECIMAL, "0.000");
	/* a float times a double: all digits of the double */
	assert_value("float", "0.10000000149011612", CDC_FLOAT, "0.1");
	assert_value("double", "1.0000000000000002", CDC_DOUBLE, "1.0000000000000002");
	assert_value("int(11)", NULL, CDC_NULL, "null");
}

static void
test_text(void **state)
{
	(void) state;
	assert_value("varchar(10)", "a\"b", CDC_TEXT, "\"a\\\"b\"");
	assert_value("longtext", "", CDC_TEXT, "\"\"");
	assert_value("varbinary(10)", "\xff\x01", CDC_BYTES, "\"/wE=\"");
	assert_value("enum('a','b''c')", "2", CDC_TEXT, "\"b'c\"");
	assert_value("enum('a','b''c')", "0", CDC_TEXT, "\"\"");
	assert_value("set('one','two','three')", "5", CDC_SET, "[\"one\",\"three\"]");
	assert_value("set('one','two','three')", "0", CDC_SET, "[]");
	assert_value("set('1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16','17','18','19','20','21',"
				 "'22','23','24','25','26','27','28','29','30','31','32','33','34','35','36','37','38','39','40','41',"
				 "'42','43','44','45','46','47','48','49','50','51','52','53','54','55','56','57','58','59','60','61',"
				 "'62','63','64')", "9223372036854775809", CDC_SET, "[\"1\",\"64\"]");
	assert_value("json", "{\"a\": [1.5, null]}", CDC_JSON, "{\"a\":[1.5,null]}");
}

static void
test_times(void **state)
{
	(void) state;
	assert_value("date", "2024-02-29", CDC_DATE, "\"2024-02-29\"");
	assert_value("date", "0000-00-00", CDC_DATE, "\"0000-00-00\"");
	assert_value("time", "-838:59:59", CDC_TIME, "\"-838:59:59\"");
	assert_value("time(3)", "-00:00:00.001", CDC_TIME, "\"-00:00:00.001\"");
	assert_value("datetime", "9999-12-31 23:59:59", CDC_DATETIME, "\"9999-12-31 23:59:59\"");
	assert_value("datetime(6)", "1000-01-01 00:00:00.000001", CDC_DATETIME, "\"1000-01-01 00:00:00.000001\"");
	assert_value("timestamp(1)", "2024-01-01 00:00:00.5", CDC_TIMESTAMP, "\"2024-01-01 00:00:00.5\"");
}

static void
test_refused(void **state)
{
	static const char *const cases[][2] = {
		{"int(11)", ""}, {"int(11)", "x"}, {"int(11)", "1x"}, {"int(11) unsigned", "-1"},
		{"bigint(20)", "9223372036854775808"}, {"bigint(20) unsigned", "18446744073709551616"},
		{"decimal(5,2)", ""}, {"decimal(5,2)", "1e5"}, {"decimal(5,2)", "1-2"}, {"double", "nan"}, {"double", "1.5x"},
		{"enum('a')", "2"}, {"enum('a')", "a"}, {"set('a')", "2"}, {"date", "2024-1-01"}, {"date", "2024-01-01x"},
		{"time", "1:00:00"}, {"time", "01:00"}, {"time", "1000:00:00"}, {"datetime", "2024-01-01"},
		{"datetime", "2024-01-01T00:00:00"}, {"datetime(3)", "2024-01-01 00:00:00."}
	};
	CdcValue	value;
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		if (convert(cases[i][0], cases[i][1], &value, &err) != CDC_ERR_VALUE)
			fail_msg("%s took \"%s\"", cases[i][0], cases[i][1]);
	}
	assert_int_equal(convert("geometry", "x", &value, &err), CDC_ERR_CORRUPT);
	assert_int_equal(convert("row", "x", &value, &err), CDC_ERR_UNSUPPORTED);
}

static void
test_expressions(void **state)
{
	static const char *const cases[][2] = {
		{"int(11)", "`c`"}, {"float(7,2)", "`c`*1e0"}, {"double", "`c`*1e0"}, {"bit(5)", "CAST(`c` AS UNSIGNED)"},
		{"enum('a')", "CAST(`c` AS UNSIGNED)"}, {"set('a')", "CAST(`c` AS UNSIGNED)"}, {"json", "`c`"}, {"geometry", "`c`"}
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		CdcColumn	column;
		CdcBuf		buf = {0};
		CdcError	err;

		memset(&column, 0, sizeof(column));
		assert_ok(cdc_column_type_parse(arena, cases[i][0], &column, &err), &err);
		assert_true(cdc_select_expression(&column, "`c`", &buf));
		assert_string_equal(unit_text(&buf), cases[i][1]);
		cdc_buf_free(&buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_expressions),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
