/*
 * core_table_change.c
 *	  Tests of what a statement says of columns and rows beyond the definitions, and of
 *	  what becomes of each column's values.
 */
#include "unit.h"

#include "core/ddl_apply.h"

#define COL(n, t, ...) {.name = n,.column_type = t,.extra = "",.pk = -1,.nullable = true, __VA_ARGS__}

static CdcColumnDef columns[] = {
	{.name = "id",.column_type = "int",.extra = "",.pk = 0},
	COL("a", "int"), COL("b", "int"), COL("v", "varchar(20)",.charset = "utf8mb4",.collation = "utf8mb4_general_ci"),
	COL("d", "decimal(10,2)"), COL("e", "enum('x','y','z')",.charset = "utf8mb4"), COL("s", "set('p','q')",.charset = "utf8mb4"),
	COL("l", "varchar(20)",.charset = "latin1",.collation = "latin1_swedish_ci"), COL("t", "datetime(3)"), COL("f", "float"),
	COL("u", "int unsigned"), COL("z", "int(5) unsigned zerofill"), COL("y", "bit(8)"), COL("x", "text",.charset = "utf8mb4")
};
static const CdcTableDef def = {
	.charset = "utf8mb4",.collation = "utf8mb4_general_ci",.ncolumns = sizeof(columns) / sizeof(columns[0]),
	.columns = columns
};

static const CdcTableDef *
lookup_table(void *arg, const char *database, const char *table)
{
	(void) arg;
	(void) database;
	return strcmp(table, "t") == 0 ? &def : NULL;
}

static const char *
lookup_database(void *arg, const char *database)
{
	(void) arg;
	(void) database;
	return "utf8mb4_general_ci";
}

static const CdcCollation collations[] = {
	{8, "latin1_swedish_ci", "latin1", true}, {45, "utf8mb4_general_ci", "utf8mb4", true},
	{33, "utf8_general_ci", "utf8", true}, {63, "binary", "binary", true}
};

static const struct
{
	unsigned	bit;
	const char *name;
}			checks[] = {
	{CDC_CHECK_NOT_NULL, "notnull"}, {CDC_CHECK_ROUND_TRIP, "trip"}, {CDC_CHECK_RANGE, "range"},
	{CDC_CHECK_NOT_NEGATIVE, "positive"}, {CDC_CHECK_CHARACTERS, "chars"}, {CDC_CHECK_BYTES, "bytes"},
	{CDC_CHECK_TRAILING, "trailing"}, {CDC_CHECK_ASCII, "ascii"}, {CDC_CHECK_MEMBERS, "members"},
	{CDC_CHECK_NOT_ZERO, "notzero"}
};

static void
describe_column(const CdcTableDef *after, const CdcShapeColumn *c, CdcBuf *out)
{
	if (c->from < 0)
	{
		cdc_buf_printf(out, "+%s", after->columns[c->to].name);
		if (c->added == NULL)
			cdc_buf_printf(out, "=?");
		else if (c->added->fill == CDC_FILL_VALUE)
			cdc_buf_printf(out, "=[%s]", c->added->value);
		else if (c->added->fill == CDC_FILL_UNKNOWN)
			cdc_buf_printf(out, "?");
	}
	else if (c->to < 0)
		cdc_buf_printf(out, "-%s", columns[c->from].name);
	else
	{
		if (strcmp(columns[c->from].name, after->columns[c->to].name) != 0)
			cdc_buf_printf(out, "%s>", columns[c->from].name);
		cdc_buf_printf(out, "%s", after->columns[c->to].name);
		if (c->retype == CDC_RETYPE_EXACT)
			cdc_buf_printf(out, ":exact");
		else if (c->retype == CDC_RETYPE_UNKNOWN)
			cdc_buf_printf(out, ":unknown");
		for (size_t i = 0; c->retype != CDC_RETYPE_UNKNOWN && i < sizeof(checks) / sizeof(checks[0]); i++)
			if ((c->checks & checks[i].bit) != 0)
				cdc_buf_printf(out, ":%s", checks[i].name);
	}
}

/* What a statement makes of table t, columns that stay as they are left out. */
static void
describe(const char *sql, CdcFlavor flavor, unsigned version, CdcBuf *out)
{
	CdcArena   *arena = cdc_arena_create(0);
	CdcDdl	   *ddl = malloc(sizeof(CdcDdl));
	CdcDdlServer server = {.flavor = flavor,.version = version,.explicit_timestamp = true,
	.collations = {.n = 4,.list = collations}};
	CdcSqlSession session = {.server_collation = 45,.explicit_timestamp = -1};
	CdcDdlContext context = {
		.server = &server,.database = {"def", 3},.session = &session,.table = lookup_table,
		.database_collation = lookup_database
	};
	CdcString	s = {sql, strlen(sql)};
	CdcDdlEffects effects;
	CdcShapeDiff diff;
	CdcError	err;

	cdc_buf_reset(out);
	cdc_ddl_parse(s, context.database, 0, ddl);
	assert_ok(cdc_ddl_apply(arena, s, &context, ddl, &effects, &err), &err);
	assert_int_equal(effects.n, 1);
	if (effects.list[0].new_def == NULL)
		cdc_buf_printf(out, "? %s", effects.list[0].why);
	else
	{
		const CdcTableDef *after = effects.list[0].new_def;
		bool		first = true;

		assert_ok(cdc_shape_compare(arena, &def, after, &effects.list[0].change, &diff, &err), &err);
		for (int i = 0; i < diff.ncolumns; i++)
		{
			const CdcShapeColumn *c = &diff.columns[i];

			if (c->from >= 0 && c->to >= 0 && c->retype == CDC_RETYPE_NONE && c->checks == 0 &&
				strcmp(columns[c->from].name, after->columns[c->to].name) == 0)
				continue;
			if (!first)
				cdc_buf_printf(out, " ");
			first = false;
			describe_column(after, c, out);
		}
		cdc_buf_printf(out, "%s%s", diff.key_changed ? " key" : "",
					   effects.list[0].change.rows != NULL ? " rows" : "");
	}
	cdc_arena_destroy(arena);
	free(ddl);
}

static void
test_statements(void **state)
{
	static const struct
	{
		const char *sql;
		const char *expected;
	}			cases[] = {
		/* names */
		{"ALTER TABLE t RENAME COLUMN a TO c", "a>c"},
		{"ALTER TABLE t RENAME COLUMN a TO A", "a>A"},
		{"ALTER TABLE t CHANGE a b INT, CHANGE b a INT", "a>b b>a"},
		{"ALTER TABLE t CHANGE a c INT, ADD a INT", "a>c +a"},
		{"ALTER TABLE t DROP a, ADD a INT", "-a +a"},
		{"ALTER TABLE t DROP a, ADD A INT DEFAULT 3", "-a +A=[3]"},
		{"ALTER TABLE t DROP a, ADD c INT", "-a +c"},
		{"ALTER TABLE t DROP a, CHANGE b a BIGINT", "-a b>a:exact"},
		{"ALTER TABLE t MODIFY a INT AFTER v, MODIFY b INT FIRST", ""},
		{"ALTER TABLE t MODIFY A INT", ""},
		/* what rows get */
		{"ALTER TABLE t ADD c INT DEFAULT 5", "+c=[5]"},
		{"ALTER TABLE t ADD c INT NOT NULL", "+c=[0]"},
		{"ALTER TABLE t ADD c INT NOT NULL DEFAULT -7 FIRST", "+c=[-7]"},
		{"ALTER TABLE t ADD c VARCHAR(9) NOT NULL", "+c=[]"},
		{"ALTER TABLE t ADD c VARCHAR(9) DEFAULT 'it''s'", "+c=[it's]"},
		{"ALTER TABLE t ADD c CHAR(9) DEFAULT 'x  '", "+c=[x]"},
		{"ALTER TABLE t ADD c ENUM('m','n') NOT NULL", "+c=[m]"},
		{"ALTER TABLE t ADD c ENUM('m','n') DEFAULT 'N'", "+c=[n]"},
		{"ALTER TABLE t ADD c SET('m','n') DEFAULT 'n,m'", "+c=[m,n]"},
		{"ALTER TABLE t ADD c SET('m','n') NOT NULL", "+c=[]"},
		{"ALTER TABLE t ADD c BIT(4) DEFAULT b'0101'", "+c=[101]"},
		{"ALTER TABLE t ADD c DATETIME NOT NULL", "+c=[0000-00-00 00:00:00]"},
		{"ALTER TABLE t ADD c DATETIME DEFAULT '2020-02-03'", "+c=[2020-02-03 00:00:00]"},
		{"ALTER TABLE t ADD c DATETIME DEFAULT '20200203'", "+c?"},
		{"ALTER TABLE t ADD c TIMESTAMP NULL DEFAULT '2020-02-03 04:05:06'", "+c?"},
		{"ALTER TABLE t ADD c TIME NOT NULL", "+c=[00:00:00]"},
		{"ALTER TABLE t ADD c DATE DEFAULT '2020-02-03'", "+c=[2020-02-03]"},
		{"ALTER TABLE t ADD c DATETIME DEFAULT CURRENT_TIMESTAMP", "+c?"},
		{"ALTER TABLE t ADD c INT DEFAULT (a + 1)", "+c?"},
		{"ALTER TABLE t ADD c INT AS (a + 1) STORED", "+c?"},
		{"ALTER TABLE t ADD c INT AUTO_INCREMENT UNIQUE", "+c?"},
		{"ALTER TABLE t ADD c BINARY(4) NOT NULL", "+c?"},
		{"ALTER TABLE t ADD c VARBINARY(4) NOT NULL, ADD g BLOB NOT NULL", "+c=[] +g=[]"},
		{"ALTER TABLE t ADD c JSON NOT NULL", "+c?"},
		{"ALTER TABLE t ADD (c INT, g INT DEFAULT 1)", "+c +g=[1]"},
		/* types */
		{"ALTER TABLE t MODIFY a BIGINT", "a:exact"},
		{"ALTER TABLE t MODIFY a SMALLINT", "a:range"},
		{"ALTER TABLE t MODIFY a INT UNSIGNED", "a:range"},
		{"ALTER TABLE t MODIFY a BIGINT UNSIGNED", "a:range"},
		{"ALTER TABLE t MODIFY u BIGINT", "u:exact"},
		{"ALTER TABLE t MODIFY u INT", "u:range"},
		{"ALTER TABLE t MODIFY a INT NOT NULL", "a:notnull"},
		{"ALTER TABLE t MODIFY a DECIMAL(12,1)", "a:trip"},
		{"ALTER TABLE t MODIFY a VARCHAR(5)", "a:trip:chars"},
		{"ALTER TABLE t MODIFY z VARCHAR(20)", "z:unknown"},
		{"ALTER TABLE t MODIFY d DECIMAL(12,4)", "d:exact"},
		{"ALTER TABLE t MODIFY d DECIMAL(12,1)", "d:trip"},
		{"ALTER TABLE t MODIFY d DECIMAL(10,4)", "d:trip"},
		{"ALTER TABLE t MODIFY d INT", "d:trip:range"},
		{"ALTER TABLE t MODIFY f DOUBLE", "f:exact"},
		{"ALTER TABLE t MODIFY f DOUBLE(8,2)", "f:unknown"},
		{"ALTER TABLE t MODIFY f VARCHAR(20)", "f:unknown"},
		{"ALTER TABLE t MODIFY v VARCHAR(30)", "v:exact"},
		{"ALTER TABLE t MODIFY v VARCHAR(10)", "v:chars"},
		{"ALTER TABLE t MODIFY v CHAR(20)", "v:trailing"},
		{"ALTER TABLE t MODIFY v TEXT", "v:exact"},
		{"ALTER TABLE t MODIFY x TINYTEXT", "x:bytes"},
		{"ALTER TABLE t MODIFY x MEDIUMTEXT", "x:exact"},
		{"ALTER TABLE t MODIFY v VARBINARY(30)", "v:bytes"},
		{"ALTER TABLE t MODIFY l VARBINARY(30)", "l:unknown"},
		{"ALTER TABLE t MODIFY v INT", "v:unknown"},
		{"ALTER TABLE t MODIFY v VARCHAR(20) CHARACTER SET latin1", "v:ascii"},
		{"ALTER TABLE t MODIFY l VARCHAR(20) CHARACTER SET utf8mb4", "l:exact"},
		{"ALTER TABLE t MODIFY v VARCHAR(20) CHARACTER SET utf8", "v:ascii"},
		{"ALTER TABLE t MODIFY e ENUM('z','x','y','w')", "e:exact"},
		{"ALTER TABLE t MODIFY e ENUM('x','z')", "e:members"},
		{"ALTER TABLE t MODIFY e VARCHAR(5)", "e:chars"},
		{"ALTER TABLE t MODIFY v ENUM('x')", "v:members"},
		{"ALTER TABLE t MODIFY s SET('p','q','r')", "s:exact"},
		{"ALTER TABLE t MODIFY s SET('q','p')", "s:unknown"},
		{"ALTER TABLE t MODIFY s SET('q')", "s:members"},
		{"ALTER TABLE t MODIFY y BIT(16)", "y:exact"},
		{"ALTER TABLE t MODIFY y BIT(4)", "y:unknown"},
		{"ALTER TABLE t MODIFY y INT", "y:range"},
		{"ALTER TABLE t MODIFY t DATETIME(6)", "t:exact"},
		{"ALTER TABLE t MODIFY t DATETIME", "t:trip"},
		{"ALTER TABLE t MODIFY t DATE", "t:trip"},
		{"ALTER TABLE t MODIFY t TIMESTAMP NULL", "t:unknown"},
		{"ALTER TABLE t MODIFY a INT NOT NULL AUTO_INCREMENT", "a:notnull:notzero"},
		{"ALTER TABLE t MODIFY a INT AS (b + 1) STORED", "a:unknown"},
		{"ALTER TABLE t MODIFY v VARCHAR(20) COMMENT 'c'", ""},
		/* keys and rows */
		{"ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, a)", "a:notnull key"},
		{"ALTER TABLE t DROP PRIMARY KEY", " key"},
		{"ALTER TABLE t ENGINE=InnoDB", ""},
		{"ALTER TABLE t ENGINE 'MyISAM', COMMENT 'x'", ""},
		{"ALTER TABLE t ENGINE=BLACKHOLE", " rows"},
		{"ALTER TABLE t ADD c INT, ENGINE=FEDERATED", "+c rows"},
		{"ALTER IGNORE TABLE t ADD UNIQUE (a)", " rows"},
		{"ALTER TABLE t CONVERT TO CHARACTER SET latin1", "v:ascii e:exact s:exact x:ascii"},
	};
	CdcBuf		out = {0};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		describe(cases[i].sql, CDC_MYSQL, 90700, &out);
		if (strcmp(out.data, cases[i].expected) != 0)
			print_message("%s\n", cases[i].sql);
		assert_string_equal(out.data, cases[i].expected);
	}
	cdc_buf_free(&out);
}

static void
test_join(void **state)
{
	CdcColumnRename r1[] = {{"a", "b"}, {"b", "a"}};
	CdcColumnRename r2[] = {{"b", "c"}, {"n", "m"}, {"d", "D"}};
	CdcAddedColumn a1[] = {{"n", CDC_FILL_VALUE, "1", NULL, false}, {"gone", CDC_FILL_NULL, NULL, NULL, false}};
	CdcAddedColumn a2[] = {{"a", CDC_FILL_NULL, NULL, NULL, false}};
	CdcTableChange first = {.known = true,.nrenames = 2,.renames = r1,.nadded = 2,.added = a1};
	CdcTableChange second = {.known = true,.nrenames = 3,.renames = r2,.nadded = 1,.added = a2};
	CdcColumnDef end[] = {COL("c", "int"), COL("m", "int"), COL("D", "int"), COL("a", "int")};
	CdcTableDef after = {.ncolumns = 4,.columns = end};
	CdcTableChange joined;
	CdcArena   *arena = cdc_arena_create(0);
	CdcError	err;

	(void) state;
	assert_ok(cdc_table_change_join(arena, &first, &second, &after, &joined, &err), &err);
	/* a became b became c; b became a, which was dropped and added anew */
	assert_true(joined.known);
	assert_int_equal(joined.nrenames, 2);
	assert_string_equal(joined.renames[0].from, "a");
	assert_string_equal(joined.renames[0].to, "c");
	assert_string_equal(joined.renames[1].from, "d");
	assert_int_equal(joined.nadded, 2);
	assert_string_equal(joined.added[0].name, "m");
	assert_string_equal(joined.added[0].value, "1");
	assert_string_equal(joined.added[1].name, "a");
	cdc_arena_destroy(arena);
}

/* Where nobody followed the statement, names that went and came may be the same column. */
static void
test_unknown(void **state)
{
	CdcColumnDef before[] = {COL("a", "int"), COL("b", "int")};
	CdcColumnDef renamed[] = {COL("a", "int"), COL("c", "int")};
	CdcColumnDef more[] = {COL("a", "int"), COL("b", "int"), COL("c", "int")};
	CdcTableDef x = {.ncolumns = 2,.columns = before};
	CdcTableDef y = {.ncolumns = 2,.columns = renamed};
	CdcTableDef z = {.ncolumns = 3,.columns = more};
	CdcTableChange change = {.known = false};
	CdcArena   *arena = cdc_arena_create(0);
	CdcShapeDiff diff;
	CdcError	err;

	(void) state;
	assert_ok(cdc_shape_compare(arena, &x, &y, &change, &diff, &err), &err);
	assert_non_null(diff.unknown);
	assert_ok(cdc_shape_compare(arena, &x, &z, &change, &diff, &err), &err);
	assert_null(diff.unknown);
	assert_null(diff.columns[2].added);
	assert_ok(cdc_shape_compare(arena, &z, &x, &change, &diff, &err), &err);
	assert_null(diff.unknown);
	assert_int_equal(diff.columns[2].to, -1);
	cdc_arena_destroy(arena);
}

/* Whether events write a value of both types, which is the same, in one form. */
static void
test_forms(void **state)
{
	static const struct
	{
		const char *before;
		const char *after;
		bool		rewritten;
	}			cases[] = {
		{"int(11)", "bigint(20)", false}, {"int(10) unsigned", "bigint", false}, {"bit(3)", "int", false},
		{"int", "varchar(20)", true}, {"int", "decimal(10,2)", true}, {"decimal(10,2)", "decimal(20,2)", false},
		{"decimal(10,2)", "decimal(12,4)", true}, {"float", "double", true}, {"double", "double(10,2)", true},
		{"datetime", "datetime(3)", true}, {"datetime(6)", "datetime(6)", false}, {"date", "datetime", true},
		{"varchar(10)", "varchar(20)", false}, {"char(10)", "text", false}, {"varchar(10)", "varbinary(10)", true},
		{"varbinary(10)", "blob", false}, {"binary(4)", "binary(8)", true}, {"enum('a')", "enum('a','b')", false},
		{"enum('a')", "varchar(10)", false}, {"set('a')", "set('a','b')", false}, {"year(4)", "int", false}
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CdcArena   *arena = cdc_arena_create(0);
		CdcColumnDef a = {.name = "k",.column_type = cases[i].before,.extra = ""};
		CdcColumnDef b = {.name = "k",.column_type = cases[i].after,.extra = ""};
		CdcColumn	from;
		CdcColumn	to;
		CdcShapeColumn column = {0};
		CdcError	err;

		memset(&from, 0, sizeof(from));
		memset(&to, 0, sizeof(to));
		assert_ok(cdc_column_type_parse(arena, a.column_type, &from, &err), &err);
		assert_ok(cdc_column_type_parse(arena, b.column_type, &to, &err), &err);
		cdc_retype(&a, &from, &b, &to, &column);
		if (column.rewritten != cases[i].rewritten)
			fail_msg("%s to %s: %d", cases[i].before, cases[i].after, column.rewritten);
		cdc_arena_destroy(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms), cmocka_unit_test(test_statements), cmocka_unit_test(test_join), cmocka_unit_test(test_unknown)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
