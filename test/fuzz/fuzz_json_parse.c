/*
 * fuzz_json_parse.c
 *	  Hostile JSON text.  What is accepted, written as text and parsed again
 *	  is the same text; what is refused has a place inside the text and a
 *	  reason; a sink that fails anywhere is obeyed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_parse.h"
#include "core/json_text.h"
#include "require.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef CdcStatus (*Parse) (const uint8_t *text, size_t len, CdcSink *sink, CdcError *err);

/* true: accepted, out has the text. */
static bool
parse(Parse function, const void *text, size_t len, CdcJsonText *out)
{
	CdcError	err;
	CdcStatus	st;
	const char *place;
	size_t		offset;

	err.status = CDC_OK;
	err.message[0] = '\0';
	cdc_json_text_init(out);
	st = function(text, len, &out->sink, &err);
	if (st == CDC_OK)
		return true;
	require(st == CDC_ERR_SYNTAX || st == CDC_ERR_LIMIT);
	require(err.status == st);
	place = strstr(err.message, " at byte ");
	require(place != NULL && sscanf(place, " at byte %zu: ", &offset) == 1 && offset <= len);
	return false;
}

/* A sink that takes so many calls and fails then. */
typedef struct Failing
{
	CdcSink		sink;
	CdcJsonText *text;
	unsigned	left;
} Failing;

static bool
fails(CdcSink *sink)
{
	Failing    *f = (Failing *) sink;

	require(f->left > 0);		/* no call behind the failed one */
	return --f->left == 0;
}

#define FORWARD(name, params, ...) \
static CdcStatus \
failing_##name params \
{ \
	CdcSink    *to = &((Failing *) sink)->text->sink; \
	\
	return fails(sink) ? CDC_ERR_LIMIT : to->ops->name(__VA_ARGS__); \
}

FORWARD(begin_object, (CdcSink *sink), to)
FORWARD(end_object, (CdcSink *sink), to)
FORWARD(begin_array, (CdcSink *sink), to)
FORWARD(end_array, (CdcSink *sink), to)
FORWARD(key, (CdcSink *sink, const char *s, size_t len), to, s, len)
FORWARD(null, (CdcSink *sink), to)
FORWARD(boolean, (CdcSink *sink, bool v), to, v)
FORWARD(int64, (CdcSink *sink, int64_t v), to, v)
FORWARD(uint64, (CdcSink *sink, uint64_t v), to, v)
FORWARD(float4, (CdcSink *sink, float v), to, v)
FORWARD(float8, (CdcSink *sink, double v), to, v)
FORWARD(decimal, (CdcSink *sink, const char *s, size_t len), to, s, len)
FORWARD(string, (CdcSink *sink, const char *s, size_t len), to, s, len)

static const CdcSinkOps failing_ops = {
	.begin_object = failing_begin_object,
	.end_object = failing_end_object,
	.begin_array = failing_begin_array,
	.end_array = failing_end_array,
	.key = failing_key,
	.null = failing_null,
	.boolean = failing_boolean,
	.int64 = failing_int64,
	.uint64 = failing_uint64,
	.float4 = failing_float4,
	.float8 = failing_float8,
	.decimal = failing_decimal,
	.string = failing_string
};

/* text, which a sink wrote, parsed and written again. */
static void
parse_again(Parse function, const CdcJsonText *text, CdcJsonText *again)
{
	require(parse(function, text->buf.data, text->buf.len, again));
}

static void
require_same(const CdcJsonText *a, const CdcJsonText *b)
{
	require(a->buf.len == b->buf.len && memcmp(a->buf.data, b->buf.data, a->buf.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CdcJsonText out;
	CdcJsonText again;
	CdcJsonText third;
	CdcError	err;

	if (parse(cdc_json_parse, data, size, &out))
	{
		parse_again(cdc_json_parse, &out, &again);
		require_same(&out, &again);
		cdc_json_text_free(&again);
	}
	cdc_json_text_free(&out);

	/* a number that is too small for a double is -0 first, then the integer 0 */
	if (parse(cdc_json_parse_printed, data, size, &out))
	{
		parse_again(cdc_json_parse_printed, &out, &again);
		parse_again(cdc_json_parse_printed, &again, &third);
		require_same(&again, &third);
		cdc_json_text_free(&again);
		cdc_json_text_free(&third);
	}
	cdc_json_text_free(&out);

	if (size > 0)
	{
		Failing		failing = {.sink.ops = &failing_ops, .text = &out, .left = 1 + data[size / 2] % 16};

		cdc_json_text_init(&out);
		(void) cdc_json_parse(data, size, &failing.sink, &err);
		cdc_json_text_free(&out);
	}
	return 0;
}
