/*
 * binlog_map_schema.c
 *	  Tests of what a table map with full metadata says of a table.
 */
#include "unit.h"

#include "binlog/map_schema.h"
#include "binlog/table_map.h"

#define UTF8MB3_GENERAL_CI	33
#define WIRE_SET			248

/* Bytes of members that are no text of the column's character set are a question mark. */
static void
test_broken_members(void **state)
{
	static const CdcString members[] = {
		{"\xe9", 1}, {"b\xe9", 2}, {"\xe6\x97\xa5", 3}, {"\xe6\x97", 2}, {"\xf0\x9f\x98\x80", 4}, {"\xc0\x80", 2},
		{"", 0}
	};
	static const CdcString *const lists[] = {members};
	static const int nmembers[] = {7};
	static const uint8_t types[] = {WIRE_SET};
	static const uint16_t meta[] = {1};
	static const uint8_t nullable[] = {1};
	static const char *const names[] = {"s"};
	static const uint16_t collations[] = {UTF8MB3_GENERAL_CI};
	CdcTableMap map = {0};
	CdcCharsets charsets = {0};
	CdcArena   *arena = cdc_arena_create(0);
	const CdcTable *table;
	CdcError	err;

	(void) state;
	map.database = "d";
	map.table = "t";
	map.ncolumns = 1;
	map.types = types;
	map.meta = meta;
	map.nullable = nullable;
	map.names = names;
	map.collations = collations;
	map.nmembers = nmembers;
	map.members = lists;
	assert_ok(cdc_map_schema(&map, CDC_MARIADB, &charsets, arena, &table, &err), &err);
	assert_non_null(table);
	assert_int_equal(table->columns[0].nmembers, 7);
	assert_string_equal(table->columns[0].column_type,
						"set('?','?','\xe6\x97\xa5','?','\xf0\x9f\x98\x80','?','')");
	cdc_charsets_free(&charsets);
	cdc_arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_members)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
