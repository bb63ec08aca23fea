/*
 * core_dml.c
 *	  Tests of which tables a statement with row changes is found to change.
 */
#include "unit.h"

#include "core/dml.h"

static void
note(const char *database, const char *table, void *arg)
{
	CdcBuf	   *out = arg;

	cdc_buf_printf(out, "%s%s.%s", out->len > 0 ? " " : "", database, table);
}

typedef struct Case
{
	const char *sql;
	bool		exact;
	const char *names;
} Case;

static void
test_names(void **state)
{
	static const Case cases[] = {
		{"INSERT INTO t VALUES (1)", true, "def.t"},
		{"insert low_priority ignore t (a) select a from u", true, "def.t"},
		{"REPLACE DELAYED INTO `x`.`t``s` VALUES (1)", true, "x.t`s"},
		{"/* c */ DELETE QUICK FROM x.t WHERE a = 1", true, "x.t"},
		{"DELETE FROM t", true, "def.t"},
		{"DELETE FROM t, u USING t JOIN u", false, NULL},
		{"DELETE t, x.u FROM t JOIN x.u", false, NULL},
		{"SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)", true, "def.t"},
		{"UPDATE t SET a = 1", false, "def.t"},
		{"UPDATE IGNORE x.t, u AS v SET a = b", false, NULL},
		{"LOAD DATA INFILE 'into table z' REPLACE INTO TABLE x.`t` (a)", true, "x.t"},
		{"LOAD DATA", false, ""},
		{"INSERT INTO", false, ""},
		{"SELECT f(1)", false, NULL},
		{"", false, ""}};
	CdcBuf		names = {0};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		size_t		len = strlen(cases[i].sql);
		char	   *copy = malloc(len > 0 ? len : 1);
		bool		exact;

		memcpy(copy, cases[i].sql, len);
		cdc_buf_reset(&names);
		exact = cdc_dml_tables((CdcString) {copy, len}, (CdcString) {"def", 3}, 0, note, &names);
		free(copy);
		if (exact != cases[i].exact || (cases[i].names != NULL && strcmp(unit_text(&names), cases[i].names) != 0))
			fail_msg("%s: %d, names \"%s\"", cases[i].sql, exact, unit_text(&names));
	}
	cdc_buf_reset(&names);
	(void) cdc_dml_tables((CdcString) {"UPDATE a, x.b AS c JOIN `d` SET e.f = 1", 39}, (CdcString) {NULL, 0}, 0,
						  note, &names);
	assert_string_equal(unit_text(&names), ".a .x x.b .b .AS .c .JOIN .d");
	cdc_buf_free(&names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
