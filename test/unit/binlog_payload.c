/*
 * binlog_payload.c
 *	  Tests of transaction payloads (zstd in one or several frames, none), of their
 *	  inner events, and of the events that statements in statement format are made of.
 */
#include "unit.h"

#include <zstd.h>

#include "binlog/compress.h"
#include "binlog/decoder.h"
#include "binlog/map_schema.h"
#include "binlog/stream.h"
#include "core/interrupt.h"
#include "tools/binlog_build.h"

typedef struct Fixture
{
	EventBuilder b;				/* of the file's events */
	EventBuilder inner;			/* of those in a payload */
	CdcBuf		payload;		/* the inner events */
	uint64_t	lie;			/* is added to the size that it announces */
	CdcStream  *stream;
	CdcItem		item;
	CdcError	err;
} Fixture;

static CdcStatus
feed(Fixture *f)
{
	return cdc_stream_feed(f->stream, (const uint8_t *) f->b.buf.data, f->b.buf.len, &f->item,
						   &f->err);
}

static void
open_stream(Fixture *f, const char *version)
{
	memset(f, 0, sizeof(*f));
	f->b.offset = 4;
	f->b.checksum = true;
	f->stream = cdc_stream_create(CDC_MYSQL, "bin.000007", 4);
	cdc_stream_accept_xa(f->stream);
	build_format(&f->b, version);
	assert_ok(feed(f), &f->err);
}

static void
close_stream(Fixture *f)
{
	cdc_stream_destroy(f->stream);
	cdc_buf_free(&f->b.buf);
	cdc_buf_free(&f->inner.buf);
	cdc_buf_free(&f->payload);
}

/* Adds the event built last to the payload. */
static void
add_inner(Fixture *f)
{
	assert_true(cdc_buf_append(&f->payload, f->inner.buf.data, f->inner.buf.len));
}

static const uint8_t int_type[1] = {CDC_WT_LONG};

static void
add_rows(Fixture *f)
{
	build_query(&f->inner, "", "BEGIN");
	add_inner(f);
	build_table_map(&f->inner, int_type, 1, "", 0);
	add_inner(f);
	build_write_rows(&f->inner, 1, "\0\1\0\0\0\0\2\0\0\0", 10);
	add_inner(f);
}

typedef enum Compression
{
	NONE,
	ZSTD,
	ZSTD_FRAMES					/* a frame each 50 bytes */
} Compression;

/* The payload event of the inner events. */
static void
build_payload(Fixture *f, Compression how)
{
	CdcBuf	   *p = &f->payload;
	CdcBuf		packed = {0};
	size_t		step = how == ZSTD_FRAMES ? 50 : p->len;

	if (how == NONE)
		assert_true(cdc_buf_append(&packed, p->data, p->len));
	for (size_t at = 0; how != NONE && at < p->len; at += step)
	{
		size_t		n = p->len - at < step ? p->len - at : step;
		size_t		bound = ZSTD_compressBound(n);

		assert_true(cdc_buf_reserve(&packed, bound));
		n = ZSTD_compress(packed.data + packed.len, bound, p->data + at, n, 3);
		assert_false(ZSTD_isError(n));
		packed.len += n;
	}
	begin_event(&f->b, CDC_EV_TRANSACTION_PAYLOAD);
	put_bytes(&f->b, "\1\3\374", 3);	/* its size: the integer 252, two bytes */
	put_int(&f->b, packed.len, 2);
	if (how == NONE)
		put_bytes(&f->b, "\2\3\374\377\0", 5);
	else
		put_bytes(&f->b, "\2\1\0", 3);
	put_bytes(&f->b, "\3\3\374", 3);
	put_int(&f->b, p->len + f->lie, 2);
	put_bytes(&f->b, "\7\2xy\0", 5);	/* a field of the future; the end */
	put_bytes(&f->b, packed.data, packed.len);
	end_event(&f->b);
	cdc_buf_free(&packed);
}

static CdcStatus
lookup(void *arg, const CdcTableMap *map, const CdcTable **table, CdcError *err)
{
	(void) map;
	(void) err;
	*table = arg;
	return CDC_OK;
}

/* The two rows come out of the payload. */
static void
check_rows(Fixture *f)
{
	CdcColumn	column = {.name = "a",.column_type = "int",.data_type = "int",.pk_index = -1};
	CdcTable	table = {.database = "shop",.name = "t",.full_name = "shop.t",.ncolumns = 1,
	.columns = &column};
	CdcDecoder *decoder = cdc_decoder_create(CDC_MYSQL, lookup, &table);
	CdcChange	change;

	cdc_decoder_begin(decoder, cdc_stream_format(f->stream), &f->item.txn);
	assert_ok(cdc_decoder_feed(decoder, f->item.event, f->item.event_len, &f->err), &f->err);
	for (int i = 1; i <= 2; i++)
	{
		assert_ok(cdc_decoder_next(decoder, &change, &f->err), &f->err);
		assert_int_equal(change.op, CDC_OP_INSERT);
		assert_int_equal(change.after[0].u.i, i);
		assert_int_equal(change.offset, f->b.offset);
	}
	assert_int_equal(cdc_decoder_next(decoder, &change, &f->err), CDC_MORE);
	cdc_decoder_destroy(decoder);
}

static void
begin_group(Fixture *f)
{
	build_gtid(&f->b, 7);
	assert_ok(feed(f), &f->err);
	assert_int_equal(f->item.kind, CDC_ITEM_BEGIN);
	cdc_buf_reset(&f->payload);
}

static void
test_compressions(void **state)
{
	Fixture		f;

	(void) state;
	for (int how = NONE; how <= ZSTD_FRAMES; how++)
	{
		open_stream(&f, "9.7.4");
		begin_group(&f);
		add_rows(&f);
		build_xid(&f.inner, 77);
		add_inner(&f);
		build_payload(&f, (Compression) how);
		assert_ok(feed(&f), &f.err);
		assert_int_equal(f.item.kind, CDC_ITEM_COMMIT);
		assert_true(f.item.keep);
		assert_int_equal(f.item.txn.xid, 77);
		assert_int_equal(f.item.txn.thread_id, 42);
		check_rows(&f);
		close_stream(&f);
	}
}

/* A row that cannot be read ends its own event, not the payload, which has others behind it. */
static void
test_misread(void **state)
{
	CdcColumn	column = {.name = "a",.column_type = "float",.data_type = "float",.pk_index = -1};
	CdcTable	table = {.database = "shop",.name = "t",.full_name = "shop.t",.ncolumns = 1,
	.columns = &column};
	static const uint8_t float_type[1] = {CDC_WT_FLOAT};
	CdcDecoder *decoder = cdc_decoder_create(CDC_MYSQL, lookup, &table);
	CdcChange	change;
	Fixture		f;

	(void) state;
	open_stream(&f, "9.7.4");
	begin_group(&f);
	build_query(&f.inner, "", "BEGIN");
	add_inner(&f);
	build_table_map(&f.inner, float_type, 1, "\4", 1);
	add_inner(&f);
	build_write_rows(&f.inner, 1, "\0\0\0\200\177\0\0\0\0\0", 10);
	add_inner(&f);
	build_write_rows(&f.inner, 1, "\0\0\0\200\77", 5);
	add_inner(&f);
	build_xid(&f.inner, 77);
	add_inner(&f);
	build_payload(&f, ZSTD);
	assert_ok(feed(&f), &f.err);
	cdc_decoder_begin(decoder, cdc_stream_format(f.stream), &f.item.txn);
	assert_ok(cdc_decoder_feed(decoder, f.item.event, f.item.event_len, &f.err), &f.err);
	assert_int_equal(cdc_decoder_next(decoder, &change, &f.err), CDC_ERR_CORRUPT);
	assert_ptr_equal(cdc_decoder_misread(decoder), &table);
	assert_ok(cdc_decoder_next(decoder, &change, &f.err), &f.err);
	assert_true(change.after[0].u.d == 1.0);
	assert_int_equal(cdc_decoder_next(decoder, &change, &f.err), CDC_MORE);
	cdc_decoder_destroy(decoder);
	close_stream(&f);
}

static void
test_ends(void **state)
{
	static const struct
	{
		const char *sql;
		CdcItemKind kind;
	}			ends[] = {{"COMMIT", CDC_ITEM_COMMIT}, {"ROLLBACK", CDC_ITEM_ROLLBACK}};
	Fixture		f;

	(void) state;
	for (size_t i = 0; i < lengthof(ends); i++)
	{
		open_stream(&f, "9.7.4");
		begin_group(&f);
		add_rows(&f);
		build_query(&f.inner, "", "SAVEPOINT `s`");
		add_inner(&f);
		build_query(&f.inner, "", ends[i].sql);
		add_inner(&f);
		build_payload(&f, ZSTD);
		assert_ok(feed(&f), &f.err);
		assert_int_equal(f.item.kind, ends[i].kind);
		assert_int_equal(f.item.keep, ends[i].kind == CDC_ITEM_COMMIT);
		close_stream(&f);
	}

	/* what may be skipped inside is counted, too */
	open_stream(&f, "9.7.4");
	begin_group(&f);
	add_rows(&f);
	begin_event(&f.inner, 99);
	end_event_flags(&f.inner, CDC_EVF_IGNORABLE, false);
	add_inner(&f);
	build_xid(&f.inner, 1);
	add_inner(&f);
	build_payload(&f, ZSTD);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_stream_skipped(f.stream, NULL), 1);
	close_stream(&f);
}

static int	points;

static void
count_point(void)
{
	points++;
}

/* A payload has as many bytes as it announces, no event above the limit, and can be cancelled. */
static void
test_sizes(void **state)
{
	static const int lies[] = {-1, 1, 40000, -40};
	Fixture		f;

	(void) state;
	for (int how = NONE; how <= ZSTD_FRAMES; how++)
		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		{
			open_stream(&f, "9.7.4");
			begin_group(&f);
			add_rows(&f);
			build_xid(&f.inner, 77);
			add_inner(&f);
			f.lie = (uint64_t) lies[i];
			build_payload(&f, (Compression) how);
			assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
			assert_non_null(strstr(f.err.message, "announces"));
			close_stream(&f);
		}

	open_stream(&f, "9.7.4");
	begin_group(&f);
	add_rows(&f);
	build_xid(&f.inner, 77);
	add_inner(&f);
	build_payload(&f, ZSTD);
	points = 0;
	cdc_interrupt_hook = count_point;
	cdc_set_max_event_size(20);
	assert_int_equal(feed(&f), CDC_ERR_LIMIT);
	assert_non_null(strstr(f.err.hint, "max_event_size"));
	close_stream(&f);

	cdc_set_max_event_size(CDC_EV_MAX_SIZE);
	open_stream(&f, "9.7.4");
	begin_group(&f);
	add_rows(&f);
	build_xid(&f.inner, 77);
	add_inner(&f);
	build_payload(&f, ZSTD);
	points = 0;
	assert_ok(feed(&f), &f.err);
	assert_true(points >= 4);
	cdc_interrupt_hook = NULL;
	close_stream(&f);
}

static void
test_refused(void **state)
{
	Fixture		f;

	(void) state;
	open_stream(&f, "9.7.4");

	/* it does not end its transaction */
	begin_group(&f);
	add_rows(&f);
	build_payload(&f, NONE);
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
	close_stream(&f);

	open_stream(&f, "9.7.4");
	begin_group(&f);			/* it goes on behind the end */
	build_xid(&f.inner, 1);
	add_inner(&f);
	build_xid(&f.inner, 2);
	add_inner(&f);
	build_payload(&f, ZSTD);
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
	close_stream(&f);

	open_stream(&f, "9.7.4");
	begin_group(&f);			/* an unknown event that may have rows */
	begin_event(&f.inner, 99);
	end_event(&f.inner);
	add_inner(&f);
	build_xid(&f.inner, 1);
	add_inner(&f);
	build_payload(&f, ZSTD);
	assert_int_equal(feed(&f), CDC_ERR_UNSUPPORTED);
	close_stream(&f);

	open_stream(&f, "9.7.4");
	begin_group(&f);			/* servers undo before they compress */
	add_rows(&f);
	build_query(&f.inner, "", "ROLLBACK TO `s`");
	add_inner(&f);
	build_xid(&f.inner, 1);
	add_inner(&f);
	build_payload(&f, ZSTD);
	assert_int_equal(feed(&f), CDC_ERR_UNSUPPORTED);
	close_stream(&f);

	/* the last inner event is cut short, in each length */
	for (size_t cut = 1; cut < 27; cut++)
	{
		open_stream(&f, "9.7.4");
		begin_group(&f);
		add_rows(&f);
		build_xid(&f.inner, 1);
		add_inner(&f);
		f.payload.len -= cut;
		build_payload(&f, cut % 2 ? NONE : ZSTD);
		assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
		close_stream(&f);
	}
}

/* LOAD DATA and INSERT in statement format: counted, no rows; their parts are nothing. */
static void
test_statement_events(void **state)
{
	static const uint8_t parts[] = {
		CDC_EV_INTVAR, CDC_EV_RAND, CDC_EV_USER_VAR, CDC_EV_BEGIN_LOAD_QUERY,
		CDC_EV_APPEND_BLOCK, CDC_EV_CREATE_FILE, CDC_EV_DELETE_FILE, CDC_EV_ROWS_QUERY
	};
	static const uint8_t loads[] = {CDC_EV_LOAD, CDC_EV_NEW_LOAD, CDC_EV_EXEC_LOAD};
	Fixture		f;
	CdcString	sql;

	(void) state;
	open_stream(&f, "5.6.24");
	build_query(&f.b, "", "BEGIN");
	assert_ok(feed(&f), &f.err);
	for (size_t i = 0; i < lengthof(parts); i++)
	{
		begin_event(&f.b, parts[i]);
		put_bytes(&f.b, "12345678", 8);
		end_event(&f.b);
		assert_ok(feed(&f), &f.err);
		assert_int_equal(f.item.kind, CDC_ITEM_NONE);
		assert_false(f.item.keep);
	}
	assert_int_equal(cdc_stream_statement_dml(f.stream, NULL), 0);
	for (size_t i = 0; i < lengthof(loads); i++)
	{
		begin_event(&f.b, loads[i]);
		put_bytes(&f.b, "12345678", 8);
		end_event(&f.b);
		assert_ok(feed(&f), &f.err);
		assert_false(f.item.keep);
		assert_int_equal(cdc_stream_statement_dml(f.stream, &sql), i + 1);
		assert_string_equal(sql.data, "LOAD DATA");
	}

	/* its statement stands behind 13 more bytes */
	begin_event(&f.b, CDC_EV_EXECUTE_LOAD_QUERY);
	put_int(&f.b, 42, 4);
	put_int(&f.b, 0, 4);
	put_int(&f.b, 4, 1);
	put_int(&f.b, 0, 4);
	put_bytes(&f.b, "file start en", 13);
	put_bytes(&f.b, "shop\0LOAD DATA INFILE 'x' INTO TABLE t", 38);
	end_event(&f.b);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(cdc_stream_statement_dml(f.stream, &sql), 4);
	assert_string_equal(sql.data, "LOAD DATA INFILE 'x' INTO TABLE t");
	assert_int_equal(cdc_stream_skipped(f.stream, NULL), 0);
	build_query(&f.b, "", "COMMIT");
	assert_ok(feed(&f), &f.err);
	assert_int_equal(f.item.kind, CDC_ITEM_COMMIT);
	close_stream(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compressions),
		cmocka_unit_test(test_misread),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_statement_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
