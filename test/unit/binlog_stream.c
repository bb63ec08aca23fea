/*
 * binlog_stream.c
 *	  Tests of the event stream: groups and how they end, positions, checksums,
 *	  what is refused.
 */
#include "unit.h"

#include "binlog/stream.h"
#include "tools/binlog_build.h"

#define UUID "00112233-4455-6677-8899-aabbccddeeff"

typedef struct Fixture
{
	EventBuilder b;
	CdcStream  *stream;
	CdcItem		item;
	CdcError	err;
} Fixture;

static void
open_stream(Fixture *f, const char *version, bool checksum)
{
	memset(f, 0, sizeof(*f));
	f->b.offset = 4;
	f->b.checksum = checksum;
	f->stream = cdc_stream_create(CDC_MYSQL, "bin.000007", 4);
	build_format(&f->b, version);
}

static void
close_stream(Fixture *f)
{
	cdc_stream_destroy(f->stream);
	cdc_buf_free(&f->b.buf);
}

static CdcStatus
feed(Fixture *f)
{
	return cdc_stream_feed(f->stream, (const uint8_t *) f->b.buf.data, f->b.buf.len, &f->item,
						   &f->err);
}

/* Feeds what was built; the item must be of that kind, and stand right. */
static void
expect(Fixture *f, CdcItemKind kind, bool keep)
{
	assert_ok(feed(f), &f->err);
	assert_int_equal(f->item.kind, kind);
	assert_int_equal(f->item.keep, keep);
	assert_int_equal(cdc_stream_offset(f->stream), f->b.offset);
}

static void
expect_error(Fixture *f, CdcStatus st)
{
	assert_int_equal(feed(f), st);
	assert_int_equal(f->err.status, st);
	assert_string_equal(f->err.file, cdc_stream_file(f->stream));
	assert_true(f->err.offset >= 4);
}

static const uint8_t int_type[1] = {CDC_WT_LONG};

static void
test_transaction(void **state)
{
	Fixture		f;
	uint64_t	start;

	(void) state;
	for (int checksum = 0; checksum < 2; checksum++)
	{
		open_stream(&f, "8.0.36", checksum);
		expect(&f, CDC_ITEM_POSITION, false);
		start = f.b.offset;
		build_gtid(&f.b, 12);
		expect(&f, CDC_ITEM_BEGIN, false);
		assert_string_equal(f.item.txn.gtid, UUID ":12");
		assert_true(cdc_stream_in_group(f.stream));
		build_query(&f.b, "shop", "BEGIN");
		expect(&f, CDC_ITEM_NONE, false);
		build_table_map(&f.b, int_type, 1, "", 0);
		expect(&f, CDC_ITEM_NONE, true);
		assert_int_equal(f.item.event_len, f.b.buf.len - (checksum ? 4 : 0));
		build_write_rows(&f.b, 1, "\0\1\0\0\0", 5);
		expect(&f, CDC_ITEM_NONE, true);
		build_xid(&f.b, 99);
		expect(&f, CDC_ITEM_COMMIT, false);
		assert_false(cdc_stream_in_group(f.stream));
		assert_int_equal(f.item.txn.xid, 99);
		assert_int_equal(f.item.txn.thread_id, 42);
		assert_int_equal(f.item.txn.server_id, 7);
		assert_int_equal(f.item.txn.start_offset, start);
		assert_int_equal(f.item.txn.end_offset, f.b.offset);
		assert_int_equal(f.item.txn.commit_us, INT64_C(1700000000) * 1000000);
		assert_string_equal(f.item.txn.file, "bin.000007");
		close_stream(&f);
	}
}

static void
test_ends(void **state)
{
	static const struct
	{
		const char *sql;
		CdcItemKind kind;
	}			ends[] = {
		{"COMMIT", CDC_ITEM_COMMIT}, {"ROLLBACK", CDC_ITEM_ROLLBACK},
		{"commit", CDC_ITEM_COMMIT}, {"ROLLBACK /* comment */", CDC_ITEM_ROLLBACK}
	};
	Fixture		f;

	(void) state;
	for (size_t i = 0; i < lengthof(ends); i++)
	{
		open_stream(&f, "5.6.24", true);
		expect(&f, CDC_ITEM_POSITION, false);
		build_query(&f.b, "", "BEGIN"); /* no GTID event */
		expect(&f, CDC_ITEM_BEGIN, false);
		assert_null(f.item.txn.gtid);
		build_query(&f.b, "", "SAVEPOINT `a`");
		expect(&f, CDC_ITEM_NONE, false);
		build_query(&f.b, "", "ROLLBACK TO `a`");	/* nothing came since */
		expect(&f, CDC_ITEM_NONE, false);
		build_query(&f.b, "", ends[i].sql);
		expect(&f, ends[i].kind, false);
		close_stream(&f);
	}
}

static void
test_statements(void **state)
{
	Fixture		f;
	CdcString	sql;

	(void) state;
	open_stream(&f, "9.7.4", true);
	expect(&f, CDC_ITEM_POSITION, false);
	build_query(&f.b, "shop", "create table t (id int)");	/* no GTID: alone */
	expect(&f, CDC_ITEM_COMMIT, true);
	build_gtid(&f.b, 1);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "shop", "/* x */ TRUNCATE t");
	expect(&f, CDC_ITEM_COMMIT, true);
	assert_int_equal(cdc_stream_statement_dml(f.stream, NULL), 0);

	build_gtid(&f.b, 2);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "shop", "BEGIN");
	expect(&f, CDC_ITEM_NONE, false);
	build_query(&f.b, "shop", "INSERT INTO t VALUES (1)");
	expect(&f, CDC_ITEM_NONE, false);
	build_query(&f.b, "shop", "CREATE TABLE u (id int) START TRANSACTION");
	expect(&f, CDC_ITEM_NONE, true);
	assert_int_equal(cdc_stream_statement_dml(f.stream, &sql), 1);
	assert_string_equal(sql.data, "INSERT INTO t VALUES (1)");
	build_query(&f.b, "shop", "ROLLBACK TO `x`");	/* no such savepoint */
	expect_error(&f, CDC_ERR_CORRUPT);
	close_stream(&f);
}

/* MySQL 5.6, the first time that a table in memory is opened. */
static void
test_memory_table(void **state)
{
	Fixture		f;
	uint64_t	mode;

	(void) state;
	open_stream(&f, "5.6.24", true);
	expect(&f, CDC_ITEM_POSITION, false);
	build_gtid(&f.b, 1);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "shop", "DELETE FROM `shop`.`t`");
	expect(&f, CDC_ITEM_COMMIT, false);
	assert_string_equal(f.item.txn.gtid, UUID ":1");
	assert_string_equal(cdc_stream_statement_database(f.stream, &mode), "shop");
	build_table_map(&f.b, int_type, 1, "", 0);
	expect(&f, CDC_ITEM_BEGIN, true);
	assert_null(f.item.txn.gtid);
	build_write_rows(&f.b, 1, "\0\1\0\0\0", 5);
	expect(&f, CDC_ITEM_COMMIT, true);
	build_table_map(&f.b, int_type, 1, "", 0);
	expect_error(&f, CDC_ERR_CORRUPT);
	build_gtid(&f.b, 2);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "shop", "DELETE FROM `shop`.`t`");
	expect(&f, CDC_ITEM_COMMIT, false);
	build_gtid(&f.b, 3);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "shop", "create table u (id int)");
	expect(&f, CDC_ITEM_COMMIT, true);
	build_table_map(&f.b, int_type, 1, "", 0);
	expect_error(&f, CDC_ERR_CORRUPT);
	close_stream(&f);
}

static void
test_mariadb(void **state)
{
	Fixture		f;

	(void) state;
	open_stream(&f, "11.8.9-MariaDB", true);
	expect(&f, CDC_ITEM_POSITION, false);
	build_maria_gtid(&f.b, 55, 0, 0);
	expect(&f, CDC_ITEM_BEGIN, false);
	assert_string_equal(f.item.txn.gtid, "3-7-55");

	/* from 11.7 on, events inside of a group have no position */
	build_table_map(&f.b, int_type, 1, "", 0);
	set_int(&f.b, 13, 0, 4);
	f.b.buf.len -= 4;
	put_int(&f.b, crc32(0, (const Bytef *) f.b.buf.data, (uInt) f.b.buf.len), 4);
	expect(&f, CDC_ITEM_NONE, true);
	build_xid(&f.b, 4);
	expect(&f, CDC_ITEM_COMMIT, false);

	build_maria_gtid(&f.b, 56, CDC_MARIA_STANDALONE, 0);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "d", "drop table x");
	expect(&f, CDC_ITEM_COMMIT, true);

	/* ALTER in two phases takes effect once, at its end */
	build_maria_gtid(&f.b, 57, CDC_MARIA_STANDALONE, CDC_MARIA_EXTRA_START_ALTER);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "d", "alter table x add y int");
	expect(&f, CDC_ITEM_COMMIT, false);
	close_stream(&f);
}

static void
put_hex(EventBuilder *b, const char *hex)
{
	for (; *hex != '\0'; hex += 2)
	{
		char		two[3] = {hex[0], hex[1], '\0'};

		put_int(b, strtoul(two, NULL, 16), 1);
	}
}

/* GTID events as MySQL 9.7.4 wrote them: with tags, and with times. */
static void
test_gtid_events(void **state)
{
	static const struct
	{
		uint8_t		type;
		const char *body;
		const char *gtid;
		int64_t		commit_us;
	}			events[] = {
		{CDC_EV_GTID_TAGGED,
			"0280000002021903c103d1029a9503b622c5034d02d50204f103000000020404061474"
			"61676765645f6f6e6508040a080c7f6b6e4986c160061035031283120b",
		"c6f0b44d-e55b-11f1-93b5-02fc00000001:tagged_one:1", INT64_C(1795234158177899)},
		{CDC_EV_GTID_TAGGED,
			"02cc00000002a902a902a902a902ed02ed023103310375037503b903b903b903b903b9"
			"03b90304fffcffffffffffffff06406c6f6e6765725f7461675f6f665f746869727479"
			"5f74776f5f63686172735f5f08080a180c7f5c734986c160061015051283120b",
		"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:longer_tag_of_thirty_two_chars__:9223372036854775806",
		INT64_C(1795234158179164)},
		{CDC_EV_GTID_TAGGED, "0280000002021903c103", NULL, 0},
		{CDC_EV_GTID_TAGGED, "0480000002021903c103", NULL, 0},
		{CDC_EV_GTID, "0100112233445566778899aabbccddeeff0000000000000000", NULL, 0},
		{CDC_EV_GTID, "0100112233445566778899aabbccddeeff05000000000000", NULL, 0},
		/* committed here at the first time, at the origin at the second one */
		{CDC_EV_GTID,
			"0100112233445566778899aabbccddeeff0500000000000000"
			"02000000000000000001000000000000006e4986c1614186 40e2010000000000",
		UUID ":5", 0x1e240},
		{CDC_EV_ANONYMOUS_GTID,
		"0100000000000000000000000000000000000000000000000000", NULL, 0}
	};

	(void) state;
	for (size_t i = 0; i < lengthof(events); i++)
	{
		Fixture		f;
		char		hex[300];
		size_t		n = 0;

		open_stream(&f, "9.7.4", true);
		expect(&f, CDC_ITEM_POSITION, false);
		for (const char *p = events[i].body; *p != '\0'; p++)
		{
			if (*p != ' ')
				hex[n++] = *p;
		}
		hex[n] = '\0';
		begin_event(&f.b, events[i].type);
		put_hex(&f.b, hex);
		end_event(&f.b);
		if (events[i].gtid != NULL)
		{
			expect(&f, CDC_ITEM_BEGIN, false);
			assert_string_equal(f.item.txn.gtid, events[i].gtid);
			if (events[i].commit_us != 0)
				assert_int_equal(f.item.txn.commit_us, events[i].commit_us);
		}
		else if (events[i].type == CDC_EV_ANONYMOUS_GTID)
		{
			expect(&f, CDC_ITEM_BEGIN, false);
			assert_null(f.item.txn.gtid);
		}
		else
			assert_true(cdc_failed(feed(&f)));
		close_stream(&f);
	}
}

static void
test_positions(void **state)
{
	Fixture		f;

	(void) state;
	open_stream(&f, "8.4.0", true);
	expect(&f, CDC_ITEM_POSITION, false);

	/* over 4 GiB: the header has the low 32 bits only */
	f.b.offset = UINT64_C(0x2fffffff0);
	build_rotate(&f.b, "bin.000008", f.b.offset, true);
	assert_ok(feed(&f), &f.err);
	assert_string_equal(f.item.txn.file, "bin.000008");
	build_gtid(&f.b, 5);
	expect(&f, CDC_ITEM_BEGIN, false);
	assert_true(f.b.offset > UINT64_C(0x300000000));
	build_query(&f.b, "", "create database x");
	expect(&f, CDC_ITEM_COMMIT, true);
	assert_int_equal(f.item.txn.start_offset, UINT64_C(0x2fffffff0));

	/* the server left events out */
	f.b.offset += 1000;
	build_gtid(&f.b, 6);
	expect(&f, CDC_ITEM_BEGIN, false);
	assert_int_equal(f.item.txn.start_offset, f.b.offset - f.b.buf.len);
	build_query(&f.b, "", "drop database x");
	expect(&f, CDC_ITEM_COMMIT, true);

	/* heartbeats move the position; version 2 in 64 bits */
	f.b.offset += 5000;
	begin_event(&f.b, CDC_EV_HEARTBEAT_V2);
	put_bytes(&f.b, "\1\12bin.000008\2\11\376", 15);
	put_int(&f.b, f.b.offset, 8);
	put_int(&f.b, 0, 1);
	end_event_flags(&f.b, 0, true);
	expect(&f, CDC_ITEM_HEARTBEAT, false);
	assert_int_equal(f.item.txn.end_offset, f.b.offset);

	/* the real rotation, then the one that the dump thread makes */
	build_rotate(&f.b, "bin.000009", 4, false);
	f.b.offset = 4;
	expect(&f, CDC_ITEM_POSITION, false);
	assert_string_equal(cdc_stream_file(f.stream), "bin.000009");
	build_rotate(&f.b, "bin.000009", 4, true);
	expect(&f, CDC_ITEM_POSITION, false);
	begin_event(&f.b, CDC_EV_HEARTBEAT);
	put_bytes(&f.b, "bin.000009", 10);
	end_event_flags(&f.b, 0, true);
	set_int(&f.b, 13, 777, 4);
	f.b.buf.len -= 4;
	put_int(&f.b, crc32(0, (const Bytef *) f.b.buf.data, (uInt) f.b.buf.len), 4);
	f.b.offset = 777;
	expect(&f, CDC_ITEM_HEARTBEAT, false);
	begin_event(&f.b, CDC_EV_STOP);
	end_event(&f.b);
	expect(&f, CDC_ITEM_STOP, false);
	close_stream(&f);
}

/* The rotate event before any format description, with and without checksum. */
static void
test_first_rotate(void **state)
{
	(void) state;
	for (int checksum = 0; checksum < 2; checksum++)
	{
		Fixture		f;

		open_stream(&f, "8.4.0", checksum);
		f.b.offset = 4;
		build_rotate(&f.b, "mysql-bin.000123", 500, true);
		assert_ok(feed(&f), &f.err);
		assert_string_equal(cdc_stream_file(f.stream), "mysql-bin.000123");
		assert_int_equal(cdc_stream_offset(f.stream), 500);
		build_format(&f.b, "8.4.0");	/* sent for a start amid the file */
		set_int(&f.b, 13, 0, 4);
		if (checksum)
		{
			f.b.buf.len -= 4;
			put_int(&f.b, crc32(0, (const Bytef *) f.b.buf.data, (uInt) f.b.buf.len), 4);
		}
		f.b.offset = 500;
		expect(&f, CDC_ITEM_POSITION, false);
		close_stream(&f);
	}
}

/* A crashed server's last group: void, and its GTID is used again. */
static void
test_crash(void **state)
{
	Fixture		f;

	(void) state;
	open_stream(&f, "8.4.0", true);
	expect(&f, CDC_ITEM_POSITION, false);
	build_gtid(&f.b, 5);
	expect(&f, CDC_ITEM_BEGIN, false);
	build_query(&f.b, "", "BEGIN");
	expect(&f, CDC_ITEM_NONE, false);
	f.b.offset = 4;
	build_rotate(&f.b, "bin.000008", 4, true);
	expect(&f, CDC_ITEM_ROLLBACK, false);
	assert_null(f.item.txn.gtid);
	assert_string_equal(f.item.txn.file, "bin.000008");
	assert_int_equal(f.item.txn.end_offset, 4);
	assert_false(cdc_stream_in_group(f.stream));
	close_stream(&f);
}

static void
build_xa_prepare(EventBuilder *b, bool one_phase)
{
	begin_event(b, CDC_EV_XA_PREPARE);
	put_int(b, one_phase, 1);
	put_int(b, 7, 4);
	put_int(b, 2, 4);
	put_int(b, 1, 4);
	put_bytes(b, "x1b", 3);
	end_event(b);
}

static void
test_xa(void **state)
{
	(void) state;
	for (int accept = 0; accept < 2; accept++)
	{
		Fixture		f;

		open_stream(&f, "8.4.0", true);
		if (accept)
			cdc_stream_accept_xa(f.stream);
		expect(&f, CDC_ITEM_POSITION, false);

		build_gtid(&f.b, 1);
		expect(&f, CDC_ITEM_BEGIN, false);
		build_query(&f.b, "", "XA START X'7831',X'62',7");
		expect(&f, CDC_ITEM_NONE, false);
		build_query(&f.b, "", "XA END X'7831',X'62',7");
		expect(&f, CDC_ITEM_NONE, false);
		build_xa_prepare(&f.b, true);
		expect(&f, CDC_ITEM_COMMIT, false);

		build_gtid(&f.b, 2);
		expect(&f, CDC_ITEM_BEGIN, false);
		build_query(&f.b, "", "XA START X'7831',X'62',7");
		expect(&f, CDC_ITEM_NONE, false);
		build_xa_prepare(&f.b, false);
		if (!accept)
		{
			expect_error(&f, CDC_ERR_UNSUPPORTED);
			close_stream(&f);
			continue;
		}
		expect(&f, CDC_ITEM_XA_PREPARE, false);
		assert_string_equal(f.item.xa, "X'7831',X'62',7");
		build_gtid(&f.b, 3);
		expect(&f, CDC_ITEM_BEGIN, false);
		build_query(&f.b, "", "XA COMMIT X'7831',X'62',7");
		expect(&f, CDC_ITEM_XA_COMMIT, false);
		assert_string_equal(f.item.xa, "X'7831',X'62',7");
		assert_string_equal(f.item.txn.gtid, UUID ":3");
		close_stream(&f);
	}
}

static void
test_refused(void **state)
{
	Fixture		f;
	uint8_t		type;

	(void) state;
	open_stream(&f, "8.4.0", true);
	f.b.buf.data[30] ^= 1;		/* format description with a wrong sum */
	expect_error(&f, CDC_ERR_CORRUPT);
	close_stream(&f);
	open_stream(&f, "8.4.0", true);
	expect(&f, CDC_ITEM_POSITION, false);

	build_write_rows(&f.b, 1, "\0\1\0\0\0", 5);
	expect_error(&f, CDC_ERR_CORRUPT);	/* outside of a transaction */
	assert_non_null(strstr(f.err.message, "outside"));
	build_xid(&f.b, 1);
	expect_error(&f, CDC_ERR_CORRUPT);

	begin_event(&f.b, 99);
	end_event(&f.b);
	expect_error(&f, CDC_ERR_UNSUPPORTED);
	assert_non_null(strstr(f.err.message, "99"));
	begin_event(&f.b, 99);
	end_event_flags(&f.b, CDC_EVF_IGNORABLE, false);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(f.item.kind, CDC_ITEM_NONE);
	assert_int_equal(cdc_stream_skipped(f.stream, &type), 1);
	assert_int_equal(type, 99);

	/* known ones are not counted, whatever their flags */
	begin_event(&f.b, CDC_EV_ROWS_QUERY);
	put_bytes(&f.b, "\0select 1", 9);
	end_event_flags(&f.b, CDC_EVF_IGNORABLE, false);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_stream_skipped(f.stream, NULL), 1);

	begin_event(&f.b, CDC_EV_INCIDENT);
	put_bytes(&f.b, "\1\0\4lost", 7);
	end_event(&f.b);
	expect_error(&f, CDC_ERR_SOURCE);
	assert_non_null(strstr(f.err.detail, "lost"));

	build_xid(&f.b, 1);
	f.b.buf.data[21] ^= 0x40;
	expect_error(&f, CDC_ERR_CORRUPT);
	assert_non_null(strstr(f.err.message, "checksum"));
	build_xid(&f.b, 1);
	f.b.buf.len--;
	expect_error(&f, CDC_ERR_CORRUPT);
	close_stream(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transaction),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_memory_table),
		cmocka_unit_test(test_mariadb),
		cmocka_unit_test(test_gtid_events),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_first_rotate),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_xa),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
