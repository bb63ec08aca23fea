/*
 * avro_schema.c
 *	  Schemas of Avro: what is refused and why, references to other texts, and what Kafka
 *	  Connect would say of them.
 */
#include "unit.h"

#include "avro/avro.h"
#include "core/json_text.h"

typedef struct Bench
{
	CdcArena   *arena;
	CdcArena   *scratch;
	CdcJsonText out;
	CdcError	err;
	CdcAvroSchema *schema;
} Bench;

static void
begin(Bench *b)
{
	memset(b, 0, sizeof(*b));
	b->arena = cdc_arena_create(0);
	b->scratch = cdc_arena_create(0);
	cdc_json_text_init(&b->out);
}

static void
end(Bench *b)
{
	cdc_json_text_free(&b->out);
	cdc_arena_destroy(b->arena);
	cdc_arena_destroy(b->scratch);
}

static CdcStatus
parse(Bench *b, const char *text)
{
	CdcString	s = {text, strlen(text)};

	return cdc_avro_parse(b->arena, b->scratch, &s, 1, &b->schema, &b->err);
}

static void
refused(const char *text, CdcStatus status, const char *why)
{
	Bench		b;

	begin(&b);
	assert_int_equal(parse(&b, text), status);
	if (strstr(b.err.message, why) == NULL && strstr(b.err.detail, why) == NULL)
		fail_msg("\"%s\" is not in \"%s\", \"%s\"", why, b.err.message, b.err.detail);
	end(&b);
}

static void
test_refused(void **state)
{
	CdcBuf		deep = {0};

	(void) state;
	refused("", CDC_ERR_VALUE, "not a valid Avro schema");
	refused("{", CDC_ERR_VALUE, "at byte 1");
	refused("7", CDC_ERR_VALUE, "neither a name, nor an object, nor a union");
	refused("\"nothing\"", CDC_ERR_VALUE, "no definition of the type \"nothing\"");
	refused("{}", CDC_ERR_VALUE, "An object has no type");
	refused("{\"type\":\"record\"}", CDC_ERR_VALUE, "has no name");
	refused("{\"type\":\"record\",\"name\":\"R\"}", CDC_ERR_VALUE, "no fields in the record \"R\"");
	refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", CDC_ERR_VALUE, "no type of the field \"a\"");
	refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"type\":\"int\"}]}", CDC_ERR_VALUE, "field without a name");
	refused("{\"type\":\"enum\",\"name\":\"E\"}", CDC_ERR_VALUE, "no symbols");
	refused("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[1]}", CDC_ERR_VALUE, "symbol that is no string");
	refused("{\"type\":\"fixed\",\"name\":\"F\"}", CDC_ERR_VALUE, "no size");
	refused("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", CDC_ERR_VALUE, "no size");
	refused("{\"type\":\"array\"}", CDC_ERR_VALUE, "no type of the elements");
	refused("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
			"{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"L\","
			"\"fields\":[{\"name\":\"c\",\"type\":[\"null\",\"strin\"]}]}}}]}", CDC_ERR_VALUE,
			"There is no definition of the type \"strin\" (field \"b.c\").");
	refused("[[\"int\"]]", CDC_ERR_VALUE, "union stands directly in another");
	refused("[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}]",
			CDC_ERR_VALUE, "two definitions of \"F\"");
	for (int i = 0; i < 500; i++)
		cdc_buf_printf(&deep, "{\"type\":\"array\",\"items\":");
	refused(unit_text(&deep), CDC_ERR_VALUE, "not a valid");
	cdc_buf_printf(&deep, "\"int\"");
	for (int i = 0; i < 500; i++)
		cdc_buf_printf(&deep, "}");
	refused(unit_text(&deep), CDC_ERR_LIMIT, "levels deep");
	cdc_buf_free(&deep);
}

/* A schema that has no room in its arena is refused, wherever that ends. */
static void
test_no_room(void **state)
{
	const char *text = "{\"type\":\"record\",\"name\":\"n.R\",\"connect.parameters\":{\"a\":\"b\"},\"fields\":["
		"{\"name\":\"a\",\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}]},"
		"{\"name\":\"b\",\"type\":{\"type\":\"map\",\"values\":\"E\"}}]}";
	CdcString	s = {text, strlen(text)};
	bool		fits = false;

	(void) state;
	for (size_t limit = 16; limit < 1000000 && !fits; limit += limit < 4096 ? 16 : 4096)
	{
		Bench		b;
		CdcStatus	st;

		begin(&b);
		cdc_arena_destroy(b.arena);
		b.arena = cdc_arena_create(limit);
		st = cdc_avro_parse(b.arena, b.scratch, &s, 1, &b.schema, &b.err);
		fits = st == CDC_OK;
		if (!fits)
			assert_int_equal(st, CDC_ERR_LIMIT);
		end(&b);
	}
	assert_true(fits);
}

static void
test_references(void **state)
{
	const char *texts[] = {
		"{\"type\":\"enum\",\"name\":\"x.Color\",\"symbols\":[\"RED\",\"GREEN\"]}",
		"{\"type\":\"record\",\"name\":\"x.Thing\",\"fields\":[{\"name\":\"c\",\"type\":\"Color\"}]}",
		"{\"type\":\"record\",\"name\":\"y.Box\",\"fields\":[{\"name\":\"t\",\"type\":\"x.Thing\"},{\"name\":\"c\",\"type\":\"x.Color\"}]}"
	};
	CdcString	s[3];
	Bench		b;

	(void) state;
	begin(&b);
	for (int i = 0; i < 3; i++)
		s[i] = (CdcString) {texts[i], strlen(texts[i])};
	assert_ok(cdc_avro_parse(b.arena, b.scratch, s, 3, &b.schema, &b.err), &b.err);
	assert_ok(cdc_avro_decode(b.schema, CDC_AVRO_READABLE, b.scratch, (const uint8_t *) "\2\0", 2,
							  &b.out.sink, &b.err), &b.err);
	assert_string_equal(unit_text(&b.out.buf), "{\"t\":{\"c\":\"GREEN\"},\"c\":\"RED\"}");
	/* without the first one */
	assert_int_equal(cdc_avro_parse(b.arena, b.scratch, s + 1, 2, &b.schema, &b.err), CDC_ERR_VALUE);
	assert_non_null(strstr(b.err.detail, "no definition of the type \"Color\""));
	end(&b);
}

static void
connect_is(const char *schema, const char *expected)
{
	Bench		b;

	begin(&b);
	assert_ok(parse(&b, schema), &b.err);
	assert_ok(cdc_avro_emit_connect(b.schema, &b.out.sink), &b.err);
	assert_string_equal(unit_text(&b.out.buf), expected);
	end(&b);
}

static void
test_connect(void **state)
{
	(void) state;
	connect_is("[\"null\",\"int\"]", "{\"type\":\"int32\",\"optional\":true}");
	connect_is("{\"type\":\"int\",\"connect.type\":\"int16\"}", "{\"type\":\"int16\",\"optional\":false}");
	connect_is("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10,\"scale\":2,"
			   "\"connect.name\":\"org.apache.kafka.connect.data.Decimal\",\"connect.parameters\":{\"scale\":\"2\",\"x\":\"y\"}}",
			   "{\"type\":\"bytes\",\"optional\":false,\"name\":\"org.apache.kafka.connect.data.Decimal\","
			   "\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"10\",\"x\":\"y\"}}");
	connect_is("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
			   "{\"type\":\"string\",\"optional\":false,\"name\":\"io.debezium.time.ZonedTimestamp\"}");
	connect_is("{\"type\":\"record\",\"name\":\"s.d.t.Key\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}]}",
			   "{\"type\":\"struct\",\"optional\":false,\"name\":\"s.d.t.Key\",\"fields\":[{\"type\":\"int64\",\"optional\":false,\"field\":\"id\"}]}");
	/* an envelope: what its row has, once */
	connect_is("{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"s.d.t\",\"fields\":["
			   "{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Value\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"}],\"connect.name\":\"s.d.t.Value\"}]},"
			   "{\"name\":\"after\",\"type\":[\"null\",\"Value\"]},{\"name\":\"op\",\"type\":\"string\"}],\"connect.name\":\"s.d.t.Envelope\"}",
			   "{\"type\":\"struct\",\"optional\":false,\"name\":\"s.d.t.Envelope\",\"fields\":["
			   "{\"type\":\"struct\",\"optional\":true,\"name\":\"s.d.t.Value\",\"field\":\"after\",\"fields\":[{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"}]}]}");
	/* a record in itself ends where it comes again */
	connect_is("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}",
			   "{\"type\":\"struct\",\"optional\":false,\"name\":\"L\",\"fields\":[{\"type\":\"struct\",\"optional\":true,\"name\":\"L\",\"field\":\"next\"}]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_connect)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
