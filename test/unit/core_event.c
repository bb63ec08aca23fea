/*
 * core_event.c
 *	  Tests of events: the fields of Maxwell's format, in its order, for every
 *	  kind of change, image and value.
 */
#include "unit.h"

#include <math.h>

#include "core/ddl_apply.h"
#include "core/event.h"
#include "core/json_text.h"
#include "json_check.h"

#define S(s) ((CdcString) {s, sizeof(s) - 1})
#define INT(v) {.kind = CDC_INT, .u.i = (v)}
#define TEXT(t) {.kind = CDC_TEXT, .u.s = {t, sizeof(t) - 1}}
#define ABSENT {.kind = CDC_ABSENT}
#define NULLV {.kind = CDC_NULL}

static const CdcColumn columns[] = {
	{.name = "id",.pk_index = 1},
	{.name = "na\"me",.pk_index = -1},
	{.name = "k",.pk_index = 0},
};
static const int pk[] = {2, 0};
static const CdcTable table = {
	.database = "shop",.name = "orders",.full_name = "shop.orders",.ncolumns = 3,.columns = columns,
	.npk = 2,.pk = pk
};
static const CdcTransaction txn = {
	.file = "binlog.000042",.start_offset = 4,.end_offset = UINT64_C(6000000000),
	.gtid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:5",.commit_us = 1700000000123456,.xid = 77,
	.server_id = 9,.thread_id = 12
};
static const CdcEventOptions everything = {
	.position = true,.gtid = true,.server_id = true,.thread_id = true,.primary_key = true,
	.primary_key_columns = true,.xoffset = true,.commit_info = true,.nulls = true,.row_query = true,
	.ddl = true
};

static void
assert_event(const CdcEventOptions *options, const CdcTransaction *t, const CdcChange *change,
			 int64_t xoffset, bool last, const char *expected)
{
	CdcJsonText text;
	CdcError	err;

	cdc_json_text_init(&text);
	assert_ok(cdc_event_open(&text.sink, options, t, change, xoffset, &err), &err);
	assert_ok(cdc_event_close(&text.sink, options, xoffset, last, &err), &err);
	assert_string_equal(unit_text(&text.buf), expected);
	assert_true(json_check(text.buf.data, text.buf.len));
	assert_int_equal(text.depth, 0);
	cdc_json_text_free(&text);
}

#define HEAD(type) "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"" type "\",\"ts\":1700000000,\"xid\":77," \
	"\"position\":\"binlog.000042:5000000000\",\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:5\","

static CdcChange
row_change(CdcOp op, const CdcValue *before, const CdcValue *after)
{
	return (CdcChange) {
		.op = op,.table = &table,.ts = 1700000000,.offset = UINT64_C(5000000000),
		.before = before,.after = after
	};
}

static void
test_rows(void **state)
{
	static const CdcValue one[] = {INT(1), TEXT("a"), INT(7)};
	static const CdcValue two[] = {INT(1), NULLV, INT(8)};
	CdcChange	insert = row_change(CDC_OP_INSERT, NULL, one);
	CdcChange	update = row_change(CDC_OP_UPDATE, one, two);
	CdcChange	same = row_change(CDC_OP_UPDATE, one, one);
	CdcChange	delete = row_change(CDC_OP_DELETE, one, NULL);
	CdcChange	snapshot = row_change(CDC_OP_SNAPSHOT, NULL, one);

	(void) state;
	assert_event(&cdc_event_defaults, &txn, &insert, 3, false,
				 HEAD("insert") "\"data\":{\"id\":1,\"na\\\"me\":\"a\",\"k\":7},\"xoffset\":3}");
	assert_event(&cdc_event_defaults, &txn, &insert, 3, true,
				 HEAD("insert") "\"data\":{\"id\":1,\"na\\\"me\":\"a\",\"k\":7},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &update, 0, true,
				 HEAD("update") "\"data\":{\"id\":1,\"na\\\"me\":null,\"k\":8},"
				 "\"old\":{\"na\\\"me\":\"a\",\"k\":7},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &same, 0, true,
				 HEAD("update") "\"data\":{\"id\":1,\"na\\\"me\":\"a\",\"k\":7},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &delete, 0, true,
				 HEAD("delete") "\"data\":{\"id\":1,\"na\\\"me\":\"a\",\"k\":7},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &snapshot, 0, false,
				 HEAD("bootstrap-insert") "\"data\":{\"id\":1,\"na\\\"me\":\"a\",\"k\":7},\"xoffset\":0}");
}

static void
test_options(void **state)
{
	static const CdcValue one[] = {INT(1), TEXT("a"), INT(7)};
	static const CdcValue two[] = {INT(2), TEXT("a"), INT(7)};
	static const CdcEventOptions nothing = {.commit_info = true,.nulls = true};
	CdcTransaction unknown = {.file = "b.1"};
	CdcChange	update = row_change(CDC_OP_UPDATE, one, two);

	(void) state;
	assert_event(&everything, &txn, &update, 1, false,
				 HEAD("update") "\"server_id\":9,\"thread_id\":12,\"primary_key\":[7,2],"
				 "\"primary_key_columns\":[\"k\",\"id\"],"
				 "\"data\":{\"id\":2,\"na\\\"me\":\"a\",\"k\":7},\"old\":{\"id\":1},\"xoffset\":1}");
	assert_event(&nothing, &txn, &update, 1, false,
				 "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"update\",\"ts\":1700000000,\"xid\":77,"
				 "\"data\":{\"id\":2,\"na\\\"me\":\"a\",\"k\":7},\"old\":{\"id\":1}}");
	assert_event(&everything, &unknown, &update, 1, true,
				 "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"update\",\"ts\":1700000000,"
				 "\"position\":\"b.1:5000000000\",\"server_id\":0,\"primary_key\":[7,2],"
				 "\"primary_key_columns\":[\"k\",\"id\"],"
				 "\"data\":{\"id\":2,\"na\\\"me\":\"a\",\"k\":7},\"old\":{\"id\":1},\"commit\":true}");
}

/* What leaves values or the transaction out, or adds the statement. */
static void
test_left_out(void **state)
{
	static const CdcValue one[] = {INT(1), NULLV, {.kind = CDC_DATE}};
	static const CdcValue two[] = {INT(1), {.kind = CDC_DATETIME}, NULLV};
	static const CdcEventOptions no_nulls = {.commit_info = true,.null_zerodates = true};
	static const CdcEventOptions zero_dates = {.commit_info = true,.nulls = true,.null_zerodates = true,.row_query = true};
	static const CdcEventOptions no_commit = {.xoffset = true,.nulls = true};
	CdcChange	update = row_change(CDC_OP_UPDATE, one, two);

	(void) state;
#define BARE "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"update\",\"ts\":1700000000,"
	assert_event(&no_nulls, &txn, &update, 1, true,
				 BARE "\"xid\":77,\"data\":{\"id\":1},\"old\":{\"na\\\"me\":null,\"k\":null},\"commit\":true}");
	assert_event(&no_commit, &txn, &update, 1, true,
				 BARE "\"data\":{\"id\":1,\"na\\\"me\":\"0000-00-00 00:00:00\",\"k\":null},"
				 "\"old\":{\"na\\\"me\":null,\"k\":\"0000-00-00\"}}");
	assert_event(&no_commit, &txn, &update, 1, false,
				 BARE "\"data\":{\"id\":1,\"na\\\"me\":\"0000-00-00 00:00:00\",\"k\":null},"
				 "\"old\":{\"na\\\"me\":null,\"k\":\"0000-00-00\"}}");
#undef BARE
	update.query = S("UPDATE \"x\"");
	assert_event(&zero_dates, &txn, &update, 1, true,
				 "{\"database\":\"shop\",\"table\":\"orders\",\"query\":\"UPDATE \\\"x\\\"\","
				 "\"type\":\"update\",\"ts\":1700000000,\"xid\":77,"
				 "\"data\":{\"id\":1,\"na\\\"me\":null,\"k\":null},"
				 "\"old\":{\"na\\\"me\":null,\"k\":null},\"commit\":true}");
}

/* MINIMAL: the key before, the changed columns after, whose values before nobody tells. */
static void
test_partial_images(void **state)
{
	static const CdcValue key[] = {INT(1), ABSENT, INT(7)};
	static const CdcValue name[] = {ABSENT, TEXT("b"), ABSENT};
	static const CdcValue new_key[] = {INT(2), ABSENT, ABSENT};
	static const CdcValue noblob_before[] = {INT(1), ABSENT, INT(7)};
	static const CdcValue noblob_after[] = {INT(1), TEXT("b"), INT(7)};
	static const CdcValue nothing[] = {ABSENT, ABSENT, ABSENT};
	static const CdcValue whole[] = {INT(1), TEXT("a"), INT(7)};
	CdcChange	update = row_change(CDC_OP_UPDATE, key, name);
	CdcChange	key_update = row_change(CDC_OP_UPDATE, key, new_key);
	CdcChange	noblob = row_change(CDC_OP_UPDATE, noblob_before, noblob_after);
	CdcChange	delete = row_change(CDC_OP_DELETE, key, NULL);
	CdcChange	defaults = row_change(CDC_OP_INSERT, NULL, nothing);
	CdcChange	keyless = row_change(CDC_OP_UPDATE, whole, new_key);

	(void) state;
	assert_event(&cdc_event_defaults, &txn, &update, 0, true,
				 HEAD("update") "\"data\":{\"id\":1,\"na\\\"me\":\"b\",\"k\":7},\"old_absent\":[\"na\\\"me\"],\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &key_update, 0, true,
				 HEAD("update") "\"data\":{\"id\":2,\"k\":7},\"old\":{\"id\":1},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &noblob, 0, true,
				 HEAD("update") "\"data\":{\"id\":1,\"na\\\"me\":\"b\",\"k\":7},\"old_absent\":[\"na\\\"me\"],\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &delete, 0, true,
				 HEAD("delete") "\"data\":{\"id\":1,\"k\":7},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &keyless, 0, true,
				 HEAD("update") "\"data\":{\"id\":2,\"na\\\"me\":\"a\",\"k\":7},\"old\":{\"id\":1},\"commit\":true}");
	assert_event(&cdc_event_defaults, &txn, &defaults, 0, true, HEAD("insert") "\"data\":{},\"commit\":true}");
}

static void
test_ddl(void **state)
{
	static const struct
	{
		const char *sql;
		const char *head;
	}			cases[] = {
		{"CREATE TABLE t (a int)", "\"database\":\"def\",\"table\":\"t\",\"type\":\"table-create\""},
		{"ALTER TABLE x.t ADD b int", "\"database\":\"x\",\"table\":\"t\",\"type\":\"table-alter\""},
		{"CREATE INDEX i ON t (a)", "\"database\":\"def\",\"table\":\"t\",\"type\":\"table-alter\""},
		{"RENAME TABLE t TO u", "\"database\":\"def\",\"table\":\"t\",\"type\":\"table-alter\""},
		{"DROP TABLE t", "\"database\":\"def\",\"table\":\"t\",\"type\":\"table-drop\""},
		{"TRUNCATE t", "\"database\":\"def\",\"table\":\"t\",\"type\":\"table-truncate\""},
		{"CREATE DATABASE d", "\"database\":\"d\",\"type\":\"database-create\""},
		{"ALTER DATABASE d COLLATE x", "\"database\":\"d\",\"type\":\"database-alter\""},
		{"DROP DATABASE d", "\"database\":\"d\",\"type\":\"database-drop\""},
		{"CREATE VIEW v AS SELECT 1", "\"database\":\"def\",\"type\":\"ddl\""},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		char		expected[1000];
		CdcChange	change = {
			.op = CDC_OP_SCHEMA,.ts = 1700000000,.offset = 99,.database = S("def"),
			.sql = {cases[i].sql, strlen(cases[i].sql)}
		};

		snprintf(expected, sizeof(expected), "{%s,\"ts\":1700000000000,\"xid\":77,\"position\":\"binlog.000042:99\","
				 "\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:5\",\"sql\":\"%s\",\"commit\":true}",
				 cases[i].head, cases[i].sql);
		assert_event(&cdc_event_defaults, &txn, &change, 0, true, expected);
	}
	{
		/* one event for each table of the statement: the caller names it */
		CdcChange	change = {
			.op = CDC_OP_TRUNCATE,.table = &table,.ts = 1,.offset = 99,.sql = S("TRUNCATE x"),
			.database = {NULL, 0}
		};

		assert_event(&cdc_event_defaults, &(CdcTransaction) {.file = "f"}, &change, 0, true,
					 "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"table-truncate\",\"ts\":1000,"
					 "\"position\":\"f:99\",\"sql\":\"TRUNCATE x\",\"commit\":true}");
	}
}

static void
test_ddl_definitions(void **state)
{
	CdcColumnDef columns[] = {
		{.name = "id",.column_type = "int(10) unsigned",.pk = 1},
		{.name = "k",.column_type = "bigint",.pk = 0},
		{.name = "e",.column_type = "enum('a','it''s')",.charset = "utf8mb4",.pk = -1},
		{.name = "at",.column_type = "datetime(3)",.pk = -1},
		{.name = "b",.column_type = "varbinary(3)",.pk = -1},
		{.name = "t",.column_type = "text",.charset = "latin1",.pk = -1},
		{.name = "j",.column_type = "longtext",.charset = "utf8mb4",.json_check = true,.pk = -1},
		{.name = "m",.column_type = "double",.pk = -1}
	};
	CdcTableDef before = {.charset = "latin1",.ncolumns = 2,.columns = columns};
	CdcTableDef after = {.charset = "utf8mb4",.ncolumns = 8,.columns = columns};
	CdcDdlEffect effect = {
		.kind = CDC_DDL_TABLE_RENAME,.database = "shop",.table = "orders",.new_database = "shop",
		.new_table = "old",.old_def = &before,.new_def = &after
	};
	CdcChange	change = {
		.op = CDC_OP_SCHEMA,.table = &table,.ts = 1,.offset = 9,.sql = S("x"),.ddl = &effect
	};

	(void) state;
	assert_event(&cdc_event_defaults, &(CdcTransaction) {.file = "f"}, &change, 0, true,
				 "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"table-alter\",\"ts\":1000,"
				 "\"position\":\"f:9\","
				 "\"old\":{\"database\":\"shop\",\"charset\":\"latin1\",\"table\":\"orders\",\"columns\":["
				 "{\"type\":\"int\",\"name\":\"id\",\"signed\":false},"
				 "{\"type\":\"bigint\",\"name\":\"k\",\"signed\":true}],\"primary-key\":[\"k\",\"id\"]},"
				 "\"def\":{\"database\":\"shop\",\"charset\":\"utf8mb4\",\"table\":\"old\",\"columns\":["
				 "{\"type\":\"int\",\"name\":\"id\",\"signed\":false},"
				 "{\"type\":\"bigint\",\"name\":\"k\",\"signed\":true},"
				 "{\"type\":\"enum\",\"name\":\"e\",\"enum-values\":[\"a\",\"it's\"]},"
				 "{\"type\":\"datetime\",\"name\":\"at\",\"column-length\":3},"
				 "{\"type\":\"varbinary\",\"name\":\"b\",\"charset\":\"binary\"},"
				 "{\"type\":\"text\",\"name\":\"t\",\"charset\":\"latin1\"},"
				 "{\"type\":\"json\",\"name\":\"j\"},"
				 "{\"type\":\"double\",\"name\":\"m\"}],\"primary-key\":[\"k\",\"id\"]},"
				 "\"sql\":\"x\",\"commit\":true}");
	effect = (CdcDdlEffect) {.kind = CDC_DDL_DATABASE_CREATE,.database = "d",.table = "",.charset = "latin1"};
	change.table = NULL;
	assert_event(&cdc_event_defaults, &(CdcTransaction) {.file = "f"}, &change, 0, true,
				 "{\"database\":\"d\",\"type\":\"database-create\",\"ts\":1000,\"position\":\"f:9\","
				 "\"charset\":\"latin1\",\"sql\":\"x\",\"commit\":true}");
}

static void
test_control(void **state)
{
	CdcChange	change = {.op = CDC_OP_CONTROL,.table = &table,.ts = 1,.offset = 9,.sql = S("bootstrap-start")};

	(void) state;
	assert_event(&cdc_event_defaults, &(CdcTransaction) {.file = "f"}, &change, 0, true,
				 "{\"database\":\"shop\",\"table\":\"orders\",\"type\":\"bootstrap-start\",\"ts\":1,"
				 "\"position\":\"f:9\",\"data\":{},\"commit\":true}");
}

static CdcStatus
emit_json(const uint8_t *data, size_t len, CdcSink *sink, CdcError *err)
{
	if (len == 0)
		return cdc_error(err, CDC_ERR_CORRUPT, "no JSON");
	sink->ops->begin_array(sink);
	sink->ops->string(sink, (const char *) data, len);
	return sink->ops->end_array(sink);
}

static void
assert_value(CdcValue value, const char *expected)
{
	CdcJsonText text;
	CdcError	err;

	cdc_json_text_init(&text);
	assert_ok(cdc_value_emit(&text.sink, &value, &err), &err);
	assert_string_equal(unit_text(&text.buf), expected);
	cdc_json_text_free(&text);
}

static void
test_values(void **state)
{
	static const CdcString members[] = {{"a", 1}, {"b,c", 3}};

	(void) state;
	assert_value((CdcValue) NULLV, "null");
	assert_value((CdcValue) INT(INT64_MIN), "-9223372036854775808");
	assert_value((CdcValue) {.kind = CDC_UINT,.u.u = UINT64_MAX}, "18446744073709551615");
	assert_value((CdcValue) {.kind = CDC_FLOAT,.u.d = (double) 0.1f}, "0.1");
	assert_value((CdcValue) {.kind = CDC_DOUBLE,.u.d = 0.1}, "0.1");
	assert_value((CdcValue) {.kind = CDC_DOUBLE,.u.d = NAN}, "\"NaN\"");
	assert_value((CdcValue) {.kind = CDC_DOUBLE,.u.d = -0.0}, "\"-0\"");
	assert_value((CdcValue) {.kind = CDC_FLOAT,.u.d = -0.0}, "\"-0\"");
	assert_value((CdcValue) {.kind = CDC_FLOAT,.u.d = 0.0}, "0");
	assert_value((CdcValue) {.kind = CDC_FLOAT,.u.d = INFINITY}, "\"Infinity\"");
	assert_value((CdcValue) {.kind = CDC_DOUBLE,.u.d = -INFINITY}, "\"-Infinity\"");
	assert_value((CdcValue) {.kind = CDC_DECIMAL,.u.s = S("-0.50")}, "-0.50");
	assert_value((CdcValue) TEXT("x\0y"), "\"x\\u0000y\"");
	assert_value((CdcValue) {.kind = CDC_DATE,.u.t = {.year = 0}}, "\"0000-00-00\"");
	assert_value((CdcValue) {.kind = CDC_TIME,.u.t = {.hour = 838,.negative = true}}, "\"-838:00:00\"");
	assert_value((CdcValue) {.kind = CDC_TIMESTAMP,.u.t = {.year = 2024,.month = 1,.day = 2,.fsp = 3}},
				 "\"2024-01-02 00:00:00.000\"");
	assert_value((CdcValue) {.kind = CDC_SET,.u.set = {members, 2}}, "[\"a\",\"b,c\"]");
	assert_value((CdcValue) {.kind = CDC_SET,.u.set = {NULL, 0}}, "[]");
	assert_value((CdcValue) {.kind = CDC_JSON,.u.json = {(const uint8_t *) "q", 1, emit_json}}, "[\"q\"]");
}

/* RFC 4648, section 10, and long values in both memory paths. */
static void
test_base64(void **state)
{
	static const char *const vectors[][2] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xFE", "+//+"}
	};
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	(void) state;
	for (size_t i = 0; i < lengthof(vectors); i++)
	{
		char		expected[32];

		snprintf(expected, sizeof(expected), "\"%s\"", vectors[i][1]);
		assert_value((CdcValue) {.kind = CDC_BYTES,.u.s = {vectors[i][0], strlen(vectors[i][0])}}, expected);
	}
	for (size_t len = 750; len < 3000; len++)
	{
		uint8_t    *bytes = malloc(len);
		CdcValue	value = {.kind = CDC_BYTES,.u.s = {(char *) bytes, len}};
		CdcJsonText text;
		uint32_t	bits = 0;
		size_t		n = 0;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t) (i * 7 + len);
		cdc_json_text_init(&text);
		assert_int_equal(cdc_value_emit(&text.sink, &value, NULL), CDC_OK);
		assert_int_equal(text.buf.len, (len + 2) / 3 * 4 + 2);
		for (size_t i = 1; text.buf.data[i] != '=' && text.buf.data[i] != '"'; i++)
		{
			bits = bits << 6 | (uint32_t) (strchr(digits, text.buf.data[i]) - digits);
			if (i % 4 != 1)
				assert_int_equal(bytes[n++], bits >> (i % 4 == 2 ? 4 : i % 4 == 3 ? 2 : 0) & 0xFF);
		}
		assert_int_equal(n, len);
		cdc_json_text_free(&text);
		free(bytes);
	}
}

static void
test_equal(void **state)
{
	static const CdcString ab[] = {{"a", 1}, {"b", 1}};
	static const CdcString ac[] = {{"a", 1}, {"c", 1}};
	CdcValue	values[] = {
		ABSENT, NULLV, INT(0), INT(1), {.kind = CDC_UINT,.u.u = 1}, {.kind = CDC_DOUBLE,.u.d = 0.0},
		{.kind = CDC_DOUBLE,.u.d = -0.0}, {.kind = CDC_FLOAT,.u.d = 0.0}, TEXT(""), TEXT("a"), TEXT("b"),
		TEXT("a\0"), {.kind = CDC_BYTES,.u.s = {"a", 1}}, {.kind = CDC_DECIMAL,.u.s = {"1", 1}},
		{.kind = CDC_DATE,.u.t = {.year = 1}}, {.kind = CDC_DATE,.u.t = {.month = 1}},
		{.kind = CDC_DATE,.u.t = {.day = 1}}, {.kind = CDC_TIME,.u.t = {.hour = 1}},
		{.kind = CDC_TIME,.u.t = {.minute = 1}}, {.kind = CDC_TIME,.u.t = {.second = 1}},
		{.kind = CDC_TIME,.u.t = {.micros = 1}}, {.kind = CDC_TIME,.u.t = {.hour = 1,.negative = true}},
		{.kind = CDC_SET,.u.set = {ab, 1}}, {.kind = CDC_SET,.u.set = {ab, 2}}, {.kind = CDC_SET,.u.set = {ac, 2}},
		{.kind = CDC_JSON,.u.json = {(const uint8_t *) "a", 1, emit_json}},
		{.kind = CDC_JSON,.u.json = {(const uint8_t *) "b", 1, emit_json}},
	};
	char		copy[] = "a";

	(void) state;
	for (size_t i = 0; i < lengthof(values); i++)
	{
		for (size_t j = 0; j < lengthof(values); j++)
			assert_int_equal(cdc_value_equal(&values[i], &values[j]), i == j);
	}
	assert_true(cdc_value_equal(&values[9], &(CdcValue) {.kind = CDC_TEXT,.u.s = {copy, 1}}));
}

/* Errors name the column, and a failing sink is never taken for success. */
static void
test_errors(void **state)
{
	CdcValue	values[] = {INT(1), {.kind = CDC_JSON,.u.json = {NULL, 0, emit_json}}, INT(7)};
	CdcValue	absent = ABSENT;
	CdcChange	change = row_change(CDC_OP_INSERT, NULL, values);
	CdcJsonText text;
	CdcError	err;

	(void) state;
	cdc_json_text_init(&text);
	assert_int_equal(cdc_event_open(&text.sink, &everything, &txn, &change, 0, &err), CDC_ERR_CORRUPT);
	assert_string_equal(err.message, "no JSON");
	assert_string_equal(err.table, "shop.orders");
	assert_string_equal(err.column, "na\"me");
	assert_int_equal(cdc_value_emit(&text.sink, &absent, &err), CDC_ERR_INTERNAL);
	change.table = NULL;
	assert_int_equal(cdc_event_open(&text.sink, &everything, &txn, &change, 0, &err), CDC_ERR_INTERNAL);
	cdc_json_text_free(&text);
}

/* A sink that fails at its n-th call, whatever that is. */
static int	calls_left;

static CdcStatus
count_call(void)
{
	return calls_left-- > 0 ? CDC_OK : CDC_ERR_LIMIT;
}

static CdcStatus
fail_plain(CdcSink *sink)
{
	(void) sink;
	return count_call();
}

static CdcStatus
fail_text(CdcSink *sink, const char *s, size_t len)
{
	(void) sink;
	(void) s;
	(void) len;
	return count_call();
}

static CdcStatus
fail_bool(CdcSink *sink, bool v)
{
	(void) sink;
	(void) v;
	return count_call();
}

static CdcStatus
fail_int(CdcSink *sink, int64_t v)
{
	(void) sink;
	(void) v;
	return count_call();
}

static CdcStatus
fail_uint(CdcSink *sink, uint64_t v)
{
	(void) sink;
	(void) v;
	return count_call();
}

static void
test_failing_sink(void **state)
{
	static const CdcSinkOps ops = {
		.begin_object = fail_plain,.end_object = fail_plain,.begin_array = fail_plain,
		.end_array = fail_plain,.key = fail_text,.null = fail_plain,.boolean = fail_bool,
		.int64 = fail_int,.uint64 = fail_uint,.decimal = fail_text,.string = fail_text
	};
	static const CdcString member = {"m", 1};
	CdcValue	before[] = {INT(1), TEXT("a"), {.kind = CDC_SET,.u.set = {&member, 1}}};
	CdcValue	after[] = {INT(2), NULLV, {.kind = CDC_UINT,.u.u = 5}};
	CdcChange	changes[] = {
		row_change(CDC_OP_UPDATE, before, after),
		{.op = CDC_OP_SCHEMA,.sql = S("DROP TABLE t"),.database = S("d")},
		{.op = CDC_OP_CONTROL,.sql = S("bootstrap-start"),.database = S("d")},
	};

	(void) state;
	for (size_t c = 0; c < lengthof(changes); c++)
	{
		CdcSink		sink = {.ops = &ops};
		int			needed = 0;
		bool		done = false;

		while (!done)
		{
			CdcError	err;
			CdcStatus	st;

			calls_left = needed;
			st = cdc_event_open(&sink, &everything, &txn, &changes[c], 0, &err);
			if (st == CDC_OK)
				st = cdc_event_close(&sink, &everything, 0, true, &err);
			assert_true(st == CDC_OK || st == CDC_ERR_LIMIT);
			if (st != CDC_OK)
			{
				assert_int_equal(calls_left, -1);	/* nothing more was written */
				assert_string_not_equal(err.message, "");
				needed++;
			}
			else
				done = true;
			assert_true(needed < 200);
		}
		assert_true(needed > 15);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_partial_images),
		cmocka_unit_test(test_ddl),
		cmocka_unit_test(test_ddl_definitions),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_failing_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
