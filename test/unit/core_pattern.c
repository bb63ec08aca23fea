/*
 * core_pattern.c
 *	  Tests of table patterns, also against a plain recursive matcher.
 */
#include "unit.h"

#include "core/pattern.h"

static void
test_check(void **state)
{
	static const char *const good[] = {"a.b", "*.*", "a.b.c", "?.*", "a\\.b.c", "\\\\.x", ".b", "\xC3\xA9.x"};
	static const char *const bad[] = {"", "a", "a.", ".", "a\\.b", "a.b\\", "\\", "*"};
	CdcError	err;

	(void) state;
	for (size_t i = 0; i < lengthof(good); i++)
		assert_ok(cdc_pattern_check(good[i], &err), &err);
	for (size_t i = 0; i < lengthof(bad); i++)
	{
		assert_int_equal(cdc_pattern_check(bad[i], &err), CDC_ERR_VALUE);
		assert_string_not_equal(err.detail, "");
	}
}

static void
test_database(void **state)
{
	(void) state;
	assert_true(cdc_pattern_match_database("shop.nope", "shop"));
	assert_true(cdc_pattern_match_database("s*.nope", "shop"));
	assert_true(cdc_pattern_match_database("a\\.b.c", "a.b"));
	assert_true(cdc_pattern_match_database("mysql.x", "mysql"));
	assert_false(cdc_pattern_match_database("shop.nope", "shop2"));
	assert_false(cdc_pattern_match_database("*.*", "mysql"));
	assert_false(cdc_pattern_match_database("shop", "shop"));
}

static void
test_spells(void **state)
{
	(void) state;
	assert_true(cdc_pattern_spells("a.b.c", "a", "b.c"));
	assert_true(cdc_pattern_spells("a.b.c", "a.b", "c"));
	assert_true(cdc_pattern_spells("a.b.c", "", "a.b.c"));
	assert_true(cdc_pattern_spells("a\\.b\\*.c", "a.b*", "c"));
	assert_false(cdc_pattern_spells("a.b*.c", "a.b*", "c"));
	assert_false(cdc_pattern_spells("a.?", "a", "b"));
	assert_false(cdc_pattern_spells("a.*", "a", "*"));
	assert_false(cdc_pattern_spells("a.b", "a", "bc"));
	assert_false(cdc_pattern_spells("a.bc", "a", "b"));
	assert_false(cdc_pattern_spells("a", "a", "b"));
	assert_false(cdc_pattern_spells("", "", "b"));
	assert_true(cdc_pattern_match(".b", "", "b"));
	assert_false(cdc_pattern_match(".b", "b", "b"));
}

static void
test_match(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *database;
		const char *table;
		bool		match;
	}			cases[] = {
		{"shop.orders", "shop", "orders", true},
		{"shop.orders", "shop", "order", false},
		{"shop.orders", "Shop", "orders", false},
		{"shop.order_?", "shop", "order_1", true},
		{"shop.order_?", "shop", "order_12", false},
		{"shop.order_?", "shop", "order_\xF0\x9F\x98\x80", true},
		{"shop.??", "shop", "\xC3\xA9\xE2\x82\xAC", true},
		{"shop.*\xA9", "shop", "\xC3\xA9", false},	/* not inside a character */
		{"shop.*", "shop", "", true},
		{"*.*", "a.b", "c", true},
		{"a.b.c", "a", "b.c", true},
		{"a.b.c", "a.b", "c", false},
		{"a\\.b.c", "a.b", "c", true},
		{"a.b\\*", "a", "b*", true},
		{"a.b\\*", "a", "bc", false},
		{"a.\\?", "a", "x", false},
		{"a.\\\\", "a", "\\", true},
		{"a.*b*c", "a", "xbybzc", true},
		{"a.*b*c", "a", "xbybz", false},
		{"a.**", "a", "x", true},
		{"a.*?", "a", "", false},
		{"*.*", "mysql", "user", false},
		{"m*.*", "mysql", "user", false},
		{"mysq?.user", "mysql", "user", false},
		{"mysql.*", "mysql", "user", true},
		{"mysql.user", "mysql", "user", true},
		{"*.*", "sys", "x", false},
		{"*.*", "information_schema", "x", false},
		{"*.*", "performance_schema", "x", false},
		{"*.*", "mysql2", "x", true},
		{"nodot", "nodot", "", false},
	};

	(void) state;
	for (size_t i = 0; i < lengthof(cases); i++)
	{
		if (cdc_pattern_match(cases[i].pattern, cases[i].database, cases[i].table) != cases[i].match)
			fail_msg("%s on %s . %s", cases[i].pattern, cases[i].database, cases[i].table);
	}
}

static void
test_wanted(void **state)
{
	static const char *const patterns[] = {"shop.*", "mysql.user"};
	static const char *const exclude[] = {"*.tmp_*", "*.user"};

	(void) state;
	assert_true(cdc_pattern_wanted(patterns, 2, exclude, 2, "shop", "orders"));
	assert_false(cdc_pattern_wanted(patterns, 2, exclude, 2, "shop", "tmp_1"));
	assert_false(cdc_pattern_wanted(patterns, 2, exclude, 2, "mysql", "user"));
	assert_true(cdc_pattern_wanted(patterns, 2, exclude, 1, "mysql", "user"));
	assert_false(cdc_pattern_wanted(patterns, 0, NULL, 0, "shop", "orders"));
	assert_false(cdc_pattern_wanted(patterns, 2, NULL, 0, "other", "orders"));
}

/* What the rules say, without any thought of speed; ASCII only. */
static bool
model(const char *p, const char *s)
{
	if (*p == '\0')
		return *s == '\0';
	if (*p == '*')
		return model(p + 1, s) || (*s != '\0' && model(p, s + 1));
	if (*s == '\0')
		return false;
	if (*p == '\\')
		return p[1] == *s && model(p + 2, s + 1);
	return (*p == '?' || *p == *s) && model(p + 1, s + 1);
}

static void
test_against_model(void **state)
{
	static const char alphabet[] = "ab*?\\";
	UnitRandom	random = {.state = 5};
	int			matches = 0;

	(void) state;
	for (int i = 0; i < 200000; i++)
	{
		char		pattern[16] = "d.";
		char		name[12];
		size_t		n = 2;
		bool		expected;

		for (uint64_t k = 1 + unit_random_below(&random, 6); k > 0; k--)
		{
			char		c = alphabet[unit_random_below(&random, 5)];

			pattern[n++] = c;
			if (c == '\\')
				pattern[n++] = alphabet[unit_random_below(&random, 5)];
		}
		pattern[n] = '\0';
		n = unit_random_below(&random, 8);
		for (size_t k = 0; k < n; k++)
			name[k] = alphabet[unit_random_below(&random, k == 3 ? 5 : 2)];
		name[n] = '\0';
		expected = model(pattern + 2, name);
		if (cdc_pattern_match(pattern, "d", name) != expected)
			fail_msg("%s on %s", pattern, name);
		if (cdc_pattern_match_name(pattern + 2, name) != expected)
			fail_msg("%s on the whole name %s", pattern + 2, name);
		matches += expected;
	}
	assert_true(matches > 10000);
}

/* No pattern makes matching slow. */
static void
test_many_stars(void **state)
{
	char		pattern[3000] = "d.";
	char		name[3000];

	(void) state;
	for (size_t i = 2; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 3);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 2] = 'b';
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 20; i++)
		assert_false(cdc_pattern_match(pattern, "d", name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_database), cmocka_unit_test(test_spells),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_many_stars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
