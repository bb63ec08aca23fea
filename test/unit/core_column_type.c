/*
 * core_column_type.c
 *	  Tests of the column type parser.  The texts are what MySQL 5.6 and 9.7 and
 *	  MariaDB 10.11 return in information_schema.COLUMNS.COLUMN_TYPE.
 */
#include "unit.h"

#include "core/change.h"

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

static const struct
{
	const char *text;
	const char *data_type;
	bool		is_unsigned;
	uint32_t	length;
	uint16_t	precision;
	uint16_t	scale;
	uint8_t		fsp;
}			cases[] = {
	{"tinyint", "tinyint", false, 0, 0, 0, 0},
	{"tinyint(1)", "tinyint", false, 1, 0, 0, 0},
	{"tinyint(3) unsigned", "tinyint", true, 3, 0, 0, 0},
	{"int", "int", false, 0, 0, 0, 0},
	{"int unsigned", "int", true, 0, 0, 0, 0},
	{"INT(10) UNSIGNED ZEROFILL", "int", true, 10, 0, 0, 0},
	{"int(8) unsigned zerofill", "int", true, 8, 0, 0, 0},
	{"int(8) zerofill", "int", true, 8, 0, 0, 0},
	{"mediumint(9)", "mediumint", false, 9, 0, 0, 0},
	{"bigint(20) unsigned", "bigint", true, 20, 0, 0, 0},
	{"decimal", "decimal", false, 0, 10, 0, 0},
	{"decimal(5)", "decimal", false, 0, 5, 0, 0},
	{"decimal(10,2)", "decimal", false, 0, 10, 2, 0},
	{"decimal(65,38)", "decimal", false, 0, 65, 38, 0},
	{"decimal( 7 , 2 ) unsigned zerofill", "decimal", true, 0, 7, 2, 0},
	{"decimal(30,30)", "decimal", false, 0, 30, 30, 0},
	{"float", "float", false, 0, 0, 0, 0},
	{"float unsigned zerofill", "float", true, 0, 0, 0, 0},
	{"float(7,3)", "float", false, 0, 7, 3, 0},
	{"double(10,2) unsigned", "double", true, 0, 10, 2, 0},
	{"double", "double", false, 0, 0, 0, 0},
	{"bit", "bit", false, 1, 0, 0, 0},
	{"bit(1)", "bit", false, 1, 0, 0, 0},
	{"bit(64)", "bit", false, 64, 0, 0, 0},
	{"year", "year", false, 0, 0, 0, 0},
	{"year(4)", "year", false, 4, 0, 0, 0},
	{"year(2)", "year", false, 2, 0, 0, 0},
	{"date", "date", false, 0, 0, 0, 0},
	{"time", "time", false, 0, 0, 0, 0},
	{"time(6)", "time", false, 0, 0, 0, 6},
	{"datetime(3)", "datetime", false, 0, 0, 0, 3},
	{"timestamp(6)", "timestamp", false, 0, 0, 0, 6},
	{"time(3) /* mariadb-5.3 */", "time", false, 0, 0, 0, 3},
	{"datetime /* mariadb-5.3 */", "datetime", false, 0, 0, 0, 0},
	{"timestamp /* 5.5 binary format */", "timestamp", false, 0, 0, 0, 0},
	{"char", "char", false, 1, 0, 0, 0},
	{"char(0)", "char", false, 0, 0, 0, 0},
	{"char(255)", "char", false, 255, 0, 0, 0},
	{"varchar(16383)", "varchar", false, 16383, 0, 0, 0},
	{"varchar(20) /*M!100301 COMPRESSED*/", "varchar", false, 20, 0, 0, 0},
	{"text /*M!100301 COMPRESSED*/", "text", false, 0, 0, 0, 0},
	{"blob COMPRESSED", "blob", false, 0, 0, 0, 0},
	{"varchar(10) character set latin1 collate latin1_bin", "varchar", false, 10, 0, 0, 0},
	{"binary", "binary", false, 1, 0, 0, 0},
	{"binary(0)", "binary", false, 0, 0, 0, 0},
	{"varbinary(255)", "varbinary", false, 255, 0, 0, 0},
	{"tinytext", "tinytext", false, 0, 0, 0, 0},
	{"longblob", "longblob", false, 0, 0, 0, 0},
	{"json", "json", false, 0, 0, 0, 0},
	{"geometry", "geometry", false, 0, 0, 0, 0},
	{"geomcollection", "geomcollection", false, 0, 0, 0, 0},
	{"vector(2048)", "vector", false, 2048, 0, 0, 0},
	{"uuid", "uuid", false, 0, 0, 0, 0},
	{"inet6", "inet6", false, 0, 0, 0, 0},
	{"inet4", "inet4", false, 0, 0, 0, 0},
	{"newtype(7)", "newtype", false, 7, 0, 0, 0},
};

static void
test_types(void **state)
{
	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		CdcColumn	col = {0};
		CdcError	err;

		if (cdc_column_type_parse(arena, cases[i].text, &col, &err) != CDC_OK)
			fail_msg("%s: %s", cases[i].text, err.detail);
		assert_string_equal(col.data_type, cases[i].data_type);
		if (col.is_unsigned != cases[i].is_unsigned || col.length != cases[i].length ||
			col.precision != cases[i].precision || col.scale != cases[i].scale ||
			col.fsp != cases[i].fsp || col.nmembers != 0)
			fail_msg("%s: unsigned %d length %u precision %d scale %d fsp %d", cases[i].text,
					 col.is_unsigned, col.length, col.precision, col.scale, col.fsp);
	}
}

static void
assert_members(const char *text, int n, const CdcString *expected)
{
	CdcColumn	col = {0};
	CdcError	err;

	if (cdc_column_type_parse(arena, text, &col, &err) != CDC_OK)
		fail_msg("%s: %s", text, err.detail);
	assert_int_equal(col.nmembers, n);
	for (int i = 0; i < n; i++)
	{
		assert_int_equal(col.members[i].len, expected[i].len);
		assert_memory_equal(col.members[i].data, expected[i].data, expected[i].len);
	}
}

#define S(s) {s, sizeof(s) - 1}

static void
test_members(void **state)
{
	/* as MariaDB 10.11 prints it, also with NO_BACKSLASH_ESCAPES */
	static const CdcString hard[] = {
		S("it's"), S("back\\slash"), S("comma,paren)"), S(""), S("new\nline"), S("tab\tx"),
		S("cr\rx"), S("q\"q"), S("\0nul"), S("\xC3\xA9"), S("\x1A"), S("x'y")
	};
	static const CdcString backslash[] = {S("a\\nb"), S("c\\\\d"), S("it's")};
	static const CdcString quotes[] = {S("'"), S("''"), S("','"), S("\\'")};
	static const CdcString one[] = {S("\\")};
	static const CdcString hexadecimal[] = {S(""), S("a"), S("")};
	static const CdcString plain[] = {S("a"), S("b"), S("c d")};

	(void) state;
	assert_members("enum('it''s','back\\\\slash','comma,paren)','','new\\nline','tab\tx','cr\\rx',"
				   "'q\"q','\\0nul','\xC3\xA9','\x1A','x''y')", 12, hard);
	assert_members("enum('a\\\\nb','c\\\\\\\\d','it''s')", 3, backslash);

	/* bytes that are no text in the column's character set */
	assert_members("enum(x'e9','a',X'')", 3, hexadecimal);
	assert_members("set('''','''''',''',''','\\\\''')", 4, quotes);
	assert_members("set('\\\\')", 1, one);
	assert_members("set('a','b','c d')", 3, plain);
	assert_members("ENUM( 'a' , 'b' , 'c d' ) character set utf8mb4", 3, plain);
}

static void
test_many_members(void **state)
{
	CdcBuf		text = {0};
	CdcError	err;

	(void) state;
	for (int max = 64; max < 66000; max = max == 64 ? 65535 : max * 2)
	{
		const char *type = max == 64 ? "set" : "enum";

		for (int n = max; n <= max + 1; n++)
		{
			CdcColumn	col = {0};

			cdc_buf_reset(&text);
			cdc_buf_printf(&text, "%s(", type);
			for (int i = 0; i < n; i++)
				cdc_buf_printf(&text, "%s'm%d'", i > 0 ? "," : "", i);
			cdc_buf_printf(&text, ")");
			if (n == max)
			{
				assert_ok(cdc_column_type_parse(arena, unit_text(&text), &col, &err), &err);
				assert_int_equal(col.nmembers, n);
				assert_string_equal(col.members[n - 1].data, max == 64 ? "m63" : "m65534");
			}
			else
				assert_int_equal(cdc_column_type_parse(arena, unit_text(&text), &col, &err), CDC_ERR_VALUE);
		}
	}
	cdc_buf_free(&text);
}

static void
test_bad(void **state)
{
	static const char *const bad[] = {
		"", " ", "(10)", "int(", "int(10", "int()", "int(x)", "int(10,2)", "int(-1)", "int(10) (5)",
		"int(4294967296)", "int(99999999999999999999)", "decimal(1,2)", "decimal(66,0)", "decimal(0)",
		"decimal(10,2,3)", "decimal(65,39)", "time(7)", "datetime(3,3)", "bit(0)", "bit(65)",
		"enum", "enum()", "enum('a'", "enum('a", "enum(x", "enum(x'e9", "enum(x 'e9')", "enum('a',)", "enum(a)", "enum('a' 'b')", "enum('a\\",
		"set", "set(1)", "enum('a'))", "int unsigned)", "int /* open", "text /*M!100301 COMPRESSED",
		"varchar('a')", "char(1) character", "char(1) character sets x", "int;", "*/", "int */"
	};
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		CdcColumn	col = {0};
		CdcStatus	st = cdc_column_type_parse(arena, bad[i], &col, &err);

		if (st != CDC_ERR_VALUE && st != CDC_ERR_UNSUPPORTED)
			fail_msg("taken: %s", bad[i]);
		assert_string_not_equal(err.detail, "");
	}
	{
		CdcColumn	col = {0};

		assert_int_equal(cdc_column_type_parse(arena, "int enciphered", &col, &err), CDC_ERR_UNSUPPORTED);
	}
}

static void
test_memory_limit(void **state)
{
	CdcArena   *small = cdc_arena_create(64);
	CdcColumn	col = {0};
	CdcError	err;

	(void) state;
	assert_int_equal(cdc_column_type_parse(small, "enum('a','b','c','d','e')", &col, &err), CDC_ERR_LIMIT);
	cdc_arena_destroy(small);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_many_members),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_memory_limit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
