/*
 * binlog_json.c
 *	  Tests of binary JSON: depth, documents that unfold without end, order of
 *	  keys, partial updates; values of types that JSON does not have are printed
 *	  as the server prints them.
 */
#include "unit.h"

#include "binlog/json_binary.h"
#include "core/json_text.h"

/* A growing document. */
typedef struct Doc
{
	uint8_t		bytes[300000];
	size_t		len;
} Doc;

static Doc	doc;

static void
put(const void *data, size_t len)
{
	memcpy(doc.bytes + doc.len, data, len);
	doc.len += len;
}

static void
put_le(uint64_t v, int nbytes)
{
	for (int i = 0; i < nbytes; i++)
	{
		uint8_t		b = (uint8_t) (v >> (8 * i));

		put(&b, 1);
	}
}

/* The document's text, or NULL and *st. */
static const char *
text_of(const uint8_t *data, size_t len, CdcStatus *st)
{
	static CdcJsonText t;
	static bool made = false;
	uint8_t    *copy = malloc(len + 1);
	CdcError	err;

	if (!made)
		cdc_json_text_init(&t);
	made = true;
	cdc_json_text_reset(&t);
	memcpy(copy, data, len);
	*st = cdc_json_binary_emit(copy, len, &t.sink, &err);
	free(copy);
	return *st == CDC_OK ? unit_text(&t.buf) : NULL;
}

/* Arrays in arrays; the innermost one is empty. */
static void
make_nested(int depth)
{
	doc.len = 0;
	put_le(CDC_JB_SMALL_ARRAY, 1);
	for (int i = 1; i < depth; i++)
	{
		put_le(1, 2);
		put_le((uint64_t) (depth - i) * 7 + 4, 2);	/* size of this one */
		put_le(CDC_JB_SMALL_ARRAY, 1);
		put_le(7, 2);
	}
	put_le(0, 2);
	put_le(4, 2);
}

static void
test_depth(void **state)
{
	CdcStatus	st;
	const char *text;

	(void) state;
	make_nested(CDC_JSON_MAX_DEPTH);
	text = text_of(doc.bytes, doc.len, &st);
	assert_int_equal(st, CDC_OK);
	assert_int_equal(strlen(text), 2 * CDC_JSON_MAX_DEPTH);
	make_nested(CDC_JSON_MAX_DEPTH + 1);
	assert_null(text_of(doc.bytes, doc.len, &st));
	assert_int_equal(st, CDC_ERR_LIMIT);
}

/* Each array holds the next one twice: 2^20 strings out of some hundred bytes. */
static void
test_overlap(void **state)
{
	CdcStatus	st;
	int			levels = 20;

	(void) state;
	doc.len = 0;
	put_le(CDC_JB_SMALL_ARRAY, 1);
	for (int i = 0; i < levels; i++)
	{
		size_t		rest = (size_t) (levels - i) * 10 + 5;

		put_le(2, 2);
		put_le(rest, 2);
		for (int k = 0; k < 2; k++)
		{
			put_le(i + 1 < levels ? CDC_JB_SMALL_ARRAY : CDC_JB_STRING, 1);
			put_le(10, 2);
		}
	}
	put("\4abcd", 5);
	assert_null(text_of(doc.bytes, doc.len, &st));
	assert_int_equal(st, CDC_ERR_CORRUPT);
}

/* {"<key1>": 1, "<key2>": 1} of one-letter keys. */
static void
make_object(char key1, char key2)
{
	doc.len = 0;
	put_le(CDC_JB_SMALL_OBJECT, 1);
	put_le(2, 2);
	put_le(20, 2);
	put_le(18, 2);
	put_le(1, 2);
	put_le(19, 2);
	put_le(1, 2);
	for (int i = 0; i < 2; i++)
	{
		put_le(CDC_JB_INT16, 1);
		put_le(1, 2);
	}
	put(&key1, 1);
	put(&key2, 1);
}

static void
test_keys(void **state)
{
	CdcStatus	st;

	(void) state;
	make_object('a', 'b');
	assert_string_equal(text_of(doc.bytes, doc.len, &st), "{\"a\":1,\"b\":1}");
	make_object('b', 'a');
	assert_null(text_of(doc.bytes, doc.len, &st));
	assert_int_equal(st, CDC_ERR_CORRUPT);
	make_object('a', 'a');		/* a key twice */
	assert_null(text_of(doc.bytes, doc.len, &st));
	make_object('a', (char) 0xff);	/* no UTF-8 */
	assert_null(text_of(doc.bytes, doc.len, &st));
}

/* Applies differences given as text: operation, path, value (bytes). */
static const char *
patched(int n, const int *operations, const char *const *paths, const char *const *values,
		const size_t *value_lens, CdcStatus *st)
{
	static uint8_t diff[200000];
	static char text[400000];
	size_t		len = 0;
	CdcArena   *arena = cdc_arena_create(0);
	CdcString	result;
	CdcError	err;
	const char *found = NULL;

	for (int i = 0; i < n; i++)
	{
		diff[len++] = (uint8_t) operations[i];
		diff[len++] = (uint8_t) strlen(paths[i]);
		memcpy(diff + len, paths[i], strlen(paths[i]));
		len += strlen(paths[i]);
		if (operations[i] == 2)
			continue;
		if (value_lens[i] > 250)
		{
			diff[len++] = 253;
			for (int k = 0; k < 3; k++)
				diff[len++] = (uint8_t) (value_lens[i] >> (8 * k));
		}
		else
			diff[len++] = (uint8_t) value_lens[i];
		memcpy(diff + len, values[i], value_lens[i]);
		len += value_lens[i];
	}
	*st = cdc_json_apply_diff((CdcString) {(const char *) doc.bytes, doc.len},
							  (CdcString) {(const char *) diff, len}, arena, &result, &err);
	if (*st == CDC_OK)
	{
		found = text_of((const uint8_t *) result.data, result.len, st);
		if (found != NULL)
			found = strcpy(text, found);
	}
	cdc_arena_destroy(arena);
	return found;
}

#define PATCH1(op, path, value, len, st) \
	patched(1, (const int[]) {op}, (const char *const[]) {path}, \
			(const char *const[]) {value}, (const size_t[]) {len}, st)

static void
test_partial(void **state)
{
	static char large[70004];
	CdcStatus	st;
	const char *text;

	(void) state;
	make_object('a', 'b');
	assert_string_equal(PATCH1(0, "$.a", "\5\7\0", 3, &st), "{\"a\":7,\"b\":1}");
	assert_string_equal(PATCH1(0, "$.\"a\"", "\14\2xy", 4, &st), "{\"a\":\"xy\",\"b\":1}");
	assert_string_equal(PATCH1(2, "$.a", "", 0, &st), "{\"b\":1}");
	assert_string_equal(PATCH1(1, "$.\"\\u00e9\"", "\4\1", 2, &st), "{\"a\":1,\"b\":1,\"é\":true}");
	assert_string_equal(PATCH1(1, "$.\"\\ud83d\\ude00\\n\"", "\4\0", 2, &st),
						"{\"a\":1,\"b\":1,\"😀\\n\":null}");
	assert_string_equal(PATCH1(0, "$", "\4\2", 2, &st), "false");
	/* keys are sorted by length, then bytes */
	assert_string_equal(PATCH1(1, "$.aa", "\4\1", 2, &st), "{\"a\":1,\"b\":1,\"aa\":true}");
	assert_string_equal(PATCH1(1, "$.\"\"", "\4\1", 2, &st), "{\"\":true,\"a\":1,\"b\":1}");

	/* several, one upon the other: {"a": [], ...}, then elements */
	text = patched(5, (const int[]) {0, 1, 1, 1, 2},
				   (const char *const[]) {"$.a", "$.a[0]", "$.a[9]", "$.a[0]", "$.b"},
				   (const char *const[]) {"\2\0\0\4\0", "\5\1\0", "\7\0\0\1\0", "\4\1", ""},
				   (const size_t[]) {5, 3, 5, 2, 0}, &st);
	assert_string_equal(text, "{\"a\":[true,1,65536]}");

	/* a container grows beyond 64 KB: it takes the large form */
	large[0] = CDC_JB_STRING;
	large[1] = (char) 0xf0;
	large[2] = (char) 0xa2;
	large[3] = 0x04;			/* 0x70 + 0x22 * 128 + 4 * 16384 = 70000 */
	memset(large + 4, 'x', 70000);
	text = PATCH1(0, "$.b", large, sizeof(large), &st);
	assert_non_null(text);
	assert_int_equal(strlen(text), strlen("{\"a\":1,\"b\":\"\"}") + 70000);

	/* what does not fit */
	assert_null(PATCH1(0, "$.c", "\4\1", 2, &st));
	assert_int_equal(st, CDC_ERR_CORRUPT);
	assert_null(PATCH1(2, "$.c", "", 0, &st));
	assert_null(PATCH1(1, "$.a", "\4\1", 2, &st));
	assert_null(PATCH1(0, "$.a.b", "\4\1", 2, &st));
	assert_null(PATCH1(0, "$[0]", "\4\1", 2, &st));
	assert_null(PATCH1(1, "$", "\4\1", 2, &st));
	assert_null(PATCH1(0, "$.", "\4\1", 2, &st));
	assert_null(PATCH1(0, "$.\"a", "\4\1", 2, &st));
	assert_null(PATCH1(0, "$[99999999999]", "\4\1", 2, &st));
	assert_null(PATCH1(3, "$.a", "\4\1", 2, &st));
	assert_null(PATCH1(0, "$.a", "", 0, &st));
	assert_int_equal(st, CDC_ERR_CORRUPT);
}

/* The JSON text of a document that is nothing but an opaque value. */
static void
assert_opaque(uint8_t type, const uint8_t *bytes, size_t len, const char *json)
{
	uint8_t		doc[300];
	CdcJsonText out;
	CdcError	err;

	assert_true(len < 128);		/* one byte of length */
	doc[0] = 0x0f;
	doc[1] = type;
	doc[2] = (uint8_t) len;
	if (len > 0)
		memcpy(doc + 3, bytes, len);
	cdc_json_text_init(&out);
	assert_ok(cdc_json_binary_emit(doc, len + 3, &out.sink, &err), &err);
	assert_string_equal(unit_text(&out.buf), json);
	cdc_json_text_free(&out);
}

/* As MySQL 9.7.4 answers: JSON_ARRAY(CAST(x'00ff' AS BINARY)) and so on. */
static void
test_opaque(void **state)
{
	uint8_t		as[100];

	(void) state;
	memset(as, 'a', sizeof(as));
	assert_opaque(15, (const uint8_t *) "", 0, "\"base64:type15:\"");
	assert_opaque(15, (const uint8_t *) "\x00\xff", 2, "\"base64:type15:AP8=\"");
	assert_opaque(252, (const uint8_t *) "y", 1, "\"base64:type252:eQ==\"");
	assert_opaque(16, (const uint8_t *) "\x00\x01", 2, "\"base64:type16:AAE=\"");
#define LINE "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
	assert_opaque(15, as, 57, "\"base64:type15:" LINE "\"");
	assert_opaque(15, as, 58, "\"base64:type15:" LINE "\\nYQ==\"");
	assert_opaque(15, as, 100, "\"base64:type15:" LINE "\\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ==\"");
}

/* Decimals keep their scale; times have six digits. */
static void
test_typed(void **state)
{
	/* decimal(20,10) of -0.000001: precision, scale, five bytes each */
	static const uint8_t decimal[] = {20, 10, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc, 0x17, 0xff};
	static const uint8_t date[] = {0, 0, 0, 0, 0, 0xba, 0xb2, 0x19};

	(void) state;
	assert_opaque(246, decimal, sizeof(decimal), "-0.0000010000");
	assert_opaque(10, date, sizeof(date), "\"2024-02-29\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_typed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
