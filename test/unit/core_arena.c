/*
 * core_arena.c
 *	  Tests of the arena and the byte buffer.
 */
#include "unit.h"

/* Allocations of any size are aligned, apart from each other and writable. */
static void
test_alloc(void **state)
{
	enum {N = 2000};
	CdcArena   *arena = cdc_arena_create(0);
	UnitRandom	random = {.state = 1};
	unsigned char *p[N];
	size_t		size[N];

	(void) state;
	for (int round = 0; round < 3; round++)
	{
		for (int i = 0; i < N; i++)
		{
			size[i] = unit_random_below(&random, i % 50 == 0 ? 100000 : 200);
			p[i] = cdc_arena_alloc(arena, size[i]);
			assert_non_null(p[i]);
			assert_int_equal((uintptr_t) p[i] % 16, 0);
			memset(p[i], i & 0xFF, size[i]);
		}
		for (int i = 0; i < N; i++)
		{
			for (size_t j = 0; j < size[i]; j++)
				assert_int_equal(p[i][j], i & 0xFF);
		}
		cdc_arena_reset(arena);
		assert_int_equal(cdc_arena_used(arena), 0);
	}
	cdc_arena_destroy(arena);
	cdc_arena_destroy(NULL);
}

static void
test_zalloc_and_strndup(void **state)
{
	CdcArena   *arena = cdc_arena_create(0);
	char	   *s;

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		unsigned char *p = cdc_arena_zalloc(arena, 100);

		for (int j = 0; j < 100; j++)
			assert_int_equal(p[j], 0);
		memset(p, 0xFF, 100);
		if (i == 50)
			cdc_arena_reset(arena);
	}
	s = cdc_arena_strndup(arena, "abc\0def", 7);
	assert_memory_equal(s, "abc\0def", 8);
	assert_string_equal(cdc_arena_strndup(arena, NULL, 0), "");
	cdc_arena_destroy(arena);
}

/* The limit holds for what is held at once; after a reset it is all free. */
static void
test_limit(void **state)
{
	size_t		limits[] = {100, 1000, 8192, 100000, 3000000};

	(void) state;
	for (size_t l = 0; l < lengthof(limits); l++)
	{
		CdcArena   *arena = cdc_arena_create(limits[l]);

		for (int round = 0; round < 3; round++)
		{
			size_t		sum = 0;

			while (cdc_arena_alloc(arena, 48) != NULL)
			{
				sum += 48;
				assert_true(sum <= limits[l]);
			}
			/* most of the limit is usable */
			assert_true(sum >= limits[l] / 2 - 48);
			assert_true(cdc_arena_used(arena) <= limits[l]);
			cdc_arena_reset(arena);

			/* one large allocation after many small ones */
			assert_non_null(cdc_arena_alloc(arena, limits[l] - 64));
			assert_null(cdc_arena_alloc(arena, limits[l] / 2 + 64));
			cdc_arena_reset(arena);
		}
		assert_null(cdc_arena_alloc(arena, limits[l] + 1));
		cdc_arena_destroy(arena);
	}
}

static void
test_absurd_sizes(void **state)
{
	CdcArena   *arena = cdc_arena_create(1 << 20);
	CdcBuf		buf = {0};

	(void) state;
	for (size_t i = 0; i < 100; i++)
	{
		assert_null(cdc_arena_alloc(arena, SIZE_MAX - i));
		assert_null(cdc_arena_zalloc(arena, SIZE_MAX - i));
		assert_null(cdc_arena_strndup(arena, "", SIZE_MAX - i));
	}
	assert_true(cdc_buf_append(&buf, "abc", 3));
	assert_false(cdc_buf_reserve(&buf, SIZE_MAX));
	assert_false(cdc_buf_reserve(&buf, SIZE_MAX - 3));
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.data, "abc", 3);
	cdc_buf_free(&buf);
	cdc_arena_destroy(arena);
}

static void
test_buffer(void **state)
{
	CdcBuf		buf = {0};
	char		expected[30000];
	size_t		len = 0;

	(void) state;
	for (int i = 0; i < 3000; i++)
	{
		char		text[16];
		int			n = snprintf(text, sizeof(text), "%d,", i);

		memcpy(expected + len, text, (size_t) n);
		len += (size_t) n;
		if (i % 2 == 0)
			assert_true(cdc_buf_append(&buf, text, (size_t) n));
		else
			assert_true(cdc_buf_printf(&buf, "%d%c", i, ','));
		assert_int_equal(buf.len, len);
	}
	assert_memory_equal(buf.data, expected, len);
	cdc_buf_reset(&buf);
	assert_int_equal(buf.len, 0);
	assert_true(cdc_buf_append(&buf, NULL, 0));
	assert_string_equal(unit_text(&buf), "");
	cdc_buf_free(&buf);
	assert_null(buf.data);
	cdc_buf_free(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_zalloc_and_strndup),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_absurd_sizes),
		cmocka_unit_test(test_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
