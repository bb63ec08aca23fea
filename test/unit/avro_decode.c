/*
 * avro_decode.c
 *	  Avro's bytes to JSON: what an independent encoder wrote (test/data/avro), each
 *	  message cut at each byte and with each byte changed, and what hostile bytes claim.
 */
#include "encoded.h"

#include "avro/avro.h"
#include "core/json_text.h"

typedef struct Bench
{
	CdcArena   *schemas;
	CdcArena   *scratch;
	CdcJsonText out;
	CdcError	err;
	CdcAvroSchema *schema;
} Bench;

static void
begin(Bench *b, const char *schema)
{
	CdcString	text = {schema, strlen(schema)};

	memset(b, 0, sizeof(*b));
	b->schemas = cdc_arena_create(0);
	b->scratch = cdc_arena_create(0);
	cdc_json_text_init(&b->out);
	assert_ok(cdc_avro_parse(b->schemas, b->scratch, &text, 1, &b->schema, &b->err), &b->err);
}

static void
end(Bench *b)
{
	cdc_json_text_free(&b->out);
	cdc_arena_destroy(b->schemas);
	cdc_arena_destroy(b->scratch);
}

static CdcStatus
decode(Bench *b, CdcAvroForm form, const void *bytes, size_t len)
{
	uint8_t    *exact = unit_exact(bytes, len);
	CdcStatus	st;

	cdc_arena_reset(b->scratch);
	cdc_json_text_reset(&b->out);
	st = cdc_avro_decode(b->schema, form, b->scratch, exact, len, &b->out.sink, &b->err);
	free(exact);
	unit_assert_told(st, &b->err);
	return st;
}

/* ---- what fastavro wrote ---- */

/* What is not the message: shorter, longer, changed.  Never a crash, never both too. */
static void
break_message(Bench *b, const uint8_t *bytes, size_t len)
{
	uint8_t    *changed = malloc(len + 1);

	for (size_t n = 0; n < len; n += len > 400 ? 37 : 1)
		assert_int_equal(decode(b, CDC_AVRO_READABLE, bytes, n), CDC_ERR_VALUE);
	memcpy(changed, bytes, len);
	changed[len] = 0;
	assert_int_equal(decode(b, CDC_AVRO_READABLE, changed, len + 1), CDC_ERR_VALUE);
	assert_non_null(strstr(b->err.detail, "more bytes follow"));
	for (size_t n = 0; n < len; n += len > 400 ? 37 : 1)
	{
		for (int bit = 0; bit < 8; bit++)
		{
			changed[n] = (uint8_t) (bytes[n] ^ 1 << bit);
			(void) decode(b, CDC_AVRO_READABLE, changed, len);
			(void) decode(b, CDC_AVRO_CONNECT, changed, len);
		}
		changed[n] = bytes[n];
	}
	free(changed);
}

static void
test_recorded(void **state)
{
	FILE	   *f = fopen(TEST_DATA "/avro/cases.tsv", "r");
	static char line[65536];
	static uint8_t bytes[32768];
	int			n = 0;

	(void) state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
	{
		char	   *hex = strchr(line, '\t');
		char	   *expected = strchr(hex + 1, '\t');
		size_t		len;
		Bench		b;

		*hex++ = *expected++ = '\0';
		expected[strcspn(expected, "\n")] = '\0';
		len = unit_unhex(hex, bytes);
		begin(&b, line);
		assert_ok(decode(&b, CDC_AVRO_READABLE, bytes, len), &b.err);
		assert_string_equal(unit_text(&b.out.buf), expected);
		assert_ok(decode(&b, CDC_AVRO_CONNECT, bytes, len), &b.err);
		break_message(&b, bytes, len);
		end(&b);
		n++;
	}
	fclose(f);
	assert_true(n > 200);
}

/* ---- hostile messages ---- */

static void
refused(const char *schema, const char *hex, CdcStatus status, const char *detail)
{
	uint8_t		bytes[256];
	Bench		b;

	begin(&b, schema);
	assert_int_equal(decode(&b, CDC_AVRO_READABLE, bytes, unit_unhex(hex, bytes)), status);
	if (strstr(b.err.detail, detail) == NULL && strstr(b.err.message, detail) == NULL)
		fail_msg("\"%s\" is not in \"%s\", \"%s\"", detail, b.err.message, b.err.detail);
	end(&b);
}

static void
test_hostile(void **state)
{
	(void) state;
	refused("\"long\"", "ffffffffffffffffff7f", CDC_ERR_VALUE, "more than 64 bits");
	refused("\"long\"", "80808080808080808080", CDC_ERR_VALUE, "more than 64 bits");
	refused("\"long\"", "80", CDC_ERR_VALUE, "a number goes beyond its end");
	refused("\"int\"", "8080808010", CDC_ERR_VALUE, "an int has more than 32 bits");
	refused("\"string\"", "01", CDC_ERR_VALUE, "a length is negative");
	refused("\"string\"", "0461", CDC_ERR_VALUE, "a value goes beyond its end");
	refused("\"bytes\"", "feffffffffffffffff01", CDC_ERR_VALUE, "a value goes beyond its end");
	refused("\"boolean\"", "02", CDC_ERR_VALUE, "neither 0 nor 1");
	refused("[\"null\",\"int\"]", "04", CDC_ERR_VALUE, "no branch of that number");
	refused("[\"null\",\"int\"]", "01", CDC_ERR_VALUE, "no branch of that number");
	refused("[]", "00", CDC_ERR_VALUE, "no branch of that number");
	refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", "02", CDC_ERR_VALUE,
			"no symbol of that number");
	/* five bytes that are 2^40 nulls, the smallest number of elements, blocks that claim a size */
	refused("{\"type\":\"array\",\"items\":\"null\"}", "8080808080804000", CDC_ERR_LIMIT,
			"more than 64 MB");
	refused("{\"type\":\"array\",\"items\":\"null\"}", "ffffffffffffffffff0100", CDC_ERR_LIMIT,
			"more than 64 MB");
	refused("{\"type\":\"array\",\"items\":\"int\"}", "01060200", CDC_ERR_VALUE,
			"size of a block goes beyond");
	refused("{\"type\":\"array\",\"items\":\"int\"}", "0102", CDC_ERR_VALUE, "goes beyond its end");
	refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}",
			"02020a61", CDC_ERR_VALUE, "At byte 3, field b:");
	refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"R\"}]}", "00",
			CDC_ERR_LIMIT, "more than 64 levels");
	refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"v\",\"type\":{\"type\":\"record\",\"name\":\"io.debezium.data.VariableScaleDecimal\",\"connect.name\":\"io.debezium.data.VariableScaleDecimal\",\"fields\":[{\"name\":\"scale\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}]}",
			"feffffff0f0202", CDC_ERR_VALUE, "4096 bytes or decimals");
}

/* A schema of 40 records, each with two of the next: 2^40 values from no byte. */
static void
test_small_bomb(void **state)
{
	CdcBuf		text = {0};
	Bench		b;

	(void) state;
	for (int i = 0; i < 40; i++)
		cdc_buf_printf(&text, "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
	cdc_buf_printf(&text, "\"null\"");
	for (int i = 39; i >= 0; i--)
		cdc_buf_printf(&text, i == 39 ? "}]}" : "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i + 1);
	begin(&b, unit_text(&text));
	assert_int_equal(decode(&b, CDC_AVRO_READABLE, "", 0), CDC_ERR_LIMIT);
	end(&b);
	cdc_buf_free(&text);
}

/* Names of 60 kB at each of a million elements, which take no bytes. */
static void
test_long_names(void **state)
{
	CdcBuf		text = {0};
	Bench		b;

	(void) state;
	cdc_buf_printf(&text, "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"");
	for (int i = 0; i < 60000; i++)
		cdc_buf_printf(&text, "n");
	cdc_buf_printf(&text, "\",\"type\":\"null\"}]}}");
	begin(&b, unit_text(&text));
	assert_int_equal(decode(&b, CDC_AVRO_READABLE, "\x80\x89\x7a", 3), CDC_ERR_LIMIT);
	assert_true(b.out.buf.len < (size_t) 70 * 1024 * 1024);
	end(&b);
	cdc_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_small_bomb),
		cmocka_unit_test(test_long_names)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
