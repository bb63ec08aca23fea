/*
 * binlog_robust.c
 *	  Broken binlogs: every truncation and changed bytes of recorded files end in
 *	  an error or a result, never in a crash or a read out of bounds (this runs
 *	  under AddressSanitizer).
 */
#include "unit.h"

#include <zlib.h>

#include "tools/binlog_run.h"

#define MAX_FILE	(1 << 20)

/* Reads a recorded, gzip'ed file; the caller frees it. */
static uint8_t *
read_recorded(const char *name, size_t *len)
{
	char		path[1024];
	uint8_t    *data = malloc(MAX_FILE);
	gzFile		f;
	int			n;

	snprintf(path, sizeof(path), "%s/binlogs/%s/binlog.000001.gz", TEST_DATA, name);
	f = gzopen(path, "rb");
	if (f == NULL || data == NULL)
		fail_msg("cannot read %s", path);
	n = gzread(f, data, MAX_FILE);
	if (n <= 0 || n == MAX_FILE)
		fail_msg("cannot read %s", path);
	gzclose(f);
	*len = (size_t) n;
	return data;
}

/* Runs a copy that ends where its memory ends, so that over-reads are seen. */
static CdcStatus
run_copy(const uint8_t *data, size_t len, uint64_t *nchanges)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	BinlogRun	run;
	CdcError	err;
	CdcStatus	st;

	memcpy(copy, data, len);
	assert_true(binlog_run_init(&run));
	st = binlog_run_file(&run, copy, len, &err);
	assert_true(st == CDC_END || st == CDC_MORE || cdc_failed(st));
	if (cdc_failed(st))
	{
		/* every error says what and where */
		assert_int_equal(err.status, st);
		assert_true(err.message[0] != '\0');
		assert_true(st != CDC_ERR_INTERNAL);
	}
	if (nchanges != NULL)
		*nchanges = run.nchanges;
	binlog_run_free(&run);
	free(copy);
	return st;
}

static const char *const recorded[] = {"a5_geometry", "g6_rowsquery", "i_meta_minimal"};

static void
test_truncations(void **state)
{
	(void) state;
	for (size_t f = 0; f < lengthof(recorded); f++)
	{
		size_t		len;
		uint8_t    *data = read_recorded(recorded[f], &len);
		uint64_t	whole;
		size_t		ends = 0;

		assert_int_equal(run_copy(data, len, &whole), CDC_END);
		assert_true(whole > 0);
		for (size_t n = 0; n < len; n++)
		{
			uint64_t	nchanges;
			CdcStatus	st = run_copy(data, n, &nchanges);

			/* a cut is seen as such, and only whole transactions come out */
			assert_true(st == CDC_MORE || st == CDC_END);
			assert_true(nchanges <= whole);
			ends += st == CDC_END;
		}
		assert_true(ends > 5);
		free(data);
	}
}

/* With checksums, not one changed byte of an event goes unnoticed. */
static void
test_changed_bytes_checksum(void **state)
{
	size_t		len;
	uint8_t    *data = read_recorded("g6_rowsquery", &len);

	(void) state;
	for (size_t i = 4; i < len; i++)
	{
		for (int bit = (int) (i % 2); bit < 8; bit += 2)
		{
			CdcStatus	st;

			/*
			 * The algorithm byte of the format description says whether there
			 * are checksums at all; and its flag "in use" is not summed up.
			 */
			if ((i == 4 + cdc_le32(data + 4 + 9) - 5) || (i == 4 + 17 && bit == 0))
				continue;
			data[i] ^= (uint8_t) (1 << bit);
			st = run_copy(data, len, NULL);
			if (!cdc_failed(st) && st != CDC_MORE)
				fail_msg("bit %d of byte %zu was changed unnoticed", bit, i);
			data[i] ^= (uint8_t) (1 << bit);
		}
	}
	free(data);
}

/*
 * Without, changed bytes reach the parsers.  All values of all bytes take long:
 * set CDC_TEST_ALL_BYTES for that.
 */
static void
test_changed_bytes(void **state)
{
	/* the greatest, which as a length leads far out; and one bit */
	static const uint8_t values[] = {0xff};
	bool		all = getenv("CDC_TEST_ALL_BYTES") != NULL;
	size_t		errors = 0;
	size_t		results = 0;

	(void) state;
	for (size_t f = 0; f < lengthof(recorded); f++)
	{
		size_t		len;
		uint8_t    *data = read_recorded(recorded[f], &len);
		uint64_t	whole,
					stripped;

		run_copy(data, len, &whole);
		len = binlog_strip_checksums(data, len);
		assert_int_equal(run_copy(data, len, &stripped), CDC_END);
		assert_int_equal(whole, stripped);
		for (size_t i = 4; i < len; i += all ? 1 : 5)
		{
			uint8_t		was = data[i];

			for (size_t v = 0; v < (all ? 256 : lengthof(values) + 1); v++)
			{
				data[i] = all ? (uint8_t) v : v < lengthof(values) ? values[v] :
					was ^ (uint8_t) (1 << i % 8);
				if (cdc_failed(run_copy(data, len, NULL)))
					errors++;
				else
					results++;
			}
			data[i] = was;
		}
		free(data);
	}
	assert_true(errors > 200 && results > 200);
}

/* Several bytes at once, in the larger files. */
static void
test_random_changes(void **state)
{
	static const char *const files[] = {"a1_numeric", "b_dml", "f_ddl"};
	UnitRandom	random = {20240229};

	(void) state;
	for (size_t f = 0; f < lengthof(files); f++)
	{
		size_t		len;
		uint8_t    *data = read_recorded(files[f], &len);
		uint8_t    *changed = malloc(len);

		len = binlog_strip_checksums(data, len);
		for (int round = 0; round < 500; round++)
		{
			memcpy(changed, data, len);
			for (uint64_t n = 1 + unit_random_below(&random, 4); n > 0; n--)
				changed[4 + unit_random_below(&random, len - 4)] =
					(uint8_t) unit_random_below(&random, 256);
			run_copy(changed, len, NULL);
		}
		free(changed);
		free(data);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_changed_bytes_checksum),
		cmocka_unit_test(test_changed_bytes),
		cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
