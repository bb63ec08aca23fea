/*
 * binlog_savepoint.c
 *	  Tests of savepoints: what ROLLBACK TO leaves of a group's events, for the
 *	  statements as servers write them.
 */
#include "unit.h"

#include "binlog/stream.h"
#include "tools/binlog_build.h"

typedef struct Fixture
{
	EventBuilder b;
	CdcStream  *stream;
	CdcItem		item;
	CdcError	err;
	uint64_t	bytes[100];		/* of the first n kept events */
	uint64_t	nkept;
} Fixture;

static CdcStatus
feed(Fixture *f)
{
	return cdc_stream_feed(f->stream, (const uint8_t *) f->b.buf.data, f->b.buf.len, &f->item,
						   &f->err);
}

static void
open_group(Fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->b.offset = 4;
	f->b.checksum = true;
	f->stream = cdc_stream_create(CDC_MARIADB, "bin.000007", 4);
	cdc_stream_accept_xa(f->stream);
	build_format(&f->b, "10.11.6-MariaDB");
	assert_ok(feed(f), &f->err);
	build_query(&f->b, "", "BEGIN");
	assert_ok(feed(f), &f->err);
	assert_int_equal(f->item.kind, CDC_ITEM_BEGIN);
}

static void
close_group(Fixture *f)
{
	build_query(&f->b, "", "COMMIT");
	assert_ok(feed(f), &f->err);
	assert_int_equal(f->item.kind, CDC_ITEM_COMMIT);
	cdc_stream_destroy(f->stream);
	cdc_buf_free(&f->b.buf);
}

/* n row events: each is kept. */
static void
rows(Fixture *f, int n)
{
	for (; n > 0; n--)
	{
		build_write_rows(&f->b, 1, "\0\1\0\0\0", 5);
		assert_ok(feed(f), &f->err);
		assert_true(f->item.keep);
		f->bytes[f->nkept + 1] = f->bytes[f->nkept] + f->item.event_len;
		f->nkept++;
	}
}

static void
query(Fixture *f, const char *sql)
{
	build_query(&f->b, "", sql);
	assert_ok(feed(f), &f->err);
	assert_false(f->item.keep);
}

static void
savepoint(Fixture *f, const char *sql)
{
	query(f, sql);
	assert_int_equal(f->item.kind, CDC_ITEM_NONE);
}

/* Of the kept events remain so many. */
static void
rollback_to(Fixture *f, const char *sql, uint64_t remain)
{
	query(f, sql);
	assert_int_equal(f->item.kind, CDC_ITEM_UNDO);
	assert_int_equal(f->item.undo.events, remain);
	assert_int_equal(f->item.undo.bytes, f->bytes[remain]);
	assert_true(cdc_stream_in_group(f->stream));
	f->nkept = remain;
}

static void
test_nested(void **state)
{
	Fixture		f;

	(void) state;
	open_group(&f);
	rows(&f, 2);
	savepoint(&f, "SAVEPOINT `a`");
	rows(&f, 1);
	savepoint(&f, "SAVEPOINT `b`");
	rows(&f, 3);
	rollback_to(&f, "ROLLBACK TO `b`", 3);
	rows(&f, 1);
	rollback_to(&f, "ROLLBACK TO `b`", 3);	/* it is still there */
	savepoint(&f, "SAVEPOINT `c`");
	rows(&f, 1);
	rollback_to(&f, "ROLLBACK TO `a`", 2);
	rows(&f, 1);

	/* b and c were undone with what followed a */
	build_query(&f.b, "", "ROLLBACK TO `c`");
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
	assert_string_equal(f.err.detail, "The savepoint is \"c\".");
	close_group(&f);
}

static void
test_same_name(void **state)
{
	Fixture		f;

	(void) state;
	open_group(&f);
	savepoint(&f, "SAVEPOINT `x`");
	rows(&f, 1);
	savepoint(&f, "SAVEPOINT `y`");
	rows(&f, 1);
	savepoint(&f, "SAVEPOINT `X`");
	rows(&f, 2);
	rollback_to(&f, "ROLLBACK TO `x`", 2);
	rollback_to(&f, "ROLLBACK TO `y`", 1);
	close_group(&f);

	/* a savepoint of the transaction before is none of this one */
	open_group(&f);
	savepoint(&f, "SAVEPOINT `x`");
	build_query(&f.b, "", "COMMIT");
	assert_ok(feed(&f), &f.err);
	build_query(&f.b, "", "BEGIN");
	assert_ok(feed(&f), &f.err);
	savepoint(&f, "ROLLBACK TO `x`");	/* but nothing was there to undo */
	rows(&f, 1);
	build_query(&f.b, "", "ROLLBACK TO `x`");
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
	close_group(&f);
}

static void
test_spellings(void **state)
{
	static const struct
	{
		const char *set;
		const char *undo;
	}			pairs[] = {
		{"SAVEPOINT `s p``1`", "ROLLBACK TO `S P``1`"},
		{"SAVEPOINT \"a\"\"b\"", "ROLLBACK TO \"A\"\"b\""},
		{"savepoint x", "rollback work to savepoint X;"},
		{"SAVEPOINT x /* c */", "ROLLBACK /* c */ TO SAVEPOINT `x` -- d"},
		{"SAVEPOINT savepoint", "ROLLBACK TO SAVEPOINT"},
		{"SAVEPOINT `savepoint`", "ROLLBACK TO SAVEPOINT savepoint"},
		{"SAVEPOINT `\xc3\xa9`", "ROLLBACK TO `\xc3\xa9`"},
	};
	Fixture		f;

	(void) state;
	for (size_t i = 0; i < lengthof(pairs); i++)
	{
		open_group(&f);
		rows(&f, 1);
		savepoint(&f, "SAVEPOINT `before`");
		rows(&f, 1);
		savepoint(&f, pairs[i].set);
		rows(&f, 1);
		rollback_to(&f, pairs[i].undo, 2);
		close_group(&f);
	}

	/* to the servers these two are one name; others might not be */
	open_group(&f);
	rows(&f, 1);
	savepoint(&f, "SAVEPOINT `e`");
	savepoint(&f, "RELEASE SAVEPOINT `e`");
	build_query(&f.b, "", "ROLLBACK TO `\xc3\xa9`");
	assert_int_equal(feed(&f), CDC_ERR_UNSUPPORTED);
	build_query(&f.b, "", "SAVEPOINT");
	assert_int_equal(feed(&f), CDC_ERR_CORRUPT);
	close_group(&f);
}

/* An application that sets one a statement, a quarter of a million times. */
static void
test_many(void **state)
{
	Fixture		f;
	char		sql[64];

	(void) state;
	open_group(&f);
	rows(&f, 1);
	savepoint(&f, "SAVEPOINT `first`");
	for (int i = 0; i < 250000; i++)
	{
		savepoint(&f, "SAVEPOINT `again`");
		snprintf(sql, sizeof(sql), "SAVEPOINT `sp%d`", i);
		if (i % 2 == 0)
			savepoint(&f, sql);
	}
	rows(&f, 1);
	rollback_to(&f, "ROLLBACK TO `sp200000`", 1);
	rows(&f, 1);
	rollback_to(&f, "ROLLBACK TO `sp199998`", 1);
	rows(&f, 1);
	build_query(&f.b, "", "ROLLBACK TO `first`");
	assert_int_equal(feed(&f), CDC_ERR_LIMIT);
	close_group(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_same_name),
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
