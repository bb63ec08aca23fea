/*
 * binlog_decoder.c
 *	  Tests of the decoder: each type's bytes as the servers write them, definitions
 *	  that do not fit, rows without a table map.
 */
#include "unit.h"

#include <ctype.h>

#include "binlog/decoder.h"
#include "binlog/format.h"
#include "core/event.h"
#include "core/json_text.h"
#include "tools/binlog_build.h"

static const CdcTransaction txn = {
	.file = "bin.000001",.start_offset = 100,.end_offset = 1 << 20
};

typedef struct Fixture
{
	EventBuilder b;
	CdcDecoder *decoder;
	CdcFormat	format;
	CdcArena   *arena;
	CdcTable	table;
	CdcColumn	columns[8];
	bool		wanted;
	CdcJsonText text;
	CdcError	err;
	uint8_t    *copy;			/* of the event fed last */
} Fixture;

static CdcStatus
lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	Fixture    *f = arg;

	(void) err;
	assert_string_equal(map->database, "shop");
	assert_string_equal(map->table, "t");
	*table = f->wanted ? &f->table : NULL;
	return CDC_OK;
}

static void
open_decoder(Fixture *f, CdcFlavor flavor)
{
	memset(f, 0, sizeof(*f));
	f->b.offset = 100;
	f->decoder = cdc_decoder_create(flavor, lookup, f);
	f->arena = cdc_arena_create(0);
	f->format.flavor = flavor;
	f->format.version = 11008000;
	f->format.post_header[CDC_EV_QUERY] = 13;
	f->table.database = "shop";
	f->table.name = "t";
	f->table.full_name = "shop.t";
	f->table.columns = f->columns;
	f->wanted = true;
	cdc_json_text_init(&f->text);
	cdc_decoder_begin(f->decoder, &f->format, &txn);
}

static void
close_decoder(Fixture *f)
{
	cdc_decoder_destroy(f->decoder);
	cdc_arena_destroy(f->arena);
	cdc_json_text_free(&f->text);
	cdc_buf_free(&f->b.buf);
	free(f->copy);
}

static void
add_column(Fixture *f, const char *name, const char *type, const char *charset)
{
	CdcColumn  *c = &f->columns[f->table.ncolumns++];

	assert_ok(cdc_column_type_parse(f->arena, type, c, &f->err), &f->err);
	c->name = name;
	c->column_type = type;
	c->charset = charset;
	c->pk_index = -1;
}

static CdcStatus
feed(Fixture *f)
{
	/* memory of the event's exact size, so that over-reads are seen */
	free(f->copy);
	f->copy = malloc(f->b.buf.len);
	memcpy(f->copy, f->b.buf.data, f->b.buf.len);
	return cdc_decoder_feed(f->decoder, f->copy, f->b.buf.len, &f->err);
}

/* Bytes from hex digits; spaces are for the reader. */
static size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t		n = 0;

	for (; *hex != '\0'; hex++)
	{
		char		two[3] = {hex[0], hex[1], '\0'};

		if (isspace((unsigned char) *hex))
			continue;
		out[n++] = (uint8_t) strtoul(two, NULL, 16);
		hex++;
	}
	return n;
}

typedef struct ValueCase
{
	const char *type;
	const char *charset;
	uint8_t		wire;
	const char *meta;			/* hex */
	const char *value;			/* hex */
	const char *json;			/* NULL: an error with the status */
	CdcStatus	status;
} ValueCase;

/* Decodes the case's value; NULL after an error, else its JSON text. */
static const char *
decode(Fixture *f, CdcFlavor flavor, const ValueCase *c)
{
	uint8_t		meta_bytes[16];
	uint8_t		row[2000] = {0};	/* the bitmap of NULLs, then the value */
	size_t		meta_len = from_hex(c->meta, meta_bytes);
	size_t		len = 1 + from_hex(c->value, row + 1);
	CdcChange	change;
	CdcStatus	st;

	open_decoder(f, flavor);
	add_column(f, "v", c->type, c->charset);
	build_table_map(&f->b, &c->wire, 1, meta_bytes, meta_len);
	st = feed(f);
	if (st == CDC_OK)
	{
		build_write_rows(&f->b, 1, row, len);
		st = feed(f);
	}
	if (st == CDC_OK)
		st = cdc_decoder_next(f->decoder, &change, &f->err);
	if (st != CDC_OK)
	{
		assert_string_equal(f->err.table, "shop.t");
		assert_string_equal(f->err.column, "v");
		return NULL;
	}
	assert_int_equal(change.op, CDC_OP_INSERT);
	assert_null(change.before);
	if (cdc_value_emit(&f->text.sink, &change.after[0], &f->err) != CDC_OK)
		return NULL;			/* documents are read when they are written */
	assert_int_equal(cdc_decoder_next(f->decoder, &change, &f->err), CDC_MORE);
	return unit_text(&f->text.buf);
}

static void
run_cases(const ValueCase *cases, size_t n, CdcFlavor flavor)
{
	for (size_t i = 0; i < n; i++)
	{
		const ValueCase *c = &cases[i];
		Fixture		f;
		const char *json = decode(&f, flavor, c);

		if (c->json == NULL)
		{
			if (json != NULL || f.err.status != c->status)
				fail_msg("%s %s: expected error %d, got %s (%d %s)", c->type, c->value, c->status,
						 json ? json : "error", f.err.status, f.err.message);
		}
		else if (json == NULL || strcmp(json, c->json) != 0)
			fail_msg("%s %s: expected %s, got %s", c->type, c->value, c->json,
					 json ? json : f.err.message);
		close_decoder(&f);
	}
}

static void
test_numbers(void **state)
{
	static const ValueCase cases[] = {
		{"tinyint", NULL, CDC_WT_TINY, "", "80", "-128", CDC_OK},
		{"tinyint unsigned", NULL, CDC_WT_TINY, "", "80", "128", CDC_OK},
		{"smallint", NULL, CDC_WT_SHORT, "", "ff7f", "32767", CDC_OK},
		{"smallint unsigned", NULL, CDC_WT_SHORT, "", "ffff", "65535", CDC_OK},
		{"mediumint", NULL, CDC_WT_INT24, "", "000080", "-8388608", CDC_OK},
		{"mediumint", NULL, CDC_WT_INT24, "", "ffff7f", "8388607", CDC_OK},
		{"mediumint unsigned", NULL, CDC_WT_INT24, "", "ffffff", "16777215", CDC_OK},
		{"int(10) unsigned zerofill", NULL, CDC_WT_LONG, "", "ffffffff", "4294967295", CDC_OK},
		{"int", NULL, CDC_WT_LONG, "", "ffffffff", "-1", CDC_OK},
		{"bigint", NULL, CDC_WT_LONGLONG, "", "0000000000000080", "-9223372036854775808", CDC_OK},
		{"bigint unsigned", NULL, CDC_WT_LONGLONG, "", "ffffffffffffffff",
		"18446744073709551615", CDC_OK},
		{"float", NULL, CDC_WT_FLOAT, "04", "cdcccc3d", "0.1", CDC_OK},
		{"float", NULL, CDC_WT_FLOAT, "04", "0000807f", NULL, CDC_ERR_CORRUPT},
		{"double", NULL, CDC_WT_DOUBLE, "08", "9a9999999999b9bf", "-0.1", CDC_OK},
		{"year", NULL, CDC_WT_YEAR, "", "7c", "2024", CDC_OK},
		{"year", NULL, CDC_WT_YEAR, "", "00", "0", CDC_OK},
		{"bit(10)", NULL, CDC_WT_BIT, "0201", "02aa", "682", CDC_OK},
		{"bit(64)", NULL, CDC_WT_BIT, "0008", "ffffffffffffffff", "18446744073709551615", CDC_OK},
		{"decimal(10,2)", NULL, CDC_WT_NEWDECIMAL, "0a02", "800004d222", "1234.34", CDC_OK},
		{"decimal(10,2)", NULL, CDC_WT_NEWDECIMAL, "0a02", "7ffffb2ddd", "-1234.34", CDC_OK},
		{"decimal(1,1)", NULL, CDC_WT_NEWDECIMAL, "0101", "85", "0.5", CDC_OK},
		{"decimal(9,9)", NULL, CDC_WT_NEWDECIMAL, "0909", "80000001", "0.000000001", CDC_OK},
		{"decimal(5,0)", NULL, CDC_WT_NEWDECIMAL, "0500", "800000", "0", CDC_OK},
		/* more than 99 in two digits */
		{"decimal(2,0)", NULL, CDC_WT_NEWDECIMAL, "0200", "fe", NULL, CDC_ERR_CORRUPT},
		{"int", NULL, CDC_WT_LONG, "", "ffffff", NULL, CDC_ERR_CORRUPT},
		{"decimal(10,2)", NULL, CDC_WT_NEWDECIMAL, "0a02", "800004d2", NULL, CDC_ERR_CORRUPT}
	};

	(void) state;
	run_cases(cases, lengthof(cases), CDC_MYSQL);
}

static void
test_times(void **state)
{
	static const ValueCase cases[] = {
		{"date", NULL, CDC_WT_DATE, "", "5dd00f", "\"2024-02-29\"", CDC_OK},
		{"date", NULL, CDC_WT_DATE, "", "000000", "\"0000-00-00\"", CDC_OK},
		{"date", NULL, CDC_WT_DATE, "", "a0d10f", NULL, CDC_ERR_CORRUPT},	/* month 13 */
		/* old TIME: the decimal digits hhhmmss */
		{"time", NULL, CDC_WT_TIME, "", "a7f57f", "\"838:59:59\"", CDC_OK},
		{"time", NULL, CDC_WT_TIME, "", "590a80", "\"-838:59:59\"", CDC_OK},
		{"time", NULL, CDC_WT_TIME, "", "ffffff", "\"-00:00:01\"", CDC_OK},
		{"time", NULL, CDC_WT_TIME, "", "3d0000", NULL, CDC_ERR_CORRUPT},	/* 61 seconds */
		{"time", NULL, CDC_WT_TIME2, "00", "b46efb", "\"838:59:59\"", CDC_OK},
		{"time", NULL, CDC_WT_TIME2, "00", "4b9105", "\"-838:59:59\"", CDC_OK},
		{"time(6)", NULL, CDC_WT_TIME2, "06", "7fef7cfffffc", "\"-01:02:03.000004\"", CDC_OK},
		{"time(1)", NULL, CDC_WT_TIME2, "01", "7fffffce", "\"-00:00:00.5\"", CDC_OK},
		{"datetime", NULL, CDC_WT_DATETIME, "", "f77cac8b68120000", "\"2024-02-29 23:59:59\"", CDC_OK},
		{"datetime", NULL, CDC_WT_DATETIME, "", "0000000000000000", "\"0000-00-00 00:00:00\"", CDC_OK},
		{"datetime(3)", NULL, CDC_WT_DATETIME2, "03", "99b2bb7efb09c4", "\"2024-02-29 23:59:59.250\"",
		CDC_OK},
		{"datetime(2)", NULL, CDC_WT_DATETIME2, "02", "80000000007f", NULL, CDC_ERR_CORRUPT},
		{"timestamp", NULL, CDC_WT_TIMESTAMP, "", "ffffff7f", "\"2038-01-19 03:14:07\"", CDC_OK},
		{"timestamp", NULL, CDC_WT_TIMESTAMP, "", "00000000", "\"0000-00-00 00:00:00\"", CDC_OK},
		{"timestamp(6)", NULL, CDC_WT_TIMESTAMP2, "06", "65e078e00f4240", NULL, CDC_ERR_CORRUPT},
		{"timestamp(6)", NULL, CDC_WT_TIMESTAMP2, "06", "65e078e00f423f",
		"\"2024-02-29 12:30:24.999999\"", CDC_OK},
		{"timestamp(6)", NULL, CDC_WT_TIMESTAMP2, "06", "00000000000000", "\"0000-00-00 00:00:00.000000\"", CDC_OK},
		{"timestamp(6)", NULL, CDC_WT_TIMESTAMP2, "06", "00000000000001", "\"1970-01-01 00:00:00.000001\"", CDC_OK},
		{"timestamp(4)", NULL, CDC_WT_TIMESTAMP2, "04", "0000000104d2", "\"1970-01-01 00:00:01.1234\"",
		CDC_OK},
		{"timestamp", NULL, CDC_WT_TIMESTAMP2, "00", "ffffffff", "\"2106-02-07 06:28:15\"", CDC_OK}
	};

	(void) state;
	run_cases(cases, lengthof(cases), CDC_MYSQL);
}

static void
test_strings(void **state)
{
	static const ValueCase cases[] = {
		{"varchar(10)", "utf8mb4", CDC_WT_VARCHAR, "2800", "05 61c3a90062", "\"aé\\u0000b\"", CDC_OK},
		{"varchar(300)", "utf8mb4", CDC_WT_VARCHAR, "b004", "0200 6162", "\"ab\"", CDC_OK},
		{"varchar(10)", "utf8mb4", CDC_WT_VARCHAR, "2800", "02 c3", NULL, CDC_ERR_CORRUPT},
		{"varchar(10)", "utf8mb4", CDC_WT_VARCHAR, "2800", "02 c328", NULL, CDC_ERR_CORRUPT},
		{"varchar(10)", "utf8mb3", CDC_WT_VARCHAR, "1e00", "03 eda080", NULL, CDC_ERR_CORRUPT},
		{"varchar(10)", "latin1", CDC_WT_VARCHAR, "0a00", "03 80e981", "\"€é\302\201\"", CDC_OK},
		{"varchar(10)", "ascii", CDC_WT_VARCHAR, "0a00", "01 80", NULL, CDC_ERR_CORRUPT},
		{"varchar(10)", "klingon", CDC_WT_VARCHAR, "0a00", "01 61", NULL, CDC_ERR_UNSUPPORTED},
		{"varchar(10)", "utf16", CDC_WT_VARCHAR, "2800", "04 d83dde00", "\"😀\"", CDC_OK},
		{"varchar(10)", "sjis", CDC_WT_VARCHAR, "1400", "05 5c 93fa 815f", "\"\\\\日\\\\\"", CDC_OK},
		{"char(63)", "utf8mb4", CDC_WT_STRING, "fefc", "01 78", "\"x\"", CDC_OK},
		/* 255 characters of four bytes: the length's upper bits are hidden */
		{"char(255)", "utf8mb4", CDC_WT_STRING, "cefc", "0100 78", "\"x\"", CDC_OK},
		{"text", "utf8mb4", CDC_WT_BLOB, "02", "0300 616263", "\"abc\"", CDC_OK},
		{"longtext", "utf8mb4", CDC_WT_BLOB, "04", "03000000 616263", "\"abc\"", CDC_OK},
		{"longtext", "utf8mb4", CDC_WT_BLOB, "04", "ffffffff 616263", NULL, CDC_ERR_CORRUPT},
		{"binary(4)", NULL, CDC_WT_STRING, "fe04", "01 61", "\"YQAAAA==\"", CDC_OK},
		{"varbinary(9)", NULL, CDC_WT_VARCHAR, "0900", "02 00ff", "\"AP8=\"", CDC_OK},
		{"blob", NULL, CDC_WT_BLOB, "02", "0000", "\"\"", CDC_OK},
		{"enum('a','b''c')", "utf8mb4", CDC_WT_STRING, "f701", "02", "\"b'c\"", CDC_OK},
		{"enum('a','b''c')", "utf8mb4", CDC_WT_STRING, "f701", "00", "\"\"", CDC_OK},
		{"enum('a','b''c')", "utf8mb4", CDC_WT_STRING, "f701", "03", NULL, CDC_ERR_SCHEMA},
		{"set('x','y','z')", "utf8mb4", CDC_WT_STRING, "f801", "05", "[\"x\",\"z\"]", CDC_OK},
		{"set('x','y','z')", "utf8mb4", CDC_WT_STRING, "f801", "00", "[]", CDC_OK},
		{"set('x','y','z')", "utf8mb4", CDC_WT_STRING, "f801", "08", NULL, CDC_ERR_SCHEMA}
	};

	(void) state;
	run_cases(cases, lengthof(cases), CDC_MYSQL);
}

static void
test_documents(void **state)
{
	static const ValueCase cases[] = {
		{"json", NULL, CDC_WT_JSON, "04", "02000000 0401", "true", CDC_OK},
		{"json", NULL, CDC_WT_JSON, "04", "00000000", "null", CDC_OK},
		{"json", NULL, CDC_WT_JSON, "04",
			"19000000 00010018000b000100020c006102000c000501000c0a000178",
		"{\"a\":[1,\"x\"]}", CDC_OK},
		/* an opaque decimal(3,2) */
		{"json", NULL, CDC_WT_JSON, "04", "07000000 0ff604 0302 8132", "1.50", CDC_OK},
		{"json", NULL, CDC_WT_JSON, "04", "05000000 02 ffff 0400", NULL, CDC_ERR_CORRUPT},
		{"json", NULL, CDC_WT_JSON, "04", "01000000 63", NULL, CDC_ERR_UNSUPPORTED},
		{"point", NULL, CDC_WT_GEOMETRY, "04",
			"19000000 00000000 01 01000000 000000000000f03f 00000000000004c0",
		"\"POINT (1 -2.5)\"", CDC_OK},
		{"point", NULL, CDC_WT_GEOMETRY, "04",
		"18000000 00000000 01 01000000 000000000000f03f 000000000000c0", NULL, CDC_ERR_CORRUPT},
		{"linestring", NULL, CDC_WT_GEOMETRY, "04",
			"0d000000 00000000 01 02000000 ffffffff", NULL, CDC_ERR_CORRUPT},
		{"vector(2)", NULL, CDC_WT_VECTOR, "04", "08000000 0000803f 000020c0", "[1,-2.5]", CDC_OK},
		{"vector(2)", NULL, CDC_WT_VECTOR, "04", "08000000 0000803f 0000807f", NULL, CDC_ERR_CORRUPT}
	};

	(void) state;
	run_cases(cases, lengthof(cases), CDC_MYSQL);
}

static void
test_mariadb_types(void **state)
{
	static const ValueCase cases[] = {
		/* version 1: the groups stand in reverse; version 7: they do not */
		{"uuid", NULL, CDC_WT_STRING, "fe10", "10 426655440000 a456 12d3 e89b 123e4567",
		"\"123e4567-e89b-12d3-a456-426655440000\"", CDC_OK},
		{"uuid", NULL, CDC_WT_STRING, "fe10", "10 018f3c5e7e6a7abc8def0123456789ab",
		"\"018f3c5e-7e6a-7abc-8def-0123456789ab\"", CDC_OK},
		{"inet6", NULL, CDC_WT_STRING, "fe10", "10 20010db8000000000000ff0000428329",
		"\"2001:db8::ff00:42:8329\"", CDC_OK},
		{"inet6", NULL, CDC_WT_STRING, "fe10", "10 00010002000300040005000600070000",
		"\"1:2:3:4:5:6:7::\"", CDC_OK},
		{"inet6", NULL, CDC_WT_STRING, "fe10", "00", "\"::\"", CDC_OK},
		{"inet4", NULL, CDC_WT_STRING, "fe04", "04 0a000001", "\"10.0.0.1\"", CDC_OK},
		{"varchar(100)", "utf8mb4", CDC_WT_MARIA_VARCHAR_COMPRESSED, "9101", "0300 006162",
		"\"ab\"", CDC_OK},
		{"varchar(100)", "utf8mb4", CDC_WT_MARIA_VARCHAR_COMPRESSED, "9101", "0000", "\"\"", CDC_OK},
		{"varchar(100)", "utf8mb4", CDC_WT_MARIA_VARCHAR_COMPRESSED, "9101", "0300 810561", NULL,
		CDC_ERR_CORRUPT},
		/* fractions before 10.1: hundredths above -839 hours */
		{"time(2)", NULL, CDC_WT_TIME, "", "1200c3c0", "\"00:00:00.00\"", CDC_OK},
		{"time(2)", NULL, CDC_WT_TIME, "", "1200c38e", "\"-00:00:00.50\"", CDC_OK},
		{"time(2)", NULL, CDC_WT_TIME, "", "12067210", "\"01:02:03.04\"", CDC_OK}
	};

	(void) state;
	run_cases(cases, lengthof(cases), CDC_MARIADB);
}

/* What the table map and the known definition disagree on. */
static void
test_schema_mismatch(void **state)
{
	static const ValueCase cases[] = {
		{"int", NULL, CDC_WT_LONGLONG, "", "", NULL, CDC_ERR_SCHEMA},
		{"varchar(10)", "utf8mb4", CDC_WT_LONG, "", "", NULL, CDC_ERR_SCHEMA},
		{"int", NULL, CDC_WT_VARCHAR, "0a00", "", NULL, CDC_ERR_SCHEMA},
		{"decimal(10,3)", NULL, CDC_WT_NEWDECIMAL, "0a02", "", NULL, CDC_ERR_SCHEMA},
		{"decimal(10,2)", NULL, CDC_WT_NEWDECIMAL, "4242", "", NULL, CDC_ERR_CORRUPT},
		{"datetime(3)", NULL, CDC_WT_DATETIME2, "06", "", NULL, CDC_ERR_SCHEMA},
		{"datetime", NULL, CDC_WT_TIMESTAMP2, "00", "", NULL, CDC_ERR_SCHEMA},
		{"bit(8)", NULL, CDC_WT_BIT, "0101", "", NULL, CDC_ERR_SCHEMA},
		{"mediumtext", "utf8mb4", CDC_WT_BLOB, "02", "", NULL, CDC_ERR_SCHEMA},
		{"blob", NULL, CDC_WT_BLOB, "09", "", NULL, CDC_ERR_CORRUPT},
		{"binary(3)", NULL, CDC_WT_STRING, "fe04", "", NULL, CDC_ERR_SCHEMA},
		{"json", NULL, CDC_WT_BLOB, "04", "", NULL, CDC_ERR_SCHEMA},
		{"enum('a')", "utf8mb4", CDC_WT_STRING, "f702", "", NULL, CDC_ERR_SCHEMA},
		{"set('a')", "utf8mb4", CDC_WT_STRING, "f701", "", NULL, CDC_ERR_SCHEMA},
		{"varchar(10)", NULL, CDC_WT_VARCHAR, "0a00", "", NULL, CDC_ERR_SCHEMA},
		{"int", NULL, 200, "", "", NULL, CDC_ERR_UNSUPPORTED}
	};
	Fixture		f;

	(void) state;
	run_cases(cases, lengthof(cases), CDC_MYSQL);

	open_decoder(&f, CDC_MYSQL);
	add_column(&f, "a", "int", NULL);
	add_column(&f, "b", "int", NULL);
	build_table_map(&f.b, (const uint8_t[]) {CDC_WT_LONG}, 1, "", 0);
	assert_int_equal(feed(&f), CDC_ERR_SCHEMA);
	assert_string_equal(f.err.table, "shop.t");
	assert_string_equal(f.err.file, "bin.000001");
	assert_int_equal(f.err.offset, 100);
	close_decoder(&f);
}

/* Feeds the table map of an int named by the optional metadata given. */
static CdcStatus
feed_with_metadata(Fixture *f, const char *type, const void *metadata, size_t len)
{
	open_decoder(f, CDC_MYSQL);
	add_column(f, "v", type, strncmp(type, "varchar", 7) == 0 ? "utf8mb4" : NULL);
	build_table_map(&f->b, (const uint8_t[]) {type[0] == 'v' ? CDC_WT_VARCHAR : CDC_WT_LONG}, 1,
					"\50\0", type[0] == 'v' ? 2 : 0);
	put_bytes(&f->b, metadata, len);
	set_int(&f->b, 9, f->b.buf.len, 4);
	return feed(f);
}

static void
test_optional_metadata(void **state)
{
	static const struct
	{
		const char *type;
		const char *metadata;
		size_t		len;
		CdcStatus	status;
	}			cases[] = {
		{"int", "\1\1\0", 3, CDC_OK},
		{"int", "\1\1\200", 3, CDC_ERR_SCHEMA},	/* unsigned */
		{"int unsigned", "\1\1\200", 3, CDC_OK},
		{"int unsigned", "\1\1\0", 3, CDC_ERR_SCHEMA},
		{"int", "\4\2\1v", 4, CDC_OK},
		{"int", "\4\2\1w", 4, CDC_ERR_SCHEMA},	/* another name */
		{"int", "\4\2\2v", 4, CDC_ERR_CORRUPT},
		{"int", "\4\5\1v", 4, CDC_ERR_CORRUPT},
		{"int", "\10\1\0", 3, CDC_OK},	/* primary key */
		{"int", "\10\1\1", 3, CDC_ERR_CORRUPT},	/* of a column that is not there */
		{"int", "\143\1\0", 3, CDC_OK},	/* unknown: ignored */
		{"varchar(10)", "\2\1\55", 3, CDC_OK},	/* collation 45: utf8mb4 */
		{"varchar(10)", "\2\1\10", 3, CDC_ERR_SCHEMA},	/* 8: latin1 */
		{"varchar(10)", "\3\1\10", 3, CDC_ERR_SCHEMA},
		{"varchar(10)", "\3\3\374\0\1", 5, CDC_OK},	/* 256: utf8mb4 */
		{"varchar(10)", "\2\3\10\0\55", 5, CDC_OK}	/* latin1, but utf8mb4 for the first */
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		Fixture		f;
		CdcStatus	st = feed_with_metadata(&f, cases[i].type, cases[i].metadata, cases[i].len);

		if (st != cases[i].status)
			fail_msg("case %zu: status %d, expected %d: %s", i, st, cases[i].status,
					 f.err.message);
		close_decoder(&f);
	}
}

static void
test_groups(void **state)
{
	static const uint8_t types[1] = {CDC_WT_LONG};
	Fixture		f;
	CdcChange	change;

	(void) state;
	open_decoder(&f, CDC_MYSQL);
	add_column(&f, "a", "int", NULL);
	build_write_rows(&f.b, 1, "\0\1\0\0\0", 5);
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);	/* no table map */

	build_table_map(&f.b, types, 1, "", 0);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);
	build_write_rows(&f.b, 1, "\0\1\0\0\0\1\0\3\0\0\0", 11);
	assert_ok(feed(&f), &f.err);
	for (int row = 0; row < 3; row++)
	{
		assert_ok(cdc_decoder_next(f.decoder, &change, &f.err), &f.err);
		assert_ptr_equal(change.table, &f.table);
		assert_int_equal(change.ts, 1700000000);
		assert_int_equal(change.offset, f.b.offset);
		assert_int_equal(change.after[0].kind, row == 1 ? CDC_NULL : CDC_INT);
		if (row != 1)
			assert_int_equal(change.after[0].u.i, row + 1);
	}
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);

	/* another number of columns than the map's */
	build_write_rows(&f.b, 2, "\0\1\0\0\0\1\0\0\0", 9);
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
	/* a row of nothing would never end */
	build_write_rows(&f.b, 1, "\0\1\0\0\0\0", 6);
	assert_ok(feed(&f), &f.err);
	assert_ok(cdc_decoder_next(f.decoder, &change, &f.err), &f.err);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_ERR_CORRUPT);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);

	/* the next group knows no table map */
	cdc_decoder_begin(f.decoder, &f.format, &txn);
	build_write_rows(&f.b, 1, "\0\1\0\0\0", 5);
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);

	/* not wanted: skipped, whatever the rows are */
	f.wanted = false;
	build_table_map(&f.b, types, 1, "", 0);
	assert_ok(feed(&f), &f.err);
	build_write_rows(&f.b, 1, "\0\1", 2);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);

	build_query(&f.b, "shop", "ALTER TABLE t ADD b int");
	assert_ok(feed(&f), &f.err);
	assert_ok(cdc_decoder_next(f.decoder, &change, &f.err), &f.err);
	assert_int_equal(change.op, CDC_OP_SCHEMA);
	assert_int_equal(change.sql.len, 23);
	assert_memory_equal(change.database.data, "shop", 4);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);
	close_decoder(&f);
}

/* Over 4 GiB, in a group that crosses the edge: headers have 32 bits only. */
static void
test_far_offsets(void **state)
{
	static const uint8_t types[1] = {CDC_WT_LONG};
	CdcTransaction far = {.file = "bin.000009"};
	Fixture		f;
	CdcChange	change;

	(void) state;
	open_decoder(&f, CDC_MYSQL);
	add_column(&f, "a", "int", NULL);
	f.b.offset = UINT64_C(0x2ffffffd0);
	far.start_offset = f.b.offset;
	far.end_offset = f.b.offset + 1000;
	cdc_decoder_begin(f.decoder, &f.format, &far);
	build_table_map(&f.b, types, 1, "", 0);
	assert_ok(feed(&f), &f.err);
	for (int i = 0; i < 2; i++)
	{
		build_write_rows(&f.b, 1, "\0\1\0\0\0", 5);
		assert_ok(feed(&f), &f.err);
		assert_ok(cdc_decoder_next(f.decoder, &change, &f.err), &f.err);
		assert_int_equal(change.offset, f.b.offset);
	}
	assert_true(f.b.offset > UINT64_C(0x300000000));
	close_decoder(&f);
}

/* Row events of images without columns. */
static void
test_empty_images(void **state)
{
	static const uint8_t types[1] = {CDC_WT_LONG};
	Fixture		f;
	CdcChange	change;

	(void) state;
	open_decoder(&f, CDC_MYSQL);
	add_column(&f, "a", "int", NULL);
	build_table_map(&f.b, types, 1, "", 0);
	assert_ok(feed(&f), &f.err);

	/* an insert that names no column: one row of nothing, in no bytes */
	build_write_rows(&f.b, 1, "", 0);
	f.b.buf.data[CDC_EV_HEADER_LEN + 11] = 0;	/* no column is present */
	assert_ok(feed(&f), &f.err);
	assert_ok(cdc_decoder_next(f.decoder, &change, &f.err), &f.err);
	assert_int_equal(change.op, CDC_OP_INSERT);
	assert_int_equal(change.after[0].kind, CDC_ABSENT);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);
	build_write_rows(&f.b, 1, "", 0);	/* no row at all */
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_MORE);
	build_write_rows(&f.b, 1, "x", 1);	/* bytes that are no row's */
	f.b.buf.data[CDC_EV_HEADER_LEN + 11] = 0;
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_decoder_next(f.decoder, &change, &f.err), CDC_ERR_CORRUPT);
	close_decoder(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_mariadb_types),
		cmocka_unit_test(test_schema_mismatch),
		cmocka_unit_test(test_optional_metadata),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_far_offsets),
		cmocka_unit_test(test_empty_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
