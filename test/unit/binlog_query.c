/*
 * binlog_query.c
 *	  Tests of the Query event: status variables of all servers, in order and cut
 *	  short; what kind of statement it is.
 */
#include "unit.h"

#include "binlog/query.h"
#include "tools/binlog_build.h"

/* A Query event with these status variables; parses a copy without a byte to spare. */
static CdcStatus
parse(CdcQuery *query, const char *status, size_t len, CdcError *err)
{
	static uint8_t *copy;
	EventBuilder b = {.offset = 4};
	CdcFormat	format = {0};
	CdcStatus	st;

	begin_event(&b, CDC_EV_QUERY);
	put_int(&b, 42, 4);
	put_int(&b, 0, 4);
	put_int(&b, 4, 1);
	put_int(&b, 0, 2);
	put_int(&b, len, 2);
	put_bytes(&b, status, len);
	put_bytes(&b, "shop", 5);
	put_bytes(&b, "SELECT 1", 8);
	end_event(&b);
	free(copy);
	copy = malloc(b.buf.len);
	memcpy(copy, b.buf.data, b.buf.len);
	format.post_header[CDC_EV_QUERY] = 13;
	st = cdc_query_parse(query, &format, copy, b.buf.len, NULL, err);
	cdc_buf_free(&b.buf);
	if (st == CDC_OK)
	{
		assert_int_equal(query->sql.len, 8);
		assert_memory_equal(query->sql.data, "SELECT 1", 8);
		assert_int_equal(query->database.len, 4);
	}
	else
	{
		free(copy);
		copy = NULL;
	}
	return st;
}

/* Each variable, and behind it one that must still be found. */
static void
test_each_variable(void **state)
{
	static const struct
	{
		const char *bytes;
		size_t		len;
	}			variables[] = {
		{"\x00\1\2\3\4", 5},	/* flags2 */
		{"\x02\3std\0", 6},		/* catalog of 5.0.0 to 5.0.3 */
		{"\x03\1\0\1\0", 5},	/* auto_increment */
		{"\x05\x06SYSTEM", 8},	/* time zone */
		{"\x06\3std", 5},		/* catalog */
		{"\x07\1\0", 3},		/* lc_time_names */
		{"\x08\x21\0", 3},		/* collation of the database */
		{"\x09\1\2\3\4\5\6\7\0", 9},	/* tables of a multi-table update */
		{"\x0a\1\2\3\4", 5},	/* length at the source */
		{"\x0b\4root\x09localhost", 16},	/* invoker */
		{"\x0c\2a\0bc\0", 7},	/* databases */
		{"\x0c\xfe", 2},		/* too many of them */
		{"\x0c\0", 2},
		{"\x0d\1\2\3", 4},		/* microseconds */
		{"\x0e\1\2\3\4\5\6\7\0", 9},	/* commit timestamps of 5.7's labs */
		{"\x0f\1\2\3\4\5\6\7\0", 9},
		{"\x10\1", 2},			/* explicit_defaults_for_timestamp */
		{"\x11\1\2\3\4\5\6\7\0", 9},	/* xid of DDL */
		{"\x12\xff\0", 3},		/* default collation of utf8mb4 */
		{"\x13\1", 2},			/* sql_require_primary_key */
		{"\x14\1", 2},			/* default_table_encryption */
		{"\x15\1", 2},			/* Percona: ddl_skip_rewrite */
		{"\x80\1\2\3", 4},		/* MariaDB: microseconds */
		{"\x81\1\2\3\4\5\6\7\0", 9},	/* xid */
		{"\x82\0", 2},			/* extra GTID flags */
		{"\x82\x02", 2},		/* START ALTER */
		{"\x82\x04\1\2\3\4\5\6\7\0", 10},	/* COMMIT ALTER, of that number */
		{"\x82\x08\1\2\3\4\5\6\7\0", 10},
		{"\x83\2\1\0\2\0\3\0\4\0", 10}	/* character_set_collations */
	};
	static const char behind[] = "\x01\x00\x00\x20\x40\x00\x00\x00\x00"
	"\x04\x21\x00\x2d\x00\x08\x00";
	char		bytes[100];
	CdcQuery	query;
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(variables); i++)
	{
		memcpy(bytes, variables[i].bytes, variables[i].len);
		memcpy(bytes + variables[i].len, behind, sizeof(behind) - 1);
		assert_ok(parse(&query, bytes, variables[i].len + sizeof(behind) - 1, &err), &err);
		assert_true(query.has_sql_mode);
		assert_int_equal(query.sql_mode, 0x40200000);
		assert_int_equal(query.client_collation, 33);
		assert_int_equal(query.connection_collation, 45);
		assert_int_equal(query.server_collation, 8);

		/* cut short in any place: an error */
		for (size_t n = 1; n < variables[i].len; n++)
		{
			if (variables[i].bytes[0] == 0x0c && n == 2 && variables[i].bytes[1] == 0)
				continue;
			assert_int_equal(parse(&query, bytes, n, &err), CDC_ERR_CORRUPT);
		}
	}
}

static void
test_values(void **state)
{
	CdcQuery	query;
	CdcError	err;

	(void) state;
	assert_ok(parse(&query, "\x05\x06+02:00\x08\x1c\0\x11\x07\0\0\0\0\0\0\0\x12\x2d\0", 23, &err), &err);
	assert_int_equal(query.time_zone.len, 6);
	assert_memory_equal(query.time_zone.data, "+02:00", 6);
	assert_int_equal(query.database_collation, 28);
	assert_int_equal(query.xid, 7);
	assert_int_equal(query.utf8mb4_collation, 45);
	assert_int_equal(query.thread_id, 42);

	/* an unknown code ends the variables, not the event: its length is unknown */
	assert_ok(parse(&query, "\x01\4\0\0\0\0\0\0\0\x7f\x01garbage", 18, &err), &err);
	assert_int_equal(query.sql_mode, 4);
	assert_int_equal(query.client_collation, 0);
	assert_int_equal(query.unknown_variable, 0x7f);
	assert_ok(parse(&query, "", 0, &err), &err);
	assert_false(query.has_sql_mode);
	assert_int_equal(query.unknown_variable, -1);

	/* a list of names that never ends */
	assert_int_equal(parse(&query, "\x0c\2a\0bc", 6, &err), CDC_ERR_CORRUPT);
}

static void
test_kinds(void **state)
{
	static const struct
	{
		const char *sql;
		CdcStatementKind kind;
	}			statements[] = {
		{"BEGIN", CDC_STMT_BEGIN}, {"begin ", CDC_STMT_BEGIN},
		{"COMMIT", CDC_STMT_COMMIT}, {"-- x\nCOMMIT", CDC_STMT_COMMIT},
		{"ROLLBACK", CDC_STMT_ROLLBACK}, {"ROLLBACK WORK", CDC_STMT_ROLLBACK},
		{"ROLLBACK TO `a`", CDC_STMT_ROLLBACK_TO},
		{"ROLLBACK WORK TO SAVEPOINT a", CDC_STMT_ROLLBACK_TO},
		{"SAVEPOINT a", CDC_STMT_SAVEPOINT}, {"RELEASE SAVEPOINT a", CDC_STMT_RELEASE},
		{"XA START X'61',X'',1", CDC_STMT_XA_START}, {"XA END X'61',X'',1", CDC_STMT_XA_END},
		{"XA PREPARE X'61',X'',1", CDC_STMT_XA_PREPARE},
		{"XA COMMIT X'61',X'',1", CDC_STMT_XA_COMMIT},
		{"XA ROLLBACK X'61',X'',1", CDC_STMT_XA_ROLLBACK},
		{"truncate table t", CDC_STMT_TRUNCATE}, {"CREATE TABLE t (a int)", CDC_STMT_OTHER},
		{"INSERT INTO t VALUES (1)", CDC_STMT_DML}, {"begins", CDC_STMT_OTHER},
		{"", CDC_STMT_OTHER}, {"# comment", CDC_STMT_OTHER}
	};

	(void) state;
	for (size_t i = 0; i < lengthof(statements); i++)
	{
		CdcQuery	query = {.sql = {statements[i].sql, strlen(statements[i].sql)}};

		if (cdc_statement_kind(&query, NULL) != statements[i].kind)
			fail_msg("\"%s\" is of kind %d", statements[i].sql,
					 (int) cdc_statement_kind(&query, NULL));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_variable),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
