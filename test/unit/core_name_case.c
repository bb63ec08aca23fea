/*
 * core_name_case.c
 *	  Tests of names that have no case.
 */
#include "unit.h"

#include "core/name_case.h"

#include <string.h>

static void
test_letters(void **state)
{
	static const char *const names[][2] = {
		{"", ""}, {"MixedCase_1$", "mixedcase_1$"}, {"\xC3\x84rzte", "\xC3\xA4rzte"}, {"STRA\xC3\x9F" "E", "stra\xC3\x9F" "e"},
		{"\xD0\x96\xD0\xB6\xD0\x81", "\xD0\xB6\xD0\xB6\xD1\x91"}, {"\xCE\xA3\xCF\x82", "\xCF\x83\xCF\x82"},
		{"\xC3\x97\xC3\xB7", "\xC3\x97\xC3\xB7"}, {"\xC4\x80\xC4\x81\xC5\xB8", "\xC4\x81\xC4\x81\xC3\xBF"},
		{"\xC4\xB0x", "ix"}, {"\xE2\x84\xAA\xE2\x84\xAB", "k\xC3\xA5"}, {"\xEF\xBC\xA1\xE6\x97\xA5", "\xEF\xBD\x81\xE6\x97\xA5"},
		{"\xF0\x9F\x98\x80" "A", "\xF0\x9F\x98\x80" "a"}, {"\xC3", "\xC3"}, {"\xC3" "A\xFF\xE2\x84" "B", "\xC3" "a\xFF\xE2\x84" "b"},
		{"\xE0\x81\x81" "C", "\xE0\x81\x81" "c"}
	};

	(void) state;
	for (size_t i = 0; i < lengthof(names); i++)
	{
		char		name[64];

		strcpy(name, names[i][0]);
		cdc_name_to_lower(name);
		assert_string_equal(name, names[i][1]);
		cdc_name_to_lower(name);
		assert_string_equal(name, names[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
