/*
 * core_dml.c
 *	  Tests of which tables a statement with row changes is found to change, and what to call.
 */
#include "unit.h"

#include "core/dml.h"

/* db.table, f:db.function, s:db.function where it is called with its database, p:db.procedure */
static void
note(CdcDmlKind kind, const char *database, const char *name, void *arg)
{
	static const char *const prefix[] = {"", "f:", "s:", "p:"};
	CdcBuf	   *out = arg;

	cdc_buf_printf(out, "%s%s%s.%s", out->len > 0 ? " " : "", prefix[kind], database, name);
}

typedef struct Case
{
	const char *sql;
	bool		exact;
	const char *names;
} Case;

/* A copy without anything behind it. */
static CdcString
copy_of(const char *text)
{
	size_t		len = strlen(text);
	char	   *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, text, len);
	return (CdcString) {copy, len};
}

static void
test_names(void **state)
{
	static const Case cases[] = {
		{"INSERT INTO t VALUES (1)", true, "def.t"},
		{"insert low_priority ignore t (a) select a from u", true, "def.t"},
		{"INSERT INTO t (a, b) VALUES (f(1), x.g (2)) ON DUPLICATE KEY UPDATE a = VALUES(a)", true,
		"def.t f:def.f s:x.g"},
		{"INSERT x.t(a) SELECT `h`(a) FROM u JOIN v ON (1) WHERE a IN (SELECT 1)", true, "x.t f:def.h"},
		{"REPLACE DELAYED INTO `x`.`t``s` VALUES (1)", true, "x.t`s"},
		{"/* c */ DELETE QUICK FROM x.t WHERE a = 1", true, "x.t"},
		{"DELETE FROM t WHERE f(a)", true, "def.t f:def.f"},
		{"DELETE FROM t, u USING t JOIN u", true, "def.t def.u"},
		{"DELETE t, x.u FROM t JOIN x.u JOIN v", true, "def.t x.u"},
		{"DELETE a.*, x.u.* FROM t AS a JOIN x.u ON (a.i = u.i) JOIN v WHERE f(1)", true, "def.t x.u f:def.f"},
		{"DELETE FROM a, u USING t a, x.u, v", true, "def.t x.u"},
		{"DELETE HISTORY FROM t", false, NULL},
		{"DELETE o FROM t JOIN u", false, NULL},
		{"SET STATEMENT max_statement_time=1 FOR INSERT INTO t VALUES (1)", true, "def.t"},
		{"UPDATE t SET a = 1", true, "def.t"},
		{"UPDATE t SET a = x.f(1)", true, "def.t s:x.f"},
		{"UPDATE IGNORE x.t, u AS v SET a = b", true, "x.t def.u"},
		{"UPDATE a JOIN b ON a.i = b.i SET a.v = b.v WHERE b.v IN (SELECT v FROM c)", true, "def.a"},
		{"UPDATE x.t AS a PARTITION (p) LEFT JOIN (u b, (SELECT 1 v FROM o) c) USING (i, j) SET b.v = (SELECT max(v) FROM o), `B`.`w` = 1 LIMIT 2", true, "def.u f:def.max"},
		{"UPDATE x.t PARTITION (p) a STRAIGHT_JOIN u b FORCE INDEX FOR JOIN (i) ON f(a.i, 1) SET a.v = if(1, 2, 3), b.v = 1", true, "x.t def.u f:def.f f:def.if"},
		{"UPDATE x.t, def.u SET x.t.v = 1, def.u.v = 2", true, "x.t def.u"},
		{"UPDATE x.t, u, y.u SET u.v = 1", true, "def.u y.u"},
		{"UPDATE x.t, u SET x.t.v = 1, w = 2", true, "x.t def.u"},
		{"UPDATE x.u a, u SET a.v = 1", true, "x.u"},
		{"UPDATE t, JSON_TABLE(@j, '$' COLUMNS (i int PATH '$')) j SET t.a = j.i", true, "def.t f:def.JSON_TABLE f:def.COLUMNS"},
		{"UPDATE { OJ a LEFT JOIN b ON 1 } SET a.v = 1", false, NULL},
		{"UPDATE t, u SET o.v = 1", false, NULL},
		{"UPDATE t, u SET t.v := 1", false, NULL},
		{"UPDATE t,", false, NULL},
		{"UPDATE t SET", false, NULL},
		{"LOAD DATA INFILE 'into table z' REPLACE INTO TABLE x.`t` (a) SET b = f(@c)", true, "x.t f:def.f"},
		{"LOAD DATA", false, ""},
		{"INSERT INTO", false, ""},
		{"SELECT `x`.`f`(1)", true, "s:x.f"},
		{"DO f((SELECT g(a) FROM o))", true, "f:def.f f:def.g"},
		{"(SELECT f(1))", true, "f:def.f"},
		{"ANALYZE FORMAT=JSON DELETE FROM t", true, "def.t"},
		{"WITH c AS (SELECT f(1) FROM o) DELETE FROM t WHERE a IN (SELECT 1 FROM c)", true, "f:def.f def.t"},
		{"with recursive c (a) as (select 1), d as (select 2) update x.t join c using (a) set t.a = 1", true, "f:def.c x.t"},
		{"CREATE TABLE k (PRIMARY KEY (id)) AS SELECT f(1) id FROM o", true, "def.k f:def.f"},
		{"create or replace table x.k as select * from o", true, "x.k"},
		{"/*! create */ table /*!50000 if not exists */ `x`.`k` select * from o", true, "x.k"},
		{"CREATE TEMPORARY TABLE tt AS SELECT f(1) FROM o", true, "f:def.f"},
		{"", false, ""}};
	CdcBuf		names = {0};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		CdcString	sql = copy_of(cases[i].sql);
		bool		exact;

		cdc_buf_reset(&names);
		exact = cdc_dml_tables(sql, (CdcString) {"def", 3}, 0, note, &names);
		free((char *) sql.data);
		if (exact != cases[i].exact || (cases[i].names != NULL && strcmp(unit_text(&names), cases[i].names) != 0))
			fail_msg("%s: %d, names \"%s\"", cases[i].sql, exact, unit_text(&names));
	}
	cdc_buf_reset(&names);
	(void) cdc_dml_tables((CdcString) {"UPDATE a, x.b AS c JOIN `d` SET e.f = 1", 39}, (CdcString) {NULL, 0}, 0,
						  note, &names);
	assert_string_equal(unit_text(&names), ".a .x x.b .b .AS .c .JOIN .d");
	cdc_buf_reset(&names);
	(void) cdc_dml_tables((CdcString) {"UPDATE \"t\" SET a = \"s\"", 22}, (CdcString) {"def", 3}, CDC_SQL_ANSI_QUOTES,
						  note, &names);
	assert_string_equal(unit_text(&names), "def.t");
	cdc_buf_free(&names);
}

/* Bodies of triggers and functions: what they only read is left out. */
static void
test_body(void **state)
{
	static const Case cases[] = {
		{"insert into log(x) values (new.id)", true, "def.log"},
		{"SET NEW.a = (SELECT max(a) FROM o)", true, "f:def.max"},
		{"BEGIN DECLARE c CURSOR FOR SELECT a FROM o FOR UPDATE; UPDATE x.t SET a = replace(b, 'x', insert('y', 1, 1, ''))"
		" WHERE a IN (SELECT a FROM o); IF g(1) THEN DELETE FROM u; END IF; CALL p(1); CALL y.q; RETURN 1; END", true,
		"x.t f:def.replace f:def.insert f:def.g def.u p:def.p p:y.q"},
		{"BEGIN INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE b = ';update z set a = 1;'; REPLACE a SELECT 1; END", true,
		"def.a def.a"},
		{"", true, ""},
		{"INSERT", true, ""}};
	CdcBuf		names = {0};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		CdcString	body = copy_of(cases[i].sql);

		cdc_buf_reset(&names);
		cdc_dml_body(body, (CdcString) {"def", 3}, 0, note, &names);
		free((char *) body.data);
		if (strcmp(unit_text(&names), cases[i].names) != 0)
			fail_msg("%s: names \"%s\"", cases[i].sql, unit_text(&names));
	}
	cdc_buf_free(&names);
}

static void
test_view(void **state)
{
	static const char query[] = "select `d`.`t`.`id` AS `id`,f(1) AS `v` from `d`.`t` where (`d`.`t`.`v` > 'from')";
	CdcBuf		names = {0};

	(void) state;
	cdc_dml_view((CdcString) {query, strlen(query)}, (CdcString) {"def", 3}, note, &names);
	assert_non_null(strstr(unit_text(&names), "def.d d.t "));
	assert_non_null(strstr(unit_text(&names), " f:def.f"));
	cdc_buf_free(&names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_body), cmocka_unit_test(test_view)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
