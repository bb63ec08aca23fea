/*
 * binlog_events.c
 *	  Tests of the events that have no rows: those that only tell a position, those
 *	  that are passed over, encrypted files, and what is refused by its type.
 */
#include "unit.h"

#include "binlog/file.h"
#include "binlog/format.h"
#include "binlog/stream.h"
#include "tools/binlog_build.h"

typedef struct Fixture
{
	EventBuilder b;
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
open_stream(Fixture *f, const char *version, bool checksum)
{
	memset(f, 0, sizeof(*f));
	f->b.offset = 4;
	f->b.checksum = checksum;
	f->stream = cdc_stream_create(CDC_MYSQL, "bin.000007", 4);
	build_format(&f->b, version);
	assert_ok(feed(f), &f->err);
	assert_int_equal(f->item.kind, CDC_ITEM_POSITION);
}

static void
close_stream(Fixture *f)
{
	cdc_stream_destroy(f->stream);
	cdc_buf_free(&f->b.buf);
}

static void
build_event(Fixture *f, uint8_t type, const void *body, size_t len)
{
	begin_event(&f->b, type);
	put_bytes(&f->b, body, len);
	end_event(&f->b);
}

/* Outside of groups these tell how far the file was read; inside they are nothing. */
static void
test_positions(void **state)
{
	static const struct
	{
		uint8_t		type;
		CdcItemKind kind;
	}			events[] = {
		{CDC_EV_PREVIOUS_GTIDS, CDC_ITEM_POSITION}, {CDC_EV_MARIA_GTID_LIST, CDC_ITEM_POSITION},
		{CDC_EV_MARIA_CHECKPOINT, CDC_ITEM_POSITION}, {CDC_EV_STOP, CDC_ITEM_STOP},
		{CDC_EV_VIEW_CHANGE, CDC_ITEM_NONE}, {CDC_EV_TRANSACTION_CONTEXT, CDC_ITEM_NONE},
		{CDC_EV_IGNORABLE, CDC_ITEM_NONE}, {CDC_EV_ROWS_QUERY, CDC_ITEM_NONE},
		{CDC_EV_MARIA_ANNOTATE_ROWS, CDC_ITEM_NONE}
	};
	Fixture		f;

	(void) state;
	open_stream(&f, "10.11.6-MariaDB", true);
	for (size_t i = 0; i < lengthof(events); i++)
	{
		build_event(&f, events[i].type, "12345678", 8);
		assert_ok(feed(&f), &f.err);
		assert_int_equal(f.item.kind, events[i].kind);
		assert_false(f.item.keep);
		if (events[i].kind != CDC_ITEM_NONE)
			assert_int_equal(f.item.txn.end_offset, f.b.offset);
		assert_int_equal(cdc_stream_offset(f.stream), f.b.offset);
	}
	build_maria_gtid(&f.b, 9, 0, 0);
	assert_ok(feed(&f), &f.err);
	for (size_t i = 0; i < lengthof(events); i++)
	{
		if (events[i].type == CDC_EV_STOP)
			continue;
		build_event(&f, events[i].type, "12345678", 8);
		assert_ok(feed(&f), &f.err);
		assert_int_equal(f.item.kind, CDC_ITEM_NONE);
		assert_false(f.item.keep);
		assert_true(cdc_stream_in_group(f.stream));
	}
	build_xid(&f.b, 5);
	assert_ok(feed(&f), &f.err);
	assert_int_equal(f.item.kind, CDC_ITEM_COMMIT);
	assert_int_equal(cdc_stream_skipped(f.stream, NULL), 0);
	close_stream(&f);
}

/* Start_encryption: scheme, key version, nonce.  A server sends plain events behind it. */
static void
test_encryption(void **state)
{
	static const uint8_t magic[4] = {0xfd, 'b', 'i', 'n'};
	Fixture		f;
	size_t		offset = 0;
	const uint8_t *event;
	size_t		len;

	(void) state;
	for (int checksum = 0; checksum < 2; checksum++)
	{
		for (int encrypted = 0; encrypted < 2; encrypted++)
		{
			open_stream(&f, "10.11.6-MariaDB", checksum);
			build_event(&f, CDC_EV_MARIA_START_ENCRYPTION, "\1\1\0\0\0" "123456789012", 17);
			assert_ok(feed(&f), &f.err);
			build_event(&f, CDC_EV_MARIA_GTID_LIST, "\0\0\0\0", 4);
			if (encrypted)
			{
				/* all but the size is noise */
				for (size_t i = 0; i < f.b.buf.len; i++)
				{
					if (i < 9 || i > 12)
						f.b.buf.data[i] ^= (char) (0x5a + i);
				}
				assert_int_equal(feed(&f), CDC_ERR_UNSUPPORTED);
				assert_non_null(strstr(f.err.message, "encrypted"));
				assert_true(f.err.hint[0] != '\0');
			}
			else
			{
				assert_ok(feed(&f), &f.err);
				assert_int_equal(f.item.kind, CDC_ITEM_POSITION);
			}
			close_stream(&f);
		}
	}

	/* MySQL's say so in their first bytes */
	assert_int_equal(cdc_binlog_file_next(magic, 4, &offset, &event, &len, &f.err),
					 CDC_ERR_UNSUPPORTED);
	assert_non_null(strstr(f.err.message, "encrypted"));
}

static void
test_refused_types(void **state)
{
	static const uint8_t types[] = {
		CDC_EV_UNKNOWN, CDC_EV_START_V3, CDC_EV_SLAVE, CDC_EV_WRITE_ROWS_V0,
		CDC_EV_UPDATE_ROWS_V0, CDC_EV_DELETE_ROWS_V0, 43, 99, 159, 172, 255
	};
	Fixture		f;

	(void) state;
	for (size_t i = 0; i < lengthof(types); i++)
	{
		open_stream(&f, "8.4.0", true);
		build_query(&f.b, "", "BEGIN");
		assert_ok(feed(&f), &f.err);
		build_event(&f, types[i], "12345678", 8);
		assert_int_equal(feed(&f), CDC_ERR_UNSUPPORTED);
		assert_non_null(strstr(f.err.detail, "8.4.0"));
		close_stream(&f);
	}
}

/* An event is known again by its sum, whatever its checksum, place and flags. */
static void
test_event_sum(void **state)
{
	uint8_t		event[600] = {1, 2, 3, 4, CDC_EV_XID, 7, 0, 0, 0};
	uint8_t		other[600];
	uint32_t	sum;

	(void) state;
	for (size_t i = CDC_EV_HEADER_LEN; i < sizeof(event); i++)
		event[i] = (uint8_t) i;
	sum = cdc_event_sum(0, event, 31);
	memcpy(other, event, sizeof(event));
	memset(other + 9, 0xAA, 10);	/* size, place, flags */
	assert_int_equal(cdc_event_sum(0, other, 31), sum);
	assert_int_not_equal(cdc_event_sum(0, other, 30), sum);
	assert_int_not_equal(cdc_event_sum(1, other, 31), sum);
	for (size_t i = 0; i < 31; i++)
	{
		other[i] ^= 1;
		assert_int_equal(cdc_event_sum(0, other, 31) == sum, i >= 9 && i < CDC_EV_HEADER_LEN);
		other[i] ^= 1;
	}
	/* of a long one the start, which is all that is kept, and the length */
	sum = cdc_event_sum(0, event, 600);
	memcpy(other, event, sizeof(event));
	memset(other + CDC_EVENT_SUM_BYTES, 0, sizeof(other) - CDC_EVENT_SUM_BYTES);
	assert_int_equal(cdc_event_sum(0, other, 600), sum);
	assert_int_not_equal(cdc_event_sum(0, other, 599), sum);
	/* servers change what a format description says */
	event[4] = other[4] = CDC_EV_FORMAT_DESCRIPTION;
	other[30] ^= 1;
	assert_int_equal(cdc_event_sum(0, other, 100), cdc_event_sum(0, event, 120));
	other[0] ^= 1;
	assert_int_not_equal(cdc_event_sum(0, other, 100), cdc_event_sum(0, event, 100));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_encryption),
		cmocka_unit_test(test_refused_types),
		cmocka_unit_test(test_event_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
