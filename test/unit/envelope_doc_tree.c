/*
 * envelope_doc_tree.c
 *	  Objects of any number of members against a plain list of them: the last one of a
 *	  key counts, and stands where it came.
 */
#include "unit.h"

#include <time.h>

#include "envelope/doc_tree.h"

#define MAX_MEMBERS	3000

typedef struct Model
{
	int			n;
	int			keys[MAX_MEMBERS];
	int			values[MAX_MEMBERS];
} Model;

static void
put(Model *model, int key, int value)
{
	for (int i = 0; i < model->n; i++)
		if (model->keys[i] == key)
		{
			model->n--;
			memmove(&model->keys[i], &model->keys[i + 1], sizeof(int) * (size_t) (model->n - i));
			memmove(&model->values[i], &model->values[i + 1], sizeof(int) * (size_t) (model->n - i));
			break;
		}
	model->keys[model->n] = key;
	model->values[model->n++] = value;
}

static void
check(const CdcDoc *doc, const Model *model, int nkeys)
{
	CdcDocIter	iter;
	CdcString	key;
	CdcDoc		value;
	int64_t		v;
	char		name[16];
	int			i = 0;

	assert_int_equal(cdc_doc_count(doc), model->n);
	cdc_doc_begin(doc, &iter);
	while (cdc_doc_next(&iter, &key, &value))
	{
		assert_true(i < model->n);
		snprintf(name, sizeof(name), "k%d", model->keys[i]);
		assert_true(cdc_string_is(key, name) && cdc_doc_int64(&value, &v) && v == model->values[i]);
		assert_true(cdc_doc_find(doc, name, &value) && cdc_doc_int64(&value, &v) && v == model->values[i]);
		i++;
	}
	assert_int_equal(i, model->n);
	for (int k = 0; k < nkeys; k++)
	{
		bool		there = false;

		for (i = 0; i < model->n; i++)
			there |= model->keys[i] == k;
		snprintf(name, sizeof(name), "k%d", k);
		assert_int_equal(cdc_doc_find(doc, name, &value), there);
	}
}

static void
test_members(void **state)
{
	static Model model;
	UnitRandom	random = {4711};
	CdcArena   *arena = cdc_arena_create(0);
	char	   *text = malloc(MAX_MEMBERS * 24 + 16);
	CdcError	err;
	CdcDoc		doc;

	(void) state;
	for (int round = 0; round < 200; round++)
	{
		int			n = (int) (unit_random(&random) % (round % 20 == 0 ? MAX_MEMBERS : 150));
		int			nkeys = 1 + (int) (unit_random(&random) % (unsigned) (n + 1));
		size_t		len = 0;

		model.n = 0;
		len += (size_t) sprintf(text + len, "{");
		for (int i = 0; i < n; i++)
		{
			int			key = (int) (unit_random(&random) % (unsigned) nkeys);

			len += (size_t) sprintf(text + len, "%s\"k%d\":%d", i > 0 ? "," : "", key, i);
			put(&model, key, i);
		}
		len += (size_t) sprintf(text + len, "}");
		cdc_arena_reset(arena);
		assert_ok(cdc_doc_parse(arena, text, len, &doc, &err), &err);
		check(&doc, &model, nkeys);
	}
	free(text);
	cdc_arena_destroy(arena);
}

/* An object of a few megabytes costs no more than its bytes do. */
static void
test_time(void **state)
{
	const int	n = 200000;
	CdcArena   *arena = cdc_arena_create(0);
	char	   *text = malloc((size_t) n * 24 + 16);
	size_t		len = (size_t) sprintf(text, "{");
	clock_t		began;
	CdcError	err;
	CdcDoc		doc;

	(void) state;
	for (int i = 0; i < n; i++)
		len += (size_t) sprintf(text + len, "%s\"name%d\":%d", i > 0 ? "," : "", i, i);
	len += (size_t) sprintf(text + len, "}");
	began = clock();
	assert_ok(cdc_doc_parse(arena, text, len, &doc, &err), &err);
	/* one after the other would be twenty thousand millions of comparisons */
	assert_true(clock() - began < 10 * CLOCKS_PER_SEC);
	assert_int_equal(cdc_doc_count(&doc), n);
	free(text);
	cdc_arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
