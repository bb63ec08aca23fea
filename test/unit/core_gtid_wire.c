/*
 * core_gtid_wire.c
 *	  Tests of the binary form of GTID sets: bytes of a real server, round
 *	  trips, and every way of breaking them.
 */
#include "unit.h"

#include "core/gtid.h"

#define U1	"55762631-e542-11f1-814c-02fc00000001"

typedef struct Case
{
	const char *text;
	const char *hex;
} Case;

/* Bodies of Previous_gtids events that MySQL 9.7.4 wrote: always tagged. */
static const Case recorded[] = {
	{"", "0100000000000001"},
	{U1 ":1-3",
	 "0101000000000001" "55762631e54211f1814c02fc00000001" "00"
	 "0100000000000000" "0100000000000000" "0400000000000000"},
	{U1 ":1-67",
	 "0101000000000001" "55762631e54211f1814c02fc00000001" "00"
	 "0100000000000000" "0100000000000000" "4400000000000000"},
};

/* What is encoded: the old form unless there are tags (MySQL's manual). */
static const Case encoded[] = {
	{"", "0000000000000000"},
	{U1 ":1-3:7",
	 "0100000000000000" "55762631e54211f1814c02fc00000001"
	 "0200000000000000" "0100000000000000" "0400000000000000" "0700000000000000" "0800000000000000"},
	{U1 ":5:ab:1-2",
	 "0102000000000001"
	 "55762631e54211f1814c02fc00000001" "00" "0100000000000000" "0500000000000000" "0600000000000000"
	 "55762631e54211f1814c02fc00000001" "04" "6162" "0100000000000000" "0100000000000000" "0300000000000000"},
	{U1 ":1-9223372036854775806",
	 "0100000000000000" "55762631e54211f1814c02fc00000001"
	 "0100000000000000" "0100000000000000" "ffffffffffffff7f"},
};

static size_t
from_hex(const char *hex, uint8_t *out)
{
	size_t		n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
	{
		unsigned	v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		out[i] = (uint8_t) v;
	}
	return n;
}

/* A copy of exactly len bytes on the heap, so that ASAN sees over-reads. */
static CdcStatus
decode_exact(CdcGtidSet *set, const uint8_t *data, size_t len, CdcError *err)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CdcStatus	st;

	memcpy(copy, data, len);
	st = cdc_gtid_set_decode(set, copy, len, err);
	free(copy);
	return st;
}

static void
assert_decodes(const Case *c)
{
	uint8_t		bytes[512];
	size_t		len = from_hex(c->hex, bytes);
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
	CdcBuf		buf = {0};
	CdcError	err;

	assert_ok(decode_exact(set, bytes, len, &err), &err);
	cdc_gtid_set_print(set, &buf);
	assert_string_equal(unit_text(&buf), c->text);
	cdc_buf_free(&buf);
	cdc_gtid_set_destroy(set);

	/* no shorter and no longer piece is a set, and a failure changes nothing */
	for (size_t n = 0; n <= len + 1; n++)
	{
		if (n == len)
			continue;
		set = cdc_gtid_set_create(CDC_MYSQL);
		bytes[len] = 0;
		assert_int_equal(decode_exact(set, bytes, n, &err), CDC_ERR_CORRUPT);
		assert_true(cdc_gtid_set_empty(set));
		cdc_gtid_set_destroy(set);
	}
}

static void
test_recorded(void **state)
{
	(void) state;
	for (size_t i = 0; i < lengthof(recorded); i++)
		assert_decodes(&recorded[i]);
}

static void
test_encoded(void **state)
{
	(void) state;
	for (size_t i = 0; i < lengthof(encoded); i++)
	{
		CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
		uint8_t		bytes[512];
		size_t		len = from_hex(encoded[i].hex, bytes);
		CdcBuf		buf = {0};
		CdcError	err;

		assert_ok(cdc_gtid_set_parse(set, encoded[i].text, &err), &err);
		assert_int_equal(cdc_gtid_set_encode(set, &buf), CDC_OK);
		assert_int_equal(buf.len, len);
		assert_memory_equal(buf.data, bytes, len);
		assert_decodes(&encoded[i]);
		cdc_buf_free(&buf);
		cdc_gtid_set_destroy(set);
	}
}

/* Decoding adds to what is there. */
static void
test_decode_adds(void **state)
{
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
	uint8_t		bytes[512];
	CdcBuf		buf = {0};
	CdcError	err;

	(void) state;
	assert_ok(cdc_gtid_set_parse(set, U1 ":4-10:x:1", &err), &err);
	assert_ok(decode_exact(set, bytes, from_hex(recorded[1].hex, bytes), &err), &err);
	cdc_gtid_set_print(set, &buf);
	assert_string_equal(unit_text(&buf), U1 ":1-10:x:1");
	cdc_buf_free(&buf);
	cdc_gtid_set_destroy(set);
}

static void
test_broken(void **state)
{
#define UUID "55762631e54211f1814c02fc00000001"
#define ONE "0100000000000000"
	static const char *const broken[] = {
		"",
		"00",
		"ffffffffffffffff",		/* number of sources */
		"ffffffffffffff00" UUID ONE ONE "0400000000000000",
		"01ffffffffffff01" UUID "00" ONE ONE "0400000000000000",
		ONE UUID "ffffffffffffffff" ONE "0400000000000000", /* number of ranges */
		ONE UUID "0000000000000010" ONE "0400000000000000",
		ONE UUID ONE "0000000000000000" "0400000000000000", /* starts at 0 */
		ONE UUID ONE ONE ONE,	/* empty range */
		ONE UUID ONE "0500000000000000" "0400000000000000", /* backwards */
		ONE UUID ONE ONE "0000000000000080",	/* beyond the maximum */
		ONE UUID ONE ONE "ffffffffffffffff",
		ONE UUID "0200000000000000" ONE "0400000000000000" "0400000000000000" "0500000000000000",
		ONE UUID "0200000000000000" ONE "0400000000000000" "0200000000000000" "0500000000000000",
		"0101000000000001" UUID "01" ONE ONE "0400000000000000",	/* odd length byte */
		"0101000000000001" UUID "0431" "61" ONE ONE "0400000000000000", /* tag "1a" */
		"0101000000000001" UUID "fe61" ONE ONE "0400000000000000",
		"0101000000000001" UUID "042d61" ONE ONE "0400000000000000",
		"0001000000000001" UUID "00" ONE ONE "0400000000000000",	/* the two format bytes differ */
		"0100000000000002",
	};
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(broken); i++)
	{
		CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
		uint8_t		bytes[512];

		if (decode_exact(set, bytes, from_hex(broken[i], bytes), &err) != CDC_ERR_CORRUPT)
			fail_msg("decoded: %s", broken[i]);
		assert_true(cdc_gtid_set_empty(set));
		cdc_gtid_set_destroy(set);
	}
}

static void
test_random_round_trip(void **state)
{
	UnitRandom	random = {.state = 11};
	CdcError	err;

	(void) state;
	for (int round = 0; round < 2000; round++)
	{
		CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
		CdcGtidSet *back = cdc_gtid_set_create(CDC_MYSQL);
		CdcBuf		text = {0};
		CdcBuf		text2 = {0};
		CdcBuf		bytes = {0};

		for (uint64_t n = unit_random_below(&random, 30); n > 0; n--)
		{
			uint8_t		uuid[16] = {(uint8_t) unit_random_below(&random, 4)};
			size_t		tag_len = round % 2 == 0 ? 0 : unit_random_below(&random, 33);
			char		tag[33];

			for (size_t i = 0; i < tag_len; i++)
				tag[i] = (char) ('a' + unit_random_below(&random, 26));
			assert_ok(cdc_gtid_set_add_mysql(set, uuid, tag, tag_len,
											 1 + unit_random_below(&random, 20), &err), &err);
		}
		assert_int_equal(cdc_gtid_set_encode(set, &bytes), CDC_OK);
		assert_ok(decode_exact(back, (uint8_t *) bytes.data, bytes.len, &err), &err);
		cdc_gtid_set_print(set, &text);
		cdc_gtid_set_print(back, &text2);
		assert_string_equal(unit_text(&text), unit_text(&text2));

		/* single bytes changed: any answer, but no crash, and a sane set */
		for (int i = 0; i < 20; i++)
		{
			CdcGtidSet *hurt = cdc_gtid_set_create(CDC_MYSQL);
			uint8_t    *p = (uint8_t *) bytes.data + unit_random_below(&random, bytes.len);
			uint8_t		old = *p;

			*p = (uint8_t) unit_random(&random);
			if (decode_exact(hurt, (uint8_t *) bytes.data, bytes.len, &err) != CDC_OK)
				assert_true(cdc_gtid_set_empty(hurt));
			*p = old;
			cdc_gtid_set_destroy(hurt);
		}
		cdc_buf_free(&text);
		cdc_buf_free(&text2);
		cdc_buf_free(&bytes);
		cdc_gtid_set_destroy(set);
		cdc_gtid_set_destroy(back);
	}
}

static void
test_mariadb_has_none(void **state)
{
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MARIADB);
	CdcBuf		buf = {0};
	CdcError	err;

	(void) state;
	assert_int_equal(cdc_gtid_set_encode(set, &buf), CDC_ERR_UNSUPPORTED);
	assert_int_equal(cdc_gtid_set_decode(set, (const uint8_t *) "", 0, &err), CDC_ERR_UNSUPPORTED);
	cdc_gtid_set_destroy(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_encoded),
		cmocka_unit_test(test_decode_adds),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_random_round_trip),
		cmocka_unit_test(test_mariadb_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
