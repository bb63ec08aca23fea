/*
 * binlog_robust.c
 *	  Broken binlogs: every truncation and random changes of the recorded files end in
 *	  an error or a result, never in a crash, a hang or a read out of bounds (this runs
 *	  under AddressSanitizer).  Each changed byte of the events is for binlog_bytes.c.
 *
 * Small files, up to SMALL bytes, are attacked in each byte.  So that it takes seconds,
 * not hours, a changed group of events is run with the format description before it and
 * the group behind it, not with all of its file.
 */
#include "unit.h"

#include "tools/binlog_files.h"
#include "tools/binlog_run.h"

/* A range of whole events, up to where no group is open. */
typedef struct Range
{
	size_t		start;
	size_t		end;
} Range;

static File *
find_file(const char *name)
{
	for (size_t i = 0; i < nfiles; i++)
	{
		if (strncmp(files[i].name, name, strlen(name)) == 0)
			return &files[i];
	}
	fail_msg("no recording %s", name);
	return NULL;
}

/* Every error says what and where, and none is the code's own. */
static void
check_status(CdcStatus st, const CdcError *err)
{
	if (!cdc_failed(st))
		return;
	assert_int_equal(err->status, st);
	assert_true(err->message[0] != '\0');
	assert_true(st != CDC_ERR_INTERNAL && st != CDC_ERR_NOMEM);
}

/* Runs a file image that ends where its memory ends, so that over-reads are seen. */
static CdcStatus
run_image(uint8_t *image, size_t len, uint64_t *nchanges)
{
	BinlogRun	run;
	CdcError	err;
	CdcStatus	st;

	assert_true(binlog_run_init(&run));
	st = binlog_run_file(&run, image, len, &err);
	assert_true(st == CDC_END || st == CDC_MORE || cdc_failed(st));
	check_status(st, &err);
	if (nchanges != NULL)
		*nchanges = run.nchanges;
	binlog_run_free(&run);
	return st;
}

static CdcStatus
run_copy(const uint8_t *data, size_t len, uint64_t *nchanges)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CdcStatus	st;

	memcpy(copy, data, len);
	st = run_image(copy, len, nchanges);
	free(copy);
	return st;
}

/* Where the groups of a file are; the caller frees the array. */
static Range *
find_groups(const uint8_t *data, size_t len, size_t *n)
{
	Range	   *groups = NULL;
	CdcStream  *stream = cdc_stream_create(CDC_MYSQL, "binlog.000001", 4);
	CdcItem		item;
	CdcError	err;
	size_t		offset = 0;
	size_t		start = 4;
	const uint8_t *event;
	size_t		event_len;

	cdc_stream_accept_xa(stream);
	*n = 0;
	while (cdc_binlog_file_next(data, len, &offset, &event, &event_len, &err) == CDC_OK)
	{
		assert_ok(cdc_stream_feed(stream, event, event_len, &item, &err), &err);
		if (cdc_stream_in_group(stream) && offset < len)
			continue;
		if ((*n & (*n - 1)) == 0)
			groups = realloc(groups, sizeof(Range) * (*n ? *n * 2 : 1));
		groups[(*n)++] = (Range) {start, offset};
		start = offset;
	}
	cdc_stream_destroy(stream);
	assert_true(*n > 0 && start == len);
	return groups;
}

/*
 * A file of the format description, the i-th group and the one behind it; *at is
 * where the group begins in it.
 */
static uint8_t *
make_image(const uint8_t *data, const Range *groups, size_t n, size_t i, size_t *len, size_t *at)
{
	size_t		head = i > 0 ? groups[0].end : 4;
	size_t		end = groups[i + 1 < n ? i + 1 : i].end;
	uint8_t    *image;

	*at = head;
	*len = head + end - groups[i].start;
	image = malloc(*len);
	memcpy(image, data, head);
	memcpy(image + head, data + groups[i].start, end - groups[i].start);
	return image;
}

/* --- truncated files */

/*
 * Before each event, with each part of it as the file's end.  What came before is
 * the same for all of these, so it need not be run again.
 */
static void
cut_file(const File *f)
{
	CdcError	err;
	size_t		offset = 0;
	size_t		end;
	const uint8_t *event;
	size_t		len;
	CdcStatus	st;

	for (;;)
	{
		end = offset;
		st = cdc_binlog_file_next(f->data, f->len, &end, &event, &len, &err);
		if (st != CDC_OK)
			break;
		if (offset == 0)
			offset = 4;
		/* what the code sees of the file does not begin before the event */
		for (size_t n = 0; n < len; n += f->len <= SMALL || n < 64 ? 1 : 1 + n / 64)
		{
			uint8_t    *tail = malloc(4 + n);
			size_t		at = 4;
			const uint8_t *cut;
			size_t		cut_len;

			memcpy(tail, f->data, 4);
			memcpy(tail + 4, f->data + offset, n);
			assert_int_equal(cdc_binlog_file_next(tail, 4 + n, &at, &cut, &cut_len, &err),
							 n == 0 ? CDC_END : CDC_MORE);
			assert_int_equal(at, 4);
			free(tail);
		}
		offset = end;
	}
	assert_int_equal(st, CDC_END);
	assert_int_equal(offset, f->len);
}

static void
test_truncations(void **state)
{
	static const char *const whole[] = {"a5_geometry", "g6_rowsquery", "i_meta_minimal"};

	(void) state;
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(run_copy(files[0].data, n, NULL), CDC_MORE);
	for (size_t i = 0; i < nfiles; i++)
		cut_file(&files[i]);

	/* from the start for each length: only whole transactions come out */
	for (size_t i = 0; i < lengthof(whole); i++)
	{
		const File *f = find_file(whole[i]);
		uint64_t	all;
		size_t		ends = 0;

		assert_int_equal(run_copy(f->data, f->len, &all), CDC_END);
		assert_true(all > 0);
		for (size_t n = 0; n < f->len; n++)
		{
			uint64_t	nchanges;
			CdcStatus	st = run_copy(f->data, n, &nchanges);

			assert_true(st == CDC_MORE || st == CDC_END);
			assert_true(nchanges <= all);
			ends += st == CDC_END;
		}
		assert_true(ends > 5);
	}
}

/* --- events cut short, whose header says so: the parsers see the end */

static void
cut_event(const uint8_t *image, size_t len, size_t at, size_t size, size_t n)
{
	uint8_t    *cut = malloc(len - size + n);

	memcpy(cut, image, at + n);
	memcpy(cut + at + n, image + at + size, len - at - size);
	for (int i = 0; i < 4; i++)
		cut[at + 9 + (size_t) i] = (uint8_t) (n >> (8 * i));
	run_image(cut, len - size + n, NULL);
	free(cut);
}

static void
test_cut_events(void **state)
{
	(void) state;
	for (size_t i = 0; i < nfiles; i++)
	{
		uint8_t    *data;
		size_t		len;
		size_t		n;
		Range	   *groups;

		if (files[i].len > SMALL)
			continue;
		data = malloc(files[i].len);
		memcpy(data, files[i].data, files[i].len);
		len = binlog_strip_checksums(data, files[i].len);
		groups = find_groups(data, len, &n);
		for (size_t g = 0; g < n; g++)
		{
			size_t		image_len;
			size_t		at;
			uint8_t    *image = make_image(data, groups, n, g, &image_len, &at);
			size_t		end = at + groups[g].end - groups[g].start;

			while (at < end)
			{
				size_t		size = cdc_le32(image + at + 9);

				for (size_t m = CDC_EV_HEADER_LEN; m < size; m++)
					cut_event(image, image_len, at, size, m);
				at += size;
			}
			free(image);
		}
		free(groups);
		free(data);
	}
}

/* --- changed bytes */

/* With checksums, not one changed bit of an event goes unnoticed. */
static void
test_changed_bits_checksum(void **state)
{
	const File *f = find_file("g6_rowsquery");
	uint8_t    *data = malloc(f->len);

	(void) state;
	memcpy(data, f->data, f->len);
	for (size_t i = 4; i < f->len; i++)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			CdcStatus	st;

			/*
			 * The algorithm byte of the format description says whether there
			 * are checksums at all; and its flag "in use" is not summed up.
			 */
			if ((i == 4 + cdc_le32(data + 4 + 9) - 5) || (i == 4 + 17 && bit == 0))
				continue;
			data[i] ^= (uint8_t) (1 << bit);
			st = run_copy(data, f->len, NULL);
			if (!cdc_failed(st) && st != CDC_MORE)
				fail_msg("bit %d of byte %zu was changed unnoticed", bit, i);
			data[i] ^= (uint8_t) (1 << bit);
		}
	}
	free(data);
}

/* Several bytes at once. */
static void
test_random_changes(void **state)
{
	static const char *const changed[] = {"a1_numeric", "b_dml", "f_ddl"};
	UnitRandom	random = {20240229};

	(void) state;
	for (size_t i = 0; i < lengthof(changed); i++)
	{
		const File *f = find_file(changed[i]);
		uint8_t    *data = malloc(f->len);
		size_t		len;
		uint8_t    *copy;

		memcpy(data, f->data, f->len);
		len = binlog_strip_checksums(data, f->len);
		copy = malloc(len);
		for (int round = 0; round < 500; round++)
		{
			memcpy(copy, data, len);
			for (uint64_t n = 1 + unit_random_below(&random, 4); n > 0; n--)
				copy[4 + unit_random_below(&random, len - 4)] =
					(uint8_t) unit_random_below(&random, 256);
			run_image(copy, len, NULL);
		}
		free(copy);
		free(data);
	}
}

/* The magic bytes before the first event. */
static void
test_changed_magic(void **state)
{
	File		f = files[0];

	(void) state;
	for (size_t at = 0; at < 4; at++)
	{
		uint8_t		was = f.data[at];

		for (int v = 0; v < 256; v++)
		{
			size_t		offset = 0;
			const uint8_t *event;
			size_t		len;
			CdcError	err;
			CdcStatus	st;

			f.data[at] = (uint8_t) v;
			st = cdc_binlog_file_next(f.data, f.len, &offset, &event, &len, &err);
			if (v == was)
				assert_int_equal(st, CDC_OK);
			else if (at == 0 && v == 0xfd)
				assert_int_equal(st, CDC_ERR_UNSUPPORTED);
			else
				assert_int_equal(st, CDC_ERR_CORRUPT);
		}
		f.data[at] = was;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_cut_events),
		cmocka_unit_test(test_changed_bits_checksum),
		cmocka_unit_test(test_random_changes),
		cmocka_unit_test(test_changed_magic),
	};

	return cmocka_run_group_tests(tests, read_files, free_files);
}
