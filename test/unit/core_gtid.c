/*
 * core_gtid.c
 *	  Tests of GTID sets in text form, and of their algebra against sets of
 *	  bits.
 */
#include "unit.h"

#include "core/gtid.h"

#define U1	"3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define U2	"4350f323-7565-4e59-8763-4b1b83a0ce0e"

/* Parses text into a new set of the flavour and compares its canonical form. */
static void
assert_canonical(CdcFlavor flavor, const char *text, const char *expected)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcBuf		buf = {0};
	CdcError	err;

	assert_ok(cdc_gtid_set_parse(set, text, &err), &err);
	assert_int_equal(cdc_gtid_set_print(set, &buf), CDC_OK);
	assert_string_equal(unit_text(&buf), expected);
	assert_int_equal(cdc_gtid_set_empty(set), expected[0] == '\0');
	cdc_buf_free(&buf);
	cdc_gtid_set_destroy(set);
}

static void
test_mysql_text(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{" \n\t", ""},
		{",,", ""},
		{U1 ":1", U1 ":1"},
		{U1 ":1-5", U1 ":1-5"},
		{"3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5", U1 ":1-5"},
		{"3e11fa4771ca11e19e33c80aa9429562:1-5", U1 ":1-5"},
		{"{" U1 "}:7", U1 ":7"},
		{U1 ":3:1:2", U1 ":1-3"},
		{U1 ":1-3:5-7:4", U1 ":1-7"},
		{U1 ":1-10:3-4", U1 ":1-10"},
		{U1 ":5-5", U1 ":5"},
		{U2 ":1,\n" U1 ":1", U1 ":1," U2 ":1"},
		{U1 ":1," U1 ":2", U1 ":1-2"},
		{" " U1 " : 1 - 5 : 7 , " U2 " : 9 ", U1 ":1-5:7," U2 ":9"},
		{U1 ":00001-0009", U1 ":1-9"},
		{U1 ":1-9223372036854775806", U1 ":1-9223372036854775806"},
		{U1 ":9223372036854775806:1", U1 ":1:9223372036854775806"},
		{U1 ":tag:1-3", U1 ":tag:1-3"},
		{U1 ":1-3:tag:1-3", U1 ":1-3:tag:1-3"},
		{U1 ":tag:1-3:5:b_2:7:a:1", U1 ":a:1:b_2:7:tag:1-3:5"},
		{U1 ":TAG:1," U1 ":5," U1 ":tag:2", U1 ":5:tag:1-2"},
		{U1 ":_:1", U1 ":_:1"},
		{U1 ":abcdefghijklmnopqrstuvwxyz_01234:1", U1 ":abcdefghijklmnopqrstuvwxyz_01234:1"},
		{U1 ":b:1," U2 ":a:1:b:2", U1 ":b:1," U2 ":a:1:b:2"},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		assert_canonical(CDC_MYSQL, cases[i][0], cases[i][1]);
		assert_canonical(CDC_MYSQL, cases[i][1], cases[i][1]);
	}
}

static void
test_mysql_bad_text(void **state)
{
	static const char *const bad[] = {
		"x", U1, U1 ":", U1 ":0", U1 ":0-5", U1 ":5-3", U1 ":5-4", U1 ":1-", U1 ":-1", U1 ":1 2", U1 ":1;",
		U1 ":9223372036854775807", U1 ":1-9223372036854775807", U1 ":18446744073709551617",
		U1 ":99999999999999999999999999999", U1 ":1-5" U1, U1 "::1", U1 ":tag", U1 ":tag:",
		U1 ":tag:tag2:1", U1 ":1:tag", U1 ":abcdefghijklmnopqrstuvwxyz_012345:1", U1 ":t-g:1",
		U1 ":\xC3\xA9:1", "3e11fa47-71ca-11e1-9e33-c80aa942956:1", "3e11fa47-71ca-11e1-9e33:1",
		"3e11fa47-71ca-11e1-9e33-c80aa942956g:1", "3e11fa47-71ca11e1-9e33-c80aa9429562:1",
		"{" U1 ":1", U1 "}:1", "0-1-5", U1 ":1,x", U1 ":1-5-7", "-", "3e11fa47-", "3e11fa47", "{"
	};
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
	CdcBuf		buf = {0};
	CdcError	err;

	(void) state;
	assert_ok(cdc_gtid_set_parse(set, U2 ":1-3", &err), &err);
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		if (cdc_gtid_set_parse(set, bad[i], &err) != CDC_ERR_VALUE)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.status, CDC_ERR_VALUE);
		if (cdc_gtid_set_add(set, bad[i], &err) != CDC_ERR_VALUE)
			fail_msg("added: %s", bad[i]);
		assert_false(cdc_gtid_set_contains_gtid(set, bad[i]));

		/* the set stays as it was, also where a good part stands in front */
		cdc_buf_reset(&buf);
		cdc_gtid_set_print(set, &buf);
		assert_string_equal(unit_text(&buf), U2 ":1-3");
	}
	/* one GTID only */
	assert_int_equal(cdc_gtid_set_add(set, U1 ":1-2", &err), CDC_ERR_VALUE);
	assert_int_equal(cdc_gtid_set_add(set, U1 ":1:2", &err), CDC_ERR_VALUE);
	assert_int_equal(cdc_gtid_set_add(set, "", &err), CDC_ERR_VALUE);
	cdc_buf_free(&buf);
	cdc_gtid_set_destroy(set);
}

static void
test_mariadb_text(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"0-1-17", "0-1-17"},
		{"1-2-3,0-1-17", "0-1-17,1-2-3"},
		{" 0-1-17 ,\n 1-2-3", "0-1-17,1-2-3"},
		{"0-1-5,0-2-7,0-3-6", "0-3-6"},
		{"4294967295-4294967295-18446744073709551615", "4294967295-4294967295-18446744073709551615"},
	};
	static const char *const bad[] = {
		"x", "0", "0-1", "0-1-", "0-1-x", "-1-1-1", "0-1-1-1", "4294967296-1-1", "1-4294967296-1",
		"0-1-18446744073709551616", "0-1-5 0-1-6", "0 -1-5", U1 ":1"
	};
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MARIADB);
	CdcBuf		buf = {0};
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		assert_canonical(CDC_MARIADB, cases[i][0], cases[i][1]);
		assert_canonical(CDC_MARIADB, cases[i][1], cases[i][1]);
	}
	assert_ok(cdc_gtid_set_parse(set, "0-1-9,5-1-2", &err), &err);
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		assert_int_equal(cdc_gtid_set_parse(set, bad[i], &err), CDC_ERR_VALUE);
		assert_int_equal(cdc_gtid_set_add(set, bad[i], &err), CDC_ERR_VALUE);
	}
	assert_int_equal(cdc_gtid_set_add(set, "0-1-1,1-1-1", &err), CDC_ERR_VALUE);
	assert_int_equal(cdc_gtid_set_add(set, "", &err), CDC_ERR_VALUE);
	cdc_gtid_set_print(set, &buf);
	assert_string_equal(unit_text(&buf), "0-1-9,5-1-2");
	cdc_buf_free(&buf);
	cdc_gtid_set_destroy(set);
}

static CdcGtidSet *
make_set(CdcFlavor flavor, const char *text)
{
	CdcGtidSet *set = cdc_gtid_set_create(flavor);
	CdcError	err;

	assert_ok(cdc_gtid_set_parse(set, text, &err), &err);
	return set;
}

static void
assert_prints(const CdcGtidSet *set, const char *expected)
{
	CdcBuf		buf = {0};

	assert_int_equal(cdc_gtid_set_print(set, &buf), CDC_OK);
	assert_string_equal(unit_text(&buf), expected);
	cdc_buf_free(&buf);
}

/* What a log that has brought a set cannot go on with. */
static void
test_repeats(void **state)
{
	CdcGtidSet *maria = make_set(CDC_MARIADB, "0-1-17,1-2-3");
	CdcGtidSet *mysql = make_set(CDC_MYSQL, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7");
	CdcMariaGtid last;

	(void) state;
	assert_true(cdc_gtid_set_repeats(maria, "0-1-17"));
	assert_true(cdc_gtid_set_repeats(maria, "0-1-3"));
	assert_false(cdc_gtid_set_repeats(maria, "0-1-18"));
	/* servers that write at the same time have numbers of their own */
	assert_false(cdc_gtid_set_repeats(maria, "0-2-3"));
	assert_false(cdc_gtid_set_repeats(maria, "5-1-1"));
	assert_false(cdc_gtid_set_repeats(maria, "nothing"));
	assert_true(cdc_gtid_set_repeats(mysql, "3e11fa47-71ca-11e1-9e33-c80aa9429562:7"));
	assert_false(cdc_gtid_set_repeats(mysql, "3e11fa47-71ca-11e1-9e33-c80aa9429562:6"));
	assert_false(cdc_gtid_set_repeats(mysql, "3e11fa47-71ca-11e1-9e33-c80aa9429563:1"));
	assert_true(cdc_gtid_set_domain(maria, 1, &last));
	assert_int_equal(last.server, 2);
	assert_int_equal(last.sequence, 3);
	assert_false(cdc_gtid_set_domain(maria, 2, &last));
	cdc_gtid_set_forget_domain(maria, 2);
	cdc_gtid_set_forget_domain(maria, 0);
	assert_prints(maria, "1-2-3");
	cdc_gtid_set_forget_domain(maria, 1);
	assert_true(cdc_gtid_set_empty(maria));
	assert_true(cdc_maria_gtid_parse("7-8-18446744073709551615", &last));
	assert_int_equal(last.domain, 7);
	assert_false(cdc_maria_gtid_parse("7-8-9,7-8-10", &last));
	assert_false(cdc_maria_gtid_parse("7-8", &last));
	cdc_gtid_set_destroy(maria);
	cdc_gtid_set_destroy(mysql);
}

static void
test_mariadb_algebra(void **state)
{
	CdcGtidSet *a = make_set(CDC_MARIADB, "0-1-17,1-2-3");
	CdcGtidSet *b = make_set(CDC_MARIADB, "0-2-9,2-1-1");
	CdcGtidSet *mysql = make_set(CDC_MYSQL, U1 ":1");
	CdcError	err;

	(void) state;
	assert_false(cdc_gtid_set_contains(a, b));
	assert_true(cdc_gtid_set_contains_gtid(a, "0-9-17"));
	assert_false(cdc_gtid_set_contains_gtid(a, "0-1-18"));
	assert_false(cdc_gtid_set_contains_gtid(a, "3-1-1"));
	assert_ok(cdc_gtid_set_union(a, b, &err), &err);
	assert_prints(a, "0-1-17,1-2-3,2-1-1");
	assert_true(cdc_gtid_set_contains(a, b));
	assert_ok(cdc_gtid_set_add(a, "0-5-4", &err), &err);
	assert_prints(a, "0-5-4,1-2-3,2-1-1");

	assert_int_equal(cdc_gtid_set_union(a, mysql, &err), CDC_ERR_VALUE);
	assert_int_equal(cdc_gtid_set_union(mysql, a, &err), CDC_ERR_VALUE);
	assert_false(cdc_gtid_set_contains(a, mysql));
	cdc_gtid_set_destroy(mysql);
	cdc_gtid_set_destroy(b);
	cdc_gtid_set_destroy(a);
	cdc_gtid_set_destroy(NULL);
}

/*
 * The model: a bit for each transaction number 1 to MODEL_MAX of MODEL_KEYS
 * sources, some of which share a uuid and differ in the tag.
 */
#define MODEL_MAX	60
#define MODEL_KEYS	5

static const char *const model_keys[MODEL_KEYS] = {U1, U1 ":a", U1 ":ab", U2, U2 ":z"};

#define MODEL_BITS	(MODEL_KEYS * (MODEL_MAX + 2))

typedef union Model
{
	bool		has[MODEL_KEYS][MODEL_MAX + 2];
	bool		bits[MODEL_BITS];
} Model;

/* A random set, its ranges in any order and overlapping. */
static CdcGtidSet *
random_set(UnitRandom *r, Model *m)
{
	CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
	CdcBuf		text = {0};
	CdcError	err;

	memset(m, 0, sizeof(*m));
	for (uint64_t n = unit_random_below(r, 12); n > 0; n--)
	{
		uint64_t	key = unit_random_below(r, MODEL_KEYS);
		uint64_t	start = 1 + unit_random_below(r, MODEL_MAX);
		uint64_t	end = start + unit_random_below(r, 8);

		if (end > MODEL_MAX)
			end = MODEL_MAX;
		for (uint64_t i = start; i <= end; i++)
			m->has[key][i] = true;
		cdc_buf_printf(&text, "%s:%llu-%llu,", model_keys[key],
					   (unsigned long long) start, (unsigned long long) end);
	}
	assert_ok(cdc_gtid_set_parse(set, unit_text(&text), &err), &err);
	cdc_buf_free(&text);
	return set;
}

/* The canonical text of a model, written independently. */
static void
print_model(const Model *m, CdcBuf *out)
{
	const char *uuid = "";

	for (int k = 0; k < MODEL_KEYS; k++)
	{
		bool		first = true;

		for (int i = 1; i <= MODEL_MAX; i++)
		{
			int			end = i;

			if (!m->has[k][i])
				continue;
			if (first)
			{
				bool		same = strncmp(uuid, model_keys[k], 36) == 0;

				cdc_buf_printf(out, "%s%s", out->len > 0 && !same ? "," : "",
							   model_keys[k] + (same ? 36 : 0));
				uuid = model_keys[k];
				first = false;
			}
			while (m->has[k][end + 1])
				end++;
			if (end > i)
				cdc_buf_printf(out, ":%d-%d", i, end);
			else
				cdc_buf_printf(out, ":%d", i);
			i = end;
		}
	}
}

static void
assert_is_model(const CdcGtidSet *set, const Model *m)
{
	CdcBuf		text = {0};
	bool		any = false;

	print_model(m, &text);
	assert_prints(set, unit_text(&text));
	for (int k = 0; k < MODEL_KEYS; k++)
	{
		for (int i = 1; i <= MODEL_MAX; i++)
		{
			char		gtid[80];

			snprintf(gtid, sizeof(gtid), "%s:%d", model_keys[k], i);
			assert_int_equal(cdc_gtid_set_contains_gtid(set, gtid), m->has[k][i]);
			any = any || m->has[k][i];
		}
	}
	assert_int_equal(cdc_gtid_set_empty(set), !any);
	cdc_buf_free(&text);
}

/* The set without one transaction. */
static CdcGtidSet *
remove_one(UnitRandom *r, CdcGtidSet *set, Model *m)
{
	CdcBuf		text = {0};

	m->has[unit_random_below(r, MODEL_KEYS)][1 + unit_random_below(r, MODEL_MAX)] = false;
	print_model(m, &text);
	cdc_gtid_set_destroy(set);
	set = make_set(CDC_MYSQL, unit_text(&text));
	cdc_buf_free(&text);
	return set;
}

static void
test_algebra_against_model(void **state)
{
	UnitRandom	random = {.state = 99};
	int			contained = 0;

	(void) state;
	for (int round = 0; round < 1500; round++)
	{
		Model		ma;
		Model		mb;
		Model		result;
		CdcGtidSet *a = random_set(&random, &ma);
		CdcGtidSet *b = random_set(&random, &mb);
		CdcGtidSet *c;
		CdcError	err;
		bool		subset = true;

		if (round % 3 == 0)		/* else b is hardly ever part of a */
		{
			assert_ok(cdc_gtid_set_union(a, b, &err), &err);
			for (int i = 0; i < MODEL_BITS; i++)
				ma.bits[i] |= mb.bits[i];
		}
		if (round % 6 == 0)		/* all of b but for one transaction */
			a = remove_one(&random, a, &ma);
		assert_is_model(a, &ma);
		assert_is_model(b, &mb);
		for (int i = 0; i < MODEL_BITS; i++)
			subset = subset && (ma.bits[i] || !mb.bits[i]);
		assert_int_equal(cdc_gtid_set_contains(a, b), subset);
		assert_true(cdc_gtid_set_contains(a, a));
		contained += subset;

		c = cdc_gtid_set_copy(a);
		assert_is_model(c, &ma);
		assert_ok(cdc_gtid_set_union(c, b, &err), &err);
		for (int i = 0; i < MODEL_BITS; i++)
			result.bits[i] = ma.bits[i] || mb.bits[i];
		assert_is_model(c, &result);
		assert_ok(cdc_gtid_set_union(c, c, &err), &err);
		assert_is_model(c, &result);
		assert_is_model(a, &ma);	/* operands are not touched */
		assert_is_model(b, &mb);
		cdc_gtid_set_destroy(a);
		cdc_gtid_set_destroy(b);
		cdc_gtid_set_destroy(c);
	}
	assert_in_range(contained, 400, 1400);
}

/* Transactions added one by one in any order. */
static void
test_add_against_model(void **state)
{
	UnitRandom	random = {.state = 3};
	CdcError	err;

	(void) state;
	for (int round = 0; round < 100; round++)
	{
		CdcGtidSet *set = cdc_gtid_set_create(CDC_MYSQL);
		Model		m;

		memset(&m, 0, sizeof(m));
		for (int i = 0; i < 150; i++)
		{
			uint64_t	k = unit_random_below(&random, MODEL_KEYS);
			uint64_t	n = 1 + unit_random_below(&random, MODEL_MAX);
			char		gtid[80];

			snprintf(gtid, sizeof(gtid), "%s:%d", model_keys[k], (int) n);
			assert_ok(cdc_gtid_set_add(set, gtid, &err), &err);
			if (i % 2 == 0)
			{
				static const uint8_t uuid1[16] = {0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1,
				0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62};
				static const uint8_t uuid2[16] = {0x43, 0x50, 0xf3, 0x23, 0x75, 0x65, 0x4e, 0x59,
				0x87, 0x63, 0x4b, 0x1b, 0x83, 0xa0, 0xce, 0x0e};
				const char *tag = strlen(model_keys[k]) > 36 ? model_keys[k] + 37 : "";
				const uint8_t *uuid = k < 3 ? uuid1 : uuid2;
				char		text[CDC_GTID_TEXT];

				assert_int_equal(cdc_gtid_text_mysql(uuid, tag, strlen(tag), n, text), strlen(gtid));
				assert_string_equal(text, gtid);
			}
			m.has[k][n] = true;
			if (i % 10 == 0)
				assert_is_model(set, &m);
		}
		assert_is_model(set, &m);
		cdc_gtid_set_destroy(set);
	}
}

/* The longest text that there is fits its buffer. */
static void
test_longest_text(void **state)
{
	static const uint8_t uuid[16];
	char		text[CDC_GTID_TEXT];
	char		tag[CDC_GTID_TAG_MAX];

	(void) state;
	memset(tag, 'x', sizeof(tag));
	assert_true(cdc_gtid_text_mysql(uuid, tag, sizeof(tag), UINT64_MAX, text) < sizeof(text));
}

/* Millions of appends and a hostile order of ranges take no noticeable time. */
static void
test_speed(void **state)
{
	CdcGtidSet *set = make_set(CDC_MYSQL, U1 ":1-5:9," U2 ":1");
	CdcBuf		text = {0};
	CdcError	err;

	(void) state;
	for (int i = 10; i < 300000; i++)
	{
		char		gtid[80];

		snprintf(gtid, sizeof(gtid), U1 ":%d", i);
		assert_ok(cdc_gtid_set_add(set, gtid, &err), &err);
	}
	assert_prints(set, U1 ":1-5:9-299999," U2 ":1");
	cdc_gtid_set_destroy(set);

	cdc_buf_printf(&text, U1);
	for (int i = 400000; i > 0; i -= 2)
		cdc_buf_printf(&text, ":%d", i);
	set = make_set(CDC_MYSQL, unit_text(&text));
	assert_true(cdc_gtid_set_contains_gtid(set, U1 ":2"));
	assert_false(cdc_gtid_set_contains_gtid(set, U1 ":3"));
	cdc_gtid_set_destroy(set);

	cdc_buf_reset(&text);
	for (int i = 0; i < 50000; i++)
		cdc_buf_printf(&text, "%08x-0000-0000-0000-000000000000:1,", 50000 - i);
	set = make_set(CDC_MYSQL, unit_text(&text));
	assert_true(cdc_gtid_set_contains_gtid(set, "00000001-0000-0000-0000-000000000000:1"));
	cdc_gtid_set_destroy(set);

	cdc_buf_reset(&text);
	for (int i = 0; i < 200000; i++)
		cdc_buf_printf(&text, "%d-1-1,", 200000 - i);
	set = make_set(CDC_MARIADB, unit_text(&text));
	assert_true(cdc_gtid_set_contains_gtid(set, "77-1-1"));
	cdc_gtid_set_destroy(set);
	cdc_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mysql_text),
		cmocka_unit_test(test_mysql_bad_text),
		cmocka_unit_test(test_mariadb_text),
		cmocka_unit_test(test_mariadb_algebra),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_algebra_against_model),
		cmocka_unit_test(test_add_against_model),
		cmocka_unit_test(test_longest_text),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
