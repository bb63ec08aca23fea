/*
 * core_gtid_wire.c
 *	  Tests of the binary form of GTID sets: what is encoded, byte by byte and
 *	  with a decoder of the test's own.
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

/* The number at p, little-endian; *p moves behind it. */
static uint64_t
take_u64(const uint8_t **p)
{
	uint64_t	v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | (*p)[i];
	*p += 8;
	return v;
}

/* A decoder of its own: prints what the bytes say, a source after the other. */
static void
print_bytes(const uint8_t *p, size_t len, CdcBuf *out)
{
	const uint8_t *end = p + len;
	uint64_t	n = take_u64(&p);
	bool		tagged = n >> 56 == 1 && (n & 0xFF) == 1;

	for (n = tagged ? n << 8 >> 16 : n; n > 0; n--)
	{
		uint64_t	nranges;

		for (int i = 0; i < 16; i++)
			cdc_buf_printf(out, "%02x", p[i]);
		p += 16;
		if (tagged)
		{
			int			tag_len = *p++ / 2;

			cdc_buf_printf(out, "%s%.*s", tag_len > 0 ? ":" : "", tag_len, (const char *) p);
			p += tag_len;
		}
		for (nranges = take_u64(&p); nranges > 0; nranges--)
		{
			uint64_t	start = take_u64(&p);

			cdc_buf_printf(out, ":%llu-%llu", (unsigned long long) start,
						   (unsigned long long) take_u64(&p) - 1);
		}
		cdc_buf_printf(out, ",");
	}
	assert_ptr_equal(p, end);
}

/* The set that the bytes stand for. */
static CdcGtidSet *
decode(const uint8_t *bytes, size_t len)
{
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
	CdcBuf		text = {0};
	CdcError	err;

	print_bytes(bytes, len, &text);
	assert_ok(cdc_gtid_set_parse(set, unit_text(&text), &err), &err);
	cdc_buf_free(&text);
	return set;
}

static void
assert_decodes(const Case *c)
{
	uint8_t		bytes[512];
	CdcGtidSet *set = decode(bytes, from_hex(c->hex, bytes));
	CdcBuf		buf = {0};

	cdc_gtid_set_print(set, &buf);
	assert_string_equal(unit_text(&buf), c->text);
	cdc_buf_free(&buf);
	cdc_gtid_set_destroy(set);
}

/* The decoder here understands what a server wrote. */
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

static void
test_random_round_trip(void **state)
{
	UnitRandom	random = {.state = 11};
	CdcError	err;

	(void) state;
	for (int round = 0; round < 2000; round++)
	{
		CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
		CdcGtidSet *back;
		CdcBuf		text = {0};
		CdcBuf		text2 = {0};
		CdcBuf		bytes = {0};

		for (uint64_t n = unit_random_below(&random, 30); n > 0; n--)
		{
			uint8_t		uuid[16] = {(uint8_t) unit_random_below(&random, 4)};
			size_t		tag_len = round % 2 == 0 ? 0 : unit_random_below(&random, 33);
			char		tag[33];
			char		gtid[CDC_GTID_TEXT];

			for (size_t i = 0; i < tag_len; i++)
				tag[i] = (char) ('a' + unit_random_below(&random, 26));
			cdc_gtid_text_mysql(uuid, tag, tag_len, 1 + unit_random_below(&random, 20), gtid);
			assert_ok(cdc_gtid_set_add(set, gtid, &err), &err);
		}
		assert_int_equal(cdc_gtid_set_encode(set, &bytes), CDC_OK);
		back = decode((uint8_t *) bytes.data, bytes.len);
		cdc_gtid_set_print(set, &text);
		cdc_gtid_set_print(back, &text2);
		assert_string_equal(unit_text(&text), unit_text(&text2));
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

	(void) state;
	assert_int_equal(cdc_gtid_set_encode(set, &buf), CDC_ERR_UNSUPPORTED);
	cdc_gtid_set_destroy(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_encoded),
		cmocka_unit_test(test_random_round_trip),
		cmocka_unit_test(test_mariadb_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
