/*
 * core_ddl_effects.c
 *	  Tests of what DDL statements do to more than one table, to databases, and of
 *	  names of online schema changes.  (What they make of one table is tested
 *	  against real servers, core_ddl_apply.c.)
 */
#include "unit.h"

#include "core/ddl_apply.h"
#include "core/online_ddl.h"

static CdcColumnDef one[] = {{.name = "one",.column_type = "int",.extra = "",.pk = -1}};
static CdcColumnDef two[] = {{.name = "two",.column_type = "int",.extra = "",.pk = -1}};
static const CdcTableDef def_a = {.charset = "latin1",.collation = "latin1_swedish_ci",.ncolumns = 1,.columns = one};
static const CdcTableDef def_b = {.charset = "latin1",.collation = "latin1_swedish_ci",.ncolumns = 1,.columns = two};
static const CdcTableDef gone = {0};

/* "a" and "b" are known, tables that begin with "x" are not, others do not exist. */
static const CdcTableDef *
lookup_table(void *arg, const char *database, const char *table)
{
	(void) arg;
	if (strcmp(database, "def") != 0)
		return NULL;
	return strcmp(table, "a") == 0 ? &def_a : strcmp(table, "b") == 0 ? &def_b :
		table[0] == 'x' ? NULL : &gone;
}

static const char *
lookup_database(void *arg, const char *database)
{
	(void) arg;
	return database[0] == 'x' ? NULL : "latin1_swedish_ci";
}

static const CdcCollation collations[] = {
	{8, "latin1_swedish_ci", "latin1", true}, {47, "latin1_bin", "latin1", false},
	{45, "utf8mb4_general_ci", "utf8mb4", true}, {46, "utf8mb4_bin", "utf8mb4", false}
};

/* "old name>new name=columns" of each effect. */
static void
describe(const char *sql, CdcDdlServer *server, CdcBuf *out)
{
	CdcArena   *arena = cdc_arena_create(0);
	CdcDdl	   *ddl = malloc(sizeof(CdcDdl));
	CdcSqlSession session = {.server_collation = 46,.explicit_timestamp = -1};
	CdcDdlContext context = {
		.server = server,.database = {"def", 3},.session = &session,.table = lookup_table,
		.database_collation = lookup_database
	};
	CdcString	s = {sql, strlen(sql)};
	CdcDdlEffects effects;
	CdcError	err;

	cdc_buf_reset(out);
	cdc_ddl_parse(s, context.database, 0, ddl);
	assert_ok(cdc_ddl_apply(arena, s, &context, ddl, &effects, &err), &err);
	for (int i = 0; i < effects.n; i++)
	{
		const CdcDdlEffect *e = &effects.list[i];

		cdc_buf_printf(out, "%s%s.%s", i > 0 ? " " : "", e->database, e->table);
		if (strcmp(e->table, e->new_table) != 0 || strcmp(e->database, e->new_database) != 0)
			cdc_buf_printf(out, ">%s.%s", e->new_database, e->new_table);
		if (e->table[0] == '\0')
			cdc_buf_printf(out, "%s", e->collation != NULL ? e->collation : "-");
		else if (e->new_def == NULL)
			cdc_buf_printf(out, "=?");
		else
			cdc_buf_printf(out, "=%s", e->new_def->ncolumns > 0 ? e->new_def->columns[0].name : "gone");
		if (e->no_change)
			cdc_buf_printf(out, "!");
	}
	cdc_arena_destroy(arena);
	free(ddl);
}

static void
test_effects(void **state)
{
	static const struct
	{
		const char *sql;
		const char *effects;
	}			cases[] = {
		{"RENAME TABLE a TO c, b TO a, c TO b", "def.a>def.c=one def.b>def.a=two def.c>def.b=one"},
		{"RENAME TABLE a TO c, c TO a", ""},
		{"RENAME TABLE a TO c, c TO d, d TO a, b TO e", "def.b>def.e=two"},
		{"RENAME TABLE b TO e, a TO c, c TO d, e TO b, d TO a", ""},
		{"RENAME TABLE a TO c, b TO d, c TO a", "def.b>def.d=two"},
		{"RENAME TABLE a TO c, b TO a, a TO b, c TO a", "def.a>def.c=one def.b>def.a=two def.a>def.b=two def.c>def.a=one"},
		{"RENAME TABLES a NOWAIT TO old.a, x TO a", "def.a>old.a=one def.x>def.a=?"},
		{"RENAME TABLE IF EXISTS a WAIT 5 TO c", "def.a>def.c=one"},
		{"RENAME TABLE nothing TO c", "def.nothing>def.c=?"},
		{"RENAME TABLE a", ""},
		{"RENAME USER a TO b", ""},
		{"ALTER TABLE a RENAME c, ADD x INT", "def.a>def.c=one"},
		{"ALTER TABLE a RENAME TO `d`.`c`", "def.a>d.c=one"},
		{"ALTER TABLE x RENAME TO c", "def.x>def.c=?"},
		{"ALTER TABLE a FROBNICATE", "def.a=?"},
		{"ALTER TABLE a DROP no", "def.a=?"},
		{"ALTER TABLE a CHANGE one uno INT", "def.a=uno"},
		{"ALTER TABLE a ADD PARTITION (PARTITION p VALUES LESS THAN (3)), ADD INDEX (one)", "def.a=one"},
		{"ALTER TABLE a", "def.a=one"},
		{"DROP TABLE a, b, x", "def.a=gone def.b=gone def.x=gone"},
		{"DROP TABLE IF EXISTS a, nothing, x CASCADE", "def.a=gone def.nothing=gone! def.x=gone"},
		{"DROP TEMPORARY TABLE a", ""},
		{"CREATE TABLE c LIKE a", "def.c=one"},
		{"CREATE TABLE c (LIKE def.b)", "def.c=two"},
		{"CREATE TABLE c LIKE x", "def.c=?"},
		{"CREATE TABLE c LIKE nothing", "def.c=?"},
		{"CREATE TABLE IF NOT EXISTS a (z INT)", "def.a=one!"},
		{"CREATE TABLE IF NOT EXISTS x (z INT)", "def.x=?"},
		{"CREATE OR REPLACE TABLE a (z INT)", "def.a=z"},
		{"CREATE TABLE c (z INT) SELECT 1", "def.c=?"},
		{"CREATE TABLE c SELECT * FROM a", "def.c=?"},
		{"CREATE TABLE c (`z` INT) START TRANSACTION", "def.c=z"},
		{"CREATE TABLE c (z VARCHAR(3)) COLLATE latin1_bin PARTITION BY KEY (z)", "def.c=z"},
		{"CREATE TABLE xd.c (z INT) DEFAULT CHARSET utf8mb4", "xd.c=z"},
		{"CREATE TABLE xd.c (z INT)", "xd.c=?"},
		{"CREATE TABLE c (z INT", "def.c=?"},
		{"CREATE TABLE c (z INT,)", "def.c=?"},
		{"CREATE INDEX i ON a (one)", "def.a=one"},
		{"DROP INDEX `PRIMARY` ON a", "def.a=?"},
		{"TRUNCATE a", "def.a=one"},
		{"SET STATEMENT max_statement_time=1 FOR DROP TABLE a", "def.a=gone"},
		{"CREATE DATABASE n", "n.utf8mb4_bin"},
		{"CREATE DATABASE IF NOT EXISTS n DEFAULT CHARACTER SET = latin1", "n.latin1_swedish_ci"},
		{"CREATE SCHEMA n COLLATE latin1_bin", "n.latin1_bin"},
		{"ALTER DATABASE n COLLATE utf8mb4_bin ENCRYPTION 'Y'", "n.utf8mb4_bin"},
		{"ALTER DATABASE CHARACTER SET utf8mb4", "def.utf8mb4_general_ci"},
		{"ALTER DATABASE n READ ONLY = 1", "n.latin1_swedish_ci"},
		{"ALTER DATABASE xn READ ONLY = 1", "xn.-"},
		{"DROP DATABASE n", "n.-"}
	};
	CdcDdlServer server = {
		.flavor = CDC_MARIADB,.version = 101100,.collations = {lengthof(collations), collations}
	};
	CdcBuf		out = {0};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		describe(cases[i].sql, &server, &out);
		if (strcmp(unit_text(&out), cases[i].effects) != 0)
			fail_msg("%s: %s, expected %s", cases[i].sql, unit_text(&out), cases[i].effects);
	}
	cdc_buf_free(&out);
}

static void
test_servers(void **state)
{
	CdcDdlServer server = {
		.flavor = CDC_MYSQL,.version = 80036,.collations = {lengthof(collations), collations}
	};
	CdcBuf		out = {0};

	(void) state;

	/* MariaDB's comments are no text for MySQL */
	describe("ALTER TABLE a /*M!100100 CHANGE one three INT */", &server, &out);
	assert_string_equal(unit_text(&out), "def.a=one");
	describe("ALTER TABLE a /*!50100 CHANGE one three INT */", &server, &out);
	assert_string_equal(unit_text(&out), "def.a=three");
	server.flavor = CDC_MARIADB;
	describe("ALTER TABLE a /*M!100100 CHANGE one three INT */", &server, &out);
	assert_string_equal(unit_text(&out), "def.a=three");

	describe("RENAME TABLE A TO C", &server, &out);
	assert_string_equal(unit_text(&out), "def.A>def.C=?");
	server.lower_case_names = true;
	describe("RENAME TABLE A TO C", &server, &out);
	assert_string_equal(unit_text(&out), "def.a>def.c=one");
	cdc_buf_free(&out);
}

/* What rows have in a column that the statement adds to "a", and its default: "value/default". */
static void
added(const char *definition, CdcDdlServer *server, CdcBuf *out)
{
	CdcArena   *arena = cdc_arena_create(0);
	CdcDdl	   *ddl = malloc(sizeof(CdcDdl));
	CdcDdlContext context = {
		.server = server,.database = {"def", 3},.table = lookup_table,.database_collation = lookup_database
	};
	CdcBuf		sql = {0};
	CdcString	s;
	CdcDdlEffects effects;
	const CdcColumnDef *def;
	CdcError	err;

	cdc_buf_reset(out);
	cdc_buf_printf(&sql, "ALTER TABLE a ADD d %s", definition);
	s = (CdcString) {unit_text(&sql), strlen(unit_text(&sql))};
	cdc_ddl_parse(s, context.database, 0, ddl);
	assert_ok(cdc_ddl_apply(arena, s, &context, ddl, &effects, &err), &err);
	assert_int_equal(effects.n, 1);
	assert_non_null(effects.list[0].new_def);
	def = &effects.list[0].new_def->columns[1];
	if (effects.list[0].change.added[0].fill == CDC_FILL_UNKNOWN)
		cdc_buf_printf(out, "?");
	else
		cdc_buf_printf(out, "%s", effects.list[0].change.added[0].fill == CDC_FILL_NULL ? "NULL" :
					   effects.list[0].change.added[0].value);
	cdc_buf_printf(out, "/%s", def->default_unknown ? "?" : def->default_value != NULL ? def->default_value : "none");
	cdc_buf_free(&sql);
	cdc_arena_destroy(arena);
	free(ddl);
}

static void
test_defaults(void **state)
{
	static const struct
	{
		CdcFlavor	flavor;
		unsigned	version;
		const char *definition;
		const char *added;
	}			cases[] = {
		/* texts have no default */
		{CDC_MYSQL, 50624, "TEXT DEFAULT ''", "NULL/none"},
		{CDC_MYSQL, 90704, "TINYTEXT DEFAULT N''", "NULL/none"},
		{CDC_MYSQL, 90704, "LONGTEXT NOT NULL DEFAULT ''", "/none"},
		{CDC_MYSQL, 90704, "LONGBLOB DEFAULT ''", "NULL/none"},
		{CDC_MYSQL, 90704, "JSON DEFAULT ''", "NULL/none"},
		{CDC_MYSQL, 90704, "TEXT DEFAULT ('')", "?/?"},
		{CDC_MYSQL, 90704, "VARCHAR(9) DEFAULT ''", "/"},
		{CDC_MYSQL, 90704, "VARCHAR(70000) DEFAULT ''", "NULL/none"},
		{CDC_MARIADB, 100122, "TEXT DEFAULT ''", "NULL/none"},
		{CDC_MARIADB, 101100, "TEXT DEFAULT ''", "/''"},
		/* the first of members that are the same */
		{CDC_MYSQL, 90704, "ENUM('a','A') DEFAULT 'A'", "a/a"},
		{CDC_MYSQL, 90704, "ENUM('a','A') COLLATE latin1_bin DEFAULT 'A'", "A/A"},
		{CDC_MYSQL, 90704, "ENUM('no','yes') DEFAULT 'YES '", "yes/yes"},
		{CDC_MYSQL, 90704, "SET('b','B','c') DEFAULT 'C,B'", "b,c/b,c"},
		/* it is not known which, or there is none */
		{CDC_MYSQL, 90704, "ENUM('\xC3\xA9','E') DEFAULT 'E'", "?/?"},
		{CDC_MYSQL, 90704, "ENUM('e','\xC3\xA9') DEFAULT '\xC3\xA9'", "?/?"},
		{CDC_MYSQL, 90704, "ENUM('a') DEFAULT 'b'", "?/?"},
		{CDC_MYSQL, 90704, "ENUM('u','v') DEFAULT 'v'", "v/v"},
		/* letters that no collation takes for the same */
		{CDC_MYSQL, 90704, "ENUM('\xC3\xA9t\xC3\xA9','hiver') DEFAULT 'hiver'", "hiver/hiver"},
		{CDC_MYSQL, 90704, "ENUM('\xD0\xB4\xD0\xB0','\xD0\xBD\xD0\xB5\xD1\x82') CHARACTER SET utf8mb4 DEFAULT '\xD0\xBD\xD0\xB5\xD1\x82'",
		"\xD0\xBD\xD0\xB5\xD1\x82/\xD0\xBD\xD0\xB5\xD1\x82"},
		{CDC_MYSQL, 90704, "ENUM('\xD0\xB5','\xD1\x91') CHARACTER SET utf8mb4 DEFAULT '\xD1\x91'", "?/?"}
	};
	CdcBuf		out = {0};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		CdcDdlServer server = {
			.flavor = cases[i].flavor,.version = cases[i].version,.collations = {lengthof(collations), collations}
		};

		added(cases[i].definition, &server, &out);
		if (strcmp(unit_text(&out), cases[i].added) != 0)
			fail_msg("%u %s: %s, expected %s", cases[i].version, cases[i].definition, unit_text(&out), cases[i].added);
	}
	cdc_buf_free(&out);
}

static void
test_online(void **state)
{
	char		longest[65];
	char		shadow[65];

	(void) state;
	assert_true(cdc_online_ddl_is_shadow("orders", "_orders_gho"));
	assert_true(cdc_online_ddl_is_shadow("orders", "_orders_new"));
	assert_true(cdc_online_ddl_is_shadow("orders", "___orders_new"));
	assert_true(cdc_online_ddl_is_shadow("_orders", "__orders_new"));
	assert_true(cdc_online_ddl_is_shadow("orders", "__osc_new_orders"));
	assert_false(cdc_online_ddl_is_shadow("orders", "orders_new"));
	assert_false(cdc_online_ddl_is_shadow("orders", "_order_new"));
	assert_false(cdc_online_ddl_is_shadow("orders", "_new"));
	assert_false(cdc_online_ddl_is_shadow("", "_new"));
	assert_false(cdc_online_ddl_is_shadow("orders", "_orders_del"));
	assert_true(cdc_online_ddl_is_rest("orders", "_orders_del"));
	assert_true(cdc_online_ddl_is_rest("orders", "_orders_20240131235959_del"));
	assert_true(cdc_online_ddl_is_rest("orders", "_orders_old"));
	assert_false(cdc_online_ddl_is_rest("orders", "orders_old"));
	assert_false(cdc_online_ddl_is_rest("orders", "_orders_gho"));

	/* a name of 64 characters is shortened */
	memset(longest, 'o', 64);
	longest[64] = '\0';
	snprintf(shadow, sizeof(shadow), "_%.59s_gho", longest);
	assert_int_equal(strlen(shadow), 64);
	assert_true(cdc_online_ddl_is_shadow(longest, shadow));
	shadow[5] = 'x';
	assert_false(cdc_online_ddl_is_shadow(longest, shadow));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_online)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
