/*
 * protobuf_decode.c
 *	  Protobuf's bytes to JSON: what an independent encoder wrote (test/data/protobuf),
 *	  each message cut at each byte and with each byte changed, descriptors likewise, and
 *	  what hostile bytes claim.
 */
#include "encoded.h"

#include "core/json_parse.h"
#include "core/json_text.h"
#include "protobuf/internal.h"

typedef struct Bench
{
	char		name[64];		/* of the set of descriptors */
	uint8_t    *set;
	size_t		len;
	CdcArena   *arena;
	CdcArena   *scratch;
	CdcProtobufSchema *schema;
	CdcJsonText out;
	CdcError	err;
} Bench;

static void
begin(Bench *b, const char *name, const char *hex)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->set = malloc(strlen(hex) / 2 + 1);
	b->len = unit_unhex(hex, b->set);
	b->arena = cdc_arena_create(0);
	b->scratch = cdc_arena_create(0);
	cdc_json_text_init(&b->out);
	assert_ok(cdc_protobuf_load(b->arena, (char *) b->set, b->len, &b->schema, &b->err), &b->err);
}

static void
end(Bench *b)
{
	cdc_json_text_free(&b->out);
	cdc_arena_destroy(b->arena);
	cdc_arena_destroy(b->scratch);
	free(b->set);
}

static const CdcProtobufMessage *
type_of(const Bench *b, const char *name)
{
	const CdcProtobufMessage *type = cdc_protobuf_find(b->schema, (CdcString) {name, strlen(name)});

	if (type == NULL)
		fail_msg("there is no %s in %s", name, b->name);
	return type;
}

static CdcStatus
decode(Bench *b, const CdcProtobufMessage *type, const void *bytes, size_t len)
{
	uint8_t    *exact = unit_exact(bytes, len);
	CdcStatus	st;

	cdc_arena_reset(b->scratch);
	cdc_json_text_reset(&b->out);
	st = cdc_protobuf_decode(b->schema, type, b->scratch, exact, len, &b->out.sink, &b->err);
	free(exact);
	unit_assert_told(st, &b->err);
	return st;
}

/* What is decoded of other bytes is JSON, or is refused. */
static void
break_message(Bench *b, const CdcProtobufMessage *type, const uint8_t *bytes, size_t len)
{
	uint8_t    *changed = malloc(len + 1);
	CdcJsonText again;
	CdcError	err;

	memcpy(changed, bytes, len);
	for (size_t n = 0; n < len; n += len > 400 ? 37 : 1)
	{
		(void) decode(b, type, bytes, n);
		for (int bit = 0; bit < 8; bit++)
		{
			changed[n] = (uint8_t) (bytes[n] ^ 1 << bit);
			if (decode(b, type, changed, len) != CDC_OK)
				continue;
			cdc_json_text_init(&again);
			assert_ok(cdc_json_parse((uint8_t *) b->out.buf.data, b->out.buf.len, &again.sink, &err), &err);
			cdc_json_text_free(&again);
		}
		changed[n] = bytes[n];
	}
	free(changed);
}

/* Each line of what was recorded; the bench of the set that it is of. */
static void
each_case(void (*what) (Bench *b, const CdcProtobufMessage *type, const uint8_t *bytes, size_t len,
						const char *expected))
{
	FILE	   *f = fopen(TEST_DATA "/protobuf/cases.tsv", "r");
	static char line[262144];
	static uint8_t bytes[65536];
	Bench		b = {.set = NULL};
	int			n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
	{
		char	   *part[5];
		int			parts = 0;

		line[strcspn(line, "\n")] = '\0';
		for (char *p = line; p != NULL && parts < 5;)
		{
			part[parts++] = p;
			p = strchr(p, '\t');
			if (p != NULL)
				*p++ = '\0';
		}
		if (strcmp(part[0], "set") == 0)
		{
			if (b.set != NULL)
				end(&b);
			begin(&b, part[1], part[2]);
			continue;
		}
		assert_int_equal(parts, 5);
		assert_string_equal(part[1], b.name);
		what(&b, type_of(&b, part[2]), bytes, unit_unhex(part[3], bytes), part[4]);
		n++;
	}
	end(&b);
	fclose(f);
	assert_true(n > 150);
}

static void
check_case(Bench *b, const CdcProtobufMessage *type, const uint8_t *bytes, size_t len,
		   const char *expected)
{
	assert_ok(decode(b, type, bytes, len), &b->err);
	assert_string_equal(unit_text(&b->out.buf), expected);
	break_message(b, type, bytes, len);
}

static void
test_recorded(void **state)
{
	(void) state;
	each_case(check_case);
}

/* ---- descriptors ---- */

/* A set that is cut or changed is refused, or is a schema like any other. */
static void
break_set(Bench *b, const CdcProtobufMessage *type, const uint8_t *bytes, size_t len,
		  const char *expected)
{
	static size_t at;
	uint8_t    *changed = malloc(b->len);
	CdcProtobufSchema *schema;
	CdcArena   *arena = cdc_arena_create(0);
	CdcJsonText out;
	CdcError	err;

	(void) type;
	(void) expected;
	memcpy(changed, b->set, b->len);
	for (int i = 0; i < 40; i++)
	{
		const CdcProtobufMessage *first;

		at = (at * 1103515245 + 12345) % b->len;
		changed[at] ^= (uint8_t) (1 << i % 8);
		cdc_arena_reset(arena);
		if (cdc_protobuf_load(arena, (char *) changed, i % 5 == 0 ? at : b->len, &schema, &err) == CDC_OK)
		{
			first = cdc_protobuf_first(schema);
			cdc_json_text_init(&out);
			cdc_arena_reset(b->scratch);
			(void) cdc_protobuf_decode(schema, first, b->scratch, bytes, len, &out.sink, &err);
			cdc_json_text_reset(&out);
			(void) cdc_protobuf_emit_connect(first, &out.sink);
			cdc_json_text_free(&out);
		}
		else
			assert_true(err.status == CDC_ERR_VALUE || err.status == CDC_ERR_LIMIT);
		if (i % 2 == 0)
			changed[at] = b->set[at];
	}
	cdc_arena_destroy(arena);
	free(changed);
}

static void
test_broken_sets(void **state)
{
	(void) state;
	each_case(break_set);
}

/* ---- which message ---- */

static void
takes(Bench *b, const char *hex, const char *name)
{
	uint8_t		bytes[64];
	size_t		len = unit_unhex(hex, bytes);
	const char *p = (const char *) bytes;
	const CdcProtobufMessage *message;
	CdcStatus	st = cdc_protobuf_take_message(b->schema, &p, &len, &message, &b->err);

	if (name == NULL)
	{
		assert_int_equal(st, CDC_ERR_VALUE);
		assert_non_null(strstr(b->err.message, "does not say which message"));
		return;
	}
	assert_ok(st, &b->err);
	assert_int_equal(message->full_name.len, strlen(name));
	assert_memory_equal(message->full_name.data, name, strlen(name));
	assert_int_equal(len, 1);
	assert_int_equal(*p, 7);
}

static void
check_indexes(Bench *b, const CdcProtobufMessage *type, const uint8_t *bytes, size_t len,
			  const char *expected)
{
	static bool done;

	(void) type;
	(void) bytes;
	(void) len;
	(void) expected;
	if (done)
		return;
	done = true;
	takes(b, "0007", "test.types.All");
	takes(b, "020007", "test.types.All");
	takes(b, "020207", "test.types.Known");
	/* entries of maps are not counted */
	takes(b, "04000007", "test.types.All.Inner");
	takes(b, "0600000007", "test.types.All.Inner.Deep");
	takes(b, "0204", NULL);
	takes(b, "040002", NULL);
	takes(b, "01", NULL);
	takes(b, "0201", NULL);
	takes(b, "fe", NULL);
	takes(b, "feffffff0f00", NULL);
	takes(b, "0602", NULL);
	takes(b, "", NULL);
}

static void
test_indexes(void **state)
{
	(void) state;
	each_case(check_indexes);
}

/* ---- hostile messages ---- */

static void
refused(Bench *b, const char *type, const char *hex, CdcStatus status, const char *detail)
{
	uint8_t		bytes[256];

	if (decode(b, type_of(b, type), bytes, unit_unhex(hex, bytes)) != status)
		fail_msg("%s is not refused as it should be: %s", hex, b->err.message);
	if (strstr(b->err.detail, detail) == NULL)
		fail_msg("\"%s\" is not in \"%s\", \"%s\"", detail, b->err.message, b->err.detail);
}

/* Bytes that are n times the same, inside of each other with a field's tag. */
static uint8_t *
nest(uint32_t tag, int levels, size_t *len)
{
	uint8_t    *bytes = malloc((size_t) levels * 10);
	size_t		at = (size_t) levels * 10;
	size_t		end = at;

	for (int i = 0; i < levels; i++)
	{
		uint8_t		head[10];
		size_t		n = 0;
		uint32_t	number = tag;
		size_t		inside = end - at;

		for (; number >= 0x80; number >>= 7)
			head[n++] = (uint8_t) (number | 0x80);
		head[n++] = (uint8_t) number;
		for (; inside >= 0x80; inside >>= 7)
			head[n++] = (uint8_t) (inside | 0x80);
		head[n++] = (uint8_t) inside;
		at -= n;
		memcpy(bytes + at, head, n);
	}
	*len = end - at;
	memmove(bytes, bytes + at, *len);
	return bytes;
}

static void
check_hostile(Bench *b, const CdcProtobufMessage *type, const uint8_t *bytes, size_t size,
			  const char *expected)
{
	static bool done;
	uint8_t    *deep;
	uint8_t    *many;
	size_t		len;

	(void) type;
	(void) bytes;
	(void) size;
	(void) expected;
	if (strcmp(b->name, "old.proto") == 0)
	{
		refused(b, "test.old.Old", "1001", CDC_ERR_VALUE, "field id: it is required, and not there");
		return;
	}
	if (done)
		return;
	done = true;
	refused(b, "test.types.All", "28ffffffffffffffffff7f", CDC_ERR_VALUE, "more than 64 bits");
	refused(b, "test.types.All", "28", CDC_ERR_VALUE, "goes beyond its end");
	refused(b, "test.types.All", "4a05", CDC_ERR_VALUE, "goes beyond its end");
	refused(b, "test.types.All", "4affffffffffffffffff01", CDC_ERR_VALUE, "goes beyond its end");
	refused(b, "test.types.All", "0000", CDC_ERR_VALUE, "a number that none can have");
	refused(b, "test.types.All", "2e", CDC_ERR_VALUE, "a kind that does not exist");
	refused(b, "test.types.All", "2d00000000", CDC_ERR_VALUE, "field v_int32: it is encoded in another way");
	refused(b, "test.types.All", "5c", CDC_ERR_VALUE, "a group ends that did not begin");
	refused(b, "test.types.All", "5b", CDC_ERR_VALUE, "a group has no end");
	refused(b, "test.types.All", "5b6c", CDC_ERR_VALUE, "the end of another one");
	refused(b, "test.types.All", "e203020801" "e203021d00", CDC_ERR_VALUE, "At byte");
	refused(b, "test.types.All", "9a020500000000" "00", CDC_ERR_VALUE, "field r_fixed32");
	/* All.again in itself: a hundred levels, and one more */
	deep = nest(62 << 3 | 2, 99, &len);
	assert_ok(decode(b, type_of(b, "test.types.All"), deep, len), &b->err);
	free(deep);
	deep = nest(62 << 3 | 2, 100, &len);
	assert_int_equal(decode(b, type_of(b, "test.types.All"), deep, len), CDC_ERR_LIMIT);
	assert_non_null(strstr(b->err.detail, "more than 100 levels"));
	free(deep);
	/* groups inside of each other, which nobody knows */
	many = malloc(200000);
	memset(many, 0x5b, 200000);
	assert_int_equal(decode(b, type_of(b, "test.types.All"), many, 200000), CDC_ERR_VALUE);
	assert_non_null(strstr(b->err.detail, "groups of more than 100 levels"));
	/* an empty message of three bytes has three members */
	for (len = 0; len + 3 <= 199998; len += 3)
		memcpy(many + len, "\xea\x03\x00", 3);
	assert_ok(decode(b, type_of(b, "test.types.All"), many, 199998), &b->err);
	free(many);
}

static void
test_hostile(void **state)
{
	(void) state;
	each_case(check_hostile);
}

/* A schema whose names are long makes much of few bytes. */
static void
test_long_names(void **state)
{
	CdcBuf		set = {0};
	CdcBuf		message = {0};
	CdcBuf		file = {0};
	CdcBuf		field = {0};
	CdcArena   *arena = cdc_arena_create(0);
	CdcArena   *scratch = cdc_arena_create(0);
	CdcProtobufSchema *schema;
	CdcJsonText out;
	CdcError	err;
	static char name[16000];
	static char bytes[600000];

	(void) state;
	memset(name, 'n', sizeof(name));
	/* message M { repeated M m = 1; int32 nnn... = 2; } */
	assert_true(cdc_buf_append(&message, "\x0a\x01M" "\x12\x0d" "\x0a\x01m\x18\x01\x20\x03\x28\x0b\x32\x02.M", 18));
	assert_true(cdc_buf_append(&field, "\x0a\x80\x7d", 3) && cdc_buf_append(&field, name, 16000) &&
				cdc_buf_append(&field, "\x18\x02\x20\x01\x28\x05", 6));
	assert_true(cdc_buf_append(&message, "\x12\x89\x7d", 3) && cdc_buf_append(&message, field.data, field.len));
	assert_true(cdc_buf_printf(&file, "%c%c%c", 0x22, (int) (message.len & 0x7f) | 0x80, (int) (message.len >> 7)) &&
				cdc_buf_append(&file, message.data, message.len));
	assert_true(cdc_buf_printf(&set, "%c%c%c", 0x0a, (int) (file.len & 0x7f) | 0x80, (int) (file.len >> 7)) &&
				cdc_buf_append(&set, file.data, file.len));
	assert_ok(cdc_protobuf_load(arena, set.data, set.len, &schema, &err), &err);
	for (size_t i = 0; i < sizeof(bytes); i += 2)
		memcpy(bytes + i, "\x0a\x00", 2);
	cdc_json_text_init(&out);
	assert_int_equal(cdc_protobuf_decode(schema, cdc_protobuf_first(schema), scratch, (uint8_t *) bytes,
										 sizeof(bytes), &out.sink, &err), CDC_ERR_LIMIT);
	assert_non_null(strstr(err.detail, "its schema makes more than 64 MB of it"));
	assert_true(out.buf.len < (size_t) 128 * 1024 * 1024);
	cdc_json_text_free(&out);
	cdc_buf_free(&set);
	cdc_buf_free(&message);
	cdc_buf_free(&file);
	cdc_buf_free(&field);
	cdc_arena_destroy(arena);
	cdc_arena_destroy(scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_broken_sets),
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
