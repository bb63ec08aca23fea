/*
 * core_default_value.c
 *	  Tests of what rows have in columns that were not named: constants in the form of
 *	  both families of servers, what types imply, and what is not guessed at; and of what
 *	  a statement says of them.
 */
#include "unit.h"

#include "core/default_value.h"
#include "core/event.h"
#include "core/json_text.h"
#include "core/statement_rows.h"

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

typedef struct Case
{
	const char *type;
	bool		not_null;
	const char *text;
	const char *json;			/* NULL: not known */
} Case;

static void
assert_default(const Case *c, bool literals)
{
	CdcColumn	column;
	CdcValue	value;
	CdcJsonText out;
	CdcError	err;

	memset(&column, 0, sizeof(column));
	assert_ok(cdc_column_type_parse(arena, c->type, &column, &err), &err);
	column.column_type = c->type;
	column.nullable = !c->not_null;
	column.default_value = c->text;
	if (!cdc_default_value(arena, &column, literals, &value))
	{
		if (c->json != NULL)
			fail_msg("%s default %s is not known", c->type, c->text != NULL ? c->text : "(none)");
		return;
	}
	cdc_json_text_init(&out);
	assert_ok(cdc_value_emit(&out.sink, &value, &err), &err);
	if (c->json == NULL)
		fail_msg("%s default %s is %s", c->type, c->text != NULL ? c->text : "(none)", unit_text(&out.buf));
	assert_string_equal(unit_text(&out.buf), c->json);
	cdc_json_text_free(&out);
}

static void
test_plain(void **state)
{
	static const Case cases[] = {
		{"int", false, NULL, "null"},
		{"int(5) unsigned zerofill", false, "00007", "7"},
		{"bigint", false, "-3", "-3"},
		{"varchar(9)", false, "NULL", "\"NULL\""},
		{"varchar(9)", false, "'a'", "\"'a'\""},
		{"decimal(8,2)", false, "1.50", "1.50"},
		{"float", false, "0.25", "0.25"},
		{"float", false, "0.123457", NULL},
		{"double", false, "0.123457", "0.123457"},
		{"enum('x','y')", false, "y", "\"y\""},
		{"enum('x','y')", false, "z", NULL},
		{"set('a','b','c')", false, "a,c", "[\"a\",\"c\"]"},
		{"set('a','b')", false, "", "[]"},
		{"bit(10)", false, "b'1000000101'", "517"},
		{"bit(10)", false, "5", NULL},
		{"datetime(3)", false, "2020-02-03 04:05:06.500", "\"2020-02-03 04:05:06.500\""},
		{"datetime", false, "CURRENT_TIMESTAMP", NULL},
		{"datetime", false, "2020-02-03 04:05:06.5", NULL},
		{"time(1)", false, "04:05:06.19", NULL},
		{"decimal(3,1)", false, "1.55", NULL},
		{"timestamp", false, "2020-02-03 04:05:06", NULL},
		{"timestamp", true, "0000-00-00 00:00:00", "\"0000-00-00 00:00:00\""},
		{"time", false, "-04:05:06", "\"-04:05:06\""},
		{"varbinary(9)", false, "0x4100", "\"QQA=\""},
		{"varbinary(9)", false, "ab", NULL},
		{"varbinary(9)", false, "0x4", NULL},
		{"binary(3)", false, "0x41", "\"QQAA\""},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
		assert_default(&cases[i], false);
}

static void
test_literals(void **state)
{
	static const Case cases[] = {
		{"int", false, "NULL", "null"},
		{"int", true, NULL, "0"},
		{"int", false, "-5", "-5"},
		{"int", false, "(1 + 1)", NULL},
		{"varchar(9)", false, "'it''s \\\\ \\n'", "\"it's \\\\ \\n\""},
		{"varchar(9)", false, "'NULL'", "\"NULL\""},
		{"varchar(9)", false, "'a' = 'b'", NULL},
		{"varchar(9)", false, "'a", NULL},
		{"varchar(9)", false, "'a\\q'", NULL},
		{"varchar(9)", false, "uuid()", NULL},
		{"datetime", false, "current_timestamp()", NULL},
		{"varbinary(9)", false, "x'00ff'", "\"AP8=\""},
		{"varbinary(9)", false, "'a\\0b'", "\"YQBi\""},
		{"varbinary(9)", false, "'a?'", NULL},
		{"bit(3)", false, "b'101'", "5"},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
		assert_default(&cases[i], true);
}

static void
test_implied(void **state)
{
	static const Case cases[] = {
		{"bigint unsigned", true, NULL, "0"},
		{"decimal(8,3)", true, NULL, "0.000"},
		{"decimal(8)", true, NULL, "0"},
		{"double", true, NULL, "0"},
		{"year(4)", true, NULL, "0"},
		{"varchar(3)", true, NULL, "\"\""},
		{"text", true, NULL, "\"\""},
		{"blob", true, NULL, "\"\""},
		{"binary(2)", true, NULL, "\"AAA=\""},
		{"enum('x','y')", true, NULL, "\"x\""},
		{"set('x','y')", true, NULL, "[]"},
		{"bit(3)", true, NULL, "0"},
		{"date", true, NULL, "\"0000-00-00\""},
		{"time(2)", true, NULL, "\"00:00:00.00\""},
		{"datetime(1)", true, NULL, "\"0000-00-00 00:00:00.0\""},
		{"json", true, NULL, NULL},
		{"point", true, NULL, NULL},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
		assert_default(&cases[i], false);
}

static void
test_statements(void **state)
{
	static const struct
	{
		const char *sql;
		CdcAbsentMeaning meaning;
	}			cases[] = {
		{"UPDATE t SET a = 1", CDC_ABSENT_KEPT},
		{"update d.u, `D`.`T` as x set x.a = 1", CDC_ABSENT_KEPT},
		{"UPDATE other SET t = 1", CDC_ABSENT_UNKNOWN},
		{"INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = 2", CDC_ABSENT_KEPT},
		{"/* REPLACE */ insert ignore d.t set a = 1", CDC_ABSENT_KEPT},
		{"INSERT INTO other SELECT * FROM t", CDC_ABSENT_UNKNOWN},
		{"REPLACE INTO \"t\" VALUES (1)", CDC_ABSENT_DEFAULT},
		{"SET STATEMENT max_statement_time = 5 FOR REPLACE DELAYED t VALUES (1)", CDC_ABSENT_DEFAULT},
		{"REPLACE INTO other SELECT * FROM t", CDC_ABSENT_UNKNOWN},
		{"LOAD DATA INFILE 'replace' INTO TABLE t", CDC_ABSENT_KEPT},
		{"LOAD DATA LOCAL INFILE 'x' REPLACE INTO TABLE d.t (a)", CDC_ABSENT_DEFAULT},
		{"LOAD DATA INFILE 'x' REPLACE INTO TABLE other", CDC_ABSENT_UNKNOWN},
		{"CALL p()", CDC_ABSENT_UNKNOWN},
		{"UPDATE t", CDC_ABSENT_UNKNOWN},
		{"", CDC_ABSENT_UNKNOWN},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		CdcString	sql = {cases[i].sql, strlen(cases[i].sql)};

		if (cdc_absent_meaning(sql, "t") != cases[i].meaning)
			fail_msg("%s", cases[i].sql);
	}
	assert_int_equal(cdc_absent_meaning((CdcString) {NULL, 0}, "t"), CDC_ABSENT_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_implied),
		cmocka_unit_test(test_statements),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
